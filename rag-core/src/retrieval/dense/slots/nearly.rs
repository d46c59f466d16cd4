//! What a collection asks of its rows: the nearest with the error of their scores, and bounds.

use super::super::among::Among;
use super::super::near::Asking;
use super::places::Places;
use super::{FEW, NO_FILTER, PASSING, PLACE, SPARSE, Slots, Way, passing_pool};
use crate::matrix::Rows;
use crate::retrieval::bits::Bits;
use crate::retrieval::topk::{Scored, TopK};

/// A way to find the best of those that a filter lets through.
enum Cheapest {
    /// Each of them is looked up.
    Listing,
    /// All codes are gone through.
    Scanning,
    Walking,
}

impl Slots<u32> {
    /// The best `k` rows, as far as a walk finds them, of all or of some, and how far their scores
    /// may be off.
    pub(in crate::retrieval::dense) fn nearly(
        &self,
        query: &[f32],
        asking: Option<&Asking>,
        k: usize,
        among: Option<&Bits>,
        way: Way,
    ) -> (Vec<Scored<u32>>, f32) {
        let cheapest = among.map(|rows| self.cheapest(k, rows.count(), way));
        let few = among.filter(|_| matches!(cheapest, Some(Cheapest::Listing)));
        let few = few.map(|rows| rows.iter().filter_map(|row| self.slot(row)).collect());
        let (Some(near), Some(asking)) = (&self.near, asking) else {
            let few = few.map(Among::Few);
            let one =
                Rows::single(query).map(|query| self.scan(query, k, few.as_ref(), way.threads));
            return (one.unwrap_or_default().pop().unwrap_or_default(), 0.0);
        };
        let found = match (few, among) {
            (Some(slots), _) => near.scan(asking, k, &slots),
            (None, Some(rows)) => {
                let has = |slot: u32| rows.has(self.ids[slot as usize]);
                match cheapest {
                    Some(Cheapest::Walking) => {
                        let filter = Some((&has, rows.count()));
                        self.look(near, asking, k, filter, way, way.threads)
                    }
                    _ => {
                        let keep = |slot: u32| self.alive.has(slot) && has(slot);
                        near.scan_all(asking, k, &keep, way.threads)
                    }
                }
            }
            (None, None) => self.look(near, asking, k, NO_FILTER, way, way.threads),
        };
        let mut best = TopK::new(k);
        for (slot, score) in found {
            best.push(self.ids[slot as usize], score);
        }
        (best.into_sorted(), near.doubt(query).0)
    }

    /// How the best `k` of `count` rows are found soonest: work is counted in codes that a scan
    /// of all reads in the same time.
    fn cheapest(&self, k: usize, count: usize, way: Way) -> Cheapest {
        let share = count as f32 / self.count().max(1) as f32;
        let effort = way.effort.unwrap_or_else(|| self.effort()).max(k);
        let listing = count * SPARSE;
        let walking = match share >= PASSING {
            true => passing_pool(k, effort, share) * PLACE,
            false => FEW * SPARSE,
        };
        let scanning = self.count();
        if self.near.is_none() || listing <= walking.min(scanning) {
            Cheapest::Listing
        } else if scanning <= walking {
            Cheapest::Scanning
        } else {
            Cheapest::Walking
        }
    }

    /// The form in which a query asks codes; `None` if there are none.
    pub(in crate::retrieval::dense) fn ask(&self, query: &[f32]) -> Option<Asking> {
        self.near.as_ref().map(|near| near.ask(query))
    }

    /// The most that the score of each row can be, into `out`: by the short codes, which are read
    /// quickly. The largest number where they tell nothing, minus infinity for a row that is not held.
    pub(in crate::retrieval::dense) fn at_most(
        &self,
        query: &[f32],
        asking: Option<&Asking>,
        rows: &[u32],
        out: &mut Vec<f32>,
    ) {
        let (Some(near), Some(asking)) = (&self.near, asking) else {
            let held = |&row: &u32| self.slot(row).map_or(f32::NEG_INFINITY, |_| f32::MAX);
            out.extend(rows.iter().map(held));
            return;
        };
        let slots: Vec<Option<u32>> = rows.iter().map(|&row| self.slot(row)).collect();
        near.at_most(asking, near.doubt(query).1, &slots, out);
    }

    /// Gives every row another number.
    pub(in crate::retrieval::dense) fn renumber(&mut self, new: impl Fn(u32) -> u32) {
        let held: Vec<(u32, u32)> = self.held().collect();
        self.version += 1;
        self.content += 1;
        self.slot_of = Places::default();
        for (slot, row) in held {
            let row = new(row);
            self.ids[slot as usize] = row;
            self.slot_of.insert(row, slot);
        }
    }
}
