//! Sums in the order of the query: of all documents, of chosen ones, of one. Next: `scratch`.

use super::documents::Id;
use super::inverted::Inverted;
use super::saturation::Saturation;
use super::scratch::{Candidate, QueryTerm, Scratch};
use std::cmp::Reverse;

/// Postings that are added up in the time that one term of a document takes to read.
const CONTENT: u64 = 5;
/// Postings that are read and scored in the time that one chosen document is looked up among them.
const LOOK: usize = 8;

impl<I: Id> Inverted<I> {
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

    /// Leaves the sums of the slots in `scratch.asked`, whose bits are those of `scratch.allowed`, at
    /// their places in `scratch.all`, added up in the order of the query.
    pub(super) fn add_asked(&self, scratch: &mut Scratch<I>, saturation: Saturation) {
        let scoring = self.scoring(saturation);
        let slots = self.documents().slots();
        if scratch.all.len() < slots {
            scratch.all.resize(slots, 0.0);
        }
        let place = |slot: u32| slot.wrapping_sub(scoring.base) as usize;
        if self.is_less_to_ask(scratch) {
            return self.add_from_documents(scratch, saturation);
        }
        scratch.asked.sort_unstable();
        for &(slot, _) in &scratch.asked {
            scratch.all[place(slot)] = 0.0;
        }
        for i in 0..scratch.terms.len() {
            self.start(scratch, saturation, i, 1);
            let Scratch {
                cursors,
                all,
                allowed,
                asked,
                ..
            } = &mut *scratch;
            let cursor = &mut cursors[0];
            let postings = self.postings(cursor.number);
            if asked.len() * LOOK < postings.count() {
                for &(slot, _) in &*asked {
                    all[place(slot)] += f64::from(cursor.share_at(slot, postings, scoring));
                }
                continue;
            }
            cursor.shares_before(u32::MAX, postings, scoring, |slot, share| {
                let at = place(slot);
                let bits = allowed.get(at / 64);
                if bits.is_some_and(|bits| bits >> (at % 64) & 1 == 1) {
                    all[at] += f64::from(share);
                }
            });
        }
    }

    /// Whether going through the documents asked for is less work than through the postings.
    pub(super) fn is_less_to_ask(&self, scratch: &Scratch<I>) -> bool {
        let held = scratch.asked.len() as u64 * self.mean_length();
        held * CONTENT < self.postings_of(scratch)
    }

    /// How many postings the query's terms have.
    pub(super) fn postings_of(&self, scratch: &Scratch<I>) -> u64 {
        let postings = |term: &QueryTerm| self.postings(term.number).count() as u64;
        scratch.terms.iter().map(postings).sum()
    }

    /// Goes through the terms of each document instead of the documents of each term.
    fn add_from_documents(&self, scratch: &mut Scratch<I>, saturation: Saturation) {
        let Scratch {
            terms,
            asked,
            all,
            numbers,
            found,
            ..
        } = scratch;
        numbers.clear();
        numbers.extend(terms.iter().zip(0u32..).map(|(term, i)| (term.number, i)));
        numbers.sort_unstable();
        for &(slot, _) in &*asked {
            found.clear();
            let length = self.documents().length(slot).unwrap_or_default();
            let mut wanted = numbers.iter().peekable();
            let mut contents = self.documents().contents(slot);
            while let (Some((number, frequency)), true) = (contents.next(), wanted.peek().is_some())
            {
                while wanted.next_if(|want| want.0 < number).is_some() {}
                if let Some(&(_, i)) = wanted.next_if(|want| want.0 == number) {
                    let weight = terms[i as usize].weight;
                    found.push((i, saturation.score(weight, frequency, length)));
                }
            }
            found.sort_unstable_by_key(|&(i, _)| i);
            let sum = found
                .iter()
                .fold(0.0, |sum, &(_, share)| sum + f64::from(share));
            all[(slot - self.documents().base()) as usize] = sum;
        }
    }

    /// [`find`](Self::find) among the slots in `scratch.asked`, none of them twice, by looking at
    /// each: better where they are few.
    pub(super) fn find_asked(&self, scratch: &mut Scratch<I>, saturation: Saturation, k: usize) {
        scratch.best.clear();
        self.add_asked(scratch, saturation);
        for &(slot, _) in &scratch.asked {
            let score = scratch.all[(slot - self.documents().base()) as usize] as f32;
            if score > 0.0 {
                scratch.best.push(Candidate {
                    score: Reverse(score.to_bits()),
                    id: self.documents().id(slot),
                });
            }
            if scratch.best.len() > k {
                scratch.best.pop();
            }
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
