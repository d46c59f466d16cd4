//! The types. All of them are written and read as JSON.

use crate::collection::Metadata;
use crate::error::Result;
use crate::generation::{Finish, Marker, Usage};
use crate::text::{byte_offsets, code_points};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A stretch of a document, found for a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// Its id in the collection; of several that were merged, the first's.
    pub id: String,
    /// The document that it is from; its own id if it was added as a whole.
    pub document: String,
    /// Where it begins in its document, in bytes.
    pub start: usize,
    /// Where it ends there.
    pub end: usize,
    /// The text, `end - start` bytes.
    pub text: Arc<str>,
    /// Its metadata.
    pub metadata: Arc<Metadata>,
    /// What it was ranked by, larger first.
    pub score: f32,
    /// How likely it is to be relevant, in 0 to 1, if the collection was calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relevance: Option<f32>,
    /// Tokens of the text, as the generator counts them.
    pub tokens: usize,
    /// The ids of all passages that it is made of, in the order of the document.
    pub merged: Vec<String>,
}

/// How long a part of a call took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// The part: `embed`, `steer`, `search`, `pack`, `prompt`, `generate`, ...
    pub name: String,
    /// Seconds.
    pub seconds: f64,
}

/// The passages for a question.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The passages, in the order in which a prompt shows them.
    pub passages: Vec<Passage>,
    /// How they were chosen: `passages`, `documents`, `popular`.
    pub strategy: String,
    /// Tokens of all of them.
    pub tokens: usize,
    /// How long each part took.
    pub timings: Vec<Timing>,
    /// Whether they come from a cache.
    pub cached: bool,
}

/// Where a stretch of an answer comes from. Offsets are bytes, on character boundaries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Citation {
    /// The passage's id.
    pub passage: String,
    /// Its document.
    pub document: String,
    /// Where the stretch begins and ends in the answer's text.
    pub answer: [usize; 2],
    /// Where what supports it begins and ends in the passage's text.
    pub source: [usize; 2],
    /// How well the two agree, in 0 to 1.
    pub support: f64,
}

/// Which generator was taken, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// The generator's name among those of the engine.
    pub generator: String,
    /// How passages were chosen.
    pub strategy: String,
    /// The router's number for the decision, if one decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<u64>,
    /// What was expected of it, by objective.
    #[serde(default)]
    pub expected: BTreeMap<String, f64>,
    /// The names on the front.
    #[serde(default)]
    pub front: Vec<String>,
}

/// A question's answer, with all that is known about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// A number of its own, to refer to it later.
    pub id: String,
    /// What was asked.
    pub question: String,
    /// The answer, markers taken out.
    pub text: String,
    /// Where it comes from.
    pub citations: Vec<Citation>,
    /// What was marked in it.
    pub markers: Vec<Marker>,
    /// The passages that it was written from.
    pub passages: Vec<Passage>,
    /// What was decided.
    pub decision: Taken,
    /// The model that wrote it.
    pub model: String,
    /// Why the text ended.
    pub finish: Finish,
    /// Tokens that it took; none if it was cached.
    pub usage: Usage,
    /// What those cost.
    pub cost: f64,
    /// How long each part took.
    pub timings: Vec<Timing>,
    /// Whether it comes from a cache.
    pub cached: bool,
    /// Unix seconds at which it was asked.
    pub at: f64,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// In which conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// For whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The scenario whose template was used.
    pub scenario: String,
    /// The dials that were asked for.
    #[serde(default)]
    pub dials: BTreeMap<String, f64>,
    /// The last rating that it got, in 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<f64>,
}

impl Evidence {
    /// As JSON, the form in which it reaches C.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl Answer {
    /// As JSON, the form in which it reaches C.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The same with offsets in code points instead of bytes, for languages that count those; those of passages
    /// in their documents stay as they are.
    ///
    /// `InvalidArgument` for offsets that lie outside their texts or inside a character.
    pub fn in_code_points(&self) -> Result<Self> {
        let mut counted = self.clone();
        for citation in &mut counted.citations {
            let answer = code_points(&self.text, &citation.answer)?;
            let passage = self
                .passages
                .iter()
                .find(|passage| passage.id == citation.passage);
            if let Some(passage) = passage {
                let source = code_points(&passage.text, &citation.source)?;
                citation.source = [source[0], source[1]];
            }
            citation.answer = [answer[0], answer[1]];
        }
        let places: Vec<usize> = self.markers.iter().map(|marker| marker.at).collect();
        let places = code_points(&self.text, &places)?;
        for (marker, at) in counted.markers.iter_mut().zip(places) {
            marker.at = at;
        }
        Ok(counted)
    }

    /// The same with offsets in bytes, of one that has them in code points: what [`Answer::in_code_points`] did is
    /// undone.
    ///
    /// `InvalidArgument` for offsets beyond their texts.
    pub fn in_bytes(&self) -> Result<Self> {
        let mut counted = self.clone();
        let mut places: Vec<usize> = Vec::new();
        places.extend(self.citations.iter().flat_map(|citation| citation.answer));
        places.extend(self.markers.iter().map(|marker| marker.at));
        let mut places = byte_offsets(&self.text, &places)?.into_iter();
        for citation in &mut counted.citations {
            for end in &mut citation.answer {
                *end = places.next().unwrap_or(*end);
            }
        }
        for marker in &mut counted.markers {
            marker.at = places.next().unwrap_or(marker.at);
        }
        for citation in &mut counted.citations {
            let passage = self.passages.iter().find(|p| p.id == citation.passage);
            // Without its text nobody knows where its bytes are.
            if let Some(passage) = passage.filter(|passage| !passage.text.is_empty()) {
                let source = byte_offsets(&passage.text, &citation.source)?;
                citation.source = [source[0], source[1]];
            }
        }
        Ok(counted)
    }
}
