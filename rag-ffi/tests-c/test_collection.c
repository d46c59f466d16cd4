/* Embedding, and collections in memory and on disk. */
#include "check.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static rag_collection *open_one(const char *path, uint64_t dim) {
  rag_options *options = NULL;
  rag_collection *made = NULL;
  OK(rag_options_new(&options, &err));
  if (dim > 0) OK(rag_options_set_u64(options, RAG_OPT_DIM, dim, &err));
  OK(rag_collection_open(path, NULL, options, &made, &err));
  rag_options_free(options);
  return made;
}

static const char *const ids[] = {"tides", "yeast", "glass"};
static const char *const texts[] = {"The moon pulls the sea and makes the tides.",
                                    "Yeast eats sugar and makes the dough rise.",
                                    "Glass is made of sand in a hot furnace."};
static const char *const metadata[] = {"{\"n\": 1}", "{\"n\": 2, \"tags\": [\"food\"]}", NULL};

static void fill(const rag_collection *collection) {
  OK(rag_collection_add(collection, ids, texts, NULL, 3, NULL, 0, metadata, NULL, NULL, &err));
}

static rag_hits *ask(const rag_collection *collection, const char *text, const char *filter) {
  rag_query *query = NULL;
  rag_hits *hits = NULL;
  OK(rag_query_new(text, RAG_NUL_TERMINATED, NULL, &query, &err));
  if (filter != NULL) OK(rag_query_set_filter(query, filter, &err));
  OK(rag_collection_search(collection, query, &hits, &err));
  rag_query_free(query);
  return hits;
}

static bool best_is(const rag_collection *collection, const char *text, const char *filter,
                    const char *id) {
  rag_hits *hits = ask(collection, text, filter);
  rag_hit hit;
  bool found = rag_hits_len(hits) > 0;
  if (found) OK(rag_hits_get(hits, 0, &hit, &err));
  found = found && strcmp(hit.id, id) == 0;
  rag_hits_free(hits);
  return found;
}

TEST(the_built_in_model) {
  rag_embedder *model = NULL;
  rag_string *name = NULL;
  size_t dim = 0, count = 0, tokens = 0;
  uint64_t print = 0;
  OK(rag_embedder_open(NULL, NULL, &model, &err));
  OK(rag_embedder_dim(model, &dim, &err));
  OK(rag_embedder_name(model, &name, &err));
  OK(rag_embedder_fingerprint(model, &print, &err));
  OK(rag_embedder_count_tokens(model, "one two three", RAG_NUL_TERMINATED, &tokens, &err));
  CHECK(dim > 0 && print != 0 && tokens >= 3 && rag_string_len(name) == strlen(rag_string_data(name)));
  float *rows = calloc(3 * dim, sizeof *rows);
  OK(rag_embedder_encode(model, texts, NULL, 3, NULL, NULL, NULL, rows, 3 * dim, &count, &err));
  CHECK(count == 3 * dim);
  float square = 0;
  for (size_t i = 0; i < dim; i++) square += rows[i] * rows[i];
  CHECK(fabsf(square - 1.0f) < 1e-4f);
  FAILS(RAG_STATUS_BUFFER_TOO_SMALL,
        rag_embedder_encode(model, texts, NULL, 3, NULL, NULL, NULL, rows, dim, &count, &err));
  CHECK(count == 3 * dim);
  OK(rag_embedder_encode(model, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, &count, &err));
  CHECK(count == 0);
  size_t truncated = 7;
  OK(rag_embedder_encode_counted(model, texts, NULL, 3, NULL, NULL, NULL, rows, 3 * dim, &count,
                                 &truncated, &err));
  CHECK(count == 3 * dim && truncated == 0);
  rag_embedder *missing = NULL;
  FAILS(RAG_STATUS_NOT_FOUND, rag_embedder_open("no/such/model", NULL, &missing, &err));
  free(rows);
  rag_string_free(name);
  rag_embedder_free(model);
}

