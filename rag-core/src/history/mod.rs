//! Every answer that was given, to be found again.
//!
//! An answer is one document of a [`Collection`] without vectors: its text is question and answer, its metadata
//! the whole [`Answer`], which gives it the store's durability, BM25 and filters. Its id begins with the time, so that
//! ids in their order are answers in theirs.

#[cfg(test)]
mod tests;

use crate::answer::Answer;
use crate::collection::{
    Batch, Collection, Document, MAX_METADATA_BYTES, MAX_TEXT_BYTES, Metadata, Mode, Query,
};
use crate::error::{Error, ErrorKind, Result};
use crate::options::OptionValue;
use crate::prompting::read_json;
use crate::retrieval::filter::Filter;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// Most answers that one search gives.
pub const MAX_FOUND: usize = 10_000;

crate::options! {
    /// Which part of what was found is given.
    HistoryOptions {
        /// Most answers.
        limit: usize = 20, in 1..=10_000;
        /// Answers that are passed over before.
        offset: usize = 0, in 0..=1_000_000_000;
        /// The lowest rating; what was not rated is left out then.
        min_rating: Option<f64> = None, in 0.0..=1.0;
        /// Unix seconds from which on.
        since: Option<f64> = None, in -1e15..=1e15;
        /// Unix seconds before which.
        until: Option<f64> = None, in -1e15..=1e15;
        /// Whether those from the cache are given, or only those, or neither is said.
        cached: Option<bool> = None;
    }
}

/// What is looked for; what is left out does not matter.
#[derive(Clone, Debug, Default)]
pub struct HistoryQuery {
    /// Words of question or answer. With them the best come first, without them the newest.
    pub text: Option<String>,
    /// Who asked.
    pub user: Option<String>,
    /// In which conversation.
    pub session: Option<String>,
    /// The scenario.
    pub scenario: Option<String>,
    /// The generator that wrote it.
    pub generator: Option<String>,
    /// A filter over the fields of an [`Answer`]; it can only take away.
    pub filter: Option<Filter>,
    /// The rest.
    pub options: HistoryOptions,
}

impl HistoryQuery {
    /// Reads what is looked for from a JSON object: `text`, `user`, `session`, `scenario`, `generator`, `filter`, and
    /// options by their names. `InvalidArgument` names the key that is unknown or has another type.
    ///
    /// ```
    /// use rag_core::history::HistoryQuery;
    /// let query = HistoryQuery::from_json(r#"{"user": "ann", "min_rating": 0.5, "limit": 3}"#)?;
    /// assert_eq!((query.user.as_deref(), query.options.limit), (Some("ann"), 3));
    /// assert!(HistoryQuery::from_json(r#"{"usr": "ann"}"#).is_err());
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn from_json(json: &str) -> Result<Self> {
        let said: serde_json::Map<String, Value> = read_json(json, "the query")?;
        let mut query = Self::default();
        for (key, value) in said {
            let name = match key.as_str() {
                "text" => &mut query.text,
                "user" => &mut query.user,
                "session" => &mut query.session,
                "scenario" => &mut query.scenario,
                "generator" => &mut query.generator,
                "filter" => {
                    query.filter = Some(Filter::parse(&value)?);
                    continue;
                }
                option => {
                    query.options.set(option, &OptionValue::from(&value))?;
                    continue;
                }
            };
            match value {
                Value::Null => {}
                Value::String(text) => *name = Some(text),
                _ => {
                    let message = format!("\"{key}\" of a query must be a string");
                    return Err(Error::invalid(message));
                }
            }
        }
        Ok(query)
    }

