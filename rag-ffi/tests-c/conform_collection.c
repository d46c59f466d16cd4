/* Collections in memory, with the caller's own vectors. */
#include "conformance.h"

enum verb { ADD, UPSERT, REPLACE };

/* The documents that the inputs with this prefix describe, added, upserted, or in the place of those
 * that "removed" or "filter" name. */
static rag_status put(const rag_collection *collection, const json *inputs, const char *prefix,
                      enum verb verb, outcome *got, rag_error **err) {
  char name[32];
#define OF(field) (snprintf(name, sizeof name, "%s%s", prefix, field), json_get(inputs, name))
  const json *ids = OF("ids"), *texts = OF("texts"), *vectors = OF("vectors");
  const json *metadata = OF("metadata");
#undef OF
  size_t n = json_count(ids), dim = 0;
  const json *columns[] = {texts, vectors, metadata};
  for (int i = 0; i < 3; i++)
    if (columns[i] != NULL && columns[i]->count != n && !(i == 1 && columns[i]->count == 0))
      got->skip = "one count serves all arrays in C, so they cannot differ";
  for (size_t i = 0; i < json_count(vectors); i++)
    if (json_count(&vectors->items[i]) != json_count(&vectors->items[0]))
      got->skip = "rows in C all have the same length";
  if (got->skip != NULL) return RAG_STATUS_INVALID_ARGUMENT;
  const char **names = json_texts(ids), **lines = json_texts(texts), **objects = json_texts(metadata);
  size_t *lengths = json_lengths(texts);
  for (size_t i = 0; i < n; i++)
    if (strlen(names[i]) != ids->items[i].count) got->skip = "an id in C ends at its first NUL";
  float *rows = json_rows(vectors, &dim);
  rag_status status;
  if (verb == REPLACE) {
    const json *removed = json_get(inputs, "removed"), *filter = json_get(inputs, "filter");
    const char **gone = json_texts(removed);
    status = rag_collection_replace(collection, gone, json_count(removed),
                                    filter == NULL ? NULL : filter->text, names, lines, lengths, n,
                                    rows, dim, objects, NULL, NULL, NULL, NULL, err);
    free(gone);
  } else {
    status = verb == UPSERT ? rag_collection_upsert(collection, names, lines, lengths, n, rows, dim,
                                                    objects, NULL, NULL, err)
                            : rag_collection_add(collection, names, lines, lengths, n, rows, dim,
                                                 objects, NULL, NULL, err);
  }
  free(names);
  free(lines);
  free(objects);
  free(lengths);
  free(rows);
  return status;
}

static rag_status filled(const json *inputs, outcome *got, rag_collection **out, rag_error **err) {
  rag_options *bag = NULL;
  const json *vectors = json_need(inputs, "vectors");
  rag_status status = rag_options_new(&bag, err);
  STEP(status, rag_options_set_u64(bag, RAG_OPT_DIM, vectors->items[0].count, err));
  STEP(status, rag_collection_open(NULL, NULL, bag, out, err));
  STEP(status, put(*out, inputs, "", ADD, got, err));
  rag_options_free(bag);
  return status;
}

/* A question with a text, a vector and options. */
static rag_status question(const json *text, const json *vector, const json *with, rag_query **out,
                           rag_error **err) {
  rag_options *bag = options_of(with, err);
  float *floats = json_floats(vector);
  rag_status status = rag_query_new(text->text, text->count, bag, out, err);
  STEP(status, rag_query_set_vector(*out, floats, vector->count, err));
  free(floats);
  rag_options_free(bag);
  return status;
}

/* Compares hits with the ids, scores and probabilities that the case wants. */
static rag_status expect_hits(const rag_hits *hits, outcome *got, rag_error **err) {
  const json *ids = json_need(got->want, "ids");
  size_t count = rag_hits_len(hits);
  float *scores = calloc(count + 1, sizeof *scores), *told = calloc(count + 1, sizeof *told);
  rag_status status = RAG_STATUS_OK;
  got->wrong |= ids->count != count;
  for (size_t i = 0; i < count; i++) {
    rag_hit hit = {0};
    STEP(status, rag_hits_get(hits, i, &hit, err));
    got->wrong |= i < ids->count && strcmp(hit.id, ids->items[i].text) != 0;
    scores[i] = hit.score;
    told[i] = hit.relevance;
  }
  expect_floats(got, "scores", scores, count);
  if (json_get(got->want, "relevance") != NULL) expect_floats(got, "relevance", told, count);
  free(scores);
  free(told);
  return status;
}

