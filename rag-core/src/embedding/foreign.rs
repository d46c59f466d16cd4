//! Architectures that our own engine does not know and candle's arithmetic runs.
//!
//! Their names are known to every build, so that one without candle can say what it lacks.

use super::bert;
use super::fields::Fields;
use crate::error::{Error, Result};

/// The values of `model_type`; BERT with ALiBi (the second Jina) calls itself "bert".
pub(super) const TYPES: [&str; 7] = [
    "t5",
    "mt5",
    "deberta-v2",
    "qwen2",
    "qwen3",
    "llama",
    "mistral",
];

/// Whether a config.json describes one of them.
pub(super) fn is(fields: &Fields<'_>) -> Result<bool> {
    let family = fields.text("model_type", "")?;
    let alibi = || Ok(fields.text("position_embedding_type", "")? == "alibi");
    Ok(TYPES.contains(&family) || family == "bert" && alibi()?)
}

/// The refusal of a model that this build does not run.
pub(super) fn refusal(fields: &Fields<'_>, family: &str) -> Error {
    let more = match cfg!(feature = "candle") {
        true => ", ",
        false => ", and in a build with the cargo feature candle (docs/embedding.md says how) ",
    };
    if family == "bert" {
        let known = format!("\"absolute\"{more}\"alibi\"");
        return fields.unsupported("position_embedding_type", "\"alibi\"", known);
    }
    let known = format!("{}{more}{}", listed(&bert::TYPES), listed(&TYPES));
    fields.unsupported("model_type", format!("\"{family}\""), known)
}

/// The names in quotation marks.
fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(", ")
}
