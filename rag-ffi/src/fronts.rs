//! Fronts, ranks, crowding and hypervolume of points.

use crate::convert::{self, fill, slice, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::status::rag_status;
use rag_core::Error;
use rag_core::routing::{crowding_distance, hypervolume, nondominated_sort, pareto_front};

/// `n` points of `d` numbers each, and which of the `d` are maximised.
unsafe fn points<'a>(
    data: *const f64,
    n: usize,
    d: usize,
    maximize: *const bool,
    maximize_count: usize,
) -> Result<(&'a [f64], &'a [bool]), Fail> {
    let Some(numbers) = n.checked_mul(d) else {
        return Err(Error::invalid(format!("points cannot have {n} rows of {d}")).into());
    };
    // Read as bytes: in C any byte may sit in a bool.
    let maximize = flags(slice(maximize.cast::<u8>(), maximize_count, "maximize")?)?;
    Ok((slice(data, numbers, "points")?, maximize))
}

unsafe fn flags(bytes: &[u8]) -> Result<&[bool], Fail> {
    if let Some(bad) = bytes.iter().find(|b| **b > 1) {
        return Err(Error::invalid(format!("maximize must hold 0 or 1, got {bad}")).into());
    }
    // SAFETY: every byte is 0 or 1, which are the two values of a bool, of the same size.
    Ok(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) })
}

/// Writes the indices, ascending, of the points that no other one dominates.
///
/// `points` lends `n` rows of `d` numbers. `maximize` lends a flag for each of the `d` (`false`:
/// smaller is better), or one for all, or none to minimise all. Equal points all stay; infinities are values, NaN is refused. With
/// too little room only `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_pareto_front(
    points: *const f64,
    n: usize,
    d: usize,
    maximize: *const bool,
    maximize_count: usize,
    out: *mut usize,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let (points, maximize) = self::points(points, n, d, maximize, maximize_count)?;
        fill(
            &pareto_front(points, d, maximize)?,
            out,
            capacity,
            count,
            "out",
        )
    })
}

/// Writes the rank of each of the `n` points to `ranks`: 0 on the front, 1 on the front of the
/// rest, and so on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_nondominated_sort(
    points: *const f64,
    n: usize,
    d: usize,
    maximize: *const bool,
    maximize_count: usize,
    ranks: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let (points, maximize) = self::points(points, n, d, maximize, maximize_count)?;
        let mut count = 0;
        fill(
            &nondominated_sort(points, d, maximize)?,
            ranks,
            n,
            &mut count,
            "ranks",
        )
    })
}

/// Writes the crowding distance of each of the `n` points to `distances`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_crowding_distance(
    points: *const f64,
    n: usize,
    d: usize,
    distances: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let (points, _) = self::points(points, n, d, std::ptr::null(), 0)?;
        let mut count = 0;
        fill(
            &crowding_distance(points, d)?,
            distances,
            n,
            &mut count,
            "distances",
        )
    })
}

/// The volume that the points dominate, up to `reference`, `d` numbers that bound it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_hypervolume(
    points: *const f64,
    n: usize,
    d: usize,
    reference: *const f64,
    maximize: *const bool,
    maximize_count: usize,
    volume: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(volume, "volume")?;
        let (points, maximize) = self::points(points, n, d, maximize, maximize_count)?;
        let reference = slice(reference, d, "reference")?;
        convert::put(
            volume,
            hypervolume(points, d, reference, maximize)?,
            "volume",
        )
    })
}
