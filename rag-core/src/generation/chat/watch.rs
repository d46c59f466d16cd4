//! When to give up: cancelled, late, or nothing heard for too long.
//!
//! Everything that blocks does so for a [`TICK`] at most and then looks here. So a caller who cancels is heard within
//! that time while a server says nothing, and no thread has to be interrupted.

use crate::generation::Cancel;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// The longest that anything blocks without looking.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// Why to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// The caller wants no more.
    Cancelled,
    /// The caller's deadline, or the time for the whole call, has passed.
    Late,
    /// This server has said nothing for too long.
    Silent,
}

/// What a call waits for: its caller's wishes, and a moment until which its server must have said something.
#[derive(Debug)]
pub(super) struct Watch {
    cancel: Cancel,
    deadline: Option<Instant>,
    silent: Mutex<Option<Instant>>,
}

impl Watch {
    pub fn new(cancel: Cancel, deadline: Option<Instant>) -> Self {
        Self {
            cancel,
            deadline,
            silent: Mutex::new(None),
        }
    }

    /// From now on the server has this long to say something; `None`: as long as it likes.
    pub fn expect_within(&self, time: Option<Duration>) {
        let until = time.and_then(|time| Instant::now().checked_add(time));
        *self.silent.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    pub fn check(&self) -> Result<(), Halt> {
        self.left().map(|_| ())
    }

    /// How long to block before looking again, at most a [`TICK`].
    pub fn left(&self) -> Result<Duration, Halt> {
        if self.cancel.is_cancelled() {
            return Err(Halt::Cancelled);
        }
        let now = Instant::now();
        let silent = *self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = TICK;
        for (until, halt) in [(self.deadline, Halt::Late), (silent, Halt::Silent)] {
            let Some(until) = until else { continue };
            if now >= until {
                return Err(halt);
            }
            left = left.min(until - now);
        }
        // A socket takes no timeout of 0.
        Ok(left.max(Duration::from_millis(1)))
    }

    /// Whether the deadline comes before `wait` is over.
    pub fn is_beyond(&self, wait: Duration) -> bool {
        let end = Instant::now().checked_add(wait);
        self.deadline
            .is_some_and(|deadline| end.is_none_or(|end| end >= deadline))
    }

    /// Waits, unless there is a reason to give up.
    pub fn sleep(&self, wait: Duration) -> Result<(), Halt> {
        let start = Instant::now();
        loop {
            let left = self.left()?;
            let rest = wait.saturating_sub(start.elapsed());
            if rest.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(rest));
        }
    }
}
