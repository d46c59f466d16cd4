//! `rag_router`: which model or way to ask, learnt from outcomes and chosen on a front.

use crate::convert::{self, fill, name, pairs, path, rows, slice, tell, texts, writable};
use crate::error::rag_error;
use crate::guard::guard;
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use crate::strings::{Text, give_text, give_texts, rag_string, rag_strings};
use rag_core::routing::{
    Decision, Outcomes, RouteLogEntry, RouteOptions, Router, RouterOptions, aiq, apgr, cpt, pgr,
    routing_curve,
};
use rag_core::{Error, ErrorKind};
use serde_json::json;
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

/// How a route is, as told by those who ask it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_route_health {
    /// Failures in a row.
    pub failures: u64,
    /// When a failing route is tried next, in seconds since 1970; NaN for one that does not fail.
    pub tried_next: f64,
    /// Requests a minute that are allowed; 0 if there is no bound.
    pub per_minute: u64,
    /// Mean seconds until an answer, over the latest 256; NaN if none was told.
    pub latency_mean_s: f64,
    /// The 95th percentile of the same.
    pub latency_p95_s: f64,
}

/// A point of a curve of cost and quality.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_routing_point {
    /// The mean cost.
    pub cost: f64,
    /// The mean quality.
    pub quality: f64,
}

/// *Gives* a router without routes. An objective called `"cost"` is minimised, all others are
/// maximised. `seed` decides the draws of exploring and tells workers apart.
///
/// Options: `log_size`, `first_backoff_s`, `longest_backoff_s`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_new(
    objectives: *const *const c_char,
    n: usize,
    seed: u64,
    options: *const rag_options,
    out: *mut *mut rag_router,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let objectives = texts(objectives, ptr::null(), n, "objectives")?;
        let mut chosen = RouterOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let router = Router::with_options(&objectives, seed, &chosen)?;
        convert::put(out, handle::give(router), "out")
    })
}

/// Starts the draws anew: workers that begin with copies of one router each need a seed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_reseed(
    router: *mut rag_router,
    seed: u64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with_mut(router, "router", |r| {
            r.reseed(seed);
            Ok(())
        })
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
/// same. Excluded routes are never chosen, nor those that fail or are at their limit; none left is `RAG_STATUS_NOT_FOUND`,
/// or `RAG_STATUS_UPSTREAM` if some may be asked later.
///
/// Options: `budget` (the most that the choice may be expected to cost), `explore` (draws from what is believed
/// instead of taking its mean), `policy`, `always`, `threshold`, `trade`, `at`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_route(
    router: *mut rag_router,
    query: *const f32,
    dim: usize,
    objectives: *const *const c_char,
    weights: *const f64,
    weight_count: usize,
    exclude: *const *const c_char,
    exclude_count: usize,
    options: *const rag_options,
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
        let mut asked = RouteOptions {
            preference: weights
                .into_iter()
                .map(|(n, w)| (n.to_owned(), w))
                .collect(),
            exclude: exclude.into_iter().map(str::to_owned).collect(),
            ..RouteOptions::default()
        };
        apply(options, |name, value| asked.settings.set(name, value))?;
        let decision = handle::with_mut(router, "router", |r| Ok(r.route(query, &asked)?))?;
        let name = Text::new(decision.name.as_str());
        convert::put(out, handle::give((decision, name)), "out")
    })
}

/// Tells `n` outcomes of a decision, all at once or one after another, each objective once. An
/// answer heals a route that failed before the decision.
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

/// As `rag_router_observe`, with the seconds that the answer took.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_answered(
    router: *mut rag_router,
    id: u64,
    objectives: *const *const c_char,
    values: *const f64,
    n: usize,
    latency_s: f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let outcomes = pairs(objectives, values, n, ("objectives", "values"))?;
        handle::with_mut(router, "router", |r| {
            Ok(r.answered(id, &outcomes, Some(latency_s))?)
        })
    })
}

/// Tells that the route of a decision failed to answer: it is left out, and tried again after a
/// wait that doubles with each failure in a row. `at` points to the time in seconds since 1970, or
/// is NULL for now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_fail(
    router: *mut rag_router,
    id: u64,
    at: *const f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let at = slice(at, usize::from(!at.is_null()), "at")?
            .first()
            .copied();
        handle::with_mut(router, "router", |r| Ok(r.fail(id, at)?))
    })
}

/// Bounds the decisions for a route within a minute. `per_minute` points to the bound, or is NULL
/// to lift it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_limit(
    router: *mut rag_router,
    name: *const c_char,
    per_minute: *const u64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let name = self::name(name, "name")?;
        let bound = slice(per_minute, usize::from(!per_minute.is_null()), "per_minute")?;
        handle::with_mut(router, "router", |r| {
            Ok(r.limit(name, bound.first().copied())?)
        })
    })
}

