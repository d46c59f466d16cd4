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
use crate::threads;

/// How weights are read: for which kernels, in which precision, by how many threads.
#[derive(Clone, Copy)]
pub(super) struct Packing {
    pub(super) row: &'static Kernels,
    pub(super) kind: LowKind,
    pub(super) threads: usize,
}

/// The tensors of a model, and what they are called.
struct Source<'a> {
    tensors: &'a Weights,
    packing: Packing,
    config: &'a Config,
    /// Stands before every name.
    prefix: &'static str,
}

impl Source<'_> {
    /// Appends the weights and the bias of a layer with these inputs and outputs; without a bias,
    /// zeros.
    fn append(&self, name: &str, inputs: usize, outputs: usize, to: &mut Plain) -> Result<()> {
        let shape = [outputs, inputs];
        let (weights, bias) = (&mut to.weights, &mut to.bias);
        (self.tensors).append(&format!("{name}.weight"), &shape, weights, |x| x)?;
        if to.biased {
            return (self.tensors).append(&format!("{name}.bias"), &[outputs], bias, |x| x);
        }
        bias.resize(bias.len() + outputs, 0.0);
        Ok(())
    }

    fn linear(&self, name: &str, inputs: usize, outputs: usize, biased: bool) -> Result<Plain> {
        let mut plain = Plain {
            biased,
            ..Plain::default()
        };
        self.append(name, inputs, outputs, &mut plain)?;
        Ok(plain)
    }

    fn pack<T: Number>(
        &self,
        weights: &[f32],
        bias: &[f32],
        inputs: usize,
        sizes: Option<&[f32]>,
    ) -> Result<T::Linear> {
        let Packing { row, kind, .. } = self.packing;
        T::pack(row, kind, weights, bias, inputs, sizes)
    }

    /// Query, key and value as one layer. The 1 / sqrt(head size) of attention goes into the
    /// queries here, where it costs nothing a text.
    fn qkv<T: Number>(&self, at: &str, input: &Norm) -> Result<T::Linear> {
        let size = self.config.hidden_size;
        let parts = self.config.names.qkv;
        let mut plain = Plain {
            weights: Vec::new(),
            bias: Vec::new(),
            biased: self.config.biases.attention,
        };
        for part in parts {
            let outputs = 3 * size / parts.len();
            self.append(&format!("{at}{part}"), size, outputs, &mut plain)?;
            plain
                .weights
                .reserve_exact(3 * size * size - plain.weights.len());
        }
        let Plain { weights, bias, .. } = &mut plain;
        let scale = 1.0 / (self.config.head_size() as f32).sqrt();
        let queries = weights[..size * size].iter_mut().chain(&mut bias[..size]);
        queries.for_each(|x| *x *= scale);
        self.pack::<T>(weights, bias, size, Some(&input.sizes()))
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
                let both = layer(both, 2 * wide)?;
                let (gate, value) = both.weights.split_at(wide * size);
                let (gate_bias, bias) = both.bias.split_at(wide);
                (
                    Some(self.pack::<T>(gate, gate_bias, size, sizes)?),
                    self.pack::<T>(value, bias, size, sizes)?,
                )
            }
            [gate, value] => {
                let pack = |part| {
                    let plain = layer(part, wide)?;
                    self.pack::<T>(&plain.weights, &plain.bias, size, sizes)
                };
                (Some(pack(gate)?), pack(value)?)
            }
            parts => {
                let plain = layer(parts[0], wide)?;
                (
                    None,
                    self.pack::<T>(&plain.weights, &plain.bias, size, sizes)?,
                )
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

    /// The norms behind attention and behind the feed-forward part of a block.
    fn norms(&self, i: usize) -> Result<[Norm; 2]> {
        let (config, names) = (self.config, self.config.names);
        let at = |i: usize, name| format!("{}{}{i}.{name}", self.prefix, names.layers);
        if !config.norm_first {
            return Ok([
                self.norm(&at(i, names.attention_norm), true)?,
                self.norm(&at(i, names.output_norm), true)?,
            ]);
        }
        // With norms in front, what stands behind attention is the norm in front of the
        // feed-forward part, and behind that the one of the next block, or the model's last.
        let last = i + 1 == config.num_hidden_layers;
        let next = match last {
            true => format!("{}{}", self.prefix, names.final_norm),
            false => at(i + 1, names.attention_norm),
        };
        Ok([
            self.norm(&at(i, names.output_norm), false)?,
            self.norm(&next, last)?,
        ])
    }

    fn layer<T: Number>(&self, i: usize, input: &Norm, norms: &[Norm; 2]) -> Result<Layer<T>> {
        let [attention_norm, output_norm] = norms.clone();
        let (config, names) = (self.config, self.config.names);
        let (size, wide, biases) = (config.hidden_size, config.intermediate_size, config.biases);
        let at = format!("{}{}{i}.", self.prefix, names.layers);
        let linear = |part: &str, inputs, outputs, biased| {
            let plain = self.linear(&format!("{at}{part}"), inputs, outputs, biased)?;
            self.pack::<T>(&plain.weights, &plain.bias, inputs, None)
        };
        let qkv = self.qkv::<T>(&at, input)?;
        let after_attention = linear(names.after_attention, size, size, biases.attention)?;
        let narrow = linear(names.narrow, wide, size, biases.narrow)?;
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
        let mut numbers = Vec::new();
        let shape = [rows, self.config.hidden_size];
        (self.tensors).append(&name, &shape, &mut numbers, T::from_f32)?;
        Ok(numbers)
    }
}

/// A linear layer as it was read.
#[derive(Default)]
struct Plain {
    weights: Vec<f32>,
    bias: Vec<f32>,
    biased: bool,
}

/// Layer normalisation.
#[derive(Clone)]
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
    tensors: &Weights,
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
    let norm = source.norm(&format!("{}{}", source.prefix, names.norm), true)?;
    let layers = config.num_hidden_layers;
    let norms = (0..layers).map(|i| source.norms(i));
    let norms = norms.collect::<Result<Vec<_>>>()?;
    // The table of words is often as large as all layers together, so it is the first to begin.
    let parts = threads::map(packing.threads, layers + 1, &|i| match i.checked_sub(1) {
        None => (source.table(names.words, config.vocab_size)).map(Part::Words),
        Some(i) => {
            let input = i.checked_sub(1).map_or(&norm, |i| &norms[i][1]);
            source.layer(i, input, &norms[i]).map(Part::Layer)
        }
    });
    let mut words = Vec::new();
    let mut blocks = Vec::with_capacity(layers);
    for part in parts {
        match part? {
            Part::Words(table) => words = table,
            Part::Layer(layer) => blocks.push(layer),
        }
    }
    let tables = Tables {
        words,
        positions,
        types,
        norm,
        relative,
    };
    Ok((tables, blocks))
}

/// What a thread reads at a time.
enum Part<T: Number> {
    Words(Vec<T>),
    Layer(Layer<T>),
}
