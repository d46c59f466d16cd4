//! `rag_pareto_archive`: a front that is kept while points come.

use crate::convert::{self, fill, slice, tell, writable};
use crate::error::rag_error;
use crate::fronts::flags;
use crate::guard::guard;
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use rag_core::routing::{ArchiveOptions, ParetoArchive};
use std::ptr;

/// The points so far that no other dominates, each with a number of the caller's.
pub struct rag_pareto_archive {
    _opaque: [u8; 0],
}
noun!(rag_pareto_archive => ParetoArchive);

/// *Gives* an empty archive for points of `d` numbers.
///
/// `maximize` is as for `rag_pareto_front`. `reference` lends `d` numbers to measure volume from,
/// or none. Options: `capacity`, `keep` (`"crowding"`, `"volume"`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_pareto_archive_new(
    d: usize,
    maximize: *const bool,
    maximize_count: usize,
    reference: *const f64,
    reference_count: usize,
    options: *const rag_options,
    out: *mut *mut rag_pareto_archive,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let maximize = flags(slice(maximize.cast::<u8>(), maximize_count, "maximize")?)?;
        let reference = slice(reference, reference_count, "reference")?;
        let mut chosen = ArchiveOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let archive = ParetoArchive::new(d, maximize, reference, chosen)?;
        convert::put(out, handle::give(archive), "out")
    })
}

/// Frees an archive. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_pareto_archive_free(archive: *mut rag_pareto_archive) -> rag_status {
    guard(ptr::null_mut(), || handle::free(archive, "archive"))
}

/// Offers a point of `d` numbers and tells whether it is `kept`, which may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_pareto_archive_insert(
    archive: *mut rag_pareto_archive,
    point: *const f64,
    d: usize,
    id: u64,
    kept: *mut bool,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let point = slice(point, d, "point")?;
        let found = handle::with_mut(archive, "archive", |a| Ok(a.insert(point, id)?))?;
        tell(kept, found)
    })
}

/// Offers what `other` holds, which must be of the same objectives and stays as it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_pareto_archive_merge(
    archive: *mut rag_pareto_archive,
    other: *const rag_pareto_archive,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        // A copy, so that an archive may be merged with itself.
        let other = handle::with(other, "other", |o| Ok(o.clone()))?;
        handle::with_mut(archive, "archive", |a| Ok(a.merge(&other)?))
    })
}

/// Writes the numbers of the points, those that came first first. With too little room only
/// `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_pareto_archive_ids(
    archive: *const rag_pareto_archive,
    out: *mut u64,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(archive, "archive", |a| {
            fill(a.ids(), out, capacity, count, "out")
        })
    })
}

/// Writes the points, rows of `d` numbers as they were given, in the order of
/// `rag_pareto_archive_ids`. `count` is of numbers; with too little room only it is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_pareto_archive_points(
    archive: *const rag_pareto_archive,
    out: *mut f64,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(archive, "archive", |a| {
            fill(&a.points(), out, capacity, count, "out")
        })
    })
}
