//! The check of endpoints that nobody asks: `GET models`, now and then, by a thread of its own.
//!
//! The thread is there only if `health_interval_s` is set, begins with the first request of a process, and ends with
//! the last clone of the model.

use super::model::Shared;
use super::pool::Outcome;
use super::watch::Watch;
use crate::caching::Latch;
use crate::generation::Cancel;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// The process whose thread it is, and what ends it when it is dropped.
#[derive(Default)]
struct Running(Option<(u32, Sender<()>, Cancel)>);

/// The thread, if there is one.
pub(super) struct Probe {
    interval: Option<Duration>,
    running: Latch<Running>,
}

impl Probe {
    pub fn new(interval_s: Option<f64>) -> Self {
        Self {
            interval: interval_s.map(Duration::from_secs_f64),
            running: Latch::new(Running::default),
        }
    }

    /// Starts the thread unless it runs in this process; without one, requests find out.
    pub fn start(&self, shared: &Arc<Shared>) {
        let Some(interval) = self.interval else {
            return;
        };
        let process = std::process::id();
        let mut running = self.running.lock();
        if running.0.as_ref().is_some_and(|(of, ..)| *of == process) {
            return;
        }
        let (send, receive) = channel::<()>();
        let (shared, cancel) = (Arc::downgrade(shared), Cancel::default());
        let stop = cancel.clone();
        let spawned = std::thread::Builder::new()
            .name("ragcore-probe".to_owned())
            .spawn(move || {
                while receive.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                    check_all(&shared, &stop);
                }
            });
        if spawned.is_ok() {
            running.0 = Some((process, send, cancel));
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if let Some((_, _, cancel)) = &self.running.lock().0 {
            cancel.cancel();
        }
    }
}

fn check_all(shared: &Weak<Shared>, stop: &Cancel) {
    let mut place = 0;
    // Held for one check at a time, so that the last clone of the model can go.
    while let Some(shared) = shared.upgrade() {
        let Some(endpoint) = shared.pool.endpoints.get(place) else {
            return;
        };
        let watch = Arc::new(Watch::new(stop.clone(), None));
        let checked = shared.caller.check(endpoint, &watch);
        if stop.is_cancelled() {
            return;
        }
        let outcome = match checked {
            Ok(()) => Outcome::Refused,
            Err(failure) => {
                shared.pool.note_failure(place, failure.describe(None));
                Outcome::Failed
            }
        };
        shared.pool.note(place, outcome, Instant::now());
        place += 1;
    }
}
