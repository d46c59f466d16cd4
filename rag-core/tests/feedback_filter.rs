//! The feedback filter against a slow truth, and what false ratings and loud voters can do.

use proptest::prelude::*;
use rag_core::Rng;
use rag_core::steering::{FilterMethod, FilterOptions, Filtered, filter_feedback};
use std::collections::BTreeMap;

/// The median where `values[i]` counts `shares[i]`, by sorting; shares are multiples of 1 / 12.
fn sorted_median(values: &[f64], shares: &[u64]) -> f64 {
    let mut order: Vec<(f64, u64)> = values.iter().copied().zip(shares.iter().copied()).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: u64 = shares.iter().sum();
    let (mut sum, mut lower) = (0, None);
    for (value, share) in order {
        sum += share;
        if lower.is_none() && 2 * sum >= total {
            lower = Some(value);
        }
        if 2 * sum > total {
            let lower: f64 = lower.unwrap();
            return lower + 0.5 * (value - lower);
        }
    }
    0.0
}

/// Users give 1, 2, 3 or 4 ratings, so that shares in twelfths are whole.
fn slow(ratings: &[f64], at: &[f64], users: Option<&[u64]>, half_life: f64, cap: f64) -> Filtered {
    let n = ratings.len();
    let mut count = BTreeMap::new();
    for user in users.unwrap_or_default() {
        *count.entry(*user).or_insert(0u64) += 1;
    }
    let shares: Vec<u64> = match users {
        None => vec![12; n],
        Some(users) => users.iter().map(|user| 12 / count[user]).collect(),
    };
    let centre = sorted_median(ratings, &shares);
    let away: Vec<f64> = ratings.iter().map(|x| (x - centre).abs()).collect();
    let mut spread = sorted_median(&away, &shares);
    if spread == 0.0 {
        let apart: (Vec<f64>, Vec<u64>) = away.iter().zip(&shares).filter(|a| *a.0 > 0.0).unzip();
        spread = sorted_median(&apart.0, &apart.1);
    }
    let kept: Vec<bool> = away.iter().map(|d| *d <= 3.0 * (spread / 0.6745)).collect();
    let of_kept = at.iter().zip(&kept).filter(|(_, k)| **k);
    let newest = of_kept.fold(f64::NEG_INFINITY, |m, (t, _)| m.max(*t));
    let mut weights: Vec<f64> = (0..n)
        .map(|i| match kept[i] {
            true => (-(newest - at[i]) / half_life)
                .exp2()
                .max(f64::MIN_POSITIVE),
            false => 0.0,
        })
        .collect();
    let mut voices = weights.clone();
    if let Some(users) = users {
        let mut total = BTreeMap::new();
        for (user, weight) in users.iter().zip(&weights) {
            *total.entry(*user).or_insert(0.0) += weight;
        }
        for (user, weight) in users.iter().zip(&mut weights) {
            *weight *= f64::min(1.0, cap / total[user]);
        }
        voices = total.into_values().map(|t: f64| t.min(cap)).collect();
    }
    let total: f64 = weights.iter().sum();
    let mean = ratings
        .iter()
        .zip(&weights)
        .map(|(x, w)| x * w)
        .sum::<f64>()
        / total;
    let apart = |x: &f64| (x - mean) * (x - mean);
    let spread: f64 = ratings
        .iter()
        .zip(&weights)
        .map(|(x, w)| w * apart(x))
        .sum();
    let (mut low, mut high) = (0.0f64, 1.0f64);
    for (x, _) in ratings.iter().zip(&kept).filter(|(_, k)| **k) {
        (low, high) = (low.min(*x), high.max(*x));
    }
    let square: f64 = voices.iter().map(|v| v * v).sum();
    let number = voices.iter().sum::<f64>().powi(2) / square;
    let span = (high - low) * (high - low);
    let within = (number * spread / total + span / 4.0) / (number + 1.0);
    Filtered {
        weights,
        kept,
        mean,
        confidence: number / (number + within / (span / 12.0)),
    }
}

