//! `rag_collection`: documents, indexes and dials in one atomic store.

use crate::calibration::rag_calibration;
use crate::convert::{self, name, path, rag_progress, slice, tell, texts, with_progress, writable};
use crate::embedder::rag_embedder;
use crate::error::rag_error;
use crate::evaluation::rag_qrels;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::hits::{give_documents, held, rag_documents, rag_hits};
use crate::options::{apply, rag_options};
use crate::query::rag_query;
use crate::status::rag_status;
use crate::strings::{give_text, give_texts, rag_string, rag_strings};
use rag_core::calibration::CalibrationOptions;
use rag_core::collection::{Collection, OpenOptions, Query, ReembedOptions};
use rag_core::retrieval::filter::Filter;
use std::ffi::{c_char, c_void};
use std::ptr;

/// Documents with their vectors, words and dials. Everything may be called from many threads at
/// once: searches run beside a writer, and writers take turns.
pub struct rag_collection {
    _opaque: [u8; 0],
}
noun!(rag_collection => Collection);

/// Opens the collection in the directory `path`, or makes it there, or makes one in memory for
/// NULL, and *gives* it. `embedder` may be NULL: then texts are embedded by the built-in model,
/// or, with the option `dim`, vectors are your own. Options: `dim`, `read_only`, `durability`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_open(
    path: *const c_char,
    embedder: *const rag_embedder,
    options: *const rag_options,
    out: *mut *mut rag_collection,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let mut chosen = OpenOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let embedder = handle::with_optional(embedder, "embedder", |e| Ok(e.cloned()))?;
        let path = match path.is_null() {
            true => None,
            false => Some(self::path(path, "path")?),
        };
        let collection = Collection::with_options(path.as_deref(), embedder, &chosen)?;
        convert::put(out, handle::give(collection), "out")
    })
}

/// Makes every change durable and lets go of the lock. Later calls are `RAG_STATUS_CLOSED`.
/// Freeing does the same without telling of errors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_close(
    collection: *const rag_collection,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(collection, "collection", |c| Ok(c.close()?))
    })
}

/// Frees a collection. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_free(collection: *mut rag_collection) -> rag_status {
    guard(ptr::null_mut(), || handle::free(collection, "collection"))
}

/// The number of documents.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_len(
    collection: *const rag_collection,
    len: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(collection, "collection", |c| Ok(c.len()?))?;
        convert::put(len, found, "len")
    })
}

/// The dimension of the vectors; 0 while it is not known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_dim(
    collection: *const rag_collection,
    dim: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(collection, "collection", |c| Ok(c.dim()?))?;
        convert::put(dim, found.unwrap_or(0), "dim")
    })
}

/// Whether a document has this id.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_contains(
    collection: *const rag_collection,
    id: *const c_char,
    held: *mut bool,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let id = name(id, "id")?;
        let found = handle::with(collection, "collection", |c| Ok(c.contains(id)?))?;
        convert::put(held, found, "held")
    })
}

/// For each of `n` ids a number at `versions` that changes whenever a document of it is written; `held`
/// (NULL for none) tells where there is one, and where there is none the number is 0. Equal numbers mean the same
/// document, in every process that reads the store; they also change when the log is written anew.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_versions(
    collection: *const rag_collection,
    ids: *const *const c_char,
    n: usize,
    versions: *mut u64,
    held: *mut bool,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let ids = texts(ids, ptr::null(), n, "ids")?;
        if n > 0 {
            writable(versions, "versions")?;
        }
        let found = handle::with(collection, "collection", |c| Ok(c.versions(&ids)?))?;
        for (i, version) in found.into_iter().enumerate() {
            convert::put(versions.add(i), version.unwrap_or(0), "versions")?;
            if !held.is_null() {
                convert::put(held.add(i), version.is_some(), "held")?;
            }
        }
        Ok(())
    })
}

/// A number that changes with everything that is written to the collection.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_sequence(
    collection: *const rag_collection,
    sequence: *mut u64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(collection, "collection", |c| Ok(c.sequence()?))?;
        convert::put(sequence, found, "sequence")
    })
}

/// *Gives* the documents of `n` ids, in their order, with gaps where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_get(
    collection: *const rag_collection,
    ids: *const *const c_char,
    n: usize,
    out: *mut *mut rag_documents,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let ids = texts(ids, ptr::null(), n, "ids")?;
        let found = handle::with(collection, "collection", |c| Ok(c.get(&ids)?))?;
        give_documents(out, found)
    })
}

/// *Gives* all ids, in the order in which their documents were last written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_ids(
    collection: *const rag_collection,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let ids = handle::with(collection, "collection", |c| Ok(c.ids()?))?;
        give_texts(out, ids)
    })
}

/// The number of documents that a filter (JSON) lets through.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_count(
    collection: *const rag_collection,
    filter: *const c_char,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let filter = Filter::from_json(name(filter, "filter")?)?;
        let found = handle::with(collection, "collection", |c| Ok(c.count(&filter)?))?;
        convert::put(count, found, "count")
    })
}

/// Asks one question and *gives* the hits, best first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_search(
    collection: *const rag_collection,
    query: *const rag_query,
    out: *mut *mut rag_hits,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let query = handle::with(query, "query", |q| Ok(q.clone()))?;
        let hits = handle::with(collection, "collection", |c| Ok(c.search(&query)?))?;
        convert::put(out, held(hits), "out")
    })
}

