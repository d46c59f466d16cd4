//! Which model to ask: fronts of several objectives, and a router that learns and chooses on them.
//!
//! [`pareto_front`], [`nondominated_sort`], [`crowding_distance`] and [`hypervolume`] work on
//! plain rows of float64 and are exact. A [`Router`] believes something about each route (`head`),
//! takes the front, and chooses one point on it by preference and budget (`choice`).

mod choice;
mod front;
mod head;
mod hypervolume;
mod points;
mod request;
mod router;
#[cfg(test)]
mod router_tests;
mod sort;
#[cfg(test)]
mod tests;

pub use front::pareto_front;
pub use hypervolume::{MAX_VOLUME_OBJECTIVES, hypervolume};
pub use points::MAX_OBJECTIVES;
pub use request::{Decision, RouteOptions};
pub use router::{
    COST, DEFAULT_OBJECTIVES, MAX_OUTCOME, MAX_OUTSTANDING, MAX_ROUTES, Outcomes, Router,
};
pub use sort::{crowding_distance, nondominated_sort};
