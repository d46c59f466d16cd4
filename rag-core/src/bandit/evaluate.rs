//! What another policy would have earned, from the log of this one.
//!
//! Inverse propensity scoring is unbiased and noisy; its self-normalised form trades a little
//! bias for much variance; the doubly robust estimate (Dudík et al., 2014) adds a model of the
//! reward and corrects it where the log agrees; SWITCH (Wang et al., 2017) leaves the correction
//! out where it would be weighed too heavily. The model is the bandit's own, fitted to the log
//! that is evaluated, contexts included.

use super::domain::{Domain, Frame};
use super::outlook::Room;
use super::part::Rates;
use super::shared::Shared;
use super::{Bandit, LogEntry, check_context, check_reward};
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// `switch-dr` trusts the model alone where an importance weight exceeds this.
pub const SWITCH_THRESHOLD: f64 = 10.0;
/// Two-sided 95 % of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;
/// Rounds in which noise and beliefs are fitted to each other.
const ROUNDS: usize = 3;

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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueEstimate {
    /// The estimate.
    pub value: f64,
    /// Lower end of the interval; minus infinity when the log has a single entry.
    pub low: f64,
    /// Upper end of the interval; infinity when the log has a single entry.
    pub high: f64,
}

/// What a policy would have earned beside what was earned, on average over a log or over one
/// domain's part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct WhatIf {
    /// The domain, or empty for all together.
    pub domain: String,
    /// Entries of the log.
    pub count: usize,
    /// The mean of what was earned.
    pub earned: ValueEstimate,
    /// The mean of what the policy would have earned.
    pub value: ValueEstimate,
    /// The second less the first, entry by entry: above 0 where the policy is better.
    pub difference: ValueEstimate,
}

/// A policy to be judged: the number by which an arm goes ([`Bandit::values`]), given a domain and
/// a context.
type Judged<'a> = &'a dyn Fn(&str, Option<&[f64]>) -> f64;

impl Bandit {
    /// What `policy`, which names a value for each domain and context, would have earned on
    /// average over the choices of `log` (this bandit's own log if `None`).
    ///
    /// A policy agrees with an entry when both mean the same arm, the one nearest to the value;
    /// names and the arms of a grid go by their indices. With `snips`, a policy that never agrees
    /// is `InvalidArgument`: there is nothing to go by.
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
        policy: Judged<'_>,
        log: Option<&[LogEntry]>,
        method: Evaluation,
    ) -> Result<ValueEstimate> {
        let rows = self.judged(policy, log, method)?;
        let all: Vec<&Row> = rows.iter().collect();
        Ok(mean(&terms(&all, method)?))
    }

    /// What `policy` would have earned beside what was earned: over the whole log first, then for
    /// each domain in alphabetical order. `log` and `method` are as for [`Bandit::evaluate`].
    pub fn what_if(
        &self,
        policy: Judged<'_>,
        log: Option<&[LogEntry]>,
        method: Evaluation,
    ) -> Result<Vec<WhatIf>> {
        let rows = self.judged(policy, log, method)?;
        let mut groups: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        groups.insert("", rows.iter().collect());
        for row in &rows {
            groups.entry(&row.domain).or_default().push(row);
        }
        let compare = |(domain, rows): (&str, Vec<&Row>)| {
            let named = |e: Error| match domain {
                "" => e,
                name => e.context(format!("domain \"{name}\"")),
            };
            let terms = terms(&rows, method).map_err(named)?;
            let earned: Vec<f64> = rows.iter().map(|r| r.reward).collect();
            let gains: Vec<f64> = terms.iter().zip(&earned).map(|(t, e)| t - e).collect();
            Ok(WhatIf {
                domain: domain.to_owned(),
                count: rows.len(),
                earned: mean(&earned),
                value: mean(&terms),
                difference: mean(&gains),
            })
        };
        groups.into_iter().map(compare).collect()
    }

    /// The log's entries as the policy sees them, with what the model expects.
    fn judged(
        &self,
        policy: Judged<'_>,
        log: Option<&[LogEntry]>,
        method: Evaluation,
    ) -> Result<Vec<Row>> {
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
        let mut features = 0;
        let mut rows = Vec::with_capacity(log.len());
        for (i, entry) in log.iter().enumerate() {
            let row = self.row(policy, entry, &mut features);
            rows.push(row.map_err(|e| e.context(format!("log entry {i}")))?);
        }
        if matches!(method, Evaluation::Dr | Evaluation::SwitchDr) {
            let mut model = Model::fit(self, log, &rows, features);
            for (row, entry) in rows.iter_mut().zip(log) {
                row.expected = model.expect(&entry.domain, row.target, entry.context.as_deref());
            }
        }
        Ok(rows)
    }

    fn row(&self, policy: Judged<'_>, entry: &LogEntry, features: &mut usize) -> Result<Row> {
        if !(entry.propensity > 0.0 && entry.propensity <= 1.0) {
            return Err(Error::invalid(format!(
                "a propensity must be above 0 and at most 1, got {}",
                entry.propensity
            )));
        }
        check_reward(entry.reward)?;
        if !entry.arm.is_finite() {
            return Err(Error::invalid(format!(
                "an arm must be finite, got {}",
                entry.arm
            )));
        }
        check_context(entry.context.as_deref())?;
        let got = entry.context.as_ref().map_or(0, Vec::len);
        if got > 0 && *features > 0 && got != *features {
            return Err(Error::invalid(format!(
                "a context of {got} numbers after one of {features}; give all of them the same length, or none"
            )));
        }
        *features = got.max(*features);
        let wanted = policy(&entry.domain, entry.context.as_deref());
        if !wanted.is_finite() {
            return Err(Error::invalid(format!(
                "a policy must return a finite value, got {wanted}"
            )));
        }
        let menu = &self.frame.menu;
        let (logged, target) = (menu.arm(entry.arm)?, menu.arm(wanted)?);
        Ok(Row {
            domain: entry.domain.clone(),
            logged,
            target,
            reward: entry.reward,
            weight: if logged == target {
                1.0 / entry.propensity
            } else {
                0.0
            },
            expected: 0.0,
        })
    }
}

