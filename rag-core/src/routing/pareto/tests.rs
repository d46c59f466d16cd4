//! Fronts, ranks and volumes against brute force.

use super::*;
use crate::{ErrorKind, Rng};
use proptest::prelude::*;

fn dominates(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(x, y)| x <= y) && a.iter().zip(b).any(|(x, y)| x < y)
}

fn slow_ranks(points: &[f64], d: usize) -> Vec<usize> {
    let rows: Vec<&[f64]> = points.chunks(d).collect();
    let mut ranks = vec![usize::MAX; rows.len()];
    let mut rank = 0;
    while ranks.contains(&usize::MAX) {
        let open = ranks.clone();
        for i in (0..rows.len()).filter(|i| open[*i] == usize::MAX) {
            let beaten =
                (0..rows.len()).any(|j| open[j] == usize::MAX && dominates(rows[j], rows[i]));
            if !beaten {
                ranks[i] = rank;
            }
        }
        rank += 1;
    }
    ranks
}

fn slow_front(points: &[f64], d: usize) -> Vec<usize> {
    let ranks = slow_ranks(points, d);
    (0..ranks.len()).filter(|i| ranks[*i] == 0).collect()
}

/// The volume on the grid of all coordinates.
fn slow_volume(points: &[f64], d: usize, reference: &[f64]) -> f64 {
    let rows: Vec<&[f64]> = points.chunks(d).collect();
    fn cells(rows: &[&[f64]], reference: &[f64], column: usize) -> f64 {
        if rows.is_empty() {
            return 0.0;
        }
        if column == reference.len() {
            return 1.0;
        }
        let mut cuts: Vec<f64> = rows.iter().map(|r| r[column]).collect();
        cuts.push(reference[column]);
        cuts.retain(|c| *c <= reference[column]);
        cuts.sort_by(f64::total_cmp);
        cuts.dedup();
        let slab = |w: &[f64]| {
            let deep: Vec<&[f64]> = rows.iter().copied().filter(|r| r[column] <= w[0]).collect();
            (w[1] - w[0]) * cells(&deep, reference, column + 1)
        };
        cuts.windows(2).map(slab).sum()
    }
    cells(&rows, reference, 0)
}

