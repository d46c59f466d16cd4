//! `rag_bandit`: which value to use, learnt from what it earned.

use crate::convert::{self, fill, name, optional_name, path, slice, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use crate::strings::{give_text, give_texts, rag_string, rag_strings};
use rag_core::bandit::{Arms, Bandit, BanditOptions, Evaluation, LogEntry};
use rag_core::options::{OptionField, OptionValue};
use serde_json::json;
use std::ffi::{c_char, c_void};
use std::ptr;

/// Chooses values and learns from rewards, one curve per domain. Questions may come from many
/// threads at once; choosing, rewarding and merging need the bandit for themselves.
pub struct rag_bandit {
    _opaque: [u8; 0],
}
noun!(rag_bandit => Bandit);

/// One choice. Its `id` is what the reward refers to.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_choice {
    /// Unique among bandits of different seeds.
    pub id: u64,
    /// The index of the arm; for a range, of the grid point.
    pub arm: usize,
    /// The arm's value.
    pub value: f64,
    /// The probability with which this arm was chosen, in (0, 1].
    pub propensity: f64,
}

/// What is believed about one arm in one domain.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_estimate {
    /// The arm's value.
    pub value: f64,
    /// The expected reward.
    pub mean: f64,
    /// The standard deviation of that expectation.
    pub sd: f64,
    /// Rewards seen for this very arm, each weighing what the discount left of it.
    pub count: f64,
}

/// A mean, estimated from some of what there is, with its interval: of 95 % unless asked otherwise.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_value_estimate {
    /// The estimate.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

/// A rewarded choice, as it stands in a log.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_log_entry {
    /// Where the choice was made, NUL-terminated.
    pub domain: *const c_char,
    /// What was known then, or NULL.
    pub context: *const f64,
    /// Numbers of the context.
    pub context_count: usize,
    /// The value chosen.
    pub arm: f64,
    /// What it earned.
    pub reward: f64,
    /// The probability with which it was chosen.
    pub propensity: f64,
}

/// A policy to be judged: the value that it would choose in `domain`, given a context of `n`
/// numbers (`NULL` and 0 if there was none). Must not leave by `longjmp` or an exception.
pub type rag_policy = Option<
    unsafe extern "C" fn(
        domain: *const c_char,
        context: *const f64,
        n: usize,
        user: *mut c_void,
    ) -> f64,
>;

unsafe fn make(
    arms: Arms,
    options: *const rag_options,
    out: *mut *mut rag_bandit,
) -> Result<(), Fail> {
    writable(out, "out")?;
    let mut chosen = BanditOptions::default();
    apply(options, |name, value| chosen.set(name, value))?;
    convert::put(out, handle::give(Bandit::new(arms, &chosen)?), "out")
}

/// *Gives* a bandit over `n` values.
///
/// Options: `policy`, `discount`, `seed`, `exploration`, `noise`, `propensity_draws`, `log_size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_new(
    arms: *const f64,
    n: usize,
    options: *const rag_options,
    out: *mut *mut rag_bandit,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let arms = slice(arms, n, "arms")?.to_vec();
        make(Arms::Values(arms), options, out)
    })
}

/// *Gives* a bandit over everything from `low` to `high`. Options as for `rag_bandit_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_new_range(
    low: f64,
    high: f64,
    options: *const rag_options,
    out: *mut *mut rag_bandit,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || make(Arms::Range(low, high), options, out))
}

/// *Gives* the bandit in the file `path`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_load(
    path: *const c_char,
    out: *mut *mut rag_bandit,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let bandit = Bandit::load(self::path(path, "path")?)?;
        convert::put(out, handle::give(bandit), "out")
    })
}

/// Writes the bandit to the file `path`: the old file or the new, never a part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_save(
    bandit: *const rag_bandit,
    path: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let path = self::path(path, "path")?;
        handle::with(bandit, "bandit", |b| Ok(b.save(&path)?))
    })
}

/// Frees a bandit. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_free(bandit: *mut rag_bandit) -> rag_status {
    guard(ptr::null_mut(), || handle::free(bandit, "bandit"))
}

/// Sets the guess of the best value in `domain`; what was learnt is kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_set_prior(
    bandit: *mut rag_bandit,
    domain: *const c_char,
    value: f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let domain = name(domain, "domain")?;
        handle::with_mut(bandit, "bandit", |b| Ok(b.set_prior(domain, value)?))
    })
}

/// Starts all draws and choice ids anew: for workers that load the same file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_reseed(
    bandit: *mut rag_bandit,
    seed: u64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with_mut(bandit, "bandit", |b| {
            b.reseed(seed);
            Ok(())
        })
    })
}

/// Chooses an arm for `domain`. `context` lends `context_count` numbers, or is NULL for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_choose(
    bandit: *mut rag_bandit,
    domain: *const c_char,
    context: *const f64,
    context_count: usize,
    choice: *mut rag_choice,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(choice, "choice")?;
        let domain = name(domain, "domain")?;
        let context = match context.is_null() && context_count == 0 {
            true => None,
            false => Some(slice(context, context_count, "context")?),
        };
        let c = handle::with_mut(bandit, "bandit", |b| Ok(b.choose(domain, context)?))?;
        let made = rag_choice {
            id: c.id,
            arm: c.arm,
            value: c.value,
            propensity: c.propensity,
        };
        convert::put(choice, made, "choice")
    })
}

