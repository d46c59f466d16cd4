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
const SPACE: u32 = b' ' as u32;

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
    hashes: Vec<u32>,
    seen: Box<[u64; ALL / 64]>,
    found: Vec<u16>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            text: String::new(),
            letters: Vec::new(),
            hashes: Vec::new(),
            seen: Box::new([0; ALL / 64]),
            found: Vec::new(),
        }
    }
}

/// Whether a bucket comes for the first time, as a number.
#[inline]
fn first(seen: &mut [u64; ALL / 64], bucket: usize, counts: usize) -> usize {
    let (word, bit) = (bucket / 64 % (ALL / 64), bucket % 64);
    let fresh = !(seen[word] >> bit) as usize & counts & 1;
    seen[word] |= (fresh as u64) << bit;
    fresh
}

/// The buckets of `text`, each once: those of words and pairs, then those of letters.
pub(super) fn grams<'s>(text: &str, scratch: &'s mut Scratch) -> [&'s [u16]; 2] {
    let Scratch {
        text: normal,
        letters,
        hashes,
        seen,
        found,
    } = scratch;
    seen.fill(0);
    found.clear();
    normal_form(text, normal);
    let mut before = None;
    of_words(normal, |word| {
        let pair = before.map(|before| step(step(before, SPACE), word));
        for hash in std::iter::once(word).chain(pair) {
            let bucket = bucket(hash);
            if first(seen, bucket, 1) == 1 {
                found.push(bucket as u16);
            }
        }
        before = Some(word);
    });
    let words = found.len();
    letters.clear();
    letters.push(SPACE);
    for word in normal.split_whitespace() {
        match word.is_ascii() {
            true => letters.extend(word.bytes().map(u32::from)),
            false => letters.extend(word.chars().map(u32::from)),
        }
        letters.push(SPACE);
    }
    let n = letters.len();
    hashes.clear();
    hashes.extend(letters.iter().map(|&letter| step(BASIS, letter)));
    // One size after the other: no step waits for the one before, and nothing branches.
    let mut length = words;
    for size in 2..=LONGEST.min(n) {
        let ends = &letters[size - 1..];
        for (hash, &end) in hashes.iter_mut().zip(ends) {
            *hash = step(*hash, end);
        }
        found.resize(length + ends.len(), 0);
        for (i, &hash) in hashes[..ends.len()].iter().enumerate() {
            let inside = &letters[i + 1..i + size - 1];
            let within = inside.iter().all(|&letter| letter != SPACE);
            let bucket = BUCKETS + bucket(hash);
            found[length] = bucket as u16;
            length += first(seen, bucket, usize::from(within));
        }
    }
    let (words, letters) = found[..length].split_at(words);
    [words, letters]
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
        let mut scratch = Scratch::default();
        let halves = grams(text, &mut scratch);
        for (half, buckets) in halves.into_iter().enumerate() {
            for &bucket in buckets {
                assert_eq!(usize::from(bucket) / BUCKETS, half);
                let new = all.insert(usize::from(bucket));
                assert!(new, "{bucket} of {text:?} came twice");
            }
        }
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
            let mut normal = String::new();
            normal_form(&text, &mut normal);
            let marked = normal.chars().any(|c| "؟;՞፧՜。।॥۔։።、،՝፣".contains(c));
            prop_assume!(!marked);
            prop_assert_eq!(found(&text), slow(&text));
        }
    }
}