TEST(documents_come_and_go_whole) {
  rag_collection *collection = open_one(NULL, 0);
  size_t len = 0, deleted = 0;
  bool held = false;
  fill(collection);
  CHECK(best_is(collection, "why does bread rise?", NULL, "yeast"));
  CHECK(best_is(collection, "why does bread rise?", "{\"n\": {\"$lt\": 2}}", "tides"));
  CHECK(best_is(collection, "moon", "{\"tags\": \"food\"}", "yeast"));
  const char *more[] = {"new", "yeast"};
  FAILS(RAG_STATUS_ALREADY_EXISTS, rag_collection_add(collection, more, texts, NULL, 2, NULL, 0,
                                                      NULL, NULL, NULL, &err));
  OK(rag_collection_len(collection, &len, &err));
  CHECK(len == 3);
  OK(rag_collection_contains(collection, "new", &held, &err));
  CHECK(!held);
  OK(rag_collection_upsert(collection, more, texts, NULL, 2, NULL, 0, NULL, NULL, NULL, &err));
  OK(rag_collection_count(collection, "{\"n\": {\"$exists\": true}}", &len, &err));
  CHECK(len == 1);
  OK(rag_collection_delete_where(collection, "{\"n\": 1}", &deleted, &err));
  CHECK(deleted == 1);
  const char *gone[] = {"new", "never there"};
  OK(rag_collection_delete(collection, gone, 2, &deleted, &err));
  CHECK(deleted == 1);
  rag_collection_free(collection);
}

TEST(documents_come_back_as_they_were) {
  rag_collection *collection = open_one(NULL, 2);
  const char *names[] = {"a", "b"}, *lines[] = {"nul \0 inside \xF0\x9F\x98\x80", NULL};
  const size_t lengths[] = {17, 0};
  const float vectors[] = {3, 4, 0, 1};
  OK(rag_collection_add(collection, names, lines, lengths, 2, vectors, 2, NULL, NULL, NULL, &err));
  const char *asked[] = {"b", "absent", "a"};
  rag_documents *documents = NULL;
  rag_document document;
  OK(rag_collection_get(collection, asked, 3, &documents, &err));
  CHECK(rag_documents_len(documents) == 3);
  OK(rag_documents_get(documents, 0, &document, &err));
  CHECK_STR(document.id, "b");
  CHECK(document.dim == 2 && document.vector[1] == 1.0f);
  OK(rag_documents_get(documents, 1, &document, &err));
  CHECK(document.id == NULL && document.text == NULL && document.dim == 0);
  OK(rag_documents_get(documents, 2, &document, &err));
  CHECK(document.text_length == 17 && memcmp(document.text, lines[0], 17) == 0);
  CHECK(fabsf(document.vector[0] - 0.6f) < 1e-6f);
  CHECK_STR(document.metadata, "{}");
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_documents_get(documents, 3, &document, &err));
  rag_documents_free(documents);
  rag_collection_free(collection);
}

TEST(hostile_documents_are_refused) {
  rag_collection *collection = open_one(NULL, 2);
  const float good[] = {1, 0}, nan[] = {(float)NAN, 0}, wide[] = {1, 0, 0};
  const char *id = "a", *empty = "", *bad = "\xFF", *text = "x";
  char long_id[600];
  memset(long_id, 'x', sizeof long_id - 1);
  long_id[sizeof long_id - 1] = '\0';
  const char *long_ids = long_id, *broken = "{\"a\": ", *list = "[1]";
#define ADD(name, line, vector, dim, object)                                                       \
  rag_collection_add(collection, name, line, NULL, 1, vector, dim, object, NULL, NULL, &err)
  FAILS(RAG_STATUS_INVALID_ARGUMENT, ADD(&empty, &text, good, 2, NULL));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, ADD(&bad, &text, good, 2, NULL));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, ADD(&long_ids, &text, good, 2, NULL));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, ADD(&id, &bad, good, 2, NULL));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, ADD(&id, &text, nan, 2, NULL));
  FAILS(RAG_STATUS_DIMENSION_MISMATCH, ADD(&id, &text, wide, 3, NULL));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, ADD(&id, &text, good, 2, &broken));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, ADD(&id, &text, good, 2, &list));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, ADD(&id, &text, NULL, 0, NULL));
  FAILS(RAG_STATUS_NULL_POINTER, ADD(NULL, &text, good, 2, NULL));
  size_t len = 9;
  OK(rag_collection_len(collection, &len, &err));
  CHECK(len == 0);
  /* One million bytes are a text like any other. */
  char *long_text = malloc(1000001);
  for (size_t i = 0; i < 1000000; i++) long_text[i] = i % 7 == 6 ? ' ' : (char)('a' + i % 26);
  long_text[1000000] = '\0';
  const char *lent = long_text;
  OK(ADD(&id, &lent, good, 2, NULL));
  free(long_text);
  rag_collection_free(collection);
}

