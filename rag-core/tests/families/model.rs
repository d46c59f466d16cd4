//! The small models of `tests/models` as folders.

use crate::tiny_bert::{Folder, with_header};
use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions, Precision};
use rag_core::{Progress, Result};
use serde_json::{Value, json};
use std::path::Path;

/// A model of `tests/models`, its weights made from their names.
#[derive(Clone)]
pub struct Model {
    pub data: Value,
    /// Name, shape, floats.
    pub tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
    pub pooling: &'static str,
}

impl Model {
    pub fn read(name: &str) -> Self {
        // From the crate `reference`, too.
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rag-core/tests/models");
        let path = models.join(format!("{name}.json"));
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

    pub fn write(&self, name: &str) -> Folder {
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

    pub fn open(&self, name: &str, precision: Precision) -> Result<Embedder> {
        let options = EmbedderOptions::default().precision(precision);
        Embedder::open(&self.write(name).0, &options)
    }

    /// The texts that have an answer by this pooling, and the answers.
    pub fn answers(&self, by: &str) -> Vec<(String, Vec<f32>)> {
        let cases = self.data["cases"].as_array().unwrap().iter();
        let wanted = cases.filter(|case| case.get(by).is_some()).map(|case| {
            let text = case["text"].as_str().unwrap().to_owned();
            (text, serde_json::from_value(case[by].clone()).unwrap())
        });
        wanted.collect()
    }

    pub fn tensor(&mut self, name: &str) -> &mut (String, Vec<usize>, Vec<f32>) {
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

pub fn encode(embedder: &Embedder, texts: &[&str]) -> Vec<Vec<f32>> {
    let raw = EncodeOptions::default().normalize(false);
    let rows = embedder.encode(texts, &raw, Progress::none()).unwrap();
    rows.rows().iter().map(<[f32]>::to_vec).collect()
}
