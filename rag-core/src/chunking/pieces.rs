//! The tree of pieces: what a piece is made of when it is too long.
//!
//! Blocks open into lines or sentences, sentences into words, words into smaller words, those
//! into grapheme clusters, those into characters. Next: `pack`.

use crate::text::sentences;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// What a piece is, which decides how it opens and what it may stand beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A heading, which stays with what follows.
    Heading,
    /// Sentences: a paragraph, or a whole text.
    Prose,
    /// Lines that each make sense alone: code, a table.
    Lines,
    /// A list: items, which open like prose.
    List,
    /// A sentence, or a line.
    Sentence,
    /// What stands between white space.
    Word,
    /// A part of a word that no line should be broken in.
    Part,
    /// A run of grapheme clusters.
    Clusters,
    /// A run of characters.
    Characters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub start: usize,
    pub end: usize,
    pub kind: Kind,
}

/// Opens a piece into smaller ones, in order, leaving out only white space.
///
/// `max` is the limit and `count` what the counter says about the piece: runs of clusters and
/// characters have no natural parts, so they are cut into as many as should fit. Empty if the
/// piece cannot be opened.
pub(super) fn open(text: &str, piece: Piece, max: usize, count: usize) -> Vec<Piece> {
    let Piece { start, end, kind } = piece;
    let inside = &text[start..end];
    match kind {
        Kind::Prose => sentences(inside)
            .map(|r| Piece {
                start: start + r.start,
                end: start + r.end,
                kind: Kind::Sentence,
            })
            .collect(),
        Kind::Lines => lines(text, start..end)
            .map(|r| at(r, Kind::Sentence))
            .collect(),
        Kind::List => items(text, start..end),
        Kind::Heading | Kind::Sentence => words(text, start..end),
        Kind::Word => inside
            .split_word_bound_indices()
            .filter(|(_, part)| !part.trim().is_empty())
            .map(|(i, part)| at(start + i..start + i + part.len(), Kind::Part))
            .collect(),
        Kind::Part => vec![Piece {
            kind: Kind::Clusters,
            ..piece
        }],
        Kind::Clusters => {
            let ends: Vec<usize> = inside
                .grapheme_indices(true)
                .map(|(i, g)| i + g.len())
                .collect();
            match ends.len() {
                0 | 1 => vec![Piece {
                    kind: Kind::Characters,
                    ..piece
                }],
                _ => runs(start, &ends, Kind::Clusters, max, count),
            }
        }
        Kind::Characters => {
            let ends: Vec<usize> = inside
                .char_indices()
                .map(|(i, c)| i + c.len_utf8())
                .collect();
            match ends.len() {
                0 | 1 => Vec::new(),
                _ => runs(start, &ends, Kind::Characters, max, count),
            }
        }
    }
}

fn at(range: Range<usize>, kind: Kind) -> Piece {
    Piece {
        start: range.start,
        end: range.end,
        kind,
    }
}

/// What stands between white space.
pub(super) fn words(text: &str, range: Range<usize>) -> Vec<Piece> {
    let base = text.as_ptr() as usize;
    text[range]
        .split_whitespace()
        .map(|word| {
            let start = word.as_ptr() as usize - base;
            at(start..start + word.len(), Kind::Word)
        })
        .collect()
}

/// The lines with something visible, indentation kept, trailing white space not.
pub(super) fn lines(text: &str, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut offset = range.start;
    text[range].split_inclusive('\n').filter_map(move |line| {
        let start = offset;
        offset += line.len();
        let kept = line.trim_end().len();
        (kept > 0).then_some(start..start + kept)
    })
}

/// The items of a list, each with the lines that continue it.
fn items(text: &str, range: Range<usize>) -> Vec<Piece> {
    let mut items: Vec<Piece> = Vec::new();
    for line in lines(text, range) {
        match items.last_mut() {
            Some(item) if !super::markdown::is_item(&text[line.clone()]) => item.end = line.end,
            _ => items.push(at(line, Kind::Prose)),
        }
    }
    items
}

/// Cuts units that end at `ends` into runs of equal size, at least two.
fn runs(start: usize, ends: &[usize], kind: Kind, max: usize, count: usize) -> Vec<Piece> {
    let fits = (ends.len() as u128 * max as u128 / (count.max(1) as u128)) as usize;
    let size = fits.clamp(1, ends.len().div_ceil(2));
    let mut from = start;
    ends.chunks(size)
        .map(|run| {
            let piece = at(from..start + run[run.len() - 1], kind);
            from = piece.end;
            piece
        })
        .collect()
}
