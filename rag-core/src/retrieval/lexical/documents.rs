//! What an index knows of its documents, by slot.
//!
//! Slots are numbered in the order of arrival and never given twice: a list of postings only ever
//! grows at its end. What was removed at the front is dropped, so memory follows what is held.
//! Next: `inverted`.

use super::postings::{Reader, VARINT, encode};
use crate::bytes::Read;
use crate::image::{self, Work};
use crate::kernel::Large;
use crate::plain::Plain;
use crate::retrieval::table::{LIMIT, Seed, Table};
use std::io;

/// The length of a removed document.
pub(super) const DEAD: u32 = u32::MAX;
/// So many dropped slots are worth moving the others.
const FEW: usize = 1024;

/// An id that the caller hands out: a row or a key.
pub(super) trait Id: Plain + Ord + std::fmt::Debug + Into<u64> {}
impl Id for u32 {}
impl Id for u64 {}

#[derive(Debug)]
pub(super) struct Documents<I: Plain> {
    seed: Seed,
    /// Slots by id.
    table: Table,
    /// The slot of the first element of the vectors below.
    base: u32,
    /// Elements in front of which all are dead.
    head: usize,
    ids: Large<I>,
    /// Terms in the document, repeats included; `DEAD` for a removed one.
    lengths: Large<u32>,
    /// Where the contents of each document end, counted from the first ever written.
    ends: Large<u64>,
    /// Term numbers and frequencies of each document: what a removal must visit. Those that an image
    /// holds stay there, and those that came later are in `contents`.
    held: Large<u8>,
    contents: Vec<u8>,
    /// What was dropped before the first byte of both.
    dropped: u64,
    /// The greatest length ever held.
    longest: u32,
}

impl<I: Plain> Default for Documents<I> {
    fn default() -> Self {
        Self {
            seed: Seed::default(),
            table: Table::default(),
            base: 0,
            head: 0,
            ids: Large::default(),
            lengths: Large::default(),
            ends: Large::default(),
            held: Large::default(),
            contents: Vec::new(),
            dropped: 0,
            longest: 0,
        }
    }
}

impl<I: Id> Documents<I> {
    /// Documents at the slots from 0; `ends` are those of their contents.
    pub(super) fn restored(
        ids: Vec<I>,
        lengths: Vec<u32>,
        ends: Vec<u64>,
        contents: &[u8],
    ) -> Read<Self> {
        let mut new = Self {
            longest: lengths.iter().copied().max().unwrap_or(0),
            ids: ids.into_iter().collect(),
            lengths: lengths.into_iter().collect(),
            ends: ends.into_iter().collect(),
            contents: contents.to_vec(),
            ..Self::default()
        };
        for slot in 0..new.ids.len() as u32 {
            let id = new.ids[slot as usize];
            if new.slot(id).is_some() {
                return Err("a key that is there twice");
            }
            new.enter(id, slot);
        }
        Ok(new)
    }

    /// The sum of the lengths of all documents held.
    pub(super) fn total_length(&self) -> u64 {
        let held = self.lengths.iter().filter(|&&length| length != DEAD);
        held.map(|&length| u64::from(length)).sum()
    }

    fn enter(&mut self, id: I, slot: u32) {
        let (seed, base, ids) = (self.seed, self.base, &self.ids);
        let hash_of = |slot: u32| seed.number(ids[(slot - base) as usize].into());
        self.table.insert(seed.number(id.into()), slot, hash_of);
    }

    /// The number of documents held.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Slots that are in use or not dropped yet.
    pub(super) fn slots(&self) -> usize {
        self.lengths.len()
    }

    /// The first slot that may be in use.
    pub(super) fn base(&self) -> u32 {
        self.base
    }

    /// The slot that comes next; `None` when all numbers were given.
    pub(super) fn next(&self) -> Option<u32> {
        let next = u64::from(self.base) + self.lengths.len() as u64;
        u32::try_from(next).ok().filter(|&next| next < LIMIT)
    }

