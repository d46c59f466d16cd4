//! Answers as files for others, and several of them held against each other. Both take and give JSON.

use crate::convert::{name, text, writable};
use crate::embedder::rag_embedder;
use crate::error::rag_error;
use crate::guard::guard;
use crate::handle;
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use crate::strings::{give_text, rag_string};
use rag_core::Progress;
use rag_core::answer::Offsets;
use rag_core::comparison::{ComparisonOptions, compare_json};
use rag_core::embedding::EncodeOptions;
use rag_core::export::{ExportOptions, Format, export_json};
use rag_core::generation::Vectors;
use std::ffi::c_char;
use std::sync::Arc;

/// *Gives* answers or evidence as the text of a file: `markdown`, `json`, `jsonl`, `csv`, `html`, `xml`, `bibtex`, `ris`,
/// `latex`, `text` or `template`. Whatever stands in them is escaped for the format.
///
/// `given` is JSON of `length` bytes (or `RAG_NUL_TERMINATED`): an answer or a piece of evidence, a list of either, or
/// a file that this function wrote as `json` or `jsonl`. Offsets are bytes. Options: `citation_template`, `details`,
/// `embed_json`, `escape`, `full_passages`, `guard_formulas`, `keep_markdown`, `rows`, `separator`, `source_template`,
/// `sources`, `standalone`, `template`, `title`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_export(
    given: *const c_char,
    length: usize,
    format: *const c_char,
    options: *const rag_options,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let given = text(given, length, "given")?;
        let format = Format::parse("format", name(format, "format")?)?;
        let mut chosen = ExportOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        give_text(out, export_json(given, format, &chosen, Offsets::Bytes)?)
    })
}

/// *Gives* a comparison of texts as JSON: `agreement`, `pairs`, the themes that are `common`, `shared` or `unique`,
/// `contradictions`, `contradiction_count`, the figures of each of `texts`, and `by_vectors`. Offsets are bytes.
///
/// `given` is JSON of `length` bytes (or `RAG_NUL_TERMINATED`): a list of 2 to 100 texts, answers, evidence, or
/// `{"text", "passages": [...]}`. Sentences are compared by vectors of `embedder`, or, if that is NULL, by their words.
/// Options: `language`, `max_contradictions`, `max_sentences`, `min_likeness`, `min_overlap`, `terms`, `threshold`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_compare(
    given: *const c_char,
    length: usize,
    embedder: *const rag_embedder,
    options: *const rag_options,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let given = text(given, length, "given")?;
        let mut chosen = ComparisonOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let embedder = handle::with_optional(embedder, "embedder", |e| Ok(e.cloned()))?;
        let vectors = embedder.map(|embedder| -> Vectors {
            Arc::new(move |texts: &[&str]| {
                embedder.encode(texts, &EncodeOptions::default(), Progress::none())
            })
        });
        let found = compare_json(given, vectors.as_ref(), &chosen, Offsets::Bytes)?;
        give_text(out, found)
    })
}
