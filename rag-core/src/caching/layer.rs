//! One layer of the cache: memory in front, a remote cache behind it if there is one, and one maker for many askers.

use super::flight::{Flights, Role};
use super::key::{Key, tenant_field};
use super::memory::{Limits, Memory};
use super::remote::{Link, Told};
use super::stats::{LayerStats, count};
use crate::clock::Clock;
use crate::error::Result;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Knows how many bytes of memory it takes.
pub trait Weigh {
    /// Bytes, itself and what it alone holds on the heap. Asked once, when it is put into a layer.
    fn weight(&self) -> usize;
}

impl Weigh for String {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.capacity()
    }
}

impl Weigh for Arc<str> {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.len()
    }
}

impl Weigh for Vec<u8> {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.capacity()
    }
}

impl Weigh for Vec<f32> {
    fn weight(&self) -> usize {
        size_of::<Self>() + size_of::<f32>() * self.capacity()
    }
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It was kept.
    Kept,
    /// Another caller was making it, and gave it to all who waited.
    Shared,
    /// This caller made it.
    Made,
}

/// Values of one kind, kept for a while. Cheap to clone; all clones are one layer.
///
/// ```
/// use rag_core::caching::{Cache, CacheOptions, KeyBuilder, LayerKind};
/// let cache = Cache::new(CacheOptions::default())?;
/// let texts = cache.layer::<String>(LayerKind::Texts);
/// let key = KeyBuilder::new(Some("shop")).text("terms.md").finish();
/// let now = cache.now();
/// texts.put(&key, "as of May".to_owned(), now);
/// assert!(texts.get(&key, now, |_| true).is_some());
/// // What is not true any more is dropped by whoever sees that.
/// assert!(texts.get(&key, now, |text| text.ends_with("June")).is_none());
/// assert!(texts.get(&key, now, |_| true).is_none());
/// # Ok::<(), rag_core::Error>(())
/// ```
pub struct Layer<V>(Arc<Inner<V>>);

impl<V> Clone for Layer<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V: Weigh> std::fmt::Debug for Layer<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stats = self.0.memory.stats();
        f.debug_struct("Layer")
            .field("entries", &stats.entries)
            .field("bytes", &stats.bytes)
            .finish_non_exhaustive()
    }
}

pub(super) struct Inner<V> {
    memory: Memory<V>,
    flights: Flights<V>,
    link: Option<Link<V>>,
    clock: Arc<dyn Clock>,
    wait: Duration,
}

/// A layer whatever it keeps.
pub(super) trait AnyLayer: Send + Sync {
    fn stats(&self) -> LayerStats;
    fn clear(&self, tenant: Option<&[u8]>) -> Result<()>;
}

impl<V: Weigh + Send + Sync> AnyLayer for Inner<V> {
    fn stats(&self) -> LayerStats {
        self.memory.stats()
    }

    fn clear(&self, tenant: Option<&[u8]>) -> Result<()> {
        self.memory.clear(tenant);
        match &self.link {
            None => Ok(()),
            Some(link) => {
                let prefix = tenant.map_or_else(|| link.prefix.clone(), |t| link.tenant_prefix(t));
                link.shared.clear_prefix(&prefix, self.clock.now())
            }
        }
    }
}

impl<V: Weigh> Layer<V> {
    pub(super) fn new(
        limits: Limits,
        link: Option<Link<V>>,
        clock: Arc<dyn Clock>,
        wait: Duration,
    ) -> Self {
        Self(Arc::new(Inner {
            memory: Memory::new(limits),
            flights: Flights::new(),
            link,
            clock,
            wait,
        }))
    }

    pub(super) fn inner(&self) -> &Arc<Inner<V>> {
        &self.0
    }

    /// The value of a key, if it is kept, not too old at `now` (unix seconds), and `valid` says that it still holds.
    ///
    /// What `valid` refuses is dropped. It is called without any lock, and may take its time.
    pub fn get(&self, key: &Key, now: f64, valid: impl Fn(&V) -> bool) -> Option<Arc<V>> {
        let memory = &self.0.memory;
        let found = memory
            .find(key, now, &valid)
            .or_else(|| self.fetch(key, now, &valid));
        let counts = &memory.counts;
        count(if found.is_some() {
            &counts.hits
        } else {
            &counts.misses
        });
        found
    }

    /// The value that the remote cache has; memory then has it as well.
    fn fetch(&self, key: &Key, now: f64, valid: &impl Fn(&V) -> bool) -> Option<Arc<V>> {
        let link = self.0.link.as_ref()?;
        let memory = &self.0.memory;
        match link.get(key, now) {
            Told::Nothing => None,
            Told::Garbled => {
                count(&memory.counts.garbled);
                None
            }
            Told::Value(value, _) if !valid(&value) => {
                count(&memory.counts.refused);
                link.remove(key, now);
                None
            }
            Told::Value(value, until) => {
                count(&memory.counts.remote_hits);
                let value = Arc::new(value);
                memory.keep(key, Arc::clone(&value), now, until.min(now + link.copy_s));
                Some(value)
            }
        }
    }

    /// Keeps a value from `now` on, in place of the one that was there.
    pub fn put(&self, key: &Key, value: V, now: f64) -> Arc<V> {
        let value = Arc::new(value);
        self.keep(key, &value, now);
        self.send(key, &value, now);
        value
    }

