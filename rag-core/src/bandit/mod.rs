//! Which value to use, learnt from what it earned: a bandit over numbers, names or grids.
//!
//! Arms on a line earn alike if they are near, so each domain's reward is a smooth curve over the
//! value (`shape`, `gauss`), and the default policy draws a curve from what is believed and takes
//! its top (Thompson, 1933; `belief`). A bank of curves forgets at different rates and weighs
//! itself, contexts move the curve, and domains share what they have in common (`domain`). What
//! was learnt adds up over workers (`history`), and what was logged answers "what would another
//! policy have earned" (`evaluate`). `waiting` holds the choices.

mod arms;
mod belief;
mod choose;
mod domain;
mod evaluate;
mod gauss;
mod history;
mod merge;
#[cfg(test)]
mod more_tests;
mod outlook;
mod part;
mod reward;
mod saved;
mod shape;
mod shared;
#[cfg(test)]
mod tests;
mod types;
mod waiting;

pub use arms::{Arms, Knob};
pub use evaluate::{Evaluation, SWITCH_THRESHOLD, ValueEstimate, WhatIf};
pub use reward::{DEFAULT_COST_LIMIT, DEFAULT_WEIGHTS, MAX_PARTS, Reward};
pub(crate) use saved::Earned;
pub use types::{
    BanditOptions, Choice, Estimate, GRID, LogEntry, MAX_ARMS, MAX_CONTEXT, MAX_DIMENSIONS,
    MAX_DOMAINS, MAX_NAMES, MAX_OUTSTANDING, MAX_REWARD, Policy,
};

use crate::error::{Error, ErrorKind, Result};
use crate::rng::{Rng, splitmix64};
use arms::{Menu, best_of};
use belief::{Belief, Normals, Scratch};
use domain::{Domain, Frame};
use history::{History, Marks};
use outlook::Room;
use part::{Part, Rates};
use shape::Shape;
use shared::Shared;
use std::collections::HashMap;
use waiting::{Boxes, Log, Logged, Made, Waiting};

const MAX_NAME: usize = 256;
const COUNTER_BITS: u32 = 40;
const COUNTER: u64 = (1 << COUNTER_BITS) - 1;
/// The side stream of propensities is the same for all bandits, so that workers agree on them.
const PROPENSITY_SEED: u64 = 0x6f64_6473;
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
/// A context, numbers of about unit size around zero, moves the best arm in proportion to each of
/// them; how much is learnt, by all domains together. All contexts of a bandit have the same
/// length. Rewards are best about 0 to 1; other scales are found out after some rewards.
///
/// Memory: a waiting or logged choice takes some 200 bytes on a line (`4 (n + n^2)` where a curve
/// has `n` coefficients), at most 64 MiB in all; past that, propensities are worked out at once.
#[derive(Debug)]
pub struct Bandit {
    arms: Arms,
    frame: Frame,
    seed: u64,
    normals: Normals,
    rng: Rng,
    /// The upper 24 bits of this bandit's choice ids, and the lower 40 of the next.
    tag: u64,
    next: u64,
    shared: Shared,
    domains: Vec<Domain>,
    index: HashMap<String, u32>,
    /// Other workers' histories, in the order of their digests.
    others: Vec<History>,
    /// By what this worker's is recognised; its sums are the domains'.
    marks: Marks,
    waiting: Waiting,
    log: Log,
    boxes: Boxes,
    scratch: Scratch,
    room: Room,
}

impl Bandit {
    /// A bandit that knows nothing yet.
    pub fn new(arms: Arms, options: &BanditOptions) -> Result<Self> {
        options.check()?;
        let share = options.exploration.unwrap_or(0.0);
        if options.policy == Policy::EpsilonGreedy && share > 1.0 {
            return Err(Error::invalid(format!(
                "exploration is a share for epsilon_greedy and must be in 0..=1, got {share}"
            )));
        }
        let menu = Menu::new(&arms)?;
        let shape = Shape::new(&menu);
        let seed = options.seed.unwrap_or_else(Rng::seed_from_system);
        let normals = Normals::new(options.propensity_draws, shape.size, PROPENSITY_SEED);
        let shared = Shared::new(shape.axes, 0);
        let mut bandit = Self {
            arms,
            frame: Frame {
                menu,
                shape,
                options: options.clone(),
                rates: Rates::new(options),
            },
            seed,
            normals,
            rng: Rng::new(seed),
            tag: 0,
            next: 0,
            shared,
            domains: Vec::new(),
            index: HashMap::new(),
            others: Vec::new(),
            marks: Marks::default(),
            waiting: Waiting::default(),
            log: Log::default(),
            boxes: Boxes::default(),
            scratch: Scratch::default(),
            room: Room::default(),
        };
        bandit.reseed(seed);
        Ok(bandit)
    }

