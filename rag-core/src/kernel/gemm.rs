//! Matrix products with a packed right side: `out = a * b + bias`, the shape of a linear layer.
//!
//! The right side is packed once into panels of as many columns as a tile is wide, so that the
//! inner loop reads it in one stream. A tile of the result lives in registers while the whole
//! inner dimension runs past: no partial sums in memory, and each number of the result is one
//! chain of fused products in the order of `k`, whatever the number of rows beside it.
#![allow(unsafe_code)]

use super::generic::gelu;
use super::lanes::Lanes;
use super::nonlinearity::Nonlinearity;
use std::hint::black_box;

/// Rows of `a` that are worked through before the next pass over the panels: half of a small
/// second-level cache.
const BLOCK_FLOATS: usize = 128 * 1024;

/// What happens to a finished number before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epilogue {
    /// Write it.
    Store,
    /// Add it to what is there (a residual connection).
    Add,
    /// Apply the function, then write it.
    Apply(Nonlinearity),
    /// Apply the function, then multiply what is there by it (a gate).
    Gate(Nonlinearity),
}

/// One product. `a` is `m` rows of `k` floats, `lda` apart; `out` is `m` rows of `n` floats,
/// `ldc` apart; `b` is `k` by `n`, packed by the same row of kernels.
#[derive(Debug)]
pub(crate) struct Gemm<'a> {
    pub a: &'a [f32],
    pub lda: usize,
    pub m: usize,
    pub b: &'a [f32],
    pub k: usize,
    pub n: usize,
    pub bias: Option<&'a [f32]>,
    pub out: &'a mut [f32],
    pub ldc: usize,
    pub epilogue: Epilogue,
}

impl Gemm<'_> {
    /// Panics unless every read and write of a kernel lies inside the slices.
    pub(super) fn check(&self, panel: usize) {
        let Self { m, k, n, .. } = *self;
        assert!(self.lda >= k && self.ldc >= n, "rows do not overlap");
        assert_eq!(self.b.len(), packed_len(k, n, panel), "b is packed");
        assert!(self.bias.is_none_or(|bias| bias.len() == n), "a bias each");
        if m > 0 {
            let reach = |ld: usize, width: usize| (m - 1).checked_mul(ld)?.checked_add(width);
            assert!(reach(self.lda, k).is_some_and(|r| r <= self.a.len()), "a");
            assert!(
                reach(self.ldc, n).is_some_and(|r| r <= self.out.len()),
                "out"
            );
        }
    }
}

/// Floats that a packed `k` by `n` matrix takes.
pub(crate) fn packed_len(k: usize, n: usize, panel: usize) -> usize {
    n.div_ceil(panel) * panel * k
}

/// Packs the transpose of `rows`: `n` rows of `k` floats, `ld` apart (a linear layer's weights).
pub(crate) fn pack_transposed(
    rows: &[f32],
    ld: usize,
    k: usize,
    n: usize,
    panel: usize,
    to: &mut [f32],
) {
    for (p, to) in to.chunks_exact_mut(panel * k.max(1)).enumerate() {
        let columns = (n - p * panel).min(panel);
        if columns < panel {
            to.fill(0.0);
        }
        let rows = &rows[p * panel * ld..];
        for (b, to) in to.chunks_mut(panel * TURN_ROWS).enumerate() {
            let depth = b * TURN_ROWS..k.min((b + 1) * TURN_ROWS);
            let mut j = 0;
            while j + TURN <= columns {
                turn::<TURN>(rows, ld, depth.clone(), j, panel, to);
                j += TURN;
            }
            while j < columns {
                turn::<1>(rows, ld, depth.clone(), j, panel, to);
                j += 1;
            }
        }
    }
}

/// Columns that are turned together, and how many of their numbers: what is written stays in the
/// first-level cache until its lines are full.
const TURN: usize = 8;
const TURN_ROWS: usize = 64;

