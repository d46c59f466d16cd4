//! How far to go: the length at which a dial of 1 costs a given share of similarity.
//!
//! Documents play the queries. Ranking a query's neighbours by `similarity + b * projection` is
//! what steering by `b` does, so one table of similarities and one column of projections answer
//! for every `b`; the mean similarity of the top ten can only fall as `b` grows, about with its
//! square, so a few looks find where it has fallen enough.

use super::direction::{normalise, workers};
use crate::error::{Error, Result};
use crate::kernel::{Epilogue, PackedB};
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
        max_queries: usize = 400, in 1..=10000;
        /// The documents that are searched; of more, a sample drawn by the seed.
        max_documents: usize = 5000, in 2..=1000000;
        /// Draws the samples.
        seed: u64 = 0;
    }
}

/// The longest calibrated scale: a dial of 1 moves no query by more than twice its own length.
pub const MAX_SCALE: f64 = 2.0;

/// How near, as a share of the length, is near enough: far less than other documents would change.
const CLOSE: f64 = 1e-4;
/// Where the search for a length begins: unit vectors of sentence embeddings end near it.
const START: f64 = 0.2;
/// How far, as a share, the length may be from where the first looks say.
const REACH: f64 = 0.02;
/// Queries in one product.
const QUERIES_AT_ONCE: usize = 64;
/// Scores that are looked over at once.
const LOOK: usize = 32;

/// Neighbours of sample queries: similarities, and rows to look projections up.
pub(super) struct Neighbourhood {
    /// Unit rows.
    documents: Vec<f32>,
    /// Which of the rows that were given each of them is.
    rows: Vec<usize>,
    dim: usize,
    queries: usize,
    /// The similarity of each query with every document, query by query.
    similar: Vec<f32>,
    neighbours: usize,
    /// The mean similarity of the nearest neighbours.
    before: f64,
    loss: f64,
}

