//! What a server answers to `chat/completions`, as it comes: events, or one JSON document.
//!
//! Which of both it is, its first byte says: no field of an event begins as JSON does. So a server that
//! streams unasked or does not when asked is understood, whatever it calls the content.

use super::sse::{SseEvent, SseParser};
use crate::error::Error;
use crate::generation::{Finish, Usage};
use serde_json::Value;

/// A count of tokens beyond this is a lie.
const MOST_TOKENS: u64 = 1 << 32;
/// Characters of a model's name that are kept.
const NAME: usize = 200;
/// Characters of what a server says of an error that are kept.
const SAID: usize = 2000;

/// Why a reply cannot be an answer.
#[derive(Clone, PartialEq)]
pub(super) enum Broken {
    /// The server says so: a status, if it gives one, and its words.
    Said { status: Option<u16>, words: String },
    /// More bytes than are allowed; the message names the option.
    Long(String),
    /// It ended before the answer did.
    Short,
    /// Nothing in it can be read.
    Garbled,
}

enum Form {
    /// Nothing but white space so far.
    Unknown,
    Events(SseParser),
    Document(Vec<u8>),
}

/// Reads one reply.
pub(super) struct Reply {
    form: Form,
    max_line_bytes: usize,
    max_bytes: usize,
    bytes: usize,
    read: usize,
    /// Events that were no JSON or nothing known.
    pub skipped: usize,
    /// Why the answer ended, if the server said it.
    pub finish: Option<Finish>,
    /// Nothing more will come.
    pub done: bool,
    /// Tokens, if the server said them.
    pub usage: Option<Usage>,
    /// The model's name, if the server said it.
    pub model: Option<String>,
}

impl Reply {
    pub fn new(max_line_bytes: usize, max_bytes: usize) -> Self {
        Self {
            form: Form::Unknown,
            max_line_bytes,
            max_bytes,
            bytes: 0,
            read: 0,
            skipped: 0,
            finish: None,
            done: false,
            usage: None,
            model: None,
        }
    }

    /// Whether the answer is whole, even if the connection breaks now.
    pub fn is_whole(&self) -> bool {
        self.done || self.finish.is_some()
    }

    /// Reads on, and appends the pieces of the answer's text, none of them empty.
    pub fn push(&mut self, bytes: &[u8], pieces: &mut Vec<String>) -> Result<(), Broken> {
        let room = self.max_bytes - self.bytes;
        let (within, beyond) = bytes.split_at(bytes.len().min(room));
        self.bytes += within.len();
        self.take(within, pieces)?;
        if beyond.is_empty() || self.done {
            return Ok(());
        }
        Err(Broken::Long(format!(
            "the answer has more than {} bytes; allow more by max_response_bytes",
            self.max_bytes
        )))
    }

    fn take(&mut self, bytes: &[u8], pieces: &mut Vec<String>) -> Result<(), Broken> {
        let mut rest = bytes;
        if matches!(self.form, Form::Unknown) {
            // A byte order mark is three bytes that neither form begins with.
            let begin = |b: &u8| !b.is_ascii_whitespace() && !b"\xef\xbb\xbf".contains(b);
            let Some(at) = rest.iter().position(begin) else {
                return Ok(());
            };
            rest = &rest[at..];
            self.form = match rest[0] {
                b'{' | b'[' => Form::Document(Vec::new()),
                _ => Form::Events(SseParser::new(self.max_line_bytes)),
            };
        }
        let mut events = Vec::new();
        let pushed = match &mut self.form {
            Form::Events(parser) => parser.push(rest, &mut events),
            Form::Document(document) => {
                document.extend_from_slice(rest);
                Ok(())
            }
            Form::Unknown => Ok(()),
        };
        self.hear(events, false, pieces)?;
        pushed.map_err(long)
    }

    /// Ends the reply. `framed`: HTTP itself said where it ends, so that it was not cut.
    ///
    /// Without a reason to end and without `[DONE]`, a stream that is framed ended for an unknown one; one that only
    /// stopped may have been cut, and is taken for that.
    pub fn end(&mut self, framed: bool, pieces: &mut Vec<String>) -> Result<(), Broken> {
        if self.done {
            return Ok(());
        }
        match std::mem::replace(&mut self.form, Form::Unknown) {
            Form::Unknown => {
                return Err(if framed {
                    Broken::Garbled
                } else {
                    Broken::Short
                });
            }
            Form::Events(mut parser) => {
                let mut events = Vec::new();
                let finished = parser.finish(&mut events);
                self.hear(events, true, pieces)?;
                finished.map_err(long)?;
            }
            Form::Document(document) => {
                let value = serde_json::from_slice::<Value>(&document);
                let Ok(value) = value else {
                    return Err(if framed {
                        Broken::Garbled
                    } else {
                        Broken::Short
                    });
                };
                let before = self.read;
                self.value(&value, false, pieces)?;
                if self.read == before {
                    return Err(Broken::Garbled);
                }
                self.done = true;
            }
        }
        if self.read == 0 && (framed || self.skipped > 0) {
            return Err(Broken::Garbled);
        }
        if framed || self.is_whole() {
            return Ok(());
        }
        Err(Broken::Short)
    }

