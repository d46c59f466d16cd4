//! The linear layers that some models put behind the pooling (sentence-T5, LaBSE).

use super::fields::Fields;
use super::fingerprint::Fingerprint;
use super::weights::Weights;
use crate::error::Result;
use crate::kernel;
use std::path::{Path, PathBuf};

const MOST_SIZE: usize = 1 << 16;
const MOST_LAYERS: usize = 8;

/// One layer, in f32 whatever the precision: it sees one vector a text.
pub(super) struct Dense {
    weights: Vec<f32>,
    bias: Vec<f32>,
    inputs: usize,
    activation: Activation,
}

#[derive(Clone, Copy)]
enum Activation {
    Identity,
    Tanh,
}

impl Dense {
    /// Reads the layers of these folders for vectors of `inputs` floats.
    pub(super) fn read_all(
        folders: &[PathBuf],
        inputs: usize,
        hash: &mut Fingerprint,
    ) -> Result<Vec<Self>> {
        let mut layers: Vec<Self> = Vec::new();
        for folder in folders {
            let inputs = layers.last().map_or(inputs, Self::outputs);
            layers.push(Self::read(folder, inputs, layers.len(), hash)?);
        }
        Ok(layers)
    }

    fn read(folder: &Path, inputs: usize, place: usize, hash: &mut Fingerprint) -> Result<Self> {
        let path = folder.join("config.json");
        let fields = Fields::read(&path)?;
        if place == MOST_LAYERS {
            return Err(fields.unsupported(
                "the number of Dense layers",
                place + 1,
                format!("at most {MOST_LAYERS}"),
            ));
        }
        let found = fields.size(&["in_features"], MOST_SIZE)?;
        if found != inputs {
            let wanted = format!("{inputs}, the floats of the vector in front");
            return fields.invalid("in_features", &wanted, found);
        }
        let outputs = fields.size(&["out_features"], MOST_SIZE)?;
        let named = fields.text("activation_function", "torch.nn.modules.activation.Tanh")?;
        let activation = match named.rsplit('.').next() {
            Some("Identity") => Activation::Identity,
            Some("Tanh") => Activation::Tanh,
            _ => {
                return Err(fields.unsupported(
                    "activation_function",
                    format!("\"{named}\""),
                    "Identity and Tanh",
                ));
            }
        };
        let file = folder.join("model.safetensors");
        let weights = Weights::open(&file)?;
        let layer = Self {
            weights: weights.get("linear.weight", &[outputs, inputs])?,
            bias: match fields.flag("bias", true)? {
                true => weights.get("linear.bias", &[outputs])?,
                false => vec![0.0; outputs],
            },
            inputs,
            activation,
        };
        weights.finish(hash)?;
        hash.word(activation as u64);
        Ok(layer)
    }

    pub(super) fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Takes a vector through all layers.
    pub(super) fn through(layers: &[Self], vector: &[f32], out: &mut [f32]) {
        let mut now = vector.to_vec();
        for layer in layers {
            now = layer.apply(&now);
        }
        out.copy_from_slice(&now);
    }

    fn apply(&self, vector: &[f32]) -> Vec<f32> {
        let rows = self.weights.chunks_exact(self.inputs).zip(&self.bias);
        let sums = rows.map(|(row, bias)| (kernel::active().dot)(row, vector) + bias);
        match self.activation {
            Activation::Identity => sums.collect(),
            Activation::Tanh => sums.map(f32::tanh).collect(),
        }
    }
}