/// How long a displacement was found to cost the wanted share, and what it was measured to cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Calibrated {
    pub(super) scale: f64,
    pub(super) loss: f64,
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
        let dim = documents.dim();
        let kept = chosen.iter();
        let kept = kept.filter_map(|&i| Some((i, unit(documents.row(i))?)));
        let (rows, unit): (Vec<usize>, Vec<Vec<f32>>) = kept.unzip();
        let unit = unit.concat();
        let n = rows.len();
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
        let blocks: Vec<&[usize]> = queries.chunks(QUERIES_AT_ONCE).collect();
        let packed = PackedB::from_transposed(&unit, dim, n)?;
        let parts = threads::map(workers(queries.len() * unit.len()), blocks.len(), &|at| {
            let asked: Vec<f32> = blocks[at]
                .iter()
                .flat_map(|&q| &unit[q * dim..(q + 1) * dim])
                .copied()
                .collect();
            let count = blocks[at].len();
            let mut similar = vec![0.0; count * n];
            packed.multiply(&asked, count, None, &mut similar, Epilogue::Store)?;
            // No query finds itself.
            for (row, &own) in similar.chunks_exact_mut(n).zip(blocks[at]) {
                row[own] = f32::NEG_INFINITY;
            }
            Ok(similar)
        });
        let parts: Vec<Vec<f32>> = parts.into_iter().collect::<Result<_>>()?;
        let mut made = Self {
            documents: unit,
            rows,
            dim,
            queries: queries.len(),
            similar: parts.concat(),
            neighbours: options.neighbours.min((n - 1) / 2).max(1),
            before: 0.0,
            loss: options.loss,
        };
        made.before = made.mean_similarity(&vec![0.0; n], 0.0);
        Ok(made)
    }

    /// The length of displacement along the unit vector `direction` that costs the wanted share.
    pub(super) fn along(&self, direction: &[f32]) -> Calibrated {
        self.of(&self.projections(direction))
    }

    /// The factor at which a number for each document, added to the similarities, costs the wanted
    /// share.
    pub(super) fn of(&self, feature: &[f32]) -> Calibrated {
        // Similarities around zero have no share to lose: at least 0.1 is taken as their size.
        let size = self.before.abs().max(0.1);
        let cost = |b: f64| (self.before - self.mean_similarity(feature, b)) / size;
        // The cost grows with about the square of the length: a look tells where to look next.
        let mut near = START;
        for _ in 0..3 {
            let share = self.loss / cost(near).max(1e-3 * self.loss);
            near = (near * share.sqrt()).min(MAX_SCALE);
        }
        // It grows in steps, so that only halving finds where it first is enough.
        let around = (near * (1.0 - REACH), (near * (1.0 + REACH)).min(MAX_SCALE));
        let short = self.shortlist(feature, around);
        let nearly = |b: f64| (self.before - short.mean_similarity(self, b)) / size;
        let (low, high) = (nearly(around.0), nearly(around.1));
        if low < self.loss && high >= self.loss {
            return self.halved(around, high, &nearly);
        }
        let mut low = 0.0;
        let mut high = near;
        let mut found = loop {
            let lost = cost(high);
            if lost >= self.loss || high == MAX_SCALE {
                break lost;
            }
            low = high;
            high = (high * 2.0).min(MAX_SCALE);
        };
        if found < self.loss {
            return Calibrated {
                scale: high,
                loss: found,
            };
        }
        while low == 0.0 && high > 1e-9 {
            let lost = cost(0.5 * high);
            if lost >= self.loss {
                (high, found) = (0.5 * high, lost);
            } else {
                low = 0.5 * high;
            }
        }
        self.halved((low, high), found, &cost)
    }

    /// The smallest length between two, of which the longer one costs enough, that does too.
    fn halved(
        &self,
        (mut low, mut high): (f64, f64),
        mut found: f64,
        cost: &dyn Fn(f64) -> f64,
    ) -> Calibrated {
        while high - low > CLOSE * high {
            let middle = 0.5 * (low + high);
            let lost = cost(middle);
            if lost >= self.loss {
                (high, found) = (middle, lost);
            } else {
                low = middle;
            }
        }
        Calibrated {
            scale: high,
            loss: found,
        }
    }

    /// What can be among the nearest for a length between two: scores are linear in it, so whatever
    /// is, has at one end at least what the nearest have at their lower end.
    fn shortlist(&self, feature: &[f32], (low, high): (f64, f64)) -> Shortlist {
        let n = feature.len();
        let (at_low, at_high) = (raised(feature, low), raised(feature, high));
        let queries = threads::map(workers(8 * self.similar.len()), self.queries, &|at| {
            let similar = &self.similar[at * n..(at + 1) * n];
            let ends = || at_low.iter().zip(&at_high);
            let lower: Vec<f32> = ends().map(|(l, h)| l.min(*h)).collect();
            // The rounding of a score must leave nothing out.
            let least = self.nearest(similar, &lower).first().map_or(0.0, |b| b.0) - 1e-5;
            let upper = ends().map(|(l, h)| l.max(*h));
            let rows = similar.iter().zip(upper).zip(feature);
            rows.filter(|((s, u), _)| *s + u >= least)
                .map(|((s, _), f)| (*s, *f))
                .collect()
        });
        Shortlist(queries)
    }

    /// [`of`](Self::of) numbers by the rows that the documents were given as.
    pub(super) fn of_rows(&self, of: &dyn Fn(usize) -> f32) -> Calibrated {
        let feature: Vec<f32> = self.rows.iter().map(|&row| of(row)).collect();
        self.of(&feature)
    }

    /// The similarity of a query and a document.
    pub(super) fn similarity(&self, query: usize, row: usize) -> f32 {
        self.similar[query * (self.documents.len() / self.dim) + row]
    }

    /// The inner product of `direction` with every document.
    pub(super) fn projections(&self, direction: &[f32]) -> Vec<f32> {
        let dot = kernel::active().dot;
        let rows = self.documents.chunks_exact(self.dim);
        rows.map(|document| dot(direction, document)).collect()
    }

    /// The mean similarity of the nearest neighbours when ranked by `similarity + b * feature`.
    fn mean_similarity(&self, feature: &[f32], b: f64) -> f64 {
        self.over_nearest(feature, b, &|query, row| self.similarity(query, row))
    }

    /// The mean of `value` (of a query and a row) over the nearest neighbours of all queries, when
    /// ranked by `similarity + b * feature`.
    pub(super) fn over_nearest(
        &self,
        feature: &[f32],
        b: f64,
        value: &(dyn Fn(usize, usize) -> f32 + Sync),
    ) -> f64 {
        let n = feature.len();
        let raised = raised(feature, b);
        let sums = threads::map(workers(4 * self.similar.len()), self.queries, &|at| {
            let nearest = self.nearest(&self.similar[at * n..(at + 1) * n], &raised);
            let values = nearest.iter().map(|&(_, row)| f64::from(value(at, row)));
            values.sum::<f64>()
        });
        sums.iter().sum::<f64>() / (self.queries * self.neighbours) as f64
    }

    /// The rows of which `similar + raised` is highest, best last; of equal ones the smaller row.
    fn nearest(&self, similar: &[f32], raised: &[f32]) -> Vec<(f32, usize)> {
        let mut best: Vec<(f32, usize)> = Vec::with_capacity(self.neighbours + 1);
        let mut least = f32::NEG_INFINITY;
        let blocks = similar.chunks(LOOK).zip(raised.chunks(LOOK));
        for (block, (similar, raised)) in blocks.enumerate() {
            // Whole stretches in which nothing is good enough are passed over without branches.
            let both = similar.iter().zip(raised);
            if !both.fold(false, |any, (s, r)| any | (s + r > least)) {
                continue;
            }
            for (i, (s, r)) in similar.iter().zip(raised).enumerate() {
                let score = s + r;
                if score <= least {
                    continue;
                }
                keep(&mut best, self.neighbours, (score, block * LOOK + i));
                if best.len() == self.neighbours {
                    least = best[0].0;
                }
            }
        }
        best
    }
}

