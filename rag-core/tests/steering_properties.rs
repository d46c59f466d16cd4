//! Steering: what must hold for any input.

use proptest::prelude::*;
use rag_core::clock::ManualClock;
use rag_core::steering::{
    Attribute, CalibrateOptions, Feedback, LearnMethod, LearnOptions, MAX_EVENTS_PER_USER,
    RetrainOptions, Steering, SteeringVector,
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

/// Rows of eight attributes along axes that overlap like those of feelings do: what has one, and
/// what lacks it.
fn overlapping(seed: u64) -> Vec<(String, Matrix, Matrix)> {
    let dim = 24;
    let mut rng = Rng::new(seed);
    let axes: Vec<Vec<f64>> = (0..8)
        .map(|a| {
            let mut axis: Vec<f64> = (0..dim).map(|_| 0.1 * rng.normal()).collect();
            axis[a] += 1.0;
            axis[(a + 1) % 8] += 0.6;
            axis
        })
        .collect();
    let mut rows = |axis: &[f64], sign: f64| {
        let rows = (0..40).flat_map(|_| {
            let row = axis.iter().map(|v| (1.5 * sign * v + rng.normal()) as f32);
            row.collect::<Vec<f32>>()
        });
        Matrix::from_vec(rows.collect(), dim).unwrap()
    };
    let each = axes.iter().enumerate();
    each.map(|(a, axis)| (format!("attribute {a}"), rows(axis, 1.0), rows(axis, -1.0)))
        .collect()
}

fn attributes(sets: &[(String, Matrix, Matrix)]) -> Vec<Attribute<'_>> {
    sets.iter()
        .map(|(name, positive, negative)| Attribute {
            name,
            positive: positive.rows(),
            negative: Some(negative.rows()),
        })
        .collect()
}

/// The mean of what stands off the diagonal, over the mean of what stands on it.
fn talk(set: &Steering, documents: &Matrix) -> f64 {
    let options = CalibrateOptions::default();
    let talk = set.cross_talk(documents.rows(), &options).unwrap();
    let k = set.len();
    assert_eq!(talk.len(), k * k);
    let sum = |own: bool| -> f64 {
        let cells = talk.iter().enumerate();
        let chosen = cells.filter(|(at, _)| (at / k == at % k) == own);
        chosen.map(|(_, v)| v.abs()).sum()
    };
    sum(false) / (k - 1) as f64 / sum(true)
}

#[test]
fn dials_learnt_together_turn_each_other_less() {
    let sets = overlapping(60);
    let (mut alone, mut together) = (Steering::new(), Steering::new());
    let options = LearnOptions::default();
    for (name, positive, negative) in &sets {
        alone
            .learn(name, positive.rows(), negative.rows(), &options)
            .unwrap();
    }
    together.learn_joint(&attributes(&sets), &options).unwrap();
    let rows: Vec<f32> = overlapping(61)
        .iter()
        .flat_map(|(_, p, n)| [p.rows().data(), n.rows().data()].concat())
        .collect();
    let documents = Matrix::from_vec(rows, 24).unwrap();
    let (before, after) = (talk(&alone, &documents), talk(&together, &documents));
    assert!(after < 0.5 * before, "{before} {after}");
    for dial in together.dials() {
        assert!((length(dial.vector()) - 1.0).abs() < 1e-6);
        assert!(dial.effect().unwrap().is_measurable(), "{}", dial.name());
        assert!(dial.loss().is_some() && dial.scale() < 2.0);
    }
}

#[test]
fn the_order_of_attributes_and_of_rows_does_not_matter() {
    let sets = overlapping(62);
    let options = LearnOptions::default();
    let learnt = |sets: &[(String, Matrix, Matrix)]| {
        let mut set = Steering::new();
        set.learn_joint(&attributes(sets), &options).unwrap();
        set
    };
    let one = learnt(&sets);
    let back = |m: &Matrix| {
        let rows: Vec<f32> = m.rows().iter().rev().flatten().copied().collect();
        Matrix::from_vec(rows, m.dim()).unwrap()
    };
    let turned: Vec<_> = sets
        .iter()
        .rev()
        .map(|(name, p, n)| (name.clone(), back(p), back(n)))
        .collect();
    for (a, b) in one.dials().zip(learnt(&turned).dials()) {
        assert!(cosine(a.vector(), b.vector()) > 0.999_99, "{}", a.name());
        assert!((a.scale() - b.scale()).abs() < 0.05 * a.scale());
    }
    assert_eq!(learnt(&sets).to_bytes(), one.to_bytes());
}

