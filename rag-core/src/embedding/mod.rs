//! Text to vectors: the built-in static model.

pub mod static_model;
