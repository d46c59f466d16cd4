//! Answers and evidence as files for others: to read, to cite, to compute with.
//!
//! What is exported is somebody else's text, so each format is written through the escape of its syntax
//! (`escape`), and nothing in a text can end the place that it stands in. [`Format::Json`] and [`Format::Jsonl`] hold
//! everything and are read again by [`import_json`]; the others are for people and for other programs. All offsets in
//! files are bytes of UTF-8. Read `entry`, which says what of an answer is shown, then the format that matters.

mod csv;
mod entry;
mod escape;
mod filled;
mod html;
mod json;
mod latex;
mod markdown;
mod plain;
mod records;
mod references;
#[cfg(test)]
mod tests;
mod xml;

pub use json::{export_json, import_json};

use crate::answer::{Answer, Evidence};
use crate::error::{Error, Result};
use entry::Entry;

/// Most answers that one file is made of.
pub const MAX_ANSWERS: usize = 100_000;

crate::option_enum! {
    /// What kind of file is written.
    Format {
        /// CommonMark.
        Markdown = "markdown",
        /// One JSON object with everything.
        Json = "json",
        /// A JSON object with everything in each line.
        Jsonl = "jsonl",
        /// Comma-separated values by RFC 4180, with a header.
        Csv = "csv",
        /// One page that needs nothing beside it: citations point to their passages, passages can be filtered.
        Html = "html",
        /// XML 1.0.
        Xml = "xml",
        /// An entry for each document, for LaTeX.
        Bibtex = "bibtex",
        /// A record for each document, for reference managers.
        Ris = "ris",
        /// A LaTeX document. Scripts beyond Latin need LuaLaTeX or XeLaTeX.
        Latex = "latex",
        /// Plain text.
        Text = "text",
        /// The caller's own template.
        Template = "template",
    }
}

crate::option_enum! {
    /// Which passages of an answer are written out. Those of evidence always are.
    Sources {
        /// Those that the answer cites.
        Cited = "cited",
        /// All that it was written from.
        All = "all",
    }
}

crate::option_enum! {
    /// What a row of CSV is. Of evidence it is a passage.
    Rows {
        /// An answer.
        Answers = "answers",
        /// A passage of an answer.
        Passages = "passages",
        /// A citation.
        Citations = "citations",
    }
}

crate::option_enum! {
    /// The syntax that the values of a template are escaped for.
    Escape {
        /// None: they stand as they are.
        None = "none",
        /// CommonMark, in one line.
        Markdown = "markdown",
        /// HTML and XML, in elements and in quoted attributes.
        Html = "html",
        /// LaTeX, in one line.
        Latex = "latex",
        /// One field of CSV, quotes included where they are needed.
        Csv = "csv",
        /// The inside of a JSON string.
        Json = "json",
    }
}

crate::options! {
    /// How answers are written. An option that a format has no use for does nothing there.
    ExportOptions {
        /// The heading, in Markdown, HTML, LaTeX and text; empty for none.
        title: String = "Answers".to_owned();
        /// Which passages are written out; of JSON and JSONL all are.
        sources: Sources = Sources::Cited;
        /// Whether passages stand there in full, besides what is cited of them, in Markdown, LaTeX and text.
        full_passages: bool = false;
        /// Whether model, tokens, cost and time are told, in Markdown, HTML, LaTeX and text.
        details: bool = true;
        /// Whether texts of answers are Markdown already and stay as they are, in Markdown. Leave it out for
        /// answers that you do not trust.
        keep_markdown: bool = false;
        /// Whether LaTeX is a document, or a part to be put into one.
        standalone: bool = true;
        /// Whether a page of HTML holds its answers as JSON, for its button that copies them.
        embed_json: bool = true;
        /// What a row of CSV is.
        rows: Rows = Rows::Answers;
        /// Whether a `'` is put in front of texts of CSV that a spreadsheet would take for a formula.
        guard_formulas: bool = true;
        /// The template of an answer, in which `{citations}` and `{sources}` are lists.
        template: Option<String> = None;
        /// The template of one citation in `{citations}`.
        citation_template: String = "\"{stretch}\" [{number}]: \"{quote}\"".to_owned();
        /// The template of one passage in `{sources}`.
        source_template: String = "[{number}] {document}: {text}".to_owned();
        /// What stands between the answers of a template.
        separator: String = "\n\n".to_owned();
        /// The syntax that values of a template are escaped for.
        escape: Escape = Escape::None;
    }
}

