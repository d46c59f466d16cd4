//! Vectors under row numbers: what a collection stands on, beside its postings.

use super::Metric;
use super::among::Among;
use super::near::Asking;
use super::slots::{Keeping, Lender, Slots, Upkeep, Way};
use crate::bytes::Read;
use crate::error::Result;
use crate::image::{Reader, Writer};
use crate::kernel;
use crate::matrix::{Matrix, Rows};
use crate::retrieval::bits::Bits;
use crate::retrieval::check_k;
use crate::threads;
use std::io;
use std::sync::Arc;

/// How the nearest rows are looked for.
pub(crate) struct Nearest<'a> {
    /// The rows that may be found, if not all.
    pub among: Option<&'a Bits>,
    /// The pool of a walk; none means the default.
    pub effort: Option<usize>,
    pub threads: usize,
}

/// What an exact search on one thread asks for.
const EXACT: Way = Way {
    effort: None,
    exact: true,
    threads: 1,
};

/// Exact search over vectors under row numbers.
///
/// Row numbers need not be dense and can be used again after a removal. Searching takes `&self`
/// and may be done from many threads at once.
///
/// ```
/// use rag_core::retrieval::dense::{DenseRows, Metric};
/// let mut rows = DenseRows::new(2, Metric::Cosine)?;
/// rows.insert(7, &[3.0, 4.0])?;
/// rows.insert(9, &[-1.0, 0.0])?;
/// assert_eq!(rows.vector(7), Some(&[0.6, 0.8][..]), "kept at unit length");
/// assert_eq!(rows.search(&[10.0, 0.0], 5, None)?, [(7, 0.6), (9, -1.0)]);
/// assert_eq!(rows.search(&[10.0, 0.0], 5, Some(&|row| row > 7))?, [(9, -1.0)]);
/// assert!(rows.insert(8, &[0.0, 0.0]).is_err(), "zeros have no direction");
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DenseRows(Slots<u32>);

impl DenseRows {
    /// An empty one for vectors of `dim` floats, 1..=65536.
    pub fn new(dim: usize, metric: Metric) -> Result<Self> {
        Slots::new(dim, metric, Keeping::EXACT).map(Self)
    }

    /// Floats in a vector.
    pub fn dim(&self) -> usize {
        self.0.dim()
    }

