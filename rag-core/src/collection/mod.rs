//! Documents, vectors, BM25 and dials in one atomic, searchable store.
//!
//! A change is checked in full, written to the log as one record, then applied to the state in
//! memory: a batch is there as a whole or not at all. Writers take turns; searches run beside
//! them and wait only for the short moment in which a change is applied.
//!
//! Read `state` for what is held, with `rows` and `ids`, `write` for changes, `image` for how opening
//! is quick, `search` and `rank` for questions, `tune` and `sweep` for weights that
//! are learnt from what the hits were worth, `teach` for dials, `relevance` for what a score is
//! worth.

mod attach;
mod choosers;
#[cfg(test)]
mod choosers_tests;
mod codec;
mod document;
mod fuse;
mod hits;
mod ids;
mod image;
#[cfg(test)]
mod image_tests;
mod inside;
mod kept;
mod lent;
mod likely;
mod packed;
#[cfg(test)]
mod power_tests;
mod query;
mod rank;
mod reembed;
#[cfg(test)]
mod reembed_tests;
mod relevance;
mod replace;
mod report;
mod rows;
mod search;
mod shards;
mod state;
mod sweep;
mod tail;
mod teach;
mod told;
mod tune;
#[cfg(test)]
mod tune_tests;
mod versions;
mod waiting;
mod write;

pub use choosers::{CollectionBandits, KeptBandit, MAX_BANDITS};
pub use document::{
    Batch, Document, MAX_ID_BYTES, MAX_METADATA_BYTES, MAX_METADATA_DEPTH, MAX_TEXT_BYTES, Metadata,
};
pub use hits::{Explanation, Hit};
pub(crate) use inside::Inside;
pub use lent::AnyBandit;
pub use query::{DEFAULT_BM25_WEIGHT, Fusion, Mode, Query, SearchOptions, SteerMode};
pub use reembed::ReembedOptions;
pub use replace::{Removal, Replaced};
pub use report::{Report, Stats};
pub use shards::{RequestStatistics, ShardRequest, ShardResponse, shard_of};
pub use teach::{CollectionSteering, Examples, learn_attribute_model, learn_steering_vector};
pub use told::{detect_domains, learn_domains, measure_groundedness};
pub use tune::{DomainOf, GENERAL, Setting, Tuned, Tuner};

use crate::clock::{Clock, SystemClock};
use crate::disk::{Disk, System};
use crate::embedding::{Embedder, EmbedderOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::options;
use crate::rng::Rng;
use crate::store::{Durability, Followed, Store, StoreOptions};
use codec::Change;
use image::Opening;
use state::State;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, TryLockError};
use versions::Pace;
use waiting::Queue;
use write::Put;

options! {
    /// How a collection is opened.
    OpenOptions {
        /// Dimension of the vectors, for callers who bring their own.
        dim: Option<usize> = None, in 1..=65_536;
        /// Whether writes are refused and no lock is taken. Who reads sees what a writer adds, in
        /// any process, without opening again.
        read_only: bool = false;
        /// When a write counts as done.
        durability: Durability = Durability::Sync;
    }
}

/// Documents with their vectors, postings and dials. Cheap to clone; usable from many threads.
///
/// ```
/// use rag_core::collection::{Batch, Collection, Query};
/// let collection = Collection::in_memory(None, None).unwrap();
/// collection.add(Batch::new(["tides", "yeast"]).texts([
///     "The moon pulls the sea and makes the tides.",
///     "Yeast eats sugar and makes the dough rise.",
/// ])).unwrap();
/// let hits = collection.search(&Query::text("why does bread rise?").k(1)).unwrap();
/// assert_eq!(hits[0].id, "yeast");
/// ```
#[derive(Clone, Debug)]
pub struct Collection {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pid: u32,
    state: RwLock<State>,
    writer: Mutex<Writer>,
    /// Batches that wait for it.
    waiting: Queue<Put>,
    embedder: RwLock<Option<Embedder>>,
    /// Whether vectors are the caller's own.
    own_vectors: AtomicBool,
    read_only: bool,
    closed: AtomicBool,
    clock: Arc<dyn Clock>,
    /// This handle's number among all that ever count feedback here.
    worker: u64,
}

/// What only a writer touches.
#[derive(Debug)]
struct Writer {
    store: Option<Store>,
    /// Changes since the last image: what opening would have to take in one by one.
    behind: u64,
    /// So many of them are put up with, because an image could not be written.
    patience: u64,
}

impl Collection {
    /// A collection that lives in memory. Without an embedder texts are embedded by the built-in
    /// model, or, if `dim` is given, vectors are the caller's own.
    pub fn in_memory(embedder: Option<Embedder>, dim: Option<usize>) -> Result<Self> {
        Self::with_options(None, embedder, &OpenOptions::default().dim(dim))
    }

