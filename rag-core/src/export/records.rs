//! What is known of cited documents, from the metadata of their passages.

use super::entry::{Entry, shown};
use super::escape::{address, line};
use crate::answer::Passage;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Bytes that a key may have before a number is put behind it.
const MAX_KEY: usize = 64;

/// A document as bibliographies know it.
#[derive(Debug, Default)]
pub(super) struct Record<'a> {
    /// Its id.
    pub(super) document: &'a str,
    /// ASCII letters, digits and `-_.:`; no two records have the same, large and small letters alike.
    pub(super) key: String,
    /// As in `type`.
    pub(super) kind: String,
    pub(super) title: String,
    pub(super) authors: Vec<String>,
    /// Four digits.
    pub(super) year: String,
    /// Other fields by the names that metadata has for them, those that have a value.
    pub(super) more: Vec<(&'static str, String)>,
}

/// The other fields, and other names that they go by.
const MORE: &[(&str, &[&str])] = &[
    ("journal", &["journal", "venue"]),
    ("publisher", &["publisher"]),
    ("volume", &["volume"]),
    ("number", &["number", "issue"]),
    ("pages", &["pages"]),
    ("isbn", &["isbn", "issn"]),
    ("doi", &["doi"]),
    ("url", &["url", "link"]),
    ("abstract", &["abstract"]),
];

/// The documents of all entries, each once, as they come first.
pub(super) fn of<'a>(entries: &[Entry<'a>]) -> Vec<Record<'a>> {
    let mut order: Vec<&'a str> = Vec::new();
    let mut passages: HashMap<&'a str, Vec<&'a Passage>> = HashMap::new();
    let mut meet = |document: &'a str, passage: Option<&'a Passage>| {
        let known = passages.entry(document).or_insert_with(|| {
            order.push(document);
            Vec::new()
        });
        known.extend(passage);
    };
    for entry in entries {
        for cited in &entry.cited {
            let passage = cited.passage.map(|i| &entry.passages[i]);
            meet(&cited.citation.document, passage);
        }
        for (_, passage) in entry.sources() {
            meet(&passage.document, Some(passage));
        }
    }
    let mut keys = Keys::default();
    let records = order.into_iter().map(|document| {
        let mut record = record(&passages[document]);
        record.document = document;
        record.key = keys.make(document);
        if record.title.is_empty() {
            record.title = line(document);
        }
        record
    });
    records.collect()
}

/// Each field is that of the first passage which has it.
fn record<'a>(passages: &[&Passage]) -> Record<'a> {
    let first = |names: &[&str]| -> Option<&Value> {
        let values = passages
            .iter()
            .flat_map(|p| names.iter().filter_map(|name| p.metadata.get(*name)));
        values
            .into_iter()
            .find(|value| !line(&shown(value)).is_empty())
    };
    let text = |names: &[&str]| first(names).map_or_else(String::new, |value| line(&shown(value)));
    let more = MORE
        .iter()
        .map(|(name, names)| (*name, text(names)))
        .filter(|(_, value)| !value.is_empty());
    Record {
        kind: text(&["type"]).to_lowercase(),
        title: text(&["title"]),
        authors: first(&["author", "authors"]).map_or_else(Vec::new, authors),
        year: year(&text(&["year", "date", "published"])),
        more: more.collect(),
        ..Record::default()
    }
}

/// Names from a list, or from a text with `;` or ` and ` between them.
fn authors(value: &Value) -> Vec<String> {
    let names: Vec<String> = match value {
        Value::Array(names) => names.iter().map(shown).collect(),
        other => {
            let text = shown(other);
            let names = text.split(';').flat_map(|part| part.split(" and "));
            names.map(str::to_owned).collect()
        }
    };
    let names = names.iter().map(|name| line(name));
    names.filter(|name| !name.is_empty()).collect()
}

/// The first four digits that stand alone.
fn year(text: &str) -> String {
    let numbers = text.split(|c: char| !c.is_ascii_digit());
    numbers
        .into_iter()
        .find(|number| number.len() == 4)
        .unwrap_or_default()
        .to_owned()
}

/// Keys that were given out, in small letters.
#[derive(Default)]
struct Keys {
    taken: HashSet<String>,
    /// The last number behind each.
    last: HashMap<String, usize>,
}

impl Keys {
    fn make(&mut self, document: &str) -> String {
        let mut key = String::new();
        for c in document.chars() {
            match c {
                c if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':') => key.push(c),
                _ if key.is_empty() || key.ends_with('-') => {}
                _ => key.push('-'),
            }
            if key.len() >= MAX_KEY {
                break;
            }
        }
        let key = key.trim_end_matches('-');
        let key = match key.contains(|c: char| c.is_ascii_alphanumeric()) {
            true => key.to_owned(),
            false => "document".to_owned(),
        };
        let small = key.to_lowercase();
        if self.taken.insert(small.clone()) {
            return key;
        }
        loop {
            let last = self.last.entry(small.clone()).or_insert(1);
            *last += 1;
            let behind = format!("-{last}");
            if self.taken.insert(format!("{small}{behind}")) {
                return format!("{key}{behind}");
            }
        }
    }
}

/// The address of a passage's document, if a browser may go there.
pub(super) fn link(passage: &Passage) -> Option<String> {
    let url = ["url", "link"]
        .iter()
        .find_map(|name| passage.metadata.get(*name)?.as_str());
    let url = address(url?);
    let lower = url.get(..8).unwrap_or_default().to_ascii_lowercase();
    (lower.starts_with("http://") || lower.starts_with("https://")).then_some(url)
}
