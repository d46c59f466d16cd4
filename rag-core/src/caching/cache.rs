//! What a user makes and an engine takes its layers from.

use super::key::tenant_field;
use super::latch::Latch;
use super::layer::{AnyLayer, Layer, Weigh};
use super::memory::Limits;
use super::nearby::{NearLimits, Nearby, NearbyStats};
use super::options::{CacheOptions, LayerKind};
use super::remote::{Codec, Link, OnWarning, Remote, RemoteStats, Shared};
use super::stats::LayerStats;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

/// Lifetimes, sizes, a clock and perhaps a remote cache: everything that layers have in common.
///
/// ```
/// use rag_core::caching::{Cache, CacheOptions, LayerKind};
/// let cache = Cache::new(CacheOptions::default().answers_s(0.0))?;
/// let layer = cache.layer::<String>(LayerKind::Answers);
/// let key = rag_core::caching::KeyBuilder::new(None).text("why?").finish();
/// layer.put(&key, "because".to_owned(), cache.now());
/// assert!(layer.get(&key, cache.now(), |_| true).is_none(), "a lifetime of 0 keeps nothing");
/// # Ok::<(), rag_core::Error>(())
/// ```
pub struct Cache {
    options: CacheOptions,
    clock: Arc<dyn Clock>,
    shared: Option<Arc<Shared>>,
    layers: Latch<Vec<(LayerKind, Weak<dyn AnyLayer>)>>,
    nearby: OnceLock<Arc<Nearby>>,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("options", &self.options)
            .field("remote", &self.shared)
            .finish_non_exhaustive()
    }
}

/// What all layers of a cache counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CacheStats {
    /// Each layer that something uses, by its kind's name.
    pub layers: BTreeMap<&'static str, LayerStats>,
    /// What near questions did, if they may share answers and something uses that.
    pub nearby: Option<NearbyStats>,
    /// How the remote cache is, if there is one.
    pub remote: Option<RemoteStats>,
}

impl CacheStats {
    /// As JSON, under the names of the fields.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("names are texts and numbers are finite")
    }
}

impl Cache {
    /// A cache in memory.
    ///
    /// Errors: an option outside its range.
    pub fn new(options: CacheOptions) -> Result<Self> {
        options.check()?;
        if options.remote_prefix.is_empty() || options.remote_prefix.len() > 128 {
            return Err(Error::invalid(format!(
                "remote_prefix must have 1 to 128 bytes, got {}",
                options.remote_prefix.len()
            )));
        }
        Ok(Self {
            options,
            clock: Arc::new(SystemClock),
            shared: None,
            layers: Latch::new(Vec::new),
            nearby: OnceLock::new(),
        })
    }

    /// A cache in memory, or with the Redis server of that address behind it.
    ///
    /// Errors: as for [`Cache::new`] and [`Cache::with_redis`].
    pub fn open(options: CacheOptions, redis: Option<&str>) -> Result<Self> {
        let cache = Self::new(options)?;
        match redis {
            None => Ok(cache),
            Some(url) => cache.with_redis(url),
        }
    }

    /// The same with another clock. For layers that are taken from then on.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The same with a cache behind it that other processes share. For layers that are taken from then on.
    #[must_use]
    pub fn with_remote(mut self, remote: Arc<dyn Remote>) -> Self {
        self.shared = Some(Arc::new(Shared::new(remote, self.options.remote_pause_s)));
        self
    }

    /// The same with a Redis server behind it: `redis://user:password@host:6379/0` or `unix:///path/to/socket`. Nothing is
    /// connected before the first call that needs it.
    ///
    /// Errors: `InvalidArgument` for what is no such address; `Unsupported` for TLS, and without the feature `redis`.
    pub fn with_redis(self, url: &str) -> Result<Self> {
        #[cfg(feature = "redis")]
        {
            let redis = super::redis::Redis::new(url, self.options.remote_timeout_ms)?;
            Ok(self.with_remote(Arc::new(redis)))
        }
        #[cfg(not(feature = "redis"))]
        {
            let _ = url;
            Err(Error::new(
                crate::error::ErrorKind::Unsupported,
                "this build has no Redis; build it with the feature \"redis\", or leave redis out",
            ))
        }
    }

    /// Calls `hear` each time that the remote cache is given up for a while. The first to listen is heard; answers
    /// whether this one is.
    pub fn on_warning(&self, hear: OnWarning) -> bool {
        self.shared
            .as_ref()
            .is_some_and(|shared| shared.on_warning(hear))
    }

