//! A lock that is held for moments and never across code of others.
//!
//! A thread that held it when the process forked does not exist in the child, which would wait for ever.
//! There it is tried for a while instead, and given up: measuring must not stop what is measured.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

/// Far longer than anybody here holds a lock.
const PATIENCE: Duration = Duration::from_secs(2);

/// A value that is looked at and changed alone.
#[derive(Debug)]
pub(super) struct Latch<T> {
    pid: u32,
    lost: AtomicBool,
    value: Mutex<T>,
}

impl<T> Latch<T> {
    pub fn new(value: T) -> Self {
        Self {
            pid: std::process::id(),
            lost: AtomicBool::new(false),
            value: Mutex::new(value),
        }
    }

    /// The value; `None` in a forked child whose parent was changing it at that moment.
    pub fn lock(&self) -> Option<MutexGuard<'_, T>> {
        if self.pid == std::process::id() {
            // What is kept here is sums: one that lacks an addition is still one.
            return Some(self.value.lock().unwrap_or_else(|e| e.into_inner()));
        }
        let start = Instant::now();
        while !self.lost.load(Ordering::Relaxed) {
            match self.value.try_lock() {
                Ok(guard) => return Some(guard),
                Err(TryLockError::Poisoned(e)) => return Some(e.into_inner()),
                Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                    std::thread::yield_now();
                }
                Err(TryLockError::WouldBlock) => self.lost.store(true, Ordering::Relaxed),
            }
        }
        None
    }

    /// What `body` makes of the value; `otherwise` where it cannot be had.
    pub fn with<R>(&self, otherwise: R, body: impl FnOnce(&mut T) -> R) -> R {
        match self.lock() {
            Some(mut value) => body(&mut value),
            None => otherwise,
        }
    }
}
