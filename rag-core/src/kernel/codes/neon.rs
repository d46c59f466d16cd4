//! NEON: every 64-bit ARM processor widens bytes in one instruction.
#![allow(unsafe_code)]

use super::{BLOCK_BYTES, Codes, SCALAR, check, each, each_of};
use std::arch::aarch64::*;

pub(in crate::kernel) static NEON: Codes = Codes {
    dots,
    scan,
    bytes,
    refine: SCALAR.refine,
    decode: SCALAR.decode,
};

fn dots(query: &[i8], codes: &[u8], rows: &[u32], out: &mut [i32]) {
    check(query.len(), codes.len(), 1);
    each_of((codes, query.len() / 2), rows, out, |row| dot(query, row));
}

fn scan(query: &[i8], codes: &[u8], out: &mut [i32]) {
    each(query, codes, out, |row| dot(query, row));
}

fn dot(query: &[i8], codes: &[u8]) -> i32 {
    let parts = codes.as_chunks::<16>().0.iter().enumerate();
    // SAFETY: NEON is part of the architecture; all three loads are of sixteen bytes.
    unsafe {
        let mut sum = vdupq_n_s32(0);
        for (i, codes) in parts {
            let at = i / 4 * 2 * BLOCK_BYTES + i % 4 * 16;
            let codes = vld1q_u8(codes.as_ptr());
            let lower = vreinterpretq_s8_u8(vandq_u8(codes, vdupq_n_u8(15)));
            let upper = vreinterpretq_s8_u8(vshrq_n_u8::<4>(codes));
            let low = vld1q_s8(query[at..][..16].as_ptr());
            let high = vld1q_s8(query[at + BLOCK_BYTES..][..16].as_ptr());
            // Four products of four bits and seven stay within sixteen bits.
            let mut pairs = vmull_s8(vget_low_s8(lower), vget_low_s8(low));
            pairs = vmlal_high_s8(pairs, lower, low);
            pairs = vmlal_s8(pairs, vget_low_s8(upper), vget_low_s8(high));
            pairs = vmlal_high_s8(pairs, upper, high);
            sum = vpadalq_s16(sum, pairs);
        }
        vaddvq_s32(sum)
    }
}

fn bytes(one: &[i8], many: &[i8], rows: &[u32], out: &mut [i32]) {
    assert!(one.len().is_multiple_of(16));
    // SAFETY: as in `dot`.
    each_of((many, one.len()), rows, out, |row| unsafe {
        let mut sum = vdupq_n_s32(0);
        for (a, b) in one.as_chunks::<16>().0.iter().zip(row.as_chunks::<16>().0) {
            let (a, b) = (vld1q_s8(a.as_ptr()), vld1q_s8(b.as_ptr()));
            sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
            sum = vpadalq_s16(sum, vmull_high_s8(a, b));
        }
        vaddvq_s32(sum)
    });
}
