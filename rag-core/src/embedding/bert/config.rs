//! What the network needs to know of a model, in words that fit every family.
//!
//! One network runs them all; a family (see `family`) says where its config.json keeps these
//! settings and what its tensors are called. Every size is bounded here and checked against the
//! tensors before it is used.

use super::family::{self, Names};
use crate::embedding::fields::Fields;
use crate::embedding::fingerprint::Fingerprint;
use crate::error::Result;
use crate::kernel::Nonlinearity;

pub(in crate::embedding) const MOST_HIDDEN: usize = 1 << 14;
pub(in crate::embedding) const MOST_WIDE: usize = 1 << 16;
pub(in crate::embedding) const MOST_HEADS: usize = 1 << 10;
pub(in crate::embedding) const MOST_LAYERS: usize = 1 << 10;
pub(in crate::embedding) const MOST_WORDS: usize = 4_000_000;
/// Positions that a text can have.
pub(in crate::embedding) const MOST_POSITIONS: usize = 1 << 17;
pub(in crate::embedding) const MOST_TYPES: usize = 1 << 10;

/// Reads the function of the feed-forward part, by the name that transformers gives it.
pub(in crate::embedding) fn nonlinearity(
    fields: &Fields<'_>,
    setting: &str,
    default: &str,
) -> Result<Nonlinearity> {
    match fields.text(setting, default)? {
        "gelu" | "gelu_python" => Ok(Nonlinearity::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" | "gelu_python_tanh" | "gelu_fast" | "gelu_accurate" => {
            Ok(Nonlinearity::GeluTanh)
        }
        "relu" => Ok(Nonlinearity::Relu),
        "silu" | "swish" => Ok(Nonlinearity::Silu),
        other => Err(fields.unsupported(
            setting,
            format!("\"{other}\""),
            "one of gelu, gelu_new, gelu_pytorch_tanh, relu and silu",
        )),
    }
}

/// How a token knows its place in the text.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::embedding) enum Positions {
    /// A learnt vector for each place, added to the token's.
    Table {
        /// Rows of the table.
        rows: usize,
        /// The padding token, where the family counts from behind its id and leaves it out.
        pad: Option<u32>,
    },
    /// Queries and keys turned by angles that grow with the place (Su and others, 2021).
    Rotary {
        /// The base of the angles in layers that see the whole text.
        theta: f64,
        /// The same in layers that see a window.
        local_theta: f64,
    },
}

impl Positions {
    /// Counts the places of a text's tokens, from its first on.
    pub(in crate::embedding) fn count(&self) -> Places {
        let pad = match self {
            Self::Table { pad, .. } => *pad,
            Self::Rotary { .. } => None,
        };
        Places {
            pad,
            next: pad.map_or(0, |pad| pad as usize + 1),
        }
    }
}

/// See [`Positions::count`].
pub(in crate::embedding) struct Places {
    pad: Option<u32>,
    next: usize,
}

impl Places {
    /// The row of the next token's place. A padding token that a text spells out has the row of
    /// its own id and is not counted.
    pub(in crate::embedding) fn next(&mut self, id: u32) -> usize {
        match self.pad {
            Some(pad) if pad == id => pad as usize,
            _ => {
                self.next += 1;
                self.next - 1
            }
        }
    }
}

/// Which linear layers and norms have an addend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::embedding) struct Biases {
    pub(in crate::embedding) attention: bool,
    pub(in crate::embedding) widen: bool,
    pub(in crate::embedding) narrow: bool,
    pub(in crate::embedding) norms: bool,
}

impl Biases {
    pub(in crate::embedding) const ALL: Self = Self {
        attention: true,
        widen: true,
        narrow: true,
        norms: true,
    };
}

/// A model's sizes and choices.
#[derive(Clone, Debug)]
pub(in crate::embedding) struct Config {
    pub(in crate::embedding) names: &'static Names,
    pub(in crate::embedding) hidden_size: usize,
    pub(in crate::embedding) intermediate_size: usize,
    pub(in crate::embedding) num_attention_heads: usize,
    pub(in crate::embedding) num_hidden_layers: usize,
    pub(in crate::embedding) vocab_size: usize,
    /// Kinds of token that have a vector of their own; 0: the family has none.
    pub(in crate::embedding) type_vocab_size: usize,
    pub(in crate::embedding) layer_norm_eps: f32,
    pub(in crate::embedding) activation: Nonlinearity,
    /// Whether the widened vector is a product of two, one of them activated (Shazeer, 2020).
    pub(in crate::embedding) gated: bool,
    /// Whether norms stand before attention and the feed-forward part, with one more at the end,
    /// and none before the first attention; else they stand behind each.
    pub(in crate::embedding) norm_first: bool,
    pub(in crate::embedding) positions: Positions,
    /// Whether scores have an addend that is learnt for the distance of query and key.
    pub(in crate::embedding) relative: bool,
    /// How far a token sees to either side in the layers that `local` names.
    pub(in crate::embedding) window: usize,
    /// Layers that see only the window.
    pub(in crate::embedding) local: Vec<bool>,
    pub(in crate::embedding) biases: Biases,
    /// Tokens of the longest text.
    pub(in crate::embedding) longest: usize,
}

