//! `rag_engine`: from a question to an answer.

use crate::cache::rag_cache;
use crate::collection::rag_collection;
use crate::convert::{
    self, name, optional_name, path, rag_progress, slice, text, texts, with_progress, writable,
};
use crate::domain::rag_domain_detector;
use crate::error::rag_error;
use crate::generator::rag_generator;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::prompting::rag_prompts;
use crate::router::rag_router;
use crate::status::rag_status;
use crate::strings::{give_text, give_texts, rag_string, rag_strings};
use rag_core::engine::{AddOptions, Engine, EngineOptions, Event, NewDocument, Question};
use rag_core::generation::Flow;
use rag_core::{Error, ErrorKind};
use serde_json::{Value, json};
use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

/// Documents, generators, caches, memory and history put together. Usable from many threads.
pub struct rag_engine {
    _opaque: [u8; 0],
}
noun!(rag_engine => Engine);

/// Hears an answer as it is written: `text` has `length` bytes of it, or of what stands in a marker of the kind
/// `marker`, which is NULL for text. All of it is *lent*. Returning 0 ends the answer; anything else goes on.
pub type rag_hear = Option<
    unsafe extern "C" fn(
        text: *const c_char,
        length: usize,
        marker: *const c_char,
        user: *mut c_void,
    ) -> c_int,
>;

/// *Gives* an engine on `collection`. `n` generators are called by `names`; with none there is one that needs no
/// model. `router`, `tuner` (the name of one of the collection's bandits, which chooses the share of BM25), `domains`,
/// `cache` and `prompts` may be NULL. A router, a detector and prompts are copied as they are now. Options: `history`,
/// `memory`, `threads`, `scenario`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_new(
    collection: *const rag_collection,
    names: *const *const c_char,
    generators: *const *const rag_generator,
    n: usize,
    router: *const rag_router,
    tuner: *const c_char,
    domains: *const rag_domain_detector,
    cache: *const rag_cache,
    prompts: *const rag_prompts,
    options: *const rag_options,
    out: *mut *mut rag_engine,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let mut chosen = EngineOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let mut builder = handle::with(collection, "collection", |c| Ok(Engine::builder(c)))?;
        builder = builder.options(chosen);
        let names = texts(names, ptr::null(), n, "names")?;
        for (name, given) in names.into_iter().zip(slice(generators, n, "generators")?) {
            let generator = handle::with(*given, "generators", |g| Ok(Arc::clone(g)))?;
            builder = builder.generator(name, generator);
        }
        if let Some(router) = handle::with_optional(router, "router", |r| Ok(r.cloned()))? {
            builder = builder.router(router);
        }
        if let Some(tuner) = optional_name(tuner, "tuner")? {
            builder = builder.tuner(tuner);
        }
        if let Some(domains) = handle::with_optional(domains, "domains", |d| Ok(d.cloned()))? {
            builder = builder.domains(domains);
        }
        if let Some(cache) = handle::with_optional(cache, "cache", |c| Ok(c.cloned()))? {
            builder = builder.cache(cache);
        }
        if let Some(prompts) = handle::with_optional(prompts, "prompts", |p| Ok(p.cloned()))? {
            builder = builder.prompts(prompts);
        }
        convert::put(out, handle::give(builder.build()?), "out")
    })
}

/// Takes documents in, each divided into passages and stored in one atomic change that replaces what had its id.
/// `documents` is a JSON list of objects with `text` and perhaps `id`, `metadata` and `markdown`; *gives* a JSON object
/// with `ids`, `passages` and `replaced`. `tenant` may be NULL. Options: `max_tokens`, `overlap`, `mode`, `whole`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_add_documents(
    engine: *const rag_engine,
    tenant: *const c_char,
    documents: *const c_char,
    length: usize,
    options: *const rag_options,
    progress: rag_progress,
    user: *mut c_void,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let mut chosen = AddOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        let tenant = optional_name(tenant, "tenant")?;
        let documents = NewDocument::list_from_json(text(documents, length, "documents")?)?;
        let engine = held(engine)?;
        let added = with_progress(progress, user, |progress| {
            engine.add_documents_of(tenant, &documents, &chosen, progress)
        })?;
        give_text(out, added.to_json().to_string())
    })
}

/// Removes documents with all their passages; tells how many passages those were.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_remove_documents(
    engine: *const rag_engine,
    tenant: *const c_char,
    ids: *const *const c_char,
    lengths: *const usize,
    n: usize,
    removed: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let tenant = optional_name(tenant, "tenant")?;
        let ids = texts(ids, lengths, n, "ids")?;
        let found = held(engine)?.remove_documents(tenant, &ids)?;
        convert::tell(removed, found)
    })
}

/// *Gives* a document's text as it was added.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_document(
    engine: *const rag_engine,
    tenant: *const c_char,
    id: *const c_char,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let (tenant, id) = (optional_name(tenant, "tenant")?, name(id, "id")?);
        let (text, _) = held(engine)?.document_or_missing(tenant, id)?;
        give_text(out, text)
    })
}

/// *Gives* the ids of all documents, sorted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_documents(
    engine: *const rag_engine,
    tenant: *const c_char,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let tenant = optional_name(tenant, "tenant")?;
        give_texts(out, held(engine)?.documents(tenant)?)
    })
}

