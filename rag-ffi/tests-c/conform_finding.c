/* Text, chunks, indexes, fusion and filters. */
#include "conformance.h"

RUNNER(terms) {
  rag_options *bag = options_of(options, err);
  const json *text = json_need(inputs, "text");
  rag_strings *found = NULL;
  rag_status status = rag_terms(text->text, text->count, bag, &found, err);
  if (status == RAG_STATUS_OK && got->want != NULL) expect_texts(got, "terms", found);
  rag_strings_free(found);
  rag_options_free(bag);
  return status;
}

/* The length of a white space character at `at`, or 0. Unicode's White_Space. */
static size_t space(const unsigned char *at, size_t left) {
  if ((*at >= 9 && *at <= 13) || *at == ' ') return 1;
  if (left >= 2 && at[0] == 0xC2 && (at[1] == 0x85 || at[1] == 0xA0)) return 2;
  if (left < 3) return 0;
  unsigned long code = (at[0] & 0x0Fu) << 12 | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu);
  bool wide = (at[0] & 0xF0) == 0xE0;
  bool is = code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
            code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
  return wide && is ? 3 : 0;
}

static size_t words(const char *text, size_t length, void *user) {
  (void)user;
  size_t count = 0;
  bool inside = false;
  for (size_t i = 0; i < length;) {
    size_t blank = space((const unsigned char *)text + i, length - i);
    if (blank == 0 && !inside) count++;
    inside = blank == 0;
    i += blank == 0 ? 1 : blank;
  }
  return count;
}

static size_t characters(const char *text, size_t length, void *user) {
  (void)user;
  size_t count = 0;
  for (size_t i = 0; i < length; i++) count += ((unsigned char)text[i] & 0xC0) != 0x80;
  return count;
}