RUNNER(collection_calibrate) {
  enum { MOST = 8 };
  const json *ids = json_need(inputs, "query_ids"), *texts = json_need(inputs, "query_texts");
  const json *vectors = json_need(inputs, "query_vectors");
  rag_options *bag = options_of(options, err);
  const char **names = json_texts(ids);
  rag_query *asked[MOST] = {NULL}, *last = NULL;
  rag_collection *collection = NULL;
  rag_qrels *qrels = NULL;
  rag_hits *hits = NULL;
  size_t n = ids->count < MOST ? ids->count : MOST;
  rag_status status = filled(inputs, got, &collection, err);
  for (size_t i = 0; i < n; i++)
    STEP(status, question(&texts->items[i], &vectors->items[i], json_need(inputs, "search"),
                          &asked[i], err));
  STEP(status, qrels_of(inputs, &qrels, err));
  STEP(status, rag_collection_calibrate(collection, names, (const rag_query *const *)asked, n, qrels,
                                        bag, NULL, err));
  STEP(status, question(json_need(inputs, "query"), json_need(inputs, "vector"),
                        json_need(inputs, "ask"), &last, err));
  STEP(status, rag_collection_search(collection, last, &hits, err));
  if (status == RAG_STATUS_OK && got->want != NULL) status = expect_hits(hits, got, err);
  for (size_t i = 0; i < n; i++) rag_query_free(asked[i]);
  free(names);
  rag_query_free(last);
  rag_hits_free(hits);
  rag_qrels_free(qrels);
  rag_collection_free(collection);
  rag_options_free(bag);
  return status;
}

/* Whether three shards that hold the documents together find the same hits, as bytes. */
static rag_status compare_with_shards(const json *inputs, const rag_query *query, const rag_hits *hits,
                                      outcome *got, rag_error **err) {
  enum { SHARDS = 3 };
  rag_collection *shards[SHARDS] = {NULL};
  rag_shard_request *request = NULL;
  rag_shard_statistics *told[SHARDS] = {NULL};
  rag_shard_response *found[SHARDS] = {NULL};
  rag_hits *merged = NULL;
  const json *ids = json_need(inputs, "ids");
  rag_status status = rag_shard_request_new(&query, 1, NULL, NULL, &request, err);
  for (size_t i = 0; i < SHARDS; i++) {
    STEP(status, filled(inputs, got, &shards[i], err));
    for (size_t d = 0; d < ids->count; d++) {
      size_t shard = 0;
      const char *id = ids->items[d].text;
      STEP(status, rag_shard_of(id, SHARDS, &shard, err));
      if (shard != i) STEP(status, rag_collection_delete(shards[i], &id, 1, NULL, err));
    }
    STEP(status, rag_collection_shard_statistics(shards[i], request, &told[i], err));
  }
  STEP(status, rag_shard_request_set_statistics(request, (const rag_shard_statistics *const *)told,
                                                SHARDS, err));
  for (size_t i = 0; i < SHARDS; i++)
    STEP(status, rag_collection_search_shard(shards[i], request, &found[i], err));
  STEP(status, rag_shard_request_merge(request, (const rag_shard_response *const *)found, SHARDS, NULL,
                                       &merged, err));
  if (status == RAG_STATUS_OK) got->wrong |= rag_hits_len(merged) != rag_hits_len(hits);
  for (size_t i = 0; status == RAG_STATUS_OK && !got->wrong && i < rag_hits_len(hits); i++) {
    rag_hit one = {0}, other = {0};
    STEP(status, rag_hits_get(hits, i, &one, err));
    STEP(status, rag_hits_get(merged, i, &other, err));
    got->wrong |= strcmp(one.id, other.id) != 0 || one.score != other.score;
    got->wrong |= memcmp(&one.lexical_score, &other.lexical_score, 2 * sizeof(float)) != 0;
  }
  for (size_t i = 0; i < SHARDS; i++) {
    rag_shard_statistics_free(told[i]);
    rag_shard_response_free(found[i]);
    rag_collection_free(shards[i]);
  }
  rag_hits_free(merged);
  rag_shard_request_free(request);
  return status;
}

RUNNER(collection_search) {
  rag_options *bag = options_of(options, err);
  const json *text = json_get(inputs, "query"), *vector = json_get(inputs, "vector");
  const json *filter = json_get(inputs, "filter");
  bool has_text = text != NULL && text->kind == JSON_TEXT;
  float *floats = json_floats(vector);
  rag_collection *collection = NULL;
  rag_query *query = NULL;
  rag_hits *hits = NULL;
  rag_status status = filled(inputs, got, &collection, err);
  STEP(status, rag_query_new(has_text ? text->text : NULL, has_text ? text->count : 0, bag, &query,
                             err));
  if (json_count(vector) > 0)
    STEP(status, rag_query_set_vector(query, floats, vector->count, err));
  if (filter != NULL && filter->kind == JSON_TEXT)
    STEP(status, rag_query_set_filter(query, filter->text, err));
  STEP(status, rag_collection_search(collection, query, &hits, err));
  STEP(status, compare_with_shards(inputs, query, hits, got, err));
  if (status == RAG_STATUS_OK && got->want != NULL) status = expect_hits(hits, got, err);
  free(floats);
  rag_hits_free(hits);
  rag_query_free(query);
  rag_collection_free(collection);
  rag_options_free(bag);
  return status;
}

