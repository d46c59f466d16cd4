//! `rag_cache`: lifetimes and sizes of what an engine keeps, and what became of it.

use crate::convert::{self, optional_name, text, writable};
use crate::error::rag_error;
use crate::guard::guard;
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use crate::strings::{give_text, rag_string};
use rag_core::caching::{Cache, CacheOptions, question_difference};
use std::ffi::c_char;
use std::ptr;
use std::sync::Arc;

/// What results of questions are kept in, for whoever is given it. Usable from many threads.
pub struct rag_cache {
    _opaque: [u8; 0],
}
noun!(rag_cache => Arc<Cache>);

/// *Gives* a cache in memory, or, if `redis` is not NULL, one with a Redis server behind it that other processes
/// share: `redis://user:password@host:6379/0` or `unix:///path/to/socket`. Nothing is connected before it is
/// needed. Options: `embeddings_s`, `evidence_s`, `answers_s`, `texts_s`, `embeddings_bytes`, `evidence_bytes`,
/// `answers_bytes`, `texts_bytes`, `entries`, `wait_s`, `near_duplicates`, `near_entries`, `near_bytes`,
/// `shadow_rate`, `false_hit_budget`, `remote_prefix`, `remote_copy_s`, `remote_entry_bytes`, `remote_timeout_ms`,
/// `remote_pause_s`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_cache_new(
    redis: *const c_char,
    options: *const rag_options,
    out: *mut *mut rag_cache,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let redis = optional_name(redis, "redis")?;
        let mut chosen = CacheOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let cache = Cache::open(chosen, redis)?;
        convert::put(out, handle::give(Arc::new(cache)), "out")
    })
}

/// *Gives* what happened so far as JSON: `layers` by name (`hits`, `misses`, `hit_rate`, `entries`, `bytes`, ...),
/// `nearby` and `remote`, which are null where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_cache_stats(
    cache: *const rag_cache,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let stats = handle::with(cache, "cache", |c| Ok(c.stats()))?;
        give_text(out, stats.to_json().to_string())
    })
}

/// Drops everything, here and on the Redis server. `RAG_STATUS_UPSTREAM` if that cannot be reached; memory is empty
/// all the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_cache_clear(
    cache: *const rag_cache,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let cache = handle::with(cache, "cache", |c| Ok(Arc::clone(c)))?;
        Ok(cache.clear()?)
    })
}

/// Drops everything of one tenant; of nobody, if `tenant` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_cache_clear_tenant(
    cache: *const rag_cache,
    tenant: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let tenant = optional_name(tenant, "tenant")?;
        let cache = handle::with(cache, "cache", |c| Ok(Arc::clone(c)))?;
        Ok(cache.clear_tenant(tenant)?)
    })
}

/// Frees a cache; what holds it goes on with it. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_cache_free(cache: *mut rag_cache) -> rag_status {
    guard(ptr::null_mut(), || handle::free(cache, "cache"))
}

/// *Gives* the name of what tells two questions apart: `polarity`, `numbers`, `entities`, `question`, `order`, `words`
/// or `length`; `none` if they ask the same, as far as their words say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_question_difference(
    a: *const c_char,
    a_length: usize,
    b: *const c_char,
    b_length: usize,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let a = text(a, a_length, "a")?;
        let b = text(b, b_length, "b")?;
        let found = question_difference(a, b).map_or("none", |difference| difference.name());
        give_text(out, found)
    })
}
