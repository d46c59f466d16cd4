/* The engine: documents in, answers out, and what it keeps of both. */
#include "check.h"

#include <string.h>

static const char GUIDES[] =
    "[{\"id\": \"tides\", \"text\": \"The moon pulls the sea. That makes the tides.\"},"
    " {\"id\": \"bread\", \"text\": \"Yeast eats sugar. Its gas makes the dough rise.\","
    "  \"metadata\": {\"year\": 2021}}]";
#define NUL RAG_NUL_TERMINATED

static rag_engine *engine_on(rag_collection *collection, rag_options *options) {
  rag_engine *engine = NULL;
  rag_string *added = NULL;
  OK(rag_engine_new(collection, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, options, &engine, &err));
  OK(rag_engine_add_documents(engine, NULL, GUIDES, NUL, NULL, NULL, NULL, &added, &err));
  CHECK(strstr(rag_string_data(added), "\"passages\":2") != NULL);
  rag_string_free(added);
  return engine;
}

static bool says(rag_string **text, const char *part) {
  bool found = strstr(rag_string_data(*text), part) != NULL;
  if (!found) fprintf(stderr, "no %s in %s\n", part, rag_string_data(*text));
  rag_string_free(*text);
  *text = NULL;
  return found;
}

TEST(a_question_is_answered_with_citations_and_then_from_the_cache) {
  rag_collection *collection = NULL;
  rag_string *text = NULL;
  rag_strings *ids = NULL;
  size_t removed = 0;
  OK(rag_collection_open(NULL, NULL, NULL, &collection, &err));
  rag_engine *engine = engine_on(collection, NULL);
  static const char question[] = "{\"text\": \"what makes the dough rise?\", \"k\": 1}";
  OK(rag_engine_retrieve(engine, question, NUL, &text, &err));
  CHECK(says(&text, "\"document\":\"bread\""));
  OK(rag_engine_ask(engine, question, NUL, NULL, NULL, &text, &err));
  CHECK(says(&text, "\"text\":\"Its gas makes the dough rise. [1]\""));
  OK(rag_engine_ask(engine, question, NUL, NULL, NULL, &text, &err));
  CHECK(says(&text, "\"cached\":true"));
  OK(rag_engine_ask_many(engine, "[{\"text\": \"why tides?\"}, {\"text\": \" \"}]", NUL, NULL, NULL,
                         &text, &err));
  CHECK(says(&text, "\"kind\":\"invalid_argument\""));
  OK(rag_engine_document(engine, NULL, "bread", &text, &err));
  CHECK(says(&text, "Yeast eats sugar."));
  FAILS(RAG_STATUS_NOT_FOUND, rag_engine_document(engine, NULL, "stone", &text, &err));
  OK(rag_engine_documents(engine, NULL, &ids, &err));
  CHECK(rag_strings_len(ids) == 2);
  OK(rag_engine_metrics(engine, false, &text, &err));
  CHECK(says(&text, "\"queries\""));
  OK(rag_engine_metrics(engine, true, &text, &err));
  CHECK(says(&text, "# TYPE"));
  const char *gone[] = {"bread"};
  OK(rag_engine_remove_documents(engine, NULL, gone, NULL, 1, &removed, &err));
  CHECK(removed == 1);
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_engine_ask(engine, "{\"text\": \"why?\", \"kay\": 1}", NUL, NULL, NULL, &text, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_engine_add_documents(engine, NULL, "[{}]", NUL, NULL, NULL,
                                                              NULL, &text, &err));
  rag_strings_free(ids);
  rag_engine_free(engine);
  rag_collection_free(collection);
}

struct heard {
  char text[256];
  char marker[32];
  int left;
};

static int hear(const char *text, size_t length, const char *marker, void *user) {
  struct heard *heard = user;
  if (marker != NULL) snprintf(heard->marker, sizeof heard->marker, "%s", marker);
  else if (strlen(heard->text) + length < sizeof heard->text) strncat(heard->text, text, length);
  return heard->left-- > 0;
}

static int writes(const char *prompt, size_t length, rag_emit emit, void *sink, void *user) {
  CHECK(length > 0 && prompt[0] == '{');
  int *calls = user;
  ++*calls;
  static const char *const pieces[] = {"One", " two", " [PRO TIP: knead", " it] three", " [1]"};
  for (size_t i = 0; i < 5; i++)
    if (!emit(pieces[i], NUL, sink)) return 0;
  return 0;
}

static int fails(const char *prompt, size_t length, rag_emit emit, void *sink, void *user) {
  (void)prompt;
  (void)length;
  (void)user;
  return emit("\xFF", 1, sink) == 0 ? 0 : 7;
}

