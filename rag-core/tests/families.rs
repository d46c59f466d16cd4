//! Every family of encoders that the engine runs, on small random models, against Hugging Face
//! transformers: `reference/models.py` makes `tests/models`.

#[allow(dead_code, reason = "another test uses the rest")]
mod tiny_bert;

use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions, Precision};
use rag_core::{ErrorKind, Progress, Result};
use serde_json::{Value, json};
use std::path::Path;
use tiny_bert::{Folder, with_header};

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

/// A model of `tests/models`, its weights made from their names.
#[derive(Clone)]
struct Model {
    data: Value,
    /// Name, shape, floats.
    tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
    pooling: &'static str,
}

impl Model {
    fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/models/{name}.json"));
        let data: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let listed: Vec<(String, Vec<usize>, f32, f32)> =
            serde_json::from_value(data["tensors"].clone()).unwrap();
        let tensors = listed.into_iter().map(|(name, shape, center, scale)| {
            let floats = weights(&name, shape.iter().product(), center, scale);
            (name, shape, floats)
        });
        Self {
            tensors: tensors.collect(),
            data,
            pooling: "mean_tokens",
        }
    }

    fn write(&self, name: &str) -> Folder {
        let folder = Folder::new(&format!("family-{name}"));
        folder.write("config.json", self.data["config"].to_string());
        folder.write("tokenizer.json", self.data["tokenizer"].to_string());
        let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
        for (name, shape, floats) in &self.tensors {
            let from = data.len();
            floats.iter().for_each(|x| data.extend(x.to_le_bytes()));
            let offsets = [from, data.len()];
            let entry = json!({"dtype": "F32", "shape": shape, "data_offsets": offsets});
            header.insert(name.clone(), entry);
        }
        let bytes = with_header(&Value::Object(header).to_string(), &data);
        folder.write("model.safetensors", bytes);
        let stage = |path: &str, kind: &str| json!({"path": path, "type": format!("sentence_transformers.models.{kind}")});
        let stages = json!([stage("", "Transformer"), stage("1_Pooling", "Pooling")]);
        folder.write("modules.json", stages.to_string());
        let pooling = json!({format!("pooling_mode_{}", self.pooling): true});
        folder.write("1_Pooling/config.json", pooling.to_string());
        folder
    }

    fn open(&self, name: &str, precision: Precision) -> Result<Embedder> {
        let options = EmbedderOptions::default().precision(precision);
        Embedder::open(&self.write(name).0, &options)
    }

    /// The texts that have an answer by this pooling, and the answers.
    fn answers(&self, by: &str) -> Vec<(String, Vec<f32>)> {
        let cases = self.data["cases"].as_array().unwrap().iter();
        let wanted = cases.filter(|case| case.get(by).is_some()).map(|case| {
            let text = case["text"].as_str().unwrap().to_owned();
            (text, serde_json::from_value(case[by].clone()).unwrap())
        });
        wanted.collect()
    }

    fn tensor(&mut self, name: &str) -> &mut (String, Vec<usize>, Vec<f32>) {
        let found = self.tensors.iter_mut().find(|t| t.0.contains(name));
        found.unwrap()
    }
}

/// As `weights` in `reference/models.py`.
fn weights(name: &str, count: usize, center: f32, scale: f32) -> Vec<f32> {
    let state = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    let mix = |mut x: u64| {
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    };
    let number = |place: u64| {
        let bits = mix(state.wrapping_add(place.wrapping_mul(0x9e37_79b9_7f4a_7c15))) >> 48;
        center + scale * ((bits as f32 - 32767.5) / 32768.0)
    };
    (0..count as u64).map(number).collect()
}

fn encode(embedder: &Embedder, texts: &[&str]) -> Vec<Vec<f32>> {
    let raw = EncodeOptions::default().normalize(false);
    let rows = embedder.encode(texts, &raw, Progress::none()).unwrap();
    rows.rows().iter().map(<[f32]>::to_vec).collect()
}

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

