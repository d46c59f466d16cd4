use super::*;
use crate::rng::Rng;
use proptest::prelude::*;

fn options(method: Method) -> CalibrationOptions {
    CalibrationOptions::default().method(method)
}

/// Scores between 0 and 1 that are relevant with the probability that `truth` says.
fn drawn(n: usize, seed: u64, truth: impl Fn(f64) -> f64) -> (Vec<f64>, Vec<f64>) {
    let mut rng = Rng::new(seed);
    let scores: Vec<f64> = (0..n).map(|_| rng.uniform()).collect();
    let relevant = scores.iter().map(|s| f64::from(rng.uniform() < truth(*s)));
    let relevant = relevant.collect();
    (scores, relevant)
}

/// The isotonic regression of Brunk's formula: the largest over the starts of the smallest mean
/// over the ends.
fn min_max(values: &[f64], weights: &[f64]) -> Vec<f64> {
    let mean = |a: usize, b: usize| {
        let weight: f64 = weights[a..=b].iter().sum();
        (a..=b).map(|i| values[i] * weights[i]).sum::<f64>() / weight
    };
    let n = values.len();
    let smallest = |a: usize, i: usize| (i..n).map(|b| mean(a, b)).fold(f64::INFINITY, f64::min);
    let largest = |i: usize| {
        (0..=i)
            .map(|a| smallest(a, i))
            .fold(f64::NEG_INFINITY, f64::max)
    };
    (0..n).map(largest).collect()
}

proptest! {
    #[test]
    fn pooled_steps_are_the_isotonic_regression(
        rows in prop::collection::vec((0.0f64..=1.0, 0.01f64..3.0), 2..12),
    ) {
        let (values, weights): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
        let scores: Vec<f64> = (0..values.len()).map(|i| i as f64).collect();
        let sum = |side: &dyn Fn(f64) -> f64| -> f64 {
            values.iter().zip(&weights).map(|(v, w)| w * side(*v)).sum()
        };
        let (positive, negative) = (sum(&|v| v), sum(&|v| 1.0 - v));
        prop_assume!(positive > 0.0 && negative > 0.0);
        let fitted = Calibration::fit(&scores, &values, Some(&weights), &options(Method::Isotonic)).unwrap();
        let (low, high) = (1.0 / (negative + 2.0), (positive + 1.0) / (positive + 2.0));
        for (score, want) in scores.iter().zip(min_max(&values, &weights)) {
            let got = fitted.predict(*score).unwrap();
            prop_assert!((got - want.clamp(low, high)).abs() < 1e-12, "at {score}: {got}, want {want}");
        }
    }

    #[test]
    fn no_curve_falls_and_bytes_come_back(
        rows in prop::collection::vec((-1e3f64..1e3, 0.0f64..=1.0, 0.0f64..2.0), 1..300),
        method in 0usize..3,
        at in prop::collection::vec(-2e3f64..2e3, 2..40),
    ) {
        let scores: Vec<f64> = rows.iter().map(|r| r.0).collect();
        let relevant: Vec<f64> = rows.iter().map(|r| if r.1 < 0.5 { r.1.round() } else { r.1 }).collect();
        let weights: Vec<f64> = rows.iter().map(|r| r.2).collect();
        let fitted = Calibration::fit(&scores, &relevant, Some(&weights), &options(Method::ALL[method]));
        let Ok(fitted) = fitted else { return Ok(()) };
        let mut at = at;
        at.sort_by(f64::total_cmp);
        let curve = fitted.predict_many(&at).unwrap();
        prop_assert!(curve.windows(2).all(|w| w[0] <= w[1]), "{curve:?}");
        prop_assert!(curve.iter().all(|p| (0.0..=1.0).contains(p)));
        let bytes = fitted.to_bytes();
        prop_assert!(bytes.len() < 8192, "{} bytes", bytes.len());
        prop_assert_eq!(Calibration::from_bytes(&bytes).unwrap(), fitted);
    }

    #[test]
    fn the_order_of_pairs_and_the_unit_of_scores_do_not_matter(seed in 0u64..50, scale in 1e-3f64..1e3) {
        let (scores, relevant) = drawn(60, seed, |s| s);
        let plain = Calibration::fit(&scores, &relevant, None, &options(Method::Platt)).unwrap();
        let turned: Vec<f64> = scores.iter().rev().map(|s| s * scale + 7.0).collect();
        let relevant: Vec<f64> = relevant.iter().rev().copied().collect();
        let other = Calibration::fit(&turned, &relevant, None, &options(Method::Platt)).unwrap();
        for s in [0.0, 0.3, 0.9] {
            let (a, b) = (plain.predict(s).unwrap(), other.predict(s * scale + 7.0).unwrap());
            prop_assert!((a - b).abs() < 1e-7, "{a} {b}");
        }
    }
}

