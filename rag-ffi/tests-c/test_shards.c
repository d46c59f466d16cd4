/* One search over several collections, over wires of bytes. */
#include "check.h"

enum { DIM = 3, SHARDS = 3, DOCUMENTS = 40 };

static rag_collection *with_dim(const char *path) {
  rag_collection *collection = NULL;
  rag_options *options = NULL;
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_u64(options, RAG_OPT_DIM, DIM, &err));
  OK(rag_collection_open(path, NULL, options, &collection, &err));
  rag_options_free(options);
  return collection;
}

static void add(const rag_collection *collection, int number) {
  char id[16], text[64];
  const char *ids[] = {id}, *texts[] = {text};
  float vector[DIM] = {(float)number + 1, (float)(number % 5), -1};
  snprintf(id, sizeof id, "d%d", number);
  snprintf(text, sizeof text, "common word%d word%d", number % 4, number % 7);
  OK(rag_collection_add(collection, ids, texts, NULL, 1, vector, DIM, NULL, NULL, NULL, &err));
}

static rag_query *question(const char *text) {
  rag_query *query = NULL;
  rag_options *options = NULL;
  float vector[DIM] = {1, 2, 3};
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_bool(options, RAG_OPT_EXACT, true, &err));
  OK(rag_query_new(text, RAG_NUL_TERMINATED, options, &query, &err));
  OK(rag_query_set_vector(query, vector, DIM, &err));
  rag_options_free(options);
  return query;
}

