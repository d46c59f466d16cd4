//! Several servers, and one that fails for a while.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn what_breaks_before_the_first_piece_is_asked_again() {
    let broken: [fn(&mut Peer); 9] = [
        |_| {},
        Peer::head,
        |peer| {
            peer.head();
            peer.send(&event("x")[..20]);
        },
        |peer| {
            peer.chunked_head();
            peer.chunk(": ping\n\n");
        },
        |peer| peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\ndata: "),
        |peer| peer.answer("200 OK", "", "data: [DONE]\n\n"),
        |peer| {
            peer.answer(
                "200 OK",
                "content-type: text/html\r\n",
                "<html>a proxy</html>",
            )
        },
        |peer| {
            peer.answer(
                "200 OK",
                "",
                "data: {\"error\":{\"message\":\"overloaded\"}}\n\n",
            )
        },
        |peer| peer.send("SSH-2.0-OpenSSH\r\n\r\n"),
    ];
    for (i, broken) in broken.into_iter().enumerate() {
        let server = Server::start(move |peer| match peer.number {
            0 => broken(peer),
            _ => peer.say(&["a", "b"]),
        });
        let model = model(&[&server], &quick());
        let answer = ask(&model).unwrap_or_else(|e| panic!("{i}: {e}"));
        assert_eq!((&*answer.text, answer.attempts), ("ab", 2), "{i}");
        let health = &model.health().endpoints[0];
        assert_eq!(
            (health.calls, health.failures, health.failures_in_a_row),
            (2, 1, 0),
            "{i}"
        );
    }
}

#[test]
fn a_server_that_wants_to_be_left_alone_is() {
    let busy =
        Server::start(|peer| peer.answer("429 Too Many Requests", "retry-after: 3000\r\n", ""));
    let free = Server::start(|peer| peer.say(&["a"]));
    let both = model(&[&busy, &free], &quick());
    for _ in 0..20 {
        assert_eq!(ask(&both).unwrap().text, "a");
    }
    assert_eq!((busy.seen().len(), free.seen().len()), (1, 20));
    let health = &both.health().endpoints[0];
    assert_eq!(
        (health.throttled, health.failures, health.state),
        (1, 0, EndpointState::Up)
    );
    assert!(
        (50.0..=60.0).contains(&health.wait_s),
        "no longer than retry_after_max_s"
    );
    // Alone, it is waited for if there is time.
    let alone = model(&[&busy], &quick().timeout_s(20.0));
    let said = failed(&alone, ErrorKind::Upstream);
    assert!(
        said.contains("left alone") && said.contains("calls made: 1"),
        "{said}"
    );
    let said = failed(&alone, ErrorKind::Timeout);
    assert!(
        said.contains("left alone") && said.contains("calls made: 0"),
        "{said}"
    );
    let short = model(&[&busy], &quick().retry_after_max_s(0.01));
    assert!(failed(&short, ErrorKind::Upstream).contains("calls made: 3"));
}

#[test]
fn a_killed_endpoint_costs_none_of_64_requests() {
    let holding = Arc::new(AtomicUsize::new(0));
    let held = Arc::clone(&holding);
    // One that takes requests and answers none of them until it is killed.
    let mut first = Server::start(move |peer| {
        held.fetch_add(1, Ordering::SeqCst);
        peer.wait_closed();
    });
    let second = Server::start(|peer| peer.say(&["a", "b"]));
    let model = model(&[&first, &second], &quick().pause_s(0.5));
    let start = Barrier::new(65);
    let answers: Vec<Result<Generated>> = std::thread::scope(|scope| {
        let (model, start) = (&model, &start);
        let asking = (0..64).map(|_| {
            scope.spawn(move || {
                start.wait();
                ask(model)
            })
        });
        let asking: Vec<_> = asking.collect();
        start.wait();
        while holding.load(Ordering::SeqCst) < 10 {
            std::thread::yield_now();
        }
        first.kill();
        asking
            .into_iter()
            .map(|asking| asking.join().unwrap())
            .collect()
    });
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!(answer.text, "ab");
        assert!(answer.attempts <= 2);
    }
    assert_eq!(second.seen().len(), 64);
    let health = model.health();
    assert_eq!(
        health.endpoints.iter().map(|e| e.in_flight).sum::<usize>(),
        0
    );
    assert!(health.up && health.endpoints[0].failures >= 10);
    // Nobody listens there any more: one call finds out, the next do not ask.
    drop(first);
    let before = model.health().endpoints[0].calls;
    (0..20).for_each(|_| assert_eq!(ask(&model).unwrap().text, "ab"));
    assert!(model.health().endpoints[0].calls <= before + 20);
}

