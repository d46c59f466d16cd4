//! Bytes that last: a directory with a lock, a manifest and one append-only log.
//!
//! The store knows records and checksums, not what they mean. A record that [`Store::append`]
//! acknowledged at durability `sync` is on disk. [`Store::rewrite`] puts a shorter log in the
//! place of the old one: it writes the new log beside it and swaps the manifest, so that a crash
//! leaves one or the other. One writer holds the kernel's lock on `lock`; readers need none.
//! After a failed write the writer is poisoned: nothing is retried as if nothing had happened.

mod log;
#[cfg(test)]
mod power_tests;

use crate::disk::{Disk, Held, Output, System};
use crate::error::{Error, ErrorKind, Result};
use crate::option_enum;
use crate::rng::Rng;
use crate::{file, options};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
/// Bytes of a new log that are written in one go.
const AT_ONCE: usize = 1 << 22;
const MANIFEST: &str = "manifest";
const MANIFEST_KIND: &str = "manifest";
const MANIFEST_VERSION: u32 = 2;

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
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    durability: Durability,
    header: log::Header,
    log: PathBuf,
    writer: Option<Writer>,
    recovery: Recovery,
    /// How far the log was read, and the sequence of the record that comes next.
    seen: (u64, u64),
    /// The manifest when the log was last looked at.
    manifest: Option<u128>,
}

/// What a reader finds that looks again.
#[derive(Debug)]
pub struct News {
    /// Whether the records are all there are, and not those that were added.
    pub replaced: bool,
    /// The records, in order.
    pub records: Vec<Vec<u8>>,
}

/// A log that was read as a whole.
struct ReadLog {
    header: log::Header,
    settled: u64,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl ReadLog {
    /// Reads the log that the manifest names. A writer may put another in its place meanwhile.
    fn new(disk: &dyn Disk, directory: &Path) -> Result<Self> {
        let (mut header, mut settled) = read_manifest(disk, directory)?;
        loop {
            let path = log_path(directory, header.generation);
            let error = match disk.read(&path, LIMIT) {
                Ok(bytes) => {
                    return Ok(Self {
                        header,
                        settled,
                        path,
                        bytes,
                    });
                }
                Err(error) => error,
            };
            let generation = header.generation;
            (header, settled) = read_manifest(disk, directory)?;
            if error.kind() != ErrorKind::NotFound || header.generation == generation {
                return Err(error);
            }
        }
    }

    fn recovery(&self, found: &log::Found<'_>) -> Recovery {
        Recovery {
            records: found.records.len(),
            bytes: self.bytes.len() as u64,
            torn_bytes: (self.bytes.len() - found.end) as u64,
        }
    }

    fn found(&self) -> Result<log::Found<'_>> {
        let scan = log::scan(&self.bytes, self.settled, &self.path)?;
        match scan.header == self.header {
            true => Ok(scan.found),
            false => Err(Error::corrupt(
                &self.path,
                16,
                "it belongs to another store",
            )),
        }
    }
}

#[derive(Debug)]
struct Writer {
    path: PathBuf,
    file: Box<dyn Output>,
    sequence: u64,
    /// Bytes of the log that were handed to the operating system, and that are on disk.
    length: u64,
    synced: u64,
    unwritten: Vec<u8>,
    /// Bytes that the manifest calls synced.
    settled: u64,
    poisoned: Option<String>,
    /// The process that writes. A forked child has a copy of all this and must not use it.
    pid: u32,
    _lock: Box<dyn Held>,
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
        replay: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<Self> {
        Self::open_on(Arc::new(System), directory, options, replay)
    }

