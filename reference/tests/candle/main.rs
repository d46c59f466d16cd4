//! The networks that are computed by candle, on its CPU device: against transformers on the small
//! models of `rag-core/tests/models`, and against our own engine.

mod hostile;
#[path = "../../../rag-core/tests/families/model.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod model;
mod refused;
#[path = "../../../rag-core/tests/tiny_bert/mod.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod tiny_bert;

use model::{Model, encode};
use rag_core::Progress;
use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions, Precision};
use serde_json::{Value, json};
use std::slice::from_ref;

/// What our own engine runs as well.
const KNOWN: [&str; 13] = [
    "bert",
    "bert_gelu_new",
    "bert_relu",
    "bert_silu",
    "roberta",
    "xlm_roberta",
    "camembert",
    "mpnet",
    "distilbert",
    "modernbert",
    "modernbert_layers",
    "nomic",
    "nomic_geglu",
];

/// What only candle runs.
const FOREIGN: [&str; 10] = [
    "t5",
    "t5_gated",
    "qwen2",
    "qwen3",
    "llama",
    "mistral",
    "deberta",
    "deberta_plain",
    "jina",
    "jina_reglu",
];

fn on(device: &str) -> EmbedderOptions {
    EmbedderOptions::default()
        .device(device.to_owned())
        .precision(Precision::F32)
}

fn open(model: &Model, name: &str, options: &EmbedderOptions) -> Embedder {
    Embedder::open(&model.write(name).0, options).unwrap()
}

fn pooled(name: &str, by: &str) -> Model {
    let mut model = Model::read(name);
    model.pooling = match by {
        "mean" => "mean_tokens",
        "cls" => "cls_token",
        "max" => "max_tokens",
        _ => "lasttoken",
    };
    model
}

