//! Marked stretches of an answer, such as `[SUGGESTION: ...]`, found while it is still being written.
//!
//! Text that cannot be part of a marker any more goes out at once; what may be one is held back until it is
//! closed, or too long. A parser keeps a stack of the brackets that are open in what it holds, so that it is
//! linear in the text, however brackets are nested, and its events do not depend on where a text was cut.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The kinds that are looked for if no others are given.
pub const MARKER_KINDS: [&str; 2] = ["suggestion", "pro_tip"];

crate::options! {
    /// How markers are found.
    MarkerOptions {
        /// Bytes of the longest marker, brackets included; a longer one is plain text.
        max_marker_bytes: usize = 4096, in 16..=1048576;
    }
}

/// Something marked in a text, such as `[SUGGESTION: ...]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Its kind in lower case, spaces as underscores: `suggestion`, `pro_tip`.
    pub kind: String,
    /// What stands in it.
    pub text: String,
    /// Where it stood in the text, in bytes: the text does not hold it any more.
    pub at: usize,
}

/// What a [`MarkerParser`] found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "event")]
pub enum MarkerEvent {
    /// Text outside of markers.
    Text {
        /// The text.
        text: String,
    },
    /// A marker, complete.
    Marker(Marker),
}

/// A bracket that is open in what is held.
#[derive(Debug)]
struct Open {
    start: usize,
    head: Head,
}

#[derive(Debug)]
enum Head {
    /// What was read of the kind so far, in normal form; nobody knows yet what it will be.
    Reading(String),
    /// A marker of that kind, whose text begins there.
    Marker(usize, usize),
    /// A bracket like any other; only one inside a marker is kept, to find that one's end.
    Plain,
}

/// A marker that is complete but stands inside something that is open.
#[derive(Debug)]
struct Done {
    start: usize,
    end: usize,
    kind: usize,
    text: usize,
}

/// Finds markers in a text that comes in pieces.
///
/// Kinds are written in any case, with spaces, hyphens or underscores between their words. Brackets inside a
/// marker are balanced; a marker in a marker is text of the outer one. What is never closed, or is longer than
/// `max_marker_bytes`, comes out as the text that it is. Where a marker stood between two spaces, one of them goes.
///
/// ```
/// use rag_core::generation::{MarkerEvent, MarkerParser};
/// let mut parser = MarkerParser::new(&["pro tip"], &Default::default())?;
/// let mut events = parser.push("Rome [1]. [Pro ");
/// events.extend(parser.push("TIP: go [early]"));
/// assert_eq!(events, [MarkerEvent::Text { text: "Rome [1]. ".into() }]);
/// let MarkerEvent::Marker(marker) = &parser.push("]")[0] else { panic!() };
/// assert_eq!((marker.kind.as_str(), marker.text.as_str(), marker.at), ("pro_tip", "go [early]", 10));
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Debug)]
pub struct MarkerParser {
    kinds: Vec<String>,
    longest: usize,
    /// What is not certain yet, behind `gone` bytes that went out already.
    held: String,
    gone: usize,
    /// Where the first byte of `held` stands in all that was pushed; places below count from there too.
    base: usize,
    open: VecDeque<Open>,
    done: VecDeque<Done>,
    /// Bytes of text that went out.
    at: usize,
    last: Option<char>,
    /// A marker has just gone out after a space or at the beginning: spaces behind it go.
    gap: bool,
}

