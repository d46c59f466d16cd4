//! Tiny random BERT folders, and the slow truth about them: a forward pass in f64, written from
//! the formulas.

use rag_core::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub const WORDS: &[&str] = &[
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "dog", "sat", "on", "mat", "##s", "##ting",
    "a", ".", ",", "!", "日", "本", "e", "search",
];

/// A folder that is removed with the value.
pub struct Folder(pub PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ragcore-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        let path = self.0.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// A tensor: shape and floats.
pub type Tensor = (Vec<usize>, Vec<f32>);

/// A model to be written, changed at will before that.
#[derive(Clone)]
pub struct Tiny {
    pub config: Value,
    pub tokenizer: Value,
    pub tensors: BTreeMap<String, Tensor>,
    /// Other files: name and content.
    pub settings: BTreeMap<String, Value>,
    pub dtype: &'static str,
}

impl Tiny {
    /// Random weights of a model with these sizes.
    pub fn random(seed: u64, hidden: usize, heads: usize, wide: usize, layers: usize) -> Self {
        let mut rng = Rng::new(seed);
        let mut tensors = BTreeMap::new();
        let mut add = |name: &str, shape: &[usize], mean: f64, sd: f64| {
            let n = shape.iter().product();
            let floats = (0..n).map(|_| (mean + sd * rng.normal()) as f32).collect();
            tensors.insert(name.to_owned(), (shape.to_vec(), floats));
        };
        let positions = 24;
        add(
            "embeddings.word_embeddings.weight",
            &[WORDS.len(), hidden],
            0.0,
            1.0,
        );
        add(
            "embeddings.position_embeddings.weight",
            &[positions, hidden],
            0.0,
            0.5,
        );
        add(
            "embeddings.token_type_embeddings.weight",
            &[2, hidden],
            0.0,
            0.5,
        );
        let mut norms = vec!["embeddings.LayerNorm".to_owned()];
        let mut linears = Vec::new();
        for i in 0..layers {
            let at = format!("encoder.layer.{i}");
            for part in ["self.query", "self.key", "self.value", "output.dense"] {
                linears.push((format!("{at}.attention.{part}"), hidden, hidden));
            }
            linears.push((format!("{at}.intermediate.dense"), hidden, wide));
            linears.push((format!("{at}.output.dense"), wide, hidden));
            norms.push(format!("{at}.attention.output.LayerNorm"));
            norms.push(format!("{at}.output.LayerNorm"));
        }
        for (name, inputs, outputs) in linears {
            let sd = 1.5 / (inputs as f64).sqrt();
            add(&format!("{name}.weight"), &[outputs, inputs], 0.0, sd);
            add(&format!("{name}.bias"), &[outputs], 0.0, 0.3);
        }
        for name in norms {
            add(&format!("{name}.weight"), &[hidden], 1.0, 0.2);
            add(&format!("{name}.bias"), &[hidden], 0.0, 0.2);
        }
        let config = json!({
            "model_type": "bert", "hidden_act": "gelu", "hidden_size": hidden,
            "num_attention_heads": heads, "intermediate_size": wide, "num_hidden_layers": layers,
            "vocab_size": WORDS.len(), "max_position_embeddings": positions,
            "type_vocab_size": 2, "layer_norm_eps": 1e-12,
        });
        Self {
            config,
            tokenizer: tokenizer(WORDS),
            tensors,
            settings: BTreeMap::new(),
            dtype: "F32",
        }
    }

    /// Sets one pooling mode the way sentence-transformers writes it.
    pub fn pooling(mut self, mode: &str) -> Self {
        let module = |path: &str, kind: &str| json!({"path": path, "type": format!("sentence_transformers.models.{kind}")});
        let modules = json!([module("", "Transformer"), module("1_Pooling", "Pooling")]);
        let pooling =
            json!({"pooling_mode_cls_token": false, format!("pooling_mode_{mode}"): true});
        self.settings.insert("modules.json".into(), modules);
        self.settings
            .insert("1_Pooling/config.json".into(), pooling);
        self
    }

    pub fn write(&self, name: &str) -> Folder {
        let folder = Folder::new(name);
        folder.write("config.json", self.config.to_string());
        folder.write("tokenizer.json", self.tokenizer.to_string());
        folder.write("model.safetensors", self.safetensors());
        for (file, value) in &self.settings {
            folder.write(file, value.to_string());
        }
        folder
    }

    /// The weights file, written by hand: header length, header, floats.
    pub fn safetensors(&self) -> Vec<u8> {
        let mut header = serde_json::Map::new();
        let mut data = Vec::new();
        for (name, (shape, floats)) in &self.tensors {
            let from = data.len();
            for x in floats {
                match self.dtype {
                    "BF16" => data.extend(&x.to_bits().to_le_bytes()[2..]),
                    "F64" => data.extend(f64::from(*x).to_le_bytes()),
                    _ => data.extend(x.to_le_bytes()),
                }
            }
            let offsets = [from, data.len()];
            header.insert(
                name.clone(),
                json!({"dtype": self.dtype, "shape": shape, "data_offsets": offsets}),
            );
        }
        with_header(&Value::Object(header).to_string(), &data)
    }

    /// The tokens' last hidden states, in f64.
    pub fn hidden(&self, ids: &[u32]) -> Vec<Vec<f64>> {
        let size = |name: &str| self.config[name].as_u64().unwrap() as usize;
        let table = |name: &str, row: usize| {
            let (shape, floats) = &self.tensors[name];
            floats[row * shape[1]..][..shape[1]]
                .iter()
                .map(|x| f64::from(*x))
                .collect::<Vec<_>>()
        };
        let mut x: Vec<Vec<f64>> = (ids.iter().enumerate())
            .map(|(at, id)| {
                let word = table("embeddings.word_embeddings.weight", *id as usize);
                let place = table("embeddings.position_embeddings.weight", at);
                let kind = table("embeddings.token_type_embeddings.weight", 0);
                (0..word.len())
                    .map(|i| word[i] + place[i] + kind[i])
                    .collect()
            })
            .map(|x| self.norm("embeddings.LayerNorm", x))
            .collect();
        for layer in 0..size("num_hidden_layers") {
            let at = format!("encoder.layer.{layer}");
            let all = |part: &str, x: &[Vec<f64>]| -> Vec<Vec<f64>> {
                x.iter()
                    .map(|x| self.linear(&format!("{at}.{part}"), x))
                    .collect()
            };
            let [q, k, v] =
                ["query", "key", "value"].map(|p| all(&format!("attention.self.{p}"), &x));
            let heads = size("num_attention_heads");
            let width = size("hidden_size") / heads;
            let mut context = vec![vec![0.0; size("hidden_size")]; x.len()];
            for (i, context) in context.iter_mut().enumerate() {
                for h in 0..heads {
                    let own = h * width..(h + 1) * width;
                    let dot = |j: usize| own.clone().map(|c| q[i][c] * k[j][c]).sum::<f64>();
                    let weights: Vec<f64> = (0..x.len())
                        .map(|j| (dot(j) / (width as f64).sqrt()).exp())
                        .collect();
                    let total: f64 = weights.iter().sum();
                    for c in own.clone() {
                        context[c] = (0..x.len()).map(|j| weights[j] / total * v[j][c]).sum();
                    }
                }
            }
            let attended = all("attention.output.dense", &context);
            x = self.add_norm(&format!("{at}.attention.output.LayerNorm"), x, attended);
            let mut wide = all("intermediate.dense", &x);
            wide.iter_mut().flatten().for_each(|x| *x = gelu(*x));
            let narrow = all("output.dense", &wide);
            x = self.add_norm(&format!("{at}.output.LayerNorm"), x, narrow);
        }
        x
    }

    fn linear(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let weights = &self.tensors[&format!("{name}.weight")].1;
        let bias = &self.tensors[&format!("{name}.bias")].1;
        let row = |(w, b): (&[f32], &f32)| {
            f64::from(*b) + w.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>()
        };
        weights.chunks_exact(x.len()).zip(bias).map(row).collect()
    }

    fn norm(&self, name: &str, x: Vec<f64>) -> Vec<f64> {
        let gain = &self.tensors[&format!("{name}.weight")].1;
        let shift = &self.tensors[&format!("{name}.bias")].1;
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let scale = 1.0 / (variance + 1e-12).sqrt();
        (x.iter().zip(gain).zip(shift))
            .map(|((x, g), s)| (x - mean) * scale * f64::from(*g) + f64::from(*s))
            .collect()
    }

    fn add_norm(&self, name: &str, x: Vec<Vec<f64>>, y: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
        let sum = |(x, y): (Vec<f64>, Vec<f64>)| x.iter().zip(y).map(|(x, y)| x + y).collect();
        x.into_iter()
            .zip(y)
            .map(sum)
            .map(|x| self.norm(name, x))
            .collect()
    }
}

/// A safetensors file with this header.
pub fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// A WordPiece tokenizer that, like many in the wild, asks for padding and too short a cut.
pub fn tokenizer(words: &[&str]) -> Value {
    let vocabulary: serde_json::Map<_, _> = words
        .iter()
        .enumerate()
        .map(|(id, word)| ((*word).to_owned(), json!(id)))
        .collect();
    let special = |id: usize| {
        json!({"id": id, "content": words[id], "special": true, "single_word": false,
        "lstrip": false, "rstrip": false, "normalized": false})
    };
    let added: Vec<Value> = (0..words.len().min(4)).map(special).collect();
    json!({
        "version": "1.0",
        "truncation": {"max_length": 5, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary},
    })
}

fn gelu(x: f64) -> f64 {
    let (z, mut n) = (x * std::f64::consts::FRAC_1_SQRT_2, 0.0);
    if z.abs() > 4.5 {
        return x.max(0.0);
    }
    let (mut term, mut erf) = (z, z);
    while term.abs() > 1e-18 {
        n += 1.0;
        term *= -z * z / n;
        erf += term / (2.0 * n + 1.0);
    }
    0.5 * x * (1.0 + erf * std::f64::consts::FRAC_2_SQRT_PI)
}

/// Pools hidden states by a mode of sentence-transformers.
pub fn pool(mode: &str, hidden: &[Vec<f64>]) -> Vec<f64> {
    let column = |c: usize| hidden.iter().map(move |row| row[c]);
    let each = 0..hidden[0].len();
    match mode {
        "cls_token" => hidden[0].clone(),
        "lasttoken" => hidden[hidden.len() - 1].clone(),
        "max_tokens" => each
            .map(|c| column(c).fold(f64::NEG_INFINITY, f64::max))
            .collect(),
        _ => each
            .map(|c| column(c).sum::<f64>() / hidden.len() as f64)
            .collect(),
    }
}

pub fn open(folder: &Path) -> rag_core::Result<rag_core::embedding::Embedder> {
    use rag_core::embedding::{Embedder, EmbedderOptions, Precision};
    Embedder::open(
        folder,
        &EmbedderOptions::default().precision(Precision::F32),
    )
}