/// Copies of `n` questions.
pub(crate) unsafe fn questions(
    queries: *const *const rag_query,
    n: usize,
) -> Result<Vec<Query>, Fail> {
    let handles = slice(queries, n, "queries")?.iter();
    let copy = |&query: &*const rag_query| handle::with(query, "queries", |q| Ok(q.clone()));
    handles.map(copy).collect()
}

/// Asks `n` questions at once, embedding and searching on all threads, and *gives* `n` handles at
/// `hits`, one for each question; on failure none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_search_many(
    collection: *const rag_collection,
    queries: *const *const rag_query,
    n: usize,
    hits: *mut *mut rag_hits,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let asked = questions(queries, n)?;
        if n > 0 {
            writable(hits, "hits")?;
        }
        let found = handle::with(collection, "collection", |c| Ok(c.search_many(&asked)?))?;
        for (i, list) in found.into_iter().enumerate() {
            convert::put(hits.add(i), held(list), "hits")?;
        }
        Ok(())
    })
}

/// Learns from `n` judged questions how likely a hit with a score is to be relevant, and keeps the
/// curve with the collection. From then on the hits of searches with the same `mode`, `fusion` and
/// `bm25_weight` have a `relevance`, and such searches take the option `min_relevance`.
///
/// `ids` lends the id of each question in `qrels`: both must have the same. A hit that was not
/// judged counts as not relevant. `out` (which may be NULL) is *given* the curve.
/// `RAG_STATUS_INVALID_ARGUMENT` if the questions differ in mode, fusion or weight, have `diversity`
/// or `min_relevance`, or if among all their hits none is or all are relevant.
///
/// Options: `method` (`"auto"`, `"platt"`, `"isotonic"`), `folds`, `seed`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_calibrate(
    collection: *const rag_collection,
    ids: *const *const c_char,
    queries: *const *const rag_query,
    n: usize,
    qrels: *const rag_qrels,
    options: *const rag_options,
    out: *mut *mut rag_calibration,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let ids = texts(ids, ptr::null(), n, "ids")?;
        let asked = ids.into_iter().zip(questions(queries, n)?);
        let asked: Vec<(&str, Query)> = asked.collect();
        let mut chosen = CalibrationOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let curve = handle::with(collection, "collection", |c| {
            handle::with(qrels, "qrels", |q| Ok(c.calibrate(&asked, q, &chosen)?))
        })?;
        match out.is_null() {
            true => Ok(()),
            false => convert::put(out, handle::give(curve), "out"),
        }
    })
}

/// *Gives* the curve of `rag_collection_calibrate`, or NULL if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_calibration(
    collection: *const rag_collection,
    out: *mut *mut rag_calibration,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let curve = handle::with(collection, "collection", |c| Ok(c.calibration()?))?;
        convert::put(out, curve.map_or(ptr::null_mut(), handle::give), "out")
    })
}

/// Forgets the curve; `cleared` (which may be NULL) tells whether there was one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_clear_calibration(
    collection: *const rag_collection,
    cleared: *mut bool,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let held = handle::with(collection, "collection", |c| Ok(c.clear_calibration()?))?;
        tell(cleared, held)
    })
}

/// Embeds every text anew by another model and changes over to it, all or nothing: until then
/// searches and writes go on with the old vectors. `embedded` (which may be NULL) receives how many
/// texts were embedded now: what was done before the process ended or `progress` stopped is kept,
/// and the next call with the same model goes on from there. Options: `forget_learnt`, without which
/// a collection with dials, users or a calibration is refused. `progress` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_reembed(
    collection: *const rag_collection,
    embedder: *const rag_embedder,
    options: *const rag_options,
    progress: rag_progress,
    user: *mut c_void,
    embedded: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let mut chosen = ReembedOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let embedder = handle::with(embedder, "embedder", |e| Ok(e.clone()))?;
        let found = handle::with(collection, "collection", |c| {
            Ok(with_progress(progress, user, |p| {
                c.reembed(embedder, &chosen, p)
            })?)
        })?;
        tell(embedded, found)
    })
}

/// Makes every change durable, and the next opening quick: it need not take in again what there is
/// now. Bytes of what was deleted or replaced are given back where they are more than half.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_checkpoint(
    collection: *const rag_collection,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(collection, "collection", |c| Ok(c.checkpoint()?))
    })
}

/// Gives back disk and memory of what was deleted or replaced. Afterwards it is gone from the files.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_compact(
    collection: *const rag_collection,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(collection, "collection", |c| Ok(c.compact()?))
    })
}

/// Writes a copy into the directory `path`, which must be empty or absent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_backup(
    collection: *const rag_collection,
    path: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let path = self::path(path, "path")?;
        handle::with(collection, "collection", |c| Ok(c.backup(&path)?))
    })
}

/// Reads everything again and compares; *gives* a report as JSON: `ok`, `documents`, `records`,
/// `bytes` and `problems`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_verify(
    collection: *const rag_collection,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let report = handle::with(collection, "collection", |c| Ok(c.verify()?))?;
        give_text(out, report.to_json().to_string())
    })
}

/// *Gives* figures as JSON: `documents`, `vectors`, `dim`, `embedder`, `fingerprint`, `dials`,
/// `calibrated_for`, `text_bytes`, `log_bytes` and `image_bytes`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_stats(
    collection: *const rag_collection,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let stats = handle::with(collection, "collection", |c| Ok(c.stats()?))?;
        give_text(out, stats.to_json().to_string())
    })
}

/// *Gives* the directory of the collection; empty in memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_path(
    collection: *const rag_collection,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let path = handle::with(collection, "collection", |c| Ok(c.path()?))?;
        give_text(
            out,
            path.map_or_else(String::new, |p| p.display().to_string()),
        )
    })
}
