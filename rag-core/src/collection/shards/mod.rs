//! One search over several collections, with the hits that one would have that holds everything.
//!
//! The one idea: a score depends on a document and on a few sums. What is the same for all shards (the
//! query's vector, moved by dials and user) is worked out once and sent along; what must be known of all
//! of them (how many documents have a word) is asked first and added up; then each ranks its own, and
//! equal scores are told apart by id, so that the best of all are among the best of each.
//!
//! Read `request`, `respond`, then `merge`; `saved` is what goes over a wire. Whoever drives this (threads,
//! processes, a cluster) is not known here.

mod merge;
mod request;
mod respond;
mod saved;
#[cfg(test)]
mod tests;

pub(super) use request::Prepared;
pub use request::{RequestStatistics, ShardRequest};
pub use respond::ShardResponse;

use crate::error::{Error, Result};
use crate::rng::{scaled, stable_hash};

/// Shards that a request may be answered by at most.
pub const MAX_SHARDS: usize = 65_536;

/// Which of so many shards the document of this id belongs to: a hash that is the same in every version, on
/// every machine and in every language, so that whoever writes and whoever reads agree without a table.
///
/// Number the shards once and for all, more of them than machines; what moves when machines come and go is
/// a shard, never a document. `shards` is 1 to 65,536.
///
/// ```
/// use rag_core::collection::shard_of;
/// assert_eq!(shard_of("tides", 8)?, 7);
/// assert!(shard_of("tides", 0).is_err());
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn shard_of(id: &str, shards: usize) -> Result<usize> {
    match shards {
        1..=MAX_SHARDS => Ok(scaled(stable_hash("shard", id), shards as u64) as usize),
        _ => Err(Error::invalid(format!(
            "the number of shards must be in 1..={MAX_SHARDS}, got {shards}"
        ))),
    }
}
