//! A lock around what the core wants exclusively, safe against fork and against itself.
//!
//! A thread that held the lock does not exist in a forked child, so the child would wait for
//! ever: it waits [`PATIENCE`] and is told `Forked`. A progress function that calls the object
//! whose method runs it would wait for its own thread: it is told so at once.

use rag_core::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{RwLock, TryLockError};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(5);

/// A value of the core behind a lock that knows its process and its holder.
pub(crate) struct Guarded<T> {
    pid: u32,
    writer: AtomicU64,
    lock: RwLock<T>,
}

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            pid: std::process::id(),
            writer: AtomicU64::new(0),
            lock: RwLock::new(value),
        }
    }

    /// Looks at the value, beside other readers. Call it without the interpreter.
    pub(crate) fn read<R>(&self, body: impl FnOnce(&T) -> Result<R>) -> Result<R> {
        self.check_not_mine()?;
        let guard = if self.is_child() {
            patiently(|| self.lock.try_read())?
        } else {
            self.lock.read().map_err(|_| broken())?
        };
        body(&guard)
    }

    /// Changes the value, alone. Call it without the interpreter.
    pub(crate) fn write<R>(&self, body: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        self.check_not_mine()?;
        let mut guard = if self.is_child() {
            patiently(|| self.lock.try_write())?
        } else {
            self.lock.write().map_err(|_| broken())?
        };
        self.writer.store(this_thread(), Ordering::Relaxed);
        let _reset = Reset(&self.writer);
        body(&mut guard)
    }

    fn is_child(&self) -> bool {
        self.pid != std::process::id()
    }

    fn check_not_mine(&self) -> Result<()> {
        if self.writer.load(Ordering::Relaxed) == this_thread() && !self.is_child() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "this object is busy with the call that runs this function; use it afterwards",
            ));
        }
        Ok(())
    }
}

/// A panic in the middle of a change leaves the value in no state to go on from.
fn broken() -> Error {
    Error::new(
        ErrorKind::Closed,
        "an earlier call broke off inside this object and left it half changed; load it again",
    )
}

/// Clears the holder also when the body panics.
struct Reset<'a>(&'a AtomicU64);

impl Drop for Reset<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// A number for the running thread, never 0.
fn this_thread() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local!(static MINE: u64 = NEXT.fetch_add(1, Ordering::Relaxed));
    MINE.with(|mine| *mine)
}

fn patiently<G>(
    mut attempt: impl FnMut() -> std::result::Result<G, TryLockError<G>>,
) -> Result<G> {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(guard) => return Ok(guard),
            Err(TryLockError::Poisoned(_)) => return Err(broken()),
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(
                    ErrorKind::Forked,
                    "another thread was using this object when the process forked; \
                     make it again in the child",
                ));
            }
        }
    }
}
