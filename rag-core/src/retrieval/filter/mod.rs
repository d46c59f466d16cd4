//! Filters over metadata, in MongoDB's query language.
//!
//! The one idea: a filter is parsed once, with every limit and every mistake found then, into a
//! small tree that can be asked about any document without failing.
//!
//! MongoDB's manual decides the semantics:
//!
//! - Fields side by side all have to match; `{"year": 2020}` means `{"year": {"$eq": 2020}}`.
//! - `"a.b.0"` walks into objects, and into arrays by index; a name walks into every object that
//!   an array holds.
//! - A condition on an array holds if an element meets it or the whole array does. `$ne`, `$nin`
//!   and `$not` are the negation of the whole condition, so they match where a field is missing.
//! - Equality with null matches null and missing fields. `$gte` and `$lte` null do as well.
//! - Comparisons hold only within one type: numbers (whole and not, exactly), strings (by their
//!   UTF-8 bytes), true and false, null.
//!
//! Where this differs: the order of an object's fields does not matter to equality, because a
//! JSON object has none; `$gt $gte $lt $lte` refuse arrays and objects; `$exists` wants true or
//! false; and an operator that is not one of the above is an error, never a field name.
//!
//! `parse` reads the JSON, `path` finds values, `value` compares them, `columns` answers for many
//! documents at once.

mod columns;
mod parse;
mod path;
mod saved;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use columns::{Columns, Held};

use crate::error::{Error, Result};
use path::Path;
use serde_json::{Map, Value};
use std::cmp::Ordering;
use value::Values;

/// The deepest nesting of a filter.
pub const MAX_DEPTH: usize = 64;
/// The most conditions and values in a filter, the plain values of `$in` and `$nin` aside.
pub const MAX_NODES: usize = 10_000;
/// The most values in one `$in` or `$nin`.
pub const MAX_IN: usize = 100_000;

/// Which documents a search may find.
///
/// ```
/// use rag_core::retrieval::filter::Filter;
/// use serde_json::json;
/// let filter = Filter::parse(&json!({"lang": "en", "year": {"$gte": 2020}}))?;
/// let matches = |document: serde_json::Value| filter.matches(document.as_object().unwrap());
/// assert!(matches(json!({"lang": ["de", "en"], "year": 2020.5})));
/// assert!(!matches(json!({"lang": "en", "year": "2021"})), "a string is not after a number");
/// let other = Filter::parse(&json!({"lang": {"$ne": "en"}}))?;
/// assert!(other.matches(json!({}).as_object().unwrap()), "what is missing is not English");
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Filter {
    node: Node,
    source: Value,
}

/// Equal are filters that ask the same, however they were written.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Field(Path, Test),
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Equal(Value),
    /// The orderings of field against value that are wanted.
    Ordered(&'static [Ordering], Value),
    In(Values),
    Exists,
}

impl Filter {
    /// Reads a filter.
    ///
    /// Fails with `InvalidArgument` naming the place and what could stand there: an unknown
    /// operator, a wrong type, an empty list, a field without a name, or more than 64 levels,
    /// 10,000 conditions and values, or 100,000 values in one `$in`. An empty object matches
    /// every document.
    pub fn parse(filter: &Value) -> Result<Self> {
        Ok(Self {
            node: parse::parse(filter)?,
            source: filter.clone(),
        })
    }

    /// Reads a filter from JSON text, with the errors of [`Filter::parse`].
    pub fn from_json(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)
            .map_err(|e| Error::invalid(format!("the filter is not JSON: {e}")))?;
        Self::parse(&value)
    }

    /// The filter as JSON, as it was given.
    pub fn to_json(&self) -> &Value {
        &self.source
    }

    /// The filter that lets through what both do, whatever stands in either.
    ///
    /// ```
    /// use rag_core::retrieval::filter::Filter;
    /// use serde_json::json;
    /// let own = Filter::parse(&json!({"user": "ann"}))?;
    /// let asked = Filter::parse(&json!({"$or": [{"user": "bob"}, {"open": true}]}))?;
    /// let both = own.and(asked);
    /// assert!(!both.matches(json!({"user": "bob"}).as_object().unwrap()));
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    #[must_use]
    pub fn and(self, other: Filter) -> Filter {
        Filter {
            node: Node::All(vec![self.node, other.node]),
            source: serde_json::json!({"$and": [self.source, other.source]}),
        }
    }

    /// Whether the filter lets a document with this metadata through.
    pub fn matches(&self, metadata: &Map<String, Value>) -> bool {
        self.node.matches(metadata)
    }

    /// The fields that the filter asks about, ascending, each once.
    pub fn fields(&self) -> Vec<String> {
        let mut fields = Vec::new();
        self.node.fields(&mut fields);
        fields.sort_unstable();
        fields.dedup();
        fields
    }
}

impl Node {
    fn matches(&self, metadata: &Map<String, Value>) -> bool {
        match self {
            Node::All(nodes) => nodes.iter().all(|node| node.matches(metadata)),
            Node::Any(nodes) => nodes.iter().any(|node| node.matches(metadata)),
            Node::Not(node) => !node.matches(metadata),
            Node::Field(path, test) => path.any(metadata, &mut |found| test.holds(found)),
        }
    }

    fn fields(&self, out: &mut Vec<String>) {
        match self {
            Node::All(nodes) | Node::Any(nodes) => nodes.iter().for_each(|n| n.fields(out)),
            Node::Not(node) => node.fields(out),
            Node::Field(path, _) => out.push(path.to_string()),
        }
    }
}

impl Test {
    /// Whether what stands at the end of a path passes; `None` is a missing field.
    fn holds(&self, found: Option<&Value>) -> bool {
        let Some(found) = found else {
            return self.holds_for_missing();
        };
        if matches!(self, Test::Exists) || self.holds_for(found) {
            return true;
        }
        let elements = found.as_array().map(Vec::as_slice).unwrap_or_default();
        elements.iter().any(|element| self.holds_for(element))
    }

    fn holds_for_missing(&self) -> bool {
        !matches!(self, Test::Exists) && self.holds_for(&Value::Null)
    }

    fn holds_for(&self, one: &Value) -> bool {
        match self {
            Test::Equal(want) => value::equal(one, want),
            Test::Ordered(wanted, bound) => {
                value::compare(one, bound).is_some_and(|order| wanted.contains(&order))
            }
            Test::In(values) => values.contains(one),
            Test::Exists => true,
        }
    }
}
