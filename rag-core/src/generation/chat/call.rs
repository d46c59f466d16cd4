//! One call of one server.

use super::endpoint::{Endpoint, Secret};
use super::failure::Failure;
use super::options::ChatOptions;
use super::reply::{Reply, words_of};
use super::retry_after::retry_after;
use super::watch::{Halt, Watch};
use super::wire::Wires;
use crate::clock::{Clock, SystemClock};
use crate::generation::Flow;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use ureq::http::{Request, Response, Uri, Version};
use ureq::{AsSendBody, Body};

/// Bytes that are read of an answer that is an error.
const ERROR_BYTES: u64 = 64 << 10;
/// Bytes that are read at a time.
const CHUNK: usize = 16 << 10;
/// How long the end of an answer may take that is known to be whole.
const REST: Duration = Duration::from_secs(1);

/// What every call needs.
pub(super) struct Caller {
    pub wires: Wires,
    pub key: Option<Secret>,
    pub options: ChatOptions,
}

/// How a call ended.
pub(super) struct Called {
    /// What was read; there too if it failed halfway.
    pub reply: Reply,
    /// Why it is no answer, if it is none.
    pub failure: Option<Failure>,
}

impl Caller {
    /// Asks for an answer, and hands each piece of its text to `sink` as it comes.
    pub fn ask(
        &self,
        endpoint: &Endpoint,
        body: &[u8],
        watch: &Arc<Watch>,
        sink: &mut dyn FnMut(&str) -> Flow,
    ) -> Called {
        let options = &self.options;
        let mut reply = Reply::new(options.max_line_bytes, options.max_response_bytes);
        let first =
            Duration::from_secs_f64(options.connect_timeout_s + options.first_byte_timeout_s);
        watch.expect_within(Some(first));
        let read = self
            .begin(&endpoint.chat, body, watch)
            .and_then(|response| self.read(response, &mut reply, watch, sink));
        watch.expect_within(None);
        let failure = match (read, watch.check()) {
            (Ok(()), _) => None,
            (Err(failure @ Failure::Halted(_)), _) => Some(failure),
            (Err(_), Err(halt)) => Some(Failure::Halted(halt)),
            (Err(failure), Ok(())) => Some(failure),
        };
        Called { reply, failure }
    }

    /// Asks whether it is there.
    pub fn check(&self, endpoint: &Endpoint, watch: &Arc<Watch>) -> Result<(), Failure> {
        let limit = self.options.connect_timeout_s + self.options.gap_timeout_s;
        watch.expect_within(Some(Duration::from_secs_f64(limit)));
        let request = self.request(Request::get(&endpoint.models));
        let response = self.send(request.body(()), watch)?;
        match response.status().is_server_error() {
            true => Err(self.refused(response, watch)),
            false => Ok(()),
        }
    }

    fn request(&self, mut builder: ureq::http::request::Builder) -> ureq::http::request::Builder {
        if let Some(key) = &self.key
            && let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", key.reveal()))
        {
            value.set_sensitive(true);
            builder = builder.header(AUTHORIZATION, value);
        }
        builder
    }

    fn begin(&self, uri: &Uri, body: &[u8], watch: &Arc<Watch>) -> Result<Response<Body>, Failure> {
        let builder = Request::post(uri)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "text/event-stream, application/json");
        let response = self.send(self.request(builder).body(body), watch)?;
        match response.status() {
            status if status.is_success() => Ok(response),
            _ => Err(self.refused(response, watch)),
        }
    }

    fn send(
        &self,
        request: Result<Request<impl AsSendBody>, ureq::http::Error>,
        watch: &Arc<Watch>,
    ) -> Result<Response<Body>, Failure> {
        let failed = |error: &ureq::Error| match watch.check() {
            Err(halt) => Failure::Halted(halt),
            Ok(()) => Failure::of_wire(error),
        };
        let request = request.map_err(|error| failed(&error.into()))?;
        let sent = self.wires.agent(watch).run(request);
        sent.map_err(|error| failed(&error))
    }

    /// The failure that a status is, with the server's words.
    fn refused(&self, response: Response<Body>, watch: &Watch) -> Failure {
        let status = response.status().as_u16();
        let asked = response.headers().get(RETRY_AFTER);
        let asked = asked.and_then(|value| retry_after(value.to_str().ok()?, SystemClock.now()));
        let most = Duration::from_secs_f64(self.options.retry_after_max_s);
        let mut said = Vec::new();
        let mut words = response.into_body().into_reader().take(ERROR_BYTES);
        // What cannot be read is not quoted.
        watch.expect_within(Some(REST));
        let read = words.read_to_end(&mut said);
        match watch.check() {
            Err(halt @ (Halt::Cancelled | Halt::Late)) => Failure::Halted(halt),
            _ => Failure::Status {
                status,
                wait: asked.map(|asked| asked.min(most)),
                words: read.map(|_| words_of(&said)).unwrap_or_default(),
            },
        }
    }

    fn read(
        &self,
        response: Response<Body>,
        reply: &mut Reply,
        watch: &Watch,
        sink: &mut dyn FnMut(&str) -> Flow,
    ) -> Result<(), Failure> {
        let framed = is_framed(&response);
        let mut body = response.into_body().into_reader();
        let mut chunk = vec![0; CHUNK];
        let mut pieces = Vec::new();
        let gap = Duration::from_secs_f64(self.options.gap_timeout_s);
        while !reply.done {
            let read = body.read(&mut chunk);
            let ended = matches!(read, Ok(0));
            let fed = match read {
                Ok(0) => reply.end(framed, &mut pieces),
                Ok(n) => reply.push(&chunk[..n], &mut pieces),
                Err(_) => {
                    let halt = watch.check();
                    if !matches!(halt, Err(Halt::Cancelled | Halt::Late)) && reply.is_whole() {
                        return Ok(());
                    }
                    return Err(match halt {
                        Err(halt) => Failure::Halted(halt),
                        Ok(()) => Failure::Answer("the answer broke off".to_owned()),
                    });
                }
            };
            for piece in pieces.drain(..) {
                if sink(&piece) == Flow::Stop {
                    return Err(Failure::Halted(Halt::Cancelled));
                }
            }
            match fed {
                Err(_) if reply.is_whole() => return Ok(()),
                fed => fed.map_err(Failure::of_reply)?,
            }
            if ended {
                return Ok(());
            }
            let rest = if reply.is_whole() { REST.min(gap) } else { gap };
            watch.expect_within(Some(rest));
            watch.check().map_err(Failure::Halted)?;
        }
        Ok(())
    }
}

/// Whether HTTP says where the body ends, so that one that was cut is an error.
fn is_framed(response: &Response<Body>) -> bool {
    let chunked = || {
        let codings = response.headers().get("transfer-encoding");
        let last = codings.and_then(|value| value.to_str().ok()?.rsplit(',').next());
        last.is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"))
            && response.version() != Version::HTTP_10
    };
    response.body().content_length().is_some() || chunked()
}
