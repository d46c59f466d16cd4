//! Bytes that last: a directory with a lock, a manifest, one append-only log and an image.
//!
//! The store knows records and checksums, not what they mean. A record that [`Store::append`]
//! acknowledged at durability `sync` is on disk. [`Store::rewrite`] puts a shorter log in the
//! place of the old one: it writes the new log beside it and swaps the manifest, so that a crash
//! leaves one or the other. An image holds what was made of the records up to some point, so that
//! opening need not make it again; without it, or with a damaged one, opening takes longer and
//! finds the same. One writer holds the kernel's lock on `lock`; readers need none. After a failed
//! write the writer is poisoned: nothing is retried as if nothing had happened.
//!
//! Read `log` for the bytes, `manifest` for which files count, then this; `writer` adds, `follow`
//! looks again, `records` reads what is there.

mod follow;
mod log;
mod manifest;
#[cfg(test)]
mod power_tests;
mod records;
mod writer;

pub(crate) use follow::Followed;
pub use follow::News;
pub(crate) use records::Records;

use crate::disk::{Disk, Held, System};
use crate::error::{Error, ErrorKind, Result};
use crate::image::{self, Image};
use crate::option_enum;
use crate::{file, options};
use manifest::{MANIFEST, Manifest, image_path, log_path};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use writer::{Meanwhile, NewLog, Writer};

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

/// What opening or verifying found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Whole records read: those behind the image, where there is one.
    pub records: usize,
    /// Bytes in the log.
    pub bytes: u64,
    /// Bytes of an unfinished write behind the last whole record, set aside in a `.torn` file.
    pub torn_bytes: u64,
}

/// Who makes something of what a store holds.
pub(crate) trait Replay {
    /// Takes what an image holds for what the first records of a log would come to; answers whether
    /// it could. If not it is as it was, and all records follow.
    fn restore(&mut self, image: &Image, records: &Arc<Records>) -> bool;
    /// Takes in one record, which begins at `at` in the log.
    fn replay(&mut self, at: u64, payload: &[u8], records: &Arc<Records>) -> Result<()>;
    /// Takes in several, one after the other; says which of them it was that could not be taken in.
    fn replay_all(
        &mut self,
        all: &[(u64, &[u8])],
        records: &Arc<Records>,
    ) -> Result<(), (usize, Error)> {
        for (i, &(at, payload)) in all.iter().enumerate() {
            self.replay(at, payload, records).map_err(|e| (i, e))?;
        }
        Ok(())
    }
}

/// One who only wants the payloads.
struct Payloads<F>(F);

impl<F: FnMut(&[u8]) -> Result<()>> Replay for Payloads<F> {
    fn restore(&mut self, _: &Image, _: &Arc<Records>) -> bool {
        false
    }

    fn replay(&mut self, _: u64, payload: &[u8], _: &Arc<Records>) -> Result<()> {
        (self.0)(payload)
    }
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
    /// How far a reader has read the log.
    seen: log::Place,
    /// The manifest when the log was last looked at.
    manifest: Option<u128>,
}

/// What is written over what a crash has torn.
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// A log that was opened.
struct OpenLog {
    manifest: Manifest,
    path: PathBuf,
    records: Arc<Records>,
}

impl OpenLog {
    /// Opens the log that the manifest names. A writer may put another in its place meanwhile.
    fn new(disk: &dyn Disk, directory: &Path) -> Result<Self> {
        let mut manifest = Manifest::read(disk, directory)?;
        loop {
            let header = manifest.header;
            let path = log_path(directory, header.generation);
            let error = match disk.map(&path) {
                Ok(bytes) => {
                    let found = log::Header::parse(bytes.bytes(), &path)?;
                    if found != header {
                        return Err(Error::corrupt(&path, 16, "it belongs to another store"));
                    }
                    let records = Arc::new(Records::new(bytes, header, path.clone()));
                    return Ok(Self {
                        manifest,
                        path,
                        records,
                    });
                }
                Err(error) => Error::io("cannot open", &path, error),
            };
            manifest = Manifest::read(disk, directory)?;
            if error.kind() != ErrorKind::NotFound {
                return Err(error);
            }
            if header == manifest.header {
                let found = "the manifest names it and it is not there; restore it from a backup";
                return Err(Error::corrupt(&path, 0, found));
            }
        }
    }

