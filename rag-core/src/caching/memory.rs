//! A layer's memory: entries by key, each with a lifetime, bounded by bytes and by number, least recently used out first.
//!
//! Thirty-two shards, each an `lru` map behind its own lock, share one account of bytes. A hit is a hash, a look-up and
//! a moment under one lock; nobody's code runs under it: `valid` is asked after the lock was left, and values are
//! dropped after it as well. Who needs room looks at the oldest entry of each shard and takes the oldest of those, so
//! that the order of going is that of the whole layer.

use super::key::Key;
use super::latch::Latch;
use super::layer::Weigh;
use super::stats::{Counts, LayerStats, count};
use crate::rng::AsItIs;
use lru::LruCache;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

const SHARDS: usize = 32;
/// What an entry takes beside its key and its value: its node in the list and its place in the map.
const OVERHEAD: usize = 192;

/// What a layer may take, and for how long it keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) lifetime_s: f64,
    pub(super) bytes: u64,
    pub(super) entries: u64,
}

impl Limits {
    fn keeps_nothing(&self) -> bool {
        self.lifetime_s <= 0.0 || self.bytes == 0 || self.entries == 0
    }
}

struct Entry<V> {
    key: Box<[u8]>,
    tenant: usize,
    value: Arc<V>,
    weight: usize,
    /// The moments between which it may be used.
    from: f64,
    until: f64,
    /// When it was last used, for the order between shards.
    used: f64,
}

type Map<V> = LruCache<u128, Entry<V>, BuildHasherDefault<AsItIs>>;

/// Aligned so that the locks of two shards share no cache line.
#[repr(align(128))]
struct Shard<V>(Latch<Map<V>>);

/// What is known about a value that was put in before.
enum Found<V> {
    Alive(Arc<V>),
    Expired(Entry<V>),
    Nothing,
}

/// The layer's memory.
pub(super) struct Memory<V> {
    shards: Box<[Shard<V>]>,
    limits: Limits,
    bytes: AtomicUsize,
    entries: AtomicU64,
    /// Held by who makes room, so that two do not make it twice.
    making_room: Latch<()>,
    pub(super) counts: Counts,
}

impl<V: Weigh> Memory<V> {
    pub(super) fn new(limits: Limits) -> Self {
        let shard = || {
            Shard(Latch::new(|| {
                Map::unbounded_with_hasher(BuildHasherDefault::default())
            }))
        };
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            limits,
            bytes: AtomicUsize::new(0),
            entries: AtomicU64::new(0),
            making_room: Latch::new(|| ()),
            counts: Counts::default(),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    fn shard(&self, key: &Key) -> &Latch<Map<V>> {
        &self.shards[(key.hash() >> 123) as usize].0
    }

    /// The value, if it is there and alive. Counts what it drops, but neither hits nor misses.
    pub(super) fn find(&self, key: &Key, now: f64, valid: &impl Fn(&V) -> bool) -> Option<Arc<V>> {
        match self.look(key, now) {
            Found::Nothing => None,
            Found::Expired(entry) => {
                self.dropped(&entry);
                count(&self.counts.expired);
                None
            }
            Found::Alive(value) if valid(&value) => Some(value),
            Found::Alive(value) => {
                // Somebody may have put a better one there meanwhile.
                if self.take_if(key, |kept| Arc::ptr_eq(kept, &value)) {
                    count(&self.counts.refused);
                }
                None
            }
        }
    }

    fn look(&self, key: &Key, now: f64) -> Found<V> {
        let mut map = self.shard(key).lock();
        let Some(entry) = map.get_mut(&key.hash()) else {
            return Found::Nothing;
        };
        if *entry.key != *key.bytes() {
            return Found::Nothing;
        }
        // A clock that was set back by more than a lifetime must not keep an entry alive for long.
        if entry.from <= now && now < entry.until {
            entry.used = now;
            return Found::Alive(Arc::clone(&entry.value));
        }
        let entry = map.pop(&key.hash()).expect("it was there a line ago");
        Found::Expired(entry)
    }

    /// Keeps a value until `until`, if it may be kept at all.
    pub(super) fn keep(&self, key: &Key, value: Arc<V>, now: f64, until: f64) {
        let until = until.min(now + self.limits.lifetime_s);
        // NaN among them keeps nothing.
        let lives = now < until;
        if !lives || self.limits.keeps_nothing() {
            return;
        }
        let weight = value.weight().saturating_add(key.weight() + OVERHEAD);
        if weight as u64 > self.limits.bytes {
            count(&self.counts.oversized);
            self.take_if(key, |_| true);
            return;
        }
        let entry = Entry {
            key: key.bytes().into(),
            tenant: key.tenant().len(),
            value,
            weight,
            from: now - self.limits.lifetime_s,
            until,
            used: now,
        };
        self.bytes.fetch_add(weight, Relaxed);
        self.entries.fetch_add(1, Relaxed);
        let before = self.shard(key).lock().put(key.hash(), entry);
        if let Some(before) = before {
            self.dropped(&before);
        }
        self.make_room();
    }

    fn full(&self) -> bool {
        self.bytes.load(Relaxed) as u64 > self.limits.bytes
            || self.entries.load(Relaxed) > self.limits.entries
    }

    fn make_room(&self) {
        while self.full() {
            let turn = self.making_room.lock();
            if !self.full() {
                return;
            }
            let oldest = (0..SHARDS)
                .filter_map(|i| {
                    let map = self.shards[i].0.lock();
                    map.peek_lru().map(|(_, entry)| (entry.used, i))
                })
                .min_by(|a, b| a.0.total_cmp(&b.0));
            let Some((_, shard)) = oldest else { return };
            let gone = self.shards[shard].0.lock().pop_lru();
            drop(turn);
            if let Some((_, entry)) = gone {
                self.dropped(&entry);
                count(&self.counts.evicted);
            }
        }
    }

    /// Settles the account of an entry that is in no map any more.
    fn dropped(&self, entry: &Entry<V>) {
        self.bytes.fetch_sub(entry.weight, Relaxed);
        self.entries.fetch_sub(1, Relaxed);
    }

    /// Drops the entry of a key if `which` says so of its value; answers whether it did.
    pub(super) fn take_if(&self, key: &Key, which: impl Fn(&Arc<V>) -> bool) -> bool {
        let gone = {
            let mut map = self.shard(key).lock();
            let named = map
                .peek(&key.hash())
                .is_some_and(|entry| *entry.key == *key.bytes() && which(&entry.value));
            if named { map.pop(&key.hash()) } else { None }
        };
        if let Some(entry) = &gone {
            self.dropped(entry);
        }
        gone.is_some()
    }

    /// Drops all entries, or those whose keys begin with `tenant`'s field.
    pub(super) fn clear(&self, tenant: Option<&[u8]>) {
        for shard in &self.shards {
            let gone: Vec<_> = {
                let mut map = shard.0.lock();
                let named = |entry: &Entry<V>| {
                    tenant.is_none_or(|tenant| entry.key[..entry.tenant] == *tenant)
                };
                let hashes: Vec<u128> = map
                    .iter()
                    .filter(|(_, entry)| named(entry))
                    .map(|(hash, _)| *hash)
                    .collect();
                hashes.iter().filter_map(|hash| map.pop(hash)).collect()
            };
            gone.iter().for_each(|entry| self.dropped(entry));
        }
    }

    pub(super) fn stats(&self) -> LayerStats {
        let entries = self.entries.load(Relaxed);
        self.counts.stats(entries, self.bytes.load(Relaxed) as u64)
    }
}
