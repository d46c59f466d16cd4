//! The model against a slow truth, and its cutting against the `tokenizers` crate.

use std::collections::HashMap;

use proptest::prelude::*;
use tokenizers::Tokenizer;

use super::*;

/// The reference: the same vocabulary in the `tokenizers` crate, ids being our rows.
fn reference() -> Tokenizer {
    let vocabulary = &StaticModel::built_in().blob.vocabulary;
    let pieces: HashMap<String, u32> = (0..vocabulary.len())
        .map(|row| (vocabulary.written(row), row as u32))
        .collect();
    assert_eq!(pieces.len(), vocabulary.len(), "a piece occurs twice");
    let file = serde_json::json!({
        "version": "1.0",
        "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": null,
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": pieces},
    });
    file.to_string().parse().unwrap()
}

fn ours(text: &str) -> Vec<u32> {
    let mut rows = Vec::new();
    StaticModel::built_in().cut(text, |row| rows.push(row));
    rows
}

fn theirs(reference: &Tokenizer, text: &str) -> Vec<u32> {
    reference.encode(text, false).unwrap().get_ids().to_vec()
}

fn vector(text: &str) -> Vec<f32> {
    let model = StaticModel::built_in();
    let mut out = vec![f32::NAN; model.dim()];
    model.encode_into(text, &mut out).unwrap();
    out
}

#[test]
fn hostile_strings_are_cut_as_the_reference_cuts_them() {
    let reference = reference();
    let long = "x".repeat(100);
    let longer = "é".repeat(101);
    let megabyte = "The quick brown fox, naïve; 東京 ".repeat(30_000);
    let texts = [
        "",
        " ",
        "\0",
        "\r\n\t",
        "a\0b",
        "a\u{b}b\u{c}c\u{1f}d\u{7f}e\u{85}f",
        "Hello, World! It's 3.14 -- don't",
        "foo_bar.baz(qux)[0] += 1;",
        "C++ & C# <b>x</b>",
        "über Ångström naïve Straße ÉCOLE",
        "e\u{301}\u{323}\u{327}clair",
        "\u{301}",
        "a \u{301} b",
        "İstanbul ıI Ǆ ﬁ ﬀ ß ẞ Σίσυφος ΌΣΟΣ",
        "東京は夜の七時です",
        "中a文b",
        "안녕하세요 세계",
        "ภาษาไทย हिन्दी العربية עִבְרִית",
        "👩‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️",
        "\u{200b}zero\u{200d}width\u{feff}",
        "\u{2028}line\u{2029}para\u{a0}nbsp\u{3000}wide\u{1680}x",
        "“quoted” — ‹x› … ¿qué?",
        "\u{fffd}\u{e000}\u{f0000}x\u{10ffff}y",
        "\u{ad}soft\u{ad}hyphen",
        "[CLS] [SEP] [UNK] [PAD] [MASK]",
        "##ing # ## ###a",
        "1,000,000 2³ ½ Ⅷ ①",
        "\u{16ff0}\u{16ff1}\u{302e}\u{302f}가\u{1d165}",
        "\u{1e00}\u{344}\u{f73}\u{2b820}\u{2b920}\u{fa0e}",
        "\u{1c4}\u{1f1}\u{130}\u{212b}\u{2126}",
        "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
        &long,
        &longer,
        &megabyte,
    ];
    for text in texts {
        assert_eq!(ours(text), theirs(&reference, text), "{:?}", text.get(..60));
    }
    // Every character by itself, inside a word, and between spaces.
    for c in (0..=0x10ffff).filter_map(char::from_u32).step_by(7) {
        let text = format!("a{c}b {c} c{c}\u{301}");
        assert_eq!(ours(&text), theirs(&reference, &text), "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_string_is_cut_as_the_reference_cuts_it(text in any_text()) {
        thread_local!(static REFERENCE: Tokenizer = reference());
        REFERENCE.with(|reference| assert_eq!(ours(&text), theirs(reference, &text)));
    }

    #[test]
    fn any_string_has_a_unit_vector(text in any_text()) {
        let squares: f64 = vector(&text).iter().map(|x| f64::from(*x).powi(2)).sum();
        prop_assert!((squares - 1.0).abs() < 1e-5);
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~\\t\\n\\r]{0,80}",
        "[a-zA-Zà-ÿĀ-ſΑ-ωА-я\u{300}-\u{36f}\u{591}-\u{5c7}一-丁가-각 ]{0,40}",
    ]
}

/// What `encode_into` computes, done the slow way in f64.
#[test]
fn a_vector_is_the_normalised_sum_of_its_rows() {
    let model = StaticModel::built_in();
    let half = model.dim() / 2;
    let first = model.blob.multipliers.len() - 1 - model.blob.pairs.len();
    let text =
        "machine learning in New York: the effect of vitamin d on bone density ".repeat(5000);
    let rows = ours(&text);
    let mut all = rows.clone();
    for pair in rows.windows(2) {
        if let Ok(at) = model.blob.pairs.binary_search(&(pair[0] << 16 | pair[1])) {
            all.push((first + at) as u32);
        }
    }
    assert!(all.len() > rows.len());
    let mut sum = vec![0.0f64; model.dim()];
    for row in all {
        let codes = &model.blob.codes[row as usize * half..][..half];
        for (i, code) in codes.iter().enumerate() {
            let weight = f64::from(model.blob.multipliers[row as usize]);
            sum[i] += (f64::from(code & 15) - 8.0) * weight;
            sum[i + half] += (f64::from(code >> 4) - 8.0) * weight;
        }
    }
    let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
    for (got, want) in vector(&text).iter().zip(&sum) {
        assert_eq!(*got, (want / length) as f32);
    }
}

#[test]
fn a_text_without_pieces_has_the_vector_of_the_empty_text() {
    assert_eq!(vector(""), vector(" \t\r\n\0\u{200b}"));
    assert_ne!(vector(""), vector("a"));
    assert_eq!(StaticModel::built_in().count_tokens("\u{200b}"), 0);
}

#[test]
fn a_wrong_length_is_refused() {
    let error = StaticModel::built_in()
        .encode_into("x", &mut [0.0; 3])
        .unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::DimensionMismatch);
}

#[test]
fn the_file_has_its_checksum() {
    let stored = u32::from_le_bytes(FILE[12..16].try_into().unwrap());
    assert_eq!(stored, crc32fast::hash(&FILE[16..]));
}

#[test]
fn a_file_that_is_cut_or_has_a_wrong_header_is_refused() {
    let kind = |change: fn(&mut Vec<u8>)| {
        let mut file = FILE.to_vec();
        change(&mut file);
        StaticModel::read(file.leak()).err().map(|e| e.kind())
    };
    assert_eq!(kind(|_| ()), None);
    for change in [
        |file: &mut Vec<u8>| file[0] ^= 1,
        |file: &mut Vec<u8>| file[24] ^= 1,
        |file: &mut Vec<u8>| file[28] ^= 1,
        |file: &mut Vec<u8>| file[36..40].fill(255),
        |file: &mut Vec<u8>| file.clear(),
        |file: &mut Vec<u8>| file.truncate(40),
        |file: &mut Vec<u8>| file.truncate(1_000_000),
        |file: &mut Vec<u8>| file.truncate(file.len() - 1),
    ] {
        assert_eq!(kind(change), Some(crate::ErrorKind::Corrupt));
    }
    let newer = kind(|file| file[8] = 2);
    assert_eq!(newer, Some(crate::ErrorKind::FormatVersion));
}
