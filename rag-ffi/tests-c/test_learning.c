/* Steering vectors, sets, the noise filter, the bandit and the router on their own. */
#include "check.h"

static const float kind[] = {1, 0.2f, 0.9f, 0.1f, 1, 0, 0.8f, 0.2f};
static const float rude[] = {0.1f, 1, 0, 0.9f, 0.2f, 1, 0.1f, 0.8f};

static rag_steering_vector *learnt(const char *name) {
  rag_options *options = NULL;
  rag_steering_vector *made = NULL;
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_str(options, RAG_OPT_NAME, name, &err));
  OK(rag_steering_vector_learn(kind, 4, rude, 4, 2, options, &made, &err));
  rag_options_free(options);
  return made;
}

TEST(a_direction_is_learnt_and_applied) {
  rag_steering_vector *vector = learnt("polite"), *half = NULL;
  float data[2], a[2], b[2];
  const float query[] = {0.6f, 0.8f}, long_query[] = {3, 4};
  size_t count = 0;
  rag_string *name = NULL;
  OK(rag_steering_vector_data(vector, data, 2, &count, &err));
  CHECK(data[0] > 0.6f && data[1] < -0.6f);
  OK(rag_steering_vector_apply(vector, long_query, 2, 0.0, NULL, a, 2, &count, &err));
  CHECK(a[0] == 3.0f && a[1] == 4.0f);
  OK(rag_steering_vector_times(vector, 0.5, &half, &err));
  OK(rag_steering_vector_apply(half, query, 2, 1.0, NULL, a, 2, &count, &err));
  OK(rag_steering_vector_apply(vector, query, 2, 0.5, NULL, b, 2, &count, &err));
  CHECK(a[0] == b[0] && a[1] == b[1]);
  OK(rag_steering_vector_name(vector, &name, &err));
  CHECK_STR(rag_string_data(name), "polite");
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_steering_vector_apply(vector, query, 2, (double)NAN, NULL, a, 2, &count, &err));
  FAILS(RAG_STATUS_DIMENSION_MISMATCH,
        rag_steering_vector_apply(vector, query, 1, 1.0, NULL, a, 2, &count, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_steering_vector_learn(kind, 1, rude, 1, 2, NULL, &half, &err));
  rag_string_free(name);
  rag_steering_vector_free(half);
  rag_steering_vector_free(vector);
}

TEST(vectors_come_back_from_their_parts) {
  rag_steering_vector *vector = learnt("polite"), *again = NULL, *rest = NULL;
  rag_effect effect = {0}, copy = {0};
  bool measured = false;
  float data[2];
  double scale = 0.0, same = 0.0;
  size_t count = 0;
  OK(rag_steering_vector_data(vector, data, 2, &count, &err));
  OK(rag_steering_vector_scale(vector, &scale, &err));
  OK(rag_steering_vector_effect(vector, &effect, &measured, &err));
  CHECK(measured && effect.low <= effect.value && effect.value <= effect.high);
  OK(rag_steering_vector_from_parts("again", data, 2, scale, &effect, &again, &err));
  OK(rag_steering_vector_scale(again, &same, &err));
  OK(rag_steering_vector_effect(again, &copy, &measured, &err));
  CHECK(same == scale && copy.value == effect.value);
  OK(rag_steering_vector_minus(again, vector, &rest, &err));
  OK(rag_steering_vector_effect(rest, &copy, &measured, &err));
  CHECK(!measured);
  rag_steering_vector_free(rest);
  OK(rag_steering_vector_orthogonal_to(vector, again, &rest, &err));
  rag_steering_vector_free(rest);
  rag_steering_vector_free(again);
  rag_steering_vector_free(vector);
}

