// SPDX-License-Identifier: MIT
//
// From a file to rows of fields.
#ifndef LAT_TEXT_ROWS_H
#define LAT_TEXT_ROWS_H
#include "base/str.h"

// ---- bytes.c ----------------------------------------------------------------------------------

struct lat_bytes {
    char *items;
    size_t n;
    uint64_t file_bytes, hash;  // of the file as it is on disk
};
// A whole file; .gz is expanded.
lattn_status lat_bytes_read_any(const char *path, struct lat_bytes *out);
// The same for a text: a byte-order mark of UTF-8 is dropped, UTF-16 refused.
lattn_status lat_bytes_read(const char *path, struct lat_bytes *out);

// Appends text with every byte that is no UTF-8, and NUL, as U+FFFD. Returns how many those were.
int64_t lat_utf8_clean(struct lat_str *out, const char *text, size_t n);

// ---- text_rows.c ------------------------------------------------------------------------------

enum lat_text_format { LAT_TEXT_TSV, LAT_TEXT_CSV, LAT_TEXT_JSONL };

struct lat_row {
    const char *const *field;  // NULL = absent (JSON only); not NUL-terminated
    const size_t *bytes;
    size_t n;
    size_t line;  // where it starts, from 1
};

// Which field is name; -1 if none.
int64_t lat_row_find(const struct lat_row *row, const char *name);
// A field as a number, with blanks around it or not; scratch has its text then.
bool lat_row_number(
    const struct lat_row *row, size_t column, struct lat_str *scratch, double *value);

struct lat_row_reader {
    const char *path;  // for sentences
    enum lat_text_format format;
    size_t max_line_bytes;
    bool strict;  // empty lines and broken UTF-8 are errors
    // Gets the column names first, then every row; all lent for the call.
    lattn_status (*columns)(void *user, const struct lat_row *names);
    lattn_status (*row)(void *user, const struct lat_row *row);
    void *user;
    int64_t n_skipped;   // out: empty lines
    int64_t n_replaced;  // out: what had to be cleaned before JSON could be parsed
};
// Overwrites text.
lattn_status lat_rows_read(struct lat_row_reader *r, char *text, size_t bytes);

// By the ending of path, before .gz. ERR_ARG with the known ones.
lattn_status lat_text_format_of(const char *path, enum lat_text_format *out);

#endif
