//! The weights of an encoder, packed for the kernels.
//!
//! Whatever a family calls its tensors and however it joins them, they end up as the same four
//! linear layers and two norms a block.

use super::config::{Config, Positions};
use super::number::Number;
use super::relative;
use crate::embedding::weights::Weights;
use crate::error::Result;
use crate::kernel::{Kernels, LowKind, NormTo, Sheet};

/// How weights are read: for which kernels, in which precision.
#[derive(Clone, Copy)]
pub(super) struct Packing {
    pub(super) row: &'static Kernels,
    pub(super) kind: LowKind,
}

/// The tensors of a model, and what they are called.
struct Source<'a> {
    tensors: &'a Weights<'a>,
    packing: Packing,
    config: &'a Config,
    /// Stands before every name.
    prefix: &'static str,
}

impl Source<'_> {
    /// The weights and the bias of a layer with these inputs and outputs; without a bias, zeros.
    fn linear(
        &self,
        name: &str,
        inputs: usize,
        outputs: usize,
        biased: bool,
    ) -> Result<(Vec<f32>, Vec<f32>)> {
        let weights = self
            .tensors
            .get(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = match biased {
            true => self.tensors.get(&format!("{name}.bias"), &[outputs])?,
            false => vec![0.0; outputs],
        };
        Ok((weights, bias))
    }

    fn pack<T: Number>(
        &self,
        weights: &[f32],
        bias: &[f32],
        inputs: usize,
        sizes: Option<&[f32]>,
    ) -> Result<T::Linear> {
        let Packing { row, kind } = self.packing;
        T::pack(row, kind, weights, bias, inputs, sizes)
    }

    /// Query, key and value as one layer. The 1 / sqrt(head size) of attention goes into the
    /// queries here, where it costs nothing a text.
    fn qkv<T: Number>(&self, at: &str, input: &Norm) -> Result<T::Linear> {
        let size = self.config.hidden_size;
        let parts = self.config.names.qkv;
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for part in parts {
            let outputs = 3 * size / parts.len();
            let biased = self.config.biases.attention;
            let (w, b) = self.linear(&format!("{at}{part}"), size, outputs, biased)?;
            weights.extend(w);
            bias.extend(b);
        }
        let scale = 1.0 / (self.config.head_size() as f32).sqrt();
        let queries = weights[..size * size].iter_mut().chain(&mut bias[..size]);
        queries.for_each(|x| *x *= scale);
        self.pack::<T>(&weights, &bias, size, Some(&input.sizes()))
    }

    /// The widening layer and, where there is one, its gate.
    fn widen<T: Number>(&self, at: &str, input: &Norm) -> Result<(T::Linear, Option<T::Linear>)> {
        let (size, wide) = (self.config.hidden_size, self.config.intermediate_size);
        let biased = self.config.biases.widen;
        let sizes = &input.sizes();
        let sizes = Some(&sizes[..]);
        let layer =
            |part: &str, outputs| self.linear(&format!("{at}{part}"), size, outputs, biased);
        let (gate, value) = match self.config.names.widen {
            [both] if self.config.gated => {
                let (weights, bias) = layer(both, 2 * wide)?;
                let (gate, value) = weights.split_at(wide * size);
                let (gate_bias, bias) = bias.split_at(wide);
                (
                    Some(self.pack::<T>(gate, gate_bias, size, sizes)?),
                    self.pack::<T>(value, bias, size, sizes)?,
                )
            }
            [gate, value] => {
                let ((w, b), (weights, bias)) = (layer(gate, wide)?, layer(value, wide)?);
                (
                    Some(self.pack::<T>(&w, &b, size, sizes)?),
                    self.pack::<T>(&weights, &bias, size, sizes)?,
                )
            }
            parts => {
                let (weights, bias) = layer(parts[0], wide)?;
                (None, self.pack::<T>(&weights, &bias, size, sizes)?)
            }
        };
        Ok((value, gate))
    }

    /// A norm; `replace`: whether what it makes is also what the residual stream goes on with.
    fn norm(&self, name: &str, replace: bool) -> Result<Norm> {
        // Conversions from old TensorFlow checkpoints kept its names.
        let old = self.tensors.has(&format!("{name}.gamma"));
        let (gain, shift) = if old {
            ("gamma", "beta")
        } else {
            ("weight", "bias")
        };
        let size = self.config.hidden_size;
        Ok(Norm {
            gain: self.tensors.get(&format!("{name}.{gain}"), &[size])?,
            shift: match self.config.biases.norms {
                true => self.tensors.get(&format!("{name}.{shift}"), &[size])?,
                false => vec![0.0; size],
            },
            eps: self.config.layer_norm_eps,
            replace,
        })
    }

    fn layer<T: Number>(&self, i: usize, input: &Norm) -> Result<Layer<T>> {
        let (config, names) = (self.config, self.config.names);
        let (size, wide, biases) = (config.hidden_size, config.intermediate_size, config.biases);
        let at = format!("{}{}{i}.", self.prefix, names.layers);
        let linear = |part: &str, inputs, outputs, biased| {
            let (weights, bias) = self.linear(&format!("{at}{part}"), inputs, outputs, biased)?;
            self.pack::<T>(&weights, &bias, inputs, None)
        };
        let qkv = self.qkv::<T>(&at, input)?;
        let after_attention = linear(names.after_attention, size, size, biases.attention)?;
        let narrow = linear(names.narrow, wide, size, biases.narrow)?;
        // With norms in front, what stands behind attention is the norm in front of the
        // feed-forward part, and behind that the one of the next block, or the model's last.
        let (attention_norm, output_norm) = if !config.norm_first {
            (
                self.norm(&format!("{at}{}", names.attention_norm), true)?,
                self.norm(&format!("{at}{}", names.output_norm), true)?,
            )
        } else {
            let last = i + 1 == config.num_hidden_layers;
            let next = match last {
                true => format!("{}{}", self.prefix, names.final_norm),
                false => format!(
                    "{}{}{}.{}",
                    self.prefix,
                    names.layers,
                    i + 1,
                    names.attention_norm
                ),
            };
            (
                self.norm(&format!("{at}{}", names.output_norm), false)?,
                self.norm(&next, last)?,
            )
        };
        let (widen, gate) = self.widen::<T>(&at, &attention_norm)?;
        Ok(Layer {
            qkv,
            after_attention,
            attention_norm,
            widen,
            gate,
            narrow,
            output_norm,
            reach: match config.local[i] {
                true => config.window,
                false => usize::MAX,
            },
        })
    }

    fn table<T: Number>(&self, name: &str, rows: usize) -> Result<Vec<T>> {
        let name = format!("{}{name}.weight", self.prefix);
        let floats = self.tensors.get(&name, &[rows, self.config.hidden_size])?;
        Ok(floats.into_iter().map(T::from_f32).collect())
    }
}

