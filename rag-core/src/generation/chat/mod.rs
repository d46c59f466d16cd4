//! Language models behind OpenAI-compatible servers.
//!
//! [`ChatModel`] asks; it is there with the feature `http`. [`SseParser`] reads the streams of such servers and is
//! always there. From the inside out: `sse` reads events, `reply` what they say, `watch` knows when to give up,
//! `wire` is the connection, `call` one call of one server; `pool` chooses servers, `limits` waits for rates, and
//! `model` puts it together: which call comes next, and what is said if none helps.

#[cfg(feature = "http")]
mod body;
#[cfg(feature = "http")]
mod call;
#[cfg(feature = "http")]
mod endpoint;
#[cfg(feature = "http")]
mod failure;
#[cfg(feature = "http")]
mod limits;
#[cfg(feature = "http")]
mod model;
#[cfg(feature = "http")]
mod options;
#[cfg(feature = "http")]
mod pool;
#[cfg(feature = "http")]
mod probe;
#[cfg(any(feature = "http", test))]
mod reply;
#[cfg(feature = "http")]
mod retry_after;
mod sse;
#[cfg(feature = "http")]
mod watch;
#[cfg(feature = "http")]
mod wire;

#[cfg(all(test, feature = "http"))]
mod server;
#[cfg(all(test, feature = "http"))]
mod tests;

#[cfg(feature = "http")]
pub use endpoint::Secret;
#[cfg(feature = "http")]
pub use model::ChatModel;
#[cfg(feature = "http")]
pub use options::ChatOptions;
#[cfg(feature = "http")]
pub use pool::{ChatHealth, EndpointHealth, EndpointState};
pub use sse::{SseEvent, SseParser};
