//! What the metrics mean, one query at a time. The definitions are those of trec_eval.

use super::EvaluateOptions;
use crate::error::{Error, Result};
use std::fmt;

/// The most metrics of one evaluation.
pub const MAX_METRICS: usize = 100;
const MAX_K: usize = 10_000;

crate::option_enum! {
    /// What a grade is worth to nDCG.
    Gain {
        /// The grade itself (Järvelin and Kekäläinen, 2002), as in trec_eval and BEIR.
        Linear = "linear",
        /// `2^grade - 1` (Burges and others, 2005): high grades dominate.
        Exponential = "exponential",
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    Ndcg,
    Recall,
    Mrr,
    Map,
    Precision,
    Success,
    Judged,
}

const MEASURES: &[(&str, Measure)] = &[
    ("ndcg", Measure::Ndcg),
    ("recall", Measure::Recall),
    ("mrr", Measure::Mrr),
    ("map", Measure::Map),
    ("precision", Measure::Precision),
    ("success", Measure::Success),
    ("judged", Measure::Judged),
];

/// A measure with its cutoff: `"ndcg@10"`.
///
/// | name | what it says of the first `k` | in trec_eval |
/// |---|---|---|
/// | `ndcg@k` | gains discounted by `log2(1 + rank)`, as a share of the best order's | `ndcg_cut` |
/// | `recall@k` | the share of the relevant documents that is there | `recall` |
/// | `mrr@k` | 1 through the rank of the first relevant document, 0 if none is there | `recip_rank` |
/// | `map@k` | precision at each relevant document, over all relevant ones | `map_cut` |
/// | `precision@k` | the relevant ones there, divided by `k` | `P` |
/// | `success@k` | 1 if any relevant one is there (hit rate) | `success` |
/// | `judged@k` | the share of those there that anybody judged | |
///
/// `k` is in 1..=10000; without `@k` the whole ranking counts, except for `precision`, which needs
/// one.
///
/// ```
/// use rag_core::evaluation::Metric;
/// assert_eq!(Metric::parse("ndcg@10")?.to_string(), "ndcg@10");
/// assert!(Metric::parse("ndcg@0").is_err() && Metric::parse("precision").is_err());
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    measure: Measure,
    k: Option<usize>,
}

impl Metric {
    /// The metric of that name.
    pub fn parse(name: &str) -> Result<Self> {
        let (measure, k) = match name.split_once('@') {
            Some((measure, k)) => (measure, Some(k)),
            None => (name, None),
        };
        let Some((_, measure)) = MEASURES.iter().find(|(known, _)| *known == measure) else {
            let known: Vec<&str> = MEASURES.iter().map(|(known, _)| *known).collect();
            return Err(Error::invalid(format!(
                "no metric is called \"{name}\"; there are {}, each with a cutoff as in ndcg@10",
                known.join(", ")
            )));
        };
        let cutoff = |k: &str| {
            let digits = !k.is_empty() && k.bytes().all(|b| b.is_ascii_digit());
            let parsed = k.parse::<usize>().ok();
            let parsed = parsed.filter(|k| digits && (1..=MAX_K).contains(k));
            parsed.ok_or_else(|| {
                Error::invalid(format!(
                    "the cutoff of a metric must be in 1..={MAX_K}, got \"{name}\""
                ))
            })
        };
        let k = k.map(cutoff).transpose()?;
        if k.is_none() && *measure == Measure::Precision {
            return Err(Error::invalid(
                "precision needs a cutoff, as in precision@10",
            ));
        }
        let measure = *measure;
        Ok(Self { measure, k })
    }

    /// The metrics of those names, each different.
    pub(super) fn list(names: &[&str]) -> Result<Vec<Self>> {
        if names.len() > MAX_METRICS {
            return Err(Error::invalid(format!(
                "at most {MAX_METRICS} metrics at a time, got {}",
                names.len()
            )));
        }
        let mut metrics: Vec<Self> = Vec::with_capacity(names.len());
        for name in names {
            let metric = Self::parse(name)?;
            if metrics.contains(&metric) {
                return Err(Error::invalid(format!("{metric} is asked for twice")));
            }
            metrics.push(metric);
        }
        Ok(metrics)
    }

    /// How far down the ranking it looks.
    pub(super) fn depth(&self) -> usize {
        self.k.unwrap_or(usize::MAX)
    }

