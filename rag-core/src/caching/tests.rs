//! Layers against a slow list, many askers at once, and remote caches that fail.

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::error::{Error, ErrorKind, Result};
use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

/// A value of a weight that the test chooses.
#[derive(Clone, Debug, PartialEq)]
struct Thing(u32, usize);

impl Weigh for Thing {
    fn weight(&self) -> usize {
        self.1
    }
}

fn key(tenant: Option<&str>, n: u64) -> Key {
    KeyBuilder::new(tenant).number(n).finish()
}

fn cache_at(clock: &Arc<ManualClock>, options: CacheOptions) -> Cache {
    let cache = Cache::new(options).unwrap();
    cache.with_clock(Arc::clone(clock) as Arc<dyn Clock>)
}

const TENANTS: [Option<&str>; 3] = [None, Some("a"), Some("b")];
const LIFETIME: f64 = 10.0;

#[derive(Clone, Debug)]
enum Step {
    Put(usize, u64, usize),
    Get(usize, u64),
    Refuse(usize, u64),
    Remove(usize, u64),
    ClearTenant(usize),
    Clear,
    Wait(f64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = || (0..TENANTS.len(), 0..12u64);
    let step = prop_oneof![
        6 => (place(), 0..400usize).prop_map(|((t, n), w)| Step::Put(t, n, w)),
        6 => place().prop_map(|(t, n)| Step::Get(t, n)),
        1 => place().prop_map(|(t, n)| Step::Refuse(t, n)),
        1 => place().prop_map(|(t, n)| Step::Remove(t, n)),
        1 => (0..TENANTS.len()).prop_map(Step::ClearTenant),
        1 => Just(Step::Clear),
        3 => (0.0..4.0f64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..120)
}

/// What a layer should be: a list, the least recently used first.
#[derive(Default)]
struct Slow {
    /// Tenant, number, value, bytes, until when.
    list: Vec<(usize, u64, Thing, usize, f64)>,
    stats: LayerStats,
}

impl Slow {
    fn at(&self, t: usize, n: u64) -> Option<usize> {
        self.list.iter().position(|e| (e.0, e.1) == (t, n))
    }

    fn drop_at(&mut self, t: usize, n: u64) -> bool {
        self.at(t, n).map(|i| self.list.remove(i)).is_some()
    }

    fn get(&mut self, t: usize, n: u64, now: f64, valid: bool) -> Option<Thing> {
        let found = self.at(t, n).and_then(|i| {
            let entry = self.list.remove(i);
            if now >= entry.4 {
                self.stats.expired += 1;
                return None;
            }
            if !valid {
                self.stats.refused += 1;
                return None;
            }
            self.list.push(entry.clone());
            Some(entry.2)
        });
        *(if found.is_some() {
            &mut self.stats.hits
        } else {
            &mut self.stats.misses
        }) += 1;
        found
    }

    fn put(&mut self, t: usize, n: u64, thing: Thing, now: f64, bytes: usize, entries: usize) {
        let weight = thing.1 + key(TENANTS[t], n).weight() + 192;
        self.drop_at(t, n);
        if weight > bytes {
            self.stats.oversized += 1;
            return;
        }
        self.list.push((t, n, thing, weight, now + LIFETIME));
        while self.list.iter().map(|e| e.3).sum::<usize>() > bytes || self.list.len() > entries {
            self.list.remove(0);
            self.stats.evicted += 1;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_layer_is_a_list_from_which_the_least_recently_used_goes(
        steps in steps(),
        bytes in 300..4000usize,
        entries in 1..9usize,
    ) {
        let clock = Arc::new(ManualClock::new(1000.0));
        let options = CacheOptions::default()
            .answers_s(LIFETIME)
            .answers_bytes(bytes as u64)
            .entries(entries as u64);
        let cache = cache_at(&clock, options);
        let layer = cache.layer::<Thing>(LayerKind::Answers);
        let mut slow = Slow::default();
        for (i, step) in steps.into_iter().enumerate() {
            // Every use has a moment of its own.
            clock.advance(1e-3);
            let now = clock.now();
            match step {
                Step::Put(t, n, weight) => {
                    let thing = Thing(i as u32, weight);
                    slow.put(t, n, thing.clone(), now, bytes, entries);
                    layer.put(&key(TENANTS[t], n), thing, now);
                }
                Step::Get(t, n) => {
                    let got = layer.get(&key(TENANTS[t], n), now, |_| true);
                    let want = slow.get(t, n, now, true);
                    prop_assert_eq!(got.as_deref(), want.as_ref());
                }
                Step::Refuse(t, n) => {
                    let got = layer.get(&key(TENANTS[t], n), now, |_| false);
                    prop_assert!(got.is_none());
                    slow.get(t, n, now, false);
                }
                Step::Remove(t, n) => {
                    layer.remove(&key(TENANTS[t], n), now);
                    slow.drop_at(t, n);
                }
                Step::ClearTenant(t) => {
                    layer.clear_tenant(TENANTS[t]).unwrap();
                    slow.list.retain(|e| e.0 != t);
                }
                Step::Clear => {
                    layer.clear().unwrap();
                    slow.list.clear();
                }
                Step::Wait(seconds) => clock.advance(seconds),
            }
            let stats = layer.stats();
            slow.stats.entries = slow.list.len() as u64;
            slow.stats.bytes = slow.list.iter().map(|e| e.3 as u64).sum();
            slow.stats.hit_rate = stats.hit_rate;
            prop_assert_eq!(&stats, &slow.stats);
        }
        let (hits, misses) = (slow.stats.hits as f64, slow.stats.misses as f64);
        let rate = if hits + misses > 0.0 { hits / (hits + misses) } else { 0.0 };
        prop_assert_eq!(layer.stats().hit_rate, rate);
    }
}

#[test]
fn options_outside_their_range_and_long_prefixes_are_refused() {
    let refused = |options: CacheOptions| Cache::new(options).unwrap_err().to_string();
    assert_eq!(
        refused(CacheOptions::default().answers_s(-1.0)),
        "answers_s must be in 0..=31536000, got -1"
    );
    assert_eq!(
        refused(CacheOptions::default().remote_prefix(String::new())),
        "remote_prefix must have 1 to 128 bytes, got 0"
    );
}

#[test]
fn what_keeps_nothing_keeps_nothing_and_a_clock_that_went_back_does_not_keep_for_long() {
    for options in [
        CacheOptions::default().texts_s(0.0),
        CacheOptions::default().texts_bytes(0),
        CacheOptions::default().entries(0),
    ] {
        let cache = Cache::new(options).unwrap();
        let layer = cache.layer::<String>(LayerKind::Texts);
        let make = || layer.get_or_make(&key(None, 1), None, |_| true, || Ok("x".to_owned()));
        assert_eq!(make().unwrap().1, Source::Made);
        assert_eq!(make().unwrap().1, Source::Made);
        assert_eq!((layer.stats().entries, layer.stats().bytes), (0, 0));
    }
    let cache = Cache::new(CacheOptions::default().texts_s(LIFETIME)).unwrap();
    let layer = cache.layer::<String>(LayerKind::Texts);
    layer.put(&key(None, 1), "x".to_owned(), 1000.0);
    assert!(layer.get(&key(None, 1), 999.0, |_| true).is_some());
    assert!(layer.get(&key(None, 1), 900.0, |_| true).is_none());
    layer.put(&key(None, 1), "x".to_owned(), f64::NAN);
    assert!(layer.get(&key(None, 1), 1000.0, |_| true).is_none());
    layer.put(&key(None, 1), "x".to_owned(), 1000.0);
    assert!(layer.get(&key(None, 1), f64::NAN, |_| true).is_none());
    assert_eq!(layer.stats().entries, 0);
}

#[test]
fn many_threads_lose_nothing_and_the_account_is_right() {
    let options = CacheOptions::default().answers_bytes(40_000).entries(100);
    let cache = Cache::new(options).unwrap();
    let layer = cache.layer::<Thing>(LayerKind::Answers);
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let layer = layer.clone();
            scope.spawn(move || {
                let mut rng = crate::Rng::new(thread);
                for i in 0..3000 {
                    let n = rng.below(300) as u64;
                    let tenant = TENANTS[rng.below(3)];
                    let key = key(tenant, n);
                    match rng.below(10) {
                        0..=4 => {
                            let got = layer.get(&key, 5.0, |thing| thing.1 != 7);
                            assert!(got.is_none_or(|thing| u64::from(thing.0) == n));
                        }
                        5..=8 => {
                            layer.put(&key, Thing(n as u32, rng.below(500)), 5.0);
                        }
                        _ if i % 100 == 0 => layer.clear_tenant(tenant).unwrap(),
                        _ => layer.remove(&key, 5.0),
                    }
                }
            });
        }
    });
    let stats = layer.stats();
    assert!(stats.entries <= 100 && stats.bytes <= 40_000, "{stats:?}");
    assert!(stats.hits > 0 && stats.evicted > 0);
    layer.clear().unwrap();
    assert_eq!((layer.stats().entries, layer.stats().bytes), (0, 0));
}

/// What one who asks gets.
type Outcome = Result<(Arc<String>, Source)>;

/// Sixty-four ask at once; all but the first have begun to wait when the first goes on.
fn crowd(
    layer: &Layer<String>,
    make: impl Fn(usize) -> Result<String> + Sync,
) -> Vec<std::thread::Result<Outcome>> {
    let nth = AtomicUsize::new(0);
    let (make, nth) = (&make, &nth);
    std::thread::scope(|scope| {
        let askers: Vec<_> = (0..64)
            .map(|_| {
                let layer = layer.clone();
                scope.spawn(move || {
                    layer.get_or_make(
                        &key(None, 1),
                        None,
                        |_| true,
                        || make(nth.fetch_add(1, SeqCst)),
                    )
                })
            })
            .collect();
        askers
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect()
    })
}

fn answers() -> Layer<String> {
    let cache = Cache::new(CacheOptions::default()).unwrap();
    cache.layer(LayerKind::Answers)
}

#[test]
fn sixty_four_who_ask_the_same_at_once_make_it_once() {
    let layer = answers();
    let answered = crowd(&layer, |nth| {
        assert_eq!(nth, 0);
        Ok("because".to_owned())
    });
    for answer in answered {
        assert_eq!(*answer.unwrap().unwrap().0, "because");
    }
    let stats = layer.stats();
    assert_eq!((stats.misses, stats.hits + stats.shared), (1, 63));
    assert_eq!(stats.hit_rate, 63.0 / 64.0);
}

#[test]
fn a_maker_that_is_stopped_or_panics_is_followed_by_the_next() {
    for kind in [ErrorKind::Interrupted, ErrorKind::Timeout] {
        let layer = answers();
        let answered = crowd(&layer, |nth| match nth {
            0..=2 => Err(Error::new(kind, "stopped")),
            _ => Ok("because".to_owned()),
        });
        let failed = answered.iter().filter(|a| a.as_ref().unwrap().is_err());
        assert_eq!(failed.count(), 3, "each only its own");
    }
    let layer = answers();
    let answered = crowd(&layer, |nth| match nth {
        0..=2 => std::panic::resume_unwind(Box::new("no")),
        _ => Ok("because".to_owned()),
    });
    assert_eq!(answered.iter().filter(|a| a.is_err()).count(), 3);
    let good = answered.into_iter().flatten();
    assert!(
        good.map(Result::unwrap)
            .all(|(value, _)| *value == "because")
    );
}

/// Waits for all others of a maker; the flight tells how many there are.
fn until_waiting(layer: &Layer<String>, others: usize) {
    while layer.crowd(&key(None, 1)).0 < others {
        std::thread::yield_now();
    }
}

#[test]
fn another_error_is_everybodys_and_is_not_kept() {
    let layer = answers();
    let answered = crowd(&layer, |nth| {
        assert_eq!(nth, 0);
        until_waiting(&layer, 63);
        Err(Error::new(ErrorKind::Upstream, "the model is gone"))
    });
    for answer in answered {
        let error = answer.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Upstream);
        assert_eq!(error.message(), "the model is gone");
    }
    let made = layer.get_or_make(&key(None, 1), None, |_| true, || Ok("now".to_owned()));
    assert_eq!(made.unwrap().1, Source::Made);
}

