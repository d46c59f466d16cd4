//! Documents and vectors that stay in the log, read where they are.
//!
//! Damage is noticed when a record is first read, deep inside a search that has no way to say so:
//! it is noted here, and whoever asked for the search looks before it answers.

use super::document::Stored;
use super::packed::{HEAD, Packed, Seen};
use crate::bytes::Read;
use crate::error::{Error, Result};
use crate::plain::numbers_of;
use crate::retrieval::dense::{Lender, MAX_DIM};
use crate::store::Records;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bits that say which document of a batch is meant.
const INDEX: u32 = 24;
/// What every record begins at a multiple of.
const LINE: u64 = 64;
static ZEROS: [f32; MAX_DIM] = [0.0; MAX_DIM];

/// Where a document is: in which record of the log, and which of its documents it is. 0 is nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(pub(super) u64);

impl Place {
    /// The document at `index` of the batch whose record begins at `at` in the log.
    pub(super) fn new(at: u64, index: usize) -> Self {
        Self(((at / LINE) << INDEX) | index as u64)
    }

    fn at(self) -> u64 {
        (self.0 >> INDEX) * LINE
    }

    fn index(self) -> usize {
        (self.0 & ((1 << INDEX) - 1)) as usize
    }
}

/// The records of the log.
#[derive(Debug)]
pub(super) struct Kept {
    records: Arc<Records>,
    /// How often damage was met, and what it was the last time.
    met: AtomicU64,
    last: Mutex<Option<Error>>,
}

impl Kept {
    pub(super) fn new(records: &Arc<Records>) -> Arc<Self> {
        Arc::new(Self {
            records: Arc::clone(records),
            met: AtomicU64::new(0),
            last: Mutex::new(None),
        })
    }

    fn batch(&self, place: Place) -> Result<Packed<'_>> {
        let payload = self.records.payload(place.at())?;
        Packed::new(payload).map_err(malformed)
    }

    /// The document at a place.
    pub(super) fn seen(&self, place: Place) -> Result<Seen<'_>> {
        let batch = self.batch(place)?;
        batch.document(place.index()).map_err(malformed)
    }

    pub(super) fn stored(&self, place: Place) -> Result<Stored> {
        self.seen(place)?.stored().map_err(malformed)
    }

    /// What stands at a place as `look` sees it; what is damaged is noted.
    pub(super) fn look<T>(
        &self,
        place: Place,
        look: impl FnOnce(&Seen<'_>) -> Read<T>,
    ) -> Option<T> {
        let seen = self.seen(place);
        let found = seen.and_then(|seen| look(&seen).map_err(malformed));
        found.map_err(|error| self.note(error)).ok()
    }

    fn note(&self, error: Error) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        self.met.fetch_add(1, Ordering::Release);
    }

    /// How often damage was met so far.
    pub(super) fn met(&self) -> u64 {
        self.met.load(Ordering::Acquire)
    }

    /// The last damage, if there was more since `before`.
    pub(super) fn since(&self, before: u64) -> Result<()> {
        if self.met() == before {
            return Ok(());
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map_or(Ok(()), |error| Err(error.again()))
    }
}

impl Lender for Kept {
    #[inline]
    fn vector(&self, place: u64, dim: usize) -> &[f32] {
        let place = Place(place);
        let from = HEAD + place.index() * dim * 4;
        let known = self.records.again(place.at(), from, dim * 4);
        if let Some(vector) = known.and_then(numbers_of) {
            return vector;
        }
        let batch = self.batch(place);
        let found = batch.and_then(|batch| {
            let all = batch.vectors().filter(|_| batch.dim() == dim);
            let vector = all.and_then(|all| all.get(place.index() * dim..)?.get(..dim));
            vector.ok_or_else(|| malformed("a vector that is not there"))
        });
        found.unwrap_or_else(|error| {
            self.note(error);
            &ZEROS[..dim]
        })
    }
}

fn malformed(found: impl std::fmt::Display) -> Error {
    super::codec::malformed(found)
}
