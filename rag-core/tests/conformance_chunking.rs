//! The cases of `conformance/chunking.json`, and what must hold for every text and counter.

use proptest::prelude::*;
use rag_core::chunking::{Chunk, ChunkMode, Chunker, ChunkerOptions};
use rag_core::options::OptionValue;
use rag_core::text::{TokenCounter, code_points, estimate_tokens};
use rag_core::{Matrix, Result};
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

fn visible(text: &str) -> usize {
    text.split_whitespace().count()
}

/// What the case files call the counter "words": runs of characters that are not white space.
fn run(case: &Value) -> Result<Vec<usize>> {
    let mut options = ChunkerOptions::default();
    for (name, value) in case["options"].as_object().unwrap() {
        let value: OptionValue = match value {
            Value::String(s) => s.as_str().into(),
            other => other
                .as_u64()
                .map_or_else(|| other.as_f64().unwrap().into(), Into::into),
        };
        options.set(name, &value)?;
    }
    let text = case["inputs"]["text"].as_str().unwrap();
    let chunks = match case["inputs"]["counter"].as_str().unwrap() {
        "words" => Chunker::new(&options)?.split(text, &visible)?,
        "characters" => Chunker::new(&options)?.split(text, &|t: &str| t.chars().count())?,
        other => panic!("no counter is called {other}"),
    };
    let mut offsets = Vec::new();
    for chunk in chunks {
        offsets.push(code_points(text, &[chunk.start, chunk.end])?);
    }
    Ok(offsets.concat())
}

#[test]
fn chunking_cases() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/chunking.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for case in file["cases"].as_array().unwrap() {
        let (name, outcome) = (&case["name"], run(case));
        if let Some(kind) = case["error"].as_str() {
            assert_eq!(outcome.unwrap_err().kind().name(), kind, "{name}");
            continue;
        }
        let got = outcome.unwrap_or_else(|e| panic!("{name}: {e}"));
        let want = &case["want"];
        let starts: Vec<_> = got.iter().step_by(2).copied().map(Value::from).collect();
        let ends: Vec<_> = got
            .iter()
            .skip(1)
            .step_by(2)
            .copied()
            .map(Value::from)
            .collect();
        assert_eq!(&Value::from(starts), &want["starts"], "{name}");
        assert_eq!(&Value::from(ends), &want["ends"], "{name}");
    }
}

const MODES: [ChunkMode; 3] = [ChunkMode::Sentence, ChunkMode::Markdown, ChunkMode::Tokens];

/// Everything that `Chunker` promises.
fn check(text: &str, options: &ChunkerOptions, counter: &dyn TokenCounter, chunks: &[Chunk]) {
    let (mut covered, mut start) = (0, None);
    for chunk in chunks {
        let inside = &text[chunk.start..chunk.end];
        assert!(!inside.trim().is_empty());
        assert!(
            Some(chunk.start) > start && chunk.end > covered,
            "{chunks:?}"
        );
        assert!(options.overlap > 0 || chunk.start >= covered, "{chunks:?}");
        assert!(chunk.start <= covered || text[covered..chunk.start].trim().is_empty());
        if options.mode != ChunkMode::Markdown {
            assert_eq!(inside.trim(), inside);
        }
        assert!(
            counter.count(inside) <= options.max_tokens || inside.trim().chars().count() == 1,
            "{inside:?} of {text:?}"
        );
        (covered, start) = (chunk.end, Some(chunk.start));
    }
    assert!(text[covered..].trim().is_empty());
}

fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-Z]{1,9}",
        "[ \\n.!?]{1,3}",
        Just("\r\n".to_owned()),
        Just("\n\n".to_owned()),
        Just("👩\u{200d}👩\u{200d}👧🇩🇪".to_owned()),
        Just("e\u{301}\u{323}".to_owned()),
        Just("# Title\n".to_owned()),
        Just("\n```rust\n  let x;\n".to_owned()),
        Just("\n```\n".to_owned()),
        Just("\n- item one\n  more\n".to_owned()),
        Just("| a | b |\n".to_owned()),
        Just("\n===\n".to_owned()),
        Just("\n1. x\n".to_owned()),
        Just("東京。".to_owned()),
        "\\PC{1,4}",
        Just("\u{2028}\u{85}\t".to_owned()),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Counters whose counts add up, count white space, or grow faster than the text.
