//! Directions from labelled vectors: ridge-LDA, logistic regression, difference of means, PCA.
//!
//! All four see the same sample: float64 rows about their common mean, divided by the root mean
//! square length of the rows, so that the penalties mean the same for vectors of any length.
//! A fit can leave one fold out; what the folds share (moments, inner products) is made once.

use crate::Rows;
use crate::kernel::linalg::{Cholesky, dot};
use crate::rng::Rng;
use crate::threads;

/// Labelled rows, ready for fitting.
pub(super) struct Sample {
    x: Vec<f64>,
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
        let mut x: Vec<f64> = [positive.data(), negative.data()]
            .concat()
            .into_iter()
            .map(f64::from)
            .collect();
        let rows = (p + n) as f64;
        let length = (dot(&x, &x) / rows).sqrt();
        let mut mean = vec![0.0; dim];
        for row in x.chunks_exact(dim) {
            add_scaled(&mut mean, 1.0 / rows, row);
        }
        for row in x.chunks_exact_mut(dim) {
            for (v, m) in row.iter_mut().zip(&mean) {
                *v = (*v - m) / length;
            }
        }
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

    pub(super) fn row(&self, i: usize) -> &[f64] {
        &self.x[i * self.dim..(i + 1) * self.dim]
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
            add_scaled(&mut sum, w, self.row(i));
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

pub(super) fn add_scaled(sum: &mut [f64], weight: f64, row: &[f64]) {
    for (s, v) in sum.iter_mut().zip(row) {
        *s += weight * v;
    }
}

/// Ridge-LDA: `(S + ridge I)^-1 (m+ - m-)` with the scatter `S` of the rows about the means of
/// their classes (Fisher, 1936; Friedman, 1989). With the labels as targets this is the direction
/// of ridge regression.
pub(super) struct RidgeLda {
    ridge: f64,
    shared: Shared,
}

enum Shared {
    /// More rows than dimensions: the lower triangle of `sum of x x'` for each fold, then of all.
    Moments(Vec<Vec<f64>>),
    /// The inner products of all rows.
    Products(Vec<f64>),
}

impl RidgeLda {
    pub(super) fn new(sample: &Sample, ridge: f64, workers: usize) -> Self {
        let (n, d) = (sample.len(), sample.dim);
        let shared = if n > d {
            let mut moments = threads::map(workers, sample.folds, &|f| {
                second_moments(sample, &sample.held_out(f))
            });
            let mut all = vec![0.0; d * d];
            moments.iter().for_each(|m| add_scaled(&mut all, 1.0, m));
            moments.push(all);
            Shared::Moments(moments)
        } else {
            let rows = threads::map(workers, n, &|i| -> Vec<f64> {
                (0..=i).map(|j| dot(sample.row(i), sample.row(j))).collect()
            });
            let mut products = vec![0.0; n * n];
            for (i, row) in rows.iter().enumerate() {
                for (j, &v) in row.iter().enumerate() {
                    products[i * n + j] = v;
                    products[j * n + i] = v;
                }
            }
            Shared::Products(products)
        };
        Self { ridge, shared }
    }

    pub(super) fn fit(&self, sample: &Sample, held: Option<usize>) -> Vec<f64> {
        match &self.shared {
            Shared::Moments(moments) => self.primal(sample, held, moments),
            Shared::Products(products) => self.dual(sample, held, products),
        }
    }

    fn primal(&self, sample: &Sample, held: Option<usize>, moments: &[Vec<f64>]) -> Vec<f64> {
        let d = sample.dim;
        let mut a = moments[sample.folds].clone();
        if let Some(f) = held {
            add_scaled(&mut a, -1.0, &moments[f]);
        }
        let train = sample.train(held);
        for class in [true, false] {
            let members: Vec<usize> = train
                .iter()
                .copied()
                .filter(|&i| sample.positive[i] == class)
                .collect();
            let sum = sample.combine(&members, &vec![1.0; members.len()]);
            for (j, &s) in sum.iter().enumerate() {
                let weight = -s / members.len() as f64;
                add_scaled(&mut a[j * d..=j * d + j], weight, &sum[..=j]);
            }
        }
        (0..d).for_each(|j| a[j * d + j] += self.ridge);
        let difference = sample.combine(&train, &sample.contrast(&train));
        match Cholesky::new(&a, d) {
            Some(factor) => factor.solve(&difference),
            // Only rounding against a vanishing ridge comes here.
            None => difference,
        }
    }

    /// The same through the inner products: with `C` the centring of classes, `K` the products and
    /// `a` the contrast, the direction is `X' (a - C (C K C + ridge I)^-1 C K a)` up to length.
    fn dual(&self, sample: &Sample, held: Option<usize>, products: &[f64]) -> Vec<f64> {
        let all = sample.len();
        let train = sample.train(held);
        let n = train.len();
        let class: Vec<bool> = train.iter().map(|&i| sample.positive[i]).collect();
        let mut k = Vec::with_capacity(n * n);
        for &i in &train {
            k.extend(train.iter().map(|&j| products[i * all + j]));
        }
        let contrast = sample.contrast(&train);
        let mut right: Vec<f64> = k.chunks_exact(n).map(|row| dot(row, &contrast)).collect();
        centre_by_class(&mut right, &class);
        for _ in 0..2 {
            k.chunks_exact_mut(n)
                .for_each(|row| centre_by_class(row, &class));
            for i in 0..n {
                for j in 0..i {
                    k.swap(i * n + j, j * n + i);
                }
            }
        }
        (0..n).for_each(|i| k[i * n + i] += self.ridge);
        let Some(factor) = Cholesky::new(&k, n) else {
            return sample.combine(&train, &contrast);
        };
        let mut t = factor.solve(&right);
        centre_by_class(&mut t, &class);
        let weights: Vec<f64> = contrast.iter().zip(&t).map(|(a, t)| a - t).collect();
        sample.combine(&train, &weights)
    }
}

fn centre_by_class(values: &mut [f64], class: &[bool]) {
    for wanted in [true, false] {
        let members = || class.iter().enumerate().filter(|(_, c)| **c == wanted);
        let count = members().count() as f64;
        let mean = members().map(|(i, _)| values[i]).sum::<f64>() / count;
        for (v, _) in values.iter_mut().zip(class).filter(|(_, c)| **c == wanted) {
            *v -= mean;
        }
    }
}

fn second_moments(sample: &Sample, rows: &[usize]) -> Vec<f64> {
    let (n, d) = (rows.len(), sample.dim);
    let mut columns = vec![0.0; n * d];
    for (at, &i) in rows.iter().enumerate() {
        for (j, &v) in sample.row(i).iter().enumerate() {
            columns[j * n + at] = v;
        }
    }
    let column = |j: usize| &columns[j * n..(j + 1) * n];
    let mut moments = vec![0.0; d * d];
    for i in 0..d {
        for j in 0..=i {
            moments[i * d + j] = dot(column(i), column(j));
        }
    }
    moments
}

/// The first principal axis of the differences of pairs (about zero, not about their mean), on the
/// side of the mean difference. Sets of unlike size are not pairs: then each row is compared with
/// the mean of the other class.
pub(super) fn pca(sample: &Sample, held: Option<usize>) -> Vec<f64> {
    let train = sample.train(held);
    let (plus, minus): (Vec<usize>, Vec<usize>) = train.iter().partition(|&&i| sample.positive[i]);
    let mut differences: Vec<Vec<f64>> = Vec::with_capacity(train.len());
    let subtract = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect();
    if sample.paired {
        let pairs = plus.iter().zip(&minus);
        differences.extend(pairs.map(|(&p, &n)| subtract(sample.row(p), sample.row(n))));
    } else {
        let mean =
            |rows: &[usize]| sample.combine(rows, &vec![1.0 / rows.len() as f64; rows.len()]);
        let (high, low) = (mean(&plus), mean(&minus));
        differences.extend(plus.iter().map(|&p| subtract(sample.row(p), &low)));
        differences.extend(minus.iter().map(|&n| subtract(&high, sample.row(n))));
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
