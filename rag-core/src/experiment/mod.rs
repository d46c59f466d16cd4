//! Experiments: which of several ways is better, found out on users.
//!
//! An [`Experiment`] gives each user a variant by a hash that never changes ([`stable_hash`]), counts what is measured of
//! them, and tells at any time, however often one looks, which variant is better. A guardrail stops a variant that does
//! harm; one call promotes a variant to all. [`interleave`] mixes two rankings in one list, which takes a tenth of the
//! users to tell which is better. What several processes count is merged, in any order and as often as one likes.
//!
//! Reading order: `assign` (who gets what), `measure` and `counts` (what is counted), `ledger` (by many processes),
//! `sequential` (the statistics), `status` (what follows), `interleave`.

mod assign;
mod counts;
mod interleave;
mod ledger;
mod measure;
mod sequential;
mod state;
mod status;
#[cfg(test)]
mod tests;

pub use assign::{LAYER_SLOTS, stable_hash};
pub use interleave::{Interleaved, Interleaving, MAX_RANKING, Preference, Team, interleave};
pub use measure::{Better, MeasureKind, MeasureOptions, Role};
pub use status::{Comparison, MeasureStatus, SampleRatio, Status, VariantStatus};

use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use assign::{below, check_name, weighted};
use counts::{Counts, Promotion, Values};
use ledger::Entries;
use measure::Measure;
use sequential::Sums;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most bytes of a name.
pub const MAX_NAME: usize = 128;
/// Most variants of an experiment.
pub const MAX_VARIANTS: usize = 64;
/// Most measures of an experiment.
pub const MAX_MEASURES: usize = 64;
/// The largest weight.
pub const MAX_WEIGHT: u64 = 1_000_000;
/// Users that are not spread as they should be are told of with this probability where they are.
const RATIO_ALPHA: f64 = 0.001;
const FORMAT: &str = "ragcore-experiment-1";

crate::options! {
    /// How an experiment divides users and decides.
    ExperimentOptions {
        /// What the assignment depends on besides the user; empty for the experiment's name. Another one deals anew.
        salt: String = String::new();
        /// Experiments of one layer take their users from the same 1000 slots; empty for a layer of its own.
        layer: String = String::new();
        /// The first slot of the layer that this experiment takes.
        layer_from: usize = 0, in 0..=999;
        /// The slot before which it ends. Experiments of one layer whose slots do not overlap have no user in common.
        layer_to: usize = 1000, in 1..=1000;
        /// The probability of being wrong, over all looks: of a winner where there is none, and of stopping what does no harm.
        alpha: f64 = 0.05, in 0.000_001..=0.5;
        /// Values of control and variant before anything is decided: the statistics need so many to hold.
        min_count: u64 = 100, in 2..=1_000_000_000;
        /// Values, all together, at which the test is to be sharpest.
        expected_count: f64 = 10_000.0, in 10.0..=1e12;
        /// Users that are told apart to see whether they are spread as they should be. Each takes 16 bytes.
        max_users: usize = 100_000, in 0..=10_000_000;
    }
}

/// What an experiment was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Plan {
    name: String,
    /// Names and weights; the first is the control.
    variants: Vec<(String, u64)>,
    salt: String,
    layer: String,
    layer_from: u64,
    layer_to: u64,
    alpha: f64,
    min_count: u64,
    expected_count: f64,
    max_users: u64,
    measures: Vec<Measure>,
}

impl Plan {
    fn guardrails(&self) -> usize {
        let guardrails = self.measures.iter().filter(|m| m.has_role(Role::Guardrail));
        guardrails.count()
    }

    fn options(&self) -> ExperimentOptions {
        ExperimentOptions {
            salt: self.salt.clone(),
            layer: self.layer.clone(),
            layer_from: self.layer_from as usize,
            layer_to: self.layer_to as usize,
            alpha: self.alpha,
            min_count: self.min_count,
            expected_count: self.expected_count,
            max_users: self.max_users as usize,
        }
    }

    fn salt(&self) -> &str {
        match self.salt.is_empty() {
            true => &self.name,
            false => &self.salt,
        }
    }

