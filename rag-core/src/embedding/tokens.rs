//! Text to token ids, with a tokenizer.json as Hugging Face writes it.
//!
//! The file's own padding and truncation are ignored: they are settings of its last use, not of
//! the model. Padding is never wanted here, and where a text is cut is the model's to say.
//! Files of BERT's own kind are read by `bert_tokenizer`, all others by `tokenizers`: the ids are
//! the same.

use super::bert_tokenizer::BertTokenizer;
use super::files::read_json;
use super::fingerprint::Fingerprint;
use crate::error::{Error, ErrorKind, Result};
use serde::Deserialize;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::{Encoding, PostProcessor, Tokenizer, TruncationDirection};

const MAX_FILE: u64 = 64 << 20;
const MAX_VOCABULARY: u64 = 4_000_000;
/// Bytes of an added token: the search for them is built in a time that grows with its square.
const MAX_ADDED: usize = 1024;

/// The kinds of tokenizer that there are.
const KINDS: [&str; 4] = ["BPE", "WordPiece", "WordLevel", "Unigram"];

/// Bytes of text a token, taken generously: the first guess of how much of a long text is read.
const BYTES_A_TOKEN: usize = 12;

/// The tokens of one text: what the model reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tokens {
    pub(super) ids: Vec<u32>,
    pub(super) types: Vec<u32>,
    /// Whether the text goes on where these end.
    pub(super) truncated: bool,
}

/// A tokenizer and the length to which it cuts.
pub(super) struct TokenReader {
    engine: Engine,
    lowercase: bool,
    max_tokens: usize,
    special: usize,
    vocabulary: usize,
}

enum Engine {
    Bert(Box<BertTokenizer>),
    Other {
        tokenizer: Box<Tokenizer>,
        /// Characters before which a text can be cut without changing the tokens in front.
        borders: Option<Vec<char>>,
    },
}

impl TokenReader {
    /// Reads a tokenizer.json; `vocabulary` is the number of rows of the embedding table.
    pub(super) fn open(
        path: &Path,
        vocabulary: usize,
        max_tokens: usize,
        lowercase: bool,
        hash: &mut Fingerprint,
    ) -> Result<Self> {
        let bytes = read_json(path, MAX_FILE)?;
        hash.bytes(&bytes);
        let refuse = |message: String| {
            Error::invalid(format!("{}: {message}", path.display())).with_file(path)
        };
        let (engine, largest, special) = match BertTokenizer::read(&bytes) {
            Some(own) => {
                let (largest, special) = (own.largest(), own.special());
                (Engine::Bert(Box::new(own)), largest, special)
            }
            None => other(&bytes).map_err(refuse)?,
        };
        let size = u64::from(largest) + 1;
        if size > (vocabulary as u64).min(MAX_VOCABULARY) {
            return Err(refuse(format!(
                "the tokenizer knows {size} tokens, the model's embedding table {vocabulary}; \
                 are they of the same model?"
            )));
        }
        if max_tokens <= special {
            return Err(Error::invalid(format!(
                "max_tokens must be more than {special}, the special tokens of every text, \
                 got {max_tokens}; without the option it is what the model's files say"
            )));
        }
        Ok(Self {
            engine,
            lowercase,
            max_tokens,
            special,
            vocabulary,
        })
    }

    pub(super) fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Tokens of the whole text, special ones included.
    pub(super) fn count(&self, text: &str) -> Result<usize> {
        let text = self.folded(text);
        let own = match &self.engine {
            Engine::Bert(own) => own.count(&text),
            Engine::Other { tokenizer, .. } => raw(tokenizer, &text)?.len(),
        };
        Ok(own + self.special)
    }

    /// The tokens of `prompt` and `text` together, cut to the model's length.
    pub(super) fn read(&self, prompt: &str, text: &str) -> Result<Tokens> {
        let whole = match prompt {
            "" => Cow::Borrowed(text),
            _ => Cow::Owned(format!("{prompt}{text}")),
        };
        let room = self.max_tokens - self.special;
        let (ids, types, truncated) = match &self.engine {
            Engine::Bert(own) => own.tokens(&self.folded(&whole), room),
            Engine::Other { tokenizer, borders } => {
                let mut encoding = self.beginning(tokenizer, borders, &whole, room)?;
                let truncated = encoding.len() > room;
                encoding.truncate(room, 0, TruncationDirection::Right);
                let done =
                    guarded(|| tokenizer.post_process(encoding, None, true)).map_err(failed)?;
                (
                    done.get_ids().to_vec(),
                    done.get_type_ids().to_vec(),
                    truncated,
                )
            }
        };
        if let Some(id) = ids.iter().find(|id| **id as usize >= self.vocabulary) {
            return Err(failed(format!(
                "token {id} is outside the model's {} embeddings",
                self.vocabulary
            )));
        }
        Ok(Tokens {
            ids,
            types,
            truncated,
        })
    }

