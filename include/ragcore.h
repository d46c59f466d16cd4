/* ragcore: steerable retrieval-augmented generation inside your process.
 *
 * This file is written by `cargo xtask header`; change the Rust sources of rag-ffi instead.
 *
 * Arguments come in this order: the handle, inputs (pointer, then count), options, outputs
 * (buffer, capacity, count), and last `rag_error **err`.
 *
 * Errors. Every call that can fail returns a `rag_status`, RAG_STATUS_OK or what went wrong. If
 * `err` is not NULL, a failed call also *gives* an error object with a sentence; a call that
 * succeeds leaves `*err` alone, so begin with `rag_error *err = NULL;`. Outputs are written on
 * success only. There is no partial success and no state kept for "the last error".
 *
 * Ownership. A pointer that you *lend* is used during the call only. What a call *gives* is yours:
 * free it with the matching `_free`. What an object lends you lives until that object is freed.
 *
 * Handles (all `rag_...` objects) are never followed as pointers: one that is NULL, freed, freed
 * twice, of another type or made up is RAG_STATUS_NULL_POINTER or RAG_STATUS_INVALID_HANDLE, and
 * `_free(NULL)` does nothing. Other addresses cannot be checked: a pointer that is not NULL must
 * point to as many items as the call says.
 *
 * Threads. Every object may be used from any thread. A call that takes `const T *` may run at the
 * same time as other such calls on the object; a call that takes `T *` must be the only one, and
 * RAG_STATUS_BUSY says that it was not. Nothing is undefined then. Calls do not wait for
 * each other, except that the writers of a collection take turns.
 *
 * Text is UTF-8. Names, ids and paths are NUL-terminated. Where a text has a length
 * beside it, the length counts bytes, the text may hold NUL bytes, and RAG_NUL_TERMINATED stands
 * for "up to the first NUL". For arrays of texts the array of lengths may be NULL, which says
 * the same of all. Filters, metadata and reports are JSON.
 *
 * A panic inside the library (a defect) ends in RAG_STATUS_PANIC, never in your code.
 */


#ifndef RAGCORE_H
#define RAGCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The version of this header; `rag_version()` is that of the library. */
#define RAG_VERSION "0.1.0"
#define RAG_VERSION_MAJOR 0
#define RAG_VERSION_MINOR 1
#define RAG_VERSION_PATCH 0

/** The length of a text that ends at its first NUL byte. */
#define RAG_NUL_TERMINATED SIZE_MAX

/* Names of options. */
#define RAG_OPT_ADAPT "adapt"
#define RAG_OPT_ALPHA "alpha"
#define RAG_OPT_ALWAYS "always"
#define RAG_OPT_ANSWER_TOKENS "answer_tokens"
#define RAG_OPT_ANSWERS_BYTES "answers_bytes"
#define RAG_OPT_ANSWERS_S "answers_s"
#define RAG_OPT_APPLICATION "application"
#define RAG_OPT_AT "at"
#define RAG_OPT_ATTEMPTS "attempts"
#define RAG_OPT_B "b"
#define RAG_OPT_BACKGROUND "background"
#define RAG_OPT_BACKOFF_MAX_S "backoff_max_s"
#define RAG_OPT_BACKOFF_S "backoff_s"
#define RAG_OPT_BETTER "better"
#define RAG_OPT_BM25_WEIGHT "bm25_weight"
#define RAG_OPT_BUDGET "budget"
#define RAG_OPT_BURST_S "burst_s"
#define RAG_OPT_C "c"
#define RAG_OPT_CA_FILE "ca_file"
#define RAG_OPT_CAPACITY "capacity"
#define RAG_OPT_CITATION_TEMPLATE "citation_template"
#define RAG_OPT_CONNECT_TIMEOUT_S "connect_timeout_s"
#define RAG_OPT_CROSSOVER "crossover"
#define RAG_OPT_CROSSOVER_INDEX "crossover_index"
#define RAG_OPT_DETAILS "details"
#define RAG_OPT_DEVICE "device"
#define RAG_OPT_DIM "dim"
#define RAG_OPT_DISCOUNT "discount"
#define RAG_OPT_DIVERSITY "diversity"
#define RAG_OPT_DURABILITY "durability"
#define RAG_OPT_EFFORT "effort"
#define RAG_OPT_EMBED_JSON "embed_json"
#define RAG_OPT_EMBEDDINGS_BYTES "embeddings_bytes"
#define RAG_OPT_EMBEDDINGS_S "embeddings_s"
#define RAG_OPT_ENTRIES "entries"
#define RAG_OPT_ESCAPE "escape"
#define RAG_OPT_EVIDENCE_BYTES "evidence_bytes"
#define RAG_OPT_EVIDENCE_S "evidence_s"
#define RAG_OPT_EXACT "exact"
#define RAG_OPT_EXPECTED_COUNT "expected_count"
#define RAG_OPT_EXPLAIN "explain"
#define RAG_OPT_EXPLORATION "exploration"
#define RAG_OPT_EXPLORE "explore"
#define RAG_OPT_FALSE_HIT_BUDGET "false_hit_budget"
#define RAG_OPT_FIRST_BACKOFF_S "first_backoff_s"
#define RAG_OPT_FIRST_BYTE_TIMEOUT_S "first_byte_timeout_s"
#define RAG_OPT_FOLDS "folds"
#define RAG_OPT_FORGET_LEARNT "forget_learnt"
#define RAG_OPT_FULL_PASSAGES "full_passages"
#define RAG_OPT_FUSION "fusion"
#define RAG_OPT_GAIN "gain"
#define RAG_OPT_GAP_TIMEOUT_S "gap_timeout_s"
#define RAG_OPT_GENERATIONS "generations"
#define RAG_OPT_GUARD_FORMULAS "guard_formulas"
#define RAG_OPT_HALF_LIFE "half_life"
#define RAG_OPT_HEALTH_INTERVAL_S "health_interval_s"
#define RAG_OPT_HISTORY "history"
#define RAG_OPT_IGNORE_IDENTICAL_IDS "ignore_identical_ids"
#define RAG_OPT_INCLUDE_USAGE "include_usage"
#define RAG_OPT_INTERVAL "interval"
#define RAG_OPT_K "k"
#define RAG_OPT_K1 "k1"
#define RAG_OPT_KEEP "keep"
#define RAG_OPT_KEEP_MARKDOWN "keep_markdown"
#define RAG_OPT_KIND "kind"
#define RAG_OPT_LANGUAGE "language"
#define RAG_OPT_LAYER "layer"
#define RAG_OPT_LAYER_FROM "layer_from"
#define RAG_OPT_LAYER_TO "layer_to"
#define RAG_OPT_LEVEL "level"
#define RAG_OPT_LOG_SIZE "log_size"
#define RAG_OPT_LONGEST_BACKOFF_S "longest_backoff_s"
#define RAG_OPT_LOSS "loss"
#define RAG_OPT_MARGIN "margin"
#define RAG_OPT_MAX_BATCH "max_batch"
#define RAG_OPT_MAX_CONTRADICTIONS "max_contradictions"
#define RAG_OPT_MAX_DOCUMENTS "max_documents"
#define RAG_OPT_MAX_LINE_BYTES "max_line_bytes"
#define RAG_OPT_MAX_LOSS "max_loss"
#define RAG_OPT_MAX_QUERIES "max_queries"
#define RAG_OPT_MAX_RESPONSE_BYTES "max_response_bytes"
#define RAG_OPT_MAX_SENTENCES "max_sentences"
#define RAG_OPT_MAX_TOKENS "max_tokens"
#define RAG_OPT_MAX_USERS "max_users"
#define RAG_OPT_MAX_WAIT_MS "max_wait_ms"
#define RAG_OPT_MEMORY "memory"
#define RAG_OPT_MEMORY_JUNK "memory_junk"
#define RAG_OPT_MEMORY_MAX_CHARS "memory_max_chars"
#define RAG_OPT_MEMORY_PREVIOUS "memory_previous"
#define RAG_OPT_MEMORY_SCHEMA "memory_schema"
#define RAG_OPT_METHOD "method"
#define RAG_OPT_METRIC "metric"
#define RAG_OPT_MIN_COUNT "min_count"
#define RAG_OPT_MIN_EXAMPLES "min_examples"
#define RAG_OPT_MIN_GRADE "min_grade"
#define RAG_OPT_MIN_LIKENESS "min_likeness"
#define RAG_OPT_MIN_OVERLAP "min_overlap"
#define RAG_OPT_MIN_RELEVANCE "min_relevance"
#define RAG_OPT_MIN_SHARE "min_share"
#define RAG_OPT_MIN_TOKENS "min_tokens"
#define RAG_OPT_MODE "mode"
#define RAG_OPT_MUTATION "mutation"
#define RAG_OPT_MUTATION_INDEX "mutation_index"
#define RAG_OPT_NAME "name"
#define RAG_OPT_NEAR_BYTES "near_bytes"
#define RAG_OPT_NEAR_DUPLICATE "near_duplicate"
#define RAG_OPT_NEAR_DUPLICATES "near_duplicates"
#define RAG_OPT_NEAR_ENTRIES "near_entries"
#define RAG_OPT_NEAR_VECTOR "near_vector"
#define RAG_OPT_NEIGHBOURS "neighbours"
#define RAG_OPT_NOISE "noise"
#define RAG_OPT_NORMALIZE "normalize"
#define RAG_OPT_OFFSETS "offsets"
#define RAG_OPT_ORDER "order"
#define RAG_OPT_OVERHEAD "overhead"
#define RAG_OPT_OVERLAP "overlap"
#define RAG_OPT_PAUSE_MAX_S "pause_max_s"
#define RAG_OPT_PAUSE_S "pause_s"
#define RAG_OPT_PER_USER "per_user"
#define RAG_OPT_POLICY "policy"
#define RAG_OPT_POPULATION "population"
#define RAG_OPT_PRECISION "precision"
#define RAG_OPT_PRICE_IN "price_in"
#define RAG_OPT_PRICE_OUT "price_out"
#define RAG_OPT_PROPENSITY_DRAWS "propensity_draws"
#define RAG_OPT_READ_ONLY "read_only"
#define RAG_OPT_RELEVANCE_WEIGHT "relevance_weight"
#define RAG_OPT_REMOTE_COPY_S "remote_copy_s"
#define RAG_OPT_REMOTE_ENTRY_BYTES "remote_entry_bytes"
#define RAG_OPT_REMOTE_PAUSE_S "remote_pause_s"
#define RAG_OPT_REMOTE_PREFIX "remote_prefix"
#define RAG_OPT_REMOTE_TIMEOUT_MS "remote_timeout_ms"
#define RAG_OPT_REQUESTS_PER_MINUTE "requests_per_minute"
#define RAG_OPT_RESAMPLES "resamples"
#define RAG_OPT_RETRY_AFTER_MAX_S "retry_after_max_s"
#define RAG_OPT_RHO "rho"
#define RAG_OPT_RIDGE "ridge"
#define RAG_OPT_ROLE "role"
#define RAG_OPT_ROWS "rows"
#define RAG_OPT_SAFETY "safety"
#define RAG_OPT_SALT "salt"
#define RAG_OPT_SCENARIO "scenario"
#define RAG_OPT_SEED "seed"
#define RAG_OPT_SEPARATOR "separator"
#define RAG_OPT_SHADOW_RATE "shadow_rate"
#define RAG_OPT_SIGMA "sigma"
#define RAG_OPT_SOURCE_TEMPLATE "source_template"
#define RAG_OPT_SOURCES "sources"
#define RAG_OPT_STANDALONE "standalone"
#define RAG_OPT_STEER_MODE "steer_mode"
#define RAG_OPT_STREAM "stream"
#define RAG_OPT_TEMPERATURE "temperature"
#define RAG_OPT_TEMPLATE "template"
#define RAG_OPT_TERMS "terms"
#define RAG_OPT_TEST "test"
#define RAG_OPT_TEXTS_BYTES "texts_bytes"
#define RAG_OPT_TEXTS_S "texts_s"
#define RAG_OPT_THREADS "threads"
#define RAG_OPT_THRESHOLD "threshold"
#define RAG_OPT_TIMEOUT_S "timeout_s"
#define RAG_OPT_TITLE "title"
#define RAG_OPT_TOKENS_PER_MINUTE "tokens_per_minute"
#define RAG_OPT_TRADE "trade"
#define RAG_OPT_VECTOR_WEIGHT "vector_weight"
#define RAG_OPT_WAIT_S "wait_s"
#define RAG_OPT_WHOLE "whole"
#define RAG_OPT_WINDOW "window"


/**
 * How likely a text has an attribute, from its words, its letters and its vector. Never changes;
 * usable from many threads.
 */
typedef struct rag_attribute_model rag_attribute_model;

/**
 * Chooses values and learns from rewards, one curve per domain. Questions may come from many
 * threads at once; choosing, rewarding and merging need the bandit for themselves. One that
 * `rag_collection_bandit` gave lives in its collection: what it learns is durable when the call returns.
 */
typedef struct rag_bandit rag_bandit;

/**
 * What results of questions are kept in, for whoever is given it. Usable from many threads.
 */
typedef struct rag_cache rag_cache;

/**
 * A curve from scores to probabilities of relevance, which never falls. Never changes; usable
 * from many threads.
 */
typedef struct rag_calibration rag_calibration;

/**
 * Cuts documents into passages. Never changes; usable from many threads.
 */
typedef struct rag_chunker rag_chunker;

/**
 * Documents with their vectors, words and dials. Everything may be called from many threads at
 * once: searches run beside a writer, and writers take turns.
 */
typedef struct rag_collection rag_collection;

/**
 * Where a query goes. Never changes; usable from many threads.
 */
typedef struct rag_decision rag_decision;

/**
 * Vectors by key, searched by likeness. All calls may come from many threads at once: changes take
 * turns, and searches go on beside them.
 */
typedef struct rag_dense_index rag_dense_index;

/**
 * Documents in the order in which they were asked for. Never changes; usable from many threads.
 */
typedef struct rag_documents rag_documents;

/**
 * Tells domains apart. Detecting may happen from many threads at once; learning and merging need
 * the detector for themselves.
 */
typedef struct rag_domain_detector rag_domain_detector;

/**
 * A model that turns texts into vectors. Never changes; usable from many threads.
 */
typedef struct rag_embedder rag_embedder;

/**
 * Documents, generators, caches, memory and history put together. Usable from many threads.
 */
typedef struct rag_engine rag_engine;

/**
 * What a failed call says: a status, a sentence, and where the trouble is. Read it from one
 * thread at a time.
 */
typedef struct rag_error rag_error;

/**
 * Metrics of a run, by query and on average. Never changes; usable from many threads.
 */
typedef struct rag_evaluation rag_evaluation;

/**
 * Variants that users are divided into, and what is measured of them. Usable from many threads once its measures are
 * added.
 */
typedef struct rag_experiment rag_experiment;

/**
 * Writes answers. Usable from many threads; engines that were made with it go on with it when it is freed.
 */
typedef struct rag_generator rag_generator;

/**
 * The answers that were given, durable. Usable from many threads.
 */
typedef struct rag_history rag_history;

/**
 * What a search found, best first. Never changes; usable from many threads.
 */
typedef struct rag_hits rag_hits;

/**
 * Two rankings in one list.
 */
typedef struct rag_interleaved rag_interleaved;

/**
 * Which of two rankings is clicked more. Usable from many threads.
 */
typedef struct rag_interleaving rag_interleaving;

/**
 * Texts by key, searched by their words. Searches may run from many threads at once; adding and
 * removing need the index for themselves.
 */
typedef struct rag_lexical_index rag_lexical_index;

/**
 * Facts by user, session and key, durable. Usable from many threads.
 */
typedef struct rag_memory rag_memory;

/**
 * What an optimisation found. Never changes; usable from many threads.
 */
typedef struct rag_optimum rag_optimum;

/**
 * Options for a call, by name (`RAG_OPT_...`). A call checks names, types and ranges: an option
 * that it does not have, or a value outside the range, is `RAG_STATUS_INVALID_ARGUMENT`. NULL
 * instead of a bag means all defaults. One bag may serve many calls, from many threads.
 */
typedef struct rag_options rag_options;

/**
 * The points so far that no other dominates, each with a number of the caller's.
 */
typedef struct rag_pareto_archive rag_pareto_archive;

/**
 * Templates by scenario. Building may happen from many threads at once; adding needs them for itself.
 */
typedef struct rag_prompts rag_prompts;

/**
 * What is relevant to each query. Never changes; usable from many threads.
 */
typedef struct rag_qrels rag_qrels;

/**
 * A question: text, vector or both, with filter, dials, user and options. It may be asked from
 * many threads at once; calls that change it need it for themselves.
 */
typedef struct rag_query rag_query;

/**
 * Keys with scores, one list for each query, best first. Never changes; usable from many
 * threads.
 */
typedef struct rag_rankings rag_rankings;

/**
 * One number to pay a choice by, made of named parts. Never changes; usable from many threads.
 */
typedef struct rag_reward rag_reward;

/**
 * Routes, what is believed of their outcomes, and the choice between them. Choosing, observing
 * and learning need the router for themselves.
 */
typedef struct rag_router rag_router;

/**
 * What was found for each query. Never changes; usable from many threads.
 */
typedef struct rag_run rag_run;

/**
 * Questions made ready for shards: checked, embedded and steered once. They may be searched with from many threads at
 * once; calls that change them need them for themselves.
 */
typedef struct rag_shard_request rag_shard_request;

/**
 * What one shard has found for a request. Never changes; usable from many threads.
 */
typedef struct rag_shard_response rag_shard_response;

/**
 * What one shard knows of the words of a request. Never changes; usable from many threads.
 */
typedef struct rag_shard_statistics rag_shard_statistics;

/**
 * A named set of dials, and what users' ratings say. Queries may be moved from many threads at
 * once; calls that change the set need it for themselves.
 */
typedef struct rag_steering rag_steering;

/**
 * A direction that raises an attribute, with the length of a strength of 1 and the effect
 * measured on held-out examples. Never changes; usable from many threads.
 */
typedef struct rag_steering_vector rag_steering_vector;

/**
 * A text: UTF-8, followed by a NUL byte, and able to hold NUL bytes of its own. Never changes;
 * usable from many threads.
 */
typedef struct rag_string rag_string;

/**
 * A list of texts, some of which may be absent. Never changes; usable from many threads.
 */
typedef struct rag_strings rag_strings;

/**
 * What a tuned search found, and what was chosen for it. Never changes; usable from many threads.
 */
typedef struct rag_tuned rag_tuned;

/**
 * What a call came to: `RAG_STATUS_OK` or the kind of its error. Numbers are never reused.
 */
typedef int32_t rag_status;

/**
 * Called now and then in a long call with how much is done of how much; `false` stops the call,
 * which then returns `RAG_STATUS_INTERRUPTED` and has changed nothing. It runs on the calling
 * thread and must not leave by `longjmp` or an exception.
 */
typedef bool (*rag_progress)(size_t done, size_t total, void *user);

/**
 * A passage: bytes `start` to `end` (not included) of the text, on character boundaries.
 */
typedef struct {
  /**
   * Byte offset of the first character.
   */
  size_t start;
  /**
   * Byte offset after the last character.
   */
  size_t end;
} rag_chunk;

/**
 * Counts the tokens of `length` bytes of UTF-8 (no NUL follows). Called on the calling thread;
 * must not leave by `longjmp` or an exception.
 */
