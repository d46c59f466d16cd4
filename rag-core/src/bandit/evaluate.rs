//! What another policy would have earned, from the log of this one.
//!
//! Inverse propensity scoring is unbiased and noisy; its self-normalised form trades a little
//! bias for much variance; the doubly robust estimate (Dudík et al., 2014) adds a model of the
//! reward and corrects it where the log agrees; SWITCH (Wang et al., 2017) leaves the correction
//! out where it would be weighed too heavily. The model is the bandit's own curve, fitted to the
//! log that is evaluated.

use super::model::{Curve, Sums, best_of};
use super::{Bandit, LogEntry, MAX_REWARD, check_context, position};
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// `switch-dr` trusts the model alone where an importance weight exceeds this.
pub const SWITCH_THRESHOLD: f64 = 10.0;
/// Two-sided 95 % of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

crate::option_enum! {
    /// How a policy's value is estimated from a log.
    Evaluation {
        /// Doubly robust, the model alone where weights exceed [`SWITCH_THRESHOLD`].
        SwitchDr = "switch-dr",
        /// Doubly robust.
        Dr = "dr",
        /// Self-normalised inverse propensity scoring.
        Snips = "snips",
        /// Inverse propensity scoring.
        Ips = "ips",
    }
}

/// The estimated mean reward of a policy, with a 95 % interval (normal approximation).
#[derive(Clone, Debug, PartialEq)]
pub struct ValueEstimate {
    /// The estimate.
    pub value: f64,
    /// Lower end of the interval; minus infinity when the log has a single entry.
    pub low: f64,
    /// Upper end of the interval; infinity when the log has a single entry.
    pub high: f64,
}

impl Bandit {
    /// What `policy`, which names a value for each domain and context, would have earned on
    /// average over the choices of `log` (this bandit's own log if `None`).
    ///
    /// A policy agrees with an entry when both mean the same arm, the one nearest to the value.
    /// With `snips`, a policy that never agrees is `InvalidArgument`: there is nothing to go by.
    ///
    /// ```
    /// use rag_core::bandit::{Arms, Bandit, BanditOptions, Evaluation, LogEntry};
    /// let bandit = Bandit::new(Arms::Values(vec![0.0, 1.0]), &BanditOptions::default())?;
    /// let entry = |arm: f64, reward| LogEntry {
    ///     domain: "d".into(), context: None, arm, reward, propensity: 0.5,
    /// };
    /// let log = [entry(0.0, 0.2), entry(1.0, 0.6), entry(1.0, 0.8), entry(0.0, 0.4)];
    /// let always_one = |_: &str, _: Option<&[f64]>| 1.0;
    /// let found = bandit.evaluate(&always_one, Some(&log), Evaluation::Snips)?;
    /// assert!((found.value - 0.7).abs() < 1e-12);
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn evaluate(
        &self,
        policy: &dyn Fn(&str, Option<&[f64]>) -> f64,
        log: Option<&[LogEntry]>,
        method: Evaluation,
    ) -> Result<ValueEstimate> {
        let own;
        let log = match log {
            Some(log) => log,
            None => {
                own = self.log();
                &own
            }
        };
        if log.is_empty() {
            return Err(Error::invalid(
                "the log is empty; reward some choices first, or give a log",
            ));
        }
        let mut rows = Vec::with_capacity(log.len());
        for (i, entry) in log.iter().enumerate() {
            let row = self.row(policy, entry);
            rows.push(row.map_err(|e| e.context(format!("log entry {i}")))?);
        }
        let n = rows.len() as f64;
        if method == Evaluation::Snips {
            return snips(&rows);
        }
        let curves = match method {
            Evaluation::Ips => BTreeMap::new(),
            _ => self.curves(log, &rows),
        };
        let term = |(row, entry): (&Row, &LogEntry)| {
            let Some(curve) = curves.get(entry.domain.as_str()) else {
                return row.weight * row.reward;
            };
            let model = curve.mean(&self.basis, row.target);
            let weight = match method {
                Evaluation::SwitchDr if row.weight > SWITCH_THRESHOLD => 0.0,
                _ => row.weight,
            };
            model + weight * (row.reward - model)
        };
        let terms: Vec<f64> = rows.iter().zip(log).map(term).collect();
        let value = terms.iter().sum::<f64>() / n;
        let deviations: f64 = terms.iter().map(|t| (t - value) * (t - value)).sum();
        Ok(interval(value, deviations, n))
    }

