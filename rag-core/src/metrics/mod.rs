//! What is counted and timed, and how people look at it.
//!
//! [`Metrics`] is told of every question when it is over ([`QueryEvent`]), and of anything else by name: counters,
//! gauges and histograms with labels. It shows all of it as a [`Snapshot`], as JSON, in the text format of Prometheus
//! and as a page of charts, keeps the last day by minutes, and says when a figure leaves what it used to be.
//!
//! One rule decides the shape: measuring never stops what is measured. Recording takes nanoseconds, memory is bounded
//! by names and not by traffic, and nothing here holds a text of anybody's.
//!
//! Reading order: `histogram` (how values are counted without locks), `series` (by name), `event` and `minutes` (by
//! question and by minute), then what is made of them: `snapshot`, `prometheus`, `alerts` (figures that leave what they
//! were), `files` (what outlives the process) and `report` (a page of charts).

mod alerts;
mod event;
mod files;
mod histogram;
mod latch;
mod minutes;
mod prometheus;
mod report;
mod series;
mod snapshot;
mod span;
mod subscribers;
#[cfg(test)]
mod tests;

pub use alerts::{Alert, AlertOptions, Side, Watched};
pub use event::QueryEvent;
pub use files::{FileSpan, Kept, MetricsFiles, MetricsFilesOptions, Stretch};
pub use histogram::Spread;
pub use minutes::{Minute, Tally};
pub use report::{Report, Section};
pub use series::{Counter, Gauge, Histogram};
pub use snapshot::{CacheFigures, Figure, Snapshot, Summary, Window};
pub use span::{Span, span};

use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use alerts::Watch;
use latch::Latch;
use minutes::{Ring, check_time, minute_of, total};
use series::{ByLabel, Kind, Registry, Series};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use subscribers::{Subscribers, gone};

const PARTS: &str = "rag_part_seconds";

crate::options! {
    /// What a [`Metrics`] keeps.
    MetricsOptions {
        /// Most series of one name, and most routes, parts and caches; what is beyond is counted as `other`.
        max_series: usize = 50, in 1..=10_000;
    }
}

/// Counts and times; shared by threads, usually in an `Arc`.
///
/// ```
/// use rag_core::metrics::{Metrics, MetricsOptions, QueryEvent};
/// let metrics = Metrics::new(&MetricsOptions::default())?;
/// let event = QueryEvent { seconds: 0.25, cached: false, route: "local".into(), ..QueryEvent::default() };
/// metrics.record_query(&event)?;
/// // A series beyond `max_series` is none of its own: the label's value becomes "other".
/// let narrow = Metrics::new(&MetricsOptions::default().max_series(1))?;
/// narrow.counter("uploads_total", &[("user", "ann")])?.add(1.0);
/// narrow.counter("uploads_total", &[("user", "bob")])?.add(2.0);
/// narrow.counter("uploads_total", &[("user", "eve")])?.add(3.0);
/// assert!(narrow.to_prometheus().contains("uploads_total{user=\"other\"} 5\n"));
/// assert_eq!(metrics.snapshot().total.queries, 1);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub struct Metrics {
    clock: Arc<dyn Clock>,
    since: f64,
    registry: Registry,
    parts: ByLabel,
    ring: Latch<Ring>,
    /// The newest minute in which a question was over.
    newest: AtomicU64,
    watch: Latch<Watch>,
    files: Latch<Option<Arc<MetricsFiles>>>,
    subscribers: Subscribers<QueryEvent>,
    alerted: Subscribers<Alert>,
    /// A number that no others of the process have.
    number: u64,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queries = self.ring.with(0, |ring| ring.all.queries);
        f.debug_struct("Metrics")
            .field("queries", &queries)
            .finish_non_exhaustive()
    }
}

impl Metrics {
    /// Nothing counted yet, by the machine's clock.
    pub fn new(options: &MetricsOptions) -> Result<Self> {
        Self::with_clock(options, Arc::new(SystemClock))
    }

