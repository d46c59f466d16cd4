//! What a language model is handed: messages with roles, and passages as the data that they are.
//!
//! What people and documents say is not shown by `Debug`, which ends up in logs.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Who speaks in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The one who builds the application. Never holds a byte of a passage.
    System,
    /// The one who asks, with the passages in their fence.
    User,
    /// The model.
    Assistant,
}

/// One message of a conversation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// Text that somebody else wrote: a passage, with where it comes from. Data, never instructions.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Untrusted {
    /// The passage's id.
    #[serde(default)]
    pub id: String,
    /// What a reader knows its document by: a title, a path, or the document's id.
    #[serde(default)]
    pub source: String,
    /// Whose it is, if the collection has tenants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The text as it was found.
    pub text: String,
}

/// Tokens of the parts of a prompt, each counted alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptTokens {
    /// The whole system message.
    pub system: usize,
    /// Earlier messages, or what stands for `{history}`.
    pub history: usize,
    /// What stands for `{memory}`, with its fence.
    pub memory: usize,
    /// What stands for `{passages}`, with their fences.
    pub passages: usize,
    /// The question.
    pub question: usize,
    /// The rest of the user template.
    pub template: usize,
    /// All of these.
    pub total: usize,
}

/// A prompt: what was asked, the passages that may answer it, and the messages made of both.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    /// The question as it was asked.
    pub question: String,
    /// The passages, in the order in which the messages number them, from 1.
    pub passages: Vec<Untrusted>,
    /// What a language model is sent.
    pub messages: Vec<Message>,
    /// The random word that fences the passages in the messages; a new one for each prompt.
    pub fence: String,
    /// The dials that it was written for, each in -1 to 1: the scenario's and those that were asked for.
    #[serde(default)]
    pub dials: BTreeMap<String, f64>,
    /// The scenario whose templates were used.
    #[serde(default)]
    pub scenario: String,
    /// Kinds of markers that the model was told of, in lower case, spaces as underscores.
    #[serde(default)]
    pub markers: Vec<String>,
    /// Tokens of its parts.
    #[serde(default)]
    pub tokens: PromptTokens,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("role", &self.role)
            .field("bytes", &self.content.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Untrusted")
            .field("id", &self.id)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

impl Prompt {
    /// As JSON, by the names of the fields here: the form in which it reaches C and Python.
    pub fn to_json(&self) -> String {
        super::json::write_json(self)
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt")
            .field("scenario", &self.scenario)
            .field("messages", &self.messages)
            .field("passages", &self.passages)
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}
