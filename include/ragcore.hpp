/* ragcore for C++17: classes that own the handles of ragcore.h, and exceptions for its statuses.
 *
 * Header-only and thin: each member is one call of the C interface, whose header says what it
 * does, what options it has and what it promises about threads. Objects move and do not copy.
 * Every failed call throws ragcore::error. What a const member does may run on many threads at
 * once; anything else needs the object for itself. */
#ifndef RAGCORE_HPP
#define RAGCORE_HPP

#include "ragcore.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ragcore {

/** A failed call: what() is the sentence, code() the status, kind() its name. */
class error : public std::runtime_error {
public:
  error(rag_status status, const char *message, const char *file, std::uint64_t offset,
        std::uint32_t pid)
      : std::runtime_error(message), status_(status), file_(file == nullptr ? "" : file),
        offset_(offset), pid_(pid) {}

  /** RAG_STATUS_..., never RAG_STATUS_OK. */
  rag_status code() const noexcept { return status_; }
  /** The status's name, such as "not_found". */
  const char *kind() const noexcept { return rag_status_name(status_); }
  /** The file that the error is about; empty if none is. */
  const std::string &file() const noexcept { return file_; }
  /** The byte offset at which damage was noticed, or UINT64_MAX. */
  std::uint64_t offset() const noexcept { return offset_; }
  /** The process that holds the lock, or 0. */
  std::uint32_t pid() const noexcept { return pid_; }

private:
  rag_status status_;
  std::string file_;
  std::uint64_t offset_;
  std::uint32_t pid_;
};

/** Told (done, total); false stops the call, which then throws an error of kind "interrupted".
 * An exception in it stops the call too and comes out of it. */
using progress = std::function<bool(std::size_t, std::size_t)>;

/** Numbers in a row that belong to somebody else. */
template <class T> class span {
public:
  span() = default;
  span(const T *data, std::size_t size) : data_(data), size_(size) {}
  span(const std::vector<T> &from) : data_(from.data()), size_(from.size()) {}
  template <std::size_t N> span(const T (&from)[N]) : data_(from), size_(N) {}
  const T *data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  const T *begin() const noexcept { return data_; }
  const T *end() const noexcept { return data_ + size_; }
  const T &operator[](std::size_t i) const { return data_[i]; }

private:
  const T *data_ = nullptr;
  std::size_t size_ = 0;
};

/** Rows of floats, one after another, `dim` each. */
struct rows {
  rows() = default;
  rows(span<float> data, std::size_t dim) : data(data), dim(dim) {}
  std::size_t size() const { return dim == 0 ? 0 : data.size() / dim; }
  span<float> data;
  std::size_t dim = 0;
};

using texts = std::vector<std::string>;
using dials = std::map<std::string, double>;

