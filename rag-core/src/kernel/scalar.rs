//! The scalar row: the fallback, and the truth for the others.

use super::Kernels;

pub(super) static KERNELS: Kernels = Kernels {
    name: "scalar",
    dot,
    l2_squared,
};

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}
