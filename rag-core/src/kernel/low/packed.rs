//! A linear layer's weights in low precision.

use super::super::aligned::Aligned;
use super::super::bf16::Bf16;
use super::super::sheet::Sheet;
use super::super::{Kernels, active};
use super::gemm::{LowGemm, Then};
use super::product::{DEPTH, GROUP, PANEL};
use crate::error::{Error, Result};

/// How weights are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LowKind {
    /// Brain floats, products summed in f32.
    Bf16,
    /// Bytes with a scale for each output; the other side becomes bytes with a scale for each
    /// row, sums are exact.
    Int8,
}

impl LowKind {
    fn bytes(self) -> usize {
        match self {
            Self::Bf16 => 2,
            Self::Int8 => 1,
        }
    }
}

/// A linear layer packed in low precision: `n` outputs of `k` inputs each, and a bias.
///
/// ```
/// use rag_core::kernel::{Bf16, LowKind, PackedLow, Sheet};
/// // Two inputs, three outputs, weights as PyTorch keeps them: 3 by 2.
/// let weights = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0];
/// let layer = PackedLow::new(LowKind::Int8, &weights, &[0.5, 0.5, 0.5], 2).unwrap();
/// let mut out = Sheet::default();
/// layer.multiply(&Sheet::from_rows(&[5.0, 7.0], 2), &mut out).unwrap();
/// let got: Vec<f32> = out.row(0).iter().map(|x| Bf16::to_f32(*x)).collect();
/// assert!((got[2] - 12.5).abs() < 0.1);
/// ```
#[derive(Clone, Debug)]
pub struct PackedLow {
    pub(super) data: Aligned<u8>,
    pub(super) k: usize,
    pub(super) n: usize,
    /// Bytes of an output's weights, padding included.
    pub(super) depth: usize,
    pub(super) kind: LowKind,
    /// For every column of every panel.
    pub(super) bias: Aligned<f32>,
    pub(super) scales: Aligned<f32>,
    /// The sums of the bytes of each output's weights.
    pub(super) sums: Aligned<f32>,
    /// What inputs are multiplied by before they become bytes; empty for nothing.
    pub(super) divided: Aligned<f32>,
    pub(super) row: &'static Kernels,
}

impl PackedLow {
    /// Packs for the kernels in use: `weights` is a row of `k` numbers for each output, `bias` a
    /// number for each.
    pub fn new(kind: LowKind, weights: &[f32], bias: &[f32], k: usize) -> Result<Self> {
        Self::with(active(), kind, weights, bias, k, None)
    }

