//! Which model to ask: fronts of several objectives, and a router that learns and chooses on them.
//!
//! [`pareto_front`], [`nondominated_sort`], [`crowding_distance`] and [`hypervolume`] work on
//! plain rows of float64 and are exact.

mod front;
mod hypervolume;
mod points;
mod sort;
#[cfg(test)]
mod tests;

pub use front::pareto_front;
pub use hypervolume::{MAX_VOLUME_OBJECTIVES, hypervolume};
pub use points::MAX_OBJECTIVES;
pub use sort::{crowding_distance, nondominated_sort};
