//! A language model behind servers, as a `rag_generator`.

use crate::convert::{name, optional_name, texts, writable};
use crate::error::rag_error;
use crate::generator::rag_generator;
use crate::guard::{Fail, guard};
use crate::options::rag_options;
use crate::status::rag_status;
use std::ffi::c_char;
use std::ptr;

/// *Gives* a generator that asks servers which speak OpenAI's protocol (`.../v1/chat/completions`). `n` addresses at
/// `endpoints`, such as `http://a:8000/v1`, share the work and stand in for each other. `api_key` may be NULL; it is shown
/// nowhere. `RAG_STATUS_UNSUPPORTED` in a build without the feature `http`.
///
/// Options: `attempts`, `connect_timeout_s`, `first_byte_timeout_s`, `gap_timeout_s`, `timeout_s`, `backoff_s`,
/// `backoff_max_s`, `retry_after_max_s`, `pause_s`, `pause_max_s`, `health_interval_s`, `requests_per_minute`,
/// `tokens_per_minute`, `burst_s`, `window`, `price_in`, `price_out`, `stream`, `include_usage`, `temperature`,
/// `max_tokens`, `max_line_bytes`, `max_response_bytes`, `ca_file`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_chat_model_new(
    endpoints: *const *const c_char,
    n: usize,
    model: *const c_char,
    api_key: *const c_char,
    options: *const rag_options,
    out: *mut *mut rag_generator,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let endpoints = texts(endpoints, ptr::null(), n, "endpoints")?;
        let (model, key) = (name(model, "model")?, optional_name(api_key, "api_key")?);
        made(&endpoints, model, key, options, out)
    })
}

#[cfg(feature = "http")]
unsafe fn made(
    endpoints: &[&str],
    model: &str,
    key: Option<&str>,
    options: *const rag_options,
    out: *mut *mut rag_generator,
) -> Result<(), Fail> {
    use crate::{convert, handle, options::apply};
    use rag_core::generation::{ChatModel, ChatOptions, Generator, Secret};
    use std::sync::Arc;

    let mut chosen = ChatOptions::default();
    apply(options, |name, value| chosen.set(name, value))?;
    let key = key.map(Secret::new).transpose()?;
    let chat: Arc<dyn Generator> = Arc::new(ChatModel::new(endpoints, model, key, &chosen)?);
    convert::put(out, handle::give(chat), "out")
}

#[cfg(not(feature = "http"))]
unsafe fn made(
    _: &[&str],
    _: &str,
    _: Option<&str>,
    _: *const rag_options,
    _: *mut *mut rag_generator,
) -> Result<(), Fail> {
    let message = "this build asks no servers; build it with the feature http";
    Err(rag_core::Error::new(rag_core::ErrorKind::Unsupported, message).into())
}
