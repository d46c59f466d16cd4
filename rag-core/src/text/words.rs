//! Where words begin and end.
//!
//! A word is a run of letters, digits and combining marks. Scripts that put no space between
//! words (Han, kana, Hangul, Thai, Lao, Khmer, Myanmar) come as one run, marked as such; the
//! analyzer cuts those into characters and pairs. Next: `analyzer`.

use unicode_normalization_alignments::char::is_combining_mark;

/// Longer words are cut to their first `MAX_WORD_CHARS` characters when they become terms.
pub const MAX_WORD_CHARS: usize = 128;

/// A word in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Byte offset of the first character.
    pub start: usize,
    /// Byte offset after the last character.
    pub end: usize,
    /// The word as written, `&text[start..end]`.
    pub text: &'a str,
    /// Whether it is a run of a script written without spaces, which may hold many words.
    pub unspaced: bool,
}

/// The words of a text, in order. Made by [`words`].
#[derive(Clone, Debug)]
pub struct Words<'a> {
    text: &'a str,
    at: usize,
}

/// Finds the words of `text`.
///
/// Letters, digits and marks of any script make words. An apostrophe between two letters and a
/// full stop or comma between two digits belong to the word; hyphens, underscores and full stops
/// between letters separate words, so that the parts of `snake_case` and `example.org` are found.
/// Zero-width joiners and soft hyphens do not separate. Linear in the text.
///
/// ```
/// use rag_core::text::words;
/// let found: Vec<_> = words("Don't pay 1,299.50 for snake_case.").map(|w| w.text).collect();
/// assert_eq!(found, ["Don't", "pay", "1,299.50", "for", "snake", "case"]);
/// ```
pub fn words(text: &str) -> Words<'_> {
    Words { text, at: 0 }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Letter,
    Digit,
    Unspaced,
    Mark,
    Joiner,
    Apostrophe,
    Point,
    Other,
}

pub(super) fn class(c: char) -> Class {
    if c.is_ascii() {
        return match c {
            'a'..='z' | 'A'..='Z' => Class::Letter,
            '0'..='9' => Class::Digit,
            '\'' => Class::Apostrophe,
            '.' | ',' => Class::Point,
            _ => Class::Other,
        };
    }
    match c {
        '\u{2019}' | '\u{ff07}' => Class::Apostrophe,
        '\u{200c}' | '\u{200d}' | '\u{ad}' => Class::Joiner,
        _ if is_combining_mark(c) => Class::Mark,
        _ if is_unspaced(c) && c.is_alphanumeric() => Class::Unspaced,
        _ if c.is_numeric() => Class::Digit,
        _ if c.is_alphabetic() => Class::Letter,
        _ => Class::Other,
    }
}

/// [`Class`] for bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    Letter,
    Digit,
    Apostrophe,
    Point,
    Other,
    /// Part of a character beyond ASCII.
    Foreign,
}

static BYTES: [Byte; 256] = {
    let mut bytes = [Byte::Foreign; 256];
    let mut b = 0;
    while b < 128 {
        bytes[b] = match b as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => Byte::Letter,
            b'0'..=b'9' => Byte::Digit,
            b'\'' => Byte::Apostrophe,
            b'.' | b',' => Byte::Point,
            _ => Byte::Other,
        };
        b += 1;
    }
    bytes
};

/// Scripts whose words are not separated by spaces, or (Hangul) whose spaced units carry so many
/// endings that character pairs find more.
fn is_unspaced(c: char) -> bool {
    matches!(u32::from(c),
        0x0e00..=0x0eff | 0x1000..=0x11ff | 0x1780..=0x17ff | 0x3005..=0x3007 | 0x3040..=0x31ff
        | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xa960..=0xa97f | 0xac00..=0xd7ff
        | 0xf900..=0xfaff | 0xff66..=0xffdc | 0x1b000..=0x1b16f | 0x20000..=0x3ffff)
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        match self.ascii() {
            Ok(word) => word,
            Err(Foreign) => self.any(),
        }
    }
}

/// The next word needs more than ASCII to be found.
struct Foreign;

