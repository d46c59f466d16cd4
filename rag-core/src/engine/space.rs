//! What belongs to one tenant, or to nobody in particular.

use super::{EngineOptions, Question, tenants};
use crate::collection::{Collection, Inside, Tuned};
use crate::error::{Error, Result};
use crate::history::{History, HistoryOptions, HistoryQuery};
use crate::memory::{Memory, MemoryOptions, Remembered, Schema};
use crate::prompting::{Message, Role};
use crate::routing::Router;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Answers whose ratings are waited for; past this the oldest are forgotten.
pub const MAX_WAITING: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();
const DOCUMENTS: &str = "documents";
const HISTORY: &str = "history";
const MEMORY: &str = "memory";
const ROUTER: &str = "router.rag";
/// Observations of a router after which it is saved.
const SAVED_EVERY: u64 = 32;

/// Documents, and what was learnt, said and remembered about them.
#[derive(Debug)]
pub(super) struct Space {
    pub(super) tenant: Option<String>,
    pub(super) documents: Collection,
    pub(super) history: Option<History>,
    pub(super) memory: Option<Memory>,
    router: Option<Mutex<Routes>>,
    waiting: Mutex<LruCache<String, Waiting>>,
}

#[derive(Debug)]
struct Routes {
    router: Router,
    /// Where it is saved.
    path: Option<PathBuf>,
    /// What was observed since.
    unsaved: u64,
}

/// What a rating of an answer is told to.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// The router's decision, until its quality is known.
    pub(super) decision: Option<u64>,
    /// What a bandit chose for the search.
    pub(super) tuned: Option<Tuned>,
    /// The question's vector, and the ids of the passages that were cited.
    pub(super) vector: Option<Vec<f32>>,
    pub(super) cited: Vec<String>,
    pub(super) user: Option<String>,
    pub(super) dials: Vec<(String, f64)>,
}

/// How a memory is opened.
#[derive(Clone, Debug)]
pub(super) struct Remembering {
    options: MemoryOptions,
    schema: Option<Schema>,
}

impl Remembering {
    /// `None` if nothing is to be remembered.
    pub(super) fn of(options: &EngineOptions) -> Result<Option<Self>> {
        if !options.memory {
            return Ok(None);
        }
        let schema = options.memory_schema.as_deref().map(Schema::from_json);
        let remembering = Self {
            options: MemoryOptions::default()
                .junk(options.memory_junk)
                .max_chars(options.memory_max_chars)
                .previous(options.memory_previous),
            schema: schema.transpose()?,
        };
        Ok(Some(remembering))
    }

    fn open(&self, facts: Collection) -> Result<Memory> {
        let memory = Memory::open(facts, &self.options)?;
        match &self.schema {
            Some(schema) => memory.with_schema(schema.clone()),
            None => Ok(memory),
        }
    }
}

/// What of a space is wanted beside its documents.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) history: bool,
    pub(super) memory: Option<&'a Remembering>,
    pub(super) router: Option<&'a [u8]>,
}

impl Space {
    /// That of nobody in particular, whose documents are those of `root`.
    pub(super) fn of(root: &Collection, wanted: Wanted<'_>) -> Result<Self> {
        Self::beside(root, None, root.clone(), wanted)
    }

    /// That of a tenant; `None` if there is nothing and nothing may be made.
    pub(super) fn open(
        root: &Collection,
        tenant: Option<&str>,
        wanted: Wanted<'_>,
    ) -> Result<Option<Self>> {
        let Some(name) = tenant else {
            return Self::of(root, wanted).map(Some);
        };
        let documents = root.open_inside(&tenants::folder(Some(name), DOCUMENTS), Inside::Alike)?;
        let space = documents.map(|documents| Self::beside(root, tenant, documents, wanted));
        space.transpose()
    }

    fn beside(
        root: &Collection,
        tenant: Option<&str>,
        documents: Collection,
        wanted: Wanted<'_>,
    ) -> Result<Self> {
        let words = |name: &str| root.open_inside(&tenants::folder(tenant, name), Inside::Words);
        let history = if wanted.history {
            words(HISTORY)?
        } else {
            None
        };
        let memory = match wanted.memory {
            Some(remembering) => {
                let facts = words(MEMORY)?;
                facts.map(|facts| remembering.open(facts)).transpose()?
            }
            None => None,
        };
        let path = root
            .path()?
            .map(|path| path.join(tenants::folder(tenant, ROUTER)));
        let path = path.filter(|_| !root.is_read_only());
        let router = wanted.router.map(|bytes| Routes::open(bytes, path));
        Ok(Self {
            tenant: tenant.map(str::to_owned),
            documents,
            history: history.map(History::open).transpose()?,
            memory,
            router: router.transpose()?.map(Mutex::new),
            waiting: Mutex::new(LruCache::new(MAX_WAITING)),
        })
    }

    /// A number that changes when the taste of who asks does.
    pub(super) fn taste(&self, question: &Question) -> Result<u64> {
        match &question.user {
            Some(user) => self.documents.steering().ratings(user),
            None => Ok(0),
        }
    }

