//! `rag_run`, `rag_qrels` and `rag_evaluation`: how good a search is.

use crate::beliefs::rag_value_estimate;
use crate::convert::{self, fill, name, optional_name, path, ranges, slice, texts, writable};
use crate::error::rag_error;
use crate::guard::guard;
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use crate::strings::{give_text, give_texts, rag_string, rag_strings};
use rag_core::evaluation::{
    CompareOptions, Estimate, EvaluateOptions, Evaluation, Qrels, Run, compare_runs, evaluate,
};
use std::ffi::c_char;
use std::ptr;

/// What was found for each query. Never changes; usable from many threads.
pub struct rag_run {
    _opaque: [u8; 0],
}
noun!(rag_run => Run<'static>);

/// What is relevant to each query. Never changes; usable from many threads.
pub struct rag_qrels {
    _opaque: [u8; 0],
}
noun!(rag_qrels => Qrels<'static>);

/// Metrics of a run, by query and on average. Never changes; usable from many threads.
pub struct rag_evaluation {
    _opaque: [u8; 0],
}
noun!(rag_evaluation => Evaluation);

/// What became of the queries of a run and its judgements.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_query_counts {
    /// Measured: judged, with a relevant document.
    pub queries: usize,
    /// Judged without a relevant document: left out.
    pub without_relevant: usize,
    /// Measured but absent from the run: they count as nothing found.
    pub missing: usize,
    /// In the run but not judged: left out.
    pub unjudged: usize,
}

/// How one run compares with another.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_comparison {
    /// The mean of the first run.
    pub a: f64,
    /// The mean of the second run.
    pub b: f64,
    /// The mean of `a - b` over the queries, with its interval.
    pub difference: rag_value_estimate,
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
}

fn estimate(e: Estimate) -> rag_value_estimate {
    rag_value_estimate {
        value: e.value,
        low: e.low,
        high: e.high,
    }
}

/// What messages call the offsets of documents, and whose they are.
const OFFSETS: [&str; 3] = ["offsets", "documents", "query"];

/// *Gives* a run: for each of `n` queries its documents, best first.
///
/// `documents` lends the ids of all queries one after another, `document_count` of them, and
/// `offsets` the place at which those of each query start (`n` numbers, the first 0). `scores`
/// lends a number for each document, larger ones come first and equal ones keep their order; NULL
/// if the documents are in order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_run_new(
    queries: *const *const c_char,
    offsets: *const usize,
    n: usize,
    documents: *const *const c_char,
    scores: *const f64,
    document_count: usize,
    out: *mut *mut rag_run,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let queries = texts(queries, ptr::null(), n, "queries")?;
        let documents = texts(documents, ptr::null(), document_count, "documents")?;
        let ranges = ranges(offsets, n, document_count, OFFSETS)?;
        let scores = match scores.is_null() {
            true => None,
            false => Some(slice(scores, document_count, "scores")?),
        };
        let mut run = Run::new();
        for (query, range) in queries.into_iter().zip(ranges) {
            let ids = documents[range.clone()].iter().map(|d| (*d).to_owned());
            match scores {
                None => run.add(query.to_owned(), ids)?,
                Some(s) => run.add_scores(query.to_owned(), ids.zip(s[range].iter().copied()))?,
            }
        }
        convert::put(out, handle::give(run), "out")
    })
}

/// *Gives* the run in a file of six columns, as TREC has it. An error names the line.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_run_read(
    path: *const c_char,
    out: *mut *mut rag_run,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let run = Run::read(self::path(path, "path")?)?;
        convert::put(out, handle::give(run), "out")
    })
}

/// *Gives* the queries of a run, in the order in which they came.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_run_queries(
    run: *const rag_run,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(run, "run", |r| give_texts(out, r.queries()))
    })
}

/// Frees a run. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_run_free(run: *mut rag_run) -> rag_status {
    guard(ptr::null_mut(), || handle::free(run, "run"))
}

/// *Gives* judgements: for each of `n` queries the documents that were judged. Arrays are those of
/// `rag_run_new`; `grades` lends a number for each document, above 0 if it is relevant, or is NULL
/// if all of them are relevant alike.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_qrels_new(
    queries: *const *const c_char,
    offsets: *const usize,
    n: usize,
    documents: *const *const c_char,
    grades: *const f64,
    document_count: usize,
    out: *mut *mut rag_qrels,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let queries = texts(queries, ptr::null(), n, "queries")?;
        let documents = texts(documents, ptr::null(), document_count, "documents")?;
        let ranges = ranges(offsets, n, document_count, OFFSETS)?;
        let grades = match grades.is_null() {
            true => None,
            false => Some(slice(grades, document_count, "grades")?),
        };
        let mut qrels = Qrels::new();
        for (query, range) in queries.into_iter().zip(ranges) {
            let judged = range.map(|i| (documents[i].to_owned(), grades.map_or(1.0, |g| g[i])));
            qrels.add(query.to_owned(), judged)?;
        }
        convert::put(out, handle::give(qrels), "out")
    })
}

