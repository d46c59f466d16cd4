//! The choice itself: who can be asked, what is expected of them, and who is best.

use super::choice::choose;
use super::health::Closed;
use super::learnt::{Belief, Seen};
use super::log::{Lottery, Made, Propensity};
use super::query::Query;
use super::request::{Decision, RouteOptions, RoutePolicy, RouteTrade};
use super::residual::Anchor;
use super::why::{Considered, Spoken, Standing, Why};
use super::{COST, MAX_OUTCOME, MAX_OUTSTANDING, QUALITY, Router};
use crate::Rng;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::matrix::Rows;
use crate::routing::pareto_front;
use std::collections::BTreeMap;

/// A front with the choice on it.
pub(super) struct OnFront {
    pub front: Vec<usize>,
    /// Of each member of the front.
    pub losses: Vec<f64>,
    /// The chosen row.
    pub best: usize,
}

/// The front of rows of `d` values, none of them NaN, and the choice on it.
pub(super) fn on_front(
    values: &[f64],
    d: usize,
    minimize: &[bool],
    weights: &[f64],
    trade: RouteTrade,
) -> OnFront {
    let maximize: Vec<bool> = minimize.iter().map(|m| !m).collect();
    let front = pareto_front(values, d, &maximize).expect("beliefs are numbers, one row a route");
    let rows: Vec<&[f64]> = front.iter().map(|i| &values[i * d..(i + 1) * d]).collect();
    let (best, losses) = choose(&rows, minimize, weights, trade);
    OnFront {
        best: front[best],
        front,
        losses,
    }
}

/// The routes that can be asked, with what is expected of them.
struct Field<'a> {
    objectives: Vec<&'a str>,
    minimize: Vec<bool>,
    names: Vec<&'a str>,
    /// The place of each among all routes.
    places: Vec<usize>,
    /// A row for each route.
    beliefs: Vec<Vec<Belief>>,
}

impl Field<'_> {
    fn column(&self, objective: &str) -> Option<usize> {
        self.objectives.iter().position(|o| *o == objective)
    }

    fn means(&self, route: usize) -> impl Iterator<Item = f64> {
        self.beliefs[route].iter().map(|b| b.mean)
    }
}

impl Router {
    /// Chooses a route for a query, or for no query in particular.
    ///
    /// Of the routes that are not excluded, not failing, not at their limit, and whose expected cost is within the budget, the
    /// front is taken and, on it, the lexicographic weighted Chebyshev choice (see
    /// [`RouteOptions::preference`] and [`RouteTrade`]): more weight on an objective never makes it worse. With
    /// `explore`, front and choice go by draws from the posterior, the budget still by the means.
    ///
    /// `NotFound` where no route is left or within the budget; `Upstream` where those that are left
    /// fail or are at their limit, with the time at which each is tried next.
    pub fn route(&mut self, vector: Option<&[f32]>, options: &RouteOptions) -> Result<Decision> {
        options.settings.check()?;
        let query = match vector {
            Some(vector) => {
                Rows::single(vector)?.check_finite()?;
                self.check_dim(vector.len())?;
                Query::new(vector)
            }
            None => Query::default(),
        };
        let at = options.settings.at.unwrap_or_else(|| SystemClock.now());
        let mut learnt = std::mem::take(&mut self.learnt);
        let seen = learnt.look(&query);
        let found = self.decide(&mut learnt, &seen, options, at);
        let bases = |name: &str| learnt.bases(name, &self.routes, &self.objectives, &seen);
        let decided = found.map(|found| {
            let base = bases(&found.decision.name);
            (found, base)
        });
        self.learnt = learnt;
        let (found, base) = decided?;
        let decision = found.decision;
        let made = Made {
            at,
            seed: self.seed,
            name: decision.name.clone(),
            query,
            preference: options.preference.clone(),
            outcomes: BTreeMap::new(),
            propensity: found.propensity,
            learnt: false,
            base,
        };
        self.rng = found.rng.state();
        let backoff = self.backoff();
        if let Some(route) = self.routes.get_mut(&decision.name) {
            route.health.asked(at, backoff);
        }
        self.pending.insert(self.next, made);
        self.next += 1;
        if self.pending.len() > MAX_OUTSTANDING {
            self.pending.pop_first();
        }
        if let (None, Some(vector)) = (self.dim, vector) {
            self.dim = Some(vector.len());
        }
        Ok(decision)
    }

