#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const json *json_get(const json *object, const char *key) {
  if (object == NULL || object->kind != JSON_OBJECT) return NULL;
  for (size_t i = 0; i < object->count; i++)
    if (strcmp(object->fields[i].key, key) == 0) return &object->fields[i].value;
  return NULL;
}

const json *json_need(const json *object, const char *key) {
  const json *found = json_get(object, key);
  if (found == NULL) {
    printf("FAILED: a case has no \"%s\"\n", key);
    exit(1);
  }
  return found;
}

bool json_is(const json *value, const char *text) {
  return value != NULL && value->kind == JSON_TEXT && strcmp(value->text, text) == 0;
}

double json_number(const json *value) {
  if (json_is(value, "nan")) return (double)NAN;
  if (json_is(value, "inf")) return (double)INFINITY;
  if (json_is(value, "-inf")) return -(double)INFINITY;
  return value == NULL ? (double)NAN : value->kind == JSON_BOOL ? (double)value->whole : value->real;
}

size_t json_count(const json *list) { return list == NULL || list->kind == JSON_NULL ? 0 : list->count; }

static void *room(size_t count, size_t size) {
  void *made = count == 0 ? NULL : calloc(count, size);
  if (count > 0 && made == NULL) abort();
  return made;
}

double *json_doubles(const json *list) {
  size_t n = json_count(list);
  double *out = room(n, sizeof *out);
  for (size_t i = 0; i < n; i++) out[i] = json_number(&list->items[i]);
  return out;
}

float *json_floats(const json *list) {
  size_t n = json_count(list);
  float *out = room(n, sizeof *out);
  for (size_t i = 0; i < n; i++) out[i] = (float)json_number(&list->items[i]);
  return out;
}

uint64_t *json_keys(const json *list) {
  size_t n = json_count(list);
  uint64_t *out = room(n, sizeof *out);
  for (size_t i = 0; i < n; i++) out[i] = list->items[i].whole;
  return out;
}

const char **json_texts(const json *list) {
  size_t n = json_count(list);
  const char **out = room(n, sizeof *out);
  for (size_t i = 0; i < n; i++) out[i] = list->items[i].text;
  return out;
}

size_t *json_lengths(const json *list) {
  size_t n = json_count(list);
  size_t *out = room(n, sizeof *out);
  for (size_t i = 0; i < n; i++) out[i] = list->items[i].count;
  return out;
}

double *json_rows_f64(const json *list, size_t *dim) {
  size_t n = json_count(list);
  *dim = n == 0 ? 0 : json_count(&list->items[0]);
  for (size_t i = 0; i < n; i++)
    if (json_count(&list->items[i]) != *dim) *dim = 0;
  double *out = room(n * *dim, sizeof *out);
  for (size_t i = 0; i < n * *dim; i++)
    out[i] = json_number(&list->items[i / *dim].items[i % *dim]);
  return out;
}

float *json_rows(const json *list, size_t *dim) {
  double *wide = json_rows_f64(list, dim);
  size_t n = json_count(list) * *dim;
  float *out = room(n, sizeof *out);
  for (size_t i = 0; i < n; i++) out[i] = (float)wide[i];
  free(wide);
  return out;
}
