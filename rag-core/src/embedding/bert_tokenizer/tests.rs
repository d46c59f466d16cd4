//! Against `tokenizers`, string by string: hostile ones from a seeded generator, and real ones.
//!
//! The default run reads 20,000 hostile strings; all 100,000 and the collections of
//! `../shared/data` (or of the folder in `RAGCORE_TEST_DATA`) are read by
//! `cargo test --release -p rag-core --lib bert_tokenizer -- --include-ignored --nocapture`.

use super::*;
use crate::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokenizers::Tokenizer;

/// Settings in the order clean, Chinese, strip, lowercase; and the mark of continuing pieces.
const SETTINGS: [(bool, bool, Option<bool>, bool, &str); 7] = [
    (true, true, None, true, "##"),
    (true, true, None, false, "##"),
    (true, true, Some(false), true, "##"),
    (true, false, Some(true), false, "@@"),
    (false, true, None, true, "##"),
    (false, false, Some(false), false, ""),
    (true, true, None, true, "z"),
];

/// Characters that have gone wrong somewhere: case, width, order of marks, invisibility.
const ODD: &str = "\0\u{1}\u{b}\u{c}\u{1b}\u{1f}\u{7f}\u{80}\u{85}\u{9f}\u{a0}\u{ad}\u{1680}\u{2000}\
    \u{2003}\u{2028}\u{2029}\u{202e}\u{202f}\u{205f}\u{2060}\u{2066}\u{3000}\u{180e}\u{200b}\u{200c}\
    \u{200d}\u{200e}\u{feff}\u{fe0f}\u{fffc}\u{fffd}\u{fffe}\u{ffff}\u{e000}\u{10ffff}\u{1ffff}\
    İIıiſßẞΣςσΌΆ\u{390}ﬁﬀÅÅΩΩǄǅǆŉǰẛ\u{1e9b}\u{323}\u{301}\u{307}\u{308}\u{327}\u{345}\u{344}\u{f73}\u{34f}\
    \u{302e}\u{302f}\u{16ff0}\u{1d165}\u{1d16d}\u{1d15e}\u{903}\u{93c}\u{958}\u{488}\u{20dd}\u{e31}\
    가각힣ᄀ\u{1161}\u{11a8}中文字日本語丐\u{3400}\u{4dbf}\u{9fff}\u{a000}\u{20000}\u{2b820}\u{2b920}\u{f900}\u{fa0e}\
    \u{2f800}あアー々〆〇ⅷ①½²№℃™©®€£¥§¶†‡•…–—―‘’“”«»‹›¿¡·`´^~¨¯|¦\u{1f600}\u{1f1e9}\u{1f3fd}❤";

/// Text that looks like a special token, and some that is one.
const SPECIAL: [&str; 20] = [
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "[UNK]",
    "[PAD]",
    "[cls]",
    "[ SEP ]",
    "[[SEP]]",
    "[SEP",
    "SEP]",
    "[MASK][MASK]",
    " [MASK] ",
    "[CL\u{301}S]",
    "[CLS\u{301}]",
    "[SEP]\u{301}",
    "\u{a0}[PAD]\u{3000}",
    "##ing",
    "[",
    "]",
    "[[[[CLS]]",
];

fn words_of_the_docs() -> Vec<&'static str> {
    [
        include_str!("../../../../README.md"),
        include_str!("../../../../ARCHITECTURE.md"),
        include_str!("../../../../docs/search.md"),
        include_str!("../wordpiece.rs"),
    ]
    .into_iter()
    .flat_map(str::lines)
    .flat_map(str::split_whitespace)
    .collect()
}

