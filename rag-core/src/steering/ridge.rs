//! Ridge regression of many right sides at once, each with several ridges, by conjugate gradients.
//!
//! The one idea: folds, ridges and attributes all ask about the same rows, so one pass over the
//! rows serves all of them. A step multiplies a handful of vectors by the rows and back, as two
//! matrix products; no moments and no factors are made. Larger ridges come free: their Krylov
//! spaces are that of the smallest one (Jegerlehner, 1996).

use super::direction::{add_scaled, workers};
use crate::error::Result;
use crate::kernel::linalg::dot;
use crate::kernel::{Epilogue, PackedB};
use crate::{Rows, threads};

/// Rows that are packed together: what a second-level cache holds of both packings.
const BLOCK: usize = 4096;
/// The residual, as a share of the right side, at which a solution is near enough: the rounding of
/// float32 products is of this size.
const CLOSE: f64 = 1e-6;
/// Most steps; a search direction each, of which some twenty are needed where the ridge is sane.
const STEPS: usize = 500;

/// Rows to regress on, packed for products from both sides.
pub(super) struct Design {
    blocks: Vec<Block>,
    rows: usize,
    dim: usize,
}

struct Block {
    start: usize,
    rows: usize,
    /// `dim` by `rows`: takes directions to scores.
    across: PackedB,
    /// `rows` by `dim`: takes weights of rows to directions.
    along: PackedB,
}

/// One regression: a weight for every row (0 leaves it out) and what it should come to.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) weights: &'a [f32],
    pub(super) targets: &'a [f32],
}

impl Design {
    pub(super) fn new(rows: Rows<'_>) -> Result<Self> {
        let (n, dim) = (rows.len(), rows.dim());
        let count = n.div_ceil(BLOCK);
        let packed = threads::map(workers(n * dim), count, &|at| {
            let start = at * BLOCK;
            let end = n.min(start + BLOCK);
            let data = &rows.data()[start * dim..end * dim];
            Ok(Block {
                start,
                rows: end - start,
                across: PackedB::from_transposed(data, dim, end - start)?,
                along: PackedB::from_rows(data, end - start, dim)?,
            })
        });
        Ok(Self {
            blocks: packed.into_iter().collect::<Result<_>>()?,
            rows: n,
            dim,
        })
    }

