//! Bytes that last: a directory with a lock, a manifest and one append-only log.
//!
//! The store knows records and checksums, not what they mean. A record that [`Store::append`]
//! acknowledged at durability `sync` is on disk. [`Store::rewrite`] puts a shorter log in the
//! place of the old one: it writes the new log beside it and swaps the manifest, so that a crash
//! leaves one or the other. One writer holds the kernel's lock on `lock`; readers need none.
//! After a failed write the writer is poisoned: nothing is retried as if nothing had happened.

mod lock;
mod log;

use crate::error::{Error, ErrorKind, Result};
use crate::option_enum;
use crate::rng::Rng;
use crate::{file, options};
use lock::Lock;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

option_enum! {
    /// When a write counts as done.
    Durability {
        /// On disk: survives a power cut.
        Sync = "sync",
        /// Handed to the operating system: survives the process.
        Os = "os",
        /// Kept by the process until the next checkpoint or close.
        Memory = "memory",
    }
}

options! {
    /// How a store is opened.
    StoreOptions {
        /// When a write counts as done.
        durability: Durability = Durability::Sync;
        /// Whether writes are refused and no lock is taken.
        read_only: bool = false;
    }
}

/// A log larger than this is refused rather than read into memory.
const LIMIT: u64 = 1 << 40;
const MANIFEST: &str = "manifest";
const MANIFEST_KIND: &str = "manifest";
const MANIFEST_VERSION: u32 = 1;

/// What opening or verifying found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Whole records read.
    pub records: usize,
    /// Bytes in the log.
    pub bytes: u64,
    /// Bytes of an unfinished write behind the last whole record, set aside in a `.torn` file.
    pub torn_bytes: u64,
}

/// A directory of durable records.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    durability: Durability,
    header: log::Header,
    log: PathBuf,
    writer: Option<Writer>,
    recovery: Recovery,
}

#[derive(Debug)]
struct Writer {
    file: File,
    sequence: u64,
    length: u64,
    unwritten: Vec<u8>,
    /// Whether a record was added since the last mark.
    unmarked: bool,
    poisoned: Option<String>,
    _lock: Lock,
}

