//! What a frequency and a length are worth. Next: `postings`.

use super::LexicalOptions;
use super::statistics::ShardStatistics;

/// How a length lowers a term frequency: `tf / (tf + flat + slope * length)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Saturation {
    flat: f32,
    slope: f32,
}

impl Saturation {
    /// For `documents` that hold `total_length` terms.
    pub(super) fn new(options: &LexicalOptions, documents: u64, total_length: u64) -> Self {
        let (k1, b) = (f64::from(options.k1), f64::from(options.b));
        let slope = match total_length {
            0 => 0.0,
            total => k1 * b * documents as f64 / total as f64,
        };
        Self {
            flat: (k1 * (1.0 - b)) as f32,
            slope: slope as f32,
        }
    }

    pub(super) fn of(options: &LexicalOptions, statistics: &ShardStatistics) -> Self {
        Self::new(options, statistics.documents, statistics.total_length)
    }

    /// Frequencies and lengths are below 2^31, because texts are.
    #[inline]
    pub(super) fn score(self, weight: f32, frequency: u32, length: u32) -> f32 {
        // Signed, because only that conversion is one vector instruction.
        let (tf, length) = (frequency as i32 as f32, length as i32 as f32);
        weight * (tf / (tf + self.flat + self.slope * length))
    }
}
