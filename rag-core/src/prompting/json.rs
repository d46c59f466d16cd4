//! JSON that comes in from other languages.

use crate::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// Reads `what` from JSON. What is said of a mistake never shows a value: values are texts of people.
pub(crate) fn read_json<T: DeserializeOwned>(text: &str, what: &str) -> Result<T> {
    // A list would be taken for the fields in their order.
    read_as(text, what, ('{', "object"))
}

/// The same for a list.
pub(crate) fn read_json_list<T: DeserializeOwned>(text: &str, what: &str) -> Result<Vec<T>> {
    read_as(text, what, ('[', "list"))
}

fn read_as<T: DeserializeOwned>(text: &str, what: &str, of: (char, &str)) -> Result<T> {
    let (first, kind) = of;
    if !text.trim_start().starts_with(first) {
        return Err(Error::invalid(format!(
            "{what} is no JSON {kind}; give the {kind} that the docs describe"
        )));
    }
    serde_json::from_str(text).map_err(|e| {
        Error::invalid(format!(
            "{what} cannot be read: {}, at line {}, column {}; give the {kind} that the docs describe",
            json_mistake(&e),
            e.line(),
            e.column()
        ))
    })
}

/// What is wrong with JSON, without a value of it.
pub(crate) fn json_mistake(e: &serde_json::Error) -> String {
    let said = e.to_string();
    let named = ["missing field", "unknown field", "duplicate field"];
    match e.classify() {
        // These name fields and nothing else.
        Category::Data if named.iter().any(|begin| said.starts_with(begin)) => {
            let end = said.rfind(" at line").unwrap_or(said.len());
            said[..end].chars().take(300).collect()
        }
        Category::Data => "a value of another type or beyond its range".to_owned(),
        _ => "no JSON".to_owned(),
    }
}

/// Plain data as JSON.
pub(crate) fn write_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("maps here have texts for keys")
}

#[cfg(test)]
mod tests {
    use super::super::{Asked, Scenario};
    use super::*;

    #[test]
    fn mistakes_are_placed_and_values_are_not_shown() {
        let said = |json: &str| {
            read_json::<Asked>(json, "what is asked")
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            said("{}"),
            "what is asked cannot be read: missing field `question`, at line 1, column 2; give the object that the \
             docs describe"
        );
        for json in [
            r#"{"question": 1, "scenario": "canary"}"#,
            r#"{"question": "canary", "passages": "canary"}"#,
            r#"{"question": "x", "history": [{"role": "canary", "content": ""}]}"#,
            r#"{"question": "canary"#,
            r#"["canary"]"#,
            "canary",
            "",
        ] {
            assert!(!said(json).contains("canary"), "{}", said(json));
        }
        assert!(said(r#"{"question": "x", "pasages": []}"#).contains("unknown field `pasages`"));
        assert!(read_json::<Scenario>(r#"{"system": "a", "user": "{question}"}"#, "it").is_ok());
    }
}
