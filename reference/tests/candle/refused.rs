//! What cannot be run says what was found, what can be, and what to do.

use crate::model::Model;
use crate::{FOREIGN, on};
use rag_core::ErrorKind::{self, InvalidArgument, Unsupported};
use rag_core::embedding::{Embedder, EmbedderOptions, Precision};
use serde_json::{Value, json};

fn refusal(model: &Model, options: &EmbedderOptions) -> (ErrorKind, String) {
    let error = Embedder::open(&model.write("refused").0, options).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn devices_that_are_not_there_are_refused() {
    let model = Model::read("bert");
    for (device, kind, said) in [
        (
            "gpu",
            InvalidArgument,
            "device must be \"cpu\", \"candle\", \"cuda\"",
        ),
        ("cuda:x", InvalidArgument, "got \"cuda:x\""),
        ("cuda", Unsupported, "device is \"cuda:0\" and"),
        ("cuda:1", Unsupported, "device is \"cuda:1\" and"),
        ("metal", Unsupported, "device is \"metal\" and"),
    ] {
        let (found, message) = refusal(&model, &on(device));
        assert_eq!(found, kind, "{message}");
        assert!(message.contains(said), "{message}");
        assert!(
            kind == InvalidArgument || message.contains("leave device out"),
            "{message}"
        );
    }
    let error = Embedder::built_in(&on("candle")).unwrap_err();
    assert_eq!(error.kind(), Unsupported);
    assert!(error.to_string().contains("leave device out"), "{error}");
}

#[test]
fn bytes_are_for_our_own_engine() {
    for (name, device) in [("t5", "cpu"), ("bert", "candle")] {
        let options = on(device).precision(Precision::Int8);
        let (kind, message) = refusal(&Model::read(name), &options);
        assert_eq!(kind, Unsupported);
        assert!(
            message.contains("not in \"int8\"; leave precision out"),
            "{message}"
        );
    }
    // By itself the CPU computes in f32, which is all that it multiplies.
    let auto = on("cpu").precision(Precision::Auto);
    let folder = Model::read("t5").write("auto");
    assert_eq!(
        Embedder::open(&folder.0, &auto).unwrap().precision(),
        Precision::F32
    );
}

#[test]
fn settings_that_the_networks_have_not_are_refused_by_name() {
    let cases: [(&str, &str, Value, ErrorKind, &str); 22] = [
        (
            "t5",
            "model_type",
            json!("gpt2"),
            Unsupported,
            "model_type is \"gpt2\"; \"bert\", \"roberta\"",
        ),
        (
            "t5",
            "model_type",
            json!("gpt2"),
            Unsupported,
            "\"nomic_bert\", \"t5\", \"mt5\"",
        ),
        (
            "t5",
            "feed_forward_proj",
            json!("tanh"),
            Unsupported,
            "\"tanh\"; \"relu\"",
        ),
        (
            "t5",
            "relative_attention_num_buckets",
            json!(64),
            Unsupported,
            "is 64; 32",
        ),
        (
            "t5",
            "relative_attention_max_distance",
            json!(64),
            Unsupported,
            "is 64; 128",
        ),
        (
            "t5",
            "num_heads",
            json!(0),
            InvalidArgument,
            "num_heads must be in 1..=",
        ),
        (
            "t5",
            "d_kv",
            json!(25),
            InvalidArgument,
            "SelfAttention.q.weight is 72 by 64, config.json asks for 75 by 64",
        ),
        (
            "t5",
            "num_layers",
            json!(3),
            InvalidArgument,
            "no tensor is called encoder.block.2",
        ),
        (
            "qwen2",
            "use_sliding_window",
            json!(true),
            Unsupported,
            "is true; false",
        ),
        (
            "qwen2",
            "hidden_act",
            json!("gelu"),
            Unsupported,
            "\"silu\"",
        ),
        (
            "qwen3",
            "rope_scaling",
            json!({"type": "yarn"}),
            Unsupported,
            "rope_scaling",
        ),
        (
            "qwen3",
            "head_dim",
            json!(5),
            InvalidArgument,
            "head_dim must be even",
        ),
        (
            "qwen3",
            "num_key_value_heads",
            json!(4),
            InvalidArgument,
            "a divisor of the 6",
        ),
        (
            "qwen3",
            "layer_types",
            json!(["full_attention", "sliding_attention"]),
            Unsupported,
            "full_attention can",
        ),
        (
            "llama",
            "rope_parameters",
            json!({"rope_type": "llama3"}),
            Unsupported,
            "rope_type is \"llama3\"",
        ),
        (
            "deberta",
            "relative_attention",
            Value::Null,
            Unsupported,
            "relative_attention is false; true",
        ),
        (
            "deberta",
            "position_biased_input",
            Value::Null,
            Unsupported,
            "position_biased_input is true; false",
        ),
        (
            "deberta",
            "pos_att_type",
            json!("p2p"),
            Unsupported,
            "\"p2p\"; \"c2p\"",
        ),
        (
            "deberta",
            "conv_kernel_size",
            json!(3),
            Unsupported,
            "conv_kernel_size is 3; 0",
        ),
        (
            "deberta",
            "position_buckets",
            json!(1),
            InvalidArgument,
            "position_buckets must be 2 or more",
        ),
        (
            "jina",
            "feed_forward_type",
            json!("original"),
            Unsupported,
            "\"geglu\" and \"reglu\"",
        ),
        (
            "jina",
            "num_attention_heads",
            json!(5),
            InvalidArgument,
            "a multiple of the 5",
        ),
    ];
    for (name, setting, value, kind, said) in cases {
        let mut model = Model::read(name);
        model.data["config"][setting] = value;
        let (found, message) = refusal(&model, &on("cpu"));
        assert_eq!(found, kind, "{name} {setting}: {message}");
        assert!(message.contains(said), "{name} {setting}: {message}");
    }
}

#[test]
fn a_windows_width_bounds_the_texts_of_mistral() {
    let mut model = Model::read("mistral");
    model.data["config"]["sliding_window"] = json!(100);
    let embedder = Embedder::open(&model.write("window").0, &on("cpu")).unwrap();
    assert_eq!(embedder.max_tokens(), 100);
}

#[test]
fn weights_that_are_not_numbers_or_not_there_are_named() {
    for name in FOREIGN {
        let mut model = Model::read(name);
        model.tensors[3].2[1] = f32::NAN;
        let called = model.tensors[3].0.clone();
        let (kind, message) = refusal(&model, &on("cpu"));
        assert_eq!(kind, InvalidArgument);
        assert!(
            message.contains(&format!("tensor {called} has NaN at 1")),
            "{message}"
        );
        model.tensors.remove(3);
        let (kind, message) = refusal(&model, &on("cpu"));
        assert_eq!(kind, InvalidArgument);
        assert!(message.contains(&called), "{message}");
    }
}
