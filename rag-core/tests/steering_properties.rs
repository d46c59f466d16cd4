//! Steering: what must hold for any input.

use proptest::prelude::*;
use rag_core::clock::ManualClock;
use rag_core::steering::{
    CalibrateOptions, FilterOptions, LearnMethod, LearnOptions, MAX_EVENTS_PER_USER,
    RetrainOptions, Steering, SteeringVector, filter_feedback,
};
use rag_core::{ErrorKind, Matrix, Rng, Rows};
use std::sync::Arc;

fn random(seed: u64, rows: usize, dim: usize, shift: f64) -> Matrix {
    let mut rng = Rng::new(seed);
    let data = (0..rows * dim).map(|i| {
        let toward = if i % dim == 0 { shift } else { 0.0 };
        (rng.normal() + toward) as f32
    });
    Matrix::from_vec(data.collect(), dim).unwrap()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let each = a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y));
        each.sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn length(v: &[f32]) -> f64 {
    v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
}

fn two_dials() -> Steering {
    let mut set = Steering::new();
    let (p, n) = (random(1, 30, 8, 1.0), random(2, 30, 8, 0.0));
    set.learn("trust", p.rows(), n.rows(), &LearnOptions::default())
        .unwrap();
    let (p, n) = (random(3, 30, 8, -1.0), random(4, 30, 8, 0.5));
    set.learn("warm", p.rows(), n.rows(), &LearnOptions::default())
        .unwrap();
    set
}

fn rate(set: &mut Steering, seed: u64, count: usize, user: Option<&str>) {
    let (queries, items) = (
        random(seed, count, 8, 0.0),
        random(seed + 1000, count, 8, 0.0),
    );
    for i in 0..count {
        let liked = f64::from(items.row(i)[0] > 0.0);
        let rating = 0.2 + 0.6 * liked + 0.01 * (i % 7) as f64;
        let at = Some(((seed as usize * 31 + i * 17) % 50) as f64);
        let dials: &[(&str, f64)] = if i % 2 == 0 { &[("trust", 0.5)] } else { &[] };
        set.feedback(queries.row(i), items.row(i), rating, user, dials, at)
            .unwrap();
    }
}

/// Everything that can be seen of a set.
fn view(set: &Steering) -> Vec<Vec<f32>> {
    let query = random(99, 1, 8, 0.0);
    let users: Vec<Option<&str>> = set.users().map(Some).chain([None]).collect();
    let dials: Vec<(&str, f64)> = set.names().map(|n| (n, 0.7)).collect();
    users
        .into_iter()
        .map(|user| set.apply(query.row(0), &dials, user).unwrap())
        .chain([vec![set.events() as f32]])
        .collect()
}

const METHODS: [LearnMethod; 4] = [
    LearnMethod::RidgeLda,
    LearnMethod::Logistic,
    LearnMethod::MeanDifference,
    LearnMethod::Pca,
];

#[test]
fn swapping_the_sets_turns_the_vector_around() {
    for method in METHODS {
        for dim in [3, 40] {
            let (p, n) = (random(5, 12, dim, 1.5), random(6, 12, dim, 0.0));
            let o = LearnOptions::default().method(method);
            let v = SteeringVector::learn(p.rows(), n.rows(), &o).unwrap();
            let w = SteeringVector::learn(n.rows(), p.rows(), &o).unwrap();
            assert!((length(v.vector()) - 1.0).abs() < 1e-6);
            assert!(cosine(v.vector(), w.vector()) < -0.999_99, "{method:?}");
        }
    }
}

#[test]
fn order_length_and_shift_of_examples_do_not_matter() {
    for method in METHODS {
        let (p, n) = (random(7, 15, 6, 1.5), random(8, 14, 6, 0.0));
        let o = LearnOptions::default().method(method);
        let v = SteeringVector::learn(p.rows(), n.rows(), &o).unwrap();
        let scaled = |m: &Matrix| {
            let rows: Vec<f32> = m.rows().iter().rev().flatten().map(|x| x * 7.0).collect();
            Matrix::from_vec(rows, 6).unwrap()
        };
        let w = SteeringVector::learn(scaled(&p).rows(), scaled(&n).rows(), &o).unwrap();
        assert!(cosine(v.vector(), w.vector()) > 0.999_99, "{method:?}");
        // The calibration sums in another order: a step may fall on the other side of a tie.
        assert!((v.scale() - w.scale()).abs() < 1e-3, "{method:?}");
    }
}

