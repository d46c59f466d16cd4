//! Fronts, ranks, crowding and hypervolume of points.

use crate::convert::{self, fill, optional_name, slice, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use rag_core::Error;
use rag_core::options::{OptionField, OptionValue};
use rag_core::routing::{
    ChebyshevOptions, Epsilon, chebyshev, crowding_distance, distance_to_ideal, epsilon_front,
    hypervolume, hypervolume_contributions, knee, nondominated_sort, pareto_front,
};
use std::ffi::c_char;

/// `n` points of `d` numbers each, and which of the `d` are maximised.
pub(crate) unsafe fn points<'a>(
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

pub(crate) unsafe fn flags(bytes: &[u8]) -> Result<&[bool], Fail> {
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

/// Writes the volume that each of the `n` points alone dominates to `contributions`: what
/// `rag_hypervolume` would lose without it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_hypervolume_contributions(
    points: *const f64,
    n: usize,
    d: usize,
    reference: *const f64,
    maximize: *const bool,
    maximize_count: usize,
    contributions: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let (points, maximize) = self::points(points, n, d, maximize, maximize_count)?;
        let reference = slice(reference, d, "reference")?;
        let found = hypervolume_contributions(points, d, reference, maximize)?;
        fill(&found, contributions, n, &mut 0, "contributions")
    })
}

/// Writes the indices, ascending, of a part of the front that stands for all of it: one point for
/// each box that is `epsilon` wide, a number for each of the `d` or one for all (Laumanns et al.,
/// 2002). `kind` is `"additive"` or `"multiplicative"`, or NULL for the first. With too little
/// room only `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_epsilon_front(
    points: *const f64,
    n: usize,
    d: usize,
    epsilon: *const f64,
    epsilon_count: usize,
    kind: *const c_char,
    maximize: *const bool,
    maximize_count: usize,
    out: *mut usize,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let (points, maximize) = self::points(points, n, d, maximize, maximize_count)?;
        let epsilon = slice(epsilon, epsilon_count, "epsilon")?;
        let kind = match optional_name(kind, "kind")? {
            None => Epsilon::default(),
            Some(name) => Epsilon::from_value("kind", &OptionValue::from(name))?,
        };
        let found = epsilon_front(points, d, epsilon, kind, maximize)?;
        fill(&found, out, capacity, count, "out")
    })
}

/// The index of the knee of the front: the point that bulges farthest towards the ideal (Das,
/// 1999).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_knee(
    points: *const f64,
    n: usize,
    d: usize,
    maximize: *const bool,
    maximize_count: usize,
    index: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(index, "index")?;
        let (points, maximize) = self::points(points, n, d, maximize, maximize_count)?;
        convert::put(index, knee(points, d, maximize)?, "index")
    })
}

/// Writes how far each of the `n` points is from the ideal, columns scaled to their range on the
/// front and times `weights`: a number for each of the `d`, or one for all, or none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_distance_to_ideal(
    points: *const f64,
    n: usize,
    d: usize,
    weights: *const f64,
    weight_count: usize,
    maximize: *const bool,
    maximize_count: usize,
    distances: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let (points, maximize) = self::points(points, n, d, maximize, maximize_count)?;
        let weights = slice(weights, weight_count, "weights")?;
        let found = distance_to_ideal(points, d, weights, maximize)?;
        fill(&found, distances, n, &mut 0, "distances")
    })
}

/// Writes the augmented Chebyshev score of each of the `n` points; the least is the best (Steuer
/// and Choo, 1983). `weights` are as for `rag_distance_to_ideal`; `reference` lends the `d`
/// numbers that are wished for, or none to take the ideal. Options: `rho`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_chebyshev(
    points: *const f64,
    n: usize,
    d: usize,
    weights: *const f64,
    weight_count: usize,
    reference: *const f64,
    reference_count: usize,
    maximize: *const bool,
    maximize_count: usize,
    options: *const rag_options,
    scores: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let (points, maximize) = self::points(points, n, d, maximize, maximize_count)?;
        let weights = slice(weights, weight_count, "weights")?;
        let reference = slice(reference, reference_count, "reference")?;
        let mut chosen = ChebyshevOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let found = chebyshev(points, d, weights, reference, maximize, &chosen)?;
        fill(&found, scores, n, &mut 0, "scores")
    })
}
