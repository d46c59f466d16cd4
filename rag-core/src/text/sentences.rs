//! Where sentences begin and end.
//!
//! One pass with a bounded look back and ahead, by rules: a terminator ends a sentence unless
//! what stands before it (an abbreviation, an initial, a list number) or behind it (a lower-case
//! letter, a digit) speaks against. A blank line, a list item and a heading always separate.
//! Next: `chunking`, which packs sentences.

use std::ops::Range;

/// The sentences of a text, as byte ranges. Made by [`sentences`].
#[derive(Clone, Debug)]
pub struct Sentences<'a> {
    text: &'a str,
    at: usize,
}

/// Bytes from which text without capitals is taken for a sentence.
const LONG_ENOUGH: usize = 20;

/// Finds the sentences of `text`.
///
/// The ranges ascend, do not overlap, begin and end at visible characters and leave out only
/// white space. Linear in the text.
///
/// ```
/// use rag_core::text::sentences;
/// let text = "Dr. Smith paid $3.50 to J. Doe.  \"Really?!\" he said. 真的。好。";
/// let found: Vec<_> = sentences(text).map(|r| &text[r]).collect();
/// assert_eq!(found, [
///     "Dr. Smith paid $3.50 to J. Doe.", "\"Really?!\" he said.", "真的。", "好。",
/// ]);
/// ```
pub fn sentences(text: &str) -> Sentences<'_> {
    Sentences { text, at: 0 }
}

impl Iterator for Sentences<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = &self.text[self.at..];
        let start = self.at + (rest.len() - rest.trim_start().len());
        if start == self.text.len() {
            self.at = start;
            return None;
        }
        let mut end = self.end_after(start);
        // A terminator with nothing before it, such as a stray "." line, is still visible text.
        if end == start {
            end = self.text.len();
        }
        self.at = end;
        let kept = self.text[start..end].trim_end().len();
        Some(start..start + kept)
    }
}

