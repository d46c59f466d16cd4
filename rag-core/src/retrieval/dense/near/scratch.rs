//! Room for walks, used again. It is never waited for: a thread that finds it taken, or a forked
//! child that finds it locked by a thread that it does not have, makes its own.

use super::graph::Walk;
use super::link::Choice;
use std::sync::Mutex;

/// Sets of scratch that are kept.
const MOST: usize = 64;

#[derive(Debug, Default)]
#[allow(
    clippy::vec_box,
    reason = "it is taken out and put back at every search: a pointer is moved"
)]
pub(super) struct Pool(Mutex<Vec<Box<(Walk, Choice)>>>);

impl Clone for Pool {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Pool {
    pub(super) fn with<T>(&self, f: impl FnOnce(&mut Walk, &mut Choice) -> T) -> T {
        let held = self.0.try_lock().ok().and_then(|mut pool| pool.pop());
        let mut scratch = held.unwrap_or_default();
        let (walk, choice) = &mut *scratch;
        let answer = f(walk, choice);
        if let Ok(mut pool) = self.0.try_lock()
            && pool.len() < MOST
        {
            pool.push(scratch);
        }
        answer
    }
}
