//! What an attribute is read from besides the vector: words, neighbouring words, and letters.
//!
//! The one idea: a text is a set of buckets. Words and pairs of neighbours fall into one half of
//! them, runs of two to five characters within a word and its borders into the other; what is in
//! a text twice counts once. Words carry the topic and the manner, letters the endings and the
//! spellings that no list of words has. Next: `attribute`, which weighs them.
//!
//! The text is taken in the normal form of `text` (NFKC, lower case). A word is one of
//! [`words`], or one character of a script that is written without spaces; the
//! marks `? ! . ,` and their kin in other scripts are words as well. For letters a word is what
//! stands between white space, with one space on either side.
//!
//! A bucket is the upper 14 bits of `2654435769 * h`, all modulo 2^32, where `h` is FNV-1a (Fowler,
//! Noll and Vo, 1991) over code points: `h = (h ^ c) * 16777619` from 2166136261. A pair
//! goes on from its first word with a space and then the `h` of its second. The numbers are part
//! of the saved form: models keep weights by bucket.

use crate::text::{normal_form, words};

/// Buckets of each half.
pub(super) const BUCKETS: usize = 1 << 14;
/// All buckets: words and pairs first, then letters.
pub(super) const ALL: usize = 2 * BUCKETS;
/// The most characters of a run of letters, the space around a word included.
const LONGEST: usize = 5;

const BASIS: u32 = 2_166_136_261;
const PRIME: u32 = 16_777_619;
const GOLDEN: u32 = 2_654_435_769;

#[inline]
fn step(hash: u32, next: u32) -> u32 {
    (hash ^ next).wrapping_mul(PRIME)
}

#[inline]
fn bucket(hash: u32) -> usize {
    (hash.wrapping_mul(GOLDEN) >> (32 - BUCKETS.trailing_zeros())) as usize
}

/// What reading texts needs to hold, so that nothing is allocated for each.
pub(super) struct Scratch {
    text: String,
    letters: Vec<u32>,
    seen: Box<[u64; ALL / 64]>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            text: String::new(),
            letters: Vec::new(),
            seen: Box::new([0; ALL / 64]),
        }
    }
}

/// Calls `each` once with every bucket of `text`; words and pairs come first.
pub(super) fn grams(text: &str, scratch: &mut Scratch, mut each: impl FnMut(usize)) {
    scratch.seen.fill(0);
    let seen = &mut scratch.seen;
    let mut once = |bucket: usize| {
        let (word, bit) = (bucket / 64, 1u64 << (bucket % 64));
        if seen[word] & bit == 0 {
            seen[word] |= bit;
            each(bucket);
        }
    };
    normal_form(text, &mut scratch.text);
    let mut before = None;
    of_words(&scratch.text, |word| {
        once(bucket(word));
        if let Some(before) = before {
            once(bucket(step(step(before, u32::from(' ')), word)));
        }
        before = Some(word);
    });
    let letters = &mut scratch.letters;
    letters.clear();
    letters.push(u32::from(' '));
    for word in scratch.text.split_whitespace() {
        match word.is_ascii() {
            true => letters.extend(word.bytes().map(u32::from)),
            false => letters.extend(word.chars().map(u32::from)),
        }
        letters.push(u32::from(' '));
    }
    for start in 0..letters.len() - 1 {
        let mut hash = step(BASIS, letters[start]);
        let end = letters.len().min(start + LONGEST);
        for &letter in &letters[start + 1..end] {
            hash = step(hash, letter);
            once(BUCKETS + bucket(hash));
            if letter == u32::from(' ') {
                break;
            }
        }
    }
}

/// The hash of every word and mark, in order.
fn of_words(text: &str, mut each: impl FnMut(u32)) {
    let mut at = 0;
    for word in words(text) {
        of_marks(&text[at..word.start], &mut each);
        match word.unspaced {
            true => word
                .text
                .chars()
                .for_each(|c| each(step(BASIS, u32::from(c)))),
            false if word.text.is_ascii() => {
                let hash = |hash, &byte: &u8| step(hash, u32::from(byte));
                each(word.text.as_bytes().iter().fold(BASIS, hash));
            }
            false => each(word.text.chars().fold(BASIS, |h, c| step(h, u32::from(c)))),
        }
        at = word.end;
    }
    of_marks(&text[at..], &mut each);
}