typedef size_t (*rag_token_counter)(const char *text, size_t length, void *user);

/**
 * A held-out gain in standard deviations of the attribute's score, with its 95 % interval.
 */
typedef struct {
  /**
   * The gain; negative if the direction points the wrong way.
   */
  double value;
  /**
   * The lower end of the interval.
   */
  double low;
  /**
   * The upper end of the interval.
   */
  double high;
} rag_effect;

/**
 * One hit. All texts are UTF-8, NUL-terminated, and *lent* until the hits are freed.
 */
typedef struct {
  /**
   * The document's id.
   */
  const char *id;
  /**
   * Bytes of the id.
   */
  size_t id_length;
  /**
   * The document's text, or NULL.
   */
  const char *text;
  /**
   * Bytes of the text.
   */
  size_t text_length;
  /**
   * The document's metadata: a JSON object.
   */
  const char *metadata;
  /**
   * Bytes of the metadata.
   */
  size_t metadata_length;
  /**
   * The split of the score as JSON if the query asked for it, or NULL.
   */
  const char *explanation;
  /**
   * Bytes of the split.
   */
  size_t explanation_length;
  /**
   * What the hits are ordered by, larger first.
   */
  float score;
  /**
   * The BM25 score; NaN in dense mode.
   */
  float lexical_score;
  /**
   * The cosine with the (steered) query; NaN in lexical mode or without a vector.
   */
  float dense_score;
  /**
   * The probability of relevance; NaN unless the collection was calibrated for such searches.
   */
  float relevance;
} rag_hit;

/**
 * One document. All texts are UTF-8, NUL-terminated, and everything is *lent* until the
 * documents are freed.
 */
typedef struct {
  /**
   * The id, or NULL if the collection has no such document; then all else is NULL and 0.
   */
  const char *id;
  /**
   * Bytes of the id.
   */
  size_t id_length;
  /**
   * The text, or NULL.
   */
  const char *text;
  /**
   * Bytes of the text.
   */
  size_t text_length;
  /**
   * The metadata: a JSON object.
   */
  const char *metadata;
  /**
   * Bytes of the metadata.
   */
  size_t metadata_length;
  /**
   * The vector as stored, of unit length, or NULL.
   */
  const float *vector;
  /**
   * Floats of the vector.
   */
  size_t dim;
} rag_document;

/**
 * One dimension of a grid: `count` values, or with NULL and 0 everything from `low` to `high`.
 */
typedef struct {
  /**
   * Its name, NUL-terminated.
   */
  const char *name;
  /**
   * The values, or NULL for a range.
   */
  const double *values;
  /**
   * How many values.
   */
  size_t count;
  /**
   * The lower end of a range.
   */
  double low;
  /**
   * The upper end of a range.
   */
  double high;
} rag_grid_dimension;

/**
 * One choice. Its `id` is what the reward refers to.
 */
typedef struct {
  /**
   * Unique among bandits of different seeds.
   */
  uint64_t id;
  /**
   * The index of the arm; for a range, of the grid point.
   */
  size_t arm;
  /**
   * The arm's value; for names and grids, the arm's index as a number.
   */
  double value;
} rag_choice;

/**
 * One of many choices to make.
 */
typedef struct {
  /**
   * Where to choose, NUL-terminated.
   */
  const char *domain;
  /**
   * What is known, or NULL.
   */
  const double *context;
  /**
   * Numbers of the context.
   */
  size_t context_count;
} rag_bandit_query;

/**
 * What is believed about one arm in one domain.
 */
typedef struct {
  /**
   * The arm's value; for names and grids, the arm's index as a number.
   */
  double value;
  /**
   * The expected reward.
   */
  double mean;
  /**
   * The standard deviation of that expectation.
   */
  double sd;
  /**
   * Rewards seen for this very arm, each weighing what the discount left of it.
   */
  double count;
} rag_estimate;

/**
 * A policy to be judged: the value (for names and grids the arm's index) that it would choose in
 * `domain`, given a context of `n` numbers (`NULL` and 0 if there was none). Must not leave by `longjmp` or an exception.
 */
typedef double (*rag_policy)(const char *domain, const double *context, size_t n, void *user);

/**
 * A rewarded choice, as it stands in a log.
 */
typedef struct {
  /**
   * Where the choice was made, NUL-terminated.
   */
  const char *domain;
  /**
   * What was known then, or NULL.
   */
  const double *context;
  /**
   * Numbers of the context.
   */
  size_t context_count;
  /**
   * The value chosen; for names and grids, the arm's index as a number.
   */
  double arm;
  /**
   * What it earned.
   */
  double reward;
  /**
   * The probability with which it was chosen.
   */
  double propensity;
} rag_log_entry;

/**
 * A mean, estimated from some of what there is, with its interval: of 95 % unless asked otherwise.
 */
typedef struct {
  /**
   * The estimate.
   */
  double value;
  /**
   * The lower end of the interval.
   */
  double low;
  /**
   * The upper end of the interval.
   */
  double high;
} rag_value_estimate;

/**
 * What a policy would have earned beside what was earned, on average.
 */
typedef struct {
  /**
   * Entries of the log.
   */
  size_t count;
  /**
   * The mean of what was earned.
   */
  rag_value_estimate earned;
  /**
   * The mean of what the policy would have earned.
   */
  rag_value_estimate value;
  /**
   * The second less the first, entry by entry.
   */
  rag_value_estimate difference;
} rag_what_if;

/**
 * Something that can be turned.
 */
typedef struct {
  /**
   * Its name, NUL-terminated.
   */
  const char *name;
  /**
   * `"real"` (any number between two), `"whole"` (any whole number between two) or `"choice"`
   * (one of several things without an order).
   */
  const char *kind;
  /**
   * The least that it can be; of no account for a choice.
   */
  double low;
  /**
   * The greatest.
   */
  double high;
  /**
   * The names of the choices; of no account for others.
   */
  const char *const *choices;
  /**
   * How many there are.
   */
  size_t choice_count;
} rag_knob;

/**
 * Evaluates `n` settings: `settings` are rows of a number for each knob (an index for a choice),
 * `outcomes` has room for rows of a number for each objective and is to be filled. `false` ends
 * the search. Called on the calling thread; must not leave by `longjmp` or an exception.
 */
typedef bool (*rag_objective)(const double *settings, size_t n, double *outcomes, void *user);

/**
 * How a route is, as told by those who ask it.
 */
typedef struct {
  /**
   * Failures in a row.
   */
  uint64_t failures;
  /**
   * When a failing route is tried next, in seconds since 1970; NaN for one that does not fail.
   */
  double tried_next;
  /**
   * Requests a minute that are allowed; 0 if there is no bound.
   */
  uint64_t per_minute;
  /**
   * Mean seconds until an answer, over the latest 256; NaN if none was told.
   */
  double latency_mean_s;
  /**
   * The 95th percentile of the same.
   */
  double latency_p95_s;
} rag_route_health;

/**
 * A point of a curve of cost and quality.
 */
typedef struct {
  /**
   * The mean cost.
   */
  double cost;
  /**
   * The mean quality.
   */
  double quality;
} rag_routing_point;

/**
 * What became of the queries of a run and its judgements.
 */
typedef struct {
  /**
   * Measured: judged, with a relevant document.
   */
  size_t queries;
  /**
   * Judged without a relevant document: left out.
   */
  size_t without_relevant;
  /**
   * Measured but absent from the run: they count as nothing found.
   */
  size_t missing;
  /**
   * In the run but not judged: left out.
   */
  size_t unjudged;
} rag_query_counts;

/**
 * How one run compares with another.
 */
typedef struct {
  /**
   * The mean of the first run.
   */
  double a;
  /**
   * The mean of the second run.
   */
  double b;
  /**
   * The mean of `a - b` over the queries, with its interval.
   */
  rag_value_estimate difference;
  /**
   * How likely so large a difference, of either sign, is between equally good runs.
   */
  double p_value;
  /**
   * Queries compared.
   */
  size_t queries;
  /**
   * Queries at which `a` is better.
   */
  size_t wins;
  /**
   * Queries at which both are the same, to rounding.
   */
  size_t ties;
  /**
   * Queries at which `b` is better.
   */
  size_t losses;
} rag_comparison;

/**
 * What a curve was fitted to, and how well such a curve does on pairs held out.
 */
typedef struct {
  /**
   * The form of the curve, `"platt"` or `"isotonic"`: a constant that is never freed.
   */
  const char *method;
  /**
   * Pairs seen so far, earlier fits included.
   */
  size_t pairs;
  /**
   * The weight of the relevant ones.
   */
  double positives;
  /**
   * The weight of the irrelevant ones.
   */
  double negatives;
  /**
   * Folds that were held out; 0 if there were too few pairs, and then the rest is NaN.
   */
  size_t folds;
  /**
   * The mean squared error.
   */
  double brier;
  /**
   * The mean negative logarithm of the probability of what was the case.
   */
  double log_loss;
  /**
   * The expected calibration error over ten bins.
   */
  double ece;
} rag_calibration_report;

/**
 * Pairs whose held-out probability fell into one tenth.
 */
typedef struct {
  /**
   * The lower end of the tenth.
   */
  double low;
  /**
   * The upper end.
   */
  double high;
  /**
   * The weight of the pairs in it.
   */
  double weight;
  /**
   * The mean probability that was predicted for them.
   */
  double predicted;
  /**
   * The share of them that is relevant.
   */
  double observed;
} rag_calibration_bin;

/**
 * How far an answer is grounded in its passages.
 */
typedef struct {
  /**
   * The mean support of its sentences, in 0 to 1.
   */
  double score;
  /**
   * The share of sentences with a support of at least one half.
   */
  double coverage;
  /**
   * The share of the answer's words that the passages have.
   */
  double k_precision;
} rag_grounded;

/**
 * The support of one sentence of an answer.
 */
typedef struct {
  /**
   * Where the sentence begins in the answer, in bytes.
   */
  size_t start;
  /**
   * Where it ends.
   */
  size_t end;
  /**
   * The passage that supports it best; `SIZE_MAX` without any.
   */
  size_t passage;
  /**
   * The cosine with that passage; NaN without an embedder.
   */
  double cosine;
  /**
   * The share of its words that three neighbouring sentences of that passage have in this order.
   */
  double rouge_l;
  /**
   * Whether that passage lacks a number or a name of the sentence.
   */
  bool differs;
  /**
   * The larger of the two, at most 0.3 if it differs.
   */
  double score;
} rag_sentence_support;

/**
 * How easily an English text reads.
 */
typedef struct {
  /**
   * The school grade at which it is read with ease (Flesch and Kincaid).
   */
  double grade;
  /**
   * Flesch's reading ease: the higher the easier.
   */
  double ease;
  /**
   * Words of a sentence on average.
   */
  double words_per_sentence;
  /**
   * Syllables of a word on average.
   */
  double syllables_per_word;
  /**
   * Sentences with words.
   */
  size_t sentences;
  /**
   * Words.
   */
  size_t words;
  /**
   * Syllables.
   */
  size_t syllables;
} rag_reading;

/**
 * What a text was found to be.
 */
typedef struct {
  /**
   * The place of the likeliest domain among those of `rag_domain_detector_domains`; `SIZE_MAX` if
   * the text is likelier to belong to none of them.
   */
  size_t domain;
  /**
   * How likely that is.
   */
  double probability;
  /**
   * How likely it is none of them.
   */
  double none;
} rag_detection;

/**
 * What a bandit chose for a search.
 */
typedef struct {
  /**
   * What a late `rag_bandit_reward` refers to.
   */
  uint64_t id;
  /**
   * The index of the arm.
   */
  size_t arm;
  /**
   * The share of BM25 that it sets; NaN if it sets none.
   */
  double bm25_weight;
  /**
   * The hits that it sets; 0 if it sets none.
   */
  size_t k;
  /**
   * The diversity that it sets; NaN if it sets none.
   */
  double diversity;
  /**
   * How likely the question is of no domain; NaN if no detector was asked.
   */
  double none;
} rag_tuned_choice;

/**
 * Takes a piece of an answer, `length` bytes of UTF-8 or `RAG_NUL_TERMINATED`. 0 means that no more is wanted.
 */
typedef int (*rag_emit)(const char *text, size_t length, void *sink);

/**
 * Writes an answer to `prompt`, `length` bytes of JSON as `rag_prompts_build` gives it: hands its pieces to `emit`
 * with `sink`, on the calling thread, and returns 0 when it is done, anything else if it failed. Called from many
 * threads at a time; must not leave by `longjmp` or an exception.
 */
typedef int (*rag_generate)(const char *prompt, size_t length, rag_emit emit, void *sink, void *user);

/**
 * Hears an answer as it is written: `text` has `length` bytes of it, or of what stands in a marker of the kind
 * `marker`, which is NULL for text. All of it is *lent*. Returning 0 ends the answer; anything else goes on.
 */
typedef int (*rag_hear)(const char *text, size_t length, const char *marker, void *user);

/**
 * The call did what was asked.
 */
#define RAG_STATUS_OK 0

/**
 * A value is outside what the operation accepts.
 */
#define RAG_STATUS_INVALID_ARGUMENT 1

/**
 * Vectors of another dimension than the one held.
 */
#define RAG_STATUS_DIMENSION_MISMATCH 2

/**
 * An id or name is already taken.
 */
#define RAG_STATUS_ALREADY_EXISTS 3

/**
 * No such id, name, choice or file.
 */
#define RAG_STATUS_NOT_FOUND 4

/**
 * Another writer holds the store; `rag_error_pid` says which process.
 */
#define RAG_STATUS_LOCKED 5

/**
 * A file is damaged; `rag_error_file` and `rag_error_offset` say where.
 */
#define RAG_STATUS_CORRUPT 6

/**
 * A file was written by a version that this one does not read.
 */
#define RAG_STATUS_FORMAT_VERSION 7

/**
 * Vectors or settings made by another embedding model.
 */
#define RAG_STATUS_MODEL_MISMATCH 8

/**
 * The handle was made before a fork and cannot be used in the child.
 */
#define RAG_STATUS_FORKED 9

/**
 * A write to something opened for reading.
 */
#define RAG_STATUS_READ_ONLY 10

/**
 * The handle was closed.
 */
#define RAG_STATUS_CLOSED 11

/**
 * The operating system refused a file operation.
 */
#define RAG_STATUS_IO 12

/**
 * A deadline passed.
 */
#define RAG_STATUS_TIMEOUT 13

/**
 * A language model or cache server failed.
 */
#define RAG_STATUS_UPSTREAM 14

/**
 * A valid request that this build or model cannot do.
 */
#define RAG_STATUS_UNSUPPORTED 15

/**
 * The caller's progress function asked to stop; nothing was kept.
 */
#define RAG_STATUS_INTERRUPTED 16

/**
 * The disk, or the caller's share of it, is full; nothing was kept.
 */
#define RAG_STATUS_DISK_FULL 17

/**
 * A pointer that must not be NULL was; the message names it.
 */
#define RAG_STATUS_NULL_POINTER 100

/**
 * A defect in the library: it stopped inside this call. Please report the message.
 */
#define RAG_STATUS_PANIC 101

/**
 * The handle was freed before, is of another type, or never was one.
 */
#define RAG_STATUS_INVALID_HANDLE 102

/**
 * The buffer is too small; the count says how much room is needed. Nothing else was written.
 */
#define RAG_STATUS_BUFFER_TOO_SMALL 103

/**
 * Another call is using the handle, and one of the two needs it for itself.
 */
#define RAG_STATUS_BUSY 104

/**
 * An earlier call that was changing this handle ended in `RAG_STATUS_PANIC`: free it.
 */
#define RAG_STATUS_POISONED 105

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The status that the call returned; `RAG_STATUS_INVALID_HANDLE` for NULL or a freed error.
 */
rag_status rag_error_status(const rag_error *error);

/**
 * The sentence: what was found, what was expected, what to do. *Lent* until the error is freed.
 * Empty for NULL or a freed error.
 */
const char *rag_error_message(const rag_error *error);

/**
 * The file that the error is about, or NULL. *Lent* until the error is freed.
 */
const char *rag_error_file(const rag_error *error);

/**
 * The byte offset in that file at which damage was noticed, or `UINT64_MAX`.
 */
uint64_t rag_error_offset(const rag_error *error);

/**
 * The process that holds the lock, for `RAG_STATUS_LOCKED`, or 0.
 */
uint32_t rag_error_pid(const rag_error *error);

/**
 * Frees an error. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE` and does nothing.
 */
rag_status rag_error_free(rag_error *error);

/**
 * The name of a status, such as `"not_found"`, the same in every language; NULL for a number
 * that is none. Lives as long as the program.
 */
const char *rag_status_name(rag_status status);

/**
 * The version of the library that is loaded, such as `"0.1.0"`; compare `RAG_VERSION`. Lives as
 * long as the program.
 */
const char *rag_version(void);

/**
 * The number of handles of every type that were given and not freed: for tests of your own
 * that nothing leaks.
 */
size_t rag_handles_alive(void);

/**
 * *Gives* an empty bag of options.
 */
rag_status rag_options_new(rag_options **out, rag_error **err);

/**
 * Frees a bag of options. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_options_free(rag_options *options);

/**
 * Sets an option that is a real number. The latest value counts.
 */
rag_status rag_options_set_f64(rag_options *options,
                               const char *name,
                               double value,
                               rag_error **err);

/**
 * Sets an option that is a whole number.
 */
rag_status rag_options_set_u64(rag_options *options,
                               const char *name,
                               uint64_t value,
                               rag_error **err);

/**
 * Sets an option that is a choice or a text, NUL-terminated. The text is copied.
 */
rag_status rag_options_set_str(rag_options *options,
                               const char *name,
                               const char *value,
                               rag_error **err);

/**
 * Sets an option that is true or false.
 */
rag_status rag_options_set_bool(rag_options *options,
                                const char *name,
                                bool value,
                                rag_error **err);

/**
 * The text, NUL-terminated. *Lent* until the string is freed. NULL for a handle that is none.
 */
const char *rag_string_data(const rag_string *string);

/**
 * Bytes of the text, the last NUL not counted. 0 for a handle that is none.
 */
size_t rag_string_len(const rag_string *string);

/**
 * Frees a string. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_string_free(rag_string *string);

/**
 * The number of texts. 0 for a handle that is none.
 */
size_t rag_strings_len(const rag_strings *strings);

/**
 * Text `index`, NUL-terminated, with its bytes in `length` (which may be NULL). *Lent* until the
 * list is freed. `data` is NULL where the text is absent. `RAG_STATUS_INVALID_ARGUMENT` past the
 * end.
 */
rag_status rag_strings_get(const rag_strings *strings,
                           size_t index,
                           const char **data,
                           size_t *length,
                           rag_error **err);

/**
 * Frees a list of texts. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_strings_free(rag_strings *strings);

/**
 * Opens the model in the folder `path`, or the built-in model for NULL, and *gives* it.
 *
 * Options: `device`, `precision`, `threads`, `max_tokens`, `max_wait_ms`, `max_batch`.
 */
rag_status rag_embedder_open(const char *path,
                             const rag_options *options,
                             rag_embedder **out,
                             rag_error **err);

/**
 * Frees an embedder. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`. Collections
 * that were opened with it keep the model.
 */
rag_status rag_embedder_free(rag_embedder *embedder);

