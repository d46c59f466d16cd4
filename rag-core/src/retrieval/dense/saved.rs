//! The file of a dense index.
//!
//! Payload, little-endian: metric `u8`, precision `u8`, form `u8`, a zero byte, dim `u32`, seed
//! `u64`, count `u64`. Form 0, few vectors: keys `u64 * count` ascending, vectors `f32 * count *
//! dim` in their order. Form 1, codes and a graph: for each of `count` slots its key `u64` and
//! whether it holds it `u8`; the slots that wait to be linked (a list: `u32`, then as many); the
//! mean `f32 * dim`, the lifted and the largest squared length; four-bit codes, rests of eight
//! bits, `f32 * 4` of meaning for each slot; a list of links for each; the lists of entry points,
//! of the dead and of those that are led around; how many are linked, for how many entry points
//! were chosen, how far the sweep is (`u64 * 3`); and the vectors, where they are kept.

use super::Metric;
use super::index::{DenseIndex, DenseOptions, DensePrecision, NO_KEY, keeping};
use super::slots::Slots;
pub(super) use crate::bytes::{Reader, Writer};
use crate::error::{Error, Result};
use crate::file;
use crate::matrix::Rows;
use std::path::Path;

const KIND: &str = "dense";
const VERSION: u32 = 2;
const HEADER: usize = 24;
/// Bytes that a file may have: 1 TiB.
const LIMIT: u64 = 1 << 40;

pub(super) fn save(index: &DenseIndex, path: &Path) -> Result<()> {
    let bytes = to_bytes(&*index.slots()?, index.options());
    file::save(path, KIND, VERSION, &bytes)
}

pub(super) fn open(path: &Path) -> Result<DenseIndex> {
    let (_, payload) = file::load(path, KIND, VERSION, LIMIT)?;
    from_bytes(&payload, path)
}

fn place<T: PartialEq>(all: &[T], one: T) -> u8 {
    all.iter()
        .position(|x| *x == one)
        .map_or(u8::MAX, |i| i as u8)
}

fn to_bytes(slots: &Slots<u64>, options: &DenseOptions) -> Vec<u8> {
    let mut body = Writer::default();
    let coded = slots.to_bytes(&mut body);
    let mut to = Writer::default();
    to.byte(place(Metric::ALL, options.metric));
    to.byte(place(DensePrecision::ALL, options.precision));
    to.bytes(&[u8::from(coded), 0]);
    to.word(slots.dim() as u32);
    to.long(options.seed);
    to.long(if coded { slots.count() } else { slots.len() } as u64);
    if coded {
        to.bytes(&body.finish());
        return to.finish();
    }
    let mut held: Vec<(u64, u32)> = slots.held().map(|(slot, key)| (key, slot)).collect();
    held.sort_unstable();
    held.iter().for_each(|&(key, _)| to.long(key));
    for &(_, slot) in &held {
        to.floats(slots.at(slot));
    }
    to.finish()
}

fn from_bytes(bytes: &[u8], path: &Path) -> Result<DenseIndex> {
    let corrupt = |at: usize, found: &str| Error::corrupt(path, at as u64, found);
    let Some((header, body)) = bytes.split_at_checked(HEADER) else {
        return Err(corrupt(bytes.len(), "the header is cut off"));
    };
    let long = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
    let dim = u32::from_le_bytes(header[4..8].try_into().expect("four bytes")) as usize;
    let (Some(&metric), Some(&precision), [coded @ (0 | 1), 0]) = (
        Metric::ALL.get(usize::from(header[0])),
        DensePrecision::ALL.get(usize::from(header[1])),
        &header[2..4],
    ) else {
        return Err(corrupt(0, "an unknown metric, precision or form"));
    };
    let options = DenseOptions::default()
        .metric(metric)
        .precision(precision)
        .seed(long(8));
    let index =
        DenseIndex::new(dim, &options).map_err(|_| corrupt(4, "a dimension that no index has"))?;
    let mut reader = Reader::new(body);
    let index = match coded {
        1 => read_coded(&index, long(16), &mut reader),
        _ => read_vectors(index, long(16), &mut reader),
    };
    let at = bytes.len() - reader.left();
    let index = index.map_err(|found| corrupt(at, &found))?;
    match reader.left() {
        0 => Ok(index),
        _ => Err(corrupt(at, "bytes behind the end")),
    }
}