impl Config {
    /// Reads a config.json; the family is its `model_type`.
    pub(in crate::embedding) fn read(fields: &Fields<'_>) -> Result<Self> {
        let config = family::read(fields)?;
        config.check(fields)?;
        Ok(config)
    }

    /// The sizes that all families have, under the names that most of them use; all else is as
    /// in BERT (Devlin and others, 2019).
    pub(in crate::embedding) fn sizes(
        fields: &Fields<'_>,
        names: &'static Names,
        keys: Keys,
    ) -> Result<Self> {
        let num_hidden_layers = fields.size(keys.layers, MOST_LAYERS)?;
        let longest = fields.size(keys.positions, MOST_POSITIONS)?;
        Ok(Self {
            names,
            hidden_size: fields.size(keys.hidden, MOST_HIDDEN)?,
            intermediate_size: fields.size(keys.wide, MOST_WIDE)?,
            num_attention_heads: fields.size(keys.heads, MOST_HEADS)?,
            num_hidden_layers,
            vocab_size: fields.size(&["vocab_size"], MOST_WORDS)?,
            type_vocab_size: 0,
            layer_norm_eps: 1e-12,
            activation: Nonlinearity::Gelu,
            gated: false,
            norm_first: false,
            positions: Positions::Table {
                rows: longest,
                pad: None,
            },
            relative: false,
            window: 0,
            local: vec![false; num_hidden_layers],
            biases: Biases::ALL,
            longest,
        })
    }

    /// Counts positions from behind the padding token's id, as fairseq does: a table of 514 rows
    /// then serves texts of 512 tokens.
    pub(in crate::embedding) fn count_from_padding(
        &mut self,
        fields: &Fields<'_>,
        pad: usize,
    ) -> Result<()> {
        let rows = self.longest;
        if rows <= pad + 1 {
            return fields.invalid(
                "max_position_embeddings",
                &format!(
                    "more than {}, as positions begin behind pad_token_id",
                    pad + 1
                ),
                rows,
            );
        }
        self.longest = rows - pad - 1;
        self.positions = Positions::Table {
            rows,
            pad: Some(pad as u32),
        };
        Ok(())
    }

    pub(in crate::embedding) fn eps(fields: &Fields<'_>, name: &str, default: f64) -> Result<f32> {
        Ok(fields.between(name, 0.0, 1.0, default)? as f32)
    }

    pub(in crate::embedding) fn check(&self, fields: &Fields<'_>) -> Result<()> {
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return fields.invalid(
                "hidden_size",
                &format!(
                    "a multiple of the {} attention heads",
                    self.num_attention_heads
                ),
                self.hidden_size,
            );
        }
        if matches!(self.positions, Positions::Rotary { .. }) && self.head_size() % 2 == 1 {
            return fields.invalid(
                "hidden_size / num_attention_heads",
                "even, as rotary positions turn pairs of numbers",
                self.head_size(),
            );
        }
        Ok(())
    }

    /// Floats in a head's part of a vector.
    pub(in crate::embedding) fn head_size(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    /// Adds what decides the vectors and cannot be seen from the weights. BERT's own choices
    /// leave no trace.
    pub(in crate::embedding) fn fingerprint(&self, hash: &mut Fingerprint) {
        hash.word(self.num_attention_heads as u64);
        hash.word(u64::from(self.layer_norm_eps.to_bits()));
        let choices = format!(
            "{:?} {} {} {:?} {} {} {:?}",
            self.activation,
            self.gated,
            self.norm_first,
            self.positions,
            self.relative,
            self.window,
            self.local
        );
        let berts = matches!(self.positions, Positions::Table { pad: None, .. })
            && self.activation == Nonlinearity::Gelu
            && !self.gated
            && !self.norm_first
            && !self.relative;
        if !berts {
            hash.bytes(choices.as_bytes());
        }
    }
}

/// What a family calls its sizes in config.json; where there are several names, the first that
/// is there counts.
#[derive(Clone, Copy)]
pub(in crate::embedding) struct Keys {
    pub(in crate::embedding) hidden: &'static [&'static str],
    pub(in crate::embedding) wide: &'static [&'static str],
    pub(in crate::embedding) heads: &'static [&'static str],
    pub(in crate::embedding) layers: &'static [&'static str],
    pub(in crate::embedding) positions: &'static [&'static str],
}

impl Keys {
    pub(in crate::embedding) const USUAL: Self = Self {
        hidden: &["hidden_size"],
        wide: &["intermediate_size"],
        heads: &["num_attention_heads"],
        layers: &["num_hidden_layers"],
        positions: &["max_position_embeddings"],
    };
}
