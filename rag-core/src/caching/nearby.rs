//! Questions that were answered before and are near enough to share their answer.
//!
//! A scope is everything that an answer depends on except the question. Its questions are searched one by one, by cosine;
//! who is near is still only taken if [`question_difference`] finds nothing that tells the two apart. Some of those are
//! answered anew all the same, and what that shows moves the least cosine: up, until the share of wrong answers among
//! those above it is within the budget. What lies below that and above the user's cosine is then still looked at now
//! and then, but never served, so that the cosine can come down again.

use super::key::Key;
use super::latch::Latch;
use super::stats::count;
use crate::kernel;
use crate::rng::AsItIs;
use crate::text::question_difference;
use lru::LruCache;
use serde::Serialize;
use std::collections::VecDeque;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Outcomes that are remembered.
const OUTCOMES: usize = 4096;
/// Near questions that are compared by their words.
const COMPARED: usize = 8;
/// What an item takes beside its parts.
const OVERHEAD: usize = 160;

/// A near question's answer, and what to do with it.
#[derive(Clone, Debug)]
pub struct NearHit {
    /// The key under which its answer is kept.
    pub key: Key,
    /// The cosine of the two questions.
    pub cosine: f32,
    /// Whether to answer anew, and to tell [`Nearby::compared`] whether both answers agree. Never serve it then.
    pub shadow: bool,
}

/// What happened among near questions.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NearbyStats {
    /// Questions that are remembered.
    pub questions: u64,
    /// Near questions whose answer was served.
    pub hits: u64,
    /// Near questions that were answered anew, to see.
    pub shadows: u64,
    /// Those of `shadows` whose answers did not agree, among the last 4,096.
    pub false_hits: u64,
    /// Near questions that were refused by their words.
    pub guarded: u64,
    /// The least cosine at present.
    pub threshold: f64,
}

pub(super) struct NearLimits {
    pub(super) threshold: f64,
    pub(super) lifetime_s: f64,
    pub(super) entries: usize,
    pub(super) bytes: u64,
    pub(super) shadow_rate: f64,
    pub(super) budget: f64,
}

struct Item {
    question: String,
    key: Key,
    /// Of length 1.
    vector: Vec<f32>,
    until: f64,
}

impl Item {
    fn weight(&self) -> usize {
        4 * self.vector.len() + self.question.len() + self.key.weight() + OVERHEAD
    }
}

struct Scope {
    key: Key,
    /// The oldest first. Shared with those who search just now.
    items: Arc<Vec<Arc<Item>>>,
}

impl Scope {
    fn weight(&self) -> usize {
        self.items.iter().map(|item| item.weight()).sum()
    }
}

struct Book {
    scopes: LruCache<u128, Scope, BuildHasherDefault<AsItIs>>,
    bytes: usize,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            scopes: LruCache::unbounded_with_hasher(BuildHasherDefault::default()),
            bytes: 0,
        }
    }
}

impl Book {
    fn touch(&mut self, key: &Key) -> Option<&mut Scope> {
        let scope = self.scopes.get_mut(&key.hash())?;
        (scope.key == *key).then_some(scope)
    }

    fn remove(&mut self, hash: u128) -> Option<Scope> {
        let scope = self.scopes.pop(&hash)?;
        self.bytes -= scope.weight();
        Some(scope)
    }

    /// Drops the least recently used scope, or the oldest question of the only one.
    fn drop_oldest(&mut self) -> Option<Scope> {
        if self.scopes.len() > 1 {
            let (hash, _) = self.scopes.peek_lru()?;
            let hash = *hash;
            return self.remove(hash);
        }
        let (_, scope) = self.scopes.iter_mut().next()?;
        if scope.items.is_empty() {
            return None;
        }
        let gone = Arc::make_mut(&mut scope.items).remove(0);
        self.bytes -= gone.weight();
        Some(Scope {
            key: scope.key.clone(),
            items: Arc::new(vec![gone]),
        })
    }
}

/// The questions that were answered, by scope. All clones of a cache's layers may share one.
pub struct Nearby {
    limits: NearLimits,
    book: Latch<Book>,
    outcomes: Latch<VecDeque<(f32, bool)>>,
    /// The least cosine at present, as bits.
    threshold: AtomicU32,
    /// Near questions so far, above the least cosine and below it.
    seen: [AtomicU64; 2],
    hits: AtomicU64,
    shadows: AtomicU64,
    guarded: AtomicU64,
}