#[test]
fn attributes_are_learnt_all_or_none() {
    let sets = overlapping(63);
    let options = LearnOptions::default();
    let all = attributes(&sets);
    let short = random(64, 5, 7, 0.0);
    let one_row = random(65, 1, 24, 0.0);
    let with = |change: &dyn Fn(&mut Vec<Attribute<'_>>)| {
        let mut changed = all.clone();
        change(&mut changed);
        let mut set = Steering::new();
        set.insert(SteeringVector::from_parts("there", &[1.0; 24], 1.0, None).unwrap())
            .unwrap();
        let before = set.to_bytes();
        let error = set.learn_joint(&changed, &options).unwrap_err();
        assert_eq!(set.to_bytes(), before, "{error}");
        error
    };
    // What is made outlives the closures, which only borrow.
    let mut kinds = Vec::new();
    for at in [0, 7] {
        let told = [
            with(&|a| a.truncate(1)),
            with(&|a| a.clear()),
            with(&|a| a[at].name = "there"),
            with(&|a| a[at].name = a[3].name),
            with(&|a| a[at].name = ""),
            with(&|a| a[at].negative = Some(a[at].positive)),
        ];
        kinds.extend(told.iter().map(|e| e.kind()));
    }
    let wanted = [
        ErrorKind::InvalidArgument,
        ErrorKind::InvalidArgument,
        ErrorKind::AlreadyExists,
        ErrorKind::InvalidArgument,
        ErrorKind::InvalidArgument,
        ErrorKind::InvalidArgument,
    ];
    assert_eq!(kinds, [wanted, wanted].concat());
    let mut bad = all.clone();
    bad[7].negative = Some(short.rows());
    let mut set = Steering::new();
    let refused = set.learn_joint(&bad, &options).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::DimensionMismatch);
    bad[7].negative = Some(one_row.rows());
    let refused = set.learn_joint(&bad, &options).unwrap_err();
    assert!(refused.message().contains("attribute 7"), "{refused}");
    assert!(set.is_empty() && set.dim().is_none());
}

/// A set with one dial along the second axis, and the query and item that like it.
fn calm() -> (Steering, [f32; 3], [f32; 3]) {
    let mut set = Steering::with_clock(Arc::new(ManualClock::new(0.0)));
    set.insert(SteeringVector::from_parts("calm", &[0.0, 1.0, 0.0], 0.2, None).unwrap())
        .unwrap();
    (set, [1.0, 0.0, 0.0], [0.8, 0.6, 0.0])
}

#[test]
fn a_taste_names_what_moves_the_query() {
    let (mut set, query, item) = calm();
    let nobody = set.taste("ann");
    assert_eq!(
        (nobody.ratings, nobody.trust, nobody.unnamed),
        (0, 0.0, 0.0)
    );
    assert_eq!(nobody.dials, [("calm".to_owned(), 0.0)]);
    for i in 0..9 {
        let at = Some(f64::from(i));
        set.feedback(&query, &item, 1.0, Some("ann"), &[], at)
            .unwrap();
        set.feedback(&query, &[0.8, 0.0, 0.6], 1.0, Some("bob"), &[], at)
            .unwrap();
    }
    let (ann, bob) = (set.taste("ann"), set.taste("bob"));
    assert!(ann.unnamed < 0.01 && bob.unnamed > 0.99, "{ann:?} {bob:?}");
    // What the taste says moves the query as the user does.
    let user = set.apply(&query, &[], Some("ann")).unwrap();
    let dial = set
        .apply(&query, &[("calm", ann.dials[0].1)], None)
        .unwrap();
    assert!(cosine(&user, &dial) > 0.999_99);
    let drift = set.drift("ann");
    assert_eq!(drift.len(), 9);
    assert_eq!(drift[8].taste, ann);
    for (i, pair) in drift.windows(2).enumerate() {
        assert_eq!(pair[0].at, i as f64);
        assert!(pair[0].taste.trust < pair[1].taste.trust);
    }
    assert!(set.drift("nobody").is_empty());
    assert!(set.forget("ann") && set.drift("ann").is_empty());
    assert_eq!(set.taste("ann"), nobody);
    // Without a dial nothing is named.
    set.remove("calm").unwrap();
    assert_eq!(
        (set.taste("bob").dials.len(), set.taste("bob").unnamed),
        (0, 1.0)
    );
}

