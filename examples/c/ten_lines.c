/* The shortest useful program: three documents, one dial, one question. */
#include <ragcore.h>
#include <stdio.h>

int main(void) {
    const char *ids[] = {"tides", "yeast", "rust"};
    const char *texts[] = {"The moon pulls the sea and makes the tides.",
                           "Yeast eats sugar and makes the dough rise.", "Iron and water make rust."};
    const char *kitchen[] = {"kitchen recipe with dough", "kitchen recipe with eggs"};
    const char *elsewhere[] = {"harbour report on ships", "harbour report on steel"};
    rag_collection *col = NULL; rag_options *opts = NULL; rag_query *query = NULL; rag_hits *hits = NULL; rag_hit hit;

    rag_collection_open(NULL, NULL, NULL, &col, NULL);
    rag_collection_add(col, ids, texts, NULL, 3, NULL, 0, NULL, NULL, NULL, NULL);
    rag_collection_learn(col, "kitchen", kitchen, NULL, 2, elsewhere, NULL, 2, NULL, NULL, NULL);
    rag_options_new(&opts, NULL);
    rag_options_set_u64(opts, RAG_OPT_K, 2, NULL);
    rag_query_new("what makes things rise?", RAG_NUL_TERMINATED, opts, &query, NULL);
    rag_query_steer(query, "kitchen", 1.0, NULL);
    rag_collection_search(col, query, &hits, NULL);
    for (size_t i = 0; rag_hits_get(hits, i, &hit, NULL) == RAG_STATUS_OK; i++)
        printf("%.4f %s %s\n", hit.score, hit.id, hit.text);
    rag_hits_free(hits); rag_query_free(query); rag_options_free(opts); rag_collection_free(col);
    return 0;
}
