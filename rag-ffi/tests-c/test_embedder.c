/* Model folders: texts that are cut, and what is said to wrong arguments and damaged folders. */
#include "check.h"
#include "tiny_model.h"

#include <unistd.h>

static rag_embedder *open_tiny(const char *folder, uint64_t max_tokens) {
  rag_options *options = NULL;
  rag_embedder *model = NULL;
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_u64(options, RAG_OPT_MAX_TOKENS, max_tokens, &err));
  OK(rag_embedder_open(folder, options, &model, &err));
  rag_options_free(options);
  return model;
}

/* The call fails with this status, and its sentence has this part. */
#define SAYS(status, part, call)                                                                   \
  do {                                                                                             \
    rag_error *err = NULL;                                                                         \
    rag_status got_ = (call);                                                                      \
    const char *said_ = rag_error_message(err);                                                    \
    if (got_ != (status) || said_ == NULL || strstr(said_, (part)) == NULL) {                      \
      printf("%s:%d: status %d: %s\n", __FILE__, __LINE__, (int)got_, said_ ? said_ : "NULL");     \
      check_bad = 1;                                                                               \
    }                                                                                              \
    rag_error_free(err);                                                                           \
  } while (0)

static const char *const ids[] = {"a", "b", "c"};
/* With the two marks around it, a text of more than three words has more than five tokens. */
static const char *const texts[] = {"the cat sat", "the cat sat the cat", "cat cat cat cat"};

TEST(texts_that_are_cut_are_counted) {
  CHECK(tiny_model("tiny", false));
  rag_embedder *model = open_tiny("tiny", 5);
  float rows[3 * TINY_DIM], again[3 * TINY_DIM];
  size_t count = 0, truncated = 99;
  OK(rag_embedder_encode_counted(model, texts, NULL, 3, NULL, NULL, NULL, rows, 3 * TINY_DIM, &count,
                                 &truncated, &err));
  CHECK(count == 3 * TINY_DIM && truncated == 2);
  OK(rag_embedder_encode_counted(model, texts, NULL, 3, NULL, NULL, NULL, again, 3 * TINY_DIM, &count,
                                 NULL, &err));
  CHECK(memcmp(rows, again, sizeof rows) == 0);
  CHECK(memcmp(rows, rows + TINY_DIM, TINY_DIM * sizeof *rows) == 0);

  rag_collection *collection = NULL;
  OK(rag_collection_open(NULL, model, NULL, &collection, &err));
  OK(rag_collection_add_counted(collection, ids, texts, NULL, 3, NULL, 0, NULL, NULL, NULL, &truncated,
                                &err));
  CHECK(truncated == 2);
  truncated = 99;
  FAILS(RAG_STATUS_ALREADY_EXISTS,
        rag_collection_add_counted(collection, ids, texts, NULL, 1, NULL, 0, NULL, NULL, NULL,
                                   &truncated, &err));
  CHECK(truncated == 99);
  OK(rag_collection_upsert_counted(collection, ids + 1, texts + 1, NULL, 1, NULL, 0, NULL, NULL, NULL,
                                   &truncated, &err));
  CHECK(truncated == 1);
  OK(rag_collection_upsert_counted(collection, ids, texts, NULL, 1, NULL, 0, NULL, NULL, NULL,
                                   &truncated, &err));
  CHECK(truncated == 0);
  OK(rag_collection_upsert_counted(collection, ids, texts, NULL, 3, NULL, 0, NULL, NULL, NULL, NULL,
                                   &err));
  OK(rag_collection_upsert_counted(collection, ids, NULL, NULL, 3, rows, TINY_DIM, NULL, NULL, NULL,
                                   &truncated, &err));
  CHECK(truncated == 0);
  size_t len = 0;
  OK(rag_collection_len(collection, &len, &err));
  CHECK(len == 3);
  rag_collection_free(collection);
  rag_embedder_free(model);
}

TEST(a_mark_of_utf8_changes_nothing) {
  CHECK(tiny_model("plain", false) && tiny_model("marked", true));
  rag_embedder *plain = open_tiny("plain", 5), *marked = open_tiny("marked", 5);
  uint64_t one = 0, other = 1;
  OK(rag_embedder_fingerprint(plain, &one, &err));
  OK(rag_embedder_fingerprint(marked, &other, &err));
  CHECK(one == other);
  rag_embedder_free(plain);
  rag_embedder_free(marked);
}