#[test]
fn a_like_further_down_counts_for_those_who_did_not_look() {
    let (empty, query, item) = calm();
    let moved = |ratings: usize, position: Option<usize>, rating: f64| {
        let mut set = empty.clone();
        for _ in 0..ratings {
            let told = Feedback {
                position,
                ..Feedback::new(&query, &item, rating)
            };
            set.rate(&told.by("ann")).unwrap();
        }
        (
            set.taste("ann"),
            set.apply(&query, &[], Some("ann")).unwrap(),
        )
    };
    let trust = |m: &(rag_core::steering::Taste, Vec<f32>)| m.0.trust;
    let (one, fifth, five) = (
        moved(1, Some(1), 1.0),
        moved(1, Some(5), 1.0),
        moved(5, Some(1), 1.0),
    );
    assert_eq!(fifth.0.ratings, 1);
    // Five likes fade and surprise less each time: the same but for that.
    assert!(
        (trust(&fifth) - trust(&five)).abs() < 0.05,
        "{fifth:?} {five:?}"
    );
    assert!(trust(&fifth) > 1.5 * trust(&one));
    assert_eq!(moved(1, None, 1.0), one);
    // Nobody passes over what they do not see: a dislike counts once wherever it stands.
    assert_eq!(moved(1, Some(9), 0.0), moved(1, Some(1), 0.0));
    // Weights are clipped.
    assert_eq!(moved(1, Some(10), 1.0), moved(1, Some(usize::MAX), 1.0));
    assert_ne!(moved(1, Some(9), 1.0), moved(1, Some(10), 1.0));
    let mut set = empty.clone();
    let nowhere = Feedback {
        position: Some(0),
        ..Feedback::new(&query, &item, 1.0)
    };
    let refused = set.rate(&nowhere.by("ann")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    assert!(!set.knows("ann"));
}

/// `users` who rate 20 items each; `likes` decides for a user whether they like one.
fn rated_by(users: usize, likes: impl Fn(usize, &[f32]) -> bool) -> Steering {
    let mut set = Steering::new();
    set.set_worker(1);
    for user in 0..users {
        let items = random(700 + user as u64, 20, 8, 0.0);
        for (i, item) in items.rows().iter().enumerate() {
            let rating = f64::from(u8::from(likes(user, item)));
            let name = format!("user {user}");
            set.feedback(&AXIS, item, rating, Some(&name), &[], Some(i as f64))
                .unwrap();
        }
    }
    set
}

const AXIS: [f32; 8] = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];

