//! A router: beliefs about what each route costs and earns, and a choice on their front.

use super::choice::choose;
use super::head::{Belief, Features, Sums, belief, features, no_query};
use super::pareto_front;
use super::request::{Decision, RouteOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::matrix::Rows;
use crate::{Rng, file};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The objectives of a router that is not told otherwise.
pub const DEFAULT_OBJECTIVES: [&str; 3] = ["cost", "quality", "diversity"];
/// The one objective of which less is better.
pub const COST: &str = "cost";
/// The most routes that one router holds.
pub const MAX_ROUTES: usize = 10_000;
/// Decisions whose outcomes are waited for; past this the oldest are forgotten.
pub const MAX_OUTSTANDING: usize = 100_000;
/// Outcomes and priors may have this size.
pub const MAX_OUTCOME: f64 = 1e12;
const MAX_ROUTER_OBJECTIVES: usize = 16;
const MAX_NAME: usize = 256;
const KIND: &str = "router";
const VERSION: u32 = 1;
const MAX_BYTES: u64 = 1 << 30;

/// What was observed: route -> objective -> one number for each query, NaN where not observed.
pub type Outcomes = BTreeMap<String, BTreeMap<String, Vec<f64>>>;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    priors: BTreeMap<String, f64>,
    sums: BTreeMap<String, Sums>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pending {
    name: String,
    features: Features,
    observed: Vec<String>,
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Router {
    objectives: Vec<String>,
    seed: u64,
    rng: [u64; 4],
    dim: Option<usize>,
    next: u64,
    routes: BTreeMap<String, Route>,
    pending: BTreeMap<u64, Pending>,
}

impl Router {
    /// A router without routes. `objectives` are 1 to 16 different names; `seed` decides the
    /// projection of long vectors and the draws of `explore`.
    pub fn new(objectives: &[&str], seed: u64) -> Result<Self> {
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
            routes: BTreeMap::new(),
            pending: BTreeMap::new(),
        })
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
        Ok(())
    }

    /// Forgets a route and what was learnt about it.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        if self.routes.remove(name).is_none() {
            return Err(self.unknown(name));
        }
        self.pending.retain(|_, p| p.name != name);
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
    pub fn fit(&mut self, queries: Rows<'_>, outcomes: &Outcomes) -> Result<()> {
        queries.check_finite()?;
        self.check_dim(queries.dim())?;
        let mut learnt = self.routes.clone();
        let z: Vec<Features> = queries.iter().map(|q| features(q, self.seed)).collect();
        for (name, by_objective) in outcomes {
            self.check_room(name)?;
            let route = learnt.entry(name.clone()).or_default();
            for (objective, values) in by_objective {
                if values.len() != queries.len() {
                    return Err(Error::invalid(format!(
                        "\"{name}\" has {} outcomes of {objective} for {} queries",
                        values.len(),
                        queries.len()
                    )));
                }
                let sums = route.sums.entry(objective.clone()).or_default();
                for (z, value) in z.iter().zip(values) {
                    if value.is_nan() {
                        self.check_outcome(objective, 0.0)?;
                        continue;
                    }
                    self.check_outcome(objective, *value)?;
                    sums.record(z, *value);
                }
            }
            let cost_known = route.priors.contains_key(COST)
                || route.sums.get(COST).is_some_and(|s| s.count() > 0.0);
            if self.objectives.iter().any(|o| o == COST) && !cost_known {
                return Err(Error::invalid(format!(
                    "nothing is known about the cost of \"{name}\"; add it with a prior, or give outcomes"
                )));
            }
        }
        if learnt.len() > MAX_ROUTES {
            return Err(too_many());
        }
        self.routes = learnt;
        self.dim = Some(queries.dim());
        Ok(())
    }

    /// Chooses a route for a query, or for no query in particular.
    ///
    /// Of the routes that are not excluded and whose expected cost is within the budget, the
    /// front is taken and, on it, the lexicographic weighted Chebyshev choice (see
    /// [`RouteOptions::preference`]): more weight on an objective never makes it worse. With
    /// `explore`, front and choice go by draws from the posterior, the budget still by the means.
    pub fn route(&mut self, vector: Option<&[f32]>, options: &RouteOptions) -> Result<Decision> {
        let z = match vector {
            Some(vector) => {
                Rows::single(vector)?.check_finite()?;
                self.check_dim(vector.len())?;
                features(vector, self.seed)
            }
            None => no_query(),
        };
        let (objectives, candidates) = self.candidates(&z, options)?;
        let weights = self.weights(&objectives, options)?;
        let affordable = self.affordable(&objectives, candidates, options)?;
        let mut rng = Rng::from_state(self.rng);
        let draw = |b: &Belief, rng: &mut Rng| match options.explore {
            true => b.mean + b.sd * rng.normal(),
            false => b.mean,
        };
        let values: Vec<Vec<f64>> = affordable
            .iter()
            .map(|(_, beliefs)| beliefs.iter().map(|b| draw(b, &mut rng)).collect())
            .collect();
        let minimize: Vec<bool> = objectives.iter().map(|o| *o == COST).collect();
        let maximize: Vec<bool> = minimize.iter().map(|m| !m).collect();
        let front = pareto_front(&values.concat(), objectives.len(), &maximize)?;
        let rows: Vec<Vec<f64>> = front.iter().map(|i| values[*i].clone()).collect();
        let (name, beliefs) = &affordable[front[choose(&rows, &minimize, &weights)]];
        let expected = objectives.iter().zip(beliefs);
        let decision = Decision {
            id: self.next,
            name: (*name).to_owned(),
            expected: expected.map(|(o, b)| ((*o).to_owned(), b.mean)).collect(),
            front: front.iter().map(|i| affordable[*i].0.to_owned()).collect(),
        };
        let pending = Pending {
            name: decision.name.clone(),
            features: z,
            observed: Vec::new(),
        };
        self.rng = rng.state();
        self.pending.insert(self.next, pending);
        self.next += 1;
        if self.pending.len() > MAX_OUTSTANDING {
            self.pending.pop_first();
        }
        if let (None, Some(vector)) = (self.dim, vector) {
            self.dim = Some(vector.len());
        }
        Ok(decision)
    }

    /// Tells outcomes of a decision, all at once or one after another, each objective once.
    ///
    /// `NotFound` for an unknown decision, one fully observed, one whose route was removed, or
    /// one older than the [`MAX_OUTSTANDING`] kept.
    pub fn observe(&mut self, id: u64, outcomes: &[(&str, f64)]) -> Result<()> {
        let Some(pending) = self.pending.get(&id) else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("no outcome of decision {id} is waited for"),
            ));
        };
        let mut told = pending.observed.clone();
        for (objective, value) in outcomes {
            self.check_outcome(objective, *value)?;
            if told.iter().any(|o| o == objective) {
                return Err(Error::invalid(format!(
                    "the {objective} of decision {id} was already observed"
                )));
            }
            told.push((*objective).to_owned());
        }
        let route = self
            .routes
            .get_mut(&pending.name)
            .expect("removing a route removes its decisions");
        for (objective, value) in outcomes {
            let sums = route.sums.entry((*objective).to_owned()).or_default();
            sums.record(&pending.features, *value);
        }
        if told.len() == self.objectives.len() {
            self.pending.remove(&id);
        } else if let Some(pending) = self.pending.get_mut(&id) {
            pending.observed = told;
        }
        Ok(())
    }

    /// Adds what `other` has learnt, in any order; decisions that wait stay where they were made.
    ///
    /// Sums are added: merge each worker's outcomes once, and let workers start from the same
    /// priors without outcomes. Objectives, seed, dimension and the priors of common routes must
    /// be the same.
    pub fn merge(&mut self, other: &Router) -> Result<()> {
        if self.objectives != other.objectives || self.seed != other.seed {
            return Err(Error::invalid(
                "the two routers have different objectives or seeds; only alike ones can be merged",
            ));
        }
        if let Some(theirs) = other.dim {
            self.check_dim(theirs)?;
        }
        let mut merged = self.routes.clone();
        for (name, theirs) in &other.routes {
            let ours = merged.entry(name.clone()).or_default();
            for (objective, prior) in &theirs.priors {
                if *ours.priors.entry(objective.clone()).or_insert(*prior) != *prior {
                    return Err(Error::invalid(format!(
                        "\"{name}\" has another prior of {objective} there; merge routers with the same priors"
                    )));
                }
            }
            for (objective, sums) in &theirs.sums {
                ours.sums.entry(objective.clone()).or_default().add(sums);
            }
        }
        if merged.len() > MAX_ROUTES {
            return Err(too_many());
        }
        self.routes = merged;
        self.dim = self.dim.or(other.dim);
        Ok(())
    }

    /// Everything as bytes: JSON with exact float64.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data with text keys")
    }

    /// The router that [`Router::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = |found: &str| {
            let message = format!("these bytes are not a saved router: {found}");
            Error::new(ErrorKind::Corrupt, message)
        };
        let router: Router = serde_json::from_slice(bytes).map_err(|e| damaged(&e.to_string()))?;
        router.validate().map_err(|e| damaged(e.message()))?;
        Ok(router)
    }

    /// Writes the router to a file: after a crash the old or the new one is there.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        file::save(path.as_ref(), KIND, VERSION, &self.to_bytes())
    }

    /// Reads what [`Router::save`] wrote.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (_, payload) = file::load(path, KIND, VERSION, MAX_BYTES)?;
        Self::from_bytes(&payload).map_err(|e| e.context(path.display()).with_file(path))
    }

    fn validate(&self) -> Result<()> {
        let names: Vec<&str> = self.objectives.iter().map(String::as_str).collect();
        Self::new(&names, self.seed)?;
        if self.routes.len() > MAX_ROUTES || self.pending.len() > MAX_OUTSTANDING {
            return Err(too_many());
        }
        let has_cost = names.contains(&COST);
        for (name, route) in &self.routes {
            check_name("route", name)?;
            for (objective, prior) in &route.priors {
                self.check_outcome(objective, *prior)?;
            }
            for (objective, sums) in &route.sums {
                self.check_outcome(objective, 0.0)?;
                sums.check()?;
            }
            let seen = route.sums.get(COST).is_some_and(|s| s.count() > 0.0);
            if has_cost && !seen && !route.priors.contains_key(COST) {
                return Err(Error::invalid("a route without a cost"));
            }
        }
        for (id, pending) in &self.pending {
            let sound = *id < self.next
                && self.next < 1 << 63
                && self.routes.contains_key(&pending.name)
                && pending.features.len() == no_query().len()
                && pending.features.iter().all(|x| x.abs() <= 1e6)
                && pending.observed.iter().all(|o| self.objectives.contains(o));
            if !sound {
                return Err(Error::invalid("a decision is out of range"));
            }
        }
        Ok(())
    }

    /// The objectives that something is known about, and the allowed routes with their beliefs.
    #[allow(clippy::type_complexity, reason = "used once")]
    fn candidates(
        &self,
        z: &Features,
        options: &RouteOptions,
    ) -> Result<(Vec<&str>, Vec<(&str, Vec<Belief>)>)> {
        if let Some(name) = options
            .exclude
            .iter()
            .find(|n| !self.routes.contains_key(*n))
        {
            return Err(self.unknown(name));
        }
        let allowed: Vec<(&str, &Route)> = self
            .routes
            .iter()
            .filter(|(name, _)| !options.exclude.contains(name))
            .map(|(name, route)| (name.as_str(), route))
            .collect();
        if allowed.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "no route is left: {} known, {} excluded; add one or exclude fewer",
                    self.routes.len(),
                    options.exclude.len()
                ),
            ));
        }
        let nothing = Sums::default();
        let mut objectives = Vec::new();
        let mut beliefs: Vec<Vec<Belief>> = vec![Vec::new(); allowed.len()];
        for objective in &self.objectives {
            let of = |route: &Route| {
                let prior = route.priors.get(objective).copied();
                belief(prior, route.sums.get(objective).unwrap_or(&nothing), z)
            };
            let known: Vec<Option<Belief>> = allowed.iter().map(|(_, r)| of(r)).collect();
            let means: Vec<f64> = known.iter().flatten().map(|b| b.mean).collect();
            if means.is_empty() {
                continue;
            }
            let average = means.iter().sum::<f64>() / means.len() as f64;
            objectives.push(objective.as_str());
            for (beliefs, known) in beliefs.iter_mut().zip(known) {
                let unknown = || belief(Some(average), &nothing, z).expect("a prior");
                beliefs.push(known.unwrap_or_else(unknown));
            }
        }
        if objectives.is_empty() {
            return Err(Error::invalid(
                "nothing is known about any route; give priors or outcomes",
            ));
        }
        let names = allowed.into_iter().map(|(name, _)| name);
        Ok((objectives, names.zip(beliefs).collect()))
    }

    fn weights(&self, objectives: &[&str], options: &RouteOptions) -> Result<Vec<f64>> {
        for (objective, weight) in &options.preference {
            self.check_outcome(objective, 0.0)?;
            if !(0.0..=MAX_OUTCOME).contains(weight) {
                return Err(Error::invalid(format!(
                    "the weight of {objective} must be in 0..={MAX_OUTCOME}, got {weight}"
                )));
            }
        }
        if options.preference.is_empty() {
            return Ok(vec![1.0; objectives.len()]);
        }
        if options.preference.values().all(|w| *w == 0.0) {
            return Err(Error::invalid(
                "every weight is 0; give one objective some weight",
            ));
        }
        let weight = |o: &&str| options.preference.get(*o).copied().unwrap_or(0.0);
        Ok(objectives.iter().map(weight).collect())
    }

    fn affordable<'a>(
        &self,
        objectives: &[&str],
        candidates: Vec<(&'a str, Vec<Belief>)>,
        options: &RouteOptions,
    ) -> Result<Vec<(&'a str, Vec<Belief>)>> {
        let Some(budget) = options.budget else {
            return Ok(candidates);
        };
        if budget.is_nan() {
            return Err(Error::invalid("the budget must be a number, got NaN"));
        }
        let Some(column) = objectives.iter().position(|o| *o == COST) else {
            return Err(Error::invalid(
                "a budget bounds the objective \"cost\", which this router does not have",
            ));
        };
        let cost = |c: &(&str, Vec<Belief>)| c.1[column].mean;
        let cheapest = candidates
            .iter()
            .min_by(|a, b| cost(a).total_cmp(&cost(b)))
            .expect("at least one candidate");
        let message = format!(
            "no route is expected to cost at most {budget}; the cheapest, \"{}\", costs {}",
            cheapest.0,
            cost(cheapest)
        );
        let within: Vec<_> = candidates
            .into_iter()
            .filter(|c| cost(c) <= budget)
            .collect();
        if within.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        Ok(within)
    }

    fn check_dim(&self, dim: usize) -> Result<()> {
        match self.dim {
            _ if dim == 0 => Err(Error::invalid("a query vector is empty")),
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
