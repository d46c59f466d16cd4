//! One number to pay a choice by, made of several that matter.

use crate::error::{Error, Result};

/// The most parts of a reward.
pub const MAX_PARTS: usize = 64;
/// The weights of [`Reward::default`].
pub const DEFAULT_WEIGHTS: [(&str, f64); 3] =
    [("groundedness", 0.5), ("recall", 0.4), ("cost", 0.1)];
/// What a part called `cost` may reach where no limit is given: one cent, in dollars.
pub const DEFAULT_COST_LIMIT: f64 = 0.01;

const COST: &str = "cost";

/// Weighs named parts into one reward in 0 to 1.
///
/// A part is in 0 to 1, the more the better, unless it has a limit: such a part is spent, as money and
/// time are, and counts as `1 - spent / limit`, nothing from the limit on. A part called `cost` always
/// has one. Weights need not add up to 1. A part that was not measured is left out and the others
/// share its weight, so that a reward is the weighted mean of what is known.
///
/// ```
/// use rag_core::bandit::Reward;
/// let reward = Reward::default();
/// let all = reward.of(&[("groundedness", 0.8), ("recall", 0.5), ("cost", 0.002)])?;
/// assert!((all - (0.5 * 0.8 + 0.4 * 0.5 + 0.1 * 0.8)).abs() < 1e-12);
/// // Without the cost the other two weigh 5 to 4.
/// let some = reward.of(&[("groundedness", 0.8), ("recall", 0.5)])?;
/// assert!((some - (0.5 * 0.8 + 0.4 * 0.5) / 0.9).abs() < 1e-12);
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Reward {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
struct Part {
    name: String,
    weight: f64,
    limit: Option<f64>,
}

impl Default for Reward {
    fn default() -> Self {
        Self::new(&DEFAULT_WEIGHTS, &[]).expect("the default weights are in range")
    }
}

impl Reward {
    /// A reward of these parts and weights; of [`DEFAULT_WEIGHTS`] if there are none. `limits` are
    /// those of the parts that are spent.
    ///
    /// `InvalidArgument` for a weight that is negative, not finite, or 0 for all parts, for a part or a
    /// limit that comes twice, a limit of no part, and one that is not above 0.
    pub fn new(weights: &[(&str, f64)], limits: &[(&str, f64)]) -> Result<Self> {
        let weights = match weights {
            [] => &DEFAULT_WEIGHTS,
            given => given,
        };
        if weights.len() > MAX_PARTS {
            return Err(Error::invalid(format!(
                "a reward has at most {MAX_PARTS} parts, got {}",
                weights.len()
            )));
        }
        let mut parts: Vec<Part> = Vec::with_capacity(weights.len());
        for &(name, weight) in weights {
            if name.is_empty() || parts.iter().any(|part| part.name == name) {
                return Err(Error::invalid(format!(
                    "the parts of a reward need names of their own, got \"{name}\" {}",
                    if name.is_empty() { "for one" } else { "twice" }
                )));
            }
            if !(weight.is_finite() && weight >= 0.0) {
                return Err(Error::invalid(format!(
                    "the weight of \"{name}\" must be a finite number of at least 0, got {weight}"
                )));
            }
            parts.push(Part {
                name: name.to_owned(),
                weight,
                limit: (name == COST).then_some(DEFAULT_COST_LIMIT),
            });
        }
        let sum: f64 = parts.iter().map(|part| part.weight).sum();
        if !(sum.is_finite() && sum > 0.0) {
            return Err(Error::invalid(format!(
                "the weights of a reward must add up to a finite number above 0, got {sum}"
            )));
        }
        for (i, &(name, limit)) in limits.iter().enumerate() {
            if !(limit.is_finite() && limit > 0.0) {
                return Err(Error::invalid(format!(
                    "the limit of \"{name}\" must be a finite number above 0, got {limit}"
                )));
            }
            if limits[..i].iter().any(|(other, _)| *other == name) {
                return Err(Error::invalid(format!(
                    "the limit of \"{name}\" comes twice"
                )));
            }
            let Some(at) = parts.iter().position(|part| part.name == name) else {
                return Err(unknown(name, &parts, "no part of this reward"));
            };
            parts[at].limit = Some(limit);
        }
        Ok(Self { parts })
    }

    /// The parts with their weights, in the order given.
    pub fn weights(&self) -> Vec<(&str, f64)> {
        let parts = self.parts.iter();
        parts
            .map(|part| (part.name.as_str(), part.weight))
            .collect()
    }

    /// The parts that are spent, with their limits.
    pub fn limits(&self) -> Vec<(&str, f64)> {
        let parts = self.parts.iter();
        parts
            .filter_map(|part| Some((part.name.as_str(), part.limit?)))
            .collect()
    }

    /// The reward of what was measured.
    ///
    /// `InvalidArgument` for a value out of its range (0 to 1, or at least 0 where the part has a
    /// limit; NaN always), for a part that is unknown or comes twice, and where no part with a weight
    /// was measured.
    pub fn of(&self, measured: &[(&str, f64)]) -> Result<f64> {
        let (mut sum, mut weights) = (0.0, 0.0);
        for (i, &(name, value)) in measured.iter().enumerate() {
            let Some(part) = self.parts.iter().find(|part| part.name == name) else {
                return Err(unknown(name, &self.parts, "no part of this reward"));
            };
            if measured[..i].iter().any(|(other, _)| *other == name) {
                return Err(Error::invalid(format!(
                    "\"{name}\" is measured twice; give it once"
                )));
            }
            let worth = match part.limit {
                None if (0.0..=1.0).contains(&value) => value,
                None => {
                    return Err(Error::invalid(format!(
                        "\"{name}\" must be in 0..=1, got {value}; give what is spent a limit"
                    )));
                }
                Some(limit) if value.is_finite() && value >= 0.0 => (1.0 - value / limit).max(0.0),
                Some(_) => {
                    return Err(Error::invalid(format!(
                        "\"{name}\" is spent and must be a finite number of at least 0, got {value}"
                    )));
                }
            };
            sum += part.weight * worth;
            weights += part.weight;
        }
        match weights > 0.0 {
            true => Ok((sum / weights).clamp(0.0, 1.0)),
            false => Err(unknown(
                "",
                &self.parts,
                "nothing with a weight was measured",
            )),
        }
    }
}

fn unknown(name: &str, parts: &[Part], what: &str) -> Error {
    let known: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    let known = known.join(", ");
    match name {
        "" => Error::invalid(format!("{what}; the parts are {known}")),
        _ => Error::invalid(format!("\"{name}\" is {what}; the parts are {known}")),
    }
}
