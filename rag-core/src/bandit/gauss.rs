//! A Gaussian belief about some coefficients, taught one observation at a time, and the sums from
//! which it can be had again.
//!
//! The covariance is kept as a root `S S'`, which an observation changes in `O(n^2)` without ever
//! making it indefinite (Potter, 1963; Bierman, 1977, section II.3). The sums are those of the
//! information form, so that those of several workers add up.

use crate::kernel::linalg::Cholesky;

/// What was observed: sums of weighted products. They add up.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sums {
    /// `sum w phi phi'`, row-major.
    pub gram: Vec<f64>,
    /// `sum w phi y`.
    pub moment: Vec<f64>,
    /// `sum w`, and `sum w y^2`.
    pub count: f64,
    pub squares: f64,
    /// `sum w` and `sum w y` of the observations that tell the level, not only differences.
    pub levels: f64,
    pub total: f64,
}

impl Sums {
    pub fn new(n: usize) -> Self {
        Self {
            gram: vec![0.0; n * n],
            moment: vec![0.0; n],
            ..Self::default()
        }
    }

    pub fn size(&self) -> usize {
        self.moment.len()
    }

    #[inline]
    pub fn record(&mut self, phi: &[f64], y: f64, weight: f64) {
        let (gram, moment) = (&mut self.gram, &mut self.moment);
        match phi.len() {
            6 => record::<6>(gram, moment, phi, y, weight),
            12 => record::<12>(gram, moment, phi, y, weight),
            n => {
                for ((row, m), x) in gram.chunks_exact_mut(n).zip(moment).zip(phi) {
                    let x = x * weight;
                    *m += x * y;
                    row.iter_mut().zip(phi).for_each(|(g, p)| *g += x * p);
                }
            }
        }
        self.count += weight;
        self.squares += weight * y * y;
        self.levels += weight;
        self.total += weight * y;
    }

    /// Records a difference: it tells nothing about the level.
    pub fn record_difference(&mut self, phi: &[f64], y: f64, weight: f64) {
        self.record(phi, y, weight);
        self.levels -= weight;
        self.total -= weight * y;
    }

    pub fn scale(&mut self, by: f64) {
        let all = self.gram.iter_mut().chain(&mut self.moment);
        all.for_each(|x| *x *= by);
        self.count *= by;
        self.squares *= by;
        self.levels *= by;
        self.total *= by;
    }

    pub fn add(&mut self, other: &Sums, weight: f64) {
        let pairs = self.gram.iter_mut().zip(&other.gram);
        pairs.for_each(|(x, y)| *x += weight * y);
        let pairs = self.moment.iter_mut().zip(&other.moment);
        pairs.for_each(|(x, y)| *x += weight * y);
        self.count += weight * other.count;
        self.squares += weight * other.squares;
        self.levels += weight * other.levels;
        self.total += weight * other.total;
    }

    /// The same sums with coefficients behind the old ones that nothing was observed about.
    pub fn widen(&mut self, n: usize) {
        let old = self.size();
        let mut gram = vec![0.0; n * n];
        for (i, row) in self.gram.chunks_exact(old.max(1)).enumerate() {
            gram[i * n..i * n + old].copy_from_slice(row);
        }
        self.gram = gram;
        self.moment.resize(n, 0.0);
    }

    /// The expected sum of squared residuals under a belief.
    pub fn rest(&self, belief: &Posterior) -> f64 {
        let n = self.size();
        let mut rest = self.squares - 2.0 * dot(&self.moment, &belief.mean);
        // At the mean, and tr(gram S S').
        for (i, gram) in self.gram.chunks_exact(n).enumerate() {
            rest += belief.mean[i] * dot(gram, &belief.mean);
            let own = &belief.root[i * n..(i + 1) * n];
            for (g, row) in gram[..i].iter().zip(belief.root.chunks_exact(n)) {
                rest += 2.0 * g * dot(own, row);
            }
            rest += gram[i] * dot(own, own);
        }
        rest.max(0.0)
    }
}

/// What is thought beforehand, as precision and precision times mean.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Prior {
    pub precision: Vec<f64>,
    pub pull: Vec<f64>,
}

impl Prior {
    /// From mean and covariance.
    pub fn new(mean: &[f64], covariance: &[f64]) -> Self {
        let n = mean.len();
        let precision = inverse(covariance, n);
        let pull = precision
            .chunks_exact(n)
            .map(|row| dot(row, mean))
            .collect();
        Self { precision, pull }
    }

    /// Puts what is thought of some coefficients, from `first`, into what is thought of all.
    pub fn put(&mut self, first: usize, part: &Prior) {
        let (all, n) = (self.pull.len(), part.pull.len());
        self.pull[first..first + n].copy_from_slice(&part.pull);
        for (i, row) in part.precision.chunks_exact(n.max(1)).enumerate() {
            self.precision[(first + i) * all + first..][..n].copy_from_slice(row);
        }
    }
}

/// Mean and root of the covariance.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Posterior {
    pub mean: Vec<f64>,
    /// Row-major `S`; the covariance is `S S'`.
    pub root: Vec<f64>,
}