TEST(wrong_options_are_told_what_is_right) {
  rag_options *options = NULL;
  rag_embedder *model = NULL;
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_f64(options, RAG_OPT_THREADS, 2.0, &err));
  SAYS(RAG_STATUS_INVALID_ARGUMENT, "threads must be a whole number from 1 to 256, got 2.0",
       rag_embedder_open("tiny", options, &model, &err));
  OK(rag_options_set_u64(options, RAG_OPT_THREADS, 1, &err));
  OK(rag_options_set_u64(options, RAG_OPT_MAX_TOKENS, UINT64_MAX, &err));
  SAYS(RAG_STATUS_INVALID_ARGUMENT, "max_tokens must be in 1..=1000000, got 18446744073709551615",
       rag_embedder_open("tiny", options, &model, &err));
  OK(rag_options_set_u64(options, RAG_OPT_MAX_TOKENS, 25, &err));
  SAYS(RAG_STATUS_INVALID_ARGUMENT, "max_tokens must be at most 24, the positions of this model",
       rag_embedder_open("tiny", options, &model, &err));
  OK(rag_options_set_u64(options, RAG_OPT_MAX_TOKENS, 5, &err));
  OK(rag_options_set_u64(options, RAG_OPT_PRECISION, 1, &err));
  SAYS(RAG_STATUS_INVALID_ARGUMENT, "precision must be one of \"auto\", \"f32\", \"bf16\", \"int8\", got 1",
       rag_embedder_open("tiny", options, &model, &err));
  CHECK(model == NULL);
  rag_options_free(options);
}

TEST(wrong_folders_are_told_what_is_right) {
  rag_embedder *model = NULL;
  SAYS(RAG_STATUS_NOT_FOUND, "there is no model folder no/such/model; name a folder with config.json",
       rag_embedder_open("no/such/model", NULL, &model, &err));
  SAYS(RAG_STATUS_NOT_FOUND, "there is no model folder", rag_embedder_open("", NULL, &model, &err));
  SAYS(RAG_STATUS_INVALID_ARGUMENT, "is a file; a model is a folder with config.json",
       rag_embedder_open("tiny/config.json", NULL, &model, &err));
  mkdir("empty", 0777);
  SAYS(RAG_STATUS_NOT_FOUND, "lacks config.json, tokenizer.json, model.safetensors; ",
       rag_embedder_open("empty", NULL, &model, &err));
  CHECK(tiny_model("damaged", false));
  CHECK(tiny_file("damaged", "config.json", "", 0, false));
  SAYS(RAG_STATUS_INVALID_ARGUMENT, "damaged/config.json is empty",
       rag_embedder_open("damaged", NULL, &model, &err));
  CHECK(tiny_model("damaged", false) && truncate("damaged/model.safetensors", 2000) == 0);
  SAYS(RAG_STATUS_CORRUPT, "download it again", rag_embedder_open("damaged", NULL, &model, &err));
  static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n";
  CHECK(tiny_file("damaged", "model.safetensors", pointer, sizeof pointer - 1, false));
  SAYS(RAG_STATUS_CORRUPT, "a pointer of Git LFS", rag_embedder_open("damaged", NULL, &model, &err));
  unlink("damaged/model.safetensors");
  CHECK(mkfifo("damaged/model.safetensors", 0666) == 0);
  SAYS(RAG_STATUS_INVALID_ARGUMENT, "is a pipe, a socket or a device, expected a file",
       rag_embedder_open("damaged", NULL, &model, &err));
  unlink("damaged/model.safetensors");
  CHECK(model == NULL);
}