    fn row(&self, policy: &dyn Fn(&str, Option<&[f64]>) -> f64, entry: &LogEntry) -> Result<Row> {
        if !(entry.propensity > 0.0 && entry.propensity <= 1.0) {
            return Err(Error::invalid(format!(
                "a propensity must be above 0 and at most 1, got {}",
                entry.propensity
            )));
        }
        if entry.reward.is_nan() || entry.reward.abs() > MAX_REWARD {
            return Err(Error::invalid(format!(
                "a reward must be a finite number of at most {MAX_REWARD} in size, got {}",
                entry.reward
            )));
        }
        if !entry.arm.is_finite() {
            return Err(Error::invalid(format!(
                "an arm must be finite, got {}",
                entry.arm
            )));
        }
        check_context(entry.context.as_deref())?;
        let wanted = policy(&entry.domain, entry.context.as_deref());
        if !wanted.is_finite() {
            return Err(Error::invalid(format!(
                "a policy must return a finite value, got {wanted}"
            )));
        }
        let (logged, target) = (self.nearest(entry.arm), self.nearest(wanted));
        Ok(Row {
            logged,
            target,
            reward: entry.reward,
            weight: if logged == target {
                1.0 / entry.propensity
            } else {
                0.0
            },
        })
    }

    fn curves<'a>(&self, log: &'a [LogEntry], rows: &[Row]) -> BTreeMap<&'a str, Curve> {
        let mut sums: BTreeMap<&str, Sums> = BTreeMap::new();
        for (row, entry) in rows.iter().zip(log) {
            sums.entry(entry.domain.as_str())
                .or_insert_with(|| Sums::new(self.values.len()))
                .record(row.logged, row.reward, 1.0);
        }
        let fit = |(name, sums): (&'a str, Sums)| {
            let guess = self.domains.get(name).and_then(|d| d.guess);
            let at = guess.map(|g| position(self.ends, g));
            (name, Curve::fit(&self.basis, at, self.options.noise, &sums))
        };
        sums.into_iter().map(fit).collect()
    }

    /// The arm nearest to `value`; of equally near ones the first.
    pub(super) fn nearest(&self, value: f64) -> usize {
        best_of(self.values.len(), |k| -(self.values[k] - value).abs())
    }
}

struct Row {
    logged: usize,
    target: usize,
    reward: f64,
    weight: f64,
}

fn snips(rows: &[Row]) -> Result<ValueEstimate> {
    let n = rows.len() as f64;
    let weights: f64 = rows.iter().map(|r| r.weight).sum();
    if weights == 0.0 {
        return Err(Error::invalid(
            "the policy never agrees with the log, so snips has nothing to go by; use switch-dr",
        ));
    }
    let value = rows.iter().map(|r| r.weight * r.reward).sum::<f64>() / weights;
    // The delta method for a ratio of means.
    let scale = n / weights;
    let deviations = rows
        .iter()
        .map(|r| (scale * r.weight * (r.reward - value)).powi(2))
        .sum();
    Ok(interval(value, deviations, n))
}

fn interval(value: f64, deviations: f64, n: f64) -> ValueEstimate {
    if n < 2.0 {
        return ValueEstimate {
            value,
            low: f64::NEG_INFINITY,
            high: f64::INFINITY,
        };
    }
    let half = Z * (deviations / (n - 1.0) / n).sqrt();
    ValueEstimate {
        value,
        low: value - half,
        high: value + half,
    }
}
