//! Searches against a full sort of single scores, through any history of changes.

use super::*;
use crate::{Progress, Rows};
use proptest::prelude::*;
use std::collections::BTreeMap;

const DIM: usize = 3;

fn vectors() -> impl Strategy<Value = [f32; DIM]> {
    let small = (-2i8..3).prop_map(|x| f32::from(x) * 0.5);
    prop::array::uniform3(small).prop_filter("zeros", |v| v.iter().any(|x| *x != 0.0))
}

fn metrics() -> impl Strategy<Value = Metric> {
    prop::sample::select(Metric::ALL)
}

/// A fresh index of the same vectors, one score at a time, sorted in full.
fn slow(
    model: &BTreeMap<u32, [f32; DIM]>,
    metric: Metric,
    query: &[f32],
    k: usize,
) -> Vec<(u32, f32)> {
    let mut all = Vec::new();
    for (&row, vector) in model {
        let mut one = DenseRows::new(DIM, metric).unwrap();
        one.insert(row, vector).unwrap();
        all.push((row, one.score(query, row).unwrap().unwrap()));
    }
    all.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap().then(a.0.cmp(&b.0)));
    all.truncate(k);
    all
}

proptest! {
    #[test]
    fn any_history_searches_like_a_sort(
        metric in metrics(),
        history in prop::collection::vec((0u32..12, prop::option::of(vectors())), 0..40),
        queries in prop::collection::vec(vectors(), 1..12),
        k in 1usize..15,
        odd in any::<bool>(),
    ) {
        let mut rows = DenseRows::new(DIM, metric).unwrap();
        let mut model = BTreeMap::new();
        for (row, change) in history {
            match change {
                Some(vector) => {
                    rows.insert(row, &vector).unwrap();
                    model.insert(row, vector);
                }
                None => prop_assert_eq!(rows.remove(row), model.remove(&row).is_some()),
            }
        }
        prop_assert_eq!(rows.len(), model.len());
        let allowed = |row: u32| row % 2 == 1;
        let allowed: Option<&dyn Fn(u32) -> bool> = if odd { Some(&allowed) } else { None };
        if odd {
            model.retain(|row, _| row % 2 == 1);
        }
        let flat = queries.concat();
        for threads in [1, 3] {
            let many = rows
                .search_many(Rows::new(&flat, DIM).unwrap(), k, allowed, Some(threads))
                .unwrap();
            for (query, found) in queries.iter().zip(&many) {
                prop_assert_eq!(found, &slow(&model, metric, query, k));
                prop_assert_eq!(found, &rows.search(query, k, allowed).unwrap());
            }
        }
        let mut scores = vec![f32::NAN; 12];
        rows.scores(&queries[0], &mut scores).unwrap();
        for row in 0..12 {
            let one = rows.score(&queries[0], row).unwrap();
            prop_assert_eq!(one.map(f32::to_bits), rows.contains(row).then(|| scores[row as usize].to_bits()));
        }
    }

    #[test]
    fn keeping_what_was_kept_changes_no_bit(
        vector in prop::collection::vec(-1e30f32..1e30, 1..40),
    ) {
        prop_assume!(vector.iter().any(|x| *x != 0.0));
        let mut rows = DenseRows::new(vector.len(), Metric::Cosine).unwrap();
        rows.insert(1, &vector).unwrap();
        let kept = rows.vector(1).unwrap().to_vec();
        rows.insert(2, &kept).unwrap();
        prop_assert_eq!(rows.vector(2).unwrap(), &kept[..]);
    }
}

#[test]
fn a_split_scan_is_the_scan() {
    let mut rng = crate::Rng::new(1);
    let mut rows = DenseRows::new(4, Metric::Dot).unwrap();
    for row in 0..20_000 {
        let v: [f32; 4] = std::array::from_fn(|_| (rng.below(9) as f32) - 4.0);
        rows.insert(row * 3, &v).unwrap();
    }
    let queries: Vec<f32> = (0..40).map(|_| rng.normal() as f32).collect();
    let queries = Rows::new(&queries, 4).unwrap();
    let one = rows.search_many(queries, 50, None, Some(1)).unwrap();
    for threads in [2, 5, 16] {
        assert_eq!(
            rows.search_many(queries, 50, None, Some(threads)).unwrap(),
            one
        );
    }
}

#[test]
fn the_largest_numbers_give_finite_scores() {
    for metric in [Metric::Dot, Metric::L2] {
        let mut rows = DenseRows::new(MAX_DIM, metric).unwrap();
        rows.insert(0, &vec![MAX_MAGNITUDE; MAX_DIM]).unwrap();
        let query = vec![-MAX_MAGNITUDE; MAX_DIM];
        assert!(rows.score(&query, 0).unwrap().unwrap().is_finite());
        let error = rows.insert(1, &vec![1.1e15; MAX_DIM]).unwrap_err();
        assert!(error.message().contains("-1e15..=1e15"), "{error}");
    }
    assert!(DenseRows::new(0, Metric::Dot).is_err());
    assert!(DenseRows::new(MAX_DIM + 1, Metric::Dot).is_err());
}