TEST(hostile_queries_are_refused) {
  rag_collection *collection = open_one(NULL, 0);
  fill(collection);
  static const char *const filters[] = {
      "", "[", "null", "{\"n\": {\"$near\": 1}}", "{\"$or\": []}", "{\"n\": {\"$in\": 3}}", "{} {}",
  };
  rag_query *query = NULL;
  rag_hits *hits = NULL;
  OK(rag_query_new("x", RAG_NUL_TERMINATED, NULL, &query, &err));
  for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
    FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_query_set_filter(query, filters[i], &err));
  char deep[4096] = "";
  for (int i = 0; i < 500; i++) strcat(deep, "{\"a\":");
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_query_set_filter(query, deep, &err));
  OK(rag_query_steer(query, "no such dial", 1.0, &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_collection_search(collection, query, &hits, &err));
  rag_query_free(query);
  static const uint64_t ks[] = {0, 10001, 1000000000};
  for (size_t i = 0; i < 3; i++) {
    rag_options *options = NULL;
    OK(rag_options_new(&options, &err));
    OK(rag_options_set_u64(options, RAG_OPT_K, ks[i], &err));
    FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_query_new("x", 1, options, &query, &err));
    rag_options_free(options);
  }
  OK(rag_query_new(NULL, 0, NULL, &query, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_collection_search(collection, query, &hits, &err));
  const float nan[] = {(float)NAN};
  OK(rag_query_set_vector(query, nan, 1, &err));
  rag_error *err = NULL;
  CHECK(rag_collection_search(collection, query, &hits, &err) != RAG_STATUS_OK);
  rag_error_free(err);
  CHECK(hits == NULL);
  rag_query_free(query);
  rag_collection_free(collection);
}

TEST(many_questions_at_once) {
  rag_collection *collection = open_one(NULL, 0);
  fill(collection);
  rag_query *queries[2] = {NULL, NULL};
  rag_hits *hits[2] = {NULL, NULL};
  OK(rag_query_new("moon", RAG_NUL_TERMINATED, NULL, &queries[0], &err));
  OK(rag_query_new("sugar", RAG_NUL_TERMINATED, NULL, &queries[1], &err));
  const rag_query *const *lent = (const rag_query *const *)queries;
  OK(rag_collection_search_many(collection, lent, 2, hits, &err));
  rag_hit hit;
  OK(rag_hits_get(hits[1], 0, &hit, &err));
  CHECK_STR(hit.id, "yeast");
  CHECK(hit.lexical_score > 0 && !isnan(hit.dense_score) && hit.explanation == NULL);
  OK(rag_collection_search_many(collection, NULL, 0, NULL, &err));
  rag_query_free(queries[1]);
  rag_hits_free(hits[0]);
  rag_hits_free(hits[1]);
  hits[0] = hits[1] = NULL;
  FAILS(RAG_STATUS_INVALID_HANDLE, rag_collection_search_many(collection, lent, 2, hits, &err));
  CHECK(hits[0] == NULL && hits[1] == NULL);
  rag_query_free(queries[0]);
  rag_collection_free(collection);
}

