//! AMX: tiles of sixteen rows of 64 bytes, and a product of two tiles in one instruction.
//!
//! The compiler knows neither the tile registers nor the instructions yet, so they are written in
//! assembly; it never uses the registers itself, so what one piece leaves in them the next finds.
//! Linux hands the tiles' memory out on request, once a process.
#![allow(unsafe_code)]

use super::product::{Block, Product};
use crate::kernel::avx512::F16;
use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::sync::OnceLock;

/// Whether the processor has tiles for both kinds of number, and the system lets us use them.
pub(in crate::kernel) fn available() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| present() && permitted())
}

fn present() -> bool {
    const BF16: u32 = 1 << 22;
    const TILE: u32 = 1 << 24;
    const INT8: u32 = 1 << 25;
    const SAVES: u32 = 1 << 27;
    const STATE: u64 = 0b11 << 17;
    #[target_feature(enable = "xsave")]
    fn enabled() -> u64 {
        // SAFETY: the function is compiled for the instruction, and called after a look for it.
        unsafe { _xgetbv(0) }
    }
    if __cpuid(0).eax < 7 || __cpuid(1).ecx & SAVES == 0 {
        return false;
    }
    let wanted = BF16 | TILE | INT8;
    // SAFETY: the system saves registers with `xsave`, as the bit above says.
    __cpuid_count(7, 0).edx & wanted == wanted && unsafe { enabled() } & STATE == STATE
}

#[cfg(target_os = "linux")]
fn permitted() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const REQUEST_PERMISSION: u64 = 0x1023;
    const TILE_DATA: u64 = 18;
    let answer: i64;
    // SAFETY: the call asks for the right to a register state; it touches no memory of ours.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") REQUEST_PERMISSION,
            in("rsi") TILE_DATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    answer == 0
}

#[cfg(not(target_os = "linux"))]
fn permitted() -> bool {
    false
}

