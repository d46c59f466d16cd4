/* What the runners of the conformance cases share. */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include "json.h"
#include "ragcore.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a case wants and whether something else came. */
typedef struct outcome {
  const json *want;
  double tolerance;
  uint64_t seed;
  bool wrong;
  /* Why C cannot even ask what the case asks; NULL if it can. */
  const char *skip;
} outcome;

typedef rag_status (*runner)(const json *inputs, const json *options, outcome *got, rag_error **err);

/* The case's options as a bag that the caller frees. */
rag_options *options_of(const json *options, rag_error **err);

/* The judgements of "queries": "documents" with "grades". The caller frees them. */
rag_status qrels_of(const json *inputs, rag_qrels **out, rag_error **err);

/* Each compares a result with the field of that name. */
void expect_number(outcome *got, const char *field, double value);
void expect_doubles(outcome *got, const char *field, const double *values, size_t count);
void expect_doubles_at(outcome *got, const char *field, const json *want, const double *values,
                       size_t count);
void expect_floats(outcome *got, const char *field, const float *values, size_t count);
void expect_floats_at(outcome *got, const char *field, const json *want, const float *values,
                      size_t count);
void expect_sizes(outcome *got, const char *field, const size_t *values, size_t count);
void expect_keys_at(outcome *got, const char *field, const json *want, const uint64_t *values,
                    size_t count);
void expect_text(outcome *got, const char *field, const char *value);
void expect_texts(outcome *got, const char *field, const rag_strings *values);

/* Does the next step only if all steps so far went well. */
#define STEP(status, call)                                                                         \
  do {                                                                                             \
    if ((status) == RAG_STATUS_OK) (status) = (call);                                              \
  } while (0)

#define RUNNER(name)                                                                               \
  rag_status run_##name(const json *inputs, const json *options, outcome *got, rag_error **err)

RUNNER(aiq);
RUNNER(alpha_ndcg);
RUNNER(bandit_arms);
RUNNER(bandit_estimates);
RUNNER(bandit_evaluate);
RUNNER(bandit_reward_all);
RUNNER(bandit_what_if);
RUNNER(calibrate);
RUNNER(chebyshev);
RUNNER(chunking);
RUNNER(collection_calibrate);
RUNNER(collection_search);
RUNNER(collection_tune);
RUNNER(collection_write);
RUNNER(compare_runs);
RUNNER(crowding_distance);
RUNNER(dense_search);
RUNNER(detect_domain);
RUNNER(distance_to_ideal);
RUNNER(epsilon_front);
RUNNER(evaluate);
RUNNER(experiment_assign);
RUNNER(filter_feedback);
RUNNER(filter_match);
RUNNER(gap_recovered);
RUNNER(groundedness);
RUNNER(hypervolume);
RUNNER(hypervolume_contributions);
RUNNER(intra_list_distance);
RUNNER(knee);
RUNNER(lexical);
RUNNER(mmr);
RUNNER(nondominated_sort);
RUNNER(optimize);
RUNNER(pack);
RUNNER(pareto_archive);
RUNNER(pareto_front);
RUNNER(question_difference);
RUNNER(readability);
RUNNER(reward);
RUNNER(route);
RUNNER(route_health);
RUNNER(route_policy);
RUNNER(routing_curve);
RUNNER(rrf_fuse);
RUNNER(sanitize);
RUNNER(steering_apply);
RUNNER(steering_arithmetic);
RUNNER(steering_calibrate);
RUNNER(steering_curve);
RUNNER(steering_feedback);
RUNNER(steering_joint);
RUNNER(steering_learn);
RUNNER(steering_orthogonalize);
RUNNER(terms);

#endif
