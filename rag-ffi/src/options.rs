//! `rag_options`: a bag of options set by name. The core's tables check them when the bag is used.

use crate::convert;
use crate::convert::name;
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::status::rag_status;
use rag_core::Result;
use rag_core::options::OptionValue;
use std::ffi::c_char;
use std::ptr;

/// Options for a call, by name (`RAG_OPT_...`). A call checks names, types and ranges: an option
/// that it does not have, or a value outside the range, is `RAG_STATUS_INVALID_ARGUMENT`. NULL
/// instead of a bag means all defaults. One bag may serve many calls, from many threads.
pub struct rag_options {
    _opaque: [u8; 0],
}
noun!(rag_options => Bag);

pub(crate) type Bag = Vec<(String, OptionValue)>;

/// Hands every option of the bag to the core's setter.
pub(crate) fn apply(
    options: *const rag_options,
    mut set: impl FnMut(&str, &OptionValue) -> Result<()>,
) -> Result<(), Fail> {
    handle::with_optional(options, "options", |bag| {
        for (name, value) in bag.into_iter().flatten() {
            set(name, value)?;
        }
        Ok(())
    })
}

unsafe fn set(
    options: *mut rag_options,
    option: *const c_char,
    value: impl FnOnce() -> Result<OptionValue, Fail>,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let name = name(option, "name")?.to_owned();
        let value = value()?;
        handle::with_mut(options, "options", |bag| {
            bag.retain(|(known, _)| *known != name);
            bag.push((name, value));
            Ok(())
        })
    })
}

/// *Gives* an empty bag of options.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_options_new(
    out: *mut *mut rag_options,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        convert::writable(out, "out")?;
        convert::put(out, handle::give(Bag::new()), "out")
    })
}

/// Frees a bag of options. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_options_free(options: *mut rag_options) -> rag_status {
    guard(ptr::null_mut(), || handle::free(options, "options"))
}

/// Sets an option that is a real number. The latest value counts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_options_set_f64(
    options: *mut rag_options,
    name: *const c_char,
    value: f64,
    err: *mut *mut rag_error,
) -> rag_status {
    set(options, name, || Ok(OptionValue::F64(value)), err)
}

/// Sets an option that is a whole number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_options_set_u64(
    options: *mut rag_options,
    name: *const c_char,
    value: u64,
    err: *mut *mut rag_error,
) -> rag_status {
    set(options, name, || Ok(OptionValue::U64(value)), err)
}

/// Sets an option that is a choice or a text, NUL-terminated. The text is copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_options_set_str(
    options: *mut rag_options,
    name: *const c_char,
    value: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    let text = || Ok(OptionValue::Str(convert::name(value, "value")?.to_owned()));
    set(options, name, text, err)
}

/// Sets an option that is true or false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_options_set_bool(
    options: *mut rag_options,
    name: *const c_char,
    value: bool,
    err: *mut *mut rag_error,
) -> rag_status {
    set(options, name, || Ok(OptionValue::Bool(value)), err)
}
