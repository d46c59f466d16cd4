//! What a collection tells of itself, and the upkeep of its files.

use super::Collection;
use super::codec::Change;
use crate::error::{ErrorKind, Result};
use crate::store::Store;
use std::path::Path;

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
}

impl Stats {
    /// As JSON, the form in which it reaches C and Python.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "documents": self.documents, "vectors": self.vectors, "dim": self.dim,
            "embedder": self.embedder, "fingerprint": self.fingerprint, "dials": self.dials,
            "calibrated_for": self.calibrated_for, "text_bytes": self.text_bytes,
            "log_bytes": self.log_bytes,
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
        let log_bytes = {
            self.check_open()?;
            let writer = self.writer();
            writer.store.as_ref().map_or(0, Store::log_bytes)
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
            text_bytes: state
                .live()
                .map(|(_, s)| s.text.as_ref().map_or(0, |text| text.len()))
                .sum(),
            log_bytes,
        })
    }

    /// Reads every checksum of the files again and checks that documents, ids, vectors and
    /// postings agree. What is wrong is in the report; damaged files too.
    pub fn verify(&self) -> Result<Report> {
        self.check_open()?;
        let mut report = Report::default();
        {
            let mut writer = self.writer();
            if let Some(store) = &mut writer.store {
                if !self.shared.read_only {
                    store.sync()?;
                }
                match store.verify() {
                    Ok(found) => (report.records, report.bytes) = (found.records, found.bytes),
                    Err(e) if e.kind() == ErrorKind::Corrupt => {
                        report.problems.push(e.to_string());
                    }
                    Err(e) => return Err(e),
                }
            }
        }
        let state = self.read()?;
        report.documents = state.len();
        let mut lexical = 0;
        for (row, stored) in state.live() {
            if state.ids.get(&stored.id) != Some(&row) {
                let problem = format!("the id \"{}\" does not lead to its document", stored.id);
                report.problems.push(problem);
            }
            let norm = state
                .vector(row)
                .map(|v| v.iter().map(|x| x * x).sum::<f32>());
            if norm.is_some_and(|n| (n - 1.0).abs() > 1e-3) {
                let problem = format!("the vector of \"{}\" is not of unit length", stored.id);
                report.problems.push(problem);
            }
            lexical += usize::from(stored.text.is_some());
        }
        if state.ids.len() != state.live().count() || state.lexical.len() != lexical {
            let problem = "ids, documents and postings differ in number".to_owned();
            report.problems.push(problem);
        }
        Ok(report)
    }

    /// Makes every change so far durable and the log as short as it can be, so that the next
    /// opening reads no more than it must. In memory it does nothing.
    pub fn checkpoint(&self) -> Result<()> {
        let mut writer = self.check_writable_and_lock()?;
        let Some(store) = &mut writer.store else {
            return Ok(());
        };
        let state = self.read()?;
        store.rewrite(state.changes().map(|change| Change::encode(&change)))
    }

    /// [`Collection::checkpoint`], and the memory of deleted documents comes back too.
    /// Afterwards deleted text is gone from the files.
    pub fn compact(&self) -> Result<()> {
        {
            let mut writer = self.check_writable_and_lock()?;
            self.state_to_write().rebuild()?;
            self.settle(&mut writer, usize::MAX);
        }
        self.checkpoint()
    }

    /// Writes the collection as it is now into the directory `path`, which must be empty or
    /// absent. The copy opens like any other; this collection is not disturbed.
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<()> {
        let state = self.read()?;
        Store::write_new(path.as_ref(), state.changes().map(|c| c.encode()))
    }

    /// Where the collection lies; `None` in memory.
    pub fn path(&self) -> Result<Option<std::path::PathBuf>> {
        self.check_open()?;
        let writer = self.writer();
        Ok(writer.store.as_ref().map(|s| s.directory().to_path_buf()))
    }
}
