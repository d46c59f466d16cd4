//! The queue over an engine of gates: a "sequence" is a number, its row the number twice.

use super::*;
use crate::{Error, Rng};
use std::sync::mpsc::{Receiver, Sender, channel};

/// A number whose computation panics.
const BAD: u32 = u32::MAX;
/// A number whose computation fails.
const WRONG: u32 = u32::MAX - 1;

/// Notes its batches; waits at a gate before each of the first ones.
struct Fake {
    batches: Mutex<Vec<Vec<u32>>>,
    gate: Mutex<Receiver<()>>,
    running: AtomicUsize,
    most: AtomicUsize,
}

impl Fake {
    /// Every batch waits for one `()`, until the sender is dropped.
    fn gated() -> (Self, Sender<()>) {
        let (open, gate) = channel();
        let fake = Self {
            batches: Mutex::default(),
            gate: Mutex::new(gate),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        };
        (fake, open)
    }

    fn run(&self, batch: &[&u32], rows: &mut [&mut [f32]]) {
        let now = self.running.fetch_add(1, Relaxed) + 1;
        self.most.fetch_max(now, Relaxed);
        lock(&self.batches).push(batch.iter().map(|n| **n).collect());
        let _ = lock(&self.gate).recv();
        self.running.fetch_sub(1, Relaxed);
        assert!(!batch.contains(&&BAD), "bad");
        for (n, row) in batch.iter().zip(rows) {
            row.fill(**n as f32);
        }
    }

    fn batches(&self) -> Vec<Vec<u32>> {
        lock(&self.batches).clone()
    }
}

fn request(numbers: Vec<u32>, batch: usize) -> Request<u32> {
    let all: Vec<usize> = (0..numbers.len()).collect();
    Request {
        costs: vec![1; numbers.len()],
        batches: all.chunks(batch).map(<[usize]>::to_vec).collect(),
        sequences: numbers,
        dim: 2,
    }
}

type Rows = Result<Vec<f32>>;

fn encode(
    queue: &Queue<u32>,
    fake: &Fake,
    numbers: Vec<u32>,
    batch: usize,
    threads: usize,
) -> Rows {
    watched(queue, fake, numbers, batch, threads, &mut |_| Ok(()))
}

fn watched(
    queue: &Queue<u32>,
    fake: &Fake,
    numbers: Vec<u32>,
    batch: usize,
    threads: usize,
    watch: &mut dyn FnMut(usize) -> Result<()>,
) -> Rows {
    let mut out = vec![f32::NAN; numbers.len() * 2];
    let run = |batch: &[&u32], rows: &mut [&mut [f32]]| match batch.contains(&&WRONG) {
        true => Err(Error::invalid("wrong")),
        false => {
            fake.run(batch, rows);
            Ok(())
        }
    };
    queue.run(request(numbers, batch), threads, &run, watch, &mut out)?;
    Ok(out)
}

fn rows(numbers: &[u32]) -> Vec<f32> {
    numbers.iter().flat_map(|n| [*n as f32; 2]).collect()
}

/// Waits for what another thread is about to do.
fn until(done: impl Fn() -> bool) {
    while !done() {
        std::thread::yield_now();
    }
}

#[test]
fn what_waits_together_is_computed_together() {
    let queue = Queue::new(8, Duration::ZERO);
    let (fake, open) = Fake::gated();
    std::thread::scope(|scope| {
        let call = |n| {
            let (queue, fake) = (&queue, &fake);
            scope.spawn(move || assert_eq!(encode(queue, fake, vec![n], 8, 1).unwrap(), rows(&[n])))
        };
        call(0);
        until(|| fake.batches().len() == 1);
        for n in 1..=10 {
            call(n);
            until(|| queue.waiting() == n as usize);
        }
        drop(open);
    });
    let batches = fake.batches();
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [1, 8, 2]);
    assert_eq!(
        batches.concat(),
        (0..=10).collect::<Vec<_>>(),
        "first come, first served"
    );
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn a_caller_with_much_delays_the_others_by_a_batch() {
    let queue = Queue::new(4, Duration::ZERO);
    let (fake, open) = Fake::gated();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let all: Vec<u32> = (0..400).collect();
            assert_eq!(
                encode(&queue, &fake, all.clone(), 4, 1).unwrap(),
                rows(&all)
            );
        });
        until(|| fake.batches().len() == 1);
        for n in [1000, 1001] {
            let (queue, fake) = (&queue, &fake);
            scope.spawn(move || encode(queue, fake, vec![n], 4, 1).unwrap());
            until(|| queue.waiting() == n as usize - 998);
        }
        drop(open);
    });
    let batches = fake.batches();
    let at = batches.iter().position(|b| b.contains(&1000)).unwrap();
    assert!(at <= 2, "the small caller came {at}th");
    assert_eq!(batches[at], [1000, 1001]);
}

