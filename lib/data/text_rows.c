// SPDX-License-Identifier: MIT
//
// TSV, CSV and JSON lines as rows of fields.
//
//     TSV    columns at tabs, no quotes, one row a line
//     CSV    RFC 4180: a field in quotes may hold commas, line ends and "" for a quote
//     JSONL  one object a line; the columns are the keys of the first one
//
// A line ends with LF or CR LF (with CR in a file that has no LF at all). Every error
// tells the line where the row starts; for a quote that is never closed, the line where
// it was opened, which is the one to repair.

#include <string.h>
#include "base/array.h"
#include "base/json.h"
#include "data/text_rows.h"

struct fields {
    const char **items;
    size_t n, capacity;
};

struct sizes {
    size_t *items;
    size_t n, capacity;
};

struct state {
    struct lat_row_reader *r;
    char *text;
    size_t bytes, at;
    size_t line;  // of at, from 1
    char newline;
    struct fields fields;
    struct sizes sizes;
    struct fields names;     // JSONL: keys of the first object, owned
    struct lat_str scratch;  // JSONL: a cleaned line; numbers as text
    bool has_columns;
};

static const char *const endings[][2] = { { ".tsv", "TSV" }, { ".csv", "CSV" },
    { ".jsonl", "JSONL" }, { ".json", "JSONL" } };

lattn_status lat_text_format_of(const char *path, enum lat_text_format *out)
{
    static const enum lat_text_format formats[] = { LAT_TEXT_TSV, LAT_TEXT_CSV, LAT_TEXT_JSONL,
        LAT_TEXT_JSONL };
    size_t n = strlen(path);
    if (n >= 3 && !memcmp(path + n - 3, ".gz", 3))
        n -= 3;
    for (size_t i = 0; i < LAT_COUNT(endings); i++) {
        size_t m = strlen(endings[i][0]);
        if (n >= m && !memcmp(path + n - m, endings[i][0], m)) {
            *out = formats[i];
            return LATTN_OK;
        }
    }
    return lat_err(LATTN_ERR_ARG,
        "%s: expected a name that ends in .tsv, .csv, .jsonl or .json, with or without .gz", path);
}

static lattn_status add_field(struct state *s, const char *text, size_t bytes)
{
    LAT_TRY(LAT_PUSH(&s->fields, text));
    return LAT_PUSH(&s->sizes, bytes);
}

static lattn_status deliver(struct state *s, size_t line)
{
    struct lat_row row = { s->fields.items, s->sizes.items, s->fields.n, line };
    if (s->has_columns)
        return s->r->row(s->r->user, &row);
    s->has_columns = true;
    return s->r->columns(s->r->user, &row);
}

static lattn_status check_length(const struct state *s, size_t line, size_t bytes)
{
    if (bytes <= s->r->max_line_bytes)
        return LATTN_OK;
    return lat_err(LATTN_ERR_FORMAT, "%s:%zu: the line has more than %zu bytes", s->r->path, line,
        s->r->max_line_bytes);
}

// Takes the next line, without its end.
static lattn_status next_line(struct state *s, char **line, size_t *bytes)
{
    char *start = s->text + s->at;
    size_t left = s->bytes - s->at;
    char *end = memchr(start, s->newline, left);
    size_t n = end ? (size_t) (end - start) : left;
    s->at += n + (end != NULL);
    LAT_TRY(check_length(s, s->line, n));
    s->line++;
    if (n > 0 && start[n - 1] == '\r')
        n--;
    *line = start;
    *bytes = n;
    return LATTN_OK;
}

static bool is_blank(const char *text, size_t n)
{
    while (n > 0 && text[n - 1] == ' ')
        n--;
    return n == 0;
}

static lattn_status skip_line(struct state *s, size_t line)
{
    if (s->r->strict)
        return lat_err(LATTN_ERR_FORMAT, "%s:%zu: empty line", s->r->path, line);
    s->r->n_skipped++;
    return LATTN_OK;
}

// ---- TSV --------------------------------------------------------------------------------------

