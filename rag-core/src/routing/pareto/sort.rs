//! Non-dominated sorting and crowding distance, the two orders of NSGA-II (Deb et al., 2002).
//!
//! Points are taken in lexicographic order. Two columns: a binary search over the fronts' lowest
//! second values. Three: a binary search over fronts, each a staircase in the last two columns.
//! More: points meet in tiles (`tiles`), which takes `n^2 / 1024` steps; large sets are split first
//! by the divide and conquer of Jensen (2003) as corrected by Fortin, Grenier and Parizeau (2013),
//! `O(n log^(d-1) n)`.

use super::front::unique;
use super::points::Points;
use super::stairs::Stairs;
use super::tiles::Columns;
use crate::error::Result;

/// Up to so many points, and so many pairs, comparing all by tiles is faster than splitting.
const TILED: usize = 1 << 15;
const TILED_PAIRS: usize = 1 << 28;

/// For each point the front it is on: 0 for the Pareto front, 1 for the front of the rest, ...
///
/// Arguments as for [`pareto_front`](super::pareto_front). Equal points have the same rank.
///
/// ```
/// use rag_core::routing::nondominated_sort;
/// let points = [1.0, 4.0, 2.0, 2.0, 3.0, 3.0, 2.0, 2.0];
/// assert_eq!(nondominated_sort(&points, 2, &[])?, [0, 0, 1, 0]);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn nondominated_sort(points: &[f64], d: usize, maximize: &[bool]) -> Result<Vec<usize>> {
    let points = Points::new(points, d, maximize)?;
    let order = points.lexicographic();
    if d == 2 {
        return Ok(two(&points, &order));
    }
    let (firsts, groups) = unique(&points, &order);
    let ranks = match d {
        1 => (0..firsts.len() as u32).collect(),
        3 => three(&points, &firsts),
        _ => Ranking::new(&points, &firsts).run(),
    };
    let mut result = vec![0; points.len()];
    for (g, rank) in ranks.into_iter().enumerate() {
        for i in &order[groups[g]..groups[g + 1]] {
            result[*i as usize] = rank as usize;
        }
    }
    Ok(result)
}

/// The fronts of points of two columns, by number; `order` is lexicographic.
fn two(points: &Points, order: &[u32]) -> Vec<usize> {
    // Gathered first: the search below waits for nothing but itself then.
    let rows = order.iter().map(|i| points.row(*i as usize));
    let rows: Vec<[f64; 2]> = rows.map(|row| [row[0], row[1]]).collect();
    let mut lowest: Vec<f64> = Vec::new();
    let mut ranks = vec![0; order.len()];
    let mut last = ([f64::NAN; 2], 0);
    for (row, i) in rows.iter().zip(order) {
        // Equal points come one after the other.
        if *row != last.0 {
            let rank = lowest.partition_point(|low| *low <= row[1]);
            match lowest.get_mut(rank) {
                Some(low) => *low = row[1],
                None => lowest.push(row[1]),
            }
            last = (*row, rank);
        }
        ranks[*i as usize] = last.1;
    }
    ranks
}

/// Steps of the second column, and fronts, of which the lowest third values are kept.
const STEPS: usize = 128;
const LISTED: usize = 2048;

fn three(points: &Points, firsts: &[u32]) -> Vec<u32> {
    let (places, distinct) = points.ranks(1);
    let mut fronts: Vec<Stairs> = Vec::new();
    // For each step, by front: the lowest third value up to that step. It rises from front to
    // front, because what is on one has on each front before somebody who is nowhere greater. So
    // two looks into these lists leave few fronts, mostly none, whose stairs have to be asked.
    let mut lowest: Vec<Vec<f64>> = vec![Vec::new(); STEPS];
    let place = |i: &u32| {
        let row = points.row(*i as usize);
        let (y, z) = (row[1], row[2]);
        let step = places[*i as usize] as usize * STEPS / distinct;
        let covering = |step: usize| lowest[step].partition_point(|low| *low <= z);
        let least = if step > 0 { covering(step - 1) } else { 0 };
        let most = match covering(step) {
            all if all == lowest[step].len() => fronts.len(),
            some => some,
        };
        let rank = least + fronts[least..most].partition_point(|front| front.covers(y, z));
        if rank == fronts.len() {
            fronts.push(Stairs::default());
            if rank < LISTED {
                // Nothing is up to NaN.
                lowest.iter_mut().for_each(|lows| lows.push(f64::NAN));
            }
        }
        if rank < LISTED {
            for lows in &mut lowest[step..] {
                if lows[rank] <= z {
                    break;
                }
                lows[rank] = z;
            }
        }
        let front = &mut fronts[rank];
        front.insert(front.locate(y), y, z, |_, _| ());
        rank as u32
    };
    firsts.iter().map(place).collect()
}

