//! `rag_dense_index`: vectors by key.

use crate::convert::{self, fill, path, rag_progress, rows, slice, with_progress, writable};
use crate::error::rag_error;
use crate::guard::guard;
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::rankings::{give_rankings, rag_rankings};
use crate::status::rag_status;
use rag_core::retrieval::dense::{DenseIndex, DenseOptions, DenseSearchOptions};
use rag_core::{Error, ErrorKind};
use std::ffi::{c_char, c_void};
use std::ptr;

/// Vectors by key, searched by likeness. All calls may come from many threads at once: changes take
/// turns, and searches go on beside them.
pub struct rag_dense_index {
    _opaque: [u8; 0],
}
noun!(rag_dense_index => DenseIndex);

/// *Gives* an empty index for vectors of `dim` floats. Options: `metric`, `precision`, `seed`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_dense_index_new(
    dim: usize,
    options: *const rag_options,
    out: *mut *mut rag_dense_index,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let mut chosen = DenseOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        convert::put(out, handle::give(DenseIndex::new(dim, &chosen)?), "out")
    })
}

/// *Gives* the index in the file `path`. `mmap` asks for mapped memory where that is possible.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_dense_index_open(
    path: *const c_char,
    mmap: bool,
    out: *mut *mut rag_dense_index,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let index = DenseIndex::open(&self::path(path, "path")?, mmap)?;
        convert::put(out, handle::give(index), "out")
    })
}

/// Writes the index to the file `path`: the old file or the new, never a part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_dense_index_save(
    index: *const rag_dense_index,
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
pub unsafe extern "C" fn rag_dense_index_free(index: *mut rag_dense_index) -> rag_status {
    guard(ptr::null_mut(), || handle::free(index, "index"))
}

/// The dimension of the vectors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_dense_index_dim(
    index: *const rag_dense_index,
    dim: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(index, "index", |x| Ok(x.dim()))?;
        convert::put(dim, found, "dim")
    })
}

/// The number of vectors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_dense_index_len(
    index: *const rag_dense_index,
    len: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(index, "index", |x| Ok(x.len()?))?;
        convert::put(len, found, "len")
    })
}

/// Bytes of memory for vectors, codes, links, keys and their table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_dense_index_bytes(
    index: *const rag_dense_index,
    bytes: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(index, "index", |x| Ok(x.bytes()?))?;
        convert::put(bytes, found, "bytes")
    })
}

/// Whether `key` is held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_dense_index_contains(
    index: *const rag_dense_index,
    key: u64,
    held: *mut bool,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(index, "index", |x| Ok(x.contains(key)?))?;
        convert::put(held, found, "held")
    })
}

/// Copies the keys, ascending. With too little room only `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_dense_index_keys(
    index: *const rag_dense_index,
    out: *mut u64,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let keys = handle::with(index, "index", |x| Ok(x.keys()?))?;
        fill(&keys, out, capacity, count, "out")
    })
}

/// Copies the vector of `key` as it is kept (of unit length under cosine), or
/// `RAG_STATUS_NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_dense_index_vector(
    index: *const rag_dense_index,
    key: u64,
    out: *mut f32,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(index, "index", |x| {
            let missing = || {
                Error::new(
                    ErrorKind::NotFound,
                    format!("key {key} is not in the index"),
                )
            };
            let vector = x.vector(key)?.ok_or_else(missing)?;
            fill(&vector, out, capacity, count, "out")
        })
    })
}

/// Adds `n` vectors, rows of `dim` floats, under `n` keys: all or nothing. Searches find them from
/// one moment on, and go on while they are linked.
/// `RAG_STATUS_ALREADY_EXISTS` if a key is held or stands twice.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_dense_index_add(
    index: *const rag_dense_index,
    keys: *const u64,
    vectors: *const f32,
    n: usize,
    dim: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let keys = slice(keys, n, "keys")?;
        let vectors = rows(vectors, n, dim, "vectors")?;
        handle::with(index, "index", |x| Ok(x.add(keys, vectors)?))
    })
}

/// Removes `n` keys, all or nothing. `RAG_STATUS_NOT_FOUND` if one is not held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_dense_index_remove(
    index: *const rag_dense_index,
    keys: *const u64,
    n: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let keys = slice(keys, n, "keys")?;
        handle::with(index, "index", |x| Ok(x.remove(keys)?))
    })
}

/// *Gives* the best `k` keys for each of `n` queries, rows of `dim` floats: larger scores first,
/// then by key. A ranking is shorter than `k` only if there are fewer keys that may be found.
///
/// `filter` lends the keys that may be found, or is NULL for all of them; it never costs hits. The
/// last few filters are remembered while nothing changes: the same keys again cost little.
/// `progress` may be NULL. Options: `effort`, `exact`, `threads`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_dense_index_search(
    index: *const rag_dense_index,
    queries: *const f32,
    n: usize,
    dim: usize,
    k: usize,
    filter: *const u64,
    filter_count: usize,
    options: *const rag_options,
    progress: rag_progress,
    user: *mut c_void,
    out: *mut *mut rag_rankings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let queries = rows(queries, n, dim, "queries")?;
        let filter = match filter.is_null() && filter_count == 0 {
            true => None,
            false => Some(slice(filter, filter_count, "filter")?),
        };
        let mut chosen = DenseSearchOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let hits = handle::with(index, "index", |x| {
            Ok(with_progress(progress, user, |mut p| {
                x.search(queries, k, &chosen, filter, &mut p)
            })?)
        })?;
        let lists = (0..queries.len()).map(|i| {
            let (keys, scores) = hits.row(i);
            (keys.to_vec(), scores.to_vec())
        });
        give_rankings(out, lists)
    })
}
