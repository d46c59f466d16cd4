//! One queue for all callers of a model: what waits at the same time is computed together.
//!
//! There is no thread of the queue's own. A caller puts its work in line; if fewer than `threads`
//! callers lead, it leads: it takes the first batch in line, fills it up with what other callers
//! have waiting, and runs it. Whoever finds the places taken sleeps until its rows are there or
//! until it is called to lead. So batches form while the engine is busy, and an idle engine
//! starts at once.
//!
//! Callers take turns batch by batch, so that one with a million texts delays the others by a
//! batch and not by a million. Rows belong to the job until its owner copies them out: who is
//! stopped leaves at once, and what another caller was computing for it ends nowhere. A batch
//! that fails or panics is run again caller by caller, and the failure goes to the one whose texts
//! raise it.

use crate::error::{Error, Result};
use crate::threads;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The longest that a waiting caller's `watch` is not called.
const LOOK: Duration = Duration::from_millis(50);

/// Computes rows of sequences. What it does with one must not depend on the others (up to
/// rounding).
pub(super) type Run<'a, S> = &'a (dyn Fn(&[&S], &mut [&mut [f32]]) -> Result<()> + Sync);

/// Where callers of one model meet.
pub(super) struct Queue<S> {
    line: Line<S>,
    budget: usize,
    max_wait: Duration,
}

/// What one caller wants computed.
pub(super) struct Request<S> {
    pub(super) sequences: Vec<S>,
    /// The sequences that are to share a pass, by number; each in one batch.
    pub(super) batches: Vec<Vec<usize>>,
    /// What each sequence costs, in the unit of the queue's budget.
    pub(super) costs: Vec<usize>,
    /// Floats in a row.
    pub(super) dim: usize,
}

impl<S: Send + Sync> Queue<S> {
    /// Batches of several callers stay within `budget`; a caller that finds the engine idle and
    /// less than that in line waits for others no longer than `max_wait`.
    pub(super) fn new(budget: usize, max_wait: Duration) -> Self {
        Self {
            line: Line::new(),
            budget,
            max_wait,
        }
    }

    /// What a batch may cost.
    pub(super) fn budget(&self) -> usize {
        self.budget
    }

    /// Fills `out` with the rows of the request, in the order of its sequences.
    ///
    /// `watch` is told how many sequences are done, on this thread; its error ends the call.
    pub(super) fn run(
        &self,
        request: Request<S>,
        threads: usize,
        run: Run<'_, S>,
        watch: &mut dyn FnMut(usize) -> Result<()>,
        out: &mut [f32],
    ) -> Result<()> {
        let total = request.sequences.len();
        let place = Place {
            line: self.line.of_this_process(),
            job: Arc::new(Job::new(request, self.max_wait)),
            budget: self.budget,
            threads,
        };
        place.enter();
        let job = &place.job;
        loop {
            let untaken = job.batches.len() - job.taken.load(Relaxed);
            if untaken > 0 {
                let mut watch = || watch(total - job.left.load(Relaxed));
                threads::parallel_watched(threads, untaken, &|_| place.lead(run), &mut watch)?;
            }
            if place.wait() {
                break;
            }
            watch(total - job.left.load(Relaxed))?;
        }
        match lock(&job.failure).take() {
            None => {}
            Some(Failure::Error(error)) => return Err(error),
            Some(Failure::Panic(payload)) => resume_unwind(payload),
        }
        out.copy_from_slice(&lock(&job.rows));
        Ok(())
    }

    #[cfg(test)]
    fn waiting(&self) -> usize {
        lock(&self.line.of_this_process().state).waiting.len()
    }
}

/// A request in line. Everything that changes is changed under the line's lock, `rows` aside.
struct Job<S> {
    sequences: Vec<S>,
    batches: Vec<Vec<usize>>,
    /// What each batch costs.
    costs: Vec<usize>,
    dim: usize,
    ready_at: Instant,
    /// Batches that a leader has taken.
    taken: AtomicUsize,
    /// Sequences that are not done.
    left: AtomicUsize,
    /// Whether the owner was woken to lead.
    called: AtomicBool,
    turn: Condvar,
    rows: Mutex<Vec<f32>>,
    failure: Mutex<Option<Failure>>,
}