/// Ranks of distinct points in lexicographic order; members are numbered by that order.
struct Ranking<'a> {
    points: &'a Points,
    firsts: &'a [u32],
    ranks: Vec<u32>,
}

impl<'a> Ranking<'a> {
    fn new(points: &'a Points, firsts: &'a [u32]) -> Self {
        Self {
            points,
            firsts,
            ranks: vec![0; firsts.len()],
        }
    }

    fn run(mut self) -> Vec<u32> {
        let all: Vec<u32> = (0..self.firsts.len() as u32).collect();
        self.among(&all, self.points.d);
        self.ranks
    }

    fn at(&self, i: u32, column: usize) -> f64 {
        self.points.row(self.firsts[i as usize] as usize)[column]
    }

    fn keep(&mut self, set: &[u32], ranks: &[u32]) {
        for (i, rank) in set.iter().zip(ranks) {
            self.ranks[*i as usize] = *rank;
        }
    }

    /// Settles the ranks in `set` (ascending) when only the first `k` columns differ.
    fn among(&mut self, set: &[u32], k: usize) {
        if k == 2 {
            self.sweep(set, set);
            return;
        }
        if set.len() <= TILED {
            // The order of the set is that of the first column.
            let rows = set.iter().map(|i| self.firsts[*i as usize]);
            let columns = Columns::new(self.points, rows, 1..k);
            let mut ranks: Vec<u32> = set.iter().map(|i| self.ranks[*i as usize]).collect();
            columns.settle(&mut ranks);
            self.keep(set, &ranks);
            return;
        }
        let m = self.median(set, &[], k - 1);
        let [below, equal, above] = self.split(set, k - 1, m);
        if below.is_empty() && above.is_empty() {
            self.among(&equal, k - 1);
            return;
        }
        self.among(&below, k);
        self.between(&below, &equal, k - 1);
        self.among(&equal, k - 1);
        let up_to = merged(&below, &equal);
        self.between(&up_to, &above, k - 1);
        self.among(&above, k);
    }

    /// Raises the ranks in `b` above those of members of `a`, which are settled, that cover them
    /// in the first `k` columns.
    fn between(&mut self, a: &[u32], b: &[u32], k: usize) {
        if a.is_empty() || b.is_empty() {
            return;
        }
        if k == 2 {
            self.sweep(a, b);
            return;
        }
        if a.len().saturating_mul(b.len()) <= TILED_PAIRS {
            let both = a.iter().chain(b);
            let rows = both.clone().map(|i| self.firsts[*i as usize]);
            let columns = Columns::new(self.points, rows, 0..k);
            let mut ranks: Vec<u32> = both.map(|i| self.ranks[*i as usize]).collect();
            columns.raise_from(a.len(), &mut ranks);
            self.keep(b, &ranks[a.len()..]);
            return;
        }
        let m = self.median(a, b, k - 1);
        let [a_below, a_equal, a_above] = self.split(a, k - 1, m);
        let [b_below, b_equal, b_above] = self.split(b, k - 1, m);
        self.between(&a_below, &b_below, k);
        let (a_up_to, b_from) = (merged(&a_below, &a_equal), merged(&b_equal, &b_above));
        self.between(&a_up_to, &b_from, k - 1);
        self.between(&a_above, &b_above, k);
    }