impl Sentences<'_> {
    /// The byte offset after the sentence that starts at `start`.
    fn end_after(&self, start: usize) -> usize {
        let heading = is_heading(&self.text[start..]);
        let mut at = start;
        let mut capitals = false;
        while let Some(c) = self.text[at..].chars().next() {
            let after = at + c.len_utf8();
            if c == '\n' || c == '\r' {
                let (next, blank) = self.skip_lines(at);
                if heading || blank || starts_block(&self.text[next..]) {
                    return at;
                }
                at = next;
            } else if is_wide_terminator(c) {
                return self.skip_tail(after);
            } else if matches!(
                c,
                '.' | '!' | '?' | '…' | '‽' | '؟' | '۔' | '।' | '॥' | '።' | '։'
            ) {
                let tail = self.skip_tail(after);
                // Text without a single capital, such as chat, tells nothing by a small letter.
                let small_ends = !capitals && at - start >= LONG_ENOUGH;
                if self.ends_here(start, at, c, tail, small_ends) {
                    return tail;
                }
                at = tail;
            } else {
                capitals |= c.is_uppercase();
                at = after;
            }
        }
        self.text.len()
    }

    /// From a line end to the next visible character or the end, and whether a line between is blank.
    fn skip_lines(&self, at: usize) -> (usize, bool) {
        let rest = &self.text[at..];
        let space = &rest[..rest.len() - rest.trim_start().len()];
        let ends = space.matches('\n').count();
        // Old Mac line ends count only where there is no other kind.
        let ends = if ends == 0 {
            space.matches('\r').count()
        } else {
            ends
        };
        let next = at + space.len();
        // Indentation belongs to the next line: list markers are looked for behind it.
        (next, ends > 1)
    }

    /// Past further terminators and closing quotes and brackets.
    fn skip_tail(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        let tail = rest.trim_start_matches(|c| {
            matches!(
                c,
                '.' | '!'
                    | '?'
                    | '…'
                    | '‽'
                    | '؟'
                    | ')'
                    | ']'
                    | '}'
                    | '"'
                    | '\''
                    | '\u{201d}'
                    | '\u{2019}'
                    | '»'
                    | '›'
                    | '」'
                    | '』'
                    | '）'
                    | '】'
                    | '》'
                    | '〉'
                    | '］'
            ) || is_wide_terminator(c)
        });
        at + rest.len() - tail.len()
    }

    fn ends_here(
        &self,
        start: usize,
        at: usize,
        terminator: char,
        tail: usize,
        small_ends: bool,
    ) -> bool {
        let rest = &self.text[tail..];
        let Some(next) = rest.chars().next() else {
            return true;
        };
        if !next.is_whitespace() {
            return false;
        }
        let Some(opening) = rest.trim_start().chars().find(|c| !is_opening(*c)) else {
            return true;
        };
        if opening.is_lowercase() && !small_ends {
            return false;
        }
        terminator != '.' || tail > at + 1 || !self.is_abbreviation(start, at, opening)
    }

    /// Whether the full stop at `at` belongs to the word before it.
    fn is_abbreviation(&self, start: usize, at: usize, opening: char) -> bool {
        const LONGEST: usize = 12;
        let before = &self.text[start..at];
        let word_start = before
            .char_indices()
            .rev()
            .take(LONGEST)
            .take_while(|(_, c)| c.is_alphanumeric() || *c == '.' || *c == '\'')
            .last()
            .map_or(before.len(), |(i, _)| i);
        let word = &before[word_start..];
        let letters = word.chars().filter(|c| c.is_alphabetic()).count();
        if word.is_empty() {
            return false;
        }
        // "1." or "iv." in front of an item, at the start of a sentence.
        if word_start == 0 && word.len() <= 3 && word.bytes().all(|b| b.is_ascii_digit()) {
            return true;
        }
        // "J. Doe", but not "vitamin C. It": an initial stands at the start or after a capital.
        if letters == 1 && word.chars().all(char::is_uppercase) {
            let previous = before[..word_start].trim_end();
            let name = previous
                .rsplit(|c: char| c.is_whitespace())
                .next()
                .unwrap_or("");
            return word != "I"
                && (previous.is_empty()
                    || previous.len() < before[..word_start].len()
                        && name
                            .chars()
                            .next()
                            .is_none_or(|c| c.is_uppercase() || !c.is_alphabetic())
                    || is_short_connective(name));
        }
        let lower = word.to_lowercase();
        if ALWAYS.contains(&lower.as_str()) {
            return true;
        }
        if BEFORE_NUMBER.contains(&lower.as_str()) {
            return opening.is_numeric();
        }
        // "U.S." and "e.g.": letters with full stops between. A new sentence may begin after the
        // first kind, but a name ("U.S. Army") is more frequent.
        letters >= 2
            && word.contains('.')
            && word.split('.').all(|p| p.chars().count() <= 1)
            && !ENDS_OFTEN.contains(&lower.as_str())
    }
}

/// Words before an initial that are no names: "by J. Doe".
fn is_short_connective(word: &str) -> bool {
    matches!(
        word,
        "by" | "to" | "and" | "of" | "with" | "from" | "for" | "et" | "von" | "van" | "de" | "&"
    )
}

/// Abbreviations that a name or a number follows, in lower case, without the last full stop.
const ALWAYS: [&str; 58] = [
    "mr", "mrs", "ms", "mx", "dr", "prof", "st", "mt", "ft", "rev", "hon", "gen", "col", "capt",
    "lt", "sgt", "maj", "gov", "sen", "rep", "pres", "messrs", "mme", "mlle", "vs", "v", "cf",
    "e.g", "i.e", "eg", "ie", "viz", "ca", "approx", "resp", "al", "esp", "incl", "fig", "figs",
    "eq", "eqs", "sec", "ch", "tab", "ref", "refs", "vol", "ed", "eds", "trans", "z.b", "bzw",
    "u.a", "d.h", "dept", "univ", "op",
];
/// Abbreviations only before a number: "No. 5", but "I said no. He left."
const BEFORE_NUMBER: [&str; 15] = [
    "no", "nos", "nr", "p", "pp", "art", "jan", "feb", "mar", "apr", "aug", "sept", "oct", "nov",
    "dec",
];
/// Dotted abbreviations that end sentences as often as not.
const ENDS_OFTEN: [&str; 4] = ["a.m", "p.m", "b.c", "a.d"];

fn is_opening(c: char) -> bool {
    matches!(
        c,
        '"' | '\'' | '(' | '[' | '{' | '\u{201c}' | '\u{2018}' | '«' | '‹' | '¿' | '¡' | '*' | '_'
    )
}

