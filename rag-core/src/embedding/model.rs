//! What an embedder asks of a model, whatever it is inside.

use super::options::{Precision, TextKind};
use crate::Result;
use crate::progress::Progress;

/// A model that turns texts into vectors. A vector depends on its text alone, up to rounding where
/// candle computes: not on the texts beside it, their order, or the number of threads.
pub(super) trait Model: Send + Sync {
    /// What to call it.
    fn name(&self) -> &str;
    /// Floats in a vector.
    fn dim(&self) -> usize;
    /// Tokens of a text that are read.
    fn max_tokens(&self) -> usize;
    /// The arithmetic in use, never `Auto`.
    fn precision(&self) -> Precision;
    /// A hash of everything that decides the vectors.
    fn fingerprint(&self) -> u64;
    /// Whether vectors come at unit length by the model's own setting.
    fn normalizes(&self) -> bool;
    /// Tokens that the text has, uncut, without a prompt.
    fn count_tokens(&self, text: &str) -> Result<usize>;
    /// Writes the vector of `texts[i]` to `out[i * dim..]`; answers how many texts were too long.
    fn encode(
        &self,
        texts: &[&str],
        kind: TextKind,
        threads: usize,
        progress: &mut Progress<'_>,
        out: &mut [f32],
    ) -> Result<usize>;
}
