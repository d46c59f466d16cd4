//! AVX2: the plain loops of products by hand, the rest widened by the compiler.
#![allow(unsafe_code)]

use super::{BLOCK_BYTES, Codes, SCALAR, check, each, each_of};
use std::arch::x86_64::*;

pub(in crate::kernel) static AVX2: Codes = Codes {
    dots,
    scan,
    bytes,
    refine: SCALAR.refine,
    decode: SCALAR.decode,
};

fn dots(query: &[i8], codes: &[u8], rows: &[u32], out: &mut [i32]) {
    check(query.len(), codes.len(), 1);
    // SAFETY: the table is handed out only where the processor has the features.
    each_of((codes, query.len() / 2), rows, out, |row| unsafe {
        dot(query, row)
    });
}

fn scan(query: &[i8], codes: &[u8], out: &mut [i32]) {
    // SAFETY: as in `dots`.
    each(query, codes, out, |row| unsafe { dot(query, row) });
}

#[target_feature(enable = "avx2")]
fn dot(query: &[i8], codes: &[u8]) -> i32 {
    let (mask, ones) = (_mm256_set1_epi8(15), _mm256_set1_epi16(1));
    let mut sum = _mm256_setzero_si256();
    let parts = codes.as_chunks::<32>().0.iter().enumerate();
    for (i, codes) in parts {
        // Two halves of a block of codes, each with its place in the lower and the upper half.
        let at = i / 2 * 2 * BLOCK_BYTES + i % 2 * 32;
        let (low, high) = (&query[at..][..32], &query[at + BLOCK_BYTES..][..32]);
        // SAFETY: all three are 32 bytes.
        unsafe {
            let codes = _mm256_loadu_si256(codes.as_ptr().cast());
            let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(codes), mask);
            let lower = _mm256_and_si256(codes, mask);
            // Pairs of products of four bits and seven: no sum of four leaves sixteen bits.
            let pairs = _mm256_add_epi16(
                _mm256_maddubs_epi16(lower, _mm256_loadu_si256(low.as_ptr().cast())),
                _mm256_maddubs_epi16(upper, _mm256_loadu_si256(high.as_ptr().cast())),
            );
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
        }
    }
    total(sum)
}

#[target_feature(enable = "avx2")]
fn total(sum: __m256i) -> i32 {
    let four = _mm_add_epi32(
        _mm256_castsi256_si128(sum),
        _mm256_extracti128_si256::<1>(sum),
    );
    let two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    _mm_cvtsi128_si32(two) + _mm_extract_epi32::<1>(two)
}

fn bytes(one: &[i8], many: &[i8], rows: &[u32], out: &mut [i32]) {
    assert!(one.len().is_multiple_of(16));
    // SAFETY: as in `dots`.
    each_of((many, one.len()), rows, out, |row| unsafe {
        entry(one, row)
    });

    #[target_feature(enable = "avx2")]
    fn entry(one: &[i8], row: &[i8]) -> i32 {
        let mut sum = _mm256_setzero_si256();
        for (a, b) in one.as_chunks::<16>().0.iter().zip(row.as_chunks::<16>().0) {
            // SAFETY: both are sixteen bytes.
            unsafe {
                let a = _mm256_cvtepi8_epi16(_mm_loadu_si128(a.as_ptr().cast()));
                let b = _mm256_cvtepi8_epi16(_mm_loadu_si128(b.as_ptr().cast()));
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
            }
        }
        total(sum)
    }
}
