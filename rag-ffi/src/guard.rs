//! The one door out: every exported function that can fail runs inside [`guard`].

use crate::error::{Details, rag_error};
use crate::handle;
use crate::status::*;
use rag_core::Error;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Fail {
    /// The core refused.
    Core(Error),
    /// A pointer that must not be NULL was.
    Null(&'static str),
    /// A text of a list that must not be NULL was, and its place.
    NullItem(&'static str, usize),
    /// A handle that is none; the sentence says why.
    Handle(String),
    /// Another call holds the object.
    Busy(&'static str),
    /// An earlier call left the object half changed.
    Poisoned(&'static str),
    /// A buffer with less room than needed.
    Buffer(&'static str, usize, usize),
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        Fail::Core(error)
    }
}

/// Runs `body`; on failure fills `err`, unless it is NULL, and returns the status.
///
/// # Safety
/// `err` is NULL or writable storage for one pointer.
pub(crate) unsafe fn guard(
    err: *mut *mut rag_error,
    body: impl FnOnce() -> Result<(), Fail>,
) -> rag_status {
    // A half-changed object is poisoned by its own lock, so nothing else can see it.
    let details = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return RAG_STATUS_OK,
        Ok(Err(fail)) => describe(fail),
        Err(payload) => Details::new(RAG_STATUS_PANIC, said(payload)),
    };
    let status = details.status;
    // A panic here (no memory for the message) must not leave either.
    let made = catch_unwind(AssertUnwindSafe(|| match err.is_null() {
        true => std::ptr::null_mut(),
        false => handle::give::<rag_error>(details),
    }));
    if let (false, Ok(error)) = (err.is_null(), made) {
        // SAFETY: the caller promises that a non-NULL `err` can be written.
        unsafe { err.write(error) };
    }
    status
}

fn describe(fail: Fail) -> Details {
    match fail {
        Fail::Core(error) => Details::from_core(&error),
        Fail::Null(name) => Details::new(RAG_STATUS_NULL_POINTER, format!("{name} is NULL")),
        Fail::NullItem(name, i) => Details::new(
            RAG_STATUS_NULL_POINTER,
            format!("{name}[{i}] is NULL, expected a text"),
        ),
        Fail::Handle(why) => Details::new(RAG_STATUS_INVALID_HANDLE, why),
        Fail::Busy(name) => Details::new(
            RAG_STATUS_BUSY,
            format!(
                "{name} is in use by another call; a call that changes it must be the only one"
            ),
        ),
        Fail::Poisoned(name) => Details::new(
            RAG_STATUS_POISONED,
            format!("{name} was left half changed by a call that ended in a panic; free it"),
        ),
        Fail::Buffer(name, need, have) => Details::new(
            RAG_STATUS_BUFFER_TOO_SMALL,
            format!("{name} has room for {have} items and {need} are needed"),
        ),
    }
}

fn said(payload: Box<dyn Any + Send>) -> String {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied());
    let message = format!("a defect in ragcore: {}", text.unwrap_or("no message"));
    // Dropping a payload may panic in turn; leaking a few bytes of a defect is the lesser evil.
    std::mem::forget(payload);
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::null_mut;

    #[test]
    fn a_panic_becomes_a_status_with_its_message() {
        let mut err = null_mut();
        // SAFETY: `err` is storage for one pointer.
        let status = unsafe { guard(&mut err, || panic!("number {}", 7)) };
        assert_eq!(status, RAG_STATUS_PANIC);
        let message = handle::with(err, "err", |e| Ok(e.message.clone())).unwrap();
        assert_eq!(message.to_str().unwrap(), "a defect in ragcore: number 7");
        handle::free(err, "err").unwrap();
    }

    #[test]
    fn an_error_without_a_place_for_it_is_only_a_status() {
        // SAFETY: NULL is allowed.
        let status = unsafe { guard(null_mut(), || Err(Error::invalid("no").into())) };
        assert_eq!(status, RAG_STATUS_INVALID_ARGUMENT);
    }
}
