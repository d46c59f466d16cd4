//! `rag_lexical_index`: exact BM25 over texts by key.

use crate::convert::{self, path, slice, texts, writable};
use crate::error::rag_error;
use crate::guard::guard;
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::rankings::{give_rankings, rag_rankings};
use crate::status::rag_status;
use rag_core::retrieval::lexical::{LexicalIndex, LexicalOptions};
use std::ffi::c_char;
use std::ptr;

/// Texts by key, searched by their words. Searches may run from many threads at once; adding and
/// removing need the index for themselves.
pub struct rag_lexical_index {
    _opaque: [u8; 0],
}
noun!(rag_lexical_index => LexicalIndex);

/// *Gives* an empty index. Options: `k1`, `b`, `language`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_lexical_index_new(
    options: *const rag_options,
    out: *mut *mut rag_lexical_index,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let mut chosen = LexicalOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        convert::put(out, handle::give(LexicalIndex::new(&chosen)?), "out")
    })
}

/// *Gives* the index in the file `path`, its options included. `RAG_STATUS_CORRUPT` for a damaged
/// file, `RAG_STATUS_FORMAT_VERSION` for one of a later format.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_lexical_index_open(
    path: *const c_char,
    out: *mut *mut rag_lexical_index,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let index = LexicalIndex::open(self::path(path, "path")?)?;
        convert::put(out, handle::give(index), "out")
    })
}

/// Writes the index to the file `path`: the old file or the new, never a part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_lexical_index_save(
    index: *const rag_lexical_index,
    path: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let path = self::path(path, "path")?;
        handle::with(index, "index", |x| Ok(x.save(&path)?))
    })
}

/// Frees an index. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_lexical_index_free(index: *mut rag_lexical_index) -> rag_status {
    guard(ptr::null_mut(), || handle::free(index, "index"))
}

/// The number of keys.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_lexical_index_len(
    index: *const rag_lexical_index,
    len: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(index, "index", |x| Ok(x.len()))?;
        convert::put(len, found, "len")
    })
}

/// Whether `key` is held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_lexical_index_contains(
    index: *const rag_lexical_index,
    key: u64,
    held: *mut bool,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(index, "index", |x| Ok(x.contains(key)))?;
        convert::put(held, found, "held")
    })
}

/// Adds `n` texts under `n` keys, all or nothing. `lengths` holds their bytes and may be NULL if
/// all of them are NUL-terminated. `RAG_STATUS_ALREADY_EXISTS` if a key is held or stands twice.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_lexical_index_add(
    index: *mut rag_lexical_index,
    keys: *const u64,
    texts: *const *const c_char,
    lengths: *const usize,
    n: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let keys = slice(keys, n, "keys")?;
        let texts = self::texts(texts, lengths, n, "texts")?;
        handle::with_mut(index, "index", |x| Ok(x.add(keys, &texts)?))
    })
}

/// Removes `n` keys, all or nothing. `RAG_STATUS_NOT_FOUND` if one is not held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_lexical_index_remove(
    index: *mut rag_lexical_index,
    keys: *const u64,
    n: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let keys = slice(keys, n, "keys")?;
        handle::with_mut(index, "index", |x| Ok(x.remove(keys)?))
    })
}

/// *Gives* the best `k` keys for each of `n` queries: BM25, larger first, then by key.
///
/// `filter` lends the keys that may be found, or is NULL for all of them. A text without any
/// term of the query is no hit, so that a ranking may be shorter than `k`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_lexical_index_search(
    index: *const rag_lexical_index,
    queries: *const *const c_char,
    lengths: *const usize,
    n: usize,
    k: usize,
    filter: *const u64,
    filter_count: usize,
    out: *mut *mut rag_rankings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let queries = texts(queries, lengths, n, "queries")?;
        let filter = match filter.is_null() && filter_count == 0 {
            true => None,
            false => Some(slice(filter, filter_count, "filter")?),
        };
        writable(out, "out")?;
        let hits = handle::with(index, "index", |x| Ok(x.search(&queries, k, filter)?))?;
        give_rankings(out, hits.into_iter().map(|h| (h.keys, h.scores)))
    })
}
