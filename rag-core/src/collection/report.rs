//! What a collection tells of itself, and the upkeep of its files.

use super::codec::{Change, malformed};
use super::image::{Moved, Taken, View};
use super::kept::Place;
use super::packed::{self, Packed};
use super::state::State;
use super::{Collection, Writer};
use crate::error::{ErrorKind, Result};
use crate::store::Store;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::PoisonError;

/// Changes that opening may have to take in one by one: so many, or this share of the documents.
const MOST_BEHIND: u64 = 1024;
const SHARE_BEHIND: u64 = 32;
/// About what a user takes of a log beside two bytes a dimension: the name and some numbers.
const USER_BYTES: usize = 64;
/// Bytes of no use that a log may hold whatever it holds else.
const TOLERATED_BYTES: u64 = 1 << 20;

/// Figures on a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    /// Documents.
    pub documents: usize,
    /// Documents with a vector.
    pub vectors: usize,
    /// Dimension of the vectors, once known.
    pub dim: Option<usize>,
    /// Name of the model that made the vectors.
    pub embedder: Option<String>,
    /// Its fingerprint.
    pub fingerprint: Option<String>,
    /// Names of the dials.
    pub dials: Vec<String>,
    /// Which searches the calibration is for, in words; `None` without one.
    pub calibrated_for: Option<String>,
    /// Bytes of texts held.
    pub text_bytes: usize,
    /// Bytes of the log on disk; 0 in memory.
    pub log_bytes: u64,
    /// Bytes of the image on disk, from which opening is quick; 0 in memory.
    pub image_bytes: u64,
}

impl Stats {
    /// As JSON, the form in which it reaches C and Python.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "documents": self.documents, "vectors": self.vectors, "dim": self.dim,
            "embedder": self.embedder, "fingerprint": self.fingerprint, "dials": self.dials,
            "calibrated_for": self.calibrated_for, "text_bytes": self.text_bytes,
            "log_bytes": self.log_bytes, "image_bytes": self.image_bytes,
        })
    }
}

/// What [`Collection::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Documents checked.
    pub documents: usize,
    /// Log records whose checksums were read again; 0 in memory.
    pub records: usize,
    /// Bytes read; 0 in memory.
    pub bytes: u64,
    /// Everything that is wrong, one sentence each; empty if all is well.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn ok(&self) -> bool {
        self.problems.is_empty()
    }

    /// As JSON, the form in which it reaches C and Python.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "ok": self.ok(), "documents": self.documents, "records": self.records,
            "bytes": self.bytes, "problems": self.problems,
        })
    }
}

impl Collection {
    /// Figures on the collection.
    pub fn stats(&self) -> Result<Stats> {
        let (log_bytes, image_bytes) = {
            self.check_open()?;
            let writer = self.writer();
            let bytes = |store: &Store| (store.log_bytes(), store.image_bytes());
            writer.store.as_ref().map_or((0, 0), bytes)
        };
        let state = self.read()?;
        let embedder = state.embedder.clone();
        Ok(Stats {
            documents: state.len(),
            vectors: state.dense.as_ref().map_or(0, |d| d.len()),
            dim: state.dim,
            embedder: embedder.as_ref().map(|(name, _)| name.clone()),
            fingerprint: embedder.map(|(_, fingerprint)| fingerprint),
            dials: state.steering.names().map(str::to_owned).collect(),
            calibrated_for: state.calibrated.as_ref().map(|c| c.scale.to_string()),
            text_bytes: state.rows.text_bytes(),
            log_bytes,
            image_bytes,
        })
    }

    /// Reads every checksum of the files again and checks that documents, ids, vectors and
    /// postings agree with each other and with the log. What is wrong is in the report; damaged files
    /// too.
    pub fn verify(&self) -> Result<Report> {
        self.check_open()?;
        let mut report = Report::default();
        let mut writer = self.writer();
        if !self.shared.read_only
            && let Some(store) = &mut writer.store
        {
            store.sync()?;
        }
        let state = self.read_locked()?;
        if let Some(store) = &writer.store {
            let mut last = HashMap::new();
            let checked = store.check(|at, record| follow_ids(&mut last, at, record));
            match checked {
                Ok(found) => {
                    (report.records, report.bytes) = (found.records, found.bytes);
                    self.compare(&state, &last, &mut report)?;
                }
                Err(e) if e.kind() == ErrorKind::Corrupt => report.problems.push(e.to_string()),
                Err(e) => return Err(e),
            }
        }
        report.documents = state.len();
        state.check(&mut report.problems);
        Ok(report)
    }

    /// Compares the documents here with those that the log comes to.
    fn compare(
        &self,
        state: &State,
        log: &HashMap<String, Place>,
        report: &mut Report,
    ) -> Result<()> {
        // What a reader was opened with may be older than what the log says now.
        if self.shared.read_only {
            return Ok(());
        }
        if log.len() != state.len() {
            let (held, logged) = (state.len(), log.len());
            let problem = format!("there are {held} documents, and {logged} in the log");
            report.problems.push(problem);
        }
        for (id, &place) in log {
            let held = state.find(id)?.map(|row| state.rows.places()[row as usize]);
            if held != Some(place.0) {
                let problem = format!("the document \"{id}\" is not the last one of that id");
                report.problems.push(problem);
            }
        }
        Ok(())
    }

    /// Makes every change so far durable, and the next opening quick: it need not take in again what
    /// there is now. Bytes of what was deleted or replaced are given back where they are more than
    /// half. In memory it does nothing.
    pub fn checkpoint(&self) -> Result<()> {
        let mut writer = self.check_writable_and_lock()?;
        match self.is_wasteful(&writer) {
            true => self.rewrite(&mut writer),
            false => self.write_image(&mut writer),
        }
    }

