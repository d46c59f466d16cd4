//! A bandit as bytes: JSON inside the common envelope, every float64 exact.

use super::history::{self, History, MAX_HISTORIES, Part};
use super::model::Sums;
use super::{
    Arms, Bandit, BanditOptions, COUNTER_BITS, LogEntry, MAX_ARMS, MAX_DOMAINS, MAX_OUTSTANDING,
    MAX_REWARD, Pending, Policy, check_context,
};
use crate::error::{Error, ErrorKind, Result};
use crate::{Rng, file};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

const KIND: &str = "bandit";
const VERSION: u32 = 1;
const MAX_BYTES: u64 = 1 << 30;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    values: Option<Vec<f64>>,
    range: Option<(f64, f64)>,
    policy: String,
    discount: f64,
    exploration: Option<f64>,
    noise: Option<f64>,
    propensity_draws: usize,
    log_size: usize,
    seed: u64,
    fixed_seed: bool,
    rng: [u64; 4],
    next: u64,
    /// Domains and their prior guesses.
    domains: BTreeMap<String, Option<f64>>,
    histories: Vec<SavedHistory>,
    pending: Vec<SavedPending>,
    log: Vec<SavedEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedHistory {
    digests: Vec<u64>,
    digest: u64,
    length: u64,
    parts: BTreeMap<String, SavedPart>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedPart {
    count: Vec<f64>,
    reward: Vec<f64>,
    squares: f64,
    age: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedPending {
    id: u64,
    domain: String,
    context: Option<Vec<f64>>,
    arm: usize,
    propensity: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedEntry {
    id: u64,
    domain: String,
    context: Option<Vec<f64>>,
    arm: f64,
    reward: f64,
    propensity: f64,
}

impl Bandit {
    /// Everything as bytes, choices that wait for their reward included.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (values, range) = match &self.arms {
            Arms::Values(values) => (Some(values.clone()), None),
            Arms::Range(low, high) => (None, Some((*low, *high))),
        };
        let saved = Saved {
            values,
            range,
            policy: self.options.policy.name().to_owned(),
            discount: self.options.discount,
            exploration: self.options.exploration,
            noise: self.options.noise,
            propensity_draws: self.options.propensity_draws,
            log_size: self.options.log_size,
            seed: self.seed,
            fixed_seed: self.options.seed.is_some(),
            rng: self.rng.state(),
            next: self.next,
            domains: self
                .domains
                .iter()
                .map(|(name, d)| (name.clone(), d.guess))
                .collect(),
            histories: self.histories.iter().map(save_history).collect(),
            pending: self
                .order
                .iter()
                .filter_map(|id| self.pending.get(id).map(|p| save_pending(*id, p)))
                .collect(),
            log: self.log.iter().map(|(id, e)| save_entry(*id, e)).collect(),
        };
        serde_json::to_vec(&saved).expect("plain data with text keys")
    }

    /// The bandit that [`Bandit::to_bytes`] wrote: it makes the same choices as the one saved.
    ///
    /// Call [`Bandit::reseed`] when several workers start from the same bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let saved: Saved = serde_json::from_slice(bytes).map_err(|e| damaged(&e.to_string()))?;
        restore(saved).map_err(|e| damaged(e.message()))
    }

    /// Writes the bandit to a file: after a crash the old or the new one is there.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        file::save(path.as_ref(), KIND, VERSION, &self.to_bytes())
    }

    /// Reads what [`Bandit::save`] wrote.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (_, payload) = file::load(path, KIND, VERSION, MAX_BYTES)?;
        Self::from_bytes(&payload).map_err(|e| e.context(path.display()).with_file(path))
    }
}

fn damaged(found: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("these bytes are not a saved bandit: {found}"),
    )
}

fn save_history(h: &History) -> SavedHistory {
    let part = |p: &Part| SavedPart {
        count: p.sums.count.clone(),
        reward: p.sums.reward.clone(),
        squares: p.sums.squares,
        age: p.age,
    };
    SavedHistory {
        digests: h.digests.clone(),
        digest: h.digest,
        length: h.length,
        parts: h.parts.iter().map(|(k, p)| (k.clone(), part(p))).collect(),
    }
}

fn save_pending(id: u64, p: &Pending) -> SavedPending {
    SavedPending {
        id,
        domain: p.domain.clone(),
        context: p.context.clone(),
        arm: p.arm,
        propensity: p.propensity,
    }
}

