//! Counters, gauges and histograms by name and labels.

use super::histogram::{Lanes, Spread, add_real, lane, lanes};
use super::latch::Latch;
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Most names of one [`super::Metrics`].
const MAX_FAMILIES: usize = 1000;
/// Most labels of one series.
const MAX_LABELS: usize = 8;
/// The value of every label of the series that takes what is beyond `max_series`.
pub(super) const OTHER: &str = "other";

#[derive(Debug, Default)]
#[repr(align(128))]
struct Cell(AtomicU64);

/// Something that only grows. Cheap to clone; all clones count together.
#[derive(Clone, Debug)]
pub struct Counter(Arc<[Cell]>);

impl Counter {
    fn new() -> Self {
        Self((0..lanes()).map(|_| Cell::default()).collect())
    }

    /// Counts `n` more; what is negative or no number is left out.
    pub fn add(&self, n: f64) {
        if n.is_finite() && n > 0.0 {
            add_real(&self.0[lane() & (self.0.len() - 1)].0, n);
        }
    }

    /// How many so far.
    pub fn value(&self) -> f64 {
        self.0
            .iter()
            .map(|c| f64::from_bits(c.0.load(Ordering::Relaxed)))
            .sum()
    }
}

/// Something that goes up and down. Cheap to clone; all clones show the same.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<AtomicU64>);

impl Gauge {
    /// Shows `value` from now on.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Adds to what it shows; below zero takes away.
    pub fn add(&self, more: f64) {
        add_real(&self.0, more);
    }

    /// What it shows.
    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// How values are spread: latencies in seconds, sizes. Cheap to clone; all clones record together.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Lanes>);

impl Histogram {
    /// Records a value; one that is negative or no number is left out. Takes nanoseconds and no lock.
    pub fn record(&self, value: f64) {
        self.0.record(value);
    }

    /// What was recorded so far.
    pub fn spread(&self) -> Spread {
        self.0.spread()
    }
}

/// One of the three.
#[derive(Clone, Debug)]
pub(super) enum Series {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }

    fn fresh(self) -> Series {
        match self {
            Kind::Counter => Series::Counter(Counter::new()),
            Kind::Gauge => Series::Gauge(Gauge(Arc::default())),
            Kind::Histogram => Series::Histogram(Histogram(Arc::new(Lanes::new()))),
        }
    }
}

/// Names and values, in the order of the names.
pub(super) type Labels = Vec<(String, String)>;

/// All series of one name.
#[derive(Clone, Debug)]
pub(super) struct Family {
    pub kind: Kind,
    pub help: String,
    pub series: BTreeMap<Labels, Series>,
}

/// All names.
#[derive(Debug)]
pub(super) struct Registry {
    max_series: usize,
    families: Latch<BTreeMap<String, Family>>,
}

impl Registry {
    pub fn new(max_series: usize) -> Self {
        Self {
            max_series,
            families: Latch::new(BTreeMap::new()),
        }
    }

    /// What a name is about, as `# HELP` says it.
    pub fn describe(&self, name: &str, kind: Kind, help: &str) -> Result<()> {
        check_name(name, "a metric's name", true)?;
        self.families.with(Ok(()), |families| {
            family(families, name, kind)?.help = help.to_owned();
            Ok(())
        })
    }

    /// The series of a name and labels, made if it is new; beyond `max_series` of a name, the one in which every
    /// label is `other`. In a child that cannot have the names any more, one that nobody looks at.
    pub fn series(&self, name: &str, kind: Kind, labels: &[(&str, &str)]) -> Result<Series> {
        check_name(name, "a metric's name", true)?;
        let labels = checked(labels)?;
        self.families.with(Ok(kind.fresh()), |families| {
            let family = family(families, name, kind)?;
            if let Some(series) = family.series.get(&labels) {
                return Ok(series.clone());
            }
            let mut labels = labels;
            if family.series.len() >= self.max_series && !labels.is_empty() {
                labels
                    .iter_mut()
                    .for_each(|(_, value)| *value = OTHER.to_owned());
            }
            Ok(family
                .series
                .entry(labels)
                .or_insert_with(|| kind.fresh())
                .clone())
        })
    }

