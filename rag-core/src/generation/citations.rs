//! Which sentence of an answer rests on which passages, as the answer says itself: `[1]`, `[1, 3]`, `[2][3]`, `[^1]`.

use crate::text::sentences;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A sentence and the passages that it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cited {
    /// Where the sentence begins in the clean text, in bytes.
    pub start: usize,
    /// Where it ends there.
    pub end: usize,
    /// Numbers of passages from 1, in the order in which they were named, each once.
    pub passages: Vec<usize>,
}

/// Takes the citations out of a text, and says which sentence each supports.
///
/// `passages` is how many there were: larger numbers, and 0, go from the text but support nothing. A citation behind
/// a sentence or in it supports that sentence; one at the beginning of a line supports the sentence that follows.
/// Numbers of more than three digits, links such as `[1](address)` and definitions such as `[^1]:` are no citations.
/// Spaces in front of a citation go with it where none are needed any more.
///
/// ```
/// use rag_core::generation::parse_citations;
/// let (text, cited) = parse_citations("Rome is old [2]. It is large. [1, 9][^3] In [2024] too.", 3);
/// assert_eq!(text, "Rome is old. It is large. In [2024] too.");
/// assert_eq!((&text[cited[1].start..cited[1].end], &cited[1].passages[..]), ("It is large.", &[1, 3][..]));
/// ```
pub fn parse_citations(text: &str, passages: usize) -> (String, Vec<Cited>) {
    let (clean, marks, _) = strip(text);
    let cited = named(&clean, marks, passages);
    (clean, cited)
}

/// The same sentences in the text as it is, with the citations inside them.
///
/// ```
/// use rag_core::generation::cited_sentences;
/// let text = "Rome is old [2]. It is large. [1]";
/// let cited = cited_sentences(text, 2);
/// assert_eq!(&text[cited[0].start..cited[0].end], "Rome is old [2].");
/// assert_eq!(&text[cited[1].start..cited[1].end], "It is large.");
/// ```
pub fn cited_sentences(text: &str, passages: usize) -> Vec<Cited> {
    let (clean, marks, cuts) = strip(text);
    let mut cited = named(&clean, marks, passages);
    let gone = |before: &dyn Fn(usize) -> bool| -> usize {
        let cuts = cuts.iter().filter(|(at, _)| before(*at));
        cuts.map(|(_, bytes)| bytes).sum()
    };
    for sentence in &mut cited {
        let Cited { start, end, .. } = *sentence;
        // A citation in front of a sentence or behind it is no part of it.
        sentence.start = start + gone(&|at| at <= start);
        sentence.end = end + gone(&|at| at < end);
    }
    cited
}

fn named(clean: &str, marks: Vec<(usize, Vec<usize>)>, passages: usize) -> Vec<Cited> {
    let spans: Vec<Range<usize>> = sentences(clean).collect();
    let mut named: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
    for (at, numbers) in marks {
        let Some(i) = supported(clean, &spans, at) else {
            continue;
        };
        for n in numbers {
            if (1..=passages).contains(&n) && !named[i].contains(&n) {
                named[i].push(n);
            }
        }
    }
    let cited = spans.into_iter().zip(named).filter(|(_, n)| !n.is_empty());
    let cited = cited.map(|(span, passages)| Cited {
        start: span.start,
        end: span.end,
        passages,
    });
    cited.collect()
}

/// The text without citations.
pub(crate) fn without_citations(text: &str) -> String {
    strip(text).0
}

/// The sentence that a citation at `at` belongs to.
fn supported(clean: &str, spans: &[Range<usize>], at: usize) -> Option<usize> {
    if spans.is_empty() {
        return None;
    }
    let spaces = [' ', '\t'];
    let before = clean[..at].trim_end_matches(spaces);
    let opens = before.is_empty() || before.ends_with('\n');
    let rest = clean[at..].trim_start_matches(spaces);
    let text_follows = !rest.is_empty() && !rest.starts_with(['\n', '\r']);
    // The first sentence that ends behind the citation, and the last one that begins in front of it.
    let ends_behind = spans.partition_point(|s| s.end <= at);
    let begins_before = spans.partition_point(|s| s.start < at);
    let i = if opens && text_follows {
        ends_behind
    } else {
        begins_before.saturating_sub(1)
    };
    Some(i.min(spans.len() - 1))
}

