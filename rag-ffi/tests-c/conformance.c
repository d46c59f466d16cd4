/* Runs every case of conformance/ through the C interface. An operation without a runner fails. */
#include "conformance.h"

static const struct {
  const char *operation;
  runner run;
} runners[] = {
    {"aiq", run_aiq},
    {"alpha_ndcg", run_alpha_ndcg},
    {"bandit_arms", run_bandit_arms},
    {"bandit_estimates", run_bandit_estimates},
    {"bandit_evaluate", run_bandit_evaluate},
    {"bandit_reward_all", run_bandit_reward_all},
    {"bandit_what_if", run_bandit_what_if},
    {"calibrate", run_calibrate},
    {"chebyshev", run_chebyshev},
    {"chunking", run_chunking},
    {"collection_calibrate", run_collection_calibrate},
    {"collection_search", run_collection_search},
    {"collection_tune", run_collection_tune},
    {"collection_write", run_collection_write},
    {"compare_runs", run_compare_runs},
    {"crowding_distance", run_crowding_distance},
    {"dense_search", run_dense_search},
    {"detect_domain", run_detect_domain},
    {"distance_to_ideal", run_distance_to_ideal},
    {"epsilon_front", run_epsilon_front},
    {"evaluate", run_evaluate},
    {"experiment_assign", run_experiment_assign},
    {"filter_feedback", run_filter_feedback},
    {"filter_match", run_filter_match},
    {"gap_recovered", run_gap_recovered},
    {"groundedness", run_groundedness},
    {"hypervolume", run_hypervolume},
    {"hypervolume_contributions", run_hypervolume_contributions},
    {"intra_list_distance", run_intra_list_distance},
    {"knee", run_knee},
    {"lexical", run_lexical},
    {"mmr", run_mmr},
    {"nondominated_sort", run_nondominated_sort},
    {"optimize", run_optimize},
    {"pack", run_pack},
    {"pareto_archive", run_pareto_archive},
    {"pareto_front", run_pareto_front},
    {"question_difference", run_question_difference},
    {"readability", run_readability},
    {"reward", run_reward},
    {"route", run_route},
    {"route_health", run_route_health},
    {"route_policy", run_route_policy},
    {"routing_curve", run_routing_curve},
    {"rrf_fuse", run_rrf_fuse},
    {"sanitize", run_sanitize},
    {"steering_apply", run_steering_apply},
    {"steering_arithmetic", run_steering_arithmetic},
    {"steering_calibrate", run_steering_calibrate},
    {"steering_curve", run_steering_curve},
    {"steering_feedback", run_steering_feedback},
    {"steering_joint", run_steering_joint},
    {"steering_learn", run_steering_learn},
    {"steering_orthogonalize", run_steering_orthogonalize},
    {"terms", run_terms},
};
#define RUNNERS (sizeof runners / sizeof *runners)

static int passed, failed, skipped;

static void run_case(const char *operation, runner run, const json *given) {
  const char *name = json_need(given, "name")->text;
  size_t before = rag_handles_alive();
  outcome got = {0};
  rag_error *err = NULL;
  const json *none = json_get(given, "options");
  const json *tolerance = json_get(given, "tolerance");
  got.tolerance = tolerance == NULL ? 0.0 : json_number(tolerance);
  got.want = json_get(given, "want");
  const json *seed = json_get(given, "seed");
  got.seed = seed == NULL ? 0 : seed->whole;
  rag_status status = run(json_need(given, "inputs"), none, &got, &err);
  const json *wanted = json_get(given, "error");
  bool good;
  if (got.skip != NULL) {
    printf("skipped: %s: %s: %s\n", operation, name, got.skip);
    rag_error_free(err);
    skipped++;
    return;
  }
  if (wanted != NULL) {
    good = status != RAG_STATUS_OK && strcmp(rag_status_name(status), wanted->text) == 0;
  } else {
    good = status == RAG_STATUS_OK && !got.wrong;
  }
  if (!good) {
    printf("FAILED: %s: %s: status %d %s\n", operation, name, (int)status, rag_error_message(err));
  }
  rag_error_free(err);
  if (rag_handles_alive() != before) {
    printf("FAILED: %s: %s: %zu handles leak\n", operation, name, rag_handles_alive() - before);
    good = false;
  }
  good ? passed++ : failed++;
}

