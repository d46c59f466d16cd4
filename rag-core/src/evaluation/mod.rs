//! How good a search is: nDCG, recall, MRR, MAP and their kin from judged queries, with intervals.
//!
//! A [`Run`] says what was found, [`Qrels`] say what is relevant, [`evaluate`] says how well the one
//! meets the other, and [`compare_runs`] whether two runs differ by more than the luck of the
//! queries. Definitions are those of trec_eval and BEIR (in `metric`); what is said of all queries
//! is an estimate from some, so that every mean carries an interval (`interval`). Files are read in
//! `read`. What is said of an answer without any judgement, and without a model, stands apart: how
//! far its passages bear it out ([`groundedness`]), how easily it reads ([`readability`]), how
//! varied a list is ([`alpha_ndcg`], [`intra_list_distance`]).

mod compare;
mod grounded;
mod interval;
mod judged;
mod metric;
mod read;
mod readability;
mod student;
mod syllables;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod text_tests;
mod variety;

pub use compare::{CompareOptions, Comparison, Test, compare_runs};
pub use grounded::{
    DIFFERING, Groundedness, MAX_COMPARED, SUPPORTED, SentenceSupport, SupportVectors,
    answer_sentences, groundedness,
};
pub use interval::{Estimate, Interval};
pub use judged::{MAX_GRADE, Qrels, Run};
pub(crate) use metric::Judge;
pub use metric::{Gain, MAX_METRICS, Metric};
pub use readability::{Readability, readability};
pub use syllables::syllables;
pub use variety::{AlphaNdcgOptions, MAX_SUBTOPIC_DOCUMENTS, alpha_ndcg, intra_list_distance};

use crate::error::{Error, ErrorKind, Result};
use interval::Spread;
use metric::{Judgement, Seen};
use std::collections::HashMap;
use std::fmt;

/// What [`compare_runs`] is asked for where a binding's caller names no metric.
pub const DEFAULT_METRIC: &str = "ndcg@10";
/// What [`evaluate`] measures when no metric is named.
pub const DEFAULT_METRICS: &[&str] = &["ndcg@10", "recall@10", "mrr@10", "map@10"];

crate::options! {
    /// How a run is measured and what interval its means get.
    EvaluateOptions {
        /// What a grade is worth to nDCG: `"linear"` (the grade, as trec_eval has it) or
        /// `"exponential"` (`2^grade - 1`).
        gain: Gain = Gain::Linear;
        /// The lowest grade that is relevant to all metrics but nDCG; any above 0 if none.
        min_grade: Option<f64> = None, in 1e-9..=1000.0;
        /// Whether a document with its query's own id is taken out of the ranking, as BEIR does.
        ignore_identical_ids: bool = false;
        /// `"bootstrap"` (percentiles of resampled queries) or `"t"` (Student's).
        interval: Interval = Interval::Bootstrap;
        /// The share of intervals that cover the truth.
        level: f64 = 0.95, in 0.5..=0.999;
        /// How often the queries are drawn anew.
        resamples: usize = 10_000, in 100..=1_000_000;
        /// Seed of the draws.
        seed: u64 = 0;
    }
}

/// What became of the queries of a run and its judgements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Measured: judged, with a relevant document.
    pub queries: usize,
    /// Judged without a relevant document: left out, because nothing could be found.
    pub without_relevant: usize,
    /// Measured but absent from the run: they count as nothing found.
    pub missing: usize,
    /// In the run but not judged: left out.
    pub unjudged: usize,
}

/// What [`evaluate`] found. Its text (`to_string`) is a table.
#[derive(Clone, Debug)]
pub struct Evaluation {
    metrics: Vec<Metric>,
    queries: Vec<String>,
    /// One row a metric, one column a query.
    values: Vec<Vec<f64>>,
    estimates: Vec<Estimate>,
    counts: Counts,
    options: EvaluateOptions,
}

impl Evaluation {
    /// The metrics, in the order asked for.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// The ids of the measured queries, ascending.
    pub fn queries(&self) -> &[String] {
        &self.queries
    }

    /// One value for each of [`Evaluation::queries`]. `NotFound` for a metric not measured.
    pub fn per_query(&self, metric: &str) -> Result<&[f64]> {
        Ok(&self.values[self.find(metric)?])
    }

    /// The mean over the queries with its interval. `NotFound` for a metric not measured.
    pub fn estimate(&self, metric: &str) -> Result<Estimate> {
        Ok(self.estimates[self.find(metric)?])
    }

