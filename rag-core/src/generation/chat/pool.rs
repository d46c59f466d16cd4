//! The servers: which is asked next, and what is known of each.
//!
//! The one with the fewest calls in flight is asked, chance decides among equals. One that failed is put aside for a
//! pause that doubles; when it is over, one call is its trial. So a server that is gone costs a failed connection
//! now and then, and no answer. If all are aside, they are asked all the same.

use super::endpoint::Endpoint;
use super::limits::{Levels, Limits, Share};
use super::options::ChatOptions;
use crate::caching::Latch;
use crate::generation::{Price, Usage};
use crate::rng::Rng;
use serde::Serialize;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

/// How an endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointState {
    /// It is asked.
    Up,
    /// It failed, and is not asked while another can be.
    Aside,
    /// It failed a while ago; the next call tells whether it is up again.
    Trial,
}

/// What is known of an endpoint. Counts begin when the model is made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EndpointHealth {
    /// Its address.
    pub endpoint: String,
    /// How it is.
    pub state: EndpointState,
    /// Calls that run now.
    pub in_flight: usize,
    /// Calls that were begun.
    pub calls: u64,
    /// Calls that were answered in full.
    pub answers: u64,
    /// Calls and checks that failed by the server's fault.
    pub failures: u64,
    /// Failures since it last answered.
    pub failures_in_a_row: u32,
    /// What was wrong the last time; none of the server's words.
    pub last_failure: Option<String>,
    /// Calls that it refused as too many (429).
    pub throttled: u64,
    /// Events of its streams that could not be read and were skipped.
    pub skipped_events: u64,
    /// Seconds until it is asked again; 0 if it may be asked now.
    pub wait_s: f64,
    /// Tokens of prompts that it answered.
    pub input_tokens: u64,
    /// Tokens of its answers.
    pub output_tokens: u64,
}

/// What is known of a model's servers, and what they cost so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChatHealth {
    /// The model.
    pub model: String,
    /// Whether an endpoint is up.
    pub up: bool,
    /// Tokens of all prompts.
    pub input_tokens: u64,
    /// Tokens of all answers.
    pub output_tokens: u64,
    /// What these cost.
    pub cost: f64,
    /// Every endpoint, in the order in which they were given.
    pub endpoints: Vec<EndpointHealth>,
}

/// How a call ended, as far as its server goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    /// It answered.
    Answered(Usage),
    /// It refused the request, so it is there.
    Refused,
    /// It failed.
    Failed,
    /// It wants to be left alone, for as long as it says.
    Throttled(Option<Duration>),
    /// Nothing is known: the caller gave up.
    Unknown,
}

#[derive(Debug, Default)]
struct Known {
    in_flight: usize,
    /// A call runs that tells whether it is up again.
    on_trial: bool,
    failures_in_a_row: u32,
    last_failure: Option<String>,
    aside_until: Option<Instant>,
    throttled_until: Option<Instant>,
    calls: u64,
    answers: u64,
    failures: u64,
    throttled: u64,
    skipped: u64,
    input_tokens: u64,
    output_tokens: u64,
}

impl Known {
    fn is_throttled(&self, now: Instant) -> bool {
        self.throttled_until.is_some_and(|until| now < until)
    }

    fn is_aside(&self, now: Instant) -> bool {
        self.aside_until.is_some_and(|until| now < until)
    }

    fn state(&self, now: Instant) -> EndpointState {
        match self.failures_in_a_row {
            0 => EndpointState::Up,
            _ if self.is_aside(now) => EndpointState::Aside,
            _ => EndpointState::Trial,
        }
    }
}

struct State {
    process: u32,
    known: Vec<Known>,
    levels: Levels,
    rng: Rng,
}

impl State {
    fn fresh() -> Self {
        Self {
            process: std::process::id(),
            known: Vec::new(),
            levels: Levels::default(),
            rng: Rng::new(Rng::seed_from_system()),
        }
    }
}

