//! Student's t distribution: how likely a value this far from 0 is, and how far a share reaches.

use crate::kernel::ln_gamma;

/// The probability that `|T| >= t` with `free` degrees of freedom, both above 0.
///
/// `I_x(free / 2, 1 / 2)` with `x = free / (free + t^2)` (Abramowitz and Stegun, 1964, 26.7.1).
pub(super) fn two_sided(t: f64, free: f64) -> f64 {
    if !t.is_finite() {
        return 0.0;
    }
    incomplete_beta(free / 2.0, 0.5, free / (free + t * t))
}

/// The `t` with `P(|T| < t) = level`, for a level in 0 to 1, both excluded.
pub(super) fn quantile(level: f64, free: f64) -> f64 {
    let outside = 1.0 - level;
    let (mut low, mut high) = (0.0, 1.0);
    while two_sided(high, free) > outside && high < 1e300 {
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        match two_sided(middle, free) > outside {
            true => low = middle,
            false => high = middle,
        }
    }
    0.5 * (low + high)
}

/// The regularised incomplete beta function by its continued fraction (Abramowitz and Stegun,
/// 1964, 26.5.8), evaluated as by Lentz (1976).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast on this side only; the other follows by symmetry.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let front = a * x.ln() + b * (-x).ln_1p() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    let away = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for i in 1..=10_000 {
        let m = f64::from(i);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        fraction *= c * d;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        fraction *= c * d;
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    (front.exp() * fraction / a).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_the_distribution() {
        // One degree of freedom is Cauchy's distribution, two have a closed form.
        for t in [0.1f64, 1.0, 3.0, 40.0] {
            let cauchy = 1.0 - 2.0 * t.atan() / std::f64::consts::PI;
            assert!((two_sided(t, 1.0) - cauchy).abs() < 1e-13, "{t}");
            let second = 1.0 - t / (2.0 + t * t).sqrt();
            assert!((two_sided(t, 2.0) - second).abs() < 1e-13, "{t}");
        }
        assert!((quantile(0.95, 10.0) - 2.228_138_851_986_274).abs() < 1e-11);
        assert!((quantile(0.95, 1e7) - 1.959_963_984_540_054).abs() < 1e-6);
        assert!((quantile(0.5, 1.0) - 1.0).abs() < 1e-12);
        assert_eq!(
            (two_sided(0.0, 5.0), two_sided(f64::INFINITY, 5.0)),
            (1.0, 0.0)
        );
    }
}
