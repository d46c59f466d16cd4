//! Upkeep in steps: each is computed while others search, then carried out in a moment.
//!
//! A step is a round of linking or a part of a sweep. Computing one needs the vectors and the
//! graph as they are and takes milliseconds; carrying it out copies lists of links.

use super::graph::{DEGREE, Keep, Links};
use super::link::Linker;
use super::{Near, SWEEP, TOLERATED};
use crate::threads;

/// A round is at most this share of what is linked already.
const SHARE: usize = 32;
/// Slots in a round at most.
const MOST_ROUND: usize = 256;
/// Fewer slots than this are not worth waking other threads for: those of a round, of a sweep.
const ALONE: (usize, usize) = (8, 512);
/// Slots that one step of a sweep looks over at most.
const MOST_SWEPT: usize = 4096;

/// What is to be done next, computed and not yet carried out.
#[derive(Clone, Debug)]
pub(in crate::retrieval::dense) struct Step {
    /// Slots that are linked by it, the first that waited.
    pub linked: usize,
    /// Where a sweep stands after it.
    swept: Option<usize>,
    /// Slots with the links that they have from then on.
    rows: Vec<(u32, Vec<u32>)>,
}

impl Near {
    /// The next step, if there is something to do: `waiting` are slots that were put and are not
    /// linked, oldest first.
    ///
    /// All of a round look for neighbours in the graph as it was and among themselves, and no part of a sweep looks at
    /// another's links, so that neither threads nor the size of the parts change what comes of it.
    pub(in crate::retrieval::dense) fn step(
        &self,
        waiting: &[u32],
        alive: &impl Keep,
        threads: usize,
    ) -> Option<Step> {
        if !waiting.is_empty() {
            return Some(self.round(waiting, alive, threads));
        }
        (self.owed > 0).then(|| self.part(alive, threads))
    }

    fn linker<'a, K: Keep>(&'a self, alive: &'a K) -> Linker<'a, K> {
        Linker {
            coder: &self.coder,
            coded: &self.coded,
            links: &self.links,
            alive,
        }
    }

    fn round(&self, waiting: &[u32], alive: &impl Keep, threads: usize) -> Step {
        // The first one finds nothing, and is where the others begin.
        let most = match self.entries.is_empty() {
            true => 1,
            false => (self.linked / SHARE).clamp(1, MOST_ROUND),
        };
        let slots = &waiting[..most.min(waiting.len())];
        let threads = if slots.len() < ALONE.0 { 1 } else { threads };
        let linker = self.linker(alive);
        let mut rows: Vec<(u32, Vec<u32>)> = threads::map(threads, slots.len(), &|i| {
            (
                slots[i],
                linker.place(&self.entries, slots[i], slots, &self.pool),
            )
        });
        let mut back: Vec<(u32, u32)> = Vec::with_capacity(slots.len() * DEGREE);
        for (slot, chosen) in &rows {
            back.extend(chosen.iter().map(|&to| (to, *slot)));
        }
        back.sort_unstable();
        let groups: Vec<&[(u32, u32)]> = back.chunk_by(|a, b| a.0 == b.0).collect();
        // Those of the round have just been given theirs.
        let mut own: Vec<(u32, usize)> = slots.iter().copied().zip(0..).collect();
        own.sort_unstable();
        let links_of = |slot: u32| match own.binary_search_by_key(&slot, |own| own.0) {
            Ok(at) => &rows[own[at].1].1[..],
            Err(_) => self.links.of(slot),
        };
        let answers = threads::map(threads, groups.len(), &|i| {
            let slot = groups[i][0].0;
            let answer = linker.answer(slot, links_of(slot), groups[i], &self.pool);
            (slot, answer)
        });
        rows.extend(answers);
        Step {
            linked: slots.len(),
            swept: None,
            rows,
        }
    }

    fn part(&self, alive: &impl Keep, threads: usize) -> Step {
        let count = self.links.len() - self.cursor.min(self.links.len());
        let count = count.min(self.owed).min(MOST_SWEPT);
        let threads = if count < ALONE.1 { 1 } else { threads };
        let linker = self.linker(alive);
        let mended = threads::map(threads, count, &|i| {
            let slot = (self.cursor + i) as u32;
            linker.mend(slot, &self.pool).map(|links| (slot, links))
        });
        Step {
            linked: 0,
            swept: Some(self.cursor + count),
            rows: mended.into_iter().flatten().collect(),
        }
    }

