//! Text to vectors, on the CPU and without a network.
//!
//! [`Embedder`] turns texts into rows. What is inside is a `model`: `static_model` is compiled in
//! and needs no file, `bert` runs model folders of the BERT family. `folder`, `tokens` and
//! `weights` read what Hugging Face and sentence-transformers write; nothing in a folder is
//! believed before it is checked, and a setting that is not known is refused, never ignored.

mod batches;
mod bert;
mod bert_tokenizer;
mod built_in;
#[cfg(feature = "candle")]
mod candle;
#[cfg(not(feature = "candle"))]
#[path = "candle_absent.rs"]
mod candle;
mod dense;
mod device;
mod embedder;
mod encoder;
mod fields;
mod fingerprint;
mod folder;
mod foreign;
mod model;
mod options;
mod queue;
pub mod static_model;
mod tokens;
mod weights;
mod wordpiece;

pub use embedder::{Embedder, Encoded};
pub use options::{EmbedderOptions, EncodeOptions, Precision, TextKind};