    /// Starts all draws and choice ids anew from `seed`: for workers that load the same file.
    /// Choices that wait can still be rewarded.
    pub fn reseed(&mut self, seed: u64) {
        self.draw_from(seed);
        self.seed = seed;
    }

    /// [`Bandit::reseed`] that leaves what is saved as it is: for one of which others read the same.
    pub(crate) fn draw_from(&mut self, seed: u64) {
        self.waiting.renumber(self.tag, &mut self.boxes);
        self.rng = Rng::new(seed);
        let mut state = seed;
        self.tag = splitmix64(&mut state) >> COUNTER_BITS << COUNTER_BITS;
        self.next = 0;
    }

    /// Sets the guess of the best arm in `domain`: a value between the arms' ends, or the index
    /// of a name.
    pub fn with_prior(mut self, domain: &str, value: f64) -> Result<Self> {
        self.set_prior(domain, value)?;
        Ok(self)
    }

    /// As [`Bandit::with_prior`], in place; what was learnt is kept.
    pub fn set_prior(&mut self, domain: &str, value: f64) -> Result<()> {
        self.set_prior_point(domain, &[value])
    }

    /// As [`Bandit::set_prior`], with one value for each dimension of a grid.
    pub fn set_prior_point(&mut self, domain: &str, values: &[f64]) -> Result<()> {
        self.frame.menu.check_guess(domain, values)?;
        let at = self.enter(domain)?;
        let guess = Some(values.to_vec());
        self.domains[at].set_guess(guess, &self.frame, &self.shared);
        Ok(())
    }

    /// The place of a domain, which comes into being when it is first named.
    fn enter(&mut self, domain: &str) -> Result<usize> {
        if let Some(at) = self.index.get(domain) {
            return Ok(*at as usize);
        }
        check_name(domain)?;
        if self.domains.len() >= MAX_DOMAINS {
            return Err(too_many_domains());
        }
        let at = self.domains.len();
        let mut made = Domain::new(domain, None, &self.frame, &mut self.shared);
        if !self.others.is_empty() {
            made.mine = Some(self.empty_part());
        }
        self.domains.push(made);
        self.index.insert(domain.to_owned(), at as u32);
        Ok(at)
    }

    fn empty_part(&self) -> Part {
        let size = self.frame.size(self.shared.features);
        let members = self.frame.rates.block.len();
        Part::new(members, self.frame.menu.count, size, self.shared.features)
    }

    fn check_context(&self, context: Option<&[f64]>) -> Result<()> {
        check_context(context)?;
        let Some(context) = context else {
            return Ok(());
        };
        let (got, features) = (context.len(), self.shared.features);
        if features > 0 && got != features {
            return Err(Error::invalid(format!(
                "the contexts of this bandit have {features} numbers, got {got}; give all of them the same length, or none"
            )));
        }
        let size = self.frame.size(got);
        if size > 512 {
            return Err(Error::invalid(format!(
                "{} names with {got} numbers of context make {size} coefficients to learn, at most 512; give fewer numbers",
                self.frame.menu.count
            )));
        }
        Ok(())
    }

    /// Contexts come to have features.
    fn widen(&mut self, features: usize) {
        if self.shared.features == features {
            return;
        }
        let (variance, unit, level) = (self.shared.variance, self.shared.unit, self.shared.level);
        self.shared = Shared::new(self.frame.shape.axes, features);
        (self.shared.variance, self.shared.unit, self.shared.level) = (variance, unit, level);
        let size = self.frame.size(features);
        for domain in &mut self.domains {
            domain.unsay();
            domain.widen(&self.frame, &self.shared);
        }
        for part in self.others.iter_mut().flat_map(|h| h.parts.values_mut()) {
            part.widen(size, features);
        }
        self.waiting.widen(features);
        self.log.widen(features);
        if self.domains.iter().any(|d| d.total.seen > 0) {
            self.refit();
        }
    }

