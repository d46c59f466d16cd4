//! AVX-512 with byte products (VNNI): a register of codes is 128 numbers.
#![allow(unsafe_code)]

use super::{BLOCK, BLOCK_BYTES, Codes, Decode, check};
use std::arch::x86_64::*;

pub(in crate::kernel) static VNNI: Codes = Codes {
    dots,
    scan,
    bytes,
    refine,
    decode,
};

/// Vectors that are worked on together.
const TOGETHER: usize = 4;

fn dots(query: &[i8], codes: &[u8], rows: &[u32], out: &mut [i32]) {
    check(query.len(), codes.len(), 1);
    let most = rows.iter().max().map_or(0, |&row| row as usize + 1);
    check(query.len(), codes.len(), most);
    assert!(rows.len() <= out.len());
    // SAFETY: the table is handed out only where the processor has the features; `check` has
    // every row inside `codes`.
    unsafe { by_rows(query, codes.as_ptr(), rows.len(), |i| rows[i] as usize, out) }
}

fn scan(query: &[i8], codes: &[u8], out: &mut [i32]) {
    check(query.len(), codes.len(), out.len());
    // SAFETY: as in `dots`.
    unsafe { by_rows(query, codes.as_ptr(), out.len(), |i| i, out) }
}

/// # Safety
/// The processor has the features; rows are inside the codes.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn by_rows(
    query: &[i8],
    codes: *const u8,
    n: usize,
    row: impl Fn(usize) -> usize,
    out: &mut [i32],
) {
    let bytes = query.len() / 2;
    let mut i = 0;
    while i + TOGETHER <= n {
        let from = std::array::from_fn(|r| codes.wrapping_add(row(i + r) * bytes));
        // SAFETY: the caller's promise for these rows.
        let sums = unsafe { tile::<TOGETHER>(query, from) };
        out[i..i + TOGETHER].copy_from_slice(&sums);
        i += TOGETHER;
    }
    while i < n {
        // SAFETY: the caller's promise for the row.
        [out[i]] = unsafe { tile::<1>(query, [codes.wrapping_add(row(i) * bytes)]) };
        i += 1;
    }
}

/// # Safety
/// The processor has the features; half as many bytes as the query has can be read at each of
/// `from`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn tile<const R: usize>(query: &[i8], from: [*const u8; R]) -> [i32; R] {
    let mask = _mm512_set1_epi8(15);
    let mut low = [_mm512_setzero_si512(); R];
    let mut high = [_mm512_setzero_si512(); R];
    for block in 0..query.len() / BLOCK {
        // SAFETY: the block is inside the query and inside every row.
        unsafe {
            let q = query.as_ptr().add(block * BLOCK);
            let (q_low, q_high) = (
                _mm512_loadu_si512(q.cast()),
                _mm512_loadu_si512(q.add(BLOCK_BYTES).cast()),
            );
            for r in 0..R {
                let codes = _mm512_loadu_si512(from[r].add(block * BLOCK_BYTES).cast());
                let upper = _mm512_srli_epi16::<4>(codes);
                low[r] = _mm512_dpbusd_epi32(low[r], _mm512_and_si512(codes, mask), q_low);
                high[r] = _mm512_dpbusd_epi32(high[r], _mm512_and_si512(upper, mask), q_high);
            }
        }
    }
    totals(std::array::from_fn(|r| _mm512_add_epi32(low[r], high[r])))
}

/// The sums of the lanes of each: four registers together take half as many steps as one by one.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn totals<const R: usize>(sums: [__m512i; R]) -> [i32; R] {
    let mut out = [0; R];
    match (&sums[..], &mut out[..]) {
        (&[a, b, c, d], out) => {
            let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
            let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
            let four =
                _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
            let two = _mm256_add_epi32(
                _mm512_castsi512_si256(four),
                _mm512_extracti64x4_epi64::<1>(four),
            );
            let one = _mm_add_epi32(
                _mm256_castsi256_si128(two),
                _mm256_extracti128_si256::<1>(two),
            );
            out.copy_from_slice(&[
                _mm_cvtsi128_si32(one),
                _mm_extract_epi32::<1>(one),
                _mm_extract_epi32::<2>(one),
                _mm_extract_epi32::<3>(one),
            ]);
        }
        (sums, out) => {
            for (sum, out) in sums.iter().zip(out) {
                *out = _mm512_reduce_add_epi32(*sum);
            }
        }
    }
    out
}

fn bytes(one: &[i8], many: &[i8], rows: &[u32], out: &mut [i32]) {
    assert!(!one.is_empty() && one.len().is_multiple_of(64) && rows.len() <= out.len());
    let most = rows.iter().max().map_or(0, |&row| row as usize + 1);
    assert!(most.checked_mul(one.len()).is_some_and(|n| n <= many.len()));
    // SAFETY: the table is handed out only where the processor has the features; all rows are
    // inside `many`.
    unsafe { entry(one, many, rows, out) }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    fn entry(one: &[i8], many: &[i8], rows: &[u32], out: &mut [i32]) {
        let at = |row: u32| many.as_ptr().wrapping_add(row as usize * one.len());
        let mut i = 0;
        while i + TOGETHER <= rows.len() {
            let from = std::array::from_fn(|r| at(rows[i + r]));
            // SAFETY: the rows are inside `many`.
            out[i..i + TOGETHER].copy_from_slice(&unsafe { pair::<TOGETHER>(one, from) });
            i += TOGETHER;
        }
        while i < rows.len() {
            // SAFETY: the row is inside `many`.
            [out[i]] = unsafe { pair::<1>(one, [at(rows[i])]) };
            i += 1;
        }
    }
}

