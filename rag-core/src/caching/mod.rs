//! Results that are kept for a while, and when they may be used again.
//!
//! [`Cache`] is what a user makes: lifetimes, sizes, a clock, perhaps a [`Remote`] cache. Whoever has something to
//! keep takes a [`Layer`] from it. The one idea: a cache never decides what is true. Keys hold everything that a value
//! depends on and is known before ([`KeyBuilder`], the tenant first); what is known only afterwards, such as the versions
//! of the passages that an answer cites, is asked of the caller at every hit (`valid`).
//!
//! Two questions that are not equal share an answer only through [`Nearby`], behind [`question_difference`].
//!
//! Read `key`, `memory` (what a hit is), `flight` (one maker for many askers), then `layer`, which puts them together, and
//! `remote`.

mod cache;
mod flight;
mod key;
mod latch;
mod layer;
mod memory;
mod nearby;
mod options;
#[cfg(feature = "redis")]
mod redis;
mod remote;
#[cfg(test)]
mod remote_tests;
mod stats;
#[cfg(test)]
mod tests;

pub use crate::text::{Difference, question_difference};
pub use cache::{Cache, CacheStats};
pub use key::{Key, KeyBuilder};
#[cfg(feature = "http")]
pub(crate) use latch::Latch;
pub use layer::{Layer, Source, Weigh};
pub use nearby::{NearHit, Nearby, NearbyStats};
pub use options::{CacheOptions, LayerKind};
pub use remote::{Codec, OnWarning, Remote, RemoteStats};
pub use stats::LayerStats;
