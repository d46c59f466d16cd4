//! Takes in the records of a log: what they say of words on one thread, what they say of vectors on
//! another.
//!
//! Postings and codes know nothing of each other, and each are told of the same removals and documents in
//! the same order as if there were one thread. Ids and rows, by which both go, come first.

use super::codec::{self, Change};
use super::kept::{Kept, Place};
use super::packed::{self, Packed};
use super::state::State;
use crate::error::{Error, Result};
use crate::retrieval::dense::{DenseRows, Lender};
use crate::retrieval::lexical::LexicalRows;
use crate::store::Records;
use crate::threads;
use std::borrow::Cow;
use std::sync::Arc;

/// Documents that are put by before both threads are given theirs.
const PUT_BY: usize = 1 << 14;
/// Documents for which one thread is enough.
const FEW: usize = 32;

/// What a record that cannot be taken in is refused for, and which of them it is.
type Refused = (usize, Error);

/// What the postings or the vectors are to be told: of which record, what is in a row now, and
/// nothing for a row that was removed.
type Told<T> = Vec<(usize, u32, Option<T>)>;

/// Takes in records, each with where it begins in the log; answers how many documents, deletions and
/// other changes they were.
pub(super) fn replay(
    state: &mut State,
    all: &[(u64, &[u8])],
    records: &Arc<Records>,
) -> Result<u64, Refused> {
    replay_on(threads::available(), state, all, records)
}

fn replay_on(
    threads: usize,
    state: &mut State,
    all: &[(u64, &[u8])],
    records: &Arc<Records>,
) -> Result<u64, Refused> {
    let mut tail = Tail {
        threads,
        state,
        words: Vec::new(),
        vectors: Vec::new(),
    };
    let mut weight = 0;
    for (i, &(at, payload)) in all.iter().enumerate() {
        let taken = tail.take(i, at, payload, records);
        // What an earlier record is refused for is told first.
        let put_by = tail.words.len().max(tail.vectors.len());
        if taken.is_err() || tail.state.is_sparse() || put_by >= PUT_BY {
            tail.hand_over()?;
            tail.state.renumber_if_sparse();
        }
        weight += taken.map_err(|error| (i, error))?;
    }
    tail.hand_over()?;
    Ok(weight)
}

struct Tail<'s, 'p> {
    threads: usize,
    state: &'s mut State,
    words: Told<&'p str>,
    /// Each with its place in the log.
    vectors: Told<(Cow<'p, [f32]>, Place)>,
}

impl<'p> Tail<'_, 'p> {
    /// Takes in what a record says of ids and rows, and puts by the rest.
    fn take(
        &mut self,
        i: usize,
        at: u64,
        payload: &'p [u8],
        records: &Arc<Records>,
    ) -> Result<u64> {
        if payload.first() == Some(&packed::TAG) {
            return self.take_documents(i, at, payload, records);
        }
        let change = Change::decode(payload)?;
        match &change {
            Change::Delete(ids) => ids.iter().try_for_each(|id| self.remove(i, id))?,
            change => self.state.apply(change, at)?,
        }
        Ok(change.weight())
    }

    fn take_documents(
        &mut self,
        i: usize,
        at: u64,
        payload: &'p [u8],
        records: &Arc<Records>,
    ) -> Result<u64> {
        let batch = Packed::new(payload).map_err(codec::malformed)?;
        let dim = batch.dim();
        let vectors = match batch.vectors() {
            Some(vectors) => Cow::Borrowed(vectors),
            None => Cow::Owned(batch.copied_vectors().map_err(codec::malformed)?),
        };
        self.state.check_vectors(batch.len(), vectors.len())?;
        self.state.rows.keep(records);
        for k in 0..batch.len() {
            let seen = batch.document(k).map_err(codec::malformed)?;
            self.remove(i, seen.id)?;
            let (row, place) = (self.state.next_row()?, Place::new(at, k));
            if dim > 0 {
                let range = k * dim..(k + 1) * dim;
                let vector = match &vectors {
                    Cow::Borrowed(all) => Cow::Borrowed(&all[range]),
                    Cow::Owned(all) => Cow::Owned(all[range].to_vec()),
                };
                self.vectors.push((i, row, Some((vector, place))));
            }
            if let Some(text) = seen.text {
                self.words.push((i, row, Some(text)));
            }
            self.state.lend(place, &seen)?;
        }
        self.state.logged.documents += batch.len() as u64;
        self.state.logged.bytes += payload.len() as u64;
        Ok(batch.len() as u64)
    }

    fn remove(&mut self, i: usize, id: &str) -> Result<()> {
        if let Some(row) = self.state.find(id)? {
            self.state.forget(row);
            self.words.push((i, row, None));
            self.vectors.push((i, row, None));
        }
        Ok(())
    }

    /// Tells postings and vectors what was put by.
    fn hand_over(&mut self) -> Result<(), Refused> {
        let (words, vectors) = (
            std::mem::take(&mut self.words),
            std::mem::take(&mut self.vectors),
        );
        let most = match words.len().max(vectors.len()) < FEW {
            true => 1,
            false => self.threads,
        };
        let kept = self.state.rows.kept().cloned();
        let (lexical, dense) = (&mut self.state.lexical, &mut self.state.dense);
        let (words, vectors) = threads::both(
            most,
            || tell_words(lexical, words),
            || match (dense, kept) {
                (Some(dense), Some(kept)) => tell_vectors(dense, vectors, &kept),
                _ => Ok(()),
            },
        );
        match (words, vectors) {
            (Err(word), Err(vector)) if word.0 < vector.0 => Err(word),
            (words, vectors) => vectors.and(words),
        }
    }
}