/// Why a job has no rows.
enum Failure {
    Error(Error),
    Panic(Box<dyn Any + Send>),
}

impl<S> Job<S> {
    fn new(request: Request<S>, max_wait: Duration) -> Self {
        let cost = |batch: &Vec<usize>| batch.iter().map(|i| request.costs[*i]).sum();
        let rows = vec![0.0; request.sequences.len() * request.dim];
        Self {
            costs: request.batches.iter().map(cost).collect(),
            left: AtomicUsize::new(request.sequences.len()),
            sequences: request.sequences,
            batches: request.batches,
            dim: request.dim,
            ready_at: Instant::now() + max_wait,
            taken: AtomicUsize::new(0),
            called: AtomicBool::new(false),
            turn: Condvar::new(),
            rows: Mutex::new(rows),
            failure: Mutex::new(None),
        }
    }

    fn untaken(&self) -> bool {
        self.taken.load(Relaxed) < self.batches.len()
    }

    /// What the batch that is next costs.
    fn next_cost(&self) -> usize {
        self.costs[self.taken.load(Relaxed)]
    }

    fn over(&self) -> bool {
        self.left.load(Relaxed) == 0
    }
}

/// A batch of a job, taken out of the line.
struct Part<S> {
    job: Arc<Job<S>>,
    batch: usize,
}

/// The line of one process: a forked child finds locks and leaders that nobody will ever release,
/// so it starts its own.
struct Line<S> {
    process: u32,
    state: Mutex<State<S>>,
    child: OnceLock<Box<Line<S>>>,
}

struct State<S> {
    /// Jobs of which a batch is not taken.
    waiting: VecDeque<Arc<Job<S>>>,
    /// What their batches cost that are not taken.
    cost: usize,
    leaders: usize,
}

impl<S> Line<S> {
    fn new() -> Self {
        Self {
            process: std::process::id(),
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                cost: 0,
                leaders: 0,
            }),
            child: OnceLock::new(),
        }
    }

    fn of_this_process(&self) -> &Self {
        let process = std::process::id();
        let mut line = self;
        while line.process != process {
            line = line.child.get_or_init(|| Box::new(Self::new()));
        }
        line
    }
}

impl<S> State<S> {
    /// Takes the next batch of the job at this place, which goes to the end of the line.
    fn take(&mut self, place: usize) -> Option<Part<S>> {
        let job = self.waiting.remove(place)?;
        self.cost -= job.next_cost();
        let batch = job.taken.fetch_add(1, Relaxed);
        if job.untaken() {
            self.waiting.push_back(Arc::clone(&job));
        }
        Some(Part { job, batch })
    }

    fn remove(&mut self, job: &Arc<Job<S>>) {
        let at = self
            .waiting
            .iter()
            .position(|other| Arc::ptr_eq(other, job));
        if at.and_then(|at| self.waiting.remove(at)).is_some() {
            let taken = job.taken.swap(job.batches.len(), Relaxed);
            self.cost -= job.costs[taken..].iter().sum::<usize>();
        }
    }

    /// Wakes the first caller in line that is not awake, if there is a place for it.
    fn call(&self, threads: usize) {
        let mut asleep = self.waiting.iter().filter(|job| !job.called.load(Relaxed));
        if self.leaders < threads
            && let Some(job) = asleep.next()
        {
            job.called.store(true, Relaxed);
            job.turn.notify_all();
        }
    }
}

/// A caller's place in line, which it leaves however its call ends.
struct Place<'a, S> {
    line: &'a Line<S>,
    job: Arc<Job<S>>,
    budget: usize,
    threads: usize,
}

