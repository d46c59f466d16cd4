//! Blocks of 128 small numbers, each in as few bits as the largest of them needs.
//!
//! Number `i` lies in lane `i % 4`: four lanes of 32 numbers side by side, so that a plain loop
//! over the lanes becomes vector instructions (Lemire and Boytsov 2015). Next: `postings`.

/// Numbers in a block.
pub(super) const BLOCK: usize = 128;
/// Lanes of a block.
const LANES: usize = 4;

/// Bits that the largest of `values` needs: 0 to 32.
pub(super) fn width(values: &[u32; BLOCK]) -> u8 {
    let all = values.iter().fold(0, |all, value| all | value);
    (u32::BITS - all.leading_zeros()) as u8
}

/// How many words a block takes.
pub(super) fn words(bits: u8) -> usize {
    LANES * usize::from(bits)
}

/// Appends the block; no value may need more than `bits`.
pub(super) fn pack(values: &[u32; BLOCK], bits: u8, out: &mut Vec<u32>) {
    let (start, bits) = (out.len(), usize::from(bits));
    out.resize(start + LANES * bits, 0);
    let words = &mut out[start..];
    for (i, &value) in values.iter().enumerate() {
        if bits == 0 {
            break;
        }
        let (lane, bit) = (i % LANES, i / LANES * bits);
        let (word, shift) = (bit / 32 * LANES + lane, bit % 32);
        words[word] |= value << shift;
        if shift + bits > 32 {
            words[word + LANES] |= value >> (32 - shift);
        }
    }
}

/// Number `i` of a block.
pub(super) fn get(words: &[u32], bits: u8, i: usize) -> u32 {
    let bits = usize::from(bits);
    if bits == 0 {
        return 0;
    }
    let (lane, bit) = (i % LANES, i / LANES * bits);
    let (word, shift) = (bit / 32 * LANES + lane, bit % 32);
    let mut value = words[word] >> shift;
    if shift + bits > 32 {
        value |= words[word + LANES] << (32 - shift);
    }
    value & (u32::MAX >> (32 - bits))
}

/// All numbers of a block.
pub(super) fn unpack(words: &[u32], bits: u8, out: &mut [u32; BLOCK]) {
    UNPACK[usize::from(bits)](words, out);
}

type Unpack = fn(&[u32], &mut [u32; BLOCK]);

macro_rules! widths {
    ($($bits:literal)*) => { [$(unpack_width::<$bits>),*] };
}

/// One loop for each width, so that shifts and masks are constants in it.
static UNPACK: [Unpack; 33] = widths!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
);

fn unpack_width<const BITS: usize>(words: &[u32], out: &mut [u32; BLOCK]) {
    if BITS == 0 {
        out.fill(0);
        return;
    }
    let words = &words[..LANES * BITS];
    let mask = u32::MAX >> (32 - BITS as u32);
    for (row, out) in out.chunks_exact_mut(LANES).enumerate() {
        let (word, shift) = (row * BITS / 32 * LANES, row * BITS % 32);
        for lane in 0..LANES {
            let mut value = words[word + lane] >> shift;
            if shift + BITS > 32 {
                value |= words[word + LANES + lane] << (32 - shift);
            }
            out[lane] = value & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_comes_back_whole_and_one_by_one() {
        for bits in 0..=32u8 {
            let top = if bits == 0 {
                0
            } else {
                u32::MAX >> (32 - bits)
            };
            let mut values = [0; BLOCK];
            for (i, value) in values.iter_mut().enumerate() {
                *value = (i as u32).wrapping_mul(0x9e37_79b9) & top;
            }
            values[77] = top;
            assert_eq!(width(&values), bits);
            let mut packed = vec![7];
            pack(&values, bits, &mut packed);
            assert_eq!(packed.len(), 1 + words(bits));
            let mut back = [1; BLOCK];
            unpack(&packed[1..], bits, &mut back);
            assert_eq!(back, values);
            for (i, &value) in values.iter().enumerate() {
                assert_eq!(get(&packed[1..], bits, i), value);
            }
        }
    }
}
