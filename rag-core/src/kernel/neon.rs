//! NEON: four floats a register, 32 registers. Part of every 64-bit ARM processor.
#![allow(unsafe_code)]

use super::bf16::Bf16;
use super::lanes::{Lanes, row};
use super::{Kernels, low};
use std::arch::aarch64::*;

#[derive(Clone, Copy)]
pub(super) struct F4(float32x4_t);

// SAFETY of every block below: the caller of a `Lanes` method promises the instruction set, and
// for loads and stores the floats; the `_part` twins go through an array of four.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all, above"
)]
impl Lanes for F4 {
    const N: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self(unsafe { vdupq_n_f32(x) })
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        Self(unsafe { vld1q_f32(p) })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe { vst1q_f32(p, self.0) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize, fill: Self) -> Self {
        let mut four = [0.0f32; 4];
        unsafe {
            fill.store(four.as_mut_ptr());
            std::ptr::copy_nonoverlapping(p, four.as_mut_ptr(), n.min(4));
            Self::load(four.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, n: usize) {
        let mut four = [0.0f32; 4];
        unsafe {
            self.store(four.as_mut_ptr());
            std::ptr::copy_nonoverlapping(four.as_ptr(), p, n.min(4));
        }
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        Self(unsafe { vaddq_f32(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        Self(unsafe { vsubq_f32(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        Self(unsafe { vmulq_f32(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        Self(unsafe { vdivq_f32(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        Self(unsafe { vfmaq_f32(c.0, self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        Self(unsafe { vmaxq_f32(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn min(self, b: Self) -> Self {
        Self(unsafe { vminq_f32(self.0, b.0) })
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        Self(unsafe { vrndnq_f32(self.0) })
    }
    #[inline(always)]
    unsafe fn scale2(self, n: Self) -> Self {
        unsafe {
            let biased = vaddq_s32(vcvtnq_s32_f32(n.0), vdupq_n_s32(127));
            let power = vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased));
            Self(vmulq_f32(self.0, power))
        }
    }
    #[inline(always)]
    unsafe fn load_bf16(p: *const Bf16) -> Self {
        unsafe {
            let wide = vshlq_n_u32::<16>(vmovl_u16(vld1_u16(p.cast())));
            Self(vreinterpretq_f32_u32(wide))
        }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, p: *mut Bf16) {
        unsafe {
            let x = vreinterpretq_u32_f32(self.0);
            let odd = vandq_u32(vshrq_n_u32::<16>(x), vdupq_n_u32(1));
            let near = vaddq_u32(x, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
            // A NaN is not rounded, which could carry it to infinity or round it off.
            let quiet = vorrq_u32(x, vdupq_n_u32(0x40_0000));
            let chosen = vbslq_u32(vceqq_f32(self.0, self.0), near, quiet);
            vst1_u16(p.cast(), vshrn_n_u32::<16>(chosen));
        }
    }
    #[inline(always)]
    unsafe fn store_byte(self, p: *mut u8) {
        unsafe {
            let words = vreinterpret_u16_s16(vmovn_s32(vcvtnq_s32_f32(self.0)));
            let bytes = vmovn_u16(vcombine_u16(words, words));
            let four = vget_lane_u32::<0>(vreinterpret_u32_u8(bytes));
            p.cast::<u32>().write_unaligned(four);
        }
    }
    #[inline(always)]
    unsafe fn load_i32(p: *const i32) -> Self {
        Self(unsafe { vcvtq_f32_s32(vld1q_s32(p)) })
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe { vaddvq_f32(self.0) }
    }
    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        unsafe { vmaxvq_f32(self.0) }
    }
}

row!("neon", "neon", F4, tile 6 x 4, crate::kernel::low::NEON, crate::kernel::codes::NEON, crate::kernel::ratings::PLAIN);

/// The same with byte products (FEAT_DotProd).
pub(super) static DOT: Kernels = Kernels {
    name: "neondot",
    low: &low::NEON_DOT,
    ..KERNELS
};