    /// What became of the queries.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn find(&self, name: &str) -> Result<usize> {
        let wanted = Metric::parse(name)?;
        let found = self.metrics.iter().position(|m| *m == wanted);
        found.ok_or_else(|| {
            let names: Vec<String> = self.metrics.iter().map(Metric::to_string).collect();
            let names = names.join(", ");
            let message = format!("{wanted} was not measured; there are {names}");
            Error::new(ErrorKind::NotFound, message)
        })
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = interval::percent(self.options.level);
        writeln!(f, "{:<15} {:>7}   {level} interval", "metric", "mean")?;
        for (metric, e) in self.metrics.iter().zip(&self.estimates) {
            let name = metric.to_string();
            let (value, low, high) = (e.value, e.low, e.high);
            writeln!(f, "{name:<15} {value:>7.4}   {low:.4} to {high:.4}")?;
        }
        let c = &self.counts;
        write!(f, "{} queries", c.queries)?;
        if c.missing > 0 {
            write!(f, ", {} of them missing from the run", c.missing)?;
        }
        if c.without_relevant > 0 {
            write!(
                f,
                "; left out: {} without relevant documents",
                c.without_relevant
            )?;
        }
        if c.unjudged > 0 {
            write!(f, "; ignored: {} not judged", c.unjudged)?;
        }
        let o = &self.options;
        match o.interval {
            Interval::Bootstrap => write!(
                f,
                "; intervals by {} bootstrap draws, seed {}",
                o.resamples, o.seed
            ),
            Interval::T => write!(f, "; intervals by Student's t"),
        }
    }
}

/// Measures `run` against `qrels` by each of `metrics` ([`DEFAULT_METRICS`] if empty; see
/// [`Metric`] for their names).
///
/// A document that nobody judged is not relevant. A judged query that the run lacks counts as
/// nothing found, so that leaving hard queries out gains nothing (trec_eval's `-c`); a query
/// without relevant documents is left out and counted. `InvalidArgument` if no query is left, or
/// for an unknown or repeated metric.
///
/// ```
/// use rag_core::evaluation::{EvaluateOptions, Qrels, Run, evaluate};
/// let qrels = Qrels::new()
///     .with("q1", [("a", 2.0), ("b", 1.0)])?
///     .with("q2", [("c", 1.0)])?
///     .with("q3", [("d", 0.0)])?;
/// let run = Run::new().with("q1", ["b", "a"])?;
/// let found = evaluate(&run, &qrels, &["ndcg@10", "recall@1"], &EvaluateOptions::default())?;
/// assert_eq!(found.queries(), ["q1", "q2"]);
/// assert_eq!(found.per_query("recall@1")?, [0.5, 0.0], "q2 was judged, so its absence counts");
/// assert_eq!((found.counts().missing, found.counts().without_relevant), (1, 1));
/// let ndcg = found.estimate("ndcg@10")?;
/// assert!(ndcg.low <= ndcg.value && ndcg.value <= ndcg.high);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn evaluate(
    run: &Run<'_>,
    qrels: &Qrels<'_>,
    metrics: &[&str],
    options: &EvaluateOptions,
) -> Result<Evaluation> {
    options.check()?;
    let metrics = Metric::list(if metrics.is_empty() {
        DEFAULT_METRICS
    } else {
        metrics
    })?;
    let (queries, values, counts) = measure(run, qrels, &metrics, options)?;
    let spread = Spread {
        interval: options.interval,
        level: options.level,
        resamples: options.resamples,
        seed: options.seed,
    };
    Ok(Evaluation {
        estimates: interval::estimates(&values, &spread),
        metrics,
        queries,
        values,
        counts,
        options: options.clone(),
    })
}

/// The queries that can be measured, ascending, and a row of their values for each metric.
fn measure(
    run: &Run<'_>,
    qrels: &Qrels<'_>,
    metrics: &[Metric],
    options: &EvaluateOptions,
) -> Result<(Vec<String>, Vec<Vec<f64>>, Counts)> {
    // Sorted, so that sums and draws do not depend on the order in which queries were given.
    let mut judged: Vec<(&str, &judged::Judgements<'_>)> = qrels.iter().collect();
    judged.sort_unstable_by_key(|(query, _)| *query);
    let depth = metrics.iter().map(|m| m.depth()).max().unwrap_or(0);
    let mut counts = Counts::default();
    let mut queries = Vec::with_capacity(judged.len());
    let mut values = vec![Vec::with_capacity(judged.len()); metrics.len()];
    for &(query, judgements) in &judged {
        let grades: HashMap<&str, f64> = judgements.iter().map(|(d, g)| (&**d, *g)).collect();
        let judgement = Judgement::new(grades.values().copied(), options);
        if judgement.relevant == 0 {
            counts.without_relevant += 1;
            continue;
        }
        let ranking = run.ranking(query);
        counts.missing += usize::from(ranking.is_none());
        let others = ranking.unwrap_or_default().iter();
        let others = others.filter(|d| !options.ignore_identical_ids || &***d != query);
        let seen: Vec<Option<f64>> = others
            .take(depth)
            .map(|d| grades.get(&**d).copied())
            .collect();
        let seen = Seen::new(&seen, &judgement);
        for (metric, row) in metrics.iter().zip(&mut values) {
            row.push(metric.value(&seen, &judgement));
        }
        queries.push(query.to_owned());
    }
    counts.queries = queries.len();
    counts.unjudged = run.queries().filter(|q| !qrels.contains(q)).count();
    if queries.is_empty() {
        return Err(Error::invalid(format!(
            "no query can be measured: {} are judged and none of them has a relevant document; \
             judge some documents with grades above 0",
            judged.len()
        )));
    }
    if counts.missing == queries.len() && !run.is_empty() {
        return Err(Error::invalid(format!(
            "the run and the judgements have no query in common (the run has \"{}\", the \
             judgements have \"{}\"); give both the same ids",
            run.queries().next().unwrap_or_default(),
            queries[0]
        )));
    }
    Ok((queries, values, counts))
}