    /// The metric it was made with.
    pub fn metric(&self) -> Metric {
        self.0.metric()
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `row` is held.
    pub fn contains(&self, row: u32) -> bool {
        self.0.slot(row).is_some()
    }

    /// Holds `vector` under `row`, in the place of an older one.
    ///
    /// Under cosine it is kept at unit length; inserting what [`DenseRows::vector`] answered
    /// changes no bit. Fails, and changes nothing, with `DimensionMismatch`, or with
    /// `InvalidArgument` for a number that is not finite, for a vector of zeros under cosine,
    /// and for a number beyond ±1e15 under dot and l2.
    pub fn insert(&mut self, row: u32, vector: &[f32]) -> Result<()> {
        let ready = self.0.prepare(vector)?;
        self.0.put(row, &ready)
    }

    /// [`DenseRows::insert`] for a vector that someone has already: it stays there, unless it is not
    /// in the form that is kept.
    pub(crate) fn lend(
        &mut self,
        row: u32,
        vector: &[f32],
        place: u64,
        lender: &Arc<dyn Lender>,
    ) -> Result<()> {
        let ready = self.0.prepare(vector)?;
        match ready == vector {
            true => self.0.lend(row, &ready, place, lender),
            false => self.0.put(row, &ready),
        }
    }

    /// Has all vectors that are lent from another lender; `place_of` says where by their rows.
    pub(crate) fn relend(&mut self, lender: &Arc<dyn Lender>, place_of: impl Fn(u32) -> u64) {
        self.0.relend(lender, place_of);
    }

    /// Forgets `row`; answers whether it was held. What is left scores as before.
    pub fn remove(&mut self, row: u32) -> bool {
        self.0.remove(row)
    }

    /// How many rows were put and are not yet quick to find.
    pub(crate) fn waiting(&self) -> usize {
        self.0.waiting()
    }

    /// The next step of what makes finding quick, if there is one: computed while others search,
    /// for [`DenseRows::carry_out`].
    pub(crate) fn upkeep(&self, threads: usize) -> Option<Upkeep> {
        self.0.upkeep(threads)
    }

    /// Carries out a step in a moment; one that was computed before another change is dropped.
    /// Answers whether it was carried out.
    pub(crate) fn carry_out(&mut self, upkeep: &Upkeep) -> bool {
        self.0.carry_out(upkeep)
    }

    /// The vector of `row` as it is kept.
    pub fn vector(&self, row: u32) -> Option<&[f32]> {
        self.0.slot(row).map(|slot| self.0.at(slot))
    }

    /// The best `k` rows (1..=10000) among those that `allowed` lets through: score descending,
    /// row ascending. Fewer come back only if fewer are allowed.
    ///
    /// Fails with `InvalidArgument` or `DimensionMismatch` for what [`DenseRows::insert`] would
    /// refuse.
    pub fn search(
        &self,
        query: &[f32],
        k: usize,
        allowed: Option<&dyn Fn(u32) -> bool>,
    ) -> Result<Vec<(u32, f32)>> {
        check_k(k)?;
        let ready = self.0.prepare(query)?;
        let slots = allowed.map(|allowed| self.slots(allowed));
        let found = self
            .0
            .search(Rows::single(&ready)?, k, slots.as_ref(), EXACT);
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// [`DenseRows::search`] for many queries: rows are read once for several of them, on at most
    /// `threads` threads (none: all of the machine). The results are those of one by one, to the
    /// bit. `allowed` is asked once about each row, on the calling thread.
    pub fn search_many(
        &self,
        queries: Rows<'_>,
        k: usize,
        allowed: Option<&dyn Fn(u32) -> bool>,
        threads: Option<usize>,
    ) -> Result<Vec<Vec<(u32, f32)>>> {
        check_k(k)?;
        let mut ready = Matrix::zeros(0, self.dim());
        for (i, query) in queries.iter().enumerate() {
            let query = self.0.prepare(query);
            ready.push(&query.map_err(|e| e.context(format_args!("query {i}")))?)?;
        }
        let slots = allowed.map(|allowed| self.slots(allowed));
        let threads = threads::resolve(threads);
        let way = Way { threads, ..EXACT };
        Ok(self.0.search(ready.rows(), k, slots.as_ref(), way))
    }

    /// The score of one row, `None` if it is not held. The same bits as a search gives.
    pub fn score(&self, query: &[f32], row: u32) -> Result<Option<f32>> {
        let ready = self.0.prepare(query)?;
        let slot = self.0.slot(row);
        Ok(slot.map(|slot| self.0.score(kernel::active(), &ready, slot) + 0.0))
    }

    /// Writes the score of every row that is held to `out[row]`; rows past its end are left out
    /// and places of other rows stay as they were. The same bits as a search gives.
    pub fn scores(&self, query: &[f32], out: &mut [f32]) -> Result<()> {
        let ready = self.0.prepare(query)?;
        let kernels = kernel::active();
        for (slot, row) in self.0.held() {
            if let Some(place) = out.get_mut(row as usize) {
                *place = self.0.score(kernels, &ready, slot) + 0.0;
            }
        }
        Ok(())
    }

    /// An empty one that finds its rows by codes and a graph once there are many. What is put into
    /// it is found at once; [`DenseRows::upkeep`] makes finding it quick.
    pub(crate) fn with_graph(dim: usize, metric: Metric) -> Result<Self> {
        Slots::new(dim, metric, Keeping::with_graph(true, 0)).map(Self)
    }

    /// Everything but the vectors; `place_of` says where that of a row is lent.
    pub(crate) fn write(
        &self,
        to: &mut Writer<'_>,
        place_of: impl Fn(u32) -> u64,
    ) -> io::Result<()> {
        self.0.write(to, place_of)
    }

    /// What [`DenseRows::write`] wrote of one that was made by [`DenseRows::with_graph`].
    pub(crate) fn restored(
        dim: usize,
        metric: Metric,
        from: &mut Reader<'_>,
        lender: Arc<dyn Lender>,
    ) -> Read<Self> {
        Slots::restored(dim, metric, Keeping::with_graph(true, 0), from, lender).map(Self)
    }

    /// Places of vectors, those of removed ones included.
    pub(crate) fn places(&self) -> usize {
        self.0.count()
    }

    /// A query that is looked for, with the errors of [`DenseRows::insert`].
    pub(crate) fn seek(&self, query: &[f32]) -> Result<Seek<'_>> {
        let ready = self.0.prepare(query)?;
        Ok(Seek {
            asking: self.0.ask(&ready),
            slots: &self.0,
            ready,
        })
    }

    /// Gives every row another number; `new` is asked about the rows that are held.
    pub(crate) fn renumber(&mut self, new: impl Fn(u32) -> u32) {
        self.0.renumber(new);
    }

    fn slots(&self, allowed: &dyn Fn(u32) -> bool) -> Among {
        let kept = self.0.held().filter(|&(_, row)| allowed(row));
        self.0.among(kept.map(|(slot, _)| slot), self.len())
    }
}

/// One query, prepared once, for all that is asked about it.
pub(crate) struct Seek<'a> {
    slots: &'a Slots<u32>,
    ready: Vec<f32>,
    asking: Option<Asking>,
}

