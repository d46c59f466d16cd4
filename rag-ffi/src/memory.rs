//! `rag_memory`: facts about users.

use crate::convert::{self, name, optional_name, tell, text, writable};
use crate::engine::{held, rag_engine};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::status::rag_status;
use crate::strings::{give_text, rag_string};
use rag_core::memory::{Fact, Memory, Remembered};
use rag_core::retrieval::filter::Filter;
use rag_core::{Error, ErrorKind};
use serde_json::Value;
use std::ffi::c_char;
use std::ptr;

/// Facts by user, session and key, durable. Usable from many threads.
pub struct rag_memory {
    _opaque: [u8; 0],
}
noun!(rag_memory => Memory);

/// *Gives* the memory of a tenant, or of nobody in particular for NULL. `RAG_STATUS_NOT_FOUND` if the engine has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_memory(
    engine: *const rag_engine,
    tenant: *const c_char,
    out: *mut *mut rag_memory,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let tenant = optional_name(tenant, "tenant")?;
        let found = held(engine)?.memory(tenant)?;
        let memory = found.ok_or_else(|| {
            let message = "this engine has no memory; make it with the option memory";
            Error::new(ErrorKind::NotFound, message)
        })?;
        convert::put(out, handle::give(memory), "out")
    })
}

/// How many facts there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_memory_len(
    memory: *const rag_memory,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = opened(memory)?.len()?;
        convert::put(count, found, "count")
    })
}

/// Keeps a fact in the place of what its key had, and *gives* it as it is kept, as JSON. `fact` is a JSON object of `length`
/// bytes: `user`, `key`, `value`, and perhaps `session`, `source` (`{"kind": ..., "id": ...}`), `at`, `expires_at`,
/// `confidence`. `out` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_memory_remember(
    memory: *const rag_memory,
    fact: *const c_char,
    length: usize,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let fact = Fact::from_json(text(fact, length, "fact")?)?;
        let kept = opened(memory)?.remember(fact)?;
        match out.is_null() {
            true => Ok(()),
            false => give_text(out, json(&kept).to_string()),
        }
    })
}

/// *Gives* the fact of a key as JSON, `null` where there is none or it is over. `session` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_memory_recall(
    memory: *const rag_memory,
    user: *const c_char,
    session: *const c_char,
    key: *const c_char,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let (user, key) = (name(user, "user")?, name(key, "key")?);
        let session = optional_name(session, "session")?;
        let found = opened(memory)?.recall(user, session, key)?;
        give_text(out, found.as_ref().map_or(Value::Null, json).to_string())
    })
}

/// *Gives* a user's facts as a JSON list: those of a session, or all of them for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_memory_facts(
    memory: *const rag_memory,
    user: *const c_char,
    session: *const c_char,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let user = name(user, "user")?;
        let session = optional_name(session, "session")?;
        give_facts(out, &opened(memory)?.facts(user, session)?)
    })
}

/// *Gives* a user's facts that have words of `words`, best first, at most `k`, as a JSON list. `filter` (JSON) may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_memory_search(
    memory: *const rag_memory,
    user: *const c_char,
    words: *const c_char,
    length: usize,
    filter: *const c_char,
    k: usize,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let (user, words) = (name(user, "user")?, text(words, length, "words")?);
        let filter = optional_name(filter, "filter")?;
        let filter = filter.map(Filter::from_json).transpose()?;
        let found = opened(memory)?.search(user, words, filter.as_ref(), k)?;
        give_facts(out, &found)
    })
}

/// Forgets what is known of a user, of a session, or under a key; `session` and `key` may be NULL. `count` (which may be
/// NULL) tells how many facts those were.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_memory_forget(
    memory: *const rag_memory,
    user: *const c_char,
    session: *const c_char,
    key: *const c_char,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let user = name(user, "user")?;
        let (session, key) = (
            optional_name(session, "session")?,
            optional_name(key, "key")?,
        );
        let forgotten = opened(memory)?.forget(user, session, key)?;
        tell(count, forgotten)
    })
}

/// Deletes the facts that are over; `count` (which may be NULL) tells how many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_memory_sweep(
    memory: *const rag_memory,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let swept = opened(memory)?.sweep()?;
        tell(count, swept)
    })
}

/// Writes the files anew, so that nothing that was forgotten is left in them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_memory_compact(
    memory: *const rag_memory,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || Ok(opened(memory)?.compact()?))
}

/// Frees a memory. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_memory_free(memory: *mut rag_memory) -> rag_status {
    guard(ptr::null_mut(), || handle::free(memory, "memory"))
}

fn opened(memory: *const rag_memory) -> Result<Memory, Fail> {
    handle::with(memory, "memory", |m| Ok(m.clone()))
}

fn json(fact: &Remembered) -> Value {
    serde_json::to_value(fact).unwrap_or_default()
}

unsafe fn give_facts(out: *mut *mut rag_string, facts: &[Remembered]) -> Result<(), Fail> {
    let facts: Vec<Value> = facts.iter().map(json).collect();
    give_text(out, Value::from(facts).to_string())
}