impl<'a> Words<'a> {
    /// The next word if it and what stands around it are ASCII: most words of most texts.
    #[inline]
    fn ascii(&mut self) -> Result<Option<Word<'a>>, Foreign> {
        let bytes = self.text.as_bytes();
        let class = |at: usize| {
            bytes
                .get(at)
                .map_or(Byte::Other, |&b| BYTES[usize::from(b)])
        };
        let mut at = self.at;
        loop {
            match bytes.get(at).map(|&b| BYTES[usize::from(b)]) {
                None => {
                    self.at = at;
                    return Ok(None);
                }
                Some(Byte::Letter | Byte::Digit) => break,
                Some(Byte::Foreign) => return Err(Foreign),
                Some(Byte::Apostrophe | Byte::Point | Byte::Other) => at += 1,
            }
        }
        let start = at;
        loop {
            at += 1;
            let between = match class(at) {
                Byte::Letter | Byte::Digit => continue,
                Byte::Other => break,
                Byte::Foreign => return Err(Foreign),
                Byte::Apostrophe => Byte::Letter,
                Byte::Point => Byte::Digit,
            };
            match class(at + 1) {
                Byte::Foreign => return Err(Foreign),
                next if next == between && class(at - 1) == between => {}
                _ => break,
            }
        }
        self.at = at;
        Ok(Some(Word {
            start,
            end: at,
            text: &self.text[start..at],
            unspaced: false,
        }))
    }

    fn any(&mut self) -> Option<Word<'a>> {
        let mut chars = self.text[self.at..].char_indices();
        let (start, first) = chars
            .by_ref()
            .find_map(|(i, c)| match class(c) {
                kind @ (Class::Letter | Class::Digit | Class::Unspaced) => {
                    Some((self.at + i, kind))
                }
                _ => None,
            })
            .or_else(|| {
                self.at = self.text.len();
                None
            })?;
        let unspaced = first == Class::Unspaced;
        // `kind` is the class of the last character that is no mark.
        let mut kind = first;
        let mut chars = chars.map(|(i, c)| (self.at + i, c)).peekable();
        let mut end = None;
        while let Some((i, c)) = chars.next() {
            let here = class(c);
            let next = chars.peek().map_or(Class::Other, |&(_, c)| class(c));
            let inside = match here {
                Class::Mark => true,
                Class::Unspaced => unspaced,
                Class::Letter | Class::Digit => !unspaced,
                Class::Joiner => continues(next, unspaced),
                Class::Apostrophe => kind == Class::Letter && next == Class::Letter,
                Class::Point => kind == Class::Digit && next == Class::Digit,
                Class::Other => false,
            };
            if !inside {
                end = Some(i);
                break;
            }
            if matches!(here, Class::Letter | Class::Digit | Class::Unspaced) {
                kind = here;
            }
        }
        let end = end.unwrap_or(self.text.len());
        self.at = end;
        let text = &self.text[start..end];
        Some(Word {
            start,
            end,
            text,
            unspaced,
        })
    }
}

fn continues(next: Class, unspaced: bool) -> bool {
    match next {
        Class::Letter | Class::Digit => !unspaced,
        Class::Unspaced => unspaced,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<&str> {
        words(text).map(|w| w.text).collect()
    }

    #[test]
    fn words_in_many_scripts() {
        assert_eq!(found(""), Vec::<&str>::new());
        assert_eq!(found(" .,'- "), Vec::<&str>::new());
        assert_eq!(
            found("'tis the dogs' rock'n'roll"),
            ["tis", "the", "dogs", "rock'n'roll"]
        );
        assert_eq!(
            found("1.5. 2,3, a.b 1.x v2.0"),
            ["1.5", "2,3", "a", "b", "1", "x", "v2.0"]
        );
        assert_eq!(
            found("cafe\u{301} नमस्ते co\u{ad}op"),
            ["cafe\u{301}", "नमस्ते", "co\u{ad}op"]
        );
        assert_eq!(
            found("iPhone手机 и Ωmega"),
            ["iPhone", "手机", "и", "Ωmega"]
        );
        assert_eq!(found("a\u{200d} \u{200d}b \u{301}c"), ["a", "b", "c"]);
        let runs: Vec<_> = words("ab 東京タワー").map(|w| w.unspaced).collect();
        assert_eq!(runs, [false, true]);
    }

    proptest! {
        #[test]
        fn the_short_way_through_ascii_finds_the_same(text in "([a-c0-2.,' _-]|[é中\u{301}\u{200d}\u{2019}]){0,24}") {
            let (mut short, mut long) = (words(&text), words(&text));
            loop {
                let want = long.any();
                prop_assert_eq!(short.next(), want);
                if want.is_none() {
                    break;
                }
            }
        }

        #[test]
        fn every_letter_and_digit_is_in_one_word(text in "([a-z0-9.,' _-]|[\\pL\\pN\\pM]|\\PC|[一-龠]){0,40}") {
            let mut at = 0;
            let outside = |gap: &str| gap.chars().all(|c| !c.is_alphanumeric() || is_combining_mark(c));
            for word in words(&text) {
                prop_assert!(outside(&text[at..word.start]));
                prop_assert_eq!(&text[word.start..word.end], word.text);
                prop_assert!(word.start < word.end);
                at = word.end;
            }
            prop_assert!(outside(&text[at..]));
        }
    }
}
