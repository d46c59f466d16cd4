//! LaTeX: a document, or its inside.

use super::ExportOptions;
use super::entry::Entry;
use super::escape::{latex, paragraphs};

/// What stands before the inside. Engines that read Unicode need other fonts than pdfLaTeX.
const HEAD: &str = r"\documentclass{article}
\usepackage{iftex}
\ifPDFTeX
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{textcomp}
\else
\usepackage{fontspec}
\fi
\begin{document}
";

pub(super) fn write(entries: &[Entry<'_>], options: &ExportOptions) -> String {
    let mut out = String::new();
    if options.standalone {
        out.push_str(HEAD);
    }
    let title = latex(&options.title);
    if !title.is_empty() {
        out.push_str(&format!("\\section*{{{title}}}\n\n"));
    }
    for entry in entries {
        out.push_str(&format!("\\subsection*{{{}}}\n\n", latex(&entry.heading())));
        let text = block(entry.text());
        if !text.is_empty() {
            out.push_str(&format!("{text}\n\n"));
        }
        write_sources(&mut out, entry, options);
        if options.details {
            let details = entry.details().join(", ");
            out.push_str(&format!("\\emph{{{}}}\n\n", latex(&details)));
        }
    }
    if options.standalone {
        out.push_str("\\end{document}\n");
    }
    out
}

fn write_sources(out: &mut String, entry: &Entry<'_>, options: &ExportOptions) {
    if entry.shown.is_empty() {
        return;
    }
    out.push_str("\\subsubsection*{Sources}\n\n\\begin{itemize}\n");
    let citations = entry.citations_of();
    for (number, passage) in entry.sources() {
        out.push_str(&format!(
            "\\item[{{[{number}]}}] \\textbf{{{}}}\n",
            latex(&passage.id)
        ));
        for cited in citations.get(&number).into_iter().flatten() {
            out.push_str(&format!(
                "\n\\textquotedbl{{}}{}\\textquotedbl{{}}, from \\textquotedbl{{}}{}\\textquotedbl{{}}, support {:.2}\n",
                latex(cited.stretch),
                latex(cited.quote),
                cited.citation.support
            ));
        }
        let full = options.full_passages || entry.needs_passages();
        if full && !passage.text.trim().is_empty() {
            out.push_str(&format!(
                "\n\\begin{{quote}}\n{}\n\\end{{quote}}\n",
                block(&passage.text)
            ));
        }
    }
    out.push_str("\\end{itemize}\n\n");
}

/// Paragraphs with their line ends.
fn block(text: &str) -> String {
    let written = paragraphs(text);
    let written: Vec<String> = written
        .iter()
        .map(|lines| {
            let lines: Vec<String> = lines.iter().map(|each| latex(each)).collect();
            lines.join("\\newline{}\n")
        })
        .collect();
    written.join("\n\n")
}
