//! The metadata that filters ask about, by value: which rows have it.
//!
//! The one idea: a test is asked about a value once, not about every row that has the value. A
//! column is made when a filter first names its path, out of the very values that
//! [`Filter::matches`] would look at, so both answer the same. Values that nest are not put in
//! order; where a test is about such, the rows that have some are asked one by one. `saved` is the form in
//! an image.

use super::path::Path;
use super::saved::{self, Saved};
use super::value::{self, Values};
use super::{Filter, Node, Test};
use crate::image::{Reader, Writer};
use crate::retrieval::bits::Bits;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

/// Columns that are kept; what other paths ask is asked of every row.
pub(super) const MOST_COLUMNS: usize = 64;
/// A value that one row in so many has, and at least so many rows, is kept as bits.
const DENSE: usize = 16;
const ENOUGH: usize = 64;

/// A value that does not nest, ordered by type and then as filters order it.
#[derive(Clone, Debug)]
pub(super) struct Plain(pub(super) Value);

impl Plain {
    fn kind(&self) -> u8 {
        match self.0 {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Number(_) => 2,
            _ => 3,
        }
    }
}

impl Ord for Plain {
    fn cmp(&self, other: &Self) -> Ordering {
        let within = value::compare(&self.0, &other.0);
        within.unwrap_or_else(|| self.kind().cmp(&other.kind()))
    }
}
impl PartialOrd for Plain {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Plain {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Plain {}

/// Rows that come in ascending order.
#[derive(Clone, Debug)]
enum Rows {
    Few(Vec<u32>),
    Many(Bits),
}

impl Default for Rows {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Rows {
    fn push(&mut self, row: u32) {
        match self {
            Self::Many(set) => set.set(row, true),
            Self::Few(rows) if rows.last() == Some(&row) => {}
            Self::Few(rows) => {
                rows.push(row);
                if rows.len() >= ENOUGH && rows.len() * DENSE > row as usize {
                    *self = Self::Many(rows.iter().copied().collect());
                }
            }
        }
    }

    fn add_to(&self, out: &mut Bits) {
        match self {
            Self::Few(rows) => rows.iter().for_each(|&row| out.set(row, true)),
            Self::Many(set) => out.unite(set),
        }
    }

    fn for_each(&self, each: &mut dyn FnMut(u32)) {
        match self {
            Self::Few(rows) => rows.iter().for_each(|&row| each(row)),
            Self::Many(set) => set.iter().for_each(each),
        }
    }
}

/// Hands out rows, ascending.
type HandOut<'a> = dyn Fn(&mut dyn FnMut(u32)) + 'a;

/// What stands at the end of one path, over all rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Column {
    /// The values of the first rows, if an image holds them; the others are of rows behind these.
    saved: Option<Arc<Saved>>,
    /// Rows by value: what stands there itself, or in an array that does.
    plain: BTreeMap<Plain, Rows>,
    /// Rows with an array or an object there.
    nested: Rows,
    /// Rows in which the field is missing.
    missing: Rows,
    /// Rows in which something stands there.
    present: Rows,
}

impl Column {
    /// What an image holds; `None` if it cannot be a column.
    fn restored(saved: &Arc<Saved>) -> Option<Self> {
        let sets = saved.check()?;
        Some(Self {
            saved: Some(Arc::clone(saved)),
            plain: BTreeMap::new(),
            nested: Rows::Many(sets.nested),
            missing: Rows::Many(sets.missing),
            present: Rows::Many(sets.present),
        })
    }