    /// [`Store::open`] on another file system.
    pub(crate) fn open_on(
        disk: Arc<dyn Disk>,
        directory: &Path,
        options: &StoreOptions,
        mut replay: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<Self> {
        options.check()?;
        if !options.read_only {
            disk.make_directory(directory)
                .map_err(|e| Error::io("cannot make", directory, e))?;
        }
        let lock = match options.read_only {
            true => None,
            false => Some(disk.lock(&directory.join("lock"))?),
        };
        if lock.is_some() && !disk.exists(&directory.join(MANIFEST)) {
            Self::create(&*disk, directory)?;
        }
        let read = ReadLog::new(&*disk, directory)?;
        let found = read.found()?;
        for (i, record) in found.records.iter().enumerate() {
            let place = || format!("{} record {i}", read.path.display());
            replay(record).map_err(|e| e.context(place()))?;
        }
        let recovery = read.recovery(&found);
        let mut store = Self {
            disk,
            directory: directory.to_path_buf(),
            durability: options.durability,
            header: read.header,
            log: read.path.clone(),
            writer: None,
            recovery,
            seen: (found.end as u64, found.next),
            manifest: None,
        };
        if let Some(lock) = lock {
            store.begin_writing(lock, &read.bytes, &found, read.settled)?;
        }
        Ok(store)
    }

    /// Makes the files of an empty store.
    fn create(disk: &dyn Disk, directory: &Path) -> Result<()> {
        if let Some(stray) = first_log_with_records(disk, directory)? {
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
        file::replace_on(disk, &log_path(directory, 1), &header.to_bytes())?;
        write_manifest(disk, directory, header, log::HEADER as u64)
    }

    fn begin_writing(
        &mut self,
        lock: Box<dyn Held>,
        bytes: &[u8],
        found: &log::Found<'_>,
        settled: u64,
    ) -> Result<()> {
        let io = |e| Error::io("cannot write", &self.log, e);
        let length = found.end as u64;
        if found.end < bytes.len() {
            let aside = self.log.with_extension(format!("{length}.torn"));
            file::replace_on(&*self.disk, &aside, &bytes[found.end..])?;
        }
        let mut file = self.disk.extend(&self.log).map_err(io)?;
        if found.end < bytes.len() {
            file.cut(length).map_err(io)?;
        }
        if settled < length || found.end < bytes.len() {
            // What a crash has left is what there is: from now on none of it is lost in silence.
            let rest = &bytes[settled as usize..found.end];
            file.write_again(settled, rest)
                .and_then(|()| file.sync())
                .map_err(io)?;
            write_manifest(&*self.disk, &self.directory, self.header, length)?;
        }
        remove_other_logs(&*self.disk, &self.directory, &self.log);
        self.writer = Some(Writer {
            path: self.log.clone(),
            file,
            sequence: found.next,
            length,
            synced: length,
            settled: length,
            unwritten: Vec::new(),
            poisoned: None,
            pid: std::process::id(),
            _lock: lock,
        });
        Ok(())
    }

    /// Adds one record and makes it as durable as the store's durability says.
    ///
    /// After an error the record is not there. Where the disk was full the store takes the next
    /// write as if nothing had happened; after any other error it takes none, because what the
    /// failed one left behind is unknown until it is opened again.
    pub fn append(&mut self, payload: &[u8]) -> Result<()> {
        self.append_all([payload])
    }

    /// [`Store::append`] for several records that belong together: after a crash, too, all of them
    /// are there or none.
    pub fn append_all<'a>(&mut self, payloads: impl IntoIterator<Item = &'a [u8]>) -> Result<()> {
        let durability = self.durability;
        let writer = self.writer()?;
        let (before, sequence) = (writer.unwritten.len(), writer.sequence);
        let mut payloads = payloads.into_iter().peekable();
        while let Some(payload) = payloads.next() {
            let (next, more) = (writer.sequence, payloads.peek().is_some());
            log::frame(&mut writer.unwritten, next, writer.synced, payload, more);
            writer.sequence += 1;
        }
        let written = match durability {
            Durability::Memory => Ok(()),
            Durability::Os => writer.flush(),
            Durability::Sync => writer.sync(),
        };
        if let Err(error) = written {
            writer.unwritten.truncate(before);
            writer.sequence = sequence;
            return Err(error);
        }
        Ok(())
    }

    /// Makes everything that was appended survive a power cut.
    pub fn sync(&mut self) -> Result<()> {
        self.writer()?.sync()
    }

    /// Ends in order: makes everything durable, says so in the manifest and lets go of the lock.
    /// Dropping a store does the same without telling of errors.
    pub fn close(mut self) -> Result<()> {
        match self.writer.is_some() {
            true => self.settle(),
            false => Ok(()),
        }
    }

    /// Makes everything durable, and says in the manifest how much that is, so that none of it can be
    /// lost in silence.
    fn settle(&mut self) -> Result<()> {
        self.sync()?;
        let (disk, directory, header) = (&*self.disk, &self.directory, self.header);
        if let Some(writer) = self.writer.as_mut().filter(|w| w.settled < w.length) {
            write_manifest(disk, directory, header, writer.length)?;
            writer.settled = writer.length;
        }
        Ok(())
    }

    /// Puts a log of `records` in the place of the present one, all or nothing. After an error the
    /// present one is still there; if it cannot be told which of the two a crash would leave, the
    /// store takes no more writes.
    pub fn rewrite<'a>(&mut self, records: impl Iterator<Item = Vec<u8>> + 'a) -> Result<()> {
        self.writer()?;
        let header = log::Header {
            generation: self.header.generation + 1,
            ..self.header
        };
        let path = log_path(&self.directory, header.generation);
        let written = write_log(&*self.disk, &path, header, records);
        let (sequence, length, file) = written.inspect_err(|_| {
            // Best effort: a log that nobody names costs disk, and the next rewrite replaces it.
            let _ = self.disk.remove(&path);
        })?;
        if let Err(error) = write_manifest(&*self.disk, &self.directory, header, length) {
            self.writer()?.poisoned = Some(error.to_string());
            return Err(error);
        }
        remove_other_logs(&*self.disk, &self.directory, &path);
        self.header = header;
        self.log.clone_from(&path);
        let writer = self.writer()?;
        writer.path = path;
        writer.file = file;
        writer.sequence = sequence;
        (writer.length, writer.synced, writer.settled) = (length, length, length);
        writer.unwritten.clear();
        Ok(())
    }

