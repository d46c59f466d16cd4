//! `rag_steering`: a named set of dials, and the users; the noise filter on its own.

use crate::convert::{self, fill, name, optional_name, pairs, path, rows, slice, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use crate::steering_vector::{give, rag_steering_vector};
use crate::strings::{give_text, give_texts, rag_string, rag_strings};
use rag_core::steering::{
    ApplyOptions, CalibrateOptions, Effect, Feedback, FilterOptions, LearnOptions, RetrainOptions,
    RetrainReport, Steering, filter_feedback,
};
use serde_json::json;
use std::ffi::c_char;
use std::ptr;

/// A named set of dials, and what users' ratings say. Queries may be moved from many threads at
/// once; calls that change the set need it for themselves.
pub struct rag_steering {
    _opaque: [u8; 0],
}
noun!(rag_steering => Steering);

/// *Gives* an empty set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_new(
    out: *mut *mut rag_steering,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        convert::put(out, handle::give(Steering::new()), "out")
    })
}

/// *Gives* the set in the file `path`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_load(
    path: *const c_char,
    out: *mut *mut rag_steering,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let set = Steering::load(&self::path(path, "path")?)?;
        convert::put(out, handle::give(set), "out")
    })
}

/// Writes the set to the file `path` (safetensors): the old file or the new, never a part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_save(
    steering: *const rag_steering,
    path: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let path = self::path(path, "path")?;
        handle::with(steering, "steering", |s| Ok(s.save(&path)?))
    })
}

/// Frees a set. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_free(steering: *mut rag_steering) -> rag_status {
    guard(ptr::null_mut(), || handle::free(steering, "steering"))
}

/// *Gives* the names of the dials, in alphabetical order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_dials(
    steering: *const rag_steering,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(steering, "steering", |s| give_texts(out, s.names()))
    })
}

/// *Gives* the users of whom there are ratings, in alphabetical order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_users(
    steering: *const rag_steering,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(steering, "steering", |s| give_texts(out, s.users()))
    })
}

/// *Gives* a copy of the dial `name`, or `RAG_STATUS_NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_get(
    steering: *const rag_steering,
    name: *const c_char,
    out: *mut *mut rag_steering_vector,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let name = self::name(name, "name")?;
        let dial = handle::with(steering, "steering", |s| Ok(s.get(name)?.clone()))?;
        give(out, dial)
    })
}

/// Keeps a copy of `vector` as a dial under its name. `RAG_STATUS_ALREADY_EXISTS` if it is taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_insert(
    steering: *mut rag_steering,
    vector: *const rag_steering_vector,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let dial = handle::with(vector, "vector", |v| Ok(v.clone()))?;
        handle::with_mut(steering, "steering", |s| Ok(s.insert(dial)?))
    })
}

/// Learns the dial `name` from rows of `dim` floats. Options as for `rag_steering_vector_learn`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_learn(
    steering: *mut rag_steering,
    name: *const c_char,
    positive: *const f32,
    positive_count: usize,
    negative: *const f32,
    negative_count: usize,
    dim: usize,
    options: *const rag_options,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let name = self::name(name, "name")?;
        let positive = rows(positive, positive_count, dim, "positive")?;
        let negative = rows(negative, negative_count, dim, "negative")?;
        let mut chosen = LearnOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        handle::with_mut(steering, "steering", |s| {
            s.learn(name, positive, negative, &chosen)?;
            Ok(())
        })
    })
}

/// Removes the dial `name`, or `RAG_STATUS_NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_remove(
    steering: *mut rag_steering,
    name: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let name = self::name(name, "name")?;
        handle::with_mut(steering, "steering", |s| {
            s.remove(name)?;
            Ok(())
        })
    })
}

/// Measures the scale of every dial on `n` documents, rows of `dim` floats. Options as for
/// `rag_steering_vector_calibrated`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_calibrate(
    steering: *mut rag_steering,
    documents: *const f32,
    n: usize,
    dim: usize,
    options: *const rag_options,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let documents = rows(documents, n, dim, "documents")?;
        let mut chosen = CalibrateOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        handle::with_mut(steering, "steering", |s| {
            Ok(s.calibrate(documents, &chosen)?)
        })
    })
}

/// Makes the dials orthogonal, each turned as little as possible.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_orthogonalize(
    steering: *mut rag_steering,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with_mut(steering, "steering", |s| Ok(s.orthogonalize()?))
    })
}

/// Moves a query of `dim` floats by `dial_count` dials and a user (or NULL), and writes the
/// result, of unit length, to `out`. With nothing to move it the query comes back as it came.
/// Options: `application`, `max_loss`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_apply(
    steering: *const rag_steering,
    query: *const f32,
    dim: usize,
    dials: *const *const c_char,
    strengths: *const f64,
    dial_count: usize,
    user: *const c_char,
    options: *const rag_options,
    out: *mut f32,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let query = slice(query, dim, "query")?;
        let dials = pairs(dials, strengths, dial_count, ("dials", "strengths"))?;
        let user = optional_name(user, "user")?;
        let mut chosen = ApplyOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let moved = handle::with(steering, "steering", |s| {
            Ok(s.apply_with(query, &dials, user, &chosen)?)
        })?;
        fill(&moved, out, capacity, count, "out")
    })
}

