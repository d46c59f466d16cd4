//! Every row of kernels that this processor can run, against f64.
//!
//! Tolerances are derived: a sum of `n` products in any order, fused or not, is off by at most
//! `eps * (n + 2) * sum |a_i b_i|`, plus the smallest subnormal for each product that underflows.

use rag_core::kernel::{
    Epilogue, Kernels, Nonlinearity, PackedB, active, available, l2_squared, normalize,
};
use rag_core::{ErrorKind, Rng};

const EPS: f64 = f32::EPSILON as f64;
const SUBNORMAL: f64 = 1.5e-45;

fn lengths() -> impl Iterator<Item = usize> {
    let around = |n: usize| [n - 1, n, n + 1];
    (0..=70).chain([128, 256, 1024, 4096].into_iter().flat_map(around))
}

/// Numbers of one kind: ordinary, zeros, subnormal, or of very different sizes.
fn numbers(rng: &mut Rng, kind: usize, len: usize) -> Vec<f32> {
    let mut one = || match kind {
        0 => rng.normal() as f32,
        1 => 0.0,
        2 => (rng.normal() * 1e-41) as f32,
        3 => (rng.normal() * 1e-22) as f32,
        _ => (rng.normal() * 10f64.powf(rng.uniform() * 16.0 - 8.0)) as f32,
    };
    (0..len).map(|_| one()).collect()
}

fn near(got: f32, want: f64, tolerance: f64, what: &str) {
    let error = (f64::from(got) - want).abs();
    assert!(
        error <= tolerance,
        "{what}: {got} for {want}, off by {error:e}, allowed {tolerance:e}"
    );
}

#[test]
fn sums_of_products_stay_within_the_derived_error() {
    let mut rng = Rng::new(1);
    for row in available() {
        for n in lengths() {
            for kind in 0..5 {
                // Beginnings that are not aligned to a register.
                let offset = (n + kind) % 4;
                let a = &numbers(&mut rng, kind, n + offset)[offset..];
                let b = &numbers(&mut rng, kind, n + 1)[1..];
                let what = format!("{} n {n} kind {kind}", row.name);
                let product = |(x, y): (&f32, &f32)| f64::from(*x) * f64::from(*y);
                let want: f64 = a.iter().zip(b).map(product).sum();
                let size: f64 = a.iter().zip(b).map(|p| product(p).abs()).sum();
                let terms = (n + 2) as f64;
                let tolerance = terms * (EPS * size + SUBNORMAL);
                near((row.dot)(a, b), want, tolerance, &what);

                let square = |(x, y): (&f32, &f32)| (f64::from(*x) - f64::from(*y)).powi(2);
                let want: f64 = a.iter().zip(b).map(square).sum();
                // The difference is rounded too: twice an eps in its square.
                let tolerance = (terms + 2.0) * (EPS * want + SUBNORMAL);
                near((row.l2_squared)(a, b), want, tolerance, &what);
            }
        }
    }
}

#[test]
fn nan_and_infinity_reach_the_result_from_every_position() {
    for row in available() {
        for n in [1, 5, 16, 17, 33, 70] {
            for at in 0..n {
                let ones = vec![1.0f32; n];
                let mut bad = ones.clone();
                bad[at] = f32::NAN;
                assert!((row.dot)(&bad, &ones).is_nan(), "{} {n} {at}", row.name);
                assert!((row.l2_squared)(&ones, &bad).is_nan());
                let mut exps = bad.clone();
                assert!((row.exp_sum)(&mut exps).is_nan() && exps[at].is_nan());
                let mut normed = bad.clone();
                (row.layer_norm)(&mut normed, &ones, &ones, 1e-12);
                assert!(normed.iter().all(|x| x.is_nan()));
                bad[at] = f32::INFINITY;
                assert_eq!((row.dot)(&bad, &ones), f32::INFINITY);
            }
        }
    }
}

#[test]
fn doors_check_lengths_and_report_zeros() {
    let error = rag_core::kernel::dot(&[1.0, 2.0], &[1.0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DimensionMismatch);
    assert!(l2_squared(&[], &[0.0]).is_err());
    assert_eq!(l2_squared(&[1.0, 2.0], &[4.0, 6.0]).unwrap(), 25.0);

    let mut v = [3.0f32, 0.0, -4.0];
    assert_eq!(normalize(&mut v).unwrap(), 5.0);
    assert_eq!(v, [0.6, 0.0, -0.8]);
    for bad in [[0.0, -0.0], [f32::NAN, 1.0], [1.0, f32::INFINITY]] {
        let mut kept = bad;
        assert!(normalize(&mut kept).is_err());
        assert_eq!(kept.map(f32::to_bits), bad.map(f32::to_bits));
    }
    let mut rng = Rng::new(2);
    for scale in [1e-44, 1e-30, 1.0, 1e38] {
        for n in 1..70 {
            let mut v: Vec<f32> = (0..n).map(|_| (rng.uniform() * scale) as f32).collect();
            v[0] = scale as f32;
            normalize(&mut v).unwrap();
            let square: f64 = v.iter().map(|x| f64::from(*x).powi(2)).sum();
            assert!((square - 1.0).abs() < 4.0 * EPS, "{scale} {n} {square}");
        }
    }
}

#[test]
fn the_scalar_row_comes_first_and_the_active_one_is_available() {
    let rows = available();
    assert_eq!(rows[0].name, "scalar");
    assert!(rows.iter().any(|row| row.name == active().name));
}

/// erf by its series, good to 1e-9 up to 4, where the rest is below 2e-8.
fn erf(x: f64) -> f64 {
    if x.abs() > 4.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > 1e-18 {
        n += 1.0;
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2))
}

