//! What the built-in model finds: nDCG@10 on retrieval sets, and how fast it reads.
//!
//! `cargo run --release -p rag-core --example static_quality -- DIR...`, each DIR holding
//! `corpus.jsonl` (`_id`, `title`, `text`), `queries.jsonl` (`_id`, `text`) and `qrels.tsv` with a
//! heading. Exact cosine over title and text, gains as in Järvelin and Kekäläinen (2002).

use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rag_core::embedding::static_model::StaticModel;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Ids and vectors, end to end.
struct Texts {
    ids: Vec<String>,
    vectors: Vec<f32>,
}

fn read(path: &Path, model: &StaticModel) -> Result<Texts> {
    let mut texts = Texts {
        ids: Vec::new(),
        vectors: Vec::new(),
    };
    for line in std::fs::read_to_string(path)?.lines() {
        let entry: serde_json::Value = serde_json::from_str(line)?;
        let field = |name: &str| entry[name].as_str().unwrap_or_default();
        let text = format!("{} {}", field("title"), field("text"));
        texts.ids.push(field("_id").to_owned());
        let start = texts.vectors.len();
        texts.vectors.resize(start + model.dim(), 0.0);
        model.encode_into(text.trim(), &mut texts.vectors[start..])?;
    }
    Ok(texts)
}

fn gains(path: &Path) -> Result<HashMap<String, HashMap<String, f64>>> {
    let mut gains: HashMap<String, HashMap<String, f64>> = HashMap::new();
    for line in std::fs::read_to_string(path)?.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        if let [query, document, gain] = fields[..] {
            let gain: f64 = gain.parse()?;
            gains
                .entry(query.into())
                .or_default()
                .insert(document.into(), gain.max(0.0));
        }
    }
    Ok(gains)
}

fn discounted(gains: impl Iterator<Item = f64>) -> f64 {
    let places = gains.take(10).enumerate();
    places
        .map(|(place, gain)| gain / (place as f64 + 2.0).log2())
        .sum()
}

fn ndcg(folder: &Path, model: &StaticModel) -> Result<(f64, usize)> {
    let documents = read(&folder.join("corpus.jsonl"), model)?;
    let queries = read(&folder.join("queries.jsonl"), model)?;
    let gains = gains(&folder.join("qrels.tsv"))?;
    let (mut total, mut asked) = (0.0, 0);
    for (id, query) in queries.ids.iter().zip(queries.vectors.chunks(model.dim())) {
        let Some(gains) = gains.get(id) else { continue };
        let mut best: Vec<f64> = gains.values().copied().collect();
        best.sort_by(|a, b| b.total_cmp(a));
        let best = discounted(best.into_iter());
        if best == 0.0 {
            continue;
        }
        let mut hits: Vec<(f32, &str)> = documents
            .vectors
            .chunks(model.dim())
            .map(|row| row.iter().zip(query).map(|(x, y)| x * y).sum())
            .zip(documents.ids.iter().map(String::as_str))
            .collect();
        hits.sort_by(|a, b| b.0.total_cmp(&a.0));
        let found = hits
            .iter()
            .map(|(_, id)| gains.get(*id).copied().unwrap_or(0.0));
        total += discounted(found) / best;
        asked += 1;
    }
    Ok((total / f64::from(asked.max(1)), asked as usize))
}

fn main() -> Result<()> {
    let start = Instant::now();
    let model = StaticModel::built_in();
    println!(
        "start: {:.2} ms, {} dimensions",
        start.elapsed().as_secs_f64() * 1e3,
        model.dim()
    );
    for (name, text) in [
        (
            "query of 9 words",
            "how do I read a large file line by line",
        ),
        (
            "passage of 90 words",
            &"the quick brown fox jumps over the lazy dog ".repeat(10),
        ),
    ] {
        let mut out = vec![0.0; model.dim()];
        let (start, count) = (Instant::now(), 20_000);
        for _ in 0..count {
            model.encode_into(std::hint::black_box(text), &mut out)?;
        }
        println!(
            "{name}: {:.0} texts/s",
            f64::from(count) / start.elapsed().as_secs_f64()
        );
    }
    for folder in std::env::args_os().skip(1).map(PathBuf::from) {
        let (score, queries) = ndcg(&folder, model)?;
        println!(
            "{}: nDCG@10 {score:.4} over {queries} queries",
            folder.display()
        );
    }
    Ok(())
}
