//! Near neighbours without looking at everything: codes of all vectors, and a graph over them.
//!
//! The one idea: look around with four bits a number, decide with twelve. A walk along the links
//! of a flat graph (Vamana; Subramanya et al., 2019) reads a few hundred short codes; the best of
//! them are scored finely for as long as the error that short codes can have leaves any doubt.
//!
//! `rotation` and `coder` make codes, `graph` walks, `link` chooses links and `upkeep` sets them;
//! `scratch` is what lets a search allocate nothing.

mod coder;
mod graph;
mod image;
mod link;
mod rotation;
mod saved;
mod scratch;
mod upkeep;

use super::Metric;
use crate::kernel;
use crate::threads;
pub(super) use coder::Asking;
pub(super) use coder::Coded;
use coder::Coder;
pub(super) use graph::{All, Keep};
use graph::{Links, MOST_SLOTS};
use scratch::Pool;
pub(super) use upkeep::Step;

/// Entry points of a walk: the root of the number of slots over four, at least and at most. One in
/// the right region saves more steps than the others cost.
const ENTRIES: (usize, usize) = (16, 256);
/// Slots that one removed or added vector has looked over while dead ones are led around.
const SWEEP: usize = 12;
/// Dead slots, as a share of all, from which on they are led around.
const TOLERATED: usize = 10;
/// Codes that are scored in one go of a scan.
const SCAN: usize = 1024;

/// Codes that are asked for ahead of those that are scored.
const AHEAD: usize = 16;
/// How far below the last hit a rough score may be and still be looked at again, in standard
/// deviations of the error: after a walk, and where everything was looked at.
const DOUBT: f32 = 4.0;
const SURE: f32 = 8.0;

/// Those of a stream of rough scores that may be among the `k` best when scored finely.
struct Sieve {
    k: usize,
    doubt: f32,
    /// What a score must reach.
    floor: f32,
    held: Vec<(f32, u32)>,
    /// How many are held before those below the floor are shaken out.
    full: usize,
}

impl Sieve {
    fn new(k: usize, doubt: f32) -> Self {
        Self {
            k,
            doubt,
            floor: f32::NEG_INFINITY,
            held: Vec::with_capacity(4 * k.min(SCAN)),
            full: 4 * k.max(SCAN / 4),
        }
    }

    #[inline(always)]
    fn push(&mut self, score: f32, slot: u32) {
        if score >= self.floor {
            self.held.push((score, slot));
            if self.held.len() >= self.full {
                self.shake();
                // Of scores that are nearly all alike few are shaken out, and not at every step.
                self.full = self.full.max(2 * self.held.len());
            }
        }
    }

    fn shake(&mut self) {
        if self.held.len() > self.k {
            let (_, kth, _) =
                (self.held).select_nth_unstable_by(self.k - 1, |a, b| b.0.total_cmp(&a.0));
            self.floor = kth.0 - self.doubt;
            self.held.retain(|held| held.0 >= self.floor);
        }
    }

    fn finish(&mut self) -> &[(f32, u32)] {
        self.shake();
        &self.held
    }
}

#[derive(Clone, Debug)]
pub(super) struct Near {
    coder: Coder,
    coded: Coded,
    links: Links,
    entries: Vec<u32>,
    /// How many slots were linked when the entries were chosen.
    chosen_for: usize,
    /// Slots in the graph, dead ones included.
    linked: usize,
    /// Removed slots that others still lead to, and those of them that a sweep is leading around.
    dead: Vec<u32>,
    dying: Vec<u32>,
    /// How far the sweep has come, and how many slots it is to look over next.
    cursor: usize,
    owed: usize,
    /// One past the last slot that was linked.
    reach: u32,
    pool: Pool,
    room: Vec<f32>,
}

impl Near {
    /// An empty one, for vectors like those of the sample.
    pub(super) fn new(metric: Metric, dim: usize, seed: u64, sample: &[&[f32]]) -> Self {
        let coder = Coder::new(metric, dim, seed, sample);
        Self {
            coded: Coded::new(coder.width()),
            coder,
            links: Links::default(),
            entries: Vec::new(),
            chosen_for: 0,
            linked: 0,
            dead: Vec::new(),
            dying: Vec::new(),
            cursor: 0,
            owed: 0,
            reach: 0,
            pool: Pool::default(),
            room: Vec::new(),
        }
    }

