/* Steering vectors, dials, users and the noise filter. */
#include "conformance.h"

static rag_status dial(const char *name, const json *row, double scale, rag_steering_vector **out,
                       rag_error **err) {
  float *floats = json_floats(row);
  rag_status status =
      rag_steering_vector_from_parts(name, floats, json_count(row), scale, NULL, out, err);
  free(floats);
  return status;
}

/* A set of dials called `names`, or "dial 0", "dial 1" and so on. */
static rag_status set_of(const json *names, const json *vectors, const json *scales,
                         rag_steering **out, rag_error **err) {
  rag_status status = rag_steering_new(out, err);
  for (size_t i = 0; i < vectors->count; i++) {
    char name[32];
    snprintf(name, sizeof name, "dial %zu", i);
    rag_steering_vector *vector = NULL;
    double scale = scales == NULL ? 1.0 : json_number(&scales->items[i]);
    STEP(status, dial(names == NULL ? name : names->items[i].text, &vectors->items[i], scale,
                      &vector, err));
    STEP(status, rag_steering_insert(*out, vector, err));
    rag_steering_vector_free(vector);
  }
  return status;
}

static rag_status expect_vector(outcome *got, const json *want, const rag_steering_vector *vector,
                                rag_error **err) {
  size_t dim = 0, count = 0;
  rag_status status = rag_steering_vector_dim(vector, &dim, err);
  float *floats = calloc(dim + 1, sizeof *floats);
  STEP(status, rag_steering_vector_data(vector, floats, dim, &count, err));
  if (status == RAG_STATUS_OK) expect_floats_at(got, "vector", want, floats, count);
  free(floats);
  return status;
}

