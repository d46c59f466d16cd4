//! Numbers by which one who keeps answers sees that what they were made of has changed.
//!
//! A version is where a document lies in which log, hashed: it is the same for all who read the
//! store, and costs nothing to keep. Writing the log anew moves documents, so that versions
//! change without need; they never stay without right.

use super::Collection;
use super::state::State;
use crate::error::Result;
use crate::rng::{Rng, splitmix64};
use crate::store::Store;

/// How far a state has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    /// The number of the change that comes next.
    sequence: u64,
    /// Of the log that is read, or of a collection in memory.
    salt: u64,
}

impl Pace {
    /// That of a state that was just made of a store, or in memory.
    pub(super) fn of(store: Option<&Store>) -> Self {
        match store.map(Store::pace) {
            Some((sequence, salt)) => Self { sequence, salt },
            None => Self {
                sequence: 0,
                salt: Rng::seed_from_system(),
            },
        }
    }

    /// So many changes were made, as the store knows, if there is one.
    pub(super) fn follow(&mut self, store: Option<&Store>, made: u64) {
        match store {
            Some(_) => *self = Self::of(store),
            None => self.sequence += made,
        }
    }

    fn hashed(self, number: u64) -> u64 {
        let mut state = self.salt.wrapping_add(number);
        splitmix64(&mut state)
    }
}

impl Collection {
    /// For each id a number that changes whenever a document of that id is written; `None` where there
    /// is none. All are of one moment.
    ///
    /// Equal numbers mean the same document, in every process that reads the store, for as long as no
    /// write is lost with the power (which durability `"sync"` rules out). They also change when the log is
    /// written anew, see [`Collection::compact`], and a collection in memory has its own.
    ///
    /// ```
    /// use rag_core::collection::{Batch, Collection};
    /// let collection = Collection::in_memory(None, None)?;
    /// collection.add(Batch::new(["a", "b"]).texts(["one", "two"]))?;
    /// let before = collection.versions(&["a", "b", "c"])?;
    /// collection.upsert(Batch::new(["b"]).texts(["two"]))?;
    /// let after = collection.versions(&["a", "b", "c"])?;
    /// assert_eq!((before[0], before[2]), (after[0], None));
    /// assert_ne!(before[1], after[1]); // written anew, if only with the same words
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn versions(&self, ids: &[impl AsRef<str>]) -> Result<Vec<Option<u64>>> {
        let state = self.read()?;
        let version = |id: &str| {
            let row = state.find(id)?;
            Ok(row.map(|row| state.pace.hashed(state.rows.places()[row as usize])))
        };
        ids.iter().map(|id| version(id.as_ref())).collect()
    }

    /// A number that changes with everything that is written here: documents, dials, users,
    /// calibration. The same rules as for [`Collection::versions`].
    pub fn sequence(&self) -> Result<u64> {
        Ok(self.read()?.sequence())
    }
}

impl State {
    pub(super) fn sequence(&self) -> u64 {
        self.pace.hashed(self.pace.sequence)
    }
}
