//! The library's own thread pool: scoped, deterministic by construction, safe after fork.
//!
//! [`parallel`] runs `body(0) .. body(tasks - 1)`. The caller works too, so nested calls cannot
//! deadlock and one thread means no hand-over at all. Results belong to task numbers, never to
//! threads, so that the number of threads cannot change them. The pool is keyed by process id:
//! a forked child, in which the workers do not exist, makes its own.

use crate::error::Result;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// More threads than this are never started.
pub const MAX_THREADS: usize = 256;

/// The number of threads that the machine offers.
pub fn available() -> usize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let known = COUNT.load(Ordering::Relaxed);
    if known > 0 {
        return known;
    }
    let count = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MAX_THREADS);
    COUNT.store(count, Ordering::Relaxed);
    count
}

/// What an option of `threads = None` means: all that the machine offers.
pub fn resolve(threads: Option<usize>) -> usize {
    threads.unwrap_or_else(available).clamp(1, MAX_THREADS)
}

/// Runs `body(i)` for every `i` in `0..tasks` on at most `threads` threads and waits for all.
///
/// A panic in a task is raised again here, after the others have finished.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// let sum = AtomicUsize::new(0);
/// rag_core::threads::parallel(4, 100, &|i| { sum.fetch_add(i, Ordering::Relaxed); });
/// assert_eq!(sum.into_inner(), 4950);
/// ```
pub fn parallel(threads: usize, tasks: usize, body: &(dyn Fn(usize) + Sync)) {
    run(threads, tasks, body, &mut || true);
}

/// [`parallel`], with `watch` called on the calling thread after each task that it ran itself.
///
/// The first error from `watch` is answered; tasks that had not begun by then are not run.
pub fn parallel_watched(
    threads: usize,
    tasks: usize,
    body: &(dyn Fn(usize) + Sync),
    watch: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    let mut answer = Ok(());
    run(threads, tasks, body, &mut || {
        answer = watch();
        answer.is_ok()
    });
    answer
}

fn run(
    threads: usize,
    tasks: usize,
    body: &(dyn Fn(usize) + Sync),
    go_on: &mut dyn FnMut() -> bool,
) {
    let helpers = threads.min(MAX_THREADS).min(tasks).saturating_sub(1);
    if helpers == 0 {
        for task in 0..tasks {
            body(task);
            if !go_on() {
                break;
            }
        }
        return;
    }
    let pool = Pool::of_this_process();
    let job = Arc::new(Job::new(body, tasks));
    pool.offer(&job, helpers);
    job.work(go_on);
    job.wait();
    let panic = lock(&job.panic).take();
    if let Some(payload) = panic {
        resume_unwind(payload);
    }
}

/// [`parallel`], with the results in the order of their numbers.
pub fn map<T: Send>(threads: usize, tasks: usize, body: &(dyn Fn(usize) -> T + Sync)) -> Vec<T> {
    let slots: Vec<Mutex<Option<T>>> = (0..tasks).map(|_| Mutex::new(None)).collect();
    parallel(threads, tasks, &|i| *lock(&slots[i]) = Some(body(i)));
    slots
        .into_iter()
        .map(|slot| {
            let done = slot.into_inner().unwrap_or_else(PoisonError::into_inner);
            done.expect("parallel returns only after every task has run")
        })
        .collect()
}

/// Two things, at once if there may be two threads.
pub(crate) fn both<A: Send, B: Send>(
    threads: usize,
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    let (first, second) = (Mutex::new(Some(first)), Mutex::new(Some(second)));
    let (a, b) = (Mutex::new(None), Mutex::new(None));
    parallel(threads, 2, &|i| match i {
        0 => *lock(&a) = lock(&first).take().map(|task| task()),
        _ => *lock(&b) = lock(&second).take().map(|task| task()),
    });
    let a = a.into_inner().unwrap_or_else(PoisonError::into_inner);
    let b = b.into_inner().unwrap_or_else(PoisonError::into_inner);
    let both = a.zip(b);
    both.expect("parallel returns only after every task has run")
}

struct Job {
    body: *const (dyn Fn(usize) + Sync),
    tasks: usize,
    next: AtomicUsize,
    finished: Mutex<usize>,
    all_finished: Condvar,
    stopped: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `body` points to a `Sync` closure, and `work` alone reads it: only for a task number
// below `tasks`, whose completion `wait` (so `parallel`, so the closure's owner) waits for.
#[allow(unsafe_code)]
unsafe impl Send for Job {}
// SAFETY: as for `Send`; everything else in `Job` is synchronised by itself.
#[allow(unsafe_code)]
unsafe impl Sync for Job {}

impl Job {
    fn new(body: &(dyn Fn(usize) + Sync), tasks: usize) -> Self {
        let body: *const (dyn Fn(usize) + Sync + '_) = body;
        // SAFETY: this only forgets the lifetime of a pointer; `work` says when it is read.
        #[allow(unsafe_code)]
        let body = unsafe {
            std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), *const (dyn Fn(usize) + Sync)>(
                body,
            )
        };
        Self {
            body,
            tasks,
            next: AtomicUsize::new(0),
            finished: Mutex::new(0),
            all_finished: Condvar::new(),
            stopped: AtomicBool::new(false),
            panic: Mutex::new(None),
        }
    }

