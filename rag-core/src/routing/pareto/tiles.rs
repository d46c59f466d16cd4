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
/// Rows that are compared together.
const ROWS: usize = 64;
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
        let mut data = Vec::with_capacity(rows.size_hint().0 * d);
        rows.for_each(|i| data.extend_from_slice(&points.row(i as usize)[columns.clone()]));
        let part = Points { data, d };
        let (ranks, distinct) = (0..d).map(|column| part.ranks(column)).unzip();
        Self {
            ranks,
            distinct,
            len: part.len(),
        }
    }

    /// Whether no other row covers it, for each; rows are distinct.
    pub fn front(&self) -> Vec<bool> {
        let sum = |i: u32| {
            self.ranks
                .iter()
                .map(|r| u64::from(r[i as usize]))
                .sum::<u64>()
        };
        // Those that cover come first, and most others are thrown out by few.
        let mut left: Vec<u32> = (0..self.len as u32).collect();
        left.sort_by_cached_key(|i| sum(*i));
        let mut alive = vec![false; self.len];
        let mut tile = Tile::default();
        while !left.is_empty() {
            let mut rest = left.split_off(left.len().min(TILE));
            tile.fill(self, &left);
            let mut bit = 0;
            tile.each(self, &left, |i, mut by| {
                by[bit / 64] &= !(1 << (bit % 64));
                alive[i as usize] = by == [0; WORDS];
                bit += 1;
            });
            left.clear();
            tile.each(self, &rest, |i, by| {
                if by == [0; WORDS] {
                    left.push(i);
                }
            });
            rest.clear();
        }
        alive
    }

    /// Whether none of the first `count` rows covers it, for each of the others.
    pub fn free(&self, count: usize) -> Vec<bool> {
        let mut free = vec![true; self.len - count];
        let mut left: Vec<u32> = (count as u32..self.len as u32).collect();
        let mut tile = Tile::default();
        for start in (0..count).step_by(TILE) {
            let members: Vec<u32> = (start as u32..count.min(start + TILE) as u32).collect();
            tile.fill(self, &members);
            let mut next = Vec::with_capacity(left.len());
            tile.each(self, &left, |i, by| {
                if by == [0; WORDS] {
                    next.push(i);
                } else {
                    free[i as usize - count] = false;
                }
            });
            left = next;
        }
        free
    }

    /// Raises the rank of each row above those that cover it, which come before it.
    pub fn settle(&self, ranks: &mut [u32]) {
        let mut tile = Tile::default();
        for start in (0..self.len).step_by(TILE) {
            let end = self.len.min(start + TILE);
            let mut members: Vec<u32> = (start as u32..end as u32).collect();
            tile.fill(self, &members);
            tile.each(self, &members, |i, by| {
                let (word, bit) = ((i as usize - start) / 64, (i as usize - start) % 64);
                let mut rank = ranks[i as usize];
                for (w, set) in by.iter().enumerate().take(word + 1) {
                    let mut set = if w == word {
                        set & ((1 << bit) - 1)
                    } else {
                        *set
                    };
                    while set != 0 {
                        rank = rank.max(ranks[start + w * 64 + set.trailing_zeros() as usize] + 1);
                        set &= set - 1;
                    }
                }
                ranks[i as usize] = rank;
            });
            self.raise(&mut tile, &mut members, end, ranks);
        }
    }

    /// Raises the ranks of the rows from `count` on above those of the first `count` that cover
    /// them.
    pub fn raise_from(&self, count: usize, ranks: &mut [u32]) {
        let mut tile = Tile::default();
        for start in (0..count).step_by(TILE) {
            let mut members: Vec<u32> = (start as u32..count.min(start + TILE) as u32).collect();
            self.raise(&mut tile, &mut members, count, ranks);
        }
    }

    /// Raises the ranks of the rows from `from` on above those of the members that cover them.
    fn raise(&self, tile: &mut Tile, members: &mut [u32], from: usize, ranks: &mut [u32]) {
        // The highest rank has the lowest bit.
        members.sort_by_key(|i| std::cmp::Reverse(ranks[*i as usize]));
        tile.fill(self, members);
        let most = ranks[members[0] as usize];
        let open: Vec<u32> = (from as u32..self.len as u32)
            .filter(|i| ranks[*i as usize] <= most)
            .collect();
        tile.each(self, &open, |i, by| {
            if let Some(word) = by.iter().position(|set| *set != 0) {
                let member = members[word * 64 + by[word].trailing_zeros() as usize];
                let above = ranks[member as usize] + 1;
                ranks[i as usize] = ranks[i as usize].max(above);
            }
        });
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

    /// Tells for each row, in order, the members that are nowhere greater.
    fn each(&self, columns: &Columns, rows: &[u32], tell: impl FnMut(u32, Set)) {
        match columns.ranks.len() {
            2 => self.each_in::<2>(columns, rows, tell),
            3 => self.each_in::<3>(columns, rows, tell),
            4 => self.each_in::<4>(columns, rows, tell),
            5 => self.each_in::<5>(columns, rows, tell),
            6 => self.each_in::<6>(columns, rows, tell),
            _ => self.each_in::<0>(columns, rows, tell),
        }
    }

    /// `K` columns, or any number of them if it is 0.
    fn each_in<const K: usize>(
        &self,
        columns: &Columns,
        rows: &[u32],
        mut tell: impl FnMut(u32, Set),
    ) {
        let k = if K > 0 { K } else { columns.ranks.len() };
        // Where to look is found out for some rows first, so that no row waits for another.
        let mut places = vec![[0u16; ROWS]; k];
        let least: Vec<&[Set]> = self.least.iter().map(Vec::as_slice).collect();
        for rows in rows.chunks(ROWS) {
            for (places, (ranks, upto)) in
                places.iter_mut().zip(columns.ranks.iter().zip(&self.upto))
            {
                for (place, row) in places.iter_mut().zip(rows) {
                    *place = upto[ranks[*row as usize] as usize];
                }
            }
            for (at, row) in rows.iter().enumerate() {
                let mut common = [u64::MAX; WORDS];
                for (places, least) in places[..k].iter().zip(&least[..k]) {
                    for (word, with) in common.iter_mut().zip(&least[places[at] as usize]) {
                        *word &= with;
                    }
                }
                tell(*row, common);
            }
        }
    }
}