/// Full stops of scripts that put no space behind them.
fn is_wide_terminator(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '｡' | '．')
}

/// Whether `line` begins with a Markdown heading.
fn is_heading(line: &str) -> bool {
    let level = line.bytes().take(7).take_while(|b| *b == b'#').count();
    (1..=6).contains(&level) && line[level..].starts_with([' ', '\t'])
}

/// Whether a line that begins so stands on its own: a list item, a heading, a quote, a table row.
fn starts_block(line: &str) -> bool {
    let mut chars = line.chars();
    match chars.next() {
        Some('-' | '*' | '+' | '•' | '‣' | '◦' | '–' | '·') => {
            chars.next().is_none_or(char::is_whitespace)
        }
        Some('|' | '>') => true,
        Some('#') => is_heading(line),
        Some('`') => line.starts_with("```"),
        Some(c) if c.is_ascii_alphanumeric() => {
            let marker = line.bytes().take(4).take_while(u8::is_ascii_digit).count();
            let marker = if marker == 0 { 1 } else { marker };
            let mut rest = line[marker..].chars();
            let closed = rest
                .next()
                .is_some_and(|c| c == ')' || c == '.' && !line.as_bytes()[0].is_ascii_alphabetic());
            marker <= 3 && closed && rest.next().is_some_and(char::is_whitespace)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<&str> {
        sentences(text).map(|r| &text[r]).collect()
    }

    #[test]
    fn abbreviations_numbers_and_initials_do_not_end() {
        for whole in [
            "See Fig. 3 and e.g. Smith et al. 2004 for v. 1.2.3 of it.",
            "The U.S. Army met Mr. J. R. Doe at 5 p.m. on Dec. 3.",
            "It was no. 5, i.e. the last.",
            "Visit example.org or mail a.b@c.de now.",
            "What? said he.",
            "1. First item of a list",
        ] {
            assert_eq!(found(whole), [whole]);
        }
    }

    #[test]
    fn terminators_quotes_lines_and_lists_end() {
        assert_eq!(found("I said no. He left."), ["I said no.", "He left."]);
        assert_eq!(
            found("Take vitamin C. It helps."),
            ["Take vitamin C.", "It helps."]
        );
        assert_eq!(
            found("(Yes.) \"No!\" 'So?' End"),
            ["(Yes.)", "\"No!\"", "'So?'", "End"]
        );
        assert_eq!(found("What?! No... Yes"), ["What?!", "No...", "Yes"]);
        assert_eq!(
            found("a wrapped\r\nline. New\r\n\r\nparagraph"),
            ["a wrapped\r\nline.", "New", "paragraph"]
        );
        assert_eq!(
            found("Items:\n- one\n- two\n  more\n1. three\n10) ten"),
            ["Items:", "- one", "- two\n  more", "1. three", "10) ten"]
        );
        assert_eq!(found("# Title\ntext"), ["# Title", "text"]);
        assert_eq!(found("你好。「好！」再见"), ["你好。", "「好！」", "再见"]);
        assert_eq!(found(" \n\t "), Vec::<&str>::new());
        assert_eq!(
            found("nobody here uses capitals. what? said he, e.g. me and 3.5 others. yes."),
            [
                "nobody here uses capitals.",
                "what? said he, e.g. me and 3.5 others.",
                "yes."
            ]
        );
        assert_eq!(found(". . ."), [".", ".", "."]);
    }

    proptest! {
        #[test]
        fn ranges_cover_all_that_is_visible(text in "([a-zA-Z0-9 .!?\\n\\r\"')(#|*-]|。|é|🙂|\\PC){0,80}") {
            let mut at = 0;
            for range in sentences(&text) {
                prop_assert!(text[at..range.start].trim().is_empty());
                prop_assert!(!text[range.clone()].is_empty());
                prop_assert_eq!(text[range.clone()].trim(), &text[range.clone()]);
                at = range.end;
            }
            prop_assert!(text[at..].trim().is_empty());
        }
    }

    #[test]
    fn long_texts_of_one_kind_are_linear() {
        for unit in [
            ".", "\n", " ", "a. ", ")", "A.", "。", "x\n", "1. ", "(", ". (", "\r\n",
        ] {
            let text = unit.repeat((1 << 20) / unit.len());
            sentences(&text).for_each(drop);
        }
    }
}
