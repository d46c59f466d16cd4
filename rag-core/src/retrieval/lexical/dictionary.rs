//! The terms of an index by text, and by the words that become them.
//!
//! Words repeat: a small cache leads from a word in its normal form straight to the number of its
//! term, so that most words are neither stemmed nor looked up by their stem. It has a fixed size
//! and forgets whatever is written over. Next: `postings`.

use crate::bytes::Read;
use crate::error::{Error, Result};
use crate::image::{Reader, Writer};
use crate::retrieval::bits::Bits;
use crate::retrieval::table::{LIMIT, Seed, Table};
use crate::text::{Analyzer, Piece};
use std::io;

/// What the cache says of a stop word.
const STOP: u32 = u32::MAX;
/// Words in a cache.
const CACHED: usize = 1 << 14;
/// Longer words are not cached.
const LONGEST: usize = 24;

/// Bytes of a term: more than any word makes, which is cut after some characters.
const LONGEST_TERM: usize = 0x7fff;

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
    /// All texts end to end, those of forgotten terms among them until the next sweep; in front of
    /// each its length in two bytes.
    texts: Vec<u8>,
    /// Where a term begins there.
    places: Vec<u32>,
    /// Numbers of forgotten terms, to be given again.
    free: Vec<u32>,
    cache: Vec<Cached>,
}

impl Dictionary {
    pub(super) fn heap_bytes(&self) -> usize {
        self.table.heap_bytes()
            + self.texts.capacity()
            + self.places.capacity() * 4
            + self.free.capacity() * 4
            + self.cache.capacity() * size_of::<Cached>()
    }

    /// Of distinct terms, whose texts stand end to end.
    pub(super) fn restored(texts: &str, lengths: &[u16]) -> Read<Self> {
        let mut new = Self::default();
        let mut rest = texts;
        for &length in lengths {
            let (term, behind) = rest
                .split_at_checked(usize::from(length))
                .filter(|(term, _)| !term.is_empty())
                .ok_or("a term that is cut within a character")?;
            rest = behind;
            let numbers = new.numbers();
            let number = new
                .number(term)
                .map_err(|_| "more terms than there can be")?;
            if number as usize != numbers {
                return Err("a term that is there twice");
            }
        }
        Ok(new)
    }

    /// How many arrays [`Dictionary::write`] writes.
    pub(super) const ARRAYS: usize = 5;

    pub(super) fn write(&self, to: &mut Writer<'_>) -> io::Result<()> {
        self.seed.write(to)?;
        self.table.write(to)?;
        to.array(&self.texts)?;
        to.array(&self.places)?;
        to.array(&self.free)
    }

    /// Reads what [`Dictionary::write`] wrote.
    pub(super) fn read(from: &mut Reader<'_>) -> Read<Self> {
        let seed = Seed::read(from)?;
        let mut table = from.clone();
        from.array::<u32>()?;
        let (texts, places): (Vec<u8>, Vec<u32>) = (from.vec()?, from.vec()?);
        let count = u32::try_from(places.len()).unwrap_or(u32::MAX);
        let table = Table::read(&mut table, 0..count)?;
        let free: Vec<u32> = from.vec()?;
        let forgotten: Bits = free.iter().copied().filter(|&free| free < count).collect();
        let known = places.len().checked_sub(free.len());
        if count >= LIMIT || known != Some(table.len()) || forgotten.count() != free.len() {
            return Err("terms that are neither known nor forgotten");
        }
        let mut starts = (0u32..).zip(&places);
        if !starts.all(|(number, &start)| forgotten.has(number) || is_text(&texts, start)) {
            return Err("a term that is not among the texts");
        }
        Ok(Self {
            seed,
            table,
            texts,
            places,
            free,
            cache: Vec::new(),
        })
    }

    /// One more than the largest number given.
    pub(super) fn numbers(&self) -> usize {
        self.places.len()
    }

    /// The number of terms that are not forgotten.
    pub(super) fn known(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// The bytes of a term.
    pub(super) fn text(&self, number: u32) -> &[u8] {
        text(&self.texts, self.places[number as usize])
    }

    /// The number of a term.
    pub(super) fn find(&self, term: &str) -> Option<u32> {
        let same = |number| self.text(number) == term.as_bytes();
        self.table.get(self.seed.text(term.as_bytes()), same)
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
        let hash = self.seed.text(term.as_bytes());
        let Self { texts, places, .. } = self;
        let text_of = |number: u32| text(texts, places[number as usize]);
        let same = |number| text_of(number) == term.as_bytes();
        if let Some(number) = self.table.get(hash, same) {
            return Ok(number);
        }
        let seed = self.seed;
        let (Ok(start), true, true) = (
            u32::try_from(texts.len()),
            term.len() <= LONGEST_TERM,
            places.len() < LIMIT as usize,
        ) else {
            return Err(Error::invalid(
                "an index holds at most 4 GiB of distinct terms; use another shard",
            ));
        };
        let number = self.free.pop().unwrap_or(places.len() as u32);
        let hash_of = |number| seed.text(text_of(number));
        self.table.insert(hash, number, hash_of);
        put_text(texts, term.as_bytes());
        match self.places.get_mut(number as usize) {
            Some(place) => *place = start,
            None => push(&mut self.places, start),
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
            if !used(number) {
                self.free.push(number);
                continue;
            }
            let kept = text(&old, self.places[number as usize]);
            self.places[number as usize] = self.texts.len() as u32;
            put_text(&mut self.texts, kept);
            let Self {
                seed,
                table,
                texts,
                places,
                ..
            } = self;
            let hash_of = |number: u32| seed.text(text(texts, places[number as usize]));
            table.insert(seed.text(kept), number, hash_of);
        }
    }
}

/// Whether a term begins at `start` and ends within the texts.
fn is_text(texts: &[u8], start: u32) -> bool {
    let from = texts.get(start as usize..).unwrap_or_default();
    let size = match from {
        [short @ 0..0x80, ..] => 1 + usize::from(*short),
        [high, low, ..] => 2 + (usize::from(high & 0x7f) << 8 | usize::from(*low)),
        _ => usize::MAX,
    };
    size <= from.len()
}

/// The term that begins at `start`.
#[inline]
fn text(texts: &[u8], start: u32) -> &[u8] {
    let from = &texts[start as usize..];
    let (length, term) = match from[0] {
        short @ 0..0x80 => (usize::from(short), &from[1..]),
        high => (
            usize::from(high & 0x7f) << 8 | usize::from(from[1]),
            &from[2..],
        ),
    };
    &term[..length]
}

/// Appends a term behind its length, which takes one byte below 128.
fn put_text(texts: &mut Vec<u8>, term: &[u8]) {
    let [high, low] = (term.len() as u16).to_be_bytes();
    let prefix = [high | 0x80, low];
    let prefix = match term.len() {
        0..0x80 => &prefix[1..],
        _ => &prefix,
    };
    let size = prefix.len() + term.len();
    if texts.len() + size > texts.capacity() {
        texts.reserve_exact(size.max(texts.len() / 8));
    }
    texts.extend_from_slice(prefix);
    texts.extend_from_slice(term);
}

/// Appends without the doubling that would leave up to half of the room empty.
fn push(places: &mut Vec<u32>, place: u32) {
    if places.len() == places.capacity() {
        places.reserve_exact(16 + places.len() / 8);
    }
    places.push(place);
}