    /// Hands out every plain value in order, with what hands out its rows in order.
    pub(super) fn for_each(&self, each: &mut dyn FnMut(&Value, &HandOut<'_>)) {
        let mut added = self.plain.iter().peekable();
        let saved = self.saved.as_deref();
        for i in 0..saved.map_or(0, Saved::len) {
            let Some(saved) = saved else { break };
            let value = saved.value(i);
            while let Some((value, rows)) = added.next_if(|added| *added.0 < value) {
                each(&value.0, &|each| rows.for_each(each));
            }
            let more = added.next_if(|added| *added.0 == value);
            each(&value.0, &|each| {
                saved.rows_of(i..i + 1).iter().for_each(|&row| each(row));
                if let Some((_, rows)) = more {
                    rows.for_each(each);
                }
            });
        }
        added.for_each(|(value, rows)| each(&value.0, &|each| rows.for_each(each)));
    }

    /// The rows with something that nests, with nothing, and with something.
    pub(super) fn sets(&self) -> [Bits; 3] {
        [&self.nested, &self.missing, &self.present].map(|rows| {
            let mut set = Bits::default();
            rows.add_to(&mut set);
            set
        })
    }

    /// Adds the rows of the saved values that are as a value of the same kind is wanted.
    fn add_saved(&self, wanted: &[Ordering], bound: &Plain, out: &mut Bits) {
        let Some(saved) = &self.saved else { return };
        let alike = saved.of_kind(bound.kind());
        let place = saved.place(bound);
        let equal = place < saved.len() && saved.value(place) == *bound;
        let behind = place + usize::from(equal);
        for order in wanted {
            let values = match order {
                Ordering::Less => alike.start..place,
                Ordering::Equal => place..behind,
                Ordering::Greater => behind..alike.end,
            };
            let rows = saved.rows_of(values);
            rows.iter().for_each(|&row| out.set(row, true));
        }
    }

    fn push(&mut self, path: &Path, row: u32, metadata: &Map<String, Value>) {
        path.any(metadata, &mut |found| {
            let Some(found) = found else {
                self.missing.push(row);
                return false;
            };
            self.present.push(row);
            if value::is_nested(found) {
                self.nested.push(row);
                let elements = found.as_array().map(Vec::as_slice).unwrap_or_default();
                let plain = elements.iter().filter(|value| !value::is_nested(value));
                plain.for_each(|value| self.push_plain(value, row));
            } else {
                self.push_plain(found, row);
            }
            false
        });
    }

    fn push_plain(&mut self, value: &Value, row: u32) {
        let rows = self.plain.entry(Plain(value.clone())).or_default();
        rows.push(row);
    }

    /// Adds the rows that pass; answers whether those in `nested` must be asked as well.
    fn rows_of(&self, test: &Test, out: &mut Bits) -> bool {
        match test {
            Test::Exists => self.present.add_to(out),
            Test::Equal(want) if value::is_nested(want) => return true,
            Test::Equal(want) => self.add(want, out),
            Test::Ordered(wanted, bound) => {
                if wanted.contains(&Ordering::Equal) {
                    self.add(bound, out);
                }
                let bound = Plain(bound.clone());
                let same_kind = |entry: &(&Plain, &Rows)| entry.0.kind() == bound.kind();
                if wanted.contains(&Ordering::Less) {
                    self.add_saved(&[Ordering::Less], &bound, out);
                    let below = (Bound::Unbounded, Bound::Excluded(&bound));
                    let below = self.plain.range(below).rev();
                    below
                        .take_while(same_kind)
                        .for_each(|(_, rows)| rows.add_to(out));
                }
                if wanted.contains(&Ordering::Greater) {
                    self.add_saved(&[Ordering::Greater], &bound, out);
                    let above = (Bound::Excluded(&bound), Bound::Unbounded);
                    let above = self.plain.range(above).take_while(same_kind);
                    above.for_each(|(_, rows)| rows.add_to(out));
                }
            }
            Test::In(values) => {
                self.add_in(values, out);
                return values.has_nested();
            }
        }
        false
    }

    /// Adds the rows with a plain value; a missing field is null.
    fn add(&self, want: &Value, out: &mut Bits) {
        if want.is_null() {
            self.missing.add_to(out);
        }
        let want = Plain(want.clone());
        self.add_saved(&[Ordering::Equal], &want, out);
        if let Some(rows) = self.plain.get(&want) {
            rows.add_to(out);
        }
    }

    fn add_in(&self, values: &Values, out: &mut Bits) {
        let saved = self.saved.as_ref().map_or(0, |saved| saved.len());
        if values.len() <= self.plain.len() + saved {
            return values.for_each_plain(&mut |value| self.add(value, out));
        }
        self.for_each(&mut |value, rows| {
            if values.contains(value) {
                rows(&mut |row| out.set(row, true));
            }
        });
        if values.contains(&Value::Null) {
            self.missing.add_to(out);
        }
    }
}

/// Columns of rows that are numbered from 0 in the order in which they come.
#[derive(Debug, Default)]
pub(crate) struct Columns(RwLock<All>);

#[derive(Debug, Default)]
struct All {
    made: BTreeMap<String, (Path, Column)>,
    /// Columns of an image that no filter has named yet.
    saved: BTreeMap<String, (Path, Arc<Saved>)>,
}

/// The rows that a filter is asked of.
pub(crate) struct Held<'a, 'm> {
    /// Those that hold a document.
    pub rows: &'a Bits,
    /// The metadata of each.
    pub metadata: &'a dyn Fn(u32) -> Option<Cow<'m, Map<String, Value>>>,
    /// Whether all that was asked for could be read. What could not be is not remembered.
    pub sound: &'a dyn Fn() -> bool,
}

impl Columns {
    /// What stands behind everything else of a part, as far as there is some: columns of the first
    /// so many rows, which are looked at when they are asked for.
    pub(crate) fn read(from: &mut Reader<'_>, rows: usize) -> Self {
        let saved = saved::read(from, rows).into_iter();
        let saved = saved.map(|(name, path, saved)| (name, (path, Arc::new(saved))));
        Self(RwLock::new(All {
            made: BTreeMap::new(),
            saved: saved.collect(),
        }))
    }

