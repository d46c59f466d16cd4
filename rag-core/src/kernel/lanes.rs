//! What the vector instruction sets have in common: one register type with a dozen operations.
//!
//! The algorithms in `generic` and `gemm` are written once over [`Lanes`]; `avx2`, `avx512` and
//! `neon` implement it. Everything is `inline(always)`, so that the instructions end up inside
//! the entry points that [`row!`] makes, which are the only functions compiled for the set.
#![allow(unsafe_code)]

use super::bf16::Bf16;

/// A register of `N` floats.
///
/// # Safety
/// Every method is unsafe for the same reason: the processor must have the instruction set. The
/// row's entry points promise it, and rows are handed out only after a look at the processor.
/// `load` and `store` need `N` readable or writable floats, the `_part` twins `n < N` of them.
pub(super) trait Lanes: Copy {
    /// Floats in a register.
    const N: usize;
    /// Every lane `x`.
    unsafe fn splat(x: f32) -> Self;
    /// Reads `N` floats at any alignment.
    unsafe fn load(p: *const f32) -> Self;
    /// Writes `N` floats at any alignment.
    unsafe fn store(self, p: *mut f32);
    /// Reads the first `n` lanes, the others are those of `fill`.
    unsafe fn load_part(p: *const f32, n: usize, fill: Self) -> Self;
    /// Writes the first `n` lanes.
    unsafe fn store_part(self, p: *mut f32, n: usize);
    /// `load` where `n` is `N`, else `load_part`.
    #[inline(always)]
    unsafe fn load_part_or_all(p: *const f32, n: usize, fill: Self) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            if n == Self::N {
                Self::load(p)
            } else {
                Self::load_part(p, n, fill)
            }
        }
    }
    /// `store` where `n` is `N`, else `store_part`.
    #[inline(always)]
    unsafe fn store_part_or_all(self, p: *mut f32, n: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            if n == Self::N {
                self.store(p)
            } else {
                self.store_part(p, n)
            }
        }
    }
    /// `self + b`.
    unsafe fn add(self, b: Self) -> Self;
    /// `self - b`.
    unsafe fn sub(self, b: Self) -> Self;
    /// `self * b`.
    unsafe fn mul(self, b: Self) -> Self;
    /// `self / b`.
    unsafe fn div(self, b: Self) -> Self;
    /// `self * b + c`, rounded once.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// The larger; NaN where `self` is NaN.
    unsafe fn max(self, b: Self) -> Self;
    /// The smaller; NaN where `self` is NaN.
    unsafe fn min(self, b: Self) -> Self;
    /// The nearest whole number, ties to even.
    unsafe fn round(self) -> Self;
    /// `self * 2^n` for whole `n` in `-126..=127`.
    unsafe fn scale2(self, n: Self) -> Self;
    /// `N` brain floats, widened.
    unsafe fn load_bf16(p: *const Bf16) -> Self;
    /// Writes the nearest brain floats; NaN stays NaN.
    unsafe fn store_bf16(self, p: *mut Bf16);
    /// Writes the nearest whole numbers, which are in `-128..=255`, as their lowest bytes.
    unsafe fn store_byte(self, p: *mut u8);
    /// The floats nearest to `p[i]`.
    unsafe fn load_i32(p: *const i32) -> Self;
    /// The sum of the lanes, in a fixed order.
    unsafe fn sum(self) -> f32;
    /// The largest lane; NaN if a lane is NaN is not promised.
    unsafe fn largest(self) -> f32;
}

/// Makes the row of an instruction set: safe functions around entry points compiled for it.
macro_rules! row {
    ($name:literal, $features:literal, $lanes:ty, tile $rows:literal x $wide:literal, $low:path, $codes:path, $ratings:path) => {
        pub(super) static KERNELS: $crate::kernel::Kernels = $crate::kernel::Kernels {
            name: $name,
            dot,
            l2_squared,
            exp_sum,
            layer_norm,
            gemm,
            panel: <$lanes as $crate::kernel::lanes::Lanes>::N * $wide,
            low: &$low,
            codes: &$codes,
            ratings: &$ratings,
        };

        fn dot(a: &[f32], b: &[f32]) -> f32 {
            #[target_feature(enable = $features)]
            fn entry(a: &[f32], b: &[f32]) -> f32 {
                // SAFETY: this function is compiled for the set, and reached only through the row.
                unsafe { $crate::kernel::generic::dot::<$lanes>(a, b) }
            }
            // SAFETY: the row is handed out only where the processor has the features.
            unsafe { entry(a, b) }
        }

        fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
            #[target_feature(enable = $features)]
            fn entry(a: &[f32], b: &[f32]) -> f32 {
                // SAFETY: as in `dot`.
                unsafe { $crate::kernel::generic::l2_squared::<$lanes>(a, b) }
            }
            // SAFETY: as in `dot`.
            unsafe { entry(a, b) }
        }

        fn exp_sum(row: &mut [f32]) -> f32 {
            #[target_feature(enable = $features)]
            fn entry(row: &mut [f32]) -> f32 {
                // SAFETY: as in `dot`.
                unsafe { $crate::kernel::generic::exp_sum::<$lanes>(row) }
            }
            // SAFETY: as in `dot`.
            unsafe { entry(row) }
        }

        fn layer_norm(row: &mut [f32], gain: &[f32], shift: &[f32], eps: f32) {
            #[target_feature(enable = $features)]
            fn entry(row: &mut [f32], gain: &[f32], shift: &[f32], eps: f32) {
                // SAFETY: as in `dot`.
                unsafe { $crate::kernel::generic::layer_norm::<$lanes>(row, gain, shift, eps) }
            }
            // SAFETY: as in `dot`.
            unsafe { entry(row, gain, shift, eps) }
        }

        fn gemm(call: &mut $crate::kernel::gemm::Gemm<'_>) {
            #[target_feature(enable = $features)]
            fn entry(call: &mut $crate::kernel::gemm::Gemm<'_>) {
                // SAFETY: as in `dot`.
                unsafe { $crate::kernel::gemm::run::<$lanes, $rows, $wide>(call) }
            }
            // SAFETY: as in `dot`.
            unsafe { entry(call) }
        }
    };
}
pub(super) use row;
