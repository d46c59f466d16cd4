//! Packing pieces into chunks that fit.
//!
//! Pieces wait on a stack. The next one joins the chunk if it fits, closes the chunk if not, and
//! is opened if it does not fit even alone. A finished chunk is counted as a whole before it is
//! kept. Next: the guarantees on `Chunker`.

use super::pieces::{Kind, Piece, open};
use super::{Chunk, ChunkMode, ChunkerOptions};
use crate::text::TokenCounter;

/// Words above this share of a chunk are opened in `tokens` mode, so that windows fill up in
/// scripts without spaces.
const COARSE: usize = 8;

struct Packer<'a> {
    text: &'a str,
    options: &'a ChunkerOptions,
    counter: &'a dyn TokenCounter,
    /// Pieces to come, the next one last, with their counts once known.
    waiting: Vec<(Piece, Option<usize>)>,
    /// The chunk being filled.
    current: Vec<(Piece, usize)>,
    tokens: usize,
    /// How many pieces at the front of `current` repeat the chunk before.
    repeated: usize,
    /// Most pieces to try in a chunk: lowered when counts do not add up, so that what is tried
    /// and given back stays in proportion to what is kept.
    limit: usize,
}

pub(super) fn pack(
    text: &str,
    pieces: Vec<Piece>,
    options: &ChunkerOptions,
    counter: &dyn TokenCounter,
    chunks: &mut Vec<Chunk>,
) {
    let waiting = pieces
        .into_iter()
        .rev()
        .map(|piece| (piece, None))
        .collect();
    let mut packer = Packer {
        text,
        options,
        counter,
        waiting,
        current: Vec::new(),
        tokens: 0,
        repeated: 0,
        limit: usize::MAX,
    };
    while packer.step(chunks) {}
}

impl Packer<'_> {
    /// Places, opens or gives way to the next piece; false when all are placed.
    fn step(&mut self, chunks: &mut Vec<Chunk>) -> bool {
        let Some((piece, known)) = self.waiting.pop() else {
            if self.current.len() > self.repeated {
                self.close(chunks);
                return true;
            }
            return false;
        };
        let max = self.options.max_tokens;
        let count = known.unwrap_or_else(|| self.counter.count(&self.text[piece.start..piece.end]));
        let coarse = self.options.mode == ChunkMode::Tokens
            && piece.kind == Kind::Word
            && count > (max / COARSE).max(1);
        let fits = count <= max.saturating_sub(self.tokens) && self.current.len() < self.limit;
        if fits && !coarse {
            self.current.push((piece, count));
            self.tokens += count;
            return true;
        }
        // A chunk of headings alone is no passage: what follows is opened to join it.
        let bare = self
            .current
            .iter()
            .all(|(piece, _)| piece.kind == Kind::Heading);
        if coarse
            || count > max && self.current.len() == self.repeated
            || bare && !self.current.is_empty()
        {
            let parts = open(self.text, piece, max, count);
            let useful = coarse
                || count > max
                || matches!(
                    piece.kind,
                    Kind::Prose | Kind::Lines | Kind::List | Kind::Sentence
                );
            if !parts.is_empty() && useful {
                let same = parts.len() == 1;
                let parts = parts.into_iter().rev();
                self.waiting
                    .extend(parts.map(|part| (part, same.then_some(count))));
                return true;
            }
        }
        self.waiting.push((piece, Some(count)));
        if self.repeated > 0 && self.current.len() == self.repeated {
            self.forget(count);
        } else if self.current.is_empty() {
            // A single character above the limit stands alone.
            self.waiting.pop();
            self.current.push((piece, count));
            self.tokens = count;
            self.close(chunks);
        } else {
            self.close(chunks);
        }
        true
    }

    /// Drops repeated pieces from the front until `count` more tokens fit, at least one.
    fn forget(&mut self, count: usize) {
        let mut dropped = 0;
        for (_, tokens) in &self.current {
            let fits = count <= self.options.max_tokens.saturating_sub(self.tokens);
            if dropped > 0 && fits && self.current.len() - dropped < self.limit {
                break;
            }
            self.tokens -= tokens;
            dropped += 1;
        }
        self.current.drain(..dropped);
        self.repeated -= dropped;
    }

    /// Ends the chunk, giving back what is too much when it is counted as a whole.
    fn close(&mut self, chunks: &mut Vec<Chunk>) {
        let mut shrunk = false;
        while self.current.len() > 1 && self.whole() > self.options.max_tokens {
            if self.repeated > 0 {
                self.current.drain(..self.repeated);
                self.repeated = 0;
                continue;
            }
            shrunk = true;
            let kept = self.current.len() / 2;
            let back = self.current.drain(kept..).rev();
            self.waiting
                .extend(back.map(|(piece, count)| (piece, Some(count))));
        }
        self.limit = match shrunk {
            true => self.current.len(),
            false => self.limit.saturating_mul(2),
        };
        let (first, last) = (self.current[0].0, self.current[self.current.len() - 1].0);
        chunks.push(Chunk {
            start: first.start,
            end: last.end,
        });
        self.repeat();
    }

    fn whole(&self) -> usize {
        let end = self.current[self.current.len() - 1].0.end;
        self.counter.count(&self.text[self.current[0].0.start..end])
    }

    /// Leaves in `current` what the next chunk repeats: never all of it, and no heading.
    fn repeat(&mut self) {
        let mut tokens = 0;
        let kept = self.current[1..]
            .iter()
            .rev()
            .take_while(|(piece, count)| {
                tokens += count;
                tokens <= self.options.overlap && piece.kind != Kind::Heading
            })
            .count();
        let kept = if self.options.overlap == 0 { 0 } else { kept };
        self.current.drain(..self.current.len() - kept);
        self.tokens = self.current.iter().map(|(_, count)| count).sum();
        self.repeated = kept;
    }
}
