//! One route's belief about one objective: Bayesian linear regression on the query.
//!
//! Features are a constant and up to sixteen numbers of the query vector (a fixed random
//! projection of longer ones, as in Johnson and Lindenstrauss, 1984). The belief is a ridge around the prior mean
//! (Bishop, 2006, section 3.3); its statistics are sums, so that workers' beliefs add up.

use crate::error::{Error, Result};
use crate::kernel::linalg::{Cholesky, dot};
use crate::{Rng, rng};
use serde::{Deserialize, Serialize};

/// Numbers that a query becomes, besides the constant.
pub(super) const FEATURES: usize = 16;
const SIZE: usize = FEATURES + 1;
/// How many observations the prior mean is worth, and how strongly the slopes are held at zero.
const PRIOR_WEIGHT: f64 = 1.0;
const SLOPE_WEIGHT: f64 = 10.0;
/// The prior standard deviation of an outcome, as a share of the prior mean (or of one).
const PRIOR_SPREAD: f64 = 0.25;

/// The constant and the features of a query.
pub(super) type Features = Vec<f64>;

/// The features of no query in particular.
pub(super) fn no_query() -> Features {
    let mut z = vec![0.0; SIZE];
    z[0] = 1.0;
    z
}

/// The features of a query vector; its length does not matter, a zero vector is no query.
pub(super) fn features(vector: &[f32], seed: u64) -> Features {
    let mut z = no_query();
    let norm = vector
        .iter()
        .map(|x| f64::from(*x).powi(2))
        .sum::<f64>()
        .sqrt();
    if norm == 0.0 {
        return z;
    }
    if vector.len() <= FEATURES {
        let scale = (vector.len() as f64).sqrt() / norm;
        for (z, x) in z[1..].iter_mut().zip(vector) {
            *z = scale * f64::from(*x);
        }
        return z;
    }
    let mut state = seed;
    let mut normals = Rng::new(rng::splitmix64(&mut state));
    for x in vector {
        let x = f64::from(*x) / norm;
        for z in &mut z[1..] {
            *z += x * normals.normal();
        }
    }
    z
}

/// What was observed of one route and objective.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sums {
    /// Lower triangle of the features' second moments, row after row; `gram[0]` is the count.
    gram: Vec<f64>,
    moment: Vec<f64>,
    squares: f64,
    range: Option<(f64, f64)>,
}

impl Sums {
    pub fn count(&self) -> f64 {
        self.gram.first().copied().unwrap_or(0.0)
    }

    pub fn record(&mut self, z: &Features, y: f64) {
        let mut one = Sums {
            gram: Vec::with_capacity(SIZE * (SIZE + 1) / 2),
            moment: z.iter().map(|z| z * y).collect(),
            squares: y * y,
            range: Some((y, y)),
        };
        for i in 0..SIZE {
            one.gram.extend((0..=i).map(|j| z[i] * z[j]));
        }
        self.add(&one);
    }

    pub fn add(&mut self, other: &Sums) {
        if other.gram.is_empty() {
            return;
        }
        if self.gram.is_empty() {
            *self = other.clone();
            return;
        }
        let add = |to: &mut [f64], from: &[f64]| {
            to.iter_mut().zip(from).for_each(|(x, y)| *x += y);
        };
        add(&mut self.gram, &other.gram);
        add(&mut self.moment, &other.moment);
        self.squares += other.squares;
        if let (Some((a, b)), Some((c, d))) = (self.range, other.range) {
            self.range = Some((a.min(c), b.max(d)));
        }
    }

    pub fn check(&self) -> Result<()> {
        let sane = |x: &f64| x.abs() <= 1e40;
        let sizes = match self.range {
            None => self.gram.is_empty() && self.moment.is_empty(),
            Some((a, b)) => {
                sane(&a)
                    && sane(&b)
                    && a <= b
                    && self.gram.len() == SIZE * (SIZE + 1) / 2
                    && self.moment.len() == SIZE
                    && self.gram[0] >= 1.0
            }
        };
        if sizes && self.gram.iter().chain(&self.moment).all(sane) && sane(&self.squares) {
            return Ok(());
        }
        Err(Error::invalid("the sums of a route are out of range"))
    }
}

/// The belief at one query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Belief {
    pub mean: f64,
    pub sd: f64,
}

/// The belief about an outcome at `z`; `None` without a prior and without data.
///
/// The mean is kept within what was observed and the prior: a line leaves the possible (a
/// negative cost) where there are no data.
pub(super) fn belief(prior: Option<f64>, sums: &Sums, z: &Features) -> Option<Belief> {
    let n = sums.count();
    let centre = match prior {
        Some(prior) => prior,
        None if n > 0.0 => sums.moment[0] / n,
        None => return None,
    };
    let spread = PRIOR_SPREAD * if centre == 0.0 { 1.0 } else { centre.abs() };
    let mut a = vec![0.0; SIZE * SIZE];
    let mut b = vec![0.0; SIZE];
    let mut squares = 0.0;
    if n > 0.0 {
        let mut entries = sums.gram.iter();
        for i in 0..SIZE {
            for j in 0..=i {
                a[i * SIZE + j] = *entries.next().expect("a full triangle");
            }
            b[i] = sums.moment[i] - centre * a[i * SIZE];
        }
        squares = sums.squares - 2.0 * centre * sums.moment[0] + n * centre * centre;
    }
    for i in 0..SIZE {
        a[i * SIZE + i] += if i == 0 { PRIOR_WEIGHT } else { SLOPE_WEIGHT };
    }
    let factor = Cholesky::new(&a, SIZE)?;
    let w = factor.solve(&b);
    let rest = (squares - dot(&w, &b)).max(0.0);
    let variance = (spread * spread + rest) / (1.0 + n);
    let mut x = z.clone();
    factor.solve_lower(&mut x);
    let mut mean = centre + dot(&w, z);
    if let Some((low, high)) = sums.range {
        mean = mean.clamp(low.min(centre), high.max(centre));
    }
    Some(Belief {
        mean,
        sd: (variance * dot(&x, &x)).sqrt(),
    })
}
