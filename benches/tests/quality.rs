//! What search must be worth on judged sets: the graph loses nothing that matters, and hybrid search
//! is never far below the better of its sides.
//!
//! The sets are those of `../shared/data`, or of the folder in `RAGCORE_TEST_DATA`; without them the
//! tests print that they were skipped. The built-in model embeds in the default run; a real one, in
//! minutes, with `RAGCORE_TEST_MODEL=FOLDER cargo test --release -p ragcore-benches --test quality
//! -- --include-ignored --nocapture`.

use rag_core::collection::{Batch, Collection, Mode, Query, SearchOptions};
use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions, Precision, TextKind};
use rag_core::evaluation::{EvaluateOptions, Interval, Run, evaluate};
use rag_core::{Matrix, Progress};
use ragcore_benches::collection::Collection as Judged;
use std::path::PathBuf;

const SETS: [&str; 4] = ["scifact", "fiqa_pool", "cosqa", "cranfield"];
/// Enough for the vectors of passages, and soon embedded.
const MOST_TOKENS: usize = 128;

/// The sets, or a line that says why the test is not run.
fn sets(test: &str) -> Option<Vec<Judged>> {
    let named = std::env::var_os("RAGCORE_TEST_DATA").map(PathBuf::from);
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder = named.unwrap_or_else(|| beside.into());
    if SETS.iter().any(|set| !folder.join(set).is_dir()) {
        println!("skipped: {test} ({} has no judged sets)", folder.display());
        return None;
    }
    let sets = SETS.iter().map(|set| Judged::read(&folder.join(set)));
    Some(sets.map(|set| set.expect("the set can be read")).collect())
}

fn built_in() -> Embedder {
    Embedder::built_in(&EmbedderOptions::default()).expect("every build carries it")
}

fn real(test: &str) -> Option<Embedder> {
    let Some(folder) = std::env::var_os("RAGCORE_TEST_MODEL") else {
        println!("skipped: {test} (RAGCORE_TEST_MODEL names no model folder)");
        return None;
    };
    let options = EmbedderOptions::default()
        .precision(Precision::Int8)
        .max_tokens(Some(MOST_TOKENS));
    Some(Embedder::open(folder, &options).expect("the folder holds a model"))
}

/// A set, its documents' names in a collection, and the vectors of its queries.
struct Part<'a> {
    judged: &'a Judged,
    vectors: Matrix,
}

fn parts<'a>(sets: &'a [Judged], embedder: &Embedder) -> Vec<Part<'a>> {
    let options = EncodeOptions::default().kind(TextKind::Query);
    let part = |judged: &'a Judged| {
        let texts: Vec<&str> = judged.queries.iter().map(|(_, t)| &t[..]).collect();
        let vectors = embedder.encode(&texts, &options, Progress::none());
        Part {
            judged,
            vectors: vectors.expect("queries are embedded"),
        }
    };
    sets.iter().map(part).collect()
}

/// One collection of some of the sets; a document's id is its set, a slash and its own.
fn filled(sets: &[Judged], embedder: &Embedder) -> Collection {
    let collection = Collection::in_memory(Some(embedder.clone()), None).expect("it is opened");
    for (number, set) in sets.iter().enumerate() {
        let ids: Vec<String> = set.ids.iter().map(|id| format!("{number}/{id}")).collect();
        for (ids, texts) in ids.chunks(2048).zip(set.texts.chunks(2048)) {
            let batch = Batch::new(ids).texts(texts);
            collection.add(batch).expect("documents are added");
        }
    }
    collection
}

/// nDCG@10 of the queries of set `number` in a collection of one set or several.
fn ndcg(collection: &Collection, part: &Part<'_>, number: usize, options: &SearchOptions) -> f64 {
    let queries = part
        .judged
        .queries
        .iter()
        .enumerate()
        .map(|(i, (_, text))| {
            let query = Query::text(text.as_str()).with_vector(part.vectors.row(i));
            query.options(options.clone().k(11))
        });
    let queries: Vec<Query> = queries.collect();
    let found = collection
        .search_many(&queries)
        .expect("queries are answered");
    let (mut run, own) = (Run::new(), format!("{number}/"));
    for ((id, _), hits) in part.judged.queries.iter().zip(&found) {
        let ids = hits
            .iter()
            .map(|hit| hit.id.strip_prefix(&*own).unwrap_or(&hit.id));
        run.add(&**id, ids).expect("no query comes twice");
    }
    let options = EvaluateOptions::default()
        .ignore_identical_ids(true)
        .interval(Interval::T);
    let measured = evaluate(&run, &part.judged.qrels, &["ndcg@10"], &options);
    let measured = measured.expect("runs and judgements fit");
    measured.estimate("ndcg@10").expect("it was measured").value
}

fn dense_equals_exact(test: &str, embedder: Option<Embedder>) {
    let (Some(sets), Some(embedder)) = (sets(test), embedder) else {
        return;
    };
    let (collection, parts) = (filled(&sets, &embedder), parts(&sets, &embedder));
    assert!(collection.len().expect("it is open") >= 10_000);
    let dense = SearchOptions::default().mode(Mode::Dense);
    for (number, part) in parts.iter().enumerate() {
        let found = ndcg(&collection, part, number, &dense);
        let truth = ndcg(&collection, part, number, &dense.clone().exact(true));
        println!("{}: dense {found:.4}, exact {truth:.4}", SETS[number]);
        assert!(
            (found - truth).abs() <= 0.01 * truth,
            "{}: dense search reaches {found}, exact search {truth}",
            SETS[number]
        );
    }
}

fn hybrid_is_not_far_below(test: &str, embedder: Option<Embedder>) {
    let (Some(sets), Some(embedder)) = (sets(test), embedder) else {
        return;
    };
    let (mut gains, hybrid) = (Vec::new(), SearchOptions::default());
    for (part, name) in parts(&sets, &embedder).iter().zip(SETS) {
        let collection = filled(std::slice::from_ref(part.judged), &embedder);
        let of = |mode| ndcg(&collection, part, 0, &hybrid.clone().mode(mode));
        let (fused, dense, lexical) = (of(Mode::Hybrid), of(Mode::Dense), of(Mode::Lexical));
        let gain = fused / dense.max(lexical) - 1.0;
        println!("{name}: hybrid {fused:.4}, dense {dense:.4}, lexical {lexical:.4}, {gain:+.3}");
        assert!(
            gain >= -0.03,
            "{name}: hybrid search is {gain:+.3} of the better side"
        );
        gains.push(gain);
    }
    let mean = gains.iter().sum::<f64>() / gains.len() as f64;
    assert!(
        mean > 0.0,
        "hybrid search is {mean:+.3} of the better side in the mean"
    );
}

#[test]
fn dense_search_equals_exact_search() {
    dense_equals_exact("dense_search_equals_exact_search", Some(built_in()));
}

#[test]
fn hybrid_search_is_never_far_below_a_single_mode() {
    let test = "hybrid_search_is_never_far_below_a_single_mode";
    hybrid_is_not_far_below(test, Some(built_in()));
}

#[test]
#[ignore = "embeds 27,000 documents: minutes"]
fn dense_search_equals_exact_search_with_a_real_model() {
    let test = "dense_search_equals_exact_search_with_a_real_model";
    dense_equals_exact(test, real(test));
}

#[test]
#[ignore = "embeds 27,000 documents: minutes"]
fn hybrid_search_is_never_far_below_a_single_mode_with_a_real_model() {
    let test = "hybrid_search_is_never_far_below_a_single_mode_with_a_real_model";
    hybrid_is_not_far_below(test, real(test));
}
