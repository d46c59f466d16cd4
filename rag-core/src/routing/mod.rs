//! Which model to ask: fronts of several objectives, and a router that learns and chooses on them.
//!
//! What stands in `pareto` ([`pareto_front`], [`hypervolume`], [`ParetoArchive`], [`optimize`], ...)
//! works on plain rows of float64 and knows no routes. A [`Router`] believes something about each
//! route (`head`), takes the front, and chooses one point on it by preference and budget
//! (`choice`).

mod choice;
mod head;
mod pareto;
mod request;
mod router;
#[cfg(test)]
mod router_tests;

pub use pareto::{
    ArchiveOptions, ChebyshevOptions, Epsilon, Keep, Knob, KnobKind, MAX_OBJECTIVES,
    MAX_VOLUME_OBJECTIVES, OptimizeOptions, Optimum, ParetoArchive, chebyshev, crowding_distance,
    distance_to_ideal, epsilon_front, hypervolume, hypervolume_contributions, knee,
    nondominated_sort, optimize, pareto_front,
};
pub use request::{Decision, RouteOptions};
pub use router::{
    COST, DEFAULT_OBJECTIVES, MAX_OUTCOME, MAX_OUTSTANDING, MAX_ROUTES, Outcomes, Router,
};
