//! Steerable retrieval-augmented generation that lives inside your process.
//!
//! Text becomes vectors ([`embedding`]), documents become passages ([`chunking`]), learnt dials
//! move the query ([`steering`]), dense and lexical indexes find the passages ([`retrieval`]),
//! bandits tune the weights ([`bandit`]), and a Pareto front chooses between models ([`routing`]).
//! A [`collection`] holds documents, indexes and dials together; [`evaluation`] tells how well it
//! finds, [`calibration`] how likely a score is to be relevant, and [`domain`] what a question is about.
//!
//! Rooms depend downwards only: `collection`, `routing` -> `embedding`, `chunking`, `domain`,
//! `steering`, `retrieval`, `bandit`, `calibration`, `evaluation`, `store` -> `text`, `kernel` -> the ground
//! (`error`, `options`, `matrix`, `rng`, `clock`, `threads`, `progress`, `bytes`, `plain`, `disk`, `file`, `image`). Rooms on
//! one floor do not know each other. `ARCHITECTURE.md` walks through them in reading order.

mod bytes;
pub mod clock;
mod disk;
pub mod error;
pub mod file;
mod image;
pub mod matrix;
pub mod options;
mod plain;
pub mod progress;
pub mod rng;
pub mod threads;

pub mod kernel;
pub mod text;

pub mod bandit;
pub mod caching;
pub mod calibration;
pub mod chunking;
pub mod domain;
pub mod embedding;
pub mod evaluation;
pub mod experiment;
pub mod metrics;
pub mod prompting;
pub mod retrieval;
pub mod steering;
pub mod store;

pub mod collection;
pub mod generation;
pub mod routing;

pub mod answer;

pub mod comparison;
pub mod export;
pub mod history;
pub mod memory;

pub mod engine;

pub use error::{Error, ErrorKind, Result};
pub use matrix::{Matrix, Rows};
pub use progress::Progress;
pub use rng::Rng;
