//! A linear layer: blocks of a product, and what happens to each before it is written.

use super::norm::{NormTo, norm_row};
use super::packed::{LowKind, PackedLow};
use super::product::{Block, MOST_PANELS, MOST_ROWS, PANEL, Product};
use crate::kernel::aligned::Aligned;
use crate::kernel::bf16::Bf16;
use crate::kernel::generic::gelu;
use crate::kernel::lanes::Lanes;
use crate::kernel::sheet::{Activation, SLACK, Sheet};

/// Bytes of weights that are worked through before the rows are gone over again: half of a
/// second-level cache.
const CHUNK: usize = 1 << 20;

/// Where the results go.
#[derive(Debug)]
pub(crate) enum Then<'a, T: Activation> {
    /// Write them.
    Store(&'a mut Sheet<T>),
    /// Apply GELU, then write them.
    Gelu(&'a mut Sheet<T>),
    /// Add them to what is there (a residual connection), then perhaps normalise the row.
    Add(&'a mut Sheet<f32>, Option<NormTo<'a, T>>),
}

/// One product, `a` times the layer.
#[derive(Debug)]
pub(crate) struct LowGemm<'a> {
    pub a: &'a Sheet<Bf16>,
    pub b: &'a PackedLow,
    pub then: Then<'a, Bf16>,
    /// Room for the rows as bytes.
    pub bytes: &'a mut Aligned<u8>,
}

impl LowGemm<'_> {
    /// Panics unless every read and write of a kernel lies inside the sheets.
    fn check(&self) {
        let (rows, n) = (self.a.rows(), self.b.n);
        assert_eq!(self.a.width(), self.b.k, "inputs");
        let (out_rows, width) = match &self.then {
            Then::Store(out) | Then::Gelu(out) => (out.rows(), out.width()),
            Then::Add(out, norm) => {
                if let Some(norm) = norm {
                    norm.check(out);
                }
                (out.rows(), out.width())
            }
        };
        assert_eq!((out_rows, width), (rows, n), "outputs");
    }
}

#[repr(C, align(64))]
struct Sums([u32; MOST_ROWS * MOST_PANELS * PANEL]);

/// # Safety
/// The processor has the instruction set of `P`.
#[inline(always)]
pub(super) unsafe fn run<P: Product>(call: &mut LowGemm<'_>) {
    const { assert!(P::ROWS <= MOST_ROWS && P::ROWS <= SLACK && P::PANELS <= MOST_PANELS) };
    call.check();
    let b = call.b;
    let panels = b.n.div_ceil(PANEL);
    let panel_bytes = b.depth * PANEL;
    let chunk = (CHUNK / panel_bytes.max(1))
        .max(1)
        .next_multiple_of(P::PANELS);
    let bytes = match b.kind {
        LowKind::Bf16 => &mut [][..],
        LowKind::Int8 => call.bytes.at_least(MOST_ROWS * b.depth),
    };
    let mut sums = Sums([0; MOST_ROWS * MOST_PANELS * PANEL]);
    let mut scales = [0.0f32; MOST_ROWS];
    // SAFETY: the set is the caller's promise. `check` has the sheets' shapes fit the layer's;
    // sheets have `SLACK` rows behind the last, rows padded like the layer's inner dimension, and
    // whole registers up to the stride; the layer's vectors have a number for every column of
    // every panel.
    unsafe {
        P::open();
        for first in (0..panels).step_by(chunk) {
            let last = panels.min(first + chunk);
            for row in (0..call.a.rows()).step_by(P::ROWS) {
                let rows = P::ROWS.min(call.a.rows() - row);
                let (a, lda) = match b.kind {
                    LowKind::Bf16 => (
                        call.a.data()[row * call.a.stride()..].as_ptr().cast(),
                        2 * call.a.stride(),
                    ),
                    LowKind::Int8 => {
                        for i in 0..rows {
                            let to = &mut bytes[i * b.depth..][..b.depth];
                            scales[i] = quantize::<P::Wide>(call.a.row(row + i), to);
                        }
                        (bytes.as_ptr(), b.depth)
                    }
                };
                for panel in (first..last).step_by(P::PANELS) {
                    let block = Block {
                        a,
                        lda,
                        rows,
                        b: b.data.as_ptr().add(panel * panel_bytes),
                        panels: P::PANELS.min(last - panel),
                        panel_bytes,
                        depth: b.depth,
                        sums: sums.0.as_mut_ptr(),
                        ld: MOST_PANELS * PANEL,
                    };
                    match b.kind {
                        LowKind::Bf16 => P::bf16(block),
                        LowKind::Int8 => P::int8(block),
                    }
                    finish::<P>(b, &block, &scales, row, panel * PANEL, &mut call.then);
                }
                if last == panels
                    && let Then::Add(hidden, Some(norm)) = &mut call.then
                {
                    for i in row..row + rows {
                        norm_row::<P::Wide>(norm, hidden.row_mut(i), i);
                    }
                }
            }
        }
        P::close();
    }
}

