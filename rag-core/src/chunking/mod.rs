//! Documents to passages with exact offsets.
//!
//! The one idea: a document is a tree of pieces (blocks, sentences, words, characters), each a
//! byte range; a chunk is a run of neighbouring pieces that fits, and a piece is opened only when
//! it does not fit on its own. So `&text[start..end]` is the chunk by construction, and nothing
//! visible is lost. Read `pieces` for the tree, `markdown` for its upper levels, `pack` for the
//! packing, `semantic` for cuts by subject.

mod markdown;
mod pack;
mod pieces;
mod semantic;

use crate::error::{Error, ErrorKind, Result};
use crate::matrix::Matrix;
use crate::text::TokenCounter;
use pieces::{Kind, Piece};

crate::option_enum! {
    /// Where a document may be cut.
    ChunkMode {
        /// Between sentences.
        Sentence = "sentence",
        /// Between the blocks of a Markdown document, never across headings.
        Markdown = "markdown",
        /// Between words: windows of equal length.
        Tokens = "tokens",
        /// Where the subject changes, as vectors of the sentences tell.
        Semantic = "semantic",
    }
}

crate::options! {
    /// How long passages are and where they may begin.
    ChunkerOptions {
        /// Most tokens of a chunk.
        max_tokens: usize = 256, in 1..=1_000_000;
        /// Tokens repeated from the chunk before, at most; less than `max_tokens`.
        overlap: usize = 0, in 0..=999_999;
        /// Where a document may be cut.
        mode: ChunkMode = ChunkMode::Sentence;
    }
}

/// Makes a vector of each text, for [`ChunkMode::Semantic`].
pub type Vectors<'a> = dyn Fn(&[&str]) -> Result<Matrix> + 'a;

/// A passage: `&text[start..end]`, in bytes, on character boundaries.
///
/// [`crate::text::code_points`] turns the offsets into those that Python counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chunk {
    /// Byte offset of the first character.
    pub start: usize,
    /// Byte offset after the last character.
    pub end: usize,
}

/// Cuts documents into passages.
///
/// For every text and every counter:
/// - chunks ascend, both in `start` and in `end`, and hold all text that is not white space;
///   without `overlap` they do not overlap;
/// - a chunk holds something visible; `sentence` and `tokens` trim white space, `markdown` keeps
///   the indentation of code and lists;
/// - the counter's count of the whole chunk is at most `max_tokens`, unless a single character
///   already counts more. Chunks are filled by adding up the counts of their pieces and then
///   checked as a whole, so a counter whose counts do not add up costs fill, never the limit.
///
/// `overlap` repeats whole pieces: sentences in `sentence`, `markdown` and `semantic` (none if the last
/// sentence is longer than `overlap`), words in `tokens`. Linear in the text for counters that
/// are.
///
/// `semantic` cuts where the vectors of neighbouring sentences part, rather between paragraphs than inside
/// one ([`split_with`](Self::split_with)); `max_tokens` then is a bound, and most chunks are shorter.
///
/// ```
/// use rag_core::chunking::{ChunkMode, Chunker, ChunkerOptions};
/// use rag_core::text::estimate_tokens;
/// let text = "# Cats\n\nThey purr. They sleep.\n\n# Dogs\n\nThey bark.";
/// let options = ChunkerOptions::default().mode(ChunkMode::Markdown).max_tokens(50);
/// let chunks = Chunker::new(&options)?.split(text, &estimate_tokens)?;
/// let texts: Vec<_> = chunks.iter().map(|c| &text[c.start..c.end]).collect();
/// assert_eq!(texts, ["# Cats\n\nThey purr. They sleep.", "# Dogs\n\nThey bark."]);
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Chunker {
    options: ChunkerOptions,
}

impl Chunker {
    /// A chunker. Fails with `InvalidArgument` if an option is outside its range or `overlap` is
    /// not below `max_tokens`.
    pub fn new(options: &ChunkerOptions) -> Result<Self> {
        options.check()?;
        if options.overlap >= options.max_tokens {
            return Err(Error::invalid(format!(
                "overlap must be less than max_tokens, got {} and {}",
                options.overlap, options.max_tokens
            )));
        }
        Ok(Self {
            options: options.clone(),
        })
    }