    /// Carries out a step that was computed for the state that this is in; answers slots that may
    /// be used again.
    pub(in crate::retrieval::dense) fn carry_out(
        &mut self,
        step: &Step,
        waiting: &[u32],
        alive: &impl Keep,
    ) -> Vec<u32> {
        for (slot, links) in &step.rows {
            self.links.set(*slot, links);
        }
        self.linked += step.linked;
        let slots = &waiting[..step.linked];
        self.reach = slots.iter().fold(self.reach, |reach, &s| reach.max(s + 1));
        if self.entries.is_empty() {
            self.entries.extend(slots.first());
        }
        let free = match step.swept {
            Some(end) => self.end_part(end, alive),
            None => Vec::new(),
        };
        self.owe(step.linked);
        self.choose_entries(alive);
        free
    }

    fn end_part(&mut self, end: usize, alive: &impl Keep) -> Vec<u32> {
        self.owed -= (end - self.cursor).min(self.owed);
        self.cursor = end;
        if end < self.links.len() {
            return Vec::new();
        }
        self.owed = 0;
        let free = std::mem::take(&mut self.dying);
        for &slot in &free {
            self.links.set(slot, &[]);
        }
        self.linked = self.linked.saturating_sub(free.len());
        self.entries.retain(|&e| alive.keep(e));
        free
    }

    /// After so many writes: a sweep begins when many are dead, and goes on by a share for each.
    pub(super) fn owe(&mut self, writes: usize) {
        if self.dying.is_empty() && self.dead.len() * TOLERATED > self.linked {
            self.dying = std::mem::take(&mut self.dead);
            self.cursor = 0;
        }
        self.owed = match self.dying.is_empty() {
            true => 0,
            false => self.owed.saturating_add(writes.saturating_mul(SWEEP)),
        };
    }

    /// Entry points are spread over the slots, and chosen anew when half as many slots more are
    /// linked as lie between two of them: what came last and is like nothing before needs its own.
    fn choose_entries(&mut self, alive: &impl Keep) {
        let n = self.reach as usize;
        let wanted = (self.linked.isqrt() / 4).clamp(super::ENTRIES.0, super::ENTRIES.1);
        let apart = self.chosen_for / wanted;
        let enough = self.chosen_for <= self.linked && self.linked <= self.chosen_for + apart / 2;
        let sound = self.entries.len() * 2 > wanted && self.entries.iter().all(|&e| alive.keep(e));
        if enough && sound {
            return;
        }
        let linked = |s: &usize| alive.keep(*s as u32) && !self.links.of(*s as u32).is_empty();
        let part = |i: usize| (i * n / wanted..(i + 1) * n / wanted).find(linked);
        let entries: Vec<u32> = (0..wanted).filter_map(part).map(|s| s as u32).collect();
        if !entries.is_empty() {
            self.entries = entries;
            self.chosen_for = self.linked;
        }
    }
}

/// One past the last slot that leads anywhere.
pub(super) fn reach(links: &Links) -> u32 {
    let last = (0..links.len() as u32).rposition(|slot| !links.of(slot).is_empty());
    last.map_or(0, |slot| slot as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::super::super::Metric;
    use super::*;
    use crate::rng::Rng;
    use std::collections::BTreeMap;

    #[test]
    fn those_of_a_round_keep_what_leads_away_from_it_when_they_lead_to_each_other() {
        const OLD: usize = 600;
        let mut rng = Rng::new(9);
        let centre: Vec<f32> = (0..12).map(|_| rng.normal() as f32).collect();
        let mut vector = |i: usize| -> Vec<f32> {
            let spread = if i < OLD { 1.0 } else { 0.2 };
            let around = |c: &f32| c + spread * rng.normal() as f32;
            centre.iter().map(around).collect()
        };
        let vectors: Vec<Vec<f32>> = (0..OLD + 18).map(&mut vector).collect();
        let sample: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
        let mut near = Near::new(Metric::L2, 12, 0, &sample);
        let alive = |_: u32| true;
        let mut link = |range: std::ops::Range<usize>| {
            let mut waiting: Vec<u32> = range.clone().map(|i| i as u32).collect();
            range.for_each(|i| near.put(i as u32, &vectors[i]));
            let mut last = BTreeMap::new();
            while let Some(step) = near.step(&waiting, &alive, 1) {
                near.carry_out(&step, &waiting, &alive);
                waiting.drain(..step.linked);
                last = step.rows.into_iter().collect();
            }
            last
        };
        link(0..OLD);
        // One round, in which all are near each other.
        let rows = link(OLD..OLD + 18);
        for slot in OLD as u32..OLD as u32 + 18 {
            let links = &rows[&slot];
            assert!(
                links.iter().any(|&to| to >= OLD as u32),
                "{slot}: {links:?}"
            );
            assert!(links.iter().any(|&to| to < OLD as u32), "{slot}: {links:?}");
        }
    }
}
