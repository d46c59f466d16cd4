//! What the codes of a vector mean, in the form in which it lies in memory and in files.
#![allow(unsafe_code)]

use crate::plain::Plain;

/// What codes of a vector mean: number `i` is `scale * (code - 7.5) + rest * remainder`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub(crate) struct Meaning {
    pub scale: f32,
    pub rest: f32,
    /// The squared length of the centred vector.
    pub norm: f32,
    /// What lifts vectors of all lengths to one under the inner product; else 0.
    pub lift: f32,
}

// SAFETY: four numbers of four bytes each, one after the other, which any bytes spell.
unsafe impl Plain for Meaning {}
