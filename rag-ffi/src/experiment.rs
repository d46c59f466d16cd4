//! `rag_experiment`: variants that users are divided into; `rag_interleaving`: two rankings in one list.

use crate::convert::{self, name, optional_name, slice, text, texts, writable};
use crate::error::rag_error;
use crate::guard::guard;
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use crate::strings::{give_text, rag_string};
use rag_core::experiment::{
    Experiment, ExperimentOptions, Interleaved, Interleaving, MeasureOptions, interleave,
    stable_hash,
};
use std::ffi::c_char;
use std::ptr;

/// Variants that users are divided into, and what is measured of them. Usable from many threads once its measures are
/// added.
pub struct rag_experiment {
    _opaque: [u8; 0],
}
noun!(rag_experiment => Experiment);

/// Two rankings in one list.
pub struct rag_interleaved {
    _opaque: [u8; 0],
}
noun!(rag_interleaved => Interleaved);

/// Which of two rankings is clicked more. Usable from many threads.
pub struct rag_interleaving {
    _opaque: [u8; 0],
}
noun!(rag_interleaving => Interleaving);

/// The hash by which users are assigned, the same for ever: FNV-1a of 64 bits over salt, a zero byte and user, then
/// the last steps of MurmurHash3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_stable_hash(
    salt: *const c_char,
    user: *const c_char,
    out: *mut u64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let hash = stable_hash(name(salt, "salt")?, name(user, "user")?);
        convert::put(out, hash, "out")
    })
}

/// *Gives* an experiment of `n` variants, lent with their weights; the first is the control. Options: `salt`, `layer`,
/// `layer_from`, `layer_to`, `alpha`, `min_count`, `expected_count`, `max_users`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_experiment_new(
    experiment: *const c_char,
    variants: *const *const c_char,
    weights: *const u64,
    n: usize,
    options: *const rag_options,
    out: *mut *mut rag_experiment,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let experiment = name(experiment, "experiment")?;
        let variants = texts(variants, ptr::null(), n, "variants")?;
        let weights = slice(weights, n, "weights")?.iter().copied();
        let variants: Vec<(&str, u64)> = variants.into_iter().zip(weights).collect();
        let mut chosen = ExperimentOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let made = Experiment::new(experiment, &variants, &chosen)?;
        convert::put(out, handle::give(made), "out")
    })
}

/// Adds a measure, before anything is recorded. Options: `kind` (`mean`, `proportion`), `better` (`higher`, `lower`), `role`
/// (`goal`, `guardrail`, `watched`), `margin`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_experiment_measure(
    experiment: *mut rag_experiment,
    measure: *const c_char,
    options: *const rag_options,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let measure = name(measure, "measure")?;
        let mut chosen = MeasureOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        handle::with_mut(experiment, "experiment", |e| {
            Ok(e.add_measure(measure, &chosen)?)
        })
    })
}

/// *Gives* the variant of a user. For one who is not in the experiment `out` becomes NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_experiment_assign(
    experiment: *const rag_experiment,
    user: *const c_char,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let user = name(user, "user")?;
        match handle::with(experiment, "experiment", |e| Ok(e.assign(user)?))? {
            Some(variant) => give_text(out, variant),
            None => convert::put(out, ptr::null_mut(), "out"),
        }
    })
}

/// Counts a value of the user's variant. The statistics take values for independent: record one of a user and measure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_experiment_record(
    experiment: *const rag_experiment,
    user: *const c_char,
    measure: *const c_char,
    value: f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let (user, measure) = (name(user, "user")?, name(measure, "measure")?);
        handle::with(experiment, "experiment", |e| {
            Ok(e.record(user, measure, value)?)
        })
    })
}

/// *Gives* how it stands as JSON: `winner`, `promoted`, `variants`, `measures` with `comparisons`, `sample_ratio`. One may
/// look as often as one likes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_experiment_status(
    experiment: *const rag_experiment,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let status = handle::with(experiment, "experiment", |e| Ok(e.status()))?;
        give_text(out, status.to_json())
    })
}

