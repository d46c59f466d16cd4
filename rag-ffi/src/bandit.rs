//! `rag_bandit`: which value to use, learnt from what it earned.

use crate::convert::{self, fill, name, optional_name, path, slice, texts, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use crate::strings::{give_text, give_texts, rag_string, rag_strings};
use rag_core::bandit::{
    Arms, Bandit, BanditOptions, Choice, Evaluation, Knob, LogEntry, ValueEstimate, WhatIf,
};
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
    /// The arm's value; for names and grids, the arm's index as a number.
    pub value: f64,
}

impl From<Choice> for rag_choice {
    fn from(c: Choice) -> Self {
        Self {
            id: c.id,
            arm: c.arm,
            value: c.value,
        }
    }
}

/// One of many choices to make.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_bandit_query {
    /// Where to choose, NUL-terminated.
    pub domain: *const c_char,
    /// What is known, or NULL.
    pub context: *const f64,
    /// Numbers of the context.
    pub context_count: usize,
}

/// One dimension of a grid: `count` values, or with NULL and 0 everything from `low` to `high`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_grid_dimension {
    /// Its name, NUL-terminated.
    pub name: *const c_char,
    /// The values, or NULL for a range.
    pub values: *const f64,
    /// How many values.
    pub count: usize,
    /// The lower end of a range.
    pub low: f64,
    /// The upper end of a range.
    pub high: f64,
}

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
/// Options: `policy`, `discount`, `adapt`, `seed`, `exploration`, `safety`, `noise`,
/// `propensity_draws`, `log_size`.
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

/// *Gives* a bandit over `n` names without an order. Options as for `rag_bandit_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_new_names(
    names: *const *const c_char,
    n: usize,
    options: *const rag_options,
    out: *mut *mut rag_bandit,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let names = texts(names, ptr::null(), n, "names")?;
        let names = names.into_iter().map(str::to_owned).collect();
        make(Arms::Names(names), options, out)
    })
}

/// *Gives* a bandit over every combination of `n` knobs, the last one changing fastest. Options as
/// for `rag_bandit_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_new_grid(
    knobs: *const rag_grid_dimension,
    n: usize,
    options: *const rag_options,
    out: *mut *mut rag_bandit,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let knob = |k: &rag_grid_dimension| -> Result<(String, Knob), Fail> {
            let knob = match k.values.is_null() && k.count == 0 {
                true => Knob::Range(k.low, k.high),
                false => Knob::Values(slice(k.values, k.count, "values")?.to_vec()),
            };
            Ok((name(k.name, "name")?.to_owned(), knob))
        };
        let knobs = slice(knobs, n, "knobs")?.iter().map(knob);
        make(Arms::Grid(knobs.collect::<Result<_, _>>()?), options, out)
    })
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

/// Sets the guess of the best value (among names, the index of one) in `domain`; what was learnt is
/// kept.
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

/// As `rag_bandit_set_prior`, with a value for each of the `n` dimensions of a grid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_set_prior_point(
    bandit: *mut rag_bandit,
    domain: *const c_char,
    values: *const f64,
    n: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let domain = name(domain, "domain")?;
        let values = slice(values, n, "values")?;
        handle::with_mut(bandit, "bandit", |b| Ok(b.set_prior_point(domain, values)?))
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
        let context = self::context(context, context_count)?;
        let made = handle::with_mut(bandit, "bandit", |b| Ok(b.choose(domain, context)?))?;
        convert::put(choice, made.into(), "choice")
    })
}

unsafe fn context<'a>(data: *const f64, n: usize) -> Result<Option<&'a [f64]>, Fail> {
    Ok(match data.is_null() && n == 0 {
        true => None,
        false => Some(slice(data, n, "context")?),
    })
}

/// Makes `n` choices at once, all of them or none; `choices` has room for as many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_choose_many(
    bandit: *mut rag_bandit,
    queries: *const rag_bandit_query,
    n: usize,
    choices: *mut rag_choice,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let query = |q: &rag_bandit_query| {
            let context = context(q.context, q.context_count)?;
            Ok((name(q.domain, "domain")?, context))
        };
        let queries = slice(queries, n, "queries")?.iter().map(query);
        let queries = queries.collect::<Result<Vec<_>, Fail>>()?;
        if n > 0 {
            writable(choices, "choices")?;
        }
        let made = handle::with_mut(bandit, "bandit", |b| Ok(b.choose_many(&queries)?))?;
        let made: Vec<rag_choice> = made.into_iter().map(rag_choice::from).collect();
        let mut count = 0;
        fill(&made, choices, n, &mut count, "choices")
    })
}

/// The probability in (0, 1] with which a choice was made that waits or is in the log: exact, but
/// for `thompson` the share of `propensity_draws` draws that are like it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_propensity(
    bandit: *const rag_bandit,
    id: u64,
    propensity: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(bandit, "bandit", |b| Ok(b.propensity(id)?))?;
        convert::put(propensity, found, "propensity")
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

/// Tells what `n` choices earned, all of them or none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_reward_many(
    bandit: *mut rag_bandit,
    ids: *const u64,
    rewards: *const f64,
    n: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let ids = slice(ids, n, "ids")?;
        let rewards = slice(rewards, n, "rewards")?;
        let pairs: Vec<_> = ids.iter().copied().zip(rewards.iter().copied()).collect();
        handle::with_mut(bandit, "bandit", |b| Ok(b.reward_many(&pairs)?))
    })
}

/// Tells what each of the `n` arms would have earned in the place of the choice `id`, where that is
/// known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_reward_all(
    bandit: *mut rag_bandit,
    id: u64,
    rewards: *const f64,
    n: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let rewards = slice(rewards, n, "rewards")?;
        handle::with_mut(bandit, "bandit", |b| Ok(b.reward_all(id, rewards)?))
    })
}

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
        let found = handle::with(bandit, "bandit", |b| Ok(b.values()))?;
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
        let found = handle::with(bandit, "bandit", |b| Ok(b.arm_values(arm)?))?;
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
        handle::with(bandit, "bandit", |b| give_text(out, b.arm_name(arm)?))
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
        let found = handle::with(bandit, "bandit", |b| Ok(b.arm_named(name)?))?;
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
        let found = handle::with(bandit, "bandit", |b| Ok(b.arm_at(values)?))?;
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
        let context = self::context(context, context_count)?;
        let best = handle::with(bandit, "bandit", |b| Ok(b.best_in(domain, context)?))?;
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
        let context = self::context(context, context_count)?;
        let found = handle::with(bandit, "bandit", |b| Ok(b.estimates_in(domain, context)?))?;
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
        let method = self::method(method)?;
        let log = own_or_entries(log, n)?;
        let judged = |domain: &str, context: Option<&[f64]>| ask(call, user, domain, context);
        let found = handle::with(bandit, "bandit", |b| {
            Ok(b.evaluate(&judged, log.as_deref(), method)?)
        })?;
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
        let found = handle::with(bandit, "bandit", |b| {
            Ok(b.what_if(&judged, log.as_deref(), method)?)
        })?;
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