impl std::fmt::Debug for Nearby {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Nearby").field(&self.stats()).finish()
    }
}

/// The same direction with length 1; none for what has no direction.
fn unit(vector: &[f32]) -> Option<Vec<f32>> {
    let squared: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    let length = squared.sqrt();
    let fits = length.is_finite() && length > 0.0;
    fits.then(|| {
        vector
            .iter()
            .map(|&x| (f64::from(x) / length) as f32)
            .collect()
    })
}

impl Nearby {
    pub(super) fn new(limits: NearLimits) -> Self {
        Self {
            threshold: AtomicU32::new((limits.threshold as f32).to_bits()),
            limits,
            book: Latch::new(Book::default),
            outcomes: Latch::new(VecDeque::new),
            seen: Default::default(),
            hits: AtomicU64::new(0),
            shadows: AtomicU64::new(0),
            guarded: AtomicU64::new(0),
        }
    }

    fn threshold(&self) -> f32 {
        f32::from_bits(self.threshold.load(Relaxed))
    }

    /// The nearest question of a scope that asks the same, if one is near enough and not too old.
    ///
    /// `scope` is a key without the question, `vector` that of the question; its length does not matter. A vector of
    /// another size than those before finds nothing.
    pub fn find(&self, scope: &Key, question: &str, vector: &[f32], now: f64) -> Option<NearHit> {
        let vector = unit(vector)?;
        let items = {
            let mut book = self.book.lock();
            Arc::clone(&book.touch(scope)?.items)
        };
        let least = self.limits.threshold as f32;
        let dot = kernel::active().dot;
        let mut near: Vec<(f32, &Arc<Item>)> = items
            .iter()
            .filter(|item| item.vector.len() == vector.len() && now < item.until)
            .map(|item| (dot(&item.vector, &vector).min(1.0), item))
            .filter(|(cosine, _)| *cosine >= least)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (cosine, item) in near.into_iter().take(COMPARED) {
            if question_difference(question, &item.question).is_some() {
                count(&self.guarded);
                continue;
            }
            let served = cosine >= self.threshold();
            let shadow = self.is_sampled(served);
            if !served && !shadow {
                return None;
            }
            count(if shadow { &self.shadows } else { &self.hits });
            let key = item.key.clone();
            return Some(NearHit {
                key,
                cosine,
                shadow,
            });
        }
        None
    }

    /// Whether this is one of the share that is answered anew: every n-th, so that the share is kept exactly.
    fn is_sampled(&self, served: bool) -> bool {
        let before = self.seen[usize::from(served)].fetch_add(1, Relaxed);
        let rate = self.limits.shadow_rate;
        ((before + 1) as f64 * rate).floor() > (before as f64 * rate).floor()
    }

    /// Remembers a question whose answer is kept under `key`.
    pub fn add(&self, scope: &Key, question: &str, vector: &[f32], key: &Key, now: f64) {
        let Some(vector) = unit(vector) else { return };
        let item = Arc::new(Item {
            question: question.to_owned(),
            key: key.clone(),
            vector,
            until: now + self.limits.lifetime_s,
        });
        let lives = now < item.until;
        if !lives || item.weight() as u64 > self.limits.bytes {
            return;
        }
        // What goes is dropped when the lock is left.
        let mut gone = Vec::new();
        let mut gone_scopes = Vec::new();
        let mut book = self.book.lock();
        if book.touch(scope).is_none() {
            // Another scope in this place, which chance does not bring about, goes.
            gone_scopes.extend(book.remove(scope.hash()));
            let fresh = Scope {
                key: scope.clone(),
                items: Arc::default(),
            };
            book.scopes.put(scope.hash(), fresh);
        }
        book.bytes += item.weight();
        if let Some(scope) = book.touch(scope) {
            let items = Arc::make_mut(&mut scope.items);
            if let Some(at) = items.iter().position(|other| other.key == *key) {
                gone.push(items.remove(at));
            }
            if items.len() >= self.limits.entries {
                gone.push(items.remove(0));
            }
            items.push(item);
        }
        book.bytes -= gone.iter().map(|item| item.weight()).sum::<usize>();
        while book.bytes as u64 > self.limits.bytes {
            match book.drop_oldest() {
                Some(scope) => gone_scopes.push(scope),
                None => break,
            }
        }
        drop(book);
    }

