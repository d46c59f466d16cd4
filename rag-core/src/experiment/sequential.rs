//! Tests that may be looked at at any time, as often as one likes.
//!
//! Means and proportions are compared by an asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy and
//! Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences", 2021), which is the mixture
//! SPRT of Robbins (1970) and of Johari, Pekelis and Walsh (2015) with estimated variances. It is chosen before the
//! SPRT's own form because it needs no model of the values, gives an interval with the decision, and is made of counts,
//! means and variances only, which processes can add up.
//!
//! With `v` the variance of the difference, `n` all observations and `r = n * rho^2`, the difference is within
//! `sqrt(v * (1 + r) / r * (2 ln(1 / alpha) + ln(1 + r)))` of what was seen, at all times at once with probability
//! `1 - alpha`. `rho^2 = (2 ln(1 / alpha) + ln(2 ln(1 / alpha)) + 1) / expected` makes it narrowest at `expected`.
//!
//! Counts are compared with the shares they should have by a mixture over a Dirichlet prior around those (Lindon and
//! Malek, "Anytime-valid inference for multinomial count data", 2022), which is exact.

use crate::kernel::ln_gamma;
use serde::{Deserialize, Serialize};

/// How sure the prior is of the shares, as a number of observations.
const CONCENTRATION: f64 = 1000.0;

/// Count, mean and sum of squared distances from it (Welford, 1962).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sums {
    pub n: u64,
    pub mean: f64,
    pub m2: f64,
}

impl Sums {
    pub fn add(&mut self, x: f64) {
        self.n = self.n.saturating_add(1);
        let off = x - self.mean;
        self.mean += off / self.n as f64;
        self.m2 += off * (x - self.mean);
    }

    /// Adds others (Chan, Golub and LeVeque, 1979).
    pub fn merge(&mut self, other: &Sums) {
        if other.n == 0 {
            return;
        }
        let (a, b) = (self.n as f64, other.n as f64);
        let off = other.mean - self.mean;
        self.n = self.n.saturating_add(other.n);
        self.mean += off * b / (a + b);
        self.m2 += other.m2 + off * off * a * b / (a + b);
    }

    pub fn is_sound(&self) -> bool {
        self.mean.is_finite() && self.m2.is_finite() && self.m2 >= 0.0
    }

    /// The variance of the mean. Of shares, with one success and one failure more (Laplace), so that it is never 0.
    fn variance_of_mean(&self, is_share: bool) -> f64 {
        let n = self.n as f64;
        if self.n < 2 {
            return f64::INFINITY;
        }
        match is_share {
            true => {
                let p = (self.mean * n + 1.0) / (n + 2.0);
                p * (1.0 - p) / n
            }
            false => self.m2 / (n - 1.0) / n,
        }
    }
}

/// A difference of two means that holds at all times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Difference {
    pub difference: f64,
    pub lower: f64,
    pub upper: f64,
    pub p_value: f64,
}

/// `treated` minus `control`.
pub(super) fn compare(
    control: &Sums,
    treated: &Sums,
    is_share: bool,
    alpha: f64,
    expected: f64,
) -> Difference {
    let difference = treated.mean - control.mean;
    let v = control.variance_of_mean(is_share) + treated.variance_of_mean(is_share);
    let level = 2.0 * (1.0 / alpha).ln();
    let rho2 = (level + level.max(1.0).ln() + 1.0) / expected;
    let r = (control.n as f64 + treated.n as f64) * rho2;
    if !v.is_finite() || r <= 0.0 {
        return Difference {
            difference,
            lower: f64::NEG_INFINITY,
            upper: f64::INFINITY,
            p_value: 1.0,
        };
    }
    let far = (v * (1.0 + r) / r * (level + (1.0 + r).ln())).sqrt();
    let ln_e = 0.5 * (difference * difference / v * r / (1.0 + r) - (1.0 + r).ln());
    Difference {
        difference,
        lower: difference - far,
        upper: difference + far,
        // Without any variance and any difference there is nothing to tell.
        p_value: if ln_e.is_nan() {
            1.0
        } else {
            (-ln_e).exp().min(1.0)
        },
    }
}

/// The p-value, true at all times, of counts whose shares should be as `shares` say, which add up to 1.
pub(super) fn multinomial(counts: &[u64], shares: &[f64]) -> f64 {
    let n: f64 = counts.iter().map(|c| *c as f64).sum();
    let mut ln_e = ln_gamma(CONCENTRATION) - ln_gamma(CONCENTRATION + n);
    for (count, share) in counts.iter().zip(shares) {
        let (count, prior) = (*count as f64, CONCENTRATION * share);
        ln_e += ln_gamma(prior + count) - ln_gamma(prior) - count * share.ln();
    }
    if ln_e.is_nan() {
        1.0
    } else {
        (-ln_e).exp().min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_that_are_merged_are_those_of_all() {
        let values: Vec<f64> = (0..100).map(|i| f64::from(i * i % 37) * 0.3).collect();
        let of = |values: &[f64]| {
            let mut sums = Sums::default();
            values.iter().for_each(|x| sums.add(*x));
            sums
        };
        for at in [0, 1, 50, 99, 100] {
            let mut merged = of(&values[..at]);
            merged.merge(&of(&values[at..]));
            let all = of(&values);
            assert!(merged.n == all.n && (merged.mean - all.mean).abs() < 1e-12);
            assert!((merged.m2 - all.m2).abs() < 1e-9);
        }
    }

    #[test]
    fn the_interval_excludes_zero_exactly_where_the_p_value_is_below_alpha() {
        for shift in 0..40 {
            let (mut a, mut b) = (Sums::default(), Sums::default());
            for i in 0..400 {
                a.add(f64::from(i % 7));
                b.add(f64::from(i % 7) + f64::from(shift) * 0.05);
            }
            let found = compare(&a, &b, false, 0.05, 1000.0);
            assert_eq!(found.lower > 0.0, found.p_value < 0.05, "{found:?}");
        }
        let nothing = compare(&Sums::default(), &Sums::default(), false, 0.05, 100.0);
        assert_eq!((nothing.p_value, nothing.upper), (1.0, f64::INFINITY));
    }
}
