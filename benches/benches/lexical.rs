//! Lexical search by criterion: adding, searching, scoring chosen rows.
//!
//! `cargo bench -p ragcore-benches --bench lexical`. Texts are made up by a law like that of real
//! ones: few words are in most texts, most words in few. Rates are by the wall, so the machine
//! must be idle; the program `lexical` measures processor time on real texts.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rag_core::Rng;
use rag_core::retrieval::lexical::{LexicalOptions, LexicalRows};
use rag_core::text::Language;
use std::hint::black_box;

const DOCUMENTS: usize = 20_000;
const VOCABULARY: f64 = 30_000.0;

fn text(rng: &mut Rng, words: usize) -> String {
    let word = |rng: &mut Rng| format!("w{}", VOCABULARY.powf(rng.uniform()) as u64);
    (0..words).map(|_| word(rng)).collect::<Vec<_>>().join(" ")
}

fn filled(documents: &[String]) -> LexicalRows {
    let options = LexicalOptions::default().language(Language::None);
    let mut rows = LexicalRows::new(&options).expect("the options are in range");
    for (row, text) in documents.iter().enumerate() {
        rows.insert(row as u32, text).expect("no row comes twice");
    }
    rows
}

fn lexical(criterion: &mut Criterion) {
    let mut rng = Rng::new(1);
    let documents: Vec<String> = (0..DOCUMENTS).map(|_| text(&mut rng, 40)).collect();
    let rows = filled(&documents);
    let mut group = criterion.benchmark_group("lexical");
    group.sample_size(10);
    group.throughput(Throughput::Elements(DOCUMENTS as u64));
    group.bench_function("add", |bencher| bencher.iter(|| filled(&documents)));
    group.throughput(Throughput::Elements(1));
    for words in [2, 4, 12] {
        let queries: Vec<String> = (0..100).map(|_| text(&mut rng, words)).collect();
        for k in [10, 100] {
            let name = BenchmarkId::new(format!("search, k = {k}"), words);
            group.bench_function(name, |bencher| {
                let (mut hits, mut at) = (Vec::new(), 0);
                bencher.iter(|| {
                    hits.clear();
                    at = (at + 1) % queries.len();
                    rows.search_into(black_box(&queries[at]), k, None, &mut hits)
                });
            });
        }
    }
    let asked: Vec<u32> = (0..1000).map(|_| rng.below(DOCUMENTS) as u32).collect();
    let (query, mut scores) = (text(&mut rng, 4), vec![0.0; asked.len()]);
    group.bench_function("scores of 1000 rows", |bencher| {
        bencher.iter(|| rows.score_rows(black_box(&query), &asked, &mut scores));
    });
    group.finish();
}

criterion_group!(benches, lexical);
criterion_main!(benches);
