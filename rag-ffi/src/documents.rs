//! How documents come into a collection and leave it.

use crate::collection::rag_collection;
use crate::convert::{
    self, name, optional_name, optional_texts, rag_progress, tell, texts, with_progress,
};
use crate::error::rag_error;
use crate::fusion::object;
use crate::guard::{Fail, guard};
use crate::handle;
use crate::status::rag_status;
use rag_core::Progress;
use rag_core::collection::{Batch, Collection, Metadata, Removal};
use rag_core::retrieval::filter::Filter;
use std::ffi::{c_char, c_void};
use std::ptr;

/// The documents and the watcher of `rag_collection_add` and its siblings, as they were lent.
struct Given {
    ids: *const *const c_char,
    texts: *const *const c_char,
    lengths: *const usize,
    n: usize,
    vectors: *const f32,
    dim: usize,
    metadata: *const *const c_char,
    progress: rag_progress,
    user: *mut c_void,
}

impl Given {
    unsafe fn batch(&self) -> Result<Batch, Fail> {
        let mut batch = Batch::new(texts(self.ids, ptr::null(), self.n, "ids")?);
        if !self.texts.is_null() {
            let found = optional_texts(self.texts, self.lengths, self.n, "texts")?;
            batch = batch.optional_texts(found.into_iter().map(|t| t.map(str::to_owned)).collect());
        }
        if !self.vectors.is_null() {
            let rows = convert::rows(self.vectors, self.n, self.dim, "vectors")?;
            batch = batch.vectors(rows.data(), self.dim)?;
        }
        if !self.metadata.is_null() {
            let found = optional_texts(self.metadata, ptr::null(), self.n, "metadata")?;
            let parse = |(i, text): (usize, Option<&str>)| match text {
                None => Ok(Metadata::new()),
                Some(text) => object(text).map_err(|e| e.context(format_args!("document {i}"))),
            };
            let found: rag_core::Result<_> = found.into_iter().enumerate().map(parse).collect();
            batch = batch.metadata(found?);
        }
        Ok(batch)
    }
}

/// One of the core's ways to take documents, which answers how many texts were cut.
type Take = fn(&Collection, Batch, Progress<'_>) -> rag_core::Result<usize>;

/// What all ways to add documents do.
unsafe fn put(
    collection: *const rag_collection,
    given: &Given,
    take: Take,
    truncated: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let batch = given.batch()?;
        let found = handle::with(collection, "collection", |c| {
            Ok(with_progress(given.progress, given.user, |p| {
                take(c, batch, p)
            })?)
        })?;
        tell(truncated, found)
    })
}

/// Adds `n` documents, all or nothing. `RAG_STATUS_ALREADY_EXISTS` if an id is here already.
///
/// `texts` may be NULL, and so may single texts; `lengths` holds their bytes, or is NULL if all
/// are NUL-terminated. `vectors` lends `n` rows of `dim` floats, or is NULL: then texts are
/// embedded. `metadata` lends a JSON object for each document, or is NULL, and so may single
/// ones. `progress` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_add(
    collection: *const rag_collection,
    ids: *const *const c_char,
    texts: *const *const c_char,
    lengths: *const usize,
    n: usize,
    vectors: *const f32,
    dim: usize,
    metadata: *const *const c_char,
    progress: rag_progress,
    user: *mut c_void,
    err: *mut *mut rag_error,
) -> rag_status {
    rag_collection_add_counted(
        collection,
        ids,
        texts,
        lengths,
        n,
        vectors,
        dim,
        metadata,
        progress,
        user,
        ptr::null_mut(),
        err,
    )
}

/// As `rag_collection_add`; `truncated` (which may be NULL) receives how many of the texts were
/// longer than `rag_embedder_max_tokens` and were cut there for their vectors. They are kept whole,
/// and searched whole by their words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_add_counted(
    collection: *const rag_collection,
    ids: *const *const c_char,
    texts: *const *const c_char,
    lengths: *const usize,
    n: usize,
    vectors: *const f32,
    dim: usize,
    metadata: *const *const c_char,
    progress: rag_progress,
    user: *mut c_void,
    truncated: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    let given = Given {
        ids,
        texts,
        lengths,
        n,
        vectors,
        dim,
        metadata,
        progress,
        user,
    };
    put(collection, &given, Collection::add_counted, truncated, err)
}

