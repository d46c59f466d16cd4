//! The best k of a stream of scores, with one total order for the whole room.
//!
//! The one idea: score descending, then id ascending, is a total order, so the best k of a
//! stream are the same however the stream is ordered, split or merged. A binary heap holds the
//! worst kept hit at its root and grows with what is pushed, never with k alone.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A hit: an id and its score.
pub type Scored<I> = (I, f32);

/// The order of hits: score descending, then id ascending; the best hit comes first.
///
/// Both zeros are equal, and a NaN stands behind everything else.
pub fn compare<I: Ord>(a: &Scored<I>, b: &Scored<I>) -> Ordering {
    let score = |s: f32| {
        if s.is_nan() {
            f32::NEG_INFINITY
        } else {
            s + 0.0
        }
    };
    score(b.1)
        .total_cmp(&score(a.1))
        .then_with(|| a.0.cmp(&b.0))
}

/// Greater is worse, so that the heap's root is the hit to drop next.
#[derive(Clone, Copy, Debug)]
struct Entry<I>(Reverse<I>, f32);

impl<I: Ord + Copy> Ord for Entry<I> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&(self.0.0, self.1), &(other.0.0, other.1))
    }
}
impl<I: Ord + Copy> PartialOrd for Entry<I> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<I: Ord + Copy> PartialEq for Entry<I> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl<I: Ord + Copy> Eq for Entry<I> {}

/// Keeps the best `k` of what is pushed.
///
/// ```
/// use rag_core::retrieval::topk::TopK;
/// let mut best = TopK::new(2);
/// for (id, score) in [(9u32, 0.5), (3, 0.5), (7, 0.9), (4, 0.5)] {
///     best.push(id, score);
/// }
/// assert_eq!(best.into_sorted(), [(7, 0.9), (3, 0.5)], "a tie goes to the smaller id");
/// ```
#[derive(Clone, Debug)]
pub struct TopK<I> {
    k: usize,
    heap: BinaryHeap<Entry<I>>,
}

impl<I: Ord + Copy> TopK<I> {
    /// Keeps at most `k` hits. Nothing is allocated until something is pushed.
    pub fn new(k: usize) -> Self {
        Self {
            k,
            heap: BinaryHeap::new(),
        }
    }

    /// Offers a hit. A NaN counts as minus infinity, and minus zero as zero.
    #[inline]
    pub fn push(&mut self, id: I, score: f32) {
        let score = if score.is_nan() {
            f32::NEG_INFINITY
        } else {
            score + 0.0
        };
        let entry = Entry(Reverse(id), score);
        if self.heap.len() < self.k {
            self.heap.push(entry);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && score >= worst.1
            && entry < *worst
        {
            *worst = entry;
        }
    }

    /// Takes over the hits of another one.
    pub fn merge(&mut self, other: Self) {
        for entry in other.heap {
            self.push(entry.0.0, entry.1);
        }
    }

    /// The number of hits held.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether no hit is held.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The score that a new hit must reach, once `k` are held.
    pub fn threshold(&self) -> Option<f32> {
        let full = self.heap.len() >= self.k;
        self.heap.peek().filter(|_| full).map(|worst| worst.1)
    }

    /// The hits, best first.
    pub fn into_sorted(self) -> Vec<Scored<I>> {
        let sorted = self.heap.into_sorted_vec();
        sorted.into_iter().map(|e| (e.0.0, e.1)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_a_full_sort_however_it_is_split(
            scores in prop::collection::vec(-3i8..4, 0..60), k in 1usize..12, cut in 0usize..60,
        ) {
            let hits: Vec<(u32, f32)> = scores
                .iter()
                .enumerate()
                .map(|(i, s)| ((i as u32 * 37) % 101, f32::from(*s) * 0.5))
                .collect();
            let mut want = hits.clone();
            want.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap().then(a.0.cmp(&b.0)));
            want.truncate(k);
            let (left, right) = hits.split_at(cut.min(hits.len()));
            let mut parts = [TopK::new(k), TopK::new(k)];
            for (part, hits) in parts.iter_mut().zip([left, right]) {
                hits.iter().rev().for_each(|h| part.push(h.0, h.1));
            }
            let [mut a, b] = parts;
            a.merge(b);
            prop_assert_eq!(a.into_sorted(), want);
        }
    }

    #[test]
    fn zeros_tie_and_nan_is_last() {
        let mut best = TopK::new(3);
        for (id, score) in [
            (5u64, 0.0),
            (2, -0.0),
            (1, f32::NAN),
            (9, f32::NEG_INFINITY),
        ] {
            best.push(id, score);
        }
        assert_eq!(
            best.into_sorted(),
            [(2, 0.0), (5, 0.0), (1, f32::NEG_INFINITY)]
        );
        assert_eq!(TopK::<u32>::new(usize::MAX).into_sorted(), []);
    }
}
