//! JSON and JSON Lines: everything, to be read again.

use super::entry::Entry;
use super::escape::json_line;
use super::{ExportOptions, Format, check_count, export, export_evidence};
use crate::answer::{Answer, Evidence, Offsets};
use crate::error::{Error, Result};
use crate::prompting::json_mistake;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What a file of answers calls itself.
const ANSWERS: &str = "ragcore.answers";
const EVIDENCE: &str = "ragcore.evidence";
const VERSION: u64 = 1;

#[derive(Serialize)]
struct File<'a> {
    format: &'a str,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    answers: Option<Vec<&'a Answer>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Vec<&'a Evidence>>,
}

pub(super) fn write(entries: &[Entry<'_>]) -> Result<String> {
    let evidence: Vec<&Evidence> = entries.iter().filter_map(|e| e.evidence).collect();
    let answers: Vec<&Answer> = entries.iter().filter_map(|e| e.answer).collect();
    let of_evidence = !evidence.is_empty();
    let file = File {
        format: if of_evidence { EVIDENCE } else { ANSWERS },
        version: VERSION,
        answers: (!of_evidence).then_some(answers),
        evidence: of_evidence.then_some(evidence),
    };
    let mut text = serde_json::to_string_pretty(&file).map_err(unwritten)?;
    text.push('\n');
    Ok(text)
}

pub(super) fn write_lines(entries: &[Entry<'_>]) -> Result<String> {
    let mut out = String::new();
    for entry in entries {
        let line = match (entry.answer, entry.evidence) {
            (Some(answer), _) => serde_json::to_string(answer),
            (None, evidence) => serde_json::to_string(&evidence),
        };
        out.push_str(&json_line(&line.map_err(unwritten)?));
        out.push('\n');
    }
    Ok(out)
}

fn unwritten(error: serde_json::Error) -> Error {
    Error::invalid(format!("cannot be written as JSON: {error}"))
}

/// Reads answers from what [`export`](super::export()) wrote as JSON or JSON Lines; a list of answers and a single
/// one are read too.
///
/// `InvalidArgument` for anything else, and for offsets that are not those of the texts. What is said of a mistake
/// shows no value.
pub fn import_json(text: &str) -> Result<Vec<Answer>> {
    let answers: Vec<Answer> = read_all(items(text)?, "answer")?;
    for (i, answer) in answers.iter().enumerate() {
        Entry::of_answer(i, answer, &ExportOptions::default())?;
    }
    Ok(answers)
}

/// [`export`](super::export()) and [`export_evidence`](super::export_evidence) for other languages: answers or
/// evidence as JSON, in any form that [`import_json`] reads. `offsets` says what those of answers count; those in files
/// are bytes.
///
/// `InvalidArgument` for anything else, and as those.
pub fn export_json(
    json: &str,
    format: Format,
    options: &ExportOptions,
    offsets: Offsets,
) -> Result<String> {
    let items = items(json)?;
    let asked = |item: &Value| item.get("question").is_some();
    if !items.is_empty() && !items.iter().any(asked) {
        return export_evidence(&read_all::<Evidence>(items, "evidence")?, format, options);
    }
    let mut answers: Vec<Answer> = read_all(items, "answer")?;
    if offsets == Offsets::CodePoints {
        for (i, answer) in answers.iter_mut().enumerate() {
            *answer = answer
                .in_bytes()
                .map_err(|e| e.context(format!("answer {i}")))?;
        }
    }
    export(&answers, format, options)
}

/// What stands in a file, in its lines or in a list.
fn items(text: &str) -> Result<Vec<Value>> {
    let mut items = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = value.map_err(|e| {
            Error::invalid(format!(
                "the file cannot be read: {}, at line {}, column {}; give JSON or JSON Lines that export wrote",
                json_mistake(&e),
                e.line(),
                e.column()
            ))
        })?;
        match value {
            Value::Array(held) => items.extend(held),
            Value::Object(held) if held.contains_key("format") => items.extend(in_file(held)?),
            value => items.push(value),
        }
    }
    check_count(items.len(), "items")?;
    Ok(items)
}

fn in_file(mut held: Map<String, Value>) -> Result<Vec<Value>> {
    let format = held.get("format").and_then(Value::as_str);
    let name = match format {
        Some(ANSWERS) => "answers",
        Some(EVIDENCE) => "evidence",
        _ => "",
    };
    if name.is_empty() || held.get("version").and_then(Value::as_u64) != Some(VERSION) {
        return Err(Error::invalid(format!(
            "the file is not of version {VERSION} of its format; give one whose format is \"{ANSWERS}\" or \"{EVIDENCE}\""
        )));
    }
    match held.remove(name) {
        Some(Value::Array(held)) => Ok(held),
        _ => Err(Error::invalid(format!(
            "the file has no list \"{name}\"; give one that export wrote"
        ))),
    }
}

fn read_all<T: DeserializeOwned>(items: Vec<Value>, what: &str) -> Result<Vec<T>> {
    let read = items.into_iter().enumerate().map(|(i, item)| {
        // A list would be taken for the fields in their order.
        let read = match item.is_object() {
            true => T::deserialize(item),
            false => Err(serde::de::Error::custom("no object")),
        };
        read.map_err(|e| {
            Error::invalid(format!(
                "{what} {i} cannot be read: {}; give what export wrote",
                json_mistake(&e)
            ))
        })
    });
    read.collect()
}
