//! Objects to begin with, so that the first calls find something to work on: made by calls that an
//! honest program makes, each of which must succeed.

use super::driver::Driver;
use super::*;
use std::ptr::null_mut;

type Make = fn(&mut Driver<'_>);

/// The kinds of furniture, a bit of the mask each.
pub(super) fn furnish(driver: &mut Driver<'_>, mask: usize) {
    let made: [(usize, Make); 8] = [
        (1, documents),
        (2, dials),
        (4, bandit),
        (8, router),
        (16, judged),
        (32, calibration),
        (64, indexes),
        (128, model),
    ];
    for (bit, make) in made {
        if mask & bit > 0 {
            make(driver);
        }
    }
}

/// Hands a call the place for what it gives, and keeps that.
fn given(driver: &mut Driver<'_>, noun: &str, call: impl FnOnce(Pointer) -> i32) -> Pointer {
    let mut handle: Pointer = null_mut();
    assert_eq!(call((&raw mut handle).cast()), OK, "{noun}");
    driver.remember(noun, handle);
    handle
}

fn done(status: i32) {
    assert_eq!(status, OK);
}

/// Texts that end at a NUL, lent for as long as the list lives.
fn list(texts: &[&'static CStr]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).collect()
}

fn lend<T>(items: &[T]) -> Pointer {
    items.as_ptr().cast_mut().cast()
}

fn text(text: &'static CStr) -> Pointer {
    text.as_ptr().cast_mut().cast()
}

const NONE: Pointer = null_mut();

fn documents(driver: &mut Driver<'_>) {
    let ids = list(&[c"a", c"b", c"c"]);
    let texts = list(&[c"the cat sleeps", c"red apples", c"a"]);
    let metadata = list(&[c"{\"a\": 1}", c"{\"a\": [2, null]}", c"{\"b\": \"x\"}"]);
    let vectors = [1.0f32, 0.0, 0.6, 0.8, 0.0, -1.0];
    let collection = driver.first("rag_collection");
    // SAFETY: as the header asks: handles that are alive, texts that end at a NUL, three of each.
    unsafe {
        let (ids, texts, metadata) = (lend(&ids), lend(&texts), lend(&metadata));
        let add = rag_collection_add;
        done(add(
            collection,
            ids,
            texts,
            NONE,
            3,
            lend(&vectors),
            2,
            metadata,
            NONE,
            NONE,
            NONE,
        ));
        let cat = text(c"the red cat");
        let query = given(driver, "rag_query", |out| {
            rag_query_new(cat, usize::MAX, NONE, out, NONE)
        });
        done(rag_query_set_vector(query, lend(&vectors), 2, NONE));
        given(driver, "rag_hits", |out| {
            rag_collection_search(collection, query, out, NONE)
        });
        given(driver, "rag_documents", |out| {
            rag_collection_get(collection, ids, 3, out, NONE)
        });
    }
}

fn dials(driver: &mut Driver<'_>) {
    let collection = driver.first("rag_collection");
    let direction = [0.6f32, 0.8];
    // SAFETY: as above; two floats.
    unsafe {
        let name = text(c"trust");
        let vector = given(driver, "rag_steering_vector", |out| {
            rag_steering_vector_from_parts(name, lend(&direction), 2, 0.25, NONE, out, NONE)
        });
        let steering = given(driver, "rag_steering", |out| rag_steering_new(out, NONE));
        done(rag_steering_insert(steering, vector, NONE));
        done(rag_collection_insert_dial(collection, vector, NONE));
    }
}

fn bandit(driver: &mut Driver<'_>) {
    let arms = [0.0f64, 0.5, 1.0];
    let mut choice = [0u64; 8];
    // SAFETY: as above; three arms, and room for a choice.
    unsafe {
        let bandit = given(driver, "rag_bandit", |out| {
            rag_bandit_new(lend(&arms), 3, NONE, out, NONE)
        });
        let choice = choice.as_mut_ptr();
        done(rag_bandit_choose(
            bandit,
            text(c"a"),
            NONE,
            0,
            choice.cast(),
            NONE,
        ));
        // Its number comes first.
        done(rag_bandit_reward(bandit, *choice, 0.5, NONE));
    }
}

fn router(driver: &mut Driver<'_>) {
    let objectives = list(&[c"a", c"b"]);
    let (objectives, values) = (lend(&objectives), [0.5f64, 0.25, 0.75]);
    // SAFETY: as above; two objectives.
    unsafe {
        let router = given(driver, "rag_router", |out| {
            rag_router_new(objectives, 2, 1, NONE, out, NONE)
        });
        for (route, at) in [(c"k", 0), (c"c", 1)] {
            done(rag_router_add(
                router,
                text(route),
                objectives,
                lend(&values[at..]),
                2,
                NONE,
            ));
        }
        let route = rag_router_route;
        given(driver, "rag_decision", |out| {
            route(
                router,
                NONE,
                0,
                objectives,
                lend(&values),
                2,
                NONE,
                0,
                NONE,
                out,
                NONE,
            )
        });
    }
}

fn judged(driver: &mut Driver<'_>) {
    let queries = list(&[c"a", c"b"]);
    let documents = list(&[c"a", c"b", c"c"]);
    let metrics = list(&[c"ndcg@10", c"recall@5"]);
    let (offsets, numbers) = ([0usize, 2, 3], [1.0f64, 0.5, 2.0]);
    // SAFETY: as above; two queries with three documents in all.
    unsafe {
        let (queries, documents) = (lend(&queries), lend(&documents));
        let (offsets, numbers) = (lend(&offsets), lend(&numbers));
        let run = given(driver, "rag_run", |out| {
            rag_run_new(queries, offsets, 2, documents, numbers, 3, out, NONE)
        });
        let qrels = given(driver, "rag_qrels", |out| {
            rag_qrels_new(queries, offsets, 2, documents, numbers, 3, out, NONE)
        });
        given(driver, "rag_evaluation", |out| {
            rag_evaluate(run, qrels, lend(&metrics), 2, NONE, out, NONE)
        });
    }
}

fn calibration(driver: &mut Driver<'_>) {
    let scores = [0.1f64, 0.9, 0.4, 0.6, 0.2, 0.8];
    let relevant = [0.0f64, 1.0, 0.0, 1.0, 1.0, 0.0];
    // SAFETY: as above; six of each.
    unsafe {
        given(driver, "rag_calibration", |out| {
            rag_calibration_fit(lend(&scores), lend(&relevant), NONE, 6, NONE, out, NONE)
        });
    }
}

fn indexes(driver: &mut Driver<'_>) {
    let (keys, vectors) = ([0u64, 1, 2], [1.0f32, 0.0, 0.6, 0.8, 0.0, -1.0]);
    let texts = list(&[c"the cat sleeps", c"red apples", c"a"]);
    // SAFETY: as above; three keys, vectors and texts.
    unsafe {
        let (keys, vectors, texts) = (lend(&keys), lend(&vectors), lend(&texts));
        let dense = given(driver, "rag_dense_index", |out| {
            rag_dense_index_new(2, NONE, out, NONE)
        });
        done(rag_dense_index_add(dense, keys, vectors, 3, 2, NONE));
        let lexical = given(driver, "rag_lexical_index", |out| {
            rag_lexical_index_new(NONE, out, NONE)
        });
        done(rag_lexical_index_add(lexical, keys, texts, NONE, 3, NONE));
        given(driver, "rag_rankings", |out| {
            rag_lexical_index_search(lexical, texts, NONE, 2, 5, NONE, 0, out, NONE)
        });
    }
}

fn model(driver: &mut Driver<'_>) {
    // SAFETY: as above; no path means the model that is built in.
    unsafe {
        given(driver, "rag_embedder", |out| {
            rag_embedder_open(NONE, NONE, out, NONE)
        });
        given(driver, "rag_chunker", |out| {
            rag_chunker_new(NONE, out, NONE)
        });
    }
}
