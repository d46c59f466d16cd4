//! Prototypes and probabilities from examples.
//!
//! With means `m_d` and the common mean `g` a unit vector `x` has for domain `d` the score
//! `(x - g).w_d - |w_d|^2 / 2`, where `w_d = f_d (m_d - g)` and `f_d = n_d / (n_d + spread)`: the log
//! ratio of two round Gaussians around `g + w_d` and `g`, up to their width. Probabilities are
//! `exp(sharpness * score)`, and `exp(threshold)` for none of them, over their sum. The common mean
//! counts an unknown domain at the origin besides those that there are, so that even one domain
//! differs from it.

use super::Domain;
use crate::kernel;
use crate::kernel::linalg::dot;

/// The spread of examples within a domain over that between domains, where too few tell it.
const SPREAD: f64 = 4.0;
const SPREADS: (f64, f64) = (0.1, 100.0);
/// Where sharpness and threshold are believed to be before anything is seen, and how far from there
/// either may well be: worth about one example.
const SHARPNESS: f64 = 60.0;
const THRESHOLD: (f64, f64) = (0.0, 2.0);
/// Examples that are judged without themselves, over all domains.
const JUDGED: usize = 4096;
const STEPS: usize = 50;

/// What tells domains apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fitted {
    /// A row each domain: the direction in which it lies, and what its score starts from.
    directions: Vec<(Vec<f32>, f64)>,
    sharpness: f64,
    threshold: f64,
}

impl Fitted {
    /// `None` without a domain.
    pub(super) fn new(domains: &[&Domain], background: f64) -> Option<Self> {
        if domains.is_empty() {
            return None;
        }
        let means = Means::new(domains);
        let all: Vec<usize> = (0..domains.len()).collect();
        let directions = all.iter().map(|&d| {
            let factor = means.factor(means.counts[d]);
            let toward = |(m, g): (&f64, &f64)| factor * (m - g);
            let along: Vec<f64> = means.rows[d]
                .iter()
                .zip(&means.common)
                .map(toward)
                .collect();
            let start = -dot(&means.common, &along) - 0.5 * dot(&along, &along);
            (along.iter().map(|x| *x as f32).collect(), start)
        });
        let directions = directions.collect();
        let (sharpness, threshold) = means.judged(domains, background).fit();
        Some(Self {
            directions,
            sharpness,
            threshold,
        })
    }

    /// Of each domain, then of none of them. Sums to 1.
    pub(super) fn probabilities(&self, vector: &[f32]) -> Vec<f64> {
        let mut unit = vector.to_vec();
        // Zeros stay zeros.
        let _ = kernel::normalize(&mut unit);
        let product = kernel::active().dot;
        let scores = self.directions.iter();
        let scores = scores.map(|(along, start)| f64::from(product(&unit, along)) + start);
        let mut logits: Vec<f64> = scores.map(|score| self.sharpness * score).collect();
        logits.push(self.threshold);
        softmax(&mut logits);
        logits
    }
}

fn softmax(logits: &mut [f64]) {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logits.iter_mut().for_each(|x| *x = (*x - most).exp());
    let sum: f64 = logits.iter().sum();
    logits.iter_mut().for_each(|x| *x /= sum);
}

/// The means of the domains with all their inner products.
pub(super) struct Means {
    counts: Vec<f64>,
    rows: Vec<Vec<f64>>,
    products: Vec<Vec<f64>>,
    common: Vec<f64>,
    spread: f64,
}

impl Means {
    fn new(domains: &[&Domain]) -> Self {
        let counts: Vec<f64> = domains.iter().map(|d| d.count as f64).collect();
        let mean = |d: &&Domain| d.sum.iter().map(|x| x / d.count as f64).collect();
        let rows: Vec<Vec<f64>> = domains.iter().map(mean).collect();
        let products: Vec<Vec<f64>> = rows
            .iter()
            .map(|a| rows.iter().map(|b| dot(a, b)).collect())
            .collect();
        let mut common = vec![0.0; rows[0].len()];
        for row in &rows {
            for (common, x) in common.iter_mut().zip(row) {
                *common += x / (rows.len() as f64 + 1.0);
            }
        }
        let spread = spread(&counts, &products);
        Self {
            counts,
            rows,
            products,
            common,
            spread,
        }
    }

    /// How much of its difference from the common mean a domain of `count` examples keeps.
    fn factor(&self, count: f64) -> f64 {
        count / (count + self.spread)
    }

