//! `rag_router`: which model or way to ask, learnt from outcomes and chosen on a front.

use crate::convert::{self, name, pairs, path, rows, slice, texts, writable};
use crate::error::rag_error;
use crate::guard::guard;
use crate::handle::{self, noun};
use crate::status::rag_status;
use crate::strings::{Text, give_texts, rag_strings};
use rag_core::routing::{Decision, Outcomes, RouteOptions, Router};
use rag_core::{Error, ErrorKind};
use std::ffi::c_char;
use std::ptr;

/// Routes, what is believed of their outcomes, and the choice between them. Choosing, observing
/// and learning need the router for themselves.
pub struct rag_router {
    _opaque: [u8; 0],
}
noun!(rag_router => Router);

/// Where a query goes. Never changes; usable from many threads.
pub struct rag_decision {
    _opaque: [u8; 0],
}
noun!(rag_decision => (Decision, Text));

/// *Gives* a router without routes. An objective called `"cost"` is minimised, all others are
/// maximised. `seed` decides the draws of exploring.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_new(
    objectives: *const *const c_char,
    n: usize,
    seed: u64,
    out: *mut *mut rag_router,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let objectives = texts(objectives, ptr::null(), n, "objectives")?;
        convert::put(out, handle::give(Router::new(&objectives, seed)?), "out")
    })
}

/// *Gives* the router in the file `path`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_load(
    path: *const c_char,
    out: *mut *mut rag_router,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let router = Router::load(self::path(path, "path")?)?;
        convert::put(out, handle::give(router), "out")
    })
}

/// Writes the router to the file `path`: the old file or the new, never a part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_save(
    router: *const rag_router,
    path: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let path = self::path(path, "path")?;
        handle::with(router, "router", |r| Ok(r.save(&path)?))
    })
}

/// Frees a router. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_free(router: *mut rag_router) -> rag_status {
    guard(ptr::null_mut(), || handle::free(router, "router"))
}

/// Adds the route `name` with guesses of `n` of its outcomes; that of `"cost"` is required where
/// there is such an objective. `RAG_STATUS_ALREADY_EXISTS` if the name is taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_add(
    router: *mut rag_router,
    name: *const c_char,
    objectives: *const *const c_char,
    values: *const f64,
    n: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let name = self::name(name, "name")?;
        let priors = pairs(objectives, values, n, ("objectives", "values"))?;
        handle::with_mut(router, "router", |r| Ok(r.add(name, &priors)?))
    })
}

/// Forgets a route and what was learnt about it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_remove(
    router: *mut rag_router,
    name: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let name = self::name(name, "name")?;
        handle::with_mut(router, "router", |r| Ok(r.remove(name)?))
    })
}

/// *Gives* the names of the routes, in alphabetical order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_names(
    router: *const rag_router,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(router, "router", |r| give_texts(out, r.names()))
    })
}

/// Learns from what `n` queries, rows of `dim` floats, came to: all or nothing.
///
/// Each of `series` series is one objective of one route: names in `routes` and `objectives`,
/// numbers in a row of `n` at `outcomes`, NaN where nothing was observed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_fit(
    router: *mut rag_router,
    queries: *const f32,
    n: usize,
    dim: usize,
    routes: *const *const c_char,
    objectives: *const *const c_char,
    outcomes: *const f64,
    series: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let queries = rows(queries, n, dim, "queries")?;
        let routes = texts(routes, ptr::null(), series, "routes")?;
        let objectives = texts(objectives, ptr::null(), series, "objectives")?;
        let Some(numbers) = series.checked_mul(n) else {
            return Err(
                Error::invalid(format!("outcomes cannot have {series} rows of {n}")).into(),
            );
        };
        let values = slice(outcomes, numbers, "outcomes")?;
        let mut told = Outcomes::default();
        for (i, (route, objective)) in routes.into_iter().zip(objectives).enumerate() {
            let row = values[i * n..(i + 1) * n].to_vec();
            let of_route = told.entry(route.to_owned()).or_default();
            if of_route.insert(objective.to_owned(), row).is_some() {
                let twice = format!("the {objective} of the route \"{route}\" is given twice");
                return Err(Error::invalid(twice).into());
            }
        }
        handle::with_mut(router, "router", |r| Ok(r.fit(queries, &told)?))
    })
}

