//! Questions and documents as JSON, for languages without structs of ours.

use super::{NewDocument, Question};
use crate::error::{Error, Result};
use crate::options::OptionValue;
use crate::prompting::{read_json, read_json_list};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

impl Question {
    /// Reads a question from a JSON object: `text`, and whatever else is to be said: `vector`, `user`,
    /// `session`, `tenant`, `dials`, `filter`, `preference`, `fields`, and options by their names.
    ///
    /// `InvalidArgument` names the key that is unknown or has another type.
    ///
    /// ```
    /// use rag_core::engine::Question;
    /// let question = Question::from_json(r#"{"text": "why?", "user": "ann", "k": 3, "dials": {"calm": 0.5}}"#)?;
    /// assert_eq!((question.retrieve.k, question.dials["calm"]), (3, 0.5));
    /// assert!(Question::from_json(r#"{"text": "why?", "kay": 3}"#).is_err());
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn from_json(json: &str) -> Result<Self> {
        Self::of(read_json(json, "the question")?)
    }

    /// Reads a JSON list of questions.
    pub fn list_from_json(json: &str) -> Result<Vec<Self>> {
        let list: Vec<Map<String, Value>> = read_json_list(json, "the list of questions")?;
        let read = |(i, said)| Self::of(said).map_err(|e| e.context(format!("question {i}")));
        list.into_iter().enumerate().map(read).collect()
    }

    fn of(mut said: Map<String, Value>) -> Result<Self> {
        let mut question = Self::default();
        let text = said.remove("text");
        question.text = text
            .as_ref()
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| Error::invalid("a question needs its \"text\", a string"))?;
        for (key, value) in said {
            let wrong = |wanted: &str| {
                Error::invalid(format!(
                    "\"{key}\" of a question must be {wanted}, got {}",
                    kind(&value)
                ))
            };
            let text = || {
                value
                    .as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| wrong("a string"))
            };
            match key.as_str() {
                "vector" => {
                    let vector: Option<Vec<f32>> = serde_json::from_value(value.clone()).ok();
                    question.vector = Some(vector.ok_or_else(|| wrong("a list of numbers"))?);
                }
                "user" => question.user = Some(text()?),
                "session" => question.session = Some(text()?),
                "tenant" => question.tenant = Some(text()?),
                "filter" => question.filter = Some(value),
                "dials" => {
                    question.dials = numbers(&value).ok_or_else(|| wrong("numbers by name"))?
                }
                "preference" => {
                    question.preference =
                        numbers(&value).ok_or_else(|| wrong("numbers by name"))?;
                }
                "fields" => {
                    let fields = serde_json::from_value(value.clone()).ok();
                    question.fields = fields.ok_or_else(|| wrong("strings by name"))?;
                }
                _ => question.set(&key, &OptionValue::from(&value))?,
            }
        }
        Ok(question)
    }
}

impl NewDocument {
    /// Reads documents from a JSON list of objects with `text`, and perhaps `id`, `metadata` (an object) and
    /// `markdown` (true or false).
    pub fn list_from_json(json: &str) -> Result<Vec<Self>> {
        let list: Vec<Value> = read_json_list(json, "the list of documents")?;
        let read = |(i, value): (usize, Value)| {
            let wrong = |what: &str| Error::invalid(format!("document {i}: {what}"));
            let Value::Object(mut said) = value else {
                return Err(wrong("must be an object with its \"text\""));
            };
            let document = Self {
                text: match said.remove("text") {
                    Some(Value::String(text)) => text,
                    _ => return Err(wrong("needs its \"text\", a string")),
                },
                id: match said.remove("id") {
                    None | Some(Value::Null) => None,
                    Some(Value::String(id)) => Some(id),
                    Some(_) => return Err(wrong("its \"id\" must be a string")),
                },
                metadata: match said.remove("metadata") {
                    None | Some(Value::Null) => Map::new(),
                    Some(Value::Object(metadata)) => metadata,
                    Some(_) => return Err(wrong("its \"metadata\" must be an object")),
                },
                markdown: match said.remove("markdown") {
                    None | Some(Value::Null) => false,
                    Some(Value::Bool(markdown)) => markdown,
                    Some(_) => return Err(wrong("its \"markdown\" must be true or false")),
                },
            };
            match said.keys().next() {
                Some(key) => Err(wrong(&format!(
                    "has no \"{key}\"; put it into its metadata"
                ))),
                None => Ok(document),
            }
        };
        list.into_iter().enumerate().map(read).collect()
    }
}

fn numbers(value: &Value) -> Option<BTreeMap<String, f64>> {
    serde_json::from_value(value.clone()).ok()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::HistoryQuery;

    #[test]
    fn what_is_said_of_a_mistake_shows_no_text_of_anybody() {
        let wrong = [
            r#""canary""#,
            r#"["canary"]"#,
            r#"{"text": "canary", "user": ["canary"]}"#,
            r#"[{"text": ["canary"]}]"#,
            r#"[{"text": "canary", "dials": "canary"}]"#,
            r#"{"text": "canary" "canary"}"#,
            r#"[{"id": 1, "text": "canary"}]"#,
        ];
        for json in wrong {
            let errors = [
                Question::from_json(json).err(),
                Question::list_from_json(json).err(),
                NewDocument::list_from_json(json).err(),
                HistoryQuery::from_json(json).err(),
            ];
            for error in errors.into_iter().flatten() {
                assert!(!error.to_string().contains("canary"), "{error}");
            }
        }
        assert!(Question::from_json(wrong[0]).is_err());
    }
}