/// The clean text, where in it each citation stood, and how many bytes are gone there.
#[allow(clippy::type_complexity, reason = "three lists for two callers")]
fn strip(text: &str) -> (String, Vec<(usize, Vec<usize>)>, Vec<(usize, usize)>) {
    let mut cuts = Vec::new();
    let mut clean = String::with_capacity(text.len());
    let mut marks = Vec::new();
    let (mut at, mut gone) = (0, 0);
    while let Some(found) = text[at..].find('[') {
        let open = at + found;
        let Some((mut end, mut numbers)) = mark(text, open) else {
            clean.push_str(&text[at..=open]);
            at = open + 1;
            continue;
        };
        clean.push_str(&text[at..open]);
        // Citations in a row are taken out as one.
        while let Some((next, more)) = next_mark(text, end) {
            numbers.extend(more);
            end = next;
        }
        let next = text[end..].chars().next();
        if next.is_none_or(|c| c.is_whitespace() || closes(c)) {
            clean.truncate(clean.trim_end_matches([' ', '\t']).len());
        }
        marks.push((clean.len(), numbers));
        if clean.is_empty() || clean.ends_with('\n') {
            end += text[end..].len() - text[end..].trim_start_matches([' ', '\t']).len();
        }
        cuts.push((clean.len(), end - clean.len() - gone));
        gone = end - clean.len();
        at = end;
    }
    clean.push_str(&text[at..]);
    (clean, marks, cuts)
}

/// A citation behind at most spaces and one comma.
fn next_mark(text: &str, at: usize) -> Option<(usize, Vec<usize>)> {
    let rest = text[at..].trim_start_matches([' ', '\t']);
    let rest = rest
        .strip_prefix(',')
        .unwrap_or(rest)
        .trim_start_matches([' ', '\t']);
    mark(text, text.len() - rest.len())
}

/// Punctuation in front of which no space stands.
fn closes(c: char) -> bool {
    matches!(
        c,
        '.' | ',' | ';' | ':' | '!' | '?' | ')' | ']' | '}' | '…' | '。' | '，' | '！' | '？'
    )
}

/// The end and the numbers of the citation that begins at `open`, if one does.
fn mark(text: &str, open: usize) -> Option<(usize, Vec<usize>)> {
    let bytes = text.as_bytes();
    if bytes.get(open) != Some(&b'[') {
        return None;
    }
    let mut at = open + 1;
    let mut numbers = Vec::new();
    let mut note = false;
    loop {
        while bytes.get(at) == Some(&b' ') {
            at += 1;
        }
        if bytes.get(at) == Some(&b'^') {
            note = true;
            at += 1;
        }
        let digits = bytes[at..]
            .iter()
            .take(4)
            .take_while(|b| b.is_ascii_digit())
            .count();
        if !(1..=3).contains(&digits) {
            return None;
        }
        numbers.push(text[at..at + digits].parse().ok()?);
        at += digits;
        while bytes.get(at) == Some(&b' ') {
            at += 1;
        }
        match bytes.get(at) {
            Some(b',' | b';') => at += 1,
            Some(b']') => break,
            _ => return None,
        }
    }
    let end = at + 1;
    let next = bytes.get(end);
    (next != Some(&b'(') && !(note && next == Some(&b':'))).then_some((end, numbers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn spans_are_sentences_of_a_text_without_citations(
            text in "(\\[1\\]|\\[2, 3\\]|\\[\\^1\\]|\\[|\\]|a|B|é|\\.|,| |\n|[0-9]){0,40}",
        ) {
            let (clean, cited) = parse_citations(&text, 3);
            let spans: Vec<_> = sentences(&clean).collect();
            for c in &cited {
                prop_assert!(spans.contains(&(c.start..c.end)));
                prop_assert!(!c.passages.is_empty() && c.passages.iter().all(|p| (1..=3).contains(p)));
            }
            prop_assert!(cited.is_sorted_by_key(|c| c.start));
            // Nothing but citations and spaces is gone.
            let letters = |t: &str| t.chars().filter(|c| c.is_alphabetic()).collect::<String>();
            prop_assert_eq!(letters(&clean), letters(&text));
        }
    }

    #[test]
    fn long_rows_are_linear() {
        for unit in ["[", "[1]", "[1, ", "[1,", "a [1] ", "[1", "[ ", "[^1]\n"] {
            parse_citations(&unit.repeat((1 << 18) / unit.len()), 1);
        }
    }
}
