//! What follows from examples, priors and observed decisions; made anew when it is read back.

use super::examples::{self, Cell, Columns, Examples, Join};
use super::heads::{Desk, HEADS, Heads, Said};
use super::log::Made;
use super::query::{Lens, Query};
use super::residual::{Anchor, Posterior, Residual};
use super::{Route, Router};
use std::collections::BTreeMap;

/// The belief about one outcome at one query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Belief {
    pub mean: f64,
    pub sd: f64,
    /// What examples and the prior say, without the residual.
    pub base: f64,
    pub residual: f64,
    pub column: Option<usize>,
}

/// One route's residual in one objective, and its solution.
#[derive(Clone, Debug, Default)]
struct Slot {
    residual: Residual,
    solved: Option<Posterior>,
    column: Option<usize>,
    /// Outcomes that were fitted, those of the log not counted.
    fitted: f64,
}

/// Everything that is derived.
#[derive(Clone, Debug, Default)]
pub(super) struct Learnt {
    lens: Option<Lens>,
    pub heads: Option<Heads>,
    slots: BTreeMap<String, Vec<Slot>>,
    desk: Desk,
}

/// Derived data says nothing of whether two routers are the same.
impl PartialEq for Learnt {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A query as everything here looks at it.
pub(super) struct Seen {
    pub said: Vec<Said>,
    pub z: Vec<f64>,
    pub neighbours: usize,
    pub nearest: Option<f64>,
}

impl Learnt {
    /// Looks at a query. The dimension is that of the router.
    pub fn look(&mut self, query: &Query) -> Seen {
        if !query.is_none()
            && self
                .lens
                .as_ref()
                .is_none_or(|l| l.dim() != query.codes.len())
        {
            self.lens = Some(Lens::new(query.codes.len()));
        }
        let unit = match query.is_none() {
            true => Vec::new(),
            false => Lens::unit(&query.codes),
        };
        let mut said = Vec::new();
        let z = match &self.lens {
            Some(lens) => {
                if let Some(heads) = &self.heads {
                    heads.say(query, &unit, lens, &mut self.desk, &mut said);
                }
                lens.features(&unit)
            }
            None => Lens::new(1).features(&[]),
        };
        let near = &self.desk.scratch.near;
        let spoke = !said.is_empty() && !query.is_none();
        Seen {
            said,
            z,
            neighbours: if spoke { near.len() } else { 0 },
            nearest: near
                .first()
                .filter(|_| spoke)
                .map(|n| 1.0 - 0.5 * f64::from(n.distance)),
        }
    }

    /// What examples and the prior say of one objective of a route.
    fn base(&self, column: Option<usize>, prior: Option<f64>, said: &[Said]) -> Option<f64> {
        match (column, &self.heads) {
            (Some(c), Some(heads)) => Some(heads.columns[c].outcome(said[c].mean)),
            _ => prior,
        }
    }

    /// What is believed of the objective numbered `o` of a route; `None` if nothing is known.
    pub fn belief(
        &mut self,
        name: &str,
        prior: Option<f64>,
        o: usize,
        seen: &Seen,
    ) -> Option<Belief> {
        let slot = self.slots.get(name).and_then(|s| s.get(o));
        let column = slot.and_then(|s| s.column);
        let fitted = slot.map_or(0.0, |s| s.fitted);
        let base = self.base(column, prior, &seen.said);
        let (mut low, mut high) = (
            base.unwrap_or(f64::INFINITY),
            base.unwrap_or(f64::NEG_INFINITY),
        );
        let anchor = match (column, &self.heads) {
            (Some(c), Some(heads)) => {
                let column = &heads.columns[c];
                (low, high) = (column.low, column.high);
                Some(Anchor::learnt(
                    column.error,
                    column.count,
                    prior.unwrap_or(column.mean),
                    fitted,
                ))
            }
            _ => base.map(Anchor::guess),
        };
        let slot = self.slots.get_mut(name).and_then(|s| s.get_mut(o))?;
        if slot.solved.is_none() {
            slot.solved = slot.residual.posterior(anchor);
        }
        if let Some((a, b)) = slot.residual.range {
            (low, high) = (low.min(a), high.max(b));
        }
        let solved = slot.solved.as_ref()?;
        let (residual, mut sd) = (solved.mean(&seen.z), solved.sd(&seen.z));
        if let (Some(c), Some(heads)) = (column, &self.heads) {
            sd = sd.hypot(heads.columns[c].sd(seen.said[c].mass));
        }
        // A line leaves the possible, a negative cost say, where there are no data.
        let whole = (base.unwrap_or(0.0) + residual).clamp(low, high);
        Some(Belief {
            mean: whole,
            sd,
            base: base.unwrap_or(whole),
            residual: base.map_or(0.0, |b| whole - b),
            column,
        })
    }

    /// Records what was observed of a decision.
    pub fn record(&mut self, made: &Made, objective: usize, outcome: f64, z: &[f64]) {
        if let Some(slot) = self
            .slots
            .get_mut(&made.name)
            .and_then(|s| s.get_mut(objective))
        {
            let base = made.base.0.get(objective).copied().flatten().unwrap_or(0.0);
            slot.residual.record(z, outcome, base);
            slot.solved = None;
        }
    }

