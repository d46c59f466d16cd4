//! Which value to use, learnt from what it earned: a bandit over numbers, one curve per domain.
//!
//! The arms are values on a line (the weight of lexical search, say), so neighbours earn alike:
//! each domain's reward is a smooth curve over the value, and the default policy draws a curve
//! from the posterior and takes its top (Thompson, 1933; the curve is in `model`). What was
//! learnt adds up over workers (`history`), and what was logged answers "what would another
//! policy have earned" (`evaluate`).

mod evaluate;
mod history;
mod model;
mod reward;
mod saved;
#[cfg(test)]
mod tests;
mod types;

pub use evaluate::{Evaluation, SWITCH_THRESHOLD, ValueEstimate};
pub use reward::{DEFAULT_COST_LIMIT, DEFAULT_WEIGHTS, MAX_PARTS, Reward};
pub use types::{
    Arms, BanditOptions, Choice, Estimate, GRID, LogEntry, MAX_ARMS, MAX_CONTEXT, MAX_DOMAINS,
    MAX_OUTSTANDING, MAX_REWARD, Policy,
};

use crate::error::{Error, ErrorKind, Result};
use crate::rng::{Rng, splitmix64};
use history::History;
use model::{Basis, Curve, Normals, best_of};
use std::collections::{BTreeMap, VecDeque};

const MAX_NAME: usize = 256;

#[derive(Clone, Debug, PartialEq)]
struct Pending {
    domain: String,
    context: Option<Vec<f64>>,
    arm: usize,
    propensity: f64,
}

#[derive(Clone, Debug)]
struct Domain {
    guess: Option<f64>,
    curve: Curve,
}

/// Chooses values and learns from rewards, one curve per domain.
///
/// Without a prior a new domain starts flat; with one it starts as a parabola around the guess.
/// Neighbouring arms share what they learn, so that three rewards already say something about an
/// arm that was never tried:
///
/// ```
/// use rag_core::bandit::{Arms, Bandit, BanditOptions};
/// let arms = Arms::Values((0..=10).map(|i| f64::from(i) / 10.0).collect());
/// let mut bandit = Bandit::new(arms, &BanditOptions::default().seed(Some(7)))?
///     .with_prior("healthcare", 0.7)?;
/// assert_eq!(bandit.best("healthcare")?, 0.7);
/// for _ in 0..200 {
///     let choice = bandit.choose("healthcare", None)?;
///     let earned = 0.8 - (choice.value - 0.5).powi(2);
///     bandit.reward(choice.id, earned)?;
/// }
/// assert!((bandit.best("healthcare")? - 0.5).abs() <= 0.1);
/// let untried = &bandit.estimates("healthcare")?[0];
/// assert!(untried.mean < 0.8 && untried.sd > 0.0);
/// # Ok::<(), rag_core::Error>(())
/// ```
///
/// A context is kept in the log and handed to the policies that [`Bandit::evaluate`] judges; the
/// curves do not depend on it. Put what matters much into the name of the domain.
#[derive(Debug)]
pub struct Bandit {
    arms: Arms,
    values: Vec<f64>,
    ends: (f64, f64),
    options: BanditOptions,
    basis: Basis,
    seed: u64,
    /// The side stream of `seed` from which propensities are estimated.
    normals: Normals,
    rng: Rng,
    /// The upper 24 bits of this bandit's choice ids, and the lower 40 of the next.
    tag: u64,
    next: u64,
    domains: BTreeMap<String, Domain>,
    histories: Vec<History>,
    own: Option<usize>,
    pending: BTreeMap<u64, Pending>,
    order: VecDeque<u64>,
    log: VecDeque<(u64, LogEntry)>,
}

const COUNTER_BITS: u32 = 40;

impl Bandit {
    /// A bandit that knows nothing yet.
    pub fn new(arms: Arms, options: &BanditOptions) -> Result<Self> {
        options.check()?;
        if options.policy == Policy::EpsilonGreedy && options.exploration_scale() > 1.0 {
            return Err(Error::invalid(format!(
                "exploration is a share for epsilon_greedy and must be in 0..=1, got {}",
                options.exploration_scale()
            )));
        }
        let values = arms.values()?;
        let seed = options.seed.unwrap_or_else(Rng::seed_from_system);
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let ends = (low, high);
        let basis = Basis::new(values.iter().map(|v| position(ends, *v)).collect());
        let mut bandit = Self {
            arms,
            values,
            ends,
            options: options.clone(),
            basis,
            seed,
            normals: Normals::new(options.propensity_draws, seed),
            rng: Rng::new(seed),
            tag: 0,
            next: 0,
            domains: BTreeMap::new(),
            histories: Vec::new(),
            own: None,
            pending: BTreeMap::new(),
            order: VecDeque::new(),
            log: VecDeque::new(),
        };
        bandit.reseed(seed);
        Ok(bandit)
    }

