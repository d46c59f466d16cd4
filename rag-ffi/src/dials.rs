//! The dials and users of a collection, kept in it with everything else.

use crate::collection::rag_collection;
use crate::convert::{self, fill, name, optional_name, pairs, rows, slice, texts, writable};
use crate::embedder::rag_embedder;
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle;
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use crate::steering::{moment, rag_steering, report_json};
use crate::steering_vector::{give, rag_steering_vector};
use crate::strings::{give_text, give_texts, rag_string, rag_strings};
use rag_core::collection::{CollectionSteering, Examples, learn_steering_vector};
use rag_core::steering::{ApplyOptions, Feedback, LearnOptions, RetrainOptions};
use std::ffi::c_char;

pub(crate) fn dials<R>(
    collection: *const rag_collection,
    body: impl FnOnce(CollectionSteering<'_>) -> Result<R, Fail>,
) -> Result<R, Fail> {
    handle::with(collection, "collection", |c| body(c.steering()))
}

/// Learns a steering vector from texts, which `embedder` turns into vectors, and *gives* it.
/// Lengths may be NULL if all texts are NUL-terminated. Options as for
/// `rag_steering_vector_learn`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_learn_texts(
    embedder: *const rag_embedder,
    positive: *const *const c_char,
    positive_lengths: *const usize,
    positive_count: usize,
    negative: *const *const c_char,
    negative_lengths: *const usize,
    negative_count: usize,
    options: *const rag_options,
    out: *mut *mut rag_steering_vector,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let positive = texts(positive, positive_lengths, positive_count, "positive")?;
        let negative = texts(negative, negative_lengths, negative_count, "negative")?;
        let mut chosen = LearnOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let (positive, negative) = (Examples::Texts(&positive), Examples::Texts(&negative));
        let learnt = handle::with(embedder, "embedder", |e| {
            Ok(learn_steering_vector(Some(e), positive, negative, &chosen)?)
        })?;
        give(out, learnt)
    })
}

/// Learns the dial `name` of a collection from texts, calibrated on the collection's own documents,
/// and *gives* a copy, unless `out` is NULL. `RAG_STATUS_ALREADY_EXISTS` if the name is taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_learn(
    collection: *const rag_collection,
    name: *const c_char,
    positive: *const *const c_char,
    positive_lengths: *const usize,
    positive_count: usize,
    negative: *const *const c_char,
    negative_lengths: *const usize,
    negative_count: usize,
    options: *const rag_options,
    out: *mut *mut rag_steering_vector,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let name = self::name(name, "name")?;
        let positive = texts(positive, positive_lengths, positive_count, "positive")?;
        let negative = texts(negative, negative_lengths, negative_count, "negative")?;
        let (positive, negative) = (Examples::Texts(&positive), Examples::Texts(&negative));
        learn(collection, name, (positive, negative), options, out)
    })
}

/// As `rag_collection_learn`, from rows of `dim` floats.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_learn_vectors(
    collection: *const rag_collection,
    name: *const c_char,
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
        let name = self::name(name, "name")?;
        let positive = Examples::Vectors(rows(positive, positive_count, dim, "positive")?);
        let negative = Examples::Vectors(rows(negative, negative_count, dim, "negative")?);
        learn(collection, name, (positive, negative), options, out)
    })
}

unsafe fn learn(
    collection: *const rag_collection,
    name: &str,
    (positive, negative): (Examples<'_>, Examples<'_>),
    options: *const rag_options,
    out: *mut *mut rag_steering_vector,
) -> Result<(), Fail> {
    let mut chosen = LearnOptions::default();
    apply(options, |name, value| chosen.set(name, value))?;
    let dial = dials(collection, |d| {
        Ok(d.learn(name, positive, negative, &chosen)?)
    })?;
    match out.is_null() {
        true => Ok(()),
        false => give(out, dial),
    }
}

/// Keeps a copy of `vector` as a dial of the collection, calibrated on its documents.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_insert_dial(
    collection: *const rag_collection,
    vector: *const rag_steering_vector,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let dial = handle::with(vector, "vector", |v| Ok(v.clone()))?;
        dials(collection, |d| {
            d.insert(dial)?;
            Ok(())
        })
    })
}

/// *Gives* the names of the dials, in alphabetical order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_dials(
    collection: *const rag_collection,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let names = dials(collection, |d| Ok(d.names()?))?;
        give_texts(out, names)
    })
}

/// *Gives* a copy of the dial `name`, or `RAG_STATUS_NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_dial(
    collection: *const rag_collection,
    name: *const c_char,
    out: *mut *mut rag_steering_vector,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let name = self::name(name, "name")?;
        let dial = dials(collection, |d| Ok(d.get(name)?))?;
        give(out, dial)
    })
}

/// Removes the dial `name`, or `RAG_STATUS_NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_remove_dial(
    collection: *const rag_collection,
    name: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let name = self::name(name, "name")?;
        dials(collection, |d| Ok(d.remove(name)?))
    })
}

/// Moves a query vector as a search would; see `rag_steering_apply`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_apply(
    collection: *const rag_collection,
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
        let turned = pairs(dials, strengths, dial_count, ("dials", "strengths"))?;
        let user = optional_name(user, "user")?;
        let mut chosen = ApplyOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let moved = self::dials(collection, |d| Ok(d.apply(query, &turned, user, &chosen)?))?;
        fill(&moved, out, capacity, count, "out")
    })
}

/// Tells what a user thought of an item that a query found; see `rag_steering_feedback`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_feedback(
    collection: *const rag_collection,
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
        let turned = pairs(dials, strengths, dial_count, ("dials", "strengths"))?;
        let feedback = Feedback {
            query: slice(query, dim, "query")?,
            item: slice(item, dim, "item")?,
            rating,
            user: optional_name(user, "user")?,
            dials: &turned,
            at: moment(at)?,
            position: (position > 0).then_some(position),
        };
        self::dials(collection, |d| Ok(d.rate(&feedback)?))
    })
}

/// Learns users and dials again from the filtered history and *gives* a report as JSON; see
/// `rag_steering_retrain`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_retrain(
    collection: *const rag_collection,
    options: *const rag_options,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let mut chosen = RetrainOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let report = dials(collection, |d| Ok(d.retrain(&chosen)?))?;
        give_text(out, report_json(&report))
    })
}

/// Forgets everything about a user; `known` (which may be NULL) tells whether there was anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_forget(
    collection: *const rag_collection,
    user: *const c_char,
    known: *mut bool,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let user = name(user, "user")?;
        let found = dials(collection, |d| Ok(d.forget(user)?))?;
        match known.is_null() {
            true => Ok(()),
            false => convert::put(known, found, "known"),
        }
    })
}

/// Takes in the dials and ratings of a set; see `rag_steering_merge`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_merge(
    collection: *const rag_collection,
    other: *const rag_steering,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let other = handle::with(other, "other", |o| Ok(o.clone()))?;
        dials(collection, |d| Ok(d.merge(&other)?))
    })
}

/// Takes the dials and users of a set in the place of everything that was learnt here, to the bit: what makes
/// all shards of one collection steer alike.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_replace_steering(
    collection: *const rag_collection,
    other: *const rag_steering,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let other = handle::with(other, "other", |o| Ok(o.clone()))?;
        dials(collection, |d| Ok(d.replace(&other)?))
    })
}

/// *Gives* a copy of the dials and users as they are now, to save or to merge elsewhere.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_steering(
    collection: *const rag_collection,
    out: *mut *mut rag_steering,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let set = dials(collection, |d| Ok(d.to_steering()?))?;
        convert::put(out, handle::give(set), "out")
    })
}