/// Writes `C` rows from row `j` on, of which these numbers, as columns.
#[inline(always)]
fn turn<const C: usize>(
    rows: &[f32],
    ld: usize,
    depth: std::ops::Range<usize>,
    j: usize,
    panel: usize,
    to: &mut [f32],
) {
    let count = depth.len();
    let from: [&[f32]; C] = std::array::from_fn(|c| &rows[(j + c) * ld + depth.start..][..count]);
    for (i, to) in to.chunks_exact_mut(panel).enumerate().take(count) {
        let to = &mut to[j..][..C];
        for c in 0..C {
            to[c] = from[c][i];
        }
    }
}

/// Packs `k` rows of `n` floats, `ld` apart.
pub(crate) fn pack(rows: &[f32], ld: usize, k: usize, n: usize, panel: usize, to: &mut [f32]) {
    for (p, to) in to.chunks_exact_mut(panel * k.max(1)).enumerate() {
        let columns = (n - p * panel).min(panel);
        for (i, to) in to.chunks_exact_mut(panel).enumerate() {
            to[..columns].copy_from_slice(&rows[i * ld + p * panel..][..columns]);
            to[columns..].fill(0.0);
        }
    }
}

/// The product for one instruction set: tiles of `R` rows by `W` registers.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
pub(super) unsafe fn run<V: Lanes, const R: usize, const W: usize>(call: &mut Gemm<'_>) {
    let panel = W * V::N;
    call.check(panel);
    let Gemm { m, k, n, .. } = *call;
    let block = (BLOCK_FLOATS / k.max(1)).next_multiple_of(R);
    let mut from = 0;
    while from < m {
        let to = m.min(from + block);
        for column in (0..n).step_by(panel) {
            let mut row = from;
            while row < to {
                let rows = R.min(to - row);
                // SAFETY: `check` holds for all `m` rows and `n` columns, and these are
                // `row..row + rows` of them and the panel that begins at `column`.
                unsafe {
                    let place = Place {
                        a: call.a.as_ptr().add(row * call.lda),
                        lda: call.lda,
                        b: call.b.as_ptr().add(column * k),
                        k,
                        bias: call.bias.map(|bias| bias.as_ptr().add(column)),
                        out: call.out.as_mut_ptr().add(row * call.ldc + column),
                        ldc: call.ldc,
                        columns: panel.min(n - column),
                        epilogue: call.epilogue,
                    };
                    by_rows::<V, R, W>(rows, place);
                }
                row += rows;
            }
        }
        from = to;
    }
}

#[derive(Clone, Copy)]
struct Place {
    a: *const f32,
    lda: usize,
    b: *const f32,
    k: usize,
    bias: Option<*const f32>,
    out: *mut f32,
    ldc: usize,
    columns: usize,
    epilogue: Epilogue,
}

impl Place {
    /// The place `rows` rows below.
    ///
    /// # Safety
    /// There are that many more rows.
    #[inline(always)]
    unsafe fn down(mut self, rows: usize) -> Self {
        // SAFETY: the caller's promise keeps both inside, or one row past, their slices' rows.
        unsafe {
            self.a = self.a.add(rows * self.lda);
            self.out = self.out.add(rows * self.ldc);
        }
        self
    }
}

/// A tile of `rows <= R` rows: the full tile, or its remainder in tiles of 8, 4, 2 and 1.
#[inline(always)]
unsafe fn by_rows<V: Lanes, const R: usize, const W: usize>(rows: usize, mut at: Place) {
    // SAFETY: the caller's promise for `rows` rows; each step works on rows that are left.
    unsafe {
        if rows == R {
            return tile::<V, R, W>(at);
        }
        if R > 8 && rows & 8 != 0 {
            tile::<V, 8, W>(at);
            at = at.down(8);
        }
        if R > 4 && rows & 4 != 0 {
            tile::<V, 4, W>(at);
            at = at.down(4);
        }
        if R > 2 && rows & 2 != 0 {
            tile::<V, 2, W>(at);
            at = at.down(2);
        }
        if rows & 1 != 0 {
            tile::<V, 1, W>(at);
        }
    }
}