    /// Reads events; `last`: of those that the end of the stream completed, which may be halves.
    fn hear(
        &mut self,
        events: Vec<SseEvent>,
        last: bool,
        pieces: &mut Vec<String>,
    ) -> Result<(), Broken> {
        for event in events {
            if self.done {
                return Ok(());
            }
            let error = event.event == "error";
            let data = event.data.trim();
            if data.is_empty() {
                continue;
            }
            // Some servers forget the empty line between events.
            let whole = serde_json::from_str::<Value>(data);
            let lines = match &whole {
                Ok(_) => vec![data],
                Err(_) => data.lines().map(str::trim).collect(),
            };
            for line in lines {
                match serde_json::from_str::<Value>(line) {
                    _ if line == "[DONE]" => {
                        // Nothing or nothing but rubbish came before it.
                        if self.read == 0 {
                            return Err(Broken::Garbled);
                        }
                        self.done = true;
                        return Ok(());
                    }
                    Ok(value) => {
                        let before = self.read;
                        self.value(&value, error, pieces)?;
                        self.skipped += usize::from(self.read == before);
                    }
                    Err(_) if error => return Err(said(&Value::from(line), None)),
                    Err(_) if last && !self.is_whole() => return Err(Broken::Short),
                    Err(_) => self.skipped += 1,
                }
            }
        }
        Ok(())
    }

    /// Reads one chunk or document.
    fn value(
        &mut self,
        value: &Value,
        error: bool,
        pieces: &mut Vec<String>,
    ) -> Result<(), Broken> {
        if let Some(broken) = error_of(value, error) {
            return Err(broken);
        }
        if let Some(name) = value["model"].as_str().filter(|name| !name.is_empty()) {
            let name = name.chars().filter(|c| !c.is_control()).take(NAME);
            self.model = Some(name.collect());
        }
        let tokens = |name: &str| {
            let count = value["usage"][name].as_u64();
            count
                .filter(|n| *n <= MOST_TOKENS)
                .and_then(|n| usize::try_from(n).ok())
        };
        if let (Some(input_tokens), Some(output_tokens)) =
            (tokens("prompt_tokens"), tokens("completion_tokens"))
        {
            self.usage = Some(Usage {
                input_tokens,
                output_tokens,
                estimated: false,
            });
        }
        let Some(choices) = value["choices"].as_array() else {
            self.read += usize::from(value["usage"].is_object());
            return Ok(());
        };
        self.read += 1;
        let first = choices
            .iter()
            .filter(|choice| choice["index"].as_u64().unwrap_or(0) == 0);
        for choice in first {
            let said = [&choice["delta"], &choice["message"]];
            if let Some(said) = said.into_iter().find(|said| said.is_object()) {
                add_text(&said["content"], pieces);
            }
            if let Some(reason) = choice["finish_reason"].as_str().filter(|r| !r.is_empty()) {
                self.finish = Some(finish_of(reason));
            }
        }
        Ok(())
    }
}

fn long(error: Error) -> Broken {
    Broken::Long(error.message().to_owned())
}

/// Content is a text, or a list of parts of which some are texts.
fn add_text(content: &Value, pieces: &mut Vec<String>) {
    match content {
        Value::String(text) if !text.is_empty() => pieces.push(text.clone()),
        Value::Array(parts) => {
            for part in parts.iter().filter(|part| !part.is_array()) {
                let text = if part.is_object() {
                    &part["text"]
                } else {
                    part
                };
                add_text(text, pieces);
            }
        }
        _ => {}
    }
}

fn finish_of(reason: &str) -> Finish {
    match reason.to_ascii_lowercase().as_str() {
        "stop" | "end_turn" | "eos" | "eos_token" | "stop_sequence" => Finish::Stop,
        "length" | "max_tokens" => Finish::Length,
        _ => Finish::Unknown,
    }
}

/// The error that a value is, if it is one; `error`: whatever it looks like.
fn error_of(value: &Value, error: bool) -> Option<Broken> {
    let value = match value {
        // Gemini puts errors into a list.
        Value::Array(values) => values.first()?,
        other => other,
    };
    let inner = &value["error"];
    let told = match inner {
        Value::String(_) | Value::Object(_) => inner,
        _ if error || value["object"] == "error" => value,
        _ => return None,
    };
    Some(said(
        told,
        number(&value["code"]).or_else(|| number(&value["status"])),
    ))
}

fn said(told: &Value, outer: Option<u16>) -> Broken {
    let words = match told {
        Value::String(words) => words.as_str(),
        told => told["message"].as_str().unwrap_or_default(),
    };
    let status = [&told["code"], &told["status"]]
        .into_iter()
        .find_map(number);
    Broken::Said {
        status: status.or(outer),
        words: words.chars().take(SAID).collect(),
    }
}

/// A status of HTTP, as a number or in digits.
fn number(value: &Value) -> Option<u16> {
    let found = match value {
        Value::String(digits) => digits.parse().ok(),
        value => value.as_u64(),
    };
    found
        .filter(|n| (400..600).contains(n))
        .and_then(|n| u16::try_from(n).ok())
}

/// What a body with an error's status says, if it can be read: the words of its error.
pub(super) fn words_of(body: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return String::new();
    };
    if let Some(Broken::Said { words, .. }) = error_of(&value, false)
        && !words.is_empty()
    {
        return words;
    }
    let plain = [&value["message"], &value["detail"]];
    let found = plain.into_iter().find_map(Value::as_str);
    found.unwrap_or_default().chars().take(SAID).collect()
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
