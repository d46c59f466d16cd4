//! The records of a log where they are, read as they are needed.
//!
//! Opening looks at none of them. Each is checked when it is first read, and never again: what a log
//! holds is not written over.

use super::log;
use crate::disk::Bytes;
use crate::error::{Error, Result};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Bytes for which there is one mark: nothing else begins between two records' beginnings.
const LINE: usize = 64;

/// The bytes of a log as it was when it was opened.
#[derive(Debug)]
pub(crate) struct Records {
    bytes: Box<dyn Bytes>,
    header: log::Header,
    path: PathBuf,
    /// A bit for each line at which a record begins that was found whole.
    checked: Vec<AtomicU64>,
    /// Where the records end that were found at opening: nothing behind is read through these.
    end: AtomicUsize,
}

impl Records {
    pub(super) fn new(bytes: Box<dyn Bytes>, header: log::Header, path: PathBuf) -> Self {
        let lines = bytes.bytes().len() / LINE;
        let checked = std::iter::repeat_with(AtomicU64::default);
        Self {
            checked: checked.take(lines.div_ceil(64)).collect(),
            end: AtomicUsize::new(bytes.bytes().len()),
            bytes,
            header,
            path,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let bytes = self.bytes.bytes();
        &bytes[..self.end.load(Ordering::Relaxed).min(bytes.len())]
    }

    /// Everything that the file held, what is behind the records too.
    pub(super) fn all(&self) -> &[u8] {
        self.bytes.bytes()
    }

    /// Says where the records end. Behind it a writer may write, or have made the file shorter: an
    /// image that was made up must not lead there.
    pub(super) fn end_at(&self, end: u64) {
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        self.end.store(end, Ordering::Relaxed);
    }

    /// The payload of the record that begins at a place of the log, a multiple of 64; `Corrupt` if it
    /// is damaged.
    pub(crate) fn payload(&self, at: u64) -> Result<&[u8]> {
        if self.again(at, 0, 0).is_some() {
            let length = log::length(&self.bytes()[at as usize..]);
            if let Some(payload) = length.and_then(|length| self.again(at, 0, length)) {
                return Ok(payload);
            }
        }
        let from = usize::try_from(at).ok();
        let from = from.and_then(|at| self.bytes().get(at..));
        let found = from.and_then(|from| log::payload_at(from, self.header, at));
        let Some((payload, _)) = found else {
            return Err(Error::corrupt(
                &self.path,
                at,
                "a record does not match its checksum",
            ));
        };
        let line = at as usize / LINE;
        self.checked[line / 64].fetch_or(1 << (line % 64), Ordering::Relaxed);
        Ok(payload)
    }

    /// Bytes of a payload, of which they are a part from `from` on, if its record was found whole
    /// before and reaches so far: the quick way of those who look at one again and again.
    #[inline]
    pub(crate) fn again(&self, at: u64, from: usize, len: usize) -> Option<&[u8]> {
        let line = at as usize / LINE;
        let mark = self.checked.get(line / 64)?.load(Ordering::Relaxed);
        if mark >> (line % 64) & 1 == 0 {
            return None;
        }
        self.bytes()
            .get(at as usize + log::RECORD + from..)?
            .get(..len)
    }
}