    /// Makes a store of `records` in `directory`, which must be empty or absent.
    pub fn write_new(directory: &Path, records: impl Iterator<Item = Vec<u8>>) -> Result<()> {
        if System.list(directory).is_ok_and(|files| !files.is_empty()) {
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
        let read = ReadLog::new(&*self.disk, &self.directory)?;
        Ok(read.recovery(&read.found()?))
    }

    /// Hands to `take` what a writer, here or in another process, has added since this store was opened
    /// for reading or this was last asked; answers whether there was something. Costs a look at two
    /// files, without reading them.
    ///
    /// A store that vanished has no news; one that was damaged is `Corrupt`. What `take` refuses is
    /// handed to it again the next time.
    ///
    /// ```
    /// use rag_core::store::{Store, StoreOptions};
    /// let dir = std::env::temp_dir().join(format!("ragcore-doc-follow-{}", std::process::id()));
    /// let options = StoreOptions::default();
    /// let mut writer = Store::open(&dir, &options, |_| Ok(())).unwrap();
    /// let mut reader = Store::open(&dir, &options.read_only(true), |_| Ok(())).unwrap();
    /// assert!(!reader.follow(|_| unreachable!("there is nothing new")).unwrap());
    /// writer.append(b"hello").unwrap();
    /// let followed = reader.follow(|news| {
    ///     assert_eq!(news.records, [b"hello"]);
    ///     Ok(())
    /// });
    /// assert!(followed.unwrap());
    /// # drop((writer, reader));
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// ```
    pub fn follow(&mut self, take: impl FnOnce(News) -> Result<()>) -> Result<bool> {
        if self.writer.is_some() {
            return Ok(false);
        }
        let before = (self.header, self.seen, self.log.clone());
        let news = match self.is_replaced() {
            Ok(true) => self.all(),
            Ok(false) => self.added(),
            Err(error) => Err(error),
        };
        let news = match news {
            // It vanished, or a writer is putting another log in the place of this one just now.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            news => news?,
        };
        let Some(news) = news else { return Ok(false) };
        take(news).inspect_err(|_| {
            (self.header, self.seen, self.log) = before;
            self.manifest = None;
        })?;
        Ok(true)
    }

    /// The records of a log that is new to this reader.
    fn all(&mut self) -> Result<Option<News>> {
        let read = ReadLog::new(&*self.disk, &self.directory)?;
        let found = read.found()?;
        self.seen = (found.end as u64, found.next);
        (self.header, self.log) = (read.header, read.path.clone());
        Ok(Some(News {
            replaced: true,
            records: found.records.into_iter().map(<[u8]>::to_vec).collect(),
        }))
    }

    /// Whether the log is another one now, or shorter than what was read of it.
    fn is_replaced(&mut self) -> Result<bool> {
        let manifest = self.directory.join(MANIFEST);
        let look = |e| Error::io("cannot read", &manifest, e);
        let stamp = self.disk.stamp(&manifest).map_err(look)?;
        if self.manifest != Some(stamp) {
            let (header, _) = read_manifest(&*self.disk, &self.directory)?;
            if header != self.header {
                return Ok(true);
            }
            self.manifest = Some(stamp);
        }
        let length = self.disk.length(&self.log);
        let length = length.map_err(|e| Error::io("cannot read", &self.log, e))?;
        Ok(length < self.seen.0)
    }

    /// The records behind those that were read.
    fn added(&mut self) -> Result<Option<News>> {
        let look = |e| Error::io("cannot read", &self.log, e);
        let (at, next) = self.seen;
        if self.disk.length(&self.log).map_err(look)? == at {
            return Ok(None);
        }
        let bytes = self.disk.read_from(&self.log, at).map_err(look)?;
        let found = log::whole_records(&bytes, 0, next);
        self.seen = (at + found.end as u64, found.next);
        let records: Vec<Vec<u8>> = found.records.into_iter().map(<[u8]>::to_vec).collect();
        Ok((!records.is_empty()).then_some(News {
            replaced: false,
            records,
        }))
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
            )
            .with_file(directory)),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let own = |writer: &Writer| writer.pid == std::process::id();
        if self.writer.as_ref().is_some_and(own) {
            // `close` tells of errors.
            let _ = self.settle();
        }
    }
}

