/* Writes a model folder of one layer and seven words, for C and C++: small enough to make anew in
 * each test, and its texts are cut wherever `max_tokens` says. */
#ifndef TINY_MODEL_H
#define TINY_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TINY_DIM 4

static const char tiny_config[] =
    "{\"model_type\": \"bert\", \"hidden_act\": \"gelu\", \"hidden_size\": 4,"
    " \"num_attention_heads\": 1, \"intermediate_size\": 4, \"num_hidden_layers\": 1,"
    " \"vocab_size\": 7, \"max_position_embeddings\": 24, \"type_vocab_size\": 2}";

static const char tiny_tokenizer[] =
    "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": [],"
    " \"normalizer\": {\"type\": \"BertNormalizer\", \"clean_text\": true,"
    "  \"handle_chinese_chars\": true, \"strip_accents\": null, \"lowercase\": true},"
    " \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"},"
    " \"post_processor\": {\"type\": \"BertProcessing\", \"sep\": [\"[SEP]\", 3],"
    "  \"cls\": [\"[CLS]\", 2]}, \"decoder\": null,"
    " \"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\","
    "  \"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\": 100,"
    "  \"vocab\": {\"[PAD]\": 0, \"[UNK]\": 1, \"[CLS]\": 2, \"[SEP]\": 3, \"the\": 4, \"cat\": 5,"
    "   \"sat\": 6}}}";

/* Name, rows (0 for a vector) and columns of each tensor. */
static const struct {
  const char *name;
  int rows, columns;
} tiny_tensors[] = {
    {"embeddings.word_embeddings.weight", 7, 4},
    {"embeddings.position_embeddings.weight", 24, 4},
    {"embeddings.token_type_embeddings.weight", 2, 4},
    {"embeddings.LayerNorm.weight", 0, 4},
    {"embeddings.LayerNorm.bias", 0, 4},
    {"encoder.layer.0.attention.self.query.weight", 4, 4},
    {"encoder.layer.0.attention.self.query.bias", 0, 4},
    {"encoder.layer.0.attention.self.key.weight", 4, 4},
    {"encoder.layer.0.attention.self.key.bias", 0, 4},
    {"encoder.layer.0.attention.self.value.weight", 4, 4},
    {"encoder.layer.0.attention.self.value.bias", 0, 4},
    {"encoder.layer.0.attention.output.dense.weight", 4, 4},
    {"encoder.layer.0.attention.output.dense.bias", 0, 4},
    {"encoder.layer.0.attention.output.LayerNorm.weight", 0, 4},
    {"encoder.layer.0.attention.output.LayerNorm.bias", 0, 4},
    {"encoder.layer.0.intermediate.dense.weight", 4, 4},
    {"encoder.layer.0.intermediate.dense.bias", 0, 4},
    {"encoder.layer.0.output.dense.weight", 4, 4},
    {"encoder.layer.0.output.dense.bias", 0, 4},
    {"encoder.layer.0.output.LayerNorm.weight", 0, 4},
    {"encoder.layer.0.output.LayerNorm.bias", 0, 4},
};

/* Writes `length` bytes to `folder`/`name`, with a mark of UTF-8 in front if that is wanted. */
static inline bool tiny_file(const char *folder, const char *name, const void *bytes, size_t length,
                             bool marked) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  if (file == NULL) return false;
  bool good = !marked || fwrite("\xef\xbb\xbf", 1, 3, file) == 3;
  good = fwrite(bytes, 1, length, file) == length && good;
  return fclose(file) == 0 && good;
}

/* Writes the folder into the working directory; false if that fails. */
static inline bool tiny_model(const char *folder, bool marked) {
  static char header[4096];
  static float floats[512];
  static unsigned char all[8192];
  size_t at = 0, count = 0;
  at += (size_t)snprintf(header, sizeof header, "{");
  for (size_t i = 0; i < sizeof tiny_tensors / sizeof *tiny_tensors; i++) {
    int rows = tiny_tensors[i].rows, columns = tiny_tensors[i].columns;
    size_t from = count * sizeof *floats;
    for (int j = 0; j < (rows == 0 ? 1 : rows) * columns; j++) {
      floats[count] = (float)((count * 37 + 11) % 64) / 32.0f - 1.0f;
      count++;
    }
    char shape[32];
    if (rows == 0)
      snprintf(shape, sizeof shape, "%d", columns);
    else
      snprintf(shape, sizeof shape, "%d, %d", rows, columns);
    at += (size_t)snprintf(header + at, sizeof header - at,
                           "%s\"%s\": {\"dtype\": \"F32\", \"shape\": [%s],"
                           " \"data_offsets\": [%zu, %zu]}",
                           i == 0 ? "" : ", ", tiny_tensors[i].name, shape, from,
                           count * sizeof *floats);
  }
  at += (size_t)snprintf(header + at, sizeof header - at, "}");
  for (int i = 0; i < 8; i++) all[i] = (unsigned char)((uint64_t)at >> (8 * i));
  memcpy(all + 8, header, at);
  memcpy(all + 8 + at, floats, count * sizeof *floats);
  mkdir(folder, 0777);
  return tiny_file(folder, "config.json", tiny_config, sizeof tiny_config - 1, marked) &&
         tiny_file(folder, "tokenizer.json", tiny_tokenizer, sizeof tiny_tokenizer - 1, marked) &&
         tiny_file(folder, "model.safetensors", all, 8 + at + count * sizeof *floats, false);
}

#endif
