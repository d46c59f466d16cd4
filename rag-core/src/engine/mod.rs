//! From a question to an answer: everything below, put together.
//!
//! An [`Engine`] stands on a collection. It takes documents in as passages ([`Engine::add_documents`]), finds
//! evidence for a question ([`Engine::retrieve`]), writes an answer from it with citations ([`Engine::ask`]), and learns
//! from ratings ([`Engine::feedback`]). Without anything else it needs no model, no server and no file: vectors
//! come from the built-in model and answers from the best sentences.
//!
//! Read `question` for what may be asked, `documents` and `files` for what comes in, `space` and `tenants` for whose it
//! is, `retrieve`, `ask` and `learn` for the way of a question.

mod ask;
mod builder;
mod count;
mod documents;
mod files;
mod json;
mod keys;
mod learn;
mod many;
mod near;
mod question;
mod retrieve;
mod space;
mod tenants;

pub use ask::Event;
pub use builder::{EngineBuilder, EngineOptions};
pub use documents::{AddOptions, Added, MAX_DOCUMENT_ID_BYTES, NewDocument, PASSAGE};
pub use files::{TEXT_FILES, read_documents};
pub use question::{AskOptions, MAX_QUESTION_BYTES, Question, RetrieveOptions, Strategy};
pub use space::MAX_WAITING;
pub use tenants::MAX_TENANT_BYTES;

use crate::caching::{Cache, Layer};
use crate::clock::Clock;
use crate::collection::{Collection, Metadata};
use crate::domain::DomainDetector;
use crate::error::{Error, ErrorKind, Result};
use crate::generation::Generator;
use crate::history::History;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::progress::Progress;
use crate::prompting::Prompts;
use crate::routing::Router;
use space::{Remembering, Space, Wanted};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Documents, generators and all between them. Cheap to clone; usable from many threads.
///
/// ```
/// use rag_core::collection::Collection;
/// use rag_core::engine::{Engine, NewDocument, Question};
/// let engine = Engine::builder(&Collection::in_memory(None, None)?).build()?;
/// engine.add_documents(&[
///     NewDocument::new("The moon pulls the sea. That makes the tides.").id("tides"),
///     NewDocument::new("Yeast eats sugar. Its gas makes the dough rise.").id("bread"),
/// ], &Default::default(), rag_core::Progress::none())?;
/// let answer = engine.ask(&Question::new("what makes the dough rise?").k(1))?;
/// assert!(answer.text.contains("gas makes the dough rise"));
/// assert_eq!(answer.citations[0].document, "bread");
/// // The same again comes from the cache, until a passage that it cites changes.
/// assert!(engine.ask(&Question::new("what makes the dough rise?").k(1))?.cached);
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Engine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: EngineOptions,
    memory: Option<Remembering>,
    root: Collection,
    generators: Vec<(String, Arc<dyn Generator>)>,
    /// What decides the answers of all generators, for the keys of caches.
    fingerprint: String,
    /// The router as it was given, from which each tenant's begins.
    router: Option<Vec<u8>>,
    /// The bandit of each collection that chooses the share of BM25.
    tuner: Option<String>,
    domains: Option<DomainDetector>,
    prompts: Prompts,
    cache: Arc<Cache>,
    layers: Layers,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    spaces: RwLock<HashMap<Option<String>, Arc<Space>>>,
    /// Random, so that answers of two engines have two ids.
    birth: u64,
    asked: AtomicU64,
}

#[derive(Debug)]
struct Layers {
    vectors: Layer<Vec<f32>>,
    evidence: Layer<keys::Seen>,
    answers: Layer<keys::Given>,
    texts: Layer<keys::Whole>,
}

impl Engine {
    /// What makes an engine on `documents`.
    pub fn builder(documents: &Collection) -> EngineBuilder {
        EngineBuilder::new(documents.clone())
    }

