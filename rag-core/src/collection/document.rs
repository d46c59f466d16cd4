//! Documents as they come in, are held, and go out.

use crate::error::{Error, Result};
use crate::matrix::{Matrix, Rows};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// A document's metadata: a JSON object.
pub type Metadata = serde_json::Map<String, Value>;

/// Bytes that an id may have.
pub const MAX_ID_BYTES: usize = 512;
/// Bytes that a text may have: 16 MiB.
pub const MAX_TEXT_BYTES: usize = 16 << 20;
/// Bytes that the metadata of one document may have as JSON: 1 MiB.
pub const MAX_METADATA_BYTES: usize = 1 << 20;
/// Levels that metadata may nest.
pub const MAX_METADATA_DEPTH: usize = 64;

/// A document as the collection gives it back.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The id.
    pub id: String,
    /// The text, if one was given.
    pub text: Option<String>,
    /// The metadata; empty if none was given.
    pub metadata: Metadata,
    /// The vector as stored, of unit length; `None` in a collection without vectors.
    pub vector: Option<Vec<f32>>,
}

/// What the state holds for a row; the vector lies in the dense rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) id: String,
    pub(crate) text: Option<Arc<str>>,
    pub(crate) metadata: Arc<Metadata>,
}

/// Documents to add or upsert together, all or nothing.
///
/// ```
/// use rag_core::collection::{Batch, Collection};
/// let collection = Collection::in_memory(None, Some(2)).unwrap();
/// let batch = Batch::new(["a", "b"])
///     .texts(["red apples", "green pears"])
///     .vectors(&[1.0, 0.0, 0.0, 2.0], 2).unwrap();
/// collection.add(batch).unwrap();
/// let pear = collection.get(&["b"]).unwrap().remove(0).unwrap();
/// assert_eq!(pear.vector, Some(vec![0.0, 1.0])); // stored with unit length
/// ```
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) ids: Vec<String>,
    pub(crate) texts: Option<Vec<Option<String>>>,
    pub(crate) vectors: Option<Matrix>,
    pub(crate) metadata: Option<Vec<Metadata>>,
    /// Whether texts are left without vectors.
    pub(crate) words_only: bool,
}

impl Batch {
    /// A batch of documents with these ids: 1 to 512 bytes each, no NUL.
    pub fn new(ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            ids: ids.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// The texts, one for each id.
    #[must_use]
    pub fn texts(self, texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.optional_texts(texts.into_iter().map(|t| Some(t.into())).collect())
    }

    /// The texts, where some documents have none.
    #[must_use]
    pub fn optional_texts(mut self, texts: Vec<Option<String>>) -> Self {
        self.texts = Some(texts);
        self
    }

    /// The vectors, one row of `dim` floats for each id. Without them texts are embedded.
    pub fn vectors(mut self, data: &[f32], dim: usize) -> Result<Self> {
        let rows = Rows::new(data, dim)?;
        self.vectors = Some(Matrix::from_vec(rows.data().to_vec(), dim)?);
        Ok(self)
    }

    /// The metadata, one JSON object for each id.
    #[must_use]
    pub fn metadata(mut self, metadata: Vec<Metadata>) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Leaves the texts without vectors: the documents are found by their words and by filters, and no
    /// model is needed.
    ///
    /// ```
    /// use rag_core::collection::{Batch, Collection, Mode, Query};
    /// let notes = Collection::in_memory(None, None)?;
    /// notes.add(Batch::new(["a"]).texts(["likes short answers"]).words_only())?;
    /// assert_eq!(notes.dim()?, None);
    /// assert_eq!(notes.search(&Query::text("answer").mode(Mode::Lexical))?[0].id, "a");
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    #[must_use]
    pub fn words_only(mut self) -> Self {
        self.words_only = true;
        self
    }

    /// Checks everything that can be checked without the collection.
    pub(crate) fn check(&self) -> Result<()> {
        let n = self.ids.len();
        let counted = [
            ("texts", self.texts.as_ref().map(Vec::len)),
            ("vectors", self.vectors.as_ref().map(Matrix::len)),
            ("metadata", self.metadata.as_ref().map(Vec::len)),
        ];
        for (what, count) in counted {
            if let Some(count) = count.filter(|&c| c != n) {
                return Err(Error::invalid(format!(
                    "{n} ids but {count} {what}; give one for each id"
                )));
            }
        }
        let mut seen = HashSet::with_capacity(n);
        for (i, id) in self.ids.iter().enumerate() {
            check_id(id).map_err(|e| e.context(format_args!("document {i}")))?;
            if !seen.insert(id.as_str()) {
                return Err(Error::invalid(format!(
                    "document {i}: the id \"{id}\" stands twice in the batch"
                )));
            }
        }
        for (i, text) in self.texts.iter().flatten().enumerate() {
            let bytes = text.as_ref().map_or(0, String::len);
            if bytes > MAX_TEXT_BYTES {
                return Err(Error::invalid(format!(
                    "document {i}: the text has {bytes} bytes, at most {MAX_TEXT_BYTES} are \
                     taken; split it into passages first"
                )));
            }
        }
        for (i, metadata) in self.metadata.iter().flatten().enumerate() {
            check_metadata(metadata).map_err(|e| e.context(format_args!("document {i}")))?;
        }
        match &self.vectors {
            Some(vectors) => vectors.rows().check_finite(),
            None => Ok(()),
        }
    }
}

fn check_id(id: &str) -> Result<()> {
    if id.is_empty() || id.len() > MAX_ID_BYTES || id.contains('\0') {
        return Err(Error::invalid(format!(
            "an id has 1 to {MAX_ID_BYTES} bytes and no NUL, got {} bytes",
            id.len()
        )));
    }
    Ok(())
}

fn check_metadata(metadata: &Metadata) -> Result<()> {
    let mut level: Vec<&Value> = metadata.values().collect();
    for _ in 0..MAX_METADATA_DEPTH {
        if level.is_empty() {
            let bytes = serde_json::to_string(metadata).map_or(usize::MAX, |s| s.len());
            if bytes > MAX_METADATA_BYTES {
                return Err(Error::invalid(format!(
                    "the metadata has {bytes} bytes as JSON, at most {MAX_METADATA_BYTES} are taken"
                )));
            }
            return Ok(());
        }
        level = level
            .into_iter()
            .flat_map(|value| match value {
                Value::Array(items) => items.iter().collect::<Vec<_>>(),
                Value::Object(fields) => fields.values().collect(),
                _ => Vec::new(),
            })
            .collect();
    }
    Err(Error::invalid(format!(
        "the metadata nests deeper than {MAX_METADATA_DEPTH} levels; flatten it"
    )))
}
