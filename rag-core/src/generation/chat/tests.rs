//! A model against servers on the loopback that answer well, badly, late, or not at all.

use super::server::{Peer, Server, event};
use super::*;
use crate::error::{Error, ErrorKind, Result};
use crate::generation::{Cancel, Finish, Flow, Generated, Generator, Request};
use crate::prompting::{Message, Prompt, Role};
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

/// What no message may hold.
const QUESTION: &str = "Where is CANARY-QUESTION buried?";
const KEY: &str = "sk-CANARY-KEY";
const PIECE: &str = "CANARY-ANSWER";
const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn prompt() -> Prompt {
    let message = |role, content: &str| Message {
        role,
        content: content.to_owned(),
    };
    Prompt {
        question: QUESTION.to_owned(),
        messages: vec![
            message(Role::System, "Answer."),
            message(Role::User, QUESTION),
        ],
        ..Prompt::default()
    }
}

/// Options that wait for nothing where the test does not want it.
fn quick() -> ChatOptions {
    ChatOptions::default().backoff_s(0.0).pause_s(0.0)
}

fn model(servers: &[&Server], options: &ChatOptions) -> ChatModel {
    let urls: Vec<String> = servers.iter().map(|server| server.url()).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let key = Some(Secret::new(KEY).unwrap());
    ChatModel::new(&urls, "m", key, options).unwrap()
}

/// The pieces of an answer, and how it ended.
fn write(model: &ChatModel, request: &Request<'_>) -> (Vec<String>, Result<Generated>) {
    let mut pieces = Vec::new();
    let generated = model.generate(request, &mut |piece| {
        pieces.push(piece.to_owned());
        Flow::Continue
    });
    if let Ok(generated) = &generated {
        assert_eq!(generated.text, pieces.concat());
        assert_eq!(generated.first_s.is_some(), !pieces.is_empty());
    }
    (pieces, generated)
}

fn ask(model: &ChatModel) -> Result<Generated> {
    write(model, &Request::new(&prompt())).1
}

fn quiet(error: &Error) -> String {
    let message = error.to_string();
    assert!(!message.contains("CANARY"), "{message}");
    message
}

fn failed(model: &ChatModel, kind: ErrorKind) -> String {
    let error = ask(model).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    quiet(&error)
}

fn refuse_first(times: usize, status: &'static str) -> impl Fn(&mut Peer) + Send + Sync {
    move |peer| match peer.number < times {
        true => peer.answer(status, "retry-after: 0\r\n", ""),
        false => peer.say(&["Hé", "llo ", "🌍"]),
    }
}

