//! Words to index terms: one normal form, stop words, stems.
//!
//! The order is Lucene's: normal form (NFKC, lower case, full folding of `ß` and final sigma),
//! elision or possessive, stop words, Snowball stem. Text of scripts without spaces becomes
//! characters and pairs of neighbours, so that a query of one character finds something and a
//! longer query prefers what is written together. Next: `retrieval::lexical`, which counts terms.

use super::words::{MAX_WORD_CHARS, Word, words};
use rust_stemmers::{Algorithm, Stemmer};
use std::borrow::Cow;
use std::collections::HashMap;
use unicode_normalization_alignments::{UnicodeNormalization, char::is_combining_mark};

crate::option_enum! {
    /// Whose words these are: it decides stop words, elisions and the stemmer.
    Language {
        /// Stop words, possessives and the Porter2 stemmer.
        English = "english",
        /// Snowball stemmer.
        Arabic = "arabic",
        /// Snowball stemmer.
        Danish = "danish",
        /// Snowball stemmer.
        Dutch = "dutch",
        /// Snowball stemmer.
        Finnish = "finnish",
        /// Elisions (`l'`, `qu'`) and the Snowball stemmer.
        French = "french",
        /// Snowball stemmer.
        German = "german",
        /// Snowball stemmer.
        Greek = "greek",
        /// Snowball stemmer.
        Hungarian = "hungarian",
        /// Elisions (`l'`, `dell'`) and the Snowball stemmer.
        Italian = "italian",
        /// Snowball stemmer.
        Norwegian = "norwegian",
        /// Snowball stemmer.
        Portuguese = "portuguese",
        /// Snowball stemmer.
        Romanian = "romanian",
        /// Snowball stemmer.
        Russian = "russian",
        /// Snowball stemmer.
        Spanish = "spanish",
        /// Snowball stemmer.
        Swedish = "swedish",
        /// Snowball stemmer.
        Tamil = "tamil",
        /// Dotted and dotless i kept apart, Snowball stemmer.
        Turkish = "turkish",
        /// Words as they are, in lower case: no stop words, no stems.
        None = "none",
    }
}

/// The 33 English words that are not indexed: Lucene's list.
pub const ENGLISH_STOP_WORDS: [&str; 33] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it",
    "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these",
    "they", "this", "to", "was", "will", "with",
];

const FRENCH_ELISIONS: [&str; 13] = [
    "c", "d", "j", "jusqu", "l", "lorsqu", "m", "n", "puisqu", "qu", "quoiqu", "s", "t",
];
const ITALIAN_ELISIONS: [&str; 23] = [
    "agl", "all", "c", "coll", "d", "dagl", "dall", "degl", "dell", "gl", "l", "m", "negl", "nell",
    "pell", "s", "sugl", "sull", "t", "tutt", "un", "v", "quest",
];

/// Marks that stay on one character of an unspaced script; more are no writing.
const MAX_MARKS: usize = 15;
/// Words that a memo holds before it starts again.
const MEMO_WORDS: usize = 1 << 16;

/// Remembers the terms of words seen, because stemming costs more than a look-up.
///
/// Bounded: it forgets everything when it holds 65,536 words.
#[derive(Clone, Debug, Default)]
pub struct StemMemo(HashMap<Box<str>, Box<str>>);

/// What a text is made of, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece<'a> {
    /// A word in normal form, of which [`Analyzer::term`] makes a term.
    Word(&'a str),
    /// A term already.
    Term(&'a str),
}

/// Makes index terms of text.
///
/// ```
/// use rag_core::text::{Analyzer, Language};
/// let english = Analyzer::new(Language::English);
/// assert_eq!(english.terms("The dog's RUNNING shoes"), ["dog", "run", "shoe"]);
/// let exact = Analyzer::new(Language::None);
/// assert_eq!(exact.terms("Straße cafe\u{301}"), ["strasse", "caf\u{e9}"]);
/// assert_eq!(exact.terms("東京都"), ["東", "京", "東京", "都", "京都"]);
/// ```
pub struct Analyzer {
    language: Language,
    stemmer: Option<Stemmer>,
}

impl std::fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Analyzer")
            .field("language", &self.language)
            .finish_non_exhaustive()
    }
}