    /// The options.
    pub fn options(&self) -> &CacheOptions {
        &self.options
    }

    /// Seconds since 1970, by the cache's clock.
    pub fn now(&self) -> f64 {
        self.clock.now()
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// A new layer in memory.
    pub fn layer<V: Weigh + Send + Sync + 'static>(&self, kind: LayerKind) -> Layer<V> {
        self.make(kind, None)
    }

    /// A new layer that is in the remote cache as well, if there is one.
    ///
    /// Layers of one kind meet there, so that their keys must tell apart all that their owners differ in: collections,
    /// models and settings.
    pub fn shared_layer<V: Weigh + Send + Sync + 'static>(
        &self,
        kind: LayerKind,
        codec: Codec<V>,
    ) -> Layer<V> {
        let link = self.shared.as_ref().map(|shared| Link {
            shared: Arc::clone(shared),
            codec,
            prefix: format!("{}:{}:", self.options.remote_prefix, kind.name()),
            copy_s: self.options.remote_copy_s,
            most: self.options.remote_entry_bytes as usize,
        });
        self.make(kind, link)
    }

    fn make<V: Weigh + Send + Sync + 'static>(
        &self,
        kind: LayerKind,
        link: Option<Link<V>>,
    ) -> Layer<V> {
        let (lifetime_s, bytes) = self.options.of(kind);
        let limits = Limits {
            lifetime_s,
            bytes,
            entries: self.options.entries,
        };
        let wait = Duration::from_secs_f64(self.options.wait_s);
        let layer = Layer::new(limits, link, Arc::clone(&self.clock), wait);
        let known: Arc<dyn AnyLayer> = layer.inner().clone();
        let mut layers = self.layers.lock();
        layers.retain(|(_, layer)| layer.strong_count() > 0);
        layers.push((kind, Arc::downgrade(&known)));
        layer
    }

    /// The questions that may share answers, one for all who ask for it; none unless `near_duplicates` is set.
    pub fn nearby(&self) -> Option<Arc<Nearby>> {
        let options = &self.options;
        let threshold = options.near_duplicates?;
        let nearby = self.nearby.get_or_init(|| {
            Arc::new(Nearby::new(NearLimits {
                threshold,
                lifetime_s: options.answers_s,
                entries: options.near_entries,
                bytes: options.near_bytes,
                shadow_rate: options.shadow_rate,
                budget: options.false_hit_budget,
            }))
        });
        Some(Arc::clone(nearby))
    }

    fn living(&self) -> Vec<(LayerKind, Arc<dyn AnyLayer>)> {
        let layers = self.layers.lock();
        let living = layers
            .iter()
            .filter_map(|(kind, layer)| Some((*kind, layer.upgrade()?)));
        living.collect()
    }

    /// What happened in all layers that are in use, and what they hold.
    pub fn stats(&self) -> CacheStats {
        let mut layers: BTreeMap<&'static str, LayerStats> = BTreeMap::new();
        for (kind, layer) in self.living() {
            layers.entry(kind.name()).or_default().add(&layer.stats());
        }
        CacheStats {
            layers,
            nearby: self.nearby.get().map(|nearby| nearby.stats()),
            remote: self.shared.as_ref().map(|shared| shared.stats()),
        }
    }

    /// Drops everything that layers in use keep, and all that the remote cache keeps under their prefixes.
    ///
    /// Errors: `Upstream` if the remote cache cannot be reached; memory is empty all the same.
    pub fn clear(&self) -> Result<()> {
        self.clear_in(None)
    }

    /// Drops everything of one tenant; `None` is what belongs to nobody.
    ///
    /// Errors: as for [`Cache::clear`].
    pub fn clear_tenant(&self, tenant: Option<&str>) -> Result<()> {
        self.clear_in(Some(&tenant_field(tenant)))
    }

    fn clear_in(&self, tenant: Option<&[u8]>) -> Result<()> {
        if let Some(nearby) = self.nearby.get() {
            match tenant {
                None => nearby.clear(),
                Some(tenant) => nearby.clear_tenant(tenant),
            }
        }
        let mut answer = Ok(());
        for (_, layer) in self.living() {
            answer = answer.and(layer.clear(tenant));
        }
        answer
    }
}