int main(void) {
  for (size_t i = 0; i < conformance.count; i++) {
    const json *file = &conformance.items[i];
    const char *operation = json_need(file, "operation")->text;
    runner run = NULL;
    for (size_t j = 0; j < RUNNERS; j++)
      if (strcmp(runners[j].operation, operation) == 0) run = runners[j].run;
    if (run == NULL) {
      printf("FAILED: conformance/%s.json has no runner in C\n", operation);
      failed++;
      continue;
    }
    const json *cases = json_need(file, "cases");
    for (size_t j = 0; j < cases->count; j++) run_case(operation, run, &cases->items[j]);
  }
  for (size_t j = 0; j < RUNNERS; j++) {
    bool found = false;
    for (size_t i = 0; i < conformance.count; i++)
      found |= json_is(json_need(&conformance.items[i], "operation"), runners[j].operation);
    if (!found) printf("note: no cases yet for %s\n", runners[j].operation);
  }
  printf("result: %d passed, %d failed, %d skipped\n", passed, failed, skipped);
  return failed > 0;
}

/* What the runners share. */

rag_options *options_of(const json *options, rag_error **err) {
  rag_options *bag = NULL;
  if (rag_options_new(&bag, err) != RAG_STATUS_OK) return NULL;
  for (size_t i = 0; options != NULL && i < options->count; i++) {
    const char *name = options->fields[i].key;
    const json *value = &options->fields[i].value;
    bool special = json_is(value, "nan") || json_is(value, "inf") || json_is(value, "-inf");
    bool whole = value->kind == JSON_NUMBER && value->real == (double)value->whole && value->integer;
    if (value->kind == JSON_BOOL) rag_options_set_bool(bag, name, value->whole != 0, NULL);
    else if (value->kind == JSON_TEXT && !special) rag_options_set_str(bag, name, value->text, NULL);
    else if (whole) rag_options_set_u64(bag, name, value->whole, NULL);
    else if (value->kind != JSON_NULL) rag_options_set_f64(bag, name, json_number(value), NULL);
  }
  return bag;
}

static bool close_to(double got, double want, double tolerance) {
  if (isnan(want)) return isnan(got);
  return got == want || fabs(got - want) <= tolerance * (1.0 + fabs(want));
}

void expect_number(outcome *got, const char *field, double value) {
  double want = json_number(json_need(got->want, field));
  if (close_to(value, want, got->tolerance)) return;
  printf("  %s: got %.10g, want %.10g\n", field, value, want);
  got->wrong = true;
}

static void expect_list(outcome *got, const char *field, const json *want, const double *values,
                        size_t count, bool narrow) {
  bool same = json_count(want) == count;
  for (size_t i = 0; same && i < count; i++) {
    double wanted = json_number(&want->items[i]);
    if (narrow) wanted = (double)(float)wanted;
    same = close_to(values[i], wanted, got->tolerance);
    if (!same) printf("  %s[%zu]: got %.10g, want %.10g\n", field, i, values[i], wanted);
  }
  if (json_count(want) != count)
    printf("  %s: got %zu numbers, want %zu\n", field, count, json_count(want));
  got->wrong |= !same;
}

void expect_doubles_at(outcome *got, const char *field, const json *want, const double *values,
                       size_t count) {
  expect_list(got, field, want, values, count, false);
}

void expect_doubles(outcome *got, const char *field, const double *values, size_t count) {
  expect_doubles_at(got, field, json_need(got->want, field), values, count);
}

void expect_floats_at(outcome *got, const char *field, const json *want, const float *values,
                      size_t count) {
  double *wide = calloc(count + 1, sizeof *wide);
  for (size_t i = 0; i < count; i++) wide[i] = (double)values[i];
  expect_list(got, field, want, wide, count, true);
  free(wide);
}

void expect_floats(outcome *got, const char *field, const float *values, size_t count) {
  expect_floats_at(got, field, json_need(got->want, field), values, count);
}

void expect_sizes(outcome *got, const char *field, const size_t *values, size_t count) {
  const json *want = json_need(got->want, field);
  bool same = json_count(want) == count;
  for (size_t i = 0; same && i < count; i++) same = want->items[i].whole == values[i];
  if (!same) printf("  %s differs\n", field);
  got->wrong |= !same;
}

void expect_keys_at(outcome *got, const char *field, const json *want, const uint64_t *values,
                    size_t count) {
  bool same = json_count(want) == count;
  for (size_t i = 0; same && i < count; i++) same = want->items[i].whole == values[i];
  if (!same) printf("  %s differs\n", field);
  got->wrong |= !same;
}

void expect_text(outcome *got, const char *field, const char *value) {
  if (json_is(json_need(got->want, field), value)) return;
  printf("  %s: got %s, want %s\n", field, value, json_need(got->want, field)->text);
  got->wrong = true;
}

void expect_texts(outcome *got, const char *field, const rag_strings *values) {
  const json *want = json_need(got->want, field);
  bool same = json_count(want) == rag_strings_len(values);
  for (size_t i = 0; same && i < json_count(want); i++) {
    const char *text = NULL;
    size_t length = 0;
    rag_strings_get(values, i, &text, &length, NULL);
    same = length == want->items[i].count && memcmp(text, want->items[i].text, length) == 0;
  }
  if (!same) printf("  %s differs\n", field);
  got->wrong |= !same;
}
