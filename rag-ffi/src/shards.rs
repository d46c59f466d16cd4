//! Search over several collections, with the hits that one would have that holds everything:
//! `rag_shard_request`, `rag_shard_statistics` and `rag_shard_response`.

use crate::calibration::rag_calibration;
use crate::collection::{questions, rag_collection};
use crate::convert::{self, fill, name, path, slice, writable};
use crate::embedder::rag_embedder;
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, Noun, noun};
use crate::hits::{held, rag_hits};
use crate::query::rag_query;
use crate::status::rag_status;
use crate::steering::rag_steering;
use rag_core::collection::{RequestStatistics, ShardRequest, ShardResponse, shard_of};
use std::ffi::c_char;
use std::ptr;

/// Questions made ready for shards: checked, embedded and steered once. They may be searched with from many threads at
/// once; calls that change them need them for themselves.
pub struct rag_shard_request {
    _opaque: [u8; 0],
}
noun!(rag_shard_request => ShardRequest);

/// What one shard knows of the words of a request. Never changes; usable from many threads.
pub struct rag_shard_statistics {
    _opaque: [u8; 0],
}
noun!(rag_shard_statistics => RequestStatistics);

/// What one shard has found for a request. Never changes; usable from many threads.
pub struct rag_shard_response {
    _opaque: [u8; 0],
}
noun!(rag_shard_response => ShardResponse);

/// Copies of what `n` handles hold.
unsafe fn copies<C: Noun<Value: Clone>>(
    handles: *const *const C,
    n: usize,
    name: &'static str,
) -> Result<Vec<C::Value>, Fail> {
    let handles = slice(handles, n, name)?.iter();
    let copy = |&one: &*const C| handle::with(one, name, |value| Ok(value.clone()));
    handles.map(copy).collect()
}

/// Writes to `shard` which of `shards` (1 to 65,536) the document of this id belongs to: a hash that is the same in every
/// version, on every machine and in every language.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_shard_of(
    id: *const c_char,
    shards: usize,
    shard: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = shard_of(name(id, "id")?, shards)?;
        convert::put(shard, found, "shard")
    })
}

/// *Gives* `n` questions made ready for shards.
///
/// One search over several collections takes four steps: this, then ask every shard with
/// `rag_collection_shard_statistics`, then give these to `rag_shard_request_set_statistics` and ask every shard with
/// `rag_collection_search_shard`, then `rag_shard_request_merge`. The hits are those of one collection that holds
/// everything, bit for bit, where searches are exact; else each shard finds what its graph finds.
///
/// `embedder` embeds the texts that lack a vector; without one (NULL) they are searched by their words alone. `steering`
/// is what all shards share (`rag_collection_replace_steering`); without it (NULL) no dial is known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_shard_request_new(
    queries: *const *const rag_query,
    n: usize,
    embedder: *const rag_embedder,
    steering: *const rag_steering,
    out: *mut *mut rag_shard_request,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let queries = questions(queries, n)?;
        let embedder = handle::with_optional(embedder, "embedder", |e| Ok(e.cloned()))?;
        let made = handle::with_optional(steering, "steering", |steering| {
            Ok(ShardRequest::new(&queries, embedder.as_ref(), steering)?)
        })?;
        convert::put(out, handle::give(made), "out")
    })
}

/// Frees a request. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_shard_request_free(request: *mut rag_shard_request) -> rag_status {
    guard(ptr::null_mut(), || handle::free(request, "request"))
}

/// Writes to `len` the number of questions, and to `needs` (NULL for none) whether shards must be asked for their statistics
/// before they can search.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_shard_request_len(
    request: *const rag_shard_request,
    len: *mut usize,
    needs: *mut bool,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(len, "len")?;
        let told = |r: &ShardRequest| Ok((r.len(), r.needs_statistics()));
        let (found, missing) = handle::with(request, "request", told)?;
        if !needs.is_null() {
            convert::put(needs, missing, "needs")?;
        }
        convert::put(len, found, "len")
    })
}

/// Takes what `n` shards, each of them once and in any order, have said of the words. On failure nothing changes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_shard_request_set_statistics(
    request: *mut rag_shard_request,
    statistics: *const *const rag_shard_statistics,
    n: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let told = copies(statistics, n, "statistics")?;
        handle::with_mut(request, "request", |r| Ok(r.set_statistics(&told)?))
    })
}

/// *Gives* the hits of `n` shards at `hits`, one handle for each question of the request; on failure none. Shards come in any
/// order and decide nothing by it; whether those that have answered will do is yours to decide.
///
/// `calibration` is the curve from scores to relevance, learnt from searches over all shards; NULL for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_shard_request_merge(
    request: *const rag_shard_request,
    responses: *const *const rag_shard_response,
    n: usize,
    calibration: *const rag_calibration,
    hits: *mut *mut rag_hits,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let responses = copies(responses, n, "responses")?;
        let found = handle::with(request, "request", |request| {
            handle::with_optional(calibration, "calibration", |curve| {
                Ok(request.merge(&responses, curve)?)
            })
        })?;
        if !found.is_empty() {
            writable(hits, "hits")?;
        }
        for (i, list) in found.into_iter().enumerate() {
            convert::put(hits.add(i), held(list), "hits")?;
        }
        Ok(())
    })
}

