//! A remote cache that is full, gone, slow to return, or not to be trusted.

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Well,
    Gone,
    Full,
}

/// A remote cache in this process, in whatever mood the test wants.
#[derive(Debug)]
struct Server {
    mood: Mutex<Mood>,
    held: Mutex<BTreeMap<String, Vec<u8>>>,
    calls: Mutex<Vec<&'static str>>,
}

impl Server {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            mood: Mutex::new(Mood::Well),
            held: Mutex::default(),
            calls: Mutex::default(),
        })
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    fn begin(&self, call: &'static str) -> Result<()> {
        self.calls.lock().unwrap().push(call);
        let mood = *self.mood.lock().unwrap();
        match (mood, call) {
            (Mood::Gone, _) => Err(Error::new(ErrorKind::Upstream, "connection refused")),
            (Mood::Full, "put") => Err(Error::new(ErrorKind::DiskFull, "no memory left")),
            _ => Ok(()),
        }
    }
}

impl Remote for Server {
    fn get(&self, key: &str, most: usize) -> Result<Option<Vec<u8>>> {
        self.begin("get")?;
        let held = self.held.lock().unwrap();
        Ok(held.get(key).filter(|v| v.len() <= most).cloned())
    }
    fn put(&self, key: &str, value: &[u8], lifetime_s: f64) -> Result<()> {
        self.begin("put")?;
        assert!(lifetime_s > 0.0);
        let mut held = self.held.lock().unwrap();
        held.insert(key.to_owned(), value.to_vec());
        Ok(())
    }
    fn remove(&self, key: &str) -> Result<()> {
        self.begin("remove")?;
        self.held.lock().unwrap().remove(key);
        Ok(())
    }
    fn clear_prefix(&self, prefix: &str) -> Result<()> {
        self.begin("clear")?;
        let mut held = self.held.lock().unwrap();
        held.retain(|key, _| !key.starts_with(prefix));
        Ok(())
    }
}

/// One process among those that share a server.
struct Process {
    cache: Cache,
    layer: Layer<String>,
    warnings: Arc<Mutex<Vec<String>>>,
}

fn process(server: &Arc<Server>, clock: &Arc<ManualClock>) -> Process {
    let options = CacheOptions::default().answers_s(100.0).remote_copy_s(20.0);
    let cache = Cache::new(options).unwrap();
    let cache = cache.with_clock(Arc::clone(clock) as Arc<dyn Clock>);
    let cache = cache.with_remote(Arc::clone(server) as Arc<dyn Remote>);
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&warnings);
    let hear = move |warning: &str| heard.lock().unwrap().push(warning.to_owned());
    assert!(cache.on_warning(Box::new(hear)));
    let layer = cache.shared_layer(LayerKind::Answers, Codec::json(1));
    Process {
        cache,
        layer,
        warnings,
    }
}

impl Process {
    fn get(&self, key: &Key) -> Option<String> {
        let found = self.layer.get(key, self.cache.now(), |_| true);
        found.map(|value| (*value).clone())
    }

    fn put(&self, key: &Key, value: &str) {
        self.layer.put(key, value.to_owned(), self.cache.now());
    }
}

fn key(tenant: Option<&str>, question: &str) -> Key {
    KeyBuilder::new(tenant).text(question).finish()
}

#[test]
fn processes_share_and_memory_keeps_a_copy_for_a_while() {
    let (server, clock) = (Server::new(), Arc::new(ManualClock::new(1000.0)));
    let (one, two) = (process(&server, &clock), process(&server, &clock));
    let why = key(Some("shop"), "why?");
    one.put(&why, "because");
    server.calls();
    assert_eq!(one.get(&why).unwrap(), "because");
    assert_eq!(server.calls(), [""; 0]);
    assert_eq!(two.get(&why).unwrap(), "because");
    assert_eq!(two.get(&why).unwrap(), "because");
    assert_eq!(server.calls(), ["get"]);
    assert_eq!(two.layer.stats().remote_hits, 1);
    clock.advance(21.0);
    assert_eq!(two.get(&why).unwrap(), "because");
    assert_eq!(server.calls(), ["get"], "the copy was too old");
    clock.advance(78.0);
    assert_eq!(two.get(&why).unwrap(), "because");
    clock.advance(1.5);
    assert_eq!(two.get(&why), None, "no copy outlives its entry");
    assert_eq!(one.get(&key(None, "why?")), None);
}