fn tell_words(lexical: &mut LexicalRows, all: Told<&str>) -> Result<(), Refused> {
    for (i, row, text) in all {
        match text {
            Some(text) => lexical.insert(row, text).map_err(|error| (i, error))?,
            None => drop(lexical.remove(row)),
        }
    }
    Ok(())
}

fn tell_vectors(
    dense: &mut DenseRows,
    all: Told<(Cow<'_, [f32]>, Place)>,
    kept: &Arc<Kept>,
) -> Result<(), Refused> {
    let lender: Arc<dyn Lender> = Arc::<Kept>::clone(kept);
    for (i, row, vector) in all {
        match vector {
            Some((vector, place)) => dense
                .lend(row, &vector, place.0, &lender)
                .map_err(|error| (i, error))?,
            None => drop(dense.remove(row)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::document::Stored;
    use super::*;
    use crate::disk::simulated::Simulated;
    use crate::rng::Rng;
    use crate::store::{Replay, Store, StoreOptions};
    use std::path::Path;

    /// Replays on so many threads, all at once or one record after the other.
    struct Opened {
        threads: usize,
        at_once: bool,
        state: State,
    }

    impl Replay for Opened {
        fn restore(&mut self, _: &crate::image::Image, _: &Arc<Records>) -> bool {
            false
        }

        fn replay(&mut self, _: u64, _: &[u8], _: &Arc<Records>) -> Result<()> {
            unreachable!("all are taken in at once")
        }

        fn replay_all(
            &mut self,
            all: &[(u64, &[u8])],
            records: &Arc<Records>,
        ) -> Result<(), (usize, Error)> {
            let size = if self.at_once { all.len().max(1) } else { 1 };
            let (threads, state) = (self.threads, &mut self.state);
            for (i, part) in all.chunks(size).enumerate() {
                replay_on(threads, state, part, records)
                    .map_err(|(k, error)| (i * size + k, error))?;
            }
            Ok(())
        }
    }

    fn changes(rng: &mut Rng, dim: usize) -> Vec<Change> {
        const WORDS: [&str; 6] = ["tide", "moon", "sea", "loan", "bank", "yeast"];
        let change = |rng: &mut Rng| match rng.below(5) {
            0 => Change::Delete((0..40).map(|_| format!("d{}", rng.below(900))).collect()),
            _ => {
                let documents: Vec<Stored> = (0..1 + rng.below(60))
                    .map(|_| {
                        let words: Vec<&str> =
                            (0..rng.below(7)).map(|_| WORDS[rng.below(6)]).collect();
                        Stored {
                            id: format!("d{}", rng.below(900)),
                            text: (rng.below(4) > 0).then(|| words.join(" ").into()),
                            metadata: Arc::default(),
                        }
                    })
                    .collect();
                let floats = if rng.below(4) > 0 {
                    dim * documents.len()
                } else {
                    0
                };
                let mut vectors: Vec<f32> = (0..floats).map(|_| rng.normal() as f32).collect();
                for vector in vectors.chunks_mut(dim) {
                    crate::kernel::normalize(vector).unwrap();
                }
                Change::Put { documents, vectors }
            }
        };
        (0..250).map(|_| change(rng)).collect()
    }

    #[test]
    fn any_number_of_threads_makes_the_same() {
        const DIM: usize = 6;
        let mut rng = Rng::new(4);
        for damaged in [false, true] {
            let disk = Simulated::default();
            let options = StoreOptions::default();
            let path = Path::new("/store");
            let open = |replay: &mut dyn Replay| {
                Store::open_on(Arc::new(disk.clone()), path, &options, replay)
            };
            let opened = |threads, at_once| Opened {
                threads,
                at_once,
                state: State::new().unwrap(),
            };
            let mut store = open(&mut opened(1, true)).unwrap();
            for mut change in changes(&mut rng, DIM) {
                if let (Change::Put { vectors, .. }, true) =
                    (&mut change, damaged && rng.below(20) == 0)
                {
                    vectors.iter_mut().skip(DIM).for_each(|x| *x = f32::NAN);
                }
                store.append(&change.encode()).unwrap();
            }
            store.close().unwrap();
            let mut all = Vec::new();
            for (threads, at_once) in [(1, false), (1, true), (2, true), (3, true)] {
                let mut one = opened(threads, at_once);
                let error = open(&mut one).map(drop).map_err(|error| error.to_string());
                assert_eq!(error.is_err(), damaged, "{error:?}");
                all.push((error, one.state));
            }
            for (error, state) in &all[1..] {
                let (first_error, first) = &all[0];
                assert_eq!(error, first_error);
                if damaged {
                    continue;
                }
                assert_eq!(state.logged, first.logged);
                assert_eq!(state.rows.places(), first.rows.places());
                let rows = |state: &State| state.alive().iter().collect::<Vec<u32>>();
                assert_eq!(rows(state), rows(first));
                for row in rows(first) {
                    assert_eq!(state.rows.id(row).unwrap(), first.rows.id(row).unwrap());
                    assert_eq!(state.vector(row), first.vector(row));
                }
                for query in ["tide moon", "bank", "sea loan yeast"] {
                    let hits = |state: &State| state.lexical.search(query, 1000, None).unwrap();
                    assert_eq!(hits(state), hits(first));
                }
            }
        }
    }
}