/// Pieces of all kinds of characters, so that hostile words are found as well as missed.
fn vocabulary(prefix: &str) -> BTreeMap<String, u32> {
    let mut all: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "unk"]
        .map(str::to_owned)
        .into();
    let mut add = |piece: &str| {
        all.push(piece.to_owned());
        all.push(format!("{prefix}{piece}"));
    };
    for (i, word) in words_of_the_docs().into_iter().enumerate() {
        let word: Vec<char> = word.chars().filter(|c| c.is_alphanumeric()).collect();
        let length = 1 + i % 5;
        for part in word.chunks(length.max(1)) {
            let part: String = part.iter().collect();
            add(&part);
            add(&part.to_lowercase());
        }
    }
    for c in ODD.chars().chain((0x20..0x3000).filter_map(char::from_u32)) {
        if u32::from(c) % 3 != 0 {
            add(&c.to_string());
            add(&c.to_lowercase().to_string());
        }
    }
    let mut ids = BTreeMap::new();
    for piece in all {
        let id = ids.len() as u32;
        ids.entry(piece).or_insert(id);
    }
    ids
}

fn file(setting: usize) -> Value {
    let (clean, chinese, strip, lowercase, prefix) = SETTINGS[setting];
    let vocabulary = vocabulary(prefix);
    let added: Vec<Value> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        .iter()
        .map(|token| {
            json!({"id": vocabulary[*token], "content": token, "special": true,
                "single_word": false, "lstrip": *token == "[MASK]", "rstrip": setting % 2 == 1,
                "normalized": false})
        })
        .collect();
    let (cls, sep) = (vocabulary["[CLS]"], vocabulary["[SEP]"]);
    let processor = match setting {
        0 | 4 => json!({"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": setting / 4}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [cls, cls], "tokens": ["[CLS]", "[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [sep], "tokens": ["[SEP]"]}}}),
        1 => Value::Null,
        _ => json!({"type": "BertProcessing", "sep": ["[SEP]", sep], "cls": ["[CLS]", cls]}),
    };
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": clean, "handle_chinese_chars": chinese,
            "strip_accents": strip, "lowercase": lowercase},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": processor,
        "decoder": {"type": "WordPiece", "prefix": prefix, "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": if setting == 3 { "unk" } else { "[UNK]" },
            "continuing_subword_prefix": prefix, "max_input_chars_per_word": 100 - setting,
            "vocab": vocabulary},
    })
}

struct Pair(BertTokenizer, Tokenizer);

impl Pair {
    fn of(json: &[u8]) -> Self {
        let own = BertTokenizer::read(json).expect("a file of BERT's kind");
        let mut other = Tokenizer::from_bytes(json).unwrap();
        other.with_padding(None).with_truncation(None).unwrap();
        Self(own, other)
    }

    fn compare(&self, text: &str) {
        let want = self.1.encode_fast(text, true).unwrap();
        let room = usize::MAX / 2;
        let (ids, types, truncated) = self.0.tokens(text, room);
        assert_eq!(ids, want.get_ids(), "{text:?}");
        assert_eq!(types, want.get_type_ids(), "{text:?}");
        assert!(!truncated);
        let own = ids.len() - self.0.special();
        assert_eq!(self.0.count(text), own, "{text:?}");
        // Cut anywhere, it is the beginning of the whole.
        let room = own / 2;
        let (cut, types, truncated) = self.0.tokens(text, room);
        assert_eq!(truncated, own > room, "{text:?}");
        assert_eq!(types.len(), cut.len());
        let [before, after] = [self.0.before.len(), self.0.after.len()];
        assert_eq!(cut[..before + room], ids[..before + room], "{text:?}");
        assert_eq!(cut[before + room..], ids[ids.len() - after..], "{text:?}");
    }
}

