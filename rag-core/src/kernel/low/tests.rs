//! Every row of kernels that this processor can run, against f64.
//!
//! Tolerances are derived: sums in f32 are off by `eps * (terms + 4) * sum |a b|`, brain floats
//! round by 2^-8 of a number, bytes by half a step of either side.

use super::*;
use crate::Rng;
use crate::kernel::nonlinearity::Nonlinearity;
use crate::kernel::{Aligned, Bf16, Kernels, Sheet, available};

const EPS: f64 = f32::EPSILON as f64;
const HALF: f64 = 1.0 / 256.0;

fn numbers(rng: &mut Rng, len: usize) -> Vec<f32> {
    let rounded = |x: f64| Bf16::from_f32(x as f32).to_f32();
    (0..len).map(|_| rounded(rng.normal())).collect()
}

fn value(x: &Bf16) -> f64 {
    f64::from(x.to_f32())
}

/// A layer with its inputs, all of them brain floats.
struct Case {
    rows: usize,
    k: usize,
    a: Vec<f32>,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Case {
    fn random(rng: &mut Rng, rows: usize, k: usize, n: usize) -> Self {
        Self {
            rows,
            k,
            a: numbers(rng, rows * k),
            weights: numbers(rng, n * k),
            bias: numbers(rng, n),
        }
    }

    fn packed(&self, row: &'static Kernels, kind: LowKind) -> PackedLow {
        PackedLow::with(row, kind, &self.weights, &self.bias, self.k, None).unwrap()
    }

    fn sheet(&self) -> Sheet<Bf16> {
        let mut sheet = Sheet::default();
        sheet.shape(self.rows, self.k);
        for i in 0..self.rows {
            for (to, x) in sheet.row_mut(i).iter_mut().zip(&self.a[i * self.k..]) {
                *to = Bf16::from_f32(*x);
            }
        }
        sheet
    }

    /// The sum at row `i` and column `j`, and how far off it may be.
    fn want(&self, kind: LowKind, i: usize, j: usize) -> (f64, f64) {
        let a = &self.a[i * self.k..][..self.k];
        let weights = &self.weights[j * self.k..][..self.k];
        let pairs = || {
            let pairs = a.iter().zip(weights);
            pairs.map(|(a, w)| (f64::from(*a), f64::from(*w)))
        };
        let want = f64::from(self.bias[j]) + pairs().map(|(a, w)| a * w).sum::<f64>();
        let size = want.abs() + pairs().map(|(a, w)| (a * w).abs()).sum::<f64>();
        let mut off = EPS * (self.k + 4) as f64 * size;
        if kind == LowKind::Int8 {
            let fold = |f: fn(f64, f64) -> f64| pairs().map(|p| p.0).fold(0.0, f);
            let step = (fold(f64::max) - fold(f64::min)) / 254.0;
            let widest = pairs().map(|p| p.1.abs()).fold(0.0, f64::max) / 127.0;
            let each = |(a, w): (f64, f64)| (w.abs() * step + a.abs() * widest) / 2.0;
            off += 1.01 * pairs().map(|p| each(p) + step * widest / 4.0).sum::<f64>();
        }
        (want, off)
    }
}

fn run(b: &PackedLow, a: &Sheet<Bf16>, then: Then<'_, Bf16>) {
    b.apply(LowGemm {
        a,
        b,
        then,
        bytes: &mut Aligned::default(),
    });
}

#[test]
fn layers_of_every_edge_stay_within_the_derived_error() {
    let mut rng = Rng::new(1);
    let kinds = [LowKind::Bf16, LowKind::Int8];
    let near = |got: f64, want: f64, off: f64, what: &str| {
        assert!(
            (got - want).abs() <= off,
            "{what}: {got} for {want}, allowed {off}"
        );
    };
    let gelu = |x: f64| {
        let mut out = 0.0;
        // The normal distribution by its integral, fine enough.
        let steps = 2000;
        for step in 0..steps {
            let t = x * (f64::from(step) + 0.5) / f64::from(steps);
            out += (-t * t / 2.0).exp();
        }
        let inside = out * x / f64::from(steps) / (2.0 * std::f64::consts::PI).sqrt();
        x * (0.5 + inside)
    };
    for row in available() {
        for rows in [0, 1, 3, 15, 16, 17, 24, 31, 32, 33, 70] {
            for (k, n) in [(1, 1), (31, 15), (32, 16), (33, 17), (64, 64), (100, 130)] {
                let case = Case::random(&mut rng, rows, k, n);
                for kind in kinds {
                    let (layer, a) = (case.packed(row, kind), case.sheet());
                    let what = format!("{} {kind:?} {rows}x{k}x{n}", row.name);
                    let mut out = Sheet::default();
                    out.shape(rows, n);
                    run(&layer, &a, Then::Store(&mut out));
                    let mut after = out.clone();
                    let f = Nonlinearity::Gelu;
                    run(&layer, &a, Then::Apply(&mut after, f));
                    let mut gated = out.clone();
                    run(&layer, &a, Then::Gate(&mut gated, f));
                    let mut hidden = Sheet::<f32>::from_rows(&vec![1.5; rows * n], n);
                    run(&layer, &a, Then::Add(&mut hidden, None));
                    for i in 0..rows {
                        for j in 0..n {
                            let (want, off) = case.want(kind, i, j);
                            let round = |x: f64| off + HALF * (x.abs() + off);
                            let stored = value(&out.row(i)[j]);
                            near(stored, want, round(want), &what);
                            let added = f64::from(hidden.row(i)[j]);
                            near(added, want + 1.5, off + 4.0 * EPS, &what);
                            // GELU's slope is at most 1.13, its own error 1.4e-4.
                            let want = gelu(want);
                            let off = 1.13 * off + 1.4e-4 + HALF * want.abs();
                            near(value(&after.row(i)[j]), want, off * 1.01, &what);
                            let off = off * stored.abs() + HALF * (want * stored).abs();
                            let got = value(&gated.row(i)[j]);
                            near(got, want * stored, off * 1.01 + 1e-30, &what);
                        }
                        let stride = out.stride();
                        let padding = &out.data()[i * stride + n..(i + 1) * stride];
                        assert!(padding.iter().all(|x| *x == Bf16::default()), "{what}");
                    }
                }
            }
        }
        // More weights than a chunk, so that chunks meet.
        let case = Case::random(&mut rng, 33, 4096, 300);
        for kind in kinds {
            let mut out = Sheet::default();
            case.packed(row, kind)
                .multiply(&case.sheet(), &mut out)
                .unwrap();
            for (i, j) in [(0, 0), (32, 299), (16, 128), (31, 255)] {
                let (want, off) = case.want(kind, i, j);
                let off = off + HALF * (want.abs() + off);
                near(value(&out.row(i)[j]), want, off, row.name);
            }
        }
    }
}

#[test]
fn a_row_depends_on_its_own_row_alone() {
    let mut rng = Rng::new(2);
    for row in available() {
        for kind in [LowKind::Bf16, LowKind::Int8] {
            let case = Case::random(&mut rng, 50, 70, 90);
            let layer = case.packed(row, kind);
            let mut together = Sheet::default();
            layer.multiply(&case.sheet(), &mut together).unwrap();
            for i in 0..case.rows {
                let one = Sheet::from_rows(&case.a[i * 70..][..70], 70);
                let mut alone = Sheet::default();
                layer.multiply(&one, &mut alone).unwrap();
                assert_eq!(alone.row(0), together.row(i), "{} {kind:?} {i}", row.name);
            }
        }
    }
}

#[test]
fn bytes_survive_zeros_constants_tiny_and_huge_rows() {
    for row in available() {
        let weights = [1.0, -2.0, 0.5, 3.0];
        let layer = PackedLow::with(row, LowKind::Int8, &weights, &[0.25], 4, None).unwrap();
        for (input, want) in [
            ([0.0; 4], 0.25),
            ([2.0; 4], 5.25),
            ([-2.0; 4], -4.75),
            ([1e-40; 4], 0.25),
            ([1e30, 0.0, 0.0, 0.0], 1e30),
        ] {
            let mut out = Sheet::default();
            layer
                .multiply(&Sheet::from_rows(&input, 4), &mut out)
                .unwrap();
            let got = value(&out.row(0)[0]);
            assert!(
                (got - want).abs() <= 0.02 * want.abs(),
                "{} {got} {want}",
                row.name
            );
        }
        // Nothing that is not a number may come out as one.
        let mut out = Sheet::default();
        let input = [f32::INFINITY, 0.0, 0.0, 0.0];
        layer
            .multiply(&Sheet::from_rows(&input, 4), &mut out)
            .unwrap();
        assert!(!out.row(0)[0].to_f32().is_normal(), "{}", row.name);
    }
}

#[test]
fn an_input_that_is_always_large_does_not_drown_the_others() {
    let mut rng = Rng::new(3);
    let (k, n) = (64, 16);
    let mut case = Case::random(&mut rng, 20, k, n);
    let mut sizes = vec![1.0; k];
    sizes[5] = 60.0;
    for row in case.a.chunks_exact_mut(k) {
        row[5] = Bf16::from_f32(row[5] * 60.0).to_f32();
    }
    for row in available() {
        let error = |sizes: Option<&[f32]>| {
            let kind = LowKind::Int8;
            let layer = PackedLow::with(row, kind, &case.weights, &case.bias, k, sizes).unwrap();
            let mut hidden = Sheet::<f32>::from_rows(&vec![0.0; 20 * n], n);
            run(&layer, &case.sheet(), Then::Add(&mut hidden, None));
            let off = |at: usize| {
                let want = case.want(LowKind::Bf16, at / n, at % n).0;
                (f64::from(hidden.row(at / n)[at % n]) - want).powi(2)
            };
            (0..20 * n).map(off).sum::<f64>().sqrt()
        };
        let (plain, shared) = (error(None), error(Some(&sizes)));
        assert!(shared < 0.5 * plain, "{} {plain} {shared}", row.name);
    }
    let wrong = PackedLow::with(
        available()[0],
        LowKind::Int8,
        &case.weights,
        &case.bias,
        k,
        Some(&[1.0]),
    );
    assert!(wrong.is_err());
}

#[test]
fn attention_is_that_of_the_formula() {
    let mut rng = Rng::new(4);
    for row in available() {
        for (length, heads, head, reach, biased) in [
            (1, 1, 16, usize::MAX, false),
            (5, 3, 8, usize::MAX, true),
            (16, 2, 32, usize::MAX, false),
            (33, 2, 24, usize::MAX, true),
            (47, 1, 33, 3, false),
            (70, 2, 64, usize::MAX, false),
            (130, 2, 32, 20, true),
            (97, 1, 128, 0, false),
        ] {
            let size = heads * head;
            let (before, behind) = (3, 2);
            let rows = before + length + behind;
            let all = numbers(&mut rng, rows * 3 * size);
            let qkv = Sheet::<Bf16>::from_rows(&all, 3 * size);
            let bias: Vec<f32> = numbers(&mut rng, heads * (2 * length + 3));
            let mut out = Sheet::<Bf16>::from_rows(&vec![7.0; rows * size], size);
            (row.low.attention)(&mut LowAttention {
                qkv: &qkv,
                out: &mut out,
                first: before,
                length,
                heads,
                reach,
                bias: biased.then_some(&bias[..]),
                scratch: &mut LowScratch::default(),
            });
            let what = format!("{} {length} {heads}x{head} {reach} {biased}", row.name);
            let at = |token: usize, part: usize, h: usize, d: usize| {
                f64::from(all[(before + token) * 3 * size + part * size + h * head + d])
            };
            for (i, h) in (0..length).flat_map(|i| (0..heads).map(move |h| (i, h))) {
                let seen = |j: usize| i.abs_diff(j) <= reach;
                let scores: Vec<f64> = (0..length)
                    .filter(|j| seen(*j))
                    .map(|j| {
                        let distance = length + 1 + j - i;
                        let extra = match biased {
                            true => f64::from(bias[h * (2 * length + 3) + distance]),
                            false => 0.0,
                        };
                        (0..head)
                            .map(|d| at(i, 0, h, d) * at(j, 1, h, d))
                            .sum::<f64>()
                            + extra
                    })
                    .collect();
                let top = scores.iter().copied().fold(f64::MIN, f64::max);
                let shares: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
                let total: f64 = shares.iter().sum();
                for d in 0..head {
                    let keys = (0..length).filter(|j| seen(*j));
                    let (mut want, mut size) = (0.0, 0.0);
                    for (j, share) in keys.zip(&shares) {
                        want += share / total * at(j, 2, h, d);
                        size += share / total * at(j, 2, h, d).abs();
                    }
                    let got = value(&out.row(before + i)[h * head + d]);
                    // Shares and the result round to brain floats; scores are f32.
                    let off = 2.5 * HALF * size + 1e-4;
                    assert!(
                        (got - want).abs() <= off,
                        "{what} {i} {h} {d}: {got} for {want}"
                    );
                }
            }
            for other in (0..before).chain(before + length..rows) {
                let untouched = out.row(other).iter().all(|x| x.to_f32() == 7.0);
                assert!(untouched, "{what}: row {other}");
            }
        }
    }
}

#[test]
fn norms_leave_their_result_in_both_places() {
    let mut rng = Rng::new(5);
    for row in available() {
        for width in [1, 15, 16, 17, 40, 384] {
            let from = numbers(&mut rng, 3 * width);
            let (gain, shift) = (numbers(&mut rng, width), numbers(&mut rng, width));
            for replace in [false, true] {
                let mut rows = Sheet::<f32>::from_rows(&from, width);
                let mut to = Sheet::default();
                to.shape(3, width);
                (row.low.norm)(&mut LowNorm {
                    rows: &mut rows,
                    norm: NormTo {
                        gain: &gain,
                        shift: &shift,
                        eps: 1e-5,
                        replace,
                        to: &mut to,
                    },
                });
                for (i, row) in from.chunks_exact(width).enumerate() {
                    let n = width as f64;
                    let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
                    let square = |x: &f32| (f64::from(*x) - mean).powi(2);
                    let variance = row.iter().map(square).sum::<f64>() / n;
                    for (j, x) in row.iter().enumerate() {
                        let unit = (f64::from(*x) - mean) / (variance + 1e-5).sqrt();
                        let want = unit * f64::from(gain[j]) + f64::from(shift[j]);
                        let got = value(&to.row(i)[j]);
                        let off = 1e-3 + HALF * want.abs();
                        assert!((got - want).abs() <= off, "{got} for {want}");
                        let kept = f64::from(rows.row(i)[j]);
                        let expected = if replace { want } else { f64::from(*x) };
                        assert!((kept - expected).abs() <= 1e-3, "{kept} for {expected}");
                    }
                }
            }
        }
    }
}