    /// The records from a place on.
    fn found(&self, from: log::Place) -> Result<log::Found<'_>> {
        let Manifest { header, settled } = self.manifest;
        log::scan(self.records.bytes(), header, from, settled, &self.path)
    }

    fn recovery(&self, found: &log::Found<'_>) -> Recovery {
        let next = found.next.at;
        let torn_bytes = log::written(&self.records.all()[next as usize..]) as u64;
        Recovery {
            records: found.records.len(),
            bytes: next + torn_bytes,
            torn_bytes,
        }
    }

    /// The image of this log, if there is one that was written whole.
    fn image(&self, disk: &dyn Disk, directory: &Path) -> Option<Image> {
        let log::Header { store, generation } = self.manifest.header;
        let image = Image::open(disk, &image_path(directory, generation)).ok()?;
        let of = (image.head.store, image.head.generation);
        (image::POSSIBLE && of == (store, generation)).then_some(image)
    }

    /// Hands over what is in the image, which was on disk before it, and the records behind it.
    /// Answers what was found, and where the next record belongs.
    fn replay(
        &mut self,
        disk: &dyn Disk,
        directory: &Path,
        replay: &mut dyn Replay,
    ) -> Result<(Recovery, log::Place)> {
        let restored = self.image(disk, directory);
        let restored = restored.filter(|image| replay.restore(image, &self.records));
        let from = restored.map_or(log::FIRST, |image| log::Place {
            at: image.head.covered,
            sequence: image.head.next,
        });
        self.manifest.settled = self.manifest.settled.max(from.at);
        let found = self.found(from)?;
        let replayed = replay.replay_all(&found.records, &self.records);
        replayed.map_err(|(i, error)| {
            let sequence = from.sequence + i as u64;
            error.context(format!("{} record {sequence}", self.path.display()))
        })?;
        let (recovery, next) = (self.recovery(&found), found.next);
        self.records.end_at(next.at);
        Ok((recovery, next))
    }
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
        let replay = &mut Payloads(replay);
        Self::open_on(Arc::new(System), directory, options, replay)
    }

    /// [`Store::open`] on another file system, for one who knows images.
    pub(crate) fn open_on(
        disk: Arc<dyn Disk>,
        directory: &Path,
        options: &StoreOptions,
        replay: &mut dyn Replay,
    ) -> Result<Self> {
        options.check()?;
        if directory.as_os_str().is_empty() {
            return Err(Error::invalid("the path is empty; name a directory"));
        }
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
        let mut open = OpenLog::new(&*disk, directory)?;
        let (recovery, next) = open.replay(&*disk, directory, replay)?;
        let mut store = Self {
            disk,
            directory: directory.to_path_buf(),
            durability: options.durability,
            header: open.manifest.header,
            log: open.path.clone(),
            writer: None,
            recovery,
            seen: next,
            manifest: None,
        };
        if let Some(lock) = lock {
            store.begin_writing(lock, &open)?;
        }
        Ok(store)
    }

    /// Makes the files of an empty store.
    fn create(disk: &dyn Disk, directory: &Path) -> Result<()> {
        if let Some(stray) = manifest::first_log_with_records(disk, directory)? {
            return Err(Error::corrupt(
                &stray,
                0,
                "there is a log but no manifest beside it; restore the manifest from a backup",
            ));
        }
        let header = log::Header::new();
        file::replace_on(disk, &log_path(directory, 1), &header.to_bytes())?;
        let settled = log::HEADER as u64;
        Manifest { header, settled }.write(disk, directory)
    }

    fn begin_writing(&mut self, lock: Box<dyn Held>, open: &OpenLog) -> Result<()> {
        let io = |e| Error::io("cannot write", &self.log, e);
        let Manifest { header, settled } = open.manifest;
        let (bytes, next) = (open.records.all(), self.seen);
        let whole = next.at as usize;
        let torn = log::written(&bytes[whole..]);
        if torn > 0 {
            let aside = self.log.with_extension(format!("{whole}.torn"));
            let kept = file::replace_on(&*self.disk, &aside, &bytes[whole..][..torn]);
            unless_full(kept)?;
        }
        let mut file = self.disk.extend(&self.log).map_err(io)?;
        // Zeros are written over it rather than the file cut: a reader may be looking through it.
        for (at, torn) in (next.at..)
            .step_by(ZEROS.len())
            .zip(bytes[whole..][..torn].chunks(ZEROS.len()))
        {
            file.write_at(at, &ZEROS[..torn.len()]).map_err(io)?;
        }
        if settled < next.at || torn > 0 {
            // What a crash has left is what there is: from now on none of it is lost in silence.
            // It is written once more: after a sync that failed the system may show bytes that it
            // will not bring to the disk otherwise.
            let rest = &bytes[settled as usize..whole];
            file.write_at(settled, rest)
                .and_then(|()| file.sync())
                .map_err(io)?;
            let settled = next.at;
            let told = Manifest { header, settled }.write(&*self.disk, &self.directory);
            unless_full(told)?;
        }
        manifest::remove_others(&*self.disk, &self.directory, header.generation);
        writer::keep_spare(&*self.disk, &self.directory);
        self.writer = Some(Writer {
            path: self.log.clone(),
            file,
            header,
            sequence: next.sequence,
            length: next.at,
            end: bytes.len() as u64,
            synced: next.at,
            settled: next.at,
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
        self.put_all(payloads).map(drop)
    }

    /// [`Store::append_all`], with where each record begins in the log.
    pub(crate) fn put_all<'a>(
        &mut self,
        payloads: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Vec<u64>> {
        self.put_all_while(payloads, None)
    }

    /// [`Store::put_all`] with something to be done while the disk is busy: at durability `sync`, and
    /// not at all at another.
    pub(crate) fn put_all_while<'a>(
        &mut self,
        payloads: impl IntoIterator<Item = &'a [u8]>,
        meanwhile: Option<Meanwhile<'_>>,
    ) -> Result<Vec<u64>> {
        let durability = self.durability;
        let writer = self.writer()?;
        let (before, sequence) = (writer.unwritten.len(), writer.sequence);
        let places = writer.frame(payloads);
        let written = match durability {
            Durability::Memory => Ok(()),
            Durability::Os => writer.flush(),
            Durability::Sync => writer.sync_while(meanwhile),
        };
        if let Err(error) = written {
            writer.unwritten.truncate(before);
            writer.sequence = sequence;
            return Err(error);
        }
        Ok(places)
    }

    /// Gives up the room that is kept for a full disk; answers whether there was some. For one whose
    /// record makes room in the end.
    pub(crate) fn give_up_spare(&mut self) -> bool {
        self.writer.is_some() && writer::give_up_spare(&*self.disk, &self.directory)
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
            let settled = writer.length;
            let told = Manifest { header, settled }.write(disk, directory);
            unless_full(told)?;
            writer.settled = settled;
        }
        Ok(())
    }

    /// Puts a log of `records` in the place of the present one, all or nothing. After an error the
    /// present one is still there; if it cannot be told which of the two a crash would leave, the
    /// store takes no more writes.
    pub fn rewrite<'a>(&mut self, records: impl Iterator<Item = Vec<u8>> + 'a) -> Result<()> {
        self.rewrite_with(records.map(Ok), None::<NoImage>)
            .map(drop)
    }

    /// [`Store::rewrite`] with an image of what the records come to, written with where each of them
    /// begins; and the new log, with these places.
    pub(crate) fn rewrite_with(
        &mut self,
        records: impl Iterator<Item = Result<Vec<u8>>>,
        image: Option<impl FnOnce(&[u64], &mut image::Writer<'_>) -> io::Result<()>>,
    ) -> Result<(Vec<u64>, Arc<Records>)> {
        self.writer()?;
        let header = log::Header {
            generation: self.header.generation + 1,
            ..self.header
        };
        let (disk, directory) = (&*self.disk, &self.directory);
        let path = log_path(directory, header.generation);
        let new = write_log(disk, directory, header, records, image)?;
        let map = disk.map(&path);
        let bytes = map.map_err(|e| Error::io("cannot open", &path, e))?;
        let records = Arc::new(Records::new(bytes, header, path.clone()));
        let settled = new.next.at;
        if let Err(error) = (Manifest { header, settled }).write(disk, directory) {
            self.writer()?.poisoned = Some(error.to_string());
            return Err(error);
        }
        manifest::remove_others(disk, directory, header.generation);
        writer::keep_spare(disk, directory);
        self.header = header;
        self.log.clone_from(&path);
        let writer = self.writer()?;
        (writer.path, writer.file, writer.header) = (path, new.file, header);
        (writer.length, writer.sequence) = (settled, new.next.sequence);
        (writer.end, writer.synced, writer.settled) = (settled, settled, settled);
        writer.unwritten.clear();
        Ok((new.places, records))
    }

    /// Makes everything durable, and an image of what it comes to, all or nothing, in the place of
    /// an older one.
    pub(crate) fn write_image(
        &mut self,
        fill: impl FnOnce(&mut image::Writer<'_>) -> io::Result<()>,
    ) -> Result<()> {
        let writer = self.writer()?;
        writer.sync()?;
        let (header, next) = (writer.header, writer.next());
        write_image(&*self.disk, &self.directory, header, next, fill)
    }

    /// Makes a store of `records` in `directory`, which must be empty or absent.
    pub fn write_new(directory: &Path, records: impl Iterator<Item = Vec<u8>>) -> Result<()> {
        Self::write_new_with(directory, records.map(Ok), None::<NoImage>)
    }

    /// [`Store::write_new`] with an image as [`Store::rewrite_with`] writes it.
    pub(crate) fn write_new_with(
        directory: &Path,
        records: impl Iterator<Item = Result<Vec<u8>>>,
        image: Option<impl FnOnce(&[u64], &mut image::Writer<'_>) -> io::Result<()>>,
    ) -> Result<()> {
        if System.list(directory).is_ok_and(|files| !files.is_empty()) {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("{} is not empty; name a new directory", directory.display()),
            ));
        }
        let io = |e| Error::io("cannot make", directory, e);
        System.make_directory(directory).map_err(io)?;
        let lock = System.lock(&directory.join("lock"))?;
        let header = log::Header::new();
        let made = write_log(&System, directory, header, records, image).and_then(|new| {
            // Until this is there it is no store, and certainly not an empty one.
            let settled = new.next.at;
            let made = Manifest { header, settled }.write(&System, directory);
            made.inspect_err(|_| remove_log(&System, directory, header))
        });
        drop(lock);
        made.inspect_err(|_| {
            let _ = System.remove(&directory.join("lock"));
        })
    }

    /// Reads the log from disk again and checks every checksum, those of the image too.
    pub fn verify(&self) -> Result<Recovery> {
        self.check(|_, _| Ok(()))
    }

    /// [`Store::verify`], handing out every record with where it begins.
    pub(crate) fn check(&self, mut each: impl FnMut(u64, &[u8]) -> Result<()>) -> Result<Recovery> {
        let open = OpenLog::new(&*self.disk, &self.directory)?;
        let found = open.found(log::FIRST)?;
        for &(at, record) in &found.records {
            each(at, record)?;
        }
        let generation = open.manifest.header.generation;
        let path = image_path(&self.directory, generation);
        if self.disk.exists(&path) {
            let checked = Image::open(&*self.disk, &path).and_then(|image| image.check());
            checked.map_err(|what| {
                let found = format!("{what}; it is made anew by the next checkpoint");
                Error::corrupt(&path, 0, found)
            })?;
        }
        Ok(open.recovery(&found))
    }

    /// What opening found.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// When a write counts as done.
    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }

    /// Bytes in the log, those not yet handed to the operating system included.
    pub fn log_bytes(&self) -> u64 {
        match &self.writer {
            Some(writer) => writer.next().at,
            None => self.seen.at,
        }
    }

    /// Bytes of the image, if there is one.
    pub(crate) fn image_bytes(&self) -> u64 {
        let path = image_path(&self.directory, self.header.generation);
        self.disk.length(&path).unwrap_or(0)
    }

    /// The number of the next record of the log, and a number that is the same for as long as the
    /// log is, wherever it is read.
    pub(crate) fn pace(&self) -> (u64, u64) {
        let sequence = self.writer.as_ref().map(|writer| writer.sequence);
        (sequence.unwrap_or(self.seen.sequence), self.header.salt())
    }

    /// The file system that it lies on.
    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
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