    /// Keeps a vector's codes. It is found by scans, and by walks once it is linked.
    pub(super) fn put(&mut self, slot: u32, vector: &[f32]) {
        let room = &mut self.room;
        self.coded.put(&self.coder, slot, vector, room);
        self.links.grow(slot as usize + 1);
        self.links.set(slot, &[]);
    }

    /// The codes of some vectors, in their order.
    pub(super) fn code<'a>(&self, vectors: impl Iterator<Item = &'a [f32]>) -> Coded {
        let mut coded = Coded::new(self.coder.width());
        let mut room = Vec::new();
        for (slot, vector) in (0..).zip(vectors) {
            coded.put(&self.coder, slot, vector, &mut room);
        }
        coded
    }

    /// [`Near::put`] for a vector whose codes are at `from` of some.
    pub(super) fn put_coded(&mut self, slot: u32, coded: &Coded, from: u32) {
        self.coded.put_coded(slot, coded, from);
        self.links.grow(slot as usize + 1);
        self.links.set(slot, &[]);
    }

    /// How many slots that hold nothing walks pass through.
    pub(super) fn dead_slots(&self) -> usize {
        self.dead.len() + self.dying.len()
    }

    /// A linked slot was removed: walks still pass through it.
    pub(super) fn bury(&mut self, slot: u32) {
        self.dead.push(slot);
        self.owe(1);
    }

    /// Slots, with their scores, among which the `k` best are as far as a walk with a pool of
    /// `effort` finds them.
    pub(super) fn walk(
        &self,
        asking: &Asking,
        k: usize,
        effort: usize,
        keep: &impl Keep,
    ) -> Vec<(u32, f32)> {
        self.go(asking, k, effort, keep, &All)
    }

    /// The same by a walk that passes through all slots alike: for a filter that lets many through
    /// and a pool in which that share of them is enough.
    pub(super) fn pass(
        &self,
        asking: &Asking,
        k: usize,
        effort: usize,
        keep: &impl Keep,
    ) -> Vec<(u32, f32)> {
        self.go(asking, k, effort, &All, keep)
    }

    /// A walk among slots that `keep` lets through, of which `then` may be found.
    fn go(
        &self,
        asking: &Asking,
        k: usize,
        effort: usize,
        keep: &impl Keep,
        then: &impl Keep,
    ) -> Vec<(u32, f32)> {
        self.pool.with(|walk, _| {
            walk.asking.copy_from(asking);
            let most = effort.max(k);
            walk.short = self.coder.short();
            walk.run(&self.coded, &self.links, &self.entries, most, keep);
            walk.only(then);
            let doubt = DOUBT * self.coded.slack(&walk.asking);
            let floor = walk
                .pool
                .get(k - 1)
                .map_or(f32::NEG_INFINITY, |kth| kth.0 - doubt);
            let hopeful = walk.pool.partition_point(|found| found.0 >= floor);
            self.refine(&walk.asking, &walk.pool[..hopeful])
        })
    }

    /// The same among given slots, all of which are looked at.
    pub(super) fn scan(&self, asking: &Asking, k: usize, slots: &[u32]) -> Vec<(u32, f32)> {
        let mut sieve = Sieve::new(k, SURE * self.coded.slack(asking));
        let mut sums = [0; SCAN];
        for slots in slots.chunks(SCAN) {
            for &slot in slots.iter().take(AHEAD) {
                self.coded.ahead(slot);
            }
            let mut chunks = slots.chunks(AHEAD).peekable();
            while let Some(slots) = chunks.next() {
                for &slot in chunks.peek().copied().unwrap_or_default() {
                    self.coded.ahead(slot);
                }
                let sums = &mut sums[..slots.len()];
                let dots = kernel::active().codes.dots;
                dots(&asking.bytes, &self.coded.codes, slots, sums);
                for (&slot, &sum) in slots.iter().zip(&*sums) {
                    sieve.push(asking.rough(sum, self.coded.meaning(slot)), slot);
                }
            }
        }
        self.refine(asking, sieve.finish())
    }

    /// The same among all slots that `keep` lets through.
    pub(super) fn scan_all(
        &self,
        asking: &Asking,
        k: usize,
        keep: &impl Keep,
        threads: usize,
    ) -> Vec<(u32, f32)> {
        let half = self.coder.width() / 2;
        let n = self.coded.len();
        let parts = threads.min(n.div_ceil(16 * SCAN)).max(1);
        let each = n.div_ceil(parts);
        let found = threads::map(parts, parts, &|part| {
            let range = (part * each).min(n)..((part + 1) * each).min(n);
            let mut sieve = Sieve::new(k, SURE * self.coded.slack(asking));
            let mut sums = [0; SCAN];
            for first in range.clone().step_by(SCAN) {
                let count = SCAN.min(range.end - first);
                let codes = &self.coded.codes[first * half..][..count * half];
                let sums = &mut sums[..count];
                (kernel::active().codes.scan)(&asking.bytes, codes, sums);
                let meanings = &self.coded.meanings[first..][..count];
                for (i, (&sum, meaning)) in sums.iter().zip(meanings).enumerate() {
                    let score = asking.rough(sum, meaning);
                    let slot = (first + i) as u32;
                    if score >= sieve.floor && keep.keep(slot) {
                        sieve.push(score, slot);
                    }
                }
            }
            self.refine(asking, sieve.finish())
        });
        found.into_iter().flatten().collect()
    }

    /// Scores finely.
    fn refine(&self, asking: &Asking, rough: &[(f32, u32)]) -> Vec<(u32, f32)> {
        for &(_, slot) in rough {
            kernel::codes::prefetch(self.coded.rest(slot));
        }
        let fine = rough
            .iter()
            .map(|&(_, slot)| (slot, self.coded.fine(asking, slot)));
        fine.collect()
    }

    /// The form in which a query asks.
    pub(super) fn ask(&self, query: &[f32]) -> Asking {
        let mut asking = Asking::default();
        self.coder.ask(query, &mut asking);
        asking
    }

    /// How far the scores that a walk or a scan answers may be from the exact ones, and those by
    /// the short codes.
    pub(super) fn doubt(&self, query: &[f32]) -> (f32, f32) {
        let length = query.iter().map(|x| x * x).sum::<f32>().sqrt();
        let (fine, rough) = self.coded.errors(length, &self.coder);
        (SURE * fine, SURE * rough)
    }

    /// The most that the scores of slots can be if the short codes are off by `doubt`; minus
    /// infinity where there is no slot.
    pub(super) fn at_most(
        &self,
        asking: &Asking,
        doubt: f32,
        slots: &[Option<u32>],
        out: &mut Vec<f32>,
    ) {
        if self.coder.short() {
            let held = slots
                .iter()
                .map(|slot| slot.map_or(f32::NEG_INFINITY, |_| f32::MAX));
            return out.extend(held);
        }
        let held: Vec<u32> = slots.iter().flatten().copied().collect();
        held.iter().for_each(|&slot| self.coded.ahead(slot));
        let mut sums = vec![0; held.len()];
        (kernel::active().codes.dots)(&asking.bytes, &self.coded.codes, &held, &mut sums);
        let mut scores = held.iter().zip(sums).map(|(&slot, sum)| {
            asking.rough(sum, self.coded.meaning(slot)) + asking.constant() + doubt
        });
        let score = |slot: &Option<u32>| slot.and_then(|_| scores.next());
        out.extend(
            slots
                .iter()
                .map(score)
                .map(|score| score.unwrap_or(f32::NEG_INFINITY)),
        );
    }

    /// The vector that a slot's codes stand for.
    pub(super) fn vector(&self, slot: u32) -> Vec<f32> {
        self.coder.vector(&self.coded, slot)
    }

    /// Whether another slot can be held.
    pub(super) fn most_slots() -> usize {
        MOST_SLOTS
    }

    /// Bytes of codes and links.
    pub(super) fn bytes(&self) -> usize {
        self.coded.bytes() + self.links.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_that_are_all_alike_are_not_gone_through_at_every_step() {
        let mut sieve = Sieve::new(10, 0.1);
        (0..10_000).for_each(|slot| sieve.push(1.0, slot));
        assert_eq!(sieve.held.len(), 10_000);
        assert!(sieve.full > 10_000, "the next time is far off");
        (0..10_000).for_each(|slot| sieve.push(2.0, slot));
        assert_eq!(
            sieve.finish().len(),
            10_000,
            "those that cannot be among the best are gone"
        );
    }
}
