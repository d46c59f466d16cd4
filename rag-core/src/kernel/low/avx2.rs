//! AVX2: small numbers are widened, then multiplied in pairs.
#![allow(unsafe_code)]

use super::product::{Block, Dot, Product, by_rows};
use crate::kernel::avx2::F8;
use std::arch::x86_64::*;

pub(in crate::kernel) struct Avx2;

impl Product for Avx2 {
    type Wide = F8;
    const ROWS: usize = 16;
    const PANELS: usize = 4;
    const SIGNED: bool = true;

    #[inline(always)]
    unsafe fn bf16(block: Block) {
        // SAFETY: the caller's promise.
        unsafe { by_rows::<Brain, 4>(block) }
    }

    #[inline(always)]
    unsafe fn int8(block: Block) {
        // SAFETY: the caller's promise.
        unsafe { by_rows::<Bytes, 4>(block) }
    }
}

struct Brain;

// SAFETY of the blocks below: the callers of a `Product` promise the instruction set, four bytes
// at `a`, 64 at `line` and sixteen numbers at `to`.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all, above"
)]
impl Dot for Brain {
    type Sums = [__m256; 2];

    #[inline(always)]
    unsafe fn zero() -> Self::Sums {
        unsafe { [_mm256_setzero_ps(); 2] }
    }

    #[inline(always)]
    unsafe fn add(sums: &mut Self::Sums, a: *const u8, line: *const u8) {
        unsafe {
            let a = a.cast::<u32>().read_unaligned();
            // A brain float is the upper half of an f32; the first of a pair is the lower one.
            let first = _mm256_set1_ps(f32::from_bits(a << 16));
            let second = _mm256_set1_ps(f32::from_bits(a & 0xffff_0000));
            let upper = _mm256_set1_epi32(0xffff_0000u32 as i32);
            for (half, sums) in sums.iter_mut().enumerate() {
                let b = _mm256_loadu_si256(line.add(half * 32).cast());
                let low = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(b));
                let high = _mm256_castsi256_ps(_mm256_and_si256(b, upper));
                *sums = _mm256_fmadd_ps(first, low, *sums);
                *sums = _mm256_fmadd_ps(second, high, *sums);
            }
        }
    }

    #[inline(always)]
    unsafe fn store(sums: Self::Sums, to: *mut u32) {
        unsafe {
            _mm256_storeu_ps(to.cast(), sums[0]);
            _mm256_storeu_ps(to.add(8).cast(), sums[1]);
        }
    }
}

struct Bytes;

// SAFETY of the blocks below: as for `Brain`.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all, above"
)]
impl Dot for Bytes {
    type Sums = [__m256i; 2];

    #[inline(always)]
    unsafe fn zero() -> Self::Sums {
        unsafe { [_mm256_setzero_si256(); 2] }
    }

    #[inline(always)]
    unsafe fn add(sums: &mut Self::Sums, a: *const u8, line: *const u8) {
        unsafe {
            let a = _mm256_set1_epi32(a.cast::<i32>().read_unaligned());
            // Even and odd bytes as 16-bit numbers; sums of their products fit 32 bits.
            let a0 = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(a));
            let a1 = _mm256_srai_epi16::<8>(a);
            for (half, sums) in sums.iter_mut().enumerate() {
                let b = _mm256_loadu_si256(line.add(half * 32).cast());
                let b0 = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(b));
                let b1 = _mm256_srai_epi16::<8>(b);
                let products =
                    _mm256_add_epi32(_mm256_madd_epi16(a0, b0), _mm256_madd_epi16(a1, b1));
                *sums = _mm256_add_epi32(*sums, products);
            }
        }
    }

    #[inline(always)]
    unsafe fn store(sums: Self::Sums, to: *mut u32) {
        unsafe {
            _mm256_storeu_si256(to.cast(), sums[0]);
            _mm256_storeu_si256(to.add(8).cast(), sums[1]);
        }
    }
}