RUNNER(chunking) {
  rag_options *bag = options_of(options, err);
  const json *text = json_need(inputs, "text");
  rag_token_counter counter = json_is(json_need(inputs, "counter"), "words") ? words : characters;
  rag_chunker *chunker = NULL;
  rag_chunk *chunks = calloc(text->count + 1, sizeof *chunks);
  size_t count = 0;
  rag_status status = rag_chunker_new(bag, &chunker, err);
  STEP(status, rag_chunker_split_with(chunker, counter, NULL, text->text, text->count, chunks,
                                      text->count, &count, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    /* The cases count code points, C counts bytes. */
    size_t *starts = calloc(count + 1, sizeof *starts), *ends = calloc(count + 1, sizeof *ends);
    for (size_t i = 0; i < count; i++) {
      starts[i] = characters(text->text, chunks[i].start, NULL);
      ends[i] = characters(text->text, chunks[i].end, NULL);
    }
    expect_sizes(got, "starts", starts, count);
    expect_sizes(got, "ends", ends, count);
    free(starts);
    free(ends);
  }
  free(chunks);
  rag_chunker_free(chunker);
  rag_options_free(bag);
  return status;
}

/* Lists in C have lengths of their own; where the cases fill them up to `places` with the key
 * 2^64 - 1 and the score -inf, so does this. */
static void expect_rankings(outcome *got, const rag_rankings *found, size_t places) {
  const json *keys = json_need(got->want, "keys"), *scores = json_need(got->want, "scores");
  got->wrong |= keys->count != rag_rankings_len(found);
  for (size_t i = 0; i < keys->count && !got->wrong; i++) {
    const uint64_t *row = NULL;
    const float *values = NULL;
    size_t count = 0;
    rag_rankings_get(found, i, &row, &values, &count, NULL);
    size_t width = count > places ? count : places;
    uint64_t *all_keys = calloc(width + 1, sizeof *all_keys);
    float *all_scores = calloc(width + 1, sizeof *all_scores);
    for (size_t j = 0; j < width; j++) {
      all_keys[j] = j < count ? row[j] : UINT64_MAX;
      all_scores[j] = j < count ? values[j] : -(float)INFINITY;
    }
    expect_keys_at(got, "keys", &keys->items[i], all_keys, width);
    expect_floats_at(got, "scores", &scores->items[i], all_scores, width);
    free(all_keys);
    free(all_scores);
  }
}

RUNNER(lexical) {
  rag_options *bag = options_of(options, err);
  static const struct {
    const char *keys, *texts;
  } adds[] = {{"keys", "texts"}, {"add_keys", "add_texts"}};
  const json *queries = json_need(inputs, "queries"), *filter = json_get(inputs, "filter");
  const json *removed = json_need(inputs, "remove");
  rag_lexical_index *index = NULL;
  rag_rankings *found = NULL;
  rag_status status = rag_lexical_index_new(bag, &index, err);
  for (int i = 0; i < 2; i++) {
    const json *keys = json_need(inputs, adds[i].keys), *texts = json_need(inputs, adds[i].texts);
    uint64_t *numbers = json_keys(keys);
    const char **lines = json_texts(texts);
    size_t *lengths = json_lengths(texts);
    if (keys->count != texts->count && status == RAG_STATUS_OK) {
      /* One count serves both in C, so this mistake cannot be made; the kind is what it would be. */
      status = RAG_STATUS_INVALID_ARGUMENT;
    }
    STEP(status, rag_lexical_index_add(index, numbers, lines, lengths, keys->count, err));
    free(numbers);
    free(lines);
    free(lengths);
    if (i == 0) {
      uint64_t *gone = json_keys(removed);
      STEP(status, rag_lexical_index_remove(index, gone, removed->count, err));
      free(gone);
    }
  }
  static const uint64_t no_key;
  const char **lines = json_texts(queries);
  size_t *lengths = json_lengths(queries), len = 0;
  uint64_t *allowed = json_keys(filter);
  const uint64_t *lent = filter == NULL ? NULL : allowed == NULL ? &no_key : allowed;
  STEP(status, rag_lexical_index_search(index, lines, lengths, queries->count,
                                        json_need(inputs, "k")->whole, lent, json_count(filter),
                                        &found, err));
  STEP(status, rag_lexical_index_len(index, &len, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    expect_number(got, "len", (double)len);
    expect_rankings(got, found, 0);
  }
  free(lines);
  free(lengths);
  free(allowed);
  rag_rankings_free(found);
  rag_lexical_index_free(index);
  rag_options_free(bag);
  return status;
}

/* Of the case's options those of the search, or those of the index. */
static rag_options *part(const json *options, bool search, rag_error **err) {
  json_field fields[16];
  json chosen = {.kind = JSON_OBJECT, .fields = fields};
  for (size_t i = 0; options != NULL && i < options->count && chosen.count < 16; i++) {
    const char *key = options->fields[i].key;
    bool of_search = strcmp(key, RAG_OPT_EFFORT) == 0 || strcmp(key, RAG_OPT_EXACT) == 0 ||
                     strcmp(key, RAG_OPT_THREADS) == 0;
    if (of_search == search) fields[chosen.count++] = options->fields[i];
  }
  return options_of(&chosen, err);
}

RUNNER(dense_search) {
  const json *keys = json_need(inputs, "keys"), *vectors = json_need(inputs, "vectors");
  const json *queries = json_need(inputs, "queries"), *removed = json_get(inputs, "remove");
  const json *filter = json_get(inputs, "filter"), *stated = json_get(inputs, "dim");
  rag_options *made = part(options, false, err), *searched = part(options, true, err);
  size_t dim = 0, query_dim = 0;
  float *rows = json_rows(vectors, &dim), *asked = json_rows(queries, &query_dim);
  uint64_t *numbers = json_keys(keys), *gone = json_keys(removed), *allowed = json_keys(filter);
  size_t held = stated == NULL ? dim : stated->whole;
  if (queries->count == 0) query_dim = held;
  rag_dense_index *index = NULL;
  rag_rankings *found = NULL;
  rag_status status = rag_dense_index_new(held == 0 ? query_dim : held, made, &index, err);
  if (keys->count != vectors->count && status == RAG_STATUS_OK) {
    got->skip = "one count serves both arrays in C, so they cannot differ";
    status = RAG_STATUS_INVALID_ARGUMENT;
  }
  if (keys->count > 0)
    STEP(status, rag_dense_index_add(index, numbers, rows, keys->count, dim, err));
  STEP(status, rag_dense_index_remove(index, gone, json_count(removed), err));
  static const uint64_t no_key;
  const uint64_t *lent = filter == NULL ? NULL : allowed == NULL ? &no_key : allowed;
  STEP(status, rag_dense_index_search(index, asked, queries->count, query_dim,
                                      json_need(inputs, "k")->whole, lent, json_count(filter),
                                      searched, NULL, NULL, &found, err));
  if (status == RAG_STATUS_OK && got->want != NULL) expect_rankings(got, found, json_need(inputs, "k")->whole);
  free(rows);
  free(asked);
  free(numbers);
  free(gone);
  free(allowed);
  rag_rankings_free(found);
  rag_dense_index_free(index);
  rag_options_free(made);
  rag_options_free(searched);
  return status;
}

RUNNER(rrf_fuse) {
  rag_options *bag = options_of(options, err);
  const json *rankings = json_need(inputs, "rankings");
  size_t n = rankings->count;
  uint64_t **lists = calloc(n + 1, sizeof *lists);
  size_t *lengths = calloc(n + 1, sizeof *lengths);
  for (size_t i = 0; i < n; i++) {
    lists[i] = json_keys(&rankings->items[i]);
    lengths[i] = rankings->items[i].count;
  }
  rag_rankings *found = NULL;
  rag_status status =
      rag_fuse((const uint64_t *const *)lists, lengths, n, bag, &found, err);
  if (status == RAG_STATUS_OK && got->want != NULL) {
    const uint64_t *ids = NULL;
    const float *scores = NULL;
    size_t count = 0;
    rag_rankings_get(found, 0, &ids, &scores, &count, NULL);
    expect_keys_at(got, "ids", json_need(got->want, "ids"), ids, count);
    expect_floats(got, "scores", scores, count);
  }
  for (size_t i = 0; i < n; i++) free(lists[i]);
  free(lists);
  free(lengths);
  rag_rankings_free(found);
  rag_options_free(bag);
  return status;
}

RUNNER(mmr) {
  rag_options *bag = options_of(options, err);
  const json *relevance = json_need(inputs, "relevance"), *vectors = json_need(inputs, "vectors");
  size_t dim = 0, n = relevance->count, count = 0;
  float *scores = json_floats(relevance), *rows = json_rows(vectors, &dim);
  size_t *order = calloc(n + 1, sizeof *order);
  rag_status status = RAG_STATUS_OK;
  if (vectors->count != n) {
    got->skip = "one count serves both arrays in C, so they cannot differ";
    status = RAG_STATUS_INVALID_ARGUMENT;
  }
  STEP(status, rag_mmr(scores, rows, n, n == 0 ? 1 : dim, json_need(inputs, "k")->whole, bag,
                       order, n, &count, err));
  if (status == RAG_STATUS_OK && got->want != NULL) expect_sizes(got, "order", order, count);
  free(scores);
  free(rows);
  free(order);
  rag_options_free(bag);
  return status;
}

RUNNER(filter_match) {
  (void)options;
  const char *filter = json_need(inputs, "filter")->text;
  const json *documents = json_need(inputs, "documents");
  size_t *kept = calloc(documents->count + 1, sizeof *kept), count = 0;
  bool matches = false;
  /* A filter that is refused is refused for any document. */
  rag_status status = rag_filter_matches(filter, "{}", &matches, err);
  for (size_t i = 0; i < documents->count; i++) {
    STEP(status, rag_filter_matches(filter, documents->items[i].text, &matches, err));
    if (matches) kept[count++] = i;
  }
  if (status == RAG_STATUS_OK && got->want != NULL)
    expect_sizes(got, got->want->fields[0].key, kept, count);
  free(kept);
  return status;
}