impl MarkerParser {
    /// A parser for `kinds`.
    ///
    /// Errors: `InvalidArgument` for a kind that is empty, repeated, longer than 64 bytes, or holds a bracket or a colon.
    pub fn new<S: AsRef<str>>(kinds: &[S], options: &MarkerOptions) -> Result<Self> {
        options.check()?;
        let mut normal: Vec<String> = Vec::with_capacity(kinds.len());
        for (i, kind) in kinds.iter().enumerate() {
            let kind = normal_kind(kind.as_ref());
            if kind.is_empty() || kind.len() > 64 || kind.contains(['[', ']', ':']) {
                return Err(Error::invalid(format!(
                    "marker kind {i} must be 1 to 64 bytes without brackets and colons, got {} bytes; name it like \"pro tip\"",
                    kind.len()
                )));
            }
            if normal.contains(&kind) {
                return Err(Error::invalid(format!(
                    "marker kind {i} is there twice; name each kind once"
                )));
            }
            normal.push(kind);
        }
        Ok(Self {
            kinds: normal,
            longest: options.max_marker_bytes,
            held: String::new(),
            gone: 0,
            base: 0,
            open: VecDeque::new(),
            done: VecDeque::new(),
            at: 0,
            last: None,
            gap: false,
        })
    }

    /// Takes the next piece, and gives what is certain by now.
    pub fn push(&mut self, piece: &str) -> Vec<MarkerEvent> {
        let mut events = Vec::new();
        for c in piece.chars() {
            self.take(c, &mut events);
        }
        self.flush(&mut events);
        events
    }

    /// The end of the text: what is still held is text. The parser can be used for another text then.
    pub fn finish(&mut self) -> Vec<MarkerEvent> {
        let mut events = Vec::new();
        while !self.open.is_empty() {
            self.give_up(&mut events);
        }
        self.flush(&mut events);
        (self.at, self.last, self.gap) = (0, None, false);
        events
    }

    fn take(&mut self, c: char, events: &mut Vec<MarkerEvent>) {
        let start = self.end();
        while self
            .open
            .front()
            .is_some_and(|first| start + c.len_utf8() - first.start > self.longest)
        {
            self.give_up(events);
        }
        self.held.push(c);
        match c {
            '[' => {
                self.settle();
                self.open.push_back(Open {
                    start,
                    head: Head::Reading(String::new()),
                });
            }
            ']' => self.close(),
            _ => self.read_head(c),
        }
        if self.open.is_empty() && !self.done.is_empty() {
            self.release(self.end(), events);
        }
    }

    /// Where the next character will stand.
    fn end(&self) -> usize {
        self.base + self.held.len()
    }

    fn close(&mut self) {
        let end = self.end();
        if let Some(Open { start, head }) = self.open.pop_back()
            && let Head::Marker(kind, text) = head
        {
            // What stands inside is text of this one.
            while self.done.back().is_some_and(|d| d.start > start) {
                self.done.pop_back();
            }
            self.done.push_back(Done {
                start,
                end,
                kind,
                text,
            });
        }
    }

    /// One more character of a kind, if one is being read.
    fn read_head(&mut self, c: char) {
        let text = self.end();
        let Some(Open { head, .. }) = self.open.back_mut() else {
            return;
        };
        let Head::Reading(read) = head else { return };
        if c != ':' {
            push_normal(read, c);
        }
        let name = read.strip_suffix('_').unwrap_or(read);
        if c != ':' && self.kinds.iter().any(|k| k.starts_with(name)) {
            return;
        }
        *head = match self.kinds.iter().position(|k| c == ':' && k == name) {
            Some(kind) => Head::Marker(kind, text),
            None => Head::Plain,
        };
        self.forget_plain();
    }

    /// A bracket in a kind: what was being read is none.
    fn settle(&mut self) {
        if let Some(last) = self.open.back_mut()
            && matches!(last.head, Head::Reading(_))
        {
            last.head = Head::Plain;
        }
        self.forget_plain();
    }

    /// Outside of markers nobody asks how plain brackets nest.
    fn forget_plain(&mut self) {
        while self
            .open
            .front()
            .is_some_and(|o| matches!(o.head, Head::Plain))
        {
            self.open.pop_front();
        }
    }

    /// The first open bracket is text after all. What was complete inside it is not, and the next open marker comes first.
    fn give_up(&mut self, events: &mut Vec<MarkerEvent>) {
        self.open.pop_front();
        self.forget_plain();
        self.flush(events);
    }