/**
 * The dimension of the vectors.
 */
rag_status rag_embedder_dim(const rag_embedder *embedder, size_t *dim, rag_error **err);

/**
 * The tokens of a text that are read; the rest of a longer one is not.
 */
rag_status rag_embedder_max_tokens(const rag_embedder *embedder,
                                   size_t *max_tokens,
                                   rag_error **err);

/**
 * A hash of everything that decides the vectors: two embedders with one fingerprint agree.
 */
rag_status rag_embedder_fingerprint(const rag_embedder *embedder,
                                    uint64_t *fingerprint,
                                    rag_error **err);

/**
 * *Gives* the name of the model.
 */
rag_status rag_embedder_name(const rag_embedder *embedder, rag_string **out, rag_error **err);

/**
 * *Gives* the name of the arithmetic that is used, such as `"f32"`.
 */
rag_status rag_embedder_precision(const rag_embedder *embedder, rag_string **out, rag_error **err);

/**
 * Counts the model's tokens of a text of `length` bytes (or `RAG_NUL_TERMINATED`).
 */
rag_status rag_embedder_count_tokens(const rag_embedder *embedder,
                                     const char *text,
                                     size_t length,
                                     size_t *tokens,
                                     rag_error **err);

/**
 * Embeds `n` texts into `n` rows of `rag_embedder_dim` floats at `out`.
 *
 * `lengths` holds their bytes and may be NULL if all of them are NUL-terminated. `capacity` is
 * the room at `out` in floats, `count` receives how many were written. `progress` may be NULL.
 * Options: `kind`, `normalize`.
 */
rag_status rag_embedder_encode(const rag_embedder *embedder,
                               const char *const *texts,
                               const size_t *lengths,
                               size_t n,
                               const rag_options *options,
                               rag_progress progress,
                               void *user,
                               float *out,
                               size_t capacity,
                               size_t *count,
                               rag_error **err);

/**
 * As `rag_embedder_encode`; `truncated` (which may be NULL) receives how many of the texts were
 * longer than `rag_embedder_max_tokens` and were cut there.
 */
rag_status rag_embedder_encode_counted(const rag_embedder *embedder,
                                       const char *const *texts,
                                       const size_t *lengths,
                                       size_t n,
                                       const rag_options *options,
                                       rag_progress progress,
                                       void *user,
                                       float *out,
                                       size_t capacity,
                                       size_t *count,
                                       size_t *truncated,
                                       rag_error **err);

/**
 * *Gives* a chunker. Options: `max_tokens`, `overlap`, `mode`.
 */
rag_status rag_chunker_new(const rag_options *options, rag_chunker **out, rag_error **err);

/**
 * Frees a chunker. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_chunker_free(rag_chunker *chunker);

/**
 * Cuts a text of `length` bytes (or `RAG_NUL_TERMINATED`) into passages at `out`.
 *
 * Tokens are counted by `embedder`, or estimated without a model if that is NULL; in the mode `semantic` it also
 * compares sentences, and without one the status is `RAG_STATUS_UNSUPPORTED`. With too
 * little room only `count` is written and the status is `RAG_STATUS_BUFFER_TOO_SMALL`.
 */
rag_status rag_chunker_split(const rag_chunker *chunker,
                             const rag_embedder *embedder,
                             const char *text,
                             size_t length,
                             rag_chunk *out,
                             size_t capacity,
                             size_t *count,
                             rag_error **err);

/**
 * As `rag_chunker_split`, with tokens counted by a function of yours. Its count of a long piece
 * should be about the sum of the counts of its parts.
 */
rag_status rag_chunker_split_with(const rag_chunker *chunker,
                                  rag_token_counter counter,
                                  void *user,
                                  const char *text,
                                  size_t length,
                                  rag_chunk *out,
                                  size_t capacity,
                                  size_t *count,
                                  rag_error **err);

/**
 * *Gives* the index terms of a text of `length` bytes (or `RAG_NUL_TERMINATED`), in order,
 * repeats included: what lexical search compares. Options: `language`, and the others of
 * `rag_lexical_index_new`, which change nothing here.
 */
rag_status rag_terms(const char *text,
                     size_t length,
                     const rag_options *options,
                     rag_strings **out,
                     rag_error **err);

/**
 * The number of lists: one for each query. 0 for a handle that is none.
 */
size_t rag_rankings_len(const rag_rankings *rankings);

/**
 * List `index`: `count` keys with their scores. Both arrays are *lent* until the rankings are
 * freed. `RAG_STATUS_INVALID_ARGUMENT` past the end.
 */
rag_status rag_rankings_get(const rag_rankings *rankings,
                            size_t index,
                            const uint64_t **keys,
                            const float **scores,
                            size_t *count,
                            rag_error **err);

/**
 * Frees rankings. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_rankings_free(rag_rankings *rankings);

/**
 * *Gives* an empty index for vectors of `dim` floats. Options: `metric`, `precision`, `seed`.
 */
rag_status rag_dense_index_new(size_t dim,
                               const rag_options *options,
                               rag_dense_index **out,
                               rag_error **err);

/**
 * *Gives* the index in the file `path`. `mmap` asks for mapped memory where that is possible.
 */
rag_status rag_dense_index_open(const char *path,
                                bool mmap,
                                rag_dense_index **out,
                                rag_error **err);

/**
 * Writes the index to the file `path`: the old file or the new, never a part.
 */
rag_status rag_dense_index_save(const rag_dense_index *index, const char *path, rag_error **err);

/**
 * Frees an index. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_dense_index_free(rag_dense_index *index);

/**
 * The dimension of the vectors.
 */
rag_status rag_dense_index_dim(const rag_dense_index *index, size_t *dim, rag_error **err);

/**
 * The number of vectors.
 */
rag_status rag_dense_index_len(const rag_dense_index *index, size_t *len, rag_error **err);

/**
 * Bytes of memory for vectors, codes, links, keys and their table.
 */
rag_status rag_dense_index_bytes(const rag_dense_index *index, size_t *bytes, rag_error **err);

/**
 * Whether `key` is held.
 */
rag_status rag_dense_index_contains(const rag_dense_index *index,
                                    uint64_t key,
                                    bool *held,
                                    rag_error **err);

/**
 * Copies the keys, ascending. With too little room only `count` is written.
 */
rag_status rag_dense_index_keys(const rag_dense_index *index,
                                uint64_t *out,
                                size_t capacity,
                                size_t *count,
                                rag_error **err);

/**
 * Copies the vector of `key` as it is kept (of unit length under cosine), or
 * `RAG_STATUS_NOT_FOUND`.
 */
rag_status rag_dense_index_vector(const rag_dense_index *index,
                                  uint64_t key,
                                  float *out,
                                  size_t capacity,
                                  size_t *count,
                                  rag_error **err);

/**
 * Adds `n` vectors, rows of `dim` floats, under `n` keys: all or nothing. Searches find them from
 * one moment on, and go on while they are linked.
 * `RAG_STATUS_ALREADY_EXISTS` if a key is held or stands twice.
 */
rag_status rag_dense_index_add(const rag_dense_index *index,
                               const uint64_t *keys,
                               const float *vectors,
                               size_t n,
                               size_t dim,
                               rag_error **err);

/**
 * Removes `n` keys, all or nothing. `RAG_STATUS_NOT_FOUND` if one is not held.
 */
rag_status rag_dense_index_remove(const rag_dense_index *index,
                                  const uint64_t *keys,
                                  size_t n,
                                  rag_error **err);

/**
 * *Gives* the best `k` keys for each of `n` queries, rows of `dim` floats: larger scores first,
 * then by key. A ranking is shorter than `k` only if there are fewer keys that may be found.
 *
 * `filter` lends the keys that may be found, or is NULL for all of them; it never costs hits. The
 * last few filters are remembered while nothing changes: the same keys again cost little.
 * `progress` may be NULL. Options: `effort`, `exact`, `threads`.
 */
rag_status rag_dense_index_search(const rag_dense_index *index,
                                  const float *queries,
                                  size_t n,
                                  size_t dim,
                                  size_t k,
                                  const uint64_t *filter,
                                  size_t filter_count,
                                  const rag_options *options,
                                  rag_progress progress,
                                  void *user,
                                  rag_rankings **out,
                                  rag_error **err);

/**
 * *Gives* an empty index. Options: `k1`, `b`, `language`.
 */
rag_status rag_lexical_index_new(const rag_options *options,
                                 rag_lexical_index **out,
                                 rag_error **err);

/**
 * *Gives* the index in the file `path`, its options included. `RAG_STATUS_CORRUPT` for a damaged
 * file, `RAG_STATUS_FORMAT_VERSION` for one of a later format.
 */
rag_status rag_lexical_index_open(const char *path, rag_lexical_index **out, rag_error **err);

/**
 * Writes the index to the file `path`: the old file or the new, never a part.
 */
rag_status rag_lexical_index_save(const rag_lexical_index *index,
                                  const char *path,
                                  rag_error **err);

/**
 * Frees an index. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_lexical_index_free(rag_lexical_index *index);

/**
 * The number of keys.
 */
rag_status rag_lexical_index_len(const rag_lexical_index *index, size_t *len, rag_error **err);

/**
 * Whether `key` is held.
 */
rag_status rag_lexical_index_contains(const rag_lexical_index *index,
                                      uint64_t key,
                                      bool *held,
                                      rag_error **err);

/**
 * Adds `n` texts under `n` keys, all or nothing. `lengths` holds their bytes and may be NULL if
 * all of them are NUL-terminated. `RAG_STATUS_ALREADY_EXISTS` if a key is held or stands twice.
 */
rag_status rag_lexical_index_add(rag_lexical_index *index,
                                 const uint64_t *keys,
                                 const char *const *texts,
                                 const size_t *lengths,
                                 size_t n,
                                 rag_error **err);

/**
 * Removes `n` keys, all or nothing. `RAG_STATUS_NOT_FOUND` if one is not held.
 */
rag_status rag_lexical_index_remove(rag_lexical_index *index,
                                    const uint64_t *keys,
                                    size_t n,
                                    rag_error **err);

/**
 * *Gives* the best `k` keys for each of `n` queries: BM25, larger first, then by key.
 *
 * `filter` lends the keys that may be found, or is NULL for all of them. A text without any
 * term of the query is no hit, so that a ranking may be shorter than `k`.
 */
rag_status rag_lexical_index_search(const rag_lexical_index *index,
                                    const char *const *queries,
                                    const size_t *lengths,
                                    size_t n,
                                    size_t k,
                                    const uint64_t *filter,
                                    size_t filter_count,
                                    rag_rankings **out,
                                    rag_error **err);

/**
 * Fuses `n` rankings of ids by their ranks and *gives* one: every id once, larger scores first,
 * then by id. `lengths` holds the number of ids in each. Options: `k`, the constant of
 * reciprocal rank fusion.
 */
rag_status rag_fuse(const uint64_t *const *rankings,
                    const size_t *lengths,
                    size_t n,
                    const rag_options *options,
                    rag_rankings **out,
                    rag_error **err);

/**
 * Writes the positions of at most `k` of `n` candidates in the order in which maximal marginal
 * relevance takes them. `vectors` lends a row of `dim` floats for each. Options: `diversity`.
 */
rag_status rag_mmr(const float *relevance,
                   const float *vectors,
                   size_t n,
                   size_t dim,
                   size_t k,
                   const rag_options *options,
                   size_t *out,
                   size_t capacity,
                   size_t *count,
                   rag_error **err);

/**
 * Whether a filter (JSON) lets a document with this metadata (a JSON object) through.
 */
rag_status rag_filter_matches(const char *filter,
                              const char *metadata,
                              bool *matches,
                              rag_error **err);

/**
 * Learns the direction from `negative` to `positive` examples, rows of `dim` floats each, and
 * *gives* it. For texts, embed them first or use `rag_collection_learn`.
 *
 * Options: `name`, `method`, `ridge`, `c`, `folds`, `seed`.
 */
rag_status rag_steering_vector_learn(const float *positive,
                                     size_t positive_count,
                                     const float *negative,
                                     size_t negative_count,
                                     size_t dim,
                                     const rag_options *options,
                                     rag_steering_vector **out,
                                     rag_error **err);

/**
 * *Gives* a vector made of numbers that were learnt elsewhere. `scale` is the length, in units
 * of the vector, that a strength of 1 adds to a unit query. `effect` may be NULL.
 */
rag_status rag_steering_vector_from_parts(const char *name,
                                          const float *vector,
                                          size_t dim,
                                          double scale,
                                          const rag_effect *effect,
                                          rag_steering_vector **out,
                                          rag_error **err);

/**
 * Frees a vector. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_steering_vector_free(rag_steering_vector *vector);

/**
 * *Gives* the same direction with its scale measured on `n` documents, rows of `dim` floats.
 * Options: `loss`, `neighbours`, `max_queries`, `max_documents`, `seed`.
 */
rag_status rag_steering_vector_calibrated(const rag_steering_vector *vector,
                                          const float *documents,
                                          size_t n,
                                          size_t dim,
                                          const rag_options *options,
                                          rag_steering_vector **out,
                                          rag_error **err);

/**
 * Copies the direction to `out`. With too little room only `count` is written.
 */
rag_status rag_steering_vector_data(const rag_steering_vector *vector,
                                    float *out,
                                    size_t capacity,
                                    size_t *count,
                                    rag_error **err);

/**
 * The number of dimensions.
 */
rag_status rag_steering_vector_dim(const rag_steering_vector *vector, size_t *dim, rag_error **err);

/**
 * The length, in units of the vector, that a strength of 1 adds to a unit query.
 */
rag_status rag_steering_vector_scale(const rag_steering_vector *vector,
                                     double *scale,
                                     rag_error **err);

/**
 * *Gives* the name; empty if none was given.
 */
rag_status rag_steering_vector_name(const rag_steering_vector *vector,
                                    rag_string **out,
                                    rag_error **err);

/**
 * The held-out effect; `measured` is false, and `effect` as it was, if there is none.
 */
rag_status rag_steering_vector_effect(const rag_steering_vector *vector,
                                      rag_effect *effect,
                                      bool *measured,
                                      rag_error **err);

/**
 * What a strength of 1 was measured to cost: the share of the similarity of the nearest
 * neighbours that it takes. `measured` is false, and `loss` as it was, if the scale was not
 * calibrated for this direction.
 */
rag_status rag_steering_vector_loss(const rag_steering_vector *vector,
                                    double *loss,
                                    bool *measured,
                                    rag_error **err);

/**
 * *Gives* the same vector with what a strength of 1 was measured elsewhere to cost, in [0, 1];
 * anything else counts as not measured. For vectors made of their parts.
 */
rag_status rag_steering_vector_costing(const rag_steering_vector *vector,
                                       double loss,
                                       rag_steering_vector **out,
                                       rag_error **err);

/**
 * *Gives* the same vector under another name.
 */
rag_status rag_steering_vector_named(const rag_steering_vector *vector,
                                     const char *name,
                                     rag_steering_vector **out,
                                     rag_error **err);

/**
 * *Gives* the sum: steers towards both.
 */
rag_status rag_steering_vector_plus(const rag_steering_vector *vector,
                                    const rag_steering_vector *other,
                                    rag_steering_vector **out,
                                    rag_error **err);

/**
 * *Gives* the difference: steers towards `vector` and away from `other`.
 */
rag_status rag_steering_vector_minus(const rag_steering_vector *vector,
                                     const rag_steering_vector *other,
                                     rag_steering_vector **out,
                                     rag_error **err);

/**
 * *Gives* the part of `vector` that says nothing about `other`.
 */
rag_status rag_steering_vector_orthogonal_to(const rag_steering_vector *vector,
                                             const rag_steering_vector *other,
                                             rag_steering_vector **out,
                                             rag_error **err);

/**
 * *Gives* the opposite direction.
 */
rag_status rag_steering_vector_negated(const rag_steering_vector *vector,
                                       rag_steering_vector **out,
                                       rag_error **err);

/**
 * *Gives* a multiple: half a vector steers half as far.
 */
rag_status rag_steering_vector_times(const rag_steering_vector *vector,
                                     double factor,
                                     rag_steering_vector **out,
                                     rag_error **err);

/**
 * Moves a query of `dim` floats and writes the result, of unit length, to `out`. A strength of 0
 * gives the query back as it came. Options: `application`, `max_loss`.
 */
rag_status rag_steering_vector_apply(const rag_steering_vector *vector,
                                     const float *query,
                                     size_t dim,
                                     double strength,
                                     const rag_options *options,
                                     float *out,
                                     size_t capacity,
                                     size_t *count,
                                     rag_error **err);

/**
 * *Gives* an empty set.
 */
rag_status rag_steering_new(rag_steering **out, rag_error **err);

/**
 * *Gives* the set in the file `path`.
 */
rag_status rag_steering_load(const char *path, rag_steering **out, rag_error **err);

/**
 * Writes the set to the file `path` (safetensors): the old file or the new, never a part.
 */
rag_status rag_steering_save(const rag_steering *steering, const char *path, rag_error **err);

/**
 * Frees a set. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_steering_free(rag_steering *steering);

/**
 * *Gives* the names of the dials, in alphabetical order.
 */
rag_status rag_steering_dials(const rag_steering *steering, rag_strings **out, rag_error **err);

/**
 * *Gives* the users of whom there are ratings, in alphabetical order.
 */
rag_status rag_steering_users(const rag_steering *steering, rag_strings **out, rag_error **err);

/**
 * *Gives* a copy of the dial `name`, or `RAG_STATUS_NOT_FOUND`.
 */
rag_status rag_steering_get(const rag_steering *steering,
                            const char *name,
                            rag_steering_vector **out,
                            rag_error **err);

/**
 * Keeps a copy of `vector` as a dial under its name. `RAG_STATUS_ALREADY_EXISTS` if it is taken.
 */
rag_status rag_steering_insert(rag_steering *steering,
                               const rag_steering_vector *vector,
                               rag_error **err);

/**
 * Learns the dial `name` from rows of `dim` floats. Options as for `rag_steering_vector_learn`.
 */
rag_status rag_steering_learn(rag_steering *steering,
                              const char *name,
                              const float *positive,
                              size_t positive_count,
                              const float *negative,
                              size_t negative_count,
                              size_t dim,
                              const rag_options *options,
                              rag_error **err);

/**
 * Removes the dial `name`, or `RAG_STATUS_NOT_FOUND`.
 */
rag_status rag_steering_remove(rag_steering *steering, const char *name, rag_error **err);

/**
 * Measures the scale of every dial on `n` documents, rows of `dim` floats. Options as for
 * `rag_steering_vector_calibrated`.
 */
rag_status rag_steering_calibrate(rag_steering *steering,
                                  const float *documents,
                                  size_t n,
                                  size_t dim,
                                  const rag_options *options,
                                  rag_error **err);

/**
 * Makes the dials orthogonal, each turned as little as possible.
 */
rag_status rag_steering_orthogonalize(rag_steering *steering, rag_error **err);

/**
 * Moves a query of `dim` floats by `dial_count` dials and a user (or NULL), and writes the
 * result, of unit length, to `out`. With nothing to move it the query comes back as it came.
 * Options: `application`, `max_loss`.
 */
rag_status rag_steering_apply(const rag_steering *steering,
                              const float *query,
                              size_t dim,
                              const char *const *dials,
                              const double *strengths,
                              size_t dial_count,
                              const char *user,
                              const rag_options *options,
                              float *out,
                              size_t capacity,
                              size_t *count,
                              rag_error **err);