/// As `rag_collection_add`, but replaces documents that are here already, as a whole.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_upsert(
    collection: *const rag_collection,
    ids: *const *const c_char,
    texts: *const *const c_char,
    lengths: *const usize,
    n: usize,
    vectors: *const f32,
    dim: usize,
    metadata: *const *const c_char,
    progress: rag_progress,
    user: *mut c_void,
    err: *mut *mut rag_error,
) -> rag_status {
    rag_collection_upsert_counted(
        collection,
        ids,
        texts,
        lengths,
        n,
        vectors,
        dim,
        metadata,
        progress,
        user,
        ptr::null_mut(),
        err,
    )
}

/// As `rag_collection_upsert`, with `truncated` as in `rag_collection_add_counted`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_upsert_counted(
    collection: *const rag_collection,
    ids: *const *const c_char,
    texts: *const *const c_char,
    lengths: *const usize,
    n: usize,
    vectors: *const f32,
    dim: usize,
    metadata: *const *const c_char,
    progress: rag_progress,
    user: *mut c_void,
    truncated: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    let given = Given {
        ids,
        texts,
        lengths,
        n,
        vectors,
        dim,
        metadata,
        progress,
        user,
    };
    put(
        collection,
        &given,
        Collection::upsert_counted,
        truncated,
        err,
    )
}

/// Removes documents and adds others in one change: a crash leaves the ones or the others, and no search
/// sees both or neither. Those of `removed_count` ids at `removed` are removed, unknown ones being no error,
/// or with a `filter` (JSON; NULL for none) those that it lets through. `replaced` (which may be NULL) tells how
/// many those were; the rest as for `rag_collection_add_counted`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_replace(
    collection: *const rag_collection,
    removed: *const *const c_char,
    removed_count: usize,
    filter: *const c_char,
    ids: *const *const c_char,
    texts: *const *const c_char,
    lengths: *const usize,
    n: usize,
    vectors: *const f32,
    dim: usize,
    metadata: *const *const c_char,
    progress: rag_progress,
    user: *mut c_void,
    replaced: *mut usize,
    truncated: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    let given = Given {
        ids,
        texts,
        lengths,
        n,
        vectors,
        dim,
        metadata,
        progress,
        user,
    };
    guard(err, || {
        let removal = match optional_name(filter, "filter")? {
            Some(filter) => Removal::from(Filter::from_json(filter)?),
            None => {
                let ids = self::texts(removed, ptr::null(), removed_count, "removed")?;
                Removal::from(&ids[..])
            }
        };
        let batch = given.batch()?;
        let put = handle::with(collection, "collection", |c| {
            Ok(with_progress(given.progress, given.user, |p| {
                c.replace_counted(removal, batch, p)
            })?)
        })?;
        tell(replaced, put.removed)?;
        tell(truncated, put.truncated)
    })
}

/// Deletes `n` documents by id, all or nothing; `deleted` (which may be NULL) tells how many were
/// here. Unknown ids are no error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_delete(
    collection: *const rag_collection,
    ids: *const *const c_char,
    n: usize,
    deleted: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let ids = texts(ids, ptr::null(), n, "ids")?;
        let found = handle::with(collection, "collection", |c| Ok(c.delete(&ids)?))?;
        tell(deleted, found)
    })
}

/// Deletes the documents that a filter (JSON) lets through, all or nothing; `deleted` (which may
/// be NULL) tells how many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_delete_where(
    collection: *const rag_collection,
    filter: *const c_char,
    deleted: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let filter = Filter::from_json(name(filter, "filter")?)?;
        let found = handle::with(collection, "collection", |c| Ok(c.delete_where(&filter)?))?;
        tell(deleted, found)
    })
}