namespace detail {

inline void check(rag_status status, rag_error *err) {
  if (status == RAG_STATUS_OK) return;
  error thrown(status, rag_error_message(err), rag_error_file(err), rag_error_offset(err),
               rag_error_pid(err));
  rag_error_free(err);
  throw thrown;
}

/** Calls `f(arguments..., &err)` and throws if it failed. */
template <class F, class... A> void call(F f, A... arguments) {
  rag_error *err = nullptr;
  rag_status status = f(arguments..., &err);
  check(status, err);
}

/** The result of a call whose last argument before `err` is where it goes. */
template <class R, class F, class... A> R get(F f, A... arguments) {
  R out{};
  call(f, arguments..., &out);
  return out;
}

template <class T, rag_status (*Free)(T *)> class handle {
public:
  handle() = default;
  explicit handle(T *raw) : raw_(raw) {}
  handle(handle &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  handle &operator=(handle &&other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  handle(const handle &) = delete;
  handle &operator=(const handle &) = delete;
  ~handle() { Free(raw_); }
  T *raw() const noexcept { return raw_; }

private:
  T *raw_ = nullptr;
};

/** Makes a handle by a call whose last argument before `err` gives it. */
template <class H, class T, class F, class... A> H make(F f, A... arguments) {
  T *raw = nullptr;
  call(f, arguments..., &raw);
  return H(raw);
}

inline std::string take(rag_string *raw) {
  handle<rag_string, rag_string_free> held(raw);
  return std::string(rag_string_data(raw), rag_string_len(raw));
}

inline texts take(rag_strings *raw) {
  handle<rag_strings, rag_strings_free> held(raw);
  texts all;
  for (std::size_t i = 0; i < rag_strings_len(raw); i++) {
    const char *data = nullptr;
    std::size_t length = 0;
    call(rag_strings_get, static_cast<const rag_strings *>(raw), i, &data, &length);
    all.emplace_back(data == nullptr ? "" : data, length);
  }
  return all;
}

/** Texts as C wants them. */
struct borrowed {
  explicit borrowed(const texts &from) {
    for (const std::string &text : from) {
      data.push_back(text.data());
      lengths.push_back(text.size());
    }
  }
  std::vector<const char *> data;
  std::vector<std::size_t> lengths;
};

struct split_dials {
  explicit split_dials(const dials &from) {
    for (const auto &dial : from) {
      names.push_back(dial.first.c_str());
      strengths.push_back(dial.second);
    }
  }
  std::vector<const char *> names;
  std::vector<double> strengths;
};

/** Reads what a call writes into a buffer whose size it tells. */
template <class T, class F> std::vector<T> filled(F f, std::size_t guess) {
  std::vector<T> out(guess);
  std::size_t count = 0;
  rag_error *err = nullptr;
  rag_status status = f(out.data(), out.size(), &count, &err);
  if (status == RAG_STATUS_BUFFER_TOO_SMALL) {
    rag_error_free(err);
    err = nullptr;
    out.resize(count);
    status = f(out.data(), out.size(), &count, &err);
  }
  check(status, err);
  out.resize(count);
  return out;
}

/** Keeps an exception of the caller's progress function from passing through C. */
struct watcher {
  explicit watcher(const progress &ask) : ask(ask) {}
  static bool step(std::size_t done, std::size_t total, void *user) noexcept {
    auto *self = static_cast<watcher *>(user);
    try {
      return self->ask(done, total);
    } catch (...) {
      self->thrown = std::current_exception();
      return false;
    }
  }
  rag_progress function() const { return ask ? step : nullptr; }
  void rethrow() const {
    if (thrown) std::rethrow_exception(thrown);
  }
  const progress &ask;
  std::exception_ptr thrown;
};

inline const char *c(const std::optional<std::string> &text) {
  return text ? text->c_str() : nullptr;
}

} // namespace detail

/** Options by name: `ragcore::options{{"k", 5}, {"mode", "dense"}}`. */
class options {
public:
  using value = std::variant<bool, int, std::uint64_t, double, const char *, std::string>;

  options() : handle_(detail::make<held, rag_options>(rag_options_new)) {}
  options(std::initializer_list<std::pair<const char *, value>> list) : options() {
    for (const auto &entry : list) set(entry.first, entry.second);
  }
  options &set(const std::string &name, const value &to) {
    const char *n = name.c_str();
    std::visit([&](const auto &v) { put(n, v); }, to);
    return *this;
  }
  const rag_options *raw() const noexcept { return handle_.raw(); }

private:
  using held = detail::handle<rag_options, rag_options_free>;
  void put(const char *n, bool v) { detail::call(rag_options_set_bool, handle_.raw(), n, v); }
  void put(const char *n, std::uint64_t v) { detail::call(rag_options_set_u64, handle_.raw(), n, v); }
  void put(const char *n, double v) { detail::call(rag_options_set_f64, handle_.raw(), n, v); }
  void put(const char *n, const char *v) { detail::call(rag_options_set_str, handle_.raw(), n, v); }
  void put(const char *n, const std::string &v) { put(n, v.c_str()); }
  void put(const char *n, int v) {
    // A negative number is no whole number for the library, which says so.
    if (v < 0) put(n, static_cast<double>(v));
    else put(n, static_cast<std::uint64_t>(v));
  }
  held handle_;
};

/** Turns texts into vectors; rag_embedder. */
class embedder {
public:
  /** The built-in model. */
  explicit embedder(const options &with = {}) : handle_(open(nullptr, with)) {}
  /** The model in a folder. */
  explicit embedder(const std::string &path, const options &with = {})
      : handle_(open(path.c_str(), with)) {}

  std::size_t dim() const { return detail::get<std::size_t>(rag_embedder_dim, raw()); }
  std::size_t max_tokens() const { return detail::get<std::size_t>(rag_embedder_max_tokens, raw()); }
  std::uint64_t fingerprint() const {
    return detail::get<std::uint64_t>(rag_embedder_fingerprint, raw());
  }
  std::string name() const { return detail::take(detail::get<rag_string *>(rag_embedder_name, raw())); }
  std::size_t count_tokens(std::string_view text) const {
    return detail::get<std::size_t>(rag_embedder_count_tokens, raw(), text.data(), text.size());
  }
  /** One row of dim() floats for each text. With `truncated` it is told how many were cut. */
  std::vector<float> encode(const texts &all, const options &with = {}, const progress &watch = {},
                            std::size_t *truncated = nullptr) const {
    detail::borrowed lent(all);
    detail::watcher watcher(watch);
    std::vector<float> out(all.size() * dim());
    std::size_t count = 0;
    rag_error *err = nullptr;
    rag_status status = rag_embedder_encode_counted(
        raw(), lent.data.data(), lent.lengths.data(), all.size(), with.raw(), watcher.function(),
        &watcher, out.data(), out.size(), &count, truncated, &err);
    finish(watcher, status, err);
    return out;
  }
  std::vector<float> encode(const std::string &text, const options &with = {}) const {
    return encode(texts{text}, with);
  }
  const rag_embedder *raw() const noexcept { return handle_.raw(); }

private:
  using held = detail::handle<rag_embedder, rag_embedder_free>;
  static held open(const char *path, const options &with) {
    return detail::make<held, rag_embedder>(rag_embedder_open, path, with.raw());
  }
  static void finish(const detail::watcher &watcher, rag_status status, rag_error *err) {
    if (watcher.thrown) rag_error_free(err);
    watcher.rethrow();
    detail::check(status, err);
  }
  held handle_;
};

/** Cuts documents into passages; rag_chunker. */
class chunker {
public:
  explicit chunker(const options &with = {})
      : handle_(detail::make<held, rag_chunker>(rag_chunker_new, with.raw())) {}
  /** Byte ranges of the text; tokens are estimated, or counted by `model`. */
  std::vector<rag_chunk> split(std::string_view text, const embedder *model = nullptr) const {
    const rag_embedder *counter = model == nullptr ? nullptr : model->raw();
    return detail::filled<rag_chunk>(
        [&](rag_chunk *out, std::size_t room, std::size_t *count, rag_error **err) {
          return rag_chunker_split(handle_.raw(), counter, text.data(), text.size(), out, room, count,
                                   err);
        },
        64);
  }

private:
  using held = detail::handle<rag_chunker, rag_chunker_free>;
  held handle_;
};

/** A key with its score. */
struct scored {
  std::uint64_t key;
  float score;
};
using ranking = std::vector<scored>;

namespace detail {
inline std::vector<ranking> take(rag_rankings *raw) {
  handle<rag_rankings, rag_rankings_free> held(raw);
  std::vector<ranking> all;
  for (std::size_t i = 0; i < rag_rankings_len(raw); i++) {
    const std::uint64_t *keys = nullptr;
    const float *scores = nullptr;
    std::size_t count = 0;
    call(rag_rankings_get, static_cast<const rag_rankings *>(raw), i, &keys, &scores, &count);
    ranking &list = all.emplace_back();
    for (std::size_t j = 0; j < count; j++) list.push_back({keys[j], scores[j]});
  }
  return all;
}
/** A list of allowed keys: none given means all, an empty one means none. */
struct allowed {
  explicit allowed(const std::optional<std::vector<std::uint64_t>> &keys) {
    static const std::uint64_t none = 0;
    if (!keys) return;
    data = keys->empty() ? &none : keys->data();
    size = keys->size();
  }
  const std::uint64_t *data = nullptr;
  std::size_t size = 0;
};
} // namespace detail

using key_filter = std::optional<std::vector<std::uint64_t>>;

/** Vectors by key; rag_dense_index. All calls may come from many threads at once. */
class dense_index {
public:
  explicit dense_index(std::size_t dim, const options &with = {})
      : handle_(detail::make<held, rag_dense_index>(rag_dense_index_new, dim, with.raw())) {}
  static dense_index open(const std::string &path, bool mmap = true) {
    return dense_index(detail::make<held, rag_dense_index>(rag_dense_index_open, path.c_str(), mmap));
  }
  void save(const std::string &path) const { detail::call(rag_dense_index_save, raw(), path.c_str()); }
  std::size_t dim() const { return detail::get<std::size_t>(rag_dense_index_dim, raw()); }
  std::size_t size() const { return detail::get<std::size_t>(rag_dense_index_len, raw()); }
  std::size_t bytes() const { return detail::get<std::size_t>(rag_dense_index_bytes, raw()); }
  bool contains(std::uint64_t key) const {
    return detail::get<bool>(rag_dense_index_contains, raw(), key);
  }
  void add(span<std::uint64_t> keys, rows vectors) const {
    same(keys.size(), vectors.size());
    detail::call(rag_dense_index_add, raw(), keys.data(), vectors.data.data(), keys.size(),
                 vectors.dim);
  }
  void remove(span<std::uint64_t> keys) const {
    detail::call(rag_dense_index_remove, raw(), keys.data(), keys.size());
  }
  std::vector<ranking> search(rows queries, std::size_t k, const key_filter &filter = {},
                              const options &with = {}) const {
    detail::allowed only(filter);
    return detail::take(detail::get<rag_rankings *>(
        rag_dense_index_search, raw(), queries.data.data(), queries.size(), queries.dim, k, only.data,
        only.size, with.raw(), static_cast<rag_progress>(nullptr), static_cast<void *>(nullptr)));
  }
  const rag_dense_index *raw() const noexcept { return handle_.raw(); }

private:
  using held = detail::handle<rag_dense_index, rag_dense_index_free>;
  explicit dense_index(held from) : handle_(std::move(from)) {}
  static void same(std::size_t keys, std::size_t vectors) {
    if (keys == vectors) return;
    std::string what = std::to_string(keys) + " keys for " + std::to_string(vectors) + " vectors";
    throw error(RAG_STATUS_INVALID_ARGUMENT, what.c_str(), nullptr, UINT64_MAX, 0);
  }
  held handle_;
};

/** Texts by key; rag_lexical_index. */
class lexical_index {
public:
  explicit lexical_index(const options &with = {})
      : handle_(detail::make<held, rag_lexical_index>(rag_lexical_index_new, with.raw())) {}
  static lexical_index open(const std::string &path) {
    return lexical_index(detail::make<held, rag_lexical_index>(rag_lexical_index_open, path.c_str()));
  }
  void save(const std::string &path) const { detail::call(rag_lexical_index_save, raw(), path.c_str()); }
  std::size_t size() const { return detail::get<std::size_t>(rag_lexical_index_len, raw()); }
  bool contains(std::uint64_t key) const {
    return detail::get<bool>(rag_lexical_index_contains, raw(), key);
  }
  void add(span<std::uint64_t> keys, const texts &all) {
    if (keys.size() != all.size()) {
      std::string what = std::to_string(keys.size()) + " keys for " + std::to_string(all.size()) + " texts";
      throw error(RAG_STATUS_INVALID_ARGUMENT, what.c_str(), nullptr, UINT64_MAX, 0);
    }
    detail::borrowed lent(all);
    detail::call(rag_lexical_index_add, handle_.raw(), keys.data(), lent.data.data(),
                 lent.lengths.data(), keys.size());
  }
  void remove(span<std::uint64_t> keys) {
    detail::call(rag_lexical_index_remove, handle_.raw(), keys.data(), keys.size());
  }
  std::vector<ranking> search(const texts &queries, std::size_t k, const key_filter &filter = {}) const {
    detail::borrowed lent(queries);
    detail::allowed only(filter);
    return detail::take(detail::get<rag_rankings *>(
        rag_lexical_index_search, raw(), lent.data.data(), lent.lengths.data(), queries.size(), k,
        only.data, only.size));
  }
  const rag_lexical_index *raw() const noexcept { return handle_.raw(); }

private:
  using held = detail::handle<rag_lexical_index, rag_lexical_index_free>;
  explicit lexical_index(held from) : handle_(std::move(from)) {}
  held handle_;
};

/** What a dial does at one strength: the share of similarity that it costs, and the rise of the
    attribute's score in standard deviations. */
struct curve_point {
  double strength, loss, gain;
};

namespace detail {

inline std::vector<curve_point> points(span<double> strengths, const std::vector<double> &losses,
                                       const std::vector<double> &gains) {
  std::vector<curve_point> all;
  for (std::size_t i = 0; i < strengths.size(); i++)
    all.push_back({strengths.data()[i], losses[i], gains[i]});
  return all;
}

} // namespace detail

/** What one of several dials is learnt from; without what lacks it, from what has the others. */
template <class T> struct attribute_examples {
  std::string name;
  T positive;
  T negative{};
};

namespace detail {

/** The examples of several attributes one after the other, as C wants them. */
template <class T> struct joined {
  template <class A, class Append> joined(const std::vector<A> &all, Append append) {
    for (const A &one : all) {
      names.push_back(one.name.c_str());
      starts[0].push_back(counts[0]);
      starts[1].push_back(counts[1]);
      counts[0] += append(sets[0], one.positive);
      counts[1] += append(sets[1], one.negative);
    }
  }
  std::vector<const char *> names;
  std::vector<T> sets[2];
  std::vector<std::size_t> starts[2];
  std::size_t counts[2] = {0, 0};
};

/** Rows of one dimension, that of the first attribute. */
struct joined_rows {
  explicit joined_rows(const std::vector<attribute_examples<rows>> &all)
      : dim(all.empty() ? 0 : all[0].positive.dim),
        of(all, [this](std::vector<float> &set, const rows &added) {
          if (added.size() > 0 && added.dim != dim)
            throw error(RAG_STATUS_DIMENSION_MISMATCH, "the attributes have different dimensions",
                        nullptr, UINT64_MAX, 0);
          set.insert(set.end(), added.data.begin(), added.data.end());
          return added.size();
        }) {}
  std::size_t dim;
  joined<float> of;
};

} // namespace detail

/** A direction that raises an attribute; rag_steering_vector. */
class steering_vector {
public:
  static steering_vector learn(rows positive, rows negative, const options &with = {}) {
    return make(rag_steering_vector_learn, positive.data.data(), positive.size(),
                negative.data.data(), negative.size(), positive.dim, with.raw());
  }
  static steering_vector learn(const embedder &model, const texts &positive, const texts &negative,
                               const options &with = {}) {
    detail::borrowed plus(positive), minus(negative);
    return make(rag_steering_vector_learn_texts, model.raw(), plus.data.data(), plus.lengths.data(),
                positive.size(), minus.data.data(), minus.lengths.data(), negative.size(), with.raw());
  }
  explicit steering_vector(rag_steering_vector *raw) : handle_(raw) {}
  std::size_t dim() const { return detail::get<std::size_t>(rag_steering_vector_dim, raw()); }
  double scale() const { return detail::get<double>(rag_steering_vector_scale, raw()); }
  std::string name() const {
    return detail::take(detail::get<rag_string *>(rag_steering_vector_name, raw()));
  }
  std::vector<float> data() const {
    return detail::filled<float>(
        [&](float *out, std::size_t room, std::size_t *count, rag_error **err) {
          return rag_steering_vector_data(raw(), out, room, count, err);
        },
        dim());
  }
  std::optional<rag_effect> effect() const {
    rag_effect found{};
    bool measured = detail::get<bool>(rag_steering_vector_effect, raw(), &found);
    return measured ? std::optional<rag_effect>(found) : std::nullopt;
  }
  /** What a strength of 1 was measured to cost, if it was measured for this direction. */
  std::optional<double> loss() const {
    double found = 0.0;
    bool measured = detail::get<bool>(rag_steering_vector_loss, raw(), &found);
    return measured ? std::optional<double>(found) : std::nullopt;
  }
  /** The same with what a strength of 1 was measured elsewhere to cost. */
  steering_vector costing(double loss) const {
    return make(rag_steering_vector_costing, raw(), loss);
  }
  /** Gain and loss at each strength on the documents. */
  std::vector<curve_point> curve(rows documents, span<double> strengths,
                                 const options &with = {}) const {
    std::vector<double> losses(strengths.size()), gains(strengths.size());
    detail::call(rag_steering_vector_curve, raw(), documents.data.data(), documents.size(),
                 documents.dim, strengths.data(), strengths.size(), with.raw(), losses.data(),
                 gains.data());
    return detail::points(strengths, losses, gains);
  }
  std::vector<float> apply(span<float> query, double strength = 1.0,
                           const options &with = {}) const {
    return detail::filled<float>(
        [&](float *out, std::size_t room, std::size_t *count, rag_error **err) {
          return rag_steering_vector_apply(raw(), query.data(), query.size(), strength, with.raw(),
                                           out, room, count, err);
        },
        query.size());
  }
  steering_vector named(const std::string &name) const {
    return make(rag_steering_vector_named, raw(), name.c_str());
  }
  steering_vector orthogonal_to(const steering_vector &other) const {
    return make(rag_steering_vector_orthogonal_to, raw(), other.raw());
  }
  friend steering_vector operator+(const steering_vector &a, const steering_vector &b) {
    return make(rag_steering_vector_plus, a.raw(), b.raw());
  }
  friend steering_vector operator-(const steering_vector &a, const steering_vector &b) {
    return make(rag_steering_vector_minus, a.raw(), b.raw());
  }
  steering_vector operator-() const { return make(rag_steering_vector_negated, raw()); }
  friend steering_vector operator*(double factor, const steering_vector &v) {
    return make(rag_steering_vector_times, v.raw(), factor);
  }
  const rag_steering_vector *raw() const noexcept { return handle_.raw(); }

private:
  template <class F, class... A> static steering_vector make(F f, A... arguments) {
    return steering_vector(detail::get<rag_steering_vector *>(f, arguments...));
  }
  detail::handle<rag_steering_vector, rag_steering_vector_free> handle_;
};

/** How likely a text has an attribute; rag_attribute_model. */
class attribute_model {
public:
  /** Of each text its vector, a row. */
  static attribute_model learn(const texts &positive, rows positive_vectors, const texts &negative,
                               rows negative_vectors, const options &with = {}) {
    if (positive.size() != positive_vectors.size() || negative.size() != negative_vectors.size() ||
        positive_vectors.dim != negative_vectors.dim)
      throw error(RAG_STATUS_INVALID_ARGUMENT, "every text needs its vector, all of one dimension",
                  nullptr, UINT64_MAX, 0);
    detail::borrowed plus(positive), minus(negative);
    return attribute_model(detail::get<rag_attribute_model *>(
        rag_attribute_model_learn, plus.data.data(), plus.lengths.data(), positive_vectors.data.data(),
        positive.size(), minus.data.data(), minus.lengths.data(), negative_vectors.data.data(),
        negative.size(), positive_vectors.dim, with.raw()));
  }
  explicit attribute_model(rag_attribute_model *raw) : handle_(raw) {}
  /** In 0 to 1. Without a vector, that of the mean of the examples stands for it. */
  float probability(const std::string &text, span<float> vector = {}) const {
    float found = 0;
    detail::call(rag_attribute_model_probability, raw(), text.data(), text.size(),
                 vector.empty() ? nullptr : vector.data(), vector.size(), &found);
    return found;
  }
  double scale() const { return detail::get<double>(rag_attribute_model_scale, raw()); }
  rag_effect effect() const { return detail::get<rag_effect>(rag_attribute_model_effect, raw()); }
  const rag_attribute_model *raw() const noexcept { return handle_.raw(); }

private:
  detail::handle<rag_attribute_model, rag_attribute_model_free> handle_;
};

/** Dials and users; rag_steering. */
class steering {
public:
  steering() : handle_(detail::get<rag_steering *>(rag_steering_new)) {}
  explicit steering(rag_steering *raw) : handle_(raw) {}
  static steering load(const std::string &path) {
    return steering(detail::get<rag_steering *>(rag_steering_load, path.c_str()));
  }
  void save(const std::string &path) const { detail::call(rag_steering_save, raw(), path.c_str()); }
  texts names() const { return detail::take(detail::get<rag_strings *>(rag_steering_dials, raw())); }
  steering_vector get(const std::string &name) const {
    return steering_vector(
        detail::get<rag_steering_vector *>(rag_steering_get, raw(), name.c_str()));
  }
  void insert(const steering_vector &dial) {
    detail::call(rag_steering_insert, handle_.raw(), dial.raw());
  }
  attribute_model attribute(const std::string &dial) const {
    return attribute_model(
        detail::get<rag_attribute_model *>(rag_steering_attribute, raw(), dial.c_str()));
  }
  void set_attribute(const std::string &dial, const attribute_model &model) {
    detail::call(rag_steering_set_attribute, handle_.raw(), dial.c_str(), model.raw());
  }
  void remove(const std::string &name) { detail::call(rag_steering_remove, handle_.raw(), name.c_str()); }
  /** Learns several dials together and keeps them all, or none. */
  void learn_joint(const std::vector<attribute_examples<rows>> &attributes, const options &with = {}) {
    detail::joined_rows all(attributes);
    detail::call(rag_steering_learn_joint, handle_.raw(), all.of.names.data(),
                 all.of.names.size(), all.of.sets[0].data(), all.of.starts[0].data(),
                 all.of.counts[0], all.of.sets[1].data(), all.of.starts[1].data(),
                 all.of.counts[1], all.dim, with.raw());
  }
  /** How far each dial turns the others: k * k numbers in the order of the names. */
  std::vector<double> cross_talk(rows documents, const options &with = {}) const {
    return detail::filled<double>(
        [&](double *out, std::size_t room, std::size_t *count, rag_error **err) {
          return rag_steering_cross_talk(raw(), documents.data.data(), documents.size(),
                                         documents.dim, with.raw(), out, room, count, err);
        },
        16);
  }
  std::vector<float> apply(span<float> query, const dials &turned,
                           const std::optional<std::string> &user = {},
                           const options &with = {}) const {
    detail::split_dials split(turned);
    return detail::filled<float>(
        [&](float *out, std::size_t room, std::size_t *count, rag_error **err) {
          return rag_steering_apply(raw(), query.data(), query.size(), split.names.data(),
                                    split.strengths.data(), turned.size(), detail::c(user),
                                    with.raw(), out, room, count, err);
        },
        query.size());
  }
  void feedback(span<float> query, span<float> item, double rating,
                const std::optional<std::string> &user = {}, const dials &on = {},
                const std::optional<double> &at = {}, std::size_t position = 0) {
    detail::split_dials split(on);
    if (query.size() != item.size())
      throw error(RAG_STATUS_DIMENSION_MISMATCH, "query and item have different dimensions", nullptr,
                  UINT64_MAX, 0);
    detail::call(rag_steering_feedback, handle_.raw(), query.data(), item.data(), query.size(), rating,
                 detail::c(user), split.names.data(), split.strengths.data(), on.size(),
                 at ? &*at : nullptr, position);
  }
  /** A report as JSON. */
  std::string retrain(const options &with = {}) {
    return detail::take(detail::get<rag_string *>(rag_steering_retrain, handle_.raw(), with.raw()));
  }
  /** What moves the queries of a user, as JSON. */
  std::string taste(const std::string &user) const {
    return detail::take(detail::get<rag_string *>(rag_steering_taste, raw(), user.c_str()));
  }
  /** The taste after each of the user's ratings, as JSON. */
  std::string drift(const std::string &user) const {
    return detail::take(detail::get<rag_string *>(rag_steering_drift, raw(), user.c_str()));
  }
  bool forget(const std::string &user) {
    return detail::get<bool>(rag_steering_forget, handle_.raw(), user.c_str());
  }
  void merge(const steering &other) { detail::call(rag_steering_merge, handle_.raw(), other.raw()); }
  const rag_steering *raw() const noexcept { return handle_.raw(); }

private:
  detail::handle<rag_steering, rag_steering_free> handle_;
};

/** A question to a collection; rag_query. */
class query {
public:
  explicit query(std::string_view text, const options &with = {})
      : handle_(detail::get<rag_query *>(rag_query_new, text.data(), text.size(), with.raw())) {}
  explicit query(span<float> vector, const options &with = {})
      : handle_(detail::get<rag_query *>(rag_query_new, static_cast<const char *>(nullptr),
                                         std::size_t{0}, with.raw())) {
    this->vector(vector);
  }
  query &vector(span<float> of) {
    detail::call(rag_query_set_vector, handle_.raw(), of.data(), of.size());
    return *this;
  }
  /** A filter as JSON. */
  query &filter(const std::string &json) {
    detail::call(rag_query_set_filter, handle_.raw(), json.c_str());
    return *this;
  }
  query &steer(const std::string &dial, double strength) {
    detail::call(rag_query_steer, handle_.raw(), dial.c_str(), strength);
    return *this;
  }
  query &user(const std::string &name) {
    detail::call(rag_query_set_user, handle_.raw(), name.c_str());
    return *this;
  }
  const rag_query *raw() const noexcept { return handle_.raw(); }

private:
  detail::handle<rag_query, rag_query_free> handle_;
};

/** One hit. The views live as long as the hits. */
struct hit {
  std::string_view id;
  std::optional<std::string_view> text;
  std::string_view metadata;
  std::optional<std::string_view> explanation;
  float score;
  float lexical_score;
  float dense_score;
  /** NaN unless the collection was calibrated for such searches. */
  float relevance;
};

/** What a search found; rag_hits. */
class hits {
public:
  explicit hits(rag_hits *raw) : handle_(raw) {
    for (std::size_t i = 0; i < rag_hits_len(raw); i++) {
      auto h = detail::get<rag_hit>(rag_hits_get, static_cast<const rag_hits *>(raw), i);
      all_.push_back({{h.id, h.id_length},
                      view(h.text, h.text_length),
                      {h.metadata, h.metadata_length},
                      view(h.explanation, h.explanation_length),
                      h.score,
                      h.lexical_score,
                      h.dense_score,
                      h.relevance});
    }
  }
  std::size_t size() const noexcept { return all_.size(); }
  bool empty() const noexcept { return all_.empty(); }
  const hit &operator[](std::size_t i) const { return all_.at(i); }
  auto begin() const noexcept { return all_.begin(); }
  auto end() const noexcept { return all_.end(); }

private:
  static std::optional<std::string_view> view(const char *text, std::size_t length) {
    return text == nullptr ? std::nullopt : std::optional<std::string_view>({text, length});
  }
  detail::handle<rag_hits, rag_hits_free> handle_;
  std::vector<hit> all_;
};

/** A document that a collection gave back. */
struct document {
  std::string id;
  std::optional<std::string> text;
  std::string metadata;
  std::vector<float> vector;
};

/** Documents to add or upsert together. */
struct batch {
  texts ids;
  /** Empty, or one for each id. */
  texts text{};
  /** Empty, or one row for each id. */
  rows vectors{};
  /** Empty, or a JSON object for each id. */
  texts metadata{};
};

class qrels;
class calibration;
class bandit;
class shard_request;
class shard_statistics;
class shard_response;

/** Documents with their indexes and dials; rag_collection. Usable from many threads. */
class collection {
public:
  /** In memory. */
  explicit collection(const embedder *model = nullptr, const options &with = {})
      : handle_(open(nullptr, model, with)) {}
  /** In a directory, which is made if it is not there. */
  explicit collection(const std::string &path, const embedder *model = nullptr,
                      const options &with = {})
      : handle_(open(path.c_str(), model, with)) {}

  std::size_t size() const { return detail::get<std::size_t>(rag_collection_len, raw()); }
  bool contains(const std::string &id) const {
    return detail::get<bool>(rag_collection_contains, raw(), id.c_str());
  }
  /** With `truncated` it is told how many texts were cut for their vectors. */
  void add(const batch &documents, const progress &watch = {},
           std::size_t *truncated = nullptr) const {
    put(rag_collection_add_counted, documents, watch, truncated);
  }
  void upsert(const batch &documents, const progress &watch = {},
              std::size_t *truncated = nullptr) const {
    put(rag_collection_upsert_counted, documents, watch, truncated);
  }
  /** In one change documents in the place of those of these ids; how many were removed. */
  std::size_t replace(const texts &removed, const batch &documents,
                      const progress &watch = {}) const {
    std::vector<const char *> gone = names(removed);
    return replaced(gone, nullptr, documents, watch);
  }
  /** In one change documents in the place of those that a filter (JSON) lets through. */
  std::size_t replace_where(const std::string &filter, const batch &documents,
                            const progress &watch = {}) const {
    return replaced({}, filter.c_str(), documents, watch);
  }
  /** For each id a number that changes whenever a document of it is written, if there is one. */
  std::vector<std::optional<std::uint64_t>> versions(const texts &ids) const {
    std::vector<const char *> lent = names(ids);
    std::vector<std::uint64_t> numbers(ids.size());
    std::unique_ptr<bool[]> held(new bool[ids.size()]());
    detail::call(rag_collection_versions, raw(), lent.data(), lent.size(), numbers.data(),
                 held.get());
    std::vector<std::optional<std::uint64_t>> all(ids.size());
    for (std::size_t i = 0; i < all.size(); i++)
      if (held[i]) all[i] = numbers[i];
    return all;
  }
  /** A number that changes with everything that is written here. */
  std::uint64_t sequence() const {
    return detail::get<std::uint64_t>(rag_collection_sequence, raw());
  }
  /** Takes in all documents of the store in another directory, in one change; how many. */
  std::size_t attach(const std::string &path) const {
    return detail::get<std::size_t>(rag_collection_attach, raw(), path.c_str());
  }
  /** Takes dials and users in the place of everything that was learnt here. */
  void replace_steering(const steering &set) const {
    detail::call(rag_collection_replace_steering, raw(), set.raw());
  }
  /** What this collection, as one of several shards, knows of the words of a request. */
  shard_statistics statistics_for(const shard_request &request) const;
  /** What this collection, as one of several shards, finds for a request. */
  shard_response search_shard(const shard_request &request) const;
  /** The collection's own bandit of a name: what it learns is durable. */
  bandit kept_bandit(const std::string &name) const;
  /** Puts a copy of a bandit here. */
  void keep_bandit(const std::string &name, const bandit &from) const;
  /** Removes a bandit; whether there was one. */
  bool remove_bandit(const std::string &name) const {
    return detail::get<bool>(rag_collection_remove_bandit, raw(), name.c_str());
  }
  texts bandits() const {
    return detail::take(detail::get<rag_strings *>(rag_collection_bandits, raw()));
  }
  /** Embeds every text anew and changes over to that model; how many were embedded now. */
  std::size_t reembed(const embedder &model, const options &with = {},
                      const progress &watch = {}) const {
    detail::watcher watcher(watch);
    rag_error *err = nullptr;
    std::size_t embedded = 0;
    rag_status status = rag_collection_reembed(raw(), model.raw(), with.raw(), watcher.function(),
                                               &watcher, &embedded, &err);
    if (watcher.thrown) rag_error_free(err);
    watcher.rethrow();
    detail::check(status, err);
    return embedded;
  }
  std::size_t erase(const texts &ids) const {
    std::vector<const char *> lent = names(ids);
    return detail::get<std::size_t>(rag_collection_delete, raw(), lent.data(), lent.size());
  }
  std::size_t erase_where(const std::string &filter) const {
    return detail::get<std::size_t>(rag_collection_delete_where, raw(), filter.c_str());
  }
  std::vector<std::optional<document>> get(const texts &ids) const {
    std::vector<const char *> lent = names(ids);
    detail::handle<rag_documents, rag_documents_free> held(
        detail::get<rag_documents *>(rag_collection_get, raw(), lent.data(), lent.size()));
    std::vector<std::optional<document>> all;
    for (std::size_t i = 0; i < rag_documents_len(held.raw()); i++) {
      auto d = detail::get<rag_document>(rag_documents_get,
                                         static_cast<const rag_documents *>(held.raw()), i);
      auto &place = all.emplace_back();
      if (d.id == nullptr) continue;
      place.emplace();
      place->id.assign(d.id, d.id_length);
      if (d.text != nullptr) place->text.emplace(d.text, d.text_length);
      place->metadata.assign(d.metadata, d.metadata_length);
      if (d.vector != nullptr) place->vector.assign(d.vector, d.vector + d.dim);
    }
    return all;
  }
  texts ids() const { return detail::take(detail::get<rag_strings *>(rag_collection_ids, raw())); }
  std::size_t count(const std::string &filter) const {
    return detail::get<std::size_t>(rag_collection_count, raw(), filter.c_str());
  }
  hits search(const query &question) const {
    return hits(detail::get<rag_hits *>(rag_collection_search, raw(), question.raw()));
  }
  hits search(std::string_view text, const options &with = {}) const {
    return search(query(text, with));
  }
  std::vector<hits> search_many(const std::vector<query> &questions) const {
    std::vector<const rag_query *> asked;
    for (const query &question : questions) asked.push_back(question.raw());
    std::vector<rag_hits *> found(questions.size());
    detail::call(rag_collection_search_many, raw(), asked.data(), asked.size(), found.data());
    std::vector<hits> all;
    for (rag_hits *one : found) all.emplace_back(one);
    return all;
  }
  /** Learns how likely a hit with a score is to be relevant; ids[i] belongs to questions[i]. */
  calibration calibrate(const texts &ids, const std::vector<query> &questions, const qrels &by,
                        const options &with = {}) const;
  /** The curve that calibrate has made last, if any. */
  std::optional<calibration> calibration_curve() const;
  /** Forgets the curve; tells whether there was one. */
  bool clear_calibration() const {
    return detail::get<bool>(rag_collection_clear_calibration, raw());
  }
  steering_vector learn(const std::string &name, const texts &positive, const texts &negative,
                        const options &with = {}) const {
    detail::borrowed plus(positive), minus(negative);
    return steering_vector(detail::get<rag_steering_vector *>(
        rag_collection_learn, raw(), name.c_str(), plus.data.data(), plus.lengths.data(),
        positive.size(), minus.data.data(), minus.lengths.data(), negative.size(), with.raw()));
  }
  /** Learns several dials together and keeps them all, or none. */
  void learn_joint(const std::vector<attribute_examples<texts>> &attributes, const options &with = {}) const {
    detail::joined<std::string> all(attributes, [](texts &set, const texts &added) {
      set.insert(set.end(), added.begin(), added.end());
      return added.size();
    });
    detail::borrowed plus(all.sets[0]), minus(all.sets[1]);
    detail::call(rag_collection_learn_joint, raw(), all.names.data(), all.names.size(),
                 plus.data.data(), plus.lengths.data(), all.starts[0].data(), all.counts[0],
                 minus.data.data(), minus.lengths.data(), all.starts[1].data(), all.counts[1],
                 with.raw());
  }
  void learn_joint(const std::vector<attribute_examples<rows>> &attributes, const options &with = {}) const {
    detail::joined_rows all(attributes);
    detail::call(rag_collection_learn_joint_vectors, raw(), all.of.names.data(),
                 all.of.names.size(), all.of.sets[0].data(), all.of.starts[0].data(),
                 all.of.counts[0], all.of.sets[1].data(), all.of.starts[1].data(),
                 all.of.counts[1], all.dim, with.raw());
  }
  attribute_model attribute(const std::string &dial) const {
    return attribute_model(
        detail::get<rag_attribute_model *>(rag_collection_attribute, raw(), dial.c_str()));
  }
  void set_attribute(const std::string &dial, const attribute_model &model) const {
    detail::call(rag_collection_set_attribute, raw(), dial.c_str(), model.raw());
  }
  /** How likely documents have the attribute of a dial: what reranking by it adds up. */
  std::vector<float> probabilities(const std::string &dial, const texts &ids) const {
    detail::borrowed lent(ids);
    std::vector<float> found(ids.size());
    detail::call(rag_collection_probabilities, raw(), dial.c_str(), lent.data.data(),
                 lent.lengths.data(), ids.size(), found.data());
    return found;
  }
  texts dial_names() const {
    return detail::take(detail::get<rag_strings *>(rag_collection_dials, raw()));
  }
  /** A copy of a dial. */
  steering_vector dial(const std::string &name) const {
    return steering_vector(
        detail::get<rag_steering_vector *>(rag_collection_dial, raw(), name.c_str()));
  }
  /** Gain and loss of a dial at each strength on the documents here. */
  std::vector<curve_point> curve(const std::string &name, span<double> strengths,
                                 const options &with = {}) const {
    std::vector<double> losses(strengths.size()), gains(strengths.size());
    detail::call(rag_collection_curve, raw(), name.c_str(), strengths.data(), strengths.size(),
                 with.raw(), losses.data(), gains.data());
    return detail::points(strengths, losses, gains);
  }
  /** How far each dial turns the others on the documents here: k * k numbers by name. */
  std::vector<double> cross_talk(const options &with = {}) const {
    return detail::filled<double>(
        [&](double *out, std::size_t room, std::size_t *count, rag_error **err) {
          return rag_collection_cross_talk(raw(), with.raw(), out, room, count, err);
        },
        16);
  }
  /** Moves a query vector as a search would. */
  std::vector<float> apply(span<float> query, const dials &turned,
                           const std::optional<std::string> &user = {},
                           const options &with = {}) const {
    detail::split_dials split(turned);
    return detail::filled<float>(
        [&](float *out, std::size_t room, std::size_t *count, rag_error **err) {
          return rag_collection_apply(raw(), query.data(), query.size(), split.names.data(),
                                      split.strengths.data(), turned.size(), detail::c(user),
                                      with.raw(), out, room, count, err);
        },
        query.size());
  }
  /** What moves the queries of a user, as JSON. */
  std::string taste(const std::string &user) const {
    return detail::take(detail::get<rag_string *>(rag_collection_taste, raw(), user.c_str()));
  }
  /** The taste after each of the user's ratings, as JSON. */
  std::string drift(const std::string &user) const {
    return detail::take(detail::get<rag_string *>(rag_collection_drift, raw(), user.c_str()));
  }
  void feedback(span<float> query, span<float> item, double rating,
                const std::optional<std::string> &user = {}, const dials &on = {},
                const std::optional<double> &at = {}, std::size_t position = 0) const {
    detail::split_dials split(on);
    if (query.size() != item.size())
      throw error(RAG_STATUS_DIMENSION_MISMATCH, "query and item have different dimensions", nullptr,
                  UINT64_MAX, 0);
    detail::call(rag_collection_feedback, raw(), query.data(), item.data(), query.size(), rating,
                 detail::c(user), split.names.data(), split.strengths.data(), on.size(),
                 at ? &*at : nullptr, position);
  }
  steering steering_set() const {
    return steering(detail::get<rag_steering *>(rag_collection_steering, raw()));
  }
  void checkpoint() const { detail::call(rag_collection_checkpoint, raw()); }
  void compact() const { detail::call(rag_collection_compact, raw()); }
  void backup(const std::string &path) const {
    detail::call(rag_collection_backup, raw(), path.c_str());
  }
  /** A report as JSON. */
  std::string verify() const {
    return detail::take(detail::get<rag_string *>(rag_collection_verify, raw()));
  }
  /** Figures as JSON. */
  std::string stats() const {
    return detail::take(detail::get<rag_string *>(rag_collection_stats, raw()));
  }
  void close() const { detail::call(rag_collection_close, raw()); }
  const rag_collection *raw() const noexcept { return handle_.raw(); }

private:
  using held = detail::handle<rag_collection, rag_collection_free>;
  static held open(const char *path, const embedder *model, const options &with) {
    const rag_embedder *lent = model == nullptr ? nullptr : model->raw();
    return detail::make<held, rag_collection>(rag_collection_open, path, lent, with.raw());
  }
  static std::vector<const char *> names(const texts &all) {
    std::vector<const char *> lent;
    for (const std::string &one : all) lent.push_back(one.c_str());
    return lent;
  }
  std::size_t replaced(const std::vector<const char *> &gone, const char *filter,
                       const batch &documents, const progress &watch) const {
    std::size_t count = 0;
    // What is removed comes before the documents, and how many those were after them.
    auto replace = [&](const rag_collection *to, const char *const *ids, const char *const *text,
                       const std::size_t *lengths, std::size_t n, const float *vectors,
                       std::size_t dim, const char *const *metadata, rag_progress watched,
                       void *watcher, std::size_t *truncated, rag_error **err) {
      return rag_collection_replace(to, gone.data(), gone.size(), filter, ids, text, lengths, n,
                                    vectors, dim, metadata, watched, watcher, &count, truncated, err);
    };
    put(replace, documents, watch, nullptr);
    return count;
  }
  template <class F>
  void put(F f, const batch &documents, const progress &watch, std::size_t *truncated) const {
    std::size_t n = documents.ids.size();
    auto same = [n](const char *what, std::size_t count) {
      if (count == 0 || count == n) return;
      std::string said = std::to_string(n) + " ids but " + std::to_string(count) + " " + what;
      throw error(RAG_STATUS_INVALID_ARGUMENT, said.c_str(), nullptr, UINT64_MAX, 0);
    };
    same("texts", documents.text.size());
    same("vectors", documents.vectors.size());
    same("metadata", documents.metadata.size());
    std::vector<const char *> ids = names(documents.ids), metadata = names(documents.metadata);
    detail::borrowed lent(documents.text);
    detail::watcher watcher(watch);
    rag_error *err = nullptr;
    rag_status status =
        f(raw(), ids.data(), lent.data.empty() ? nullptr : lent.data.data(), lent.lengths.data(), n,
          documents.vectors.data.data(), documents.vectors.dim,
          metadata.empty() ? nullptr : metadata.data(), watcher.function(), &watcher, truncated, &err);
    if (watcher.thrown) rag_error_free(err);
    watcher.rethrow();
    detail::check(status, err);
  }
  held handle_;
};

/** Which value to use, learnt from what it earned; rag_bandit. */
class bandit {
public:
  explicit bandit(span<double> arms, const options &with = {})
      : handle_(detail::get<rag_bandit *>(rag_bandit_new, arms.data(), arms.size(), with.raw())) {}
  bandit(double low, double high, const options &with = {})
      : handle_(detail::get<rag_bandit *>(rag_bandit_new_range, low, high, with.raw())) {}
  /** Over names without an order. */
  static bandit of_names(span<const char *> names, const options &with = {}) {
    return bandit(
        detail::get<rag_bandit *>(rag_bandit_new_names, names.data(), names.size(), with.raw()));
  }
  /** Over every combination of up to three knobs. */
  static bandit of_grid(span<rag_grid_dimension> knobs, const options &with = {}) {
    return bandit(
        detail::get<rag_bandit *>(rag_bandit_new_grid, knobs.data(), knobs.size(), with.raw()));
  }
  static bandit load(const std::string &path) {
    return bandit(detail::get<rag_bandit *>(rag_bandit_load, path.c_str()));
  }
  void save(const std::string &path) const { detail::call(rag_bandit_save, raw(), path.c_str()); }
  void prior(const std::string &domain, double value) {
    detail::call(rag_bandit_set_prior, handle_.raw(), domain.c_str(), value);
  }
  rag_choice choose(const std::string &domain, span<double> context = {}) {
    return detail::get<rag_choice>(rag_bandit_choose, handle_.raw(), domain.c_str(), context.data(),
                                   context.size());
  }
  void reward(std::uint64_t id, double reward) {
    detail::call(rag_bandit_reward, handle_.raw(), id, reward);
  }
  void reward(const rag_choice &choice, double reward) { this->reward(choice.id, reward); }
  /** What every arm would have earned in the place of the one chosen. */
  void reward_all(const rag_choice &choice, span<double> rewards) {
    detail::call(rag_bandit_reward_all, handle_.raw(), choice.id, rewards.data(), rewards.size());
  }
  /** With what probability a choice was made that waits or is in the log. */
  double propensity(const rag_choice &choice) const {
    return detail::get<double>(rag_bandit_propensity, raw(), choice.id);
  }
  double best(const std::string &domain, span<double> context = {}) const {
    return detail::get<double>(rag_bandit_best_in, raw(), domain.c_str(), context.data(),
                               context.size());
  }
  texts domains() const { return detail::take(detail::get<rag_strings *>(rag_bandit_domains, raw())); }
  std::vector<rag_estimate> estimates(const std::string &domain) const {
    return detail::filled<rag_estimate>(
        [&](rag_estimate *out, std::size_t room, std::size_t *count, rag_error **err) {
          return rag_bandit_estimates(raw(), domain.c_str(), out, room, count, err);
        },
        128);
  }
  /** The log as JSON. */
  std::string log() const { return detail::take(detail::get<rag_string *>(rag_bandit_log, raw())); }
  void merge(const bandit &other) { detail::call(rag_bandit_merge, handle_.raw(), other.raw()); }
  /** A copy that learns by itself, also of one that lives in a collection. */
  bandit copy() const { return bandit(detail::get<rag_bandit *>(rag_bandit_copy, raw())); }
  const rag_bandit *raw() const noexcept { return handle_.raw(); }

private:
  friend class collection;
  explicit bandit(rag_bandit *raw) : handle_(raw) {}
  detail::handle<rag_bandit, rag_bandit_free> handle_;
};

inline bandit collection::kept_bandit(const std::string &name) const {
  return bandit(detail::get<rag_bandit *>(rag_collection_bandit, raw(), name.c_str()));
}

inline void collection::keep_bandit(const std::string &name, const bandit &from) const {
  detail::call(rag_collection_set_bandit, raw(), name.c_str(), from.raw());
}

/** Documents by query id, each with a number where it has one. */
using graded = std::map<std::string, std::map<std::string, double>>;
/** Documents by query id, best first. */
using ranked = std::map<std::string, texts>;

namespace detail {
/** Lists of texts one after another, as C wants them. */
struct flattened {
  explicit flattened(const ranked &from) {
    for (const auto &[query, list] : from) {
      start(query);
      for (const std::string &id : list) documents.push_back(id.c_str());
    }
  }
  explicit flattened(const graded &from) {
    for (const auto &[query, list] : from) {
      start(query);
      for (const auto &[id, number] : list) {
        documents.push_back(id.c_str());
        numbers.push_back(number);
      }
    }
  }
  void start(const std::string &query) {
    queries.push_back(query.c_str());
    offsets.push_back(documents.size());
  }
  std::vector<const char *> queries, documents;
  std::vector<std::size_t> offsets;
  std::vector<double> numbers;
};
} // namespace detail

/** What was found for each query; rag_run. */
class run {
public:
  explicit run(const ranked &from) : run(detail::flattened(from)) {}
  /** Documents with scores: larger ones come first. */
  explicit run(const graded &from) : run(detail::flattened(from)) {}
  static run read(const std::string &path) {
    return run(detail::get<rag_run *>(rag_run_read, path.c_str()));
  }
  texts queries() const { return detail::take(detail::get<rag_strings *>(rag_run_queries, raw())); }
  const rag_run *raw() const noexcept { return handle_.raw(); }

private:
  explicit run(rag_run *raw) : handle_(raw) {}
  explicit run(const detail::flattened &f)
      : handle_(detail::get<rag_run *>(rag_run_new, f.queries.data(), f.offsets.data(),
                                       f.queries.size(), f.documents.data(),
                                       f.numbers.empty() ? nullptr : f.numbers.data(),
                                       f.documents.size())) {}
  detail::handle<rag_run, rag_run_free> handle_;
};

/** What is relevant to each query; rag_qrels. */
class qrels {
public:
  explicit qrels(const graded &from) : qrels(detail::flattened(from)) {}
  static qrels read(const std::string &path) {
    return qrels(detail::get<rag_qrels *>(rag_qrels_read, path.c_str()));
  }
  texts queries() const { return detail::take(detail::get<rag_strings *>(rag_qrels_queries, raw())); }
  const rag_qrels *raw() const noexcept { return handle_.raw(); }

private:
  explicit qrels(rag_qrels *raw) : handle_(raw) {}
  explicit qrels(const detail::flattened &f)
      : handle_(detail::get<rag_qrels *>(rag_qrels_new, f.queries.data(), f.offsets.data(),
                                         f.queries.size(), f.documents.data(),
                                         f.numbers.empty() ? nullptr : f.numbers.data(),
                                         f.documents.size())) {}
  detail::handle<rag_qrels, rag_qrels_free> handle_;
};

/** Metrics of a run; rag_evaluation. */
class evaluation {
public:
  texts metrics() const {
    return detail::take(detail::get<rag_strings *>(rag_evaluation_metrics, raw()));
  }
  texts queries() const {
    return detail::take(detail::get<rag_strings *>(rag_evaluation_queries, raw()));
  }
  /** The mean with its interval. */
  rag_value_estimate operator[](const std::string &metric) const {
    return detail::get<rag_value_estimate>(rag_evaluation_estimate, raw(), metric.c_str());
  }
  /** One value for each of queries(). */
  std::vector<double> per_query(const std::string &metric) const {
    return detail::filled<double>(
        [&](double *out, std::size_t room, std::size_t *count, rag_error **err) {
          return rag_evaluation_per_query(raw(), metric.c_str(), out, room, count, err);
        },
        256);
  }
  rag_query_counts counts() const {
    return detail::get<rag_query_counts>(rag_evaluation_counts, raw());
  }
  /** A table for people. */
  std::string text() const {
    return detail::take(detail::get<rag_string *>(rag_evaluation_text, raw()));
  }
  const rag_evaluation *raw() const noexcept { return handle_.raw(); }

private:
  friend evaluation evaluate(const run &, const qrels &, const texts &, const options &);
  explicit evaluation(rag_evaluation *raw) : handle_(raw) {}
  detail::handle<rag_evaluation, rag_evaluation_free> handle_;
};

/** Measures a run; without names of metrics by the usual four at 10. */
inline evaluation evaluate(const run &of, const qrels &by, const texts &metrics = {},
                           const options &with = {}) {
  std::vector<const char *> names;
  for (const std::string &name : metrics) names.push_back(name.c_str());
  return evaluation(detail::get<rag_evaluation *>(rag_evaluate, of.raw(), by.raw(), names.data(),
                                                  names.size(), with.raw()));
}

/** How run `a` compares with run `b`, query by query. */
inline rag_comparison compare_runs(const run &a, const run &b, const qrels &by,
                                   const std::string &metric = "ndcg@10", const options &with = {}) {
  return detail::get<rag_comparison>(rag_compare_runs, a.raw(), b.raw(), by.raw(), metric.c_str(),
                                     with.raw());
}

/** Probabilities of relevance from scores; rag_calibration. */
class calibration {
public:
  /** `weights` may be empty: each pair then counts once. */
  static calibration fit(span<double> scores, span<double> relevant, span<double> weights = {},
                         const options &with = {}) {
    same(scores, relevant, weights);
    return calibration(detail::get<rag_calibration *>(rag_calibration_fit, scores.data(),
                                                      relevant.data(), weights.data(), scores.size(),
                                                      with.raw()));
  }
  static calibration load(const std::string &path) {
    return calibration(detail::get<rag_calibration *>(rag_calibration_load, path.c_str()));
  }
  static calibration from_bytes(span<std::uint8_t> bytes) {
    return calibration(
        detail::get<rag_calibration *>(rag_calibration_from_bytes, bytes.data(), bytes.size()));
  }
  void save(const std::string &path) const {
    detail::call(rag_calibration_save, raw(), path.c_str());
  }
  std::vector<std::uint8_t> to_bytes() const {
    return detail::filled<std::uint8_t>(
        [&](std::uint8_t *out, std::size_t room, std::size_t *count, rag_error **err) {
          return rag_calibration_to_bytes(raw(), out, room, count, err);
        },
        8192);
  }
  double predict(double score) const { return predict(span<double>(&score, 1))[0]; }
  std::vector<double> predict(span<double> scores) const {
    std::vector<double> found(scores.size());
    detail::call(rag_calibration_predict, raw(), scores.data(), scores.size(), found.data());
    return found;
  }
  calibration updated(span<double> scores, span<double> relevant, span<double> weights = {}) const {
    same(scores, relevant, weights);
    return calibration(detail::get<rag_calibration *>(rag_calibration_updated, raw(), scores.data(),
                                                      relevant.data(), weights.data(),
                                                      scores.size()));
  }
  calibration merged(const calibration &other) const {
    return calibration(
        detail::get<rag_calibration *>(rag_calibration_merged, raw(), other.raw()));
  }
  rag_calibration_report report() const {
    return detail::get<rag_calibration_report>(rag_calibration_get_report, raw());
  }
  std::vector<rag_calibration_bin> bins() const {
    return detail::filled<rag_calibration_bin>(
        [&](rag_calibration_bin *out, std::size_t room, std::size_t *count, rag_error **err) {
          return rag_calibration_bins(raw(), out, room, count, err);
        },
        10);
  }
  const rag_calibration *raw() const noexcept { return handle_.raw(); }

private:
  friend class collection;
  explicit calibration(rag_calibration *raw) : handle_(raw) {}
  static void same(span<double> scores, span<double> relevant, span<double> weights) {
    if (scores.size() == relevant.size() && (weights.empty() || weights.size() == scores.size()))
      return;
    std::string what = std::to_string(scores.size()) + " scores for " +
                       std::to_string(relevant.size()) + " relevances and " +
                       std::to_string(weights.size()) + " weights";
    throw error(RAG_STATUS_INVALID_ARGUMENT, what.c_str(), nullptr, UINT64_MAX, 0);
  }
  detail::handle<rag_calibration, rag_calibration_free> handle_;
};

inline calibration collection::calibrate(const texts &ids, const std::vector<query> &questions,
                                         const qrels &by, const options &with) const {
  if (ids.size() != questions.size()) {
    std::string what = std::to_string(ids.size()) + " ids for " +
                       std::to_string(questions.size()) + " questions; give one for each";
    throw error(RAG_STATUS_INVALID_ARGUMENT, what.c_str(), nullptr, UINT64_MAX, 0);
  }
  std::vector<const char *> names;
  std::vector<const rag_query *> asked;
  for (const std::string &id : ids) names.push_back(id.c_str());
  for (const query &question : questions) asked.push_back(question.raw());
  return calibration(detail::get<rag_calibration *>(rag_collection_calibrate, raw(), names.data(),
                                                    asked.data(), asked.size(), by.raw(),
                                                    with.raw()));
}

inline std::optional<calibration> collection::calibration_curve() const {
  auto *found = detail::get<rag_calibration *>(rag_collection_calibration, raw());
  if (found == nullptr) return std::nullopt;
  return calibration(found);
}

/** Which of so many shards the document of an id belongs to. */
inline std::size_t shard_of(const std::string &id, std::size_t shards) {
  return detail::get<std::size_t>(rag_shard_of, id.c_str(), shards);
}

namespace detail {
/** What goes over a wire: bytes and back. */
template <class T, rag_status (*Free)(T *),
          rag_status (*Write)(const T *, std::uint8_t *, std::size_t, std::size_t *, rag_error **),
          rag_status (*Read)(const std::uint8_t *, std::size_t, T **, rag_error **)>
class wire {
public:
  std::vector<std::uint8_t> to_bytes() const {
    return filled<std::uint8_t>(
        [&](std::uint8_t *out, std::size_t room, std::size_t *count, rag_error **err) {
          return Write(raw(), out, room, count, err);
        },
        65536);
  }
  const T *raw() const noexcept { return handle_.raw(); }

protected:
  explicit wire(T *raw) : handle_(raw) {}
  explicit wire(span<std::uint8_t> bytes) : handle_(get<T *>(Read, bytes.data(), bytes.size())) {}
  T *own() noexcept { return handle_.raw(); }

private:
  handle<T, Free> handle_;
};
} // namespace detail

/** What one shard knows of the words of a request; rag_shard_statistics. */
class shard_statistics
    : public detail::wire<rag_shard_statistics, rag_shard_statistics_free,
                          rag_shard_statistics_to_bytes, rag_shard_statistics_from_bytes> {
public:
  static shard_statistics from_bytes(span<std::uint8_t> bytes) { return shard_statistics(bytes); }
  std::uint64_t sequence() const {
    return detail::get<std::uint64_t>(rag_shard_statistics_sequence, raw());
  }

private:
  friend class collection;
  using wire::wire;
};

/** What one shard has found for a request; rag_shard_response. */
class shard_response : public detail::wire<rag_shard_response, rag_shard_response_free,
                                           rag_shard_response_to_bytes, rag_shard_response_from_bytes> {
public:
  static shard_response from_bytes(span<std::uint8_t> bytes) { return shard_response(bytes); }
  std::uint64_t sequence() const {
    return detail::get<std::uint64_t>(rag_shard_response_sequence, raw());
  }

private:
  friend class collection;
  using wire::wire;
};

/** Questions made ready for shards; rag_shard_request. */
class shard_request : public detail::wire<rag_shard_request, rag_shard_request_free,
                                          rag_shard_request_to_bytes, rag_shard_request_from_bytes> {
public:
  explicit shard_request(const std::vector<query> &questions, const embedder *model = nullptr,
                         const steering *set = nullptr)
      : wire(make(questions, model, set)) {}
  static shard_request from_bytes(span<std::uint8_t> bytes) { return shard_request(bytes); }
  std::size_t size() const {
    std::size_t found = 0;
    detail::call(rag_shard_request_len, raw(), &found, static_cast<bool *>(nullptr));
    return found;
  }
  bool needs_statistics() const {
    std::size_t found = 0;
    bool needs = false;
    detail::call(rag_shard_request_len, raw(), &found, &needs);
    return needs;
  }
  /** Takes what every shard, each of them once, has said of the words. */
  void set_statistics(const std::vector<shard_statistics> &shards) {
    std::vector<const rag_shard_statistics *> lent;
    for (const auto &one : shards) lent.push_back(one.raw());
    detail::call(rag_shard_request_set_statistics, own(), lent.data(), lent.size());
  }
  /** The hits of all shards for each question. */
  std::vector<hits> merge(const std::vector<shard_response> &shards,
                          const calibration *curve = nullptr) const {
    std::vector<const rag_shard_response *> lent;
    for (const auto &one : shards) lent.push_back(one.raw());
    std::vector<rag_hits *> found(size());
    detail::call(rag_shard_request_merge, raw(), lent.data(), lent.size(),
                 curve == nullptr ? nullptr : curve->raw(), found.data());
    std::vector<hits> all;
    for (rag_hits *one : found) all.emplace_back(one);
    return all;
  }

private:
  static rag_shard_request *make(const std::vector<query> &questions, const embedder *model,
                                 const steering *set) {
    std::vector<const rag_query *> asked;
    for (const query &question : questions) asked.push_back(question.raw());
    return detail::get<rag_shard_request *>(rag_shard_request_new, asked.data(), asked.size(),
                                            model == nullptr ? nullptr : model->raw(),
                                            set == nullptr ? nullptr : set->raw());
  }
  explicit shard_request(span<std::uint8_t> bytes) : wire(bytes) {}
};

inline shard_statistics collection::statistics_for(const shard_request &request) const {
  return shard_statistics(
      detail::get<rag_shard_statistics *>(rag_collection_shard_statistics, raw(), request.raw()));
}

inline shard_response collection::search_shard(const shard_request &request) const {
  return shard_response(
      detail::get<rag_shard_response *>(rag_collection_search_shard, raw(), request.raw()));
}

/** Where a query goes; rag_decision. */
class decision {
public:
  explicit decision(rag_decision *raw) : handle_(raw) {}
  std::uint64_t id() const { return detail::get<std::uint64_t>(rag_decision_id, raw()); }
  std::string name() const { return rag_decision_name(raw()); }
  double expected(const std::string &objective) const {
    return detail::get<double>(rag_decision_expected, raw(), objective.c_str());
  }
  texts front() const { return detail::take(detail::get<rag_strings *>(rag_decision_front, raw())); }
  std::string why() const { return detail::take(detail::get<rag_string *>(rag_decision_why, raw())); }
  std::string why_json() const {
    return detail::take(detail::get<rag_string *>(rag_decision_why_json, raw()));
  }
  const rag_decision *raw() const noexcept { return handle_.raw(); }

private:
  detail::handle<rag_decision, rag_decision_free> handle_;
};

/** What a router is asked. */
struct route_request {
  span<float> query{};
  std::map<std::string, double> preference{};
  texts exclude{};
  options with{};
};

/** Which model or way to ask; rag_router. */
class router {
public:
  explicit router(const texts &objectives, std::uint64_t seed = 0, const options &with = {})
      : handle_(make(objectives, seed, with)) {}
  static router load(const std::string &path) {
    return router(detail::get<rag_router *>(rag_router_load, path.c_str()));
  }
  void save(const std::string &path) const { detail::call(rag_router_save, raw(), path.c_str()); }
  void add(const std::string &name, const std::map<std::string, double> &outcomes) {
    detail::split_dials split(outcomes);
    detail::call(rag_router_add, handle_.raw(), name.c_str(), split.names.data(),
                 split.strengths.data(), outcomes.size());
  }
  void remove(const std::string &name) { detail::call(rag_router_remove, handle_.raw(), name.c_str()); }
  texts names() const { return detail::take(detail::get<rag_strings *>(rag_router_names, raw())); }
  decision route(const route_request &asked = {}) {
    detail::split_dials weights(asked.preference);
    std::vector<const char *> excluded;
    for (const std::string &name : asked.exclude) excluded.push_back(name.c_str());
    return decision(detail::get<rag_decision *>(
        rag_router_route, handle_.raw(), asked.query.data(), asked.query.size(), weights.names.data(),
        weights.strengths.data(), asked.preference.size(), excluded.data(), excluded.size(),
        asked.with.raw()));
  }
  void observe(std::uint64_t id, const std::map<std::string, double> &outcomes) {
    detail::split_dials split(outcomes);
    detail::call(rag_router_observe, handle_.raw(), id, split.names.data(), split.strengths.data(),
                 outcomes.size());
  }
  void answered(std::uint64_t id, const std::map<std::string, double> &outcomes, double latency_s) {
    detail::split_dials split(outcomes);
    detail::call(rag_router_answered, handle_.raw(), id, split.names.data(), split.strengths.data(),
                 outcomes.size(), latency_s);
  }
  void fail(std::uint64_t id, std::optional<double> at = {}) {
    detail::call(rag_router_fail, handle_.raw(), id, at ? &*at : nullptr);
  }
  void limit(const std::string &name, std::optional<std::uint64_t> per_minute) {
    detail::call(rag_router_limit, handle_.raw(), name.c_str(), per_minute ? &*per_minute : nullptr);
  }
  rag_route_health health(const std::string &name) const {
    return detail::get<rag_route_health>(rag_router_health, raw(), name.c_str());
  }
  std::string log() const { return detail::take(detail::get<rag_string *>(rag_router_log, raw())); }
  void reseed(std::uint64_t seed) { detail::call(rag_router_reseed, handle_.raw(), seed); }
  void merge(const router &other) { detail::call(rag_router_merge, handle_.raw(), other.raw()); }
  const rag_router *raw() const noexcept { return handle_.raw(); }

private:
  explicit router(rag_router *raw) : handle_(raw) {}
  static rag_router *make(const texts &objectives, std::uint64_t seed, const options &with) {
    std::vector<const char *> names;
    for (const std::string &name : objectives) names.push_back(name.c_str());
    return detail::get<rag_router *>(rag_router_new, names.data(), names.size(), seed, with.raw());
  }
  detail::handle<rag_router, rag_router_free> handle_;
};

/** What an engine keeps results in; rag_cache. */
class cache {
 public:
  explicit cache(const options &with = {}) : handle_(made(nullptr, with)) {}
  explicit cache(const std::string &redis, const options &with = {})
      : handle_(made(redis.c_str(), with)) {}
  /** What happened so far, as JSON. */
  std::string stats() const { return detail::take(detail::get<rag_string *>(rag_cache_stats, raw())); }
  void clear() const { detail::call(rag_cache_clear, raw()); }
  void clear_tenant(const std::string &tenant) const {
    detail::call(rag_cache_clear_tenant, raw(), tenant.c_str());
  }
  const rag_cache *raw() const noexcept { return handle_.raw(); }

 private:
  static rag_cache *made(const char *redis, const options &with) {
    return detail::get<rag_cache *>(rag_cache_new, redis, with.raw());
  }
  detail::handle<rag_cache, rag_cache_free> handle_;
};

/** The hash by which users are assigned; rag_stable_hash. */
inline std::uint64_t stable_hash(const std::string &salt, const std::string &user) {
  return detail::get<std::uint64_t>(rag_stable_hash, salt.c_str(), user.c_str());
}

/** Variants that users are divided into, and what is measured of them; rag_experiment. */
class experiment {
 public:
  /** Names with their weights; the first is the control. */
  experiment(const std::string &name, const std::vector<std::pair<std::string, std::uint64_t>> &variants,
             const options &with = {})
      : handle_(make(name, variants, with)) {}
  static experiment from_json(const std::string &json) {
    return experiment(detail::get<rag_experiment *>(rag_experiment_from_json, json.data(), json.size()));
  }
  experiment &measure(const std::string &name, const options &with = {}) {
    detail::call(rag_experiment_measure, handle_.raw(), name.c_str(), with.raw());
    return *this;
  }
  /** The variant of a user; nothing for one who is not in the experiment. */
  std::optional<std::string> assign(const std::string &user) const {
    rag_string *variant = detail::get<rag_string *>(rag_experiment_assign, raw(), user.c_str());
    if (variant == nullptr) return std::nullopt;
    return detail::take(variant);
  }
  void record(const std::string &user, const std::string &measure, double value) const {
    detail::call(rag_experiment_record, raw(), user.c_str(), measure.c_str(), value);
  }
  /** How it stands, as JSON. */
  std::string status() const { return detail::take(detail::get<rag_string *>(rag_experiment_status, raw())); }
  void promote(const std::string &variant) const {
    detail::call(rag_experiment_promote, raw(), variant.c_str());
  }
  /** Gives everybody the variant that has won. */
  void promote() const { detail::call(rag_experiment_promote, raw(), nullptr); }
  std::string to_json() const { return detail::take(detail::get<rag_string *>(rag_experiment_to_json, raw())); }
  void merge(const std::string &json) const {
    detail::call(rag_experiment_merge, raw(), json.data(), json.size());
  }
  const rag_experiment *raw() const noexcept { return handle_.raw(); }

 private:
  explicit experiment(rag_experiment *raw) : handle_(raw) {}
  static rag_experiment *make(const std::string &name,
                              const std::vector<std::pair<std::string, std::uint64_t>> &variants,
                              const options &with) {
    std::vector<const char *> names;
    std::vector<std::uint64_t> weights;
    for (const auto &variant : variants) {
      names.push_back(variant.first.c_str());
      weights.push_back(variant.second);
    }
    return detail::get<rag_experiment *>(rag_experiment_new, name.c_str(), names.data(), weights.data(),
                                         names.size(), with.raw());
  }
  detail::handle<rag_experiment, rag_experiment_free> handle_;
};

/** Two rankings in one list; rag_interleaved. */
class interleaved {
 public:
  interleaved(const std::vector<std::string> &a, const std::vector<std::string> &b, std::size_t k,
              std::uint64_t seed)
      : handle_(make(a, b, k, seed)) {}
  /** `ids`, and `teams`, whose each is, as JSON. */
  std::string json() const { return detail::take(detail::get<rag_string *>(rag_interleaved_json, raw())); }
  const rag_interleaved *raw() const noexcept { return handle_.raw(); }

 private:
  static rag_interleaved *make(const std::vector<std::string> &a, const std::vector<std::string> &b,
                               std::size_t k, std::uint64_t seed) {
    std::vector<const char *> of_a, of_b;
    for (const std::string &id : a) of_a.push_back(id.c_str());
    for (const std::string &id : b) of_b.push_back(id.c_str());
    return detail::get<rag_interleaved *>(rag_interleave, of_a.data(), of_a.size(), of_b.data(), of_b.size(),
                                          k, seed);
  }
  detail::handle<rag_interleaved, rag_interleaved_free> handle_;
};

/** Which of two rankings is clicked more; rag_interleaving. */
class interleaving {
 public:
  explicit interleaving(double alpha = 0.05) : handle_(detail::get<rag_interleaving *>(rag_interleaving_new, alpha)) {}
  static interleaving from_json(const std::string &json) {
    return interleaving(detail::get<rag_interleaving *>(rag_interleaving_from_json, json.data(), json.size()));
  }
  void record(const interleaved &list, const std::vector<std::string> &clicked) const {
    std::vector<const char *> ids;
    for (const std::string &id : clicked) ids.push_back(id.c_str());
    detail::call(rag_interleaving_record, raw(), list.raw(), ids.data(), ids.size());
  }
  /** How it stands, as JSON. */
  std::string status() const { return detail::take(detail::get<rag_string *>(rag_interleaving_status, raw())); }
  std::string to_json() const { return detail::take(detail::get<rag_string *>(rag_interleaving_to_json, raw())); }
  void merge(const std::string &json) const {
    detail::call(rag_interleaving_merge, raw(), json.data(), json.size());
  }
  const rag_interleaving *raw() const noexcept { return handle_.raw(); }

 private:
  explicit interleaving(rag_interleaving *raw) : handle_(raw) {}
  detail::handle<rag_interleaving, rag_interleaving_free> handle_;
};

/** What tells two questions apart, "none" if nothing does; rag_question_difference. */
inline std::string question_difference(const std::string &a, const std::string &b) {
  return detail::take(
      detail::get<rag_string *>(rag_question_difference, a.data(), a.size(), b.data(), b.size()));
}

/** Which domain a text belongs to; rag_domain_detector. */
class domain_detector {
public:
  explicit domain_detector(const options &with = {})
      : handle_(detail::get<rag_domain_detector *>(rag_domain_detector_new, with.raw())) {}
  static domain_detector load(const std::string &path) {
    return domain_detector(
        detail::get<rag_domain_detector *>(rag_domain_detector_load, path.c_str()));
  }
  void save(const std::string &path) const {
    detail::call(rag_domain_detector_save, raw(), path.c_str());
  }
  /** From examples, or from a single line of description. */
  void learn(const embedder &model, const std::string &domain, const texts &examples) {
    detail::borrowed lent(examples);
    detail::call(rag_domain_detector_learn_texts, handle_.raw(), model.raw(), domain.c_str(),
                 lent.data.data(), lent.lengths.data(), examples.size());
  }
  rag_detection detect(span<float> vector) const {
    rag_detection found{};
    detail::call(rag_domain_detector_detect, raw(), vector.data(), std::size_t{1}, vector.size(),
                 &found, static_cast<double *>(nullptr));
    return found;
  }
  std::vector<rag_detection> detect(const embedder &model, const texts &asked) const {
    detail::borrowed lent(asked);
    std::vector<rag_detection> found(asked.size());
    detail::call(rag_domain_detector_detect_texts, raw(), model.raw(), lent.data.data(),
                 lent.lengths.data(), asked.size(), found.data(), static_cast<double *>(nullptr));
    return found;
  }
  /** In alphabetical order; a detection tells the place among them. */
  texts domains() const {
    return detail::take(detail::get<rag_strings *>(rag_domain_detector_domains, raw()));
  }
  void merge(const domain_detector &other) {
    detail::call(rag_domain_detector_merge, handle_.raw(), other.raw());
  }
  const rag_domain_detector *raw() const noexcept { return handle_.raw(); }

private:
  explicit domain_detector(rag_domain_detector *raw) : handle_(raw) {}
  detail::handle<rag_domain_detector, rag_domain_detector_free> handle_;
};

/** What a tuned search found and what was chosen for it; rag_tuned. */
class tuned {
public:
  explicit tuned(rag_tuned *raw) : handle_(raw) {}
  ragcore::hits hits() const {
    return ragcore::hits(detail::get<rag_hits *>(rag_tuned_hits, raw()));
  }
  rag_tuned_choice choice() const {
    return detail::get<rag_tuned_choice>(rag_tuned_get_choice, raw());
  }
  std::string domain() const {
    return detail::take(detail::get<rag_string *>(rag_tuned_domain, raw()));
  }
  const rag_tuned *raw() const noexcept { return handle_.raw(); }

private:
  detail::handle<rag_tuned, rag_tuned_free> handle_;
};

/** Asks with the weight that `by` chooses in the domain that is named. */
inline tuned search_tuned(const collection &in, const query &question, bandit &by,
                          const std::string &domain = "general") {
  const rag_query *asked[] = {question.raw()};
  return tuned(detail::get<rag_tuned *>(
      [](auto... rest) { return rag_collection_search_tuned(rest...); }, in.raw(), asked,
      std::size_t{1}, const_cast<rag_bandit *>(by.raw()), domain.c_str(),
      static_cast<const rag_domain_detector *>(nullptr)));
}
/** Asks with the weight that `by` chooses in the domain that is detected. */
inline tuned search_tuned(const collection &in, const query &question, bandit &by,
                          const domain_detector &domain) {
  const rag_query *asked[] = {question.raw()};
  return tuned(detail::get<rag_tuned *>(
      [](auto... rest) { return rag_collection_search_tuned(rest...); }, in.raw(), asked,
      std::size_t{1}, const_cast<rag_bandit *>(by.raw()), static_cast<const char *>(nullptr),
      domain.raw()));
}
/** Tells the bandit what the hits were worth, about 0 to 1. */
inline void reward(const collection &in, bandit &by, const tuned &hits, double worth) {
  detail::call(rag_collection_reward, in.raw(), const_cast<rag_bandit *>(by.raw()), hits.raw(),
               worth);
}

/** Indices, ascending, of the points (rows of `d`) that no other one dominates; all minimised. */
inline std::vector<std::size_t> pareto_front(span<double> points, std::size_t d,
                                             span<bool> maximize = {}) {
  std::size_t n = d == 0 ? 0 : points.size() / d;
  return detail::filled<std::size_t>(
      [&](std::size_t *out, std::size_t room, std::size_t *count, rag_error **err) {
        return rag_pareto_front(points.data(), n, d, maximize.data(), maximize.size(), out, room, count, err);
      },
      n);
}

/** The volume between the points (rows of `d`) and the reference, of `d` numbers. */
inline double hypervolume(span<double> points, std::size_t d, span<double> reference,
                          span<bool> maximize = {}) {
  std::size_t n = d == 0 ? 0 : points.size() / d;
  return detail::get<double>(rag_hypervolume, points.data(), n, d, reference.data(), maximize.data(),
                             maximize.size());
}

/** The volume that each point alone dominates. */
inline std::vector<double> hypervolume_contributions(span<double> points, std::size_t d,
                                                     span<double> reference,
                                                     span<bool> maximize = {}) {
  std::size_t n = d == 0 ? 0 : points.size() / d;
  std::vector<double> all(n);
  detail::call(rag_hypervolume_contributions, points.data(), n, d, reference.data(), maximize.data(),
               maximize.size(), all.data());
  return all;
}

/** One point of the front for each box that is `epsilon` wide; `kind` may be NULL. */
inline std::vector<std::size_t> epsilon_front(span<double> points, std::size_t d,
                                              span<double> epsilon, const char *kind = nullptr,
                                              span<bool> maximize = {}) {
  std::size_t n = d == 0 ? 0 : points.size() / d;
  return detail::filled<std::size_t>(
      [&](std::size_t *out, std::size_t room, std::size_t *count, rag_error **err) {
        return rag_epsilon_front(points.data(), n, d, epsilon.data(), epsilon.size(), kind,
                                 maximize.data(), maximize.size(), out, room, count, err);
      },
      n);
}

/** The index of the knee of the front. */
inline std::size_t knee(span<double> points, std::size_t d, span<bool> maximize = {}) {
  std::size_t n = d == 0 ? 0 : points.size() / d;
  return detail::get<std::size_t>(rag_knee, points.data(), n, d, maximize.data(), maximize.size());
}

/** A front that is kept while points come; rag_pareto_archive. */
class pareto_archive {
public:
  explicit pareto_archive(std::size_t d, span<bool> maximize = {}, span<double> reference = {},
                          const options &with = {})
      : handle_(detail::get<rag_pareto_archive *>(rag_pareto_archive_new, d, maximize.data(),
                                                  maximize.size(), reference.data(),
                                                  reference.size(), with.raw())) {}
  bool insert(span<double> point, std::uint64_t id) {
    return detail::get<bool>(rag_pareto_archive_insert, handle_.raw(), point.data(), point.size(), id);
  }
  void merge(const pareto_archive &other) {
    detail::call(rag_pareto_archive_merge, handle_.raw(), other.raw());
  }
  std::vector<std::uint64_t> ids() const {
    return detail::filled<std::uint64_t>(
        [&](std::uint64_t *out, std::size_t room, std::size_t *count, rag_error **err) {
          return rag_pareto_archive_ids(handle_.raw(), out, room, count, err);
        },
        16);
  }
  std::vector<double> points() const {
    return detail::filled<double>(
        [&](double *out, std::size_t room, std::size_t *count, rag_error **err) {
          return rag_pareto_archive_points(handle_.raw(), out, room, count, err);
        },
        64);
  }
  const rag_pareto_archive *raw() const noexcept { return handle_.raw(); }

private:
  detail::handle<rag_pareto_archive, rag_pareto_archive_free> handle_;
};

/** The front of all settings that were tried; rag_optimum. */
class optimum {
public:
  explicit optimum(rag_optimum *raw) : handle_(raw) {}
  std::vector<double> settings() const { return read(rag_optimum_settings); }
  std::vector<double> points() const { return read(rag_optimum_points); }
  std::size_t evaluations() const {
    return detail::get<std::size_t>(rag_optimum_evaluations, handle_.raw());
  }

private:
  template <class F> std::vector<double> read(F f) const {
    return detail::filled<double>(
        [&](double *out, std::size_t room, std::size_t *count, rag_error **err) {
          return f(handle_.raw(), out, room, count, err);
        },
        64);
  }
  detail::handle<rag_optimum, rag_optimum_free> handle_;
};

/** Outcomes of a setting: a number for each knob in, a number for each objective out. */
using objective = std::function<std::vector<double>(span<double>)>;

/** Settings of which no other is better in all objectives; what `judge` throws comes through. */
inline optimum optimize(const objective &judge, span<rag_knob> knobs, const texts &objectives,
                        span<bool> maximize = {}, const options &with = {}) {
  struct asked {
    const objective &judge;
    std::size_t knobs, objectives;
    std::exception_ptr thrown;
    static bool all(const double *settings, std::size_t n, double *outcomes, void *user) noexcept {
      auto *self = static_cast<asked *>(user);
      try {
        for (std::size_t i = 0; i < n; i++) {
          auto got = self->judge(span<double>(settings + i * self->knobs, self->knobs));
          for (std::size_t j = 0; j < got.size() && j < self->objectives; j++)
            outcomes[i * self->objectives + j] = got[j];
        }
        return true;
      } catch (...) {
        self->thrown = std::current_exception();
        return false;
      }
    }
  } ask{judge, knobs.size(), objectives.size(), nullptr};
  std::vector<const char *> names;
  for (const std::string &name : objectives) names.push_back(name.c_str());
  rag_optimum *found = nullptr;
  rag_error *err = nullptr;
  rag_status status = rag_optimize(knobs.data(), knobs.size(), names.data(), names.size(),
                                   maximize.data(), maximize.size(), nullptr, 0, asked::all,
                                   with.raw(), nullptr, &ask, &found, &err);
  if (ask.thrown) {
    rag_error_free(err);
    std::rethrow_exception(ask.thrown);
  }
  detail::check(status, err);
  return optimum(found);
}

/** Templates by scenario. What is asked and what comes back is JSON; see ragcore.h. */
class prompts {
public:
  prompts() : handle_(detail::get<rag_prompts *>(rag_prompts_new)) {}
  void add(const std::string &name, const std::string &scenario) {
    detail::call(rag_prompts_add, handle_.raw(), name.c_str(), scenario.c_str());
  }
  void phrase(const std::string &dial, const std::string &low, const std::string &high) {
    detail::call(rag_prompts_phrase, handle_.raw(), dial.c_str(), low.c_str(), high.c_str());
  }
  texts scenarios() const { return detail::take(detail::get<rag_strings *>(rag_prompts_scenarios, raw())); }
  std::string scenario(const std::string &name) const {
    return detail::take(detail::get<rag_string *>(rag_prompts_scenario, raw(), name.c_str()));
  }
  /** Tokens are estimated, or counted by `counter`, which must not throw. */
  std::string build(std::string_view asked, const options &with = {}, rag_token_counter counter = nullptr,
                    void *user = nullptr) const {
    return detail::take(detail::get<rag_string *>(rag_prompts_build, raw(), asked.data(), asked.size(), counter,
                                                  user, with.raw()));
  }
  const rag_prompts *raw() const noexcept { return handle_.raw(); }

private:
  detail::handle<rag_prompts, rag_prompts_free> handle_;
};

/** What others wrote, made fit to stand in a prompt. */
inline std::string sanitize(std::string_view text) {
  return detail::take(detail::get<rag_string *>(rag_sanitize, text.data(), text.size()));
}

/** Passages packed into a budget of tokens, as a JSON list. `counter` must not throw. */
inline std::string pack(std::string_view packing, std::size_t budget_tokens, const options &with = {},
                        rag_token_counter counter = nullptr, void *user = nullptr) {
  return detail::take(detail::get<rag_string *>(rag_pack, packing.data(), packing.size(), budget_tokens, counter,
                                                user, with.raw()));
}

/** Whoever writes answers: the best sentences, or a function of yours; rag_generator. */
class generator {
 public:
  /** Takes a piece of the answer; false means that no more is wanted. */
  using emit = std::function<bool(std::string_view)>;
  /** Writes an answer to a prompt (JSON). Called from many threads; an exception fails the answer. */
  using function = std::function<void(std::string_view prompt, const emit &)>;

  /** The best sentences of the passages, with citations. */
  explicit generator(const options &with = {})
      : handle_(detail::get<rag_generator *>(rag_extractive_new, with.raw())) {}
  /** A function, by the name that is shown for its model. It lives as long as this and all engines made with it. */
  generator(const std::string &name, function write, std::size_t window = 0)
      : write_(std::make_shared<function>(std::move(write))),
        handle_(detail::get<rag_generator *>(rag_generator_new, name.c_str(), window, call,
                                             static_cast<void *>(write_.get()))) {}
  /** A language model behind servers of OpenAI's protocol; rag_chat_model_new. */
  static generator chat_model(const texts &endpoints, const std::string &model,
                              const char *api_key = nullptr, const options &with = {}) {
    std::vector<const char *> lent;
    for (const std::string &one : endpoints) lent.push_back(one.c_str());
    return generator(detail::get<rag_generator *>(rag_chat_model_new, lent.data(), lent.size(),
                                                  model.c_str(), api_key, with.raw()));
  }
  const rag_generator *raw() const noexcept { return handle_.raw(); }

 private:
  explicit generator(rag_generator *raw) : handle_(raw) {}
  friend class engine;
  static int call(const char *prompt, std::size_t length, rag_emit emit_to, void *sink, void *user) {
    try {
      (*static_cast<function *>(user))({prompt, length}, [&](std::string_view piece) {
        return emit_to(piece.data(), piece.size(), sink) != 0;
      });
      return 0;
    } catch (...) {
      return 1;
    }
  }
  std::shared_ptr<function> write_;
  detail::handle<rag_generator, rag_generator_free> handle_;
};

/** The answers that were given, as JSON; rag_history. */
class history {
 public:
  explicit history(rag_history *raw) : handle_(raw) {}
  std::size_t size() const { return detail::get<std::size_t>(rag_history_len, raw()); }
  std::string get(const std::string &id) const {
    return detail::take(detail::get<rag_string *>(rag_history_get, raw(), id.c_str()));
  }
  std::string search(std::string_view query = "{}") const {
    return detail::take(
        detail::get<rag_string *>(rag_history_search, raw(), query.data(), query.size()));
  }
  std::size_t forget(const std::string &user) const {
    return detail::get<std::size_t>(rag_history_forget, raw(), user.c_str());
  }
  std::size_t prune(double max_age_s, std::size_t max_count = SIZE_MAX) const {
    return detail::get<std::size_t>(rag_history_prune, raw(), max_age_s, max_count);
  }
  void compact() const { detail::call(rag_history_compact, raw()); }
  const rag_history *raw() const noexcept { return handle_.raw(); }

 private:
  detail::handle<rag_history, rag_history_free> handle_;
};

/** Facts about users, as JSON; rag_memory. */
class memory {
 public:
  explicit memory(rag_memory *raw) : handle_(raw) {}
  std::size_t size() const { return detail::get<std::size_t>(rag_memory_len, raw()); }
  std::string remember(std::string_view fact) const {
    return detail::take(
        detail::get<rag_string *>(rag_memory_remember, raw(), fact.data(), fact.size()));
  }
  std::string recall(const std::string &user, const std::string &key,
                     const char *session = nullptr) const {
    return detail::take(
        detail::get<rag_string *>(rag_memory_recall, raw(), user.c_str(), session, key.c_str()));
  }
  std::string facts(const std::string &user, const char *session = nullptr) const {
    return detail::take(detail::get<rag_string *>(rag_memory_facts, raw(), user.c_str(), session));
  }
  std::string search(const std::string &user, std::string_view words, std::size_t k = 10,
                     const char *filter = nullptr) const {
    return detail::take(detail::get<rag_string *>(rag_memory_search, raw(), user.c_str(),
                                                  words.data(), words.size(), filter, k));
  }
  std::size_t forget(const std::string &user, const char *session = nullptr,
                     const char *key = nullptr) const {
    return detail::get<std::size_t>(rag_memory_forget, raw(), user.c_str(), session, key);
  }
  std::size_t sweep() const { return detail::get<std::size_t>(rag_memory_sweep, raw()); }
  void compact() const { detail::call(rag_memory_compact, raw()); }
  const rag_memory *raw() const noexcept { return handle_.raw(); }

 private:
  detail::handle<rag_memory, rag_memory_free> handle_;
};

/** From a question to an answer; rag_engine. Questions, evidence and answers are JSON, see rag_engine_ask. */
class engine {
 public:
  /** What an engine is made of; what is left out is the library's own. */
  struct parts {
    /** By the names that questions and routes use. */
    std::vector<std::pair<std::string, const generator *>> generators{};
    const router *route_by = nullptr;
    /** One of the collection's bandits. */
    const char *tuner = nullptr;
    const domain_detector *domains = nullptr;
    const cache *kept_in = nullptr;
    const prompts *templates = nullptr;
  };
  /** Hears a piece of an answer, or what stands in a marker of that kind; false ends the answer. */
  using hear = std::function<bool(std::string_view text, std::optional<std::string_view> marker)>;

  explicit engine(const collection &documents, const options &with = {})
      : engine(documents, parts{}, with) {}
  engine(const collection &documents, const parts &of, const options &with = {})
      : handle_(made(documents, of, with)) {
    for (const auto &[name, one] : of.generators) functions_.push_back(one->write_);
  }

  /** Takes in documents, a JSON list; what became of them as JSON. */
  std::string add_documents(std::string_view documents, const options &with = {},
                            const char *tenant = nullptr, const progress &watch = {}) const {
    detail::watcher watcher(watch);
    rag_string *out = nullptr;
    rag_error *err = nullptr;
    rag_status status =
        rag_engine_add_documents(raw(), tenant, documents.data(), documents.size(), with.raw(),
                                 watcher.function(), &watcher, &out, &err);
    if (watcher.thrown) rag_error_free(err);
    watcher.rethrow();
    detail::check(status, err);
    return detail::take(out);
  }
  std::size_t remove_documents(const texts &ids, const char *tenant = nullptr) const {
    detail::borrowed lent(ids);
    return detail::get<std::size_t>(rag_engine_remove_documents, raw(), tenant, lent.data.data(),
                                    lent.lengths.data(), ids.size());
  }
  std::string document(const std::string &id, const char *tenant = nullptr) const {
    return detail::take(detail::get<rag_string *>(rag_engine_document, raw(), tenant, id.c_str()));
  }
  texts documents(const char *tenant = nullptr) const {
    return detail::take(detail::get<rag_strings *>(rag_engine_documents, raw(), tenant));
  }
  std::string retrieve(std::string_view question) const {
    return detail::take(
        detail::get<rag_string *>(rag_engine_retrieve, raw(), question.data(), question.size()));
  }
  std::string ask(std::string_view question, const hear &listen = {}) const {
    struct heard {
      const hear *listen;
      std::exception_ptr thrown;
      static int call(const char *text, std::size_t length, const char *marker, void *user) {
        auto *self = static_cast<heard *>(user);
        try {
          auto kind = marker == nullptr ? std::nullopt : std::optional<std::string_view>(marker);
          return (*self->listen)({text, length}, kind) ? 1 : 0;
        } catch (...) {
          self->thrown = std::current_exception();
          return 0;
        }
      }
    } one{&listen, nullptr};
    rag_hear function = nullptr;
    if (listen) function = heard::call;
    rag_string *out = nullptr;
    rag_error *err = nullptr;
    rag_status status =
        rag_engine_ask(raw(), question.data(), question.size(), function, &one, &out, &err);
    if (one.thrown) {
      rag_string_free(out);
      rag_error_free(err);
      std::rethrow_exception(one.thrown);
    }
    detail::check(status, err);
    return detail::take(out);
  }
  std::string ask_many(std::string_view questions) const {
    return detail::take(detail::get<rag_string *>(rag_engine_ask_many, raw(), questions.data(),
                                                  questions.size(),
                                                  static_cast<rag_progress>(nullptr),
                                                  static_cast<void *>(nullptr)));
  }
  void feedback(const std::string &answer, double rating, const char *tenant = nullptr) const {
    detail::call(rag_engine_feedback, raw(), tenant, answer.c_str(), rating);
  }
  ragcore::history history(const char *tenant = nullptr) const {
    return ragcore::history(detail::get<rag_history *>(rag_engine_history, raw(), tenant));
  }
  ragcore::memory memory(const char *tenant = nullptr) const {
    return ragcore::memory(detail::get<rag_memory *>(rag_engine_memory, raw(), tenant));
  }
  /** What is counted, as JSON. */
  std::string metrics() const {
    return detail::take(detail::get<rag_string *>(rag_engine_metrics, raw(), false));
  }
  /** The same in the text format of Prometheus. */
  std::string prometheus() const {
    return detail::take(detail::get<rag_string *>(rag_engine_metrics, raw(), true));
  }
  texts tenants() const {
    return detail::take(detail::get<rag_strings *>(rag_engine_tenants, raw()));
  }
  bool remove_tenant(const std::string &tenant) const {
    return detail::get<bool>(rag_engine_remove_tenant, raw(), tenant.c_str());
  }
  void backup(const std::string &path) const { detail::call(rag_engine_backup, raw(), path.c_str()); }
  void checkpoint() const { detail::call(rag_engine_checkpoint, raw()); }
  void close() const { detail::call(rag_engine_close, raw()); }
  const rag_engine *raw() const noexcept { return handle_.raw(); }

 private:
  static rag_engine *made(const collection &documents, const parts &of, const options &with) {
    std::vector<const char *> names;
    std::vector<const rag_generator *> generators;
    for (const auto &[name, one] : of.generators) {
      names.push_back(name.c_str());
      generators.push_back(one->raw());
    }
    return detail::get<rag_engine *>(
        rag_engine_new, documents.raw(), names.data(), generators.data(), names.size(),
        of.route_by == nullptr ? nullptr : of.route_by->raw(), of.tuner,
        of.domains == nullptr ? nullptr : of.domains->raw(),
        of.kept_in == nullptr ? nullptr : of.kept_in->raw(),
        of.templates == nullptr ? nullptr : of.templates->raw(), with.raw());
  }
  /** Freed after the engine. */
  std::vector<std::shared_ptr<generator::function>> functions_;
  detail::handle<rag_engine, rag_engine_free> handle_;
};

/** Answers or evidence, given as JSON, as the text of a file: "markdown", "html", "bibtex", ...; rag_export. */
inline std::string export_answers(std::string_view given, const std::string &format, const options &with = {}) {
  return detail::take(
      detail::get<rag_string *>(rag_export, given.data(), given.size(), format.c_str(), with.raw()));
}

/** Texts or answers, given as a JSON list, compared: themes, contradictions and figures as JSON; rag_compare. */
inline std::string compare(std::string_view given, const options &with = {}, const embedder *by = nullptr) {
  return detail::take(detail::get<rag_string *>(rag_compare, given.data(), given.size(),
                                                by == nullptr ? nullptr : by->raw(), with.raw()));
}

} // namespace ragcore

#endif