/**
 * Tells what a user (or NULL for nobody in particular) thought of an item that a query found.
 * `rating` is in [0, 1]; the dials are those that were on. `at` points to Unix seconds, or is
 * NULL for now. `position` is where the item stood among the hits, from 1: a like further down
 * counts for more, as fewer look there; 0 if that is unknown or does not matter.
 */
rag_status rag_steering_feedback(rag_steering *steering,
                                 const float *query,
                                 const float *item,
                                 size_t dim,
                                 double rating,
                                 const char *user,
                                 const char *const *dials,
                                 const double *strengths,
                                 size_t dial_count,
                                 const double *at,
                                 size_t position,
                                 rag_error **err);

/**
 * Filters the history and learns users and dials from what is left; *gives* a report as JSON:
 * `events`, `dropped`, `users`, `crowd` (users from whom new ones take what all share), `learnt`
 * and `heuristic` (what users' states and the plain difference of liked and disliked tell apart
 * on the last of their ratings, as objects of `value`, `low`, `high`, or null) and `dials`.
 * Options: `half_life`, `sigma`, `per_user`, `min_examples`, `folds`, `seed`.
 */
rag_status rag_steering_retrain(rag_steering *steering,
                                const rag_options *options,
                                rag_string **out,
                                rag_error **err);

/**
 * Forgets everything about a user; `known` (which may be NULL) tells whether there was anything.
 */
rag_status rag_steering_forget(rag_steering *steering,
                               const char *user,
                               bool *known,
                               rag_error **err);

/**
 * Takes in the dials and ratings of `other`. The order of merging does not matter, and merging
 * the same set again changes nothing.
 */
rag_status rag_steering_merge(rag_steering *steering, const rag_steering *other, rag_error **err);

/**
 * The noise filter on its own: for `n` ratings given at `n` times (Unix seconds) writes `n`
 * weights and `n` verdicts, and the weighted `mean` (NaN if nothing was kept) and its
 * `confidence` in 0..1, which may be NULL. `users` has an id for each rating, or is NULL: with
 * it no user's ratings weigh more than `per_user` together. Options: `sigma`, `method`,
 * `per_user`, `threads`.
 */
rag_status rag_filter_feedback(const double *ratings,
                               const double *at,
                               const uint64_t *users,
                               size_t n,
                               double half_life,
                               const rag_options *options,
                               double *weights,
                               bool *kept,
                               double *mean,
                               double *confidence,
                               rag_error **err);

/**
 * Opens the collection in the directory `path`, or makes it there, or makes one in memory for
 * NULL, and *gives* it. `embedder` may be NULL: then texts are embedded by the built-in model,
 * or, with the option `dim`, vectors are your own. Options: `dim`, `read_only`, `durability`.
 */
rag_status rag_collection_open(const char *path,
                               const rag_embedder *embedder,
                               const rag_options *options,
                               rag_collection **out,
                               rag_error **err);

/**
 * Makes every change durable and lets go of the lock. Later calls are `RAG_STATUS_CLOSED`.
 * Freeing does the same without telling of errors.
 */
rag_status rag_collection_close(const rag_collection *collection, rag_error **err);

/**
 * Frees a collection. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_collection_free(rag_collection *collection);

/**
 * The number of documents.
 */
rag_status rag_collection_len(const rag_collection *collection, size_t *len, rag_error **err);

/**
 * The dimension of the vectors; 0 while it is not known.
 */
rag_status rag_collection_dim(const rag_collection *collection, size_t *dim, rag_error **err);

/**
 * Whether a document has this id.
 */
rag_status rag_collection_contains(const rag_collection *collection,
                                   const char *id,
                                   bool *held,
                                   rag_error **err);

/**
 * For each of `n` ids a number at `versions` that changes whenever a document of it is written; `held`
 * (NULL for none) tells where there is one, and where there is none the number is 0. Equal numbers mean the same
 * document, in every process that reads the store; they also change when the log is written anew.
 */
rag_status rag_collection_versions(const rag_collection *collection,
                                   const char *const *ids,
                                   size_t n,
                                   uint64_t *versions,
                                   bool *held,
                                   rag_error **err);

/**
 * A number that changes with everything that is written to the collection.
 */
rag_status rag_collection_sequence(const rag_collection *collection,
                                   uint64_t *sequence,
                                   rag_error **err);

/**
 * *Gives* the documents of `n` ids, in their order, with gaps where there is none.
 */
rag_status rag_collection_get(const rag_collection *collection,
                              const char *const *ids,
                              size_t n,
                              rag_documents **out,
                              rag_error **err);

/**
 * *Gives* all ids, in the order in which their documents were last written.
 */
rag_status rag_collection_ids(const rag_collection *collection, rag_strings **out, rag_error **err);

/**
 * The number of documents that a filter (JSON) lets through.
 */
rag_status rag_collection_count(const rag_collection *collection,
                                const char *filter,
                                size_t *count,
                                rag_error **err);

/**
 * Asks one question and *gives* the hits, best first.
 */
rag_status rag_collection_search(const rag_collection *collection,
                                 const rag_query *query,
                                 rag_hits **out,
                                 rag_error **err);

/**
 * Asks `n` questions at once, embedding and searching on all threads, and *gives* `n` handles at
 * `hits`, one for each question; on failure none.
 */
rag_status rag_collection_search_many(const rag_collection *collection,
                                      const rag_query *const *queries,
                                      size_t n,
                                      rag_hits **hits,
                                      rag_error **err);

/**
 * Learns from `n` judged questions how likely a hit with a score is to be relevant, and keeps the
 * curve with the collection. From then on the hits of searches with the same `mode`, `fusion` and
 * `bm25_weight` have a `relevance`, and such searches take the option `min_relevance`.
 *
 * `ids` lends the id of each question in `qrels`: both must have the same. A hit that was not
 * judged counts as not relevant. `out` (which may be NULL) is *given* the curve.
 * `RAG_STATUS_INVALID_ARGUMENT` if the questions differ in mode, fusion or weight, have `diversity`
 * or `min_relevance`, or if among all their hits none is or all are relevant.
 *
 * Options: `method` (`"auto"`, `"platt"`, `"isotonic"`), `folds`, `seed`.
 */
rag_status rag_collection_calibrate(const rag_collection *collection,
                                    const char *const *ids,
                                    const rag_query *const *queries,
                                    size_t n,
                                    const rag_qrels *qrels,
                                    const rag_options *options,
                                    rag_calibration **out,
                                    rag_error **err);

/**
 * *Gives* the curve of `rag_collection_calibrate`, or NULL if there is none.
 */
rag_status rag_collection_calibration(const rag_collection *collection,
                                      rag_calibration **out,
                                      rag_error **err);

/**
 * Forgets the curve; `cleared` (which may be NULL) tells whether there was one.
 */
rag_status rag_collection_clear_calibration(const rag_collection *collection,
                                            bool *cleared,
                                            rag_error **err);

/**
 * Embeds every text anew by another model and changes over to it, all or nothing: until then
 * searches and writes go on with the old vectors. `embedded` (which may be NULL) receives how many
 * texts were embedded now: what was done before the process ended or `progress` stopped is kept,
 * and the next call with the same model goes on from there. Options: `forget_learnt`, without which
 * a collection with dials, users or a calibration is refused. `progress` may be NULL.
 */
rag_status rag_collection_reembed(const rag_collection *collection,
                                  const rag_embedder *embedder,
                                  const rag_options *options,
                                  rag_progress progress,
                                  void *user,
                                  size_t *embedded,
                                  rag_error **err);

/**
 * Makes every change durable, and the next opening quick: it need not take in again what there is
 * now. Bytes of what was deleted or replaced are given back where they are more than half.
 */
rag_status rag_collection_checkpoint(const rag_collection *collection, rag_error **err);

/**
 * Gives back disk and memory of what was deleted or replaced. Afterwards it is gone from the files.
 */
rag_status rag_collection_compact(const rag_collection *collection, rag_error **err);

/**
 * Writes a copy into the directory `path`, which must be empty or absent.
 */
rag_status rag_collection_backup(const rag_collection *collection,
                                 const char *path,
                                 rag_error **err);

/**
 * Reads everything again and compares; *gives* a report as JSON: `ok`, `documents`, `records`,
 * `bytes` and `problems`.
 */
rag_status rag_collection_verify(const rag_collection *collection,
                                 rag_string **out,
                                 rag_error **err);

/**
 * *Gives* figures as JSON: `documents`, `vectors`, `dim`, `embedder`, `fingerprint`, `dials`,
 * `calibrated_for`, `text_bytes`, `log_bytes` and `image_bytes`.
 */
rag_status rag_collection_stats(const rag_collection *collection,
                                rag_string **out,
                                rag_error **err);

/**
 * *Gives* the directory of the collection; empty in memory.
 */
rag_status rag_collection_path(const rag_collection *collection, rag_string **out, rag_error **err);

/**
 * Adds `n` documents, all or nothing. `RAG_STATUS_ALREADY_EXISTS` if an id is here already.
 *
 * `texts` may be NULL, and so may single texts; `lengths` holds their bytes, or is NULL if all
 * are NUL-terminated. `vectors` lends `n` rows of `dim` floats, or is NULL: then texts are
 * embedded. `metadata` lends a JSON object for each document, or is NULL, and so may single
 * ones. `progress` may be NULL.
 */
rag_status rag_collection_add(const rag_collection *collection,
                              const char *const *ids,
                              const char *const *texts,
                              const size_t *lengths,
                              size_t n,
                              const float *vectors,
                              size_t dim,
                              const char *const *metadata,
                              rag_progress progress,
                              void *user,
                              rag_error **err);

/**
 * As `rag_collection_add`; `truncated` (which may be NULL) receives how many of the texts were
 * longer than `rag_embedder_max_tokens` and were cut there for their vectors. They are kept whole,
 * and searched whole by their words.
 */
rag_status rag_collection_add_counted(const rag_collection *collection,
                                      const char *const *ids,
                                      const char *const *texts,
                                      const size_t *lengths,
                                      size_t n,
                                      const float *vectors,
                                      size_t dim,
                                      const char *const *metadata,
                                      rag_progress progress,
                                      void *user,
                                      size_t *truncated,
                                      rag_error **err);

/**
 * As `rag_collection_add`, but replaces documents that are here already, as a whole.
 */
rag_status rag_collection_upsert(const rag_collection *collection,
                                 const char *const *ids,
                                 const char *const *texts,
                                 const size_t *lengths,
                                 size_t n,
                                 const float *vectors,
                                 size_t dim,
                                 const char *const *metadata,
                                 rag_progress progress,
                                 void *user,
                                 rag_error **err);

/**
 * As `rag_collection_upsert`, with `truncated` as in `rag_collection_add_counted`.
 */
rag_status rag_collection_upsert_counted(const rag_collection *collection,
                                         const char *const *ids,
                                         const char *const *texts,
                                         const size_t *lengths,
                                         size_t n,
                                         const float *vectors,
                                         size_t dim,
                                         const char *const *metadata,
                                         rag_progress progress,
                                         void *user,
                                         size_t *truncated,
                                         rag_error **err);

/**
 * Removes documents and adds others in one change: a crash leaves the ones or the others, and no search
 * sees both or neither. Those of `removed_count` ids at `removed` are removed, unknown ones being no error,
 * or with a `filter` (JSON; NULL for none) those that it lets through. `replaced` (which may be NULL) tells how
 * many those were; the rest as for `rag_collection_add_counted`.
 */
rag_status rag_collection_replace(const rag_collection *collection,
                                  const char *const *removed,
                                  size_t removed_count,
                                  const char *filter,
                                  const char *const *ids,
                                  const char *const *texts,
                                  const size_t *lengths,
                                  size_t n,
                                  const float *vectors,
                                  size_t dim,
                                  const char *const *metadata,
                                  rag_progress progress,
                                  void *user,
                                  size_t *replaced,
                                  size_t *truncated,
                                  rag_error **err);

/**
 * Deletes `n` documents by id, all or nothing; `deleted` (which may be NULL) tells how many were
 * here. Unknown ids are no error.
 */
rag_status rag_collection_delete(const rag_collection *collection,
                                 const char *const *ids,
                                 size_t n,
                                 size_t *deleted,
                                 rag_error **err);

/**
 * Deletes the documents that a filter (JSON) lets through, all or nothing; `deleted` (which may
 * be NULL) tells how many.
 */
rag_status rag_collection_delete_where(const rag_collection *collection,
                                       const char *filter,
                                       size_t *deleted,
                                       rag_error **err);

/**
 * *Gives* a question of `length` bytes of text (or `RAG_NUL_TERMINATED`), or without text for
 * NULL. Options: `k`, `mode`, `bm25_weight`, `fusion`, `diversity`, `exact`, `effort`, `explain`,
 * `min_relevance`, `steer_mode`.
 */
rag_status rag_query_new(const char *text,
                         size_t length,
                         const rag_options *options,
                         rag_query **out,
                         rag_error **err);

/**
 * Frees a question. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_query_free(rag_query *query);

/**
 * Gives the question a vector of `dim` floats of its own, in the place of the text's embedding.
 */
rag_status rag_query_set_vector(rag_query *query, const float *vector, size_t dim, rag_error **err);

/**
 * Says which documents may be found: a filter over their metadata as JSON, such as
 * `{"lang": "en", "year": {"$gte": 2020}}`.
 */
rag_status rag_query_set_filter(rag_query *query, const char *filter, rag_error **err);

/**
 * Turns a dial: 0 changes nothing, 1 costs 3 % of similarity, negative turns the other way.
 */
rag_status rag_query_steer(rag_query *query, const char *dial, double strength, rag_error **err);

/**
 * Says whose taste moves the question.
 */
rag_status rag_query_set_user(rag_query *query, const char *user, rag_error **err);

/**
 * The number of hits. 0 for a handle that is none.
 */
size_t rag_hits_len(const rag_hits *hits);

/**
 * Hit `index`, 0 being the best. `RAG_STATUS_INVALID_ARGUMENT` past the end.
 */
rag_status rag_hits_get(const rag_hits *hits, size_t index, rag_hit *hit, rag_error **err);

/**
 * Frees hits. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_hits_free(rag_hits *hits);

/**
 * The number of documents asked for. 0 for a handle that is none.
 */
size_t rag_documents_len(const rag_documents *documents);

/**
 * Document `index`; its `id` is NULL if there is none. `RAG_STATUS_INVALID_ARGUMENT` past the
 * end.
 */
rag_status rag_documents_get(const rag_documents *documents,
                             size_t index,
                             rag_document *document,
                             rag_error **err);

/**
 * Frees documents. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_documents_free(rag_documents *documents);

/**
 * Learns a steering vector from texts, which `embedder` turns into vectors, and *gives* it.
 * Lengths may be NULL if all texts are NUL-terminated. Options as for
 * `rag_steering_vector_learn`.
 */
rag_status rag_steering_vector_learn_texts(const rag_embedder *embedder,
                                           const char *const *positive,
                                           const size_t *positive_lengths,
                                           size_t positive_count,
                                           const char *const *negative,
                                           const size_t *negative_lengths,
                                           size_t negative_count,
                                           const rag_options *options,
                                           rag_steering_vector **out,
                                           rag_error **err);

/**
 * Learns the dial `name` of a collection from texts, calibrated on the collection's own documents,
 * and *gives* a copy, unless `out` is NULL. `RAG_STATUS_ALREADY_EXISTS` if the name is taken.
 */
rag_status rag_collection_learn(const rag_collection *collection,
                                const char *name,
                                const char *const *positive,
                                const size_t *positive_lengths,
                                size_t positive_count,
                                const char *const *negative,
                                const size_t *negative_lengths,
                                size_t negative_count,
                                const rag_options *options,
                                rag_steering_vector **out,
                                rag_error **err);

/**
 * As `rag_collection_learn`, from rows of `dim` floats.
 */
rag_status rag_collection_learn_vectors(const rag_collection *collection,
                                        const char *name,
                                        const float *positive,
                                        size_t positive_count,
                                        const float *negative,
                                        size_t negative_count,
                                        size_t dim,
                                        const rag_options *options,
                                        rag_steering_vector **out,
                                        rag_error **err);

/**
 * Keeps a copy of `vector` as a dial of the collection, calibrated on its documents.
 */
rag_status rag_collection_insert_dial(const rag_collection *collection,
                                      const rag_steering_vector *vector,
                                      rag_error **err);

/**
 * *Gives* the names of the dials, in alphabetical order.
 */
rag_status rag_collection_dials(const rag_collection *collection,
                                rag_strings **out,
                                rag_error **err);

/**
 * *Gives* a copy of the dial `name`, or `RAG_STATUS_NOT_FOUND`.
 */
rag_status rag_collection_dial(const rag_collection *collection,
                               const char *name,
                               rag_steering_vector **out,
                               rag_error **err);

/**
 * Removes the dial `name`, or `RAG_STATUS_NOT_FOUND`.
 */
rag_status rag_collection_remove_dial(const rag_collection *collection,
                                      const char *name,
                                      rag_error **err);

/**
 * Moves a query vector as a search would; see `rag_steering_apply`.
 */
rag_status rag_collection_apply(const rag_collection *collection,
                                const float *query,
                                size_t dim,
                                const char *const *dials,
                                const double *strengths,
                                size_t dial_count,
                                const char *user,
                                const rag_options *options,
                                float *out,
                                size_t capacity,
                                size_t *count,
                                rag_error **err);

/**
 * Tells what a user thought of an item that a query found; see `rag_steering_feedback`.
 */
rag_status rag_collection_feedback(const rag_collection *collection,
                                   const float *query,
                                   const float *item,
                                   size_t dim,
                                   double rating,
                                   const char *user,
                                   const char *const *dials,
                                   const double *strengths,
                                   size_t dial_count,
                                   const double *at,
                                   size_t position,
                                   rag_error **err);

/**
 * Learns users and dials again from the filtered history and *gives* a report as JSON; see
 * `rag_steering_retrain`.
 */
rag_status rag_collection_retrain(const rag_collection *collection,
                                  const rag_options *options,
                                  rag_string **out,
                                  rag_error **err);

/**
 * Forgets everything about a user; `known` (which may be NULL) tells whether there was anything.
 */
rag_status rag_collection_forget(const rag_collection *collection,
                                 const char *user,
                                 bool *known,
                                 rag_error **err);

/**
 * Takes in the dials and ratings of a set; see `rag_steering_merge`.
 */
rag_status rag_collection_merge(const rag_collection *collection,
                                const rag_steering *other,
                                rag_error **err);

/**
 * Takes the dials and users of a set in the place of everything that was learnt here, to the bit: what makes
 * all shards of one collection steer alike.
 */
rag_status rag_collection_replace_steering(const rag_collection *collection,
                                           const rag_steering *other,
                                           rag_error **err);

/**
 * *Gives* a copy of the dials and users as they are now, to save or to merge elsewhere.
 */
rag_status rag_collection_steering(const rag_collection *collection,
                                   rag_steering **out,
                                   rag_error **err);

