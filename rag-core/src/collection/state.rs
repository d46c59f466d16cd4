//! What a collection knows: documents, vectors, postings and dials on the same row numbers.
//!
//! Every change goes through [`State::apply`], when it is made and when the log is replayed, so
//! that what is opened is what was left. Rows of deleted documents stay empty until the state is
//! rebuilt, which happens by itself when more rows are empty than full.

use super::codec::Change;
use super::document::{Document, Metadata, Stored};
use super::relevance::Calibrated;
use crate::calibration::Calibration;
use crate::error::{Error, Result};
use crate::retrieval::bits::Bits;
use crate::retrieval::dense::{DenseRows, Metric};
use crate::retrieval::filter::{Columns, Filter, Held};
use crate::retrieval::lexical::{LexicalOptions, LexicalRows};
use crate::steering::Steering;
use std::collections::HashMap;
use std::sync::Arc;

/// Empty rows that are tolerated before a rebuild is worth it.
const SPARE_ROWS: usize = 1024;
/// Places of deleted vectors, as a share of the others, that compacting leaves as they are.
const TOLERATED: usize = 8;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) dim: Option<usize>,
    /// Name and fingerprint of the model whose vectors lie here.
    pub(crate) embedder: Option<(String, String)>,
    pub(crate) rows: Vec<Option<Arc<Stored>>>,
    /// The rows that are full.
    pub(crate) alive: Bits,
    columns: Columns,
    pub(crate) ids: HashMap<String, u32>,
    pub(crate) dense: Option<DenseRows>,
    pub(crate) lexical: LexicalRows,
    pub(crate) steering: Arc<Steering>,
    /// Vectors that were here when the dials were calibrated.
    pub(crate) calibrated_on: usize,
    /// What a score says about relevance.
    pub(crate) calibrated: Option<Calibrated>,
}

impl State {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            dim: None,
            embedder: None,
            rows: Vec::new(),
            alive: Bits::default(),
            columns: Columns::default(),
            ids: HashMap::new(),
            dense: None,
            lexical: LexicalRows::new(&LexicalOptions::default())?,
            steering: Arc::new(Steering::new()),
            calibrated_on: 0,
            calibrated: None,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The stored document and its row.
    pub(crate) fn find(&self, id: &str) -> Option<(u32, &Arc<Stored>)> {
        let row = *self.ids.get(id)?;
        Some((row, self.rows.get(row as usize)?.as_ref()?))
    }

    pub(crate) fn document(&self, id: &str) -> Option<Document> {
        let (row, stored) = self.find(id)?;
        Some(Document {
            id: stored.id.clone(),
            text: stored.text.as_deref().map(str::to_owned),
            metadata: Metadata::clone(&stored.metadata),
            vector: self.vector(row).map(<[f32]>::to_vec),
        })
    }

    pub(crate) fn vector(&self, row: u32) -> Option<&[f32]> {
        self.dense.as_ref()?.vector(row)
    }

    /// Full rows in ascending order.
    pub(crate) fn live(&self) -> impl Iterator<Item = (u32, &Arc<Stored>)> {
        let numbered = self.rows.iter().enumerate();
        numbered.filter_map(|(row, stored)| Some((row as u32, stored.as_ref()?)))
    }

    /// The rows that a filter keeps.
    pub(crate) fn matching(&self, filter: &Filter) -> Bits {
        let metadata = |row: u32| Some(&*self.rows.get(row as usize)?.as_ref()?.metadata);
        let held = Held {
            rows: &self.alive,
            metadata: &metadata,
        };
        self.columns.matching(filter, &held)
    }

