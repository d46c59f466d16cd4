//! The bandits of a collection, which learn in its log.

use crate::bandit::{look, rag_bandit};
use crate::collection::rag_collection;
use crate::convert::{self, name, tell, writable};
use crate::error::rag_error;
use crate::guard::guard;
use crate::handle;
use crate::status::rag_status;
use crate::strings::{give_texts, rag_strings};
use rag_core::collection::AnyBandit;
use std::ffi::c_char;

/// *Gives* the collection's own bandit of a name: what it learns is logged and durable when the call
/// returns. It may be used from several handles and threads; choices that wait for their reward end with
/// the process. `RAG_STATUS_NOT_FOUND` if there is none of the name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_bandit(
    collection: *const rag_collection,
    name: *const c_char,
    out: *mut *mut rag_bandit,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let name = self::name(name, "name")?;
        let kept = handle::with(collection, "collection", |c| Ok(c.bandits().tuner(name)?))?;
        convert::put(out, handle::give(AnyBandit::from(kept)), "out")
    })
}

/// Puts a copy of `bandit` into the collection, in the place of one of the name. Choices that wait are not
/// copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_set_bandit(
    collection: *const rag_collection,
    name: *const c_char,
    bandit: *const rag_bandit,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let name = self::name(name, "name")?;
        let copy = look(bandit, "bandit", |b| Ok(b.clone()))?;
        handle::with(collection, "collection", |c| {
            Ok(c.bandits().insert(name, &copy)?)
        })
    })
}

/// Removes a bandit; `removed` (which may be NULL) tells whether there was one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_remove_bandit(
    collection: *const rag_collection,
    name: *const c_char,
    removed: *mut bool,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let name = self::name(name, "name")?;
        let was = handle::with(collection, "collection", |c| {
            Ok(c.bandits().remove(name)?)
        })?;
        tell(removed, was)
    })
}

/// *Gives* the names of the bandits, in alphabetical order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_bandits(
    collection: *const rag_collection,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let names = handle::with(collection, "collection", |c| Ok(c.bandits().names()?))?;
        give_texts(out, names)
    })
}