/// Which endpoint to ask.
#[derive(Debug)]
pub(super) enum Choice<'p> {
    /// This one.
    Ask(Taken<'p>),
    /// None: all want to be left alone.
    Throttled,
    /// None: those that do not want to be left alone have been asked.
    Asked,
}

/// All endpoints, shared by all threads.
pub(super) struct Pool {
    pub endpoints: Vec<Endpoint>,
    pub limits: Limits,
    pause: Duration,
    pause_max: Duration,
    /// Whether somebody else than requests finds out who is up again.
    checked: bool,
    state: Latch<State>,
}

impl Pool {
    pub fn new(endpoints: Vec<Endpoint>, options: &ChatOptions) -> Self {
        Self {
            endpoints,
            limits: Limits::new(options),
            pause: Duration::from_secs_f64(options.pause_s),
            pause_max: Duration::from_secs_f64(options.pause_max_s),
            checked: options.health_interval_s.is_some(),
            state: Latch::new(State::fresh),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        state
            .known
            .resize_with(self.endpoints.len(), Known::default);
        if state.process != std::process::id() {
            // A forked child: the calls in flight are those of the parent's threads.
            state.process = std::process::id();
            state.rng = Rng::new(Rng::seed_from_system());
            for known in &mut state.known {
                (known.in_flight, known.on_trial) = (0, false);
            }
        }
        state
    }

    /// Chooses among those that are not in `asked`, and notes the choice there.
    pub fn choose(&self, asked: &mut [bool], now: Instant) -> Choice<'_> {
        let mut guard = self.state();
        let state = &mut *guard;
        let known = &mut state.known;
        let open: Vec<usize> = (0..known.len())
            .filter(|i| !asked[*i] && !known[*i].is_throttled(now))
            .collect();
        if open.is_empty() {
            return match asked.contains(&true) {
                true => Choice::Asked,
                false => Choice::Throttled,
            };
        }
        let is = |i: &usize, state| known[*i].state(now) == state;
        let up: Vec<usize> = open
            .iter()
            .copied()
            .filter(|i| is(i, EndpointState::Up))
            .collect();
        let trial = open
            .iter()
            .copied()
            .find(|i| is(i, EndpointState::Trial) && !known[*i].on_trial);
        let chosen = match trial {
            Some(trial) if up.is_empty() || !self.checked => trial,
            _ if !up.is_empty() => {
                let least = up.iter().map(|i| known[*i].in_flight).min().unwrap_or(0);
                let least: Vec<usize> = up
                    .into_iter()
                    .filter(|i| known[*i].in_flight == least)
                    .collect();
                least[state.rng.below(least.len())]
            }
            // Better one that failed than none: the one whose pause is over first.
            _ => {
                let soonest = open.iter().min_by_key(|i| known[**i].aside_until);
                soonest.copied().unwrap_or(open[0])
            }
        };
        asked[chosen] = true;
        let known = &mut known[chosen];
        let trial = known.state(now) == EndpointState::Trial && !known.on_trial;
        known.on_trial |= trial;
        known.in_flight += 1;
        known.calls += 1;
        Choice::Ask(Taken {
            pool: self,
            place: chosen,
            process: state.process,
            trial,
            outcome: Outcome::Unknown,
            skipped: 0,
        })
    }

