//! Hybrid search through a collection without Python: speed beside how much of the exact ten it
//! finds, by size, k, mode and filter.
//!
//! ```sh
//! taskset -c 1 cargo run --release -p ragcore-benches --bin hybrid -- --texts FILE.jsonl --vectors FILE.npy [--sizes 10000,59000] [--queries 1000]
//! ```
//! FILE.jsonl has a `text` a line, FILE.npy their float32 rows. A query is 3 to 6 words of a
//! passage among the last rows and that passage's vector. Rates are of the process's processor
//! time; on one core a batch has one thread.

use rag_core::Rng;
use rag_core::collection::{Batch, Collection, Fusion, Hit, Mode, Query, SearchOptions};
use rag_core::retrieval::filter::Filter;
use ragcore_benches::collection::Result;
use ragcore_benches::cpu::process_seconds;
use ragcore_benches::npy;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::io::BufRead;
use std::time::Instant;

const ROUNDS: usize = 3;
const DRAWS: usize = 1000;
/// Batches of documents that are added.
const BATCH: usize = 2048;
/// A slow setting answers as many queries as fit into so many seconds.
const TURN: f64 = 0.7;
/// How many queries say what is found.
const JUDGED: usize = 200;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| -> Option<&String> {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1)
    };
    let texts = after("--texts").ok_or("name the texts: --texts FILE.jsonl")?;
    let vectors = after("--vectors").ok_or("name their vectors: --vectors FILE.npy")?;
    let count = after("--queries").map_or(Ok(1000), |n| n.parse())?;
    let sizes = after("--sizes").map_or("10000,59000", |sizes| sizes);
    let texts = read(texts)?;
    let (dim, rows) = npy::read(vectors.as_ref())?;
    if rows.len() != texts.len() * dim || texts.len() <= count {
        return Err(format!("{} texts, {} floats", texts.len(), rows.len()).into());
    }
    println!(
        "size, mode, k, filter: queries a CPU second, p50 / p99 us by the wall, a batch, of the exact"
    );
    for size in sizes.split(',') {
        let size = size.parse::<usize>()?.min(texts.len() - count);
        let collection = filled(&texts[..size], &rows, dim)?;
        let words = queries(&texts, size, count);
        let asked: Vec<Query> = (words.into_iter())
            .map(|(row, text)| Query::text(text).with_vector(&rows[row * dim..][..dim]))
            .collect();
        let bench = Bench {
            collection,
            asked,
            size,
        };
        let default = SearchOptions::default();
        for k in [10, 100] {
            let k = default.clone().k(k);
            bench.point("hybrid", &k, None)?;
            bench.point("hybrid, rank fusion", &k.clone().fusion(Fusion::Rrf), None)?;
            bench.point("hybrid, exact", &k.clone().exact(true), None)?;
            bench.point("dense", &k.clone().mode(Mode::Dense), None)?;
            bench.point("lexical", &k.mode(Mode::Lexical), None)?;
        }
        for percent in [1, 10, 50] {
            bench.point("hybrid", &default, Some(percent))?;
        }
    }
    Ok(())
}

fn read(path: &str) -> Result<Vec<String>> {
    let file = std::fs::File::open(path).map_err(|e| format!("{path}: {e}"))?;
    let mut texts = Vec::new();
    for line in std::io::BufReader::new(file).lines() {
        let value: serde_json::Value = serde_json::from_str(&line?)?;
        texts.push(value["text"].as_str().unwrap_or_default().to_owned());
    }
    Ok(texts)
}

fn filled(texts: &[String], rows: &[f32], dim: usize) -> Result<Collection> {
    let collection = Collection::in_memory(None, Some(dim))?;
    let mut rng = Rng::new(3);
    let start = process_seconds(Instant::now());
    for (i, part) in texts.chunks(BATCH).enumerate() {
        let first = i * BATCH;
        let ids = (first..first + part.len()).map(|i| i.to_string());
        let numbers = part.iter().map(|_| {
            let number = json!({"number": rng.below(DRAWS)});
            number.as_object().cloned().unwrap_or_default()
        });
        let numbers = numbers.collect();
        let vectors = &rows[first * dim..][..part.len() * dim];
        collection.add(
            Batch::new(ids)
                .texts(part)
                .vectors(vectors, dim)?
                .metadata(numbers),
        )?;
    }
    let seconds = process_seconds(Instant::now()) - start;
    println!("{} documents added in {seconds:.1} CPU s", texts.len());
    Ok(collection)
}

