//! CSV (RFC 4180): a header, and a row an answer, a passage or a citation.

use super::entry::{Entry, date, fields};
use super::escape::csv;
use super::{ExportOptions, Rows};
use crate::answer::Answer;
use serde_json::{Map, Value};

const ANSWERS: &[&str] = &[
    "number",
    "id",
    "date",
    "question",
    "text",
    "model",
    "generator",
    "strategy",
    "scenario",
    "finish",
    "input_tokens",
    "output_tokens",
    "cost",
    "seconds",
    "cached",
    "rating",
    "citations",
    "documents",
];
const PASSAGES: &[&str] = &[
    "answer",
    "question",
    "number",
    "passage",
    "document",
    "start",
    "end",
    "score",
    "relevance",
    "tokens",
    "citations",
    "text",
    "metadata",
];
const CITATIONS: &[&str] = &[
    "answer",
    "question",
    "number",
    "passage",
    "document",
    "answer_start",
    "answer_end",
    "stretch",
    "source_start",
    "source_end",
    "quote",
    "support",
];

/// A file under way.
struct Table {
    out: String,
    guard: bool,
}

impl Table {
    /// A text of others.
    fn text(&mut self, text: &str) {
        self.out.push_str(&csv(text, self.guard));
        self.out.push(',');
    }

    /// A number or a name of ours.
    fn own(&mut self, value: impl std::fmt::Display) {
        self.out.push_str(&csv(&value.to_string(), false));
        self.out.push(',');
    }

    fn end(&mut self) {
        self.out.pop();
        self.out.push_str("\r\n");
    }
}

pub(super) fn write(entries: &[Entry<'_>], options: &ExportOptions) -> String {
    let mut table = Table {
        out: String::new(),
        guard: options.guard_formulas,
    };
    let evidence = entries.iter().any(|entry| entry.evidence.is_some());
    let (rows, header) = match options.rows {
        Rows::Answers if !evidence => (Rows::Answers, ANSWERS),
        Rows::Citations if !evidence => (Rows::Citations, CITATIONS),
        _ => (Rows::Passages, PASSAGES),
    };
    header.iter().for_each(|name| table.own(name));
    table.end();
    for entry in entries {
        match (rows, entry.answer) {
            (Rows::Answers, Some(answer)) => answer_row(&mut table, entry, answer),
            (Rows::Citations, Some(answer)) => citation_rows(&mut table, entry, answer),
            _ => passage_rows(&mut table, entry),
        }
    }
    table.out
}

fn answer_row(table: &mut Table, entry: &Entry<'_>, answer: &Answer) {
    table.own(entry.number);
    table.text(&answer.id);
    table.own(date(answer.at));
    table.text(&answer.question);
    table.text(&answer.text);
    table.text(&answer.model);
    table.text(&answer.decision.generator);
    table.text(&answer.decision.strategy);
    table.text(&answer.scenario);
    table.own(finish(answer));
    table.own(answer.usage.input_tokens);
    table.own(answer.usage.output_tokens);
    table.own(answer.cost);
    table.own(entry.seconds());
    table.own(answer.cached);
    table.own(answer.rating.map_or_else(String::new, |r| r.to_string()));
    table.own(entry.cited.len());
    let mut documents: Vec<&str> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for cited in &entry.cited {
        if seen.insert(&cited.citation.document) {
            documents.push(&cited.citation.document);
        }
    }
    table.text(&documents.join("; "));
    table.end();
}

/// The name of why a text ended, as JSON has it.
pub(super) fn finish(answer: &Answer) -> String {
    let name = serde_json::to_value(answer.finish).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}

fn passage_rows(table: &mut Table, entry: &Entry<'_>) {
    let citations = entry.citations_of();
    for (number, passage) in entry.sources() {
        table.own(entry.number);
        table.text(entry.question());
        table.own(number);
        table.text(&passage.id);
        table.text(&passage.document);
        table.own(passage.start);
        table.own(passage.end);
        table.own(passage.score);
        table.own(
            passage
                .relevance
                .map_or_else(String::new, |r| r.to_string()),
        );
        table.own(passage.tokens);
        table.own(citations.get(&number).map_or(0, Vec::len));
        table.text(&passage.text);
        let metadata: Map<String, Value> = fields(passage)
            .map(|(name, _)| (name.to_owned(), passage.metadata[name].clone()))
            .collect();
        table.text(&Value::Object(metadata).to_string());
        table.end();
    }
}

fn citation_rows(table: &mut Table, entry: &Entry<'_>, answer: &Answer) {
    for cited in &entry.cited {
        let citation = cited.citation;
        table.own(entry.number);
        table.text(&answer.question);
        table.own(cited.number().map_or_else(String::new, |n| n.to_string()));
        table.text(&citation.passage);
        table.text(&citation.document);
        table.own(citation.answer[0]);
        table.own(citation.answer[1]);
        table.text(cited.stretch);
        table.own(citation.source[0]);
        table.own(citation.source[1]);
        table.text(cited.quote);
        table.own(citation.support);
        table.end();
    }
}
