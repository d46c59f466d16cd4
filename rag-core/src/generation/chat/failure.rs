//! Why a call of a server failed, and what is said of it.
//!
//! Nothing here shows a key, a prompt or an answer. What a server says of an error is quoted if it repeats none of
//! them.

use super::endpoint::Secret;
use super::reply::Broken;
use super::watch::Halt;
use crate::prompting::Prompt;
use std::io::ErrorKind as Io;
use std::time::Duration;

/// Characters of a server's words that are quoted.
const QUOTED: usize = 200;
/// Characters in a row that a quotation and a prompt may not have in common.
const COMMON: usize = 12;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Failure {
    /// The caller gave up, or the time is over.
    Halted(Halt),
    /// No connection, or none that lasted until the answer began.
    Connection(String),
    /// A status that is no answer, with the server's words.
    Status {
        status: u16,
        wait: Option<Duration>,
        words: String,
    },
    /// An answer that broke off or cannot be read.
    Answer(String),
}

impl Failure {
    /// The failure that a reply is, with the server's words as they are.
    pub fn of_reply(broken: Broken) -> Self {
        Self::Answer(match broken {
            // An error in the stream with a status is as good as that status.
            Broken::Said {
                status: Some(status),
                words,
            } => {
                return Self::Status {
                    status,
                    wait: None,
                    words,
                };
            }
            Broken::Said {
                status: None,
                words,
            } => {
                return Self::Status {
                    status: 500,
                    wait: None,
                    words,
                };
            }
            Broken::Long(message) => message,
            Broken::Short => "the answer broke off".to_owned(),
            Broken::Garbled => "what it answers is no answer of chat/completions".to_owned(),
        })
    }

    /// The failure that an error of the connection is; what the system and TLS say holds nothing secret.
    pub fn of_wire(error: &ureq::Error) -> Self {
        use ureq::Error as E;
        Self::Connection(match error {
            // How TLS says what it does not like about the other side.
            E::Io(error) if error.kind() == Io::InvalidData => {
                format!("no TLS: {}", clean(&error.to_string()))
            }
            E::Io(error) => of_io(error.kind()).to_owned(),
            E::Rustls(error) => format!("no TLS: {}", clean(&error.to_string())),
            E::Tls(what) => format!("no TLS: {}", clean(what)),
            E::Protocol(_) | E::Http(_) | E::LargeResponseHeader(..) => {
                "what it answers is not HTTP".to_owned()
            }
            _ => "the connection failed".to_owned(),
        })
    }

    /// Whether the same call may do better, here or at another server.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Halted(halt) => *halt == Halt::Silent,
            Self::Connection(_) | Self::Answer(_) => true,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..=599),
        }
    }

    /// What was wrong, for people, with the server's words if `guard` looks at them.
    pub fn describe(&self, guard: Option<&Guard<'_>>) -> String {
        match self {
            Self::Halted(Halt::Cancelled) => "the call was cancelled".to_owned(),
            Self::Halted(Halt::Late) => "the time was over".to_owned(),
            Self::Halted(Halt::Silent) => "it said nothing for too long".to_owned(),
            Self::Connection(what) | Self::Answer(what) => what.clone(),
            Self::Status { status, words, .. } => {
                let words = guard.map(|guard| guard.quote(words)).unwrap_or_default();
                let said = match words.is_empty() {
                    true => String::new(),
                    false => format!(" (\"{words}\")"),
                };
                let help = match status {
                    300..=399 => "; it is somewhere else, give that address",
                    401 | 403 => "; give a key that is valid there as api_key",
                    404 => "; look at the model's name and whether the address should end in /v1",
                    413 => "; the prompt is too long for it, ask for less or set window",
                    _ => "",
                };
                format!("it answered {status}{said}{help}")
            }
        }
    }
}

fn of_io(kind: Io) -> &'static str {
    match kind {
        Io::ConnectionRefused => "nobody listens there",
        Io::NotFound => "no such host",
        Io::TimedOut => "no connection in time",
        Io::HostUnreachable | Io::NetworkUnreachable | Io::NetworkDown => "it cannot be reached",
        Io::UnexpectedEof | Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe => {
            "it closed the connection without an answer"
        }
        _ => "the connection failed",
    }
}

/// A text without control and format characters, shortened.
fn clean(text: &str) -> String {
    let plain = text
        .chars()
        .filter(|c| !c.is_control() && !is_invisible(*c));
    plain.take(QUOTED).collect()
}

/// Characters that change how the others look.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// What must not be repeated.
#[derive(Clone, Copy)]
pub(super) struct Guard<'a> {
    pub key: Option<&'a Secret>,
    pub prompt: Option<&'a Prompt>,
    /// What was given of the answer.
    pub answer: &'a str,
}

impl Guard<'_> {
    /// A server's words, or nothing if they repeat what they must not.
    pub fn quote(&self, words: &str) -> String {
        let shown = clean(words);
        // A key may have been cut at the end, or have something invisible inside.
        let key = self.key.map(Secret::reveal);
        let repeats_key = key.is_some_and(|key| {
            let all = words.chars().filter(|c| c.is_ascii_graphic());
            all.collect::<String>().contains(key)
        });
        if repeats_key || self.repeats_text(&shown) {
            return String::new();
        }
        shown
    }

    fn repeats_text(&self, shown: &str) -> bool {
        let messages = self.prompt.iter().flat_map(|prompt| &prompt.messages);
        let texts: Vec<&str> = messages
            .map(|message| message.content.as_str())
            .chain([self.answer])
            .collect();
        let starts: Vec<usize> = shown.char_indices().map(|(at, _)| at).collect();
        let ends = starts.iter().copied().chain([shown.len()]).skip(COMMON);
        let mut windows = starts.iter().zip(ends).map(|(from, to)| &shown[*from..to]);
        windows.any(|window| texts.iter().any(|text| text.contains(window)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompting::{Message, Role};

    #[test]
    fn a_server_is_quoted_unless_it_repeats_what_was_sent() {
        let key = Secret::new("sk-canary").unwrap();
        let prompt = Prompt {
            messages: vec![Message {
                role: Role::User,
                content: "Where is the treasure of é buried?".into(),
            }],
            ..Prompt::default()
        };
        let guard = Guard {
            key: Some(&key),
            prompt: Some(&prompt),
            answer: "It lies under the old bridge.",
        };
        assert_eq!(
            guard.quote("too\n ma\u{202e}ny \u{1b}[31m"),
            "too many [31m"
        );
        assert_eq!(guard.quote(&"long ".repeat(100)).chars().count(), QUOTED);
        for words in [
            "no key sk-canary here",
            "no key sk-can\u{1}ary",
            &format!("{}sk-canary", "x".repeat(198)),
            "cannot read 'treasure of é buried'",
            "stopped after: under the old bri",
        ] {
            assert_eq!(guard.quote(words), "", "{words}");
        }
        assert_eq!(guard.quote("the treasure"), "");
        assert_eq!(guard.quote("a treasure"), "a treasure");
    }

    #[test]
    fn what_may_pass_is_asked_again() {
        let status = |status| Failure::Status {
            status,
            wait: None,
            words: String::new(),
        };
        for (code, again) in [
            (200, false),
            (301, false),
            (400, false),
            (401, false),
            (408, true),
            (429, true),
            (500, true),
            (503, true),
        ] {
            assert_eq!(status(code).may_pass(), again, "{code}");
        }
        assert!(
            Failure::Halted(Halt::Silent).may_pass() && !Failure::Halted(Halt::Late).may_pass()
        );
    }
}