    pub(super) fn heap_bytes(&self) -> [usize; 2] {
        let contents = self.held.len() + self.contents.capacity();
        let forward = contents + size_of_val(&self.ends[..]);
        let ids =
            self.table.heap_bytes() + size_of_val(&self.ids[..]) + size_of_val(&self.lengths[..]);
        [ids, forward]
    }

    /// No document is longer.
    pub(super) fn longest(&self) -> u32 {
        self.longest
    }

    /// Lengths by slot minus [`base`](Self::base).
    pub(super) fn lengths(&self) -> &[u32] {
        &self.lengths
    }

    /// The length of a living document.
    #[inline]
    pub(super) fn length(&self, slot: u32) -> Option<u32> {
        length(&self.lengths, self.base, slot)
    }

    pub(super) fn id(&self, slot: u32) -> I {
        self.ids[(slot - self.base) as usize]
    }

    pub(super) fn slot(&self, id: I) -> Option<u32> {
        let (base, ids) = (self.base, &self.ids);
        let same = |slot: u32| ids[(slot - base) as usize] == id;
        self.table.get(self.seed.number(id.into()), same)
    }

    /// Adds a document that is not held at the next slot. `contents` are term numbers, ascending,
    /// with their frequencies.
    pub(super) fn push(&mut self, id: I, length: u32, contents: &[(u32, u32)]) {
        let mut before = 0;
        for &(term, frequency) in contents {
            let mut code = [0; 2 * VARINT];
            let size = encode(u64::from(term - before), frequency, &mut code);
            grow(&mut self.contents, size);
            self.contents.extend_from_slice(&code[..size]);
            before = term;
        }
        let slot = self.base + self.lengths.len() as u32;
        self.ids.push(id);
        self.lengths.push(length);
        self.longest = self.longest.max(length);
        let contents = self.held.len() + self.contents.len();
        self.ends.push(self.dropped + contents as u64);
        self.enter(id, slot);
    }

    /// The slots of the documents held, ascending.
    pub(super) fn slots_held(&self) -> impl Iterator<Item = u32> {
        let places = (self.base..).zip(&self.lengths[..]);
        places.filter_map(|(slot, &length)| (length != DEAD).then_some(slot))
    }

    /// The terms of a living document, ascending, with their frequencies.
    pub(super) fn contents(&self, slot: u32) -> Reader<'_> {
        let at = (slot - self.base) as usize;
        let start = at.checked_sub(1).map_or(self.dropped, |i| self.ends[i]);
        let range = (start - self.dropped) as usize..(self.ends[at] - self.dropped) as usize;
        let held = self.held.len();
        Reader::new(
            match range.start < held {
                true => &self.held[range],
                false => &self.contents[range.start - held..range.end - held],
            },
            0,
        )
    }

    /// Marks a document as removed and answers its length.
    pub(super) fn remove(&mut self, slot: u32) -> u32 {
        let (base, ids) = (self.base, &self.ids);
        let id: u64 = ids[(slot - base) as usize].into();
        self.table.remove(self.seed.number(id), |held| held == slot);
        std::mem::replace(&mut self.lengths[(slot - base) as usize], DEAD)
    }

    /// Drops dead slots at the front and answers the first living one.
    pub(super) fn advance(&mut self) -> Option<u32> {
        while self.lengths.get(self.head) == Some(&DEAD) {
            self.head += 1;
        }
        let head = self.head;
        if head > FEW && 2 * head > self.lengths.len() {
            let end = self.ends[head - 1];
            self.ids.drop_front(head);
            self.lengths.drop_front(head);
            self.ends.drop_front(head);
            let bytes = (end - self.dropped) as usize;
            let of_new = bytes.saturating_sub(self.held.len());
            self.held.drop_front(bytes);
            self.contents.drain(..of_new);
            if self.contents.capacity() > 4 * self.contents.len() + FEW {
                self.contents.shrink_to(2 * self.contents.len());
            }
            self.dropped = end;
            self.base += head as u32;
            self.head = 0;
        }
        let slot = self.base + self.head as u32;
        (self.head < self.lengths.len()).then_some(slot)
    }

    /// Gives every living document another id; two of them never the same one.
    pub(super) fn renumber(&mut self, new: impl Fn(I) -> I) {
        self.table = Table::default();
        for at in 0..self.ids.len() {
            if self.lengths[at] == DEAD {
                continue;
            }
            self.ids[at] = new(self.ids[at]);
            let (seed, base, ids) = (self.seed, self.base, &self.ids);
            let hash_of = |slot: u32| seed.number(ids[(slot - base) as usize].into());
            let slot = base + at as u32;
            self.table.insert(hash_of(slot), slot, hash_of);
        }
    }

    /// Forgets everything but `base`, which becomes 0.
    pub(super) fn take(&mut self) -> Self {
        let seed = self.seed;
        let empty = Self {
            seed,
            ..Self::default()
        };
        std::mem::replace(self, empty)
    }

    #[cfg(test)]
    pub(super) fn start_at(&mut self, base: u32) {
        self.base = base;
    }
}

