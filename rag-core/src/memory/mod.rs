//! What is known about a user: facts with a schema, kept in a store.
//!
//! A fact is one document of a [`Collection`] without vectors: its id is made of user, session and key,
//! so that a key is updated in place and can be read without a search; its metadata is the fact. That gives
//! facts the store's durability, BM25 and filters. Everything that reads names one user, and the filter on
//! that user stands beside the caller's, never inside it.
//!
//! `fact` has the types and the ids, `schema` what a value may look like, `junk` what is not worth keeping.

mod fact;
mod junk;
mod schema;
#[cfg(test)]
mod tests;

pub use fact::{
    Earlier, Fact, MAX_NAMES_BYTES, MAX_VALUE_BYTES, MAX_VALUE_DEPTH, Remembered, Source,
    SourceKind,
};
pub use junk::{Junk, is_junk};
pub use schema::Schema;

use crate::clock::{Clock, SystemClock};
use crate::collection::{Batch, Collection, Metadata, Mode, Query};
use crate::error::{Error, ErrorKind, Result};
use crate::options;
use crate::retrieval::filter::Filter;
use fact::{Name, damaged};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

options! {
    /// What a memory takes and keeps.
    MemoryOptions {
        /// Whether values that are not worth keeping, or that look like secrets, are refused.
        junk: bool = true;
        /// Most characters of a text in a value that is not refused as junk.
        max_chars: usize = 2_000, in 1..=65_536;
        /// Whether an update keeps the value before it.
        previous: bool = true;
    }
}

/// Facts by user and session. Cheap to clone; usable from many threads.
///
/// ```
/// use rag_core::collection::Collection;
/// use rag_core::memory::{Fact, Memory, MemoryOptions};
/// use serde_json::json;
/// let memory = Memory::open(Collection::in_memory(None, None)?, &MemoryOptions::default())?;
/// memory.remember(Fact::new("ann", "language", json!("German")))?;
/// memory.remember(Fact::new("ann", "language", json!("French")))?;
/// let fact = memory.recall("ann", None, "language")?.unwrap();
/// assert_eq!((fact.value, fact.previous.unwrap().value), (json!("French"), json!("German")));
/// assert!(memory.recall("bob", None, "language")?.is_none());
/// // What looks like a secret is not kept.
/// assert!(memory.remember(Fact::new("ann", "card", json!("4111 1111 1111 1111"))).is_err());
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Memory {
    facts: Collection,
    options: MemoryOptions,
    schema: Option<Arc<Schema>>,
    clock: Arc<dyn Clock>,
    /// Held from reading what a key has to writing what it gets.
    updating: Arc<Mutex<()>>,
}

impl Memory {
    /// A memory that keeps its facts in `facts`, a collection of its own. Clones of the answer agree with
    /// each other; two memories opened on one collection may each miss what the other was about to write.
    pub fn open(facts: Collection, options: &MemoryOptions) -> Result<Self> {
        options.check()?;
        Ok(Self {
            facts,
            options: options.clone(),
            schema: None,
            clock: Arc::new(SystemClock),
            updating: Arc::new(Mutex::new(())),
        })
    }