static lattn_status read_tsv(struct state *s)
{
    while (s->at < s->bytes) {
        size_t line = s->line, n;
        char *text;
        LAT_TRY(next_line(s, &text, &n));
        if (is_blank(text, n)) {
            LAT_TRY(skip_line(s, line));
            continue;
        }
        s->fields.n = s->sizes.n = 0;
        for (char *end = text + n, *tab; text; text = tab ? tab + 1 : NULL) {
            tab = memchr(text, '\t', (size_t) (end - text));
            LAT_TRY(add_field(s, text, (size_t) ((tab ? tab : end) - text)));
        }
        LAT_TRY(deliver(s, line));
    }
    return LATTN_OK;
}

// ---- CSV --------------------------------------------------------------------------------------

// A field in quotes, from behind the opening one; the doubled quotes are closed up in place.
static lattn_status take_quoted(struct state *s, size_t row_start, size_t row_line)
{
    char *start = s->text + s->at, *to = start;
    size_t opened = s->line;
    for (;; s->at++) {
        if (s->at >= s->bytes)
            return lat_err(
                LATTN_ERR_FORMAT, "%s:%zu: a quote is opened and never closed", s->r->path, opened);
        char c = s->text[s->at];
        if (c == '"') {
            s->at++;
            if (s->at >= s->bytes || s->text[s->at] != '"')
                break;
        }
        s->line += c == s->newline;
        *to++ = c;
        if (s->at - row_start > s->r->max_line_bytes)
            return check_length(s, row_line, s->at - row_start);
    }
    return add_field(s, start, (size_t) (to - start));
}

static lattn_status take_plain(struct state *s)
{
    size_t start = s->at;
    while (s->at < s->bytes && s->text[s->at] != ',' && s->text[s->at] != s->newline)
        s->at++;
    size_t n = s->at - start;
    bool at_end = s->at >= s->bytes || s->text[s->at] == s->newline;
    if (at_end && n > 0 && s->text[s->at - 1] == '\r')
        n--;
    return add_field(s, s->text + start, n);
}

// Behind a field: true for another field of the row, else the row is over.
static lattn_status take_separator(struct state *s, bool *more)
{
    if (s->newline == '\n' && s->at < s->bytes && s->text[s->at] == '\r')
        s->at++;  // only left standing behind a quote; must be the line's end
    *more = s->at < s->bytes && s->text[s->at] == ',';
    bool ended = s->at >= s->bytes || s->text[s->at] == s->newline;
    if (!*more && !ended)
        return lat_err(
            LATTN_ERR_FORMAT, "%s:%zu: text behind a closing quote", s->r->path, s->line);
    s->line += ended && s->at < s->bytes;
    s->at++;
    return LATTN_OK;
}

static lattn_status read_csv(struct state *s)
{
    while (s->at < s->bytes) {
        size_t start = s->at, line = s->line;
        bool quoted = false;
        s->fields.n = s->sizes.n = 0;
        for (bool more = true; more;) {
            if (s->at < s->bytes && s->text[s->at] == '"') {
                quoted = true;
                s->at++;
                LAT_TRY(take_quoted(s, start, line));
            } else {
                LAT_TRY(take_plain(s));
            }
            LAT_TRY(check_length(s, line, s->at - start));
            LAT_TRY(take_separator(s, &more));
        }
        if (s->fields.n == 1 && !quoted && is_blank(s->fields.items[0], s->sizes.items[0]))
            LAT_TRY(skip_line(s, line));
        else
            LAT_TRY(deliver(s, line));
    }
    return LATTN_OK;
}

// ---- JSON lines -------------------------------------------------------------------------------

static lattn_status take_names(struct state *s, json_t *object)
{
    const char *key;
    json_t *value;
    s->fields.n = s->sizes.n = 0;
    json_object_foreach(object, key, value)
    {
        char *copy = lat_strdup(key);
        if (!copy || LAT_PUSH(&s->names, copy)) {
            lat_free(copy);
            return LATTN_ERR_HOST_MEMORY;
        }
        LAT_TRY(add_field(s, copy, strlen(copy)));
    }
    return deliver(s, s->line - 1);
}