/* As a process that gets it over a wire. */
#define OVER_A_WIRE(noun, handle)                                                                  \
  do {                                                                                             \
    size_t count = 0, room = 0;                                                                    \
    uint8_t *bytes = NULL;                                                                         \
    FAILS(RAG_STATUS_BUFFER_TOO_SMALL, noun##_to_bytes(handle, NULL, 0, &room, &err));             \
    bytes = malloc(room);                                                                          \
    OK(noun##_to_bytes(handle, bytes, room, &count, &err));                                        \
    noun##_free(handle);                                                                           \
    (handle) = NULL;                                                                               \
    FAILS(RAG_STATUS_CORRUPT, noun##_from_bytes(bytes, count - 1, &(handle), &err));               \
    OK(noun##_from_bytes(bytes, count, &(handle), &err));                                          \
    free(bytes);                                                                                   \
  } while (0)

TEST(shards_find_what_one_collection_finds) {
  rag_collection *whole = with_dim(NULL), *shards[SHARDS];
  for (int i = 0; i < SHARDS; i++) shards[i] = with_dim(NULL);
  for (int d = 0; d < DOCUMENTS; d++) {
    char id[16];
    size_t shard = SHARDS;
    snprintf(id, sizeof id, "d%d", d);
    OK(rag_shard_of(id, SHARDS, &shard, &err));
    add(whole, d);
    add(shards[shard], d);
  }
  rag_query *queries[] = {question("common word1"), question("word6 word2")};
  const rag_query *const *asked = (const rag_query *const *)queries;
  rag_shard_request *request = NULL;
  OK(rag_shard_request_new(asked, 2, NULL, NULL, &request, &err));
  size_t len = 0;
  bool needs = false;
  OK(rag_shard_request_len(request, &len, &needs, &err));
  CHECK(len == 2 && needs);
  rag_shard_statistics *told[SHARDS] = {NULL};
  rag_shard_response *found[SHARDS] = {NULL};
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_collection_search_shard(shards[0], request, &found[0], &err));
  OVER_A_WIRE(rag_shard_request, request);
  for (int i = 0; i < SHARDS; i++) {
    uint64_t sequence = 0, now = 1;
    OK(rag_collection_shard_statistics(shards[i], request, &told[i], &err));
    OVER_A_WIRE(rag_shard_statistics, told[i]);
    OK(rag_shard_statistics_sequence(told[i], &sequence, &err));
    OK(rag_collection_sequence(shards[i], &now, &err));
    CHECK(sequence == now);
  }
  const rag_shard_statistics *const *statistics = (const rag_shard_statistics *const *)told;
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_shard_request_set_statistics(request, statistics, 0, &err));
  OK(rag_shard_request_set_statistics(request, statistics, SHARDS, &err));
  for (int i = 0; i < SHARDS; i++) {
    uint64_t sequence = 0, now = 1;
    OK(rag_collection_search_shard(shards[i], request, &found[i], &err));
    OVER_A_WIRE(rag_shard_response, found[i]);
    OK(rag_shard_response_sequence(found[i], &sequence, &err));
    OK(rag_collection_sequence(shards[i], &now, &err));
    CHECK(sequence == now);
  }
  rag_hits *expected[2] = {NULL}, *merged[2] = {NULL};
  OK(rag_collection_search_many(whole, asked, 2, expected, &err));
  const rag_shard_response *const *responses = (const rag_shard_response *const *)found;
  OK(rag_shard_request_merge(request, responses, SHARDS, NULL, merged, &err));
  for (int q = 0; q < 2; q++) {
    CHECK(rag_hits_len(merged[q]) == 10 && rag_hits_len(expected[q]) == 10);
    for (size_t i = 0; i < rag_hits_len(merged[q]); i++) {
      rag_hit one = {0}, other = {0};
      OK(rag_hits_get(expected[q], i, &one, &err));
      OK(rag_hits_get(merged[q], i, &other, &err));
      CHECK_STR(other.id, one.id);
      CHECK(one.score == other.score);
    }
    rag_hits_free(expected[q]);
    rag_hits_free(merged[q]);
    rag_query_free(queries[q]);
  }
  /* One that answers twice. */
  const rag_shard_response *const twice[] = {found[0], found[0]};
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_shard_request_merge(request, twice, 2, NULL, merged, &err));
  for (int i = 0; i < SHARDS; i++) {
    rag_shard_statistics_free(told[i]);
    rag_shard_response_free(found[i]);
    rag_collection_free(shards[i]);
  }
  rag_shard_request_free(request);
  rag_collection_free(whole);
}

TEST(a_store_is_attached) {
  char path[512];
  const char *home = getenv("TMPDIR");
  snprintf(path, sizeof path, "%s/ragcore-c-attach-%p", home == NULL ? "/tmp" : home, (void *)path);
  rag_collection *part = with_dim(path), *whole = with_dim(NULL);
  size_t count = 0;
  for (int d = 0; d < 5; d++) add(part, d);
  add(whole, 7);
  OK(rag_collection_attach(whole, path, &count, &err));
  CHECK(count == 5);
  FAILS(RAG_STATUS_ALREADY_EXISTS, rag_collection_attach(whole, path, &count, &err));
  OK(rag_collection_len(whole, &count, &err));
  CHECK(count == 6);
  FAILS(RAG_STATUS_NULL_POINTER, rag_collection_attach(whole, NULL, NULL, &err));
  rag_collection_free(part);
  rag_collection_free(whole);
  char remove[600];
  snprintf(remove, sizeof remove, "rm -r '%s'", path);
  CHECK(system(remove) == 0);
}

TEST(dials_are_the_same_in_all_shards) {
  rag_collection *collection = with_dim(NULL);
  rag_steering *set = NULL, *copy = NULL;
  rag_steering_vector *dial = NULL;
  rag_strings *names = NULL;
  float direction[DIM] = {0, 1, 0};
  add(collection, 1);
  OK(rag_steering_new(&set, &err));
  OK(rag_steering_vector_from_parts("up", direction, DIM, 0.2, NULL, &dial, &err));
  OK(rag_steering_insert(set, dial, &err));
  OK(rag_collection_replace_steering(collection, set, &err));
  OK(rag_collection_steering(collection, &copy, &err));
  OK(rag_collection_dials(collection, &names, &err));
  CHECK(rag_strings_len(names) == 1);
  rag_query *query = question("common");
  OK(rag_query_steer(query, "up", 1, &err));
  const rag_query *const asked[] = {query};
  rag_shard_request *request = NULL;
  OK(rag_shard_request_new(asked, 1, NULL, copy, &request, &err));
  rag_shard_request_free(request);
  FAILS(RAG_STATUS_NOT_FOUND, rag_shard_request_new(asked, 1, NULL, NULL, &request, &err));
  rag_query_free(query);
  rag_strings_free(names);
  rag_steering_vector_free(dial);
  rag_steering_free(copy);
  rag_steering_free(set);
  rag_collection_free(collection);
}

int main(void) {
  RUN(shards_find_what_one_collection_finds);
  RUN(a_store_is_attached);
  RUN(dials_are_the_same_in_all_shards);
  return FINISH();
}