TEST(a_function_of_the_callers_writes_and_is_heard_as_it_does) {
  rag_collection *collection = NULL;
  rag_generator *writer = NULL, *failing = NULL;
  rag_engine *engine = NULL;
  rag_string *text = NULL;
  int calls = 0;
  OK(rag_collection_open(NULL, NULL, NULL, &collection, &err));
  OK(rag_generator_new("three words", 4096, writes, &calls, &writer, &err));
  OK(rag_generator_new("none", 0, fails, NULL, &failing, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_generator_new("x", 0, NULL, NULL, &writer, &err));
  const char *names[] = {"words", "fails"}, *doubled[] = {"words", "words"};
  const rag_generator *generators[] = {writer, failing};
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_engine_new(collection, doubled, generators, 2, NULL, NULL,
                                                    NULL, NULL, NULL, NULL, &engine, &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_engine_new(collection, names, generators, 2, NULL, "weights", NULL,
                                             NULL, NULL, NULL, &engine, &err));
  OK(rag_engine_new(collection, names, generators, 2, NULL, NULL, NULL, NULL, NULL, NULL, &engine,
                    &err));
  /* The engine goes on with them. */
  rag_generator_free(writer);
  rag_generator_free(failing);
  OK(rag_engine_add_documents(engine, NULL, GUIDES, NUL, NULL, NULL, NULL, &text, &err));
  rag_string_free(text);
  struct heard heard = {.left = 100};
  OK(rag_engine_ask(engine, "{\"text\": \"what rises?\", \"scenario\": \"studio\"}", NUL, hear, &heard, &text, &err));
  CHECK(says(&text, "\"model\":\"three words\""));
  CHECK_STR(heard.marker, "pro_tip");
  CHECK_STR(heard.text, "One two three [1]");
  CHECK(calls == 1);
  /* Who wants no more ends it, and what was ended is kept nowhere. */
  heard = (struct heard){.left = 0};
  OK(rag_engine_ask(engine, "{\"text\": \"what sinks?\"}", NUL, hear, &heard, &text, &err));
  CHECK(says(&text, "\"finish\":\"cancelled\""));
  FAILS(RAG_STATUS_UPSTREAM, rag_engine_ask(engine, "{\"text\": \"x?\", \"generator\": \"fails\"}",
                                            NUL, NULL, NULL, &text, &err));
  rag_engine_free(engine);
  rag_collection_free(collection);
}

TEST(a_server_that_is_not_there_is_upstream_and_a_key_is_not_shown) {
  rag_collection *collection = NULL;
  rag_generator *chat = NULL;
  rag_engine *engine = NULL;
  rag_options *options = NULL;
  rag_string *text = NULL;
  rag_error *shown = NULL;
  const char *nowhere[] = {"http://127.0.0.1:9/v1"}, *wrong[] = {"ftp://hunter2@host"};
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_u64(options, RAG_OPT_ATTEMPTS, 1, &err));
  CHECK(rag_chat_model_new(wrong, 1, "m", "hunter2", options, &chat, &shown) ==
        RAG_STATUS_INVALID_ARGUMENT);
  CHECK(strstr(rag_error_message(shown), "hunter2") == NULL);
  rag_error_free(shown);
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_chat_model_new(nowhere, 0, "m", NULL, options, &chat, &err));
  OK(rag_chat_model_new(nowhere, 1, "m", "hunter2", options, &chat, &err));
  OK(rag_collection_open(NULL, NULL, NULL, &collection, &err));
  const char *names[] = {"chat"};
  const rag_generator *generators[] = {chat};
  OK(rag_engine_new(collection, names, generators, 1, NULL, NULL, NULL, NULL, NULL, NULL, &engine,
                    &err));
  FAILS(RAG_STATUS_UPSTREAM,
        rag_engine_ask(engine, "{\"text\": \"why?\"}", NUL, NULL, NULL, &text, &err));
  rag_engine_free(engine);
  rag_generator_free(chat);
  rag_options_free(options);
  rag_collection_free(collection);
}

