/* Evaluation, comparison and calibration. */
#include "conformance.h"

/* Lists one after another, as C has them: texts, numbers (NULL without a list of them), and where
 * each list starts. */
typedef struct flat {
  const char **texts;
  double *numbers;
  size_t *offsets;
  size_t count;
} flat;

static flat flat_of(const json *lists, const json *numbers) {
  flat made = {NULL, NULL, calloc(json_count(lists) + 1, sizeof(size_t)), 0};
  for (size_t i = 0; i < json_count(lists); i++) {
    made.offsets[i] = made.count;
    made.count += lists->items[i].count;
  }
  made.texts = calloc(made.count + 1, sizeof *made.texts);
  if (numbers != NULL) made.numbers = calloc(made.count + 1, sizeof *made.numbers);
  for (size_t i = 0; i < json_count(lists); i++) {
    for (size_t j = 0; j < lists->items[i].count; j++) {
      size_t at = made.offsets[i] + j;
      made.texts[at] = lists->items[i].items[j].text;
      if (numbers != NULL) made.numbers[at] = json_number(&numbers->items[i].items[j]);
    }
  }
  return made;
}

static void flat_free(flat of) {
  free(of.texts);
  free(of.numbers);
  free(of.offsets);
}

static rag_status run_of(const json *inputs, const char *queries, const char *rankings, rag_run **out,
                         rag_error **err) {
  const json *names = json_need(inputs, queries);
  flat of = flat_of(json_need(inputs, rankings), json_get(inputs, "scores"));
  const char **texts = json_texts(names);
  rag_status status =
      rag_run_new(texts, of.offsets, names->count, of.texts, of.numbers, of.count, out, err);
  free(texts);
  flat_free(of);
  return status;
}

rag_status qrels_of(const json *inputs, rag_qrels **out, rag_error **err) {
  const json *names = json_need(inputs, "queries");
  flat of = flat_of(json_need(inputs, "documents"), json_need(inputs, "grades"));
  const char **texts = json_texts(names);
  rag_status status =
      rag_qrels_new(texts, of.offsets, names->count, of.texts, of.numbers, of.count, out, err);
  free(texts);
  flat_free(of);
  return status;
}

/* Compares what was found with the rows and columns that the case wants. */
static rag_status expect_evaluation(const rag_evaluation *found, outcome *got, rag_error **err) {
  rag_strings *queries = NULL, *metrics = NULL;
  rag_query_counts counts;
  rag_status status = rag_evaluation_queries(found, &queries, err);
  STEP(status, rag_evaluation_metrics(found, &metrics, err));
  STEP(status, rag_evaluation_counts(found, &counts, err));
  size_t n = rag_strings_len(metrics), columns = rag_strings_len(queries), width = 0;
  double *wanted = json_rows_f64(json_need(got->want, "per_query"), &width);
  double *row = calloc(columns + 1, sizeof *row), *ends = calloc(3 * n + 1, sizeof *ends);
  got->wrong |= width != columns || json_need(got->want, "per_query")->count != n;
  for (size_t i = 0; i < n && status == RAG_STATUS_OK && !got->wrong; i++) {
    const char *metric = NULL;
    size_t count = 0;
    rag_value_estimate mean = {0};
    STEP(status, rag_strings_get(metrics, i, &metric, NULL, err));
    STEP(status, rag_evaluation_per_query(found, metric, row, columns, &count, err));
    STEP(status, rag_evaluation_estimate(found, metric, &mean, err));
    for (size_t j = 0; j < columns; j++) got->wrong |= fabs(row[j] - wanted[i * columns + j]) > 1e-9;
    ends[i] = mean.value;
    ends[n + i] = mean.low;
    ends[2 * n + i] = mean.high;
  }
  expect_doubles(got, "value", ends, n);
  if (json_get(got->want, "low") != NULL) {
    expect_doubles(got, "low", ends + n, n);
    expect_doubles(got, "high", ends + 2 * n, n);
  }
  expect_texts(got, "queries", queries);
  expect_number(got, "without_relevant", (double)counts.without_relevant);
  expect_number(got, "missing", (double)counts.missing);
  expect_number(got, "unjudged", (double)counts.unjudged);
  free(wanted);
  free(row);
  free(ends);
  rag_strings_free(queries);
  rag_strings_free(metrics);
  return status;
}

RUNNER(evaluate) {
  const json *metrics = json_need(inputs, "metrics");
  const char **names = json_texts(metrics);
  rag_options *bag = options_of(options, err);
  rag_run *run = NULL;
  rag_qrels *qrels = NULL;
  rag_evaluation *found = NULL;
  rag_status status = qrels_of(inputs, &qrels, err);
  STEP(status, run_of(inputs, "run_queries", "rankings", &run, err));
  STEP(status, rag_evaluate(run, qrels, names, metrics->count, bag, &found, err));
  if (status == RAG_STATUS_OK && got->want != NULL) status = expect_evaluation(found, got, err);
  rag_evaluation_free(found);
  rag_qrels_free(qrels);
  rag_run_free(run);
  rag_options_free(bag);
  free(names);
  return status;
}

RUNNER(compare_runs) {
  rag_options *bag = options_of(options, err);
  rag_run *a = NULL, *b = NULL;
  rag_qrels *qrels = NULL;
  rag_comparison found;
  rag_status status = qrels_of(inputs, &qrels, err);
  STEP(status, run_of(inputs, "run_queries", "rankings", &a, err));
  STEP(status, run_of(inputs, "other_queries", "other_rankings", &b, err));
  STEP(status, rag_compare_runs(a, b, qrels, json_need(inputs, "metric")->text, bag, &found, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    expect_number(got, "a", found.a);
    expect_number(got, "b", found.b);
    expect_number(got, "difference", found.difference.value);
    if (json_get(got->want, "low") != NULL) {
      expect_number(got, "low", found.difference.low);
      expect_number(got, "high", found.difference.high);
    }
    if (json_get(got->want, "p_value") != NULL) expect_number(got, "p_value", found.p_value);
    expect_number(got, "queries", (double)found.queries);
    expect_number(got, "wins", (double)found.wins);
    expect_number(got, "ties", (double)found.ties);
    expect_number(got, "losses", (double)found.losses);
  }
  rag_qrels_free(qrels);
  rag_run_free(a);
  rag_run_free(b);
  rag_options_free(bag);
  return status;
}

RUNNER(calibrate) {
  const json *at = json_need(inputs, "at"), *weighed = json_get(inputs, "weights");
  size_t n = json_need(inputs, "scores")->count;
  double *scores = json_doubles(json_need(inputs, "scores"));
  double *relevant = json_doubles(json_need(inputs, "relevant"));
  double *weights = weighed == NULL ? NULL : json_doubles(weighed), *asked = json_doubles(at);
  double *found = calloc(at->count + 1, sizeof *found);
  rag_options *bag = options_of(options, err);
  rag_calibration *fitted = NULL;
  rag_calibration_report report;
  rag_status status = rag_calibration_fit(scores, relevant, weights, n, bag, &fitted, err);
  STEP(status, rag_calibration_predict(fitted, asked, at->count, found, err));
  STEP(status, rag_calibration_get_report(fitted, &report, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    expect_doubles(got, "probabilities", found, at->count);
    expect_text(got, "method", report.method);
    expect_number(got, "pairs", (double)report.pairs);
    expect_number(got, "positives", report.positives);
    expect_number(got, "negatives", report.negatives);
  }
  rag_calibration_free(fitted);
  rag_options_free(bag);
  free(scores);
  free(relevant);
  free(weights);
  free(asked);
  free(found);
  return status;
}