    /// Chooses an arm for `domain`, which comes into being when it is first named.
    pub fn choose(&mut self, domain: &str, context: Option<&[f64]>) -> Result<Choice> {
        self.check_context(context)?;
        let at = self.enter(domain)?;
        if let Some(x) = context.filter(|x| !x.is_empty()) {
            self.widen(x.len());
        }
        let context = context.filter(|x| !x.is_empty());
        Ok(self.choose_at(at, context))
    }

    /// Chooses for each of many, a domain and perhaps a context each: all of them or, if one is
    /// refused, none.
    pub fn choose_many(&mut self, queries: &[(&str, Option<&[f64]>)]) -> Result<Vec<Choice>> {
        self.check_many(queries)?;
        queries.iter().map(|(d, x)| self.choose(d, *x)).collect()
    }

    /// Whether all of these can be chosen for.
    pub(crate) fn check_many(&self, queries: &[(&str, Option<&[f64]>)]) -> Result<()> {
        if queries.len() > MAX_OUTSTANDING {
            return Err(Error::invalid(format!(
                "at most {MAX_OUTSTANDING} choices at once, since no more can wait for their rewards, got {}",
                queries.len()
            )));
        }
        let mut features = self.shared.features;
        let mut fresh: Vec<&str> = Vec::new();
        for (i, (domain, context)) in queries.iter().enumerate() {
            let name = check_name(domain);
            let found = name.and_then(|()| self.check_context(*context));
            found.map_err(|e| e.context(format!("choice {i}")))?;
            if !self.index.contains_key(*domain) {
                fresh.push(domain);
            }
            let got = context.map_or(0, <[f64]>::len);
            if got > 0 && features > 0 && got != features {
                return Err(Error::invalid(format!(
                    "choice {i}: a context of {got} numbers after one of {features}; give all of them the same length, or none"
                )));
            }
            features = features.max(got);
        }
        fresh.sort_unstable();
        fresh.dedup();
        if self.domains.len() + fresh.len() > MAX_DOMAINS {
            return Err(too_many_domains());
        }
        Ok(())
    }

    /// Tells what the choice `id` earned: a finite number, about 0 to 1, at most [`MAX_REWARD`] in
    /// size. Late and out of order is fine.
    ///
    /// An id that this bandit never gave is `NotFound`. One that was already rewarded, or that
    /// [`MAX_OUTSTANDING`] later choices have pushed out, is `InvalidArgument`.
    pub fn reward(&mut self, id: u64, reward: f64) -> Result<()> {
        check_reward(reward)?;
        let mut context = std::mem::take(&mut self.scratch.curve);
        let taken = self.take(id, &mut context);
        let done = taken.map(|made| self.pay(id, made, &context, reward, None));
        self.scratch.curve = context;
        done
    }

    /// Tells what many choices earned: all of them or, if one is refused, none.
    pub fn reward_many(&mut self, rewards: &[(u64, f64)]) -> Result<()> {
        self.check_reward_many(rewards)?;
        rewards.iter().try_for_each(|(id, r)| self.reward(*id, *r))
    }

    /// Whether [`Bandit::reward_many`] would take them.
    pub(crate) fn check_reward_many(&self, rewards: &[(u64, f64)]) -> Result<()> {
        let mut ids: Vec<u64> = rewards.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        if let Some(twice) = ids.windows(2).find(|w| w[0] == w[1]) {
            return Err(Error::invalid(format!(
                "choice {} is in the batch twice; reward each choice once",
                twice[0]
            )));
        }
        for (i, (id, reward)) in rewards.iter().enumerate() {
            let found = check_reward(*reward).and_then(|()| self.find(*id).map(|_| ()));
            found.map_err(|e| e.context(format!("reward {i}")))?;
        }
        Ok(())
    }