    /// Refuses facts that break `schema`: one for an object whose properties are the keys.
    ///
    /// ```
    /// use rag_core::collection::Collection;
    /// use rag_core::memory::{Fact, Memory, MemoryOptions, Schema};
    /// use serde_json::json;
    /// let schema = Schema::parse(&json!({
    ///     "type": "object",
    ///     "properties": {"age": {"type": "integer", "minimum": 0, "maximum": 150}},
    ///     "additionalProperties": false,
    /// }))?;
    /// let memory = Memory::open(Collection::in_memory(None, None)?, &MemoryOptions::default())?;
    /// let memory = memory.with_schema(schema)?;
    /// let error = memory.remember(Fact::new("ann", "age", json!("forty"))).unwrap_err();
    /// assert_eq!(error.to_string(), "the fact breaks the memory's schema: age must be integer, got a string");
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn with_schema(mut self, schema: Schema) -> Result<Self> {
        schema.check_for_keys()?;
        self.schema = Some(Arc::new(schema));
        Ok(self)
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The collection that holds the facts: for `checkpoint`, `verify`, `backup` and `close`.
    pub fn collection(&self) -> &Collection {
        &self.facts
    }

    /// Facts that are held, expired ones that were not swept yet among them.
    pub fn len(&self) -> Result<usize> {
        self.facts.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> Result<bool> {
        self.facts.is_empty()
    }

    /// Keeps a fact, in place of what its key had, and answers it as it is kept. On disk when this returns.
    ///
    /// `InvalidArgument` for a name that is empty, has a NUL or is too long, a value that breaks the schema,
    /// is too large or nests too deep, junk, a fact that is over already; what the store says otherwise.
    pub fn remember(&self, fact: Fact) -> Result<Remembered> {
        let mut kept = self.remember_many(vec![fact])?;
        kept.pop().ok_or_else(damaged)
    }

    /// Keeps many facts, all or none of them.
    pub fn remember_many(&self, facts: Vec<Fact>) -> Result<Vec<Remembered>> {
        let now = self.clock.now();
        let one = facts.len() == 1;
        let mut ids = Vec::with_capacity(facts.len());
        let mut first: HashMap<String, usize> = HashMap::with_capacity(facts.len());
        for (i, fact) in facts.iter().enumerate() {
            let id = self.check(fact, now);
            let id = id.map_err(|e| {
                if one {
                    e
                } else {
                    e.context(format_args!("fact {i}"))
                }
            })?;
            if let Some(other) = first.insert(id.clone(), i) {
                return Err(Error::invalid(format!(
                    "facts {other} and {i} have the same user, session and key; give one of them"
                )));
            }
            ids.push(id);
        }
        // Asked before the lock, which a thread that did not survive a fork may hold.
        self.facts.len()?;
        let _updating = self.updating.lock().unwrap_or_else(PoisonError::into_inner);
        let held = self.facts.get(&ids)?;
        let mut kept = Vec::with_capacity(facts.len());
        for (fact, held) in facts.into_iter().zip(held) {
            let held = held
                .map(|held| Remembered::read(held.metadata))
                .transpose()?;
            let held = held.filter(|held| !held.is_over(now));
            kept.push(Remembered::after(fact, held, now, self.options.previous));
        }
        let metadata = kept
            .iter()
            .map(Remembered::write)
            .collect::<Result<Vec<Metadata>>>()?;
        let texts: Vec<String> = kept.iter().map(Remembered::words).collect();
        let batch = Batch::new(ids).texts(texts).metadata(metadata).words_only();
        self.facts.upsert(batch)?;
        Ok(kept)
    }

    /// The fact of a key: the session's, or with none the user's own. `None` where there is none or it is over.
    pub fn recall(
        &self,
        user: &str,
        session: Option<&str>,
        key: &str,
    ) -> Result<Option<Remembered>> {
        let id = Name { user, session, key }.id()?;
        let now = self.clock.now();
        let held = self.facts.get(&[id])?.pop().flatten();
        let held = held
            .map(|held| Remembered::read(held.metadata))
            .transpose()?;
        Ok(held.filter(|held| held.is_of(user) && !held.is_over(now)))
    }

    /// A user's facts, by session and key; those of one session, or with none all of them.
    pub fn facts(&self, user: &str, session: Option<&str>) -> Result<Vec<Remembered>> {
        let now = self.clock.now();
        let ids = self.ids_of(user, session, None)?;
        let mut facts = Vec::with_capacity(ids.len());
        for held in self.facts.get(&ids)?.into_iter().flatten() {
            let fact = Remembered::read(held.metadata)?;
            if fact.is_of(user) && !fact.is_over(now) {
                facts.push(fact);
            }
        }
        facts.sort_by(|a, b| (&a.session, &a.key).cmp(&(&b.session, &b.key)));
        Ok(facts)
    }

    /// A user's facts that have words of `text` in their key or value, best first by BM25, at most `k`.
    ///
    /// `filter` asks about the fields of a [`Remembered`], `value.city` say; it can only take away. How often
    /// words are used is counted over all users, which may move the order, never what is found.
    pub fn search(
        &self,
        user: &str,
        text: &str,
        filter: Option<&Filter>,
        k: usize,
    ) -> Result<Vec<Remembered>> {
        let now = self.clock.now();
        let own = of_user(user)?;
        let filter = match filter {
            Some(filter) => own.and(filter.clone()),
            None => own,
        };
        let query = Query::text(text).mode(Mode::Lexical).filter(filter);
        // Facts that are over take places until they are swept: then more is asked for.
        let mut asked = k;
        loop {
            let hits = self.facts.search(&query.clone().k(asked))?;
            let all = hits.len() < asked || asked >= MAX_K;
            let mut found = Vec::new();
            for hit in hits {
                let fact = Remembered::read(Arc::unwrap_or_clone(hit.metadata))?;
                if fact.is_of(user) && !fact.is_over(now) {
                    found.push(fact);
                }
            }
            if all || found.len() >= k {
                found.truncate(k);
                return Ok(found);
            }
            asked = asked.saturating_mul(4).min(MAX_K);
        }
    }

    /// Forgets what is known of a user, of one session or under one key if these are named, and says how many
    /// facts that were. Their text is gone from the files after [`Memory::compact`].
    pub fn forget(&self, user: &str, session: Option<&str>, key: Option<&str>) -> Result<usize> {
        self.facts.len()?;
        let _updating = self.updating.lock().unwrap_or_else(PoisonError::into_inner);
        let ids = self.ids_of(user, session, key)?;
        self.facts.delete(&ids)
    }

    /// Deletes the facts that are over, and says how many.
    pub fn sweep(&self) -> Result<usize> {
        let now = self.clock.now();
        let over = Filter::parse(&json!({"expires_at": {"$lte": now}}))?;
        self.facts.len()?;
        let _updating = self.updating.lock().unwrap_or_else(PoisonError::into_inner);
        self.facts.delete_where(&over)
    }

    /// Writes the files anew, so that nothing that was forgotten, replaced or swept is left in them.
    pub fn compact(&self) -> Result<()> {
        self.facts.compact()
    }

    /// Refuses a fact that may not be kept, or answers its document's id.
    fn check(&self, fact: &Fact, now: f64) -> Result<String> {
        let id = fact.check(now)?;
        if let Some(schema) = &self.schema {
            let broken = |e: Error| e.context("the fact breaks the memory's schema");
            schema
                .check_property(&fact.key, &fact.value)
                .map_err(broken)?;
        }
        if self.options.junk
            && let Some(junk) = is_junk(&fact.key, &fact.value, self.options.max_chars)
        {
            return Err(Error::invalid(format!(
                "the value {}; leave it out, or open the memory with junk false",
                junk.reason()
            )));
        }
        Ok(id)
    }

    /// The documents of a user, of one session and of one key where these are named.
    fn ids_of(&self, user: &str, session: Option<&str>, key: Option<&str>) -> Result<Vec<String>> {
        let mut ids = self.facts.ids_where(&of_user(user)?)?;
        ids.retain(|id| {
            Name::parse(id).is_some_and(|name| {
                name.user == user
                    && session.is_none_or(|session| name.session == Some(session))
                    && key.is_none_or(|key| name.key == key)
            })
        });
        Ok(ids)
    }
}

/// Most hits that a collection is asked for.
const MAX_K: usize = 10_000;

fn of_user(user: &str) -> Result<Filter> {
    Name {
        user,
        session: None,
        key: "k",
    }
    .id()?;
    Filter::parse(&json!({"user": {"$eq": Value::from(user)}}))
}

impl Error {
    /// What is said of a document in a memory or a history that is none of its own.
    pub(crate) fn foreign(what: &str) -> Error {
        Error::new(
            ErrorKind::Corrupt,
            format!("a document here is no {what}; keep them in a collection of their own"),
        )
    }
}
