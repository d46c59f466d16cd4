//! What a generator that is somebody else's function has written so far.

use super::generator::{Finish, Flow, Generated, Request, Usage};
use crate::error::{Error, ErrorKind, Result};
use crate::text::estimate_tokens;
use std::time::Instant;

/// Takes the pieces of an answer in, hands them on while they are wanted, and says in the end what that took: for
/// generators that know nothing of deadlines, cancelling and tokens.
///
/// ```
/// use rag_core::Result;
/// use rag_core::generation::{Flow, Generated, Generator, Request, Writing};
/// #[derive(Debug)]
/// struct Echo;
/// impl Generator for Echo {
///     fn name(&self) -> &str { "echo" }
///     fn generate(&self, request: &Request<'_>, sink: &mut dyn FnMut(&str) -> Flow) -> Result<Generated> {
///         let mut writing = Writing::new(request, sink);
///         for word in request.prompt.question.split_inclusive(' ') {
///             if writing.piece(word)? == Flow::Stop {
///                 break;
///             }
///         }
///         Ok(writing.finish("echo"))
///     }
/// }
/// let prompt = rag_core::prompting::Prompt { question: "why not?".into(), ..Default::default() };
/// let answer = Echo.generate(&Request::new(&prompt), &mut |_piece| Flow::Continue)?;
/// assert_eq!((answer.text.as_str(), answer.usage.estimated), ("why not?", true));
/// # Ok::<(), rag_core::Error>(())
/// ```
pub struct Writing<'a> {
    request: &'a Request<'a>,
    sink: &'a mut dyn FnMut(&str) -> Flow,
    start: Instant,
    first_s: Option<f64>,
    text: String,
    ended: bool,
}

impl std::fmt::Debug for Writing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Writing({} bytes)", self.text.len())
    }
}

impl<'a> Writing<'a> {
    /// Nothing yet; time counts from now.
    pub fn new(request: &'a Request<'a>, sink: &'a mut dyn FnMut(&str) -> Flow) -> Self {
        Self {
            request,
            sink,
            start: Instant::now(),
            first_s: None,
            text: String::new(),
            ended: false,
        }
    }

    /// Takes the next piece; `Stop` if no more is wanted, and for whatever comes after that. `Timeout` after the
    /// deadline.
    pub fn piece(&mut self, piece: &str) -> Result<Flow> {
        let late = |end: Instant| Instant::now() > end;
        if self.request.deadline.is_some_and(late) {
            self.ended = true;
            let message = "the answer was not there in time; give it longer by timeout_s";
            return Err(Error::new(ErrorKind::Timeout, message));
        }
        self.ended |= self.request.cancel.is_cancelled();
        if self.ended {
            return Ok(Flow::Stop);
        }
        self.first_s
            .get_or_insert_with(|| self.start.elapsed().as_secs_f64());
        self.text.push_str(piece);
        let flow = (self.sink)(piece);
        self.ended = flow == Flow::Stop;
        Ok(flow)
    }

    /// The whole, with tokens as they are estimated here.
    pub fn finish(self, model: &str) -> Generated {
        let messages = self.request.prompt.messages.iter();
        Generated {
            usage: Usage {
                input_tokens: messages.map(|m| estimate_tokens(&m.content)).sum(),
                output_tokens: estimate_tokens(&self.text),
                estimated: true,
            },
            text: self.text,
            finish: match self.ended {
                true => Finish::Cancelled,
                false => Finish::Stop,
            },
            model: model.to_owned(),
            first_s: self.first_s,
            attempts: 0,
        }
    }
}
