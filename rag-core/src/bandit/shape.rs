//! The curves: which functions of the arm's place there are, and which are likely beforehand.
//!
//! On a line a curve is a polynomial of degree five, in Legendre's basis on [-0.25, 1.25] so that
//! it may be shifted by a context; on a grid, one of degree four for each dimension and products
//! of low degree for each pair; for names, one number each. What is likely is a Gaussian process
//! reduced to that basis (Rasmussen and Williams, 2006, section 8.1 has such reductions): rewards
//! fall off around an optimum near the guess as `level - height (u - optimum)^2`, whose first
//! terms in the unknowns are a level, a tilt and a bend about the guess, and some smooth rest.

use super::arms::{Menu, position};
use super::types::MAX_DIMENSIONS;

/// The degree on a line, and on each dimension of a grid.
const DEGREE: usize = 5;
const GRID_DEGREE: usize = 4;
/// Degrees of the products of two dimensions.
const PRODUCTS: [(usize, usize); 3] = [(1, 1), (1, 2), (2, 1)];
/// What the prior takes rewards to be like, for rewards of about 0 to 1: the level at the top,
/// the drop one unit away from it with a standard deviation, the standard deviation of the slope
/// at the guess (twice the drop times that of the guess's error), the smooth rest.
const LEVEL_SD: f64 = 0.5;
const DROP: f64 = 0.8;
const DROP_SD: f64 = 0.2;
const TILT_SD: f64 = 0.25;
/// The slope's after the best arm has moved away from the guess.
const TILT_SD_MOVED: f64 = 0.4;
const REST_SD: f64 = 0.04;
const REST_LENGTH: f64 = 0.35;
/// Without a guess: no drop, but slopes and bends of any sign.
const TILT_SD_NO_GUESS: f64 = 0.5;
const BEND_SD_NO_GUESS: f64 = 0.8;
const REST_SD_NO_GUESS: f64 = 0.1;
/// The products of two dimensions.
const PRODUCT_SD: f64 = 0.1;
/// How names differ from each other, and how much the guessed one is thought ahead.
const NAME_SD: f64 = 0.15;
const NAME_AHEAD: f64 = 0.1;
/// Makes the covariance definite where rounding might not.
const JITTER: f64 = 1e-7;

/// Powers of the place on a line, values and slopes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Powers {
    pub value: [f64; DEGREE + 1],
    pub slope: [f64; DEGREE + 1],
    pub bend: [f64; DEGREE + 1],
}

/// How far one unit of place is in the basis' own variable.
pub(super) const STRETCH: f64 = 4.0 / 3.0;

/// A place in [-0.25, 1.25] in the basis' own [-1, 1].
pub(super) fn stretched(u: f64) -> f64 {
    (STRETCH * u - 2.0 / 3.0).clamp(-1.0, 1.0)
}

impl Powers {
    /// Legendre polynomials at `t`, and their derivatives by the place.
    #[inline]
    pub fn at(t: f64) -> Self {
        let mut p = Self::default();
        p.value[0] = 1.0;
        p.value[1] = t;
        p.slope[1] = STRETCH;
        for k in 1..DEGREE {
            let f = k as f64;
            let (a, b) = ((2.0 * f + 1.0) / (f + 1.0), f / (f + 1.0));
            p.value[k + 1] = a * t * p.value[k] - b * p.value[k - 1];
            p.slope[k + 1] = p.slope[k - 1] + STRETCH * (2.0 * f + 1.0) * p.value[k];
            p.bend[k + 1] = p.bend[k - 1] + STRETCH * (2.0 * f + 1.0) * p.slope[k];
        }
        p
    }
}

/// Coefficients of powers of `t` from those of Legendre polynomials.
#[inline]
pub(super) fn monomials(e: &[f64]) -> [f64; DEGREE + 1] {
    [
        e[0] - 0.5 * e[2] + 0.375 * e[4],
        e[1] - 1.5 * e[3] + 1.875 * e[5],
        1.5 * e[2] - 3.75 * e[4],
        2.5 * e[3] - 8.75 * e[5],
        4.375 * e[4],
        7.875 * e[5],
    ]
}

