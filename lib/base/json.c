// SPDX-License-Identifier: MIT
//
// JSON over jansson: strict parsing, fields with one-sentence errors, and writing.
//
// jansson was chosen because it rejects what it should (duplicate keys, invalid UTF-8,
// integers beyond 64 bits, trailing garbage, a byte-order mark, deep nesting). Writing
// is ours: jansson prints 0.1 as 0.10000000000000001, and people edit these files.

#include <math.h>
#include <string.h>
#include "base/file.h"
#include "base/json.h"

static lattn_status parse(
    const char *what, const char *text, size_t bytes, bool reals, json_t **out)
{
    json_error_t error;
    size_t flags = JSON_REJECT_DUPLICATES | (reals ? JSON_DECODE_INT_AS_REAL : 0);
    *out = json_loadb(text, bytes, flags, &error);
    if (*out)
        return LATTN_OK;
    if (json_error_code(&error) == json_error_out_of_memory)
        return lat_err(LATTN_ERR_HOST_MEMORY, "%s: out of host memory while parsing", what);
    return lat_err(
        LATTN_ERR_FORMAT, "%s: line %d, column %d: %s", what, error.line, error.column, error.text);
}

lattn_status lat_json_parse(const char *what, const char *text, size_t bytes, json_t **out)
{
    return parse(what, text, bytes, false, out);
}

static lattn_status load(const char *path, size_t max_bytes, bool reals, json_t **out)
{
    *out = NULL;
    char *text = NULL;
    size_t bytes = 0;
    LAT_TRY(lat_file_read_all(path, max_bytes, &text, &bytes));
    lattn_status st = parse(path, text, bytes, reals, out);
    lat_free(text);
    return st;
}

lattn_status lat_json_load(const char *path, size_t max_bytes, json_t **out)
{
    return load(path, max_bytes, false, out);
}

lattn_status lat_json_load_reals(const char *path, size_t max_bytes, json_t **out)
{
    return load(path, max_bytes, true, out);
}

void lat_json_add_escaped(struct lat_str *s, const char *text, size_t n)
{
    static const char names[] = "btn\0fr";  // of the characters 8 to 13
    lat_str_addn(s, "\"", 1);
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char) text[i];
        size_t len = lat_utf8_length(text + i, n - i);
        if (c == '"' || c == '\\')
            lat_str_addf(s, "\\%c", c);
        else if (c >= 8 && c <= 13 && names[c - 8])
            lat_str_addf(s, "\\%c", names[c - 8]);
        else if (c < 0x20 || c == 0x7F)
            lat_str_addf(s, "\\u%04x", c);
        else if (len == 0)
            lat_str_add(s, "\xEF\xBF\xBD");  // U+FFFD: the output stays valid JSON
        else
            lat_str_addn(s, text + i, len);
        i += len ? len : 1;
    }
    lat_str_addn(s, "\"", 1);
}

static void add_line(struct lat_str *s, int depth)
{
    lat_str_addn(s, "\n", 1);
    for (int i = 0; i < depth; i++)
        lat_str_add(s, "  ");
}

static void add_real(struct lat_str *s, double v)
{
    if (!isfinite(v)) {
        lat_str_add(s, "null");  // JSON has no NaN and no infinity
        return;
    }
    size_t start = s->n;
    lat_str_add_f64(s, v);
    if (!s->status && !strpbrk(s->items + start, ".e"))
        lat_str_add(s, ".0");  // reads back as a real
}

static void add_value(struct lat_str *s, const json_t *j, int depth);

static void add_object(struct lat_str *s, const json_t *j, int depth)
{
    const char *key;
    json_t *value;
    bool first = true;
    lat_str_add(s, "{");
    json_object_foreach((json_t *) j, key, value)
    {
        lat_str_add(s, first ? "" : ",");
        first = false;
        add_line(s, depth + 1);
        lat_json_add_escaped(s, key, strlen(key));
        lat_str_add(s, ": ");
        add_value(s, value, depth + 1);
    }
    if (!first)
        add_line(s, depth);
    lat_str_add(s, "}");
}

static void add_array(struct lat_str *s, const json_t *j, int depth)
{
    size_t n = json_array_size(j);
    lat_str_add(s, "[");
    for (size_t i = 0; i < n; i++) {
        lat_str_add(s, i ? "," : "");
        add_line(s, depth + 1);
        add_value(s, json_array_get(j, i), depth + 1);
    }
    if (n)
        add_line(s, depth);
    lat_str_add(s, "]");
}

