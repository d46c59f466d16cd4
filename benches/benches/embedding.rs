//! The whole path, text to vector, in every precision, on one thread and on two.
//!
//! `RAGCORE_TEST_MODEL=FOLDER cargo bench -p ragcore-benches --bench embedding`; with
//! `RAGCORE_BENCH_DATA=FOLDER` (BEIR layout) the texts are real ones. Rates are tokens a second
//! by the wall, so the machine must be idle; `benches/embedding` compares with other engines.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rag_core::Progress;
use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions, Precision};
use ragcore_benches::collection::Result;
use ragcore_benches::texts::Workloads;
use std::path::PathBuf;
use std::time::Duration;

const SEED: u64 = 7;
const MOST_TOKENS: usize = 256;

fn folder(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from)
}

fn model_folder(criterion: &mut Criterion) {
    let Some(model) = folder("RAGCORE_TEST_MODEL") else {
        println!("skipped: RAGCORE_TEST_MODEL names no model folder");
        return;
    };
    let open = |precision, threads| {
        let options = EmbedderOptions::default()
            .precision(precision)
            .threads(Some(threads))
            .max_tokens(Some(MOST_TOKENS));
        Embedder::open(&model, &options)
    };
    let first = open(Precision::F32, 1).expect("the folder holds a model");
    let texts = match folder("RAGCORE_BENCH_DATA") {
        Some(data) => Workloads::of(&data, &first, SEED).expect("the data can be read"),
        None => Workloads::made_up(SEED),
    };
    for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
        for threads in [1, 2] {
            match open(precision, threads) {
                Ok(embedder) => {
                    let name = format!("{}, {threads} thread(s)", precision.name());
                    whole_path(criterion, &name, &embedder, &texts).expect("texts are embedded");
                }
                Err(error) => println!("skipped: {error}"),
            }
        }
    }
}

fn built_in(criterion: &mut Criterion) {
    let options = EmbedderOptions::default().threads(Some(1));
    let embedder = Embedder::built_in(&options).expect("every build carries it");
    let texts = Workloads::made_up(SEED);
    whole_path(criterion, "built-in, 1 thread(s)", &embedder, &texts).expect("texts are embedded");
}

fn whole_path(
    criterion: &mut Criterion,
    name: &str,
    embedder: &Embedder,
    texts: &Workloads,
) -> Result<()> {
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    for (workload, texts) in [
        ("one query", &texts.query),
        ("passages", &texts.passages),
        ("short texts", &texts.short),
    ] {
        let mut tokens = 0;
        for text in texts {
            tokens += embedder.count_tokens(text)?.min(embedder.max_tokens());
        }
        group.throughput(Throughput::Elements(tokens as u64));
        group.bench_with_input(BenchmarkId::from_parameter(workload), texts, |b, texts| {
            b.iter(|| embedder.encode(texts, &EncodeOptions::default(), Progress::none()))
        });
    }
    group.finish();
    Ok(())
}

criterion_group!(benches, model_folder, built_in);
criterion_main!(benches);
