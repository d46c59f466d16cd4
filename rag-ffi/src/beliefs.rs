//! What a `rag_bandit` believes: its arms, what each would earn, its log, and what another policy would
//! have earned.

use crate::bandit::{look, rag_bandit};
use crate::convert::{self, fill, name, optional_name, slice, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::status::rag_status;
use crate::strings::{give_text, give_texts, rag_string, rag_strings};
use rag_core::bandit::{Evaluation, LogEntry, ValueEstimate, WhatIf};
use rag_core::options::{OptionField, OptionValue};
use serde_json::json;
use std::ffi::{c_char, c_void};
use std::ptr;

/// What is believed about one arm in one domain.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_estimate {
    /// The arm's value; for names and grids, the arm's index as a number.
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

impl From<ValueEstimate> for rag_value_estimate {
    fn from(v: ValueEstimate) -> Self {
        Self {
            value: v.value,
            low: v.low,
            high: v.high,
        }
    }
}

/// What a policy would have earned beside what was earned, on average.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_what_if {
    /// Entries of the log.
    pub count: usize,
    /// The mean of what was earned.
    pub earned: rag_value_estimate,
    /// The mean of what the policy would have earned.
    pub value: rag_value_estimate,
    /// The second less the first, entry by entry.
    pub difference: rag_value_estimate,
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
    /// The value chosen; for names and grids, the arm's index as a number.
    pub arm: f64,
    /// What it earned.
    pub reward: f64,
    /// The probability with which it was chosen.
    pub propensity: f64,
}

/// A policy to be judged: the value (for names and grids the arm's index) that it would choose in
/// `domain`, given a context of `n` numbers (`NULL` and 0 if there was none). Must not leave by `longjmp` or an exception.
pub type rag_policy = Option<
    unsafe extern "C" fn(
        domain: *const c_char,
        context: *const f64,
        n: usize,
        user: *mut c_void,
    ) -> f64,
>;

/// The arms as numbers, in order: their values, or for names and grids their indices. With too
/// little room only `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_values(
    bandit: *const rag_bandit,
    out: *mut f64,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = look(bandit, "bandit", |b| Ok(b.values()))?;
        fill(&found, out, capacity, count, "out")
    })
}

/// The values of an arm, one for each dimension; none for a name. With too little room only
/// `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_arm_values(
    bandit: *const rag_bandit,
    arm: usize,
    out: *mut f64,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = look(bandit, "bandit", |b| Ok(b.arm_values(arm)?))?;
        fill(&found, out, capacity, count, "out")
    })
}

/// *Gives* the name of an arm, where arms are names.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_arm_name(
    bandit: *const rag_bandit,
    arm: usize,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        look(bandit, "bandit", |b| give_text(out, b.arm_name(arm)?))
    })
}

/// The arm of a name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_arm_named(
    bandit: *const rag_bandit,
    name: *const c_char,
    arm: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let name = self::name(name, "name")?;
        let found = look(bandit, "bandit", |b| Ok(b.arm_named(name)?))?;
        convert::put(arm, found, "arm")
    })
}

/// The arm nearest to one value for each of `n` dimensions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_arm_at(
    bandit: *const rag_bandit,
    values: *const f64,
    n: usize,
    arm: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let values = slice(values, n, "values")?;
        let found = look(bandit, "bandit", |b| Ok(b.arm_at(values)?))?;
        convert::put(arm, found, "arm")
    })
}

/// The value (for names and grids the arm's index) with the highest expected reward in `domain`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_best(
    bandit: *const rag_bandit,
    domain: *const c_char,
    value: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    rag_bandit_best_in(bandit, domain, ptr::null(), 0, value, err)
}

