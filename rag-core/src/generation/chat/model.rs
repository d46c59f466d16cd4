//! The generator: which call comes next, and what is said if none helps.

use super::body::{body, most_tokens};
use super::call::{Called, Caller};
use super::endpoint::{Endpoint, Secret};
use super::failure::{Failure, Guard};
use super::limits::Share;
use super::options::ChatOptions;
use super::pool::{ChatHealth, Choice, Outcome, Pool};
use super::probe::Probe;
use super::reply::Reply;
use super::watch::{Halt, Watch};
use super::wire::Wires;
use crate::error::{Error, ErrorKind, Result};
use crate::generation::{Finish, Flow, Generated, Generator, Price, Request, Usage};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most endpoints of a model.
const ENDPOINTS: usize = 1000;

/// A language model behind one or several OpenAI-compatible servers, such as vLLM, NIM, llama.cpp or Gemini.
///
/// Clones share everything: connections in flight, limits and what is known of the servers. Made once and shared by
/// all threads. Every call opens a connection and closes it; nothing is sent to a proxy, and no redirection followed.
///
/// A call that fails before its first piece of text is made again: at once at another endpoint, and after a random
/// pause (full jitter; Brooker, 2015) when all have failed. After the first piece nothing is repeated, since pieces
/// are never taken back.
///
/// ```
/// use rag_core::generation::{ChatModel, ChatOptions, Flow, Generator, Request, Secret};
/// use rag_core::prompting::{Message, Prompt, Role};
/// # use std::io::{Read, Write};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let address = format!("http://{}/v1", listener.local_addr().unwrap());
/// # let server = std::thread::spawn(move || {
/// #     let (mut stream, _) = listener.accept().unwrap();
/// #     let mut seen = Vec::new();
/// #     let mut chunk = [0; 1024];
/// #     while !seen.ends_with(b"}") { let n = stream.read(&mut chunk).unwrap(); seen.extend_from_slice(&chunk[..n]); }
/// #     let body = "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
/// #     write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
/// # });
/// let options = ChatOptions::default().timeout_s(20.0);
/// let model = ChatModel::new(&[&address], "m", Some(Secret::new("sk-canary")?), &options)?;
/// assert!(!format!("{model:?}").contains("canary"));
/// let prompt = Prompt {
///     messages: vec![Message { role: Role::User, content: "Hello?".into() }],
///     ..Prompt::default()
/// };
/// let answer = model.generate(&Request::new(&prompt), &mut |_piece| Flow::Continue)?;
/// assert_eq!((answer.text.as_str(), answer.attempts), ("Hello", 1));
/// assert!(model.health().up);
/// # server.join().unwrap();
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone)]
pub struct ChatModel {
    shared: Arc<Shared>,
}

/// What all clones share.
pub(super) struct Shared {
    name: String,
    pub pool: Pool,
    pub caller: Caller,
    probe: Probe,
}

impl std::fmt::Debug for ChatModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let endpoints = self.shared.pool.endpoints.iter();
        let endpoints: Vec<&str> = endpoints.map(|e| e.shown.as_str()).collect();
        f.debug_struct("ChatModel")
            .field("model", &self.shared.name)
            .field("endpoints", &endpoints)
            .finish_non_exhaustive()
    }
}

impl ChatModel {
    /// A model that is asked by its name at any of `endpoints`, addresses such as `http://host:8000/v1`, which all
    /// serve it. Nothing is connected to yet.
    ///
    /// Errors: `InvalidArgument` for an option outside its range, no endpoint or one that is no such address, or an
    /// empty name; `NotFound`, `Io` or `InvalidArgument` for a `ca_file` that holds no certificates.
    pub fn new(
        endpoints: &[&str],
        model: &str,
        api_key: Option<Secret>,
        options: &ChatOptions,
    ) -> Result<Self> {
        options.check()?;
        if endpoints.is_empty() || endpoints.len() > ENDPOINTS {
            return Err(Error::invalid(format!(
                "endpoints must be 1 to {ENDPOINTS} addresses, got {}",
                endpoints.len()
            )));
        }
        if model.is_empty() || model.chars().any(char::is_control) {
            return Err(Error::invalid(
                "model must be the name that the server knows it by, got none or control characters",
            ));
        }
        let parsed = endpoints.iter().zip(1..);
        let parsed = parsed.map(|(address, number)| Endpoint::parse(address, number));
        let connect = Duration::from_secs_f64(options.connect_timeout_s);
        Ok(Self {
            shared: Arc::new(Shared {
                name: model.to_owned(),
                pool: Pool::new(parsed.collect::<Result<_>>()?, options),
                caller: Caller {
                    wires: Wires::new(connect, options.ca_file.as_deref())?,
                    key: api_key,
                    options: options.clone(),
                },
                probe: Probe::new(options.health_interval_s),
            }),
        })
    }

    /// What is known of the endpoints, and what all calls together took and cost.
    pub fn health(&self) -> ChatHealth {
        self.shared.pool.health(&self.shared.name, self.price())
    }
}

impl Generator for ChatModel {
    fn name(&self) -> &str {
        &self.shared.name
    }