    /// Lets what is held up to `until` go, markers as markers.
    fn release(&mut self, until: usize, events: &mut Vec<MarkerEvent>) {
        let held = std::mem::take(&mut self.held);
        let base = self.base;
        let mut from = self.gone;
        while self.done.front().is_some_and(|d| d.end <= until)
            && let Some(done) = self.done.pop_front()
        {
            self.text(&held[from..done.start - base], events);
            self.gap = self.last.is_none_or(char::is_whitespace);
            events.push(MarkerEvent::Marker(Marker {
                kind: self.kinds[done.kind].clone(),
                text: held[done.text - base..done.end - 1 - base]
                    .trim()
                    .to_owned(),
                at: self.at,
            }));
            from = done.end - base;
        }
        self.text(&held[from..until - base], events);
        self.gone = until - base;
        self.held = held;
        // Moved together only when half of it is gone, so that many small steps take no longer than one.
        if self.gone * 2 >= self.held.len() {
            self.held.drain(..self.gone);
            self.base += self.gone;
            self.gone = 0;
        }
    }

    /// Lets what is before the first open bracket go.
    fn flush(&mut self, events: &mut Vec<MarkerEvent>) {
        let until = self.open.front().map_or(self.end(), |o| o.start);
        self.release(until, events);
    }

    fn text(&mut self, text: &str, events: &mut Vec<MarkerEvent>) {
        let mut text = text;
        if self.gap {
            text = text.trim_start_matches([' ', '\t']);
        }
        if text.is_empty() {
            return;
        }
        self.gap = false;
        self.last = text.chars().next_back();
        self.at += text.len();
        if let Some(MarkerEvent::Text { text: before }) = events.last_mut() {
            before.push_str(text);
        } else {
            events.push(MarkerEvent::Text {
                text: text.to_owned(),
            });
        }
    }
}

/// Appends a character of a kind: lower case, one underscore for spaces, hyphens and underscores in a row.
fn push_normal(kind: &mut String, c: char) {
    if c.is_whitespace() || c == '_' || c == '-' {
        if !kind.is_empty() && !kind.ends_with('_') {
            kind.push('_');
        }
    } else {
        kind.extend(c.to_lowercase());
    }
}

fn normal_kind(kind: &str) -> String {
    let mut normal = String::with_capacity(kind.len());
    for c in kind.chars() {
        push_normal(&mut normal, c);
    }
    if normal.ends_with('_') {
        normal.pop();
    }
    normal
}

