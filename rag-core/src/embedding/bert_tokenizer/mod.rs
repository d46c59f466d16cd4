//! A tokenizer.json of BERT's own kind, read without `tokenizers` and some twenty times as fast.
//!
//! A file is taken when every setting is one that `wordpiece` implements; any other one is left
//! to `tokenizers`, which is also what the tests compare with. Special tokens such as `[SEP]` are
//! found in the text itself, as Hugging Face finds them; what lies between two of them is
//! normalised and cut for itself.

mod file;

use super::wordpiece::WordPiece;
use std::ops::ControlFlow;

/// Bytes of a text that are searched for special tokens before they are cut: what is not needed
/// of a long text is not read.
const BLOCK: usize = 4096;

/// BERT's way from a text to token ids.
pub(super) struct BertTokenizer {
    words: WordPiece<'static>,
    specials: Specials,
    /// Ids and types of the tokens before and after every text.
    before: Vec<(u32, u32)>,
    after: Vec<(u32, u32)>,
    /// The type of a text's own tokens.
    kind: u32,
    largest: u32,
}

impl BertTokenizer {
    /// Takes a tokenizer.json, or leaves it to the general reader.
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        file::read(json)
    }

    /// The largest id that can come out.
    pub(super) fn largest(&self) -> u32 {
        self.largest
    }

    /// How many tokens stand around every text.
    pub(super) fn special(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// Tokens of the text itself.
    pub(super) fn count(&self, text: &str) -> usize {
        let mut count = 0;
        let _ = self.cut(text, &mut |_| {
            count += 1;
            ControlFlow::Continue(())
        });
        count
    }

    /// Writes ids and types of a text's first `room` tokens, between those that stand around it;
    /// answers whether there were more.
    pub(super) fn tokens(&self, text: &str, room: usize) -> (Vec<u32>, Vec<u32>, bool) {
        let guess = room.min(text.len() / 4) + self.special() + 1;
        let mut ids = Vec::with_capacity(guess);
        ids.extend(self.before.iter().map(|(id, _)| *id));
        let full = ids.len() + room;
        let more = self.cut(text, &mut |id| {
            if ids.len() == full {
                return ControlFlow::Break(());
            }
            ids.push(id);
            ControlFlow::Continue(())
        });
        let mut types = Vec::with_capacity(ids.len() + self.after.len());
        types.extend(self.before.iter().map(|(_, kind)| *kind));
        types.resize(ids.len(), self.kind);
        ids.extend(self.after.iter().map(|(id, _)| *id));
        types.extend(self.after.iter().map(|(_, kind)| *kind));
        (ids, types, more.is_break())
    }

    fn cut<F>(&self, text: &str, each: &mut F) -> ControlFlow<()>
    where
        F: FnMut(u32) -> ControlFlow<()>,
    {
        let mut rest = text;
        while !rest.is_empty() {
            // No word, no special token and no run of marks goes across a space.
            let space = (rest.as_bytes().get(BLOCK..))
                .and_then(|far| far.iter().position(|byte| *byte == b' '));
            let (mut block, next) = rest.split_at(space.map_or(rest.len(), |at| BLOCK + at));
            rest = next;
            while let Some((at, length, id)) = self.specials.first(block) {
                self.words.cut(&block[..at], each)?;
                each(id)?;
                block = &block[at + length..];
            }
            self.words.cut(block, each)?;
        }
        ControlFlow::Continue(())
    }
}

/// The tokens that are found before anything else is done to a text.
struct Specials {
    /// Longest first: where several begin, the longest counts.
    tokens: Vec<(Box<str>, u32)>,
    begins: [bool; 256],
}

impl Specials {
    /// None of the tokens may be empty or contain white space.
    fn new(mut tokens: Vec<(Box<str>, u32)>) -> Self {
        tokens.sort_by_key(|(token, _)| std::cmp::Reverse(token.len()));
        let mut begins = [false; 256];
        for (token, _) in &tokens {
            begins[usize::from(token.as_bytes()[0])] = true;
        }
        Self { tokens, begins }
    }

    /// Place, length and id of the first one in the text.
    fn first(&self, text: &str) -> Option<(usize, usize, u32)> {
        let bytes = text.as_bytes();
        let mut from = 0;
        loop {
            let at =
                from + (bytes[from..].iter()).position(|byte| self.begins[usize::from(*byte)])?;
            let found =
                (self.tokens.iter()).find(|(token, _)| bytes[at..].starts_with(token.as_bytes()));
            if let Some((token, id)) = found {
                return Some((at, token.len(), *id));
            }
            from = at + 1;
        }
    }
}

#[cfg(test)]
mod tests;