impl Posterior {
    /// From a prior and sums of observations with noise of this variance.
    pub fn solve(prior: &Prior, sums: &Sums, variance: f64) -> Self {
        let n = prior.pull.len();
        let quick = match n {
            6 => solve::<6>(prior, sums, variance),
            12 => solve::<12>(prior, sums, variance),
            _ => None,
        };
        if let Some(found) = quick {
            return found;
        }
        let mut precision = prior.precision.clone();
        let mut pull = prior.pull.clone();
        let pairs = precision.iter_mut().zip(&sums.gram);
        pairs.for_each(|(p, g)| *p += g / variance);
        let pairs = pull.iter_mut().zip(&sums.moment);
        pairs.for_each(|(p, m)| *p += m / variance);
        let factor = Cholesky::new(&precision, n).or_else(|| {
            // Rounding can make a hugely determined matrix indefinite; its diagonal is positive.
            let mut diagonal = vec![0.0; n * n];
            for i in 0..n {
                let own = precision[i * n + i];
                let sound = own.is_finite() && own > 0.0;
                diagonal[i * n + i] = if sound { own.clamp(1e-100, 1e100) } else { 1.0 };
            }
            Cholesky::new(&diagonal, n)
        });
        let factor = factor.expect("a positive diagonal");
        let mut root = vec![0.0; n * n];
        let mut column = vec![0.0; n];
        for j in 0..n {
            column.fill(0.0);
            column[j] = 1.0;
            factor.solve_upper(&mut column);
            (0..n).for_each(|i| root[i * n + j] = column[i]);
        }
        Self {
            mean: factor.solve(&pull),
            root,
        }
    }

    /// The expectation of `phi' x`, and into `along` the root's transpose times `phi`, whose squared
    /// length is the variance.
    #[inline]
    pub fn predict(&self, phi: &[f64], along: &mut [f64]) -> f64 {
        match phi.len() {
            6 => predict::<6>(self, phi, along),
            12 => predict::<12>(self, phi, along),
            n => {
                along.fill(0.0);
                for (row, p) in self.root.chunks_exact(n).zip(phi) {
                    along.iter_mut().zip(row).for_each(|(a, s)| *a += p * s);
                }
                dot(&self.mean, phi)
            }
        }
    }

    /// Learns that `phi' x` was `error` more than expected, with noise of this variance; `along`
    /// is [`Self::predict`]'s and `total` the variance of the observation.
    #[inline]
    pub fn learn(&mut self, along: &[f64], error: f64, noise: f64, total: f64) {
        let gain = error / total;
        let shrink = 1.0 / (total * (1.0 + (noise / total).sqrt()));
        match along.len() {
            6 => learn::<6>(self, along, gain, shrink),
            12 => learn::<12>(self, along, gain, shrink),
            n => {
                for (row, m) in self.root.chunks_exact_mut(n).zip(&mut self.mean) {
                    let g = dot(row, along);
                    *m += g * gain;
                    let g = g * shrink;
                    row.iter_mut().zip(along).for_each(|(s, a)| *s -= g * a);
                }
            }
        }
    }
}

/// The usual sizes (a line, and a line with three features) get loops of known length.
#[inline]
fn predict<const N: usize>(belief: &Posterior, phi: &[f64], along: &mut [f64]) -> f64 {
    let (phi, mean) = (fixed::<N>(phi), fixed::<N>(&belief.mean));
    let mut sums = [0.0; N];
    let mut expected = 0.0;
    for ((row, p), m) in belief.root.as_chunks::<N>().0.iter().zip(phi).zip(mean) {
        for (a, s) in sums.iter_mut().zip(row) {
            *a += p * s;
        }
        expected += p * m;
    }
    along.copy_from_slice(&sums);
    expected
}

#[inline]
fn learn<const N: usize>(belief: &mut Posterior, along: &[f64], gain: f64, shrink: f64) {
    let along = *fixed::<N>(along);
    let rows = belief.root.as_chunks_mut::<N>().0;
    for (row, m) in rows.iter_mut().zip(&mut belief.mean) {
        let mut g = 0.0;
        for (s, a) in row.iter().zip(&along) {
            g += s * a;
        }
        *m += g * gain;
        let g = g * shrink;
        for (s, a) in row.iter_mut().zip(&along) {
            *s -= g * a;
        }
    }
}

#[inline]
fn record<const N: usize>(gram: &mut [f64], moment: &mut [f64], phi: &[f64], y: f64, weight: f64) {
    let phi = *fixed::<N>(phi);
    let rows = gram.as_chunks_mut::<N>().0;
    for ((row, m), x) in rows.iter_mut().zip(moment).zip(&phi) {
        let x = x * weight;
        *m += x * y;
        for (g, p) in row.iter_mut().zip(&phi) {
            *g += x * p;
        }
    }
}