impl Store {
    /// Opens or makes the store in `directory` and hands every record to `replay`, in order.
    ///
    /// Errors: `Locked` (another writer, with its pid), `Corrupt`, `FormatVersion`, `NotFound`
    /// (nothing there and `read_only`), `Io`, and what `replay` returns.
    ///
    /// ```
    /// use rag_core::store::{Store, StoreOptions};
    /// let dir = std::env::temp_dir().join(format!("ragcore-doc-store-{}", std::process::id()));
    /// let mut store = Store::open(&dir, &StoreOptions::default(), |_| Ok(())).unwrap();
    /// store.append(b"hello").unwrap();
    /// drop(store);
    /// let mut found = Vec::new();
    /// Store::open(&dir, &StoreOptions::default(), |r| { found.push(r.to_vec()); Ok(()) }).unwrap();
    /// assert_eq!(found, [b"hello"]);
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// ```
    pub fn open(
        directory: &Path,
        options: &StoreOptions,
        mut replay: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<Self> {
        options.check()?;
        if !options.read_only {
            std::fs::create_dir_all(directory)
                .map_err(|e| Error::io("cannot make", directory, e))?;
        }
        let lock = match options.read_only {
            true => None,
            false => Some(Lock::take(&directory.join("lock"))?),
        };
        let manifest = directory.join(MANIFEST);
        if lock.is_some() && !manifest.exists() {
            Self::create(directory)?;
        }
        let (header, path) = read_manifest(directory)?;
        let bytes = file::read(&path, LIMIT)?;
        let scan = log::scan(&bytes, &path)?;
        if scan.header != header {
            return Err(Error::corrupt(&path, 16, "it belongs to another store"));
        }
        for (i, record) in scan.records.iter().enumerate() {
            replay(record).map_err(|e| e.context(format_args!("{} record {i}", path.display())))?;
        }
        let recovery = Recovery {
            records: scan.records.len(),
            bytes: bytes.len() as u64,
            torn_bytes: (bytes.len() - scan.end) as u64,
        };
        let mut store = Self {
            directory: directory.to_path_buf(),
            durability: options.durability,
            header,
            log: path,
            writer: None,
            recovery,
        };
        if let Some(lock) = lock {
            store.begin_writing(lock, &bytes, scan.end, scan.next)?;
        }
        Ok(store)
    }

    /// Makes the files of an empty store.
    fn create(directory: &Path) -> Result<()> {
        if let Some(stray) = first_log(directory)? {
            return Err(Error::corrupt(
                &stray,
                0,
                "there is a log but no manifest beside it; restore the manifest from a backup",
            ));
        }
        let mut rng = Rng::new(Rng::seed_from_system());
        let header = log::Header {
            store: (u128::from(rng.next_u64()) << 64) | u128::from(rng.next_u64()),
            generation: 1,
        };
        file::replace(&log_path(directory, 1), &header.to_bytes())?;
        write_manifest(directory, header)
    }

    fn begin_writing(&mut self, lock: Lock, bytes: &[u8], end: usize, sequence: u64) -> Result<()> {
        let io = |e| Error::io("cannot write", &self.log, e);
        if end < bytes.len() {
            let aside = self.log.with_extension(format!("{end}.torn"));
            file::replace(&aside, &bytes[end..])?;
        }
        let mut file = OpenOptions::new().write(true).open(&self.log).map_err(io)?;
        if end < bytes.len() {
            file.set_len(end as u64).map_err(io)?;
            file.sync_all().map_err(io)?;
        }
        file.seek(SeekFrom::End(0)).map_err(io)?;
        remove_other_logs(&self.directory, &self.log);
        self.writer = Some(Writer {
            file,
            sequence,
            length: end as u64,
            unwritten: Vec::new(),
            unmarked: false,
            poisoned: None,
            _lock: lock,
        });
        Ok(())
    }

    /// Adds one record and makes it as durable as the store's durability says.
    ///
    /// After an error the store takes no more writes: what the failed one left behind is
    /// unknown until it is opened again.
    pub fn append(&mut self, payload: &[u8]) -> Result<()> {
        let (durability, path) = (self.durability, self.log.clone());
        let writer = self.writer()?;
        log::frame(&mut writer.unwritten, writer.sequence, payload);
        let written = match durability {
            Durability::Memory => Ok(()),
            Durability::Os => writer.flush(),
            Durability::Sync => writer.flush().and_then(|()| writer.file.sync_data()),
        };
        written.map_err(|e| writer.poison(&path, e))?;
        writer.sequence += 1;
        writer.unmarked = true;
        Ok(())
    }

    /// Makes everything that was appended survive a power cut.
    pub fn sync(&mut self) -> Result<()> {
        let path = self.log.clone();
        let writer = self.writer()?;
        let synced = writer.flush().and_then(|()| writer.file.sync_data());
        synced.map_err(|e| writer.poison(&path, e))
    }

    /// Ends in order: marks the log as whole, makes everything durable and lets go of the lock.
    /// Dropping a store does the same without telling of errors, and without waiting for the disk.
    pub fn close(mut self) -> Result<()> {
        if self.writer.is_none() {
            return Ok(());
        }
        self.writer()?.mark();
        self.sync()
    }

    /// Puts a log of `records` in the place of the present one, all or nothing.
    pub fn rewrite<'a>(&mut self, records: impl Iterator<Item = Vec<u8>> + 'a) -> Result<()> {
        self.writer()?;
        let header = log::Header {
            generation: self.header.generation + 1,
            ..self.header
        };
        let path = log_path(&self.directory, header.generation);
        let (sequence, length) = write_log(&path, header, records)?;
        write_manifest(&self.directory, header)?;
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(|e| Error::io("cannot open", &path, e))?;
        remove_other_logs(&self.directory, &path);
        self.header = header;
        self.log = path;
        let writer = self.writer()?;
        writer.file = file;
        writer.sequence = sequence;
        writer.length = length;
        writer.unwritten.clear();
        writer.unmarked = true;
        Ok(())
    }