/// The basis over a menu: where the parts of a curve's coefficients are.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// Coefficients of a curve.
    pub size: usize,
    /// Lines that the arms lie on; 0 for names.
    pub axes: usize,
    degree: usize,
    /// The covariance of the smooth rest on one line, for a standard deviation of 1.
    smooth: [[f64; DEGREE + 1]; DEGREE + 1],
    /// The basis at every arm.
    table: Vec<f64>,
}

impl Shape {
    pub fn new(menu: &Menu) -> Self {
        let axes = menu.axes.len();
        let degree = if axes == 1 { DEGREE } else { GRID_DEGREE };
        let pairs = axes * axes.saturating_sub(1) / 2;
        let size = match axes {
            0 => menu.names.len(),
            _ => 1 + axes * degree + pairs * PRODUCTS.len(),
        };
        let mut shape = Self {
            size,
            axes,
            degree,
            smooth: smooth(),
            table: vec![0.0; menu.count * size],
        };
        let mut table = std::mem::take(&mut shape.table);
        for (arm, row) in table.chunks_exact_mut(size).enumerate() {
            let mut at = Default::default();
            let axes = powers(menu, arm, &[0.0; MAX_DIMENSIONS], &mut at);
            shape.values(arm, &at[..axes], row);
        }
        shape.table = table;
        shape
    }

    /// The basis at an arm that no context moves.
    #[inline]
    pub fn at(&self, arm: usize) -> &[f64] {
        &self.table[arm * self.size..][..self.size]
    }

    /// Whether a curve is one polynomial.
    pub fn is_line(&self) -> bool {
        self.axes == 1
    }

    /// The basis at a place; for names, at the name of that index.
    #[inline]
    pub fn values(&self, arm: usize, powers: &[Powers], out: &mut [f64]) {
        if self.axes == 0 {
            out.fill(0.0);
            out[arm] = 1.0;
            return;
        }
        out[0] = 1.0;
        for (j, p) in powers.iter().enumerate() {
            out[1 + j * self.degree..][..self.degree].copy_from_slice(&p.value[1..=self.degree]);
        }
        self.products(powers, |i, a, m, b, n| {
            out[i] = powers[a].value[m] * powers[b].value[n]
        });
    }

    /// The derivative of the basis along `axis`.
    #[inline]
    pub fn slopes(&self, axis: usize, powers: &[Powers], out: &mut [f64]) {
        out.fill(0.0);
        out[1 + axis * self.degree..][..self.degree]
            .copy_from_slice(&powers[axis].slope[1..=self.degree]);
        self.products(powers, |i, a, m, b, n| {
            if a == axis {
                out[i] = powers[a].slope[m] * powers[b].value[n];
            } else if b == axis {
                out[i] = powers[a].value[m] * powers[b].slope[n];
            }
        });
    }

    /// The second derivative along `axis` of the curve with coefficients `mean`.
    #[inline]
    pub fn bend(&self, axis: usize, powers: &[Powers], mean: &[f64]) -> f64 {
        let mut sum = 0.0;
        for k in 1..=self.degree {
            sum += mean[axis * self.degree + k] * powers[axis].bend[k];
        }
        self.products(powers, |i, a, m, b, n| {
            if a == axis {
                sum += mean[i] * powers[a].bend[m] * powers[b].value[n];
            } else if b == axis {
                sum += mean[i] * powers[a].value[m] * powers[b].bend[n];
            }
        });
        sum
    }

    fn products(&self, powers: &[Powers], mut each: impl FnMut(usize, usize, usize, usize, usize)) {
        let mut i = 1 + self.axes * self.degree;
        for a in 0..powers.len() {
            for b in a + 1..powers.len() {
                for (m, n) in PRODUCTS {
                    each(i, a, m, b, n);
                    i += 1;
                }
            }
        }
    }

