//! The names of all options, for the `RAG_OPT_...` constants of the header.
//!
//! `cargo xtask header` reads the lines of the table; a test compares it with the core's tables.

macro_rules! option_names {
    ($($name:ident = $text:literal;)*) => {
        /// Constant and name.
        #[cfg(test)]
        pub(crate) const OPTION_NAMES: &[(&str, &str)] = &[$((stringify!($name), $text)),*];
    };
}

option_names! {
}
