//! Documents by row: the older ones where they lie in the log, the newer ones in memory.
//!
//! What opening finds stays in the log and is read when it is asked for; what is written from then on
//! is held as it came. Rows are given in the order of arrival, so that all of the first kind come
//! before all of the second.

use super::document::{Metadata, Stored};
use super::kept::{Kept, Place};
use super::packed::Seen;
use crate::bytes::Read;
use crate::error::Result;
use crate::image::{Reader, Writer};
use crate::kernel::Large;
use crate::retrieval::bits::Bits;
use crate::store::Records;
use std::cmp::Ordering;
use std::io;
use std::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct Rows {
    kept: Option<Arc<Kept>>,
    /// Where each row's document is in the log, as [`Place`] has it; nowhere without a log.
    places: Large<u64>,
    /// The rows that hold a document.
    alive: Bits,
    /// How many rows stand in the log alone, and the documents of the others.
    lent: usize,
    held: Vec<Option<Arc<Stored>>>,
    /// Bytes of each row's text; `NO_TEXT` for a document without one.
    texts: Large<u32>,
}

/// Longer than any text.
const NO_TEXT: u32 = u32::MAX;

fn text_length(text: Option<&str>) -> u32 {
    text.map_or(NO_TEXT, |text| text.len() as u32)
}

impl Rows {
    /// How many arrays [`Rows::write`] writes.
    pub(super) const ARRAYS: usize = 3;

    pub(super) fn write(&self, to: &mut Writer<'_>, places: &[u64]) -> io::Result<()> {
        to.array(places)?;
        to.array(&self.texts)?;
        to.array(self.alive.words())
    }

    /// Reads what [`Rows::write`] wrote: rows of which all stand in the log.
    pub(super) fn read(from: &mut Reader<'_>, records: &Arc<Records>) -> Read<Self> {
        let places = Large::checked(&from.array()?, |_| Ok(()))?;
        let texts = Large::exactly(&from.array()?, places.len())?;
        let alive = Bits::from_words(from.vec()?, places.len());
        Ok(Self {
            kept: Some(Kept::new(records)),
            lent: places.len(),
            held: Vec::new(),
            places,
            texts,
            alive: alive.ok_or("a document in a row that does not exist")?,
        })
    }

