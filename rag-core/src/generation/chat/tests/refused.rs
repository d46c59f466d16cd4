//! What is refused, here or there, and what is said of it.

use super::*;

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
        let scripts: [Script; 3] = [
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
