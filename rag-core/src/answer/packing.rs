//! Packing as it comes in from other languages.

use super::found::{Found, Offsets};
use super::pack::{PackOptions, pack};
use super::types::Passage;
use crate::collection::Metadata;
use crate::error::Result;
use crate::prompting::{read_json, write_json};
use crate::text::TokenCounter;
use serde::Deserialize;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Passages to pack, with the documents that are known: `{"passages": [...], "documents": {id: text}}`.
///
/// A passage has `id`, `text` and `score`, and may have `document` (its own id without it), `start` (0), `end`
/// (where the text ends), `metadata`, `relevance` and `vector`. Documents tell what stands between passages.
///
/// ```
/// use rag_core::answer::{PackOptions, Packing};
/// use rag_core::text::estimate_tokens;
/// let packing = Packing::from_json(
///     r#"{"passages": [{"id": "b", "document": "d", "start": 5, "text": "Two.", "score": 1},
///                      {"id": "a", "document": "d", "text": "One.", "score": 2}],
///         "documents": {"d": "One. Two."}}"#,
/// )?;
/// let packed = packing.pack(10, &estimate_tokens, &PackOptions::default())?;
/// assert_eq!(&*packed[0].text, "One. Two.");
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packing {
    passages: Vec<Given>,
    #[serde(default)]
    documents: HashMap<String, Hidden>,
}

/// A text that `Debug` does not show.
#[derive(Deserialize)]
struct Hidden(String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    id: String,
    text: Hidden,
    score: f32,
    document: Option<String>,
    start: Option<usize>,
    end: Option<usize>,
    #[serde(default)]
    metadata: Metadata,
    relevance: Option<f32>,
    vector: Option<Vec<f32>>,
}

impl Given {
    fn found(self, offsets: Offsets) -> Found {
        let start = self.start.unwrap_or(0);
        let length = offsets.len(&self.text.0);
        Found {
            document: self.document.unwrap_or_else(|| self.id.clone()),
            id: self.id,
            start,
            end: self.end.unwrap_or_else(|| start.saturating_add(length)),
            text: self.text.0.into(),
            metadata: Arc::new(self.metadata),
            score: self.score,
            relevance: self.relevance,
            vector: self.vector,
        }
    }
}

impl Packing {
    /// Reads it; what is said of a mistake shows no text.
    pub fn from_json(text: &str) -> Result<Self> {
        read_json(text, "what is to be packed")
    }

    /// [`pack`]s it.
    pub fn pack(
        self,
        budget_tokens: usize,
        counter: &dyn TokenCounter,
        options: &PackOptions,
    ) -> Result<Vec<Passage>> {
        let given = self.passages.into_iter();
        let found: Vec<Found> = given.map(|g| g.found(options.offsets)).collect();
        let documents = self.documents;
        let between = |document: &str, range: Range<usize>| {
            let text = &documents.get(document)?.0;
            let part = options.offsets.slice(text, range.start, range.end)?;
            Some(part.to_owned())
        };
        pack(&found, budget_tokens, counter, Some(&between), options)
    }

    /// [`Packing::pack`], with the passages as a JSON list.
    pub fn pack_json(
        self,
        budget_tokens: usize,
        counter: &dyn TokenCounter,
        options: &PackOptions,
    ) -> Result<String> {
        Ok(write_json(&self.pack(budget_tokens, counter, options)?))
    }
}