/// *Gives* the judgements in a file: three columns parted by tabs, as BEIR has them, or four
/// parted by blanks, as TREC has them. An error names the line.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_qrels_read(
    path: *const c_char,
    out: *mut *mut rag_qrels,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let qrels = Qrels::read(self::path(path, "path")?)?;
        convert::put(out, handle::give(qrels), "out")
    })
}

/// *Gives* the judged queries, in the order in which they came.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_qrels_queries(
    qrels: *const rag_qrels,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(qrels, "qrels", |q| give_texts(out, q.queries()))
    })
}

/// Frees judgements. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_qrels_free(qrels: *mut rag_qrels) -> rag_status {
    guard(ptr::null_mut(), || handle::free(qrels, "qrels"))
}

/// *Gives* the metrics of a run. `metrics` lends `n` names: `ndcg`, `recall`, `mrr`, `map`,
/// `precision`, `success` or `judged`, with a cutoff as in `"ndcg@10"`; with none, the usual four at
/// 10. A judged query that the run lacks counts as nothing found; one without relevant documents
/// is left out.
///
/// Options: `gain`, `min_grade`, `ignore_identical_ids`, `interval`, `level`, `resamples`, `seed`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_evaluate(
    run: *const rag_run,
    qrels: *const rag_qrels,
    metrics: *const *const c_char,
    n: usize,
    options: *const rag_options,
    out: *mut *mut rag_evaluation,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let metrics = texts(metrics, ptr::null(), n, "metrics")?;
        let mut chosen = EvaluateOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let found = handle::with(run, "run", |run| {
            handle::with(qrels, "qrels", |q| Ok(evaluate(run, q, &metrics, &chosen)?))
        })?;
        convert::put(out, handle::give(found), "out")
    })
}

/// *Gives* the names of the metrics, in the order asked for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_evaluation_metrics(
    evaluation: *const rag_evaluation,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(evaluation, "evaluation", |e| {
            give_texts(out, e.metrics().iter().map(ToString::to_string))
        })
    })
}

/// *Gives* the ids of the measured queries, ascending.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_evaluation_queries(
    evaluation: *const rag_evaluation,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(evaluation, "evaluation", |e| {
            give_texts(out, e.queries().iter().map(String::as_str))
        })
    })
}

/// The mean of a metric over the queries, with its interval. `RAG_STATUS_NOT_FOUND` for a metric
/// that was not measured.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_evaluation_estimate(
    evaluation: *const rag_evaluation,
    metric: *const c_char,
    estimate: *mut rag_value_estimate,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(estimate, "estimate")?;
        let metric = name(metric, "metric")?;
        let found = handle::with(evaluation, "evaluation", |e| Ok(e.estimate(metric)?))?;
        convert::put(estimate, self::estimate(found), "estimate")
    })
}

/// A value of the metric for each measured query. With too little room only `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_evaluation_per_query(
    evaluation: *const rag_evaluation,
    metric: *const c_char,
    out: *mut f64,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let metric = name(metric, "metric")?;
        handle::with(evaluation, "evaluation", |e| {
            fill(e.per_query(metric)?, out, capacity, count, "out")
        })
    })
}

/// What became of the queries.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_evaluation_counts(
    evaluation: *const rag_evaluation,
    counts: *mut rag_query_counts,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(counts, "counts")?;
        let found = handle::with(evaluation, "evaluation", |e| Ok(e.counts()))?;
        let found = rag_query_counts {
            queries: found.queries,
            without_relevant: found.without_relevant,
            missing: found.missing,
            unjudged: found.unjudged,
        };
        convert::put(counts, found, "counts")
    })
}

/// *Gives* the evaluation as a table for people.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_evaluation_text(
    evaluation: *const rag_evaluation,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(evaluation, "evaluation", |e| give_text(out, e.to_string()))
    })
}

/// Frees an evaluation. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_evaluation_free(evaluation: *mut rag_evaluation) -> rag_status {
    guard(ptr::null_mut(), || handle::free(evaluation, "evaluation"))
}

/// Compares run `a` with run `b` by `metric` (NULL for `"ndcg@10"`): the paired difference
/// `a - b`, its interval and a test.
///
/// Options: those of `rag_evaluate`, and `test`: `"randomization"`, `"bootstrap"` or `"t"`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_compare_runs(
    a: *const rag_run,
    b: *const rag_run,
    qrels: *const rag_qrels,
    metric: *const c_char,
    options: *const rag_options,
    comparison: *mut rag_comparison,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(comparison, "comparison")?;
        let metric =
            optional_name(metric, "metric")?.unwrap_or(rag_core::evaluation::DEFAULT_METRIC);
        let mut chosen = CompareOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let found = handle::with(a, "a", |a| {
            handle::with(b, "b", |b| {
                handle::with(qrels, "qrels", |q| {
                    Ok(compare_runs(a, b, q, metric, &chosen)?)
                })
            })
        })?;
        let found = rag_comparison {
            a: found.a,
            b: found.b,
            difference: estimate(found.difference),
            p_value: found.p_value,
            queries: found.queries,
            wins: found.wins,
            ties: found.ties,
            losses: found.losses,
        };
        convert::put(comparison, found, "comparison")
    })
}
