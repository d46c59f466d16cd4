//! From a prompt to a text: language models, and one generator that needs none.
//!
//! Everything that writes answers is a [`Generator`]. It hands out what it writes piece by piece, stops when it
//! is told to, and says in the end what that took. [`Extractive`] quotes the
//! passages, `ChatModel` (feature `http`) asks servers. What they write is read by [`MarkerParser`], piece by piece, and by [`parse_citations`].
//! Read `generator` first.

mod chat;
mod citations;
mod extractive;
mod generator;
mod markers;
mod writing;

#[cfg(test)]
mod tests;

#[cfg(feature = "http")]
pub use chat::{ChatHealth, ChatModel, ChatOptions, EndpointHealth, EndpointState, Secret};
pub use chat::{SseEvent, SseParser};
pub(crate) use citations::without_citations;
pub use citations::{Cited, cited_sentences, parse_citations};
pub use extractive::{Extractive, ExtractiveOptions, NOTHING_FOUND, Vectors};
pub use generator::{Cancel, Finish, Flow, Generated, Generator, Price, Request, Usage};
pub use markers::{MARKER_KINDS, Marker, MarkerEvent, MarkerOptions, MarkerParser, parse_markers};
pub use writing::Writing;
