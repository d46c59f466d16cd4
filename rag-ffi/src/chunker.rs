//! `rag_chunker`: documents to passages, and the index terms of a text.

use crate::convert::{self, fill, text, writable};
use crate::embedder::rag_embedder;
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use crate::strings::{give_texts, rag_strings};
use rag_core::Progress;
use rag_core::chunking::{Chunker, ChunkerOptions};
use rag_core::embedding::{Embedder, EncodeOptions};
use rag_core::retrieval::lexical::LexicalOptions;
use rag_core::text::{Analyzer, TokenCounter, estimate_tokens};
use std::ffi::{c_char, c_void};
use std::ptr;

/// Cuts documents into passages. Never changes; usable from many threads.
pub struct rag_chunker {
    _opaque: [u8; 0],
}
noun!(rag_chunker => Chunker);

/// A passage: bytes `start` to `end` (not included) of the text, on character boundaries.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_chunk {
    /// Byte offset of the first character.
    pub start: usize,
    /// Byte offset after the last character.
    pub end: usize,
}

/// Counts the tokens of `length` bytes of UTF-8 (no NUL follows). Called on the calling thread;
/// must not leave by `longjmp` or an exception.
pub type rag_token_counter =
    Option<unsafe extern "C" fn(text: *const c_char, length: usize, user: *mut c_void) -> usize>;

/// *Gives* a chunker. Options: `max_tokens`, `overlap`, `mode`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_chunker_new(
    options: *const rag_options,
    out: *mut *mut rag_chunker,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let mut chosen = ChunkerOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        convert::put(out, handle::give(Chunker::new(&chosen)?), "out")
    })
}

/// Frees a chunker. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_chunker_free(chunker: *mut rag_chunker) -> rag_status {
    guard(ptr::null_mut(), || handle::free(chunker, "chunker"))
}

/// Cuts a text of `length` bytes (or `RAG_NUL_TERMINATED`) into passages at `out`.
///
/// Tokens are counted by `embedder`, or estimated without a model if that is NULL; in the mode `semantic` it also
/// compares sentences, and without one the status is `RAG_STATUS_UNSUPPORTED`. With too
/// little room only `count` is written and the status is `RAG_STATUS_BUFFER_TOO_SMALL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_chunker_split(
    chunker: *const rag_chunker,
    embedder: *const rag_embedder,
    text: *const c_char,
    length: usize,
    out: *mut rag_chunk,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let text = self::text(text, length, "text")?;
        let room = (out, capacity, count);
        handle::with_optional(embedder, "embedder", |embedder| match embedder {
            None => split(chunker, text, &estimate_tokens, None, room),
            Some(embedder) => {
                // A piece counts without what the model adds to every text once.
                let specials = embedder.count_tokens("")?;
                let counter = |piece: &str| {
                    let counted = embedder.count_tokens(piece);
                    counted.map_or_else(|_| estimate_tokens(piece), |n| n.saturating_sub(specials))
                };
                split(chunker, text, &counter, Some(embedder), room)
            }
        })
    })
}

/// As `rag_chunker_split`, with tokens counted by a function of yours. Its count of a long piece
/// should be about the sum of the counts of its parts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_chunker_split_with(
    chunker: *const rag_chunker,
    counter: rag_token_counter,
    user: *mut c_void,
    text: *const c_char,
    length: usize,
    out: *mut rag_chunk,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let text = self::text(text, length, "text")?;
        let call = counter.ok_or(Fail::Null("counter"))?;
        let counter = Counter { call, user };
        split(chunker, text, &counter, None, (out, capacity, count))
    })
}

unsafe fn split(
    chunker: *const rag_chunker,
    text: &str,
    counter: &dyn TokenCounter,
    embedder: Option<&Embedder>,
    (out, capacity, count): (*mut rag_chunk, usize, *mut usize),
) -> Result<(), Fail> {
    let chunks = handle::with(chunker, "chunker", |c| match embedder {
        None => Ok(c.split(text, counter)?),
        Some(embedder) => {
            let options = EncodeOptions::default();
            let vectors = |texts: &[&str]| embedder.encode(texts, &options, Progress::none());
            Ok(c.split_with(text, counter, &vectors)?)
        }
    })?;
    let chunk = |c: &rag_core::chunking::Chunk| rag_chunk {
        start: c.start,
        end: c.end,
    };
    let chunks: Vec<rag_chunk> = chunks.iter().map(chunk).collect();
    fill(&chunks, out, capacity, count, "out")
}

pub(crate) struct Counter {
    pub(crate) call: unsafe extern "C" fn(*const c_char, usize, *mut c_void) -> usize,
    pub(crate) user: *mut c_void,
}

// SAFETY: a counter serves one call, and whoever counts does so on the calling thread, as the header says.
unsafe impl Send for Counter {}
// SAFETY: as for `Send`.
unsafe impl Sync for Counter {}

impl TokenCounter for Counter {
    fn count(&self, text: &str) -> usize {
        // SAFETY: the caller gave a function of this type; the text lives for the call.
        unsafe { (self.call)(text.as_ptr().cast(), text.len(), self.user) }
    }
}

/// *Gives* the index terms of a text of `length` bytes (or `RAG_NUL_TERMINATED`), in order,
/// repeats included: what lexical search compares. Options: `language`, and the others of
/// `rag_lexical_index_new`, which change nothing here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_terms(
    text: *const c_char,
    length: usize,
    options: *const rag_options,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let text = self::text(text, length, "text")?;
        let mut chosen = LexicalOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        give_texts(out, Analyzer::new(chosen.language).terms(text))
    })
}
