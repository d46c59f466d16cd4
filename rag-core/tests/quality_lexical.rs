//! BM25 on real collections, where they are present: `RAGCORE_DATA=folder cargo test -p rag-core
//! --test quality_lexical -- --ignored --nocapture`. Without the data the test says so and passes.

use rag_core::retrieval::lexical::{LexicalOptions, LexicalRows};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

fn data() -> PathBuf {
    std::env::var_os("RAGCORE_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    )
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("the collection is complete");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("one JSON object a line"))
        .collect()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// Mean nDCG@10 with linear gains, over the queries that have judgements.
fn ndcg(folder: &Path, options: &LexicalOptions) -> f64 {
    let corpus = lines(&folder.join("corpus.jsonl"));
    let texts: Vec<String> = corpus
        .iter()
        .map(|d| format!("{} {}", text(d, "title"), text(d, "text")))
        .collect();
    let ids: Vec<String> = corpus.iter().map(|d| text(d, "_id")).collect();
    let started = Instant::now();
    let mut rows = LexicalRows::new(options).unwrap();
    for (row, text) in texts.iter().enumerate() {
        rows.insert(row as u32, text).unwrap();
    }
    let indexing = started.elapsed();
    let mut judged: HashMap<String, HashMap<String, f64>> = HashMap::new();
    let qrels = std::fs::read_to_string(folder.join("qrels.tsv")).unwrap();
    for line in qrels.lines().skip(1) {
        let mut parts = line.split('\t');
        let (query, document) = (parts.next().unwrap(), parts.next().unwrap());
        let gain: f64 = parts.next().unwrap().trim().parse().unwrap();
        judged
            .entry(query.to_owned())
            .or_default()
            .insert(document.to_owned(), gain);
    }
    let (mut sum, mut count, mut searching) = (0.0, 0, std::time::Duration::ZERO);
    for query in lines(&folder.join("queries.jsonl")) {
        let Some(gains) = judged.get(&text(&query, "_id")) else {
            continue;
        };
        let words = text(&query, "text");
        let started = Instant::now();
        let hits = rows.search(&words, 10, None).unwrap();
        searching += started.elapsed();
        let discount = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
        let gained: f64 = hits
            .iter()
            .enumerate()
            .map(|(rank, hit)| gains.get(&ids[hit.0 as usize]).unwrap_or(&0.0) * discount(rank))
            .sum();
        let mut ideal: Vec<f64> = gains.values().copied().collect();
        ideal.sort_by(|a, b| b.total_cmp(a));
        let best: f64 = ideal
            .iter()
            .take(10)
            .enumerate()
            .map(|(rank, g)| g * discount(rank))
            .sum();
        if best > 0.0 {
            sum += gained / best;
            count += 1;
        }
    }
    let mean = sum / f64::from(count);
    println!(
        "{:10} nDCG@10 {mean:.4}, {count} queries, {} documents in {indexing:.0?}, {:.0?} a query",
        folder.file_name().unwrap().to_string_lossy(),
        texts.len(),
        searching / count as u32,
    );
    mean
}

#[test]
#[ignore = "needs the evaluation collections"]
fn ndcg_at_ten_is_where_published_systems_are() {
    let data = data();
    if !data.join("scifact").is_dir() {
        println!("skipped: no collections at {}", data.display());
        return;
    }
    for name in ["fiqa_pool", "cosqa", "cranfield"] {
        ndcg(&data.join(name), &LexicalOptions::default());
    }
    let scifact = ndcg(&data.join("scifact"), &LexicalOptions::default());
    assert!(
        (scifact - 0.679).abs() < 0.01,
        "published 0.679 and 0.687, got {scifact:.4}"
    );
}
