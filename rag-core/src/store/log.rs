//! The append-only log: records with length, checksum and sequence number.
//!
//! Layout, little-endian. Header, 64 bytes: magic `RAGLOG\0\0`, version `u32`, feature bits `u32`
//! (0), store id `u128`, generation `u64`, zeros, CRC-32 of the first 60 bytes `u32`. Record:
//! payload length `u64`, sequence `u64`, synced `u64`, CRC-32 of these three `u32`, CRC-32 of the
//! payload `u32`, payload. Sequences ascend by one, so that a missing record is noticed. Where the
//! top bit of the length is set, the next record belongs to this one: they are there together or
//! not at all.
//!
//! `synced` is how much of the log was on disk when the record was written. So a crash and damage
//! are told apart: what a later record, or the manifest, calls synced was whole once; what neither
//! does may have been lost with the power, together with all that comes after it.

use crate::error::{Error, ErrorKind, Result};
use std::path::Path;

pub(super) const HEADER: usize = 64;
pub(super) const RECORD: usize = 32;
const MAGIC: &[u8; 8] = b"RAGLOG\0\0";
pub(super) const VERSION: u32 = 2;
/// Set in the length of a record to which the next one belongs.
const MORE: u64 = 1 << 63;

/// What the header of a log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) store: u128,
    pub(super) generation: u64,
}

impl Header {
    pub(super) fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.store.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.generation.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let Some(head) = bytes.first_chunk::<HEADER>() else {
            let found = format!("{} bytes, fewer than the header's {HEADER}", bytes.len());
            return Err(Error::corrupt(path, bytes.len() as u64, found));
        };
        if &head[..8] != MAGIC {
            return Err(Error::corrupt(path, 0, "it does not begin like a log"));
        }
        if crc32fast::hash(&head[..60]) != u32_at(head, 60) {
            return Err(Error::corrupt(
                path,
                60,
                "the header's checksum does not match",
            ));
        }
        let (version, features) = (u32_at(head, 8), u32_at(head, 12));
        if version != VERSION || features != 0 {
            return Err(Error::new(
                ErrorKind::FormatVersion,
                format!(
                    "{} is a log of format {version} (features {features:#x}), this release reads \
                     {VERSION}; use the release that wrote it, or a newer one",
                    path.display()
                ),
            )
            .with_file(path));
        }
        Ok(Self {
            store: u128::from_le_bytes(head[16..32].try_into().expect("sixteen bytes")),
            generation: u64_at(head, 32),
        })
    }
}

/// Appends one record to `out`; with `more` the next one belongs to it.
pub(super) fn frame(out: &mut Vec<u8>, sequence: u64, synced: u64, payload: &[u8], more: bool) {
    let start = out.len();
    let length = payload.len() as u64 | if more { MORE } else { 0 };
    for number in [length, sequence, synced] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    let crc = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// What was found when a log was read from front to back.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub(super) header: Header,
    pub(super) found: Found<'a>,
}

/// Whole records, with all that belong to each.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) records: Vec<&'a [u8]>,
    /// The sequence of the next record.
    pub(super) next: u64,
    /// Where the last whole record ends; after it lies an unfinished write, or nothing.
    pub(super) end: usize,
}

/// Reads every record of a log of which so much was certainly `synced`. A record that is cut short
/// or does not match its checksum ends the log if it lies behind that and no later record says that
/// it was on disk; else it is `Corrupt`.
pub(super) fn scan<'a>(bytes: &'a [u8], synced: u64, path: &Path) -> Result<Scan<'a>> {
    let header = Header::parse(bytes, path)?;
    if (bytes.len() as u64) < synced {
        let found = format!("it ends there, and {synced} bytes of it were on disk");
        return Err(Error::corrupt(path, bytes.len() as u64, found));
    }
    let found = whole_records(bytes, HEADER, 0);
    let (at, next) = (found.end, found.next);
    if (at as u64) < synced || later_calls_it_synced(bytes, at, next) {
        let found = format!("record {next} does not match its checksum");
        return Err(Error::corrupt(path, at as u64, found));
    }
    Ok(Scan { header, found })
}

/// The records from `at` on, of which the first has the sequence `next`, as far as they are whole.
pub(super) fn whole_records(bytes: &[u8], at: usize, next: u64) -> Found<'_> {
    let mut found = Found {
        records: Vec::new(),
        next,
        end: at,
    };
    let (mut at, mut next, mut whole) = (at, next, 0);
    while let Some((payload, more)) = whole_record(&bytes[at..], next) {
        found.records.push(payload);
        at += RECORD + payload.len();
        next += 1;
        if !more {
            (found.end, found.next, whole) = (at, next, found.records.len());
        }
    }
    found.records.truncate(whole);
    found
}

