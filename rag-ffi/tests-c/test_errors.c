/* Statuses, error objects, handles that are none, options, texts, and numbers out of range. */
#include "check.h"

#include <stdint.h>

TEST(version_of_header_and_library_agree) {
  CHECK_STR(rag_version(), RAG_VERSION);
  char built[32];
  snprintf(built, sizeof built, "%d.%d.%d", RAG_VERSION_MAJOR, RAG_VERSION_MINOR, RAG_VERSION_PATCH);
  CHECK_STR(built, RAG_VERSION);
}

TEST(every_status_has_a_name) {
  CHECK_STR(rag_status_name(RAG_STATUS_OK), "ok");
  CHECK_STR(rag_status_name(RAG_STATUS_INVALID_ARGUMENT), "invalid_argument");
  CHECK_STR(rag_status_name(RAG_STATUS_INTERRUPTED), "interrupted");
  CHECK_STR(rag_status_name(RAG_STATUS_POISONED), "poisoned");
  CHECK(rag_status_name(-1) == NULL && rag_status_name(99) == NULL);
}

TEST(an_error_says_what_and_where) {
  rag_bandit *bandit = NULL;
  rag_error *err = NULL;
  CHECK(rag_bandit_load("no/such/file", &bandit, &err) == RAG_STATUS_NOT_FOUND);
  CHECK(bandit == NULL);
  CHECK(rag_error_status(err) == RAG_STATUS_NOT_FOUND);
  CHECK_STR(rag_error_file(err), "no/such/file");
  CHECK(strstr(rag_error_message(err), "no/such/file") != NULL);
  CHECK(rag_error_offset(err) == UINT64_MAX && rag_error_pid(err) == 0);
  CHECK(rag_error_free(err) == RAG_STATUS_OK);
  CHECK(rag_error_free(err) == RAG_STATUS_INVALID_HANDLE);
  CHECK_STR(rag_error_message(err), "");
  CHECK(rag_error_status(err) == RAG_STATUS_INVALID_HANDLE);
  CHECK(rag_error_file(NULL) == NULL && rag_error_free(NULL) == RAG_STATUS_OK);
}

TEST(damage_is_named_with_its_offset) {
  FILE *file = fopen("damaged.bandit", "wb");
  fputs("RAGCORE", file);
  fclose(file);
  rag_bandit *bandit = NULL;
  rag_error *err = NULL;
  CHECK(rag_bandit_load("damaged.bandit", &bandit, &err) == RAG_STATUS_CORRUPT);
  CHECK_STR(rag_error_file(err), "damaged.bandit");
  CHECK(rag_error_offset(err) == 7);
  rag_error_free(err);
}

TEST(an_error_object_is_optional) {
  CHECK(rag_lexical_index_new(NULL, NULL, NULL) == RAG_STATUS_NULL_POINTER);
}

TEST(null_is_named) {
  rag_error *err = NULL;
  CHECK(rag_lexical_index_new(NULL, NULL, &err) == RAG_STATUS_NULL_POINTER);
  CHECK_STR(rag_error_message(err), "out is NULL");
  rag_error_free(err);
  err = NULL;
  CHECK(rag_bandit_best(NULL, "d", NULL, &err) == RAG_STATUS_NULL_POINTER);
  CHECK_STR(rag_error_message(err), "bandit is NULL");
  rag_error_free(err);
}

TEST(freed_doubled_foreign_and_made_up_handles) {
  rag_lexical_index *index = NULL;
  rag_options *options = NULL;
  size_t len = 77;
  OK(rag_lexical_index_new(NULL, &index, &err));
  OK(rag_options_new(&options, &err));
  FAILS(RAG_STATUS_INVALID_HANDLE, rag_lexical_index_len((rag_lexical_index *)options, &len, &err));
  FAILS(RAG_STATUS_INVALID_HANDLE, rag_lexical_index_len((rag_lexical_index *)&len, &len, &err));
  FAILS(RAG_STATUS_INVALID_HANDLE,
        rag_lexical_index_len((rag_lexical_index *)(uintptr_t)0xA500000000FFFFFFu, &len, &err));
  CHECK(rag_lexical_index_free((rag_lexical_index *)options) == RAG_STATUS_INVALID_HANDLE);
  CHECK(rag_lexical_index_free(index) == RAG_STATUS_OK);
  CHECK(rag_lexical_index_free(index) == RAG_STATUS_INVALID_HANDLE);
  FAILS(RAG_STATUS_INVALID_HANDLE, rag_lexical_index_len(index, &len, &err));
  CHECK(rag_lexical_index_free(NULL) == RAG_STATUS_OK);
  CHECK(rag_options_free(options) == RAG_STATUS_OK);
  CHECK(len == 77);
}