    /// The coefficients of the curve's derivative along `axis`, in the same basis.
    ///
    /// `P'[k+1] = P'[k-1] + (2k + 1) P[k]` read backwards; products lose a degree and become
    /// other products or powers.
    pub fn derivative(&self, axis: usize, e: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        let at = axis * self.degree;
        for k in (1..=self.degree).rev() {
            // P'_k = (2k-1) P_{k-1} + (2k-5) P_{k-3} + ...
            let mut j = k;
            while j >= 1 {
                let target = if j == 1 { 0 } else { at + j - 1 };
                out[target] += STRETCH * (2 * j - 1) as f64 * e[at + k];
                j = j.saturating_sub(2);
            }
        }
        if self.axes < 2 {
            return;
        }
        let mut i = 1 + self.axes * self.degree;
        for a in 0..self.axes {
            for b in a + 1..self.axes {
                for (m, n) in PRODUCTS {
                    let (own, other, degree) = match axis {
                        x if x == a => (m, n, b),
                        x if x == b => (n, m, a),
                        _ => (0, 0, 0),
                    };
                    match own {
                        1 => out[degree * self.degree + other] += STRETCH * e[i],
                        2 => {
                            let first = 1
                                + self.axes * self.degree
                                + (i - 1 - self.axes * self.degree) / 3 * 3;
                            out[first] += 3.0 * STRETCH * e[i];
                        }
                        _ => {}
                    }
                    i += 1;
                }
            }
        }
    }

    /// The curve's value at every arm of a grid, but for a constant.
    pub fn grid_scores(
        &self,
        menu: &Menu,
        curve: &[f64],
        offset: &[f64; MAX_DIMENSIONS],
        out: &mut [f32],
    ) {
        let lines: Vec<Vec<Powers>> = menu
            .axes
            .iter()
            .zip(offset)
            .map(|(axis, by)| {
                axis.at
                    .iter()
                    .map(|u| Powers::at(stretched(u - by)))
                    .collect()
            })
            .collect();
        let alone: Vec<Vec<f64>> = lines
            .iter()
            .enumerate()
            .map(|(j, line)| {
                let own = &curve[1 + j * self.degree..][..self.degree];
                let value = |p: &Powers| own.iter().zip(&p.value[1..]).map(|(c, p)| c * p).sum();
                line.iter().map(value).collect()
            })
            .collect();
        let mut powers = [Powers::default(); MAX_DIMENSIONS];
        for (arm, o) in out.iter_mut().enumerate() {
            let at = menu.along(arm);
            let mut sum = 0.0;
            for j in 0..self.axes {
                sum += alone[j][at[j]];
                powers[j] = lines[j][at[j]];
            }
            self.products(&powers[..self.axes], |i, a, m, b, n| {
                sum += curve[i] * powers[a].value[m] * powers[b].value[n];
            });
            *o = sum as f32;
        }
    }

    /// Mean and covariance of a curve's coefficients before any reward, for rewards whose scale
    /// is 1 and whose level is 0.
    pub fn prior(&self, menu: &Menu, guess: Option<&[f64]>, moved: bool) -> (Vec<f64>, Vec<f64>) {
        let n = self.size;
        let (mut mean, mut covariance) = (vec![0.0; n], vec![0.0; n * n]);
        if self.axes == 0 {
            if let Some(guess) = guess {
                mean[guess[0] as usize] += NAME_AHEAD;
            }
            covariance.fill(LEVEL_SD * LEVEL_SD);
            (0..n).for_each(|i| covariance[i * n + i] += NAME_SD * NAME_SD);
            return (mean, covariance);
        }
        covariance[0] += LEVEL_SD * LEVEL_SD;
        let moved = if moved { TILT_SD_MOVED } else { TILT_SD };
        let (tilt, bend, rest) = match guess {
            Some(_) => (moved, DROP_SD, REST_SD),
            None => (TILT_SD_NO_GUESS, BEND_SD_NO_GUESS, REST_SD_NO_GUESS),
        };
        for (j, axis) in menu.axes.iter().enumerate() {
            let top = guess.map_or(0.5, |g| position(axis.ends, g[j]));
            // u - top and its square, in the basis.
            let (half, c) = (1.0 / STRETCH, 0.5 - top);
            let slope = [c, half, 0.0];
            let square = [
                c * c + half * half / 3.0,
                2.0 * c * half,
                half * half * 2.0 / 3.0,
            ];
            let place = |k: usize| if k == 0 { 0 } else { j * self.degree + k };
            for k in 0..3 {
                if guess.is_some() {
                    mean[place(k)] -= DROP * square[k];
                }
                for l in 0..3 {
                    covariance[place(k) * n + place(l)] +=
                        tilt * tilt * slope[k] * slope[l] + bend * bend * square[k] * square[l];
                }
            }
            for k in 0..=self.degree {
                for l in 0..=self.degree {
                    covariance[place(k) * n + place(l)] += rest * rest * self.smooth[k][l];
                }
            }
        }
        for i in 0..n {
            covariance[i * n + i] += match i > self.axes * self.degree {
                true => PRODUCT_SD * PRODUCT_SD,
                false => JITTER,
            };
        }
        (mean, covariance)
    }
}