#[test]
fn twelve_streams_are_answers_or_errors_that_say_which() {
    let stream = |change: fn(Vec<String>) -> Vec<String>, end: &'static str| {
        move |peer: &mut Peer| {
            peer.head();
            for event in change(["Hé", "llo ", "🌍"].map(event).to_vec()) {
                peer.send(event);
            }
            peer.send(end);
        }
    };
    let insert = |place: usize, what: &'static str| {
        move |peer: &mut Peer| {
            peer.head();
            let mut events = ["Hé", "llo ", "🌍"].map(event).to_vec();
            events.insert(place, what.to_owned());
            events.push(DONE.to_owned());
            peer.send(events.concat());
        }
    };
    type Script = Box<dyn Fn(&mut Peer) + Send + Sync>;
    let good: Vec<(&str, Script, usize, u64)> = vec![
        ("ok", Box::new(stream(|e| e, DONE)), 1, 0),
        (
            "429",
            Box::new(refuse_first(2, "429 Too Many Requests")),
            3,
            0,
        ),
        ("500", Box::new(refuse_first(2, "500 Oh")), 3, 0),
        (
            "crlf",
            Box::new(stream(
                |e| e.into_iter().map(|e| e.replace('\n', "\r\n")).collect(),
                DONE,
            )),
            1,
            0,
        ),
        ("keepalive", Box::new(insert(1, ": ping\n\n")), 1, 0),
        (
            "split",
            Box::new(|peer: &mut Peer| {
                peer.head();
                let all = ["Hé", "llo ", "🌍"].map(event).concat() + DONE;
                all.bytes().for_each(|byte| peer.send([byte]));
            }),
            1,
            0,
        ),
        (
            "bad JSON",
            Box::new(insert(1, "data: {\"choices\":[{\"del\n\n")),
            1,
            1,
        ),
    ];
    for (name, script, attempts, skipped) in good {
        let server = Server::start(script);
        let model = model(&[&server], &quick());
        let answer = ask(&model).unwrap();
        assert_eq!(
            (&*answer.text, answer.attempts),
            ("Héllo 🌍", attempts),
            "{name}"
        );
        assert_eq!(
            (answer.finish, &*answer.model),
            (Finish::Unknown, "m"),
            "{name}"
        );
        let health = &model.health().endpoints[0];
        assert_eq!(
            (health.answers, health.skipped_events, health.in_flight),
            (1, skipped, 0)
        );
        assert_eq!(health.state, EndpointState::Up);
    }
    let options = quick()
        .gap_timeout_s(0.05)
        .first_byte_timeout_s(0.05)
        .connect_timeout_s(1.0);
    let bad: Vec<(&str, Script, &str, usize, usize)> = vec![
        (
            "error event",
            Box::new(insert(
                2,
                "data: {\"error\":{\"message\":\"overloaded\",\"code\":503}}\n\n",
            )),
            "it answered 503 (\"overloaded\"); calls made: 1; a part of the answer was given before",
            2,
            1,
        ),
        (
            "truncated",
            Box::new(|peer: &mut Peer| {
                peer.head();
                let all = ["Hé", "llo ", "🌍"].map(event).concat();
                peer.send(&all.as_bytes()[..all.len() - 30]);
            }),
            "broke off; calls made: 1; a part",
            2,
            1,
        ),
        (
            "no end",
            Box::new(stream(|e| e, "")),
            "broke off; calls made: 1; a part",
            3,
            1,
        ),
        (
            "stall at the head",
            Box::new(|peer: &mut Peer| assert!(peer.wait_closed())),
            "it said nothing for too long; calls made: 3",
            0,
            3,
        ),
        (
            "stall in the middle",
            Box::new(|peer: &mut Peer| {
                peer.head();
                peer.send(event(PIECE));
                assert!(peer.wait_closed());
            }),
            "it said nothing for too long; calls made: 1; a part",
            1,
            1,
        ),
    ];
    for (name, script, said, pieces, calls) in bad {
        let server = Server::start(script);
        // The wait for the head is that for a connection and that for the first byte.
        let model = model(&[&server], &options.clone().connect_timeout_s(0.1));
        let (written, error) = write(&model, &Request::new(&prompt()));
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Upstream, "{name}");
        assert!(quiet(&error).contains(said), "{name}: {error}");
        assert_eq!(
            (written.len(), server.seen().len()),
            (pieces, calls),
            "{name}"
        );
        assert_eq!(model.health().endpoints[0].failures, calls as u64, "{name}");
    }
}

#[test]
fn a_stream_that_said_why_it_ends_is_whole_whatever_happens_then() {
    let ends: [fn(&mut Peer); 4] = [
        |_| {},
        |peer| assert!(peer.wait_closed()),
        |peer| peer.send("data: {\"error\":{\"message\":\"late\"}}\n\n"),
        |peer| peer.send("x".repeat(3000)),
    ];
    for end in ends {
        let server = Server::start(move |peer| {
            peer.head();
            peer.send(event("a") + STOP);
            end(peer);
        });
        let options = quick().gap_timeout_s(0.05).max_line_bytes(1000);
        let answer = ask(&model(&[&server], &options)).unwrap();
        assert_eq!(
            (&*answer.text, answer.finish, answer.attempts),
            ("a", Finish::Stop, 1)
        );
    }
    // HTTP says that it ended, but not why.
    let server = Server::start(|peer| {
        peer.chunked_head();
        peer.chunk(event("a"));
        peer.chunk("");
    });
    let answer = ask(&model(&[&server], &quick())).unwrap();
    assert_eq!((&*answer.text, answer.finish), ("a", Finish::Unknown));
}

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
fn lengths_that_lie_are_no_answers() {
    let pieces = [PIECE, PIECE].map(event).concat();
    let promised = [pieces.len() + 1, pieces.len() - 20, usize::MAX];
    for length in promised {
        let pieces = pieces.clone();
        let server = Server::start(move |peer| {
            peer.send(format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{pieces}"
            ));
        });
        let said = failed(
            &model(&[&server], &quick().attempts(1)),
            ErrorKind::Upstream,
        );
        assert!(
            said.contains("broke off") && said.contains("a part"),
            "{length}: {said}"
        );
    }
}

