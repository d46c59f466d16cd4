//! The scalar row: the fallback on any processor, and the truth for the others. No `unsafe`.

use super::Kernels;
use super::gemm::{Epilogue, Gemm};
use super::generic::{ERF, ERF_EDGE, EXP, EXP_HIGH, EXP_LOW, LN2_HIGH, LN2_LOW};
use super::nonlinearity::{Nonlinearity, SILU_LOW, TANH, TANH_LOW};

pub(super) static KERNELS: Kernels = Kernels {
    name: "scalar",
    dot,
    l2_squared,
    exp_sum,
    layer_norm,
    gemm,
    panel: PANEL,
    low: &super::low::SCALAR,
    codes: &super::codes::SCALAR,
    ratings: &super::ratings::PLAIN,
};

const PANEL: usize = 16;

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}

/// Like `f32::clamp`, but never a panic; NaN stays NaN.
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    if x < low {
        low
    } else if x > high {
        high
    } else {
        x
    }
}

fn polynomial(coefficients: &[f32], x: f32) -> f32 {
    coefficients.iter().rev().fold(0.0, |p, c| p * x + c)
}

fn exp(x: f32) -> f32 {
    let x = clamp(x, EXP_LOW, EXP_HIGH);
    let n = (x * std::f32::consts::LOG2_E).round_ties_even();
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let p = polynomial(&EXP, r) * (r * r) + r + 1.0;
    p * f32::from_bits(((n as i32 + 127) as u32) << 23)
}

fn gelu(x: f32) -> f32 {
    let z = clamp(x * std::f32::consts::FRAC_1_SQRT_2, -ERF_EDGE, ERF_EDGE);
    let erf = z * polynomial(&ERF, z * z * (2.0 / (ERF_EDGE * ERF_EDGE)) - 1.0);
    let low = -ERF_EDGE * std::f32::consts::SQRT_2;
    let half = 0.5 * if x < low { low } else { x };
    half * erf + half
}

fn apply(f: Nonlinearity, x: f32) -> f32 {
    let at_least = |low: f32| if x < low { low } else { x };
    match f {
        Nonlinearity::Gelu => gelu(x),
        Nonlinearity::Relu => at_least(0.0),
        Nonlinearity::Silu => at_least(SILU_LOW) / (1.0 + exp(-x)),
        Nonlinearity::GeluTanh => {
            let x = at_least(TANH_LOW);
            x / (1.0 + exp(-x * (x * x * TANH[1] + TANH[0])))
        }
    }
}

fn exp_sum(row: &mut [f32]) -> f32 {
    let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    row.iter_mut().for_each(|x| *x = exp(*x - top));
    row.iter().sum()
}

fn layer_norm(row: &mut [f32], gain: &[f32], shift: &[f32], eps: f32) {
    let scale = 1.0 / row.len() as f32;
    let mean = row.iter().sum::<f32>() * scale;
    let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() * scale;
    let inverse = 1.0 / (variance + eps).sqrt();
    for ((x, g), s) in row.iter_mut().zip(gain).zip(shift) {
        *x = (*x - mean) * inverse * g + s;
    }
}

fn gemm(call: &mut Gemm<'_>) {
    call.check(PANEL);
    for i in 0..call.m {
        let a = &call.a[i * call.lda..][..call.k];
        for column in (0..call.n).step_by(PANEL) {
            let width = PANEL.min(call.n - column);
            let mut acc = [0.0f32; PANEL];
            if let Some(bias) = call.bias {
                acc[..width].copy_from_slice(&bias[column..column + width]);
            }
            let (b, _) = call.b[column * call.k..][..PANEL * call.k].as_chunks::<PANEL>();
            for (x, b) in a.iter().zip(b) {
                for (acc, y) in acc.iter_mut().zip(b) {
                    *acc += x * y;
                }
            }
            let out = &mut call.out[i * call.ldc + column..][..width];
            for (out, sum) in out.iter_mut().zip(acc) {
                *out = match call.epilogue {
                    Epilogue::Store => sum,
                    Epilogue::Add => sum + *out,
                    Epilogue::Apply(f) => apply(f, sum),
                    Epilogue::Gate(f) => apply(f, sum) * *out,
                };
            }
        }
    }
}
