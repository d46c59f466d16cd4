//! What is kept in caches, under which keys, and until when it is true.
//!
//! A key holds everything that is known before and matters: the tenant first, then models, dials, filter,
//! question. What cannot be known before is asked at every hit: whether the collection is as it was (evidence), or
//! whether the passages that an answer cites are (answers).

use super::Question;
use crate::answer::{Answer, Evidence, Passage};
use crate::caching::{Key, KeyBuilder, Weigh};
use crate::collection::Collection;
use serde::{Deserialize, Serialize};

/// Evidence, and the state of the collection that it was found in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) evidence: Evidence,
    pub(super) sequence: u64,
}

/// An answer, and the passages that it was written from as they were.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Given {
    pub(super) answer: Answer,
    pub(super) versions: Vec<(String, Option<u64>)>,
}

/// A document made whole, and its first passage as it was.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    pub(super) text: std::sync::Arc<str>,
    pub(super) version: Option<u64>,
}

/// Bytes of what a passage holds beside its texts.
const PASSAGE_BYTES: usize = 256;
/// Bytes of what an answer holds beside its texts.
const ANSWER_BYTES: usize = 1024;

fn weight_of(passages: &[Passage]) -> usize {
    let bytes = |p: &Passage| {
        let names = p.id.len() + p.document.len() + p.merged.iter().map(String::len).sum::<usize>();
        // Metadata are shared with the collection in memory, and small beside the text on disk.
        PASSAGE_BYTES + names + p.text.len() + p.metadata.len() * 64
    };
    passages.iter().map(bytes).sum()
}

impl Weigh for Seen {
    fn weight(&self) -> usize {
        size_of::<Self>() + weight_of(&self.evidence.passages)
    }
}

impl Weigh for Given {
    fn weight(&self) -> usize {
        let answer = &self.answer;
        ANSWER_BYTES
            + answer.text.len()
            + answer.question.len()
            + answer.citations.len() * 160
            + weight_of(&answer.passages)
            + self
                .versions
                .iter()
                .map(|(id, _)| id.len() + 48)
                .sum::<usize>()
    }
}

impl Weigh for Whole {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.text.len()
    }
}

impl Given {
    /// Whether every passage is as it was when the answer was written from it.
    pub(super) fn holds(&self, documents: &Collection) -> bool {
        let ids: Vec<&str> = self.versions.iter().map(|(id, _)| id.as_str()).collect();
        let Ok(now) = documents.versions(&ids) else {
            return false;
        };
        now.iter()
            .zip(&self.versions)
            .all(|(now, (_, then))| now == then)
    }
}

/// Everything about evidence that a question says.
pub(super) fn evidence(question: &Question, fingerprint: u64, user_version: u64) -> Key {
    about(question, fingerprint, user_version).finish()
}

/// Everything about an answer that a question says: that about evidence, and how it is written.
/// `told` is what the prompt says beside question and passages: facts and earlier turns.
pub(super) fn answer(
    question: &Question,
    fingerprint: u64,
    user_version: u64,
    generators: &str,
    scenario: &str,
    told: &[String],
) -> Key {
    let ask = &question.ask;
    let mut key = about(question, fingerprint, user_version)
        .text(generators)
        .text(scenario)
        .maybe(ask.generator.as_deref())
        .number(ask.max_tokens.map_or(0, |n| n as u64))
        .real(ask.temperature.unwrap_or(-1.0))
        .real(ask.budget.unwrap_or(-1.0));
    key = key.number(question.preference.len() as u64);
    for (objective, weight) in &question.preference {
        key = key.text(objective).real(*weight);
    }
    key = key.number(question.fields.len() as u64);
    for (field, value) in &question.fields {
        key = key.text(field).text(value);
    }
    key = key.number(told.len() as u64);
    for text in told {
        key = key.text(text);
    }
    key.finish()
}

/// A question's vector.
pub(super) fn vector(tenant: Option<&str>, fingerprint: u64, text: &str) -> Key {
    KeyBuilder::new(tenant)
        .number(fingerprint)
        .text(text)
        .finish()
}

/// A whole document.
pub(super) fn whole(tenant: Option<&str>, document: &str) -> Key {
    KeyBuilder::new(tenant).text(document).finish()
}

fn about(question: &Question, fingerprint: u64, user_version: u64) -> KeyBuilder {
    let retrieve = &question.retrieve;
    let mut key = KeyBuilder::new(question.tenant.as_deref())
        .number(fingerprint)
        .text(&question.text)
        .maybe(question.user.as_deref())
        .number(user_version)
        .number(retrieve.k as u64)
        .number(retrieve.budget_tokens as u64)
        .text(retrieve.strategy.name())
        .text(retrieve.mode.name())
        .real(retrieve.bm25_weight.map_or(-1.0, f64::from))
        .real(f64::from(retrieve.diversity))
        .real(retrieve.min_relevance.map_or(-1.0, f64::from))
        .text(retrieve.order.name());
    let filter = question.filter.as_ref().map(serde_json::Value::to_string);
    key = key
        .maybe(filter.as_deref())
        .number(question.dials.len() as u64);
    for (dial, strength) in &question.dials {
        key = key.text(dial).real(*strength);
    }
    // A vector of the caller's own decides instead of the text's.
    match &question.vector {
        None => key.number(0),
        Some(vector) => {
            let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
            key.number(1).bytes(&bytes)
        }
    }
}
