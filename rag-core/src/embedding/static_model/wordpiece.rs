//! WordPiece as BERT's uncased models cut text, in one pass and without allocating.
//!
//! A text is cleaned (control characters go, every space is a space), Chinese characters stand
//! alone, accents are stripped (canonical decomposition without nonspacing marks), case is folded,
//! and punctuation marks are words of their own. A word is then cut greedily into the longest
//! pieces that the vocabulary has (Wu et al. 2016; Devlin et al. 2019); a word that cannot be cut,
//! or that is longer than 100 characters, is the one piece "unknown".
//!
//! The character classes come from the two crates that `tokenizers` uses, so that both agree on
//! every string. Special tokens written out in a text, such as `[SEP]`, are ordinary text here:
//! a document cannot speak to the model.

use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;

/// The row of the piece that stands for an unknown word.
pub(crate) const UNKNOWN: u32 = 0;

/// Words with more characters than this are unknown.
const MAX_WORD_CHARS: usize = 100;

/// Bytes that a word of `MAX_WORD_CHARS` characters can take.
const MAX_WORD_BYTES: usize = 4 * MAX_WORD_CHARS;

/// The most bytes that a piece may have.
const MAX_PIECE_BYTES: usize = 64;

/// Start values of the hash: pieces that begin a word and pieces that continue one.
const BEGIN: u32 = 0x811c_9dc5;
const CONTINUE: u32 = 0x2f0b_4a67;

/// The pieces, found by hash.
pub(crate) struct Vocabulary<'a> {
    /// All pieces one after the other, without the `##` of those that continue a word.
    bytes: &'a [u8],
    /// Where each piece starts; one more entry than pieces.
    starts: Vec<u32>,
    /// Whether a piece continues a word.
    continues: Vec<bool>,
    /// Open addressing, a power of two long: row + 1, or 0 for an empty slot.
    slots: Vec<u16>,
    /// The most bytes that a piece has.
    longest: usize,
}

impl<'a> Vocabulary<'a> {
    /// A vocabulary of pieces given by their lengths, laid end to end; the top bit of a length
    /// marks a piece that continues a word. `None` if the lengths do not add up.
    pub(crate) fn new(lengths: &[u8], bytes: &'a [u8]) -> Option<Self> {
        if lengths.len() >= usize::from(u16::MAX) || lengths.is_empty() {
            return None;
        }
        let mut starts = Vec::with_capacity(lengths.len() + 1);
        let mut end = 0;
        starts.push(0);
        for length in lengths {
            end += u32::from(length & 0x7f);
            starts.push(end);
        }
        if end as usize != bytes.len() {
            return None;
        }
        let longest = lengths.iter().map(|l| usize::from(l & 0x7f)).max()?;
        let shortest = lengths.iter().map(|l| usize::from(l & 0x7f)).min()?;
        if shortest == 0 || longest > MAX_PIECE_BYTES {
            return None;
        }
        let mut vocabulary = Vocabulary {
            bytes,
            starts,
            continues: lengths.iter().map(|l| l & 0x80 != 0).collect(),
            slots: vec![0; (lengths.len() * 2).next_power_of_two()],
            longest,
        };
        for row in 1..lengths.len() {
            let piece = vocabulary.piece(row);
            let hash = piece.iter().fold(seed(vocabulary.continues[row]), step);
            let mut slot = vocabulary.slot(hash);
            while vocabulary.slots[slot] != 0 {
                slot = (slot + 1) & (vocabulary.slots.len() - 1);
            }
            vocabulary.slots[slot] = row as u16 + 1;
        }
        Some(vocabulary)
    }

