//! Whether one run is better than another, query by query.
//!
//! Two runs over the same queries share what makes a query hard, so their differences say far
//! more than their two intervals do (Smucker, Allan and Carterette, 2007).

use super::interval::{Spread, estimates, mean, percent, standard_error};
use super::{Estimate, EvaluateOptions, Gain, Interval, Metric, Qrels, Run, measure, student};
use crate::error::Result;
use crate::rng::Rng;
use std::fmt;

/// Differences below this are rounding: the queries tie.
const TIE: f64 = 1e-12;

crate::option_enum! {
    /// How it is tested that two runs are equally good.
    Test {
        /// Fisher's: how often differences with random signs have as large a mean. All signs are
        /// tried where that takes no more than `resamples`.
        Randomization = "randomization",
        /// How often the mean of resampled differences, moved to 0, is as large (Efron and
        /// Tibshirani, 1993, chapter 16).
        Bootstrap = "bootstrap",
        /// Student's paired t.
        T = "t",
    }
}

crate::options! {
    /// How two runs are compared.
    CompareOptions {
        /// `"randomization"`, `"bootstrap"` or `"t"`.
        test: Test = Test::Randomization;
        /// What a grade is worth to nDCG: `"linear"` or `"exponential"`.
        gain: Gain = Gain::Linear;
        /// The lowest grade that is relevant to all metrics but nDCG; any above 0 if none.
        min_grade: Option<f64> = None, in 1e-9..=1000.0;
        /// Whether a document with its query's own id is taken out of the rankings, as BEIR does.
        ignore_identical_ids: bool = false;
        /// `"bootstrap"` (percentiles of resampled queries) or `"t"` (Student's).
        interval: Interval = Interval::Bootstrap;
        /// The share of intervals that cover the truth.
        level: f64 = 0.95, in 0.5..=0.999;
        /// How often signs or queries are drawn anew.
        resamples: usize = 10_000, in 100..=1_000_000;
        /// Seed of the draws.
        seed: u64 = 0;
    }
}

/// What [`compare_runs`] found. Its text (`to_string`) is a line that says it all.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What was compared.
    pub metric: Metric,
    /// The mean of the first run.
    pub a: f64,
    /// The mean of the second run.
    pub b: f64,
    /// The mean of `a - b` over the queries, with its interval.
    pub difference: Estimate,
    /// How likely so large a difference, of either sign, is between equally good runs.
    pub p_value: f64,
    /// Queries compared.
    pub queries: usize,
    /// Queries at which `a` is better.
    pub wins: usize,
    /// Queries at which both are the same, to rounding.
    pub ties: usize,
    /// Queries at which `b` is better.
    pub losses: usize,
    /// The share of intervals that cover the truth.
    pub level: f64,
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Estimate { value, low, high } = self.difference;
        write!(
            f,
            "{}: {:.4} - {:.4} = {value:+.4} ({}: {low:+.4} to {high:+.4}), p = {:.4}; \
             {} queries: {} wins, {} ties, {} losses",
            self.metric,
            self.a,
            self.b,
            percent(self.level),
            self.p_value,
            self.queries,
            self.wins,
            self.ties,
            self.losses
        )
    }
}

