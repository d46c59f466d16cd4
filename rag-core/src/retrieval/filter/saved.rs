//! Columns in an image.
//!
//! Arrays, where there are columns: how many columns there are and of how many rows (`u64` each); for each the name of its path;
//! for each of its values, in order, of which kind it is (`u8`: null, false, true, a number as `i64`, as
//! `u64` or as `f64`, a string), its bits or where the bytes of a string end (`u64`), the strings end to
//! end, where the rows of a value end (`u64`) and these rows (`u32`); and as sets, a bit for each row,
//! those with something that nests, those with nothing, and those with something.
//!
//! A column is looked at when a filter first names it. One that is damaged is made of the documents
//! again, like one that was never there.

use super::columns::{Column, Plain};
use super::path::Path;
use crate::bytes::Read;
use crate::image::{Reader, Work, Writer};
use crate::kernel::Large;
use crate::retrieval::bits::Bits;
use serde_json::{Number, Value};
use std::io;
use std::ops::Range;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const SIGNED: u8 = 3;
const UNSIGNED: u8 = 4;
const FLOAT: u8 = 5;
const STRING: u8 = 6;

/// A column as it lies in an image.
#[derive(Debug)]
pub(super) struct Saved {
    /// Rows below this one are in it.
    pub(super) rows: u32,
    kinds: Large<u8>,
    bits: Large<u64>,
    strings: Large<u8>,
    ends: Large<u64>,
    listed: Large<u32>,
    nested: Large<u64>,
    missing: Large<u64>,
    present: Large<u64>,
}

/// The sets of rows of a column that was found good.
pub(super) struct Sets {
    pub(super) nested: Bits,
    pub(super) missing: Bits,
    pub(super) present: Bits,
}

impl Saved {
    /// Reads what [`write`] wrote; nothing of it was checked yet.
    fn read(arrays: &mut Reader<'_>, rows: u32) -> Read<Self> {
        Ok(Self {
            rows,
            kinds: Large::read(&arrays.array()?)?,
            bits: Large::read(&arrays.array()?)?,
            strings: Large::read(&arrays.array()?)?,
            ends: Large::read(&arrays.array()?)?,
            listed: Large::read(&arrays.array()?)?,
            nested: Large::read(&arrays.array()?)?,
            missing: Large::read(&arrays.array()?)?,
            present: Large::read(&arrays.array()?)?,
        })
    }

