//! The inverted index under both faces: terms to postings, by slot.
//!
//! Removal marks a document's slot dead and lowers the document frequencies at once; dead postings
//! are skipped, and swept out of a list when they are more than half of it. When more than half of
//! all slots are dead, every write moves a few of the oldest documents to the end, where they are
//! like new ones, until the front can be dropped: nothing is ever rebuilt at a stroke. Next:
//! `query`, then `rows`.

use super::LexicalOptions;
use super::dictionary::Dictionary;
use super::documents::{Documents, Id, length};
use super::postings::Postings;
use super::scratch::Pool;
use crate::error::{Error, Result};
use crate::plain::Plain;
use crate::text::Analyzer;

/// Below this many dead slots or unused terms nothing is tidied.
const FEW: usize = 1024;
/// Documents that one write moves at most.
const MOVED: usize = 8;

#[derive(Debug)]
pub(super) struct Inverted<I: Plain> {
    pub(super) options: LexicalOptions,
    pub(super) analyzer: Analyzer,
    pub(super) dictionary: Dictionary,
    /// By term number.
    pub(super) postings: Vec<Postings>,
    /// Terms that some living document has.
    used: usize,
    pub(super) documents: Documents<I>,
    pub(super) total_length: u64,
    pub(super) pool: Pool<I>,
    /// Room for the words and terms of the document that is being written.
    word: String,
    found: Vec<u32>,
    contents: Vec<(u32, u32)>,
}

/// The bytes that an index takes, by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LexicalBytes {
    /// Postings: which documents have a term, and how often.
    pub postings: usize,
    /// Terms by text, and the cache from words to terms.
    pub terms: usize,
    /// Documents by id, and their lengths.
    pub documents: usize,
    /// The terms of each document: what makes removals live.
    pub forward: usize,
}

impl LexicalBytes {
    /// All of them.
    pub fn total(&self) -> usize {
        self.postings + self.terms + self.documents + self.forward
    }
}

impl<I: Id> Inverted<I> {
    pub(super) fn new(options: &LexicalOptions) -> Result<Self> {
        options.check()?;
        Ok(Self {
            options: options.clone(),
            analyzer: Analyzer::new(options.language),
            dictionary: Dictionary::default(),
            postings: Vec::new(),
            used: 0,
            documents: Documents::default(),
            total_length: 0,
            pool: Pool::default(),
            word: String::new(),
            found: Vec::new(),
            contents: Vec::new(),
        })
    }
}

impl<I: Id> Inverted<I> {
    /// The lists of all terms.
    pub(super) fn set_postings(&mut self, postings: Vec<Postings>) {
        self.used = postings.iter().filter(|list| list.alive > 0).count();
        self.postings = postings;
    }

    pub(super) fn options(&self) -> &LexicalOptions {
        &self.options
    }

    pub(super) fn documents(&self) -> &Documents<I> {
        &self.documents
    }

