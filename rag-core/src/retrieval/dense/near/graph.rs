//! The graph: for each slot the slots that lead on from it, and the walk along them.

use super::coder::{Asking, Coded};
use crate::bytes::Read;
use crate::image::Array;
use crate::kernel::codes::prefetch;
use crate::kernel::{self, Large};

/// Most links of a slot.
pub(super) const DEGREE: usize = 32;
/// Where a slot's links end before there are `DEGREE` of them.
pub(super) const NONE: u32 = u32::MAX;
/// Marks a candidate whose links were followed.
const DONE: u32 = 1 << 31;
/// Slots at most: a candidate has one bit for itself.
pub(super) const MOST_SLOTS: usize = DONE as usize;
/// Links that are worth two looks when most neighbours may not be found.
const QUOTA: usize = DEGREE;

/// Which slots may be found.
pub(in crate::retrieval::dense) trait Keep: Sync {
    /// Whether all may.
    const ALL: bool;
    fn keep(&self, slot: u32) -> bool;
}

/// All of them.
pub(in crate::retrieval::dense) struct All;

impl Keep for All {
    const ALL: bool = true;
    #[inline(always)]
    fn keep(&self, _: u32) -> bool {
        true
    }
}

impl<F: Fn(u32) -> bool + Sync> Keep for F {
    const ALL: bool = false;
    #[inline(always)]
    fn keep(&self, slot: u32) -> bool {
        self(slot)
    }
}

/// Links of all slots, of each in two cache lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Links(Large<u32>);

impl Links {
    pub(super) fn len(&self) -> usize {
        self.0.len() / DEGREE
    }

    pub(super) fn grow(&mut self, slots: usize) {
        self.0.grow(slots * DEGREE, NONE);
    }

    #[inline(always)]
    fn row(&self, slot: u32) -> &[u32; DEGREE] {
        &self.0.as_chunks::<DEGREE>().0[slot as usize]
    }

    #[inline(always)]
    pub(super) fn of(&self, slot: u32) -> &[u32] {
        let row = self.row(slot);
        let len = match row[DEGREE - 1] {
            NONE => row.iter().position(|&s| s == NONE).unwrap_or(DEGREE),
            _ => DEGREE,
        };
        &row[..len]
    }

    pub(super) fn set(&mut self, slot: u32, links: &[u32]) {
        let row = &mut self.0.as_chunks_mut::<DEGREE>().0[slot as usize];
        row[..links.len()].copy_from_slice(links);
        row[links.len()..].fill(NONE);
    }

    #[inline(always)]
    fn ahead(&self, slot: u32) {
        prefetch(self.row(slot));
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.0[..])
    }

    /// All of them, with what fills them up.
    pub(super) fn all(&self) -> &Large<u32> {
        &self.0
    }

    /// Takes over what [`Links::all`] gave, unchecked.
    pub(super) fn read(from: &Array<'_, u32>) -> Read<Self> {
        Large::read(from).map(Self)
    }
}

/// What a walk needs, kept from one to the next so that none allocates.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub asking: Asking,
    /// The best so far, best first: score and slot.
    pub pool: Vec<(f32, u32)>,
    /// Whether both codes are used to find the way.
    pub short: bool,
    seen: Vec<u8>,
    epoch: u8,
    next: Vec<u32>,
    sums: Vec<i32>,
}

impl Walk {
    fn begin(&mut self, slots: usize) {
        if self.seen.len() < slots {
            self.seen.resize(slots.next_power_of_two(), 0);
        }
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.seen.fill(0);
            self.epoch = 1;
        }
        self.pool.clear();
        self.sums.resize(2 * DEGREE, 0);
    }

    /// Whether the slot comes up for the first time.
    #[inline(always)]
    fn first_time(&mut self, slot: u32) -> bool {
        let seen = &mut self.seen[slot as usize];
        let first = *seen != self.epoch;
        *seen = self.epoch;
        first
    }

    /// Fills `pool` with the `most` best slots that a walk from `entries` finds.
    pub(super) fn run<K: Keep>(
        &mut self,
        coded: &Coded,
        links: &Links,
        entries: &[u32],
        most: usize,
        keep: &K,
    ) {
        self.begin(links.len());
        self.next.clear();
        for &entry in entries {
            if self.first_time(entry) {
                self.next.push(entry);
                coded.ahead(entry);
            }
        }
        // Entries are followed whether or not they may be found.
        let mut at = self.take(coded, most);
        while at < self.pool.len() {
            let slot = self.pool[at].1;
            if slot & DONE != 0 {
                at += 1;
                continue;
            }
            self.pool[at].1 |= DONE;
            if let Some(after) = self.pool.get(at + 1) {
                links.ahead(after.1 & !DONE);
            }
            self.look_around(coded, links, slot, keep);
            at = self.take(coded, most).min(at + 1);
        }
        for candidate in &mut self.pool {
            candidate.1 &= !DONE;
        }
        self.only(keep);
    }

    /// Leaves in the pool what may be found.
    pub(super) fn only<K: Keep>(&mut self, keep: &K) {
        if !K::ALL {
            self.pool.retain(|candidate| keep.keep(candidate.1));
        }
    }

    /// Gathers the slots that `slot` leads to.
    #[inline(always)]
    fn look_around<K: Keep>(&mut self, coded: &Coded, links: &Links, slot: u32, keep: &K) {
        self.next.clear();
        for &link in links.of(slot) {
            if K::ALL || keep.keep(link) {
                if self.first_time(link) {
                    self.next.push(link);
                    coded.ahead(link);
                }
            } else {
                links.ahead(link);
            }
        }
        if K::ALL {
            return;
        }
        // Through neighbours that may not be found to theirs, as far as it takes to have as much
        // choice as without a filter (ACORN-1; Patel et al., 2024).
        for &link in links.of(slot) {
            if self.next.len() >= QUOTA {
                break;
            }
            if keep.keep(link) || !self.first_time(link) {
                continue;
            }
            for &link in links.of(link) {
                if self.next.len() < QUOTA && keep.keep(link) && self.first_time(link) {
                    self.next.push(link);
                    coded.ahead(link);
                }
            }
        }
    }

    /// Scores what was gathered and answers the first place in the pool that changed.
    #[inline(always)]
    fn take(&mut self, coded: &Coded, most: usize) -> usize {
        let dots = kernel::active().codes.dots;
        let mut least = usize::MAX;
        for from in (0..self.next.len()).step_by(2 * DEGREE) {
            let next = &self.next[from..self.next.len().min(from + 2 * DEGREE)];
            let sums = &mut self.sums[..next.len()];
            if !self.short {
                dots(&self.asking.bytes, &coded.codes, next, sums);
            }
            for (&slot, &sum) in next.iter().zip(&*sums) {
                let score = match self.short {
                    false => self.asking.rough(sum, coded.meaning(slot)),
                    true => coded.finely(&self.asking, slot),
                };
                let full = self.pool.len() >= most;
                if full && self.pool.last().is_some_and(|last| score <= last.0) {
                    continue;
                }
                let place = self.pool.partition_point(|held| held.0 >= score);
                if full {
                    self.pool.pop();
                }
                self.pool.insert(place, (score, slot));
                least = least.min(place);
            }
        }
        least
    }
}
