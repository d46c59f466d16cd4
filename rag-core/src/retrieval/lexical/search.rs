//! The best k, without scoring what cannot be among them.
//!
//! Slots are taken in windows. In each, the terms that together cannot lift a document to the
//! k-th best score are set aside (MaxScore, Turtle and Flood 1995, with bounds by block: Ding and
//! Suel 2011); the others are added up, and only what could still get there is looked up in the
//! rest. Sums are kept in f64, where another order changes the last bits; a sum that lies so near
//! to the border between two f32 that this could matter is added up again in the order of the
//! query. Next: `every`.

use super::cursor::{Cursor, Scoring};
use super::documents::Id;
use super::inverted::Inverted;
use super::saturation::Saturation;
use super::scratch::{Candidate, QueryTerm, Scratch, WINDOW};
use crate::plain::Plain;
use std::cmp::Reverse;

/// Queries of more terms are scored in one piece.
const MANY_TERMS: usize = 64;
/// The fewest slots that are taken at a time, and the postings that a window should have.
const SMALL_WINDOW: usize = 4096;
const ENOUGH: usize = 1024;
/// A list is set aside if it has so many times the postings of those that are not: a look-up costs
/// as much as adding up some of them, and in a sparse list it reads a block for itself. Measured, as
/// are the numbers above and below.
const LOOK_UP: [f32; 2] = [4.0, 1.0];
/// A list is dense if one in so many slots has a posting.
const DENSE_LIST: f32 = 16.0;
/// A window is dense if one in so many slots has a posting.
const DENSE: f32 = 4.0;
/// Sums that are compared with what is needed before one is looked at.
const AT_ONCE: usize = 16;
/// A sum below this part of a score is rounded to below the score.
pub(super) const BELOW: f64 = 1.0 - 1.2e-7;
/// Bits of f64 beyond those of f32, less one for the rounding of a share: as a factor.
const ROOM: f64 = (1 << 28) as f64;
/// The relative error of one addition in f64, and a bit.
const ROUNDING: f64 = 2.3e-16;

/// What may be found.
#[derive(Clone, Copy)]
pub(super) enum Allowed<'a, I> {
    All,
    /// Asked only about documents that may be among the best.
    If(&'a dyn Fn(I) -> bool),
    /// The bits of `Scratch::allowed`.
    Slots,
}

/// Where a search stands.
pub(super) struct Run<'a, I: Plain> {
    pub(super) index: &'a Inverted<I>,
    saturation: Saturation,
    pub(super) k: usize,
    allowed: Allowed<'a, I>,
    /// A sum below this one is not among the best, or so it was guessed.
    pub(super) cut: f64,
    /// The highest score that was guessed to be below the best.
    pub(super) guess: f32,
    /// Whether to guess.
    pub(super) guessing: bool,
    /// Whether sums are the same in every order.
    exact: bool,
}

impl<I: Id> Inverted<I> {
    /// Leaves the best `k` for the terms in `scratch` in `scratch.best`. What scores less than
    /// `floor` may be left out.
    pub(super) fn find(
        &self,
        scratch: &mut Scratch<I>,
        saturation: Saturation,
        k: usize,
        floor: f32,
        allowed: Allowed<'_, I>,
    ) {
        scratch.best.clear();
        let mut run = self.run(saturation, k, floor, allowed);
        run.exact = run.is_exact(&scratch.terms);
        match scratch.terms.len() > MANY_TERMS {
            true => {
                self.add_all(scratch, saturation);
                run.among_all(scratch);
            }
            false => run.guess_and_check(scratch),
        }
    }

    /// [`find`](Self::find) where [`add_all`](Self::add_all) has left the sums of all slots.
    pub(super) fn find_added(
        &self,
        scratch: &mut Scratch<I>,
        saturation: Saturation,
        k: usize,
        floor: f32,
        allowed: Allowed<'_, I>,
    ) {
        scratch.best.clear();
        self.run(saturation, k, floor, allowed).among_all(scratch);
    }

    fn run<'a>(
        &'a self,
        saturation: Saturation,
        k: usize,
        floor: f32,
        allowed: Allowed<'a, I>,
    ) -> Run<'a, I> {
        Run {
            index: self,
            saturation,
            k,
            allowed,
            cut: f64::from(floor) * BELOW,
            guess: 0.0,
            guessing: false,
            exact: false,
        }
    }

    pub(super) fn scoring(&self, saturation: Saturation) -> Scoring<'_> {
        Scoring {
            saturation,
            lengths: self.documents().lengths(),
            base: self.documents().base(),
        }
    }

    /// Starts a cursor for each of the first `count` terms from `from`.
    pub(super) fn start(
        &self,
        scratch: &mut Scratch<I>,
        saturation: Saturation,
        from: usize,
        count: usize,
    ) {
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
}