    fn keep(&self, key: &Key, value: &Arc<V>, now: f64) {
        let lifetime = self.0.memory.limits().lifetime_s;
        let copy_s = self.0.link.as_ref().map_or(lifetime, |link| link.copy_s);
        let until = now + lifetime.min(copy_s);
        self.0.memory.keep(key, Arc::clone(value), now, until);
    }

    fn send(&self, key: &Key, value: &V, now: f64) {
        let lifetime = self.0.memory.limits().lifetime_s;
        if let Some(link) = &self.0.link
            && lifetime > 0.0
        {
            link.put(key, value, now, now + lifetime);
        }
    }

    /// The value that is kept, or else the one that `make` makes, which is then kept.
    ///
    /// However many ask for one key at a time, one of them makes it and the others wait for it, at most until
    /// `deadline` and for `wait_s`. If the one who makes it is stopped (`Interrupted`), runs out of time (`Timeout`) or
    /// panics, the next one makes it; any other error goes to all who waited. What others made is only taken if `valid`
    /// says that it holds. `make` is called without any lock, at most once.
    ///
    /// Errors: those of `make`; `Timeout` after waiting too long; `InvalidArgument` if `make` asks this layer for
    /// its own key on the same thread, which would wait for itself.
    ///
    /// ```
    /// use rag_core::caching::{Cache, CacheOptions, KeyBuilder, LayerKind, Source};
    /// let cache = Cache::new(CacheOptions::default())?;
    /// let layer = cache.layer::<String>(LayerKind::Answers);
    /// let key = KeyBuilder::new(None).text("why?").finish();
    /// let made = std::sync::atomic::AtomicUsize::new(0);
    /// std::thread::scope(|scope| {
    ///     for _ in 0..8 {
    ///         scope.spawn(|| {
    ///             let because = || {
    ///                 made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    ///                 Ok("because".to_owned())
    ///             };
    ///             let (answer, _) = layer.get_or_make(&key, None, |_| true, because).unwrap();
    ///             assert_eq!(*answer, "because");
    ///         });
    ///     }
    /// });
    /// assert_eq!(made.into_inner(), 1);
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn get_or_make(
        &self,
        key: &Key,
        deadline: Option<Instant>,
        valid: impl Fn(&V) -> bool,
        make: impl FnOnce() -> Result<V>,
    ) -> Result<(Arc<V>, Source)> {
        let memory = &self.0.memory;
        let counts = &memory.counts;
        let mut wait_until = None;
        loop {
            if let Some(value) = memory.find(key, self.0.clock.now(), &valid) {
                count(&counts.hits);
                return Ok((value, Source::Kept));
            }
            let until = *wait_until.get_or_insert_with(|| self.wait_until(deadline));
            match self.0.flights.board(key, until)? {
                Role::Again => {}
                Role::Take(value) if valid(&value) => {
                    count(&counts.shared);
                    return Ok((value, Source::Shared));
                }
                // It was made of what has changed since; by now another may have made it anew.
                Role::Take(_) => {}
                Role::Make(maker) => {
                    let now = self.0.clock.now();
                    // Between looking and boarding another may have landed.
                    let found = memory.find(key, now, &valid);
                    if let Some(value) = found.or_else(|| self.fetch(key, now, &valid)) {
                        count(&counts.hits);
                        maker.land(&Ok(Arc::clone(&value)));
                        return Ok((value, Source::Kept));
                    }
                    count(&counts.misses);
                    let made = make().map(Arc::new);
                    let now = self.0.clock.now();
                    if let Ok(value) = &made {
                        self.keep(key, value, now);
                    }
                    maker.land(&made);
                    let value = made?;
                    self.send(key, &value, now);
                    return Ok((value, Source::Made));
                }
            }
        }
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Instant {
        let longest = Instant::now() + self.0.wait;
        deadline.map_or(longest, |deadline| deadline.min(longest))
    }

    /// Drops the value of a key, here and in the remote cache. In other processes a copy may live for `remote_copy_s`.
    pub fn remove(&self, key: &Key, now: f64) {
        self.0.memory.take_if(key, |_| true);
        if let Some(link) = &self.0.link {
            link.remove(key, now);
        }
    }

    /// Drops everything.
    ///
    /// Errors: `Upstream` if the remote cache cannot be reached; what is in memory is gone all the same.
    pub fn clear(&self) -> Result<()>
    where
        V: Send + Sync,
    {
        AnyLayer::clear(&*self.0, None)
    }

    /// Drops everything of one tenant; `None` is what belongs to nobody.
    ///
    /// Errors: as for [`Layer::clear`].
    pub fn clear_tenant(&self, tenant: Option<&str>) -> Result<()>
    where
        V: Send + Sync,
    {
        AnyLayer::clear(&*self.0, Some(&tenant_field(tenant)))
    }

    /// Seconds since 1970, by the clock of the cache.
    pub fn now(&self) -> f64 {
        self.0.clock.now()
    }

    /// How many wait for a key, and how many keys are being made.
    #[cfg(test)]
    pub(super) fn crowd(&self, key: &Key) -> (usize, usize) {
        self.0.flights.crowd(key)
    }

    /// What happened so far, and what is held.
    pub fn stats(&self) -> LayerStats {
        self.0.memory.stats()
    }
}