TEST(judged_questions_make_scores_probabilities) {
  rag_collection *collection = open_one("judged", 0);
  fill(collection);
  static const char *const names[] = {"q1", "q2", "q3"};
  static const char *const asked[] = {"why does the sea rise and fall?", "what makes dough rise?",
                                      "what is a glass made of?"};
  const size_t offsets[] = {0, 1, 2};
  rag_query *queries[3] = {NULL, NULL, NULL}, *choosy = NULL;
  rag_qrels *qrels = NULL;
  rag_calibration *curve = NULL, *held = NULL;
  rag_options *options = NULL;
  rag_hits *hits = NULL;
  rag_hit hit;
  bool cleared = true;
  for (size_t i = 0; i < 3; i++)
    OK(rag_query_new(asked[i], RAG_NUL_TERMINATED, NULL, &queries[i], &err));
  OK(rag_qrels_new(names, offsets, 3, ids, NULL, 3, &qrels, &err));
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_f64(options, RAG_OPT_MIN_RELEVANCE, 0.5, &err));
  OK(rag_query_new("how does yeast make dough rise?", RAG_NUL_TERMINATED, options, &choosy, &err));
  const rag_query *const *lent = (const rag_query *const *)queries;
#define CALIBRATE(n, out) rag_collection_calibrate(collection, names, lent, n, qrels, NULL, out, &err)

  /* Nothing to begin with. */
  OK(rag_collection_calibration(collection, &curve, &err));
  CHECK(curve == NULL);
  OK(rag_collection_search(collection, queries[0], &hits, &err));
  OK(rag_hits_get(hits, 0, &hit, &err));
  CHECK(isnan(hit.relevance));
  rag_hits_free(hits);
  hits = NULL;
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_collection_search(collection, choosy, &hits, &err));
  OK(rag_collection_clear_calibration(collection, &cleared, &err));
  CHECK(!cleared);

  FAILS(RAG_STATUS_INVALID_ARGUMENT, CALIBRATE(2, &curve));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, CALIBRATE(0, &curve));
  FAILS(RAG_STATUS_NULL_POINTER,
        rag_collection_calibrate(collection, NULL, lent, 3, qrels, NULL, &curve, &err));
  FAILS(RAG_STATUS_NULL_POINTER,
        rag_collection_calibrate(collection, names, lent, 3, NULL, NULL, &curve, &err));
  CHECK(curve == NULL);
  OK(CALIBRATE(3, NULL));
  OK(CALIBRATE(3, &curve));
  rag_calibration_report report;
  OK(rag_calibration_get_report(curve, &report, &err));
  CHECK(report.pairs == 9 && report.positives == 3.0);

  OK(rag_collection_search(collection, queries[0], &hits, &err));
  for (size_t i = 0; i < rag_hits_len(hits); i++) {
    OK(rag_hits_get(hits, i, &hit, &err));
    double score = hit.score, told = 2;
    OK(rag_calibration_predict(curve, &score, 1, &told, &err));
    CHECK(hit.relevance == (float)told);
  }
  rag_hits_free(hits);
  OK(rag_collection_search(collection, choosy, &hits, &err));
  OK(rag_hits_get(hits, 0, &hit, &err));
  CHECK(rag_hits_len(hits) == 1 && hit.relevance >= 0.5f);
  CHECK_STR(hit.id, "yeast");
  rag_hits_free(hits);

  /* It is part of the store. */
  rag_collection_free(collection);
  collection = open_one("judged", 0);
  OK(rag_collection_calibration(collection, &held, &err));
  double at[] = {0.2, 0.5, 0.8}, before[3], after[3];
  OK(rag_calibration_predict(curve, at, 3, before, &err));
  OK(rag_calibration_predict(held, at, 3, after, &err));
  CHECK(memcmp(before, after, sizeof before) == 0);
  OK(rag_collection_clear_calibration(collection, &cleared, &err));
  CHECK(cleared);
  OK(rag_collection_clear_calibration(collection, NULL, &err));
  for (size_t i = 0; i < 3; i++) rag_query_free(queries[i]);
  rag_query_free(choosy);
  rag_qrels_free(qrels);
  rag_options_free(options);
  rag_calibration_free(curve);
  rag_calibration_free(held);
  rag_collection_free(collection);
}

