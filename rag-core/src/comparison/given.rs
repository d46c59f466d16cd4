//! What is compared.

use super::{ComparisonOptions, compare};
use crate::answer::{Answer, Evidence, Offsets};
use crate::error::{Error, Result};
use crate::generation::Vectors;
use crate::prompting::json_mistake;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

/// Most texts that are compared at a time.
pub const MAX_TEXTS: usize = 100;

/// A text to compare, and what it was written from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compared<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// The texts of its passages; without any its groundedness is not measured.
    pub passages: Vec<Cow<'a, str>>,
}

impl<'a> Compared<'a> {
    /// A text by itself.
    pub fn new(text: &'a str) -> Self {
        Self {
            text: Cow::Borrowed(text),
            passages: Vec::new(),
        }
    }
}

impl<'a> From<&'a Answer> for Compared<'a> {
    fn from(answer: &'a Answer) -> Self {
        let texts = answer.passages.iter().map(|passage| &*passage.text);
        let texts = texts.filter(|text| !text.is_empty());
        Self {
            text: Cow::Borrowed(&answer.text),
            passages: texts.map(Cow::Borrowed).collect(),
        }
    }
}

/// The passages in their order with a blank line between them; offsets are those of that text.
impl<'a> From<&'a Evidence> for Compared<'a> {
    fn from(evidence: &'a Evidence) -> Self {
        let texts: Vec<&str> = evidence.passages.iter().map(|p| &*p.text).collect();
        Self {
            text: Cow::Owned(texts.join("\n\n")),
            passages: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
struct Plain {
    text: String,
    #[serde(default)]
    passages: Vec<Piece>,
}

/// A passage, or the text of one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Piece {
    Text(String),
    Passage { text: String },
}

impl Piece {
    fn text(self) -> String {
        match self {
            Piece::Text(text) | Piece::Passage { text } => text,
        }
    }
}

#[derive(Deserialize)]
struct Passages {
    passages: Vec<Piece>,
}

/// [`compare`] for other languages: a list of texts, of answers, of evidence, or of objects with `text` and
/// `passages`, mixed as it comes; of answers and evidence only these two fields are read. Gives a
/// [`Comparison`](super::Comparison) as JSON, its offsets in what `offsets` says.
///
/// `InvalidArgument` for anything else, and as [`compare`].
pub fn compare_json(
    json: &str,
    vectors: Option<&Vectors>,
    options: &ComparisonOptions,
    offsets: Offsets,
) -> Result<String> {
    let wrong = |said: &str| {
        Error::invalid(format!(
            "what is to be compared cannot be read: {said}; give a list of texts, answers or evidence"
        ))
    };
    let held: Vec<Value> = serde_json::from_str(json).map_err(|e| wrong(&json_mistake(&e)))?;
    let read = |value: Value| -> std::result::Result<Compared<'static>, serde_json::Error> {
        let (text, passages) = match value {
            Value::String(text) => (text, Vec::new()),
            Value::Object(held) if held.contains_key("text") => {
                let held = Plain::deserialize(Value::Object(held))?;
                (held.text, held.passages)
            }
            other => {
                let held = Passages::deserialize(other)?.passages;
                let texts: Vec<String> = held.into_iter().map(Piece::text).collect();
                (texts.join("\n\n"), Vec::new())
            }
        };
        let passages = passages.into_iter().map(Piece::text);
        let passages = passages.filter(|text| !text.is_empty());
        Ok(Compared {
            text: Cow::Owned(text),
            passages: passages.map(Cow::Owned).collect(),
        })
    };
    let mut texts = Vec::with_capacity(held.len().min(MAX_TEXTS));
    for (i, value) in held.into_iter().enumerate() {
        texts.push(read(value).map_err(|e| wrong(&format!("item {i} has {}", json_mistake(&e))))?);
    }
    let mut found = compare(&texts, vectors, options)?;
    if offsets == Offsets::CodePoints {
        found = found.in_code_points(&texts)?;
    }
    Ok(found.to_json().to_string())
}
