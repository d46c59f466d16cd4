//! Directions from labelled vectors: ridge-LDA, logistic regression, difference of means, PCA.
//!
//! All four see the same sample: rows about their common mean, divided by the root mean square
//! length of the rows, so that the penalties mean the same for vectors of any length. A fit can
//! leave one fold out.

use super::ridge::{Design, Side};
use crate::Rows;
use crate::error::Result;
use crate::kernel::linalg::dot;
use crate::rng::Rng;
use crate::threads;

/// Labelled rows, ready for fitting.
pub(super) struct Sample {
    x: Vec<f32>,
    /// Whether a row is positive. Positive rows come first.
    pub(super) positive: Vec<bool>,
    /// The fold in which a row is held out.
    fold: Vec<usize>,
    pub(super) folds: usize,
    pub(super) dim: usize,
    paired: bool,
    seed: u64,
}

impl Sample {
    /// Both sets have at least two finite rows of one dimension, and not all rows are equal.
    pub(super) fn new(positive: Rows<'_>, negative: Rows<'_>, folds: usize, seed: u64) -> Self {
        let dim = positive.dim();
        let (p, n) = (positive.len(), negative.len());
        let x = centred(&[positive.data(), negative.data()].concat(), dim);
        let mut rng = Rng::new(seed);
        let folds = folds.min(p).min(n);
        let of_positive = assign(p, folds, &mut rng);
        // Rows of equal sets may be pairs, which are alike: a pair is held out together.
        let of_negative = if p == n {
            of_positive.clone()
        } else {
            assign(n, folds, &mut rng)
        };
        Self {
            x,
            positive: (0..p + n).map(|i| i < p).collect(),
            fold: [of_positive, of_negative].concat(),
            folds,
            dim,
            paired: p == n,
            seed,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.positive.len()
    }

    fn row(&self, i: usize) -> &[f32] {
        &self.x[i * self.dim..(i + 1) * self.dim]
    }

    /// The inner product of row `i` and `direction`.
    pub(super) fn score(&self, i: usize, direction: &[f64]) -> f64 {
        let both = self.row(i).iter().zip(direction);
        both.map(|(x, d)| f64::from(*x) * d).sum()
    }

    /// The rows of which fold `held` is left out, or all.
    pub(super) fn train(&self, held: Option<usize>) -> Vec<usize> {
        (0..self.len())
            .filter(|&i| Some(self.fold[i]) != held)
            .collect()
    }

    /// The rows of fold `held`.
    pub(super) fn held_out(&self, held: usize) -> Vec<usize> {
        (0..self.len()).filter(|&i| self.fold[i] == held).collect()
    }

    /// `1 / count` for positive rows, `-1 / count` for negative ones.
    fn contrast(&self, train: &[usize]) -> Vec<f64> {
        let p = train.iter().filter(|&&i| self.positive[i]).count() as f64;
        let n = train.len() as f64 - p;
        let of = |&i: &usize| if self.positive[i] { 1.0 / p } else { -1.0 / n };
        train.iter().map(of).collect()
    }

    /// `sum of weight * row`.
    pub(super) fn combine(&self, rows: &[usize], weights: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.dim];
        for (&i, &w) in rows.iter().zip(weights) {
            add_row(&mut sum, w, self.row(i));
        }
        sum
    }

    /// The difference of the class means over all rows.
    pub(super) fn mean_difference(&self, held: Option<usize>) -> Vec<f64> {
        let train = self.train(held);
        self.combine(&train, &self.contrast(&train))
    }
}

fn assign(n: usize, folds: usize, rng: &mut Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    rng.shuffle(&mut order);
    let mut fold = vec![0; n];
    for (at, &row) in order.iter().enumerate() {
        fold[row] = at % folds;
    }
    fold
}

/// The threads for `operations` multiplications: handing over less than this costs more than it
/// saves.
pub(super) fn workers(operations: usize) -> usize {
    if operations < 2_000_000 {
        1
    } else {
        threads::resolve(None)
    }
}

/// Rows about their mean, divided by the root mean square length that they have.
pub(super) fn centred(rows: &[f32], dim: usize) -> Vec<f32> {
    let count = (rows.len() / dim) as f64;
    let mut mean = vec![0.0; dim];
    let mut squares = 0.0;
    for row in rows.chunks_exact(dim) {
        add_row(&mut mean, 1.0 / count, row);
        squares += row
            .iter()
            .map(|&v| f64::from(v) * f64::from(v))
            .sum::<f64>();
    }
    let length = (squares / count).sqrt();
    let centre = |(v, m): (&f32, &f64)| ((f64::from(*v) - m) / length) as f32;
    let centred = rows.chunks_exact(dim).flat_map(|row| row.iter().zip(&mean));
    centred.map(centre).collect()
}

