//! Folders that ask for what the network has not, or whose files do not belong together.

use crate::model::Model;
use rag_core::ErrorKind;
use rag_core::embedding::{Embedder, EmbedderOptions, Precision};
use serde_json::json;

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

/// This test is of a build without candle; `reference` has those of one with it.
#[test]
fn what_needs_candle_says_how_to_get_it() {
    let options = EmbedderOptions::default();
    for (device, feature) in [("candle", "candle"), ("cuda:1", "cuda"), ("metal", "metal")] {
        let folder = Model::read("bert").write("device");
        let error = Embedder::open(&folder.0, &options.clone().device(device.into())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let said = format!("device is \"{device}\" and this build has only");
        let mend = format!("cargo feature {feature} (docs/embedding.md says how)");
        let message = error.to_string();
        assert!(
            message.starts_with(&said) && message.contains(&mend),
            "{message}"
        );
    }
    let folder = Model::read("t5").write("foreign");
    let message = Embedder::open(&folder.0, &options).unwrap_err().to_string();
    let said = "and in a build with the cargo feature candle (docs/embedding.md says how) \"t5\"";
    assert!(
        message.contains("model_type is \"t5\"; \"bert\""),
        "{message}"
    );
    assert!(message.contains(said), "{message}");
    let folder = Model::read("jina").write("alibi");
    let message = Embedder::open(&folder.0, &options).unwrap_err().to_string();
    assert!(
        message.contains("position_embedding_type is \"alibi\"; \"absolute\""),
        "{message}"
    );
    let error = Embedder::built_in(&options.clone().device("gpu".into())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}
