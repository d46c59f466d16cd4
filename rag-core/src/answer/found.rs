//! What packing takes: passages as a search found them.

use crate::collection::Metadata;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

crate::option_enum! {
    /// What offsets count.
    Offsets {
        /// Bytes of UTF-8.
        Bytes = "bytes",
        /// Unicode code points, as Python's strings count.
        CodePoints = "code_points",
    }
}

impl Offsets {
    /// The length of `text`.
    pub(super) fn len(self, text: &str) -> usize {
        match self {
            Offsets::Bytes => text.len(),
            Offsets::CodePoints => text.chars().count(),
        }
    }

    /// Where in `text` the byte of an offset is; `None` beyond the end and inside a character.
    pub(super) fn byte(self, text: &str, offset: usize) -> Option<usize> {
        match self {
            Offsets::Bytes => text.is_char_boundary(offset).then_some(offset),
            Offsets::CodePoints if offset == 0 => Some(0),
            Offsets::CodePoints => {
                let mut ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
                ends.nth(offset - 1)
            }
        }
    }

    /// The stretch of `text` between two offsets, if it has both.
    pub fn slice(self, text: &str, start: usize, end: usize) -> Option<&str> {
        let from = self.byte(text, start)?;
        let rest = text.get(from..)?;
        rest.get(..self.byte(rest, end.checked_sub(start)?)?)
    }
}

/// A passage as a search found it. `Debug` does not show its text.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// Its id.
    pub id: String,
    /// The document that it is from.
    pub document: String,
    /// Where it begins in its document.
    pub start: usize,
    /// Where it ends there: `start` and the length of the text.
    pub end: usize,
    /// The text.
    #[serde(default = "nothing")]
    pub text: Arc<str>,
    /// Its metadata.
    #[serde(default)]
    pub metadata: Arc<Metadata>,
    /// What it is ranked by, larger first.
    pub score: f32,
    /// How likely it is to be relevant, in 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relevance: Option<f32>,
    /// Its vector; where two passages have one, near ones are told by it as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
}

fn nothing() -> Arc<str> {
    Arc::from("")
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found")
            .field("id", &self.id)
            .field("document", &self.document)
            .field("range", &(self.start..self.end))
            .field("score", &self.score)
            .finish_non_exhaustive()
    }
}

impl Found {
    /// Checks number `i` of what was found.
    pub(super) fn check(&self, i: usize, offsets: Offsets, dim: &mut Option<usize>) -> Result<()> {
        let length = offsets.len(&self.text);
        if self.start.checked_add(length) != Some(self.end) {
            return Err(Error::invalid(format!(
                "passage {i} is from {} to {} in its document, but its text has {} bytes and {} code points; give \
                 offsets of this text, and say by the option offsets what they count (now {})",
                self.start,
                self.end,
                self.text.len(),
                self.text.chars().count(),
                offsets.name()
            )));
        }
        if !self.score.is_finite() {
            return Err(Error::invalid(format!(
                "passage {i} has the score {}; give a finite one",
                self.score
            )));
        }
        if let Some(relevance) = self.relevance.filter(|r| !(0.0..=1.0).contains(r)) {
            return Err(Error::invalid(format!(
                "passage {i} has the relevance {relevance}; give one in 0 to 1, or none"
            )));
        }
        let Some(vector) = &self.vector else {
            return Ok(());
        };
        if !vector.iter().all(|x| x.is_finite()) {
            return Err(Error::invalid(format!(
                "the vector of passage {i} is not finite; embed the text again"
            )));
        }
        match dim.replace(vector.len()) {
            Some(dim) if dim != vector.len() => {
                Err(Error::dimension("what was found", dim, vector.len()))
            }
            _ => Ok(()),
        }
    }
}