/// Chooses a route for a query of `dim` floats (or NULL and 0 for none in particular), and
/// *gives* the decision.
///
/// `weights` says how much each of `weight_count` objectives counts; with none all count the
/// same. `budget` points to the most that the choice may be expected to cost, or is NULL.
/// Excluded routes are never chosen; none left is `RAG_STATUS_NOT_FOUND`. `explore` draws from
/// what is believed instead of taking its mean.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_route(
    router: *mut rag_router,
    query: *const f32,
    dim: usize,
    objectives: *const *const c_char,
    weights: *const f64,
    weight_count: usize,
    budget: *const f64,
    exclude: *const *const c_char,
    exclude_count: usize,
    explore: bool,
    out: *mut *mut rag_decision,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let query = match query.is_null() && dim == 0 {
            true => None,
            false => Some(slice(query, dim, "query")?),
        };
        let weights = pairs(objectives, weights, weight_count, ("objectives", "weights"))?;
        let exclude = texts(exclude, ptr::null(), exclude_count, "exclude")?;
        let options = RouteOptions {
            preference: weights
                .into_iter()
                .map(|(n, w)| (n.to_owned(), w))
                .collect(),
            budget: slice(budget, usize::from(!budget.is_null()), "budget")?
                .first()
                .copied(),
            exclude: exclude.into_iter().map(str::to_owned).collect(),
            explore,
        };
        let decision = handle::with_mut(router, "router", |r| Ok(r.route(query, &options)?))?;
        let name = Text::new(decision.name.as_str());
        convert::put(out, handle::give((decision, name)), "out")
    })
}

/// Tells `n` outcomes of a decision, all at once or one after another.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_observe(
    router: *mut rag_router,
    id: u64,
    objectives: *const *const c_char,
    values: *const f64,
    n: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let outcomes = pairs(objectives, values, n, ("objectives", "values"))?;
        handle::with_mut(router, "router", |r| Ok(r.observe(id, &outcomes)?))
    })
}

/// Adds what `other` has learnt, in any order. Merge each worker's outcomes once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_merge(
    router: *mut rag_router,
    other: *const rag_router,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let other = handle::with(other, "other", |o| Ok(o.clone()))?;
        handle::with_mut(router, "router", |r| Ok(r.merge(&other)?))
    })
}

/// What observed outcomes refer to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_decision_id(
    decision: *const rag_decision,
    id: *mut u64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(decision, "decision", |(d, _)| Ok(d.id))?;
        convert::put(id, found, "id")
    })
}

/// The chosen route. *Lent* until the decision is freed; NULL for a handle that is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_decision_name(decision: *const rag_decision) -> *const c_char {
    let mut name = ptr::null();
    guard(ptr::null_mut(), || {
        handle::with(decision, "decision", |(_, text)| {
            name = text.as_ptr();
            Ok(())
        })
    });
    name
}

/// The outcome that is expected of the chosen route, or `RAG_STATUS_NOT_FOUND` for a name that
/// is no objective of the router.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_decision_expected(
    decision: *const rag_decision,
    objective: *const c_char,
    value: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let objective = name(objective, "objective")?;
        let found = handle::with(decision, "decision", |(d, _)| {
            Ok(d.expected.get(objective).copied().ok_or_else(|| {
                let names: Vec<&str> = d.expected.keys().map(String::as_str).collect();
                let there = names.join(", ");
                let message = format!("no objective is called \"{objective}\"; there are {there}");
                Error::new(ErrorKind::NotFound, message)
            })?)
        })?;
        convert::put(value, found, "value")
    })
}

/// *Gives* the names of the routes that no other one dominates, in alphabetical order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_decision_front(
    decision: *const rag_decision,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(decision, "decision", |(d, _)| {
            give_texts(out, d.front.iter().map(String::as_str))
        })
    })
}

/// Frees a decision. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_decision_free(decision: *mut rag_decision) -> rag_status {
    guard(ptr::null_mut(), || handle::free(decision, "decision"))
}
