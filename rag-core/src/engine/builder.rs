//! What an engine is made of.

use super::space::{Remembering, Space, Wanted};
use super::{Engine, Layers, Shared};
use crate::caching::{Cache, CacheOptions, Codec, LayerKind};
use crate::clock::{Clock, SystemClock};
use crate::collection::Collection;
use crate::domain::DomainDetector;
use crate::error::{Error, Result};
use crate::generation::{Extractive, ExtractiveOptions, Generator};
use crate::metrics::{Metrics, MetricsOptions};
use crate::prompting::Prompts;
use crate::rng::Rng;
use crate::routing::Router;
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, RwLock};

/// The form in which evidence and answers are written for other processes.
const FORM: u16 = 1;

crate::options! {
    /// What an engine keeps, and how it works.
    EngineOptions {
        /// Whether answers are kept in a history.
        history: bool = true;
        /// Whether facts about users are kept.
        memory: bool = true;
        /// The JSON Schema of the facts, as text: an object whose properties are the keys. Facts that break it are
        /// refused.
        memory_schema: Option<String> = None;
        /// Whether facts that are not worth keeping, or that look like secrets, are refused.
        memory_junk: bool = true;
        /// Most characters of a text in a fact that is not refused as junk.
        memory_max_chars: usize = 2_000, in 1..=65_536;
        /// Whether an update of a fact keeps what it was before.
        memory_previous: bool = true;
        /// Questions that `ask_many` works on at a time: most of the time a generator is waited for.
        threads: usize = 16, in 1..=256;
        /// The scenario of questions that name none.
        scenario: String = "general".to_owned();
    }
}

/// Puts an engine together.
///
/// ```
/// use rag_core::collection::Collection;
/// use rag_core::engine::Engine;
/// use rag_core::generation::Extractive;
/// use std::sync::Arc;
/// let engine = Engine::builder(&Collection::in_memory(None, None)?)
///     .generator("short", Arc::new(Extractive::new(&Default::default())?))
///     .build()?;
/// assert_eq!(engine.generators(), ["short"]);
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Debug)]
pub struct EngineBuilder {
    documents: Collection,
    options: EngineOptions,
    generators: Vec<(String, Arc<dyn Generator>)>,
    router: Option<Router>,
    tuner: Option<String>,
    domains: Option<DomainDetector>,
    prompts: Prompts,
    cache: Option<Arc<Cache>>,
    metrics: Option<Arc<Metrics>>,
    clock: Arc<dyn Clock>,
}

impl EngineBuilder {
    pub(super) fn new(documents: Collection) -> Self {
        Self {
            documents,
            options: EngineOptions::default(),
            generators: Vec::new(),
            router: None,
            tuner: None,
            domains: None,
            prompts: Prompts::default(),
            cache: None,
            metrics: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Adds a generator. The first is the one that is asked where nobody chooses; without any there is one that
    /// needs no model, called `extractive`.
    #[must_use]
    pub fn generator(mut self, name: impl Into<String>, generator: Arc<dyn Generator>) -> Self {
        self.generators.push((name.into(), generator));
        self
    }

    /// Lets a router choose between generators and strategies. Its routes are the names of generators, or
    /// `GENERATOR/STRATEGY`, such as `large/documents`.
    #[must_use]
    pub fn router(mut self, router: Router) -> Self {
        self.router = Some(router);
        self
    }

    /// Lets the bandit of this name in the collection choose the share of BM25.
    #[must_use]
    pub fn tuner(mut self, name: impl Into<String>) -> Self {
        self.tuner = Some(name.into());
        self
    }

    /// Detects what questions are about, for bandits.
    #[must_use]
    pub fn domains(mut self, domains: DomainDetector) -> Self {
        self.domains = Some(domains);
        self
    }

    /// Sets the templates.
    #[must_use]
    pub fn prompts(mut self, prompts: Prompts) -> Self {
        self.prompts = prompts;
        self
    }

    /// Sets the caches.
    #[must_use]
    pub fn cache(mut self, cache: Arc<Cache>) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Sets where things are counted.
    #[must_use]
    pub fn metrics(mut self, metrics: Arc<Metrics>) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the options.
    #[must_use]
    pub fn options(mut self, options: EngineOptions) -> Self {
        self.options = options;
        self
    }

    /// Makes the engine. Errors: `InvalidArgument` for options outside their range, two generators of one name, a
    /// route that is no generator's, or a bandit that the collection does not have.
    pub fn build(self) -> Result<Engine> {
        self.options.check()?;
        let mut generators = self.generators;
        if generators.is_empty() {
            generators.push(("extractive".to_owned(), {
                let quotes = Extractive::new(&ExtractiveOptions::default())?;
                Arc::new(quotes)
            }));
        }
        for (i, (name, _)) in generators.iter().enumerate() {
            if name.is_empty() || name.contains('/') {
                return Err(Error::invalid(format!(
                    "a generator's name is not empty and has no \"/\", got \"{name}\""
                )));
            }
            if generators[..i].iter().any(|(other, _)| other == name) {
                return Err(Error::invalid(format!(
                    "two generators are called \"{name}\"; give each its own name"
                )));
            }
        }
        if let Some(router) = &self.router {
            for route in router.names() {
                let known: Vec<&str> = generators.iter().map(|(name, _)| name.as_str()).collect();
                super::ask::route(route, &known)?;
            }
        }
        if let Some(name) = &self.tuner {
            self.documents.bandits().get(name)?;
        }
        self.prompts.scenario(&self.options.scenario)?;
        let cache = match self.cache {
            Some(cache) => cache,
            None => {
                let cache = Cache::new(CacheOptions::default())?;
                Arc::new(cache.with_clock(Arc::clone(&self.clock)))
            }
        };
        let metrics = match self.metrics {
            Some(metrics) => metrics,
            None => {
                let clock = Arc::clone(&self.clock);
                Arc::new(Metrics::with_clock(&MetricsOptions::default(), clock)?)
            }
        };
        let layers = Layers {
            vectors: cache.shared_layer(LayerKind::Embeddings, Codec::floats()),
            evidence: cache.shared_layer(LayerKind::Evidence, Codec::json(FORM)),
            answers: cache.shared_layer(LayerKind::Answers, Codec::json(FORM)),
            texts: cache.layer(LayerKind::Texts),
        };
        let fingerprint = generators
            .iter()
            .map(|(name, generator)| format!("{name}\0{}", generator.fingerprint()))
            .collect::<Vec<_>>()
            .join("\0");
        let router = self.router.map(|router| router.to_bytes());
        let memory = Remembering::of(&self.options)?;
        let wanted = Wanted {
            history: self.options.history,
            memory: memory.as_ref(),
            router: router.as_deref(),
        };
        let space = Space::of(&self.documents, wanted)?;
        Ok(Engine {
            shared: Arc::new(Shared {
                options: self.options,
                memory,
                root: self.documents,
                generators,
                fingerprint,
                router,
                tuner: self.tuner,
                domains: self.domains,
                prompts: self.prompts,
                cache,
                layers,
                metrics,
                clock: self.clock,
                spaces: RwLock::new(HashMap::from([(None, Arc::new(space))])),
                birth: Rng::seed_from_system(),
                asked: AtomicU64::new(0),
            }),
        })
    }
}
