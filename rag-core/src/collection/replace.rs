//! Documents that take the place of others in one change.
//!
//! What is logged are ids that are gone and the documents, as for a deletion and an addition, in records
//! that belong together: after a crash, and for whoever reads meanwhile, all of them are there or none.

use super::Collection;
use super::document::Batch;
use super::state::State;
use super::write::Existing;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::retrieval::filter::Filter;

/// Which documents a batch takes the place of; see [`Collection::replace`].
#[derive(Clone, Debug, PartialEq)]
pub enum Removal {
    /// Those of these ids; unknown ones are no error.
    Ids(Vec<String>),
    /// Those that a filter keeps.
    Where(Filter),
}

impl From<Filter> for Removal {
    fn from(filter: Filter) -> Self {
        Self::Where(filter)
    }
}

impl<S: AsRef<str>> From<&[S]> for Removal {
    fn from(ids: &[S]) -> Self {
        Self::Ids(ids.iter().map(|id| id.as_ref().to_owned()).collect())
    }
}

impl<S: AsRef<str>, const N: usize> From<&[S; N]> for Removal {
    fn from(ids: &[S; N]) -> Self {
        Self::from(&ids[..])
    }
}

/// What [`Collection::replace`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replaced {
    /// Documents that were here and were removed, those of ids that the batch brings again included.
    pub removed: usize,
    /// Texts that the embedder cut.
    pub truncated: usize,
}

impl Collection {
    /// Removes documents and adds others in one change: a crash leaves the ones or the others, and no
    /// search sees both or neither. Says how many were removed.
    ///
    /// Ids of the batch may be among the removed; one that is here otherwise is `AlreadyExists`. For
    /// passages of a document that is written anew, however many there were:
    ///
    /// ```
    /// use rag_core::collection::{Batch, Collection};
    /// use rag_core::retrieval::filter::Filter;
    /// use serde_json::json;
    /// let collection = Collection::in_memory(None, None)?;
    /// let of = |n: usize| vec![json!({"of": "manual"}).as_object().unwrap().clone(); n];
    /// collection.add(Batch::new(["m1", "m2", "m3"]).texts(["a", "b", "c"]).metadata(of(3)))?;
    /// let old = Filter::parse(&json!({"of": "manual"}))?;
    /// let new = Batch::new(["m1", "m2"]).texts(["d", "e"]).metadata(of(2));
    /// assert_eq!(collection.replace(old, new)?, 3);
    /// assert_eq!(collection.ids()?, ["m1", "m2"]);
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn replace(&self, removed: impl Into<Removal>, batch: Batch) -> Result<usize> {
        self.replace_counted(removed, batch, Progress::none())
            .map(|put| put.removed)
    }

    /// [`Collection::replace`], telling how many texts are embedded, and in the end how many of them
    /// were cut.
    pub fn replace_counted(
        &self,
        removed: impl Into<Removal>,
        batch: Batch,
        progress: Progress<'_>,
    ) -> Result<Replaced> {
        self.put(batch, Existing::Instead(removed.into()), progress)
    }
}

/// The ids of those documents that are here and are to be removed, each once.
pub(super) fn found(state: &State, removal: &Removal) -> Result<Vec<String>> {
    match removal {
        Removal::Where(filter) => {
            let rows = state.soundly(|| state.matching(filter))?;
            rows.iter().map(|row| state.rows.id(row)).collect()
        }
        Removal::Ids(ids) => {
            let mut known = Vec::new();
            for id in ids {
                if state.find(id)?.is_some() {
                    known.push(id.clone());
                }
            }
            known.sort_unstable();
            known.dedup();
            Ok(known)
        }
    }
}

pub(super) fn stays(id: &str) -> Error {
    Error::new(
        ErrorKind::AlreadyExists,
        format!(
            "the id \"{id}\" is already here and not among those to be removed; remove it too, or \
                 use another"
        ),
    )
}
