//! The encoder of T5 (Raffel and others, 2020), as in sentence-T5 and GTR, and of mT5.

use super::attention::{Addend, Heads, Shared, attend, by_distance, split};
use super::layers::{FeedForward, Linear, Norm, look_up};
use super::pass::Pass;
use super::source::Source;
use super::{Family, Network};
use crate::embedding::bert::config::{
    Config, MOST_HEADS, MOST_HIDDEN, MOST_LAYERS, MOST_POSITIONS, MOST_WIDE, MOST_WORDS,
};
use crate::embedding::bert::relative;
use crate::embedding::encoder::Sizes;
use crate::embedding::fields::Fields;
use crate::embedding::fingerprint::Fingerprint;
use crate::error::Result;
use crate::kernel::Nonlinearity;
use candle_core::{Result as Computed, Tensor};
use serde_json::json;

pub(super) struct T5 {
    sizes: Sizes,
    layers: usize,
    heads: usize,
    /// Floats of a head, whatever the hidden size.
    head: usize,
    wide: usize,
    gated: bool,
    activation: Nonlinearity,
    eps: f32,
}

impl T5 {
    pub(super) fn describe(fields: &Fields<'_>) -> Result<Self> {
        fields.only(&[
            ("relative_attention_num_buckets", json!(relative::BUCKETS)),
            ("relative_attention_max_distance", json!(128)),
        ])?;
        let (gated, activation) = match fields.text("feed_forward_proj", "relu")? {
            "relu" => (false, Nonlinearity::Relu),
            "gated-gelu" => (true, Nonlinearity::GeluTanh),
            "gated-silu" => (true, Nonlinearity::Silu),
            other => {
                let found = format!("\"{other}\"");
                let known = "\"relu\", \"gated-gelu\" and \"gated-silu\"";
                return Err(fields.unsupported("feed_forward_proj", found, known));
            }
        };
        let longest = fields.size_or("n_positions", MOST_POSITIONS, 512)?;
        Ok(Self {
            sizes: Sizes {
                hidden: fields.size(&["d_model"], MOST_HIDDEN)?,
                vocabulary: fields.size(&["vocab_size"], MOST_WORDS)?,
                kinds: 0,
                longest,
            },
            layers: fields.size(&["num_layers"], MOST_LAYERS)?,
            heads: fields.size(&["num_heads"], MOST_HEADS)?,
            head: fields.size(&["d_kv"], MOST_HIDDEN)?,
            wide: fields.size(&["d_ff"], MOST_WIDE)?,
            gated,
            activation,
            eps: Config::eps(fields, "layer_norm_epsilon", 1e-6)?,
        })
    }

    fn layer(&self, source: &Source<'_>, i: usize) -> Result<Layer> {
        let (size, wide) = (self.sizes.hidden, self.wide);
        let inner = self.heads * self.head;
        let at = |name: &str| format!("encoder.block.{i}.layer.{name}");
        let linear = |name, inputs, outputs| source.linear(&at(name), inputs, outputs, false);
        let widen: &[&str] = match self.gated {
            true => &["1.DenseReluDense.wi_0", "1.DenseReluDense.wi_1"],
            false => &["1.DenseReluDense.wi"],
        };
        let widen = widen.iter().map(|name| linear(name, size, wide));
        Ok(Layer {
            attention_norm: source.rms(&at("0.layer_norm"), size, self.eps)?,
            queries: linear("0.SelfAttention.q", size, inner)?,
            keys: linear("0.SelfAttention.k", size, inner)?,
            values: linear("0.SelfAttention.v", size, inner)?,
            after_attention: linear("0.SelfAttention.o", inner, size)?,
            norm: source.rms(&at("1.layer_norm"), size, self.eps)?,
            feed_forward: FeedForward {
                widen: widen.collect::<Result<_>>()?,
                gated: self.gated,
                narrow: linear("1.DenseReluDense.wo", wide, size)?,
                activation: self.activation,
            },
        })
    }
}

impl Family for T5 {
    fn sizes(&self) -> Sizes {
        self.sizes
    }

    fn name(&self) -> &'static str {
        "t5"
    }

    fn fingerprint(&self, hash: &mut Fingerprint) {
        hash.word(self.heads as u64);
        hash.word(u64::from(self.eps.to_bits()));
        hash.bytes(format!("{:?}", self.activation).as_bytes());
    }

    fn read(&self, source: &Source<'_>) -> Result<Box<dyn Network>> {
        let size = self.sizes.hidden;
        let words = ["shared", "encoder.embed_tokens"];
        let words = words
            .iter()
            .find(|name| source.has(&format!("{name}.weight")));
        let words = source.table(words.unwrap_or(&"shared"), self.sizes.vocabulary, size)?;
        let relative = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight";
        let layers = (0..self.layers).map(|i| self.layer(source, i));
        Ok(Box::new(Encoder {
            heads: self.heads,
            words,
            relative: source.floats(relative, &[relative::BUCKETS, self.heads])?,
            layers: layers.collect::<Result<_>>()?,
            last_norm: source.rms("encoder.final_layer_norm", size, self.eps)?,
        }))
    }
}

struct Encoder {
    heads: usize,
    words: Tensor,
    /// A row for each bucket of distances; all layers share it.
    relative: Vec<f32>,
    layers: Vec<Layer>,
    last_norm: Norm,
}

struct Layer {
    attention_norm: Norm,
    queries: Linear,
    keys: Linear,
    values: Linear,
    after_attention: Linear,
    norm: Norm,
    feed_forward: FeedForward,
}

impl Network for Encoder {
    fn hidden(&self, pass: &Pass<'_>) -> Computed<Tensor> {
        let mut rows = look_up(&self.words, &pass.ids()?)?;
        let floats = relative::by_distance(&self.relative, self.heads, pass.longest);
        let shape = (self.heads, 2 * pass.longest - 1);
        let table = Tensor::from_vec(floats, shape, pass.device)?;
        let relative = Shared::new(pass, |from, count| {
            by_distance(pass, &table, self.heads, from, count)
        });
        let addends: [&dyn Addend; 1] = [&relative];
        for layer in &self.layers {
            let input = layer.attention_norm.apply(&rows)?;
            let part = |linear: &Linear| split(pass, &linear.apply(&input)?, self.heads);
            // T5 trains with the scale in its weights.
            let heads = Heads {
                queries: part(&layer.queries)?,
                keys: part(&layer.keys)?,
                values: part(&layer.values)?,
                scale: 1.0,
            };
            let context = attend(pass, &heads, layer.queries.dtype(), &addends)?;
            rows = (rows + layer.after_attention.apply(&context)?)?;
            let input = layer.norm.apply(&rows)?;
            rows = (rows + layer.feed_forward.apply(&input)?)?;
        }
        self.last_norm.apply(&rows)
    }
}
