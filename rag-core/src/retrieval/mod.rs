//! (to come)
pub mod lexical;
