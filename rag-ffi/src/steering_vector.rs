//! `rag_steering_vector`: a direction that raises an attribute.

use crate::convert::{self, fill, name, rows, slice, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use crate::strings::{give_text, rag_string};
use rag_core::Result;
use rag_core::steering::{ApplyOptions, CalibrateOptions, Effect, LearnOptions, SteeringVector};
use std::ffi::c_char;
use std::ptr;

/// A direction that raises an attribute, with the length of a strength of 1 and the effect
/// measured on held-out examples. Never changes; usable from many threads.
pub struct rag_steering_vector {
    _opaque: [u8; 0],
}
noun!(rag_steering_vector => SteeringVector);

/// A held-out gain in standard deviations of the attribute's score, with its 95 % interval.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_effect {
    /// The gain; negative if the direction points the wrong way.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

/// Gives a vector.
pub(crate) unsafe fn give(
    out: *mut *mut rag_steering_vector,
    vector: SteeringVector,
) -> Result<(), Fail> {
    writable(out, "out")?;
    convert::put(out, handle::give(vector), "out")
}

/// Learns the direction from `negative` to `positive` examples, rows of `dim` floats each, and
/// *gives* it. For texts, embed them first or use `rag_collection_learn`.
///
/// Options: `name`, `method`, `ridge`, `c`, `folds`, `seed`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_learn(
    positive: *const f32,
    positive_count: usize,
    negative: *const f32,
    negative_count: usize,
    dim: usize,
    options: *const rag_options,
    out: *mut *mut rag_steering_vector,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let positive = rows(positive, positive_count, dim, "positive")?;
        let negative = rows(negative, negative_count, dim, "negative")?;
        let mut chosen = LearnOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        give(out, SteeringVector::learn(positive, negative, &chosen)?)
    })
}

/// *Gives* a vector made of numbers that were learnt elsewhere. `scale` is the length, in units
/// of the vector, that a strength of 1 adds to a unit query. `effect` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_from_parts(
    name: *const c_char,
    vector: *const f32,
    dim: usize,
    scale: f64,
    effect: *const rag_effect,
    out: *mut *mut rag_steering_vector,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let name = self::name(name, "name")?;
        let vector = slice(vector, dim, "vector")?;
        let effect = slice(effect, usize::from(!effect.is_null()), "effect")?.first();
        let effect = effect.map(|e| Effect {
            value: e.value,
            low: e.low,
            high: e.high,
        });
        give(
            out,
            SteeringVector::from_parts(name, vector, scale, effect)?,
        )
    })
}

/// Frees a vector. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_free(vector: *mut rag_steering_vector) -> rag_status {
    guard(ptr::null_mut(), || handle::free(vector, "vector"))
}

/// *Gives* the same direction with its scale measured on `n` documents, rows of `dim` floats.
/// Options: `loss`, `neighbours`, `max_queries`, `max_documents`, `seed`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_calibrated(
    vector: *const rag_steering_vector,
    documents: *const f32,
    n: usize,
    dim: usize,
    options: *const rag_options,
    out: *mut *mut rag_steering_vector,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let documents = rows(documents, n, dim, "documents")?;
        let mut chosen = CalibrateOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        handle::with(vector, "vector", |v| {
            give(out, v.calibrated(documents, &chosen)?)
        })
    })
}

/// Copies the direction to `out`. With too little room only `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_data(
    vector: *const rag_steering_vector,
    out: *mut f32,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(vector, "vector", |v| {
            fill(v.vector(), out, capacity, count, "out")
        })
    })
}

/// The number of dimensions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_dim(
    vector: *const rag_steering_vector,
    dim: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(vector, "vector", |v| Ok(v.dim()))?;
        convert::put(dim, found, "dim")
    })
}

/// The length, in units of the vector, that a strength of 1 adds to a unit query.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_scale(
    vector: *const rag_steering_vector,
    scale: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(vector, "vector", |v| Ok(v.scale()))?;
        convert::put(scale, found, "scale")
    })
}

/// *Gives* the name; empty if none was given.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_name(
    vector: *const rag_steering_vector,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(vector, "vector", |v| give_text(out, v.name()))
    })
}

/// The held-out effect; `measured` is false, and `effect` as it was, if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_effect(
    vector: *const rag_steering_vector,
    effect: *mut rag_effect,
    measured: *mut bool,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(effect, "effect")?;
        writable(measured, "measured")?;
        let found = handle::with(vector, "vector", |v| Ok(v.effect()))?;
        if let Some(Effect { value, low, high }) = found {
            convert::put(effect, rag_effect { value, low, high }, "effect")?;
        }
        convert::put(measured, found.is_some(), "measured")
    })
}