    fn fingerprint(&self) -> String {
        let options = &self.shared.caller.options;
        let mut places: Vec<&str> = self
            .shared
            .pool
            .endpoints
            .iter()
            .map(|e| e.shown.as_str())
            .collect();
        places.sort_unstable();
        format!(
            "{} at {} temperature {:?} max_tokens {:?}",
            self.shared.name,
            places.join(" "),
            options.temperature,
            options.max_tokens
        )
    }

    fn window(&self) -> Option<usize> {
        self.shared.caller.options.window
    }

    fn price(&self) -> Price {
        let options = &self.shared.caller.options;
        Price {
            input: options.price_in,
            output: options.price_out,
        }
    }

    fn generate(
        &self,
        request: &Request<'_>,
        sink: &mut dyn FnMut(&str) -> Flow,
    ) -> Result<Generated> {
        let start = Instant::now();
        let shared = &self.shared;
        let options = &shared.caller.options;
        let messages = &request.prompt.messages;
        if messages.is_empty() {
            return Err(Error::invalid(
                "the prompt has no messages; build it by Prompts, or put the question into one",
            ));
        }
        if let Some(temperature) = request.temperature
            && !(0.0..=2.0).contains(&temperature)
        {
            return Err(Error::invalid(format!(
                "temperature must be in 0..=2, got {temperature}"
            )));
        }
        let input_tokens: usize = messages.iter().map(|m| self.count_tokens(&m.content)).sum();
        let most = most_tokens(request, options);
        if let Some(window) = options.window {
            let together = usize::saturating_add(input_tokens, most.unwrap_or(1));
            if together > window {
                return Err(Error::invalid(format!(
                    "prompt and answer have {input_tokens} and {} tokens, more than the {window} of {}'s window; use fewer \
                     or shorter passages",
                    most.unwrap_or(1),
                    shared.name
                )));
            }
        }
        shared.probe.start(shared);
        let own = start.checked_add(Duration::from_secs_f64(options.timeout_s));
        let deadline = match (request.deadline, own) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let mut asking = Asking {
            model: self,
            body: body(&shared.name, request, options),
            share: Share {
                requests: 1.0,
                tokens: input_tokens as f64 + most.unwrap_or(0) as f64,
            },
            input_tokens,
            watch: Arc::new(Watch::new(request.cancel.clone(), deadline)),
            guard: Guard {
                key: shared.caller.key.as_ref(),
                prompt: Some(request.prompt),
                answer: "",
            },
            start,
            text: String::new(),
            first_s: None,
            attempts: 0,
        };
        asking.run(sink)
    }
}

/// One request on its way from server to server.
struct Asking<'a> {
    model: &'a ChatModel,
    body: Vec<u8>,
    share: Share,
    input_tokens: usize,
    watch: Arc<Watch>,
    guard: Guard<'a>,
    start: Instant,
    text: String,
    first_s: Option<f64>,
    attempts: usize,
}

/// Where and why the last call failed.
type Last = Option<(String, Failure)>;

