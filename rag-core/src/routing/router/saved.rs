//! A router as bytes: JSON inside the common envelope, every float64 exact, directions in
//! hexadecimal.
//!
//! Format 1 held sums of a few features of each query. Nothing of what is kept now can be made of
//! them, so it is refused.

use super::examples::{Cell, Columns, Examples};
use super::health::Health;
use super::log::{Base, Made, Propensity};
use super::query::{Query, key};
use super::{COST, MAX_OUTSTANDING, Route, Router, RouterOptions, check_name, log_key, too_many};
use crate::error::{Error, ErrorKind, Result};
use crate::file;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

const KIND: &str = "router";
const VERSION: u32 = 2;
const MAX_BYTES: u64 = 1 << 30;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    format: u32,
    objectives: Vec<String>,
    seed: u64,
    rng: [u64; 4],
    dim: Option<usize>,
    next: u64,
    log_size: usize,
    waits: (f64, f64),
    routes: BTreeMap<String, SavedRoute>,
    queries: Vec<String>,
    /// Means and counts, by route and objective.
    outcomes: BTreeMap<String, BTreeMap<String, SavedCells>>,
    pending: Vec<SavedMade>,
    log: Vec<SavedMade>,
}

/// Means and counts.
type SavedCells = (Vec<f64>, Vec<u32>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedRoute {
    priors: BTreeMap<String, f64>,
    failures: u64,
    until: f64,
    since: u64,
    per_minute: Option<u64>,
    latencies: VecDeque<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedMade {
    id: u64,
    at: f64,
    seed: u64,
    name: String,
    query: String,
    preference: BTreeMap<String, f64>,
    outcomes: BTreeMap<String, f64>,
    propensity: (f64, f64),
    learnt: bool,
}

/// The one field that every format from the second on has.
#[derive(Deserialize)]
struct Format {
    format: Option<u32>,
}

impl Router {
    /// Everything as bytes, decisions that wait for their outcomes included.
    pub fn to_bytes(&self) -> Vec<u8> {
        let route = |(name, route): (&String, &Route)| {
            let health = &route.health;
            let saved = SavedRoute {
                priors: route.priors.clone(),
                failures: health.failures,
                until: health.until,
                since: health.since,
                per_minute: health.per_minute,
                latencies: health.latencies.clone(),
            };
            (name.clone(), saved)
        };
        let cells = |cells: &Vec<Cell>| {
            let means = cells.iter().map(|c| c.mean).collect();
            (means, cells.iter().map(|c| c.count).collect())
        };
        let columns = self.examples.columns.iter().map(|(name, objectives)| {
            let of = objectives.iter().map(|(o, c)| (o.clone(), cells(c)));
            (name.clone(), of.collect())
        });
        let saved = Saved {
            format: VERSION,
            objectives: self.objectives.clone(),
            seed: self.seed,
            rng: self.rng,
            dim: self.dim,
            next: self.next,
            log_size: self.log_size,
            waits: self.waits,
            routes: self.routes.iter().map(route).collect(),
            queries: self.examples.queries.iter().map(written).collect(),
            outcomes: columns.collect(),
            pending: self
                .pending
                .iter()
                .map(|(id, m)| save_made(*id, m))
                .collect(),
            log: self.log.iter().map(|(k, m)| save_made(k.2, m)).collect(),
        };
        serde_json::to_vec(&saved).expect("plain data with text keys")
    }

    /// The router that [`Router::to_bytes`] wrote: it makes the same choices as the one saved.
    ///
    /// `FormatVersion` for one of an earlier format. Call [`Router::reseed`] when several workers
    /// start from the same bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = |found: &str| {
            let message = format!("these bytes are not a saved router: {found}");
            Error::new(ErrorKind::Corrupt, message)
        };
        if let Ok(Format { format }) = serde_json::from_slice(bytes) {
            let format = format.unwrap_or(1);
            if format != VERSION {
                return Err(other_format(format));
            }
        }
        let saved: Saved = serde_json::from_slice(bytes).map_err(|e| damaged(&e.to_string()))?;
        restore(saved).map_err(|e| damaged(e.message()))
    }

    /// Writes the router to a file: after a crash the old or the new one is there.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        file::save(path.as_ref(), KIND, VERSION, &self.to_bytes())
    }

    /// Reads what [`Router::save`] wrote.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (version, payload) = file::load(path, KIND, VERSION, MAX_BYTES)?;
        if version != VERSION {
            return Err(other_format(version)
                .context(path.display())
                .with_file(path));
        }
        Self::from_bytes(&payload).map_err(|e| e.context(path.display()).with_file(path))
    }
}

fn other_format(found: u32) -> Error {
    Error::new(
        ErrorKind::FormatVersion,
        format!(
            "this is a router of format {found}, this release reads {VERSION}; fit one anew from its outcomes"
        ),
    )
}

fn written(query: &Query) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * query.codes.len());
    for code in &query.codes {
        let byte = code.cast_unsigned();
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn read(text: &str, dim: Option<usize>) -> Result<Query> {
    let digit = |d: u8| char::from(d).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some((digit(*high)? * 16 + digit(*low)?) as u8),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2);
    let codes: Option<Vec<i8>> = pairs.map(|p| byte(p).map(u8::cast_signed)).collect();
    let sound = |codes: &Vec<i8>| {
        let largest = codes.iter().map(|c| c.unsigned_abs()).max();
        codes.is_empty() || largest == Some(127) && Some(codes.len()) == dim
    };
    match codes.filter(sound) {
        Some(codes) => Ok(Query { codes }),
        None => Err(Error::invalid("a query is not a direction")),
    }
}

