//! The cases of `conformance/lexical.json` and `conformance/terms.json`, and what must hold
//! between calls: shards, updates, filters, bounds.

use proptest::prelude::*;
use rag_core::options::OptionValue;
use rag_core::retrieval::lexical::{LexicalHits, LexicalIndex, LexicalOptions, LexicalRows};
use rag_core::text::{Analyzer, Language};
use rag_core::{Error, Result};
use serde_json::Value;

fn cases(name: &str) -> Vec<Value> {
    let path = format!("{}/../conformance/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the case file is there");
    let file: Value = serde_json::from_str(&text).expect("the case file is JSON");
    file["cases"].as_array().expect("cases").clone()
}

fn option(value: &Value) -> OptionValue {
    match value {
        Value::String(s) if s == "nan" => f64::NAN.into(),
        Value::String(s) => s.as_str().into(),
        Value::Bool(b) => (*b).into(),
        Value::Number(n) => n
            .as_u64()
            .map_or_else(|| n.as_f64().unwrap().into(), Into::into),
        other => panic!("no option has the value {other}"),
    }
}

fn options(case: &Value) -> Result<LexicalOptions> {
    let mut options = LexicalOptions::default();
    for (name, value) in case["options"].as_object().unwrap() {
        options.set(name, &option(value))?;
    }
    Ok(options)
}

fn keys(value: &Value) -> Vec<u64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_u64().unwrap())
        .collect()
}

fn texts(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_str().unwrap())
        .collect()
}

fn run(case: &Value) -> Result<(usize, Vec<LexicalHits>)> {
    let inputs = &case["inputs"];
    let mut index = LexicalIndex::new(&options(case)?)?;
    index.add(&keys(&inputs["keys"]), &texts(&inputs["texts"]))?;
    index.remove(&keys(&inputs["remove"]))?;
    index.add(&keys(&inputs["add_keys"]), &texts(&inputs["add_texts"]))?;
    let filter = inputs.get("filter").map(keys);
    let k = inputs["k"].as_u64().unwrap() as usize;
    let hits = index.search(&texts(&inputs["queries"]), k, filter.as_deref())?;
    Ok((index.len(), hits))
}

#[test]
fn lexical_cases() {
    for case in cases("lexical") {
        let name = &case["name"];
        let outcome = run(&case);
        if let Some(kind) = case["error"].as_str() {
            assert_eq!(
                outcome.map_err(|e: Error| e.kind().name()).unwrap_err(),
                kind,
                "{name}"
            );
            continue;
        }
        let (len, hits) = outcome.unwrap_or_else(|e| panic!("{name}: {e}"));
        let want = &case["want"];
        assert_eq!(len as u64, want["len"].as_u64().unwrap(), "{name}");
        assert_eq!(hits.len(), want["keys"].as_array().unwrap().len(), "{name}");
        let tolerance = case["tolerance"].as_f64().unwrap();
        for (q, got) in hits.iter().enumerate() {
            assert_eq!(got.keys, keys(&want["keys"][q]), "{name}, query {q}");
            for (score, want) in got.scores.iter().zip(want["scores"][q].as_array().unwrap()) {
                let want = want.as_f64().unwrap();
                assert!(
                    (f64::from(*score) - want).abs() <= tolerance,
                    "{name}: {score} {want}"
                );
            }
        }
    }
}

#[test]
fn terms_cases() {
    for case in cases("terms") {
        let language = Language::parse("language", case["options"]["language"].as_str().unwrap());
        let got = Analyzer::new(language.unwrap()).terms(case["inputs"]["text"].as_str().unwrap());
        assert_eq!(got, texts(&case["want"]["terms"]), "{}", case["name"]);
    }
}

fn document() -> impl Strategy<Value = String> {
    prop::collection::vec("[a-f]{1,2}", 0..12).prop_map(|words| words.join(" "))
}

fn plain() -> LexicalOptions {
    LexicalOptions::default().language(Language::None)
}

