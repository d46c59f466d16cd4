//! Measures of answers and lists without a model, and `rag_reward`, made of them.

use crate::convert::{self, fill, pairs, ranges, rows, text, texts, writable};
use crate::embedder::rag_embedder;
use crate::error::rag_error;
use crate::guard::guard;
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use rag_core::bandit::Reward;
use rag_core::collection::measure_groundedness;
use rag_core::evaluation::{
    AlphaNdcgOptions, SentenceSupport, alpha_ndcg, intra_list_distance, readability,
};
use std::ffi::c_char;
use std::ptr;

/// How far an answer is grounded in its passages.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_grounded {
    /// The mean support of its sentences, in 0 to 1.
    pub score: f64,
    /// The share of sentences with a support of at least one half.
    pub coverage: f64,
    /// The share of the answer's words that the passages have.
    pub k_precision: f64,
}

/// The support of one sentence of an answer.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_sentence_support {
    /// Where the sentence begins in the answer, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// The passage that supports it best; `SIZE_MAX` without any.
    pub passage: usize,
    /// The cosine with that passage; NaN without an embedder.
    pub cosine: f64,
    /// The share of its words that three neighbouring sentences of that passage have in this order.
    pub rouge_l: f64,
    /// Whether that passage lacks a number or a name of the sentence.
    pub differs: bool,
    /// The larger of the two, at most 0.3 if it differs.
    pub score: f64,
}

/// How easily an English text reads.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_reading {
    /// The school grade at which it is read with ease (Flesch and Kincaid).
    pub grade: f64,
    /// Flesch's reading ease: the higher the easier.
    pub ease: f64,
    /// Words of a sentence on average.
    pub words_per_sentence: f64,
    /// Syllables of a word on average.
    pub syllables_per_word: f64,
    /// Sentences with words.
    pub sentences: usize,
    /// Words.
    pub words: usize,
    /// Syllables.
    pub syllables: usize,
}

/// Measures how far an answer of `length` bytes (or `RAG_NUL_TERMINATED`) is grounded in `n`
/// passages, by its words and, unless `embedder` is NULL, by cosines. `lengths` may be NULL for
/// passages that end with NUL.
///
/// `sentences` (NULL with a capacity of 0 for none) receives the support of each sentence, `count`
/// their number; with too little room only these two numbers are written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_groundedness(
    answer: *const c_char,
    length: usize,
    passages: *const *const c_char,
    lengths: *const usize,
    n: usize,
    embedder: *const rag_embedder,
    found: *mut rag_grounded,
    sentences: *mut rag_sentence_support,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(found, "found")?;
        writable(count, "count")?;
        let answer = text(answer, length, "answer")?;
        let passages = texts(passages, lengths, n, "passages")?;
        let embedder = handle::with_optional(embedder, "embedder", |e| Ok(e.cloned()))?;
        let measured = measure_groundedness(embedder.as_ref(), answer, &passages)?;
        let whole = rag_grounded {
            score: measured.score,
            coverage: measured.coverage,
            k_precision: measured.k_precision,
        };
        convert::put(found, whole, "found")?;
        let support = |s: &SentenceSupport| rag_sentence_support {
            start: s.range.start,
            end: s.range.end,
            passage: s.passage.unwrap_or(usize::MAX),
            cosine: s.cosine.unwrap_or(f64::NAN),
            rouge_l: s.rouge_l,
            differs: s.differs,
            score: s.score,
        };
        let all: Vec<_> = measured.sentences.iter().map(support).collect();
        match sentences.is_null() && capacity == 0 {
            true => convert::put(count, all.len(), "count"),
            false => fill(&all, sentences, capacity, count, "sentences"),
        }
    })
}

/// Measures how easily an English text of `length` bytes (or `RAG_NUL_TERMINATED`) reads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_readability(
    text: *const c_char,
    length: usize,
    found: *mut rag_reading,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let r = readability(self::text(text, length, "text")?)?;
        let reading = rag_reading {
            grade: r.grade,
            ease: r.ease,
            words_per_sentence: r.words_per_sentence,
            syllables_per_word: r.syllables_per_word,
            sentences: r.sentences,
            words: r.words,
            syllables: r.syllables,
        };
        convert::put(found, reading, "found")
    })
}

/// Measures novelty and variety of a ranking of `n` ids by the subtopics of `documents` (alpha-nDCG).
///
/// The subtopics of document `i` are those from `offsets[i]` to the next offset, or to `count` for
/// the last. Options: `alpha`, `k`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_alpha_ndcg(
    ranking: *const *const c_char,
    n: usize,
    documents: *const *const c_char,
    offsets: *const usize,
    document_count: usize,
    subtopics: *const *const c_char,
    count: usize,
    options: *const rag_options,
    value: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let mut chosen = AlphaNdcgOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let ranking = texts(ranking, ptr::null(), n, "ranking")?;
        let documents = texts(documents, ptr::null(), document_count, "documents")?;
        let names = texts(subtopics, ptr::null(), count, "subtopics")?;
        let owned = ranges(
            offsets,
            document_count,
            count,
            ["offsets", "subtopics", "document"],
        )?;
        let about = documents.into_iter().zip(owned);
        let about: Vec<_> = about.map(|(d, range)| (d, names[range].to_vec())).collect();
        convert::put(value, alpha_ndcg(&ranking, &about, &chosen)?, "value")
    })
}

/// Measures how unlike each other `n` vectors are: the mean of 1 - cosine over all pairs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_intra_list_distance(
    vectors: *const f32,
    n: usize,
    dim: usize,
    value: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let vectors = rows(vectors, n, dim, "vectors")?;
        convert::put(value, intra_list_distance(vectors)?, "value")
    })
}

/// One number to pay a choice by, made of named parts. Never changes; usable from many threads.
pub struct rag_reward {
    _opaque: [u8; 0],
}
noun!(rag_reward => Reward);

/// *Gives* a reward of `n` parts with weights (the usual ones for 0). A part with a limit is spent and
/// counts as `1 - spent / limit`; one called `cost` always has one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_reward_new(
    parts: *const *const c_char,
    weights: *const f64,
    n: usize,
    limited: *const *const c_char,
    limits: *const f64,
    limit_count: usize,
    out: *mut *mut rag_reward,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let weights = pairs(parts, weights, n, ("parts", "weights"))?;
        let limits = pairs(limited, limits, limit_count, ("limited", "limits"))?;
        convert::put(out, handle::give(Reward::new(&weights, &limits)?), "out")
    })
}

/// The reward, in 0 to 1, of `n` parts that were measured; the others are left out.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_reward_of(
    reward: *const rag_reward,
    parts: *const *const c_char,
    values: *const f64,
    n: usize,
    value: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let measured = pairs(parts, values, n, ("parts", "values"))?;
        let found = handle::with(reward, "reward", |r| Ok(r.of(&measured)?))?;
        convert::put(value, found, "value")
    })
}

/// Frees a reward. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_reward_free(reward: *mut rag_reward) -> rag_status {
    guard(ptr::null_mut(), || handle::free(reward, "reward"))
}
