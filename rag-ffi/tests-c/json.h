/* The conformance cases as constants; see `cargo xtask`, which writes tables.c. */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_LIST, JSON_OBJECT } json_kind;

typedef struct json json;
typedef struct json_field json_field;

struct json {
  json_kind kind;
  double real;
  uint64_t whole;
  /* Whether the number was written without a point. */
  bool integer;
  const char *text;
  /* Bytes of a text, items of a list, fields of an object. */
  size_t count;
  const json *items;
  const json_field *fields;
};

struct json_field {
  const char *key;
  json value;
};

/* Every conformance file. */
extern const json conformance;

/* The field, or NULL. */
const json *json_get(const json *object, const char *key);
/* The field; ends the program if it is not there. */
const json *json_need(const json *object, const char *key);
/* A number, where "nan", "inf" and "-inf" stand for themselves. */
double json_number(const json *value);
bool json_is(const json *value, const char *text);

/* Lists as arrays that the caller frees; NULL for an empty or absent list. */
float *json_floats(const json *list);
double *json_doubles(const json *list);
uint64_t *json_keys(const json *list);
const char **json_texts(const json *list);
size_t *json_lengths(const json *list);
size_t json_count(const json *list);
/* A list of rows of equal length: the floats, and the length of a row. Ragged is *dim = 0. */
float *json_rows(const json *list, size_t *dim);
double *json_rows_f64(const json *list, size_t *dim);

#endif