/// As [`Posterior::solve`], without a heap; `None` if the matrix is not definite.
fn solve<const N: usize>(prior: &Prior, sums: &Sums, variance: f64) -> Option<Posterior> {
    let by = 1.0 / variance;
    let mut lower = [[0.0; N]; N];
    let (precision, gram) = (
        prior.precision.as_chunks::<N>().0,
        sums.gram.as_chunks::<N>().0,
    );
    for ((row, p), g) in lower.iter_mut().zip(precision).zip(gram) {
        for ((x, p), g) in row.iter_mut().zip(p).zip(g) {
            *x = p + by * g;
        }
    }
    // The factor L in place, then rows of its inverse.
    let mut inverse = [[0.0; N]; N];
    for i in 0..N {
        for j in 0..i {
            let (above, own) = lower.split_at_mut(i);
            let mut rest = own[0][j];
            for k in 0..j {
                rest -= own[0][k] * above[j][k];
            }
            own[0][j] = rest * inverse[j][j];
        }
        let mut rest = lower[i][i];
        for x in &lower[i][..i] {
            rest -= x * x;
        }
        if !(rest > 0.0 && rest.is_finite()) {
            return None;
        }
        inverse[i][i] = 1.0 / rest.sqrt();
        let (above, own) = inverse.split_at_mut(i);
        let last = own[0][i];
        for (k, row) in above.iter().enumerate() {
            let by = lower[i][k] * last;
            for (x, y) in own[0][..=k].iter_mut().zip(row) {
                *x -= by * y;
            }
        }
    }
    let mut pull = [0.0; N];
    for ((x, p), m) in pull.iter_mut().zip(&prior.pull).zip(&sums.moment) {
        *x = p + by * m;
    }
    let (mut mean, mut root) = (vec![0.0; N], vec![0.0; N * N]);
    for (j, row) in inverse.iter().enumerate() {
        let mut z = 0.0;
        for (r, p) in row.iter().zip(&pull) {
            z += r * p;
        }
        for (i, r) in row.iter().enumerate() {
            mean[i] += z * r;
            root[i * N + j] = *r;
        }
    }
    Some(Posterior { mean, root })
}

fn fixed<const N: usize>(slice: &[f64]) -> &[f64; N] {
    slice.try_into().expect("the size was matched")
}

#[inline]
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The inverse of a symmetric positive definite matrix.
pub(super) fn inverse(a: &[f64], n: usize) -> Vec<f64> {
    let mut a = a.to_vec();
    let largest = (0..n).map(|i| a[i * n + i]).fold(0.0, f64::max);
    let mut jitter = largest * 1e-14;
    loop {
        if let Some(factor) = Cholesky::new(&a, n) {
            let mut inverse = vec![0.0; n * n];
            for j in 0..n {
                let mut unit = vec![0.0; n];
                unit[j] = 1.0;
                for (i, x) in factor.solve(&unit).into_iter().enumerate() {
                    inverse[i * n + j] = x;
                }
            }
            return inverse;
        }
        // Ends: with enough on its diagonal any finite matrix is definite.
        jitter = (jitter * 10.0).max(1e-300);
        (0..n).for_each(|i| a[i * n + i] += jitter);
        if jitter > 1e300 {
            let mut unit = vec![0.0; n * n];
            (0..n).for_each(|i| unit[i * n + i] = 1.0);
            return unit;
        }
    }
}

/// The lower Cholesky factor of a covariance in place; what rounding made negative counts as zero.
#[inline]
pub(super) fn factor(a: &mut [f64], n: usize) {
    for i in 0..n {
        for j in 0..=i {
            let mut rest = a[i * n + j];
            for k in 0..j {
                rest -= a[i * n + k] * a[j * n + k];
            }
            a[i * n + j] = if j == i {
                rest.max(0.0).sqrt()
            } else if a[j * n + j] > 0.0 {
                rest / a[j * n + j]
            } else {
                0.0
            };
        }
        a[i * n + i + 1..(i + 1) * n].fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    #[test]
    fn one_at_a_time_is_all_at_once() {
        let mut rng = Rng::new(3);
        let n = 5;
        let mut covariance = vec![0.0; n * n];
        (0..n).for_each(|i| covariance[i * n + i] = 0.5 + i as f64);
        let prior = Prior::new(&[0.1, 0.2, 0.3, 0.4, 0.5], &covariance);
        let mut sums = Sums::new(n);
        let mut step = Posterior::solve(&prior, &sums, 0.3);
        let mut along = vec![0.0; n];
        for _ in 0..40 {
            let phi: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
            let y = rng.normal();
            sums.record(&phi, y, 1.0);
            let mean = step.predict(&phi, &mut along);
            let total = 0.3 + dot(&along, &along);
            step.learn(&along, y - mean, 0.3, total);
        }
        let whole = Posterior::solve(&prior, &sums, 0.3);
        for (a, b) in whole.mean.iter().zip(&step.mean) {
            assert!((a - b).abs() < 1e-12);
        }
        let covariance = |p: &Posterior| -> Vec<f64> {
            let rows: Vec<&[f64]> = p.root.chunks_exact(n).collect();
            let pairs = rows
                .iter()
                .flat_map(|a| rows.iter().map(move |b| dot(a, b)));
            pairs.collect()
        };
        for (a, b) in covariance(&whole).iter().zip(&covariance(&step)) {
            assert!((a - b).abs() < 1e-12);
        }
    }
}
