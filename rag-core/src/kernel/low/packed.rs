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
    /// What 128 too many in every input adds to a sum.
    pub(super) offsets: Vec<i32>,
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
            offsets: vec![0; panels * PANEL],
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
        let mut row = Vec::new();
        packed.bias[..n].copy_from_slice(bias);
        let mut bytes = Vec::new();
        for (j, weights) in weights.chunks_exact(k.max(1)).enumerate() {
            match kind {
                LowKind::Bf16 => packed.put_bf16(j, weights, &mut bytes),
                LowKind::Int8 if factors.is_empty() => packed.put_int8(j, weights, &mut bytes),
                LowKind::Int8 => {
                    row.clear();
                    row.extend(weights.iter().zip(&factors).map(|(w, f)| w * f));
                    packed.put_int8(j, &row, &mut bytes);
                }
            }
        }
        Ok(packed)
    }

    /// Puts output `j`'s bytes where they belong: a group to a line.
    fn put(&mut self, j: usize, bytes: &[u8]) {
        let first = j / PANEL * self.depth * PANEL + j % PANEL * GROUP;
        let lines = self.data[first..].chunks_mut(PANEL * GROUP);
        for (group, line) in bytes.chunks(GROUP).zip(lines) {
            line[..group.len()].copy_from_slice(group);
        }
    }

    fn put_bf16(&mut self, j: usize, weights: &[f32], bytes: &mut Vec<u8>) {
        bytes.clear();
        bytes.extend((weights.iter()).flat_map(|w| Bf16::from_f32(*w).0.to_le_bytes()));
        self.put(j, bytes);
    }

    fn put_int8(&mut self, j: usize, weights: &[f32], bytes: &mut Vec<u8>) {
        let largest = weights.iter().fold(0.0f32, |top, w| top.max(w.abs()));
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        self.scales[j] = largest / 127.0;
        bytes.clear();
        // Added to this, a number's last byte is the nearest whole number, ties to even.
        const ROUND: f32 = 12_582_912.0;
        bytes.extend((weights.iter()).map(|w| (w * inverse + ROUND).to_bits() as u8));
        if !self.row.low.signed {
            self.offsets[j] = 128 * bytes.iter().map(|b| i32::from(*b as i8)).sum::<i32>();
        }
        self.put(j, bytes);
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

/// What each input's weights are multiplied by: `sqrt(size / largest weight)`, 1 where either is 0.
fn shares(weights: &[f32], sizes: &[f32]) -> Vec<f32> {
    let mut largest = vec![0.0f32; sizes.len()];
    for row in weights.chunks_exact(sizes.len().max(1)) {
        for (top, w) in largest.iter_mut().zip(row) {
            *top = top.max(w.abs());
        }
    }
    let share = |(size, top): (&f32, &f32)| match (size / top).sqrt() {
        share if share.is_normal() => share,
        _ => 1.0,
    };
    sizes.iter().zip(&largest).map(share).collect()
}