    /// Takes documents in: each is divided into passages, embedded, and put in the place of what had its
    /// id, in one atomic change a document.
    ///
    /// Everything is checked before the first document is stored; a failure after that (a full disk, a stopped
    /// `progress`) leaves the documents before it in and the others out.
    ///
    /// Errors: `InvalidArgument` for a document without text, an id given twice or too long, or metadata that have
    /// [`PASSAGE`]; those of [`Collection::replace`].
    pub fn add_documents(
        &self,
        documents: &[NewDocument],
        options: &AddOptions,
        progress: Progress<'_>,
    ) -> Result<Added> {
        self.add_documents_of(None, documents, options, progress)
    }

    /// [`Engine::add_documents`] of a tenant.
    pub fn add_documents_of(
        &self,
        tenant: Option<&str>,
        documents: &[NewDocument],
        options: &AddOptions,
        progress: Progress<'_>,
    ) -> Result<Added> {
        let space = self.space(tenant, true)?;
        documents::add(&space.documents, documents, options, progress)
    }

    /// Removes documents with all their passages; returns how many passages those were.
    pub fn remove_documents(&self, tenant: Option<&str>, ids: &[&str]) -> Result<usize> {
        if ids.is_empty() {
            return Ok(0);
        }
        let space = self.space(tenant, false)?;
        space.documents.delete_where(&documents::of(ids)?)
    }

    /// A document as it was taken in, with its metadata; `None` if there is none of this id.
    pub fn document(&self, tenant: Option<&str>, id: &str) -> Result<Option<(String, Metadata)>> {
        documents::whole(&self.space(tenant, false)?.documents, id)
    }

    /// The same, for those to whom a missing one is an error.
    pub fn document_or_missing(
        &self,
        tenant: Option<&str>,
        id: &str,
    ) -> Result<(String, Metadata)> {
        self.document(tenant, id)?.ok_or_else(|| {
            let message =
                format!("no document \"{id}\" was added; see documents for those that were");
            Error::new(ErrorKind::NotFound, message)
        })
    }

    /// The ids of all documents that were taken in, sorted.
    pub fn documents(&self, tenant: Option<&str>) -> Result<Vec<String>> {
        documents::ids(&self.space(tenant, false)?.documents)
    }

    /// The collection of a tenant's passages; with `None`, the one that the engine was made on.
    pub fn collection(&self, tenant: Option<&str>) -> Result<Collection> {
        Ok(self.space(tenant, true)?.documents.clone())
    }

    /// The answers that were given; `None` if none are kept.
    pub fn history(&self, tenant: Option<&str>) -> Result<Option<History>> {
        Ok(self.space(tenant, true)?.history.clone())
    }

    /// What is remembered of users; `None` if nothing is.
    pub fn memory(&self, tenant: Option<&str>) -> Result<Option<Memory>> {
        Ok(self.space(tenant, true)?.memory.clone())
    }

    /// A copy of a tenant's router with what it has learnt; `None` without one.
    pub fn router(&self, tenant: Option<&str>) -> Result<Option<Router>> {
        let space = self.space(tenant, false)?;
        space.with_router(|router| Ok(router.clone())).transpose()
    }