    /// Every kept example against domains that were learnt without it, and against the others when its
    /// own domain was never learnt.
    fn judged(&self, domains: &[&Domain], background: f64) -> Judged {
        let k = domains.len();
        let each = (JUDGED / k).max(1);
        let mut judged = Judged::default();
        for (d, domain) in domains.iter().enumerate() {
            let kept = &domain.kept[..domain.kept.len().min(each)];
            for (_, example) in kept {
                let example: Vec<f64> = example.iter().map(|x| f64::from(*x)).collect();
                let with: Vec<f64> = self.rows.iter().map(|row| dot(&example, row)).collect();
                let weight = 1.0 / kept.len() as f64;
                if domain.count > 1 {
                    judged.take(self.without_itself(d, &with), Some(d), weight);
                }
                if k > 1 {
                    judged.take(self.without_its_domain(d, &with), None, weight);
                }
            }
        }
        judged.weigh(background);
        judged
    }

    /// Scores of an example of `d`, whose products with the means are `with`, by means without it.
    fn without_itself(&self, d: usize, with: &[f64]) -> Vec<f64> {
        let k = self.counts.len();
        let n = self.counts[d];
        // The mean of the others is (n m - x) / (n - 1); so are all products with it.
        let less = |with_mean: f64, with_example: f64| (n * with_mean - with_example) / (n - 1.0);
        let product = |a: usize, b: usize| match (a == d, b == d) {
            (false, false) => self.products[a][b],
            (true, false) => less(self.products[d][b], with[b]),
            (false, true) => less(self.products[a][d], with[a]),
            // Twice: (n (m.m') - x.m') / (n - 1) with m' the mean without it.
            (true, true) => less(less(self.products[d][d], with[d]), less(with[d], 1.0)),
        };
        let own = |a: usize| match a == d {
            true => less(with[d], 1.0),
            false => with[a],
        };
        let count = |a: usize| self.counts[a] - f64::from(u8::from(a == d));
        let all: Vec<usize> = (0..k).collect();
        self.scores(&all, &product, &own, &count)
    }

    fn without_its_domain(&self, d: usize, with: &[f64]) -> Vec<f64> {
        let others: Vec<usize> = (0..self.counts.len()).filter(|a| *a != d).collect();
        let product = |a: usize, b: usize| self.products[a][b];
        self.scores(&others, &product, &|a| with[a], &|a| self.counts[a])
    }

    /// The scores of an example by inner products alone.
    fn scores(
        &self,
        among: &[usize],
        product: &dyn Fn(usize, usize) -> f64,
        example: &dyn Fn(usize) -> f64,
        count: &dyn Fn(usize) -> f64,
    ) -> Vec<f64> {
        let share = 1.0 / (among.len() as f64 + 1.0);
        // Products with the common mean.
        let with_common = |a: usize| share * among.iter().map(|&b| product(a, b)).sum::<f64>();
        let commons: Vec<f64> = among.iter().map(|&a| with_common(a)).collect();
        let square = share * commons.iter().sum::<f64>();
        let example_common = share * among.iter().map(|&a| example(a)).sum::<f64>();
        let scores = among.iter().zip(&commons).map(|(&a, &common)| {
            let factor = self.factor(count(a));
            let along = example(a) - example_common - common + square;
            let length = product(a, a) - 2.0 * common + square;
            factor * along - 0.5 * factor * factor * length
        });
        scores.collect()
    }
}

/// The variance within domains over that between them: so many examples of a domain say as much as
/// what is known of all domains.
fn spread(counts: &[f64], products: &[Vec<f64>]) -> f64 {
    let k = counts.len() as f64;
    let examples: f64 = counts.iter().sum();
    if counts.len() < 2 || examples < k + 1.0 {
        return SPREAD;
    }
    let squares = counts.iter().enumerate().map(|(d, n)| n * products[d][d]);
    let within = (examples - squares.sum::<f64>()).max(0.0) / (examples - k);
    let all: f64 = products.iter().flatten().sum();
    let own: f64 = (0..counts.len()).map(|d| products[d][d]).sum();
    let apart = (own - all / k) / (k - 1.0);
    let noise = within * counts.iter().map(|n| 1.0 / n).sum::<f64>() / k;
    let between = (apart - noise).max(within / SPREADS.1);
    match between > 0.0 {
        true => (within / between).clamp(SPREADS.0, SPREADS.1),
        false => SPREAD,
    }
}

/// Scores with the right answer, `None` for none of the domains, and a weight.
#[derive(Default)]
struct Judged(Vec<(Vec<f64>, Option<usize>, f64)>);

impl Judged {
    fn take(&mut self, scores: Vec<f64>, right: Option<usize>, weight: f64) {
        self.0.push((scores, right, weight));
    }

    /// Gives those of no domain their share, and all together the weight of their number.
    fn weigh(&mut self, background: f64) {
        let sum = |none: bool| {
            let of = self
                .0
                .iter()
                .filter(|(_, right, _)| right.is_none() == none);
            of.map(|(_, _, weight)| weight).sum::<f64>()
        };
        let (known, none) = (sum(false), sum(true));
        let number = self
            .0
            .iter()
            .filter(|(_, right, _)| right.is_some())
            .count();
        // Descriptions alone: nothing is known of how near the examples of a domain are to it, so that
        // only what is far from all of them can be told, and that counts as one example.
        let number = if known > 0.0 { number as f64 } else { 1.0 };
        for (_, right, weight) in &mut self.0 {
            *weight *= number
                * match right {
                    Some(_) => (1.0 - background) / known,
                    None => background / none,
                };
        }
    }

