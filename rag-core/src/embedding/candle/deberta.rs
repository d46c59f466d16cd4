//! DeBERTa of the second and third version (He and others, 2021): what a score owes to places is
//! a product of its own, of the query with the place of the key and of the key with that of the
//! query. No other positions.

use super::attention::{Addend, Heads, Shared, attend, split};
use super::layers::{FeedForward, Linear, Norm, look_up};
use super::pass::Pass;
use super::source::Source;
use super::{Family, Network};
use crate::embedding::bert::config::{
    Config, MOST_HEADS, MOST_HIDDEN, MOST_LAYERS, MOST_POSITIONS, MOST_WIDE, MOST_WORDS,
    nonlinearity,
};
use crate::embedding::encoder::Sizes;
use crate::embedding::fields::Fields;
use crate::embedding::fingerprint::Fingerprint;
use crate::error::Result;
use crate::kernel::Nonlinearity;
use candle_core::{D, DType, Result as Computed, Tensor};
use serde_json::{Value, json};

#[derive(Clone)]
pub(super) struct Deberta {
    sizes: Sizes,
    layers: usize,
    heads: usize,
    wide: usize,
    eps: f32,
    activation: Nonlinearity,
    /// Half the rows of the table of places.
    span: usize,
    /// Places that far distances share; 0: each distance has its own.
    buckets: usize,
    /// The distance that the last bucket ends with.
    furthest: usize,
    /// Query with the key's place, and key with the query's.
    terms: [bool; 2],
    /// Whether the table of places is normalised.
    norm_places: bool,
}

impl Deberta {
    pub(super) fn describe(fields: &Fields<'_>) -> Result<Self> {
        // Where these are missing, other values are meant than the ones that can be run.
        for (name, wanted) in [
            ("relative_attention", true),
            ("share_att_key", true),
            ("position_biased_input", false),
        ] {
            if fields.flag(name, !wanted)? != wanted {
                return Err(fields.unsupported(name, !wanted, wanted));
            }
        }
        fields.only(&[
            ("type_vocab_size", json!(0)),
            ("conv_kernel_size", json!(0)),
        ])?;
        let hidden = fields.size(&["hidden_size"], MOST_HIDDEN)?;
        fields.only(&[("embedding_size", json!(hidden))])?;
        let heads = fields.size(&["num_attention_heads"], MOST_HEADS)?;
        if !hidden.is_multiple_of(heads) {
            let wanted = format!("a multiple of the {heads} attention heads");
            return fields.invalid("hidden_size", &wanted, hidden);
        }
        let longest = fields.size(&["max_position_embeddings"], MOST_POSITIONS)?;
        let limit = |name: &str, none: usize| match fields.get(name).and_then(Value::as_i64) {
            Some(..1) => Ok(none),
            _ => fields.size_or(name, MOST_POSITIONS, none),
        };
        let furthest = limit("max_relative_positions", longest)?;
        let buckets = limit("position_buckets", 0)?;
        if buckets == 1 || (buckets > 0 && furthest <= buckets / 2 + 1) {
            let wanted = format!("2 or more, and half of it less than {}", furthest - 1);
            return fields.invalid("position_buckets", &wanted, buckets);
        }
        Ok(Self {
            sizes: Sizes {
                hidden,
                vocabulary: fields.size(&["vocab_size"], MOST_WORDS)?,
                kinds: 0,
                longest,
            },
            layers: fields.size(&["num_hidden_layers"], MOST_LAYERS)?,
            heads,
            wide: fields.size(&["intermediate_size"], MOST_WIDE)?,
            eps: Config::eps(fields, "layer_norm_eps", 1e-7)?,
            activation: nonlinearity(fields, "hidden_act", "gelu")?,
            span: if buckets > 0 { buckets } else { furthest },
            buckets,
            furthest,
            terms: terms(fields)?,
            norm_places: match fields.text("norm_rel_ebd", "none")? {
                "none" => false,
                "layer_norm" => true,
                other => {
                    let found = format!("\"{other}\"");
                    return Err(fields.unsupported("norm_rel_ebd", found, "\"layer_norm\""));
                }
            },
        })
    }

