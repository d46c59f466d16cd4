//! A router: beliefs about what each route costs and earns, and a choice on their front.
//!
//! Outcomes of many routes for the same queries (`fit`) become `examples`; `heads` learn from them
//! with the help of `neighbours` and `ridge`. Outcomes of what was chosen (`observe`) stay in the `log`, and
//! `residual` learns from them what the examples did not say. Both are sets that unite, and all else
//! is `learnt` from them anew, so that workers' routers can be merged in any order and any number of
//! times. `route` asks whoever is in good `health` and chooses; `why` tells how it came to that.

mod choice;
mod examples;
mod heads;
mod health;
mod learnt;
mod log;
mod neighbours;
mod query;
mod request;
mod residual;
mod ridge;
mod route;
mod saved;
#[cfg(test)]
mod tests;
mod why;

pub use examples::MAX_EXAMPLES;
pub use health::{MAX_RATE, RouteHealth};
pub use log::{PROPENSITY_DRAWS, RouteLogEntry};
pub use request::{Decision, RouteOptions, RoutePolicy, RouteSettings, RouteTrade};
pub use why::{Considered, Spoken, Standing, Why};

use crate::Rng;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::matrix::Rows;
use crate::retrieval::dense::MAX_DIM;
use examples::{Cell, Columns, Examples, Join};
use health::{Backoff, Health, MAX_LATENCY};
use learnt::Learnt;
use log::Made;
use query::Query;
use std::collections::BTreeMap;

/// The objectives of a router that is not told otherwise.
pub const DEFAULT_OBJECTIVES: [&str; 3] = ["cost", "quality", "diversity"];
/// The one objective of which less is better.
pub const COST: &str = "cost";
/// The objective that a cascade looks at.
pub const QUALITY: &str = "quality";
/// The most routes that one router holds.
pub const MAX_ROUTES: usize = 10_000;
/// Decisions whose outcomes are waited for; past this the oldest are forgotten.
pub const MAX_OUTSTANDING: usize = 100_000;
/// Outcomes and priors may have this size.
pub const MAX_OUTCOME: f64 = 1e12;
const MAX_ROUTER_OBJECTIVES: usize = 16;
/// So many observed decisions, and this part of what was learnt from before, become examples together.
const LESSON: usize = 32;
const LESSON_SHARE: usize = 4;
const MAX_NAME: usize = 256;

/// What was observed: route -> objective -> one number for each query, NaN where not observed.
pub type Outcomes = BTreeMap<String, BTreeMap<String, Vec<f64>>>;

