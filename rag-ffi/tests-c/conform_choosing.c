/* Bandit, fronts and routing. */
#include "conformance.h"

/* Options that choose at random, so that any arm can be rewarded, and the case's own. */
static rag_options *random_options(const json *options, rag_error **err) {
  rag_options *bag = options_of(options, err);
  rag_options_set_str(bag, RAG_OPT_POLICY, "epsilon_greedy", NULL);
  rag_options_set_f64(bag, RAG_OPT_EXPLORATION, 1.0, NULL);
  rag_options_set_u64(bag, RAG_OPT_SEED, 0, NULL);
  return bag;
}

/* Chosen at random until the wanted arm comes up: the way to reward any arm. */
static rag_status taught(rag_bandit *bandit, const json *inputs, rag_error **err) {
  const json *chosen = json_need(inputs, "chosen");
  double *rewards = json_doubles(json_need(inputs, "rewards"));
  rag_choice choice;
  rag_status status = RAG_STATUS_OK;
  for (size_t i = 0; i < chosen->count && status == RAG_STATUS_OK;) {
    STEP(status, rag_bandit_choose(bandit, "d", NULL, 0, &choice, err));
    if (status != RAG_STATUS_OK || choice.arm != chosen->items[i].whole) continue;
    STEP(status, rag_bandit_reward(bandit, choice.id, rewards[i++], err));
  }
  if (chosen->count == 0) STEP(status, rag_bandit_choose(bandit, "d", NULL, 0, &choice, err));
  free(rewards);
  return status;
}

static rag_status believed(rag_bandit *bandit, outcome *got, rag_error **err) {
  enum { ROOM = 64 };
  rag_estimate found[ROOM];
  double column[ROOM];
  size_t count = 0;
  rag_status status = rag_bandit_estimates(bandit, "d", found, ROOM, &count, err);
  if (status != RAG_STATUS_OK || got->want == NULL) return status;
  for (size_t i = 0; i < count; i++) column[i] = found[i].mean;
  expect_doubles(got, "mean", column, count);
  for (size_t i = 0; i < count; i++) column[i] = found[i].sd;
  expect_doubles(got, "sd", column, count);
  return status;
}

RUNNER(bandit_estimates) {
  rag_options *bag = random_options(options, err);
  const json *arms = json_need(inputs, "arms");
  double *values = json_doubles(arms), prior = json_number(json_need(inputs, "prior"));
  rag_bandit *bandit = NULL;
  rag_status status = rag_bandit_new(values, arms->count, bag, &bandit, err);
  if (!isnan(prior)) STEP(status, rag_bandit_set_prior(bandit, "d", prior, err));
  STEP(status, taught(bandit, inputs, err));
  STEP(status, believed(bandit, got, err));
  free(values);
  rag_bandit_free(bandit);
  rag_options_free(bag);
  return status;
}

RUNNER(bandit_arms) {
  enum { ROOM = 8 };
  rag_options *bag = random_options(options, err);
  const json *names = json_need(inputs, "names"), *axes = json_need(inputs, "values");
  const json *prior = json_need(inputs, "prior");
  const char *texts[ROOM] = {0};
  rag_knob knobs[ROOM] = {0};
  double *values[ROOM] = {0}, *point = json_doubles(prior), none = 0.0;
  for (size_t i = 0; i < names->count; i++) {
    texts[i] = names->items[i].text;
    if (axes->count == 0) continue;
    values[i] = json_doubles(&axes->items[i]);
    /* An empty list is no range: its address is not NULL. */
    const double *list = axes->items[i].count == 0 ? &none : values[i];
    knobs[i] = (rag_knob){texts[i], list, axes->items[i].count, 0.0, 0.0};
  }
  rag_bandit *bandit = NULL;
  rag_status status = axes->count == 0
                          ? rag_bandit_new_names(texts, names->count, bag, &bandit, err)
                          : rag_bandit_new_grid(knobs, names->count, bag, &bandit, err);
  if (prior->count > 0)
    STEP(status, rag_bandit_set_prior_point(bandit, "d", point, prior->count, err));
  STEP(status, taught(bandit, inputs, err));
  STEP(status, believed(bandit, got, err));
  for (size_t i = 0; i < ROOM; i++) free(values[i]);
  free(point);
  rag_bandit_free(bandit);
  rag_options_free(bag);
  return status;
}

