//! Which slots a filter lets through, and the last few filters, remembered.
//!
//! Looking up the slots of many keys takes longer than finding among them, and the same list of keys
//! is asked for again and again. So the lists are kept with what they came to, and one that comes
//! again is compared, number by number.

use super::slots::Slots;
use crate::retrieval::bits::Bits;
use std::sync::{Arc, Mutex};

/// Lists of keys that are remembered, and their bytes with what they came to.
const REMEMBERED: usize = 4;
const MOST_BYTES: usize = 64 << 20;
/// Shorter lists are looked up as quickly as compared.
const SHORT: usize = 32;

/// Slots among which is searched.
#[derive(Clone, Debug)]
pub(super) enum Among {
    /// Some, ascending.
    Few(Vec<u32>),
    /// Many, and how many of those that are held.
    Many(Bits, usize),
}

impl Among {
    /// Those of `slots`, which come in any order and may come twice, at most `most`; a list of up
    /// to `few`.
    pub(super) fn new(slots: impl Iterator<Item = u32>, most: usize, few: usize) -> Self {
        if most <= few {
            let mut few: Vec<u32> = slots.collect();
            if !few.is_sorted_by(|a, b| a < b) {
                few.sort_unstable();
                few.dedup();
            }
            return Self::Few(few);
        }
        let mut bits = Bits::default();
        slots.for_each(|slot| bits.set(slot, true));
        match bits.count() {
            count if count <= few => Self::Few(bits.iter().collect()),
            count => Self::Many(bits, count),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Few(slots) => size_of_val(&slots[..]),
            Self::Many(bits, _) => bits.bytes(),
        }
    }
}

#[derive(Debug)]
struct Known {
    keys: Box<[u64]>,
    /// The state of the index that it holds for.
    content: u64,
    among: Arc<Among>,
}

impl Known {
    fn bytes(&self) -> usize {
        size_of_val(&self.keys[..]) + self.among.bytes()
    }
}

/// The last filters, the latest first. It is never waited for: one that finds it taken looks up
/// its keys itself.
#[derive(Debug, Default)]
pub(super) struct Filters(Mutex<Vec<Arc<Known>>>);

impl Filters {
    /// The slots of some keys, those that are not held left out.
    pub(super) fn among(&self, keys: &[u64], slots: &Slots<u64>) -> Arc<Among> {
        let look_up = || {
            let held = keys.iter().filter_map(|&key| slots.slot(key));
            Arc::new(slots.among(held, keys.len()))
        };
        if keys.len() <= SHORT {
            return look_up();
        }
        // Compared without the lock: lists may be long, and other searches have theirs.
        let known = match self.0.try_lock() {
            Ok(known) => known.clone(),
            Err(_) => return look_up(),
        };
        let content = slots.content();
        let same = |k: &&Arc<Known>| k.content == content && *k.keys == *keys;
        let found = known.iter().find(same).cloned();
        if let (Some(found), Some(first)) = (&found, known.first())
            && Arc::ptr_eq(found, first)
        {
            return Arc::clone(&found.among);
        }
        let found = found.unwrap_or_else(|| {
            Arc::new(Known {
                keys: keys.into(),
                content,
                among: look_up(),
            })
        });
        self.remember(&found);
        Arc::clone(&found.among)
    }

    fn remember(&self, one: &Arc<Known>) {
        let Ok(mut known) = self.0.try_lock() else {
            return;
        };
        known.retain(|k| k.content == one.content && !Arc::ptr_eq(k, one));
        known.insert(0, Arc::clone(one));
        known.truncate(REMEMBERED);
        let mut bytes = 0;
        known.retain(|k| {
            bytes += k.bytes();
            bytes <= MOST_BYTES
        });
    }
}