    /// For every side and every one of the ascending `ridges`, the `w` (in that order) that
    /// minimises `sum of weight * (w . x + b - target)^2 + ridge * |w|^2` over `w` and `b`.
    pub(super) fn solve(&self, sides: &[Side<'_>], ridges: &[f64]) -> Result<Vec<Vec<Vec<f64>>>> {
        let mut solvers = self.start(sides, ridges)?;
        for _ in 0..STEPS {
            let open: Vec<usize> = (0..sides.len()).filter(|&j| solvers[j].open()).collect();
            if open.is_empty() {
                break;
            }
            let mut asked = Vec::with_capacity(open.len() * self.dim);
            for &j in &open {
                asked.extend(solvers[j].direction.iter().map(|&v| v as f32));
            }
            let weigh = |row: usize, at: usize| sides[open[at]].weights[row];
            let images = self.there_and_back(&asked, open.len(), &weigh)?;
            for ((image, asked), &j) in images
                .chunks_exact(self.dim)
                .zip(asked.chunks_exact(self.dim))
                .zip(&open)
            {
                let step: Vec<f64> = asked.iter().copied().map(f64::from).collect();
                let image = image.iter().copied().map(f64::from).collect();
                solvers[j].step(&step, image, ridges);
            }
        }
        Ok(solvers.into_iter().map(|s| s.solutions).collect())
    }

    /// The scores `w . x` of all rows, for `directions` one after the other.
    pub(super) fn scores(&self, directions: &[f32], count: usize) -> Result<Vec<f32>> {
        let work = count * self.rows * self.dim;
        let parts = threads::map(workers(work), self.blocks.len(), &|at| {
            let block = &self.blocks[at];
            let mut out = vec![0.0; count * block.rows];
            block
                .across
                .multiply(directions, count, None, &mut out, Epilogue::Store)?;
            Ok(out)
        });
        let mut scores = vec![0.0; count * self.rows];
        for (block, part) in self.blocks.iter().zip(parts) {
            for (of, part) in part?.chunks_exact(block.rows).enumerate() {
                let start = of * self.rows + block.start;
                scores[start..start + block.rows].copy_from_slice(part);
            }
        }
        Ok(scores)
    }

    /// `sum over rows of weigh(row, j) * (x . v_j) * x` for each of `count` vectors.
    fn there_and_back(
        &self,
        vectors: &[f32],
        count: usize,
        weigh: &(dyn Fn(usize, usize) -> f32 + Sync),
    ) -> Result<Vec<f32>> {
        self.gathered(count, &|block, held| {
            block
                .across
                .multiply(vectors, count, None, held, Epilogue::Store)?;
            for (j, held) in held.chunks_exact_mut(block.rows).enumerate() {
                for (row, v) in (block.start..).zip(held) {
                    *v *= weigh(row, j);
                }
            }
            Ok(())
        })
    }

    /// `sum over rows of held_j(row) * x` for each of `count` vectors of numbers that `fill` makes,
    /// block by block and added up in their order, however many threads there are.
    fn gathered(
        &self,
        count: usize,
        fill: &(dyn Fn(&Block, &mut [f32]) -> Result<()> + Sync),
    ) -> Result<Vec<f32>> {
        let work = 2 * count * self.rows * self.dim;
        let parts = threads::map(workers(work), self.blocks.len(), &|at| {
            let block = &self.blocks[at];
            let mut held = vec![0.0; count * block.rows];
            fill(block, &mut held)?;
            let mut out = vec![0.0; count * self.dim];
            block
                .along
                .multiply(&held, count, None, &mut out, Epilogue::Store)?;
            Ok(out)
        });
        let mut sum = vec![0.0; count * self.dim];
        for part in parts {
            for (s, v) in sum.iter_mut().zip(part?) {
                *s += v;
            }
        }
        Ok(sum)
    }

    fn start(&self, sides: &[Side<'_>], ridges: &[f64]) -> Result<Vec<Solver>> {
        let totals: Vec<f64> = sides
            .iter()
            .map(|s| s.weights.iter().copied().map(f64::from).sum())
            .collect();
        let usual: Vec<f64> = sides
            .iter()
            .zip(&totals)
            .map(|(s, total)| {
                let both = s.weights.iter().zip(s.targets);
                let sum: f64 = both.map(|(w, t)| f64::from(*w) * f64::from(*t)).sum();
                sum / total.max(f64::MIN_POSITIVE)
            })
            .collect();
        let count = sides.len();
        let means = self.gathered(count, &|block, held| {
            let rows = block.start..block.start + block.rows;
            for (side, held) in sides.iter().zip(held.chunks_exact_mut(block.rows)) {
                held.copy_from_slice(&side.weights[rows.clone()]);
            }
            Ok(())
        })?;
        let right = self.gathered(count, &|block, held| {
            let each = sides.iter().zip(&usual);
            for ((side, usual), held) in each.zip(held.chunks_exact_mut(block.rows)) {
                for (row, v) in (block.start..).zip(held) {
                    *v = side.weights[row] * (side.targets[row] - *usual as f32);
                }
            }
            Ok(())
        })?;
        let solvers = totals.iter().enumerate().map(|(j, &total)| {
            let own = j * self.dim..(j + 1) * self.dim;
            let sum = means[own.clone()].iter().copied().map(f64::from);
            let mean = sum.map(|v| v / total.max(f64::MIN_POSITIVE)).collect();
            let right = right[own].iter().copied().map(f64::from).collect();
            Solver::new(right, mean, total, ridges.len())
        });
        Ok(solvers.collect())
    }
}

/// Conjugate gradients of one side (Hestenes and Stiefel, 1952) for its smallest ridge, which
/// carry the solutions for the larger ones along.
struct Solver {
    mean: Vec<f64>,
    total: f64,
    residual: Vec<f64>,
    direction: Vec<f64>,
    size: f64,
    enough: f64,
    /// The length of the step before, and what the direction kept of the one before.
    last: (f64, f64),
    shifts: Vec<Shift>,
    solutions: Vec<Vec<f64>>,
}

/// What the solution for another ridge needs: its direction, and its residual over the shared one,
/// now and a step ago.
struct Shift {
    direction: Vec<f64>,
    ratio: f64,
    before: f64,
}

impl Solver {
    fn new(right: Vec<f64>, mean: Vec<f64>, total: f64, ridges: usize) -> Self {
        let size = dot(&right, &right);
        let shift = || Shift {
            direction: right.clone(),
            ratio: 1.0,
            before: 1.0,
        };
        Self {
            mean,
            total,
            direction: right.clone(),
            size,
            enough: size * CLOSE * CLOSE,
            last: (1.0, 0.0),
            shifts: (1..ridges).map(|_| shift()).collect(),
            solutions: vec![vec![0.0; right.len()]; ridges],
            residual: right,
        }
    }

    fn open(&self) -> bool {
        self.size > self.enough
    }

    /// One step along `along`, whose image under the weighted rows is `image`.
    fn step(&mut self, along: &[f64], mut image: Vec<f64>, ridges: &[f64]) {
        let part = -self.total * dot(&self.mean, along);
        add_scaled(&mut image, part, &self.mean);
        add_scaled(&mut image, ridges[0], along);
        let curve = dot(along, &image);
        if curve <= 0.0 || !curve.is_finite() {
            // Nothing but rounding is left.
            self.enough = f64::INFINITY;
            return;
        }
        let alpha = self.size / curve;
        add_scaled(&mut self.solutions[0], alpha, along);
        add_scaled(&mut self.residual, -alpha, &image);
        let next = dot(&self.residual, &self.residual);
        let beta = next / self.size;
        let (alpha_before, beta_before) = self.last;
        let others = self.shifts.iter_mut().zip(&mut self.solutions[1..]);
        for ((shift, solution), ridge) in others.zip(&ridges[1..]) {
            let (now, before) = (shift.ratio, shift.before);
            let over = alpha_before * before * (1.0 + (ridge - ridges[0]) * alpha)
                + alpha * beta_before * (before - now);
            let ratio = now * before * alpha_before / over;
            add_scaled(solution, alpha * ratio / now, &shift.direction);
            let kept = beta * (ratio / now) * (ratio / now);
            for (d, r) in shift.direction.iter_mut().zip(&self.residual) {
                *d = ratio * r + kept * *d;
            }
            (shift.ratio, shift.before) = (ratio, now);
        }
        for (d, r) in self.direction.iter_mut().zip(&self.residual) {
            *d = r + beta * *d;
        }
        self.last = (alpha, beta);
        self.size = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use crate::kernel::linalg::Cholesky;

    /// The same by moments and Cholesky, in f64.
    fn slowly(data: &[f32], dim: usize, side: &Side<'_>, ridge: f64) -> Vec<f64> {
        let w: Vec<f64> = side.weights.iter().copied().map(f64::from).collect();
        let t: Vec<f64> = side.targets.iter().copied().map(f64::from).collect();
        let total: f64 = w.iter().sum();
        let usual: f64 = w.iter().zip(&t).map(|(w, t)| w * t).sum::<f64>() / total;
        let x: Vec<Vec<f64>> = data
            .chunks(dim)
            .map(|r| r.iter().copied().map(f64::from).collect())
            .collect();
        let mut mean = vec![0.0; dim];
        x.iter()
            .zip(&w)
            .for_each(|(x, w)| add_scaled(&mut mean, w / total, x));
        let (mut a, mut b) = (vec![0.0; dim * dim], vec![0.0; dim]);
        for ((x, w), t) in x.iter().zip(&w).zip(&t) {
            let x: Vec<f64> = x.iter().zip(&mean).map(|(x, m)| x - m).collect();
            add_scaled(&mut b, w * (t - usual), &x);
            (0..dim).for_each(|i| add_scaled(&mut a[i * dim..(i + 1) * dim], w * x[i], &x));
        }
        (0..dim).for_each(|i| a[i * dim + i] += ridge);
        Cholesky::new(&a, dim).unwrap().solve(&b)
    }

    #[test]
    fn every_side_and_ridge_is_what_cholesky_says() {
        let mut rng = Rng::new(3);
        for (rows, dim) in [(5, 3), (40, 7), (6, 20), (BLOCK + 300, 11), (2, 2)] {
            let data: Vec<f32> = (0..rows * dim).map(|_| rng.normal() as f32 + 0.3).collect();
            let design = Design::new(Rows::new(&data, dim).unwrap()).unwrap();
            let mut side = || -> (Vec<f32>, Vec<f32>) {
                let weights = (0..rows).map(|i| ((i + rng.below(3)) % 3) as f32);
                (
                    weights.collect(),
                    (0..rows).map(|i| (i % 5) as f32).collect(),
                )
            };
            let held = [side(), side(), side()];
            let sides = held
                .each_ref()
                .map(|(weights, targets)| Side { weights, targets });
            let ridges = [0.5, 1.0, 3.0, 100.0];
            let found = design.solve(&sides, &ridges).unwrap();
            for (side, found) in sides.iter().zip(&found) {
                if side.weights.iter().sum::<f32>() == 0.0 {
                    continue;
                }
                for (&ridge, found) in ridges.iter().zip(found) {
                    let want = slowly(&data, dim, side, ridge);
                    let size = dot(&want, &want).sqrt().max(1e-9);
                    for (f, w) in found.iter().zip(&want) {
                        assert!((f - w).abs() < 2e-4 * size, "{rows} {dim} {ridge}: {f} {w}");
                    }
                }
            }
        }
    }

    #[test]
    fn sides_do_not_touch_each_other_and_equal_rows_end() {
        let data = [1.0f32, 2.0, 1.0, 2.0, 1.0, 2.0];
        let design = Design::new(Rows::new(&data, 2).unwrap()).unwrap();
        let side = Side {
            weights: &[1.0; 3],
            targets: &[1.0, -1.0, 1.0],
        };
        let found = design.solve(&[side, side], &[1.0]).unwrap();
        assert_eq!(found[0], found[1]);
        assert!(found[0][0].iter().all(|v| v.abs() < 1e-5));
    }
}
