//! The weights of a BERT encoder (Devlin and others, 2019), packed for the kernels.

use super::config::Config;
use super::number::Number;
use crate::embedding::weights::Weights;
use crate::error::Result;
use crate::kernel::{Kernels, LowKind, NormTo, Sheet};

/// How weights are read: for which kernels, in which precision.
#[derive(Clone, Copy)]
pub(super) struct Packing {
    pub(super) row: &'static Kernels,
    pub(super) kind: LowKind,
}

impl Packing {
    fn linear<T: Number>(
        self,
        tensors: &Weights<'_>,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<T::Linear> {
        let weights = tensors.get(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = tensors.get(&format!("{name}.bias"), &[outputs])?;
        T::pack(self.row, self.kind, &weights, &bias, inputs)
    }

    /// Query, key and value as one layer. The 1 / sqrt(head size) of attention goes into the
    /// queries here, where it costs nothing a text.
    fn fused<T: Number>(
        self,
        tensors: &Weights<'_>,
        name: &str,
        config: &Config,
    ) -> Result<T::Linear> {
        let size = config.hidden_size;
        let scale = 1.0 / (config.head_size() as f32).sqrt();
        let mut weights = Vec::new();
        let mut bias = Vec::new();
        for (part, factor) in [("query", scale), ("key", 1.0), ("value", 1.0)] {
            let w = tensors.get(&format!("{name}.{part}.weight"), &[size, size])?;
            let b = tensors.get(&format!("{name}.{part}.bias"), &[size])?;
            weights.extend(w.iter().map(|x| x * factor));
            bias.extend(b.iter().map(|x| x * factor));
        }
        T::pack(self.row, self.kind, &weights, &bias, size)
    }
}

/// Layer normalisation.
pub(super) struct Norm {
    gain: Vec<f32>,
    shift: Vec<f32>,
    eps: f32,
}

impl Norm {
    fn read(tensors: &Weights<'_>, name: &str, config: &Config) -> Result<Self> {
        // Conversions from old TensorFlow checkpoints kept its names.
        let old = tensors.has(&format!("{name}.gamma"));
        let (gain, shift) = if old {
            ("gamma", "beta")
        } else {
            ("weight", "bias")
        };
        let size = [config.hidden_size];
        Ok(Self {
            gain: tensors.get(&format!("{name}.{gain}"), &size)?,
            shift: tensors.get(&format!("{name}.{shift}"), &size)?,
            eps: config.layer_norm_eps,
        })
    }

    /// The normalisation that leaves its result in the row and in `to`.
    pub(super) fn replacing<'a, T: Number>(&'a self, to: &'a mut Sheet<T>) -> NormTo<'a, T> {
        NormTo {
            gain: &self.gain,
            shift: &self.shift,
            eps: self.eps,
            replace: true,
            to,
        }
    }
}

/// One block: attention, then the two layers of the feed-forward part.
pub(super) struct Layer<T: Number> {
    pub(super) qkv: T::Linear,
    pub(super) after_attention: T::Linear,
    pub(super) attention_norm: Norm,
    pub(super) widen: T::Linear,
    pub(super) narrow: T::Linear,
    pub(super) output_norm: Norm,
}

impl<T: Number> Layer<T> {
    fn read(tensors: &Weights<'_>, packing: Packing, name: &str, config: &Config) -> Result<Self> {
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);
        let linear = |part: &str, inputs, outputs| {
            packing.linear::<T>(tensors, &format!("{name}.{part}"), inputs, outputs)
        };
        let norm = |part: &str| Norm::read(tensors, &format!("{name}.{part}"), config);
        Ok(Self {
            qkv: packing.fused::<T>(tensors, &format!("{name}.attention.self"), config)?,
            after_attention: linear("attention.output.dense", hidden, hidden)?,
            attention_norm: norm("attention.output.LayerNorm")?,
            widen: linear("intermediate.dense", hidden, wide)?,
            narrow: linear("output.dense", wide, hidden)?,
            output_norm: norm("output.LayerNorm")?,
        })
    }
}

/// The tables that a token's first vector is summed from.
pub(super) struct Tables<T> {
    pub(super) words: Vec<T>,
    pub(super) positions: Vec<T>,
    pub(super) types: Vec<T>,
    pub(super) norm: Norm,
}

/// Reads all weights; names may begin with `bert.`, as those of a model with a head do.
pub(super) fn read<T: Number>(
    tensors: &Weights<'_>,
    packing: Packing,
    config: &Config,
) -> Result<(Tables<T>, Vec<Layer<T>>)> {
    let prefix = match tensors.has("bert.embeddings.word_embeddings.weight") {
        true => "bert.",
        false => "",
    };
    let table = |part: &str, rows| -> Result<Vec<T>> {
        let name = format!("{prefix}embeddings.{part}_embeddings.weight");
        let floats = tensors.get(&name, &[rows, config.hidden_size])?;
        Ok(floats.into_iter().map(T::from_f32).collect())
    };
    let tables = Tables {
        words: table("word", config.vocab_size)?,
        positions: table("position", config.max_position_embeddings)?,
        types: table("token_type", config.type_vocab_size)?,
        norm: Norm::read(tensors, &format!("{prefix}embeddings.LayerNorm"), config)?,
    };
    let layers = (0..config.num_hidden_layers)
        .map(|i| {
            Layer::read(
                tensors,
                packing,
                &format!("{prefix}encoder.layer.{i}"),
                config,
            )
        })
        .collect::<Result<_>>()?;
    Ok((tables, layers))
}
