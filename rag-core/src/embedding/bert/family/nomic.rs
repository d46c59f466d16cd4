//! NomicBERT (Nussbaum and others, 2024): BERT with rotary positions, gated feed-forward parts and
//! no addends in the linear layers.

use super::Names;
use crate::embedding::bert::config::{
    Biases, Config, Keys, MOST_POSITIONS, MOST_TYPES, Positions, nonlinearity,
};
use crate::embedding::fields::Fields;
use crate::error::Result;
use crate::kernel::Nonlinearity;
use serde_json::json;

const NAMES: Names = Names {
    prefixes: &["", "bert.", "nomic_bert."],
    words: "embeddings.word_embeddings",
    positions: "",
    types: "embeddings.token_type_embeddings",
    norm: "emb_ln",
    layers: "encoder.layers.",
    qkv: &["attn.Wqkv"],
    after_attention: "attn.out_proj",
    attention_norm: "norm1",
    widen: &["mlp.fc12", "mlp.fc11"],
    narrow: "mlp.fc2",
    output_norm: "norm2",
    relative: "",
    final_norm: "",
};

/// Reads the settings as they were first published (`n_embd`) and as transformers writes them
/// (`hidden_size`).
pub(super) fn read(fields: &Fields<'_>) -> Result<Config> {
    fields.only(&[
        ("prenorm", json!(false)),
        ("use_rms_norm", json!(false)),
        ("causal", json!(false)),
        ("parallel_block", json!(false)),
        ("scale_attn_weights", json!(true)),
        ("scale_attn_by_inverse_layer_idx", json!(false)),
        ("rotary_emb_fraction", json!(1.0)),
        ("rotary_emb_interleaved", json!(false)),
        ("num_experts", json!(0)),
        ("moe_every_n_layers", json!(0)),
    ])?;
    fields.none_of(&["rotary_emb_scale_base", "rope_scaling"])?;
    let keys = Keys {
        hidden: &["n_embd", "hidden_size"],
        wide: &["n_inner", "intermediate_size"],
        heads: &["n_head", "num_attention_heads"],
        layers: &["n_layer", "num_hidden_layers"],
        positions: &["n_positions", "max_position_embeddings"],
    };
    let mut config = Config::sizes(fields, &NAMES, keys)?;
    config.type_vocab_size = match fields.get("type_vocab_size").and_then(|n| n.as_u64()) {
        Some(0) => 0,
        _ => fields.size_or("type_vocab_size", MOST_TYPES, 2)?,
    };
    let eps = Config::eps(fields, "layer_norm_eps", 1e-12)?;
    config.layer_norm_eps = Config::eps(fields, "layer_norm_epsilon", f64::from(eps))?;
    config.activation = match fields.text("activation_function", "")? {
        "swiglu" => Nonlinearity::Silu,
        "geglu" => Nonlinearity::Gelu,
        "" => nonlinearity(fields, "hidden_act", "silu")?,
        other => {
            return Err(fields.unsupported(
                "activation_function",
                format!("\"{other}\""),
                "\"swiglu\" and \"geglu\"",
            ));
        }
    };
    config.gated = true;
    config.biases = Biases {
        attention: fields.flag("qkv_proj_bias", false)?,
        widen: fields.flag("mlp_fc1_bias", false)?,
        narrow: fields.flag("mlp_fc2_bias", false)?,
        norms: true,
    };
    // Texts longer than those of the training would need angles that depend on the text's length.
    if fields.get("rotary_scaling_factor").is_some() {
        let trained = fields.size_or("max_trained_positions", MOST_POSITIONS, 2048)?;
        config.longest = config.longest.min(trained);
    }
    let mut theta = fields.between("rotary_emb_base", 1.0, 1e12, 1000.0)?;
    if let Some(own) = fields.part("rope_parameters")? {
        own.only(&[("rope_type", json!("default"))])?;
        own.none_of(&["factor", "partial_rotary_factor"])?;
        theta = own.between("rope_theta", 1.0, 1e12, theta)?;
    }
    config.positions = Positions::Rotary {
        theta,
        local_theta: theta,
    };
    Ok(config)
}
