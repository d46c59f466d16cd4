//! The embedding engine against the machine's peak, on one thread: products, one query, passages.
//!
//! `cargo run --release -p ragcore-benches --bin engine -- --model FOLDER [--data FOLDER]`
//! Times are processor time, so that other work on the machine disturbs them little.

use rag_core::Progress;
use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions};
use rag_core::kernel::{self, Epilogue, PackedB};
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
        }
    }
    built_in()?;
    let Some(model) = after("--model") else {
        return Ok(());
    };
    let options = EmbedderOptions::default().threads(Some(1));
    let embedder = Embedder::open(model, &options)?;
    let encode =
        |texts: &[String]| embedder.encode(texts, &EncodeOptions::default(), Progress::none());
    let query = ["what does vitamin d do for bone density in old age".to_owned()];
    let seconds = measure(100, || {
        encode(&query).expect("a query is embedded");
    });
    println!(
        "one query: p50 {:.2} ms, p99 {:.2} ms",
        seconds[50] * 1e3,
        seconds[98] * 1e3
    );
    if let Some(data) = after("--data") {
        let collection = Collection::read(&data)?;
        let queries: Vec<String> = collection.queries.into_iter().map(|(_, q)| q).collect();
        for (name, texts) in [("passages", &collection.texts), ("queries", &queries)] {
            tokens(&embedder, name, texts)?;
        }
        passages(&embedder, &collection.texts)?;
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

fn products(row: &'static kernel::Kernels, m: usize, k: usize, n: usize) -> Result<()> {
    let numbers = |len: usize| {
        (0..len)
            .map(|i| (i % 7) as f32 * 0.1 - 0.3)
            .collect::<Vec<_>>()
    };
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

/// Passages of the collection: processor time, tokens, and the share of the peak around them.
fn passages(embedder: &Embedder, texts: &[String]) -> Result<()> {
    let texts: Vec<String> = texts.iter().step_by(101).take(48).cloned().collect();
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
    let mut best = (0.0, 0.0);
    for _ in 0..3 {
        let before = peak_gflops();
        let seconds = measure(1, || {
            embedder
                .encode(&texts, &EncodeOptions::default(), Progress::none())
                .expect("passages are embedded");
        })[0];
        let peak = (before + peak_gflops()) / 2.0;
        let share = flops / seconds / 1e9 / peak;
        if share > best.0 {
            best = (share, seconds);
        }
    }
    println!(
        "{} passages, mean {:.0} tokens: {:.0} texts/s, {:.0} tokens/s, {:.0}% of peak (if MiniLM)",
        texts.len(),
        tokens as f64 / texts.len() as f64,
        texts.len() as f64 / best.1,
        tokens as f64 / best.1,
        best.0 * 100.0
    );
    Ok(())
}
