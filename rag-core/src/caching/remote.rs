//! Caches outside of this process: the trait, what is sent there, and what happens when one is gone.
//!
//! An entry carries its version, a checksum, its end and its whole key; whatever does not agree is no entry. A
//! remote cache that fails is left alone for a while, a little longer each time, and then one caller tries it
//! again: nobody waits for a server that is not there, and everything goes on from memory.

use super::key::{self, Key};
use super::latch::Latch;
use crate::bytes::{Reader, Writer};
use crate::error::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// A cache that several processes share. What it holds may vanish at any time; what it answers is checked.
///
/// Every call may block for as long as its own timeout, and is made without any lock.
pub trait Remote: Send + Sync + std::fmt::Debug {
    /// The value of a key. Values longer than `most` bytes are refused, and not read if that can be helped.
    fn get(&self, key: &str, most: usize) -> Result<Option<Vec<u8>>>;
    /// Keeps a value for some seconds. `DiskFull` if the cache works and has no room.
    fn put(&self, key: &str, value: &[u8], lifetime_s: f64) -> Result<()>;
    /// Drops a key.
    fn remove(&self, key: &str) -> Result<()>;
    /// Drops all keys that begin so.
    fn clear_prefix(&self, prefix: &str) -> Result<()>;
}

/// How values become bytes and come back.
pub struct Codec<V> {
    /// A number that changes when the bytes of the same value do.
    pub version: u16,
    /// Writes a value; none if it cannot be written.
    pub encode: fn(&V) -> Option<Vec<u8>>,
    /// Reads what may be anything.
    pub decode: fn(&[u8]) -> Option<V>,
}

impl<V> Clone for Codec<V> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<V> Copy for Codec<V> {}

impl<V> std::fmt::Debug for Codec<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Codec(version {})", self.version)
    }
}

impl<V: Serialize + DeserializeOwned> Codec<V> {
    /// Values as JSON.
    pub fn json(version: u16) -> Self {
        Self {
            version,
            encode: |value| serde_json::to_vec(value).ok(),
            decode: |bytes| serde_json::from_slice(bytes).ok(),
        }
    }
}

impl Codec<Vec<f32>> {
    /// Vectors as little-endian numbers; one with a number that is not finite is no vector.
    pub fn floats() -> Self {
        Self {
            version: 1,
            encode: |value| {
                let mut bytes = Writer::default();
                bytes.floats(value);
                Some(bytes.finish())
            },
            decode: |bytes| {
                let mut from = Reader::new(bytes);
                let floats = from.floats(bytes.len() / 4).ok()?;
                (from.left() == 0).then_some(floats)
            },
        }
    }
}

/// Tries something that failed again after pauses that grow, one caller at a time.
#[derive(Debug, Default)]
struct Pause {
    /// When the next caller may try, as the bits of unix seconds; 0 if all is well.
    until: AtomicU64,
    failures: AtomicU64,
}

impl Pause {
    /// Whether nobody need wait just now.
    fn is_over(&self, now: f64, longest: f64) -> bool {
        let bits = self.until.load(Relaxed);
        let until = f64::from_bits(bits);
        // A clock that was set back must not make the pause longer.
        bits == 0 || now >= until || until - now > longest
    }

    /// Whether the caller may try: if all is well, or if it is the first to come after the pause.
    fn claim(&self, now: f64, longest: f64) -> bool {
        let bits = self.until.load(Relaxed);
        let next = (now + longest).to_bits();
        bits == 0
            || self.is_over(now, longest)
                && self
                    .until
                    .compare_exchange(bits, next, Relaxed, Relaxed)
                    .is_ok()
    }

    fn well(&self) {
        if self.until.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
            self.until.store(0, Relaxed);
        }
    }

    /// Answers whether all was well until now.
    fn failed(&self, now: f64, longest: f64) -> bool {
        let before = self.failures.fetch_add(1, Relaxed);
        let pause = longest * 0.5f64.powi(4 - before.min(4) as i32);
        self.until.store((now + pause).to_bits().max(1), Relaxed);
        before == 0
    }
}

