//! Slots in an image: everything but the vectors, which whoever has them lends.

use super::super::Metric;
use super::super::near::Near;
use super::vectors::{Lender, Vectors};
use super::{Keeping, Slots};
use crate::bytes::Read;
use crate::image::{Reader, Work, Writer};
use crate::kernel::Large;
use crate::retrieval::bits::Bits;
use std::io;
use std::sync::Arc;

impl Slots<u32> {
    /// Writes the slots of rows; `place_of` says where the vector of a row is.
    pub(in crate::retrieval::dense) fn write(
        &self,
        to: &mut Writer<'_>,
        place_of: impl Fn(u32) -> u64,
    ) -> io::Result<()> {
        let places = (0u32..).zip(&self.ids[..]);
        let places = places.map(|(slot, &row)| match self.alive.has(slot) {
            true => place_of(row),
            false => 0,
        });
        to.array(&[self.count() as u64, u64::from(self.near.is_some())])?;
        to.array(&self.ids)?;
        to.array(self.alive.words())?;
        to.array(&self.free)?;
        to.array(&self.pending)?;
        to.array(&places.collect::<Vec<u64>>())?;
        match &self.near {
            Some(near) => near.write_image(to),
            None => Ok(()),
        }
    }

    /// Reads what [`Slots::write`] wrote.
    pub(in crate::retrieval::dense) fn restored(
        dim: usize,
        metric: Metric,
        how: Keeping,
        from: &mut Reader<'_>,
        lender: Arc<dyn Lender>,
    ) -> Read<Self> {
        let mut slots = Self::new(dim, metric, how).map_err(|_| "a dimension that none has")?;
        let [count, coded] = from.fixed::<u64, 2>()?;
        let count = usize::try_from(count).map_err(|_| "more slots than there can be")?;
        if count >= Near::most_slots() || coded > 1 {
            return Err("more slots than there can be");
        }
        let mut small = from.clone();
        from.skip(5)?;
        let mut idle = Bits::default();
        if coded == 0 {
            slots.read_slots(count, &mut small, lender, &mut idle)?;
            return match slots.pending.is_empty() && slots.slot_of.len() < how.start {
                true => Ok(slots),
                false => Err("vectors without codes that should have some"),
            };
        }
        let mut near = Near::read_image(metric, dim, how.seed, count, from)?;
        let mut work = Work::default();
        work.job(|| slots.read_slots(count, &mut small, lender, &mut idle));
        near.check(&mut work);
        work.run()?;
        near.complete();
        let alive = &slots.alive;
        let dead = near.dead(count, &|slot: u32| alive.has(slot))?;
        if dead.iter().any(|slot| idle.has(slot)) {
            return Err("a slot is dead and free");
        }
        slots.near = Some(near);
        Ok(slots)
    }

    /// Reads which slot holds what; `idle` is told which are free.
    fn read_slots(
        &mut self,
        count: usize,
        from: &mut Reader<'_>,
        lender: Arc<dyn Lender>,
        idle: &mut Bits,
    ) -> Read<()> {
        self.ids = Large::exactly(&from.array()?, count)?;
        self.alive = Bits::from_words(from.vec()?, count).ok_or("a slot that does not exist")?;
        self.free = from.vec()?;
        self.pending = from.vec()?;
        let places = Large::exactly(&from.array()?, count)?;
        self.vectors = Vectors::lent(self.dim, lender, places);
        let (alive, ids) = (&self.alive, &self.ids);
        for slot in alive.iter() {
            if self.slot_of.insert(ids[slot as usize], slot).is_some() {
                return Err("two slots hold the same row");
            }
        }
        for &slot in &self.free {
            if slot as usize >= count || alive.has(slot) || idle.has(slot) {
                return Err("a slot is free that is not");
            }
            idle.set(slot, true);
        }
        match self.pending.iter().all(|&slot| alive.has(slot)) {
            true => Ok(()),
            false => Err("a slot that holds nothing waits to be linked"),
        }
    }
}