    /// A copy of all names, whose series are those that are recorded in.
    pub fn families(&self) -> BTreeMap<String, Family> {
        self.families
            .with(BTreeMap::new(), |families| families.clone())
    }
}

fn family<'a>(
    families: &'a mut BTreeMap<String, Family>,
    name: &str,
    kind: Kind,
) -> Result<&'a mut Family> {
    if families.len() >= MAX_FAMILIES && !families.contains_key(name) {
        return Err(Error::invalid(format!(
            "there are {MAX_FAMILIES} metrics, the most there may be; tell things apart by labels"
        )));
    }
    let family = families.entry(name.to_owned()).or_insert_with(|| Family {
        kind,
        help: String::new(),
        series: BTreeMap::new(),
    });
    match family.kind == kind {
        true => Ok(family),
        false => Err(Error::new(
            ErrorKind::AlreadyExists,
            format!(
                "{name} is a {}, not a {}; take another name",
                family.kind.name(),
                kind.name()
            ),
        )),
    }
}

fn check_name(name: &str, what: &str, colons: bool) -> Result<()> {
    let fits = |(i, c): (usize, char)| match c {
        'a'..='z' | 'A'..='Z' | '_' => true,
        '0'..='9' => i > 0,
        ':' => colons,
        _ => false,
    };
    let good =
        (1..=super::event::MAX_NAME).contains(&name.len()) && name.chars().enumerate().all(fits);
    match good {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "{what} must be letters, digits and underscores, no digit first, {} at most",
            super::event::MAX_NAME
        ))),
    }
}

fn checked(labels: &[(&str, &str)]) -> Result<Labels> {
    if labels.len() > MAX_LABELS {
        return Err(Error::invalid(format!(
            "a series has at most {MAX_LABELS} labels, got {}",
            labels.len()
        )));
    }
    for (name, value) in labels {
        check_name(name, "a label's name", false)?;
        if *name == "le" || name.starts_with("__") {
            return Err(Error::invalid(format!(
                "the label {name} is Prometheus's own; take another name"
            )));
        }
        if value.len() > super::event::MAX_NAME {
            return Err(Error::invalid(format!(
                "the value of the label {name} has {} bytes, expected at most {}",
                value.len(),
                super::event::MAX_NAME
            )));
        }
    }
    let mut labels: Labels = labels
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    labels.sort();
    match labels.windows(2).find(|w| w[0].0 == w[1].0) {
        Some(w) => Err(Error::invalid(format!(
            "the label {} is given twice",
            w[0].0
        ))),
        None => Ok(labels),
    }
}

/// The histograms of one name by the value of a single label, found without making texts.
#[derive(Debug)]
pub(super) struct ByLabel {
    name: &'static str,
    label: &'static str,
    known: Latch<HashMap<String, Series>>,
}

impl ByLabel {
    pub fn new(name: &'static str, label: &'static str) -> Self {
        Self {
            name,
            label,
            known: Latch::new(HashMap::new()),
        }
    }

    pub fn record(&self, registry: &Registry, value: &str, x: f64) {
        if let Some(Series::Histogram(histogram)) = self.get(registry, value) {
            histogram.record(x);
        }
    }

    fn get(&self, registry: &Registry, value: &str) -> Option<Series> {
        let mut known = self.known.lock()?;
        if let Some(series) = known.get(value) {
            return Some(series.clone());
        }
        let labels = [(self.label, value)];
        let made = registry.series(self.name, Kind::Histogram, &labels).ok()?;
        // Values beyond the limit are not kept: whoever sends new ones for ever would fill the memory.
        if known.len() < registry.max_series {
            known.insert(value.to_owned(), made.clone());
        }
        Some(made)
    }
}
