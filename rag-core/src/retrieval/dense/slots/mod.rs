//! Vectors under ids: where each lies, which are held, and the ways to find them.
//!
//! Few vectors are kept as they are and all looked at. From some thousands on there are codes and a
//! graph as well (`near`), and the vectors themselves are kept only where that was asked for. `nearly` is what a collection asks,
//! `stored` the form in a file.

mod image;
mod nearly;
mod places;
mod stored;
mod vectors;

use super::among::Among;
use super::near::{All, Asking, Coded, Near, Step};
use super::{MAX_DIM, MAX_MAGNITUDE, Metric};
use crate::error::{Error, Result};
use crate::kernel::{self, Kernels, Large};
use crate::matrix::Rows;
use crate::plain::Plain;
use crate::retrieval::bits::Bits;
use crate::retrieval::topk::{Scored, TopK};
use crate::threads;
use places::Places;
use std::hash::Hash;
use std::sync::Arc;
pub(crate) use vectors::Lender;
use vectors::Vectors;

/// Queries that are scored while a row is in the cache.
const QUERY_BLOCK: usize = 8;
/// Rows below which a scan is not split between threads.
const ROW_BLOCK: usize = 4096;
/// Vectors from which on there are codes and a graph.
const START: usize = 2048;
/// So many times those slots, all codes are gone through as quickly as a walk comes to its end, and
/// nothing is overlooked.
const WALKED: usize = 3;
/// Matches of a filter up to which they are all looked at instead of walked among.
const FEW: usize = 6144;
/// The share that a filter lets through from which on a walk passes the others as if there were no
/// filter, and how much larger its pool is then: the share to this power times. In a larger pool
/// each place finds more, so that it need not grow as the share falls.
const PASSING: f32 = 0.06;
const WIDER: f32 = -2.0 / 3.0;
/// Codes that are scanned in the time that a place of a walk's pool takes, where it is large.
const PLACE: usize = 64;
const LARGE: usize = 512;
/// Codes that are scanned in the time that one of chosen rows is looked up and scored.
const SPARSE: usize = 2;
/// One dead slot for so many others is in the way of a walk: it may not come through. More than that
/// there are only until the next change, after a log with many deletions was read.
const LOST: usize = 10;
/// Vectors that were added and are not linked yet, up to which they are looked at one by one.
const PENDING: usize = 1024;
/// The pool of a walk where the caller names none: so much up to so many vectors, and for more of
/// them as much more as their number to this power. Measured from 10,000 to a million.
const EFFORT: usize = 40;
const EFFORT_UP_TO: f64 = 65_536.0;
const EFFORT_GROWS: f64 = 0.2;

/// How a search goes about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// The pool of a walk.
    pub effort: Option<usize>,
    /// Whether every vector is looked at.
    pub exact: bool,
    pub threads: usize,
}

/// What is kept of vectors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keeping {
    /// Whether the vectors themselves stay when there are codes.
    pub whole: bool,
    /// Vectors from which on there are codes and a graph.
    pub start: usize,
    /// Seed of the rotation.
    pub seed: u64,
}

impl Keeping {
    /// The vectors themselves and nothing else.
    pub(super) const EXACT: Self = Self {
        whole: true,
        start: usize::MAX,
        seed: 0,
    };

