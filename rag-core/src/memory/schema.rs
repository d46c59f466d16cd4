//! What values may look like: a small part of JSON Schema, checked without any of the rest.
//!
//! `type` (a name or several), `properties`, `required`, `additionalProperties` (true, false or a schema),
//! `items` (one schema for all), `enum`, `minimum`, `maximum`, `maxLength` (in characters); `title`,
//! `description` and `$schema` say nothing. Any other word is refused, so that nobody believes that it holds.

use crate::error::{Error, Result};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;
use std::fmt;

/// Levels that a schema may nest.
const MAX_DEPTH: usize = 32;
const KEYWORDS: [&str; 9] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "minimum",
    "maximum",
    "maxLength",
];
const REMARKS: [&str; 3] = ["title", "description", "$schema"];
const TYPES: [&str; 7] = [
    "null", "boolean", "integer", "number", "string", "array", "object",
];

/// What values may look like.
///
/// ```
/// use rag_core::memory::Schema;
/// use serde_json::json;
/// let schema = Schema::parse(&json!({
///     "type": "object",
///     "properties": {"tags": {"type": "array", "items": {"enum": ["red", "blue"]}}},
///     "required": ["tags"],
/// }))?;
/// assert!(schema.check(&json!({"tags": ["red"], "more": 1})).is_ok());
/// let error = schema.check(&json!({"tags": ["red", "green"]})).unwrap_err();
/// assert_eq!(error.to_string(), "tags[1] must be one of the 2 values that the schema lists, got a string");
/// // What is not understood is refused, not passed over.
/// assert!(Schema::parse(&json!({"type": "string", "pattern": "^a"})).is_err());
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Schema(Node);

#[derive(Clone, Debug, Default, PartialEq)]
struct Node {
    types: Option<Vec<&'static str>>,
    properties: BTreeMap<String, Node>,
    required: Vec<String>,
    more: More,
    items: Option<Box<Node>>,
    choices: Option<Vec<Value>>,
    minimum: Option<Number>,
    maximum: Option<Number>,
    max_length: Option<u64>,
}

/// What may stand under names that `properties` does not have.
#[derive(Clone, Debug, Default, PartialEq)]
enum More {
    #[default]
    Anything,
    Nothing,
    Like(Box<Node>),
}

/// A place in a value or a schema, as messages show it.
#[derive(Clone, Copy)]
enum Place<'a> {
    Root,
    Field(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => f.write_str("the value"),
            Place::Field(Place::Root, name) => f.write_str(name),
            Place::Field(before, name) => write!(f, "{before}.{name}"),
            Place::Item(Place::Root, i) => write!(f, "[{i}]"),
            Place::Item(before, i) => write!(f, "{before}[{i}]"),
        }
    }
}

impl Schema {
    /// Reads a schema. `InvalidArgument` names the place and what could stand there.
    pub fn parse(schema: &Value) -> Result<Self> {
        Node::parse(schema, "the schema", 0).map(Self)
    }

    /// Reads a schema from JSON text.
    pub fn from_json(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)
            .map_err(|e| Error::invalid(format!("the schema is not JSON: {e}")))?;
        Self::parse(&value)
    }

    /// Refuses a value that breaks the schema, naming the place; what stands there is not shown, since it
    /// may be nobody else's business.
    pub fn check(&self, value: &Value) -> Result<()> {
        self.0.check(value, Place::Root)
    }

    /// Whether it is a schema for facts, which come one by one: an object that requires nothing.
    pub(super) fn check_for_keys(&self) -> Result<()> {
        let object = self
            .0
            .types
            .as_ref()
            .is_none_or(|types| types.contains(&"object"));
        if !object || self.0.choices.is_some() || !self.0.required.is_empty() {
            return Err(Error::invalid(
                "a memory's schema describes an object whose properties are the keys; facts come one by \
                 one, so that it has no enum and no required at its top",
            ));
        }
        Ok(())
    }

    /// [`Schema::check`] of an object with this property alone.
    pub(super) fn check_property(&self, name: &str, value: &Value) -> Result<()> {
        self.0.check_property(name, value, &Place::Root)
    }
}

