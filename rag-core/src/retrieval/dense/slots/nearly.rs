//! What a collection asks of its rows: the nearest with the error of their scores, and bounds.

use super::super::among::Among;
use super::super::near::Asking;
use super::{FEW, NO_FILTER, SPARSE, Slots, Way};
use crate::matrix::Rows;
use crate::retrieval::bits::Bits;
use crate::retrieval::topk::{Scored, TopK};

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
        let count = among.map_or(self.len(), Bits::count);
        // Rows are looked up one by one; where they are a good part of all, all are gone through.
        let most = FEW.min(self.count() / SPARSE);
        let few = among.filter(|_| self.near.is_none() || count <= most);
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
                match count <= FEW {
                    true => {
                        let keep = |slot: u32| self.alive.has(slot) && has(slot);
                        near.scan_all(asking, k, &keep, way.threads)
                    }
                    false => self.look(near, asking, k, Some((&has, count)), way, way.threads),
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
        self.slot_of.clear();
        for (slot, row) in held {
            let row = new(row);
            self.ids[slot as usize] = row;
            self.slot_of.insert(row, slot);
        }
    }
}