/// Opens a changed model; answers the error's kind and sentence.
fn refusal(name: &str, of: &str, change: impl FnOnce(&mut Model)) -> (ErrorKind, String) {
    let mut model = Model::read(of);
    change(&mut model);
    let error = model.open(name, Precision::F32).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn settings_that_the_network_has_not_are_refused_by_name() {
    use ErrorKind::{InvalidArgument, Unsupported};
    let cases = [
        (
            "roberta",
            "hidden_act",
            json!("mish"),
            Unsupported,
            "\"mish\"; one of gelu, gelu_new",
        ),
        (
            "roberta",
            "is_decoder",
            json!(true),
            Unsupported,
            "is_decoder is true; false",
        ),
        (
            "roberta",
            "position_embedding_type",
            json!("relative_key"),
            Unsupported,
            "\"absolute\" can",
        ),
        (
            "roberta",
            "pad_token_id",
            json!(-1),
            InvalidArgument,
            "pad_token_id must be in 1..=",
        ),
        (
            "roberta",
            "pad_token_id",
            json!(81),
            InvalidArgument,
            "more than 82",
        ),
        (
            "roberta",
            "model_type",
            json!("deberta-v2"),
            Unsupported,
            "\"deberta-v2\"; \"bert\", \"roberta\"",
        ),
        (
            "mpnet",
            "relative_attention_num_buckets",
            json!(64),
            Unsupported,
            "is 64; 32 can",
        ),
        (
            "mpnet",
            "hidden_size",
            json!(null),
            InvalidArgument,
            "hidden_size is missing",
        ),
        (
            "distilbert",
            "activation",
            json!(7),
            InvalidArgument,
            "activation must be a string, got 7",
        ),
        (
            "distilbert",
            "n_heads",
            json!(0),
            InvalidArgument,
            "n_heads must be in 1..=1024, got 0",
        ),
        (
            "modernbert",
            "rope_scaling",
            json!({"type": "linear"}),
            Unsupported,
            "rope_scaling is",
        ),
        (
            "modernbert",
            "global_attn_every_n_layers",
            json!(0),
            InvalidArgument,
            "every_n_layers must",
        ),
        (
            "modernbert",
            "global_rope_theta",
            json!("nan"),
            InvalidArgument,
            "between 1 and",
        ),
        (
            "modernbert",
            "local_attention",
            json!(1u64 << 40),
            InvalidArgument,
            "local_attention",
        ),
        (
            "modernbert",
            "layer_types",
            json!(["full_attention"]),
            InvalidArgument,
            "a list of 5 kinds",
        ),
        (
            "modernbert",
            "layer_types",
            json!(["x", "x", "x", "x", "x"]),
            Unsupported,
            "\"x\"; sliding",
        ),
        (
            "modernbert",
            "norm_bias",
            json!(1),
            InvalidArgument,
            "norm_bias must be true or false",
        ),
        (
            "modernbert",
            "num_attention_heads",
            json!(32),
            InvalidArgument,
            "even",
        ),
        (
            "modernbert_layers",
            "rope_parameters",
            json!({"full_attention": {"rope_type": "yarn"}}),
            Unsupported,
            "\"yarn\"; \"default\"",
        ),
        (
            "modernbert_layers",
            "rope_parameters",
            json!([]),
            InvalidArgument,
            "an object",
        ),
        (
            "nomic",
            "activation_function",
            json!("glu"),
            Unsupported,
            "\"glu\"; \"swiglu\" and",
        ),
        (
            "nomic",
            "rotary_emb_fraction",
            json!(0.5),
            Unsupported,
            "is 0.5; 1.0 can",
        ),
        (
            "nomic",
            "rotary_emb_interleaved",
            json!(true),
            Unsupported,
            "interleaved is true",
        ),
        (
            "nomic",
            "prenorm",
            json!(true),
            Unsupported,
            "prenorm is true; false can",
        ),
        (
            "nomic",
            "num_experts",
            json!(8),
            Unsupported,
            "num_experts is 8",
        ),
        (
            "nomic",
            "rotary_emb_scale_base",
            json!(512),
            Unsupported,
            "rotary_emb_scale_base is 512",
        ),
        (
            "nomic",
            "layer_norm_epsilon",
            json!(0),
            InvalidArgument,
            "layer_norm_epsilon must be",
        ),
        (
            "nomic",
            "n_embd",
            json!(null),
            InvalidArgument,
            "n_embd (or hidden_size) is missing",
        ),
    ];
    for (i, (of, setting, value, kind, words)) in cases.into_iter().enumerate() {
        let (found, message) = refusal(&format!("setting-{i}"), of, |model| {
            model.data["config"][setting] = value;
        });
        assert!(
            found == kind && message.contains(words),
            "{of} {setting}: {found:?} {message}"
        );
        assert!(message.contains("config.json"), "{message}");
    }
}

#[test]
fn weights_of_another_shape_or_name_are_refused() {
    let cases = [
        (
            "roberta",
            "word_embeddings",
            "called embeddings.word_embeddings.weight or bert.embeddings",
        ),
        (
            "mpnet",
            "relative_attention_bias",
            "encoder.relative_attention_bias.weight",
        ),
        ("mpnet", "layer.1.attention.attn.q.bias", "attn.q.bias"),
        (
            "distilbert",
            "layer.2.ffn.lin1.weight",
            "distilbert.transformer.layer.2.ffn.lin1.weight",
        ),
        ("modernbert", "final_norm", "final_norm.weight"),
        (
            "modernbert",
            "layers.1.attn_norm",
            "layers.1.attn_norm.weight",
        ),
        (
            "modernbert_layers",
            "mlp.Wi.bias",
            "model.layers.0.mlp.Wi.bias",
        ),
        ("nomic", "mlp.fc12", "encoder.layers.0.mlp.fc12.weight"),
    ];
    for (i, (of, tensor, words)) in cases.into_iter().enumerate() {
        let (kind, message) = refusal(&format!("missing-{i}"), of, |model| {
            model.tensor(tensor).0 = "elsewhere".into();
        });
        let right = kind == ErrorKind::InvalidArgument && message.contains(words);
        assert!(right, "{of} {tensor}: {kind:?} {message}");
    }
    let cases = [
        (
            "roberta",
            "type_vocab_size",
            json!(2),
            "is 1 by 72, config.json asks for 2 by 72",
        ),
        (
            "mpnet",
            "num_attention_heads",
            json!(4),
            "is 32 by 5, config.json asks for 32 by 4",
        ),
        (
            "modernbert",
            "intermediate_size",
            json!(56),
            "layers.0.mlp.W",
        ),
        ("nomic", "n_inner", json!(352), "layers.0.mlp.fc"),
        (
            "xlm_roberta",
            "max_position_embeddings",
            json!(1000),
            "is 130 by 64",
        ),
    ];
    for (i, (of, setting, value, words)) in cases.into_iter().enumerate() {
        let (kind, message) = refusal(&format!("shape-{i}"), of, |model| {
            model.data["config"][setting] = value;
        });
        let right = kind == ErrorKind::InvalidArgument && message.contains(words);
        assert!(right, "{of} {setting}: {kind:?} {message}");
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
fn an_added_token_of_absurd_length_is_refused_at_once() {
    let mut model = Model::read("camembert");
    model.data["tokenizer"]["added_tokens"][0]["content"] = json!("x".repeat(1 << 20));
    let started = std::time::Instant::now();
    let error = model.open("added", Precision::F32).unwrap_err();
    assert!(
        error.to_string().contains("1048576 bytes; at most 1024"),
        "{error}"
    );
    assert!(started.elapsed().as_secs() < 5);
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