/**
 * Learns several dials together, so that turning one does not turn the others, and keeps them
 * all, or none. `positive` lends what has each of the `name_count` attributes one after the other,
 * `positive_count` rows of `dim` floats, and `positive_offsets` the row at which those of each name
 * start (`name_count` numbers, the first 0); `negative` likewise what lacks them. An attribute
 * without negative rows is told from what has the others (of two at least one needs its own);
 * `negative_offsets` may be NULL if none has any. Options: `method` (`auto` or `ridge_lda`), `ridge`, `folds`, `seed`.
 */
rag_status rag_steering_learn_joint(rag_steering *steering,
                                    const char *const *names,
                                    size_t name_count,
                                    const float *positive,
                                    const size_t *positive_offsets,
                                    size_t positive_count,
                                    const float *negative,
                                    const size_t *negative_offsets,
                                    size_t negative_count,
                                    size_t dim,
                                    const rag_options *options,
                                    rag_error **err);

/**
 * Learns several dials of a collection together from texts, as `rag_steering_learn_joint` does
 * from rows, and calibrates them on the collection's own documents. Lengths may be NULL if all
 * texts are NUL-terminated. `rag_collection_dial` gives copies.
 */
rag_status rag_collection_learn_joint(const rag_collection *collection,
                                      const char *const *names,
                                      size_t name_count,
                                      const char *const *positive,
                                      const size_t *positive_lengths,
                                      const size_t *positive_offsets,
                                      size_t positive_count,
                                      const char *const *negative,
                                      const size_t *negative_lengths,
                                      const size_t *negative_offsets,
                                      size_t negative_count,
                                      const rag_options *options,
                                      rag_error **err);

/**
 * As `rag_collection_learn_joint`, from rows of `dim` floats.
 */
rag_status rag_collection_learn_joint_vectors(const rag_collection *collection,
                                              const char *const *names,
                                              size_t name_count,
                                              const float *positive,
                                              const size_t *positive_offsets,
                                              size_t positive_count,
                                              const float *negative,
                                              const size_t *negative_offsets,
                                              size_t negative_count,
                                              size_t dim,
                                              const rag_options *options,
                                              rag_error **err);

/**
 * Gain and loss of a vector at `strength_count` strengths on `n` documents, rows of `dim` floats:
 * `losses` gets the shares of the similarity of the nearest neighbours that each strength costs,
 * `gains` the rises of the attribute's score among them, in standard deviations; both have room
 * for one number a strength. Options: `neighbours`, `max_queries`, `max_documents`, `seed`.
 */
rag_status rag_steering_vector_curve(const rag_steering_vector *vector,
                                     const float *documents,
                                     size_t n,
                                     size_t dim,
                                     const double *strengths,
                                     size_t strength_count,
                                     const rag_options *options,
                                     double *losses,
                                     double *gains,
                                     rag_error **err);

/**
 * Gain and loss of the dial `name` on the collection's documents; see `rag_steering_vector_curve`.
 */
rag_status rag_collection_curve(const rag_collection *collection,
                                const char *name,
                                const double *strengths,
                                size_t strength_count,
                                const rag_options *options,
                                double *losses,
                                double *gains,
                                rag_error **err);

/**
 * How far each dial turns the others on `n` documents, rows of `dim` floats: for `k` dials in
 * alphabetical order `k * k` numbers to `out`. Number `i * k + j` is the rise of the score of dial
 * `j` among the nearest neighbours when dial `i` stands at 1, in standard deviations of that
 * score. Options as for `rag_steering_vector_curve`.
 */
rag_status rag_steering_cross_talk(const rag_steering *steering,
                                   const float *documents,
                                   size_t n,
                                   size_t dim,
                                   const rag_options *options,
                                   double *out,
                                   size_t capacity,
                                   size_t *count,
                                   rag_error **err);

/**
 * How far each dial of a collection turns the others on its documents; see
 * `rag_steering_cross_talk`.
 */
rag_status rag_collection_cross_talk(const rag_collection *collection,
                                     const rag_options *options,
                                     double *out,
                                     size_t capacity,
                                     size_t *count,
                                     rag_error **err);

/**
 * *Gives* what moves the queries of `user` as JSON: `ratings` (how many were taken in), `trust`
 * (how far the user is followed, in [0, 1]), `dials` (an object of names and strengths that come
 * nearest to the move) and `unnamed` (the share of the move that no dial names, in [0, 1]). Of a
 * user of whom nothing is known `ratings` is 0.
 */
rag_status rag_steering_taste(const rag_steering *steering,
                              const char *user,
                              rag_string **out,
                              rag_error **err);

/**
 * *Gives* the taste of `user` after each of their ratings that the history holds, oldest first,
 * as a JSON list of objects of `at` (Unix seconds), `rating` and `taste` (as in
 * `rag_steering_taste`).
 */
rag_status rag_steering_drift(const rag_steering *steering,
                              const char *user,
                              rag_string **out,
                              rag_error **err);

/**
 * *Gives* what moves the queries of a collection's `user`; see `rag_steering_taste`.
 */
rag_status rag_collection_taste(const rag_collection *collection,
                                const char *user,
                                rag_string **out,
                                rag_error **err);

/**
 * *Gives* how a collection's `user` got where they are; see `rag_steering_drift`.
 */
rag_status rag_collection_drift(const rag_collection *collection,
                                const char *user,
                                rag_string **out,
                                rag_error **err);

/**
 * The rating in [0, 1] that a time of reading amounts to: one half after thirty seconds, more the
 * longer it was. Negative times and what is not a number give 0.
 */
double rag_rating_of_dwell(double seconds);

/**
 * Learns to tell `positive` from `negative` texts and *gives* the model. Each text comes with its
 * vector, a row of `dim` floats. Lengths may be NULL if all texts are NUL-terminated. Options:
 * `folds`, `seed`.
 */
rag_status rag_attribute_model_learn(const char *const *positive,
                                     const size_t *positive_lengths,
                                     const float *positive_vectors,
                                     size_t positive_count,
                                     const char *const *negative,
                                     const size_t *negative_lengths,
                                     const float *negative_vectors,
                                     size_t negative_count,
                                     size_t dim,
                                     const rag_options *options,
                                     rag_attribute_model **out,
                                     rag_error **err);

/**
 * Frees a model. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_attribute_model_free(rag_attribute_model *model);

/**
 * The probability in 0 to 1 that a text of `length` bytes (or `RAG_NUL_TERMINATED`) has the
 * attribute. `vector`, of `dim` floats, may be NULL: then that of the mean of the examples stands for
 * it.
 */
rag_status rag_attribute_model_probability(const rag_attribute_model *model,
                                           const char *text,
                                           size_t length,
                                           const float *vector,
                                           size_t dim,
                                           float *out,
                                           rag_error **err);

/**
 * What a dial of 1 adds to the similarity of a text whose probability is 1.
 */
rag_status rag_attribute_model_scale(const rag_attribute_model *model,
                                     double *out,
                                     rag_error **err);

/**
 * The held-out gain on the logarithm of the odds.
 */
rag_status rag_attribute_model_effect(const rag_attribute_model *model,
                                      rag_effect *out,
                                      rag_error **err);

/**
 * *Gives* the model of the dial `dial` of a set; `RAG_STATUS_NOT_FOUND` if it has none.
 */
rag_status rag_steering_attribute(const rag_steering *steering,
                                  const char *dial,
                                  rag_attribute_model **out,
                                  rag_error **err);

/**
 * Gives the dial `dial` of a set a copy of `model`, or takes its own away for NULL.
 */
rag_status rag_steering_set_attribute(rag_steering *steering,
                                      const char *dial,
                                      const rag_attribute_model *model,
                                      rag_error **err);

/**
 * *Gives* the model of the dial `dial` of a collection; `RAG_STATUS_NOT_FOUND` if it has none.
 */
rag_status rag_collection_attribute(const rag_collection *collection,
                                    const char *dial,
                                    rag_attribute_model **out,
                                    rag_error **err);

/**
 * Gives the dial `dial` of a collection a copy of `model`, calibrated on its documents, or takes its
 * own away for NULL.
 */
rag_status rag_collection_set_attribute(const rag_collection *collection,
                                        const char *dial,
                                        const rag_attribute_model *model,
                                        rag_error **err);

/**
 * Copies to `out` how likely each of `count` documents has the attribute of the dial `dial`: what
 * reranking by it adds up. Lengths may be NULL if all ids are NUL-terminated. `out` has room for
 * `count` floats.
 */
rag_status rag_collection_probabilities(const rag_collection *collection,
                                        const char *dial,
                                        const char *const *ids,
                                        const size_t *lengths,
                                        size_t count,
                                        float *out,
                                        rag_error **err);

/**
 * *Gives* a bandit over `n` values.
 *
 * Options: `policy`, `discount`, `adapt`, `seed`, `exploration`, `safety`, `noise`,
 * `propensity_draws`, `log_size`.
 */
rag_status rag_bandit_new(const double *arms,
                          size_t n,
                          const rag_options *options,
                          rag_bandit **out,
                          rag_error **err);

/**
 * *Gives* a bandit over everything from `low` to `high`. Options as for `rag_bandit_new`.
 */
rag_status rag_bandit_new_range(double low,
                                double high,
                                const rag_options *options,
                                rag_bandit **out,
                                rag_error **err);

/**
 * *Gives* a bandit over `n` names without an order. Options as for `rag_bandit_new`.
 */
rag_status rag_bandit_new_names(const char *const *names,
                                size_t n,
                                const rag_options *options,
                                rag_bandit **out,
                                rag_error **err);

/**
 * *Gives* a bandit over every combination of `n` knobs, the last one changing fastest. Options as
 * for `rag_bandit_new`.
 */
rag_status rag_bandit_new_grid(const rag_grid_dimension *knobs,
                               size_t n,
                               const rag_options *options,
                               rag_bandit **out,
                               rag_error **err);

/**
 * *Gives* the bandit in the file `path`.
 */
rag_status rag_bandit_load(const char *path, rag_bandit **out, rag_error **err);

/**
 * Writes the bandit to the file `path`: the old file or the new, never a part.
 */
rag_status rag_bandit_save(const rag_bandit *bandit, const char *path, rag_error **err);

/**
 * *Gives* a copy that learns by itself, also of one that lives in a collection.
 */
rag_status rag_bandit_copy(const rag_bandit *bandit, rag_bandit **out, rag_error **err);

/**
 * Frees a bandit. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_bandit_free(rag_bandit *bandit);

/**
 * Sets the guess of the best value (among names, the index of one) in `domain`; what was learnt is
 * kept.
 */
rag_status rag_bandit_set_prior(rag_bandit *bandit,
                                const char *domain,
                                double value,
                                rag_error **err);

/**
 * As `rag_bandit_set_prior`, with a value for each of the `n` dimensions of a grid.
 */
rag_status rag_bandit_set_prior_point(rag_bandit *bandit,
                                      const char *domain,
                                      const double *values,
                                      size_t n,
                                      rag_error **err);

/**
 * Starts all draws and choice ids anew: for workers that load the same file.
 */
rag_status rag_bandit_reseed(rag_bandit *bandit, uint64_t seed, rag_error **err);

/**
 * Chooses an arm for `domain`. `context` lends `context_count` numbers, or is NULL for none.
 */
rag_status rag_bandit_choose(rag_bandit *bandit,
                             const char *domain,
                             const double *context,
                             size_t context_count,
                             rag_choice *choice,
                             rag_error **err);

/**
 * Makes `n` choices at once, all of them or none; `choices` has room for as many.
 */
rag_status rag_bandit_choose_many(rag_bandit *bandit,
                                  const rag_bandit_query *queries,
                                  size_t n,
                                  rag_choice *choices,
                                  rag_error **err);

/**
 * The probability in (0, 1] with which a choice was made that waits or is in the log: exact, but
 * for `thompson` the share of `propensity_draws` draws that are like it.
 */
rag_status rag_bandit_propensity(const rag_bandit *bandit,
                                 uint64_t id,
                                 double *propensity,
                                 rag_error **err);

/**
 * Tells what a choice earned, about 0 to 1; late and out of order is fine.
 * `RAG_STATUS_NOT_FOUND` for an id that this bandit never gave, `RAG_STATUS_INVALID_ARGUMENT`
 * for one that was rewarded before.
 */
rag_status rag_bandit_reward(rag_bandit *bandit, uint64_t id, double reward, rag_error **err);

/**
 * Tells what `n` choices earned, all of them or none.
 */
rag_status rag_bandit_reward_many(rag_bandit *bandit,
                                  const uint64_t *ids,
                                  const double *rewards,
                                  size_t n,
                                  rag_error **err);

/**
 * Tells what each of the `n` arms would have earned in the place of the choice `id`, where that is
 * known.
 */
rag_status rag_bandit_reward_all(rag_bandit *bandit,
                                 uint64_t id,
                                 const double *rewards,
                                 size_t n,
                                 rag_error **err);

/**
 * Takes in what `other` has learnt. The order of merging does not matter, and merging the same
 * bandit again changes nothing.
 */
rag_status rag_bandit_merge(rag_bandit *bandit, const rag_bandit *other, rag_error **err);

/**
 * The arms as numbers, in order: their values, or for names and grids their indices. With too
 * little room only `count` is written.
 */
rag_status rag_bandit_values(const rag_bandit *bandit,
                             double *out,
                             size_t capacity,
                             size_t *count,
                             rag_error **err);

/**
 * The values of an arm, one for each dimension; none for a name. With too little room only
 * `count` is written.
 */
rag_status rag_bandit_arm_values(const rag_bandit *bandit,
                                 size_t arm,
                                 double *out,
                                 size_t capacity,
                                 size_t *count,
                                 rag_error **err);

/**
 * *Gives* the name of an arm, where arms are names.
 */
rag_status rag_bandit_arm_name(const rag_bandit *bandit,
                               size_t arm,
                               rag_string **out,
                               rag_error **err);

/**
 * The arm of a name.
 */
rag_status rag_bandit_arm_named(const rag_bandit *bandit,
                                const char *name,
                                size_t *arm,
                                rag_error **err);

/**
 * The arm nearest to one value for each of `n` dimensions.
 */
rag_status rag_bandit_arm_at(const rag_bandit *bandit,
                             const double *values,
                             size_t n,
                             size_t *arm,
                             rag_error **err);

/**
 * The value (for names and grids the arm's index) with the highest expected reward in `domain`.
 */
rag_status rag_bandit_best(const rag_bandit *bandit,
                           const char *domain,
                           double *value,
                           rag_error **err);

/**
 * As `rag_bandit_best`, in a context of `context_count` numbers, or NULL for none.
 */
rag_status rag_bandit_best_in(const rag_bandit *bandit,
                              const char *domain,
                              const double *context,
                              size_t context_count,
                              double *value,
                              rag_error **err);

/**
 * *Gives* the domains with a prior or a choice, in alphabetical order.
 */
rag_status rag_bandit_domains(const rag_bandit *bandit, rag_strings **out, rag_error **err);

/**
 * What is believed about each arm in `domain`, in their order; for a range, about each point of
 * its grid. With too little room only `count` is written.
 */
rag_status rag_bandit_estimates(const rag_bandit *bandit,
                                const char *domain,
                                rag_estimate *out,
                                size_t capacity,
                                size_t *count,
                                rag_error **err);

/**
 * As `rag_bandit_estimates`, in a context of `context_count` numbers, or NULL for none.
 */
rag_status rag_bandit_estimates_in(const rag_bandit *bandit,
                                   const char *domain,
                                   const double *context,
                                   size_t context_count,
                                   rag_estimate *out,
                                   size_t capacity,
                                   size_t *count,
                                   rag_error **err);

/**
 * Choices that still wait for their reward.
 */
rag_status rag_bandit_outstanding(const rag_bandit *bandit, size_t *count, rag_error **err);

/**
 * *Gives* the rewarded choices as JSON, oldest first: a list of objects with `domain`,
 * `context`, `arm` (the value), `reward` and `propensity`.
 */
rag_status rag_bandit_log(const rag_bandit *bandit, rag_string **out, rag_error **err);

/**
 * What `policy` would have earned on average over `n` logged choices, or over the bandit's own
 * log if `log` is NULL. `method` is `"switch-dr"`, `"dr"`, `"snips"` or `"ips"`, or NULL for the
 * first.
 */
rag_status rag_bandit_evaluate(const rag_bandit *bandit,
                               rag_policy policy,
                               void *user,
                               const rag_log_entry *log,
                               size_t n,
                               const char *method,
                               rag_value_estimate *estimate,
                               rag_error **err);

/**
 * What `policy` would have earned beside what was earned: over all of the log, then for each of
 * its domains in alphabetical order. Arguments as for `rag_bandit_evaluate`. With too little room
 * only `count` is written; *gives* the names of the domains, the first one empty, unless `out` is
 * NULL.
 */
rag_status rag_bandit_what_if(const rag_bandit *bandit,
                              rag_policy policy,
                              void *user,
                              const rag_log_entry *log,
                              size_t n,
                              const char *method,
                              rag_what_if *compared,
                              size_t capacity,
                              size_t *count,
                              rag_strings **out,
                              rag_error **err);

/**
 * *Gives* the collection's own bandit of a name: what it learns is logged and durable when the call
 * returns. It may be used from several handles and threads; choices that wait for their reward end with
 * the process. `RAG_STATUS_NOT_FOUND` if there is none of the name.
 */
rag_status rag_collection_bandit(const rag_collection *collection,
                                 const char *name,
                                 rag_bandit **out,
                                 rag_error **err);

/**
 * Puts a copy of `bandit` into the collection, in the place of one of the name. Choices that wait are not
 * copied.
 */
rag_status rag_collection_set_bandit(const rag_collection *collection,
                                     const char *name,
                                     const rag_bandit *bandit,
                                     rag_error **err);

/**
 * Removes a bandit; `removed` (which may be NULL) tells whether there was one.
 */
rag_status rag_collection_remove_bandit(const rag_collection *collection,
                                        const char *name,
                                        bool *removed,
                                        rag_error **err);

/**
 * *Gives* the names of the bandits, in alphabetical order.
 */
rag_status rag_collection_bandits(const rag_collection *collection,
                                  rag_strings **out,
                                  rag_error **err);

/**
 * Writes the indices, ascending, of the points that no other one dominates.
 *
 * `points` lends `n` rows of `d` numbers. `maximize` lends a flag for each of the `d` (`false`:
 * smaller is better), or one for all, or none to minimise all. Equal points all stay; infinities are values, NaN is refused. With
 * too little room only `count` is written.
 */
rag_status rag_pareto_front(const double *points,
                            size_t n,
                            size_t d,
                            const bool *maximize,
                            size_t maximize_count,
                            size_t *out,
                            size_t capacity,
                            size_t *count,
                            rag_error **err);

/**
 * Writes the rank of each of the `n` points to `ranks`: 0 on the front, 1 on the front of the
 * rest, and so on.
 */
rag_status rag_nondominated_sort(const double *points,
                                 size_t n,
                                 size_t d,
                                 const bool *maximize,
                                 size_t maximize_count,
                                 size_t *ranks,
                                 rag_error **err);

/**
 * Writes the crowding distance of each of the `n` points to `distances`.
 */
rag_status rag_crowding_distance(const double *points,
                                 size_t n,
                                 size_t d,
                                 double *distances,
                                 rag_error **err);

/**
 * The volume that the points dominate, up to `reference`, `d` numbers that bound it.
 */
rag_status rag_hypervolume(const double *points,
                           size_t n,
                           size_t d,
                           const double *reference,
                           const bool *maximize,
                           size_t maximize_count,
                           double *volume,
                           rag_error **err);

