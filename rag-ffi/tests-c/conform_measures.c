/* Measures without a model, questions, rewards and domains. */
#include "conformance.h"

RUNNER(groundedness) {
  (void)options;
  enum { MOST = 64 };
  static rag_sentence_support rows[MOST];
  double column[MOST] = {0};
  const json *passages = json_need(inputs, "passages"), *answer = json_need(inputs, "answer");
  const char **texts = json_texts(passages);
  rag_grounded found;
  size_t n = 0;
  rag_status status = rag_groundedness(answer->text, answer->count, texts, NULL, passages->count,
                                       NULL, &found, rows, MOST, &n, err);
  if (status == RAG_STATUS_OK && got->want != NULL) {
    expect_number(got, "score", found.score);
    expect_number(got, "coverage", found.coverage);
    expect_number(got, "k_precision", found.k_precision);
    size_t starts[MOST], ends[MOST];
    for (size_t i = 0; i < n; i++) starts[i] = rows[i].start, ends[i] = rows[i].end;
    expect_sizes(got, "starts", starts, n);
    expect_sizes(got, "ends", ends, n);
    for (size_t i = 0; i < n; i++)
      column[i] = rows[i].passage == SIZE_MAX ? -1.0 : (double)rows[i].passage;
    expect_doubles(got, "passages", column, n);
    for (size_t i = 0; i < n; i++) column[i] = rows[i].rouge_l;
    expect_doubles(got, "rouge_l", column, n);
    for (size_t i = 0; i < n; i++) column[i] = rows[i].differs;
    expect_doubles(got, "differs", column, n);
    for (size_t i = 0; i < n; i++) column[i] = rows[i].score;
    expect_doubles(got, "scores", column, n);
    for (size_t i = 0; i < n; i++) got->wrong |= !isnan(rows[i].cosine);
  }
  free(texts);
  return status;
}

RUNNER(question_difference) {
  (void)options;
  const json *a = json_need(inputs, "a"), *b = json_need(inputs, "b");
  rag_string *found = NULL;
  rag_status status = rag_question_difference(a->text, a->count, b->text, b->count, &found, err);
  if (status == RAG_STATUS_OK && got->want != NULL)
    expect_text(got, "difference", rag_string_data(found));
  rag_string_free(found);
  return status;
}

RUNNER(experiment_assign) {
  const json *name = json_need(inputs, "name"), *variants = json_need(inputs, "variants");
  const char *user = json_need(inputs, "user")->text;
  const char **names = json_texts(variants);
  uint64_t *weights = json_keys(json_need(inputs, "weights")), hash = 0;
  rag_options *bag = options_of(options, err);
  rag_experiment *experiment = NULL;
  rag_string *variant = NULL;
  rag_status status = RAG_STATUS_OK;
  STEP(status, rag_experiment_new(name->text, names, weights, variants->count, bag, &experiment, err));
  STEP(status, rag_experiment_assign(experiment, user, &variant, err));
  STEP(status, rag_stable_hash(name->text, user, &hash, err));
  if (status == RAG_STATUS_OK && got->want != NULL) {
    char hex[17];
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)hash);
    expect_text(got, "hash", hex);
    expect_text(got, "variant", variant == NULL ? "none" : rag_string_data(variant));
  }
  rag_string_free(variant);
  rag_experiment_free(experiment);
  rag_options_free(bag);
  free(weights);
  free(names);
  return status;
}

RUNNER(readability) {
  (void)options;
  const json *text = json_need(inputs, "text");
  rag_reading found;
  rag_status status = rag_readability(text->text, text->count, &found, err);
  if (status == RAG_STATUS_OK && got->want != NULL) {
    expect_number(got, "grade", found.grade);
    expect_number(got, "ease", found.ease);
    expect_number(got, "words_per_sentence", found.words_per_sentence);
    expect_number(got, "syllables_per_word", found.syllables_per_word);
    expect_number(got, "sentences", (double)found.sentences);
    expect_number(got, "words", (double)found.words);
    expect_number(got, "syllables", (double)found.syllables);
  }
  return status;
}

RUNNER(alpha_ndcg) {
  const json *ranking = json_need(inputs, "ranking"), *documents = json_need(inputs, "documents");
  const json *lists = json_need(inputs, "subtopics");
  size_t count = 0, *offsets = calloc(documents->count + 1, sizeof *offsets);
  for (size_t i = 0; i < lists->count; i++) {
    offsets[i] = count;
    count += lists->items[i].count;
  }
  const char **names = calloc(count + 1, sizeof *names);
  for (size_t i = 0; i < lists->count; i++)
    for (size_t j = 0; j < lists->items[i].count; j++)
      names[offsets[i] + j] = lists->items[i].items[j].text;
  const char **ranked = json_texts(ranking), **known = json_texts(documents);
  rag_options *bag = options_of(options, err);
  double value = 0.0;
  rag_status status = rag_alpha_ndcg(ranked, ranking->count, known, offsets, documents->count, names,
                                     count, bag, &value, err);
  if (status == RAG_STATUS_OK && got->want != NULL) expect_number(got, "value", value);
  rag_options_free(bag);
  free(ranked);
  free(known);
  free(names);
  free(offsets);
  return status;
}