    /// The value for one query, in 0 to 1. The query has a relevant document.
    pub(super) fn value(&self, seen: &Seen, judgement: &Judgement) -> f64 {
        let relevant = &seen.relevant[..self.depth().min(seen.relevant.len())];
        let hits = || relevant.iter().filter(|r| **r).count() as f64;
        let all = judgement.relevant as f64;
        match self.measure {
            Measure::Ndcg => {
                let gains = &seen.gains[..relevant.len()];
                let best = &judgement.ideal[..self.depth().min(judgement.ideal.len())];
                discounted(gains) / discounted(best)
            }
            Measure::Recall => hits() / all,
            Measure::Mrr => {
                let first = relevant.iter().position(|r| *r);
                first.map_or(0.0, |at| 1.0 / (at as f64 + 1.0))
            }
            Measure::Map => {
                let ranks = relevant.iter().enumerate().filter(|(_, r)| **r);
                let precisions = ranks
                    .enumerate()
                    .map(|(i, (at, _))| (i + 1) as f64 / (at + 1) as f64);
                precisions.sum::<f64>() / all
            }
            Measure::Precision => hits() / self.depth() as f64,
            Measure::Success => f64::from(relevant.contains(&true)),
            Measure::Judged => {
                let judged = &seen.judged[..relevant.len()];
                let known = judged.iter().filter(|j| **j).count() as f64;
                known / (judged.len().max(1)) as f64
            }
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = MEASURES.iter().find(|(_, m)| *m == self.measure);
        f.write_str(named.map_or("", |(name, _)| name))?;
        self.k.map_or(Ok(()), |k| write!(f, "@{k}"))
    }
}

fn discounted(gains: &[f64]) -> f64 {
    let terms = gains.iter().enumerate();
    terms
        .map(|(at, gain)| gain / (at as f64 + 2.0).log2())
        .sum()
}

/// What is known about one query.
pub(super) struct Judgement {
    /// Relevant documents.
    pub(super) relevant: usize,
    /// Gains above zero, descending.
    ideal: Vec<f64>,
    gain: Gain,
    min_grade: f64,
}

impl Judgement {
    pub(super) fn new(grades: impl Iterator<Item = f64>, options: &EvaluateOptions) -> Self {
        let (gain, min_grade) = (options.gain, options.min_grade.unwrap_or(f64::MIN_POSITIVE));
        let mut grades: Vec<f64> = grades.filter(|g| *g > 0.0).collect();
        grades.sort_unstable_by(|a, b| b.total_cmp(a));
        Self {
            relevant: grades.iter().filter(|g| **g >= min_grade).count(),
            ideal: grades.iter().map(|g| worth(*g, gain)).collect(),
            gain,
            min_grade,
        }
    }
}

fn worth(grade: f64, gain: Gain) -> f64 {
    match gain {
        _ if grade <= 0.0 => 0.0,
        Gain::Linear => grade,
        Gain::Exponential if grade >= 1.0 => grade.exp2() - 1.0,
        // Keeps small grades apart from 0.
        Gain::Exponential => (grade * std::f64::consts::LN_2).exp_m1(),
    }
}

/// A ranking, seen through the judgements.
pub(super) struct Seen {
    gains: Vec<f64>,
    relevant: Vec<bool>,
    judged: Vec<bool>,
}

impl Seen {
    /// From the grade at each rank, if there is one.
    pub(super) fn new(grades: &[Option<f64>], judgement: &Judgement) -> Self {
        let grade = |g: &Option<f64>| g.unwrap_or(0.0);
        Self {
            gains: grades
                .iter()
                .map(|g| worth(grade(g), judgement.gain))
                .collect(),
            relevant: grades
                .iter()
                .map(|g| grade(g) >= judgement.min_grade)
                .collect(),
            judged: grades.iter().map(Option::is_some).collect(),
        }
    }
}

/// The nDCG of single rankings of one question, for those who rank it in many ways.
pub(crate) struct Judge {
    judgement: Judgement,
    metric: Metric,
}

impl Judge {
    /// From the grades of all that was judged. `InvalidArgument` if none of them is above 0.
    pub(crate) fn new(grades: impl Iterator<Item = f64>, k: usize) -> Result<Self> {
        let judgement = Judgement::new(grades, &EvaluateOptions::default());
        let measure = Measure::Ndcg;
        match judgement.relevant {
            0 => Err(Error::invalid(
                "no judged document is relevant, so no ranking is better than another; give a grade \
                 above 0",
            )),
            _ => Ok(Self {
                judgement,
                metric: Metric {
                    measure,
                    k: Some(k),
                },
            }),
        }
    }

    /// From the grade at each rank, where there is one.
    pub(crate) fn ndcg(&self, grades: &[Option<f64>]) -> f64 {
        self.metric
            .value(&Seen::new(grades, &self.judgement), &self.judgement)
    }
}
