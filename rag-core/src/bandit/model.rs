//! The curve of a domain: a Gaussian process over the arm's value, reduced to six cosines.
//!
//! A Hilbert-space approximation (Solin and Särkkä, 2020) with the Neumann basis on [0, 1]:
//! `f(u) = m(u) + sum_j b_j cos(j pi u)`, `b_j ~ N(0, s_j^2)`, `j = 0..5`, where `s_j` follows the
//! spectral density of the squared-exponential kernel and `m` is a parabola around the prior
//! guess of the best arm. The posterior needs counts and sums of rewards for each arm, nothing else.

use crate::Rng;
use crate::kernel::linalg::Cholesky;
use std::f64::consts::PI;

/// Cosines in the basis, the constant included.
pub(super) const BASES: usize = 6;
/// The drop of the prior parabola one unit away from its top.
const CURVATURE: f64 = 0.85;
/// The prior of the level: rewards are thought to lie around one half, give or take a half.
const LEVEL: f64 = 0.5;
const LEVEL_SD: f64 = 0.5;
/// The kernel around a prior guess, and the wider one where there is no guess.
const LENGTH: f64 = 0.3;
const AMPLITUDE: f64 = 0.2;
const AMPLITUDE_NO_GUESS: f64 = 0.35;
/// The prior of the reward's noise: this standard deviation, worth so many rewards.
const NOISE_SD: f64 = 0.1;
const NOISE_WEIGHT: f64 = 10.0;
const NOISE_ROUNDS: usize = 3;

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
    mean: [f64; BASES],
    precision: Cholesky,
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
        let (mut mean, mut precision) = solve(&gram, &moment, &prior_precision, variance);
        if noise.is_none() && total > 0.0 {
            for _ in 0..NOISE_ROUNDS {
                let rest = expected_squares(&gram, &moment, squares, &mean, &precision);
                variance = (NOISE_WEIGHT * NOISE_SD * NOISE_SD + rest) / (NOISE_WEIGHT + total);
                (mean, precision) = solve(&gram, &moment, &prior_precision, variance);
            }
        }
        Self {
            prior,
            mean,
            precision,
        }
    }

    /// The posterior mean of the reward at arm `k`.
    pub fn mean(&self, basis: &Basis, k: usize) -> f64 {
        self.prior[k] + dot(&basis.phi[k], &self.mean)
    }

    /// The posterior standard deviation of the curve at arm `k`, the noise of a reward excluded.
    pub fn sd(&self, basis: &Basis, k: usize) -> f64 {
        let mut x = basis.phi[k];
        self.precision.solve_lower(&mut x);
        dot(&x, &x).sqrt()
    }

    /// The arm that is best on one draw from the posterior, its spread scaled by `scale`.
    pub fn draw(&self, basis: &Basis, scale: f64, rng: &mut Rng) -> usize {
        let mut b: [f64; BASES] = std::array::from_fn(|_| rng.normal());
        self.precision.solve_upper(&mut b);
        for (b, m) in b.iter_mut().zip(&self.mean) {
            *b = m + scale * *b;
        }
        let value = |k: usize| self.prior[k] + dot(&basis.phi[k], &b);
        best_of(basis.len(), value)
    }

    /// How often arm `k` is best on the draws made from `normals` (see [`normals`]).
    ///
    /// In float32 and draw-major, so that the compiler can use wide registers: this is most of
    /// the time of a choice.
    pub fn wins(&self, basis: &Basis, scale: f64, normals: &[[f64; BASES]], k: usize) -> usize {
        let n = normals.len();
        let mut weights = vec![0.0f32; BASES * n];
        for (i, z) in normals.iter().enumerate() {
            let mut b = *z;
            self.precision.solve_upper(&mut b);
            for j in 0..BASES {
                weights[j * n + i] = (self.mean[j] + scale * b[j]) as f32;
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

/// `draws` standard normal vectors, the side stream from which propensities are estimated.
pub(super) fn normals(draws: usize, seed: u64) -> Vec<[f64; BASES]> {
    let mut rng = Rng::fork(seed, 0x70726f70);
    (0..draws)
        .map(|_| std::array::from_fn(|_| rng.normal()))
        .collect()
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

fn dot(a: &[f64; BASES], b: &[f64; BASES]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn prior_precision(guessed: bool) -> [f64; BASES] {
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

type Square = [[f64; BASES]; BASES];

fn solve(
    gram: &Square,
    moment: &[f64; BASES],
    prior: &[f64; BASES],
    variance: f64,
) -> ([f64; BASES], Cholesky) {
    let mut a = [0.0; BASES * BASES];
    for i in 0..BASES {
        for j in 0..=i {
            a[i * BASES + j] = gram[i][j] / variance;
        }
        a[i * BASES + i] += prior[i];
    }
    let precision = Cholesky::new(&a, BASES)
        .or_else(|| Cholesky::new(&diagonal(&a), BASES))
        .expect("a diagonal of positive numbers has a factor");
    let mut mean = moment.map(|x| x / variance);
    precision.solve_lower(&mut mean);
    precision.solve_upper(&mut mean);
    (mean, precision)
}

/// What is left when rounding has made a hugely determined matrix indefinite.
fn diagonal(a: &[f64; BASES * BASES]) -> [f64; BASES * BASES] {
    std::array::from_fn(|i| {
        if i % (BASES + 1) == 0 {
            a[i].clamp(1e-300, 1e300)
        } else {
            0.0
        }
    })
}

/// The posterior expectation of the squared residuals: at the mean, plus the trace term.
fn expected_squares(
    gram: &Square,
    moment: &[f64; BASES],
    squares: f64,
    mean: &[f64; BASES],
    precision: &Cholesky,
) -> f64 {
    let at = |i: usize, j: usize| if i >= j { gram[i][j] } else { gram[j][i] };
    let mut total = squares - 2.0 * dot(moment, mean);
    for j in 0..BASES {
        let column: [f64; BASES] = std::array::from_fn(|i| at(i, j));
        total += mean[j] * dot(&column, mean);
        let mut x = column;
        precision.solve_lower(&mut x);
        precision.solve_upper(&mut x);
        total += x[j];
    }
    total.max(0.0)
}