fn counters() -> Vec<Box<dyn TokenCounter>> {
    vec![
        Box::new(visible),
        Box::new(estimate_tokens),
        Box::new(|t: &str| t.len()),
        Box::new(|t: &str| t.chars().count() / 4),
        Box::new(|t: &str| t.len() * t.len() / 16),
        Box::new(|t: &str| estimate_tokens(t) + 2),
        Box::new(|_: &str| 0),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn promises_hold(text in texts(), max in 1usize..20, overlap in 0usize..8, mode in 0usize..3) {
        let options = ChunkerOptions::default().max_tokens(max).overlap(overlap.min(max - 1))
            .mode(MODES[mode]);
        for counter in counters() {
            let chunks = Chunker::new(&options).unwrap().split(&text, &*counter).unwrap();
            check(&text, &options, &*counter, &chunks);
        }
    }
}

#[test]
fn long_texts_of_one_kind_take_time_in_proportion() {
    let started = Instant::now();
    for unit in [
        "a",
        "é",
        "\n",
        " ",
        "a. ",
        "# h\n",
        "- x\n",
        "| a |\n",
        "```\n",
        "👩\u{200d}",
        "🇩",
        "e\u{301}",
        "\u{301}",
        "東",
        "word ",
        "--\n",
        "a\n===\n",
        ".",
        "x\r\n\r\n",
    ] {
        let text = unit.repeat((1 << 18) / unit.len());
        for mode in MODES {
            let options = ChunkerOptions::default().overlap(20).mode(mode);
            let chunks = Chunker::new(&options)
                .unwrap()
                .split(&text, &estimate_tokens)
                .unwrap();
            check(&text, &options, &estimate_tokens, &chunks);
        }
        let options = semantic().overlap(20);
        let chunker = Chunker::new(&options).unwrap();
        for counter in [&estimate_tokens as &dyn TokenCounter, &|_: &str| 0] {
            let chunks = chunker.split_with(&text, counter, &any_direction).unwrap();
            check(&text, &options, counter, &chunks);
        }
    }
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "took {:?}",
        started.elapsed()
    );
}

#[test]
fn markdown_keeps_headings_with_text_and_code_together() {
    let text = "# One\n\n## Sub\n\nFirst paragraph here.\n\n```\nfn main() {\n\n    body();\n}\n```\n\n\
                Title\n=====\nlast words here\n";
    let options = ChunkerOptions::default()
        .mode(ChunkMode::Markdown)
        .max_tokens(8);
    let chunks = Chunker::new(&options)
        .unwrap()
        .split(text, &visible)
        .unwrap();
    let got: Vec<_> = chunks.iter().map(|c| &text[c.start..c.end]).collect();
    assert_eq!(
        got,
        [
            "# One\n\n## Sub\n\nFirst paragraph here.",
            "```\nfn main() {\n\n    body();\n}\n```",
            "Title\n=====\nlast words here",
        ]
    );
}

fn semantic() -> ChunkerOptions {
    ChunkerOptions::default().mode(ChunkMode::Semantic)
}

/// A direction for each text, by its bytes.
fn any_direction(texts: &[&str]) -> Result<Matrix> {
    let one = |text: &&str| {
        let hash = rag_core::rng::stable_hash("", text);
        [0, 16, 32].map(|shift| (hash >> shift & 0xffff) as f32 - 32_768.0)
    };
    Matrix::from_vec(texts.iter().flat_map(one).collect(), 3)
}

