//! Additions, removals and searches of an index with a graph, against a plain map of what it holds.

use rag_core::retrieval::dense::{DenseIndex, DenseOptions, DensePrecision, DenseSearchOptions};
use rag_core::{Progress, Rng, Rows};
use std::collections::BTreeSet;
use std::sync::OnceLock;

const DIM: usize = 6;
/// More than are all looked at.
const BASE: u64 = 2100;

fn vector(seed: u64) -> [f32; DIM] {
    let mut rng = Rng::new(seed / 2);
    std::array::from_fn(|_| rng.normal() as f32 + 0.01)
}

fn base(precision: DensePrecision) -> DenseIndex {
    static MADE: [OnceLock<DenseIndex>; 2] = [const { OnceLock::new() }; 2];
    let made = &MADE[usize::from(precision == DensePrecision::F32)];
    let make = || {
        let options = DenseOptions::default().precision(precision);
        let index = DenseIndex::new(DIM, &options).expect("a dimension");
        let flat: Vec<f32> = (0..BASE).flat_map(vector).collect();
        let keys: Vec<u64> = (0..BASE).collect();
        let rows = Rows::new(&flat, DIM).expect("whole rows");
        index.add(&keys, rows).expect("new keys");
        index
    };
    made.get_or_init(make).clone()
}

pub(crate) fn run(data: &[u8]) {
    let Some((&first, steps)) = data.split_first() else {
        return;
    };
    let index = base(DensePrecision::ALL[usize::from(first) % 2]);
    let mut held: BTreeSet<u64> = (0..BASE).collect();
    for step in steps.as_chunks::<3>().0.iter().take(400) {
        let [what, low, high] = *step;
        let key = u64::from(u16::from_le_bytes([low, high])) % (BASE + 300);
        match what % 4 {
            0 => {
                let found = index.add(&[key], Rows::single(&vector(key)).expect("a row"));
                assert_eq!(found.is_ok(), held.insert(key));
            }
            1 => assert_eq!(index.remove(&[key]).is_ok(), held.remove(&key)),
            2 => {
                // A run of keys goes at once, so that sweeps begin.
                let run: Vec<u64> = held.range(key..).take(200).copied().collect();
                index.remove(&run).expect("keys that are held");
                held.retain(|key| !run.contains(key));
            }
            _ => {
                let k = usize::from(what / 4) + 1;
                let some: Vec<u64> = held.iter().copied().filter(|key| key % 3 == 0).collect();
                let filter = (what % 8 == 7).then_some(&some[..]);
                let options = DenseSearchOptions::default().exact(high % 2 == 1);
                let query = vector(key + 7);
                let query = Rows::single(&query).expect("a row");
                let hits = index.search(query, k, &options, filter, &mut Progress::none());
                let hits = hits.expect("a query that can be answered");
                let (keys, scores) = hits.row(0);
                assert_eq!(keys.len(), k.min(filter.map_or(held.len(), <[u64]>::len)));
                assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
                assert!(keys.iter().all(|key| held.contains(key)));
                assert!(keys.iter().all(|key| filter.is_none() || key % 3 == 0));
                assert!(scores.is_sorted_by(|a, b| a >= b));
            }
        }
        assert_eq!(index.len().expect("a live index"), held.len());
    }
}
