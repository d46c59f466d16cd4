//! Vectors of a real model folder, ours against candle's.
//!
//! `RAGCORE_TEST_MODEL` names the folder (all-MiniLM-L6-v2); without it the tests print that they
//! are skipped.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use rag_core::Progress;
use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions, Precision};
use std::path::PathBuf;
use tokenizers::Tokenizer;

type Any<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The largest difference between unit vectors that rounding in another order may make.
const TOLERANCE: f32 = 1e-5;

fn folder(test: &str) -> Option<PathBuf> {
    let named = std::env::var_os("RAGCORE_TEST_MODEL").map(PathBuf::from);
    if named.is_none() {
        println!("skipped: {test} (RAGCORE_TEST_MODEL names no model folder)");
    }
    named
}

/// Mean-pooled unit vectors by candle, one text at a time, cut to `max_tokens`.
fn by_candle(folder: &std::path::Path, texts: &[String], max_tokens: usize) -> Any<Vec<Vec<f32>>> {
    let config: Config = serde_json::from_slice(&std::fs::read(folder.join("config.json"))?)?;
    let weights = std::fs::read(folder.join("model.safetensors"))?;
    let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
    let model = BertModel::load(weights, &config)?;
    let mut tokenizer = Tokenizer::from_file(folder.join("tokenizer.json"))?;
    tokenizer.with_padding(None).with_truncation(None)?;
    let mut vectors = Vec::new();
    for text in texts {
        let encoding = tokenizer.encode(text.as_str(), true)?;
        let mut ids = encoding.get_ids().to_vec();
        if ids.len() > max_tokens {
            let last = *ids.last().expect("a separator");
            ids.truncate(max_tokens - 1);
            ids.push(last);
        }
        let ids = Tensor::new(&ids[..], &Device::Cpu)?.unsqueeze(0)?;
        let hidden = model.forward(&ids, &ids.zeros_like()?, None)?;
        let mean: Vec<f32> = hidden.mean(1)?.squeeze(0)?.to_vec1()?;
        let norm = mean.iter().map(|x| x * x).sum::<f32>().sqrt();
        vectors.push(mean.into_iter().map(|x| x / norm).collect());
    }
    Ok(vectors)
}

fn texts() -> Vec<String> {
    let story = "The ferry left before dawn, and nobody on the quay had slept. ";
    let mut texts: Vec<String> = [
        "",
        " ",
        "a",
        "What does vitamin D do for bone density?",
        "HELLO, World!!! 1,000.50 e-mail: someone@example.org",
        "naïve café, Übergrößenträger, São Tomé; e\u{301}cole",
        "日本語のテキストと中文混在 and English",
        "Привет, мир. Γειά σου Κόσμε. שלום עולם",
        "🙂🚀 emoji \u{200d} joiners \u{0} null \u{fffd} and\ttabs\r\nlines",
        "[CLS] [SEP] [MASK] written out",
        "pneumonoultramicroscopicsilicovolcanoconiosis-antidisestablishmentarianism",
    ]
    .map(String::from)
    .to_vec();
    texts.push("x".repeat(150));
    texts.push("word ".repeat(253));
    texts.push("word ".repeat(254));
    texts.push("word ".repeat(255));
    texts.push(story.repeat(5));
    texts.push(story.repeat(40));
    texts.push("日本".repeat(300));
    texts.push(story.repeat(8) + "日本語");
    texts
}

#[test]
fn vectors_equal_candles() -> Any<()> {
    let Some(folder) = folder("vectors_equal_candles") else {
        return Ok(());
    };
    let embedder = Embedder::open(
        &folder,
        &EmbedderOptions::default().precision(Precision::F32),
    )?;
    let texts = texts();
    let ours = embedder.encode(&texts, &EncodeOptions::default(), Progress::none())?;
    let theirs = by_candle(&folder, &texts, embedder.max_tokens())?;
    let mut worst = 0.0f32;
    for ((text, ours), theirs) in texts.iter().zip(ours.rows().iter()).zip(&theirs) {
        for (a, b) in ours.iter().zip(theirs) {
            worst = worst.max((a - b).abs());
            let shown: String = text.chars().take(40).collect();
            assert!((a - b).abs() <= TOLERANCE, "{shown:?}: {a} for {b}");
        }
    }
    println!("largest difference {worst:e}");
    Ok(())
}

#[test]
fn the_folders_own_cut_is_the_sentence_transformers_one() -> Any<()> {
    let Some(folder) = folder("the_folders_own_cut_is_the_sentence_transformers_one") else {
        return Ok(());
    };
    let embedder = Embedder::open(
        &folder,
        &EmbedderOptions::default().precision(Precision::F32),
    )?;
    // tokenizer.json says 128 and pads to it; sentence_bert_config.json says 256 and is right.
    assert_eq!((embedder.dim(), embedder.max_tokens()), (384, 256));
    assert_eq!(embedder.count_tokens("")?, 2);
    assert_eq!(embedder.count_tokens(&"word ".repeat(400))?, 402);
    Ok(())
}
