//! What an engine is asked.

use crate::answer::PackOrder;
use crate::collection::Mode;
use crate::error::{Error, Result};
use crate::generation::Cancel;
use crate::options::OptionValue;
use crate::retrieval::filter::Filter;
use serde_json::Value;
use std::collections::BTreeMap;

/// Bytes that a question may have: 4 MiB. What does not fit into a model's window is refused by the
/// prompt.
pub const MAX_QUESTION_BYTES: usize = 4 << 20;

crate::option_enum! {
    /// How passages become evidence.
    Strategy {
        /// The passages that were found.
        Passages = "passages",
        /// Whole documents, those with the best passages first, as far as they fit; else passages.
        Documents = "documents",
    }
}

crate::options! {
    /// How evidence is found and how much of it is handed on.
    RetrieveOptions {
        /// Most passages.
        k: usize = 8, in 1..=1_000;
        /// Most tokens of all passages together, as the generator counts them.
        budget_tokens: usize = 2_048, in 16..=10_000_000;
        /// How passages become evidence.
        strategy: Strategy = Strategy::Passages;
        /// Which indexes are asked.
        mode: Mode = Mode::Hybrid;
        /// The share of BM25 in hybrid search; none means the collection's default, or what the tuner
        /// chooses.
        bm25_weight: Option<f32> = None, in 0.0..=1.0;
        /// The trade of MMR: 0 ranks by score alone, 1 by novelty alone.
        diversity: f32 = 0.0, in 0.0..=1.0;
        /// The lowest probability of relevance, for collections that were calibrated.
        min_relevance: Option<f32> = None, in 0.0..=1.0;
        /// The order of the passages in the prompt.
        order: PackOrder = PackOrder::Rank;
        /// Whether results may come from a cache and go into it.
        cache: bool = true;
    }
}

crate::options! {
    /// How an answer is written.
    AskOptions {
        /// The scenario whose template is used.
        scenario: Option<String> = None;
        /// The generator, by its name; none leaves it to the router, or means the first.
        generator: Option<String> = None;
        /// Most tokens of the answer.
        max_tokens: Option<usize> = None, in 1..=1_000_000;
        /// Randomness of the words; none leaves it to the generator.
        temperature: Option<f64> = None, in 0.0..=2.0;
        /// The most that the answer may be expected to cost, for the router.
        budget: Option<f64> = None, in 0.0..=1e12;
        /// Whether the router draws from what it believes, to learn.
        explore: bool = false;
        /// Seconds until which the answer must be there.
        timeout_s: Option<f64> = None, in 0.001..=86_400.0;
        /// Turns of the conversation that the prompt repeats.
        turns: usize = 4, in 0..=100;
        /// Whether the answer is kept in the history.
        keep: bool = true;
    }
}

/// A question, with everything that may be said about how to answer it.
///
/// ```
/// use rag_core::engine::Question;
/// let question = Question::new("how do tides work?").user("ann").dial("formality", 0.5).k(3);
/// assert_eq!(question.retrieve.k, 3);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// Its vector, if the caller has one; needed where vectors are the caller's own.
    pub vector: Option<Vec<f32>>,
    /// Who asks.
    pub user: Option<String>,
    /// In which conversation.
    pub session: Option<String>,
    /// For whom.
    pub tenant: Option<String>,
    /// Dials, each in -1 to 1: those that the collection knows steer the search, all are told to the
    /// generator.
    pub dials: BTreeMap<String, f64>,
    /// Which documents may be found, by their metadata, as a filter's JSON.
    pub filter: Option<Value>,
    /// What matters to the router, by objective.
    pub preference: BTreeMap<String, f64>,
    /// The user's own fields of the template.
    pub fields: BTreeMap<String, String>,
    /// How evidence is found.
    pub retrieve: RetrieveOptions,
    /// How the answer is written.
    pub ask: AskOptions,
    /// Stops it from another thread.
    pub cancel: Cancel,
}

impl Question {
    /// A question without more.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// Says who asks.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Says in which conversation it is asked.
    #[must_use]
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// Says for whom it is asked.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Sets a dial.
    #[must_use]
    pub fn dial(mut self, name: impl Into<String>, strength: f64) -> Self {
        self.dials.insert(name.into(), strength);
        self
    }

    /// Sets the number of passages.
    #[must_use]
    pub fn k(mut self, k: usize) -> Self {
        self.retrieve.k = k;
        self
    }

    /// Sets the scenario.
    #[must_use]
    pub fn scenario(mut self, scenario: impl Into<String>) -> Self {
        self.ask.scenario = Some(scenario.into());
        self
    }

    /// Sets how evidence is found.
    #[must_use]
    pub fn retrieve(mut self, options: RetrieveOptions) -> Self {
        self.retrieve = options;
        self
    }

    /// Sets how the answer is written.
    #[must_use]
    pub fn ask(mut self, options: AskOptions) -> Self {
        self.ask = options;
        self
    }

    /// Sets an option of [`RetrieveOptions`] or [`AskOptions`] by its name; no two of them share one.
    pub fn set(&mut self, name: &str, value: &OptionValue) -> Result<()> {
        if RetrieveOptions::NAMES.contains(&name) {
            return self.retrieve.set(name, value);
        }
        if AskOptions::NAMES.contains(&name) {
            return self.ask.set(name, value);
        }
        let known = [RetrieveOptions::NAMES, AskOptions::NAMES].concat();
        Err(Error::invalid(format!(
            "no option of a question is called \"{name}\"; there are {}",
            known.join(", ")
        )))
    }

    /// Checks what can be checked without an engine, and reads the filter.
    pub(super) fn check(&self) -> Result<Option<Filter>> {
        self.retrieve.check()?;
        self.ask.check()?;
        if self.text.trim().is_empty() {
            return Err(Error::invalid("the question is empty; ask something"));
        }
        if self.text.len() > MAX_QUESTION_BYTES {
            return Err(Error::invalid(format!(
                "the question has {} bytes; at most {MAX_QUESTION_BYTES} can be asked",
                self.text.len()
            )));
        }
        for (what, name) in [("user", &self.user), ("session", &self.session)] {
            let Some(name) = name else { continue };
            if name.is_empty() || name.len() > 512 || name.contains('\0') {
                return Err(Error::invalid(format!(
                    "a {what}'s name has 1 to 512 bytes and no NUL, got {} bytes",
                    name.len()
                )));
            }
        }
        if let Some(tenant) = &self.tenant {
            super::tenants::check(tenant)?;
        }
        for (name, strength) in &self.dials {
            if !(-1.0..=1.0).contains(strength) {
                return Err(Error::invalid(format!(
                    "the dial \"{name}\" must be in -1..=1, got {strength}"
                )));
            }
        }
        self.filter.as_ref().map(Filter::parse).transpose()
    }
}
