//! `rag_string` and `rag_strings`: texts that the library gives.

use crate::convert::{put, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::status::rag_status;
use rag_core::Error;
use std::ffi::c_char;
use std::ptr;

/// A text: UTF-8, followed by a NUL byte, and able to hold NUL bytes of its own. Never changes;
/// usable from many threads.
pub struct rag_string {
    _opaque: [u8; 0],
}
noun!(rag_string => Text);

/// A list of texts, some of which may be absent. Never changes; usable from many threads.
pub struct rag_strings {
    _opaque: [u8; 0],
}
noun!(rag_strings => Vec<Option<Text>>);

/// UTF-8 with a NUL byte after it.
#[derive(Debug)]
pub(crate) struct Text(Box<[u8]>);

impl Text {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let mut bytes = text.into().into_bytes();
        bytes.push(0);
        Text(bytes.into())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len() - 1
    }

    pub(crate) fn as_ptr(&self) -> *const c_char {
        self.0.as_ptr().cast()
    }
}

/// Gives a text.
pub(crate) unsafe fn give_text(
    out: *mut *mut rag_string,
    text: impl Into<String>,
) -> Result<(), Fail> {
    writable(out, "out")?;
    put(out, handle::give(Text::new(text)), "out")
}

/// Gives a list of texts.
pub(crate) unsafe fn give_texts(
    out: *mut *mut rag_strings,
    texts: impl IntoIterator<Item = impl Into<String>>,
) -> Result<(), Fail> {
    writable(out, "out")?;
    let texts: Vec<_> = texts.into_iter().map(|t| Some(Text::new(t))).collect();
    put(out, handle::give(texts), "out")
}

/// The text, NUL-terminated. *Lent* until the string is freed. NULL for a handle that is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_string_data(string: *const rag_string) -> *const c_char {
    let mut data = ptr::null();
    guard(ptr::null_mut(), || {
        handle::with(string, "string", |text| {
            data = text.as_ptr();
            Ok(())
        })
    });
    data
}

/// Bytes of the text, the last NUL not counted. 0 for a handle that is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_string_len(string: *const rag_string) -> usize {
    let mut len = 0;
    guard(ptr::null_mut(), || {
        handle::with(string, "string", |text| {
            len = text.len();
            Ok(())
        })
    });
    len
}

/// Frees a string. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_string_free(string: *mut rag_string) -> rag_status {
    guard(ptr::null_mut(), || handle::free(string, "string"))
}

/// The number of texts. 0 for a handle that is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_strings_len(strings: *const rag_strings) -> usize {
    let mut len = 0;
    guard(ptr::null_mut(), || {
        handle::with(strings, "strings", |texts| {
            len = texts.len();
            Ok(())
        })
    });
    len
}

/// Text `index`, NUL-terminated, with its bytes in `length` (which may be NULL). *Lent* until the
/// list is freed. `data` is NULL where the text is absent. `RAG_STATUS_INVALID_ARGUMENT` past the
/// end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_strings_get(
    strings: *const rag_strings,
    index: usize,
    data: *mut *const c_char,
    length: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(data, "data")?;
        handle::with(strings, "strings", |texts| {
            let text = item(texts, index)?.as_ref();
            if !length.is_null() {
                put(length, text.map_or(0, Text::len), "length")?;
            }
            put(data, text.map_or(ptr::null(), Text::as_ptr), "data")
        })
    })
}

/// Frees a list of texts. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_strings_free(strings: *mut rag_strings) -> rag_status {
    guard(ptr::null_mut(), || handle::free(strings, "strings"))
}

/// Item `index` of a result.
pub(crate) fn item<T>(items: &[T], index: usize) -> Result<&T, Fail> {
    items.get(index).ok_or_else(|| {
        Error::invalid(format!("index must be below {}, got {index}", items.len())).into()
    })
}
