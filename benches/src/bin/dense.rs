//! The dense index on one thread: build, recall against speed, live changes, filters, scans.
//!
//! `cargo run --release -p ragcore-benches --bin dense -- --vectors FILE.npy [--queries 1000] [--limit N]
//! [--parts curve,exact,filters,adds,live,f32]`
//! FILE holds float32 rows; the last ones are the queries. Times are processor time.

use rag_core::retrieval::dense::{DenseIndex, DenseOptions, DensePrecision, DenseSearchOptions};
use rag_core::{Progress, Rows};
use ragcore_benches::collection::Result;
use ragcore_benches::cpu::{measure, process_seconds};
use ragcore_benches::npy;
use std::collections::HashSet;
use std::ops::Range;
use std::time::Instant;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| -> Option<&String> {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1)
    };
    let number = |name: &str, default: usize| -> Result<usize> {
        Ok(after(name).map_or(Ok(default), |x| x.parse())?)
    };
    let path = after("--vectors").ok_or("name a file of vectors: --vectors FILE.npy")?;
    let (dim, data) = npy::read(path.as_ref())?;
    let count = number("--queries", 1000)?;
    let all = data.len() / dim;
    let n = number("--limit", all - count)?.min(all - count);
    let base = Rows::new(&data[..n * dim], dim)?;
    let queries = Rows::new(&data[(all - count) * dim..], dim)?;
    let bench = Bench { base, queries };
    println!("{n} vectors of {dim} floats, {count} queries, one thread");
    let truth = bench.truth(&(0..n as u64).collect::<Vec<_>>())?;

    let parts = after("--parts").map_or("curve,exact,filters,adds,live,f32", |x| x);
    let wanted = |part: &str| parts.split(',').any(|one| one == part);
    for precision in [DensePrecision::Auto, DensePrecision::F32] {
        if precision == DensePrecision::F32 && !wanted("f32") {
            break;
        }
        let name = precision.name();
        let start = now();
        let index = bench.index(precision, n)?;
        let bytes = index.bytes()? / n;
        println!(
            "{name}: build {:.1} CPU s, {bytes} bytes a vector",
            now() - start
        );
        if wanted("curve") || precision == DensePrecision::F32 {
            for effort in [10, 14, 20, 28, 40, 56, 80, 120, 200, 400] {
                bench.point(&index, name, Some(effort), &truth)?;
            }
        }
        bench.point(&index, name, None, &truth)?;
        if precision == DensePrecision::F32 {
            break;
        }
        if wanted("exact") {
            bench.exact(&index, &truth)?;
        }
        if wanted("filters") {
            bench.filters(&index)?;
        }
        if wanted("adds") {
            bench.adds(&truth)?;
        }
        if wanted("live") {
            bench.live(index)?;
        }
    }
    Ok(())
}

fn now() -> f64 {
    process_seconds(Instant::now())
}

struct Bench<'a> {
    base: Rows<'a>,
    queries: Rows<'a>,
}

const K: usize = 10;

