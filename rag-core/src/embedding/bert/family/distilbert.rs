//! DistilBERT (Sanh and others, 2019): BERT's network without token types, under other names.

use super::Names;
use crate::embedding::bert::config::{Config, Keys, nonlinearity};
use crate::embedding::fields::Fields;
use crate::error::Result;

const NAMES: Names = Names {
    prefixes: &["", "distilbert."],
    words: "embeddings.word_embeddings",
    positions: "embeddings.position_embeddings",
    types: "",
    norm: "embeddings.LayerNorm",
    layers: "transformer.layer.",
    qkv: &["attention.q_lin", "attention.k_lin", "attention.v_lin"],
    after_attention: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    widen: &["ffn.lin1"],
    narrow: "ffn.lin2",
    output_norm: "output_layer_norm",
    relative: "",
    final_norm: "",
};

/// `sinusoidal_pos_embds` says how the table of positions was filled; it is in the file either
/// way.
pub(super) fn read(fields: &Fields<'_>) -> Result<Config> {
    let keys = Keys {
        hidden: &["dim", "hidden_size"],
        wide: &["hidden_dim", "intermediate_size"],
        heads: &["n_heads", "num_attention_heads"],
        layers: &["n_layers", "num_hidden_layers"],
        ..Keys::USUAL
    };
    let mut config = Config::sizes(fields, &NAMES, keys)?;
    config.activation = nonlinearity(fields, "activation", "gelu")?;
    Ok(config)
}
