//! Measurements: retrieval test collections, their figures, and clocks that survive a busy machine.

pub mod collection;
pub mod cpu;