#[repr(C, align(64))]
struct Config {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Every tile is full size: blocks at the edge are computed whole.
static CONFIG: Config = Config {
    palette: 1,
    start: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// Products by tiles.
pub(in crate::kernel) struct Tiles;

impl Product for Tiles {
    type Wide = F16<true>;
    const ROWS: usize = 32;
    const PANELS: usize = 4;

    #[inline(always)]
    unsafe fn open() {
        // SAFETY: the configuration is a valid one of 64 bytes, and tiles are ours to use.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIG, options(nostack, readonly)) }
    }

    #[inline(always)]
    unsafe fn close() {
        // SAFETY: tiles are ours to use; released, they cost nothing at the next task switch.
        unsafe { asm!("tilerelease", options(nostack, nomem)) }
    }

    #[inline(always)]
    unsafe fn bf16(block: Block) {
        // SAFETY: the caller's promise.
        unsafe { tiles::<Brain>(block) }
    }

    #[inline(always)]
    unsafe fn int8(block: Block) {
        // SAFETY: the caller's promise.
        unsafe { tiles::<Bytes>(block) }
    }
}

/// Tiles of a block's sums that are in registers at once: two by two, or one by one to four.
trait Multiply {
    unsafe fn two_by_two(block: Block);
    unsafe fn two_by_one(block: Block);
    unsafe fn one_by_four(block: Block);
    unsafe fn one_by_two(block: Block);
    unsafe fn one_by_one(block: Block);
}

#[inline(always)]
unsafe fn tiles<M: Multiply>(mut block: Block) {
    // SAFETY: the caller's promise; each piece is of panels that are left.
    unsafe {
        let next = |block: &mut Block, panels: usize| {
            block.b = block.b.add(panels * block.panel_bytes);
            block.sums = block.sums.add(panels * 16);
            block.panels -= panels;
        };
        let tall = block.rows > 16;
        if !tall && block.panels == 4 {
            return M::one_by_four(block);
        }
        while block.panels >= 2 {
            if tall {
                M::two_by_two(block);
            } else {
                M::one_by_two(block);
            }
            next(&mut block, 2);
        }
        if block.panels == 1 {
            if tall {
                M::two_by_one(block);
            } else {
                M::one_by_one(block);
            }
        }
    }
}

/// One piece in assembly: zero the sums, walk down the inner dimension a tile at a time, store.
macro_rules! piece {
    ($name:ident,
     zero [$($zero:literal),*], step [$($step:expr),*], store [$($store:literal),*]) => {
        #[inline(always)]
        unsafe fn $name(block: Block) {
            // SAFETY: the caller's promise: `depth / 64` tiles in each of the rows and panels
            // that the piece names, and room for its sums. Tiles are in no other use: the
            // compiler has none.
            unsafe {
                asm!(
                    "# {low} {under} {panel} {panel3}",
                    $($zero,)*
                    "2:",
                    $($step,)*
                    "add {a}, 64",
                    "add {low}, 64",
                    "add {b}, 1024",
                    "dec {steps}",
                    "jnz 2b",
                    $($store,)*
                    a = inout(reg) block.a => _,
                    low = inout(reg) block.a.add(16 * block.lda) => _,
                    b = inout(reg) block.b => _,
                    panel = in(reg) block.panel_bytes,
                    panel3 = in(reg) 3 * block.panel_bytes,
                    lda = in(reg) block.lda,
                    line = in(reg) 64usize,
                    steps = inout(reg) block.depth / 64 => _,
                    c = in(reg) block.sums,
                    under = in(reg) block.sums.add(16 * block.ld),
                    ldc = in(reg) 4 * block.ld,
                    options(nostack),
                );
            }
        }
    };
}

macro_rules! multiply {
    ($kind:ident, $instruction:literal) => {
        struct $kind;

        impl Multiply for $kind {
            piece!(two_by_two,
                zero ["tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3"],
                step [
                    "tileloadd tmm6, [{b} + {line}]",
                    "tileloadd tmm4, [{a} + {lda}]",
                    "tileloadd tmm5, [{low} + {lda}]",
                    concat!($instruction, " tmm0, tmm4, tmm6"),
                    concat!($instruction, " tmm2, tmm5, tmm6"),
                    "add {b}, {panel}",
                    "tileloadd tmm7, [{b} + {line}]",
                    "sub {b}, {panel}",
                    concat!($instruction, " tmm1, tmm4, tmm7"),
                    concat!($instruction, " tmm3, tmm5, tmm7")
                ],
                store [
                    "tilestored [{c} + {ldc}], tmm0",
                    "tilestored [{c} + {ldc} + 64], tmm1",
                    "tilestored [{under} + {ldc}], tmm2",
                    "tilestored [{under} + {ldc} + 64], tmm3"
                ]);
            piece!(two_by_one,
                zero ["tilezero tmm0", "tilezero tmm2"],
                step [
                    "tileloadd tmm6, [{b} + {line}]",
                    "tileloadd tmm4, [{a} + {lda}]",
                    "tileloadd tmm5, [{low} + {lda}]",
                    concat!($instruction, " tmm0, tmm4, tmm6"),
                    concat!($instruction, " tmm2, tmm5, tmm6")
                ],
                store ["tilestored [{c} + {ldc}], tmm0", "tilestored [{under} + {ldc}], tmm2"]);
            piece!(one_by_four,
                zero ["tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3"],
                step [
                    "tileloadd tmm4, [{a} + {lda}]",
                    "tileloadd tmm5, [{b} + {line}]",
                    concat!($instruction, " tmm0, tmm4, tmm5"),
                    "add {b}, {panel}",
                    "tileloadd tmm6, [{b} + {line}]",
                    concat!($instruction, " tmm1, tmm4, tmm6"),
                    "add {b}, {panel}",
                    "tileloadd tmm7, [{b} + {line}]",
                    concat!($instruction, " tmm2, tmm4, tmm7"),
                    "add {b}, {panel}",
                    "tileloadd tmm5, [{b} + {line}]",
                    concat!($instruction, " tmm3, tmm4, tmm5"),
                    "sub {b}, {panel3}"
                ],
                store [
                    "tilestored [{c} + {ldc}], tmm0",
                    "tilestored [{c} + {ldc} + 64], tmm1",
                    "tilestored [{c} + {ldc} + 128], tmm2",
                    "tilestored [{c} + {ldc} + 192], tmm3"
                ]);
            piece!(one_by_two,
                zero ["tilezero tmm0", "tilezero tmm1"],
                step [
                    "tileloadd tmm4, [{a} + {lda}]",
                    "tileloadd tmm6, [{b} + {line}]",
                    concat!($instruction, " tmm0, tmm4, tmm6"),
                    "add {b}, {panel}",
                    "tileloadd tmm7, [{b} + {line}]",
                    "sub {b}, {panel}",
                    concat!($instruction, " tmm1, tmm4, tmm7")
                ],
                store ["tilestored [{c} + {ldc}], tmm0", "tilestored [{c} + {ldc} + 64], tmm1"]);
            piece!(one_by_one,
                zero ["tilezero tmm0"],
                step [
                    "tileloadd tmm4, [{a} + {lda}]",
                    "tileloadd tmm6, [{b} + {line}]",
                    concat!($instruction, " tmm0, tmm4, tmm6")
                ],
                store ["tilestored [{c} + {ldc}], tmm0"]);
        }
    };
}

multiply!(Brain, "tdpbf16ps");
multiply!(Bytes, "tdpbusd");