    /// Opens the collection in the directory `path`, or makes it there.
    ///
    /// Errors: `Locked` (another writer), `ModelMismatch` (its vectors were made by another
    /// embedder), `DimensionMismatch`, `Corrupt`, `FormatVersion`, `NotFound` (nothing there and
    /// `read_only`), `Io`.
    ///
    /// ```
    /// use rag_core::collection::{Batch, Collection, OpenOptions};
    /// let dir = std::env::temp_dir().join(format!("ragcore-doc-open-{}", std::process::id()));
    /// let collection = Collection::open(&dir, None, &OpenOptions::default()).unwrap();
    /// collection.add(Batch::new(["a"]).texts(["on disk when add returns"])).unwrap();
    /// drop(collection);
    /// let again = Collection::open(&dir, None, &OpenOptions::default()).unwrap();
    /// assert_eq!(again.len().unwrap(), 1);
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// ```
    pub fn open(
        path: impl AsRef<Path>,
        embedder: Option<Embedder>,
        options: &OpenOptions,
    ) -> Result<Self> {
        Self::with_options(Some(path.as_ref()), embedder, options)
    }

    /// [`Collection::open`] with a path, [`Collection::in_memory`] without: for callers who have
    /// both in one call. In memory nothing can be `read_only`, and `durability` has no meaning.
    pub fn with_options(
        path: Option<&Path>,
        embedder: Option<Embedder>,
        options: &OpenOptions,
    ) -> Result<Self> {
        Self::open_on(Arc::new(System), path, embedder, options)
    }

    /// [`Collection::with_options`] on another file system.
    fn open_on(
        disk: Arc<dyn Disk>,
        path: Option<&Path>,
        embedder: Option<Embedder>,
        options: &OpenOptions,
    ) -> Result<Self> {
        options.check()?;
        if path.is_none() && options.read_only {
            return Err(Error::invalid(
                "a collection in memory cannot be read_only; name a path",
            ));
        }
        let mut opening = Opening::new()?;
        let store = match path {
            None => None,
            Some(path) => {
                let store_options = StoreOptions::default()
                    .durability(options.durability)
                    .read_only(options.read_only);
                Some(Store::open_on(disk, path, &store_options, &mut opening)?)
            }
        };
        let Opening {
            mut state,
            replayed,
        } = opening;
        check_identity(&state, embedder.as_ref(), options.dim)?;
        let dim = embedder.as_ref().map(Embedder::dim).or(options.dim);
        let identity = Change::Identity {
            dim,
            embedder: state.embedder.clone(),
        };
        state.apply(&identity, 0)?;
        state.pace = Pace::of(store.as_ref());
        state.bandits.draw_anew();
        let own_vectors = embedder.is_none() && options.dim.is_some();
        Ok(Self {
            shared: Arc::new(Shared {
                pid: std::process::id(),
                state: RwLock::new(state),
                writer: Mutex::new(Writer {
                    store,
                    behind: replayed,
                    patience: 0,
                }),
                waiting: Queue::default(),
                embedder: RwLock::new(embedder),
                own_vectors: AtomicBool::new(own_vectors),
                read_only: options.read_only,
                closed: AtomicBool::new(false),
                clock: Arc::new(SystemClock),
                worker: Rng::seed_from_system(),
            }),
        })
    }

