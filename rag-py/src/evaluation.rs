//! Metrics of runs against judgements, and their files.

use crate::call::call;
use crate::convert::{Text, set_options};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rag_core::evaluation::{
    CompareOptions, Estimate, EvaluateOptions, Qrels, Run, compare_runs as compare,
    evaluate as measure,
};
use rag_core::{Result, evaluation};
use std::path::PathBuf;

/// (query, documents, scores)
type Found = Vec<(Text, Vec<Text>, Option<Vec<f64>>)>;
/// (query, documents, grades)
pub(crate) type Judged = Vec<(Text, Vec<Text>, Vec<f64>)>;
/// (value, low, high)
type Interval = (f64, f64, f64);
/// (metric, mean, values by query)
type Column = (String, Interval, Vec<f64>);
/// Query, then documents with numbers.
type Table = Vec<(String, Vec<(String, f64)>)>;

fn interval(e: Estimate) -> Interval {
    (e.value, e.low, e.high)
}

fn run(lists: &Found) -> Result<Run<'_>> {
    let mut run = Run::new();
    for (query, documents, scores) in lists {
        let ids = documents.iter().map(|d| &**d);
        match scores {
            None => run.add(&**query, ids)?,
            Some(scores) => run.add_scores(&**query, ids.zip(scores.iter().copied()))?,
        }
    }
    Ok(run)
}

pub(crate) fn qrels(lists: &Judged) -> Result<Qrels<'_>> {
    let mut qrels = Qrels::new();
    for (query, documents, grades) in lists {
        let ids = documents.iter().map(|d| &**d);
        qrels.add(&**query, ids.zip(grades.iter().copied()))?;
    }
    Ok(qrels)
}

/// Queries, a column for each metric, the counts, and the table as text.
#[pyfunction]
#[pyo3(signature = (found, judged, metrics, **options))]
#[allow(
    clippy::type_complexity,
    reason = "a tuple is unpacked on the other side"
)]
pub(crate) fn evaluate(
    py: Python<'_>,
    found: Found,
    judged: Judged,
    metrics: Vec<Text>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<(
    Vec<String>,
    Vec<Column>,
    (usize, usize, usize, usize),
    String,
)> {
    let mut chosen = EvaluateOptions::default();
    set_options(options, |name, value| chosen.set(name, value))?;
    call(py, || {
        let metrics: Vec<&str> = metrics.iter().map(|m| &**m).collect();
        let found = measure(&run(&found)?, &qrels(&judged)?, &metrics, &chosen)?;
        let column = |metric: &evaluation::Metric| {
            let name = metric.to_string();
            let values = found.per_query(&name)?.to_vec();
            Ok((name.clone(), interval(found.estimate(&name)?), values))
        };
        let columns: Result<Vec<Column>> = found.metrics().iter().map(column).collect();
        let c = found.counts();
        let counts = (c.queries, c.without_relevant, c.missing, c.unjudged);
        Ok((
            found.queries().to_vec(),
            columns?,
            counts,
            found.to_string(),
        ))
    })
}

/// (metric, a, b, difference, p_value, (queries, wins, ties, losses), text)
type Compared = (
    String,
    f64,
    f64,
    Interval,
    f64,
    (usize, usize, usize, usize),
    String,
);

#[pyfunction]
#[pyo3(signature = (a, b, judged, metric, **options))]
pub(crate) fn compare_runs(
    py: Python<'_>,
    a: Found,
    b: Found,
    judged: Judged,
    metric: Text,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Compared> {
    let mut chosen = CompareOptions::default();
    set_options(options, |name, value| chosen.set(name, value))?;
    call(py, || {
        let c = compare(&run(&a)?, &run(&b)?, &qrels(&judged)?, &metric, &chosen)?;
        Ok((
            c.metric.to_string(),
            c.a,
            c.b,
            interval(c.difference),
            c.p_value,
            (c.queries, c.wins, c.ties, c.losses),
            c.to_string(),
        ))
    })
}

#[pyfunction]
pub(crate) fn read_qrels(py: Python<'_>, path: PathBuf) -> PyResult<Table> {
    call(py, || {
        let read = Qrels::read(&path)?;
        let row = |query: &str| {
            let judged = read.judgements(query).unwrap_or_default().iter();
            (
                query.to_owned(),
                judged.map(|(d, g)| (d.to_string(), *g)).collect(),
            )
        };
        Ok(read.queries().map(row).collect())
    })
}

#[pyfunction]
pub(crate) fn read_run(py: Python<'_>, path: PathBuf) -> PyResult<Table> {
    call(py, || {
        let read = Run::read(&path)?;
        let row = |query: &str| {
            let ids = read.ranking(query).unwrap_or_default().iter();
            let scores = read.scores(query).unwrap_or_default();
            (
                query.to_owned(),
                ids.map(ToString::to_string)
                    .zip(scores.iter().copied())
                    .collect(),
            )
        };
        Ok(read.queries().map(row).collect())
    })
}
