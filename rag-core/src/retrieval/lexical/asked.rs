//! One query, read once, looked at several times: what a search over both sides needs.

use super::inverted::Inverted;
use super::query::take_best;
use super::scratch::Scratch;
use super::search::Allowed;
use crate::retrieval::bits::Bits;

/// A query whose words were looked up.
pub(crate) struct Asked<'a> {
    index: &'a Inverted<u32>,
    scratch: &'a mut Scratch<u32>,
    bound: f32,
}

impl Inverted<u32> {
    pub(super) fn asked<R>(&self, query: &str, body: impl FnOnce(&mut Asked<'_>) -> R) -> R {
        self.pool.with(|scratch| {
            let bound = self.read_query(scratch, query);
            body(&mut Asked {
                index: self,
                scratch,
                bound,
            })
        })
    }
}

impl Asked<'_> {
    /// The score that no row exceeds.
    pub(crate) fn upper_bound(&self) -> f32 {
        self.bound
    }

    /// Adds the best `k` rows to `hits`, those that score at least `floor` and perhaps some that
    /// score less: score descending, row ascending. If fewer than `k` come, there are no others
    /// that reach the floor.
    pub(crate) fn search(
        &mut self,
        k: usize,
        floor: f32,
        among: Option<&Bits>,
        hits: &mut Vec<(u32, f32)>,
    ) {
        let saturation = self.index.saturation();
        match among {
            None => self.find(k, floor, Allowed::All),
            Some(rows) => {
                let few = rows.count() as u64 * self.index.mean_length();
                if few < self.index.postings_of(self.scratch) {
                    let rows: Vec<u32> = rows.iter().collect();
                    self.index.ask(self.scratch, &rows);
                    self.index.find_asked(self.scratch, saturation, k);
                } else {
                    self.find(k, floor, Allowed::If(&|row| rows.has(row)));
                }
            }
        }
        take_best(self.scratch, hits);
    }

    fn find(&mut self, k: usize, floor: f32, allowed: Allowed<'_, u32>) {
        let saturation = self.index.saturation();
        self.index.find(self.scratch, saturation, k, floor, allowed);
    }

    /// Writes the score of each row, none of them twice, to its place: the bits of a search.
    pub(crate) fn scores(&mut self, rows: &[u32], out: &mut [f32]) {
        self.index
            .scores_of(self.scratch, self.index.saturation(), rows, out);
    }
}
