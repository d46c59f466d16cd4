//! Which server is asked, in a time that the tests make.

use super::*;

fn pool(n: usize, options: ChatOptions) -> Pool {
    let addresses = (0..n).map(|i| Endpoint::parse(&format!("http://h{i}/v1"), i + 1).unwrap());
    Pool::new(addresses.collect(), &options)
}

fn ask<'p>(pool: &'p Pool, asked: &mut [bool], now: Instant) -> Option<Taken<'p>> {
    match pool.choose(asked, now) {
        Choice::Ask(taken) => Some(taken),
        _ => None,
    }
}

/// The next one that a new request would ask.
fn next(pool: &Pool, now: Instant) -> usize {
    let mut asked = vec![false; pool.endpoints.len()];
    ask(pool, &mut asked, now).unwrap().place
}

fn after(now: Instant, seconds: f64) -> Instant {
    now + Duration::from_secs_f64(seconds)
}

#[test]
fn the_least_loaded_is_asked_and_chance_decides_among_equals() {
    let pool = pool(3, ChatOptions::default());
    let now = Instant::now();
    let mut taken = Vec::new();
    for _ in 0..30 {
        taken.push(ask(&pool, &mut [false; 3], now).unwrap());
    }
    let loads: Vec<usize> = pool
        .health("m", Price::default())
        .endpoints
        .iter()
        .map(|e| e.in_flight)
        .collect();
    assert_eq!(loads, [10, 10, 10]);
    taken.retain(|t| t.place != 1);
    assert_eq!(next(&pool, now), 1);
    drop(taken);
    // Each of three misses 200 draws with a chance of 1e-35.
    let drawn: Vec<usize> = (0..200).map(|_| next(&pool, now)).collect();
    assert!((0..3).all(|place| drawn.contains(&place)));
    let health = pool.health("m", Price::default());
    assert!(health.up && health.endpoints.iter().all(|e| e.in_flight == 0));
}

#[test]
fn one_that_failed_is_put_aside_for_longer_each_time_and_then_tried_by_one_call() {
    let pool = pool(2, ChatOptions::default().pause_s(1.0).pause_max_s(3.0));
    let mut now = Instant::now();
    let state = |pool: &Pool| pool.state().known[0].failures_in_a_row;
    for (failures, pause) in [1.0, 2.0, 3.0, 3.0].into_iter().enumerate() {
        pool.note(0, Outcome::Failed, now);
        // What fails within the pause was under way before.
        pool.note(0, Outcome::Failed, now);
        assert_eq!(state(&pool), failures as u32 + 1);
        assert!((0..50).all(|_| next(&pool, after(now, pause - 0.01)) == 1));
        now = after(now, pause + 0.01);
        let trial = ask(&pool, &mut [false; 2], now).unwrap();
        assert_eq!(trial.place, 0);
        assert!(
            (0..50).all(|_| next(&pool, now) == 1),
            "one trial at a time"
        );
        assert_eq!(next(&pool, now), 1);
    }
    pool.note(0, Outcome::Refused, now);
    assert_eq!(state(&pool), 0);
}

#[test]
fn all_are_asked_once_in_a_round_those_that_failed_last() {
    let pool = pool(3, ChatOptions::default().pause_s(10.0));
    let now = Instant::now();
    pool.note(1, Outcome::Failed, now);
    pool.note(0, Outcome::Failed, after(now, 1.0));
    let mut asked = [false; 3];
    let order: Vec<usize> =
        std::iter::from_fn(|| ask(&pool, &mut asked, after(now, 2.0)).map(|t| t.place)).collect();
    assert_eq!(order, [2, 1, 0]);
    assert!(matches!(pool.choose(&mut asked, now), Choice::Asked));
}

#[test]
fn one_that_wants_to_be_left_alone_is() {
    let pool = pool(2, ChatOptions::default());
    let now = Instant::now();
    pool.note(0, Outcome::Throttled(Some(Duration::from_secs(5))), now);
    assert!((0..50).all(|_| next(&pool, now) == 1));
    assert_eq!(pool.throttled_for(now), Duration::ZERO);
    pool.note(1, Outcome::Throttled(Some(Duration::from_secs(3))), now);
    assert!(matches!(
        pool.choose(&mut [false; 2], now),
        Choice::Throttled
    ));
    assert_eq!(pool.throttled_for(now), Duration::from_secs(3));
    assert_eq!(next(&pool, after(now, 4.0)), 1);
    // A failure it is not, and an answer to somebody else does not end it.
    pool.note(0, Outcome::Answered(Usage::default()), now);
    assert_eq!(pool.state().known[0].failures_in_a_row, 0);
    assert_eq!(next(&pool, after(now, 4.0)), 1);
}

#[test]
fn where_a_thread_checks_requests_try_only_if_nobody_is_up() {
    let pool = pool(
        2,
        ChatOptions::default()
            .pause_s(1.0)
            .health_interval_s(Some(60.0)),
    );
    let now = Instant::now();
    pool.note(0, Outcome::Failed, now);
    assert!((0..50).all(|_| next(&pool, after(now, 2.0)) == 1));
    pool.note(1, Outcome::Failed, after(now, 1.5));
    assert_eq!(next(&pool, after(now, 2.0)), 0);
}
