//! Dense search: over float32 rows exactly, and over many of them by codes and a graph.
//!
//! The one idea: a row is scored by one call of one kernel, so that every door (one query, many,
//! one row) gives the same bits; what may be found is decided before scoring, so that a filter
//! makes a search cheaper and never loses a hit.
//!
//! Scores are larger for better hits in every metric; see [`Metric`]. Read `slots` for the
//! storage and the ways to search it, `near` for the codes and the graph, then `rows` (row numbers,
//! for a collection; exact) and `index` (keys, on its own), the two faces, `turns` and `among` for
//! how searches go on beside changes and how filters are remembered, and `saved` for the file.

mod among;
#[cfg(test)]
mod graph_tests;
mod index;
mod mixer;
mod near;
mod rows;
mod saved;
mod slots;
#[cfg(test)]
mod tests;
mod turns;

pub use index::{DenseHits, DenseIndex, DenseOptions, DensePrecision, DenseSearchOptions, NO_KEY};
pub use rows::DenseRows;
pub(crate) use rows::{Nearest, Seek};
pub(crate) use slots::Lender;

/// The most floats that a vector may have.
pub const MAX_DIM: usize = 65_536;

/// The largest magnitude of a number in a vector under `dot` and `l2`: with at most [`MAX_DIM`]
/// of them no sum of products leaves the range of float32, so a score is never NaN or infinite.
pub const MAX_MAGNITUDE: f32 = 1e15;

crate::option_enum! {
    /// What makes two vectors alike. Larger scores are better in every metric.
    Metric {
        /// The cosine of the angle; vectors are kept at unit length.
        Cosine = "cosine",
        /// The inner product.
        Dot = "dot",
        /// The squared Euclidean distance, negated: 0 is the same vector.
        L2 = "l2",
    }
}
