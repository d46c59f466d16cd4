//! A lock around what the core wants exclusively, safe against fork and against itself.
//!
//! A thread that held the lock does not exist in a forked child, so the child would wait for
//! ever: it waits [`PATIENCE`] and is told `Forked`. A progress function that calls the object
//! whose method runs it would wait for its own thread: it is told so at once.

use rag_core::{Error, ErrorKind, Result};
use std::cell::RefCell;
use std::sync::{RwLock, TryLockError};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(5);

thread_local! {
    /// The addresses of the locks that this thread holds.
    static HELD: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// A value of the core behind a lock that knows its process and its holders.
pub(crate) struct Guarded<T> {
    pid: u32,
    lock: RwLock<T>,
}

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            pid: std::process::id(),
            lock: RwLock::new(value),
        }
    }

    /// Looks at the value, beside other readers. Call it without the interpreter.
    pub(crate) fn read<R>(&self, body: impl FnOnce(&T) -> Result<R>) -> Result<R> {
        let guard = if self.is_held_here() {
            // A second look is fine unless a writer waits, who would let nobody pass.
            self.lock.try_read().map_err(|_| busy())?
        } else if self.is_child() {
            patiently(|| self.lock.try_read())?
        } else {
            self.lock.read().map_err(|_| broken())?
        };
        let _held = self.hold();
        body(&guard)
    }

    /// Changes the value, alone. Call it without the interpreter.
    pub(crate) fn write<R>(&self, body: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        let mut guard = if self.is_held_here() {
            return Err(busy());
        } else if self.is_child() {
            patiently(|| self.lock.try_write())?
        } else {
            self.lock.write().map_err(|_| broken())?
        };
        let _held = self.hold();
        body(&mut guard)
    }

    fn is_child(&self) -> bool {
        self.pid != std::process::id()
    }

    fn is_held_here(&self) -> bool {
        HELD.with_borrow(|held| held.contains(&self.address()))
    }

    fn hold(&self) -> Held {
        HELD.with_borrow_mut(|held| held.push(self.address()));
        Held
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// Locks are let go in the opposite order of taking, also when the body panics.
struct Held;

impl Drop for Held {
    fn drop(&mut self) {
        HELD.with_borrow_mut(|held| held.pop());
    }
}

fn busy() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "this object is busy with the call that runs this function; use it afterwards",
    )
}

/// A panic in the middle of a change leaves the value in no state to go on from.
fn broken() -> Error {
    Error::new(
        ErrorKind::Closed,
        "an earlier call broke off inside this object and left it half changed; load it again",
    )
}

fn patiently<G>(mut attempt: impl FnMut() -> std::result::Result<G, TryLockError<G>>) -> Result<G> {
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
