//! The best rows for a query, by both sides at once and without scoring all of them.
//!
//! The one idea: what was not looked at has at most the score of a row that is as good as the
//! last one seen on either side. Where the k-th best of those seen has more, the others need not
//! be looked at (the threshold algorithm of Fagin, Lotem and Naor, 2001); else both sides are
//! followed further down. The dense side comes first, because what it finds tells how good a row's
//! words must be to count at all, and by that the lexical side passes over most of its postings.

use super::likely::Lifts;
use super::query::Mode;
use super::state::State;
use crate::retrieval::bits::Bits;
use crate::retrieval::dense::{Nearest, Seek};
use crate::retrieval::fusion::{convex, normalize_cosine, normalize_lexical};
use crate::retrieval::lexical::Asked;
use crate::retrieval::topk::TopK;
use crate::threads;
use std::cmp::Ordering;

/// Rows that the dense side is followed down at first, beyond twice those asked for; each time it
/// was not enough by so many times as far.
const DEPTH: usize = 24;
const DEEPER: usize = 4;
/// So many times k the dense side is followed down at first where dials add to cosines, which no row
/// that was not looked at can be denied; the third time that is not enough, it has to do.
const LIFTED: usize = 20;
/// So many times as far the lexical side is followed down at most.
const LEXICAL: usize = 32;
/// Rows that the lexical side found and that are looked at in one go.
const AT_ONCE: usize = 16;
/// The pool of a walk where vectors alone decide and the caller names none: with it nDCG@10 stays
/// within 1% of exact search on every judged set.
const ALONE: usize = 400;
/// So many rows are all scored rather than searched among.
const FEW: usize = 256;
/// Rows that one thread scores, where there are more.
const PER_THREAD: usize = 4096;
/// What a floor is lowered by, so that rounding hides nothing that would reach it.
const LOWER: f32 = 1.0 - 1e-5;

/// A row with its scores on both sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    pub row: u32,
    pub score: f32,
    /// BM25; 0 where none of the words is.
    pub lexical: f32,
    /// The cosine; minus infinity without a vector.
    pub dense: f32,
}

/// How the scores of the two sides become one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blend {
    pub mode: Mode,
    /// The share of BM25.
    pub weight: f32,
    /// The BM25 score that no row exceeds.
    pub bound: f32,
}

impl Blend {
    /// The score of a row to whose cosine dials add `lift`, or `None` if it is no candidate. Never falls
    /// where a side rises, to the last bit.
    pub(super) fn score(&self, lexical: f32, dense: f32, lift: f32) -> Option<f32> {
        match self.mode {
            Mode::Lexical => (lexical > 0.0).then_some(lexical),
            // Not even the sign of a zero changes where nothing is added.
            Mode::Dense if lift == 0.0 => dense.is_finite().then_some(dense),
            Mode::Dense => dense.is_finite().then_some(dense + lift),
            Mode::Hybrid => {
                let (a, b) = self.parts(lexical, dense);
                let lift = match dense.is_finite() {
                    true => self.lifted(lift),
                    false => 0.0,
                };
                (lexical > 0.0 || dense.is_finite()).then_some(a + b + lift)
            }
        }
    }

    /// What arrives in the score of something added to a cosine.
    pub(super) fn lifted(&self, lift: f32) -> f32 {
        (self.share_of_a_cosine() * f64::from(lift)) as f32
    }

    /// What each side contributes to the score.
    pub(super) fn parts(&self, lexical: f32, dense: f32) -> (f32, f32) {
        match self.mode {
            Mode::Lexical => (lexical, 0.0),
            Mode::Dense => (0.0, dense),
            Mode::Hybrid => {
                let lexical = normalize_lexical(lexical, self.bound);
                let dense = dense.is_finite().then(|| normalize_cosine(dense));
                (
                    convex(Some(lexical), None, self.weight),
                    convex(None, dense, self.weight),
                )
            }
        }
    }

    /// How much of a cosine arrives in the score.
    pub(super) fn share_of_a_cosine(&self) -> f64 {
        match self.mode {
            Mode::Lexical => 0.0,
            Mode::Dense => 1.0,
            Mode::Hybrid => f64::from((1.0 - self.weight) / 2.0),
        }
    }

    /// The BM25 score from which on a row with this cosine may reach `score`; infinite if none can.
    fn floor(&self, score: f32, dense: f32, lift: f32) -> f32 {
        match self.mode {
            Mode::Dense => f32::INFINITY,
            Mode::Lexical => score.max(0.0),
            Mode::Hybrid => {
                let missing = score - self.parts(0.0, dense).1 - self.lifted(lift);
                match missing > self.weight {
                    true => f32::INFINITY,
                    false if missing <= 0.0 => 0.0,
                    false => missing / self.weight * self.bound * LOWER,
                }
            }
        }
    }
}

