//! HTML: one page that needs nothing beside it and reads without its script too.
//!
//! A stretch that is cited and what supports it have the same numbers in `data-c`; the script (`page.js`) lights up
//! one for the other. The page's policy lets this script run and no other.

use super::ExportOptions;
use super::entry::{Cited, Entry, cut, fields};
use super::escape::{html, json_in_html, line};
use super::records::link;
use crate::answer::Passage;
use crate::error::Result;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// SHA-256 of the script, in base64: what the page's policy knows it by.
const SCRIPT_HASH: &str = "DSG7qLaEgEkWNB8EMHsgmO2gx/E1bDsPaXdR0GIrJBo=";

pub(super) fn write(entries: &[Entry<'_>], options: &ExportOptions) -> Result<String> {
    let title = html(&line(&options.title));
    let shown = if title.is_empty() { "Answers" } else { &title };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'sha256-{SCRIPT_HASH}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{shown}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n"
    );
    if !title.is_empty() {
        out.push_str(&format!("<h1 dir=\"auto\">{title}</h1>\n"));
    }
    out.push_str(
        "<div class=\"tools\" hidden>\n\
         <input id=\"filter\" type=\"search\" placeholder=\"Filter\" aria-label=\"Filter answers and passages\">\n\
         <span id=\"count\" role=\"status\"></span>\n\
         <button id=\"fold\" type=\"button\">Close passages</button>\n",
    );
    if options.embed_json {
        out.push_str("<button type=\"button\" data-copy=\"data\">Copy JSON</button>\n");
    }
    out.push_str("</div>\n</header>\n<main>\n");
    for entry in entries {
        write_entry(&mut out, entry, options);
    }
    out.push_str("</main>\n");
    if options.embed_json {
        let json = json_in_html(&super::json::write(entries)?);
        out.push_str(&format!(
            "<script type=\"application/json\" id=\"data\">{json}</script>\n"
        ));
    }
    out.push_str(&format!("<script>{SCRIPT}</script>\n</body>\n</html>\n"));
    Ok(out)
}

fn write_entry(out: &mut String, entry: &Entry<'_>, options: &ExportOptions) {
    let n = entry.number;
    out.push_str(&format!(
        "<article id=\"a{n}\">\n<h2 dir=\"auto\">{}</h2>\n",
        html(&line(&entry.heading()))
    ));
    if !entry.text().is_empty() {
        let ranges: Vec<[usize; 2]> = entry.cited.iter().map(|c| c.citation.answer).collect();
        out.push_str(&format!("<p class=\"text\" dir=\"auto\" id=\"t{n}\">"));
        for (range, covering) in cut(entry.text().len(), &ranges) {
            let text = html(&entry.text()[range]);
            match covering.is_empty() {
                true => out.push_str(&text),
                false => out.push_str(&format!(
                    "<span class=\"cited\" role=\"button\" tabindex=\"0\" data-c=\"{}\" title=\"{}\">{text}</span>",
                    numbers(&covering),
                    html(&told(entry, &covering))
                )),
            }
        }
        out.push_str("</p>\n");
    }
    out.push_str("<p class=\"about\">");
    if options.details {
        out.push_str(&html(&entry.details().join(" · ")));
    }
    if !entry.text().is_empty() {
        out.push_str(&format!(
            " <button type=\"button\" data-copy=\"t{n}\" hidden>Copy answer</button>"
        ));
    }
    out.push_str("</p>\n");
    let mut by_passage: Vec<Vec<(usize, Cited<'_>)>> = vec![Vec::new(); entry.passages.len()];
    for (i, cited) in entry.cited.iter().enumerate() {
        if let Some(passage) = cited.passage {
            by_passage[passage].push((i, *cited));
        }
    }
    for (number, passage) in entry.sources() {
        write_passage(out, n, number, passage, &by_passage[number - 1]);
    }
    out.push_str("</article>\n");
}

/// What is told of a cited stretch.
fn told(entry: &Entry<'_>, covering: &[usize]) -> String {
    let told = covering.iter().map(|&i| {
        let cited = &entry.cited[i];
        let support = cited.citation.support;
        match cited.number() {
            Some(number) => format!("passage {number}, support {support:.2}"),
            None => format!("{}, support {support:.2}", cited.citation.passage),
        }
    });
    told.collect::<Vec<_>>().join("; ")
}

fn write_passage(
    out: &mut String,
    n: usize,
    number: usize,
    passage: &Passage,
    citations: &[(usize, Cited<'_>)],
) {
    let relevance = match passage.relevance {
        Some(relevance) => format!("relevance {relevance:.2}"),
        None => format!("score {:.3}", passage.score),
    };
    out.push_str(&format!(
        "<details id=\"a{n}p{number}\" open>\n<summary><b>{number}</b> <bdi>{}</bdi> <small>{relevance}</small></summary>\n\
         <p class=\"passage\" dir=\"auto\">",
        html(&line(&passage.id))
    ));
    let sources = citations.iter().map(|(_, cited)| match cited.quote {
        "" => [0, 0],
        _ => cited.citation.source,
    });
    let sources: Vec<[usize; 2]> = sources.collect();
    for (range, covering) in cut(passage.text.len(), &sources) {
        let text = html(&passage.text[range]);
        match covering.is_empty() {
            true => out.push_str(&text),
            false => {
                let covering: Vec<usize> = covering.iter().map(|i| citations[*i].0).collect();
                let numbers = numbers(&covering);
                out.push_str(&format!("<mark data-c=\"{numbers}\">{text}</mark>"));
            }
        }
    }
    out.push_str("</p>\n");
    let known: Vec<(&str, String)> = fields(passage).collect();
    let link = link(passage);
    if !known.is_empty() {
        out.push_str("<dl>\n");
        for (name, value) in known {
            let shown = html(&value);
            let shown = match &link {
                Some(link) if matches!(name, "url" | "link") => {
                    format!(
                        "<a href=\"{}\" rel=\"noopener noreferrer\">{shown}</a>",
                        html(link)
                    )
                }
                _ => shown,
            };
            out.push_str(&format!(
                "<dt><bdi>{}</bdi></dt><dd dir=\"auto\">{shown}</dd>\n",
                html(name)
            ));
        }
        out.push_str("</dl>\n");
    }
    out.push_str("</details>\n");
}

fn numbers(numbers: &[usize]) -> String {
    let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
    numbers.join(" ")
}
