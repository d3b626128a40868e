// SPDX-License-Identifier: MIT
//
// Checks and takes apart the header of a safetensors file.
//
// Pure: it sees bytes and a size, opens nothing and allocates only what the header
// itself needs, so it can be fuzzed. The rules are those of the reference
// implementation; the strict ones are there because a file that two readers understand
// differently is a way to smuggle something in: no duplicate keys, data without holes or
// overlap, nothing behind the last tensor.

#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "io/safetensors.h"

static const struct lat_st_dtype dtypes[] = {
    { "F64", 64, LAT_ST_FLOAT },
    { "F32", 32, LAT_ST_FLOAT },
    { "F16", 16, LAT_ST_FLOAT },
    { "BF16", 16, LAT_ST_FLOAT },
    { "I64", 64, LAT_ST_INT },
    { "U64", 64, LAT_ST_INT },
    { "I32", 32, LAT_ST_INT },
    { "U32", 32, LAT_ST_INT },
    { "I16", 16, LAT_ST_INT },
    { "U16", 16, LAT_ST_INT },
    { "I8", 8, LAT_ST_INT },
    { "U8", 8, LAT_ST_INT },
    { "BOOL", 8, LAT_ST_INT },
    // Known, so that a file which has them is sized and checked; not read.
    { "C64", 64, LAT_ST_OTHER },
    { "F8_E4M3", 8, LAT_ST_OTHER },
    { "F8_E5M2", 8, LAT_ST_OTHER },
    { "F8_E8M0", 8, LAT_ST_OTHER },
    { "F6_E2M3", 6, LAT_ST_OTHER },
    { "F6_E3M2", 6, LAT_ST_OTHER },
    { "F4", 4, LAT_ST_OTHER },
};

// Room for a name inside a sentence.
#define QUOTED(name) lat_quoted(name, (char[100]){ 0 }, 100)

const struct lat_st_dtype *lat_st_dtype_find(const char *name)
{
    for (size_t i = 0; i < LAT_COUNT(dtypes); i++)
        if (!strcmp(dtypes[i].name, name))
            return &dtypes[i];
    return NULL;
}

lattn_status lat_st_header_bytes(
    const char *path, const unsigned char first[8], uint64_t file_bytes, uint64_t *header_bytes)
{
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | first[i];
    if (file_bytes < 8)
        return lat_err(LATTN_ERR_FORMAT,
            "%s has %llu bytes; a safetensors file begins with a header length of 8 bytes", path,
            (unsigned long long) file_bytes);
    if (n == 0)
        return lat_err(LATTN_ERR_FORMAT, "%s: the header length is 0", path);
    if (n > LAT_ST_MAX_HEADER_BYTES)
        return lat_err(LATTN_ERR_FORMAT, "%s: the header length is %llu, at most %u are accepted",
            path, (unsigned long long) n, LAT_ST_MAX_HEADER_BYTES);
    if (n > file_bytes - 8)
        return lat_err(LATTN_ERR_FORMAT,
            "%s: the header length is %llu, but only %llu bytes follow it", path,
            (unsigned long long) n, (unsigned long long) (file_bytes - 8));
    *header_bytes = n;
    return LATTN_OK;
}

struct parser {
    const char *path;
    uint64_t data_bytes;
    struct lat_st_header *out;
};

static lattn_status check_fields(const struct parser *p, const char *name, const json_t *j)
{
    static const char *const known[] = { "dtype", "shape", "data_offsets" };
    if (!json_is_object(j))
        return lat_err(LATTN_ERR_FORMAT, "%s: tensor \"%s\" is no object", p->path, QUOTED(name));
    for (size_t i = 0; i < LAT_COUNT(known); i++)
        if (!json_object_get(j, known[i]))
            return lat_err(LATTN_ERR_FORMAT, "%s: tensor \"%s\" has no \"%s\"", p->path,
                QUOTED(name), known[i]);
    if (json_object_size(j) > LAT_COUNT(known))
        lat_log(
            LATTN_LOG_INFO, "%s: tensor \"%s\" has unknown fields, ignored", p->path, QUOTED(name));
    return LATTN_OK;
}

