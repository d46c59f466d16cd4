//! Every family of encoders that the engine runs, on small random models, against Hugging Face
//! transformers: `reference/models.py` makes `tests/models`.

mod model;
mod refused;
#[path = "../tiny_bert/mod.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod tiny_bert;

use model::{Model, encode};
use rag_core::embedding::{Embedder, EmbedderOptions, Precision};
use serde_json::{Value, json};

const FAMILIES: [&str; 13] = [
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

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y));
        products.sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn every_family_answers_as_transformers_does() {
    for name in FAMILIES {
        let mut worst = 0.0f32;
        for by in ["mean", "cls", "lasttoken", "max"] {
            let mut model = Model::read(name);
            model.pooling = match by {
                "mean" => "mean_tokens",
                "cls" => "cls_token",
                "max" => "max_tokens",
                other => other,
            };
            let embedder = model.open(&format!("{name}-{by}"), Precision::F32).unwrap();
            assert_eq!(embedder.max_tokens(), model.data["longest"], "{name}");
            let answers = model.answers(by);
            let texts: Vec<&str> = answers.iter().map(|(text, _)| text.as_str()).collect();
            let got = encode(&embedder, &texts);
            for ((text, want), got) in answers.iter().zip(&got) {
                for (got, want) in got.iter().zip(want) {
                    worst = worst.max((got - want).abs());
                    let error = (got - want).abs();
                    assert!(error < 1e-4, "{name} {by} {text:.30}: {got} for {want}");
                }
            }
        }
        println!("{name}: off by {worst:e}");
    }
}

#[test]
fn every_family_keeps_its_directions_in_low_precision() {
    for name in FAMILIES {
        let model = Model::read(name);
        let answers = model.answers("mean");
        let texts: Vec<&str> = answers.iter().map(|(text, _)| text.as_str()).collect();
        for (precision, least) in [(Precision::Bf16, 0.9995), (Precision::Int8, 0.99)] {
            let embedder = model
                .open(&format!("{name}-{}", precision.name()), precision)
                .unwrap();
            assert_eq!(embedder.precision(), precision);
            let mut worst = 1.0f64;
            for ((text, want), got) in answers.iter().zip(encode(&embedder, &texts)) {
                let near = cosine(want, &got);
                worst = worst.min(near);
                assert!(
                    near >= least,
                    "{name} {} {text:.30}: {near}",
                    precision.name()
                );
            }
            println!("{name} {}: cosine {worst:.5}", precision.name());
        }
    }
}

#[test]
fn a_vector_depends_on_its_text_alone_in_every_family() {
    for name in FAMILIES {
        let model = Model::read(name);
        for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
            let embedder = model
                .open(&format!("{name}-alone-{}", precision.name()), precision)
                .unwrap();
            let answers = model.answers("mean");
            let texts: Vec<&str> = answers.iter().map(|(text, _)| text.as_str()).collect();
            let together = encode(&embedder, &texts);
            for (text, row) in texts.iter().zip(&together).rev() {
                assert_eq!(encode(&embedder, &[text])[0], *row, "{name} {text:.30}");
            }
        }
    }
}

#[test]
fn roberta_counts_positions_from_behind_the_padding_token() {
    let model = Model::read("roberta");
    let folder = model.write("positions");
    let longest = EmbedderOptions::default().max_tokens(Some(80));
    assert_eq!(
        Embedder::open(&folder.0, &longest).unwrap().max_tokens(),
        80
    );
    let more = EmbedderOptions::default().max_tokens(Some(81));
    let error = Embedder::open(&folder.0, &more).unwrap_err();
    assert!(error.to_string().contains("at most 80"), "{error}");
    // The first rows of the table are for padding alone: ordinary texts never see them.
    let mut other = model.clone();
    let (_, shape, floats) = other.tensor("position_embeddings");
    floats[..2 * shape[1]].fill(9.0);
    let [one, two] = [model, other].map(|model| model.open("rows", Precision::F32).unwrap());
    let texts = ["a small boat", "<pad>"];
    let (one, two) = (encode(&one, &texts), encode(&two, &texts));
    assert_eq!(one[0], two[0]);
    assert_ne!(one[1], two[1]);
}

