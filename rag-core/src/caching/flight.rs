//! Many who want the same at the same time: one makes it, the others wait for that.
//!
//! A flight is what one caller is making. The others sleep on its condition variable until it lands or their time
//! is over. A maker that was stopped, or panicked, leaves nothing: whoever wakes first makes it. Any other
//! error is everybody's, because making it again would meet it again. A flight belongs to a process: in a forked
//! child those of the parent are nobody's, and are made anew.

use super::key::Key;
use super::latch::Latch;
use crate::error::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::Instant;

enum State<V> {
    Flying,
    Landed(Result<Arc<V>>),
    /// The maker left without a result that others could use.
    Abandoned,
}

struct Flight<V> {
    process: u32,
    maker: ThreadId,
    key: Key,
    state: Mutex<State<V>>,
    landed: Condvar,
}

impl<V> Flight<V> {
    fn state(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type InTheAir<V> = HashMap<u128, Arc<Flight<V>>>;

pub(super) struct Flights<V>(Latch<InTheAir<V>>);

/// What a caller does about something that is not there.
pub(super) enum Role<'a, V> {
    /// Make it, and say so.
    Make(Maker<'a, V>),
    /// It was made meanwhile.
    Take(Arc<V>),
    /// Look again.
    Again,
}

/// Who makes something; whatever becomes of it, those who wait hear of it.
pub(super) struct Maker<'a, V> {
    flights: &'a Flights<V>,
    /// None if another key has the place, which happens to nobody's harm.
    flight: Option<Arc<Flight<V>>>,
}

impl<V> Flights<V> {
    pub(super) fn new() -> Self {
        Self(Latch::new(HashMap::new))
    }

    /// Makes the caller the maker, or waits for the one who is.
    pub(super) fn board(&self, key: &Key, deadline: Instant) -> Result<Role<'_, V>> {
        let me = std::thread::current().id();
        let process = std::process::id();
        let flight = {
            let mut flights = self.0.lock();
            match flights.get(&key.hash()) {
                Some(flight) if flight.process == process && flight.key != *key => {
                    return Ok(Role::Make(Maker {
                        flights: self,
                        flight: None,
                    }));
                }
                Some(flight) if flight.process == process => Arc::clone(flight),
                _ => {
                    let flight = Arc::new(Flight {
                        process,
                        maker: me,
                        key: key.clone(),
                        state: Mutex::new(State::Flying),
                        landed: Condvar::new(),
                    });
                    let before = flights.insert(key.hash(), Arc::clone(&flight));
                    drop(flights);
                    drop(before);
                    return Ok(Role::Make(Maker {
                        flights: self,
                        flight: Some(flight),
                    }));
                }
            }
        };
        if flight.maker == me {
            return Err(Error::invalid(
                "what is being made for the cache asks for itself on its way; look up something else inside the maker",
            ));
        }
        wait(&flight, deadline)
    }

    /// How many wait for this key, and how many keys are being made.
    #[cfg(test)]
    pub(super) fn crowd(&self, key: &Key) -> (usize, usize) {
        let flights = self.0.lock();
        // The map and the maker hold one as well.
        let waiting = flights.get(&key.hash()).map(|f| Arc::strong_count(f) - 2);
        (waiting.unwrap_or(0), flights.len())
    }
}

fn wait<'a, V>(flight: &Flight<V>, deadline: Instant) -> Result<Role<'a, V>> {
    let start = Instant::now();
    let mut state = flight.state();
    loop {
        match &*state {
            State::Landed(Ok(value)) => return Ok(Role::Take(Arc::clone(value))),
            State::Landed(Err(error)) => return Err(error.again()),
            State::Abandoned => return Ok(Role::Again),
            State::Flying => {}
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let waited = start.elapsed().as_secs_f64();
            return Err(Error::new(
                ErrorKind::Timeout,
                format!(
                    "another caller has been making this for more than {waited:.1} s; ask again later, or with more time"
                ),
            ));
        }
        state = flight
            .landed
            .wait_timeout(state, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}

/// Whether an error concerns only the caller that it happened to.
fn is_personal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::Timeout)
}

impl<V> Maker<'_, V> {
    /// Tells those who wait what was made.
    pub(super) fn land(self, made: &Result<Arc<V>>) {
        self.end(match made {
            Ok(value) => State::Landed(Ok(Arc::clone(value))),
            Err(error) if is_personal(error) => State::Abandoned,
            Err(error) => State::Landed(Err(error.again())),
        });
    }

    fn end(&self, state: State<V>) {
        let Some(flight) = &self.flight else { return };
        {
            let mut flights = self.flights.0.lock();
            let hash = flight.key.hash();
            // Gone already if it had landed.
            if flights.get(&hash).is_some_and(|f| Arc::ptr_eq(f, flight)) {
                flights.remove(&hash);
            }
        }
        let mut held = flight.state();
        if matches!(*held, State::Flying) {
            *held = state;
        }
        drop(held);
        flight.landed.notify_all();
    }
}

impl<V> Drop for Maker<'_, V> {
    fn drop(&mut self) {
        self.end(State::Abandoned);
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::KeyBuilder;
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_child_makes_anew_what_its_parent_was_making() {
        let flights = Flights::<u32>::new();
        let key = KeyBuilder::new(None).text("why?").finish();
        let soon = Instant::now() + Duration::from_millis(1);
        let Role::Make(mut parents) = flights.board(&key, soon).unwrap() else {
            panic!("nobody makes it yet");
        };
        let flight = parents.flight.as_mut().unwrap();
        let of_the_parent = Arc::new(Flight {
            process: flight.process + 1,
            maker: flight.maker,
            key: key.clone(),
            state: Mutex::new(State::Flying),
            landed: Condvar::new(),
        });
        flights.0.lock().insert(key.hash(), of_the_parent);
        let child = flights.board(&key, soon).unwrap();
        assert!(matches!(child, Role::Make(_)));
        // What is left of the parent's maker ends only its own flight.
        drop(parents);
        assert_eq!(flights.0.lock().len(), 1);
        drop(child);
        assert_eq!(flights.0.lock().len(), 0);
    }

    #[test]
    fn another_key_in_the_same_place_is_made_apart() {
        let flights = Flights::<u32>::new();
        let key = KeyBuilder::new(None).text("why?").finish();
        let soon = Instant::now() + Duration::from_millis(1);
        let first = flights.board(&key, soon).unwrap();
        let flight = Arc::clone(flights.0.lock().get(&key.hash()).unwrap());
        let other = KeyBuilder::new(None).text("how?").finish();
        flights.0.lock().insert(other.hash(), flight);
        let Role::Make(maker) = flights.board(&other, soon).unwrap() else {
            panic!("it is nobody's");
        };
        maker.land(&Ok(Arc::new(1)));
        assert_eq!(flights.0.lock().len(), 2, "the first is not touched");
        drop(first);
    }
}