/// [`add_scaled`] of a row of float32.
pub(super) fn add_row(sum: &mut [f64], weight: f64, row: &[f32]) {
    for (s, v) in sum.iter_mut().zip(row) {
        *s += weight * f64::from(*v);
    }
}

pub(super) fn add_scaled(sum: &mut [f64], weight: f64, row: &[f64]) {
    for (s, v) in sum.iter_mut().zip(row) {
        *s += weight * v;
    }
}

/// Ridge-LDA: `(S + ridge I)^-1 (m+ - m-)` with the scatter `S` of the rows about the means of
/// their classes (Fisher, 1936; Friedman, 1989), which has the direction of ridge regression on the
/// labels. For every one of the ascending `ridges` the directions without each fold, then that of
/// all rows.
pub(super) fn ridge_lda(sample: &Sample, ridges: &[f64]) -> Result<Vec<Vec<Vec<f64>>>> {
    let targets: Vec<f32> = sample
        .positive
        .iter()
        .map(|&p| if p { 1.0 } else { -1.0 })
        .collect();
    let without = |held: usize| {
        sample
            .fold
            .iter()
            .map(move |&f| f32::from(u8::from(f != held)))
    };
    let weights: Vec<Vec<f32>> = (0..=sample.folds).map(|f| without(f).collect()).collect();
    let sides: Vec<Side<'_>> = weights
        .iter()
        .map(|weights| Side {
            weights,
            targets: &targets,
        })
        .collect();
    let design = Design::new(Rows::new(&sample.x, sample.dim)?)?;
    let found = design.solve(&sides, ridges)?;
    let of = |ridge: usize| found.iter().map(|side| side[ridge].clone()).collect();
    Ok((0..ridges.len()).map(of).collect())
}

/// The first principal axis of the differences of pairs (about zero, not about their mean), on the
/// side of the mean difference. Sets of unlike size are not pairs: then each row is compared with
/// the mean of the other class.
pub(super) fn pca(sample: &Sample, held: Option<usize>) -> Vec<f64> {
    let train = sample.train(held);
    let (plus, minus): (Vec<usize>, Vec<usize>) = train.iter().partition(|&&i| sample.positive[i]);
    let mut differences: Vec<Vec<f64>> = Vec::with_capacity(train.len());
    let subtract = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect();
    let wide = |i: usize| {
        sample
            .row(i)
            .iter()
            .copied()
            .map(f64::from)
            .collect::<Vec<_>>()
    };
    if sample.paired {
        let pairs = plus.iter().zip(&minus);
        differences.extend(pairs.map(|(&p, &n)| subtract(&wide(p), &wide(n))));
    } else {
        let mean =
            |rows: &[usize]| sample.combine(rows, &vec![1.0 / rows.len() as f64; rows.len()]);
        let (high, low) = (mean(&plus), mean(&minus));
        differences.extend(plus.iter().map(|&p| subtract(&wide(p), &low)));
        differences.extend(minus.iter().map(|&n| subtract(&high, &wide(n))));
    }
    let towards = sample.combine(&train, &sample.contrast(&train));
    // A touch of noise, lest the start be orthogonal to the axis.
    let mut rng = Rng::fork(sample.seed, 1);
    let touch = 1e-3 * dot(&towards, &towards).sqrt() / (sample.dim as f64).sqrt();
    let mut axis: Vec<f64> = towards.iter().map(|t| t + touch * rng.normal()).collect();
    normalise(&mut axis);
    for _ in 0..1000 {
        let mut next = vec![0.0; sample.dim];
        for row in &differences {
            add_scaled(&mut next, dot(row, &axis), row);
        }
        if !normalise(&mut next) {
            break;
        }
        let still = 1.0 - dot(&axis, &next) < 1e-15;
        axis = next;
        if still {
            break;
        }
    }
    if dot(&axis, &towards) < 0.0 {
        axis.iter_mut().for_each(|a| *a = -*a);
    }
    axis
}

/// Scales to length 1; false, and nothing changed, if the length is 0 or not finite.
pub(super) fn normalise(v: &mut [f64]) -> bool {
    // Divided by the largest first: squares of very small or large numbers leave the range.
    let largest = v.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return false;
    }
    v.iter_mut().for_each(|x| *x /= largest);
    let length = dot(v, v).sqrt();
    v.iter_mut().for_each(|x| *x /= length);
    true
}
