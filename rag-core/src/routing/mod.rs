//! Which model to ask: fronts of several objectives, and a router that learns and chooses on them.
//!
//! [`pareto_front`], [`nondominated_sort`], [`crowding_distance`] and [`hypervolume`] work on
//! plain rows of float64 and are exact. A [`Router`] believes something about each route (`head`),
//! takes the front, and chooses one point on it by preference and budget (`choice`).

mod choice;
mod head;
mod pareto;
mod request;
mod router;
#[cfg(test)]
mod router_tests;

pub use pareto::{
    MAX_OBJECTIVES, MAX_VOLUME_OBJECTIVES, crowding_distance, hypervolume, nondominated_sort,
    pareto_front,
};
pub use request::{Decision, RouteOptions};
pub use router::{
    COST, DEFAULT_OBJECTIVES, MAX_OUTCOME, MAX_OUTSTANDING, MAX_ROUTES, Outcomes, Router,
};
