//! Functions of a stranger's program that the library calls.

use super::Pointer;
use std::cell::Cell;
use std::ffi::c_char;

thread_local! {
    /// What callbacks answer, a bit at a time.
    static ANSWERS: Cell<u64> = const { Cell::new(0) };
}

/// What callbacks on this thread answer from now on.
pub(super) fn answer_by(answers: u64) {
    ANSWERS.set(answers);
}

fn answer() -> u64 {
    let answers = ANSWERS.get().rotate_left(3);
    ANSWERS.set(answers);
    answers
}

pub(super) extern "C" fn on_progress(done: usize, total: usize, _: Pointer) -> bool {
    assert!(done <= total, "{done} of {total}");
    !answer().is_multiple_of(8)
}

pub(super) extern "C" fn on_count(_: *const c_char, length: usize, _: Pointer) -> usize {
    match length {
        0 => 0,
        _ if answer().is_multiple_of(64) => usize::MAX,
        _ => 1 + (answer() % 3) as usize,
    }
}

pub(super) extern "C" fn on_policy(
    _: *const c_char,
    context: *const f64,
    n: usize,
    _: Pointer,
) -> f64 {
    match n {
        0 => (answer() % 5) as f64 / 4.0,
        // SAFETY: the library lends `n` numbers.
        _ => unsafe { *context },
    }
}

pub(super) extern "C" fn on_evaluate(
    settings: *const f64,
    n: usize,
    outcomes: *mut f64,
    _: Pointer,
) -> bool {
    if n > 0 {
        // SAFETY: the library lends at least one number of each for each of `n` settings.
        unsafe { (0..n).for_each(|i| *outcomes.add(i) = *settings.add(i)) };
    }
    !answer().is_multiple_of(8)
}

type Emit = Option<unsafe extern "C" fn(*const c_char, usize, Pointer) -> i32>;

/// Called from threads of the library's, where the answers of an input are not known.
pub(super) extern "C" fn on_generate(
    _: *const c_char,
    length: usize,
    emit: Emit,
    sink: Pointer,
    _: Pointer,
) -> i32 {
    let piece = c"[TIP: x] the [1] cat. ";
    if let Some(emit) = emit {
        for _ in 0..1 + length % 3 {
            // SAFETY: the library lends both for this call.
            if unsafe { emit(piece.as_ptr(), usize::MAX, sink) } == 0 {
                break;
            }
        }
    }
    i32::from(length.is_multiple_of(7))
}

pub(super) extern "C" fn on_hear(
    _: *const c_char,
    length: usize,
    _: *const c_char,
    _: Pointer,
) -> i32 {
    i32::from(!length.is_multiple_of(11))
}
