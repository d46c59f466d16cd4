//! Small numbers without vector instructions: the fallback, and what the others are tested beside.
#![allow(unsafe_code)]

use super::product::{Block, GROUP, PANEL, Product, read_bf16};
use crate::kernel::bf16::Bf16;
use crate::kernel::lanes::Lanes;

/// One float as a register of one lane.
#[derive(Clone, Copy)]
pub(in crate::kernel) struct F1(f32);

// SAFETY of every block below: the caller of a `Lanes` method promises the numbers at `p`.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all, above"
)]
impl Lanes for F1 {
    const N: usize = 1;

    unsafe fn splat(x: f32) -> Self {
        Self(x)
    }
    unsafe fn load(p: *const f32) -> Self {
        Self(unsafe { p.read() })
    }
    unsafe fn store(self, p: *mut f32) {
        unsafe { p.write(self.0) }
    }
    unsafe fn load_part(_: *const f32, _: usize, fill: Self) -> Self {
        fill
    }
    unsafe fn store_part(self, _: *mut f32, _: usize) {}
    unsafe fn add(self, b: Self) -> Self {
        Self(self.0 + b.0)
    }
    unsafe fn sub(self, b: Self) -> Self {
        Self(self.0 - b.0)
    }
    unsafe fn mul(self, b: Self) -> Self {
        Self(self.0 * b.0)
    }
    unsafe fn div(self, b: Self) -> Self {
        Self(self.0 / b.0)
    }
    // Not fused: without the instruction that is a function call.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        Self(self.0 * b.0 + c.0)
    }
    unsafe fn max(self, b: Self) -> Self {
        Self(if self.0 < b.0 { b.0 } else { self.0 })
    }
    unsafe fn min(self, b: Self) -> Self {
        Self(if self.0 > b.0 { b.0 } else { self.0 })
    }
    unsafe fn round(self) -> Self {
        Self(self.0.round_ties_even())
    }
    unsafe fn scale2(self, n: Self) -> Self {
        Self(self.0 * f32::from_bits(((n.0 as i32 + 127) as u32) << 23))
    }
    unsafe fn load_bf16(p: *const Bf16) -> Self {
        Self(unsafe { p.read() }.to_f32())
    }
    unsafe fn store_bf16(self, p: *mut Bf16) {
        unsafe { p.write(Bf16::from_f32(self.0)) }
    }
    unsafe fn store_byte(self, p: *mut u8) {
        unsafe { p.write(self.0.round_ties_even() as i32 as u8) }
    }
    unsafe fn load_i32(p: *const i32) -> Self {
        Self(unsafe { p.read() } as f32)
    }
    unsafe fn load_difference(p: *const i32, q: *const i32) -> Self {
        Self(unsafe { p.read().wrapping_sub(q.read()) } as f32)
    }
    unsafe fn sum(self) -> f32 {
        self.0
    }
    unsafe fn largest(self) -> f32 {
        self.0
    }
}

pub(in crate::kernel) struct Scalar;

impl Product for Scalar {
    type Wide = F1;
    const ROWS: usize = 8;
    const PANELS: usize = 4;
    const SIGNED: bool = true;

    unsafe fn bf16(block: Block) {
        // SAFETY: the caller's promise is that of `each`.
        unsafe {
            each(block, |a, b| {
                let mut sum = 0.0f32;
                for group in 0..block.depth / GROUP {
                    let (a, b) = (a.add(group * GROUP), b.add(group * GROUP * PANEL));
                    sum += read_bf16(a) * read_bf16(b);
                    sum += read_bf16(a.add(2)) * read_bf16(b.add(2));
                }
                f32::to_bits(sum)
            });
        }
    }

    unsafe fn int8(block: Block) {
        // SAFETY: as in `bf16`.
        unsafe {
            each(block, |a, b| {
                let mut sum = 0i32;
                for at in 0..block.depth {
                    let b = b.add(at / GROUP * GROUP * PANEL + at % GROUP);
                    sum +=
                        i32::from(a.add(at).cast::<i8>().read()) * i32::from(b.cast::<i8>().read());
                }
                sum as u32
            });
        }
    }
}

/// Writes `sum(row of a, column of b)` for every row and column of the block.
///
/// # Safety
/// As for [`Product`].
unsafe fn each(block: Block, sum: impl Fn(*const u8, *const u8) -> u32) {
    for i in 0..block.rows {
        for j in 0..block.panels * PANEL {
            // SAFETY: the caller's promise: row `i` and column `j` are of the block.
            unsafe {
                let column = j / PANEL * block.panel_bytes + j % PANEL * GROUP;
                let sum = sum(block.a.add(i * block.lda), block.b.add(column));
                block.sums.add(i * block.ld + j).write(sum);
            }
        }
    }
}