    /// The number of documents.
    pub fn len(&self) -> Result<usize> {
        Ok(self.read()?.len())
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The dimension of the vectors, once it is known.
    pub fn dim(&self) -> Result<Option<usize>> {
        Ok(self.read()?.dim)
    }

    /// Whether a document has this id.
    pub fn contains(&self, id: &str) -> Result<bool> {
        Ok(self.read()?.find(id)?.is_some())
    }

    /// The documents of these ids, in their order; `None` for an id that is not here.
    pub fn get(&self, ids: &[impl AsRef<str>]) -> Result<Vec<Option<Document>>> {
        let state = self.read()?;
        ids.iter().map(|id| state.document(id.as_ref())).collect()
    }

    /// All ids, in the order in which their documents were last written.
    pub fn ids(&self) -> Result<Vec<String>> {
        let state = self.read()?;
        state.alive().iter().map(|row| state.rows.id(row)).collect()
    }

    /// The number of documents that a filter keeps.
    pub fn count(&self, filter: &crate::retrieval::filter::Filter) -> Result<usize> {
        let state = self.read()?;
        state.soundly(|| state.matching(filter).count())
    }

    /// The ids of the documents that a filter keeps, in the order in which they were last written.
    pub fn ids_where(&self, filter: &crate::retrieval::filter::Filter) -> Result<Vec<String>> {
        let state = self.read()?;
        let rows = state.soundly(|| state.matching(filter))?;
        rows.iter().map(|row| state.rows.id(row)).collect()
    }

    /// The embedder: the caller's, or the built-in model, made when first needed.
    ///
    /// `ModelMismatch` if the vectors here were made by another one; `InvalidArgument` if the
    /// collection was opened with `dim` for the caller's own vectors.
    pub fn embedder(&self) -> Result<Embedder> {
        self.check_open()?;
        if self.shared.own_vectors.load(Ordering::Acquire) {
            return Err(Error::invalid(
                "this collection was opened with dim and has no embedder; give vectors, or open \
                 it with an embedder",
            ));
        }
        let embedder = match self.own_embedder() {
            Some(embedder) => embedder,
            None => {
                let built_in = Embedder::built_in(&EmbedderOptions::default())?;
                let held = self.shared.embedder.write();
                let mut held = held.unwrap_or_else(PoisonError::into_inner);
                held.get_or_insert(built_in).clone()
            }
        };
        check_identity(&*self.read()?, Some(&embedder), None)?;
        Ok(embedder)
    }

    /// Whether vectors are the caller's own, so that texts cannot be embedded here.
    pub(crate) fn has_own_vectors(&self) -> bool {
        self.shared.own_vectors.load(Ordering::Acquire)
    }

    /// Whether writes are refused.
    pub(crate) fn is_read_only(&self) -> bool {
        self.shared.read_only
    }

    /// When a write counts as done; in memory at once.
    fn durability(&self) -> Durability {
        let writer = self.writer();
        let store = writer.store.as_ref();
        store.map_or(Durability::Memory, Store::durability)
    }

    /// The embedder, if one was given or made already.
    fn own_embedder(&self) -> Option<Embedder> {
        let held = self.shared.embedder.read();
        held.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes every change so far durable, lets go of the lock, and ends this handle and its
    /// clones: what is asked of them afterwards answers `Closed`.
    pub fn close(&self) -> Result<()> {
        self.check_process()?;
        let mut writer = self.writer();
        let store = writer.store.take();
        self.shared.closed.store(true, Ordering::Release);
        match store {
            Some(store) => store.close(),
            None => Ok(()),
        }
    }

    fn check_process(&self) -> Result<()> {
        if std::process::id() != self.shared.pid {
            return Err(Error::new(
                ErrorKind::Forked,
                "this collection was opened before the process forked; open it again in the child",
            ));
        }
        Ok(())
    }

    fn check_open(&self) -> Result<()> {
        self.check_process()?;
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(Error::new(
                ErrorKind::Closed,
                "the collection was closed; open it again",
            ));
        }
        Ok(())
    }

    /// What is held now. One who only reads looks first whether a writer has added something. Never
    /// asked for by one who holds an answer of it.
    fn read(&self) -> Result<RwLockReadGuard<'_, State>> {
        self.check_open()?;
        if self.shared.read_only {
            self.follow()?;
        }
        self.read_locked()
    }

    /// [`Collection::read`] for one who holds the writer, or does not care for news.
    fn read_locked(&self) -> Result<RwLockReadGuard<'_, State>> {
        self.check_open()?;
        let state = self.shared.state.read();
        Ok(state.unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes in what a writer has added since the last look, all of it at once.
    fn follow(&self) -> Result<()> {
        // Nobody waits: while one looks, the others go on with what is there.
        let mut writer = match self.shared.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::Poisoned(writer)) => writer.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        let Some(store) = &mut writer.store else {
            return Ok(());
        };
        let mut written = 0;
        let followed = store.follow_with(|store, followed| {
            let records = match followed {
                Followed::Added(records) => records,
                Followed::Replaced(new) => {
                    let mut opening = Opening::new()?;
                    store.replay(new, &mut opening)?;
                    check_identity(&opening.state, self.own_embedder().as_ref(), None)?;
                    opening.state.pace = Pace::of(Some(store));
                    *self.state_to_write() = opening.state;
                    return Ok(());
                }
            };
            let changes = records.iter().map(|(_, record)| Change::decode(record));
            let changes = changes.collect::<Result<Vec<Change>>>()?;
            written = changes.iter().map(Change::documents).sum();
            let mut state = self.state_to_write();
            let mut changes = changes.iter().zip(&records);
            changes.try_for_each(|(change, &(at, _))| state.apply(change, at))?;
            state.pace = Pace::of(Some(store));
            Ok(())
        })?;
        if followed {
            self.settle(&mut writer, written);
        }
        Ok(())
    }

    /// The right to write, after everything that refuses it was asked. Check the process first.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        let writer = self.shared.writer.lock();
        writer.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refuses an embedder or a dimension that the vectors at hand were not made with.
fn check_identity(state: &State, embedder: Option<&Embedder>, dim: Option<usize>) -> Result<()> {
    if let (Some(embedder), Some((name, held))) = (embedder, &state.embedder)
        && fingerprint(embedder) != *held
    {
        return Err(Error::new(
            ErrorKind::ModelMismatch,
            format!(
                "the vectors here were made by {name} ({held}), this embedder is {} ({}); open the \
                 collection with the model that made it",
                embedder.name(),
                fingerprint(embedder)
            ),
        ));
    }
    let wanted = embedder.map(Embedder::dim).or(dim);
    match (state.dim, wanted) {
        (Some(held), Some(wanted)) if held != wanted => {
            Err(Error::dimension("this collection", held, wanted))
        }
        _ => Ok(()),
    }
}

/// The embedder's fingerprint as it is kept: sixteen hexadecimal digits.
fn fingerprint(embedder: &Embedder) -> String {
    format!("{:016x}", embedder.fingerprint())
}
