//! The file of a dense index.
//!
//! Payload, little-endian: metric `u8`, precision `u8`, two zero bytes, dim `u32`, seed `u64`,
//! count `u64`, keys `u64 * count` ascending, vectors `f32 * count * dim` in the order of the
//! keys.

use super::Metric;
use super::index::{DenseIndex, DenseOptions, DensePrecision, NO_KEY};
use crate::error::{Error, Result};
use crate::file;
use crate::matrix::Rows;
use std::path::Path;

const KIND: &str = "dense";
const VERSION: u32 = 1;
const HEADER: usize = 24;
/// Bytes that a file may have: 1 TiB.
const LIMIT: u64 = 1 << 40;

pub(super) fn save(index: &DenseIndex, path: &Path) -> Result<()> {
    file::save(path, KIND, VERSION, &to_bytes(index))
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

fn to_bytes(index: &DenseIndex) -> Vec<u8> {
    let keys = index.keys();
    let mut bytes = Vec::with_capacity(HEADER + keys.len() * (8 + 4 * index.dim()));
    let options = index.options();
    bytes.push(place(Metric::ALL, options.metric));
    bytes.push(place(DensePrecision::ALL, options.precision));
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(&(index.dim() as u32).to_le_bytes());
    bytes.extend_from_slice(&options.seed.to_le_bytes());
    bytes.extend_from_slice(&(keys.len() as u64).to_le_bytes());
    for key in &keys {
        bytes.extend_from_slice(&key.to_le_bytes());
    }
    for &key in &keys {
        for x in index.vector(key).unwrap_or_default() {
            bytes.extend_from_slice(&x.to_le_bytes());
        }
    }
    bytes
}

fn from_bytes(bytes: &[u8], path: &Path) -> Result<DenseIndex> {
    let corrupt = |at: usize, found: &str| Error::corrupt(path, at as u64, found);
    let Some((header, body)) = bytes.split_at_checked(HEADER) else {
        return Err(corrupt(bytes.len(), "the header is cut off"));
    };
    let long = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
    let dim = u32::from_le_bytes(header[4..8].try_into().expect("four bytes")) as usize;
    let (Some(&metric), Some(&precision), [0, 0]) = (
        Metric::ALL.get(usize::from(header[0])),
        DensePrecision::ALL.get(usize::from(header[1])),
        &header[2..4],
    ) else {
        return Err(corrupt(0, "an unknown metric or precision"));
    };
    let options = DenseOptions::default()
        .metric(metric)
        .precision(precision)
        .seed(long(8));
    let mut index =
        DenseIndex::new(dim, &options).map_err(|_| corrupt(4, "a dimension that no index has"))?;
    let each = 8 + 4 * dim as u64;
    let count = long(16);
    if count.checked_mul(each) != Some(body.len() as u64) {
        return Err(corrupt(
            16,
            "the number of vectors does not fit the file's length",
        ));
    }
    let (keys, floats) = body.split_at(8 * count as usize);
    let (keys, _) = keys.as_chunks::<8>();
    let keys: Vec<u64> = keys.iter().map(|b| u64::from_le_bytes(*b)).collect();
    if !keys.is_sorted_by(|a, b| a < b) || keys.last() == Some(&NO_KEY) {
        return Err(corrupt(HEADER, "the keys do not ascend"));
    }
    let (floats, _) = floats.as_chunks::<4>();
    let floats: Vec<f32> = floats.iter().map(|b| f32::from_le_bytes(*b)).collect();
    index
        .add(&keys, Rows::new(&floats, dim)?)
        .map_err(|e| corrupt(HEADER + 8 * keys.len(), e.message()))?;
    // Vectors are written as they are kept; one that keeping would change was not written here.
    let kept = |(key, row): (&u64, &[f32])| index.vector(*key).as_deref() == Some(row);
    if !keys.iter().zip(floats.chunks_exact(dim)).all(kept) {
        let at = HEADER + 8 * keys.len();
        return Err(corrupt(at, "a vector is not of unit length"));
    }
    Ok(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> DenseIndex {
        let mut index = DenseIndex::new(2, &DenseOptions::default().seed(5)).unwrap();
        let vectors = [1.0, 2.0, -3.0, 0.5, 0.1, 0.7];
        index
            .add(&[9, 4, 6], Rows::new(&vectors, 2).unwrap())
            .unwrap();
        index
    }

    #[test]
    fn bytes_do_not_depend_on_the_history() {
        let mut index = sample();
        let good = to_bytes(&index);
        let v = index.vector(9).unwrap().to_vec();
        index.remove(&[9]).unwrap();
        index.add(&[9], Rows::single(&v).unwrap()).unwrap();
        assert_eq!(to_bytes(&index), good);
        let again = from_bytes(&good, Path::new("memory")).unwrap();
        assert_eq!(to_bytes(&again), good);
        assert_eq!(again.options().seed, 5);
    }

    #[test]
    fn hostile_bytes_are_refused_or_make_a_sound_index() {
        let good = to_bytes(&sample());
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
                    assert_eq!(to_bytes(&index), bad);
                }
            }
        }
    }
}
