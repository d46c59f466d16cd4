/* A harness of one page: CHECK inside TEST, RUN from main, FINISH at the end. */
#ifndef CHECK_H
#define CHECK_H

#include "ragcore.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_passed, check_failed, check_skipped, check_bad;

#define TEST(name) static void name(void)
#define RUN(name)                                                                                  \
  do {                                                                                             \
    check_bad = 0;                                                                                 \
    size_t before = rag_handles_alive();                                                           \
    name();                                                                                        \
    if (rag_handles_alive() != before) {                                                           \
      printf("%s: %zu handles alive after %zu\n", #name, rag_handles_alive(), before);             \
      check_bad = 1;                                                                               \
    }                                                                                              \
    if (check_bad) {                                                                               \
      printf("FAILED: %s\n", #name);                                                               \
      check_failed++;                                                                              \
    } else {                                                                                       \
      check_passed++;                                                                              \
    }                                                                                              \
  } while (0)

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                               \
      check_bad = 1;                                                                               \
    }                                                                                              \
  } while (0)

#define CHECK_STR(got, want)                                                                       \
  do {                                                                                             \
    const char *got_ = (got), *want_ = (want);                                                     \
    if (got_ == NULL || strcmp(got_, want_) != 0) {                                                \
      printf("%s:%d: got \"%s\", want \"%s\"\n", __FILE__, __LINE__, got_ ? got_ : "NULL", want_); \
      check_bad = 1;                                                                               \
    }                                                                                              \
  } while (0)

/* The call succeeds; its error object is `err` and told if it does not. */
#define OK(call)                                                                                   \
  do {                                                                                             \
    rag_error *err = NULL;                                                                         \
    rag_status ok_ = (call);                                                                       \
    if (ok_ != RAG_STATUS_OK || err != NULL) {                                                     \
      printf("%s:%d: %s: status %d: %s\n", __FILE__, __LINE__, #call, (int)ok_,                    \
             rag_error_message(err));                                                              \
      check_bad = 1;                                                                               \
    }                                                                                              \
    rag_error_free(err);                                                                           \
  } while (0)

/* The call fails with this status and says something. */
#define FAILS(wanted, call)                                                                        \
  do {                                                                                             \
    rag_error *err = NULL;                                                                         \
    rag_status got_ = (call);                                                                      \
    if (got_ != (wanted) || rag_error_status(err) != (wanted) ||                                   \
        *rag_error_message(err) == '\0') {                                                         \
      printf("%s:%d: %s: status %d: %s\n", __FILE__, __LINE__, #call, (int)got_,                   \
             rag_error_message(err));                                                              \
      check_bad = 1;                                                                               \
    }                                                                                              \
    rag_error_free(err);                                                                           \
  } while (0)

#define FINISH()                                                                                   \
  (printf("result: %d passed, %d failed, %d skipped\n", check_passed, check_failed, check_skipped), \
   check_failed > 0)

#endif
