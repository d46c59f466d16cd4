//! WordPiece as BERT's models cut text, in one pass and without allocating.
//!
//! A text is cleaned (control characters go, every space is a space), Chinese characters stand
//! alone, accents are stripped (canonical decomposition without nonspacing marks), case is folded,
//! and punctuation marks are words of their own. A word is then cut greedily into the longest
//! pieces that the vocabulary has (Wu et al. 2016; Devlin et al. 2019); a word that cannot be cut,
//! or that is too long, is the one piece "unknown".
//!
//! The character classes come from the two crates that `tokenizers` uses, so that both agree on
//! every string. Special tokens written out in a text, such as `[SEP]`, are ordinary text here;
//! `bert_tokenizer` finds them first, for the models whose users expect that.

use std::borrow::Cow;
use std::ops::ControlFlow;
use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;

/// The most characters of a known word that a model can ask for; BERT's ask for 100.
pub(super) const MAX_WORD_CHARS: usize = 256;

/// Bytes that a word of `MAX_WORD_CHARS` characters can take.
const MAX_WORD_BYTES: usize = 4 * MAX_WORD_CHARS;

/// Start values of the hash: pieces that begin a word and pieces that continue one.
const BEGIN: u32 = 0x811c_9dc5;
const CONTINUE: u32 = 0x2f0b_4a67;

/// The prime of the FNV-1a hash (Fowler, Noll and Vo 1991), and its inverse modulo 2^32.
const PRIME: u32 = 0x0100_0193;
const INVERSE: u32 = 0x359c_449b;
const _: () = assert!(PRIME.wrapping_mul(INVERSE) == 1);

/// Bits of a slot that number a piece; the others hold bits of its hash.
const NUMBER: u32 = 20;

/// How characters are treated before words are cut: the settings of BERT's normalizer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Control characters go.
    pub(super) clean: bool,
    /// Chinese characters are words of their own.
    pub(super) chinese: bool,
    /// Accents go.
    pub(super) strip: bool,
    pub(super) lowercase: bool,
}

impl Rules {
    /// As the models called "uncased" have them.
    pub(super) const UNCASED: Rules = Rules {
        clean: true,
        chinese: true,
        strip: true,
        lowercase: true,
    };
}

/// What an ASCII character is to a text.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    Gone,
    Space,
    Punctuation,
    /// Part of a word, as this byte.
    Letter(u8),
}

/// One way to write a piece: one that continues a word is listed without its mark.
#[derive(Clone, Copy)]
struct Piece {
    start: u32,
    length: u16,
    continues: bool,
    id: u32,
}

/// A vocabulary, found by hash, and the rules by which texts are cut into it.
pub(super) struct WordPiece<'a> {
    /// The letters of all pieces.
    bytes: Cow<'a, [u8]>,
    pieces: Vec<Piece>,
    /// Open addressing, a power of two long: bits of the hash and number + 1; 0 if empty.
    slots: Vec<u32>,
    /// The most bytes of a piece that begins a word and of one that continues it.
    longest: [usize; 2],
    unknown: u32,
    max_chars: usize,
    rules: Rules,
    ascii: [Class; 128],
}

impl<'a> WordPiece<'a> {
    /// A vocabulary without pieces. `None` if `max_chars` is beyond [`MAX_WORD_CHARS`].
    pub(super) fn new(
        bytes: Cow<'a, [u8]>,
        unknown: u32,
        max_chars: usize,
        rules: Rules,
    ) -> Option<Self> {
        let fits = max_chars <= MAX_WORD_CHARS && u32::try_from(bytes.len()).is_ok();
        fits.then(|| WordPiece {
            bytes,
            pieces: Vec::new(),
            slots: vec![0; 64],
            longest: [0; 2],
            unknown,
            max_chars,
            rules,
            ascii: std::array::from_fn(|byte| rules.class(byte as u8)),
        })
    }

    /// A vocabulary of pieces given by their lengths, laid end to end; the top bit of a length
    /// marks a piece that continues a word. Ids are row numbers, and row 0, which no text
    /// spells, is the unknown word. `None` if the lengths do not add up.
    pub(super) fn of_lengths(lengths: &[u8], bytes: &'a [u8]) -> Option<Self> {
        let mut vocabulary = Self::new(Cow::Borrowed(bytes), 0, 100, Rules::UNCASED)?;
        vocabulary.reserve(lengths.len())?;
        let mut start = 0;
        for (row, length) in lengths.iter().enumerate() {
            let end = start + usize::from(length & 0x7f);
            if end > bytes.len() || end == start {
                return None;
            }
            let piece = vocabulary.piece(start..end, length & 0x80 != 0, row as u32)?;
            match row {
                0 => vocabulary.pieces.push(piece),
                _ => vocabulary.insert(piece)?,
            }
            start = end;
        }
        (start == bytes.len() && !lengths.is_empty()).then_some(vocabulary)
    }

