//! What a question gets: the passages found for it, the text written from them, and where each sentence of
//! that comes from. Plain data with names, the same in every language.

mod types;

pub use types::{Answer, Citation, Evidence, Marker, Passage, Taken, Timing};
