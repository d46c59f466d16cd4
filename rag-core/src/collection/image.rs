//! A collection in an image: all but the documents and vectors themselves, which stay in the log.

use super::codec::{Change, malformed};
use super::ids::Ids;
use super::kept::Place;
use super::likely::Likely;
use super::packed::{Room, pack};
use super::relevance::Calibrated;
use super::rows::Rows;
use super::state::{Logged, State};
use super::tail;
use crate::bytes::{self, Read};
use crate::error::{Error, Result};
use crate::image::{Image, Writer};
use crate::retrieval::dense::{DenseRows, Lender, Metric};
use crate::retrieval::filter::Columns;
use crate::retrieval::lexical::{LexicalOptions, LexicalRows};
use crate::steering::Steering;
use crate::store::{Records, Replay};
use crate::threads;
use std::cell::RefCell;
use std::io;
use std::iter::Peekable;
use std::sync::Arc;

/// The parts of the image.
const ROWS: usize = 0;
const DENSE: usize = 1;
const LEXICAL: usize = 2;

/// A state as it is to be written.
pub(super) struct View<'a> {
    pub(super) state: &'a State,
    pub(super) dense: Option<&'a DenseRows>,
    pub(super) identity: Change,
    /// Dials and users, and on how many vectors the dials were calibrated.
    pub(super) steering: (&'a Steering, usize),
    pub(super) calibration: Option<Change>,
}

impl View<'_> {
    /// Writes an image; `places` are those of the documents in the log, by row, and `logged` is what
    /// there is besides.
    pub(super) fn write(
        &self,
        to: &mut Writer<'_>,
        places: &[u64],
        logged: Logged,
    ) -> io::Result<()> {
        to.part();
        let mut small = bytes::Writer::default();
        self.small().for_each(|change| small.text(&change.encode()));
        to.array(&small.finish())?;
        to.array(&[logged.documents, logged.bytes, logged.rest])?;
        self.state.rows.write(to, places)?;
        self.state.ids.write(to)?;
        self.state.likely.write(to)?;
        to.part();
        if let Some(dense) = self.dense {
            let place = |row: u32| places.get(row as usize).copied().unwrap_or(0);
            dense.write(to, place)?;
        }
        to.part();
        self.state.lexical.write(to)?;
        let rows = self.state.rows.len();
        self.state
            .with_columns(|columns, held| columns.write(to, rows, held))
    }

    /// What writes an image of a log of the [`View::records`] that `taken` was told of, by where each
    /// begins.
    pub(super) fn image<'a>(
        &'a self,
        taken: &'a RefCell<Taken>,
    ) -> impl FnOnce(&[u64], &mut Writer<'_>) -> io::Result<()> + 'a {
        move |starts, to| {
            let taken = taken.borrow();
            let places = taken.places(self.state.rows.len(), starts);
            self.write(to, &places, taken.logged)
        }
    }

    /// What is neither a document nor made of any.
    fn small(&self) -> impl Iterator<Item = Change> {
        let (set, calibrated_on) = self.steering;
        let dials = Change::Steering {
            set: set.without_users().to_bytes(),
            calibrated_on,
        };
        // One after the other: all users at once may be more than should lie in memory twice.
        let users = set.batches().map(|batch| Change::Users(batch.to_bytes()));
        let first = [self.identity.clone(), dials].into_iter();
        let bandits = self.state.bandits.changes();
        first
            .chain(users)
            .chain(self.calibration.clone())
            .chain(bandits)
    }

    /// The records that make this state out of an empty one, in their order. `taken` is told what
    /// is in them.
    pub(super) fn records<'a>(
        &'a self,
        taken: &'a RefCell<Taken>,
    ) -> impl Iterator<Item = Result<Vec<u8>>> + 'a {
        let small = self.small().map(move |change| {
            let record = change.encode();
            let mut taken = taken.borrow_mut();
            taken.batches.push(Vec::new());
            taken.logged.rest += record.len() as u64;
            Ok(record)
        });
        let mut rows = self.state.alive().iter().peekable();
        let batches = std::iter::from_fn(move || {
            let first = *rows.peek()?;
            Some(self.batch(first, &mut rows).map(|(record, batch)| {
                let mut taken = taken.borrow_mut();
                taken.logged.documents += batch.len() as u64;
                taken.logged.bytes += record.len() as u64;
                taken.batches.push(batch);
                record
            }))
        });
        small.chain(batches)
    }

    /// The next of the full rows as one record: as many as go into one, all of them with a vector or
    /// none.
    fn batch(
        &self,
        first: u32,
        rows: &mut Peekable<impl Iterator<Item = u32>>,
    ) -> Result<(Vec<u8>, Vec<u32>)> {
        let has_vector = |row: u32| self.dense.is_some_and(|dense| dense.contains(row));
        let vector = |row: u32| self.dense.and_then(|dense| dense.vector(row));
        let dim = self.dense.map_or(0, DenseRows::dim);
        let alike = has_vector(first);
        let (mut documents, mut vectors) = (Vec::new(), Vec::new());
        let (mut batch, mut room) = (Vec::new(), Room::default());
        while let Some(&row) = rows.peek().filter(|&&row| has_vector(row) == alike) {
            let stored = self.state.rows.stored(row)?.map(Arc::unwrap_or_clone);
            let stored = stored.ok_or_else(|| malformed("a document that is not there"))?;
            if !room.takes(&stored, dim) {
                break;
            }
            rows.next();
            vectors.extend_from_slice(self.state.soundly(|| vector(row))?.unwrap_or_default());
            documents.push(stored);
            batch.push(row);
        }
        Ok((pack(&documents, &vectors), batch))
    }
}

