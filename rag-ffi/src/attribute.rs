//! `rag_attribute_model`: how likely a text has an attribute; what a dial needs to rerank.

use crate::collection::rag_collection;
use crate::convert::{self, fill, name, rows, slice, text, texts, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use crate::steering::rag_steering;
use crate::steering_vector::rag_effect;
use rag_core::steering::{AttributeModel, LearnOptions};
use rag_core::{Error, ErrorKind};
use std::ffi::c_char;
use std::ptr;

/// How likely a text has an attribute, from its words, its letters and its vector. Never changes;
/// usable from many threads.
pub struct rag_attribute_model {
    _opaque: [u8; 0],
}
noun!(rag_attribute_model => AttributeModel);

unsafe fn give(
    out: *mut *mut rag_attribute_model,
    model: Option<AttributeModel>,
    dial: &str,
) -> Result<(), Fail> {
    let model = model.ok_or_else(|| {
        let message = format!("the dial \"{dial}\" has no attribute model; learn it from texts");
        Error::new(ErrorKind::NotFound, message)
    })?;
    convert::put(out, handle::give(model), "out")
}

/// Learns to tell `positive` from `negative` texts and *gives* the model. Each text comes with its
/// vector, a row of `dim` floats. Lengths may be NULL if all texts are NUL-terminated. Options:
/// `folds`, `seed`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_attribute_model_learn(
    positive: *const *const c_char,
    positive_lengths: *const usize,
    positive_vectors: *const f32,
    positive_count: usize,
    negative: *const *const c_char,
    negative_lengths: *const usize,
    negative_vectors: *const f32,
    negative_count: usize,
    dim: usize,
    options: *const rag_options,
    out: *mut *mut rag_attribute_model,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let positive = (
            &*texts(positive, positive_lengths, positive_count, "positive")?,
            rows(positive_vectors, positive_count, dim, "positive_vectors")?,
        );
        let negative = (
            &*texts(negative, negative_lengths, negative_count, "negative")?,
            rows(negative_vectors, negative_count, dim, "negative_vectors")?,
        );
        let mut chosen = LearnOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let model = AttributeModel::learn(positive, negative, &chosen)?;
        convert::put(out, handle::give(model), "out")
    })
}

/// Frees a model. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_attribute_model_free(model: *mut rag_attribute_model) -> rag_status {
    guard(ptr::null_mut(), || handle::free(model, "model"))
}

/// The probability in 0 to 1 that a text of `length` bytes (or `RAG_NUL_TERMINATED`) has the
/// attribute. `vector`, of `dim` floats, may be NULL: then that of the mean of the examples stands for
/// it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_attribute_model_probability(
    model: *const rag_attribute_model,
    text: *const c_char,
    length: usize,
    vector: *const f32,
    dim: usize,
    out: *mut f32,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let text = self::text(text, length, "text")?;
        let vector = match vector.is_null() {
            true => None,
            false => Some(slice(vector, dim, "vector")?),
        };
        let likely = handle::with(model, "model", |m| Ok(m.probability(text, vector)?))?;
        convert::put(out, likely, "out")
    })
}

/// What a dial of 1 adds to the similarity of a text whose probability is 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_attribute_model_scale(
    model: *const rag_attribute_model,
    out: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let scale = handle::with(model, "model", |m| Ok(m.scale()))?;
        convert::put(out, scale, "out")
    })
}

/// The held-out gain on the logarithm of the odds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_attribute_model_effect(
    model: *const rag_attribute_model,
    out: *mut rag_effect,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let effect = handle::with(model, "model", |m| Ok(m.effect()))?;
        let effect = rag_effect {
            value: effect.value,
            low: effect.low,
            high: effect.high,
        };
        convert::put(out, effect, "out")
    })
}

/// *Gives* the model of the dial `dial` of a set; `RAG_STATUS_NOT_FOUND` if it has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_attribute(
    steering: *const rag_steering,
    dial: *const c_char,
    out: *mut *mut rag_attribute_model,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let dial = name(dial, "dial")?;
        let model = handle::with(steering, "steering", |s| Ok(s.attribute(dial)?.cloned()))?;
        give(out, model, dial)
    })
}

/// Gives the dial `dial` of a set a copy of `model`, or takes its own away for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_set_attribute(
    steering: *mut rag_steering,
    dial: *const c_char,
    model: *const rag_attribute_model,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let dial = name(dial, "dial")?;
        let model = copied(model)?;
        handle::with_mut(steering, "steering", |s| Ok(s.set_attribute(dial, model)?))
    })
}

/// *Gives* the model of the dial `dial` of a collection; `RAG_STATUS_NOT_FOUND` if it has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_attribute(
    collection: *const rag_collection,
    dial: *const c_char,
    out: *mut *mut rag_attribute_model,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let dial = name(dial, "dial")?;
        let model = handle::with(collection, "collection", |c| {
            Ok(c.steering().attribute(dial)?)
        })?;
        give(out, model, dial)
    })
}

/// Gives the dial `dial` of a collection a copy of `model`, calibrated on its documents, or takes its
/// own away for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_set_attribute(
    collection: *const rag_collection,
    dial: *const c_char,
    model: *const rag_attribute_model,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let dial = name(dial, "dial")?;
        let model = copied(model)?;
        handle::with(collection, "collection", |c| {
            Ok(c.steering().set_attribute(dial, model)?)
        })
    })
}

/// Copies to `out` how likely each of `count` documents has the attribute of the dial `dial`: what
/// reranking by it adds up. Lengths may be NULL if all ids are NUL-terminated. `out` has room for
/// `count` floats.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_probabilities(
    collection: *const rag_collection,
    dial: *const c_char,
    ids: *const *const c_char,
    lengths: *const usize,
    count: usize,
    out: *mut f32,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let dial = name(dial, "dial")?;
        let ids = texts(ids, lengths, count, "ids")?;
        let likely = handle::with(collection, "collection", |c| {
            Ok(c.steering().probabilities(dial, &ids)?)
        })?;
        let mut written = 0;
        fill(&likely, out, count, &raw mut written, "out")
    })
}

unsafe fn copied(model: *const rag_attribute_model) -> Result<Option<AttributeModel>, Fail> {
    match model.is_null() {
        true => Ok(None),
        false => handle::with(model, "model", |m| Ok(Some(m.clone()))),
    }
}
