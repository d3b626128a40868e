// SPDX-License-Identifier: MIT
//
// A thin layer over jansson: strict parsing (duplicate keys rejected), and field access
// that fails with one sentence naming file and field. jansson.h is included here only.
#ifndef LAT_JSON_H
#define LAT_JSON_H
#include <jansson.h>
#include "base/alloc.h"
#include "base/str.h"

lattn_status lat_json_parse(const char *what, const char *text, size_t bytes, json_t **out);
lattn_status lat_json_load(const char *path, size_t max_bytes, json_t **out);
// For files of others that may have whole numbers beyond 64 bits: all numbers are
// read as reals.
lattn_status lat_json_load_reals(const char *path, size_t max_bytes, json_t **out);
lattn_status lat_json_save(
    const char *path, const json_t *j);  // atomic, sorted as inserted, indented

// Each takes the field from object j of file what. required=false leaves *out as it is when
// the field is missing. Values outside [lo, hi] are ERR_FORMAT with the range.
lattn_status lat_json_int(const char *what, const json_t *j, const char *field, bool required,
    int64_t lo, int64_t hi, int64_t *out);
lattn_status lat_json_f64(const char *what, const json_t *j, const char *field, bool required,
    double lo, double hi, double *out);
lattn_status lat_json_bool(
    const char *what, const json_t *j, const char *field, bool required, bool *out);
// Lent; lives as long as j.
lattn_status lat_json_str(
    const char *what, const json_t *j, const char *field, bool required, const char **out);

void lat_json_add_escaped(struct lat_str *s, const char *text, size_t n);  // with the quotes

#endif