TEST(tenants_history_and_memory_are_durable_and_apart) {
  rag_collection *collection = NULL;
  rag_history *history = NULL;
  rag_memory *memory = NULL;
  rag_options *options = NULL;
  rag_strings *tenants = NULL;
  rag_string *text = NULL;
  size_t count = 0;
  bool was = false;
  OK(rag_collection_open("asked", NULL, NULL, &collection, &err));
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_str(options, RAG_OPT_MEMORY_SCHEMA,
                         "{\"type\": \"object\", \"properties\": {\"age\": {\"type\": \"integer\"}}}",
                         &err));
  rag_engine *engine = engine_on(collection, options);
  OK(rag_engine_add_documents(engine, "shop", "[{\"text\": \"Salt is cheap.\"}]", NUL, NULL, NULL, NULL,
                              &text, &err));
  rag_string_free(text);
  OK(rag_engine_ask(engine, "{\"text\": \"what makes tides?\", \"user\": \"ann\"}", NUL, NULL, NULL,
                    &text, &err));
  rag_string_free(text);
  OK(rag_engine_history(engine, NULL, &history, &err));
  OK(rag_history_len(history, &count, &err));
  CHECK(count == 1);
  OK(rag_history_search(history, "{\"user\": \"ann\", \"text\": \"tides\"}", NUL, &text, &err));
  CHECK(says(&text, "\"question\":\"what makes tides?\""));
  OK(rag_history_get(history, "none", &text, &err));
  CHECK(says(&text, "null"));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_history_search(history, "{\"usr\": 1}", NUL, &text, &err));
  OK(rag_history_prune(history, -1.0, 5, &count, &err));
  CHECK(count == 0);
  OK(rag_history_forget(history, "ann", &count, &err));
  CHECK(count == 1);
  OK(rag_history_compact(history, &err));
  OK(rag_engine_memory(engine, NULL, &memory, &err));
  OK(rag_memory_remember(memory, "{\"user\": \"ann\", \"key\": \"age\", \"value\": 40}", NUL, &text,
                         &err));
  CHECK(says(&text, "\"value\":40"));
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_memory_remember(memory, "{\"user\": \"ann\", \"key\": \"age\", \"value\": \"x\"}", NUL,
                            NULL, &err));
  OK(rag_memory_recall(memory, "ann", NULL, "age", &text, &err));
  CHECK(says(&text, "\"key\":\"age\""));
  OK(rag_memory_recall(memory, "bob", NULL, "age", &text, &err));
  CHECK(says(&text, "null"));
  OK(rag_memory_facts(memory, "ann", NULL, &text, &err));
  CHECK(says(&text, "\"age\""));
  OK(rag_memory_search(memory, "ann", "age", NUL, NULL, 3, &text, &err));
  CHECK(says(&text, "40"));
  OK(rag_memory_forget(memory, "ann", NULL, NULL, &count, &err));
  CHECK(count == 1);
  OK(rag_memory_sweep(memory, &count, &err));
  OK(rag_memory_len(memory, &count, &err));
  CHECK(count == 0);
  OK(rag_memory_compact(memory, &err));
  OK(rag_engine_tenants(engine, &tenants, &err));
  CHECK(rag_strings_len(tenants) == 1);
  OK(rag_engine_remove_tenant(engine, "shop", &was, &err));
  CHECK(was);
  FAILS(RAG_STATUS_NOT_FOUND, rag_engine_retrieve(engine, "{\"text\": \"salt\", \"tenant\": \"shop\"}",
                                                  NUL, &text, &err));
  OK(rag_engine_checkpoint(engine, &err));
  OK(rag_engine_backup(engine, "asked copy", &err));
  OK(rag_engine_close(engine, &err));
  rag_strings_free(tenants);
  rag_history_free(history);
  rag_memory_free(memory);
  rag_engine_free(engine);
  rag_options_free(options);
  rag_collection_free(collection);
}

TEST(what_was_not_asked_for_is_not_found) {
  rag_collection *collection = NULL, *own = NULL;
  rag_engine *engine = NULL;
  rag_options *options = NULL;
  rag_history *history = NULL;
  rag_memory *memory = NULL;
  rag_router *router = NULL;
  size_t count = 9;
  OK(rag_collection_open(NULL, NULL, NULL, &collection, &err));
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_bool(options, RAG_OPT_HISTORY, false, &err));
  OK(rag_options_set_bool(options, RAG_OPT_MEMORY, false, &err));
  OK(rag_engine_new(collection, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, options, &engine, &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_engine_history(engine, NULL, &history, &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_engine_memory(engine, NULL, &memory, &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_engine_router(engine, NULL, &router, &err));
  OK(rag_engine_collection(engine, NULL, &own, &err));
  OK(rag_collection_len(own, &count, &err));
  CHECK(count == 0);
  rag_collection_free(own);
  rag_engine_free(engine);
  rag_options_free(options);
  rag_collection_free(collection);
}

int main(void) {
  RUN(a_question_is_answered_with_citations_and_then_from_the_cache);
  RUN(a_function_of_the_callers_writes_and_is_heard_as_it_does);
  RUN(a_server_that_is_not_there_is_upstream_and_a_key_is_not_shown);
  RUN(tenants_history_and_memory_are_durable_and_apart);
  RUN(what_was_not_asked_for_is_not_found);
  return FINISH();
}