/// The rows that a search has come to so far.
struct Seen {
    /// The cosine that no row has to which the dense side did not come.
    beyond: f32,
    best: TopK<u32>,
    found: Vec<Found>,
    /// How far two scores may be from where they stand to each other, by the errors of their cosines.
    error: f32,
}

impl Seen {
    fn take(&mut self, found: Option<Found>) {
        if let Some(found) = found {
            self.best.push(found.row, found.score);
            self.found.push(found);
        }
    }

    /// The k-th best score, at least; minus infinity if there are fewer.
    fn kth(&self) -> f32 {
        let kth = self.best.threshold();
        kth.map_or(f32::NEG_INFINITY, |kth| kth - self.error)
    }
}

/// A query for which rows are looked for.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    pub state: &'a State,
    pub blend: Blend,
    /// The dense side, `None` if it is not asked.
    pub dense: Option<&'a Seek<'a>>,
    /// The rows that may be found, if not all.
    pub among: Option<&'a Bits>,
    /// What dials add to cosines, if they do.
    pub lifts: Option<&'a Lifts>,
    pub exact: bool,
    pub effort: Option<usize>,
    pub threads: usize,
}

impl Search<'_> {
    /// The best `k` rows: score descending, then id ascending. `asked` is the lexical side, `None`
    /// if it is not asked.
    pub(super) fn best(&self, k: usize, mut asked: Option<&mut Asked<'_>>) -> Vec<Found> {
        let count = self.among.map_or(self.state.len(), Bits::count);
        let (mut depth, deepest) = match self.lifts {
            None => (2 * k + DEPTH, usize::MAX),
            Some(_) => (LIFTED * k.max(10), DEEPER * DEEPER * LIFTED * k.max(10)),
        };
        while !self.exact && count > FEW.max(2 * depth) {
            let enough = depth >= deepest;
            if let Some(mut found) = self.down_to(depth, k, enough, asked.as_deref_mut()) {
                self.keep_best(&mut found, k);
                return found;
            }
            depth *= DEEPER;
        }
        let mut found = match self.among {
            Some(rows) => self.scored(rows.iter().collect(), asked),
            None => self.scored(self.state.alive().iter().collect(), asked),
        };
        self.keep_best(&mut found, k);
        found
    }

    /// Rows among which the best `k` are, if that can be told from the first `depth` of the dense
    /// side, or if these are to be `enough`.
    fn down_to(
        &self,
        depth: usize,
        k: usize,
        enough: bool,
        mut asked: Option<&mut Asked<'_>>,
    ) -> Option<Vec<Found>> {
        let how = Nearest {
            among: self.among,
            effort: match self.blend.mode {
                Mode::Dense => self.effort.or(Some(ALONE)),
                _ => self.effort,
            },
            threads: self.threads,
        };
        let (near, error) = match self.dense {
            Some(dense) => dense.nearly(depth, &how),
            None => (Vec::new(), 0.0),
        };
        let mut seen = Seen {
            beyond: near.get(depth - 1).map_or(f32::NEG_INFINITY, |last| last.1),
            best: TopK::new(k),
            found: Vec::with_capacity(near.len()),
            error: 2.0 * error * self.blend.share_of_a_cosine() as f32,
        };
        let rows: Vec<u32> = near.iter().map(|hit| hit.0).collect();
        let mut lexical = vec![0.0; near.len()];
        if let Some(asked) = asked.as_mut().filter(|_| !rows.is_empty()) {
            asked.expect_both();
            asked.scores(&rows, &mut lexical);
        }
        for (&(row, dense), &lexical) in near.iter().zip(&lexical) {
            seen.take(self.found(row, lexical, dense));
        }
        let end = match asked {
            Some(asked) => {
                let most = match rows.is_empty() || enough {
                    true => depth,
                    false => LEXICAL * depth,
                };
                self.follow_words(most, rows, asked, &mut seen)
            }
            None => self.blend.score(0.0, seen.beyond, self.most()),
        };
        let kth = seen.kth();
        if !enough && end.is_some_and(|end| end >= kth) {
            return None;
        }
        let mut found = seen.found;
        found.retain(|found| found.score >= kth);
        if error > 0.0 {
            found.iter().for_each(|found| self.expect(found.row));
            for found in &mut found {
                found.dense = self.dense_score(found.row);
                let lift = self.lift(found.row);
                let score = self.blend.score(found.lexical, found.dense, lift);
                found.score = score.unwrap_or(found.score);
            }
        }
        Some(found)
    }

    /// Takes `most` of what the lexical side finds and the dense side, which came to `known`, has not seen.
    /// Answers the score that no other row exceeds; `None` if there is none.
    fn follow_words(
        &self,
        most: usize,
        mut known: Vec<u32>,
        asked: &mut Asked<'_>,
        seen: &mut Seen,
    ) -> Option<f32> {
        let floor = self.blend.floor(seen.kth(), seen.beyond, self.most());
        if floor > self.blend.bound {
            return self.blend.score(0.0, seen.beyond, self.most());
        }
        let mut hits = Vec::with_capacity(AT_ONCE);
        asked.search(most, floor, self.among, &mut hits);
        let last = hits.get(most - 1).map_or(floor, |last| last.1);
        known.sort_unstable();
        hits.retain(|hit| known.binary_search(&hit.0).is_err());
        for hits in hits.chunks(AT_ONCE) {
            let mut open = self.at_most(hits);
            let rest = |hit: &(u32, f32)| self.blend.score(hit.1, seen.beyond, self.most());
            let rest = hits.iter().map(rest);
            let kth = seen.kth();
            // Words fall from hit to hit: behind the first that cannot reach the k-th, none can.
            let mut rest = rest.enumerate();
            let end = rest.find(|(_, rest)| rest.is_some_and(|rest| rest < kth));
            open.truncate(end.map_or(hits.len(), |end| end.0));
            let mut hopeful = Vec::with_capacity(AT_ONCE);
            for (&(row, lexical), most) in hits.iter().zip(open) {
                if most.is_some_and(|most| most >= kth) {
                    self.expect(row);
                    hopeful.push((row, lexical));
                }
            }
            for (row, lexical) in hopeful {
                seen.take(self.found(row, lexical, self.dense_score(row)));
            }
            if let Some((_, end)) = end {
                return end;
            }
        }
        self.blend.score(last, seen.beyond, self.most())
    }

    /// The most that the score of each hit of the lexical side can be.
    fn at_most(&self, hits: &[(u32, f32)]) -> Vec<Option<f32>> {
        let mut most = Vec::with_capacity(hits.len());
        match self.dense {
            Some(dense) => {
                let rows: Vec<u32> = hits.iter().map(|hit| hit.0).collect();
                dense.at_most(&rows, &mut most);
            }
            None => most.resize(hits.len(), f32::NEG_INFINITY),
        }
        let both = hits.iter().zip(most);
        both.map(|(hit, most)| self.blend.score(hit.1, most, self.lift(hit.0)))
            .collect()
    }

    pub(super) fn found(&self, row: u32, lexical: f32, dense: f32) -> Option<Found> {
        let score = self.blend.score(lexical, dense, self.lift(row))?;
        Some(Found {
            row,
            score,
            lexical,
            dense,
        })
    }

    /// What dials add to the cosine of a row, and to any at most.
    fn lift(&self, row: u32) -> f32 {
        self.lifts.map_or(0.0, |lifts| lifts.of(row))
    }

    pub(super) fn most(&self) -> f32 {
        self.lifts.map_or(0.0, Lifts::most)
    }

    fn expect(&self, row: u32) {
        if let Some(dense) = self.dense {
            dense.expect(row);
        }
    }

    /// The cosine of a row, minus infinity if it has no vector or none is asked for.
    pub(super) fn dense_score(&self, row: u32) -> f32 {
        let score = self.dense.and_then(|dense| dense.score(row));
        score.unwrap_or(f32::NEG_INFINITY)
    }

    /// Scores each of the rows on both sides.
    fn scored(&self, rows: Vec<u32>, asked: Option<&mut Asked<'_>>) -> Vec<Found> {
        let mut lexical = vec![0.0; rows.len()];
        if let Some(asked) = asked {
            asked.scores(&rows, &mut lexical);
        }
        let chunks = rows.len().div_ceil(PER_THREAD);
        let found = threads::map(self.threads.min(chunks), chunks, &|chunk| {
            let range = chunk * PER_THREAD..rows.len().min((chunk + 1) * PER_THREAD);
            let found =
                range.filter_map(|i| self.found(rows[i], lexical[i], self.dense_score(rows[i])));
            found.collect::<Vec<Found>>()
        });
        found.into_iter().flatten().collect()
    }

    pub(super) fn keep_best(&self, found: &mut Vec<Found>, k: usize) {
        let order = |a: &Found, b: &Found| self.state.order((a.row, a.score), (b.row, b.score));
        if found.len() > k {
            found.select_nth_unstable_by(k, order);
            found.truncate(k);
        }
        found.sort_unstable_by(order);
    }
}

impl State {
    /// Reads a little of each document, all at once, because one after the other each would have
    /// to be waited for; changes nothing but time.
    pub(super) fn touch(&self, found: &[Found]) {
        let read = found.iter().map(|found| self.rows.touch(found.row));
        std::hint::black_box(read.fold(0, |all, one| all ^ one));
    }

    /// The order of hits: score descending, then id ascending.
    pub(super) fn order(&self, a: (u32, f32), b: (u32, f32)) -> Ordering {
        b.1.total_cmp(&a.1)
            .then_with(|| self.rows.order_of_ids(a.0, b.0))
    }
}
