//! From a question and passages to the messages that a language model is sent.
//!
//! Passages are somebody else's text: they stand in a fence of a random word, in the user's message, and
//! never in the system's.

mod message;
mod sanitize;

pub use message::{Message, Prompt, Role, Untrusted};
pub use sanitize::sanitize;
