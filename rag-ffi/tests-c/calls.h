/* What calls.c, which is generated from the header, and calls_driver.c know of each other. */
#ifndef CALLS_H
#define CALLS_H

#include "ragcore.h"

/* The largest count that is picked: every array holds at least MOST * MOST items. */
#define MOST 8

/* Handles of one type, alive and freed. */
typedef struct pool {
  const char *name;
  rag_status (*release)(void *);
  void *alive[MOST];
  void *freed[MOST];
  size_t alive_count;
  size_t freed_count;
} pool;

typedef struct call {
  const char *name;
  rag_status (*run)(rag_error **err);
  bool explains;
} call;

extern pool *const pools[];
extern const size_t pool_count;
extern pool rag_error_pool;
extern const call calls[];
extern const size_t call_count;

void *pick(pool *from);
void *let_go(pool *from);
void keep(pool *in, void *handle);
void **pick_handles(pool *from);
/* The place itself, or now and then NULL. */
#define pick_out(place) (pick_count() == 0 ? NULL : (place))

const char *pick_text(void);
const char *const *pick_texts(void);
const char *pick_path(void);
const char *pick_json(void);
size_t pick_length(void);
const size_t *pick_lengths(void);
const size_t *pick_offsets(void);
const uint64_t *const *pick_rankings(void);
const rag_log_entry *pick_log(void);
const rag_grid_dimension *pick_dimensions(void);
const rag_bandit_query *pick_queries(void);
const rag_knob *pick_knobs(void);
size_t pick_count(void);
size_t pick_capacity(void);
size_t pick_k(void);
uint64_t pick_key(void);
double pick_number(void);
const void *pick_buffer_floats(void);
const void *pick_buffer_doubles(void);
const void *pick_buffer_keys(void);
const void *pick_buffer_flags(void);
void *pick_buffer_out(void);
rag_progress pick_rag_progress(void);
rag_token_counter pick_rag_token_counter(void);
rag_generate pick_rag_generate(void);
rag_hear pick_rag_hear(void);
rag_policy pick_rag_policy(void);
rag_objective pick_rag_objective(void);

#endif