    /// Starts all draws and choice ids anew from `seed`: for workers that load the same file.
    /// Choices that wait can still be rewarded.
    pub fn reseed(&mut self, seed: u64) {
        self.seed = seed;
        self.rng = Rng::new(seed);
        self.normals = Normals::new(self.options.propensity_draws, seed);
        let mut state = seed;
        self.tag = splitmix64(&mut state) >> COUNTER_BITS << COUNTER_BITS;
        self.next = 0;
    }

    /// Sets the guess of the best value in `domain`, which lies between the arms' ends.
    pub fn with_prior(mut self, domain: &str, value: f64) -> Result<Self> {
        self.set_prior(domain, value)?;
        Ok(self)
    }

    /// As [`Bandit::with_prior`], in place; what was learnt is kept.
    pub fn set_prior(&mut self, domain: &str, value: f64) -> Result<()> {
        self.check_name(domain)?;
        let (low, high) = self.ends;
        if !(low..=high).contains(&value) {
            return Err(Error::invalid(format!(
                "the prior of \"{domain}\" must lie between the arms, in {low}..={high}, got {value}"
            )));
        }
        self.refit(domain, Some(value));
        Ok(())
    }

    /// Chooses an arm for `domain`, which comes into being when it is first named.
    pub fn choose(&mut self, domain: &str, context: Option<&[f64]>) -> Result<Choice> {
        check_context(context)?;
        if !self.domains.contains_key(domain) {
            self.check_name(domain)?;
            self.refit(domain, None);
        }
        let state = &self.domains[domain];
        let (basis, curve) = (&self.basis, &state.curve);
        let scale = self.options.exploration_scale();
        let arms = self.values.len();
        let (arm, propensity) = match self.options.policy {
            Policy::Thompson => {
                let arm = curve.draw(basis, scale, &mut self.rng);
                let wins = curve.wins(basis, scale, &self.normals, arm) as f64;
                let draws = self.normals.draws as f64;
                (arm, (wins + 0.5) / (draws + 0.5 * arms as f64))
            }
            Policy::Ucb => {
                let bound = |k: usize| curve.mean(basis, k) + scale * curve.sd(basis, k);
                (best_of(arms, bound), 1.0)
            }
            Policy::EpsilonGreedy => {
                let best = best_of(arms, |k| curve.mean(basis, k));
                let any = scale / arms as f64;
                let arm = if self.rng.uniform() < scale {
                    self.rng.below(arms)
                } else {
                    best
                };
                (arm, if arm == best { 1.0 - scale + any } else { any })
            }
            Policy::Fixed => {
                let guess = state.guess.unwrap_or(0.5 * self.ends.0 + 0.5 * self.ends.1);
                (self.nearest(guess), 1.0)
            }
        };
        let id = self.tag | self.next;
        self.next = (self.next + 1) & ((1 << COUNTER_BITS) - 1);
        let pending = Pending {
            domain: domain.to_owned(),
            context: context.map(<[f64]>::to_vec),
            arm,
            propensity,
        };
        self.pending.insert(id, pending);
        self.order.push_back(id);
        while self.pending.len() > MAX_OUTSTANDING {
            let oldest = self.order.pop_front().expect("every pending id is queued");
            self.pending.remove(&oldest);
        }
        if self.order.len() > 2 * MAX_OUTSTANDING {
            self.order.retain(|id| self.pending.contains_key(id));
        }
        Ok(Choice {
            id,
            arm,
            value: self.values[arm],
            propensity,
        })
    }