/// Tells what a user (or NULL for nobody in particular) thought of an item that a query found.
/// `rating` is in [0, 1]; the dials are those that were on. `at` points to Unix seconds, or is
/// NULL for now. `position` is where the item stood among the hits, from 1: a like further down
/// counts for more, as fewer look there; 0 if that is unknown or does not matter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_feedback(
    steering: *mut rag_steering,
    query: *const f32,
    item: *const f32,
    dim: usize,
    rating: f64,
    user: *const c_char,
    dials: *const *const c_char,
    strengths: *const f64,
    dial_count: usize,
    at: *const f64,
    position: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let dials = pairs(dials, strengths, dial_count, ("dials", "strengths"))?;
        let feedback = Feedback {
            query: slice(query, dim, "query")?,
            item: slice(item, dim, "item")?,
            rating,
            user: optional_name(user, "user")?,
            dials: &dials,
            at: moment(at)?,
            position: (position > 0).then_some(position),
        };
        handle::with_mut(steering, "steering", |s| Ok(s.rate(&feedback)?))
    })
}

/// The time that `at` points to, or none.
pub(crate) unsafe fn moment(at: *const f64) -> Result<Option<f64>, Fail> {
    Ok(slice(at, usize::from(!at.is_null()), "at")?
        .first()
        .copied())
}

/// Filters the history and learns users and dials from what is left; *gives* a report as JSON:
/// `events`, `dropped`, `users`, `crowd` (users from whom new ones take what all share), `learnt`
/// and `heuristic` (what users' states and the plain difference of liked and disliked tell apart
/// on the last of their ratings, as objects of `value`, `low`, `high`, or null) and `dials`.
/// Options: `half_life`, `sigma`, `per_user`, `min_examples`, `folds`, `seed`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_retrain(
    steering: *mut rag_steering,
    options: *const rag_options,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let mut chosen = RetrainOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let report = handle::with_mut(steering, "steering", |s| Ok(s.retrain(&chosen)?))?;
        give_text(out, report_json(&report))
    })
}

/// A retraining report as JSON.
pub(crate) fn report_json(report: &RetrainReport) -> String {
    let effect =
        |e: &Option<Effect>| e.map(|e| json!({"value": e.value, "low": e.low, "high": e.high}));
    let dials = report.dials.iter().map(|d| {
        json!({
            "name": d.name, "liked": d.liked, "disliked": d.disliked,
            "before": effect(&d.before), "after": effect(&d.after),
            "heuristic": effect(&d.heuristic), "changed": d.changed,
        })
    });
    json!({
        "events": report.events, "dropped": report.dropped, "users": report.users,
        "crowd": report.crowd, "learnt": effect(&report.learnt),
        "heuristic": effect(&report.heuristic), "dials": dials.collect::<Vec<_>>(),
    })
    .to_string()
}

/// Forgets everything about a user; `known` (which may be NULL) tells whether there was anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_forget(
    steering: *mut rag_steering,
    user: *const c_char,
    known: *mut bool,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let user = name(user, "user")?;
        let found = handle::with_mut(steering, "steering", |s| Ok(s.forget(user)))?;
        match known.is_null() {
            true => Ok(()),
            false => convert::put(known, found, "known"),
        }
    })
}

/// Takes in the dials and ratings of `other`. The order of merging does not matter, and merging
/// the same set again changes nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_merge(
    steering: *mut rag_steering,
    other: *const rag_steering,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let other = handle::with(other, "other", |o| Ok(o.clone()))?;
        handle::with_mut(steering, "steering", |s| Ok(s.merge(&other)?))
    })
}

/// The noise filter on its own: for `n` ratings given at `n` times (Unix seconds) writes `n`
/// weights and `n` verdicts, and the weighted `mean` (NaN if nothing was kept) and its
/// `confidence` in 0..1, which may be NULL. `users` has an id for each rating, or is NULL: with
/// it no user's ratings weigh more than `per_user` together. Options: `sigma`, `method`,
/// `per_user`, `threads`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_filter_feedback(
    ratings: *const f64,
    at: *const f64,
    users: *const u64,
    n: usize,
    half_life: f64,
    options: *const rag_options,
    weights: *mut f64,
    kept: *mut bool,
    mean: *mut f64,
    confidence: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let ratings = slice(ratings, n, "ratings")?;
        let at = slice(at, n, "at")?;
        let users = match users.is_null() {
            true => None,
            false => Some(slice(users, n, "users")?),
        };
        let mut chosen = FilterOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        if n > 0 {
            writable(weights, "weights")?;
            writable(kept, "kept")?;
        }
        let found = filter_feedback(ratings, at, users, half_life, &chosen)?;
        let mut count = 0;
        fill(&found.weights, weights, n, &mut count, "weights")?;
        fill(&found.kept, kept, n, &mut count, "kept")?;
        convert::tell(mean, found.mean)?;
        convert::tell(confidence, found.confidence)
    })
}