fn save_made(id: u64, made: &Made) -> SavedMade {
    SavedMade {
        id,
        at: made.at,
        seed: made.seed,
        name: made.name.clone(),
        query: written(&made.query),
        preference: made.preference.clone(),
        outcomes: made.outcomes.clone(),
        propensity: made.propensity.value(made.seed, id),
        learnt: made.learnt,
    }
}

fn ensure(holds: bool, what: &str) -> Result<()> {
    match holds {
        true => Ok(()),
        false => Err(Error::invalid(what)),
    }
}

fn restore(saved: Saved) -> Result<Router> {
    let names: Vec<&str> = saved.objectives.iter().map(String::as_str).collect();
    let options = RouterOptions::default()
        .log_size(saved.log_size)
        .first_backoff_s(saved.waits.0)
        .longest_backoff_s(saved.waits.1);
    let mut router = Router::with_options(&names, saved.seed, &options)?;
    router.rng = saved.rng;
    router.next = saved.next;
    router.dim = saved.dim;
    ensure(saved.next < 1 << 63, "the counter is too large")?;
    saved.dim.map_or(Ok(()), |dim| router.check_dim(dim))?;
    for (name, route) in saved.routes {
        router.check_room(&name)?;
        for (objective, prior) in &route.priors {
            router.check_outcome(objective, *prior)?;
        }
        let mut health = Health::default();
        health.limit(route.per_minute)?;
        health.failures = route.failures;
        health.until = route.until;
        health.since = route.since;
        health.latencies = route.latencies;
        health.check()?;
        let priors = route.priors;
        router.routes.insert(name, Route { priors, health });
    }
    let queries: Vec<Query> = saved
        .queries
        .iter()
        .map(|q| read(q, saved.dim))
        .collect::<Result<_>>()?;
    let mut columns = Columns::new();
    for (name, objectives) in saved.outcomes {
        ensure(router.routes.contains_key(&name), "a route is missing")?;
        let to = columns.entry(name).or_default();
        for (objective, (means, counts)) in objectives {
            router.check_outcome(&objective, 0.0)?;
            let fits = means.len() == queries.len() && counts.len() == queries.len();
            ensure(fits, "outcomes for another number of queries")?;
            for mean in &means {
                router.check_outcome(&objective, *mean)?;
            }
            let cells = means.into_iter().zip(counts);
            let cells = cells.map(|(mean, count)| Cell { mean, count }).collect();
            to.insert(objective, cells);
        }
    }
    router.examples = Examples {
        keys: queries.iter().map(|q| key(&q.codes)).collect(),
        queries,
        columns,
    };
    router.examples.check(router.dim)?;
    for (name, route) in &router.routes {
        let known = route.priors.contains_key(COST) || router.cost_learnt(name);
        ensure(known || !names.contains(&COST), "a route without a cost")?;
    }
    if saved.pending.len() > MAX_OUTSTANDING {
        return Err(too_many());
    }
    for saved in saved.pending {
        let (id, made) = restore_made(&router, saved)?;
        let own = id < router.next && made.outcomes.is_empty();
        let fresh = own && router.pending.insert(id, made).is_none();
        ensure(fresh, "a decision is out of range")?;
    }
    let most = router.log_size + router.log_size / 4;
    ensure(saved.log.len() <= most, "the log is too long")?;
    for saved in saved.log {
        let (id, made) = restore_made(&router, saved)?;
        let key = log_key(id, &made);
        let told = made.outcomes.len();
        ensure(told > 0, "a decision in the log without an outcome")?;
        if made.seed == router.seed && told < router.objectives.len() {
            ensure(
                !router.pending.contains_key(&id),
                "a decision appears twice",
            )?;
            ensure(
                router.open.insert(id, key).is_none(),
                "a decision appears twice",
            )?;
        }
        let fresh = router.log.insert(key, made).is_none();
        ensure(fresh, "a decision appears twice")?;
    }
    router.relearn();
    Ok(router)
}

fn restore_made(router: &Router, saved: SavedMade) -> Result<(u64, Made)> {
    check_name("route", &saved.name)?;
    ensure(
        router.routes.contains_key(&saved.name),
        "a route is missing",
    )?;
    ensure((0.0..=1e12).contains(&saved.at), "a time is out of range")?;
    ensure(saved.id < 1 << 63, "a decision is out of range")?;
    let (p, error) = saved.propensity;
    let likely = p > 0.0 && p <= 1.0 && (0.0..=1.0).contains(&error);
    ensure(likely, "a propensity is not one")?;
    for (objective, value) in saved.outcomes.iter().chain(&saved.preference) {
        router.check_outcome(objective, *value)?;
    }
    let made = Made {
        at: saved.at,
        seed: saved.seed,
        name: saved.name,
        query: read(&saved.query, router.dim)?,
        preference: saved.preference,
        outcomes: saved.outcomes,
        propensity: Propensity::Known(p, error),
        learnt: saved.learnt,
        base: Base::default(),
    };
    Ok((saved.id, made))
}