/// A string of fragments that have each gone wrong somewhere.
fn hostile(rng: &mut Rng, words: &[&str]) -> String {
    let odd: Vec<char> = ODD.chars().collect();
    let mut text = String::new();
    for _ in 0..rng.below(14) {
        match rng.below(16) {
            0..=3 => text.push_str(words[rng.below(words.len())]),
            4 => text.push_str(SPECIAL[rng.below(SPECIAL.len())]),
            5 | 6 => text.push(odd[rng.below(odd.len())]),
            7 => (0..rng.below(6)).for_each(|_| text.push(odd[rng.below(odd.len())])),
            // Every block of Unicode, the first plane most.
            8 | 9 => text.extend(char::from_u32(rng.below(0x1_0000) as u32)),
            10 => text.extend(char::from_u32(rng.below(0x11_0000) as u32)),
            11 => {
                let block = rng.below(0x300) as u32 * 0x100;
                let letter = |rng: &mut Rng| char::from_u32(block + rng.below(0x100) as u32);
                (0..8).for_each(|_| text.extend(letter(rng)));
            }
            12 => text.push(char::from(rng.below(128) as u8)),
            13 => {
                let c = ['x', 'é', '中', 'Ω', '\u{301}', '\u{1f600}'][rng.below(6)];
                let count = [3, 94, 95, 97, 99, 100, 101, 256, 257, 1000][rng.below(10)];
                text.extend(std::iter::repeat_n(c, count));
            }
            14 => (0..rng.below(9)).for_each(|_| {
                let marks = [
                    (0x300, 0x70),
                    (0x591, 0x37),
                    (0x900, 0x80),
                    (0x1ab0, 0x50),
                    (0x1d165, 0x40),
                ];
                let (first, count) = marks[rng.below(marks.len())];
                text.extend(char::from_u32(first + rng.below(count) as u32));
            }),
            _ => text.push_str(["", " ", "  ", "\t", "\r\n", ".", "-", "'s ", "_"][rng.below(9)]),
        }
        if rng.below(2) == 0 {
            text.push(' ');
        }
    }
    text
}

fn compare_hostile(seed: u64, strings: usize) {
    let words = words_of_the_docs();
    let share = strings / SETTINGS.len() + 1;
    crate::threads::parallel(2, SETTINGS.len(), &|setting| {
        let pair = Pair::of(file(setting).to_string().as_bytes());
        let mut rng = Rng::new(seed + setting as u64);
        for _ in 0..share {
            pair.compare(&hostile(&mut rng, &words));
        }
    });
}

#[test]
fn hostile_strings_have_the_ids_that_the_reference_gives() {
    compare_hostile(1, 20_000);
}

#[test]
#[ignore = "half a minute; see the head of this file"]
fn a_hundred_thousand_hostile_strings_have_the_ids_that_the_reference_gives() {
    compare_hostile(100, 100_000);
}

#[test]
fn every_character_and_long_texts_have_the_ids_that_the_reference_gives() {
    let pair = Pair::of(file(0).to_string().as_bytes());
    for c in (0..=0x10ffff).filter_map(char::from_u32).step_by(41) {
        pair.compare(&format!("a{c}b {c} c{c}\u{301}[SEP]{c}"));
    }
    let mut rng = Rng::new(5);
    let words = words_of_the_docs();
    for setting in [0, 4] {
        let pair = Pair::of(file(setting).to_string().as_bytes());
        for spaces in [true, false] {
            // Longer than what is searched for special tokens at a time.
            let mut long: String = (0..1000).map(|_| hostile(&mut rng, &words)).collect();
            if !spaces {
                long.retain(|c| c != ' ');
            }
            pair.compare(&long);
        }
    }
}

#[test]
fn real_texts_have_the_ids_that_the_reference_gives() {
    let pair = Pair::of(file(0).to_string().as_bytes());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut read = 0;
    for folder in [
        ".",
        "docs",
        "rag-core/src",
        "rag-core/src/embedding",
        "python/ragcore",
    ] {
        let files = std::fs::read_dir(root.join(folder)).into_iter().flatten();
        for path in files.map(|entry| entry.unwrap().path()) {
            let known = ["md", "rs", "py", "pyi"].map(|e| Some(std::ffi::OsStr::new(e)));
            if known.contains(&path.extension()) {
                let text = std::fs::read_to_string(path).unwrap();
                text.lines().for_each(|line| pair.compare(line));
                pair.compare(&text);
                read += 1;
            }
        }
    }
    assert!(read > 3, "the texts of the repository itself");
}