#[test]
fn who_asks_for_what_it_makes_is_told_so() {
    let layer = answers();
    let made = layer.get_or_make(
        &key(None, 1),
        None,
        |_| true,
        || {
            let inner = layer.get_or_make(&key(None, 1), None, |_| true, || Ok("inner".to_owned()));
            let other = layer.get_or_make(&key(None, 2), None, |_| true, || Ok("other".to_owned()));
            assert_eq!(*other.unwrap().0, "other");
            Err(inner.unwrap_err())
        },
    );
    let error = made.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.message().contains("asks for itself"), "{error}");
}

#[test]
fn who_waits_too_long_goes_and_the_maker_goes_on() {
    let layer = answers();
    let begun = Barrier::new(2);
    let over = Barrier::new(2);
    std::thread::scope(|scope| {
        let maker = scope.spawn(|| {
            layer.get_or_make(
                &key(None, 1),
                None,
                |_| true,
                || {
                    begun.wait();
                    over.wait();
                    Ok("late".to_owned())
                },
            )
        });
        begun.wait();
        let deadline = Instant::now() + Duration::from_millis(5);
        let error = layer
            .get_or_make(&key(None, 1), Some(deadline), |_| true, || unreachable!())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        over.wait();
        assert_eq!(maker.join().unwrap().unwrap().1, Source::Made);
    });
    assert!(layer.get(&key(None, 1), layer.now(), |_| true).is_some());
}

#[test]
fn what_was_made_of_what_has_changed_since_is_not_shared() {
    let layer = answers();
    let answered = crowd(&layer, |nth| {
        if nth == 0 {
            until_waiting(&layer, 63);
        }
        Ok(format!("answer {nth}"))
    });
    assert!(
        answered
            .into_iter()
            .all(|a| *a.unwrap().unwrap().0 == "answer 0")
    );

    let layer = answers();
    let changed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| {
            layer.get_or_make(
                &key(None, 1),
                None,
                |_| true,
                || {
                    until_waiting(&layer, 1);
                    changed.store(true, SeqCst);
                    Ok("old".to_owned())
                },
            )
        });
        while layer.crowd(&key(None, 1)).1 == 0 {
            std::thread::yield_now();
        }
        let valid = |value: &String| !changed.load(SeqCst) || value == "new";
        let second = layer.get_or_make(&key(None, 1), None, valid, || Ok("new".to_owned()));
        assert_eq!(*second.unwrap().0, "new");
        assert_eq!(*first.join().unwrap().unwrap().0, "old");
    });
    assert_eq!(layer.stats().refused, 1);
}