/// Similarity and feature of the documents of each query that can be among its nearest.
struct Shortlist(Vec<Vec<(f32, f32)>>);

impl Shortlist {
    fn mean_similarity(&self, of: &Neighbourhood, b: f64) -> f64 {
        let mut best: Vec<(f32, usize)> = Vec::with_capacity(of.neighbours);
        let mut sum = 0.0;
        for rows in &self.0 {
            best.clear();
            for (i, &(s, f)) in rows.iter().enumerate() {
                let score = s + (b * f64::from(f)) as f32;
                if best.len() < of.neighbours || score > best[0].0 {
                    keep(&mut best, of.neighbours, (score, i));
                }
            }
            sum += best.iter().map(|&(_, i)| f64::from(rows[i].0)).sum::<f64>();
        }
        sum / (of.queries * of.neighbours) as f64
    }
}

fn raised(feature: &[f32], b: f64) -> Vec<f32> {
    feature.iter().map(|f| (b * f64::from(*f)) as f32).collect()
}

/// Puts one among the best, ascending, before those that are equal; of more than `most` the first
/// goes.
fn keep(best: &mut Vec<(f32, usize)>, most: usize, new: (f32, usize)) {
    if best.len() < most {
        let place = best.partition_point(|&(other, _)| other < new.0);
        best.insert(place, new);
        return;
    }
    let mut at = 0;
    while at + 1 < best.len() && best[at + 1].0 < new.0 {
        best[at] = best[at + 1];
        at += 1;
    }
    best[at] = new;
}

/// `row` at length 1, or nothing if it has no direction.
pub(super) fn unit(row: &[f32]) -> Option<Vec<f32>> {
    let mut wide: Vec<f64> = row.iter().copied().map(f64::from).collect();
    normalise(&mut wide).then(|| wide.iter().map(|&v| v as f32).collect())
}
