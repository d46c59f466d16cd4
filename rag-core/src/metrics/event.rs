//! What is told of a question when it is over: figures and names, and never a word of anybody's.

use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Most bytes of a name or of a label's value.
pub(super) const MAX_NAME: usize = 128;
/// Most parts, and most caches, of one question.
pub(super) const MAX_PARTS: usize = 32;

/// A question that was answered, or failed. It holds no text of questions, answers or documents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueryEvent {
    /// The answer's number, to find it again.
    pub id: String,
    /// Unix seconds at which it was asked.
    pub at: f64,
    /// A number that stands for the tenant, if there are tenants. It goes to subscribers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<u64>,
    /// The route that it took: a generator or a strategy. Empty for none.
    pub route: Cow<'static, str>,
    /// Seconds that the whole took.
    pub seconds: f64,
    /// Seconds of each part, in the order in which they were done.
    pub timings: Vec<(Cow<'static, str>, f64)>,
    /// The caches that were asked, and whether each had it.
    pub caches: Vec<(Cow<'static, str>, bool)>,
    /// Whether the answer, or the evidence if that was all, came from a cache.
    pub cached: bool,
    /// Tokens that went in.
    pub input_tokens: u64,
    /// Tokens that came out.
    pub output_tokens: u64,
    /// What they cost.
    pub cost: f64,
    /// Passages that were found.
    pub hits: u64,
    /// The kind of the failure, if it failed; in JSON its name.
    #[serde(skip_serializing_if = "Option::is_none", with = "kind")]
    pub error: Option<ErrorKind>,
}

/// Kinds of errors by their names.
mod kind {
    use crate::error::ErrorKind;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(kind: &Option<ErrorKind>, to: S) -> Result<S::Ok, S::Error> {
        kind.map(ErrorKind::name).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ErrorKind>, D::Error> {
        let Some(name) = Option::<String>::deserialize(from)? else {
            return Ok(None);
        };
        let kind = ErrorKind::ALL.iter().find(|kind| kind.name() == name);
        kind.map_or_else(
            || Err(D::Error::custom("no such kind")),
            |kind| Ok(Some(*kind)),
        )
    }
}

impl QueryEvent {
    /// What a JSON object says: the fields of this type, each of which may be left out.
    pub fn from_json(json: &str) -> Result<Self> {
        let refuse = |line: usize, column: usize| {
            // The parser's own words may repeat what stands there.
            Error::invalid(format!(
                "the event is not a JSON object of the fields of a query event with an error of a known kind: \
                 line {line}, column {column}"
            ))
        };
        // A list would be taken for the fields in their order.
        if !json.trim_ascii_start().starts_with('{') {
            return Err(refuse(1, 1));
        }
        serde_json::from_str(json).map_err(|e| refuse(e.line(), e.column()))
    }

    /// Fails unless every number is one and every list and name is short.
    pub fn check(&self) -> Result<()> {
        let amounts = [
            ("seconds", self.seconds),
            ("cost", self.cost),
            ("at", self.at),
        ];
        let parts = self.timings.iter().map(|(_, s)| ("a part's seconds", *s));
        for (name, value) in amounts.into_iter().chain(parts) {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::invalid(format!(
                    "{name} of a query event must be finite and at least 0, got {value}"
                )));
            }
        }
        let most = self.timings.len().max(self.caches.len());
        if most > MAX_PARTS {
            return Err(Error::invalid(format!(
                "a query event has at most {MAX_PARTS} parts and {MAX_PARTS} caches, got {most}"
            )));
        }
        let names = self
            .timings
            .iter()
            .map(|(n, _)| n)
            .chain(self.caches.iter().map(|(n, _)| n));
        let long = names
            .chain([&self.route])
            .map(|n| n.len())
            .chain([self.id.len()])
            .max();
        match long {
            Some(n) if n > MAX_NAME => Err(Error::invalid(format!(
                "names of a query event have at most {MAX_NAME} bytes, got {n}"
            ))),
            _ => Ok(()),
        }
    }
}
