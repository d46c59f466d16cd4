//! What a router is asked, and what it answers.

use std::collections::BTreeMap;

/// How one query is routed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RouteOptions {
    /// Weight of each objective; objectives left out weigh nothing. Empty: all weigh the same.
    pub preference: BTreeMap<String, f64>,
    /// The most that the choice may be expected to cost.
    pub budget: Option<f64>,
    /// Routes that must not be chosen, because they failed, say.
    pub exclude: Vec<String>,
    /// Draws outcomes from the posterior instead of taking the means.
    pub explore: bool,
}

impl RouteOptions {
    /// Sets the weight of an objective.
    #[must_use]
    pub fn prefer(mut self, objective: &str, weight: f64) -> Self {
        self.preference.insert(objective.to_owned(), weight);
        self
    }

    /// Sets the most that the choice may be expected to cost.
    #[must_use]
    pub fn budget(mut self, budget: f64) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Excludes a route.
    #[must_use]
    pub fn exclude(mut self, name: &str) -> Self {
        self.exclude.push(name.to_owned());
        self
    }

    /// Draws outcomes from the posterior.
    #[must_use]
    pub fn explore(mut self, explore: bool) -> Self {
        self.explore = explore;
        self
    }
}

/// Where a query goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What observed outcomes refer to.
    pub id: u64,
    /// The chosen route.
    pub name: String,
    /// The outcomes expected of it (posterior means), by objective.
    pub expected: BTreeMap<String, f64>,
    /// The allowed, affordable routes that no other one dominates, in alphabetical order.
    pub front: Vec<String>,
}