/// Failures, limit and latency of a route.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_health(
    router: *const rag_router,
    name: *const c_char,
    out: *mut rag_route_health,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let name = self::name(name, "name")?;
        let health = handle::with(router, "router", |r| Ok(r.health(name)?))?;
        let told = rag_route_health {
            failures: health.failures,
            tried_next: health.tried_next.unwrap_or(f64::NAN),
            per_minute: health.per_minute.unwrap_or(0),
            latency_mean_s: health.latency_mean_s.unwrap_or(f64::NAN),
            latency_p95_s: health.latency_p95_s.unwrap_or(f64::NAN),
        };
        convert::put(out, told, "out")
    })
}

/// *Gives* the decisions of which something was observed, by time, as JSON: a list of objects with `id`, `seed`,
/// `at`, `name`, `vector`, `preference`, `outcomes`, `propensity` and `propensity_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_log(
    router: *const rag_router,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let log = handle::with(router, "router", |r| Ok(r.log()))?;
        let entry = |e: RouteLogEntry| {
            json!({
                "id": e.id, "seed": e.seed, "at": e.at, "name": e.name, "vector": e.vector,
                "preference": e.preference, "outcomes": e.outcomes, "propensity": e.propensity,
                "propensity_error": e.propensity_error,
            })
        };
        let list: Vec<_> = log.into_iter().map(entry).collect();
        give_text(out, serde_json::Value::from(list).to_string())
    })
}

/// The probability with which the route of a decision that waits was chosen, and the standard
/// error of that, which may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_router_propensity(
    router: *const rag_router,
    id: u64,
    propensity: *mut f64,
    error: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let found = handle::with(router, "router", |r| Ok(r.propensity(id)?))?;
        convert::put(propensity, found.0, "propensity")?;
        tell(error, found.1)
    })
}

/// Adds what `other` has learnt, in any order and any number of times.
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

/// *Gives* the reasons of a decision: a few plain lines.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_decision_why(
    decision: *const rag_decision,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let why = handle::with(decision, "decision", |(d, _)| Ok(d.why.to_string()))?;
        give_text(out, why)
    })
}

/// *Gives* the reasons of a decision as JSON.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_decision_why_json(
    decision: *const rag_decision,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let why = handle::with(decision, "decision", |(d, _)| Ok(d.why.to_json()))?;
        give_text(out, why)
    })
}

/// Frees a decision. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_decision_free(decision: *mut rag_decision) -> rag_status {
    guard(ptr::null_mut(), || handle::free(decision, "decision"))
}

/// Writes the non-decreasing concave hull of `n` points of cost and quality, by cost: what a router
/// reaches (Hu et al., 2024). With too little room only `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_routing_curve(
    costs: *const f64,
    qualities: *const f64,
    n: usize,
    out: *mut rag_routing_point,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let costs = slice(costs, n, "costs")?;
        let hull = routing_curve(costs, slice(qualities, n, "qualities")?)?;
        let point = |(cost, quality)| rag_routing_point { cost, quality };
        let points: Vec<_> = hull.into_iter().map(point).collect();
        fill(&points, out, capacity, count, "out")
    })
}

/// The average improvement in quality: the mean height of the hull of `n` points (Hu et al., 2024). `range` points to the lowest
/// and the highest cost of what is compared, or is NULL for those of the points.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_aiq(
    costs: *const f64,
    qualities: *const f64,
    n: usize,
    range: *const f64,
    out: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let costs = slice(costs, n, "costs")?;
        let range = match range.is_null() {
            true => None,
            false => slice(range, 2, "range")?
                .first_chunk()
                .map(|[a, b]| (*a, *b)),
        };
        let found = aiq(costs, slice(qualities, n, "qualities")?, range)?;
        convert::put(out, found, "out")
    })
}

/// The performance gap recovered: 0 at the quality of the weak route, 1 at that of the strong (Ong et al., 2024).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_pgr(
    quality: f64,
    weak: f64,
    strong: f64,
    out: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        convert::put(out, pgr(quality, weak, strong)?, "out")
    })
}

/// The mean gap recovered over all shares of queries for the strong route, from `n` points of one
/// router (Ong et al., 2024).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_apgr(
    shares: *const f64,
    qualities: *const f64,
    n: usize,
    weak: f64,
    strong: f64,
    out: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let shares = slice(shares, n, "shares")?;
        let found = apgr(shares, slice(qualities, n, "qualities")?, weak, strong)?;
        convert::put(out, found, "out")
    })
}

/// The smallest share of queries for the strong route that recovers `gap` of the gap; 0.5 is
/// CPT(50%) (Ong et al., 2024).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_cpt(
    shares: *const f64,
    qualities: *const f64,
    n: usize,
    weak: f64,
    strong: f64,
    gap: f64,
    out: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let shares = slice(shares, n, "shares")?;
        let qualities = slice(qualities, n, "qualities")?;
        let found = cpt(shares, qualities, weak, strong, Some(gap))?;
        convert::put(out, found, "out")
    })
}