/// Compares run `a` with run `b` by `metric`: the paired difference `a - b`, its interval and a
/// two-sided test.
///
/// Queries are those of [`super::evaluate`]; one that a run lacks counts as nothing found by it.
///
/// ```
/// use rag_core::evaluation::{CompareOptions, Qrels, Run, compare_runs};
/// let (mut qrels, mut a, mut b) = (Qrels::new(), Run::new(), Run::new());
/// for i in 0..8 {
///     qrels.add(format!("q{i}"), [("x", 1.0)])?;
///     a.add(format!("q{i}"), ["x", "y"])?;
///     b.add(format!("q{i}"), if i == 0 { ["x", "y"] } else { ["y", "x"] })?;
/// }
/// let found = compare_runs(&a, &b, &qrels, "mrr@10", &CompareOptions::default())?;
/// assert_eq!((found.wins, found.ties, found.losses), (7, 1, 0));
/// assert_eq!(found.p_value, 2.0 / 128.0, "all signs of seven differences were tried");
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn compare_runs(
    a: &Run<'_>,
    b: &Run<'_>,
    qrels: &Qrels<'_>,
    metric: &str,
    options: &CompareOptions,
) -> Result<Comparison> {
    options.check()?;
    let metric = Metric::parse(metric)?;
    let measured = EvaluateOptions::default()
        .gain(options.gain)
        .min_grade(options.min_grade)
        .ignore_identical_ids(options.ignore_identical_ids);
    let row = |run, name| {
        let measured = measure(run, qrels, &[metric], &measured);
        let (_, mut rows, _) = measured.map_err(|e| e.context(name))?;
        Ok::<_, crate::Error>(rows.swap_remove(0))
    };
    let (of_a, of_b) = (row(a, "the first run")?, row(b, "the second run")?);
    let differences: Vec<f64> = of_a.iter().zip(&of_b).map(|(a, b)| a - b).collect();
    let spread = Spread {
        interval: options.interval,
        level: options.level,
        resamples: options.resamples,
        seed: options.seed,
    };
    let count = |wanted: &dyn Fn(f64) -> bool| differences.iter().filter(|d| wanted(**d)).count();
    Ok(Comparison {
        metric,
        a: mean(&of_a),
        b: mean(&of_b),
        p_value: p_value(&differences, options),
        queries: differences.len(),
        wins: count(&|d| d > TIE),
        ties: count(&|d| d.abs() <= TIE),
        losses: count(&|d| d < -TIE),
        level: options.level,
        difference: estimates(std::slice::from_ref(&differences), &spread)[0],
    })
}

fn p_value(differences: &[f64], options: &CompareOptions) -> f64 {
    let apart: Vec<f64> = differences
        .iter()
        .copied()
        .filter(|d| d.abs() > TIE)
        .collect();
    if apart.is_empty() || differences.len() < 2 {
        return 1.0;
    }
    match options.test {
        Test::T => {
            let free = differences.len() as f64 - 1.0;
            student::two_sided(mean(differences).abs() / standard_error(differences), free)
        }
        // Ties have no sign to draw.
        Test::Randomization => randomization(&apart, options),
        Test::Bootstrap => bootstrap(differences, options),
    }
}

fn randomization(differences: &[f64], options: &CompareOptions) -> f64 {
    let size: f64 = differences.iter().map(|d| d.abs()).sum();
    // Sums of the same numbers in another order may differ by rounding.
    let enough = differences.iter().sum::<f64>().abs() - 1e-12 * size;
    let signed = |signs: &mut dyn FnMut(usize) -> u64| -> f64 {
        let mut sum = 0.0;
        for (i, block) in differences.chunks(64).enumerate() {
            let bits = signs(i);
            for (bit, d) in block.iter().enumerate() {
                sum += if bits >> bit & 1 == 0 { *d } else { -d };
            }
        }
        sum
    };
    let n = differences.len();
    if n < 20 && 1usize << n <= options.resamples {
        let all = 1u64 << n;
        let extreme = (0..all).filter(|bits| signed(&mut |_| *bits).abs() >= enough);
        return extreme.count() as f64 / all as f64;
    }
    let mut rng = Rng::fork(options.seed, 1);
    let draws = 0..options.resamples;
    let extreme = draws.filter(|_| signed(&mut |_| rng.next_u64()).abs() >= enough);
    // The differences as they are are one of the draws: no p-value is 0.
    (extreme.count() + 1) as f64 / (options.resamples + 1) as f64
}

fn bootstrap(differences: &[f64], options: &CompareOptions) -> f64 {
    let (n, middle) = (differences.len(), mean(differences));
    let size: f64 = differences.iter().map(|d| d.abs()).sum();
    let enough = (middle * n as f64).abs() - 1e-12 * size;
    let mut rng = Rng::fork(options.seed, 1);
    let extreme = (0..options.resamples).filter(|_| {
        let sum: f64 = (0..n).map(|_| differences[rng.below(n)] - middle).sum();
        sum.abs() >= enough
    });
    (extreme.count() + 1) as f64 / (options.resamples + 1) as f64
}