    /// Tells what every arm of the choice `id` would have earned, in their order, where that is
    /// known: with judged relevance each weight's ranking can be worked out.
    ///
    /// The arms of one choice share its luck and neighbours earn alike, so all of them together
    /// count as one reward for the level and at most three for the curve's form. The log keeps
    /// what the arm that was chosen earned.
    pub fn reward_all(&mut self, id: u64, rewards: &[f64]) -> Result<()> {
        self.check_rewards(rewards)?;
        rewards.iter().try_for_each(|r| check_reward(*r))?;
        let mut context = Vec::new();
        let made = self.take(id, &mut context)?;
        let reward = rewards[made.arm as usize];
        self.pay(id, made, &context, reward, Some(rewards));
        Ok(())
    }

    fn check_rewards<'r>(&self, rewards: &'r [f64]) -> Result<&'r [f64]> {
        let arms = self.frame.menu.count;
        if rewards.len() != arms {
            return Err(Error::invalid(format!(
                "a reward for each of {arms} arms is needed, got {}",
                rewards.len()
            )));
        }
        Ok(rewards)
    }

    /// A choice that waits, with its context.
    fn waiting_choice(&self, id: u64) -> Result<(&Made, Vec<f64>)> {
        let made = self.find(id)?;
        let context = match id & !COUNTER == self.tag {
            true => self.waiting.context(id & COUNTER),
            false => None,
        };
        let context = context.or_else(|| self.waiting.context_elsewhere(id));
        let mut context = context.unwrap_or_default();
        context.resize(self.shared.features, 0.0);
        Ok((made, context))
    }

    fn find(&self, id: u64) -> Result<&Made> {
        let found = match id & !COUNTER == self.tag {
            true => self.waiting.get(id & COUNTER),
            false => None,
        };
        found
            .or_else(|| self.waiting.get_elsewhere(id))
            .ok_or_else(|| self.missing(id))
    }

    fn take(&mut self, id: u64, context: &mut Vec<f64>) -> Result<Made> {
        let found = match id & !COUNTER == self.tag {
            true => self.waiting.take(id & COUNTER, context),
            false => None,
        };
        match found {
            Some(made) => Ok(made),
            None => match self.waiting.take_elsewhere(id, context) {
                Some(made) => Ok(made),
                None => Err(self.missing(id)),
            },
        }
    }

    fn missing(&self, id: u64) -> Error {
        if id & !COUNTER == self.tag && id & COUNTER < self.next {
            return Error::invalid(format!(
                "choice {id} was already rewarded, or forgotten after {MAX_OUTSTANDING} later choices"
            ));
        }
        Error::new(
            ErrorKind::NotFound,
            format!("choice {id} was not made by this bandit, or was already rewarded"),
        )
    }

    fn pay(&mut self, id: u64, made: Made, context: &[f64], reward: f64, all: Option<&[f64]>) {
        let Self {
            frame,
            shared,
            room,
            ..
        } = self;
        let arm = made.arm as usize;
        let domain = &mut self.domains[made.domain as usize];
        let given = made.has_context.then_some(context);
        let (gave_up, ended) = match all {
            None => domain.learn(frame, shared, room, (arm, given, reward)),
            Some(all) => domain.learn_all(frame, shared, room, (arm, given, all)),
        };
        let words = [
            id,
            history::hash(&domain.name),
            u64::from(made.arm),
            reward.to_bits(),
        ];
        self.marks.note(words);
        for history in &mut self.others {
            if let Some(part) = history.parts.get_mut(&domain.name) {
                part.age += u64::from(ended);
                if gave_up {
                    part.give_up();
                }
            }
        }
        let logged = Logged { id, made, reward };
        let most = frame.options.log_size;
        self.log.push(logged, context, most, &mut self.boxes);
    }

    /// The arm with the highest expected reward in `domain`, as its value (for names and grids its
    /// index); of equals the first.
    ///
    /// `NotFound` for a domain that has neither a prior nor a choice.
    pub fn best(&self, domain: &str) -> Result<f64> {
        self.best_in(domain, None)
    }

    /// As [`Bandit::best`], in a context.
    pub fn best_in(&self, domain: &str, context: Option<&[f64]>) -> Result<f64> {
        let found = self.estimates_in(domain, context)?;
        let best = best_of(found.len(), |k| found[k].mean);
        Ok(found[best].value)
    }

    /// The domains with a prior or a choice, in alphabetical order.
    pub fn domains(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.domains.iter().map(|d| d.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// What is believed about each arm, in their order; for a range, about each grid point.
    pub fn estimates(&self, domain: &str) -> Result<Vec<Estimate>> {
        self.estimates_in(domain, None)
    }

    /// As [`Bandit::estimates`], in a context.
    pub fn estimates_in(&self, domain: &str, context: Option<&[f64]>) -> Result<Vec<Estimate>> {
        self.check_context(context)?;
        let domain = self.domain(domain)?;
        let mut room = Room::default();
        let features = self.shared.features;
        let estimate = |k: usize| {
            let (mean, sd) = domain.estimate(&self.frame, features, &mut room, k, context);
            Estimate {
                value: self.frame.menu.number(k),
                mean,
                sd,
                count: domain.total.count[k],
            }
        };
        Ok((0..self.frame.menu.count).map(estimate).collect())
    }

    /// The rewarded choices, oldest first, at most `log_size` of them. Their propensities are
    /// worked out here.
    pub fn log(&self) -> Vec<LogEntry> {
        let entry = |(logged, context): (&Logged, Option<Vec<f64>>)| LogEntry {
            domain: self.domains[logged.made.domain as usize].name.clone(),
            context,
            arm: self.frame.menu.number(logged.made.arm as usize),
            reward: logged.reward,
            propensity: self.odds(&logged.made),
        };
        self.log.all().map(entry).collect()
    }

    /// The arms as given.
    pub fn arms(&self) -> &Arms {
        &self.arms
    }

    /// The arms as numbers, in order: their values, or for names and grids their indices.
    pub fn values(&self) -> Vec<f64> {
        let menu = &self.frame.menu;
        (0..menu.count).map(|k| menu.number(k)).collect()
    }

    /// The values of an arm, one for each dimension; none for a name.
    pub fn arm_values(&self, arm: usize) -> Result<Vec<f64>> {
        self.check_arm(arm)?;
        Ok(self.frame.menu.values(arm))
    }

    /// The name of an arm, where arms are names.
    pub fn arm_name(&self, arm: usize) -> Result<&str> {
        self.check_arm(arm)?;
        let name = self.frame.menu.names.get(arm).map(String::as_str);
        name.ok_or_else(|| Error::invalid("the arms of this bandit have values, not names"))
    }

    /// The names of a grid's dimensions, in order.
    pub fn dimensions(&self) -> Vec<&str> {
        let axes = self.frame.menu.axes.iter().map(|a| a.name.as_str());
        axes.filter(|name| !name.is_empty()).collect()
    }

    /// The arm nearest to one value for each dimension.
    pub fn arm_at(&self, values: &[f64]) -> Result<usize> {
        self.frame.menu.arm_at(values)
    }

    /// The arm of a name.
    pub fn arm_named(&self, name: &str) -> Result<usize> {
        let names = &self.frame.menu.names;
        names.iter().position(|n| n == name).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!(
                    "no arm is called \"{name}\" here; there are {}",
                    names.join(", ")
                ),
            )
        })
    }

    fn check_arm(&self, arm: usize) -> Result<()> {
        let count = self.frame.menu.count;
        if arm < count {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "an arm is its index here, a whole number below {count}, got {arm}"
        )))
    }

    /// Choices that still wait for their reward.
    pub fn outstanding(&self) -> usize {
        self.waiting.len()
    }

    fn domain(&self, name: &str) -> Result<&Domain> {
        let at = self.index.get(name).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("no domain is called \"{name}\"; give it a prior or choose in it first"),
            )
        })?;
        Ok(&self.domains[*at as usize])
    }
}

fn check_name(domain: &str) -> Result<()> {
    if (1..=MAX_NAME).contains(&domain.len()) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the name of a domain has 1 to {MAX_NAME} bytes, got {}",
        domain.len()
    )))
}

fn check_reward(reward: f64) -> Result<()> {
    if reward.is_nan() || reward.abs() > MAX_REWARD {
        return Err(Error::invalid(format!(
            "a reward must be a finite number of at most {MAX_REWARD} in size, best in 0..=1, got {reward}"
        )));
    }
    Ok(())
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
    match context.iter().find(|x| x.is_nan() || x.abs() > MAX_REWARD) {
        None => Ok(()),
        Some(bad) => Err(Error::invalid(format!(
            "a context must be finite numbers of at most {MAX_REWARD} in size, got {bad}"
        ))),
    }
}