    /// [`Ranking::between`] in two columns: members in order of the first, with stairs of
    /// (second column, rank) on which both ascend. `a` and `b` may be the same set.
    fn sweep(&mut self, a: &[u32], b: &[u32]) {
        let mut stairs: Vec<(f64, u32)> = Vec::new();
        let mut next = 0;
        for j in b {
            while next < a.len() && (a[next] < *j) {
                self.step(&mut stairs, a[next]);
                next += 1;
            }
            let y = self.at(*j, 1);
            let at = stairs.partition_point(|s| s.0 <= y);
            if at > 0 {
                let rank = stairs[at - 1].1 + 1;
                let old = &mut self.ranks[*j as usize];
                *old = (*old).max(rank);
            }
        }
    }

    fn step(&self, stairs: &mut Vec<(f64, u32)>, i: u32) {
        let (y, rank) = (self.at(i, 1), self.ranks[i as usize]);
        let at = stairs.partition_point(|s| s.0 < y);
        let covered = stairs[..at].last().is_some_and(|s| s.1 >= rank)
            || stairs.get(at).is_some_and(|s| s.0 == y && s.1 >= rank);
        if covered {
            return;
        }
        let lower = stairs[at..].partition_point(|s| s.1 <= rank);
        stairs.splice(at..at + lower, [(y, rank)]);
    }

    fn median(&self, a: &[u32], b: &[u32], column: usize) -> f64 {
        let both = a.iter().chain(b);
        let mut values: Vec<f64> = both.map(|i| self.at(*i, column)).collect();
        let middle = values.len() / 2;
        *values.select_nth_unstable_by(middle, f64::total_cmp).1
    }

    fn split(&self, set: &[u32], column: usize, m: f64) -> [Vec<u32>; 3] {
        let mut parts = [Vec::new(), Vec::new(), Vec::new()];
        for i in set {
            let x = self.at(*i, column);
            parts[usize::from(x >= m) + usize::from(x > m)].push(*i);
        }
        parts
    }
}

/// Two ascending lists as one.
fn merged(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut result = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if a[i] < b[j] {
            result.push(a[i]);
            i += 1;
        } else {
            result.push(b[j]);
            j += 1;
        }
    }
    result.extend_from_slice(&a[i..]);
    result.extend_from_slice(&b[j..]);
    result
}

/// How much room each point of a front has along the columns (Deb et al., 2002): the sum over
/// columns of the distance between its two neighbours, in units of the column's range.
///
/// `points` are rows of `d`; whether a column is minimised makes no difference. The first and
/// last point of a column get infinity, and so do all when there are at most two points; equal
/// values are ordered by index. A column with a single value counts for nothing. In a column
/// that reaches infinity a finite distance counts 0 and an infinite one 1.
///
/// ```
/// use rag_core::routing::crowding_distance;
/// let room = crowding_distance(&[0.0, 4.0, 1.0, 2.0, 4.0, 0.0], 2)?;
/// assert_eq!(room, [f64::INFINITY, 2.0, f64::INFINITY]);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn crowding_distance(points: &[f64], d: usize) -> Result<Vec<f64>> {
    let points = Points::new(points, d, &[])?;
    let n = points.len();
    if n <= 2 {
        return Ok(vec![f64::INFINITY; n]);
    }
    let mut room = vec![0.0; n];
    let mut order: Vec<usize> = (0..n).collect();
    for column in 0..d {
        let at = |i: usize| points.row(i)[column];
        order.sort_unstable_by(|a, b| at(*a).total_cmp(&at(*b)).then(a.cmp(b)));
        let (low, high) = (at(order[0]), at(order[n - 1]));
        if low == high {
            continue;
        }
        // Halves, because the range of finite numbers may be infinite.
        let range = 0.5 * high - 0.5 * low;
        room[order[0]] = f64::INFINITY;
        room[order[n - 1]] = f64::INFINITY;
        for w in order.windows(3) {
            let (before, after) = (at(w[0]), at(w[2]));
            room[w[1]] += match (before == after, range.is_infinite()) {
                (true, _) => 0.0,
                (false, true) => f64::from(before.is_infinite() || after.is_infinite()),
                (false, false) => (0.5 * after - 0.5 * before) / range,
            };
        }
    }
    Ok(room)
}
