//! Contexts, names, grids, full information, batches, bounds, and files of the past.

use super::*;
use crate::{ErrorKind, Rng};
use proptest::prelude::*;

fn seeded(seed: u64) -> BanditOptions {
    BanditOptions::default().seed(Some(seed))
}

fn line(seed: u64) -> Bandit {
    Bandit::new(Arms::Range(0.0, 1.0), &seeded(seed)).unwrap()
}

fn weight_and_k() -> Arms {
    Arms::Grid(vec![
        ("weight".into(), Knob::Range(0.0, 1.0)),
        ("k".into(), Knob::Values(vec![5.0, 10.0, 20.0, 40.0])),
    ])
}

/// Chooses and rewards in two domains whose best value moves with the first of two features.
fn play(bandit: &mut Bandit, rng: &mut Rng, rounds: usize) {
    for _ in 0..rounds {
        for (domain, base) in [("a", 0.4), ("b", 0.6)] {
            let x = [rng.normal(), rng.normal()];
            let best = base + 0.12 * x[0];
            let choice = bandit.choose(domain, Some(&x)).unwrap();
            let earned = 0.8 - 0.9 * (choice.value - best).powi(2) + 0.05 * rng.normal();
            bandit.reward(choice.id, earned).unwrap();
        }
    }
}

/// In eight worlds the slope was found within 0.03 of 0.12; the bounds are twice that.
#[test]
fn a_context_moves_the_best_value_and_domains_learn_it_together() {
    let mut bandit = line(1);
    play(&mut bandit, &mut Rng::new(5), 150);
    let slope = |b: &Bandit, domain: &str, x: [f64; 2]| {
        let (up, down) = ([x[0], x[1]], [-x[0], -x[1]]);
        let best = |x: &[f64]| b.best_in(domain, Some(x)).unwrap();
        0.5 * (best(&up) - best(&down))
    };
    for domain in ["a", "b"] {
        assert!((slope(&bandit, domain, [1.0, 0.0]) - 0.12).abs() < 0.06);
        assert!(slope(&bandit, domain, [0.0, 1.0]).abs() < 0.06);
    }
    // A third domain has the others' word for it before its first reward.
    bandit.set_prior("c", 0.5).unwrap();
    bandit.choose("c", Some(&[0.0, 0.0])).unwrap();
    bandit.refit();
    assert!(slope(&bandit, "c", [1.0, 0.0]) > 0.03);
    let error = bandit.choose("a", Some(&[1.0])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.message().contains("2 numbers, got 1"), "{error}");
}

#[test]
fn merging_with_contexts_does_not_depend_on_the_order() {
    let mut workers: Vec<Bandit> = (0..3).map(line).collect();
    for (i, w) in workers.iter_mut().enumerate() {
        play(w, &mut Rng::new(i as u64), 20 + 9 * i);
    }
    let join = |order: [usize; 3]| {
        let mut all = workers[order[0]].clone();
        for i in &order[1..] {
            all.merge(&workers[*i]).unwrap();
        }
        all.merge(&workers[order[1]]).unwrap();
        all
    };
    let one = join([0, 1, 2]);
    for order in [[0, 2, 1], [2, 1, 0], [1, 0, 2]] {
        let other = join(order);
        for domain in ["a", "b"] {
            let of = |b: &Bandit| b.estimates_in(domain, Some(&[0.5, -1.0])).unwrap();
            assert_eq!(of(&one), of(&other));
        }
        assert_eq!(one.log(), other.log());
    }
    // One that never saw a context takes the others' in.
    let mut fresh = line(9);
    fresh.choose("a", None).unwrap();
    fresh.merge(&one).unwrap();
    assert!(fresh.choose("a", Some(&[1.0])).is_err());
    assert!(fresh.choose("a", Some(&[1.0, 0.0])).is_ok());
    let loaded = Bandit::from_bytes(&one.to_bytes()).unwrap();
    assert_eq!(loaded.to_bytes(), one.to_bytes());
}

