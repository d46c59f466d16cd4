//! Whether a route can be asked: failures, the rate it may be asked at, and how long it takes.
//!
//! A route that failed is left out and probed after a wait that doubles with every failure in a row
//! (as circuit breakers do: Nygard, 2007, chapter 5): of a wait's end one decision goes out, and the
//! next one only after another wait, unless the first is answered.

use crate::error::{Error, Result};
use std::collections::VecDeque;

/// The most requests a minute that a limit can be.
pub const MAX_RATE: u64 = 100_000;
/// Latencies that mean and quantile are taken of: the latest so many.
const LATENCIES: usize = 256;
/// Seconds in which requests are counted.
const WINDOW: f64 = 60.0;

/// How a route is, as told by those who ask it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RouteHealth {
    /// Failures in a row.
    pub failures: u64,
    /// When a failing route is tried next, in seconds since 1970.
    pub tried_next: Option<f64>,
    /// Requests a minute that are allowed.
    pub per_minute: Option<u64>,
    /// Mean seconds until an answer, over the latest 256.
    pub latency_mean_s: Option<f64>,
    /// The 95th percentile of the same.
    pub latency_p95_s: Option<f64>,
}

/// Why a route cannot be asked now, and until when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Closed {
    Failing(f64),
    Limited(f64),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Health {
    pub failures: u64,
    /// Not before this; meaningless without failures.
    pub until: f64,
    /// Answers to decisions below this number say nothing of the time after the last failure.
    pub since: u64,
    pub per_minute: Option<u64>,
    pub latencies: VecDeque<f64>,
    /// When it was asked within the last minute; kept only under a limit.
    asked: VecDeque<f64>,
}

/// How long failing routes wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    pub first_s: f64,
    pub longest_s: f64,
}

impl Backoff {
    fn wait(self, failures: u64) -> f64 {
        let doubled = failures.saturating_sub(1).min(60) as i32;
        (self.first_s * 2f64.powi(doubled)).min(self.longest_s.max(self.first_s))
    }
}

impl Health {
    pub fn closed(&self, at: f64) -> Option<Closed> {
        if self.failures > 0 && at < self.until {
            return Some(Closed::Failing(self.until));
        }
        let limit = usize::try_from(self.per_minute?).ok()?;
        let recent = self.asked.iter().filter(|t| **t > at - WINDOW).count();
        // The one that must leave the window before there is room.
        let oldest = self.asked.len().checked_sub(limit)?;
        (recent >= limit).then(|| Closed::Limited(self.asked[oldest] + WINDOW))
    }

    /// A decision for this route goes out.
    pub fn asked(&mut self, at: f64, backoff: Backoff) {
        if self.failures > 0 {
            self.until = at + backoff.wait(self.failures);
        }
        let Some(limit) = self.per_minute else {
            return;
        };
        while self.asked.front().is_some_and(|t| *t <= at - WINDOW)
            || self.asked.len() as u64 >= limit
        {
            self.asked.pop_front();
        }
        self.asked.push_back(at);
    }

    /// The decision `id` failed; `next` is the number that the next decision will have.
    pub fn failed(&mut self, at: f64, id: u64, next: u64, backoff: Backoff) {
        // Requests that were under way together fail together: that is one failure.
        if self.failures == 0 || id >= self.since {
            self.failures = self.failures.saturating_add(1);
            self.since = next;
        }
        self.until = self.until.max(at + backoff.wait(self.failures));
    }

    /// The decision `id` was answered.
    pub fn answered(&mut self, id: u64, latency_s: Option<f64>) {
        if id >= self.since {
            self.failures = 0;
        }
        if let Some(latency) = latency_s {
            if self.latencies.len() == LATENCIES {
                self.latencies.pop_front();
            }
            self.latencies.push_back(latency);
        }
    }

    pub fn limit(&mut self, per_minute: Option<u64>) -> Result<()> {
        if per_minute.is_some_and(|n| !(1..=MAX_RATE).contains(&n)) {
            return Err(Error::invalid(format!(
                "requests a minute must be in 1..={MAX_RATE}, got {}",
                per_minute.unwrap_or_default()
            )));
        }
        self.per_minute = per_minute;
        self.asked.clear();
        Ok(())
    }

    pub fn told(&self) -> RouteHealth {
        let mut sorted: Vec<f64> = self.latencies.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        // The nearest rank: the smallest value that 95 % do not exceed.
        let rank = |q: f64| ((q * n as f64).ceil() as usize).clamp(1, n) - 1;
        RouteHealth {
            failures: self.failures,
            tried_next: (self.failures > 0).then_some(self.until),
            per_minute: self.per_minute,
            latency_mean_s: (n > 0).then(|| sorted.iter().sum::<f64>() / n as f64),
            latency_p95_s: (n > 0).then(|| sorted[rank(0.95)]),
        }
    }

    pub fn check(&self) -> Result<()> {
        let sane = self.latencies.len() <= LATENCIES
            && self
                .latencies
                .iter()
                .all(|l| (0.0..=MAX_LATENCY).contains(l))
            && self.until.abs() <= 1e13
            && self.per_minute.is_none_or(|n| (1..=MAX_RATE).contains(&n));
        match sane {
            true => Ok(()),
            false => Err(Error::invalid("the health of a route is out of range")),
        }
    }
}

/// The longest latency that can be told, in seconds.
pub(super) const MAX_LATENCY: f64 = 1e9;
