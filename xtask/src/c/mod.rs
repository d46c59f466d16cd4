//! What is done for C: the header, the tables and calls that tests are made of, the tests, and
//! the installed package.

mod calls;
mod header;
mod install;
mod tables;
mod tests;

pub use header::header;
pub use install::install;
pub use tests::{test_c, test_cpp};
