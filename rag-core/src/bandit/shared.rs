//! What all domains have in common: the scale and noise of rewards, and what contexts do.

use super::types::BanditOptions;

/// The prior of the reward's noise: this standard deviation, worth so many rewards.
const NOISE_SD: f64 = 0.1;
const NOISE_WEIGHT: f64 = 10.0;
/// Rewards are taken as they are while their spread within domains is about this, up to
/// [`UNIT_ROOM`] times more or less; else they are scaled.
const USUAL_SPREAD: f64 = 0.15;
/// About zero, the size that rewards of that spread have.
const USUAL_SIZE: f64 = 0.6;
const UNIT_ROOM: f64 = 4.0;
const UNIT_REWARDS: f64 = 8.0;

/// What all domains have in common.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shared {
    /// Numbers of a context; 0 before the first one.
    pub features: usize,
    /// The noise of a reward.
    pub variance: f64,
    /// Rewards are thought of as multiples of this, about this level.
    pub unit: f64,
    pub level: f64,
    /// Sums over domains of what each contributes to the three above.
    pub notes: Notes,
    /// What the domains say about how contexts move the best arm: precision and pull.
    pub shift: Vec<f64>,
    pub pull: Vec<f64>,
}

/// What one domain contributes to what all have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Notes {
    /// Expected squared residuals, and of how many rewards.
    pub rest: f64,
    pub count: f64,
    /// Squares about the domain's mean, and the sum of so many rewards.
    pub within: f64,
    pub total: f64,
    pub levels: f64,
    /// Domains with rewards.
    pub domains: f64,
}

impl Notes {
    pub fn add(&mut self, other: &Notes, sign: f64) {
        self.rest += sign * other.rest;
        self.count += sign * other.count;
        self.within += sign * other.within;
        self.total += sign * other.total;
        self.levels += sign * other.levels;
        self.domains += sign * other.domains;
    }
}

impl Shared {
    pub fn new(axes: usize, features: usize) -> Self {
        let n = axes * features;
        Self {
            features,
            variance: NOISE_SD * NOISE_SD,
            unit: 1.0,
            level: 0.5,
            notes: Notes::default(),
            shift: vec![0.0; n * n],
            pull: vec![0.0; n],
        }
    }

    pub fn renew(&mut self, options: &BanditOptions) {
        let n = &self.notes;
        let free = n.count - n.domains;
        let mean = if n.levels > 0.0 {
            n.total / n.levels
        } else {
            0.5
        };
        self.unit = 1.0;
        if free >= UNIT_REWARDS && n.within > 0.0 {
            let spread = (n.within / free).sqrt() / USUAL_SPREAD;
            // Rewards that are nearly all the same say that one arm is chosen, not that all earn alike:
            // they are small only if they are near zero.
            let size = (n.within / n.count + mean * mean).sqrt() / USUAL_SIZE;
            let ratio = if spread < 1.0 {
                spread.max(size)
            } else {
                spread
            };
            if !(1.0 / UNIT_ROOM..=UNIT_ROOM).contains(&ratio) && ratio.is_finite() {
                self.unit = ratio.log2().round().clamp(-60.0, 60.0).exp2();
            }
        }
        let usual = self.unit == 1.0 && (-0.5..=1.5).contains(&mean);
        self.level = if usual { 0.5 } else { mean };
        let before = NOISE_SD * NOISE_SD * self.unit * self.unit;
        self.variance = match options.noise {
            Some(sd) => sd * sd,
            None => (NOISE_WEIGHT * before + n.rest.max(0.0)) / (NOISE_WEIGHT + n.count.max(0.0)),
        };
    }

    /// All that a saved bandit needs to go on as it was.
    pub fn numbers(&self) -> Vec<f64> {
        let n = &self.notes;
        let head = [self.variance, self.unit, self.level];
        let notes = [n.rest, n.count, n.within, n.total, n.levels, n.domains];
        let all = head
            .iter()
            .chain(&notes)
            .chain(&self.shift)
            .chain(&self.pull);
        all.copied().collect()
    }

    pub fn from_numbers(axes: usize, features: usize, numbers: &[f64]) -> Option<Self> {
        let mut shared = Self::new(axes, features);
        let n = shared.pull.len();
        if numbers.len() != 9 + n * n + n || numbers.iter().any(|x| !x.is_finite()) {
            return None;
        }
        (shared.variance, shared.unit, shared.level) = (numbers[0], numbers[1], numbers[2]);
        shared.notes = Notes {
            rest: numbers[3],
            count: numbers[4],
            within: numbers[5],
            total: numbers[6],
            levels: numbers[7],
            domains: numbers[8],
        };
        let (shift, pull) = numbers[9..].split_at(n * n);
        shared.shift.copy_from_slice(shift);
        shared.pull.copy_from_slice(pull);
        (shared.variance > 0.0 && shared.unit > 0.0).then_some(shared)
    }
}