    fn decide(
        &self,
        learnt: &mut super::learnt::Learnt,
        seen: &Seen,
        options: &RouteOptions,
        at: f64,
    ) -> Result<Found> {
        let settings = &options.settings;
        let mut considered = self.standings(options, at)?;
        let field = self.field(learnt, seen, &considered)?;
        let weights = self.weights(&field.objectives, options)?;
        let inside = affordable(&field, settings.budget)?;
        let d = field.objectives.len();
        let mut rng = Rng::from_state(self.rng);
        let mut means = Vec::with_capacity(inside.len() * d);
        inside.iter().for_each(|i| means.extend(field.means(*i)));
        let explore = settings.explore && settings.policy == RoutePolicy::Learned;
        let drawn: Vec<f64> = match explore {
            true => {
                let beliefs = inside.iter().flat_map(|i| &field.beliefs[*i]);
                beliefs.map(|b| b.mean + b.sd * rng.normal()).collect()
            }
            false => Vec::new(),
        };
        let values = if explore { &drawn } else { &means };
        let on = on_front(values, d, &field.minimize, &weights, settings.trade);
        let (best, propensity) = match settings.policy {
            RoutePolicy::Learned if explore => {
                let lottery = Lottery {
                    chosen: on.best,
                    sds: inside
                        .iter()
                        .flat_map(|i| field.beliefs[*i].iter().map(|b| b.sd))
                        .collect(),
                    means,
                    minimize: field.minimize.clone(),
                    weights: weights.clone(),
                    trade: settings.trade,
                };
                (on.best, Propensity::Open(Box::new(lottery)))
            }
            RoutePolicy::Learned => (on.best, Propensity::Known(1.0, 0.0)),
            RoutePolicy::Random => {
                let share = 1.0 / inside.len() as f64;
                (rng.below(inside.len()), Propensity::Known(share, 0.0))
            }
            // The only one that `standings` left, if it is within the budget.
            RoutePolicy::Always => (0, Propensity::Known(1.0, 0.0)),
            RoutePolicy::Cascade => {
                let best = cascade(&field, &inside, settings.threshold)?;
                (best, Propensity::Known(1.0, 0.0))
            }
        };
        // From here on everything is told, nothing decided.
        let chosen = inside[best];
        let name = field.names[chosen].to_owned();
        let mut within = vec![None; field.names.len()];
        inside
            .iter()
            .enumerate()
            .for_each(|(place, i)| within[*i] = Some(place));
        let mut loss = vec![None; inside.len()];
        on.front
            .iter()
            .zip(&on.losses)
            .for_each(|(f, l)| loss[*f] = Some(*l));
        for (i, belief) in field.beliefs.iter().enumerate() {
            let told = &mut considered[field.places[i]];
            told.expected = belief.iter().map(|b| b.mean).collect();
            told.sd = belief.iter().map(|b| b.sd).collect();
            let Some(place) = within[i] else {
                told.standing = Standing::OverBudget;
                continue;
            };
            if explore {
                told.drawn = drawn[place * d..(place + 1) * d].to_vec();
            }
            told.loss = loss[place];
            told.standing = match (i == chosen, told.loss.is_some(), settings.policy) {
                (true, _, _) => Standing::Chosen,
                (_, true, RoutePolicy::Learned) => Standing::OnFront,
                (_, false, RoutePolicy::Learned) => Standing::Dominated,
                _ => Standing::Passed,
            };
        }
        let spoken = field.objectives.iter().zip(&field.beliefs[chosen]);
        let why = Why {
            policy: settings.policy.name(),
            trade: settings.trade.name(),
            objectives: field
                .objectives
                .iter()
                .zip(&weights)
                .map(|(o, w)| ((*o).to_owned(), *w))
                .collect(),
            budget: settings.budget,
            explored: explore,
            routes: considered,
            spoken: spoken
                .map(|(objective, belief)| Spoken {
                    objective: (*objective).to_owned(),
                    heads: learnt.heads_of(belief.column, seen),
                    believed: belief.base,
                    residual: belief.residual,
                })
                .collect(),
            examples: self.examples.len(),
            neighbours: seen.neighbours,
            nearest: seen.nearest,
        };
        let expected = field.objectives.iter().zip(field.means(chosen));
        let decision = Decision {
            id: self.next,
            expected: expected.map(|(o, v)| ((*o).to_owned(), v)).collect(),
            front: on
                .front
                .iter()
                .map(|i| field.names[inside[*i]].to_owned())
                .collect(),
            name,
            why,
        };
        Ok(Found {
            decision,
            propensity,
            rng,
        })
    }

