//! The curve of a domain: a Gaussian process over the arm's value, reduced to six cosines.
//!
//! A Hilbert-space approximation (Solin and Särkkä, 2020) with the Neumann basis on [0, 1]:
//! `f(u) = m(u) + sum_j b_j cos(j pi u)`, `b_j ~ N(0, s_j^2)`, `j = 0..5`, where `s_j` follows the
//! spectral density of the squared-exponential kernel and `m` is a parabola around the prior
//! guess of the best arm. The posterior needs counts and sums of rewards for each arm, nothing else.

use crate::Rng;
use std::f64::consts::PI;

/// Cosines in the basis, the constant included.
pub(super) const BASES: usize = 6;
/// The drop of the prior parabola one unit away from its top.
const CURVATURE: f64 = 0.85;
/// The prior of the level: rewards are thought to lie around one half, give or take a half.
const LEVEL: f64 = 0.5;
const LEVEL_SD: f64 = 0.5;
/// The kernel around a prior guess, and the wider one where there is no guess.
const LENGTH: f64 = 0.4;
const AMPLITUDE: f64 = 0.15;
const AMPLITUDE_NO_GUESS: f64 = 0.3;
/// The prior of the reward's noise: this standard deviation, worth so many rewards.
const NOISE_SD: f64 = 0.1;
const NOISE_WEIGHT: f64 = 10.0;
const NOISE_ROUNDS: usize = 2;

type Weights = [f64; BASES];
type Square = [[f64; BASES]; BASES];

/// What has been learnt about one domain: for each arm a count and a sum of rewards (after
/// discounting), and the sum of all squared rewards. These add up over workers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub count: Vec<f64>,
    pub reward: Vec<f64>,
    pub squares: f64,
}

impl Sums {
    pub fn new(arms: usize) -> Self {
        Self {
            count: vec![0.0; arms],
            reward: vec![0.0; arms],
            squares: 0.0,
        }
    }

    pub fn record(&mut self, arm: usize, reward: f64, discount: f64) {
        if discount < 1.0 {
            self.scale(discount);
        }
        self.count[arm] += 1.0;
        self.reward[arm] += reward;
        self.squares += reward * reward;
    }

    pub fn scale(&mut self, by: f64) {
        self.count.iter_mut().for_each(|x| *x *= by);
        self.reward.iter_mut().for_each(|x| *x *= by);
        self.squares *= by;
    }

    pub fn add(&mut self, other: &Sums, weight: f64) {
        for (x, y) in self.count.iter_mut().zip(&other.count) {
            *x += weight * y;
        }
        for (x, y) in self.reward.iter_mut().zip(&other.reward) {
            *x += weight * y;
        }
        self.squares += weight * other.squares;
    }
}

/// The basis at every arm.
#[derive(Clone, Debug)]
pub(super) struct Basis {
    /// Positions of the arms in [0, 1].
    pub at: Vec<f64>,
    phi: Vec<[f64; BASES]>,
}

impl Basis {
    pub fn new(at: Vec<f64>) -> Self {
        let phi = at
            .iter()
            .map(|u| std::array::from_fn(|j| (j as f64 * PI * u).cos()))
            .collect();
        Self { at, phi }
    }

    pub fn len(&self) -> usize {
        self.at.len()
    }
}

/// The belief about one domain's curve: the prior mean at the arms, and the weights' posterior.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    prior: Vec<f64>,
    mean: Weights,
    /// The inverse of the lower Cholesky factor of the weights' precision.
    root: Square,
}

