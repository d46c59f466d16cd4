//! Float32 rows from a file of NumPy's.

use crate::collection::Result;
use std::path::Path;

/// The floats in a row, and all rows.
pub fn read(path: &Path) -> Result<(usize, Vec<f32>)> {
    let bytes = std::fs::read(path)?;
    let header = bytes.get(..10).ok_or("not a file of NumPy's")?;
    let start = 10 + usize::from(u16::from_le_bytes([header[8], header[9]]));
    let text = String::from_utf8_lossy(bytes.get(10..start).unwrap_or_default()).into_owned();
    if !header.starts_with(b"\x93NUMPY\x01") || !text.contains("'<f4'") || text.contains("True") {
        return Err("expected a file of float32 rows in C order".into());
    }
    let shape = text.split('(').nth(1).and_then(|s| s.split(')').next());
    let shape: Vec<usize> = shape
        .unwrap_or_default()
        .split(',')
        .filter_map(|n| n.trim().parse().ok())
        .collect();
    let [rows, dim] = shape[..] else {
        return Err("expected an array with two axes".into());
    };
    let (floats, _) = bytes[start..].as_chunks::<4>();
    let data: Vec<f32> = floats.iter().map(|b| f32::from_le_bytes(*b)).collect();
    match data.len() == rows * dim && dim > 0 {
        true => Ok((dim, data)),
        false => Err("the file is cut off".into()),
    }
}
