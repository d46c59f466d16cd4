//! Vectors without gaps, and the scan over them.

use super::{MAX_DIM, MAX_MAGNITUDE, Metric};
use crate::error::{Error, Result};
use crate::kernel::{self, Kernels};
use crate::matrix::Rows;
use crate::retrieval::topk::{Scored, TopK};
use crate::threads;
use std::collections::HashMap;
use std::hash::Hash;

/// Queries that are scored while a row is in the cache.
const QUERY_BLOCK: usize = 8;
/// Rows below which a scan is not split between threads.
const ROW_BLOCK: usize = 4096;

/// Vectors under ids, in a block without gaps: a removed one is replaced by the last. The order
/// of the slots decides nothing that a caller can see.
#[derive(Clone, Debug)]
pub(super) struct Slots<I> {
    dim: usize,
    metric: Metric,
    data: Vec<f32>,
    ids: Vec<I>,
    slot_of: HashMap<I, u32>,
}

impl<I: Copy + Ord + Hash + Send + Sync> Slots<I> {
    pub(super) fn new(dim: usize, metric: Metric) -> Result<Self> {
        if !(1..=MAX_DIM).contains(&dim) {
            return Err(Error::invalid(format!(
                "dim must be in 1..={MAX_DIM}, got {dim}"
            )));
        }
        Ok(Self {
            dim,
            metric,
            data: Vec::new(),
            ids: Vec::new(),
            slot_of: HashMap::new(),
        })
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    pub(super) fn metric(&self) -> Metric {
        self.metric
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn ids(&self) -> &[I] {
        &self.ids
    }

    pub(super) fn slot(&self, id: I) -> Option<u32> {
        self.slot_of.get(&id).copied()
    }

    pub(super) fn at(&self, slot: u32) -> &[f32] {
        let start = slot as usize * self.dim;
        &self.data[start..start + self.dim]
    }

    pub(super) fn vector(&self, id: I) -> Option<&[f32]> {
        self.slot(id).map(|slot| self.at(slot))
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

    /// Holds a prepared vector under `id`, in the place of an older one.
    pub(super) fn put(&mut self, id: I, ready: &[f32]) -> Result<()> {
        if let Some(slot) = self.slot(id) {
            let start = slot as usize * self.dim;
            self.data[start..start + self.dim].copy_from_slice(ready);
            return Ok(());
        }
        let slot = u32::try_from(self.ids.len()).ok().filter(|&s| s < u32::MAX);
        let slot = slot.ok_or_else(|| Error::invalid("an index holds at most 2^32 - 1 vectors"))?;
        self.data.extend_from_slice(ready);
        self.ids.push(id);
        self.slot_of.insert(id, slot);
        Ok(())
    }

    pub(super) fn remove(&mut self, id: I) -> bool {
        let Some(slot) = self.slot_of.remove(&id) else {
            return false;
        };
        let (slot, last) = (slot as usize, self.ids.len() - 1);
        self.ids.swap_remove(slot);
        let moved = last * self.dim;
        self.data
            .copy_within(moved..moved + self.dim, slot * self.dim);
        self.data.truncate(moved);
        if slot != last {
            self.slot_of.insert(self.ids[slot], slot as u32);
        }
        true
    }

    /// Scores a prepared query against a slot: the one place where a score is made.
    #[inline]
    pub(super) fn score(&self, kernels: &Kernels, query: &[f32], slot: u32) -> f32 {
        match self.metric {
            Metric::Cosine | Metric::Dot => (kernels.dot)(query, self.at(slot)),
            Metric::L2 => -(kernels.l2_squared)(query, self.at(slot)),
        }
    }

    /// The best `k` of `slots` (all, if none is given) for each of the prepared queries.
    ///
    /// A row is read once for a block of queries. How the work is split changes no result,
    /// because the order of hits is total.
    pub(super) fn scan(
        &self,
        queries: Rows<'_>,
        k: usize,
        slots: Option<&[u32]>,
        threads: usize,
    ) -> Vec<Vec<Scored<I>>> {
        let kernels = kernel::active();
        let n = slots.map_or(self.len(), <[u32]>::len);
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