struct Row {
    domain: String,
    logged: usize,
    target: usize,
    reward: f64,
    weight: f64,
    /// What the model expects of the policy's arm.
    expected: f64,
}

/// The bandit's beliefs as they would be after the log alone, without forgetting.
struct Model {
    frame: Frame,
    shared: Shared,
    domains: BTreeMap<String, Domain>,
    room: Room,
}

impl Model {
    fn fit(bandit: &Bandit, log: &[LogEntry], rows: &[Row], features: usize) -> Self {
        let options = bandit.frame.options.clone().adapt(false).discount(1.0);
        let frame = Frame {
            rates: Rates::new(&options),
            options,
            ..bandit.frame.clone()
        };
        let mut model = Self {
            shared: Shared::new(frame.shape.axes, features),
            frame,
            domains: BTreeMap::new(),
            room: Room::default(),
        };
        for (row, entry) in rows.iter().zip(log) {
            let Self {
                frame,
                shared,
                domains,
                room,
            } = &mut model;
            let domain = domains.entry(entry.domain.clone()).or_insert_with(|| {
                let known = bandit.index.get(&entry.domain);
                let guess = known.and_then(|at| bandit.domains[*at as usize].guess.clone());
                Domain::new(&entry.domain, guess, frame, shared)
            });
            let context = entry.context.as_deref().filter(|x| !x.is_empty());
            domain.learn(frame, shared, room, (row.logged, context, row.reward));
        }
        let Self {
            frame,
            shared,
            domains,
            ..
        } = &mut model;
        *shared = Shared::new(frame.shape.axes, features);
        for domain in domains.values_mut() {
            domain.unsay();
            domain.restart(frame, shared);
        }
        for _ in 0..ROUNDS {
            domains.values_mut().for_each(|d| d.refresh(frame, shared));
        }
        model
    }

    fn expect(&mut self, domain: &str, arm: usize, context: Option<&[f64]>) -> f64 {
        let features = self.shared.features;
        let context = context.filter(|x| !x.is_empty());
        let found = self.domains.get(domain);
        found.map_or(0.0, |d| {
            d.estimate(&self.frame, features, &mut self.room, arm, context)
                .0
        })
    }
}

/// For each entry what it says the policy earns; their mean is the estimate.
fn terms(rows: &[&Row], method: Evaluation) -> Result<Vec<f64>> {
    let n = rows.len() as f64;
    if method == Evaluation::Snips {
        let weights: f64 = rows.iter().map(|r| r.weight).sum();
        if weights == 0.0 {
            return Err(Error::invalid(
                "the policy never agrees with the log, so snips has nothing to go by; use switch-dr",
            ));
        }
        let value = rows.iter().map(|r| r.weight * r.reward).sum::<f64>() / weights;
        // The delta method for a ratio of means.
        let term = |r: &&Row| value + n / weights * r.weight * (r.reward - value);
        return Ok(rows.iter().map(term).collect());
    }
    let term = |row: &&Row| match method {
        Evaluation::Ips => row.weight * row.reward,
        Evaluation::SwitchDr if row.weight > SWITCH_THRESHOLD => row.expected,
        _ => row.expected + row.weight * (row.reward - row.expected),
    };
    Ok(rows.iter().map(term).collect())
}

fn mean(terms: &[f64]) -> ValueEstimate {
    let n = terms.len() as f64;
    let value = terms.iter().sum::<f64>() / n;
    if n < 2.0 {
        return ValueEstimate {
            value,
            low: f64::NEG_INFINITY,
            high: f64::INFINITY,
        };
    }
    let deviations: f64 = terms.iter().map(|t| (t - value) * (t - value)).sum();
    let half = Z * (deviations / (n - 1.0) / n).sqrt();
    ValueEstimate {
        value,
        low: value - half,
        high: value + half,
    }
}