#[test]
fn what_does_not_hold_any_more_goes_everywhere_and_clearing_spares_other_tenants() {
    let (server, clock) = (Server::new(), Arc::new(ManualClock::new(1000.0)));
    let (one, two) = (process(&server, &clock), process(&server, &clock));
    for tenant in [Some("a"), Some("b"), None] {
        one.put(&key(tenant, "why?"), "because");
    }
    assert!(
        two.layer
            .get(&key(Some("a"), "why?"), 1000.0, |_| false)
            .is_none()
    );
    assert_eq!(
        (two.layer.stats().refused, server.held.lock().unwrap().len()),
        (1, 2)
    );
    assert!(
        server
            .held
            .lock()
            .unwrap()
            .keys()
            .all(|k| k.starts_with("ragcore:answers:"))
    );
    one.layer.remove(&key(None, "why?"), 1000.0);
    assert_eq!(server.held.lock().unwrap().len(), 1);
    one.put(&key(None, "why?"), "because");
    one.cache.clear_tenant(Some("b")).unwrap();
    assert_eq!(server.held.lock().unwrap().len(), 1);
    assert_eq!(one.get(&key(None, "why?")).unwrap(), "because");
    one.cache.clear().unwrap();
    assert!(server.held.lock().unwrap().is_empty());
    assert_eq!(one.get(&key(None, "why?")), None);
}

#[test]
fn a_server_that_is_gone_costs_one_call_a_pause_and_one_warning() {
    let (server, clock) = (Server::new(), Arc::new(ManualClock::new(1000.0)));
    let one = process(&server, &clock);
    server.is(Mood::Gone);
    for i in 0..50 {
        one.put(&key(None, "why?"), "because");
        assert_eq!(one.get(&key(None, "why?")).unwrap(), "because");
        assert_eq!(one.get(&key(None, &format!("what {i}?"))), None);
    }
    assert_eq!(server.calls().len(), 1);
    // Pauses of 1, 2, 4, 8, 16, 16, ... seconds.
    let mut tries = Vec::new();
    for second in 1..80 {
        clock.advance(1.0);
        for _ in 0..3 {
            one.get(&key(None, "what?"));
        }
        if !server.calls().is_empty() {
            tries.push(second);
        }
    }
    assert_eq!(tries, [1, 3, 7, 15, 31, 47, 63, 79]);
    let error = one.cache.clear().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Upstream);
    assert_eq!(
        one.get(&key(None, "why?")),
        None,
        "memory is empty all the same"
    );
    let stats = one.cache.stats().remote.unwrap();
    assert!(
        !stats.up && stats.outages == 1 && stats.errors == 9,
        "{stats:?}"
    );
    assert_eq!(one.warnings.lock().unwrap().len(), 1);
    assert!(one.warnings.lock().unwrap()[0].contains("connection refused"));

    server.is(Mood::Well);
    clock.advance(17.0);
    one.put(&key(None, "why?"), "because");
    assert_eq!(server.held.lock().unwrap().len(), 1);
    assert!(one.cache.stats().remote.unwrap().up);
    server.is(Mood::Gone);
    one.get(&key(None, "what?"));
    assert_eq!(
        one.warnings.lock().unwrap().len(),
        2,
        "once for each time that it goes"
    );
}

#[test]
fn a_full_server_is_still_read_from() {
    let (server, clock) = (Server::new(), Arc::new(ManualClock::new(1000.0)));
    let (one, two) = (process(&server, &clock), process(&server, &clock));
    one.put(&key(None, "why?"), "because");
    server.is(Mood::Full);
    server.calls();
    for i in 0..20 {
        two.put(&key(None, &format!("what {i}?")), "that");
    }
    assert_eq!(server.calls(), ["put"]);
    assert_eq!(two.get(&key(None, "why?")).unwrap(), "because");
    assert_eq!(
        two.get(&key(None, "what 3?")).unwrap(),
        "that",
        "from memory"
    );
    let stats = two.cache.stats().remote.unwrap();
    assert!(stats.up && stats.full && stats.outages == 1);
    assert!(two.warnings.lock().unwrap()[0].contains("full"));
    server.is(Mood::Well);
    clock.advance(2.0);
    two.put(&key(None, "when?"), "now");
    assert!(!two.cache.stats().remote.unwrap().full);
}

