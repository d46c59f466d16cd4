//! The names of all options, for the `RAG_OPT_...` constants of the header.
//!
//! `cargo xtask header` reads the lines of the table; a test compares it with the core's tables.

macro_rules! option_names {
    ($($name:ident = $text:literal;)*) => {
        /// Constant and name.
        #[cfg(all(test, feature = "http"))]
        pub(crate) const OPTION_NAMES: &[(&str, &str)] = &[$((stringify!($name), $text)),*];
    };
}

option_names! {
    RAG_OPT_ADAPT = "adapt";
    RAG_OPT_ALPHA = "alpha";
    RAG_OPT_ALWAYS = "always";
    RAG_OPT_ANSWER_TOKENS = "answer_tokens";
    RAG_OPT_ANSWERS_BYTES = "answers_bytes";
    RAG_OPT_ANSWERS_S = "answers_s";
    RAG_OPT_APPLICATION = "application";
    RAG_OPT_AT = "at";
    RAG_OPT_ATTEMPTS = "attempts";
    RAG_OPT_B = "b";
    RAG_OPT_BACKGROUND = "background";
    RAG_OPT_BACKOFF_MAX_S = "backoff_max_s";
    RAG_OPT_BACKOFF_S = "backoff_s";
    RAG_OPT_BETTER = "better";
    RAG_OPT_BM25_WEIGHT = "bm25_weight";
    RAG_OPT_BUDGET = "budget";
    RAG_OPT_BURST_S = "burst_s";
    RAG_OPT_C = "c";
    RAG_OPT_CA_FILE = "ca_file";
    RAG_OPT_CAPACITY = "capacity";
    RAG_OPT_CITATION_TEMPLATE = "citation_template";
    RAG_OPT_CONNECT_TIMEOUT_S = "connect_timeout_s";
    RAG_OPT_CROSSOVER = "crossover";
    RAG_OPT_CROSSOVER_INDEX = "crossover_index";
    RAG_OPT_DETAILS = "details";
    RAG_OPT_DEVICE = "device";
    RAG_OPT_DIM = "dim";
    RAG_OPT_DISCOUNT = "discount";
    RAG_OPT_DIVERSITY = "diversity";
    RAG_OPT_DURABILITY = "durability";
    RAG_OPT_EFFORT = "effort";
    RAG_OPT_EMBED_JSON = "embed_json";
    RAG_OPT_EMBEDDINGS_BYTES = "embeddings_bytes";
    RAG_OPT_EMBEDDINGS_S = "embeddings_s";
    RAG_OPT_ENTRIES = "entries";
    RAG_OPT_ESCAPE = "escape";
    RAG_OPT_EVIDENCE_BYTES = "evidence_bytes";
    RAG_OPT_EVIDENCE_S = "evidence_s";
    RAG_OPT_EXACT = "exact";
    RAG_OPT_EXPECTED_COUNT = "expected_count";
    RAG_OPT_EXPLAIN = "explain";
    RAG_OPT_EXPLORATION = "exploration";
    RAG_OPT_EXPLORE = "explore";
    RAG_OPT_FALSE_HIT_BUDGET = "false_hit_budget";
    RAG_OPT_FIRST_BACKOFF_S = "first_backoff_s";
    RAG_OPT_FIRST_BYTE_TIMEOUT_S = "first_byte_timeout_s";
    RAG_OPT_FOLDS = "folds";
    RAG_OPT_FORGET_LEARNT = "forget_learnt";
    RAG_OPT_FULL_PASSAGES = "full_passages";
    RAG_OPT_FUSION = "fusion";
    RAG_OPT_GAIN = "gain";
    RAG_OPT_GAP_TIMEOUT_S = "gap_timeout_s";
    RAG_OPT_GENERATIONS = "generations";
    RAG_OPT_GUARD_FORMULAS = "guard_formulas";
    RAG_OPT_HALF_LIFE = "half_life";
    RAG_OPT_HEALTH_INTERVAL_S = "health_interval_s";
    RAG_OPT_HISTORY = "history";
    RAG_OPT_IGNORE_IDENTICAL_IDS = "ignore_identical_ids";
    RAG_OPT_INCLUDE_USAGE = "include_usage";
    RAG_OPT_INTERVAL = "interval";
    RAG_OPT_K = "k";
    RAG_OPT_K1 = "k1";
    RAG_OPT_KEEP = "keep";
    RAG_OPT_KEEP_MARKDOWN = "keep_markdown";
    RAG_OPT_KIND = "kind";
    RAG_OPT_LANGUAGE = "language";
    RAG_OPT_LAYER = "layer";
    RAG_OPT_LAYER_FROM = "layer_from";
    RAG_OPT_LAYER_TO = "layer_to";
    RAG_OPT_LEVEL = "level";
    RAG_OPT_LOG_SIZE = "log_size";
    RAG_OPT_LONGEST_BACKOFF_S = "longest_backoff_s";
    RAG_OPT_LOSS = "loss";
    RAG_OPT_MARGIN = "margin";
    RAG_OPT_MAX_BATCH = "max_batch";
    RAG_OPT_MAX_CONTRADICTIONS = "max_contradictions";
    RAG_OPT_MAX_DOCUMENTS = "max_documents";
    RAG_OPT_MAX_LINE_BYTES = "max_line_bytes";
    RAG_OPT_MAX_LOSS = "max_loss";
    RAG_OPT_MAX_QUERIES = "max_queries";
    RAG_OPT_MAX_RESPONSE_BYTES = "max_response_bytes";
    RAG_OPT_MAX_SENTENCES = "max_sentences";
    RAG_OPT_MAX_TOKENS = "max_tokens";
    RAG_OPT_MAX_USERS = "max_users";
    RAG_OPT_MAX_WAIT_MS = "max_wait_ms";
    RAG_OPT_MEMORY = "memory";
    RAG_OPT_MEMORY_JUNK = "memory_junk";
    RAG_OPT_MEMORY_MAX_CHARS = "memory_max_chars";
    RAG_OPT_MEMORY_PREVIOUS = "memory_previous";
    RAG_OPT_MEMORY_SCHEMA = "memory_schema";
    RAG_OPT_METHOD = "method";
    RAG_OPT_METRIC = "metric";
    RAG_OPT_MIN_COUNT = "min_count";
    RAG_OPT_MIN_EXAMPLES = "min_examples";
    RAG_OPT_MIN_GRADE = "min_grade";
    RAG_OPT_MIN_LIKENESS = "min_likeness";
    RAG_OPT_MIN_OVERLAP = "min_overlap";
    RAG_OPT_MIN_RELEVANCE = "min_relevance";
    RAG_OPT_MIN_SHARE = "min_share";
    RAG_OPT_MIN_TOKENS = "min_tokens";
    RAG_OPT_MODE = "mode";
    RAG_OPT_MUTATION = "mutation";
    RAG_OPT_MUTATION_INDEX = "mutation_index";
    RAG_OPT_NAME = "name";
    RAG_OPT_NEAR_BYTES = "near_bytes";
    RAG_OPT_NEAR_DUPLICATE = "near_duplicate";
    RAG_OPT_NEAR_DUPLICATES = "near_duplicates";
    RAG_OPT_NEAR_ENTRIES = "near_entries";
    RAG_OPT_NEAR_VECTOR = "near_vector";
    RAG_OPT_NEIGHBOURS = "neighbours";
    RAG_OPT_NOISE = "noise";
    RAG_OPT_NORMALIZE = "normalize";
    RAG_OPT_OFFSETS = "offsets";
    RAG_OPT_ORDER = "order";
    RAG_OPT_OVERHEAD = "overhead";
    RAG_OPT_OVERLAP = "overlap";
    RAG_OPT_PAUSE_MAX_S = "pause_max_s";
    RAG_OPT_PAUSE_S = "pause_s";
    RAG_OPT_PER_USER = "per_user";
    RAG_OPT_POLICY = "policy";
    RAG_OPT_POPULATION = "population";
    RAG_OPT_PRECISION = "precision";
    RAG_OPT_PRICE_IN = "price_in";
    RAG_OPT_PRICE_OUT = "price_out";
    RAG_OPT_PROPENSITY_DRAWS = "propensity_draws";
    RAG_OPT_READ_ONLY = "read_only";
    RAG_OPT_RELEVANCE_WEIGHT = "relevance_weight";
    RAG_OPT_REMOTE_COPY_S = "remote_copy_s";
    RAG_OPT_REMOTE_ENTRY_BYTES = "remote_entry_bytes";
    RAG_OPT_REMOTE_PAUSE_S = "remote_pause_s";
    RAG_OPT_REMOTE_PREFIX = "remote_prefix";
    RAG_OPT_REMOTE_TIMEOUT_MS = "remote_timeout_ms";
    RAG_OPT_REQUESTS_PER_MINUTE = "requests_per_minute";
    RAG_OPT_RESAMPLES = "resamples";
    RAG_OPT_RETRY_AFTER_MAX_S = "retry_after_max_s";
    RAG_OPT_RHO = "rho";
    RAG_OPT_RIDGE = "ridge";
    RAG_OPT_ROLE = "role";
    RAG_OPT_ROWS = "rows";
    RAG_OPT_SAFETY = "safety";
    RAG_OPT_SALT = "salt";
    RAG_OPT_SCENARIO = "scenario";
    RAG_OPT_SEED = "seed";
    RAG_OPT_SEPARATOR = "separator";
    RAG_OPT_SHADOW_RATE = "shadow_rate";
    RAG_OPT_SIGMA = "sigma";
    RAG_OPT_SOURCE_TEMPLATE = "source_template";
    RAG_OPT_SOURCES = "sources";
    RAG_OPT_STANDALONE = "standalone";
    RAG_OPT_STEER_MODE = "steer_mode";
    RAG_OPT_STREAM = "stream";
    RAG_OPT_TEMPERATURE = "temperature";
    RAG_OPT_TEMPLATE = "template";
    RAG_OPT_TERMS = "terms";
    RAG_OPT_TEST = "test";
    RAG_OPT_TEXTS_BYTES = "texts_bytes";
    RAG_OPT_TEXTS_S = "texts_s";
    RAG_OPT_THREADS = "threads";
    RAG_OPT_THRESHOLD = "threshold";
    RAG_OPT_TIMEOUT_S = "timeout_s";
    RAG_OPT_TITLE = "title";
    RAG_OPT_TOKENS_PER_MINUTE = "tokens_per_minute";
    RAG_OPT_TRADE = "trade";
    RAG_OPT_VECTOR_WEIGHT = "vector_weight";
    RAG_OPT_WAIT_S = "wait_s";
    RAG_OPT_WHOLE = "whole";
    RAG_OPT_WINDOW = "window";
}

