//! One query, read once, looked at several times: what a search over both sides needs.

use super::inverted::Inverted;
use super::query::{Query, take_best};
use super::saturation::Saturation;
use super::scratch::Scratch;
use super::search::Allowed;
use crate::retrieval::bits::Bits;

/// Postings of a query, and rows, up to which all of them are added up at once for a query that
/// asks twice: for the scores of some rows, and for the best.
const FEW_POSTINGS: u64 = 1 << 15;
const FEW_ROWS: usize = 1 << 16;

/// A query whose words were looked up.
pub(crate) struct Asked<'a> {
    index: &'a Inverted<u32>,
    scratch: &'a mut Scratch<u32>,
    saturation: Saturation,
    bound: f32,
    /// Whether `scratch.all` holds the scores of all rows.
    added: bool,
}

impl Inverted<u32> {
    pub(super) fn asked<R>(&self, query: Query<'_>, body: impl FnOnce(&mut Asked<'_>) -> R) -> R {
        self.pool.with(|scratch| {
            let (bound, saturation) = self.read(scratch, query);
            body(&mut Asked {
                index: self,
                scratch,
                saturation,
                bound,
                added: false,
            })
        })
    }
}

impl Asked<'_> {
    /// The score that no row exceeds.
    pub(crate) fn upper_bound(&self) -> f32 {
        self.bound
    }

    /// Says that the scores of some rows will be asked for and then the best: postings are read
    /// once for both where that costs less.
    pub(crate) fn expect_both(&mut self) {
        let rows = self.index.documents().slots();
        if !self.added && rows <= FEW_ROWS && self.index.postings_of(self.scratch) <= FEW_POSTINGS {
            self.index.add_all(self.scratch, self.saturation);
            self.added = true;
        }
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
        let saturation = self.saturation;
        match among {
            None => self.find(k, floor, Allowed::All),
            Some(rows) if self.added => self.find(k, floor, Allowed::If(&|row| rows.has(row))),
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
        let saturation = self.saturation;
        match self.added {
            true => self
                .index
                .find_added(self.scratch, saturation, k, floor, allowed),
            false => self.index.find(self.scratch, saturation, k, floor, allowed),
        }
    }

    /// Writes the score of each row, none of them twice, to its place: the bits of a search.
    pub(crate) fn scores(&mut self, rows: &[u32], out: &mut [f32]) {
        if !self.added {
            return (self.index).scores_of(self.scratch, self.saturation, rows, out);
        }
        let documents = self.index.documents();
        for (&row, out) in rows.iter().zip(out) {
            let at = documents.slot(row).map(|slot| slot - documents.base());
            *out = at.map_or(0.0, |at| self.scratch.all[at as usize] as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LexicalOptions, LexicalRows};
    use super::*;
    use crate::rng::Rng;

    /// Each way to a score gives the same bits: a look at chosen rows among many postings or few,
    /// a search, and all sums at once.
    #[test]
    fn every_way_leads_to_the_same_scores() {
        let mut rng = Rng::new(3);
        let mut rows = LexicalRows::new(&LexicalOptions::default()).unwrap();
        let word = |rng: &mut Rng| format!("w{}", (rng.uniform().powi(3) * 60.0) as u32);
        for row in 0..900 {
            let length = 1 + rng.next_u64() % 60;
            let text: Vec<String> = (0..length).map(|_| word(&mut rng)).collect();
            rows.insert(row, &text.join(" ")).unwrap();
            if rng.next_u64().is_multiple_of(3) {
                rows.remove(rng.next_u64() as u32 % (row + 1));
            }
        }
        for turn in 0..60 {
            let count = 1 + rng.next_u64() % 9;
            let words: Vec<String> = (0..count).map(|_| word(&mut rng)).collect();
            let query = words.join(" ");
            let few = 1 + rng.next_u64() as usize % 120;
            let mut chosen: Vec<u32> = (0..900).collect();
            rng.shuffle(&mut chosen);
            chosen.truncate(few);
            let mut among = Bits::default();
            chosen.iter().for_each(|&row| among.set(row, true));
            let filter = Some(&among).filter(|_| turn % 2 == 0);
            let found = |at_once: bool| {
                rows.asked(&query, |asked| {
                    if at_once {
                        asked.expect_both();
                    }
                    let mut scores = vec![0.0; few];
                    asked.scores(&chosen, &mut scores);
                    let (mut best, mut above) = (Vec::new(), Vec::new());
                    asked.search(20, 0.0, filter, &mut best);
                    let floor = best.get(4).map_or(0.0, |hit| hit.1);
                    asked.search(20, floor, filter, &mut above);
                    above.retain(|hit| hit.1 >= floor);
                    (scores, best, above)
                })
            };
            let (one, other) = (found(false), found(true));
            assert_eq!(one, other, "{query}");
            let all = rows.search(&query, 900, None).unwrap();
            for (row, score) in chosen.iter().zip(one.0) {
                let hit = all.iter().find(|hit| hit.0 == *row);
                assert_eq!(hit.map_or(0.0, |hit| hit.1), score, "{query}");
            }
        }
    }
}