RUNNER(bandit_reward_all) {
  rag_options *bag = random_options(options, err);
  const json *arms = json_need(inputs, "arms"), *rounds = json_need(inputs, "rewards");
  double *values = json_doubles(arms), prior = json_number(json_need(inputs, "prior"));
  rag_bandit *bandit = NULL;
  rag_choice choice;
  rag_status status = rag_bandit_new(values, arms->count, bag, &bandit, err);
  if (!isnan(prior)) STEP(status, rag_bandit_set_prior(bandit, "d", prior, err));
  for (size_t i = 0; i < rounds->count; i++) {
    double *rewards = json_doubles(&rounds->items[i]);
    STEP(status, rag_bandit_choose(bandit, "d", NULL, 0, &choice, err));
    STEP(status,
         rag_bandit_reward_all(bandit, choice.id, rewards, rounds->items[i].count, err));
    free(rewards);
  }
  STEP(status, believed(bandit, got, err));
  free(values);
  rag_bandit_free(bandit);
  rag_options_free(bag);
  return status;
}

static double always(const char *domain, const double *context, size_t n, void *user) {
  (void)domain, (void)context, (void)n;
  return *(const double *)user;
}

/* The log of a case; the caller frees it. */
static rag_log_entry *logged(const json *inputs, const double *values) {
  const json *arms = json_need(inputs, "logged");
  double *rewards = json_doubles(json_need(inputs, "rewards"));
  double *propensities = json_doubles(json_need(inputs, "propensities"));
  rag_log_entry *log = calloc(arms->count + 1, sizeof *log);
  for (size_t i = 0; i < arms->count; i++)
    log[i] = (rag_log_entry){"d", NULL, 0, values[arms->items[i].whole], rewards[i],
                             propensities[i]};
  free(rewards);
  free(propensities);
  return log;
}

