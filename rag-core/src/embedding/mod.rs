//! Text to vectors, on the CPU and without a network.
//!
//! [`Embedder`] opens a model folder and turns texts into rows. What is inside is a `model`:
//! `bert` runs the BERT family. `folder`, `tokens` and `weights` read what Hugging Face and
//! sentence-transformers write; nothing in a folder is believed before it is checked, and a
//! setting that is not known is refused, never ignored.

mod bert;
mod embedder;
mod fingerprint;
mod folder;
mod model;
mod options;
mod tokens;
mod weights;

pub use embedder::Embedder;
pub use options::{EmbedderOptions, EncodeOptions, Precision, TextKind};