/// Hears that the remote cache was given up, once for each time that it goes.
pub type OnWarning = Box<dyn Fn(&str) + Send + Sync>;

/// A remote cache that may be gone.
pub(super) struct Shared {
    remote: Arc<dyn Remote>,
    longest_pause_s: f64,
    reading: Pause,
    writing: Pause,
    errors: AtomicU64,
    outages: AtomicU64,
    /// The last warning.
    warning: Latch<Option<String>>,
    on_warning: OnceLock<OnWarning>,
}

/// How the remote cache is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RemoteStats {
    /// Whether it answered the last time that it was asked, or was never asked.
    pub up: bool,
    /// Whether it has no room for more.
    pub full: bool,
    /// Calls that failed.
    pub errors: u64,
    /// Times that it was given up for a while, each with one warning.
    pub outages: u64,
    /// The last warning.
    pub warning: Option<String>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("remote", &self.remote)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(remote: Arc<dyn Remote>, longest_pause_s: f64) -> Self {
        Self {
            remote,
            longest_pause_s,
            reading: Pause::default(),
            writing: Pause::default(),
            errors: AtomicU64::new(0),
            outages: AtomicU64::new(0),
            warning: Latch::new(|| None),
            on_warning: OnceLock::new(),
        }
    }

    /// The first to listen is heard; answers whether that is this one.
    pub(super) fn on_warning(&self, hear: OnWarning) -> bool {
        self.on_warning.set(hear).is_ok()
    }

    pub(super) fn stats(&self) -> RemoteStats {
        RemoteStats {
            up: self.reading.failures.load(Relaxed) == 0,
            full: self.writing.failures.load(Relaxed) > 0,
            errors: self.errors.load(Relaxed),
            outages: self.outages.load(Relaxed),
            warning: self.warning.lock().clone(),
        }
    }

    /// Whether a call would be made just now.
    fn is_open(&self, now: f64, writes: bool) -> bool {
        let longest = self.longest_pause_s;
        self.reading.is_over(now, longest) && (!writes || self.writing.is_over(now, longest))
    }

    /// Makes a call, unless the remote cache is given up just now.
    fn call<T>(
        &self,
        now: f64,
        writes: bool,
        call: impl FnOnce(&dyn Remote) -> Result<T>,
    ) -> Option<Result<T>> {
        let longest = self.longest_pause_s;
        if !self.is_open(now, writes)
            || !self.reading.claim(now, longest)
            || writes && !self.writing.claim(now, longest)
        {
            return None;
        }
        let answer = call(&*self.remote);
        match &answer {
            Ok(_) => {
                self.reading.well();
                if writes {
                    self.writing.well();
                }
            }
            Err(error) => {
                self.errors.fetch_add(1, Relaxed);
                let full = error.kind() == ErrorKind::DiskFull;
                let began = if full {
                    self.reading.well();
                    self.writing.failed(now, longest)
                } else {
                    self.reading.failed(now, longest)
                };
                if began {
                    self.outages.fetch_add(1, Relaxed);
                    self.warn(error, full);
                }
            }
        }
        Some(answer)
    }

    fn warn(&self, error: &Error, full: bool) {
        let until = self.longest_pause_s;
        let warning = match full {
            true => format!(
                "the remote cache is full ({error}); new entries stay in this process until it has room, which is tried again at least every {until} s"
            ),
            false => format!(
                "the remote cache is gone ({error}); entries stay in this process until it is back, which is tried again at least every {until} s"
            ),
        };
        *self.warning.lock() = Some(warning.clone());
        if let Some(hear) = self.on_warning.get() {
            hear(&warning);
        }
    }

    /// Drops what begins so, now or never: a cache that cannot be reached is an error here.
    pub(super) fn clear_prefix(&self, prefix: &str, now: f64) -> Result<()> {
        match self.call(now, false, |remote| remote.clear_prefix(prefix)) {
            Some(answer) => answer,
            None => Err(Error::new(
                ErrorKind::Upstream,
                "the remote cache is gone, so its entries were not cleared; clear again when it is back",
            )),
        }
    }
}

