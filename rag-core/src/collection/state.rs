//! What a collection knows: documents, vectors, postings and dials on the same row numbers.
//!
//! Every change goes through [`State::apply`], when it is made and when the log is replayed, so
//! that what is opened is what was left. Rows of deleted documents stay empty until the state is
//! rebuilt, which happens by itself when more rows are empty than full.

use super::choosers::Choosers;
use super::codec::{self, Change};
use super::document::{Document, Metadata, Stored};
use super::ids::Ids;
use super::image::Moved;
use super::kept::{Kept, Place};
use super::likely::Likely;
use super::packed::Seen;
use super::relevance::Calibrated;
use super::rows::Rows;
use super::versions::Pace;
use crate::calibration::Calibration;
use crate::error::{Error, Result};
use crate::retrieval::bits::Bits;
use crate::retrieval::dense::{DenseRows, Lender, Metric};
use crate::retrieval::filter::{Columns, Filter, Held};
use crate::retrieval::lexical::{LexicalOptions, LexicalRows};
use crate::steering::Steering;
use std::borrow::Cow;
use std::sync::Arc;

/// Empty rows that are tolerated before a rebuild is worth it.
const SPARE_ROWS: usize = 1024;
/// Places of deleted vectors, as a share of the others, that compacting leaves as they are.
const TOLERATED: usize = 8;
/// Empty places of vectors, beyond as many as there are vectors, that are left for later ones.
const HOLLOW: usize = 2048;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) dim: Option<usize>,
    /// Name and fingerprint of the model whose vectors lie here.
    pub(crate) embedder: Option<(String, String)>,
    pub(super) rows: Rows,
    pub(super) columns: Columns,
    pub(super) likely: Likely,
    pub(super) ids: Ids,
    pub(crate) dense: Option<DenseRows>,
    pub(crate) lexical: LexicalRows,
    pub(crate) steering: Arc<Steering>,
    /// Vectors that were here when the dials were calibrated.
    pub(crate) calibrated_on: usize,
    /// What a score says about relevance.
    pub(crate) calibrated: Option<Calibrated>,
    pub(super) logged: Logged,
    pub(super) pace: Pace,
    pub(super) bandits: Choosers,
}

/// What there is in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Logged {
    /// Documents, those that are gone included, and the bytes of their records.
    pub(super) documents: u64,
    pub(super) bytes: u64,
    /// Bytes of the other records with which the log began.
    pub(super) rest: u64,
}

impl Logged {
    /// Bytes that so many documents take of it, with the rest.
    pub(super) fn used(self, documents: usize) -> u64 {
        let share = u128::from(self.bytes) * documents as u128 / u128::from(self.documents.max(1));
        u64::try_from(share)
            .unwrap_or(u64::MAX)
            .saturating_add(self.rest)
    }
}

impl State {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            dim: None,
            embedder: None,
            rows: Rows::default(),
            columns: Columns::default(),
            likely: Likely::default(),
            ids: Ids::default(),
            dense: None,
            lexical: LexicalRows::new(&LexicalOptions::default())?,
            steering: Arc::new(Steering::new()),
            calibrated_on: 0,
            calibrated: None,
            logged: Logged::default(),
            pace: Pace::default(),
            bandits: Choosers::default(),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The rows that are full.
    pub(crate) fn alive(&self) -> &Bits {
        self.rows.alive()
    }

    /// Does what may read the log, and fails if that met damage there.
    pub(crate) fn soundly<T>(&self, body: impl FnOnce() -> T) -> Result<T> {
        let Some(kept) = self.rows.kept() else {
            return Ok(body());
        };
        let before = kept.met();
        let done = body();
        kept.since(before)?;
        Ok(done)
    }

    /// The row of an id. Damage is noted.
    fn row(&self, id: &str) -> Option<u32> {
        let same = |row: u32| self.rows.look(row, |seen| Ok(seen.id() == id));
        self.ids.get(id, |row| same(row) == Some(true))
    }

    /// The row of an id, for one who relies on it.
    pub(super) fn find(&self, id: &str) -> Result<Option<u32>> {
        self.soundly(|| self.row(id))
    }

