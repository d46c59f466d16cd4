//! What can be chosen, and where each arm lies: values and ranges on a line, names without an
//! order, and grids of up to three dimensions.

use super::shape::stretched;
use super::types::{GRID, MAX_ARMS, MAX_DIMENSIONS, MAX_NAMES};
use crate::error::{Error, Result};

/// Points of a range in a grid of one, two and three dimensions.
const GRID_POINTS: [usize; MAX_DIMENSIONS] = [GRID, 21, 9];
const MAX_NAME: usize = 256;

/// What can be chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum Arms {
    /// These values, in this order: 1 to [`MAX_ARMS`] different finite numbers.
    Values(Vec<f64>),
    /// Anything from the first to the second, looked at on [`GRID`] evenly spaced points.
    Range(f64, f64),
    /// These names, which have no order: 1 to [`MAX_NAMES`] different ones.
    Names(Vec<String>),
    /// Every combination of 1 to [`MAX_DIMENSIONS`] named knobs, the last one changing fastest; at
    /// most [`MAX_ARMS`] in all. Beside others a range is looked at on 21 points, or on 9 of
    /// three dimensions.
    Grid(Vec<(String, Knob)>),
}

/// One dimension of a grid.
#[derive(Clone, Debug, PartialEq)]
pub enum Knob {
    /// These values: different finite numbers.
    Values(Vec<f64>),
    /// Anything from the first to the second.
    Range(f64, f64),
}

/// One line that arms lie on.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub name: String,
    pub values: Vec<f64>,
    pub ends: (f64, f64),
    /// Where each value lies in the curves' [0, 1].
    pub at: Vec<f64>,
    /// The same in the basis' own variable.
    pub place: Vec<f32>,
}

impl Axis {
    fn new(name: &str, knob: &Knob, points: usize) -> Result<Self> {
        let values = match knob {
            Knob::Values(values) => values.clone(),
            Knob::Range(low, high) => {
                if !(low.is_finite() && high.is_finite() && low < high) {
                    return Err(Error::invalid(format!(
                        "a range of arms needs two finite numbers, the lower first, got {low} and {high}"
                    )));
                }
                let point = |i: usize| {
                    let t = i as f64 / (points - 1) as f64;
                    low * (1.0 - t) + high * t
                };
                (0..points).map(point).collect()
            }
        };
        check_count(values.len())?;
        if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
            return Err(Error::invalid(format!("arms must be finite, got {bad}")));
        }
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        if let Some(pair) = sorted.windows(2).find(|w| w[0] == w[1]) {
            return Err(Error::invalid(format!(
                "arms must differ, got {} twice",
                pair[0]
            )));
        }
        let ends = (sorted[0], sorted[sorted.len() - 1]);
        if !(ends.1 - ends.0).is_finite() {
            return Err(Error::invalid("the arms lie too far apart for float64"));
        }
        let at: Vec<f64> = values.iter().map(|v| position(ends, *v)).collect();
        let place = at.iter().map(|u| stretched(*u) as f32).collect();
        Ok(Self {
            name: name.to_owned(),
            values,
            ends,
            at,
            place,
        })
    }

    /// The index of the value nearest to `value`; of equally near ones the first.
    pub fn nearest(&self, value: f64) -> usize {
        best_of(self.values.len(), |k| -(self.values[k] - value).abs())
    }

    fn check_inside(&self, domain: &str, value: f64) -> Result<()> {
        let (low, high) = self.ends;
        if (low..=high).contains(&value) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "the prior of \"{domain}\" must lie between the arms, in {low}..={high}, got {value}"
        )))
    }
}

/// Arms made ready: the lines that they lie on, or none where they are names.
#[derive(Clone, Debug)]
pub(super) struct Menu {
    pub axes: Vec<Axis>,
    pub names: Vec<String>,
    pub count: usize,
    /// Whether an arm is one number.
    pub line: bool,
}

impl Menu {
    pub fn new(arms: &Arms) -> Result<Self> {
        let (mut axes, mut names, mut line) = (Vec::new(), Vec::new(), true);
        match arms {
            Arms::Values(values) => axes.push(Axis::new("", &Knob::Values(values.clone()), GRID)?),
            Arms::Range(low, high) => axes.push(Axis::new("", &Knob::Range(*low, *high), GRID)?),
            Arms::Names(given) => {
                check_names(given.iter().map(String::as_str), "arms")?;
                if given.len() > MAX_NAMES {
                    return Err(Error::invalid(format!(
                        "a bandit has 1 to {MAX_NAMES} arms without an order, got {}; give numbers if they lie on a line",
                        given.len()
                    )));
                }
                names.clone_from(given);
                line = false;
            }
            Arms::Grid(knobs) => {
                if knobs.is_empty() || knobs.len() > MAX_DIMENSIONS {
                    return Err(Error::invalid(format!(
                        "a grid has 1 to {MAX_DIMENSIONS} dimensions, got {}",
                        knobs.len()
                    )));
                }
                check_names(knobs.iter().map(|(name, _)| name.as_str()), "dimensions")?;
                for (name, knob) in knobs {
                    let axis = Axis::new(name, knob, GRID_POINTS[knobs.len() - 1]);
                    axes.push(axis.map_err(|e| e.context(format!("\"{name}\"")))?);
                }
                line = false;
            }
        }
        let count = match names.len() {
            0 => axes.iter().map(|a| a.values.len()).product(),
            n => n,
        };
        check_count(count)?;
        Ok(Self {
            axes,
            names,
            count,
            line,
        })
    }

