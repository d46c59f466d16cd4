//! Bibliographies: BibTeX and RIS.

use super::escape::{address, bibtex as escape, line};
use super::records::Record;

/// Kinds of documents: in metadata, in BibTeX, in RIS.
const KINDS: &[(&str, &str, &str)] = &[
    ("article", "article", "JOUR"),
    ("book", "book", "BOOK"),
    ("chapter", "incollection", "CHAP"),
    ("conference", "inproceedings", "CONF"),
    ("report", "techreport", "RPRT"),
    ("thesis", "phdthesis", "THES"),
    ("web", "misc", "ELEC"),
];

/// The names of a kind in BibTeX and RIS.
fn kind(record: &Record<'_>) -> (&'static str, &'static str) {
    let known = KINDS.iter().find(|(name, ..)| *name == record.kind);
    known.map_or(("misc", "GEN"), |(_, bibtex, ris)| (*bibtex, *ris))
}

pub(super) fn bibtex(records: &[Record<'_>]) -> String {
    let mut entries = Vec::with_capacity(records.len());
    for record in records {
        let (kind, _) = kind(record);
        let mut fields = vec![("title", escape(&record.title))];
        if !record.authors.is_empty() {
            let names: Vec<String> = record.authors.iter().map(|name| author(name)).collect();
            fields.push(("author", names.join(" and ")));
        }
        if !record.year.is_empty() {
            fields.push(("year", record.year.clone()));
        }
        for (name, value) in &record.more {
            let name = match (*name, kind) {
                ("journal", "inproceedings" | "incollection") => "booktitle",
                ("publisher", "techreport") => "institution",
                ("publisher", "phdthesis") => "school",
                (name, _) => name,
            };
            let value = match name {
                "url" | "doi" => address(value),
                "pages" => escape(&spread(value).join("–")).replace('–', "--"),
                _ => escape(value),
            };
            fields.push((name, value));
        }
        fields.push(("note", format!("document {}", escape(record.document))));
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("  {name} = {{{value}}}"))
            .collect();
        let fields = fields.join(",\n");
        entries.push(format!("@{kind}{{{},\n{fields}\n}}\n", record.key));
    }
    entries.join("\n")
}

/// A name. One that holds the word that stands between names is put in braces.
fn author(name: &str) -> String {
    let held = name.split(' ').any(|word| word.eq_ignore_ascii_case("and"));
    match held {
        true => format!("{{{}}}", escape(name)),
        false => escape(name),
    }
}

/// First and last page, or what stands there.
fn spread(pages: &str) -> Vec<&str> {
    let parts = pages.split(['-', '\u{2013}', '\u{2014}']).map(str::trim);
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    match parts.len() {
        1 | 2 => parts,
        _ => vec![pages],
    }
}

/// RIS (Research Information Systems, 2001): a line a field, `TY` first and `ER` last.
pub(super) fn ris(records: &[Record<'_>]) -> String {
    let mut out = String::new();
    for record in records {
        let (_, kind) = kind(record);
        field(&mut out, "TY", kind);
        field(&mut out, "ID", &record.key);
        field(&mut out, "TI", &record.title);
        for author in &record.authors {
            // An asterisk may not stand in a name.
            field(&mut out, "AU", author.replace('*', " ").trim());
        }
        field(&mut out, "PY", &record.year);
        for (name, value) in &record.more {
            match *name {
                "journal" => field(&mut out, "T2", value),
                "publisher" => field(&mut out, "PB", value),
                "volume" => field(&mut out, "VL", value),
                "number" => field(&mut out, "IS", value),
                "pages" => {
                    let pages = spread(value);
                    field(&mut out, "SP", pages.first().copied().unwrap_or_default());
                    field(&mut out, "EP", pages.get(1).copied().unwrap_or_default());
                }
                "isbn" => field(&mut out, "SN", value),
                "doi" => field(&mut out, "DO", value),
                "url" => field(&mut out, "UR", value),
                _ => field(&mut out, "AB", value),
            }
        }
        field(
            &mut out,
            "N1",
            &format!("document {}", line(record.document)),
        );
        out.push_str("ER  - \r\n\r\n");
    }
    out
}

/// A line. Values have no line ends: `records` took them out.
fn field(out: &mut String, tag: &str, value: &str) {
    if !value.is_empty() {
        out.push_str(&format!("{tag}  - {value}\r\n"));
    }
}