impl Analyzer {
    /// The analyzer of a language.
    pub fn new(language: Language) -> Self {
        let stemmer = algorithm(language).map(Stemmer::create);
        Self { language, stemmer }
    }

    /// The language.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The terms of `text` in order, repeats included.
    pub fn terms(&self, text: &str) -> Vec<String> {
        let mut terms = Vec::new();
        self.for_each_term(text, &mut StemMemo::default(), &mut |term| {
            terms.push(term.to_owned());
        });
        terms
    }

    /// Calls `each` with every term of `text` in order. `memo` must be used with one language only.
    pub fn for_each_term(&self, text: &str, memo: &mut StemMemo, each: &mut dyn FnMut(&str)) {
        self.for_each_piece(text, &mut String::new(), |piece| {
            let word = match piece {
                Piece::Term(term) => return each(term),
                Piece::Word(word) => word,
            };
            if let Some(term) = memo.0.get(word) {
                if !term.is_empty() {
                    each(term);
                }
                return;
            }
            let term = self.term(word).unwrap_or_default();
            if !term.is_empty() {
                each(&term);
            }
            if memo.0.len() >= MEMO_WORDS {
                memo.0.clear();
            }
            memo.0.insert(word.into(), term.into());
        });
    }

    /// Calls `each` with every word of `text` in normal form, and with every term where words are
    /// not separated. `buffer` holds one word at a time, so that nothing is allocated for long.
    pub(crate) fn for_each_piece(
        &self,
        text: &str,
        buffer: &mut String,
        mut each: impl FnMut(Piece<'_>),
    ) {
        for word in words(text) {
            buffer.clear();
            if word.unspaced {
                normalize(word.text.chars(), self.language, buffer);
                characters_and_pairs(buffer, &mut |term| each(Piece::Term(term)));
                continue;
            }
            self.normalize_word(&word, buffer);
            each(Piece::Word(buffer));
        }
    }

    fn normalize_word(&self, word: &Word<'_>, out: &mut String) {
        // The dotted i of Turkish is the one ASCII letter whose lower case depends on language.
        if word.text.is_ascii() && self.language != Language::Turkish {
            let cut = &word.text[..word.text.len().min(MAX_WORD_CHARS)];
            out.push_str(cut);
            out.make_ascii_lowercase();
        } else {
            normalize(word.text.chars().take(MAX_WORD_CHARS), self.language, out);
        }
    }

    /// The term of a word in normal form; `None` for a stop word.
    pub(crate) fn term<'a>(&self, word: &'a str) -> Option<Cow<'a, str>> {
        let word = match self.language {
            Language::English => word.strip_suffix("'s").unwrap_or(word),
            Language::French => without_elision(word, &FRENCH_ELISIONS),
            Language::Italian => without_elision(word, &ITALIAN_ELISIONS),
            _ => word,
        };
        if word.is_empty()
            || self.language == Language::English && ENGLISH_STOP_WORDS.binary_search(&word).is_ok()
        {
            return None;
        }
        let stem = match &self.stemmer {
            Some(stemmer) => stemmer.stem(word),
            None => Cow::Borrowed(word),
        };
        // A stemmer that leaves nothing has met a word made of endings alone.
        Some(if stem.is_empty() {
            Cow::Borrowed(word)
        } else {
            stem
        })
    }
}

fn algorithm(language: Language) -> Option<Algorithm> {
    Some(match language {
        Language::English => Algorithm::English,
        Language::Arabic => Algorithm::Arabic,
        Language::Danish => Algorithm::Danish,
        Language::Dutch => Algorithm::Dutch,
        Language::Finnish => Algorithm::Finnish,
        Language::French => Algorithm::French,
        Language::German => Algorithm::German,
        Language::Greek => Algorithm::Greek,
        Language::Hungarian => Algorithm::Hungarian,
        Language::Italian => Algorithm::Italian,
        Language::Norwegian => Algorithm::Norwegian,
        Language::Portuguese => Algorithm::Portuguese,
        Language::Romanian => Algorithm::Romanian,
        Language::Russian => Algorithm::Russian,
        Language::Spanish => Algorithm::Spanish,
        Language::Swedish => Algorithm::Swedish,
        Language::Tamil => Algorithm::Tamil,
        Language::Turkish => Algorithm::Turkish,
        Language::None => return None,
    })
}

