//! A 64-bit hash that tells models apart. It guards against mistakes, not against attackers.
//!
//! One chain of products is as slow as a product's latency, so that long inputs are dealt to eight
//! chains which meet at the end ([`Digest`]): the same bytes give the same hash on every machine,
//! in whatever pieces they come.

/// Folds 128-bit products, as wyhash does (Wang, 2019).
#[derive(Clone, Copy)]
pub(super) struct Fingerprint(u64);

const START: u64 = 0x243f_6a88_85a3_08d3;
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// The state behind a word.
#[inline(always)]
fn mixed(state: u64, word: u64) -> u64 {
    let product = u128::from(state ^ word).wrapping_mul(u128::from(MULTIPLIER));
    // A sum, so that a word equal to the state does not wipe it out.
    (product as u64 ^ (product >> 64) as u64).wrapping_add(word.rotate_left(32))
}

impl Fingerprint {
    pub(super) fn new(what: &str) -> Self {
        let mut hash = Self(START);
        hash.bytes(what.as_bytes());
        hash
    }

    pub(super) fn word(&mut self, word: u64) {
        self.0 = mixed(self.0, word);
    }

    /// The bytes and their number, so that neighbouring fields cannot trade places.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let mut digest = Digest::default();
        digest.add(bytes);
        self.word(digest.finish());
    }

    pub(super) fn finish(mut self) -> u64 {
        self.word(MULTIPLIER);
        self.word(MULTIPLIER);
        self.0
    }
}

const LANES: usize = 8;
const STRIPE: usize = 8 * LANES;

/// The hash of one run of bytes, given piece by piece.
pub(super) struct Digest {
    lanes: [u64; LANES],
    /// The beginning of a stripe whose end has not come yet.
    rest: [u8; STRIPE],
    held: usize,
    length: u64,
}

impl Default for Digest {
    fn default() -> Self {
        Self {
            lanes: std::array::from_fn(|i| START.wrapping_add(MULTIPLIER.wrapping_mul(i as u64))),
            rest: [0; STRIPE],
            held: 0,
            length: 0,
        }
    }
}

impl Digest {
    /// The next bytes; how a run is cut into pieces makes no difference.
    pub(super) fn add(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if self.held > 0 {
            let (now, later) = bytes.split_at(bytes.len().min(STRIPE - self.held));
            self.rest[self.held..][..now.len()].copy_from_slice(now);
            self.held += now.len();
            bytes = later;
            if self.held < STRIPE {
                return;
            }
            let full = self.rest;
            self.stripes(&[full]);
        }
        let (stripes, rest) = bytes.as_chunks::<STRIPE>();
        self.stripes(stripes);
        self.rest[..rest.len()].copy_from_slice(rest);
        self.held = rest.len();
    }

    fn stripes(&mut self, stripes: &[[u8; STRIPE]]) {
        let mut lanes = self.lanes;
        for stripe in stripes {
            for (lane, word) in lanes.iter_mut().zip(stripe.as_chunks::<8>().0) {
                *lane = mixed(*lane, u64::from_le_bytes(*word));
            }
        }
        self.lanes = lanes;
    }

    /// The hash of all bytes and of their number.
    pub(super) fn finish(mut self) -> u64 {
        if self.held > 0 {
            self.rest[self.held..].fill(0);
            let last = self.rest;
            self.stripes(&[last]);
        }
        let lanes = self.lanes.iter().chain([&self.length]);
        lanes.fold(START, |state, lane| mixed(state, *lane))
    }
}

/// The hash of bytes: the same on every machine.
pub(crate) fn hash_of(bytes: &[u8]) -> u64 {
    let mut digest = Digest::default();
    digest.add(bytes);
    digest.finish()
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
        // More than two stripes, and words that repeat.
        let text = b"thirty bytes of model weights.".repeat(5);
        let mut seen = std::collections::HashSet::from([of(&[&text])]);
        for bit in 0..text.len() * 8 {
            let mut other = text.clone();
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
        for words in 0..40 {
            assert!(seen.insert(of(&[&vec![0; 8 * words + 8]])), "zeros {words}");
        }
    }

    #[test]
    fn words_cannot_trade_places() {
        let word = |i: u64| i.wrapping_mul(MULTIPLIER).to_le_bytes();
        let of = |order: &[u64]| {
            let bytes: Vec<u8> = order.iter().flat_map(|i| word(*i)).collect();
            let mut digest = Digest::default();
            digest.add(&bytes);
            digest.finish()
        };
        let order: Vec<u64> = (1..=24).collect();
        let mut seen = std::collections::HashSet::from([of(&order)]);
        for i in 0..order.len() {
            for j in 0..i {
                let mut other = order.clone();
                other.swap(i, j);
                assert!(seen.insert(of(&other)), "{i} and {j}");
            }
        }
    }

    #[test]
    fn pieces_make_no_difference() {
        let bytes: Vec<u8> = (0..1000u32).map(|i| ((i * i) >> 3) as u8).collect();
        let whole = {
            let mut digest = Digest::default();
            digest.add(&bytes);
            digest.finish()
        };
        let mut rng = crate::Rng::new(5);
        for _ in 0..200 {
            let mut digest = Digest::default();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let size = (rng.uniform() * 150.0) as usize;
                let (now, later) = rest.split_at(size.min(rest.len()));
                digest.add(now);
                rest = later;
            }
            assert_eq!(digest.finish(), whole);
        }
    }

    #[test]
    fn the_hash_is_the_same_everywhere() {
        let mut hash = Fingerprint::new("test");
        hash.bytes(&[7; 100]);
        // Worked out apart from this code, by the formula.
        assert_eq!(hash.finish(), 0xc320_dd6e_c590_f571);
    }
}
