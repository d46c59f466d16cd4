//! How far to go: the length at which a dial of 1 costs a given share of similarity.
//!
//! Documents play the queries. Ranking a query's neighbours by `similarity + b * projection` is
//! what steering by `b` does, so one table of similarities and one column of projections answer
//! for every `b`; the mean similarity of the top ten can only fall as `b` grows, and bisection
//! finds where it has fallen enough.

use super::direction::{normalise, workers};
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::{Rows, kernel, threads};

crate::options! {
    /// How a dial of 1 is calibrated.
    CalibrateOptions {
        /// The share of the similarity of the nearest neighbours that a dial of 1 costs.
        loss: f64 = 0.03, in 0.0001..=0.5;
        /// The neighbours that are looked at; fewer if there are not twice as many documents.
        neighbours: usize = 10, in 1..=1000;
        /// The documents used as queries.
        max_queries: usize = 100, in 1..=10000;
        /// The documents that are searched; of more, a sample drawn by the seed.
        max_documents: usize = 5000, in 2..=1000000;
        /// Draws the samples.
        seed: u64 = 0;
    }
}

/// The longest calibrated scale: a dial of 1 moves no query by more than twice its own length.
pub const MAX_SCALE: f64 = 2.0;

/// Neighbours of sample queries: similarities, and rows to look projections up.
pub(super) struct Neighbourhood {
    documents: Vec<Vec<f32>>,
    /// Which of the rows that were given each of them is.
    rows: Vec<usize>,
    /// For each query: its own document, and its similarity with every document.
    queries: Vec<(usize, Vec<f32>)>,
    neighbours: usize,
    loss: f64,
}

impl Neighbourhood {
    /// Documents are compared by cosine; those of length 0 are left out.
    pub(super) fn new(documents: Rows<'_>, options: &CalibrateOptions) -> Result<Self> {
        options.check()?;
        documents.check_finite()?;
        let mut chosen: Vec<usize> = (0..documents.len()).collect();
        let mut rng = Rng::fork(options.seed, 2);
        if chosen.len() > options.max_documents {
            rng.shuffle(&mut chosen);
            chosen.truncate(options.max_documents);
            chosen.sort_unstable();
        }
        let (chosen, unit): (Vec<usize>, Vec<Vec<f32>>) = chosen
            .iter()
            .filter_map(|&i| Some((i, unit(documents.row(i))?)))
            .unzip();
        let n = unit.len();
        if n < 3 {
            return Err(Error::invalid(format!(
                "calibration needs at least 3 documents of a length above 0, got {n}"
            )));
        }
        let mut queries: Vec<usize> = (0..n).collect();
        if n > options.max_queries {
            rng.shuffle(&mut queries);
            queries.truncate(options.max_queries);
            queries.sort_unstable();
        }
        let dot = kernel::active().dot;
        let work = queries.len() * documents.data().len();
        let tables = threads::map(workers(work), queries.len(), &|at| {
            let query = &unit[queries[at]];
            let similar: Vec<f32> = unit.iter().map(|d| dot(query, d)).collect();
            (queries[at], similar)
        });
        Ok(Self {
            documents: unit,
            rows: chosen,
            queries: tables,
            neighbours: options.neighbours.min((n - 1) / 2).max(1),
            loss: options.loss,
        })
    }

    /// The length of displacement along the unit vector `direction` that costs the wanted share.
    pub(super) fn scale(&self, direction: &[f32]) -> f64 {
        let dot = kernel::active().dot;
        let projections: Vec<f64> = self
            .documents
            .iter()
            .map(|d| f64::from(dot(direction, d)))
            .collect();
        self.length(&projections)
    }

    /// The same for a number that every row has: what multiplies it when it is added to similarities.
    pub(super) fn scale_of(&self, of: &dyn Fn(usize) -> f64) -> f64 {
        let numbers: Vec<f64> = self.rows.iter().map(|&row| of(row)).collect();
        self.length(&numbers)
    }

    fn length(&self, projections: &[f64]) -> f64 {
        let before = self.mean_similarity(projections, 0.0);
        // Similarities around zero have no share to lose: at least 0.1 is taken as their size.
        let wanted = before - self.loss * before.abs().max(0.1);
        let (mut low, mut high) = (0.0, MAX_SCALE);
        if self.mean_similarity(projections, high) > wanted {
            return MAX_SCALE;
        }
        for _ in 0..24 {
            let middle = 0.5 * (low + high);
            if self.mean_similarity(projections, middle) > wanted {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }

    /// The mean similarity of the nearest neighbours when ranked by `similarity + b * projection`.
    fn mean_similarity(&self, projections: &[f64], b: f64) -> f64 {
        let work = self.queries.len() * projections.len();
        let sums = threads::map(workers(work), self.queries.len(), &|at| {
            let (own, similar) = &self.queries[at];
            // The best so far, best last; equal scores keep the smaller row.
            let mut best: Vec<(f64, f64)> = Vec::with_capacity(self.neighbours + 1);
            for (i, (&s, p)) in similar.iter().zip(projections).enumerate() {
                let score = f64::from(s) + b * p;
                let full = best.len() == self.neighbours;
                if i == *own || (full && score <= best[0].0) {
                    continue;
                }
                let place = best.partition_point(|&(other, _)| other < score);
                best.insert(place, (score, f64::from(s)));
                if full {
                    best.remove(0);
                }
            }
            best.iter().map(|&(_, s)| s).sum::<f64>()
        });
        sums.iter().sum::<f64>() / (self.queries.len() * self.neighbours) as f64
    }
}

/// `row` at length 1, or nothing if it has no direction.
pub(super) fn unit(row: &[f32]) -> Option<Vec<f32>> {
    let mut wide: Vec<f64> = row.iter().copied().map(f64::from).collect();
    normalise(&mut wide).then(|| wide.iter().map(|&v| v as f32).collect())
}
