//! What outcomes of chosen routes say beyond the examples: Bayesian linear regression of what was
//! left unexplained, on a few numbers of the query.
//!
//! A ridge around zero (Bishop, 2006, section 3.3) whose sums are held, so that one outcome more costs
//! nothing. Without examples the residual is all there is, around the prior guess; with them it takes
//! more outcomes to move it.

use super::query::SIZE;
use crate::kernel::linalg::{Cholesky, dot};

/// How many observations the belief that nothing is left unexplained is worth, and how strongly the
/// slopes are held at zero.
const LEVEL_WEIGHT: f64 = 1.0;
const SLOPE_WEIGHT: f64 = 10.0;
/// Examples behind what is believed hold the residual by so many observations at most.
const MOST_HOLD: f64 = 30.0;
/// The prior standard deviation of an outcome, as a share of the prior mean (or of one).
const PRIOR_SPREAD: f64 = 0.5;
/// The outcomes that this guess is worth once there are some.
const GUESS_WEIGHT: f64 = 4.0;

/// What was observed of one route and objective.
#[derive(Clone, Debug, Default)]
pub(super) struct Residual {
    /// Lower triangle of the features' second moments, row after row; `gram[0]` is the count.
    gram: Vec<f64>,
    moment: Vec<f64>,
    squares: f64,
    /// The smallest and the largest outcome.
    pub range: Option<(f64, f64)>,
}

impl Residual {
    pub fn count(&self) -> f64 {
        self.gram.first().copied().unwrap_or(0.0)
    }

    /// Records an outcome of a query with features `z` of which `base` was believed.
    pub fn record(&mut self, z: &[f64], outcome: f64, base: f64) {
        if self.gram.is_empty() {
            self.gram = vec![0.0; SIZE * (SIZE + 1) / 2];
            self.moment = vec![0.0; SIZE];
        }
        let y = outcome - base;
        let mut at = 0;
        for i in 0..SIZE {
            for j in 0..=i {
                self.gram[at] += z[i] * z[j];
                at += 1;
            }
            self.moment[i] += z[i] * y;
        }
        self.squares += y * y;
        let (low, high) = self.range.unwrap_or((outcome, outcome));
        self.range = Some((low.min(outcome), high.max(outcome)));
    }

    /// What is to be added to what is believed, and how sure that is.
    ///
    /// `anchor` is what was believed when outcomes were recorded, with the typical error of that
    /// and the examples behind it; `None`: nothing was, and outcomes were recorded as they are.
    pub fn posterior(&self, anchor: Option<Anchor>) -> Option<Posterior> {
        let n = self.count();
        let level = match anchor {
            Some(_) => 0.0,
            None if n > 0.0 => self.moment[0] / n,
            None => return None,
        };
        let anchor = anchor.unwrap_or_else(|| Anchor::guess(level));
        let hold = anchor.fitted.min(MOST_HOLD);
        let steady = anchor.examples.min(MOST_HOLD);
        let mut a = vec![0.0; SIZE * SIZE];
        let mut b = vec![0.0; SIZE];
        let mut squares = 0.0;
        if n > 0.0 {
            let mut entries = self.gram.iter();
            for i in 0..SIZE {
                for j in 0..=i {
                    a[i * SIZE + j] = *entries.next().expect("a full triangle");
                }
                b[i] = self.moment[i] - level * a[i * SIZE];
            }
            squares = self.squares - 2.0 * level * self.moment[0] + n * level * level;
        }
        for i in 0..SIZE {
            a[i * SIZE + i] += match i {
                0 => LEVEL_WEIGHT + hold,
                _ => SLOPE_WEIGHT * (1.0 + steady),
            };
        }
        let factor = Cholesky::new(&a, SIZE)?;
        let slopes = factor.solve(&b);
        let rest = (squares - dot(&slopes, &b)).max(0.0);
        Some(Posterior {
            level,
            variance: (anchor.spread * anchor.spread + rest) / (1.0 + n),
            slopes,
            root: root(&factor),
        })
    }
}

/// What a residual is held at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    pub spread: f64,
    /// Outcomes that the heads learnt from: they know how it depends on the query, so the slopes of
    /// what is left are held.
    pub examples: f64,
    /// Those of them that are not part of the residual: they hold its level.
    pub fitted: f64,
}

impl Anchor {
    /// Of a guess without examples.
    pub fn guess(of: f64) -> Self {
        Self::learnt(0.0, 0.0, of, 0.0)
    }

    /// Of `count` outcomes around `mean`, that were missed by `error`; `fitted` of them are not part
    /// of the residual. Few outcomes may be alike by chance, so a guess of the spread has a part in it.
    pub fn learnt(error: f64, count: f64, mean: f64, fitted: f64) -> Self {
        let guess = PRIOR_SPREAD * if mean == 0.0 { 1.0 } else { mean.abs() };
        let squares = count * error * error + GUESS_WEIGHT * guess * guess;
        Self {
            spread: (squares / (count + GUESS_WEIGHT)).sqrt(),
            examples: count,
            fitted,
        }
    }
}

/// A solved residual.
#[derive(Clone, Debug)]
pub(super) struct Posterior {
    level: f64,
    variance: f64,
    slopes: Vec<f64>,
    /// The inverse of the lower factor of the precision, column after column.
    root: Vec<f64>,
}

fn root(factor: &Cholesky) -> Vec<f64> {
    let mut columns = vec![0.0; SIZE * SIZE];
    for (j, column) in columns.chunks_exact_mut(SIZE).enumerate() {
        column[j] = 1.0;
        factor.solve_lower(column);
    }
    columns
}

impl Posterior {
    pub fn mean(&self, z: &[f64]) -> f64 {
        self.level + dot(&self.slopes, z)
    }

    /// The standard deviation of [`Posterior::mean`].
    pub fn sd(&self, z: &[f64]) -> f64 {
        let mut x = [0.0; SIZE];
        for (column, z) in self.root.chunks_exact(SIZE).zip(z) {
            x.iter_mut().zip(column).for_each(|(x, c)| *x += c * z);
        }
        (self.variance * dot(&x, &x)).sqrt()
    }
}
