//! The graph's part of a file.

use super::super::saved::{Reader, Writer};
use super::{Keep, Metric, Near};
use crate::kernel::Meaning;
use crate::retrieval::bits::Bits;

impl Near {
    pub(in crate::retrieval::dense) fn write(&self, to: &mut Writer) {
        let (mean, longest) = self.coder.learnt();
        to.floats(mean);
        to.floats(&[longest, self.coded.longest()]);
        to.bytes(&self.coded.codes);
        to.bytes(&self.coded.rest.iter().map(|&b| b as u8).collect::<Vec<_>>());
        for meaning in self.coded.meanings.iter() {
            to.floats(&[meaning.scale, meaning.rest, meaning.norm, meaning.lift]);
        }
        for slot in 0..self.links.len() as u32 {
            to.slots(self.links.of(slot));
        }
        for list in [&self.entries, &self.dead, &self.dying] {
            to.slots(list);
        }
        for number in [self.linked, self.chosen_for, self.cursor] {
            to.long(number as u64);
        }
    }

    pub(in crate::retrieval::dense) fn read(
        metric: Metric,
        dim: usize,
        seed: u64,
        count: usize,
        from: &mut Reader<'_>,
    ) -> Result<Self, &'static str> {
        let mean = from.floats(dim)?;
        let mut near = Self::new(metric, dim, seed, &[]);
        let width = near.coder.width();
        let most = from.floats(2)?;
        near.coder.set_learnt(mean, most[0]);
        let bytes = count
            .checked_mul(width)
            .ok_or("more codes than there can be")?;
        let codes = from.bytes(bytes / 2)?;
        let rest: Vec<i8> = from.bytes(bytes)?.iter().map(|&b| b as i8).collect();
        let mut meanings = Vec::with_capacity(count);
        for _ in 0..count {
            let four = from.floats(4)?;
            if four[2] < 0.0 {
                return Err("a squared length below 0");
            }
            meanings.push(Meaning {
                scale: four[0],
                rest: four[1],
                norm: four[2],
                lift: four[3],
            });
        }
        near.coded.set(codes, &rest, meanings, most[1]);
        near.links.grow(count);
        for slot in 0..count as u32 {
            let links = from.slots(count)?;
            if links.len() > super::graph::DEGREE {
                return Err("more links than a slot has");
            }
            near.links.set(slot, &links);
        }
        near.entries = from.slots(count)?;
        near.dead = from.slots(count)?;
        near.dying = from.slots(count)?;
        let mut number = || -> Result<usize, &'static str> {
            let number = usize::try_from(from.long()?).ok().filter(|&n| n <= count);
            number.ok_or("a count beyond the slots")
        };
        near.reach = super::upkeep::reach(&near.links);
        (near.linked, near.chosen_for, near.cursor) = (number()?, number()?, number()?);
        if near.entries.is_empty() && near.linked > 0 || near.linked < near.dying.len() {
            return Err("a graph that cannot be entered");
        }
        Ok(near)
    }

    /// The slots that walks pass though they hold nothing; fails if one holds something.
    pub(in crate::retrieval::dense) fn dead(
        &self,
        count: usize,
        alive: &impl Keep,
    ) -> Result<Bits, &'static str> {
        let mut dead = Bits::default();
        for &slot in self.dead.iter().chain(&self.dying) {
            if slot as usize >= count || alive.keep(slot) || dead.has(slot) {
                return Err("a slot is dead and alive");
            }
            dead.set(slot, true);
        }
        Ok(dead)
    }
}
