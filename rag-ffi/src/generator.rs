//! `rag_generator`: whoever writes answers, ours or a function of the caller's.

use crate::convert::{self, name, text, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use rag_core::generation::{
    Extractive, ExtractiveOptions, Flow, Generated, Generator, Request, Writing,
};
use rag_core::{Error, ErrorKind};
use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

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
    writing: Writing<'a>,
    failed: Option<Error>,
}

/// What a function of the caller's calls with each piece.
unsafe extern "C" fn emit(piece: *const c_char, length: usize, sink: *mut c_void) -> c_int {
    // SAFETY: `sink` is what `generate` handed to the function that is running.
    let sink = unsafe { &mut *sink.cast::<Sink<'_>>() };
    let mut flow = Flow::Stop;
    let done = guard(ptr::null_mut(), || {
        match sink.writing.piece(text(piece, length, "text")?) {
            Ok(wanted) => flow = wanted,
            Err(late) => sink.failed = Some(late),
        }
        Ok(())
    });
    if done != crate::status::RAG_STATUS_OK {
        let message =
            "the generator's function gave a piece that is no UTF-8; give whole characters";
        sink.failed = Some(Error::new(ErrorKind::Upstream, message));
    }
    c_int::from(flow == Flow::Continue)
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
        let mut sink = Sink {
            writing: Writing::new(request, tell),
            failed: None,
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
        Ok(sink.writing.finish(&self.name))
    }
}