RUNNER(steering_learn) {
  rag_options *bag = options_of(options, err);
  rag_options_set_u64(bag, RAG_OPT_SEED, got->seed, NULL);
  const json *positive = json_need(inputs, "positive"), *negative = json_need(inputs, "negative");
  size_t dim = 0, other = 0;
  float *plus = json_rows(positive, &dim), *minus = json_rows(negative, &other);
  rag_steering_vector *vector = NULL;
  rag_status status = RAG_STATUS_OK;
  if (dim != other && other != 0) {
    got->skip = "one dimension serves both arrays in C, so they cannot differ";
    status = RAG_STATUS_DIMENSION_MISMATCH;
  }
  STEP(status, rag_steering_vector_learn(plus, positive->count, minus, negative->count, dim, bag,
                                         &vector, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    rag_effect effect;
    bool measured = false;
    double scale = 0.0;
    STEP(status, expect_vector(got, json_need(got->want, "vector"), vector, err));
    STEP(status, rag_steering_vector_effect(vector, &effect, &measured, err));
    STEP(status, rag_steering_vector_scale(vector, &scale, err));
    if (measured) {
      expect_doubles(got, "effect", (double[]){effect.value, effect.low, effect.high}, 3);
      expect_number(got, "scale", scale);
    }
  }
  free(plus);
  free(minus);
  rag_steering_vector_free(vector);
  rag_options_free(bag);
  return status;
}

/* Lists of rows one after the other, and where each list starts. */
static float *parted(const json *lists, size_t **offsets, size_t *count, size_t *dim) {
  float *all = NULL;
  *offsets = calloc(lists->count + 1, sizeof **offsets);
  *count = 0;
  for (size_t i = 0; i < lists->count; i++) {
    size_t own = 0, n = lists->items[i].count;
    float *rows = json_rows(&lists->items[i], &own);
    (*offsets)[i] = *count;
    if (n > 0 && *dim != 0 && own != *dim) *dim = SIZE_MAX;
    if (n > 0 && *dim == 0) *dim = own;
    if (n > 0 && *dim != SIZE_MAX) {
      all = realloc(all, (*count + n) * own * sizeof *all);
      memcpy(all + *count * own, rows, n * own * sizeof *all);
      *count += n;
    }
    free(rows);
  }
  return all;
}

RUNNER(steering_joint) {
  rag_options *bag = options_of(options, err);
  rag_options_set_u64(bag, RAG_OPT_SEED, got->seed, NULL);
  const json *given = json_need(inputs, "names");
  const char **names = json_texts(given);
  size_t dim = 0, plus_count = 0, minus_count = 0, *plus_at = NULL, *minus_at = NULL;
  float *plus = parted(json_need(inputs, "positive"), &plus_at, &plus_count, &dim);
  float *minus = parted(json_need(inputs, "negative"), &minus_at, &minus_count, &dim);
  rag_steering *set = NULL;
  rag_status status = rag_steering_new(&set, err);
  if (dim == SIZE_MAX) {
    got->skip = "one dimension serves all arrays in C, so they cannot differ";
    status = RAG_STATUS_DIMENSION_MISMATCH;
  }
  STEP(status, rag_steering_learn_joint(set, names, given->count, plus, plus_at, plus_count, minus,
                                        minus_at, minus_count, dim == 0 ? 1 : dim, bag, err));
  double *scales = calloc(given->count + 1, sizeof *scales);
  for (size_t i = 0; status == RAG_STATUS_OK && got->want != NULL && i < given->count; i++) {
    rag_steering_vector *vector = NULL;
    rag_effect effect = {0};
    bool measured = false;
    STEP(status, rag_steering_get(set, names[i], &vector, err));
    STEP(status, expect_vector(got, &json_need(got->want, "vectors")->items[i], vector, err));
    STEP(status, rag_steering_vector_effect(vector, &effect, &measured, err));
    STEP(status, rag_steering_vector_scale(vector, &scales[i], err));
    if (status == RAG_STATUS_OK) {
      const double found[] = {effect.value, effect.low, effect.high};
      expect_doubles_at(got, "effects", &json_need(got->want, "effects")->items[i], found, 3);
    }
    rag_steering_vector_free(vector);
  }
  if (status == RAG_STATUS_OK && got->want != NULL)
    expect_doubles(got, "scales", scales, given->count);
  free(scales);
  free(names);
  free(plus);
  free(minus);
  free(plus_at);
  free(minus_at);
  rag_steering_free(set);
  rag_options_free(bag);
  return status;
}

RUNNER(steering_curve) {
  rag_options *bag = options_of(options, err);
  rag_options_set_u64(bag, RAG_OPT_SEED, got->seed, NULL);
  const json *documents = json_need(inputs, "documents"), *given = json_need(inputs, "strengths");
  size_t dim = 0, n = given->count;
  float *rows = json_rows(documents, &dim);
  double *strengths = json_doubles(given);
  double *losses = calloc(n + 1, sizeof *losses), *gains = calloc(n + 1, sizeof *gains);
  rag_steering_vector *vector = NULL;
  rag_status status = dial("v", json_need(inputs, "vector"),
                           json_number(json_need(inputs, "scale")), &vector, err);
  STEP(status, rag_steering_vector_curve(vector, rows, documents->count, dim, strengths, n, bag,
                                         losses, gains, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    expect_doubles(got, "losses", losses, n);
    expect_doubles(got, "gains", gains, n);
  }
  free(rows);
  free(strengths);
  free(losses);
  free(gains);
  rag_steering_vector_free(vector);
  rag_options_free(bag);
  return status;
}

RUNNER(steering_apply) {
  rag_options *bag = options_of(options, err);
  const json *query = json_need(inputs, "query"), *dials = json_need(inputs, "dials");
  float *floats = json_floats(query), *moved = calloc(query->count + 1, sizeof *moved);
  const char **names = json_texts(dials);
  double *strengths = json_doubles(json_need(inputs, "strengths"));
  size_t count = 0;
  rag_steering *set = NULL;
  rag_status status = set_of(json_need(inputs, "names"), json_need(inputs, "vectors"),
                             json_need(inputs, "scales"), &set, err);
  STEP(status, rag_steering_apply(set, floats, query->count, names, strengths, dials->count, NULL,
                                  bag, moved, query->count, &count, err));
  if (status == RAG_STATUS_OK && got->want != NULL) expect_floats(got, "vector", moved, count);
  free(floats);
  free(moved);
  free(names);
  free(strengths);
  rag_steering_free(set);
  rag_options_free(bag);
  return status;
}

RUNNER(steering_arithmetic) {
  (void)options;
  const json *operator= json_need(inputs, "operator");
  rag_steering_vector *a = NULL, *b = NULL, *made = NULL;
  rag_status status =
      dial("a", json_need(inputs, "a"), json_number(json_need(inputs, "scale_a")), &a, err);
  STEP(status,
       dial("b", json_need(inputs, "b"), json_number(json_need(inputs, "scale_b")), &b, err));
  if (json_is(operator, "plus")) STEP(status, rag_steering_vector_plus(a, b, &made, err));
  else if (json_is(operator, "minus")) STEP(status, rag_steering_vector_minus(a, b, &made, err));
  else if (json_is(operator, "negated")) STEP(status, rag_steering_vector_negated(a, &made, err));
  else if (json_is(operator, "times"))
    STEP(status, rag_steering_vector_times(a, json_number(json_need(inputs, "factor")), &made, err));
  else STEP(status, rag_steering_vector_orthogonal_to(a, b, &made, err));
  double scale = 0.0;
  STEP(status, rag_steering_vector_scale(made, &scale, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    STEP(status, expect_vector(got, json_need(got->want, "vector"), made, err));
    expect_number(got, "scale", scale);
  }
  rag_steering_vector_free(a);
  rag_steering_vector_free(b);
  rag_steering_vector_free(made);
  return status;
}

RUNNER(steering_orthogonalize) {
  (void)options;
  rag_steering *set = NULL;
  rag_status status = set_of(NULL, json_need(inputs, "vectors"), NULL, &set, err);
  STEP(status, rag_steering_orthogonalize(set, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    const json *want = json_need(got->want, "vectors");
    for (size_t i = 0; i < want->count; i++) {
      char name[32];
      snprintf(name, sizeof name, "dial %zu", i);
      rag_steering_vector *vector = NULL;
      STEP(status, rag_steering_get(set, name, &vector, err));
      STEP(status, expect_vector(got, &want->items[i], vector, err));
      rag_steering_vector_free(vector);
    }
  }
  rag_steering_free(set);
  return status;
}

RUNNER(steering_calibrate) {
  rag_options *bag = options_of(options, err);
  rag_options_set_u64(bag, RAG_OPT_SEED, got->seed, NULL);
  const json *documents = json_need(inputs, "documents");
  size_t dim = 0;
  float *rows = json_rows(documents, &dim);
  double scale = 0.0;
  rag_steering_vector *vector = NULL, *made = NULL;
  rag_status status = dial("v", json_need(inputs, "vector"), 1.0, &vector, err);
  STEP(status,
       rag_steering_vector_calibrated(vector, rows, documents->count, dim, bag, &made, err));
  STEP(status, rag_steering_vector_scale(made, &scale, err));
  if (status == RAG_STATUS_OK && got->want != NULL) expect_number(got, "scale", scale);
  free(rows);
  rag_steering_vector_free(vector);
  rag_steering_vector_free(made);
  rag_options_free(bag);
  return status;
}

RUNNER(steering_feedback) {
  (void)options;
  const json *queries = json_need(inputs, "queries"), *items = json_need(inputs, "items");
  const json *query = json_need(inputs, "query");
  double *ratings = json_doubles(json_need(inputs, "ratings"));
  double *times = json_doubles(json_need(inputs, "times"));
  double on = json_number(json_need(inputs, "first_dial"));
  const char *first = "dial 0";
  rag_steering *set = NULL;
  rag_status status =
      set_of(NULL, json_need(inputs, "vectors"), json_need(inputs, "scales"), &set, err);
  for (size_t i = 0; i < json_need(inputs, "ratings")->count; i++) {
    float *asked = json_floats(&queries->items[i]), *item = json_floats(&items->items[i]);
    size_t dim = json_count(&queries->items[i]);
    if (dim != json_count(&items->items[i]) && status == RAG_STATUS_OK) {
      /* One dimension serves both in C, so this mistake cannot be made. */
      status = RAG_STATUS_DIMENSION_MISMATCH;
    }
    STEP(status, rag_steering_feedback(set, asked, item, dim, ratings[i], "ann", &first, &on,
                                       on != 0.0 ? 1 : 0, &times[i], 0, err));
    free(asked);
    free(item);
  }
  float *floats = json_floats(query), *moved = calloc(query->count + 1, sizeof *moved);
  size_t count = 0;
  STEP(status, rag_steering_apply(set, floats, query->count, NULL, NULL, 0, "ann", NULL, moved,
                                  query->count, &count, err));
  if (status == RAG_STATUS_OK && got->want != NULL) expect_floats(got, "vector", moved, count);
  free(floats);
  free(moved);
  free(ratings);
  free(times);
  rag_steering_free(set);
  return status;
}

RUNNER(filter_feedback) {
  rag_options *bag = options_of(options, err);
  const json *given = json_need(inputs, "ratings"), *when = json_need(inputs, "at");
  double *ratings = json_doubles(given), *at = json_doubles(when);
  size_t n = given->count;
  double *weights = calloc(n + 1, sizeof *weights);
  bool *kept = calloc(n + 1, sizeof *kept);
  const json *who = json_get(inputs, "users");
  uint64_t *users = who == NULL ? NULL : json_keys(who);
  double mean = 0.0, confidence = 0.0;
  rag_status status = RAG_STATUS_OK;
  if (when->count != n || (who != NULL && who->count != n)) {
    got->skip = "one count serves all arrays in C, so they cannot differ";
    status = RAG_STATUS_INVALID_ARGUMENT;
  }
  STEP(status,
       rag_filter_feedback(ratings, at, users, n, json_number(json_need(inputs, "half_life")), bag,
                           weights, kept, &mean, &confidence, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    expect_doubles(got, "weights", weights, n);
    double *verdicts = calloc(n + 1, sizeof *verdicts);
    for (size_t i = 0; i < n; i++) verdicts[i] = kept[i];
    expect_doubles(got, "kept", verdicts, n);
    free(verdicts);
    expect_number(got, "mean", mean);
    expect_number(got, "confidence", confidence);
  }
  free(ratings);
  free(at);
  free(users);
  free(weights);
  free(kept);
  rag_options_free(bag);
  return status;
}