#[test]
fn requests_that_are_refused_are_not_repeated() {
    for (status, help) in [
        ("400 Bad Request", "400 (\"unknown field\"); calls made: 1"),
        ("401 Unauthorized", "give a key"),
        ("404 Not Found", "/v1"),
        ("413 Too Large", "too long"),
        ("422 Unprocessable", "422"),
        ("302 Found", "somewhere else"),
    ] {
        let elsewhere = Server::start(|peer| peer.say(&["a"]));
        let location = format!("location: {}/chat/completions\r\n", elsewhere.url());
        let server = Server::start(move |peer| {
            peer.answer(
                status,
                &location,
                r#"{"error":{"message":"unknown\n\u0007 field"}}"#,
            );
        });
        let model = model(&[&server], &quick());
        let said = failed(&model, ErrorKind::Upstream);
        assert!(said.contains(help), "{said}");
        assert_eq!((server.seen().len(), elsewhere.seen().len()), (1, 0));
        assert_eq!(model.health().endpoints[0].state, EndpointState::Up);
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
fn documents_are_understood_whether_they_were_asked_for_or_not() {
    let document = |peer: &mut Peer| {
        let body = serde_json::json!({
            "model": "m-2026", "choices": [{"index": 0, "message": {"role": "assistant", "content": "a b"},
            "finish_reason": "length"}], "usage": {"prompt_tokens": 11, "completion_tokens": 2}
        });
        peer.answer(
            "200 OK",
            "content-type: application/json\r\n",
            body.to_string(),
        );
    };
    let server = Server::start(document);
    for stream in [true, false] {
        let options = quick().stream(stream).price_in(1e6).price_out(2e6);
        let model = model(&[&server], &options);
        let answer = ask(&model).unwrap();
        assert_eq!(
            (&*answer.text, &*answer.model, answer.finish),
            ("a b", "m-2026", Finish::Length)
        );
        assert_eq!(
            (
                answer.usage.input_tokens,
                answer.usage.output_tokens,
                answer.usage.estimated
            ),
            (11, 2, false)
        );
        assert_eq!(model.price().of(&answer.usage), 15.0);
        let health = model.health();
        assert_eq!(
            (health.input_tokens, health.output_tokens, health.cost),
            (11, 2, 15.0)
        );
    }
    for (seen, stream) in server.seen().iter().zip([true, false]) {
        let head = seen.head.to_ascii_lowercase();
        assert!(
            head.starts_with("post /v1/chat/completions http/1.1"),
            "{head}"
        );
        assert!(head.contains(&format!(
            "authorization: bearer {}",
            KEY.to_ascii_lowercase()
        )));
        assert!(
            head.contains("content-type: application/json")
                && head.contains("user-agent: ragcore/")
        );
        let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
        assert_eq!(
            (&body["model"], &body["stream"]),
            (&"m".into(), &stream.into())
        );
        assert_eq!(body["messages"][1]["content"], QUESTION);
    }
}

#[test]
fn usage_is_estimated_where_the_server_says_none() {
    let server = Server::start(|peer| peer.say(&["some words of an answer"]));
    let model = model(&[&server], &quick());
    let usage = ask(&model).unwrap().usage;
    assert!(usage.estimated);
    assert_eq!(
        usage.input_tokens,
        model.count_tokens("Answer.") + model.count_tokens(QUESTION)
    );
    assert_eq!(
        usage.output_tokens,
        model.count_tokens("some words of an answer")
    );
}

#[test]
fn long_lines_and_long_answers_end_at_their_limits() {
    let server = Server::start(|peer| {
        peer.head();
        peer.send(event(PIECE));
        peer.send("data: ");
        let part = "x".repeat(100_000);
        (0..100).for_each(|_| peer.send(&part));
    });
    let said = failed(&model(&[&server], &quick()), ErrorKind::Upstream);
    assert!(
        said.contains("1048576 bytes; allow more by max_line_bytes"),
        "{said}"
    );
    let server = Server::start(|peer| {
        peer.head();
        let part = event(&"x".repeat(1000));
        (0..1000).for_each(|_| peer.send(&part));
    });
    let options = quick().max_response_bytes(100_000);
    let (pieces, error) = write(&model(&[&server], &options), &Request::new(&prompt()));
    assert!(quiet(&error.unwrap_err()).contains("max_response_bytes"));
    assert!(pieces.len() < 100);
    let server = Server::start(|peer| {
        peer.answer("200 OK", "", "{\"a\": \"".to_owned() + &"x".repeat(200_000))
    });
    let said = failed(&model(&[&server], &options), ErrorKind::Upstream);
    assert!(said.contains("max_response_bytes"), "{said}");
    let server =
        Server::start(|peer| peer.send("HTTP/1.1 200 OK\r\na: ".to_owned() + &"x".repeat(200_000)));
    failed(&model(&[&server], &options), ErrorKind::Upstream);
}

/// A server that sends `first` and then nothing, and tells when its client is gone.
fn silent(first: &'static [&'static str]) -> (Server, std::sync::mpsc::Receiver<&'static str>) {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let server = Server::start(move |peer| {
        if !first.is_empty() {
            peer.head();
        }
        first.iter().for_each(|piece| peer.send(event(piece)));
        let say = |what| tell.lock().unwrap().send(what).unwrap();
        say("asked");
        if peer.wait_closed() {
            say("closed");
        }
    });
    (server, told)
}