/**
 * Writes the volume that each of the `n` points alone dominates to `contributions`: what
 * `rag_hypervolume` would lose without it.
 */
rag_status rag_hypervolume_contributions(const double *points,
                                         size_t n,
                                         size_t d,
                                         const double *reference,
                                         const bool *maximize,
                                         size_t maximize_count,
                                         double *contributions,
                                         rag_error **err);

/**
 * Writes the indices, ascending, of a part of the front that stands for all of it: one point for
 * each box that is `epsilon` wide, a number for each of the `d` or one for all (Laumanns et al.,
 * 2002). `kind` is `"additive"` or `"multiplicative"`, or NULL for the first. With too little
 * room only `count` is written.
 */
rag_status rag_epsilon_front(const double *points,
                             size_t n,
                             size_t d,
                             const double *epsilon,
                             size_t epsilon_count,
                             const char *kind,
                             const bool *maximize,
                             size_t maximize_count,
                             size_t *out,
                             size_t capacity,
                             size_t *count,
                             rag_error **err);

/**
 * The index of the knee of the front: the point that bulges farthest towards the ideal (Das,
 * 1999).
 */
rag_status rag_knee(const double *points,
                    size_t n,
                    size_t d,
                    const bool *maximize,
                    size_t maximize_count,
                    size_t *index,
                    rag_error **err);

/**
 * Writes how far each of the `n` points is from the ideal, columns scaled to their range on the
 * front and times `weights`: a number for each of the `d`, or one for all, or none.
 */
rag_status rag_distance_to_ideal(const double *points,
                                 size_t n,
                                 size_t d,
                                 const double *weights,
                                 size_t weight_count,
                                 const bool *maximize,
                                 size_t maximize_count,
                                 double *distances,
                                 rag_error **err);

/**
 * Writes the augmented Chebyshev score of each of the `n` points; the least is the best (Steuer
 * and Choo, 1983). `weights` are as for `rag_distance_to_ideal`; `reference` lends the `d`
 * numbers that are wished for, or none to take the ideal. Options: `rho`.
 */
rag_status rag_chebyshev(const double *points,
                         size_t n,
                         size_t d,
                         const double *weights,
                         size_t weight_count,
                         const double *reference,
                         size_t reference_count,
                         const bool *maximize,
                         size_t maximize_count,
                         const rag_options *options,
                         double *scores,
                         rag_error **err);

/**
 * *Gives* an empty archive for points of `d` numbers.
 *
 * `maximize` is as for `rag_pareto_front`. `reference` lends `d` numbers to measure volume from,
 * or none. Options: `capacity`, `keep` (`"crowding"`, `"volume"`).
 */
rag_status rag_pareto_archive_new(size_t d,
                                  const bool *maximize,
                                  size_t maximize_count,
                                  const double *reference,
                                  size_t reference_count,
                                  const rag_options *options,
                                  rag_pareto_archive **out,
                                  rag_error **err);

/**
 * Frees an archive. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_pareto_archive_free(rag_pareto_archive *archive);

/**
 * Offers a point of `d` numbers and tells whether it is `kept`, which may be NULL.
 */
rag_status rag_pareto_archive_insert(rag_pareto_archive *archive,
                                     const double *point,
                                     size_t d,
                                     uint64_t id,
                                     bool *kept,
                                     rag_error **err);

/**
 * Offers what `other` holds, which must be of the same objectives and stays as it is.
 */
rag_status rag_pareto_archive_merge(rag_pareto_archive *archive,
                                    const rag_pareto_archive *other,
                                    rag_error **err);

/**
 * Writes the numbers of the points, those that came first first. With too little room only
 * `count` is written.
 */
rag_status rag_pareto_archive_ids(const rag_pareto_archive *archive,
                                  uint64_t *out,
                                  size_t capacity,
                                  size_t *count,
                                  rag_error **err);

/**
 * Writes the points, rows of `d` numbers as they were given, in the order of
 * `rag_pareto_archive_ids`. `count` is of numbers; with too little room only it is written.
 */
rag_status rag_pareto_archive_points(const rag_pareto_archive *archive,
                                     double *out,
                                     size_t capacity,
                                     size_t *count,
                                     rag_error **err);

/**
 * *Gives* the front of all settings that were tried by NSGA-II (Deb et al., 2002).
 *
 * `objectives` lends `objective_count` names, `maximize` is as for `rag_pareto_front`, `initial`
 * lends settings to begin with, rows of a number for each knob. `evaluate` gets `user`, and so
 * does `progress`, which may be NULL and is told of settings after each generation. A NaN is
 * `RAG_STATUS_INVALID_ARGUMENT` and says where; an end by `evaluate` is `RAG_STATUS_INTERRUPTED`.
 *
 * Options: `population`, `generations`, `seed`, `crossover`, `crossover_index`, `mutation`,
 * `mutation_index`.
 */
rag_status rag_optimize(const rag_knob *knobs,
                        size_t knob_count,
                        const char *const *objectives,
                        size_t objective_count,
                        const bool *maximize,
                        size_t maximize_count,
                        const double *initial,
                        size_t initial_count,
                        rag_objective evaluate,
                        const rag_options *options,
                        rag_progress progress,
                        void *user,
                        rag_optimum **out,
                        rag_error **err);

/**
 * Frees an optimum. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_optimum_free(rag_optimum *optimum);

/**
 * Writes the settings of the front, rows of a number for each knob. `count` is of numbers; with
 * too little room only it is written.
 */
rag_status rag_optimum_settings(const rag_optimum *optimum,
                                double *out,
                                size_t capacity,
                                size_t *count,
                                rag_error **err);

/**
 * Writes what the settings of the front gave, rows of a number for each objective. `count` is of
 * numbers; with too little room only it is written.
 */
rag_status rag_optimum_points(const rag_optimum *optimum,
                              double *out,
                              size_t capacity,
                              size_t *count,
                              rag_error **err);

/**
 * How many settings were evaluated.
 */
rag_status rag_optimum_evaluations(const rag_optimum *optimum, size_t *count, rag_error **err);

/**
 * *Gives* a router without routes. An objective called `"cost"` is minimised, all others are
 * maximised. `seed` decides the draws of exploring and tells workers apart.
 *
 * Options: `log_size`, `first_backoff_s`, `longest_backoff_s`.
 */
rag_status rag_router_new(const char *const *objectives,
                          size_t n,
                          uint64_t seed,
                          const rag_options *options,
                          rag_router **out,
                          rag_error **err);

/**
 * Starts the draws anew: workers that begin with copies of one router each need a seed.
 */
rag_status rag_router_reseed(rag_router *router, uint64_t seed, rag_error **err);

/**
 * *Gives* the router in the file `path`.
 */
rag_status rag_router_load(const char *path, rag_router **out, rag_error **err);

/**
 * Writes the router to the file `path`: the old file or the new, never a part.
 */
rag_status rag_router_save(const rag_router *router, const char *path, rag_error **err);

/**
 * Frees a router. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_router_free(rag_router *router);

/**
 * Adds the route `name` with guesses of `n` of its outcomes; that of `"cost"` is required where
 * there is such an objective. `RAG_STATUS_ALREADY_EXISTS` if the name is taken.
 */
rag_status rag_router_add(rag_router *router,
                          const char *name,
                          const char *const *objectives,
                          const double *values,
                          size_t n,
                          rag_error **err);

/**
 * Forgets a route and what was learnt about it.
 */
rag_status rag_router_remove(rag_router *router, const char *name, rag_error **err);

/**
 * *Gives* the names of the routes, in alphabetical order.
 */
rag_status rag_router_names(const rag_router *router, rag_strings **out, rag_error **err);

/**
 * Learns from what `n` queries, rows of `dim` floats, came to: all or nothing.
 *
 * Each of `series` series is one objective of one route: names in `routes` and `objectives`,
 * numbers in a row of `n` at `outcomes`, NaN where nothing was observed.
 */
rag_status rag_router_fit(rag_router *router,
                          const float *queries,
                          size_t n,
                          size_t dim,
                          const char *const *routes,
                          const char *const *objectives,
                          const double *outcomes,
                          size_t series,
                          rag_error **err);

/**
 * Chooses a route for a query of `dim` floats (or NULL and 0 for none in particular), and
 * *gives* the decision.
 *
 * `weights` says how much each of `weight_count` objectives counts; with none all count the
 * same. Excluded routes are never chosen, nor those that fail or are at their limit; none left is `RAG_STATUS_NOT_FOUND`,
 * or `RAG_STATUS_UPSTREAM` if some may be asked later.
 *
 * Options: `budget` (the most that the choice may be expected to cost), `explore` (draws from what is believed
 * instead of taking its mean), `policy`, `always`, `threshold`, `trade`, `at`.
 */
rag_status rag_router_route(rag_router *router,
                            const float *query,
                            size_t dim,
                            const char *const *objectives,
                            const double *weights,
                            size_t weight_count,
                            const char *const *exclude,
                            size_t exclude_count,
                            const rag_options *options,
                            rag_decision **out,
                            rag_error **err);

/**
 * Tells `n` outcomes of a decision, all at once or one after another, each objective once. An
 * answer heals a route that failed before the decision.
 */
rag_status rag_router_observe(rag_router *router,
                              uint64_t id,
                              const char *const *objectives,
                              const double *values,
                              size_t n,
                              rag_error **err);

/**
 * As `rag_router_observe`, with the seconds that the answer took.
 */
rag_status rag_router_answered(rag_router *router,
                               uint64_t id,
                               const char *const *objectives,
                               const double *values,
                               size_t n,
                               double latency_s,
                               rag_error **err);

/**
 * Tells that the route of a decision failed to answer: it is left out, and tried again after a
 * wait that doubles with each failure in a row. `at` points to the time in seconds since 1970, or
 * is NULL for now.
 */
rag_status rag_router_fail(rag_router *router, uint64_t id, const double *at, rag_error **err);

/**
 * Bounds the decisions for a route within a minute. `per_minute` points to the bound, or is NULL
 * to lift it.
 */
rag_status rag_router_limit(rag_router *router,
                            const char *name,
                            const uint64_t *per_minute,
                            rag_error **err);

/**
 * Failures, limit and latency of a route.
 */
rag_status rag_router_health(const rag_router *router,
                             const char *name,
                             rag_route_health *out,
                             rag_error **err);

/**
 * *Gives* the decisions of which something was observed, by time, as JSON: a list of objects with `id`, `seed`,
 * `at`, `name`, `vector`, `preference`, `outcomes`, `propensity` and `propensity_error`.
 */
rag_status rag_router_log(const rag_router *router,
                          rag_string **out,
                          rag_error **err);

/**
 * The probability with which the route of a decision that waits was chosen, and the standard
 * error of that, which may be NULL.
 */
rag_status rag_router_propensity(const rag_router *router,
                                 uint64_t id,
                                 double *propensity,
                                 double *error,
                                 rag_error **err);

/**
 * Adds what `other` has learnt, in any order and any number of times.
 */
rag_status rag_router_merge(rag_router *router, const rag_router *other, rag_error **err);

/**
 * What observed outcomes refer to.
 */
rag_status rag_decision_id(const rag_decision *decision, uint64_t *id, rag_error **err);

/**
 * The chosen route. *Lent* until the decision is freed; NULL for a handle that is none.
 */
const char *rag_decision_name(const rag_decision *decision);

/**
 * The outcome that is expected of the chosen route, or `RAG_STATUS_NOT_FOUND` for a name that
 * is no objective of the router.
 */
rag_status rag_decision_expected(const rag_decision *decision,
                                 const char *objective,
                                 double *value,
                                 rag_error **err);

/**
 * *Gives* the names of the routes that no other one dominates, in alphabetical order.
 */
rag_status rag_decision_front(const rag_decision *decision, rag_strings **out, rag_error **err);

/**
 * *Gives* the reasons of a decision: a few plain lines.
 */
rag_status rag_decision_why(const rag_decision *decision, rag_string **out, rag_error **err);

/**
 * *Gives* the reasons of a decision as JSON.
 */
rag_status rag_decision_why_json(const rag_decision *decision, rag_string **out, rag_error **err);

/**
 * Frees a decision. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_decision_free(rag_decision *decision);

/**
 * Writes the non-decreasing concave hull of `n` points of cost and quality, by cost: what a router
 * reaches (Hu et al., 2024). With too little room only `count` is written.
 */
rag_status rag_routing_curve(const double *costs,
                             const double *qualities,
                             size_t n,
                             rag_routing_point *out,
                             size_t capacity,
                             size_t *count,
                             rag_error **err);

/**
 * The average improvement in quality: the mean height of the hull of `n` points (Hu et al., 2024). `range` points to the lowest
 * and the highest cost of what is compared, or is NULL for those of the points.
 */
rag_status rag_aiq(const double *costs,
                   const double *qualities,
                   size_t n,
                   const double *range,
                   double *out,
                   rag_error **err);

/**
 * The performance gap recovered: 0 at the quality of the weak route, 1 at that of the strong (Ong et al., 2024).
 */
rag_status rag_pgr(double quality,
                   double weak,
                   double strong,
                   double *out,
                   rag_error **err);

/**
 * The mean gap recovered over all shares of queries for the strong route, from `n` points of one
 * router (Ong et al., 2024).
 */
rag_status rag_apgr(const double *shares,
                    const double *qualities,
                    size_t n,
                    double weak,
                    double strong,
                    double *out,
                    rag_error **err);

/**
 * The smallest share of queries for the strong route that recovers `gap` of the gap; 0.5 is
 * CPT(50%) (Ong et al., 2024).
 */
rag_status rag_cpt(const double *shares,
                   const double *qualities,
                   size_t n,
                   double weak,
                   double strong,
                   double gap,
                   double *out,
                   rag_error **err);

/**
 * *Gives* a run: for each of `n` queries its documents, best first.
 *
 * `documents` lends the ids of all queries one after another, `document_count` of them, and
 * `offsets` the place at which those of each query start (`n` numbers, the first 0). `scores`
 * lends a number for each document, larger ones come first and equal ones keep their order; NULL
 * if the documents are in order.
 */
rag_status rag_run_new(const char *const *queries,
                       const size_t *offsets,
                       size_t n,
                       const char *const *documents,
                       const double *scores,
                       size_t document_count,
                       rag_run **out,
                       rag_error **err);

/**
 * *Gives* the run in a file of six columns, as TREC has it. An error names the line.
 */
rag_status rag_run_read(const char *path, rag_run **out, rag_error **err);

/**
 * *Gives* the queries of a run, in the order in which they came.
 */
rag_status rag_run_queries(const rag_run *run, rag_strings **out, rag_error **err);

/**
 * Frees a run. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_run_free(rag_run *run);

/**
 * *Gives* judgements: for each of `n` queries the documents that were judged. Arrays are those of
 * `rag_run_new`; `grades` lends a number for each document, above 0 if it is relevant, or is NULL
 * if all of them are relevant alike.
 */
rag_status rag_qrels_new(const char *const *queries,
                         const size_t *offsets,
                         size_t n,
                         const char *const *documents,
                         const double *grades,
                         size_t document_count,
                         rag_qrels **out,
                         rag_error **err);

/**
 * *Gives* the judgements in a file: three columns parted by tabs, as BEIR has them, or four
 * parted by blanks, as TREC has them. An error names the line.
 */
rag_status rag_qrels_read(const char *path, rag_qrels **out, rag_error **err);

/**
 * *Gives* the judged queries, in the order in which they came.
 */
rag_status rag_qrels_queries(const rag_qrels *qrels, rag_strings **out, rag_error **err);

/**
 * Frees judgements. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_qrels_free(rag_qrels *qrels);

/**
 * *Gives* the metrics of a run. `metrics` lends `n` names: `ndcg`, `recall`, `mrr`, `map`,
 * `precision`, `success` or `judged`, with a cutoff as in `"ndcg@10"`; with none, the usual four at
 * 10. A judged query that the run lacks counts as nothing found; one without relevant documents
 * is left out.
 *
 * Options: `gain`, `min_grade`, `ignore_identical_ids`, `interval`, `level`, `resamples`, `seed`.
 */
rag_status rag_evaluate(const rag_run *run,
                        const rag_qrels *qrels,
                        const char *const *metrics,
                        size_t n,
                        const rag_options *options,
                        rag_evaluation **out,
                        rag_error **err);

/**
 * *Gives* the names of the metrics, in the order asked for.
 */
rag_status rag_evaluation_metrics(const rag_evaluation *evaluation,
                                  rag_strings **out,
                                  rag_error **err);

/**
 * *Gives* the ids of the measured queries, ascending.
 */
rag_status rag_evaluation_queries(const rag_evaluation *evaluation,
                                  rag_strings **out,
                                  rag_error **err);

/**
 * The mean of a metric over the queries, with its interval. `RAG_STATUS_NOT_FOUND` for a metric
 * that was not measured.
 */
rag_status rag_evaluation_estimate(const rag_evaluation *evaluation,
                                   const char *metric,
                                   rag_value_estimate *estimate,
                                   rag_error **err);

/**
 * A value of the metric for each measured query. With too little room only `count` is written.
 */
rag_status rag_evaluation_per_query(const rag_evaluation *evaluation,
                                    const char *metric,
                                    double *out,
                                    size_t capacity,
                                    size_t *count,
                                    rag_error **err);

/**
 * What became of the queries.
 */
rag_status rag_evaluation_counts(const rag_evaluation *evaluation,
                                 rag_query_counts *counts,
                                 rag_error **err);

/**
 * *Gives* the evaluation as a table for people.
 */
rag_status rag_evaluation_text(const rag_evaluation *evaluation, rag_string **out, rag_error **err);

/**
 * Frees an evaluation. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_evaluation_free(rag_evaluation *evaluation);

/**
 * Compares run `a` with run `b` by `metric` (NULL for `"ndcg@10"`): the paired difference
 * `a - b`, its interval and a test.
 *
 * Options: those of `rag_evaluate`, and `test`: `"randomization"`, `"bootstrap"` or `"t"`.
 */
rag_status rag_compare_runs(const rag_run *a,
                            const rag_run *b,
                            const rag_qrels *qrels,
                            const char *metric,
                            const rag_options *options,
                            rag_comparison *comparison,
                            rag_error **err);

/**
 * *Gives* a calibration of `n` pairs of a score and a relevance (0, 1 or a share between), each
 * counting as often as its weight; NULL for `weights` if each counts once.
 *
 * Options: `method` (`"auto"`, `"platt"`, `"isotonic"`), `folds`, `seed`.
 */
rag_status rag_calibration_fit(const double *scores,
                               const double *relevant,
                               const double *weights,
                               size_t n,
                               const rag_options *options,
                               rag_calibration **out,
                               rag_error **err);

/**
 * *Gives* the calibration of `n` more pairs besides those of `calibration`, which stays.
 */
rag_status rag_calibration_updated(const rag_calibration *calibration,
                                   const double *scores,
                                   const double *relevant,
                                   const double *weights,
                                   size_t n,
                                   rag_calibration **out,
                                   rag_error **err);

/**
 * *Gives* the calibration of the pairs of both, with the options of the first. Both stay.
 */
rag_status rag_calibration_merged(const rag_calibration *calibration,
                                  const rag_calibration *other,
                                  rag_calibration **out,
                                  rag_error **err);

/**
 * Writes the probability of relevance at each of `n` scores to `probabilities`.
 */
