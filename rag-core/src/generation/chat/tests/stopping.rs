//! Cancelling, receivers that want no more, deadlines.

use super::*;
use std::sync::mpsc::channel;

/// A server that sends `first` and then nothing, and tells when its client is gone.
fn silent(first: &'static [&'static str]) -> (Server, std::sync::mpsc::Receiver<&'static str>) {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let server = Server::start(move |peer| {
        if !first.is_empty() {
            peer.head();
        }
        first.iter().for_each(|piece| peer.send(event(piece)));
        let say = |what| tell.lock().unwrap().send(what).unwrap_or_default();
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
