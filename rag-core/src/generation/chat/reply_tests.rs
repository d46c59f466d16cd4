//! What replies of all kinds are read as.

use super::*;
use proptest::prelude::*;

/// The text of a reply in parts, and how it ended.
fn read(parts: &[&[u8]], framed: bool) -> (Vec<String>, Result<(), Broken>, Reply) {
    let (mut reply, mut pieces) = (Reply::new(10_000, 100_000), Vec::new());
    let mut done = Ok(());
    for part in parts {
        done = done.and_then(|()| reply.push(part, &mut pieces));
    }
    let done = done.and_then(|()| reply.end(framed, &mut pieces));
    (pieces, done, reply)
}

fn whole(text: &str) -> (String, Reply) {
    let (pieces, done, reply) = read(&[text.as_bytes()], false);
    assert!(done.is_ok(), "{text}");
    (pieces.concat(), reply)
}

fn broken(text: &str, framed: bool) -> Broken {
    let (_, done, _) = read(&[text.as_bytes()], framed);
    done.unwrap_err()
}

impl std::fmt::Debug for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::Said { status, words } => write!(f, "Said({status:?}, {words})"),
            Broken::Long(_) => f.write_str("Long"),
            Broken::Short => f.write_str("Short"),
            Broken::Garbled => f.write_str("Garbled"),
        }
    }
}

fn said(status: Option<u16>, words: &str) -> Broken {
    Broken::Said {
        status,
        words: words.to_owned(),
    }
}

const HI: &str = r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"}}]}"#;

