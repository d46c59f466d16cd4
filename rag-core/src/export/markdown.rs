//! Markdown (CommonMark): a heading an answer, a list of its sources.

use super::ExportOptions;
use super::entry::Entry;
use super::escape::{clean, markdown, paragraphs};
use super::records::link;

pub(super) fn write(entries: &[Entry<'_>], options: &ExportOptions) -> String {
    let mut out = String::new();
    let title = markdown(&options.title);
    if !title.is_empty() {
        out.push_str(&format!("# {title}\n\n"));
    }
    for entry in entries {
        out.push_str(&format!("## {}\n\n", markdown(&entry.heading())));
        let text = match options.keep_markdown {
            true => clean(entry.text()).trim().to_owned(),
            false => block(entry.text(), ""),
        };
        if !text.is_empty() {
            out.push_str(&text);
            out.push_str("\n\n");
        }
        write_sources(&mut out, entry, options);
        if options.details {
            let details: Vec<String> = entry.details().iter().map(|told| markdown(told)).collect();
            out.push_str(&format!("*{}*\n\n", details.join(" · ")));
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn write_sources(out: &mut String, entry: &Entry<'_>, options: &ExportOptions) {
    if entry.shown.is_empty() {
        return;
    }
    out.push_str("### Sources\n\n");
    let citations = entry.citations_of();
    for (number, passage) in entry.sources() {
        let title = passage.metadata.get("title").and_then(|t| t.as_str());
        let name = markdown(title.unwrap_or(&passage.document));
        let name = match link(passage) {
            Some(link) => format!("[{name}](<{link}>)"),
            None => name,
        };
        out.push_str(&format!(
            "- **\\[{number}\\]** {name} ({})\n",
            markdown(&passage.id)
        ));
        for cited in citations.get(&number).into_iter().flatten() {
            out.push_str(&format!(
                "  - \"{}\", from \"{}\", support {:.2}\n",
                markdown(cited.stretch),
                markdown(cited.quote),
                cited.citation.support
            ));
        }
        let full = options.full_passages || entry.needs_passages();
        if full && !passage.text.trim().is_empty() {
            out.push_str(&format!("\n{}\n\n", block(&passage.text, "  > ")));
        }
    }
    out.truncate(out.trim_end().len());
    out.push_str("\n\n");
}

/// Paragraphs with their line ends, each line behind `begin`.
fn block(text: &str, begin: &str) -> String {
    let written: Vec<String> = paragraphs(text)
        .iter()
        .map(|lines| {
            let lines: Vec<String> = lines
                .iter()
                .map(|l| format!("{begin}{}", markdown(l)))
                .collect();
            // A backslash at its end breaks a line.
            lines.join("\\\n")
        })
        .collect();
    written.join(&format!("\n{}\n", begin.trim_end()))
}