fn bits(hits: &[(u32, f32)]) -> Vec<(u32, u32)> {
    hits.iter().map(|hit| (hit.0, hit.1.to_bits())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn shards_with_merged_statistics_give_the_bits_of_one_index(
        docs in prop::collection::vec(document(), 0..40), query in document(), k in 1usize..8,
    ) {
        let mut one = LexicalRows::new(&plain()).unwrap();
        let mut shards: Vec<_> = (0..3).map(|_| LexicalRows::new(&plain()).unwrap()).collect();
        for (row, text) in docs.iter().enumerate() {
            one.insert(row as u32, text).unwrap();
            shards[row * 7 % 3].insert(row as u32, text).unwrap();
        }
        let mut all = shards[0].statistics(&query);
        for shard in &shards[1..] {
            all.merge(&shard.statistics(&query)).unwrap();
        }
        prop_assert_eq!(&all, &one.statistics(&query));
        let mut merged = Vec::new();
        for shard in &shards {
            merged.extend(shard.search_with(&all, k, None).unwrap());
        }
        merged.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        merged.truncate(k);
        prop_assert_eq!(bits(&merged), bits(&one.search(&query, k, None).unwrap()));
    }

    #[test]
    fn updates_leave_what_a_fresh_index_of_the_rest_would_have(
        docs in prop::collection::vec(document(), 1..30),
        steps in prop::collection::vec((0u32..12, any::<bool>(), 0usize..30), 0..60),
        query in document(),
    ) {
        let mut live = LexicalRows::new(&plain()).unwrap();
        let mut held = std::collections::BTreeMap::new();
        for (row, insert, text) in steps {
            let text = &docs[text % docs.len()];
            if insert {
                prop_assert_eq!(live.insert(row, text).is_ok(), !held.contains_key(&row));
                held.entry(row).or_insert(text);
            } else {
                prop_assert_eq!(live.remove(row), held.remove(&row).is_some());
            }
        }
        let mut fresh = LexicalRows::new(&plain()).unwrap();
        for (&row, text) in held.iter().rev() {
            fresh.insert(row, text).unwrap();
        }
        prop_assert_eq!(live.len(), held.len());
        prop_assert_eq!(live.statistics(&query), fresh.statistics(&query));
        let hits = fresh.search(&query, 20, None).unwrap();
        prop_assert_eq!(bits(&live.search(&query, 20, None).unwrap()), bits(&hits));
        let even = |row: u32| row.is_multiple_of(2);
        let some: Vec<_> = hits.iter().copied().filter(|hit| even(hit.0)).take(3).collect();
        prop_assert_eq!(bits(&live.search(&query, 3, Some(&even)).unwrap()), bits(&some));
        let bound = live.upper_bound(&query);
        for (row, score) in hits {
            prop_assert!(score > 0.0 && score <= bound);
            prop_assert_eq!(live.score(&query, row).to_bits(), score.to_bits());
            let parts = live.explain(&query, row).unwrap();
            let sum = parts.iter().fold(0.0, |sum, part| sum + f64::from(part.score));
            prop_assert_eq!((sum as f32).to_bits(), score.to_bits());
        }
    }
}

#[test]
fn many_removals_number_the_slots_anew_and_change_nothing() {
    let mut live = LexicalRows::new(&plain()).unwrap();
    let mut fresh = LexicalRows::new(&plain()).unwrap();
    let text = |row: u32| format!("w{} w{} common", row % 17, row % 5);
    for row in 0..5000 {
        live.insert(row, &text(row)).unwrap();
    }
    live.search("common", 5, None).unwrap();
    for row in 0..4900 {
        assert!(live.remove(row));
    }
    for row in 4900..5000 {
        fresh.insert(row, &text(row)).unwrap();
    }
    for query in ["common", "w3 w4", "w16 nothing"] {
        let want = fresh.search(query, 50, None).unwrap();
        assert_eq!(bits(&live.search(query, 50, None).unwrap()), bits(&want));
    }
    live.insert(0, "w3").unwrap();
    assert!(
        live.search("w3", 100, None)
            .unwrap()
            .iter()
            .any(|hit| hit.0 == 0)
    );
}

#[test]
fn large_rows_and_large_queries_cost_what_they_hold() {
    let mut rows = LexicalRows::new(&LexicalOptions::default()).unwrap();
    rows.insert(u32::MAX, "needle").unwrap();
    rows.insert(0, &"hay ".repeat(100_000)).unwrap();
    assert_eq!(rows.search("needle", 1, None).unwrap()[0].0, u32::MAX);
    let repeated = "needle ".repeat(1_000_000);
    let once = rows.score("needle", u32::MAX);
    assert!((rows.score(&repeated, u32::MAX) / once / 1e6 - 1.0).abs() < 1e-5);
    let many: String = (0..10_000).map(|i| format!("w{i} ")).collect();
    assert!(rows.search(&many, 10, None).unwrap().is_empty());
    assert_eq!(rows.upper_bound(&many), 0.0);
    assert_eq!(
        rows.explain("needle", 5).unwrap_err().kind().name(),
        "not_found"
    );
}

#[test]
fn foreign_statistics_are_refused_or_harmless() {
    let mut rows = LexicalRows::new(&plain()).unwrap();
    rows.insert(1, "cat cat").unwrap();
    let mut statistics = rows.statistics("cat");
    assert!(statistics.merge(&rows.statistics("dog")).is_err());
    statistics.terms[0].documents = 0;
    assert!(rows.search_with(&statistics, 5, None).unwrap().is_empty());
    statistics.terms[0].documents = 2;
    assert!(rows.search_with(&statistics, 5, None).is_err());
}

#[test]
fn many_threads_search_one_index() {
    let mut rows = LexicalRows::new(&plain()).unwrap();
    for row in 0..500 {
        rows.insert(row, &format!("w{} w{}", row % 7, row % 11))
            .unwrap();
    }
    let want = bits(&rows.search("w3 w5", 10, None).unwrap());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(bits(&rows.search("w3 w5", 10, None).unwrap()), want);
                }
            });
        }
    });
}