fn read_coded(
    index: &DenseIndex,
    count: u64,
    from: &mut Reader<'_>,
) -> std::result::Result<DenseIndex, String> {
    let count = usize::try_from(count).map_err(|_| "more slots than there can be")?;
    let (dim, options) = (index.dim(), index.options().clone());
    let slots = Slots::from_bytes(dim, options.metric, keeping(&options), count, from)?;
    match slots.slot(NO_KEY) {
        Some(_) => Err(format!("key {NO_KEY}, which stands for no hit")),
        None => Ok(DenseIndex::with_slots(dim, options, slots)),
    }
}

fn read_vectors(
    index: DenseIndex,
    count: u64,
    from: &mut Reader<'_>,
) -> std::result::Result<DenseIndex, String> {
    let dim = index.dim();
    let each = 8 + 4 * dim as u64;
    if count.checked_mul(each) != Some(from.left() as u64) {
        return Err("the number of vectors does not fit the file's length".into());
    }
    let keys = from.arrays::<8>(count as usize)?.iter();
    let keys: Vec<u64> = keys.map(|b| u64::from_le_bytes(*b)).collect();
    if !keys.is_sorted_by(|a, b| a < b) || keys.last() == Some(&NO_KEY) {
        return Err("the keys do not ascend".into());
    }
    let floats = from.floats(keys.len() * dim)?;
    let rows = Rows::new(&floats, dim).map_err(|e| e.message().to_string())?;
    (index.add(&keys, rows)).map_err(|e| e.message().to_string())?;
    // Vectors are written as they are kept; one that keeping would change was not written here.
    let sound = {
        let slots = index.slots().map_err(|e| e.message().to_string())?;
        let kept = |(key, row): (&u64, &[f32])| slots.vector(*key).as_deref() == Some(row);
        slots.whole() && keys.iter().zip(floats.chunks_exact(dim)).all(kept)
    };
    match sound {
        true => Ok(index),
        false => Err("a vector is not of unit length, or there are too many without codes".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> DenseIndex {
        let index = DenseIndex::new(2, &DenseOptions::default().seed(5)).unwrap();
        let vectors = [1.0, 2.0, -3.0, 0.5, 0.1, 0.7];
        index
            .add(&[9, 4, 6], Rows::new(&vectors, 2).unwrap())
            .unwrap();
        index
    }

    fn bytes(index: &DenseIndex) -> Vec<u8> {
        super::to_bytes(&index.slots().unwrap(), index.options())
    }

    #[test]
    fn bytes_do_not_depend_on_the_history() {
        let index = sample();
        let good = bytes(&index);
        let v = index.vector(9).unwrap().unwrap();
        index.remove(&[9]).unwrap();
        index.add(&[9], Rows::single(&v).unwrap()).unwrap();
        assert_eq!(bytes(&index), good);
        let again = from_bytes(&good, Path::new("memory")).unwrap();
        assert_eq!(bytes(&again), good);
        assert_eq!(again.options().seed, 5);
    }

    #[test]
    fn hostile_bytes_are_refused_or_make_a_sound_index() {
        let good = bytes(&sample());
        let path = Path::new("memory");
        for cut in 0..good.len() {
            let error = from_bytes(&good[..cut], path).unwrap_err();
            assert_eq!(error.kind().name(), "corrupt", "cut at {cut}");
        }
        for at in 0..good.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                if let Ok(index) = from_bytes(&bad, path) {
                    assert_eq!(bytes(&index), bad);
                }
            }
        }
    }
}
