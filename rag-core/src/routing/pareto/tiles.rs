//! Comparing a point with hundreds of others at once.
//!
//! A tile holds up to 512 members, one bit each. For each column it keeps, in order of the
//! column, the sets of its least 0, 1, 2, ... members. The members that are nowhere greater than a
//! point are the intersection of one such set a column, found by the rank of the point: a cache
//! line a column for all comparisons with the tile. (Bit sets in order of ranks: Burlacu, 2022.)

use super::points::Points;
use std::ops::Range;

/// Members of a tile.
pub(super) const TILE: usize = 512;
const WORDS: usize = TILE / 64;
type Set = [u64; WORDS];

/// Some columns of some rows as ranks. Rows are called by their position in the list.
pub(super) struct Columns {
    ranks: Vec<Vec<u32>>,
    distinct: Vec<usize>,
    len: usize,
}

impl Columns {
    pub fn new(points: &Points, rows: impl Iterator<Item = u32>, columns: Range<usize>) -> Self {
        let d = columns.len();
        let numbers = |i: u32| points.row(i as usize)[columns.clone()].iter().copied();
        let data: Vec<f64> = rows.flat_map(numbers).collect();
        let part = Points { data, d };
        let (ranks, distinct) = (0..d).map(|column| part.ranks(column)).unzip();
        Self { ranks, distinct, len: part.len() }
    }

    /// Whether no other row covers it, for each; rows are distinct.
    pub fn front(&self) -> Vec<bool> {
        let sum = |i: u32| self.ranks.iter().map(|r| u64::from(r[i as usize])).sum::<u64>();
        // Those that cover come first, and most others are thrown out by few.
        let mut left: Vec<u32> = (0..self.len as u32).collect();
        left.sort_by_cached_key(|i| sum(*i));
        let mut alive = vec![false; self.len];
        let mut tile = Tile::default();
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(TILE));
            tile.fill(self, &left);
            for (bit, i) in left.iter().enumerate() {
                let mut by = tile.covering(self, *i);
                by[bit / 64] &= !(1 << (bit % 64));
                alive[*i as usize] = by == [0; WORDS];
            }
            left = rest;
            left.retain(|i| tile.covering(self, *i) == [0; WORDS]);
        }
        alive
    }

    /// Whether none of the first `count` rows covers it, for each of the others.
    pub fn free(&self, count: usize) -> Vec<bool> {
        let mut free = vec![true; self.len - count];
        let mut tile = Tile::default();
        for start in (0..count).step_by(TILE) {
            let members: Vec<u32> = (start as u32..count.min(start + TILE) as u32).collect();
            tile.fill(self, &members);
            for (free, i) in free.iter_mut().zip(count as u32..) {
                *free = *free && tile.covering(self, i) == [0; WORDS];
            }
        }
        free
    }

    /// Raises the rank of each row above those that cover it and come before it, which is all
    /// that cover it.
    pub fn settle(&self, ranks: &mut [u32]) {
        let mut tile = Tile::default();
        for start in (0..self.len).step_by(TILE) {
            let end = self.len.min(start + TILE);
            let mut members: Vec<u32> = (start as u32..end as u32).collect();
            tile.fill(self, &members);
            for at in start..end {
                let (word, bit) = ((at - start) / 64, (at - start) % 64);
                let by = tile.covering(self, at as u32);
                let mut rank = ranks[at];
                for (w, set) in by.iter().enumerate().take(word + 1) {
                    let mut set = if w == word { set & ((1 << bit) - 1) } else { *set };
                    while set != 0 {
                        rank = rank.max(ranks[start + w * 64 + set.trailing_zeros() as usize] + 1);
                        set &= set - 1;
                    }
                }
                ranks[at] = rank;
            }
            if end < self.len {
                let (settled, open) = ranks.split_at_mut(end);
                self.raise(&mut tile, &mut members, settled, end, open);
            }
        }
    }

    /// Raises the ranks of the rows from `count` on above those of the first `count` that cover them.
    pub fn raise_from(&self, count: usize, ranks: &mut [u32]) {
        let mut tile = Tile::default();
        let (settled, open) = ranks.split_at_mut(count);
        for start in (0..count).step_by(TILE) {
            let mut members: Vec<u32> = (start as u32..count.min(start + TILE) as u32).collect();
            self.raise(&mut tile, &mut members, settled, count, open);
        }
    }

    fn raise(
        &self,
        tile: &mut Tile,
        members: &mut [u32],
        settled: &[u32],
        from: usize,
        open: &mut [u32],
    ) {
        // The highest rank has the lowest bit.
        members.sort_by_key(|i| std::cmp::Reverse(settled[*i as usize]));
        tile.fill(self, members);
        let most = settled[members[0] as usize];
        for (rank, i) in open.iter_mut().zip(from as u32..) {
            if *rank > most {
                continue;
            }
            let by = tile.covering(self, i);
            if let Some(word) = by.iter().position(|set| *set != 0) {
                let member = members[word * 64 + by[word].trailing_zeros() as usize];
                *rank = (*rank).max(settled[member as usize] + 1);
            }
        }
    }
}

#[derive(Default)]
struct Tile {
    /// For each column the sets of its least members.
    least: Vec<Vec<Set>>,
    /// For each column, by rank: how many members have that rank or less.
    upto: Vec<Vec<u16>>,
}

impl Tile {
    /// Takes other members; the first has the lowest bit.
    fn fill(&mut self, columns: &Columns, members: &[u32]) {
        self.least.resize_with(columns.ranks.len(), Vec::new);
        self.upto.resize_with(columns.ranks.len(), Vec::new);
        let mut by: Vec<u64> = Vec::with_capacity(members.len());
        let each = columns.ranks.iter().zip(&columns.distinct);
        for ((ranks, distinct), (least, upto)) in
            each.zip(self.least.iter_mut().zip(&mut self.upto))
        {
            by.clear();
            let places = members.iter().enumerate();
            by.extend(places.map(|(bit, i)| u64::from(ranks[*i as usize]) << 16 | bit as u64));
            by.sort_unstable();
            least.clear();
            upto.clear();
            let mut set = [0; WORDS];
            least.push(set);
            for (count, key) in by.iter().enumerate() {
                upto.resize((key >> 16) as usize, count as u16);
                let bit = (key & 0xFFFF) as usize;
                set[bit / 64] |= 1 << (bit % 64);
                least.push(set);
            }
            upto.resize(*distinct, by.len() as u16);
        }
    }

    /// The members that are nowhere greater than a row.
    #[inline(always)]
    fn covering(&self, columns: &Columns, row: u32) -> Set {
        let mut common = [u64::MAX; WORDS];
        for (ranks, (least, upto)) in columns.ranks.iter().zip(self.least.iter().zip(&self.upto)) {
            let set = &least[upto[ranks[row as usize] as usize] as usize];
            for (word, with) in common.iter_mut().zip(set) {
                *word &= with;
            }
        }
        common
    }
}
