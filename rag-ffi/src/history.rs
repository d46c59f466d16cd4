//! `rag_history`: the answers that an engine gave.

use crate::convert::{self, name, optional_name, tell, text, writable};
use crate::engine::{held, rag_engine};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::status::rag_status;
use crate::strings::{give_text, rag_string};
use rag_core::history::{History, HistoryQuery};
use rag_core::{Error, ErrorKind};
use serde_json::Value;
use std::ffi::c_char;
use std::ptr;
use std::time::{SystemTime, UNIX_EPOCH};

/// The answers that were given, durable. Usable from many threads.
pub struct rag_history {
    _opaque: [u8; 0],
}
noun!(rag_history => History);

/// *Gives* the history of a tenant, or of nobody in particular for NULL. `RAG_STATUS_NOT_FOUND` if the engine keeps none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_history(
    engine: *const rag_engine,
    tenant: *const c_char,
    out: *mut *mut rag_history,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let tenant = optional_name(tenant, "tenant")?;
        let found = held(engine)?.history(tenant)?;
        let history = found.ok_or_else(|| {
            let message = "this engine keeps no history; make it with the option history";
            Error::new(ErrorKind::NotFound, message)
        })?;
        convert::put(out, handle::give(history), "out")
    })
}

/// How many answers there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_history_len(
    history: *const rag_history,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = opened(history)?.len()?;
        convert::put(count, found, "count")
    })
}

/// *Gives* the answer of an id as JSON, `null` if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_history_get(
    history: *const rag_history,
    id: *const c_char,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let found = opened(history)?.get(name(id, "id")?)?;
        let found = found.map_or(Value::Null, |answer| answer.to_json());
        give_text(out, found.to_string())
    })
}

/// *Gives* answers as a JSON list: the newest first, or the best if words are given. `query` is a JSON object of
/// `length` bytes: `text`, `user`, `session`, `scenario`, `generator`, `filter`, `since`, `until`, `min_rating`,
/// `cached`, `limit`, `offset`, none of which is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_history_search(
    history: *const rag_history,
    query: *const c_char,
    length: usize,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let query = HistoryQuery::from_json(text(query, length, "query")?)?;
        let found = opened(history)?.search(&query)?;
        let found: Vec<Value> = found.iter().map(|answer| answer.to_json()).collect();
        give_text(out, Value::from(found).to_string())
    })
}

/// Forgets the answers that a user got; `count` (which may be NULL) tells how many those were.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_history_forget(
    history: *const rag_history,
    user: *const c_char,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let forgotten = opened(history)?.forget(name(user, "user")?)?;
        tell(count, forgotten)
    })
}

/// Forgets what is older than `max_age_s` seconds, if that is not negative, and what is more than `max_count`, if that is
/// not `SIZE_MAX`; `count` (which may be NULL) tells how many answers those were.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_history_prune(
    history: *const rag_history,
    max_age_s: f64,
    max_count: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0.0, |since| since.as_secs_f64());
        let age = (max_age_s >= 0.0 || max_age_s.is_nan()).then_some(max_age_s);
        let most = (max_count != usize::MAX).then_some(max_count);
        let pruned = opened(history)?.prune(now, age, most)?;
        tell(count, pruned)
    })
}

/// Writes the files anew, so that nothing that was forgotten is left in them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_history_compact(
    history: *const rag_history,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || Ok(opened(history)?.compact()?))
}

/// Frees a history. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_history_free(history: *mut rag_history) -> rag_status {
    guard(ptr::null_mut(), || handle::free(history, "history"))
}

fn opened(history: *const rag_history) -> Result<History, Fail> {
    handle::with(history, "history", |h| Ok(h.clone()))
}
