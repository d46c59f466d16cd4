//! What is thought of the arms at one moment and in one context: a Gaussian over a curve's
//! coefficients, from which an arm is drawn, and which is small enough to be kept with the choice
//! until somebody asks how probable it was.

use super::arms::Menu;
use super::gauss::{Posterior, factor};
use super::shape::{STRETCH, Shape, monomials};
use super::types::MAX_DIMENSIONS;
use crate::Rng;

/// The drawn part of a context's shift, in standard deviations, next to that of the curve.
const SHIFT_SCALE: f64 = 0.5;
/// Coefficients of a curve on a line.
const LINE: usize = 6;

/// A curve and its uncertainty, around the places moved by a context.
#[derive(Clone, Debug, Default)]
pub(super) struct Belief {
    pub offset: [f64; MAX_DIMENSIONS],
    pub mean: Vec<f64>,
    /// Row-major root of the covariance, already scaled by how much is explored.
    pub root: Vec<f64>,
}

/// Room that a choice needs, kept so that choosing allocates nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    pub belief: Belief,
    pub curve: Vec<f64>,
    pub normals: Vec<f64>,
    pub scores: Vec<f32>,
    pub means: Vec<f32>,
    wide: Vec<f64>,
    slopes: Vec<f64>,
}

impl Scratch {
    /// The belief in a context, its spread scaled by `scale`. `features` is how many numbers a
    /// context has, 0 before the first one.
    pub fn look(
        &mut self,
        shape: &Shape,
        posterior: &Posterior,
        features: usize,
        context: Option<&[f64]>,
        scale: f64,
    ) {
        let (size, n) = (shape.size, posterior.mean.len());
        let belief = &mut self.belief;
        belief.offset = [0.0; MAX_DIMENSIONS];
        belief.mean.clear();
        belief.mean.extend_from_slice(&posterior.mean[..size]);
        belief.root.clear();
        if features == 0 {
            belief.root.extend_from_slice(&posterior.root);
            belief.root.iter_mut().for_each(|s| *s *= scale);
            return;
        }
        let wide = &mut self.wide;
        wide.clear();
        wide.extend(posterior.root[..size * n].iter().map(|s| scale * s));
        if let Some(x) = context {
            let row = |i: usize| &posterior.root[i * n..(i + 1) * n];
            for arm in 0..if shape.axes == 0 { size } else { 0 } {
                for (k, x) in x.iter().enumerate() {
                    let at = size + arm * features + k;
                    belief.mean[arm] += x * posterior.mean[at];
                    let out = &mut wide[arm * n..(arm + 1) * n];
                    out.iter_mut()
                        .zip(row(at))
                        .for_each(|(o, s)| *o += scale * x * s);
                }
            }
            // The curve moved a little further is the curve less its derivative times so much.
            self.slopes.resize(size, 0.0);
            for axis in 0..shape.axes {
                let at = size + axis * features;
                let moved = x.iter().zip(&posterior.mean[at..]).map(|(x, c)| x * c);
                belief.offset[axis] = moved.sum();
                shape.derivative(axis, &posterior.mean[..size], &mut self.slopes);
                let by = SHIFT_SCALE.min(scale);
                for (i, slope) in self.slopes.iter().enumerate().filter(|(_, s)| **s != 0.0) {
                    let out = &mut wide[i * n..(i + 1) * n];
                    for (k, x) in x.iter().enumerate() {
                        let f = by * slope * x;
                        out.iter_mut()
                            .zip(row(at + k))
                            .for_each(|(o, s)| *o -= f * s);
                    }
                }
            }
        }
        for i in 0..size {
            for j in 0..size {
                let sum = match j <= i {
                    true => super::gauss::dot(&wide[i * n..(i + 1) * n], &wide[j * n..(j + 1) * n]),
                    false => 0.0,
                };
                belief.root.push(sum);
            }
        }
        factor(&mut belief.root, size);
    }

    /// Draws a curve and answers its best arm among those that are `safe`, if a bound is given:
    /// at most so much below the mean of the prior's arm.
    pub fn draw(
        &mut self,
        (menu, shape): (&Menu, &Shape),
        rng: &mut Rng,
        safe: Option<(f64, usize)>,
    ) -> usize {
        let n = shape.size;
        self.normals.resize(n, 0.0);
        normals(rng, &mut self.normals);
        let belief = &self.belief;
        self.curve.resize(n, 0.0);
        match n {
            LINE => deviate::<LINE>(belief, &self.normals, &mut self.curve),
            _ => {
                let rows = belief.root.chunks_exact(n).zip(&belief.mean);
                for ((row, m), c) in rows.zip(&mut self.curve) {
                    *c = m + super::gauss::dot(row, &self.normals);
                }
            }
        }
        scores(menu, shape, &self.curve, &belief.offset, &mut self.scores);
        if let Some((bound, prior)) = safe {
            scores(menu, shape, &belief.mean, &belief.offset, &mut self.means);
            keep_safe(&mut self.scores, &self.means, bound, prior);
        }
        largest(&self.scores)
    }
}