// Texts are lent by the object. Whole numbers and truth values become text, for labels;
// anything else counts as absent.
static lattn_status add_json_field(struct state *s, const json_t *j, size_t *numbers)
{
    if (json_is_string(j))
        return add_field(s, json_string_value(j), json_string_length(j));
    if (json_is_boolean(j))
        return json_is_true(j) ? add_field(s, "true", 4) : add_field(s, "false", 5);
    if (!json_is_integer(j))
        return add_field(s, NULL, 0);
    enum { ROOM = 24 };  // every number has its own slot in scratch, which does not move
    char *slot = s->scratch.items + *numbers;
    *numbers += ROOM;
    int n = snprintf(slot, ROOM, "%lld", (long long) json_integer_value(j));
    return add_field(s, slot, (size_t) n);
}

static lattn_status take_object(struct state *s, json_t *object, size_t line)
{
    if (!json_is_object(object))
        return lat_err(
            LATTN_ERR_FORMAT, "%s:%zu: expected one JSON object a line", s->r->path, line);
    if (!s->has_columns)
        LAT_TRY(take_names(s, object));
    size_t numbers = 0;
    lat_str_clear(&s->scratch);
    LAT_TRY(LAT_RESERVE(&s->scratch, s->names.n * 24 + 1));
    s->fields.n = s->sizes.n = 0;
    for (size_t i = 0; i < s->names.n; i++)
        LAT_TRY(add_json_field(s, json_object_get(object, s->names.items[i]), &numbers));
    return deliver(s, line);
}

static lattn_status parse_line(
    struct state *s, const char *text, size_t n, size_t line, json_t **out)
{
    struct lat_str where = { 0 };
    lat_str_clear(&s->scratch);
    int64_t n_replaced = lat_utf8_clean(&s->scratch, text, n);
    LAT_TRY(s->scratch.status);
    if (n_replaced && s->r->strict)
        return lat_err(LATTN_ERR_FORMAT, "%s:%zu: invalid UTF-8", s->r->path, line);
    s->r->n_replaced += n_replaced;
    lat_str_addf(&where, "%s:%zu", s->r->path, line);
    lattn_status st = where.status
                          ? where.status
                          : lat_json_parse(where.items, s->scratch.items, s->scratch.n, out);
    lat_str_free(&where);
    return st;
}

static lattn_status read_jsonl(struct state *s)
{
    while (s->at < s->bytes) {
        size_t line = s->line, n;
        char *text;
        LAT_TRY(next_line(s, &text, &n));
        if (is_blank(text, n)) {
            LAT_TRY(skip_line(s, line));
            continue;
        }
        json_t *object;
        LAT_TRY(parse_line(s, text, n, line, &object));
        lattn_status st = take_object(s, object, line);
        json_decref(object);
        LAT_TRY(st);
    }
    return LATTN_OK;
}

int64_t lat_row_find(const struct lat_row *row, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < row->n; i++)
        if (row->bytes[i] == n && !memcmp(row->field[i], name, n))
            return (int64_t) i;
    return -1;
}

bool lat_row_number(
    const struct lat_row *row, size_t column, struct lat_str *scratch, double *value)
{
    const char *text = row->field[column];
    size_t n = row->bytes[column];
    while (n > 0 && *text == ' ')
        text++, n--;
    while (n > 0 && text[n - 1] == ' ')
        n--;
    lat_str_clear(scratch);
    lat_str_addn(scratch, text, n);
    return !scratch->status && n > 0 && strlen(scratch->items) == n &&
           lat_parse_f64(scratch->items, value);
}

lattn_status lat_rows_read(struct lat_row_reader *r, char *text, size_t bytes)
{
    static lattn_status (*const read[])(struct state *) = { read_tsv, read_csv, read_jsonl };
    struct state s = { .r = r, .text = text, .bytes = bytes, .line = 1 };
    s.newline = bytes && !memchr(text, '\n', bytes) && memchr(text, '\r', bytes) ? '\r' : '\n';
    lattn_status st = read[r->format](&s);
    lat_free(s.fields.items);
    lat_free(s.sizes.items);
    for (size_t i = 0; i < s.names.n; i++)
        lat_free((char *) s.names.items[i]);
    lat_free(s.names.items);
    lat_str_free(&s.scratch);
    return st;
}