    /// The row of the table of places for a query `distance` places behind the key: near ones
    /// have their own, further ones share them, ever more with the logarithm.
    fn place(&self, distance: isize) -> u32 {
        let middle = (self.buckets / 2) as f64;
        let size = distance.unsigned_abs() as f64;
        let own = if self.buckets == 0 || size <= middle {
            size
        } else {
            let share = (size / middle).ln() / ((self.furthest - 1) as f64 / middle).ln();
            // A distance that ends a bucket must not fall behind it by rounding.
            (share * (middle - 1.0) - 1e-9).ceil() + middle
        };
        let row = self.span as f64 + own * distance.signum() as f64;
        row.clamp(0.0, (2 * self.span - 1) as f64) as u32
    }

    fn layer(&self, source: &Source<'_>, prefix: &str, i: usize) -> Result<Layer> {
        let (size, wide) = (self.sizes.hidden, self.wide);
        let at = |name: &str| format!("{prefix}encoder.layer.{i}.{name}");
        let linear = |name, inputs, outputs| source.linear(&at(name), inputs, outputs, true);
        let norm = |name| source.norm(&at(name), size, true, self.eps);
        Ok(Layer {
            queries: linear("attention.self.query_proj", size, size)?,
            keys: linear("attention.self.key_proj", size, size)?,
            values: linear("attention.self.value_proj", size, size)?,
            after_attention: linear("attention.output.dense", size, size)?,
            attention_norm: norm("attention.output.LayerNorm")?,
            feed_forward: FeedForward {
                widen: vec![linear("intermediate.dense", size, wide)?],
                gated: false,
                narrow: linear("output.dense", wide, size)?,
                activation: self.activation,
            },
            output_norm: norm("output.LayerNorm")?,
        })
    }
}

