/* Figures of routers, their baselines, and the health of routes. */
#include "conformance.h"

RUNNER(route_policy) {
  const json *objectives = json_need(inputs, "objectives"), *names = json_need(inputs, "names");
  const json *excluded = json_need(inputs, "exclude");
  const char **targets = json_texts(objectives), **without = json_texts(excluded);
  double *weights = json_doubles(json_need(inputs, "weights"));
  rag_options *bag = options_of(options, err);
  size_t n = objectives->count;
  rag_router *router = NULL;
  rag_decision *decision = NULL;
  rag_status status = rag_router_new(targets, n, 0, NULL, &router, err);
  for (size_t i = 0; i < names->count; i++) {
    double *priors = json_doubles(&json_need(inputs, "priors")->items[i]);
    STEP(status, rag_router_add(router, names->items[i].text, targets, priors, n, err));
    free(priors);
  }
  STEP(status, rag_router_route(router, NULL, 0, targets, weights, n, without, excluded->count, bag,
                                &decision, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    expect_text(got, "name", rag_decision_name(decision));
    double *expected = calloc(n + 1, sizeof *expected);
    for (size_t i = 0; i < n; i++)
      STEP(status, rag_decision_expected(decision, targets[i], &expected[i], err));
    expect_doubles(got, "expected", expected, n);
    free(expected);
  }
  rag_decision_free(decision);
  rag_router_free(router);
  rag_options_free(bag);
  free(targets);
  free(without);
  free(weights);
  return status;
}

RUNNER(route_health) {
  const char *cost[] = {"cost"};
  const json *names = json_need(inputs, "names"), *kinds = json_need(inputs, "kinds");
  const json *wanted = got->want == NULL ? NULL : json_need(got->want, "names");
  double *costs = json_doubles(json_need(inputs, "costs"));
  double *limits = json_doubles(json_need(inputs, "limits"));
  double *values = json_doubles(json_need(inputs, "values"));
  uint64_t *made = calloc(kinds->count + 1, sizeof *made);
  double *when = calloc(kinds->count + 1, sizeof *when);
  size_t choices = 0, told = 0;
  rag_options *bag = options_of(options, err);
  rag_router *router = NULL;
  rag_status status = rag_router_new(cost, 1, 0, bag, &router, err);
  for (size_t i = 0; i < names->count; i++) {
    uint64_t limit = (uint64_t)limits[i];
    STEP(status, rag_router_add(router, names->items[i].text, cost, &costs[i], 1, err));
    STEP(status, rag_router_limit(router, names->items[i].text, limit > 0 ? &limit : NULL, err));
  }
  for (size_t i = 0; i < kinds->count && status == RAG_STATUS_OK; i++) {
    double kind = json_number(&kinds->items[i]);
    size_t of = (size_t)values[i];
    if (kind > 1.0) {
      STEP(status, rag_router_answered(router, made[of], NULL, NULL, 0, 0.1, err));
    } else if (kind > 0.0) {
      STEP(status, rag_router_fail(router, made[of], &when[of], err));
    } else {
      rag_options *at = NULL;
      rag_decision *decision = NULL;
      rag_error *refused = NULL;
      STEP(status, rag_options_new(&at, err));
      STEP(status, rag_options_set_f64(at, RAG_OPT_AT, values[i], err));
      rag_status asked =
          rag_router_route(router, NULL, 0, NULL, NULL, 0, NULL, 0, at, &decision, &refused);
      if (asked != RAG_STATUS_OK && asked != RAG_STATUS_UPSTREAM) status = asked;
      const char *name = asked == RAG_STATUS_OK ? rag_decision_name(decision) : "";
      if (wanted == NULL || told >= wanted->count || !json_is(&wanted->items[told], name))
        got->wrong = true;
      told++;
      if (asked == RAG_STATUS_OK) {
        STEP(status, rag_decision_id(decision, &made[choices], err));
        when[choices++] = values[i];
      }
      rag_error_free(refused);
      rag_decision_free(decision);
      rag_options_free(at);
    }
  }
  if (wanted != NULL && told != wanted->count) got->wrong = true;
  rag_router_free(router);
  rag_options_free(bag);
  free(costs);
  free(limits);
  free(values);
  free(made);
  free(when);
  return status;
}

RUNNER(routing_curve) {
  (void)options;
  const json *list = json_need(inputs, "costs");
  double *costs = json_doubles(list), *qualities = json_doubles(json_need(inputs, "qualities"));
  if (json_need(inputs, "qualities")->count != list->count)
    got->skip = "one length serves both arrays in C, so they cannot differ";
  rag_routing_point *hull = calloc(list->count + 1, sizeof *hull);
  size_t count = 0;
  rag_status status = got->skip != NULL ? RAG_STATUS_INVALID_ARGUMENT :
      rag_routing_curve(costs, qualities, list->count, hull, list->count, &count, err);
  if (status == RAG_STATUS_OK && got->want != NULL) {
    double *column = calloc(count + 1, sizeof *column);
    for (size_t i = 0; i < count; i++) column[i] = hull[i].cost;
    expect_doubles(got, "costs", column, count);
    for (size_t i = 0; i < count; i++) column[i] = hull[i].quality;
    expect_doubles(got, "qualities", column, count);
    free(column);
  }
  free(hull);
  free(costs);
  free(qualities);
  return status;
}

RUNNER(aiq) {
  (void)options;
  const json *list = json_need(inputs, "costs"), *range = json_need(inputs, "range");
  double *costs = json_doubles(list), *qualities = json_doubles(json_need(inputs, "qualities"));
  double *span = json_doubles(range), found = 0.0;
  if (json_need(inputs, "qualities")->count != list->count)
    got->skip = "one length serves both arrays in C, so they cannot differ";
  rag_status status = got->skip != NULL ? RAG_STATUS_INVALID_ARGUMENT :
      rag_aiq(costs, qualities, list->count, span, &found, err);
  if (status == RAG_STATUS_OK && got->want != NULL) expect_number(got, "aiq", found);
  free(costs);
  free(qualities);
  free(span);
  return status;
}

RUNNER(gap_recovered) {
  (void)options;
  const json *list = json_need(inputs, "shares");
  double *shares = json_doubles(list), *qualities = json_doubles(json_need(inputs, "qualities"));
  double weak = json_number(json_need(inputs, "weak"));
  double strong = json_number(json_need(inputs, "strong"));
  double gap = json_number(json_need(inputs, "gap"));
  double quality = json_number(json_need(inputs, "quality"));
  double mean = 0.0, share = 0.0, one = 0.0;
  if (json_need(inputs, "qualities")->count != list->count)
    got->skip = "one length serves both arrays in C, so they cannot differ";
  rag_status status = got->skip != NULL ? RAG_STATUS_INVALID_ARGUMENT :
      rag_apgr(shares, qualities, list->count, weak, strong, &mean, err);
  STEP(status, rag_cpt(shares, qualities, list->count, weak, strong, gap, &share, err));
  STEP(status, rag_pgr(quality, weak, strong, &one, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    expect_number(got, "apgr", mean);
    expect_number(got, "cpt", share);
    expect_number(got, "pgr", one);
  }
  free(shares);
  free(qualities);
  return status;
}
