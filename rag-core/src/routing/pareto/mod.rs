//! Fronts of several objectives. Everything here works on plain rows of float64 and is exact.
//!
//! `points` checks and turns what is given, `screen` throws out most of a large set before it is
//! even copied, `order` sorts. [`pareto_front`] (`front`) and [`nondominated_sort`] (`sort`) stand
//! on `stairs`, a front of two columns that grows, and on `tiles`, which compares a point with
//! hundreds of others at once by bits.

mod front;
mod hypervolume;
mod order;
mod points;
mod screen;
mod sort;
mod stairs;
#[cfg(test)]
mod tests;
mod tiles;

pub use front::pareto_front;
pub use hypervolume::{MAX_VOLUME_OBJECTIVES, hypervolume, hypervolume_contributions};
pub use points::MAX_OBJECTIVES;
pub use sort::{crowding_distance, nondominated_sort};
