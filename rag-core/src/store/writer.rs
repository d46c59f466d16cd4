//! The end of the log, where records are added.

use super::log;
use crate::disk::{Disk, Held, Output};
use crate::error::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// What can be done while the disk is busy.
pub(crate) type Meanwhile<'a> = &'a dyn Fn();

/// Bytes that are kept on disk for nothing but to be given up for a deletion when it is full.
const SPARE: usize = 1 << 16;
/// The least and the most room for records that is made at once.
const ROOM: (u64, u64) = (1 << 14, 1 << 20);
/// What file systems share out.
const PAGE: u64 = 4096;
/// Bytes of a new log that are written in one go.
const AT_ONCE: usize = 1 << 22;

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) file: Box<dyn Output>,
    pub(super) header: log::Header,
    pub(super) sequence: u64,
    /// Bytes of the log that were handed to the operating system, and that are on disk.
    pub(super) length: u64,
    pub(super) synced: u64,
    /// Bytes of the file: behind the records are zeros. To write over what is there already is
    /// quicker to sync than to make a file longer.
    pub(super) end: u64,
    pub(super) unwritten: Vec<u8>,
    /// Bytes that the manifest calls synced.
    pub(super) settled: u64,
    pub(super) poisoned: Option<String>,
    /// The process that writes. A forked child has a copy of all this and must not use it.
    pub(super) pid: u32,
    pub(super) _lock: Box<dyn Held>,
}

impl Writer {
    /// Where the next record begins, those not yet handed over included.
    pub(super) fn next(&self) -> log::Place {
        log::Place {
            at: self.length + self.unwritten.len() as u64,
            sequence: self.sequence,
        }
    }

    /// Puts records that belong together behind the others; answers where each begins.
    pub(super) fn frame<'a>(&mut self, payloads: impl IntoIterator<Item = &'a [u8]>) -> Vec<u64> {
        let mut places = Vec::new();
        let mut payloads = payloads.into_iter().peekable();
        while let Some(payload) = payloads.next() {
            let (place, more) = (self.next(), payloads.peek().is_some());
            let (header, synced) = (self.header, self.synced);
            log::frame(&mut self.unwritten, header, place, synced, payload, more);
            self.sequence += 1;
            places.push(place.at);
        }
        places
    }

    /// Hands what is unwritten to the operating system.
    pub(super) fn flush(&mut self) -> Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let records = self.unwritten.len();
        let room = room_behind(self.next().at, self.end, records);
        match self.write(room) {
            Err(error) if room > 0 && error.kind() == ErrorKind::DiskFull => self.write(0),
            written => written,
        }?;
        self.length += records as u64;
        self.unwritten.clear();
        Ok(())
    }

    /// Writes what is unwritten with so many zeros behind it.
    fn write(&mut self, room: usize) -> Result<()> {
        let records = self.unwritten.len();
        self.unwritten.resize(records + room, 0);
        let written = self.file.write_at(self.length, &self.unwritten);
        let end = self.length + self.unwritten.len() as u64;
        self.unwritten.truncate(records);
        if let Err(error) = written {
            // Without what the write may have left, the log is what it was before.
            let cut = self.file.cut(self.length);
            self.end = self.length;
            let told = Error::io("cannot write", &self.path, error);
            if cut.is_err() || told.kind() != ErrorKind::DiskFull {
                self.poisoned = Some(told.to_string());
            }
            return Err(told);
        }
        self.end = self.end.max(end);
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Result<()> {
        self.sync_while(None)
    }

    /// [`Writer::sync`] with something to be done while the disk is busy.
    pub(super) fn sync_while(&mut self, meanwhile: Option<Meanwhile<'_>>) -> Result<()> {
        self.flush()?;
        if self.synced == self.length {
            return Ok(());
        }
        if let Some(meanwhile) = meanwhile {
            self.file.begin_sync(self.synced, self.length);
            meanwhile();
        }
        self.file.sync().map_err(|error| {
            // What is on disk now cannot be known, and asking again would not tell.
            self.poisoned = Some(error.to_string());
            Error::io("cannot write", &self.path, error)
        })?;
        self.synced = self.length;
        Ok(())
    }
}

/// Bytes of zeros to be written behind a log's records up to `next` of a file that ends at `end`: an
/// eighth of the log, so that a small store stays small, and none behind much that is written at once.
fn room_behind(next: u64, end: u64, written: usize) -> usize {
    let room = (next / 8).clamp(ROOM.0, ROOM.1);
    if next <= end || written as u64 >= room {
        return 0;
    }
    let behind = (next + room).next_multiple_of(PAGE) - next;
    behind as usize
}

/// A new log that is on disk, to go on with.
pub(super) struct NewLog {
    pub(super) file: Box<dyn Output>,
    pub(super) next: log::Place,
    /// Where each record begins.
    pub(super) places: Vec<u64>,
}

impl NewLog {
    pub(super) fn write(
        disk: &dyn Disk,
        path: &Path,
        header: log::Header,
        records: impl Iterator<Item = Result<Vec<u8>>>,
    ) -> Result<Self> {
        let io = |e| Error::io("cannot write", path, e);
        let mut file = disk.create(path).map_err(io)?;
        let mut bytes = header.to_bytes().to_vec();
        let mut places = Vec::new();
        let mut written = 0;
        for (record, sequence) in records.zip(0..) {
            let at = written + bytes.len() as u64;
            let place = log::Place { at, sequence };
            log::frame(&mut bytes, header, place, 0, &record?, false);
            places.push(at);
            if bytes.len() > AT_ONCE {
                file.write(&bytes).map_err(io)?;
                written += bytes.len() as u64;
                bytes.clear();
            }
        }
        file.write(&bytes).map_err(io)?;
        file.sync().map_err(io)?;
        // The manifest must never be on disk before the name of the log that it names.
        let directory = path.parent().unwrap_or(path);
        disk.sync_directory(directory).map_err(io)?;
        let next = log::Place {
            at: written + bytes.len() as u64,
            sequence: places.len() as u64,
        };
        Ok(Self { file, next, places })
    }
}

fn spare(directory: &Path) -> PathBuf {
    directory.join("spare")
}

/// Keeps some room, if there is any. Best effort: without it deletions need room like all else.
pub(super) fn keep_spare(disk: &dyn Disk, directory: &Path) {
    let path = spare(directory);
    if disk
        .length(&path)
        .is_ok_and(|length| length == SPARE as u64)
    {
        return;
    }
    let kept = disk.create(&path).and_then(|mut file| {
        file.write(&[0; SPARE])?;
        file.sync()
    });
    if kept.is_err() {
        let _ = disk.remove(&path);
    }
}

/// Gives the room up; answers whether there was some.
pub(super) fn give_up_spare(disk: &dyn Disk, directory: &Path) -> bool {
    disk.remove(&spare(directory)).is_ok()
}
