//! What a direction is worth: the gain on examples that it was not learnt from.

use super::direction::Sample;

/// Values beyond this mean "separates perfectly"; the number itself says no more.
const MOST: f64 = 1000.0;

/// How far apart a direction holds positive and negative examples, with its 95% interval.
///
/// The unit is the standard deviation of the attribute score (the projection on the direction)
/// within the classes: Cohen's d with the small-sample factor of Hedges (1981). It is measured by
/// cross-fitting: every example is scored by a direction learnt without its fold. The interval is
/// that of Hedges and Olkin (1985), widened by the square root of 1.5 because folds share examples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// The gain in standard deviations; negative if the direction points the wrong way.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Effect {
    /// Whether the whole interval is above 0. If not, more or clearer examples are needed.
    ///
    /// An interval below 0 is no measured effect either: a direction learnt from a few examples
    /// of noise tends to score held-out examples the wrong way round.
    ///
    /// ```
    /// use rag_core::steering::Effect;
    /// assert!(!Effect { value: 0.2, low: -0.1, high: 0.5 }.is_measurable());
    /// assert!(!Effect { value: -1.2, low: -2.3, high: -0.1 }.is_measurable());
    /// ```
    pub fn is_measurable(&self) -> bool {
        self.low > 0.0
    }

    /// The effect of the opposite direction.
    pub(super) fn negated(self) -> Self {
        Self {
            value: -self.value,
            low: -self.high,
            high: -self.low,
        }
    }

    /// The effect from the scores of held-out examples.
    pub(super) fn from_scores(positive: &[f64], negative: &[f64]) -> Self {
        let (p, n) = (positive.len() as f64, negative.len() as f64);
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        let (high, low) = (mean(positive), mean(negative));
        let squares = |v: &[f64], m: f64| v.iter().map(|x| (x - m) * (x - m)).sum::<f64>();
        let free = p + n - 2.0;
        let sd = ((squares(positive, high) + squares(negative, low)) / free).sqrt();
        let gap = high - low;
        let ratio = if gap == 0.0 {
            0.0
        } else {
            (gap / sd.max(gap.abs() / MOST)).clamp(-MOST, MOST)
        };
        let value = ratio * (1.0 - 3.0 / (4.0 * free - 1.0));
        let variance = (p + n) / (p * n) + value * value / (2.0 * (p + n));
        let reach = 1.959_963_984_540_054 * (INFLATION * variance).sqrt();
        Self {
            value,
            low: value - reach,
            high: value + reach,
        }
    }
}

/// Scores from folds whose directions share most of their examples are not independent.
const INFLATION: f64 = 1.5;

/// Scores every example by the direction that was found without its fold.
pub(super) fn cross_fitted(sample: &Sample, folds: &[Vec<f64>]) -> Effect {
    let (mut positive, mut negative) = (Vec::new(), Vec::new());
    for (f, direction) in folds.iter().enumerate() {
        let mut direction = direction.clone();
        super::direction::normalise(&mut direction);
        for i in sample.held_out(f) {
            let score = sample.score(i, &direction);
            match sample.positive[i] {
                true => positive.push(score),
                false => negative.push(score),
            }
        }
    }
    Effect::from_scores(&positive, &negative)
}