    /// Tells whether the new answer and the kept one of a hit agree; moves the least cosine.
    pub fn compared(&self, hit: &NearHit, agree: bool) {
        let mut outcomes = self.outcomes.lock();
        if outcomes.len() >= OUTCOMES {
            outcomes.pop_front();
        }
        outcomes.push_back((hit.cosine, agree));
        let threshold = self.lowest_within_budget(outcomes.make_contiguous());
        self.threshold.store(threshold.to_bits(), Relaxed);
    }

    /// The lowest cosine at or above the user's from which on no more than the budget were wrong.
    fn lowest_within_budget(&self, outcomes: &[(f32, bool)]) -> f32 {
        let least = self.limits.threshold as f32;
        let mut sorted = outcomes.to_vec();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
        // Above everything that was seen; beyond 1 nothing is served.
        let mut lowest = sorted.first().map_or(least, |first| first.0.next_up());
        let (mut all, mut wrong) = (0u32, 0u32);
        for (i, (cosine, agree)) in sorted.iter().enumerate() {
            all += 1;
            wrong += u32::from(!agree);
            let next = sorted.get(i + 1).map(|next| next.0);
            // Equal cosines go together.
            if next != Some(*cosine) && f64::from(wrong) <= self.limits.budget * f64::from(all) {
                lowest = next.map_or(least, f32::next_up);
            }
        }
        lowest.max(least)
    }

    /// Forgets all questions; outcomes stay.
    pub fn clear(&self) {
        let gone = std::mem::take(&mut *self.book.lock());
        drop(gone);
    }

    /// Forgets the questions of one tenant, whose field is given.
    pub(super) fn clear_tenant(&self, tenant: &[u8]) {
        let mut book = self.book.lock();
        let theirs: Vec<u128> = book
            .scopes
            .iter()
            .filter(|(_, scope)| scope.key.tenant() == tenant)
            .map(|(hash, _)| *hash)
            .collect();
        let gone: Vec<_> = theirs.iter().map(|hash| book.remove(*hash)).collect();
        drop(book);
        drop(gone);
    }

