//! Sequences of calls of the C interface, as a stranger's program makes them: handles alive, freed,
//! freed twice, of another type, made up or NULL; texts that are fine, NULL or not UTF-8; numbers
//! small, huge and none; lengths that no object has.
//!
//! What C cannot check is honest: a pointer that is not NULL points to as many items as the count
//! says, unless the count is one that no array can have, which is promised to be an error.

#![allow(unsafe_code, reason = "a C interface is called")]

mod callbacks;
mod driver;
mod furnish;
mod samples;

use crate::scratch::Scratch;
use driver::{Driver, MOST};
use std::ffi::{CStr, c_char, c_void};
// Links the library, whose functions are found by their C names.
use ragcore as _;

type Pointer = *mut c_void;
type Free = unsafe extern "C" fn(Pointer) -> i32;

/// A function of the header.
struct Call {
    name: &'static str,
    run: fn(&mut Driver<'_>, Pointer) -> i32,
    /// Whether it takes a place for an error object.
    explains: bool,
    /// Whether it returns a status.
    tells: bool,
}

include!(concat!(env!("OUT_DIR"), "/calls.rs"));

const OK: i32 = 0;
/// Not seen where nothing is wrong with the library, and where threads and callbacks keep the rules.
const NEVER: [i32; 3] = [101, 104, 105];

pub(crate) fn run(data: &[u8]) {
    let scratch = Scratch::new("calls");
    let mut driver = Driver::new(data, &scratch);
    driver.begin();
    for _ in 0..200 {
        let Some(entry) = driver.entry() else { break };
        let call = &CALLS[usize::from(TABLE[entry % TABLE.len()])];
        one(call, &mut driver);
    }
    driver.end();
    // SAFETY: it takes nothing.
    let alive = unsafe { rag_handles_alive() };
    assert_eq!(alive, 0, "handles that were given and never came out");
}

fn one(call: &Call, driver: &mut Driver<'_>) {
    let mut error: Pointer = std::ptr::null_mut();
    let asked = driver.flag();
    let err = match asked {
        true => (&raw mut error).cast(),
        false => std::ptr::null_mut(),
    };
    driver.begin_call();
    let status = (call.run)(driver, err);
    let name = call.name;
    assert!(
        !NEVER.contains(&status),
        "{name} returned {status}: {}",
        message(error)
    );
    if call.tells {
        assert!(
            status == OK || driver.may_fail(),
            "{name} refused a handle that is alive: {status}"
        );
        assert!(
            status != OK || !driver.gave_bad_handle(),
            "{name} took a handle that is none"
        );
    }
    assert_eq!(
        !error.is_null(),
        status != OK && asked && call.explains,
        "{name}: {status}"
    );
    if !error.is_null() {
        // SAFETY: it was given just now.
        assert_eq!(unsafe { rag_error_status(error) }, status, "{name}");
        assert!(!message(error).is_empty(), "{name} says nothing");
        driver.keep_error(error);
    }
}

fn message(error: Pointer) -> String {
    // SAFETY: NULL, or an error that is alive; what it lends is copied at once.
    let text = unsafe { rag_error_message(error) };
    read_text(text).unwrap_or_default()
}

/// A text that was lent, read to its end.
fn read_text(text: Pointer) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the library lends texts that end at a NUL, and nothing was freed since.
    let text = unsafe { CStr::from_ptr(text.cast::<c_char>()) };
    Some(text.to_string_lossy().into_owned())
}