    /// More than the first `room` tokens of the text, without reading a long one to its end.
    fn beginning(
        &self,
        tokenizer: &Tokenizer,
        borders: &Option<Vec<char>>,
        text: &str,
        room: usize,
    ) -> Result<Encoding> {
        let mut bytes = room.saturating_mul(BYTES_A_TOKEN).max(64);
        while let Some(borders) = borders
            && bytes < text.len()
        {
            let mut from = bytes;
            while !text.is_char_boundary(from) {
                from -= 1;
            }
            let Some(cut) = text[from..].find(|c| is_border(c, borders)) else {
                break;
            };
            let encoding = raw(tokenizer, &self.folded(&text[..from + cut]))?;
            if encoding.len() > room {
                return Ok(encoding);
            }
            bytes = (from + cut).saturating_mul(4);
        }
        raw(tokenizer, &self.folded(text))
    }

    fn folded<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.lowercase {
            true => Cow::Owned(text.to_lowercase()),
            false => Cow::Borrowed(text),
        }
    }
}

/// Refuses added tokens that no model has and that would take forever to prepare for.
fn check_added(bytes: &[u8]) -> Result<(), String> {
    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        added_tokens: Vec<Added>,
        model: Option<Kind>,
    }
    #[derive(Deserialize)]
    struct Added {
        content: String,
    }
    #[derive(Deserialize)]
    struct Kind {
        r#type: Option<String>,
    }
    let file: File = serde_json::from_slice(bytes)
        .map_err(|e| format!("not a tokenizer that can be read: {e}; download it again"))?;
    match file.model.map(|model| model.r#type) {
        None => return Err("it has no \"model\"; save the tokenizer with save_pretrained".into()),
        Some(Some(kind)) if !KINDS.contains(&kind.as_str()) => {
            return Err(format!(
                "its model is \"{kind}\"; one of {} can be read",
                KINDS.join(", ")
            ));
        }
        _ => {}
    }
    match file
        .added_tokens
        .iter()
        .find(|t| t.content.len() > MAX_ADDED)
    {
        Some(token) => Err(format!(
            "an added token of {} bytes; at most {MAX_ADDED} are read",
            token.content.len()
        )),
        None => Ok(()),
    }
}

/// A file that `tokenizers` has to read, its largest id and its special tokens around a text.
fn other(bytes: &[u8]) -> Result<(Engine, u32, usize), String> {
    check_added(bytes)?;
    let mut tokenizer = guarded(|| Tokenizer::from_bytes(bytes))
        .map_err(|e| format!("not a tokenizer that can be read: {e}; download it again"))?;
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|e| e.to_string())?;
    let largest = tokenizer.get_vocab(true).into_values().max().unwrap_or(0);
    let special = (tokenizer.get_post_processor()).map_or(0, |p| p.added_tokens(false));
    let borders = borders(&tokenizer);
    let tokenizer = Box::new(tokenizer);
    Ok((Engine::Other { tokenizer, borders }, largest, special))
}

fn raw(tokenizer: &Tokenizer, text: &str) -> Result<Encoding> {
    guarded(|| tokenizer.encode_fast(text, false)).map_err(failed)
}

fn failed(message: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("the tokenizer cannot read the text: {message}"),
    )
}

/// Runs foreign code whose panics on strange files must not reach the caller.
fn guarded<T, E: std::fmt::Display>(body: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("its settings contradict each other".to_owned()),
    }
}

/// In BERT's way of reading, words end at white space and ideographs whatever follows, so cutting
/// there keeps the tokens in front. Other pipelines may look further and get no borders.
fn borders(tokenizer: &Tokenizer) -> Option<Vec<char>> {
    let bert = matches!(
        (
            tokenizer.get_normalizer(),
            tokenizer.get_pre_tokenizer(),
            tokenizer.get_model()
        ),
        (
            Some(NormalizerWrapper::BertNormalizer(n)),
            Some(PreTokenizerWrapper::BertPreTokenizer(_)),
            ModelWrapper::WordPiece(_)
        ) if n.handle_chinese_chars
    );
    let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
    // An added token may contain a border itself, and would be cut in two.
    let inside = |c: char| added.values().any(|token| token.content.contains(c));
    let spaced = added
        .values()
        .any(|t| t.content.contains(char::is_whitespace) || t.single_word);
    let marks = ['.', ',', ';', '!', '?', '\u{4e00}'];
    (bert && !spaced).then(|| marks.into_iter().filter(|c| !inside(*c)).collect())
}

fn is_border(c: char, borders: &[char]) -> bool {
    let ideograph = ('\u{4e00}'..='\u{9fff}').contains(&c) && borders.contains(&'\u{4e00}');
    c == ' ' || c == '\n' || ideograph || borders.contains(&c)
}
