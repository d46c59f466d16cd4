//! What each text is like by itself.

use super::Compared;
use super::sentences::{Likeness, Sentences};
use crate::error::{Error, Result};
use crate::evaluation::{groundedness, readability};
use crate::generation::without_citations;
use crate::text::words;
use serde::Serialize;
use std::collections::HashSet;

/// Figures of one text, citations such as `[1]` taken out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measures {
    /// Sentences with words.
    pub sentences: usize,
    /// Words.
    pub words: usize,
    /// The mean support of its sentences by its passages, in 0 to 1, from the order of words
    /// ([`groundedness`]); `None` without passages.
    pub groundedness: Option<f64>,
    /// The share of sentences that are supported by at least one half; `None` without passages.
    pub coverage: Option<f64>,
    /// Flesch's reading ease (1948): the higher the easier ([`readability`]).
    pub reading_ease: f64,
    /// The grade of Flesch and Kincaid (1975).
    pub grade: f64,
    /// Different words as a share of all ([`distinct_n`]).
    pub distinct_1: f64,
    /// Different pairs of neighbouring words as a share of all.
    pub distinct_2: f64,
    /// The mean of 1 - cosine over all pairs of its sentences, in 0 to 2; 0 with one sentence.
    pub distance: f64,
}

pub(super) fn of(
    texts: &[Compared<'_>],
    all: &Sentences,
    likeness: &Likeness,
) -> Result<Vec<Measures>> {
    let measured = texts.iter().enumerate();
    measured
        .map(|(i, text)| {
            measure(text, i, all, likeness).map_err(|e| e.context(format!("text {i}")))
        })
        .collect()
}

fn measure(
    text: &Compared<'_>,
    index: usize,
    all: &Sentences,
    likeness: &Likeness,
) -> Result<Measures> {
    let clean = without_citations(&text.text);
    let passages: Vec<&str> = text.passages.iter().map(AsRef::as_ref).collect();
    let grounded = match passages.is_empty() {
        true => None,
        false => Some(groundedness(&clean, &passages, None)?),
    };
    let reads = readability(&clean)?;
    let sentences: Vec<usize> = all.of_text(index).collect();
    Ok(Measures {
        sentences: sentences.len(),
        words: reads.words,
        groundedness: grounded.as_ref().map(|g| g.score),
        coverage: grounded.as_ref().map(|g| g.coverage),
        reading_ease: reads.ease,
        grade: reads.grade,
        distinct_1: distinct_n(&clean, 1)?,
        distinct_2: distinct_n(&clean, 2)?,
        distance: distance(&sentences, likeness),
    })
}

fn distance(sentences: &[usize], likeness: &Likeness) -> f64 {
    let (mut sum, mut pairs) = (0.0, 0.0);
    for (at, &a) in sentences.iter().enumerate() {
        for &b in &sentences[at + 1..] {
            sum += 1.0 - likeness.of(a, b);
            pairs += 1.0;
        }
    }
    if pairs > 0.0 { sum / pairs } else { 0.0 }
}

/// How varied a text is: its different runs of `n` words, in lower case, as a share of all (distinct-n; Li and
/// others, 2016). In 0 to 1; 0 for a text with fewer words than `n`.
///
/// `InvalidArgument` for an `n` that is not in 1 to 10.
///
/// ```
/// use rag_core::comparison::distinct_n;
/// assert_eq!(distinct_n("the cat and The Dog", 1)?, 0.8);
/// assert_eq!(distinct_n("the cat and the dog", 2)?, 1.0);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn distinct_n(text: &str, n: usize) -> Result<f64> {
    if !(1..=10).contains(&n) {
        return Err(Error::invalid(format!("n must be in 1..=10, got {n}")));
    }
    let said: Vec<String> = words(text).map(|word| word.text.to_lowercase()).collect();
    let runs = said.windows(n);
    let all = runs.len();
    let different: HashSet<&[String]> = runs.collect();
    Ok(different.len() as f64 / all.max(1) as f64)
}
