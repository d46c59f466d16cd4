//! Finding: dense and lexical search, filters over metadata, fusion and diversity.
//!
//! The one idea: every search here is a pure function that orders by score descending, then by id
//! ascending, so that results do not depend on threads or on how the rows are split. All of them
//! score exactly but one: `DenseIndex` with many vectors finds them by codes and a graph, which
//! depends on the order in which they came.
//!
//! Read `topk` first (the order), then `dense` and `lexical` (the two sides, over the same row
//! numbers), `filter` (what may be found), `fusion` and `diversity` (one ranking from several).

pub(crate) mod bits;
pub mod dense;
pub mod diversity;
pub mod filter;
pub mod fusion;
pub mod lexical;
pub(crate) mod table;
pub mod topk;

use crate::error::{Error, Result};

/// The most hits that one search returns.
pub const MAX_K: usize = 10_000;

/// Fails unless `k` is in 1..=[`MAX_K`]; called before anything is allocated from it.
pub fn check_k(k: usize) -> Result<()> {
    if (1..=MAX_K).contains(&k) {
        return Ok(());
    }
    Err(Error::invalid(format!("k must be in 1..={MAX_K}, got {k}")))
}