    /// Gives back disk and memory of what was deleted or replaced; afterwards it is gone from the
    /// files.
    pub fn compact(&self) -> Result<()> {
        let mut writer = self.check_writable_and_lock()?;
        self.state_to_write().rebuild()?;
        self.link(0, usize::MAX);
        self.rewrite(&mut writer)
    }

    /// Writes the collection as it is now into the directory `path`, which must be empty or
    /// absent. The copy opens like any other; this collection is not disturbed.
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<()> {
        let state = self.read()?;
        let view = state.view();
        let taken = RefCell::new(Taken::default());
        let image = view.image(&taken);
        Store::write_new_with(path.as_ref(), view.records(&taken), Some(image))
    }

    /// Writes an image, if opening would have much to take in.
    pub(super) fn keep_image_fresh(&self, writer: &mut Writer) {
        let held = {
            let state = self.shared.state.read();
            let state = state.unwrap_or_else(PoisonError::into_inner);
            (state.len() + state.steering.user_count()) as u64
        };
        let most = MOST_BEHIND.max(held / SHARE_BEHIND).max(writer.patience);
        let wasteful = self.is_wasteful(writer);
        let due = writer.behind > most || wasteful && writer.patience == 0;
        if writer.store.is_none() || !due {
            return;
        }
        let written = match wasteful {
            true => self.rewrite(writer),
            false => self.write_image(writer),
        };
        if written.is_err() {
            // There may be no room. The log holds everything: the next attempt can wait.
            writer.patience = writer.behind + most;
        }
    }

    /// Whether more than half of the log is of no use any more.
    fn is_wasteful(&self, writer: &Writer) -> bool {
        let state = self.shared.state.read();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let Some(store) = &writer.store else {
            return false;
        };
        // What users come to, if the log began before they came.
        let users = state.steering.user_count() * (2 * state.dim.unwrap_or(0) + USER_BYTES);
        let used = state.logged.used(state.len()).max(users as u64);
        store.log_bytes() > used.saturating_mul(2).saturating_add(TOLERATED_BYTES)
    }

    fn write_image(&self, writer: &mut Writer) -> Result<()> {
        let Some(store) = &mut writer.store else {
            return Ok(());
        };
        let state = self.read_locked()?;
        store.write_image(|to| state.view().write(to, state.rows.places(), state.logged))?;
        (writer.behind, writer.patience) = (0, 0);
        Ok(())
    }

    /// Puts a log of what there is in the place of the present one, with an image.
    fn rewrite(&self, writer: &mut Writer) -> Result<()> {
        let moved = {
            let state = self.read_locked()?;
            writer.rewrite(&state.view())?
        };
        if let Some(moved) = moved {
            let mut state = self.state_to_write();
            state.move_to(&moved);
            state.pace.follow(writer.store.as_ref(), 0);
        }
        Ok(())
    }

    /// Where the collection lies; `None` in memory.
    pub fn path(&self) -> Result<Option<std::path::PathBuf>> {
        self.check_open()?;
        let writer = self.writer();
        Ok(writer.store.as_ref().map(|s| s.directory().to_path_buf()))
    }
}

impl Writer {
    /// Puts a log of what a view shows in the place of the present one, with an image; answers where
    /// the documents are from then on. `None` in memory.
    pub(super) fn rewrite(&mut self, view: &View<'_>) -> Result<Option<Moved>> {
        let Some(store) = &mut self.store else {
            return Ok(None);
        };
        let taken = RefCell::new(Taken::default());
        let image = view.image(&taken);
        let (starts, records) = store.rewrite_with(view.records(&taken), Some(image))?;
        (self.behind, self.patience) = (0, 0);
        let taken = taken.into_inner();
        Ok(Some(Moved {
            records,
            places: taken.places(view.state.rows.len(), &starts),
            logged: taken.logged,
        }))
    }
}

/// Takes note of what a record says about which documents there are.
fn follow_ids(last: &mut HashMap<String, Place>, at: u64, record: &[u8]) -> Result<()> {
    if record.first() != Some(&packed::TAG) {
        if let Change::Delete(ids) = Change::decode(record)? {
            for id in ids {
                last.remove(&id);
            }
        }
        return Ok(());
    }
    let batch = Packed::new(record).map_err(malformed)?;
    for i in 0..batch.len() {
        let seen = batch.document(i).map_err(malformed)?;
        seen.metadata().map_err(malformed)?;
        last.insert(seen.id.to_owned(), Place::new(at, i));
    }
    Ok(())
}

impl State {
    /// Says what of documents, ids, vectors and postings does not agree.
    fn check(&self, problems: &mut Vec<String>) {
        let mut texts = 0;
        for row in self.alive().iter() {
            texts += usize::from(self.rows.has_text(row));
            let id = match self.rows.id(row) {
                Ok(id) => id,
                Err(damage) => {
                    problems.push(damage.to_string());
                    continue;
                }
            };
            if !self.ids.leads(&id, row) {
                problems.push(format!("the id \"{id}\" does not lead to its document"));
            }
            let norm = self.soundly(|| {
                let vector = self.vector(row)?;
                Some(vector.iter().map(|x| x * x).sum::<f32>())
            });
            match norm {
                Err(damage) => problems.push(damage.to_string()),
                Ok(Some(norm)) if (norm - 1.0).abs() > 1e-3 => {
                    problems.push(format!("the vector of \"{id}\" is not of unit length"));
                }
                Ok(_) => {}
            }
        }
        if self.ids.len() != self.alive().count() || self.lexical.len() != texts {
            problems.push("ids, documents and postings differ in number".to_owned());
        }
    }
}
