//! What was learnt from: different queries with what each route made of them.
//!
//! A bounded set that unites. Every query has a number that is a hash of its direction, so the same
//! query has the same number wherever it is met; past [`MAX_EXAMPLES`] those with the smallest numbers
//! stay, which is an even sample of all, and the same one in whatever order parts are put together
//! (Cohen and Kaplan, 2007, bottom-k sketches).

use super::query::{Query, key};
use crate::error::{Error, Result};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The most queries that are kept to learn from.
pub const MAX_EXAMPLES: usize = 20_000;
/// With very many routes fewer queries are kept: so many cells at most.
const MAX_CELLS: usize = 20_000_000;

/// The most queries that are kept with so many columns.
pub(super) fn room(columns: usize) -> usize {
    (MAX_CELLS / columns.max(1)).clamp(1, MAX_EXAMPLES)
}

fn width(columns: &Columns) -> usize {
    columns.values().map(BTreeMap::len).sum()
}

/// Outcomes of one route in one objective for one query.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cell {
    pub mean: f64,
    /// 0: nothing was observed.
    pub count: u32,
}

impl Cell {
    fn with(self, other: Cell) -> Cell {
        if self.count == 0 || other.count == 0 {
            return if self.count == 0 { other } else { self };
        }
        let count = self.count.saturating_add(other.count);
        let (a, b) = (f64::from(self.count), f64::from(other.count));
        Cell {
            mean: self.mean + (other.mean - self.mean) * (b / (a + b)),
            count,
        }
    }

    /// The longer account of the two; of equally long ones that of the larger number.
    fn longer(self, other: Cell) -> Cell {
        let order = self.count.cmp(&other.count);
        match order.then(self.mean.total_cmp(&other.mean)) {
            Ordering::Less => other,
            _ => self,
        }
    }
}

/// Cells by route and objective, one for each query.
pub(super) type Columns = BTreeMap<String, BTreeMap<String, Vec<Cell>>>;

/// Queries, by ascending number, and their cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Examples {
    pub keys: Vec<u64>,
    pub queries: Vec<Query>,
    pub columns: Columns,
}

/// How two accounts of the same become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Join {
    /// They were made apart: their outcomes are put together.
    Add,
    /// They may be of the same outcomes: the longer one counts.
    Longer,
}

impl Examples {
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The examples of rows as they come, which may say the same twice.
    pub fn of(queries: Vec<Query>, columns: Columns) -> Self {
        let keys: Vec<u64> = queries.iter().map(|q| key(&q.codes)).collect();
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by_key(|i| (keys[*i], *i));
        let mut made = Examples::default();
        let mut places = Vec::with_capacity(keys.len());
        for i in &order {
            if made.keys.last() != Some(&keys[*i]) {
                made.keys.push(keys[*i]);
                made.queries.push(queries[*i].clone());
            }
            places.push(made.keys.len() - 1);
        }
        let join = |cells: Vec<Cell>| {
            let mut joined = vec![Cell::default(); made.keys.len()];
            for (i, place) in order.iter().zip(&places) {
                joined[*place] = joined[*place].with(cells[*i]);
            }
            joined
        };
        made.columns = map(columns, join);
        made.cut();
        made
    }

    /// Both, the same query once.
    pub fn unite(&mut self, other: &Examples, join: Join) {
        let mut keys: Vec<u64> = self.keys.iter().chain(&other.keys).copied().collect();
        keys.sort_unstable();
        keys.dedup();
        keys.truncate(room(width(&self.columns).max(width(&other.columns))));
        let places = |of: &[u64]| -> Vec<Option<usize>> {
            of.iter().map(|k| keys.binary_search(k).ok()).collect()
        };
        let (ours, theirs) = (places(&self.keys), places(&other.keys));
        let mut queries = vec![Query::default(); keys.len()];
        for (from, places) in [(&other.queries, &theirs), (&self.queries, &ours)] {
            for (query, place) in from.iter().zip(places) {
                if let Some(place) = place {
                    queries[*place] = query.clone();
                }
            }
        }
        let spread = |cells: Vec<Cell>, places: &[Option<usize>]| {
            let mut spread = vec![Cell::default(); keys.len()];
            for (cell, place) in cells.into_iter().zip(places) {
                if let Some(place) = place {
                    spread[*place] = cell;
                }
            }
            spread
        };
        let mut columns = map(std::mem::take(&mut self.columns), |c| spread(c, &ours));
        for (route, objectives) in &other.columns {
            for (objective, cells) in objectives {
                let cells = spread(cells.clone(), &theirs);
                let to = columns.entry(route.clone()).or_default();
                let Some(have) = to.get_mut(objective) else {
                    to.insert(objective.clone(), cells);
                    continue;
                };
                for (a, b) in have.iter_mut().zip(cells) {
                    *a = match join {
                        Join::Add => a.with(b),
                        Join::Longer => a.longer(b),
                    };
                }
            }
        }
        (self.keys, self.queries, self.columns) = (keys, queries, columns);
    }

    /// Forgets a route, and queries that nothing is known of any more.
    pub fn remove(&mut self, route: &str) {
        if self.columns.remove(route).is_none() {
            return;
        }
        let mut used = vec![false; self.len()];
        for cells in self.columns.values().flat_map(BTreeMap::values) {
            for (used, cell) in used.iter_mut().zip(cells) {
                *used |= cell.count > 0;
            }
        }
        let mut flags = used.iter().cycle();
        let mut keep = || *flags.next().expect("as many flags as queries");
        self.keys.retain(|_| keep());
        self.queries.retain(|_| keep());
        for cells in self.columns.values_mut().flat_map(BTreeMap::values_mut) {
            cells.retain(|_| keep());
        }
    }

    fn cut(&mut self) {
        let most = room(width(&self.columns));
        self.keys.truncate(most);
        self.queries.truncate(most);
        for cells in self.columns.values_mut().flat_map(BTreeMap::values_mut) {
            cells.truncate(most);
        }
    }

    /// Fails unless these could have been made here, of vectors of `dim` numbers.
    pub fn check(&self, dim: Option<usize>) -> Result<()> {
        let fits = |q: &Query| q.is_none() || Some(q.codes.len()) == dim;
        let n = self.len();
        let sound = n <= MAX_EXAMPLES
            && self.queries.len() == n
            && self.queries.iter().all(fits)
            && self.keys.windows(2).all(|w| w[0] < w[1])
            && self
                .queries
                .iter()
                .zip(&self.keys)
                .all(|(q, k)| key(&q.codes) == *k)
            && self
                .columns
                .values()
                .flat_map(BTreeMap::values)
                .all(|c| c.len() == n);
        match sound {
            true => Ok(()),
            false => Err(Error::invalid("the examples do not fit together")),
        }
    }
}

fn map(columns: Columns, mut with: impl FnMut(Vec<Cell>) -> Vec<Cell>) -> Columns {
    let mut each = |objectives: BTreeMap<String, Vec<Cell>>| {
        let changed = objectives.into_iter().map(|(o, cells)| (o, with(cells)));
        changed.collect()
    };
    columns.into_iter().map(|(r, o)| (r, each(o))).collect()
}