fn assert_same(got: &Filtered, want: &Filtered) {
    assert_eq!(got.kept, want.kept);
    for (got, want) in got.weights.iter().zip(&want.weights) {
        assert!((got - want).abs() <= 1e-12 * want, "{got}, expected {want}");
    }
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
    assert!(near(got.mean, want.mean), "{} {}", got.mean, want.mean);
    assert!(
        near(got.confidence, want.confidence),
        "{} {}",
        got.confidence,
        want.confidence
    );
}

/// Ratings, times and users: real, votes, stars or sorted, and up to four ratings a user.
fn made(seed: u64, n: usize) -> (Vec<f64>, Vec<f64>, Vec<u64>) {
    let mut rng = Rng::new(seed);
    let mut ratings: Vec<f64> = (0..n)
        .map(|_| match seed % 5 {
            0 => f64::from(u8::from(rng.uniform() < 0.2)),
            1 => (4.0 + 1.2 * rng.normal()).round().clamp(1.0, 5.0),
            2 if rng.uniform() < 0.3 => 8.0 + 0.5 * rng.normal(),
            _ => rng.normal(),
        })
        .collect();
    if seed % 5 == 4 {
        ratings.sort_by(f64::total_cmp);
    }
    let at = (0..n).map(|_| (1e6 * rng.uniform()).floor()).collect();
    let mut users = Vec::with_capacity(n);
    while users.len() < n {
        let (user, times) = (rng.next_u64(), 1 + rng.below(4));
        users.extend(std::iter::repeat_n(user, times.min(n - users.len())));
    }
    rng.shuffle(&mut users);
    (ratings, at, users)
}

#[test]
fn many_ratings_are_filtered_as_by_sorting() {
    // Above and below the numbers at which a sample is drawn, a task is full and threads start.
    for (i, n) in [16_383, 16_384, 16_385, 65_537, 140_001]
        .into_iter()
        .enumerate()
    {
        for kind in 0..5 {
            let (ratings, at, users) = made(5 * i as u64 + kind, n);
            for users in [None, Some(&*users)] {
                let o = FilterOptions::default().threads(Some(1));
                let got = filter_feedback(&ratings, &at, users, 1e5, &o).unwrap();
                assert_same(&got, &slow(&ratings, &at, users, 1e5, 1.0));
                let three = FilterOptions::default().threads(Some(3));
                assert_eq!(
                    got,
                    filter_feedback(&ratings, &at, users, 1e5, &three).unwrap()
                );
            }
        }
    }
}

#[test]
fn a_sample_that_misleads_changes_nothing() {
    // Nearly all of one half is in step with where samples may be taken: pivots miss the middle.
    for n in [20_000usize, 20_001] {
        for width in [2, 3, 7, 64] {
            let ratings: Vec<f64> = (0..n)
                .map(|i| if i % width == 0 { 0.0 } else { 1.0 + i as f64 })
                .collect();
            let o = FilterOptions::default();
            let got = filter_feedback(&ratings, &ratings, None, 1e9, &o).unwrap();
            assert_same(&got, &slow(&ratings, &ratings, None, 1e9, 1.0));
        }
    }
}

#[test]
fn weights_are_powers_of_two_to_the_twelfth_digit() {
    let ages: Vec<f64> = (0..40_000).map(|i| f64::from(i) * 0.0271).collect();
    let at: Vec<f64> = ages.iter().map(|a| -a).collect();
    let o = FilterOptions::default();
    let got = filter_feedback(&vec![0.5; ages.len()], &at, None, 1.0, &o).unwrap();
    for (weight, age) in got.weights.iter().zip(&ages) {
        let want = (-age).exp2().max(f64::MIN_POSITIVE);
        assert!(
            (weight / want - 1.0).abs() < 1e-13,
            "{age}: {weight}, expected {want}"
        );
    }
    let doubled = filter_feedback(&[0.5; 3], &[0.0, 49.0, 98.0], None, 49.0, &o).unwrap();
    assert_eq!(doubled.weights, [0.25, 0.5, 1.0]);
}

