//! JinaBERT (Günther and others, 2023), the second generation of Jina's encoders: BERT with gated
//! feed-forward parts, and scores that fall with the distance (Press and others, 2022) in the
//! place of positions.

use super::encoder::Encoder;
use super::source::Source;
use super::{Family, Network};
use crate::embedding::bert::config::{Biases, Config, Keys, MOST_TYPES};
use crate::embedding::bert::family::Names;
use crate::embedding::encoder::{Plan, Sizes};
use crate::embedding::fields::Fields;
use crate::embedding::fingerprint::Fingerprint;
use crate::error::Result;
use crate::kernel::Nonlinearity;
use serde_json::json;

const NAMES: Names = Names {
    prefixes: &["", "bert."],
    words: "embeddings.word_embeddings",
    positions: "",
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
    widen: &["mlp.gated_layers"],
    narrow: "mlp.wo",
    output_norm: "mlp.layernorm",
    relative: "",
    final_norm: "",
};

pub(super) struct Jina(Config);

impl Jina {
    pub(super) fn describe(fields: &Fields<'_>) -> Result<Self> {
        fields.only(&[("is_decoder", json!(false))])?;
        let mut config = Config::sizes(fields, &NAMES, Keys::USUAL)?;
        config.type_vocab_size = fields.size_or("type_vocab_size", MOST_TYPES, 2)?;
        config.layer_norm_eps = Config::eps(fields, "layer_norm_eps", 1e-12)?;
        config.gated = true;
        config.activation = match fields.text("feed_forward_type", "original")? {
            "geglu" => Nonlinearity::Gelu,
            "reglu" => Nonlinearity::Relu,
            other => {
                let found = format!("\"{other}\"");
                let known = "\"geglu\" and \"reglu\"";
                return Err(fields.unsupported("feed_forward_type", found, known));
            }
        };
        config.biases = Biases {
            widen: false,
            ..Biases::ALL
        };
        config.check(fields)?;
        Ok(Self(config))
    }
}

impl Family for Jina {
    fn sizes(&self) -> Sizes {
        Plan::sizes(&self.0)
    }

    fn name(&self) -> &'static str {
        "jina"
    }

    fn fingerprint(&self, hash: &mut Fingerprint) {
        self.0.fingerprint(hash);
    }

    fn read(&self, source: &Source<'_>) -> Result<Box<dyn Network>> {
        let slopes = slopes(self.0.num_attention_heads);
        Ok(Box::new(Encoder::read(&self.0, source, Some(slopes))?))
    }
}

/// A geometric series from `2^(-8 / heads)` on for a power of two; for another number, that of
/// the power below it and every second of the one above.
fn slopes(heads: usize) -> Vec<f32> {
    let series = |heads: usize| (1..=heads).map(move |i| 2f64.powf(-8.0 * i as f64 / heads as f64));
    let below = 1 << heads.ilog2();
    let all = series(below).chain(series(2 * below).step_by(2));
    all.take(heads).map(|slope| slope as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::slopes;

    #[test]
    fn slopes_are_those_of_the_paper() {
        let powers = |slopes: Vec<f32>| slopes.iter().map(|s| -s.log2()).collect::<Vec<f32>>();
        assert_eq!(powers(slopes(1)), [8.0]);
        assert_eq!(powers(slopes(8)), [1., 2., 3., 4., 5., 6., 7., 8.]);
        let twelve = [1., 2., 3., 4., 5., 6., 7., 8., 0.5, 1.5, 2.5, 3.5];
        let got = powers(slopes(12));
        assert!(
            got.iter().zip(twelve).all(|(a, b)| (a - b).abs() < 1e-5),
            "{got:?}"
        );
    }
}
