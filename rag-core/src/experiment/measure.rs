//! What is measured of users, and what follows from it.

use super::sequential::Sums;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

crate::option_enum! {
    /// What the values are.
    MeasureKind {
        /// Any numbers, whose means are compared.
        Mean = "mean",
        /// 0 or 1, whose shares are compared.
        Proportion = "proportion",
    }
}

crate::option_enum! {
    /// Which direction is the better one.
    Better {
        /// More.
        Higher = "higher",
        /// Less.
        Lower = "lower",
    }
}

crate::option_enum! {
    /// What a measure is for.
    Role {
        /// It decides which variant wins.
        Goal = "goal",
        /// It must not get worse: a variant that makes it so is stopped.
        Guardrail = "guardrail",
        /// It is shown.
        Watched = "watched",
    }
}

crate::options! {
    /// What a measure is.
    MeasureOptions {
        /// What the values are: `mean` or `proportion`.
        kind: MeasureKind = MeasureKind::Mean;
        /// Which direction is the better one: `higher` or `lower`.
        better: Better = Better::Higher;
        /// What it is for: `goal`, `guardrail` or `watched`.
        role: Role = Role::Goal;
        /// By how much a guardrail may get worse, in the values' own unit.
        margin: f64 = 0.0, in 0.0..=1e15;
    }
}

/// The largest value: sums of squares of such do not overflow.
const MAX_VALUE: f64 = 1e100;

/// A measure as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Measure {
    pub name: String,
    kind: String,
    better: String,
    role: String,
    pub margin: f64,
}

impl Measure {
    pub fn new(name: &str, options: &MeasureOptions) -> Result<Self> {
        super::assign::check_name("a measure's name", name)?;
        options.check()?;
        Ok(Self {
            name: name.to_owned(),
            kind: options.kind.name().to_owned(),
            better: options.better.name().to_owned(),
            role: options.role.name().to_owned(),
            margin: options.margin,
        })
    }

    /// What it was made of; fails for what nobody made.
    pub fn options(&self) -> Result<MeasureOptions> {
        let options = MeasureOptions::default()
            .kind(MeasureKind::parse("kind", &self.kind)?)
            .better(Better::parse("better", &self.better)?)
            .role(Role::parse("role", &self.role)?)
            .margin(self.margin);
        options.check()?;
        Ok(options)
    }

    pub fn is_share(&self) -> bool {
        self.kind == MeasureKind::Proportion.name()
    }

    pub fn has_role(&self, role: Role) -> bool {
        self.role == role.name()
    }

    pub fn kind(&self) -> &str {
        &self.kind
    }

    pub fn role(&self) -> &str {
        &self.role
    }

    pub fn better(&self) -> &str {
        &self.better
    }

    /// A difference, positive where it is for the better.
    pub fn gain(&self, difference: f64) -> f64 {
        match self.better == Better::Higher.name() {
            true => difference,
            false => -difference,
        }
    }

    pub fn check_value(&self, value: f64) -> Result<()> {
        let fits = match self.is_share() {
            true => value == 0.0 || value == 1.0,
            false => value.abs() <= MAX_VALUE,
        };
        let wanted = match self.is_share() {
            true => "0 or 1".to_owned(),
            false => format!("a number of at most {MAX_VALUE:e}"),
        };
        match fits {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "a value of {} is {wanted}, got {value}",
                self.name
            ))),
        }
    }

    pub fn is_sound(&self, sums: &Sums) -> bool {
        let share = !self.is_share() || (0.0..=1.0).contains(&sums.mean);
        sums.is_sound() && share
    }
}