#[test]
fn a_caller_that_stops_leaves_at_once_and_the_others_get_theirs() {
    let queue = Queue::new(2, Duration::ZERO);
    let (fake, open) = Fake::gated();
    let stopped = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let call = |name: u32, numbers: Vec<u32>, stops: bool| {
            let (queue, fake, stopped) = (&queue, &fake, &stopped);
            scope.spawn(move || {
                let want = rows(&numbers);
                let mut watch = |_| match stops {
                    true => Err(Error::invalid("enough")),
                    false => Ok(()),
                };
                match watched(queue, fake, numbers, 2, 1, &mut watch) {
                    Ok(got) => assert!(!stops && got == want),
                    Err(_) => lock(stopped).push(name),
                }
            })
        };
        // Leads, and stops when its first batch is done.
        let leader = call(1, vec![1, 2, 3, 4], true);
        until(|| fake.batches().len() == 1);
        // Waits, and stops while the leader works.
        call(2, vec![5], true).join().unwrap();
        assert_eq!(*lock(&stopped), [2]);
        assert_eq!(queue.waiting(), 1, "only the leader's second batch");
        let last = call(3, vec![6, 7], false);
        until(|| queue.waiting() == 2);
        open.send(()).unwrap();
        leader.join().unwrap();
        open.send(()).unwrap();
        last.join().unwrap();
    });
    assert_eq!(fake.batches(), [vec![1, 2], vec![6, 7]]);
    assert_eq!(*lock(&stopped), [2, 1]);
}

#[test]
fn what_a_stopped_caller_had_running_ends_nowhere() {
    let queue = Queue::new(4, Duration::ZERO);
    let (fake, open) = Fake::gated();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| encode(&queue, &fake, vec![1], 4, 1).unwrap());
        until(|| fake.batches().len() == 1);
        scope.spawn(|| assert_eq!(encode(&queue, &fake, vec![2], 4, 1).unwrap(), rows(&[2])));
        until(|| queue.waiting() == 1);
        let stopping = scope.spawn(|| {
            let mut watch = |_| match stop.load(Relaxed) {
                true => Err(Error::invalid("enough")),
                false => Ok(()),
            };
            // With no place among the leaders it can only follow.
            watched(&queue, &fake, vec![3], 4, 0, &mut watch)
        });
        until(|| queue.waiting() == 2);
        open.send(()).unwrap();
        until(|| fake.batches().len() == 2);
        // Its number is in the batch that the second caller runs.
        stop.store(true, Relaxed);
        assert!(stopping.join().unwrap().is_err());
        drop(open);
    });
    assert_eq!(fake.batches(), [vec![1], vec![2, 3]]);
}

#[test]
fn a_panic_goes_to_the_caller_whose_texts_raise_it() {
    let queue = Queue::new(8, Duration::ZERO);
    let (fake, open) = Fake::gated();
    std::thread::scope(|scope| {
        scope.spawn(|| encode(&queue, &fake, vec![1], 8, 1).unwrap());
        until(|| fake.batches().len() == 1);
        let calls: Vec<_> = [vec![2], vec![3, BAD], vec![4]]
            .into_iter()
            .enumerate()
            .map(|(i, numbers)| {
                let (queue, fake) = (&queue, &fake);
                let call = scope.spawn(move || encode(queue, fake, numbers, 8, 1).unwrap());
                until(|| queue.waiting() == i + 1);
                call
            })
            .collect();
        drop(open);
        let ends: Vec<bool> = calls.into_iter().map(|c| c.join().is_ok()).collect();
        assert_eq!(ends, [true, false, true]);
    });
    assert_eq!(lock(&queue.line.state).leaders, 0);
}