impl Bench<'_> {
    /// The exact ten of each query among some keys.
    fn truth(&self, keys: &[u64]) -> Result<Vec<Vec<u64>>> {
        let options = DenseOptions::default().precision(DensePrecision::F32);
        let index = DenseIndex::new(self.base.dim(), &options)?;
        let mut found = Vec::new();
        // In parts that stay below the size from which a graph is built.
        let mut best: Vec<Vec<(u64, f32)>> = vec![Vec::new(); self.queries.len()];
        for keys in keys.chunks(2000) {
            index.remove(&index.keys()?)?;
            for &key in keys {
                index.add(&[key], Rows::single(self.base.row(key as usize))?)?;
            }
            let options = DenseSearchOptions::default().exact(true);
            let hits = index.search(self.queries, K, &options, None, &mut Progress::none())?;
            for (i, best) in best.iter_mut().enumerate() {
                let (keys, scores) = hits.row(i);
                best.extend(keys.iter().copied().zip(scores.iter().copied()));
                best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                best.truncate(K);
            }
        }
        for best in best {
            found.push(best.into_iter().map(|hit| hit.0).collect());
        }
        Ok(found)
    }

    fn recall(
        &self,
        index: &DenseIndex,
        options: &DenseSearchOptions,
        filter: Option<&[u64]>,
        truth: &[Vec<u64>],
    ) -> Result<f64> {
        let hits = index.search(self.queries, K, options, filter, &mut Progress::none())?;
        let mut right = 0;
        for (i, truth) in truth.iter().enumerate() {
            let truth: HashSet<u64> = truth.iter().copied().collect();
            right += hits
                .row(i)
                .0
                .iter()
                .filter(|key| truth.contains(key))
                .count();
        }
        Ok(right as f64 / (truth.iter().map(Vec::len).sum::<usize>()) as f64)
    }

    /// Queries a second of processor time, one query a call.
    fn speed(
        &self,
        index: &DenseIndex,
        options: &DenseSearchOptions,
        filter: Option<&[u64]>,
        queries: usize,
    ) -> f64 {
        let queries = queries.min(self.queries.len());
        let seconds = measure(5, || {
            for i in 0..queries {
                let query = Rows::single(self.queries.row(i)).expect("a row");
                index
                    .search(query, K, options, filter, &mut Progress::none())
                    .expect("a query is answered");
            }
        });
        queries as f64 / seconds[1]
    }

    fn point(
        &self,
        index: &DenseIndex,
        name: &str,
        effort: Option<usize>,
        truth: &[Vec<u64>],
    ) -> Result<()> {
        let options = DenseSearchOptions::default()
            .effort(effort)
            .threads(Some(1));
        let recall = self.recall(index, &options, None, truth)?;
        let speed = self.speed(index, &options, None, 1000);
        let effort = effort.map_or("default".into(), |e| e.to_string());
        println!("{name}: effort {effort}: recall@10 {recall:.4}, {speed:.0} queries/s");
        Ok(())
    }

    fn exact(&self, index: &DenseIndex, truth: &[Vec<u64>]) -> Result<()> {
        let options = DenseSearchOptions::default().exact(true).threads(Some(1));
        let recall = self.recall(index, &options, None, truth)?;
        let speed = self.speed(index, &options, None, 200);
        println!("exact scan of codes: recall@10 {recall:.4}, {speed:.0} queries/s");
        Ok(())
    }

    fn index(&self, precision: DensePrecision, n: usize) -> Result<DenseIndex> {
        let options = DenseOptions::default().precision(precision);
        let index = DenseIndex::new(self.base.dim(), &options)?;
        self.add(&index, 0..n)?;
        Ok(index)
    }

    fn add(&self, index: &DenseIndex, range: Range<usize>) -> Result<()> {
        let keys: Vec<u64> = range.clone().map(|key| key as u64).collect();
        let dim = self.base.dim();
        let rows = &self.base.data()[range.start * dim..range.end * dim];
        Ok(index.add(&keys, Rows::new(rows, dim)?)?)
    }

    /// The last sixth comes one by one, then in batches of a thousand.
    fn adds(&self, truth: &[Vec<u64>]) -> Result<()> {
        let n = self.base.len();
        for size in [1, 1000] {
            let index = self.index(DensePrecision::Auto, n - n / 6)?;
            let start = now();
            for first in (n - n / 6..n).step_by(size) {
                self.add(&index, first..n.min(first + size))?;
            }
            let speed = (n / 6) as f64 / (now() - start);
            println!(
                "additions of {size} to {} vectors: {speed:.0} a CPU s",
                n - n / 6
            );
            self.point(&index, "after them", None, truth)?;
        }
        Ok(())
    }

    fn filters(&self, index: &DenseIndex) -> Result<()> {
        for percent in [1, 5, 10, 15, 20, 35, 50, 90] {
            let keys: Vec<u64> = (0..self.base.len() as u64)
                .filter(|key| {
                    key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32 < percent * (1 << 32) / 100
                })
                .collect();
            let truth = self.truth(&keys)?;
            let options = DenseSearchOptions::default().threads(Some(1));
            let recall = self.recall(index, &options, Some(&keys), &truth)?;
            let speed = self.speed(index, &options, Some(&keys), 200);
            println!(
                "filter of {percent}%: recall@10 {recall:.4}, {speed:.0} queries/s, the list of keys given each time"
            );
        }
        Ok(())
    }

    fn live(&self, index: DenseIndex) -> Result<()> {
        let n = self.base.len();
        let options = DenseSearchOptions::default().threads(Some(1));
        let (mut half, mut start) = (Vec::new(), now());
        for key in (0..n as u64).step_by(2) {
            index.remove(&[key])?;
            half.push(key + 1);
        }
        half.retain(|key| *key < n as u64);
        println!("removals: {:.0} a CPU s", n as f64 / 2.0 / (now() - start));
        let truth = self.truth(&half)?;
        println!(
            "half removed: recall@10 {:.4}, {:.0} queries/s",
            self.recall(&index, &options, None, &truth)?,
            self.speed(&index, &options, None, 1000)
        );
        start = now();
        for key in (0..n as u64).step_by(2) {
            index.add(&[key], Rows::single(self.base.row(key as usize))?)?;
        }
        println!(
            "adds one by one: {:.0} a CPU s",
            n as f64 / 2.0 / (now() - start)
        );
        let all: Vec<u64> = (0..n as u64).collect();
        let truth = self.truth(&all)?;
        println!(
            "added again: recall@10 {:.4}, {:.0} queries/s",
            self.recall(&index, &options, None, &truth)?,
            self.speed(&index, &options, None, 1000)
        );
        for round in 0..5u64 {
            let fifth: Vec<u64> = (0..n as u64).filter(|key| key % 5 == round).collect();
            index.remove(&fifth)?;
            for &key in &fifth {
                index.add(&[key], Rows::single(self.base.row(key as usize))?)?;
            }
        }
        println!(
            "five times a fifth replaced: recall@10 {:.4}, {:.0} queries/s, {} bytes a vector",
            self.recall(&index, &options, None, &truth)?,
            self.speed(&index, &options, None, 1000),
            index.bytes()? / n
        );
        Ok(())
    }
}
