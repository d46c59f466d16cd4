//! The inverted index under both faces: terms to postings, by slot.
//!
//! A slot is a document's place in the order of arrival. Removal marks the slot dead and lowers
//! the document frequencies at once; dead postings are skipped and swept out when they are more
//! than half of a list, and all slots are numbered anew when more than half of them are dead, so
//! the cost of a removal is constant over time. Next: `rows`.

use super::statistics::{ShardStatistics, TermScore, TermStatistics};
use super::{LexicalOptions, check_k};
use crate::error::{Error, Result};
use crate::text::{Analyzer, StemMemo};
use std::cmp::{Ordering, Reverse};
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Mutex, PoisonError};

const DEAD: u32 = u32::MAX;
/// Below this many dead slots nothing is numbered anew.
const FEW: usize = 1024;

#[derive(Clone, Copy, Debug)]
struct Posting {
    slot: u32,
    frequency: u32,
}

#[derive(Debug, Default)]
struct Postings {
    /// Ascending by slot, dead ones among them.
    list: Vec<Posting>,
    /// How many of them are alive: the document frequency.
    alive: u32,
}

#[derive(Debug)]
pub(super) struct Inverted {
    options: LexicalOptions,
    analyzer: Analyzer,
    memo: StemMemo,
    terms: HashMap<Box<str>, u32>,
    postings: Vec<Postings>,
    slots: HashMap<u64, u32>,
    ids: Vec<u64>,
    /// Terms in the document, repeats included; `DEAD` for a removed one.
    lengths: Vec<u32>,
    /// The distinct terms of each document, ascending: what a removal must visit.
    contents: Vec<Box<[u32]>>,
    total_length: u64,
    scratch: Mutex<Vec<Scratch>>,
}

/// Accumulators, all zero between searches.
#[derive(Debug, Default)]
struct Scratch {
    scores: Vec<f32>,
    touched: Vec<u32>,
}

/// A candidate; the greatest is the worst: lowest score, then highest id.
#[derive(PartialEq)]
struct Candidate {
    score: f32,
    id: u64,
}

impl Eq for Candidate {}
impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        Reverse(self.score.to_bits())
            .cmp(&Reverse(other.score.to_bits()))
            .then(self.id.cmp(&other.id))
    }
}

/// How a length lowers a term frequency: `tf / (tf + flat + slope * length)`.
#[derive(Clone, Copy)]
struct Saturation {
    flat: f32,
    slope: f32,
}

impl Saturation {
    fn new(options: &LexicalOptions, statistics: &ShardStatistics) -> Self {
        let (k1, b) = (f64::from(options.k1), f64::from(options.b));
        let slope = match statistics.total_length {
            0 => 0.0,
            total => k1 * b * statistics.documents as f64 / total as f64,
        };
        Self {
            flat: (k1 * (1.0 - b)) as f32,
            slope: slope as f32,
        }
    }

    fn score(self, weight: f32, frequency: u32, length: u32) -> f32 {
        let tf = frequency as f32;
        weight * (tf / (tf + self.flat + self.slope * length as f32))
    }
}

impl Inverted {
    pub(super) fn new(options: &LexicalOptions) -> Result<Self> {
        options.check()?;
        Ok(Self {
            options: options.clone(),
            analyzer: Analyzer::new(options.language),
            memo: StemMemo::default(),
            terms: HashMap::new(),
            postings: Vec::new(),
            slots: HashMap::new(),
            ids: Vec::new(),
            lengths: Vec::new(),
            contents: Vec::new(),
            total_length: 0,
            scratch: Mutex::default(),
        })
    }

