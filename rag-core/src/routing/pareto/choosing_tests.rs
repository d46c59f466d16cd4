//! Fronts with fewer points, choices on them, archives and optimisation.

use super::*;
use crate::{Error, ErrorKind, Progress, Result, Rng};
use proptest::prelude::*;

fn table(max: usize) -> impl Strategy<Value = (usize, Vec<f64>)> {
    let number = prop_oneof![(1..9i32).prop_map(f64::from), 0.1..9.0f64];
    (1usize..=5).prop_flat_map(move |d| {
        let row = prop::collection::vec(number.clone(), d);
        prop::collection::vec(row, 0..max).prop_map(move |rows| (d, rows.concat()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn an_epsilon_front_stands_for_all((d, points) in table(60), epsilon in 0.01..3.0f64, ratio: bool, up: bool) {
        let kind = if ratio { Epsilon::Multiplicative } else { Epsilon::Additive };
        let some = epsilon_front(&points, d, &[epsilon], kind, &[up]).unwrap();
        let front = pareto_front(&points, d, &[up]).unwrap();
        prop_assert!(some.iter().all(|i| front.contains(i)));
        prop_assert!(some.windows(2).all(|w| w[0] < w[1]));
        let rows: Vec<&[f64]> = points.chunks(d).collect();
        for row in &rows {
            let near = |i: &usize| rows[*i].iter().zip(*row).all(|(a, b)| {
                let slack = 1e-9 * b.abs();
                match (ratio, up) {
                    (false, false) => *a <= b + epsilon + slack,
                    (false, true) => *a >= b - epsilon - slack,
                    (true, false) => *a <= b * (1.0 + epsilon) + slack,
                    (true, true) => a * (1.0 + epsilon) >= b - slack,
                }
            });
            prop_assert!(some.iter().any(near));
        }
    }

    #[test]
    fn with_room_an_archive_is_the_front_in_any_order((d, points) in table(40), seed: u64, cut in 0usize..40) {
        let n = points.len() / d;
        let mut order: Vec<usize> = (0..n).collect();
        Rng::new(seed).shuffle(&mut order);
        let new = || ParetoArchive::new(d, &[], &[], ArchiveOptions::default()).unwrap();
        let (mut one, mut two) = (new(), new());
        for (at, i) in order.iter().enumerate() {
            let archive = if at < cut { &mut one } else { &mut two };
            archive.insert(&points[i * d..(i + 1) * d], *i as u64).unwrap();
        }
        one.merge(&two).unwrap();
        let again = one.clone();
        one.merge(&again).unwrap();
        let mut ids: Vec<usize> = one.ids().iter().map(|i| *i as usize).collect();
        ids.sort_unstable();
        prop_assert_eq!(ids, pareto_front(&points, d, &[]).unwrap());
    }

    #[test]
    fn a_full_archive_stays_within_bounds_and_dominates_itself_nowhere(
        (d, points) in table(60), capacity in 1usize..8, volume: bool
    ) {
        let keep = if volume { Keep::Volume } else { Keep::Crowding };
        let options = ArchiveOptions::default().capacity(capacity).keep(keep);
        let mut archive = ParetoArchive::new(d, &[true], &[], options).unwrap();
        for (i, row) in points.chunks(d).enumerate() {
            let kept = archive.insert(row, i as u64).unwrap();
            prop_assert_eq!(kept, archive.ids().contains(&(i as u64)));
        }
        prop_assert!(archive.len() <= capacity);
        let held = archive.points();
        prop_assert_eq!(pareto_front(&held, d, &[true]).unwrap().len(), archive.len());
        for (row, id) in held.chunks(d).zip(archive.ids()) {
            prop_assert_eq!(row, &points[*id as usize * d..][..d]);
        }
    }

    #[test]
    fn choices_lie_on_the_front((d, points) in table(40), up: bool) {
        prop_assume!(!points.is_empty());
        let front = pareto_front(&points, d, &[up]).unwrap();
        prop_assert!(front.contains(&knee(&points, d, &[up]).unwrap()));
        let options = ChebyshevOptions::default();
        for scores in [
            distance_to_ideal(&points, d, &[], &[up]).unwrap(),
            chebyshev(&points, d, &[2.0], &[], &[up], &options).unwrap(),
        ] {
            let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
            let near = |i: &usize| scores[*i] <= least + 1e-9;
            prop_assert!(front.iter().any(near));
        }
    }
}

#[test]
fn an_archive_that_keeps_volume_keeps_more_of_it_than_one_of_the_least_crowded() {
    let mut rng = Rng::new(3);
    let make = |keep| {
        let options = ArchiveOptions::default().capacity(8).keep(keep);
        ParetoArchive::new(2, &[], &[1.0, 1.0], options).unwrap()
    };
    let (mut volume, mut room) = (make(Keep::Volume), make(Keep::Crowding));
    for id in 0..300 {
        let t = rng.uniform() * std::f64::consts::FRAC_PI_2;
        let point = [1.0 - t.cos(), 1.0 - t.sin()];
        volume.insert(&point, id).unwrap();
        room.insert(&point, id).unwrap();
    }
    let of = |archive: &ParetoArchive| hypervolume(&archive.points(), 2, &[1.0; 2], &[]).unwrap();
    assert!(of(&volume) > of(&room), "{} {}", of(&volume), of(&room));
}

#[test]
fn bad_input_is_refused() {
    let bad = |error: Error| assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    bad(epsilon_front(&[1.0], 1, &[0.0], Epsilon::Additive, &[]).unwrap_err());
    bad(epsilon_front(&[1.0], 1, &[f64::NAN], Epsilon::Additive, &[]).unwrap_err());
    bad(epsilon_front(&[0.0], 1, &[0.1], Epsilon::Multiplicative, &[]).unwrap_err());
    bad(epsilon_front(&[0.0; 3], 3, &[0.1; 2], Epsilon::Additive, &[]).unwrap_err());
    bad(knee(&[], 2, &[]).unwrap_err());
    bad(knee(&[f64::INFINITY, 1.0], 2, &[]).unwrap_err());
    bad(distance_to_ideal(&[1.0], 1, &[-1.0], &[]).unwrap_err());
    bad(distance_to_ideal(&[1.0], 1, &[0.0], &[]).unwrap_err());
    bad(chebyshev(
        &[1.0],
        1,
        &[],
        &[f64::NAN],
        &[],
        &ChebyshevOptions::default(),
    )
    .unwrap_err());
    bad(chebyshev(
        &[1.0],
        1,
        &[],
        &[],
        &[],
        &ChebyshevOptions::default().rho(2.0),
    )
    .unwrap_err());
    let options = ArchiveOptions::default();
    bad(ParetoArchive::new(0, &[], &[], options.clone()).unwrap_err());
    bad(ParetoArchive::new(2, &[], &[1.0], options.clone()).unwrap_err());
    bad(ParetoArchive::new(11, &[], &[], options.clone().keep(Keep::Volume)).unwrap_err());
    bad(ParetoArchive::new(2, &[], &[], options.clone().capacity(0)).unwrap_err());
    let mut archive = ParetoArchive::new(2, &[], &[], options.clone()).unwrap();
    bad(archive.insert(&[1.0], 0).unwrap_err());
    bad(archive
        .extend(&[1.0, 2.0, f64::NAN, 1.0], &[0, 1])
        .unwrap_err());
    bad(archive
        .merge(&ParetoArchive::new(2, &[true], &[], options).unwrap())
        .unwrap_err());
    assert!(archive.is_empty());
}

fn knob(name: &str, kind: KnobKind) -> Knob {
    Knob {
        name: name.into(),
        kind,
    }
}

fn mixed() -> [Knob; 3] {
    [
        knob(
            "weight",
            KnobKind::Real {
                low: -1.0,
                high: 1.0,
            },
        ),
        knob("k", KnobKind::Whole { low: 1, high: 9 }),
        knob(
            "model",
            KnobKind::Choice(vec!["a".into(), "b".into(), "c".into()]),
        ),
    ]
}

#[test]
fn optimizing_stays_within_bounds_evaluates_nothing_twice_and_repeats_itself() {
    let run = || {
        let mut seen = std::collections::HashSet::new();
        let mut evaluate = |rows: &[f64]| {
            Ok(rows
                .chunks(3)
                .flat_map(|s| {
                    assert!((-1.0..=1.0).contains(&s[0]));
                    assert!((1.0..=9.0).contains(&s[1]) && s[1].fract() == 0.0);
                    assert!([0.0, 1.0, 2.0].contains(&s[2]));
                    assert!(seen.insert(s.iter().map(|x| x.to_bits()).collect::<Vec<_>>()));
                    [s[0].abs() + s[1], -s[1] + s[2]]
                })
                .collect())
        };
        let options = OptimizeOptions::default()
            .population(20)
            .generations(10)
            .seed(5);
        optimize(
            &mixed(),
            &["cost", "quality"],
            &[false, true],
            &[0.5, 2.0, 1.0],
            &mut evaluate,
            &options,
            Progress::none(),
        )
        .unwrap()
    };
    let first = run();
    assert_eq!(first, run());
    assert_eq!(first.evaluations, 200);
    assert_eq!(first.settings.len() / 3, first.points.len() / 2);
}

/// Fewer settings than evaluations: all are tried, and the search ends by itself.
#[test]
fn a_small_space_is_searched_whole() {
    let knobs = [
        knob("k", KnobKind::Whole { low: 0, high: 7 }),
        knob(
            "model",
            KnobKind::Choice((0..5).map(|i| i.to_string()).collect()),
        ),
    ];
    let outcome = |s: &[f64]| [(s[0] - 3.0).abs() + s[1], (s[0] - 5.0).powi(2) - s[1]];
    let mut evaluate = |rows: &[f64]| Ok(rows.chunks(2).flat_map(outcome).collect());
    let options = OptimizeOptions::default().population(16);
    let found = optimize(
        &knobs,
        &["a", "b"],
        &[],
        &[],
        &mut evaluate,
        &options,
        Progress::none(),
    )
    .unwrap();
    assert_eq!(found.evaluations, 40);
    let all: Vec<f64> = (0..8)
        .flat_map(|k| (0..5).flat_map(move |m| outcome(&[f64::from(k), f64::from(m)])))
        .collect();
    assert_eq!(
        found.points.len() / 2,
        pareto_front(&all, 2, &[]).unwrap().len()
    );
}

#[test]
fn optimizing_refuses_and_passes_on() {
    let options = OptimizeOptions::default().population(4).generations(3);
    let with = |knobs: &[Knob],
                initial: &[f64],
                answer: &dyn Fn(usize) -> Result<Vec<f64>>,
                watch: bool| {
        let mut evaluate = |rows: &[f64]| answer(rows.len() / knobs.len());
        let mut stop = |_: usize, _: usize| watch;
        optimize(
            knobs,
            &["cost", "quality"],
            &[],
            initial,
            &mut evaluate,
            &options,
            Progress::new(&mut stop),
        )
        .map(|found| found.evaluations)
        .map_err(|e| (e.kind(), e.to_string()))
    };
    let fine = |n: usize| Ok(vec![1.0; 2 * n]);
    assert_eq!(with(&mixed(), &[], &fine, true), Ok(12));
    assert_eq!(
        with(&mixed(), &[], &fine, false).unwrap_err().0,
        ErrorKind::Interrupted
    );
    let (kind, text) = with(
        &mixed(),
        &[0.5, 2.0, 1.0],
        &|n| Ok([vec![1.0, f64::NAN], vec![1.0; 2 * n - 2]].concat()),
        true,
    )
    .unwrap_err();
    assert_eq!(kind, ErrorKind::InvalidArgument);
    assert!(
        text.starts_with("\"quality\" is NaN at weight=0.5, k=2, model=b"),
        "{text}"
    );
    let own = |_| Err(Error::new(ErrorKind::Upstream, "mine"));
    assert_eq!(
        with(&mixed(), &[], &own, true),
        Err((ErrorKind::Upstream, "mine".into()))
    );
    let bad = |knobs: &[Knob], initial: &[f64]| {
        assert_eq!(
            with(knobs, initial, &fine, true).unwrap_err().0,
            ErrorKind::InvalidArgument
        )
    };
    bad(&mixed(), &[0.5, 2.5, 1.0]);
    bad(&mixed(), &[0.5, 2.0]);
    bad(&[], &[]);
    bad(&[knob("cost", KnobKind::Whole { low: 0, high: 1 })], &[]);
    bad(
        &[knob(
            "x",
            KnobKind::Real {
                low: 1.0,
                high: 0.0,
            },
        )],
        &[],
    );
    bad(
        &[knob(
            "x",
            KnobKind::Real {
                low: 0.0,
                high: f64::INFINITY,
            },
        )],
        &[],
    );
    bad(
        &[knob(
            "x",
            KnobKind::Whole {
                low: 0,
                high: i64::MAX,
            },
        )],
        &[],
    );
    bad(&[knob("x", KnobKind::Choice(vec![]))], &[]);
    assert_eq!(
        with(&mixed(), &[], &|_| Ok(vec![1.0]), true).unwrap_err().0,
        ErrorKind::InvalidArgument
    );
    let fixed = [knob(
        "x",
        KnobKind::Real {
            low: 2.0,
            high: 2.0,
        },
    )];
    assert_eq!(with(&fixed, &[], &fine, true), Ok(1));
}
