//! Vectors under keys of the caller's: an index on its own.

use super::Metric;
use super::among::{Among, Filters};
use super::saved;
use super::slots::{Keeping, Slots, Way};
use super::turns::Turns;
use crate::error::{Error, ErrorKind, Result};
use crate::matrix::{Matrix, Rows};
use crate::progress::Progress;
use crate::retrieval::check_k;
use crate::threads;
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, RwLockReadGuard};

/// The key that fills the places of hits that do not exist; it cannot be added.
pub const NO_KEY: u64 = u64::MAX;

/// The most hits, padding included, that one call of [`DenseIndex::search`] may ask for.
const MAX_RESULTS: usize = 100_000_000;
/// Queries between two reports of progress.
const REPORT_EVERY: usize = 256;

crate::option_enum! {
    /// What is kept of a vector.
    DensePrecision {
        /// From 2,048 vectors on twelve bits a number, links included about two bytes; fewer vectors
        /// are kept as they were given.
        Auto = "auto",
        /// The numbers as they were given, and the codes beside them: scores are those of float32.
        F32 = "f32",
    }
}

crate::options! {
    /// How an index compares and keeps vectors.
    DenseOptions {
        /// What makes two vectors alike.
        metric: Metric = Metric::Cosine;
        /// What is kept of a vector.
        precision: DensePrecision = DensePrecision::Auto;
        /// Seed of the rotation that makes vectors fit for codes. The same seed and the same calls make
        /// the same index, whatever the number of threads.
        seed: u64 = 0;
    }
}

crate::options! {
    /// How far a search looks.
    DenseSearchOptions {
        /// Candidates that a walk keeps: more of them look further and take longer. None means 40 up
        /// to 65,536 vectors and slowly more beyond (69 for a million), which finds more than 95 of
        /// 100 of the best ten.
        effort: Option<usize> = None, in 1..=1_000_000;
        /// Whether every vector is looked at: exact in float32 if the precision is `f32` or there are
        /// fewer than 2,048 vectors, else as exact as twelve bits a number are.
        exact: bool = false;
        /// Threads to use; none means all that the machine offers. Changes no result.
        threads: Option<usize> = None, in 1..=threads::MAX_THREADS;
    }
}

/// The hits of several queries, `k` places each, best first.
///
/// Places without a hit have key [`NO_KEY`] and score minus infinity.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseHits {
    /// `queries * k` keys, query after query.
    pub keys: Vec<u64>,
    /// `queries * k` scores, query after query.
    pub scores: Vec<f32>,
    /// Places for each query.
    pub k: usize,
}

impl DenseHits {
    /// The keys and scores of query `i` without the padding; panics past the end, like a slice.
    pub fn row(&self, i: usize) -> (&[u64], &[f32]) {
        let (keys, scores) = (&self.keys[i * self.k..], &self.scores[i * self.k..]);
        let full = keys[..self.k].iter().take_while(|&&key| key != NO_KEY);
        let full = full.count();
        (&keys[..full], &scores[..full])
    }
}

/// Dense search over vectors under 64-bit keys: exact for few, by codes and a graph for many.
///
/// Vectors come and go at any time, from any thread, and are found, or not, at once; nothing needs
/// to be built. Changes take turns; searches go on beside them.
///
/// What looks inside fails with `Closed` after a change that broke off in a panic, and with `Forked`
/// in a child process that was forked while another thread was inside.
///
/// ```
/// use rag_core::retrieval::dense::{DenseIndex, DenseOptions, DenseSearchOptions, NO_KEY};
/// use rag_core::{Progress, Rows};
/// let index = DenseIndex::new(2, &DenseOptions::default())?;
/// index.add(&[30, 20], Rows::new(&[1.0, 0.0, 2.0, 0.0], 2)?)?;
/// let query = Rows::single(&[1.0, 0.0])?;
/// let options = DenseSearchOptions::default();
/// let hits = index.search(query, 3, &options, None, &mut Progress::none())?;
/// assert_eq!(hits.keys, [20, 30, NO_KEY], "a tie goes to the smaller key; short rows are padded");
/// assert_eq!(hits.row(0).1, [1.0, 1.0]);
/// assert!(index.add(&[40, 20], Rows::new(&[1.0, 0.0, 0.0, 1.0], 2)?).is_err());
/// assert!(!index.contains(40)?, "a batch is added as a whole or not at all");
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Debug)]
pub struct DenseIndex {
    dim: usize,
    options: DenseOptions,
    slots: Turns<Slots<u64>>,
    filters: Filters,
}