impl Asking<'_> {
    fn run(&mut self, sink: &mut dyn FnMut(&str) -> Flow) -> Result<Generated> {
        let pool = &self.model.shared.pool;
        let options = &self.model.shared.caller.options;
        let mut last: Last = None;
        let mut asked = vec![false; pool.endpoints.len()];
        let mut round = 0;
        loop {
            if let Err(halt) = self.watch.check() {
                return self.halted(halt, last);
            }
            let mut taken = match pool.choose(&mut asked, Instant::now()) {
                Choice::Ask(taken) => taken,
                choice => {
                    let mut wait = pool.throttled_for(Instant::now());
                    if matches!(choice, Choice::Asked) {
                        round += 1;
                        if round >= options.attempts {
                            return Err(self.failed(last));
                        }
                        asked.fill(false);
                        wait = wait.max(pool.jitter(backoff(options, round)));
                    }
                    if self.watch.is_beyond(wait) {
                        return Err(self.too_long(wait, last));
                    }
                    if let Err(halt) = self.watch.sleep(wait) {
                        return self.halted(halt, last);
                    }
                    continue;
                }
            };
            let share = match self.wait_for_share()? {
                Ok(share) => share,
                Err(halt) => return self.halted(halt, last),
            };
            self.attempts += 1;
            let endpoint = taken.endpoint();
            let place = endpoint.shown.clone();
            let called = {
                let (text, first_s, start) = (&mut self.text, &mut self.first_s, self.start);
                let mut hear = |piece: &str| {
                    first_s.get_or_insert_with(|| start.elapsed().as_secs_f64());
                    text.push_str(piece);
                    sink(piece)
                };
                let caller = &self.model.shared.caller;
                caller.ask(endpoint, &self.body, &self.watch, &mut hear)
            };
            let usage = self.usage(&called.reply);
            taken.outcome = outcome(&called, usage);
            taken.skipped = called.reply.skipped;
            if let (Outcome::Failed, Some(failure)) = (taken.outcome, &called.failure) {
                pool.note_failure(taken.place, failure.describe(None));
            }
            drop(taken);
            pool.settle(share, self.used(&called, usage));
            match called.failure {
                None => return Ok(self.generated(Some(&called.reply), usage)),
                Some(Failure::Halted(halt @ (Halt::Cancelled | Halt::Late))) => {
                    return self.halted(halt, last);
                }
                Some(failure) => {
                    let again = failure.may_pass() && self.text.is_empty();
                    last = Some((place, failure));
                    if !again {
                        return Err(self.failed(last));
                    }
                }
            }
        }
    }

    /// Waits until the rates allow a call; fails if that would be too late.
    fn wait_for_share(&self) -> Result<std::result::Result<Share, Halt>> {
        let pool = &self.model.shared.pool;
        let Some(wait) = pool.take(self.share, |wait| self.watch.is_beyond(wait)) else {
            let message = format!(
                "chat model \"{}\": requests_per_minute or tokens_per_minute leave no room before the deadline; ask \
                 later, or give it longer",
                self.model.shared.name
            );
            return Err(Error::new(ErrorKind::Timeout, message));
        };
        Ok(match self.watch.sleep(wait) {
            Ok(()) => Ok(self.share),
            Err(halt) => {
                pool.settle(self.share, Share::default());
                Err(halt)
            }
        })
    }

    /// What a call used of its share.
    fn used(&self, called: &Called, usage: Usage) -> Share {
        let tokens = (usage.input_tokens + usage.output_tokens) as f64;
        match &called.failure {
            Some(Failure::Connection(_)) => Share::default(),
            Some(Failure::Status { .. }) if self.text.is_empty() => Share {
                tokens: 0.0,
                ..self.share
            },
            _ => Share {
                tokens,
                ..self.share
            },
        }
    }

    fn usage(&self, reply: &Reply) -> Usage {
        reply.usage.unwrap_or_else(|| Usage {
            input_tokens: self.input_tokens,
            output_tokens: self.model.count_tokens(&self.text),
            estimated: true,
        })
    }

    fn generated(&mut self, reply: Option<&Reply>, usage: Usage) -> Generated {
        let model = reply.and_then(|reply| reply.model.clone());
        Generated {
            text: std::mem::take(&mut self.text),
            usage,
            finish: match reply {
                Some(reply) => reply.finish.unwrap_or(Finish::Unknown),
                None => Finish::Cancelled,
            },
            model: model.unwrap_or_else(|| self.model.shared.name.clone()),
            first_s: self.first_s,
            attempts: self.attempts,
        }
    }

    /// Cancelled calls end with what there is; late ones with an error.
    fn halted(&mut self, halt: Halt, last: Last) -> Result<Generated> {
        if halt == Halt::Cancelled {
            // What was never asked for costs nothing.
            let asked = self.attempts > 0;
            let usage = Usage {
                input_tokens: if asked { self.input_tokens } else { 0 },
                output_tokens: self.model.count_tokens(&self.text),
                estimated: true,
            };
            return Ok(self.generated(None, usage));
        }
        let seconds = self.start.elapsed().as_secs_f64();
        let what = format!("no whole answer within {seconds:.1} s; give it longer");
        Err(self.error(ErrorKind::Timeout, &what, &last))
    }

    fn failed(&self, last: Last) -> Error {
        self.error(ErrorKind::Upstream, "no answer", &last)
    }

    fn too_long(&self, wait: Duration, last: Last) -> Error {
        let seconds = wait.as_secs_f64();
        let what = format!(
            "all servers want to be left alone for {seconds:.1} s, longer than there is time"
        );
        let kind = match last {
            Some(_) => ErrorKind::Upstream,
            None => ErrorKind::Timeout,
        };
        self.error(kind, &what, &last)
    }

    fn error(&self, kind: ErrorKind, what: &str, last: &Last) -> Error {
        let mut message = format!("chat model \"{}\": {what}", self.model.shared.name);
        if let Some((place, failure)) = last {
            let guard = Guard {
                answer: &self.text,
                ..self.guard
            };
            let why = failure.describe(Some(&guard));
            message.push_str(&format!("; {place}: {why}"));
        }
        message.push_str(&format!("; calls made: {}", self.attempts));
        if !self.text.is_empty() {
            message.push_str("; a part of the answer was given before");
        }
        Error::new(kind, message)
    }
}

/// The most that is waited before a round of calls, `round` from 1.
fn backoff(options: &ChatOptions, round: usize) -> Duration {
    let doubled = options.backoff_s * 2f64.powi(round.min(60) as i32 - 1);
    Duration::from_secs_f64(doubled.min(options.backoff_max_s))
}

/// What a call says of its server.
fn outcome(called: &Called, usage: Usage) -> Outcome {
    match &called.failure {
        None => Outcome::Answered(usage),
        Some(Failure::Halted(Halt::Cancelled | Halt::Late)) => Outcome::Unknown,
        Some(Failure::Status {
            status: 429, wait, ..
        }) => Outcome::Throttled(*wait),
        Some(Failure::Status { status, .. }) if *status < 500 && *status != 408 => Outcome::Refused,
        Some(_) => Outcome::Failed,
    }
}