    pub(super) fn document(&self, id: &str) -> Result<Option<Document>> {
        let Some(row) = self.find(id)? else {
            return Ok(None);
        };
        let stored = self.rows.stored(row)?;
        let vector = self.soundly(|| self.vector(row).map(<[f32]>::to_vec))?;
        Ok(stored.map(|stored| Document {
            id: stored.id.clone(),
            text: stored.text.as_deref().map(str::to_owned),
            metadata: Metadata::clone(&stored.metadata),
            vector,
        }))
    }

    pub(crate) fn vector(&self, row: u32) -> Option<&[f32]> {
        self.dense.as_ref()?.vector(row)
    }

    /// The rows that a filter keeps. Damage is noted.
    pub(crate) fn matching(&self, filter: &Filter) -> Bits {
        self.with_columns(|columns, held| columns.matching(filter, held))
    }

    /// The columns of filters, and what they are made of.
    pub(super) fn with_columns<T>(&self, body: impl FnOnce(&Columns, &Held<'_, '_>) -> T) -> T {
        let kept = self.rows.kept();
        let before = kept.map(|kept| kept.met());
        let held = Held {
            rows: self.alive(),
            metadata: &|row| match self.rows.metadata(row) {
                Some(held) => Some(Cow::Borrowed(held)),
                None => self.rows.look(row, |seen| seen.metadata()).map(Cow::Owned),
            },
            sound: &|| kept.map(|kept| kept.met()) == before,
        };
        body(&self.columns, &held)
    }