/// Writes the request as bytes to `out`, for a wire. With too little room only `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_shard_request_to_bytes(
    request: *const rag_shard_request,
    out: *mut u8,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let bytes = handle::with(request, "request", |r| Ok(r.to_bytes()))?;
        fill(&bytes, out, capacity, count, "out")
    })
}

/// *Gives* the request that `rag_shard_request_to_bytes` wrote. `RAG_STATUS_CORRUPT` for other bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_shard_request_from_bytes(
    bytes: *const u8,
    n: usize,
    out: *mut *mut rag_shard_request,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let read = ShardRequest::from_bytes(slice(bytes, n, "bytes")?)?;
        convert::put(out, handle::give(read), "out")
    })
}

/// *Gives* what a collection, as one of several shards, knows of the words of a request.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_shard_statistics(
    collection: *const rag_collection,
    request: *const rag_shard_request,
    out: *mut *mut rag_shard_statistics,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let told = handle::with(request, "request", |request| {
            handle::with(collection, "collection", |c| {
                Ok(c.shard_statistics(request)?)
            })
        })?;
        convert::put(out, handle::give(told), "out")
    })
}

/// Frees statistics. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_shard_statistics_free(
    statistics: *mut rag_shard_statistics,
) -> rag_status {
    guard(ptr::null_mut(), || handle::free(statistics, "statistics"))
}

/// Writes to `sequence` the shard's `rag_collection_sequence` when it was asked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_shard_statistics_sequence(
    statistics: *const rag_shard_statistics,
    sequence: *mut u64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(statistics, "statistics", |s| Ok(s.sequence))?;
        convert::put(sequence, found, "sequence")
    })
}

/// Writes statistics as bytes to `out`, for a wire. With too little room only `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_shard_statistics_to_bytes(
    statistics: *const rag_shard_statistics,
    out: *mut u8,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let bytes = handle::with(statistics, "statistics", |s| Ok(s.to_bytes()))?;
        fill(&bytes, out, capacity, count, "out")
    })
}

/// *Gives* the statistics that `rag_shard_statistics_to_bytes` wrote. `RAG_STATUS_CORRUPT` for other bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_shard_statistics_from_bytes(
    bytes: *const u8,
    n: usize,
    out: *mut *mut rag_shard_statistics,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let read = RequestStatistics::from_bytes(slice(bytes, n, "bytes")?)?;
        convert::put(out, handle::give(read), "out")
    })
}

/// *Gives* what a collection, as one of several shards, finds for a request that has its statistics.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_search_shard(
    collection: *const rag_collection,
    request: *const rag_shard_request,
    out: *mut *mut rag_shard_response,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let found = handle::with(request, "request", |request| {
            handle::with(collection, "collection", |c| Ok(c.search_shard(request)?))
        })?;
        convert::put(out, handle::give(found), "out")
    })
}

/// Frees a response. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_shard_response_free(response: *mut rag_shard_response) -> rag_status {
    guard(ptr::null_mut(), || handle::free(response, "response"))
}

/// Writes to `sequence` the shard's `rag_collection_sequence` when it answered.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_shard_response_sequence(
    response: *const rag_shard_response,
    sequence: *mut u64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(response, "response", |r| Ok(r.sequence()))?;
        convert::put(sequence, found, "sequence")
    })
}

/// Writes a response as bytes to `out`, for a wire. With too little room only `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_shard_response_to_bytes(
    response: *const rag_shard_response,
    out: *mut u8,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let bytes = handle::with(response, "response", |r| Ok(r.to_bytes()))?;
        fill(&bytes, out, capacity, count, "out")
    })
}

/// *Gives* the response that `rag_shard_response_to_bytes` wrote. `RAG_STATUS_CORRUPT` for other bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_shard_response_from_bytes(
    bytes: *const u8,
    n: usize,
    out: *mut *mut rag_shard_response,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let read = ShardResponse::from_bytes(slice(bytes, n, "bytes")?)?;
        convert::put(out, handle::give(read), "out")
    })
}

/// Takes in all documents of the store at `path`, with their texts, metadata and vectors, in one change, and writes to
/// `count` (NULL for none) how many. Nothing is embedded again, and that store stays as it is. `RAG_STATUS_ALREADY_EXISTS`
/// if an id is here already; then nothing is taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_attach(
    collection: *const rag_collection,
    path: *const c_char,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let path = self::path(path, "path")?;
        let found = handle::with(collection, "collection", |c| Ok(c.attach(&path)?))?;
        match count.is_null() {
            true => Ok(()),
            false => convert::put(count, found, "count"),
        }
    })
}
