//! A 64-bit hash that tells models apart. It guards against mistakes, not against attackers.

/// Folds 128-bit products, as wyhash does (Wang, 2019).
#[derive(Clone, Copy)]
pub(super) struct Fingerprint(u64);

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl Fingerprint {
    pub(super) fn new(what: &str) -> Self {
        let mut hash = Self(0x243f_6a88_85a3_08d3);
        hash.bytes(what.as_bytes());
        hash
    }

    pub(super) fn word(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word).wrapping_mul(u128::from(MULTIPLIER));
        // A sum, so that a word equal to the state does not wipe it out.
        self.0 = (product as u64 ^ (product >> 64) as u64).wrapping_add(word.rotate_left(32));
    }

    /// The bytes and their number, so that neighbouring fields cannot trade places.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|w| self.word(u64::from_le_bytes(*w)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.word(u64::from_le_bytes(last));
        self.word(bytes.len() as u64);
    }

    pub(super) fn finish(mut self) -> u64 {
        self.word(MULTIPLIER);
        self.word(MULTIPLIER);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_and_every_border_counts() {
        let of = |parts: &[&[u8]]| {
            let mut hash = Fingerprint::new("test");
            parts.iter().for_each(|p| hash.bytes(p));
            hash.finish()
        };
        let text = *b"thirty bytes of model weights.";
        let mut seen = std::collections::HashSet::from([of(&[&text])]);
        for bit in 0..text.len() * 8 {
            let mut other = text;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(seen.insert(of(&[&other])), "bit {bit}");
        }
        for cut in 0..text.len() {
            assert!(seen.insert(of(&[&text[..cut]])), "cut {cut}");
            assert!(
                seen.insert(of(&[&text[..cut], &text[cut..]])),
                "border {cut}"
            );
        }
    }
}
