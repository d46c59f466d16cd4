//! Comparing a point with hundreds of others at once.
//!
//! A tile holds up to 512 members, one bit each. For each column it keeps, in order of the
//! column, the sets of its least 0, 1, 2, ... members. The members that are nowhere greater than a
//! point are the intersection of one such set a column, found by the rank of the point: a cache
//! line a column for all comparisons with the tile. (Bit sets in order of ranks: Burlacu, 2022.)

use super::order::radix;
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
    /// The rows such that neighbours have like ranks in all columns, and their ranks in that
    /// order: what is looked up for one is then near for the next.
    order: Vec<u32>,
    ordered: Vec<Vec<u32>>,
}

/// Bits of each rank by which rows are brought into order.
const COARSE: u32 = 4;

impl Columns {
    pub fn new(points: &Points, rows: impl Iterator<Item = u32>, columns: Range<usize>) -> Self {
        let d = columns.len();
        let mut data = Vec::with_capacity(rows.size_hint().0 * d);
        rows.for_each(|i| data.extend_from_slice(&points.row(i as usize)[columns.clone()]));
        let part = Points { data, d };
        let (ranks, distinct): (Vec<Vec<u32>>, Vec<usize>) =
            (0..d).map(|column| part.ranks(column)).unzip();
        let mut keys = vec![0u64; part.len()];
        // The bits of all columns in turn (Morton, 1966), of as many columns as a word holds.
        for bit in 0..COARSE {
            for (ranks, distinct) in ranks.iter().zip(&distinct).take(8) {
                let scale = (u64::from(u32::MAX) + 1) / *distinct as u64;
                for (key, rank) in keys.iter_mut().zip(ranks) {
                    *key = *key << 1 | (u64::from(*rank) * scale) >> (31 - bit) & 1;
                }
            }
        }
        let mut keyed: Vec<u64> = (0..).zip(&keys).map(|(i, key)| key << 32 | i).collect();
        radix(&mut keyed);
        let order: Vec<u32> = keyed.into_iter().map(|key| key as u32).collect();
        let ordered = |ranks: &Vec<u32>| order.iter().map(|i| ranks[*i as usize]).collect();
        let ordered = ranks.iter().map(ordered).collect();
        let len = part.len();
        Self {
            ranks,
            distinct,
            len,
            order,
            ordered,
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
        let mut first: Vec<u32> = (0..self.len as u32).collect();
        first.sort_by_cached_key(|i| sum(*i));
        let mut alive = vec![true; self.len];
        let mut left: Vec<u32> = (0..self.len as u32).collect();
        let mut taken = vec![false; self.len];
        let mut tile = Tile::default();
        let mut first = first.into_iter();
        loop {
            let members: Vec<u32> = first
                .by_ref()
                .filter(|i| alive[*i as usize])
                .take(TILE)
                .collect();
            if members.is_empty() {
                return alive;
            }
            members.iter().for_each(|i| taken[*i as usize] = true);
            tile.fill(self, &members);
            for (bit, i) in members.iter().enumerate() {
                let mut by = tile.covering(self, *i);
                by[bit / 64] &= !(1 << (bit % 64));
                alive[*i as usize] = by == [0; WORDS];
            }
            left.retain(|at| !taken[self.order[*at as usize] as usize]);
            let mut next = Vec::with_capacity(left.len());
            tile.each(self, &left, |at, by| match by == [0; WORDS] {
                true => next.push(at),
                false => alive[self.order[at as usize] as usize] = false,
            });
            left = next;
        }
    }

    /// Whether none of the first `count` rows covers it, for each of the others.
    pub fn free(&self, count: usize) -> Vec<bool> {
        let mut free = vec![true; self.len - count];
        let mut left: Vec<u32> = (0..self.len as u32).collect();
        left.retain(|at| self.order[*at as usize] as usize >= count);
        let mut tile = Tile::default();
        for start in (0..count).step_by(TILE) {
            let members: Vec<u32> = (start as u32..count.min(start + TILE) as u32).collect();
            tile.fill(self, &members);
            let mut next = Vec::with_capacity(left.len());
            tile.each(self, &left, |at, by| match by == [0; WORDS] {
                true => next.push(at),
                false => free[self.order[at as usize] as usize - count] = false,
            });
            left = next;
        }
        free
    }

    /// Raises the rank of each row above those that cover it, which come before it.
    pub fn settle(&self, ranks: &mut [u32]) {
        let mut places = vec![0; self.len];
        for (at, i) in (0..).zip(&self.order) {
            places[*i as usize] = at;
        }
        let mut settling = Settling::new(self, ranks);
        for start in (0..self.len).step_by(TILE) {
            let end = self.len.min(start + TILE);
            let mut members: Vec<u32> = (start as u32..end as u32).collect();
            let mut known: Vec<u32> = places[start..end]
                .iter()
                .map(|at| settling.ranks[*at as usize])
                .collect();
            settling.tile.fill(self, &members);
            for i in 0..members.len() {
                let (word, bit) = (i / 64, i % 64);
                let by = settling.tile.covering(self, members[i]);
                let mut rank = known[i];
                for (w, set) in by.iter().enumerate().take(word + 1) {
                    let mut set = if w == word {
                        set & ((1 << bit) - 1)
                    } else {
                        *set
                    };
                    while set != 0 {
                        rank = rank.max(known[w * 64 + set.trailing_zeros() as usize] + 1);
                        set &= set - 1;
                    }
                }
                known[i] = rank;
                settling.ranks[places[start + i] as usize] = rank;
            }
            settling.raise(&mut members, |i| known[i as usize - start], end);
        }
        settling.tell(ranks);
    }

    /// Raises the ranks of the rows from `count` on above those of the first `count` that cover
    /// them.
    pub fn raise_from(&self, count: usize, ranks: &mut [u32]) {
        let mut settling = Settling::new(self, ranks);
        for start in (0..count).step_by(TILE) {
            let mut members: Vec<u32> = (start as u32..count.min(start + TILE) as u32).collect();
            settling.raise(&mut members, |i| ranks[i as usize], count);
        }
        settling.tell(ranks);
    }
}

/// Ranks in the order of [`Columns`], in which they are raised.
struct Settling<'a> {
    columns: &'a Columns,
    ranks: Vec<u32>,
    tile: Tile,
}

