//! The append-only log: records with length, checksums, sequence number and their own place.
//!
//! Layout, little-endian, everything at multiples of 64 bytes. Header, 64 bytes: magic
//! `RAGLOG\0\0`, version `u32`, feature bits `u32` (0), store id `u128`, generation `u64`, zeros,
//! CRC-32 of the first 60 bytes `u32`. Record: a head of 64 bytes (payload length `u64`, sequence
//! `u64`, synced `u64`, where the record begins in the log `u64`, the lower half of the store id
//! `u64`, generation `u64`, zeros, CRC-32 of payload and zeros behind it `u32`, CRC-32 of the first
//! 60 bytes `u32`), the payload, and zeros up to a multiple of 64. Sequences ascend by one, so that a
//! missing record is noticed; with its place and its store a record tells by itself that it stands
//! where it belongs. Where the top bit of the length is set, the next record belongs to this one:
//! they are there together or not at all. Behind the last one there may be zeros, as room for more.
//!
//! `synced` is how much of the log was on disk when the record was written. So a crash and damage
//! are told apart: what a later record, or the manifest, calls synced was whole once; what neither
//! does may have been lost with the power, together with all that comes after it.

use crate::error::{Error, ErrorKind, Result};
use crate::rng::{Rng, splitmix64};
use std::path::Path;

pub(super) const HEADER: usize = 64;
pub(super) const RECORD: usize = 64;
const MAGIC: &[u8; 8] = b"RAGLOG\0\0";
pub(super) const VERSION: u32 = 3;
/// Everything begins at a multiple of it.
const LINE: usize = 64;
/// Set in the length of a record to which the next one belongs.
const MORE: u64 = 1 << 63;

/// What the header of a log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) store: u128,
    pub(super) generation: u64,
}

impl Header {
    /// Of a store that is made now.
    pub(super) fn new() -> Self {
        let half = || u128::from(Rng::seed_from_system());
        Self {
            store: half() << 64 | half(),
            generation: 1,
        }
    }

    /// A number that no other log is likely to have.
    pub(super) fn salt(self) -> u64 {
        let mut state = self.generation;
        let mut salt = splitmix64(&mut state);
        for half in [self.store as u64, (self.store >> 64) as u64] {
            state = salt ^ half;
            salt = splitmix64(&mut state);
        }
        salt
    }

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

/// What tells a record apart from one of another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Where it begins in the log.
    pub(super) at: u64,
    pub(super) sequence: u64,
}

/// The first record of every log.
pub(super) const FIRST: Place = Place {
    at: HEADER as u64,
    sequence: 0,
};

/// Bytes that a record takes.
pub(super) fn size(payload: usize) -> usize {
    RECORD + payload.next_multiple_of(LINE)
}

/// Appends one record to `out`; with `more` the next one belongs to it.
pub(super) fn frame(
    out: &mut Vec<u8>,
    header: Header,
    place: Place,
    synced: u64,
    payload: &[u8],
    more: bool,
) {
    let zeros = &[0; LINE][..size(payload.len()) - RECORD - payload.len()];
    let mut crc = crc32fast::Hasher::new();
    crc.update(payload);
    crc.update(zeros);
    let mut head = [0; RECORD];
    let length = payload.len() as u64 | if more { MORE } else { 0 };
    let home = [header.store as u64, header.generation];
    let numbers = [length, place.sequence, synced, place.at].into_iter();
    for (i, number) in numbers.chain(home).enumerate() {
        head[8 * i..][..8].copy_from_slice(&number.to_le_bytes());
    }
    head[56..60].copy_from_slice(&crc.finalize().to_le_bytes());
    let crc = crc32fast::hash(&head[..60]);
    head[60..].copy_from_slice(&crc.to_le_bytes());
    out.extend(head);
    out.extend_from_slice(payload);
    out.extend_from_slice(zeros);
}

/// Whole records, with all that belong to each.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// Where each begins, and its payload.
    pub(super) records: Vec<(u64, &'a [u8])>,
    /// The record that comes next: after the last whole one lies an unfinished write, or nothing.
    pub(super) next: Place,
}

