//! Putting results on a page that a person reads.

use rag_core::collection::Hit;
use std::io::{IsTerminal, Write};

/// Characters of a passage that are shown.
const SNIPPET: usize = 96;
/// Parts of a path that are shown.
const PATH_PARTS: usize = 3;

/// Prints one line, or ends the program if nobody reads any more.
pub fn line(text: std::fmt::Arguments<'_>) {
    if writeln!(std::io::stdout().lock(), "{text}").is_err() {
        std::process::exit(0);
    }
}

/// A heading with a line under it.
pub fn heading(text: &str) {
    say!("\n{text}\n{}", "-".repeat(text.chars().count()));
}

/// Hits, one line of figures and one of text each.
pub fn hits(hits: &[Hit]) {
    say!("     score    bm25  cosine  where");
    for (rank, hit) in hits.iter().enumerate() {
        say!(
            "{:3}. {:.4}  {}  {}  {}",
            rank + 1,
            hit.score,
            figure(hit.lexical_score),
            figure(hit.dense_score),
            place(hit)
        );
        say!("     {}", snippet(hit.text.as_deref().unwrap_or("")));
    }
    if hits.is_empty() {
        say!("     nothing found");
    }
}

fn figure(score: Option<f32>) -> String {
    score.map_or_else(|| "     -".to_owned(), |s| format!("{s:6.3}"))
}

/// `docs/search.md:12`: the last folders of the path, which tell enough.
pub fn place(hit: &Hit) -> String {
    let place = hit.id.rsplit_once('@').map_or(&*hit.id, |(place, _)| place);
    let parts: Vec<&str> = place.split('/').collect();
    match parts.len() {
        0..=PATH_PARTS => place.to_owned(),
        n => format!(".../{}", parts[n - PATH_PARTS..].join("/")),
    }
}

/// The beginning of a passage on one line.
pub fn snippet(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(SNIPPET) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// A bar on standard error while a person watches, nothing otherwise.
pub struct Bar {
    watched: bool,
    shown: usize,
}

impl Bar {
    pub fn new() -> Self {
        Self {
            watched: std::io::stderr().is_terminal(),
            shown: usize::MAX,
        }
    }

    pub fn show(&mut self, done: usize, total: usize) {
        const WIDTH: usize = 40;
        let filled = WIDTH * done / total.max(1);
        if !self.watched || filled == self.shown {
            return;
        }
        self.shown = filled;
        let (full, empty) = ("#".repeat(filled), ".".repeat(WIDTH - filled));
        eprint!("\rembedding [{full}{empty}] {done}/{total}");
        if done >= total {
            eprint!("\r{:70}\r", "");
        }
        // Only a picture: a terminal that is gone is no reason to stop.
        let _ = std::io::stderr().flush();
    }
}
