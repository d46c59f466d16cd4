//! The algorithms of the vector rows, written once over [`Lanes`].
//!
//! Each returns what the scalar row returns up to rounding: sums run in several accumulators,
//! products are fused.
#![allow(unsafe_code)]

use super::lanes::Lanes;

/// `|x|` from which erf is 1 in f32.
pub(super) const ERF_EDGE: f32 = 3.92;

/// erf(z) = z * P(s), s = 2 (z / 3.92)^2 - 1: minimax in the absolute error of erf (2e-8 before
/// rounding, 1.7e-7 after), by reweighted least squares on Chebyshev points (Lawson, 1961).
pub(super) const ERF: [f32; 16] = [
    0.360_736_82,
    -0.180_108_64,
    0.134_084_27,
    -0.109_178_5,
    0.090_602_316,
    -0.074_030_176,
    0.058_358_49,
    -0.043_374_66,
    0.029_820_854,
    -0.020_180_5,
    0.014_004_861,
    -0.007_371_859,
    0.002_087_147_2,
    -0.001_618_757,
    0.002_045_758_3,
    -0.000_775_394,
];

/// e^r = 1 + r + r^2 Q(r) for |r| <= ln(2) / 2, relative error 3e-9 before rounding.
pub(super) const EXP: [f32; 5] = [
    0.5,
    0.166_665_18,
    0.041_666_206,
    0.008_368_951,
    0.001_395_060_4,
];
pub(super) const LN2_HIGH: f32 = 0.693_359_4;
pub(super) const LN2_LOW: f32 = -2.121_944_4e-4;
/// Below this e^x is no longer a normal number; the kernels answer e^EXP_LOW there.
pub(super) const EXP_LOW: f32 = -87.0;
pub(super) const EXP_HIGH: f32 = 88.0;

/// Four accumulators hide the latency of the sum.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
pub(super) unsafe fn dot<V: Lanes>(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: the set is the caller's promise; `fold` reads inside both slices.
    unsafe { fold::<V>(a, b, |x, y, acc| x.mul_add(y, acc)) }
}

/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
pub(super) unsafe fn l2_squared<V: Lanes>(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: as in `dot`.
    unsafe {
        fold::<V>(a, b, |x, y, acc| {
            let d = x.sub(y);
            d.mul_add(d, acc)
        })
    }
}

/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
unsafe fn fold<V: Lanes>(a: &[f32], b: &[f32], step: impl Fn(V, V, V) -> V) -> f32 {
    let n = a.len().min(b.len());
    let (a, b) = (a.as_ptr(), b.as_ptr());
    // SAFETY: every read is at `i + V::N <= n`, or the `n - i < V::N` floats that are left.
    unsafe {
        let zero = V::splat(0.0);
        let mut acc = [zero; 4];
        let mut i = 0;
        while i + 4 * V::N <= n {
            for (w, acc) in acc.iter_mut().enumerate() {
                let at = i + w * V::N;
                *acc = step(V::load(a.add(at)), V::load(b.add(at)), *acc);
            }
            i += 4 * V::N;
        }
        while i + V::N <= n {
            acc[0] = step(V::load(a.add(i)), V::load(b.add(i)), acc[0]);
            i += V::N;
        }
        if i < n {
            let x = V::load_part(a.add(i), n - i, zero);
            let y = V::load_part(b.add(i), n - i, zero);
            acc[1] = step(x, y, acc[1]);
        }
        acc[0].add(acc[1]).add(acc[2].add(acc[3])).sum()
    }
}

/// e^x, x clamped to `EXP_LOW..=EXP_HIGH`.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
pub(super) unsafe fn exp<V: Lanes>(x: V) -> V {
    // SAFETY: arithmetic only; the set is the caller's promise.
    unsafe {
        let x = x.max(V::splat(EXP_LOW)).min(V::splat(EXP_HIGH));
        let n = x.mul(V::splat(std::f32::consts::LOG2_E)).round();
        let r = n.mul_add(V::splat(-LN2_HIGH), x);
        let r = n.mul_add(V::splat(-LN2_LOW), r);
        let mut q = V::splat(EXP[4]);
        for c in EXP[..4].iter().rev() {
            q = q.mul_add(r, V::splat(*c));
        }
        let p = q.mul_add(r.mul(r), r).add(V::splat(1.0));
        p.scale2(n)
    }
}