    /// The options it was made with.
    pub fn options(&self) -> &ChunkerOptions {
        &self.options
    }

    /// The passages of `text`, in order; none for a text of white space. Fails with `Unsupported` in the mode
    /// `"semantic"`, which needs vectors: see [`split_with`](Self::split_with).
    ///
    /// ```
    /// use rag_core::chunking::{Chunk, Chunker, ChunkerOptions};
    /// let words = |text: &str| text.split_whitespace().count();
    /// let chunker = Chunker::new(&ChunkerOptions::default().max_tokens(3).overlap(2))?;
    /// let text = "One two. Three. Four five six seven.";
    /// let chunks = chunker.split(text, &words)?;
    /// let texts: Vec<_> = chunks.iter().map(|c| &text[c.start..c.end]).collect();
    /// assert_eq!(texts, ["One two. Three.", "Three. Four five", "Four five six", "five six seven."]);
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn split(&self, text: &str, counter: &dyn TokenCounter) -> Result<Vec<Chunk>> {
        self.split_with(text, counter, &|_| {
            Err(Error::new(
                ErrorKind::Unsupported,
                "the mode \"semantic\" compares sentences by their vectors; give an embedder, or use \
                 \"sentence\", \"markdown\" or \"tokens\"",
            ))
        })
    }

    /// [`split`](Self::split) where vectors can be had: in the mode `"semantic"` `vectors` is asked once for
    /// those of all sentences (short ones together, long ones in parts), in other modes never.
    ///
    /// Of all ways to cut the text at sentences within `max_tokens` the one is taken whose chunks point most
    /// in one direction, for a price of each chunk (segments of constant mean by dynamic programming:
    /// Jackson and others, 2005). The same text and vectors give the same chunks.
    ///
    /// Errors are those of `vectors`, and `InvalidArgument` for another number of vectors than texts or one
    /// that is not finite.
    ///
    /// ```
    /// use rag_core::Matrix;
    /// use rag_core::chunking::{ChunkMode, Chunker, ChunkerOptions};
    /// use rag_core::text::estimate_tokens;
    /// let text = "Cats purr when they are stroked at night. Cats sleep for most of every single day.\n\n\
    ///             Banks lend money to those who have some. Banks earn interest on all the money lent.";
    /// let about = |texts: &[&str]| {
    ///     let vector = |text: &&str| [f32::from(text.contains("Cats")), f32::from(text.contains("Banks"))];
    ///     Matrix::from_vec(texts.iter().flat_map(vector).collect(), 2)
    /// };
    /// let chunker = Chunker::new(&ChunkerOptions::default().mode(ChunkMode::Semantic))?;
    /// let chunks = chunker.split_with(text, &estimate_tokens, &about)?;
    /// assert_eq!(chunks.len(), 2);
    /// assert!(text[chunks[1].start..].starts_with("Banks lend"));
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn split_with(
        &self,
        text: &str,
        counter: &dyn TokenCounter,
        vectors: &Vectors<'_>,
    ) -> Result<Vec<Chunk>> {
        let mut chunks = Vec::new();
        match self.options.mode {
            ChunkMode::Markdown => {
                for section in markdown::sections(text) {
                    pack::pack(text, section, &self.options, counter, &mut chunks);
                }
            }
            ChunkMode::Tokens => {
                let words = pieces::words(text, 0..text.len());
                pack::pack(text, words, &self.options, counter, &mut chunks);
            }
            ChunkMode::Semantic => return semantic::split(text, &self.options, counter, vectors),
            ChunkMode::Sentence => {
                let whole = Piece {
                    start: 0,
                    end: text.len(),
                    kind: Kind::Prose,
                };
                let sentences = pieces::open(text, whole, usize::MAX, 0);
                pack::pack(text, sentences, &self.options, counter, &mut chunks);
            }
        }
        Ok(chunks)
    }
}
