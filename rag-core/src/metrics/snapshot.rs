//! Everything that was counted, as it is now.

use super::histogram::Spread;
use super::minutes::{Minute, Tally};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How values were spread, in a few numbers. Percentiles are off by at most 1% of themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// How many.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// Half of them are not above this.
    pub p50: f64,
    /// 95% of them are not above this.
    pub p95: f64,
    /// 99% of them are not above this.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

impl From<&Spread> for Summary {
    fn from(spread: &Spread) -> Self {
        Self {
            count: spread.count(),
            mean: spread.mean(),
            p50: spread.quantile(0.5),
            p95: spread.quantile(0.95),
            p99: spread.quantile(0.99),
            max: spread.max(),
        }
    }
}

/// A cache's hits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CacheFigures {
    /// Times that it had what was wanted.
    pub hits: u64,
    /// Times that it had not.
    pub misses: u64,
    /// The share of hits, in 0 to 1.
    pub rate: f64,
}

impl From<&Tally> for CacheFigures {
    fn from(tally: &Tally) -> Self {
        Self {
            hits: tally.hits,
            misses: tally.misses,
            rate: tally.rate(),
        }
    }
}

/// What happened in a stretch of time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Window {
    /// Seconds from its beginning to now.
    pub seconds: f64,
    /// Questions.
    pub queries: u64,
    /// Questions a second.
    pub rate: f64,
    /// Questions that a cache answered.
    pub cached: u64,
    /// Their share, in 0 to 1.
    pub hit_rate: f64,
    /// Questions that failed.
    pub failed: u64,
    /// Their share, in 0 to 1.
    pub error_rate: f64,
    /// Failures by kind.
    pub errors: BTreeMap<Arc<str>, u64>,
    /// Seconds a question took.
    pub latency: Summary,
    /// Seconds spent in each part, all questions together.
    pub parts: BTreeMap<Arc<str>, f64>,
    /// Caches by name.
    pub caches: BTreeMap<Arc<str>, CacheFigures>,
    /// Questions by route.
    pub routes: BTreeMap<Arc<str>, u64>,
    /// Tokens that went in.
    pub input_tokens: u64,
    /// Tokens that came out.
    pub output_tokens: u64,
    /// What they cost.
    pub cost: f64,
}

impl Window {
    pub(super) fn new(sum: &Minute, seconds: f64) -> Self {
        Self {
            seconds,
            queries: sum.queries,
            rate: match seconds > 0.0 {
                true => sum.queries as f64 / seconds,
                false => 0.0,
            },
            cached: sum.cached,
            hit_rate: sum.hit_rate(),
            failed: sum.failed(),
            error_rate: sum.error_rate(),
            errors: sum.errors.clone(),
            latency: Summary::from(&sum.latency),
            parts: sum.parts.clone(),
            caches: sum
                .caches
                .iter()
                .map(|(name, t)| (name.clone(), t.into()))
                .collect(),
            routes: sum.routes.clone(),
            input_tokens: sum.input_tokens,
            output_tokens: sum.output_tokens,
            cost: sum.cost,
        }
    }
}

/// A counter, gauge or histogram as it is now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What a counter has counted or a gauge shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// How a histogram's values are spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
}

/// Everything that was counted, as it is now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// Unix seconds of now.
    pub at: f64,
    /// Unix seconds since when is counted.
    pub since: f64,
    /// Everything since then.
    pub total: Window,
    /// The last five minutes: this one, as far as it has come, and the four before.
    pub last_5_minutes: Window,
    /// The last hour, likewise.
    pub last_hour: Window,
    /// The last day, likewise.
    pub last_day: Window,
    /// Seconds of each part of a question, since the start.
    pub parts: BTreeMap<String, Summary>,
    /// Everything that was counted by name besides.
    pub figures: Vec<Figure>,
}

impl Snapshot {
    /// As a JSON object. A gauge that shows no number is `null`.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("names are texts, and nothing else can fail")
    }
}
