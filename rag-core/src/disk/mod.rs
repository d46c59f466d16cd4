//! The file system, as far as anything here writes to it: one trait, so that tests can put another
//! one in its place, cut the power after every step and let any of them fail.
//!
//! What is written survives a crash of the process at once, and a power cut once it was synced: a
//! file's bytes by [`Output::sync`], its name by [`Disk::sync_directory`].

#[cfg(target_os = "linux")]
mod begin;
#[cfg(not(target_os = "linux"))]
#[path = "no_begin.rs"]
mod begin;
mod lock;
#[cfg(unix)]
mod map;
#[cfg(not(unix))]
#[path = "no_map.rs"]
mod map;
#[cfg(test)]
pub(crate) mod simulated;

use crate::error::{Error, Result};
use crate::plain::AlignedBytes;
#[cfg(test)]
pub(crate) use lock::locked;
pub(crate) use map::{Pages, expect};
use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file system.
pub(crate) trait Disk: Debug + Send + Sync {
    /// A whole file; one of more than `limit` bytes is refused.
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>>;
    /// How long a file is.
    fn length(&self, path: &Path) -> io::Result<u64>;
    /// A number that is another one when another file has taken the place of this one.
    fn stamp(&self, path: &Path) -> io::Result<u128>;
    /// The bytes of a file as it is now, read as they are looked at where the system can; they begin
    /// at a multiple of 64. Only for a file of which nothing is cut off or written over in place but
    /// zeros at its end.
    fn map(&self, path: &Path) -> io::Result<Box<dyn Bytes>>;
    /// What stands in a file from a place on, at most so many bytes.
    fn read_from(&self, path: &Path, at: u64, most: u64) -> io::Result<Vec<u8>>;
    /// A new, empty file, in the place of an older one.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Output>>;
    /// A file that is there, to be written to.
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

/// A file that is written.
pub(crate) trait Output: Debug + Send + Sync {
    /// Writes all the bytes behind those that were written last, or fails, after which some of them
    /// may be there.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// The same from a place on that is in the file or at its end.
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Has the system begin to bring what was written between two places to the disk, and does not
    /// wait. Best effort: only `sync` says that it is there.
    fn begin_sync(&mut self, _from: u64, _to: u64) {}
    /// Makes what was written durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file off.
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

    fn read_from(&self, path: &Path, at: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        Ok(Box::new(File::create(path)?))
    }

    fn extend(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        let file = OpenOptions::new().write(true).open(path)?;
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
        lock::take(path)
    }
}

impl Output for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.seek(SeekFrom::Start(at))?;
        self.write_all(bytes)
    }

    fn begin_sync(&mut self, from: u64, to: u64) {
        begin::begin_sync(self, from, to);
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}