    /// How long until one of the endpoints does not want to be left alone.
    pub fn throttled_for(&self, now: Instant) -> Duration {
        let state = self.state();
        let waits = state.known.iter().map(|known| known.throttled_until);
        let first = waits.min().flatten();
        first.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// A random share of `most`.
    pub fn jitter(&self, most: Duration) -> Duration {
        most.mul_f64(self.state().rng.uniform())
    }

    /// Takes a share of the rates; says how long to wait for it, or `None` if that is too long.
    pub fn take(&self, share: Share, beyond: impl Fn(Duration) -> bool) -> Option<Duration> {
        let mut state = self.state();
        self.limits
            .take(&mut state.levels, share, Instant::now(), beyond)
    }

    /// Replaces a share by what was used of it.
    pub fn settle(&self, taken: Share, used: Share) {
        self.limits.settle(&mut self.state().levels, taken, used);
    }

    /// Notes what is known of an endpoint after a call or a check.
    pub fn note(&self, place: usize, outcome: Outcome, now: Instant) {
        let mut state = self.state();
        let known = &mut state.known[place];
        match outcome {
            Outcome::Answered(_) | Outcome::Refused => {
                known.failures_in_a_row = 0;
                known.aside_until = None;
                if let Outcome::Answered(usage) = outcome {
                    known.answers += 1;
                    known.input_tokens += usage.input_tokens as u64;
                    known.output_tokens += usage.output_tokens as u64;
                }
            }
            Outcome::Failed => {
                known.failures += 1;
                // Calls that began before a pause and fail within it say nothing new.
                if !known.is_aside(now) {
                    let doubled = 1u32
                        .checked_shl(known.failures_in_a_row)
                        .unwrap_or(u32::MAX);
                    let pause = self.pause.saturating_mul(doubled).min(self.pause_max);
                    known.aside_until = now.checked_add(pause);
                    known.failures_in_a_row = known.failures_in_a_row.saturating_add(1);
                }
            }
            Outcome::Throttled(wait) => {
                known.throttled += 1;
                let until = wait.and_then(|wait| now.checked_add(wait));
                known.throttled_until = known.throttled_until.max(until);
            }
            Outcome::Unknown => {}
        }
    }

    /// Notes what was wrong with an endpoint.
    pub fn note_failure(&self, place: usize, what: String) {
        self.state().known[place].last_failure = Some(what);
    }

    /// What is known.
    pub fn health(&self, model: &str, price: Price) -> ChatHealth {
        let now = Instant::now();
        let state = self.state();
        let of = |(endpoint, known): (&Endpoint, &Known)| {
            let until = known.aside_until.max(known.throttled_until);
            EndpointHealth {
                endpoint: endpoint.shown.clone(),
                state: known.state(now),
                in_flight: known.in_flight,
                calls: known.calls,
                answers: known.answers,
                failures: known.failures,
                failures_in_a_row: known.failures_in_a_row,
                last_failure: known.last_failure.clone(),
                throttled: known.throttled,
                skipped_events: known.skipped,
                wait_s: until.map_or(0.0, |u| u.saturating_duration_since(now).as_secs_f64()),
                input_tokens: known.input_tokens,
                output_tokens: known.output_tokens,
            }
        };
        let endpoints: Vec<_> = self.endpoints.iter().zip(&state.known).map(of).collect();
        let input_tokens = endpoints.iter().map(|e| e.input_tokens).sum();
        let output_tokens = endpoints.iter().map(|e| e.output_tokens).sum();
        ChatHealth {
            model: model.to_owned(),
            up: endpoints.iter().any(|e| e.state == EndpointState::Up),
            input_tokens,
            output_tokens,
            cost: price.input * input_tokens as f64 / 1e6
                + price.output * output_tokens as f64 / 1e6,
            endpoints,
        }
    }
}

/// An endpoint that is being asked; it counts as in flight until this is dropped.
pub(super) struct Taken<'p> {
    pool: &'p Pool,
    pub place: usize,
    process: u32,
    /// Whether this call tells if it is up again.
    trial: bool,
    /// How it went.
    pub outcome: Outcome,
    /// Events that were skipped.
    pub skipped: usize,
}

impl std::fmt::Debug for Taken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Taken({})", self.place)
    }
}

impl Taken<'_> {
    pub fn endpoint(&self) -> &Endpoint {
        &self.pool.endpoints[self.place]
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.pool.note(self.place, self.outcome, Instant::now());
        let mut state = self.pool.state();
        if state.process == self.process {
            let known = &mut state.known[self.place];
            known.in_flight = known.in_flight.saturating_sub(1);
            known.on_trial &= !self.trial;
            known.skipped += self.skipped as u64;
        }
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
