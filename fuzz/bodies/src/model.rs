//! A model folder with changes in its settings, tokenizer and weights: an error, or a model that
//! embeds.

use crate::choices::Choices;
use crate::scratch::Scratch;
use rag_core::Progress;
use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions, Precision};
use serde_json::{Value, json};
use std::sync::Once;

const MODELS: [&str; 5] = [
    include_str!("../../../rag-core/tests/models/bert_silu.json"),
    include_str!("../../../rag-core/tests/models/camembert.json"),
    include_str!("../../../rag-core/tests/models/mpnet.json"),
    include_str!("../../../rag-core/tests/models/modernbert_layers.json"),
    include_str!("../../../rag-core/tests/models/nomic_geglu.json"),
];

/// A value that seldom stands in a model's files.
fn odd_value(choices: &mut Choices<'_>) -> Value {
    match choices.byte() % 24 {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(false),
        3 => json!(0),
        4 => json!(-1),
        5 => json!(1),
        6 => json!(u64::MAX),
        7 => json!(1u64 << 53),
        8 => json!(1u64 << 31),
        9 => json!(65_536),
        10 => json!(131_072),
        11 => json!(1e308),
        12 => json!(0.5),
        13 => json!([]),
        14 => json!({}),
        15 => json!(""),
        16 => json!("\u{0}\u{10ffff}"),
        17 => json!("gelu_new"),
        18 => json!(["full_attention", "sliding_attention", 3]),
        19 => json!(choices.byte() as i64 - 100),
        20 => json!("x".repeat(choices.byte() * 16)),
        21 => json!({"rope_type": "default", "rope_theta": 10.0}),
        _ => json!(choices.below(1000)),
    }
}

/// All places in a value.
fn pointers(value: &Value, at: String, all: &mut Vec<String>) {
    let mut below = |key: String, value: &Value| {
        let key = key.replace('~', "~0").replace('/', "~1");
        pointers(value, format!("{at}/{key}"), all);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(k, v)| below(k.clone(), v)),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .for_each(|(i, v)| below(i.to_string(), v)),
        _ => {}
    }
    all.push(at);
}

/// One change: a value replaced by an odd one or by its neighbour, or dropped.
fn change(value: &mut Value, choices: &mut Choices<'_>) {
    let mut all = Vec::new();
    pointers(value, String::new(), &mut all);
    let at = all[choices.below(all.len())].clone();
    let new = match choices.byte() % 4 {
        0 => value.pointer(&all[choices.below(all.len())]).cloned(),
        1 => None,
        _ => Some(odd_value(choices)),
    };
    match (new, at.rsplit_once('/')) {
        (Some(new), _) => *value.pointer_mut(&at).expect("listed") = new,
        (None, Some((parent, key))) => match value.pointer_mut(parent) {
            Some(Value::Object(map)) => drop(map.remove(key)),
            Some(Value::Array(list)) => list.truncate(key.parse().unwrap_or(0)),
            _ => {}
        },
        _ => {}
    }
}

/// Bytes overwritten, cut off or added.
fn damage(bytes: &mut Vec<u8>, choices: &mut Choices<'_>) {
    let at = choices.below(bytes.len().min(1 << 16));
    match choices.byte() % 4 {
        0 => bytes.truncate(at),
        1 => bytes.extend(vec![0; at]),
        _ => {
            for i in at..bytes.len().min(at + 1 + choices.byte() % 8) {
                bytes[i] = choices.byte() as u8;
            }
        }
    }
}

/// The header and the floats of weights that are all small and unlike.
fn weights(model: &Value) -> (Value, Vec<u8>) {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for tensor in model["tensors"].as_array().expect("a list") {
        let count: u64 = tensor[1]
            .as_array()
            .expect("a shape")
            .iter()
            .filter_map(Value::as_u64)
            .product();
        let from = data.len();
        for i in 0..count {
            // Halves between -1/4 and 1/4.
            data.extend([(i * 37 % 251) as u8, 0x28 | (i as u8 & 0x84)]);
        }
        let entry = json!({"dtype": "F16", "shape": tensor[1], "data_offsets": [from, data.len()]});
        header.insert(tensor[0].as_str().expect("a name").to_owned(), entry);
    }
    (Value::Object(header), data)
}

/// The tokenizer's crate may panic on strange files: the core catches that. A panic of the core
/// itself still ends the run.
fn let_tokenizers_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let ends = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().map_or("", |l| l.file());
            if !place.contains("tokenizers") {
                ends(panic);
            }
        }));
    });
}

pub(crate) fn run(data: &[u8]) {
    let_tokenizers_panic();
    let mut choices = Choices::new(data);
    let text = MODELS[choices.byte() % MODELS.len()];
    let mut model: Value = serde_json::from_str(text).expect("a model of the tests");
    let (mut header, floats) = weights(&model);
    let precision = [Precision::F32, Precision::Bf16, Precision::Int8][choices.byte() % 3];
    let mut pooling = json!({"pooling_mode_mean_tokens": true});
    let mut damaged = None;
    for _ in 0..1 + choices.byte() % 6 {
        match choices.byte() % 12 {
            0..4 => change(&mut model["config"], &mut choices),
            4..7 => change(&mut model["tokenizer"], &mut choices),
            7..10 => change(&mut header, &mut choices),
            10 => change(&mut pooling, &mut choices),
            _ => damaged = Some(choices.byte() % 3),
        }
    }
    let mut config = model["config"].to_string().into_bytes();
    let mut tokenizer = model["tokenizer"].to_string().into_bytes();
    let header = header.to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(&floats);
    match damaged {
        Some(0) => damage(&mut config, &mut choices),
        Some(1) => damage(&mut tokenizer, &mut choices),
        Some(_) => damage(&mut bytes, &mut choices),
        None => {}
    }
    let scratch = Scratch::new("model");
    let folder = scratch.join("m");
    std::fs::create_dir_all(folder.join("1_Pooling")).expect("a folder");
    let modules =
        json!([{"path": "", "type": "Transformer"}, {"path": "1_Pooling", "type": "Pooling"}]);
    for (name, bytes) in [
        ("modules.json", modules.to_string().as_bytes()),
        ("1_Pooling/config.json", pooling.to_string().as_bytes()),
        ("config.json", &config),
        ("tokenizer.json", &tokenizer),
        ("model.safetensors", &bytes),
    ] {
        std::fs::write(folder.join(name), bytes).expect("a file");
    }
    let options = EmbedderOptions::default()
        .precision(precision)
        .threads(Some(1));
    if let Ok(embedder) = Embedder::open(&folder, &options) {
        let long = "the ferry left 日本 naïve <pad> ".repeat(40);
        let texts = ["", "ferry", "What is the shortest way?", long.as_str()];
        if let Ok(rows) = embedder.encode(&texts, &EncodeOptions::default(), Progress::none()) {
            assert_eq!((rows.len(), rows.dim()), (4, embedder.dim()));
            assert!(rows.rows().data().iter().all(|x| x.is_finite()));
        }
        let _ = embedder.count_tokens(&long);
    }
}