impl State {
    /// This as it is.
    pub(super) fn view(&self) -> View<'_> {
        View {
            state: self,
            dense: self.dense.as_ref(),
            identity: Change::Identity {
                dim: self.dim,
                embedder: self.embedder.clone(),
            },
            steering: (&self.steering, self.calibrated_on),
            // Without one there is no record, so that releases that know of none can read the log.
            calibration: self.calibrated.as_ref().map(Calibrated::change),
        }
    }

    /// Reads what [`View::write`] wrote.
    fn restored(image: &Image, records: &Arc<Records>) -> Read<Self> {
        const BROKEN: &str = "a collection that cannot be";
        let mut state = Self::new().map_err(|_| BROKEN)?;
        let mut from = image.part(ROWS);
        let small = from.vec::<u8>()?;
        let mut small = bytes::Reader::new(&small);
        while small.left() > 0 {
            let change = Change::decode(small.text_bytes()?).map_err(|_| BROKEN)?;
            match change {
                Change::Put { .. } => return Err(BROKEN),
                change => state.apply(&change, 0).map_err(|_| BROKEN)?,
            }
        }
        let [documents, bytes, rest] = from.fixed()?;
        state.logged = Logged {
            documents,
            bytes,
            rest,
        };
        let mut ids = from.clone();
        ids.skip(Rows::ARRAYS)?;
        let (rows, read) = threads::both(
            threads::available(),
            || Rows::read(&mut from, records),
            || Ids::read(&mut ids),
        );
        (state.rows, state.ids) = (rows?, read?);
        state.likely = Likely::read(&mut ids, state.rows.len());
        state.likely.retain(&state.steering);
        let lender = state.rows.kept();
        let lender = lender.map(|kept| Arc::clone(kept) as Arc<dyn Lender>);
        let dense = state.dim.zip(lender).map(|(dim, lender)| {
            DenseRows::restored(dim, Metric::Cosine, &mut image.part(DENSE), lender)
        });
        state.dense = dense.transpose()?;
        let options = LexicalOptions::default();
        let mut from = image.part(LEXICAL);
        state.lexical = LexicalRows::restored(&options, &mut from)?;
        state.columns = Columns::read(&mut from, state.rows.len());
        let texts = state.alive().iter().filter(|&row| state.rows.has_text(row));
        let texts = texts.count();
        let rows = state.ids.rows() == state.rows.len();
        match rows && state.ids.len() == state.alive().count() && state.lexical.len() == texts {
            true => Ok(state),
            false => Err("documents and postings that do not agree"),
        }
    }
}

/// What was put into records that make a state.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The rows in each.
    batches: Vec<Vec<u32>>,
    pub(super) logged: Logged,
}

impl Taken {
    /// Where the documents of so many rows are, if the records begin at `starts`.
    pub(super) fn places(&self, rows: usize, starts: &[u64]) -> Vec<u64> {
        let mut places = vec![Place::default().0; rows];
        for (batch, &at) in self.batches.iter().zip(starts) {
            for (i, &row) in batch.iter().enumerate() {
                places[row as usize] = Place::new(at, i).0;
            }
        }
        places
    }
}

/// Where the documents of a state are that was written anew.
pub(super) struct Moved {
    pub(super) records: Arc<Records>,
    /// By row.
    pub(super) places: Vec<u64>,
    pub(super) logged: Logged,
}

/// A state that is made of what a store holds.
pub(super) struct Opening {
    pub(super) state: State,
    /// How many documents, deletions and other changes were taken in one by one.
    pub(super) replayed: u64,
}

impl Opening {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            state: State::new()?,
            replayed: 0,
        })
    }
}

impl Replay for Opening {
    fn restore(&mut self, image: &Image, records: &Arc<Records>) -> bool {
        match State::restored(image, records) {
            Ok(state) => self.state = state,
            Err(_) => return false,
        }
        true
    }

    fn replay(&mut self, at: u64, payload: &[u8], records: &Arc<Records>) -> Result<()> {
        let taken = self.replay_all(&[(at, payload)], records);
        taken.map_err(|(_, error)| error)
    }

    fn replay_all(
        &mut self,
        all: &[(u64, &[u8])],
        records: &Arc<Records>,
    ) -> Result<(), (usize, Error)> {
        self.replayed += tail::replay(&mut self.state, all, records)?;
        Ok(())
    }
}
