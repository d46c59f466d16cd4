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

TEST(failures_leave_nothing_behind) {
  rag_bandit *bandit = NULL;
  for (int i = 0; i < 50; i++) {
    FAILS(RAG_STATUS_NOT_FOUND, rag_bandit_load("absent", &bandit, &err));
    FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_bandit_new(NULL, 0, NULL, &bandit, &err));
  }
}

int main(void) {
  RUN(everything_is_given_back);
  RUN(failures_leave_nothing_behind);
  return FINISH();
}