impl Node {
    fn parse(schema: &Value, at: &str, depth: usize) -> Result<Self> {
        let Value::Object(fields) = schema else {
            return Err(Error::invalid(format!(
                "{at} must be an object, got {}",
                kind(schema)
            )));
        };
        if depth >= MAX_DEPTH {
            return Err(Error::invalid(format!(
                "{at} nests deeper than {MAX_DEPTH} levels; flatten it"
            )));
        }
        let mut node = Self::default();
        for (word, value) in fields {
            let here = format!("{at}'s {word}");
            node.take(word, value, &here, depth)?;
        }
        if let (Some(low), Some(high)) = (&node.minimum, &node.maximum)
            && compare(low, high).is_gt()
        {
            return Err(Error::invalid(format!(
                "{at} has a minimum of {low} above its maximum of {high}; nothing could meet it"
            )));
        }
        Ok(node)
    }

    fn take(&mut self, word: &str, value: &Value, here: &str, depth: usize) -> Result<()> {
        let wanted =
            |what: &str| Error::invalid(format!("{here} must be {what}, got {}", kind(value)));
        match (word, value) {
            ("type", Value::String(_)) => self.types = Some(vec![type_named(value, here)?]),
            ("type", Value::Array(names)) if !names.is_empty() => {
                let names = names.iter().map(|name| type_named(name, here));
                self.types = Some(names.collect::<Result<_>>()?);
            }
            ("type", _) => return Err(wanted("the name of a type, or a list of some")),
            ("properties", Value::Object(properties)) => {
                for (name, schema) in properties {
                    let node = Self::parse(schema, &format!("{here}.{name}"), depth + 1)?;
                    self.properties.insert(name.clone(), node);
                }
            }
            ("properties", _) => return Err(wanted("an object of schemas")),
            ("required", Value::Array(names)) => {
                let names = names.iter().map(|name| name.as_str().map(str::to_owned));
                let names: Option<Vec<String>> = names.collect();
                self.required = names.ok_or_else(|| wanted("a list of names"))?;
            }
            ("required", _) => return Err(wanted("a list of names")),
            ("additionalProperties", Value::Bool(true)) => self.more = More::Anything,
            ("additionalProperties", Value::Bool(false)) => self.more = More::Nothing,
            ("additionalProperties", _) => {
                self.more = More::Like(Box::new(Self::parse(value, here, depth + 1)?));
            }
            ("items", _) => self.items = Some(Box::new(Self::parse(value, here, depth + 1)?)),
            ("enum", Value::Array(choices)) if !choices.is_empty() => {
                self.choices = Some(choices.clone());
            }
            ("enum", _) => return Err(wanted("a list of at least one value")),
            ("minimum", Value::Number(number)) => self.minimum = Some(number.clone()),
            ("maximum", Value::Number(number)) => self.maximum = Some(number.clone()),
            ("minimum" | "maximum", _) => return Err(wanted("a number")),
            ("maxLength", _) => {
                let length = value
                    .as_u64()
                    .ok_or_else(|| wanted("a whole number, not negative"))?;
                self.max_length = Some(length);
            }
            (word, _) if REMARKS.contains(&word) => {}
            _ => {
                return Err(Error::invalid(format!(
                    "{here} is not understood; there are {}",
                    KEYWORDS.join(", ")
                )));
            }
        }
        Ok(())
    }

