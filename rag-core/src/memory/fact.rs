//! Facts as they come in and as they are kept, and the ids of their documents.

use crate::collection::Metadata;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Bytes that user, session and key may have together: with their lengths they are a document's id.
pub const MAX_NAMES_BYTES: usize = 480;
/// Bytes that a value may have as JSON: 64 KiB.
pub const MAX_VALUE_BYTES: usize = 64 << 10;
/// Levels that a value may nest.
pub const MAX_VALUE_DEPTH: usize = 32;

/// What sort of thing a fact was learnt from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// An answer that was given.
    Answer,
    /// Something that the user said.
    Message,
    /// Another system.
    Import,
}

/// Where a fact was learnt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What sort of thing that was.
    pub kind: SourceKind,
    /// Which one: the answer's id, say; at most 512 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// A fact to keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// About whom.
    pub user: String,
    /// In which conversation; `None` for what holds in all of them.
    #[serde(default)]
    pub session: Option<String>,
    /// What about: one fact for each key.
    pub key: String,
    /// The fact.
    pub value: Value,
    /// Where it was learnt.
    #[serde(default)]
    pub source: Option<Source>,
    /// Unix seconds at which it was learnt; now if that is not said.
    #[serde(default)]
    pub at: Option<f64>,
    /// Unix seconds from which on it does not hold any more.
    #[serde(default)]
    pub expires_at: Option<f64>,
    /// How sure it is, in 0 to 1.
    #[serde(default = "sure")]
    pub confidence: f64,
}

fn sure() -> f64 {
    1.0
}

impl Fact {
    /// A fact about a user that holds in all sessions and for ever.
    pub fn new(user: impl Into<String>, key: impl Into<String>, value: Value) -> Self {
        Self {
            user: user.into(),
            session: None,
            key: key.into(),
            value,
            source: None,
            at: None,
            expires_at: None,
            confidence: sure(),
        }
    }

    /// Reads a fact from JSON text.
    pub fn from_json(text: &str) -> Result<Self> {
        // The position alone: what the parser found may be the user's own words.
        serde_json::from_str(text).map_err(|e| {
            Error::invalid(format!(
                "this is no fact as JSON, from line {} column {} on; a fact is an object with user, key, \
                 value and, if wanted, session, source, at, expires_at, confidence",
                e.line(),
                e.column()
            ))
        })
    }

    /// Checks all that needs no schema, and answers the id of its document.
    pub(super) fn check(&self, now: f64) -> Result<String> {
        let id = Name {
            user: &self.user,
            session: self.session.as_deref(),
            key: &self.key,
        }
        .id()?;
        check_value(&self.value)?;
        if !(0.0..=1.0).contains(&self.confidence) {
            return Err(Error::invalid(format!(
                "confidence must be in 0..=1, got {}",
                self.confidence
            )));
        }
        for (name, time) in [("at", self.at), ("expires_at", self.expires_at)] {
            if let Some(time) = time.filter(|time| !time.is_finite()) {
                return Err(Error::invalid(format!(
                    "{name} must be Unix seconds, got {time}"
                )));
            }
        }
        if let Some(over) = self.expires_at.filter(|&over| over <= now) {
            return Err(Error::invalid(format!(
                "expires_at is {over} and it is {now} now; the fact would never be found, leave it out"
            )));
        }
        if let Some(id) = self.source.as_ref().and_then(|source| source.id.as_ref())
            && id.len() > 512
        {
            return Err(Error::invalid(format!(
                "the source's id has {} bytes, at most 512 are taken",
                id.len()
            )));
        }
        Ok(id)
    }
}

/// The depth first: what writes JSON goes as deep as the value does.
fn check_value(value: &Value) -> Result<()> {
    let mut level = vec![value];
    for _ in 0..MAX_VALUE_DEPTH {
        if level.is_empty() {
            let bytes = serde_json::to_string(value).map_or(usize::MAX, |text| text.len());
            if bytes > MAX_VALUE_BYTES {
                return Err(Error::invalid(format!(
                    "the value has {bytes} bytes as JSON, at most {MAX_VALUE_BYTES} are taken"
                )));
            }
            return Ok(());
        }
        level = level
            .into_iter()
            .flat_map(|value| match value {
                Value::Array(items) => items.iter().collect::<Vec<_>>(),
                Value::Object(fields) => fields.values().collect(),
                _ => Vec::new(),
            })
            .collect();
    }
    Err(Error::invalid(format!(
        "the value nests deeper than {MAX_VALUE_DEPTH} levels; flatten it"
    )))
}

