//! A set of rows or slots, one bit each.

/// Numbers from 0 up to the largest that was ever set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn set(&mut self, row: u32, on: bool) {
        let word = row as usize / 64;
        let bit = 1 << (row % 64);
        match on {
            true => {
                if word >= self.0.len() {
                    self.0.resize(word + 1, 0);
                }
                self.0[word] |= bit;
            }
            false => {
                if let Some(word) = self.0.get_mut(word) {
                    *word &= !bit;
                }
            }
        }
    }

    #[inline(always)]
    pub(crate) fn has(&self, row: u32) -> bool {
        let word = self.0.get(row as usize / 64);
        word.is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// How many rows are in it, counted anew.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The rows, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.iter_from(0)
    }

    /// The rows from one on, ascending.
    pub(crate) fn iter_from(&self, first: u32) -> impl Iterator<Item = u32> + '_ {
        let words = self.0.get(first as usize / 64..).unwrap_or_default();
        let start = first / 64 * 64;
        let rows = (0u32..).zip(words).flat_map(move |(at, &word)| {
            let next = |word: &u64| Some(word & (word - 1)).filter(|&word| word != 0);
            let words = std::iter::successors(Some(word).filter(|&word| word != 0), next);
            words.map(move |word| start + at * 64 + word.trailing_zeros())
        });
        rows.skip_while(move |&row| row < first)
    }

    /// As they are kept: row `64 * i + j` is bit `j` of word `i`.
    pub(crate) fn words(&self) -> &[u64] {
        &self.0
    }

    /// What [`Bits::words`] answered; `None` if a row is not below `count`.
    pub(crate) fn from_words(words: Vec<u64>, count: usize) -> Option<Self> {
        let last = words.iter().rposition(|&word| word != 0);
        let end = last.map_or(0, |at| 64 * (at + 1) - words[at].leading_zeros() as usize);
        (end <= count).then_some(Self(words))
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.0[..])
    }

    pub(crate) fn unite(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word |= other;
        }
    }

    pub(crate) fn intersect(&mut self, other: &Self) {
        self.0.truncate(other.0.len());
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word &= other;
        }
    }

    pub(crate) fn subtract(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word &= !other;
        }
    }
}

impl FromIterator<u32> for Bits {
    fn from_iter<T: IntoIterator<Item = u32>>(rows: T) -> Self {
        let mut set = Self::default();
        rows.into_iter().for_each(|row| set.set(row, true));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn behaves_like_a_set(
            a in prop::collection::btree_set(0u32..300, 0..40),
            b in prop::collection::btree_set(0u32..300, 0..40),
            gone in prop::collection::btree_set(0u32..400, 0..40),
        ) {
            let sorted = |set: &Bits| set.iter().collect::<Vec<u32>>();
            let (left, right): (Bits, Bits) = (a.iter().copied().collect(), b.iter().copied().collect());
            let mut all = left.clone();
            all.unite(&right);
            prop_assert_eq!(sorted(&all), a.union(&b).copied().collect::<Vec<_>>());
            let mut both = left.clone();
            both.intersect(&right);
            prop_assert_eq!(sorted(&both), a.intersection(&b).copied().collect::<Vec<_>>());
            let mut rest = left.clone();
            rest.subtract(&right);
            prop_assert_eq!(rest.count(), a.difference(&b).count());
            gone.iter().for_each(|&row| all.set(row, false));
            let want: BTreeSet<u32> = a.union(&b).filter(|row| !gone.contains(row)).copied().collect();
            prop_assert!((0..500).all(|row| all.has(row) == want.contains(&row)));
        }
    }
}
