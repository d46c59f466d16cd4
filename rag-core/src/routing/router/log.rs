//! Decisions: those that wait for their outcomes, and those that were observed.

use super::query::{Lens, Query};
use super::request::RouteTrade;
use std::collections::BTreeMap;

/// Draws that a propensity is estimated from.
pub const PROPENSITY_DRAWS: usize = 128;

/// A decision of which something was observed.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteLogEntry {
    /// The decision.
    pub id: u64,
    /// The seed of the router that made it.
    pub seed: u64,
    /// When it was made, in seconds since 1970.
    pub at: f64,
    /// The route.
    pub name: String,
    /// The query at unit length, as exact as bytes are; empty if there was none.
    pub vector: Vec<f32>,
    /// The weights that were asked for.
    pub preference: BTreeMap<String, f64>,
    /// What was observed, by objective.
    pub outcomes: BTreeMap<String, f64>,
    /// The probability with which this route was chosen, in (0, 1]: 1 without exploring, one over the
    /// routes by lot, and otherwise the share of [`PROPENSITY_DRAWS`] new draws that choose it, the
    /// one that did counted in.
    pub propensity: f64,
    /// The standard error of that.
    pub propensity_error: f64,
}

/// How likely a choice was.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Propensity {
    /// A probability and its standard error.
    Known(f64, f64),
    /// To be estimated when somebody asks: choosing should not take longer for it.
    Open(Box<Lottery>),
}

/// Everything that an exploring choice depended on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lottery {
    pub chosen: usize,
    /// Means and deviations, a row for each route.
    pub means: Vec<f64>,
    pub sds: Vec<f64>,
    pub minimize: Vec<bool>,
    pub weights: Vec<f64>,
    pub trade: RouteTrade,
}

/// A decision that is waiting, or was observed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Made {
    pub at: f64,
    pub seed: u64,
    pub name: String,
    pub query: Query,
    pub preference: BTreeMap<String, f64>,
    pub outcomes: BTreeMap<String, f64>,
    pub propensity: Propensity,
    /// Whether it has become an example.
    pub learnt: bool,
    /// What examples and priors said of each objective then; made anew when they change.
    pub base: Base,
}

/// What was believed of each objective, in their order. Follows from the rest, so it says nothing of
/// whether two decisions are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Base(pub Vec<Option<f64>>);

impl PartialEq for Base {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Made {
    pub fn entry(&self, id: u64) -> RouteLogEntry {
        let (propensity, propensity_error) = self.propensity.value(self.seed, id);
        RouteLogEntry {
            id,
            seed: self.seed,
            at: self.at,
            name: self.name.clone(),
            vector: match self.query.is_none() {
                true => Vec::new(),
                false => Lens::unit(&self.query.codes),
            },
            preference: self.preference.clone(),
            outcomes: self.outcomes.clone(),
            propensity,
            propensity_error,
        }
    }

    /// The same decision, by what cannot change.
    pub fn same(&self, other: &Made) -> bool {
        self.name == other.name && self.at == other.at && self.query == other.query
    }
}

impl Propensity {
    pub fn value(&self, seed: u64, id: u64) -> (f64, f64) {
        match self {
            Propensity::Known(value, error) => (*value, *error),
            Propensity::Open(lottery) => lottery.estimate(seed, id),
        }
    }
}

impl Lottery {
    fn estimate(&self, seed: u64, id: u64) -> (f64, f64) {
        let mut rng = crate::Rng::fork(seed, id);
        let d = self.minimize.len();
        let mut values = vec![0.0; self.means.len()];
        // The draw that made the choice is one of them.
        let mut hits = 1.0;
        for _ in 0..PROPENSITY_DRAWS {
            for ((v, m), s) in values.iter_mut().zip(&self.means).zip(&self.sds) {
                *v = m + s * rng.normal();
            }
            let found =
                super::route::on_front(&values, d, &self.minimize, &self.weights, self.trade);
            hits += f64::from(u8::from(found.best == self.chosen));
        }
        let n = PROPENSITY_DRAWS as f64 + 1.0;
        let p = hits / n;
        (p, (p * (1.0 - p) / n).sqrt())
    }
}
