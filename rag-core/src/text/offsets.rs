//! Byte offsets to code-point offsets and back: Rust counts bytes, Python counts characters.

use crate::error::{Error, Result};

/// Converts ascending byte offsets of `text` to offsets in code points, in one pass.
///
/// With them, `text[start:end]` in Python is what `&text[start..end]` is here. Fails with
/// `InvalidArgument` if an offset is past the end, inside a character, or smaller than the one
/// before it.
///
/// ```
/// use rag_core::text::code_points;
/// assert_eq!(code_points("né 🙂!", &[0, 1, 3, 4, 8, 8]).unwrap(), [0, 1, 2, 3, 4, 4]);
/// assert!(code_points("é", &[1]).is_err());
/// ```
pub fn code_points(text: &str, offsets: &[usize]) -> Result<Vec<usize>> {
    let (mut byte, mut point) = (0, 0);
    offsets
        .iter()
        .map(|&offset| {
            let Some(piece) = text.get(byte..offset) else {
                return Err(Error::invalid(format!(
                    "offset {offset} is not a character boundary between {byte} and {}; give \
                     ascending byte offsets of this text",
                    text.len()
                )));
            };
            byte = offset;
            point += piece.chars().count();
            Ok(point)
        })
        .collect()
}

/// Converts offsets in code points of `text`, in any order, to offsets in bytes.
///
/// `InvalidArgument` for one past the end.
///
/// ```
/// use rag_core::text::byte_offsets;
/// assert_eq!(byte_offsets("né 🙂!", &[4, 0, 2]).unwrap(), [8, 0, 3]);
/// assert!(byte_offsets("é", &[2]).is_err());
/// ```
pub fn byte_offsets(text: &str, offsets: &[usize]) -> Result<Vec<usize>> {
    let mut order: Vec<usize> = (0..offsets.len()).collect();
    order.sort_unstable_by_key(|i| offsets[*i]);
    let mut found = vec![0; offsets.len()];
    let (mut byte, mut point) = (0, 0);
    for i in order {
        while point < offsets[i] {
            let Some(c) = text[byte..].chars().next() else {
                return Err(Error::invalid(format!(
                    "offset {} is beyond a text of {point} characters; give offsets of this text",
                    offsets[i]
                )));
            };
            byte += c.len_utf8();
            point += 1;
        }
        found[i] = byte;
    }
    Ok(found)
}
