//! nDCG@10 of exact cosine search over a collection in BEIR's layout.
//!
//! `cargo run --release -p ragcore-benches --bin scifact -- --data FOLDER --model FOLDER`

use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions, TextKind};
use rag_core::{Progress, kernel};
use ragcore_benches::collection::{Collection, Result};
use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| -> Option<PathBuf> {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1).map(PathBuf::from)
    };
    let (Some(data), Some(model)) = (after("--data"), after("--model")) else {
        return Err("usage: scifact --data FOLDER --model FOLDER".into());
    };
    let collection = Collection::read(&data)?;
    let embedder = Embedder::open(model, &EmbedderOptions::default())?;
    println!(
        "{} documents, {} judged queries; {} ({}, {} d, at most {} tokens), kernels {}",
        collection.texts.len(),
        collection.queries.len(),
        embedder.name(),
        embedder.precision().name(),
        embedder.dim(),
        embedder.max_tokens(),
        kernel::active().name,
    );

    let start = Instant::now();
    let documents = embedder.encode(
        &collection.texts,
        &EncodeOptions::default(),
        Progress::none(),
    )?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "embedded in {seconds:.1} s: {:.1} texts/s",
        documents.len() as f64 / seconds
    );

    let texts: Vec<&str> = collection.queries.iter().map(|(_, t)| &t[..]).collect();
    let as_query = EncodeOptions::default().kind(TextKind::Query);
    let queries = embedder.encode(&texts, &as_query, Progress::none())?;
    let mut total = 0.0;
    for ((id, _), query) in collection.queries.iter().zip(queries.rows().iter()) {
        let mut ranked: Vec<(f32, usize)> = (documents.rows().iter().enumerate())
            .filter(|(i, _)| collection.ids[*i] != *id)
            .map(|(i, row)| kernel::dot(query, row).map(|score| (score, i)))
            .collect::<rag_core::Result<_>>()?;
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let ranking: Vec<usize> = ranked.iter().take(10).map(|(_, i)| *i).collect();
        total += collection.ndcg_at_10(id, &ranking);
    }
    println!("nDCG@10 {:.4}", total / collection.queries.len() as f64);
    Ok(())
}
