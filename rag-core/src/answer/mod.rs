//! What a question gets: the passages found for it, the text written from them, and where each sentence of
//! that comes from. Plain data with names, the same in every language.
//!
//! [`pack`] turns what a search found into the passages of a prompt, [`cite`] turns what an answer cites into
//! places in them.

mod alike;
mod cite;
mod found;
mod pack;
mod packing;
mod types;

pub use crate::generation::Marker;
pub use cite::{CiteOptions, cite};
pub use found::{Found, Offsets};
pub use pack::{Between, MAX_FOUND, MAX_GAP, PackOptions, PackOrder, pack};
pub use packing::Packing;
pub use types::{Answer, Citation, Evidence, Passage, Taken, Timing};