rag_status rag_calibration_predict(const rag_calibration *calibration,
                                   const double *scores,
                                   size_t n,
                                   double *probabilities,
                                   rag_error **err);

/**
 * What the curve was fitted to and how well it does on pairs held out.
 */
rag_status rag_calibration_get_report(const rag_calibration *calibration,
                                      rag_calibration_report *report,
                                      rag_error **err);

/**
 * The bins of the calibration error that hold pairs, ascending; at most ten. With too little
 * room only `count` is written.
 */
rag_status rag_calibration_bins(const rag_calibration *calibration,
                                rag_calibration_bin *out,
                                size_t capacity,
                                size_t *count,
                                rag_error **err);

/**
 * Writes the calibration as bytes, at most some kilobytes, to `out`. With too little room only
 * `count` is written.
 */
rag_status rag_calibration_to_bytes(const rag_calibration *calibration,
                                    uint8_t *out,
                                    size_t capacity,
                                    size_t *count,
                                    rag_error **err);

/**
 * *Gives* the calibration that `rag_calibration_to_bytes` wrote. `RAG_STATUS_CORRUPT` for other
 * bytes.
 */
rag_status rag_calibration_from_bytes(const uint8_t *bytes,
                                      size_t n,
                                      rag_calibration **out,
                                      rag_error **err);

/**
 * Writes the calibration to the file `path`: the old file or the new, never a part.
 */
rag_status rag_calibration_save(const rag_calibration *calibration,
                                const char *path,
                                rag_error **err);

/**
 * *Gives* the calibration in the file `path`.
 */
rag_status rag_calibration_load(const char *path, rag_calibration **out, rag_error **err);

/**
 * Frees a calibration. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_calibration_free(rag_calibration *calibration);

/**
 * Measures how far an answer of `length` bytes (or `RAG_NUL_TERMINATED`) is grounded in `n`
 * passages, by its words and, unless `embedder` is NULL, by cosines. `lengths` may be NULL for
 * passages that end with NUL.
 *
 * `sentences` (NULL with a capacity of 0 for none) receives the support of each sentence, `count`
 * their number; with too little room only these two numbers are written.
 */
rag_status rag_groundedness(const char *answer,
                            size_t length,
                            const char *const *passages,
                            const size_t *lengths,
                            size_t n,
                            const rag_embedder *embedder,
                            rag_grounded *found,
                            rag_sentence_support *sentences,
                            size_t capacity,
                            size_t *count,
                            rag_error **err);

/**
 * Measures how easily an English text of `length` bytes (or `RAG_NUL_TERMINATED`) reads.
 */
rag_status rag_readability(const char *text, size_t length, rag_reading *found, rag_error **err);

/**
 * Measures novelty and variety of a ranking of `n` ids by the subtopics of `documents` (alpha-nDCG).
 *
 * The subtopics of document `i` are those from `offsets[i]` to the next offset, or to `count` for
 * the last. Options: `alpha`, `k`.
 */
rag_status rag_alpha_ndcg(const char *const *ranking,
                          size_t n,
                          const char *const *documents,
                          const size_t *offsets,
                          size_t document_count,
                          const char *const *subtopics,
                          size_t count,
                          const rag_options *options,
                          double *value,
                          rag_error **err);

/**
 * Measures how unlike each other `n` vectors are: the mean of 1 - cosine over all pairs.
 */
rag_status rag_intra_list_distance(const float *vectors,
                                   size_t n,
                                   size_t dim,
                                   double *value,
                                   rag_error **err);

/**
 * *Gives* a reward of `n` parts with weights (the usual ones for 0). A part with a limit is spent and
 * counts as `1 - spent / limit`; one called `cost` always has one.
 */
rag_status rag_reward_new(const char *const *parts,
                          const double *weights,
                          size_t n,
                          const char *const *limited,
                          const double *limits,
                          size_t limit_count,
                          rag_reward **out,
                          rag_error **err);

/**
 * The reward, in 0 to 1, of `n` parts that were measured; the others are left out.
 */
rag_status rag_reward_of(const rag_reward *reward,
                         const char *const *parts,
                         const double *values,
                         size_t n,
                         double *value,
                         rag_error **err);

/**
 * Frees a reward. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_reward_free(rag_reward *reward);

/**
 * *Gives* a detector that knows no domain yet. Options: `background`.
 */
rag_status rag_domain_detector_new(const rag_options *options,
                                   rag_domain_detector **out,
                                   rag_error **err);

/**
 * Learns a domain from `n` texts, or from a single line that describes it, besides what it has.
 * `lengths` may be NULL for texts that end with NUL.
 */
rag_status rag_domain_detector_learn_texts(rag_domain_detector *detector,
                                           const rag_embedder *embedder,
                                           const char *domain,
                                           const char *const *texts,
                                           const size_t *lengths,
                                           size_t n,
                                           rag_error **err);

/**
 * Learns `count` domains at once from vectors of `dim` floats, all or nothing. The vectors of domain
 * `i` are the rows from `offsets[i]` to the next offset, or to `n` for the last.
 */
rag_status rag_domain_detector_learn(rag_domain_detector *detector,
                                     const char *const *domains,
                                     const size_t *offsets,
                                     size_t count,
                                     const float *vectors,
                                     size_t n,
                                     size_t dim,
                                     rag_error **err);

/**
 * Which domain each of `n` vectors of `dim` floats belongs to. `probabilities` (which may be NULL)
 * receives a row for each vector: how likely each domain is, in their order.
 */
rag_status rag_domain_detector_detect(const rag_domain_detector *detector,
                                      const float *vectors,
                                      size_t n,
                                      size_t dim,
                                      rag_detection *out,
                                      double *probabilities,
                                      rag_error **err);

/**
 * As `rag_domain_detector_detect` for `n` texts, which are embedded together. `lengths` may be NULL
 * for texts that end with NUL.
 */
rag_status rag_domain_detector_detect_texts(const rag_domain_detector *detector,
                                            const rag_embedder *embedder,
                                            const char *const *texts,
                                            const size_t *lengths,
                                            size_t n,
                                            rag_detection *out,
                                            double *probabilities,
                                            rag_error **err);

/**
 * *Gives* the domains in alphabetical order.
 */
rag_status rag_domain_detector_domains(const rag_domain_detector *detector,
                                       rag_strings **out,
                                       rag_error **err);

/**
 * Adds what `other` has learnt from other examples; it stays.
 */
rag_status rag_domain_detector_merge(rag_domain_detector *detector,
                                     const rag_domain_detector *other,
                                     rag_error **err);

/**
 * Writes the detector as bytes to `out`. With too little room only `count` is written.
 */
rag_status rag_domain_detector_to_bytes(const rag_domain_detector *detector,
                                        uint8_t *out,
                                        size_t capacity,
                                        size_t *count,
                                        rag_error **err);

/**
 * *Gives* the detector that `rag_domain_detector_to_bytes` wrote. `RAG_STATUS_CORRUPT` for other
 * bytes.
 */
rag_status rag_domain_detector_from_bytes(const uint8_t *bytes,
                                          size_t n,
                                          rag_domain_detector **out,
                                          rag_error **err);

/**
 * Writes the detector to the file `path`: the old file or the new, never a part.
 */
rag_status rag_domain_detector_save(const rag_domain_detector *detector,
                                    const char *path,
                                    rag_error **err);

/**
 * *Gives* the detector in the file `path`.
 */
rag_status rag_domain_detector_load(const char *path, rag_domain_detector **out, rag_error **err);

/**
 * Frees a detector. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_domain_detector_free(rag_domain_detector *detector);

/**
 * *Gives* a cache in memory, or, if `redis` is not NULL, one with a Redis server behind it that other processes
 * share: `redis://user:password@host:6379/0` or `unix:///path/to/socket`. Nothing is connected before it is
 * needed. Options: `embeddings_s`, `evidence_s`, `answers_s`, `texts_s`, `embeddings_bytes`, `evidence_bytes`,
 * `answers_bytes`, `texts_bytes`, `entries`, `wait_s`, `near_duplicates`, `near_entries`, `near_bytes`,
 * `shadow_rate`, `false_hit_budget`, `remote_prefix`, `remote_copy_s`, `remote_entry_bytes`, `remote_timeout_ms`,
 * `remote_pause_s`.
 */
rag_status rag_cache_new(const char *redis,
                         const rag_options *options,
                         rag_cache **out,
                         rag_error **err);

/**
 * *Gives* what happened so far as JSON: `layers` by name (`hits`, `misses`, `hit_rate`, `entries`, `bytes`, ...),
 * `nearby` and `remote`, which are null where there is none.
 */
rag_status rag_cache_stats(const rag_cache *cache,
                           rag_string **out,
                           rag_error **err);

/**
 * Drops everything, here and on the Redis server. `RAG_STATUS_UPSTREAM` if that cannot be reached; memory is empty
 * all the same.
 */
rag_status rag_cache_clear(const rag_cache *cache,
                           rag_error **err);

/**
 * Drops everything of one tenant; of nobody, if `tenant` is NULL.
 */
rag_status rag_cache_clear_tenant(const rag_cache *cache, const char *tenant, rag_error **err);

/**
 * Frees a cache; what holds it goes on with it. NULL is fine.
 */
rag_status rag_cache_free(rag_cache *cache);

/**
 * *Gives* the name of what tells two questions apart: `polarity`, `numbers`, `entities`, `question`, `order`, `words`
 * or `length`; `none` if they ask the same, as far as their words say.
 */
rag_status rag_question_difference(const char *a,
                                   size_t a_length,
                                   const char *b,
                                   size_t b_length,
                                   rag_string **out,
                                   rag_error **err);

/**
 * Asks `n` questions with the share of BM25 that `bandit` chooses for each, and *gives* `n` handles
 * at `tuned`; on failure none. The domain is named by `domain`, or else found by `detector`, or
 * `"general"` if both are NULL. The arms of the bandit are shares in 0 to 1, or a grid of `weight`,
 * `k` and `diversity`. The bandit is used for moments only; a call that meets another one is
 * `RAG_STATUS_BUSY`.
 */
rag_status rag_collection_search_tuned(const rag_collection *collection,
                                       const rag_query *const *queries,
                                       size_t n,
                                       rag_bandit *bandit,
                                       const char *domain,
                                       const rag_domain_detector *detector,
                                       rag_tuned **tuned,
                                       rag_error **err);

/**
 * *Gives* the hits, best first.
 */
rag_status rag_tuned_hits(const rag_tuned *tuned, rag_hits **out, rag_error **err);

/**
 * What was chosen.
 */
rag_status rag_tuned_get_choice(const rag_tuned *tuned, rag_tuned_choice *choice, rag_error **err);

/**
 * *Gives* the domain in which it was chosen.
 */
rag_status rag_tuned_domain(const rag_tuned *tuned, rag_string **out, rag_error **err);

/**
 * Frees a tuned search. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_tuned_free(rag_tuned *tuned);

/**
 * Tells the bandit what the hits were worth, about 0 to 1. `RAG_STATUS_NOT_FOUND` for a bandit that
 * did not choose for them, `RAG_STATUS_INVALID_ARGUMENT` for a second time and for hits of another
 * collection.
 */
rag_status rag_collection_reward(const rag_collection *collection,
                                 rag_bandit *bandit,
                                 const rag_tuned *tuned,
                                 double reward,
                                 rag_error **err);

/**
 * Tells the bandit how relevant `n` documents are to the question, with a grade each: what every arm
 * would have earned in nDCG. `rewards` (NULL with a capacity of 0 for none) receives that, by arm,
 * and `count` their number.
 */
rag_status rag_collection_reward_relevant(const rag_collection *collection,
                                          rag_bandit *bandit,
                                          const rag_tuned *tuned,
                                          const char *const *ids,
                                          const double *grades,
                                          size_t n,
                                          double *rewards,
                                          size_t capacity,
                                          size_t *count,
                                          rag_error **err);

/**
 * *Gives* the scenarios that are there from the start: `general`, `studio`, `live`, `support`, `research`.
 */
rag_status rag_prompts_new(rag_prompts **out,
                           rag_error **err);

/**
 * Frees prompts. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_prompts_free(rag_prompts *prompts);

/**
 * Adds a scenario, or replaces the one of that name. `scenario` is JSON: `{"system": "...", "user": "...",
 * "markers": [...], "dials": {...}}`, the last two if there are some.
 */
rag_status rag_prompts_add(rag_prompts *prompts,
                           const char *name,
                           const char *scenario,
                           rag_error **err);

/**
 * Sets the words for the two ends of a dial, such as "more casual" and "more formal".
 */
rag_status rag_prompts_phrase(rag_prompts *prompts,
                              const char *dial,
                              const char *low,
                              const char *high,
                              rag_error **err);

/**
 * *Gives* the names of the scenarios, sorted.
 */
rag_status rag_prompts_scenarios(const rag_prompts *prompts, rag_strings **out, rag_error **err);

/**
 * *Gives* a scenario as JSON, as it was added.
 */
rag_status rag_prompts_scenario(const rag_prompts *prompts,
                                const char *name,
                                rag_string **out,
                                rag_error **err);

/**
 * *Gives* a prompt as JSON: its `messages` are what a language model is sent, `fence` is the random word that
 * fences the passages in them, `tokens` those of each part.
 *
 * `asked` is JSON of `length` bytes (or `RAG_NUL_TERMINATED`): `{"question": "...", "passages": [{"id",
 * "source", "text"}], "scenario", "dials", "user", "memory", "history", "fields", "now"}`, of which only the
 * question is needed. Tokens are counted by `counter`, or estimated if that is NULL. Options: `answer_tokens`,
 * `window`.
 */
rag_status rag_prompts_build(const rag_prompts *prompts,
                             const char *asked,
                             size_t length,
                             rag_token_counter counter,
                             void *user,
                             const rag_options *options,
                             rag_string **out,
                             rag_error **err);

/**
 * *Gives* what others wrote, made fit to stand in a prompt: what nobody sees is taken out, role tokens of chat
 * templates are broken.
 */
rag_status rag_sanitize(const char *text,
                        size_t length,
                        rag_string **out,
                        rag_error **err);

/**
 * *Gives* passages packed into `budget_tokens`, as a JSON list in the order of a prompt.
 *
 * `packing` is JSON of `length` bytes (or `RAG_NUL_TERMINATED`): `{"passages": [{"id", "text", "score",
 * "document", "start", "end", "metadata", "relevance", "vector"}], "documents": {id: text}}`, of which a passage
 * needs the first three; documents tell what stands between passages. Tokens are counted by `counter`, or
 * estimated if that is NULL. Options: `min_tokens`, `near_duplicate`, `near_vector`, `offsets`, `order`,
 * `overhead`.
 */
rag_status rag_pack(const char *packing,
                    size_t length,
                    size_t budget_tokens,
                    rag_token_counter counter,
                    void *user,
                    const rag_options *options,
                    rag_string **out,
                    rag_error **err);

/**
 * *Gives* the generator that needs no model: the best sentences of the passages, with citations. Options:
 * `max_sentences`, `max_tokens`, `min_share`, `relevance_weight`, `language`.
 */
rag_status rag_extractive_new(const rag_options *options,
                              rag_generator **out,
                              rag_error **err);

/**
 * *Gives* a generator that is a function of yours, by the name that is shown for its model. `window` is how many tokens
 * prompt and answer may have together, 0 if that is not known. `function` and `user` must be good until this
 * generator and all engines made with it are freed.
 */
rag_status rag_generator_new(const char *name,
                             size_t window,
                             rag_generate function,
                             void *user,
                             rag_generator **out,
                             rag_error **err);

/**
 * Frees a generator. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_generator_free(rag_generator *generator);

/**
 * *Gives* a generator that asks servers which speak OpenAI's protocol (`.../v1/chat/completions`). `n` addresses at
 * `endpoints`, such as `http://a:8000/v1`, share the work and stand in for each other. `api_key` may be NULL; it is shown
 * nowhere. `RAG_STATUS_UNSUPPORTED` in a build without the feature `http`.
 *
 * Options: `attempts`, `connect_timeout_s`, `first_byte_timeout_s`, `gap_timeout_s`, `timeout_s`, `backoff_s`,
 * `backoff_max_s`, `retry_after_max_s`, `pause_s`, `pause_max_s`, `health_interval_s`, `requests_per_minute`,
 * `tokens_per_minute`, `burst_s`, `window`, `price_in`, `price_out`, `stream`, `include_usage`, `temperature`,
 * `max_tokens`, `max_line_bytes`, `max_response_bytes`, `ca_file`.
 */
rag_status rag_chat_model_new(const char *const *endpoints,
                              size_t n,
                              const char *model,
                              const char *api_key,
                              const rag_options *options,
                              rag_generator **out,
                              rag_error **err);

/**
 * *Gives* an engine on `collection`. `n` generators are called by `names`; with none there is one that needs no
 * model. `router`, `tuner` (the name of one of the collection's bandits, which chooses the share of BM25), `domains`,
 * `cache` and `prompts` may be NULL. A router, a detector and prompts are copied as they are now. Options: `history`,
 * `memory`, `threads`, `scenario`.
 */
rag_status rag_engine_new(const rag_collection *collection,
                          const char *const *names,
                          const rag_generator *const *generators,
                          size_t n,
                          const rag_router *router,
                          const char *tuner,
                          const rag_domain_detector *domains,
                          const rag_cache *cache,
                          const rag_prompts *prompts,
                          const rag_options *options,
                          rag_engine **out,
                          rag_error **err);

/**
 * Takes documents in, each divided into passages and stored in one atomic change that replaces what had its id.
 * `documents` is a JSON list of objects with `text` and perhaps `id`, `metadata` and `markdown`; *gives* a JSON object
 * with `ids`, `passages` and `replaced`. `tenant` may be NULL. Options: `max_tokens`, `overlap`, `mode`, `whole`.
 */
rag_status rag_engine_add_documents(const rag_engine *engine,
                                    const char *tenant,
                                    const char *documents,
                                    size_t length,
                                    const rag_options *options,
                                    rag_progress progress,
                                    void *user,
                                    rag_string **out,
                                    rag_error **err);

/**
 * Removes documents with all their passages; tells how many passages those were.
 */
rag_status rag_engine_remove_documents(const rag_engine *engine,
                                       const char *tenant,
                                       const char *const *ids,
                                       const size_t *lengths,
                                       size_t n,
                                       size_t *removed,
                                       rag_error **err);

/**
 * *Gives* a document's text as it was added.
 */
rag_status rag_engine_document(const rag_engine *engine,
                               const char *tenant,
                               const char *id,
                               rag_string **out,
                               rag_error **err);

/**
 * *Gives* the ids of all documents, sorted.
 */
rag_status rag_engine_documents(const rag_engine *engine,
                                const char *tenant,
                                rag_strings **out,
                                rag_error **err);

/**
 * *Gives* the passages for a question as JSON. The question is a JSON object: `text`, and perhaps `user`, `session`,
 * `tenant`, `vector`, `dials`, `filter`, `preference`, `fields` and options by their names, such as `k`,
 * `budget_tokens`, `strategy`, `mode`, `bm25_weight`, `diversity`, `min_relevance`, `order`, `cache`.
 */
rag_status rag_engine_retrieve(const rag_engine *engine,
                               const char *question,
                               size_t length,
                               rag_string **out,
                               rag_error **err);

