//! `rag_embedder`: texts to vectors.

use crate::convert::{self, fill, rag_progress, tell, text, texts, with_progress, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use crate::strings::{give_text, rag_string};
use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions};
use std::ffi::{c_char, c_void};
use std::ptr;

/// A model that turns texts into vectors. Never changes; usable from many threads.
pub struct rag_embedder {
    _opaque: [u8; 0],
}
noun!(rag_embedder => Embedder);

/// Opens the model in the folder `path`, or the built-in model for NULL, and *gives* it.
///
/// Options: `device`, `precision`, `threads`, `max_tokens`, `max_wait_ms`, `max_batch`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_embedder_open(
    path: *const c_char,
    options: *const rag_options,
    out: *mut *mut rag_embedder,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let mut chosen = EmbedderOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let embedder = match path.is_null() {
            true => Embedder::built_in(&chosen)?,
            false => Embedder::open(convert::path(path, "path")?, &chosen)?,
        };
        convert::put(out, handle::give(embedder), "out")
    })
}

/// Frees an embedder. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`. Collections
/// that were opened with it keep the model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_embedder_free(embedder: *mut rag_embedder) -> rag_status {
    guard(ptr::null_mut(), || handle::free(embedder, "embedder"))
}

/// The dimension of the vectors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_embedder_dim(
    embedder: *const rag_embedder,
    dim: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(embedder, "embedder", |e| Ok(e.dim()))?;
        convert::put(dim, found, "dim")
    })
}

/// The tokens of a text that are read; the rest of a longer one is not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_embedder_max_tokens(
    embedder: *const rag_embedder,
    max_tokens: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(embedder, "embedder", |e| Ok(e.max_tokens()))?;
        convert::put(max_tokens, found, "max_tokens")
    })
}

/// A hash of everything that decides the vectors: two embedders with one fingerprint agree.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_embedder_fingerprint(
    embedder: *const rag_embedder,
    fingerprint: *mut u64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(embedder, "embedder", |e| Ok(e.fingerprint()))?;
        convert::put(fingerprint, found, "fingerprint")
    })
}

/// *Gives* the name of the model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_embedder_name(
    embedder: *const rag_embedder,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(embedder, "embedder", |e| give_text(out, e.name()))
    })
}

/// *Gives* the name of the arithmetic that is used, such as `"f32"`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_embedder_precision(
    embedder: *const rag_embedder,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(embedder, "embedder", |e| {
            give_text(out, e.precision().name())
        })
    })
}

/// Counts the model's tokens of a text of `length` bytes (or `RAG_NUL_TERMINATED`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_embedder_count_tokens(
    embedder: *const rag_embedder,
    text: *const c_char,
    length: usize,
    tokens: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let text = self::text(text, length, "text")?;
        let found = handle::with(embedder, "embedder", |e| Ok(e.count_tokens(text)?))?;
        convert::put(tokens, found, "tokens")
    })
}

/// Embeds `n` texts into `n` rows of `rag_embedder_dim` floats at `out`.
///
/// `lengths` holds their bytes and may be NULL if all of them are NUL-terminated. `capacity` is
/// the room at `out` in floats, `count` receives how many were written. `progress` may be NULL.
/// Options: `kind`, `normalize`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_embedder_encode(
    embedder: *const rag_embedder,
    texts: *const *const c_char,
    lengths: *const usize,
    n: usize,
    options: *const rag_options,
    progress: rag_progress,
    user: *mut c_void,
    out: *mut f32,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    rag_embedder_encode_counted(
        embedder,
        texts,
        lengths,
        n,
        options,
        progress,
        user,
        out,
        capacity,
        count,
        ptr::null_mut(),
        err,
    )
}

/// As `rag_embedder_encode`; `truncated` (which may be NULL) receives how many of the texts were
/// longer than `rag_embedder_max_tokens` and were cut there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_embedder_encode_counted(
    embedder: *const rag_embedder,
    texts: *const *const c_char,
    lengths: *const usize,
    n: usize,
    options: *const rag_options,
    progress: rag_progress,
    user: *mut c_void,
    out: *mut f32,
    capacity: usize,
    count: *mut usize,
    truncated: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let texts = self::texts(texts, lengths, n, "texts")?;
        let mut chosen = EncodeOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        handle::with(embedder, "embedder", |e| {
            // Asked before the work: a model may run for minutes.
            let floats = texts.len().saturating_mul(e.dim());
            if capacity < floats {
                convert::put(count, floats, "count")?;
                return Err(Fail::Buffer("out", floats, capacity));
            }
            writable(count, "count")?;
            let done = with_progress(progress, user, |p| e.encode_counted(&texts, &chosen, p))?;
            fill(done.rows.rows().data(), out, capacity, count, "out")?;
            tell(truncated, done.truncated)
        })
    })
}