/// Each function, and its slope at the steepest.
const FUNCTIONS: [(Nonlinearity, f64); 4] = [
    (Nonlinearity::Gelu, 1.13),
    (Nonlinearity::GeluTanh, 1.13),
    (Nonlinearity::Relu, 1.0),
    (Nonlinearity::Silu, 1.1),
];

fn apply(f: Nonlinearity, x: f64) -> f64 {
    match f {
        Nonlinearity::Gelu => gelu(x),
        Nonlinearity::GeluTanh => {
            let y = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            0.5 * x * (1.0 + y.tanh())
        }
        Nonlinearity::Relu => x.max(0.0),
        Nonlinearity::Silu => x / (1.0 + (-x).exp()),
    }
}

struct Product {
    a: Vec<f32>,
    b: Vec<f32>,
    bias: Vec<f32>,
    before: Vec<f32>,
    m: usize,
    k: usize,
    n: usize,
}

impl Product {
    fn random(rng: &mut Rng, m: usize, k: usize, n: usize) -> Self {
        Self {
            a: numbers(rng, 0, m * k),
            b: numbers(rng, 0, k * n),
            bias: numbers(rng, 0, n),
            before: numbers(rng, 0, m * n),
            m,
            k,
            n,
        }
    }

    fn run(&self, row: &'static Kernels, bias: bool, transposed: bool, e: Epilogue) -> Vec<f32> {
        let Self { m, k, n, .. } = *self;
        let b = match transposed {
            false => self.b.clone(),
            true => (0..n * k).map(|i| self.b[i % k * n + i / k]).collect(),
        };
        let packed = PackedB::with(row, &b, k, n, transposed).unwrap();
        let mut out = self.before.clone();
        let bias = bias.then_some(&self.bias[..]);
        packed.multiply(&self.a, m, bias, &mut out, e).unwrap();
        out
    }

    fn check(&self, row: &'static Kernels, bias: bool, transposed: bool, e: Epilogue) {
        let out = self.run(row, bias, transposed, e);
        for i in 0..self.m {
            for j in 0..self.n {
                let start = if bias { f64::from(self.bias[j]) } else { 0.0 };
                let (mut want, mut size) = (start, start.abs());
                for p in 0..self.k {
                    let term =
                        f64::from(self.a[i * self.k + p]) * f64::from(self.b[p * self.n + j]);
                    want += term;
                    size += term.abs();
                }
                let before = f64::from(self.before[i * self.n + j]);
                let mut tolerance = EPS * (self.k + 3) as f64 * (size + before.abs());
                match e {
                    Epilogue::Store => {}
                    Epilogue::Add => want += before,
                    Epilogue::Apply(f) | Epilogue::Gate(f) => {
                        // erf and the exponential are off by at most 5e-7.
                        let slope = FUNCTIONS.iter().find(|known| known.0 == f).unwrap().1;
                        tolerance = slope * tolerance + 5e-7 * want.abs();
                        want = apply(f, want);
                        if e == Epilogue::Gate(f) {
                            tolerance = tolerance * before.abs() + EPS * (want * before).abs();
                            want *= before;
                        }
                    }
                }
                let what = format!(
                    "{} {}x{}x{} at {i},{j}, bias {bias}, transposed {transposed}, {e:?}",
                    row.name, self.m, self.k, self.n
                );
                near(out[i * self.n + j], want, tolerance, &what);
            }
        }
    }
}

#[test]
fn products_of_every_edge_stay_within_the_derived_error() {
    let mut rng = Rng::new(3);
    for row in available() {
        for m in [0, 1, 2, 3, 5, 6, 7, 11, 12, 13, 25] {
            for k in [0, 1, 2, 31, 65] {
                for n in [1, 15, 16, 17, 24, 31, 32, 33, 48, 65] {
                    let product = Product::random(&mut rng, m, k, n);
                    let turn = m + k + n;
                    let f = FUNCTIONS[turn / 4 % 4].0;
                    let each = [Epilogue::Apply(f), Epilogue::Gate(f)];
                    let epilogue = [Epilogue::Store, Epilogue::Add, each[0], each[1]][turn % 4];
                    product.check(row, turn.is_multiple_of(2), turn % 4 < 2, epilogue);
                }
            }
        }
        // More rows than fit a block, so that blocks meet.
        Product::random(&mut rng, 301, 1200, 33).check(row, true, true, Epilogue::Store);
    }
}