    pub(super) fn postings(&self, number: u32) -> &Postings {
        &self.postings[number as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.documents.len()
    }

    pub(super) fn contains(&self, id: I) -> bool {
        self.documents.slot(id).is_some()
    }

    pub(super) fn bytes(&self) -> LexicalBytes {
        let [documents, forward] = self.documents.heap_bytes();
        let lists: usize = self.postings.iter().map(Postings::heap_bytes).sum();
        LexicalBytes {
            postings: self.postings.capacity() * size_of::<Postings>() + lists,
            terms: self.dictionary.heap_bytes(),
            documents,
            forward,
        }
    }

    /// Whether a text is short enough for its terms to be counted in 31 bits.
    pub(super) fn check_text(text: &str) -> Result<()> {
        // A term needs at least half a byte: characters of three bytes give one and a pair.
        if text.len() < (u32::MAX / 4) as usize {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "a text of {} bytes is too long to index; split it into passages",
            text.len()
        )))
    }

    /// Indexes a text under an id that is not held, checked by the caller.
    pub(super) fn insert(&mut self, id: I, text: &str) -> Result<()> {
        if self.documents.next().is_none() {
            self.renumber()?;
        }
        let Self {
            analyzer,
            dictionary,
            word,
            found,
            contents,
            ..
        } = self;
        found.clear();
        let mut failed = None;
        analyzer.for_each_piece(text, word, |piece| {
            match dictionary.intern(analyzer, piece) {
                Ok(Some(number)) => found.push(number),
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        found.sort_unstable();
        contents.clear();
        for group in found.chunk_by(|a, b| a == b) {
            contents.push((group[0], group.len() as u32));
        }
        let length = found.len() as u32;
        if found.capacity() > FEW * FEW {
            *found = Vec::new();
        }
        let numbers = self.dictionary.numbers();
        if self.postings.len() < numbers {
            if self.postings.capacity() < numbers {
                let more = numbers - self.postings.len();
                self.postings.reserve_exact(more.max(numbers / 8));
            }
            self.postings.resize_with(numbers, Postings::default);
        }
        self.write(id, length);
        for &(term, _) in &self.contents {
            let postings = &mut self.postings[term as usize];
            self.used += usize::from(postings.alive == 0);
            postings.alive += 1;
        }
        self.total_length += u64::from(length);
        self.tidy();
        Ok(())
    }

    /// Writes what `self.contents` holds at the next slot.
    fn write(&mut self, id: I, length: u32) {
        let Some(slot) = self.documents.next() else {
            return;
        };
        self.documents.push(id, length, &self.contents);
        let documents = &self.documents;
        for &(term, frequency) in &self.contents {
            let length_of = |slot| documents.length(slot);
            self.postings[term as usize].append(slot, frequency, length_of);
        }
    }

    fn read_contents(&mut self, slot: u32) {
        self.contents.clear();
        let mut reader = self.documents.contents(slot);
        while let Some(content) = reader.next() {
            if (content.0 as usize) < self.postings.len() {
                self.contents.push(content);
            }
        }
    }

    pub(super) fn remove(&mut self, id: I) -> bool {
        let Some(slot) = self.documents.slot(id) else {
            return false;
        };
        self.read_contents(slot);
        self.total_length -= u64::from(self.documents.remove(slot));
        for i in 0..self.contents.len() {
            let term = self.contents[i].0;
            let postings = &mut self.postings[term as usize];
            postings.alive = postings.alive.saturating_sub(1);
            self.used -= usize::from(postings.alive == 0 && self.used > 0);
            self.sweep(term);
        }
        self.tidy();
        true
    }

    /// Sweeps dead postings out of a list if they are more than half of it.
    fn sweep(&mut self, term: u32) {
        let postings = &mut self.postings[term as usize];
        if postings.count() > 2 * postings.alive as usize {
            let (lengths, base) = (self.documents.lengths(), self.documents.base());
            postings.sweep(|slot| length(lengths, base, slot));
        }
    }

    /// Does a part of the work that removals have left, if they have left much.
    fn tidy(&mut self) {
        for _ in 0..MOVED {
            let Some(oldest) = self.documents.advance() else {
                break;
            };
            if self.documents.slots() <= 2 * self.documents.len() + FEW {
                break;
            }
            self.move_to_the_end(oldest);
        }
        let unused = self.dictionary.known().saturating_sub(self.used);
        if unused > self.used + FEW {
            let postings = &self.postings;
            let used = |number: u32| postings.get(number as usize).is_some_and(|p| p.alive > 0);
            self.dictionary.sweep(used);
        }
    }

    fn move_to_the_end(&mut self, slot: u32) {
        if self.documents.next().is_none() {
            return;
        }
        self.read_contents(slot);
        let id = self.documents.id(slot);
        let length = self.documents.remove(slot);
        self.write(id, length);
        for i in 0..self.contents.len() {
            self.sweep(self.contents[i].0);
        }
    }

    /// Numbers all slots from 0, which 4 billion writes make necessary.
    fn renumber(&mut self) -> Result<()> {
        let old = self.documents.take();
        for postings in &mut self.postings {
            postings.clear();
        }
        let first = old.base();
        for (i, &length) in old.lengths().iter().enumerate() {
            let slot = first + i as u32;
            if old.length(slot).is_none() {
                continue;
            }
            self.contents.clear();
            let mut reader = old.contents(slot);
            while let Some(content) = reader.next() {
                self.contents.push(content);
            }
            self.write(old.id(slot), length);
        }
        match self.documents.next() {
            Some(_) => Ok(()),
            None => Err(Error::invalid(
                "an index holds fewer than 2^32 - 2 documents; use another shard",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::search::Allowed;
    use super::*;

    fn hits(index: &Inverted<u32>, query: &str) -> Vec<(u32, f32)> {
        let mut hits = Vec::new();
        index
            .search_into(query, 500, Allowed::All, &mut hits)
            .unwrap();
        hits
    }

    #[test]
    fn slots_that_run_out_are_numbered_anew() {
        let options = LexicalOptions::default().language(crate::text::Language::None);
        let text = |row: u32| format!("common w{} w{}", row % 13, row * row % 31);
        let (mut old, mut new) = (
            Inverted::<u32>::new(&options).unwrap(),
            Inverted::<u32>::new(&options).unwrap(),
        );
        old.documents.start_at(u32::MAX - 300);
        for row in 0..900 {
            old.insert(row, &text(row)).unwrap();
            if row % 3 == 0 {
                assert!(old.remove(row));
            } else {
                new.insert(row, &text(row)).unwrap();
            }
        }
        assert!(old.documents.base() < 1000);
        for query in ["common", "w3 w5", "w12 common w30"] {
            assert_eq!(hits(&old, query), hits(&new, query));
        }
        for row in (0..900).filter(|row| row % 3 != 0) {
            assert!(old.remove(row));
        }
        assert!(hits(&old, "common").is_empty());
    }

    #[test]
    fn what_a_fork_leaves_locked_is_done_without() {
        let mut index = Inverted::<u32>::new(&LexicalOptions::default()).unwrap();
        index.insert(1, "cat").unwrap();
        index
            .pool
            .with(|_| assert_eq!(hits(&index, "cat").len(), 1));
        let held = index.pool.lock_for_tests();
        assert_eq!(hits(&index, "cat").len(), 1);
        drop(held);
    }
}
