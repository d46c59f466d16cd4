//! Measurements: retrieval test collections and their figures, texts to time with, and clocks that
//! survive a busy machine.

pub mod collection;
pub mod cpu;
pub mod npy;
pub mod texts;