/// What a strength of 1 was measured to cost: the share of the similarity of the nearest
/// neighbours that it takes. `measured` is false, and `loss` as it was, if the scale was not
/// calibrated for this direction.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_loss(
    vector: *const rag_steering_vector,
    loss: *mut f64,
    measured: *mut bool,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(loss, "loss")?;
        writable(measured, "measured")?;
        let found = handle::with(vector, "vector", |v| Ok(v.loss()))?;
        if let Some(found) = found {
            convert::put(loss, found, "loss")?;
        }
        convert::put(measured, found.is_some(), "measured")
    })
}

/// *Gives* the same vector with what a strength of 1 was measured elsewhere to cost, in [0, 1];
/// anything else counts as not measured. For vectors made of their parts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_costing(
    vector: *const rag_steering_vector,
    loss: f64,
    out: *mut *mut rag_steering_vector,
    err: *mut *mut rag_error,
) -> rag_status {
    derived(vector, out, err, |v| Ok(v.clone().costing(Some(loss))))
}

unsafe fn derived(
    vector: *const rag_steering_vector,
    out: *mut *mut rag_steering_vector,
    err: *mut *mut rag_error,
    make: impl FnOnce(&SteeringVector) -> Result<SteeringVector, Fail>,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let made = handle::with(vector, "vector", make)?;
        give(out, made)
    })
}

unsafe fn combined(
    vector: *const rag_steering_vector,
    other: *const rag_steering_vector,
    out: *mut *mut rag_steering_vector,
    err: *mut *mut rag_error,
    make: impl FnOnce(&SteeringVector, &SteeringVector) -> Result<SteeringVector>,
) -> rag_status {
    derived(vector, out, err, |v| {
        handle::with(other, "other", |w| Ok(make(v, w)?))
    })
}

/// *Gives* the same vector under another name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_named(
    vector: *const rag_steering_vector,
    name: *const c_char,
    out: *mut *mut rag_steering_vector,
    err: *mut *mut rag_error,
) -> rag_status {
    derived(
        vector,
        out,
        err,
        |v| Ok(v.named(self::name(name, "name")?)?),
    )
}

/// *Gives* the sum: steers towards both.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_plus(
    vector: *const rag_steering_vector,
    other: *const rag_steering_vector,
    out: *mut *mut rag_steering_vector,
    err: *mut *mut rag_error,
) -> rag_status {
    combined(vector, other, out, err, SteeringVector::plus)
}

/// *Gives* the difference: steers towards `vector` and away from `other`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_minus(
    vector: *const rag_steering_vector,
    other: *const rag_steering_vector,
    out: *mut *mut rag_steering_vector,
    err: *mut *mut rag_error,
) -> rag_status {
    combined(vector, other, out, err, SteeringVector::minus)
}

/// *Gives* the part of `vector` that says nothing about `other`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_orthogonal_to(
    vector: *const rag_steering_vector,
    other: *const rag_steering_vector,
    out: *mut *mut rag_steering_vector,
    err: *mut *mut rag_error,
) -> rag_status {
    combined(vector, other, out, err, SteeringVector::orthogonal_to)
}

/// *Gives* the opposite direction.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_negated(
    vector: *const rag_steering_vector,
    out: *mut *mut rag_steering_vector,
    err: *mut *mut rag_error,
) -> rag_status {
    derived(vector, out, err, |v| Ok(v.negated()))
}

/// *Gives* a multiple: half a vector steers half as far.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_times(
    vector: *const rag_steering_vector,
    factor: f64,
    out: *mut *mut rag_steering_vector,
    err: *mut *mut rag_error,
) -> rag_status {
    derived(vector, out, err, |v| Ok(v.times(factor)?))
}

/// Moves a query of `dim` floats and writes the result, of unit length, to `out`. A strength of 0
/// gives the query back as it came. Options: `application`, `max_loss`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_apply(
    vector: *const rag_steering_vector,
    query: *const f32,
    dim: usize,
    strength: f64,
    options: *const rag_options,
    out: *mut f32,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let query = slice(query, dim, "query")?;
        let mut chosen = ApplyOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let moved = handle::with(vector, "vector", |v| {
            Ok(v.apply_with(query, strength, &chosen)?)
        })?;
        fill(&moved, out, capacity, count, "out")
    })
}