/// A layer's way to the remote cache.
pub(super) struct Link<V> {
    pub(super) shared: Arc<Shared>,
    pub(super) codec: Codec<V>,
    /// What the names of the layer's entries begin with, colon included.
    pub(super) prefix: String,
    /// Most seconds for which memory keeps a copy.
    pub(super) copy_s: f64,
    /// Largest entry.
    pub(super) most: usize,
}

/// What the remote cache said of a key.
pub(super) enum Told<V> {
    /// A value, and until when it may be used.
    Value(V, f64),
    /// Something that is no entry of this key.
    Garbled,
    Nothing,
}

const MAGIC: [u8; 4] = *b"RAGC";

impl<V> Link<V> {
    /// The name of an entry: nothing in it can be read, and a tenant's begin alike.
    fn name(&self, key: &Key) -> String {
        let tenant = self.tenant_prefix(key.tenant());
        format!("{tenant}{:032x}", key::hash(key.bytes(), 0))
    }

    pub(super) fn tenant_prefix(&self, tenant: &[u8]) -> String {
        format!("{}{:032x}:", self.prefix, key::hash(tenant, 0))
    }

    pub(super) fn get(&self, key: &Key, now: f64) -> Told<V> {
        let name = self.name(key);
        match self
            .shared
            .call(now, false, |remote| remote.get(&name, self.most))
        {
            Some(Ok(Some(bytes))) => self.open(&bytes, key, now).unwrap_or(Told::Garbled),
            _ => Told::Nothing,
        }
    }

    /// `None` for what is no entry of this key.
    fn open(&self, bytes: &[u8], key: &Key, now: f64) -> Option<Told<V>> {
        let mut from = Reader::new(bytes);
        if from.bytes(4).ok()? != MAGIC || from.short().ok()? != self.codec.version {
            return None;
        }
        let crc = from.word().ok()?;
        if crc32fast::hash(&bytes[bytes.len() - from.left()..]) != crc {
            return None;
        }
        let until = from.real().ok()?;
        if from.text_bytes().ok()? != key.bytes() {
            return None;
        }
        let value = from.bytes(from.left()).ok()?;
        match now < until {
            true => Some(Told::Value((self.codec.decode)(value)?, until)),
            false => Some(Told::Nothing),
        }
    }

    /// Writes a value through; what cannot be written stays in memory alone.
    pub(super) fn put(&self, key: &Key, value: &V, now: f64, until: f64) {
        if !self.shared.is_open(now, true) {
            return;
        }
        let Some(entry) = self.seal(key, value, until) else {
            return;
        };
        let name = self.name(key);
        let _ = self
            .shared
            .call(now, true, |remote| remote.put(&name, &entry, until - now));
    }

    /// `None` for what cannot be written or is too large.
    fn seal(&self, key: &Key, value: &V, until: f64) -> Option<Vec<u8>> {
        let value = (self.codec.encode)(value)?;
        if value.len().saturating_add(key.bytes().len() + 64) > self.most {
            return None;
        }
        let mut body = Writer::default();
        body.reals(&[until]);
        body.text(key.bytes());
        body.bytes(&value);
        let body = body.finish();
        let mut entry = Writer::default();
        entry.bytes(&MAGIC);
        entry.short(self.codec.version);
        entry.word(crc32fast::hash(&body));
        entry.bytes(&body);
        Some(entry.finish())
    }

    pub(super) fn remove(&self, key: &Key, now: f64) {
        let name = self.name(key);
        let _ = self.shared.call(now, false, |remote| remote.remove(&name));
    }
}