#[test]
fn cancelling_closes_the_connection_while_the_server_says_nothing() {
    for first in [&[][..], &[PIECE]] {
        let (server, told) = silent(first);
        let (model, cancel, asked) = (model(&[&server], &quick()), Cancel::default(), prompt());
        let generated = std::thread::scope(|scope| {
            let mut request = Request::new(&asked);
            request.cancel = cancel.clone();
            let (model, heard) = (&model, channel());
            let (send, pieces) = heard;
            let asking = scope.spawn(move || {
                model.generate(&request, &mut |piece| {
                    send.send(piece.to_owned()).unwrap();
                    Flow::Continue
                })
            });
            assert_eq!(told.recv().unwrap(), "asked");
            first
                .iter()
                .for_each(|piece| assert_eq!(pieces.recv().unwrap(), *piece));
            cancel.cancel();
            assert_eq!(told.recv().unwrap(), "closed");
            asking.join().unwrap().unwrap()
        });
        assert_eq!(
            (generated.finish, generated.attempts),
            (Finish::Cancelled, 1)
        );
        assert_eq!(generated.text, first.concat());
        let health = &model.health().endpoints[0];
        assert_eq!((health.failures, health.in_flight), (0, 0));
    }
}

#[test]
fn a_receiver_that_wants_no_more_ends_the_call() {
    let (server, told) = silent(&["a", "b", "c"]);
    let asked = prompt();
    let generated = model(&[&server], &quick())
        .generate(&Request::new(&asked), &mut |piece| match piece {
            "b" => Flow::Stop,
            _ => Flow::Continue,
        })
        .unwrap();
    assert_eq!(
        (&*generated.text, generated.finish),
        ("ab", Finish::Cancelled)
    );
    assert_eq!(
        [told.recv().unwrap(), told.recv().unwrap()],
        ["asked", "closed"]
    );
    let mut request = Request::new(&asked);
    request.cancel = Cancel::default();
    request.cancel.cancel();
    let (pieces, generated) = write(&model(&[&server], &quick()), &request);
    assert_eq!((pieces.len(), generated.unwrap().attempts), (0, 0));
}

