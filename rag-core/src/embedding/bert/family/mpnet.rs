//! MPNet (Song and others, 2020): BERT's network with addends by distance and without token types.

use super::Names;
use crate::embedding::bert::config::{Config, Keys, nonlinearity};
use crate::embedding::fields::Fields;
use crate::error::Result;
use serde_json::json;

/// The padding token that positions are counted from; transformers takes it from nowhere else.
const PAD: usize = 1;

const NAMES: Names = Names {
    prefixes: &["", "mpnet."],
    words: "embeddings.word_embeddings",
    positions: "embeddings.position_embeddings",
    types: "",
    norm: "embeddings.LayerNorm",
    layers: "encoder.layer.",
    qkv: &["attention.attn.q", "attention.attn.k", "attention.attn.v"],
    after_attention: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
    widen: &["intermediate.dense"],
    narrow: "output.dense",
    output_norm: "output.LayerNorm",
    relative: "encoder.relative_attention_bias",
    final_norm: "",
};

pub(super) fn read(fields: &Fields<'_>) -> Result<Config> {
    fields.only(&[
        ("relative_attention_num_buckets", json!(32)),
        ("pad_token_id", json!(PAD)),
    ])?;
    let mut config = Config::sizes(fields, &NAMES, Keys::USUAL)?;
    config.layer_norm_eps = Config::eps(fields, "layer_norm_eps", 1e-12)?;
    config.activation = nonlinearity(fields, "hidden_act", "gelu")?;
    config.count_from_padding(fields, PAD)?;
    config.relative = true;
    Ok(config)
}