TEST(wrong_texts_are_told_by_their_place) {
  rag_embedder *model = open_tiny("tiny", 5);
  float rows[2 * TINY_DIM];
  size_t count = 0, tokens = 0;
  const char *bad[] = {"cat", "c\xff"}, *none[] = {"cat", NULL};
  SAYS(RAG_STATUS_INVALID_ARGUMENT, "item 1: texts is not UTF-8: byte 0xff at position 1",
       rag_embedder_encode(model, bad, NULL, 2, NULL, NULL, NULL, rows, 2 * TINY_DIM, &count, &err));
  SAYS(RAG_STATUS_NULL_POINTER, "texts[1] is NULL, expected a text",
       rag_embedder_encode(model, none, NULL, 2, NULL, NULL, NULL, rows, 2 * TINY_DIM, &count, &err));
  SAYS(RAG_STATUS_NULL_POINTER, "texts is NULL",
       rag_embedder_encode(model, NULL, NULL, 2, NULL, NULL, NULL, rows, 2 * TINY_DIM, &count, &err));
  SAYS(RAG_STATUS_INVALID_ARGUMENT, "texts cannot have",
       rag_embedder_encode(model, bad, NULL, SIZE_MAX, NULL, NULL, NULL, rows, 8, &count, &err));
  SAYS(RAG_STATUS_BUFFER_TOO_SMALL, "out",
       rag_embedder_encode(model, texts, NULL, 2, NULL, NULL, NULL, rows, 7, &count, &err));
  CHECK(count == 8);
  SAYS(RAG_STATUS_NULL_POINTER, "out is NULL",
       rag_embedder_encode(model, texts, NULL, 2, NULL, NULL, NULL, NULL, 8, &count, &err));
  SAYS(RAG_STATUS_NULL_POINTER, "text is NULL",
       rag_embedder_count_tokens(model, NULL, RAG_NUL_TERMINATED, &tokens, &err));
  OK(rag_embedder_count_tokens(model, "cat\0cat", 7, &tokens, &err));
  CHECK(tokens == 3);
  rag_embedder_free(model);
}

static rag_chunker *by_subject(uint64_t max_tokens) {
  rag_options *options = NULL;
  rag_chunker *chunker = NULL;
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_str(options, RAG_OPT_MODE, "semantic", &err));
  OK(rag_options_set_u64(options, RAG_OPT_MAX_TOKENS, max_tokens, &err));
  OK(rag_chunker_new(options, &chunker, &err));
  rag_options_free(options);
  return chunker;
}

static const char cats[] =
    "The cat purrs when it is stroked. Cats sleep for most of the day and hunt at night. "
    "A kitten plays with a ball of wool. Its mother licks its fur and carries it by the neck. "
    "Whiskers tell a cat how wide a gap is.";
static const char banks[] =
    "The bank lends money at interest. Banks keep the savings of many people in accounts. "
    "Loans are paid back over several years. A central bank sets the rate for all of them. "
    "Deposits are insured up to a limit.";

TEST(texts_are_cut_by_subject) {
  char text[sizeof cats + sizeof banks + 2];
  snprintf(text, sizeof text, "%s\n\n%s", cats, banks);
  const size_t second = sizeof cats - 1 + 2;
  rag_embedder *model = NULL;
  OK(rag_embedder_open(NULL, NULL, &model, &err));
  rag_chunker *chunker = by_subject(256), *narrow = by_subject(20);
  rag_chunk chunks[16];
  size_t count = 99;
  SAYS(RAG_STATUS_UNSUPPORTED, "give an embedder",
       rag_chunker_split(chunker, NULL, text, RAG_NUL_TERMINATED, chunks, 16, &count, &err));
  CHECK(count == 99);
  FAILS(RAG_STATUS_BUFFER_TOO_SMALL,
        rag_chunker_split(chunker, model, text, RAG_NUL_TERMINATED, chunks, 1, &count, &err));
  CHECK(count == 2);
  OK(rag_chunker_split(chunker, model, text, RAG_NUL_TERMINATED, chunks, 16, &count, &err));
  CHECK(count == 2 && chunks[0].start == 0 && chunks[0].end == sizeof cats - 1);
  CHECK(chunks[1].start == second && chunks[1].end == strlen(text));
  OK(rag_chunker_split(narrow, model, text, RAG_NUL_TERMINATED, chunks, 16, &count, &err));
  CHECK(count > 2);
  OK(rag_chunker_split(chunker, model, "  ", RAG_NUL_TERMINATED, chunks, 16, &count, &err));
  CHECK(count == 0);
  rag_chunker_free(narrow);
  rag_chunker_free(chunker);
  rag_embedder_free(model);
}

int main(void) {
  RUN(texts_that_are_cut_are_counted);
  RUN(a_mark_of_utf8_changes_nothing);
  RUN(wrong_options_are_told_what_is_right);
  RUN(wrong_folders_are_told_what_is_right);
  RUN(wrong_texts_are_told_by_their_place);
  RUN(texts_are_cut_by_subject);
  return FINISH();
}
