//! The weights of a BERT encoder (Devlin and others, 2019), packed for the kernels.

use super::config::Config;
use crate::embedding::weights::Weights;
use crate::error::Result;
use crate::kernel::{Epilogue, Kernels, PackedB};

/// A linear layer.
pub(super) struct Linear {
    weights: PackedB,
    bias: Vec<f32>,
}

impl Linear {
    fn read(
        tensors: &Weights<'_>,
        row: &'static Kernels,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self> {
        let weights = tensors.get(&format!("{name}.weight"), &[outputs, inputs])?;
        Ok(Self {
            weights: PackedB::with(row, &weights, inputs, outputs, true)?,
            bias: tensors.get(&format!("{name}.bias"), &[outputs])?,
        })
    }

    /// Query, key and value as one layer. The 1 / sqrt(head size) of attention goes into the
    /// queries here, where it costs nothing a text.
    fn read_fused(
        tensors: &Weights<'_>,
        row: &'static Kernels,
        name: &str,
        config: &Config,
    ) -> Result<Self> {
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
        Ok(Self {
            weights: PackedB::with(row, &weights, size, 3 * size, true)?,
            bias,
        })
    }

    /// Applies the layer to `m` rows.
    pub(super) fn apply(&self, a: &[f32], m: usize, out: &mut [f32], epilogue: Epilogue) {
        let (k, n) = (self.weights.k(), self.weights.n());
        self.weights
            .multiply_strided(a, k, m, Some(&self.bias), out, n, epilogue);
    }
}

/// Layer normalisation.
pub(super) struct Norm {
    gain: Vec<f32>,
    shift: Vec<f32>,
    eps: f32,
    row: &'static Kernels,
}

impl Norm {
    fn read(
        tensors: &Weights<'_>,
        row: &'static Kernels,
        name: &str,
        config: &Config,
    ) -> Result<Self> {
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
            row,
        })
    }

    /// Normalises every row of `x`.
    pub(super) fn apply(&self, x: &mut [f32]) {
        for x in x.chunks_exact_mut(self.gain.len()) {
            (self.row.layer_norm)(x, &self.gain, &self.shift, self.eps);
        }
    }
}

/// One block: attention, then the two layers of the feed-forward part.
pub(super) struct Layer {
    pub(super) qkv: Linear,
    pub(super) after_attention: Linear,
    pub(super) attention_norm: Norm,
    pub(super) widen: Linear,
    pub(super) narrow: Linear,
    pub(super) output_norm: Norm,
}

impl Layer {
    fn read(
        tensors: &Weights<'_>,
        row: &'static Kernels,
        name: &str,
        config: &Config,
    ) -> Result<Self> {
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);
        let linear = |part: &str, inputs, outputs| {
            Linear::read(tensors, row, &format!("{name}.{part}"), inputs, outputs)
        };
        let norm = |part: &str| Norm::read(tensors, row, &format!("{name}.{part}"), config);
        Ok(Self {
            qkv: Linear::read_fused(tensors, row, &format!("{name}.attention.self"), config)?,
            after_attention: linear("attention.output.dense", hidden, hidden)?,
            attention_norm: norm("attention.output.LayerNorm")?,
            widen: linear("intermediate.dense", hidden, wide)?,
            narrow: linear("output.dense", wide, hidden)?,
            output_norm: norm("output.LayerNorm")?,
        })
    }
}

/// The tables that a token's first vector is summed from.
pub(super) struct Tables {
    pub(super) words: Vec<f32>,
    pub(super) positions: Vec<f32>,
    pub(super) types: Vec<f32>,
    pub(super) norm: Norm,
}

/// Reads all weights; names may begin with `bert.`, as those of a model with a head do.
pub(super) fn read(
    tensors: &Weights<'_>,
    row: &'static Kernels,
    config: &Config,
) -> Result<(Tables, Vec<Layer>)> {
    let prefix = match tensors.has("bert.embeddings.word_embeddings.weight") {
        true => "bert.",
        false => "",
    };
    let table = |part: &str, rows| {
        let name = format!("{prefix}embeddings.{part}_embeddings.weight");
        tensors.get(&name, &[rows, config.hidden_size])
    };
    let tables = Tables {
        words: table("word", config.vocab_size)?,
        positions: table("position", config.max_position_embeddings)?,
        types: table("token_type", config.type_vocab_size)?,
        norm: Norm::read(
            tensors,
            row,
            &format!("{prefix}embeddings.LayerNorm"),
            config,
        )?,
    };
    let layers = (0..config.num_hidden_layers)
        .map(|i| Layer::read(tensors, row, &format!("{prefix}encoder.layer.{i}"), config))
        .collect::<Result<_>>()?;
    Ok((tables, layers))
}