    /// Makes room for `count` pieces in all; `None` if they are too many.
    pub(super) fn reserve(&mut self, count: usize) -> Option<()> {
        if count >= (1 << NUMBER) - 1 {
            return None;
        }
        self.slots = vec![0; (count * 2).next_power_of_two().max(64)];
        self.pieces = Vec::with_capacity(count);
        Some(())
    }

    /// Adds the piece of these bytes; `None` if it is there already or too long.
    pub(super) fn add(
        &mut self,
        span: std::ops::Range<usize>,
        continues: bool,
        id: u32,
    ) -> Option<()> {
        let piece = self.piece(span, continues, id)?;
        self.insert(piece)
    }

    fn piece(&self, span: std::ops::Range<usize>, continues: bool, id: u32) -> Option<Piece> {
        Some(Piece {
            length: u16::try_from(span.len()).ok()?,
            start: u32::try_from(span.start).ok()?,
            continues,
            id,
        })
    }

    fn insert(&mut self, piece: Piece) -> Option<()> {
        let letters = self.letters(&piece);
        let hash = letters.iter().fold(seed(piece.continues), step);
        if letters.is_empty() || self.find(letters, hash, piece.continues).is_some() {
            return None;
        }
        let longest = &mut self.longest[usize::from(piece.continues)];
        *longest = usize::from(piece.length).max(*longest);
        let mut slot = self.slot(hash);
        while self.slots[slot] != 0 {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.pieces.push(piece);
        self.slots[slot] = (hash >> NUMBER << NUMBER) | self.pieces.len() as u32;
        Some(())
    }

    /// How many pieces there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// A piece as vocabulary files write it, with `##`.
    #[cfg(test)]
    pub(super) fn written(&self, number: usize) -> String {
        let piece = &self.pieces[number];
        let mark = if piece.continues { "##" } else { "" };
        format!("{mark}{}", String::from_utf8_lossy(self.letters(piece)))
    }

    /// Cuts a text and calls `each` with the id of every piece, in order, until it breaks off.
    /// What follows the piece at which it does is not read.
    pub(super) fn cut<F>(&self, text: &str, each: &mut F) -> ControlFlow<()>
    where
        F: FnMut(u32) -> ControlFlow<()>,
    {
        let mut word = Word::new();
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.ascii.get(usize::from(byte)) {
                Some(Class::Letter(letter)) => word.push_ascii(*letter),
                Some(Class::Space) => word.close(self, each)?,
                Some(Class::Gone) => (),
                Some(Class::Punctuation) => {
                    word.close(self, each)?;
                    word.push_ascii(byte);
                    word.close(self, each)?;
                }
                // ASCII does not decompose and no mark moves across it, so that what lies
                // between two such characters can be decomposed by itself.
                None => {
                    at += self.cut_run(&text[at..], &mut word, each)?;
                    continue;
                }
            }
            at += 1;
        }
        word.close(self, each)
    }

    /// Reads on to the next ASCII character and answers how many bytes that were.
    fn cut_run<F>(&self, text: &str, word: &mut Word, each: &mut F) -> ControlFlow<(), usize>
    where
        F: FnMut(u32) -> ControlFlow<()>,
    {
        let mut length = 0;
        let run = (text.chars())
            .take_while(|c| !c.is_ascii())
            .inspect(|c| length += c.len_utf8());
        let spaced = run.filter(|c| self.rules.keeps(*c)).flat_map(|c| {
            let c = if c.is_whitespace() { ' ' } else { c };
            let alone = self.rules.chinese && is_chinese(c);
            let (count, padded) = if alone {
                (3, [' ', c, ' '])
            } else {
                (1, [c; 3])
            };
            padded.into_iter().take(count)
        });
        if self.rules.strip {
            for (c, _) in spaced.nfd() {
                if !c.is_mark_nonspacing() {
                    self.cut_char(c, word, each)?;
                }
            }
        } else {
            for c in spaced {
                self.cut_char(c, word, each)?;
            }
        }
        ControlFlow::Continue(length)
    }

