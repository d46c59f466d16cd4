//! An index with codes as bytes.

use super::super::Metric;
use super::super::near::Near;
use super::super::saved::{Reader, Writer};
use super::vectors::Vectors;
use super::{Keeping, Slots};
use crate::plain::Plain;
use std::hash::Hash;

impl<I: Plain + Ord + Hash + Into<u64>> Slots<I> {
    /// What a file holds of an index with codes; `None` without.
    pub(in crate::retrieval::dense) fn to_bytes(&self, to: &mut Writer) -> bool {
        let Some(near) = &self.near else {
            return false;
        };
        for (slot, &id) in (0u32..).zip(&self.ids[..]) {
            to.long(id.into());
            to.byte(u8::from(self.alive.has(slot)));
        }
        to.slots(&self.pending);
        near.write(to);
        if self.how.whole {
            (0..self.count() as u32).for_each(|slot| to.floats(self.at(slot)));
        }
        true
    }

    /// Reads what [`Slots::to_bytes`] wrote: `count` slots.
    pub(in crate::retrieval::dense) fn from_bytes(
        dim: usize,
        metric: Metric,
        how: Keeping,
        count: usize,
        from: &mut Reader<'_>,
    ) -> std::result::Result<Self, &'static str>
    where
        I: From<u64>,
    {
        let mut slots = Self::new(dim, metric, how).map_err(|_| "a dimension that no index has")?;
        if count >= Near::most_slots() || from.left() / 9 < count {
            return Err("more slots than there are bytes for");
        }
        for slot in 0..count as u32 {
            let id = I::from(from.long()?);
            let held = from.byte()?;
            slots.ids.push(id);
            if held > 1 || (held == 1 && slots.slot_of.insert(id, slot).is_some()) {
                return Err("a key is held twice");
            }
            slots.alive.set(slot, held == 1);
        }
        slots.pending = from.slots(count)?;
        let alive = |slot: u32| slots.alive.has(slot);
        let near = Near::read(metric, dim, how.seed, count, from)?;
        let dead = near.dead(count, &alive)?;
        if !slots.pending.iter().all(|&slot| alive(slot)) {
            return Err("a slot that holds nothing waits to be linked");
        }
        let free = (0..count as u32).filter(|&slot| !alive(slot) && !dead.has(slot));
        slots.free = free.collect();
        if how.whole {
            let len = count
                .checked_mul(dim)
                .ok_or("more floats than there can be")?;
            slots.vectors = Vectors::of(dim, from.floats(len)?);
        }
        slots.near = Some(near);
        Ok(slots)
    }
}