    /// The number by which an arm goes: its value, or its index where arms are not numbers.
    pub fn number(&self, arm: usize) -> f64 {
        match self.line {
            true => self.axes[0].values[arm],
            false => arm as f64,
        }
    }

    /// The arm that a number means: the nearest value, or the index.
    pub fn arm(&self, number: f64) -> Result<usize> {
        if self.line {
            return Ok(self.axes[0].nearest(number));
        }
        match number >= 0.0 && number < self.count as f64 && number.fract() == 0.0 {
            true => Ok(number as usize),
            false => Err(Error::invalid(format!(
                "an arm is its index here, a whole number below {}, got {number}",
                self.count
            ))),
        }
    }

    /// The arm nearest to one value for each dimension.
    pub fn arm_at(&self, point: &[f64]) -> Result<usize> {
        if self.axes.is_empty() || point.len() != self.axes.len() {
            return Err(Error::invalid(format!(
                "these arms have {} dimensions, got {} values",
                self.axes.len(),
                point.len()
            )));
        }
        if let Some(bad) = point.iter().find(|x| !x.is_finite()) {
            return Err(Error::invalid(format!("a value must be finite, got {bad}")));
        }
        let step = |arm: usize, (axis, value): (&Axis, &f64)| {
            arm * axis.values.len() + axis.nearest(*value)
        };
        Ok(self.axes.iter().zip(point).fold(0, step))
    }

    /// The indices of an arm along the dimensions.
    pub fn along(&self, arm: usize) -> [usize; MAX_DIMENSIONS] {
        let mut rest = arm;
        let mut at = [0; MAX_DIMENSIONS];
        for (j, axis) in self.axes.iter().enumerate().rev() {
            at[j] = rest % axis.values.len();
            rest /= axis.values.len();
        }
        at
    }

    /// The values of an arm along the dimensions.
    pub fn values(&self, arm: usize) -> Vec<f64> {
        let at = self.along(arm);
        let value = |(j, axis): (usize, &Axis)| axis.values[at[j]];
        self.axes.iter().enumerate().map(value).collect()
    }

    /// A guess of the best arm, checked: a value for each dimension, or the index of a name.
    pub fn check_guess(&self, domain: &str, guess: &[f64]) -> Result<()> {
        if self.axes.is_empty() {
            let [index] = guess else {
                return Err(Error::invalid("the prior among names is one arm's index"));
            };
            return self.arm(*index).map(|_| ());
        }
        if guess.len() != self.axes.len() {
            return Err(Error::invalid(format!(
                "the prior of \"{domain}\" needs a value for each of {} dimensions, got {}",
                self.axes.len(),
                guess.len()
            )));
        }
        let mut pairs = self.axes.iter().zip(guess);
        pairs.try_for_each(|(axis, value)| axis.check_inside(domain, *value))
    }

    /// The arm nearest to the guess; without one, that in the middle, or the first name.
    pub fn prior_arm(&self, guess: Option<&[f64]>) -> usize {
        let middle = |a: &Axis| 0.5 * a.ends.0 + 0.5 * a.ends.1;
        match (self.axes.is_empty(), guess) {
            (true, guess) => guess.map_or(0, |g| g[0] as usize),
            (false, Some(guess)) => self.arm_at(guess).unwrap_or(0),
            (false, None) => {
                let point: Vec<f64> = self.axes.iter().map(middle).collect();
                self.arm_at(&point).unwrap_or(0)
            }
        }
    }
}

/// Where a value between the arms' ends lies in the curves' [0, 1]: arms inside [0, 1] are used
/// as they are, others are brought there.
pub(super) fn position((low, high): (f64, f64), value: f64) -> f64 {
    match (low >= 0.0 && high <= 1.0, high > low) {
        (true, _) => value,
        (false, true) => (value - low) / (high - low),
        (false, false) => 0.5,
    }
}

/// The index of the largest value; the first of equals.
pub(super) fn best_of(n: usize, value: impl Fn(usize) -> f64) -> usize {
    let mut best = (f64::NEG_INFINITY, 0);
    for k in 0..n {
        let v = value(k);
        if v > best.0 {
            best = (v, k);
        }
    }
    best.1
}

fn check_count(count: usize) -> Result<()> {
    if (1..=MAX_ARMS).contains(&count) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "a bandit has 1 to {MAX_ARMS} arms, got {count}"
    )))
}

fn check_names<'a>(names: impl Iterator<Item = &'a str>, what: &str) -> Result<()> {
    let mut names: Vec<&str> = names.collect();
    check_count(names.len())?;
    if let Some(bad) = names.iter().find(|n| n.is_empty() || n.len() > MAX_NAME) {
        return Err(Error::invalid(format!(
            "names of {what} have 1 to {MAX_NAME} bytes, got {}",
            bad.len()
        )));
    }
    names.sort_unstable();
    match names.windows(2).find(|w| w[0] == w[1]) {
        None => Ok(()),
        Some(pair) => Err(Error::invalid(format!(
            "{what} must differ, got \"{}\" twice",
            pair[0]
        ))),
    }
}
