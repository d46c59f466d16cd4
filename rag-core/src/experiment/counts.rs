//! What was counted, and what followed from it.

use super::ledger::{Counted, Entries, Ledger};
use super::sequential::Sums;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Values of each measure by variant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Values(pub BTreeMap<String, Vec<Sums>>);

impl Counted for Values {
    fn size(&self) -> u64 {
        let counts = self.0.values().flatten().map(|sums| sums.n);
        counts.fold(0, u64::saturating_add)
    }

    fn add(&mut self, other: &Self) {
        for (measure, more) in &other.0 {
            let sums = self.0.entry(measure.clone()).or_default();
            if sums.len() < more.len() {
                sums.resize(more.len(), Sums::default());
            }
            sums.iter_mut().zip(more).for_each(|(a, b)| a.merge(b));
        }
    }
}

/// A variant for everybody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Promotion {
    pub variant: String,
    /// Unix seconds: the latest is what holds.
    pub at: f64,
}

/// All of it, all processes together.
#[derive(Debug)]
pub(super) struct Counts {
    pub ledger: Ledger<Values>,
    /// The variant of each user's hash.
    pub users: HashMap<u64, u8>,
    /// The guardrail that stopped a variant.
    pub stopped: BTreeMap<String, String>,
    pub promoted: Option<Promotion>,
}

impl Counts {
    pub fn new() -> Self {
        Self {
            ledger: Ledger::new(Entries(BTreeMap::new())),
            users: HashMap::new(),
            stopped: BTreeMap::new(),
            promoted: None,
        }
    }

    /// The values of a measure of one variant.
    pub fn of(&self, measure: &str, variant: usize) -> Sums {
        let of = |values: &Values| {
            let sums = values.0.get(measure).and_then(|sums| sums.get(variant));
            sums.copied().unwrap_or_default()
        };
        self.ledger.figure(of, |all, mine| all.merge(&mine))
    }

    pub fn users_by(&self, variants: usize) -> Vec<u64> {
        let mut counts = vec![0; variants];
        for variant in self.users.values() {
            if let Some(count) = counts.get_mut(usize::from(*variant)) {
                *count += 1;
            }
        }
        counts
    }

    pub fn promote(&mut self, promotion: Promotion) {
        let later =
            |held: &Promotion| (promotion.at, &promotion.variant) > (held.at, &held.variant);
        if self.promoted.as_ref().is_none_or(later) {
            self.promoted = Some(promotion);
        }
    }
}