impl Curve {
    /// The posterior given `sums`, around the guess (a position in [0, 1]) if there is one.
    ///
    /// `noise` is the standard deviation of a reward; without it, it is estimated together with
    /// the weights by expectation maximisation under an inverse-gamma prior.
    pub fn fit(basis: &Basis, guess: Option<f64>, noise: Option<f64>, sums: &Sums) -> Self {
        let prior: Vec<f64> = match guess {
            Some(p) => {
                let parabola = |u: &f64| LEVEL - CURVATURE * (u - p) * (u - p);
                basis.at.iter().map(parabola).collect()
            }
            None => vec![LEVEL; basis.len()],
        };
        let mut gram = [[0.0; BASES]; BASES];
        let mut moment = [0.0; BASES];
        let (mut total, mut squares) = (0.0, sums.squares);
        for (k, phi) in basis.phi.iter().enumerate() {
            let (n, m) = (sums.count[k], prior[k]);
            if n == 0.0 {
                continue;
            }
            let residual = sums.reward[k] - n * m;
            total += n;
            squares += m * (n * m - 2.0 * sums.reward[k]);
            for i in 0..BASES {
                moment[i] += phi[i] * residual;
                for j in 0..=i {
                    gram[i][j] += n * phi[i] * phi[j];
                }
            }
        }
        let prior_precision = prior_precision(guess.is_some());
        let mut variance = noise.unwrap_or(NOISE_SD).powi(2);
        let (mut mean, mut root) = solve(&gram, &moment, &prior_precision, variance);
        if noise.is_none() && total > 0.0 {
            for _ in 0..NOISE_ROUNDS {
                let rest = expected_squares(&gram, &moment, squares, &mean, &root);
                variance = (NOISE_WEIGHT * NOISE_SD * NOISE_SD + rest) / (NOISE_WEIGHT + total);
                (mean, root) = solve(&gram, &moment, &prior_precision, variance);
            }
        }
        Self { prior, mean, root }
    }

    /// The posterior mean of the reward at arm `k`.
    pub fn mean(&self, basis: &Basis, k: usize) -> f64 {
        self.prior[k] + dot(&basis.phi[k], &self.mean)
    }

    /// The posterior standard deviation of the curve at arm `k`, the noise of a reward excluded.
    pub fn sd(&self, basis: &Basis, k: usize) -> f64 {
        let phi = &basis.phi[k];
        let spread = self.root.iter().map(|row| dot(row, phi).powi(2));
        spread.sum::<f64>().sqrt()
    }

    /// The arm that is best on one draw from the posterior, its spread scaled by `scale`.
    pub fn draw(&self, basis: &Basis, scale: f64, rng: &mut Rng) -> usize {
        let z: Weights = std::array::from_fn(|_| rng.normal());
        let mut b = self.mean;
        for (z, row) in z.iter().zip(&self.root) {
            for (b, r) in b.iter_mut().zip(row) {
                *b += scale * z * r;
            }
        }
        let value = |k: usize| self.prior[k] + dot(&basis.phi[k], &b);
        best_of(basis.len(), value)
    }

    /// On how many of the draws made from `normals` arm `k` is best.
    ///
    /// In float32 and draw by draw in the innermost loops, so that the compiler can use wide
    /// registers: this is most of the time of a choice.
    pub fn wins(&self, basis: &Basis, scale: f64, normals: &Normals, k: usize) -> usize {
        let n = normals.draws;
        let mut weights = vec![0.0f32; BASES * n];
        for (j, w) in weights.chunks_exact_mut(n).enumerate() {
            w.fill(self.mean[j] as f32);
            for (i, z) in normals.columns.chunks_exact(n).enumerate().skip(j) {
                let r = (scale * self.root[i][j]) as f32;
                for (w, z) in w.iter_mut().zip(z) {
                    *w += r * z;
                }
            }
        }
        let curve = |k: usize, out: &mut [f32]| {
            out.fill(self.prior[k] as f32);
            for (j, w) in weights.chunks_exact(n).enumerate() {
                let phi = basis.phi[k][j] as f32;
                for (o, w) in out.iter_mut().zip(w) {
                    *o += phi * w;
                }
            }
        };
        let mut own = vec![0.0f32; n];
        curve(k, &mut own);
        let mut other = vec![0.0f32; n];
        let mut rival = vec![f32::NEG_INFINITY; n];
        for j in (0..basis.len()).filter(|j| *j != k) {
            curve(j, &mut other);
            for (r, o) in rival.iter_mut().zip(&other) {
                *r = if *o > *r { *o } else { *r };
            }
        }
        own.iter().zip(&rival).filter(|(o, r)| o >= r).count()
    }
}