#[test]
fn new_users_take_what_all_share_and_only_that() {
    let options = RetrainOptions::default();
    let second = |set: &Steering| set.apply(&AXIS, &[], Some("new")).unwrap()[1];
    let mut same = rated_by(8, |_, item| item[1] > 0.0);
    assert_eq!(second(&same), 0.0);
    let report = same.retrain(&options).unwrap();
    assert_eq!((report.users, report.crowd), (8, 8));
    assert!(second(&same) > 0.02);
    assert!(report.learnt.unwrap().is_measurable() && report.heuristic.is_some());
    // Saved, it is the same; a user who says otherwise goes their own way.
    let mut back = Steering::from_bytes(&same.to_bytes()).unwrap();
    assert_eq!(
        (second(&back), back.to_bytes()),
        (second(&same), same.to_bytes())
    );
    for i in 0..20 {
        back.feedback(
            &AXIS,
            &[0.6, -0.8, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            1.0,
            Some("new"),
            &[],
            Some(f64::from(i)),
        )
        .unwrap();
    }
    assert!(second(&back) < 0.0);
    // Seven users are no crowd, and one who is forgotten is not in it.
    assert!(same.forget("user 3"));
    assert_eq!(second(&same), 0.0);
    assert_eq!(
        rated_by(7, |_, item| item[1] > 0.0)
            .retrain(&options)
            .unwrap()
            .crowd,
        0
    );
    // Each has a taste of their own.
    let mut apart = rated_by(8, |user, item| {
        item[1 + user % 7] * [1.0, -1.0][user / 7] > 0.0
    });
    assert_eq!(apart.retrain(&options).unwrap().crowd, 0);
    assert_eq!(apart.apply(&AXIS, &[], Some("new")).unwrap(), AXIS);
}

#[test]
fn the_sums_of_users_come_back_to_the_bit() {
    let mut set = rated_by(10, |user, item| item[1 + user % 3] > 0.0);
    set.retrain(&RetrainOptions::default()).unwrap();
    let mut back = Steering::from_bytes(&set.to_bytes()).unwrap();
    assert_eq!(back.to_bytes(), set.to_bytes());
    back.set_worker(1);
    for user in (0..10)
        .map(|u| format!("user {u}"))
        .chain(["new".to_owned()])
    {
        assert_eq!(back.taste(&user), set.taste(&user), "{user}");
        assert_eq!(back.drift(&user), set.drift(&user), "{user}");
        let moved = |set: &Steering| set.apply(&AXIS, &[], Some(&user)).unwrap();
        assert_eq!(moved(&back), moved(&set), "{user}");
        // And go on in the same way.
        for set in [&mut set, &mut back] {
            let told = Feedback::new(&AXIS, &[0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], 0.25);
            set.rate(
                &Feedback {
                    at: Some(99.0),
                    ..told
                }
                .by(&user),
            )
            .unwrap();
        }
    }
    assert_eq!(back.to_bytes(), set.to_bytes());
}

#[test]
fn a_file_of_the_first_format_is_read() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/steering-1.safetensors"
    );
    let mut old = Steering::load(std::path::Path::new(path)).unwrap();
    assert_eq!(old.names().collect::<Vec<_>>(), ["trust", "warm"]);
    assert_eq!(old.users().collect::<Vec<_>>(), ["ann", "bob"]);
    assert_eq!((old.events(), old.model()), (6, Some("some-model")));
    let trust = old.get("trust").unwrap();
    assert_eq!((trust.vector(), trust.scale()), (&[0.6, 0.8, 0.0][..], 0.5));
    assert_eq!((trust.effect().unwrap().high, trust.loss()), (2.0, None));
    assert!(old.get("warm").unwrap().effect().is_none());
    // Users are what the same ratings make of them today.
    let mut new = Steering::new();
    for name in ["trust", "warm"] {
        new.insert(old.get(name).unwrap().clone()).unwrap();
    }
    let query = [1.0, 0.0, 0.0];
    let ratings = [
        ("ann", 11.0, 1.0, [0.6, 0.8, 0.0]),
        ("ann", 12.0, 0.25, [0.8, 0.0, -0.6]),
        ("ann", 13.0, 1.0, [0.8, 0.6, 0.0]),
        ("bob", 14.0, 1.0, [0.6, 0.0, 0.8]),
    ];
    for (user, at, rating, item) in ratings {
        new.feedback(&query, &item, rating, Some(user), &[], Some(at))
            .unwrap();
    }
    let near = |user: &str, tolerance: f64| {
        let moved = |set: &Steering| set.apply(&query, &[], Some(user)).unwrap();
        let far = 1.0 - cosine(&moved(&old), &moved(&new));
        assert!(far < tolerance, "{user}: {far}");
    };
    near("ann", 1e-7);
    // What the filter had dropped does not count, but for having made the rest older.
    near("bob", 1e-5);
    assert_eq!((old.drift("ann").len(), old.drift("bob").len()), (3, 1));
    assert_eq!((old.taste("ann").ratings, old.taste("bob").ratings), (3, 2));
    // It is written in today's format, and goes on.
    let again = Steering::from_bytes(&old.to_bytes()).unwrap();
    assert_eq!(
        (view_of(&again), again.to_bytes()),
        (view_of(&old), old.to_bytes())
    );
    assert_eq!(old.retrain(&RetrainOptions::default()).unwrap().events, 6);
    assert!(old.forget("ann") && old.forget("bob"));
    // Every byte counts: a damaged one is refused as today's are.
    let mut bytes = std::fs::read(path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let refused = Steering::from_bytes(&bytes).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
}

fn view_of(set: &Steering) -> Vec<Vec<f32>> {
    let move_of = |user| set.apply(&[1.0, 0.0, 0.0], &[("warm", 0.5)], user).unwrap();
    [None, Some("ann"), Some("bob")].map(move_of).to_vec()
}