    pub(crate) fn apply(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::Identity { dim, embedder } => {
                self.set_dim(*dim)?;
                self.embedder.clone_from(embedder);
            }
            Change::Put { documents, vectors } => self.put(documents, vectors)?,
            Change::Delete(ids) => {
                ids.iter().for_each(|id| self.remove(id));
                self.rebuild_if_sparse();
            }
            Change::Steering { set, calibrated_on } => {
                self.steering = Arc::new(Steering::from_bytes(set)?);
                self.calibrated_on = *calibrated_on;
            }
            Change::Calibration(None) => self.calibrated = None,
            Change::Calibration(Some((scale, curve))) => {
                let curve = Calibration::from_bytes(curve)?;
                let scale = *scale;
                self.calibrated = Some(Calibrated { scale, curve });
            }
            Change::Feedback(f) => {
                let dials: Vec<(&str, f64)> =
                    f.dials.iter().map(|(n, s)| (n.as_str(), *s)).collect();
                let user = f.user.as_deref();
                let set = Arc::make_mut(&mut self.steering);
                set.set_worker(f.worker);
                set.feedback(&f.query, &f.item, f.rating, user, &dials, Some(f.at))?;
            }
        }
        Ok(())
    }

    fn set_dim(&mut self, dim: Option<usize>) -> Result<()> {
        let Some(dim) = dim else { return Ok(()) };
        match self.dim {
            Some(held) if held != dim => Err(Error::dimension("this collection", held, dim)),
            Some(_) => Ok(()),
            None => {
                self.dense = Some(DenseRows::with_graph(dim, Metric::Cosine)?);
                self.dim = Some(dim);
                Ok(())
            }
        }
    }

    fn put(&mut self, documents: &[Stored], vectors: &[f32]) -> Result<()> {
        if documents.is_empty() {
            return Ok(());
        }
        if !vectors.is_empty() {
            self.set_dim(Some(vectors.len() / documents.len()))?;
        }
        let dim = self.dim.unwrap_or(0);
        if !vectors.is_empty() && vectors.len() != documents.len() * dim {
            return Err(Error::dimension("this collection", dim, vectors.len()));
        }
        for (i, document) in documents.iter().enumerate() {
            self.remove(&document.id);
            let row = u32::try_from(self.rows.len())
                .map_err(|_| Error::invalid("a collection holds at most 2^32 rows"))?;
            if let Some(dense) = self.dense.as_mut().filter(|_| !vectors.is_empty()) {
                dense.insert(row, &vectors[i * dim..(i + 1) * dim])?;
            }
            if let Some(text) = &document.text {
                self.lexical.insert(row, text)?;
            }
            self.columns.push(row, &document.metadata);
            self.ids.insert(document.id.clone(), row);
            self.alive.set(row, true);
            self.rows.push(Some(Arc::new(document.clone())));
        }
        self.rebuild_if_sparse();
        Ok(())
    }

    fn remove(&mut self, id: &str) {
        let Some(row) = self.ids.remove(id) else {
            return;
        };
        if let Some(dense) = &mut self.dense {
            dense.remove(row);
        }
        self.lexical.remove(row);
        self.alive.set(row, false);
        self.rows[row as usize] = None;
    }

    fn rebuild_if_sparse(&mut self) {
        if self.rows.len() > 2 * self.len() + SPARE_ROWS {
            self.renumber();
        }
    }

    /// Gives every live document a new row, in the old order, so that no row is empty.
    fn renumber(&mut self) {
        let mut new = vec![u32::MAX; self.rows.len()];
        for (row, old) in (0u32..).zip(self.alive.iter()) {
            new[old as usize] = row;
        }
        self.rows.retain(Option::is_some);
        self.rows.shrink_to(2 * self.rows.len());
        self.alive = (0..self.rows.len() as u32).collect();
        let new = |old: u32| new[old as usize];
        self.ids.values_mut().for_each(|row| *row = new(*row));
        if let Some(dense) = &mut self.dense {
            dense.renumber(new);
        }
        self.lexical.renumber(new);
        self.columns.clear();
    }

    /// Gives the memory of deleted documents back.
    pub(crate) fn rebuild(&mut self) -> Result<()> {
        self.renumber();
        let mut lexical = LexicalRows::new(&LexicalOptions::default())?;
        for (row, stored) in self.live() {
            if let Some(text) = &stored.text {
                lexical.insert(row, text)?;
            }
        }
        self.lexical = lexical;
        let sparse = |dense: &&DenseRows| dense.places() > dense.len() + dense.len() / TOLERATED;
        if let Some(dense) = self.dense.as_ref().filter(sparse) {
            let mut fresh = DenseRows::with_graph(dense.dim(), dense.metric())?;
            for (row, _) in self.live() {
                if let Some(vector) = dense.vector(row) {
                    fresh.insert(row, vector)?;
                }
            }
            self.dense = Some(fresh);
        }
        Ok(())
    }

    /// The changes that make this state out of an empty one.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        const PER_RECORD: usize = 256;
        let identity = Change::Identity {
            dim: self.dim,
            embedder: self.embedder.clone(),
        };
        let (with, without): (Vec<_>, Vec<_>) = self
            .live()
            .partition(|(row, _)| self.vector(*row).is_some());
        let chunks: Vec<Vec<(u32, &Arc<Stored>)>> = [with, without]
            .iter()
            .flat_map(|rows| rows.chunks(PER_RECORD).map(<[_]>::to_vec))
            .collect();
        let puts = chunks.into_iter().map(|chunk| Change::Put {
            documents: chunk.iter().map(|(_, s)| Stored::clone(s)).collect(),
            vectors: chunk
                .iter()
                .flat_map(|(row, _)| self.vector(*row).unwrap_or(&[]))
                .copied()
                .collect(),
        });
        let steering = Change::Steering {
            set: self.steering.to_bytes(),
            calibrated_on: self.calibrated_on,
        };
        // Without one there is no record, so that releases that know of none can read the log.
        let calibration = self.calibrated.as_ref().map(Calibrated::change);
        let rest = std::iter::once(steering).chain(calibration);
        std::iter::once(identity).chain(puts).chain(rest)
    }
}