    /// All that stand here as one filter.
    fn filter(&self) -> Result<Filter> {
        let options = &self.options;
        options.check()?;
        let mut all = Vec::new();
        let names = [
            ("user", &self.user),
            ("session", &self.session),
            ("scenario", &self.scenario),
            ("decision.generator", &self.generator),
        ];
        for (field, name) in names {
            if let Some(name) = name {
                all.push(json!({ field: {"$eq": name} }));
            }
        }
        let bounds = [
            ("at", "$gte", options.since),
            ("at", "$lt", options.until),
            ("rating", "$gte", options.min_rating),
        ];
        for (field, test, bound) in bounds {
            if let Some(bound) = bound {
                all.push(json!({ field: {test: bound} }));
            }
        }
        if let Some(cached) = options.cached {
            all.push(json!({"cached": cached}));
        }
        let own = match all.is_empty() {
            true => json!({}),
            false => json!({ "$and": all }),
        };
        let own = Filter::parse(&own)?;
        Ok(match &self.filter {
            Some(filter) => own.and(filter.clone()),
            None => own,
        })
    }
}

/// The answers that were given. Cheap to clone; usable from many threads.
///
/// ```
/// use rag_core::collection::Collection;
/// use rag_core::engine::{Engine, NewDocument, Question};
/// use rag_core::history::HistoryQuery;
/// let engine = Engine::builder(&Collection::in_memory(None, None)?).build()?;
/// let bread = NewDocument::new("Yeast eats sugar. Its gas makes the dough rise.").id("bread");
/// engine.add_documents(&[bread], &Default::default(), rag_core::Progress::none())?;
/// let answer = engine.ask(&Question::new("what makes the dough rise?").user("ann"))?;
/// let history = engine.history(None)?.expect("kept unless the engine is told not to");
/// let query = HistoryQuery { text: Some("gas".into()), user: Some("ann".into()), ..Default::default() };
/// assert_eq!(history.search(&query)?[0].id, answer.id);
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct History {
    answers: Collection,
    /// Held from reading an answer to writing what becomes of it.
    updating: Arc<Mutex<()>>,
}

impl History {
    /// A history that keeps its answers in `answers`, a collection of its own.
    pub fn open(answers: Collection) -> Result<Self> {
        answers.len()?;
        Ok(Self {
            answers,
            updating: Arc::new(Mutex::new(())),
        })
    }

    /// The collection that holds the answers: for `checkpoint`, `verify`, `backup` and `close`.
    pub fn collection(&self) -> &Collection {
        &self.answers
    }

