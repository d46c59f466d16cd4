//! A model against servers on the loopback that answer well, badly, late, or not at all.

mod refused;
mod servers;
mod stopping;
mod streams;

use super::server::{Peer, Server, event};
use super::*;
use crate::error::{Error, ErrorKind, Result};
use crate::generation::{Cancel, Finish, Flow, Generated, Generator, Request};
use crate::prompting::{Message, Prompt, Role};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

type Script = Box<dyn Fn(&mut Peer) + Send + Sync>;

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
