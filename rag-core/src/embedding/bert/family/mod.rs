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
use super::fields::Fields;
use crate::error::Result;

/// What a family calls its tensors. A layer's stand behind `layers`, its number and a dot.
#[derive(Debug)]
pub(in super::super) struct Names {
    /// What may stand before every name, where the model was saved with a head.
    pub(super) prefixes: &'static [&'static str],
    pub(super) words: &'static str,
    pub(super) positions: &'static str,
    pub(super) types: &'static str,
    pub(super) norm: &'static str,
    pub(super) layers: &'static str,
    /// One layer for queries, keys and values in this order, or three.
    pub(super) qkv: &'static [&'static str],
    pub(super) after_attention: &'static str,
    pub(super) attention_norm: &'static str,
    /// The widening layer. Where it is gated: the activated part and the other, or one layer for
    /// both in this order.
    pub(super) widen: &'static [&'static str],
    pub(super) narrow: &'static str,
    pub(super) output_norm: &'static str,
    /// The table of addends by distance.
    pub(super) relative: &'static str,
    pub(super) final_norm: &'static str,
}

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
            "\"bert\", \"roberta\", \"xlm-roberta\", \"camembert\", \"mpnet\", \"distilbert\", \
             \"modernbert\" and \"nomic_bert\"",
        )),
    }
}