    /// What is known about who asks, one fact each.
    pub(super) fn facts(&self, question: &Question, most: usize) -> Result<Vec<String>> {
        let (Some(memory), Some(user)) = (&self.memory, &question.user) else {
            return Ok(Vec::new());
        };
        let mut facts = memory.facts(user, None)?;
        facts.retain(|fact| fact.session.is_none() || fact.session == question.session);
        let told = |fact: &Remembered| format!("{}: {}", fact.key, fact.value);
        Ok(facts.iter().take(most).map(told).collect())
    }

    /// The last turns of the conversation, oldest first.
    pub(super) fn turns(&self, question: &Question) -> Result<Vec<Message>> {
        let (Some(history), Some(session)) = (&self.history, &question.session) else {
            return Ok(Vec::new());
        };
        if question.ask.turns == 0 {
            return Ok(Vec::new());
        }
        let query = HistoryQuery {
            session: Some(session.clone()),
            user: question.user.clone(),
            options: HistoryOptions::default().limit(question.ask.turns),
            ..HistoryQuery::default()
        };
        let mut answers = history.search(&query)?;
        // A conversation of nobody is not one of somebody.
        answers.retain(|answer| answer.user == question.user);
        answers.reverse();
        let turns = answers.into_iter().flat_map(|answer| {
            let said = |role, content| Message { role, content };
            [
                said(Role::User, answer.question),
                said(Role::Assistant, answer.text),
            ]
        });
        Ok(turns.collect())
    }

    /// Copies what lies beside the documents of `root`, and a tenant's documents, below `path`.
    pub(super) fn backup(&self, path: &Path) -> Result<()> {
        let tenant = self.tenant.as_deref();
        let to = |name: &str| path.join(tenants::folder(tenant, name));
        let copy = |name: &str, collection: &Collection| {
            let to = to(name);
            let parent = to.parent().unwrap_or(path);
            std::fs::create_dir_all(parent).map_err(|e| Error::io("cannot make", parent, e))?;
            collection.backup(to)
        };
        if tenant.is_some() {
            copy(DOCUMENTS, &self.documents)?;
        }
        if let Some(history) = &self.history {
            copy(HISTORY, history.collection())?;
        }
        if let Some(memory) = &self.memory {
            copy(MEMORY, memory.collection())?;
        }
        let save = |router: &mut Router| {
            let to = to(ROUTER);
            let parent = to.parent().unwrap_or(path);
            std::fs::create_dir_all(parent).map_err(|e| Error::io("cannot make", parent, e))?;
            router.save(to)
        };
        self.with_router(save).unwrap_or(Ok(()))
    }

    /// Ends everything that was opened for it.
    pub(super) fn close(&self) -> Result<()> {
        self.save()?;
        if self.tenant.is_some() {
            self.documents.close()?;
        }
        if let Some(history) = &self.history {
            history.collection().close()?;
        }
        match &self.memory {
            Some(memory) => memory.collection().close(),
            None => Ok(()),
        }
    }

    /// Does something with the router, if there is one.
    pub(super) fn with_router<T>(
        &self,
        body: impl FnOnce(&mut Router) -> Result<T>,
    ) -> Option<Result<T>> {
        let routes = self.router.as_ref()?;
        let mut routes = routes.lock().unwrap_or_else(PoisonError::into_inner);
        Some(body(&mut routes.router))
    }

    /// The same for what the router learns from: now and then it is saved.
    pub(super) fn teach_router(&self, body: impl FnOnce(&mut Router) -> Result<()>) -> Result<()> {
        let Some(routes) = &self.router else {
            return Ok(());
        };
        let mut routes = routes.lock().unwrap_or_else(PoisonError::into_inner);
        body(&mut routes.router)?;
        routes.unsaved += 1;
        if routes.unsaved >= SAVED_EVERY {
            routes.save()?;
        }
        Ok(())
    }

    pub(super) fn waiting(&self) -> MutexGuard<'_, LruCache<String, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes durable what is not yet.
    pub(super) fn save(&self) -> Result<()> {
        if let Some(routes) = &self.router {
            let mut routes = routes.lock().unwrap_or_else(PoisonError::into_inner);
            if routes.unsaved > 0 {
                routes.save()?;
            }
        }
        Ok(())
    }
}

impl Routes {
    /// The router that was saved, or else a copy of the one that the engine was given.
    fn open(given: &[u8], path: Option<PathBuf>) -> Result<Self> {
        let saved = path.as_deref().filter(|path| path.exists());
        let mut router = match saved {
            Some(path) => Router::load(path)?,
            None => Router::from_bytes(given)?,
        };
        if saved.is_some() {
            // Routes that were added since are there with what was said of them.
            let given = Router::from_bytes(given)?;
            router
                .merge(&given)
                .map_err(|e: Error| e.context("the saved router"))?;
        }
        Ok(Self {
            router,
            path,
            unsaved: 0,
        })
    }

    fn save(&mut self) -> Result<()> {
        if let Some(path) = &self.path {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|e| Error::io("cannot make", folder, e))?;
            }
            self.router.save(path)?;
        }
        self.unsaved = 0;
        Ok(())
    }
}
