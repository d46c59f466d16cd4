//! What a router is asked, and what it answers.

use super::why::Why;
use std::collections::BTreeMap;

crate::option_enum! {
    /// Who chooses.
    RoutePolicy {
        /// What was learnt: the front, and one point on it by preference.
        Learned = "learned",
        /// One route, whatever is asked: the baseline of a service with one model.
        Always = "always",
        /// Any route that may be chosen, each as likely as the others.
        Random = "random",
        /// The cheapest route whose quality is expected to reach the threshold; if none's is, the best.
        Cascade = "cascade",
    }
}

crate::option_enum! {
    /// How weights become a choice on the front.
    RouteTrade {
        /// Each objective in units of its range on the front; the smallest largest weighted loss.
        Chebyshev = "chebyshev",
        /// Each objective in its own units; the largest weighted sum. Weights are prices: with 1 for
        /// the cost, that of the quality is the willingness to pay for one unit of it (Hu et al., 2024).
        Linear = "linear",
    }
}

crate::options! {
    /// How one query is routed, as far as it has a name and one value.
    RouteSettings {
        /// The most that the choice may be expected to cost.
        budget: Option<f64> = None;
        /// Draws outcomes from the posterior instead of taking the means.
        explore: bool = false;
        /// Who chooses.
        policy: RoutePolicy = RoutePolicy::Learned;
        /// The route of the policy "always".
        always: Option<String> = None;
        /// The quality that the policy "cascade" is content with.
        threshold: f64 = 0.5, in -1e12..=1e12;
        /// How weights become a choice.
        trade: RouteTrade = RouteTrade::Chebyshev;
        /// When, in seconds since 1970; by default now.
        at: Option<f64> = None, in 0.0..=1e12;
    }
}

/// How one query is routed.
#[derive(Clone, Debug, Default)]
pub struct RouteOptions {
    /// Weight of each objective; objectives left out weigh nothing. Empty: all weigh the same.
    pub preference: BTreeMap<String, f64>,
    /// Routes that must not be chosen.
    pub exclude: Vec<String>,
    /// Everything else.
    pub settings: RouteSettings,
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
        self.settings.budget = Some(budget);
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
        self.settings.explore = explore;
        self
    }

    /// Sets when the choice is made, in seconds since 1970.
    #[must_use]
    pub fn at(mut self, at: f64) -> Self {
        self.settings.at = Some(at);
        self
    }

    /// Sets how weights become a choice.
    #[must_use]
    pub fn trade(mut self, trade: RouteTrade) -> Self {
        self.settings.trade = trade;
        self
    }

    /// Always takes one route.
    #[must_use]
    pub fn always(mut self, name: &str) -> Self {
        self.settings.policy = RoutePolicy::Always;
        self.settings.always = Some(name.to_owned());
        self
    }

    /// Takes any route by lot.
    #[must_use]
    pub fn random(mut self) -> Self {
        self.settings.policy = RoutePolicy::Random;
        self
    }

    /// Takes the cheapest route that is expected to reach a quality.
    #[must_use]
    pub fn cascade(mut self, threshold: f64) -> Self {
        self.settings.policy = RoutePolicy::Cascade;
        self.settings.threshold = threshold;
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
    /// How it came to this.
    pub why: Why,
}