TEST(a_set_is_saved_and_merged) {
  rag_steering *set = NULL, *other = NULL;
  rag_steering_vector *vector = learnt("polite");
  const float query[] = {0.6f, 0.8f};
  const double at = 1700000000.0;
  rag_strings *names = NULL;
  rag_string *report = NULL;
  bool known = false;
  OK(rag_steering_new(&set, &err));
  OK(rag_steering_insert(set, vector, &err));
  OK(rag_steering_feedback(set, query, kind, 2, 0.9, "u1", NULL, NULL, 0, &at, 0, &err));
  OK(rag_steering_save(set, "set.safetensors", &err));
  OK(rag_steering_load("set.safetensors", &other, &err));
  OK(rag_steering_merge(other, set, &err));
  OK(rag_steering_users(other, &names, &err));
  CHECK(rag_strings_len(names) == 1);
  rag_strings_free(names);
  OK(rag_steering_retrain(other, NULL, &report, &err));
  CHECK(strstr(rag_string_data(report), "\"users\":1") != NULL);
  CHECK(strstr(rag_string_data(report), "\"crowd\":0") != NULL);
  CHECK(strstr(rag_string_data(report), "\"heuristic\":null") != NULL);
  OK(rag_steering_forget(other, "u1", &known, &err));
  CHECK(known);
  OK(rag_steering_forget(other, "u1", NULL, &err));
  OK(rag_steering_remove(other, "polite", &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_steering_remove(other, "polite", &err));
  /* A set merged with itself is what it was. */
  OK(rag_steering_merge(set, set, &err));
  rag_string_free(report);
  rag_steering_vector_free(vector);
  rag_steering_free(set);
  rag_steering_free(other);
}

/* Warm and cold, calm and loud, warm and calm overlapping. */
static const float warm_calm[] = {
    1, 0.6f, 0.1f, 0.9f, 0.5f, 0, 1.1f, 0.4f, -0.1f, 0.5f, 1, 0, 0.4f, 0.9f, 0.1f, 0.6f, 1.1f, -0.1f,
};
static const float cold_loud[] = {
    -1, -0.5f, 0, -0.9f, -0.6f, 0.1f, -1.1f, -0.4f, 0, -0.5f, -1, 0.1f, -0.4f, -0.9f, 0, -0.6f, -1.1f, 0,
};

TEST(dials_are_learnt_together_or_not_at_all) {
  const char *names[] = {"warm", "calm"}, *twice[] = {"warm", "warm"}, *user_of[] = {"warm"};
  const size_t halves[] = {0, 3}, first_only[] = {0, 3}, backwards[] = {3, 0};
  rag_steering *set = NULL;
  rag_options *options = NULL;
  rag_strings *known = NULL;
  OK(rag_options_new(&options, &err));
  OK(rag_steering_new(&set, &err));
  OK(rag_steering_learn_joint(set, names, 2, warm_calm, halves, 6, cold_loud, halves, 6, 3, NULL, &err));
  double talk[4], scale[2];
  size_t count = 0;
  OK(rag_steering_cross_talk(set, warm_calm, 6, 3, NULL, talk, 4, &count, &err));
  CHECK(count == 4);
  FAILS(RAG_STATUS_BUFFER_TOO_SMALL,
        rag_steering_cross_talk(set, warm_calm, 6, 3, NULL, talk, 3, &count, &err));
  FAILS(RAG_STATUS_DIMENSION_MISMATCH,
        rag_steering_cross_talk(set, warm_calm, 9, 2, NULL, talk, 4, &count, &err));
  float data[2][3];
  for (size_t i = 0; i < 2; i++) {
    rag_steering_vector *dial = NULL;
    OK(rag_steering_get(set, names[i], &dial, &err));
    OK(rag_steering_vector_data(dial, data[i], 3, &count, &err));
    OK(rag_steering_vector_scale(dial, &scale[i], &err));
    rag_steering_vector_free(dial);
  }
  float between = 0;
  for (size_t i = 0; i < 3; i++) between += data[0][i] * data[1][i];
  CHECK(fabsf(between) < 0.5f && data[0][0] > 0.5f && data[1][1] > 0.5f);
  FAILS(RAG_STATUS_ALREADY_EXISTS, rag_steering_learn_joint(set, names, 2, warm_calm, halves, 6,
                                                            cold_loud, halves, 6, 3, NULL, &err));
  rag_steering_free(set);
  OK(rag_steering_new(&set, &err));
  /* One attribute, a name twice, offsets that are wrong, a row that is both. */
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_steering_learn_joint(set, user_of, 1, warm_calm, halves, 6,
                                                              cold_loud, halves, 6, 3, NULL, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_steering_learn_joint(set, twice, 2, warm_calm, halves, 6,
                                                              cold_loud, halves, 6, 3, NULL, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_steering_learn_joint(set, names, 2, warm_calm, backwards, 6,
                                                              cold_loud, halves, 6, 3, NULL, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_steering_learn_joint(set, names, 2, warm_calm, halves, 6,
                                                              warm_calm, halves, 6, 3, NULL, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_steering_learn_joint(set, names, 2, warm_calm, NULL, 6, NULL,
                                                          NULL, 0, 3, NULL, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_steering_learn_joint(set, names, 2, warm_calm, halves, 6,
                                                          cold_loud, NULL, 6, 3, NULL, &err));
  OK(rag_options_set_str(options, RAG_OPT_METHOD, "pca", &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_steering_learn_joint(set, names, 2, warm_calm, halves, 6,
                                                              NULL, NULL, 0, 3, options, &err));
  OK(rag_steering_dials(set, &known, &err));
  CHECK(rag_strings_len(known) == 0);
  rag_strings_free(known);
  /* What lacks an attribute may be left out of the last of two, and of all of three. */
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_steering_learn_joint(set, names, 2, warm_calm, halves, 6,
                                                              NULL, NULL, 0, 3, NULL, &err));
  const size_t thirds[] = {0, 2, 4};
  const char *three[] = {"a", "b", "c"};
  OK(rag_steering_learn_joint(set, three, 3, cold_loud, thirds, 6, NULL, NULL, 0, 3, NULL, &err));
  OK(rag_steering_learn_joint(set, names, 2, warm_calm, halves, 6, cold_loud, first_only, 3, 3, NULL, &err));
  rag_options_free(options);
  rag_steering_free(set);
}

TEST(a_dial_tells_what_it_costs) {
  rag_steering_vector *plain = NULL, *dial = NULL, *costing = NULL;
  rag_options *options = NULL;
  const float up[] = {0, 1, 0}, query[] = {1, 0, 0};
  float a[3], b[3];
  double loss = -1.0, losses[3], gains[3];
  const double strengths[] = {0.0, 1.0, 2.0}, wild[] = {101.0};
  bool measured = true;
  size_t count = 0;
  OK(rag_steering_vector_from_parts("up", up, 3, 0.2, NULL, &plain, &err));
  OK(rag_steering_vector_loss(plain, &loss, &measured, &err));
  CHECK(!measured && loss == -1.0);
  OK(rag_steering_vector_costing(plain, 0.25, &costing, &err));
  OK(rag_steering_vector_loss(costing, &loss, &measured, &err));
  CHECK(measured && loss == 0.25);
  OK(rag_steering_vector_calibrated(plain, warm_calm, 6, 3, NULL, &dial, &err));
  OK(rag_steering_vector_loss(dial, &loss, &measured, &err));
  CHECK(measured && loss > 0.0);
  OK(rag_steering_vector_curve(dial, warm_calm, 6, 3, strengths, 3, NULL, losses, gains, &err));
  CHECK(losses[0] == 0.0 && gains[0] == 0.0 && fabs(losses[1] - loss) < 1e-9 && losses[2] >= losses[1]);
  OK(rag_steering_vector_curve(dial, warm_calm, 6, 3, NULL, 0, NULL, NULL, NULL, &err));
  FAILS(RAG_STATUS_NULL_POINTER,
        rag_steering_vector_curve(dial, warm_calm, 6, 3, strengths, 3, NULL, losses, NULL, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_steering_vector_curve(dial, warm_calm, 6, 3, wild, 1, NULL, losses, gains, &err));
  FAILS(RAG_STATUS_DIMENSION_MISMATCH,
        rag_steering_vector_curve(dial, warm_calm, 9, 2, strengths, 3, NULL, losses, gains, &err));
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_f64(options, RAG_OPT_MAX_LOSS, 0.25, &err));
  OK(rag_steering_vector_apply(costing, query, 3, 3.0, options, a, 3, &count, &err));
  OK(rag_steering_vector_apply(costing, query, 3, 1.0, NULL, b, 3, &count, &err));
  for (size_t i = 0; i < 3; i++) CHECK(fabsf(a[i] - b[i]) < 1e-6f);
  OK(rag_options_set_str(options, RAG_OPT_APPLICATION, "geodesic", &err));
  OK(rag_steering_vector_apply(costing, up, 3, 5.0, options, a, 3, &count, &err));
  CHECK(fabsf(a[1] - 1.0f) < 1e-6f);
  OK(rag_options_set_f64(options, RAG_OPT_MAX_LOSS, 0.9, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_steering_vector_apply(costing, query, 3, 1.0, options, a, 3, &count, &err));
  OK(rag_options_set_f64(options, RAG_OPT_MAX_LOSS, 0.1, &err));
  OK(rag_options_set_str(options, RAG_OPT_APPLICATION, "slerp", &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_steering_vector_apply(costing, query, 3, 1.0, options, a, 3, &count, &err));
  rag_options_free(options);
  rag_steering_vector_free(plain);
  rag_steering_vector_free(dial);
  rag_steering_vector_free(costing);
}

TEST(a_taste_is_told_in_the_words_of_the_dials) {
  const float up[] = {0, 1, 0}, query[] = {1, 0, 0}, item[] = {0.8f, 0.6f, 0};
  rag_steering_vector *dial = NULL;
  rag_steering *set = NULL;
  rag_string *told = NULL;
  double at = 0.0;
  OK(rag_steering_new(&set, &err));
  OK(rag_steering_vector_from_parts("calm", up, 3, 0.2, NULL, &dial, &err));
  OK(rag_steering_insert(set, dial, &err));
  OK(rag_steering_taste(set, "ann", &told, &err));
  CHECK(strstr(rag_string_data(told), "\"ratings\":0") != NULL);
  rag_string_free(told);
  OK(rag_steering_drift(set, "ann", &told, &err));
  CHECK_STR(rag_string_data(told), "[]");
  rag_string_free(told);
  for (; at < 3.0; at += 1.0)
    OK(rag_steering_feedback(set, query, item, 3, 1.0, "ann", NULL, NULL, 0, &at, 5, &err));
  OK(rag_steering_taste(set, "ann", &told, &err));
  CHECK(strstr(rag_string_data(told), "\"ratings\":3") != NULL);
  CHECK(strstr(rag_string_data(told), "\"dials\":{\"calm\":") != NULL);
  rag_string_free(told);
  OK(rag_steering_drift(set, "ann", &told, &err));
  CHECK(strstr(rag_string_data(told), "\"at\":2.0") != NULL);
  rag_string_free(told);
  FAILS(RAG_STATUS_NULL_POINTER, rag_steering_taste(set, NULL, &told, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_steering_drift(set, "ann", NULL, &err));
  CHECK(rag_rating_of_dwell(30.0) == 0.5 && rag_rating_of_dwell((double)NAN) == 0.0);
  rag_steering_vector_free(dial);
  rag_steering_free(set);
}

TEST(a_dial_holds_an_attribute_model) {
  const char *polite[] = {"could you please wait", "please help me", "would you please come"};
  const char *blunt[] = {"wait", "help me now", "come here now"};
  const float same[] = {1, 0, 1, 0, 1, 0};
  rag_attribute_model *model = NULL, *held = NULL;
  rag_steering *set = NULL;
  rag_steering_vector *vector = learnt("polite");
  rag_effect effect = {0};
  float likely = 0, unlikely = 1;
  double scale = 0;
  OK(rag_attribute_model_learn(polite, NULL, same, 3, blunt, NULL, same, 3, 2, NULL, &model, &err));
  OK(rag_attribute_model_probability(model, "please open it", RAG_NUL_TERMINATED, same, 2, &likely,
                                     &err));
  OK(rag_attribute_model_probability(model, "open it now", RAG_NUL_TERMINATED, NULL, 0, &unlikely,
                                     &err));
  CHECK(likely > 0.5f && unlikely < 0.5f);
  OK(rag_attribute_model_scale(model, &scale, &err));
  OK(rag_attribute_model_effect(model, &effect, &err));
  CHECK(scale > 0 && effect.low <= effect.value && effect.value <= effect.high);
  OK(rag_steering_new(&set, &err));
  OK(rag_steering_insert(set, vector, &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_steering_attribute(set, "polite", &held, &err));
  OK(rag_steering_set_attribute(set, "polite", model, &err));
  OK(rag_steering_attribute(set, "polite", &held, &err));
  OK(rag_attribute_model_probability(held, "open it now", RAG_NUL_TERMINATED, NULL, 0, &likely,
                                     &err));
  CHECK(likely == unlikely);
  OK(rag_steering_set_attribute(set, "polite", NULL, &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_steering_set_attribute(set, "absent", model, &err));
  FAILS(RAG_STATUS_DIMENSION_MISMATCH,
        rag_attribute_model_probability(model, "a", 1, same, 1, &likely, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_attribute_model_learn(polite, NULL, same, 1, blunt, NULL, same, 3, 2, NULL, &held, &err));
  rag_attribute_model_free(held);
  rag_attribute_model_free(model);
  rag_steering_free(set);
  rag_steering_vector_free(vector);
}

TEST(the_noise_filter_drops_the_outlier) {
  const double ratings[] = {0.4, 0.5, 0.6, 0.5, 9.0}, at[] = {0, 60, 0, 60, 600};
  double weights[5];
  bool kept[5];
  OK(rag_filter_feedback(ratings, at, NULL, 5, 60.0, NULL, weights, kept, NULL, NULL, &err));
  CHECK(kept[3] && !kept[4] && weights[1] == 1.0 && weights[0] == 0.5 && weights[4] == 0.0);
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_filter_feedback(ratings, at, NULL, 5, 0.0, NULL, weights, kept, NULL, NULL, &err));
  FAILS(RAG_STATUS_NULL_POINTER,
        rag_filter_feedback(ratings, at, NULL, 5, 60.0, NULL, NULL, kept, NULL, NULL, &err));
  double mean = 0.0, confidence = 1.0;
  OK(rag_filter_feedback(NULL, NULL, NULL, 0, 60.0, NULL, NULL, NULL, &mean, &confidence, &err));
  CHECK(isnan(mean) && confidence == 0.0);
}

TEST(the_noise_filter_counts_a_loud_voter_once) {
  const double votes[] = {0, 0, 1, 1, 1}, at[] = {0, 0, 0, 0, 0};
  const uint64_t users[] = {7, 8, 9, 9, 9};
  double weights[5], mean = 0.0, confidence = 0.0, alone = 0.0;
  bool kept[5];
  rag_options *options = NULL;
  OK(rag_filter_feedback(votes, at, NULL, 5, 60.0, NULL, weights, kept, &mean, &alone, &err));
  CHECK(fabs(mean - 0.6) < 1e-12);
  OK(rag_filter_feedback(votes, at, users, 5, 60.0, NULL, weights, kept, &mean, &confidence, &err));
  CHECK(fabs(mean - 1.0 / 3.0) < 1e-12 && confidence > 0.0 && confidence < alone);
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_f64(options, RAG_OPT_PER_USER, INFINITY, &err));
  OK(rag_filter_feedback(votes, at, users, 5, 60.0, options, weights, kept, &mean, NULL, &err));
  CHECK(fabs(mean - 0.6) < 1e-12);
  OK(rag_options_set_f64(options, RAG_OPT_PER_USER, 0.0, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_filter_feedback(votes, at, users, 5, 60.0, options, weights, kept, &mean, NULL, &err));
  rag_options_free(options);
}

static double half(const char *domain, const double *context, size_t n, void *user) {
  (void)context;
  *(bool *)user |= n == 1 && strcmp(domain, "d") == 0;
  return 0.5;
}

TEST(a_bandit_learns_keeps_and_tells) {
  const double arms[] = {0.0, 0.5, 1.0}, context[] = {0.25};
  rag_options *options = NULL;
  rag_bandit *bandit = NULL, *copy = NULL;
  rag_choice choice;
  double best = 0.0;
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_u64(options, RAG_OPT_SEED, 3, &err));
  OK(rag_bandit_new(arms, 3, options, &bandit, &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_bandit_best(bandit, "d", &best, &err));
  OK(rag_bandit_set_prior(bandit, "d", 0.5, &err));
  for (int i = 0; i < 60; i++) {
    OK(rag_bandit_choose(bandit, "d", context, 1, &choice, &err));
    OK(rag_bandit_reward(bandit, choice.id, 0.9 - fabs(choice.value - 0.5), &err));
  }
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_bandit_reward(bandit, choice.id, 0.5, &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_bandit_reward(bandit, 12345, 0.5, &err));
  OK(rag_bandit_best_in(bandit, "d", context, 1, &best, &err));
  CHECK(best == 0.5);
  OK(rag_bandit_save(bandit, "bandit.rag", &err));
  OK(rag_bandit_load("bandit.rag", &copy, &err));
  OK(rag_bandit_merge(copy, bandit, &err));
  rag_estimate estimates[3];
  size_t count = 0;
  OK(rag_bandit_estimates(copy, "d", estimates, 3, &count, &err));
  CHECK(count == 3);
  CHECK(fabs(estimates[0].count + estimates[1].count + estimates[2].count - 60.0) < 1e-9);
  rag_string *log = NULL;
  OK(rag_bandit_log(copy, &log, &err));
  CHECK(strstr(rag_string_data(log), "\"context\":[0.25]") != NULL);
  bool seen = false;
  rag_value_estimate value;
  OK(rag_bandit_evaluate(copy, half, &seen, NULL, 0, NULL, &value, &err));
  CHECK(seen && value.low <= value.value && value.value <= value.high);
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_bandit_evaluate(copy, half, &seen, NULL, 0, "guess", &value, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_bandit_evaluate(copy, NULL, NULL, NULL, 0, NULL, &value, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_bandit_choose(bandit, "", NULL, 0, &choice, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_bandit_new_range(1.0, 0.0, NULL, &copy, &err));
  rag_string_free(log);
  rag_options_free(options);
  rag_bandit_free(bandit);
  rag_bandit_free(copy);
}

TEST(a_bandit_of_a_collection_is_as_durable_as_its_documents) {
  const double arms[] = {0.0, 0.5, 1.0};
  rag_collection *collection = NULL;
  rag_bandit *alone = NULL, *kept = NULL, *again = NULL;
  rag_strings *names = NULL;
  rag_choice choice;
  rag_estimate estimates[3];
  size_t count = 0, outstanding = 9;
  bool was = false;
  OK(rag_collection_open("kept", NULL, NULL, &collection, &err));
  OK(rag_bandit_new(arms, 3, NULL, &alone, &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_collection_bandit(collection, "weights", &kept, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_collection_set_bandit(collection, "", alone, &err));
  OK(rag_collection_set_bandit(collection, "weights", alone, &err));
  OK(rag_collection_bandit(collection, "weights", &kept, &err));
  OK(rag_bandit_set_prior(kept, "d", 0.5, &err));
  OK(rag_bandit_choose(kept, "d", NULL, 0, &choice, &err));
  OK(rag_bandit_reward(kept, choice.id, 0.5, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_bandit_reward(kept, choice.id, 0.5, &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_bandit_reward(alone, choice.id, 0.5, &err));
  OK(rag_collection_close(collection, &err));
  FAILS(RAG_STATUS_CLOSED, rag_bandit_choose(kept, "d", NULL, 0, &choice, &err));
  rag_collection_free(collection);
  OK(rag_collection_open("kept", NULL, NULL, &collection, &err));
  OK(rag_collection_bandits(collection, &names, &err));
  CHECK(rag_strings_len(names) == 1);
  OK(rag_collection_bandit(collection, "weights", &again, &err));
  OK(rag_bandit_estimates(again, "d", estimates, 3, &count, &err));
  CHECK(count == 3 && estimates[choice.arm].count == 1.0);
  OK(rag_bandit_outstanding(again, &outstanding, &err));
  CHECK(outstanding == 0);
  OK(rag_collection_remove_bandit(collection, "weights", &was, &err));
  CHECK(was);
  OK(rag_collection_remove_bandit(collection, "weights", &was, &err));
  CHECK(!was);
  rag_strings_free(names);
  rag_bandit_free(alone);
  rag_bandit_free(kept);
  rag_bandit_free(again);
  rag_collection_free(collection);
}

TEST(a_bandit_chooses_among_names_and_grids_and_in_batches) {
  const char *names[] = {"small", "large"}, *twice[] = {"small", "small"};
  const double sizes[] = {5.0, 10.0, 20.0}, guess[] = {0.5, 10.0}, far[] = {0.5, 50.0};
  const rag_grid_dimension knobs[] = {{"weight", NULL, 0, 0.0, 1.0}, {"k", sizes, 3, 0.0, 0.0}};
  rag_options *options = NULL;
  rag_bandit *named = NULL, *grid = NULL;
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_u64(options, RAG_OPT_SEED, 3, &err));
  OK(rag_options_set_f64(options, RAG_OPT_SAFETY, 0.5, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_bandit_new_names(twice, 2, options, &named, &err));
  OK(rag_bandit_new_names(names, 2, options, &named, &err));
  OK(rag_bandit_new_grid(knobs, 2, options, &grid, &err));
  rag_string *name = NULL;
  size_t arm = 9, count = 0;
  OK(rag_bandit_arm_named(named, "large", &arm, &err));
  OK(rag_bandit_arm_name(named, arm, &name, &err));
  CHECK(arm == 1 && strcmp(rag_string_data(name), "large") == 0);
  FAILS(RAG_STATUS_NOT_FOUND, rag_bandit_arm_named(named, "huge", &arm, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_bandit_set_prior_point(grid, "d", far, 2, &err));
  OK(rag_bandit_set_prior_point(grid, "d", guess, 2, &err));
  double point[2], values[100];
  OK(rag_bandit_arm_at(grid, guess, 2, &arm, &err));
  OK(rag_bandit_arm_values(grid, arm, point, 2, &count, &err));
  CHECK(count == 2 && point[0] == 0.5 && point[1] == 10.0);
  OK(rag_bandit_values(grid, values, 100, &count, &err));
  CHECK(count == 63 && values[62] == 62.0);
  /* All or nothing: the second domain has no name. */
  const double context[] = {0.1, -0.2};
  const rag_bandit_query good[] = {{"d", context, 2}, {"e", NULL, 0}};
  const rag_bandit_query bad[] = {{"d", context, 2}, {"", NULL, 0}};
  rag_choice choices[2];
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_bandit_choose_many(grid, bad, 2, choices, &err));
  OK(rag_bandit_choose_many(grid, good, 2, choices, &err));
  OK(rag_bandit_outstanding(grid, &count, &err));
  CHECK(count == 2);
  double odds = 0.0;
  OK(rag_bandit_propensity(grid, choices[0].id, &odds, &err));
  CHECK(odds > 0.0 && odds <= 1.0);
  const uint64_t ids[] = {choices[0].id, choices[1].id}, same[] = {choices[0].id, choices[0].id};
  const double rewards[] = {0.5, 0.25};
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_bandit_reward_many(grid, same, rewards, 2, &err));
  OK(rag_bandit_reward_many(grid, ids, rewards, 2, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_bandit_reward_all(grid, ids[0], rewards, 2, &err));
  double best = -1.0;
  OK(rag_bandit_best_in(grid, "d", context, 2, &best, &err));
  CHECK(best >= 0.0 && best < 63.0);
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_bandit_best_in(grid, "d", context, 1, &best, &err));
  rag_string_free(name);
  rag_options_free(options);
  rag_bandit_free(named);
  rag_bandit_free(grid);
}

TEST(a_router_chooses_learns_and_is_kept) {
  const char *objectives[] = {"cost", "quality"}, *routes[] = {"small", "large"};
  const double small[] = {1.0, 0.5}, large[] = {9.0, 0.9}, weights[] = {0.0, 1.0}, budget = 2.0;
  rag_router *router = NULL, *copy = NULL;
  rag_decision *decision = NULL;
  rag_strings *front = NULL;
  rag_options *cheap = NULL;
  uint64_t id = 0;
  double cost = 0.0;
  OK(rag_router_new(objectives, 2, 0, NULL, &router, &err));
  OK(rag_router_add(router, "small", objectives, small, 2, &err));
  OK(rag_router_add(router, "large", objectives, large, 2, &err));
  FAILS(RAG_STATUS_ALREADY_EXISTS, rag_router_add(router, "large", objectives, large, 2, &err));
  OK(rag_router_route(router, NULL, 0, objectives, weights, 2, NULL, 0, NULL, &decision, &err));
  CHECK_STR(rag_decision_name(decision), "large");
  OK(rag_decision_id(decision, &id, &err));
  OK(rag_decision_front(decision, &front, &err));
  CHECK(rag_strings_len(front) == 2);
  OK(rag_decision_expected(decision, "cost", &cost, &err));
  CHECK(fabs(cost - 9.0) < 1e-9);
  FAILS(RAG_STATUS_NOT_FOUND, rag_decision_expected(decision, "taste", &cost, &err));
  OK(rag_router_observe(router, id, objectives, large, 2, &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_router_observe(router, id, objectives, large, 2, &err));
  rag_decision_free(decision);
  OK(rag_options_new(&cheap, &err));
  OK(rag_options_set_f64(cheap, RAG_OPT_BUDGET, budget, &err));
  OK(rag_router_route(router, NULL, 0, objectives, weights, 2, NULL, 0, cheap, &decision, &err));
  rag_options_free(cheap);
  CHECK_STR(rag_decision_name(decision), "small");
  rag_decision_free(decision);
  decision = NULL;
  FAILS(RAG_STATUS_NOT_FOUND, rag_router_route(router, NULL, 0, NULL, NULL, 0, routes, 2, NULL, &decision,
                                               &err));
  const float queries[] = {1, 0, 0, 1};
  const char *of[] = {"small", "large"}, *what[] = {"quality", "quality"};
  const double outcomes[] = {0.9, 0.1, 0.2, (double)NAN};
  OK(rag_router_fit(router, queries, 2, 2, of, what, outcomes, 2, &err));
  what[0] = "taste";
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_router_fit(router, queries, 2, 2, of, what, outcomes, 2, &err));
  OK(rag_router_save(router, "router.rag", &err));
  OK(rag_router_load("router.rag", &copy, &err));
  rag_strings_free(front);
  OK(rag_router_names(copy, &front, &err));
  CHECK(rag_strings_len(front) == 2);
  OK(rag_router_remove(copy, "small", &err));
  OK(rag_router_merge(copy, router, &err));
  rag_strings_free(front);
  rag_router_free(router);
  rag_router_free(copy);
}

TEST(a_router_tells_why_and_is_told_of_failures) {
  const char *objectives[] = {"cost", "quality"};
  const double small[] = {1.0, 0.5}, large[] = {9.0, 0.9}, best[] = {0.0, 1.0}, at = 100.0;
  const uint64_t one = 1, none = 0;
  rag_router *router = NULL;
  rag_decision *decision = NULL;
  rag_options *with = NULL, *when = NULL;
  rag_string *told = NULL;
  rag_route_health health = {0};
  uint64_t id = 0;
  double propensity = 0.0, error = 1.0;
  OK(rag_options_new(&with, &err));
  OK(rag_options_set_f64(with, RAG_OPT_FIRST_BACKOFF_S, 2.0, &err));
  OK(rag_router_new(objectives, 2, 0, with, &router, &err));
  OK(rag_router_add(router, "small", objectives, small, 2, &err));
  OK(rag_router_add(router, "large", objectives, large, 2, &err));
  OK(rag_options_new(&when, &err));
  OK(rag_options_set_f64(when, RAG_OPT_AT, at, &err));
  OK(rag_router_route(router, NULL, 0, objectives, best, 2, NULL, 0, when, &decision, &err));
  OK(rag_decision_id(decision, &id, &err));
  OK(rag_decision_why(decision, &told, &err));
  CHECK(strstr(rag_string_data(told), "large: expected cost 9") != NULL);
  rag_string_free(told);
  OK(rag_decision_why_json(decision, &told, &err));
  CHECK(strstr(rag_string_data(told), "\"standing\":\"on_front\"") != NULL);
  rag_string_free(told);
  rag_decision_free(decision);
  OK(rag_router_propensity(router, id, &propensity, &error, &err));
  CHECK(propensity == 1.0 && error == 0.0);
  OK(rag_router_fail(router, id, &at, &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_router_fail(router, id, &at, &err));
  OK(rag_router_health(router, "large", &health, &err));
  CHECK(health.failures == 1 && health.tried_next == 102.0 && isnan(health.latency_mean_s));
  OK(rag_router_route(router, NULL, 0, objectives, best, 2, NULL, 0, when, &decision, &err));
  CHECK_STR(rag_decision_name(decision), "small");
  OK(rag_decision_id(decision, &id, &err));
  OK(rag_router_answered(router, id, objectives, small, 2, 0.25, &err));
  OK(rag_router_health(router, "small", &health, &err));
  CHECK(health.latency_mean_s == 0.25 && health.latency_p95_s == 0.25);
  OK(rag_router_log(router, &told, &err));
  CHECK(strstr(rag_string_data(told), "\"propensity\":1.0") != NULL);
  rag_string_free(told);
  rag_decision_free(decision);
  OK(rag_router_limit(router, "small", &one, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_router_limit(router, "small", &none, &err));
  OK(rag_router_route(router, NULL, 0, NULL, NULL, 0, NULL, 0, when, &decision, &err));
  rag_decision_free(decision);
  decision = NULL;
  FAILS(RAG_STATUS_UPSTREAM,
        rag_router_route(router, NULL, 0, NULL, NULL, 0, NULL, 0, when, &decision, &err));
  OK(rag_router_limit(router, "small", NULL, &err));
  OK(rag_router_reseed(router, 5, &err));
  OK(rag_options_set_str(when, RAG_OPT_POLICY, "best", &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT,
        rag_router_route(router, NULL, 0, NULL, NULL, 0, NULL, 0, when, &decision, &err));
  rag_options_free(with);
  rag_options_free(when);
  rag_router_free(router);
}

TEST(fronts_of_points) {
  const double points[] = {1, 2, 2, 1, 3, 3, 1, 2}, reference[] = {4, 4}, nan[] = {(double)NAN, 1};
  size_t front[4], ranks[4], count = 0;
  double volume = 0.0, room[4];
  const bool up[] = {true, true};
  OK(rag_pareto_front(points, 4, 2, NULL, 0, front, 4, &count, &err));
  CHECK(count == 3 && front[0] == 0 && front[1] == 1 && front[2] == 3);
  OK(rag_pareto_front(points, 4, 2, up, 2, front, 4, &count, &err));
  CHECK(count == 1 && front[0] == 2);
  OK(rag_nondominated_sort(points, 4, 2, NULL, 0, ranks, &err));
  CHECK(ranks[0] == 0 && ranks[2] == 1);
  OK(rag_hypervolume(points, 4, 2, reference, NULL, 0, &volume, &err));
  CHECK(fabs(volume - 8.0) < 1e-12);
  OK(rag_crowding_distance(points, 4, 2, room, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_pareto_front(nan, 1, 2, NULL, 0, front, 4, &count, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_pareto_front(points, 4, 0, NULL, 0, front, 4, &count, &err));
  FAILS(RAG_STATUS_BUFFER_TOO_SMALL, rag_pareto_front(points, 4, 2, NULL, 0, front, 1, &count, &err));
  CHECK(count == 3);
}

static bool nothing(const double *settings, size_t n, double *outcomes, void *user) {
  (void)settings;
  size_t *calls = user;
  for (size_t i = 0; i < 2 * n; i++) outcomes[i] = 1.0;
  return ++*calls < 2;
}

TEST(fronts_are_kept_and_searched) {
  const double one[] = {1, 2}, two[] = {2, 1}, nan[] = {(double)NAN, 1};
  rag_pareto_archive *archive = NULL;
  bool kept = false;
  uint64_t ids[2];
  double points[4];
  size_t count = 0, calls = 0;
  OK(rag_pareto_archive_new(2, NULL, 0, NULL, 0, NULL, &archive, &err));
  OK(rag_pareto_archive_insert(archive, one, 2, 7, &kept, &err));
  OK(rag_pareto_archive_insert(archive, two, 2, 8, NULL, &err));
  OK(rag_pareto_archive_merge(archive, archive, &err));
  CHECK(kept);
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_pareto_archive_insert(archive, nan, 2, 9, &kept, &err));
  OK(rag_pareto_archive_ids(archive, ids, 2, &count, &err));
  CHECK(count == 2 && ids[0] == 7 && ids[1] == 8);
  OK(rag_pareto_archive_points(archive, points, 4, &count, &err));
  CHECK(count == 4 && points[2] == 2.0);
  rag_pareto_archive_free(archive);
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_pareto_archive_new(0, NULL, 0, NULL, 0, NULL, &archive, &err));

  const char *objectives[] = {"cost", "quality"};
  rag_knob knob = {"x", "real", 0.0, 1.0, NULL, 0};
  rag_optimum *found = NULL;
  FAILS(RAG_STATUS_INTERRUPTED, rag_optimize(&knob, 1, objectives, 2, NULL, 0, NULL, 0, nothing, NULL,
                                             NULL, &calls, &found, &err));
  CHECK(calls == 2 && found == NULL);
  FAILS(RAG_STATUS_NULL_POINTER, rag_optimize(&knob, 1, objectives, 2, NULL, 0, NULL, 0, NULL, NULL,
                                              NULL, NULL, &found, &err));
  knob.kind = "dial";
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_optimize(&knob, 1, objectives, 2, NULL, 0, NULL, 0, nothing,
                                                  NULL, NULL, &calls, &found, &err));
}

TEST(a_cache_keeps_its_options_and_tells_what_happened) {
  rag_options *options = NULL;
  rag_cache *cache = NULL;
  rag_string *stats = NULL;
  rag_error *err = NULL;
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_f64(options, RAG_OPT_ANSWERS_S, 60.0, &err));
  OK(rag_options_set_f64(options, RAG_OPT_NEAR_DUPLICATES, 0.9, &err));
  OK(rag_cache_new(NULL, options, &cache, &err));
  OK(rag_cache_stats(cache, &stats, &err));
  CHECK_STR(rag_string_data(stats), "{\"layers\":{},\"nearby\":null,\"remote\":null}");
  OK(rag_cache_clear(cache, &err));
  OK(rag_cache_clear_tenant(cache, "shop", &err));
  OK(rag_cache_clear_tenant(cache, NULL, &err));
  rag_string_free(stats);
  rag_cache_free(cache);
  cache = NULL;
  CHECK(rag_cache_new("redis://u:hunter2@host/x", NULL, &cache, &err) == RAG_STATUS_INVALID_ARGUMENT);
  CHECK(cache == NULL && strstr(rag_error_message(err), "hunter2") == NULL);
  rag_error_free(err);
  err = NULL;
  CHECK(rag_options_set_f64(options, RAG_OPT_ANSWERS_S, -1.0, NULL) == RAG_STATUS_OK);
  CHECK(rag_cache_new(NULL, options, &cache, &err) == RAG_STATUS_INVALID_ARGUMENT);
  CHECK_STR(rag_error_message(err), "answers_s must be in 0..=31536000, got -1");
  rag_error_free(err);
  rag_options_free(options);
}

int main(void) {
  RUN(a_cache_keeps_its_options_and_tells_what_happened);
  RUN(a_direction_is_learnt_and_applied);
  RUN(vectors_come_back_from_their_parts);
  RUN(a_set_is_saved_and_merged);
  RUN(dials_are_learnt_together_or_not_at_all);
  RUN(a_dial_tells_what_it_costs);
  RUN(a_taste_is_told_in_the_words_of_the_dials);
  RUN(a_dial_holds_an_attribute_model);
  RUN(the_noise_filter_drops_the_outlier);
  RUN(the_noise_filter_counts_a_loud_voter_once);
  RUN(a_bandit_learns_keeps_and_tells);
  RUN(a_bandit_of_a_collection_is_as_durable_as_its_documents);
  RUN(a_bandit_chooses_among_names_and_grids_and_in_batches);
  RUN(a_router_chooses_learns_and_is_kept);
  RUN(a_router_tells_why_and_is_told_of_failures);
  RUN(fronts_of_points);
  RUN(fronts_are_kept_and_searched);
  return FINISH();
}