#[test]
fn calls_go_where_fewest_are_in_flight() {
    let all = Arc::new(Barrier::new(8));
    let script = || {
        let all = Arc::clone(&all);
        // Answers only when all eight calls are there.
        move |peer: &mut Peer| {
            all.wait();
            peer.say(&["a"]);
        }
    };
    let (first, second) = (Server::start(script()), Server::start(script()));
    let model = model(&[&first, &second], &quick());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(ask(&model).unwrap().text, "a"));
        }
    });
    assert_eq!((first.seen().len(), second.seen().len()), (4, 4));
}

#[test]
fn nobody_anywhere_is_an_error_that_names_the_last_place() {
    let mut gone = Server::start(|_| {});
    gone.kill();
    let model = model(&[&gone, &gone], &quick());
    let said = failed(&model, ErrorKind::Upstream);
    assert!(
        said.contains(&gone.url()) && said.contains("nobody listens there"),
        "{said}"
    );
    assert!(said.contains("calls made: 6"), "{said}");
    let health = model.health();
    assert!(!health.up && health.endpoints.iter().all(|e| e.failures == 3));
    let last = health.endpoints[0].last_failure.as_deref();
    assert_eq!(last, Some("nobody listens there"));
}

#[test]
fn a_thread_finds_out_who_is_up_again() {
    let well = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&well);
    let server = Server::start(move |peer| match now.load(Ordering::SeqCst) {
        0 => peer.answer("503 Busy", "", ""),
        _ => peer.answer("404 Not Found", "", ""),
    });
    let options = quick()
        .pause_s(3000.0)
        .pause_max_s(3000.0)
        .attempts(1)
        .health_interval_s(Some(0.01));
    let model = model(&[&server], &options);
    let until = |up: bool| {
        let end = Instant::now() + Duration::from_secs(60);
        while model.health().up != up && Instant::now() < end {
            std::thread::yield_now();
        }
        assert_eq!(model.health().up, up);
    };
    assert!(
        model.health().up && server.seen().is_empty(),
        "nothing before the first request"
    );
    failed(&model, ErrorKind::Upstream);
    until(false);
    well.store(1, Ordering::SeqCst);
    until(true);
    let seen = server.seen();
    let checks = seen
        .iter()
        .filter(|s| s.head.starts_with("GET /v1/models "));
    assert_eq!(checks.count() + 1, seen.len());
}

#[test]
fn rates_make_calls_wait_or_fail_before_they_are_made() {
    let server = Server::start(|peer| peer.say(&["a"]));
    for options in [
        quick().requests_per_minute(Some(1.0)),
        quick().tokens_per_minute(Some(1.0)),
    ] {
        let model = model(&[&server], &options.burst_s(0.0).timeout_s(10.0));
        assert_eq!(ask(&model).unwrap().attempts, 1);
        // The clones share the limit.
        let before = server.seen().len();
        let said = failed(&model.clone(), ErrorKind::Timeout);
        assert!(said.contains("_per_minute"), "{said}");
        assert_eq!(server.seen().len(), before);
    }
    // A wait that fits is waited for, and one that is cancelled gives back its share.
    let options = quick().requests_per_minute(Some(600.0)).burst_s(0.0);
    let quick_model = model(&[&server], &options);
    (0..4).for_each(|_| assert_eq!(ask(&quick_model).unwrap().text, "a"));
    let slow = model(
        &[&server],
        &quick().requests_per_minute(Some(1.0)).burst_s(0.0),
    );
    ask(&slow).unwrap();
    let (asked, cancel) = (prompt(), Cancel::default());
    let mut request = Request::new(&asked);
    request.cancel = cancel.clone();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| write(&slow, &request).1);
        while slow.health().endpoints[0].calls < 2 {
            std::thread::yield_now();
        }
        cancel.cancel();
        let generated = waiting.join().unwrap().unwrap();
        assert_eq!(
            (generated.finish, generated.attempts),
            (Finish::Cancelled, 0)
        );
        assert_eq!(generated.usage.input_tokens, 0);
    });
}
