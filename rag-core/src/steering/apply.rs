//! Moving a query: how far the sum of all dials and the user may go, and on which way.

use super::vector::{length_one, unit_query};
use crate::Rows;
use crate::error::{Error, Result};
use crate::kernel;

crate::option_enum! {
    /// The way of a query that is steered.
    Application {
        /// What the dials add up to is added to the unit query, and the sum brought to length 1.
        Additive = "additive",
        /// The query is turned towards what the dials add up to, by the angle that an addition at a
        /// right angle would turn it, and not beyond: by the same angle wherever the query points.
        Geodesic = "geodesic",
    }
}

crate::options! {
    /// How dials and users move a query.
    ApplyOptions {
        /// The way that the query takes.
        application: Application = Application::Additive;
        /// The share of similarity that all dials and the user may cost together; what would cost
        /// more is shortened. None sets no bound.
        max_loss: Option<f64> = None, in 0.0001..=0.5;
    }
}

/// The shares of the unit query and of the displacement in the steered query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mix {
    pub(super) query: f64,
    pub(super) moved: f64,
}

impl Application {
    /// The mix for a displacement whose inner products with the unit query and with itself are
    /// `along` and `square`; `None` if nothing is left of the query or no turn is the shortest.
    pub(super) fn mix(self, along: f64, square: f64) -> Option<Mix> {
        let length = square.sqrt();
        if length < 1e-12 {
            return Some(Mix {
                query: 1.0,
                moved: 0.0,
            });
        }
        match self {
            Self::Additive => {
                let sum = (1.0 + 2.0 * along + square).max(0.0).sqrt();
                // Queries and dials are float32: what is shorter than their rounding points nowhere.
                (sum >= 1e-6).then_some(Mix {
                    query: 1.0 / sum,
                    moved: 1.0 / sum,
                })
            }
            Self::Geodesic => {
                let cosine = (along / length).clamp(-1.0, 1.0);
                let sine = (1.0 - cosine * cosine).sqrt();
                if sine < 1e-6 {
                    return (cosine > 0.0).then_some(Mix {
                        query: 1.0,
                        moved: 0.0,
                    });
                }
                let angle = length.atan().min(cosine.acos());
                Some(Mix {
                    query: angle.cos() - angle.sin() * cosine / sine,
                    moved: angle.sin() / (sine * length),
                })
            }
        }
    }
}

/// What is added to a query, and what tells how much that may cost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach {
    lengths: f64,
    scaled: f64,
    costs: f64,
}

impl Reach {
    /// Takes a part in: its length, and a length that was found to cost `loss`.
    pub(super) fn take(&mut self, length: f64, scale: f64, loss: f64) {
        self.lengths += length;
        self.scaled += length * scale;
        self.costs += length * loss;
    }

    /// The factor that keeps a sum of squared length `square` within `max_loss`: what it costs grows
    /// with the square of its length, from the mean of what the parts were found to cost.
    pub(super) fn factor(&self, square: f64, max_loss: Option<f64>) -> f64 {
        let Some(most) = max_loss.filter(|_| self.scaled > 0.0) else {
            return 1.0;
        };
        let scale = self.scaled / self.lengths;
        let cost = self.costs / self.lengths * square / (scale * scale);
        (most / cost).sqrt().min(1.0)
    }
}

/// `query` with `moved` times `factor` in it, by inner products in float32; `None` where these are
/// too coarse.
pub(super) fn quickly(
    query: &[f32],
    moved: &[f32],
    factor: f64,
    application: Application,
) -> Option<Vec<f32>> {
    let dot = kernel::active().dot;
    let square = f64::from(dot(query, query));
    // Infinite and undefined numbers do not lie in it either.
    if !(1e-20..=1e20).contains(&square) {
        return None;
    }
    let length = square.sqrt();
    let along = factor * f64::from(dot(query, moved)) / length;
    let size = factor * factor * f64::from(dot(moved, moved));
    if 1.0 + 2.0 * along + size < 0.01 || !(1e-12..=1e20).contains(&size) {
        return None;
    }
    let mix = application.mix(along, size)?;
    let (a, b) = ((mix.query / length) as f32, (mix.moved * factor) as f32);
    Some(
        query
            .iter()
            .zip(moved)
            .map(|(q, m)| a * q + b * m)
            .collect(),
    )
}

/// The same in float64, or what is wrong.
pub(super) fn carefully(
    query: &[f32],
    moved: &[f64],
    application: Application,
) -> Result<(Vec<f32>, Vec<f64>, Mix)> {
    Rows::single(query)?.check_finite()?;
    let unit = unit_query(query)?;
    let dot = crate::kernel::linalg::dot;
    let (along, square) = (dot(&unit, moved), dot(moved, moved));
    let mix = match application.mix(along, square) {
        Some(mix) => mix,
        None if application == Application::Geodesic => {
            return Err(Error::invalid(
                "the dials point straight away from the query, so no way to turn it is the \
                 shortest; use the additive application or another strength",
            ));
        }
        None => return Err(cancelled()),
    };
    let sum = unit.iter().zip(moved);
    let sum = sum.map(|(q, m)| mix.query * q + mix.moved * m).collect();
    let vector = length_one(sum)?;
    Ok((vector, unit, mix))
}

pub(super) fn cancelled() -> Error {
    Error::invalid("the dials cancel the query: nothing is left to search with; lower the strength")
}
