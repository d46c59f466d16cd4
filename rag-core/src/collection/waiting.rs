//! Group commit: who waits for the writer's lock leaves what it wants done in a queue, and whoever
//! has the lock next does it for all of them, so that one sync of the disk serves many writers.
//!
//! Waiting is done at the lock itself. Who gets it finds an answer, or else the queue.

use crate::error::Result;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests that are carried out together at most, so that none waits for very many.
const MOST: usize = 256;

/// One request and, in time, its answer.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    request: Mutex<Option<T>>,
    answer: Mutex<Option<Result<usize>>>,
}

impl<T> Waiting<T> {
    pub(super) fn new(request: T) -> Self {
        Self {
            request: Mutex::new(Some(request)),
            answer: Mutex::new(None),
        }
    }

    /// The request, for the one who carries it out.
    pub(super) fn take(&self) -> Option<T> {
        lock(&self.request).take()
    }

    /// Looks at the request, unless it was taken.
    pub(super) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        lock(&self.request).as_ref().map(look)
    }

    pub(super) fn tell(&self, answer: Result<usize>) {
        *lock(&self.answer) = Some(answer);
    }

    /// The answer, if there is one, once: how many documents were removed.
    pub(super) fn answer(&self) -> Option<Result<usize>> {
        lock(&self.answer).take()
    }
}

/// Requests in the order in which they came.
#[derive(Debug)]
pub(super) struct Queue<T>(Mutex<Vec<Arc<Waiting<T>>>>);

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Queue<T> {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.0).len()
    }

    pub(super) fn push(&self, waiting: &Arc<Waiting<T>>) {
        lock(&self.0).push(Arc::clone(waiting));
    }

    /// Takes the first of the queue, and in any case `own`.
    pub(super) fn take(&self, own: &Arc<Waiting<T>>) -> Vec<Arc<Waiting<T>>> {
        let mut queue = lock(&self.0);
        let place = queue.iter().position(|waiting| Arc::ptr_eq(waiting, own));
        let most = place.map_or(MOST, |place| MOST.max(place + 1));
        let count = queue.len().min(most);
        queue.drain(..count).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
