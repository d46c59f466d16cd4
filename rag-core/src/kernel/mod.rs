//! Numeric kernels: a row of functions for each instruction set, chosen once at run time.
//!
//! The scalar row is the truth that the others are tested against; sums run in another order in
//! each row, so rows agree up to `eps * (n + 2) * sum |a_i b_i|` for a sum of `n` products. On
//! one machine the row is always the same, and so are the bits. The environment variable
//! `RAG_KERNELS` forces a row by its name (`scalar`, `avx2`, `avx512`, `avx512vnni`, `avx512bf16`,
//! `amx`, `neon`, `neondot`); a name that is unknown or that this processor cannot run changes
//! nothing.
//!
//! `lanes` is what a vector instruction set offers, `generic` and `gemm` are the algorithms
//! over it, `low` is the same for brain floats and bytes, `linalg` is the small dense algebra that learning needs, in f64.

mod aligned;
mod bf16;
pub(crate) mod codes;
mod gamma;
mod gemm;
mod generic;
mod lanes;
mod large;
pub mod linalg;
mod low;
mod meaning;
mod nonlinearity;
mod packed;
pub(crate) mod ratings;
mod scalar;
mod sheet;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

pub(crate) use aligned::Aligned;
pub use bf16::Bf16;
pub(crate) use gamma::ln_gamma;
pub use gemm::Epilogue;
pub(crate) use gemm::{Gemm, pack, pack_transposed, packed_len};
pub(crate) use large::Large;
pub(crate) use low::{LowAttention, LowGemm, LowNorm, LowScratch, NormTo, Then};
pub use low::{LowKind, PackedLow};
pub(crate) use meaning::Meaning;
pub use nonlinearity::Nonlinearity;
pub use packed::PackedB;
pub use sheet::{Activation, Sheet};

use crate::error::{Error, Result};
use std::sync::OnceLock;

/// One instruction set's functions. A row carries all of them, so that one query never mixes rows.
#[derive(Clone, Copy, Debug)]
pub struct Kernels {
    /// What `RAG_KERNELS` calls it.
    pub name: &'static str,
    /// The inner product of two slices of the same length.
    pub dot: fn(&[f32], &[f32]) -> f32,
    /// The squared Euclidean distance of two slices of the same length.
    pub l2_squared: fn(&[f32], &[f32]) -> f32,
    /// Replaces a row by `e^(x - largest x)` (relative error below 4e-7, never below e^-87) and
    /// answers the sum.
    pub exp_sum: fn(&mut [f32]) -> f32,
    /// Layer normalisation of a row: `(x - mean) / sqrt(variance + eps) * gain + shift`.
    pub layer_norm: fn(&mut [f32], gain: &[f32], shift: &[f32], eps: f32),
    /// A matrix product; [`PackedB`] is the public way to it.
    pub(crate) gemm: fn(&mut Gemm<'_>),
    /// Columns in a panel of a packed matrix.
    pub(crate) panel: usize,
    /// Linear layers and attention in low precision.
    pub(crate) low: &'static low::Low,
    /// Products with vectors that are kept as codes.
    pub(crate) codes: &'static codes::Codes,
    /// Passes over ratings.
    pub(crate) ratings: &'static ratings::Ratings,
}

/// Every row that this processor can run, the best last; the first is the scalar one.
pub fn available() -> Vec<&'static Kernels> {
    #[allow(unused_mut, reason = "not every architecture has a second row")]
    let mut rows = vec![&scalar::KERNELS];
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            rows.push(&avx2::KERNELS);
        }
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            rows.push(&avx512::KERNELS);
            if is_x86_feature_detected!("avx512vnni") {
                rows.push(&avx512::VNNI);
                if is_x86_feature_detected!("avx512bf16") {
                    // Intel's product of brain floats is slower than widening them.
                    let place = rows.len() - usize::from(!amd());
                    rows.insert(place, &avx512::BF16);
                    if low::amx_available() {
                        rows.push(&avx512::AMX);
                    }
                }
            }
        }
    }
    #[cfg(target_arch = "aarch64")]
    if std::arch::is_aarch64_feature_detected!("neon") {
        rows.push(&neon::KERNELS);
        if std::arch::is_aarch64_feature_detected!("dotprod") {
            rows.push(&neon::DOT);
        }
    }
    rows
}

#[cfg(target_arch = "x86_64")]
fn amd() -> bool {
    std::arch::x86_64::__cpuid(0).ebx == u32::from_le_bytes(*b"Auth")
}

/// The row in use: the best one, or the one that `RAG_KERNELS` names. Chosen at the first call.
pub fn active() -> &'static Kernels {
    static ACTIVE: OnceLock<&'static Kernels> = OnceLock::new();
    ACTIVE.get_or_init(|| {
        let rows = available();
        let wanted = std::env::var("RAG_KERNELS").unwrap_or_default();
        let named = rows.iter().find(|row| row.name == wanted);
        named
            .or(rows.last())
            .expect("the scalar row is always there")
    })
}

fn same_length(a: &[f32], b: &[f32]) -> Result<()> {
    if a.len() == b.len() {
        return Ok(());
    }
    Err(Error::dimension("the first vector", a.len(), b.len()))
}

/// The inner product, lengths checked.
///
/// ```
/// use rag_core::kernel::dot;
/// assert_eq!(dot(&[1.0, 2.0], &[3.0, 4.0]).unwrap(), 11.0);
/// assert!(dot(&[1.0], &[]).is_err());
/// ```
pub fn dot(a: &[f32], b: &[f32]) -> Result<f32> {
    same_length(a, b)?;
    Ok((active().dot)(a, b))
}

/// The squared Euclidean distance, lengths checked.
pub fn l2_squared(a: &[f32], b: &[f32]) -> Result<f32> {
    same_length(a, b)?;
    Ok((active().l2_squared)(a, b))
}

/// Scales `vector` to unit length and answers the length that it had.
///
/// The length is summed in f64, so that no finite vector overflows or vanishes; the result is
/// the same in every row. A vector of zeros has no direction: it is refused and left as it is,
/// as is one with a NaN or an infinity.
///
/// ```
/// use rag_core::kernel::normalize;
/// let mut tiny = [3e-40, 4e-40];
/// assert!(normalize(&mut tiny).is_ok());
/// assert!((tiny[0] - 0.6).abs() < 1e-5);
/// assert!(normalize(&mut [0.0, 0.0]).is_err());
/// ```
pub fn normalize(vector: &mut [f32]) -> Result<f32> {
    let mut acc = [0.0f64; 8];
    let (chunks, rest) = vector.as_chunks::<8>();
    for chunk in chunks {
        for (acc, x) in acc.iter_mut().zip(chunk) {
            *acc += f64::from(*x) * f64::from(*x);
        }
    }
    for (acc, x) in acc.iter_mut().zip(rest) {
        *acc += f64::from(*x) * f64::from(*x);
    }
    let norm = acc.iter().sum::<f64>().sqrt();
    if !norm.is_finite() {
        return Err(Error::invalid(
            "a vector has a number that is not finite; every number must be finite",
        ));
    }
    if norm == 0.0 {
        return Err(Error::invalid(
            "a vector of zeros has no direction; give one with a number other than zero",
        ));
    }
    let scale = 1.0 / norm;
    for x in vector.iter_mut() {
        *x = (f64::from(*x) * scale) as f32;
    }
    Ok(norm as f32)
}