    pub(super) fn options(&self) -> &LexicalOptions {
        &self.options
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn contains(&self, id: u64) -> bool {
        self.slots.contains_key(&id)
    }

    /// Whether a text is short enough for its terms to be counted in 32 bits.
    pub(super) fn check_text(text: &str) -> Result<()> {
        // A term needs at least half a byte: characters of three bytes give one and a pair.
        if text.len() < (DEAD / 2) as usize {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "a text of {} bytes is too long to index; split it into passages",
            text.len()
        )))
    }

    /// Indexes a text under an id that is not held, checked by the caller.
    pub(super) fn insert(&mut self, id: u64, text: &str) -> Result<()> {
        if self.ids.len() >= DEAD as usize {
            return Err(Error::invalid(
                "an index holds fewer than 2^32 - 1 documents; use another shard",
            ));
        }
        let Self {
            terms, postings, ..
        } = self;
        let mut found = Vec::new();
        self.analyzer
            .for_each_term(text, &mut self.memo, &mut |term| {
                let number = match terms.get(term) {
                    Some(&number) => number,
                    None => {
                        let number = postings.len() as u32;
                        terms.insert(term.into(), number);
                        postings.push(Postings::default());
                        number
                    }
                };
                found.push(number);
            });
        let slot = self.ids.len() as u32;
        let length = found.len() as u32;
        found.sort_unstable();
        let mut contents = Vec::new();
        for group in found.chunk_by(|a, b| a == b) {
            let postings = &mut self.postings[group[0] as usize];
            postings.list.push(Posting {
                slot,
                frequency: group.len() as u32,
            });
            postings.alive += 1;
            contents.push(group[0]);
        }
        self.ids.push(id);
        self.lengths.push(length);
        self.contents.push(contents.into_boxed_slice());
        self.slots.insert(id, slot);
        self.total_length += u64::from(length);
        Ok(())
    }

    pub(super) fn remove(&mut self, id: u64) -> bool {
        let Entry::Occupied(entry) = self.slots.entry(id) else {
            return false;
        };
        let slot = entry.remove() as usize;
        self.total_length -= u64::from(self.lengths[slot]);
        self.lengths[slot] = DEAD;
        for &term in &*std::mem::take(&mut self.contents[slot]) {
            let postings = &mut self.postings[term as usize];
            postings.alive -= 1;
            if postings.list.len() > 2 * postings.alive as usize {
                postings
                    .list
                    .retain(|p| self.lengths[p.slot as usize] != DEAD);
                postings.list.shrink_to(2 * postings.list.len());
            }
        }
        if self.ids.len() - self.slots.len() > self.slots.len() + FEW {
            self.renumber();
        }
        true
    }

    /// Numbers the living slots from 0 and forgets terms that no document has.
    fn renumber(&mut self) {
        let mut next = 0;
        let moved: Vec<u32> = self
            .lengths
            .iter()
            .map(|&length| {
                if length == DEAD {
                    return DEAD;
                }
                next += 1;
                next - 1
            })
            .collect();
        let mut kept = 0;
        let renamed: Vec<u32> = self
            .postings
            .iter()
            .map(|p| {
                if p.alive == 0 {
                    return DEAD;
                }
                kept += 1;
                kept - 1
            })
            .collect();
        self.postings.retain(|p| p.alive > 0);
        self.terms.retain(|_, number| {
            *number = renamed[*number as usize];
            *number != DEAD
        });
        for postings in &mut self.postings {
            postings.list.retain_mut(|p| {
                p.slot = moved[p.slot as usize];
                p.slot != DEAD
            });
        }
        let mut slot = 0;
        self.contents.retain_mut(|terms| {
            slot += 1;
            for term in terms.iter_mut() {
                *term = renamed[*term as usize];
            }
            moved[slot - 1] != DEAD
        });
        let mut slot = 0;
        self.ids.retain(|_| {
            slot += 1;
            moved[slot - 1] != DEAD
        });
        self.lengths.retain(|length| *length != DEAD);
        for slot in self.slots.values_mut() {
            *slot = moved[*slot as usize];
        }
        self.scratch
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
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
                let documents = self.postings_of(term).map_or(0, |p| u64::from(p.alive));
                terms.push(TermStatistics {
                    term: term.to_owned(),
                    count: 1,
                    documents,
                });
            });
        ShardStatistics {
            documents: self.len() as u64,
            total_length: self.total_length,
            terms,
        }
    }

    fn postings_of(&self, term: &str) -> Option<&Postings> {
        self.terms
            .get(term)
            .map(|&number| &self.postings[number as usize])
    }

    /// The best `k` that `allowed` lets through: score descending, id ascending.
    pub(super) fn search(
        &self,
        statistics: &ShardStatistics,
        k: usize,
        allowed: Option<&dyn Fn(u64) -> bool>,
    ) -> Result<Vec<(u64, f32)>> {
        check_k(k)?;
        statistics.check()?;
        let mut scratch = self.pool().pop().unwrap_or_default();
        scratch.scores.resize(self.ids.len(), 0.0);
        self.accumulate(statistics, &mut scratch);
        let hits = self.best(&mut scratch, k, allowed);
        self.pool().push(scratch);
        Ok(hits)
    }

    fn pool(&self) -> std::sync::MutexGuard<'_, Vec<Scratch>> {
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accumulate(&self, statistics: &ShardStatistics, scratch: &mut Scratch) {
        let Scratch { scores, touched } = scratch;
        self.for_each_share(statistics, |slot, share| {
            let sum = &mut scores[slot as usize];
            // Every contribution is above 0, so 0 means not yet seen.
            if *sum == 0.0 {
                touched.push(slot);
            }
            *sum += share;
        });
    }

    /// What each query term adds to each living slot that has it, term after term in query order:
    /// added up in this order, the shares are the score.
    fn for_each_share(&self, statistics: &ShardStatistics, mut each: impl FnMut(u32, f32)) {
        let saturation = Saturation::new(&self.options, statistics);
        for term in &statistics.terms {
            let weight = statistics.weight(term);
            let Some(postings) = self.postings_of(&term.term) else {
                continue;
            };
            for posting in &postings.list {
                let length = self.lengths[posting.slot as usize];
                if length != DEAD {
                    let share = saturation.score(weight, posting.frequency, length);
                    each(posting.slot, share);
                }
            }
        }
    }

    /// Adds every document's score to its place in `out`, as far as `out` reaches.
    pub(super) fn scores_into(&self, statistics: &ShardStatistics, out: &mut [f32]) {
        self.for_each_share(statistics, |slot, share| {
            let place = usize::try_from(self.ids[slot as usize]);
            if let Some(score) = place.ok().and_then(|place| out.get_mut(place)) {
                *score += share;
            }
        });
    }

    /// Takes the best from the accumulators and leaves them zero.
    fn best(
        &self,
        scratch: &mut Scratch,
        k: usize,
        allowed: Option<&dyn Fn(u64) -> bool>,
    ) -> Vec<(u64, f32)> {
        let mut heap: BinaryHeap<Candidate> =
            BinaryHeap::with_capacity(k.min(scratch.touched.len()));
        let mut floor = f32::NEG_INFINITY;
        for slot in scratch.touched.drain(..) {
            let score = std::mem::take(&mut scratch.scores[slot as usize]);
            // 0 means taken already, which foreign statistics that round to nothing can cause.
            if score < floor || score <= 0.0 {
                continue;
            }
            let candidate = Candidate {
                score,
                id: self.ids[slot as usize],
            };
            if heap.len() == k && heap.peek().is_none_or(|worst| candidate >= *worst) {
                continue;
            }
            // The filter may be slow, so it is asked only about rows that would be taken.
            if allowed.is_some_and(|allowed| !allowed(candidate.id)) {
                continue;
            }
            if heap.len() == k {
                heap.pop();
            }
            heap.push(candidate);
            if heap.len() == k {
                floor = heap.peek().map_or(floor, |worst| worst.score);
            }
        }
        heap.into_sorted_vec()
            .into_iter()
            .map(|c| (c.id, c.score))
            .collect()
    }

    /// What each query term that the document has adds to its score, in query order.
    pub(super) fn explain(&self, statistics: &ShardStatistics, id: u64) -> Option<Vec<TermScore>> {
        let slot = *self.slots.get(&id)?;
        let saturation = Saturation::new(&self.options, statistics);
        let scores = statistics.terms.iter().filter_map(|term| {
            let postings = self.postings_of(&term.term)?;
            let frequency = frequency_in(postings, slot)?;
            let weight = statistics.weight(term);
            Some(TermScore {
                term: term.term.clone(),
                count: term.count,
                frequency,
                documents: term.documents,
                weight,
                score: saturation.score(weight, frequency, self.lengths[slot as usize]),
            })
        });
        Some(scores.collect())
    }

    /// The scores of chosen documents, 0 where none of the terms or no such document is.
    pub(super) fn scores(&self, statistics: &ShardStatistics, ids: &[u64]) -> Vec<f32> {
        let saturation = Saturation::new(&self.options, statistics);
        let slots: Vec<Option<u32>> = ids.iter().map(|id| self.slots.get(id).copied()).collect();
        let mut scores = vec![0.0; ids.len()];
        for term in &statistics.terms {
            let weight = statistics.weight(term);
            let Some(postings) = self.postings_of(&term.term) else {
                continue;
            };
            for (score, slot) in scores.iter_mut().zip(&slots) {
                let Some(slot) = *slot else { continue };
                if let Some(frequency) = frequency_in(postings, slot) {
                    *score += saturation.score(weight, frequency, self.lengths[slot as usize]);
                }
            }
        }
        scores
    }
}

fn frequency_in(postings: &Postings, slot: u32) -> Option<u32> {
    let place = postings.list.binary_search_by_key(&slot, |p| p.slot).ok()?;
    Some(postings.list[place].frequency)
}
