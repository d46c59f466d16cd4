//! The caller's own format: templates of an answer, a citation and a source.

use super::entry::{Entry, date, shown};
use super::escape;
use super::{Escape, ExportOptions};
use crate::error::{Error, Result};
use crate::prompting::{Filled, Template};
use std::collections::HashMap;

const OF_ANSWER: &[&str] = &[
    "number",
    "id",
    "question",
    "text",
    "model",
    "generator",
    "strategy",
    "scenario",
    "finish",
    "date",
    "tokens",
    "cost",
    "seconds",
    "citations",
    "sources",
];
const OF_CITATION: &[&str] = &[
    "number", "passage", "document", "stretch", "quote", "support",
];
const OF_SOURCE: &[&str] = &["number", "id", "document", "text", "score", "relevance"];
/// What the name of a field of metadata begins with.
const META: &str = "meta_";

impl Escape {
    fn apply(self, text: &str) -> String {
        match self {
            Escape::None => text.to_owned(),
            Escape::Markdown => escape::markdown(text),
            Escape::Html => escape::html(text),
            Escape::Latex => escape::latex(text),
            Escape::Csv => escape::csv(text, true),
            Escape::Json => escape::json(text),
        }
    }
}

/// Values by the names of their fields.
type Values = HashMap<String, String>;

pub(super) fn write(entries: &[Entry<'_>], options: &ExportOptions) -> Result<String> {
    let Some(template) = &options.template else {
        return Err(Error::invalid(
            "the format \"template\" needs a template; give the option template, such as \"{question}\\n{text}\"",
        ));
    };
    let answer = read(template, "the template", OF_ANSWER)?;
    let citation = read(
        &options.citation_template,
        "the citation template",
        OF_CITATION,
    )?;
    let source = read(&options.source_template, "the source template", OF_SOURCE)?;
    let mut written = Vec::with_capacity(entries.len());
    for entry in entries {
        let citations = match answer.has("citations") {
            true => citations(entry, &citation, options)?,
            false => String::new(),
        };
        let sources = match answer.has("sources") {
            true => sources(entry, &source, options)?,
            false => String::new(),
        };
        let mut values = values(entry, options.escape);
        values.insert("citations".to_owned(), citations);
        values.insert("sources".to_owned(), sources);
        written.push(fill(&answer, &values)?);
    }
    Ok(written.join(&options.separator))
}

fn read(text: &str, what: &str, known: &[&str]) -> Result<Template> {
    let template = Template::parse(text, what)?;
    let metadata = known == OF_SOURCE;
    let unknown = template.fields().find(|field| {
        !(known.contains(&field.name.as_str()) || metadata && field.name.starts_with(META))
    });
    if let Some(field) = unknown {
        let more = if metadata { ", meta_NAME" } else { "" };
        return Err(Error::invalid(format!(
            "{what} has the unknown field {{{}}} at line {}, column {}; there are {}{more}",
            field.name,
            field.line,
            field.column,
            known.join(", ")
        )));
    }
    Ok(template)
}

fn fill(template: &Template, values: &Values) -> Result<String> {
    let mut out = String::new();
    template.fill(
        |field| Ok(values.get(&field.name).map_or("", String::as_str)),
        |piece| match piece {
            Filled::Text(text) | Filled::Value(_, text) => out.push_str(text),
        },
    )?;
    Ok(out)
}

fn values(entry: &Entry<'_>, escape: Escape) -> Values {
    let mut values = Values::new();
    let mut put = |name: &str, value: &str| {
        values.insert(name.to_owned(), escape.apply(value));
    };
    put("number", &entry.number.to_string());
    put("question", entry.question());
    put("text", entry.text());
    put("seconds", &entry.seconds().to_string());
    if let Some(answer) = entry.answer {
        let usage = &answer.usage;
        let tokens = usage.input_tokens.saturating_add(usage.output_tokens);
        put("id", &answer.id);
        put("model", &answer.model);
        put("generator", &answer.decision.generator);
        put("strategy", &answer.decision.strategy);
        put("scenario", &answer.scenario);
        put("finish", &super::csv::finish(answer));
        put("date", &date(answer.at));
        put("tokens", &tokens.to_string());
        put("cost", &answer.cost.to_string());
    }
    if let Some(evidence) = entry.evidence {
        put("strategy", &evidence.strategy);
        put("tokens", &evidence.tokens.to_string());
    }
    values
}

fn citations(entry: &Entry<'_>, template: &Template, options: &ExportOptions) -> Result<String> {
    let mut lines = Vec::with_capacity(entry.cited.len());
    for cited in &entry.cited {
        let mut values = Values::new();
        let mut put = |name: &str, value: &str| {
            values.insert(name.to_owned(), options.escape.apply(value));
        };
        let number = cited.number().map_or_else(String::new, |n| n.to_string());
        put("number", &number);
        put("passage", &cited.citation.passage);
        put("document", &cited.citation.document);
        put("stretch", cited.stretch);
        put("quote", cited.quote);
        put("support", &cited.citation.support.to_string());
        lines.push(fill(template, &values)?);
    }
    Ok(lines.join("\n"))
}

fn sources(entry: &Entry<'_>, template: &Template, options: &ExportOptions) -> Result<String> {
    let mut lines = Vec::with_capacity(entry.shown.len());
    let names = template.fields().map(|field| field.name.clone());
    let metadata: Vec<String> = names.filter(|name| name.starts_with(META)).collect();
    for (number, passage) in entry.sources() {
        let mut values = Values::new();
        let mut put = |name: &str, value: &str| {
            values.insert(name.to_owned(), options.escape.apply(value));
        };
        put("number", &number.to_string());
        put("id", &passage.id);
        put("document", &passage.document);
        put("text", &passage.text);
        put("score", &passage.score.to_string());
        put(
            "relevance",
            &passage
                .relevance
                .map_or_else(String::new, |r| r.to_string()),
        );
        for name in &metadata {
            let value = passage.metadata.get(&name[META.len()..]);
            put(name, &value.map_or_else(String::new, shown));
        }
        lines.push(fill(template, &values)?);
    }
    Ok(lines.join("\n"))
}
