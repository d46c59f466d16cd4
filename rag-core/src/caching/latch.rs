//! A lock that a forked child never waits for in vain.
//!
//! Locks here are held for a moment and never across anybody else's code, so the thread that forks holds none.
//! Another thread may have held one at that moment; it does not exist in the child, which finds what the lock
//! guards half changed and starts afresh. What nobody held is whole, and the child goes on with it.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

pub(crate) struct Latch<T> {
    process: u32,
    value: Mutex<T>,
    fresh: fn() -> T,
    /// Set in a child that found the lock held by a thread that may not exist.
    lost: AtomicBool,
    child: OnceLock<Box<Latch<T>>>,
}

impl<T> Latch<T> {
    pub(crate) fn new(fresh: fn() -> T) -> Self {
        Self {
            process: std::process::id(),
            value: Mutex::new(fresh()),
            fresh,
            lost: AtomicBool::new(false),
            child: OnceLock::new(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        if !self.lost.load(Relaxed) {
            match self.value.try_lock() {
                Ok(held) => return held,
                // Whoever panicked with it was out of memory: nothing else can, inside.
                Err(TryLockError::Poisoned(held)) => return held.into_inner(),
                // The number of the process costs a call of the system, so it is asked for only here.
                Err(TryLockError::WouldBlock) if self.process == std::process::id() => {
                    return self.value.lock().unwrap_or_else(PoisonError::into_inner);
                }
                Err(TryLockError::WouldBlock) => self.lost.store(true, Relaxed),
            }
        }
        self.child
            .get_or_init(|| Box::new(Self::new(self.fresh)))
            .lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_leaves_alone_what_a_vanished_thread_holds() {
        let latch: Latch<u32> = Latch {
            process: 0,
            ..Latch::new(u32::default)
        };
        *latch.lock() = 1;
        assert_eq!(*latch.lock(), 1, "what nobody holds is taken over");
        let held = latch.value.lock().unwrap();
        assert_eq!(*latch.lock(), 0, "what somebody holds is left alone");
        *latch.lock() = 2;
        drop(held);
        assert_eq!(*latch.lock(), 2, "for good");
    }
}
