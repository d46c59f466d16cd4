//! The settings in a config.json, read one by one so that each refusal names its setting.
//!
//! A value that would size something is bounded here, before anything is made of it. `null` is
//! what publishers write for "not set" and reads like a setting that is missing.

use crate::embedding::folder::{required, unsupported};
use crate::error::{Error, Result};
use serde_json::{Map, Value};
use std::fmt::Display;
use std::path::Path;

/// A config.json, and where it is.
pub(super) struct Fields<'a> {
    path: &'a Path,
    map: Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(super) fn read(path: &'a Path) -> Result<Self> {
        Ok(Self {
            path,
            map: required(path)?,
        })
    }

    /// A part of the settings that is an object of its own.
    pub(super) fn part(&self, name: &str) -> Result<Option<Fields<'a>>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Fields {
                path: self.path,
                map: map.clone(),
            })),
            Some(other) => self.invalid(name, "an object", other),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// Whether the setting is there, `null` or not.
    pub(super) fn mentions(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// A number that sizes something, under the first of its names that is there.
    pub(super) fn size(&self, names: &[&str], most: usize) -> Result<usize> {
        match names.iter().find(|name| self.get(name).is_some()) {
            Some(name) => self.size_or(name, most, 0),
            None => Err(Error::invalid(format!(
                "{}: {} is missing",
                self.path.display(),
                names.join(" (or ") + &")".repeat(names.len() - 1)
            ))
            .with_file(self.path)),
        }
    }

    /// A number in `1..=most`, or `default` where the setting is missing.
    pub(super) fn size_or(&self, name: &str, most: usize, default: usize) -> Result<usize> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        let number = value.as_u64().and_then(|n| usize::try_from(n).ok());
        match number.filter(|n| (1..=most).contains(n)) {
            Some(number) => Ok(number),
            None => self.invalid(name, &format!("in 1..={most}"), value),
        }
    }

    /// A number between `least` and `most`, neither of them included.
    pub(super) fn between(&self, name: &str, least: f64, most: f64, default: f64) -> Result<f64> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        match value.as_f64().filter(|x| *x > least && *x < most) {
            Some(number) => Ok(number),
            None => self.invalid(name, &format!("between {least} and {most}"), value),
        }
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool> {
        match self.get(name) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => self.invalid(name, "true or false", other),
        }
    }

    pub(super) fn text<'s>(&'s self, name: &str, default: &'s str) -> Result<&'s str> {
        match self.get(name) {
            None => Ok(default),
            Some(Value::String(text)) => Ok(text),
            Some(other) => self.invalid(name, "a string", other),
        }
    }

    /// Refuses any value but `wanted` for settings that change the network; a missing one is
    /// `wanted`, and so is a number of the same size in another notation.
    pub(super) fn only(&self, settings: &[(&str, Value)]) -> Result<()> {
        for (name, wanted) in settings {
            match self.get(name) {
                Some(found)
                    if found != wanted
                        && found.as_f64() != Some(wanted.as_f64().unwrap_or(f64::NAN)) =>
                {
                    return Err(self.unsupported(name, found, wanted));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Refuses settings that only a network of another kind has.
    pub(super) fn none_of(&self, names: &[&str]) -> Result<()> {
        match names.iter().find_map(|name| Some((name, self.get(name)?))) {
            Some((name, found)) => Err(self.unsupported(name, found, &Value::Null)),
            None => Ok(()),
        }
    }

    /// "name is this; that can be run".
    pub(super) fn unsupported(&self, name: &str, found: impl Display, can: impl Display) -> Error {
        unsupported(self.path, format!("{name} is {found}; {can} can be run"))
    }

    pub(super) fn invalid<T>(&self, name: &str, wanted: &str, found: impl Display) -> Result<T> {
        Err(Error::invalid(format!(
            "{}: {name} must be {wanted}, got {found}",
            self.path.display()
        ))
        .with_file(self.path))
    }
}