#[inline(always)]
unsafe fn tile<V: Lanes, const R: usize, const W: usize>(at: Place) {
    // SAFETY: the caller promises `R` rows at `a` and `out`, `k` rows of the panel at `b`, and
    // `columns` floats in a row of `out` and at `bias`; only those are touched.
    unsafe {
        let zero = V::splat(0.0);
        let full = at.columns == W * V::N;
        // How many of register `w`'s lanes are columns.
        let width = |w: usize| at.columns.saturating_sub(w * V::N).min(V::N);
        let read = |p: *const f32, w: usize| {
            if full {
                V::load(p.add(w * V::N))
            } else if width(w) > 0 {
                V::load_part_or_all(p.add(w * V::N), width(w), zero)
            } else {
                zero
            }
        };
        let mut start = [zero; W];
        if let Some(bias) = at.bias {
            for (w, start) in start.iter_mut().enumerate() {
                *start = read(bias, w);
            }
        }
        let mut acc = [start; R];
        let mut b = at.b;
        // Every fourth row has a pointer, the others lie at fixed distances from it: a pointer
        // for each would cost additions, which take the ports of the products. The black box
        // keeps the compiler from making them one chain of additions again.
        let mut quad: [*const f32; 4] =
            std::array::from_fn(|q| black_box(at.a.wrapping_add(4 * q * at.lda)));
        let apart: [usize; 4] = std::array::from_fn(|i| black_box(i * at.lda));
        macro_rules! step {
            ($s:expr) => {
                let mut columns = [zero; W];
                for (w, column) in columns.iter_mut().enumerate() {
                    *column = V::load(b.add(($s * W + w) * V::N));
                }
                for (i, acc) in acc.iter_mut().enumerate() {
                    let x = V::splat(*quad[i / 4].wrapping_add(apart[i % 4] + $s));
                    for w in 0..W {
                        acc[w] = x.mul_add(columns[w], acc[w]);
                    }
                }
            };
        }
        // Two a round: the loop's own arithmetic takes those ports too.
        let mut left = at.k;
        while left > 0 {
            step!(0);
            if left == 1 {
                break;
            }
            step!(1);
            b = b.wrapping_add(2 * W * V::N);
            for quad in &mut quad {
                *quad = quad.wrapping_add(2);
            }
            left -= 2;
        }
        // A copy, because the loop below takes its rows by number: the sums above stay in registers
        // only while the compiler knows the place of each.
        let mut sums = [[zero; W]; R];
        for i in 0..R {
            for w in 0..W {
                acc[i][w].store((&raw mut sums[i][w]).cast());
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            let out = at.out.add(i * at.ldc);
            for (w, &sum) in sums.iter().enumerate() {
                let done = match at.epilogue {
                    Epilogue::Store => sum,
                    Epilogue::Add => sum.add(read(out, w)),
                    // The common one by itself: a second choice costs nothing where it is not made.
                    Epilogue::Apply(Nonlinearity::Gelu) => gelu(sum),
                    Epilogue::Apply(f) => f.of(sum),
                    Epilogue::Gate(f) => f.of(sum).mul(read(out, w)),
                };
                if full {
                    done.store(out.add(w * V::N));
                } else if width(w) > 0 {
                    done.store_part_or_all(out.add(w * V::N), width(w));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_packed_where_the_layout_says() {
        for panel in [1, 4, 8, 16, 48] {
            for (k, n) in [(1, 1), (3, 50), (64, 48), (65, 7), (200, 17), (128, 96)] {
                let ld = k + 3;
                let rows: Vec<f32> = (0..n * ld).map(|i| i as f32 + 1.0).collect();
                let mut to = vec![f32::NAN; packed_len(k, n, panel)];
                pack_transposed(&rows[..(n - 1) * ld + k], ld, k, n, panel, &mut to);
                for j in 0..n.next_multiple_of(panel) {
                    for i in 0..k {
                        let got = to[(j / panel * k + i) * panel + j % panel];
                        let want = if j < n { rows[j * ld + i] } else { 0.0 };
                        assert_eq!(got, want, "panel {panel}, {k} by {n}: {i}, {j}");
                    }
                }
            }
        }
    }
}
