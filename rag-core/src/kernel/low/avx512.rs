//! AVX-512: products of small numbers, four of a group at a time.
//!
//! Processors differ in which of the two instructions they have: VNNI (`vpdpbusd`) came before
//! BF16 (`vdpbf16ps`). Where one is missing, numbers are widened first.
#![allow(unsafe_code)]

use super::product::{Block, GROUP, Product};
use crate::kernel::avx512::F16;
use std::arch::x86_64::*;

/// A set: with `VNNI` bytes are multiplied directly, with `HALF` brain floats are.
pub(in crate::kernel) struct Avx512<const VNNI: bool, const HALF: bool>;

impl<const VNNI: bool, const HALF: bool> Product for Avx512<VNNI, HALF> {
    type Wide = F16<HALF>;
    const ROWS: usize = 24;
    const PANELS: usize = 4;
    const SIGNED: bool = !VNNI;

    #[inline(always)]
    unsafe fn bf16(block: Block) {
        // SAFETY: the caller's promise, of the instruction set too.
        unsafe {
            if HALF {
                by_rows::<6>(block, |sum, a, b| {
                    let pairs = |x| std::mem::transmute::<__m512i, __m512bh>(x);
                    _mm512_castps_si512(_mm512_dpbf16_ps(
                        _mm512_castsi512_ps(sum),
                        pairs(a),
                        pairs(b),
                    ))
                });
            } else {
                by_rows::<6>(block, |sum, a, b| {
                    // A brain float is the upper half of an f32.
                    let low = |x| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(x));
                    let upper = _mm512_set1_epi32(0xffff_0000u32 as i32);
                    let high = |x| _mm512_castsi512_ps(_mm512_and_si512(x, upper));
                    let sum = _mm512_fmadd_ps(low(a), low(b), _mm512_castsi512_ps(sum));
                    _mm512_castps_si512(_mm512_fmadd_ps(high(a), high(b), sum))
                });
            }
        }
    }

    #[inline(always)]
    unsafe fn int8(block: Block) {
        // SAFETY: as in `bf16`.
        unsafe {
            if VNNI {
                by_rows::<6>(block, |sum, a, b| _mm512_dpbusd_epi32(sum, a, b));
            } else {
                by_rows::<6>(block, |sum, a, b| {
                    // Even and odd bytes as 16-bit numbers; their products' sums fit 32 bits.
                    let a0 = _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(a));
                    let a1 = _mm512_srai_epi16::<8>(a);
                    let b0 = _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(b));
                    let b1 = _mm512_srai_epi16::<8>(b);
                    let two =
                        _mm512_add_epi32(_mm512_madd_epi16(a0, b0), _mm512_madd_epi16(a1, b1));
                    _mm512_add_epi32(sum, two)
                });
            }
        }
    }
}

/// The block in tiles of `R` rows, and of 4, 2 and 1 at the end.
///
/// # Safety
/// As for [`Product`], and `dot` uses no other instructions.
#[inline(always)]
unsafe fn by_rows<const R: usize>(
    mut block: Block,
    dot: impl Fn(__m512i, __m512i, __m512i) -> __m512i + Copy,
) {
    while block.rows > 0 {
        // SAFETY: the caller's promise; each tile has at most the rows that are left.
        let done = unsafe {
            match block.rows {
                rows if rows >= R => by_panels::<R>(block, dot),
                4.. => by_panels::<4>(block, dot),
                2.. => by_panels::<2>(block, dot),
                _ => by_panels::<1>(block, dot),
            }
        };
        block.rows -= done;
        // SAFETY: those rows are done, the pointers go to the next, at most one behind the last.
        unsafe {
            block.a = block.a.add(done * block.lda);
            block.sums = block.sums.add(done * block.ld);
        }
    }
}

#[inline(always)]
unsafe fn by_panels<const R: usize>(
    mut block: Block,
    dot: impl Fn(__m512i, __m512i, __m512i) -> __m512i + Copy,
) -> usize {
    // SAFETY: the caller's promise for `R` rows and the panels that are left.
    unsafe {
        if block.panels == 4 {
            tile::<R, 4>(block, dot);
            return R;
        }
        if block.panels >= 2 {
            tile::<R, 2>(block, dot);
            block.b = block.b.add(2 * block.panel_bytes);
            block.sums = block.sums.add(32);
        }
        if block.panels % 2 == 1 {
            tile::<R, 1>(block, dot);
        }
    }
    R
}

#[inline(always)]
unsafe fn tile<const R: usize, const W: usize>(
    block: Block,
    dot: impl Fn(__m512i, __m512i, __m512i) -> __m512i,
) {
    // SAFETY: the caller promises `R` rows of `a` and `sums`, and `W` panels.
    unsafe {
        let mut sums = [[_mm512_setzero_si512(); W]; R];
        for group in 0..block.depth / GROUP {
            let mut b = [_mm512_setzero_si512(); W];
            for (w, b) in b.iter_mut().enumerate() {
                let line = block.b.add(w * block.panel_bytes + group * 64);
                *b = _mm512_loadu_si512(line.cast());
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let a = block.a.add(i * block.lda + group * GROUP);
                let a = _mm512_set1_epi32(a.cast::<i32>().read_unaligned());
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = dot(*sum, a, b);
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            for (w, sum) in sums.iter().enumerate() {
                let to = block.sums.add(i * block.ld + w * 16);
                _mm512_storeu_si512(to.cast(), *sum);
            }
        }
    }
}