#[test]
fn a_row_of_a_product_depends_on_its_own_row_alone() {
    let mut rng = Rng::new(4);
    for row in available() {
        let all = Product::random(&mut rng, 29, 70, 50);
        let together = all.run(row, true, true, Epilogue::Apply(Nonlinearity::Gelu));
        for i in 0..all.m {
            let alone = Product {
                a: all.a[i * 70..(i + 1) * 70].to_vec(),
                before: vec![0.0; 50],
                b: all.b.clone(),
                bias: all.bias.clone(),
                m: 1,
                ..all
            };
            let alone = alone.run(row, true, true, Epilogue::Apply(Nonlinearity::Gelu));
            assert_eq!(alone, together[i * 50..(i + 1) * 50], "{} {i}", row.name);
        }
    }
}

#[test]
fn nonlinear_functions_hold_over_the_whole_line() {
    let mut inputs: Vec<f32> = (-8000..=8000).map(|i| i as f32 * 1e-3).collect();
    inputs.extend((-100..=100).map(|i| i as f32));
    inputs.extend([-1e30, -1e-30, 0.0, 1e-42, 1e30]);
    inputs.extend([f32::INFINITY, f32::NEG_INFINITY]);
    for row in available() {
        for (f, _) in FUNCTIONS {
            let one = PackedB::with(row, &[1.0], 1, 1, false).unwrap();
            let mut out = vec![0.0; inputs.len()];
            one.multiply(&inputs, inputs.len(), None, &mut out, Epilogue::Apply(f))
                .unwrap();
            for (x, got) in inputs.iter().zip(&out) {
                let (name, x) = (row.name, f64::from(*x));
                if x.abs() > 100.0 {
                    let want = if x > 0.0 { x } else { 0.0 };
                    let right = f64::from(*got) == want || x < 0.0 && got.abs() < 2e-6;
                    assert!(right, "{name} {f:?} {x} {got}");
                } else {
                    near(*got, apply(f, x), 5e-7 * x.abs() + 1e-12, name);
                }
            }
            let mut nan = [0.0];
            one.multiply(&[f32::NAN], 1, None, &mut nan, Epilogue::Apply(f))
                .unwrap();
            assert!(nan[0].is_nan());
        }
    }
}

#[test]
fn exponentials_and_layer_norm_stay_near_f64() {
    let mut rng = Rng::new(5);
    for row in available() {
        for n in (1..70).chain([256, 511]) {
            let x: Vec<f32> = (0..n).map(|_| (rng.normal() * 12.0) as f32).collect();
            let top = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mut got = x.clone();
            let sum = (row.exp_sum)(&mut got);
            let mut total = 0.0;
            for (x, got) in x.iter().zip(&got) {
                let want = f64::from(x - top).exp();
                total += want;
                near(*got, want, want * 4e-7, row.name);
            }
            near(sum, total, total * (4e-7 + EPS * n as f64), row.name);

            let gain = numbers(&mut rng, 0, n);
            let shift = numbers(&mut rng, 0, n);
            let mut got = x.clone();
            (row.layer_norm)(&mut got, &gain, &shift, 1e-6);
            let mean = x.iter().map(|x| f64::from(*x)).sum::<f64>() / n as f64;
            let variance = x
                .iter()
                .map(|x| (f64::from(*x) - mean).powi(2))
                .sum::<f64>()
                / n as f64;
            let scale = 1.0 / (variance + 1e-6).sqrt();
            let largest = x.iter().map(|x| f64::from(x.abs())).fold(0.0, f64::max);
            for (((x, got), g), s) in x.iter().zip(&got).zip(&gain).zip(&shift) {
                let (g, s) = (f64::from(*g), f64::from(*s));
                let want = (f64::from(*x) - mean) * scale * g + s;
                let size = largest * scale * g.abs() + s.abs();
                near(*got, want, EPS * (n + 8) as f64 * size, row.name);
            }
        }
        // Far below the largest the answer is the least that the kernel gives, not zero.
        let mut far = [0.0, -1000.0];
        (row.exp_sum)(&mut far);
        assert_eq!(far[0], 1.0);
        assert!(far[1] > 0.0 && far[1] < 1e-37);
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let b = PackedB::from_rows(&[1.0; 6], 2, 3).unwrap();
    assert_eq!((b.k(), b.n()), (2, 3));
    let mut out = [0.0; 3];
    for (a, m, bias) in [(1, 1, 3), (2, 2, 3), (2, 1, 2), (2, usize::MAX, 3)] {
        let bias = vec![0.0; bias];
        let refused = b.multiply(&vec![1.0; a], m, Some(&bias), &mut out, Epilogue::Store);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
    assert!(PackedB::from_transposed(&[1.0; 5], 2, 3).is_err());
    assert!(PackedB::from_rows(&[], usize::MAX, 2).is_err());
}
