//! The inverted index under both faces: terms to postings, by slot.
//!
//! Removal marks a document's slot dead and lowers the document frequencies at once; dead postings
//! are skipped, and swept out of a list when they are more than half of it. When more than half of
//! all slots are dead, every write moves a few of the oldest documents to the end, where they are
//! like new ones, until the front can be dropped: nothing is ever rebuilt at a stroke. Next:
//! `search`, then `rows`.

use super::dictionary::Dictionary;
use super::documents::{Documents, Id, length};
use super::postings::Postings;
use super::saturation::Saturation;
use super::scratch::{Pool, QueryTerm, Scratch};
use super::search::Allowed;
use super::statistics::{ShardStatistics, TermScore, TermStatistics, weight};
use super::{LexicalOptions, check_k};
use crate::error::{Error, Result};
use crate::text::{Analyzer, StemMemo};
use std::collections::HashMap;

/// Below this many dead slots or unused terms nothing is tidied.
const FEW: usize = 1024;
/// Documents that one write moves at most.
const MOVED: usize = 8;
/// Distinct terms of a query that are found by looking through them.
const FEW_TERMS: usize = 16;

#[derive(Debug)]
pub(super) struct Inverted<I> {
    options: LexicalOptions,
    analyzer: Analyzer,
    dictionary: Dictionary,
    /// By term number.
    postings: Vec<Postings>,
    /// Terms that some living document has.
    used: usize,
    documents: Documents<I>,
    total_length: u64,
    pool: Pool<I>,
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

impl<I: Id + Default> Inverted<I> {
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
            self.contents.push(content);
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
            postings.alive -= 1;
            self.used -= usize::from(postings.alive == 0);
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
        let unused = self.dictionary.known() - self.used;
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

    pub(super) fn statistics(&self, query: &str) -> ShardStatistics {
        let mut places = HashMap::new();
        let mut terms: Vec<TermStatistics> = Vec::new();
        self.analyzer
            .for_each_term(query, &mut StemMemo::default(), &mut |term| {
                if let Some(&place) = places.get(term) {
                    let known: &mut TermStatistics = &mut terms[place];
                    known.count += 1;
                    return;
                }
                places.insert(term.to_owned(), terms.len());
                let number = self.dictionary.find(term);
                terms.push(TermStatistics {
                    term: term.to_owned(),
                    count: 1,
                    documents: number.map_or(0, |number| self.alive(number)),
                });
            });
        ShardStatistics {
            documents: self.len() as u64,
            total_length: self.total_length,
            terms,
        }
    }

    fn alive(&self, number: u32) -> u64 {
        let postings = self.postings.get(number as usize);
        postings.map_or(0, |postings| u64::from(postings.alive))
    }

    /// Terms in a document, in the mean, rounded up.
    pub(super) fn mean_length(&self) -> u64 {
        self.total_length.div_ceil(self.len().max(1) as u64)
    }

    fn saturation(&self) -> Saturation {
        Saturation::new(&self.options, self.len() as u64, self.total_length)
    }

    /// Leaves the query's terms that some document has in `scratch.terms`, in query order, and
    /// answers the sum of their weights.
    fn read_query(&self, scratch: &mut Scratch<I>, query: &str) -> f32 {
        let Scratch {
            word,
            terms,
            places,
            ..
        } = scratch;
        terms.clear();
        places.clear();
        self.analyzer.for_each_piece(query, word, |piece| {
            let Some(number) = self.dictionary.look(&self.analyzer, piece) else {
                return;
            };
            let known = match terms.len() <= FEW_TERMS {
                true => terms.iter().position(|term| term.number == number),
                false => places.get(&number).map(|&place| place as usize),
            };
            match known {
                Some(place) => terms[place].count += 1,
                None if self.alive(number) > 0 => {
                    terms.push(QueryTerm {
                        number,
                        count: 1,
                        weight: 0.0,
                    });
                    if terms.len() > FEW_TERMS {
                        let new = if places.is_empty() {
                            0
                        } else {
                            terms.len() - 1
                        };
                        let numbered = terms.iter().enumerate().skip(new);
                        places.extend(numbered.map(|(i, term)| (term.number, i as u32)));
                    }
                }
                None => {}
            }
        });
        let documents = self.len() as u64;
        for term in terms.iter_mut() {
            term.weight = weight(term.count, documents, self.alive(term.number));
        }
        let weights = terms.iter().map(|term| f64::from(term.weight));
        weights.fold(0.0, |sum, weight| sum + weight) as f32
    }

    /// The same from statistics, which may speak of more documents than are held.
    fn read_statistics(&self, scratch: &mut Scratch<I>, statistics: &ShardStatistics) {
        scratch.terms.clear();
        for term in &statistics.terms {
            let weight = statistics.weight(term);
            let found = self.dictionary.find(&term.term);
            let Some(number) = found.filter(|&number| self.alive(number) > 0 && weight > 0.0)
            else {
                continue;
            };
            scratch.terms.push(QueryTerm {
                number,
                count: term.count,
                weight,
            });
        }
    }

    /// Adds the best `k` for `query` that may be found to `hits`: score descending, id ascending.
    /// Answers the score that no document exceeds.
    pub(super) fn search_into(
        &self,
        query: &str,
        k: usize,
        allowed: Allowed<'_, I>,
        hits: &mut Vec<(I, f32)>,
    ) -> Result<f32> {
        check_k(k)?;
        self.pool.with(|scratch| {
            let bound = self.read_query(scratch, query);
            self.find(scratch, self.saturation(), k, allowed);
            take_best(scratch, hits);
            Ok(bound)
        })
    }