    /// What each head says, in the units of the objective.
    pub fn heads_of(&self, column: Option<usize>, seen: &Seen) -> Vec<(&'static str, f64)> {
        let (Some(c), Some(heads)) = (column, &self.heads) else {
            return Vec::new();
        };
        let each = HEADS.iter().zip(seen.said[c].heads);
        each.map(|(name, said)| (*name, heads.columns[c].outcome(said)))
            .collect()
    }

    /// The features of a query alone.
    pub fn features(&self, query: &Query) -> Vec<f64> {
        match (&self.lens, query.is_none()) {
            (Some(lens), false) => lens.features(&Lens::unit(&query.codes)),
            _ => Lens::new(1).features(&[]),
        }
    }
}

impl Router {
    /// Makes everything derived anew.
    pub(super) fn relearn(&mut self) {
        let mut learnt = Learnt {
            lens: self.dim.map(Lens::new),
            ..Learnt::default()
        };
        let observed = self.observed();
        let all = match &observed {
            None => &self.examples,
            Some(all) => all,
        };
        if all.len() > 0 {
            let lens = learnt.lens.get_or_insert_with(|| Lens::new(1));
            let prior = |route: &str, objective: &str| {
                self.routes.get(route)?.priors.get(objective).copied()
            };
            learnt.heads = Some(Heads::new(all, lens, prior));
        }
        self.fresh = self.log.values().filter(|made| !made.learnt).count();
        self.learnt = learnt;
        self.relearn_residuals();
    }

    /// The examples with those that the log has become; `None` if it has become none.
    fn observed(&self) -> Option<Examples> {
        let mut routes: Vec<&str> = Vec::new();
        let mut learnt: Vec<&Made> = self.log.values().filter(|made| made.learnt).collect();
        if learnt.is_empty() {
            return None;
        }
        routes.extend(learnt.iter().map(|made| made.name.as_str()));
        routes.sort_unstable();
        routes.dedup();
        let most = examples::room(routes.len() * self.objectives.len());
        learnt.drain(..learnt.len().saturating_sub(most));
        let mut columns = Columns::new();
        for (i, made) in learnt.iter().enumerate() {
            for (objective, outcome) in &made.outcomes {
                let of_route = columns.entry(made.name.clone()).or_default();
                let cells = of_route.entry(objective.clone()).or_default();
                cells.resize(learnt.len(), Cell::default());
                cells[i] = Cell {
                    mean: *outcome,
                    count: 1,
                };
            }
        }
        let queries = learnt.iter().map(|made| made.query.clone()).collect();
        let mut all = self.examples.clone();
        all.unite(&Examples::of(queries, columns), Join::Add);
        Some(all)
    }

    /// Makes the residuals anew from the decisions that are held.
    pub(super) fn relearn_residuals(&mut self) {
        self.learnt.slots.clear();
        for name in self.routes.keys().cloned().collect::<Vec<_>>() {
            self.make_slots(&name);
        }
        let mut learnt = std::mem::take(&mut self.learnt);
        let (routes, objectives) = (&self.routes, &self.objectives);
        for made in self.pending.values_mut().chain(self.log.values_mut()) {
            let seen = learnt.look(&made.query);
            made.base = learnt.bases(&made.name, routes, objectives, &seen);
            for (objective, outcome) in &made.outcomes {
                if let Some(o) = objectives.iter().position(|x| x == objective) {
                    learnt.record(made, o, *outcome, &seen.z);
                }
            }
        }
        self.learnt = learnt;
    }

    /// Makes place for what will be learnt of a route.
    pub(super) fn make_slots(&mut self, name: &str) {
        let heads = self.learnt.heads.as_ref();
        let examples = self.examples.columns.get(name);
        let count = |cells: &Vec<Cell>| cells.iter().map(|c| f64::from(c.count)).sum();
        let slot = |objective: &String| Slot {
            column: heads.and_then(|h| h.place(name, objective)),
            fitted: examples.and_then(|e| e.get(objective)).map_or(0.0, count),
            ..Slot::default()
        };
        let slots = self.objectives.iter().map(slot).collect();
        self.learnt.slots.insert(name.to_owned(), slots);
    }
}

impl Learnt {
    /// What examples and priors say of each objective of a route.
    pub fn bases(
        &self,
        name: &str,
        routes: &BTreeMap<String, Route>,
        objectives: &[String],
        seen: &Seen,
    ) -> super::log::Base {
        let slots = self.slots.get(name);
        let one = |(o, objective): (usize, &String)| {
            let column = slots.and_then(|s| s.get(o)).and_then(|s| s.column);
            let prior = routes
                .get(name)
                .and_then(|r| r.priors.get(objective).copied());
            self.base(column, prior, &seen.said)
        };
        super::log::Base(objectives.iter().enumerate().map(one).collect())
    }
}
