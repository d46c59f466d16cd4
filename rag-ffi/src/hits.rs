//! `rag_hits` and `rag_documents`: what a collection finds and gives back.

use crate::convert::{put, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::status::rag_status;
use crate::strings::{Text, item};
use rag_core::collection::{Document, Hit, Metadata};
use std::ffi::c_char;
use std::ptr;

/// What a search found, best first. Never changes; usable from many threads.
pub struct rag_hits {
    _opaque: [u8; 0],
}
noun!(rag_hits => Vec<HeldHit>);

/// Documents in the order in which they were asked for. Never changes; usable from many threads.
pub struct rag_documents {
    _opaque: [u8; 0],
}
noun!(rag_documents => Vec<Option<HeldDocument>>);

/// One hit. All texts are UTF-8, NUL-terminated, and *lent* until the hits are freed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_hit {
    /// The document's id.
    pub id: *const c_char,
    /// Bytes of the id.
    pub id_length: usize,
    /// The document's text, or NULL.
    pub text: *const c_char,
    /// Bytes of the text.
    pub text_length: usize,
    /// The document's metadata: a JSON object.
    pub metadata: *const c_char,
    /// Bytes of the metadata.
    pub metadata_length: usize,
    /// The split of the score as JSON if the query asked for it, or NULL.
    pub explanation: *const c_char,
    /// Bytes of the split.
    pub explanation_length: usize,
    /// What the hits are ordered by, larger first.
    pub score: f32,
    /// The BM25 score; NaN in dense mode.
    pub lexical_score: f32,
    /// The cosine with the (steered) query; NaN in lexical mode or without a vector.
    pub dense_score: f32,
    /// The probability of relevance; NaN unless the collection was calibrated for such searches.
    pub relevance: f32,
}

/// One document. All texts are UTF-8, NUL-terminated, and everything is *lent* until the
/// documents are freed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_document {
    /// The id, or NULL if the collection has no such document; then all else is NULL and 0.
    pub id: *const c_char,
    /// Bytes of the id.
    pub id_length: usize,
    /// The text, or NULL.
    pub text: *const c_char,
    /// Bytes of the text.
    pub text_length: usize,
    /// The metadata: a JSON object.
    pub metadata: *const c_char,
    /// Bytes of the metadata.
    pub metadata_length: usize,
    /// The vector as stored, of unit length, or NULL.
    pub vector: *const f32,
    /// Floats of the vector.
    pub dim: usize,
}

pub(crate) struct HeldHit {
    id: Text,
    text: Option<Text>,
    metadata: Text,
    explanation: Option<Text>,
    scores: (f32, Option<f32>, Option<f32>, Option<f32>),
}

pub(crate) struct HeldDocument {
    id: Text,
    text: Option<Text>,
    metadata: Text,
    vector: Option<Vec<f32>>,
}

fn json(metadata: &Metadata) -> Text {
    let text = serde_json::to_string(metadata);
    Text::new(text.expect("a JSON object always has a text"))
}

fn lent(text: Option<&Text>) -> (*const c_char, usize) {
    text.map_or((ptr::null(), 0), |t| (t.as_ptr(), t.len()))
}

/// Hits behind a handle.
pub(crate) fn held(hits: Vec<Hit>) -> *mut rag_hits {
    let hold = |hit: Hit| HeldHit {
        id: Text::new(hit.id),
        text: hit.text.map(|text| Text::new(&*text)),
        metadata: json(&hit.metadata),
        explanation: hit.explanation.map(|e| Text::new(e.to_json().to_string())),
        scores: (hit.score, hit.lexical_score, hit.dense_score, hit.relevance),
    };
    handle::give(hits.into_iter().map(hold).collect::<Vec<_>>())
}

/// Gives documents.
pub(crate) unsafe fn give_documents(
    out: *mut *mut rag_documents,
    documents: Vec<Option<Document>>,
) -> Result<(), Fail> {
    writable(out, "out")?;
    let hold = |document: Document| HeldDocument {
        id: Text::new(document.id),
        text: document.text.map(Text::new),
        metadata: json(&document.metadata),
        vector: document.vector,
    };
    let documents: Vec<_> = documents.into_iter().map(|d| d.map(hold)).collect();
    put(out, handle::give(documents), "out")
}

/// The number of hits. 0 for a handle that is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_hits_len(hits: *const rag_hits) -> usize {
    let mut len = 0;
    guard(ptr::null_mut(), || {
        handle::with(hits, "hits", |h| {
            len = h.len();
            Ok(())
        })
    });
    len
}

/// Hit `index`, 0 being the best. `RAG_STATUS_INVALID_ARGUMENT` past the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_hits_get(
    hits: *const rag_hits,
    index: usize,
    hit: *mut rag_hit,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(hits, "hits", |h| {
            let held = item(h, index)?;
            let (text, text_length) = lent(held.text.as_ref());
            let (explanation, explanation_length) = lent(held.explanation.as_ref());
            let (score, lexical, dense, relevance) = held.scores;
            let found = rag_hit {
                id: held.id.as_ptr(),
                id_length: held.id.len(),
                text,
                text_length,
                metadata: held.metadata.as_ptr(),
                metadata_length: held.metadata.len(),
                explanation,
                explanation_length,
                score,
                lexical_score: lexical.unwrap_or(f32::NAN),
                dense_score: dense.unwrap_or(f32::NAN),
                relevance: relevance.unwrap_or(f32::NAN),
            };
            put(hit, found, "hit")
        })
    })
}

/// Frees hits. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_hits_free(hits: *mut rag_hits) -> rag_status {
    guard(ptr::null_mut(), || handle::free(hits, "hits"))
}

/// The number of documents asked for. 0 for a handle that is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_documents_len(documents: *const rag_documents) -> usize {
    let mut len = 0;
    guard(ptr::null_mut(), || {
        handle::with(documents, "documents", |d| {
            len = d.len();
            Ok(())
        })
    });
    len
}

/// Document `index`; its `id` is NULL if there is none. `RAG_STATUS_INVALID_ARGUMENT` past the
/// end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_documents_get(
    documents: *const rag_documents,
    index: usize,
    document: *mut rag_document,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(documents, "documents", |d| {
            let held = item(d, index)?.as_ref();
            let (id, id_length) = lent(held.map(|h| &h.id));
            let (text, text_length) = lent(held.and_then(|h| h.text.as_ref()));
            let (metadata, metadata_length) = lent(held.map(|h| &h.metadata));
            let vector = held.and_then(|h| h.vector.as_ref());
            let found = rag_document {
                id,
                id_length,
                text,
                text_length,
                metadata,
                metadata_length,
                vector: vector.map_or(ptr::null(), |v| v.as_ptr()),
                dim: vector.map_or(0, Vec::len),
            };
            put(document, found, "document")
        })
    })
}

/// Frees documents. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_documents_free(documents: *mut rag_documents) -> rag_status {
    guard(ptr::null_mut(), || handle::free(documents, "documents"))
}
