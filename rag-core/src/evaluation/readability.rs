//! How easily an English text reads: Flesch's reading ease (1948) and the grade of Kincaid and
//! others (1975), from the lengths of its sentences and words. Syllables are counted in `syllables`.

use super::syllables::syllables;
use crate::error::{Error, Result};
use crate::text::{sentences, words};

/// What [`readability`] found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Readability {
    /// The school grade (United States) at which the text is read with ease:
    /// `.39 words/sentences + 11.8 syllables/words - 15.59`. Short words in short sentences go below 0.
    pub grade: f64,
    /// `206.835 - 1.015 words/sentences - 84.6 syllables/words`: the higher the easier, mostly 0 to 100.
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

/// Measures how easily an English text reads.
///
/// `InvalidArgument` for a text without words.
///
/// ```
/// use rag_core::evaluation::readability;
/// let found = readability("The cat sat on the mat. It was warm.")?;
/// assert_eq!((found.sentences, found.words, found.syllables), (2, 9, 9));
/// assert!(found.grade < 0.0, "easier than the first grade");
/// // An abbreviation ends no sentence and a number is no long word.
/// assert_eq!(readability("Dr. Smith paid $3.50 for it.")?.sentences, 1);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn readability(text: &str) -> Result<Readability> {
    let (mut found, mut spoken, mut syllabled) = (0usize, 0usize, 0usize);
    for range in sentences(text) {
        let before = spoken;
        for word in words(&text[range]) {
            spoken += 1;
            syllabled += syllables(word.text);
        }
        found += usize::from(spoken > before);
    }
    if spoken == 0 {
        return Err(Error::invalid(
            "the text has no words, so it cannot be said how it reads; give some text",
        ));
    }
    let words_per_sentence = spoken as f64 / found as f64;
    let syllables_per_word = syllabled as f64 / spoken as f64;
    Ok(Readability {
        grade: 0.39 * words_per_sentence + 11.8 * syllables_per_word - 15.59,
        ease: 206.835 - 1.015 * words_per_sentence - 84.6 * syllables_per_word,
        words_per_sentence,
        syllables_per_word,
        sentences: found,
        words: spoken,
        syllables: syllabled,
    })
}
