//! The best k, without scoring what cannot be among them.
//!
//! Slots are taken in windows. In each, the terms that together cannot lift a document to the
//! k-th best score are set aside (MaxScore, Turtle and Flood 1995, with bounds by block: Ding and
//! Suel 2011); the others are added up, and only what could still get there is looked up in the
//! rest. Sums are kept in f64, where another order changes the last bits; a sum that lies so near
//! to the border between two f32 that this could matter is added up again in the order of the
//! query. Next: `scratch`.

use super::cursor::Scoring;
use super::documents::{DEAD, Id};
use super::inverted::Inverted;
use super::saturation::Saturation;
use super::scratch::{Candidate, QueryTerm, Scratch, WINDOW};
use std::cmp::Reverse;

/// Queries of more terms are scored in one piece.
const MANY_TERMS: usize = 64;
/// A sum below this part of a score is rounded to below the score.
const BELOW: f64 = 1.0 - 1.2e-7;
/// The relative error of one addition in f64, and a bit.
const ROUNDING: f64 = 2.3e-16;

/// What may be found.
#[derive(Clone, Copy)]
pub(super) enum Allowed<'a, I> {
    All,
    /// Asked only about documents that would be among the best.
    If(&'a dyn Fn(I) -> bool),
    /// The bits of `Scratch::allowed`.
    Slots,
}

/// Where a search stands.
struct Run<'a, I> {
    index: &'a Inverted<I>,
    saturation: Saturation,
    k: usize,
    allowed: Allowed<'a, I>,
    /// A sum below this one is not among the best.
    cut: f64,
}

impl<I: Id> Inverted<I> {
    /// Leaves the best `k` for the terms in `scratch` in `scratch.best`.
    pub(super) fn find(
        &self,
        scratch: &mut Scratch<I>,
        saturation: Saturation,
        k: usize,
        allowed: Allowed<'_, I>,
    ) {
        scratch.best.clear();
        let mut run = Run {
            index: self,
            saturation,
            k,
            allowed,
            cut: 0.0,
        };
        match scratch.terms.len() > MANY_TERMS {
            true => run.in_one_piece(scratch),
            false => run.in_windows(scratch),
        }
    }

    fn scoring(&self, saturation: Saturation) -> Scoring<'_> {
        Scoring {
            saturation,
            lengths: self.documents().lengths(),
            base: self.documents().base(),
        }
    }

    /// Starts a cursor for each of the first `count` terms from `from`.
    fn start(&self, scratch: &mut Scratch<I>, saturation: Saturation, from: usize, count: usize) {
        let scoring = self.scoring(saturation);
        let terms = &scratch.terms[from..from + count];
        if scratch.cursors.len() < count {
            scratch.cursors.resize_with(count, Default::default);
        }
        for (cursor, term) in scratch.cursors.iter_mut().zip(terms) {
            let postings = self.postings(term.number);
            cursor.start(term.number, term.weight, postings, scoring);
        }
    }

    /// Fills `scratch.all` with the sums of all slots, in query order.
    pub(super) fn add_all(&self, scratch: &mut Scratch<I>, saturation: Saturation) {
        let scoring = self.scoring(saturation);
        scratch.all.clear();
        scratch.all.resize(self.documents().slots(), 0.0);
        for i in 0..scratch.terms.len() {
            self.start(scratch, saturation, i, 1);
            let Scratch { cursors, all, .. } = &mut *scratch;
            let cursor = &mut cursors[0];
            let postings = self.postings(cursor.number);
            cursor.shares_before(u32::MAX, postings, scoring, |slot, share| {
                // Postings of slots that were dropped stay until their list is swept.
                if let Some(sum) = all.get_mut(slot.wrapping_sub(scoring.base) as usize) {
                    *sum += f64::from(share);
                }
            });
        }
    }

    /// The scores of the slots in `scratch.asked`, added up in the order of the query; `each` is
    /// called with the place and the score.
    pub(super) fn score_asked(
        &self,
        scratch: &mut Scratch<I>,
        saturation: Saturation,
        mut each: impl FnMut(u32, f32),
    ) {
        let scoring = self.scoring(saturation);
        if !scratch.asked.is_sorted() {
            scratch.asked.sort_unstable();
        }
        scratch.all.clear();
        scratch.all.resize(scratch.asked.len(), 0.0);
        for i in 0..scratch.terms.len() {
            self.start(scratch, saturation, i, 1);
            let Scratch {
                cursors,
                all,
                asked,
                ..
            } = &mut *scratch;
            let cursor = &mut cursors[0];
            let postings = self.postings(cursor.number);
            for (sum, &(slot, _)) in all.iter_mut().zip(&*asked) {
                *sum += f64::from(cursor.share_at(slot, postings, scoring));
            }
        }
        for (&(_, place), &sum) in scratch.asked.iter().zip(&scratch.all) {
            each(place, sum as f32);
        }
    }

    /// The score of one living document, added up in the order of the query.
    pub(super) fn exact(&self, terms: &[QueryTerm], saturation: Saturation, slot: u32) -> f32 {
        let Some(length) = self.documents().length(slot) else {
            return 0.0;
        };
        let share = |term: &QueryTerm| {
            let frequency = self.frequency(slot, term.number)?;
            Some(f64::from(saturation.score(term.weight, frequency, length)))
        };
        terms.iter().filter_map(share).fold(0.0, |a, b| a + b) as f32
    }
}

