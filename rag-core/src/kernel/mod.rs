//! Numeric kernels: a row of functions for each instruction set, chosen once at run time.
//!
//! The scalar row is the truth that the others are tested against. `linalg` is the small dense
//! algebra that learning needs, in f64.

pub mod linalg;
mod scalar;

use crate::error::{Error, Result};

/// One instruction set's functions. A row carries all of them, so that one query never mixes rows.
#[derive(Clone, Copy, Debug)]
pub struct Kernels {
    /// `"scalar"`, `"avx2"`, `"avx512"` or `"neon"`.
    pub name: &'static str,
    /// The inner product of two slices of the same length.
    pub dot: fn(&[f32], &[f32]) -> f32,
    /// The squared Euclidean distance of two slices of the same length.
    pub l2_squared: fn(&[f32], &[f32]) -> f32,
}

/// The row in use.
pub fn active() -> &'static Kernels {
    &scalar::KERNELS
}

/// The inner product, lengths checked.
pub fn dot(a: &[f32], b: &[f32]) -> Result<f32> {
    if a.len() != b.len() {
        return Err(Error::dimension("the first vector", a.len(), b.len()));
    }
    Ok((active().dot)(a, b))
}