TEST(a_store_on_disk) {
  rag_collection *collection = open_one("store", 0), *second = NULL;
  rag_string *report = NULL;
  fill(collection);
  rag_error *err = NULL;
  CHECK(rag_collection_open("store", NULL, NULL, &second, &err) == RAG_STATUS_LOCKED);
  CHECK(rag_error_pid(err) == (uint32_t)getpid());
  rag_error_free(err);
  OK(rag_collection_checkpoint(collection, &err));
  OK(rag_collection_compact(collection, &err));
  OK(rag_collection_backup(collection, "copy", &err));
  OK(rag_collection_verify(collection, &report, &err));
  CHECK(strstr(rag_string_data(report), "\"ok\":true") != NULL);
  rag_string_free(report);
  OK(rag_collection_stats(collection, &report, &err));
  CHECK(strstr(rag_string_data(report), "\"documents\":3") != NULL);
  rag_string_free(report);
  OK(rag_collection_path(collection, &report, &err));
  CHECK(strstr(rag_string_data(report), "store") != NULL);
  rag_string_free(report);
  OK(rag_collection_close(collection, &err));
  size_t len = 0;
  FAILS(RAG_STATUS_CLOSED, rag_collection_len(collection, &len, &err));
  rag_collection_free(collection);
  rag_options *options = NULL;
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_bool(options, RAG_OPT_READ_ONLY, true, &err));
  OK(rag_collection_open("copy", NULL, options, &collection, &err));
  CHECK(best_is(collection, "why does bread rise?", NULL, "yeast"));
  FAILS(RAG_STATUS_READ_ONLY, rag_collection_delete(collection, ids, 1, NULL, &err));
  rag_options_free(options);
  rag_collection_free(collection);
}

TEST(another_model_takes_over) {
  const char *two[] = {"tides", "yeast"};
  const char *said[] = {"The moon makes the tides.", "Yeast makes the dough rise."};
  const float own[] = {1, 0, 0, 1};
  rag_options *options = NULL;
  rag_collection *collection = open_one(NULL, 2);
  rag_embedder *model = NULL;
  size_t embedded = 0, dim = 0;
  OK(rag_collection_add(collection, two, said, NULL, 2, own, 2, NULL, NULL, NULL, &err));
  OK(rag_embedder_open(NULL, NULL, &model, &err));
  FAILS(RAG_STATUS_INVALID_HANDLE,
        rag_collection_reembed(collection, (rag_embedder *)collection, NULL, NULL, NULL, NULL, &err));
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_bool(options, RAG_OPT_FORGET_LEARNT, true, &err));
  OK(rag_collection_reembed(collection, model, options, NULL, NULL, &embedded, &err));
  OK(rag_embedder_dim(model, &dim, &err));
  CHECK(embedded == 2 && dim > 2);
  CHECK(best_is(collection, "why does bread rise?", NULL, "yeast"));
  rag_options_free(options);
  rag_embedder_free(model);
  rag_collection_free(collection);
}

static bool stop(size_t done, size_t total, void *user) {
  (void)done, (void)total;
  ++*(int *)user;
  return false;
}

TEST(a_progress_function_can_stop_and_nothing_is_kept) {
  rag_collection *collection = open_one(NULL, 0);
  int calls = 0;
  size_t len = 9;
  FAILS(RAG_STATUS_INTERRUPTED,
        rag_collection_add(collection, ids, texts, NULL, 3, NULL, 0, NULL, stop, &calls, &err));
  OK(rag_collection_len(collection, &len, &err));
  CHECK(calls == 1 && len == 0);
  rag_collection_free(collection);
}