TEST(options_are_checked_by_the_call_that_uses_them) {
  rag_options *options = NULL;
  rag_lexical_index *index = NULL;
  rag_error *err = NULL;
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_f64(options, RAG_OPT_K1, 99.0, &err));
  CHECK(rag_lexical_index_new(options, &index, &err) == RAG_STATUS_INVALID_ARGUMENT);
  CHECK_STR(rag_error_message(err), "k1 must be in 0..=10, got 99");
  rag_error_free(err);
  OK(rag_options_set_f64(options, RAG_OPT_K1, (double)NAN, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_lexical_index_new(options, &index, &err));
  OK(rag_options_set_str(options, RAG_OPT_K1, "much", &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_lexical_index_new(options, &index, &err));
  /* The latest value counts. */
  OK(rag_options_set_f64(options, RAG_OPT_K1, 1.5, &err));
  OK(rag_lexical_index_new(options, &index, &err));
  OK(rag_options_set_u64(options, "no such option", 1, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_lexical_index_new(options, &index, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_options_set_u64(options, NULL, 1, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_options_set_str(options, RAG_OPT_K1, NULL, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_options_set_str(options, "\xC3(", "x", &err));
  rag_lexical_index_free(index);
  rag_options_free(options);
}

TEST(a_whole_number_refuses_a_fraction) {
  rag_options *options = NULL;
  rag_chunker *chunker = NULL;
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_f64(options, RAG_OPT_MAX_TOKENS, 2.7, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_chunker_new(options, &chunker, &err));
  rag_options_free(options);
}

TEST(texts_may_hold_nul_and_must_be_utf8) {
  rag_strings *terms = NULL;
  const char *data = NULL;
  size_t length = 0;
  OK(rag_terms("cats\0dogs", 9, NULL, &terms, &err));
  CHECK(rag_strings_len(terms) == 2);
  OK(rag_strings_get(terms, 1, &data, &length, &err));
  CHECK_STR(data, "dog");
  CHECK(length == 3);
  OK(rag_strings_get(terms, 0, &data, NULL, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_strings_get(terms, 2, &data, &length, &err));
  rag_strings_free(terms);
  terms = NULL;
  OK(rag_terms("cats\0dogs", RAG_NUL_TERMINATED, NULL, &terms, &err));
  CHECK(rag_strings_len(terms) == 1);
  rag_strings_free(terms);
  terms = NULL;
  rag_error *err = NULL;
  CHECK(rag_terms("ab\xFF", 3, NULL, &terms, &err) == RAG_STATUS_INVALID_ARGUMENT);
  CHECK_STR(rag_error_message(err), "text is not UTF-8: byte 0xff at position 2");
  rag_error_free(err);
  /* A surrogate, an overlong form and a cut sequence. */
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_terms("\xED\xA0\x80", 3, NULL, &terms, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_terms("\xC0\x80", 2, NULL, &terms, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_terms("\xF0\x9F\x98\x80", 3, NULL, &terms, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_terms("a", SIZE_MAX - 1, NULL, &terms, &err));
  CHECK(terms == NULL);
}

TEST(a_bad_text_among_many_is_numbered_and_nothing_is_added) {
  rag_lexical_index *index = NULL;
  const uint64_t keys[] = {1, 2, 3};
  const char *texts[] = {"good", "bad \xFF", "good"};
  size_t len = 9;
  rag_error *err = NULL;
  OK(rag_lexical_index_new(NULL, &index, &err));
  CHECK(rag_lexical_index_add(index, keys, texts, NULL, 3, &err) == RAG_STATUS_INVALID_ARGUMENT);
  CHECK(strstr(rag_error_message(err), "item 1") != NULL);
  rag_error_free(err);
  texts[1] = NULL;
  FAILS(RAG_STATUS_NULL_POINTER, rag_lexical_index_add(index, keys, texts, NULL, 3, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_lexical_index_add(index, NULL, texts, NULL, 3, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_lexical_index_add(index, keys, NULL, NULL, 3, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_lexical_index_add(index, keys, texts, NULL, SIZE_MAX / 4, &err));
  OK(rag_lexical_index_len(index, &len, &err));
  CHECK(len == 0);
  rag_lexical_index_free(index);
}

TEST(pointers_that_cannot_be) {
  rag_dense_index *index = NULL;
  float vectors[5] = {1, 2, 3, 4, 5};
  const uint64_t keys[2] = {1, 2};
  OK(rag_dense_index_new(2, NULL, &index, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_dense_index_add(index, keys, (const float *)((const char *)vectors + 1), 2, 2, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_dense_index_add(index, keys, vectors, SIZE_MAX / 2, 3, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_dense_index_add(index, keys, vectors, 2, 0, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_dense_index_add(index, keys, NULL, 2, 2, &err));
  rag_dense_index_free(index);
}

TEST(numbers_out_of_range) {
  rag_dense_index *index = NULL;
  rag_rankings *found = NULL;
  float vectors[4] = {1, 2, 3, 4}, bad[2] = {(float)NAN, 0}, zero[2] = {0, 0};
  const uint64_t keys[4] = {1, 2, UINT64_MAX, 3};
  OK(rag_dense_index_new(2, NULL, &index, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_dense_index_new(0, NULL, &index, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_dense_index_new(1000000000, NULL, &index, &err));
  OK(rag_dense_index_add(index, keys, vectors, 2, 2, &err));
  FAILS(RAG_STATUS_ALREADY_EXISTS, rag_dense_index_add(index, keys, vectors, 1, 2, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_dense_index_add(index, keys + 2, vectors, 1, 2, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_dense_index_add(index, keys + 3, bad, 1, 2, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_dense_index_add(index, keys + 3, zero, 1, 2, &err));
  FAILS(RAG_STATUS_DIMENSION_MISMATCH, rag_dense_index_add(index, keys + 3, vectors, 1, 4, &err));
#define SEARCH(vector, d, k)                                                                       \
  rag_dense_index_search(index, vector, 1, d, k, NULL, 0, NULL, NULL, NULL, &found, &err)
  FAILS(RAG_STATUS_INVALID_ARGUMENT, SEARCH(vectors, 2, 0));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, SEARCH(vectors, 2, 1000000000));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, SEARCH(bad, 2, 1));
  FAILS(RAG_STATUS_DIMENSION_MISMATCH, SEARCH(vectors, 4, 1));
  CHECK(found == NULL);
  OK(SEARCH(vectors, 2, 10000));
  const uint64_t *row = NULL;
  const float *scores = NULL;
  size_t count = 0;
  OK(rag_rankings_get(found, 0, &row, &scores, &count, &err));
  CHECK(count == 2 && row[0] == 1 && scores[0] >= scores[1]);
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_rankings_get(found, 1, &row, &scores, &count, &err));
  rag_rankings_free(found);
  rag_dense_index_free(index);
}

TEST(a_small_buffer_is_told_how_much_is_needed) {
  rag_dense_index *index = NULL;
  float vector[3] = {0, 3, 4}, out[3] = {9, 9, 9};
  const uint64_t key = 5;
  size_t count = 0;
  OK(rag_dense_index_new(3, NULL, &index, &err));
  OK(rag_dense_index_add(index, &key, vector, 1, 3, &err));
  FAILS(RAG_STATUS_BUFFER_TOO_SMALL, rag_dense_index_vector(index, 5, out, 2, &count, &err));
  CHECK(count == 3 && out[0] == 9);
  OK(rag_dense_index_vector(index, 5, out, 3, &count, &err));
  CHECK(fabsf(out[2] - 0.8f) < 1e-6f);
  FAILS(RAG_STATUS_NOT_FOUND, rag_dense_index_vector(index, 6, out, 3, &count, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_dense_index_vector(index, 5, NULL, 3, &count, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_dense_index_vector(index, 5, out, 3, NULL, &err));
  rag_dense_index_free(index);
}

static rag_chunker *again;
static rag_status inside = -1;
static size_t reenter(const char *text, size_t length, void *user) {
  (void)text, (void)user;
  rag_bandit *bandit = user;
  rag_choice choice;
  inside = rag_bandit_choose(bandit, "d", NULL, 0, &choice, NULL);
  return length / 4 + 1;
}

static double judge(const char *domain, const double *context, size_t n, void *user) {
  (void)domain, (void)context, (void)n;
  rag_choice choice;
  inside = rag_bandit_choose(user, "d", NULL, 0, &choice, NULL);
  return 0.0;
}

TEST(a_callback_may_change_the_object_it_runs_for) {
  const double arms[] = {0.0, 1.0};
  rag_bandit *bandit = NULL;
  rag_chunk chunks[8];
  size_t count = 0;
  OK(rag_bandit_new(arms, 2, NULL, &bandit, &err));
  OK(rag_chunker_new(NULL, &again, &err));
  OK(rag_chunker_split_with(again, reenter, bandit, "one two", 7, chunks, 8, &count, &err));
  CHECK(inside == RAG_STATUS_OK);
  rag_log_entry entry = {"d", NULL, 0, 0.0, 0.5, 0.5};
  rag_value_estimate estimate;
  inside = -1;
  OK(rag_bandit_evaluate(bandit, judge, bandit, &entry, 1, "ips", &estimate, &err));
  CHECK(inside == RAG_STATUS_OK);
  rag_chunker_free(again);
  rag_bandit_free(bandit);
}

int main(void) {
  RUN(version_of_header_and_library_agree);
  RUN(every_status_has_a_name);
  RUN(an_error_says_what_and_where);
  RUN(damage_is_named_with_its_offset);
  RUN(an_error_object_is_optional);
  RUN(null_is_named);
  RUN(freed_doubled_foreign_and_made_up_handles);
  RUN(options_are_checked_by_the_call_that_uses_them);
  RUN(a_whole_number_refuses_a_fraction);
  RUN(texts_may_hold_nul_and_must_be_utf8);
  RUN(a_bad_text_among_many_is_numbered_and_nothing_is_added);
  RUN(pointers_that_cannot_be);
  RUN(numbers_out_of_range);
  RUN(a_small_buffer_is_told_how_much_is_needed);
  RUN(a_callback_may_change_the_object_it_runs_for);
  return FINISH();
}