#[test]
fn a_true_direction_is_found_and_its_effect_is_of_the_right_size() {
    // Classes two standard deviations apart along the first axis.
    let (p, n) = (random(10, 150, 20, 2.0), random(11, 150, 20, 0.0));
    for method in METHODS {
        let o = LearnOptions::default().method(method);
        let v = SteeringVector::learn(p.rows(), n.rows(), &o).unwrap();
        let effect = v.effect().unwrap();
        assert!(v.vector()[0] > 0.8, "{method:?}: {}", v.vector()[0]);
        assert!(
            effect.low < 2.0 && effect.value > 1.4,
            "{method:?}: {effect:?}"
        );
        assert!(effect.is_measurable());
    }
}

#[test]
fn noise_is_seldom_called_an_effect() {
    // 200 draws of labels without meaning; at 2.5% a side more than 5% have a chance below 2%.
    for method in [LearnMethod::Logistic, LearnMethod::MeanDifference] {
        let false_alarms = (0..200)
            .filter(|&i| {
                let (p, n) = (random(900 + i, 20, 6, 0.0), random(5000 + i, 20, 6, 0.0));
                let o = LearnOptions::default().method(method).seed(i);
                let v = SteeringVector::learn(p.rows(), n.rows(), &o).unwrap();
                v.effect().unwrap().low > 0.0
            })
            .count();
        assert!(false_alarms <= 10, "{method:?}: {false_alarms} of 200");
    }
}

#[test]
fn a_dial_of_one_costs_the_wanted_share() {
    let documents = random(12, 400, 16, 1.0);
    let mut axis = vec![0.0; 16];
    axis[3] = 5.0;
    let v = SteeringVector::from_parts("v", &axis, 1.0, None).unwrap();
    let o = CalibrateOptions::default();
    let v = v.calibrated(documents.rows(), &o).unwrap();
    let near = |query: &[f32], by: &[f32], own: usize| {
        let mut scored: Vec<(f64, f64)> = documents
            .rows()
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != own)
            .map(|(_, d)| (cosine(by, d), cosine(query, d)))
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored[..10].iter().map(|s| s.1).sum::<f64>()
    };
    let unit = SteeringVector::from_parts("v", &axis.map_unit(), v.scale(), None).unwrap();
    let (mut plain, mut steered) = (0.0, 0.0);
    // Other documents than those drawn for the calibration are among these.
    for i in 0..400 {
        let q = documents.row(i);
        plain += near(q, q, i);
        steered += near(q, &unit.apply(q, 1.0).unwrap(), i);
    }
    let loss = 1.0 - steered / plain;
    assert!((0.02..0.04).contains(&loss), "{loss}");
}

trait MapUnit {
    fn map_unit(&self) -> Vec<f32>;
}

impl MapUnit for Vec<f32> {
    fn map_unit(&self) -> Vec<f32> {
        let size = length(self) as f32;
        self.iter().map(|v| v / size).collect()
    }
}

#[test]
fn merging_does_not_depend_on_the_order_and_is_idempotent() {
    let base = two_dials();
    let mut parts = [base.clone(), base.clone(), base.clone()];
    for (i, part) in parts.iter_mut().enumerate() {
        rate(part, i as u64, 40, Some("ann"));
        rate(part, 50 + i as u64, 20, Some(["bob", "cid", "dan"][i]));
        rate(part, 90 + i as u64, 20, None);
    }
    let merged = |order: [usize; 3]| {
        let mut out = parts[order[0]].clone();
        out.merge(&parts[order[1]]).unwrap();
        out.merge(&parts[order[2]]).unwrap();
        out
    };
    let one = merged([0, 1, 2]);
    assert_eq!(one.events(), 3 * 80);
    for order in [[2, 1, 0], [1, 0, 2], [0, 2, 1]] {
        assert_eq!(merged(order).to_bytes(), one.to_bytes());
    }
    let mut again = one.clone();
    again.merge(&parts[1]).unwrap();
    again.merge(&one).unwrap();
    assert_eq!(again.to_bytes(), one.to_bytes());
    // A user who was told to one alone moves as there; what several were told of one adds up.
    for (i, user) in ["bob", "cid", "dan"].into_iter().enumerate() {
        let query = random(99, 1, 8, 0.0);
        let there = parts[i].apply(query.row(0), &[], Some(user)).unwrap();
        assert_eq!(one.apply(query.row(0), &[], Some(user)).unwrap(), there);
    }
    let told: u64 = parts.iter().map(|part| part.taste("ann").ratings).sum();
    assert_eq!((told, one.taste("ann").ratings), (120, 120));
}