    /// The same by another clock.
    pub fn with_clock(options: &MetricsOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        options.check()?;
        let registry = Registry::new(options.max_series);
        registry.describe(
            PARTS,
            Kind::Histogram,
            "Seconds of each part of a question.",
        )?;
        Ok(Self {
            since: clock.now(),
            clock,
            registry,
            parts: ByLabel::new(PARTS, "part"),
            ring: Latch::new(Ring::new(options.max_series)),
            newest: AtomicU64::new(0),
            watch: Latch::new(Watch::new(&AlertOptions::default())?),
            files: Latch::new(None),
            subscribers: Subscribers::new(),
            alerted: Subscribers::new(),
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// Counts a question that is over, then tells the subscribers. `InvalidArgument`, and nothing counted, for a
    /// number that is negative or not finite, or a name that is too long.
    pub fn record_query(&self, event: &QueryEvent) -> Result<()> {
        event.check()?;
        let now = self.clock.now();
        // Before it is counted: the first question after a day's pause drops the minutes before.
        if self.newest.fetch_max(minute_of(now), Ordering::Relaxed) < minute_of(now) {
            self.turn(now);
        }
        self.ring.with((), |ring| ring.record(now, event));
        for (part, seconds) in &event.timings {
            self.parts.record(&self.registry, part, *seconds);
        }
        self.failed(
            "rag_subscriber_failures_total",
            self.subscribers.tell(event),
        );
        Ok(())
    }

    /// What is done once a minute by whoever comes first.
    fn turn(&self, now: f64) {
        self.look(now);
        let files = self.files.with(None, |files| files.clone());
        if let Some(files) = files.filter(|files| files.is_due(minute_of(now))) {
            let wrong = self.write(&files, now).is_err();
            self.failed("rag_metrics_file_failures_total", u64::from(wrong));
        }
    }

    fn failed(&self, name: &str, n: u64) {
        if n > 0
            && let Ok(failures) = self.counter(name, &[])
        {
            failures.add(n as f64);
        }
    }

    /// Looks at the windows that are over and tells of alerts that begin or are over.
    fn look(&self, now: f64) {
        let Some((from, to)) = self.watch.with(None, |watch| watch.due(minute_of(now))) else {
            return;
        };
        let between = |ring: &mut Ring| ring.between(from, to).cloned().collect();
        let minutes: Vec<Minute> = self.ring.with(Vec::new(), between);
        let news = self
            .watch
            .with(Vec::new(), |watch| watch.look(&minutes, to));
        for alert in &news {
            self.failed("rag_subscriber_failures_total", self.alerted.tell(alert));
        }
    }

    fn write(&self, files: &MetricsFiles, now: f64) -> Result<()> {
        files.write(self.number, now, |from| {
            let since = |ring: &mut Ring| ring.between(from, u64::MAX).cloned().collect();
            self.ring.with(Vec::new(), since)
        })
    }

    /// Writes what is counted into files from now on: every few minutes, by whoever asks a question then, and when
    /// [`Metrics::flush`] is called. Failures are counted in `rag_metrics_file_failures_total`, and what was not written
    /// is the next time. Minutes that were never written are lost after a day.
    pub fn keep(&self, files: Arc<MetricsFiles>) -> Result<()> {
        self.files.with(Err(gone()), |kept| {
            *kept = Some(files);
            Ok(())
        })
    }

    /// The files that are written, if any are.
    pub fn files(&self) -> Option<Arc<MetricsFiles>> {
        self.files.with(None, |files| files.clone())
    }

    /// Writes what was not written yet. `Forked` in a child of the process that opened the files; `Io`.
    pub fn flush(&self) -> Result<()> {
        match self.files() {
            Some(files) => self.write(&files, self.clock.now()),
            None => Ok(()),
        }
    }

    /// Watches the figures by other options, from nothing.
    pub fn watch(&self, options: &AlertOptions) -> Result<()> {
        let new = Watch::new(options)?;
        self.watch.with(Err(gone()), |watch| {
            *watch = new;
            Ok(())
        })
    }

    /// The figures that have left their baselines, and those that did and came back within the last day, in the order in
    /// which they left. See [`AlertOptions`] for when that is.
    pub fn alerts(&self) -> Vec<Alert> {
        let now = self.clock.now();
        self.look(now);
        self.watch.with(Vec::new(), |watch| watch.alerts(now))
    }

    /// Takes what a figure is from now on for its baseline.
    pub fn accept(&self, figure: Watched) {
        let now = self.clock.now();
        self.watch.with((), |watch| watch.accept(figure, now));
    }

    /// Calls `tell` with every alert that begins, and again with its end, on the thread that asks a question then. Gives
    /// the number to [`Metrics::unsubscribe`] by.
    pub fn on_alert(&self, tell: impl Fn(&Alert) + Send + Sync + 'static) -> Result<u64> {
        self.alerted.add(tell)
    }

    /// Calls `tell` after every question that is over, on the thread that answered it, which waits meanwhile. Gives
    /// the number to [`Metrics::unsubscribe`] by.
    pub fn subscribe(&self, tell: impl Fn(&QueryEvent) + Send + Sync + 'static) -> Result<u64> {
        self.subscribers.add(tell)
    }

    /// Ends a subscription. `NotFound` if there is none of that number.
    pub fn unsubscribe(&self, number: u64) -> Result<()> {
        match self.subscribers.remove(number)? || self.alerted.remove(number)? {
            true => Ok(()),
            false => Err(Error::new(
                ErrorKind::NotFound,
                format!("there is no subscription {number}; it may have ended already"),
            )),
        }
    }

    /// The counter of a name and labels, made if it is new. Keep it where it is used often: counting with it takes
    /// nanoseconds, finding it longer.
    pub fn counter(&self, name: &str, labels: &[(&str, &str)]) -> Result<Counter> {
        match self.series(name, Kind::Counter, labels)? {
            Series::Counter(counter) => Ok(counter),
            _ => unreachable!("the registry gives the kind that was asked for"),
        }
    }

    /// The gauge of a name and labels, made if it is new.
    pub fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> Result<Gauge> {
        match self.series(name, Kind::Gauge, labels)? {
            Series::Gauge(gauge) => Ok(gauge),
            _ => unreachable!("the registry gives the kind that was asked for"),
        }
    }

    /// The histogram of a name and labels, made if it is new. It takes 32 KiB for each processor, 16 at most. One
    /// of seconds should have a name that ends in `_seconds`: Prometheus is then shown fine bounds.
    pub fn histogram(&self, name: &str, labels: &[(&str, &str)]) -> Result<Histogram> {
        match self.series(name, Kind::Histogram, labels)? {
            Series::Histogram(histogram) => Ok(histogram),
            _ => unreachable!("the registry gives the kind that was asked for"),
        }
    }

    fn series(&self, name: &str, kind: Kind, labels: &[(&str, &str)]) -> Result<Series> {
        if prometheus::OWN.iter().any(|(own, ..)| *own == name) {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("{name} is counted from the questions; take another name"),
            ));
        }
        self.registry.series(name, kind, labels)
    }

    /// Counts `n`, at least 0, under a name and labels.
    pub fn count(&self, name: &str, labels: &[(&str, &str)], n: f64) -> Result<()> {
        amount(name, n)?;
        self.counter(name, labels)?.add(n);
        Ok(())
    }

    /// Shows `value` under a name and labels.
    pub fn set(&self, name: &str, labels: &[(&str, &str)], value: f64) -> Result<()> {
        self.gauge(name, labels)?.set(value);
        Ok(())
    }

    /// Records a value of at least 0 under a name and labels.
    pub fn observe(&self, name: &str, labels: &[(&str, &str)], value: f64) -> Result<()> {
        amount(name, value)?;
        self.histogram(name, labels)?.record(value);
        Ok(())
    }

    /// Seconds of a part that belongs to no question, such as adding documents.
    pub fn record_part(&self, part: &str, seconds: f64) -> Result<()> {
        amount(PARTS, seconds)?;
        self.parts.record(&self.registry, part, seconds);
        Ok(())
    }

    /// Everything that was counted, as it is now.
    pub fn snapshot(&self) -> Snapshot {
        let now = self.clock.now();
        let families = self.registry.families();
        let window = |ring: &Ring, minutes: u64| {
            let last = minute_of(now);
            let from = (last + 1).saturating_sub(minutes);
            let begun = (from as f64 * 60.0).max(self.since);
            Window::new(&total(ring.between(from, u64::MAX)), now - begun)
        };
        let of_ring = |ring: &Ring| {
            let all = Window::new(&ring.all, now - self.since);
            (
                all,
                window(ring, 5),
                window(ring, 60),
                window(ring, minutes::KEPT),
            )
        };
        let empty = Ring::new(1);
        let (total, last_5_minutes, last_hour, last_day) = match self.ring.lock() {
            Some(ring) => of_ring(&ring),
            None => of_ring(&empty),
        };
        let mut parts = BTreeMap::new();
        let mut figures = Vec::new();
        for (name, family) in &families {
            for (labels, series) in &family.series {
                let (value, summary) = match series {
                    Series::Counter(counter) => (Some(counter.value()), None),
                    Series::Gauge(gauge) => (Some(gauge.value()), None),
                    Series::Histogram(h) => (None, Some(Summary::from(&h.spread()))),
                };
                if let (PARTS, Some(summary), [(_, part)]) = (name.as_str(), summary, &labels[..]) {
                    parts.insert(part.clone(), summary);
                    continue;
                }
                figures.push(Figure {
                    name: name.clone(),
                    kind: family.kind.name(),
                    labels: labels.iter().cloned().collect(),
                    value,
                    summary,
                });
            }
        }
        Snapshot {
            at: now,
            since: self.since,
            total,
            last_5_minutes,
            last_hour,
            last_day,
            parts,
            figures,
        }
    }

    /// The minutes from one Unix time to before another in which something happened, of the last day.
    pub fn minutes(&self, from: f64, to: f64) -> Result<Vec<Minute>> {
        check_time("from", from)?;
        check_time("to", to)?;
        let (from, to) = (minute_of(from), minute_of(to));
        Ok(self
            .ring
            .with(Vec::new(), |ring| ring.between(from, to).cloned().collect()))
    }

    /// Everything in the text format of Prometheus 0.0.4, for a scraper.
    pub fn to_prometheus(&self) -> String {
        let all = self.ring.with(Minute::default(), |ring| ring.all.clone());
        prometheus::text(&all, &self.registry.families())
    }

    /// A page of charts of the last day by minutes, and of the days before if files are kept.
    pub fn report(&self, title: &str) -> Result<String> {
        let last_day = self.minutes(0.0, f64::MAX)?;
        let stretch = |figures| Stretch {
            minutes: 1,
            figures,
        };
        let mut sections = vec![Section {
            heading: "Last day".to_owned(),
            stretches: last_day.into_iter().map(stretch).collect(),
        }];
        if let Some(files) = self.files() {
            self.flush()?;
            sections.push(Section {
                heading: "All days that are kept".to_owned(),
                stretches: files.read(0.0, f64::MAX)?.stretches,
            });
        }
        let alerts = self.alerts();
        let report = Report {
            title: title.to_owned(),
            snapshot: Some(self.snapshot()),
            sections,
            alerts,
        };
        Ok(report.html())
    }

    /// [`Metrics::snapshot`] as JSON.
    pub fn to_json(&self) -> String {
        self.snapshot().to_json()
    }
}

fn amount(name: &str, value: f64) -> Result<()> {
    match value.is_finite() && value >= 0.0 {
        true => Ok(()),
        // The name was not checked yet.
        false => Err(Error::invalid(format!(
            "{} must get a finite number of at least 0, got {value}",
            match name.len() <= event::MAX_NAME {
                true => name,
                false => "this metric",
            }
        ))),
    }
}
