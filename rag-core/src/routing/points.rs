//! What the algorithms on points share: checking, orientation, lexicographic order.

use crate::error::{Error, Result};

/// The most columns that points may have.
pub const MAX_OBJECTIVES: usize = 32;

/// Points of which less is better in every column, without NaN or negative zero.
pub(super) struct Points {
    data: Vec<f64>,
    pub d: usize,
}

impl Points {
    /// Checks `points` (rows of `d`) and turns the columns to be maximised round.
    ///
    /// `maximize` has one entry for each column, or one for all, or none: minimise.
    pub fn new(points: &[f64], d: usize, maximize: &[bool]) -> Result<Self> {
        if d == 0 || d > MAX_OBJECTIVES {
            return Err(Error::invalid(format!(
                "points have 1 to {MAX_OBJECTIVES} columns, got {d}"
            )));
        }
        if !points.len().is_multiple_of(d) || points.len() / d > u32::MAX as usize {
            return Err(Error::invalid(format!(
                "{} numbers do not make rows of {d}",
                points.len()
            )));
        }
        if let Some(at) = points.iter().position(|x| x.is_nan()) {
            return Err(Error::invalid(format!(
                "point {} has NaN in column {}; leave such points out",
                at / d,
                at % d
            )));
        }
        let signs = signs(d, maximize)?;
        // Adding zero makes the negative zero positive, so that order and equality agree.
        let turned = points.chunks_exact(d).flat_map(|row| {
            let columns = row.iter().zip(&signs);
            columns.map(|(x, sign)| x * sign + 0.0)
        });
        Ok(Self {
            data: turned.collect(),
            d,
        })
    }

    pub fn len(&self) -> usize {
        self.data.len() / self.d
    }

    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.d..(i + 1) * self.d]
    }

    /// The given rows in lexicographic order, equal ones by index.
    pub fn lexicographic(&self, rows: impl Iterator<Item = usize>) -> Vec<u32> {
        let mut keys: Vec<(u64, u32)> = rows
            .map(|i| (ordered(self.data[i * self.d]), i as u32))
            .collect();
        keys.sort_unstable();
        for run in keys.chunk_by_mut(|a, b| a.0 == b.0) {
            if run.len() > 1 && self.d > 1 {
                run.sort_by(|a, b| {
                    let (x, y) = (self.row(a.1 as usize), self.row(b.1 as usize));
                    compare(x, y).then(a.1.cmp(&b.1))
                });
            }
        }
        keys.into_iter().map(|(_, i)| i).collect()
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

/// An integer that sorts as the number does.
pub(super) fn ordered(x: f64) -> u64 {
    let bits = x.to_bits();
    if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
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
