//! `rag_rankings`: what searches of bare indexes find, one list of keys and scores a query.

use crate::convert::{put, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::status::rag_status;
use crate::strings::item;
use std::ptr;

/// Keys with scores, one list for each query, best first. Never changes; usable from many
/// threads.
pub struct rag_rankings {
    _opaque: [u8; 0],
}
noun!(rag_rankings => Vec<(Vec<u64>, Vec<f32>)>);

pub(crate) unsafe fn give_rankings(
    out: *mut *mut rag_rankings,
    rankings: impl IntoIterator<Item = (Vec<u64>, Vec<f32>)>,
) -> Result<(), Fail> {
    writable(out, "out")?;
    put(
        out,
        handle::give(rankings.into_iter().collect::<Vec<_>>()),
        "out",
    )
}

/// The number of lists: one for each query. 0 for a handle that is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_rankings_len(rankings: *const rag_rankings) -> usize {
    let mut len = 0;
    guard(ptr::null_mut(), || {
        handle::with(rankings, "rankings", |r| {
            len = r.len();
            Ok(())
        })
    });
    len
}

/// List `index`: `count` keys with their scores. Both arrays are *lent* until the rankings are
/// freed. `RAG_STATUS_INVALID_ARGUMENT` past the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_rankings_get(
    rankings: *const rag_rankings,
    index: usize,
    keys: *mut *const u64,
    scores: *mut *const f32,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(keys, "keys")?;
        writable(scores, "scores")?;
        writable(count, "count")?;
        handle::with(rankings, "rankings", |r| {
            let (found_keys, found_scores) = item(r, index)?;
            put(keys, found_keys.as_ptr(), "keys")?;
            put(scores, found_scores.as_ptr(), "scores")?;
            put(count, found_keys.len(), "count")
        })
    })
}

/// Frees rankings. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_rankings_free(rankings: *mut rag_rankings) -> rag_status {
    guard(ptr::null_mut(), || handle::free(rankings, "rankings"))
}