    /// [`PackedLow::new`] for a row of kernels of one's choice.
    ///
    /// `sizes` says how large each of the `k` inputs usually is. Bytes then share the difficulty
    /// between the two sides: an input that is much larger than the others would take the scale
    /// of the whole row, so it is divided by the root of its size over that of its weights, and
    /// the weights are multiplied (SmoothQuant, Xiao and others, 2023).
    pub fn with(
        row: &'static Kernels,
        kind: LowKind,
        weights: &[f32],
        bias: &[f32],
        k: usize,
        sizes: Option<&[f32]>,
    ) -> Result<Self> {
        let n = bias.len();
        if k.checked_mul(n) != Some(weights.len()) {
            return Err(Error::invalid(format!(
                "{n} outputs of {k} inputs were announced, {} weights given",
                weights.len()
            )));
        }
        if let Some(sizes) = sizes
            && sizes.len() != k
        {
            return Err(Error::dimension("sizes of inputs", k, sizes.len()));
        }
        let panels = n.div_ceil(PANEL);
        let depth = (k * kind.bytes()).next_multiple_of(DEPTH);
        let mut packed = Self {
            data: Aligned::zeros(panels * depth * PANEL),
            k,
            n,
            depth,
            kind,
            bias: Aligned::zeros(panels * PANEL),
            scales: Aligned::zeros(panels * PANEL),
            sums: Aligned::zeros(panels * PANEL),
            divided: Aligned::default(),
            row,
        };
        let mut factors = Vec::new();
        if let (LowKind::Int8, Some(sizes)) = (kind, sizes) {
            factors = shares(weights, sizes);
            packed.divided = Aligned::zeros(k.next_multiple_of(PANEL));
            for (to, factor) in packed.divided.iter_mut().zip(&factors) {
                *to = 1.0 / factor;
            }
        }
        packed.bias[..n].copy_from_slice(bias);
        let mut row = vec![0.0; factors.len()];
        let stride = depth + APART;
        let mut rows = vec![0; stride * PANEL];
        for (panel, weights) in weights.chunks((k * PANEL).max(1)).enumerate() {
            if weights.len() < k * PANEL {
                rows.fill(0);
            }
            for (j, weights) in weights.chunks_exact(k.max(1)).enumerate() {
                let bytes = &mut rows[j * stride..][..k * kind.bytes()];
                let mut weights = weights;
                if !factors.is_empty() {
                    for (to, (w, f)) in row.iter_mut().zip(weights.iter().zip(&factors)) {
                        *to = w * f;
                    }
                    weights = &row;
                }
                match kind {
                    LowKind::Bf16 => put_bf16(weights, bytes),
                    LowKind::Int8 => {
                        let j = panel * PANEL + j;
                        (packed.scales[j], packed.sums[j]) = put_int8(weights, bytes);
                    }
                }
            }
            let to = &mut packed.data[panel * depth * PANEL..][..depth * PANEL];
            interleave(&rows, stride, to);
        }
        Ok(packed)
    }

    /// Inputs of the layer.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Outputs of the layer.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Runs a call of this layer.
    pub(crate) fn apply(&self, mut call: LowGemm<'_>) {
        (self.row.low.gemm)(&mut call);
    }

    /// Applies the layer to every row of `a`; `out` takes the shape of the result.
    pub fn multiply(&self, a: &Sheet<Bf16>, out: &mut Sheet<Bf16>) -> Result<()> {
        if a.width() != self.k {
            return Err(Error::dimension("a row", self.k, a.width()));
        }
        out.shape(a.rows(), self.n);
        self.apply(LowGemm {
            a,
            b: self,
            then: Then::Store(out),
            bytes: &mut Aligned::default(),
        });
        Ok(())
    }
}

/// Bytes between the rows of a panel that is being packed: without them, rows of a power of two
/// would share the places of a cache.
const APART: usize = 64;

/// Puts a panel's rows of bytes where they belong: a group of each row to a line.
fn interleave(rows: &[u8], stride: usize, to: &mut [u8]) {
    let depth = to.len() / PANEL;
    let from: [&[[u8; GROUP]]; PANEL] =
        std::array::from_fn(|j| rows[j * stride..][..depth].as_chunks::<GROUP>().0);
    let lines = to.as_chunks_mut::<{ PANEL * GROUP }>().0;
    for (group, line) in lines.iter_mut().enumerate() {
        for (to, from) in line.as_chunks_mut::<GROUP>().0.iter_mut().zip(from) {
            *to = from[group];
        }
    }
}

fn put_bf16(weights: &[f32], bytes: &mut [u8]) {
    for (to, w) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(weights) {
        *to = Bf16::from_f32(*w).0.to_le_bytes();
    }
}

/// The scale of an output and the sum of its bytes.
fn put_int8(weights: &[f32], bytes: &mut [u8]) -> (f32, f32) {
    // A maximum for each place in a register, and at the end the one of these.
    let mut tops = [0.0f32; 16];
    let (registers, rest) = weights.as_chunks::<16>();
    for weights in registers {
        raise(&mut tops, weights);
    }
    raise(&mut tops, rest);
    let largest = tops.iter().fold(0.0f32, |top, x| top.max(*x));
    let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
    // Added to this, a number's last byte is the nearest whole number, ties to even.
    const ROUND: f32 = 12_582_912.0;
    for (to, w) in bytes.iter_mut().zip(weights) {
        *to = (w * inverse + ROUND).to_bits() as u8;
    }
    let sum = bytes.iter().map(|b| i32::from(*b as i8)).sum::<i32>();
    (largest / 127.0, sum as f32)
}

