//! The C interface: `include/ragcore.h`.
//!
//! Every function takes four steps: convert the pointers, set options by name, call the core, map
//! the outcome. Nothing is decided here: no defaults, no ranges, no checks of values.
//!
//! Reading order: `status` and `error` (what comes back), `handle` (why a stale handle is an error
//! and not a crash), `guard` (why a panic stays inside), `convert` (pointers to slices and back),
//! `options`, `strings`; then one file a noun.

#![allow(unsafe_code, reason = "a C interface is made of pointers")]
#![allow(
    unsafe_op_in_unsafe_fn,
    reason = "the exported functions have one contract, the header's conventions; blocks that \
              rest on anything else are in `convert`, `handle` and `guard`, each with its reason"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "the header's conventions are the safety section of every function"
)]
#![allow(
    clippy::too_many_arguments,
    reason = "C has no slices: a text is two arguments, a buffer three"
)]
#![allow(non_camel_case_types, reason = "the names are C names")]

#[cfg(panic = "abort")]
compile_error!("rag-ffi turns panics into RAG_STATUS_PANIC: build it with panic = \"unwind\"");

#[cfg(not(target_pointer_width = "64"))]
compile_error!("rag-ffi packs the generation of a handle into 64 bits: build it for such a target");

mod convert;
mod guard;
mod handle;
mod names;

pub mod error;
pub mod options;
pub mod rankings;
pub mod status;
pub mod strings;

pub mod archive;
pub mod attribute;
pub mod bandit;
pub mod bandits;
pub mod beliefs;
pub mod cache;
pub mod calibration;
pub mod chat;
pub mod chunker;
pub mod collection;
pub mod dense_index;
pub mod dials;
pub mod documents;
pub mod domain;
pub mod embedder;
pub mod engine;
pub mod evaluation;
pub mod experiment;
pub mod fronts;
pub mod fusion;
pub mod generator;
pub mod history;
pub mod hits;
pub mod joint;
pub mod lexical_index;
pub mod measures;
pub mod memory;
pub mod optimize;
pub mod prompting;
pub mod query;
pub mod router;
pub mod shards;
pub mod sharing;
pub mod steering;
pub mod steering_vector;
pub mod taste;
pub mod tuned;
