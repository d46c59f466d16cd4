//! `rag_optimize`: settings of which no other is better in all objectives.

use crate::convert::{self, fill, name, rag_progress, slice, texts, with_progress, writable};
use crate::error::rag_error;
use crate::fronts::flags;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use rag_core::routing::{Knob, OptimizeOptions, Optimum, optimize};
use rag_core::{Error, ErrorKind};
use std::ffi::{c_char, c_void};
use std::ptr;

/// What an optimisation found. Never changes; usable from many threads.
pub struct rag_optimum {
    _opaque: [u8; 0],
}
noun!(rag_optimum => Optimum);

/// Something that can be turned.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_knob {
    /// Its name, NUL-terminated.
    pub name: *const c_char,
    /// `"real"` (any number between two), `"whole"` (any whole number between two) or `"choice"`
    /// (one of several things without an order).
    pub kind: *const c_char,
    /// The least that it can be; of no account for a choice.
    pub low: f64,
    /// The greatest.
    pub high: f64,
    /// The names of the choices; of no account for others.
    pub choices: *const *const c_char,
    /// How many there are.
    pub choice_count: usize,
}

/// Evaluates `n` settings: `settings` are rows of a number for each knob (an index for a choice),
/// `outcomes` has room for rows of a number for each objective and is to be filled. `false` ends
/// the search. Called on the calling thread; must not leave by `longjmp` or an exception.
pub type rag_objective = Option<
    unsafe extern "C" fn(
        settings: *const f64,
        n: usize,
        outcomes: *mut f64,
        user: *mut c_void,
    ) -> bool,
>;

unsafe fn knobs(given: &[rag_knob]) -> Result<Vec<Knob>, Fail> {
    let mut knobs = Vec::with_capacity(given.len());
    for knob in given {
        let choices = texts(knob.choices, ptr::null(), knob.choice_count, "choices")?;
        knobs.push(Knob::named(
            name(knob.name, "name")?,
            name(knob.kind, "kind")?,
            knob.low,
            knob.high,
            choices.into_iter().map(str::to_owned).collect(),
        )?);
    }
    Ok(knobs)
}

/// *Gives* the front of all settings that were tried by NSGA-II (Deb et al., 2002).
///
/// `objectives` lends `objective_count` names, `maximize` is as for `rag_pareto_front`, `initial`
/// lends settings to begin with, rows of a number for each knob. `evaluate` gets `user`, and so
/// does `progress`, which may be NULL and is told of settings after each generation. A NaN is
/// `RAG_STATUS_INVALID_ARGUMENT` and says where; an end by `evaluate` is `RAG_STATUS_INTERRUPTED`.
///
/// Options: `population`, `generations`, `seed`, `crossover`, `crossover_index`, `mutation`,
/// `mutation_index`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_optimize(
    knobs: *const rag_knob,
    knob_count: usize,
    objectives: *const *const c_char,
    objective_count: usize,
    maximize: *const bool,
    maximize_count: usize,
    initial: *const f64,
    initial_count: usize,
    evaluate: rag_objective,
    options: *const rag_options,
    progress: rag_progress,
    user: *mut c_void,
    out: *mut *mut rag_optimum,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let call = evaluate.ok_or(Fail::Null("evaluate"))?;
        let knobs = self::knobs(slice(knobs, knob_count, "knobs")?)?;
        let objectives = texts(objectives, ptr::null(), objective_count, "objectives")?;
        let maximize = flags(slice(maximize.cast::<u8>(), maximize_count, "maximize")?)?;
        let numbers = initial_count.saturating_mul(knob_count);
        let initial = slice(initial, numbers, "initial")?;
        let mut chosen = OptimizeOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let mut ask = |settings: &[f64]| {
            let n = settings.len() / knob_count;
            let mut outcomes = vec![f64::NAN; n * objective_count];
            // SAFETY: the caller promises a function of this type; both buffers live for the call.
            let go_on = unsafe { call(settings.as_ptr(), n, outcomes.as_mut_ptr(), user) };
            match go_on {
                true => Ok(outcomes),
                false => Err(Error::new(
                    ErrorKind::Interrupted,
                    "evaluate ended the search; nothing was kept",
                )),
            }
        };
        let found = with_progress(progress, user, |progress| {
            optimize(
                &knobs,
                &objectives,
                maximize,
                initial,
                &mut ask,
                &chosen,
                progress,
            )
        })?;
        convert::put(out, handle::give(found), "out")
    })
}

/// Frees an optimum. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_optimum_free(optimum: *mut rag_optimum) -> rag_status {
    guard(ptr::null_mut(), || handle::free(optimum, "optimum"))
}

/// Writes the settings of the front, rows of a number for each knob. `count` is of numbers; with
/// too little room only it is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_optimum_settings(
    optimum: *const rag_optimum,
    out: *mut f64,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(optimum, "optimum", |o| {
            fill(&o.settings, out, capacity, count, "out")
        })
    })
}

/// Writes what the settings of the front gave, rows of a number for each objective. `count` is of
/// numbers; with too little room only it is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_optimum_points(
    optimum: *const rag_optimum,
    out: *mut f64,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(optimum, "optimum", |o| {
            fill(&o.points, out, capacity, count, "out")
        })
    })
}

/// How many settings were evaluated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_optimum_evaluations(
    optimum: *const rag_optimum,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(optimum, "optimum", |o| Ok(o.evaluations))?;
        convert::put(count, found, "count")
    })
}
