//! Changes: checked in full, logged as one record, then applied.

use super::codec::Change;
use super::document::{Batch, Metadata, Stored};
use super::packed::parts;
use super::replace::{Removal, Replaced, found, stays};
use super::state::State;
use super::waiting::Waiting;
use super::{Collection, Writer, check_identity, fingerprint};
use crate::embedding::{Embedder, EncodeOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::kernel;
use crate::matrix::Matrix;
use crate::progress::Progress;
use crate::retrieval::filter::Filter;
use crate::steering::Steering;
use crate::store::{Durability, Store};
use crate::threads;
use std::collections::HashSet;
use std::sync::{Arc, MutexGuard, PoisonError, RwLockWriteGuard};

/// Floats that one batch may bring: what the count in a log record holds.
const MAX_BATCH_FLOATS: usize = u32::MAX as usize;

/// Vectors that any write links of those that wait, beyond twice what it brings.
const LINKED: usize = 512;
/// Vectors that are left to be linked while the disk is busy with the next write.
const LEFT: usize = 64;

/// A batch that was checked on its own, with the vectors of its texts.
#[derive(Debug)]
pub(super) struct Put {
    documents: Vec<Stored>,
    vectors: Vec<f32>,
    /// Dimension of the vectors, if it brings some.
    brought: Option<usize>,
    /// The embedder that made them, if it was the collection's.
    embedder: Option<Embedder>,
    existing: Existing,
}

/// What the batches of a group that come first will have changed.
#[derive(Default)]
struct Ahead {
    ids: HashSet<String>,
    /// Whether what they change is more than these: what vectors are here, or what a filter finds.
    decides: bool,
}

impl Ahead {
    /// Whether a batch cannot be looked at before these are there.
    fn concerns(&self, put: &Put) -> bool {
        let removed: &[String] = match &put.existing {
            Existing::Instead(Removal::Where(_)) => return true,
            Existing::Instead(Removal::Ids(ids)) => ids,
            _ => &[],
        };
        let ids = put.documents.iter().map(|document| &document.id);
        self.decides || ids.chain(removed).any(|id| self.ids.contains(id))
    }
}

/// What to do about ids that are already here.
#[derive(Debug, PartialEq)]
pub(super) enum Existing {
    Refuse,
    Replace,
    /// As `Refuse`, but for those that are removed in the same change.
    Instead(Removal),
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
            .map(|put| put.truncated)
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
            .map(|put| put.truncated)
    }

    pub(super) fn put(
        &self,
        batch: Batch,
        existing: Existing,
        progress: Progress<'_>,
    ) -> Result<Replaced> {
        self.check_writable()?;
        batch.check()?;
        if existing == Existing::Refuse {
            // Before the work of embedding; asked again under the writer's lock.
            self.refuse_existing(&batch.ids)?;
        }
        let embedded = batch.vectors.is_none()
            && !batch.words_only
            && batch.texts.iter().flatten().any(Option::is_some);
        let embedder = embedded.then(|| self.embedder()).transpose()?;
        let (vectors, truncated) = vectors_of(embedder.as_ref(), &batch, progress)?;
        let brought = vectors.as_ref().map(Matrix::dim);
        let put = Arc::new(Waiting::new(Put {
            documents: into_stored(batch),
            vectors: vectors.map(Matrix::into_vec).unwrap_or_default(),
            brought,
            embedder,
            existing,
        }));
        self.shared.waiting.push(&put);
        let writer = self.check_writable_and_lock();
        if let Some(told) = put.answer() {
            // Another writer, whose turn came first, has carried it out.
            return told.map(|removed| Replaced { removed, truncated });
        }
        let group = self.shared.waiting.take(&put);
        let mut writer = writer?;
        self.put_together(&mut writer, &group);
        let told = put.answer().unwrap_or_else(|| Err(lost()));
        told.map(|removed| Replaced { removed, truncated })
    }

    /// Carries out the batches of all who wait, in the order in which they came: they are on disk
    /// after one sync. Each is refused on its own, or there as a whole.
    fn put_together(&self, writer: &mut Writer, group: &[Arc<Waiting<Put>>]) {
        let mut rest = group;
        while !rest.is_empty() {
            let mut ahead = Ahead::default();
            let mut ready: Vec<(&Waiting<Put>, usize, Vec<Change>)> = Vec::new();
            let mut looked_at = 0;
            for waiting in rest {
                // What must know whether one ahead of it is there is looked at after that.
                let depends = waiting.look(|put| ahead.concerns(put));
                if !ready.is_empty() && depends == Some(true) {
                    break;
                }
                looked_at += 1;
                match self.changes_of(waiting, &mut ahead) {
                    Ok((removed, changes)) => ready.push((waiting, removed, changes)),
                    Err(error) => waiting.tell(Err(error)),
                }
            }
            rest = &rest[looked_at..];
            if ready.is_empty() {
                continue;
            }
            let changes = ready.iter().flat_map(|(_, _, changes)| changes);
            let written = changes.clone().map(Change::weight).sum::<u64>() as usize;
            match self.commit_all(writer, changes) {
                Ok(()) => ready
                    .iter()
                    .for_each(|(waiting, removed, _)| waiting.tell(Ok(*removed))),
                Err(error) => {
                    for (waiting, ..) in &ready {
                        waiting.tell(Err(error.again()));
                    }
                    continue;
                }
            }
            self.settle(writer, written);
            self.after_a_change(writer);
        }
    }

    /// The changes that a batch comes to, if it can be put behind those `ahead` of it, and how many
    /// documents it removes.
    fn changes_of(
        &self,
        waiting: &Waiting<Put>,
        ahead: &mut Ahead,
    ) -> Result<(usize, Vec<Change>)> {
        let put = waiting.take().ok_or_else(lost)?;
        let embedder = put.embedder;
        let ids = put.documents.iter().map(|document| &document.id);
        if put.existing == Existing::Refuse {
            self.refuse_existing(ids.clone())?;
        }
        let state = self.read()?;
        check_identity(&state, embedder.as_ref(), put.brought)?;
        let mut changes = Vec::new();
        let mut removed = Vec::new();
        if let Existing::Instead(removal) = &put.existing {
            removed = found(&state, removal)?;
            let gone: HashSet<&str> = removed.iter().map(String::as_str).collect();
            for id in ids.clone().filter(|id| !gone.contains(id.as_str())) {
                if state.find(id)?.is_some() {
                    return Err(stays(id));
                }
            }
            ahead.decides |= matches!(removal, Removal::Where(_));
        }
        if let (Some(embedder), None) = (&embedder, &state.embedder) {
            ahead.decides = true;
            changes.push(Change::Identity {
                dim: Some(embedder.dim()),
                embedder: Some((embedder.name().to_owned(), fingerprint(embedder))),
            });
        }
        ahead.decides |= state.dim.is_none() && put.brought.is_some();
        ahead.ids.extend(ids.chain(&removed).cloned());
        let count = removed.len();
        if count > 0 {
            // Those that the batch brings again, too: one rule for all of them.
            changes.push(Change::Delete(removed));
        }
        let parts = parts(put.documents, put.vectors).into_iter();
        changes.extend(parts.map(|(documents, vectors)| Change::Put { documents, vectors }));
        Ok((count, changes))
    }

    /// Deletes documents by id, all or nothing, and says how many were here. Unknown ids are no
    /// error: afterwards they are not here, as asked.
    pub fn delete(&self, ids: &[impl AsRef<str>]) -> Result<usize> {
        let mut writer = self.check_writable_and_lock()?;
        let found = found(&*self.read()?, &Removal::from(ids))?;
        self.delete_found(&mut writer, found)
    }

    /// Deletes the documents that a filter keeps, all or nothing, and says how many.
    pub fn delete_where(&self, filter: &Filter) -> Result<usize> {
        let mut writer = self.check_writable_and_lock()?;
        let found = found(&*self.read()?, &Removal::Where(filter.clone()))?;
        self.delete_found(&mut writer, found)
    }

    fn delete_found(&self, writer: &mut Writer, found: Vec<String>) -> Result<usize> {
        let count = found.len();
        if count > 0 {
            self.commit(writer, &Change::Delete(found))?;
            self.settle(writer, count);
            self.after_a_change(writer);
        }
        Ok(count)
    }

    /// [`Collection::commit`] of a change that brings and takes no documents, and what upkeep it makes
    /// due.
    pub(super) fn commit_small(&self, writer: &mut Writer, change: &Change) -> Result<()> {
        self.commit(writer, change)?;
        self.keep_image_fresh(writer);
        Ok(())
    }

    /// [`Collection::commit_small`] of several that are made durable together.
    pub(super) fn commit_together(&self, writer: &mut Writer, changes: &[Change]) -> Result<()> {
        self.commit_all(writer, changes.iter())?;
        self.keep_image_fresh(writer);
        Ok(())
    }

    /// Logs a change, then applies it. What is logged has been checked to apply.
    pub(super) fn commit(&self, writer: &mut Writer, change: &Change) -> Result<()> {
        self.commit_all(writer, std::iter::once(change))
    }

    /// The same for several, made durable together.
    pub(super) fn commit_all<'c>(
        &self,
        writer: &mut Writer,
        changes: impl Iterator<Item = &'c Change> + Clone,
    ) -> Result<()> {
        // What is logged must apply, here and at every opening from then on.
        for change in changes.clone() {
            if let Change::Steering { set, .. } | Change::Dials { set, .. } | Change::Users(set) =
                change
            {
                Steering::from_bytes(set)?;
            }
        }
        let (mut places, mut bytes) = (Vec::new(), 0);
        if let Some(store) = &mut writer.store {
            let records: Vec<Vec<u8>> = changes.clone().map(Change::encode).collect();
            let payloads = || records.iter().map(Vec::as_slice);
            // What the change before has left to do is done while the disk is busy with this one.
            let link = || self.link(0, LEFT);
            let mut put = store.put_all_while(payloads(), self.waits().then_some(&link));
            // Deletions make room in the end: for them some is kept.
            let frees = changes
                .clone()
                .all(|change| matches!(change, Change::Delete(_)));
            let full = |put: &Result<_>| matches!(put, Err(e) if e.kind() == ErrorKind::DiskFull);
            if frees && full(&put) && store.give_up_spare() {
                put = store.put_all(payloads());
            }
            places = put?;
            writer.behind += changes.clone().map(Change::weight).sum::<u64>();
            let brought = changes.clone().zip(&records);
            let brought = brought.filter(|(change, _)| change.documents() > 0);
            bytes = brought.map(|(_, record)| record.len() as u64).sum();
        }
        let mut state = self.state_to_write();
        state.logged.bytes += bytes;
        let places = places.into_iter().chain(std::iter::repeat(0));
        let mut changes = changes.zip(places);
        let mut made = 0;
        let applied = changes.try_for_each(|(change, at)| {
            made += 1;
            state.apply(change, at)
        });
        state.pace.follow(writer.store.as_ref(), made);
        applied
    }

    /// Measures the dials again if that is due, and writes an image. The change that it follows is
    /// made: what fails here is tried again after a later one, and must not look as if that change
    /// had failed.
    pub(super) fn after_a_change(&self, writer: &mut Writer) {
        let _ = self.recalibrate_if_changed_much(writer);
        self.keep_image_fresh(writer);
    }

    /// Makes what was put quick to find, step by step, while others search, and some of what waits
    /// from before: after opening that is everything, and no single write should do it all. What is
    /// not done yet is found as well.
    pub(super) fn settle(&self, writer: &mut Writer, written: usize) {
        self.fill_hollows();
        let syncs = |store: &Store| store.durability() == Durability::Sync;
        let left = writer.store.as_ref().is_some_and(syncs);
        let left = if left { LEFT } else { 0 };
        self.link(left, written.saturating_mul(2).saturating_add(LINKED));
        let state = self.shared.state.read();
        state.unwrap_or_else(PoisonError::into_inner).keep_likely();
    }

    /// Puts the vectors into new places when most are empty. As many were removed since the last time as
    /// there are now, so that linking them again costs each removal no more than an addition. After
    /// damage they stay where they are. For one who has the writer's lock.
    fn fill_hollows(&self) {
        let fresh = {
            let state = self.shared.state.read();
            let state = state.unwrap_or_else(PoisonError::into_inner);
            state.is_hollow().then(|| state.dense_anew())
        };
        if let Some(Ok(fresh)) = fresh {
            self.state_to_write().dense = fresh;
        }
    }

    /// Whether something was left to be done while the disk is busy.
    fn waits(&self) -> bool {
        let state = self.shared.state.read();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        state
            .dense
            .as_ref()
            .is_some_and(|dense| dense.waiting() > 0)
    }

    /// Links vectors that wait, some `most` of them, until no more than `left` are left. For one who
    /// has the writer's lock.
    pub(super) fn link(&self, left: usize, most: usize) {
        let step = || {
            let state = self.shared.state.read();
            let state = state.unwrap_or_else(PoisonError::into_inner);
            let dense = state.dense.as_ref()?;
            let enough = (1..=left).contains(&dense.waiting());
            if enough {
                None
            } else {
                dense.upkeep(threads::available())
            }
        };
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
        for id in ids {
            if state.find(id.as_ref())?.is_some() {
                return Err(exists(id.as_ref()));
            }
        }
        Ok(())
    }
}

