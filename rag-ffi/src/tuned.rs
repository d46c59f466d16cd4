//! `rag_tuned`: the hits of a search whose weight a bandit chose, and how they are paid.

use crate::bandit::rag_bandit;
use crate::collection::{questions, rag_collection};
use crate::convert::{self, fill, optional_name, pairs, writable};
use crate::domain::rag_domain_detector;
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::hits::{held, rag_hits};
use crate::query::rag_query;
use crate::status::rag_status;
use crate::strings::{give_text, rag_string};
use rag_core::bandit::{Bandit, Choice};
use rag_core::collection::{AnyBandit, DomainOf, Tuned, Tuner};
use rag_core::{Error, ErrorKind};
use std::ffi::c_char;
use std::ptr;
use std::sync::{Mutex, PoisonError};

/// What a tuned search found, and what was chosen for it. Never changes; usable from many threads.
pub struct rag_tuned {
    _opaque: [u8; 0],
}
noun!(rag_tuned => Tuned);

/// What a bandit chose for a search.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_tuned_choice {
    /// What a late `rag_bandit_reward` refers to.
    pub id: u64,
    /// The index of the arm.
    pub arm: usize,
    /// The share of BM25 that it sets; NaN if it sets none.
    pub bm25_weight: f64,
    /// The hits that it sets; 0 if it sets none.
    pub k: usize,
    /// The diversity that it sets; NaN if it sets none.
    pub diversity: f64,
    /// How likely the question is of no domain; NaN if no detector was asked.
    pub none: f64,
}

/// A bandit behind a handle, lent for moments. What is wrong with the handle is kept for the caller.
struct Lender {
    handle: usize,
    failed: Mutex<Option<Fail>>,
}

impl Lender {
    fn new(bandit: *mut rag_bandit) -> Self {
        Self {
            handle: bandit.addr(),
            failed: Mutex::new(None),
        }
    }

    /// The outcome, or what was wrong with the handle.
    fn outcome<T>(self, found: rag_core::Result<T>) -> Result<T, Fail> {
        let failed = self.failed.into_inner();
        match failed.unwrap_or_else(PoisonError::into_inner) {
            Some(fail) => Err(fail),
            None => Ok(found?),
        }
    }
}

impl Lender {
    fn with<T>(
        &self,
        body: impl FnOnce(&mut AnyBandit) -> rag_core::Result<T>,
    ) -> rag_core::Result<T> {
        // A handle is a number and never followed.
        let bandit: *mut rag_bandit = ptr::without_provenance_mut(self.handle);
        match handle::with_mut(bandit, "bandit", |b| Ok(body(b)?)) {
            Ok(done) => Ok(done),
            Err(Fail::Core(e)) => Err(e),
            Err(fail) => {
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(fail);
                Err(Error::new(
                    ErrorKind::Unsupported,
                    "the bandit cannot be lent",
                ))
            }
        }
    }
}

impl Tuner for Lender {
    fn lend(
        &self,
        body: &mut dyn FnMut(&mut Bandit) -> rag_core::Result<()>,
    ) -> rag_core::Result<()> {
        self.with(|bandit| bandit.change(body))
    }

    fn look(&self, body: &mut dyn FnMut(&Bandit) -> rag_core::Result<()>) -> rag_core::Result<()> {
        self.with(|bandit| bandit.look(body))
    }

    fn choose(&self, domains: &[&str]) -> rag_core::Result<Vec<Choice>> {
        let queries: Vec<(&str, Option<&[f64]>)> = domains.iter().map(|d| (*d, None)).collect();
        self.with(|bandit| bandit.choose_many(&queries))
    }

    fn reward(&self, id: u64, reward: f64) -> rag_core::Result<()> {
        self.with(|bandit| bandit.reward(id, reward))
    }

    fn reward_all(&self, id: u64, rewards: &[f64]) -> rag_core::Result<()> {
        self.with(|bandit| bandit.reward_all(id, rewards))
    }
}