    /// Rows that were given, those of removed documents included.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn alive(&self) -> &Bits {
        &self.alive
    }

    pub(super) fn kept(&self) -> Option<&Arc<Kept>> {
        self.kept.as_ref()
    }

    pub(super) fn places(&self) -> &[u64] {
        &self.places
    }

    /// Adds the next row, of a document that is held.
    pub(super) fn push(&mut self, place: Place, document: Arc<Stored>) {
        self.alive.set(self.len() as u32, true);
        self.places.push(place.0);
        self.texts.push(text_length(document.text.as_deref()));
        self.held.push(Some(document));
    }

    /// Documents may stay in this log.
    pub(super) fn keep(&mut self, records: &Arc<Records>) {
        self.kept.get_or_insert_with(|| Kept::new(records));
    }

    /// Adds the next row, of a document with this text that stays in the log; none is held yet.
    pub(super) fn lend(&mut self, place: Place, text: Option<&str>) {
        debug_assert!(self.held.is_empty() && self.kept.is_some());
        self.alive.set(self.len() as u32, true);
        self.places.push(place.0);
        self.texts.push(text_length(text));
        self.lent = self.places.len();
    }

    pub(super) fn remove(&mut self, row: u32) {
        self.alive.set(row, false);
        self.places[row as usize] = Place::default().0;
        if let Some(held) = (row as usize).checked_sub(self.lent) {
            self.held[held] = None;
        }
    }

    /// Keeps the rows that hold something, numbered anew in their order.
    pub(super) fn renumber(&mut self) {
        let lent = self
            .alive
            .iter()
            .take_while(|&row| (row as usize) < self.lent);
        self.lent = lent.count();
        let row = |row: u32| row as usize;
        self.places = self.alive.iter().map(|at| self.places[row(at)]).collect();
        self.texts = self.alive.iter().map(|at| self.texts[row(at)]).collect();
        self.held.retain(Option::is_some);
        self.held.shrink_to(2 * self.held.len());
        self.alive = (0..self.places.len() as u32).collect();
    }

    /// The documents lie elsewhere from now on.
    pub(super) fn replace(&mut self, records: &Arc<Records>, places: &[u64]) {
        self.kept = Some(Kept::new(records));
        self.places.copy_from_slice(places);
    }

    /// Where the document of a full row is, if it stands in the log alone.
    pub(super) fn lent_place(&self, row: u32) -> Option<Place> {
        let place = Place(*self.places.get(row as usize)?);
        ((row as usize) < self.lent && self.alive.has(row)).then_some(place)
    }

    fn place(&self, row: u32) -> Option<(&Arc<Kept>, Place)> {
        self.kept.as_ref().zip(self.lent_place(row))
    }

    fn held(&self, row: u32) -> Option<&Arc<Stored>> {
        let at = (row as usize).checked_sub(self.lent)?;
        self.held.get(at)?.as_ref()
    }

    /// The document of a row, `None` if it was removed.
    pub(super) fn stored(&self, row: u32) -> Result<Option<Arc<Stored>>> {
        if let Some(held) = self.held(row) {
            return Ok(Some(Arc::clone(held)));
        }
        let stored = self.place(row).map(|(kept, place)| kept.stored(place));
        Ok(stored.transpose()?.map(Arc::new))
    }

    /// The metadata of a document that is held.
    pub(super) fn metadata(&self, row: u32) -> Option<&Metadata> {
        self.held(row).map(|stored| &*stored.metadata)
    }

    /// Whether a full row has a text.
    pub(super) fn has_text(&self, row: u32) -> bool {
        self.texts[row as usize] != NO_TEXT
    }

    /// Bytes of all texts.
    pub(super) fn text_bytes(&self) -> usize {
        let texts = self.alive.iter().map(|row| self.texts[row as usize]);
        texts
            .filter(|&length| length != NO_TEXT)
            .map(|length| length as usize)
            .sum()
    }

    /// The id of a full row.
    pub(super) fn id(&self, row: u32) -> Result<String> {
        match (self.held(row), self.place(row)) {
            (Some(held), _) => Ok(held.id.clone()),
            (None, Some((kept, place))) => kept.seen(place).map(|seen| seen.id.to_owned()),
            (None, None) => Ok(String::new()),
        }
    }

    /// What `look` sees of a row's document; `None` where there is none. Damage is noted.
    pub(super) fn look<T>(&self, row: u32, look: impl FnOnce(&Look<'_>) -> Read<T>) -> Option<T> {
        if let Some(held) = self.held(row) {
            return look(&Look::Held(held)).ok();
        }
        let (kept, place) = self.place(row)?;
        kept.look(place, |seen| look(&Look::Seen(seen)))
    }

    /// The order of two rows' ids; those of documents that are damaged come first.
    pub(super) fn order_of_ids(&self, a: u32, b: u32) -> Ordering {
        let there = |row| self.look(row, |_| Ok(()));
        let order = self.look(a, |a| {
            let order = self.look(b, |b| Ok(a.id().cmp(b.id())));
            Ok(order.unwrap_or(Ordering::Greater))
        });
        order.unwrap_or_else(|| None.cmp(&there(b)))
    }

    /// Reads a little of what is held under a row; changes nothing but time.
    pub(super) fn touch(&self, row: u32) -> usize {
        self.held(row).map_or(0, |stored| {
            let id = stored.id.as_bytes().first().copied().unwrap_or_default();
            let text = stored.text.as_ref().map_or(0, Arc::strong_count);
            usize::from(id) ^ text ^ Arc::strong_count(&stored.metadata)
        })
    }
}

/// A document that is held, or seen in the log.
pub(super) enum Look<'a> {
    Held(&'a Arc<Stored>),
    Seen(&'a Seen<'a>),
}

impl Look<'_> {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Held(stored) => &stored.id,
            Self::Seen(seen) => seen.id,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Held(stored) => stored.text.as_deref(),
            Self::Seen(seen) => seen.text,
        }
    }

    pub(super) fn metadata(&self) -> Read<Metadata> {
        match self {
            Self::Held(stored) => Ok(Metadata::clone(&stored.metadata)),
            Self::Seen(seen) => seen.metadata(),
        }
    }

    pub(super) fn stored(&self) -> Read<Arc<Stored>> {
        match self {
            Self::Held(stored) => Ok(Arc::clone(stored)),
            Self::Seen(seen) => seen.stored().map(Arc::new),
        }
    }
}
