//! Passages that keep to their subject: cuts where the vectors of neighbouring sentences part.
//!
//! The one idea: a chunk is good if its sentences point in one direction. What a chunk costs is its tokens
//! less the length of the sum of its sentences' vectors, each weighed by its tokens, and something for being
//! a chunk at all; of all ways to cut a text at its sentences the cheapest is found by dynamic programming
//! (segments of constant mean: Jackson and others, 2005). A cut inside a paragraph costs more than one
//! between lines, that more than one between paragraphs, because whoever wrote the text has cut it before.

use super::pack::pack;
use super::pieces::{Kind, Piece, open};
use super::{Chunk, ChunkMode, ChunkerOptions, Vectors};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::text::TokenCounter;

/// Sentences with more tokens are cut, so that no single one decides.
const LONGEST: usize = 50;
/// Sentences with fewer say little by themselves and go with the next.
const SHORTEST: usize = 8;
/// What a chunk costs, in tokens that point away from their neighbours as far as is usual in this text. Chosen
/// with [`CUTS`] by recall and precision on five corpora; `benches/RESULTS.md` has the figures.
const CHUNK: f64 = 15.0;
/// What a cut costs besides, as a multiple of that: inside a paragraph, between lines, between paragraphs.
const CUTS: [f64; 3] = [3.0, 1.5, 0.0];
/// How far vectors point apart at least, so that a chunk has a price where all say the same.
const LEAST: f64 = 0.01;
/// Sentences that a chunk has at most.
const MOST: usize = 512;

/// A sentence, or a few that are short.
struct Unit {
    start: usize,
    end: usize,
    tokens: usize,
}

pub(super) fn split(
    text: &str,
    options: &ChunkerOptions,
    counter: &dyn TokenCounter,
    vectors: &Vectors<'_>,
) -> Result<Vec<Chunk>> {
    let units = units(text, options, counter);
    let texts: Vec<&str> = units
        .iter()
        .map(|unit| &text[unit.start..unit.end])
        .collect();
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows = vectors(&texts)?;
    if rows.len() != texts.len() {
        return Err(Error::invalid(format!(
            "{} vectors came for {} sentences; give one for each",
            rows.len(),
            texts.len()
        )));
    }
    rows.rows().check_finite()?;
    for i in 0..rows.len() {
        to_unit(rows.row_mut(i));
    }
    let room = options.max_tokens - options.overlap;
    let mut chunks = Vec::new();
    let mut before = 0;
    for end in segments(text, &units, &rows, room) {
        let some = &units[before..end];
        let repeated = repeated(&units[..before], options.overlap, chunks.last());
        let chunk = Chunk {
            start: units[before - repeated].start,
            end: some[some.len() - 1].end,
        };
        if counter.count(&text[chunk.start..chunk.end]) <= options.max_tokens {
            chunks.push(chunk);
        } else {
            // Counts that do not add up: what is too much as a whole is cut once more.
            let whole = Piece {
                start: some[0].start,
                end: chunk.end,
                kind: Kind::Prose,
            };
            let alone = plain(options.max_tokens);
            pack(text, vec![whole], &alone, counter, &mut chunks);
        }
        before = end;
    }
    Ok(chunks)
}

/// How sentences are cut that are too long.
fn plain(max_tokens: usize) -> ChunkerOptions {
    ChunkerOptions::default()
        .mode(ChunkMode::Sentence)
        .max_tokens(max_tokens)
}

/// What the text is made of, in order.
fn units(text: &str, options: &ChunkerOptions, counter: &dyn TokenCounter) -> Vec<Unit> {
    let longest = LONGEST.min(options.max_tokens - options.overlap);
    let whole = Piece {
        start: 0,
        end: text.len(),
        kind: Kind::Prose,
    };
    let mut units: Vec<Unit> = Vec::new();
    for sentence in open(text, whole, usize::MAX, 0) {
        let mut parts = vec![Chunk {
            start: sentence.start,
            end: sentence.end,
        }];
        let mut tokens = counter.count(&text[sentence.start..sentence.end]);
        if tokens > longest {
            parts.clear();
            pack(text, vec![sentence], &plain(longest), counter, &mut parts);
        }
        let cut = parts.len() > 1;
        for part in parts {
            if cut || tokens > longest {
                tokens = counter.count(&text[part.start..part.end]);
            }
            match units.last_mut() {
                Some(last)
                    if last.tokens < SHORTEST
                        && last.tokens + tokens <= longest
                        && level(&text[last.end..part.start]) < 2 =>
                {
                    last.end = part.end;
                    // Added up, not counted again, and never nothing: what counts as no tokens would be
                    // merged without end, and counted anew each time.
                    last.tokens += tokens.max(1);
                }
                _ => units.push(Unit {
                    start: part.start,
                    end: part.end,
                    tokens,
                }),
            }
        }
    }
    units
}

/// What parts two sentences: 0 nothing, 1 a line's end, 2 an empty line.
fn level(between: &str) -> usize {
    let lines = between.chars().filter(|&c| c == '\n').count();
    lines.min(2)
}

fn to_unit(row: &mut [f32]) {
    let length = row
        .iter()
        .map(|x| f64::from(*x).powi(2))
        .sum::<f64>()
        .sqrt();
    if length > 0.0 {
        row.iter_mut()
            .for_each(|x| *x = (f64::from(*x) / length) as f32);
    }
}

/// The cheapest segmentation: the number of the unit behind each segment, ascending.
fn segments(text: &str, units: &[Unit], rows: &Matrix, room: usize) -> Vec<usize> {
    let n = units.len();
    let apart = |i: usize| 1.0 - dot(rows.row(i - 1), rows.row(i));
    let usual = (1..n).map(apart).sum::<f64>() / (n - 1).max(1) as f64;
    let chunk = CHUNK * usual.max(LEAST);
    let mut best = vec![f64::INFINITY; n + 1];
    let mut begins = vec![0; n + 1];
    best[0] = 0.0;
    let mut sum = vec![0.0f64; rows.dim()];
    for end in 1..=n {
        let cut = match units.get(end) {
            Some(next) => CUTS[level(&text[units[end - 1].end..next.start])],
            None => 0.0,
        };
        sum.fill(0.0);
        let mut tokens = 0;
        for begin in (0..end).rev().take(MOST) {
            tokens += units[begin].tokens;
            if tokens > room && begin + 1 < end {
                break;
            }
            let weight = units[begin].tokens as f64;
            let mut squares = 0.0;
            for (sum, x) in sum.iter_mut().zip(rows.row(begin)) {
                *sum += weight * f64::from(*x);
                squares += *sum * *sum;
            }
            let cost = best[begin] + tokens as f64 - squares.sqrt() + chunk * (1.0 + cut);
            // Of equal ones the longest.
            if cost <= best[end] {
                (best[end], begins[end]) = (cost, begin);
            }
        }
    }
    let mut ends = Vec::new();
    let mut end = n;
    while end > 0 {
        ends.push(end);
        end = begins[end];
    }
    ends.reverse();
    ends
}

/// How many units before a chunk are repeated in it: never all of the chunk before.
fn repeated(before: &[Unit], overlap: usize, last: Option<&Chunk>) -> usize {
    let mut tokens = 0;
    let fits = before.iter().rev().take_while(|unit| {
        tokens += unit.tokens;
        overlap > 0 && tokens <= overlap && last.is_some_and(|last| unit.start > last.start)
    });
    fits.count()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
    products.sum()
}