fn words(text: &str) -> HashSet<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .filter(|word| word.len() > 1)
        .map(str::to_owned)
        .collect()
}

/// Words of the last texts that are informative among the first, with the text's number.
fn queries(texts: &[String], size: usize, count: usize) -> Vec<(usize, String)> {
    let mut held: HashMap<String, usize> = HashMap::new();
    for text in &texts[..size] {
        for word in words(text) {
            *held.entry(word).or_default() += 1;
        }
    }
    let mut rng = Rng::new(5);
    let mut asked = Vec::new();
    for (row, text) in texts.iter().enumerate().skip(texts.len() - count) {
        let few = |word: &String| held.get(word).is_some_and(|n| *n >= 2 && n * 20 <= size);
        let mut likely: Vec<String> = words(text).into_iter().filter(few).collect();
        likely.sort_unstable();
        rng.shuffle(&mut likely);
        likely.truncate(3 + rng.below(4));
        if !likely.is_empty() {
            asked.push((row, likely.join(" ")));
        }
    }
    asked
}

struct Bench {
    collection: Collection,
    asked: Vec<Query>,
    size: usize,
}

impl Bench {
    fn point(&self, name: &str, options: &SearchOptions, percent: Option<usize>) -> Result<()> {
        let below = percent.map(|percent| percent * DRAWS / 100);
        let filter = below.map(|below| Filter::parse(&json!({"number": {"$lt": below}})));
        let filter = filter.transpose()?;
        let with = |options: &SearchOptions| -> Vec<Query> {
            let queries = self.asked.iter().cloned().map(|mut query| {
                query.filter.clone_from(&filter);
                query.options(options.clone())
            });
            queries.collect()
        };
        let queries = with(options);
        let judged = JUDGED.min(queries.len());
        let found = self.collection.search_many(&queries[..judged])?;
        let exact = with(&options.clone().exact(true));
        let truth = self.collection.search_many(&exact[..judged])?;
        let share = overlap(&found, &truth);
        let (mut one, mut batch, mut each) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (start, began) = (process_seconds(Instant::now()), Instant::now());
            let mut done = 0;
            for query in queries.iter().cycle().skip(each.len() % queries.len()) {
                let before = Instant::now();
                std::hint::black_box(self.collection.search(query)?);
                each.push(before.elapsed().as_secs_f64() * 1e6);
                done += 1;
                if done == queries.len() || began.elapsed().as_secs_f64() > TURN {
                    break;
                }
            }
            one.push(done as f64 / (process_seconds(Instant::now()) - start));
            let start = process_seconds(Instant::now());
            let part = &queries[..done];
            std::hint::black_box(self.collection.search_many(part)?);
            batch.push(done as f64 / (process_seconds(Instant::now()) - start));
        }
        each.sort_by(f64::total_cmp);
        let filter = percent.map_or("no filter".into(), |p| format!("keeps {p}%"));
        let hits: usize = found.iter().map(Vec::len).sum();
        println!(
            "{}, {name}, k = {}, {filter}: {:.0}, {:.0} / {:.0}, batch {:.0}, {share:.4}, {:.1} hits",
            self.size,
            options.k,
            middle(one),
            each[each.len() / 2],
            each[each.len() * 99 / 100],
            middle(batch),
            hits as f64 / found.len() as f64
        );
        Ok(())
    }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How much of the true hits is found, the mean over queries that have any.
fn overlap(found: &[Vec<Hit>], truth: &[Vec<Hit>]) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (found, truth) in found
        .iter()
        .zip(truth)
        .filter(|(_, truth)| !truth.is_empty())
    {
        let truth: HashSet<&str> = truth.iter().map(|hit| &*hit.id).collect();
        let right = found.iter().filter(|hit| truth.contains(&*hit.id)).count();
        sum += right as f64 / truth.len() as f64;
        count += 1.0;
    }
    sum / f64::max(count, 1.0)
}
