//! Text to vectors, inside the process and without a connection.
//!
//! [`Embedder`] turns texts into rows. What is inside is a `model`: `static_model` is compiled in
//! and needs no file, `encoder` runs model folders: in the engine of `bert`, or with the feature
//! `candle` in that crate's arithmetic. `folder`, `tokens` and `weights` read what Hugging Face and sentence-transformers write; nothing in a folder is
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
mod files;
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
pub(crate) use fingerprint::hash_of;
pub use options::{EmbedderOptions, EncodeOptions, Precision, TextKind};