    /// What happened so far.
    pub fn stats(&self) -> NearbyStats {
        let questions = self
            .book
            .lock()
            .scopes
            .iter()
            .map(|(_, scope)| scope.items.len() as u64)
            .sum();
        let false_hits = self
            .outcomes
            .lock()
            .iter()
            .filter(|(_, agree)| !agree)
            .count() as u64;
        NearbyStats {
            questions,
            hits: self.hits.load(Relaxed),
            shadows: self.shadows.load(Relaxed),
            false_hits,
            guarded: self.guarded.load(Relaxed),
            threshold: f64::from(self.threshold()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cache, CacheOptions, KeyBuilder};
    use super::*;

    fn nearby(options: CacheOptions) -> Arc<Nearby> {
        let options = options.near_duplicates(Some(0.9));
        Cache::new(options).unwrap().nearby().unwrap()
    }

    fn key(tenant: &str, text: &str) -> Key {
        KeyBuilder::new(Some(tenant)).text(text).finish()
    }

    /// A vector at this cosine to the first axis.
    fn at(cosine: f32) -> Vec<f32> {
        vec![3.0 * cosine, 3.0 * (1.0 - cosine * cosine).sqrt(), 0.0]
    }

    const FIRST: [f32; 3] = [2.0, 0.0, 0.0];

    #[test]
    fn who_is_near_and_asks_the_same_is_found() {
        let near = nearby(CacheOptions::default().shadow_rate(0.0));
        let scope = key("shop", "scope");
        let lists = "How do I sort a list?";
        near.add(&scope, lists, &FIRST, &key("shop", lists), 100.0);
        let find = |question: &str, cosine| near.find(&scope, question, &at(cosine), 101.0);
        let hit = find("how to sort lists", 0.95).unwrap();
        assert_eq!(hit.key, key("shop", lists));
        assert!((hit.cosine - 0.95).abs() < 1e-6 && !hit.shadow);
        assert!(find("how to sort lists", 0.89).is_none(), "too far");
        assert!(find("how not to sort lists", 0.99).is_none(), "guarded");
        let other = key("shop", "another scope");
        assert!(near.find(&other, lists, &FIRST, 101.0).is_none());
        assert!(
            near.find(&scope, lists, &FIRST, 1001.0).is_none(),
            "too old"
        );
        for odd in [
            &[][..],
            &[1.0],
            &[0.0; 3],
            &[f32::NAN; 3],
            &[f32::INFINITY; 3],
        ] {
            assert!(near.find(&scope, lists, odd, 101.0).is_none());
            near.add(&scope, lists, odd, &key("shop", "odd"), 101.0);
        }
        let stats = near.stats();
        assert_eq!((stats.hits, stats.guarded), (1, 1));
        near.clear_tenant(&super::super::key::tenant_field(Some("sho")));
        assert!(find(lists, 1.0).is_some());
        near.clear_tenant(&super::super::key::tenant_field(Some("shop")));
        assert!(find(lists, 1.0).is_none());
        assert_eq!(near.stats().questions, 0);
    }

    #[test]
    fn the_oldest_question_goes_first_and_the_account_is_right() {
        let near = nearby(CacheOptions::default().near_entries(3).near_bytes(3000));
        for i in 0..40 {
            let scope = key("shop", &format!("scope {}", i % 4));
            let question = format!("number {i}");
            near.add(&scope, &question, &FIRST, &key("shop", &question), 100.0);
            near.add(&scope, &question, &FIRST, &key("shop", &question), 100.0);
            let book = near.book.lock();
            let items = book.scopes.iter().flat_map(|(_, scope)| scope.items.iter());
            assert_eq!(book.bytes, items.map(|item| item.weight()).sum::<usize>());
            assert!(book.bytes <= 3000 && book.scopes.iter().all(|(_, s)| s.items.len() <= 3));
        }
        let newest = near.find(&key("shop", "scope 3"), "number 39", &FIRST, 101.0);
        assert!(newest.is_some());
        let oldest = near.find(&key("shop", "scope 0"), "number 0", &FIRST, 101.0);
        assert!(oldest.is_none());
    }

    #[test]
    fn the_cosine_rises_above_what_was_wrong_and_comes_down_again() {
        let options = CacheOptions::default()
            .shadow_rate(0.5)
            .false_hit_budget(0.1);
        let near = nearby(options);
        let scope = key("shop", "scope");
        near.add(&scope, "why is that", &FIRST, &key("shop", "why"), 100.0);
        let ask = |cosine: f32| near.find(&scope, "why's that", &at(cosine), 101.0);
        let got: Vec<Option<bool>> = (0..4).map(|_| ask(0.95).map(|hit| hit.shadow)).collect();
        assert_eq!(got, [Some(false), Some(true), Some(false), Some(true)]);
        // One that was wrong, and nothing else: from there down nothing is served.
        let hit = |cosine| NearHit {
            key: key("shop", "why"),
            cosine,
            shadow: true,
        };
        near.compared(&hit(0.95), false);
        assert!(near.stats().threshold > 0.95);
        let got: Vec<Option<bool>> = (0..4).map(|_| ask(0.94).map(|hit| hit.shadow)).collect();
        assert_eq!(
            got,
            [None, Some(true), None, Some(true)],
            "looked at and not served"
        );
        assert!(ask(0.97).is_some());
        for _ in 0..9 {
            near.compared(&hit(0.93), true);
        }
        assert_eq!(
            near.stats().threshold,
            f64::from(0.9f32),
            "one in ten is within the budget"
        );
        near.compared(&hit(1.0), false);
        assert!(near.stats().threshold > 1.0, "two in eleven are not");
        assert_eq!(near.stats().false_hits, 2);
    }

    #[test]
    fn the_lowest_cosine_is_that_of_trying_all() {
        let near = nearby(CacheOptions::default().false_hit_budget(0.25));
        let mut rng = crate::Rng::new(4);
        for _ in 0..500 {
            let outcomes: Vec<(f32, bool)> = (0..rng.below(12))
                .map(|_| (0.9 + 0.01 * rng.below(9) as f32, rng.uniform() < 0.7))
                .collect();
            let got = near.lowest_within_budget(&outcomes);
            let share = |from: f32| {
                let above: Vec<bool> = outcomes
                    .iter()
                    .filter(|o| o.0 >= from)
                    .map(|o| o.1)
                    .collect();
                (
                    above.iter().filter(|agree| !**agree).count() as f64,
                    above.len() as f64,
                )
            };
            let fits = |from: f32| {
                let (wrong, all) = share(from);
                wrong <= 0.25 * all
            };
            let least = 0.9f32;
            let mut tried: Vec<f32> = outcomes.iter().map(|o| o.0.next_up()).collect();
            tried.push(least);
            let lowest = tried
                .into_iter()
                .filter(|from| fits(*from))
                .fold(f32::MAX, f32::min);
            assert_eq!(share(got), share(lowest), "{outcomes:?}");
            assert!(fits(got) && got >= least);
        }
    }
}
