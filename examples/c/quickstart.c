/* The whole library on one page, in C: a folder of text is split, embedded, searched, steered by a
 * dial that is learnt in the run, tuned by a bandit, and routed over a Pareto front.
 *
 *   quickstart [FOLDER [QUESTION]]
 *
 * Built by hand:  cc -std=c11 quickstart.c $(pkg-config --cflags --libs ragcore) */
#include "ragcore.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define PASSAGE_TOKENS 128
#define MOST_CHUNKS 65536
#define STRENGTH 3.0

/* Ends the program with the library's own sentence if a call failed. */
static void must(rag_status status, rag_error *err) {
  if (status == RAG_STATUS_OK) return;
  fprintf(stderr, "%s: %s\n", rag_status_name(status), rag_error_message(err));
  rag_error_free(err);
  exit(1);
}
#define MUST(call)                                                                                 \
  do {                                                                                             \
    rag_error *err = NULL;                                                                         \
    rag_status status_ = (call);                                                                   \
    must(status_, err);                                                                            \
  } while (0)

static void *more(void *old, size_t bytes) {
  void *grown = realloc(old, bytes);
  if (grown == NULL && bytes > 0) {
    fprintf(stderr, "out of memory\n");
    exit(1);
  }
  return grown;
}

static char *copy(const char *text, size_t length) {
  char *made = more(NULL, length + 1);
  memcpy(made, text, length);
  made[length] = '\0';
  return made;
}

/* A list of texts that grows. */
typedef struct list {
  char **items;
  size_t count;
} list;

static void push(list *to, char *text) {
  to->items = more(to->items, (to->count + 1) * sizeof *to->items);
  to->items[to->count++] = text;
}

static void release(list *of) {
  for (size_t i = 0; i < of->count; i++) free(of->items[i]);
  free(of->items);
}

/* What C wants: a pointer to pointers to const. */
static const char *const *lend(const list *of) { return (const char *const *)of->items; }

static int ends(const char *name, const char *ending) {
  size_t n = strlen(name), e = strlen(ending);
  return n > e && strcmp(name + n - e, ending) == 0;
}

static int by_path(const void *a, const void *b) {
  const char *x = *(char *const *)a, *y = *(char *const *)b;
  while (*x != '\0' && *x == *y) x++, y++;
  /* A folder's own files come before those of a folder whose name goes on. */
  int left = *x == '/' ? 1 : (unsigned char)*x, right = *y == '/' ? 1 : (unsigned char)*y;
  return left - right;
}

static void walk(const char *folder, list *files) {
  DIR *directory = opendir(folder);
  if (directory == NULL) {
    fprintf(stderr, "cannot read the folder %s\n", folder);
    exit(1);
  }
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    size_t room = strlen(folder) + strlen(entry->d_name) + 2;
    char *path = more(NULL, room);
    snprintf(path, room, "%s/%s", folder, entry->d_name);
    struct stat info;
    if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
      walk(path, files);
      free(path);
    } else if (ends(path, ".md") || ends(path, ".txt")) {
      push(files, path);
    } else {
      free(path);
    }
  }
  closedir(directory);
}

static char *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  char *text = NULL;
  *length = 0;
  if (file == NULL) return copy("", 0);
  for (size_t got = 1; got > 0; *length += got) {
    text = more(text, *length + 65537);
    got = fread(text + *length, 1, 65536, file);
  }
  fclose(file);
  text[*length] = '\0';
  return text;
}

/* The passages of all files. */
typedef struct corpus {
  list ids, texts, metadata;
} corpus;

static char *json_string(const char *text) {
  char *made = more(NULL, 6 * strlen(text) + 3), *to = made;
  *to++ = '"';
  for (; *text != '\0'; text++) {
    if ((unsigned char)*text < 0x20) to += sprintf(to, "\\u%04x", *text);
    else {
      if (*text == '"' || *text == '\\') *to++ = '\\';
      *to++ = *text;
    }
  }
  strcpy(to, "\"");
  return made;
}