#[test]
fn copies_that_rate_the_same_item_both_count() {
    let mut a = two_dials();
    rate(&mut a, 1, 3, Some("ann"));
    let mut b = Steering::from_bytes(&a.to_bytes()).unwrap();
    rate(&mut a, 2, 1, Some("ann"));
    rate(&mut b, 2, 1, Some("ann"));
    a.merge(&b).unwrap();
    assert_eq!(a.events(), 5);
}

#[test]
fn dials_of_one_name_merge_the_same_way_from_either_side() {
    let mut a = two_dials();
    let mut b = Steering::new();
    let (p, n) = (random(30, 30, 8, 0.2), random(31, 30, 8, 0.0));
    b.learn("trust", p.rows(), n.rows(), &LearnOptions::default())
        .unwrap();
    let mut c = b.clone();
    c.merge(&a).unwrap();
    a.merge(&b).unwrap();
    assert_eq!(a.to_bytes(), c.to_bytes());
    assert_eq!(a.len(), 2);
}

#[test]
fn a_file_gives_the_set_back() {
    let mut set = two_dials();
    set.set_model("model-1").unwrap();
    rate(&mut set, 1, 30, Some("ann"));
    rate(&mut set, 2, 10, None);
    let dir = std::env::temp_dir().join(format!("ragcore-steering-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("dials.safetensors");
    set.save(&path).unwrap();
    let mut back = Steering::load(&path).unwrap();
    assert_eq!(back.to_bytes(), set.to_bytes());
    assert_eq!(view(&back), view(&set));
    let missing = Steering::load(&dir.join("none")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    std::fs::remove_dir_all(&dir).unwrap();
    let error = back.set_model("model-2").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelMismatch);
    let empty = Steering::from_bytes(&Steering::new().to_bytes()).unwrap();
    assert!(empty.is_empty() && empty.dim().is_none());
}

#[test]
fn damaged_bytes_are_refused() {
    let mut set = Steering::new();
    set.insert(SteeringVector::from_parts("a", &[0.6, 0.8], 0.5, None).unwrap())
        .unwrap();
    for i in 0..3 {
        let at = Some(f64::from(i));
        set.feedback(&[1.0, 0.0], &[0.0, 1.0], 0.5, Some("u"), &[("a", 1.0)], at)
            .unwrap();
    }
    let good = set.to_bytes();
    for cut in 0..good.len() {
        assert!(Steering::from_bytes(&good[..cut]).is_err(), "cut at {cut}");
    }
    let data = good.len() - 200;
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let result = Steering::from_bytes(&bad);
        // The header is text and has no checksum; the tensors have one.
        assert!(bit / 8 < data || result.is_err(), "bit {bit}");
    }
}

#[test]
fn forgetting_leaves_nothing() {
    let mut with = two_dials();
    rate(&mut with, 1, 30, Some("ann"));
    let mut without = with.clone();
    rate(&mut with, 2, 30, Some("mallory-the-secret"));
    assert!(with.forget("mallory-the-secret"));
    assert!(!with.forget("mallory-the-secret"));
    assert_eq!(with.to_bytes(), without.to_bytes());
    assert!(without.forget("ann"));
    assert_eq!(without.events(), 0);
}

#[test]
fn histories_are_bounded_and_the_oldest_go_first() {
    let mut set = Steering::with_clock(Arc::new(ManualClock::new(5.0)));
    let tell = |set: &mut Steering, item: &[f32], at| {
        set.feedback(&[1.0, 0.0, 0.0], item, 1.0, Some("ann"), &[], at)
            .unwrap();
    };
    tell(&mut set, &[0.0, 0.0, -1.0], Some(-1.0));
    for _ in 0..MAX_EVENTS_PER_USER {
        tell(&mut set, &[0.0, 1.0, 0.0], None);
    }
    assert_eq!(set.events(), MAX_EVENTS_PER_USER);
    // What the history has lost still counts, as faintly as its age says.
    assert_eq!(set.taste("ann").ratings as usize, MAX_EVENTS_PER_USER + 1);
    let steered = set.apply(&[1.0, 0.0, 0.0], &[], Some("ann")).unwrap();
    assert!(steered[1] > 0.2 && steered[2].abs() < 1e-3, "{steered:?}");
}

#[test]
fn a_user_is_led_to_what_they_like() {
    let mut set = two_dials();
    rate(&mut set, 1, 60, Some("ann"));
    let query = random(77, 1, 8, 0.0);
    let steered = set.apply(query.row(0), &[], Some("ann")).unwrap();
    // `rate` likes items with a positive first number.
    assert!(steered[0] > query.row(0).to_vec().map_unit()[0] + 0.1);
}

#[test]
fn retraining_drops_noise_and_never_takes_a_worse_dial() {
    let mut set = two_dials();
    let (queries, items) = (random(40, 120, 8, 0.0), random(41, 120, 8, 0.0));
    for i in 0..120 {
        // Likes go by the second number, which the dial does not know.
        let rating = if items.row(i)[1] > 0.0 { 0.53 } else { 0.47 } + 0.01 * (i % 5) as f64;
        let (dials, at) = ([("trust", 1.0)], Some(i as f64));
        set.feedback(
            queries.row(i),
            items.row(i),
            rating,
            Some("ann"),
            &dials,
            at,
        )
        .unwrap();
    }
    for i in 0..4 {
        set.feedback(
            queries.row(i),
            items.row(i),
            0.0,
            Some("ann"),
            &[],
            Some(500.0),
        )
        .unwrap();
    }
    let before = set.get("trust").unwrap().vector()[1];
    let options = RetrainOptions::default().per_user(200);
    let report = set.retrain(&options).unwrap();
    assert_eq!((report.events, report.dropped, report.users), (124, 4, 1));
    let [trust, warm] = &report.dials[..] else {
        panic!("two dials")
    };
    assert!(trust.changed && trust.after.unwrap().value > trust.before.unwrap().value);
    assert!(set.get("trust").unwrap().vector()[1] > before + 0.2);
    assert!(!warm.changed && warm.before.is_none());
    // Pure noise gives no better dial: whatever is taken over is not worse on held-out ratings.
    for seed in 0..20 {
        let mut set = two_dials();
        rate(&mut set, 200 + seed, 80, Some("ann"));
        for change in set.retrain(&options).unwrap().dials {
            if let (Some(b), Some(a)) = (change.before, change.after) {
                assert_eq!(change.changed, a.value >= b.value);
            }
        }
    }
}

#[test]
fn names_and_dimensions_are_guarded() {
    let mut set = two_dials();
    let v = |name: &str, dim: usize| {
        SteeringVector::from_parts(name, &vec![1.0; dim], 1.0, None).unwrap()
    };
    let kind = |r: rag_core::Result<()>| r.unwrap_err().kind();
    assert_eq!(kind(set.insert(v("trust", 8))), ErrorKind::AlreadyExists);
    assert_eq!(kind(set.insert(v("", 8))), ErrorKind::InvalidArgument);
    assert_eq!(kind(set.insert(v("new", 7))), ErrorKind::DimensionMismatch);
    assert_eq!(set.remove("new").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(set.remove("trust").unwrap().name(), "trust");
    assert_eq!(set.names().collect::<Vec<_>>(), ["warm"]);
    assert!(set.apply(&[1.0; 8], &[], Some("nobody")).is_ok());
    let mut other = Steering::new();
    other.insert(v("x", 3)).unwrap();
    assert_eq!(kind(set.merge(&other)), ErrorKind::DimensionMismatch);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_multiple_steers_as_the_strength_does(
        q in prop::collection::vec(-1.0f32..1.0, 5),
        v in prop::collection::vec(-1.0f32..1.0, 5),
        factor in -3.0f64..3.0,
        strength in -3.0f64..3.0,
    ) {
        prop_assume!(length(&q) > 0.1 && length(&v) > 0.1);
        let v = SteeringVector::from_parts("v", &v, 0.3, None).unwrap();
        let a = v.times(factor).unwrap().apply(&q, strength);
        let b = v.apply(&q, factor * strength);
        if let (Ok(a), Ok(b)) = (a, b) {
            prop_assert!(strength == 0.0 || (length(&a) - 1.0).abs() < 1e-6);
            prop_assert!(cosine(&a, &b) > 0.999_99);
        }
        prop_assert_eq!(v.apply(&q, 0.0).unwrap(), q);
    }

    #[test]
    fn what_is_orthogonal_stays_so(
        a in prop::collection::vec(-1.0f32..1.0, 6),
        b in prop::collection::vec(-1.0f32..1.0, 6),
    ) {
        prop_assume!(length(&a) > 0.1 && length(&b) > 0.1);
        let v = |x: &[f32]| SteeringVector::from_parts("v", x, 1.0, None).unwrap();
        let rest = v(&a).orthogonal_to(&v(&b)).unwrap();
        let dot: f64 = rest.vector().iter().zip(&b).map(|(x, y)| f64::from(x * y)).sum();
        prop_assert!(dot.abs() < 1e-6);
    }

    #[test]
    fn the_filter_is_fair_to_order_and_shift(
        ratings in prop::collection::vec(0.0f64..1.0, 0..40),
        half_life in 0.1f64..100.0,
    ) {
        let at: Vec<f64> = (0..ratings.len()).map(|i| (i * 7 % 11) as f64).collect();
        let o = FilterOptions::default();
        let (weights, kept) = filter_feedback(&ratings, &at, half_life, &o).unwrap();
        let back = |v: &[f64]| v.iter().rev().copied().collect::<Vec<_>>();
        let turned = filter_feedback(&back(&ratings), &back(&at), half_life, &o).unwrap();
        prop_assert_eq!(back(&turned.0), weights.clone());
        for (w, k) in weights.iter().zip(&kept) {
            prop_assert_eq!(*k, *w > 0.0);
            prop_assert!(*w <= 1.0);
        }
        prop_assert!(ratings.is_empty() || 2 * kept.iter().filter(|k| **k).count() >= ratings.len());
    }

    #[test]
    fn hostile_bytes_are_an_error_or_a_set(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Steering::from_bytes(&bytes);
        let mut framed = ((bytes.len() as u64).to_le_bytes()).to_vec();
        framed.extend(&bytes);
        prop_assert!(Steering::from_bytes(&framed).is_err());
    }
}

#[test]
fn threads_and_repetition_change_no_bit() {
    let (p, n) = (random(50, 90, 24, 0.7), random(51, 110, 24, 0.0));
    let learn = || {
        let mut set = Steering::new();
        let rows: (Rows<'_>, Rows<'_>) = (p.rows(), n.rows());
        for (i, method) in METHODS.into_iter().enumerate() {
            let o = LearnOptions::default().method(method).seed(i as u64);
            set.learn(&format!("dial {i}"), rows.0, rows.1, &o).unwrap();
        }
        set.to_bytes()
    };
    assert_eq!(learn(), learn());
}

#[test]
fn a_worker_goes_on_where_a_saved_set_left_off() {
    let mut set = Steering::new();
    set.set_worker(7);
    for round in 0..3 {
        // The same rating each time: only its number tells that it was given again.
        set.feedback(&[1.0, 0.0], &[0.6, 0.8], 0.75, Some("u"), &[], Some(5.0))
            .unwrap();
        assert_eq!(set.events(), round + 1);
        set = Steering::from_bytes(&set.to_bytes()).unwrap();
        set.set_worker(7);
    }
    let mut copy = set.clone();
    copy.set_worker(7);
    copy.feedback(&[1.0, 0.0], &[0.6, 0.8], 0.75, Some("u"), &[], Some(5.0))
        .unwrap();
    assert_eq!(copy.events(), 4);
    assert!(Steering::from_bytes(&copy.to_bytes()).is_ok());
}
