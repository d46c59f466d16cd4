//! NEON: brain floats are widened; bytes are multiplied directly where the processor has the dot
//! product, else widened.
#![allow(unsafe_code)]

use super::product::{Block, Dot, Product, by_rows};
use crate::kernel::neon::F4;
use std::arch::aarch64::*;
use std::arch::asm;

/// With `DOT` the processor has `sdot`.
pub(in crate::kernel) struct Neon<const DOT: bool>;

impl<const DOT: bool> Product for Neon<DOT> {
    type Wide = F4;
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
        // SAFETY: the caller's promise; `sdot` only where the set has it.
        unsafe { by_rows::<Bytes<DOT>, 4>(block) }
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
    type Sums = [float32x4_t; 4];

    #[inline(always)]
    unsafe fn zero() -> Self::Sums {
        unsafe { [vdupq_n_f32(0.0); 4] }
    }

    #[inline(always)]
    unsafe fn add(sums: &mut Self::Sums, a: *const u8, line: *const u8) {
        unsafe {
            let a = a.cast::<u32>().read_unaligned();
            // A brain float is the upper half of an f32; the first of a pair is the lower one.
            let (first, second) = (f32::from_bits(a << 16), f32::from_bits(a & 0xffff_0000));
            for (quarter, sums) in sums.iter_mut().enumerate() {
                let b = vreinterpretq_u32_u8(vld1q_u8(line.add(quarter * 16)));
                let low = vreinterpretq_f32_u32(vshlq_n_u32::<16>(b));
                let high = vreinterpretq_f32_u32(vandq_u32(b, vdupq_n_u32(0xffff_0000)));
                *sums = vfmaq_n_f32(*sums, low, first);
                *sums = vfmaq_n_f32(*sums, high, second);
            }
        }
    }

    #[inline(always)]
    unsafe fn store(sums: Self::Sums, to: *mut u32) {
        unsafe {
            for (quarter, sums) in sums.into_iter().enumerate() {
                vst1q_f32(to.add(quarter * 4).cast(), sums);
            }
        }
    }
}

struct Bytes<const DOT: bool>;

// SAFETY of the blocks below: as for `Brain`.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all, above"
)]
impl<const DOT: bool> Dot for Bytes<DOT> {
    type Sums = [int32x4_t; 4];

    #[inline(always)]
    unsafe fn zero() -> Self::Sums {
        unsafe { [vdupq_n_s32(0); 4] }
    }

    #[inline(always)]
    unsafe fn add(sums: &mut Self::Sums, a: *const u8, line: *const u8) {
        unsafe {
            let a = vdupq_n_u32(a.cast::<u32>().read_unaligned());
            let a = vreinterpretq_s8_u32(a);
            for (quarter, sum) in sums.iter_mut().enumerate() {
                let b = vld1q_s8(line.add(quarter * 16).cast());
                if DOT {
                    // The compiler has no stable name for the instruction yet.
                    asm!(
                        ".arch_extension dotprod",
                        "sdot {sum:v}.4s, {a:v}.16b, {b:v}.16b",
                        sum = inout(vreg) *sum,
                        a = in(vreg) a,
                        b = in(vreg) b,
                        options(pure, nomem, nostack, preserves_flags),
                    );
                } else {
                    let low = vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)));
                    let high = vpaddlq_s16(vmull_s8(vget_high_s8(a), vget_high_s8(b)));
                    *sum = vaddq_s32(*sum, vpaddq_s32(low, high));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn store(sums: Self::Sums, to: *mut u32) {
        unsafe {
            for (quarter, sum) in sums.into_iter().enumerate() {
                vst1q_s32(to.add(quarter * 4).cast(), sum);
            }
        }
    }
}
