/* Experiments and interleaved rankings. */
#include "check.h"

static rag_experiment *two(const char *name) {
  const char *variants[] = {"old", "new"};
  const uint64_t weights[] = {1, 1};
  rag_experiment *experiment = NULL;
  rag_options *options = NULL;
  OK(rag_experiment_new(name, variants, weights, 2, NULL, &experiment, &err));
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_str(options, RAG_OPT_KIND, "proportion", &err));
  OK(rag_experiment_measure(experiment, "helped", options, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_experiment_measure(experiment, "again", options, &err));
  rag_options_free(options);
  return experiment;
}

/* The variant of a user is this one. */
static void gets(const rag_experiment *experiment, const char *user, const char *want) {
  rag_string *variant = NULL;
  OK(rag_experiment_assign(experiment, user, &variant, &err));
  CHECK_STR(rag_string_data(variant), want);
  rag_string_free(variant);
}

TEST(a_winner_is_found_merged_and_promoted) {
  rag_experiment *parts[2] = {two("ranking"), two("ranking")}, *kept = NULL;
  rag_string *text = NULL;
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_experiment_promote(parts[0], NULL, &err));
  for (int i = 0; i < 4000; i++) {
    char user[32];
    snprintf(user, sizeof user, "user-%d", i);
    OK(rag_experiment_assign(parts[i % 2], user, &text, &err));
    int is_new = strcmp(rag_string_data(text), "new") == 0;
    rag_string_free(text);
    OK(rag_experiment_record(parts[i % 2], user, "helped", i / 2 % 10 < (is_new ? 6 : 4), &err));
  }
  OK(rag_experiment_to_json(parts[0], &text, &err));
  OK(rag_experiment_from_json(rag_string_data(text), RAG_NUL_TERMINATED, &kept, &err));
  rag_string_free(text);
  OK(rag_experiment_to_json(parts[1], &text, &err));
  for (int i = 0; i < 3; i++)
    OK(rag_experiment_merge(kept, rag_string_data(text), RAG_NUL_TERMINATED, &err));
  rag_string_free(text);
  OK(rag_experiment_status(kept, &text, &err));
  CHECK(strstr(rag_string_data(text), "\"winner\":\"new\"") != NULL);
  rag_string_free(text);
  OK(rag_experiment_promote(kept, NULL, &err));
  gets(kept, "anybody", "new");
  FAILS(RAG_STATUS_NOT_FOUND, rag_experiment_promote(kept, "odd", &err));
  FAILS(RAG_STATUS_NOT_FOUND, rag_experiment_record(kept, "ann", "odd", 1.0, &err));
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_experiment_record(kept, "ann", "helped", 0.5, &err));
  FAILS(RAG_STATUS_CORRUPT, rag_experiment_merge(kept, "{}", RAG_NUL_TERMINATED, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_experiment_status(kept, NULL, &err));
  rag_experiment_free(kept);
  rag_experiment_free(parts[0]);
  rag_experiment_free(parts[1]);
}

TEST(who_is_not_in_it_has_no_variant) {
  const char *variants[] = {"old", "new"};
  const uint64_t weights[] = {1, 3};
  rag_options *options = NULL;
  rag_experiment *experiment = NULL;
  rag_string *variant = NULL;
  uint64_t hash = 0;
  OK(rag_stable_hash("ranking", "ann", &hash, &err));
  CHECK(hash == 0x14cfb60d645efc44u);
  OK(rag_options_new(&options, &err));
  OK(rag_options_set_u64(options, RAG_OPT_LAYER_TO, 1, &err));
  OK(rag_experiment_new("x", variants, weights, 2, options, &experiment, &err));
  OK(rag_experiment_assign(experiment, "ann", &variant, &err));
  CHECK(variant == NULL);
  rag_experiment_free(experiment);
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_experiment_new("x", variants, weights, 1, NULL, &experiment, &err));
  FAILS(RAG_STATUS_NULL_POINTER, rag_experiment_new("x", variants, NULL, 2, NULL, &experiment, &err));
  rag_options_free(options);
}

TEST(rankings_are_interleaved_and_compared) {
  const char *a[] = {"x", "good"}, *b[] = {"good", "y"}, *clicked[] = {"good"};
  rag_interleaving *test = NULL, *again = NULL;
  rag_interleaved *list = NULL;
  rag_string *text = NULL;
  OK(rag_interleaving_new(0.05, &test, &err));
  for (uint64_t seed = 0; seed < 200; seed++) {
    OK(rag_interleave(a, 2, b, 2, 2, seed, &list, &err));
    OK(rag_interleaving_record(test, list, clicked, 1, &err));
    rag_interleaved_free(list);
  }
  OK(rag_interleaving_to_json(test, &text, &err));
  OK(rag_interleaving_from_json(rag_string_data(text), RAG_NUL_TERMINATED, &again, &err));
  OK(rag_interleaving_merge(again, rag_string_data(text), RAG_NUL_TERMINATED, &err));
  rag_string_free(text);
  OK(rag_interleaving_status(again, &text, &err));
  CHECK(strstr(rag_string_data(text), "\"better\":\"b\"") != NULL);
  rag_string_free(text);
  const char *twice[] = {"x", "x"};
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_interleave(twice, 2, b, 2, 2, 1, &list, &err));
  OK(rag_interleave(a, 1, NULL, 0, 5, 1, &list, &err));
  OK(rag_interleaved_json(list, &text, &err));
  CHECK_STR(rag_string_data(text), "{\"ids\":[\"x\"],\"teams\":[null]}");
  rag_string_free(text);
  rag_interleaved_free(list);
  FAILS(RAG_STATUS_INVALID_ARGUMENT, rag_interleaving_new(0.0, &test, &err));
  rag_interleaving_free(test);
  rag_interleaving_free(again);
}

int main(void) {
  RUN(a_winner_is_found_merged_and_promoted);
  RUN(who_is_not_in_it_has_no_variant);
  RUN(rankings_are_interleaved_and_compared);
  return FINISH();
}
