//! The terms of an index by text, and by the words that become them.
//!
//! Words repeat: a small cache leads from a word in its normal form straight to the number of its
//! term, so that most words are neither stemmed nor looked up by their stem. It has a fixed size
//! and forgets whatever is written over. Next: `postings`.

use super::ids::{LIMIT, Seed, Table};
use crate::error::{Error, Result};
use crate::text::{Analyzer, Piece};

/// What the cache says of a stop word.
const STOP: u32 = u32::MAX;
/// Words in a cache.
const CACHED: usize = 1 << 14;
/// Longer words are not cached.
const LONGEST: usize = 24;

/// A word, padded with zeros, and its term.
#[derive(Clone, Copy, Debug, Default)]
struct Cached {
    word: [u64; 3],
    length: u32,
    number: u32,
}

#[derive(Debug, Default)]
pub(super) struct Dictionary {
    seed: Seed,
    table: Table,
    /// All texts end to end, those of forgotten terms among them until the next sweep.
    texts: String,
    /// Where the text of a term begins, and its length.
    places: Vec<(u32, u16)>,
    /// Numbers of forgotten terms, to be given again.
    free: Vec<u32>,
    cache: Vec<Cached>,
}

impl Dictionary {
    pub(super) fn heap_bytes(&self) -> usize {
        self.table.heap_bytes()
            + self.texts.capacity()
            + self.places.capacity() * size_of::<(u32, u16)>()
            + self.free.capacity() * 4
            + self.cache.capacity() * size_of::<Cached>()
    }

    /// One more than the largest number given.
    pub(super) fn numbers(&self) -> usize {
        self.places.len()
    }

    /// The number of terms that are not forgotten.
    pub(super) fn known(&self) -> usize {
        self.places.len() - self.free.len()
    }

    fn text(&self, number: u32) -> &str {
        let (start, length) = self.places[number as usize];
        &self.texts[start as usize..][..usize::from(length)]
    }

    /// The number of a term.
    pub(super) fn find(&self, term: &str) -> Option<u32> {
        let same = |number| self.text(number) == term;
        self.table.get(self.seed.text(term), same)
    }

    /// The number of a piece's term without remembering anything; `None` for a stop word or a
    /// term that was never added.
    pub(super) fn look(&self, analyzer: &Analyzer, piece: Piece<'_>) -> Option<u32> {
        let word = match piece {
            Piece::Term(term) => return self.find(term),
            Piece::Word(word) => word,
        };
        if let Some((at, key)) = self.cached(word) {
            let held = &self.cache[at];
            if held.word == key && held.length as usize == word.len() {
                return (held.number != STOP).then_some(held.number);
            }
        }
        self.find(&analyzer.term(word)?)
    }

    /// The number of a piece's term, new if need be; `None` for a stop word.
    pub(super) fn intern(&mut self, analyzer: &Analyzer, piece: Piece<'_>) -> Result<Option<u32>> {
        let word = match piece {
            Piece::Term(term) => return self.number(term).map(Some),
            Piece::Word(word) => word,
        };
        if self.cache.is_empty() {
            self.cache = vec![Cached::default(); CACHED];
        }
        let place = self.cached(word);
        if let Some((at, key)) = place {
            let held = &self.cache[at];
            if held.word == key && held.length as usize == word.len() {
                return Ok((held.number != STOP).then_some(held.number));
            }
        }
        let number = match analyzer.term(word) {
            Some(term) => Some(self.number(&term)?),
            None => None,
        };
        if let Some((at, key)) = place {
            self.cache[at] = Cached {
                word: key,
                length: word.len() as u32,
                number: number.unwrap_or(STOP),
            };
        }
        Ok(number)
    }

    /// The word's place in the cache and its padded bytes.
    #[inline]
    fn cached(&self, word: &str) -> Option<(usize, [u64; 3])> {
        if word.len() > LONGEST || self.cache.is_empty() {
            return None;
        }
        let mut padded = [0; LONGEST];
        padded[..word.len()].copy_from_slice(word.as_bytes());
        let (eights, _) = padded.as_chunks::<8>();
        let key = [0, 1, 2].map(|i| u64::from_le_bytes(eights[i]));
        Some((self.seed.short(&key) as usize % CACHED, key))
    }

    fn number(&mut self, term: &str) -> Result<u32> {
        let hash = self.seed.text(term);
        let Self { texts, places, .. } = self;
        let text = |number: u32| {
            let (start, length) = places[number as usize];
            &texts[start as usize..][..usize::from(length)]
        };
        if let Some(number) = self.table.get(hash, |number| text(number) == term) {
            return Ok(number);
        }
        let seed = self.seed;
        let place = (u32::try_from(texts.len()), u16::try_from(term.len()));
        let (Ok(start), Ok(length), true) = (place.0, place.1, places.len() < LIMIT as usize)
        else {
            return Err(Error::invalid(
                "an index holds at most 4 GiB of distinct terms; use another shard",
            ));
        };
        let number = self.free.pop().unwrap_or(places.len() as u32);
        let hash_of = |number| seed.text(text(number));
        self.table.insert(hash, number, hash_of);
        texts.push_str(term);
        match self.places.get_mut(number as usize) {
            Some(place) => *place = (start, length),
            None => self.places.push((start, length)),
        }
        Ok(number)
    }

    /// Forgets the terms that `used` does not know; their numbers are given again.
    pub(super) fn sweep(&mut self, used: impl Fn(u32) -> bool) {
        self.cache.clear();
        self.table = Table::default();
        self.free.clear();
        let old = std::mem::take(&mut self.texts);
        for number in 0..self.places.len() as u32 {
            let (start, length) = self.places[number as usize];
            if !used(number) {
                self.places[number as usize] = (0, 0);
                self.free.push(number);
                continue;
            }
            let text = &old[start as usize..][..usize::from(length)];
            self.places[number as usize].0 = self.texts.len() as u32;
            self.texts.push_str(text);
            let Self {
                seed,
                table,
                texts,
                places,
                ..
            } = self;
            let hash_of = |number: u32| {
                let (start, length): (u32, u16) = places[number as usize];
                seed.text(&texts[start as usize..][..usize::from(length)])
            };
            table.insert(seed.text(text), number, hash_of);
        }
    }
}
