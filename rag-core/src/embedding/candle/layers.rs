//! What all networks are made of. The stream between layers is f32 in every precision; only
//! products are taken in the type of the weights.

use crate::kernel::Nonlinearity;
use candle_core::{DType, Result, Tensor};
use candle_nn::ops::{layer_norm, rms_norm};

/// A linear layer.
pub(super) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    pub(super) fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias }
    }

    /// The type in which products are taken.
    pub(super) fn dtype(&self) -> DType {
        self.weight.dtype()
    }

    /// Rows of f32 to rows of f32.
    pub(super) fn apply(&self, rows: &Tensor) -> Result<Tensor> {
        let inputs = rows.to_dtype(self.weight.dtype())?;
        let sums = inputs.matmul(&self.weight.t()?)?.to_dtype(DType::F32)?;
        match &self.bias {
            Some(bias) => sums.broadcast_add(bias),
            None => Ok(sums),
        }
    }
}

pub(super) enum NormKind {
    /// With its addend.
    Layer(Tensor),
    RootMeanSquare,
}

/// A normalisation of rows.
pub(super) struct Norm {
    kind: NormKind,
    gain: Tensor,
    eps: f32,
}

impl Norm {
    pub(super) fn new(kind: NormKind, gain: Tensor, eps: f32) -> Self {
        Self { kind, gain, eps }
    }

    pub(super) fn apply(&self, rows: &Tensor) -> Result<Tensor> {
        let rows = rows.contiguous()?;
        match &self.kind {
            NormKind::Layer(shift) => layer_norm(&rows, &self.gain, shift, self.eps),
            NormKind::RootMeanSquare => rms_norm(&rows, &self.gain, self.eps),
        }
    }
}

/// The widening layers of a feed-forward part and the one back.
pub(super) struct FeedForward {
    /// One, or the activated one and the other; or one for both, in this order.
    pub(super) widen: Vec<Linear>,
    pub(super) gated: bool,
    pub(super) narrow: Linear,
    pub(super) activation: Nonlinearity,
}

impl FeedForward {
    pub(super) fn apply(&self, rows: &Tensor) -> Result<Tensor> {
        let first = self.widen[0].apply(rows)?;
        let wide = match &self.widen[..] {
            [_, other] => (activate(&first, self.activation)? * other.apply(rows)?)?,
            _ if self.gated => {
                let half = first.dim(1)? / 2;
                let activated =
                    activate(&first.narrow(1, 0, half)?.contiguous()?, self.activation)?;
                (activated * first.narrow(1, half, half)?)?
            }
            _ => activate(&first, self.activation)?,
        };
        self.narrow.apply(&wide)
    }
}

fn activate(rows: &Tensor, by: Nonlinearity) -> Result<Tensor> {
    match by {
        Nonlinearity::Gelu => rows.gelu_erf(),
        Nonlinearity::GeluTanh => rows.gelu(),
        Nonlinearity::Relu => rows.relu(),
        Nonlinearity::Silu => rows.silu(),
    }
}

/// The rows of a table, as f32.
pub(super) fn look_up(table: &Tensor, rows: &Tensor) -> Result<Tensor> {
    table.index_select(rows, 0)?.to_dtype(DType::F32)
}
