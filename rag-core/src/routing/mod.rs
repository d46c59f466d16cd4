//! Which model to ask: fronts of several objectives, and a router that learns and chooses on them.
//!
//! What stands in `pareto` ([`pareto_front`], [`hypervolume`], [`ParetoArchive`], [`optimize`], ...)
//! works on plain rows of float64 and knows no routes. A [`Router`] believes something about each
//! route, takes the front, and chooses one point on it by preference and budget. [`aiq`] and its
//! neighbours say how good a router is.

mod figures;
mod pareto;
mod router;

pub use figures::{MAX_CURVE, aiq, apgr, cpt, pgr, routing_curve};
pub use pareto::{
    ArchiveOptions, ChebyshevOptions, Epsilon, Keep, Knob, KnobKind, MAX_OBJECTIVES,
    MAX_VOLUME_OBJECTIVES, OptimizeOptions, Optimum, ParetoArchive, chebyshev, crowding_distance,
    distance_to_ideal, epsilon_front, hypervolume, hypervolume_contributions, knee,
    nondominated_sort, optimize, pareto_front,
};
pub use router::{
    COST, Considered, DEFAULT_OBJECTIVES, Decision, MAX_EXAMPLES, MAX_OUTCOME, MAX_OUTSTANDING,
    MAX_RATE, MAX_ROUTES, Outcomes, PROPENSITY_DRAWS, QUALITY, RouteHealth, RouteLogEntry,
    RouteOptions, RoutePolicy, RouteSettings, RouteTrade, Router, RouterOptions, Spoken, Standing,
    Why,
};