#[test]
fn a_weight_of_two_is_two_pairs() {
    let twice = |method| {
        let scores = [0.1, 0.1, 0.4, 0.6, 0.9, 0.9];
        let relevant = [0.0, 0.0, 1.0, 0.0, 1.0, 1.0];
        Calibration::fit(&scores, &relevant, None, &options(method)).unwrap()
    };
    let once = |method| {
        let (scores, relevant) = ([0.1, 0.4, 0.6, 0.9], [0.0, 1.0, 0.0, 1.0]);
        let weights = [2.0, 1.0, 1.0, 2.0];
        Calibration::fit(&scores, &relevant, Some(&weights), &options(method)).unwrap()
    };
    for method in [Method::Platt, Method::Isotonic] {
        for s in [0.0, 0.5, 0.7, 1.0] {
            let (a, b) = (
                twice(method).predict(s).unwrap(),
                once(method).predict(s).unwrap(),
            );
            assert!((a - b).abs() < 1e-12, "{a} {b}");
        }
    }
}

/// Seeds are fixed, so nothing here fails by chance.
#[test]
fn the_truth_is_found_by_the_form_that_can_hold_it() {
    let sigmoid = |s: f64| 1.0 / (1.0 + (-8.0 * (s - 0.6)).exp());
    let steps = |s: f64| if s < 0.5 { 0.1 } else { 0.7 };
    for (name, truth) in [
        ("platt", &sigmoid as &dyn Fn(f64) -> f64),
        ("isotonic", &steps),
    ] {
        let (scores, relevant) = drawn(4000, 5, truth);
        let fitted = Calibration::fit(&scores, &relevant, None, &options(Method::Auto)).unwrap();
        let report = fitted.report();
        assert_eq!(report.method.name(), name);
        assert_eq!((report.pairs, report.folds), (4000, 5));
        assert!(report.ece.unwrap() < 0.03, "{name}: {:?}", report.ece);
        for s in [0.1, 0.3, 0.7, 0.9] {
            let got = fitted.predict(s).unwrap();
            assert!((got - truth(s)).abs() < 0.06, "{name} at {s}: {got}");
        }
        let held: f64 = report.bins.iter().map(|b| b.weight).sum();
        assert!((held - 4000.0).abs() < 1e-9);
    }
}

#[test]
fn what_is_learnt_in_parts_is_near_what_is_learnt_at_once() {
    let truth = |s: f64| if s < 0.3 { 0.05 } else { 0.2 + 0.7 * (s - 0.3) };
    let (scores, relevant) = drawn(6000, 9, truth);
    for method in [Method::Platt, Method::Isotonic] {
        let fit = |from: usize, to: usize| {
            Calibration::fit(
                &scores[from..to],
                &relevant[from..to],
                None,
                &options(method),
            )
            .unwrap()
        };
        let whole = fit(0, 6000);
        let merged = fit(0, 3000).merged(&fit(3000, 6000)).unwrap();
        let updated = fit(0, 3000)
            .updated(&scores[3000..], &relevant[3000..], None)
            .unwrap();
        for parts in [merged, updated] {
            assert_eq!(parts.report().pairs, 6000);
            for s in [0.05, 0.2, 0.4, 0.6, 0.8, 0.95] {
                let (a, b) = (whole.predict(s).unwrap(), parts.predict(s).unwrap());
                assert!((a - b).abs() < 0.03, "{method:?} at {s}: {a} and {b}");
            }
        }
    }
    let few = Calibration::fit(&[0.1, 0.9], &[0.0, 1.0], None, &options(Method::Auto)).unwrap();
    let more = few.updated(&[0.8], &[1.0], None).unwrap();
    assert!(
        more.report().positives == 2.0,
        "one side alone is fine when the other is known"
    );
}

