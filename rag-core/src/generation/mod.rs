//! From a prompt to a text: language models, and one generator that needs none.
//!
//! Everything that writes answers is a [`Generator`]. It hands out what it writes piece by piece, stops when it
//! is told to, and says in the end what that took.

mod generator;

pub use generator::{Cancel, Finish, Flow, Generated, Generator, Price, Request, Usage};