#[test]
fn deadlines_hold_while_the_server_says_nothing() {
    for first in [&[][..], &[PIECE]] {
        let (server, told) = silent(first);
        let (model, asked) = (model(&[&server], &quick()), prompt());
        let mut request = Request::new(&asked);
        request.deadline = Some(Instant::now() + Duration::from_millis(100));
        let (pieces, error) = write(&model, &request);
        let error = error.unwrap_err();
        assert_eq!(
            (error.kind(), pieces.len()),
            (ErrorKind::Timeout, first.len())
        );
        assert_eq!(quiet(&error).contains("a part"), !first.is_empty());
        assert_eq!(
            [told.recv().unwrap(), told.recv().unwrap()],
            ["asked", "closed"]
        );
        // It is the caller who had no time.
        assert_eq!(model.health().endpoints[0].failures, 0);
    }
    let (server, _told) = silent(&[]);
    let error = ask(&model(&[&server], &quick().timeout_s(0.1))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
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

#[test]
fn what_cannot_be_asked_is_refused_before_any_call() {
    let server = Server::start(|peer| peer.say(&["a"]));
    let small = model(&[&server], &quick().window(Some(20)));
    let asked = prompt();
    let mut request = Request::new(&asked);
    assert!(write(&small, &request).1.is_ok());
    request.max_tokens = Some(usize::MAX);
    let error = write(&small, &request).1.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(quiet(&error).contains("window"));
    request.max_tokens = None;
    request.temperature = Some(f64::NAN);
    assert_eq!(
        write(&small, &request).1.unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    let empty = Prompt::default();
    let error = write(&small, &Request::new(&empty)).1.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(server.seen().len(), 1);

    let options = ChatOptions::default();
    let new = |urls: &[&str], name: &str, options: &ChatOptions| {
        ChatModel::new(urls, name, None, options).unwrap_err()
    };
    for error in [
        new(&[], "m", &options),
        new(&["http://h/v1", "h/v1"], "m", &options),
        new(&["http://h/v1"], "", &options),
        new(&["http://h/v1"], "a\nb", &options),
        new(&["http://h/v1"], "m", &options.clone().attempts(0)),
        new(
            &["http://h/v1"],
            "m",
            &options.clone().ca_file(Some("Cargo.toml".to_owned())),
        ),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    let missing = new(
        &["https://h/v1"],
        "m",
        &options.ca_file(Some("no/such.pem".to_owned())),
    );
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[test]
fn neither_key_nor_prompt_nor_answer_is_shown() {
    let said = [
        QUESTION,
        KEY,
        "Bearer sk-CANARY-KEY is no key",
        "cannot parse 'Where is CANARY-QUESTION'",
    ];
    for (i, words) in said.into_iter().enumerate() {
        let inner = serde_json::json!({"error": {"message": words, "code": 400}});
        let body = inner.to_string();
        let scripts: [Box<dyn Fn(&mut Peer) + Send + Sync>; 3] = [
            Box::new({
                let body = body.clone();
                move |peer| peer.answer("400 Bad Request", "", &body)
            }),
            Box::new({
                let body = body.clone();
                move |peer| peer.answer("200 OK", "", format!("data: {body}\n\n"))
            }),
            Box::new(move |peer| {
                peer.answer(
                    "200 OK",
                    "",
                    format!("{}event: error\ndata: {words}\n\n", event(PIECE)),
                )
            }),
        ];
        for script in scripts {
            let server = Server::start(script);
            let model = model(&[&server], &quick());
            let said = failed(&model, ErrorKind::Upstream);
            assert!(
                said.contains("it answered") && !said.contains('('),
                "{i}: {said}"
            );
            let shown = format!("{model:?} {:?} {}", model.health(), model.fingerprint());
            assert!(!shown.contains("CANARY"), "{shown}");
            let json = serde_json::to_string(&model.health()).unwrap();
            assert!(
                json.contains("\"state\"") && !json.contains("CANARY"),
                "{json}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_bytes_from_a_server_are_an_answer_or_an_error(
        head in prop::sample::select(vec![
            "", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "HTTP/1.0 200\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n", "HTTP/1.1 204 No\r\n\r\n", "HTTP/1.1 100 Go\r\n\r\n",
            "HTTP/1.1 101 Switch\r\nupgrade: x\r\n\r\n", "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 304 Same\r\n\r\n", "HTTP/1.1 429 No\r\nretry-after: x\r\n\r\n", "HTTP/1.1 999 No\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n",
        ]),
        body in "(data: |[{}\\[\\]\":,]|choices|delta|content|error|\r\n|\n|[0-9a-f]{1,4}\r\n|0\r\n\r\n|é){0,20}",
        tail in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let bytes = [head.as_bytes(), body.as_bytes(), &tail].concat();
        let server = Server::start(move |peer| peer.send(&bytes));
        let (pieces, generated) = write(&model(&[&server], &quick().attempts(1)), &Request::new(&prompt()));
        match generated {
            Ok(generated) => prop_assert_eq!(generated.attempts, 1),
            Err(error) => prop_assert!(error.kind() == ErrorKind::Upstream && pieces.len() < 100),
        }
    }
}
