//! Products of a query with vectors kept as codes: four bits a number to look around with, eight
//! more to be sure.
//!
//! The four-bit codes of a vector lie in blocks of 64 bytes for 128 numbers: byte `j` of block `b`
//! has number `128 b + j` in its lower half and number `128 b + 64 + j` in its upper. A query for
//! them is signed bytes in the plain order, so one load of codes meets two loads of the query.
//! Sums of integers are exact, hence the same in every row of kernels.

mod scalar;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

pub(super) use scalar::SCALAR;

#[cfg(target_arch = "x86_64")]
pub(super) use {avx2::AVX2, avx512::VNNI};

#[cfg(target_arch = "aarch64")]
pub(super) use neon::NEON;

/// Numbers in a block of codes.
pub(crate) const BLOCK: usize = 128;
/// Bytes of a block of four-bit codes.
pub(crate) const BLOCK_BYTES: usize = 64;

/// Numbers of a vector with the padding of its last block.
pub(crate) fn padded(dim: usize) -> usize {
    dim.next_multiple_of(BLOCK)
}

type Rows = fn(one: &[i8], of: &[u8], rows: &[u32], out: &mut [i32]);
type Bytes = fn(one: &[i8], of: &[i8], rows: &[u32], out: &mut [i32]);
type Refine = fn(query: &[f32], codes: &[u8], rest: &[i8]) -> (f32, f32);

/// The functions of one instruction set.
#[derive(Debug)]
pub(crate) struct Codes {
    /// `dots(query, codes, rows, out)`: `out[i]` is the sum of code times query over the row
    /// `rows[i]`; a row of codes is half as many bytes as the query.
    pub dots: Rows,
    /// The same for consecutive rows: `out.len()` of them fill `codes`.
    pub scan: fn(query: &[i8], codes: &[u8], out: &mut [i32]),
    /// `bytes(one, many, rows, out)`: `out[i]` is the product of `one` and row `rows[i]` of `many`,
    /// which is rows as long as `one`; both hold numbers of -127..=127.
    pub bytes: Bytes,
    /// The sums of query times code and of query times rest, for one vector.
    pub refine: Refine,
    /// Writes `code * a + rest * b + c`, rounded and within -127..=127.
    pub decode: fn(codes: &[u8], rest: &[i8], by: Decode, out: &mut [i8]),
}

/// The line that turns codes into numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decode {
    pub code: f32,
    pub rest: f32,
    pub constant: f32,
}

/// Panics unless a query and a block of codes fit each other.
fn check(query: usize, codes: usize, rows: usize) {
    assert!(
        query > 0 && query.is_multiple_of(BLOCK),
        "a query has whole blocks"
    );
    assert!(
        rows.checked_mul(query / 2).is_some_and(|n| n <= codes),
        "codes"
    );
}

/// A product with each of `rows`, `len` numbers long, for sets that take one row at a time.
#[inline(always)]
fn each_of<T>(
    (many, len): (&[T], usize),
    rows: &[u32],
    out: &mut [i32],
    product: impl Fn(&[T]) -> i32,
) {
    for (&row, out) in rows.iter().zip(out) {
        *out = product(&many[row as usize * len..][..len]);
    }
}

/// A product with each of as many rows of codes as `out` has places.
#[inline(always)]
fn each(query: &[i8], codes: &[u8], out: &mut [i32], product: impl Fn(&[u8]) -> i32) {
    check(query.len(), codes.len(), out.len());
    for (codes, out) in codes.chunks_exact(query.len() / 2).zip(out) {
        *out = product(codes);
    }
}

/// Asks for the cache lines of some bytes; changes nothing but time.
#[inline(always)]
pub(crate) fn prefetch<T>(data: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = data.as_ptr().cast::<i8>();
        for line in (0..size_of_val(data)).step_by(64) {
            // SAFETY: the instruction reads nothing and may be given any address.
            #[allow(unsafe_code)]
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(line));
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = data;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::available;
    use crate::rng::Rng;

    #[test]
    fn every_set_says_what_the_plain_one_says() {
        let mut rng = Rng::new(7);
        for (blocks, rows) in [(1, 1), (1, 5), (2, 4), (3, 9), (8, 2), (33, 3)] {
            let dim = blocks * BLOCK;
            let mut bytes = |n: usize| (0..n).map(|_| rng.next_u64() as u8).collect::<Vec<_>>();
            let codes = bytes(rows * dim / 2);
            let signed = |b: Vec<u8>| b.into_iter().map(|x| (x as i8).max(-127)).collect();
            let (query, many): (Vec<i8>, Vec<i8>) = (signed(bytes(dim)), signed(bytes(rows * dim)));
            let order: Vec<u32> = (0..rows as u32).rev().chain([0]).collect();
            let by = Decode {
                code: 9.3,
                rest: 0.031,
                constant: -70.2,
            };
            let floats: Vec<f32> = query.iter().map(|&x| f32::from(x) * 0.01).collect();
            let run = |set: &Codes| {
                let mut out = vec![vec![0; order.len()], vec![0; rows], vec![0; order.len()]];
                (set.dots)(&query, &codes, &order, &mut out[0]);
                (set.scan)(&query, &codes, &mut out[1]);
                (set.bytes)(&query, &many, &order, &mut out[2]);
                let mut decoded = vec![0; dim];
                (set.decode)(&codes[..dim / 2], &many[..dim], by, &mut decoded);
                (out, decoded)
            };
            let truth = run(&SCALAR);
            for (i, &row) in order.iter().enumerate() {
                assert_eq!(truth.0[0][i], truth.0[1][row as usize]);
            }
            for kernels in available() {
                let got = run(kernels.codes);
                assert_eq!(got.0, truth.0, "{}", kernels.name);
                for (a, b) in got.1.iter().zip(&truth.1) {
                    assert!(a.abs_diff(*b) <= 1, "{}", kernels.name);
                }
                let fine = |set: &Codes| (set.refine)(&floats, &codes[..dim / 2], &many[..dim]);
                let (got, want) = (fine(kernels.codes), fine(&SCALAR));
                assert!((got.0 - want.0).abs() < 1e-5 * 15.0 * dim as f32);
                assert!((got.1 - want.1).abs() < 1e-5 * 127.0 * dim as f32);
            }
        }
    }

    #[test]
    fn the_order_of_the_numbers_is_the_plain_one() {
        let mut query = vec![0i8; BLOCK];
        (query[5], query[64 + 9]) = (3, -2);
        let mut codes = vec![0u8; BLOCK_BYTES];
        (codes[5], codes[9]) = (7, 11 << 4);
        let mut out = [0];
        (SCALAR.dots)(&query, &codes, &[0], &mut out);
        assert_eq!(out, [3 * 7 - 2 * 11]);
        let mut decoded = vec![0; BLOCK];
        let by = Decode {
            code: 1.0,
            rest: 0.0,
            constant: 0.0,
        };
        (SCALAR.decode)(&codes, &[0; BLOCK], by, &mut decoded);
        assert_eq!((decoded[5], decoded[73]), (7, 11));
    }
}
