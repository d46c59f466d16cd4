//! The lock of a store: the kernel's, on a file that also says who has it.

use super::Held;
use crate::error::{Error, ErrorKind, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

/// How often, and how far apart, one who finds a lock taken looks for who has it.
const LOOKS: usize = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// Takes the lock of a file, which is made if it is not there, or says who has it.
pub(super) fn take(path: &Path) -> Result<Box<dyn Held>> {
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
    if let Some(pid) = kernel_says(file) {
        return locked(path, Some(pid));
    }
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

/// Who has the lock of a file, where the kernel tells and calls files what they are called here.
#[cfg(target_os = "linux")]
fn kernel_says(file: &File) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let about = file.metadata().ok()?;
    let (major, minor) = (libc::major(about.dev()), libc::minor(about.dev()));
    let place = format!("{major:02x}:{minor:02x}:{}", about.ino());
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // "1: FLOCK ADVISORY WRITE 5785 fe:00:6094854 0 EOF"; who waits has an arrow behind the number.
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", pid, at, ..] = words[..] else {
            return None;
        };
        let pid = pid.parse().ok().filter(|&pid| pid > 0)?;
        (at == place).then_some(pid)
    })
}

#[cfg(not(target_os = "linux"))]
fn kernel_says(_: &File) -> Option<u32> {
    None
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_the_lock_is_told_whatever_the_file_says() {
        let path = std::env::temp_dir().join(format!("ragcore-lock-{}", std::process::id()));
        let lock = take(&path).unwrap();
        let told = |path: &Path| take(path).unwrap_err().pid();
        assert_eq!(told(&path), Some(std::process::id()));
        if cfg!(target_os = "linux") {
            for text in ["", "1\n", "no number"] {
                std::fs::write(&path, text).unwrap();
                assert_eq!(told(&path), Some(std::process::id()), "{text:?}");
            }
        }
        drop(lock);
        drop(take(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
    }
}