impl<I: Id> Run<'_, I> {
    fn in_one_piece(&mut self, scratch: &mut Scratch<I>) {
        self.index.add_all(scratch, self.saturation);
        let base = self.index.documents().base();
        for i in 0..scratch.all.len() {
            let sum = scratch.all[i];
            if sum > 0.0 && sum >= self.cut {
                self.offer(scratch, base + i as u32, sum as f32, true);
            }
        }
    }

    fn in_windows(&mut self, scratch: &mut Scratch<I>) {
        let count = scratch.terms.len();
        self.index.start(scratch, self.saturation, 0, count);
        let scoring = self.index.scoring(self.saturation);
        let mut start = scoring.base;
        loop {
            let mut low = None;
            for cursor in &mut scratch.cursors[..count] {
                let postings = self.index.postings(cursor.number);
                cursor.pass(start, postings, scoring);
                if let Some(next) = cursor.low(postings) {
                    low = Some(low.map_or(next, |low: u32| low.min(next)));
                }
            }
            let Some(low) = low else { return };
            start = start.max(low);
            let end = start.saturating_add(WINDOW as u32);
            start = match self.plan(scratch, end, scoring) {
                Some(skipped) => skipped.saturating_add(1).max(end),
                None => {
                    self.window(scratch, start, end, scoring);
                    end
                }
            };
        }
    }

    /// Orders the terms by what they can add in the window. If all of them together cannot reach
    /// the best, answers the last slot for which that holds.
    fn plan(&self, scratch: &mut Scratch<I>, end: u32, scoring: Scoring<'_>) -> Option<u32> {
        let Scratch {
            cursors,
            order,
            terms,
            ..
        } = scratch;
        order.clear();
        if self.cut <= 0.0 {
            order.extend((0..terms.len() as u32).map(|i| (i, f64::INFINITY)));
            return None;
        }
        let mut same_until = u32::MAX;
        for (i, cursor) in cursors[..terms.len()].iter_mut().enumerate() {
            let postings = self.index.postings(cursor.number);
            cursor.look(end, postings, scoring);
            order.push((i as u32, cursor.window.0));
            same_until = same_until.min(cursor.window.1);
        }
        order.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
        let mut sum = 0.0;
        for (_, bound) in order.iter_mut() {
            sum += *bound;
            *bound = sum;
        }
        (sum < self.cut).then_some(same_until)
    }

    fn window(&mut self, scratch: &mut Scratch<I>, start: u32, end: u32, scoring: Scoring<'_>) {
        let aside = scratch.order.partition_point(|&(_, sum)| sum < self.cut);
        let Scratch {
            cursors,
            order,
            sums,
            seen,
            candidates,
            ..
        } = &mut *scratch;
        for &(i, _) in &order[aside..] {
            let cursor = &mut cursors[i as usize];
            let postings = self.index.postings(cursor.number);
            cursor.shares_before(end, postings, scoring, |slot, share| {
                let place = (slot.wrapping_sub(start)) as usize % WINDOW;
                sums[place] += f64::from(share);
                seen[place / 64] |= 1 << (place % 64);
            });
        }
        let rest = aside.checked_sub(1).map_or(0.0, |last| order[last].1);
        let need = self.cut - rest;
        candidates.clear();
        for (word, bits) in seen.iter_mut().enumerate() {
            let mut bits = std::mem::take(bits);
            while bits != 0 {
                let place = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let sum = std::mem::take(&mut sums[place]);
                if sum >= need {
                    candidates.push((start + place as u32, sum));
                }
            }
        }
        if aside > 0 {
            self.look_up(scratch, aside, scoring);
        }
        let mut candidates = std::mem::take(&mut scratch.candidates);
        for (slot, sum) in candidates.drain(..) {
            if sum > 0.0 && sum >= self.cut {
                let score = self.rounded(scratch, slot, sum);
                self.offer(scratch, slot, score, aside == 0);
            }
        }
        scratch.candidates = candidates;
    }

    /// Adds to the candidates what the terms set aside give them, and drops those that cannot be
    /// among the best.
    fn look_up(&self, scratch: &mut Scratch<I>, aside: usize, scoring: Scoring<'_>) {
        let Scratch {
            cursors,
            order,
            candidates,
            allowed,
            ..
        } = scratch;
        match self.allowed {
            Allowed::All => {}
            _ => candidates.retain(|&(slot, _)| self.lets_through(allowed, slot)),
        }
        for place in (0..aside).rev() {
            let rest = place.checked_sub(1).map_or(0.0, |last| order[last].1);
            let cursor = &mut cursors[order[place].0 as usize];
            let postings = self.index.postings(cursor.number);
            candidates.retain_mut(|(slot, sum)| {
                let bound = cursor.bound_at(*slot, postings, scoring);
                if *sum + bound + rest < self.cut {
                    return false;
                }
                if bound > 0.0 {
                    *sum += f64::from(cursor.share_at(*slot, postings, scoring));
                }
                *sum + rest >= self.cut
            });
        }
    }

    fn lets_through(&self, allowed: &[u64], slot: u32) -> bool {
        match self.allowed {
            Allowed::All => true,
            Allowed::If(asked) => asked(self.index.documents().id(slot)),
            Allowed::Slots => {
                let place = (slot - self.index.documents().base()) as usize;
                allowed[place / 64] >> (place % 64) & 1 == 1
            }
        }
    }

    /// The score that the sum in query order has.
    fn rounded(&self, scratch: &Scratch<I>, slot: u32, sum: f64) -> f32 {
        let terms = scratch.terms.len();
        let error = sum * ROUNDING * terms as f64;
        let (low, high) = ((sum - error) as f32, (sum + error) as f32);
        // The order of two terms does not matter.
        if terms <= 2 || low == high {
            return sum as f32;
        }
        self.index.exact(&scratch.terms, self.saturation, slot)
    }

    fn offer(&mut self, scratch: &mut Scratch<I>, slot: u32, score: f32, ask: bool) {
        // 0 can be reached with foreign statistics, which round to nothing.
        if score <= 0.0 {
            return;
        }
        let candidate = Candidate {
            score: Reverse(score.to_bits()),
            id: self.index.documents().id(slot),
        };
        let full = scratch.best.len() >= self.k;
        if full && scratch.best.peek().is_none_or(|worst| candidate >= *worst) {
            return;
        }
        if ask && !self.lets_through(&scratch.allowed, slot) {
            return;
        }
        if full {
            if let Some(mut worst) = scratch.best.peek_mut() {
                *worst = candidate;
            }
        } else {
            scratch.best.push(candidate);
        }
        if scratch.best.len() >= self.k
            && let Some(worst) = scratch.best.peek()
        {
            self.cut = f64::from(worst.score()) * BELOW;
        }
    }
}

const _: () = assert!(DEAD as usize > WINDOW && WINDOW.is_power_of_two());
