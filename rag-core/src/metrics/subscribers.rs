//! Those who want to be told.

use super::latch::Latch;
use crate::error::{Error, ErrorKind, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Most subscribers to one kind of news.
const MAX_SUBSCRIBERS: usize = 64;

type Told<E> = Arc<dyn Fn(&E) + Send + Sync>;
/// With the numbers that they are unsubscribed by.
type All<E> = Arc<[(u64, Told<E>)]>;

/// Those who are told of each `E`.
pub(super) struct Subscribers<E>(Latch<All<E>>);

impl<E> Subscribers<E> {
    pub fn new() -> Self {
        Self(Latch::new(Arc::new([])))
    }

    /// Adds one; gives a number that no other subscriber has, whatever it is told of.
    pub fn add(&self, tell: impl Fn(&E) + Send + Sync + 'static) -> Result<u64> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let tell: Told<E> = Arc::new(tell);
        self.0.with(Err(gone()), |told| {
            if told.len() >= MAX_SUBSCRIBERS {
                return Err(Error::invalid(format!(
                    "there are {MAX_SUBSCRIBERS} subscribers, the most there may be; unsubscribe one"
                )));
            }
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            *told = told.iter().cloned().chain([(number, tell)]).collect();
            Ok(number)
        })
    }

    /// Removes one; whether there was one of that number.
    pub fn remove(&self, number: u64) -> Result<bool> {
        self.0.with(Err(gone()), |told| {
            let before = told.len();
            *told = told.iter().filter(|(n, _)| *n != number).cloned().collect();
            Ok(told.len() < before)
        })
    }

    /// Tells all of them, under no lock, so that a subscriber may subscribe; says how many panicked.
    pub fn tell(&self, news: &E) -> u64 {
        let told = self.0.with(Arc::default(), |told| told.clone());
        // Whoever asked the question has nothing to do with what a subscriber does wrong.
        let failed = told
            .iter()
            .filter(|(_, tell)| catch_unwind(AssertUnwindSafe(|| tell(news))).is_err());
        failed.count() as u64
    }
}

pub(super) fn gone() -> Error {
    Error::new(
        ErrorKind::Forked,
        "these metrics were being changed when the process forked; make new ones in the child",
    )
}
