//! `rag_calibration`: how likely a document with a score is to be relevant.

use crate::convert::{self, fill, path, slice, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use rag_core::calibration::{Bin, Calibration, CalibrationOptions, Method};
use std::ffi::c_char;
use std::ptr;

/// A curve from scores to probabilities of relevance, which never falls. Never changes; usable
/// from many threads.
pub struct rag_calibration {
    _opaque: [u8; 0],
}
noun!(rag_calibration => Calibration);

/// What a curve was fitted to, and how well such a curve does on pairs held out.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_calibration_report {
    /// The form of the curve, `"platt"` or `"isotonic"`: a constant that is never freed.
    pub method: *const c_char,
    /// Pairs seen so far, earlier fits included.
    pub pairs: usize,
    /// The weight of the relevant ones.
    pub positives: f64,
    /// The weight of the irrelevant ones.
    pub negatives: f64,
    /// Folds that were held out; 0 if there were too few pairs, and then the rest is NaN.
    pub folds: usize,
    /// The mean squared error.
    pub brier: f64,
    /// The mean negative logarithm of the probability of what was the case.
    pub log_loss: f64,
    /// The expected calibration error over ten bins.
    pub ece: f64,
}

/// Pairs whose held-out probability fell into one tenth.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_calibration_bin {
    /// The lower end of the tenth.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The weight of the pairs in it.
    pub weight: f64,
    /// The mean probability that was predicted for them.
    pub predicted: f64,
    /// The share of them that is relevant.
    pub observed: f64,
}

/// Scores, relevances and weights of `n` pairs.
type Pairs<'a> = (&'a [f64], &'a [f64], Option<&'a [f64]>);

unsafe fn pairs<'a>(
    scores: *const f64,
    relevant: *const f64,
    weights: *const f64,
    n: usize,
) -> Result<Pairs<'a>, Fail> {
    let weights = match weights.is_null() {
        true => None,
        false => Some(slice(weights, n, "weights")?),
    };
    Ok((
        slice(scores, n, "scores")?,
        slice(relevant, n, "relevant")?,
        weights,
    ))
}

/// *Gives* a calibration of `n` pairs of a score and a relevance (0, 1 or a share between), each
/// counting as often as its weight; NULL for `weights` if each counts once.
///
/// Options: `method` (`"auto"`, `"platt"`, `"isotonic"`), `folds`, `seed`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_calibration_fit(
    scores: *const f64,
    relevant: *const f64,
    weights: *const f64,
    n: usize,
    options: *const rag_options,
    out: *mut *mut rag_calibration,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let (scores, relevant, weights) = pairs(scores, relevant, weights, n)?;
        let mut chosen = CalibrationOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let fitted = Calibration::fit(scores, relevant, weights, &chosen)?;
        convert::put(out, handle::give(fitted), "out")
    })
}

/// *Gives* the calibration of `n` more pairs besides those of `calibration`, which stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_calibration_updated(
    calibration: *const rag_calibration,
    scores: *const f64,
    relevant: *const f64,
    weights: *const f64,
    n: usize,
    out: *mut *mut rag_calibration,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let (scores, relevant, weights) = pairs(scores, relevant, weights, n)?;
        let updated = handle::with(calibration, "calibration", |c| {
            Ok(c.updated(scores, relevant, weights)?)
        })?;
        convert::put(out, handle::give(updated), "out")
    })
}

/// *Gives* the calibration of the pairs of both, with the options of the first. Both stay.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_calibration_merged(
    calibration: *const rag_calibration,
    other: *const rag_calibration,
    out: *mut *mut rag_calibration,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let merged = handle::with(calibration, "calibration", |c| {
            handle::with(other, "other", |o| Ok(c.merged(o)?))
        })?;
        convert::put(out, handle::give(merged), "out")
    })
}

/// Writes the probability of relevance at each of `n` scores to `probabilities`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_calibration_predict(
    calibration: *const rag_calibration,
    scores: *const f64,
    n: usize,
    probabilities: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let scores = slice(scores, n, "scores")?;
        let found = handle::with(calibration, "calibration", |c| Ok(c.predict_many(scores)?))?;
        let mut count = 0;
        fill(&found, probabilities, n, &mut count, "probabilities")
    })
}

/// What the curve was fitted to and how well it does on pairs held out.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_calibration_get_report(
    calibration: *const rag_calibration,
    report: *mut rag_calibration_report,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(report, "report")?;
        let found = handle::with(calibration, "calibration", |c| Ok(c.report().clone()))?;
        let method = match found.method {
            Method::Auto => c"auto",
            Method::Platt => c"platt",
            Method::Isotonic => c"isotonic",
        };
        let found = rag_calibration_report {
            method: method.as_ptr(),
            pairs: found.pairs,
            positives: found.positives,
            negatives: found.negatives,
            folds: found.folds,
            brier: found.brier.unwrap_or(f64::NAN),
            log_loss: found.log_loss.unwrap_or(f64::NAN),
            ece: found.ece.unwrap_or(f64::NAN),
        };
        convert::put(report, found, "report")
    })
}

/// The bins of the calibration error that hold pairs, ascending; at most ten. With too little
/// room only `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_calibration_bins(
    calibration: *const rag_calibration,
    out: *mut rag_calibration_bin,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let bin = |b: &Bin| rag_calibration_bin {
            low: b.low,
            high: b.high,
            weight: b.weight,
            predicted: b.predicted,
            observed: b.observed,
        };
        let bins: Vec<_> = handle::with(calibration, "calibration", |c| {
            Ok(c.report().bins.iter().map(bin).collect())
        })?;
        fill(&bins, out, capacity, count, "out")
    })
}

/// Writes the calibration as bytes, at most some kilobytes, to `out`. With too little room only
/// `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_calibration_to_bytes(
    calibration: *const rag_calibration,
    out: *mut u8,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let bytes = handle::with(calibration, "calibration", |c| Ok(c.to_bytes()))?;
        fill(&bytes, out, capacity, count, "out")
    })
}

/// *Gives* the calibration that `rag_calibration_to_bytes` wrote. `RAG_STATUS_CORRUPT` for other
/// bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_calibration_from_bytes(
    bytes: *const u8,
    n: usize,
    out: *mut *mut rag_calibration,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let read = Calibration::from_bytes(slice(bytes, n, "bytes")?)?;
        convert::put(out, handle::give(read), "out")
    })
}

/// Writes the calibration to the file `path`: the old file or the new, never a part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_calibration_save(
    calibration: *const rag_calibration,
    path: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let path = self::path(path, "path")?;
        handle::with(calibration, "calibration", |c| Ok(c.save(&path)?))
    })
}

/// *Gives* the calibration in the file `path`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_calibration_load(
    path: *const c_char,
    out: *mut *mut rag_calibration,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let read = Calibration::load(self::path(path, "path")?)?;
        convert::put(out, handle::give(read), "out")
    })
}

/// Frees a calibration. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_calibration_free(calibration: *mut rag_calibration) -> rag_status {
    guard(ptr::null_mut(), || handle::free(calibration, "calibration"))
}
