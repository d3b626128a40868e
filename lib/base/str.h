// SPDX-License-Identifier: MIT
//
// Building strings. On failure a builder stays valid and str_status remembers.
#ifndef LAT_STR_H
#define LAT_STR_H
#include <stdarg.h>
#include "base/alloc.h"

struct lat_str {
    char *items;  // NUL-terminated once anything was added
    size_t n, capacity;
    lattn_status status;
};
void lat_str_add(struct lat_str *s, const char *text);
void lat_str_addn(struct lat_str *s, const char *text, size_t n);
void lat_str_addf(struct lat_str *s, const char *fmt, ...) LAT_PRINTF(2, 3);
// Shortest text that reads back as the same float (at most 9 digits), '.' in every locale.
void lat_str_add_f32(struct lat_str *s, float v);
// The same for a double (at most 17 digits).
void lat_str_add_f64(struct lat_str *s, double v);
void lat_str_clear(struct lat_str *s);
void lat_str_free(struct lat_str *s);

// Bytes of the valid UTF-8 sequence that text starts with; 0 if it starts with none. n > 0.
size_t lat_utf8_length(const char *text, size_t n);
// Text from a file for use in a sentence: control characters and invalid bytes as ?, cut with
// ... when it does not fit. Returns buf.
const char *lat_quoted(const char *text, char *buf, size_t bytes);

// Text between the tags of XML: markup escaped, control characters and invalid bytes as ?, cut after so
// many characters with ...
void lat_str_add_xml(struct lat_str *s, const char *text, size_t characters);

// strtod in the C locale over the whole string; false if s is no number.
bool lat_parse_f64(const char *s, double *out);
bool lat_parse_i64(const char *s, int64_t *out);

#endif
