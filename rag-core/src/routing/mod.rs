//! Which model to ask: fronts of several objectives, and a router that learns and chooses on them.
//!
//! [`pareto_front`], [`nondominated_sort`], [`crowding_distance`] and [`hypervolume`] work on
//! plain rows of float64 and are exact. A [`Router`] believes something about each route,
//! takes the front, and chooses one point on it by preference and budget. [`aiq`] and its neighbours say how good
//! a router is.

mod figures;
mod front;
mod hypervolume;
mod points;
mod router;
mod sort;
#[cfg(test)]
mod tests;

pub use figures::{MAX_CURVE, aiq, apgr, cpt, pgr, routing_curve};
pub use front::pareto_front;
pub use hypervolume::{MAX_VOLUME_OBJECTIVES, hypervolume};
pub use points::MAX_OBJECTIVES;
pub use router::{
    COST, Considered, DEFAULT_OBJECTIVES, Decision, MAX_EXAMPLES, MAX_OUTCOME, MAX_OUTSTANDING,
    MAX_RATE, MAX_ROUTES, Outcomes, PROPENSITY_DRAWS, QUALITY, RouteHealth, RouteLogEntry,
    RouteOptions, RoutePolicy, RouteSettings, RouteTrade, Router, RouterOptions, Spoken, Standing,
    Why,
};
pub use sort::{crowding_distance, nondominated_sort};
