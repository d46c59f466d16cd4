//! Reading a tokenizer.json, and deciding whether it is one of BERT's kind.
//!
//! Everything but the vocabulary is read by the types of `tokenizers`, so that a setting means
//! here what it means there. The vocabulary is not, because that takes longer than to read the
//! weights of a small model and leaves three copies of it in memory.

use super::super::wordpiece::{Rules, WordPiece};
use super::{BertTokenizer, Specials};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokenizers::{
    DecoderWrapper, Encoding, NormalizerWrapper, PaddingParams, PostProcessor,
    PostProcessorWrapper, PreTokenizerWrapper, Token, TruncationParams,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: String,
    #[serde(rename = "truncation")]
    _truncation: Option<TruncationParams>,
    #[serde(rename = "padding")]
    _padding: Option<PaddingParams>,
    #[serde(default)]
    added_tokens: Vec<Added>,
    normalizer: NormalizerWrapper,
    pre_tokenizer: PreTokenizerWrapper,
    post_processor: Option<PostProcessorWrapper>,
    #[serde(rename = "decoder")]
    _decoder: Option<DecoderWrapper>,
    model: Model,
}

/// White space at the sides is swallowed or not by `lstrip` and `rstrip`: it makes no token
/// either way.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Added {
    #[serde(rename = "id")]
    _id: u32,
    content: String,
    single_word: bool,
    #[serde(rename = "lstrip")]
    _lstrip: bool,
    #[serde(rename = "rstrip")]
    _rstrip: bool,
    normalized: bool,
    #[serde(rename = "special")]
    _special: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    #[serde(rename = "type")]
    kind: String,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: Pieces,
}

/// The pieces as they are written, end to end: end and id of each.
#[derive(Default)]
struct Pieces {
    bytes: Vec<u8>,
    ends: Vec<(usize, u32)>,
}

impl Pieces {
    fn iter(&self) -> impl Iterator<Item = (std::ops::Range<usize>, u32)> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(end, _)| *end));
        starts
            .zip(&self.ends)
            .map(|(start, (end, id))| (start..*end, *id))
    }

    fn id(&self, piece: &str) -> Option<u32> {
        let mut all = self.iter();
        all.find(|(span, _)| &self.bytes[span.clone()] == piece.as_bytes())
            .map(|(_, id)| id)
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Pieces {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pieces;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("pieces and their ids")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pieces, A::Error> {
                let mut pieces = Pieces::default();
                while let Some((Key(piece), id)) = map.next_entry()? {
                    pieces.bytes.extend(piece.as_bytes());
                    pieces.ends.push((pieces.bytes.len(), id));
                }
                Ok(pieces)
            }
        }
        from.deserialize_map(Reader)
    }
}

pub(super) fn read(json: &[u8]) -> Option<BertTokenizer> {
    // The types of another crate read the file: should one of them panic, that crate is asked
    // again, and there the panic is dealt with.
    let file: File = catch_unwind(|| serde_json::from_slice(json).ok()).ok()??;
    let (NormalizerWrapper::BertNormalizer(normalizer), PreTokenizerWrapper::BertPreTokenizer(_)) =
        (&file.normalizer, &file.pre_tokenizer)
    else {
        return None;
    };
    if file.version != "1.0" || file.model.kind != "WordPiece" {
        return None;
    }
    let rules = Rules {
        clean: normalizer.clean_text,
        chinese: normalizer.handle_chinese_chars,
        strip: normalizer.strip_accents.unwrap_or(normalizer.lowercase),
        lowercase: normalizer.lowercase,
    };
    let specials = specials(&file)?;
    let (before, kind, after) = frame(file.post_processor.as_ref())?;
    let largest = file.model.vocab.ends.iter().map(|(_, id)| *id).max()?;
    Some(BertTokenizer {
        words: words(file.model, rules)?,
        specials: Specials::new(specials),
        before,
        after,
        kind,
        largest,
    })
}

fn words(model: Model, rules: Rules) -> Option<WordPiece<'static>> {
    let prefix = model.continuing_subword_prefix.as_bytes();
    let unknown = model.vocab.id(&model.unk_token)?;
    let spans: Vec<_> = model.vocab.iter().filter(|(s, _)| !s.is_empty()).collect();
    let bytes = model.vocab.bytes;
    let begins = |span: &std::ops::Range<usize>| {
        span.len() > prefix.len() && bytes[span.clone()].starts_with(prefix)
    };
    let continuing: Vec<_> = (spans.iter())
        .filter(|(span, _)| begins(span))
        .map(|(span, id)| (span.start + prefix.len()..span.end, *id))
        .collect();
    let limit = model.max_input_chars_per_word;
    let mut words = WordPiece::new(Cow::Owned(bytes), unknown, limit, rules)?;
    words.reserve(spans.len() + continuing.len())?;
    for (span, id) in spans {
        words.add(span, false, id)?;
    }
    for (span, id) in continuing {
        words.add(span, true, id)?;
    }
    Some(words)
}

/// More added tokens than this are looked for better than one by one.
const MAX_SPECIALS: usize = 64;

fn specials(file: &File) -> Option<Vec<(Box<str>, u32)>> {
    if file.added_tokens.len() > MAX_SPECIALS {
        return None;
    }
    let mut found: Vec<(Box<str>, u32)> = Vec::new();
    for added in &file.added_tokens {
        let plain = !added.single_word
            && !added.normalized
            && !added.content.is_empty()
            && !added.content.contains(char::is_whitespace);
        // A token that the vocabulary lacks gets an id of the other crate's choosing.
        let id = file.model.vocab.id(&added.content).filter(|_| plain)?;
        if found.iter().any(|(_, other)| *other == id) {
            return None;
        }
        found.push((added.content.as_str().into(), id));
    }
    Some(found)
}

type Frame = (Vec<(u32, u32)>, u32, Vec<(u32, u32)>);

/// What is put around a text: found out by having it put around two tokens that no file has.
fn frame(processor: Option<&PostProcessorWrapper>) -> Option<Frame> {
    let processor = match processor {
        None => return Some((Vec::new(), 0, Vec::new())),
        Some(p @ (PostProcessorWrapper::Bert(_) | PostProcessorWrapper::Template(_))) => p,
        Some(_) => return None,
    };
    let marks = [u32::MAX - 1, u32::MAX];
    let framed = |marks: &[u32]| {
        let tokens = marks
            .iter()
            .map(|id| Token::new(*id, "x".to_owned(), (0, 1)));
        let text = Encoding::from_tokens(tokens.collect(), 0);
        let process = AssertUnwindSafe(|| processor.process(text, None, true).ok());
        let done = catch_unwind(process).ok()??;
        let ids = done.get_ids().iter().copied();
        Some(
            ids.zip(done.get_type_ids().iter().copied())
                .collect::<Vec<_>>(),
        )
    };
    let all = framed(&marks)?;
    let at = all.iter().position(|(id, _)| *id == marks[0])?;
    let (before, rest) = all.split_at(at);
    let (own, after) = rest.split_at_checked(2)?;
    let kind = own[0].1;
    let whole = own == [(marks[0], kind), (marks[1], kind)]
        && !after.iter().any(|(id, _)| marks.contains(id))
        && framed(&[])? == [before, after].concat()
        && processor.added_tokens(false) == before.len() + after.len();
    whole.then(|| (before.to_vec(), kind, after.to_vec()))
}