fn bias(share: f64) -> f64 {
    let mut rng = Rng::new(5);
    let total: f64 = (0..100)
        .map(|_| {
            let draw = |_| match rng.uniform() < share {
                true => 8.0 + 0.5 * rng.normal(),
                false => rng.normal(),
            };
            let ratings: Vec<f64> = (0..1000).map(draw).collect();
            let o = FilterOptions::default();
            filter_feedback(&ratings, &[0.0; 1000], None, 1.0, &o)
                .unwrap()
                .mean
        })
        .sum();
    (total / 100.0).abs()
}

#[test]
fn a_fifth_of_false_ratings_moves_the_mean_by_a_hundredth() {
    // 100 means of 800 ratings: 0.0035 of standard error.
    assert!(bias(0.2) < 0.01, "{}", bias(0.2));
    assert!(bias(0.3) < 0.1, "{}", bias(0.3));
}

#[test]
fn a_loud_voter_counts_as_one() {
    let mut rng = Rng::new(9);
    let honest: [fn(&mut Rng) -> f64; 2] = [
        |rng| f64::from(u8::from(rng.uniform() < 0.3)),
        |rng| (0.3 + 0.1 * rng.normal()).clamp(0.0, 1.0),
    ];
    // All the same, or with a small spread, which would make outliers of the honest.
    let loud: [fn(&mut Rng) -> f64; 2] = [|_| 1.0, |rng| 1.0 - 0.001 * rng.uniform()];
    for (honest, loud) in honest.iter().flat_map(|h| loud.iter().map(move |l| (h, l))) {
        let mut ratings: Vec<f64> = (0..200).map(|_| honest(&mut rng)).collect();
        let truth = ratings.iter().sum::<f64>() / 200.0;
        let mut users: Vec<u64> = (0..200).collect();
        ratings.extend((0..500).map(|_| loud(&mut rng)));
        users.resize(700, 777);
        for method in [FilterMethod::Mad, FilterMethod::Sigma] {
            let o = FilterOptions::default().method(method);
            let at = vec![0.0; 700];
            let got = filter_feedback(&ratings, &at, Some(&users), 1.0, &o).unwrap();
            assert!((got.mean - truth).abs() <= 0.03, "{} {truth}", got.mean);
            let alone = filter_feedback(&ratings, &at, None, 1.0, &o).unwrap();
            assert!((alone.mean - truth).abs() > 0.3, "{} {truth}", alone.mean);
        }
    }
}

#[test]
fn a_rare_vote_is_no_outlier() {
    for rare in [1, 5, 30, 49] {
        let votes: Vec<f64> = (0..100).map(|i| f64::from(u8::from(i < rare))).collect();
        let o = FilterOptions::default();
        let got = filter_feedback(&votes, &[0.0; 100], None, 1.0, &o).unwrap();
        assert!((got.mean - f64::from(rare) / 100.0).abs() < 1e-12);
    }
}

#[test]
fn confidence_grows_with_number_and_falls_with_disagreement() {
    let o = FilterOptions::default();
    let confidence = |ratings: &[f64], users: Option<&[u64]>| {
        let at = vec![0.0; ratings.len()];
        filter_feedback(ratings, &at, users, 1.0, &o)
            .unwrap()
            .confidence
    };
    assert_eq!(confidence(&[], None), 0.0);
    assert!((confidence(&[0.7], None) - 0.4).abs() < 1e-12);
    let mut last = 0.0;
    for n in 1..50 {
        let now = confidence(&vec![0.7; n], None);
        assert!(last < now && now < 1.0);
        last = now;
        let split: Vec<f64> = (0..2 * n).map(|i| (i % 2) as f64).collect();
        let mild: Vec<f64> = split.iter().map(|x| 0.5 + 0.2 * (x - 0.5)).collect();
        let (split, mild) = (confidence(&split, None), confidence(&mild, None));
        assert!(split < mild && mild < confidence(&vec![0.7; 2 * n], None));
        // Any number of ratings of one user are one voice.
        assert!((confidence(&vec![0.7; n], Some(&vec![3; n])) - 0.4).abs() < 1e-12);
    }
}