/// The squared-exponential kernel on the basis of one line: its projection, by the midpoint rule.
fn smooth() -> [[f64; DEGREE + 1]; DEGREE + 1] {
    const POINTS: usize = 64;
    let t = |i: usize| (2 * i + 1) as f64 / POINTS as f64 - 1.0;
    let powers: [Powers; POINTS] = std::array::from_fn(|i| Powers::at(t(i)));
    let mut sums = [[0.0; DEGREE + 1]; DEGREE + 1];
    for (i, p) in powers.iter().enumerate() {
        let mut inner = [0.0; DEGREE + 1];
        for (j, q) in powers.iter().enumerate() {
            let distance = (t(i) - t(j)) / STRETCH / REST_LENGTH;
            let kernel = (-0.5 * distance * distance).exp();
            for (l, x) in inner.iter_mut().enumerate() {
                *x += kernel * q.value[l] * (2 * l + 1) as f64 / POINTS as f64;
            }
        }
        for (k, row) in sums.iter_mut().enumerate() {
            let weight = p.value[k] * (2 * k + 1) as f64 / POINTS as f64;
            row.iter_mut()
                .zip(&inner)
                .for_each(|(x, y)| *x += weight * y);
        }
    }
    sums
}

/// The places of an arm along its lines, moved by `shift`.
#[inline]
pub(super) fn powers(
    menu: &Menu,
    arm: usize,
    shift: &[f64; MAX_DIMENSIONS],
    out: &mut [Powers; MAX_DIMENSIONS],
) -> usize {
    if let [axis] = menu.axes.as_slice() {
        out[0] = Powers::at(stretched(axis.at[arm] - shift[0]));
        return 1;
    }
    let at = menu.along(arm);
    for (j, axis) in menu.axes.iter().enumerate() {
        out[j] = Powers::at(stretched(axis.at[at[j]] - shift[j]));
    }
    menu.axes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bandit::{Arms, Knob};

    #[test]
    fn derivatives_agree_with_differences() {
        let knob = |n: &str| (n.to_owned(), Knob::Range(0.0, 1.0));
        for arms in [
            Arms::Range(0.0, 1.0),
            Arms::Grid(vec![knob("a"), knob("b"), knob("c")]),
        ] {
            let menu = Menu::new(&arms).unwrap();
            let shape = Shape::new(&menu);
            let e: Vec<f64> = (0..shape.size)
                .map(|i| ((i * 7 + 3) % 5) as f64 - 2.0)
                .collect();
            let place = [0.3, 0.6, 0.45];
            let at = |place: [f64; 3]| {
                let p: Vec<Powers> = (0..shape.axes)
                    .map(|j| Powers::at(stretched(place[j])))
                    .collect();
                let mut phi = vec![0.0; shape.size];
                shape.values(0, &p, &mut phi);
                (p, phi)
            };
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
            let (p, phi) = at(place);
            for axis in 0..shape.axes {
                let step = 1e-4;
                let moved = |by: f64| {
                    let mut place = place;
                    place[axis] += by;
                    dot(&at(place).1, &e)
                };
                let (up, down, here) = (moved(step), moved(-step), moved(0.0));
                let slope = (up - down) / (2.0 * step);
                let mut slopes = vec![0.0; shape.size];
                shape.slopes(axis, &p, &mut slopes);
                assert!((dot(&slopes, &e) - slope).abs() < 1e-5);
                let mut derivative = vec![0.0; shape.size];
                shape.derivative(axis, &e, &mut derivative);
                assert!((dot(&derivative, &phi) - slope).abs() < 1e-5, "{axis}");
                let bend = (up - 2.0 * here + down) / (step * step);
                assert!((shape.bend(axis, &p, &e) - bend).abs() < 1e-4);
            }
        }
        let e = [0.3, -0.2, 0.5, 0.1, -0.4, 0.7];
        let t: f64 = 0.37;
        let direct: f64 = Powers::at(t).value.iter().zip(&e).map(|(p, e)| p * e).sum();
        let horner = monomials(&e).iter().rev().fold(0.0, |s, c| s * t + c);
        assert!((direct - horner).abs() < 1e-14);
    }
}
