//! `rag_generator`: whoever writes answers, ours or a function of the caller's.

use crate::convert::{self, name, text, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use rag_core::generation::{
    Extractive, ExtractiveOptions, Finish, Flow, Generated, Generator, Request, Usage,
};
use rag_core::text::estimate_tokens;
use rag_core::{Error, ErrorKind};
use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;
use std::time::Instant;

/// Writes answers. Usable from many threads; engines that were made with it go on with it when it is freed.
pub struct rag_generator {
    _opaque: [u8; 0],
}
noun!(rag_generator => Arc<dyn Generator>);

/// Takes a piece of an answer, `length` bytes of UTF-8 or `RAG_NUL_TERMINATED`. 0 means that no more is wanted.
pub type rag_emit =
    Option<unsafe extern "C" fn(text: *const c_char, length: usize, sink: *mut c_void) -> c_int>;

/// Writes an answer to `prompt`, `length` bytes of JSON as `rag_prompts_build` gives it: hands its pieces to `emit`
/// with `sink`, on the calling thread, and returns 0 when it is done, anything else if it failed. Called from many
/// threads at a time; must not leave by `longjmp` or an exception.
pub type rag_generate = Option<
    unsafe extern "C" fn(
        prompt: *const c_char,
        length: usize,
        emit: rag_emit,
        sink: *mut c_void,
        user: *mut c_void,
    ) -> c_int,
>;

/// *Gives* the generator that needs no model: the best sentences of the passages, with citations. Options:
/// `max_sentences`, `max_tokens`, `min_share`, `relevance_weight`, `language`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_extractive_new(
    options: *const rag_options,
    out: *mut *mut rag_generator,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let mut chosen = ExtractiveOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let made: Arc<dyn Generator> = Arc::new(Extractive::new(&chosen)?);
        convert::put(out, handle::give(made), "out")
    })
}

/// *Gives* a generator that is a function of yours, by the name that is shown for its model. `window` is how many tokens
/// prompt and answer may have together, 0 if that is not known. `function` and `user` must be good until this
/// generator and all engines made with it are freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_generator_new(
    name: *const c_char,
    window: usize,
    function: rag_generate,
    user: *mut c_void,
    out: *mut *mut rag_generator,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let made: Arc<dyn Generator> = Arc::new(Function {
            name: self::name(name, "name")?.to_owned(),
            window: (window > 0).then_some(window),
            call: function.ok_or(Fail::Null("function"))?,
            user: user.expose_provenance(),
        });
        convert::put(out, handle::give(made), "out")
    })
}

/// Frees a generator. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_generator_free(generator: *mut rag_generator) -> rag_status {
    guard(ptr::null_mut(), || handle::free(generator, "generator"))
}

type Call = unsafe extern "C" fn(*const c_char, usize, rag_emit, *mut c_void, *mut c_void) -> c_int;

/// A function of the caller's, with the caller's own pointer as a number: it is handed back and never followed.
#[derive(Debug)]
struct Function {
    name: String,
    window: Option<usize>,
    call: Call,
    user: usize,
}

/// Where the pieces of one call go.
struct Sink<'a> {
    tell: &'a mut dyn FnMut(&str) -> Flow,
    text: String,
    start: Instant,
    first_s: Option<f64>,
    deadline: Option<Instant>,
    failed: Option<Error>,
    ended: bool,
}

impl Sink<'_> {
    fn take(&mut self, piece: &str) -> Flow {
        self.first_s
            .get_or_insert_with(|| self.start.elapsed().as_secs_f64());
        self.text.push_str(piece);
        if self.deadline.is_some_and(|end| Instant::now() > end) {
            let message = "the answer was not there in time; give it longer by timeout_s";
            self.failed = Some(Error::new(ErrorKind::Timeout, message));
            return Flow::Stop;
        }
        (self.tell)(piece)
    }
}

/// What a function of the caller's calls with each piece.
unsafe extern "C" fn emit(piece: *const c_char, length: usize, sink: *mut c_void) -> c_int {
    // SAFETY: `sink` is what `generate` handed to the function that is running.
    let sink = unsafe { &mut *sink.cast::<Sink<'_>>() };
    if sink.ended {
        return 0;
    }
    let mut flow = Flow::Stop;
    let done = guard(ptr::null_mut(), || {
        flow = sink.take(text(piece, length, "text")?);
        Ok(())
    });
    if done != crate::status::RAG_STATUS_OK && sink.failed.is_none() {
        let message =
            "the generator's function gave a piece that is no UTF-8; give whole characters";
        sink.failed = Some(Error::new(ErrorKind::Upstream, message));
    }
    sink.ended = flow == Flow::Stop;
    c_int::from(!sink.ended)
}

impl Generator for Function {
    fn name(&self) -> &str {
        &self.name
    }

    fn window(&self) -> Option<usize> {
        self.window
    }

    fn generate(
        &self,
        request: &Request<'_>,
        tell: &mut dyn FnMut(&str) -> Flow,
    ) -> rag_core::Result<Generated> {
        let prompt = request.prompt.to_json();
        let cancel = request.cancel.clone();
        let mut wanted = |piece: &str| match cancel.is_cancelled() {
            true => Flow::Stop,
            false => tell(piece),
        };
        let mut sink = Sink {
            tell: &mut wanted,
            text: String::new(),
            start: Instant::now(),
            first_s: None,
            deadline: request.deadline,
            failed: None,
            ended: false,
        };
        // SAFETY: the caller promises a function of this type, good for as long as this generator; the sink
        // outlives the call.
        let status = unsafe {
            (self.call)(
                prompt.as_ptr().cast(),
                prompt.len(),
                Some(emit),
                ptr::from_mut(&mut sink).cast(),
                ptr::with_exposed_provenance_mut(self.user),
            )
        };
        if let Some(error) = sink.failed {
            return Err(error);
        }
        if status != 0 {
            let message = format!("the generator's function returned {status}; 0 means success");
            return Err(Error::new(ErrorKind::Upstream, message));
        }
        let messages = request.prompt.messages.iter();
        let usage = Usage {
            input_tokens: messages.map(|m| estimate_tokens(&m.content)).sum(),
            output_tokens: estimate_tokens(&sink.text),
            estimated: true,
        };
        Ok(Generated {
            text: sink.text,
            usage,
            finish: match sink.ended {
                true => Finish::Cancelled,
                false => Finish::Stop,
            },
            model: self.name.clone(),
            first_s: sink.first_s,
            attempts: 0,
        })
    }
}
