//! The file system, as far as anything here writes to it: one trait, so that tests can put another
//! one in its place, cut the power after every step and let any of them fail.
//!
//! What is written survives a crash of the process at once, and a power cut once it was synced: a
//! file's bytes by [`Output::sync`], its name by [`Disk::sync_directory`].

#[cfg(unix)]
mod map;
#[cfg(not(unix))]
#[path = "no_map.rs"]
mod map;
#[cfg(test)]
pub(crate) mod simulated;

use crate::error::{Error, ErrorKind, Result};
use crate::plain::AlignedBytes;
pub(crate) use map::{Pages, expect};
use std::fmt::Debug;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often, and how far apart, one who finds a lock taken looks for who has it.
const LOOKS: usize = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// A file system.
pub(crate) trait Disk: Debug + Send + Sync {
    /// A whole file; one of more than `limit` bytes is refused.
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>>;
    /// How long a file is.
    fn length(&self, path: &Path) -> io::Result<u64>;
    /// A number that is another one when another file has taken the place of this one.
    fn stamp(&self, path: &Path) -> io::Result<u128>;
    /// The bytes of a file as it is now, read as they are looked at where the system can; they begin
    /// at a multiple of 64. Only for a file of which nothing is cut off or written over in place.
    fn map(&self, path: &Path) -> io::Result<Box<dyn Bytes>>;
    /// What stands in a file from a place on.
    fn read_from(&self, path: &Path, at: u64) -> io::Result<Vec<u8>>;
    /// A new, empty file, in the place of an older one.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Output>>;
    /// A file that is there, to be written at its end.
    fn extend(&self, path: &Path) -> io::Result<Box<dyn Output>>;
    /// Gives a file another name, in the place of one that has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory with the files in it.
    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        for file in self.list(path)? {
            self.remove(&file)?;
        }
        Ok(())
    }
    /// The paths of all files in a directory.
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;
    /// Makes a directory, with those above it, unless it is there.
    fn make_directory(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable: new ones, changed ones, removed ones.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Takes the lock of a file or says who holds it, at once. It is held until the answer is
    /// dropped or the process ends.
    fn lock(&self, path: &Path) -> Result<Box<dyn Held>>;

    /// Whether there is such a file.
    fn exists(&self, path: &Path) -> bool {
        self.length(path).is_ok()
    }
}

/// A file that is written at its end.
pub(crate) trait Output: Debug + Send + Sync {
    /// Writes all the bytes or fails, after which some of them may be there.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Writes once more what stands at the end of the file already. After a sync that failed the
    /// system may show bytes that it will never bring to the disk unless they are written again.
    fn write_again(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file off; writing goes on there.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// Bytes that stay as they are.
pub(crate) trait Bytes: Debug + Send + Sync {
    fn bytes(&self) -> &[u8];

    /// `len` of them from `at` on, to be changed in memory, with room for so many; `None` where the
    /// system cannot.
    fn pages(&self, _at: usize, _len: usize, _room: usize) -> Option<Pages> {
        None
    }
}

impl Bytes for AlignedBytes {
    fn bytes(&self) -> &[u8] {
        self
    }
}

/// A lock that is held.
pub(crate) trait Held: Debug + Send + Sync {}

/// The file system of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct System;

impl Disk for System {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>> {
        let file = File::open(path).map_err(|e| Error::io("cannot open", path, e))?;
        let size = file
            .metadata()
            .map_err(|e| Error::io("cannot read", path, e))?
            .len();
        let too_big = || {
            Error::invalid(format!(
                "{} has more than {limit} bytes, the most that this file may have",
                path.display()
            ))
            .with_file(path)
        };
        if size > limit {
            return Err(too_big());
        }
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|e| Error::io("cannot read", path, e))?;
        match bytes.len() as u64 > limit {
            true => Err(too_big()),
            false => Ok(bytes),
        }
    }

    fn length(&self, path: &Path) -> io::Result<u64> {
        Ok(std::fs::metadata(path)?.len())
    }

    fn stamp(&self, path: &Path) -> io::Result<u128> {
        let data = std::fs::metadata(path)?;
        let written = data.modified()?.duration_since(std::time::UNIX_EPOCH);
        let written = written.map_or(0, |at| at.as_nanos());
        #[cfg(unix)]
        let written = {
            use std::os::unix::fs::MetadataExt;
            // A file that was there before may have had the same number, but not at the same time.
            written ^ u128::from(data.ino()) << 64
        };
        Ok(written)
    }

    fn map(&self, path: &Path) -> io::Result<Box<dyn Bytes>> {
        let mut file = File::open(path)?;
        let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        #[cfg(unix)]
        if len > 0 {
            return Ok(Box::new(map::Mapping::new(file, len)?));
        }
        let read = AlignedBytes::filled(len, |room| file.read_exact(room).map(|()| room.len()));
        Ok(Box::new(read?))
    }

    fn read_from(&self, path: &Path, at: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        Ok(Box::new(File::create(path)?))
    }

    fn extend(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Box::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir_all(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        std::fs::read_dir(directory)?
            .map(|entry| Ok(entry?.path()))
            .collect()
    }

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        match cfg!(unix) {
            true => File::open(path)?.sync_all(),
            false => Ok(()),
        }
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Held>> {
        let io = |e| Error::io("cannot lock", path, e);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(&mut file, path)),
            Err(TryLockError::Error(e)) => return Err(io(e)),
        }
        file.set_len(0).map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Box::new(Lock {
            file,
            pid: std::process::id(),
        }))
    }
}

impl Output for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn write_again(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.seek(SeekFrom::Start(at))?;
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length)).map(drop)
    }
}

/// The kernel drops the lock with the file, and so with the process: none is ever stale. A forked
/// child has the file too: it must neither keep the lock when its parent lets go nor give it away.
#[derive(Debug)]
struct Lock {
    file: File,
    pid: u32,
}

impl Held for Lock {}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.pid == std::process::id() {
            // If this fails, the file is closed all the same.
            let _ = self.file.unlock();
        }
    }
}

fn held(file: &mut File, path: &Path) -> Error {
    let mut look = || {
        let mut text = String::new();
        let read = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| file.take(32).read_to_string(&mut text));
        read.ok().and_then(|_| text.trim().parse::<u32>().ok())
    };
    // Who has just taken the lock writes its id in a moment, and until then there may be that of
    // one before: what stands there twice is it. The lock is what counts.
    let mut last = None;
    for _ in 0..LOOKS {
        let found = look();
        if found.is_some() && found == last {
            break;
        }
        last = found;
        std::thread::sleep(BETWEEN_LOOKS);
    }
    locked(path, last)
}

/// What a second writer is told.
pub(crate) fn locked(path: &Path, pid: Option<u32>) -> Error {
    let holder = pid.map_or_else(|| "another process".to_owned(), |p| format!("process {p}"));
    let message = format!(
        "{} is held by {holder}; close it there, or open with read_only",
        path.parent().unwrap_or(path).display()
    );
    let error = Error::new(ErrorKind::Locked, message);
    match pid {
        Some(pid) => error.with_pid(pid),
        None => error,
    }
}
