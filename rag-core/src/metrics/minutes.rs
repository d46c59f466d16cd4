//! What happened in each minute of the last day.

use super::event::QueryEvent;
use super::histogram::Spread;
use super::series::OTHER;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

/// Minutes that are kept.
pub(super) const KEPT: u64 = 24 * 60;

/// How often a cache was asked, and how often it had what was wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Times that it had it.
    pub hits: u64,
    /// Times that it had not.
    pub misses: u64,
}

impl Tally {
    /// The share of hits, in 0 to 1; 0 if it was never asked.
    pub fn rate(&self) -> f64 {
        self.hits as f64 / (self.hits + self.misses).max(1) as f64
    }
}

/// What happened in a minute, or in several that were added up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Minute {
    /// The Unix minute in which it begins: seconds since 1970 divided by 60.
    pub minute: u64,
    /// Questions.
    pub queries: u64,
    /// Questions that a cache answered.
    pub cached: u64,
    /// Failures by kind.
    pub errors: BTreeMap<Arc<str>, u64>,
    /// Seconds a question took.
    pub latency: Spread,
    /// Seconds spent in each part, all questions together.
    pub parts: BTreeMap<Arc<str>, f64>,
    /// Caches by name.
    pub caches: BTreeMap<Arc<str>, Tally>,
    /// Questions by route.
    pub routes: BTreeMap<Arc<str>, u64>,
    /// Tokens that went in.
    pub input_tokens: u64,
    /// Tokens that came out.
    pub output_tokens: u64,
    /// What they cost.
    pub cost: f64,
}

impl Minute {
    /// Failures of all kinds.
    pub fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    /// The share of questions that failed, in 0 to 1.
    pub fn error_rate(&self) -> f64 {
        self.failed() as f64 / self.queries.max(1) as f64
    }

    /// The share of questions that a cache answered, in 0 to 1.
    pub fn hit_rate(&self) -> f64 {
        self.cached as f64 / self.queries.max(1) as f64
    }

    /// Adds what another minute, or the same one of another worker, has counted.
    pub fn merge(&mut self, other: &Minute) {
        fn add<T: Copy + Default>(
            to: &mut BTreeMap<Arc<str>, T>,
            more: &BTreeMap<Arc<str>, T>,
            plus: impl Fn(&mut T, &T),
        ) {
            for (name, n) in more {
                plus(to.entry(name.clone()).or_default(), n);
            }
        }
        self.queries = self.queries.saturating_add(other.queries);
        self.cached = self.cached.saturating_add(other.cached);
        add(&mut self.errors, &other.errors, |a, b| {
            *a = a.saturating_add(*b)
        });
        self.latency.merge(&other.latency);
        add(&mut self.parts, &other.parts, |a, b| *a += b);
        add(&mut self.caches, &other.caches, |a, b| {
            a.hits = a.hits.saturating_add(b.hits);
            a.misses = a.misses.saturating_add(b.misses);
        });
        add(&mut self.routes, &other.routes, |a, b| {
            *a = a.saturating_add(*b)
        });
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cost += other.cost;
    }
}

/// All minutes together, under the first one's number.
pub(super) fn total<'a>(minutes: impl IntoIterator<Item = &'a Minute>) -> Minute {
    let mut all = Minute::default();
    for (i, minute) in minutes.into_iter().enumerate() {
        if i == 0 {
            all.minute = minute.minute;
        }
        all.merge(minute);
    }
    all
}

/// The Unix minute of a time.
pub(super) fn minute_of(now: f64) -> u64 {
    // Saturates: what is no time of ours is a minute all the same.
    (now / 60.0) as u64
}

/// A time that was given.
pub(super) fn check_time(name: &str, at: f64) -> Result<()> {
    match at.is_finite() && at >= 0.0 {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "{name} must be Unix seconds of at least 0, got {at}"
        ))),
    }
}

/// The minutes of the last day in which something happened, ascending.
#[derive(Debug)]
pub(super) struct Ring {
    minutes: VecDeque<Minute>,
    /// Everything since the start.
    pub all: Minute,
    routes: Names,
    parts: Names,
    caches: Names,
}

/// The first so many names, each kept once.
#[derive(Debug)]
struct Names {
    known: HashSet<Arc<str>>,
    most: usize,
    other: Arc<str>,
}

impl Names {
    fn new(most: usize) -> Self {
        Self {
            known: HashSet::new(),
            most,
            other: Arc::from(OTHER),
        }
    }

    fn of(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        if self.known.len() >= self.most {
            return self.other.clone();
        }
        let name: Arc<str> = Arc::from(name);
        self.known.insert(name.clone());
        name
    }
}

impl Ring {
    pub fn new(max_series: usize) -> Self {
        Self {
            minutes: VecDeque::new(),
            all: Minute::default(),
            routes: Names::new(max_series),
            parts: Names::new(max_series),
            caches: Names::new(max_series),
        }
    }

    pub fn record(&mut self, now: f64, event: &QueryEvent) {
        let minute = minute_of(now);
        // A clock that is set back adds to the last minute: minutes only ascend.
        if self.minutes.back().is_none_or(|last| last.minute < minute) {
            self.minutes.push_back(Minute {
                minute,
                ..Minute::default()
            });
            while self
                .minutes
                .front()
                .is_some_and(|m| m.minute + KEPT <= minute)
            {
                self.minutes.pop_front();
            }
        }
        let route = self.routes.of(&event.route);
        let parts: Vec<_> = event
            .timings
            .iter()
            .map(|(name, s)| (self.parts.of(name), *s))
            .collect();
        let caches: Vec<_> = event
            .caches
            .iter()
            .map(|(name, hit)| (self.caches.of(name), *hit))
            .collect();
        let now = self.minutes.back_mut().expect("one was put there");
        for to in [now, &mut self.all] {
            to.queries += 1;
            to.cached += u64::from(event.cached);
            if let Some(kind) = event.error {
                *to.errors.entry(Arc::from(kind.name())).or_default() += 1;
            }
            to.latency.record(event.seconds);
            for (name, seconds) in &parts {
                *to.parts.entry(name.clone()).or_default() += seconds;
            }
            for (name, hit) in &caches {
                let tally = to.caches.entry(name.clone()).or_default();
                *if *hit {
                    &mut tally.hits
                } else {
                    &mut tally.misses
                } += 1;
            }
            if !event.route.is_empty() {
                *to.routes.entry(route.clone()).or_default() += 1;
            }
            to.input_tokens = to.input_tokens.saturating_add(event.input_tokens);
            to.output_tokens = to.output_tokens.saturating_add(event.output_tokens);
            to.cost += event.cost;
        }
    }

    /// The minutes from one to before another, as far as something happened in them.
    pub fn between(&self, from: u64, to: u64) -> impl Iterator<Item = &Minute> {
        let start = self.minutes.partition_point(|m| m.minute < from);
        let end = self.minutes.partition_point(|m| m.minute < to).max(start);
        self.minutes.range(start..end)
    }
}
