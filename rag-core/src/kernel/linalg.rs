//! Small dense linear algebra in f64: what learning a few hundred dimensions needs.
//!
//! Square matrices are row-major slices of `n * n`. A library for this would bring more crates
//! than all the rest of ours; Cholesky and Jacobi are a page.

/// The lower Cholesky factor of a symmetric positive definite matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Cholesky {
    lower: Vec<f64>,
    n: usize,
}

impl Cholesky {
    /// Factors `a` (row-major, `n * n`, the lower triangle is read): `a = L * L'`.
    ///
    /// `None` if `a` is not positive definite to working precision, or holds a NaN.
    ///
    /// ```
    /// use rag_core::kernel::linalg::Cholesky;
    /// let c = Cholesky::new(&[4.0, 2.0, 2.0, 2.0], 2).unwrap();
    /// assert_eq!(c.solve(&[8.0, 6.0]), [1.0, 2.0]);
    /// assert!(Cholesky::new(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
    /// ```
    pub fn new(a: &[f64], n: usize) -> Option<Self> {
        assert_eq!(a.len(), n * n, "a square matrix");
        let mut lower = a.to_vec();
        for i in 0..n {
            for j in 0..=i {
                let (head, tail) = lower.split_at_mut(i * n);
                let row_i = &mut tail[..n];
                let s = if j == i {
                    dot(&row_i[..j], &row_i[..j])
                } else {
                    dot(&row_i[..j], &head[j * n..j * n + j])
                };
                let rest = row_i[j] - s;
                if j < i {
                    row_i[j] = rest / head[j * n + j];
                } else if rest > 0.0 && rest.is_finite() {
                    row_i[i] = rest.sqrt();
                } else {
                    return None;
                }
            }
            lower[i * n + i + 1..(i + 1) * n].fill(0.0);
        }
        Some(Self { lower, n })
    }

    /// The order of the matrix.
    pub fn order(&self) -> usize {
        self.n
    }

    /// The factor, row-major, zeros above the diagonal.
    pub fn lower(&self) -> &[f64] {
        &self.lower
    }

    /// `x` with `A x = b`.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = b.to_vec();
        self.solve_lower(&mut x);
        self.solve_upper(&mut x);
        x
    }

    /// Replaces `x` by the solution of `L y = x`.
    pub fn solve_lower(&self, x: &mut [f64]) {
        let n = self.n;
        for i in 0..n {
            let (head, tail) = x.split_at_mut(i);
            tail[0] = (tail[0] - dot(&self.lower[i * n..i * n + i], head)) / self.lower[i * n + i];
        }
    }

    /// Replaces `x` by the solution of `L' y = x`: with standard normal `x`, a draw with
    /// covariance `A^-1`.
    pub fn solve_upper(&self, x: &mut [f64]) {
        let n = self.n;
        for i in (0..n).rev() {
            x[i] /= self.lower[i * n + i];
            let xi = x[i];
            for (xj, l) in x[..i].iter_mut().zip(&self.lower[i * n..i * n + i]) {
                *xj -= l * xi;
            }
        }
    }

    /// The natural logarithm of the determinant of `A`.
    pub fn log_det(&self) -> f64 {
        let n = self.n;
        (0..n).map(|i| 2.0 * self.lower[i * n + i].ln()).sum()
    }
}

/// Eigenvalues (descending) and eigenvectors (row `i` belongs to value `i`) of a symmetric matrix,
/// by cyclic Jacobi rotations (Golub and Van Loan, 2013, section 8.5). For orders up to some hundreds.
pub fn symmetric_eigen(a: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    assert_eq!(a.len(), n * n, "a square matrix");
    let mut a = a.to_vec();
    let mut v = vec![0.0; n * n];
    (0..n).for_each(|i| v[i * n + i] = 1.0);
    let norm: f64 = a.iter().map(|x| x * x).sum();
    for _sweep in 0..60 {
        let off: f64 = (0..n)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| a[i * n + j] * a[i * n + j])
            .sum();
        if off <= norm * 1e-30 || off.is_nan() {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut v, n, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[j * n + j].total_cmp(&a[i * n + i]));
    let values = order.iter().map(|&i| a[i * n + i]).collect();
    let vectors = order
        .iter()
        .flat_map(|&i| v[i * n..(i + 1) * n].iter().copied())
        .collect();
    (values, vectors)
}

fn rotate(a: &mut [f64], v: &mut [f64], n: usize, p: usize, q: usize) {
    let apq = a[p * n + q];
    if apq == 0.0 {
        return;
    }
    let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let t = if theta == 0.0 { 1.0 } else { t };
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        a[p * n + k] = c * x - s * y;
        a[q * n + k] = s * x + c * y;
        let (x, y) = (v[p * n + k], v[q * n + k]);
        v[p * n + k] = c * x - s * y;
        v[q * n + k] = s * x + c * y;
    }
}

/// The inner product in f64, in a fixed order of eight partial sums.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    let mut acc = [0.0; 8];
    for (x, y) in a8.iter().zip(b8) {
        for i in 0..8 {
            acc[i] += x[i] * y[i];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    acc.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    fn random_spd(n: usize, seed: u64) -> Vec<f64> {
        let mut rng = Rng::new(seed);
        let b: Vec<f64> = (0..n * n).map(|_| rng.normal()).collect();
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..n {
                a[i * n + j] = dot(&b[i * n..(i + 1) * n], &b[j * n..(j + 1) * n]);
            }
            a[i * n + i] += 0.5;
        }
        a
    }

    #[test]
    fn cholesky_solves_and_refuses() {
        for n in [1, 2, 5, 40] {
            let a = random_spd(n, n as u64);
            let want: Vec<f64> = (0..n).map(|i| i as f64 - 2.0).collect();
            let b: Vec<f64> = (0..n).map(|i| dot(&a[i * n..(i + 1) * n], &want)).collect();
            let got = Cholesky::new(&a, n).unwrap().solve(&b);
            for (g, w) in got.iter().zip(&want) {
                assert!((g - w).abs() < 1e-7, "n {n}: {g} {w}");
            }
        }
        assert!(Cholesky::new(&[f64::NAN], 1).is_none());
        assert!(Cholesky::new(&[0.0], 1).is_none());
    }

    #[test]
    fn eigenvectors_are_orthonormal_and_rebuild_the_matrix() {
        for n in [1, 2, 3, 17] {
            let a = random_spd(n, 9 + n as u64);
            let (values, vectors) = symmetric_eigen(&a, n);
            assert!(values.windows(2).all(|w| w[0] >= w[1]));
            for i in 0..n {
                for j in 0..n {
                    let vi = &vectors[i * n..(i + 1) * n];
                    let vj = &vectors[j * n..(j + 1) * n];
                    let want = f64::from(i == j);
                    assert!((dot(vi, vj) - want).abs() < 1e-10);
                    let rebuilt: f64 = (0..n)
                        .map(|k| values[k] * vectors[k * n + i] * vectors[k * n + j])
                        .sum();
                    assert!((rebuilt - a[i * n + j]).abs() < 1e-8 * (1.0 + values[0]));
                }
            }
        }
    }
}