    pub(super) fn with_graph(whole: bool, seed: u64) -> Self {
        Self {
            whole,
            start: START,
            seed,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Slots<I: Plain> {
    dim: usize,
    metric: Metric,
    how: Keeping,
    vectors: Vectors,
    /// What a slot holds or held.
    ids: Large<I>,
    alive: Bits,
    slot_of: Places<I>,
    /// Slots that hold nothing and to which nothing leads.
    free: Vec<u32>,
    near: Option<Near>,
    /// Slots with codes that are not linked yet, oldest first.
    pending: Vec<u32>,
    /// How many changes there were, steps of upkeep included, and without them.
    version: u64,
    content: u64,
}

/// A batch with what can be worked out before it is put.
#[derive(Debug)]
pub(super) struct Staged {
    /// Codes and graph, where the batch makes them necessary.
    near: Option<Near>,
    codes: Option<Vec<Coded>>,
}

type Keeps = fn(u32) -> bool;
/// What stands for no filter.
const NO_FILTER: Option<(&Keeps, usize)> = None;
/// Vectors that are coded in one go.
const CODED: usize = 64;

/// A step of upkeep that was computed under a shared borrow and is yet to be carried out.
#[derive(Clone, Debug)]
pub(crate) struct Upkeep {
    /// The state that it was computed for.
    version: u64,
    step: Step,
}

impl Upkeep {
    /// How many vectors it links.
    pub(crate) fn linked(&self) -> usize {
        self.step.linked
    }
}

/// The pool of a walk that passes what may not be found, where this share may be.
fn passing_pool(k: usize, effort: usize, share: f32) -> usize {
    (effort as f32 * share.powf(WIDER)).max((k + k / 2) as f32 / share) as usize
}

impl<I: Plain + Ord + Hash + Into<u64>> Slots<I> {
    pub(super) fn new(dim: usize, metric: Metric, how: Keeping) -> Result<Self> {
        if !(1..=MAX_DIM).contains(&dim) {
            return Err(Error::invalid(format!(
                "dim must be in 1..={MAX_DIM}, got {dim}"
            )));
        }
        Ok(Self {
            dim,
            metric,
            how,
            vectors: Vectors::new(dim),
            ids: Large::default(),
            alive: Bits::default(),
            slot_of: Places::default(),
            free: Vec::new(),
            near: None,
            pending: Vec::new(),
            version: 0,
            content: 0,
        })
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    pub(super) fn metric(&self) -> Metric {
        self.metric
    }

    /// Slots, those that hold nothing included.
    pub(super) fn count(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn len(&self) -> usize {
        self.slot_of.len()
    }

    /// Some slots, which come in any order and may come twice, at most `most`.
    pub(super) fn among(&self, slots: impl Iterator<Item = u32>, most: usize) -> Among {
        Among::new(slots, most, FEW)
    }

    fn effort(&self) -> usize {
        let times = (self.len() as f64 / EFFORT_UP_TO).max(1.0);
        (EFFORT as f64 * times.powf(EFFORT_GROWS)) as usize
    }

    /// A number that every change of what is held changes.
    pub(super) fn content(&self) -> u64 {
        self.content
    }

    /// The slots that hold something, with their ids.
    pub(super) fn held(&self) -> impl Iterator<Item = (u32, I)> + '_ {
        let all = (0u32..).zip(&self.ids[..]);
        all.filter(|&(slot, _)| self.alive.has(slot))
            .map(|(slot, &id)| (slot, id))
    }

    pub(super) fn slot(&self, id: I) -> Option<u32> {
        self.slot_of.get(id)
    }

    /// Whether the vectors themselves are here, so that scores can be exact.
    pub(super) fn whole(&self) -> bool {
        self.how.whole || self.near.is_none()
    }

    pub(super) fn at(&self, slot: u32) -> &[f32] {
        self.vectors.at(slot)
    }

    /// The vector of an id, as near as it is kept.
    pub(super) fn vector(&self, id: I) -> Option<Vec<f32>> {
        let slot = self.slot(id)?;
        Some(match &self.near {
            Some(near) if !self.how.whole => near.vector(slot),
            _ => self.at(slot).to_vec(),
        })
    }

    /// Bytes that an index takes for its vectors, the ids and their table included.
    pub(super) fn bytes(&self) -> usize {
        let table = self.slot_of.bytes();
        let near = self.near.as_ref().map_or(0, Near::bytes);
        self.vectors.bytes() + size_of_val(&self.ids[..]) + table + near
    }

    /// Fails unless `vector` can be held or asked for; answers it in the form that is scored.
    ///
    /// A vector that has unit length to float32's precision stays as it is, so that keeping
    /// again what was kept changes no bit.
    pub(super) fn prepare(&self, vector: &[f32]) -> Result<Vec<f32>> {
        if vector.len() != self.dim {
            return Err(Error::dimension("this index", self.dim, vector.len()));
        }
        if let Some(at) = vector.iter().position(|x| !x.is_finite()) {
            return Err(Error::invalid(format!(
                "the vector has {} at position {at}; every number must be finite",
                vector[at]
            )));
        }
        let mut ready = vector.to_vec();
        if self.metric == Metric::Cosine {
            let length = kernel::normalize(&mut ready)?;
            if (length - 1.0).abs() <= f32::EPSILON {
                ready.copy_from_slice(vector);
            }
        } else if let Some(at) = vector.iter().position(|x| x.abs() > MAX_MAGNITUDE) {
            return Err(Error::invalid(format!(
                "the vector has {} at position {at}; numbers must be in {:e}..={MAX_MAGNITUDE:e}",
                vector[at], -MAX_MAGNITUDE
            )));
        }
        Ok(ready)
    }

    /// Holds a prepared vector under `id`, in the place of an older one. It can be found at once;
    /// [`Slots::upkeep`] makes finding it quick.
    pub(super) fn put(&mut self, id: I, ready: &[f32]) -> Result<()> {
        let slot = self.take_slot(id)?;
        if self.whole() {
            self.vectors.put(slot, ready);
        }
        self.code(slot, ready);
        Ok(())
    }

    /// [`Slots::put`] for one that someone has already, in just this form.
    pub(super) fn lend(
        &mut self,
        id: I,
        ready: &[f32],
        place: u64,
        lender: &Arc<dyn Lender>,
    ) -> Result<()> {
        let slot = self.take_slot(id)?;
        self.vectors.lend(slot, place, lender);
        self.code(slot, ready);
        Ok(())
    }

    /// Has all vectors that are lent from another lender; `place_of` says where by their ids.
    pub(super) fn relend(&mut self, lender: &Arc<dyn Lender>, place_of: impl Fn(I) -> u64) {
        let (ids, alive) = (&self.ids, &self.alive);
        let place = |slot: u32| match alive.has(slot) {
            true => place_of(ids[slot as usize]),
            false => 0,
        };
        self.vectors.relend(lender, place);
    }

    fn code(&mut self, slot: u32, ready: &[f32]) {
        if let Some(near) = &mut self.near {
            near.put(slot, ready);
            self.pending.push(slot);
        } else if self.len() >= self.how.start {
            self.start(self.begin(&[]));
        }
    }

    /// Works out, with a shared borrow, what putting a batch takes.
    pub(super) fn stage(&self, ready: Rows<'_>, threads: usize) -> Staged {
        let starts = self.near.is_none() && self.len() + ready.len() >= self.how.start;
        let near = starts.then(|| {
            let more = self.how.start - self.len();
            self.begin(&ready.iter().take(more).collect::<Vec<_>>())
        });
        let codes = near.as_ref().or(self.near.as_ref()).map(|near| {
            let tasks = ready.len().div_ceil(CODED);
            let threads = if tasks < 2 { 1 } else { threads };
            threads::map(threads, tasks, &|task| {
                near.code(ready.iter().skip(task * CODED).take(CODED))
            })
        });
        Staged { near, codes }
    }

    /// How many more vectors can be held.
    pub(super) fn room(&self) -> usize {
        Near::most_slots() - self.count() + self.free.len()
    }

    /// Puts a batch that was staged for the state that this is in; there is room for it.
    pub(super) fn put_all(&mut self, ids: &[I], ready: Rows<'_>, staged: Staged) -> Result<()> {
        if let Some(near) = staged.near {
            self.start(near);
        }
        let Some(codes) = staged.codes else {
            return (ids.iter().zip(ready.iter())).try_for_each(|(&id, v)| self.put(id, v));
        };
        for (i, (&id, vector)) in ids.iter().zip(ready.iter()).enumerate() {
            let slot = self.take_slot(id)?;
            if self.how.whole {
                self.vectors.put(slot, vector);
            }
            if let Some(near) = &mut self.near {
                near.put_coded(slot, &codes[i / CODED], (i % CODED) as u32);
                self.pending.push(slot);
            }
        }
        Ok(())
    }

    /// A slot that holds `id` from now on, and nothing of its vector yet.
    fn take_slot(&mut self, id: I) -> Result<u32> {
        self.remove(id);
        self.version += 1;
        self.content += 1;
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let next = u32::try_from(self.ids.len()).ok();
                let next = next.filter(|&s| (s as usize) < Near::most_slots());
                next.ok_or_else(|| Error::invalid("an index holds at most 2^31 vectors"))?
            }
        };
        let at = slot as usize;
        if at == self.ids.len() {
            self.ids.push(id);
        } else {
            self.ids[at] = id;
        }
        self.alive.set(slot, true);
        self.slot_of.insert(id, slot);
        Ok(slot)
    }

    /// Codes and a graph without slots, for vectors like those held and some more.
    fn begin(&self, more: &[&[f32]]) -> Near {
        let held = self.held().map(|(slot, _)| self.at(slot));
        let sample: Vec<&[f32]> = held.chain(more.iter().copied()).collect();
        Near::new(self.metric, self.dim, self.how.seed, &sample)
    }

    fn start(&mut self, mut near: Near) {
        self.pending = self.held().map(|(slot, _)| slot).collect();
        for &slot in &self.pending {
            near.put(slot, self.at(slot));
        }
        self.near = Some(near);
        if !self.how.whole {
            self.vectors = Vectors::new(self.dim);
        }
    }

    /// Slots that are not linked yet.
    pub(super) fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// The next step of linking what was put and of leading around what was removed; `None` when
    /// all is done. It takes milliseconds, while searches go on.
    pub(super) fn upkeep(&self, threads: usize) -> Option<Upkeep> {
        let alive = |slot: u32| self.alive.has(slot);
        let step = self.near.as_ref()?.step(&self.pending, &alive, threads)?;
        Some(Upkeep {
            version: self.version,
            step,
        })
    }

    /// Carries out a step. One that was computed before another change is dropped: links to what is
    /// gone by now must not be set. Answers whether it was carried out.
    pub(super) fn carry_out(&mut self, upkeep: &Upkeep) -> bool {
        let Some(near) = self
            .near
            .as_mut()
            .filter(|_| upkeep.version == self.version)
        else {
            return false;
        };
        self.version += 1;
        let alive = |slot: u32| self.alive.has(slot);
        let free = near.carry_out(&upkeep.step, &self.pending, &alive);
        self.free.extend(free);
        self.pending.drain(..upkeep.step.linked);
        true
    }

    /// All upkeep at once.
    #[cfg(test)]
    pub(super) fn settle(&mut self, threads: usize) {
        while let Some(upkeep) = self.upkeep(threads) {
            self.carry_out(&upkeep);
        }
    }

    pub(super) fn remove(&mut self, id: I) -> bool {
        let Some(slot) = self.slot_of.remove(id) else {
            return false;
        };
        self.version += 1;
        self.content += 1;
        self.alive.set(slot, false);
        let Some(near) = &mut self.near else {
            self.free.push(slot);
            return true;
        };
        if let Some(at) = self.pending.iter().rposition(|&s| s == slot) {
            self.pending.remove(at);
            self.free.push(slot);
            return true;
        }
        near.bury(slot);
        true
    }

    /// Scores a prepared query against a slot: the one place where an exact score is made.
    #[inline]
    pub(super) fn score(&self, kernels: &Kernels, query: &[f32], slot: u32) -> f32 {
        match self.metric {
            Metric::Cosine | Metric::Dot => (kernels.dot)(query, self.at(slot)),
            Metric::L2 => -(kernels.l2_squared)(query, self.at(slot)),
        }
    }

    /// The best `k` of `among` (all, if none is given) for each of the prepared queries.
    pub(super) fn search(
        &self,
        queries: Rows<'_>,
        k: usize,
        among: Option<&Among>,
        way: Way,
    ) -> Vec<Vec<Scored<I>>> {
        let Some(near) = &self.near else {
            return self.scan(queries, k, among, way.threads);
        };
        if way.exact && self.how.whole {
            return self.scan(queries, k, among, way.threads);
        }
        threads::map(way.threads, queries.len(), &|i| {
            let query = queries.row(i);
            let inner = if queries.len() == 1 { way.threads } else { 1 };
            let asking = near.ask(query);
            let found = match among {
                Some(Among::Few(slots)) => near.scan(&asking, k, slots),
                Some(Among::Many(bits, count)) => {
                    let has = |slot: u32| bits.has(slot);
                    self.look(near, &asking, k, Some((&has, *count)), way, inner)
                }
                None => self.look(near, &asking, k, NO_FILTER, way, inner),
            };
            self.best(query, k, found)
        })
    }

    /// Looks among all slots, or those of a filter that lets many through.
    fn look(
        &self,
        near: &Near,
        asking: &Asking,
        k: usize,
        filter: Option<(&(impl Fn(u32) -> bool + Sync), usize)>,
        way: Way,
        threads: usize,
    ) -> Vec<(u32, f32)> {
        let keep = |slot: u32| self.alive.has(slot) && filter.is_none_or(|f| f.0(slot));
        let waiting = self.pending.len();
        let lost = near.dead_slots() * LOST > self.len();
        let few = self.count() < self.how.start.saturating_mul(WALKED);
        if way.exact || few || lost || waiting > PENDING && waiting * 2 > self.count() {
            return near.scan_all(asking, k, &keep, threads);
        }
        let effort = way.effort.unwrap_or_else(|| self.effort()).max(k);
        let share = filter.map_or(1.0, |f| f.1 as f32 / self.count() as f32);
        let passing = filter.is_some() && share >= PASSING;
        let most = match passing {
            true => passing_pool(k, effort, share),
            false => effort,
        };
        if most > LARGE && most * PLACE > self.count() {
            return near.scan_all(asking, k, &keep, threads);
        }
        let mut found = Vec::new();
        if filter.is_none() && near.dead_slots() == 0 {
            found = near.walk(asking, k, effort, &All);
        } else if passing {
            found = near.pass(asking, k, most, &keep);
        }
        if found.len() < k {
            found = near.walk(asking, k, effort, &keep);
        }
        if found.len() < k {
            // A filter or dead ends have hidden some: they are found all the same.
            return near.scan_all(asking, k, &keep, threads);
        }
        if !self.pending.is_empty() {
            let pending: Vec<u32> = self.pending.iter().copied().filter(|&s| keep(s)).collect();
            // No link leads to these, so none is found twice.
            found.extend(near.scan(asking, k, &pending));
        }
        found
    }

    /// The best `k` of what was found, by exact scores where there are such.
    fn best(&self, query: &[f32], k: usize, found: Vec<(u32, f32)>) -> Vec<Scored<I>> {
        let kernels = kernel::active();
        let mut best = TopK::new(k);
        for (slot, score) in found {
            let score = match self.how.whole {
                true => self.score(kernels, query, slot),
                false => score,
            };
            best.push(self.ids[slot as usize], score);
        }
        best.into_sorted()
    }

    /// The best `k` by exact scores, looking at every vector.
    ///
    /// A row is read once for a block of queries. How the work is split changes no result,
    /// because the order of hits is total.
    fn scan(
        &self,
        queries: Rows<'_>,
        k: usize,
        among: Option<&Among>,
        threads: usize,
    ) -> Vec<Vec<Scored<I>>> {
        let kernels = kernel::active();
        let (slots, allowed) = match among {
            Some(Among::Few(slots)) => (Some(&slots[..]), None),
            Some(Among::Many(bits, _)) => (None, Some(bits)),
            None => (None, None),
        };
        let n = slots.map_or(self.ids.len(), <[u32]>::len);
        let blocks = queries.len().div_ceil(QUERY_BLOCK);
        let parts = match blocks {
            0 => return Vec::new(),
            _ => threads.div_ceil(blocks).min(n.div_ceil(ROW_BLOCK)).max(1),
        };
        let part_len = n.div_ceil(parts);
        let done = threads::map(threads, blocks * parts, &|task| {
            let (block, part) = (task / parts, task % parts);
            let first = block * QUERY_BLOCK;
            let count = QUERY_BLOCK.min(queries.len() - first);
            let mut best: Vec<TopK<I>> = (0..count).map(|_| TopK::new(k)).collect();
            for at in (part * part_len).min(n)..((part + 1) * part_len).min(n) {
                let slot = slots.map_or(at as u32, |slots| slots[at]);
                if !self.alive.has(slot) || allowed.is_some_and(|bits| !bits.has(slot)) {
                    continue;
                }
                let id = self.ids[slot as usize];
                for (q, best) in best.iter_mut().enumerate() {
                    best.push(id, self.score(kernels, queries.row(first + q), slot));
                }
            }
            best
        });
        let mut found = Vec::with_capacity(queries.len());
        let mut done = done.into_iter();
        for _ in 0..blocks {
            let mut merged = done.next().unwrap_or_default();
            for part in done.by_ref().take(parts - 1) {
                for (all, part) in merged.iter_mut().zip(part) {
                    all.merge(part);
                }
            }
            found.extend(merged.into_iter().map(TopK::into_sorted));
        }
        found
    }
}
