//! Several dials at once: learnt together, and looked at in numbers for a plot.

use crate::collection::rag_collection;
use crate::convert::{fill, name, ranges, rows, slice, texts, writable};
use crate::dials::dials;
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle;
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use crate::steering::rag_steering;
use crate::steering_vector::rag_steering_vector;
use rag_core::Rows;
use rag_core::collection::Examples;
use rag_core::steering::{Attribute, CalibrateOptions, CurvePoint, LearnOptions};
use std::ffi::c_char;
use std::ops::Range;
use std::ptr;

/// Learns several dials together, so that turning one does not turn the others, and keeps them
/// all, or none. `positive` lends what has each of the `name_count` attributes one after the other,
/// `positive_count` rows of `dim` floats, and `positive_offsets` the row at which those of each name
/// start (`name_count` numbers, the first 0); `negative` likewise what lacks them. An attribute
/// without negative rows is told from what has the others (of two at least one needs its own);
/// `negative_offsets` may be NULL if none has any. Options: `method` (`auto` or `ridge_lda`), `ridge`, `folds`, `seed`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_learn_joint(
    steering: *mut rag_steering,
    names: *const *const c_char,
    name_count: usize,
    positive: *const f32,
    positive_offsets: *const usize,
    positive_count: usize,
    negative: *const f32,
    negative_offsets: *const usize,
    negative_count: usize,
    dim: usize,
    options: *const rag_options,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let names = texts(names, ptr::null(), name_count, "names")?;
        let positive = (positive, positive_offsets, positive_count);
        let negative = (negative, negative_offsets, negative_count);
        let examples = both(name_count, positive, negative, dim)?;
        let mut chosen = LearnOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let attribute = |(name, (positive, negative))| Attribute {
            name,
            positive,
            negative,
        };
        let attributes: Vec<_> = names.into_iter().zip(examples).map(attribute).collect();
        handle::with_mut(steering, "steering", |s| {
            Ok(s.learn_joint(&attributes, &chosen)?)
        })
    })
}

/// Learns several dials of a collection together from texts, as `rag_steering_learn_joint` does
/// from rows, and calibrates them on the collection's own documents. Lengths may be NULL if all
/// texts are NUL-terminated. `rag_collection_dial` gives copies.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_learn_joint(
    collection: *const rag_collection,
    names: *const *const c_char,
    name_count: usize,
    positive: *const *const c_char,
    positive_lengths: *const usize,
    positive_offsets: *const usize,
    positive_count: usize,
    negative: *const *const c_char,
    negative_lengths: *const usize,
    negative_offsets: *const usize,
    negative_count: usize,
    options: *const rag_options,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let names = texts(names, ptr::null(), name_count, "names")?;
        let plus = ranges(positive_offsets, name_count, positive_count, POSITIVE)?;
        let minus = negatives(negative_offsets, name_count, negative_count)?;
        let positive = texts(positive, positive_lengths, positive_count, "positive")?;
        let negative = texts(negative, negative_lengths, negative_count, "negative")?;
        let positive = plus.into_iter().map(|at| Examples::Texts(&positive[at]));
        let some = |at: Range<usize>| (!at.is_empty()).then(|| Examples::Texts(&negative[at]));
        let examples = positive.zip(minus.into_iter().map(some));
        learn(collection, &names, examples, options)
    })
}

/// As `rag_collection_learn_joint`, from rows of `dim` floats.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_learn_joint_vectors(
    collection: *const rag_collection,
    names: *const *const c_char,
    name_count: usize,
    positive: *const f32,
    positive_offsets: *const usize,
    positive_count: usize,
    negative: *const f32,
    negative_offsets: *const usize,
    negative_count: usize,
    dim: usize,
    options: *const rag_options,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let names = texts(names, ptr::null(), name_count, "names")?;
        let positive = (positive, positive_offsets, positive_count);
        let negative = (negative, negative_offsets, negative_count);
        let examples = both(name_count, positive, negative, dim)?.into_iter();
        let examples = examples.map(|(p, n)| (Examples::Vectors(p), n.map(Examples::Vectors)));
        learn(collection, &names, examples, options)
    })
}

unsafe fn learn<'a>(
    collection: *const rag_collection,
    names: &[&str],
    examples: impl Iterator<Item = (Examples<'a>, Option<Examples<'a>>)>,
    options: *const rag_options,
) -> Result<(), Fail> {
    let mut chosen = LearnOptions::default();
    apply(options, |name, value| chosen.set(name, value))?;
    let attributes: Vec<_> = names
        .iter()
        .zip(examples)
        .map(|(name, (positive, negative))| (*name, positive, negative))
        .collect();
    dials(collection, |d| {
        d.learn_joint(&attributes, &chosen)?;
        Ok(())
    })
}