    /// The variant of a user by the hash alone; `None` for one whose slot is not ours.
    fn variant(&self, user: &str) -> Option<(u64, usize)> {
        let layer = match self.layer.is_empty() {
            true => format!("alone:{}", self.salt()),
            false => format!("layer:{}", self.layer),
        };
        let slot = below(stable_hash(&layer, user), LAYER_SLOTS as u64);
        let hash = stable_hash(&format!("variant:{}", self.salt()), user);
        let ours = (self.layer_from..self.layer_to).contains(&slot);
        ours.then(|| (hash, weighted(hash, self.variants.iter().map(|(_, w)| *w))))
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    format: String,
    plan: Plan,
    writers: Entries<Values>,
    /// By variant, the hashes of its users.
    users: Vec<Vec<u64>>,
    stopped: BTreeMap<String, String>,
    promoted: Option<Promotion>,
}

/// Variants that users are divided into, and what is measured of them. Usable from many threads.
///
/// ```
/// use rag_core::experiment::{Experiment, MeasureOptions, Role};
/// let test = Experiment::new("ranking", &[("old", 50), ("new", 50)], &Default::default())?
///     .measure("helped", &MeasureOptions::default().kind(rag_core::experiment::MeasureKind::Proportion))?
///     .measure("seconds", &MeasureOptions::default().better(rag_core::experiment::Better::Lower).role(Role::Guardrail))?;
/// let variant = test.assign("ann")?.expect("everybody is in it");
/// // The same user has the same variant tomorrow, in another process and another language.
/// assert_eq!(test.assign("ann")?.as_deref(), Some(variant.as_str()));
/// test.record("ann", "helped", 1.0)?;
/// assert_eq!(test.status().winner, None);
/// test.promote("new")?;
/// assert_eq!(test.assign("bob")?.as_deref(), Some("new"));
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Experiment {
    plan: Plan,
    clock: Arc<dyn Clock>,
    counts: Mutex<Counts>,
}

impl Experiment {
    /// An experiment of at least two variants with their weights; the first is the control. Add measures by
    /// [`Experiment::measure`] before anything is recorded.
    ///
    /// Errors: `InvalidArgument` for names or weights that are none, or options outside their range.
    pub fn new(name: &str, variants: &[(&str, u64)], options: &ExperimentOptions) -> Result<Self> {
        let plan = Plan {
            name: name.to_owned(),
            variants: variants
                .iter()
                .map(|(n, w)| ((*n).to_owned(), *w))
                .collect(),
            salt: options.salt.clone(),
            layer: options.layer.clone(),
            layer_from: options.layer_from as u64,
            layer_to: options.layer_to as u64,
            alpha: options.alpha,
            min_count: options.min_count,
            expected_count: options.expected_count,
            max_users: options.max_users as u64,
            measures: Vec::new(),
        };
        Self::of(plan)
    }

    fn of(plan: Plan) -> Result<Self> {
        check_name("an experiment's name", &plan.name)?;
        let options = plan.options();
        options.check()?;
        for (what, text) in [("salt", &plan.salt), ("layer", &plan.layer)] {
            if !text.is_empty() {
                check_name(what, text)?;
            }
        }
        if plan.layer_from >= plan.layer_to {
            return Err(Error::invalid(format!(
                "layer_from must be below layer_to, got {} and {}",
                plan.layer_from, plan.layer_to
            )));
        }
        let n = plan.variants.len();
        if !(2..=MAX_VARIANTS).contains(&n) {
            return Err(Error::invalid(format!(
                "an experiment has 2 to {MAX_VARIANTS} variants, got {n}"
            )));
        }
        let mut seen = HashSet::new();
        for (name, weight) in &plan.variants {
            check_name("a variant's name", name)?;
            if !(1..=MAX_WEIGHT).contains(weight) {
                return Err(Error::invalid(format!(
                    "the weight of {name} must be in 1..={MAX_WEIGHT}, got {weight}"
                )));
            }
            if !seen.insert(name) {
                return Err(Error::invalid(format!("two variants are called {name}")));
            }
        }
        Ok(Self {
            plan,
            clock: Arc::new(SystemClock),
            counts: Mutex::new(Counts::new()),
        })
    }

    /// Adds a measure. One is the goal; guardrails and watched ones are as many as one likes, up to [`MAX_MEASURES`].
    pub fn measure(mut self, name: &str, options: &MeasureOptions) -> Result<Self> {
        self.add_measure(name, options)?;
        Ok(self)
    }

    /// [`Experiment::measure`] in place.
    pub fn add_measure(&mut self, name: &str, options: &MeasureOptions) -> Result<()> {
        self.add(Measure::new(name, options)?)
    }