fn without_elision<'a>(word: &'a str, elisions: &[&str]) -> &'a str {
    match word.split_once('\'') {
        Some((head, rest)) if !rest.is_empty() && elisions.contains(&head) => rest,
        _ => word,
    }
}

/// NFKC, then lower case with `ß` as `ss` and one sigma; joiners dropped, apostrophes straight.
/// Puts a whole text into normal form: its words are then those of [`Analyzer`] for no language.
pub(crate) fn normal_form(text: &str, out: &mut String) {
    out.clear();
    if text.is_ascii() {
        out.push_str(text);
        out.make_ascii_lowercase();
    } else {
        normalize(text.chars(), Language::None, out);
    }
}

fn normalize(chars: impl Iterator<Item = char>, language: Language, out: &mut String) {
    let kept = chars.filter(|c| !matches!(c, '\u{200c}' | '\u{200d}' | '\u{ad}'));
    for (c, _) in kept.nfkc() {
        match c {
            '\u{2019}' => out.push('\''),
            'ß' | 'ẞ' => out.push_str("ss"),
            'ς' => out.push('σ'),
            'I' if language == Language::Turkish => out.push('ı'),
            'İ' if language == Language::Turkish => out.push('i'),
            _ if c.is_ascii() => out.push(c.to_ascii_lowercase()),
            _ => out.extend(c.to_lowercase()),
        }
    }
}

fn characters_and_pairs(run: &str, each: &mut dyn FnMut(&str)) {
    let mut before: Option<usize> = None;
    let mut chars = run.char_indices().peekable();
    let mut pair = String::new();
    while let Some((start, c)) = chars.next() {
        let mut end = start + c.len_utf8();
        let mut marks = 0;
        while let Some((i, mark)) = chars.next_if(|&(_, c)| is_combining_mark(c)) {
            if marks < MAX_MARKS {
                end = i + mark.len_utf8();
            }
            marks += 1;
        }
        let unit = &run[start..end];
        each(unit);
        if let Some(length) = before {
            pair.drain(..pair.len() - length);
            pair.push_str(unit);
            each(&pair);
        } else {
            pair.push_str(unit);
        }
        before = Some(unit.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stop_words_are_sorted_for_the_search() {
        assert!(ENGLISH_STOP_WORDS.windows(2).all(|w| w[0] < w[1]));
    }

    #[test]
    fn one_word_written_in_several_ways_is_one_term() {
        let exact = Analyzer::new(Language::None);
        for same in [
            ["CAFÉ", "cafe\u{301}"],
            ["ＡＢＣ", "abc"],
            ["ﬁne", "FINE"],
            ["ΟΔΟΣ", "οδος"],
            ["don\u{2019}t", "DON'T"],
            ["co\u{ad}op", "coop"],
        ] {
            assert_eq!(exact.terms(same[0]), exact.terms(same[1]), "{same:?}");
        }
        assert_eq!(
            Analyzer::new(Language::Turkish).terms("ILIK İyi"),
            ["ılık", "i"]
        );
        assert_eq!(
            Analyzer::new(Language::French).terms("l'avion qu\u{2019}il"),
            ["avion", "il"]
        );
    }

    #[test]
    fn a_word_of_a_megabyte_is_one_short_term() {
        let exact = Analyzer::new(Language::None);
        let terms = exact.terms(&"a".repeat(1 << 20));
        assert_eq!((terms.len(), terms[0].len()), (1, MAX_WORD_CHARS));
        let marks = format!("中{}", "\u{301}".repeat(1 << 20));
        assert!(exact.terms(&marks)[0].chars().count() <= 1 + MAX_MARKS);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn no_stemmer_panics(
            text in "[\\PC\\pM\\u{b80}-\\u{bff}\\u{600}-\\u{6ff}a-zàéßœıİа-яα-ωא-ת一-龠أ-ي'’ ]{0,40}",
        ) {
            for &language in Language::ALL {
                for term in Analyzer::new(language).terms(&text) {
                    prop_assert!(!term.is_empty());
                }
            }
        }
    }
}