/**
 * *Gives* the answer to a question as JSON; offsets count bytes. The question is that of `rag_engine_retrieve`, with more
 * options: `scenario`, `generator`, `max_tokens`, `temperature`, `budget`, `explore`, `timeout_s`, `turns`, `keep`.
 * `hear` may be NULL.
 */
rag_status rag_engine_ask(const rag_engine *engine,
                          const char *question,
                          size_t length,
                          rag_hear hear,
                          void *user,
                          rag_string **out,
                          rag_error **err);

/**
 * Says what an answer was worth, in 0 to 1: the router, the bandit and the user's taste learn from it.
 */
rag_status rag_engine_feedback(const rag_engine *engine,
                               const char *tenant,
                               const char *answer,
                               double rating,
                               rag_error **err);

/**
 * Answers many questions at a time. `questions` is a JSON list of what `rag_engine_ask` takes; *gives* a JSON list of answers
 * in their order, where what failed is `{"error": {"kind": ..., "message": ...}}`.
 */
rag_status rag_engine_ask_many(const rag_engine *engine,
                               const char *questions,
                               size_t length,
                               rag_progress progress,
                               void *user,
                               rag_string **out,
                               rag_error **err);

/**
 * *Gives* what is counted and timed: as JSON, or with `prometheus` in the text format of Prometheus. No text of anybody's is
 * among it.
 */
rag_status rag_engine_metrics(const rag_engine *engine,
                              bool prometheus,
                              rag_string **out,
                              rag_error **err);

/**
 * *Gives* the collection of a tenant's passages; for NULL, the one that the engine was made on.
 */
rag_status rag_engine_collection(const rag_engine *engine,
                                 const char *tenant,
                                 rag_collection **out,
                                 rag_error **err);

/**
 * *Gives* a copy of a tenant's router with what it has learnt. `RAG_STATUS_NOT_FOUND` without one.
 */
rag_status rag_engine_router(const rag_engine *engine,
                             const char *tenant,
                             rag_router **out,
                             rag_error **err);

/**
 * *Gives* the names of the tenants, sorted.
 */
rag_status rag_engine_tenants(const rag_engine *engine, rag_strings **out, rag_error **err);

/**
 * Removes a tenant with everything that is stored, learnt and cached of it; tells whether there was one.
 */
rag_status rag_engine_remove_tenant(const rag_engine *engine,
                                    const char *tenant,
                                    bool *found,
                                    rag_error **err);

/**
 * Copies everything into the directory at `path`, which must be empty or absent.
 */
rag_status rag_engine_backup(const rag_engine *engine, const char *path, rag_error **err);

/**
 * Makes durable what the router learnt last; everything else is when it is acknowledged.
 */
rag_status rag_engine_checkpoint(const rag_engine *engine, rag_error **err);

/**
 * Ends the engine; the collection that it was made on stays open. The handle is still to be freed.
 */
rag_status rag_engine_close(const rag_engine *engine, rag_error **err);

/**
 * Frees an engine. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_engine_free(rag_engine *engine);

/**
 * *Gives* the history of a tenant, or of nobody in particular for NULL. `RAG_STATUS_NOT_FOUND` if the engine keeps none.
 */
rag_status rag_engine_history(const rag_engine *engine,
                              const char *tenant,
                              rag_history **out,
                              rag_error **err);

/**
 * How many answers there are.
 */
rag_status rag_history_len(const rag_history *history, size_t *count, rag_error **err);

/**
 * *Gives* the answer of an id as JSON, `null` if there is none.
 */
rag_status rag_history_get(const rag_history *history,
                           const char *id,
                           rag_string **out,
                           rag_error **err);

/**
 * *Gives* answers as a JSON list: the newest first, or the best if words are given. `query` is a JSON object of
 * `length` bytes: `text`, `user`, `session`, `scenario`, `generator`, `filter`, `since`, `until`, `min_rating`,
 * `cached`, `limit`, `offset`, none of which is needed.
 */
rag_status rag_history_search(const rag_history *history,
                              const char *query,
                              size_t length,
                              rag_string **out,
                              rag_error **err);

/**
 * Forgets the answers that a user got; `count` (which may be NULL) tells how many those were.
 */
rag_status rag_history_forget(const rag_history *history,
                              const char *user,
                              size_t *count,
                              rag_error **err);

/**
 * Forgets what is older than `max_age_s` seconds, if that is not negative, and what is more than `max_count`, if that is
 * not `SIZE_MAX`; `count` (which may be NULL) tells how many answers those were.
 */
rag_status rag_history_prune(const rag_history *history,
                             double max_age_s,
                             size_t max_count,
                             size_t *count,
                             rag_error **err);

/**
 * Writes the files anew, so that nothing that was forgotten is left in them.
 */
rag_status rag_history_compact(const rag_history *history, rag_error **err);

/**
 * Frees a history. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_history_free(rag_history *history);

/**
 * *Gives* the memory of a tenant, or of nobody in particular for NULL. `RAG_STATUS_NOT_FOUND` if the engine has none.
 */
rag_status rag_engine_memory(const rag_engine *engine,
                             const char *tenant,
                             rag_memory **out,
                             rag_error **err);

/**
 * How many facts there are.
 */
rag_status rag_memory_len(const rag_memory *memory, size_t *count, rag_error **err);

/**
 * Keeps a fact in the place of what its key had, and *gives* it as it is kept, as JSON. `fact` is a JSON object of `length`
 * bytes: `user`, `key`, `value`, and perhaps `session`, `source` (`{"kind": ..., "id": ...}`), `at`, `expires_at`,
 * `confidence`. `out` may be NULL.
 */
rag_status rag_memory_remember(const rag_memory *memory,
                               const char *fact,
                               size_t length,
                               rag_string **out,
                               rag_error **err);

/**
 * *Gives* the fact of a key as JSON, `null` where there is none or it is over. `session` may be NULL.
 */
rag_status rag_memory_recall(const rag_memory *memory,
                             const char *user,
                             const char *session,
                             const char *key,
                             rag_string **out,
                             rag_error **err);

/**
 * *Gives* a user's facts as a JSON list: those of a session, or all of them for NULL.
 */
rag_status rag_memory_facts(const rag_memory *memory,
                            const char *user,
                            const char *session,
                            rag_string **out,
                            rag_error **err);

/**
 * *Gives* a user's facts that have words of `words`, best first, at most `k`, as a JSON list. `filter` (JSON) may be NULL.
 */
rag_status rag_memory_search(const rag_memory *memory,
                             const char *user,
                             const char *words,
                             size_t length,
                             const char *filter,
                             size_t k,
                             rag_string **out,
                             rag_error **err);

/**
 * Forgets what is known of a user, of a session, or under a key; `session` and `key` may be NULL. `count` (which may be
 * NULL) tells how many facts those were.
 */
rag_status rag_memory_forget(const rag_memory *memory,
                             const char *user,
                             const char *session,
                             const char *key,
                             size_t *count,
                             rag_error **err);

/**
 * Deletes the facts that are over; `count` (which may be NULL) tells how many.
 */
rag_status rag_memory_sweep(const rag_memory *memory, size_t *count, rag_error **err);

/**
 * Writes the files anew, so that nothing that was forgotten is left in them.
 */
rag_status rag_memory_compact(const rag_memory *memory, rag_error **err);

/**
 * Frees a memory. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_memory_free(rag_memory *memory);

/**
 * Writes to `shard` which of `shards` (1 to 65,536) the document of this id belongs to: a hash that is the same in every
 * version, on every machine and in every language.
 */
rag_status rag_shard_of(const char *id,
                        size_t shards,
                        size_t *shard,
                        rag_error **err);

/**
 * *Gives* `n` questions made ready for shards.
 *
 * One search over several collections takes four steps: this, then ask every shard with
 * `rag_collection_shard_statistics`, then give these to `rag_shard_request_set_statistics` and ask every shard with
 * `rag_collection_search_shard`, then `rag_shard_request_merge`. The hits are those of one collection that holds
 * everything, bit for bit, where searches are exact; else each shard finds what its graph finds.
 *
 * `embedder` embeds the texts that lack a vector; without one (NULL) they are searched by their words alone. `steering`
 * is what all shards share (`rag_collection_replace_steering`); without it (NULL) no dial is known.
 */
rag_status rag_shard_request_new(const rag_query *const *queries,
                                 size_t n,
                                 const rag_embedder *embedder,
                                 const rag_steering *steering,
                                 rag_shard_request **out,
                                 rag_error **err);

/**
 * Frees a request. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_shard_request_free(rag_shard_request *request);

/**
 * Writes to `len` the number of questions, and to `needs` (NULL for none) whether shards must be asked for their statistics
 * before they can search.
 */
rag_status rag_shard_request_len(const rag_shard_request *request,
                                 size_t *len,
                                 bool *needs,
                                 rag_error **err);

/**
 * Takes what `n` shards, each of them once and in any order, have said of the words. On failure nothing changes.
 */
rag_status rag_shard_request_set_statistics(rag_shard_request *request,
                                            const rag_shard_statistics *const *statistics,
                                            size_t n,
                                            rag_error **err);

/**
 * *Gives* the hits of `n` shards at `hits`, one handle for each question of the request; on failure none. Shards come in any
 * order and decide nothing by it; whether those that have answered will do is yours to decide.
 *
 * `calibration` is the curve from scores to relevance, learnt from searches over all shards; NULL for none.
 */
rag_status rag_shard_request_merge(const rag_shard_request *request,
                                   const rag_shard_response *const *responses,
                                   size_t n,
                                   const rag_calibration *calibration,
                                   rag_hits **hits,
                                   rag_error **err);

/**
 * Writes the request as bytes to `out`, for a wire. With too little room only `count` is written.
 */
rag_status rag_shard_request_to_bytes(const rag_shard_request *request,
                                      uint8_t *out,
                                      size_t capacity,
                                      size_t *count,
                                      rag_error **err);

/**
 * *Gives* the request that `rag_shard_request_to_bytes` wrote. `RAG_STATUS_CORRUPT` for other bytes.
 */
rag_status rag_shard_request_from_bytes(const uint8_t *bytes,
                                        size_t n,
                                        rag_shard_request **out,
                                        rag_error **err);

/**
 * *Gives* what a collection, as one of several shards, knows of the words of a request.
 */
rag_status rag_collection_shard_statistics(const rag_collection *collection,
                                           const rag_shard_request *request,
                                           rag_shard_statistics **out,
                                           rag_error **err);

/**
 * Frees statistics. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_shard_statistics_free(rag_shard_statistics *statistics);

/**
 * Writes to `sequence` the shard's `rag_collection_sequence` when it was asked.
 */
rag_status rag_shard_statistics_sequence(const rag_shard_statistics *statistics,
                                         uint64_t *sequence,
                                         rag_error **err);

/**
 * Writes statistics as bytes to `out`, for a wire. With too little room only `count` is written.
 */
rag_status rag_shard_statistics_to_bytes(const rag_shard_statistics *statistics,
                                         uint8_t *out,
                                         size_t capacity,
                                         size_t *count,
                                         rag_error **err);

/**
 * *Gives* the statistics that `rag_shard_statistics_to_bytes` wrote. `RAG_STATUS_CORRUPT` for other bytes.
 */
rag_status rag_shard_statistics_from_bytes(const uint8_t *bytes,
                                           size_t n,
                                           rag_shard_statistics **out,
                                           rag_error **err);

/**
 * *Gives* what a collection, as one of several shards, finds for a request that has its statistics.
 */
rag_status rag_collection_search_shard(const rag_collection *collection,
                                       const rag_shard_request *request,
                                       rag_shard_response **out,
                                       rag_error **err);

/**
 * Frees a response. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
 */
rag_status rag_shard_response_free(rag_shard_response *response);

/**
 * Writes to `sequence` the shard's `rag_collection_sequence` when it answered.
 */
rag_status rag_shard_response_sequence(const rag_shard_response *response,
                                       uint64_t *sequence,
                                       rag_error **err);

/**
 * Writes a response as bytes to `out`, for a wire. With too little room only `count` is written.
 */
rag_status rag_shard_response_to_bytes(const rag_shard_response *response,
                                       uint8_t *out,
                                       size_t capacity,
                                       size_t *count,
                                       rag_error **err);

/**
 * *Gives* the response that `rag_shard_response_to_bytes` wrote. `RAG_STATUS_CORRUPT` for other bytes.
 */
rag_status rag_shard_response_from_bytes(const uint8_t *bytes,
                                         size_t n,
                                         rag_shard_response **out,
                                         rag_error **err);

/**
 * Takes in all documents of the store at `path`, with their texts, metadata and vectors, in one change, and writes to
 * `count` (NULL for none) how many. Nothing is embedded again, and that store stays as it is. `RAG_STATUS_ALREADY_EXISTS`
 * if an id is here already; then nothing is taken.
 */
rag_status rag_collection_attach(const rag_collection *collection,
                                 const char *path,
                                 size_t *count,
                                 rag_error **err);

/**
 * *Gives* answers or evidence as the text of a file: `markdown`, `json`, `jsonl`, `csv`, `html`, `xml`, `bibtex`, `ris`,
 * `latex`, `text` or `template`. Whatever stands in them is escaped for the format.
 *
 * `given` is JSON of `length` bytes (or `RAG_NUL_TERMINATED`): an answer or a piece of evidence, a list of either, or
 * a file that this function wrote as `json` or `jsonl`. Offsets are bytes. Options: `citation_template`, `details`,
 * `embed_json`, `escape`, `full_passages`, `guard_formulas`, `keep_markdown`, `rows`, `separator`, `source_template`,
 * `sources`, `standalone`, `template`, `title`.
 */
rag_status rag_export(const char *given,
                      size_t length,
                      const char *format,
                      const rag_options *options,
                      rag_string **out,
                      rag_error **err);

/**
 * *Gives* a comparison of texts as JSON: `agreement`, `pairs`, the themes that are `common`, `shared` or `unique`,
 * `contradictions`, `contradiction_count`, the figures of each of `texts`, and `by_vectors`. Offsets are bytes.
 *
 * `given` is JSON of `length` bytes (or `RAG_NUL_TERMINATED`): a list of 2 to 100 texts, answers, evidence, or
 * `{"text", "passages": [...]}`. Sentences are compared by vectors of `embedder`, or, if that is NULL, by their words.
 * Options: `language`, `max_contradictions`, `max_sentences`, `min_likeness`, `min_overlap`, `terms`, `threshold`.
 */
rag_status rag_compare(const char *given,
                       size_t length,
                       const rag_embedder *embedder,
                       const rag_options *options,
                       rag_string **out,
                       rag_error **err);

/**
 * The hash by which users are assigned, the same for ever: FNV-1a of 64 bits over salt, a zero byte and user, then
 * the last steps of MurmurHash3.
 */
rag_status rag_stable_hash(const char *salt,
                           const char *user,
                           uint64_t *out,
                           rag_error **err);

/**
 * *Gives* an experiment of `n` variants, lent with their weights; the first is the control. Options: `salt`, `layer`,
 * `layer_from`, `layer_to`, `alpha`, `min_count`, `expected_count`, `max_users`.
 */
rag_status rag_experiment_new(const char *experiment,
                              const char *const *variants,
                              const uint64_t *weights,
                              size_t n,
                              const rag_options *options,
                              rag_experiment **out,
                              rag_error **err);

/**
 * Adds a measure, before anything is recorded. Options: `kind` (`mean`, `proportion`), `better` (`higher`, `lower`), `role`
 * (`goal`, `guardrail`, `watched`), `margin`.
 */
rag_status rag_experiment_measure(rag_experiment *experiment,
                                  const char *measure,
                                  const rag_options *options,
                                  rag_error **err);

/**
 * *Gives* the variant of a user. For one who is not in the experiment `out` becomes NULL.
 */
rag_status rag_experiment_assign(const rag_experiment *experiment,
                                 const char *user,
                                 rag_string **out,
                                 rag_error **err);

/**
 * Counts a value of the user's variant. The statistics take values for independent: record one of a user and measure.
 */
rag_status rag_experiment_record(const rag_experiment *experiment,
                                 const char *user,
                                 const char *measure,
                                 double value,
                                 rag_error **err);

/**
 * *Gives* how it stands as JSON: `winner`, `promoted`, `variants`, `measures` with `comparisons`, `sample_ratio`. One may
 * look as often as one likes.
 */
rag_status rag_experiment_status(const rag_experiment *experiment,
                                 rag_string **out,
                                 rag_error **err);

/**
 * Gives everybody a variant from now on: with NULL the one that has won.
 */
rag_status rag_experiment_promote(const rag_experiment *experiment,
                                  const char *variant,
                                  rag_error **err);

/**
 * *Gives* the state as JSON. It holds hashes of users, not their names.
 */
rag_status rag_experiment_to_json(const rag_experiment *experiment,
                                  rag_string **out,
                                  rag_error **err);

/**
 * *Gives* an experiment that goes on from a state.
 */
rag_status rag_experiment_from_json(const char *json,
                                    size_t length,
                                    rag_experiment **out,
                                    rag_error **err);

/**
 * Takes in what another process has counted of the same experiment. The same state may come again, in any order.
 */
rag_status rag_experiment_merge(const rag_experiment *experiment,
                                const char *json,
                                size_t length,
                                rag_error **err);

/**
 * Frees an experiment. NULL is fine.
 */
rag_status rag_experiment_free(rag_experiment *experiment);

/**
 * *Gives* two rankings of ids in one list of at most `k`, by team draft. The same seed gives the same list.
 */
rag_status rag_interleave(const char *const *a,
                          size_t n_a,
                          const char *const *b,
                          size_t n_b,
                          size_t k,
                          uint64_t seed,
                          rag_interleaved **out,
                          rag_error **err);

/**
 * *Gives* the list as JSON: `ids`, and `teams`, whose each is (`a`, `b`, or null where only one ranking had any left).
 */
rag_status rag_interleaved_json(const rag_interleaved *list,
                                rag_string **out,
                                rag_error **err);

/**
 * Frees a list. NULL is fine.
 */
rag_status rag_interleaved_free(rag_interleaved *list);

/**
 * *Gives* a test of which ranking is clicked more, that is wrong with probability `alpha` over all looks.
 */
rag_status rag_interleaving_new(double alpha,
                                rag_interleaving **out,
                                rag_error **err);

/**
 * Counts a list that was shown and the `n` results of it that were clicked.
 */
rag_status rag_interleaving_record(const rag_interleaving *test,
                                   const rag_interleaved *list,
                                   const char *const *clicked,
                                   size_t n,
                                   rag_error **err);

/**
 * *Gives* how it stands as JSON: `a`, `b`, `ties`, `share_a`, `p_value`, `better`.
 */
rag_status rag_interleaving_status(const rag_interleaving *test, rag_string **out, rag_error **err);

/**
 * *Gives* the state as JSON.
 */
rag_status rag_interleaving_to_json(const rag_interleaving *test,
                                    rag_string **out,
                                    rag_error **err);

/**
 * *Gives* a test that goes on from a state.
 */
rag_status rag_interleaving_from_json(const char *json,
                                      size_t length,
                                      rag_interleaving **out,
                                      rag_error **err);

/**
 * Takes in what another process has counted; the same state may come again.
 */
rag_status rag_interleaving_merge(const rag_interleaving *test,
                                  const char *json,
                                  size_t length,
                                  rag_error **err);

/**
 * Frees a test. NULL is fine.
 */
rag_status rag_interleaving_free(rag_interleaving *test);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* RAGCORE_H */
