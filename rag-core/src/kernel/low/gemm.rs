//! A linear layer: blocks of a product, and what happens to each before it is written.

use super::norm::{NormTo, norm_row};
use super::packed::{LowKind, PackedLow};
use super::product::{Block, MOST_PANELS, MOST_ROWS, PANEL, Product};
use crate::kernel::aligned::Aligned;
use crate::kernel::bf16::Bf16;
use crate::kernel::lanes::Lanes;
use crate::kernel::nonlinearity::Nonlinearity;
use crate::kernel::sheet::{Activation, SLACK, Sheet};

/// Bytes of weights that are worked through before the rows are gone over again: half of a
/// second-level cache.
const CHUNK: usize = 1 << 20;

/// Where the results go.
#[derive(Debug)]
pub(crate) enum Then<'a, T: Activation> {
    /// Write them.
    Store(&'a mut Sheet<T>),
    /// Apply the function, then write them.
    Apply(&'a mut Sheet<T>, Nonlinearity),
    /// Apply the function, then multiply what is there by them (a gate).
    Gate(&'a mut Sheet<T>, Nonlinearity),
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
            Then::Store(out) | Then::Apply(out, _) | Then::Gate(out, _) => {
                (out.rows(), out.width())
            }
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

const BLOCK: usize = MOST_ROWS * MOST_PANELS * PANEL;

#[repr(C, align(64))]
struct Sums([u32; BLOCK]);

/// # Safety
/// The processor has the instruction set of `P`.
#[inline(always)]
pub(super) unsafe fn run<P: Product>(call: &mut LowGemm<'_>) {
    const {
        assert!(P::ROWS <= MOST_ROWS && P::ROWS <= SLACK);
        assert!(P::PANELS <= MOST_PANELS && P::FLAT_PANELS <= MOST_PANELS);
    }
    call.check();
    let LowGemm { a, b, then, bytes } = call;
    // SAFETY: the set is the caller's promise, and `check` has the sheets' shapes fit the layer.
    unsafe {
        P::open();
        match then {
            Then::Store(out) => walk::<P>(a, b, bytes, &Store(Out::new(out))),
            Then::Apply(out, Nonlinearity::Gelu) => {
                walk::<P>(a, b, bytes, &Gelu(Out::new(out)));
            }
            Then::Apply(out, f) => walk::<P>(a, b, bytes, &Apply(Out::new(out), *f)),
            Then::Gate(out, f) => walk::<P>(a, b, bytes, &Gate(Out::new(out), *f)),
            Then::Add(hidden, norm) => {
                walk::<P>(a, b, bytes, &Add(Out::new(hidden)));
                if let Some(norm) = norm {
                    for i in 0..hidden.rows() {
                        norm_row::<P::Wide>(norm, hidden.row_mut(i), i);
                    }
                }
            }
        }
        P::close();
    }
}

/// What becomes of results.
trait Put {
    /// Takes the register of results at a row and from a column on.
    ///
    /// # Safety
    /// The processor has the instruction set of `V`, the place is in the sheet or in the padding
    /// of a row.
    unsafe fn put<V: Lanes>(&self, row: usize, column: usize, x: V);
}

struct Store(Out<Bf16>);

impl Put for Store {
    #[inline(always)]
    unsafe fn put<V: Lanes>(&self, row: usize, column: usize, x: V) {
        // SAFETY: the caller's promise.
        unsafe { x.store_bf16(self.0.at(row, column)) }
    }
}

struct Gelu(Out<Bf16>);

impl Put for Gelu {
    #[inline(always)]
    unsafe fn put<V: Lanes>(&self, row: usize, column: usize, x: V) {
        // SAFETY: the caller's promise.
        unsafe { gelu(x).store_bf16(self.0.at(row, column)) }
    }
}

/// The rarer functions, chosen anew for each register.
struct Apply(Out<Bf16>, Nonlinearity);

impl Put for Apply {
    #[inline(always)]
    unsafe fn put<V: Lanes>(&self, row: usize, column: usize, x: V) {
        // SAFETY: the caller's promise.
        unsafe { self.1.of(x).store_bf16(self.0.at(row, column)) }
    }
}

struct Gate(Out<Bf16>, Nonlinearity);

impl Put for Gate {
    #[inline(always)]
    unsafe fn put<V: Lanes>(&self, row: usize, column: usize, x: V) {
        // SAFETY: the caller's promise.
        unsafe {
            let at = self.0.at(row, column);
            self.1.of(x).mul(V::load_bf16(at)).store_bf16(at);
        }
    }
}

struct Add(Out<f32>);

impl Put for Add {
    #[inline(always)]
    unsafe fn put<V: Lanes>(&self, row: usize, column: usize, x: V) {
        // SAFETY: the caller's promise.
        unsafe {
            let at = self.0.at(row, column);
            x.add(V::load(at)).store(at);
        }
    }
}

/// (erf(x / sqrt 2) / 2) / x as a polynomial in x^2, for |x| up to 4: minimax in the error of GELU
/// (7e-6 there, 1.3e-4 at the edges and beyond), by reweighted least squares (Lawson, 1961).
const GELU: [f32; 9] = [
    0.398_881_02,
    -0.066_323_63,
    0.009_815_802,
    -0.001_112_856_3,
    9.494_029e-5,
    -5.860_604_7e-6,
    2.440_848_2e-7,
    -6.066_917e-9,
    6.740_41e-11,
];
const GELU_EDGE: f32 = 4.0;

/// GELU (Hendrycks and Gimpel, 2016) as exact as a brain float needs it.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
unsafe fn gelu<V: Lanes>(x: V) -> V {
    // SAFETY: arithmetic only; the set is the caller's promise.
    unsafe {
        let x_above = x.max(V::splat(-GELU_EDGE));
        let z = x_above.min(V::splat(GELU_EDGE));
        let square = z.mul(z);
        let mut p = V::splat(GELU[8]);
        for c in GELU[..8].iter().rev() {
            p = p.mul_add(square, V::splat(*c));
        }
        x_above.mul(z.mul_add(p, V::splat(0.5)))
    }
}

/// Where results are written.
struct Out<T> {
    start: *mut T,
    stride: usize,
}

impl<T: Activation> Out<T> {
    fn new(sheet: &mut Sheet<T>) -> Self {
        Self {
            stride: sheet.stride(),
            start: sheet.data_mut().as_mut_ptr(),
        }
    }

    /// # Safety
    /// The place is in the sheet, or in the padding of a row.
    #[inline(always)]
    unsafe fn at(&self, row: usize, column: usize) -> *mut T {
        // SAFETY: the caller's promise.
        unsafe { self.start.add(row * self.stride + column) }
    }
}

/// Computes all blocks.
///
/// # Safety
/// The processor has the instruction set of `P`, which is open; `a` fits `b`.
#[inline(always)]
unsafe fn walk<P: Product>(
    a: &Sheet<Bf16>,
    b: &PackedLow,
    bytes: &mut Aligned<u8>,
    put: &impl Put,
) {
    let panels = b.n.div_ceil(PANEL);
    let panel_bytes = b.depth * PANEL;
    let chunk = (CHUNK / panel_bytes.max(1)).max(1);
    let chunk = chunk.next_multiple_of(P::PANELS.max(P::FLAT_PANELS));
    let mut sums = Sums([0; BLOCK]);
    let bytes = match b.kind {
        LowKind::Bf16 => &mut [][..],
        LowKind::Int8 => bytes.at_least(MOST_ROWS * b.depth),
    };
    let mut codes = [Code::default(); MOST_ROWS];
    for first in (0..panels).step_by(chunk) {
        let last = panels.min(first + chunk);
        for row in (0..a.rows()).step_by(P::ROWS) {
            let rows = P::ROWS.min(a.rows() - row);
            let wide = if rows > 16 { P::PANELS } else { P::FLAT_PANELS };
            // SAFETY: the set is the caller's promise. Sheets have `SLACK` rows behind the last
            // and rows padded like the layer's inner dimension; the layer's vectors have a
            // number for every column of every panel, the sums room for every block.
            unsafe {
                let (start, lda) = match b.kind {
                    LowKind::Bf16 => (a.row(row).as_ptr().cast(), 2 * a.stride()),
                    LowKind::Int8 => {
                        for (i, to) in bytes.chunks_exact_mut(b.depth).take(rows).enumerate() {
                            codes[i] = quantize::<P>(a.row(row + i), &b.divided, to);
                        }
                        (bytes.as_ptr(), b.depth)
                    }
                };
                for panel in (first..last).step_by(wide) {
                    let block = Block {
                        a: start,
                        lda,
                        rows,
                        b: b.data.as_ptr().add(panel * panel_bytes),
                        panels: wide.min(last - panel),
                        panel_bytes,
                        depth: b.depth,
                        sums: sums.0.as_mut_ptr(),
                        ld: P::FLAT_PANELS * PANEL,
                    };
                    match b.kind {
                        LowKind::Bf16 => P::bf16(block),
                        LowKind::Int8 => P::int8(block),
                    }
                    for j in (0..block.panels * PANEL).step_by(P::Wide::N) {
                        let column = panel * PANEL + j;
                        let bias = P::Wide::load(b.bias.as_ptr().add(column));
                        let sums = block.sums.add(j);
                        match b.kind {
                            LowKind::Bf16 => {
                                for i in 0..rows {
                                    let x = P::Wide::load(sums.add(i * block.ld).cast());
                                    put.put(row + i, column, x.add(bias));
                                }
                            }
                            LowKind::Int8 => {
                                let worth = P::Wide::load(b.scales.as_ptr().add(column));
                                let weights = P::Wide::load(b.sums.as_ptr().add(column));
                                for (i, code) in codes[..rows].iter().enumerate() {
                                    let x = P::Wide::load_i32(sums.add(i * block.ld).cast());
                                    // What the codes of zero have added to the sum.
                                    let x = weights.mul_add(P::Wide::splat(-code.zero), x);
                                    let scale = P::Wide::splat(code.scale);
                                    put.put(row + i, column, x.mul(worth).mul_add(scale, bias));
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What a row's bytes mean: `scale * (byte - zero)`.
#[derive(Clone, Copy, Default)]
struct Code {
    scale: f32,
    zero: f32,
}

/// Writes a row, times `divided` where that is not empty, as bytes as the set wants them, and
/// answers what they mean.
///
/// Each row has a scale and a zero of its own: behind GELU nearly everything is on one side of 0,
/// and a code with as many bytes for the other would waste half of them.
///
/// # Safety
/// The processor has the instruction set of `P`; the row is a sheet's.
#[inline(always)]
unsafe fn quantize<P: Product>(row: &[Bf16], divided: &[f32], to: &mut [u8]) -> Code {
    match divided.is_empty() {
        // SAFETY: the caller's promise.
        true => unsafe { quantize_each::<P>(row, to, |i| P::Wide::load_bf16(row.as_ptr().add(i))) },
        false => {
            assert!(divided.len() >= row.len().next_multiple_of(PANEL));
            // SAFETY: the caller's promise, and `divided` has a number for each of the row's.
            unsafe {
                quantize_each::<P>(row, to, |i| {
                    let x = P::Wide::load_bf16(row.as_ptr().add(i));
                    x.mul(P::Wide::load(divided.as_ptr().add(i)))
                })
            }
        }
    }
}

/// # Safety
/// As for [`quantize`]; `at(i)` reads the register of numbers at `i`.
#[inline(always)]
unsafe fn quantize_each<P: Product>(
    row: &[Bf16],
    to: &mut [u8],
    at: impl Fn(usize) -> P::Wide,
) -> Code {
    let padded = row.len().next_multiple_of(PANEL);
    assert!(to.len() >= padded);
    // SAFETY: a sheet's rows are padded with zeros to whole registers, and `to` is long enough.
    unsafe {
        let (mut least, mut most) = (P::Wide::splat(0.0), P::Wide::splat(0.0));
        for i in (0..padded).step_by(P::Wide::N) {
            let x = at(i);
            most = most.max(x);
            least = least.min(x);
        }
        let least = -P::Wide::splat(0.0).sub(least).largest();
        // One step less than there are: the rounded zero moves both ends by up to a half.
        let scale = (most.largest() - least) / 254.0;
        let inverse = 1.0 / scale;
        if !(scale > 0.0 && inverse.is_finite()) {
            to.fill(0);
            return Code::default();
        }
        let first = if P::SIGNED { -128.0 } else { 0.0 };
        let zero = (-least * inverse).round_ties_even() + first;
        let (inverse, zeros) = (P::Wide::splat(inverse), P::Wide::splat(zero));
        for i in (0..padded).step_by(P::Wide::N) {
            at(i)
                .mul_add(inverse, zeros)
                .store_byte(to.as_mut_ptr().add(i));
        }
        Code { scale, zero }
    }
}
