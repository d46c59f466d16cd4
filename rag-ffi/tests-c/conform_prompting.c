/* What stands in prompts: texts made fit, passages packed. */
#include "conformance.h"

typedef struct page {
  char *text;
  size_t length, room;
} page;

static void put(page *to, const char *text, size_t length) {
  if (to->length + length + 1 > to->room) {
    to->room = 2 * (to->length + length) + 64;
    to->text = realloc(to->text, to->room);
    if (to->text == NULL) abort();
  }
  memcpy(to->text + to->length, text, length);
  to->length += length;
  to->text[to->length] = 0;
}

static void quote(page *to, const char *text, size_t length) {
  put(to, "\"", 1);
  for (size_t i = 0; i < length; i++) {
    char escaped[8];
    unsigned char c = (unsigned char)text[i];
    if (c >= 0x20 && c != '"' && c != '\\')
      put(to, text + i, 1);
    else
      put(to, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", c));
  }
  put(to, "\"", 1);
}

/* A constant of the cases as the text that it was. */
static void print(page *to, const json *value) {
  char number[40];
  switch (value->kind) {
    case JSON_NUMBER:
      if (value->integer)
        put(to, number, (size_t)snprintf(number, sizeof number, "%llu", (unsigned long long)value->whole));
      else
        put(to, number, (size_t)snprintf(number, sizeof number, "%.17g", value->real));
      break;
    case JSON_TEXT: quote(to, value->text, value->count); break;
    case JSON_LIST:
      put(to, "[", 1);
      for (size_t i = 0; i < value->count; i++) {
        if (i > 0) put(to, ",", 1);
        print(to, &value->items[i]);
      }
      put(to, "]", 1);
      break;
    case JSON_OBJECT:
      put(to, "{", 1);
      for (size_t i = 0; i < value->count; i++) {
        if (i > 0) put(to, ",", 1);
        quote(to, value->fields[i].key, strlen(value->fields[i].key));
        put(to, ":", 1);
        print(to, &value->fields[i].value);
      }
      put(to, "}", 1);
      break;
    default: put(to, "null", 4);
  }
}

/* Steps over `wanted` where it comes next behind `*at`. */
static void comes(outcome *got, const char **at, const char *wanted) {
  const char *found = *at == NULL ? NULL : strstr(*at, wanted);
  got->wrong |= found == NULL;
  *at = found == NULL ? NULL : found + strlen(wanted);
}

static void comes_text(outcome *got, const char **at, const char *field, const json *text) {
  page wanted = {0};
  quote(&wanted, field, strlen(field));
  put(&wanted, ":", 1);
  quote(&wanted, text->text, text->count);
  comes(got, at, wanted.text);
  free(wanted.text);
}

static void comes_number(outcome *got, const char **at, const char *field, const json *number) {
  char wanted[64];
  snprintf(wanted, sizeof wanted, "\"%s\":", field);
  comes(got, at, wanted);
  if (*at != NULL) got->wrong |= fabs(strtod(*at, NULL) - json_number(number)) > got->tolerance;
}

static size_t words(const char *text, size_t length, void *user) {
  (void)user;
  size_t count = 0;
  for (size_t i = 0; i < length; i++) {
    bool blank = text[i] == ' ' || text[i] == '\n', before = i == 0 || text[i - 1] == ' ' || text[i - 1] == '\n';
    count += !blank && before;
  }
  return count;
}

RUNNER(sanitize) {
  (void)options;
  const json *text = json_need(inputs, "text");
  rag_string *made = NULL;
  rag_status status = rag_sanitize(text->text, text->count, &made, err);
  if (status == RAG_STATUS_OK && got->want != NULL) {
    const json *want = json_need(got->want, "text");
    got->wrong |= rag_string_len(made) != want->count ||
                  memcmp(rag_string_data(made), want->text, want->count) != 0;
  }
  rag_string_free(made);
  return status;
}

RUNNER(pack) {
  page asked = {0};
  put(&asked, "{\"passages\":", 12);
  print(&asked, json_need(inputs, "passages"));
  put(&asked, ",\"documents\":", 13);
  print(&asked, json_need(inputs, "documents"));
  put(&asked, "}", 1);
  rag_options *bag = options_of(options, err);
  rag_string *packed = NULL;
  size_t budget = json_need(inputs, "budget_tokens")->whole;
  rag_status status = bag == NULL ? RAG_STATUS_INVALID_ARGUMENT : RAG_STATUS_OK;
  STEP(status, rag_pack(asked.text, asked.length, budget, words, NULL, bag, &packed, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    const json *ids = json_need(got->want, "ids");
    const char *at = rag_string_data(packed);
    for (size_t i = 0; i < ids->count; i++) {
      comes_text(got, &at, "id", &ids->items[i]);
      comes_number(got, &at, "start", &json_need(got->want, "starts")->items[i]);
      comes_number(got, &at, "end", &json_need(got->want, "ends")->items[i]);
      comes_text(got, &at, "text", &json_need(got->want, "texts")->items[i]);
      comes_number(got, &at, "score", &json_need(got->want, "scores")->items[i]);
      comes_number(got, &at, "tokens", &json_need(got->want, "tokens")->items[i]);
      comes(got, &at, "\"merged\":[");
      const char *merged = json_need(got->want, "merged")->items[i].text;
      for (char id[64]; at != NULL && sscanf(merged, "%61s", id) == 1; merged += strspn(merged, " ")) {
        merged += strlen(id);
        page quoted = {0};
        quote(&quoted, id, strlen(id));
        comes(got, &at, quoted.text);
        free(quoted.text);
      }
    }
    got->wrong |= at != NULL && strstr(at, "\"id\":") != NULL;
  }
  rag_string_free(packed);
  rag_options_free(bag);
  free(asked.text);
  return status;
}