fn save_entry(id: u64, e: &LogEntry) -> SavedEntry {
    SavedEntry {
        id,
        domain: e.domain.clone(),
        context: e.context.clone(),
        arm: e.arm,
        reward: e.reward,
        propensity: e.propensity,
    }
}

fn ensure(holds: bool, what: &str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(Error::invalid(what))
    }
}

fn restore(saved: Saved) -> Result<Bandit> {
    let arms = match (saved.values, saved.range) {
        (Some(values), None) if values.len() <= MAX_ARMS => Arms::Values(values),
        (None, Some((low, high))) => Arms::Range(low, high),
        _ => return Err(Error::invalid("either values or a range of arms is needed")),
    };
    let options = BanditOptions::default()
        .policy(Policy::parse("policy", &saved.policy)?)
        .discount(saved.discount)
        .seed(Some(saved.seed))
        .exploration(saved.exploration)
        .noise(saved.noise)
        .propensity_draws(saved.propensity_draws)
        .log_size(saved.log_size);
    let mut bandit = Bandit::new(arms, &options)?;
    bandit.options.seed = saved.fixed_seed.then_some(saved.seed);
    bandit.rng = Rng::from_state(saved.rng);
    bandit.next = saved.next;
    ensure(saved.next >> COUNTER_BITS == 0, "the counter is too large")?;
    ensure(saved.domains.len() <= MAX_DOMAINS, "too many domains")?;
    ensure(saved.histories.len() <= MAX_HISTORIES, "too many histories")?;
    let arms = bandit.values.len();
    for h in saved.histories {
        ensure(
            h.length > 0 && (1..=64).contains(&h.digests.len()),
            "a history has no length",
        )?;
        let mut parts = BTreeMap::new();
        for (name, p) in h.parts {
            ensure(saved.domains.contains_key(&name), "a domain is missing")?;
            parts.insert(name, restore_part(p, arms)?);
        }
        bandit.histories.push(History {
            digests: h.digests,
            digest: h.digest,
            length: h.length,
            parts,
        });
    }
    history::sort(&mut bandit.histories);
    for (name, guess) in &saved.domains {
        bandit.check_name(name)?;
        match guess {
            Some(value) => bandit.set_prior(name, *value)?,
            None => bandit.refit(name, None),
        }
    }
    ensure(saved.pending.len() <= MAX_OUTSTANDING, "too many choices")?;
    for p in saved.pending {
        ensure(p.arm < arms, "a choice of an arm that does not exist")?;
        ensure(
            p.propensity > 0.0 && p.propensity <= 1.0,
            "a propensity is not one",
        )?;
        ensure(
            bandit.domains.contains_key(&p.domain),
            "a domain is missing",
        )?;
        check_context(p.context.as_deref())?;
        let pending = Pending {
            domain: p.domain,
            context: p.context,
            arm: p.arm,
            propensity: p.propensity,
        };
        let fresh = bandit.pending.insert(p.id, pending).is_none();
        ensure(fresh, "a choice appears twice")?;
        bandit.order.push_back(p.id);
    }
    ensure(saved.log.len() <= saved.log_size, "the log is too long")?;
    for e in saved.log {
        check_context(e.context.as_deref())?;
        ensure(
            e.reward.abs() <= MAX_REWARD && e.arm.is_finite(),
            "a reward is not one",
        )?;
        ensure(
            e.propensity > 0.0 && e.propensity <= 1.0,
            "a propensity is not one",
        )?;
        let entry = LogEntry {
            domain: e.domain,
            context: e.context,
            arm: e.arm,
            reward: e.reward,
            propensity: e.propensity,
        };
        bandit.log.push_back((e.id, entry));
    }
    Ok(bandit)
}

fn restore_part(p: SavedPart, arms: usize) -> Result<Part> {
    let sane = |x: &f64| x.abs() <= 1e24;
    ensure(
        p.count.len() == arms && p.reward.len() == arms,
        "sums for another number of arms",
    )?;
    ensure(
        p.count.iter().all(|x| *x >= 0.0 && sane(x)) && p.reward.iter().all(sane),
        "a sum is out of range",
    )?;
    ensure(
        p.squares >= 0.0 && sane(&p.squares),
        "a sum is out of range",
    )?;
    Ok(Part {
        sums: Sums {
            count: p.count,
            reward: p.reward,
            squares: p.squares,
        },
        age: p.age,
    })
}