RUNNER(intra_list_distance) {
  (void)options;
  const json *list = json_need(inputs, "vectors");
  size_t dim = 0;
  float *vectors = json_rows(list, &dim);
  double value = 0.0;
  rag_status status = rag_intra_list_distance(vectors, list->count, dim, &value, err);
  if (status == RAG_STATUS_OK && got->want != NULL) expect_number(got, "value", value);
  free(vectors);
  return status;
}

RUNNER(reward) {
  (void)options;
  const json *parts = json_need(inputs, "parts"), *limited = json_need(inputs, "limited");
  const json *measured = json_need(inputs, "measured");
  const char **names = json_texts(parts), **spent = json_texts(limited);
  const char **seen = json_texts(measured);
  double *weights = json_doubles(json_need(inputs, "weights"));
  double *limits = json_doubles(json_need(inputs, "limits"));
  double *values = json_doubles(json_need(inputs, "values")), value = 0.0;
  rag_reward *reward = NULL;
  rag_status status =
      rag_reward_new(names, weights, parts->count, spent, limits, limited->count, &reward, err);
  STEP(status, rag_reward_of(reward, seen, values, measured->count, &value, err));
  if (status == RAG_STATUS_OK && got->want != NULL) expect_number(got, "value", value);
  rag_reward_free(reward);
  free(names);
  free(spent);
  free(seen);
  free(weights);
  free(limits);
  free(values);
  return status;
}

/* The domains that were found, and how likely each was. */
static rag_status expect_detections(const rag_domain_detector *detector, const float *at, size_t n,
                                    size_t dim, outcome *got, rag_error **err) {
  rag_strings *names = NULL;
  rag_status status = rag_domain_detector_domains(detector, &names, err);
  size_t count = rag_strings_len(names);
  rag_detection *found = calloc(n + 1, sizeof *found);
  double *probabilities = calloc(n * count + 1, sizeof *probabilities);
  double *none = calloc(n + 1, sizeof *none);
  STEP(status, rag_domain_detector_detect(detector, at, n, dim, found, probabilities, err));
  for (size_t i = 0; i < n && status == RAG_STATUS_OK && got->want != NULL; i++) {
    const char *name = "";
    if (found[i].domain != SIZE_MAX)
      status = rag_strings_get(names, found[i].domain, &name, NULL, err);
    got->wrong |= strcmp(name, json_need(got->want, "domains")->items[i].text) != 0;
    expect_doubles_at(got, "probabilities", &json_need(got->want, "probabilities")->items[i],
                      probabilities + i * count, count);
    none[i] = found[i].none;
  }
  if (status == RAG_STATUS_OK && got->want != NULL) expect_doubles(got, "none", none, n);
  free(found);
  free(probabilities);
  free(none);
  rag_strings_free(names);
  return status;
}

RUNNER(detect_domain) {
  const json *list = json_need(inputs, "names"), *examples = json_need(inputs, "examples");
  const json *asked = json_need(inputs, "at");
  size_t dim = 0, width = 0, n = 0, *offsets = calloc(examples->count + 1, sizeof *offsets);
  for (size_t i = 0; i < examples->count; i++) {
    offsets[i] = n;
    n += examples->items[i].count;
    if (examples->items[i].count > 0) dim = examples->items[i].items[0].count;
  }
  if (dim == 0) dim = 1;
  float *vectors = calloc(n * dim + 1, sizeof *vectors), *at = json_rows(asked, &width);
  for (size_t i = 0; i < examples->count; i++) {
    float *rows = json_rows(&examples->items[i], &width);
    if (rows != NULL)
      memcpy(vectors + offsets[i] * dim, rows, examples->items[i].count * dim * sizeof *rows);
    free(rows);
  }
  const char **names = json_texts(list);
  rag_options *bag = options_of(options, err);
  rag_domain_detector *detector = NULL;
  rag_status status = rag_domain_detector_new(bag, &detector, err);
  STEP(status, rag_domain_detector_learn(detector, names, offsets, list->count, vectors, n, dim, err));
  width = asked->count == 0 ? dim : asked->items[0].count;
  if (status == RAG_STATUS_OK)
    status = expect_detections(detector, at, asked->count, width, got, err);
  rag_domain_detector_free(detector);
  rag_options_free(bag);
  free(names);
  free(vectors);
  free(at);
  free(offsets);
  return status;
}