/// One of two directions, by the first letter.
fn subject(texts: &[&str]) -> Result<Matrix> {
    let one = |text: &&str| match text.starts_with('A') {
        true => [1.0, 0.1],
        false => [0.1, 1.0],
    };
    Matrix::from_vec(texts.iter().flat_map(one).collect(), 2)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn promises_hold_by_subjects(text in texts(), max in 1usize..40, overlap in 0usize..8) {
        let options = semantic().max_tokens(max).overlap(overlap.min(max - 1));
        let chunker = Chunker::new(&options).unwrap();
        for counter in counters() {
            for vectors in [any_direction, subject] {
                let chunks = chunker.split_with(&text, &*counter, &vectors).unwrap();
                check(&text, &options, &*counter, &chunks);
                let again = chunker.split_with(&text, &*counter, &vectors).unwrap();
                assert_eq!(chunks, again);
            }
        }
    }
}

#[test]
fn cuts_are_where_the_subject_changes() {
    let about = |letter: char, n: usize| {
        (0..n)
            .map(|i| format!("{letter} sentence of eleven words is number {i} of this long text. "))
            .collect::<String>()
    };
    let text = [about('A', 4), about('B', 5), about('A', 3)].concat();
    let chunks = Chunker::new(&semantic())
        .unwrap()
        .split_with(&text, &visible, &subject)
        .unwrap();
    let begins: Vec<_> = chunks.iter().map(|c| &text[c.start..c.start + 1]).collect();
    assert_eq!(begins, ["A", "B", "A"]);
    // A bound cuts what is of one subject: twelve sentences, two of which fit.
    let short = Chunker::new(&semantic().max_tokens(26)).unwrap();
    let chunks = short.split_with(&text, &visible, &subject).unwrap();
    assert_eq!(chunks.len(), 6);
    // Where nothing changes there is nothing to cut.
    let all = about('B', 15);
    let chunks = Chunker::new(&semantic())
        .unwrap()
        .split_with(&all, &visible, &subject)
        .unwrap();
    assert_eq!(chunks.len(), 1);
}

#[test]
fn what_counts_as_nothing_is_counted_once() {
    let text = "A sentence of which nothing counts. ".repeat(2_000);
    let read = AtomicUsize::new(0);
    let counter = |piece: &str| {
        read.fetch_add(piece.len(), Relaxed);
        0
    };
    let chunker = Chunker::new(&semantic()).unwrap();
    chunker.split_with(&text, &counter, &subject).unwrap();
    let read = read.into_inner();
    assert!(read < 4 * text.len(), "{read} of {}", text.len());
}

#[test]
fn what_vectors_do_wrong_is_told() {
    let chunker = Chunker::new(&semantic()).unwrap();
    let text = "One sentence of some words stands here at first. Another one with as many words follows it.";
    let refused = |vectors: &dyn Fn(&[&str]) -> Result<Matrix>| {
        chunker.split_with(text, &visible, vectors).unwrap_err()
    };
    let error = chunker.split(text, &visible).unwrap_err();
    assert_eq!(error.kind().name(), "unsupported");
    assert!(error.message().contains("give an embedder"), "{error}");
    let error = refused(&|_| Matrix::from_vec(vec![1.0; 6], 2));
    assert!(
        error.message().contains("3 vectors came for 2 sentences"),
        "{error}"
    );
    let error = refused(&|_| Matrix::from_vec(vec![1.0, f32::NAN], 1));
    assert!(error.message().contains("finite"), "{error}");
    let error = refused(&|_| Err(rag_core::Error::invalid("the model is down")));
    assert_eq!(error.message(), "the model is down");
    assert!(
        chunker
            .split_with("  \n", &visible, &|_| Err(rag_core::Error::invalid(
                "asked"
            )))
            .unwrap()
            .is_empty()
    );
    // A vector of zeros has no direction, and is no error.
    let zeros = |texts: &[&str]| Matrix::from_vec(vec![0.0; 2 * texts.len()], 2);
    assert!(
        !chunker
            .split_with(text, &visible, &zeros)
            .unwrap()
            .is_empty()
    );
}