/// What a key had before its last update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Earlier {
    /// The value.
    pub value: Value,
    /// When it was learnt.
    pub updated: f64,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// A fact as it is kept. Its fields are what a filter may ask about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// About whom.
    pub user: String,
    /// In which conversation; `None` for what holds in all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What about.
    pub key: String,
    /// The fact.
    pub value: Value,
    /// Where it was learnt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// How sure it is, in 0 to 1.
    pub confidence: f64,
    /// Unix seconds at which the key was first used.
    pub created: f64,
    /// Unix seconds at which the value was learnt.
    pub updated: f64,
    /// Unix seconds from which on it does not hold any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<f64>,
    /// What the key had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Earlier>,
}

impl Remembered {
    /// `fact` in place of what was `held`.
    pub(super) fn after(fact: Fact, held: Option<Self>, now: f64, keep: bool) -> Self {
        let updated = fact.at.unwrap_or(now);
        Self {
            created: held.as_ref().map_or(updated, |held| held.created),
            previous: held.filter(|_| keep).map(|held| Earlier {
                value: held.value,
                updated: held.updated,
                source: held.source,
            }),
            user: fact.user,
            session: fact.session,
            key: fact.key,
            value: fact.value,
            source: fact.source,
            confidence: fact.confidence,
            updated,
            expires_at: fact.expires_at,
        }
    }

    pub(super) fn read(metadata: Metadata) -> Result<Self> {
        serde_json::from_value(Value::Object(metadata)).map_err(|_| damaged())
    }

    pub(super) fn write(&self) -> Result<Metadata> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => Ok(fields),
            _ => Err(damaged()),
        }
    }

    /// What a search by text looks at: the key, and every word and number of the value.
    pub(super) fn words(&self) -> String {
        let mut words = self.key.replace('_', " ");
        let mut rest = vec![&self.value];
        while let Some(value) = rest.pop() {
            match value {
                Value::String(text) => push(&mut words, text),
                Value::Number(number) => push(&mut words, &number.to_string()),
                Value::Array(items) => rest.extend(items.iter().rev()),
                Value::Object(fields) => {
                    fields.keys().for_each(|name| push(&mut words, name));
                    rest.extend(fields.values());
                }
                Value::Null | Value::Bool(_) => {}
            }
        }
        words
    }

    pub(super) fn is_of(&self, user: &str) -> bool {
        self.user == user
    }

    pub(super) fn is_over(&self, now: f64) -> bool {
        self.expires_at.is_some_and(|over| over <= now)
    }
}

fn push(words: &mut String, more: &str) {
    words.push('\n');
    words.push_str(more);
}

pub(super) fn damaged() -> Error {
    Error::foreign("fact")
}

/// What makes a fact's id. No two names have one id: the lengths say where each part ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Name<'a> {
    pub(super) user: &'a str,
    pub(super) session: Option<&'a str>,
    pub(super) key: &'a str,
}

impl<'a> Name<'a> {
    pub(super) fn id(&self) -> Result<String> {
        let Self { user, session, key } = *self;
        for (what, name) in [
            ("user", Some(user)),
            ("session", session),
            ("key", Some(key)),
        ] {
            if name.is_some_and(|name| name.is_empty() || name.contains('\0')) {
                return Err(Error::invalid(format!(
                    "a {what} has at least one byte and no NUL; give another"
                )));
            }
        }
        let bytes = user.len() + session.map_or(0, str::len) + key.len();
        if bytes > MAX_NAMES_BYTES {
            return Err(Error::invalid(format!(
                "user, session and key have {bytes} bytes together, at most {MAX_NAMES_BYTES} are taken"
            )));
        }
        let lengths = match session {
            Some(session) => format!("{}:{}", user.len(), session.len()),
            None => format!("{}:-", user.len()),
        };
        Ok(format!("{lengths}:{user}{}{key}", session.unwrap_or("")))
    }

    pub(super) fn parse(id: &'a str) -> Option<Self> {
        let (users, rest) = id.split_once(':')?;
        let (sessions, rest) = rest.split_once(':')?;
        let (user, rest) = rest.split_at_checked(users.parse().ok()?)?;
        if sessions == "-" {
            return Some(Self {
                user,
                session: None,
                key: rest,
            });
        }
        let (session, key) = rest.split_at_checked(sessions.parse().ok()?)?;
        Some(Self {
            user,
            session: Some(session),
            key,
        })
    }
}