    /// Takes in a change; `at` is where its record begins in the log, 0 without one.
    pub(crate) fn apply(&mut self, change: &Change, at: u64) -> Result<()> {
        match change {
            Change::Identity { dim, embedder } => {
                self.set_dim(*dim)?;
                self.embedder.clone_from(embedder);
            }
            Change::Put { documents, vectors } => self.put(documents, vectors, at)?,
            Change::Delete(ids) => {
                for id in ids {
                    self.remove(id)?;
                }
                self.renumber_if_sparse();
            }
            Change::Steering { set, calibrated_on } => {
                self.steering = Arc::new(Steering::from_bytes(set)?);
                self.calibrated_on = *calibrated_on;
                self.likely.retain(&self.steering);
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
                let set = Arc::make_mut(&mut self.steering);
                set.set_worker(f.worker);
                set.rate(&f.given(&dials))?;
            }
            Change::Dials { set, calibrated_on } => {
                let dials = Steering::from_bytes(set)?;
                Arc::make_mut(&mut self.steering).take_dials(dials)?;
                self.calibrated_on = *calibrated_on;
                self.likely.retain(&self.steering);
            }
            Change::Forget(user) => {
                Arc::make_mut(&mut self.steering).forget(user);
            }
            Change::Users(set) => {
                let users = Steering::from_bytes(set)?;
                Arc::make_mut(&mut self.steering).take_users(users)?;
            }
            Change::Bandit { .. }
            | Change::NoBandit(_)
            | Change::Domain { .. }
            | Change::Reward { .. } => self.bandits.apply(change)?,
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

    /// Whether so many floats are vectors for so many documents here.
    pub(super) fn check_vectors(&mut self, documents: usize, floats: usize) -> Result<()> {
        if floats == 0 || documents == 0 {
            return Ok(());
        }
        self.set_dim(Some(floats / documents))?;
        let dim = self.dim.unwrap_or(0);
        match floats == documents * dim {
            true => Ok(()),
            false => Err(Error::dimension("this collection", dim, floats)),
        }
    }

    pub(super) fn next_row(&self) -> Result<u32> {
        let next = u32::try_from(self.rows.len());
        next.map_err(|_| Error::invalid("a collection holds at most 2^32 rows"))
    }

    fn put(&mut self, documents: &[Stored], vectors: &[f32], at: u64) -> Result<()> {
        self.check_vectors(documents.len(), vectors.len())?;
        let dim = self.dim.unwrap_or(0);
        for (i, document) in documents.iter().enumerate() {
            self.remove(&document.id)?;
            let row = self.next_row()?;
            if let Some(dense) = self.dense.as_mut().filter(|_| !vectors.is_empty()) {
                dense.insert(row, &vectors[i * dim..(i + 1) * dim])?;
            }
            if let Some(text) = &document.text {
                self.lexical.insert(row, text)?;
            }
            self.columns.push(row, &document.metadata);
            self.ids.push(&document.id);
            let place = match at {
                // In memory it is a number of its own, by which versions are told apart.
                0 => Place(self.logged.documents + 1 + i as u64),
                at => Place::new(at, i),
            };
            self.rows.push(place, Arc::new(document.clone()));
        }
        self.logged.documents += documents.len() as u64;
        self.renumber_if_sparse();
        Ok(())
    }

    fn remove(&mut self, id: &str) -> Result<()> {
        let Some(row) = self.find(id)? else {
            return Ok(());
        };
        self.forget(row);
        if let Some(dense) = &mut self.dense {
            dense.remove(row);
        }
        self.lexical.remove(row);
        Ok(())
    }

    /// Forgets whose a row was; of its words and its vector others are told.
    pub(super) fn forget(&mut self, row: u32) {
        self.ids.remove(row);
        self.rows.remove(row);
    }

    /// Gives the next row to a document that stays in the log; of its words and its vector others are
    /// told.
    pub(super) fn lend(&mut self, place: Place, seen: &Seen<'_>) -> Result<()> {
        if !self.columns.is_empty() {
            let metadata = seen.metadata().map_err(codec::malformed)?;
            self.columns.push(self.next_row()?, &metadata);
        }
        self.ids.push(seen.id);
        self.rows.lend(place, seen.text);
        Ok(())
    }

    /// The documents lie in another log from now on.
    pub(super) fn move_to(&mut self, moved: &Moved) {
        self.rows.replace(&moved.records, &moved.places);
        if let (Some(dense), Some(kept)) = (&mut self.dense, self.rows.kept()) {
            let lender: Arc<dyn Lender> = Arc::<Kept>::clone(kept);
            dense.relend(&lender, |row| moved.places[row as usize]);
        }
        self.logged = moved.logged;
    }

    /// Whether there are so many empty rows that the others are better numbered anew.
    pub(super) fn is_sparse(&self) -> bool {
        self.rows.len() > 2 * self.len() + SPARE_ROWS
    }

    pub(super) fn renumber_if_sparse(&mut self) {
        if self.is_sparse() {
            self.renumber();
        }
    }

    /// Gives every live document a new row, in the old order, so that no row is empty.
    fn renumber(&mut self) {
        let mut new = vec![u32::MAX; self.rows.len()];
        for (row, old) in (0u32..).zip(self.alive().iter()) {
            new[old as usize] = row;
        }
        self.ids.renumber(self.rows.alive().iter());
        self.likely.renumber(self.rows.alive());
        self.rows.renumber();
        let new = |old: u32| new[old as usize];
        if let Some(dense) = &mut self.dense {
            dense.renumber(new);
        }
        self.lexical.renumber(new);
        self.columns.clear();
    }

    /// Gives the memory of deleted documents back. After an error it is as it was.
    pub(crate) fn rebuild(&mut self) -> Result<()> {
        let mut lexical = LexicalRows::new(&LexicalOptions::default())?;
        for row in self.alive().iter() {
            if let Some(stored) = self.rows.stored(row)?
                && let Some(text) = &stored.text
            {
                lexical.insert(row, text)?;
            }
        }
        let sparse = |dense: &DenseRows| dense.places() > dense.len() + dense.len() / TOLERATED;
        if self.dense.as_ref().is_some_and(sparse) {
            self.dense = self.dense_anew()?;
        }
        self.lexical = lexical;
        self.renumber();
        Ok(())
    }

    /// Whether most places of vectors are empty. Links were led around so many of those that were there
    /// that some vectors may be hard to reach.
    pub(super) fn is_hollow(&self) -> bool {
        let hollow = |dense: &DenseRows| dense.places() > 2 * dense.len() + HOLLOW;
        self.dense.as_ref().is_some_and(hollow)
    }

    /// The vectors in places without gaps, to be linked anew.
    pub(super) fn dense_anew(&self) -> Result<Option<DenseRows>> {
        let Some(dense) = &self.dense else {
            return Ok(None);
        };
        let mut fresh = DenseRows::with_graph(dense.dim(), dense.metric())?;
        let kept = self.rows.kept().cloned();
        for row in self.alive().iter() {
            let Some(vector) = self.soundly(|| self.vector(row))? else {
                continue;
            };
            match (&kept, self.rows.lent_place(row)) {
                (Some(kept), Some(place)) => {
                    let lender: Arc<dyn Lender> = Arc::<Kept>::clone(kept);
                    fresh.lend(row, vector, place.0, &lender)?;
                }
                _ => fresh.insert(row, vector)?,
            }
        }
        Ok(Some(fresh))
    }
}