/// "p2c|c2p", or a list.
fn terms(fields: &Fields<'_>) -> Result<[bool; 2]> {
    let names: Vec<&str> = match fields.get("pos_att_type") {
        Some(Value::String(text)) => text.split('|').filter(|name| !name.is_empty()).collect(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    match names.iter().find(|name| !["c2p", "p2c"].contains(name)) {
        Some(other) => Err(fields.unsupported(
            "a kind in pos_att_type",
            format!("\"{other}\""),
            "\"c2p\" and \"p2c\"",
        )),
        None => Ok(["c2p", "p2c"].map(|name| names.contains(&name))),
    }
}

impl Family for Deberta {
    fn sizes(&self) -> Sizes {
        self.sizes
    }

    fn name(&self) -> &'static str {
        "deberta"
    }

    fn fingerprint(&self, hash: &mut Fingerprint) {
        hash.word(self.heads as u64);
        hash.word(u64::from(self.eps.to_bits()));
        let choices = format!(
            "{:?} {} {} {} {:?} {}",
            self.activation, self.span, self.buckets, self.furthest, self.terms, self.norm_places
        );
        hash.bytes(choices.as_bytes());
    }

    fn read(&self, source: &Source<'_>) -> Result<Box<dyn Network>> {
        let words = "embeddings.word_embeddings";
        let prefix = source.prefix(&["", "deberta."], &format!("{words}.weight"))?;
        let at = |name: &str| format!("{prefix}{name}");
        let size = self.sizes.hidden;
        let norm = |name| source.norm(&at(name), size, true, self.eps);
        let layers = (0..self.layers).map(|i| self.layer(source, prefix, i));
        Ok(Box::new(Encoder {
            words: source.table(&at(words), self.sizes.vocabulary, size)?,
            norm: norm("embeddings.LayerNorm")?,
            places: source.table(&at("encoder.rel_embeddings"), 2 * self.span, size)?,
            places_norm: match self.norm_places {
                true => Some(norm("encoder.LayerNorm")?),
                false => None,
            },
            layers: layers.collect::<Result<_>>()?,
            settings: self.clone(),
        }))
    }
}

struct Encoder {
    settings: Deberta,
    words: Tensor,
    norm: Norm,
    places: Tensor,
    places_norm: Option<Norm>,
    layers: Vec<Layer>,
}

struct Layer {
    queries: Linear,
    keys: Linear,
    values: Linear,
    after_attention: Linear,
    attention_norm: Norm,
    feed_forward: FeedForward,
    output_norm: Norm,
}

impl Network for Encoder {
    fn hidden(&self, pass: &Pass<'_>) -> Computed<Tensor> {
        let settings = &self.settings;
        let mut rows = self.norm.apply(&look_up(&self.words, &pass.ids()?)?)?;
        let mut places = self.places.to_dtype(DType::F32)?;
        if let Some(norm) = &self.places_norm {
            places = norm.apply(&places)?;
        }
        let furthest = pass.longest as isize - 1;
        let by_distance = (-furthest..=furthest).map(|distance| settings.place(-distance));
        let by_distance: Vec<u32> = by_distance.collect();
        let numbers = Shared::new(pass, |from, count| {
            let number = |distance: isize| by_distance[(distance + furthest) as usize];
            pass.by_distance(from, count, number)?
                .reshape((1, 1, count, pass.longest))
        });
        for layer in &self.layers {
            let context = layer.attend(pass, settings, &rows, &places, &numbers)?;
            let sum = (rows + layer.after_attention.apply(&context)?)?;
            rows = layer.attention_norm.apply(&sum)?;
            let sum = (&rows + layer.feed_forward.apply(&rows)?)?;
            rows = layer.output_norm.apply(&sum)?;
        }
        Ok(rows)
    }
}

impl Layer {
    fn attend(
        &self,
        pass: &Pass<'_>,
        settings: &Deberta,
        rows: &Tensor,
        places: &Tensor,
        numbers: &dyn Addend,
    ) -> Computed<Tensor> {
        let heads = settings.heads;
        let part = |linear: &Linear| split(pass, &linear.apply(rows)?, heads);
        let [c2p, p2c] = settings.terms;
        let terms = 1 + usize::from(c2p) + usize::from(p2c);
        let size = rows.dim(1)? / heads;
        let all = Heads {
            queries: part(&self.queries)?,
            keys: part(&self.keys)?,
            values: part(&self.values)?,
            scale: 1.0 / ((size * terms) as f64).sqrt(),
        };
        let dtype = self.queries.dtype();
        // (1, heads, size, places)
        let of_places = |linear: &Linear| {
            let rows = linear.apply(places)?;
            let count = rows.dim(0)?;
            let parts = rows
                .reshape((1, count, heads, size))?
                .permute((0, 2, 3, 1))?;
            parts.to_dtype(dtype)?.contiguous()
        };
        // With a number for each place instead of each key, the ones that count are picked.
        let shape = |count| (pass.batch.len(), heads, count, pass.longest);
        let scored = |content: &Tensor, places: &Tensor| {
            let (_, heads, size, count) = places.dims4()?;
            let places = places.broadcast_as((content.dim(0)?, heads, size, count))?;
            let scores = content.to_dtype(dtype)?.matmul(&places.contiguous()?)?;
            scores.to_dtype(DType::F32)? * all.scale
        };
        let keys_places = of_places(&self.keys)?;
        let queries_places = of_places(&self.queries)?;
        let by_keys = |from: usize, count: usize| {
            let content = all.queries.narrow(2, from, count)?.contiguous()?;
            let scores = scored(&content, &keys_places)?;
            let rows = numbers.part(from, count)?;
            scores.gather(&rows.broadcast_as(shape(count))?.contiguous()?, D::Minus1)
        };
        let by_queries = |from: usize, count: usize| {
            let scores = scored(&all.keys, &queries_places)?;
            let rows = numbers.part(from, count)?;
            let rows = rows.broadcast_as(shape(count))?.transpose(2, 3)?;
            scores
                .gather(&rows.contiguous()?, D::Minus1)?
                .transpose(2, 3)
        };
        let mut addends: Vec<&dyn Addend> = Vec::new();
        if c2p {
            addends.push(&by_keys);
        }
        if p2c {
            addends.push(&by_queries);
        }
        attend(pass, &all, dtype, &addends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_the_nearest_ones_then_logarithmic() {
        let settings = Deberta {
            sizes: Sizes {
                hidden: 8,
                vocabulary: 8,
                kinds: 0,
                longest: 64,
            },
            layers: 1,
            heads: 1,
            wide: 8,
            eps: 1e-7,
            activation: Nonlinearity::Gelu,
            span: 8,
            buckets: 8,
            furthest: 64,
            terms: [true; 2],
            norm_places: false,
        };
        // By hand: up to 4 one by one; then 4 + ceil(3 ln(d / 4) / ln(63 / 4)).
        let place = |d| settings.place(d) as isize - 8;
        let got: Vec<isize> = [0, 1, 4, 5, 10, 11, 25, 26, 63].map(place).to_vec();
        assert_eq!(got, [0, 1, 4, 5, 5, 6, 6, 7, 7]);
        assert_eq!([-1, -4, -5, -63, -1000].map(place), [-1, -4, -5, -7, -8]);
        assert_eq!(place(1000), 7);
    }
}
