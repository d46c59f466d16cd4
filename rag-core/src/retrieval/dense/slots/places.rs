//! Which slot holds an id.

use super::super::mixer::Mixer;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash};

/// What stands where no slot is.
const NOWHERE: u32 = u32::MAX;
/// Ids below so many times the number of those held, and this much, have a place of their own.
const SPREAD: usize = 2;
const ALWAYS: usize = 1024;
/// Places of the smallest table.
const LEAST: usize = 64;

/// Slots by id. Ids are mostly the numbers from 0 on: these are read from a table, at the cost of
/// one cache line, and the others from a hash.
#[derive(Clone, Debug)]
pub(super) struct Places<I> {
    near: Vec<u32>,
    far: HashMap<I, u32, BuildHasherDefault<Mixer>>,
    len: usize,
}

impl<I> Default for Places<I> {
    fn default() -> Self {
        Self {
            near: Vec::new(),
            far: HashMap::default(),
            len: 0,
        }
    }
}

impl<I: Copy + Eq + Hash + Into<u64>> Places<I> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn get(&self, id: I) -> Option<u32> {
        let near = usize::try_from(id.into()).ok();
        match near.and_then(|id| self.near.get(id)) {
            Some(&slot) => (slot != NOWHERE).then_some(slot),
            None if self.far.is_empty() => None,
            None => self.far.get(&id).copied(),
        }
    }

    /// Answers the slot that held the id before.
    pub(super) fn insert(&mut self, id: I, slot: u32) -> Option<u32> {
        let number: u64 = id.into();
        if number >= self.near.len() as u64 && number < (SPREAD * self.len + ALWAYS) as u64 {
            self.widen(number as usize);
        }
        let held = match usize::try_from(number)
            .ok()
            .and_then(|n| self.near.get_mut(n))
        {
            Some(place) => Some(std::mem::replace(place, slot)).filter(|&held| held != NOWHERE),
            None => self.far.insert(id, slot),
        };
        self.len += usize::from(held.is_none());
        held
    }

    /// Makes room in the table up to an id, and moves there what belongs there.
    fn widen(&mut self, number: usize) {
        let room = (number + 1)
            .max(self.near.len() + self.near.len() / 4)
            .max(LEAST);
        self.near.reserve_exact(room - self.near.len());
        self.near.resize(room, NOWHERE);
        let near = &mut self.near;
        self.far.retain(|&id, &mut slot| {
            let place = usize::try_from(id.into())
                .ok()
                .and_then(|n| near.get_mut(n));
            place.map(|place| *place = slot).is_none()
        });
    }

    pub(super) fn remove(&mut self, id: I) -> Option<u32> {
        let near = usize::try_from(id.into()).ok();
        let held = match near.and_then(|id| self.near.get_mut(id)) {
            Some(place) => Some(std::mem::replace(place, NOWHERE)).filter(|&held| held != NOWHERE),
            None => self.far.remove(&id),
        };
        self.len -= usize::from(held.is_some());
        held
    }

    pub(super) fn bytes(&self) -> usize {
        let table = self.near.capacity() * size_of::<u32>();
        table + self.far.capacity() * (size_of::<(I, u32)>() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_a_hash(
            changes in prop::collection::vec((any::<bool>(), prop_oneof![0u64..40, 900u64..5000, any::<u64>()]), 0..400)
        ) {
            let (mut places, mut truth) = (Places::default(), HashMap::new());
            for (slot, (add, id)) in (0u32..).zip(changes) {
                match add {
                    true => prop_assert_eq!(places.insert(id, slot), truth.insert(id, slot)),
                    false => prop_assert_eq!(places.remove(id), truth.remove(&id)),
                }
                prop_assert_eq!(places.len(), truth.len());
                prop_assert_eq!(places.get(id), truth.get(&id).copied());
            }
            for (id, slot) in truth {
                prop_assert_eq!(places.get(id), Some(slot));
            }
        }

        #[test]
        fn wide_tables_take_over_from_the_hash(first in 0u64..5000, order in any::<bool>()) {
            let mut places = Places::default();
            let ids = (0..3000u64).map(|i| if order { i } else { 2999 - i }).chain([first + 3000]);
            for (slot, id) in (0u32..).zip(ids.clone()) {
                places.insert(id, slot);
            }
            for (slot, id) in (0u32..).zip(ids) {
                prop_assert_eq!(places.get(id), Some(slot));
            }
            prop_assert!(places.near.len() <= 3 * (SPREAD * 3001 + ALWAYS) / 2);
        }
    }
}