/// Reads every record from `from` on in a log of which so much was certainly `synced`. A record that
/// is cut short or does not match its checksum ends the log if it lies behind that and no later
/// record says that it was on disk; else it is `Corrupt`.
pub(super) fn scan<'a>(
    bytes: &'a [u8],
    header: Header,
    from: Place,
    synced: u64,
    path: &Path,
) -> Result<Found<'a>> {
    let needed = synced.max(from.at);
    if (bytes.len() as u64) < needed {
        let found = format!("it ends there, and {needed} bytes of it were on disk");
        return Err(Error::corrupt(path, bytes.len() as u64, found));
    }
    let found = whole_records(&bytes[from.at as usize..], header, from);
    let next = found.next;
    if next.at < synced || later_calls_it_synced(bytes, header, next) {
        let found = format!("record {} does not match its checksum", next.sequence);
        return Err(Error::corrupt(path, next.at, found));
    }
    Ok(found)
}

/// The records at the beginning of `bytes`, of which the first is `next`, as far as they are whole.
pub(super) fn whole_records(bytes: &[u8], header: Header, next: Place) -> Found<'_> {
    let mut found = Found {
        records: Vec::new(),
        next,
    };
    let (start, mut next, mut whole) = (next.at, next, 0);
    while let Some((payload, more)) =
        whole_record(&bytes[(next.at - start) as usize..], header, next)
    {
        found.records.push((next.at, payload));
        next.at += size(payload.len()) as u64;
        next.sequence += 1;
        if !more {
            (found.next, whole) = (next, found.records.len());
        }
    }
    found.records.truncate(whole);
    found
}

/// The payload of what stands at the beginning of `bytes`, if it is whole and that record, and
/// whether the next record belongs to it.
fn whole_record(bytes: &[u8], header: Header, place: Place) -> Option<(&[u8], bool)> {
    let head = bytes.first_chunk::<RECORD>()?;
    if u64_at(head, 8) != place.sequence {
        return None;
    }
    payload_at(bytes, header, place.at)
}

/// The payload of what stands at the beginning of `bytes`, if it is whole and begins there in that
/// log, and whether the next record belongs to it.
pub(super) fn payload_at(bytes: &[u8], header: Header, at: u64) -> Option<(&[u8], bool)> {
    let head = bytes.first_chunk::<RECORD>()?;
    let home = [at, header.store as u64, header.generation];
    if !is_head(head) || (0..3).any(|i| u64_at(head, 24 + 8 * i) != home[i]) {
        return None;
    }
    let length = u64_at(head, 0);
    let payload = usize::try_from(length & !MORE).ok()?;
    let end = payload.checked_next_multiple_of(LINE)?;
    let padded = bytes[RECORD..].get(..end)?;
    let good = crc32fast::hash(padded) == u32_at(head, 56);
    good.then_some((&padded[..payload], length & MORE != 0))
}

/// How many bytes stand before the zeros at the end: the room that a log has for its next records.
pub(super) fn written(bytes: &[u8]) -> usize {
    let zeros = bytes
        .rchunks(LINE)
        .take_while(|line| *line == &[0; LINE][..line.len()]);
    let lines: usize = zeros.map(<[u8]>::len).sum();
    let rest = &bytes[..bytes.len() - lines];
    rest.iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1)
}

/// The length of the payload of a record that is known to be whole.
pub(super) fn length(head: &[u8]) -> Option<usize> {
    let length = head.first_chunk::<8>()?;
    usize::try_from(u64::from_le_bytes(*length) & !MORE).ok()
}

fn is_head(head: &[u8]) -> bool {
    crc32fast::hash(&head[..60]) == u32_at(head, 60)
}