/// The batch's vectors with unit length, its own or its texts embedded, and how many of the
/// texts were cut for that.
fn vectors_of(
    embedder: Option<&Embedder>,
    batch: &Batch,
    progress: Progress<'_>,
) -> Result<(Option<Matrix>, usize)> {
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
    let (Some(texts), Some(embedder)) = (&batch.texts, embedder) else {
        return Ok((None, 0));
    };
    if let Some(i) = texts.iter().position(Option::is_none) {
        return Err(Error::invalid(format!(
            "document {i} has neither text nor vector while others have texts; add it on its \
             own or give vectors"
        )));
    }
    let texts: Vec<&str> = texts.iter().flatten().map(String::as_str).collect();
    let encoded = embedder.encode_counted(&texts, &EncodeOptions::default(), progress)?;
    let mut rows = encoded.rows;
    for i in 0..rows.len() {
        to_unit(rows.row_mut(i)).map_err(|e| e.context(format_args!("the vector of text {i}")))?;
    }
    Ok((Some(rows), encoded.truncated))
}

/// Gives a vector of a model unit length to the last bit that matters, so that what is logged is
/// what is scored. One that has it stays as it is.
pub(super) fn to_unit(vector: &mut [f32]) -> Result<()> {
    let before = vector.to_vec();
    let length = kernel::normalize(vector)?;
    if (length - 1.0).abs() <= f32::EPSILON {
        vector.copy_from_slice(&before);
    }
    Ok(())
}

fn exists(id: &str) -> Error {
    Error::new(
        ErrorKind::AlreadyExists,
        format!("the id \"{id}\" is already here; use upsert to replace it"),
    )
}

/// What is told where the writer that took a batch over did not come to its end.
fn lost() -> Error {
    Error::new(
        ErrorKind::Io,
        "another write that was carried out together with this one broke off; try again",
    )
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
