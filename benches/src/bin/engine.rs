//! The embedding engine against the machine's peak, on one thread: products, one query, passages.
//!
//! `cargo run --release -p ragcore-benches --bin engine -- --model FOLDER [--data FOLDER]`
//! Times are processor time, so that other work on the machine disturbs them little.

use rag_core::Progress;
use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions, Precision};
use rag_core::kernel::{self, Epilogue, LowKind, PackedB, PackedLow, Sheet};
use ragcore_benches::collection::{Collection, Result};
use ragcore_benches::cpu::{measure, peak_gflops};
use std::path::PathBuf;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| -> Option<PathBuf> {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1).map(PathBuf::from)
    };
    println!("peak {:.0} GFLOP/s", peak_gflops());
    for row in kernel::available() {
        for (m, k, n) in [
            (512, 384, 1152),
            (512, 384, 1536),
            (512, 1536, 384),
            (12, 384, 1536),
        ] {
            products(row, m, k, n)?;
            for kind in [LowKind::Bf16, LowKind::Int8] {
                low_products(row, kind, m, k, n)?;
            }
        }
    }
    built_in()?;
    let Some(model) = after("--model") else {
        return Ok(());
    };
    let (mut texts, mut queries) = (Vec::new(), Vec::new());
    if let Some(data) = after("--data") {
        let collection = Collection::read(&data)?;
        texts = collection.texts;
        queries = collection.queries.into_iter().map(|(_, q)| q).collect();
    }
    let mut truth = Vec::new();
    for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
        let options = EmbedderOptions::default()
            .threads(Some(1))
            .precision(precision);
        let embedder = Embedder::open(&model, &options)?;
        let name = precision.name();
        if precision == Precision::F32 && !texts.is_empty() {
            tokens(&embedder, "passages", &texts)?;
            tokens(&embedder, "queries", &queries)?;
        }
        let encode =
            |texts: &[&str]| embedder.encode(texts, &EncodeOptions::default(), Progress::none());
        let query = ["what does vitamin d do for bone density in old age"];
        encode(&query)?;
        let seconds = measure(200, || {
            encode(&query).expect("a query is embedded");
        });
        println!(
            "{name}: one query p50 {:.2} ms, p99 {:.2} ms",
            seconds[100] * 1e3,
            seconds[197] * 1e3
        );
        passages(&embedder, name, &texts, &mut truth)?;
    }
    Ok(())
}

/// The tokenizer alone.
fn tokens(embedder: &Embedder, name: &str, texts: &[String]) -> Result<()> {
    let texts = &texts[..texts.len().min(2000)];
    let mut total = 0;
    let seconds = measure(5, || {
        let count = |text: &String| embedder.count_tokens(text).expect("any text is read");
        total = texts.iter().map(count).sum();
    });
    let rate = total as f64 / seconds[2];
    println!("tokens of {} {name}: {rate:.0} tokens/s", texts.len());
    Ok(())
}

/// The built-in model on one thread, on texts of nine and of ninety words.
fn built_in() -> Result<()> {
    let embedder = Embedder::built_in(&EmbedderOptions::default().threads(Some(1)))?;
    let sentence = "what does vitamin d do for bones when old ";
    for repeats in [1, 10] {
        let texts: Vec<String> = (0..20_000 / repeats)
            .map(|i| format!("{}{i}", sentence.repeat(repeats)))
            .collect();
        let seconds = measure(9, || {
            embedder
                .encode(&texts, &EncodeOptions::default(), Progress::none())
                .expect("any text is embedded");
        });
        println!(
            "built-in model, {} words a text: {:.0} texts/s",
            10 * repeats,
            texts.len() as f64 / seconds[4]
        );
    }
    Ok(())
}

fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i % 7) as f32 * 0.1 - 0.3).collect()
}

