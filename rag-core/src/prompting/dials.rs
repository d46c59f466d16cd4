//! Dials in words and numbers, as a model is told them.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fmt::Write;

/// From here on a dial is told; below it is neutral and left out.
pub const NEUTRAL: f64 = 0.05;
/// From here on it is told without "slightly".
pub const PLAIN: f64 = 0.35;
/// From here on it is told with "strongly".
pub const STRONG: f64 = 0.65;

/// What the ends of the dials that many have are called: below 0, above 0.
const KNOWN: [(&str, &str, &str); 10] = [
    ("formality", "more casual", "more formal"),
    ("detail", "more concise", "more detailed"),
    ("length", "shorter", "longer"),
    ("technicality", "plainer", "more technical"),
    ("complexity", "simpler", "more complex"),
    ("creativity", "more conventional", "more creative"),
    ("warmth", "cooler", "warmer"),
    ("optimism", "more cautious", "more optimistic"),
    ("urgency", "calmer", "more urgent"),
    ("practicality", "more theoretical", "more practical"),
];

/// The words for the two ends of a dial.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Phrases {
    pub(super) low: String,
    pub(super) high: String,
}

pub(super) fn known() -> BTreeMap<String, Phrases> {
    let phrases = |(name, low, high): (&str, &str, &str)| {
        let (low, high) = (low.to_owned(), high.to_owned());
        (name.to_owned(), Phrases { low, high })
    };
    KNOWN.into_iter().map(phrases).collect()
}

pub(super) fn check(dials: &BTreeMap<String, f64>) -> Result<()> {
    for (name, value) in dials {
        if !(-1.0..=1.0).contains(value) {
            return Err(Error::invalid(format!(
                "the dial \"{name}\" is {value}, and a dial is in -1 to 1; bring it into that range"
            )));
        }
        check_line(name, "a dial's name")?;
    }
    Ok(())
}

/// Checks what stands in a prompt as the application's own word: short, one line.
pub(super) fn check_line(text: &str, what: &str) -> Result<()> {
    let chars = text.chars().count();
    if chars == 0 || chars > 64 || text.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "{what} has {chars} characters or a line end in them; give 1 to 64 in one line"
        )));
    }
    Ok(())
}

/// One line for each dial that is not neutral, in the order of their names.
pub(super) fn tell(dials: &BTreeMap<String, f64>, phrases: &BTreeMap<String, Phrases>) -> String {
    let mut out = String::new();
    for (name, &value) in dials {
        let size = value.abs();
        if size < NEUTRAL {
            continue;
        }
        let much = match size {
            s if s < PLAIN => "slightly ",
            s if s < STRONG => "",
            _ => "strongly ",
        };
        let end = match (phrases.get(name), value > 0.0) {
            (Some(words), true) => &words.high,
            (Some(words), false) => &words.low,
            (None, true) => "more",
            (None, false) => "less",
        };
        if !out.is_empty() {
            out.push('\n');
        }
        // Two digits are as fine as words can follow.
        let rounded = (value * 100.0).round() / 100.0;
        write!(out, "- {name}: {much}{end} ({rounded})").expect("a string takes all");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_at_their_thresholds() {
        let phrases = known();
        let told =
            |name: &str, value: f64| tell(&BTreeMap::from([(name.to_owned(), value)]), &phrases);
        for (value, want) in [
            (0.049, ""),
            (-0.04, ""),
            (0.05, "- formality: slightly more formal (0.05)"),
            (-0.349, "- formality: slightly more casual (-0.35)"),
            (0.35, "- formality: more formal (0.35)"),
            (0.65, "- formality: strongly more formal (0.65)"),
            (-1.0, "- formality: strongly more casual (-1)"),
        ] {
            assert_eq!(told("formality", value), want);
        }
        assert_eq!(told("zest", -0.2), "- zest: slightly less (-0.2)");
    }
}