#[test]
fn a_text_without_tokens_has_a_vector_of_zeros() {
    for name in ["bert", "mpnet", "modernbert"] {
        for pooling in ["mean_tokens", "cls_token", "lasttoken", "max_tokens"] {
            for precision in [Precision::F32, Precision::Int8] {
                let mut model = Model::read(name);
                model.pooling = pooling;
                model.data["tokenizer"]["post_processor"] = Value::Null;
                let embedder = model.open("bare", precision).unwrap();
                assert_eq!(embedder.count_tokens("").unwrap(), 0);
                let texts = ["boat", "", "a small boat"];
                let rows = encode(&embedder, &texts);
                assert_eq!(rows[1], vec![0.0; embedder.dim()], "{name} {pooling}");
                assert_eq!(
                    encode(&embedder, &["", ""]),
                    [rows[1].clone(), rows[1].clone()]
                );
                assert_eq!(encode(&embedder, &["boat"])[0], rows[0]);
            }
        }
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
        let embedder = model.open("print", Precision::F32).unwrap();
        assert!(seen.insert(embedder.fingerprint()), "{name} {setting}");
    };
    unlike("bert", "", Value::Null);
    unlike("bert", "hidden_act", json!("relu"));
    unlike("modernbert", "", Value::Null);
    unlike("modernbert", "local_attention", json!(18));
    unlike("modernbert", "global_attn_every_n_layers", json!(2));
    unlike("modernbert", "local_rope_theta", json!(9e3));
    unlike("modernbert", "local_rope_theta", Value::Null);
    unlike("nomic", "", Value::Null);
    unlike("nomic", "activation_function", json!("geglu"));
    unlike("nomic", "rotary_emb_base", json!(10_000));
}

#[test]
fn nomic_settings_are_read_in_both_notations() {
    let model = Model::read("nomic");
    let mut other = model.clone();
    other.data["config"] = json!({"model_type": "nomic_bert", "hidden_act": "silu", "hidden_size": 64,
        "num_attention_heads": 4, "num_hidden_layers": 3, "intermediate_size": 176, "vocab_size":
        model.data["config"]["vocab_size"], "max_position_embeddings": 256, "layer_norm_eps": 1e-12,
        "type_vocab_size": 2, "rope_parameters": {"rope_theta": 1000.0, "rope_type": "default"}});
    let [one, two] = [&model, &other].map(|model| model.open("notation", Precision::F32).unwrap());
    assert_eq!(one.fingerprint(), two.fingerprint());
    // Where angles are to be stretched for longer texts, texts are cut where that would begin.
    other = model;
    other.data["config"]["rotary_scaling_factor"] = json!(2);
    other.data["config"]["max_trained_positions"] = json!(100);
    assert_eq!(
        other.open("stretch", Precision::F32).unwrap().max_tokens(),
        100
    );
}

#[test]
fn the_answers_tell_every_choice_of_a_family_apart() {
    let swapped = |model: &mut Model, one: &str, other: &str| {
        for (name, ..) in &mut model.tensors {
            *name = match name.contains(one) {
                true => name.replace(one, other),
                false => name.replace(other, one),
            };
        }
    };
    type Change<'a> = &'a dyn Fn(&mut Model);
    let set = |setting: &'static str, value: Value| {
        move |model: &mut Model| model.data["config"][setting] = value.clone()
    };
    let changes: [(&str, Change<'_>); 11] = [
        ("bert", &set("hidden_act", json!("gelu_new"))),
        ("bert", &set("layer_norm_eps", json!(1e-2))),
        ("roberta", &set("pad_token_id", json!(0))),
        ("mpnet", &|model| {
            model.tensor("relative_attention").2.reverse()
        }),
        ("distilbert", &set("n_heads", json!(2))),
        ("modernbert", &set("local_attention", json!(18))),
        ("modernbert", &set("local_attention", json!(14))),
        ("modernbert", &set("local_rope_theta", json!(12_000.0))),
        ("modernbert", &set("global_rope_theta", json!(150_000.0))),
        ("nomic", &set("rotary_emb_base", json!(1010))),
        ("nomic", &|model| swapped(model, "fc11", "fc12")),
    ];
    for (i, (name, change)) in changes.into_iter().enumerate() {
        let mut model = Model::read(name);
        change(&mut model);
        let mut answers = model.answers("mean");
        // What fits every change of positions.
        answers.truncate(8);
        let texts: Vec<&str> = answers.iter().map(|(text, _)| text.as_str()).collect();
        let embedder = model.open(&format!("other-{i}"), Precision::F32).unwrap();
        let rows = encode(&embedder, &texts);
        let differences = (answers.iter().zip(&rows)).flat_map(|((_, want), got)| {
            let pairs = got.iter().zip(want);
            pairs.map(|(got, want)| (got - want).abs())
        });
        let largest = differences.fold(0.0, f32::max);
        assert!(largest > 3e-4, "{name}, change {i}: {largest}");
    }
}
