//! Every encoder that our own engine runs, from the same description and the same tensors: the
//! fingerprint is the same, too.

use super::attention::{Addend, Heads, Shared, angles, attend, by_distance, split, turn};
use super::layers::{FeedForward, Linear, Norm, look_up};
use super::pass::Pass;
use super::source::Source;
use super::{Family, Network};
use crate::embedding::bert;
use crate::embedding::bert::config::{Config, Positions};
use crate::embedding::bert::relative;
use crate::embedding::encoder::{Plan, Sizes};
use crate::embedding::fingerprint::Fingerprint;
use crate::error::Result;
use candle_core::{Result as Computed, Tensor};

impl Family for Config {
    fn sizes(&self) -> Sizes {
        Plan::sizes(self)
    }

    fn name(&self) -> &'static str {
        bert::NAME
    }

    fn fingerprint(&self, hash: &mut Fingerprint) {
        Self::fingerprint(self, hash);
    }

    fn read(&self, source: &Source<'_>) -> Result<Box<dyn Network>> {
        Ok(Box::new(Encoder::read(self, source, None)?))
    }
}

pub(super) struct Encoder {
    config: Config,
    words: Tensor,
    positions: Option<Tensor>,
    types: Option<Tensor>,
    norm: Norm,
    /// A row for each bucket of distances.
    relative: Option<Vec<f32>>,
    /// How much each head's scores fall with the distance (Press and others, 2022).
    slopes: Option<Vec<f32>>,
    layers: Vec<Layer>,
    last_norm: Option<Norm>,
}

struct Layer {
    qkv: Vec<Linear>,
    after_attention: Linear,
    /// None in front of the first layer, where norms stand in front.
    attention_norm: Option<Norm>,
    feed_forward: FeedForward,
    output_norm: Norm,
    local: bool,
}

impl Encoder {
    /// With `slopes`, those take the place of positions.
    pub(super) fn read(
        config: &Config,
        source: &Source<'_>,
        slopes: Option<Vec<f32>>,
    ) -> Result<Self> {
        let names = config.names;
        let prefix = source.prefix(names.prefixes, &format!("{}.weight", names.words))?;
        let at = |name: &str| format!("{prefix}{name}");
        let size = config.hidden_size;
        let norm =
            |name: &str| source.norm(&at(name), size, config.biases.norms, config.layer_norm_eps);
        let positions = match config.positions {
            Positions::Table { rows, .. } if slopes.is_none() => {
                Some(source.table(&at(names.positions), rows, size)?)
            }
            _ => None,
        };
        let types = match config.type_vocab_size {
            0 => None,
            kinds => Some(source.table(&at(names.types), kinds, size)?),
        };
        let relative = match config.relative {
            false => None,
            true => {
                let shape = [relative::BUCKETS, config.num_attention_heads];
                let name = format!("{}.weight", at(names.relative));
                Some(source.floats(&name, &shape)?)
            }
        };
        let layers = (0..config.num_hidden_layers).map(|i| Layer::read(config, source, prefix, i));
        Ok(Self {
            words: source.table(&at(names.words), config.vocab_size, size)?,
            positions,
            types,
            norm: norm(names.norm)?,
            relative,
            slopes,
            layers: layers.collect::<Result<_>>()?,
            last_norm: match config.norm_first {
                true => Some(norm(names.final_norm)?),
                false => None,
            },
            config: config.clone(),
        })
    }

    fn embed(&self, pass: &Pass<'_>) -> Computed<Tensor> {
        let mut rows = look_up(&self.words, &pass.ids()?)?;
        if let Some(types) = &self.types {
            let kinds = pass.numbers(|tokens| tokens.types.iter().copied())?;
            rows = (rows + look_up(types, &kinds)?)?;
        }
        if let Some(positions) = &self.positions {
            let places = pass.numbers(|tokens| {
                let mut places = self.config.positions.count();
                (tokens.ids.iter()).map(move |id| places.next(*id) as u32)
            })?;
            rows = (rows + look_up(positions, &places)?)?;
        }
        self.norm.apply(&rows)
    }
}

