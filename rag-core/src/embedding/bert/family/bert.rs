//! BERT (Devlin and others, 2019), and RoBERTa (Liu and others, 2019) with its children
//! XLM-RoBERTa and CamemBERT, which differ in how positions are counted.

use super::Names;
use crate::embedding::bert::config::{Config, Keys, MOST_TYPES, nonlinearity};
use crate::embedding::fields::Fields;
use crate::error::Result;
use serde_json::json;

const NAMES: Names = Names {
    prefixes: &["", "bert.", "roberta."],
    words: "embeddings.word_embeddings",
    positions: "embeddings.position_embeddings",
    types: "embeddings.token_type_embeddings",
    norm: "embeddings.LayerNorm",
    layers: "encoder.layer.",
    qkv: &[
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
    ],
    after_attention: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    widen: &["intermediate.dense"],
    narrow: "output.dense",
    output_norm: "output.LayerNorm",
    relative: "",
    final_norm: "",
};

pub(super) fn read(fields: &Fields<'_>) -> Result<Config> {
    fields.only(&[
        ("position_embedding_type", json!("absolute")),
        ("is_decoder", json!(false)),
    ])?;
    let mut config = Config::sizes(fields, &NAMES, Keys::USUAL)?;
    config.type_vocab_size = fields.size_or("type_vocab_size", MOST_TYPES, 2)?;
    config.layer_norm_eps = Config::eps(fields, "layer_norm_eps", 1e-12)?;
    config.activation = nonlinearity(fields, "hidden_act", "gelu")?;
    Ok(config)
}

pub(super) fn read_roberta(fields: &Fields<'_>) -> Result<Config> {
    let mut config = read(fields)?;
    let pad = match fields.get("pad_token_id").and_then(|id| id.as_u64()) {
        Some(0) => 0,
        _ => fields.size_or("pad_token_id", config.vocab_size - 1, 1)?,
    };
    config.count_from_padding(fields, pad)?;
    Ok(config)
}
