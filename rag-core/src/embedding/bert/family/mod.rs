//! The families of encoders, one file each: what their config.json and their tensors are called.
//!
//! To add one, write its reader and its [`Names`], and give it a line in [`read`] and a model in
//! `reference/models.py`.

mod bert;
mod distilbert;
mod modernbert;
mod mpnet;
mod nomic;

use super::config::Config;
use crate::embedding::fields::Fields;
use crate::error::Result;

/// What a family calls its tensors. A layer's stand behind `layers`, its number and a dot.
#[derive(Debug)]
pub(in crate::embedding) struct Names {
    /// What may stand before every name, where the model was saved with a head.
    pub(in crate::embedding) prefixes: &'static [&'static str],
    pub(in crate::embedding) words: &'static str,
    pub(in crate::embedding) positions: &'static str,
    pub(in crate::embedding) types: &'static str,
    pub(in crate::embedding) norm: &'static str,
    pub(in crate::embedding) layers: &'static str,
    /// One layer for queries, keys and values in this order, or three.
    pub(in crate::embedding) qkv: &'static [&'static str],
    pub(in crate::embedding) after_attention: &'static str,
    pub(in crate::embedding) attention_norm: &'static str,
    /// The widening layer. Where it is gated: the activated part and the other, or one layer for
    /// both in this order.
    pub(in crate::embedding) widen: &'static [&'static str],
    pub(in crate::embedding) narrow: &'static str,
    pub(in crate::embedding) output_norm: &'static str,
    /// The table of addends by distance.
    pub(in crate::embedding) relative: &'static str,
    pub(in crate::embedding) final_norm: &'static str,
}

/// The values of `model_type` that are known.
pub(in crate::embedding) const TYPES: [&str; 8] = [
    "bert",
    "roberta",
    "xlm-roberta",
    "camembert",
    "mpnet",
    "distilbert",
    "modernbert",
    "nomic_bert",
];

/// Reads the settings of the family that `model_type` names.
pub(super) fn read(fields: &Fields<'_>) -> Result<Config> {
    match fields.text("model_type", "")? {
        "bert" => bert::read(fields),
        "roberta" | "xlm-roberta" | "camembert" => bert::read_roberta(fields),
        "mpnet" => mpnet::read(fields),
        "distilbert" => distilbert::read(fields),
        "modernbert" => modernbert::read(fields),
        "nomic_bert" => nomic::read(fields),
        other => Err(fields.unsupported(
            "model_type",
            format!("\"{other}\""),
            TYPES.map(|name| format!("\"{name}\"")).join(", "),
        )),
    }
}
