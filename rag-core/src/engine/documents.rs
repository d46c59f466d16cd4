//! Documents in: split, embedded, stored, each as a whole or not at all. And out: whole again.
//!
//! A document is held as passages, each a document of the collection with the id `DOCUMENT#N`. What makes one
//! whole again stands in the metadata of each, under [`PASSAGE`]: which document, which of how many
//! passages, from where to where, and the white space before it.

use crate::chunking::{ChunkMode, Chunker, ChunkerOptions};
use crate::collection::{Batch, Collection, MAX_ID_BYTES, Metadata};
use crate::embedding::{Embedder, EncodeOptions, hash_of};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::retrieval::filter::Filter;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::ops::Range;

/// The key in a passage's metadata under which stands what it is a passage of.
pub const PASSAGE: &str = "_passage";
/// Bytes that a document's id may have, so that its passages' ids have room.
pub const MAX_DOCUMENT_ID_BYTES: usize = MAX_ID_BYTES - 12;
/// Passages that are embedded together.
const TOGETHER: usize = 512;

crate::options! {
    /// How documents are taken in.
    AddOptions {
        /// Most tokens of a passage; none means 256, or what the embedder sees if that is less.
        max_tokens: Option<usize> = None, in 8..=1_000_000;
        /// Tokens that a passage repeats from the one before.
        overlap: usize = 0, in 0..=999_999;
        /// Where documents may be cut: a mode of the chunker; none means by Markdown's structure where a
        /// document is Markdown, else between sentences.
        mode: Option<String> = None;
        /// Whether documents are kept as one passage each, to be read whole: for those that are seldom
        /// asked for. Their vector is that of what the embedder sees of them.
        whole: bool = false;
    }
}

/// A document to be taken in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewDocument {
    /// Its id; without one, a number made of the text.
    pub id: Option<String>,
    /// Its text.
    pub text: String,
    /// What else is known of it: every passage gets it.
    pub metadata: Metadata,
    /// Whether the text is Markdown.
    pub markdown: bool,
}

impl NewDocument {
    /// A document of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// Gives it an id.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Gives it metadata.
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    fn named(&self) -> String {
        match &self.id {
            Some(id) => id.clone(),
            None => format!("d{:016x}", hash_of(self.text.as_bytes())),
        }
    }
}

/// What became of documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// The ids of the documents, in the order in which they were given.
    pub ids: Vec<String>,
    /// Passages that they were divided into.
    pub passages: usize,
    /// Passages of earlier versions that they replaced.
    pub replaced: usize,
    /// Passages of which the embedder saw only the beginning.
    pub truncated: usize,
}

impl Added {
    /// As JSON, the form in which it reaches C.
    pub fn to_json(&self) -> Value {
        json!({
            "ids": self.ids, "passages": self.passages, "replaced": self.replaced,
            "truncated": self.truncated,
        })
    }
}

/// A document that is about to be stored.
struct Cut<'a> {
    id: String,
    document: &'a NewDocument,
    ranges: Vec<Range<usize>>,
}

/// Takes documents in, each in one atomic change that replaces what had its id.
pub(super) fn add(
    collection: &Collection,
    documents: &[NewDocument],
    options: &AddOptions,
    mut progress: Progress<'_>,
) -> Result<Added> {
    let embedder = collection.embedder()?;
    let cuts = cut_all(&embedder, documents, options)?;
    let mut added = Added {
        ids: cuts.iter().map(|cut| cut.id.clone()).collect(),
        ..Added::default()
    };
    let mut rest = &cuts[..];
    progress.step(0, cuts.len())?;
    while !rest.is_empty() {
        let mut passages = 0;
        let fits = |cut: &&Cut<'_>| {
            passages += cut.ranges.len();
            passages <= TOGETHER
        };
        let (group, after) = rest.split_at(rest.iter().take_while(fits).count().max(1));
        rest = after;
        let texts: Vec<&str> = group
            .iter()
            .flat_map(|cut| cut.ranges.iter().map(|r| &cut.document.text[r.clone()]))
            .collect();
        let encoded =
            embedder.encode_counted(&texts, &EncodeOptions::default(), Progress::none())?;
        added.truncated += encoded.truncated;
        added.passages += texts.len();
        let (dim, mut vectors) = (embedder.dim(), encoded.rows.rows().data());
        for cut in group {
            let (own, others) = vectors.split_at(cut.ranges.len() * dim);
            vectors = others;
            let batch = cut.batch().vectors(own, dim)?;
            added.replaced += collection.replace(of(&[&cut.id])?, batch)?;
        }
        progress.step(cuts.len() - rest.len(), cuts.len())?;
    }
    Ok(added)
}