    fn check(&self, value: &Value, place: Place<'_>) -> Result<()> {
        if let Some(types) = &self.types
            && !types.iter().any(|name| is_a(value, name))
        {
            return Err(Error::invalid(format!(
                "{place} must be {}, got {}",
                types.join(" or "),
                kind(value)
            )));
        }
        if let Some(choices) = &self.choices
            && !choices.iter().any(|choice| same(choice, value))
        {
            return Err(Error::invalid(format!(
                "{place} must be one of the {} values that the schema lists, got {}",
                choices.len(),
                kind(value)
            )));
        }
        match value {
            Value::Number(number) => self.check_number(number, place),
            Value::String(text) => match (self.max_length, text.chars().count() as u64) {
                (Some(most), length) if length > most => Err(Error::invalid(format!(
                    "{place} must have at most {most} characters, got {length}"
                ))),
                _ => Ok(()),
            },
            Value::Array(items) => {
                let Some(schema) = &self.items else {
                    return Ok(());
                };
                let mut items = items.iter().enumerate();
                items.try_for_each(|(i, item)| schema.check(item, Place::Item(&place, i)))
            }
            Value::Object(fields) => self.check_object(fields, &place),
            Value::Null | Value::Bool(_) => Ok(()),
        }
    }

    fn check_number(&self, number: &Number, place: Place<'_>) -> Result<()> {
        let below = self
            .minimum
            .as_ref()
            .filter(|low| compare(number, low).is_lt());
        let above = self
            .maximum
            .as_ref()
            .filter(|high| compare(number, high).is_gt());
        match (below, above) {
            (Some(low), _) => Err(Error::invalid(format!(
                "{place} must be at least {low}, got less"
            ))),
            (_, Some(high)) => Err(Error::invalid(format!(
                "{place} must be at most {high}, got more"
            ))),
            _ => Ok(()),
        }
    }

    fn check_object(&self, fields: &Map<String, Value>, place: &Place<'_>) -> Result<()> {
        if let Some(name) = self
            .required
            .iter()
            .find(|name| !fields.contains_key(*name))
        {
            return Err(Error::invalid(format!(
                "{} is missing",
                Place::Field(place, name)
            )));
        }
        let mut fields = fields.iter();
        fields.try_for_each(|(name, value)| self.check_property(name, value, place))
    }

    fn check_property(&self, name: &str, value: &Value, place: &Place<'_>) -> Result<()> {
        match (self.properties.get(name), &self.more) {
            (Some(schema), _) => schema.check(value, Place::Field(place, name)),
            (None, More::Anything) => Ok(()),
            // Names that the schema does not have are the user's own words.
            (None, More::Like(schema)) => {
                schema.check(value, Place::Field(place, "(another name)"))
            }
            (None, More::Nothing) => {
                let known: Vec<&str> = self.properties.keys().map(String::as_str).collect();
                Err(Error::invalid(format!(
                    "{place} has a name of {} bytes that the schema does not have; there are {}",
                    name.len(),
                    if known.is_empty() {
                        "none".to_owned()
                    } else {
                        known.join(", ")
                    }
                )))
            }
        }
    }
}

fn type_named(name: &Value, here: &str) -> Result<&'static str> {
    let known = TYPES.iter().find(|known| name.as_str() == Some(**known));
    known.copied().ok_or_else(|| {
        Error::invalid(format!(
            "{here} must be one of {}, got another",
            TYPES.join(", ")
        ))
    })
}

fn is_a(value: &Value, name: &str) -> bool {
    match value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        Value::Number(number) => {
            let whole = || number.as_f64().is_some_and(|x| x.fract() == 0.0);
            name == "number" || name == "integer" && (!number.is_f64() || whole())
        }
        Value::String(_) => name == "string",
        Value::Array(_) => name == "array",
        Value::Object(_) => name == "object",
    }
}

/// A value as messages call it.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Whole numbers exactly, others as floats.
fn compare(a: &Number, b: &Number) -> std::cmp::Ordering {
    let whole = |n: &Number| n.as_i64().map(i128::from).or(n.as_u64().map(i128::from));
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => {
            let float = |n: &Number| n.as_f64().unwrap_or(f64::NAN);
            float(a).total_cmp(&float(b))
        }
    }
}

/// Equality as JSON Schema has it: 1 is 1.0. Goes no deeper than what the schema lists.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            compare(a, b).is_eq() || a.as_f64() == b.as_f64() && (a.is_f64() || b.is_f64())
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let has =
                |(name, value): (&String, &Value)| b.get(name).is_some_and(|b| same(value, b));
            a.len() == b.len() && a.iter().all(has)
        }
        _ => a == b,
    }
}
