//! `rag_query`: a question to a collection.

use crate::convert::{self, name, slice, text, writable};
use crate::error::rag_error;
use crate::guard::guard;
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use rag_core::collection::Query;
use rag_core::retrieval::filter::Filter;
use std::ffi::c_char;
use std::ptr;

/// A question: text, vector or both, with filter, dials, user and options. It may be asked from
/// many threads at once; calls that change it need it for themselves.
pub struct rag_query {
    _opaque: [u8; 0],
}
noun!(rag_query => Query);

/// *Gives* a question of `length` bytes of text (or `RAG_NUL_TERMINATED`), or without text for
/// NULL. Options: `k`, `mode`, `bm25_weight`, `fusion`, `diversity`, `exact`, `effort`, `explain`,
/// `min_relevance`, `steer_mode`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_query_new(
    text: *const c_char,
    length: usize,
    options: *const rag_options,
    out: *mut *mut rag_query,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let mut query = Query::default();
        if !text.is_null() {
            query.text = Some(self::text(text, length, "text")?.to_owned());
        }
        apply(options, |name, value| query.options.set(name, value))?;
        convert::put(out, handle::give(query), "out")
    })
}

/// Frees a question. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_query_free(query: *mut rag_query) -> rag_status {
    guard(ptr::null_mut(), || handle::free(query, "query"))
}

/// Gives the question a vector of `dim` floats of its own, in the place of the text's embedding.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_query_set_vector(
    query: *mut rag_query,
    vector: *const f32,
    dim: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let vector = slice(vector, dim, "vector")?.to_vec();
        handle::with_mut(query, "query", |q| {
            q.vector = Some(vector);
            Ok(())
        })
    })
}

/// Says which documents may be found: a filter over their metadata as JSON, such as
/// `{"lang": "en", "year": {"$gte": 2020}}`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_query_set_filter(
    query: *mut rag_query,
    filter: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let filter = Filter::from_json(name(filter, "filter")?)?;
        handle::with_mut(query, "query", |q| {
            q.filter = Some(filter);
            Ok(())
        })
    })
}

/// Turns a dial: 0 changes nothing, 1 costs 3 % of similarity, negative turns the other way.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_query_steer(
    query: *mut rag_query,
    dial: *const c_char,
    strength: f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let dial = name(dial, "dial")?.to_owned();
        handle::with_mut(query, "query", |q| {
            q.steer.push((dial, strength));
            Ok(())
        })
    })
}

/// Says whose taste moves the question.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_query_set_user(
    query: *mut rag_query,
    user: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let user = name(user, "user")?.to_owned();
        handle::with_mut(query, "query", |q| {
            q.user = Some(user);
            Ok(())
        })
    })
}
