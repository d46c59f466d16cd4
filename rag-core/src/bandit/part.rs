//! What was learnt, as sums that add up and fade: a bank of members that forget at different rates.
//!
//! Each member is judged by how well it foretold the rewards (Bayesian model averaging, with a
//! floor under each weight as in Herbster and Warmuth, 1998, so that none is lost for good). Where
//! the quickest to forget has been better than the best of the others for a while, a cumulative
//! sum says so (Page, 1954), and the others go on from its sums: after a jump the past is no help.

use super::arms::best_of;
use super::gauss::Sums;
use super::types::BanditOptions;

/// What each member of the bank forgets with a reward.
const FORGET: [f64; 3] = [0.0, 0.005, 0.05];
/// Members of the bank.
pub(super) const BANK: usize = FORGET.len();
/// The least log weight of a member, next to the best.
const LEAST_EVIDENCE: f64 = -7.0;
/// Rewards that are forgotten together; factors are made anew when they are.
const BLOCK: u64 = 16;

/// What one worker has learnt of one domain, or all together have. Parts add up.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Part {
    /// For each member of the bank.
    pub sums: Vec<Sums>,
    /// The members' log weights.
    pub evidence: Vec<f64>,
    pub alarm: f64,
    /// Rewards since the past was last given up.
    pub since: f64,
    /// Whether the past was ever given up.
    pub moved: bool,
    /// Rewards in all.
    pub seen: u64,
    /// Rewards of each arm, after the discount.
    pub count: Vec<f64>,
    /// Sums of squares of the features, and contexts.
    pub features: Vec<f64>,
    pub contexts: f64,
    /// Blocks that the others learnt since: what they forgot is still to be forgotten here.
    pub age: u64,
}

impl Part {
    pub fn new(members: usize, arms: usize, size: usize, features: usize) -> Self {
        Self {
            sums: vec![Sums::new(size); members],
            evidence: vec![0.0; members],
            count: vec![0.0; arms],
            features: vec![0.0; features],
            ..Self::default()
        }
    }

    pub fn widen(&mut self, size: usize, features: usize) {
        self.sums.iter_mut().for_each(|s| s.widen(size));
        self.features.resize(features, 0.0);
    }

    pub fn forget(&mut self, rates: &Rates, blocks: u64) {
        let blocks = blocks as f64;
        for (sums, rate) in self.sums.iter_mut().zip(&rates.block) {
            if *rate < 1.0 {
                sums.scale(rate.powf(blocks));
            }
        }
        if rates.discount < 1.0 {
            let by = rates.discount.powf(blocks);
            self.count.iter_mut().for_each(|c| *c *= by);
        }
    }

    /// Adds what another worker learnt.
    pub fn add(&mut self, other: &Part, rates: &Rates) {
        let mut other = other.clone();
        other.forget(rates, other.age);
        let pairs = self.sums.iter_mut().zip(&other.sums);
        pairs.for_each(|(x, y)| x.add(y, 1.0));
        let pairs = self.evidence.iter_mut().zip(&other.evidence);
        pairs.for_each(|(x, y)| *x += y);
        floor(&mut self.evidence);
        self.alarm = self.alarm.max(other.alarm);
        self.since += other.since;
        self.moved |= other.moved;
        self.seen += other.seen;
        let pairs = self.count.iter_mut().zip(&other.count);
        pairs.for_each(|(x, y)| *x += y);
        let pairs = self.features.iter_mut().zip(&other.features);
        pairs.for_each(|(x, y)| *x += y);
        self.contexts += other.contexts;
    }

    /// The past is given up: all go on from the sums of the quickest to forget.
    pub fn give_up(&mut self) {
        let Some((quickest, others)) = self.sums.split_last_mut() else {
            return;
        };
        others.iter_mut().for_each(|s| s.clone_from(quickest));
        self.evidence.fill(0.0);
        self.alarm = 0.0;
        self.since = 0.0;
        self.moved = true;
    }

    /// The likeliest member; of equals the one that forgets least.
    pub fn top(&self) -> usize {
        best_of(self.evidence.len(), |m| self.evidence[m])
    }

    pub fn weigh(&mut self, likelihoods: &[f64]) {
        if likelihoods.len() < 2 {
            return;
        }
        let last = likelihoods.len() - 1;
        let best = best_of(last, |m| self.evidence[m]);
        self.alarm = (self.alarm + likelihoods[last] - likelihoods[best]).max(0.0);
        let pairs = self.evidence.iter_mut().zip(likelihoods);
        pairs.for_each(|(e, l)| *e += l);
        floor(&mut self.evidence);
    }

    pub fn count_context(&mut self, context: Option<&[f64]>) {
        if let Some(x) = context {
            let pairs = self.features.iter_mut().zip(x);
            pairs.for_each(|(s, x)| *s += x * x);
            self.contexts += 1.0;
        }
    }
}

fn floor(evidence: &mut [f64]) {
    let top = evidence.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let least = |e: &mut f64| *e = (*e - top).max(LEAST_EVIDENCE);
    evidence.iter_mut().for_each(least);
}

/// What is forgotten when.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    /// Rewards after which there is something to forget.
    pub every: u64,
    /// What each member keeps then.
    pub block: Vec<f64>,
    pub discount: f64,
}

impl Rates {
    pub fn new(options: &BanditOptions) -> Self {
        let every = if options.discount < 1.0 { 1 } else { BLOCK };
        let members = if options.adapt { BANK } else { 1 };
        let keep = |f: &f64| ((1.0 - f) * options.discount).powf(every as f64);
        Self {
            every,
            block: FORGET[..members].iter().map(keep).collect(),
            discount: options.discount,
        }
    }
}
