//! The embedding engine on tiny random models: against a forward pass in f64, against itself in
//! other company, and against folders that lie.
//!
//! The same engine is compared with candle on a real model in the crate `reference`.

mod tiny_bert;

use rag_core::collection::{Batch, Collection};
use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions, Precision, TextKind};
use rag_core::{ErrorKind, Progress, Rng};
use serde_json::json;
use tiny_bert::{Tiny, WORDS, open, pool, tokenizer, with_header};

fn raw() -> EncodeOptions {
    EncodeOptions::default().normalize(false)
}

fn encode(embedder: &Embedder, texts: &[&str]) -> Vec<Vec<f32>> {
    let rows = embedder.encode(texts, &raw(), Progress::none()).unwrap();
    rows.rows().iter().map(<[f32]>::to_vec).collect()
}

/// Texts of known tokens, and their ids with the special ones.
fn sentence(rng: &mut Rng, words: usize) -> (String, Vec<u32>) {
    let ids: Vec<u32> = (0..words)
        .map(|_| [4, 5, 6, 7, 8, 9, 12, 19][rng.below(8)])
        .collect();
    let text: Vec<&str> = ids.iter().map(|id| WORDS[*id as usize]).collect();
    (text.join(" "), [&[2], &ids[..], &[3]].concat())
}