/// Points with many ties, some infinities and some duplicates.
fn lumpy(max: usize) -> impl Strategy<Value = (usize, Vec<f64>)> {
    let number = prop_oneof![
        8 => (0..6i32).prop_map(f64::from),
        4 => -1.0..1.0f64,
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(-0.0),
    ];
    (1usize..=6).prop_flat_map(move |d| {
        let row = prop::collection::vec(number.clone(), d);
        prop::collection::vec(row, 0..max).prop_map(move |rows| (d, rows.concat()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn front_and_ranks_are_those_of_brute_force((d, points) in lumpy(120)) {
        prop_assert_eq!(nondominated_sort(&points, d, &[]).unwrap(), slow_ranks(&points, d));
        prop_assert_eq!(pareto_front(&points, d, &[]).unwrap(), slow_front(&points, d));
    }

    #[test]
    fn three_columns_with_many_fronts(
        rows in prop::collection::vec(prop::collection::vec(
            prop_oneof![(0..9i32).prop_map(f64::from), Just(f64::INFINITY), Just(f64::NEG_INFINITY), 0.0..9.0f64],
            3), 0..300)
    ) {
        let points = rows.concat();
        prop_assert_eq!(nondominated_sort(&points, 3, &[]).unwrap(), slow_ranks(&points, 3));
    }

    #[test]
    fn maximising_is_minimising_the_negative((d, points) in lumpy(40), mask in any::<u8>()) {
        let maximize: Vec<bool> = (0..d).map(|j| mask >> j & 1 == 1).collect();
        let turned: Vec<f64> = points.iter().enumerate()
            .map(|(i, x)| if maximize[i % d] { -x } else { *x }).collect();
        prop_assert_eq!(
            pareto_front(&points, d, &maximize).unwrap(), slow_front(&turned, d));
        prop_assert_eq!(
            nondominated_sort(&points, d, &maximize).unwrap(), slow_ranks(&turned, d));
    }

    #[test]
    fn volume_is_that_of_the_grid(
        (d, points) in (1usize..=5).prop_flat_map(|d| {
            let number = prop_oneof![(0..5i32).prop_map(f64::from), -1.0..5.0f64];
            prop::collection::vec(prop::collection::vec(number, d), 0..9)
                .prop_map(move |rows| (d, rows.concat()))
        })
    ) {
        let reference = vec![4.0; d];
        let got = hypervolume(&points, d, &reference, &[]).unwrap();
        let want = slow_volume(&points, d, &reference);
        prop_assert!((got - want).abs() <= 1e-9 * (1.0 + want), "{got} {want}");
    }

    #[test]
    fn what_a_point_has_alone_is_what_is_lost_without_it(
        (d, points) in (1usize..=6).prop_flat_map(|d| {
            let number = prop_oneof![(0..5i32).prop_map(f64::from), -1.0..5.0f64];
            prop::collection::vec(prop::collection::vec(number, d), 0..9)
                .prop_map(move |rows| (d, rows.concat()))
        })
    ) {
        let reference = vec![4.0; d];
        let all = hypervolume(&points, d, &reference, &[]).unwrap();
        let alone = hypervolume_contributions(&points, d, &reference, &[]).unwrap();
        for (i, alone) in alone.iter().enumerate() {
            let mut rest = points.clone();
            rest.drain(i * d..(i + 1) * d);
            let lost = all - hypervolume(&rest, d, &reference, &[]).unwrap();
            prop_assert!((alone - lost).abs() <= 1e-9 * (1.0 + all), "{i}: {alone} {lost}");
        }
    }

    #[test]
    fn a_dominated_point_or_a_copy_changes_no_volume(
        rows in prop::collection::vec(prop::collection::vec(0.0..1.0f64, 4), 1..20), extra in 0.0..0.5f64
    ) {
        let points = rows.concat();
        let more: Vec<f64> = points.iter().copied()
            .chain(rows[0].iter().map(|x| x + extra)).chain(rows[0].iter().copied()).collect();
        let (a, b) = (
            hypervolume(&points, 4, &[1.0; 4], &[]).unwrap(),
            hypervolume(&more, 4, &[1.0; 4], &[]).unwrap(),
        );
        prop_assert!((a - b).abs() < 1e-12);
    }
}

/// Large enough for sampling, splitting and sweeping, small enough for the slow way.
#[test]
fn large_sets_agree_with_a_plain_scan() {
    let mut rng = Rng::new(5);
    for d in 2..=7 {
        for coarse in [0.0, 12.0] {
            let n = 9000;
            let points: Vec<f64> = (0..n * d)
                .map(|_| {
                    if coarse > 0.0 {
                        (rng.uniform() * coarse).floor()
                    } else {
                        rng.uniform()
                    }
                })
                .collect();
            let mut by_sum: Vec<&[f64]> = points.chunks(d).collect();
            by_sum.sort_by(|a, b| a.iter().sum::<f64>().total_cmp(&b.iter().sum::<f64>()));
            let mut archive: Vec<&[f64]> = Vec::new();
            for row in by_sum {
                if !archive.iter().any(|a| dominates(a, row)) {
                    archive.push(row);
                }
            }
            let want: Vec<usize> = (0..n)
                .filter(|i| archive.contains(&&points[i * d..(i + 1) * d]))
                .collect();
            assert_eq!(pareto_front(&points, d, &[]).unwrap(), want, "d {d}");
            let ranks = nondominated_sort(&points, d, &[]).unwrap();
            let front: Vec<usize> = (0..n).filter(|i| ranks[*i] == 0).collect();
            assert_eq!(front, want, "d {d}");
            let part = 1200 * d;
            let ranks = nondominated_sort(&points[..part], d, &[]).unwrap();
            assert_eq!(ranks, slow_ranks(&points[..part], d), "d {d}");
        }
    }
}

#[test]
fn edges() {
    assert!(pareto_front(&[], 3, &[]).unwrap().is_empty());
    assert!(nondominated_sort(&[], 4, &[]).unwrap().is_empty());
    assert_eq!(hypervolume(&[], 2, &[1.0, 1.0], &[]).unwrap(), 0.0);
    assert_eq!(pareto_front(&[0.0, -0.0], 1, &[]).unwrap(), [0, 1]);
    assert_eq!(pareto_front(&[1.0, 2.0], 1, &[true]).unwrap(), [1]);
    assert_eq!(
        hypervolume(&[1e-300, 1e-300], 2, &[2e-300, 1e300], &[]).unwrap(),
        1.0
    );
    assert_eq!(
        hypervolume(&[f64::NEG_INFINITY, 0.0], 2, &[1.0, 1.0], &[]).unwrap(),
        f64::INFINITY
    );
    assert_eq!(
        hypervolume(&[f64::NEG_INFINITY, 1.0], 2, &[1.0, 1.0], &[]).unwrap(),
        0.0
    );
    let bad = |r: crate::Result<Vec<usize>>| r.unwrap_err().kind();
    assert_eq!(
        bad(pareto_front(&[1.0, f64::NAN], 2, &[])),
        ErrorKind::InvalidArgument
    );
    assert_eq!(
        bad(pareto_front(&[1.0; 3], 2, &[])),
        ErrorKind::InvalidArgument
    );
    assert_eq!(bad(pareto_front(&[], 0, &[])), ErrorKind::InvalidArgument);
    assert_eq!(
        bad(nondominated_sort(&[1.0; 3], 3, &[true; 2])),
        ErrorKind::InvalidArgument
    );
    assert!(hypervolume(&[1.0; 2], 2, &[1.0], &[]).is_err());
    assert!(hypervolume(&[1.0; 2], 2, &[1.0, f64::INFINITY], &[]).is_err());
    assert!(hypervolume(&[1.0; 11], 11, &[2.0; 11], &[]).is_err());
}

#[test]
fn crowding_with_ties_constants_and_infinities() {
    let inf = f64::INFINITY;
    assert_eq!(crowding_distance(&[1.0, 2.0], 1).unwrap(), [inf, inf]);
    assert_eq!(crowding_distance(&[1.0, 1.0, 1.0], 1).unwrap(), [0.0; 3]);
    assert_eq!(
        crowding_distance(&[0.0, 7.0, 1.0, 7.0, 3.0, 7.0, 4.0, 7.0], 2).unwrap(),
        [inf, 0.75, 0.75, inf]
    );
    let room = crowding_distance(&[0.0, 1.0, 2.0, 3.0, inf], 1).unwrap();
    assert_eq!(room, [inf, 0.0, 0.0, 1.0, inf]);
    let wide = crowding_distance(&[-1.5e308, 0.0, 1.5e308], 1).unwrap();
    assert_eq!(wide[1], 1.0);
}

#[test]
fn infinite_contributions() {
    let inf = f64::INFINITY;
    let alone = |points: &[f64]| hypervolume_contributions(points, 2, &[1.0, 1.0], &[]).unwrap();
    assert_eq!(alone(&[-inf, 0.0, 0.0, -1.0]), [inf, 1.0]);
    // Two that reach as far in one column: only the better one in the other reaches alone.
    assert_eq!(alone(&[-inf, 0.0, -inf, 0.5]), [inf, 0.0]);
    assert_eq!(alone(&[-inf, 0.0, -inf, 0.0]), [0.0, 0.0]);
    assert_eq!(alone(&[2.0, 0.0]), [0.0]);
}

/// All are on the front, on which the screen and the tiles have nothing to throw out.
#[test]
fn a_large_front_is_found_whole() {
    let mut rng = Rng::new(11);
    for (n, d) in [(20_000, 2), (20_000, 3), (5000, 4), (5000, 6)] {
        let mut points = Vec::with_capacity(n * d);
        for _ in 0..n {
            let row: Vec<f64> = (0..d).map(|_| rng.normal().abs()).collect();
            let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            points.extend(row.iter().map(|x| -x / norm));
        }
        assert_eq!(pareto_front(&points, d, &[]).unwrap().len(), n, "d {d}");
        assert!(
            nondominated_sort(&points, d, &[])
                .unwrap()
                .iter()
                .all(|r| *r == 0)
        );
    }
}

/// NaN anywhere is found, also where the sample of the screen does not look.
#[test]
fn nan_is_found_in_large_sets() {
    for (n, d) in [(10_000, 2), (10_000, 3), (5000, 5), (20_000, 1), (9000, 9)] {
        for at in [0, 1234 * d, n * d - 1] {
            let mut rng = Rng::new(at as u64);
            let mut points: Vec<f64> = (0..n * d).map(|_| rng.uniform()).collect();
            points[at] = f64::NAN;
            let error = pareto_front(&points, d, &[]).unwrap_err();
            let want = format!("point {} has NaN in column {}", at / d, at % d);
            assert!(error.message().starts_with(&want), "{error}");
        }
    }
}

/// Infinities and constant columns leave a screen nothing to measure by.
#[test]
fn large_sets_with_odd_columns() {
    let mut rng = Rng::new(4);
    for odd in [f64::NEG_INFINITY, f64::INFINITY, 0.0, -0.0, 1e308] {
        let n = 6000;
        let points: Vec<f64> = (0..n)
            .flat_map(|i| {
                let z = if i % 7 == 0 { odd } else { rng.uniform() };
                [rng.uniform(), z, rng.uniform(), 5.0]
            })
            .collect();
        let front = pareto_front(&points, 4, &[true, false, false, true]).unwrap();
        let ranks = nondominated_sort(&points, 4, &[true, false, false, true]).unwrap();
        assert_eq!(
            front,
            (0..n).filter(|i| ranks[*i] == 0).collect::<Vec<_>>(),
            "{odd}"
        );
    }
}