    pub(super) fn search_with(
        &self,
        statistics: &ShardStatistics,
        k: usize,
        allowed: Allowed<'_, I>,
    ) -> Result<Vec<(I, f32)>> {
        check_k(k)?;
        statistics.check()?;
        self.pool.with(|scratch| {
            self.read_statistics(scratch, statistics);
            let saturation = Saturation::of(&self.options, statistics);
            self.find(scratch, saturation, k, allowed);
            let mut hits = Vec::new();
            take_best(scratch, &mut hits);
            Ok(hits)
        })
    }

    /// [`search_into`](Self::search_into) among chosen ids, for many queries.
    pub(super) fn search_among<T: AsRef<str>>(
        &self,
        queries: &[T],
        k: usize,
        ids: &[I],
        mut each: impl FnMut(Vec<(I, f32)>),
    ) -> Result<()> {
        check_k(k)?;
        self.pool.with(|scratch| {
            self.ask(scratch, ids);
            // Each once: with its place it may stand there twice.
            scratch.asked.sort_unstable();
            scratch.asked.dedup_by_key(|(slot, _)| *slot);
            for query in queries {
                self.read_query(scratch, query.as_ref());
                match self.is_less_to_ask(scratch) {
                    true => self.find_asked(scratch, self.saturation(), k),
                    false => self.find(scratch, self.saturation(), k, Allowed::Slots),
                }
                let mut hits = Vec::new();
                take_best(scratch, &mut hits);
                each(hits);
            }
            Ok(())
        })
    }

    /// Leaves the slots of `ids` in `scratch.asked` and as bits in `scratch.allowed`.
    fn ask(&self, scratch: &mut Scratch<I>, ids: &[I]) {
        let Scratch { asked, allowed, .. } = scratch;
        asked.clear();
        allowed.clear();
        allowed.resize(self.documents.slots().div_ceil(64), 0);
        for (place, &id) in ids.iter().enumerate() {
            if let Some(slot) = self.documents.slot(id) {
                let at = (slot - self.documents.base()) as usize;
                allowed[at / 64] |= 1 << (at % 64);
                asked.push((slot, place as u32));
            }
        }
    }

    /// Adds every document's score to its place in `out`, as far as `out` reaches.
    pub(super) fn scores_into(&self, statistics: &ShardStatistics, out: &mut [f32]) {
        self.pool.with(|scratch| {
            self.read_statistics(scratch, statistics);
            self.add_all(scratch, Saturation::of(&self.options, statistics));
            for (i, &sum) in scratch.all.iter().enumerate() {
                if sum <= 0.0 {
                    continue;
                }
                let id: u64 = self.documents.id(self.documents.base() + i as u32).into();
                let place = usize::try_from(id).ok();
                if let Some(score) = place.and_then(|place| out.get_mut(place)) {
                    *score += sum as f32;
                }
            }
        });
    }

    /// The scores of chosen documents, 0 where none of the terms or no such document is. `out` is
    /// as long as `ids`, checked by the caller.
    pub(super) fn score_into(&self, query: Query<'_>, ids: &[I], out: &mut [f32]) {
        out.fill(0.0);
        self.pool.with(|scratch| {
            let saturation = match query {
                Query::Text(text) => {
                    self.read_query(scratch, text);
                    self.saturation()
                }
                Query::Statistics(statistics) => {
                    self.read_statistics(scratch, statistics);
                    Saturation::of(&self.options, statistics)
                }
            };
            self.ask(scratch, ids);
            self.add_asked(scratch, saturation);
            for &(slot, place) in &scratch.asked {
                let sum = scratch.all[(slot - self.documents.base()) as usize];
                out[place as usize] = sum as f32;
            }
        });
    }

    pub(super) fn upper_bound(&self, query: &str) -> f32 {
        self.pool.with(|scratch| self.read_query(scratch, query))
    }

    /// How often a living document has a term, if it has.
    pub(super) fn frequency(&self, slot: u32, number: u32) -> Option<u32> {
        let mut reader = self.documents.contents(slot);
        while let Some((term, frequency)) = reader.next() {
            if term >= number {
                return (term == number).then_some(frequency);
            }
        }
        None
    }

    /// What each query term that the document has adds to its score, in query order.
    pub(super) fn explain(&self, statistics: &ShardStatistics, id: I) -> Option<Vec<TermScore>> {
        let slot = self.documents.slot(id)?;
        let length = self.documents.length(slot)?;
        let saturation = Saturation::of(&self.options, statistics);
        let scores = statistics.terms.iter().filter_map(|term| {
            let number = self.dictionary.find(&term.term)?;
            let frequency = self.frequency(slot, number)?;
            let weight = statistics.weight(term);
            Some(TermScore {
                term: term.term.clone(),
                count: term.count,
                frequency,
                documents: term.documents,
                weight,
                score: saturation.score(weight, frequency, length),
            })
        });
        Some(scores.collect())
    }
}

/// A query as it comes.
#[derive(Clone, Copy)]
pub(super) enum Query<'a> {
    Text(&'a str),
    Statistics(&'a ShardStatistics),
}

fn take_best<I: Id>(scratch: &mut Scratch<I>, hits: &mut Vec<(I, f32)>) {
    let from = hits.len();
    let best = scratch.best.drain();
    hits.extend(best.map(|candidate| (candidate.id, candidate.score())));
    hits[from..].sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
}

#[cfg(test)]
mod tests {
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