/// Gain and loss of a vector at `strength_count` strengths on `n` documents, rows of `dim` floats:
/// `losses` gets the shares of the similarity of the nearest neighbours that each strength costs,
/// `gains` the rises of the attribute's score among them, in standard deviations; both have room
/// for one number a strength. Options: `neighbours`, `max_queries`, `max_documents`, `seed`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_vector_curve(
    vector: *const rag_steering_vector,
    documents: *const f32,
    n: usize,
    dim: usize,
    strengths: *const f64,
    strength_count: usize,
    options: *const rag_options,
    losses: *mut f64,
    gains: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let documents = rows(documents, n, dim, "documents")?;
        let strengths = slice(strengths, strength_count, "strengths")?;
        let mut chosen = CalibrateOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        room(strength_count, losses, gains)?;
        let points = handle::with(vector, "vector", |v| {
            Ok(v.curve(documents, strengths, &chosen)?)
        })?;
        fill_points(&points, losses, gains)
    })
}

/// Gain and loss of the dial `name` on the collection's documents; see `rag_steering_vector_curve`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_curve(
    collection: *const rag_collection,
    name: *const c_char,
    strengths: *const f64,
    strength_count: usize,
    options: *const rag_options,
    losses: *mut f64,
    gains: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let name = self::name(name, "name")?;
        let strengths = slice(strengths, strength_count, "strengths")?;
        let mut chosen = CalibrateOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        room(strength_count, losses, gains)?;
        let points = dials(collection, |d| Ok(d.curve(name, strengths, &chosen)?))?;
        fill_points(&points, losses, gains)
    })
}

/// How far each dial turns the others on `n` documents, rows of `dim` floats: for `k` dials in
/// alphabetical order `k * k` numbers to `out`. Number `i * k + j` is the rise of the score of dial
/// `j` among the nearest neighbours when dial `i` stands at 1, in standard deviations of that
/// score. Options as for `rag_steering_vector_curve`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_steering_cross_talk(
    steering: *const rag_steering,
    documents: *const f32,
    n: usize,
    dim: usize,
    options: *const rag_options,
    out: *mut f64,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let documents = rows(documents, n, dim, "documents")?;
        let mut chosen = CalibrateOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let talk = handle::with(steering, "steering", |s| {
            Ok(s.cross_talk(documents, &chosen)?)
        })?;
        fill(&talk, out, capacity, count, "out")
    })
}

/// How far each dial of a collection turns the others on its documents; see
/// `rag_steering_cross_talk`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_collection_cross_talk(
    collection: *const rag_collection,
    options: *const rag_options,
    out: *mut f64,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let mut chosen = CalibrateOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let talk = dials(collection, |d| Ok(d.cross_talk(&chosen)?))?;
        fill(&talk, out, capacity, count, "out")
    })
}

unsafe fn room(count: usize, losses: *mut f64, gains: *mut f64) -> Result<(), Fail> {
    if count > 0 {
        writable(losses, "losses")?;
        writable(gains, "gains")?;
    }
    Ok(())
}

unsafe fn fill_points(
    points: &[CurvePoint],
    losses: *mut f64,
    gains: *mut f64,
) -> Result<(), Fail> {
    let both: (Vec<f64>, Vec<f64>) = points.iter().map(|p| (p.loss, p.gain)).unzip();
    let mut count = 0;
    fill(&both.0, losses, points.len(), &mut count, "losses")?;
    fill(&both.1, gains, points.len(), &mut count, "gains")
}

/// What messages call the offsets of examples, and whose they are.
const POSITIVE: [&str; 3] = ["positive_offsets", "positive examples", "name"];
const NEGATIVE: [&str; 3] = ["negative_offsets", "negative examples", "name"];

/// Where the negative examples of each name lie; offsets that are NULL say that there are none.
unsafe fn negatives(
    offsets: *const usize,
    names: usize,
    count: usize,
) -> Result<Vec<Range<usize>>, Fail> {
    match offsets.is_null() && count == 0 {
        true => Ok(vec![0..0; names]),
        false => ranges(offsets, names, count, NEGATIVE),
    }
}

/// The rows of each name out of those of all.
unsafe fn parted<'a>(
    data: *const f32,
    places: Vec<Range<usize>>,
    count: usize,
    dim: usize,
    name: &'static str,
) -> Result<Vec<Rows<'a>>, Fail> {
    let all = rows(data, count, dim, name)?.data();
    let part = |place: Range<usize>| Ok(Rows::new(&all[place.start * dim..place.end * dim], dim)?);
    places.into_iter().map(part).collect()
}

/// The rows of each name with what lacks the attribute, if there is anything.
unsafe fn both<'a>(
    names: usize,
    (positive, positive_offsets, positive_count): (*const f32, *const usize, usize),
    (negative, negative_offsets, negative_count): (*const f32, *const usize, usize),
    dim: usize,
) -> Result<Vec<(Rows<'a>, Option<Rows<'a>>)>, Fail> {
    let plus = ranges(positive_offsets, names, positive_count, POSITIVE)?;
    let minus = negatives(negative_offsets, names, negative_count)?;
    let positive = parted(positive, plus, positive_count, dim, "positive")?;
    let negative = parted(negative, minus, negative_count, dim, "negative")?;
    let some = |rows: Rows<'a>| (!rows.is_empty()).then_some(rows);
    Ok(positive
        .into_iter()
        .zip(negative.into_iter().map(some))
        .collect())
}
