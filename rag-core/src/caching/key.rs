//! Keys: fields one after the other, each with its length, the tenant first.
//!
//! Two keys are equal only if all their fields are: no field can run over into the next, and no field of one
//! tenant can be taken for another's name. The hash only finds the place; the bytes are always compared.

use crate::bytes::Writer;
use crate::rng::Rng;
use std::sync::OnceLock;

/// What an entry is found by.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    bytes: Box<[u8]>,
    /// Where the tenant's field ends.
    tenant: usize,
    hash: u128,
}

impl std::fmt::Debug for Key {
    /// The hash alone: the fields hold questions.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:032x})", self.hash)
    }
}

impl Key {
    /// All fields.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The tenant's field.
    pub(super) fn tenant(&self) -> &[u8] {
        &self.bytes[..self.tenant]
    }

    /// The place in memory; another number in each process.
    pub(super) fn hash(&self) -> u128 {
        self.hash
    }

    /// Bytes that it takes.
    pub(super) fn weight(&self) -> usize {
        self.bytes.len()
    }
}

/// The field of a tenant, with which all its keys begin.
pub(super) fn tenant_field(tenant: Option<&str>) -> Vec<u8> {
    let mut bytes = Writer::default();
    match tenant {
        None => bytes.byte(0),
        Some(name) => {
            bytes.byte(1);
            bytes.long(name.len() as u64);
            bytes.bytes(name.as_bytes());
        }
    }
    bytes.finish()
}

/// Puts a key together. Whatever may change what is kept under it belongs into it.
///
/// ```
/// use rag_core::caching::KeyBuilder;
/// let key = |tenant, a: &str, b: &str| KeyBuilder::new(tenant).text(a).text(b).finish();
/// assert_eq!(key(None, "model", "why?"), key(None, "model", "why?"));
/// assert_ne!(key(None, "model", "why?"), key(None, "mod", "elwhy?"));
/// assert_ne!(key(None, "model", "why?"), key(Some(""), "model", "why?"));
/// ```
#[derive(Clone)]
#[must_use]
pub struct KeyBuilder {
    bytes: Vec<u8>,
    tenant: usize,
}

impl std::fmt::Debug for KeyBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyBuilder({} bytes)", self.bytes.len())
    }
}

impl KeyBuilder {
    /// A key of this tenant; `None` is nobody's, and no tenant's name is that.
    pub fn new(tenant: Option<&str>) -> Self {
        let bytes = tenant_field(tenant);
        Self {
            tenant: bytes.len(),
            bytes,
        }
    }

    /// Adds bytes.
    pub fn bytes(mut self, field: &[u8]) -> Self {
        self.bytes
            .extend_from_slice(&(field.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(field);
        self
    }

    /// Adds a text.
    pub fn text(self, field: &str) -> Self {
        self.bytes(field.as_bytes())
    }

    /// Adds a text that may be missing; a missing one is not an empty one.
    pub fn maybe(self, field: Option<&str>) -> Self {
        match field {
            None => self.bytes(&[0]),
            Some(text) => self.bytes(&[1]).text(text),
        }
    }

    /// Adds a whole number.
    pub fn number(self, field: u64) -> Self {
        self.bytes(&field.to_le_bytes())
    }

    /// Adds a number. Zero has no sign.
    pub fn real(self, field: f64) -> Self {
        self.bytes(&(field + 0.0).to_le_bytes())
    }

    /// The key.
    pub fn finish(self) -> Key {
        Key {
            hash: hash(&self.bytes, own_seed()),
            bytes: self.bytes.into_boxed_slice(),
            tenant: self.tenant,
        }
    }
}

/// What keys are hashed with in this process. Random, so that nobody can choose questions whose places collide.
fn own_seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(Rng::seed_from_system)
}

const LANES: usize = 4;
const MULTIPLIERS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93];

/// The state behind a word: folded 128-bit products (Wang, 2019), and a sum, so that a word equal to the state
/// does not wipe it out.
#[inline(always)]
fn mixed(state: u64, word: u64, multiplier: u64) -> u64 {
    let product = u128::from(state ^ word).wrapping_mul(u128::from(multiplier));
    (product as u64 ^ (product >> 64) as u64).wrapping_add(word.rotate_left(32))
}