    fn add(&mut self, measure: Measure) -> Result<()> {
        let measures = &mut self.plan.measures;
        if measures.iter().any(|m| m.name == measure.name) {
            return Err(Error::invalid(format!(
                "two measures are called {}",
                measure.name
            )));
        }
        let goal = measures.iter().find(|m| m.has_role(Role::Goal));
        if let Some(goal) = goal.filter(|_| measure.has_role(Role::Goal)) {
            return Err(Error::invalid(format!(
                "the goal is {} already; make {} a guardrail or watched",
                goal.name, measure.name
            )));
        }
        if measures.len() >= MAX_MEASURES {
            return Err(Error::invalid(format!(
                "an experiment has at most {MAX_MEASURES} measures"
            )));
        }
        measures.push(measure);
        Ok(())
    }

    /// Sets the clock, which says when a variant was promoted.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// The variant of a user; `None` for one who is not in the experiment. Who has a variant that was stopped gets the
    /// control; once one is promoted, everybody gets that.
    pub fn assign(&self, user: &str) -> Result<Option<String>> {
        check_user(user)?;
        let mut counts = self.counts();
        if let Some(promoted) = &counts.promoted {
            return Ok(Some(promoted.variant.clone()));
        }
        let Some((hash, variant)) = self.plan.variant(user) else {
            return Ok(None);
        };
        if (counts.users.len() as u64) < self.plan.max_users {
            counts.users.insert(hash, variant as u8);
        }
        let (name, _) = &self.plan.variants[variant];
        let stopped = counts.stopped.contains_key(name);
        Ok(Some(
            self.plan.variants[if stopped { 0 } else { variant }]
                .0
                .clone(),
        ))
    }

    /// Counts a value of a user's variant. The statistics take values for independent: record one of a user and
    /// measure, such as whether a user came back, or a user's mean.
    ///
    /// Values of users who are not in the experiment, or have a variant that was stopped, and those after a promotion, are left
    /// out. Errors: `NotFound` for a measure that there is none of; `InvalidArgument` for a value that is none.
    pub fn record(&self, user: &str, measure: &str, value: f64) -> Result<()> {
        check_user(user)?;
        let measure = self.find(measure)?;
        measure.check_value(value)?;
        let Some((_, variant)) = self.plan.variant(user) else {
            return Ok(());
        };
        let mut counts = self.counts();
        let stopped = counts.stopped.contains_key(&self.plan.variants[variant].0);
        if counts.promoted.is_some() || stopped {
            return Ok(());
        }
        let values = counts
            .ledger
            .mine()
            .0
            .entry(measure.name.clone())
            .or_default();
        values.resize(self.plan.variants.len(), Sums::default());
        values[variant].add(value);
        if measure.has_role(Role::Guardrail) {
            self.guard(&mut counts, measure);
        }
        Ok(())
    }