#[cfg(all(test, feature = "http"))]
mod tests {
    use super::OPTION_NAMES;
    use rag_core::answer::PackOptions;
    use rag_core::bandit::BanditOptions;
    use rag_core::caching::CacheOptions;
    use rag_core::calibration::CalibrationOptions;
    use rag_core::chunking::ChunkerOptions;
    use rag_core::collection::{OpenOptions, ReembedOptions, SearchOptions};
    use rag_core::comparison::ComparisonOptions;
    use rag_core::domain::DomainOptions;
    use rag_core::embedding::{EmbedderOptions, EncodeOptions};
    use rag_core::engine::{AddOptions, EngineOptions};
    use rag_core::evaluation::{AlphaNdcgOptions, CompareOptions, EvaluateOptions};
    use rag_core::experiment::{ExperimentOptions, MeasureOptions};
    use rag_core::export::ExportOptions;
    use rag_core::generation::{ChatOptions, ExtractiveOptions};
    use rag_core::prompting::PromptOptions;
    use rag_core::retrieval::dense::{DenseOptions, DenseSearchOptions};
    use rag_core::retrieval::diversity::MmrOptions;
    use rag_core::retrieval::fusion::FuseOptions;
    use rag_core::retrieval::lexical::LexicalOptions;
    use rag_core::routing::{
        ArchiveOptions, ChebyshevOptions, OptimizeOptions, RouteSettings, RouterOptions,
    };
    use rag_core::steering::{
        ApplyOptions, CalibrateOptions, FilterOptions, LearnOptions, RetrainOptions,
    };
    use std::collections::BTreeSet;

