//! Format 1: JSON, with counts and sums of rewards for each arm.

use super::super::history::{self, History, MAX_HISTORIES, Marks};
use super::super::part::Part;
use super::super::shape::powers;
use super::super::types::MAX_DIMENSIONS;
use super::super::waiting::{Logged, Made, Odds};
use super::super::{
    Arms, Bandit, BanditOptions, COUNTER, COUNTER_BITS, MAX_ARMS, MAX_DOMAINS, MAX_OUTSTANDING,
    MAX_REWARD, Policy, check_context,
};
use crate::Rng;
use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedHistory {
    digests: Vec<u64>,
    digest: u64,
    length: u64,
    parts: BTreeMap<String, SavedPart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedPart {
    count: Vec<f64>,
    reward: Vec<f64>,
    squares: f64,
    age: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedPending {
    id: u64,
    domain: String,
    context: Option<Vec<f64>>,
    arm: usize,
    propensity: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedEntry {
    id: u64,
    domain: String,
    context: Option<Vec<f64>>,
    arm: f64,
    reward: f64,
    propensity: f64,
}

fn ensure(holds: bool, what: &str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(Error::invalid(what))
    }
}

/// The bandit in these bytes. Its contexts, from which nothing was learnt, are left out of what
/// waits and of the log where they are longer than contexts may be now or of several lengths.
pub(super) fn read(bytes: &[u8]) -> Result<Bandit> {
    let saved: Saved = serde_json::from_slice(bytes).map_err(|e| Error::invalid(e.to_string()))?;
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
    bandit.frame.options.seed = saved.fixed_seed.then_some(saved.seed);
    bandit.rng = Rng::from_state(saved.rng);
    bandit.next = saved.next;
    ensure(saved.next >> COUNTER_BITS == 0, "the counter is too large")?;
    ensure(saved.domains.len() <= MAX_DOMAINS, "too many domains")?;
    for (name, guess) in &saved.domains {
        match guess {
            Some(value) => bandit.set_prior(name, *value)?,
            None => bandit.enter(name).map(|_| ())?,
        }
    }
    ensure(saved.histories.len() <= MAX_HISTORIES, "too many histories")?;
    let mut histories = Vec::new();
    for h in saved.histories {
        ensure(
            h.length > 0 && (1..=64).contains(&h.digests.len()),
            "a history has no length",
        )?;
        let mut parts = BTreeMap::new();
        for (name, part) in h.parts {
            ensure(saved.domains.contains_key(&name), "a domain is missing")?;
            parts.insert(name, read_part(&bandit, part)?);
        }
        histories.push(History {
            marks: Marks {
                digests: h.digests,
                digest: h.digest,
                length: h.length,
            },
            parts,
        });
    }
    history::sort(&mut histories);
    bandit.take_histories(histories, None);
    bandit.refit();
    ensure(saved.pending.len() <= MAX_OUTSTANDING, "too many choices")?;
    let mut pending = saved.pending;
    pending.sort_by_key(|p| p.id & COUNTER);
    for p in pending {
        check_context(p.context.as_deref())?;
        let made = made(&bandit, &p.domain, p.arm, p.propensity)?;
        // They all keep their ids; the ring begins anew.
        let fresh = bandit.waiting.push_elsewhere(p.id, made, Vec::new());
        ensure(fresh, "a choice appears twice")?;
    }
    ensure(bandit.waiting.skip_to(bandit.next), "a choice is too old")?;
    ensure(saved.log.len() <= saved.log_size, "the log is too long")?;
    let mut log = Vec::new();
    for e in saved.log {
        check_context(e.context.as_deref())?;
        ensure(
            e.reward.abs() <= MAX_REWARD && e.arm.is_finite(),
            "a reward is not one",
        )?;
        let arm = bandit.frame.menu.arm(e.arm)?;
        let made = made(&bandit, &e.domain, arm, e.propensity)?;
        let logged = Logged {
            id: e.id,
            made,
            reward: e.reward,
        };
        log.push((logged, None));
    }
    bandit.log.replace(log);
    bandit.count_boxes();
    Ok(bandit)
}

fn made(bandit: &Bandit, domain: &str, arm: usize, propensity: f64) -> Result<Made> {
    ensure(
        arm < bandit.frame.menu.count,
        "a choice of an arm that does not exist",
    )?;
    ensure(
        propensity > 0.0 && propensity <= 1.0,
        "a propensity is not one",
    )?;
    let at = bandit.index.get(domain);
    Ok(Made {
        domain: *at.ok_or_else(|| Error::invalid("a domain is missing"))?,
        arm: arm as u32,
        has_context: false,
        odds: Odds::Known(propensity),
    })
}

fn read_part(bandit: &Bandit, saved: SavedPart) -> Result<Part> {
    let sane = |x: &f64| x.abs() <= 1e24;
    let frame = &bandit.frame;
    let arms = frame.menu.count;
    ensure(
        saved.count.len() == arms && saved.reward.len() == arms,
        "sums for another number of arms",
    )?;
    let counts = saved.count.iter().all(|x| *x >= 0.0 && sane(x));
    let sums = saved.reward.iter().all(sane) && saved.squares >= 0.0 && sane(&saved.squares);
    ensure(counts && sums, "a sum is out of range")?;
    let mut part = bandit.empty_part();
    let mut phi = vec![0.0; frame.shape.size];
    for (k, (count, reward)) in saved.count.iter().zip(&saved.reward).enumerate() {
        if *count > 0.0 {
            let mut at = Default::default();
            let axes = powers(&frame.menu, k, &[0.0; MAX_DIMENSIONS], &mut at);
            frame.shape.values(k, &at[..axes], &mut phi);
            for sums in &mut part.sums {
                sums.record(&phi, reward / count, *count);
            }
        }
    }
    let total: f64 = saved.count.iter().sum();
    for sums in &mut part.sums {
        sums.squares = saved.squares;
    }
    part.since = total;
    part.seen = total.round() as u64;
    part.count = saved.count;
    part.age = saved.age;
    Ok(part)
}
