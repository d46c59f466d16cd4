//! Answers in every form, whole and broken.

use super::*;
use proptest::prelude::*;

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