/// The text without its markers, and the markers with the place at which each stood.
///
/// ```
/// use rag_core::generation::{MARKER_KINDS, parse_markers};
/// let (text, markers) = parse_markers("Try it. [SUGGESTION: read [2]] [Note: no]", &MARKER_KINDS, &Default::default())?;
/// assert_eq!(text, "Try it. [Note: no]");
/// assert_eq!((markers[0].text.as_str(), markers[0].at), ("read [2]", 8));
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn parse_markers<S: AsRef<str>>(
    text: &str,
    kinds: &[S],
    options: &MarkerOptions,
) -> Result<(String, Vec<Marker>)> {
    let mut parser = MarkerParser::new(kinds, options)?;
    let mut events = parser.push(text);
    events.extend(parser.finish());
    let (mut clean, mut markers) = (String::with_capacity(text.len()), Vec::new());
    for event in events {
        match event {
            MarkerEvent::Text { text } => clean.push_str(&text),
            MarkerEvent::Marker(marker) => markers.push(marker),
        }
    }
    Ok((clean, markers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn small() -> MarkerOptions {
        MarkerOptions::default().max_marker_bytes(24)
    }

    fn in_pieces(text: &str, cuts: &[usize]) -> (String, Vec<Marker>) {
        let mut parser = MarkerParser::new(&["tip", "pro tip"], &small()).unwrap();
        let (mut clean, mut markers, mut from) = (String::new(), Vec::new(), 0);
        let mut take = |events: Vec<MarkerEvent>| {
            for event in events {
                match event {
                    MarkerEvent::Text { text } => clean.push_str(&text),
                    MarkerEvent::Marker(m) => {
                        assert_eq!(m.at, clean.len());
                        markers.push(m);
                    }
                }
            }
        };
        let mut cuts: Vec<_> = cuts.iter().map(|c| c % (text.len() + 1)).collect();
        cuts.sort_unstable();
        for cut in cuts {
            if cut >= from && text.is_char_boundary(cut) {
                take(parser.push(&text[from..cut]));
                from = cut;
            }
        }
        take(parser.push(&text[from..]));
        take(parser.finish());
        (clean, markers)
    }

    /// The same by looking at every bracket anew, spaces left as they are.
    fn slow(text: &str, longest: usize) -> (String, Vec<(String, String)>) {
        let (mut clean, mut markers, mut at) = (String::new(), Vec::new(), 0);
        while let Some(c) = text[at..].chars().next() {
            let found = (c == '[').then(|| closed(&text[at..], longest)).flatten();
            if let Some((kind, inner, len)) = found {
                markers.push((kind, inner));
                at += len;
            } else {
                clean.push(c);
                at += c.len_utf8();
            }
        }
        (clean, markers)
    }

    fn closed(text: &str, longest: usize) -> Option<(String, String, usize)> {
        let colon = text.find(':')?;
        let kind = normal_kind(&text[1..colon]);
        if text[1..colon].contains(['[', ']']) || !["tip", "pro_tip"].contains(&kind.as_str()) {
            return None;
        }
        let mut depth = 0;
        for (i, c) in text.char_indices() {
            depth += i32::from(c == '[') - i32::from(c == ']');
            if i + c.len_utf8() > longest {
                return None;
            }
            if depth == 0 {
                return Some((kind, text[colon + 1..i].trim().to_owned(), i + 1));
            }
        }
        None
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter_and_nothing_is_lost(
            text in "(\\[tip: ?|\\[PRO[ _]TIP ?:|\\[|\\]|a|é|:| |tip|\\[1\\]|\n){0,30}",
            cuts in prop::collection::vec(0usize..200, 0..12),
        ) {
            let whole = in_pieces(&text, &[]);
            prop_assert_eq!(&in_pieces(&text, &cuts), &whole);
            let every: Vec<_> = (0..=text.len()).collect();
            prop_assert_eq!(&in_pieces(&text, &every), &whole);
            let (clean, markers) = slow(&text, 24);
            let bare = |t: &str| t.replace(' ', "");
            prop_assert_eq!(bare(&whole.0), bare(&clean));
            let got: Vec<_> = whole.1.into_iter().map(|m| (m.kind, m.text)).collect();
            prop_assert_eq!(got, markers);
            if !text.to_lowercase().contains("tip") {
                prop_assert_eq!(whole.0, text);
            }
        }
    }

    #[test]
    fn floods_of_brackets_are_linear() {
        for unit in ["[", "[tip:", "]", "[tip:]", "[[tip:", "[ ", "[tip: [1] "] {
            let text = unit.repeat((1 << 20) / unit.len());
            let options = MarkerOptions::default().max_marker_bytes(1 << 20);
            parse_markers(&text, &["tip"], &options).unwrap();
            parse_markers(&text, &["tip"], &MarkerOptions::default()).unwrap();
        }
    }

    #[test]
    fn kinds_that_cannot_be_are_refused_without_being_shown() {
        for kinds in [&["a:b"][..], &[""], &[" _"], &["tip", "TIP"]] {
            let error = MarkerParser::new(kinds, &MarkerOptions::default()).unwrap_err();
            assert!(error.to_string().starts_with("marker kind "), "{error}");
        }
    }
}
