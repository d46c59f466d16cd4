//! Sorting rows by one column or lexicographically, and ranks of columns.

use super::points::{Points, compare};

/// Below this, comparing is as fast as counting digits.
const RADIX_FROM: usize = 1500;
const DIGIT: u32 = 11;
const BUCKETS: usize = 1 << DIGIT;

/// An integer that sorts as the number does.
pub(super) fn ordered(x: f64) -> u64 {
    let bits = x.to_bits();
    bits ^ (((bits as i64 >> 63) as u64) | 1 << 63)
}

impl Points {
    /// The numbers of all rows in lexicographic order, equal ones by number.
    pub fn lexicographic(&self) -> Vec<u32> {
        let row = |i: u32| self.row(i as usize);
        self.sorted(0, |a, b| compare(row(a), row(b)))
    }

    /// The numbers of all rows in order of a column, equal ones by number.
    pub fn by_column(&self, column: usize) -> Vec<u32> {
        let at = |i: u32| self.data[i as usize * self.d + column];
        self.sorted(column, |a, b| at(a).total_cmp(&at(b)))
    }

    /// `order` refines the order of the column.
    fn sorted(&self, column: usize, order: impl Fn(u32, u32) -> std::cmp::Ordering) -> Vec<u32> {
        let n = self.len();
        let keys = || {
            self.data
                .iter()
                .skip(column)
                .step_by(self.d)
                .map(|x| ordered(*x))
        };
        let (low, high) = keys().fold((u64::MAX, 0), |(l, h), k| (l.min(k), h.max(k)));
        // The highest 32 bits in which keys differ, and the row; the sort of those is stable.
        let shift = 32u32.saturating_sub(high.saturating_sub(low).leading_zeros());
        let mut pairs: Vec<u64> = keys()
            .enumerate()
            .map(|(i, k)| (k - low) >> shift << 32 | i as u64)
            .collect();
        if n < RADIX_FROM {
            pairs.sort_unstable();
        } else {
            radix(&mut pairs);
        }
        let mut rows: Vec<u32> = pairs.iter().map(|p| *p as u32).collect();
        let mut start = 0;
        for run in pairs.chunk_by(|a, b| a >> 32 == b >> 32) {
            if run.len() > 1 {
                rows[start..start + run.len()]
                    .sort_unstable_by(|a, b| order(*a, *b).then(a.cmp(b)));
            }
            start += run.len();
        }
        rows
    }

    /// For each row how many distinct smaller values the column has, and how many it has in all.
    pub fn ranks(&self, column: usize) -> (Vec<u32>, usize) {
        let at = |i: u32| self.data[i as usize * self.d + column];
        let order = self.by_column(column);
        let mut ranks = vec![0; self.len()];
        let (mut rank, mut last) = (0, order.first().map(|i| at(*i)));
        for i in order {
            let x = at(i);
            if last != Some(x) {
                rank += 1;
                last = Some(x);
            }
            ranks[i as usize] = rank;
        }
        (ranks, rank as usize + 1)
    }
}

/// Sorts by the upper half, least digit first.
pub(super) fn radix(pairs: &mut Vec<u64>) {
    let mut counts = vec![[0u32; BUCKETS]; 3];
    let digit = |p: u64, pass: u32| (p >> (32 + pass * DIGIT)) as usize & (BUCKETS - 1);
    for p in pairs.iter() {
        for (pass, counts) in (0..).zip(&mut counts) {
            counts[digit(*p, pass)] += 1;
        }
    }
    let mut other = vec![0u64; pairs.len()];
    for (pass, counts) in (0..).zip(&mut counts) {
        if counts.iter().any(|c| *c as usize == pairs.len()) {
            continue;
        }
        let mut start = 0;
        for c in counts.iter_mut() {
            start += std::mem::replace(c, start);
        }
        for p in pairs.iter() {
            let place = &mut counts[digit(*p, pass)];
            other[*place as usize] = *p;
            *place += 1;
        }
        std::mem::swap(pairs, &mut other);
    }
}
