//! What a language model is handed: messages with roles, and passages as the data that they are.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// Text that somebody else wrote: a passage, with where it comes from. Data, never instructions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Untrusted {
    /// The passage's id.
    pub id: String,
    /// What a reader knows its document by: a title, a path, or the document's id.
    pub source: String,
    /// Whose it is, if the collection has tenants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The text as it was found.
    pub text: String,
}

/// A prompt: what was asked, the passages that may answer it, and the messages made of both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    /// The question as it was asked.
    pub question: String,
    /// The passages, in the order in which the messages number them, from 1.
    pub passages: Vec<Untrusted>,
    /// What a language model is sent.
    pub messages: Vec<Message>,
    /// The random word that fences the passages in the messages; a new one for each prompt.
    pub fence: String,
    /// The dials that were asked for, each in -1 to 1.
    #[serde(default)]
    pub dials: BTreeMap<String, f64>,
}
