//! A bar that is guessed from the windows seen so far, and checked at the end.
//!
//! Pruning waits for a good k-th best score: of the first tenth of the documents, the k-th best is
//! about the 10 k-th best of all. Where documents lie in no order, the k/10-th best of that tenth
//! is near the k-th best of all instead; some deviations lower it is hardly ever above. So that is
//! what a document has to reach. If the best k found in the end all reach the highest bar that was
//! ever set, nothing that was left out is among them; else the search is done again without
//! guessing, with the k-th best found for a start. Next: `search`.

use super::documents::Id;
use super::scratch::Scratch;
use super::search::{BELOW, Run};

/// Standard deviations between what is likely and what is asked.
const CAREFUL: f64 = 3.0;
/// Fewer hits prune early enough by themselves.
const MANY: usize = 50;
/// Fewer postings are gone through without guessing.
const WORTH: usize = 4096;

impl<I: Id> Run<'_, I> {
    /// Searches in windows, with guesses if that is worth it.
    pub(super) fn guess_and_check(&mut self, scratch: &mut Scratch<I>) {
        let postings = |number| self.index.postings(number).count();
        let all: usize = scratch.terms.iter().map(|t| postings(t.number)).sum();
        let known = self.cut;
        self.guessing = self.k >= MANY && all >= WORTH;
        self.in_windows(scratch);
        let worst = scratch.best.peek().map_or(0.0, |worst| worst.score());
        let full = scratch.best.len() >= self.k;
        if self.guess == 0.0 || full && worst >= self.guess {
            return;
        }
        scratch.best.clear();
        self.guessing = false;
        self.cut = match full {
            true => known.max(f64::from(worst) * BELOW),
            false => known,
        };
        self.in_windows(scratch);
    }

    /// Raises the bar after the first `done` of all documents, a part of 1.
    pub(super) fn guess(&mut self, scratch: &mut Scratch<I>, done: f64) {
        if !self.guessing {
            return;
        }
        let likely = self.k as f64 * done.min(1.0);
        let place = (likely + CAREFUL * likely.sqrt()) as usize + 2;
        if place >= self.k || scratch.best.len() <= place {
            return;
        }
        let Scratch { best, scores, .. } = scratch;
        scores.clear();
        scores.extend(best.iter().map(|candidate| candidate.score()));
        let (_, score, _) = scores.select_nth_unstable_by(place, |a, b| b.total_cmp(a));
        self.guess = self.guess.max(*score);
        self.cut = self.cut.max(f64::from(self.guess) * BELOW);
    }
}
