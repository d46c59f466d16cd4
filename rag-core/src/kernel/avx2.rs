//! AVX2 with FMA: eight floats a register, 16 registers.
#![allow(unsafe_code)]

use super::bf16::Bf16;
use super::lanes::{Lanes, row};
use std::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(super) struct F8(__m256);

/// Eight set words, then eight zeros: read from `8 - n`, the mask of the first `n` lanes.
static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

#[inline(always)]
unsafe fn mask(n: usize) -> __m256i {
    debug_assert!(n <= 8);
    // SAFETY: `n` is at most eight, so eight words from `8 - n` lie inside the table.
    unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(8 - n).cast()) }
}

// SAFETY of every block below: the caller of a `Lanes` method promises the instruction set, and
// for loads and stores the floats; masked lanes are not touched.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all, above"
)]
impl Lanes for F8 {
    const N: usize = 8;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self(unsafe { _mm256_set1_ps(x) })
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        Self(unsafe { _mm256_loadu_ps(p) })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe { _mm256_storeu_ps(p, self.0) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize, fill: Self) -> Self {
        unsafe {
            let mask = mask(n);
            let read = _mm256_maskload_ps(p, mask);
            Self(_mm256_blendv_ps(fill.0, read, _mm256_castsi256_ps(mask)))
        }
    }
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, n: usize) {
        unsafe { _mm256_maskstore_ps(p, mask(n), self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        Self(unsafe { _mm256_add_ps(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        Self(unsafe { _mm256_sub_ps(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        Self(unsafe { _mm256_mul_ps(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        Self(unsafe { _mm256_div_ps(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        Self(unsafe { _mm256_fmadd_ps(self.0, b.0, c.0) })
    }
    // The instruction answers its second operand when either is NaN.
    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        Self(unsafe { _mm256_max_ps(b.0, self.0) })
    }
    #[inline(always)]
    unsafe fn min(self, b: Self) -> Self {
        Self(unsafe { _mm256_min_ps(b.0, self.0) })
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        Self(unsafe {
            _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)
        })
    }
    #[inline(always)]
    unsafe fn scale2(self, n: Self) -> Self {
        unsafe {
            let biased = _mm256_add_epi32(_mm256_cvtps_epi32(n.0), _mm256_set1_epi32(127));
            let power = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased));
            Self(_mm256_mul_ps(self.0, power))
        }
    }
    #[inline(always)]
    unsafe fn load_bf16(p: *const Bf16) -> Self {
        unsafe {
            let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast()));
            Self(_mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide)))
        }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, p: *mut Bf16) {
        unsafe {
            let x = _mm256_castps_si256(self.0);
            let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(x), _mm256_set1_epi32(1));
            let half = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
            // A NaN is not rounded, which could carry it to infinity or round it off.
            let number = _mm256_cmp_ps::<_CMP_ORD_Q>(self.0, self.0);
            let quiet = _mm256_or_si256(x, _mm256_set1_epi32(0x40_0000));
            let near = _mm256_castsi256_ps(_mm256_add_epi32(x, half));
            let near = _mm256_blendv_ps(_mm256_castsi256_ps(quiet), near, number);
            let top = _mm256_srli_epi32::<16>(_mm256_castps_si256(near));
            let pairs = _mm256_packus_epi32(top, top);
            let pairs = _mm256_permute4x64_epi64::<0b10_00>(pairs);
            _mm_storeu_si128(p.cast(), _mm256_castsi256_si128(pairs));
        }
    }
    #[inline(always)]
    unsafe fn store_byte(self, p: *mut u8) {
        unsafe {
            let whole = _mm256_cvtps_epi32(self.0);
            let lowest = _mm256_set1_epi32(0x0c08_0400);
            let bytes = _mm256_shuffle_epi8(whole, lowest);
            let low = _mm256_extract_epi32::<0>(bytes);
            let high = _mm256_extract_epi32::<4>(bytes);
            p.cast::<[i32; 2]>().write_unaligned([low, high]);
        }
    }
    #[inline(always)]
    unsafe fn load_i32(p: *const i32) -> Self {
        Self(unsafe { _mm256_cvtepi32_ps(_mm256_loadu_si256(p.cast())) })
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe {
            let four = _mm_add_ps(
                _mm256_castps256_ps128(self.0),
                _mm256_extractf128_ps::<1>(self.0),
            );
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        unsafe {
            let four = _mm_max_ps(
                _mm256_castps256_ps128(self.0),
                _mm256_extractf128_ps::<1>(self.0),
            );
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
}

row!("avx2", "avx2,fma", F8, tile 6 x 2, crate::kernel::low::AVX2, crate::kernel::codes::AVX2, crate::kernel::ratings::AVX2);
