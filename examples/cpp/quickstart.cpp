// The whole library on one page, in C++: a folder of text is split, embedded, searched, steered by
// a dial that is learnt in the run, tuned by a bandit, and routed over a Pareto front.
//
//   quickstart [FOLDER [QUESTION]]
//
// Built by hand:  c++ -std=c++17 quickstart.cpp $(pkg-config --cflags --libs ragcore)
#include "ragcore.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

namespace fs = std::filesystem;

static std::string contents(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

static std::vector<fs::path> files_below(const fs::path &folder) {
  std::vector<fs::path> files;
  for (const auto &entry : fs::recursive_directory_iterator(folder)) {
    auto ending = entry.path().extension();
    if (entry.is_regular_file() && (ending == ".md" || ending == ".txt")) files.push_back(entry);
  }
  std::sort(files.begin(), files.end());
  return files;
}

static void split(const fs::path &path, const ragcore::embedder &model, ragcore::batch &into) {
  std::string text = contents(path);
  const char *mode = path.extension() == ".md" ? "markdown" : "sentence";
  ragcore::chunker chunker({{"max_tokens", 128}, {"mode", mode}});
  std::size_t line = 1, counted = 0;
  for (const rag_chunk &chunk : chunker.split(text, &model)) {
    line += static_cast<std::size_t>(
        std::count(text.data() + counted, text.data() + chunk.start, '\n'));
    counted = chunk.start;
    auto id = path.generic_string() + ":" + std::to_string(line) + "@" + std::to_string(chunk.start);
    into.ids.push_back(std::move(id));
    into.text.push_back(text.substr(chunk.start, chunk.end - chunk.start));
  }
}

static void heading(const std::string &text) {
  std::printf("\n%s\n%s\n", text.c_str(), std::string(text.size(), '-').c_str());
}

static std::string figure(float score) {
  char text[16] = "       -";
  if (!std::isnan(score)) std::snprintf(text, sizeof text, "  %6.3f", static_cast<double>(score));
  return text;
}

static void show(const ragcore::hits &hits) {
  std::puts("     score    bm25  cosine  where");
  int rank = 0;
  for (const ragcore::hit &hit : hits) {
    std::string place(hit.id.substr(0, hit.id.rfind('@')));
    std::printf("%3d. %.4f%s%s  %s\n", ++rank, static_cast<double>(hit.score),
                figure(hit.lexical_score).c_str(), figure(hit.dense_score).c_str(), place.c_str());
  }
}

// The examples in the file beside the Rust quickstart, or a few of its lines.
static void steer(const ragcore::collection &collection, const std::string &question) {
  ragcore::texts positive, negative;
  std::istringstream lines(contents("examples/data/hands-on.txt"));
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("+ ", 0) == 0) positive.push_back(line.substr(2));
    if (line.rfind("- ", 0) == 0) negative.push_back(line.substr(2));
  }
  if (positive.size() < 2) {
    positive = {"Run the command and look at the output.", "Set the option to false and try again.",
                "Copy this example into a new file and run it."};
    negative = {"The term has had several meanings over the years.",
                "Many authors have discussed why this approach is attractive.",
                "The history of the format explains most of its oddities."};
  }
  auto dial = collection.learn("hands-on", positive, negative);
  heading("The same, with the dial \"hands-on\" at 3");
  if (auto effect = dial.effect())
    std::printf("learnt from %zu pairs, held-out effect %.2f sd [%.2f, %.2f]\n", positive.size(),
                effect->value, effect->low, effect->high);
  show(collection.search(ragcore::query(question, {{"k", 5}}).steer("hands-on", 3.0)));
}

// Every other word of a passage: a question whose answer is known.
static std::string probe(const std::string &passage) {
  std::istringstream words(passage);
  std::string made;
  int n = 0;
  for (std::string word; n < 24 && words >> word; n++)
    if (n % 2 == 0) made += word + " ";
  return made;
}

static double reciprocal_rank(const ragcore::hits &hits, const std::string &wanted) {
  for (std::size_t i = 0; i < hits.size(); i++)
    if (hits[i].id == wanted) return 1.0 / static_cast<double>(i + 1);
  return 0.0;
}

static double tune(const ragcore::collection &collection, const ragcore::batch &passages) {
  ragcore::bandit bandit(0.0, 1.0, {{"seed", 7}});
  bandit.prior("this folder", 0.5);
  heading("Three rounds of feedback: how much should words weigh against meanings?");
  for (std::size_t round = 0; round < 3; round++) {
    std::size_t at = (round * 7 + 3) % passages.ids.size();
    auto choice = bandit.choose("this folder");
    auto hits = collection.search(probe(passages.text[at]), {{"k", 10}, {"bm25_weight", choice.value}});
    double reward = reciprocal_rank(hits, passages.ids[at]);
    bandit.reward(choice, reward);
    std::printf("round %zu: tried %.2f (chosen with probability %.3f), reward %.2f, best now %.2f\n",
                round + 1, choice.value, bandit.propensity(choice), reward, bandit.best("this folder"));
  }
  return bandit.best("this folder");
}

static void route(const ragcore::collection &collection, const ragcore::batch &passages,
                  const std::string &question, double weight) {
  using clock = std::chrono::steady_clock;
  ragcore::router router({"cost", "quality"}, 7);
  heading("Routing: three ways of searching, measured on questions with a known answer");
  for (const char *mode : {"lexical", "dense", "hybrid"}) {
    double cost = 0.0, quality = 0.0;
    for (std::size_t i = 0; i < 12; i++) {
      std::size_t at = (i * 13 + 5) % passages.ids.size();
      std::string asked = probe(passages.text[at]);
      auto start = clock::now();
      auto hits = collection.search(asked, {{"k", 10}, {"mode", mode}, {"bm25_weight", weight}});
      cost += std::chrono::duration<double, std::milli>(clock::now() - start).count() / 12;
      quality += reciprocal_rank(hits, passages.ids[at]) / 12;
    }
    std::printf("%-16s %9.3f ms   quality %.3f\n", mode, cost, quality);
    router.add(mode, {{"cost", cost}, {"quality", quality}});
  }
  ragcore::route_request wish;
  wish.preference = {{"cost", 0.1}, {"quality", 0.9}};
  std::printf("\"%s\" goes to: %s\n", question.c_str(), router.route(wish).name().c_str());
}

int main(int argc, char **argv) try {
  std::string folder = argc > 1 ? argv[1] : "docs";
  std::string question = argc > 2 ? argv[2] : "What happens to my data when the power fails?";
  ragcore::embedder model;
  ragcore::collection collection(&model);
  ragcore::batch passages;
  auto files = files_below(folder);
  for (const auto &file : files) split(file, model, passages);
  if (passages.ids.empty()) {
    std::cerr << "no .md or .txt file has any text below " << folder << "\n";
    return 1;
  }
  collection.add(passages);
  std::printf("indexed: %zu passages of %zu files\n", passages.ids.size(), files.size());

  std::printf("\nQuestion: %s\n", question.c_str());
  show(collection.search(question, {{"k", 5}}));
  steer(collection, question);
  double weight = tune(collection, passages);
  route(collection, passages, question, weight);
  return 0;
} catch (const ragcore::error &error) {
  std::cerr << error.kind() << ": " << error.what() << "\n";
  return 1;
}
