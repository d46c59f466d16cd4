//! Decoders that are used as encoders (Qwen2, Qwen3, Llama, Mistral): a token sees those before
//! it, and the last one stands for the text.

use super::attention::{Addend, Heads, Shared, angles, attend, split, turn};
use super::layers::{FeedForward, Linear, Norm, look_up};
use super::pass::Pass;
use super::source::Source;
use super::{Family, Network};
use crate::embedding::bert::config::{
    Config, MOST_HEADS, MOST_HIDDEN, MOST_LAYERS, MOST_POSITIONS, MOST_WIDE, MOST_WORDS,
};
use crate::embedding::encoder::Sizes;
use crate::embedding::fields::Fields;
use crate::embedding::fingerprint::Fingerprint;
use crate::error::Result;
use crate::kernel::Nonlinearity;
use candle_core::{Result as Computed, Tensor};
use serde_json::json;

#[derive(Clone)]
pub(super) struct Decoder {
    sizes: Sizes,
    layers: usize,
    heads: usize,
    /// Heads of keys and values, each of which serves several of queries.
    shared_heads: usize,
    head: usize,
    wide: usize,
    theta: f64,
    eps: f32,
    /// Whether a token sees only what stands before it.
    causal: bool,
    /// Whether queries, keys and values have addends, whether what follows attention has, and
    /// the feed-forward part.
    biases: [bool; 3],
    /// Whether the queries and keys of a head are normalised.
    norms: bool,
}

impl Decoder {
    pub(super) fn describe(fields: &Fields<'_>) -> Result<Self> {
        fields.only(&[
            ("hidden_act", json!("silu")),
            ("use_sliding_window", json!(false)),
        ])?;
        fields.none_of(&["rope_scaling", "quantization_config"])?;
        let kinds = fields.get("layer_types").and_then(|kinds| kinds.as_array());
        let other = |kind: &&serde_json::Value| *kind != "full_attention";
        if let Some(kind) = kinds.and_then(|kinds| kinds.iter().find(other)) {
            return Err(fields.unsupported("a kind in layer_types", kind, "full_attention"));
        }
        let family = fields.text("model_type", "")?;
        let hidden = fields.size(&["hidden_size"], MOST_HIDDEN)?;
        let heads = fields.size(&["num_attention_heads"], MOST_HEADS)?;
        let shared_heads = fields.size_or("num_key_value_heads", MOST_HEADS, heads)?;
        if !heads.is_multiple_of(shared_heads) {
            let wanted = format!("a divisor of the {heads} attention heads");
            return fields.invalid("num_key_value_heads", &wanted, shared_heads);
        }
        let head = fields.size_or("head_dim", MOST_HIDDEN, hidden / heads)?;
        if head == 0 || head % 2 == 1 {
            let wanted = "even and more than 0, as rotary positions turn pairs of numbers";
            return fields.invalid("head_dim", wanted, head);
        }
        let mut longest = fields.size(&["max_position_embeddings"], MOST_POSITIONS)?;
        if family == "mistral" {
            // Up to the window's width, a layer with one is a layer without.
            let window = fields.size_or("sliding_window", usize::MAX, longest)?;
            longest = longest.min(window);
        }
        let mut theta = fields.between("rope_theta", 1.0, 1e12, 10_000.0)?;
        if let Some(own) = fields.part("rope_parameters")? {
            own.only(&[("rope_type", json!("default"))])?;
            own.none_of(&["factor", "partial_rotary_factor"])?;
            theta = own.between("rope_theta", 1.0, 1e12, theta)?;
        }
        let attention = fields.flag("attention_bias", false)?;
        let biases = match family {
            "qwen2" => [true, false, false],
            "qwen3" => [attention, attention, false],
            "llama" => [attention, attention, fields.flag("mlp_bias", false)?],
            _ => [false; 3],
        };
        Ok(Self {
            sizes: Sizes {
                hidden,
                vocabulary: fields.size(&["vocab_size"], MOST_WORDS)?,
                kinds: 0,
                longest,
            },
            layers: fields.size(&["num_hidden_layers"], MOST_LAYERS)?,
            heads,
            shared_heads,
            head,
            wide: fields.size(&["intermediate_size"], MOST_WIDE)?,
            theta,
            eps: Config::eps(fields, "rms_norm_eps", 1e-6)?,
            causal: fields.flag("is_causal", true)?,
            biases,
            norms: family == "qwen3",
        })
    }

