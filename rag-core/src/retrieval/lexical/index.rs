//! BM25 over 64-bit keys: the index on its own.

use super::LexicalOptions;
use super::inverted::Inverted;
use super::saved;
use super::search::Allowed;
use crate::error::{Error, ErrorKind, Result};
use std::collections::HashSet;
use std::path::Path;

/// The hits of one query: score descending, then key ascending. At most `k`, often fewer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LexicalHits {
    /// The keys.
    pub keys: Vec<u64>,
    /// Their scores, above 0.
    pub scores: Vec<f32>,
}

/// An exact BM25 index over 64-bit keys; the texts themselves are not kept.
///
/// ```
/// use rag_core::retrieval::lexical::{LexicalIndex, LexicalOptions};
/// let mut index = LexicalIndex::new(&LexicalOptions::default())?;
/// index.add(&[10, 20], &["the quick brown fox", "lazy dogs sleep"])?;
/// assert!(index.add(&[30, 20], &["new", "taken"]).is_err());
/// assert!(!index.contains(30), "a refused batch adds nothing");
/// assert_eq!(index.search(&["dog"], 10, None)?[0].keys, [20]);
/// assert!(index.search(&["the"], 10, None)?[0].keys.is_empty(), "stop words find nothing");
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Debug)]
pub struct LexicalIndex(pub(super) Inverted<u64>);

impl LexicalIndex {
    /// An empty index. Fails with `InvalidArgument` if an option is outside its range.
    pub fn new(options: &LexicalOptions) -> Result<Self> {
        Inverted::new(options).map(Self)
    }

    /// The options it was made with.
    pub fn options(&self) -> &LexicalOptions {
        self.0.options()
    }

    /// Writes the index to the file `path`: after a crash the old or the new one is there.
    ///
    /// The file holds terms and counts, not the texts, and does not depend on what was removed.
    ///
    /// ```
    /// use rag_core::retrieval::lexical::{LexicalIndex, LexicalOptions};
    /// let mut index = LexicalIndex::new(&LexicalOptions::default())?;
    /// index.add(&[10, 20], &["the quick brown fox", "lazy dogs sleep"])?;
    /// # let folder = std::env::temp_dir().join(format!("ragcore-doc-lexical-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// let path = folder.join("words");
    /// index.save(&path)?;
    /// let mut again = LexicalIndex::open(&path)?;
    /// again.add(&[30], &["a dog barks"])?;
    /// assert_eq!(again.search(&["dog"], 10, None)?[0].keys, [30, 20], "it goes on as it was, and the shorter text is first");
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        saved::save(&self.0, path.as_ref())
    }

    /// Reads what [`save`](Self::save) wrote, options included; no text is analysed again.
    ///
    /// Fails with `Corrupt` for a file that is damaged or cut off, `FormatVersion` for one of a
    /// later format, `InvalidArgument` for something else of this library's, `NotFound` or `Io`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        saved::open(path.as_ref()).map(Self)
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `key` is held.
    pub fn contains(&self, key: u64) -> bool {
        self.0.contains(key)
    }

    /// Indexes one text under each key: all or nothing.
    ///
    /// Fails with `AlreadyExists` if a key is held or twice in the batch, with `InvalidArgument`
    /// if the numbers of keys and texts differ or a key is 2^64 - 1, which means "no key" in
    /// padded results.
    pub fn add<T: AsRef<str>>(&mut self, keys: &[u64], texts: &[T]) -> Result<()> {
        if keys.len() != texts.len() {
            return Err(Error::invalid(format!(
                "{} keys for {} texts; give one key for each text",
                keys.len(),
                texts.len()
            )));
        }
        let mut seen = HashSet::with_capacity(keys.len());
        for &key in keys {
            if key == u64::MAX {
                return Err(Error::invalid(
                    "the key 2^64 - 1 is reserved for padding; use another",
                ));
            }
            if !seen.insert(key) || self.contains(key) {
                let place = if self.contains(key) {
                    "in the index"
                } else {
                    "twice in the batch"
                };
                return Err(Error::new(
                    ErrorKind::AlreadyExists,
                    format!("key {key} is already {place}; remove it first or use another"),
                ));
            }
        }
        texts
            .iter()
            .try_for_each(|text| Inverted::<u64>::check_text(text.as_ref()))?;
        for (done, (&key, text)) in keys.iter().zip(texts).enumerate() {
            if let Err(error) = self.0.insert(key, text.as_ref()) {
                for &key in &keys[..done] {
                    self.0.remove(key);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Removes keys: all or nothing. A key given twice is removed once.
    ///
    /// Fails with `NotFound` naming the first key that is not held.
    pub fn remove(&mut self, keys: &[u64]) -> Result<()> {
        if let Some(key) = keys.iter().find(|&&key| !self.contains(key)) {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("key {key} is not in the index; nothing was removed"),
            ));
        }
        for &key in keys {
            self.0.remove(key);
        }
        Ok(())
    }

    /// The best `k` keys for each query, among those in `filter` if one is given.
    ///
    /// `k` in 1..=10000. Keys in `filter` that are not held are ignored; an empty filter finds
    /// nothing. A document without any term of the query is no hit.
    pub fn search<T: AsRef<str>>(
        &self,
        queries: &[T],
        k: usize,
        filter: Option<&[u64]>,
    ) -> Result<Vec<LexicalHits>> {
        super::check_k(k)?;
        let mut found = Vec::with_capacity(queries.len());
        let mut keep = |hits: Vec<(u64, f32)>| {
            let (keys, scores) = hits.into_iter().unzip();
            found.push(LexicalHits { keys, scores });
        };
        if let Some(keys) = filter {
            self.0.search_among(queries, k, keys, keep)?;
            return Ok(found);
        }
        let mut hits = Vec::new();
        for query in queries {
            self.0
                .search_into(query.as_ref(), k, Allowed::All, &mut hits)?;
            keep(std::mem::take(&mut hits));
        }
        Ok(found)
    }
}
