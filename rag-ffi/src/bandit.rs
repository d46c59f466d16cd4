//! `rag_bandit`: which value to use, learnt from what it earned. What it believes is told in `beliefs`.

use crate::convert::{self, fill, name, path, slice, texts, writable};
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use rag_core::bandit::{Arms, Bandit, BanditOptions, Choice, Knob};
use rag_core::collection::AnyBandit;
use std::ffi::c_char;
use std::ptr;

/// Chooses values and learns from rewards, one curve per domain. Questions may come from many
/// threads at once; choosing, rewarding and merging need the bandit for themselves. One that
/// `rag_collection_bandit` gave lives in its collection: what it learns is durable when the call returns.
pub struct rag_bandit {
    _opaque: [u8; 0],
}
noun!(rag_bandit => AnyBandit);

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

/// Looks at the bandit of a handle, for moments.
pub(crate) fn look<T>(
    bandit: *const rag_bandit,
    name: &'static str,
    body: impl FnOnce(&Bandit) -> Result<T, Fail>,
) -> Result<T, Fail> {
    handle::with(bandit, name, |b| {
        let mut found = Err(Fail::Null(name));
        b.look(|b| {
            found = body(b);
            Ok(())
        })?;
        found
    })
}

fn change(
    bandit: *mut rag_bandit,
    body: impl FnOnce(&mut Bandit) -> rag_core::Result<()>,
) -> Result<(), Fail> {
    handle::with_mut(bandit, "bandit", |b| Ok(b.change(body)?))
}

unsafe fn make(
    arms: Arms,
    options: *const rag_options,
    out: *mut *mut rag_bandit,
) -> Result<(), Fail> {
    writable(out, "out")?;
    let mut chosen = BanditOptions::default();
    apply(options, |name, value| chosen.set(name, value))?;
    convert::put(
        out,
        handle::give(AnyBandit::from(Bandit::new(arms, &chosen)?)),
        "out",
    )
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
        convert::put(out, handle::give(AnyBandit::from(bandit)), "out")
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
        look(bandit, "bandit", |b| Ok(b.save(&path)?))
    })
}

/// *Gives* a copy that learns by itself, also of one that lives in a collection.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_copy(
    bandit: *const rag_bandit,
    out: *mut *mut rag_bandit,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let copy = look(bandit, "bandit", |b| Ok(b.clone()))?;
        convert::put(out, handle::give(AnyBandit::from(copy)), "out")
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
        change(bandit, |b| b.set_prior(domain, value))
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
        change(bandit, |b| b.set_prior_point(domain, values))
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
        change(bandit, |b| {
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

pub(crate) unsafe fn context<'a>(data: *const f64, n: usize) -> Result<Option<&'a [f64]>, Fail> {
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
        let found = look(bandit, "bandit", |b| Ok(b.propensity(id)?))?;
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

/// Takes in what `other` has learnt. The order of merging does not matter, and merging the same
/// bandit again changes nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_bandit_merge(
    bandit: *mut rag_bandit,
    other: *const rag_bandit,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let other = look(other, "other", |o| Ok(o.clone()))?;
        change(bandit, |b| b.merge(&other))
    })
}
