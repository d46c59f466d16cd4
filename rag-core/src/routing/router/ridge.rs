//! Ridge regression of outcomes on sketches of queries, in closed form from sums.
//!
//! The sums of weights, features and their products (Hoerl and Kennard, 1970) say all that a line needs to
//! know; what a row would have been told by the others alone follows from its leverage (Allen, 1974),
//! so strengths are chosen and heads weighed without fitting anything twice.

use crate::kernel::linalg::{Cholesky, dot};

/// Strengths that are tried: of so many examples is the belief that nothing depends on the query.
pub(super) const STRENGTHS: [f64; 4] = [1.0, 5.0, 25.0, 125.0];

/// Sums over examples that share their weights.
pub(super) struct Gram {
    size: usize,
    weight: f64,
    mean: Vec<f64>,
    /// Products of centred features, row-major.
    products: Vec<f64>,
}

impl Gram {
    /// Of rows of `size` features; `weights` has one number for each row, 0 leaves it out.
    pub fn new(features: &[f32], size: usize, weights: &[f64]) -> Self {
        let rows = || {
            features
                .chunks_exact(size)
                .zip(weights)
                .filter(|r| *r.1 > 0.0)
        };
        let weight: f64 = rows().map(|r| r.1).sum();
        let mut mean = vec![0.0; size];
        let mut products = vec![0.0; size * size];
        for (row, w) in rows() {
            let row: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
            for i in 0..size {
                let x = w * row[i];
                mean[i] += x;
                let to = &mut products[i * size..=i * size + i];
                to.iter_mut().zip(&row).for_each(|(p, y)| *p += x * y);
            }
        }
        mean.iter_mut().for_each(|m| *m /= weight);
        for i in 0..size {
            for j in 0..=i {
                products[i * size + j] -= weight * mean[i] * mean[j];
            }
        }
        Self {
            size,
            weight,
            mean,
            products,
        }
    }

    /// Lines at one strength; `None` if the sums are not those of real numbers.
    pub fn lines(&self, strength: f64) -> Option<Lines<'_>> {
        let mut a = self.products.clone();
        for i in 0..self.size {
            a[i * self.size + i] += strength;
        }
        Some(Lines {
            gram: self,
            factor: Cholesky::new(&a, self.size)?,
        })
    }
}

/// The lines of one strength.
pub(super) struct Lines<'a> {
    gram: &'a Gram,
    factor: Cholesky,
}

/// What one line says: `offset + slopes * features`.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub offset: f64,
    pub slopes: Vec<f64>,
}

impl Line {
    pub fn at(&self, features: &[f32]) -> f64 {
        let products = self.slopes.iter().zip(features);
        self.offset + products.map(|(s, x)| s * f64::from(*x)).sum::<f64>()
    }
}

impl Lines<'_> {
    /// The line through `targets`, one for each row.
    pub fn fit(&self, features: &[f32], weights: &[f64], targets: &[f64]) -> Line {
        let gram = self.gram;
        let mut moment = vec![0.0; gram.size];
        let mut sum = 0.0;
        let rows = features.chunks_exact(gram.size).zip(weights).zip(targets);
        for ((row, w), y) in rows.filter(|r| *r.0.1 > 0.0) {
            sum += w * y;
            moment
                .iter_mut()
                .zip(row)
                .for_each(|(m, x)| *m += w * y * f64::from(*x));
        }
        let mean = sum / gram.weight;
        moment
            .iter_mut()
            .zip(&gram.mean)
            .for_each(|(m, x)| *m -= sum * x);
        let slopes = self.factor.solve(&moment);
        Line {
            offset: mean - dot(&slopes, &gram.mean),
            slopes,
        }
    }

    /// The share of each of `rows` in what its own line says of it.
    pub fn leverages(&self, features: &[f32], weights: &[f64], rows: &[u32]) -> Vec<f64> {
        let gram = self.gram;
        let one = |row: &u32| {
            let row = *row as usize;
            let features = &features[row * gram.size..(row + 1) * gram.size];
            let mut x: Vec<f64> = features.iter().map(|x| f64::from(*x)).collect();
            x.iter_mut().zip(&gram.mean).for_each(|(x, m)| *x -= m);
            self.factor.solve_lower(&mut x);
            weights[row] * (1.0 / gram.weight + dot(&x, &x))
        };
        rows.iter().map(one).collect()
    }
}