impl<I: Id> Run<'_, I> {
    /// Finds the best of the sums of all slots.
    fn among_all(&mut self, scratch: &mut Scratch<I>) {
        let base = self.index.documents().base();
        let all = std::mem::take(&mut scratch.all);
        for (from, sums) in (base..).step_by(AT_ONCE).zip(all.chunks(AT_ONCE)) {
            let need = self.cut.max(f64::MIN_POSITIVE);
            if !sums.iter().fold(false, |any, &sum| any | (sum >= need)) {
                continue;
            }
            for (slot, &sum) in (from..).zip(sums) {
                if sum > 0.0 && sum >= self.cut {
                    self.offer(scratch, slot, sum as f32, true);
                }
            }
        }
        scratch.all = all;
    }

    pub(super) fn in_windows(&mut self, scratch: &mut Scratch<I>) {
        let count = scratch.terms.len();
        self.index.start(scratch, self.saturation, 0, count);
        let scoring = self.index.scoring(self.saturation);
        let window = self.window_for(&mut scratch.cursors[..count]);
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
            let end = start.saturating_add(window as u32);
            start = match self.plan(scratch, window, end, scoring) {
                Some(skipped) => skipped.saturating_add(1).max(end),
                None => {
                    self.window(scratch, start, end, scoring);
                    let slots = self.index.documents().slots() as f64;
                    self.guess(scratch, f64::from(end - scoring.base) / slots);
                    end
                }
            };
        }
    }

    /// How many slots to take at a time: few enough for the nearest cache, unless that would leave
    /// hardly anything to do in a window.
    fn window_for(&self, cursors: &mut [Cursor]) -> usize {
        let slots = self.index.documents().slots().max(1);
        let alive = |cursor: &Cursor| self.index.postings(cursor.number).alive as usize;
        let all: usize = cursors.iter().map(alive).sum();
        let mut window = SMALL_WINDOW;
        while window < WINDOW && all * window < slots * ENOUGH {
            window *= 2;
        }
        for cursor in cursors {
            cursor.likely = alive(cursor) as f32 * window as f32 / slots as f32;
        }
        window
    }

    /// Chooses the terms to set aside in the window, which has `window` slots and ends at
    /// `end`. If all terms together cannot reach the best, answers the last slot for which that
    /// holds.
    fn plan(
        &self,
        scratch: &mut Scratch<I>,
        window: usize,
        end: u32,
        scoring: Scoring<'_>,
    ) -> Option<u32> {
        let Scratch {
            cursors,
            order,
            aside,
            terms,
            ..
        } = scratch;
        order.clear();
        aside.clear();
        if self.cut <= 0.0 {
            order.extend((0..terms.len() as u32).map(|i| (i, 0.0)));
            return None;
        }
        let mut same_until = u32::MAX;
        let mut all = 0.0;
        for (i, cursor) in cursors[..terms.len()].iter_mut().enumerate() {
            let postings = self.index.postings(cursor.number);
            cursor.look(end, postings, scoring);
            let (bound, until) = cursor.window;
            all += bound;
            same_until = same_until.min(until);
            if bound > 0.0 {
                order.push((i as u32, bound));
            }
        }
        if all < self.cut {
            return Some(same_until);
        }
        order.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
        let mut sum = 0.0;
        let together = |&(_, bound): &(u32, f64)| {
            sum += bound;
            sum
        };
        let sums = order.iter().map(together);
        let needed = sums.take_while(|&sum| sum < self.cut).count();
        let likely = |&(i, _): &(u32, f64)| cursors[i as usize].likely;
        let mut candidates: f32 = order[needed..].iter().map(likely).sum();
        // A look-up costs as much as adding up several postings, so only long lists are set aside.
        for i in (0..needed).rev() {
            let own = likely(&order[i]);
            let times = LOOK_UP[usize::from(own * DENSE_LIST > window as f32)];
            if own > times * candidates {
                aside.push(order.remove(i));
            } else {
                candidates += own;
            }
        }
        aside.reverse();
        let mut sum = 0.0;
        for (_, bound) in aside.iter_mut() {
            sum += *bound;
            *bound = sum;
        }
        None
    }

    fn window(&mut self, scratch: &mut Scratch<I>, start: u32, end: u32, scoring: Scoring<'_>) {
        let Scratch {
            cursors,
            order,
            aside,
            sums,
            seen,
            candidates,
            ..
        } = &mut *scratch;
        let window = (end - start) as usize;
        let (sums, seen) = (&mut sums[..window], &mut seen[..window.div_ceil(64)]);
        let likely: f32 = order.iter().map(|&(i, _)| cursors[i as usize].likely).sum();
        let rest = aside.last().map_or(0.0, |last| last.1);
        let need = self.cut - rest;
        let dense = need > 0.0 && likely * DENSE > window as f32;
        for &(i, _) in order.iter() {
            let cursor = &mut cursors[i as usize];
            let postings = self.index.postings(cursor.number);
            if dense {
                cursor.shares_before(end, postings, scoring, |slot, share| {
                    if let Some(sum) = sums.get_mut(slot.wrapping_sub(start) as usize) {
                        *sum += f64::from(share);
                    }
                });
                continue;
            }
            cursor.shares_before(end, postings, scoring, |slot, share| {
                let place = slot.wrapping_sub(start) as usize;
                if let Some(sum) = sums.get_mut(place) {
                    *sum += f64::from(share);
                    seen[place / 64] |= 1 << (place % 64);
                }
            });
        }
        candidates.clear();
        match dense {
            true => collect_dense(sums, start, need, candidates),
            false => collect_seen(sums, seen, start, need, candidates),
        }
        if !aside.is_empty() {
            self.look_up(scratch, scoring);
        }
        let ask = scratch.aside.is_empty();
        let mut candidates = std::mem::take(&mut scratch.candidates);
        if matches!(self.allowed, Allowed::All) && candidates.len() > 2 * self.k {
            // The k-th best of them is at least that: the others need not be offered.
            let by_sum = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1);
            let (_, kth, _) = candidates.select_nth_unstable_by(self.k - 1, by_sum);
            self.cut = self.cut.max(kth.1 * BELOW);
        }
        for (slot, sum) in candidates.drain(..) {
            if sum > 0.0 && sum >= self.cut {
                let score = self.rounded(scratch, slot, sum);
                self.offer(scratch, slot, score, ask);
            }
        }
        scratch.candidates = candidates;
    }

    /// Adds to the candidates what the terms set aside give them, and drops those that cannot be
    /// among the best.
    fn look_up(&self, scratch: &mut Scratch<I>, scoring: Scoring<'_>) {
        let Scratch {
            cursors,
            aside,
            candidates,
            allowed,
            ..
        } = scratch;
        match self.allowed {
            Allowed::All => {}
            _ => candidates.retain(|&(slot, _)| self.lets_through(allowed, slot)),
        }
        for place in (0..aside.len()).rev() {
            let rest = place.checked_sub(1).map_or(0.0, |last| aside[last].1);
            let cursor = &mut cursors[aside[place].0 as usize];
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

    /// Whether f64 has room for every bit of every sum: shares are multiples of the last bit of
    /// the smallest one, and no sum exceeds that of the weights.
    fn is_exact(&self, terms: &[QueryTerm]) -> bool {
        let longest = self.index.documents().longest();
        let least = |term: &QueryTerm| self.saturation.score(term.weight, 1, longest);
        let least = terms.iter().map(least).fold(f32::INFINITY, f32::min);
        let most: f64 = terms.iter().map(|term| f64::from(term.weight)).sum();
        terms.len() <= 2 || f64::from(least) * ROOM > most && least >= f32::MIN_POSITIVE
    }

    /// The score that the sum in query order has.
    fn rounded(&self, scratch: &Scratch<I>, slot: u32, sum: f64) -> f32 {
        let terms = scratch.terms.len();
        let error = sum * ROUNDING * terms as f64;
        let (low, high) = ((sum - error) as f32, (sum + error) as f32);
        if self.exact || low == high {
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
            self.cut = self.cut.max(f64::from(worst.score()) * BELOW);
        }
    }
}

/// Moves the sums that reach `need` to `found` and zeroes all: for windows where most slots have one.
fn collect_dense(sums: &mut [f64], start: u32, need: f64, found: &mut Vec<(u32, f64)>) {
    for (i, chunk) in sums.chunks(AT_ONCE).enumerate() {
        if chunk.iter().fold(false, |any, &sum| any | (sum >= need)) {
            let slot = start + (AT_ONCE * i) as u32;
            let places = chunk.iter().enumerate().filter(|(_, sum)| **sum >= need);
            found.extend(places.map(|(j, &sum)| (slot + j as u32, sum)));
        }
    }
    sums.fill(0.0);
}

/// The same for windows where few slots have one.
fn collect_seen(
    sums: &mut [f64],
    seen: &mut [u64],
    start: u32,
    need: f64,
    found: &mut Vec<(u32, f64)>,
) {
    for (word, bits) in seen.iter_mut().enumerate() {
        let mut bits = std::mem::take(bits);
        while bits != 0 {
            let place = word * 64 + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            let sum = std::mem::take(&mut sums[place]);
            if sum >= need {
                found.push((start + place as u32, sum));
            }
        }
    }
}