#[test]
fn the_end_says_whether_an_answer_is_whole() {
    let stop = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    let (text, reply) = whole(&format!("{HI}\n\n{stop}\n\n"));
    assert_eq!(
        (&*text, reply.finish, reply.done),
        ("Hi", Some(Finish::Stop), false)
    );
    let (text, reply) = whole(&format!("{HI}\n\ndata: [DONE]\n\n{HI}\n\n"));
    assert_eq!((&*text, reply.finish, reply.done), ("Hi", None, true));
    let (_, reply) =
        whole(r#"data: {"choices":[{"delta":{"content":"x"},"finish_reason":"length"}]}"#);
    assert_eq!(reply.finish, Some(Finish::Length));
    // Without either, only HTTP can tell a stream that ended from one that was cut.
    assert_eq!(broken(&format!("{HI}\n\n"), false), Broken::Short);
    let (pieces, done, reply) = read(&[HI.as_bytes(), b"\n\n"], true);
    assert_eq!(
        (pieces.concat().as_str(), done, reply.finish),
        ("Hi", Ok(()), None)
    );
    for framed in [false, true] {
        assert_eq!(
            broken(&format!("{HI}\n\n{}", &HI[..40]), framed),
            Broken::Short
        );
    }
    assert_eq!(broken("", false), Broken::Short);
    assert_eq!(broken("  \r\n", true), Broken::Garbled);
}

#[test]
fn rubbish_is_skipped_and_counted_unless_there_is_nothing_else() {
    let (text, reply) = whole(&format!(
        "data: {{\"choi\n\n{HI}\n\ndata: 7\n\ndata: {{}}\n\n: ping\n\ndata:\n\ndata: [DONE]\n\n"
    ));
    assert_eq!((&*text, reply.skipped), ("Hi", 3));
    for text in [
        "data: x\n\ndata: [DONE]\n\n",
        "data: [DONE]\n\n",
        "<html>no</html>",
        "{\"a\": 1}",
        "{\"choices\"",
        "[]",
    ] {
        assert_eq!(broken(text, true), Broken::Garbled, "{text}");
    }
    assert_eq!(broken("{\"choices\"", false), Broken::Short);
}

#[test]
fn events_without_the_empty_line_are_told_apart() {
    let (text, reply) = whole(&format!("{HI}\n{HI}\ndata: [DONE]\n"));
    assert_eq!((&*text, reply.skipped), ("HiHi", 0));
    let (text, _) =
        whole("data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n");
    assert_eq!(text, "a");
}

#[test]
fn texts_come_in_every_form_that_servers_give_them() {
    for (content, text) in [
        (r#""a""#, "a"),
        ("null", ""),
        ("7", ""),
        (
            r#"[{"type":"text","text":"a"},{"type":"image"},"b",["c"]]"#,
            "ab",
        ),
    ] {
        for place in ["delta", "message"] {
            let chunk = format!(
                r#"{{"choices":[{{"{place}":{{"content":{content}}},"finish_reason":"stop"}}]}}"#
            );
            assert_eq!(whole(&format!("data: {chunk}\n\n")).0, text);
            assert_eq!(whole(&format!(" \r\n{chunk}")).0, text);
        }
    }
    let (text, _) = whole(
        r#"{"choices":[{"index":1,"message":{"content":"b"}},{"index":0,"message":{"content":"a"}}]}"#,
    );
    assert_eq!(text, "a", "only the first choice is the answer");
}

#[test]
fn usage_and_model_are_what_the_server_says_unless_it_lies() {
    let (_, reply) = whole(&format!(
        "{HI}\n\ndata: {{\"model\":\"m\\u0007{}\",\"choices\":[],\"usage\":{{\"prompt_tokens\":7,\"completion_tokens\":2}}}}\n\n\
         data: [DONE]\n\n",
        "x".repeat(500)
    ));
    let usage = reply.usage.unwrap();
    assert_eq!(
        (usage.input_tokens, usage.output_tokens, usage.estimated),
        (7, 2, false)
    );
    assert_eq!(reply.model.unwrap().len(), NAME);
    for lie in [
        "-1",
        "1.5",
        "\"7\"",
        "18446744073709551615",
        "null",
        "1e300",
    ] {
        let chunk = format!(
            r#"{{"choices":[{{"message":{{"content":"a"}}}}],"usage":{{"prompt_tokens":{lie},"completion_tokens":2}}}}"#
        );
        assert!(whole(&chunk).1.usage.is_none(), "{lie}");
    }
}

#[test]
fn errors_are_found_wherever_servers_put_them() {
    for (text, status, words) in [
        (
            r#"data: {"error":{"message":"overloaded","code":503}}"#,
            Some(503),
            "overloaded",
        ),
        (r#"data: {"error":"no"}"#, None, "no"),
        ("event: error\ndata: no", None, "no"),
        (
            "event: error\ndata: {\"message\":\"no\",\"code\":\"429\"}",
            Some(429),
            "no",
        ),
        (
            r#"{"object":"error","message":"no","code":400}"#,
            Some(400),
            "no",
        ),
        (
            r#"[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}]"#,
            Some(429),
            "quota",
        ),
        (
            r#"{"error":{"message":7,"code":"invalid_api_key"}}"#,
            None,
            "",
        ),
    ] {
        assert_eq!(
            broken(&format!("{text}\n\n"), false),
            said(status, words),
            "{text}"
        );
    }
    assert_eq!(
        whole(&format!(
            "{}\n\ndata: [DONE]\n\n",
            HI.replace("[{", "[{\"error\":null,")
        ))
        .0,
        "Hi"
    );
    assert_eq!(words_of(br#"{"detail":"no"}"#), "no");
    assert_eq!(words_of(br#"{"error":{"message":"no"}}"#), "no");
    assert_eq!(words_of(br#"{"detail":[{"msg":"no"}]}"#), "");
    assert_eq!(words_of(b"<html>"), "");
}

#[test]
fn more_bytes_than_are_allowed_are_an_error_and_what_came_before_is_there() {
    let mut pieces = Vec::new();
    let mut reply = Reply::new(1000, 300);
    let stream = format!("{HI}\n\n").repeat(100);
    assert!(matches!(
        reply.push(stream.as_bytes(), &mut pieces),
        Err(Broken::Long(_))
    ));
    assert_eq!(pieces, ["Hi"; 3]);
    let mut reply = Reply::new(1000, 1 << 20);
    let line = format!("{HI}\n\ndata: {}", "x".repeat(5000));
    let Err(Broken::Long(message)) = reply.push(line.as_bytes(), &mut pieces) else {
        panic!("a long line");
    };
    assert!(message.contains("max_line_bytes"));
    assert_eq!(pieces.len(), 4);
}

proptest! {
    #[test]
    fn any_split_of_any_stream_gives_the_same_pieces(
        parts in prop::collection::vec(prop_oneof![
            4 => "[a-é🌍\\PC]{0,6}".prop_map(|text| {
                let text = serde_json::to_string(&text).unwrap();
                format!("data: {{\"choices\":[{{\"delta\":{{\"content\":{text}}}}}]}}\n\n")
            }),
            1 => Just(": ping\n\n".to_owned()),
            1 => Just("data: {\"choices\":[{\"del\n\n".to_owned()),
            1 => Just("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n".to_owned()),
            1 => Just("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n".to_owned()),
            1 => Just("data: [DONE]\n\n".to_owned()),
            1 => Just("data: {\"error\":{\"message\":\"no\"}}\n\n".to_owned()),
            1 => "[{}\\[\\]:,\" a-c\r\n]{0,12}",
        ], 0..12),
        crlf in any::<bool>(),
        framed in any::<bool>(),
        keep in 0usize..2000,
        cuts in prop::collection::vec(0usize..2000, 0..12),
    ) {
        let mut stream = parts.concat();
        if crlf {
            stream = stream.replace('\n', "\r\n");
        }
        let bytes = &stream.as_bytes()[..keep.min(stream.len())];
        let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c % (bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let split: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
        let (pieces, done, reply) = read(&split, framed);
        let (once, done_once, reply_once) = read(&[bytes], framed);
        prop_assert_eq!(&pieces, &once);
        prop_assert!(done == done_once);
        prop_assert_eq!(reply.skipped, reply_once.skipped);
        prop_assert_eq!((reply.finish, reply.usage, reply.done), (reply_once.finish, reply_once.usage, reply_once.done));
        prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
        if done.is_ok() {
            prop_assert!(framed || reply.is_whole());
        }
    }
}