/// *Gives* the passages for a question as JSON. The question is a JSON object: `text`, and perhaps `user`, `session`,
/// `tenant`, `vector`, `dials`, `filter`, `preference`, `fields` and options by their names, such as `k`,
/// `budget_tokens`, `strategy`, `mode`, `bm25_weight`, `diversity`, `min_relevance`, `order`, `cache`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_retrieve(
    engine: *const rag_engine,
    question: *const c_char,
    length: usize,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let question = Question::from_json(text(question, length, "question")?)?;
        let evidence = held(engine)?.retrieve(&question)?;
        give_text(out, evidence.to_json().to_string())
    })
}

/// *Gives* the answer to a question as JSON; offsets count bytes. The question is that of `rag_engine_retrieve`, with more
/// options: `scenario`, `generator`, `max_tokens`, `temperature`, `budget`, `explore`, `timeout_s`, `turns`, `keep`.
/// `hear` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_ask(
    engine: *const rag_engine,
    question: *const c_char,
    length: usize,
    hear: rag_hear,
    user: *mut c_void,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let question = Question::from_json(text(question, length, "question")?)?;
        let answer = held(engine)?.ask_streaming(&question, &mut |event| {
            let Some(hear) = hear else {
                return Flow::Continue;
            };
            let (text, kind) = match event {
                Event::Text(text) => (text, None),
                Event::Marker(marker) => (marker.text.as_str(), Some(format!("{}\0", marker.kind))),
            };
            let kind = kind.as_ref().map_or(ptr::null(), |kind| kind.as_ptr());
            match hear(text.as_ptr().cast(), text.len(), kind.cast(), user) {
                0 => Flow::Stop,
                _ => Flow::Continue,
            }
        })?;
        give_text(out, answer.to_json().to_string())
    })
}

/// Says what an answer was worth, in 0 to 1: the router, the bandit and the user's taste learn from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_feedback(
    engine: *const rag_engine,
    tenant: *const c_char,
    answer: *const c_char,
    rating: f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let (tenant, answer) = (optional_name(tenant, "tenant")?, name(answer, "answer")?);
        Ok(held(engine)?.feedback(tenant, answer, rating)?)
    })
}

/// Answers many questions at a time. `questions` is a JSON list of what `rag_engine_ask` takes; *gives* a JSON list of answers
/// in their order, where what failed is `{"error": {"kind": ..., "message": ...}}`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_ask_many(
    engine: *const rag_engine,
    questions: *const c_char,
    length: usize,
    progress: rag_progress,
    user: *mut c_void,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let questions = Question::list_from_json(text(questions, length, "questions")?)?;
        let engine = held(engine)?;
        let answers = with_progress(progress, user, |progress| {
            engine.ask_many(&questions, progress)
        })?;
        let answers: Vec<Value> = answers
            .iter()
            .map(|answer| match answer {
                Ok(answer) => answer.to_json(),
                Err(e) => json!({"error": {"kind": e.kind().name(), "message": e.to_string()}}),
            })
            .collect();
        give_text(out, Value::from(answers).to_string())
    })
}

/// *Gives* what is counted and timed: as JSON, or with `prometheus` in the text format of Prometheus. No text of anybody's is
/// among it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_metrics(
    engine: *const rag_engine,
    prometheus: bool,
    out: *mut *mut rag_string,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let engine = held(engine)?;
        let metrics = engine.metrics();
        match prometheus {
            true => give_text(out, metrics.to_prometheus()),
            false => give_text(out, metrics.to_json()),
        }
    })
}

/// *Gives* the collection of a tenant's passages; for NULL, the one that the engine was made on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_collection(
    engine: *const rag_engine,
    tenant: *const c_char,
    out: *mut *mut rag_collection,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let tenant = optional_name(tenant, "tenant")?;
        let found = held(engine)?.collection(tenant)?;
        convert::put(out, handle::give(found), "out")
    })
}

/// *Gives* a copy of a tenant's router with what it has learnt. `RAG_STATUS_NOT_FOUND` without one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_router(
    engine: *const rag_engine,
    tenant: *const c_char,
    out: *mut *mut rag_router,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let tenant = optional_name(tenant, "tenant")?;
        let router = held(engine)?.router(tenant)?.ok_or_else(|| {
            let message = "this engine was made without a router";
            Error::new(ErrorKind::NotFound, message)
        })?;
        convert::put(out, handle::give(router), "out")
    })
}

/// *Gives* the names of the tenants, sorted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_tenants(
    engine: *const rag_engine,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        give_texts(out, held(engine)?.tenants()?)
    })
}

/// Removes a tenant with everything that is stored, learnt and cached of it; tells whether there was one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_remove_tenant(
    engine: *const rag_engine,
    tenant: *const c_char,
    found: *mut bool,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let tenant = name(tenant, "tenant")?;
        let removed = held(engine)?.remove_tenant(tenant)?;
        convert::tell(found, removed)
    })
}

/// Copies everything into the directory at `path`, which must be empty or absent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_backup(
    engine: *const rag_engine,
    path: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || Ok(held(engine)?.backup(self::path(path, "path")?)?))
}

/// Makes durable what the router learnt last; everything else is when it is acknowledged.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_checkpoint(
    engine: *const rag_engine,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || Ok(held(engine)?.checkpoint()?))
}

/// Ends the engine; the collection that it was made on stays open. The handle is still to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_close(
    engine: *const rag_engine,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || Ok(held(engine)?.close()?))
}

/// Frees an engine. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_engine_free(engine: *mut rag_engine) -> rag_status {
    guard(ptr::null_mut(), || handle::free(engine, "engine"))
}

/// The engine of a handle, so that a long answer does not hold it.
pub(crate) fn held(engine: *const rag_engine) -> Result<Engine, Fail> {
    handle::with(engine, "engine", |engine| Ok(engine.clone()))
}
