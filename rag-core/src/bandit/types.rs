//! What goes into a bandit and what comes out: arms, options, choices, estimates, the log.

use crate::error::{Error, Result};

/// Points at which a continuous range is evaluated, both ends included.
pub const GRID: usize = 101;
/// The most arms that a list may have.
pub const MAX_ARMS: usize = 1000;
/// The most domains that one bandit holds.
pub const MAX_DOMAINS: usize = 10_000;
/// Choices that wait for their reward; past this the oldest are forgotten.
pub const MAX_OUTSTANDING: usize = 100_000;
/// The most numbers that a context may have.
pub const MAX_CONTEXT: usize = 256;
/// Rewards are meant to be about 0 to 1; this is the largest size accepted.
pub const MAX_REWARD: f64 = 1e6;

/// What can be chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum Arms {
    /// These values, in this order: 1 to 1,000 different finite numbers.
    Values(Vec<f64>),
    /// Anything from the first to the second, looked at on [`GRID`] evenly spaced points.
    Range(f64, f64),
}

impl Arms {
    /// The values that can be chosen, in order.
    pub(super) fn values(&self) -> Result<Vec<f64>> {
        let values = match self {
            Arms::Values(values) => values.clone(),
            Arms::Range(low, high) => {
                if !(low.is_finite() && high.is_finite() && low < high) {
                    return Err(Error::invalid(format!(
                        "a range of arms needs two finite numbers, the lower first, got {low} and {high}"
                    )));
                }
                let point = |i: usize| {
                    let t = i as f64 / (GRID - 1) as f64;
                    low * (1.0 - t) + high * t
                };
                (0..GRID).map(point).collect()
            }
        };
        if values.is_empty() || values.len() > MAX_ARMS {
            return Err(Error::invalid(format!(
                "a bandit has 1 to {MAX_ARMS} arms, got {}",
                values.len()
            )));
        }
        if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
            return Err(Error::invalid(format!("arms must be finite, got {bad}")));
        }
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        if let Some(pair) = sorted.windows(2).find(|w| w[0] == w[1]) {
            return Err(Error::invalid(format!(
                "arms must differ, got {} twice",
                pair[0]
            )));
        }
        if !(sorted[sorted.len() - 1] - sorted[0]).is_finite() {
            return Err(Error::invalid("the arms lie too far apart for float64"));
        }
        Ok(values)
    }
}

crate::option_enum! {
    /// How an arm is chosen.
    Policy {
        /// The best arm of a draw from the posterior.
        Thompson = "thompson",
        /// The largest posterior mean plus so many standard deviations.
        Ucb = "ucb",
        /// The best mean, but any arm with a small probability.
        EpsilonGreedy = "epsilon_greedy",
        /// Always the arm nearest to the prior guess (or to the middle): the baseline.
        Fixed = "fixed",
    }
}

crate::options! {
    /// How a [`Bandit`](super::Bandit) chooses and remembers.
    BanditOptions {
        /// `"thompson"`, `"ucb"`, `"epsilon_greedy"` or `"fixed"`.
        policy: Policy = Policy::Thompson;
        /// What a reward still weighs after the next one in its domain; below 1 it follows drift.
        discount: f64 = 1.0, in 1e-3..=1.0;
        /// Seed of all draws; from the operating system if none.
        seed: Option<u64> = None;
        /// Scale of the posterior's spread for `thompson` (0.5 if none), standard deviations for
        /// `ucb` (1 if none), share of random choices for `epsilon_greedy` (0.1 if none, at most 1).
        exploration: Option<f64> = None, in 0.0..=10.0;
        /// Standard deviation of a reward at a given arm; estimated from the rewards if none.
        noise: Option<f64> = None, in 1e-6..=1e6;
        /// Posterior draws behind a Thompson propensity, whose standard error is at most
        /// `0.5 / sqrt(draws)`; time grows with it.
        propensity_draws: usize = 128, in 16..=65536;
        /// Rewarded choices to keep in the log; past this the oldest are forgotten.
        log_size: usize = 10_000, in 0..=1_000_000;
    }
}

impl BanditOptions {
    pub(super) fn exploration_scale(&self) -> f64 {
        self.exploration.unwrap_or(match self.policy {
            Policy::Thompson => 0.5,
            Policy::Ucb => 1.0,
            Policy::EpsilonGreedy => 0.1,
            Policy::Fixed => 0.0,
        })
    }
}

/// One choice. Its `id` is what the reward refers to.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Unique among bandits of different seeds.
    pub id: u64,
    /// The index of the arm; for a range, of the grid point.
    pub arm: usize,
    /// The arm's value.
    pub value: f64,
    /// The probability with which this arm was chosen, in (0, 1].
    ///
    /// Exact for `ucb`, `epsilon_greedy` and `fixed`. For `thompson` estimated: of `n` posterior
    /// draws from a side stream `h` prefer this arm, and `(h + 1/2) / (n + arms / 2)` is returned
    /// (the posterior mean under Jeffreys' prior, so that no propensity is 0). For a range it is
    /// the probability of the grid point, not a density.
    pub propensity: f64,
}

/// What is believed about one arm in one domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// The arm's value.
    pub value: f64,
    /// The expected reward.
    pub mean: f64,
    /// The standard deviation of that expectation, the noise of a single reward excluded.
    pub sd: f64,
    /// Rewards seen for this very arm, each weighing what the discount left of it.
    pub count: f64,
}

/// A rewarded choice.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// Where the choice was made.
    pub domain: String,
    /// What was known then, if anything was given.
    pub context: Option<Vec<f64>>,
    /// The value chosen.
    pub arm: f64,
    /// What it earned.
    pub reward: f64,
    /// The probability with which it was chosen.
    pub propensity: f64,
}