static lattn_status take_dtype(const struct parser *p, struct lat_st_entry *e, const json_t *j)
{
    if (!json_is_string(j))
        return lat_err(
            LATTN_ERR_FORMAT, "%s: tensor \"%s\": \"dtype\" is no text", p->path, QUOTED(e->name));
    e->dtype = lat_st_dtype_find(json_string_value(j));
    if (!e->dtype)
        return lat_err(LATTN_ERR_FORMAT, "%s: tensor \"%s\" has the unknown dtype \"%s\"", p->path,
            QUOTED(e->name), lat_quoted(json_string_value(j), (char[32]){ 0 }, 32));
    return LATTN_OK;
}

static lattn_status take_shape(const struct parser *p, struct lat_st_entry *e, const json_t *j)
{
    if (!json_is_array(j))
        return lat_err(
            LATTN_ERR_FORMAT, "%s: tensor \"%s\": \"shape\" is no list", p->path, QUOTED(e->name));
    size_t rank = json_array_size(j);
    if (rank > LATTN_MAX_RANK)
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: tensor \"%s\" has %zu dimensions, at most %d are supported", p->path,
            QUOTED(e->name), rank, LATTN_MAX_RANK);
    e->rank = (int) rank;
    e->numel = 1;
    for (size_t d = 0; d < rank; d++) {
        const json_t *v = json_array_get(j, d);
        if (!json_is_integer(v) || json_integer_value(v) < 0)
            return lat_err(LATTN_ERR_FORMAT,
                "%s: tensor \"%s\": size %zu of \"shape\" is no whole number >= 0", p->path,
                QUOTED(e->name), d);
        e->dim[d] = json_integer_value(v);
        if (e->dim[d] && e->numel > INT64_MAX / e->dim[d])
            return lat_err(LATTN_ERR_FORMAT, "%s: tensor \"%s\" has more than 2^63 elements",
                p->path, QUOTED(e->name));
        e->numel *= e->dim[d];
    }
    return LATTN_OK;
}

static lattn_status take_offsets(const struct parser *p, struct lat_st_entry *e, const json_t *j)
{
    const json_t *b = json_array_get(j, 0), *t = json_array_get(j, 1);
    if (json_array_size(j) != 2 || !json_is_integer(b) || !json_is_integer(t) ||
        json_integer_value(b) < 0 || json_integer_value(t) < 0)
        return lat_err(LATTN_ERR_FORMAT,
            "%s: tensor \"%s\": \"data_offsets\" are no two whole numbers >= 0", p->path,
            QUOTED(e->name));
    e->begin = (uint64_t) json_integer_value(b);
    e->end = (uint64_t) json_integer_value(t);
    if (e->begin > e->end)
        return lat_err(LATTN_ERR_FORMAT, "%s: tensor \"%s\" begins at %llu, behind its end %llu",
            p->path, QUOTED(e->name), (unsigned long long) e->begin, (unsigned long long) e->end);
    if (e->end > p->data_bytes)
        return lat_err(LATTN_ERR_FORMAT,
            "%s: tensor \"%s\" ends at %llu, the file has %llu bytes of data", p->path,
            QUOTED(e->name), (unsigned long long) e->end, (unsigned long long) p->data_bytes);
    return LATTN_OK;
}

static lattn_status check_size(const struct parser *p, const struct lat_st_entry *e)
{
    uint64_t numel = (uint64_t) e->numel;
    if (numel > UINT64_MAX / e->dtype->bits)
        return lat_err(LATTN_ERR_FORMAT, "%s: tensor \"%s\" has more than 2^64 bits", p->path,
            QUOTED(e->name));
    uint64_t bits = numel * e->dtype->bits;
    if (bits % 8)
        return lat_err(LATTN_ERR_FORMAT, "%s: tensor \"%s\" does not fill whole bytes", p->path,
            QUOTED(e->name));
    if (bits / 8 != e->end - e->begin)
        return lat_err(LATTN_ERR_FORMAT,
            "%s: tensor \"%s\" needs %llu bytes for its shape, its offsets give %llu", p->path,
            QUOTED(e->name), (unsigned long long) bits / 8,
            (unsigned long long) (e->end - e->begin));
    return LATTN_OK;
}

