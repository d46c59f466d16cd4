/* A short life of everything that allocates, for the memory checkers: valgrind runs it too. */
#include "check.h"

static const char *const ids[] = {"a", "b"};
static const char *const texts[] = {"red apples on a tree", "green pears in a bowl"};

TEST(everything_is_given_back) {
  rag_embedder *model = NULL;
  rag_collection *collection = NULL;
  rag_query *query = NULL;
  rag_hits *hits = NULL;
  rag_string *stats = NULL;
  rag_strings *all = NULL;
  rag_documents *documents = NULL;
  OK(rag_embedder_open(NULL, NULL, &model, &err));
  OK(rag_collection_open("memory-store", model, NULL, &collection, &err));
  rag_embedder_free(model);
  OK(rag_collection_upsert(collection, ids, texts, NULL, 2, NULL, 0, NULL, NULL, NULL, &err));
  OK(rag_query_new("apples", RAG_NUL_TERMINATED, NULL, &query, &err));
  OK(rag_collection_search(collection, query, &hits, &err));
  OK(rag_collection_stats(collection, &stats, &err));
  OK(rag_collection_ids(collection, &all, &err));
  OK(rag_collection_get(collection, ids, 2, &documents, &err));
  rag_collection_free(collection);
  rag_hit hit;
  OK(rag_hits_get(hits, 0, &hit, &err));
  CHECK_STR(hit.text, texts[0]);
  rag_query_free(query);
  rag_hits_free(hits);
  rag_string_free(stats);
  rag_strings_free(all);
  rag_documents_free(documents);
}

TEST(words_are_saved_and_opened) {
  uint64_t keys[] = {1, 2};
  rag_lexical_index *index = NULL, *again = NULL;
  rag_rankings *found = NULL;
  size_t len = 0, size = 2000000;
  OK(rag_lexical_index_new(NULL, &index, &err));
  OK(rag_lexical_index_add(index, keys, texts, NULL, 2, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_lexical_index_save(index, NULL, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_lexical_index_open("words.rag", NULL, &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_lexical_index_open("absent.rag", &again, &err));
  OK(rag_lexical_index_save(index, "words.rag", &err));
  OK(rag_lexical_index_open("words.rag", &again, &err));
  rag_lexical_index_free(index);
  OK(rag_lexical_index_len(again, &len, &err));
  CHECK(len == 2);

  /* A text and a query that repeat one word half a million times. */
  char *repeats = malloc(size);
  CHECK(repeats != NULL);
  for (size_t i = 0; i < size; i++) repeats[i] = "red "[i % 4];
  const char *lent = repeats;
  uint64_t third = 3;
  OK(rag_lexical_index_add(again, &third, &lent, &size, 1, &err));
  OK(rag_lexical_index_search(again, &lent, &size, 1, 10, NULL, 0, &found, &err));
  rag_rankings_free(found);
  free(repeats);
  rag_lexical_index_free(again);
}

TEST(failures_leave_nothing_behind) {
  rag_bandit *bandit = NULL;
  for (int i = 0; i < 50; i++) {
    FAILS(RAG_STATUS_NOT_FOUND, rag_bandit_load("absent", &bandit, &err));
    FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_bandit_new(NULL, 0, NULL, &bandit, &err));
  }
}

int main(void) {
  RUN(everything_is_given_back);
  RUN(words_are_saved_and_opened);
  RUN(failures_leave_nothing_behind);
  return FINISH();
}