#[test]
#[ignore = "minutes; see the head of this file"]
fn collections_have_the_ids_that_the_reference_gives() {
    let model =
        std::env::var_os("RAGCORE_TEST_MODEL").map(|m| PathBuf::from(m).join("tokenizer.json"));
    let json = match model {
        Some(path) => std::fs::read(path).unwrap(),
        None => file(0).to_string().into_bytes(),
    };
    let pair = Pair::of(&json);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let root = std::env::var_os("RAGCORE_TEST_DATA").map_or(root, PathBuf::from);
    for name in [
        "scifact/corpus.jsonl",
        "fiqa_pool/corpus.jsonl",
        "scifact/queries.jsonl",
    ] {
        let Ok(lines) = std::fs::read_to_string(root.join(name)) else {
            eprintln!("skipped: {name} is not in {}", root.display());
            continue;
        };
        let lines: Vec<&str> = lines.lines().collect();
        crate::threads::parallel(2, lines.len(), &|i| {
            let record: Value = serde_json::from_str(lines[i]).unwrap();
            for key in ["title", "text"] {
                pair.compare(record[key].as_str().unwrap_or_default());
            }
        });
        eprintln!("{name}: {} records alike", lines.len());
    }
}

#[test]
fn another_kind_of_file_is_left_to_the_general_reader() {
    let taken = |change: &dyn Fn(&mut Value)| {
        let mut json = file(0);
        change(&mut json);
        BertTokenizer::read(json.to_string().as_bytes()).is_some()
    };
    assert!(taken(&|_| ()));
    assert!(taken(&|json| json["added_tokens"] = json!([])));
    let changes: [&dyn Fn(&mut Value); 16] = [
        &|json| json["version"] = json!("2.0"),
        &|json| json["surprise"] = json!(1),
        &|json| json["normalizer"] = json!({"type": "NFC"}),
        &|json| json["normalizer"] = Value::Null,
        &|json| json["pre_tokenizer"] = json!({"type": "Whitespace"}),
        &|json| json["pre_tokenizer"] = Value::Null,
        &|json| {
            json["post_processor"]["single"] =
                json!([{"SpecialToken": {"id": "[CLS]", "type_id": 0}}])
        },
        &|json| {
            json["post_processor"]["single"] = json!([{"Sequence": {"id": "A", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}}]);
        },
        &|json| json["added_tokens"][0]["normalized"] = json!(true),
        &|json| json["added_tokens"][0]["single_word"] = json!(true),
        &|json| json["added_tokens"][0]["content"] = json!("[NEW]"),
        &|json| json["added_tokens"][0]["content"] = json!("[CLS]"),
        &|json| json["model"]["type"] = json!("WordLevel"),
        &|json| json["model"]["unk_token"] = json!("nowhere"),
        &|json| json["model"]["max_input_chars_per_word"] = json!(257),
        &|json| json["model"]["vocab"] = json!({}),
    ];
    for (i, change) in changes.into_iter().enumerate() {
        assert!(!taken(change), "change {i}");
    }
    assert!(BertTokenizer::read(b"").is_none());
    assert!(BertTokenizer::read(b"{\"version\": \"1.0\"}").is_none());
    let twice = file(0)
        .to_string()
        .replace("\"vocab\":{", "\"vocab\":{\"unk\":7,");
    assert!(BertTokenizer::read(twice.as_bytes()).is_none());
}

#[test]
fn what_is_cut_off_is_not_read() {
    let pair = Pair::of(file(0).to_string().as_bytes());
    let long = "a sentence, 中文 and [SEP] so on ".repeat(300_000);
    let started = std::time::Instant::now();
    for _ in 0..1000 {
        assert!(pair.0.tokens(&long, 100).2);
    }
    assert!(
        started.elapsed().as_secs() < 5,
        "ten thousand million bytes were read"
    );
}
