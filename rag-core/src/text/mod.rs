//! Words, sentences and stems: what lexical search, chunking and metrics share.
//!
//! The one idea: a segment is a byte range of the caller's text, never a copy, and every pass is
//! linear in the text, whatever the text is. [`words`] finds words, [`Analyzer`] makes index
//! terms of them, [`sentences`] finds sentences, [`TokenCounter`] says how long a piece is for a
//! model, [`code_points`] translates byte offsets for languages that count characters,
//! [`question_difference`] and [`Statement`] say what the words of two texts tell apart.
//! Read `words` first, then `analyzer`.

mod alike;
mod analyzer;
mod conflict;
mod lexicon;
mod offsets;
mod sentences;
mod tokens;
mod words;

pub use alike::{Difference, question_difference};
pub use analyzer::{Analyzer, ENGLISH_STOP_WORDS, Language, StemMemo};
pub(crate) use analyzer::{Piece, normal_form};
pub use conflict::{Conflict, Statement};
pub use offsets::{byte_offsets, code_points};
pub use sentences::{Sentences, sentences};
pub use tokens::{TokenCounter, estimate_tokens};
pub use words::{MAX_WORD_CHARS, Word, Words, words};