impl Belief {
    /// How many of `draws` prefer `arm`; `snapshot` is a [`Belief::snapshot`].
    pub fn wins(
        (menu, shape): (&Menu, &Shape),
        snapshot: &[f32],
        arm: usize,
        draws: &Normals,
        safe: Option<(f64, usize)>,
    ) -> usize {
        let n = shape.size;
        let (offset, rest) = snapshot.split_at(MAX_DIMENSIONS);
        let (mean, root) = rest.split_at(n);
        let offset = std::array::from_fn(|j| f64::from(offset[j]));
        let mean: Vec<f64> = mean.iter().map(|x| f64::from(*x)).collect();
        let (mut means, mut found) = (Vec::new(), Vec::new());
        if safe.is_some() {
            scores(menu, shape, &mean, &offset, &mut means);
        }
        let mut curve = vec![0.0; n];
        let mut wins = 0;
        for z in draws.rows.chunks_exact(draws.width).take(draws.count) {
            for ((c, row), m) in curve.iter_mut().zip(root.chunks_exact(n)).zip(&mean) {
                let sum: f32 = row.iter().zip(z).map(|(r, z)| r * z).sum();
                *c = m + f64::from(sum);
            }
            scores(menu, shape, &curve, &offset, &mut found);
            if let Some((bound, prior)) = safe {
                keep_safe(&mut found, &means, bound, prior);
            }
            wins += usize::from(largest(&found) == arm);
        }
        wins
    }

    /// Numbers of a snapshot.
    pub fn snapshot_size(shape: &Shape) -> usize {
        MAX_DIMENSIONS + shape.size * (1 + shape.size)
    }

    /// Writes the belief into `out`, to be asked later.
    pub fn snapshot(&self, out: &mut [f32]) {
        let (offset, rest) = out.split_at_mut(MAX_DIMENSIONS);
        let (mean, root) = rest.split_at_mut(self.mean.len());
        for (out, from) in [
            (offset, &self.offset[..]),
            (mean, &self.mean),
            (root, &self.root),
        ] {
            out.iter_mut().zip(from).for_each(|(o, x)| *o = *x as f32);
        }
    }
}

/// Standard normal vectors, the side stream from which propensities are estimated.
#[derive(Clone, Debug)]
pub(super) struct Normals {
    pub count: usize,
    width: usize,
    rows: Vec<f32>,
}

impl Normals {
    pub fn new(count: usize, width: usize, seed: u64) -> Self {
        let mut rng = Rng::fork(seed, 0x7072_6f70);
        let rows = (0..count * width).map(|_| rng.normal() as f32).collect();
        Self { count, width, rows }
    }
}

/// One draw, for a size known beforehand.
#[inline]
fn deviate<const N: usize>(belief: &Belief, z: &[f64], out: &mut [f64]) {
    let (rows, _) = belief.root.as_chunks::<N>();
    for (((row, m), c), _) in rows.iter().zip(&belief.mean).zip(out).zip(0..N) {
        let mut sum = *m;
        for (r, z) in row.iter().zip(z) {
            sum += r * z;
        }
        *c = sum;
    }
}

/// Fills `out` with standard normal numbers, both of each pair used.
#[inline]
fn normals(rng: &mut Rng, out: &mut [f64]) {
    for pair in out.chunks_mut(2) {
        let (u, v, s) = loop {
            let u = 2.0 * rng.uniform() - 1.0;
            let v = 2.0 * rng.uniform() - 1.0;
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                break (u, v, s);
            }
        };
        let f = (-2.0 * s.ln() / s).sqrt();
        pair[0] = u * f;
        if let Some(second) = pair.get_mut(1) {
            *second = v * f;
        }
    }
}

/// The curve's value at every arm, but for a constant.
#[inline]
pub(super) fn scores(
    menu: &Menu,
    shape: &Shape,
    curve: &[f64],
    offset: &[f64; MAX_DIMENSIONS],
    out: &mut Vec<f32>,
) {
    out.resize(menu.count, 0.0);
    if shape.axes == 0 {
        out.iter_mut().zip(curve).for_each(|(o, c)| *o = *c as f32);
    } else if shape.is_line() {
        let [_, a, b, c, d, e] = monomials(curve).map(|x| x as f32);
        let by = (STRETCH * offset[0]) as f32;
        for (o, t) in out.iter_mut().zip(&menu.axes[0].place) {
            let t = (t - by).clamp(-1.0, 1.0);
            *o = ((((e * t + d) * t + c) * t + b) * t + a) * t;
        }
    } else {
        shape.grid_scores(menu, curve, offset, out);
    }
}

fn keep_safe(scores: &mut [f32], means: &[f32], bound: f64, prior: usize) {
    let least = f64::from(means[prior]) - bound;
    for (k, (s, m)) in scores.iter_mut().zip(means).enumerate() {
        if k != prior && f64::from(*m) < least {
            *s = f32::NEG_INFINITY;
        }
    }
}

/// The index of the largest score; the first of equals.
#[inline]
pub(super) fn largest(scores: &[f32]) -> usize {
    const LANES: usize = 8;
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = scores.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (l, s) in lanes.iter_mut().zip(chunk) {
            *l = if *s > *l { *s } else { *l };
        }
    }
    let top = lanes
        .iter()
        .chain(rest)
        .fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    scores.iter().position(|s| *s == top).unwrap_or(0)
}
