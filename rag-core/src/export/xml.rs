//! XML 1.0: all that an answer is made of, but for who asked.

use super::csv::finish;
use super::entry::{Entry, date, fields};
use super::escape::xml;
use crate::answer::{Answer, Passage};
use std::fmt::Display;

/// A file under way.
struct Writer {
    out: String,
    depth: usize,
}

impl Writer {
    fn begin(&mut self, name: &str, attributes: &[(&str, &dyn Display)]) {
        self.tag(name, attributes);
        self.out.push_str(">\n");
        self.depth += 1;
    }

    fn end(&mut self, name: &str) {
        self.depth -= 1;
        self.indent();
        self.out.push_str(&format!("</{name}>\n"));
    }

    fn text(&mut self, name: &str, attributes: &[(&str, &dyn Display)], text: &str) {
        self.tag(name, attributes);
        self.out.push_str(&format!(">{}</{name}>\n", xml(text)));
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &dyn Display)]) {
        self.indent();
        self.out.push_str(&format!("<{name}"));
        for (name, value) in attributes {
            let value = xml(&value.to_string());
            self.out.push_str(&format!(" {name}=\"{value}\""));
        }
    }

    fn indent(&mut self) {
        self.out.push_str(&"  ".repeat(self.depth));
    }
}

pub(super) fn write(entries: &[Entry<'_>]) -> String {
    let mut writer = Writer {
        out: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
        depth: 0,
    };
    writer.begin("answers", &[("version", &1)]);
    for entry in entries {
        match (entry.answer, entry.evidence) {
            (Some(answer), _) => write_answer(&mut writer, entry, answer),
            (None, evidence) => {
                let strategy = evidence.map_or("", |e| &e.strategy);
                writer.begin(
                    "evidence",
                    &[("number", &entry.number), ("strategy", &strategy)],
                );
                write_passages(&mut writer, entry);
                writer.end("evidence");
            }
        }
    }
    writer.end("answers");
    writer.out
}

fn write_answer(writer: &mut Writer, entry: &Entry<'_>, answer: &Answer) {
    let (at, finish) = (date(answer.at), finish(answer));
    let decision = &answer.decision;
    let mut attributes: Vec<(&str, &dyn Display)> = vec![
        ("number", &entry.number),
        ("id", &answer.id),
        ("date", &at),
        ("model", &answer.model),
        ("generator", &decision.generator),
        ("strategy", &decision.strategy),
        ("scenario", &answer.scenario),
        ("finish", &finish),
        ("input_tokens", &answer.usage.input_tokens),
        ("output_tokens", &answer.usage.output_tokens),
        ("cost", &answer.cost),
        ("cached", &answer.cached),
    ];
    if let Some(rating) = &answer.rating {
        attributes.push(("rating", rating));
    }
    writer.begin("answer", &attributes);
    writer.text("question", &[], &answer.question);
    writer.text("text", &[], &answer.text);
    for timing in &answer.timings {
        writer.text(
            "seconds",
            &[("of", &timing.name)],
            &timing.seconds.to_string(),
        );
    }
    for (dial, value) in &answer.dials {
        writer.text("dial", &[("name", dial)], &value.to_string());
    }
    for marker in &answer.markers {
        let attributes: [(&str, &dyn Display); 2] = [("kind", &marker.kind), ("at", &marker.at)];
        writer.text("marker", &attributes, &marker.text);
    }
    for cited in &entry.cited {
        let citation = cited.citation;
        let number = cited.number().map_or_else(String::new, |n| n.to_string());
        writer.begin(
            "citation",
            &[
                ("number", &number),
                ("passage", &citation.passage),
                ("document", &citation.document),
                ("answer_start", &citation.answer[0]),
                ("answer_end", &citation.answer[1]),
                ("source_start", &citation.source[0]),
                ("source_end", &citation.source[1]),
                ("support", &citation.support),
            ],
        );
        writer.text("stretch", &[], cited.stretch);
        writer.text("quote", &[], cited.quote);
        writer.end("citation");
    }
    write_passages(writer, entry);
    writer.end("answer");
}

fn write_passages(writer: &mut Writer, entry: &Entry<'_>) {
    for (number, passage) in entry.sources() {
        write_passage(writer, number, passage);
    }
}

fn write_passage(writer: &mut Writer, number: usize, passage: &Passage) {
    let mut attributes: Vec<(&str, &dyn Display)> = vec![
        ("number", &number),
        ("id", &passage.id),
        ("document", &passage.document),
        ("start", &passage.start),
        ("end", &passage.end),
        ("score", &passage.score),
        ("tokens", &passage.tokens),
    ];
    if let Some(relevance) = &passage.relevance {
        attributes.push(("relevance", relevance));
    }
    writer.begin("passage", &attributes);
    writer.text("text", &[], &passage.text);
    for (name, value) in fields(passage) {
        writer.text("field", &[("name", &name)], &value);
    }
    writer.end("passage");
}