/// The instruction wants one side without a sign: 128 more there is 128 times the other side's sum
/// too much, which the same instruction counts.
///
/// # Safety
/// The processor has the features; as many bytes as `one` has can be read at each of `from`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn pair<const R: usize>(one: &[i8], from: [*const i8; R]) -> [i32; R] {
    let flip = _mm512_set1_epi8(-128);
    let mut sums = [_mm512_setzero_si512(); R];
    let mut too_much = _mm512_setzero_si512();
    for line in 0..one.len() / 64 {
        // SAFETY: the line is inside all of them.
        unsafe {
            let a = _mm512_loadu_si512(one.as_ptr().add(line * 64).cast());
            too_much = _mm512_dpbusd_epi32(too_much, flip, a);
            for r in 0..R {
                let b = _mm512_loadu_si512(from[r].add(line * 64).cast());
                sums[r] = _mm512_dpbusd_epi32(sums[r], _mm512_xor_si512(b, flip), a);
            }
        }
    }
    totals(sums.map(|sum| _mm512_sub_epi32(sum, too_much)))
}

/// Sixteen codes of a block as floats.
///
/// # Safety
/// The processor has the features; `quarter < 8`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn sixteen(codes: &[u8; BLOCK_BYTES], quarter: usize) -> __m512 {
    let at = &codes[quarter % 4 * 16..][..16];
    // SAFETY: sixteen bytes.
    let codes = unsafe { _mm_loadu_si128(at.as_ptr().cast()) };
    let codes = if quarter < 4 {
        codes
    } else {
        _mm_srli_epi16::<4>(codes)
    };
    let codes = _mm_and_si128(codes, _mm_set1_epi8(15));
    _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(codes))
}

fn refine(query: &[f32], codes: &[u8], rest: &[i8]) -> (f32, f32) {
    // SAFETY: the table is handed out only where the processor has the features.
    return unsafe { entry(query, codes, rest) };

    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn entry(query: &[f32], codes: &[u8], rest: &[i8]) -> (f32, f32) {
        let mut sums = [[_mm512_setzero_ps(); 2]; 2];
        let blocks = query.as_chunks::<BLOCK>().0.iter();
        let blocks = blocks.zip(rest.as_chunks::<BLOCK>().0);
        for ((query, rest), codes) in blocks.zip(codes.as_chunks::<BLOCK_BYTES>().0) {
            for q in 0..8 {
                // SAFETY: sixteen numbers of a block of 128 each.
                let (x, rest) = unsafe {
                    let rest = _mm_loadu_si128(rest.as_ptr().add(q * 16).cast());
                    (_mm512_loadu_ps(query.as_ptr().add(q * 16)), rest)
                };
                let rest = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(rest));
                let sums = &mut sums[q % 2];
                sums[0] = _mm512_fmadd_ps(x, sixteen(codes, q), sums[0]);
                sums[1] = _mm512_fmadd_ps(x, rest, sums[1]);
            }
        }
        let [even, odd] = sums;
        (
            _mm512_reduce_add_ps(_mm512_add_ps(even[0], odd[0])),
            _mm512_reduce_add_ps(_mm512_add_ps(even[1], odd[1])),
        )
    }
}

fn decode(codes: &[u8], rest: &[i8], by: Decode, out: &mut [i8]) {
    // SAFETY: the table is handed out only where the processor has the features.
    return unsafe { entry(codes, rest, by, out) };

    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn entry(codes: &[u8], rest: &[i8], by: Decode, out: &mut [i8]) {
        let (a, b) = (_mm512_set1_ps(by.code), _mm512_set1_ps(by.rest));
        let c = _mm512_set1_ps(by.constant);
        let (least, most) = (_mm512_set1_epi32(-127), _mm512_set1_epi32(127));
        let blocks = out.as_chunks_mut::<BLOCK>().0.iter_mut();
        let blocks = blocks.zip(rest.as_chunks::<BLOCK>().0);
        for ((out, rest), codes) in blocks.zip(codes.as_chunks::<BLOCK_BYTES>().0) {
            for q in 0..8 {
                // SAFETY: sixteen numbers of a block of 128 each.
                unsafe {
                    let rest = _mm_loadu_si128(rest.as_ptr().add(q * 16).cast());
                    let rest = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(rest));
                    let x = _mm512_fmadd_ps(sixteen(codes, q), a, _mm512_fmadd_ps(rest, b, c));
                    let x = _mm512_cvtps_epi32(x);
                    let x = _mm512_max_epi32(_mm512_min_epi32(x, most), least);
                    _mm_storeu_si128(out.as_mut_ptr().add(q * 16).cast(), _mm512_cvtepi32_epi8(x));
                }
            }
        }
    }
}
