//! What can be turned, and how a setting of it moves.

use crate::error::{Error, Result};
use crate::option_enum;
use crate::rng::Rng;

/// Whole numbers beyond have no float64 of their own.
pub(super) const MAX_WHOLE: i64 = 1 << 53;

/// What a knob can be set to; a setting has one number for each knob.
#[derive(Clone, Debug, PartialEq)]
pub enum KnobKind {
    /// Any number between two.
    Real {
        /// The least.
        low: f64,
        /// The greatest.
        high: f64,
    },
    /// Any whole number between two.
    Whole {
        /// The least.
        low: i64,
        /// The greatest.
        high: i64,
    },
    /// One of several things without an order, by its place among these names.
    Choice(Vec<String>),
}

/// Something that can be turned.
#[derive(Clone, Debug, PartialEq)]
pub struct Knob {
    /// What messages call it.
    pub name: String,
    /// What it can be set to.
    pub kind: KnobKind,
}

pub(super) fn refuse_whole(name: &str, low: f64, high: f64) -> Error {
    Error::invalid(format!(
        "the bounds of \"{name}\" must be whole numbers within 2^53, the lower first, got {low} and {high}"
    ))
}

option_enum! {
    /// The kinds of [`KnobKind`] by name, for the bindings.
    KnobName {
        /// Any number between two.
        Real = "real",
        /// Any whole number between two.
        Whole = "whole",
        /// One of several.
        Choice = "choice",
    }
}

impl Knob {
    /// A knob of the kind of a name, `"real"`, `"whole"` or `"choice"`; what the kind does not
    /// need is not looked at.
    ///
    /// ```
    /// use rag_core::routing::{Knob, KnobKind};
    /// let k = Knob::named("k", "whole", 1.0, 50.0, vec![])?;
    /// assert_eq!(k.kind, KnobKind::Whole { low: 1, high: 50 });
    /// assert!(Knob::named("k", "whole", 1.5, 50.0, vec![]).is_err());
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn named(
        name: &str,
        kind: &str,
        low: f64,
        high: f64,
        choices: Vec<String>,
    ) -> Result<Self> {
        let whole = |x: f64| match x.fract() == 0.0 && x.abs() <= MAX_WHOLE as f64 {
            true => Ok(x as i64),
            false => Err(refuse_whole(name, low, high)),
        };
        let kind = match KnobName::parse("the kind of a knob", kind)? {
            KnobName::Real => KnobKind::Real { low, high },
            KnobName::Whole => KnobKind::Whole {
                low: whole(low)?,
                high: whole(high)?,
            },
            KnobName::Choice => KnobKind::Choice(choices),
        };
        let name = name.to_owned();
        Ok(Self { name, kind })
    }

    pub(super) fn allows(&self, x: f64) -> Result<()> {
        let (good, wanted) = match &self.kind {
            KnobKind::Real { low, high } => (*low <= x && x <= *high, format!("in {low}..={high}")),
            KnobKind::Whole { low, high } => (
                *low as f64 <= x && x <= *high as f64 && x.fract() == 0.0,
                format!("a whole number in {low}..={high}"),
            ),
            KnobKind::Choice(names) => (
                0.0 <= x && x < names.len() as f64 && x.fract() == 0.0,
                format!("the index of one of {} choices", names.len()),
            ),
        };
        if good {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "\"{}\" must be {wanted} in initial settings, got {x}",
            self.name
        )))
    }

    pub(super) fn describe(&self, x: f64) -> String {
        let value = match &self.kind {
            KnobKind::Choice(names) => names.get(x as usize).cloned().unwrap_or_default(),
            _ => x.to_string(),
        };
        format!("{}={value}", self.name)
    }

    /// How many values it has, if they can be counted.
    pub(super) fn size(&self) -> Option<usize> {
        match &self.kind {
            KnobKind::Real { low, high } => (low == high).then_some(1),
            KnobKind::Whole { low, high } => usize::try_from(high - low + 1).ok(),
            KnobKind::Choice(names) => Some(names.len()),
        }
    }

    /// The bounds between which the numbers of a setting move; whole numbers and choices are the
    /// floor of theirs.
    fn bounds(&self) -> (f64, f64) {
        match &self.kind {
            KnobKind::Real { low, high } => (*low, *high),
            KnobKind::Whole { low, high } => (*low as f64, *high as f64 + 1.0),
            KnobKind::Choice(names) => (0.0, names.len() as f64),
        }
    }

    /// The value at a share of the way through all that the knob can be.
    pub(super) fn at(&self, share: f64) -> f64 {
        let (low, high) = self.bounds();
        self.settled(low + share * (high - low))
    }

    fn settled(&self, x: f64) -> f64 {
        let (low, high) = self.bounds();
        match &self.kind {
            KnobKind::Real { .. } => x.clamp(low, high) + 0.0,
            _ => x.floor().clamp(low, high - 1.0) + 0.0,
        }
    }

    pub(super) fn cross(&self, x: &mut f64, y: &mut f64, index: f64, rng: &mut Rng) {
        if rng.uniform() < 0.5 || x == y {
            return;
        }
        if matches!(self.kind, KnobKind::Choice(_)) {
            std::mem::swap(x, y);
            return;
        }
        let (low, high) = self.bounds();
        // Whole numbers are the middles of their steps.
        let half = if matches!(self.kind, KnobKind::Real { .. }) {
            0.0
        } else {
            0.5
        };
        let (a, b) = (x.min(*y) + half, x.max(*y) + half);
        let u = rng.uniform();
        let spread = |room: f64| {
            let alpha = 2.0 - (1.0 + 2.0 * room / (b - a)).powf(-(index + 1.0));
            if u * alpha <= 1.0 {
                (u * alpha).powf(1.0 / (index + 1.0))
            } else {
                (1.0 / (2.0 - u * alpha)).powf(1.0 / (index + 1.0))
            }
        };
        let c = self.settled(0.5 * (a + b - spread(a - low) * (b - a)));
        let d = self.settled(0.5 * (a + b + spread(high - b) * (b - a)));
        (*x, *y) = if rng.uniform() < 0.5 { (c, d) } else { (d, c) };
    }

    pub(super) fn mutate(&self, x: &mut f64, index: f64, rng: &mut Rng) {
        let (low, high) = self.bounds();
        if let KnobKind::Choice(names) = &self.kind {
            let other = rng.below(names.len().saturating_sub(1)) as f64;
            // Any but the present one.
            *x = if names.len() > 1 && other >= *x {
                other + 1.0
            } else {
                other
            };
            return;
        }
        if low == high {
            return;
        }
        let half = if matches!(self.kind, KnobKind::Real { .. }) {
            0.0
        } else {
            0.5
        };
        let at = *x + half;
        let power = 1.0 / (index + 1.0);
        let u = rng.uniform();
        let step = if u < 0.5 {
            let room = 1.0 - (at - low) / (high - low);
            (2.0 * u + (1.0 - 2.0 * u) * room.powf(index + 1.0)).powf(power) - 1.0
        } else {
            let room = 1.0 - (high - at) / (high - low);
            1.0 - (2.0 * (1.0 - u) + (2.0 * u - 1.0) * room.powf(index + 1.0)).powf(power)
        };
        let moved = self.settled(at + step * (high - low));
        // A step too small to leave a whole number is one to its neighbour.
        *x = match &self.kind {
            KnobKind::Whole { .. } if moved == *x => self.settled(at + step.signum()),
            _ => moved,
        };
    }
}