/// Tells what a choice earned, about 0 to 1; late and out of order is fine.
/// `RAG_STATUS_NOT_FOUND` for an id that this bandit never gave, `RAG_STATUS_INVALID_ARGUMENT`
/// for one that was rewarded before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_reward(
    bandit: *mut rag_bandit,
    id: u64,
    reward: f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with_mut(bandit, "bandit", |b| Ok(b.reward(id, reward)?))
    })
}

/// The value with the highest expected reward in `domain`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_best(
    bandit: *const rag_bandit,
    domain: *const c_char,
    value: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let domain = name(domain, "domain")?;
        let best = handle::with(bandit, "bandit", |b| Ok(b.best(domain)?))?;
        convert::put(value, best, "value")
    })
}

/// *Gives* the domains with a prior or a choice, in alphabetical order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_domains(
    bandit: *const rag_bandit,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(bandit, "bandit", |b| give_texts(out, b.domains()))
    })
}

/// What is believed about each arm in `domain`, in their order; for a range, about each point of
/// its grid. With too little room only `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_estimates(
    bandit: *const rag_bandit,
    domain: *const c_char,
    out: *mut rag_estimate,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let domain = name(domain, "domain")?;
        let found = handle::with(bandit, "bandit", |b| Ok(b.estimates(domain)?))?;
        let estimate = |e: &rag_core::bandit::Estimate| rag_estimate {
            value: e.value,
            mean: e.mean,
            sd: e.sd,
            count: e.count,
        };
        let found: Vec<_> = found.iter().map(estimate).collect();
        fill(&found, out, capacity, count, "out")
    })
}

/// Choices that still wait for their reward.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_outstanding(
    bandit: *const rag_bandit,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(bandit, "bandit", |b| Ok(b.outstanding()))?;
        convert::put(count, found, "count")
    })
}

/// *Gives* the rewarded choices as JSON, oldest first: a list of objects with `domain`,
/// `context`, `arm` (the value), `reward` and `propensity`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_log(
    bandit: *const rag_bandit,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let log = handle::with(bandit, "bandit", |b| Ok(b.log()))?;
        let entries = log.iter().map(|e| {
            json!({
                "domain": e.domain, "context": e.context, "arm": e.arm, "reward": e.reward,
                "propensity": e.propensity,
            })
        });
        let entries: Vec<_> = entries.collect();
        give_text(out, serde_json::Value::from(entries).to_string())
    })
}

/// What `policy` would have earned on average over `n` logged choices, or over the bandit's own
/// log if `log` is NULL. `method` is `"switch-dr"`, `"dr"`, `"snips"` or `"ips"`, or NULL for the
/// first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_evaluate(
    bandit: *const rag_bandit,
    policy: rag_policy,
    user: *mut c_void,
    log: *const rag_log_entry,
    n: usize,
    method: *const c_char,
    estimate: *mut rag_value_estimate,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(estimate, "estimate")?;
        let call = policy.ok_or(Fail::Null("policy"))?;
        let method = match optional_name(method, "method")? {
            None => Evaluation::default(),
            Some(name) => Evaluation::from_value("method", &OptionValue::from(name))?,
        };
        let log = match log.is_null() && n == 0 {
            true => None,
            false => Some(entries(slice(log, n, "log")?)?),
        };
        let judged = |domain: &str, context: Option<&[f64]>| {
            let domain =
                std::ffi::CString::new(domain.replace('\0', "\u{FFFD}")).unwrap_or_default();
            let (data, n) = context.map_or((ptr::null(), 0), |c| (c.as_ptr(), c.len()));
            call(domain.as_ptr(), data, n, user)
        };
        let found = handle::with(bandit, "bandit", |b| {
            Ok(b.evaluate(&judged, log.as_deref(), method)?)
        })?;
        let found = rag_value_estimate {
            value: found.value,
            low: found.low,
            high: found.high,
        };
        convert::put(estimate, found, "estimate")
    })
}

unsafe fn entries(log: &[rag_log_entry]) -> Result<Vec<LogEntry>, Fail> {
    let entry = |e: &rag_log_entry| {
        let context = slice(e.context, e.context_count, "context")?;
        Ok(LogEntry {
            domain: name(e.domain, "domain")?.to_owned(),
            context: (!e.context.is_null()).then(|| context.to_vec()),
            arm: e.arm,
            reward: e.reward,
            propensity: e.propensity,
        })
    };
    log.iter().map(entry).collect()
}

/// Takes in what `other` has learnt. The order of merging does not matter, and merging the same
/// bandit again changes nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_merge(
    bandit: *mut rag_bandit,
    other: *const rag_bandit,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let other = handle::with(other, "other", |o| Ok(o.clone()))?;
        handle::with_mut(bandit, "bandit", |b| Ok(b.merge(&other)?))
    })
}