#[test]
fn an_error_is_its_callers_own() {
    let (fake, open) = Fake::gated();
    let queue = Queue::new(8, Duration::ZERO);
    std::thread::scope(|scope| {
        let (queue, fake) = (&queue, &fake);
        let first = scope.spawn(move || encode(queue, fake, vec![1], 8, 1));
        until(|| fake.running.load(Relaxed) == 1);
        let calls: Vec<_> = [vec![2], vec![3, WRONG], vec![4]]
            .into_iter()
            .enumerate()
            .map(|(i, numbers)| {
                let call = scope.spawn(move || encode(queue, fake, numbers, 8, 1));
                until(|| queue.waiting() == i + 1);
                call
            })
            .collect();
        drop(open);
        assert!(first.join().unwrap().is_ok());
        let ends: Vec<_> = calls.into_iter().map(|c| c.join().unwrap()).collect();
        assert_eq!(ends[0].as_ref().unwrap(), &rows(&[2]));
        assert_eq!(ends[1].as_ref().unwrap_err().to_string(), "wrong");
        assert_eq!(ends[2].as_ref().unwrap(), &rows(&[4]));
    });
    assert_eq!(lock(&queue.line.state).leaders, 0);
}

#[test]
fn an_idle_engine_waits_for_company_only_as_long_as_it_is_told() {
    let (fake, open) = Fake::gated();
    drop(open);
    let queue = Queue::new(2, Duration::from_secs(60));
    std::thread::scope(|scope| {
        scope.spawn(|| encode(&queue, &fake, vec![1], 2, 2).unwrap());
        until(|| queue.waiting() == 1);
        scope.spawn(|| encode(&queue, &fake, vec![2], 2, 2).unwrap());
    });
    assert_eq!(fake.batches(), [[1, 2]]);
    let queue = Queue::new(9, Duration::from_millis(60));
    let start = Instant::now();
    assert_eq!(encode(&queue, &fake, vec![3], 9, 2).unwrap(), rows(&[3]));
    assert!(start.elapsed() >= Duration::from_millis(60));
    assert!(encode(&queue, &fake, Vec::new(), 9, 2).unwrap().is_empty());
}

#[test]
fn sixty_four_callers_get_their_own_rows_whatever_the_others_do() {
    let queue = Queue::new(16, Duration::ZERO);
    let (fake, open) = Fake::gated();
    drop(open);
    let fine = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for caller in 0..64u64 {
            let (queue, fake, fine) = (&queue, &fake, &fine);
            scope.spawn(move || {
                let mut rng = Rng::new(caller);
                for _ in 0..40 {
                    let count = [1, 1, 3, 60][rng.below(4)];
                    let mut numbers: Vec<u32> =
                        (0..count).map(|_| rng.below(1 << 20) as u32).collect();
                    let fate = rng.below(20);
                    match fate {
                        0 => numbers[count / 2] = BAD,
                        2 => numbers[count / 2] = WRONG,
                        _ => {}
                    }
                    let want = rows(&numbers);
                    let mut watch = |_| match fate {
                        1 => Err(Error::invalid("enough")),
                        _ => Ok(()),
                    };
                    let call = || watched(queue, fake, numbers, 16, 3, &mut watch);
                    match catch_unwind(AssertUnwindSafe(call)) {
                        Err(_) => assert_eq!(fate, 0),
                        Ok(Err(_)) => assert!([1, 2].contains(&fate)),
                        Ok(Ok(got)) => {
                            assert_eq!(got, want);
                            fine.fetch_add(1, Relaxed);
                        }
                    }
                }
            });
        }
    });
    assert!(fine.into_inner() > 64 * 30);
    assert!(fake.most.into_inner() <= 3, "more leaders than threads");
    let state = lock(&queue.line.state);
    assert_eq!((state.leaders, state.cost, state.waiting.len()), (0, 0, 0));
}