impl Writer {
    /// Hands what is unwritten to the operating system.
    fn flush(&mut self) -> Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.file.write(&self.unwritten) {
            // Without what the write may have left, the log is what it was before.
            let cut = self.file.cut(self.length);
            if cut.is_err() || !is_full(&error) {
                self.poisoned = Some(error.to_string());
            }
            return Err(Error::io("cannot write", &self.path, error));
        }
        self.length += self.unwritten.len() as u64;
        self.unwritten.clear();
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.flush()?;
        if self.synced == self.length {
            return Ok(());
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

/// Whether there was no room, for one who may make some.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge
    )
}

fn log_path(directory: &Path, generation: u64) -> PathBuf {
    directory.join(format!("log-{generation}"))
}

/// A log of `records` that is on disk, to go on with: the next sequence and its length.
fn write_log(
    disk: &dyn Disk,
    path: &Path,
    header: log::Header,
    records: impl Iterator<Item = Vec<u8>>,
) -> Result<(u64, u64, Box<dyn Output>)> {
    let io = |e| Error::io("cannot write", path, e);
    let mut file = disk.create(path).map_err(io)?;
    let mut bytes = header.to_bytes().to_vec();
    let (mut sequence, mut length) = (0, 0);
    for record in records {
        log::frame(&mut bytes, sequence, 0, &record, false);
        sequence += 1;
        if bytes.len() > AT_ONCE {
            file.write(&bytes).map_err(io)?;
            length += bytes.len() as u64;
            bytes.clear();
        }
    }
    file.write(&bytes).map_err(io)?;
    file.sync().map_err(io)?;
    // The manifest must never be on disk before the name of the log that it names.
    let directory = path.parent().unwrap_or(path);
    disk.sync_directory(directory).map_err(io)?;
    Ok((sequence, length + bytes.len() as u64, file))
}

/// The manifest: the header of the log that it names, and how many bytes of it are on disk.
fn write_manifest(
    disk: &dyn Disk,
    directory: &Path,
    header: log::Header,
    settled: u64,
) -> Result<()> {
    let payload = [&header.to_bytes()[..], &settled.to_le_bytes()].concat();
    let envelope = file::wrap(MANIFEST_KIND, MANIFEST_VERSION, &payload);
    file::replace_on(disk, &directory.join(MANIFEST), &envelope)
}

fn read_manifest(disk: &dyn Disk, directory: &Path) -> Result<(log::Header, u64)> {
    let path = directory.join(MANIFEST);
    let manifest = file::load_from(disk, &path, MANIFEST_KIND, MANIFEST_VERSION, 4096);
    let (version, payload) = manifest.map_err(|e| match e.kind() {
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
    match payload[log::HEADER..].try_into() {
        Ok(settled) if version == MANIFEST_VERSION => Ok((header, u64::from_le_bytes(settled))),
        _ => Err(Error::corrupt(
            &path,
            log::HEADER as u64,
            format!("{} bytes where eight belong", payload.len() - log::HEADER),
        )),
    }
}

/// A log that holds more than its header. One that does not is what a crash leaves that comes
/// before the first manifest.
fn first_log_with_records(disk: &dyn Disk, directory: &Path) -> Result<Option<PathBuf>> {
    let files = disk.list(directory);
    let files = files.map_err(|e| Error::io("cannot read", directory, e))?;
    for path in files.into_iter().filter(|path| is_log(path)) {
        if disk.read(&path, LIMIT)?.len() > log::HEADER {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn is_log(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
    name.strip_prefix("log-")
        .is_some_and(|g| g.parse::<u64>().is_ok())
}

/// Logs that the manifest no longer names are left over from a rewrite. Best effort: one that stays
/// costs disk, nothing else, and the next open tries again.
fn remove_other_logs(disk: &dyn Disk, directory: &Path, keep: &Path) {
    let mut others = disk.list(directory).unwrap_or_default();
    others.retain(|path| is_log(path) && path != keep);
    // The manifest that names another log must be on disk before these are gone.
    if !others.is_empty() && disk.sync_directory(directory).is_ok() {
        for path in others {
            let _ = disk.remove(&path);
        }
    }
}