static void split(const char *path, const rag_embedder *model, corpus *into) {
  size_t length = 0, count = 0, line = 1, counted = 0;
  char *text = read_file(path, &length);
  rag_chunk *chunks = more(NULL, MOST_CHUNKS * sizeof *chunks);
  rag_options *options = NULL;
  rag_chunker *chunker = NULL;
  MUST(rag_options_new(&options, &err));
  MUST(rag_options_set_u64(options, RAG_OPT_MAX_TOKENS, PASSAGE_TOKENS, &err));
  MUST(rag_options_set_str(options, RAG_OPT_MODE, ends(path, ".md") ? "markdown" : "sentence", &err));
  MUST(rag_chunker_new(options, &chunker, &err));
  rag_error *err = NULL;
  if (rag_chunker_split(chunker, model, text, length, chunks, MOST_CHUNKS, &count, &err) !=
      RAG_STATUS_OK) {
    printf("skipped: %s: %s\n", path, rag_error_message(err));
    rag_error_free(err);
  }
  char *name = json_string(path);
  for (size_t i = 0; i < count; i++) {
    for (; counted < chunks[i].start; counted++) line += text[counted] == '\n';
    size_t room = strlen(name) + 128;
    char *id = more(NULL, room), *metadata = more(NULL, room);
    snprintf(id, room, "%s:%zu@%zu", path, line, chunks[i].start);
    snprintf(metadata, room, "{\"file\": %s, \"line\": %zu, \"start\": %zu}", name, line,
             chunks[i].start);
    push(&into->ids, id);
    push(&into->metadata, metadata);
    push(&into->texts, copy(text + chunks[i].start, chunks[i].end - chunks[i].start));
  }
  free(name);
  free(text);
  free(chunks);
  rag_chunker_free(chunker);
  rag_options_free(options);
}

static void heading(const char *text) {
  printf("\n%s\n", text);
  for (size_t i = 0; i < strlen(text); i++) putchar('-');
  putchar('\n');
}

static void figure(float score) {
  if (isnan(score)) printf("       -");
  else printf("  %6.3f", (double)score);
}

/* The first words of a passage on one line. */
static void snippet(const char *text, size_t length) {
  size_t shown = 0, characters = 0;
  printf("     ");
  for (size_t i = 0; i < length && characters < 90; i++) {
    int blank = strchr(" \n\t\r", text[i]) != NULL;
    if (blank && (shown == 0 || i + 1 == length || strchr(" \n\t\r", text[i + 1]) != NULL)) continue;
    putchar(blank ? ' ' : text[i]);
    shown++;
    /* Continuation bytes of UTF-8 belong to the character before. */
    characters += ((unsigned char)text[i + 1] & 0xC0) != 0x80;
  }
  putchar('\n');
}

static void show(const rag_hits *hits) {
  printf("     score    bm25  cosine  where\n");
  for (size_t i = 0; i < rag_hits_len(hits); i++) {
    rag_hit hit;
    MUST(rag_hits_get(hits, i, &hit, &err));
    const char *at = strrchr(hit.id, '@');
    printf("%3zu. %.4f", i + 1, (double)hit.score);
    figure(hit.lexical_score);
    figure(hit.dense_score);
    printf("  %.*s\n", (int)(at == NULL ? hit.id_length : (size_t)(at - hit.id)), hit.id);
    snippet(hit.text, hit.text_length);
  }
}

/* One question; NULL for a mode or a negative number mean the library's default. */
static rag_hits *ask(const rag_collection *collection, const char *question, unsigned k,
                     const char *mode, double weight, double diversity, double dial) {
  rag_options *options = NULL;
  rag_query *query = NULL;
  rag_hits *hits = NULL;
  MUST(rag_options_new(&options, &err));
  MUST(rag_options_set_u64(options, RAG_OPT_K, k, &err));
  if (mode != NULL) MUST(rag_options_set_str(options, RAG_OPT_MODE, mode, &err));
  if (weight >= 0.0) MUST(rag_options_set_f64(options, RAG_OPT_BM25_WEIGHT, weight, &err));
  if (diversity >= 0.0) MUST(rag_options_set_f64(options, RAG_OPT_DIVERSITY, diversity, &err));
  MUST(rag_query_new(question, RAG_NUL_TERMINATED, options, &query, &err));
  if (dial != 0.0) MUST(rag_query_steer(query, "hands-on", dial, &err));
  MUST(rag_collection_search(collection, query, &hits, &err));
  rag_query_free(query);
  rag_options_free(options);
  return hits;
}