    /// How many pieces there are, the unknown one included.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.continues.len()
    }

    /// The piece of a row as vocabulary files write it, with `##`.
    #[cfg(test)]
    pub(crate) fn written(&self, row: usize) -> String {
        let mark = if self.continues[row] { "##" } else { "" };
        format!("{mark}{}", String::from_utf8_lossy(self.piece(row)))
    }

    /// Cuts a text and calls `each` with the row of every piece, in order.
    pub(crate) fn cut(&self, text: &str, each: &mut impl FnMut(u32)) {
        let mut word = Word::new();
        // A stretch between plain spaces is independent of its neighbours, so one without
        // anything beyond ASCII needs no tables at all.
        for stretch in text.split([' ', '\t', '\n', '\r']) {
            if stretch.is_ascii() {
                for &byte in stretch.as_bytes() {
                    if byte.is_ascii_punctuation() {
                        word.close(self, each);
                        word.push_ascii(byte);
                        word.close(self, each);
                    } else if !byte.is_ascii_control() {
                        word.push_ascii(byte.to_ascii_lowercase());
                    }
                }
            } else {
                for c in normal(stretch) {
                    if c.is_whitespace() {
                        word.close(self, each);
                    } else if c.is_ascii_punctuation() || c.is_punctuation() {
                        word.close(self, each);
                        word.push(c);
                        word.close(self, each);
                    } else {
                        word.push(c);
                    }
                }
            }
            word.close(self, each);
        }
    }

    /// Cuts one word; all of it is known or none.
    fn cut_word(&self, word: &[u8], each: &mut impl FnMut(u32)) {
        match self.longest_piece(word, false) {
            None => each(UNKNOWN),
            Some(row) if self.piece(row).len() == word.len() => each(row as u32),
            Some(row) => self.cut_rest(word, row, each),
        }
    }

    /// Cuts a word that begins with the piece `row` and goes on after it.
    fn cut_rest(&self, word: &[u8], row: usize, each: &mut impl FnMut(u32)) {
        let mut rows = [row as u16; MAX_WORD_BYTES];
        let mut count = 1;
        let mut start = self.piece(row).len();
        while start < word.len() {
            let Some(row) = self.longest_piece(&word[start..], true) else {
                return each(UNKNOWN);
            };
            rows[count] = row as u16;
            count += 1;
            start += self.piece(row).len();
        }
        for &row in &rows[..count] {
            each(u32::from(row));
        }
    }

    /// The row of the longest piece that `rest` starts with.
    fn longest_piece(&self, rest: &[u8], continues: bool) -> Option<usize> {
        let rest = &rest[..rest.len().min(self.longest)];
        let mut hashes = [0u32; MAX_PIECE_BYTES];
        let mut hash = seed(continues);
        for (kept, byte) in hashes.iter_mut().zip(rest) {
            hash = step(hash, byte);
            *kept = hash;
        }
        (1..=rest.len())
            .rev()
            .find_map(|length| self.find(&rest[..length], hashes[length - 1], continues))
    }

    fn find(&self, piece: &[u8], hash: u32, continues: bool) -> Option<usize> {
        let mut slot = self.slot(hash);
        loop {
            let row = usize::from(self.slots[slot]).checked_sub(1)?;
            if self.piece(row) == piece && self.continues[row] == continues {
                return Some(row);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    fn piece(&self, row: usize) -> &'a [u8] {
        &self.bytes[self.starts[row] as usize..self.starts[row + 1] as usize]
    }

    fn slot(&self, hash: u32) -> usize {
        (hash ^ (hash >> 15)) as usize & (self.slots.len() - 1)
    }
}

fn seed(continues: bool) -> u32 {
    if continues { CONTINUE } else { BEGIN }
}

/// One byte of the FNV-1a hash (Fowler, Noll and Vo 1991).
fn step(hash: u32, byte: &u8) -> u32 {
    (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
}

/// The cleaned, decomposed, unaccented, lower-case characters of a text.
fn normal(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .filter(|&c| {
            c != '\0' && c != '\u{fffd}' && (matches!(c, '\t' | '\n' | '\r') || !c.is_other())
        })
        .flat_map(|c| {
            let c = if c.is_whitespace() { ' ' } else { c };
            let (count, padded) = if is_chinese(c) {
                (3, [' ', c, ' '])
            } else {
                (1, [c; 3])
            };
            padded.into_iter().take(count)
        })
        .nfd()
        .map(|(c, _)| c)
        .filter(|c| !c.is_mark_nonspacing())
        .flat_map(char::to_lowercase)
}

/// Ideographs of the blocks that BERT sets apart (Devlin et al. 2019); Hangul and kana are not.
/// The seventh block starts at 2B920 where Unicode says 2B820: models were trained with that.
fn is_chinese(c: char) -> bool {
    matches!(u32::from(c),
        0x4e00..=0x9fff | 0x3400..=0x4dbf | 0x20000..=0x2a6df | 0x2a700..=0x2b73f
        | 0x2b740..=0x2b81f | 0x2b920..=0x2ceaf | 0xf900..=0xfaff | 0x2f800..=0x2fa1f)
}

/// The word being read: its bytes, as long as it is not too long to be known.
struct Word {
    bytes: [u8; MAX_WORD_BYTES],
    length: usize,
    chars: usize,
}

impl Word {
    fn new() -> Self {
        Word {
            bytes: [0; MAX_WORD_BYTES],
            length: 0,
            chars: 0,
        }
    }

    fn push_ascii(&mut self, byte: u8) {
        if self.chars < MAX_WORD_CHARS {
            self.bytes[self.length] = byte;
            self.length += 1;
        }
        self.chars += 1;
    }

    fn push(&mut self, c: char) {
        if self.chars < MAX_WORD_CHARS {
            self.length += c.encode_utf8(&mut self.bytes[self.length..]).len();
        }
        self.chars += 1;
    }

    fn close(&mut self, vocabulary: &Vocabulary, each: &mut impl FnMut(u32)) {
        if self.chars > MAX_WORD_CHARS {
            each(UNKNOWN);
        } else if self.chars > 0 {
            vocabulary.cut_word(&self.bytes[..self.length], each);
        }
        self.length = 0;
        self.chars = 0;
    }
}