    fn layer(&self, source: &Source<'_>, prefix: &str, i: usize) -> Result<Layer> {
        let (size, wide) = (self.sizes.hidden, self.wide);
        let (inner, shared) = (self.heads * self.head, self.shared_heads * self.head);
        let [qkv, after, feed] = self.biases;
        let at = |name: &str| format!("{prefix}layers.{i}.{name}");
        let linear = |name, inputs, outputs, bias| source.linear(&at(name), inputs, outputs, bias);
        let norm = |name, size| source.rms(&at(name), size, self.eps);
        Ok(Layer {
            attention_norm: norm("input_layernorm", size)?,
            queries: linear("self_attn.q_proj", size, inner, qkv)?,
            keys: linear("self_attn.k_proj", size, shared, qkv)?,
            values: linear("self_attn.v_proj", size, shared, qkv)?,
            head_norms: match self.norms {
                true => Some([
                    norm("self_attn.q_norm", self.head)?,
                    norm("self_attn.k_norm", self.head)?,
                ]),
                false => None,
            },
            after_attention: linear("self_attn.o_proj", inner, size, after)?,
            norm: norm("post_attention_layernorm", size)?,
            feed_forward: FeedForward {
                widen: vec![
                    linear("mlp.gate_proj", size, wide, feed)?,
                    linear("mlp.up_proj", size, wide, feed)?,
                ],
                gated: true,
                narrow: linear("mlp.down_proj", wide, size, feed)?,
                activation: Nonlinearity::Silu,
            },
        })
    }
}

impl Family for Decoder {
    fn sizes(&self) -> Sizes {
        self.sizes
    }

    fn name(&self) -> &'static str {
        "decoder"
    }

    fn fingerprint(&self, hash: &mut Fingerprint) {
        hash.word(self.heads as u64);
        hash.word(self.shared_heads as u64);
        hash.word(u64::from(self.eps.to_bits()));
        hash.word(self.theta.to_bits());
        hash.word(u64::from(self.causal));
    }

    fn read(&self, source: &Source<'_>) -> Result<Box<dyn Network>> {
        let prefix = source.prefix(&["", "model."], "embed_tokens.weight")?;
        let (rows, size) = (self.sizes.vocabulary, self.sizes.hidden);
        let layers = (0..self.layers).map(|i| self.layer(source, prefix, i));
        Ok(Box::new(Stack {
            words: source.table(&format!("{prefix}embed_tokens"), rows, size)?,
            layers: layers.collect::<Result<_>>()?,
            last_norm: source.rms(&format!("{prefix}norm"), size, self.eps)?,
            settings: self.clone(),
        }))
    }
}

struct Stack {
    settings: Decoder,
    words: Tensor,
    layers: Vec<Layer>,
    last_norm: Norm,
}

struct Layer {
    attention_norm: Norm,
    queries: Linear,
    keys: Linear,
    values: Linear,
    head_norms: Option<[Norm; 2]>,
    after_attention: Linear,
    norm: Norm,
    feed_forward: FeedForward,
}

impl Network for Stack {
    fn hidden(&self, pass: &Pass<'_>) -> Computed<Tensor> {
        let settings = &self.settings;
        let mut rows = look_up(&self.words, &pass.ids()?)?;
        let turns = angles(pass, settings.theta, settings.head)?;
        let ahead = Shared::new(pass, |from, count| {
            pass.never(&pass.distances(from, count)?.gt(0f32)?)
        });
        let addends: &[&dyn Addend] = if settings.causal { &[&ahead] } else { &[] };
        for layer in &self.layers {
            let input = layer.attention_norm.apply(&rows)?;
            let heads = layer.heads(pass, settings, &input, &turns)?;
            let context = attend(pass, &heads, layer.queries.dtype(), addends)?;
            rows = (rows + layer.after_attention.apply(&context)?)?;
            let input = layer.norm.apply(&rows)?;
            rows = (rows + layer.feed_forward.apply(&input)?)?;
        }
        self.last_norm.apply(&rows)
    }
}

impl Layer {
    fn heads(
        &self,
        pass: &Pass<'_>,
        settings: &Decoder,
        input: &Tensor,
        turns: &(Tensor, Tensor),
    ) -> Computed<Heads> {
        let (heads, shared) = (settings.heads, settings.shared_heads);
        let mut queries = split(pass, &self.queries.apply(input)?, heads)?;
        let mut keys = split(pass, &self.keys.apply(input)?, shared)?;
        let values = split(pass, &self.values.apply(input)?, shared)?;
        if let Some([of_queries, of_keys]) = &self.head_norms {
            (queries, keys) = (of_queries.apply(&queries)?, of_keys.apply(&keys)?);
        }
        Ok(Heads {
            queries: turn(&queries, turns)?,
            keys: repeat(&turn(&keys, turns)?, heads / shared)?,
            values: repeat(&values, heads / shared)?,
            scale: 1.0 / (settings.head as f64).sqrt(),
        })
    }
}

/// Each head `times` times, one after the other.
fn repeat(heads: &Tensor, times: usize) -> Computed<Tensor> {
    if times == 1 {
        return Ok(heads.clone());
    }
    let (texts, count, longest, size) = heads.dims4()?;
    let wide = heads.unsqueeze(2)?;
    let wide = wide.broadcast_as((texts, count, times, longest, size))?;
    wide.contiguous()?
        .reshape((texts, count * times, longest, size))
}