/// GELU with erf (Hendrycks and Gimpel, 2016): `x / 2 * (1 + erf(x / sqrt 2))`.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
pub(super) unsafe fn gelu<V: Lanes>(x: V) -> V {
    // SAFETY: arithmetic only; the set is the caller's promise.
    unsafe {
        let edge = V::splat(ERF_EDGE);
        let low = V::splat(-ERF_EDGE);
        let z = x.mul(V::splat(std::f32::consts::FRAC_1_SQRT_2));
        let z = z.max(low).min(edge);
        let s = z
            .mul(z)
            .mul_add(V::splat(2.0 / (ERF_EDGE * ERF_EDGE)), V::splat(-1.0));
        let mut p = V::splat(ERF[15]);
        for c in ERF[..15].iter().rev() {
            p = p.mul_add(s, V::splat(*c));
        }
        // Left of the edge the result is 0 up to the error of erf, however far x is.
        let half = x
            .max(V::splat(-ERF_EDGE * std::f32::consts::SQRT_2))
            .mul(V::splat(0.5));
        half.mul(z.mul(p)).add(half)
    }
}

/// Replaces `row` by e^(x - largest x) and answers the sum: softmax up to the division.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
pub(super) unsafe fn exp_sum<V: Lanes>(row: &mut [f32]) -> f32 {
    let n = row.len();
    let p = row.as_mut_ptr();
    let whole = n - n % V::N;
    let rest = n - whole;
    // SAFETY: reads and writes are at `i + V::N <= whole`, or the `rest < V::N` floats behind.
    unsafe {
        let least = V::splat(f32::NEG_INFINITY);
        let mut top = V::load_part(p.add(whole), rest, least);
        for i in (0..whole).step_by(V::N) {
            top = V::load(p.add(i)).max(top);
        }
        let top = V::splat(top.largest());
        let mut sum = V::splat(0.0);
        for i in (0..whole).step_by(V::N) {
            let e = exp(V::load(p.add(i)).sub(top));
            e.store(p.add(i));
            sum = sum.add(e);
        }
        let mut total = sum.sum();
        if rest > 0 {
            let mut tail = [0.0f32; 16];
            exp(V::load_part(p.add(whole), rest, top).sub(top)).store(tail.as_mut_ptr());
            let tail = &tail[..rest];
            row[whole..].copy_from_slice(tail);
            total += tail.iter().sum::<f32>();
        }
        total
    }
}

/// Layer normalisation (Ba, Kiros and Hinton, 2016) in two passes: mean, then variance.
///
/// # Safety
/// The processor has the instruction set of `V`; the three slices have one length.
#[inline(always)]
pub(super) unsafe fn layer_norm<V: Lanes>(row: &mut [f32], gain: &[f32], shift: &[f32], eps: f32) {
    let n = row.len().min(gain.len()).min(shift.len());
    let p = row.as_mut_ptr();
    let whole = n - n % V::N;
    let rest = n - whole;
    let scale = 1.0 / n as f32;
    // SAFETY: reads and writes are at `i + V::N <= whole`, or the `rest < V::N` floats behind.
    unsafe {
        let zero = V::splat(0.0);
        let mut sum = V::load_part(p.add(whole), rest, zero);
        for i in (0..whole).step_by(V::N) {
            sum = sum.add(V::load(p.add(i)));
        }
        let mean = V::splat(sum.sum() * scale);
        let d = V::load_part(p.add(whole), rest, mean).sub(mean);
        let mut squares = d.mul(d);
        for i in (0..whole).step_by(V::N) {
            let d = V::load(p.add(i)).sub(mean);
            squares = d.mul_add(d, squares);
        }
        let inverse = V::splat(1.0 / (squares.sum() * scale + eps).sqrt());
        for i in (0..whole).step_by(V::N) {
            let d = V::load(p.add(i)).sub(mean).mul(inverse);
            d.mul_add(
                V::load(gain.as_ptr().add(i)),
                V::load(shift.as_ptr().add(i)),
            )
            .store(p.add(i));
        }
        if rest > 0 {
            let d = V::load_part(p.add(whole), rest, zero)
                .sub(mean)
                .mul(inverse);
            let g = V::load_part(gain.as_ptr().add(whole), rest, zero);
            let s = V::load_part(shift.as_ptr().add(whole), rest, zero);
            d.mul_add(g, s).store_part(p.add(whole), rest);
        }
    }
}