TEST(dials_and_users_live_in_the_collection) {
  rag_collection *collection = open_one(NULL, 0);
  fill(collection);
  const char *kind[] = {"thank you so much", "could you please help", "how lovely of you"};
  const char *rude[] = {"get lost", "shut up now", "you are a fool"};
  rag_steering_vector *dial = NULL;
  rag_strings *names = NULL;
  const char *name = NULL;
  OK(rag_collection_learn(collection, "polite", kind, NULL, 3, rude, NULL, 3, NULL, &dial, &err));
  OK(rag_collection_learn(collection, "second", kind, NULL, 3, rude, NULL, 3, NULL, NULL, &err));
  const char *joint[] = {"together", "apart"}, *both[] = {
      "thank you so much", "could you please help", "how lovely of you",
      "we go together", "let us all do it", "hand in hand",
  };
  const size_t starts[] = {0, 3};
  double losses[2], gains[2], talk[16];
  size_t talks = 0;
  OK(rag_collection_learn_joint(collection, joint, 2, both, NULL, starts, 6, rude, NULL, starts, 3, NULL, &err));
  FAILS(RAG_STATUS_ALREADY_EXISTS,
        rag_collection_learn_joint(collection, joint, 2, both, NULL, starts, 6, rude, NULL, starts, 3, NULL, &err));
  OK(rag_collection_curve(collection, "apart", (double[]){0.0, 1.0}, 2, NULL, losses, gains, &err));
  CHECK(losses[0] == 0.0 && gains[1] >= 0.0);
  FAILS(RAG_STATUS_NOT_FOUND,
        rag_collection_curve(collection, "away", (double[]){1.0}, 1, NULL, losses, gains, &err));
  OK(rag_collection_cross_talk(collection, NULL, talk, 16, &talks, &err));
  CHECK(talks == 16);
  OK(rag_collection_remove_dial(collection, "together", &err));
  OK(rag_collection_remove_dial(collection, "apart", &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_collection_learn_joint(collection, joint, 2, both, NULL, starts, 6, NULL, NULL, NULL, 0, NULL, &err));
  const float rows[] = {1, 0, 0.9f, 0.1f, 0, 1, 0.1f, 0.9f}, lacking[] = {-1, 0.5f, -0.9f, 0.6f};
  FAILS(RAG_STATUS_DIMENSION_MISMATCH,
        rag_collection_learn_joint_vectors(collection, joint, 2, rows, (size_t[]){0, 2}, 4, lacking,
                                           (size_t[]){0, 2}, 2, 2, NULL, &err));
  FAILS(RAG_STATUS_ALREADY_EXISTS, rag_collection_learn(collection, "polite", kind, NULL, 3, rude,
                                                        NULL, 3, NULL, NULL, &err));
  OK(rag_collection_remove_dial(collection, "second", &err));
  OK(rag_collection_dials(collection, &names, &err));
  OK(rag_strings_get(names, 0, &name, NULL, &err));
  CHECK(rag_strings_len(names) == 1);
  CHECK_STR(name, "polite");
  size_t dim = 0, count = 0;
  OK(rag_steering_vector_dim(dial, &dim, &err));
  float *query = calloc(dim, sizeof *query), *moved = calloc(dim, sizeof *moved);
  query[0] = 1;
  const double strength[] = {1.0, 0.0};
  const char *on[] = {"polite", "absent"};
  OK(rag_collection_apply(collection, query, dim, on, strength, 1, NULL, NULL, moved, dim, &count, &err));
  CHECK(moved[0] < 1.0f && count == dim);
  OK(rag_collection_apply(collection, query, dim, on, strength + 1, 1, NULL, NULL, moved, dim, &count, &err));
  CHECK(memcmp(moved, query, dim * sizeof *query) == 0);
  OK(rag_collection_feedback(collection, query, query, dim, 0.9, "u1", on, strength, 1, NULL, 3, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_collection_feedback(collection, query, query, dim, 1.5, "u1",
                                                             NULL, NULL, 0, NULL, 0, &err));
  rag_string *report = NULL;
  bool known = false;
  OK(rag_collection_taste(collection, "u1", &report, &err));
  CHECK(strstr(rag_string_data(report), "\"ratings\":1") != NULL);
  rag_string_free(report);
  OK(rag_collection_drift(collection, "u1", &report, &err));
  CHECK(strstr(rag_string_data(report), "\"rating\":0.9") != NULL);
  rag_string_free(report);
  OK(rag_collection_retrain(collection, NULL, &report, &err));
  CHECK(strstr(rag_string_data(report), "\"events\":1") != NULL);
  rag_steering *set = NULL;
  OK(rag_collection_steering(collection, &set, &err));
  OK(rag_collection_forget(collection, "u1", &known, &err));
  CHECK(known);
  OK(rag_collection_merge(collection, set, &err));
  OK(rag_collection_forget(collection, "u1", &known, &err));
  CHECK(known);
  OK(rag_collection_remove_dial(collection, "polite", &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_collection_remove_dial(collection, "polite", &err));
  OK(rag_collection_insert_dial(collection, dial, &err));
  free(query);
  free(moved);
  rag_string_free(report);
  rag_strings_free(names);
  rag_steering_free(set);
  rag_steering_vector_free(dial);
  rag_collection_free(collection);
}

static void *search_again(void *shared) {
  for (int i = 0; i < 100; i++) {
    rag_query *query = NULL;
    rag_hits *hits = NULL;
    rag_status status = rag_query_new("moon", RAG_NUL_TERMINATED, NULL, &query, NULL);
    if (status == RAG_STATUS_OK) status = rag_collection_search(shared, query, &hits, NULL);
    /* The other thread frees the collection at some point. */
    if (status != RAG_STATUS_OK && status != RAG_STATUS_INVALID_HANDLE) return "failed";
    rag_hits_free(hits);
    rag_query_free(query);
  }
  return NULL;
}

TEST(threads_search_while_one_writes_and_frees) {
  rag_collection *collection = open_one(NULL, 0);
  fill(collection);
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, search_again, collection);
  for (int i = 0; i < 20; i++)
    OK(rag_collection_upsert(collection, ids, texts, NULL, 3, NULL, 0, metadata, NULL, NULL, &err));
  CHECK(rag_collection_free(collection) == RAG_STATUS_OK);
  for (int i = 0; i < 3; i++) {
    void *said = NULL;
    pthread_join(threads[i], &said);
    CHECK(said == NULL);
  }
}

TEST(a_forked_child_is_told) {
  rag_collection *collection = open_one("forked", 0);
  fill(collection);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    size_t len = 0;
    rag_collection *own = NULL;
    bool told = rag_collection_len(collection, &len, NULL) == RAG_STATUS_FORKED;
    bool works = rag_collection_open(NULL, NULL, NULL, &own, NULL) == RAG_STATUS_OK &&
                 rag_collection_add(own, ids, texts, NULL, 3, NULL, 0, NULL, NULL, NULL, NULL) ==
                     RAG_STATUS_OK;
    _exit(told && works ? 0 : 1);
  }
  int status = 1;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  size_t len = 0;
  OK(rag_collection_len(collection, &len, &err));
  CHECK(len == 3);
  rag_collection_free(collection);
}

int main(void) {
  RUN(the_built_in_model);
  RUN(documents_come_and_go_whole);
  RUN(documents_come_back_as_they_were);
  RUN(hostile_documents_are_refused);
  RUN(hostile_queries_are_refused);
  RUN(many_questions_at_once);
  RUN(judged_questions_make_scores_probabilities);
  RUN(a_store_on_disk);
  RUN(another_model_takes_over);
  RUN(a_progress_function_can_stop_and_nothing_is_kept);
  RUN(dials_and_users_live_in_the_collection);
  RUN(threads_search_while_one_writes_and_frees);
  RUN(a_forked_child_is_told);
  return FINISH();
}
