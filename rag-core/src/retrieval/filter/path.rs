//! Dotted paths, and what they find in a document.

use serde_json::{Map, Value};
use std::fmt;

/// The steps of a path such as `authors.0.name`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
struct Step {
    name: String,
    /// The position that the name stands for in an array.
    index: Option<usize>,
}

impl Path {
    /// The path that `text` writes, or `None` if a step has no name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let step = |name: &str| {
            let plain = name.bytes().all(|b| b.is_ascii_digit());
            let plain = plain && (name == "0" || !name.starts_with('0'));
            let index = if plain { name.parse().ok() } else { None };
            (!name.is_empty()).then(|| Step {
                name: name.to_owned(),
                index,
            })
        };
        text.split('.').map(step).collect::<Option<_>>().map(Self)
    }

    pub(super) fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether `test` holds for anything at the end of the path; `None` is a missing field.
    ///
    /// A name that leads nowhere finds a missing field in an object and nothing in an array.
    pub(super) fn any(
        &self,
        metadata: &Map<String, Value>,
        test: &mut dyn FnMut(Option<&Value>) -> bool,
    ) -> bool {
        in_object(metadata, &self.0, test)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            let dot = if i > 0 { "." } else { "" };
            write!(f, "{dot}{}", step.name)?;
        }
        Ok(())
    }
}

fn in_object(
    object: &Map<String, Value>,
    steps: &[Step],
    test: &mut dyn FnMut(Option<&Value>) -> bool,
) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return false;
    };
    match object.get(&step.name) {
        None => test(None),
        found if rest.is_empty() => test(found),
        Some(Value::Object(inner)) => in_object(inner, rest, test),
        Some(Value::Array(items)) => in_array(items, rest, test),
        Some(_) => test(None),
    }
}

fn in_array(items: &[Value], steps: &[Step], test: &mut dyn FnMut(Option<&Value>) -> bool) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return false;
    };
    let by_index = match step.index.and_then(|i| items.get(i)) {
        None => false,
        found if rest.is_empty() => test(found),
        Some(Value::Object(inner)) => in_object(inner, rest, test),
        Some(Value::Array(inner)) => in_array(inner, rest, test),
        Some(_) => false,
    };
    let mut objects = items.iter().filter_map(Value::as_object);
    by_index || objects.any(|object| in_object(object, steps, test))
}
