//! `rag_prompts`: from a question and passages to the messages of a language model; packing of passages.

use crate::chunker::{Counter, rag_token_counter};
use crate::convert::{self, name, text, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use crate::strings::{give_text, give_texts, rag_string, rag_strings};
use rag_core::answer::{PackOptions, Packing};
use rag_core::prompting::{Asked, PromptOptions, Prompts, Scenario, sanitize};
use rag_core::text::{TokenCounter, estimate_tokens};
use std::ffi::{c_char, c_void};
use std::ptr;

/// Templates by scenario. Building may happen from many threads at once; adding needs them for itself.
pub struct rag_prompts {
    _opaque: [u8; 0],
}
noun!(rag_prompts => Prompts);

/// *Gives* the scenarios that are there from the start: `general`, `studio`, `live`, `support`, `research`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_prompts_new(
    out: *mut *mut rag_prompts,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        convert::put(out, handle::give(Prompts::new()), "out")
    })
}

/// Frees prompts. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_prompts_free(prompts: *mut rag_prompts) -> rag_status {
    guard(ptr::null_mut(), || handle::free(prompts, "prompts"))
}

/// Adds a scenario, or replaces the one of that name. `scenario` is JSON: `{"system": "...", "user": "...",
/// "markers": [...], "dials": {...}}`, the last two if there are some.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_prompts_add(
    prompts: *mut rag_prompts,
    name: *const c_char,
    scenario: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let name = self::name(name, "name")?;
        let scenario = Scenario::from_json(self::name(scenario, "scenario")?)?;
        handle::with_mut(prompts, "prompts", |p| Ok(p.add(name, scenario)?))
    })
}

/// Sets the words for the two ends of a dial, such as "more casual" and "more formal".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_prompts_phrase(
    prompts: *mut rag_prompts,
    dial: *const c_char,
    low: *const c_char,
    high: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let (dial, low, high) = (name(dial, "dial")?, name(low, "low")?, name(high, "high")?);
        handle::with_mut(prompts, "prompts", |p| Ok(p.phrase(dial, low, high)?))
    })
}

/// *Gives* the names of the scenarios, sorted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_prompts_scenarios(
    prompts: *const rag_prompts,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(prompts, "prompts", |p| give_texts(out, p.scenarios()))
    })
}

/// *Gives* a scenario as JSON, as it was added.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_prompts_scenario(
    prompts: *const rag_prompts,
    name: *const c_char,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let name = self::name(name, "name")?;
        handle::with(prompts, "prompts", |p| {
            give_text(out, p.scenario(name)?.to_json())
        })
    })
}

/// *Gives* a prompt as JSON: its `messages` are what a language model is sent, `fence` is the random word that
/// fences the passages in them, `tokens` those of each part.
///
/// `asked` is JSON of `length` bytes (or `RAG_NUL_TERMINATED`): `{"question": "...", "passages": [{"id",
/// "source", "text"}], "scenario", "dials", "user", "memory", "history", "fields", "now"}`, of which only the
/// question is needed. Tokens are counted by `counter`, or estimated if that is NULL. Options: `answer_tokens`,
/// `window`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_prompts_build(
    prompts: *const rag_prompts,
    asked: *const c_char,
    length: usize,
    counter: rag_token_counter,
    user: *mut c_void,
    options: *const rag_options,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let asked = Asked::from_json(text(asked, length, "asked")?)?;
        let mut chosen = PromptOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        // A copy, so that nothing is held while the caller's function runs.
        let prompts = handle::with(prompts, "prompts", |p| Ok(p.clone()))?;
        let prompt = counted(counter, user, |c| Ok(prompts.build(asked, c, &chosen)?))?;
        give_text(out, prompt.to_json())
    })
}

/// *Gives* what others wrote, made fit to stand in a prompt: what nobody sees is taken out, role tokens of chat
/// templates are broken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_sanitize(
    text: *const c_char,
    length: usize,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let text = self::text(text, length, "text")?;
        give_text(out, sanitize(text))
    })
}

/// *Gives* passages packed into `budget_tokens`, as a JSON list in the order of a prompt.
///
/// `packing` is JSON of `length` bytes (or `RAG_NUL_TERMINATED`): `{"passages": [{"id", "text", "score",
/// "document", "start", "end", "metadata", "relevance", "vector"}], "documents": {id: text}}`, of which a passage
/// needs the first three; documents tell what stands between passages. Tokens are counted by `counter`, or
/// estimated if that is NULL. Options: `min_tokens`, `near_duplicate`, `near_vector`, `offsets`, `order`,
/// `overhead`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_pack(
    packing: *const c_char,
    length: usize,
    budget_tokens: usize,
    counter: rag_token_counter,
    user: *mut c_void,
    options: *const rag_options,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let packing = Packing::from_json(text(packing, length, "packing")?)?;
        let mut chosen = PackOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let packed = counted(counter, user, |c| {
            Ok(packing.pack_json(budget_tokens, c, &chosen)?)
        })?;
        give_text(out, packed)
    })
}

/// Calls `body` with the caller's counter, or the one that needs no model.
unsafe fn counted<R>(
    counter: rag_token_counter,
    user: *mut c_void,
    body: impl FnOnce(&dyn TokenCounter) -> Result<R, Fail>,
) -> Result<R, Fail> {
    match counter {
        None => body(&estimate_tokens),
        Some(call) => body(&Counter { call, user }),
    }
}