    /// What is counted and timed here.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.shared.metrics
    }

    /// The caches.
    pub fn cache(&self) -> &Arc<Cache> {
        &self.shared.cache
    }

    /// The names of the generators.
    pub fn generators(&self) -> Vec<&str> {
        let generators = self.shared.generators.iter();
        generators.map(|(name, _)| name.as_str()).collect()
    }

    /// The names of the tenants that have a folder or are in use, sorted.
    pub fn tenants(&self) -> Result<Vec<String>> {
        let spaces = self.shared.spaces.read();
        let spaces = spaces.unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> = spaces.keys().flatten().cloned().collect();
        drop(spaces);
        if let Some(path) = self.shared.root.path()? {
            let folders = std::fs::read_dir(path.join(tenants::all()));
            let folders = folders.into_iter().flatten().flatten();
            let named = folders.filter_map(|f| tenants::unescaped(f.file_name().to_str()?));
            names.extend(named);
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// Removes a tenant: documents, history, memory, what was learnt, and what is cached. Nothing of it is left in
    /// the files. Whether there was one.
    pub fn remove_tenant(&self, tenant: &str) -> Result<bool> {
        tenants::check(tenant)?;
        let mut spaces = self
            .shared
            .spaces
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let space = spaces.remove(&Some(tenant.to_owned()));
        if let Some(space) = &space {
            space.close()?;
        }
        self.shared.cache.clear_tenant(Some(tenant))?;
        let mut found = space.is_some();
        if let Some(path) = self.shared.root.path()? {
            let folder = path.join(tenants::of(tenant));
            if folder.exists() {
                found = true;
                std::fs::remove_dir_all(&folder)
                    .map_err(|e| Error::io("cannot remove", &folder, e))?;
            }
        }
        Ok(found)
    }

    /// Copies everything as it is now into the directory `path`, which must be empty or absent. An engine on the
    /// copy answers as this one.
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.shared.root.backup(path)?;
        let names = self.tenants()?.into_iter().map(Some);
        for tenant in std::iter::once(None).chain(names) {
            self.space(tenant.as_deref(), false)?.backup(path)?;
        }
        Ok(())
    }

    /// Makes durable what was learnt since the last time: of the router, some observations; and writes the files of the
    /// metrics, if they are kept. Everything else is when it is acknowledged.
    pub fn checkpoint(&self) -> Result<()> {
        self.each(|space| space.save())?;
        self.shared.metrics.flush()
    }

    /// Ends the engine, the collections that it opened itself, and every clone; the collection that it was made on stays
    /// open.
    pub fn close(&self) -> Result<()> {
        self.checkpoint()?;
        let mut spaces = self
            .shared
            .spaces
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        spaces.drain().try_for_each(|(_, space)| space.close())
    }

    fn each(&self, body: impl Fn(&Space) -> Result<()>) -> Result<()> {
        let spaces = self.shared.spaces.read();
        let spaces = spaces.unwrap_or_else(PoisonError::into_inner);
        let spaces: Vec<Arc<Space>> = spaces.values().cloned().collect();
        spaces.iter().try_for_each(|space| body(space))
    }

    /// What belongs to a tenant. A tenant of whom there is nothing is only made if `make` says so.
    fn space(&self, tenant: Option<&str>, make: bool) -> Result<Arc<Space>> {
        let shared = &self.shared;
        let name = tenant.map(str::to_owned);
        {
            let spaces = shared.spaces.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(space) = spaces.get(&name) {
                return Ok(Arc::clone(space));
            }
        }
        let none = || {
            let name = tenant.unwrap_or_default();
            let message = format!("there is no tenant \"{name}\"; add its documents first");
            Error::new(ErrorKind::NotFound, message)
        };
        if let Some(tenant) = tenant {
            tenants::check(tenant)?;
            let path = shared.root.path()?;
            let exists = path.is_some_and(|path| path.join(tenants::of(tenant)).exists());
            if !make && !exists {
                return Err(none());
            }
        }
        let mut spaces = shared
            .spaces
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(space) = spaces.get(&name) {
            return Ok(Arc::clone(space));
        }
        let wanted = Wanted {
            history: shared.options.history,
            memory: shared.memory.as_ref(),
            router: shared.router.as_deref(),
        };
        let space = Arc::new(Space::open(&shared.root, tenant, wanted)?.ok_or_else(none)?);
        spaces.insert(name, Arc::clone(&space));
        Ok(space)
    }

    /// A number for an answer, that no other engine gives.
    fn next_id(&self) -> String {
        let n = self.shared.asked.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}-{n:x}", self.shared.birth)
    }
}
