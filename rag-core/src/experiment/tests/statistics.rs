//! Errors of the sequential tests while somebody looks after every value. Seeds are fixed; the false-alarm rate of
//! each bound is said where it is.

use super::super::sequential::{Sums, compare, multinomial};
use super::*;

/// How often, in so many runs, a test of two equal variants says at any of its looks that they differ.
fn errors(runs: u64, values: usize, is_share: bool, draw: impl Fn(&mut Rng) -> f64) -> f64 {
    let mut wrong = 0;
    for seed in 0..runs {
        let mut rng = Rng::fork(11, seed);
        let (mut a, mut b) = (Sums::default(), Sums::default());
        for n in 1..=values {
            a.add(draw(&mut rng));
            b.add(draw(&mut rng));
            if n >= 100 {
                let found = compare(&a, &b, is_share, 0.05, 10_000.0);
                if found.lower > 0.0 || found.upper < 0.0 {
                    wrong += 1;
                    break;
                }
            }
        }
    }
    wrong as f64 / runs as f64
}

/// At 0.05 and 400 runs a rate above 0.083 would come by chance once in a thousand times.
#[test]
fn looking_after_every_value_is_wrong_no_more_often_than_alpha() {
    let share = errors(400, 3000, true, |rng| f64::from(rng.uniform() < 0.1));
    let rare = errors(400, 3000, true, |rng| f64::from(rng.uniform() < 0.01));
    let normal = errors(400, 3000, false, Rng::normal);
    let heavy = errors(400, 3000, false, |rng| (rng.normal()).exp());
    println!(
        "wrong at some of 2900 looks: share .1 {share}, share .01 {rare}, normal {normal}, log-normal {heavy}"
    );
    for rate in [share, rare, normal, heavy] {
        assert!(rate <= 0.083, "{share} {rare} {normal} {heavy}");
    }
}

/// What the same looks do to a test that is made for one.
#[test]
fn a_test_for_one_look_is_wrong_far_more_often() {
    let mut wrong = 0;
    for seed in 0..200 {
        let mut rng = Rng::fork(12, seed);
        let (mut sum, mut n) = (0.0f64, 0.0);
        for _ in 0..3000 {
            sum += rng.normal() - rng.normal();
            n += 1.0;
            if n >= 100.0 && (sum / n).abs() > 1.96 * (2.0f64 / n).sqrt() {
                wrong += 1;
                break;
            }
        }
    }
    assert!(wrong > 60, "{wrong} of 200");
}

#[test]
fn a_difference_is_found_and_its_interval_holds_it() {
    let (mut found_all, mut held) = (0, 0);
    let mut needed = Vec::new();
    for seed in 0..100 {
        let mut rng = Rng::fork(13, seed);
        let (mut a, mut b) = (Sums::default(), Sums::default());
        let mut at = None;
        let mut always = true;
        for n in 1..=10_000 {
            a.add(f64::from(rng.uniform() < 0.20));
            b.add(f64::from(rng.uniform() < 0.25));
            if n >= 100 && n % 20 == 0 {
                let found = compare(&a, &b, true, 0.05, 10_000.0);
                always &= (found.lower..=found.upper).contains(&0.05);
                if at.is_none() && found.lower > 0.0 {
                    at = Some(n);
                }
            }
        }
        held += usize::from(always);
        found_all += usize::from(at.is_some());
        needed.extend(at);
    }
    needed.sort_unstable();
    println!(
        "20% against 25%: found {found_all} of 100 within 10000 each, half within {}",
        needed[needed.len() / 2]
    );
    assert!(found_all >= 99 && held >= 90, "{found_all} {held}");
}

/// Lindon and Malek's test looks after every user; at 0.05 and 400 runs the bound is as above.
#[test]
fn users_that_are_spread_as_they_should_be_are_seldom_said_not_to_be() {
    let mut wrong = 0;
    for seed in 0..400 {
        let mut rng = Rng::fork(14, seed);
        let mut counts = [0u64; 3];
        for _ in 0..2000 {
            let at = weighted(rng.next_u64(), [1, 2, 7].into_iter());
            counts[at] += 1;
            if multinomial(&counts, &[0.1, 0.2, 0.7]) < 0.05 {
                wrong += 1;
                break;
            }
        }
    }
    println!("said of {wrong} of 400");
    assert!(f64::from(wrong) / 400.0 <= 0.083, "{wrong}");
    assert!(multinomial(&[5400, 4600], &[0.5, 0.5]) < 0.001);
    assert_eq!(multinomial(&[0, 0], &[0.5, 0.5]), 1.0);
}

#[test]
fn several_variants_and_guardrails_share_alpha() {
    let names: Vec<String> = (0..5).map(|i| format!("v{i}")).collect();
    let variants: Vec<(&str, u64)> = names.iter().map(|n| (n.as_str(), 1)).collect();
    let mut wrong = 0;
    for seed in 0..60 {
        let test = Experiment::new(
            &format!("many-{seed}"),
            &variants,
            &ExperimentOptions::default(),
        )
        .unwrap();
        let test = test.measure("helped", &proportion()).unwrap();
        let mut rng = Rng::fork(15, seed);
        let mut won = false;
        for user in users(4000) {
            test.record(&user, "helped", f64::from(rng.uniform() < 0.3))
                .unwrap();
            won |= rng.below(40) == 0 && test.status().winner.is_some();
        }
        wrong += usize::from(won);
    }
    // Up to 8 of 60 come by chance with a probability of 0.998.
    assert!(wrong <= 8, "{wrong}");
}