    #[test]
    fn every_option_that_c_can_set_has_its_constant() {
        let tables = [
            AddOptions::NAMES,
            AlphaNdcgOptions::NAMES,
            ApplyOptions::NAMES,
            ArchiveOptions::NAMES,
            BanditOptions::NAMES,
            CacheOptions::NAMES,
            CalibrateOptions::NAMES,
            CalibrationOptions::NAMES,
            ChatOptions::NAMES,
            ChebyshevOptions::NAMES,
            ChunkerOptions::NAMES,
            CompareOptions::NAMES,
            ComparisonOptions::NAMES,
            DenseOptions::NAMES,
            DenseSearchOptions::NAMES,
            DomainOptions::NAMES,
            EmbedderOptions::NAMES,
            EncodeOptions::NAMES,
            EngineOptions::NAMES,
            EvaluateOptions::NAMES,
            ExtractiveOptions::NAMES,
            ExportOptions::NAMES,
            ExperimentOptions::NAMES,
            FilterOptions::NAMES,
            FuseOptions::NAMES,
            LearnOptions::NAMES,
            LexicalOptions::NAMES,
            MeasureOptions::NAMES,
            MmrOptions::NAMES,
            OpenOptions::NAMES,
            OptimizeOptions::NAMES,
            PackOptions::NAMES,
            PromptOptions::NAMES,
            ReembedOptions::NAMES,
            RetrainOptions::NAMES,
            RouteSettings::NAMES,
            RouterOptions::NAMES,
            SearchOptions::NAMES,
        ];
        let wanted: BTreeSet<&str> = tables.into_iter().flatten().copied().collect();
        let had: Vec<&str> = OPTION_NAMES.iter().map(|(_, name)| *name).collect();
        assert_eq!(had, wanted.into_iter().collect::<Vec<_>>());
        for (constant, name) in OPTION_NAMES {
            assert_eq!(*constant, format!("RAG_OPT_{}", name.to_uppercase()));
        }
    }
}
