//! The metadata that filters ask about, by value: which rows have it.
//!
//! The one idea: a test is asked about a value once, not about every row that has the value. A
//! column is made when a filter first names its path, out of the very values that
//! [`Filter::matches`] would look at, so both answer the same. Values that nest are not put in
//! order; where a test is about such, the rows that have some are asked one by one.

use super::path::Path;
use super::value::{self, Values};
use super::{Filter, Node, Test};
use crate::retrieval::bits::Bits;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

/// Columns that are kept; what other paths ask is asked of every row.
const MOST_COLUMNS: usize = 64;
/// A value that one row in so many has, and at least so many rows, is kept as bits.
const DENSE: usize = 16;
const ENOUGH: usize = 64;

/// A value that does not nest, ordered by type and then as filters order it.
#[derive(Clone, Debug)]
struct Plain(Value);

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
}

/// What stands at the end of one path, over all rows.
#[derive(Clone, Debug, Default)]
struct Column {
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
                    let below = (Bound::Unbounded, Bound::Excluded(&bound));
                    let below = self.plain.range(below).rev();
                    below
                        .take_while(same_kind)
                        .for_each(|(_, rows)| rows.add_to(out));
                }
                if wanted.contains(&Ordering::Greater) {
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
        if let Some(rows) = self.plain.get(&Plain(want.clone())) {
            rows.add_to(out);
        }
    }

    fn add_in(&self, values: &Values, out: &mut Bits) {
        if values.len() > self.plain.len() {
            let held = self.plain.iter();
            held.filter(|(value, _)| values.contains(&value.0))
                .for_each(|(_, rows)| rows.add_to(out));
            if values.contains(&Value::Null) {
                self.missing.add_to(out);
            }
            return;
        }
        values.for_each_plain(&mut |value| self.add(value, out));
    }
}

/// Columns of rows that are numbered from 0 in the order in which they come.
#[derive(Debug, Default)]
pub(crate) struct Columns(RwLock<HashMap<String, (Path, Column)>>);

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
    /// Takes note of a row that comes after all others.
    pub(crate) fn push(&mut self, row: u32, metadata: &Map<String, Value>) {
        let columns = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (path, column) in columns.values_mut() {
            column.push(path, row, metadata);
        }
    }

    /// Whether no path was asked about yet.
    pub(crate) fn is_empty(&mut self) -> bool {
        let columns = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        columns.is_empty()
    }

    /// Forgets all columns: the rows have other numbers now.
    pub(crate) fn clear(&mut self) {
        let columns = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        columns.clear();
    }

    /// The rows held that the filter lets through.
    pub(crate) fn matching(&self, filter: &Filter, held: &Held<'_, '_>) -> Bits {
        let mut rows = self.rows_of(&filter.0, held);
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
            let columns = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, column)) = columns.get(&name) {
                return ask(column);
            }
            columns.len() >= MOST_COLUMNS
        };
        if full {
            return held.rows.iter().filter(passes).collect();
        }
        let mut column = Column::default();
        for row in held.rows.iter() {
            if let Some(metadata) = (held.metadata)(row) {
                column.push(path, row, &metadata);
            }
        }
        let rows = ask(&column);
        if !(held.sound)() {
            return rows;
        }
        let mut columns = self.0.write().unwrap_or_else(PoisonError::into_inner);
        columns.entry(name).or_insert((path.clone(), column));
        rows
    }
}
