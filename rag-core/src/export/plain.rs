//! Plain text, for terminals and mails.

use super::ExportOptions;
use super::entry::Entry;
use super::escape::{clean, line};

pub(super) fn write(entries: &[Entry<'_>], options: &ExportOptions) -> String {
    let mut out = String::new();
    let title = line(&options.title);
    if !title.is_empty() {
        let rule = "=".repeat(title.chars().count());
        out.push_str(&format!("{title}\n{rule}\n\n"));
    }
    for entry in entries {
        out.push_str(&format!("{}\n\n", line(&entry.heading())));
        let text = clean(entry.text());
        if !text.trim().is_empty() {
            out.push_str(&format!("{}\n\n", text.trim()));
        }
        let citations = entry.citations_of();
        if !entry.shown.is_empty() {
            out.push_str("Sources:\n");
        }
        for (number, passage) in entry.sources() {
            out.push_str(&format!("[{number}] {}\n", line(&passage.id)));
            for cited in citations.get(&number).into_iter().flatten() {
                out.push_str(&format!(
                    "    \"{}\", from \"{}\", support {:.2}\n",
                    line(cited.stretch),
                    line(cited.quote),
                    cited.citation.support
                ));
            }
            if options.full_passages || entry.needs_passages() {
                for each in clean(&passage.text).split('\n').map(str::trim) {
                    out.push_str(&format!("    {each}\n"));
                }
            }
        }
        if options.details {
            out.push_str(&format!("\n({})\n", line(&entry.details().join(", "))));
        }
        out.push_str("\n\n");
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}
