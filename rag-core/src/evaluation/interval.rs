//! How sure a mean over queries is: its interval, by resampling or by Student's t.

use super::student;
use crate::rng::Rng;

crate::option_enum! {
    /// Where an interval comes from.
    Interval {
        /// Percentiles of the mean over queries drawn with replacement (Efron, 1979).
        Bootstrap = "bootstrap",
        /// Student's t around the mean; ends may lie beyond 0 and 1.
        T = "t",
    }
}

/// A value with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean over the queries.
    pub value: f64,
    /// The lower end; minus infinity for a single query, which says nothing of others.
    pub low: f64,
    /// The upper end; infinity for a single query.
    pub high: f64,
}

/// What an interval is made by.
#[derive(Clone, Copy)]
pub(super) struct Spread {
    pub(super) interval: Interval,
    pub(super) level: f64,
    pub(super) resamples: usize,
    pub(super) seed: u64,
}

/// An estimate for each row of values over the same queries, of which there is at least one. All
/// rows see the same draws.
pub(super) fn estimates(rows: &[Vec<f64>], spread: &Spread) -> Vec<Estimate> {
    let single = rows.iter().any(|row| row.len() < 2);
    match spread.interval {
        _ if single => rows
            .iter()
            .map(|row| around(mean(row), f64::INFINITY))
            .collect(),
        Interval::T => rows.iter().map(|row| by_t(row, spread.level)).collect(),
        Interval::Bootstrap => by_bootstrap(rows, spread),
    }
}

fn around(value: f64, half: f64) -> Estimate {
    Estimate {
        value,
        low: value - half,
        high: value + half,
    }
}

fn by_t(row: &[f64], level: f64) -> Estimate {
    let half = student::quantile(level, row.len() as f64 - 1.0) * standard_error(row);
    around(mean(row), half)
}

fn by_bootstrap(rows: &[Vec<f64>], spread: &Spread) -> Vec<Estimate> {
    let n = rows[0].len();
    // Query after query, so that one draw reads one place.
    let by_query: Vec<f64> = (0..n)
        .flat_map(|q| rows.iter().map(move |row| row[q]))
        .collect();
    let mut rng = Rng::fork(spread.seed, 0);
    let mut means = vec![Vec::with_capacity(spread.resamples); rows.len()];
    let mut sums = vec![0.0; rows.len()];
    for _ in 0..spread.resamples {
        sums.fill(0.0);
        for _ in 0..n {
            let at = rng.below(n) * rows.len();
            for (sum, value) in sums.iter_mut().zip(&by_query[at..]) {
                *sum += value;
            }
        }
        for (drawn, sum) in means.iter_mut().zip(&sums) {
            drawn.push(sum / n as f64);
        }
    }
    let outside = (1.0 - spread.level) / 2.0;
    let ends = |(row, drawn): (&Vec<f64>, &mut Vec<f64>)| {
        drawn.sort_unstable_by(f64::total_cmp);
        Estimate {
            value: mean(row),
            low: percentile(drawn, outside),
            high: percentile(drawn, 1.0 - outside),
        }
    };
    rows.iter().zip(&mut means).map(ends).collect()
}

/// The share `at` of ascending values, linear between two of them.
fn percentile(sorted: &[f64], at: f64) -> f64 {
    let place = at * (sorted.len() - 1) as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    below + (above - below) * place.fract()
}

pub(super) fn mean(row: &[f64]) -> f64 {
    row.iter().sum::<f64>() / row.len() as f64
}

/// The standard error of the mean of at least two values.
pub(super) fn standard_error(row: &[f64]) -> f64 {
    let middle = mean(row);
    let squares: f64 = row.iter().map(|x| (x - middle) * (x - middle)).sum();
    let n = row.len() as f64;
    (squares / (n - 1.0) / n).sqrt()
}

/// A level as people write it: `95%`.
pub(super) fn percent(level: f64) -> String {
    let rounded = (level * 1e4).round() / 100.0;
    format!("{rounded}%")
}