#[test]
fn extreme_numbers_are_kept_apart_from_nonsense() {
    let o = FilterOptions::default();
    let (huge, tiny) = (f64::MAX, 5e-324);
    for ratings in [
        [huge, -huge, huge],
        [tiny, 0.0, tiny],
        [huge, huge, huge],
        [0.0, tiny, huge],
    ] {
        for at in [[huge, -huge, 0.0], [0.0; 3]] {
            for half_life in [tiny, 1.0, huge, f64::INFINITY] {
                for users in [None, Some(&[1, 1, 2][..])] {
                    let got = filter_feedback(&ratings, &at, users, half_life, &o).unwrap();
                    assert!(got.mean.is_finite(), "{ratings:?} {at:?}: {}", got.mean);
                    assert!((0.0..=1.0).contains(&got.confidence));
                    for (weight, kept) in got.weights.iter().zip(&got.kept) {
                        assert_eq!(*weight > 0.0, *kept);
                    }
                }
            }
        }
    }
    let refused = |o: FilterOptions| filter_feedback(&[0.5], &[0.0], Some(&[1]), 1.0, &o).is_err();
    assert!(refused(FilterOptions::default().per_user(f64::NAN)));
    assert!(refused(FilterOptions::default().threads(Some(0))));
    assert!(!refused(FilterOptions::default().per_user(f64::INFINITY)));
}

#[test]
fn what_is_not_finite_is_named_wherever_it_is() {
    for (n, place) in [(1, 0), (9, 8), (70_000, 69_999), (120_000, 65_536)] {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let (fine, mut wrong) = (vec![0.5; n], vec![0.5; n]);
            wrong[place] = bad;
            let o = FilterOptions::default();
            let error = filter_feedback(&wrong, &fine, None, 1.0, &o).unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("rating {place} is "))
            );
            let users = vec![7; n];
            let error = filter_feedback(&fine, &wrong, Some(&users), 1.0, &o).unwrap_err();
            assert!(error.to_string().starts_with(&format!("time {place} is ")));
        }
    }
}

proptest! {
    #[test]
    fn few_ratings_are_filtered_as_by_sorting(
        seed in 0u64..1_000_000, n in 1usize..60, half_life in 1e3f64..1e7, cap in 0.01f64..5.0,
    ) {
        let (ratings, at, users) = made(seed, n);
        let got = filter_feedback(&ratings, &at, None, half_life, &FilterOptions::default());
        assert_same(&got.unwrap(), &slow(&ratings, &at, None, half_life, 1.0));
        // The cap is of the weights; up to 1 it leaves the median to one vote a user.
        let cap = cap.min(1.0);
        let o = FilterOptions::default().per_user(cap);
        let got = filter_feedback(&ratings, &at, Some(&users), half_life, &o);
        assert_same(&got.unwrap(), &slow(&ratings, &at, Some(&users), half_life, cap));
    }

    #[test]
    fn the_filter_is_fair_to_order(seed in 0u64..1_000_000, n in 0usize..60, half in 0.1f64..1e6) {
        let (ratings, at, users) = made(seed, n);
        fn back<T: Copy>(values: &[T]) -> Vec<T> {
            values.iter().rev().copied().collect()
        }
        let o = FilterOptions::default();
        for users in [None, Some(&*users)] {
            let got = filter_feedback(&ratings, &at, users, half, &o).unwrap();
            let turned = users.map(back);
            let turned =
                filter_feedback(&back(&ratings), &back(&at), turned.as_deref(), half, &o).unwrap();
            prop_assert_eq!(&back(&turned.kept), &got.kept);
            for (a, b) in back(&turned.weights).iter().zip(&got.weights) {
                prop_assert!((a - b).abs() <= 1e-13 * b);
            }
            for (w, k) in got.weights.iter().zip(&got.kept) {
                prop_assert_eq!(*k, *w > 0.0);
                prop_assert!(*w <= 1.0);
            }
            let kept = got.kept.iter().filter(|k| **k).count();
            prop_assert!(users.is_some() || 2 * kept >= n);
        }
    }
}