static void add_value(struct lat_str *s, const json_t *j, int depth)
{
    switch (json_typeof(j)) {
    case JSON_OBJECT:
        add_object(s, j, depth);
        break;
    case JSON_ARRAY:
        add_array(s, j, depth);
        break;
    case JSON_STRING:
        lat_json_add_escaped(s, json_string_value(j), json_string_length(j));
        break;
    case JSON_INTEGER:
        lat_str_addf(s, "%lld", (long long) json_integer_value(j));
        break;
    case JSON_REAL:
        add_real(s, json_real_value(j));
        break;
    case JSON_TRUE:
        lat_str_add(s, "true");
        break;
    case JSON_FALSE:
        lat_str_add(s, "false");
        break;
    case JSON_NULL:
        lat_str_add(s, "null");
        break;
    }
}

lattn_status lat_json_save(const char *path, const json_t *j)
{
    if (!j)
        return lat_err(LATTN_ERR_HOST_MEMORY, "%s: out of host memory while writing", path);
    struct lat_str s = { 0 };
    add_value(&s, j, 0);
    lat_str_add(&s, "\n");
    lattn_status st = s.status ? s.status : lat_file_replace(path, s.items, s.n);
    lat_str_free(&s);
    return st;
}

// ---- fields -------------------------------------------------------------------------------

static const char *type_name(const json_t *j)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object",
        [JSON_ARRAY] = "a list",
        [JSON_STRING] = "a text",
        [JSON_INTEGER] = "a whole number",
        [JSON_REAL] = "a number with fraction",
        [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",
        [JSON_NULL] = "null",
    };
    return names[json_typeof(j)];
}

// *value = NULL when the field is missing and may be.
static lattn_status find(
    const char *what, const json_t *j, const char *field, bool required, const json_t **value)
{
    *value = NULL;
    if (!json_is_object(j))
        return lat_err(LATTN_ERR_FORMAT, "%s: expected an object with \"%s\", found %s", what,
            field, j ? type_name(j) : "nothing");
    *value = json_object_get(j, field);
    if (!*value && required)
        return lat_err(LATTN_ERR_FORMAT, "%s: \"%s\" is missing", what, field);
    return LATTN_OK;
}

lattn_status lat_json_int(const char *what, const json_t *j, const char *field, bool required,
    int64_t lo, int64_t hi, int64_t *out)
{
    const json_t *v;
    LAT_TRY(find(what, j, field, required, &v));
    if (!v)
        return LATTN_OK;
    if (!json_is_integer(v))
        return lat_err(LATTN_ERR_FORMAT,
            "%s: \"%s\" is %s, expected a whole number from %lld to %lld", what, field,
            type_name(v), (long long) lo, (long long) hi);
    int64_t n = json_integer_value(v);
    if (n < lo || n > hi)
        return lat_err(LATTN_ERR_FORMAT, "%s: \"%s\" is %lld, expected %lld to %lld", what, field,
            (long long) n, (long long) lo, (long long) hi);
    *out = n;
    return LATTN_OK;
}

lattn_status lat_json_f64(const char *what, const json_t *j, const char *field, bool required,
    double lo, double hi, double *out)
{
    const json_t *v;
    LAT_TRY(find(what, j, field, required, &v));
    if (!v)
        return LATTN_OK;
    if (!json_is_number(v))
        return lat_err(LATTN_ERR_FORMAT, "%s: \"%s\" is %s, expected a number from %g to %g", what,
            field, type_name(v), lo, hi);
    double x = json_number_value(v);
    if (!(x >= lo && x <= hi))
        return lat_err(
            LATTN_ERR_FORMAT, "%s: \"%s\" is %g, expected %g to %g", what, field, x, lo, hi);
    *out = x;
    return LATTN_OK;
}

lattn_status lat_json_bool(
    const char *what, const json_t *j, const char *field, bool required, bool *out)
{
    const json_t *v;
    LAT_TRY(find(what, j, field, required, &v));
    if (!v)
        return LATTN_OK;
    if (!json_is_boolean(v))
        return lat_err(LATTN_ERR_FORMAT, "%s: \"%s\" is %s, expected true or false", what, field,
            type_name(v));
    *out = json_is_true(v);
    return LATTN_OK;
}

lattn_status lat_json_str(
    const char *what, const json_t *j, const char *field, bool required, const char **out)
{
    const json_t *v;
    LAT_TRY(find(what, j, field, required, &v));
    if (!v)
        return LATTN_OK;
    if (!json_is_string(v))
        return lat_err(
            LATTN_ERR_FORMAT, "%s: \"%s\" is %s, expected a text", what, field, type_name(v));
    *out = json_string_value(v);
    return LATTN_OK;
}