    /// Every route, and why some of them cannot be asked.
    fn standings(&self, options: &RouteOptions, at: f64) -> Result<Vec<Considered>> {
        let settings = &options.settings;
        let only = match (settings.policy, &settings.always) {
            (RoutePolicy::Always, Some(name)) => Some(name),
            (RoutePolicy::Always, None) => {
                return Err(Error::invalid(
                    "the policy \"always\" needs the name of a route; set always",
                ));
            }
            _ => None,
        };
        let named = options.exclude.iter().chain(only);
        if let Some(name) = named.into_iter().find(|n| !self.routes.contains_key(*n)) {
            return Err(self.unknown(name));
        }
        let standing = |(name, route): (&String, &super::Route)| Considered {
            name: name.clone(),
            standing: match route.health.closed(at) {
                _ if options.exclude.contains(name) => Standing::Excluded,
                _ if only.is_some_and(|o| o != name) => Standing::Passed,
                Some(Closed::Failing(until)) => Standing::Failing(until),
                Some(Closed::Limited(until)) => Standing::Limited(until),
                None => Standing::Chosen,
            },
            expected: Vec::new(),
            sd: Vec::new(),
            drawn: Vec::new(),
            loss: None,
        };
        let considered: Vec<Considered> = self.routes.iter().map(standing).collect();
        if considered.iter().any(|c| c.standing == Standing::Chosen) {
            return Ok(considered);
        }
        let wait = |c: &Considered| {
            let until = c.standing.until()?;
            let left = until - at;
            Some(match c.standing {
                Standing::Failing(_) => {
                    format!(
                        "\"{}\" fails and is tried again in {left:.1} s (at {until:.1})",
                        c.name
                    )
                }
                _ => format!(
                    "\"{}\" is at its limit for {left:.1} s (until {until:.1})",
                    c.name
                ),
            })
        };
        let waits: Vec<String> = considered.iter().filter_map(wait).collect();
        if waits.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "no route is left: {} known, {} excluded; add one or exclude fewer",
                    self.routes.len(),
                    options.exclude.len()
                ),
            ));
        }
        Err(Error::new(
            ErrorKind::Upstream,
            format!(
                "no route can be asked now: {}; wait, or add another route",
                waits.join(", ")
            ),
        ))
    }

    /// The objectives that something is known about, and the open routes with their beliefs.
    fn field<'a>(
        &'a self,
        learnt: &mut super::learnt::Learnt,
        seen: &Seen,
        considered: &[Considered],
    ) -> Result<Field<'a>> {
        let asked = self.routes.iter().zip(considered).enumerate();
        let asked = asked.filter(|(_, (_, c))| c.standing == Standing::Chosen);
        let (places, open): (Vec<usize>, Vec<(&str, &super::Route)>) = asked
            .map(|(place, ((name, route), _))| (place, (name.as_str(), route)))
            .unzip();
        let mut objectives = Vec::with_capacity(self.objectives.len());
        let mut beliefs: Vec<Vec<Belief>> =
            vec![Vec::with_capacity(self.objectives.len()); open.len()];
        for (o, objective) in self.objectives.iter().enumerate() {
            let mut of = |(name, route): &(&str, &super::Route)| {
                let prior = route.priors.get(objective).copied();
                learnt.belief(name, prior, o, seen)
            };
            let known: Vec<Option<Belief>> = open.iter().map(&mut of).collect();
            let (sum, count) = known
                .iter()
                .flatten()
                .fold((0.0, 0.0), |(s, n), b| (s + b.mean, n + 1.0));
            if count == 0.0 {
                continue;
            }
            objectives.push(objective.as_str());
            for (beliefs, known) in beliefs.iter_mut().zip(known) {
                beliefs.push(known.unwrap_or_else(|| stranger(sum / count, &seen.z)));
            }
        }
        if objectives.is_empty() {
            return Err(Error::invalid(
                "nothing is known about any route; give priors or outcomes",
            ));
        }
        Ok(Field {
            minimize: objectives.iter().map(|o| *o == COST).collect(),
            objectives,
            names: open.into_iter().map(|(name, _)| name).collect(),
            places,
            beliefs,
        })
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
}