fn of_marks(between: &str, each: &mut impl FnMut(u32)) {
    for c in between.chars() {
        let mark = match c {
            '?' | '!' | '.' | ',' => c,
            '\u{61f}' | '\u{37e}' | '\u{55e}' | '\u{1367}' => '?',
            '\u{55c}' => '!',
            '\u{3002}' | '\u{964}' | '\u{965}' | '\u{6d4}' | '\u{589}' | '\u{1362}' => '.',
            '\u{3001}' | '\u{60c}' | '\u{55d}' | '\u{1363}' => ',',
            _ => continue,
        };
        each(step(BASIS, u32::from(mark)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn found(text: &str) -> BTreeSet<usize> {
        let mut all = BTreeSet::new();
        grams(text, &mut Scratch::default(), |bucket| {
            assert!(all.insert(bucket), "{bucket} of {text:?} came twice");
        });
        all
    }

    fn hash(text: &str) -> u32 {
        text.chars().fold(BASIS, |h, c| step(h, u32::from(c)))
    }

    /// The same from strings, one n-gram after the other.
    fn slow(text: &str) -> BTreeSet<usize> {
        let mut lower = String::new();
        normal_form(text, &mut lower);
        let mut tokens: Vec<String> = Vec::new();
        let mut at = 0;
        let marks = |between: &str, tokens: &mut Vec<String>| {
            let marks = between.chars().filter(|c| "?!.,".contains(*c));
            tokens.extend(marks.map(String::from));
        };
        for word in words(&lower) {
            marks(&lower[at..word.start], &mut tokens);
            match word.unspaced {
                true => tokens.extend(word.text.chars().map(String::from)),
                false => tokens.push(word.text.to_owned()),
            }
            at = word.end;
        }
        marks(&lower[at..], &mut tokens);
        let mut all: BTreeSet<usize> = tokens.iter().map(|t| bucket(hash(t))).collect();
        for pair in tokens.windows(2) {
            let pair = step(step(hash(&pair[0]), 32), hash(&pair[1]));
            all.insert(bucket(pair));
        }
        for word in lower.split_whitespace() {
            let bordered: Vec<char> = format!(" {word} ").chars().collect();
            for size in 2..=LONGEST {
                for run in bordered.windows(size) {
                    let run: String = run.iter().collect();
                    all.insert(BUCKETS + bucket(hash(&run)));
                }
            }
        }
        all
    }

    #[test]
    fn the_hash_is_the_one_that_is_told() {
        // FNV-1a of "a" is e40c292c; the buckets follow from the formula.
        assert_eq!(hash("a"), 0xe40c_292c);
        let golden = 0xe40c_292c_u32.wrapping_mul(2_654_435_769) >> 18;
        assert!(found("a").contains(&(golden as usize)));
        assert!(found("").is_empty() && found(" \n\t ").is_empty());
        // "a", and letters " a", " a ", "a ".
        assert_eq!(found("A").len(), 4);
    }

    #[test]
    fn one_text_in_two_forms_has_the_same_grams() {
        assert_eq!(found("CAFÉ ÜBER"), found("cafe\u{301} u\u{308}ber"));
        assert_eq!(found("ＯＫ？"), found("ok?"));
        assert_eq!(found("don\u{2019}t"), found("don't"));
        assert_ne!(found("ab"), found("ba"));
        // Every character of an unspaced script is a word with neighbours.
        let both: BTreeSet<usize> = found("東京").into_iter().filter(|&b| b < BUCKETS).collect();
        assert_eq!(both.len(), 3);
    }

    proptest! {
        #[test]
        fn grams_are_those_of_the_strings(text in "([a-dA-D'?!., ]|[äé中東Я\u{301}\u{3000}]|\\PC){0,40}") {
            let marked = text.chars().any(|c| "؟;՞፧՜。।॥۔։።、،՝፣".contains(c));
            prop_assume!(!marked);
            prop_assert_eq!(found(&text), slow(&text));
        }
    }
}