impl<S: Send + Sync> Place<'_, S> {
    fn enter(&self) {
        let mut state = lock(&self.line.state);
        if self.job.untaken() {
            state.cost += self.job.costs.iter().sum::<usize>();
            state.waiting.push_back(Arc::clone(&self.job));
        }
    }

    /// Runs one batch, if there is a place among the leaders and work of this caller left.
    fn lead(&self, run: Run<'_, S>) {
        let Some(parts) = self.take() else {
            return;
        };
        compute(&parts, run);
        let mut state = lock(&self.line.state);
        state.leaders -= 1;
        for part in &parts {
            let job = &part.job;
            match lock(&job.failure).is_some() {
                true => {
                    state.remove(job);
                    job.left.store(0, Relaxed);
                }
                false => {
                    job.left.fetch_sub(job.batches[part.batch].len(), Relaxed);
                }
            }
            if job.over() {
                job.turn.notify_all();
            }
        }
        // One that has work left comes back by itself.
        if !self.job.untaken() {
            state.call(self.threads);
        }
    }

    fn take(&self) -> Option<Vec<Part<S>>> {
        let mut state = lock(&self.line.state);
        if !self.may_lead(&state) {
            return None;
        }
        // Jobs that are taken from go behind these, so each gives one batch at most.
        let mut others = state.waiting.len() - 1;
        let first = state.take(0)?;
        state.leaders += 1;
        let mut room = self.budget.saturating_sub(first.job.costs[first.batch]);
        let mut parts = vec![first];
        let mut at = 0;
        while at < others && room > 0 {
            let cost = state.waiting[at].next_cost();
            if cost <= room {
                room -= cost;
                parts.extend(state.take(at));
                others -= 1;
            } else {
                at += 1;
            }
        }
        Some(parts)
    }

    fn may_lead(&self, state: &State<S>) -> bool {
        let full = state.cost >= self.budget;
        self.job.untaken()
            && state.leaders < self.threads
            && (state.waiting.front()).is_some_and(|j| full || j.ready_at <= Instant::now())
    }

    /// Sleeps until something may have happened; answers whether the rows are there.
    fn wait(&self) -> bool {
        let state = lock(&self.line.state);
        if self.job.over() {
            return true;
        }
        if !self.job.called.swap(false, Relaxed) && !self.may_lead(&state) {
            let first = state.waiting.front().filter(|_| self.job.untaken());
            let ready = first.map_or(LOOK, |job| {
                job.ready_at.saturating_duration_since(Instant::now())
            });
            // A moment that has passed is not what this caller waits for.
            let time = if ready.is_zero() {
                LOOK
            } else {
                ready.min(LOOK)
            };
            let woken = self.job.turn.wait_timeout(state, time);
            drop(woken.unwrap_or_else(PoisonError::into_inner));
            self.job.called.store(false, Relaxed);
        }
        self.job.over()
    }
}

impl<S> Drop for Place<'_, S> {
    fn drop(&mut self) {
        let mut state = lock(&self.line.state);
        state.remove(&self.job);
        state.call(self.threads);
    }
}

/// Runs the parts as one batch, and each alone where that fails.
fn compute<S>(parts: &[Part<S>], run: Run<'_, S>) {
    let dim = parts[0].job.dim;
    let numbers = |part: &Part<S>| part.job.batches[part.batch].clone();
    let sequences: Vec<&S> = (parts.iter())
        .flat_map(|part| numbers(part).into_iter().map(|i| &part.job.sequences[i]))
        .collect();
    let mut floats = vec![0.0; sequences.len() * dim];
    let mut rows: Vec<&mut [f32]> = floats.chunks_exact_mut(dim).collect();
    let done = catch_unwind(AssertUnwindSafe(|| run(&sequences, &mut rows)));
    match done
        .map_err(Failure::Panic)
        .and_then(|r| r.map_err(Failure::Error))
    {
        Err(failure) if parts.len() == 1 => {
            lock(&parts[0].job.failure).get_or_insert(failure);
        }
        Err(_) => (parts.chunks(1)).for_each(|part| compute(part, run)),
        Ok(()) => {
            let mut done = floats.chunks_exact(dim);
            for part in parts {
                let mut rows = lock(&part.job.rows);
                for (i, row) in numbers(part).into_iter().zip(&mut done) {
                    rows[i * dim..][..dim].copy_from_slice(row);
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
