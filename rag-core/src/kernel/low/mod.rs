//! Linear layers and attention in low precision: brain floats, and bytes with a scale a row.
//!
//! Activations travel as brain floats between the kernels, sums are f32 or exact i32. A product
//! is computed in blocks: [`product`] is what an instruction set offers for one block, `gemm` and
//! `attention` are written once over it. Weights are packed the same way for every set: panels of
//! sixteen columns, four bytes of the inner dimension at a time, which is what `vpdpbusd`,
//! `vdpbf16ps`, `sdot` and the matrix tiles all want.
#![allow(unsafe_code)]

mod attention;
mod gemm;
mod norm;
mod packed;
mod product;
mod scalar;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

pub(crate) use attention::{LowAttention, LowScratch};
pub(crate) use gemm::{LowGemm, Then};
pub(crate) use norm::{LowNorm, NormTo};
pub use packed::{LowKind, PackedLow};

#[cfg(target_arch = "x86_64")]
pub(super) use amx::available as amx_available;

/// One instruction set's functions in low precision.
#[derive(Debug)]
pub(crate) struct Low {
    /// A linear layer.
    pub gemm: fn(&mut LowGemm<'_>),
    /// Attention within one sequence.
    pub attention: fn(&mut LowAttention<'_>),
    /// Layer normalisation of rows, to brain floats.
    pub norm: fn(&mut LowNorm<'_>),
    /// Whether brain floats are multiplied by an instruction of their own, and so are faster
    /// than f32.
    pub multiplies_bf16: bool,
}

/// Makes the functions of an instruction set: safe ones around entries compiled for it.
macro_rules! low {
    ($name:ident, $features:literal, $product:ty, $fast:literal) => {
        pub(in crate::kernel) static $name: Low = {
            fn gemm(call: &mut LowGemm<'_>) {
                #[target_feature(enable = $features)]
                fn entry(call: &mut LowGemm<'_>) {
                    // SAFETY: this function is compiled for the set, and reached only through
                    // a row of kernels.
                    unsafe { gemm::run::<$product>(call) }
                }
                // SAFETY: the row is handed out only where the processor has the features.
                unsafe { entry(call) }
            }

            fn attention(call: &mut LowAttention<'_>) {
                #[target_feature(enable = $features)]
                fn entry(call: &mut LowAttention<'_>) {
                    // SAFETY: as in `gemm`.
                    unsafe { attention::run::<$product>(call) }
                }
                // SAFETY: as in `gemm`.
                unsafe { entry(call) }
            }

            fn norm(call: &mut LowNorm<'_>) {
                #[target_feature(enable = $features)]
                fn entry(call: &mut LowNorm<'_>) {
                    // SAFETY: as in `gemm`.
                    unsafe { norm::run::<$product>(call) }
                }
                // SAFETY: as in `gemm`.
                unsafe { entry(call) }
            }

            Low {
                gemm,
                attention,
                norm,
                multiplies_bf16: $fast,
            }
        };
    };
}

#[cfg(target_arch = "x86_64")]
mod sets {
    use super::avx512::Avx512;
    use super::*;

    low!(SCALAR, "sse2", scalar::Scalar, false);
    low!(AVX2, "avx2,fma", avx2::Avx2, false);
    low!(
        AVX512,
        "avx512f,avx512bw,avx512dq,avx512vl",
        Avx512<false, false>,
        false
    );
    low!(
        AVX512_VNNI,
        "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni",
        Avx512<true, false>,
        false
    );
    low!(
        AVX512_BF16,
        "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16",
        Avx512<true, true>,
        true
    );
    low!(
        AMX,
        "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16",
        amx::Tiles,
        true
    );
}

#[cfg(target_arch = "aarch64")]
mod sets {
    use super::*;

    low!(SCALAR, "neon", scalar::Scalar, false);
    low!(NEON, "neon", neon::Neon<false>, false);
    low!(NEON_DOT, "neon", neon::Neon<true>, false);
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod sets {
    use super::*;

    low!(SCALAR, "", scalar::Scalar, false);
}

pub(in crate::kernel) use sets::*;