/// Asks `n` questions with the share of BM25 that `bandit` chooses for each, and *gives* `n` handles
/// at `tuned`; on failure none. The domain is named by `domain`, or else found by `detector`, or
/// `"general"` if both are NULL. The arms of the bandit are shares in 0 to 1, or a grid of `weight`,
/// `k` and `diversity`. The bandit is used for moments only; a call that meets another one is
/// `RAG_STATUS_BUSY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_search_tuned(
    collection: *const rag_collection,
    queries: *const *const rag_query,
    n: usize,
    bandit: *mut rag_bandit,
    domain: *const c_char,
    detector: *const rag_domain_detector,
    tuned: *mut *mut rag_tuned,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let asked = questions(queries, n)?;
        if n > 0 {
            writable(tuned, "tuned")?;
        }
        let name = optional_name(domain, "domain")?;
        let detector = handle::with_optional(detector, "detector", |d| Ok(d.cloned()))?;
        let domain = match (name, &detector) {
            (Some(name), _) => DomainOf::Named(name),
            (None, Some(detector)) => DomainOf::Detected(detector),
            (None, None) => DomainOf::General,
        };
        let lender = Lender::new(bandit);
        let found = handle::with(collection, "collection", |c| {
            let found = c.search_tuned(&asked, &lender, domain);
            lender.outcome(found)
        })?;
        for (i, one) in found.into_iter().enumerate() {
            convert::put(tuned.add(i), handle::give(one), "tuned")?;
        }
        Ok(())
    })
}

/// *Gives* the hits, best first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_tuned_hits(
    tuned: *const rag_tuned,
    out: *mut *mut rag_hits,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let hits = handle::with(tuned, "tuned", |t| Ok(t.hits.clone()))?;
        convert::put(out, held(hits), "out")
    })
}

/// What was chosen.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_tuned_get_choice(
    tuned: *const rag_tuned,
    choice: *mut rag_tuned_choice,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let number = |x: Option<f32>| x.map_or(f64::NAN, f64::from);
        let found = handle::with(tuned, "tuned", |t| {
            Ok(rag_tuned_choice {
                id: t.choice.id,
                arm: t.choice.arm,
                bm25_weight: number(t.setting.bm25_weight),
                k: t.setting.k.unwrap_or(0),
                diversity: number(t.setting.diversity),
                none: t.detection.as_ref().map_or(f64::NAN, |d| d.none),
            })
        })?;
        convert::put(choice, found, "choice")
    })
}

/// *Gives* the domain in which it was chosen.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_tuned_domain(
    tuned: *const rag_tuned,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(tuned, "tuned", |t| give_text(out, t.domain.clone()))
    })
}

/// Frees a tuned search. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_tuned_free(tuned: *mut rag_tuned) -> rag_status {
    guard(ptr::null_mut(), || handle::free(tuned, "tuned"))
}

/// Tells the bandit what the hits were worth, about 0 to 1. `RAG_STATUS_NOT_FOUND` for a bandit that
/// did not choose for them, `RAG_STATUS_INVALID_ARGUMENT` for a second time and for hits of another
/// collection.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_reward(
    collection: *const rag_collection,
    bandit: *mut rag_bandit,
    tuned: *const rag_tuned,
    reward: f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let lender = Lender::new(bandit);
        handle::with(collection, "collection", |c| {
            handle::with(tuned, "tuned", |t| {
                let paid = c.reward(t, &lender, reward);
                lender.outcome(paid)
            })
        })
    })
}

/// Tells the bandit how relevant `n` documents are to the question, with a grade each: what every arm
/// would have earned in nDCG. `rewards` (NULL with a capacity of 0 for none) receives that, by arm,
/// and `count` their number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_reward_relevant(
    collection: *const rag_collection,
    bandit: *mut rag_bandit,
    tuned: *const rag_tuned,
    ids: *const *const c_char,
    grades: *const f64,
    n: usize,
    rewards: *mut f64,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(count, "count")?;
        let relevant = pairs(ids, grades, n, ("ids", "grades"))?;
        let lender = Lender::new(bandit);
        let paid = handle::with(collection, "collection", |c| {
            handle::with(tuned, "tuned", |t| {
                let paid = c.reward_relevant(t, &lender, &relevant);
                lender.outcome(paid)
            })
        })?;
        match rewards.is_null() && capacity == 0 {
            true => convert::put(count, paid.len(), "count"),
            false => fill(&paid, rewards, capacity, count, "rewards"),
        }
    })
}
