//! Scenarios: what a model is told before it is asked, by the occasion.

use super::dials;
use super::json::{read_json, write_json};
use super::template::Template;
use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The scenario of whoever names none.
pub const DEFAULT_SCENARIO: &str = "general";
/// Kinds of markers that a scenario may have.
pub const MAX_MARKERS: usize = 32;

/// What is told by the application; may stand in both templates.
pub(super) const TRUSTED: [&str; 3] = ["date", "dials", "scenario"];
/// What comes from somebody else; stands in the user's message only.
pub(super) const UNTRUSTED: [&str; 5] = ["history", "memory", "passages", "question", "user"];

/// The text of a scenario: two templates, the markers that the model may use, and dials.
///
/// Fields of templates are `{question}`, `{passages}`, `{dials}`, `{user}`, `{scenario}`, `{memory}`,
/// `{history}`, `{date}` and whatever else is given with the question; `{{` and `}}` are braces. Of these,
/// `question`, `passages`, `user`, `memory` and `history` may not stand in the system template. A paragraph
/// whose fields are all empty is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What the model is told first; a sentence about markers and one about the fence are put behind it.
    pub system: String,
    /// What it is asked; holds `{question}`.
    pub user: String,
    /// Kinds of markers that the model may use, such as `pro_tip` for `[PRO TIP: ...]`.
    #[serde(default)]
    pub markers: Vec<String>,
    /// Dials of those who ask for none, each in -1 to 1; a dial that is asked for replaces its own only.
    #[serde(default)]
    pub dials: BTreeMap<String, f64>,
}

impl Scenario {
    /// Reads a scenario, by the names of the fields here.
    pub fn from_json(text: &str) -> Result<Self> {
        read_json(text, "the scenario")
    }

    /// As JSON, by the same names.
    pub fn to_json(&self) -> String {
        write_json(self)
    }
}

/// A scenario whose templates were read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ready {
    pub(super) text: Scenario,
    pub(super) system: Template,
    pub(super) user: Template,
}

impl Ready {
    pub(super) fn new(name: &str, mut text: Scenario) -> Result<Self> {
        dials::check_line(name, "a scenario's name")?;
        let system = Template::parse(&text.system, &format!("the system template of \"{name}\""))?;
        let user = Template::parse(&text.user, &format!("the user template of \"{name}\""))?;
        if let Some(field) = system
            .fields()
            .find(|f| UNTRUSTED.contains(&f.name.as_str()))
        {
            return Err(Error::invalid(format!(
                "the system template of \"{name}\" has the field {{{}}} at line {}, column {}, which holds what \
                 others wrote; move it to the user template",
                field.name, field.line, field.column
            )));
        }
        if !user.has("question") {
            return Err(Error::invalid(format!(
                "the user template of \"{name}\" has no field {{question}}; put it where the question shall stand"
            )));
        }
        dials::check(&text.dials)?;
        if text.markers.len() > MAX_MARKERS {
            return Err(Error::invalid(format!(
                "the scenario \"{name}\" has {} markers, at most {MAX_MARKERS} are accepted; use fewer kinds",
                text.markers.len()
            )));
        }
        for marker in &mut text.markers {
            *marker = marker_kind(marker)?;
        }
        Ok(Self { text, system, user })
    }
}

/// A marker's kind in its one form: lower case, spaces as underscores.
fn marker_kind(text: &str) -> Result<String> {
    let kind = text.trim().to_ascii_lowercase().replace(' ', "_");
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    match kind.starts_with(|c: char| c.is_ascii_lowercase())
        && kind.len() <= 32
        && kind.bytes().all(known)
    {
        true => Ok(kind),
        false => Err(Error::invalid(
            "a marker's kind is no name; give 1 to 32 letters, digits, spaces and _, beginning with a letter",
        )),
    }
}

/// What the model is told of its markers; empty without any.
pub(super) fn tell_markers(markers: &[String]) -> String {
    let shown = |kind: &String| format!("[{}: ...]", kind.to_uppercase().replace('_', " "));
    let list: Vec<String> = markers.iter().map(shown).collect();
    match list.as_slice() {
        [] => String::new(),
        [one] => format!("You may mark a part of the answer as {one}."),
        [most @ .., last] => {
            format!(
                "You may mark parts of the answer as {} or {last}.",
                most.join(", ")
            )
        }
    }
}

pub(super) fn missing(name: &str, known: &BTreeMap<String, Ready>) -> Error {
    let known: Vec<&str> = known.keys().map(String::as_str).collect();
    Error::new(
        ErrorKind::NotFound,
        format!(
            "no scenario is called \"{}\"; there are {}: name one of them or add yours",
            name.chars().take(64).collect::<String>(),
            known.join(", ")
        ),
    )
}

const CITE: &str = "Use only what the passages say, and put the number of the passage behind each statement, as in \
[1] or [2][3]. If the passages do not answer the question, say so; do not guess.";
const HOW: &str = "Write in this way; each dial goes from -1 to 1 and 0 is neutral:\n{dials}";
const ASK: &str = "{passages}\n\nKnown from earlier:\n{memory}\n\nQuestion: {question}";

/// The scenarios that are there from the start.
pub(super) fn built_in() -> BTreeMap<String, Ready> {
    let scenario = |told: &str, markers: &[&str], dials: &[(&str, f64)]| Scenario {
        system: format!("{told} {CITE}\n\n{HOW}"),
        user: ASK.to_owned(),
        markers: markers.iter().map(|m| (*m).to_owned()).collect(),
        dials: dials
            .iter()
            .map(|(name, v)| ((*name).to_owned(), *v))
            .collect(),
    };
    let live = Scenario {
        system: format!(
            "You are spoken with, right now, on {{date}}. Answer in one to three short sentences that can be read \
             aloud, the most important first; no lists, no headings. {CITE}\n\n{HOW}"
        ),
        ..scenario("", &[], &[("length", -0.8)])
    };
    let all = [
        (
            DEFAULT_SCENARIO,
            scenario("You answer questions from passages.", &[], &[]),
        ),
        (
            "studio",
            scenario(
                "You work beside somebody at a desk on something that is being made. Answer from passages, \
                 concretely, with the next step that can be tried; mark what is only an idea as a suggestion, and \
                 tricks of the trade as tips.",
                &["suggestion", "pro_tip"],
                &[("practicality", 0.5)],
            ),
        ),
        ("live", live),
        (
            "support",
            scenario(
                "You help somebody who uses a product. Answer from passages, friendly and step by step; number the \
                 steps, say what should be seen after each, and warn before what cannot be undone.",
                &["warning", "next_step"],
                &[("warmth", 0.3)],
            ),
        ),
        (
            "research",
            scenario(
                "You report to somebody who will check everything. Answer from passages, weigh them, say where they \
                 agree, where they differ and what they leave open; keep numbers, names and dates as they are written.",
                &["open_question", "caveat"],
                &[("detail", 0.6), ("formality", 0.4)],
            ),
        ),
    ];
    let ready = |(name, text): (&str, Scenario)| {
        let ready = Ready::new(name, text).expect("the templates here are sound");
        (name.to_owned(), ready)
    };
    all.into_iter().map(ready).collect()
}
