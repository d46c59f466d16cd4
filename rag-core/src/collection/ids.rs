//! Which row has an id: a table of row numbers, with a part of each id's hash. The ids themselves
//! stay with their documents.

use crate::bytes::Read;
use crate::image::{Reader, Writer};
use crate::kernel::Large;
use crate::retrieval::table::{Seed, Table};
use std::io;

#[derive(Debug, Default)]
pub(super) struct Ids {
    seed: Seed,
    table: Table,
    /// The lower half of the hash of each row's id.
    hashes: Large<u32>,
}

impl Ids {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// How many rows were given, those that are forgotten included.
    pub(super) fn rows(&self) -> usize {
        self.hashes.len()
    }

    /// The row with this id; `same` is asked about the few rows that may be it.
    pub(super) fn get(&self, id: &str, same: impl Fn(u32) -> bool) -> Option<u32> {
        let hash = self.hash(id);
        self.table.get(hash, |row| {
            self.hashes[row as usize] == hash as u32 && same(row)
        })
    }

    /// Adds the row that comes next, with an id that no other has.
    pub(super) fn push(&mut self, id: &str) {
        let hash = self.hash(id);
        let row = self.hashes.len() as u32;
        self.hashes.push(hash as u32);
        let hashes = &self.hashes;
        self.table
            .insert(hash, row, |row| u64::from(hashes[row as usize]));
    }

    /// Forgets a row.
    pub(super) fn remove(&mut self, row: u32) {
        let hash = u64::from(self.hashes[row as usize]);
        self.table.remove(hash, |held| held == row);
    }

    /// Keeps the rows that are held, numbered anew in their order.
    pub(super) fn renumber(&mut self, held: impl Iterator<Item = u32>) {
        let hashes: Large<u32> = held.map(|row| self.hashes[row as usize]).collect();
        self.table = Table::default();
        for (row, &hash) in (0..).zip(hashes.iter()) {
            let of = |row: u32| u64::from(hashes[row as usize]);
            self.table.insert(u64::from(hash), row, of);
        }
        self.hashes = hashes;
    }

    /// Whether a row's place in the table is that of this id.
    pub(super) fn leads(&self, id: &str, row: u32) -> bool {
        self.get(id, |held| held == row).is_some()
    }

    /// Below 2^32, so that the table grows without the ids.
    fn hash(&self, id: &str) -> u64 {
        let hash = self.seed.text(id.as_bytes());
        (hash ^ hash >> 32) & u64::from(u32::MAX)
    }

    pub(super) fn write(&self, to: &mut Writer<'_>) -> io::Result<()> {
        self.seed.write(to)?;
        to.array(&self.hashes)?;
        self.table.write(to)
    }

    /// Reads what [`Ids::write`] wrote.
    pub(super) fn read(from: &mut Reader<'_>) -> Read<Self> {
        let seed = Seed::read(from)?;
        let hashes = Large::checked(&from.array()?, |_| Ok(()))?;
        let end = u32::try_from(hashes.len()).map_err(|_| "more rows than there can be")?;
        let table = Table::read(from, 0..end)?;
        Ok(Self {
            seed,
            table,
            hashes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn as_a_map(changes in prop::collection::vec((0u8..4, 0u32..60), 0..400)) {
            let (mut ids, mut truth) = (Ids::default(), HashMap::new());
            let mut names: Vec<String> = Vec::new();
            for (what, id) in changes {
                let id = format!("id {id}");
                let held = ids.get(&id, |row| names[row as usize] == id);
                prop_assert_eq!(held, truth.get(&id).copied());
                match (what, held) {
                    (0, Some(row)) => {
                        ids.remove(row);
                        truth.remove(&id);
                    }
                    (1, _) => {
                        let mut held: Vec<u32> = truth.values().copied().collect();
                        held.sort_unstable();
                        ids.renumber(held.iter().copied());
                        names = held.iter().map(|&row| names[row as usize].clone()).collect();
                        truth = names.iter().cloned().zip(0..).collect();
                    }
                    (_, None) => {
                        truth.insert(id.clone(), names.len() as u32);
                        ids.push(&id);
                        names.push(id);
                    }
                    _ => {}
                }
                prop_assert_eq!(ids.len(), truth.len());
            }
            prop_assert!(truth.iter().all(|(id, &row)| ids.leads(id, row)));
        }
    }
}
