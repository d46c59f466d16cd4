//! `rag_error`: what a failed call says.

use crate::handle::{self, noun};
use crate::status::*;
use rag_core::{Error, ErrorKind};
use std::ffi::{CStr, CString, c_char};
use std::ptr;

/// What a failed call says: a status, a sentence, and where the trouble is. Read it from one
/// thread at a time.
pub struct rag_error {
    _opaque: [u8; 0],
}
noun!(rag_error => Details);

#[derive(Debug)]
pub(crate) struct Details {
    pub(crate) status: rag_status,
    pub(crate) message: CString,
    file: Option<CString>,
    offset: Option<u64>,
    pid: Option<u32>,
}

impl Details {
    pub(crate) fn new(status: rag_status, message: String) -> Self {
        Self {
            status,
            message: c_string(message),
            file: None,
            offset: None,
            pid: None,
        }
    }

    pub(crate) fn from_core(error: &Error) -> Self {
        Self {
            file: error.file().map(|f| c_string(f.display().to_string())),
            offset: error.offset(),
            pid: error.pid(),
            ..Self::new(error.kind().code(), error.message().to_owned())
        }
    }
}

/// Text for C. A NUL byte inside, which would cut it short, becomes U+FFFD.
fn c_string(text: String) -> CString {
    CString::new(text.replace('\0', "\u{FFFD}")).unwrap_or_default()
}

fn kind_name(status: rag_status) -> Option<&'static str> {
    let kind = ErrorKind::ALL.iter().find(|k| k.code() == status);
    kind.map(|k| k.name()).or_else(|| own_name(status))
}

fn read<R>(error: *const rag_error, otherwise: R, body: impl FnOnce(&Details) -> R) -> R {
    let read = || handle::with(error, "error", |details| Ok(body(details)));
    // These functions cannot fail in another way than by a handle that is none.
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)) {
        Ok(Ok(found)) => found,
        _ => otherwise,
    }
}

/// The status that the call returned; `RAG_STATUS_INVALID_HANDLE` for NULL or a freed error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_error_status(error: *const rag_error) -> rag_status {
    read(error, RAG_STATUS_INVALID_HANDLE, |e| e.status)
}

/// The sentence: what was found, what was expected, what to do. *Lent* until the error is freed.
/// Empty for NULL or a freed error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_error_message(error: *const rag_error) -> *const c_char {
    read(error, c"".as_ptr(), |e| e.message.as_ptr())
}

/// The file that the error is about, or NULL. *Lent* until the error is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_error_file(error: *const rag_error) -> *const c_char {
    read(error, ptr::null(), |e| {
        e.file.as_ref().map_or(ptr::null(), |f| f.as_ptr())
    })
}

/// The byte offset in that file at which damage was noticed, or `UINT64_MAX`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_error_offset(error: *const rag_error) -> u64 {
    read(error, u64::MAX, |e| e.offset.unwrap_or(u64::MAX))
}

/// The process that holds the lock, for `RAG_STATUS_LOCKED`, or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_error_pid(error: *const rag_error) -> u32 {
    read(error, 0, |e| e.pid.unwrap_or(0))
}

/// Frees an error. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE` and does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_error_free(error: *mut rag_error) -> rag_status {
    crate::guard::guard(ptr::null_mut(), || handle::free(error, "error"))
}

/// The name of a status, such as `"not_found"`, the same in every language; NULL for a number
/// that is none. Lives as long as the program.
#[unsafe(no_mangle)]
pub extern "C" fn rag_status_name(status: rag_status) -> *const c_char {
    // Names are made for C once: the core's are not NUL-terminated.
    static NAMES: std::sync::OnceLock<Vec<(rag_status, CString)>> = std::sync::OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let codes = ErrorKind::ALL.iter().map(|k| k.code());
        let codes = codes
            .chain([RAG_STATUS_OK])
            .chain(RAG_STATUS_NULL_POINTER..=RAG_STATUS_POISONED);
        codes
            .filter_map(|code| Some((code, c_string(kind_name(code)?.to_owned()))))
            .collect()
    });
    let found = names.iter().find(|(code, _)| *code == status);
    found.map_or(ptr::null(), |(_, name)| name.as_ptr())
}

/// The version of the library that is loaded, such as `"0.1.0"`; compare `RAG_VERSION`. Lives as
/// long as the program.
#[unsafe(no_mangle)]
pub extern "C" fn rag_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => panic!("the version has no NUL"),
        };
    VERSION.as_ptr()
}

/// The number of handles of every type that were given and not freed: for tests of your own
/// that nothing leaks.
#[unsafe(no_mangle)]
pub extern "C" fn rag_handles_alive() -> usize {
    handle::alive()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_byte_does_not_cut_a_message_short() {
        let details = Details::from_core(&Error::invalid("no id is \"a\0b\" here"));
        assert_eq!(
            details.message.to_str().unwrap(),
            "no id is \"a\u{FFFD}b\" here"
        );
    }

    #[test]
    fn every_status_has_a_name() {
        for kind in ErrorKind::ALL {
            let name = rag_status_name(kind.code());
            // SAFETY: a static NUL-terminated string.
            let name = unsafe { CStr::from_ptr(name) };
            assert_eq!(name.to_str().unwrap(), kind.name());
        }
        assert!((100..=105).all(|status| !rag_status_name(status).is_null()));
        assert!(rag_status_name(99).is_null());
    }
}