impl<'a> Settling<'a> {
    fn new(columns: &'a Columns, ranks: &[u32]) -> Self {
        let ordered = columns.order.iter().map(|i| ranks[*i as usize]);
        Self {
            columns,
            ranks: ordered.collect(),
            tile: Tile::default(),
        }
    }

    fn tell(&self, ranks: &mut [u32]) {
        for (i, rank) in self.columns.order.iter().zip(&self.ranks) {
            ranks[*i as usize] = *rank;
        }
    }

    /// Raises the ranks of the rows from `from` on above those of the members, which are `settled`,
    /// that cover them.
    fn raise(&mut self, members: &mut [u32], settled: impl Fn(u32) -> u32, from: usize) {
        // The highest rank has the lowest bit.
        members.sort_by_key(|i| std::cmp::Reverse(settled(*i)));
        let above: Vec<u32> = members.iter().map(|i| settled(*i) + 1).collect();
        self.tile.fill(self.columns, members);
        let each = (0..).zip(self.columns.order.iter().zip(&self.ranks));
        let is_open = |i: u32, rank: u32| i as usize >= from && rank < above[0];
        let open: Vec<u32> = each
            .filter_map(|(at, (i, rank))| is_open(*i, *rank).then_some(at))
            .collect();
        let ranks = &mut self.ranks;
        self.tile.each(self.columns, &open, |at, by| {
            if let Some(word) = by.iter().position(|set| *set != 0) {
                let above = above[word * 64 + by[word].trailing_zeros() as usize];
                let rank = &mut ranks[at as usize];
                *rank = (*rank).max(above);
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

    /// The members that are nowhere greater than a row.
    fn covering(&self, columns: &Columns, row: u32) -> Set {
        let mut common = [u64::MAX; WORDS];
        for (ranks, (least, upto)) in columns.ranks.iter().zip(self.least.iter().zip(&self.upto)) {
            let set = &least[usize::from(upto[ranks[row as usize] as usize])];
            common
                .iter_mut()
                .zip(set)
                .for_each(|(word, with)| *word &= with);
        }
        common
    }

    /// As [`Tile::covering`] for many rows, which are called by their place in the order.
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
            for (places, (ranks, upto)) in places
                .iter_mut()
                .zip(columns.ordered.iter().zip(&self.upto))
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