#[test]
fn names_have_no_order_and_grids_have_two() {
    let names = ["low", "best", "mid"].map(String::from).to_vec();
    let mut bandit = Bandit::new(Arms::Names(names), &seeded(3)).unwrap();
    bandit.set_prior("d", 2.0).unwrap();
    for _ in 0..120 {
        let choice = bandit.choose("d", None).unwrap();
        let earned = [0.2, 0.8, 0.5][choice.arm];
        bandit.reward(choice.id, earned).unwrap();
    }
    let best = bandit.best("d").unwrap();
    assert_eq!((best, bandit.arm_name(1).unwrap()), (1.0, "best"));
    assert_eq!(bandit.arm_named("best").unwrap(), 1);
    assert_eq!(
        bandit.arm_named("x").unwrap_err().kind(),
        ErrorKind::NotFound
    );

    let mut bandit = Bandit::new(weight_and_k(), &seeded(3)).unwrap();
    assert_eq!(bandit.dimensions(), ["weight", "k"]);
    bandit.set_prior_point("d", &[0.5, 10.0]).unwrap();
    for _ in 0..300 {
        let choice = bandit.choose("d", Some(&[0.5])).unwrap();
        let at = bandit.arm_values(choice.arm).unwrap();
        let k = (at[1] - 5.0) / 35.0;
        let earned = 0.9 - (at[0] - 0.25).powi(2) - 0.3 * (k - 0.4).powi(2);
        bandit.reward(choice.id, earned).unwrap();
        assert!(bandit.propensity(choice.id).unwrap() > 0.0);
    }
    let best = bandit.best_in("d", Some(&[0.5])).unwrap() as usize;
    let at = bandit.arm_values(best).unwrap();
    assert!(
        (at[0] - 0.25).abs() <= 0.1 && (10.0..=20.0).contains(&at[1]),
        "{at:?}"
    );
    assert_eq!(bandit.arm_at(&at).unwrap(), best);
}

#[test]
fn names_depend_on_contexts_each_in_its_way() {
    let names = ["short", "long"].map(String::from).to_vec();
    let mut bandit = Bandit::new(Arms::Names(names), &seeded(4)).unwrap();
    let mut rng = Rng::new(2);
    for _ in 0..300 {
        let x = [rng.normal()];
        let choice = bandit.choose("d", Some(&x)).unwrap();
        let earned = 0.5 + if choice.arm == 0 { -0.2 } else { 0.2 } * x[0];
        bandit.reward(choice.id, earned).unwrap();
    }
    assert_eq!(bandit.best_in("d", Some(&[1.0])).unwrap(), 1.0);
    assert_eq!(bandit.best_in("d", Some(&[-1.0])).unwrap(), 0.0);
    let many: Vec<String> = (0..MAX_NAMES).map(|i| i.to_string()).collect();
    let mut many = Bandit::new(Arms::Names(many), &seeded(4)).unwrap();
    assert!(many.choose("d", Some(&[1.0; 8])).is_err());
    assert!(many.choose("d", Some(&[1.0; 7])).is_ok());
}

#[test]
fn a_bound_keeps_every_choice_near_the_priors_arm() {
    for policy in Policy::ALL {
        let options = seeded(6).policy(*policy).safety(Some(0.05));
        let mut bandit = Bandit::new(Arms::Range(0.0, 1.0), &options).unwrap();
        bandit.set_prior("d", 0.6).unwrap();
        let mut rng = Rng::new(1);
        for _ in 0..300 {
            let means = bandit.estimates("d").unwrap();
            let choice = bandit.choose("d", None).unwrap();
            let lost = means[60].mean - means[choice.arm].mean;
            assert!(lost <= 0.05 + 1e-6, "{policy:?} {lost}");
            let earned = 0.8 - (choice.value - 0.3).powi(2) + 0.1 * rng.normal();
            bandit.reward(choice.id, earned).unwrap();
            assert!(bandit.propensity(choice.id).unwrap() > 0.0);
        }
    }
}

#[test]
fn every_arms_reward_teaches_more_than_one_and_less_than_all() {
    let curve: Vec<f64> = (0..GRID)
        .map(|i| 0.8 - (i as f64 / 100.0 - 0.2).powi(2))
        .collect();
    let sd = |rounds: usize, full: bool| {
        let mut bandit = Bandit::new(
            Arms::Range(0.0, 1.0),
            &seeded(1).noise(Some(0.1)).adapt(false),
        )
        .unwrap();
        for _ in 0..rounds {
            let choice = bandit.choose("d", None).unwrap();
            match full {
                true => bandit.reward_all(choice.id, &curve).unwrap(),
                false => bandit.reward(choice.id, curve[choice.arm]).unwrap(),
            }
        }
        let found = bandit.estimates("d").unwrap();
        (found[80].sd, bandit.best("d").unwrap())
    };
    let (once, best) = sd(10, true);
    assert!((best - 0.2).abs() < 0.1);
    assert!(once < sd(10, false).0 && once > sd(60, false).0 / 3.0);
}