struct Found {
    decision: Decision,
    propensity: Propensity,
    rng: Rng,
}

/// The belief about a route of which nothing is known in an objective: it is like the others.
fn stranger(average: f64, z: &[f64]) -> Belief {
    let fresh = super::residual::Residual::default().posterior(Some(Anchor::guess(average)));
    Belief {
        mean: average,
        sd: fresh.map_or(0.0, |p| p.sd(z)),
        base: average,
        residual: 0.0,
        column: None,
    }
}

/// The routes of the field within the budget.
fn affordable(field: &Field<'_>, budget: Option<f64>) -> Result<Vec<usize>> {
    let all = 0..field.names.len();
    let Some(budget) = budget else {
        return Ok(all.collect());
    };
    if budget.is_nan() {
        return Err(Error::invalid("the budget must be a number, got NaN"));
    }
    let Some(column) = field.column(COST) else {
        return Err(Error::invalid(
            "a budget bounds the objective \"cost\", which this router does not have",
        ));
    };
    let cost = |i: usize| field.beliefs[i][column].mean;
    let within: Vec<usize> = all.clone().filter(|i| cost(*i) <= budget).collect();
    if within.is_empty() {
        let cheapest = all
            .min_by(|a, b| cost(*a).total_cmp(&cost(*b)))
            .expect("at least one route");
        return Err(Error::new(
            ErrorKind::NotFound,
            format!(
                "no route is expected to cost at most {budget}; the cheapest, \"{}\", costs {}",
                field.names[cheapest],
                cost(cheapest)
            ),
        ));
    }
    Ok(within)
}

/// The place within `inside` of the cheapest route that is good enough, or of the best.
fn cascade(field: &Field<'_>, inside: &[usize], threshold: f64) -> Result<usize> {
    let (Some(cost), Some(quality)) = (field.column(COST), field.column(QUALITY)) else {
        return Err(Error::invalid(
            "the policy \"cascade\" needs something to be known of the objectives \"cost\" and \"quality\"",
        ));
    };
    let of = |place: usize, column: usize| field.beliefs[inside[place]][column].mean;
    let enough = (0..inside.len()).filter(|p| of(*p, quality) >= threshold);
    let cheapest = enough.min_by(|a, b| of(*a, cost).total_cmp(&of(*b, cost)));
    let best = || (0..inside.len()).max_by(|a, b| of(*a, quality).total_cmp(&of(*b, quality)));
    Ok(cheapest.or_else(best).unwrap_or(0))
}