RUNNER(collection_tune) {
  const json *arms = json_need(inputs, "arms"), *relevant = json_need(inputs, "relevant");
  const json *text = json_need(inputs, "query"), *vector = json_need(inputs, "vector");
  const json *filter = json_get(inputs, "filter");
  rag_options *bag = options_of(options, err), *seeded = NULL;
  double *values = json_doubles(arms), *grades = json_doubles(json_need(inputs, "grades"));
  double *rewards = calloc(arms->count + 1, sizeof *rewards);
  float *floats = json_floats(vector);
  const char **ids = json_texts(relevant);
  rag_collection *collection = NULL;
  rag_query *query = NULL;
  rag_bandit *bandit = NULL, *kept = NULL;
  rag_tuned *tuned = NULL;
  rag_tuned_choice choice;
  size_t count = 0;
  rag_status status = filled(inputs, got, &collection, err);
  STEP(status, rag_options_new(&seeded, err));
  STEP(status, rag_options_set_u64(seeded, RAG_OPT_SEED, 1, err));
  STEP(status, rag_bandit_new(values, arms->count, seeded, &bandit, err));
  STEP(status, rag_query_new(text->text, text->count, bag, &query, err));
  STEP(status, rag_query_set_vector(query, floats, vector->count, err));
  if (filter != NULL && filter->kind == JSON_TEXT)
    STEP(status, rag_query_set_filter(query, filter->text, err));
  const rag_query *asked[] = {query};
  /* One that lives in the collection earns the same. */
  STEP(status, rag_collection_set_bandit(collection, "kept", bandit, err));
  STEP(status, rag_collection_bandit(collection, "kept", &kept, err));
  STEP(status, rag_collection_search_tuned(collection, asked, 1, kept, NULL, NULL, &tuned, err));
  STEP(status, rag_collection_reward_relevant(collection, kept, tuned, ids, grades,
                                              relevant->count, rewards, arms->count, &count, err));
  if (status == RAG_STATUS_OK && got->want != NULL) expect_doubles(got, "rewards", rewards, count);
  rag_tuned_free(tuned);
  tuned = NULL;
  STEP(status, rag_collection_search_tuned(collection, asked, 1, bandit, NULL, NULL, &tuned, err));
  STEP(status, rag_tuned_get_choice(tuned, &choice, err));
  STEP(status, rag_collection_reward_relevant(collection, bandit, tuned, ids, grades,
                                              relevant->count, rewards, arms->count, &count, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    expect_doubles(got, "rewards", rewards, count);
    got->wrong |= fabs(choice.bm25_weight - values[choice.arm]) > 1e-6;
    /* What was paid is not paid again. */
    got->wrong |= rag_collection_reward(collection, bandit, tuned, 0.5, NULL) == RAG_STATUS_OK;
  }
  rag_tuned_free(tuned);
  rag_query_free(query);
  rag_bandit_free(bandit);
  rag_bandit_free(kept);
  rag_collection_free(collection);
  rag_options_free(seeded);
  rag_options_free(bag);
  free(values);
  free(grades);
  free(rewards);
  free(floats);
  free(ids);
  return status;
}

RUNNER(collection_write) {
  (void)options;
  const json *verb = json_need(inputs, "verb"), *more = json_get(inputs, "more_ids");
  const char **names = json_texts(more);
  rag_collection *collection = NULL;
  rag_strings *ids = NULL;
  rag_status status = filled(inputs, got, &collection, err);
  if (status == RAG_STATUS_OK) {
    if (json_is(verb, "add") || json_is(verb, "upsert"))
      status = put(collection, inputs, "more_", json_is(verb, "upsert") ? UPSERT : ADD, got, err);
    else if (json_is(verb, "replace"))
      status = put(collection, inputs, "more_", REPLACE, got, err);
    else if (json_is(verb, "delete"))
      status = rag_collection_delete(collection, names, json_count(more), NULL, err);
    else
      status = rag_collection_delete_where(collection, json_need(inputs, "filter")->text, NULL, err);
  }
  /* After an error everything is as it was. */
  static const json a_and_b[] = {{.kind = JSON_TEXT, .text = "a", .count = 1},
                                 {.kind = JSON_TEXT, .text = "b", .count = 1}};
  const json_field ids_before = {"ids", {.kind = JSON_LIST, .count = 2, .items = a_and_b}};
  const json before = {.kind = JSON_OBJECT, .count = 1, .fields = &ids_before};
  if (rag_collection_ids(collection, &ids, NULL) == RAG_STATUS_OK) {
    if (status != RAG_STATUS_OK) got->want = &before;
    if (got->skip == NULL) expect_texts(got, "ids", ids);
    if (status != RAG_STATUS_OK && got->wrong) status = RAG_STATUS_OK;
  }
  rag_strings_free(ids);
  free(names);
  rag_collection_free(collection);
  return status;
}
