//! Server-sent events, read as they come.
//!
//! The format is that of the HTML standard (WHATWG, "Server-sent events"): lines that end in LF, CRLF or CR, fields
//! before a colon, comments behind one, an empty line after each event. Bytes may be split anywhere. What the standard
//! drops at the end, an event without its empty line, is handed out here: whoever reads it knows whether it is whole.

use crate::error::{Error, ErrorKind, Result};

/// An event: its kind and its data.
#[derive(Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// What the field `event` said; empty if there was none.
    pub event: String,
    /// The lines of the fields `data`, with a line feed between them; what is no UTF-8 is replaced.
    pub data: String,
}

/// What events hold is somebody's text, which has no place in logs.
impl std::fmt::Debug for SseEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SseEvent")
            .field("event_bytes", &self.event.len())
            .field("data_bytes", &self.data.len())
            .finish()
    }
}

/// Reads a stream of events from pieces of any size.
///
/// ```
/// use rag_core::generation::SseParser;
/// let (mut parser, mut events) = (SseParser::new(1 << 20), Vec::new());
/// parser.push(b": ping\r\ndata: a\xc3", &mut events)?;
/// parser.push(b"\xa9\r", &mut events)?;
/// parser.push(b"\ndata: b\r\n\r\n", &mut events)?;
/// assert_eq!(events.len(), 1);
/// assert_eq!(events[0].data, "a\u{e9}\nb");
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone)]
pub struct SseParser {
    most: usize,
    line: Vec<u8>,
    data: Vec<u8>,
    event: Vec<u8>,
    has_data: bool,
    /// The last byte was a CR, so an LF now belongs to it.
    after_cr: bool,
    /// A byte order mark may still come.
    first: bool,
    /// A line was too long; nothing after it is read.
    broken: bool,
}

impl std::fmt::Debug for SseParser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SseParser")
            .field("held_bytes", &(self.line.len() + self.data.len()))
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}

