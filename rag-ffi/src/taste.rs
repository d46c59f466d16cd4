//! What is known of a user, in the words of the dials.

use crate::collection::rag_collection;
use crate::convert::{name, writable};
use crate::dials::dials;
use crate::error::rag_error;
use crate::guard::guard;
use crate::handle;
use crate::status::rag_status;
use crate::steering::rag_steering;
use crate::strings::{give_text, rag_string};
use rag_core::steering::{Taste, TasteAt, rating_of_dwell};
use serde_json::{Map, Value, json};
use std::ffi::c_char;

/// *Gives* what moves the queries of `user` as JSON: `ratings` (how many were taken in), `trust`
/// (how far the user is followed, in [0, 1]), `dials` (an object of names and strengths that come
/// nearest to the move) and `unnamed` (the share of the move that no dial names, in [0, 1]). Of a
/// user of whom nothing is known `ratings` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_taste(
    steering: *const rag_steering,
    user: *const c_char,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let user = name(user, "user")?;
        let taste = handle::with(steering, "steering", |s| Ok(s.taste(user)))?;
        give_text(out, taste_json(&taste).to_string())
    })
}

/// *Gives* the taste of `user` after each of their ratings that the history holds, oldest first,
/// as a JSON list of objects of `at` (Unix seconds), `rating` and `taste` (as in
/// `rag_steering_taste`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_drift(
    steering: *const rag_steering,
    user: *const c_char,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let user = name(user, "user")?;
        let drift = handle::with(steering, "steering", |s| Ok(s.drift(user)))?;
        give_text(out, drift_json(&drift))
    })
}

/// *Gives* what moves the queries of a collection's `user`; see `rag_steering_taste`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_taste(
    collection: *const rag_collection,
    user: *const c_char,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let user = name(user, "user")?;
        let taste = dials(collection, |d| Ok(d.taste(user)?))?;
        give_text(out, taste_json(&taste).to_string())
    })
}

/// *Gives* how a collection's `user` got where they are; see `rag_steering_drift`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_drift(
    collection: *const rag_collection,
    user: *const c_char,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let user = name(user, "user")?;
        let drift = dials(collection, |d| Ok(d.drift(user)?))?;
        give_text(out, drift_json(&drift))
    })
}

/// The rating in [0, 1] that a time of reading amounts to: one half after thirty seconds, more the
/// longer it was. Negative times and what is not a number give 0.
#[unsafe(no_mangle)]
pub extern "C" fn rag_rating_of_dwell(seconds: f64) -> f64 {
    rating_of_dwell(seconds)
}

fn taste_json(taste: &Taste) -> Value {
    let dials = taste.dials.iter();
    let dials: Map<String, Value> = dials.map(|(name, s)| (name.clone(), json!(s))).collect();
    json!({
        "ratings": taste.ratings, "trust": taste.trust, "dials": dials, "unnamed": taste.unnamed,
    })
}

fn drift_json(drift: &[TasteAt]) -> String {
    let each = drift.iter().map(
        |step| json!({"at": step.at, "rating": step.rating, "taste": taste_json(&step.taste)}),
    );
    Value::Array(each.collect()).to_string()
}
