//! Fronts of several objectives. Everything here works on plain rows of float64 and is exact.
//!
//! `points` checks and turns what is given, `screen` throws out most of a large set before it is
//! even copied, `order` sorts. [`pareto_front`] (`front`) and [`nondominated_sort`] (`sort`) stand
//! on `stairs`, a front of two columns that grows, and on `tiles`, which compares a point with
//! hundreds of others at once by bits. On top of these: fewer points (`epsilon`), one of them
//! (`choosing`), a front that is kept while points come (`archive`), and the search for one
//! (`optimize`).

mod archive;
mod choosing;
#[cfg(test)]
mod choosing_tests;
mod epsilon;
mod front;
mod hypervolume;
mod knobs;
mod optimize;
mod order;
mod points;
mod screen;
mod sort;
mod stairs;
#[cfg(test)]
mod tests;
mod tiles;

pub use archive::{ArchiveOptions, Keep, ParetoArchive};
pub use choosing::{ChebyshevOptions, chebyshev, distance_to_ideal, knee};
pub use epsilon::{Epsilon, epsilon_front};
pub use front::pareto_front;
pub use hypervolume::{MAX_VOLUME_OBJECTIVES, hypervolume, hypervolume_contributions};
pub use knobs::{Knob, KnobKind};
pub use optimize::{OptimizeOptions, Optimum, optimize};
pub use points::MAX_OBJECTIVES;
pub use sort::{crowding_distance, nondominated_sort};
