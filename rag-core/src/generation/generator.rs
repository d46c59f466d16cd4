//! The one trait behind which every generator stands.

use crate::error::Result;
use crate::prompting::Prompt;
use crate::text::estimate_tokens;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A flag that many threads may look at: once set, whoever generates stops as soon as it can.
///
/// ```
/// use rag_core::generation::Cancel;
/// let cancel = Cancel::default();
/// let seen_elsewhere = cancel.clone();
/// cancel.cancel();
/// assert!(seen_elsewhere.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Sets the flag.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was set.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Whether whoever receives a text wants more of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Stop; what was written so far is the answer.
    Stop,
}

/// What is asked of a generator.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The question, the passages and the messages.
    pub prompt: &'a Prompt,
    /// Most tokens of the answer; `None` leaves it to the generator.
    pub max_tokens: Option<usize>,
    /// Randomness of the words, in 0 to 2; `None` leaves it to the generator.
    pub temperature: Option<f64>,
    /// Seed, for generators that take one.
    pub seed: Option<u64>,
    /// Texts before which the answer ends.
    pub stop: &'a [String],
    /// When the whole call must be over; `Timeout` after that.
    pub deadline: Option<Instant>,
    /// Stops the call from another thread; what was written so far is the answer.
    pub cancel: Cancel,
}

impl<'a> Request<'a> {
    /// A request that leaves everything to the generator.
    pub fn new(prompt: &'a Prompt) -> Self {
        Self {
            prompt,
            max_tokens: None,
            temperature: None,
            seed: None,
            stop: &[],
            deadline: None,
            cancel: Cancel::default(),
        }
    }
}

/// Tokens that went in and came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: usize,
    /// Tokens of the answer.
    pub output_tokens: usize,
    /// Whether they were estimated here, because the server did not say.
    pub estimated: bool,
}

/// What tokens cost, in the caller's currency for a million of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// A million tokens of prompt.
    pub input: f64,
    /// A million tokens of answer.
    pub output: f64,
}

impl Price {
    /// What a call cost.
    ///
    /// ```
    /// use rag_core::generation::{Price, Usage};
    /// let price = Price { input: 0.5, output: 1.5 };
    /// let usage = Usage { input_tokens: 2_000, output_tokens: 1_000, estimated: false };
    /// assert!((price.of(&usage) - 0.0025).abs() < 1e-12);
    /// ```
    pub fn of(&self, usage: &Usage) -> f64 {
        let million = 1e6;
        self.input * usage.input_tokens as f64 / million
            + self.output * usage.output_tokens as f64 / million
    }
}

/// Why a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// The generator was done.
    Stop,
    /// It came to `max_tokens`.
    Length,
    /// It was cancelled, or its receiver wanted no more.
    Cancelled,
    /// The stream ended without saying why.
    Unknown,
}

/// What a generator says when it is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The whole text, the pieces put together.
    pub text: String,
    /// Tokens that it took.
    pub usage: Usage,
    /// Why it ended.
    pub finish: Finish,
    /// The model that wrote it, as the server names it.
    pub model: String,
    /// Seconds to the first piece; `None` if there was none.
    pub first_s: Option<f64>,
    /// Calls that were made of servers, failed ones included; 0 without a server.
    pub attempts: usize,
}

/// Something that writes answers.
///
/// Object-safe, shared by threads. `generate` blocks until the text is complete; pieces go to `sink` as they
/// come, each a whole number of characters, and are never taken back.
pub trait Generator: Send + Sync + std::fmt::Debug {
    /// The model, as it is shown to people.
    fn name(&self) -> &str;

    /// What decides its answers, as part of the key under which they are cached; no secret.
    fn fingerprint(&self) -> String {
        self.name().to_owned()
    }

    /// Tokens that prompt and answer may have together, if that is known.
    fn window(&self) -> Option<usize> {
        None
    }

    /// The tokens of a text, as near as can be known here.
    fn count_tokens(&self, text: &str) -> usize {
        estimate_tokens(text)
    }

    /// What its tokens cost.
    fn price(&self) -> Price {
        Price::default()
    }

    /// Writes an answer.
    ///
    /// Errors: `Timeout` after the deadline; `Upstream` if a server failed, with how often it was tried;
    /// `InvalidArgument` for a prompt beyond the window. An error after the first piece says so.
    fn generate(
        &self,
        request: &Request<'_>,
        sink: &mut dyn FnMut(&str) -> Flow,
    ) -> Result<Generated>;
}
