/* Answers as files, and compared. */
#include "check.h"

static const char ANSWER[] =
    "{\"id\": \"a1\", \"question\": \"How old is <it>?\", \"text\": \"It is 300 years old. [1]\", "
    "\"citations\": [{\"passage\": \"b_1\", \"document\": \"b\", \"answer\": [0, 20], \"source\": [0, 9], \"support\": 1}], "
    "\"markers\": [], \"passages\": [{\"id\": \"b_1\", \"document\": \"b\", \"start\": 0, \"end\": 9, \"text\": \"300 years\", "
    "\"metadata\": {\"title\": \"A {title}\"}, \"score\": 1, \"tokens\": 2, \"merged\": [\"b_1\"]}], "
    "\"decision\": {\"generator\": \"g\", \"strategy\": \"passages\"}, \"model\": \"m\", \"finish\": \"stop\", "
    "\"usage\": {\"input_tokens\": 1, \"output_tokens\": 1, \"estimated\": true}, \"cost\": 0, \"timings\": [], "
    "\"cached\": false, \"at\": 0, \"scenario\": \"general\"}";

TEST(every_format_is_written) {
  static const struct {
    const char *format, *part;
  } cases[] = {
      {"markdown", "## How old is \\<it\\>?"}, {"json", "\"ragcore.answers\""},
      {"jsonl", "\"question\":\"How old"},     {"csv", "How old is <it>?"},
      {"html", "How old is &lt;it&gt;?"},      {"xml", "<question>How old is &lt;it&gt;?</question>"},
      {"bibtex", "A \\textbraceleft{}title"},  {"ris", "TI  - A {title}\r\n"},
      {"latex", "\\textless{}it\\textgreater{}"}, {"text", "How old is <it>?"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rag_string *file = NULL;
    OK(rag_export(ANSWER, strlen(ANSWER), cases[i].format, NULL, &file, &err));
    CHECK(strstr(rag_string_data(file), cases[i].part) != NULL);
    rag_string_free(file);
  }
}

TEST(a_file_is_exported_again_and_a_template_is_filled) {
  rag_string *lines = NULL, *filled = NULL;
  rag_options *options = NULL;
  OK(rag_export(ANSWER, RAG_NUL_TERMINATED, "jsonl", NULL, &lines, &err));
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_str(options, RAG_OPT_TEMPLATE, "{question} {sources}", &err));
  OK(rag_options_set_str(options, RAG_OPT_SOURCE_TEMPLATE, "{number}: {meta_title}", &err));
  OK(rag_export(rag_string_data(lines), rag_string_len(lines), "template", options, &filled, &err));
  CHECK_STR(rag_string_data(filled), "How old is <it>? 1: A {title}");
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_export(ANSWER, RAG_NUL_TERMINATED, "template", NULL, &filled, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_export(ANSWER, RAG_NUL_TERMINATED, "docx", NULL, &filled, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_export("{}", RAG_NUL_TERMINATED, "text", NULL, &filled, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_export(NULL, 1, "text", NULL, &filled, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_export(ANSWER, RAG_NUL_TERMINATED, NULL, NULL, &filled, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_export(ANSWER, RAG_NUL_TERMINATED, "text", NULL, NULL, &err));
  rag_string_free(lines);
  rag_string_free(filled);
  rag_options_free(options);
}

TEST(texts_and_answers_are_compared) {
  char given[2048];
  rag_string *found = NULL;
  rag_options *options = NULL;
  snprintf(given, sizeof given, "[\"It is 200 years old.\", %s]", ANSWER);
  OK(rag_compare(given, RAG_NUL_TERMINATED, NULL, NULL, &found, &err));
  const char *text = rag_string_data(found);
  CHECK(strstr(text, "\"kind\":\"numbers\"") != NULL);
  CHECK(strstr(text, "\"by_vectors\":false") != NULL);
  rag_string_free(found);
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_u64(options, RAG_OPT_MAX_SENTENCES, 1, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_compare(given, strlen(given), NULL, options, &found, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_compare("[\"One.\"]", RAG_NUL_TERMINATED, NULL, NULL, &found, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_compare("{}", RAG_NUL_TERMINATED, NULL, NULL, &found, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_compare(NULL, 1, NULL, NULL, &found, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_compare(given, RAG_NUL_TERMINATED, NULL, NULL, NULL, &err));
  rag_options_free(options);
}

int main(void) {
  RUN(every_format_is_written);
  RUN(a_file_is_exported_again_and_a_template_is_filled);
  RUN(texts_and_answers_are_compared);
  return FINISH();
}