    /// Makes a store of `records` in `directory`, which must be empty or absent.
    pub fn write_new(directory: &Path, records: impl Iterator<Item = Vec<u8>>) -> Result<()> {
        let occupied = std::fs::read_dir(directory).is_ok_and(|mut d| d.next().is_some());
        if occupied {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("{} is not empty; name a new directory", directory.display()),
            ));
        }
        let mut store = Self::open(directory, &StoreOptions::default(), |_| Ok(()))?;
        store.rewrite(records)?;
        store.close()
    }

    /// Reads the log from disk again and checks every checksum.
    pub fn verify(&self) -> Result<Recovery> {
        let (header, path) = read_manifest(&self.directory)?;
        let bytes = file::read(&path, LIMIT)?;
        let scan = log::scan(&bytes, &path)?;
        if scan.header != header {
            return Err(Error::corrupt(&path, 16, "it belongs to another store"));
        }
        Ok(Recovery {
            records: scan.records.len(),
            bytes: bytes.len() as u64,
            torn_bytes: (bytes.len() - scan.end) as u64,
        })
    }

    /// What opening found.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Bytes in the log, those not yet handed to the operating system included.
    pub fn log_bytes(&self) -> u64 {
        match &self.writer {
            Some(w) => w.length + w.unwritten.len() as u64,
            None => self.recovery.bytes,
        }
    }

    /// Where the store lies.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn writer(&mut self) -> Result<&mut Writer> {
        let directory = &self.directory;
        let Some(writer) = &mut self.writer else {
            return Err(Error::new(
                ErrorKind::ReadOnly,
                format!("{} was opened for reading only", directory.display()),
            ));
        };
        match &writer.poisoned {
            None => Ok(writer),
            Some(why) => Err(Error::new(
                ErrorKind::Io,
                format!("an earlier write failed ({why}); close the store and open it again"),
            )),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(writer) = &mut self.writer
            && writer.poisoned.is_none()
        {
            // Nothing here was promised to be durable: `close` tells of errors.
            writer.mark();
            let _ = writer.flush();
        }
    }
}

impl Writer {
    fn mark(&mut self) {
        if std::mem::take(&mut self.unmarked) {
            log::mark(&mut self.unwritten, self.sequence);
            self.sequence += 1;
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.write_all(&self.unwritten)?;
        self.length += self.unwritten.len() as u64;
        self.unwritten.clear();
        Ok(())
    }

    /// Cuts off what a failed write may have left, if that works, and refuses further writes.
    fn poison(&mut self, path: &Path, error: std::io::Error) -> Error {
        let _ = self.file.set_len(self.length);
        self.poisoned = Some(error.to_string());
        Error::io("cannot write", path, error)
    }
}

fn log_path(directory: &Path, generation: u64) -> PathBuf {
    directory.join(format!("log-{generation}"))
}

fn write_log(
    path: &Path,
    header: log::Header,
    records: impl Iterator<Item = Vec<u8>>,
) -> Result<(u64, u64)> {
    let io = |e| Error::io("cannot write", path, e);
    let mut file = File::create(path).map_err(io)?;
    let mut bytes = header.to_bytes().to_vec();
    let (mut sequence, mut length) = (0, 0);
    for record in records {
        log::frame(&mut bytes, sequence, &record);
        sequence += 1;
        if bytes.len() > 1 << 22 {
            file.write_all(&bytes).map_err(io)?;
            length += bytes.len() as u64;
            bytes.clear();
        }
    }
    file.write_all(&bytes).map_err(io)?;
    file.sync_all().map_err(io)?;
    Ok((sequence, length + bytes.len() as u64))
}

fn write_manifest(directory: &Path, header: log::Header) -> Result<()> {
    let path = directory.join(MANIFEST);
    file::save(&path, MANIFEST_KIND, MANIFEST_VERSION, &header.to_bytes())
}

fn read_manifest(directory: &Path) -> Result<(log::Header, PathBuf)> {
    let path = directory.join(MANIFEST);
    let (_, payload) =
        file::load(&path, MANIFEST_KIND, MANIFEST_VERSION, 4096).map_err(|e| match e.kind() {
            ErrorKind::NotFound => Error::new(
                ErrorKind::NotFound,
                format!(
                    "{} holds no store; open it for writing to make one",
                    directory.display()
                ),
            )
            .with_file(directory),
            _ => e,
        })?;
    let header = log::Header::parse(&payload, &path)?;
    Ok((header, log_path(directory, header.generation)))
}

fn first_log(directory: &Path) -> Result<Option<PathBuf>> {
    let entries =
        std::fs::read_dir(directory).map_err(|e| Error::io("cannot read", directory, e))?;
    Ok(entries
        .filter_map(|e| Some(e.ok()?.path()))
        .find(|p| is_log(p)))
}

fn is_log(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
    name.strip_prefix("log-")
        .is_some_and(|g| g.parse::<u64>().is_ok())
}

/// Logs that the manifest no longer names are left over from a rewrite.
fn remove_other_logs(directory: &Path, keep: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for path in entries.filter_map(|e| Some(e.ok()?.path())) {
        if is_log(&path) && path != keep {
            // Best effort: a log that stays costs disk, nothing else, and the next open retries.
            let _ = std::fs::remove_file(path);
        }
    }
}