#[test]
fn batches_are_done_whole_or_not_at_all() {
    let mut bandit = line(2);
    let x = [0.5, 0.5];
    let before = bandit.to_bytes();
    for bad in [
        vec![("a", None), ("", None)],
        vec![("a", Some(&x[..])), ("b", Some(&x[..1]))],
        vec![("a", Some(&[f64::NAN][..]))],
    ] {
        assert!(bandit.choose_many(&bad).is_err());
        assert_eq!(bandit.to_bytes(), before);
    }
    let choices = bandit
        .choose_many(&[("a", Some(&x[..])), ("b", None), ("a", None)])
        .unwrap();
    let ids: Vec<u64> = choices.iter().map(|c| c.id).collect();
    let before = bandit.to_bytes();
    for bad in [
        vec![(ids[0], 0.5), (ids[0], 0.5)],
        vec![(ids[0], 0.5), (ids[1], f64::NAN)],
        vec![(ids[0], 0.5), (77, 0.5)],
    ] {
        assert!(bandit.reward_many(&bad).is_err());
        assert_eq!(bandit.to_bytes(), before);
    }
    bandit.reward_many(&[(ids[2], 0.1), (ids[0], 0.2)]).unwrap();
    assert_eq!(bandit.outstanding(), 1);
    assert!(bandit.reward_all(ids[1], &[0.5]).is_err());
    assert_eq!(bandit.outstanding(), 1);
    let log = bandit.log();
    assert_eq!(log[0].context, None);
    assert_eq!(log[1].context.as_deref(), Some(&x[..]));
}

#[test]
fn other_scales_of_reward_are_found_out() {
    for (level, scale) in [(0.0, 1.0), (500.0, 100.0), (-3.0, 1e-3)] {
        let mut bandit = line(7);
        bandit.set_prior("d", 0.6).unwrap();
        let mut rng = Rng::new(3);
        for _ in 0..200 {
            let choice = bandit.choose("d", None).unwrap();
            let quality = 0.8 - (choice.value - 0.35).powi(2) + 0.1 * rng.normal();
            bandit.reward(choice.id, level + scale * quality).unwrap();
        }
        let best = bandit.best("d").unwrap();
        assert!((best - 0.35).abs() < 0.15, "{level} {scale} {best}");
    }
}

#[test]
fn a_jump_is_followed_by_default() {
    let mut bandit = line(3);
    bandit.set_prior("d", 0.3).unwrap();
    let mut rng = Rng::new(8);
    for step in 0..400 {
        let best = if step < 250 { 0.3 } else { 0.8 };
        let choice = bandit.choose("d", None).unwrap();
        let earned = 0.8 - (choice.value - best).powi(2) + 0.1 * rng.normal();
        bandit.reward(choice.id, earned).unwrap();
    }
    assert!((bandit.best("d").unwrap() - 0.8).abs() < 0.15);
}

#[test]
fn what_if_tells_by_domain() {
    let options = seeded(8)
        .policy(Policy::EpsilonGreedy)
        .exploration(Some(0.8));
    let mut bandit = Bandit::new(Arms::Values(vec![0.0, 0.5, 1.0]), &options).unwrap();
    for i in 0..2000 {
        let (domain, best) = [("a", 0.0), ("b", 1.0)][i % 2];
        let choice = bandit.choose(domain, None).unwrap();
        let earned = 0.9 - 0.4 * (choice.value - best).abs();
        bandit.reward(choice.id, earned).unwrap();
    }
    let found = bandit
        .what_if(&|_, _| 0.0, None, Evaluation::SwitchDr)
        .unwrap();
    let names: Vec<&str> = found.iter().map(|w| w.domain.as_str()).collect();
    assert_eq!(names, ["", "a", "b"]);
    assert!((found[1].value.value - 0.9).abs() < 0.02 && found[1].difference.low > 0.0);
    assert!((found[2].value.value - 0.5).abs() < 0.02 && found[2].difference.high < 0.0);
    assert_eq!(found[0].count, found[1].count + found[2].count);
    for w in &found {
        assert!((w.difference.value - (w.value.value - w.earned.value)).abs() < 1e-12);
    }
}

#[test]
fn a_file_of_the_first_format_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/bandit-1.bandit");
    let mut bandit = Bandit::load(path).unwrap();
    assert_eq!(bandit.domains(), ["finance", "general"]);
    let counts = |d: &str| -> Vec<f64> {
        let found = bandit.estimates(d).unwrap();
        found.iter().map(|e| e.count).collect()
    };
    assert_eq!(counts("finance"), [0.0, 2.0, 1.0]);
    assert_eq!(counts("general"), [1.0, 0.0, 0.0]);
    assert_eq!(bandit.best("finance").unwrap(), 0.5);
    let id = (0xAB_CDEF << 40) | 4;
    assert_eq!(bandit.propensity(id).unwrap(), 0.25);
    bandit.reward(id, 1.0).unwrap();
    assert_eq!(bandit.log().len(), 5);
    let again = Bandit::from_bytes(&bandit.to_bytes()).unwrap();
    assert_eq!(again.estimates("general").unwrap().len(), 3);
}

