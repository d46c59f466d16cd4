//! What of an answer, or of evidence, the formats show.

use super::{ExportOptions, Sources};
use crate::answer::{Answer, Citation, Evidence, Passage};
use crate::error::{Error, Result};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

/// One answer, or the evidence for one question, checked.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// From 1.
    pub(super) number: usize,
    pub(super) answer: Option<&'a Answer>,
    pub(super) evidence: Option<&'a Evidence>,
    pub(super) passages: &'a [Passage],
    pub(super) cited: Vec<Cited<'a>>,
    /// The passages to show, ascending.
    pub(super) shown: Vec<usize>,
}

/// A citation with what it points at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cited<'a> {
    pub(super) citation: &'a Citation,
    /// The index of its passage, if the answer has it.
    pub(super) passage: Option<usize>,
    /// What is supported.
    pub(super) stretch: &'a str,
    /// What supports it; empty if the passage or its text is gone.
    pub(super) quote: &'a str,
}

impl Cited<'_> {
    /// The passage's number as readers know it.
    pub(super) fn number(&self) -> Option<usize> {
        self.passage.map(|index| index + 1)
    }
}

impl<'a> Entry<'a> {
    pub(super) fn of_answer(
        index: usize,
        answer: &'a Answer,
        options: &ExportOptions,
    ) -> Result<Self> {
        check_numbers(answer).map_err(|e| e.context(format!("answer {index}")))?;
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (i, passage) in answer.passages.iter().enumerate() {
            places.entry(&passage.id).or_insert(i);
        }
        let cited: Vec<Cited<'a>> = answer
            .citations
            .iter()
            .map(|citation| {
                let passage = places.get(citation.passage.as_str()).copied();
                follow(answer, citation, passage)
            })
            .collect::<Result<_>>()
            .map_err(|e| e.context(format!("answer {index}")))?;
        let shown = match options.sources {
            Sources::All => (0..answer.passages.len()).collect(),
            Sources::Cited => {
                let cited: BTreeSet<usize> = cited.iter().filter_map(|c| c.passage).collect();
                cited.into_iter().collect()
            }
        };
        Ok(Self {
            number: index + 1,
            answer: Some(answer),
            evidence: None,
            passages: &answer.passages,
            cited,
            shown,
        })
    }

    pub(super) fn of_evidence(index: usize, evidence: &'a Evidence) -> Result<Self> {
        check_passages(&evidence.passages).map_err(|e| e.context(format!("evidence {index}")))?;
        Ok(Self {
            number: index + 1,
            answer: None,
            evidence: Some(evidence),
            passages: &evidence.passages,
            cited: Vec::new(),
            shown: (0..evidence.passages.len()).collect(),
        })
    }

    pub(super) fn question(&self) -> &'a str {
        self.answer.map_or("", |answer| &answer.question)
    }

    pub(super) fn text(&self) -> &'a str {
        self.answer.map_or("", |answer| &answer.text)
    }

    /// What a heading says.
    pub(super) fn heading(&self) -> String {
        match self.question() {
            "" => format!("Evidence {}", self.number),
            question => question.to_owned(),
        }
    }

    /// The passages to show, with their numbers.
    pub(super) fn sources(&self) -> impl Iterator<Item = (usize, &'a Passage)> {
        let passages = self.passages;
        self.shown.iter().map(move |i| (i + 1, &passages[*i]))
    }

    /// The citations of a passage by its number.
    pub(super) fn citations_of(&self) -> HashMap<usize, Vec<Cited<'a>>> {
        let mut found: HashMap<usize, Vec<Cited<'a>>> = HashMap::new();
        for cited in &self.cited {
            if let Some(number) = cited.number() {
                found.entry(number).or_default().push(*cited);
            }
        }
        found
    }

    /// Whether passages are there without anything that is cited of them.
    pub(super) fn needs_passages(&self) -> bool {
        self.evidence.is_some()
    }

    /// Seconds of all parts.
    pub(super) fn seconds(&self) -> f64 {
        let timings = match (self.answer, self.evidence) {
            (Some(answer), _) => &answer.timings,
            (_, Some(evidence)) => &evidence.timings,
            _ => return 0.0,
        };
        timings.iter().map(|timing| timing.seconds).sum()
    }

    /// What is told of how it was made.
    pub(super) fn details(&self) -> Vec<String> {
        let mut told = Vec::new();
        if let Some(answer) = self.answer {
            told.push(format!("model {}", answer.model));
            told.push(date(answer.at));
            let usage = &answer.usage;
            told.push(format!(
                "{} tokens",
                usage.input_tokens.saturating_add(usage.output_tokens)
            ));
            if answer.cost > 0.0 {
                told.push(format!("cost {}", answer.cost));
            }
            if answer.cached {
                told.push("from the cache".to_owned());
            }
        }
        if let Some(evidence) = self.evidence {
            told.push(format!("strategy {}", evidence.strategy));
            told.push(format!("{} tokens", evidence.tokens));
        }
        told.push(format!("{:.3} s", self.seconds()));
        told
    }
}