    /// Tells what the choice `id` earned: a finite number, about 0 to 1, at most [`MAX_REWARD`] in
    /// size. Late and out of order is fine.
    ///
    /// An id that this bandit never gave is `NotFound`. One that was already rewarded, or that is
    /// older than the [`MAX_OUTSTANDING`] kept, is `InvalidArgument`.
    pub fn reward(&mut self, id: u64, reward: f64) -> Result<()> {
        if reward.is_nan() || reward.abs() > MAX_REWARD {
            return Err(Error::invalid(format!(
                "a reward must be a finite number of at most {MAX_REWARD} in size, best in 0..=1, got {reward}"
            )));
        }
        let Some(choice) = self.pending.remove(&id) else {
            let mask = (1 << COUNTER_BITS) - 1;
            return Err(if id & !mask == self.tag && id & mask < self.next {
                Error::invalid(format!(
                    "choice {id} was already rewarded, or forgotten as older than {MAX_OUTSTANDING} waiting choices"
                ))
            } else {
                Error::new(
                    ErrorKind::NotFound,
                    format!("choice {id} was not made by this bandit, or was already rewarded"),
                )
            });
        };
        while let Some(front) = self.order.front() {
            if self.pending.contains_key(front) {
                break;
            }
            self.order.pop_front();
        }
        self.learn(&choice.domain, id, choice.arm, reward);
        let entry = LogEntry {
            domain: choice.domain,
            context: choice.context,
            arm: self.values[choice.arm],
            reward,
            propensity: choice.propensity,
        };
        self.log.push_back((id, entry));
        while self.log.len() > self.options.log_size {
            self.log.pop_front();
        }
        Ok(())
    }

    fn learn(&mut self, domain: &str, id: u64, arm: usize, reward: f64) {
        let arms = self.values.len();
        let own = match self.own {
            Some(own) => own,
            None => {
                self.histories.push(History::default());
                self.histories.len() - 1
            }
        };
        let discount = self.options.discount;
        let history = &mut self.histories[own];
        let before = history.digests.len();
        history.record(domain, id, (arm, arms), reward, discount);
        let digest = history.digest;
        if discount < 1.0 {
            for (i, other) in self.histories.iter_mut().enumerate() {
                if let Some(part) = other.parts.get_mut(domain).filter(|_| i != own) {
                    part.age += 1;
                }
            }
        }
        self.own = Some(own);
        if self.histories.len() > 1 && self.histories[own].digests.len() != before {
            history::sort(&mut self.histories);
            self.own = self.histories.iter().position(|h| h.digest == digest);
        }
        let guess = self.domains.get(domain).and_then(|d| d.guess);
        self.refit(domain, guess);
    }

    /// Brings the curve of `domain` up to date with the histories.
    fn refit(&mut self, domain: &str, guess: Option<f64>) {
        let arms = self.values.len();
        let sums = history::total(&self.histories, domain, arms, self.options.discount);
        let at = guess.map(|g| position(self.ends, g));
        let curve = Curve::fit(&self.basis, at, self.options.noise, &sums);
        let state = Domain { guess, curve };
        match self.domains.get_mut(domain) {
            Some(old) => *old = state,
            None => {
                self.domains.insert(domain.to_owned(), state);
            }
        }
    }

    /// The value with the highest expected reward in `domain`; of equals the first.
    ///
    /// `NotFound` for a domain that has neither a prior nor a choice.
    pub fn best(&self, domain: &str) -> Result<f64> {
        let curve = &self.domain(domain)?.curve;
        let best = best_of(self.values.len(), |k| curve.mean(&self.basis, k));
        Ok(self.values[best])
    }

    /// The domains with a prior or a choice, in alphabetical order.
    pub fn domains(&self) -> Vec<&str> {
        self.domains.keys().map(String::as_str).collect()
    }

    /// What is believed about each arm, in their order; for a range, about each grid point.
    pub fn estimates(&self, domain: &str) -> Result<Vec<Estimate>> {
        let curve = &self.domain(domain)?.curve;
        let arms = self.values.len();
        let sums = history::total(&self.histories, domain, arms, self.options.discount);
        let estimate = |k: usize| Estimate {
            value: self.values[k],
            mean: curve.mean(&self.basis, k),
            sd: curve.sd(&self.basis, k),
            count: sums.count[k],
        };
        Ok((0..arms).map(estimate).collect())
    }

    /// The rewarded choices, oldest first, at most `log_size` of them.
    pub fn log(&self) -> Vec<LogEntry> {
        self.log.iter().map(|(_, entry)| entry.clone()).collect()
    }

    /// The arms as given.
    pub fn arms(&self) -> &Arms {
        &self.arms
    }

    /// Choices that still wait for their reward.
    pub fn outstanding(&self) -> usize {
        self.pending.len()
    }