#[test]
fn vectors_equal_a_forward_pass_in_f64() {
    let mut rng = Rng::new(1);
    for (seed, (hidden, heads, wide, layers)) in [
        (32, 2, 48, 2),
        (24, 3, 7, 1),
        (48, 1, 96, 3),
        (20, 5, 33, 2),
    ]
    .into_iter()
    .enumerate()
    {
        for mode in ["mean_tokens", "cls_token", "max_tokens", "lasttoken"] {
            let model = Tiny::random(seed as u64, hidden, heads, wide, layers).pooling(mode);
            let folder = model.write(&format!("forward-{seed}-{mode}"));
            let embedder = open(&folder.0).unwrap();
            for words in [0, 1, 2, 7, 21, 22, 23, 40] {
                let (text, mut ids) = sentence(&mut rng, words);
                // 24 positions: longer texts keep 22 words between the special tokens.
                if ids.len() > 24 {
                    ids.truncate(23);
                    ids.push(3);
                }
                let want = pool(mode, &model.hidden(&ids));
                let got = &encode(&embedder, &[&text])[0];
                for (got, want) in got.iter().zip(&want) {
                    let error = (f64::from(*got) - want).abs();
                    assert!(
                        error < 2e-5,
                        "{hidden}/{heads} {mode} {words}: {got} for {want}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_vector_depends_on_its_text_alone() {
    let mut rng = Rng::new(2);
    let folder = Tiny::random(7, 32, 4, 64, 2).write("alone");
    let one = Embedder::open(&folder.0, &EmbedderOptions::default().threads(Some(1))).unwrap();
    let many = Embedder::open(&folder.0, &EmbedderOptions::default().threads(Some(5))).unwrap();
    let texts: Vec<String> = (0..200).map(|i| sentence(&mut rng, i % 23).0).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let together = encode(&one, &texts);
    assert_eq!(together, encode(&many, &texts), "threads");
    let mut order: Vec<usize> = (0..texts.len()).collect();
    rng.shuffle(&mut order);
    let shuffled: Vec<&str> = order.iter().map(|i| texts[*i]).collect();
    for (row, i) in encode(&many, &shuffled).iter().zip(&order) {
        assert_eq!(*row, together[*i], "order");
    }
    for (text, row) in texts.iter().zip(&together) {
        assert_eq!(encode(&one, &[text])[0], *row, "company");
    }
    assert!(encode(&one, &[]).is_empty());
    let (clone, copy) = (many.clone(), many.fingerprint());
    assert_eq!(clone.fingerprint(), copy);
}

#[test]
fn callers_that_share_passes_get_the_vectors_they_get_alone() {
    let mut rng = Rng::new(12);
    let folder = Tiny::random(9, 32, 4, 64, 2).write("callers");
    let alone = Embedder::open(&folder.0, &EmbedderOptions::default().threads(Some(1))).unwrap();
    let texts: Vec<String> = (0..64).map(|i| sentence(&mut rng, i % 23).0).collect();
    let want: Vec<_> = texts.iter().map(|t| encode(&alone, &[t])).collect();
    for (max_wait_ms, max_batch) in [(0, None), (2, None), (0, Some(1)), (1, Some(40))] {
        let options = EmbedderOptions::default()
            .threads(Some(2))
            .max_wait_ms(max_wait_ms)
            .max_batch(max_batch);
        let shared = Embedder::open(&folder.0, &options).unwrap();
        assert_eq!(shared.fingerprint(), alone.fingerprint());
        std::thread::scope(|scope| {
            for (text, want) in texts.iter().zip(&want) {
                let shared = shared.clone();
                scope.spawn(move || {
                    for _ in 0..20 {
                        assert_eq!(encode(&shared, &[text]), *want);
                    }
                });
            }
        });
    }
}

#[test]
fn texts_that_are_cut_are_counted() {
    let folder = Tiny::random(8, 16, 2, 16, 1).write("counted");
    let count = |max: Option<usize>, texts: &[&str]| {
        let options = EmbedderOptions::default().max_tokens(max);
        let embedder = Embedder::open(&folder.0, &options).unwrap();
        let encoded = embedder.encode_counted(texts, &raw(), Progress::none());
        encoded.unwrap().truncated
    };
    let long = "cat ".repeat(23);
    assert_eq!(count(None, &["cat", &long, "", &long[..87], &long]), 2);
    assert_eq!(
        count(Some(3), &["cat", "cat cat", "cat \u{200b} ", "cats"]),
        2
    );
    // A window of a long call is no border for the count.
    assert_eq!(count(Some(3), &["cat on"; 3000]), 3000);
    assert_eq!(count(Some(3), &[]), 0);
    let built_in = Embedder::built_in(&EmbedderOptions::default()).unwrap();
    let encoded = built_in.encode_counted(&[long.repeat(99)], &raw(), Progress::none());
    assert_eq!(encoded.unwrap().truncated, 0);
}

#[test]
fn long_texts_are_cut_as_if_they_had_been_read_whole() {
    let mut rng = Rng::new(3);
    let folder = Tiny::random(8, 16, 2, 16, 1).write("long");
    let embedder = open(&folder.0).unwrap();
    assert_eq!(embedder.max_tokens(), 24);
    let unknown = "x".repeat(3000);
    let long = "the cats sat, on! ".repeat(60_000);
    let started = std::time::Instant::now();
    for text in [
        "the cats sat, on! ",
        "日本",
        "日本 . ",
        "[CLS] cat[SEP]",
        "e\u{301} cat ",
        &format!("{unknown} cat "),
        "cat\u{a0}\u{2003}",
        "catcatcat",
    ] {
        for _ in 0..3 {
            let beginning = sentence(&mut rng, 3).0;
            let short = format!("{beginning} {}", text.repeat(40));
            let more = format!(
                "{beginning} {}",
                text.repeat(4000.min(400_000 / text.len()))
            );
            // Cut by words that cannot be part of what was kept, the short text has all of it.
            assert_eq!(
                encode(&embedder, &[&more]),
                encode(&embedder, &[&short]),
                "{text:.20}"
            );
        }
    }
    let quick = std::time::Instant::now();
    encode(&embedder, &[long.as_str(); 50]);
    let each = quick.elapsed() / 50;
    let whole = std::time::Instant::now();
    assert_eq!(embedder.count_tokens(&long).unwrap(), 60_000 * 7 + 2);
    assert!(
        each * 5 < whole.elapsed(),
        "{each:?} a text of 1 MB; all in {:?}",
        started.elapsed()
    );
}

#[test]
fn tokens_are_counted_whole_and_with_the_special_ones() {
    let folder = Tiny::random(9, 16, 2, 16, 1).write("count");
    let options = EmbedderOptions::default()
        .max_tokens(Some(6))
        .precision(Precision::F32);
    let embedder = Embedder::open(&folder.0, &options).unwrap();
    assert_eq!(embedder.count_tokens("").unwrap(), 2);
    assert_eq!(embedder.count_tokens("The cats!").unwrap(), 6);
    assert_eq!(embedder.count_tokens("the cat sat on the mat").unwrap(), 8);
    let rows = encode(
        &embedder,
        &["the cat sat on the mat", "the cat sat on", "the cat sat"],
    );
    assert_eq!(rows[0], rows[1]);
    assert_ne!(rows[0], rows[2]);
    assert_eq!(embedder.precision(), Precision::F32);
    assert!(embedder.name().starts_with("ragcore-count"));
}

#[test]
fn prompts_and_unit_length_follow_folder_and_caller() {
    let mut model = Tiny::random(10, 16, 2, 16, 1).pooling("mean_tokens");
    let prompts = json!({"prompts": {"query": "search ", "corpus": "a ", "other": "dog "}});
    model
        .settings
        .insert("config_sentence_transformers.json".into(), prompts);
    let folder = model.write("prompts");
    let embedder = open(&folder.0).unwrap();
    let as_query = raw().kind(TextKind::Query);
    let query = embedder
        .encode(&["cat"], &as_query, Progress::none())
        .unwrap();
    let document = encode(&embedder, &["cat"]);

    let plain = Tiny {
        settings: Default::default(),
        ..model.clone()
    }
    .write("prompts-plain");
    let plain = open(&plain.0).unwrap();
    assert_eq!(
        encode(&plain, &["search cat", "a cat"]),
        [query.row(0).to_vec(), document[0].clone()]
    );
    assert_ne!(
        plain.fingerprint(),
        embedder.fingerprint(),
        "prompts decide vectors"
    );

    let norm = |row: &[f32]| {
        row.iter()
            .map(|x| f64::from(*x).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    assert!((norm(&document[0]) - 1.0).abs() > 0.1);
    let unit = embedder
        .encode(&["cat"], &EncodeOptions::default(), Progress::none())
        .unwrap();
    assert!((norm(unit.row(0)) - 1.0).abs() < 1e-6);

    let modules = model
        .settings
        .get_mut("modules.json")
        .unwrap()
        .as_array_mut()
        .unwrap();
    modules.push(json!({"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}));
    let always = model.write("prompts-unit");
    assert!((norm(&encode(&open(&always.0).unwrap(), &["cat"])[0]) - 1.0).abs() < 1e-6);

    let default = json!({"prompts": {"other": "dog "}, "default_prompt_name": "other"});
    model
        .settings
        .insert("config_sentence_transformers.json".into(), default);
    model.settings.remove("modules.json");
    let fallback = model.write("prompts-default");
    assert_eq!(
        encode(&open(&fallback.0).unwrap(), &["cat"]),
        encode(&plain, &["dog cat"])
    );
}

#[test]
fn progress_is_told_and_can_stop() {
    let folder = Tiny::random(11, 16, 2, 16, 1).write("progress");
    let embedder = open(&folder.0).unwrap();
    let texts = vec!["the cat sat on the mat"; 5000];
    let mut seen = Vec::new();
    let mut watch = |done, total| {
        seen.push((done, total));
        true
    };
    embedder
        .encode(&texts, &raw(), Progress::new(&mut watch))
        .unwrap();
    assert!(
        seen.len() > 2 && seen.is_sorted() && seen.last() == Some(&(5000, 5000)),
        "{seen:?}"
    );
    let mut stop = |done, _| done < 100;
    let error = embedder
        .encode(&texts, &raw(), Progress::new(&mut stop))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}

#[test]
fn weights_may_carry_a_prefix_and_be_of_half_width() {
    let mut model = Tiny::random(12, 16, 2, 16, 1);
    for (_, floats) in model.tensors.values_mut() {
        // What bf16 holds exactly.
        floats
            .iter_mut()
            .for_each(|x| *x = f32::from_bits(x.to_bits() & 0xffff_0000));
    }
    let want = encode(&open(&model.write("plain").0).unwrap(), &["the cat"]);
    let bf16 = Tiny {
        dtype: "BF16",
        ..model.clone()
    }
    .write("bf16");
    assert_eq!(encode(&open(&bf16.0).unwrap(), &["the cat"]), want);
    let prefixed = model
        .tensors
        .iter()
        .map(|(k, v)| (format!("bert.{k}"), v.clone()));
    let mut prefixed = Tiny {
        tensors: prefixed.collect(),
        ..model.clone()
    };
    prefixed.tensors.insert(
        "bert.embeddings.position_ids".into(),
        (vec![1, 3], vec![0.0; 3]),
    );
    prefixed
        .tensors
        .insert("cls.predictions.bias".into(), (vec![2], vec![0.0; 2]));
    assert_eq!(
        encode(&open(&prefixed.write("prefix").0).unwrap(), &["the cat"]),
        want
    );
}

#[test]
fn fingerprints_tell_models_and_settings_apart() {
    let model = Tiny::random(13, 16, 2, 16, 1);
    let mut seen = std::collections::HashSet::new();
    let folder = model.write("print-a");
    assert!(seen.insert(open(&folder.0).unwrap().fingerprint()));
    let cut = Embedder::open(&folder.0, &EmbedderOptions::default().max_tokens(Some(9)));
    assert!(seen.insert(cut.unwrap().fingerprint()), "the cut");
    let threads = Embedder::open(&folder.0, &EmbedderOptions::default().threads(Some(3)));
    assert!(
        !seen.insert(threads.unwrap().fingerprint()),
        "threads decide nothing"
    );
    assert!(
        !seen.insert(open(&model.write("print-b").0).unwrap().fingerprint()),
        "nor names"
    );
    let mut other = model.clone();
    other.tensors.values_mut().next().unwrap().1[0] += 1.0;
    assert!(seen.insert(open(&other.write("print-c").0).unwrap().fingerprint()));
    let mut other = model.clone();
    other.config["num_attention_heads"] = json!(4);
    assert!(seen.insert(open(&other.write("print-d").0).unwrap().fingerprint()));
    let pooled = model.clone().pooling("cls_token").write("print-e");
    assert!(seen.insert(open(&pooled.0).unwrap().fingerprint()));
    let mut words = WORDS.to_vec();
    words.swap(5, 6);
    let other = Tiny {
        tokenizer: tokenizer(&words),
        ..model
    };
    assert!(seen.insert(open(&other.write("print-f").0).unwrap().fingerprint()));
}

/// Opens a changed folder; answers the error's kind and sentence.
fn refusal(name: &str, change: impl FnOnce(&mut Tiny)) -> (ErrorKind, String) {
    let mut model = Tiny::random(14, 16, 2, 16, 1);
    change(&mut model);
    let error = open(&model.write(name).0).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn settings_that_cannot_be_run_are_refused_by_name() {
    let setting = |name: &str, file: &str, value| {
        refusal(name, |m| {
            m.settings.insert(file.into(), value);
        })
    };
    let config =
        |name: &str, key: &str, value: serde_json::Value| refusal(name, |m| m.config[key] = value);
    for ((kind, message), (want, words)) in [
        (
            config("kind", "model_type", json!("t5")),
            (ErrorKind::Unsupported, "\"t5\"; \"bert\""),
        ),
        (
            config("act", "hidden_act", json!("mish")),
            (ErrorKind::Unsupported, "\"mish\""),
        ),
        (
            config("place", "position_embedding_type", json!("relative_key")),
            (ErrorKind::Unsupported, "relative_key"),
        ),
        (
            config("heads", "num_attention_heads", json!(3)),
            (ErrorKind::InvalidArgument, "multiple"),
        ),
        (
            config("zero", "num_hidden_layers", json!(0)),
            (ErrorKind::InvalidArgument, "1..=1024"),
        ),
        (
            config("huge", "vocab_size", json!(1u64 << 60)),
            (ErrorKind::InvalidArgument, "vocab_size"),
        ),
        (
            config("eps", "layer_norm_eps", json!(0.0)),
            (ErrorKind::InvalidArgument, "layer_norm_eps"),
        ),
        (
            config("text", "hidden_size", json!("x")),
            (ErrorKind::InvalidArgument, "config.json"),
        ),
        (
            refusal("sqrt", |m| *m = m.clone().pooling("mean_sqrt_len_tokens")),
            (ErrorKind::Unsupported, "mean_sqrt_len_tokens"),
        ),
        (
            refusal("both", |m| {
                *m = m.clone().pooling("mean_tokens");
                m.settings.get_mut("1_Pooling/config.json").unwrap()["pooling_mode_cls_token"] =
                    json!(true);
            }),
            (ErrorKind::Unsupported, "cls_token, mean_tokens"),
        ),
        (
            setting(
                "dense",
                "modules.json",
                json!([{"path": "", "type": "a.Transformer"}, {"path": "d", "type": "a.Dense"}]),
            ),
            (ErrorKind::Unsupported, "\"Dense\""),
        ),
        (
            setting(
                "out",
                "modules.json",
                json!([{"path": "../..", "type": "a.Transformer"}]),
            ),
            (ErrorKind::InvalidArgument, "leads out"),
        ),
        (
            setting(
                "prompt",
                "config_sentence_transformers.json",
                json!({"default_prompt_name": "x"}),
            ),
            (ErrorKind::InvalidArgument, "no prompt"),
        ),
        (
            refusal("words", |m| {
                let more: Vec<String> = (0..30).map(|i| format!("w{i}")).collect();
                let words: Vec<&str> = WORDS
                    .iter()
                    .copied()
                    .chain(more.iter().map(String::as_str))
                    .collect();
                m.tokenizer = tokenizer(&words);
            }),
            (
                ErrorKind::InvalidArgument,
                "knows 50 tokens, the model's embedding table 20",
            ),
        ),
        (
            refusal("json", |m| m.tokenizer = json!({"model": 3})),
            (ErrorKind::InvalidArgument, "tokenizer.json"),
        ),
        (
            refusal("shape", |m| m.config["intermediate_size"] = json!(17)),
            (
                ErrorKind::InvalidArgument,
                "16 by 16, config.json asks for 16 by 17",
            ),
        ),
        (
            refusal("lost", |m| {
                m.tensors.remove("encoder.layer.0.output.dense.bias");
            }),
            (
                ErrorKind::InvalidArgument,
                "encoder.layer.0.output.dense.bias",
            ),
        ),
        (
            refusal("wide", |m| m.dtype = "F64"),
            (ErrorKind::Unsupported, "f32, f16 and bf16"),
        ),
        (
            refusal("nan", |m| {
                m.tensors.values_mut().next().unwrap().1[5] = f32::NAN
            }),
            (ErrorKind::InvalidArgument, "NaN at 5"),
        ),
    ] {
        assert_eq!(kind, want, "{message}");
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn missing_files_are_named() {
    let model = Tiny::random(15, 16, 2, 16, 1);
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let folder = model.write("missing");
        std::fs::remove_file(folder.0.join(file)).unwrap();
        let error = open(&folder.0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.to_string().contains(file), "{error}");
    }
    let folder = model.write("missing");
    std::fs::remove_file(folder.0.join("model.safetensors")).unwrap();
    folder.write("pytorch_model.bin", b"");
    assert_eq!(open(&folder.0).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(
        open("no/such/folder".as_ref()).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let file = folder.0.join("config.json");
    assert_eq!(open(&file).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

/// Opens a folder whose file has these bytes instead; answers the error's kind and sentence.
fn refusal_of(
    folder: &tiny_bert::Folder,
    file: &str,
    bytes: impl AsRef<[u8]>,
) -> (ErrorKind, String) {
    folder.write(file, bytes);
    let error = open(&folder.0).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn a_folder_that_lacks_files_is_told_what_to_do() {
    let empty = tiny_bert::Folder::new("empty");
    let error = open(&empty.0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let said = error.to_string();
    let name = empty.0.file_name().unwrap().to_str().unwrap();
    assert!(said.contains(&format!(
        "{name} lacks config.json, tokenizer.json, model.safetensors;"
    )));
    assert!(
        said.ends_with("it is empty; download the model into it"),
        "{said}"
    );

    let outer = tiny_bert::Folder::new("outer");
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        outer.write(&format!("snapshot/{file}"), b"{}");
    }
    let said = open(&outer.0).unwrap_err().to_string();
    assert!(said.ends_with("snapshot the one that is meant?"), "{said}");

    let model = Tiny::random(15, 16, 2, 16, 1);
    let folder = model.write("elsewhere");
    let stages = json!([{"path": "0_Transformer", "type": "models.Transformer"}]);
    let (kind, said) = refusal_of(&folder, "modules.json", stages.to_string());
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(said.contains("0_Transformer lacks config.json"), "{said}");
    assert!(said.contains("there is no such folder"), "{said}");
}

#[test]
fn a_mark_in_front_of_utf8_changes_nothing() {
    let mut model = Tiny::random(15, 16, 2, 16, 1).pooling("cls_token");
    let settings = [
        ("sentence_bert_config.json", json!({"max_seq_length": 9})),
        ("tokenizer_config.json", json!({"model_max_length": 8})),
        (
            "config_sentence_transformers.json",
            json!({"prompts": {"query": "the "}}),
        ),
    ];
    for (file, value) in settings {
        model.settings.insert(file.into(), value);
    }
    let (plain, marked) = (model.write("unmarked"), model.write("marked"));
    let parts = ["config.json", "tokenizer.json"].map(str::to_owned);
    for file in parts.iter().chain(model.settings.keys()) {
        let bytes = std::fs::read(marked.0.join(file)).unwrap();
        marked.write(file, [b"\xef\xbb\xbf", &bytes[..]].concat());
    }
    let (plain, marked) = (open(&plain.0).unwrap(), open(&marked.0).unwrap());
    assert_eq!(plain.max_tokens(), 9);
    assert_eq!(marked.max_tokens(), 9);
    assert_eq!(plain.fingerprint(), marked.fingerprint());
    assert_eq!(
        encode(&plain, &["the cat sat"]),
        encode(&marked, &["the cat sat"])
    );
}

#[test]
fn what_stands_in_the_place_of_a_file_is_named() {
    let model = Tiny::random(15, 16, 2, 16, 1);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 90868376\n";
    let page = "<!DOCTYPE html><html>please log in</html>";
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let folder = model.write("stand-in");
        let (_, said) = refusal_of(&folder, file, pointer);
        assert!(
            said.contains(file) && said.contains("run git lfs pull"),
            "{said}"
        );
        let (_, said) = refusal_of(&folder, file, page);
        assert!(
            said.contains(file) && said.contains("is a web page"),
            "{said}"
        );
        let (_, said) = refusal_of(&folder, file, "");
        assert!(said.contains("download it again"), "{said}");
        std::fs::remove_file(folder.0.join(file)).unwrap();
        std::fs::create_dir(folder.0.join(file)).unwrap();
        let error = open(&folder.0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().ends_with("is a folder, expected a file"));
    }
    let folder = model.write("stand-in");
    let wide: Vec<u8> = "\u{feff}{}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let (_, said) = refusal_of(&folder, "config.json", wide);
    assert!(
        said.ends_with("is UTF-16, expected UTF-8; save it as UTF-8"),
        "{said}"
    );
    let (_, said) = refusal_of(&folder, "config.json", "{\"model_type\": ");
    assert!(said.contains("it ends too early"), "{said}");
    let (_, said) = refusal_of(&folder, "config.json", "{model_type: 1}");
    assert!(said.contains("not JSON"), "{said}");
}

#[test]
fn settings_of_a_wrong_type_are_named() {
    let model = Tiny::random(15, 16, 2, 16, 1);
    let cases = [
        (
            "sentence_bert_config.json",
            json!({"max_seq_length": "256"}),
            "max_seq_length must be a whole number above 0, got \"256\"",
        ),
        (
            "sentence_bert_config.json",
            json!({"max_seq_length": -1}),
            "max_seq_length must be a whole number above 0, got -1",
        ),
        (
            "sentence_bert_config.json",
            json!({"max_seq_length": 2}),
            "max_tokens must be more than 2, the special tokens of every text, got 2; without",
        ),
        (
            "tokenizer_config.json",
            json!({"model_max_length": [1]}),
            "model_max_length must be a number, got [1]",
        ),
        (
            "tokenizer.json",
            json!({"model": {"type": "Magic"}}),
            "its model is \"Magic\"; one of BPE, WordPiece, WordLevel, Unigram can be read",
        ),
        ("tokenizer.json", json!({}), "it has no \"model\""),
    ];
    for (file, value, want) in cases {
        let folder = model.write("wrong-type");
        let (kind, said) = refusal_of(&folder, file, value.to_string());
        assert_eq!(kind, ErrorKind::InvalidArgument);
        assert!(
            said.contains(file) || file == "sentence_bert_config.json",
            "{said}"
        );
        assert!(said.contains(want), "{said}");
    }
}

#[test]
fn weights_that_overflow_are_no_fault_of_the_text() {
    let mut model = Tiny::random(15, 16, 2, 16, 1);
    for (_, floats) in model.tensors.values_mut() {
        floats.fill(3e38);
    }
    let embedder = open(&model.write("overflow").0).unwrap();
    let error = embedder
        .encode(&["the cat"], &EncodeOptions::default(), Progress::none())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error
            .to_string()
            .contains("overflow in f32; are its weights damaged?")
    );
}

#[test]
fn a_collection_counts_the_texts_that_its_embedder_cuts() {
    let folder = Tiny::random(15, 16, 2, 16, 1).write("counted");
    let options = EmbedderOptions::default().max_tokens(Some(5));
    let embedder = Embedder::open(&folder.0, &options).unwrap();
    let collection = Collection::with_options(None, Some(embedder), &Default::default()).unwrap();
    let texts = ["the cat sat", "the cat sat on", "a dog sat on the mat"];
    let batch = || Batch::new(["a", "b", "c"]).texts(texts);
    let one = |id: &str, i: usize| Batch::new([id]).texts([texts[i]]);
    let none = Progress::none;
    assert_eq!(collection.add_counted(batch(), none()).unwrap(), 2);
    assert!(collection.add_counted(one("a", 1), none()).is_err());
    assert_eq!(collection.upsert_counted(one("b", 1), none()).unwrap(), 1);
    assert_eq!(collection.upsert_counted(one("d", 0), none()).unwrap(), 0);
    let vector = vec![1.0; collection.dim().unwrap().unwrap()];
    let own = one("c", 2).vectors(&vector, vector.len()).unwrap();
    assert_eq!(collection.upsert_counted(own, none()).unwrap(), 0);
    // What was cut for its vector is kept and found as a whole.
    let kept = collection.get(&["b"]).unwrap();
    assert_eq!(kept[0].as_ref().unwrap().text.as_deref(), Some(texts[1]));
}

#[test]
fn damaged_weights_are_refused_wherever_the_damage_is() {
    let model = Tiny::random(16, 16, 2, 16, 1);
    let folder = model.write("damaged");
    let good = model.safetensors();
    let kind_of = |bytes: &[u8]| {
        folder.write("model.safetensors", bytes);
        open(&folder.0).map(|_| ()).map_err(|e| e.kind())
    };
    assert_eq!(kind_of(&good), Ok(()));
    for cut in [0, 1, 7, 8, 9, 500, good.len() / 2, good.len() - 1] {
        assert_eq!(
            kind_of(&good[..cut]),
            Err(ErrorKind::Corrupt),
            "cut at {cut}"
        );
    }
    let longer = [&good[..], &[0]].concat();
    assert_eq!(
        kind_of(&longer),
        Err(ErrorKind::Corrupt),
        "bytes behind the end"
    );
    for length in [u64::MAX, u64::MAX - 7, 1 << 62, 1 << 30, 0, 3] {
        let mut lying = good.clone();
        lying[..8].copy_from_slice(&length.to_le_bytes());
        assert_eq!(
            kind_of(&lying),
            Err(ErrorKind::Corrupt),
            "header of {length}"
        );
    }
    for header in [
        "",
        "{}{}",
        "[]",
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#,
        r#"{"a":{"dtype":"Q9","shape":[1],"data_offsets":[0,4]}}"#,
        r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#,
    ] {
        assert_eq!(
            kind_of(&with_header(header, &[0; 4])),
            Err(ErrorKind::Corrupt),
            "{header}"
        );
    }
    // Bytes changed at random: an answer or an error, never a panic.
    let mut rng = Rng::new(17);
    for _ in 0..300 {
        let mut bytes = good.clone();
        for _ in 0..=rng.below(3) {
            let at = rng.below(3000);
            bytes[at] = rng.next_u64() as u8;
        }
        let _ = kind_of(&bytes);
    }
}

#[test]
fn precisions_agree_as_far_as_they_promise_and_name_what_they_are() {
    let mut rng = Rng::new(31);
    let folder = Tiny::random(31, 64, 4, 128, 2)
        .pooling("mean_tokens")
        .write("precisions");
    let open = |precision| {
        let options = EmbedderOptions::default().precision(precision);
        Embedder::open(&folder.0, &options).unwrap()
    };
    let truth = open(Precision::F32);
    let texts: Vec<String> = (0..60).map(|i| sentence(&mut rng, i % 22).0).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let want = encode(&truth, &texts);
    for (precision, least) in [(Precision::Bf16, 0.9998), (Precision::Int8, 0.998)] {
        let embedder = open(precision);
        assert_eq!(embedder.precision(), precision);
        let rows = encode(&embedder, &texts);
        for (text, (row, want)) in texts.iter().zip(rows.iter().zip(&want)) {
            let product = |a: &[f32], b: &[f32]| rag_core::kernel::dot(a, b).unwrap();
            let cosine = product(row, want) / (product(row, row) * product(want, want)).sqrt();
            assert!(cosine >= least, "{precision:?} {cosine} {text}");
            // Alone as in company, to the bit.
            assert_eq!(encode(&embedder, &[text])[0], *row, "{precision:?} {text}");
        }
        // Brain floats may search what f32 stored; bytes are another space.
        let same = embedder.fingerprint() == truth.fingerprint();
        assert_eq!(same, precision == Precision::Bf16);
    }
    let chosen = open(Precision::Auto).precision();
    assert!(matches!(chosen, Precision::F32 | Precision::Bf16));
}

#[test]
fn options_outside_what_the_model_does_are_refused() {
    let folder = Tiny::random(18, 16, 2, 16, 1).write("options");
    let open = |o: EmbedderOptions| Embedder::open(&folder.0, &o).unwrap_err();
    let base = EmbedderOptions::default;
    for max_tokens in [0, 2, 25] {
        let error = open(base().max_tokens(Some(max_tokens)));
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    assert_eq!(
        open(base().threads(Some(0))).kind(),
        ErrorKind::InvalidArgument
    );
    assert!(
        Embedder::open(
            &folder.0,
            &base().precision(Precision::F32).max_tokens(Some(3))
        )
        .is_ok()
    );
}
