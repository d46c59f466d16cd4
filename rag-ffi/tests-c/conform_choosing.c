/* Bandit, fronts and routing. */
#include "conformance.h"

RUNNER(bandit_estimates) {
  (void)options;
  /* Chosen at random until the wanted arm comes up: the way to reward any arm. */
  rag_options *bag = options_of(options, err);
  rag_options_set_str(bag, RAG_OPT_POLICY, "epsilon_greedy", NULL);
  rag_options_set_f64(bag, RAG_OPT_EXPLORATION, 1.0, NULL);
  rag_options_set_u64(bag, RAG_OPT_SEED, 0, NULL);
  const json *arms = json_need(inputs, "arms"), *chosen = json_need(inputs, "chosen");
  double *values = json_doubles(arms), *rewards = json_doubles(json_need(inputs, "rewards"));
  double prior = json_number(json_need(inputs, "prior"));
  rag_bandit *bandit = NULL;
  rag_choice choice;
  rag_status status = rag_bandit_new(values, arms->count, bag, &bandit, err);
  if (!isnan(prior)) STEP(status, rag_bandit_set_prior(bandit, "d", prior, err));
  for (size_t i = 0; i < chosen->count && status == RAG_STATUS_OK;) {
    STEP(status, rag_bandit_choose(bandit, "d", NULL, 0, &choice, err));
    if (status != RAG_STATUS_OK || choice.arm != chosen->items[i].whole) continue;
    STEP(status, rag_bandit_reward(bandit, choice.id, rewards[i++], err));
  }
  if (chosen->count == 0) STEP(status, rag_bandit_choose(bandit, "d", NULL, 0, &choice, err));
  rag_estimate *found = calloc(arms->count + 1, sizeof *found);
  size_t count = 0;
  STEP(status, rag_bandit_estimates(bandit, "d", found, arms->count, &count, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    double *column = calloc(count + 1, sizeof *column);
    for (size_t i = 0; i < count; i++) column[i] = found[i].mean;
    expect_doubles(got, "mean", column, count);
    for (size_t i = 0; i < count; i++) column[i] = found[i].sd;
    expect_doubles(got, "sd", column, count);
    free(column);
  }
  free(found);
  free(values);
  free(rewards);
  rag_bandit_free(bandit);
  rag_options_free(bag);
  return status;
}

static double always(const char *domain, const double *context, size_t n, void *user) {
  (void)domain, (void)context, (void)n;
  return *(const double *)user;
}

RUNNER(bandit_evaluate) {
  (void)options;
  const json *arms = json_need(inputs, "arms"), *logged = json_need(inputs, "logged");
  double *values = json_doubles(arms), *rewards = json_doubles(json_need(inputs, "rewards"));
  double *propensities = json_doubles(json_need(inputs, "propensities"));
  double policy = json_number(json_need(inputs, "policy"));
  rag_log_entry *log = calloc(logged->count + 1, sizeof *log);
  for (size_t i = 0; i < logged->count; i++)
    log[i] = (rag_log_entry){"d", NULL, 0, values[logged->items[i].whole], rewards[i],
                             propensities[i]};
  rag_bandit *bandit = NULL;
  rag_value_estimate found;
  rag_status status = rag_bandit_new(values, arms->count, NULL, &bandit, err);
  STEP(status, rag_bandit_evaluate(bandit, always, &policy, log, logged->count,
                                   json_need(inputs, "method")->text, &found, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    expect_number(got, "value", found.value);
    expect_number(got, "low", found.low);
    expect_number(got, "high", found.high);
  }
  rag_bandit_free(bandit);
  free(log);
  free(values);
  free(rewards);
  free(propensities);
  return status;
}

/* Points with their directions. */
typedef struct cloud {
  double *points;
  size_t n, d;
  bool *maximize;
  size_t flags;
} cloud;

static cloud cloud_of(const json *inputs) {
  const json *points = json_need(inputs, "points"), *maximize = json_get(inputs, "maximize");
  cloud made = {NULL, points->count, 0, NULL, json_count(maximize)};
  made.points = json_rows_f64(points, &made.d);
  if (json_count(maximize) > 0) {
    made.maximize = calloc(maximize->count, sizeof *made.maximize);
    for (size_t i = 0; i < maximize->count; i++) made.maximize[i] = maximize->items[i].whole != 0;
  }
  return made;
}

static void cloud_free(cloud of) {
  free(of.points);
  free(of.maximize);
}

RUNNER(pareto_front) {
  (void)options;
  cloud of = cloud_of(inputs);
  size_t *found = calloc(of.n + 1, sizeof *found), count = 0;
  rag_status status =
      rag_pareto_front(of.points, of.n, of.d, of.maximize, of.flags, found, of.n, &count, err);
  if (status == RAG_STATUS_OK && got->want != NULL) expect_sizes(got, "indices", found, count);
  free(found);
  cloud_free(of);
  return status;
}

RUNNER(nondominated_sort) {
  (void)options;
  cloud of = cloud_of(inputs);
  size_t *found = calloc(of.n + 1, sizeof *found);
  rag_status status = rag_nondominated_sort(of.points, of.n, of.d, of.maximize, of.flags, found, err);
  if (status == RAG_STATUS_OK && got->want != NULL) expect_sizes(got, "ranks", found, of.n);
  free(found);
  cloud_free(of);
  return status;
}

RUNNER(crowding_distance) {
  (void)options;
  cloud of = cloud_of(inputs);
  double *found = calloc(of.n + 1, sizeof *found);
  rag_status status = rag_crowding_distance(of.points, of.n, of.d, found, err);
  if (status == RAG_STATUS_OK && got->want != NULL) expect_doubles(got, "distances", found, of.n);
  free(found);
  cloud_free(of);
  return status;
}

RUNNER(hypervolume) {
  (void)options;
  cloud of = cloud_of(inputs);
  double *reference = json_doubles(json_need(inputs, "reference")), volume = 0.0;
  if (json_need(inputs, "reference")->count != of.d)
    got->skip = "one dimension serves both arrays in C, so they cannot differ";
  rag_status status = got->skip != NULL ? RAG_STATUS_INVALID_ARGUMENT :
      rag_hypervolume(of.points, of.n, of.d, reference, of.maximize, of.flags, &volume, err);
  if (status == RAG_STATUS_OK && got->want != NULL) expect_number(got, "volume", volume);
  free(reference);
  cloud_free(of);
  return status;
}

RUNNER(route) {
  const json *objectives = json_need(inputs, "objectives"), *names = json_need(inputs, "names");
  const char **targets = json_texts(objectives);
  double *weights = json_doubles(json_need(inputs, "weights"));
  double budget = json_number(json_need(inputs, "budget"));
  size_t n = objectives->count;
  rag_router *router = NULL;
  rag_decision *decision = NULL;
  rag_status status = rag_router_new(targets, n, 0, NULL, &router, err);
  for (size_t i = 0; i < names->count; i++) {
    double *priors = json_doubles(&json_need(inputs, "priors")->items[i]);
    STEP(status, rag_router_add(router, names->items[i].text, targets, priors, n, err));
    free(priors);
  }
  rag_options *bag = options_of(options, err);
  rag_options_set_f64(bag, RAG_OPT_BUDGET, budget, NULL);
  STEP(status, rag_router_route(router, NULL, 0, targets, weights, n, NULL, 0, bag, &decision, err));
  rag_options_free(bag);
  if (status == RAG_STATUS_OK && got->want != NULL) {
    expect_text(got, "name", rag_decision_name(decision));
    double *expected = calloc(n + 1, sizeof *expected);
    for (size_t i = 0; i < n; i++)
      STEP(status, rag_decision_expected(decision, targets[i], &expected[i], err));
    expect_doubles(got, "expected", expected, n);
    free(expected);
    rag_strings *front = NULL;
    STEP(status, rag_decision_front(decision, &front, err));
    expect_texts(got, "front", front);
    rag_strings_free(front);
  }
  rag_decision_free(decision);
  rag_router_free(router);
  free(targets);
  free(weights);
  return status;
}