    fn find(&self, measure: &str) -> Result<&Measure> {
        let known = &self.plan.measures;
        known.iter().find(|m| m.name == measure).ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|m| m.name.as_str()).collect();
            let message = format!(
                "no measure of this name; there are {}: add it before anything is recorded",
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                }
            );
            Error::new(ErrorKind::NotFound, message)
        })
    }

    /// Stops the variants that make a guardrail worse.
    fn guard(&self, counts: &mut Counts, measure: &Measure) {
        for found in status::comparisons(&self.plan, measure, counts) {
            if found.decision == "worse" {
                counts
                    .stopped
                    .entry(found.variant)
                    .or_insert_with(|| measure.name.clone());
            }
        }
    }

    /// How it stands. One may look as often as one likes.
    pub fn status(&self) -> Status {
        status::status(&self.plan, &self.counts())
    }

    /// Gives everybody a variant from now on. `NotFound` for one that there is none of.
    pub fn promote(&self, variant: &str) -> Result<()> {
        if !self.plan.variants.iter().any(|(name, _)| name == variant) {
            let names: Vec<&str> = self.plan.variants.iter().map(|(n, _)| n.as_str()).collect();
            let message = format!("no variant of this name; there are {}", names.join(", "));
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        let at = self.clock.now();
        self.counts().promote(Promotion {
            variant: variant.to_owned(),
            at,
        });
        Ok(())
    }

    /// Gives everybody the variant that has won, and tells which. `InvalidArgument` while none has.
    pub fn promote_winner(&self) -> Result<String> {
        let status = self.status();
        let Some(winner) = status.winner else {
            let why = match status.sample_ratio.mismatch {
                true => "users are not spread as they should be: find out what loses some of them",
                false => "go on, or name the variant that everybody is to get",
            };
            return Err(Error::invalid(format!("no variant has won yet; {why}")));
        };
        self.promote(&winner)?;
        Ok(winner)
    }

    /// Whether another experiment may have users in common with this one.
    pub fn overlaps(&self, other: &Experiment) -> bool {
        let (a, b) = (&self.plan, &other.plan);
        let apart = a.layer_to <= b.layer_from || b.layer_to <= a.layer_from;
        a.layer.is_empty() || a.layer != b.layer || !apart
    }

    /// The state as JSON: what it was made of and what was counted. It holds hashes of users, not their names.
    pub fn to_json(&self) -> Result<String> {
        let counts = self.counts();
        let mut users = vec![Vec::new(); self.plan.variants.len()];
        for (hash, variant) in &counts.users {
            if let Some(of) = users.get_mut(usize::from(*variant)) {
                of.push(*hash);
            }
        }
        users.iter_mut().for_each(|of| of.sort_unstable());
        state::write(&State {
            format: FORMAT.to_owned(),
            plan: self.plan.clone(),
            writers: counts.ledger.entries().clone(),
            users,
            stopped: counts.stopped.clone(),
            promoted: counts.promoted.clone(),
        })
    }

    /// Goes on from a state, under a number of its own: the state may also be merged elsewhere.
    pub fn from_json(json: &str) -> Result<Self> {
        let mut state: State = state::read(json, "an experiment")?;
        state::check_format(&state.format, FORMAT, state.writers.0.keys())?;
        let measures = std::mem::take(&mut state.plan.measures);
        let wrong = |e: Error| state::corrupt(e.message());
        let mut test = Self::of(state.plan.clone()).map_err(wrong)?;
        for measure in measures {
            let options = measure.options().map_err(wrong)?;
            test.add(Measure::new(&measure.name, &options).map_err(wrong)?)
                .map_err(wrong)?;
        }
        test.take(&state)?;
        Ok(test)
    }

    /// Takes in what another process has counted of the same experiment. The same state may come again, and states may come
    /// in any order. `InvalidArgument` for another experiment's.
    pub fn merge(&self, json: &str) -> Result<()> {
        let other = Self::from_json(json)?;
        if other.plan != self.plan {
            return Err(Error::invalid(format!(
                "this is the state of \"{}\" with its variants, measures and options, expected \"{}\" with the same ones",
                other.plan.name, self.plan.name
            )));
        }
        let state: State = state::read(json, "an experiment")?;
        self.take(&state)
    }

    fn take(&self, state: &State) -> Result<()> {
        let variants = &self.plan.variants;
        let known = |name: &String| variants.iter().any(|(n, _)| n == name);
        let sound = |values: &Values| {
            values.0.iter().all(|(name, sums)| {
                let measure = self.plan.measures.iter().find(|m| m.name == *name);
                sums.len() == variants.len()
                    && measure.is_some_and(|m| sums.iter().all(|s| m.is_sound(s)))
            })
        };
        let promoted = state.promoted.as_ref();
        let fits = state.writers.0.values().all(sound)
            && state.users.len() == variants.len()
            && state.stopped.keys().all(known)
            && promoted.is_none_or(|p| known(&p.variant) && p.at.is_finite());
        if !fits {
            return Err(state::corrupt(
                "its figures do not fit its variants and measures",
            ));
        }
        let mut counts = self.counts();
        counts.ledger.merge(&state.writers);
        for (variant, users) in state.users.iter().enumerate() {
            for hash in users {
                if (counts.users.len() as u64) < self.plan.max_users {
                    counts.users.insert(*hash, variant as u8);
                }
            }
        }
        for (variant, guardrail) in &state.stopped {
            let stopped = counts.stopped.entry(variant.clone());
            stopped.or_insert_with(|| guardrail.clone());
        }
        if let Some(promoted) = promoted {
            counts.promote(promoted.clone());
        }
        for measure in self
            .plan
            .measures
            .iter()
            .filter(|m| m.has_role(Role::Guardrail))
        {
            self.guard(&mut counts, measure);
        }
        Ok(())
    }
}

fn check_user(user: &str) -> Result<()> {
    match user.is_empty() {
        false => Ok(()),
        true => Err(Error::invalid(
            "a user's name is empty; leave those without one out of the experiment",
        )),
    }
}