impl SseParser {
    /// A parser that holds no line and no event of more than `most` bytes.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            line: Vec::new(),
            data: Vec::new(),
            event: Vec::new(),
            has_data: false,
            after_cr: false,
            first: true,
            broken: false,
        }
    }

    /// Reads on, and appends the events that are complete to `events`.
    ///
    /// Errors: `Upstream` for a line or event beyond the limit, here and in every later call; events that were
    /// complete before it have been appended.
    pub fn push(&mut self, bytes: &[u8], events: &mut Vec<SseEvent>) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            self.whole()?;
            if std::mem::take(&mut self.after_cr) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let end = rest.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let part = &rest[..end.unwrap_or(rest.len())];
            self.room(self.line.len(), part.len())?;
            self.line.extend_from_slice(part);
            let Some(end) = end else { return Ok(()) };
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            self.end_line(events)?;
        }
        Ok(())
    }

    /// Ends the stream: a line or an event that was not ended is now.
    pub fn finish(&mut self, events: &mut Vec<SseEvent>) -> Result<()> {
        self.whole()?;
        if !self.line.is_empty() {
            self.end_line(events)?;
        }
        self.end_event(events);
        Ok(())
    }

    fn whole(&self) -> Result<()> {
        if !self.broken {
            return Ok(());
        }
        let message = format!(
            "the stream holds a line or an event of more than {} bytes; allow more by max_line_bytes",
            self.most
        );
        Err(Error::new(ErrorKind::Upstream, message))
    }

    fn room(&mut self, held: usize, more: usize) -> Result<()> {
        if held.saturating_add(more) > self.most {
            self.broken = true;
            self.line = Vec::new();
            self.data = Vec::new();
        }
        self.whole()
    }

    fn end_line(&mut self, events: &mut Vec<SseEvent>) -> Result<()> {
        let mut line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.first) && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        let done = self.field(&line, events);
        line.clear();
        self.line = line;
        done
    }

    fn field(&mut self, line: &[u8], events: &mut Vec<SseEvent>) -> Result<()> {
        if line.is_empty() {
            self.end_event(events);
            return Ok(());
        }
        let colon = line.iter().position(|b| *b == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                self.room(self.data.len(), value.len() + 1)?;
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.has_data = true;
            }
            b"event" => {
                self.event.clear();
                self.event.extend_from_slice(value);
            }
            // Comments, whose name is empty; ids and pauses, which only browsers need; and whatever else there is.
            _ => {}
        }
        Ok(())
    }

    fn end_event(&mut self, events: &mut Vec<SseEvent>) {
        if std::mem::take(&mut self.has_data) {
            events.push(SseEvent {
                event: String::from_utf8_lossy(&self.event).into_owned(),
                data: String::from_utf8_lossy(&self.data).into_owned(),
            });
        }
        self.data.clear();
        self.event.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(parts: &[&[u8]], most: usize) -> (Vec<SseEvent>, bool) {
        let (mut parser, mut events) = (SseParser::new(most), Vec::new());
        let pushed = parts.iter().try_for_each(|p| parser.push(p, &mut events));
        let done = pushed.and_then(|()| parser.finish(&mut events));
        (events, done.is_ok())
    }

    fn data(stream: &str) -> Vec<String> {
        let (events, whole) = read(&[stream.as_bytes()], 1000);
        assert!(whole);
        events.into_iter().map(|e| e.data).collect()
    }

    /// The format, read from a whole text.
    fn slow(stream: &[u8]) -> Vec<(String, String)> {
        let text = String::from_utf8_lossy(stream).into_owned();
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let (mut found, mut event, mut lines) = (Vec::new(), String::new(), Vec::new());
        for line in text.split('\n').chain([""]) {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match (line, name) {
                ("", _) => {
                    if !lines.is_empty() {
                        found.push((event.clone(), lines.join("\n")));
                    }
                    (event, lines) = (String::new(), Vec::new());
                }
                (_, "data") => lines.push(value.to_owned()),
                (_, "event") => event = value.to_owned(),
                _ => {}
            }
        }
        found
    }

    #[test]
    fn lines_end_in_three_ways_and_bytes_before_the_first_field_do_not_matter() {
        for end in ["\n", "\r\n", "\r"] {
            let stream =
                "\u{feff}: ping||data: a||data:b|id: 7|data|retry: 5|nothing|data:  c|||data: d";
            assert_eq!(
                data(&stream.replace('|', end)),
                ["a", "b\n\n c", "d"],
                "{end:?}"
            );
        }
        assert_eq!(data("event: error\n\n"), [""; 0]);
        let (events, _) = read(&[b"event: error\ndata: x\n\ndata: y\n\n"], 100);
        assert_eq!((&*events[0].event, &*events[1].event), ("error", ""));
    }

    #[test]
    fn a_line_beyond_the_limit_is_an_error_and_not_memory() {
        let mut parser = SseParser::new(100);
        let mut events = Vec::new();
        parser.push(b"data: a\n\n", &mut events).unwrap();
        let long = vec![b'x'; 70];
        parser.push(&long, &mut events).unwrap();
        let error = parser.push(&long, &mut events).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Upstream);
        assert!(error.message().contains("max_line_bytes"), "{error}");
        assert!(parser.line.capacity() == 0 && parser.push(b"\n", &mut events).is_err());
        assert!(parser.finish(&mut events).is_err());
        assert_eq!(events.len(), 1);
        // Many short lines make a long event.
        let lines = b"data: 0123456789\n".repeat(20);
        assert!(!read(&[&lines], 100).1);
        let comments = b": 0123456789\n\n".repeat(20);
        assert!(read(&[&comments], 100).1);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_events_and_those_of_the_slow_reading(
            stream in "(data|event|id|:|: ?|\r\n|\n|\r|[a-c]|\u{feff}|é|🌍){0,40}",
            cuts in prop::collection::vec(0usize..200, 0..12),
        ) {
            let bytes = stream.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c % (bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            let (split, whole) = read(&parts, 1000);
            prop_assert!(whole);
            prop_assert_eq!(&split, &read(&[bytes], 1000).0);
            let found: Vec<_> = split.into_iter().map(|e| (e.event, e.data)).collect();
            prop_assert_eq!(found, slow(bytes));
        }

        #[test]
        fn any_bytes_are_read_within_the_limit(
            bytes in prop::collection::vec(prop::sample::select(&b"data:\n\r x\xff\xc3\xa9"[..]), 0..400),
            cut in 0usize..400,
            most in 0usize..40,
        ) {
            let cut = cut.min(bytes.len());
            let split = read(&[&bytes[..cut], &bytes[cut..]], most);
            prop_assert_eq!(&split, &read(&[&bytes], most));
            prop_assert!(split.0.iter().all(|e| e.data.len() <= 3 * most && e.event.len() <= 3 * most));
        }
    }
}