static const char *const instructions[] = {
    "Run the command and look at the output.",
    "Open the file, change the second line and save it.",
    "First install the package, then start the server.",
    "Type the name of the folder and press enter.",
    "Copy this example into a new file and run it.",
    "Set the option to false and try again.",
};
static const char *const background[] = {
    "The idea goes back to a paper from the nineteen-sixties.",
    "In theory the bound is tight, but the proof needs a further assumption.",
    "Many authors have discussed why this approach is attractive.",
    "The history of the format explains most of its oddities.",
    "A detailed comparison of the two schools of thought follows.",
    "The term has had several meanings over the years.",
};

/* The examples in the file beside the Rust quickstart, or the few above. */
static void examples(list *positive, list *negative) {
  size_t length = 0;
  char *text = read_file("examples/data/hands-on.txt", &length);
  for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    if (strncmp(line, "+ ", 2) == 0) push(positive, copy(line + 2, strlen(line + 2)));
    if (strncmp(line, "- ", 2) == 0) push(negative, copy(line + 2, strlen(line + 2)));
  }
  free(text);
  for (size_t i = 0; positive->count < 2 && i < 6; i++) {
    push(positive, copy(instructions[i], strlen(instructions[i])));
    push(negative, copy(background[i], strlen(background[i])));
  }
}

static void steer(const rag_collection *collection, const char *question) {
  list positive = {0}, negative = {0};
  examples(&positive, &negative);
  rag_steering_vector *dial = NULL;
  rag_effect effect;
  bool measured = false;
  MUST(rag_collection_learn(collection, "hands-on", lend(&positive), NULL, positive.count,
                            lend(&negative), NULL, negative.count, NULL, &dial, &err));
  MUST(rag_steering_vector_effect(dial, &effect, &measured, &err));
  heading("The same, with the dial \"hands-on\" at 3");
  printf("learnt from %zu pairs", positive.count);
  if (measured)
    printf(", held-out effect %.2f sd [%.2f, %.2f]", effect.value, effect.low, effect.high);
  putchar('\n');
  rag_hits *hits = ask(collection, question, 5, NULL, -1.0, -1.0, STRENGTH);
  show(hits);
  rag_hits_free(hits);
  rag_steering_vector_free(dial);
  release(&positive);
  release(&negative);
}

/* One over the rank at which `wanted` comes back, 0 if it does not. */
static double reciprocal_rank(const rag_hits *hits, const char *wanted) {
  for (size_t i = 0; i < rag_hits_len(hits); i++) {
    rag_hit hit;
    MUST(rag_hits_get(hits, i, &hit, &err));
    if (strcmp(hit.id, wanted) == 0) return 1.0 / (double)(i + 1);
  }
  return 0.0;
}

/* Every other word of a passage: a question whose answer is known. */
static char *probe(const char *passage) {
  char *words = copy(passage, strlen(passage)), *made = more(NULL, strlen(passage) + 2);
  size_t n = 0;
  *made = '\0';
  for (char *word = strtok(words, " \n\t\r"); word != NULL; word = strtok(NULL, " \n\t\r"))
    if (n++ % 2 == 0 && n < 24) strcat(strcat(made, word), " ");
  free(words);
  return made;
}

