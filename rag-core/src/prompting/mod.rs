//! From a question and passages to the messages that a language model is sent.
//!
//! Passages are somebody else's text: they stand in a fence of a random word, in the user's message, and
//! never in the system's. [`Prompts`] holds the templates by scenario and builds; [`sanitize()`] is what every
//! text of others goes through. Read `prompts`, then `fence` and `sanitize`; `template` and `dials` stand alone.

mod dials;
mod fence;
mod json;
mod message;
mod prompts;
mod sanitize;
mod scenario;
mod template;

pub use dials::{NEUTRAL, PLAIN, STRONG};
pub(crate) use json::{json_mistake, read_json, read_json_list, write_json};
pub use message::{Message, Prompt, PromptTokens, Role, Untrusted};
pub use prompts::{
    Asked, MAX_PASSAGES, MAX_PROMPT_BYTES, MAX_QUESTION_BYTES, PromptOptions, Prompts,
};
pub use sanitize::sanitize;
pub use scenario::{DEFAULT_SCENARIO, MAX_MARKERS, Scenario};
pub use template::MAX_TEMPLATE_BYTES;
pub(crate) use template::{Filled, Template};