/// Turns a block's sums into results and puts them where they belong.
///
/// # Safety
/// As in `run`: the block is of the layer `b`, and its results begin at `(row, column)`.
#[inline(always)]
unsafe fn finish<P: Product>(
    b: &PackedLow,
    block: &Block,
    scales: &[f32; MOST_ROWS],
    row: usize,
    column: usize,
    then: &mut Then<'_, Bf16>,
) {
    // SAFETY: the caller's promise; every read and write is of a register inside a panel.
    unsafe {
        match b.kind {
            LowKind::Bf16 => put::<P::Wide>(block, row, column, then, |i, j| {
                let sum = P::Wide::load(block.sums.add(i * block.ld + j).cast());
                sum.add(P::Wide::load(b.bias.as_ptr().add(column + j)))
            }),
            LowKind::Int8 => put::<P::Wide>(block, row, column, then, |i, j| {
                let sum = P::Wide::load_difference(
                    block.sums.add(i * block.ld + j).cast(),
                    b.offsets.as_ptr().add(column + j),
                );
                let scale = P::Wide::load(b.scales.as_ptr().add(column + j));
                sum.mul(P::Wide::splat(scales[i]))
                    .mul_add(scale, P::Wide::load(b.bias.as_ptr().add(column + j)))
            }),
        }
    }
}

/// # Safety
/// As in `finish`; `result(i, j)` is the register at row `i` and column `j` of the block.
#[inline(always)]
unsafe fn put<V: Lanes>(
    block: &Block,
    row: usize,
    column: usize,
    then: &mut Then<'_, Bf16>,
    result: impl Fn(usize, usize) -> V,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let columns = block.panels * PANEL;
        match then {
            Then::Store(out) => {
                let stride = out.stride();
                let to = out.data_mut()[row * stride + column..].as_mut_ptr();
                for i in 0..block.rows {
                    for j in (0..columns).step_by(V::N) {
                        result(i, j).store_bf16(to.add(i * stride + j));
                    }
                }
            }
            Then::Gelu(out) => {
                let stride = out.stride();
                let to = out.data_mut()[row * stride + column..].as_mut_ptr();
                for i in 0..block.rows {
                    for j in (0..columns).step_by(V::N) {
                        gelu(result(i, j)).store_bf16(to.add(i * stride + j));
                    }
                }
            }
            Then::Add(out, _) => {
                let stride = out.stride();
                let to = out.data_mut()[row * stride + column..].as_mut_ptr();
                for i in 0..block.rows {
                    for j in (0..columns).step_by(V::N) {
                        let to = to.add(i * stride + j);
                        result(i, j).add(V::load(to)).store(to);
                    }
                }
            }
        }
    }
}

/// Writes a row as bytes, 128 more than they mean, and answers what one of them is worth.
///
/// The largest of the row in size becomes 127 (symmetric, a scale for each token).
///
/// # Safety
/// The processor has the instruction set of `V`; `to` is at least as long as the row's padding.
#[inline(always)]
unsafe fn quantize<V: Lanes>(row: &[Bf16], to: &mut [u8]) -> f32 {
    let padded = row.len().next_multiple_of(PANEL);
    assert!(to.len() >= padded);
    // SAFETY: a sheet's rows are padded with zeros to whole registers, and `to` is long enough.
    unsafe {
        let zero = V::splat(0.0);
        let mut top = zero;
        for i in (0..padded).step_by(V::N) {
            let x = V::load_bf16(row.as_ptr().add(i));
            top = top.max(x.max(zero.sub(x)));
        }
        let largest = top.largest();
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let (inverse, middle) = (V::splat(inverse), V::splat(128.0));
        for i in (0..padded).step_by(V::N) {
            let x = V::load_bf16(row.as_ptr().add(i));
            x.mul_add(inverse, middle).store_u8(to.as_mut_ptr().add(i));
        }
        largest / 127.0
    }
}
