//! What the algorithms on points share: checking and orientation.

use crate::error::{Error, Result};

/// The most columns that points may have.
pub const MAX_OBJECTIVES: usize = 32;

/// Numbers that are turned and checked while they are near.
const BLOCK: usize = 512;

/// Rows as they were given, of the right shape; NaN has not been looked for.
pub(super) struct Table<'a> {
    pub data: &'a [f64],
    pub d: usize,
    pub signs: Vec<f64>,
}

impl<'a> Table<'a> {
    /// `maximize` has one entry for each column, or one for all, or none: minimise.
    pub fn new(data: &'a [f64], d: usize, maximize: &[bool]) -> Result<Self> {
        if d == 0 || d > MAX_OBJECTIVES {
            return Err(Error::invalid(format!(
                "points have 1 to {MAX_OBJECTIVES} columns, got {d}"
            )));
        }
        if !data.len().is_multiple_of(d) || data.len() / d > u32::MAX as usize {
            return Err(Error::invalid(format!(
                "{} numbers do not make rows of {d}",
                data.len()
            )));
        }
        let signs = signs(d, maximize)?;
        Ok(Self { data, d, signs })
    }

    pub fn len(&self) -> usize {
        self.data.len() / self.d
    }

    pub fn row(&self, i: usize) -> &'a [f64] {
        &self.data[i * self.d..(i + 1) * self.d]
    }

    /// The sign of each number of as many whole rows as make a block.
    pub fn pattern(&self) -> Vec<f64> {
        self.signs.repeat((BLOCK / self.d).max(1))
    }

    pub fn refuse_nan(&self) -> Error {
        let at = self.data.iter().position(|x| x.is_nan()).unwrap_or(0);
        Error::invalid(format!(
            "point {} has NaN in column {}; leave such points out",
            at / self.d,
            at % self.d
        ))
    }
}

/// Points of which less is better in every column, without NaN or negative zero.
#[derive(Default)]
pub(super) struct Points {
    pub data: Vec<f64>,
    pub d: usize,
}

impl Points {
    /// Checks `points` (rows of `d`) and turns the columns to be maximised round.
    pub fn new(points: &[f64], d: usize, maximize: &[bool]) -> Result<Self> {
        Self::of(&Table::new(points, d, maximize)?)
    }

    pub fn of(table: &Table) -> Result<Self> {
        let pattern = table.pattern();
        let mut data = Vec::with_capacity(table.data.len());
        for block in table.data.chunks(pattern.len()) {
            // Adding zero makes the negative zero positive, so that order and equality agree.
            data.extend(block.iter().zip(&pattern).map(|(x, sign)| x * sign + 0.0));
            if block.iter().fold(false, |bad, x| bad | x.is_nan()) {
                return Err(table.refuse_nan());
            }
        }
        Ok(Self { data, d: table.d })
    }

    pub fn len(&self) -> usize {
        self.data.len() / self.d
    }

    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.d..(i + 1) * self.d]
    }
}

/// -1 for columns to maximise, 1 for others.
pub(super) fn signs(d: usize, maximize: &[bool]) -> Result<Vec<f64>> {
    let sign = |m: &bool| if *m { -1.0 } else { 1.0 };
    match maximize {
        [] => Ok(vec![1.0; d]),
        [all] => Ok(vec![sign(all); d]),
        each if each.len() == d => Ok(each.iter().map(sign).collect()),
        each => Err(Error::invalid(format!(
            "maximize has {} entries for {d} columns; give one for each, or one for all",
            each.len()
        ))),
    }
}

pub(super) fn compare(a: &[f64], b: &[f64]) -> std::cmp::Ordering {
    let pairs = a.iter().zip(b);
    let mut orders = pairs.map(|(x, y)| x.total_cmp(y));
    orders
        .find(|o| o.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}

/// Whether `a` is nowhere worse than `b`.
pub(super) fn covers(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(x, y)| x <= y)
}

/// One number for each column, of as many or of one for all.
pub(super) fn per_column(given: &[f64], d: usize, name: &str) -> Result<Vec<f64>> {
    match given {
        [all] => Ok(vec![*all; d]),
        each if each.len() == d => Ok(each.to_vec()),
        each => Err(Error::invalid(format!(
            "{name} has {} entries for {d} columns; give one for each, or one for all",
            each.len()
        ))),
    }
}