fn products(row: &'static kernel::Kernels, m: usize, k: usize, n: usize) -> Result<()> {
    let (a, b) = (numbers(m * k), numbers(k * n));
    let b = PackedB::with(row, &b, k, n, true)?;
    let mut out = vec![0.0; m * n];
    let flops = (2 * m * k * n) as f64;
    let repeats = (2e8 / flops).ceil() as usize;
    let seconds = measure(9, || {
        for _ in 0..repeats {
            b.multiply(&a, m, None, &mut out, Epilogue::Store)
                .expect("the sizes fit");
        }
    });
    let reached = flops * repeats as f64 / seconds[4] / 1e9;
    println!("{} {m} x {k} x {n}: {reached:.0} GFLOP/s", row.name);
    Ok(())
}

/// The same in brain floats and bytes; bytes are made of brain floats on the way.
fn low_products(
    row: &'static kernel::Kernels,
    kind: LowKind,
    m: usize,
    k: usize,
    n: usize,
) -> Result<()> {
    let layer = PackedLow::with(row, kind, &numbers(k * n), &numbers(n), k, None)?;
    let rows = Sheet::from_rows(&numbers(m * k), k);
    let mut out = Sheet::default();
    let operations = (2 * m * k * n) as f64;
    let repeats = (2e8 / operations).ceil() as usize;
    let seconds = measure(9, || {
        for _ in 0..repeats {
            layer.multiply(&rows, &mut out).expect("the sizes fit");
        }
    });
    let reached = operations * repeats as f64 / seconds[4] / 1e9;
    println!("{} {kind:?} {m} x {k} x {n}: {reached:.0} GOP/s", row.name);
    Ok(())
}

/// Passages of the collection: processor time, tokens, the share of the f32 peak around them, and
/// the cosine to the first precision's vectors.
fn passages(embedder: &Embedder, name: &str, texts: &[String], truth: &mut Vec<f32>) -> Result<()> {
    // Sentences of about 90 tokens.
    let texts: Vec<String> = (texts.iter().step_by(7).take(400))
        .map(|t| t.chars().take(420).collect())
        .collect();
    if texts.is_empty() {
        return Ok(());
    }
    let lengths: Vec<usize> = texts
        .iter()
        .map(|t| Ok(embedder.count_tokens(t)?.min(embedder.max_tokens())))
        .collect::<Result<_>>()?;
    let tokens: usize = lengths.iter().sum();
    // all-MiniLM-L6-v2: linear layers and attention, two operations a product.
    let flops: f64 = lengths
        .iter()
        .map(|&l| l as f64 * (21.234e6 + 9216.0 * l as f64))
        .sum();
    let peak = peak_gflops();
    let mut rows = Vec::new();
    let seconds = measure(5, || {
        let encoded = embedder.encode(&texts, &EncodeOptions::default(), Progress::none());
        let encoded = encoded.expect("passages are embedded");
        rows = (0..encoded.len())
            .flat_map(|i| encoded.row(i).to_vec())
            .collect();
    })[0];
    if truth.is_empty() {
        truth.clone_from(&rows);
    }
    let cosines = rows
        .chunks(embedder.dim())
        .zip(truth.chunks(embedder.dim()));
    let cosines: Vec<f32> = cosines
        .map(|(a, b)| kernel::dot(a, b))
        .collect::<std::result::Result<_, _>>()?;
    println!(
        "{name}: {} passages, mean {:.0} tokens: {:.0} texts/s, {:.0} tokens/s, {:.0}% of the \
         f32 peak (if MiniLM); cosine to f32 mean {:.6}, least {:.6}",
        texts.len(),
        tokens as f64 / texts.len() as f64,
        texts.len() as f64 / seconds,
        tokens as f64 / seconds,
        flops / seconds / 1e9 / peak * 100.0,
        cosines.iter().sum::<f32>() / cosines.len() as f32,
        cosines.iter().copied().fold(1.0, f32::min)
    );
    Ok(())
}