impl Documents<u32> {
    pub(super) fn write(&self, to: &mut image::Writer<'_>) -> io::Result<()> {
        self.seed.write(to)?;
        self.table.write(to)?;
        let numbers = [self.base, self.longest].map(u64::from);
        to.array(&[numbers[0], numbers[1], self.head as u64, self.dropped])?;
        to.array(&self.ids)?;
        to.array(&self.lengths)?;
        to.array(&self.ends)?;
        to.pieces([&self.held[..], &self.contents].into_iter())
    }

    /// Reads what [`Documents::write`] wrote.
    pub(super) fn read(from: &mut image::Reader<'_>) -> Read<Self> {
        let seed = Seed::read(from)?;
        let mut table = from.clone();
        from.array::<u32>()?;
        let [base, longest, head, dropped] = from.fixed::<u64, 4>()?;
        let (ids, lengths) = (from.array::<u32>()?, from.array()?);
        let (ends, contents) = (from.array()?, from.array()?);
        let count = ids.len();
        let end = base.checked_add(count as u64);
        let end = end.filter(|&end| end <= u64::from(LIMIT) && head <= count as u64);
        let end = end.ok_or("more documents than there can be")? as u32;
        let mut new = Self {
            seed,
            base: base as u32,
            head: head as usize,
            held: Large::read(&contents)?,
            dropped,
            longest: u32::try_from(longest).unwrap_or(u32::MAX),
            ..Self::default()
        };
        let mut work = Work::default();
        work.job(|| {
            new.table = Table::read(&mut table, base as u32..end)?;
            Ok(())
        });
        work.job(|| {
            new.ids = Large::exactly(&ids, count)?;
            new.lengths = Large::exactly(&lengths, count)?;
            Ok(())
        });
        let size = new.held.len() as u64;
        work.job(|| {
            new.ends = Large::exactly(&ends, count)?;
            let ends = std::iter::once(&dropped).chain(&new.ends[..]);
            let last = new.ends.last().unwrap_or(&dropped);
            match ends.is_sorted() && last - dropped == size {
                true => Ok(()),
                false => Err("contents of documents that do not end where they should"),
            }
        });
        new.held.check(&mut work, |_| Ok(()));
        work.run()?;
        let held = new.lengths.iter().filter(|&&length| length != DEAD);
        let greatest = held.clone().max().copied().unwrap_or(0);
        match held.count() == new.table.len() && greatest <= new.longest {
            true => Ok(new),
            false => Err("lengths of other documents than there are"),
        }
    }
}

/// The length of a living document, from [`Documents::lengths`].
#[inline]
pub(super) fn length(lengths: &[u32], base: u32, slot: u32) -> Option<u32> {
    // What was dropped from the front wraps around to beyond the end.
    let length = lengths.get(slot.wrapping_sub(base) as usize);
    length.copied().filter(|&length| length != DEAD)
}

fn grow(bytes: &mut Vec<u8>, size: usize) {
    if bytes.len() + size > bytes.capacity() {
        bytes.reserve_exact(size.max(bytes.len() / 8).max(64));
    }
}