    fn cut_char<F>(&self, c: char, word: &mut Word, each: &mut F) -> ControlFlow<()>
    where
        F: FnMut(u32) -> ControlFlow<()>,
    {
        if !self.rules.lowercase {
            return self.cut_folded(c, word, each);
        }
        c.to_lowercase()
            .try_for_each(|c| self.cut_folded(c, word, each))
    }

    fn cut_folded<F>(&self, c: char, word: &mut Word, each: &mut F) -> ControlFlow<()>
    where
        F: FnMut(u32) -> ControlFlow<()>,
    {
        if c.is_whitespace() {
            word.close(self, each)
        } else if c.is_ascii_punctuation() || c.is_punctuation() {
            word.close(self, each)?;
            word.push(c);
            word.close(self, each)
        } else {
            word.push(c);
            ControlFlow::Continue(())
        }
    }

    /// The longest piece that `rest` starts with.
    fn longest_piece(&self, rest: &[u8], continues: bool) -> Option<&Piece> {
        let rest = &rest[..rest.len().min(self.longest[usize::from(continues)])];
        let mut hash = rest.iter().fold(seed(continues), step);
        for length in (1..=rest.len()).rev() {
            if let Some(piece) = self.find(&rest[..length], hash, continues) {
                return Some(piece);
            }
            hash = hash.wrapping_mul(INVERSE) ^ u32::from(rest[length - 1]);
        }
        None
    }

    fn find(&self, letters: &[u8], hash: u32, continues: bool) -> Option<&Piece> {
        let mut slot = self.slot(hash);
        loop {
            let held = self.slots[slot];
            let number = (held & ((1 << NUMBER) - 1)).checked_sub(1)?;
            if (held ^ hash) >> NUMBER == 0 {
                let piece = &self.pieces[number as usize];
                if piece.continues == continues && self.letters(piece) == letters {
                    return Some(piece);
                }
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    fn letters(&self, piece: &Piece) -> &[u8] {
        &self.bytes[piece.start as usize..][..usize::from(piece.length)]
    }

    fn slot(&self, hash: u32) -> usize {
        (hash ^ (hash >> 15)) as usize & (self.slots.len() - 1)
    }
}

fn seed(continues: bool) -> u32 {
    if continues { CONTINUE } else { BEGIN }
}

/// One byte of the hash.
fn step(hash: u32, byte: &u8) -> u32 {
    (hash ^ u32::from(*byte)).wrapping_mul(PRIME)
}

impl Rules {
    fn class(self, byte: u8) -> Class {
        let c = char::from(byte);
        if matches!(c, '\t' | '\n' | '\r') {
            Class::Space
        } else if self.clean && c.is_control() {
            Class::Gone
        } else if c.is_whitespace() {
            Class::Space
        } else if c.is_ascii_punctuation() {
            Class::Punctuation
        } else if self.lowercase {
            Class::Letter(byte.to_ascii_lowercase())
        } else {
            Class::Letter(byte)
        }
    }

    /// Whether a character outside ASCII survives the cleaning.
    fn keeps(self, c: char) -> bool {
        !self.clean || (c != '\u{fffd}' && !c.is_other())
    }
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
    /// The pieces of a word that takes several: it is known only once its end is.
    ids: [u32; MAX_WORD_CHARS],
    length: usize,
    chars: usize,
}

impl Word {
    fn new() -> Self {
        Word {
            bytes: [0; MAX_WORD_BYTES],
            ids: [0; MAX_WORD_CHARS],
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

    /// Cuts what was read; all of it is known or none.
    fn close<F>(&mut self, vocabulary: &WordPiece<'_>, each: &mut F) -> ControlFlow<()>
    where
        F: FnMut(u32) -> ControlFlow<()>,
    {
        let (length, chars) = (self.length, self.chars);
        (self.length, self.chars) = (0, 0);
        if chars == 0 {
            return ControlFlow::Continue(());
        }
        if chars > vocabulary.max_chars {
            return each(vocabulary.unknown);
        }
        let word = &self.bytes[..length];
        let (mut start, mut count) = (0, 0);
        while start < length {
            let Some(piece) = vocabulary.longest_piece(&word[start..], start > 0) else {
                return each(vocabulary.unknown);
            };
            // A word of one piece, as most are, needs no second look.
            if usize::from(piece.length) == length {
                return each(piece.id);
            }
            self.ids[count] = piece.id;
            count += 1;
            start += usize::from(piece.length);
        }
        self.ids[..count].iter().try_for_each(|id| each(*id))
    }
}