    fn work(&self, go_on: &mut dyn FnMut() -> bool) {
        let mut done = 0;
        loop {
            let task = self.next.fetch_add(1, Ordering::Relaxed);
            if task >= self.tasks {
                break;
            }
            // SAFETY: `task` is claimed once and not yet counted as finished, so `parallel` has
            // not returned and the closure that it borrows is alive.
            #[allow(unsafe_code)]
            let body = unsafe { &*self.body };
            let skip = self.stopped.load(Ordering::Relaxed);
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| {
                if skip {
                    return;
                }
                body(task);
                if !go_on() {
                    self.stopped.store(true, Ordering::Relaxed);
                }
            })) {
                self.stopped.store(true, Ordering::Relaxed);
                lock(&self.panic).get_or_insert(payload);
            }
            done += 1;
        }
        if done > 0 {
            let mut finished = lock(&self.finished);
            *finished += done;
            if *finished == self.tasks {
                self.all_finished.notify_all();
            }
        }
    }

    /// Whether there are tasks that nobody has taken on.
    fn is_open(&self) -> bool {
        self.next.load(Ordering::Relaxed) < self.tasks
    }

    fn wait(&self) {
        let mut finished = lock(&self.finished);
        while *finished < self.tasks {
            finished = self
                .all_finished
                .wait(finished)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct Pool {
    pid: u32,
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    offers: VecDeque<Arc<Job>>,
    workers: usize,
    /// Workers that do nothing yet: those that wait, were woken, or have only been started.
    idle: usize,
}

static POOL: AtomicPtr<Pool> = AtomicPtr::new(ptr::null_mut());

impl Pool {
    /// This process's pool. No lock is taken that a vanished thread could hold; the parent's
    /// pool is left behind in a forked child, a few hundred bytes once a fork.
    #[allow(unsafe_code)]
    fn of_this_process() -> &'static Pool {
        let pid = std::process::id();
        let known = POOL.load(Ordering::Acquire);
        // SAFETY: a non-null pointer comes from `Box::into_raw` below and is never freed.
        if let Some(pool) = unsafe { known.as_ref() }
            && pool.pid == pid
        {
            return pool;
        }
        let fresh = Box::into_raw(Box::new(Pool {
            pid,
            queue: Mutex::default(),
            wake: Condvar::new(),
        }));
        match POOL.compare_exchange(known, fresh, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: as above; `fresh` was just made.
            Ok(_) => unsafe { &*fresh },
            Err(winner) => {
                // SAFETY: `fresh` was not published, so it is ours alone to free.
                drop(unsafe { Box::from_raw(fresh) });
                // SAFETY: published by the thread that won, in this process.
                unsafe { &*winner }
            }
        }
    }

    fn offer(&'static self, job: &Arc<Job>, helpers: usize) {
        let mut queue = lock(&self.queue);
        // What others have finished meanwhile asks for no one any more: on a busy machine workers
        // come late, and to count it would start more and more of them.
        queue.offers.retain(|job| job.is_open());
        for _ in 0..helpers {
            queue.offers.push_back(Arc::clone(job));
        }
        let missing = queue.offers.len().saturating_sub(queue.idle);
        let room = MAX_THREADS - queue.workers.min(MAX_THREADS);
        for _ in 0..missing.min(room) {
            let started = std::thread::Builder::new()
                .name("ragcore".into())
                .spawn(move || self.serve());
            // A refused thread is no failure: the caller works through the tasks itself.
            if started.is_err() {
                break;
            }
            queue.workers += 1;
            queue.idle += 1;
        }
        drop(queue);
        self.wake.notify_all();
    }

    fn serve(&self) {
        let mut queue = lock(&self.queue);
        queue.idle -= 1;
        loop {
            while let Some(job) = queue.offers.pop_front() {
                drop(queue);
                job.work(&mut || true);
                queue = lock(&self.queue);
            }
            queue.idle += 1;
            queue = self
                .wake
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once_and_results_keep_their_order() {
        for threads in [1, 2, 7] {
            for tasks in [0, 1, 2, 100] {
                let got = map(threads, tasks, &|i| i * i);
                assert_eq!(got, (0..tasks).map(|i| i * i).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_busy_machine_starts_no_more_workers_than_are_asked_for() {
        let pool: &'static Pool = Box::leak(Box::new(Pool {
            pid: 0,
            queue: Mutex::default(),
            wake: Condvar::new(),
        }));
        // The caller is done with each before a worker comes.
        for _ in 0..500 {
            let body = |_| ();
            let job = Arc::new(Job::new(&body, 1));
            pool.offer(&job, 2);
            job.work(&mut || true);
            job.wait();
        }
        // One that has just taken a job is not idle, though nothing of it is left to do.
        let workers = lock(&pool.queue).workers;
        assert!((2..=4).contains(&workers), "{workers}");
    }

    #[test]
    fn nested_and_concurrent_calls_finish() {
        let outer = map(4, 8, &|i| map(4, 8, &|j| i * j).iter().sum::<usize>());
        assert_eq!(outer[3], 3 * 28);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        assert_eq!(map(3, 5, &|i| i).len(), 5);
                    }
                });
            }
        });
    }

    #[test]
    fn a_watcher_stops_what_has_not_begun() {
        for threads in [1, 3] {
            let ran = AtomicUsize::new(0);
            let count = &|_| {
                ran.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(std::time::Duration::from_micros(50));
            };
            let stop = || Err(crate::Error::invalid("enough"));
            assert!(parallel_watched(threads, 10_000, count, &mut { stop }).is_err());
            assert!(ran.load(Ordering::Relaxed) < 5_000, "{threads} threads");
            assert!(parallel_watched(threads, 9, count, &mut || Ok(())).is_ok());
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let caught = catch_unwind(|| parallel(3, 50, &|i| assert!(i != 7, "seven")));
        assert!(caught.is_err());
        assert_eq!(map(3, 4, &|i| i), [0, 1, 2, 3]);
    }
}