/// Whether the head of a record behind `next` says that the bytes there were on disk when it was
/// written. A crash loses what was not, and in any order.
fn later_calls_it_synced(bytes: &[u8], header: Header, next: Place) -> bool {
    let lines = (next.at as usize..).step_by(LINE).skip(1);
    let heads = lines.map_while(|at| Some((at, bytes.get(at..at + RECORD)?)));
    heads.into_iter().any(|(at, head)| {
        // Numbers first, because few bytes look like these and a checksum takes longer.
        u64_at(head, 24) == at as u64
            && u64_at(head, 32) == header.store as u64
            && u64_at(head, 8) > next.sequence
            && (next.at + 1..=at as u64).contains(&u64_at(head, 16))
            && is_head(head)
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

    const HERE: Header = Header {
        store: 7,
        generation: 1,
    };
    /// Appends a record and says where it ends.
    fn add(bytes: &mut Vec<u8>, sequence: u64, synced: u64, payload: &[u8], more: bool) -> u64 {
        let at = bytes.len() as u64;
        frame(bytes, HERE, Place { at, sequence }, synced, payload, more);
        bytes.len() as u64
    }

    fn log(payloads: &[&[u8]]) -> Vec<u8> {
        let mut bytes = HERE.to_bytes().to_vec();
        for (i, payload) in payloads.iter().enumerate() {
            let synced = bytes.len() as u64;
            add(&mut bytes, i as u64, synced, payload, false);
        }
        bytes
    }

    fn scanned(bytes: &[u8], synced: u64) -> Result<Vec<Vec<u8>>> {
        let header = Header::parse(bytes, Path::new("log"))?;
        let found = scan(bytes, header, FIRST, synced, Path::new("log"))?;
        Ok(found.records.iter().map(|r| r.1.to_vec()).collect())
    }

    #[test]
    fn a_log_cut_anywhere_keeps_its_whole_records() {
        let long = [3; 100];
        let bytes = log(&[b"one", b"", &long]);
        let ends = [64, 64 + 128, 64 + 128 + 64, 64 + 128 + 64 + 192];
        assert_eq!(bytes.len(), ends[3]);
        for cut in HEADER..=bytes.len() {
            let found = scan(&bytes[..cut], HERE, FIRST, 0, Path::new("log")).unwrap();
            let whole = ends.iter().filter(|&&end| end <= cut).count() - 1;
            assert_eq!(found.records.len(), whole, "cut at {cut}");
            assert_eq!(found.next.at, ends[whole] as u64);
        }
    }

    #[test]
    fn a_flipped_bit_in_front_of_a_record_is_corrupt() {
        let bytes = log(&[b"one", b"two", b"three"]);
        let last = HEADER + 2 * 128;
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            match scanned(&bad, 0) {
                Err(error) => assert!(bit / 8 < last, "bit {bit}: {error}"),
                Ok(records) => {
                    assert!(bit / 8 >= last, "bit {bit} went unnoticed");
                    assert_eq!(records, [b"one", b"two"]);
                }
            }
        }
    }

    #[test]
    fn of_what_was_synced_nothing_is_lost_in_silence() {
        let bytes = log(&[b"one", b"two"]);
        for synced in [HEADER + 128, bytes.len()] {
            for bit in 0..bytes.len() * 8 {
                let mut bad = bytes.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                let found = scanned(&bad, synced as u64);
                assert_eq!(found.is_err(), bit / 8 < synced, "bit {bit} of {synced}");
            }
            for cut in 0..bytes.len() {
                let found = scanned(&bytes[..cut], synced as u64);
                assert_eq!(found.is_err(), cut < synced, "cut at {cut} of {synced}");
            }
        }
    }

    #[test]
    fn what_was_never_synced_may_be_lost_in_any_order() {
        let mut bytes = HERE.to_bytes().to_vec();
        let synced = add(&mut bytes, 0, HEADER as u64, b"synced", false);
        let second = add(&mut bytes, 1, synced, b"unsynced", false);
        add(&mut bytes, 2, synced, b"unsynced", false);
        add(&mut bytes, 3, synced, b"unsynced", false);
        bytes[second as usize + RECORD] ^= 1;
        let found = scan(&bytes, HERE, FIRST, 0, Path::new("log")).unwrap();
        assert_eq!(found.records.len(), 2);
        assert_eq!(found.next.at, second);
        bytes[HEADER + RECORD] ^= 1;
        assert!(scanned(&bytes, 0).is_err(), "this one was synced");
    }

    #[test]
    fn what_belongs_together_is_there_as_a_whole_or_not_at_all() {
        let mut bytes = log(&[b"before"]);
        let start = bytes.len() as u64;
        for (sequence, more) in [(1, true), (2, true), (3, false)] {
            add(&mut bytes, sequence, start, b"together", more);
        }
        for cut in start as usize..=bytes.len() {
            let found = whole_records(&bytes[HEADER..cut], HERE, FIRST);
            let all = cut == bytes.len();
            assert_eq!(found.records.len(), if all { 4 } else { 1 });
            assert_eq!(found.next.at, if all { cut as u64 } else { start });
        }
    }

    #[test]
    fn a_record_of_another_place_store_or_log_is_none() {
        let bytes = log(&[b"one", b"two"]);
        let record = &bytes[HEADER..];
        assert!(payload_at(record, HERE, 64).is_some());
        assert!(payload_at(record, HERE, 192).is_none());
        let other = |store, generation| Header { store, generation };
        assert!(payload_at(record, other(8, 1), 64).is_none());
        assert!(payload_at(record, other(7, 2), 64).is_none());
        let swapped = [&bytes[..64], &bytes[192..], &bytes[64..192]].concat();
        assert!(scanned(&swapped, swapped.len() as u64).is_err());
    }
}