/// Gives everybody a variant from now on: with NULL the one that has won.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_experiment_promote(
    experiment: *const rag_experiment,
    variant: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let variant = optional_name(variant, "variant")?;
        handle::with(experiment, "experiment", |e| match variant {
            Some(variant) => Ok(e.promote(variant)?),
            None => Ok(e.promote_winner().map(drop)?),
        })
    })
}

/// *Gives* the state as JSON. It holds hashes of users, not their names.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_experiment_to_json(
    experiment: *const rag_experiment,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let json = handle::with(experiment, "experiment", |e| Ok(e.to_json()?))?;
        give_text(out, json)
    })
}

/// *Gives* an experiment that goes on from a state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_experiment_from_json(
    json: *const c_char,
    length: usize,
    out: *mut *mut rag_experiment,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let made = Experiment::from_json(text(json, length, "json")?)?;
        convert::put(out, handle::give(made), "out")
    })
}

/// Takes in what another process has counted of the same experiment. The same state may come again, in any order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_experiment_merge(
    experiment: *const rag_experiment,
    json: *const c_char,
    length: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let json = text(json, length, "json")?;
        handle::with(experiment, "experiment", |e| Ok(e.merge(json)?))
    })
}

/// Frees an experiment. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_experiment_free(experiment: *mut rag_experiment) -> rag_status {
    guard(ptr::null_mut(), || handle::free(experiment, "experiment"))
}

/// *Gives* two rankings of ids in one list of at most `k`, by team draft. The same seed gives the same list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_interleave(
    a: *const *const c_char,
    n_a: usize,
    b: *const *const c_char,
    n_b: usize,
    k: usize,
    seed: u64,
    out: *mut *mut rag_interleaved,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let (a, b) = (
            texts(a, ptr::null(), n_a, "a")?,
            texts(b, ptr::null(), n_b, "b")?,
        );
        let list = interleave(&a, &b, k, seed)?;
        convert::put(out, handle::give(list), "out")
    })
}

/// *Gives* the list as JSON: `ids`, and `teams`, whose each is (`a`, `b`, or null where only one ranking had any left).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_interleaved_json(
    list: *const rag_interleaved,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let json = handle::with(list, "list", |l| Ok(l.to_json()))?;
        give_text(out, json)
    })
}

/// Frees a list. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_interleaved_free(list: *mut rag_interleaved) -> rag_status {
    guard(ptr::null_mut(), || handle::free(list, "list"))
}

/// *Gives* a test of which ranking is clicked more, that is wrong with probability `alpha` over all looks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_interleaving_new(
    alpha: f64,
    out: *mut *mut rag_interleaving,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let test = Interleaving::new(alpha)?;
        convert::put(out, handle::give(test), "out")
    })
}

/// Counts a list that was shown and the `n` results of it that were clicked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_interleaving_record(
    test: *const rag_interleaving,
    list: *const rag_interleaved,
    clicked: *const *const c_char,
    n: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let clicked = texts(clicked, ptr::null(), n, "clicked")?;
        handle::with(list, "list", |list| {
            handle::with(test, "test", |test| {
                test.record(list, &clicked);
                Ok(())
            })
        })
    })
}

/// *Gives* how it stands as JSON: `a`, `b`, `ties`, `share_a`, `p_value`, `better`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_interleaving_status(
    test: *const rag_interleaving,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let status = handle::with(test, "test", |t| Ok(t.status()))?;
        give_text(out, status.to_json())
    })
}

/// *Gives* the state as JSON.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_interleaving_to_json(
    test: *const rag_interleaving,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let json = handle::with(test, "test", |t| Ok(t.to_json()?))?;
        give_text(out, json)
    })
}

/// *Gives* a test that goes on from a state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_interleaving_from_json(
    json: *const c_char,
    length: usize,
    out: *mut *mut rag_interleaving,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let test = Interleaving::from_json(text(json, length, "json")?)?;
        convert::put(out, handle::give(test), "out")
    })
}

/// Takes in what another process has counted; the same state may come again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_interleaving_merge(
    test: *const rag_interleaving,
    json: *const c_char,
    length: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let json = text(json, length, "json")?;
        handle::with(test, "test", |t| Ok(t.merge(json)?))
    })
}

/// Frees a test. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_interleaving_free(test: *mut rag_interleaving) -> rag_status {
    guard(ptr::null_mut(), || handle::free(test, "test"))
}
