//! Who learnt what: one history of sums for each worker, so that merging twice counts once.
//!
//! A history is what one bandit learnt between being made (or loaded, or cloned) and now. It is
//! recognised by digests of its rewards at lengths 1, 2, 4, 8, ...: of two histories where one
//! goes on from the other, merging keeps the longer; unrelated ones are kept side by side and
//! their sums are added, always in the order of their digests. Merging is therefore idempotent
//! and does not depend on the order, to the bit.

use super::part::{Part, Rates};
use crate::rng::splitmix64;
use std::collections::BTreeMap;

/// More histories than this are folded together, shortest first.
pub(super) const MAX_HISTORIES: usize = 1024;

/// By what a history is recognised.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Marks {
    /// Digests after 1, 2, 4, 8, ... rewards.
    pub digests: Vec<u64>,
    /// The digest now.
    pub digest: u64,
    /// Rewards so far.
    pub length: u64,
}

impl Marks {
    /// Notes a reward as the words that tell it from others.
    pub fn note(&mut self, words: impl IntoIterator<Item = u64>) {
        for word in words {
            let mut state = self.digest ^ word;
            self.digest = splitmix64(&mut state);
        }
        self.length += 1;
        if self.length.is_power_of_two() {
            self.digests.push(self.digest);
        }
    }
}

/// What one worker learnt, by domain.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    pub marks: Marks,
    pub parts: BTreeMap<String, Part>,
}

impl History {
    /// Whether one of the two goes on from the other.
    fn same_worker(&self, other: &History) -> bool {
        let (ours, theirs) = (&self.marks, &other.marks);
        let shared = ours.digests.len().min(theirs.digests.len());
        ours.digests[..shared] == theirs.digests[..shared]
            && (ours.length != theirs.length || ours.digest == theirs.digest)
    }

    fn absorb(&mut self, other: &History) {
        if other.marks.length > self.marks.length {
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

    fn fold(&mut self, other: &History, rates: &Rates) {
        for (domain, theirs) in &other.parts {
            match self.parts.get_mut(domain) {
                Some(part) => part.add(theirs, rates),
                None => {
                    self.parts.insert(domain.clone(), theirs.clone());
                }
            }
        }
        self.marks.length += other.marks.length;
        let mut state = self.marks.digest ^ other.marks.digest;
        self.marks.digest = splitmix64(&mut state);
        self.marks.digests = vec![self.marks.digest];
    }
}

/// Takes every history of `theirs` into `ours`, which are in the order of their digests.
///
/// `own` is the index of the one that this bandit goes on writing; the new index comes back.
pub(super) fn merge(
    ours: &mut Vec<History>,
    theirs: &[History],
    own: Option<usize>,
    rates: &Rates,
) -> Option<usize> {
    let own_digest = own.map(|i| ours[i].marks.digest);
    let mut own_grew = false;
    for history in theirs {
        match ours.iter().position(|h| h.same_worker(history)) {
            Some(i) => {
                own_grew |= own == Some(i) && history.marks.length > ours[i].marks.length;
                ours[i].absorb(history);
            }
            None => ours.push(history.clone()),
        }
    }
    sort(ours);
    while ours.len() > MAX_HISTORIES {
        let digest = |i: usize| ours[i].marks.digest;
        let shortest = |skip: Option<u64>| {
            (0..ours.len())
                .filter(|i| Some(digest(*i)) != own_digest && Some(digest(*i)) != skip)
                .min_by_key(|i| (ours[*i].marks.length, digest(*i)))
        };
        let Some(first) = shortest(None) else { break };
        let Some(second) = shortest(Some(digest(first))) else {
            break;
        };
        let removed = ours.remove(first.max(second));
        ours[first.min(second)].fold(&removed, rates);
        sort(ours);
    }
    // Another copy went on writing the same history: from here on this one writes its own.
    let own_digest = own_digest.filter(|_| !own_grew)?;
    ours.iter().position(|h| h.marks.digest == own_digest)
}

pub(super) fn sort(histories: &mut [History]) {
    let key = |h: &History| (h.marks.digests.clone(), h.marks.length, h.marks.digest);
    histories.sort_by_cached_key(key);
}

/// FNV-1a.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, byte| {
        (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
