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
