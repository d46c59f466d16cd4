//! From JSON to a tree, with every limit checked on the way.

use super::path::Path;
use super::value::{Values, is_nested};
use super::{MAX_DEPTH, MAX_IN, MAX_NODES, Node, Test};
use crate::error::{Error, Result};
use serde_json::{Map, Value};
use std::cmp::Ordering::{Equal, Greater, Less};

const FIELD_OPERATORS: &str = "$eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $not";
const LOGICAL_OPERATORS: &str = "$and, $or, $nor";

pub(super) fn parse(filter: &Value) -> Result<Node> {
    Parser {
        nodes: 0,
        place: Vec::new(),
    }
    .document(filter, 1)
}

struct Parser {
    nodes: usize,
    /// Where in the filter the parser is, for messages.
    place: Vec<String>,
}

impl Parser {
    fn fail<T>(&self, found: String) -> Result<T> {
        let place = match self.place.is_empty() {
            true => "filter".to_owned(),
            false => format!("filter at {}", self.place.join(" > ")),
        };
        Err(Error::invalid(format!("{place}: {found}")))
    }

    fn inside<T>(&mut self, place: String, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.place.push(place);
        let made = read(self);
        self.place.pop();
        made
    }

    fn count(&mut self, depth: usize) -> Result<()> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return self.fail(format!(
                "more than {MAX_NODES} conditions and values; use $in for long lists"
            ));
        }
        if depth > MAX_DEPTH {
            return Err(Error::invalid(format!(
                "filter: nested deeper than {MAX_DEPTH} levels; make it flatter"
            )));
        }
        Ok(())
    }

    /// `{"field": ..., "$or": [...]}`: every entry has to match.
    fn document(&mut self, value: &Value, depth: usize) -> Result<Node> {
        self.count(depth)?;
        let Some(entries) = value.as_object() else {
            return self.fail(format!(
                "expected an object such as {{\"year\": 2020}}, got {}",
                describe(value)
            ));
        };
        let mut nodes = Vec::new();
        for (name, value) in entries {
            let node = self.inside(name.clone(), |p| match name.starts_with('$') {
                true => p.logical(name, value, depth + 1),
                false => p.field(name, value, depth + 1),
            })?;
            nodes.push(node);
        }
        Ok(Node::All(nodes))
    }

    fn logical(&mut self, name: &str, value: &Value, depth: usize) -> Result<Node> {
        if !LOGICAL_OPERATORS.split(", ").any(|known| known == name) {
            return self.fail(match FIELD_OPERATORS.split(", ").any(|o| o == name) {
                true => {
                    format!("{name} belongs to a field, as in {{\"year\": {{\"{name}\": ...}}}}")
                }
                false => format!(
                    "no operator is called {name}; outside of a field there are {LOGICAL_OPERATORS}"
                ),
            });
        }
        self.count(depth)?;
        let Some(items) = value.as_array().filter(|items| !items.is_empty()) else {
            return self.fail(format!(
                "{name} takes a list of one or more filters, got {}",
                describe(value)
            ));
        };
        let mut nodes = Vec::new();
        for (i, item) in items.iter().enumerate() {
            nodes.push(self.inside(i.to_string(), |p| p.document(item, depth + 1))?);
        }
        Ok(match name {
            "$and" => Node::All(nodes),
            "$or" => Node::Any(nodes),
            _ => Node::Not(Box::new(Node::Any(nodes))),
        })
    }

    fn field(&mut self, name: &str, value: &Value, depth: usize) -> Result<Node> {
        let Some(path) = Path::parse(name) else {
            return self.fail("a field or a step of a path has no name".to_owned());
        };
        if path.depth() > MAX_DEPTH {
            return Err(Error::invalid(format!(
                "filter: a path has {} steps, {MAX_DEPTH} are the most",
                path.depth()
            )));
        }
        match value.as_object().filter(|o| has_operator(o)) {
            Some(operators) => self.operators(&path, operators, depth),
            None => Ok(Node::Field(path, Test::Equal(self.operand(value, depth)?))),
        }
    }

    /// `{"$gte": 1, "$lt": 5}` for one field: every operator has to match.
    fn operators(
        &mut self,
        path: &Path,
        entries: &Map<String, Value>,
        depth: usize,
    ) -> Result<Node> {
        let mut nodes = Vec::new();
        for (name, value) in entries {
            let node = self.inside(name.clone(), |p| p.operator(path, name, value, depth + 1))?;
            nodes.push(node);
        }
        Ok(Node::All(nodes))
    }

    fn operator(&mut self, path: &Path, name: &str, value: &Value, depth: usize) -> Result<Node> {
        self.count(depth)?;
        let field = |test| Node::Field(path.clone(), test);
        let not = |node| Node::Not(Box::new(node));
        Ok(match name {
            "$eq" => field(Test::Equal(self.operand(value, depth)?)),
            "$ne" => not(field(Test::Equal(self.operand(value, depth)?))),
            "$gt" => field(Test::Ordered(&[Greater], self.bound(name, value)?)),
            "$gte" => field(Test::Ordered(&[Greater, Equal], self.bound(name, value)?)),
            "$lt" => field(Test::Ordered(&[Less], self.bound(name, value)?)),
            "$lte" => field(Test::Ordered(&[Less, Equal], self.bound(name, value)?)),
            "$in" => field(Test::In(self.list(name, value, depth)?)),
            "$nin" => not(field(Test::In(self.list(name, value, depth)?))),
            "$exists" => match value {
                Value::Bool(true) => field(Test::Exists),
                Value::Bool(false) => not(field(Test::Exists)),
                _ => {
                    return self.fail(format!(
                        "$exists takes true or false, got {}",
                        describe(value)
                    ));
                }
            },
            "$not" => match value.as_object().filter(|o| has_operator(o)) {
                Some(operators) => not(self.operators(path, operators, depth)?),
                None => {
                    return self.fail(format!(
                        "$not takes an object of operators, got {}",
                        describe(value)
                    ));
                }
            },
            _ if name.starts_with('$') => {
                return self.fail(format!(
                    "no operator is called {name}; for a field there are {FIELD_OPERATORS}"
                ));
            }
            _ => {
                return self.fail(format!(
                    "\"{name}\" stands among operators; write a path such as \"field.{name}\""
                ));
            }
        })
    }

    /// A value to be equal to, which may nest.
    fn operand(&mut self, value: &Value, depth: usize) -> Result<Value> {
        self.measure(value, depth)?;
        Ok(value.clone())
    }

    fn measure(&mut self, value: &Value, depth: usize) -> Result<()> {
        self.count(depth)?;
        match value {
            Value::Array(items) => items.iter().try_for_each(|v| self.measure(v, depth + 1)),
            Value::Object(map) => map.values().try_for_each(|v| self.measure(v, depth + 1)),
            _ => Ok(()),
        }
    }

    fn bound(&self, name: &str, value: &Value) -> Result<Value> {
        if is_nested(value) {
            return self.fail(format!(
                "{name} compares numbers, strings, true and false, or null, got {}",
                describe(value)
            ));
        }
        Ok(value.clone())
    }

    fn list(&mut self, name: &str, value: &Value, depth: usize) -> Result<Values> {
        let Some(items) = value.as_array() else {
            return self.fail(format!("{name} takes a list, got {}", describe(value)));
        };
        if items.len() > MAX_IN {
            return self.fail(format!(
                "{name} has {} values, {MAX_IN} are the most",
                items.len()
            ));
        }
        for item in items.iter().filter(|item| is_nested(item)) {
            self.measure(item, depth + 1)?;
        }
        Ok(Values::new(items))
    }
}

fn has_operator(object: &Map<String, Value>) -> bool {
    object.keys().any(|key| key.starts_with('$'))
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Array(items) if items.is_empty() => "an empty list".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(map) if map.is_empty() => "an empty object".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(_) => "a string".to_owned(),
        other => other.to_string(),
    }
}