/// 128 bits of some bytes: the same on every machine for the same seed. Words are dealt to four chains in each
/// half, because one chain of products is as slow as a product's latency.
pub(super) fn hash(bytes: &[u8], seed: u64) -> u128 {
    let start = |half: usize, lane: usize| {
        mixed(
            seed ^ MULTIPLIERS[half],
            lane as u64 + 1,
            MULTIPLIERS[1 - half],
        )
    };
    let mut lanes: [[u64; LANES]; 2] =
        std::array::from_fn(|half| std::array::from_fn(|lane| start(half, lane)));
    let mut stripe = |words: &[u8; 8 * LANES]| {
        for (lane, word) in words.as_chunks::<8>().0.iter().enumerate() {
            let word = u64::from_le_bytes(*word);
            for (half, lanes) in lanes.iter_mut().enumerate() {
                lanes[lane] = mixed(lanes[lane], word, MULTIPLIERS[half]);
            }
        }
    };
    let (stripes, rest) = bytes.as_chunks::<{ 8 * LANES }>();
    stripes.iter().for_each(&mut stripe);
    if !rest.is_empty() {
        let mut last = [0; 8 * LANES];
        last[..rest.len()].copy_from_slice(rest);
        stripe(&last);
    }
    let [low, high]: [u64; 2] = std::array::from_fn(|half| {
        let length = bytes.len() as u64;
        let folded = lanes[half]
            .iter()
            .fold(length, |state, lane| mixed(state, *lane, MULTIPLIERS[half]));
        mixed(folded, MULTIPLIERS[1 - half], MULTIPLIERS[half])
    });
    u128::from(high) << 64 | u128::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_bit_and_every_length_counts_in_both_halves() {
        let text = b"thirty bytes of model weights.".repeat(5);
        let mut seen = [HashSet::new(), HashSet::new()];
        let mut fresh = |bytes: &[u8]| {
            let hash = hash(bytes, 7);
            seen[0].insert(hash as u64) && seen[1].insert((hash >> 64) as u64)
        };
        assert!(fresh(&text));
        for bit in 0..text.len() * 8 {
            let mut other = text.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(fresh(&other), "bit {bit}");
        }
        for cut in 0..text.len() {
            assert!(fresh(&text[..cut]), "cut {cut}");
        }
        for zeros in 1..200 {
            assert!(fresh(&vec![0; zeros]), "zeros {zeros}");
        }
        assert_ne!(hash(&text, 7), hash(&text, 8));
    }

    #[test]
    fn places_are_spread_evenly() {
        let mut counts = [0; 32];
        for i in 0..32_000u32 {
            counts[(hash(&i.to_le_bytes(), 3) >> 123) as usize] += 1;
        }
        assert!(counts.iter().all(|n| (850..1150).contains(n)), "{counts:?}");
    }

    #[test]
    fn a_key_is_its_fields() {
        let keys = [
            KeyBuilder::new(None).finish(),
            KeyBuilder::new(Some("")).finish(),
            KeyBuilder::new(Some("a")).finish(),
            KeyBuilder::new(None).text("").finish(),
            KeyBuilder::new(None).text("a").finish(),
            KeyBuilder::new(None).text("a").text("").finish(),
            KeyBuilder::new(None).text("").text("a").finish(),
            KeyBuilder::new(None).maybe(None).finish(),
            KeyBuilder::new(None).maybe(Some("")).finish(),
            KeyBuilder::new(None).number(1).finish(),
            KeyBuilder::new(None).real(1.0).finish(),
            KeyBuilder::new(None).real(f64::NAN).finish(),
        ];
        for (i, a) in keys.iter().enumerate() {
            for b in &keys[..i] {
                assert!(a != b && a.bytes() != b.bytes() && a.hash() != b.hash());
            }
        }
        let zero = |x| KeyBuilder::new(None).real(x).finish();
        assert_eq!(zero(0.0), zero(-0.0));
        let key = KeyBuilder::new(Some("shop"))
            .text("secret question")
            .finish();
        assert_eq!(key.tenant(), tenant_field(Some("shop")));
        assert!(!format!("{key:?}").contains("secret"));
    }
}
