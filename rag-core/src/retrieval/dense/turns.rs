//! Taking turns: many look at once, one changes at a time and needs all others out only for the
//! moment in which a change is made.
//!
//! In a forked child the threads that held a lock do not exist: it waits [`PATIENCE`] for one and
//! fails then. Nothing is called back while a lock is held, so no thread waits for itself.

use crate::error::{Error, ErrorKind, Result};
use std::sync::{LockResult, Mutex, MutexGuard, PoisonError, TryLockError, TryLockResult};
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Turns<T> {
    pid: u32,
    /// Held by who is about to change the value, while it still only looks at it as well.
    writer: Mutex<()>,
    value: RwLock<T>,
}

impl<T> Turns<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            pid: std::process::id(),
            writer: Mutex::new(()),
            value: RwLock::new(value),
        }
    }

    /// Keeps other writers away, until what it answers is dropped; readers go on.
    pub(super) fn writer(&self) -> Result<MutexGuard<'_, ()>> {
        // Whoever panicked with it had changed nothing, or the value says so itself.
        match self.take(|| self.writer.lock(), || self.writer.try_lock()) {
            Err(Stuck::Poisoned(held)) => Ok(held),
            taken => taken.or_else(fail),
        }
    }

    pub(super) fn read(&self) -> Result<RwLockReadGuard<'_, T>> {
        self.take(|| self.value.read(), || self.value.try_read())
            .or_else(fail)
    }

    /// Lets one in that holds the writer's turn.
    pub(super) fn write(&self) -> Result<RwLockWriteGuard<'_, T>> {
        self.take(|| self.value.write(), || self.value.try_write())
            .or_else(fail)
    }

    /// A copy, of a value that a change broke off in as well.
    pub(super) fn copy(&self) -> T
    where
        T: Clone,
    {
        let held = self.value.read().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }

    fn take<G>(
        &self,
        wait: impl FnOnce() -> LockResult<G>,
        attempt: impl Fn() -> TryLockResult<G>,
    ) -> std::result::Result<G, Stuck<G>> {
        if self.pid == std::process::id() {
            return wait().map_err(|poisoned| Stuck::Poisoned(poisoned.into_inner()));
        }
        let start = Instant::now();
        loop {
            match attempt() {
                Ok(held) => return Ok(held),
                Err(TryLockError::Poisoned(held)) => {
                    return Err(Stuck::Poisoned(held.into_inner()));
                }
                Err(TryLockError::WouldBlock) if start.elapsed() >= PATIENCE => {
                    return Err(Stuck::Forked);
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }
}

enum Stuck<G> {
    Poisoned(G),
    Forked,
}

fn fail<G>(stuck: Stuck<G>) -> Result<G> {
    Err(match stuck {
        Stuck::Poisoned(_) => Error::new(
            ErrorKind::Closed,
            "an earlier change broke off inside this index and left it half made; load it again",
        ),
        Stuck::Forked => Error::new(
            ErrorKind::Forked,
            "another thread was using this index when the process forked; make it again in the child",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_broke_off_closes_the_value_and_one_that_had_not_begun_does_not() {
        let turns = Turns::new(7);
        let broke = |write: bool| {
            std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    let _turn = turns.writer().unwrap();
                    let _held = write.then(|| turns.write().unwrap());
                    panic!("on purpose");
                });
                thread.join().unwrap_err()
            })
        };
        broke(false);
        let turn = turns.writer().unwrap();
        assert_eq!(*turns.read().unwrap(), 7, "readers pass a writer's turn");
        drop(turn);
        broke(true);
        assert_eq!(turns.read().unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(turns.write().unwrap_err().kind(), ErrorKind::Closed);
    }
}