static lattn_status take_tensor(const struct parser *p, const char *name, const json_t *j)
{
    struct lat_st_entry e = { .name = lat_arena_strdup(&p->out->names, name) };
    if (!e.name)
        return LATTN_ERR_HOST_MEMORY;
    LAT_TRY(check_fields(p, name, j));
    LAT_TRY(take_dtype(p, &e, json_object_get(j, "dtype")));
    LAT_TRY(take_shape(p, &e, json_object_get(j, "shape")));
    LAT_TRY(take_offsets(p, &e, json_object_get(j, "data_offsets")));
    LAT_TRY(check_size(p, &e));
    return LAT_PUSH(p->out, e);
}

static lattn_status take_metadata(const struct parser *p, json_t *j)
{
    const char *key;
    json_t *value;
    if (!json_is_object(j))
        return lat_err(LATTN_ERR_FORMAT, "%s: \"__metadata__\" is no object", p->path);
    json_object_foreach(j, key, value)
    {
        if (!json_is_string(value))
            return lat_err(LATTN_ERR_FORMAT, "%s: \"%s\" of \"__metadata__\" is no text", p->path,
                QUOTED(key));
    }
    p->out->metadata = json_incref(j);
    return LATTN_OK;
}

static int by_offset(const void *a, const void *b)
{
    const struct lat_st_entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static int by_name(const void *a, const void *b)
{
    const struct lat_st_entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

// The data must be exactly the tensors, one behind the other.
static lattn_status check_layout(const struct parser *p)
{
    struct lat_st_header *h = p->out;
    uint64_t at = 0;
    if (h->n)
        qsort(h->items, h->n, sizeof *h->items, by_offset);
    for (size_t i = 0; i < h->n; i++) {
        const struct lat_st_entry *e = &h->items[i];
        if (e->begin != at)
            return lat_err(LATTN_ERR_FORMAT, "%s: tensor \"%s\" begins at %llu, %s %llu", p->path,
                QUOTED(e->name), (unsigned long long) e->begin,
                e->begin < at ? "inside the one before it, which ends at" : "leaving a hole behind",
                (unsigned long long) at);
        at = e->end;
    }
    if (at != p->data_bytes)
        return lat_err(LATTN_ERR_FORMAT,
            "%s: the tensors end at %llu, the file has %llu bytes of data", p->path,
            (unsigned long long) at, (unsigned long long) p->data_bytes);
    if (h->n)
        qsort(h->items, h->n, sizeof *h->items, by_name);
    return LATTN_OK;
}

// JSON allows any blank behind the object, safetensors only spaces.
static lattn_status check_ends(const char *path, const char *text, size_t bytes)
{
    while (bytes > 0 && text[bytes - 1] == ' ')
        bytes--;
    if (bytes == 0 || text[0] != '{')
        return lat_err(LATTN_ERR_FORMAT, "%s: the header does not begin with {", path);
    if (text[bytes - 1] != '}')
        return lat_err(
            LATTN_ERR_FORMAT, "%s: the header does not end with }, padded with spaces only", path);
    return LATTN_OK;
}

lattn_status lat_st_parse(const char *path, const char *text, size_t bytes, uint64_t data_bytes,
    struct lat_st_header *out)
{
    *out = (struct lat_st_header){ 0 };
    LAT_TRY(check_ends(path, text, bytes));
    json_t *root;
    LAT_TRY(lat_json_parse(path, text, bytes, &root));

    struct parser p = { path, data_bytes, out };
    lattn_status st = LATTN_OK;
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value)
    {
        st = strcmp(name, "__metadata__") ? take_tensor(&p, name, value) : take_metadata(&p, value);
        if (st)
            break;
    }
    json_decref(root);
    return st ? st : check_layout(&p);
}

void lat_st_header_free(struct lat_st_header *h)
{
    lat_free(h->items);
    lat_arena_destroy(&h->names);
    json_decref(h->metadata);
    *h = (struct lat_st_header){ 0 };
}