fn largest_difference(one: &[Vec<f32>], other: &[Vec<f32>]) -> f32 {
    assert_eq!(one.len(), other.len());
    let pairs = (one.iter().flatten()).zip(other.iter().flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn agrees_with_transformers(name: &str, device: &str) {
    for by in ["mean", "cls", "lasttoken", "max"] {
        let model = pooled(name, by);
        // All texts in one padded pass, and in several.
        for budget in [Some(65_536), None, Some(1)] {
            let options = on(device).max_batch(budget);
            let embedder = open(&model, &format!("answers-{name}-{by}"), &options);
            assert_eq!(embedder.max_tokens(), model.data["longest"], "{name}");
            let answers = model.answers(by);
            let texts: Vec<&str> = answers.iter().map(|(text, _)| text.as_str()).collect();
            let got = encode(&embedder, &texts);
            for ((text, want), got) in answers.iter().zip(&got) {
                let error = largest_difference(from_ref(want), from_ref(got));
                assert!(error < 1e-4, "{name} {by} {budget:?} {text:.30}: {error:e}");
            }
        }
    }
}

#[test]
fn families_of_our_engine_answer_as_transformers_does() {
    for name in KNOWN {
        agrees_with_transformers(name, "candle");
    }
}

#[test]
fn other_architectures_answer_as_transformers_does() {
    for name in FOREIGN {
        agrees_with_transformers(name, "cpu");
    }
}

#[test]
fn both_engines_have_one_fingerprint_and_one_space() {
    for name in KNOWN {
        let model = Model::read(name);
        let texts = [
            "the ferry",
            "",
            "what is the shortest way to the small island?",
        ];
        let [own, candle] =
            ["cpu", "candle"].map(|device| open(&model, &format!("both-{name}"), &on(device)));
        assert_eq!(own.fingerprint(), candle.fingerprint(), "{name}");
        assert_eq!(own.max_tokens(), candle.max_tokens());
        let difference = largest_difference(&encode(&own, &texts), &encode(&candle, &texts));
        assert!(difference < 2e-5, "{name}: {difference:e}");
    }
}

#[test]
fn fingerprints_see_what_the_weights_do_not_show() {
    let mut seen = std::collections::HashSet::new();
    let mut unlike = |name: &str, setting: &str, value: Value| {
        let mut model = Model::read(name);
        if !setting.is_empty() {
            model.data["config"][setting] = value;
        }
        let print = open(&model, "print", &on("cpu")).fingerprint();
        assert!(seen.insert(print), "{name} {setting}");
    };
    for name in FOREIGN {
        unlike(name, "", Value::Null);
    }
    unlike("t5", "layer_norm_epsilon", json!(1e-5));
    unlike("t5_gated", "feed_forward_proj", json!("gated-silu"));
    unlike("qwen2", "rope_theta", json!(500));
    unlike("qwen2", "is_causal", json!(false));
    unlike("deberta", "pos_att_type", json!("c2p"));
    unlike("deberta", "max_relative_positions", json!(100));
    unlike("deberta", "hidden_act", json!("relu"));
    unlike("jina", "feed_forward_type", json!("reglu"));
}

#[test]
fn a_text_is_the_same_in_any_company() {
    for name in FOREIGN.iter().chain(&["mpnet", "modernbert"]) {
        let model = Model::read(name);
        let embedder = open(&model, &format!("company-{name}"), &on("candle"));
        let texts: Vec<String> = (model.answers("mean").into_iter())
            .map(|(t, _)| t)
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let together = encode(&embedder, &texts);
        for (text, row) in texts.iter().zip(&together) {
            let alone = encode(&embedder, &[text]);
            let difference = largest_difference(&alone, from_ref(row));
            assert!(difference < 2e-5, "{name} {text:.30}: {difference:e}");
        }
    }
}

#[test]
fn a_text_without_tokens_has_a_vector_of_zeros() {
    for name in FOREIGN {
        let mut model = Model::read(name);
        model.data["tokenizer"]["post_processor"] = Value::Null;
        let embedder = open(&model, "bare", &on("cpu"));
        let rows = encode(&embedder, &["boat", "", "a small boat"]);
        assert_eq!(rows[1], vec![0.0; embedder.dim()], "{name}");
        assert_eq!(
            encode(&embedder, &["", ""]),
            [rows[1].clone(), rows[1].clone()]
        );
    }
}

#[test]
fn many_callers_and_cut_texts_get_their_own_answers() {
    let model = Model::read("t5");
    let embedder = open(&model, "callers", &on("cpu"));
    let answers = model.answers("mean");
    std::thread::scope(|scope| {
        for (text, want) in &answers {
            let embedder = &embedder;
            scope.spawn(move || {
                let got = encode(embedder, &[text]);
                assert!(
                    largest_difference(&got, from_ref(want)) < 1e-4,
                    "{text:.30}"
                );
            });
        }
    });
    let texts: Vec<&str> = answers.iter().map(|(text, _)| text.as_str()).collect();
    let options = EncodeOptions::default();
    let encoded = embedder
        .encode_counted(&texts, &options, Progress::none())
        .unwrap();
    let long = (texts.iter()).filter(|t| embedder.count_tokens(t).unwrap() > embedder.max_tokens());
    assert_eq!(encoded.truncated, long.count());
    assert!(encoded.truncated > 0);
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn brain_floats_keep_directions_and_fingerprint() {
    for name in FOREIGN.iter().chain(&["bert", "modernbert"]) {
        let model = Model::read(name);
        let answers = model.answers("mean");
        let texts: Vec<&str> = answers.iter().map(|(text, _)| text.as_str()).collect();
        let full = open(&model, &format!("full-{name}"), &on("candle"));
        let options = on("candle").precision(Precision::Bf16);
        let brain = open(&model, &format!("brain-{name}"), &options);
        assert_eq!(brain.precision(), Precision::Bf16);
        assert_eq!(brain.fingerprint(), full.fingerprint());
        let rows = encode(&brain, &texts);
        let near = (answers.iter().zip(&rows)).map(|((_, want), got)| cosine(want, got));
        let worst = near.fold(1.0, f32::min);
        println!("{name}: cosine {worst:.5}");
        assert!(worst > 0.999, "{name}: {worst}");
        assert!(
            largest_difference(&rows, &encode(&full, &texts)) > 0.0,
            "{name}"
        );
    }
}

#[test]
fn the_answers_tell_every_choice_of_an_architecture_apart() {
    type Change<'a> = &'a dyn Fn(&mut Model);
    let set = |setting: &'static str, value: Value| {
        move |model: &mut Model| model.data["config"][setting] = value.clone()
    };
    let changes: [(&str, Change<'_>); 11] = [
        ("t5", &|model| {
            model.tensor("relative_attention").2.reverse()
        }),
        ("t5", &set("layer_norm_epsilon", json!(1e-2))),
        ("t5_gated", &set("feed_forward_proj", json!("gated-silu"))),
        ("qwen2", &set("rope_theta", json!(9e5))),
        ("qwen2", &set("is_causal", json!(false))),
        ("qwen3", &set("rms_norm_eps", json!(1e-2))),
        ("qwen3", &|model| model.tensor("k_norm").2.reverse()),
        ("deberta", &set("max_relative_positions", json!(200))),
        ("deberta", &set("pos_att_type", json!("c2p"))),
        ("deberta", &set("norm_rel_ebd", json!("none"))),
        ("jina", &set("feed_forward_type", json!("reglu"))),
    ];
    for (i, (name, change)) in changes.into_iter().enumerate() {
        let mut model = Model::read(name);
        change(&mut model);
        let embedder = open(&model, &format!("other-{i}"), &on("cpu"));
        let answers = model.answers("mean");
        let texts: Vec<&str> = answers.iter().map(|(text, _)| text.as_str()).collect();
        let wanted: Vec<Vec<f32>> = answers.iter().map(|(_, want)| want.clone()).collect();
        let largest = largest_difference(&wanted, &encode(&embedder, &texts));
        assert!(largest > 3e-4, "{name}, change {i}: {largest}");
    }
}

/// A linear layer behind the pooling, worked out by hand.
#[test]
fn dense_stages_follow_the_pooling() {
    for (name, device) in [("t5", "cpu"), ("bert", "cpu"), ("bert", "candle")] {
        let model = Model::read(name);
        let plain = open(&model, "plain", &on(device));
        let folder = model.write("dense");
        let stage = |path: &str, kind: &str| json!({"path": path, "type": format!("sentence_transformers.models.{kind}")});
        let stages = json!([
            stage("", "Transformer"),
            stage("1_Pooling", "Pooling"),
            stage("2_Dense", "Dense"),
            stage("3_Dense", "Dense"),
            stage("4_Normalize", "Normalize")
        ]);
        folder.write("modules.json", stages.to_string());
        let size = plain.dim();
        // Takes the first three numbers, their signs turned; then the tanh of sums of two.
        let write = |at: &str,
                     shape: [usize; 2],
                     weights: Vec<f32>,
                     bias: Option<Vec<f32>>,
                     f: &str| {
            let settings = json!({"in_features": shape[1], "out_features": shape[0], "bias": bias.is_some(),
                "activation_function": format!("torch.nn.modules.{f}")});
            folder.write(&format!("{at}/config.json"), settings.to_string());
            let end = 4 * weights.len();
            let mut header = json!({"linear.weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}});
            if let Some(bias) = &bias {
                header["linear.bias"] = json!({"dtype": "F32", "shape": [bias.len()], "data_offsets": [end, end + 4 * bias.len()]});
            }
            let floats = weights.iter().chain(bias.iter().flatten());
            let data: Vec<u8> = floats.flat_map(|x| x.to_le_bytes()).collect();
            folder.write(
                &format!("{at}/model.safetensors"),
                tiny_bert::with_header(&header.to_string(), &data),
            );
        };
        let mut turned = vec![0.0; 3 * size];
        (0..3).for_each(|i| turned[i * size + i] = -1.0);
        write("2_Dense", [3, size], turned, None, "linear.Identity");
        write(
            "3_Dense",
            [2, 3],
            vec![1., 1., 0., 0., 1., 1.],
            Some(vec![0.5, -0.25]),
            "activation.Tanh",
        );
        let dense = Embedder::open(&folder.0, &on(device)).unwrap();
        assert_eq!(dense.dim(), 2);
        assert_ne!(dense.fingerprint(), plain.fingerprint());
        let texts = ["a small boat", "ferry"];
        let options = EncodeOptions::default().normalize(false);
        let got = dense.encode(&texts, &options, Progress::none()).unwrap();
        for (row, got) in encode(&plain, &texts).iter().zip(got.rows().iter()) {
            let sums = [0.5 - row[0] - row[1], -0.25 - row[1] - row[2]].map(f32::tanh);
            let norm = sums[0].hypot(sums[1]);
            assert!((got[0] - sums[0] / norm).abs() < 1e-5, "{name}");
            assert!((got[1] - sums[1] / norm).abs() < 1e-5, "{name}");
        }
    }
}

#[test]
fn a_real_model_has_the_vectors_of_our_engine() {
    let Some(folder) = std::env::var_os("RAGCORE_TEST_MODEL") else {
        println!(
            "skipped: a_real_model_has_the_vectors_of_our_engine (RAGCORE_TEST_MODEL names no model folder)"
        );
        return;
    };
    let [own, candle] =
        ["cpu", "candle"].map(|device| Embedder::open(&folder, &on(device)).unwrap());
    assert_eq!(own.fingerprint(), candle.fingerprint());
    let story = "The ferry left before dawn, and nobody on the quay had slept. ";
    let texts: Vec<String> = (0..40)
        .map(|i| story.repeat(i / 2) + &"boat ".repeat(i))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let options = EncodeOptions::default();
    let [one, other] = [&own, &candle].map(|embedder| {
        let rows = embedder.encode(&texts, &options, Progress::none()).unwrap();
        rows.rows().iter().map(<[f32]>::to_vec).collect::<Vec<_>>()
    });
    let difference = largest_difference(&one, &other);
    println!("largest difference {difference:e}");
    assert!(difference < 1e-5, "{difference:e}");
}
