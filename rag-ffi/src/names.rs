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
    RAG_OPT_B = "b";
    RAG_OPT_C = "c";
    RAG_OPT_DISCOUNT = "discount";
    RAG_OPT_DURABILITY = "durability";
    RAG_OPT_EXPLORATION = "exploration";
    RAG_OPT_FOLDS = "folds";
    RAG_OPT_HALF_LIFE = "half_life";
    RAG_OPT_K1 = "k1";
    RAG_OPT_KIND = "kind";
    RAG_OPT_LANGUAGE = "language";
    RAG_OPT_LOG_SIZE = "log_size";
    RAG_OPT_LOSS = "loss";
    RAG_OPT_MAX_DOCUMENTS = "max_documents";
    RAG_OPT_MAX_QUERIES = "max_queries";
    RAG_OPT_MAX_TOKENS = "max_tokens";
    RAG_OPT_METHOD = "method";
    RAG_OPT_MIN_EXAMPLES = "min_examples";
    RAG_OPT_MODE = "mode";
    RAG_OPT_NAME = "name";
    RAG_OPT_NEIGHBOURS = "neighbours";
    RAG_OPT_NOISE = "noise";
    RAG_OPT_NORMALIZE = "normalize";
    RAG_OPT_OVERLAP = "overlap";
    RAG_OPT_PER_USER = "per_user";
    RAG_OPT_POLICY = "policy";
    RAG_OPT_PRECISION = "precision";
    RAG_OPT_PROPENSITY_DRAWS = "propensity_draws";
    RAG_OPT_READ_ONLY = "read_only";
    RAG_OPT_RIDGE = "ridge";
    RAG_OPT_SEED = "seed";
    RAG_OPT_SIGMA = "sigma";
    RAG_OPT_THREADS = "threads";
}
