//! Tensors out of a weights file onto a device, each checked against the shape that the settings
//! ask for before anything is made of it.

use super::layers::{Linear, Norm, NormKind};
use crate::embedding::weights::Weights;
use crate::error::{Error, ErrorKind, Result};
use candle_core::{DType, Device, Tensor};

pub(super) struct Source<'a> {
    weights: &'a Weights,
    device: &'a Device,
    /// Of products.
    dtype: DType,
}

impl<'a> Source<'a> {
    pub(super) fn new(weights: &'a Weights, device: &'a Device, dtype: DType) -> Self {
        Self {
            weights,
            device,
            dtype,
        }
    }

    /// The first prefix under which there is a tensor of this name.
    pub(super) fn prefix(&self, prefixes: &[&'static str], name: &str) -> Result<&'static str> {
        self.weights.prefix(prefixes, name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.weights.has(name)
    }

    pub(super) fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.weights.get(name, shape)
    }

    fn tensor(&self, name: &str, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let floats = self.weights.get(name, shape)?;
        (Tensor::from_vec(floats, shape, self.device))
            .and_then(|tensor| tensor.to_dtype(dtype))
            .map_err(|e| {
                Error::new(
                    ErrorKind::Unsupported,
                    format!("tensor {name} cannot be put on the device: {e}"),
                )
            })
    }

    /// A table of vectors; its rows become f32 when they are looked up.
    pub(super) fn table(&self, name: &str, rows: usize, size: usize) -> Result<Tensor> {
        self.tensor(&format!("{name}.weight"), &[rows, size], self.dtype)
    }

    pub(super) fn linear(
        &self,
        name: &str,
        inputs: usize,
        outputs: usize,
        biased: bool,
    ) -> Result<Linear> {
        let weight = self.tensor(&format!("{name}.weight"), &[outputs, inputs], self.dtype)?;
        let bias = match biased {
            true => Some(self.tensor(&format!("{name}.bias"), &[outputs], DType::F32)?),
            false => None,
        };
        Ok(Linear::new(weight, bias))
    }

    /// Layer normalisation, with or without an addend.
    pub(super) fn norm(&self, name: &str, size: usize, shift: bool, eps: f32) -> Result<Norm> {
        // Conversions from old TensorFlow checkpoints kept its names.
        let old = self.has(&format!("{name}.gamma"));
        let (gain, addend) = if old {
            ("gamma", "beta")
        } else {
            ("weight", "bias")
        };
        let gain = self.tensor(&format!("{name}.{gain}"), &[size], DType::F32)?;
        let shift = match shift {
            true => self.tensor(&format!("{name}.{addend}"), &[size], DType::F32)?,
            false => gain.zeros_like().map_err(|e| {
                Error::new(ErrorKind::Unsupported, format!("the device is full: {e}"))
            })?,
        };
        Ok(Norm::new(NormKind::Layer(shift), gain, eps))
    }

    /// Division by the root of the mean square.
    pub(super) fn rms(&self, name: &str, size: usize, eps: f32) -> Result<Norm> {
        let gain = self.tensor(&format!("{name}.weight"), &[size], DType::F32)?;
        Ok(Norm::new(NormKind::RootMeanSquare, gain, eps))
    }
}