/// Standard normal vectors, the side stream from which propensities are estimated.
#[derive(Clone, Debug)]
pub(super) struct Normals {
    pub draws: usize,
    /// The first component of all draws, then the second, ...
    columns: Vec<f32>,
}

impl Normals {
    pub fn new(draws: usize, seed: u64) -> Self {
        let mut rng = Rng::fork(seed, 0x70726f70);
        let columns = (0..draws * BASES).map(|_| rng.normal() as f32).collect();
        Self { draws, columns }
    }
}

/// The index of the largest value; the first of equals.
pub(super) fn best_of(n: usize, value: impl Fn(usize) -> f64) -> usize {
    let mut best = (f64::NEG_INFINITY, 0);
    for k in 0..n {
        let v = value(k);
        if v > best.0 {
            best = (v, k);
        }
    }
    best.1
}

fn dot(a: &Weights, b: &Weights) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn prior_precision(guessed: bool) -> Weights {
    let amplitude = if guessed {
        AMPLITUDE
    } else {
        AMPLITUDE_NO_GUESS
    };
    std::array::from_fn(|j| {
        let omega = j as f64 * PI;
        let density = (2.0 * PI).sqrt() * LENGTH * (-0.5 * (LENGTH * omega).powi(2)).exp();
        // The basis functions are cosines of unit height: squared norm 1/2, and 1 for the constant.
        let variance = match j {
            0 => LEVEL_SD * LEVEL_SD,
            _ => 2.0 * amplitude * amplitude * density,
        };
        1.0 / variance
    })
}

/// The posterior mean of the weights and the inverse factor of their precision.
fn solve(gram: &Square, moment: &Weights, prior: &Weights, variance: f64) -> (Weights, Square) {
    let mut a = gram.map(|row| row.map(|x| x / variance));
    for i in 0..BASES {
        a[i][i] += prior[i];
    }
    let root = inverse_factor(&a).unwrap_or_else(|| {
        // Rounding can make a hugely determined matrix indefinite; its diagonal is positive.
        let mut diagonal = [[0.0; BASES]; BASES];
        for i in 0..BASES {
            diagonal[i][i] = 1.0 / a[i][i].clamp(1e-300, 1e300).sqrt();
        }
        diagonal
    });
    let mut mean = [0.0; BASES];
    for row in &root {
        let z = dot(row, moment) / variance;
        for (m, r) in mean.iter_mut().zip(row) {
            *m += z * r;
        }
    }
    (mean, root)
}

/// `L^-1` where `L L' = a`, of which the lower triangle is read.
fn inverse_factor(a: &Square) -> Option<Square> {
    let mut l = [[0.0; BASES]; BASES];
    let mut inverse = [[0.0; BASES]; BASES];
    for i in 0..BASES {
        for j in 0..=i {
            let rest = a[i][j] - (0..j).map(|k| l[i][k] * l[j][k]).sum::<f64>();
            if j < i {
                l[i][j] = rest / l[j][j];
            } else if rest > 0.0 && rest.is_finite() {
                l[i][i] = rest.sqrt();
            } else {
                return None;
            }
        }
        inverse[i][i] = 1.0 / l[i][i];
        let (above, row) = inverse.split_at_mut(i);
        for (j, entry) in row[0][..i].iter_mut().enumerate() {
            let sum: f64 = (j..i).map(|k| l[i][k] * above[k][j]).sum();
            *entry = -sum / l[i][i];
        }
    }
    Some(inverse)
}

/// The posterior expectation of the squared residuals: at the mean, plus the trace term.
fn expected_squares(
    gram: &Square,
    moment: &Weights,
    squares: f64,
    mean: &Weights,
    root: &Square,
) -> f64 {
    let at = |i: usize, j: usize| gram[i.max(j)][i.min(j)];
    let form = |x: &Weights| -> f64 {
        let row = |i: usize| x[i] * (0..BASES).map(|j| at(i, j) * x[j]).sum::<f64>();
        (0..BASES).map(row).sum()
    };
    let spread: f64 = root.iter().map(form).sum();
    (squares - 2.0 * dot(moment, mean) + form(mean) + spread).max(0.0)
}
