//! Changes: checked in full, logged as one record, then applied.

use super::codec::Change;
use super::document::{Batch, Metadata, Stored};
use super::state::State;
use super::{Collection, Writer, check_identity, fingerprint};
use crate::embedding::EncodeOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::kernel;
use crate::matrix::Matrix;
use crate::progress::Progress;
use crate::retrieval::filter::Filter;
use crate::threads;
use std::sync::{Arc, MutexGuard, PoisonError, RwLockWriteGuard};

/// Floats that one batch may bring: what the count in a log record holds.
const MAX_BATCH_FLOATS: usize = u32::MAX as usize;

/// Vectors that any write links of those that wait, beyond twice what it brings.
const LINKED: usize = 512;

/// What to do about ids that are already here.
#[derive(Clone, Copy, PartialEq)]
enum Existing {
    Refuse,
    Replace,
}

impl Collection {
    /// Adds documents, all or nothing. `AlreadyExists` if any id is here already.
    pub fn add(&self, batch: Batch) -> Result<()> {
        self.add_with_progress(batch, Progress::none())
    }

    /// [`Collection::add`], telling how many texts are embedded.
    pub fn add_with_progress(&self, batch: Batch, progress: Progress<'_>) -> Result<()> {
        self.add_counted(batch, progress).map(drop)
    }

    /// [`Collection::add_with_progress`], with the number of texts that the embedder cut: those
    /// longer than its `max_tokens`. They are kept whole, and searched whole by their words.
    pub fn add_counted(&self, batch: Batch, progress: Progress<'_>) -> Result<usize> {
        self.put(batch, Existing::Refuse, progress)
    }

    /// Adds documents or replaces those of the same id as a whole, all or nothing.
    pub fn upsert(&self, batch: Batch) -> Result<()> {
        self.upsert_with_progress(batch, Progress::none())
    }

    /// [`Collection::upsert`], telling how many texts are embedded.
    pub fn upsert_with_progress(&self, batch: Batch, progress: Progress<'_>) -> Result<()> {
        self.upsert_counted(batch, progress).map(drop)
    }

    /// [`Collection::upsert_with_progress`], with the number of texts that the embedder cut.
    pub fn upsert_counted(&self, batch: Batch, progress: Progress<'_>) -> Result<usize> {
        self.put(batch, Existing::Replace, progress)
    }

    fn put(&self, batch: Batch, existing: Existing, progress: Progress<'_>) -> Result<usize> {
        self.check_writable()?;
        batch.check()?;
        if existing == Existing::Refuse {
            // Before the work of embedding; asked again under the writer's lock.
            self.refuse_existing(&batch.ids)?;
        }
        let embedded = batch.vectors.is_none() && batch.texts.iter().flatten().any(Option::is_some);
        let (vectors, truncated) = self.vectors_of(&batch, progress)?;
        let documents = into_stored(batch);
        let mut writer = self.check_writable_and_lock()?;
        let mut changes = Vec::new();
        {
            let state = self.read()?;
            let brought = vectors.as_ref().map(Matrix::dim);
            let embedder = embedded.then(|| self.embedder()).transpose()?;
            check_identity(&state, embedder, brought)?;
            if let (Some(embedder), None) = (embedder, &state.embedder) {
                changes.push(Change::Identity {
                    dim: Some(embedder.dim()),
                    embedder: Some((embedder.name().to_owned(), fingerprint(embedder))),
                });
            }
        }
        if existing == Existing::Refuse {
            self.refuse_existing(documents.iter().map(|d| &d.id))?;
        }
        let written = documents.len();
        changes.push(Change::Put {
            documents,
            vectors: vectors.map(Matrix::into_vec).unwrap_or_default(),
        });
        for change in changes {
            self.commit(&mut writer, &change)?;
        }
        self.settle(&mut writer, written);
        self.recalibrate_if_changed_much(&mut writer)?;
        Ok(truncated)
    }

    /// Deletes documents by id, all or nothing, and says how many were here. Unknown ids are no
    /// error: afterwards they are not here, as asked.
    pub fn delete(&self, ids: &[impl AsRef<str>]) -> Result<usize> {
        let mut writer = self.check_writable_and_lock()?;
        let mut found: Vec<String> = {
            let state = self.read()?;
            let known = ids.iter().map(|id| id.as_ref());
            known
                .filter(|id| state.ids.contains_key(*id))
                .map(str::to_owned)
                .collect()
        };
        found.sort_unstable();
        found.dedup();
        self.delete_found(&mut writer, found)
    }