    /// Takes in what `other` has learnt. Order does not matter, and twice is once: rewards that
    /// both know, because one was loaded, cloned or merged from the other, count once.
    ///
    /// Give workers different seeds ([`Bandit::reseed`] after loading or cloning): two that made the
    /// same choices and earned the same from the first on cannot be told from one.
    /// The arms must be the same, and so must be the priors of domains that both have. Choices
    /// that wait stay with the bandit that made them. Logs are united in the order of the ids'
    /// counters, the newest `log_size` kept. With a discount below 1 each worker's rewards fade
    /// with those that come after them there and, after the merge, here.
    pub fn merge(&mut self, other: &Bandit) -> Result<()> {
        if self.arms != other.arms {
            return Err(Error::invalid(
                "the two bandits have different arms; only the same arms can be merged",
            ));
        }
        for (name, theirs) in &other.domains {
            match self.domains.get(name).map(|d| d.guess) {
                Some(Some(ours)) if theirs.guess.is_some_and(|g| g != ours) => {
                    return Err(Error::invalid(format!(
                        "\"{name}\" has the prior {ours} here and another there; merge bandits with the same priors"
                    )));
                }
                _ => {}
            }
        }
        let new = |n: &&String| !self.domains.contains_key(*n);
        if self.domains.len() + other.domains.keys().filter(new).count() > MAX_DOMAINS {
            return Err(too_many_domains());
        }
        self.own = history::merge(&mut self.histories, &other.histories, self.own);
        let mut log: Vec<_> = self
            .log
            .drain(..)
            .chain(other.log.iter().cloned())
            .collect();
        let mask = (1u64 << COUNTER_BITS) - 1;
        log.sort_by(|(a, x), (b, y)| {
            (a & mask, a, &x.domain)
                .cmp(&(b & mask, b, &y.domain))
                .then(x.arm.total_cmp(&y.arm))
                .then(x.reward.total_cmp(&y.reward))
        });
        log.dedup();
        let surplus = log.len().saturating_sub(self.options.log_size);
        self.log.extend(log.into_iter().skip(surplus));
        let mut names: BTreeMap<String, Option<f64>> = BTreeMap::new();
        for (name, domain) in self.domains.iter().chain(&other.domains) {
            let guess = names.entry(name.clone()).or_default();
            *guess = guess.or(domain.guess);
        }
        for (name, guess) in names {
            self.refit(&name, guess);
        }
        Ok(())
    }

    fn domain(&self, name: &str) -> Result<&Domain> {
        self.domains.get(name).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("no domain is called \"{name}\"; give it a prior or choose in it first"),
            )
        })
    }

    fn check_name(&self, domain: &str) -> Result<()> {
        if domain.is_empty() || domain.len() > MAX_NAME {
            return Err(Error::invalid(format!(
                "the name of a domain has 1 to {MAX_NAME} bytes, got {}",
                domain.len()
            )));
        }
        if self.domains.len() >= MAX_DOMAINS && !self.domains.contains_key(domain) {
            return Err(too_many_domains());
        }
        Ok(())
    }
}

impl Clone for Bandit {
    /// The same beliefs and waiting choices. The clone learns on its own: merged back, what the
    /// two had in common counts once.
    fn clone(&self) -> Self {
        Self {
            arms: self.arms.clone(),
            values: self.values.clone(),
            ends: self.ends,
            options: self.options.clone(),
            basis: self.basis.clone(),
            seed: self.seed,
            normals: self.normals.clone(),
            rng: self.rng.clone(),
            tag: self.tag,
            next: self.next,
            domains: self.domains.clone(),
            histories: self.histories.clone(),
            own: None,
            pending: self.pending.clone(),
            order: self.order.clone(),
            log: self.log.clone(),
        }
    }
}

/// Where a value between the arms' ends lies in the curves' [0, 1]: arms inside [0, 1] are used
/// as they are, others are brought there.
fn position((low, high): (f64, f64), value: f64) -> f64 {
    match (low >= 0.0 && high <= 1.0, high > low) {
        (true, _) => value,
        (false, true) => (value - low) / (high - low),
        (false, false) => 0.5,
    }
}

fn too_many_domains() -> Error {
    Error::invalid(format!(
        "a bandit holds at most {MAX_DOMAINS} domains; use fewer names"
    ))
}

fn check_context(context: Option<&[f64]>) -> Result<()> {
    let Some(context) = context else {
        return Ok(());
    };
    if context.len() > MAX_CONTEXT {
        return Err(Error::invalid(format!(
            "a context has at most {MAX_CONTEXT} numbers, got {}",
            context.len()
        )));
    }
    match context.iter().find(|x| !x.is_finite()) {
        None => Ok(()),
        Some(bad) => Err(Error::invalid(format!(
            "a context must be finite, got {bad}"
        ))),
    }
}
