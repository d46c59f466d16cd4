//! config.json of the BERT family.

use crate::embedding::folder::{required, unsupported};
use crate::error::{Error, Result};
use serde::Deserialize;
use std::path::Path;

/// The sizes of the model. Every one is checked against the tensors before it is used.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    hidden_act: String,
    position_embedding_type: Option<String>,
    pub(super) hidden_size: usize,
    pub(super) intermediate_size: usize,
    pub(super) num_attention_heads: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) vocab_size: usize,
    pub(super) max_position_embeddings: usize,
    #[serde(default = "two")]
    pub(super) type_vocab_size: usize,
    #[serde(default = "tiny")]
    pub(super) layer_norm_eps: f32,
}

fn two() -> usize {
    2
}

fn tiny() -> f32 {
    1e-12
}

impl Config {
    pub(super) fn read(path: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Kind {
            #[serde(default)]
            model_type: String,
        }
        // The kind first: another architecture's config lacks some of the fields.
        let kind: Kind = required(path)?;
        if kind.model_type != "bert" {
            return Err(unsupported(
                path,
                format!("model_type is \"{}\"; \"bert\" can be run", kind.model_type),
            ));
        }
        let config: Self = required(path)?;
        config.check(path)?;
        Ok(config)
    }

    fn check(&self, path: &Path) -> Result<()> {
        if self.hidden_act != "gelu" {
            return Err(unsupported(
                path,
                format!("hidden_act is \"{}\"; \"gelu\" can be run", self.hidden_act),
            ));
        }
        if let Some(other) = self.position_embedding_type.as_deref()
            && other != "absolute"
        {
            return Err(unsupported(
                path,
                format!("position_embedding_type is \"{other}\"; \"absolute\" can be run"),
            ));
        }
        let refuse = |name: &str, value: String, wanted: &str| {
            Err(Error::invalid(format!(
                "{}: {name} must be {wanted}, got {value}",
                path.display()
            ))
            .with_file(path))
        };
        for (name, value, most) in [
            ("hidden_size", self.hidden_size, 1 << 14),
            ("intermediate_size", self.intermediate_size, 1 << 16),
            ("num_attention_heads", self.num_attention_heads, 1 << 10),
            ("num_hidden_layers", self.num_hidden_layers, 1 << 10),
            ("vocab_size", self.vocab_size, 4_000_000),
            (
                "max_position_embeddings",
                self.max_position_embeddings,
                1 << 17,
            ),
            ("type_vocab_size", self.type_vocab_size, 1 << 10),
        ] {
            if !(1..=most).contains(&value) {
                return refuse(name, value.to_string(), &format!("in 1..={most}"));
            }
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return refuse(
                "hidden_size",
                self.hidden_size.to_string(),
                &format!(
                    "a multiple of the {} attention heads",
                    self.num_attention_heads
                ),
            );
        }
        let eps = self.layer_norm_eps;
        if !(eps > 0.0 && eps < 1.0) {
            return refuse("layer_norm_eps", eps.to_string(), "between 0 and 1");
        }
        Ok(())
    }

    /// Floats in a head's part of a vector.
    pub(super) fn head_size(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }
}