static double tune(const rag_collection *collection, const corpus *passages) {
  rag_options *options = NULL;
  rag_bandit *bandit = NULL;
  double best = 0.5;
  MUST(rag_options_new(&options, &err));
  MUST(rag_options_set_u64(options, RAG_OPT_SEED, 7, &err));
  MUST(rag_bandit_new_range(0.0, 1.0, options, &bandit, &err));
  MUST(rag_bandit_set_prior(bandit, "this folder", 0.5, &err));
  heading("Three rounds of feedback: how much should words weigh against meanings?");
  for (size_t round = 0; round < 3 && passages->ids.count > 0; round++) {
    size_t at = (round * 7 + 3) % passages->ids.count;
    char *question = probe(passages->texts.items[at]);
    rag_choice choice;
    MUST(rag_bandit_choose(bandit, "this folder", NULL, 0, &choice, &err));
    rag_hits *hits = ask(collection, question, 10, NULL, choice.value, -1.0, 0.0);
    double reward = reciprocal_rank(hits, passages->ids.items[at]);
    double propensity = 0.0;
    MUST(rag_bandit_propensity(bandit, choice.id, &propensity, &err));
    MUST(rag_bandit_reward(bandit, choice.id, reward, &err));
    MUST(rag_bandit_best(bandit, "this folder", &best, &err));
    printf("round %zu: tried %.2f (chosen with probability %.3f), reward %.2f, best now %.2f\n",
           round + 1, choice.value, propensity, reward, best);
    rag_hits_free(hits);
    free(question);
  }
  rag_bandit_free(bandit);
  rag_options_free(options);
  return best;
}

static double milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void route(const rag_collection *collection, const corpus *passages, const char *question,
                  double weight) {
  static const struct {
    const char *name, *mode;
  } ways[] = {{"words alone", "lexical"}, {"meanings alone", "dense"}, {"both", "hybrid"}};
  static const char *const objectives[] = {"cost", "quality"};
  static const double wish[] = {0.1, 0.9};
  rag_router *router = NULL;
  rag_decision *decision = NULL;
  MUST(rag_router_new(objectives, 2, 7, NULL, &router, &err));
  heading("Routing: three ways of searching, measured on questions with a known answer");
  for (size_t way = 0; way < 3; way++) {
    double outcome[2] = {0.0, 0.0};
    for (size_t i = 0; i < 12 && passages->ids.count > 0; i++) {
      size_t at = (i * 13 + 5) % passages->ids.count;
      char *asked = probe(passages->texts.items[at]);
      double start = milliseconds();
      rag_hits *hits = ask(collection, asked, 10, ways[way].mode, weight, -1.0, 0.0);
      outcome[0] += (milliseconds() - start) / 12;
      outcome[1] += reciprocal_rank(hits, passages->ids.items[at]) / 12;
      rag_hits_free(hits);
      free(asked);
    }
    printf("%-16s %9.3f ms   quality %.3f\n", ways[way].name, outcome[0], outcome[1]);
    MUST(rag_router_add(router, ways[way].name, objectives, outcome, 2, &err));
  }
  MUST(rag_router_route(router, NULL, 0, objectives, wish, 2, NULL, 0, NULL, &decision, &err));
  printf("\"%s\" goes to: %s\n", question, rag_decision_name(decision));
  rag_decision_free(decision);
  rag_router_free(router);
}

int main(int argc, char **argv) {
  const char *folder = argc > 1 ? argv[1] : "docs";
  const char *question = argc > 2 ? argv[2] : "What happens to my data when the power fails?";
  rag_embedder *model = NULL;
  rag_collection *collection = NULL;
  MUST(rag_embedder_open(NULL, NULL, &model, &err));
  MUST(rag_collection_open(NULL, model, NULL, &collection, &err));

  list files = {0};
  corpus passages = {0};
  walk(folder, &files);
  if (files.count > 0) qsort(files.items, files.count, sizeof *files.items, by_path);
  for (size_t i = 0; i < files.count; i++) split(files.items[i], model, &passages);
  MUST(rag_collection_add(collection, lend(&passages.ids), lend(&passages.texts), NULL,
                          passages.ids.count, NULL, 0, lend(&passages.metadata), NULL, NULL, &err));
  printf("indexed: %zu passages of %zu files\n", passages.ids.count, files.count);

  printf("\nQuestion: %s\n", question);
  rag_hits *hits = ask(collection, question, 5, NULL, -1.0, -1.0, 0.0);
  show(hits);
  rag_hits_free(hits);
  steer(collection, question);
  double weight = tune(collection, &passages);
  route(collection, &passages, question, weight);

  release(&files);
  release(&passages.ids);
  release(&passages.texts);
  release(&passages.metadata);
  rag_collection_free(collection);
  rag_embedder_free(model);
  return 0;
}
