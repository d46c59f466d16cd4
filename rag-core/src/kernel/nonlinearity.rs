//! The functions between the two layers of a feed-forward part.
#![allow(unsafe_code)]

use super::generic::{exp, gelu};
use super::lanes::Lanes;

/// A function of one number. All of them answer 0 for 0 and NaN for NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonlinearity {
    /// `x / 2 * (1 + erf(x / sqrt 2))` (Hendrycks and Gimpel, 2016).
    Gelu,
    /// The same paper's form with tanh: `x / (1 + e^-2y)`, `y = sqrt(2 / pi) (x + 0.044715 x^3)`.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
    /// `x / (1 + e^-x)`, in the same paper; also called swish.
    Silu,
}

/// Left of this the functions with an exponential are 0 to f32, and their terms not yet infinite.
pub(super) const SILU_LOW: f32 = -87.0;
pub(super) const TANH_LOW: f32 = -9.0;
/// `2 sqrt(2 / pi)`, and the same times 0.044715.
pub(super) const TANH: [f32; 2] = [1.595_769_2, 0.071_354_814];

impl Nonlinearity {
    /// # Safety
    /// The processor has the instruction set of `V`.
    #[inline(always)]
    pub(super) unsafe fn of<V: Lanes>(self, x: V) -> V {
        // SAFETY: arithmetic only; the set is the caller's promise.
        unsafe {
            match self {
                Self::Gelu => gelu(x),
                Self::Relu => x.max(V::splat(0.0)),
                Self::Silu => {
                    let x = x.max(V::splat(SILU_LOW));
                    sigmoid_times(x, x)
                }
                Self::GeluTanh => {
                    let x = x.max(V::splat(TANH_LOW));
                    let slope = x.mul(x).mul_add(V::splat(TANH[1]), V::splat(TANH[0]));
                    sigmoid_times(x, x.mul(slope))
                }
            }
        }
    }
}

/// `x / (1 + e^-z)`.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
unsafe fn sigmoid_times<V: Lanes>(x: V, z: V) -> V {
    // SAFETY: arithmetic only; the set is the caller's promise.
    unsafe { x.div(exp(V::splat(0.0).sub(z)).add(V::splat(1.0))) }
}