impl Network for Encoder {
    fn hidden(&self, pass: &Pass<'_>) -> Computed<Tensor> {
        let config = &self.config;
        let heads = config.num_attention_heads;
        let mut rows = self.embed(pass)?;
        let table = match &self.relative {
            None => None,
            Some(buckets) => {
                let floats = relative::by_distance(buckets, heads, pass.longest);
                let shape = (heads, 2 * pass.longest - 1);
                Some(Tensor::from_vec(floats, shape, pass.device)?)
            }
        };
        let slopes = match &self.slopes {
            None => None,
            Some(slopes) => Some(Tensor::new(&slopes[..], pass.device)?.reshape((1, heads, 1, 1))?),
        };
        let sloped = |slopes: &Tensor, from, count| {
            let distances = pass.distances(from, count)?.abs()?.neg()?;
            slopes.broadcast_mul(&distances)
        };
        let relative = table.as_ref().map(|table| {
            Shared::new(pass, move |from, count| {
                by_distance(pass, table, heads, from, count)
            })
        });
        let slopes = (slopes.as_ref())
            .map(|slopes| Shared::new(pass, move |from, count| sloped(slopes, from, count)));
        let window = Shared::new(pass, |from, count| {
            pass.never(
                &pass
                    .distances(from, count)?
                    .abs()?
                    .gt(config.window as f32)?,
            )
        });
        let mut everywhere: Vec<&dyn Addend> = Vec::new();
        everywhere.extend(relative.as_ref().map(|a| a as &dyn Addend));
        everywhere.extend(slopes.as_ref().map(|a| a as &dyn Addend));
        let mut nearby = everywhere.clone();
        nearby.push(&window);
        let turns = match config.positions {
            Positions::Table { .. } => None,
            Positions::Rotary { theta, local_theta } => {
                let of = |theta| angles(pass, theta, config.head_size());
                Some([of(theta)?, of(local_theta)?])
            }
        };
        for layer in &self.layers {
            let addends = if layer.local { &nearby } else { &everywhere };
            let turns = turns.as_ref().map(|both| &both[usize::from(layer.local)]);
            rows = layer.apply(pass, rows, heads, addends, turns, config.norm_first)?;
        }
        match &self.last_norm {
            Some(norm) => norm.apply(&rows),
            None => Ok(rows),
        }
    }
}

impl Layer {
    fn read(config: &Config, source: &Source<'_>, prefix: &str, i: usize) -> Result<Self> {
        let (names, biases) = (config.names, config.biases);
        let (size, wide) = (config.hidden_size, config.intermediate_size);
        let at = |name: &str| format!("{prefix}{}{i}.{name}", names.layers);
        let norm = |name: &str| source.norm(&at(name), size, biases.norms, config.layer_norm_eps);
        let several = |parts: &[&str], outputs: usize, biased| {
            let each = outputs / parts.len();
            let layers = parts
                .iter()
                .map(|part| source.linear(&at(part), size, each, biased));
            layers.collect::<Result<Vec<_>>>()
        };
        let widened = wide * (1 + usize::from(config.gated));
        Ok(Self {
            qkv: several(names.qkv, 3 * size, biases.attention)?,
            after_attention: source.linear(
                &at(names.after_attention),
                size,
                size,
                biases.attention,
            )?,
            attention_norm: match config.norm_first && i == 0 {
                true => None,
                false => Some(norm(names.attention_norm)?),
            },
            feed_forward: FeedForward {
                widen: several(names.widen, widened, biases.widen)?,
                gated: config.gated,
                narrow: source.linear(&at(names.narrow), wide, size, biases.narrow)?,
                activation: config.activation,
            },
            output_norm: norm(names.output_norm)?,
            local: config.local[i],
        })
    }

    /// Queries, keys and values, one behind the other.
    fn parts(&self, rows: &Tensor) -> Computed<[Tensor; 3]> {
        if let [queries, keys, values] = &self.qkv[..] {
            return Ok([queries.apply(rows)?, keys.apply(rows)?, values.apply(rows)?]);
        }
        let all = self.qkv[0].apply(rows)?;
        let size = all.dim(1)? / 3;
        let part = |i: usize| all.narrow(1, i * size, size)?.contiguous();
        Ok([part(0)?, part(1)?, part(2)?])
    }

    fn apply(
        &self,
        pass: &Pass<'_>,
        rows: Tensor,
        heads: usize,
        addends: &[&dyn Addend],
        turns: Option<&(Tensor, Tensor)>,
        norm_first: bool,
    ) -> Computed<Tensor> {
        let input = match &self.attention_norm {
            Some(norm) if norm_first => norm.apply(&rows)?,
            _ => rows.clone(),
        };
        let [queries, keys, values] = self.parts(&input)?;
        let [mut queries, mut keys, values] = [
            split(pass, &queries, heads)?,
            split(pass, &keys, heads)?,
            split(pass, &values, heads)?,
        ];
        if let Some(turns) = turns {
            (queries, keys) = (turn(&queries, turns)?, turn(&keys, turns)?);
        }
        let of_heads = Heads {
            scale: 1.0 / (queries.dim(3)? as f64).sqrt(),
            queries,
            keys,
            values,
        };
        let context = attend(pass, &of_heads, self.qkv[0].dtype(), addends)?;
        let rows = (rows + self.after_attention.apply(&context)?)?;
        match &self.attention_norm {
            _ if norm_first => {
                let input = self.output_norm.apply(&rows)?;
                rows + self.feed_forward.apply(&input)?
            }
            Some(norm) => {
                let rows = norm.apply(&rows)?;
                let output = self.feed_forward.apply(&rows)?;
                self.output_norm.apply(&(rows + output)?)
            }
            None => candle_core::bail!("a norm is missing"),
        }
    }
}
