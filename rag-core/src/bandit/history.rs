//! Who learnt what: one history of sums for each worker, so that merging twice counts once.
//!
//! A history is what one bandit learnt between being made (or loaded, or cloned) and now. It is
//! recognised by digests of its rewards at lengths 1, 2, 4, 8, ...: of two histories where one
//! goes on from the other, merging keeps the longer; unrelated ones are kept side by side and
//! their sums are added, always in the order of their digests. Merging is therefore idempotent
//! and does not depend on the order, to the bit.

use super::model::Sums;
use crate::rng::splitmix64;
use std::collections::BTreeMap;

/// More histories than this are folded together, shortest first.
pub(super) const MAX_HISTORIES: usize = 1024;

/// One domain's part of a history.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub sums: Sums,
    /// Rewards that others gave to the domain since: what the discount is still to be applied for.
    pub age: u64,
}

/// What one worker learnt.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    /// Digests after 1, 2, 4, 8, ... rewards.
    pub digests: Vec<u64>,
    /// The digest now.
    pub digest: u64,
    /// Rewards so far.
    pub length: u64,
    pub parts: BTreeMap<String, Part>,
}

impl History {
    /// Adds a reward; `id` is the choice's.
    pub fn record(
        &mut self,
        domain: &str,
        id: u64,
        (arm, arms): (usize, usize),
        reward: f64,
        discount: f64,
    ) {
        let part = match self.parts.get_mut(domain) {
            Some(part) => part,
            None => self.parts.entry(domain.to_owned()).or_insert(Part {
                sums: Sums::new(arms),
                age: 0,
            }),
        };
        part.sums.record(arm, reward, discount);
        for word in [id, hash(domain), arm as u64, reward.to_bits()] {
            let mut state = self.digest ^ word;
            self.digest = splitmix64(&mut state);
        }
        self.length += 1;
        if self.length.is_power_of_two() {
            self.digests.push(self.digest);
        }
    }

    /// Whether one of the two goes on from the other.
    fn same_worker(&self, other: &History) -> bool {
        let shared = self.digests.len().min(other.digests.len());
        self.digests[..shared] == other.digests[..shared]
            && (self.length != other.length || self.digest == other.digest)
    }

    fn absorb(&mut self, other: &History) {
        if other.length > self.length {
            let ours = std::mem::replace(self, other.clone());
            self.raise_ages(&ours);
        } else {
            self.raise_ages(other);
        }
    }

    fn raise_ages(&mut self, other: &History) {
        for (domain, part) in &mut self.parts {
            if let Some(theirs) = other.parts.get(domain) {
                part.age = part.age.max(theirs.age);
            }
        }
    }

    fn fold(&mut self, other: &History) {
        for (domain, theirs) in &other.parts {
            let arms = theirs.sums.count.len();
            let part = self.parts.entry(domain.clone()).or_insert(Part {
                sums: Sums::new(arms),
                age: theirs.age,
            });
            part.age = part.age.min(theirs.age);
            part.sums.add(&theirs.sums, 1.0);
        }
        self.length += other.length;
        let mut state = self.digest ^ other.digest;
        self.digest = splitmix64(&mut state);
        self.digests = vec![self.digest];
    }
}

/// Takes every history of `theirs` into `ours`, which are in the order of their digests.
///
/// `own` is the index of the one that this bandit goes on writing; the new index comes back.
pub(super) fn merge(
    ours: &mut Vec<History>,
    theirs: &[History],
    own: Option<usize>,
) -> Option<usize> {
    let own_digest = own.map(|i| ours[i].digest);
    let mut own_grew = false;
    for history in theirs {
        match ours.iter().position(|h| h.same_worker(history)) {
            Some(i) => {
                own_grew |= own == Some(i) && history.length > ours[i].length;
                ours[i].absorb(history);
            }
            None => ours.push(history.clone()),
        }
    }
    sort(ours);
    while ours.len() > MAX_HISTORIES {
        let shortest = |skip: Option<u64>| {
            (0..ours.len())
                .filter(|i| Some(ours[*i].digest) != own_digest && Some(ours[*i].digest) != skip)
                .min_by_key(|i| (ours[*i].length, ours[*i].digest))
                .expect("more than two histories")
        };
        let first = shortest(None);
        let second = shortest(Some(ours[first].digest));
        let removed = ours.remove(first.max(second));
        ours[first.min(second)].fold(&removed);
        sort(ours);
    }
    // Another copy went on writing the same history: from here on this one writes its own.
    let own_digest = own_digest.filter(|_| !own_grew)?;
    ours.iter().position(|h| h.digest == own_digest)
}

pub(super) fn sort(histories: &mut [History]) {
    histories
        .sort_by(|a, b| (&a.digests, a.length, a.digest).cmp(&(&b.digests, b.length, b.digest)));
}

/// The sums of `domain` over all histories, in their order.
pub(super) fn total(histories: &[History], domain: &str, arms: usize, discount: f64) -> Sums {
    let mut sums = Sums::new(arms);
    for history in histories {
        if let Some(part) = history.parts.get(domain) {
            let weight = match part.age {
                0 => 1.0,
                age => discount.powf(age as f64),
            };
            sums.add(&part.sums, weight);
        }
    }
    sums
}

/// FNV-1a.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, byte| {
        (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
