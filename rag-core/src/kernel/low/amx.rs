//! AMX: tiles of sixteen rows of 64 bytes, and a product of two tiles in one instruction.
//!
//! The compiler knows neither the tile registers nor the instructions yet, so they are written in
//! assembly; it never uses the registers itself, so what one piece leaves in them the next finds.
//! Linux hands the tiles' memory out on request, once a process.
#![allow(unsafe_code)]

use super::product::{Block, DEPTH, PANEL, Product};
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
    const PANELS: usize = 2;
    const FLAT_PANELS: usize = 4;
    const SIGNED: bool = true;

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
        unsafe { by_tiles::<Brain>(block) }
    }

    #[inline(always)]
    unsafe fn int8(block: Block) {
        // SAFETY: the caller's promise.
        unsafe { by_tiles::<Bytes>(block) }
    }
}

/// Tiles 0 to 3 are sums, the others come and go: two by two sums for tall blocks, one by four
/// for flat ones, so that four chains of products hide the latency of each.
#[inline(always)]
unsafe fn by_tiles<M: Multiply>(block: Block) {
    // SAFETY: the caller's promise.
    unsafe {
        match (block.rows > 16, block.panels) {
            (true, 2) => tall::<M, 2>(block),
            (true, _) => tall::<M, 1>(block),
            (false, 4) => flat::<M, 4>(block),
            (false, 3) => flat::<M, 3>(block),
            (false, 2) => flat::<M, 2>(block),
            (false, _) => flat::<M, 1>(block),
        }
    }
}

#[inline(always)]
unsafe fn tall<M: Multiply, const WIDE: usize>(block: Block) {
    // SAFETY: the caller promises 32 rows of `depth` bytes, `WIDE` panels, and room for the sums.
    unsafe {
        zero::<0>();
        zero::<1>();
        zero::<2>();
        zero::<3>();
        let low = block.a.add(16 * block.lda);
        for at in (0..block.depth).step_by(DEPTH) {
            let b = block.b.add(at * PANEL);
            load::<6>(b, DEPTH);
            load::<4>(block.a.add(at), block.lda);
            load::<5>(low.add(at), block.lda);
            M::multiply::<0, 4, 6>();
            M::multiply::<2, 5, 6>();
            if WIDE == 2 {
                load::<7>(b.add(block.panel_bytes), DEPTH);
                M::multiply::<1, 4, 7>();
                M::multiply::<3, 5, 7>();
            }
        }
        let under = block.sums.add(16 * block.ld);
        store::<0>(block.sums, block.ld);
        store::<2>(under, block.ld);
        if WIDE == 2 {
            store::<1>(block.sums.add(PANEL), block.ld);
            store::<3>(under.add(PANEL), block.ld);
        }
    }
}

#[inline(always)]
unsafe fn flat<M: Multiply, const WIDE: usize>(block: Block) {
    // SAFETY: the caller promises 16 rows of `depth` bytes, `WIDE` panels, and room for the sums.
    unsafe {
        zero::<0>();
        zero::<1>();
        zero::<2>();
        zero::<3>();
        for at in (0..block.depth).step_by(DEPTH) {
            let b = block.b.add(at * PANEL);
            load::<4>(block.a.add(at), block.lda);
            load::<5>(b, DEPTH);
            M::multiply::<0, 4, 5>();
            if WIDE > 1 {
                load::<6>(b.add(block.panel_bytes), DEPTH);
                M::multiply::<1, 4, 6>();
            }
            if WIDE > 2 {
                load::<7>(b.add(2 * block.panel_bytes), DEPTH);
                M::multiply::<2, 4, 7>();
            }
            if WIDE > 3 {
                load::<5>(b.add(3 * block.panel_bytes), DEPTH);
                M::multiply::<3, 4, 5>();
            }
        }
        store::<0>(block.sums, block.ld);
        if WIDE > 1 {
            store::<1>(block.sums.add(PANEL), block.ld);
        }
        if WIDE > 2 {
            store::<2>(block.sums.add(2 * PANEL), block.ld);
        }
        if WIDE > 3 {
            store::<3>(block.sums.add(3 * PANEL), block.ld);
        }
    }
}

/// `C += A * B` of three tiles.
trait Multiply {
    unsafe fn multiply<const C: usize, const A: usize, const B: usize>();
}

struct Brain;

impl Multiply for Brain {
    #[inline(always)]
    unsafe fn multiply<const C: usize, const A: usize, const B: usize>() {
        // SAFETY: registers only; tiles are configured.
        unsafe {
            asm!("tdpbf16ps tmm{c}, tmm{a}, tmm{b}", c = const C, a = const A, b = const B,
                 options(nostack, nomem, preserves_flags))
        }
    }
}

struct Bytes;

impl Multiply for Bytes {
    #[inline(always)]
    unsafe fn multiply<const C: usize, const A: usize, const B: usize>() {
        // SAFETY: registers only; tiles are configured.
        unsafe {
            asm!("tdpbssd tmm{c}, tmm{a}, tmm{b}", c = const C, a = const A, b = const B,
                 options(nostack, nomem, preserves_flags))
        }
    }
}

#[inline(always)]
unsafe fn zero<const T: usize>() {
    // SAFETY: registers only; tiles are configured.
    unsafe { asm!("tilezero tmm{t}", t = const T, options(nostack, nomem, preserves_flags)) }
}

/// Reads sixteen rows of 64 bytes, `stride` bytes apart.
#[inline(always)]
unsafe fn load<const T: usize>(from: *const u8, stride: usize) {
    // SAFETY: the caller promises the bytes; tiles are configured.
    unsafe {
        asm!("tileloadd tmm{t}, [{from} + {stride}]", t = const T, from = in(reg) from,
             stride = in(reg) stride, options(nostack, readonly, preserves_flags))
    }
}

/// Writes sixteen rows of sixteen numbers, `ld` numbers apart.
#[inline(always)]
unsafe fn store<const T: usize>(to: *mut u32, ld: usize) {
    // SAFETY: the caller promises the room; tiles are configured.
    unsafe {
        asm!("tilestored [{to} + {stride}], tmm{t}", t = const T, to = in(reg) to,
             stride = in(reg) 4 * ld, options(nostack, preserves_flags))
    }
}
