//! The blocks of a Markdown document, and the sections that its headings make.
//!
//! A line scanner, not a parser: it needs to know where blocks begin and end, not what they mean.
//! Next: `pieces`, which opens blocks that are too long.

use super::pieces::{Kind, Piece, lines};

/// The blocks of each section. A section is a heading with what follows, up to the next heading;
/// headings with nothing between them open one section together.
pub(super) fn sections(text: &str) -> Vec<Vec<Piece>> {
    let mut sections: Vec<Vec<Piece>> = Vec::new();
    let mut has_body = true;
    for block in blocks(text) {
        let heading = block.kind == Kind::Heading;
        match sections.last_mut() {
            Some(section) if !(heading && has_body) => section.push(block),
            _ => sections.push(vec![block]),
        }
        has_body = !heading;
    }
    sections
}

/// A line of three or more backticks or tildes: the character, how many, and whether more follows.
fn fence(line: &str) -> Option<(u8, usize, bool)> {
    let line = line.trim_start().as_bytes();
    let mark = *line.first().filter(|b| matches!(b, b'`' | b'~'))?;
    let length = line.iter().take_while(|b| **b == mark).count();
    // Backticks behind an opening of backticks make it inline code.
    let inline = mark == b'`' && line[length..].contains(&b'`');
    (length >= 3 && !inline).then_some((mark, length, line.len() > length))
}

fn is_heading(line: &str) -> bool {
    let line = line
        .strip_prefix("   ")
        .or(line.strip_prefix("  "))
        .or(line.strip_prefix(' '))
        .unwrap_or(line);
    let level = line.bytes().take(7).take_while(|b| *b == b'#').count();
    (1..=6).contains(&level) && (line.len() == level || line[level..].starts_with([' ', '\t']))
}

/// A line under a paragraph that makes it a heading.
fn is_underline(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 2 && (line.bytes().all(|b| b == b'=') || line.bytes().all(|b| b == b'-'))
}

/// Whether a line begins a list item.
pub(super) fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    let marker = match line.bytes().next() {
        Some(b'-' | b'*' | b'+') => 1,
        Some(b'0'..=b'9') => {
            let digits = line.bytes().take(10).take_while(u8::is_ascii_digit).count();
            match line.as_bytes().get(digits) {
                Some(b'.' | b')') if digits <= 9 => digits + 1,
                _ => return false,
            }
        }
        _ => return false,
    };
    line[marker..].starts_with([' ', '\t'])
}

fn blocks(text: &str) -> Vec<Piece> {
    let mut blocks: Vec<Piece> = Vec::new();
    let mut open_fence: Option<(u8, usize)> = None;
    // Where the line before ended, to see blank lines between.
    let mut before = 0;
    // Lines in the last block.
    let mut height = 0;
    for line in lines(text, 0..text.len()) {
        let content = &text[line.clone()];
        let blank = text[before..line.start].matches('\n').count() > 1;
        before = line.end;
        let mut last = blocks.last_mut();
        if let Some((mark, length)) = open_fence {
            if let Some(block) = last {
                block.end = line.end;
            }
            if fence(content).is_some_and(|(m, n, more)| m == mark && n >= length && !more) {
                open_fence = None;
            }
            continue;
        }
        let kind = if let Some((mark, length, _)) = fence(content) {
            open_fence = Some((mark, length));
            last = None;
            Kind::Lines
        } else if is_heading(content) {
            last = None;
            Kind::Heading
        } else if content.trim_start().starts_with('|') {
            last = last.filter(|b| b.kind == Kind::Lines && !blank && is_table(text, b));
            Kind::Lines
        } else {
            let indented = content.starts_with([' ', '\t']);
            match &mut last {
                // Setext: the underline turns a paragraph of one line into a heading.
                Some(b)
                    if b.kind == Kind::Prose && !blank && is_underline(content) && height == 1 =>
                {
                    b.kind = Kind::Heading;
                    Kind::Heading
                }
                Some(b) if b.kind == Kind::List && (!blank || indented || is_item(content)) => {
                    Kind::List
                }
                Some(b) if b.kind == Kind::Prose && !blank && !is_item(content) => Kind::Prose,
                _ => {
                    last = None;
                    if is_item(content) {
                        Kind::List
                    } else {
                        Kind::Prose
                    }
                }
            }
        };
        match last {
            Some(block) => {
                block.end = line.end;
                height += 1;
            }
            None => {
                // Indentation means something in lists and code only.
                let trimmed = line.end - content.trim_start().len();
                let start = if matches!(kind, Kind::List | Kind::Lines) {
                    line.start
                } else {
                    trimmed
                };
                height = 1;
                blocks.push(Piece {
                    start,
                    end: line.end,
                    kind,
                });
            }
        }
    }
    blocks
}

fn is_table(text: &str, block: &Piece) -> bool {
    text[block.start..block.end].trim_start().starts_with('|')
}