/// Takes the sizes of these numbers where they are larger.
#[inline]
fn raise(tops: &mut [f32], weights: &[f32]) {
    for (top, w) in tops.iter_mut().zip(weights) {
        // One instruction, which `max` is not; not-a-number is left out by both.
        *top = if w.abs() > *top { w.abs() } else { *top };
    }
}

/// What each input's weights are multiplied by: `sqrt(size / largest weight)`, 1 where either is 0.
fn shares(weights: &[f32], sizes: &[f32]) -> Vec<f32> {
    let mut largest = vec![0.0f32; sizes.len()];
    for row in weights.chunks_exact(sizes.len().max(1)) {
        raise(&mut largest, row);
    }
    let share = |(size, top): (&f32, &f32)| match (size / top).sqrt() {
        share if share.is_normal() => share,
        _ => 1.0,
    };
    sizes.iter().zip(&largest).map(share).collect()
}

#[cfg(test)]
mod packing {
    use super::*;

    /// Byte `i` of output `j`, looked up as the layout is described.
    fn byte(packed: &PackedLow, j: usize, i: usize) -> u8 {
        let line = j / PANEL * packed.depth / GROUP + i / GROUP;
        packed.data[line * PANEL * GROUP + j % PANEL * GROUP + i % GROUP]
    }

    #[test]
    fn every_byte_is_where_the_layout_says_and_the_rest_is_zero() {
        let mut rng = crate::Rng::new(11);
        for (k, n) in [(1, 1), (3, 17), (64, 16), (70, 33), (257, 5), (32, 48)] {
            let weights: Vec<f32> = (0..k * n).map(|_| rng.normal() as f32).collect();
            let sizes: Vec<f32> = (0..k).map(|_| rng.uniform() as f32 + 0.1).collect();
            let bias = vec![0.5; n];
            for (kind, sizes) in [
                (LowKind::Bf16, None),
                (LowKind::Int8, None),
                (LowKind::Int8, Some(&sizes[..])),
            ] {
                let packed = PackedLow::with(active(), kind, &weights, &bias, k, sizes).unwrap();
                for j in 0..n.next_multiple_of(PANEL) {
                    let own = if j < n { &weights[j * k..][..k] } else { &[] };
                    let scaled: Vec<f32> = (own.iter().enumerate())
                        .map(|(i, w)| packed.divided.get(i).map_or(*w, |d| w / d))
                        .collect();
                    let want: Vec<u8> = match kind {
                        LowKind::Bf16 => (own.iter())
                            .flat_map(|w| Bf16::from_f32(*w).0.to_le_bytes())
                            .collect(),
                        LowKind::Int8 => (scaled.iter())
                            .map(|w| (w / packed.scales[j]).round() as i8 as u8)
                            .collect(),
                    };
                    for i in 0..packed.depth {
                        let got = byte(&packed, j, i);
                        let want = want.get(i).copied().unwrap_or(0);
                        // A quotient close to a half may go either way here.
                        let slack = u8::from(kind == LowKind::Int8 && i < k);
                        let apart = (got as i8).abs_diff(want as i8);
                        assert!(apart <= slack, "{k} {n} {kind:?} {j} {i}: {got} {want}");
                    }
                    if kind == LowKind::Int8 && j < n {
                        let bytes = (0..k).map(|i| byte(&packed, j, i) as i8);
                        let largest = bytes.clone().map(i8::unsigned_abs).max();
                        assert_eq!(largest, Some(127), "{k} {n} {j}");
                        let sum = bytes.map(f32::from).sum::<f32>();
                        assert_eq!(packed.sums[j], sum, "{k} {n} {j}");
                    }
                }
            }
        }
    }
}