    /// Deletes the documents that a filter keeps, all or nothing, and says how many.
    pub fn delete_where(&self, filter: &Filter) -> Result<usize> {
        let mut writer = self.check_writable_and_lock()?;
        let found = {
            let state = self.read()?;
            let rows = state.matching(filter);
            let kept = rows
                .iter()
                .filter_map(|row| state.rows[row as usize].as_ref());
            kept.map(|stored| stored.id.clone()).collect()
        };
        self.delete_found(&mut writer, found)
    }

    fn delete_found(&self, writer: &mut Writer, found: Vec<String>) -> Result<usize> {
        let count = found.len();
        if count > 0 {
            self.commit(writer, &Change::Delete(found))?;
            self.settle(writer, count);
            self.recalibrate_if_changed_much(writer)?;
        }
        Ok(count)
    }

    /// Logs a change, then applies it. What is logged has been checked to apply.
    pub(super) fn commit(&self, writer: &mut Writer, change: &Change) -> Result<()> {
        if let Some(store) = &mut writer.store {
            store.append(&change.encode())?;
        }
        self.state_to_write().apply(change)
    }

    /// Makes what was put quick to find, step by step, while others search, and some of what waits
    /// from before: after opening that is everything, and no single write should do it all. What is
    /// not done yet is found as well.
    pub(super) fn settle(&self, _writer: &mut Writer, written: usize) {
        let step = || {
            let state = self.shared.state.read();
            let state = state.unwrap_or_else(PoisonError::into_inner);
            state.dense.as_ref()?.upkeep(threads::available())
        };
        let most = written.saturating_mul(2).saturating_add(LINKED);
        let mut linked = 0;
        while linked < most
            && let Some(step) = step()
        {
            linked += step.linked();
            if let Some(dense) = &mut self.state_to_write().dense {
                dense.carry_out(&step);
            }
        }
    }

    pub(super) fn state_to_write(&self) -> RwLockWriteGuard<'_, State> {
        let state = self.shared.state.write();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn check_writable(&self) -> Result<()> {
        self.check_open()?;
        if self.shared.read_only {
            return Err(Error::new(
                ErrorKind::ReadOnly,
                "this collection was opened with read_only; open it without to write",
            ));
        }
        Ok(())
    }

    pub(super) fn check_writable_and_lock(&self) -> Result<MutexGuard<'_, Writer>> {
        self.check_writable()?;
        let writer = self.writer();
        self.check_open()?;
        Ok(writer)
    }

    fn refuse_existing(&self, ids: impl IntoIterator<Item = impl AsRef<str>>) -> Result<()> {
        let state = self.read()?;
        let taken = |id: &_| state.ids.contains_key(AsRef::<str>::as_ref(id));
        match ids.into_iter().find(taken) {
            None => Ok(()),
            Some(id) => Err(Error::new(
                ErrorKind::AlreadyExists,
                format!(
                    "the id \"{}\" is already here; use upsert to replace it",
                    id.as_ref()
                ),
            )),
        }
    }

    /// The batch's vectors with unit length, its own or its texts embedded, and how many of the
    /// texts were cut for that.
    fn vectors_of(&self, batch: &Batch, progress: Progress<'_>) -> Result<(Option<Matrix>, usize)> {
        if let Some(vectors) = &batch.vectors {
            let mut vectors = vectors.clone();
            if vectors.rows().data().len() > MAX_BATCH_FLOATS {
                return Err(Error::invalid(format!(
                    "a batch brings at most {MAX_BATCH_FLOATS} floats; add the documents in parts"
                )));
            }
            for i in 0..vectors.len() {
                kernel::normalize(vectors.row_mut(i))
                    .map_err(|e| e.context(format_args!("vector {i}")))?;
            }
            return Ok((Some(vectors), 0));
        }
        let Some(texts) = &batch.texts else {
            return Ok((None, 0));
        };
        if texts.iter().all(Option::is_none) {
            return Ok((None, 0));
        }
        if let Some(i) = texts.iter().position(Option::is_none) {
            return Err(Error::invalid(format!(
                "document {i} has neither text nor vector while others have texts; add it on its \
                 own or give vectors"
            )));
        }
        let embedder = self.embedder()?;
        let texts: Vec<&str> = texts.iter().flatten().map(String::as_str).collect();
        let encoded = embedder.encode_counted(&texts, &EncodeOptions::default(), progress)?;
        Ok((Some(encoded.rows), encoded.truncated))
    }
}

fn into_stored(batch: Batch) -> Vec<Stored> {
    let n = batch.ids.len();
    let texts = batch.texts.unwrap_or_else(|| vec![None; n]);
    let metadata = batch.metadata.unwrap_or_else(|| vec![Metadata::new(); n]);
    let parts = batch.ids.into_iter().zip(texts).zip(metadata);
    parts
        .map(|((id, text), metadata)| Stored {
            id,
            text: text.map(Arc::from),
            metadata: Arc::new(metadata),
        })
        .collect()
}