#[test]
fn separable_and_huge_scores_have_a_fit() {
    for scale in [1e-90, 1.0, 1e99] {
        let scores: Vec<f64> = (0..20).map(|i| f64::from(i) * scale / 2.0).collect();
        let relevant: Vec<f64> = (0..20).map(|i| f64::from(i >= 10)).collect();
        for method in [Method::Platt, Method::Isotonic] {
            let fitted = Calibration::fit(&scores, &relevant, None, &options(method)).unwrap();
            let p = fitted.predict_many(&scores).unwrap();
            assert!(
                p[0] < 0.1 && p[19] > 0.9 && p[0] > 0.0 && p[19] < 1.0,
                "{scale:e}: {p:?}"
            );
            assert!(Calibration::from_bytes(&fitted.to_bytes()).is_ok());
        }
    }
}

#[test]
fn errors_say_what_to_do() {
    let say = |s: &[f64], r: &[f64], w: Option<&[f64]>| {
        let fitted = Calibration::fit(s, r, w, &CalibrationOptions::default());
        fitted.unwrap_err().to_string()
    };
    assert_eq!(
        say(&[0.5, 0.6], &[0.0, 0.0], None),
        "a calibration needs relevant and irrelevant pairs, got 2 without a relevant one; judge \
         some more"
    );
    assert!(say(&[0.5], &[1.0], None).contains("without an irrelevant one"));
    assert!(say(&[], &[], None).contains("got 0 without any weight"));
    assert!(say(&[1.0, 2.0], &[0.0, 1.0], Some(&[0.0, 1.0])).contains("without an irrelevant one"));
    assert_eq!(
        say(&[f64::NAN], &[1.0], None),
        "scores[0] must be in -1e100..=1e100, got NaN"
    );
    assert_eq!(
        say(&[0.1, 0.2], &[0.0, 1.5], None),
        "relevant[1] must be in 0.0..=1.0, got 1.5"
    );
    assert!(
        say(&[0.1], &[1.0], Some(&[-1.0])).starts_with("weights[0] must be in 0.0..=1000000000")
    );
    assert_eq!(
        say(&[0.1], &[1.0, 0.0], Some(&[1.0])),
        "each score needs a relevance: got 1 scores, 2 relevances and 1 weights"
    );
    let fitted = Calibration::fit(
        &[0.0, 1.0],
        &[0.0, 1.0],
        None,
        &CalibrationOptions::default(),
    );
    let fitted = fitted.unwrap();
    let error = fitted.predict_many(&[0.0, f64::INFINITY]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "scores[1]: a score must be finite, got inf"
    );
    assert_eq!(fitted.report().folds, 0, "two pairs cannot be held out");
    assert_eq!(fitted.report().brier, None);
}

#[test]
fn hostile_bytes_are_refused_or_a_sound_calibration() {
    let (scores, relevant) = drawn(500, 3, |s| s * s);
    for method in [Method::Platt, Method::Isotonic] {
        let fitted = Calibration::fit(&scores, &relevant, None, &options(method)).unwrap();
        let good = fitted.to_bytes();
        for cut in 0..good.len() {
            assert!(
                Calibration::from_bytes(&good[..cut]).is_err(),
                "cut at {cut}"
            );
        }
        let mut rng = Rng::new(1);
        for _ in 0..1000 {
            let mut bad = good.clone();
            for _ in 0..=rng.below(3) {
                let at = rng.below(bad.len());
                bad[at] ^= 1 << rng.below(8);
            }
            let Ok(read) = Calibration::from_bytes(&bad) else {
                continue;
            };
            let p = read.predict_many(&[-1.0, 0.0, 0.3, 0.7, 2.0]).unwrap();
            assert!(
                p.windows(2).all(|w| w[0] <= w[1]) && p.iter().all(|p| (0.0..=1.0).contains(p))
            );
            assert_eq!(Calibration::from_bytes(&read.to_bytes()).unwrap(), read);
            if rng.below(25) == 0 {
                let _ = read.merged(&fitted);
            }
        }
        let mut newer = good.clone();
        newer[0] = 9;
        let error = Calibration::from_bytes(&newer).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::FormatVersion);
    }
}
