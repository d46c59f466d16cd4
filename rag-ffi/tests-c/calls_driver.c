/* Random calls of every function in the header: nothing may crash, leak or fail without a word.
 *
 * Handles are alive, freed, of another type, made up or NULL; texts are fine, NULL or not UTF-8;
 * numbers are small, huge, NaN or infinite. What C cannot check is honest: every array really has
 * as many items as the counts say. */
#include "calls.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t state;

static uint64_t draw(void) {
  state += 0x9E3779B97F4A7C15u;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static size_t below(size_t n) { return (size_t)(draw() % n); }

static void *bad_handle(pool *from) {
  pool *other = pools[below(pool_count)];
  switch (below(4)) {
  case 0:
    return NULL;
  case 1:
    return from->freed_count > 0 ? from->freed[below(from->freed_count)] : NULL;
  case 2:
    return other != from && other->alive_count > 0 ? other->alive[below(other->alive_count)] : NULL;
  default:
    /* Never a handle that is alive: the low bits of those are small. */
    return (void *)(uintptr_t)(draw() | 0xF0000000u);
  }
}

void *pick(pool *from) {
  if (from->alive_count == 0 || below(12) == 0) return bad_handle(from);
  return from->alive[below(from->alive_count)];
}

static void remember_freed(pool *in, void *handle) {
  if (in->freed_count < MOST) in->freed[in->freed_count++] = handle;
  else in->freed[below(MOST)] = handle;
}

void *let_go(pool *from) {
  /* Freed seldom enough that most calls find something to work on. */
  if (from->alive_count < 2 || below(3) > 0) {
    void *bad = bad_handle(from);
    for (size_t i = 0; i < from->alive_count; i++)
      if (from->alive[i] == bad) return NULL;
    return bad;
  }
  size_t at = below(from->alive_count);
  void *handle = from->alive[at];
  from->alive[at] = from->alive[--from->alive_count];
  remember_freed(from, handle);
  return handle;
}

void keep(pool *in, void *handle) {
  if (handle == NULL) return;
  if (in->alive_count < MOST) {
    in->alive[in->alive_count++] = handle;
    return;
  }
  size_t at = below(MOST);
  in->release(in->alive[at]);
  remember_freed(in, in->alive[at]);
  in->alive[at] = handle;
}

void **pick_handles(pool *from) {
  static void *handles[MOST];
  for (size_t i = 0; i < MOST; i++) handles[i] = pick(from);
  return below(16) == 0 ? NULL : handles;
}

/* Each text has at least 16 readable bytes. */
static const char texts[][64] = {
    "a", "b", "trust", "the cat sleeps", "", "\xC3\xA4\xF0\x9F\x98\x80 x", "u1", "red apples",
    "switch-dr", "english", "mode", "k1", "seed", "hybrid", "\xFF\xFE bad", "c", "k",
};
#define TEXTS (sizeof texts / sizeof *texts)

const char *pick_text(void) { return below(16) == 0 ? NULL : texts[below(TEXTS)]; }

const char *const *pick_texts(void) {
  static const char *picked[MOST];
  for (size_t i = 0; i < MOST; i++) {
    picked[i] = below(24) == 0 ? NULL : texts[below(14)];
  }
  return below(16) == 0 ? NULL : picked;
}

const char *pick_path(void) {
  static const char *const paths[] = {"calls-1", "calls-2", "no/such/folder/x", "", "\xFF", "calls.c"};
  return below(8) == 0 ? NULL : paths[below(6)];
}

const char *pick_json(void) {
  static const char *const json[] = {
      "{}", "{\"a\": 1}", "{\"a\": {\"$gte\": 1}}", "{\"$or\": []}", "{\"$bad\": 1}", "[", "", "null",
      "{\"a\": {\"$in\": [1, \"x\"]}}", "\xFF", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
      "{\"text\": \"why the cat?\", \"user\": \"a\", \"session\": \"s\"}",
      "[{\"text\": \"the cat sleeps. it purrs.\", \"id\": \"a\"}]",
      "{\"user\": \"a\", \"key\": \"likes\", \"value\": \"green tea\"}",
  };
  return below(6) == 0 ? NULL : json[below(14)];
}

size_t pick_length(void) { return below(2) == 0 ? RAG_NUL_TERMINATED : below(16); }

const size_t *pick_lengths(void) {
  static size_t lengths[MOST];
  for (size_t i = 0; i < MOST; i++) lengths[i] = pick_length();
  return below(2) == 0 ? NULL : lengths;
}

const size_t *pick_offsets(void) {
  static size_t offsets[MOST];
  for (size_t i = 1; i < MOST; i++) offsets[i] = below(16) == 0 ? below(16) : offsets[i - 1] + below(2);
  return below(16) == 0 ? NULL : offsets;
}

size_t pick_count(void) { return below(3) > 0 ? below(3) : below(MOST + 1); }

#define ROOM 1024
size_t pick_capacity(void) { return below(3) == 0 ? below(4) : ROOM; }

size_t pick_k(void) { return below(8) == 0 ? (below(2) == 0 ? 0 : (size_t)1000000000u) : 1 + below(9); }

uint64_t pick_key(void) { return below(8) == 0 ? UINT64_MAX : below(6); }

double pick_number(void) {
  static const double numbers[] = {0.0, 1.0, 0.5, -1.0, 0.25, 0.7, 100.0, 1e300, -1e-300};
  switch (below(12)) {
  case 0:
    return (double)NAN;
  case 1:
    return (double)INFINITY;
  default:
    return numbers[below(9)];
  }
}

/* Mostly fine numbers, so that the calls have work to do. */
static double number_in_array(void) {
  return below(200) == 0 ? pick_number() : (double)below(1000) / 500.0 - 1.0;
}

#define ITEMS (MOST * MOST)
const void *pick_buffer_floats(void) {
  static float floats[ITEMS + 1];
  for (size_t i = 0; i < ITEMS; i++) floats[i] = (float)number_in_array();
  if (below(16) == 0) return below(2) == 0 ? NULL : (const char *)floats + 1;
  return floats;
}

const void *pick_buffer_doubles(void) {
  static double doubles[2][ITEMS];
  double *picked = doubles[below(2)];
  for (size_t i = 0; i < ITEMS; i++) picked[i] = number_in_array();
  return below(16) == 0 ? NULL : picked;
}

const void *pick_buffer_keys(void) {
  static uint64_t keys[ITEMS];
  for (size_t i = 0; i < ITEMS; i++) keys[i] = pick_key();
  return below(16) == 0 ? NULL : keys;
}

const void *pick_buffer_flags(void) {
  static unsigned char flags[ITEMS];
  for (size_t i = 0; i < ITEMS; i++) flags[i] = (unsigned char)(below(50) == 0 ? 7 : below(2));
  return below(3) == 0 ? NULL : flags;
}

const uint64_t *const *pick_rankings(void) {
  static const uint64_t *rankings[MOST];
  for (size_t i = 0; i < MOST; i++) rankings[i] = pick_buffer_keys();
  return below(16) == 0 ? NULL : rankings;
}

const rag_log_entry *pick_log(void) {
  static rag_log_entry log[MOST];
  static const double context[MOST] = {0.5, 0.25};
  for (size_t i = 0; i < MOST; i++) {
    log[i].domain = pick_text();
    log[i].context = below(2) == 0 ? NULL : context;
    log[i].context_count = log[i].context == NULL ? 0 : below(MOST);
    log[i].arm = pick_number();
    log[i].reward = pick_number();
    log[i].propensity = 0.1 + 0.1 * (double)below(10);
  }
  return below(2) == 0 ? NULL : log;
}

const rag_bandit_query *pick_queries(void) {
  static rag_bandit_query queries[MOST];
  static const double context[MOST] = {0.5, 0.25};
  for (size_t i = 0; i < MOST; i++) {
    queries[i].domain = pick_text();
    queries[i].context = below(2) == 0 ? NULL : context;
    queries[i].context_count = queries[i].context == NULL ? 0 : below(MOST);
  }
  return below(16) == 0 ? NULL : queries;
}

const rag_grid_dimension *pick_dimensions(void) {
  static rag_grid_dimension dimensions[MOST];
  static const double values[MOST] = {0.5, 0.25, 7.0};
  for (size_t i = 0; i < MOST; i++) {
    dimensions[i].name = pick_text();
    dimensions[i].values = below(2) == 0 ? NULL : values;
    dimensions[i].count = dimensions[i].values == NULL ? 0 : below(MOST);
    dimensions[i].low = pick_number();
    dimensions[i].high = pick_number();
  }
  return below(16) == 0 ? NULL : dimensions;
}

const rag_knob *pick_knobs(void) {
  static const char *const choices[] = {"a", "b"};
  static const char *const kinds[] = {"real", "whole", "choice", "dial", NULL};
  static rag_knob knobs[MOST];
  if (below(24) == 0) return NULL;
  for (size_t i = 0; i < MOST; i++) {
    knobs[i].name = below(24) == 0 ? NULL : i % 2 == 0 ? "x" : "y";
    knobs[i].kind = kinds[below(3) == 0 ? below(5) : below(3)];
    knobs[i].low = (double)below(3);
    knobs[i].high = (double)below(5);
    knobs[i].choices = below(24) == 0 ? NULL : choices;
    knobs[i].choice_count = below(3);
  }
  return knobs;
}

void *pick_buffer_out(void) {
  /* Room for the largest item that the header has. A new one each time would hide nothing, and
   * an old one shows whether a result is still pointed to. */
  static union {
    unsigned char bytes[ROOM * 128];
    double aligned;
  } out[4];
  return below(24) == 0 ? NULL : out[below(4)].bytes;
}

static bool on_progress(size_t done, size_t total, void *user) {
  (void)user;
  return done <= total && below(8) > 0;
}
rag_progress pick_rag_progress(void) { return below(2) == 0 ? NULL : on_progress; }

static size_t on_count(const char *text, size_t length, void *user) {
  (void)user;
  return length == 0 ? 0 : 1 + (size_t)(unsigned char)text[length - 1] % 3;
}
rag_token_counter pick_rag_token_counter(void) { return below(8) == 0 ? NULL : on_count; }

static double on_policy(const char *domain, const double *context, size_t n, void *user) {
  (void)user;
  return n > 0 ? context[0] : (double)strlen(domain);
}
rag_policy pick_rag_policy(void) { return below(8) == 0 ? NULL : on_policy; }

static bool on_objective(const double *settings, size_t n, double *outcomes, void *user) {
  (void)user;
  /* One outcome each: of more objectives the rest stays NaN and is refused. */
  for (size_t i = 0; i < n; i++) outcomes[i] = settings[i];
  return below(4) > 0;
}
rag_objective pick_rag_objective(void) { return below(8) == 0 ? NULL : on_objective; }

static int on_generate(const char *prompt, size_t length, rag_emit emit, void *sink, void *user) {
  (void)prompt;
  (void)user;
  for (size_t i = 0; i < 1 + length % 3; i++)
    if (emit("[TIP: x] the [1] cat. ", RAG_NUL_TERMINATED, sink) == 0) break;
  return length % 7 == 0;
}
rag_generate pick_rag_generate(void) { return below(8) == 0 ? NULL : on_generate; }

static int on_hear(const char *text, size_t length, const char *marker, void *user) {
  (void)text;
  (void)marker;
  (void)user;
  return length % 11 != 0;
}
rag_hear pick_rag_hear(void) { return below(2) == 0 ? NULL : on_hear; }

static int check(const call *called, rag_status status, rag_error *err, bool asked) {
  bool told = status == RAG_STATUS_OK ? err == NULL
              : asked && called->explains
                  ? err != NULL && rag_error_status(err) == status && *rag_error_message(err) != '\0'
                  : err == NULL;
  bool known = rag_status_name(status) != NULL && status != RAG_STATUS_PANIC &&
               status != RAG_STATUS_POISONED && status != RAG_STATUS_BUSY;
  if (told && known) return 0;
  printf("FAILED: %s returned %d (%s)\n", called->name, (int)status, rag_error_message(err));
  return 1;
}

int main(int argc, char **argv) {
  uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20240611u;
  double seconds = argc > 2 ? atof(argv[2]) : 6.0;
  state = seed;
  clock_t start = clock();
  size_t made = 0, succeeded = 0, failed = 0;
  while (failed < 10 && (double)(clock() - start) < seconds * CLOCKS_PER_SEC) {
    const call *called = &calls[below(call_count)];
    rag_error *err = NULL;
    bool asked = below(8) > 0;
    rag_status status = called->run(asked ? &err : NULL);
    failed += (size_t)check(called, status, err, asked);
    made += 1;
    succeeded += status == RAG_STATUS_OK;
    if (below(2) == 0) keep(&rag_error_pool, err);
    else if (rag_error_free(err) != RAG_STATUS_OK) failed += 1;
  }
  for (size_t i = 0; i < pool_count; i++)
    for (size_t j = 0; j < pools[i]->alive_count; j++)
      if (pools[i]->release(pools[i]->alive[j]) != RAG_STATUS_OK) failed += 1;
  size_t left = rag_handles_alive();
  if (left > 0) {
    printf("FAILED: %zu handles were given and never came out\n", left);
    failed += 1;
  }
  printf("random calls: seed %llu, %zu calls of %zu functions, %zu succeeded\n",
         (unsigned long long)seed, made, call_count, succeeded);
  /* One call in three should get past the checks of its arguments, or little is tested. */
  if (succeeded * 5 < made) {
    printf("FAILED: too few calls succeed\n");
    failed += 1;
  }
  printf("result: %d passed, %zu failed, 0 skipped\n", failed == 0, failed);
  return failed == 0 ? 0 : 1;
}
