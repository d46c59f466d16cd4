//! The compiled-in file: a header, then the sections one after the other.
//!
//! `model/README.md` describes the bytes. The codes are read where they lie and only when a text
//! needs them. For the same reason the checksum is left to a test: a compiled-in file cannot be
//! damaged without the program being so.

use super::super::wordpiece::WordPiece;
use super::sum::{MAX_DIM, MAX_MULTIPLIER};
use crate::error::{Error, ErrorKind, Result};

const MAGIC: &[u8; 8] = b"RAGSTAT\0";
const VERSION: u32 = 1;
const HEADER: usize = 64;

/// The sections of a model file.
pub(super) struct Blob<'a> {
    pub(super) fingerprint: u64,
    pub(super) dim: usize,
    pub(super) vocabulary: WordPiece<'a>,
    /// The two rows of each pair, `left << 16 | right`, ascending.
    pub(super) pairs: Vec<u32>,
    /// One weight for each row: pieces, pairs, and last the empty text.
    pub(super) multipliers: Vec<u16>,
    /// `dim / 2` bytes for each row.
    pub(super) codes: &'a [u8],
}

impl<'a> Blob<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let damaged = |what: &str| {
            Error::new(
                ErrorKind::Corrupt,
                format!("the static model is damaged: {what}"),
            )
        };
        let header: &[u8; HEADER] = bytes
            .first_chunk()
            .ok_or_else(|| damaged("it is shorter than its header"))?;
        if &header[..8] != MAGIC {
            return Err(damaged("it does not start with its magic number"));
        }
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| header[at + i]));
        if word(8) != VERSION {
            return Err(Error::new(
                ErrorKind::FormatVersion,
                format!(
                    "the static model has format {}, this version reads {VERSION}",
                    word(8)
                ),
            ));
        }
        let [dim, pieces, pairs, letters] = [24, 28, 32, 36].map(|at| word(at) as usize);
        if dim == 0 || dim % 32 != 0 || dim > MAX_DIM || pieces == 0 {
            return Err(damaged("its sizes make no sense"));
        }
        let rows = pieces.saturating_add(pairs).saturating_add(1);
        let mut rest = &bytes[HEADER..];
        let mut section = |length: Option<usize>| {
            let (head, tail) = length.and_then(|length| rest.split_at_checked(length))?;
            rest = tail;
            Some(head)
        };
        let short = || damaged("it is too short");
        let lengths = section(Some(pieces)).ok_or_else(short)?;
        let text = section(Some(letters)).ok_or_else(short)?;
        let keys = section(pairs.checked_mul(4)).ok_or_else(short)?;
        let multipliers = section(rows.checked_mul(2)).ok_or_else(short)?;
        let codes = section(rows.checked_mul(dim / 2)).ok_or_else(short)?;
        let multipliers: Vec<u16> = multipliers
            .as_chunks()
            .0
            .iter()
            .map(|b| u16::from_le_bytes(*b))
            .collect();
        if multipliers.iter().any(|&m| m > MAX_MULTIPLIER) {
            return Err(damaged("a row weighs too much"));
        }
        Ok(Blob {
            fingerprint: u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| header[16 + i])),
            dim,
            vocabulary: WordPiece::of_lengths(lengths, text)
                .ok_or_else(|| damaged("its vocabulary does not fit its sizes"))?,
            pairs: keys
                .as_chunks()
                .0
                .iter()
                .map(|b| u32::from_le_bytes(*b))
                .collect(),
            multipliers,
            codes,
        })
    }
}