/// The payload of what stands at the beginning of `bytes`, if it is whole and of that sequence,
/// and whether the next record belongs to it.
fn whole_record(bytes: &[u8], sequence: u64) -> Option<(&[u8], bool)> {
    let head = bytes.first_chunk::<RECORD>()?;
    if !is_head(head) || u64_at(head, 8) != sequence {
        return None;
    }
    let length = u64_at(head, 0);
    let payload = bytes[RECORD..].get(..usize::try_from(length & !MORE).ok()?)?;
    let good = crc32fast::hash(payload) == u32_at(head, 28);
    good.then_some((payload, length & MORE != 0))
}

fn is_head(head: &[u8]) -> bool {
    crc32fast::hash(&head[..24]) == u32_at(head, 24)
}

/// Whether the head of a record behind `at` says that the bytes there were on disk when it was
/// written. A crash loses what was not, and in any order.
fn later_calls_it_synced(bytes: &[u8], at: usize, sequence: u64) -> bool {
    let tail = &bytes[at..];
    (1..tail.len().saturating_sub(RECORD - 1)).any(|i| {
        let (found, synced) = (u64_at(tail, i + 8), u64_at(tail, i + 16));
        // Numbers first, because few bytes look like these and a checksum takes longer.
        found > sequence
            && found - sequence < 1 << 32
            && synced > at as u64
            && synced <= (at + i) as u64
            && is_head(&tail[i..i + RECORD])
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(payloads: &[&[u8]]) -> Vec<u8> {
        let header = Header {
            store: 7,
            generation: 1,
        };
        let mut bytes = header.to_bytes().to_vec();
        for (i, payload) in payloads.iter().enumerate() {
            let synced = bytes.len() as u64;
            frame(&mut bytes, i as u64, synced, payload, false);
        }
        bytes
    }

    #[test]
    fn a_log_cut_anywhere_keeps_its_whole_records() {
        let bytes = log(&[b"one", b"", b"three"]);
        let ends = [HEADER, HEADER + 35, HEADER + 67, HEADER + 104];
        assert_eq!(bytes.len(), ends[3]);
        for cut in HEADER..=bytes.len() {
            let scan = scan(&bytes[..cut], 0, Path::new("log")).unwrap();
            let whole = ends.iter().filter(|&&end| end <= cut).count() - 1;
            assert_eq!(scan.found.records.len(), whole, "cut at {cut}");
            assert_eq!(scan.found.end, ends[whole]);
        }
    }

    #[test]
    fn a_flipped_bit_in_front_of_a_record_is_corrupt() {
        let bytes = log(&[b"one", b"two", b"three"]);
        let last = HEADER + 2 * 35;
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            match scan(&bad, 0, Path::new("log")) {
                Err(error) => assert!(bit / 8 < last, "bit {bit}: {error}"),
                Ok(scan) => {
                    assert!(bit / 8 >= last, "bit {bit} went unnoticed");
                    assert_eq!(scan.found.records, [b"one", b"two"]);
                }
            }
        }
    }

    #[test]
    fn of_what_was_synced_nothing_is_lost_in_silence() {
        let bytes = log(&[b"one", b"two"]);
        for synced in [HEADER + 35, bytes.len()] {
            for bit in 0..bytes.len() * 8 {
                let mut bad = bytes.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                let found = scan(&bad, synced as u64, Path::new("log"));
                assert_eq!(found.is_err(), bit / 8 < synced, "bit {bit} of {synced}");
            }
            for cut in 0..bytes.len() {
                let found = scan(&bytes[..cut], synced as u64, Path::new("log"));
                assert_eq!(found.is_err(), cut < synced, "cut at {cut} of {synced}");
            }
        }
    }

    #[test]
    fn what_was_never_synced_may_be_lost_in_any_order() {
        let header = Header {
            store: 7,
            generation: 1,
        };
        let mut bytes = header.to_bytes().to_vec();
        frame(&mut bytes, 0, HEADER as u64, b"synced", false);
        let synced = bytes.len() as u64;
        for sequence in 1..4 {
            frame(&mut bytes, sequence, synced, b"unsynced", false);
        }
        let second = synced as usize + RECORD + 8;
        bytes[second + 40 - 1] ^= 1;
        let found = scan(&bytes, 0, Path::new("log")).unwrap().found;
        assert_eq!(found.records, [&b"synced"[..], b"unsynced"]);
        assert_eq!(found.end, second);
        bytes[HEADER + RECORD] ^= 1;
        assert!(
            scan(&bytes, 0, Path::new("log")).is_err(),
            "this one was synced"
        );
    }

    #[test]
    fn what_belongs_together_is_there_as_a_whole_or_not_at_all() {
        let mut bytes = log(&[b"before"]);
        let start = bytes.len();
        for (sequence, more) in [(1, true), (2, true), (3, false)] {
            frame(&mut bytes, sequence, start as u64, b"together", more);
        }
        for cut in start..=bytes.len() {
            let found = whole_records(&bytes[..cut], HEADER, 0);
            let all = cut == bytes.len();
            assert_eq!(found.records.len(), if all { 4 } else { 1 });
            assert_eq!(
                (found.end, found.next),
                if all { (cut, 4) } else { (start, 1) }
            );
        }
    }
}
