//! From a query, as text or as statistics, to its terms and weights, and from there to hits, scores
//! and explanations. Next: `search`.

use super::check_k;
use super::documents::Id;
use super::inverted::Inverted;
use super::saturation::Saturation;
use super::scratch::{QueryTerm, Scratch};
use super::search::Allowed;
use super::statistics::{ShardStatistics, TermScore, TermStatistics, weight};
use crate::error::Result;
use crate::text::StemMemo;
use std::collections::HashMap;

/// Distinct terms of a query that are found by looking through them.
const FEW_TERMS: usize = 16;

impl<I: Id> Inverted<I> {
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

    pub(super) fn saturation(&self) -> Saturation {
        Saturation::new(&self.options, self.len() as u64, self.total_length)
    }

    /// Leaves the query's terms that some document has in `scratch.terms`, in query order, and
    /// answers the sum of their weights.
    pub(super) fn read_query(&self, scratch: &mut Scratch<I>, query: &str) -> f32 {
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

    /// Leaves the terms of a query in `scratch.terms`; answers the sum of their weights and what lengths
    /// are worth.
    pub(super) fn read(&self, scratch: &mut Scratch<I>, query: Query<'_>) -> (f32, Saturation) {
        match query {
            Query::Text(text) => (self.read_query(scratch, text), self.saturation()),
            Query::Statistics(statistics) => {
                self.read_statistics(scratch, statistics);
                let saturation = Saturation::of(&self.options, statistics);
                (statistics.upper_bound(), saturation)
            }
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
            self.find(scratch, self.saturation(), k, 0.0, allowed);
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
            let (_, saturation) = self.read(scratch, Query::Statistics(statistics));
            self.find(scratch, saturation, k, 0.0, allowed);
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
                    false => self.find(scratch, self.saturation(), k, 0.0, Allowed::Slots),
                }
                let mut hits = Vec::new();
                take_best(scratch, &mut hits);
                each(hits);
            }
            Ok(())
        })
    }

    /// Leaves the slots of `ids` in `scratch.asked` and as bits in `scratch.allowed`.
    pub(super) fn ask(&self, scratch: &mut Scratch<I>, ids: &[I]) {
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

    /// The scores of chosen documents, 0 where none of the terms or no such document is. `out` is
    /// as long as `ids`, checked by the caller.
    pub(super) fn score_into(&self, query: Query<'_>, ids: &[I], out: &mut [f32]) {
        self.pool.with(|scratch| {
            let (_, saturation) = self.read(scratch, query);
            self.scores_of(scratch, saturation, ids, out);
        });
    }

    /// The same for the query in `scratch`.
    pub(super) fn scores_of(
        &self,
        scratch: &mut Scratch<I>,
        saturation: Saturation,
        ids: &[I],
        out: &mut [f32],
    ) {
        out.fill(0.0);
        self.ask(scratch, ids);
        self.add_asked(scratch, saturation);
        for &(slot, place) in &scratch.asked {
            let sum = scratch.all[(slot - self.documents.base()) as usize];
            out[place as usize] = sum as f32;
        }
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

pub(super) fn take_best<I: Id>(scratch: &mut Scratch<I>, hits: &mut Vec<(I, f32)>) {
    let from = hits.len();
    let best = scratch.best.drain();
    hits.extend(best.map(|candidate| (candidate.id, candidate.score())));
    hits[from..].sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
}