    /// Looks at all of it; `None` if it is damaged or cannot be a column.
    pub(super) fn check(&self) -> Option<Sets> {
        let rows = self.rows;
        let mut work = Work::default();
        let bytes = [&self.kinds, &self.strings];
        let longs = [
            &self.bits,
            &self.ends,
            &self.nested,
            &self.missing,
            &self.present,
        ];
        for array in bytes {
            array.check(&mut work, |_| Ok(()));
        }
        for array in longs {
            array.check(&mut work, |_| Ok(()));
        }
        self.listed.check(&mut work, move |listed| {
            match listed.iter().all(|&row| row < rows) {
                true => Ok(()),
                false => Err("a row that does not exist"),
            }
        });
        work.run().ok()?;
        let count = self.kinds.len();
        let ends = self.ends.last().copied().unwrap_or(0);
        let good = self.bits.len() == count
            && self.ends.len() == count
            && self.ends.is_sorted()
            && ends == self.listed.len() as u64;
        let mut before = None;
        for i in 0..if good { count } else { 0 } {
            let value = Plain(self.try_value(i)?);
            if before.is_some_and(|before| before >= value) {
                return None;
            }
            before = Some(value);
        }
        let set = |words: &Large<u64>| Bits::from_words(words.to_vec(), rows as usize);
        good.then_some(())?;
        Some(Sets {
            nested: set(&self.nested)?,
            missing: set(&self.missing)?,
            present: set(&self.present)?,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }

    /// The places in the order of the values of a kind, as [`Plain::kind`] has it.
    pub(super) fn of_kind(&self, kind: u8) -> Range<usize> {
        let (first, last) = match kind {
            0 => (NULL, NULL),
            1 => (FALSE, TRUE),
            2 => (SIGNED, FLOAT),
            _ => (STRING, STRING),
        };
        let start = self.kinds.partition_point(|&kind| kind < first);
        let end = self.kinds.partition_point(|&kind| kind <= last);
        start..end.max(start)
    }

    /// The value at a place of the order.
    pub(super) fn value(&self, i: usize) -> Plain {
        // Found good by `check`.
        Plain(self.try_value(i).unwrap_or_default())
    }

    fn try_value(&self, i: usize) -> Option<Value> {
        let bits = *self.bits.get(i)?;
        Some(match *self.kinds.get(i)? {
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            SIGNED => Value::from(bits as i64),
            UNSIGNED => Value::from(bits),
            FLOAT => Value::Number(Number::from_f64(f64::from_bits(bits))?),
            STRING => {
                // What stands in front of a string is another one, or nothing that has an end.
                let start = match i.checked_sub(1) {
                    Some(before) if self.kinds[before] == STRING => self.bits[before],
                    _ => 0,
                };
                let range = usize::try_from(start).ok()?..usize::try_from(bits).ok()?;
                Value::from(std::str::from_utf8(self.strings.get(range)?).ok()?)
            }
            _ => return None,
        })
    }

    /// The rows of the values at some places of the order.
    pub(super) fn rows_of(&self, values: Range<usize>) -> &[u32] {
        let end = |i: usize| i.checked_sub(1).map_or(0, |i| self.ends[i] as usize);
        let range = end(values.start)..end(values.end);
        self.listed.get(range).unwrap_or_default()
    }

    /// The first place in the order at which a value is not below another one.
    pub(super) fn place(&self, of: &Plain) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.value(middle) < *of {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }
}

/// Reads the columns behind everything else of a part, as far as there are some, of so many rows.
pub(super) fn read(from: &mut Reader<'_>, rows: usize) -> Vec<(String, Path, Saved)> {
    let mut all = Vec::new();
    let Ok([count, of]) = from.fixed::<u64, 2>() else {
        return all;
    };
    let Some(rows) = u32::try_from(rows)
        .ok()
        .filter(|&rows| u64::from(rows) == of)
    else {
        return all;
    };
    for _ in 0..count.min(super::columns::MOST_COLUMNS as u64) {
        let mut arrays = from.clone();
        if from.skip(ARRAYS).is_err() {
            break;
        }
        let name = arrays.vec::<u8>().ok().map(String::from_utf8);
        let Some(Ok(name)) = name else { continue };
        let path = Path::parse(&name).filter(|path| path.to_string() == name);
        if let (Some(path), Ok(saved)) = (path, Saved::read(&mut arrays, rows)) {
            all.push((name, path, saved));
        }
    }
    all
}

/// Arrays of a column.
const ARRAYS: usize = 9;

/// Writes columns of so many rows, of which `alive` hold something.
pub(super) fn write<'c>(
    to: &mut Writer<'_>,
    columns: impl ExactSizeIterator<Item = (&'c String, &'c Column)>,
    rows: usize,
    alive: &Bits,
) -> io::Result<()> {
    if columns.len() == 0 {
        return Ok(());
    }
    to.array(&[columns.len() as u64, rows as u64])?;
    for (name, column) in columns {
        to.array(name.as_bytes())?;
        let (mut kinds, mut bits, mut strings) = (Vec::new(), Vec::new(), Vec::new());
        let (mut ends, mut listed) = (Vec::new(), Vec::<u32>::new());
        column.for_each(&mut |value, rows| {
            let before = listed.len();
            rows(&mut |row| {
                if alive.has(row) {
                    listed.push(row);
                }
            });
            if listed.len() == before {
                return;
            }
            ends.push(listed.len() as u64);
            let (kind, number) = match value {
                Value::Bool(false) => (FALSE, 0),
                Value::Bool(true) => (TRUE, 0),
                Value::Number(n) => match (n.as_i64(), n.as_u64()) {
                    (Some(n), _) => (SIGNED, n as u64),
                    (None, Some(n)) => (UNSIGNED, n),
                    (None, None) => (FLOAT, n.as_f64().unwrap_or_default().to_bits()),
                },
                Value::String(s) => {
                    strings.extend_from_slice(s.as_bytes());
                    (STRING, strings.len() as u64)
                }
                _ => (NULL, 0),
            };
            kinds.push(kind);
            bits.push(number);
        });
        to.array(&kinds)?;
        to.array(&bits)?;
        to.array(&strings)?;
        to.array(&ends)?;
        to.array(&listed)?;
        for set in column.sets() {
            to.array(set.words())?;
        }
    }
    Ok(())
}