fn cut_all<'a>(
    embedder: &Embedder,
    documents: &'a [NewDocument],
    options: &AddOptions,
) -> Result<Vec<Cut<'a>>> {
    options.check()?;
    let mut seen = HashSet::new();
    let chunk = |markdown: bool| {
        let mode = match &options.mode {
            Some(name) => crate::options::OptionField::from_value("mode", &name.as_str().into())?,
            None if markdown => ChunkMode::Markdown,
            None => ChunkMode::Sentence,
        };
        let most = options.max_tokens.unwrap_or(256.min(embedder.max_tokens()));
        let chosen = ChunkerOptions::default().max_tokens(most).mode(mode);
        Chunker::new(&chosen.overlap(options.overlap))
    };
    let (prose, marked) = (chunk(false)?, chunk(true)?);
    let counter = |text: &str| embedder.count_tokens(text).unwrap_or(text.len());
    let vectors =
        |texts: &[&str]| embedder.encode(texts, &EncodeOptions::default(), Progress::none());
    let mut cuts = Vec::with_capacity(documents.len());
    for (i, document) in documents.iter().enumerate() {
        let at = |e: Error| e.context(format_args!("document {i}"));
        let id = document.named();
        check(&id, document).map_err(at)?;
        if !seen.insert(id.clone()) {
            return Err(at(Error::invalid(format!(
                "the id \"{id}\" is given twice; give each document its own"
            ))));
        }
        let text = &document.text;
        let ranges: Vec<Range<usize>> = if options.whole {
            std::iter::once(0..text.len()).collect()
        } else {
            let chunker = if document.markdown { &marked } else { &prose };
            let chunks = chunker.split_with(text, &counter, &vectors).map_err(at)?;
            chunks.into_iter().map(|c| c.start..c.end).collect()
        };
        if text.trim().is_empty() {
            return Err(at(Error::invalid(
                "there is no text in it; leave it out, or remove it with remove_documents",
            )));
        }
        cuts.push(Cut {
            id,
            document,
            ranges,
        });
    }
    Ok(cuts)
}

fn check(id: &str, document: &NewDocument) -> Result<()> {
    if id.is_empty() || id.len() > MAX_DOCUMENT_ID_BYTES || id.contains('\0') {
        return Err(Error::invalid(format!(
            "a document's id has 1 to {MAX_DOCUMENT_ID_BYTES} bytes and no NUL, got {} bytes",
            id.len()
        )));
    }
    if document.metadata.contains_key(PASSAGE) {
        return Err(Error::invalid(format!(
            "the metadata key \"{PASSAGE}\" is kept for passages; use another"
        )));
    }
    Ok(())
}

impl Cut<'_> {
    fn batch(&self) -> Batch {
        let text = &self.document.text;
        let n = self.ranges.len();
        let mut ids = Vec::with_capacity(n);
        let (mut metadata, mut behind) = (Vec::with_capacity(n), 0);
        // Where each begins in characters, which is how some languages count.
        let (mut counted, mut characters) = (0, 0);
        for (i, range) in self.ranges.iter().enumerate() {
            characters += text[counted..range.start].chars().count();
            counted = range.start;
            ids.push(format!("{}#{i}", self.id));
            let mut held = self.document.metadata.clone();
            let before = text.get(behind..range.start).unwrap_or_default();
            behind = range.end;
            held.insert(
                PASSAGE.to_owned(),
                json!({
                    "document": self.id, "index": i, "of": n,
                    "start": range.start, "end": range.end, "characters": characters, "before": before,
                }),
            );
            metadata.push(held);
        }
        let texts = self.ranges.iter().map(|range| &text[range.clone()]);
        Batch::new(ids).texts(texts).metadata(metadata)
    }
}

/// The filter that keeps the passages of these documents.
pub(super) fn of(documents: &[&str]) -> Result<Filter> {
    let field = format!("{PASSAGE}.document");
    Filter::parse(&match documents {
        [one] => json!({ field: one }),
        many => json!({ field: { "$in": many } }),
    })
}

/// What stands in a passage's metadata about where it is from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Origin<'a> {
    pub(super) document: &'a str,
    pub(super) index: usize,
    pub(super) of: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    /// White space between the passage before and this one.
    pub(super) before: &'a str,
}

impl<'a> Origin<'a> {
    /// `None` for what was not taken in as a document's passage.
    pub(super) fn read(metadata: &'a Metadata, text: &str) -> Option<Self> {
        let held = metadata.get(PASSAGE)?;
        let number = |name: &str| held.get(name).and_then(Value::as_u64).map(|n| n as usize);
        let origin = Self {
            document: held.get("document")?.as_str()?,
            index: number("index")?,
            of: number("of")?,
            start: number("start")?,
            end: number("end")?,
            before: held.get("before")?.as_str()?,
        };
        (origin.end.checked_sub(origin.start) == Some(text.len())).then_some(origin)
    }
}

/// A document made whole again, with its metadata; `None` if it is not here.
pub(super) fn whole(collection: &Collection, id: &str) -> Result<Option<(String, Metadata)>> {
    let Some(first) = collection.get(&[format!("{id}#0")])?.remove(0) else {
        return Ok(None);
    };
    let (text, mut metadata) = (first.text.unwrap_or_default(), first.metadata);
    let Some(of) = Origin::read(&metadata, &text)
        .filter(|o| o.document == id)
        .map(|o| o.of)
    else {
        return Ok(None);
    };
    let mut whole = String::new();
    let ids: Vec<String> = (0..of).map(|i| format!("{id}#{i}")).collect();
    for passage in collection.get(&ids)? {
        let passage = passage.ok_or_else(|| changed(id))?;
        let text = passage.text.unwrap_or_default();
        let origin = Origin::read(&passage.metadata, &text).ok_or_else(|| changed(id))?;
        whole.push_str(origin.before);
        // What a passage repeats of the one before is there already.
        let repeated = whole.len().checked_sub(origin.start);
        let fresh = repeated.and_then(|repeated| text.get(repeated.min(text.len())..));
        whole.push_str(fresh.ok_or_else(|| changed(id))?);
    }
    metadata.remove(PASSAGE);
    Ok(Some((whole, metadata)))
}

fn changed(id: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("passages of \"{id}\" were changed one by one; add the document again"),
    )
}

/// The ids of all documents that were taken in, sorted.
pub(super) fn ids(collection: &Collection) -> Result<Vec<String>> {
    let ids = collection.ids()?;
    let mut first: Vec<String> = ids
        .into_iter()
        .filter_map(|id| id.strip_suffix("#0").map(str::to_owned))
        .collect();
    first.sort_unstable();
    Ok(first)
}
