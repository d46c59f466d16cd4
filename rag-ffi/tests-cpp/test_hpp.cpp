// The C++ classes: ownership, exceptions, and one call of each.
#include "ragcore.hpp"

#include "tiny_model.h"

#include <cmath>
#include <cstdio>
#include <type_traits>

static int passed, failed;
static bool bad;

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      std::printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                          \
      bad = true;                                                                                  \
    }                                                                                              \
  } while (0)

#define THROWS(wanted, expression)                                                                 \
  do {                                                                                             \
    try {                                                                                          \
      (void)(expression);                                                                          \
      std::printf("%s:%d: no error: %s\n", __FILE__, __LINE__, #expression);                       \
      bad = true;                                                                                  \
    } catch (const ragcore::error &e) {                                                            \
      CHECK(std::string(e.kind()) == (wanted));                                                    \
      CHECK(*e.what() != '\0');                                                                    \
    }                                                                                              \
  } while (0)

template <class F> static void run(const char *name, F test) {
  bad = false;
  std::size_t before = rag_handles_alive();
  try {
    test();
  } catch (const std::exception &e) {
    std::printf("%s: %s\n", name, e.what());
    bad = true;
  }
  if (rag_handles_alive() != before) {
    std::printf("%s: handles leak\n", name);
    bad = true;
  }
  if (bad) std::printf("FAILED: %s\n", name);
  bad ? failed++ : passed++;
}

static const ragcore::texts kind = {"thank you so much", "could you please help", "how lovely of you",
                                    "would you kindly wait"};
static const ragcore::texts rude = {"get lost", "shut up now", "you are a fool", "hurry up idiot"};

static void ownership() {
  static_assert(!std::is_copy_constructible_v<ragcore::bandit>);
  static_assert(std::is_nothrow_move_constructible_v<ragcore::bandit>);
  ragcore::bandit a(0.0, 1.0, {{"seed", 1}});
  ragcore::bandit b(std::move(a));
  CHECK(a.raw() == nullptr && b.raw() != nullptr);
  THROWS("null_pointer", a.best("d"));
  a = std::move(b);
  a.prior("d", 0.25);
  CHECK(a.best("d") == 0.25);
}

static void options_of_every_type() {
  ragcore::options with{{"k1", 1.5}, {"language", "english"}, {"b", std::string("x")}};
  THROWS("invalid_argument", ragcore::lexical_index(with));
  with.set("b", 0.5);
  CHECK(ragcore::lexical_index(with).size() == 0);
  THROWS("invalid_argument", ragcore::chunker({{"max_tokens", -3}}));
  THROWS("invalid_argument", ragcore::chunker({{"no such option", true}}));
}

static void errors_carry_what_they_know() {
  try {
    ragcore::bandit::load("no/such/file");
    CHECK(false);
  } catch (const ragcore::error &e) {
    CHECK(e.code() == RAG_STATUS_NOT_FOUND);
    CHECK(e.file() == "no/such/file");
    CHECK(e.offset() == UINT64_MAX && e.pid() == 0);
  }
}

static void embedding_and_chunks() {
  ragcore::embedder model;
  CHECK(model.dim() > 0 && model.max_tokens() > 0 && !model.name().empty());
  auto vector = model.encode("the moon makes the tides");
  CHECK(vector.size() == model.dim());
  auto both = model.encode({"the moon makes the tides", std::string("a\0b", 3)});
  CHECK(both.size() == 2 * model.dim());
  CHECK(std::equal(vector.begin(), vector.end(), both.begin()));
  CHECK(model.count_tokens("one two three") > 0);
  std::string text = "First sentence here. Second one follows. A third one ends it.";
  for (auto chunk : ragcore::chunker({{"max_tokens", 6}}).split(text, &model))
    CHECK(chunk.start < chunk.end && chunk.end <= text.size());
}

static void texts_that_are_cut_are_counted() {
  CHECK(tiny_model("tiny-cpp", false));
  ragcore::embedder model("tiny-cpp", {{"max_tokens", 5}});
  ragcore::texts all = {"the cat sat", "the cat sat the cat", "cat cat cat cat"};
  std::size_t cut = 99;
  CHECK(model.encode(all, {}, {}, &cut).size() == 3 * model.dim() && cut == 2);
  ragcore::collection collection(&model);
  collection.add({{"a", "b", "c"}, all}, {}, &cut);
  CHECK(cut == 2);
  collection.upsert({{"b"}, {all[1]}}, {}, &cut);
  CHECK(cut == 1);
  collection.upsert({{"a"}, {all[0]}}, {}, &cut);
  CHECK(cut == 0);
  cut = 99;
  THROWS("already_exists", (collection.add({{"a"}, {all[1]}}, {}, &cut), 0));
  CHECK(cut == 99);
  collection.upsert({{"b"}, {all[1]}});
  CHECK(collection.size() == 3);
}

static void an_exception_in_a_progress_function_comes_out() {
  ragcore::embedder model;
  ragcore::texts many(3000, "a text to embed");
  bool out = false;
  try {
    model.encode(many, {}, [](std::size_t, std::size_t) -> bool { throw 7; });
  } catch (int seven) {
    out = seven == 7;
  }
  CHECK(out);
  THROWS("interrupted", model.encode(many, {}, [](std::size_t, std::size_t) { return false; }));
}

static void indexes() {
  ragcore::dense_index dense(2, {{"metric", "dot"}});
  std::vector<std::uint64_t> keys = {10, 20, 30};
  std::vector<float> vectors = {1, 0, 0, 1, 1, 1};
  dense.add(keys, {vectors, 2});
  auto found = dense.search({vectors, 2}, 2);
  CHECK(found.size() == 3 && found[0].size() == 2 && found[0][0].key == 10);
  CHECK(dense.search({vectors, 2}, 2, std::vector<std::uint64_t>{20})[0][0].key == 20);
  CHECK(dense.search({vectors, 2}, 2, std::vector<std::uint64_t>{})[0].empty());
  THROWS("already_exists", dense.add(keys, {vectors, 2}));
  THROWS("invalid_argument", dense.add(keys, {}));
  THROWS("invalid_argument", dense.search({vectors, 2}, 1000000000));
  dense.save("dense.rag");
  CHECK(ragcore::dense_index::open("dense.rag").size() == 3);
  ragcore::lexical_index words;
  words.add(keys, {"a red apple", "a green pear", "a red pear"});
  CHECK(words.search({"green"}, 5)[0][0].key == 20);
  words.remove({keys.data(), 1});
  CHECK(words.size() == 2 && !words.contains(10));
  words.save("words.rag");
  auto again = ragcore::lexical_index::open("words.rag");
  CHECK(again.size() == 2 && again.search({"green"}, 5)[0][0].key == 20);
  THROWS("invalid_argument", ragcore::lexical_index::open("dense.rag"));
  THROWS("not_found", ragcore::lexical_index::open("absent.rag"));
  std::string many;
  for (int i = 0; i < 10000; i++) many += "red w" + std::to_string(i) + " ";
  again.add({keys.data(), 1}, {many + many});
  CHECK(again.search({many}, 5)[0].size() == 2 && again.search({"?!"}, 5)[0].empty());
}

static void steering_arithmetic() {
  ragcore::embedder model;
  auto polite = ragcore::steering_vector::learn(model, kind, rude, {{"name", "polite"}});
  CHECK(polite.name() == "polite" && polite.dim() == model.dim() && polite.effect().has_value());
  auto query = model.encode("wait");
  CHECK(polite.apply(query, 0.0) == query);
  CHECK((0.5 * polite).apply(query, 1.0) == polite.apply(query, 0.5));
  CHECK((-polite).apply(query, 1.0) != polite.apply(query, 1.0));
  auto sum = polite + polite.named("again");
  CHECK(sum.data().size() == model.dim() && (sum - polite).dim() == model.dim());
  ragcore::steering set;
  set.insert(polite);
  CHECK(set.names() == ragcore::texts{"polite"});
  auto moved = set.apply(query, {{"polite", 1.0}}), alone = polite.apply(query, 1.0);
  for (std::size_t i = 0; i < moved.size(); i++) CHECK(std::fabs(moved[i] - alone[i]) < 1e-6f);
  const std::vector<float> same = {1, 0, 1, 0, 1, 0, 1, 0};
  ragcore::rows vectors(same, 2);
  auto manners = ragcore::attribute_model::learn(kind, vectors, rude, vectors);
  CHECK(manners.probability("could you please help") > manners.probability("shut up you fool"));
  CHECK(manners.scale() > 0 && manners.effect().low <= manners.effect().value);
  THROWS("invalid_argument", ragcore::attribute_model::learn({"a"}, vectors, rude, vectors));
  THROWS("dimension_mismatch", set.set_attribute("polite", manners));
  THROWS("not_found", set.attribute("polite"));
  set.feedback(query, model.encode("please wait"), 0.9, "u1", {}, 100.0);
  CHECK(set.taste("u1").find("\"ratings\":1") != std::string::npos && set.drift("u2") == "[]");
  CHECK(set.forget("u1") && !set.forget("u1"));
  THROWS("not_found", set.get("absent"));
}

static void dials_together() {
  const std::vector<float> warm{1, 0.5f, 0.9f, 0.6f, 1.1f, 0.4f}, cold{-1, -0.5f, -0.9f, -0.6f, -1.1f, -0.4f};
  const std::vector<float> calm{0.5f, 1, 0.4f, 0.9f, 0.6f, 1.1f}, three{1, 2, 3, 4, 5, 6};
  using of_rows = ragcore::attribute_examples<ragcore::rows>;
  ragcore::steering set;
  set.learn_joint({of_rows{"warm", {warm, 2}, {cold, 2}}, of_rows{"calm", {calm, 2}}});
  CHECK(set.names() == (ragcore::texts{"calm", "warm"}));
  auto talk = set.cross_talk({warm, 2});
  CHECK(talk.size() == 4);
  auto dial = set.get("warm");
  CHECK(dial.loss().has_value() && !(dial + dial).loss() && dial.costing(0.25).loss() == 0.25);
  auto points = dial.curve({warm, 2}, std::vector<double>{0.0, 1.0});
  CHECK(points.size() == 2 && points[0].loss == 0.0 && points[1].strength == 1.0);
  const std::vector<float> query{0.0f, 1.0f};
  CHECK(dial.apply(query, 3.0, {{"max_loss", 0.001}}) != dial.apply(query, 3.0));
  CHECK(set.apply(query, {{"warm", 3.0}}, {}, {{"application", "geodesic"}}).size() == 2);
  THROWS("invalid_argument", dial.apply(query, 3.0, {{"application", "slerp"}}));
  THROWS("dimension_mismatch",
         set.learn_joint({of_rows{"a", {warm, 2}}, of_rows{"b", {three, 3}}}));
  THROWS("invalid_argument", ragcore::steering().learn_joint({of_rows{"warm", {warm, 2}, {cold, 2}}}));
  THROWS("invalid_argument", ragcore::steering().learn_joint({}));
  ragcore::collection col;
  col.add({{"a", "b", "c"}, {"one fine day", "another day", "no day at all"}});
  using of_texts = ragcore::attribute_examples<ragcore::texts>;
  col.learn_joint({of_texts{"polite", kind, rude}, of_texts{"glad", {"what joy", "so happy", "hooray"}}});
  CHECK(col.dial_names() == (ragcore::texts{"glad", "polite"}) && col.cross_talk().size() == 4);
  CHECK(col.curve("glad", std::vector<double>{1.0}).size() == 1 && col.dial("glad").name() == "glad");
  auto asked = ragcore::embedder().encode("day");
  col.feedback(asked, col.get({"a"})[0]->vector, 1.0, "u1", {}, 5.0, 7);
  CHECK(col.taste("u1").find("\"ratings\":1") != std::string::npos && col.drift("u1") != "[]");
  CHECK(col.apply(asked, {{"glad", 1.0}}, "u1", {{"max_loss", 0.5}}).size() == asked.size());
}

static void collections() {
  ragcore::collection col("hpp-store");
  col.add({{"tides", "yeast"},
           {"The moon pulls the sea and makes the tides.", "Yeast eats sugar and makes dough rise."},
           {},
           {"{\"lang\": \"en\", \"n\": 1}", "{\"lang\": \"en\", \"n\": 2}"}});
  CHECK(col.size() == 2 && col.contains("yeast"));
  auto hits = col.search("why does bread rise?", {{"k", 1}, {"explain", true}});
  CHECK(hits.size() == 1 && hits[0].id == "yeast" && hits[0].explanation.has_value());
  CHECK(col.search(ragcore::query("dough").filter("{\"n\": 1}")).begin()->id == "tides");
  std::vector<ragcore::query> asked;
  asked.emplace_back("moon");
  asked.emplace_back("sugar");
  auto many = col.search_many(asked);
  CHECK(many.size() == 2 && many[0][0].id == "tides" && many[1][0].id == "yeast");
  auto got = col.get({"yeast", "absent"});
  CHECK(got[0] && got[0]->text && !got[0]->vector.empty() && !got[1]);
  THROWS("already_exists", col.add({{"tides"}, {"again"}}));
  THROWS("invalid_argument", col.add({{"x"}, {"a", "b"}}));
  THROWS("invalid_argument", col.search(ragcore::query("x").filter("{\"$bad\": 1}")));
  THROWS("not_found", col.search(ragcore::query("x").steer("absent", 1.0)));
  CHECK(col.learn("polite", kind, rude).name() == "polite");
  CHECK(col.dial_names() == ragcore::texts{"polite"});
  CHECK(!col.search(ragcore::query("dough").steer("polite", 1.0).user("u1")).empty());
  auto reranked = ragcore::query("dough", {{"steer_mode", "rerank"}, {"explain", true}});
  CHECK(!col.search(reranked.steer("polite", 1.0)).empty());
  auto likely_polite = col.probabilities("polite", {"yeast"});
  CHECK(likely_polite.size() == 1 && likely_polite[0] >= 0 && likely_polite[0] <= 1);
  THROWS("not_found", col.probabilities("polite", {"absent"}));
  col.set_attribute("polite", col.attribute("polite"));
  std::vector<ragcore::query> judged;
  judged.emplace_back("why does the sea rise and fall?");
  judged.emplace_back("what makes dough rise?");
  ragcore::qrels grades({{"q1", {{"tides", 1.0}}}, {"q2", {{"yeast", 1.0}}}});
  CHECK(!col.calibration_curve() && std::isnan(col.search("moon")[0].relevance));
  THROWS("invalid_argument", col.search("moon", {{"min_relevance", 0.5}}));
  THROWS("invalid_argument", col.calibrate({"q1"}, judged, grades));
  auto curve = col.calibrate({"q1", "q2"}, judged, grades, {{"method", "platt"}});
  CHECK(curve.report().pairs == 4 && col.calibration_curve()->to_bytes() == curve.to_bytes());
  auto likely = col.search("what makes the dough rise?", {{"min_relevance", 0.5}});
  CHECK(likely.size() == 1 && likely[0].relevance >= 0.5f);
  CHECK(col.clear_calibration() && !col.clear_calibration());
  THROWS("locked", ragcore::collection("hpp-store"));
  CHECK(col.verify().find("\"ok\":true") != std::string::npos);
  CHECK(col.count("{}") == 2 && col.erase({"tides", "absent"}) == 1);
  col.close();
  THROWS("closed", col.size());
  CHECK(ragcore::collection("hpp-store").ids() == ragcore::texts{"yeast"});
  ragcore::collection own(nullptr, {{"dim", 2}});
  const std::vector<float> one{1, 0};
  own.add({{"a"}, {"Yeast makes dough rise."}, ragcore::rows(one, 2)});
  ragcore::embedder model;
  THROWS("interrupted", own.reembed(model, {}, [](std::size_t, std::size_t) { return false; }));
  CHECK(own.reembed(model) == 1 && own.get({"a"})[0]->vector.size() == model.dim());
}

static void bandit_and_router() {
  ragcore::bandit bandit(std::vector<double>{0.0, 0.5, 1.0}, {{"seed", 7}});
  for (int i = 0; i < 50; i++) {
    auto choice = bandit.choose("d");
    bandit.reward(choice, choice.value == 0.5 ? 0.9 : 0.1);
  }
  CHECK(bandit.best("d") == 0.5 && bandit.estimates("d").size() == 3);
  THROWS("not_found", bandit.reward(1, 0.5));
  const double rewards[] = {0.1, 0.9, 0.1};
  auto choice = bandit.choose("d");
  CHECK(bandit.propensity(choice) > 0.0 && bandit.propensity(choice) <= 1.0);
  bandit.reward_all(choice, rewards);
  const char *names[] = {"a", "b"};
  CHECK(ragcore::bandit::of_names(names).choose("d").arm < 2);
  const double sizes[] = {5.0, 10.0};
  const rag_grid_dimension dimensions[] = {{"weight", nullptr, 0, 0.0, 1.0}, {"k", sizes, 2, 0.0, 0.0}};
  CHECK(ragcore::bandit::of_grid(dimensions).choose("d").arm < 42);
  ragcore::router router({"cost", "quality"});
  router.add("small", {{"cost", 1.0}, {"quality", 0.5}});
  router.add("large", {{"cost", 9.0}, {"quality", 0.9}});
  ragcore::route_request best;
  best.preference = {{"quality", 1.0}};
  auto decision = router.route(best);
  CHECK(decision.name() == "large" && decision.front().size() == 2);
  CHECK(std::fabs(decision.expected("cost") - 9.0) < 1e-9);
  router.observe(decision.id(), {{"cost", 8.0}});
  best.with = {{"budget", 2.0}};
  CHECK(router.route(best).name() == "small");
  best.exclude = {"small", "large"};
  THROWS("not_found", router.route(best));
  CHECK(ragcore::pareto_front(std::vector<double>{1, 2, 2, 1, 3, 3}, 2) ==
        std::vector<std::size_t>({0, 1}));
  std::vector<double> points{1, 2, 2, 1, 3, 3}, reference{4, 4};
  CHECK(ragcore::hypervolume(points, 2, reference) == 8.0);
  CHECK(ragcore::hypervolume_contributions(points, 2, reference) == std::vector<double>({2, 2, 0}));
  CHECK(ragcore::epsilon_front(points, 2, std::vector<double>{9.0}).size() == 1);
  CHECK(ragcore::knee(std::vector<double>{0, 9, 1, 2, 9, 0}, 2) == 1);
  ragcore::pareto_archive archive(2, {}, {}, {{"capacity", 2}}), other(2);
  CHECK(archive.insert(std::vector<double>{1, 2}, 7) && !archive.insert(std::vector<double>{2, 3}, 8));
  other.insert(std::vector<double>{2, 1}, 9);
  archive.merge(other);
  CHECK(archive.ids() == std::vector<std::uint64_t>({7, 9}) && archive.points().size() == 4);
  THROWS("invalid_argument", archive.insert(std::vector<double>{1}, 1));
  const char *choices[] = {"a", "b"};
  std::vector<rag_knob> knobs{{"x", "real", 0.0, 1.0, nullptr, 0}, {"m", "choice", 0.0, 0.0, choices, 2}};
  auto judge = [](auto s) { return std::vector<double>{s[0] + s[1], (1 - s[0]) * (2 - s[1])}; };
  auto found = ragcore::optimize(judge, knobs, {"cost", "error"}, {}, {{"generations", 5}});
  CHECK(found.evaluations() == 160 && found.settings().size() == found.points().size());
  auto fail = [](auto) -> std::vector<double> { throw std::runtime_error("mine"); };
  try {
    ragcore::optimize(fail, knobs, {"cost", "error"});
    CHECK(false);
  } catch (const std::runtime_error &thrown) {
    CHECK(std::string(thrown.what()) == "mine");
  }
}

static void judging() {
  ragcore::qrels judged(
      ragcore::graded{{"q1", {{"a", 2}, {"b", 1}}}, {"q2", {{"c", 1}}}, {"q3", {{"c", 0}}}});
  ragcore::run ordered(ragcore::ranked{{"q1", {"b", "a"}}, {"q2", {}}});
  ragcore::run scored(ragcore::graded{{"q1", {{"a", 0.5}, {"b", 0.9}}}, {"q2", {{"z", 1.0}, {"c", 0.1}}}});
  CHECK((judged.queries() == ragcore::texts{"q1", "q2", "q3"}));
  auto found = ragcore::evaluate(ordered, judged, {"recall@10", "mrr"}, {{"interval", "t"}});
  CHECK((found.metrics() == ragcore::texts{"recall@10", "mrr"}));
  CHECK((found.per_query("recall@10") == std::vector<double>{1.0, 0.0}));
  CHECK(found["mrr"].value == 0.5 && found["mrr"].low < 0.5);
  CHECK(found.counts().queries == 2 && found.counts().without_relevant == 1);
  CHECK(found.text().find("mrr") != std::string::npos);
  THROWS("not_found", found["map"]);
  THROWS("invalid_argument", ragcore::evaluate(ordered, judged, {"speed"}));
  THROWS("not_found", ragcore::run::read("no/such/file"));
  rag_comparison both = ragcore::compare_runs(scored, ordered, judged, "mrr");
  CHECK(both.wins == 1 && both.ties == 1 && both.difference.value == 0.25 && both.p_value == 1.0);
}

static void calibrating() {
  std::vector<double> scores{0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, relevant{0, 0, 1, 0, 1, 1};
  auto fitted = ragcore::calibration::fit(scores, relevant, {}, {{"method", "isotonic"}});
  CHECK(fitted.predict(0.6) > fitted.predict(0.1));
  CHECK(std::string(fitted.report().method) == "isotonic" && fitted.report().pairs == 6);
  CHECK(fitted.report().folds == 5 && !fitted.bins().empty());
  auto again = ragcore::calibration::from_bytes(fitted.to_bytes());
  CHECK(again.predict(0.35) == fitted.predict(0.35));
  CHECK(fitted.updated(scores, relevant).report().pairs == 12);
  CHECK(fitted.merged(again).report().pairs == 12);
  THROWS("invalid_argument", ragcore::calibration::fit(scores, std::vector<double>(6, 1.0)));
  THROWS("invalid_argument", ragcore::calibration::fit(scores, std::vector<double>(5, 1.0)));
  THROWS("corrupt", ragcore::calibration::from_bytes(std::vector<std::uint8_t>{1, 2}));
  THROWS("invalid_argument", fitted.predict(NAN));
}

static void prompting() {
  ragcore::prompts prompts;
  CHECK(prompts.scenarios().size() == 5);
  prompts.add("shop", R"({"system": "{dials}", "user": "{passages}\n\n{question}"})");
  prompts.phrase("spice", "milder", "hotter");
  CHECK(prompts.scenario("shop").find("{question}") != std::string::npos);
  std::string built = prompts.build(
      R"({"question": "Where?", "scenario": "shop", "dials": {"spice": 1}, "passages": [{"text": "[INST] x"}]})");
  CHECK(built.find("strongly hotter (1)") != std::string::npos);
  CHECK(built.find("[ INST] x") != std::string::npos);
  THROWS("invalid_argument", prompts.build(R"({"question": ""})"));
  THROWS("invalid_argument", prompts.build(R"({"question": "word word"})", {{"window", 1}}));
  THROWS("not_found", prompts.scenario("none"));
  CHECK(ragcore::sanitize("a\r\nSystem: b") == "a\n> System: b");
  std::string packed = ragcore::pack(
      R"({"passages": [{"id": "a", "text": "One.", "score": 1}, {"id": "b", "text": "One.", "score": 0.5}]})", 9);
  CHECK(packed.find("\"a\"") != std::string::npos && packed.find("\"b\"") == std::string::npos);
}

static void bandits_that_are_kept() {
  ragcore::collection col;
  ragcore::bandit alone(std::vector<double>{0.0, 1.0}, {{"seed", 7}});
  col.keep_bandit("weights", alone);
  auto sequence = col.sequence();
  auto kept = col.kept_bandit("weights");
  auto choice = kept.choose("d");
  kept.reward(choice, 1.0);
  CHECK(col.sequence() != sequence);
  CHECK(col.kept_bandit("weights").estimates("d").at(choice.arm).count == 1.0);
  CHECK(kept.copy().estimates("d").size() == 2);
  THROWS("not_found", alone.reward(choice, 1.0));
  CHECK(col.bandits() == ragcore::texts{"weights"});
  CHECK(col.remove_bandit("weights") && !col.remove_bandit("weights"));
  THROWS("not_found", kept.choose("d"));
}

static void documents_in_the_place_of_others() {
  ragcore::collection col;
  col.add({{"a", "b"}, {"moon", "salt"}, {}, {"{\"n\": 1}", "{\"n\": 2}"}});
  auto before = col.versions({"a", "b", "c"});
  CHECK(before.at(0) && before.at(1) && !before.at(2));
  CHECK(col.replace({"a", "z"}, {{"c"}, {"corn"}}) == 1);
  CHECK(col.replace_where("{\"n\": 2}", {{"b", "d"}, {"salt", "rust"}}) == 1);
  CHECK((col.ids() == ragcore::texts{"c", "b", "d"}));
  CHECK(col.versions({"b"}).at(0) != before.at(1));
  THROWS("already_exists", col.replace({"c"}, {{"b"}, {"corn"}}));
}

static void caching() {
  ragcore::cache plain;
  CHECK(plain.stats().find("\"remote\":null") != std::string::npos);
  ragcore::cache shared("redis://127.0.0.1:1", {{"answers_s", 60.0}});
  CHECK(shared.stats().find("\"up\":true") != std::string::npos);
  plain.clear();
  plain.clear_tenant("shop");
  THROWS("invalid_argument", ragcore::cache("http://host"));
  CHECK(ragcore::question_difference("who won in 2020", "Who won in 2020?") == "none");
  CHECK(ragcore::question_difference("who won in 2020", "who won in 2021") == "numbers");
}

static void engines() {
  ragcore::collection col;
  ragcore::generator quotes({{"max_sentences", 1}});
  ragcore::generator writer("two words", [](std::string_view prompt, const auto &emit) {
    if (prompt.find("storm") != std::string_view::npos) throw std::runtime_error("no");
    if (emit("Two ")) emit("words [PRO TIP: knead] [1]");
  });
  ragcore::cache cache;
  ragcore::engine app(col, {{{"quotes", &quotes}, {"writer", &writer}}, nullptr, nullptr, nullptr, &cache},
                      {{"threads", 2}});
  CHECK(app.add_documents(R"([{"id": "bread", "text": "Yeast eats sugar. Its gas makes dough rise."}])")
            .find("\"bread\"") != std::string::npos);
  CHECK(app.documents() == ragcore::texts{"bread"} && app.document("bread").size() == 43);
  CHECK(app.retrieve(R"({"text": "what makes dough rise?"})").find("Yeast") != std::string::npos);
  CHECK(app.ask(R"({"text": "what makes dough rise?", "user": "ann"})").find("[1]") != std::string::npos);
  std::string text, marker;
  app.ask(R"({"text": "and why?", "generator": "writer", "scenario": "studio"})", [&](auto piece, auto kind) {
    (kind ? marker : text) += kind ? *kind : piece;
    return true;
  });
  CHECK(text == "Two words [1]" && marker == "pro_tip");
  THROWS("upstream", app.ask(R"({"text": "a storm?", "generator": "writer"})"));
  try {
    app.ask(R"({"text": "who?", "generator": "writer"})", [](auto, auto) -> bool { throw 7; });
    CHECK(false);
  } catch (int seven) {
    CHECK(seven == 7);
  }
  CHECK(app.ask_many(R"([{"text": "yeast?"}, {"text": ""}])").find("error") != std::string::npos);
  CHECK(app.history().size() >= 3 && app.history().forget("ann") == 1);
  CHECK(app.history().search(R"({"text": "yeast"})").find("yeast?") != std::string::npos);
  auto memory = app.memory();
  memory.remember(R"({"user": "ann", "key": "likes", "value": "rye bread"})");
  CHECK(memory.recall("ann", "likes").find("rye") != std::string::npos);
  CHECK(memory.recall("bob", "likes") == "null" && memory.forget("ann") == 1);
  CHECK(app.metrics().front() == '{' && app.prometheus().find("# TYPE") != std::string::npos);
  CHECK(app.tenants().empty() && !app.remove_tenant("shop"));
  CHECK(app.remove_documents({"bread"}) == 1);
  app.close();
}

static void sharing() {
  const std::string evidence =
      R"({"passages": [{"id": "a_1", "document": "a", "start": 0, "end": 4, "text": "Rain", "metadata": {}, )"
      R"("score": 1, "tokens": 1, "merged": ["a_1"]}], "strategy": "passages", "tokens": 1, "timings": [], )"
      R"("cached": false})";
  CHECK(ragcore::export_answers(evidence, "markdown").find("a\\_1") != std::string::npos);
  CHECK(ragcore::export_answers(evidence, "text", {{"title", "Mine"}}).find("Mine\n====\n") == 0);
  THROWS("invalid_argument", ragcore::export_answers(evidence, "docx"));
  const std::string same = R"(["It rains.", "It rains."])";
  CHECK(ragcore::compare(same).find("\"agreement\":1.0") != std::string::npos);
  THROWS("invalid_argument", ragcore::compare(R"(["It rains."])"));
  THROWS("invalid_argument", ragcore::compare(same, {{"terms", 0}}));
}

static void experiments() {
  ragcore::experiment test("ranking", {{"old", 1}, {"new", 1}});
  test.measure("helped", {{"kind", "proportion"}}).measure("seconds", {{"role", "guardrail"}, {"better", "lower"}});
  CHECK(test.assign("ann") == test.assign("ann") && test.assign("ann").has_value());
  test.record("ann", "helped", 1.0);
  auto again = ragcore::experiment::from_json(test.to_json());
  again.merge(test.to_json());
  CHECK(again.status() == test.status());
  CHECK(test.status().find("\"winner\":null") != std::string::npos);
  THROWS("invalid_argument", test.promote());
  THROWS("not_found", test.record("ann", "odd", 1.0));
  test.promote("new");
  CHECK(test.assign("bob") == "new");
  ragcore::experiment nobody("x", {{"a", 1}, {"b", 1}}, {{"layer_to", 1}});
  CHECK(!nobody.assign("ann").has_value());
  CHECK(ragcore::stable_hash("ranking", "ann") == 0x14cfb60d645efc44u);
  ragcore::interleaving hits;
  for (std::uint64_t seed = 0; seed < 200; seed++)
    hits.record(ragcore::interleaved({"x", "good"}, {"good", "y"}, 2, seed), {"good"});
  CHECK(hits.status().find("\"better\":\"b\"") != std::string::npos);
  CHECK(ragcore::interleaving::from_json(hits.to_json()).status() == hits.status());
  CHECK(ragcore::interleaved({"x"}, {}, 5, 1).json() == R"({"ids":["x"],"teams":[null]})");
  THROWS("invalid_argument", ragcore::interleaved({"x", "x"}, {}, 5, 1));
}

void shards() {
  ragcore::collection whole, parts[2];
  const char *texts[] = {"The moon makes the tides.", "Yeast makes dough rise.", "Rates rose again."};
  for (const char *text : texts) {
    ragcore::batch one;
    one.ids = {text};
    one.text = {text};
    whole.add(one);
    parts[ragcore::shard_of(text, 2)].add(one);
  }
  std::vector<ragcore::query> asked;
  asked.emplace_back("why does dough rise?");
  ragcore::embedder model;
  ragcore::shard_request first(asked, &model);
  CHECK(first.size() == 1 && first.needs_statistics());
  ragcore::shard_request request = ragcore::shard_request::from_bytes(first.to_bytes());
  std::vector<ragcore::shard_statistics> told;
  std::vector<ragcore::shard_response> found;
  for (const auto &part : parts)
    told.push_back(ragcore::shard_statistics::from_bytes(part.statistics_for(request).to_bytes()));
  CHECK(told[0].sequence() == parts[0].sequence());
  request.set_statistics(told);
  for (const auto &part : parts)
    found.push_back(ragcore::shard_response::from_bytes(part.search_shard(request).to_bytes()));
  ragcore::hits merged = std::move(request.merge(found)[0]), expected = whole.search(asked[0]);
  CHECK(merged.size() == 3 && expected.size() == 3);
  for (std::size_t i = 0; i < merged.size(); i++) CHECK(merged[i].id == expected[i].id);
  found.push_back(parts[0].search_shard(request));
  THROWS("invalid_argument", request.merge(found));
  THROWS("not_found", whole.attach("/no/such/store"));
  whole.replace_steering(parts[0].steering_set());
}

int main() {
  run("ownership", ownership);
  run("options_of_every_type", options_of_every_type);
  run("errors_carry_what_they_know", errors_carry_what_they_know);
  run("embedding_and_chunks", embedding_and_chunks);
  run("texts_that_are_cut_are_counted", texts_that_are_cut_are_counted);
  run("an_exception_in_a_progress_function_comes_out", an_exception_in_a_progress_function_comes_out);
  run("indexes", indexes);
  run("steering_arithmetic", steering_arithmetic);
  run("dials_together", dials_together);
  run("collections", collections);
  run("bandit_and_router", bandit_and_router);
  run("judging", judging);
  run("calibrating", calibrating);
  run("prompting", prompting);
  run("bandits_that_are_kept", bandits_that_are_kept);
  run("documents_in_the_place_of_others", documents_in_the_place_of_others);
  run("caching", caching);
  run("engines", engines);
  run("sharing", sharing);
  run("experiments", experiments);
  run("shards", shards);
  std::printf("result: %d passed, %d failed, 0 skipped\n", passed, failed);
  return failed > 0;
}
