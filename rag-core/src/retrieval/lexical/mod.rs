//! Exact BM25 over live statistics.
//!
//! The one idea: postings hold frequencies and lengths, never a score, so every number that a
//! score depends on (rows, mean length, document frequencies) is right after every insert and
//! removal; bounds for pruning are made of the same parts when a query comes. A score is the sum
//! of f32 shares, added in f64 in the order of the query and rounded once: a pure function of a
//! row and of [`ShardStatistics`], so several shards searched with their summed statistics give
//! the same bits as one index that holds everything.
//!
//! Score of row d for query q (Robertson and Zaragoza 2009, idf as in Lucene):
//!
//! ```text
//! sum over distinct terms t of q, in the order of their first occurrence:
//!   count(t, q) * ln(1 + (N - df + 0.5) / (df + 0.5)) * tf / (tf + k1 * (1 - b + b * dl / avgdl))
//! ```
//!
//! The constant factor `k1 + 1` of the original is left out, as in Lucene since version 8: it
//! changes no order, and without it a term adds at most its weight, which bounds the score.
//! Document lengths are exact, not rounded to a byte as in Lucene.
//!
//! Read `inverted` for the structure, `postings` and `documents` for the two ways through it,
//! `query`, `search` and `guess` for the pruning, `statistics` for the seam between shards, then `rows` and `index`,
//! the two faces, `saved` for the file and `image` for that of a collection.

mod asked;
mod cursor;
mod dictionary;
mod documents;
mod every;
mod guess;
mod image;
mod index;
mod inverted;
mod packed;
mod postings;
mod query;
mod rows;
mod saturation;
mod saved;
#[cfg(test)]
mod saved_tests;
mod scratch;
mod search;
mod statistics;

pub use crate::text::Language;
pub(crate) use asked::Asked;
pub use index::{LexicalHits, LexicalIndex};
pub use inverted::LexicalBytes;
pub use rows::LexicalRows;
pub use statistics::{ShardStatistics, TermScore, TermStatistics};

use super::check_k;

crate::options! {
    /// How texts become terms and how terms are weighed.
    LexicalOptions {
        /// How soon repeats of a term stop to count: 0 counts a term once.
        k1: f32 = 1.2, in 0.0..=10.0;
        /// How much long documents are held back: 0 not at all, 1 in full.
        b: f32 = 0.75, in 0.0..=1.0;
        /// Stop words and stemmer.
        language: Language = Language::English;
    }
}