#[derive(Clone, Debug)]
enum Step {
    Choose(usize, Option<Vec<f64>>),
    Reward(usize, f64),
    All(usize, f64),
    Guess(usize, f64),
    Reseed(u64),
    Reload,
    Clone,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let context = proptest::option::of(proptest::collection::vec(-1e3f64..1e3, 0..4));
    let step = prop_oneof![
        6 => (0..3usize, context).prop_map(|(d, x)| Step::Choose(d, x)),
        6 => (0..50usize, -2.0..2.0f64).prop_map(|(i, r)| Step::Reward(i, r)),
        1 => (0..50usize, -1e6..1e6f64).prop_map(|(i, r)| Step::Reward(i, r)),
        1 => (0..50usize, -1.0..1.0f64).prop_map(|(i, r)| Step::All(i, r)),
        1 => (0..3usize, -1.0..9.0f64).prop_map(|(d, v)| Step::Guess(d, v)),
        1 => any::<u64>().prop_map(Step::Reseed),
        1 => Just(Step::Reload),
        1 => Just(Step::Clone),
    ];
    proptest::collection::vec(step, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever is done to it, a bandit answers finite numbers, counts what it was paid once, and
    /// is the same after saving.
    #[test]
    fn any_life_leaves_it_sound(kind in 0..4usize, adapt: bool, steps in steps()) {
        let arms = match kind {
            0 => Arms::Range(0.0, 8.0),
            1 => Arms::Values(vec![0.0, 0.25, 1.0]),
            2 => Arms::Names(vec!["a".into(), "b".into(), "c".into()]),
            _ => weight_and_k(),
        };
        let mut bandit = Bandit::new(arms, &seeded(1).adapt(adapt).propensity_draws(16)).unwrap();
        let (mut ids, mut paid) = (Vec::new(), 0usize);
        let names = ["a", "b", "c"];
        for step in steps {
            match step {
                Step::Choose(d, x) => {
                    if let Ok(choice) = bandit.choose(names[d], x.as_deref()) {
                        ids.push(choice.id);
                    }
                }
                Step::Reward(i, r) => {
                    let id = ids.get(i).copied().unwrap_or(7);
                    paid += usize::from(bandit.reward(id, r).is_ok());
                }
                Step::All(i, r) => {
                    let id = ids.get(i).copied().unwrap_or(7);
                    let all: Vec<f64> = (0..bandit.values().len()).map(|k| r * k as f64).collect();
                    paid += usize::from(bandit.reward_all(id, &all).is_ok());
                }
                Step::Guess(d, v) => drop(bandit.set_prior(names[d], v)),
                Step::Reseed(seed) => bandit.reseed(seed),
                Step::Reload => {
                    let bytes = bandit.to_bytes();
                    bandit = Bandit::from_bytes(&bytes).unwrap();
                    prop_assert_eq!(bandit.to_bytes(), bytes);
                }
                Step::Clone => bandit = bandit.clone(),
            }
        }
        let mut seen = 0.0;
        for domain in bandit.domains() {
            for e in bandit.estimates(domain).unwrap() {
                prop_assert!(e.mean.is_finite() && e.sd.is_finite() && e.sd >= 0.0);
                seen += e.count;
            }
        }
        prop_assert_eq!(seen, paid as f64);
        prop_assert_eq!(bandit.log().len(), paid);
        for entry in bandit.log() {
            prop_assert!(entry.propensity > 0.0 && entry.propensity <= 1.0);
        }
    }
}

#[test]
fn rewards_that_are_always_the_same_are_not_taken_for_the_scale() {
    for (seed, scale) in (0..8).flat_map(|seed| [1.0, 1e-3].map(|scale| (seed, scale))) {
        let options = BanditOptions::default().seed(Some(seed));
        let mut bandit = Bandit::new(Arms::Values(vec![0.0, 0.5, 1.0]), &options)
            .unwrap()
            .with_prior("d", 0.5)
            .unwrap();
        let context = [0.25];
        for _ in 0..200 {
            let choice = bandit.choose("d", Some(&context)).unwrap();
            let earned = 0.9 - (choice.value - 0.5).abs();
            bandit.reward(choice.id, scale * earned).unwrap();
        }
        let best = bandit.best_in("d", Some(&context)).unwrap();
        assert_eq!(best, 0.5, "seed {seed}, rewards times {scale}");
    }
}
