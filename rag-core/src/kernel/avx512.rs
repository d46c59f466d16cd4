//! AVX-512F: sixteen floats a register, 32 registers.
#![allow(unsafe_code)]

use super::bf16::Bf16;
use super::lanes::{Lanes, row};
use super::{Kernels, codes, low};
use std::arch::x86_64::*;

/// With `HALF` the processor rounds to brain floats by itself (AVX512_BF16).
#[derive(Clone, Copy)]
pub(super) struct F16<const HALF: bool>(__m512);

#[inline(always)]
fn mask(n: usize) -> __mmask16 {
    ((1u32 << n) - 1) as __mmask16
}

// SAFETY of every block below: the caller of a `Lanes` method promises the instruction set, and
// for loads and stores the floats; masked lanes are not touched.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all, above"
)]
impl<const HALF: bool> Lanes for F16<HALF> {
    const N: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self(unsafe { _mm512_set1_ps(x) })
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        Self(unsafe { _mm512_loadu_ps(p) })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe { _mm512_storeu_ps(p, self.0) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize, fill: Self) -> Self {
        Self(unsafe { _mm512_mask_loadu_ps(fill.0, mask(n), p) })
    }
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, n: usize) {
        unsafe { _mm512_mask_storeu_ps(p, mask(n), self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        Self(unsafe { _mm512_add_ps(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        Self(unsafe { _mm512_sub_ps(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        Self(unsafe { _mm512_mul_ps(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        Self(unsafe { _mm512_div_ps(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        Self(unsafe { _mm512_fmadd_ps(self.0, b.0, c.0) })
    }
    // The instruction answers its second operand when either is NaN.
    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        Self(unsafe { _mm512_max_ps(b.0, self.0) })
    }
    #[inline(always)]
    unsafe fn min(self, b: Self) -> Self {
        Self(unsafe { _mm512_min_ps(b.0, self.0) })
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        Self(unsafe { _mm512_roundscale_ps::<_MM_FROUND_TO_NEAREST_INT>(self.0) })
    }
    #[inline(always)]
    unsafe fn scale2(self, n: Self) -> Self {
        Self(unsafe { _mm512_scalef_ps(self.0, n.0) })
    }
    #[inline(always)]
    unsafe fn load_bf16(p: *const Bf16) -> Self {
        unsafe {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(p.cast()));
            Self(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide)))
        }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, p: *mut Bf16) {
        unsafe {
            if HALF {
                return p
                    .cast::<__m256bh>()
                    .write_unaligned(_mm512_cvtneps_pbh(self.0));
            }
            let x = _mm512_castps_si512(self.0);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(x), _mm512_set1_epi32(1));
            let half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
            // A NaN is not rounded, which could carry it to infinity or round it off.
            let number = _mm512_cmp_ps_mask::<_CMP_ORD_Q>(self.0, self.0);
            let quiet = _mm512_or_si512(x, _mm512_set1_epi32(0x40_0000));
            let near = _mm512_mask_add_epi32(quiet, number, x, half);
            let top = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(near));
            _mm256_storeu_si256(p.cast(), top);
        }
    }
    #[inline(always)]
    unsafe fn store_byte(self, p: *mut u8) {
        unsafe {
            let whole = _mm512_cvtps_epi32(self.0);
            _mm_storeu_si128(p.cast(), _mm512_cvtepi32_epi8(whole));
        }
    }
    #[inline(always)]
    unsafe fn load_i32(p: *const i32) -> Self {
        Self(unsafe { _mm512_cvtepi32_ps(_mm512_loadu_si512(p.cast())) })
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe { _mm512_reduce_add_ps(self.0) }
    }
    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        unsafe { _mm512_reduce_max_ps(self.0) }
    }
}

row!("avx512", "avx512f,avx512bw,avx512dq,avx512vl", F16<false>, tile 12 x 2, crate::kernel::low::AVX512, crate::kernel::codes::AVX2, crate::kernel::ratings::AVX512);

/// The same with byte products (VNNI).
pub(super) static VNNI: Kernels = Kernels {
    name: "avx512vnni",
    low: &low::AVX512_VNNI,
    codes: &codes::VNNI,
    ..KERNELS
};

/// The same with brain float products too.
pub(super) static BF16: Kernels = Kernels {
    name: "avx512bf16",
    low: &low::AVX512_BF16,
    codes: &codes::VNNI,
    ..KERNELS
};

/// The same with matrix tiles for both.
pub(super) static AMX: Kernels = Kernels {
    name: "amx",
    low: &low::AMX,
    codes: &codes::VNNI,
    ..KERNELS
};