#[test]
fn a_refused_batch_changes_nothing_and_names_its_key() {
    let index = DenseIndex::new(2, &DenseOptions::default()).unwrap();
    index
        .add(&[1, 2], Rows::new(&[1.0, 0.0, 0.0, 1.0], 2).unwrap())
        .unwrap();
    let rows = [1.0, 0.0, 0.0, 0.0];
    for (keys, says) in [
        ([3, 2], "key 2"),
        ([3, 3], "key 3"),
        ([3, NO_KEY], "stands for no hit"),
        ([3, 4], "vector 1"),
    ] {
        let error = index.add(&keys, Rows::new(&rows, 2).unwrap()).unwrap_err();
        assert!(error.message().contains(says), "{error}");
    }
    assert!(
        index
            .remove(&[1, 9])
            .unwrap_err()
            .message()
            .contains("key 9")
    );
    assert_eq!(index.keys().unwrap(), [1, 2]);
    let many = vec![1.0; 2 * 10_001];
    let error = index.search(
        Rows::new(&many, 2).unwrap(),
        10_000,
        &DenseSearchOptions::default(),
        None,
        &mut Progress::none(),
    );
    assert!(error.unwrap_err().message().contains("search in parts"));
    let mut stop = |_, _| false;
    let stopped = index.search(
        Rows::new(&many, 2).unwrap(),
        1,
        &DenseSearchOptions::default(),
        None,
        &mut Progress::new(&mut stop),
    );
    assert_eq!(stopped.unwrap_err().kind().name(), "interrupted");
}

#[test]
fn a_saved_index_comes_back_and_a_damaged_file_does_not() {
    let folder = std::env::temp_dir().join(format!("ragcore-dense-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("index");
    let options = DenseOptions::default().metric(Metric::L2).seed(3);
    let index = DenseIndex::new(2, &options).unwrap();
    index
        .add(&[5, 1], Rows::new(&[1.0, 2.0, 3.0, 4.0], 2).unwrap())
        .unwrap();
    index.save(&path).unwrap();
    for mmap in [false, true] {
        let again = DenseIndex::open(&path, mmap).unwrap();
        assert_eq!(
            (again.keys().unwrap(), again.vector(5).unwrap()),
            (vec![1, 5], Some(vec![1.0, 2.0]))
        );
        assert_eq!(
            (again.options().metric, again.options().seed),
            (Metric::L2, 3)
        );
    }
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(
        DenseIndex::open(&path, false).unwrap_err().kind().name(),
        "corrupt"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Keys and vectors without any order among them.
fn random(n: usize, dim: usize, seed: u64) -> (Vec<u64>, Vec<f32>) {
    let mut rng = crate::Rng::new(seed);
    let flat = (0..n * dim).map(|_| rng.normal() as f32).collect();
    ((0..n as u64).collect(), flat)
}

#[test]
fn searches_go_on_during_a_long_addition_and_see_all_of_it_or_nothing() {
    use std::sync::atomic::{AtomicBool, Ordering};
    const DIM: usize = 16;
    let (keys, flat) = random(24_000, DIM, 5);
    let index = DenseIndex::new(DIM, &DenseOptions::default()).unwrap();
    let rows = |from: usize, to: usize| Rows::new(&flat[from * DIM..to * DIM], DIM).unwrap();
    index.add(&keys[..4000], rows(0, 4000)).unwrap();
    let (done, ahead) = (AtomicBool::new(false), AtomicBool::new(false));
    let (mut before, mut during) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ahead.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            index.add(&keys[4000..], rows(4000, 24_000)).unwrap();
            done.store(true, Ordering::Release);
        });
        // What is asked for is held from the first or comes with the batch; both ends of it.
        let asked = [rows(9, 10), rows(4000, 4001), rows(23_999, 24_000)];
        let options = DenseSearchOptions::default().threads(Some(1));
        while !done.load(Ordering::Acquire) {
            let seen = index.len().unwrap();
            assert!([4000, 24_000].contains(&seen), "{seen}");
            let found = asked.map(|query| {
                let hits = index.search(query, 1, &options, None, &mut Progress::none());
                hits.unwrap().keys[0]
            });
            assert_eq!(found[0], 9);
            if seen == 24_000 {
                assert_eq!(found[1..], [4000, 23_999]);
                // The last search of these may have ended after the addition.
                during += usize::from(!done.load(Ordering::Acquire));
            } else {
                before += 1;
                ahead.store(true, Ordering::Release);
            }
        }
    });
    assert!(before > 0 && during > 10, "{before} {during}");
}

#[test]
fn a_filter_that_comes_again_is_answered_as_the_first_time_also_after_changes() {
    const DIM: usize = 8;
    let (keys, flat) = random(6000, DIM, 6);
    let index = DenseIndex::new(DIM, &DenseOptions::default()).unwrap();
    index.add(&keys, Rows::new(&flat, DIM).unwrap()).unwrap();
    let filters: Vec<Vec<u64>> = [1, 2, 3, 7, 50, 200]
        .map(|step| keys.iter().copied().filter(|key| key % step == 0).collect())
        .to_vec();
    let query = Rows::new(&flat[..DIM], DIM).unwrap();
    let options = DenseSearchOptions::default();
    let search = |filter: &[u64]| {
        let hits = index.search(query, 5, &options, Some(filter), &mut Progress::none());
        hits.unwrap().keys
    };
    let first: Vec<Vec<u64>> = filters.iter().map(|f| search(f)).collect();
    for filter in [0, 0, 3, 1, 5, 4, 2, 0, 2, 4] {
        assert_eq!(search(&filters[filter]), first[filter]);
    }
    for filter in &filters {
        assert_eq!(search(filter)[0], 0);
        index.remove(&[0]).unwrap();
        assert_ne!(search(filter)[0], 0, "what is removed is not found");
        index.add(&[0], query).unwrap();
        assert_eq!(search(filter)[0], 0, "what is added is found");
    }
    let mut odd = filters[1].clone();
    odd.iter_mut().for_each(|key| *key += 1);
    assert!(
        search(&odd).iter().all(|key| key % 2 == 1),
        "as long, but not the same"
    );
}
