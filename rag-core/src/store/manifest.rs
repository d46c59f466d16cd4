//! The manifest, and the names of the files that it rules.
//!
//! It says which log is the store's, and how many bytes of that are certainly on disk. It is replaced
//! as a whole, after what it names.

use super::log;
use crate::disk::Disk;
use crate::error::{Error, ErrorKind, Result};
use crate::file;
use std::path::{Path, PathBuf};

pub(super) const MANIFEST: &str = "manifest";
const KIND: &str = "manifest";
const VERSION: u32 = 3;
/// What files of a generation are called in front of its number.
const LOG: &str = "log-";
const IMAGE: &str = "image-";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    /// The header of the log.
    pub(super) header: log::Header,
    /// Bytes of it that are on disk.
    pub(super) settled: u64,
}

impl Manifest {
    pub(super) fn write(self, disk: &dyn Disk, directory: &Path) -> Result<()> {
        let payload = [&self.header.to_bytes()[..], &self.settled.to_le_bytes()].concat();
        let envelope = file::wrap(KIND, VERSION, &payload);
        file::replace_on(disk, &directory.join(MANIFEST), &envelope)
    }

    pub(super) fn read(disk: &dyn Disk, directory: &Path) -> Result<Self> {
        let path = directory.join(MANIFEST);
        let manifest = file::load_from(disk, &path, KIND, VERSION, 4096);
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
        if version != VERSION {
            return Err(Error::new(
                ErrorKind::FormatVersion,
                format!(
                    "{} is of format {version}, this release reads {VERSION}; use the release that \
                     wrote it to copy what is in it",
                    path.display()
                ),
            )
            .with_file(&path));
        }
        let header = log::Header::parse(&payload, &path)?;
        match payload[log::HEADER..].try_into() {
            Ok(settled) => Ok(Self {
                header,
                settled: u64::from_le_bytes(settled),
            }),
            Err(_) => Err(Error::corrupt(
                &path,
                log::HEADER as u64,
                format!("{} bytes where eight belong", payload.len() - log::HEADER),
            )),
        }
    }
}

pub(super) fn log_path(directory: &Path, generation: u64) -> PathBuf {
    directory.join(format!("{LOG}{generation}"))
}

pub(super) fn image_path(directory: &Path, generation: u64) -> PathBuf {
    directory.join(format!("{IMAGE}{generation}"))
}

/// A log that holds more than its header. One that does not is what a crash leaves that comes
/// before the first manifest.
pub(super) fn first_log_with_records(disk: &dyn Disk, directory: &Path) -> Result<Option<PathBuf>> {
    let io = |e| Error::io("cannot read", directory, e);
    for path in disk.list(directory).map_err(io)? {
        if generation(&path, LOG).is_some() && disk.length(&path).map_err(io)? > log::HEADER as u64
        {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn generation(path: &Path, kind: &str) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix(kind)?.parse().ok()
}

/// Logs and images of other generations are left over from a rewrite, temporary files from a crash.
/// For the one writer. Best effort: one that stays costs disk, nothing else, and the next open tries
/// again.
pub(super) fn remove_others(disk: &dyn Disk, directory: &Path, keep: u64) {
    let other = |path: &PathBuf| {
        let of = generation(path, LOG).or_else(|| generation(path, IMAGE));
        let temporary = path.extension().is_some_and(|ending| ending == "tmp");
        temporary || of.is_some_and(|generation| generation != keep)
    };
    let mut others = disk.list(directory).unwrap_or_default();
    others.retain(other);
    // The manifest that names another log must be on disk before these are gone.
    if !others.is_empty() && disk.sync_directory(directory).is_ok() {
        for path in others {
            let _ = disk.remove(&path);
        }
    }
}