crate::options! {
    /// How a router remembers and how it waits for routes that fail.
    RouterOptions {
        /// Observed decisions that are kept and learnt from; past this the oldest are forgotten.
        log_size: usize = 10_000, in 1..=1_000_000;
        /// Seconds until a route that failed once is tried again; doubled with every further failure.
        first_backoff_s: f64 = 1.0, in 0.001..=86_400.0;
        /// The longest of these waits, in seconds.
        longest_backoff_s: f64 = 300.0, in 0.001..=86_400.0;
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Route {
    priors: BTreeMap<String, f64>,
    health: Health,
}

/// The place of a decision in the log: by time, then by who made it.
type LogKey = (u64, u64, u64);

/// The key of a decision; times are not negative, so their bits ascend with them.
fn log_key(id: u64, made: &Made) -> LogKey {
    (made.at.to_bits(), made.seed, id)
}

/// Chooses between routes (models, prompts, providers) by what is believed about them.
///
/// Less of the objective `"cost"` is better, more of every other. A route that nothing is known
/// of in some objective, neither prior nor outcome, is taken for the average of the others there;
/// an objective that nothing is known of for any route is left out. The cost must be known.
///
/// A middle route that lies in a dent of the front, which no weighted sum would choose:
///
/// ```
/// use rag_core::routing::{RouteOptions, Router};
/// let mut router = Router::new(&["cost", "quality"], 0)?;
/// router.add("small", &[("cost", 1.0), ("quality", 0.5)])?;
/// router.add("middle", &[("cost", 4.0), ("quality", 0.68)])?;
/// router.add("large", &[("cost", 9.0), ("quality", 0.9)])?;
/// let even = RouteOptions::default();
/// assert_eq!(router.route(None, &even)?.name, "middle");
/// assert_eq!(router.route(None, &even.clone().prefer("quality", 1.0))?.name, "large");
/// assert_eq!(router.route(None, &even.clone().budget(2.0))?.name, "small");
/// let nothing = router.route(None, &even.budget(0.5)).unwrap_err();
/// assert!(nothing.message().contains("small"));
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Router {
    objectives: Vec<String>,
    seed: u64,
    rng: [u64; 4],
    dim: Option<usize>,
    next: u64,
    log_size: usize,
    waits: (f64, f64),
    routes: BTreeMap<String, Route>,
    examples: Examples,
    /// Decisions of which nothing was observed yet.
    pending: BTreeMap<u64, Made>,
    /// Decisions of which something was.
    log: BTreeMap<LogKey, Made>,
    /// Those in the log that were made here and wait for more.
    open: BTreeMap<u64, LogKey>,
    /// Decisions observed since examples were last made of the log.
    fresh: usize,
    learnt: Learnt,
}

impl Router {
    /// A router without routes. `objectives` are 1 to 16 different names; `seed` decides the
    /// draws of `explore` and tells workers apart.
    pub fn new(objectives: &[&str], seed: u64) -> Result<Self> {
        Self::with_options(objectives, seed, &RouterOptions::default())
    }

    /// As [`Router::new`], with options.
    pub fn with_options(objectives: &[&str], seed: u64, options: &RouterOptions) -> Result<Self> {
        options.check()?;
        if objectives.is_empty() || objectives.len() > MAX_ROUTER_OBJECTIVES {
            return Err(Error::invalid(format!(
                "a router has 1 to {MAX_ROUTER_OBJECTIVES} objectives, got {}",
                objectives.len()
            )));
        }
        for (i, name) in objectives.iter().enumerate() {
            check_name("objective", name)?;
            if objectives[..i].contains(name) {
                return Err(Error::invalid(format!(
                    "the objective \"{name}\" is given twice"
                )));
            }
        }
        Ok(Self {
            objectives: objectives.iter().map(|o| (*o).to_owned()).collect(),
            seed,
            rng: Rng::new(seed).state(),
            dim: None,
            next: 0,
            log_size: options.log_size,
            waits: (options.first_backoff_s, options.longest_backoff_s),
            routes: BTreeMap::new(),
            examples: Examples::default(),
            pending: BTreeMap::new(),
            log: BTreeMap::new(),
            open: BTreeMap::new(),
            fresh: 0,
            learnt: Learnt::default(),
        })
    }

    /// Starts the draws anew. Workers that begin with copies of one router each need a seed of
    /// their own: it also tells their decisions apart when they are merged.
    pub fn reseed(&mut self, seed: u64) {
        self.seed = seed;
        self.rng = Rng::new(seed).state();
        self.open.clear();
    }

    /// Adds a route with prior means of its outcomes. Where there is an objective `"cost"`, a
    /// prior of it is required. `AlreadyExists` if the name is taken.
    pub fn add(&mut self, name: &str, priors: &[(&str, f64)]) -> Result<()> {
        if self.routes.contains_key(name) {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("a route is already called \"{name}\"; remove it first"),
            ));
        }
        self.check_room(name)?;
        let mut route = Route::default();
        for (objective, value) in priors {
            self.check_outcome(objective, *value)?;
            if route
                .priors
                .insert((*objective).to_owned(), *value)
                .is_some()
            {
                return Err(Error::invalid(format!(
                    "the prior of {objective} is given twice"
                )));
            }
        }
        if self.objectives.iter().any(|o| o == COST) && !route.priors.contains_key(COST) {
            return Err(Error::invalid(format!(
                "the route \"{name}\" needs a prior of its cost"
            )));
        }
        self.routes.insert(name.to_owned(), route);
        self.make_slots(name);
        Ok(())
    }

    /// Forgets a route and what was learnt about it.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        if self.routes.remove(name).is_none() {
            return Err(self.unknown(name));
        }
        self.pending.retain(|_, made| made.name != name);
        self.log.retain(|_, made| made.name != name);
        self.open.retain(|_, key| self.log.contains_key(key));
        self.examples.remove(name);
        self.relearn();
        Ok(())
    }

    /// The routes in alphabetical order.
    pub fn names(&self) -> Vec<&str> {
        self.routes.keys().map(String::as_str).collect()
    }

    /// The objectives as given.
    pub fn objectives(&self) -> &[String] {
        &self.objectives
    }

    /// Learns from outcomes of `queries`; all or nothing. Routes not added before come into being
    /// if there is an outcome for their cost.
    ///
    /// At most [`MAX_EXAMPLES`] different queries are kept, an even sample of all. A query that comes
    /// again adds to what is known of it.
    pub fn fit(&mut self, queries: Rows<'_>, outcomes: &Outcomes) -> Result<()> {
        queries.check_finite()?;
        self.check_dim(queries.dim())?;
        let mut columns = Columns::new();
        let mut fresh: Vec<&String> = Vec::new();
        for (name, by_objective) in outcomes {
            self.check_room(name)?;
            let mut cost_seen = false;
            let column = columns.entry(name.clone()).or_default();
            for (objective, values) in by_objective {
                if values.len() != queries.len() {
                    return Err(Error::invalid(format!(
                        "\"{name}\" has {} outcomes of {objective} for {} queries",
                        values.len(),
                        queries.len()
                    )));
                }
                self.check_outcome(objective, 0.0)?;
                let mut cells = Vec::with_capacity(values.len());
                for value in values {
                    if value.is_nan() {
                        cells.push(Cell::default());
                        continue;
                    }
                    self.check_outcome(objective, *value)?;
                    cost_seen |= objective == COST;
                    let (mean, count) = (*value, 1);
                    cells.push(Cell { mean, count });
                }
                column.insert(objective.clone(), cells);
            }
            let known = |r: &Route| r.priors.contains_key(COST) || self.cost_learnt(name);
            let cost_known = cost_seen || self.routes.get(name).is_some_and(known);
            if self.objectives.iter().any(|o| o == COST) && !cost_known {
                return Err(Error::invalid(format!(
                    "nothing is known about the cost of \"{name}\"; add it with a prior, or give outcomes"
                )));
            }
            if !self.routes.contains_key(name) {
                fresh.push(name);
            }
        }
        if self.routes.len() + fresh.len() > MAX_ROUTES {
            return Err(too_many());
        }
        for name in fresh {
            self.routes.insert(name.clone(), Route::default());
        }
        self.dim = Some(queries.dim());
        let queries: Vec<Query> = queries.iter().map(Query::new).collect();
        self.examples
            .unite(&Examples::of(queries, columns), Join::Add);
        self.relearn();
        Ok(())
    }

    /// Tells outcomes of a decision, all at once or one after another, each objective once. An
    /// answer also heals a route that failed before the decision was made.
    ///
    /// `NotFound` for an unknown decision, one fully observed, one whose route was removed, or
    /// one older than the [`MAX_OUTSTANDING`] kept.
    pub fn observe(&mut self, id: u64, outcomes: &[(&str, f64)]) -> Result<()> {
        self.answered(id, outcomes, None)
    }

    /// As [`Router::observe`], with the seconds that the answer took.
    pub fn answered(
        &mut self,
        id: u64,
        outcomes: &[(&str, f64)],
        latency_s: Option<f64>,
    ) -> Result<()> {
        let made = self.waiting(id)?;
        for (i, (objective, value)) in outcomes.iter().enumerate() {
            self.check_outcome(objective, *value)?;
            let again = outcomes[..i].iter().any(|(o, _)| o == objective);
            if again || made.outcomes.contains_key(*objective) {
                return Err(Error::invalid(format!(
                    "the {objective} of decision {id} was already observed"
                )));
            }
        }
        if let Some(latency) = latency_s.filter(|l| !(0.0..=MAX_LATENCY).contains(l)) {
            return Err(Error::invalid(format!(
                "latency_s must be in 0..={MAX_LATENCY}, got {latency}"
            )));
        }
        let route = self.routes.get_mut(&made.name.clone());
        if let Some(route) = route {
            route.health.answered(id, latency_s);
        }
        if outcomes.is_empty() {
            return Ok(());
        }
        let mut made = match self.pending.remove(&id) {
            Some(mut made) => {
                let (p, error) = made.propensity.value(made.seed, id);
                made.propensity = log::Propensity::Known(p, error);
                made
            }
            None => {
                let key = self
                    .open
                    .remove(&id)
                    .expect("what waits is pending or open");
                self.log.remove(&key).expect("what is open is in the log")
            }
        };
        let z = self.learnt.features(&made.query);
        for (objective, value) in outcomes {
            made.outcomes.insert((*objective).to_owned(), *value);
            let o = self.objectives.iter().position(|x| x == objective);
            self.learnt
                .record(&made, o.expect("checked above"), *value, &z);
        }
        let key = log_key(id, &made);
        if made.outcomes.len() < self.objectives.len() {
            self.open.insert(id, key);
        }
        let first = made.outcomes.len() == outcomes.len();
        self.log.insert(key, made);
        self.fresh += usize::from(first);
        // Forgotten by the lot, since what was learnt from them is unlearnt by learning anew. And learnt by
        // the lot, when there is enough that is new for it to be worth the time.
        let full = self.log.len() > self.log_size + self.log_size / 4;
        let old = self.examples.len() + self.log.len().saturating_sub(self.fresh);
        if full || self.fresh >= LESSON.max(old / LESSON_SHARE) {
            self.trim_log();
            self.log.values_mut().for_each(|made| made.learnt = true);
            self.relearn();
        }
        Ok(())
    }

    /// Tells that the route of a decision failed to answer: it is left out, and tried again after a
    /// wait that doubles with each failure in a row. The decision is forgotten.
    ///
    /// `at` is when, in seconds since 1970; `None` is now. `NotFound` as for [`Router::observe`].
    ///
    /// ```
    /// use rag_core::routing::{RouteOptions, Router};
    /// let mut router = Router::new(&["cost"], 0)?;
    /// router.add("a", &[("cost", 1.0)])?;
    /// router.add("b", &[("cost", 2.0)])?;
    /// let options = RouteOptions::default();
    /// let first = router.route(None, &options.clone().at(100.0))?;
    /// router.fail(first.id, Some(100.0))?;
    /// assert_eq!(router.route(None, &options.clone().at(100.5))?.name, "b");
    /// assert_eq!(router.route(None, &options.clone().at(101.0))?.name, "a"); // the probe
    /// assert_eq!(router.route(None, &options.at(101.5))?.name, "b"); // not answered yet
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn fail(&mut self, id: u64, at: Option<f64>) -> Result<()> {
        let at = at.unwrap_or_else(|| SystemClock.now());
        if !(0.0..=1e12).contains(&at) {
            return Err(Error::invalid(format!(
                "at must be seconds since 1970 in 0..=1e12, got {at}"
            )));
        }
        let name = self.waiting(id)?.name.clone();
        let (next, backoff) = (self.next, self.backoff());
        if let Some(route) = self.routes.get_mut(&name) {
            route.health.failed(at, id, next, backoff);
        }
        self.pending.remove(&id);
        Ok(())
    }

    /// Bounds the decisions for a route within a minute; `None` lifts the bound. At its limit a route
    /// is left out until the oldest of them is a minute old.
    pub fn limit(&mut self, name: &str, per_minute: Option<u64>) -> Result<()> {
        match self.routes.get_mut(name) {
            Some(route) => route.health.limit(per_minute),
            None => Err(self.unknown(name)),
        }
    }

    /// Failures, limit and latency of a route.
    pub fn health(&self, name: &str) -> Result<RouteHealth> {
        let route = self.routes.get(name).ok_or_else(|| self.unknown(name))?;
        Ok(route.health.told())
    }

    /// The decisions of which something was observed, by time: what is learnt from, and what another
    /// policy can be judged by.
    pub fn log(&self) -> Vec<RouteLogEntry> {
        let kept = self.log.len().saturating_sub(self.log_size);
        let entries = self.log.iter().skip(kept);
        entries.map(|((_, _, id), made)| made.entry(*id)).collect()
    }

    /// The probability with which the route of a decision was chosen, and the standard error of that;
    /// see [`RouteLogEntry::propensity`].
    pub fn propensity(&self, id: u64) -> Result<(f64, f64)> {
        Ok(self.waiting(id)?.propensity.value(self.seed, id))
    }

    /// Adds what `other` has learnt, in any order and any number of times; decisions that wait stay where they were made, and
    /// so does the health of routes.
    ///
    /// Examples of the same query are taken from whoever saw more of it. Objectives, dimension and the priors of common routes must
    /// be the same. Workers that observe need seeds of their own, see [`Router::reseed`].
    pub fn merge(&mut self, other: &Router) -> Result<()> {
        if self.objectives != other.objectives {
            return Err(Error::invalid(
                "the two routers have different objectives; only alike ones can be merged",
            ));
        }
        if let Some(theirs) = other.dim {
            self.check_dim(theirs)?;
        }
        let mut routes = self.routes.clone();
        for (name, theirs) in &other.routes {
            let ours = routes.entry(name.clone()).or_default();
            for (objective, prior) in &theirs.priors {
                if *ours.priors.entry(objective.clone()).or_insert(*prior) != *prior {
                    return Err(Error::invalid(format!(
                        "\"{name}\" has another prior of {objective} there; merge routers with the same priors"
                    )));
                }
            }
        }
        if routes.len() > MAX_ROUTES {
            return Err(too_many());
        }
        let numbers = |router: &Router| -> BTreeMap<(u64, u64), LogKey> {
            let keys = router.log.keys();
            keys.map(|key| ((key.1, key.2), *key)).collect()
        };
        let ours = numbers(self);
        for (number, key) in numbers(other) {
            let same = |k: &LogKey| self.log[k].same(&other.log[&key]);
            if !ours.get(&number).is_none_or(same) {
                return Err(Error::invalid(format!(
                    "both routers made a decision {} with the seed {}; give each worker a seed of its own",
                    number.1, number.0
                )));
            }
        }
        for (key, made) in &other.log {
            let have = self.log.entry(*key).or_insert_with(|| made.clone());
            for (objective, outcome) in &made.outcomes {
                // The same decision was observed in two places: one of the two, whoever merges.
                let kept = have.outcomes.entry(objective.clone()).or_insert(*outcome);
                *kept = kept.max(*outcome);
            }
        }
        self.routes = routes;
        self.dim = self.dim.or(other.dim);
        self.examples.unite(&other.examples, Join::Longer);
        self.trim_log();
        self.log.values_mut().for_each(|made| made.learnt = true);
        self.relearn();
        Ok(())
    }

    fn trim_log(&mut self) {
        while self.log.len() > self.log_size {
            self.log.pop_first();
        }
        let (log, objectives) = (&self.log, self.objectives.len());
        self.open
            .retain(|_, key| log.get(key).is_some_and(|m| m.outcomes.len() < objectives));
    }

    /// The decision that still waits for outcomes.
    fn waiting(&self, id: u64) -> Result<&Made> {
        let open = self.open.get(&id).and_then(|key| self.log.get(key));
        self.pending.get(&id).or(open).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("no outcome of decision {id} is waited for"),
            )
        })
    }

    fn backoff(&self) -> Backoff {
        Backoff {
            first_s: self.waits.0,
            longest_s: self.waits.1,
        }
    }

    /// Whether an example tells of the cost of a route.
    fn cost_learnt(&self, name: &str) -> bool {
        let cells = self.examples.columns.get(name).and_then(|r| r.get(COST));
        cells.is_some_and(|cells| cells.iter().any(|c| c.count > 0))
    }

    fn check_dim(&self, dim: usize) -> Result<()> {
        match self.dim {
            _ if dim == 0 => Err(Error::invalid("a query vector is empty")),
            _ if dim > MAX_DIM => Err(Error::invalid(format!(
                "a query vector has at most {MAX_DIM} numbers, got {dim}"
            ))),
            Some(want) if want != dim => Err(Error::dimension("this router", want, dim)),
            _ => Ok(()),
        }
    }

    fn check_room(&self, name: &str) -> Result<()> {
        check_name("route", name)?;
        if self.routes.len() >= MAX_ROUTES && !self.routes.contains_key(name) {
            return Err(too_many());
        }
        Ok(())
    }

    fn check_outcome(&self, objective: &str, value: f64) -> Result<()> {
        if !self.objectives.iter().any(|o| o == objective) {
            return Err(Error::invalid(format!(
                "no objective is called \"{objective}\" here; there are {}",
                self.objectives.join(", ")
            )));
        }
        if value.is_nan() || value.abs() > MAX_OUTCOME {
            return Err(Error::invalid(format!(
                "{objective} must be a finite number of at most {MAX_OUTCOME} in size, got {value}"
            )));
        }
        Ok(())
    }

    fn unknown(&self, name: &str) -> Error {
        Error::new(
            ErrorKind::NotFound,
            format!("no route is called \"{name}\"; add it first"),
        )
    }
}

fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(Error::invalid(format!(
            "the name of a {what} has 1 to {MAX_NAME} bytes, got {}",
            name.len()
        )));
    }
    Ok(())
}

fn too_many() -> Error {
    Error::invalid(format!(
        "a router holds at most {MAX_ROUTES} routes and {MAX_OUTSTANDING} open decisions"
    ))
}
