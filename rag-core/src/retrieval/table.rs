//! From an id to its slot, and from a text to its term: open addressing over numbers alone.
//!
//! The table holds 4 bytes a place and no keys: whoever owns the keys compares them.

use super::bits::Bits;
use crate::bytes::Read;
use crate::image::{Reader, Writer};
use crate::kernel::Large;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::ops::Range;

const EMPTY: u32 = u32::MAX;
const REMOVED: u32 = u32::MAX - 1;
/// Numbers at or above this one cannot be held.
pub(crate) const LIMIT: u32 = REMOVED;
const SMALLEST: usize = 16;

/// A hash that an outsider cannot foresee, so that no chosen words or keys make it slow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed([u64; 3]);

impl Default for Seed {
    fn default() -> Self {
        let state = RandomState::new();
        Self([1u64, 2, 3].map(|i| state.hash_one(i) | 1))
    }
}

fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    wide as u64 ^ (wide >> 64) as u64
}

impl Seed {
    #[inline]
    pub(crate) fn number(&self, value: u64) -> u64 {
        fold(value ^ self.0[0], self.0[1])
    }

    /// Of 24 bytes.
    #[inline]
    pub(crate) fn short(&self, bytes: &[u64; 3]) -> u64 {
        let [a, b, c] = self.0;
        fold(bytes[0] ^ a, bytes[1] ^ b) ^ fold(bytes[2] ^ c, a)
    }

    pub(crate) fn text(&self, text: &[u8]) -> u64 {
        let [a, b, c] = self.0;
        let mut hash = fold(text.len() as u64 ^ a, b);
        let mut chunks = text.chunks_exact(8);
        for chunk in &mut chunks {
            let value = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
            hash = fold(hash ^ value, c);
        }
        let mut rest = [0; 8];
        rest[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
        fold(hash ^ u64::from_le_bytes(rest), b)
    }
}

impl Seed {
    pub(crate) fn write(&self, to: &mut Writer<'_>) -> io::Result<()> {
        to.array(&self.0)
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Read<Self> {
        from.fixed().map(Self)
    }
}

/// Numbers by hash.
#[derive(Debug, Default)]
pub(crate) struct Table {
    places: Large<u32>,
    /// Places that are not empty, removed ones among them.
    used: usize,
    len: usize,
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&self.places[..])
    }

    fn place(&self, hash: u64, same: impl Fn(u32) -> bool) -> Option<usize> {
        if self.places.is_empty() {
            return None;
        }
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.places[at] {
                EMPTY => return None,
                REMOVED => {}
                number if same(number) => return Some(at),
                _ => {}
            }
            at = (at + 1) & mask;
        }
    }

    /// The number with this hash for which `same` holds.
    #[inline]
    pub(crate) fn get(&self, hash: u64, same: impl Fn(u32) -> bool) -> Option<u32> {
        self.place(hash, same).map(|at| self.places[at])
    }

    /// Adds a number that is not held. `hash_of` is asked about all numbers when the table grows.
    pub(crate) fn insert(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        if (self.used + 1) * 5 > self.places.len() * 4 {
            self.grow(hash_of);
        }
        self.put(hash, number);
    }

    fn put(&mut self, hash: u64, number: u32) {
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        while self.places[at] < LIMIT {
            at = (at + 1) & mask;
        }
        self.used += usize::from(self.places[at] == EMPTY);
        self.places[at] = number;
        self.len += 1;
    }

    fn grow(&mut self, hash_of: impl Fn(u32) -> u64) {
        let size = ((self.len + 1) * 3 / 2).next_power_of_two().max(SMALLEST);
        let old = std::mem::take(&mut self.places);
        self.places.grow(size, EMPTY);
        (self.used, self.len) = (0, 0);
        for &number in old.iter().filter(|&&number| number < LIMIT) {
            self.put(hash_of(number), number);
        }
    }

    pub(crate) fn remove(&mut self, hash: u64, same: impl Fn(u32) -> bool) -> Option<u32> {
        let at = self.place(hash, same)?;
        self.len -= 1;
        Some(std::mem::replace(&mut self.places[at], REMOVED))
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) -> io::Result<()> {
        to.array(&self.places)
    }

    /// Reads what [`Table::write`] wrote of numbers in a range, each of them there once at most.
    pub(crate) fn read(from: &mut Reader<'_>, all: Range<u32>) -> Read<Self> {
        const WRONG: &str = "a table leads to what is not there, or twice to the same";
        let mut seen = Bits::default();
        let (mut used, mut len) = (0, 0);
        let places = Large::apart(&from.array()?, |places| {
            for &number in places.iter().filter(|&&number| number != EMPTY) {
                used += 1;
                if number == REMOVED {
                    continue;
                }
                if !all.contains(&number) || seen.has(number) {
                    return Err(WRONG);
                }
                seen.set(number, true);
                len += 1;
            }
            Ok(())
        })?;
        // Looking goes on until an empty place comes.
        let whole = places.is_empty() || places.len().is_power_of_two() && used < places.len();
        match whole {
            true => Ok(Self { places, used, len }),
            false => Err("a table of a size that none has"),
        }
    }
}
