//! The truth for the others, in loops that a compiler can widen.

use super::{BLOCK, BLOCK_BYTES, Codes, Decode, check, each, each_of};

pub(in crate::kernel) static SCALAR: Codes = Codes {
    dots,
    scan,
    bytes,
    refine,
    decode,
};

fn dots(query: &[i8], codes: &[u8], rows: &[u32], out: &mut [i32]) {
    check(query.len(), codes.len(), 1);
    each_of((codes, query.len() / 2), rows, out, |row| dot(query, row));
}

fn scan(query: &[i8], codes: &[u8], out: &mut [i32]) {
    each(query, codes, out, |row| dot(query, row));
}

fn dot(query: &[i8], codes: &[u8]) -> i32 {
    let (query, _) = query.as_chunks::<BLOCK>();
    let (codes, _) = codes.as_chunks::<BLOCK_BYTES>();
    let mut sum = 0;
    for (query, codes) in query.iter().zip(codes) {
        let (low, high) = query.split_at(BLOCK_BYTES);
        for ((code, low), high) in codes.iter().zip(low).zip(high) {
            sum += i32::from(code & 15) * i32::from(*low);
            sum += i32::from(code >> 4) * i32::from(*high);
        }
    }
    sum
}

fn bytes(one: &[i8], many: &[i8], rows: &[u32], out: &mut [i32]) {
    each_of((many, one.len()), rows, out, |row| {
        let products = one.iter().zip(row);
        products.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
    });
}

/// The numbers of a block of codes, in order.
fn numbers(codes: &[u8; BLOCK_BYTES]) -> impl Iterator<Item = f32> {
    let low = codes.iter().map(|code| f32::from(code & 15));
    low.chain(codes.iter().map(|code| f32::from(code >> 4)))
}

fn refine(query: &[f32], codes: &[u8], rest: &[i8]) -> (f32, f32) {
    let (codes, _) = codes.as_chunks::<BLOCK_BYTES>();
    let mut sums = (0.0, 0.0);
    for ((query, rest), codes) in query.chunks(BLOCK).zip(rest.chunks(BLOCK)).zip(codes) {
        for ((x, rest), code) in query.iter().zip(rest).zip(numbers(codes)) {
            sums.0 += x * code;
            sums.1 += x * f32::from(*rest);
        }
    }
    sums
}

fn decode(codes: &[u8], rest: &[i8], by: Decode, out: &mut [i8]) {
    let (codes, _) = codes.as_chunks::<BLOCK_BYTES>();
    for ((out, rest), codes) in out.chunks_mut(BLOCK).zip(rest.chunks(BLOCK)).zip(codes) {
        for ((out, rest), code) in out.iter_mut().zip(rest).zip(numbers(codes)) {
            let x = code * by.code + (f32::from(*rest) * by.rest + by.constant);
            *out = x.clamp(-127.0, 127.0).round_ties_even() as i8;
        }
    }
}