    /// Writes the columns of so many rows.
    pub(crate) fn write(
        &self,
        to: &mut Writer<'_>,
        rows: usize,
        held: &Held<'_, '_>,
    ) -> io::Result<()> {
        let waiting: Vec<(String, Path)> = {
            let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let waiting = all.saved.iter();
            waiting
                .map(|(name, saved)| (name.clone(), saved.0.clone()))
                .collect()
        };
        for (name, path) in waiting {
            self.restore(&name, &path, held, &|_| Bits::default());
        }
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let columns = all.made.iter().map(|(name, (_, column))| (name, column));
        saved::write(to, columns, rows, held.rows)
    }

    /// Takes note of a row that comes after all others.
    pub(crate) fn push(&mut self, row: u32, metadata: &Map<String, Value>) {
        let all = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (path, column) in all.made.values_mut() {
            column.push(path, row, metadata);
        }
    }

    /// Whether there is no column that must be told of rows.
    pub(crate) fn is_empty(&mut self) -> bool {
        let all = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        all.made.is_empty()
    }

    /// Forgets all columns: the rows have other numbers now.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The rows held that the filter lets through.
    pub(crate) fn matching(&self, filter: &Filter, held: &Held<'_, '_>) -> Bits {
        let mut rows = self.rows_of(&filter.node, held);
        rows.intersect(held.rows);
        rows
    }

    fn rows_of(&self, node: &Node, held: &Held<'_, '_>) -> Bits {
        match node {
            Node::All(nodes) => {
                let mut rows = held.rows.clone();
                for node in nodes {
                    rows.intersect(&self.rows_of(node, held));
                }
                rows
            }
            Node::Any(nodes) => {
                let mut rows = Bits::default();
                for node in nodes {
                    rows.unite(&self.rows_of(node, held));
                }
                rows
            }
            Node::Not(node) => {
                let mut rows = held.rows.clone();
                rows.subtract(&self.rows_of(node, held));
                rows
            }
            Node::Field(path, test) => self.field(node, path, test, held),
        }
    }

    fn field(&self, node: &Node, path: &Path, test: &Test, held: &Held<'_, '_>) -> Bits {
        let passes = |&row: &u32| (held.metadata)(row).is_some_and(|m| node.matches(&m));
        let name = path.to_string();
        let ask = |column: &Column| {
            let mut rows = Bits::default();
            if column.rows_of(test, &mut rows) {
                let mut nested = Bits::default();
                column.nested.add_to(&mut nested);
                nested.intersect(held.rows);
                nested
                    .iter()
                    .filter(passes)
                    .for_each(|row| rows.set(row, true));
            }
            rows
        };
        let full = {
            let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, column)) = all.made.get(&name) {
                return ask(column);
            }
            all.made.len() + all.saved.len() >= MOST_COLUMNS
        };
        if let Some(rows) = self.restore(&name, path, held, &ask) {
            return rows;
        }
        if full {
            return held.rows.iter().filter(passes).collect();
        }
        self.make(&name, path, Column::default(), 0, held, &ask)
    }

    /// Makes a column of what an image holds of it, and asks it; `None` if there is nothing good.
    fn restore(
        &self,
        name: &str,
        path: &Path,
        held: &Held<'_, '_>,
        ask: &dyn Fn(&Column) -> Bits,
    ) -> Option<Bits> {
        let saved = {
            let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&all.saved.get(name)?.1)
        };
        let Some(column) = Column::restored(&saved) else {
            let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
            all.saved.remove(name);
            return None;
        };
        Some(self.make(name, path, column, saved.rows, held, ask))
    }

    /// Adds the rows from `first` on to a column, asks it, and keeps it if all could be read.
    fn make(
        &self,
        name: &str,
        path: &Path,
        mut column: Column,
        first: u32,
        held: &Held<'_, '_>,
        ask: &dyn Fn(&Column) -> Bits,
    ) -> Bits {
        for row in held.rows.iter_from(first) {
            if let Some(metadata) = (held.metadata)(row) {
                column.push(path, row, &metadata);
            }
        }
        let rows = ask(&column);
        if !(held.sound)() {
            return rows;
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.saved.remove(name);
        all.made
            .entry(name.to_owned())
            .or_insert((path.clone(), column));
        rows
    }
}
