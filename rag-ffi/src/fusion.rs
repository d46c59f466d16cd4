//! One ranking from several, a ranking with diversity, and filters on their own.

use crate::convert::{self, fill, name, rows, slice, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::options::{apply, rag_options};
use crate::rankings::{give_rankings, rag_rankings};
use crate::status::rag_status;
use rag_core::retrieval::diversity::{MmrOptions, mmr};
use rag_core::retrieval::filter::Filter;
use rag_core::retrieval::fusion::{FuseOptions, fuse};
use rag_core::{Error, Result};
use std::ffi::c_char;

/// Fuses `n` rankings of ids by their ranks and *gives* one: every id once, larger scores first,
/// then by id. `lengths` holds the number of ids in each. Options: `k`, the constant of
/// reciprocal rank fusion.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_fuse(
    rankings: *const *const u64,
    lengths: *const usize,
    n: usize,
    options: *const rag_options,
    out: *mut *mut rag_rankings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let (rankings, lengths) = (
            slice(rankings, n, "rankings")?,
            slice(lengths, n, "lengths")?,
        );
        let lists = rankings.iter().zip(lengths);
        let lists: std::result::Result<Vec<&[u64]>, Fail> = lists
            .map(|(&ids, &count)| slice(ids, count, "rankings"))
            .collect();
        let mut chosen = FuseOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let fused = fuse(&lists?, &chosen)?;
        give_rankings(out, [fused.into_iter().unzip()])
    })
}

/// Writes the positions of at most `k` of `n` candidates in the order in which maximal marginal
/// relevance takes them. `vectors` lends a row of `dim` floats for each. Options: `diversity`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_mmr(
    relevance: *const f32,
    vectors: *const f32,
    n: usize,
    dim: usize,
    k: usize,
    options: *const rag_options,
    out: *mut usize,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let relevance = slice(relevance, n, "relevance")?;
        let vectors = rows(vectors, n, dim, "vectors")?;
        let mut chosen = MmrOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        fill(
            &mmr(relevance, vectors, k, &chosen)?,
            out,
            capacity,
            count,
            "out",
        )
    })
}

/// Whether a filter (JSON) lets a document with this metadata (a JSON object) through.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_filter_matches(
    filter: *const c_char,
    metadata: *const c_char,
    matches: *mut bool,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let filter = Filter::from_json(name(filter, "filter")?)?;
        let metadata = object(name(metadata, "metadata")?)?;
        convert::put(matches, filter.matches(&metadata), "matches")
    })
}

/// Metadata as it crosses the border: a JSON object.
pub(crate) fn object(text: &str) -> Result<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_str(text)
        .map_err(|e| Error::invalid(format!("the metadata is not a JSON object: {e}")))
}