    /// The number of answers.
    pub fn len(&self) -> Result<usize> {
        self.answers.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> Result<bool> {
        self.answers.is_empty()
    }

    /// Keeps an answer, in place of one with its id and time. On disk when this returns.
    ///
    /// Of an answer that comes to more than a document's metadata may have, the texts of passages are left out.
    pub fn add(&self, answer: &Answer) -> Result<()> {
        let mut held = written(answer)?;
        if size(&held)? > MAX_METADATA_BYTES {
            let mut short = answer.clone();
            for passage in &mut short.passages {
                passage.text = Arc::from("");
            }
            held = written(&short)?;
        }
        let mut text = format!("{}\n{}", answer.question, answer.text);
        let most = (0..=MAX_TEXT_BYTES.min(text.len())).rev();
        let end = most.into_iter().find(|&end| text.is_char_boundary(end));
        text.truncate(end.unwrap_or(0));
        let batch = Batch::new([place(answer)])
            .texts([text])
            .metadata(vec![held]);
        self.answers.upsert(batch.words_only())
    }

    /// The answer of this id; `None` if there is none.
    pub fn get(&self, id: &str) -> Result<Option<Answer>> {
        let found = self.find(id)?;
        found.map(|document| read(document.metadata)).transpose()
    }

    fn find(&self, id: &str) -> Result<Option<Document>> {
        let ids = self
            .answers
            .ids_where(&Filter::parse(&json!({"id": {"$eq": id}}))?)?;
        let Some(last) = ids.into_iter().max() else {
            return Ok(None);
        };
        Ok(self.answers.get(&[last])?.pop().flatten())
    }

    /// Writes down what an answer was worth, in 0 to 1. `NotFound` if there is none of this id.
    pub fn rate(&self, id: &str, rating: f64) -> Result<()> {
        if !(0.0..=1.0).contains(&rating) {
            return Err(Error::invalid(format!(
                "a rating is in 0..=1, got {rating}"
            )));
        }
        // Asked before the lock, which a thread that did not survive a fork may hold.
        self.answers.len()?;
        let _updating = self.updating.lock().unwrap_or_else(PoisonError::into_inner);
        let mut document = self.find(id)?.ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("there is no answer \"{id}\" in the history"),
            )
        })?;
        document
            .metadata
            .insert("rating".to_owned(), Value::from(rating));
        let batch = Batch::new([document.id]).metadata(vec![document.metadata]);
        let batch = batch.texts([document.text.unwrap_or_default()]);
        self.answers.upsert(batch.words_only())
    }

    /// The answers that are looked for: the newest first, or the best by BM25 if words are given.
    pub fn search(&self, query: &HistoryQuery) -> Result<Vec<Answer>> {
        let filter = query.filter()?;
        let HistoryOptions { limit, offset, .. } = query.options;
        if let Some(text) = &query.text {
            let k = offset.saturating_add(limit);
            if k > MAX_FOUND {
                return Err(Error::invalid(format!(
                    "offset and limit come to {k}, a search by words gives at most {MAX_FOUND}; narrow it by time"
                )));
            }
            let words = Query::text(text).mode(Mode::Lexical).filter(filter).k(k);
            let hits = self.answers.search(&words)?;
            let hits = hits.into_iter().skip(offset);
            return hits
                .map(|hit| read(Arc::unwrap_or_clone(hit.metadata)))
                .collect();
        }
        let mut ids = self.answers.ids_where(&filter)?;
        ids.sort_unstable_by(|a, b| b.cmp(a));
        let ids: Vec<String> = ids.into_iter().skip(offset).take(limit).collect();
        let found = self.answers.get(&ids)?;
        found
            .into_iter()
            .flatten()
            .map(|document| read(document.metadata))
            .collect()
    }

    /// Forgets the answers that a user got, and says how many those were. Their text is gone from the files after
    /// [`History::compact`].
    pub fn forget(&self, user: &str) -> Result<usize> {
        self.answers
            .delete_where(&Filter::parse(&json!({"user": {"$eq": user}}))?)
    }

    /// Forgets what is older than `max_age_s` seconds at `now`, then the oldest of what are more than `max_count`.
    /// `None` sets no bound. Says how many answers that were.
    pub fn prune(
        &self,
        now: f64,
        max_age_s: Option<f64>,
        max_count: Option<usize>,
    ) -> Result<usize> {
        let mut gone = 0;
        if let Some(age) = max_age_s {
            gone += self
                .answers
                .delete_where(&Filter::parse(&json!({"at": {"$lt": now - age}}))?)?;
        }
        if let Some(most) = max_count {
            let mut ids = self.answers.ids()?;
            ids.sort_unstable_by(|a, b| b.cmp(a));
            let old = ids.split_off(most.min(ids.len()));
            gone += self.answers.delete(&old)?;
        }
        Ok(gone)
    }

    /// Writes the files anew, so that nothing that was forgotten is left in them.
    pub fn compact(&self) -> Result<()> {
        self.answers.compact()
    }
}

/// Where an answer stands: by time, then by its id.
fn place(answer: &Answer) -> String {
    let micros = (answer.at.max(0.0) * 1e6).min(9e18) as u64;
    format!("{micros:016x} {}", answer.id)
}

fn written(answer: &Answer) -> Result<Metadata> {
    match serde_json::to_value(answer) {
        Ok(Value::Object(held)) => Ok(held),
        _ => Err(Error::invalid("the answer cannot be written as JSON")),
    }
}

fn size(held: &Metadata) -> Result<usize> {
    let text = serde_json::to_string(held);
    text.map(|text| text.len())
        .map_err(|e| Error::invalid(e.to_string()))
}

fn read(held: Metadata) -> Result<Answer> {
    serde_json::from_value(Value::Object(held)).map_err(|_| {
        let message = "a document of the history is no answer; it was not written by this library";
        Error::new(ErrorKind::Corrupt, message)
    })
}
