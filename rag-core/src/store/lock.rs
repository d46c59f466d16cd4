//! One writer: an exclusive kernel lock on a file that holds the writer's process id.
//!
//! The kernel drops the lock with the process, so a killed writer leaves no stale one.

use crate::error::{Error, ErrorKind, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock at once or says who holds it.
    pub(super) fn take(path: &Path) -> Result<Self> {
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
        Ok(Self { _file: file })
    }
}

fn held(file: &mut File, path: &Path) -> Error {
    let mut text = String::new();
    // The holder may be writing its id just now; the lock is what counts.
    let _ = file.take(32).read_to_string(&mut text);
    let pid = text.trim().parse::<u32>().ok();
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