impl Clone for DenseIndex {
    /// Waits for a change that is being made, but not for the linking after it: the copy goes on
    /// with that at its next change.
    fn clone(&self) -> Self {
        let slots = self.slots.copy();
        Self::with_slots(self.dim, self.options.clone(), slots)
    }
}

pub(super) fn keeping(options: &DenseOptions) -> Keeping {
    Keeping::with_graph(options.precision == DensePrecision::F32, options.seed)
}

impl DenseIndex {
    /// An empty index for vectors of `dim` floats, 1..=65536.
    pub fn new(dim: usize, options: &DenseOptions) -> Result<Self> {
        options.check()?;
        let slots = Slots::new(dim, options.metric, keeping(options))?;
        Ok(Self::with_slots(dim, options.clone(), slots))
    }

    pub(super) fn with_slots(dim: usize, options: DenseOptions, slots: Slots<u64>) -> Self {
        Self {
            dim,
            options,
            slots: Turns::new(slots),
            filters: Filters::default(),
        }
    }

    /// What it holds, as it is now.
    pub(super) fn slots(&self) -> Result<RwLockReadGuard<'_, Slots<u64>>> {
        self.slots.read()
    }

    /// Floats in a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The options it was made with.
    pub fn options(&self) -> &DenseOptions {
        &self.options
    }

    /// The number of vectors.
    pub fn len(&self) -> Result<usize> {
        Ok(self.slots()?.len())
    }

    /// Whether there is no vector.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Whether `key` is held.
    pub fn contains(&self, key: u64) -> Result<bool> {
        Ok(self.slots()?.slot(key).is_some())
    }

    /// Bytes of memory that the vectors take: codes, links, keys and their table, and the originals
    /// where they are kept.
    pub fn bytes(&self) -> Result<usize> {
        Ok(self.slots()?.bytes())
    }

    /// The vector of `key` as it is kept: of unit length under cosine, and to twelve bits a number
    /// where codes are all that is kept.
    pub fn vector(&self, key: u64) -> Result<Option<Vec<f32>>> {
        Ok(self.slots()?.vector(key))
    }

    /// The keys, ascending.
    pub fn keys(&self) -> Result<Vec<u64>> {
        let mut keys: Vec<u64> = self.slots()?.held().map(|(_, key)| key).collect();
        keys.sort_unstable();
        Ok(keys)
    }

    /// Adds one vector for each key: all of them, or none. Searches go on meanwhile, and find the
    /// new vectors from the moment on in which all of them are there; linking them follows, which
    /// is what takes time.
    ///
    /// Fails with `AlreadyExists` naming the key that is held or given twice, with
    /// `DimensionMismatch`, or with `InvalidArgument`: numbers of keys and vectors that differ, the
    /// key `2^64 - 1`, a number that is not finite, a vector of zeros under cosine, a number
    /// beyond ±1e15 under dot and l2.
    pub fn add(&self, keys: &[u64], vectors: Rows<'_>) -> Result<()> {
        if keys.len() != vectors.len() {
            return Err(Error::invalid(format!(
                "{} keys for {} vectors; give one key for each vector",
                keys.len(),
                vectors.len()
            )));
        }
        if !keys.is_empty() && vectors.dim() != self.dim() {
            return Err(Error::dimension("this index", self.dim(), vectors.dim()));
        }
        let _turn = self.slots.writer()?;
        let (ready, staged) = {
            let slots = self.slots()?;
            check_new(&slots, keys)?;
            let ready = prepare(&slots, vectors, "vector")?;
            if slots.room() < keys.len() {
                return Err(Error::invalid("an index holds at most 2^31 vectors"));
            }
            let staged = slots.stage(ready.rows(), threads::available());
            (ready, staged)
        };
        self.slots.write()?.put_all(keys, ready.rows(), staged)?;
        self.settle()
    }

    /// Removes every key, or none. A key given twice counts once. Searches go on meanwhile.
    ///
    /// Fails with `NotFound` naming the first key that is not held.
    pub fn remove(&self, keys: &[u64]) -> Result<()> {
        let _turn = self.slots.writer()?;
        let missing = {
            let slots = self.slots()?;
            keys.iter().find(|&&key| slots.slot(key).is_none())
        };
        if let Some(key) = missing {
            let message = format!("key {key} is not in the index; nothing was removed");
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        {
            let mut slots = self.slots.write()?;
            for &key in keys {
                slots.remove(key);
            }
        }
        self.settle()
    }

    /// The upkeep that a change left, worked out while searches go on.
    fn settle(&self) -> Result<()> {
        loop {
            let Some(upkeep) = self.slots()?.upkeep(threads::available()) else {
                return Ok(());
            };
            self.slots.write()?.carry_out(&upkeep);
        }
    }

    /// The best `k` keys (1..=10000) for each query, among those in `filter` if one is given:
    /// score descending, key ascending, padded to `k` places.
    ///
    /// Keys in `filter` that are not held are ignored; an empty filter finds nothing. A filter
    /// never costs hits. The last few filters are remembered for as long as nothing changes: the
    /// same keys in the same order cost little more than comparing them.
    ///
    /// While others add and remove, each query sees the vectors as they are at one moment; of many
    /// queries later ones may see a later one.
    ///
    /// Fails with `InvalidArgument` or `DimensionMismatch` for queries that
    /// [`DenseIndex::add`] would refuse, and if queries times `k` exceed 100 million.
    pub fn search(
        &self,
        queries: Rows<'_>,
        k: usize,
        options: &DenseSearchOptions,
        filter: Option<&[u64]>,
        progress: &mut Progress<'_>,
    ) -> Result<DenseHits> {
        options.check()?;
        check_k(k)?;
        if queries.len() > MAX_RESULTS / k {
            return Err(Error::invalid(format!(
                "{} queries of {k} hits are more than {MAX_RESULTS} hits; search in parts",
                queries.len()
            )));
        }
        let ready = prepare(&*self.slots()?, queries, "query")?;
        let way = Way {
            effort: options.effort,
            exact: options.exact,
            threads: threads::resolve(options.threads),
        };
        let mut hits = DenseHits {
            keys: Vec::with_capacity(queries.len() * k),
            scores: Vec::with_capacity(queries.len() * k),
            k,
        };
        let groups = ready.rows().data().chunks(REPORT_EVERY * self.dim());
        let mut among: Option<(u64, Arc<Among>)> = None;
        for (i, group) in groups.enumerate() {
            let group = Rows::new(group, self.dim())?;
            let found = {
                let slots = self.slots()?;
                if let Some(keys) = filter
                    && among.as_ref().is_none_or(|a| a.0 != slots.content())
                {
                    among = Some((slots.content(), self.filters.among(keys, &slots)));
                }
                slots.search(group, k, among.as_ref().map(|a| &*a.1), way)
            };
            for found in found {
                let missing = k - found.len();
                hits.keys.extend(found.iter().map(|hit| hit.0));
                hits.keys.extend(std::iter::repeat_n(NO_KEY, missing));
                hits.scores.extend(found.iter().map(|hit| hit.1));
                hits.scores
                    .extend(std::iter::repeat_n(f32::NEG_INFINITY, missing));
            }
            progress.step(i * REPORT_EVERY + group.len(), queries.len())?;
        }
        Ok(hits)
    }

    /// Writes the index to a file, in the place of an older one. With fewer than 2,048 vectors
    /// the bytes depend on what the index holds, not on how it came there. Changes wait until what
    /// is written has been put together, searches do not.
    pub fn save(&self, path: &Path) -> Result<()> {
        saved::save(self, path)
    }

    /// Reads an index from a file.
    ///
    /// The graph comes with it, nothing is built again. `mmap` is accepted for callers that prefer
    /// mapped memory; this release reads the file into memory either way. Fails with `NotFound`, `Io`, `Corrupt` or `FormatVersion`.
    pub fn open(path: &Path, mmap: bool) -> Result<Self> {
        // Every float is checked on opening, which reads the whole file whatever its memory is.
        let _ = mmap;
        saved::open(path)
    }
}

/// Fails unless all keys can be added.
fn check_new(slots: &Slots<u64>, keys: &[u64]) -> Result<()> {
    let exists = |key: u64, how: &str| {
        let message = format!("key {key} {how}; nothing was added");
        Error::new(ErrorKind::AlreadyExists, message)
    };
    let mut batch = HashSet::with_capacity(keys.len());
    for &key in keys {
        if key == NO_KEY {
            return Err(Error::invalid(format!(
                "key {NO_KEY} stands for no hit; use a smaller one"
            )));
        }
        if slots.slot(key).is_some() {
            return Err(exists(key, "is in the index already"));
        }
        if !batch.insert(key) {
            return Err(exists(key, "was given twice"));
        }
    }
    Ok(())
}

fn prepare(slots: &Slots<u64>, vectors: Rows<'_>, what: &str) -> Result<Matrix> {
    let mut ready = Vec::with_capacity(vectors.data().len());
    for (i, vector) in vectors.iter().enumerate() {
        let vector = slots.prepare(vector);
        ready.extend(vector.map_err(|e| e.context(format_args!("{what} {i}")))?);
    }
    Matrix::from_vec(ready, slots.dim())
}