RUNNER(bandit_evaluate) {
  (void)options;
  const json *arms = json_need(inputs, "arms");
  double *values = json_doubles(arms), policy = json_number(json_need(inputs, "policy"));
  rag_log_entry *log = logged(inputs, values);
  rag_bandit *bandit = NULL;
  rag_value_estimate found;
  rag_status status = rag_bandit_new(values, arms->count, NULL, &bandit, err);
  STEP(status, rag_bandit_evaluate(bandit, always, &policy, log, json_need(inputs, "logged")->count,
                                   json_need(inputs, "method")->text, &found, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    expect_number(got, "value", found.value);
    expect_number(got, "low", found.low);
    expect_number(got, "high", found.high);
  }
  rag_bandit_free(bandit);
  free(log);
  free(values);
  return status;
}

static void expect_ends(outcome *got, const char *field, rag_value_estimate found) {
  const double ends[] = {found.value, found.low, found.high};
  expect_doubles(got, field, ends, 3);
}

RUNNER(bandit_what_if) {
  (void)options;
  const json *arms = json_need(inputs, "arms");
  double *values = json_doubles(arms), policy = json_number(json_need(inputs, "policy"));
  rag_log_entry *log = logged(inputs, values);
  rag_bandit *bandit = NULL;
  rag_what_if found[2];
  rag_strings *domains = NULL;
  size_t count = 0;
  rag_status status = rag_bandit_new(values, arms->count, NULL, &bandit, err);
  STEP(status, rag_bandit_what_if(bandit, always, &policy, log, json_need(inputs, "logged")->count,
                                  json_need(inputs, "method")->text, found, 2, &count, &domains,
                                  err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    got->wrong |= count != 2 || rag_strings_len(domains) != 2;
    expect_number(got, "count", (double)found[1].count);
    expect_ends(got, "earned", found[1].earned);
    expect_ends(got, "value", found[1].value);
    expect_ends(got, "difference", found[0].difference);
  }
  rag_strings_free(domains);
  rag_bandit_free(bandit);
  free(log);
  free(values);
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

RUNNER(hypervolume_contributions) {
  (void)options;
  cloud of = cloud_of(inputs);
  double *reference = json_doubles(json_need(inputs, "reference"));
  double *found = calloc(of.n + 1, sizeof *found);
  rag_status status = rag_hypervolume_contributions(of.points, of.n, of.d, reference, of.maximize,
                                                    of.flags, found, err);
  if (status == RAG_STATUS_OK && got->want != NULL)
    expect_doubles(got, "contributions", found, of.n);
  free(found);
  free(reference);
  cloud_free(of);
  return status;
}

RUNNER(epsilon_front) {
  (void)options;
  cloud of = cloud_of(inputs);
  const json *widths = json_need(inputs, "epsilon");
  double *epsilon = json_doubles(widths);
  size_t *found = calloc(of.n + 1, sizeof *found), count = 0;
  rag_status status =
      rag_epsilon_front(of.points, of.n, of.d, epsilon, widths->count, json_need(inputs, "kind")->text,
                        of.maximize, of.flags, found, of.n, &count, err);
  if (status == RAG_STATUS_OK && got->want != NULL) expect_sizes(got, "indices", found, count);
  free(found);
  free(epsilon);
  cloud_free(of);
  return status;
}

RUNNER(knee) {
  (void)options;
  cloud of = cloud_of(inputs);
  size_t index = 0;
  rag_status status = rag_knee(of.points, of.n, of.d, of.maximize, of.flags, &index, err);
  if (status == RAG_STATUS_OK && got->want != NULL) expect_number(got, "index", (double)index);
  cloud_free(of);
  return status;
}

RUNNER(distance_to_ideal) {
  (void)options;
  cloud of = cloud_of(inputs);
  const json *given = json_need(inputs, "weights");
  double *weights = json_doubles(given), *found = calloc(of.n + 1, sizeof *found);
  rag_status status = rag_distance_to_ideal(of.points, of.n, of.d, weights, given->count,
                                            of.maximize, of.flags, found, err);
  if (status == RAG_STATUS_OK && got->want != NULL) expect_doubles(got, "distances", found, of.n);
  free(found);
  free(weights);
  cloud_free(of);
  return status;
}

RUNNER(chebyshev) {
  (void)options;
  cloud of = cloud_of(inputs);
  const json *given = json_need(inputs, "weights"), *wish = json_need(inputs, "reference");
  double *weights = json_doubles(given), *reference = json_doubles(wish);
  double *found = calloc(of.n + 1, sizeof *found);
  rag_options *chosen = NULL;
  rag_status status = rag_options_new(&chosen, err);
  STEP(status, rag_options_set_f64(chosen, RAG_OPT_RHO, json_number(json_need(inputs, "rho")), err));
  STEP(status, rag_chebyshev(of.points, of.n, of.d, weights, given->count, reference, wish->count,
                             of.maximize, of.flags, chosen, found, err));
  if (status == RAG_STATUS_OK && got->want != NULL) expect_doubles(got, "scores", found, of.n);
  rag_options_free(chosen);
  free(found);
  free(weights);
  free(reference);
  cloud_free(of);
  return status;
}

RUNNER(pareto_archive) {
  (void)options;
  cloud of = cloud_of(inputs);
  const json *wish = json_need(inputs, "reference");
  double *reference = json_doubles(wish), *numbers = json_doubles(json_need(inputs, "ids"));
  double *kept = calloc(of.n + 1, sizeof *kept), *held = calloc(of.n + 1, sizeof *held);
  uint64_t *ids = calloc(of.n + 1, sizeof *ids);
  size_t count = 0;
  rag_options *chosen = NULL;
  rag_pareto_archive *archive = NULL;
  rag_status status = rag_options_new(&chosen, err);
  STEP(status, rag_options_set_u64(chosen, RAG_OPT_CAPACITY, json_need(inputs, "capacity")->whole, err));
  STEP(status, rag_options_set_str(chosen, RAG_OPT_KEEP, json_need(inputs, "keep")->text, err));
  STEP(status, rag_pareto_archive_new(of.d, of.maximize, of.flags, reference, wish->count, chosen,
                                      &archive, err));
  for (size_t i = 0; i < of.n; i++) {
    bool stays = false;
    STEP(status, rag_pareto_archive_insert(archive, of.points + i * of.d, of.d, (uint64_t)numbers[i],
                                           &stays, err));
    kept[i] = stays;
  }
  STEP(status, rag_pareto_archive_ids(archive, ids, of.n, &count, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    for (size_t i = 0; i < count; i++) held[i] = (double)ids[i];
    expect_doubles(got, "ids", held, count);
    expect_doubles(got, "kept", kept, of.n);
  }
  rag_pareto_archive_free(archive);
  rag_options_free(chosen);
  free(ids);
  free(held);
  free(kept);
  free(numbers);
  free(reference);
  cloud_free(of);
  return status;
}

/* A table of all settings and what they give. */
typedef struct known {
  double *settings, *outcomes;
  size_t count, knobs, objectives;
} known;

static bool looked_up(const double *settings, size_t n, double *outcomes, void *user) {
  const known *table = user;
  for (size_t i = 0; i < n; i++) {
    const double *wanted = settings + i * table->knobs;
    size_t at = 0;
    while (at < table->count &&
           memcmp(table->settings + at * table->knobs, wanted, table->knobs * sizeof *wanted) != 0)
      at++;
    if (at == table->count) return false;
    memcpy(outcomes + i * table->objectives, table->outcomes + at * table->objectives,
           table->objectives * sizeof *outcomes);
  }
  return true;
}

static size_t width;
static int by_row(const void *a, const void *b) {
  const double *x = a, *y = b;
  for (size_t i = 0; i < width; i++)
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  return 0;
}

RUNNER(optimize) {
  (void)options;
  const json *given = json_need(inputs, "knobs"), *names = json_need(inputs, "objectives");
  const json *flags = json_need(inputs, "maximize"), *first = json_need(inputs, "initial");
  size_t k = given->count, m = names->count, columns = 0, numbers = 0, evaluations = 0;
  known table = {NULL, NULL, json_need(inputs, "settings")->count, k, m};
  table.settings = json_rows_f64(json_need(inputs, "settings"), &columns);
  table.outcomes = json_rows_f64(json_need(inputs, "outcomes"), &columns);
  double *initial = first->count > 0 ? json_rows_f64(first, &columns) : NULL;
  double *points = calloc(table.count * m + 1, sizeof *points);
  const char **objectives = json_texts(names);
  bool *maximize = calloc(m + 1, sizeof *maximize);
  for (size_t i = 0; i < flags->count; i++) maximize[i] = flags->items[i].whole != 0;
  rag_knob *knobs = calloc(k + 1, sizeof *knobs);
  for (size_t i = 0; i < k; i++) {
    const json *knob = &given->items[i], *choices = json_need(knob, "choices");
    knobs[i].name = json_need(knob, "name")->text;
    knobs[i].kind = json_need(knob, "kind")->text;
    knobs[i].low = json_number(json_need(knob, "low"));
    knobs[i].high = json_number(json_need(knob, "high"));
    knobs[i].choices = json_texts(choices);
    knobs[i].choice_count = choices->count;
  }
  rag_options *chosen = NULL;
  rag_optimum *found = NULL;
  rag_status status = rag_options_new(&chosen, err);
  STEP(status, rag_options_set_u64(chosen, RAG_OPT_POPULATION, json_need(inputs, "population")->whole, err));
  STEP(status, rag_options_set_u64(chosen, RAG_OPT_GENERATIONS, json_need(inputs, "generations")->whole, err));
  STEP(status, rag_optimize(knobs, k, objectives, m, maximize, flags->count, initial, first->count,
                            looked_up, chosen, NULL, &table, &found, err));
  STEP(status, rag_optimum_points(found, points, table.count * m, &numbers, err));
  STEP(status, rag_optimum_evaluations(found, &evaluations, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    width = m;
    qsort(points, numbers / m, m * sizeof *points, by_row);
    const json *want = json_need(got->want, "points");
    size_t wide = 0;
    double *rows = json_rows_f64(want, &wide);
    if (want->count * m != numbers || memcmp(rows, points, numbers * sizeof *rows) != 0) got->wrong = true;
    free(rows);
    expect_number(got, "evaluations", (double)evaluations);
  }
  rag_optimum_free(found);
  rag_options_free(chosen);
  for (size_t i = 0; i < k; i++) free((void *)knobs[i].choices);
  free(knobs);
  free(maximize);
  free(objectives);
  free(points);
  free(initial);
  free(table.settings);
  free(table.outcomes);
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
