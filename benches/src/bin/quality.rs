//! nDCG@10 of dense, lexical and hybrid search through the public `Collection`, for every weight.
//!
//! ```sh
//! cargo run --release -p ragcore-benches --bin quality -- --data FOLDER [--data FOLDER...] [--model FOLDER] [--keep DIR]
//! ```
//! A data folder is in BEIR's layout (`corpus.jsonl`, `queries.jsonl`, `qrels.tsv`). Without
//! `--model` the built-in model embeds. With `--keep` the embedded collections are stored there and
//! opened by the next run.

use rag_core::collection::{Collection, Fusion, Mode, Query, SearchOptions};
use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions, TextKind};
use rag_core::evaluation::{EvaluateOptions, Interval, Run, evaluate};
use rag_core::{Matrix, Progress, kernel};
use ragcore_benches::collection::{Collection as Judged, Result};
use std::path::PathBuf;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let all = |name: &str| -> Vec<PathBuf> {
        let pairs = arguments.windows(2).filter(|pair| pair[0] == name);
        pairs.map(|pair| PathBuf::from(&pair[1])).collect()
    };
    let (data, model, keep) = (all("--data"), all("--model"), all("--keep"));
    if data.is_empty() {
        return Err("usage: quality --data FOLDER... [--model FOLDER] [--keep DIR]".into());
    }
    let options = EmbedderOptions::default();
    let embedder = match model.first() {
        Some(folder) => Embedder::open(folder, &options)?,
        None => Embedder::built_in(&options)?,
    };
    let name = embedder.name().to_owned();
    println!(
        "{name}, {} d, kernels {}",
        embedder.dim(),
        kernel::active().name
    );
    let weights: Vec<f32> = (0..=10).map(|i| i as f32 / 10.0).collect();
    let columns: String = weights.iter().map(|w| format!("  w={w:.1}")).collect();
    println!("{:<12}  dense    bm25     rrf {columns}", "set");
    let mut means = vec![0.0; weights.len() + 3];
    for folder in &data {
        let judged = Judged::read(folder)?;
        let set = folder.file_name().unwrap_or_default().to_string_lossy();
        let place = keep.first().map(|keep| keep.join(format!("{set} {name}")));
        let collection = judged.stored(&embedder, place.as_deref())?;
        let row = measure(&judged, &collection, &embedder, &weights)?;
        means
            .iter_mut()
            .zip(&row)
            .for_each(|(mean, x)| *mean += x / data.len() as f64);
        show(&set, &row);
    }
    show("mean", &means);
    Ok(())
}

fn show(name: &str, row: &[f64]) {
    let figures: String = row.iter().map(|x| format!("  {x:.4}")).collect();
    println!("{name:<12}{figures}");
}

/// nDCG@10: dense, lexical, rank fusion, then convex fusion at every weight.
fn measure(
    judged: &Judged,
    collection: &Collection,
    embedder: &Embedder,
    weights: &[f32],
) -> Result<Vec<f64>> {
    let texts: Vec<&str> = judged.queries.iter().map(|(_, t)| &t[..]).collect();
    let as_query = EncodeOptions::default().kind(TextKind::Query);
    let vectors = embedder.encode(&texts, &as_query, Progress::none())?;
    let base = SearchOptions::default().k(11);
    let mut settings = vec![
        base.clone().mode(Mode::Dense),
        base.clone().mode(Mode::Lexical),
        base.clone().fusion(Fusion::Rrf),
    ];
    settings.extend(weights.iter().map(|w| base.clone().bm25_weight(Some(*w))));
    settings
        .iter()
        .map(|options| ndcg(judged, collection, &vectors, options))
        .collect()
}

fn ndcg(
    judged: &Judged,
    collection: &Collection,
    vectors: &Matrix,
    options: &SearchOptions,
) -> Result<f64> {
    let queries: Vec<Query> = judged
        .queries
        .iter()
        .enumerate()
        .map(|(i, (_, text))| {
            let query = Query::text(text.as_str()).with_vector(vectors.row(i));
            query.options(options.clone())
        })
        .collect();
    let found = collection.search_many(&queries)?;
    let mut run = Run::new();
    for ((id, _), hits) in judged.queries.iter().zip(&found) {
        let rows = hits.iter().filter_map(|hit| hit.id.parse::<usize>().ok());
        run.add(&**id, rows.map(|row| &*judged.ids[row]))?;
    }
    // A document of the query's own id is the query itself, as BEIR has it.
    let options = EvaluateOptions::default()
        .ignore_identical_ids(true)
        .interval(Interval::T);
    let measured = evaluate(&run, &judged.qrels, &["ndcg@10"], &options)?;
    Ok(measured.estimate("ndcg@10")?.value)
}
