//! Throwing out most of a large set in one pass over it, which also looks for NaN.
//!
//! Up to 64 strong points of a sample are the pivots. Each column is cut into steps between the
//! least and the greatest pivot; a step knows, as one bit each, the pivots that lie on lower steps
//! and are therefore less. A row whose steps have a pivot in common is dominated by it. Steps are
//! a monotone function of numbers, so rounding throws out no row that belongs to the front. What is left
//! is screened again with pivots of its own for as long as that pays.

use super::points::{Points, Table, covers};
use crate::error::Result;

/// Sets smaller than this are not worth a sample.
const SCREEN_FROM: usize = 4096;
const SAMPLE: usize = 1024;
const PIVOTS: usize = 64;
const STEPS: usize = 512;
/// A screen that leaves more than this share of its own sample is not used.
const PAYS: f64 = 0.7;
/// Adding this leaves the whole part in the lowest bits: 2^52.
const WHOLE: f64 = 4_503_599_627_370_496.0;

/// The rows that may be on the front, and their numbers in the table if some were thrown out.
pub(super) fn screen(table: &Table) -> Result<(Points, Option<Vec<u32>>)> {
    let Some(screen) = Screen::new(table) else {
        return Ok((Points::of(table)?, None));
    };
    let Some((mut left, mut rows)) = screen.pass(table) else {
        return Err(table.refuse_nan());
    };
    loop {
        let again = Table {
            data: &left.data,
            d: table.d,
            signs: vec![1.0; table.d],
        };
        let passed = Screen::new(&again).and_then(|screen| screen.pass(&again));
        let Some((fewer, places)) = passed else {
            return Ok((left, Some(rows)));
        };
        rows = places.into_iter().map(|p| rows[p as usize]).collect();
        left = fewer;
    }
}

struct Screen {
    /// For every number of a block of rows.
    low: Vec<f64>,
    scale: Vec<f64>,
    pattern: Vec<f64>,
    /// For each column, by step: the pivots on lower ones.
    below: Vec<[u64; STEPS]>,
}

impl Screen {
    /// Nothing if there is no screen that pays. A sample with NaN makes a screen that finds it.
    fn new(table: &Table) -> Option<Self> {
        let (n, d) = (table.len(), table.d);
        if n < SCREEN_FROM || d < 2 {
            return None;
        }
        let step = n / SAMPLE;
        let mut sample = Points {
            data: Vec::with_capacity(SAMPLE * d),
            d,
        };
        for i in 0..SAMPLE {
            // Not evenly, because rows may have a period.
            let at = i * step + (i * 0x9E37_79B1) % step;
            let row = table.row(at).iter().zip(&table.signs);
            sample.data.extend(row.map(|(x, sign)| x * sign + 0.0));
        }
        let pivots = pivots(&sample);
        let pattern = table.pattern();
        let (mut low, mut scale) = (vec![0.0; d], vec![0.0; d]);
        for j in 0..d {
            let values = || pivots.iter().map(|p| p[j]);
            let (least, most) = (
                values().fold(f64::INFINITY, f64::min),
                values().fold(f64::NEG_INFINITY, f64::max),
            );
            low[j] = least * table.signs[j];
            scale[j] = (STEPS - 2) as f64 / (most - least) * table.signs[j];
            if !(scale[j].is_finite() && scale[j] != 0.0) {
                return None;
            }
        }
        let mut below = vec![[0u64; STEPS]; d];
        for (bit, pivot) in pivots.iter().enumerate() {
            for j in 0..d {
                let at = place(pivot[j] * table.signs[j], low[j], scale[j]).to_bits() as usize;
                for set in &mut below[j][at % STEPS + 1..] {
                    *set |= 1 << bit;
                }
            }
        }
        let rows = pattern.len() / d;
        let screen = Self {
            low: low.repeat(rows),
            scale: scale.repeat(rows),
            pattern,
            below,
        };
        let of_sample = Table {
            data: &sample.data,
            d,
            signs: vec![1.0; d],
        };
        // The sample is turned already.
        let upright = Self {
            low: screen
                .low
                .iter()
                .zip(&screen.pattern)
                .map(|(x, s)| x * s)
                .collect(),
            scale: screen
                .scale
                .iter()
                .zip(&screen.pattern)
                .map(|(x, s)| x * s)
                .collect(),
            pattern: vec![1.0; screen.pattern.len()],
            below: screen.below.clone(),
        };
        let left = upright.pass(&of_sample).map_or(0, |(left, _)| left.len());
        (left as f64 <= PAYS * SAMPLE as f64).then_some(screen)
    }

    /// The rows that no pivot throws out, turned, with their numbers; nothing if there is NaN.
    fn pass(&self, table: &Table) -> Option<(Points, Vec<u32>)> {
        match table.d {
            2 => self.pass_in::<2>(table),
            3 => self.pass_in::<3>(table),
            4 => self.pass_in::<4>(table),
            5 => self.pass_in::<5>(table),
            6 => self.pass_in::<6>(table),
            _ => self.pass_in::<0>(table),
        }
    }

    /// `D` columns, or any number of them if it is 0.
    fn pass_in<const D: usize>(&self, table: &Table) -> Option<(Points, Vec<u32>)> {
        let d = if D > 0 { D } else { table.d };
        let block = self.pattern.len();
        let (mut kept, mut rows) = (Vec::new(), Vec::new());
        let mut steps = vec![0u64; block];
        for (number, numbers) in table.data.chunks(block).enumerate() {
            let mut bad = 0u64;
            let by = self.low.iter().zip(&self.scale);
            for ((step, x), (low, scale)) in steps.iter_mut().zip(numbers).zip(by) {
                bad |= u64::from(x.is_nan());
                *step = place(*x, *low, *scale).to_bits();
            }
            if bad != 0 {
                return None;
            }
            for (i, step) in steps[..numbers.len()].chunks_exact(d).enumerate() {
                let mut common = u64::MAX;
                for (at, below) in step.iter().zip(&self.below) {
                    common &= below[*at as usize % STEPS];
                }
                if common == 0 {
                    rows.push((number * (block / d) + i) as u32);
                    let row = numbers[i * d..(i + 1) * d].iter().zip(&self.pattern);
                    kept.extend(row.map(|(x, sign)| x * sign + 0.0));
                }
            }
        }
        Some((Points { data: kept, d }, rows))
    }
}

/// A float whose lowest bits are the step, from 0 to `STEPS - 1`. NaN may be anywhere.
#[inline(always)]
fn place(x: f64, low: f64, scale: f64) -> f64 {
    let t = (x - low) * scale;
    let t = if t > 0.0 { t } else { 0.0 };
    let last = (STEPS - 1) as f64;
    let t = if t < last { t } else { last };
    t + WHOLE
}

/// The strongest points of a sample, by sum of ranks, none of which covers another. Those with
/// infinities are no measure.
fn pivots(sample: &Points) -> Vec<&[f64]> {
    let n = sample.len();
    let mut score = vec![0u64; n];
    for column in 0..sample.d {
        for (score, rank) in score.iter_mut().zip(sample.ranks(column).0) {
            *score += u64::from(rank);
        }
    }
    let mut by: Vec<usize> = (0..n).collect();
    by.sort_by_key(|i| (score[*i], *i));
    let mut kept: Vec<&[f64]> = Vec::with_capacity(PIVOTS);
    for i in by {
        let row = sample.row(i);
        if row.iter().all(|x| x.is_finite()) && !kept.iter().any(|k| covers(k, row)) {
            kept.push(row);
            if kept.len() == PIVOTS {
                break;
            }
        }
    }
    kept
}