impl Seek<'_> {
    /// The best `k` rows as far as they are found, score descending, and how far a score may be
    /// from the exact one: not at all where all rows were scored.
    pub(crate) fn nearly(&self, k: usize, how: &Nearest<'_>) -> (Vec<(u32, f32)>, f32) {
        let way = Way {
            effort: how.effort,
            exact: false,
            threads: how.threads,
        };
        let asking = self.asking.as_ref();
        self.slots.nearly(&self.ready, asking, k, how.among, way)
    }

    /// Adds to `out` what the score of each row is at most; minus infinity for one that is not held.
    pub(crate) fn at_most(&self, rows: &[u32], out: &mut Vec<f32>) {
        let asking = self.asking.as_ref();
        self.slots.at_most(&self.ready, asking, rows, out);
    }

    /// The exact score of a row.
    pub(crate) fn score(&self, row: u32) -> Option<f32> {
        let slot = self.slots.slot(row)?;
        Some(self.slots.score(kernel::active(), &self.ready, slot) + 0.0)
    }

    /// Asks for a vector that is scored soon; changes nothing but time.
    pub(crate) fn expect(&self, row: u32) {
        if let Some(slot) = self.slots.slot(row) {
            kernel::codes::prefetch(self.slots.at(slot));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn what_codes_say_of_a_score_holds() {
        for (dim, metric) in [
            (20, Metric::Cosine),
            (96, Metric::Cosine),
            (300, Metric::L2),
        ] {
            let mut rng = Rng::new(dim as u64);
            let mut vector = || (0..dim).map(|_| rng.normal() as f32).collect::<Vec<f32>>();
            let mut rows = DenseRows::with_graph(dim, metric).unwrap();
            for row in 0..2_500 {
                rows.insert(row, &vector()).unwrap();
            }
            while let Some(step) = rows.upkeep(2) {
                assert!(rows.carry_out(&step));
            }
            for _ in 0..5 {
                let query = vector();
                let seek = rows.seek(&query).unwrap();
                let how = Nearest {
                    among: None,
                    effort: None,
                    threads: 1,
                };
                let (near, error) = seek.nearly(50, &how);
                let exact = |row| rows.score(&query, row).unwrap().unwrap();
                assert_eq!(near.len(), 50);
                assert!(near.iter().all(|&(row, s)| (s - exact(row)).abs() <= error));
                let all: Vec<u32> = (0..2_600).collect();
                let mut most = Vec::new();
                seek.at_most(&all, &mut most);
                let held = |row: &u32| *row < 2_500;
                assert!(
                    all.iter()
                        .filter(|row| held(row))
                        .all(|&row| most[row as usize] >= exact(row))
                );
                assert!(most[2_500..].iter().all(|&most| most == f32::NEG_INFINITY));
                assert_eq!(seek.score(7), rows.score(&query, 7).unwrap());
            }
        }
    }
}