/// Finds what a citation points at, and refuses one that points outside of its texts.
fn follow<'a>(
    answer: &'a Answer,
    citation: &'a Citation,
    passage: Option<usize>,
) -> Result<Cited<'a>> {
    let outside = |what: &str, [start, end]: [usize; 2], len: usize| {
        Error::invalid(format!(
            "a citation is from {start} to {end} of {what} of {len} bytes, which is no stretch of it; give bytes on \
             character boundaries"
        ))
    };
    let [start, end] = citation.answer;
    let stretch = answer.text.get(start..end);
    let stretch =
        stretch.ok_or_else(|| outside("an answer", citation.answer, answer.text.len()))?;
    // A history leaves the texts of large answers' passages out.
    let text = passage.map_or("", |index| &*answer.passages[index].text);
    let [start, end] = citation.source;
    let quote = match text {
        "" => "",
        text => text
            .get(start..end)
            .ok_or_else(|| outside("a passage", citation.source, text.len()))?,
    };
    Ok(Cited {
        citation,
        passage,
        stretch,
        quote,
    })
}

fn check_numbers(answer: &Answer) -> Result<()> {
    let expected = answer.decision.expected.values();
    let numbers = [answer.cost, answer.at].into_iter();
    let numbers = numbers
        .chain(answer.rating)
        .chain(answer.timings.iter().map(|t| t.seconds))
        .chain(answer.citations.iter().map(|c| c.support))
        .chain(answer.dials.values().copied())
        .chain(expected.copied());
    check_finite(numbers)?;
    check_passages(&answer.passages)
}

fn check_passages(passages: &[Passage]) -> Result<()> {
    let scores = passages.iter();
    check_finite(scores.flat_map(|p| [f64::from(p.score), f64::from(p.relevance.unwrap_or(0.0))]))
}

fn check_finite(mut numbers: impl Iterator<Item = f64>) -> Result<()> {
    match numbers.find(|number| !number.is_finite()) {
        Some(number) => Err(Error::invalid(format!(
            "one of its numbers is {number}, which files cannot hold; give finite numbers"
        ))),
        None => Ok(()),
    }
}

/// Cuts `len` bytes into stretches at the ends of `ranges`, each with the ranges that cover it, ascending; of more
/// than [`COVERING`] the first.
pub(super) fn cut(len: usize, ranges: &[[usize; 2]]) -> Vec<(Range<usize>, Vec<usize>)> {
    let mut ends: Vec<(usize, bool, usize)> = Vec::with_capacity(ranges.len() * 2);
    for (i, [start, end]) in ranges.iter().enumerate().filter(|(_, [a, b])| a < b) {
        ends.push((*start, true, i));
        ends.push((*end, false, i));
    }
    ends.sort_unstable();
    let (mut open, mut at) = (BTreeSet::new(), 0);
    let mut found = Vec::new();
    for (place, opens, i) in ends {
        if place > at {
            found.push((at..place, open.iter().take(COVERING).copied().collect()));
            at = place;
        }
        match opens {
            true => open.insert(i),
            false => open.remove(&i),
        };
    }
    if at < len {
        found.push((at..len, Vec::new()));
    }
    found
}

/// Ranges that are told of one stretch, so that many citations of one text stay linear in their number.
pub(super) const COVERING: usize = 32;

/// The fields of a passage's metadata that are the caller's.
pub(super) fn fields(passage: &Passage) -> impl Iterator<Item = (&str, String)> {
    let own = passage
        .metadata
        .iter()
        .filter(|(name, _)| !name.starts_with('_'));
    own.map(|(name, value)| (name.as_str(), shown(value)))
}

/// A field's value as text: lists with commas, objects as JSON, nothing for null.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) if !values.iter().any(|v| v.is_array() || v.is_object()) => {
            values.iter().map(shown).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// Unix seconds as `2026-01-31T12:00:00Z`; beyond the years 1 to 9999 as they are.
pub(super) fn date(at: f64) -> String {
    const DAY: i64 = 86_400;
    if !(-62_135_596_800.0..253_402_300_800.0).contains(&at) {
        return format!("{at} s");
    }
    let seconds = at.floor() as i64;
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    // Years that begin in March put the day that comes and goes last; 400 of them have always as many days.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (at, want) in [
            (0.0, "1970-01-01T00:00:00Z"),
            (951_782_400.9, "2000-02-29T00:00:00Z"),
            (-1.0, "1969-12-31T23:59:59Z"),
            (1_767_225_599.0, "2025-12-31T23:59:59Z"),
            (253_402_300_799.0, "9999-12-31T23:59:59Z"),
            (-62_135_596_800.0, "0001-01-01T00:00:00Z"),
            (1e15, "1000000000000000 s"),
        ] {
            assert_eq!(date(at), want);
        }
    }

    proptest! {
        #[test]
        fn a_text_is_cut_without_loss_and_each_stretch_knows_who_covers_it(
            ranges in prop::collection::vec((0..40usize, 0..40usize), 0..12),
        ) {
            let ranges: Vec<[usize; 2]> = ranges.into_iter().map(|(a, b)| [a.min(b), a.max(b)]).collect();
            let found = cut(40, &ranges);
            let mut at = 0;
            for (range, covering) in &found {
                prop_assert!(range.start == at && range.end > at);
                at = range.end;
                let want: Vec<usize> = (0..ranges.len())
                    .filter(|i| ranges[*i][0] <= range.start && range.end <= ranges[*i][1])
                    .collect();
                prop_assert_eq!(covering, &want);
            }
            prop_assert_eq!(at, 40);
        }
    }
}