type NoImage = fn(&[u64], &mut image::Writer<'_>) -> io::Result<()>;

/// Writes a log with an image of what it comes to, if one is wanted: both, or neither.
fn write_log(
    disk: &dyn Disk,
    directory: &Path,
    header: log::Header,
    records: impl Iterator<Item = Result<Vec<u8>>>,
    image: Option<impl FnOnce(&[u64], &mut image::Writer<'_>) -> io::Result<()>>,
) -> Result<NewLog> {
    let path = log_path(directory, header.generation);
    let made = NewLog::write(disk, &path, header, records).and_then(|new| {
        if let Some(image) = image {
            write_image(disk, directory, header, new.next, |to| {
                image(&new.places, to)
            })?;
        }
        Ok(new)
    });
    made.inspect_err(|_| remove_log(disk, directory, header))
}

/// Best effort: files that nobody names cost disk, and the next rewrite replaces them.
fn remove_log(disk: &dyn Disk, directory: &Path, header: log::Header) {
    let _ = disk.remove(&log_path(directory, header.generation));
    let _ = disk.remove(&image_path(directory, header.generation));
}

/// Writes the image of a log up to `next`.
fn write_image(
    disk: &dyn Disk,
    directory: &Path,
    header: log::Header,
    next: log::Place,
    fill: impl FnOnce(&mut image::Writer<'_>) -> io::Result<()>,
) -> Result<()> {
    if !image::POSSIBLE {
        return Ok(());
    }
    let path = image_path(directory, header.generation);
    let head = image::Head {
        store: header.store,
        generation: header.generation,
        covered: next.at,
        next: next.sequence,
    };
    let mut fill = Some(fill);
    file::replace_with(disk, &path, &mut |out| {
        let mut writer = image::Writer::new(out, &head);
        if let Some(fill) = fill.take() {
            fill(&mut writer)?;
        }
        writer.finish().map(drop)
    })
}

/// Lets a full disk pass where what there was no room for only helps to tell damage from what a crash
/// leaves: a store that is full can be opened, read, deleted from and closed.
fn unless_full(done: Result<()>) -> Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::DiskFull => Ok(()),
        done => done,
    }
}
