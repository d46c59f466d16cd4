//! Vectors by slot: kept here, or lent by someone who has them already.

use crate::kernel::Large;
use std::fmt::Debug;
use std::sync::Arc;

/// Set in a place of which the rest says where among those kept here a vector is.
const KEPT: u64 = 1 << 63;

/// One who has vectors, each at a place that is a number below 2^63.
pub(crate) trait Lender: Debug + Send + Sync {
    /// The vector at a place. One that cannot be read is told of elsewhere, and zeros here.
    fn vector(&self, place: u64, dim: usize) -> &[f32];
}

#[derive(Clone, Debug)]
pub(super) struct Vectors {
    dim: usize,
    data: Vec<f32>,
    /// None as long as all are kept here, each at its slot.
    lent: Option<Lent>,
}

#[derive(Clone, Debug)]
struct Lent {
    lender: Arc<dyn Lender>,
    /// Where the vector of each slot is.
    places: Large<u64>,
}

impl Vectors {
    pub(super) fn new(dim: usize) -> Self {
        Self {
            dim,
            data: Vec::new(),
            lent: None,
        }
    }

    /// All of one after the other, from slot 0 on.
    pub(super) fn of(dim: usize, data: Vec<f32>) -> Self {
        let lent = None;
        Self { dim, data, lent }
    }

    /// All of them lent.
    pub(super) fn lent(dim: usize, lender: Arc<dyn Lender>, places: Large<u64>) -> Self {
        Self {
            dim,
            data: Vec::new(),
            lent: Some(Lent { lender, places }),
        }
    }

    #[inline(always)]
    pub(super) fn at(&self, slot: u32) -> &[f32] {
        let index = match &self.lent {
            None => slot as usize,
            Some(lent) => match lent.places[slot as usize] {
                kept if kept & KEPT != 0 => (kept & !KEPT) as usize,
                place => return lent.lender.vector(place, self.dim),
            },
        };
        &self.data[index * self.dim..][..self.dim]
    }

    pub(super) fn put(&mut self, slot: u32, vector: &[f32]) {
        let index = match &mut self.lent {
            None => slot as usize,
            Some(lent) => {
                let place = lent.place(slot);
                if *place & KEPT == 0 {
                    *place = KEPT | (self.data.len() / self.dim) as u64;
                }
                (*place & !KEPT) as usize
            }
        };
        let at = index * self.dim;
        if self.data.len() < at + self.dim {
            self.data.resize(at + self.dim, 0.0);
        }
        self.data[at..at + self.dim].copy_from_slice(vector);
    }

    /// Takes the vector of a slot from a lender, always the same one.
    pub(super) fn lend(&mut self, slot: u32, place: u64, lender: &Arc<dyn Lender>) {
        let kept = (self.data.len() / self.dim) as u64;
        let lent = self.lent.get_or_insert_with(|| Lent {
            lender: Arc::clone(lender),
            places: (0..kept).map(|slot| KEPT | slot).collect(),
        });
        *lent.place(slot) = place;
    }

    /// Has all that are lent from another lender; `new` says where, by slot.
    pub(super) fn relend(&mut self, lender: &Arc<dyn Lender>, new: impl Fn(u32) -> u64) {
        if let Some(lent) = &mut self.lent {
            lent.lender = Arc::clone(lender);
            for (slot, place) in (0..).zip(lent.places.iter_mut()) {
                if *place & KEPT == 0 {
                    *place = new(slot);
                }
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let places = self.lent.as_ref().map_or(0, |lent| lent.places.len() * 8);
        size_of_val(&self.data[..]) + places
    }
}

impl Lent {
    fn place(&mut self, slot: u32) -> &mut u64 {
        let slot = slot as usize;
        if slot >= self.places.len() {
            self.places.grow(slot + 1, 0);
        }
        &mut self.places[slot]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Twice(Vec<f32>);

    impl Lender for Twice {
        fn vector(&self, place: u64, dim: usize) -> &[f32] {
            &self.0[place as usize..][..dim]
        }
    }

    #[test]
    fn some_are_kept_and_some_are_lent() {
        let mut vectors = Vectors::new(2);
        vectors.put(0, &[1.0, 2.0]);
        let lender: Arc<dyn Lender> = Arc::new(Twice(vec![5.0, 6.0, 7.0]));
        vectors.lend(1, 1, &lender);
        vectors.put(2, &[3.0, 4.0]);
        let all = |vectors: &Vectors| [0, 1, 2].map(|slot| vectors.at(slot)[0]);
        assert_eq!(all(&vectors), [1.0, 6.0, 3.0]);
        vectors.put(1, &[8.0, 8.0]);
        vectors.lend(0, 0, &lender);
        assert_eq!(all(&vectors), [5.0, 8.0, 3.0]);
        let other: Arc<dyn Lender> = Arc::new(Twice(vec![0.0, 9.0, 9.0]));
        vectors.relend(&other, |slot| u64::from(slot) + 1);
        assert_eq!(all(&vectors), [9.0, 8.0, 3.0]);
    }
}