    /// The sharpness and the threshold that make the right answers likeliest: Newton's steps on a
    /// convex function, each halved until it helps.
    fn fit(&self) -> (f64, f64) {
        let mut at = (SHARPNESS, THRESHOLD.0);
        let mut value = self.loss(at);
        for _ in 0..STEPS {
            let (gradient, curvature) = self.slope(at);
            let [aa, ac, cc] = curvature;
            let determinant = aa * cc - ac * ac;
            if determinant.is_nan() || determinant <= 0.0 {
                break;
            }
            let step = (
                (cc * gradient.0 - ac * gradient.1) / determinant,
                (aa * gradient.1 - ac * gradient.0) / determinant,
            );
            let mut size = 1.0;
            let moved = loop {
                let there = ((at.0 - size * step.0).max(1.0), at.1 - size * step.1);
                let loss = self.loss(there);
                if loss < value {
                    let gain = value - loss;
                    (at, value) = (there, loss);
                    break gain > 1e-12 * (1.0 + value.abs());
                }
                size /= 2.0;
                if size < 1e-6 {
                    break false;
                }
            };
            if !moved {
                break;
            }
        }
        at
    }

    fn probabilities(scores: &[f64], at: (f64, f64)) -> Vec<f64> {
        let mut logits: Vec<f64> = scores.iter().map(|score| at.0 * score).collect();
        logits.push(at.1);
        softmax(&mut logits);
        logits
    }

    fn loss(&self, at: (f64, f64)) -> f64 {
        let each = self.0.iter().map(|(scores, right, weight)| {
            let p = Self::probabilities(scores, at);
            -weight * p[right.unwrap_or(scores.len())].max(1e-300).ln()
        });
        let far = (
            (at.0 - SHARPNESS) / SHARPNESS,
            (at.1 - THRESHOLD.0) / THRESHOLD.1,
        );
        each.sum::<f64>() + 0.5 * (far.0 * far.0 + far.1 * far.1)
    }

    /// First and second derivatives.
    fn slope(&self, at: (f64, f64)) -> ((f64, f64), [f64; 3]) {
        let widths = (SHARPNESS * SHARPNESS, THRESHOLD.1 * THRESHOLD.1);
        let mut gradient = (
            (at.0 - SHARPNESS) / widths.0,
            (at.1 - THRESHOLD.0) / widths.1,
        );
        let mut curvature = [1.0 / widths.0, 0.0, 1.0 / widths.1];
        for (scores, right, weight) in &self.0 {
            let p = Self::probabilities(scores, at);
            let none = p[scores.len()];
            let mean: f64 = scores.iter().zip(&p).map(|(s, p)| s * p).sum();
            let square: f64 = scores.iter().zip(&p).map(|(s, p)| s * s * p).sum();
            gradient.0 += weight * (mean - right.map_or(0.0, |d| scores[d]));
            gradient.1 += weight * (none - f64::from(u8::from(right.is_none())));
            curvature[0] += weight * (square - mean * mean);
            curvature[1] -= weight * mean * none;
            curvature[2] += weight * none * (1.0 - none);
        }
        (gradient, curvature)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::domain) fn means(domains: &[Domain]) -> Means {
        Means::new(&domains.iter().collect::<Vec<_>>())
    }

    pub(in crate::domain) fn scores_without(means: &Means, d: usize, example: &[f32]) -> Vec<f64> {
        means.without_itself(d, &products(means, example))
    }

    /// By the directions themselves, with the spread of `other`.
    pub(in crate::domain) fn scores_with_spread_of(
        other: &Means,
        domains: &[Domain],
        example: &[f32],
    ) -> Vec<f64> {
        let mut means = means(domains);
        means.spread = other.spread;
        let example: Vec<f64> = example.iter().map(|x| f64::from(*x)).collect();
        let scores = means.rows.iter().zip(&means.counts).map(|(row, n)| {
            let along = row
                .iter()
                .zip(&means.common)
                .map(|(m, g)| means.factor(*n) * (m - g));
            let along: Vec<f64> = along.collect();
            let from: Vec<f64> = example
                .iter()
                .zip(&means.common)
                .map(|(x, g)| x - g)
                .collect();
            dot(&from, &along) - 0.5 * dot(&along, &along)
        });
        scores.collect()
    }

    fn products(means: &Means, example: &[f32]) -> Vec<f64> {
        let example: Vec<f64> = example.iter().map(|x| f64::from(*x)).collect();
        means.rows.iter().map(|row| dot(row, &example)).collect()
    }
}
