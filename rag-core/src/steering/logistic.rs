//! Logistic regression, for those who ask for it.

use super::direction::{Sample, add_scaled};
use crate::kernel::linalg::dot;

/// Logistic regression: the minimum of `|w|^2 / 2 + c * sum log(1 + exp(-y (w.x + b)))`, by Newton
/// steps solved with conjugate gradients (Nocedal and Wright, 2006, chapter 7).
pub(super) fn logistic(sample: &Sample, held: Option<usize>, c: f64) -> Vec<f64> {
    let train = sample.train(held);
    let d = sample.dim;
    let target: Vec<f64> = train
        .iter()
        .map(|&i| f64::from(sample.positive[i]))
        .collect();
    // The last of the d + 1 numbers is the intercept, which is not penalised.
    let scores = |w: &[f64]| -> Vec<f64> {
        let each = train.iter().map(|&i| sample.score(i, &w[..d]) + w[d]);
        each.collect()
    };
    let back = |weights: &[f64]| -> Vec<f64> {
        let mut sum = sample.combine(&train, weights);
        sum.push(weights.iter().sum());
        sum
    };
    let loss = |w: &[f64], s: &[f64]| -> f64 {
        let fit: f64 = s
            .iter()
            .zip(&target)
            .map(|(s, y)| softplus(*s) - y * s)
            .sum();
        0.5 * dot(&w[..d], &w[..d]) + c * fit
    };
    let mut w = vec![0.0; d + 1];
    let mut s = scores(&w);
    let mut first = None;
    for _ in 0..50 {
        let p: Vec<f64> = s.iter().map(|s| 1.0 / (1.0 + (-s).exp())).collect();
        let misfit: Vec<f64> = p.iter().zip(&target).map(|(p, y)| c * (p - y)).collect();
        let mut gradient = back(&misfit);
        add_scaled(&mut gradient[..d], 1.0, &w[..d]);
        let size = dot(&gradient, &gradient).sqrt();
        if size <= 1e-10 * *first.get_or_insert(size) {
            break;
        }
        let curvature: Vec<f64> = p.iter().map(|p| c * p * (1.0 - p)).collect();
        let hessian = |v: &[f64]| -> Vec<f64> {
            let weighted: Vec<f64> = scores(v)
                .iter()
                .zip(&curvature)
                .map(|(s, q)| s * q)
                .collect();
            let mut out = back(&weighted);
            add_scaled(&mut out[..d], 1.0, &v[..d]);
            // Keeps the intercept's curvature positive when every probability saturates.
            out[d] += 1e-9 * v[d];
            out
        };
        let step = conjugate_gradients(&hessian, &gradient);
        let now = loss(&w, &s);
        let mut length = 1.0;
        let moved = loop {
            let mut next = w.clone();
            add_scaled(&mut next, -length, &step);
            let next_s = scores(&next);
            if loss(&next, &next_s) < now {
                break Some((next, next_s));
            }
            length *= 0.5;
            if length < 1e-6 {
                break None;
            }
        };
        match moved {
            Some(next) => (w, s) = next,
            None => break,
        }
    }
    w.truncate(d);
    w
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `x` with `A x = b` for a positive definite `A` (Hestenes and Stiefel, 1952).
fn conjugate_gradients(apply: &dyn Fn(&[f64]) -> Vec<f64>, b: &[f64]) -> Vec<f64> {
    let mut x = vec![0.0; b.len()];
    let mut residual = b.to_vec();
    let mut direction = b.to_vec();
    let mut size = dot(&residual, &residual);
    let enough = size * 1e-14;
    for _ in 0..(2 * b.len()).min(500) {
        if size <= enough {
            break;
        }
        let image = apply(&direction);
        let alpha = size / dot(&direction, &image);
        add_scaled(&mut x, alpha, &direction);
        add_scaled(&mut residual, -alpha, &image);
        let next = dot(&residual, &residual);
        let beta = next / size;
        for (d, r) in direction.iter_mut().zip(&residual) {
            *d = r + beta * *d;
        }
        size = next;
    }
    x
}