/// Writes answers in a format: those of a conversation, of a history, or a single one.
///
/// Passages are numbered from 1 as in the prompt, which is what `[1]` in an answer means. Who asked, in which session
/// and for which tenant stands in JSON and JSONL only. In formats for people, control characters become U+FFFD and
/// characters that turn the direction of writing around are left out; XML and CSV replace what they cannot hold.
///
/// BibTeX and RIS have one entry for each document that is cited (or is there at all: `sources`), made of metadata:
/// `title`, `author` or `authors` (a list, or a text with `;` or ` and ` between names), `year` or `date`, `url`,
/// `doi`, `journal`, `publisher`, `volume`, `number`, `pages`, `isbn`, `abstract` and `type` (`article`, `book`,
/// `chapter`, `conference`, `report`, `thesis`, `web`). Without a title the document's id stands there.
///
/// A template is text with fields in braces, as those of a [`Scenario`](crate::prompting::Scenario): `{number}`, `{id}`,
/// `{question}`, `{text}`, `{model}`, `{generator}`, `{strategy}`, `{scenario}`, `{finish}`, `{date}`, `{tokens}`,
/// `{cost}`, `{seconds}`, `{citations}`, `{sources}`. That of a citation has `{number}`, `{passage}`, `{document}`,
/// `{stretch}`, `{quote}`, `{support}`; that of a source `{number}`, `{id}`, `{document}`, `{text}`, `{score}`,
/// `{relevance}`, and `{meta_NAME}` for the field `NAME` of its metadata, empty where it has none.
///
/// `InvalidArgument` for answers whose offsets are not those of their texts or whose numbers are not finite, for more
/// than [`MAX_ANSWERS`], for an unknown field of a template and for [`Format::Template`] without one.
///
/// ```
/// use rag_core::collection::Collection;
/// use rag_core::engine::{Engine, NewDocument, Question};
/// use rag_core::export::{ExportOptions, Format, export, import_json};
/// let engine = Engine::builder(&Collection::in_memory(None, None)?).build()?;
/// let bread = NewDocument::new("Yeast eats sugar. Its gas makes the dough rise.").id("bread_1");
/// engine.add_documents(&[bread], &Default::default(), rag_core::Progress::none())?;
/// let answer = engine.ask(&Question::new("what makes the dough rise?"))?;
///
/// let options = ExportOptions::default();
/// let page = export(&[answer.clone()], Format::Markdown, &options)?;
/// assert!(page.contains("## what makes the dough rise?"));
/// assert!(page.contains("bread\\_1"), "an id is no emphasis");
/// let file = export(&[answer.clone()], Format::Json, &options)?;
/// assert_eq!(import_json(&file)?, [answer.clone()]);
/// let own = ExportOptions::default().template(Some("{question} -> {text}".into()));
/// assert!(export(&[answer], Format::Template, &own)?.starts_with("what makes the dough rise? -> "));
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn export(answers: &[Answer], format: Format, options: &ExportOptions) -> Result<String> {
    check_count(answers.len(), "answers")?;
    let entries = answers.iter().enumerate();
    let entries = entries.map(|(i, answer)| Entry::of_answer(i, answer, options));
    write(&entries.collect::<Result<Vec<_>>>()?, format, options)
}

/// Writes evidence in a format, as [`export`] does answers: there is neither a question nor a text, and all passages
/// are shown. A file of JSON is told apart by its `format`.
///
/// `InvalidArgument` as with [`export`].
pub fn export_evidence(
    evidence: &[Evidence],
    format: Format,
    options: &ExportOptions,
) -> Result<String> {
    check_count(evidence.len(), "pieces of evidence")?;
    let entries = evidence.iter().enumerate();
    let entries = entries.map(|(i, evidence)| Entry::of_evidence(i, evidence));
    write(&entries.collect::<Result<Vec<_>>>()?, format, options)
}

fn check_count(count: usize, what: &str) -> Result<()> {
    match count > MAX_ANSWERS {
        true => Err(Error::invalid(format!(
            "{count} {what} are too many for one file; give at most {MAX_ANSWERS} at a time"
        ))),
        false => Ok(()),
    }
}

fn write(entries: &[Entry<'_>], format: Format, options: &ExportOptions) -> Result<String> {
    options.check()?;
    Ok(match format {
        Format::Markdown => markdown::write(entries, options),
        Format::Json => json::write(entries)?,
        Format::Jsonl => json::write_lines(entries)?,
        Format::Csv => csv::write(entries, options),
        Format::Html => html::write(entries, options)?,
        Format::Xml => xml::write(entries),
        Format::Bibtex => references::bibtex(&records::of(entries)),
        Format::Ris => references::ris(&records::of(entries)),
        Format::Latex => latex::write(entries, options),
        Format::Text => plain::write(entries, options),
        Format::Template => filled::write(entries, options)?,
    })
}