/// As `rag_bandit_best`, in a context of `context_count` numbers, or NULL for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_best_in(
    bandit: *const rag_bandit,
    domain: *const c_char,
    context: *const f64,
    context_count: usize,
    value: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let domain = name(domain, "domain")?;
        let context = crate::bandit::context(context, context_count)?;
        let best = look(bandit, "bandit", |b| Ok(b.best_in(domain, context)?))?;
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
        look(bandit, "bandit", |b| give_texts(out, b.domains()))
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
    rag_bandit_estimates_in(bandit, domain, ptr::null(), 0, out, capacity, count, err)
}

/// As `rag_bandit_estimates`, in a context of `context_count` numbers, or NULL for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_estimates_in(
    bandit: *const rag_bandit,
    domain: *const c_char,
    context: *const f64,
    context_count: usize,
    out: *mut rag_estimate,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let domain = name(domain, "domain")?;
        let context = crate::bandit::context(context, context_count)?;
        let found = look(bandit, "bandit", |b| Ok(b.estimates_in(domain, context)?))?;
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
        let found = look(bandit, "bandit", |b| Ok(b.outstanding()))?;
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
        let log = look(bandit, "bandit", |b| Ok(b.log()))?;
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
        let method = self::method(method)?;
        let log = own_or_entries(log, n)?;
        let judged = |domain: &str, context: Option<&[f64]>| ask(call, user, domain, context);
        // A copy, so that the policy may ask the bandit itself.
        let bandit = look(bandit, "bandit", |b| Ok(b.clone()))?;
        let found = bandit.evaluate(&judged, log.as_deref(), method)?;
        convert::put(estimate, found.into(), "estimate")
    })
}

/// What `policy` would have earned beside what was earned: over all of the log, then for each of
/// its domains in alphabetical order. Arguments as for `rag_bandit_evaluate`. With too little room
/// only `count` is written; *gives* the names of the domains, the first one empty, unless `out` is
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_what_if(
    bandit: *const rag_bandit,
    policy: rag_policy,
    user: *mut c_void,
    log: *const rag_log_entry,
    n: usize,
    method: *const c_char,
    compared: *mut rag_what_if,
    capacity: usize,
    count: *mut usize,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let call = policy.ok_or(Fail::Null("policy"))?;
        let method = self::method(method)?;
        let log = own_or_entries(log, n)?;
        let judged = |domain: &str, context: Option<&[f64]>| ask(call, user, domain, context);
        let bandit = look(bandit, "bandit", |b| Ok(b.clone()))?;
        let found = bandit.what_if(&judged, log.as_deref(), method)?;
        let compare = |w: &WhatIf| rag_what_if {
            count: w.count,
            earned: w.earned.into(),
            value: w.value.into(),
            difference: w.difference.into(),
        };
        let all: Vec<_> = found.iter().map(compare).collect();
        fill(&all, compared, capacity, count, "compared")?;
        match out.is_null() {
            true => Ok(()),
            false => give_texts(out, found.iter().map(|w| w.domain.as_str())),
        }
    })
}

unsafe fn method(name: *const c_char) -> Result<Evaluation, Fail> {
    Ok(match optional_name(name, "method")? {
        None => Evaluation::default(),
        Some(name) => Evaluation::from_value("method", &OptionValue::from(name))?,
    })
}

type Asked = unsafe extern "C" fn(*const c_char, *const f64, usize, *mut c_void) -> f64;

fn ask(call: Asked, user: *mut c_void, domain: &str, context: Option<&[f64]>) -> f64 {
    let domain = std::ffi::CString::new(domain.replace('\0', "\u{FFFD}")).unwrap_or_default();
    let (data, n) = context.map_or((ptr::null(), 0), |c| (c.as_ptr(), c.len()));
    // SAFETY: the caller's function takes a name, `n` numbers and the caller's own pointer.
    unsafe { call(domain.as_ptr(), data, n, user) }
}

unsafe fn own_or_entries(
    log: *const rag_log_entry,
    n: usize,
) -> Result<Option<Vec<LogEntry>>, Fail> {
    Ok(match log.is_null() && n == 0 {
        true => None,
        false => Some(entries(slice(log, n, "log")?)?),
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