/// Layer normalisation.
pub(super) struct Norm {
    gain: Vec<f32>,
    shift: Vec<f32>,
    eps: f32,
    replace: bool,
}

impl Norm {
    /// How large the results usually are: the root of their mean square, since what is scaled and
    /// shifted has mean 0 and variance 1.
    fn sizes(&self) -> Vec<f32> {
        let both = self.gain.iter().zip(&self.shift);
        both.map(|(gain, shift)| gain.hypot(*shift)).collect()
    }

    /// The normalisation that leaves its result in `to`, and in the row where it replaces it.
    pub(super) fn to<'a, T: Number>(&'a self, to: &'a mut Sheet<T>) -> NormTo<'a, T> {
        NormTo {
            gain: &self.gain,
            shift: &self.shift,
            eps: self.eps,
            replace: self.replace,
            to,
        }
    }
}

/// One block: attention, then the layers of the feed-forward part.
pub(super) struct Layer<T: Number> {
    pub(super) qkv: T::Linear,
    pub(super) after_attention: T::Linear,
    pub(super) attention_norm: Norm,
    pub(super) widen: T::Linear,
    pub(super) gate: Option<T::Linear>,
    pub(super) narrow: T::Linear,
    pub(super) output_norm: Norm,
    /// How far a token sees.
    pub(super) reach: usize,
}

/// The tables that a token's first vector is summed from, and those of distances.
pub(super) struct Tables<T> {
    pub(super) words: Vec<T>,
    /// Empty where the family has none, like `types`.
    pub(super) positions: Vec<T>,
    pub(super) types: Vec<T>,
    pub(super) norm: Norm,
    /// For each head an addend for every distance, as attention wants them.
    pub(super) relative: Option<Vec<f32>>,
}

/// Reads all weights, for texts of at most `longest` tokens.
pub(super) fn read<T: Number>(
    tensors: &Weights<'_>,
    packing: Packing,
    config: &Config,
    longest: usize,
) -> Result<(Tables<T>, Vec<Layer<T>>)> {
    let names = config.names;
    let source = Source {
        tensors,
        packing,
        config,
        prefix: tensors.prefix(names.prefixes, &format!("{}.weight", names.words))?,
    };
    let positions = match config.positions {
        Positions::Table { rows, .. } => source.table(names.positions, rows)?,
        Positions::Rotary { .. } => Vec::new(),
    };
    let types = match config.type_vocab_size {
        0 => Vec::new(),
        kinds => source.table(names.types, kinds)?,
    };
    let relative = match config.relative {
        false => None,
        true => {
            let heads = config.num_attention_heads;
            let name = format!("{}{}.weight", source.prefix, names.relative);
            let buckets = tensors.get(&name, &[relative::BUCKETS, heads])?;
            Some(relative::by_distance(&buckets, heads, longest))
        }
    };
    let tables = Tables {
        words: source.table(names.words, config.vocab_size)?,
        positions,
        types,
        norm: source.norm(&format!("{}{}", source.prefix, names.norm), true)?,
        relative,
    };
    let mut layers = Vec::with_capacity(config.num_hidden_layers);
    for i in 0..config.num_hidden_layers {
        let input = layers
            .last()
            .map_or(&tables.norm, |l: &Layer<T>| &l.output_norm);
        layers.push(source.layer(i, input)?);
    }
    Ok((tables, layers))
}