#[test]
fn bytes_that_are_no_entry_are_a_miss() {
    let (server, clock) = (Server::new(), Arc::new(ManualClock::new(1000.0)));
    let one = process(&server, &clock);
    let why = key(None, "why?");
    one.put(&why, "because of this and that");
    let (name, good) = server
        .held
        .lock()
        .unwrap()
        .iter()
        .next()
        .map(|(k, v)| (k.clone(), v.clone()))
        .unwrap();
    let answers = |bytes: &[u8], asked: &Key| {
        let fresh = process(&server, &clock);
        let name = match *asked == why {
            true => name.clone(),
            false => {
                fresh.put(asked, "x");
                let held = server.held.lock().unwrap();
                let other = held.keys().find(|k| **k != name).unwrap().clone();
                drop(held);
                fresh.layer.remove(asked, 1000.0);
                other
            }
        };
        server.held.lock().unwrap().insert(name, bytes.to_vec());
        let got = fresh.get(asked);
        (got, fresh.layer.stats().garbled)
    };
    assert_eq!(
        answers(&good, &why),
        (Some("because of this and that".to_owned()), 0)
    );
    for cut in 0..good.len() {
        assert_eq!(answers(&good[..cut], &why), (None, 1), "cut at {cut}");
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert_eq!(answers(&bad, &why), (None, 1), "byte {at}");
    }
    assert_eq!(answers(&[good.clone(), vec![0]].concat(), &why), (None, 1));
    // An entry of another question in this one's place: as if their names collided.
    assert_eq!(answers(&good, &key(None, "why not?")), (None, 1));
    // Written by a program that writes it otherwise.
    let other = Cache::new(CacheOptions::default()).unwrap();
    let other = other.with_remote(Arc::clone(&server) as Arc<dyn Remote>);
    let layer: Layer<String> = other.shared_layer(LayerKind::Answers, Codec::json(2));
    server.held.lock().unwrap().insert(name, good);
    assert!(layer.get(&why, 1000.0, |_| true).is_none());
}

#[test]
fn entries_that_are_too_large_stay_here() {
    let (server, clock) = (Server::new(), Arc::new(ManualClock::new(1000.0)));
    let options = CacheOptions::default().remote_entry_bytes(1000);
    let cache = Cache::new(options).unwrap().with_clock(clock);
    let cache = cache.with_remote(Arc::clone(&server) as Arc<dyn Remote>);
    let layer: Layer<String> = cache.shared_layer(LayerKind::Texts, Codec::json(1));
    let key = key(None, "a text");
    layer.put(&key, "x".repeat(2000), 1000.0);
    assert!(server.held.lock().unwrap().is_empty());
    assert!(layer.get(&key, 1000.0, |_| true).is_some());
}

#[test]
fn one_of_many_asks_the_server() {
    let (server, clock) = (Server::new(), Arc::new(ManualClock::new(1000.0)));
    let (one, two) = (process(&server, &clock), process(&server, &clock));
    let why = key(None, "why?");
    one.put(&why, "because");
    server.calls();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let made = two
                    .layer
                    .get_or_make(&why, None, |_| true, || unreachable!());
                assert_ne!(made.unwrap().1, Source::Made);
            });
        }
    });
    assert_eq!(server.calls(), ["get"]);
    let (_, source) = one
        .layer
        .get_or_make(&key(None, "how?"), None, |_| true, || Ok("so".to_owned()))
        .unwrap();
    assert_eq!(source, Source::Made);
    assert_eq!(two.get(&key(None, "how?")).unwrap(), "so");
}

#[test]
fn vectors_come_back_to_the_bit_and_garbage_does_not() {
    let codec = Codec::floats();
    let vector = vec![0.1f32, -0.0, f32::MIN_POSITIVE, 1e30];
    let bytes = (codec.encode)(&vector).unwrap();
    let back = (codec.decode)(&bytes).unwrap();
    assert!(
        vector
            .iter()
            .zip(&back)
            .all(|(a, b)| a.to_bits() == b.to_bits())
    );
    assert!((codec.decode)(&bytes[..5]).is_none());
    assert!((codec.decode)(&f32::NAN.to_le_bytes()).is_none());
}
