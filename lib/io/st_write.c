// SPDX-License-Identifier: MIT
//
// Writes a safetensors file, one tensor at a time.
//
// Tensors are sorted by falling element size, then by name, as the reference
// implementation does: every tensor is then aligned to its element, and the same
// tensors always give the same file. The header is padded with spaces so that the data
// starts at a multiple of 8. "format": "pt" is what transformers asks for.

#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/json.h"
#include "io/st_write.h"

#define QUOTED(name) lat_quoted(name, (char[100]){ 0 }, 100)

static const char *const dtype_names[] = {
#define XX(code, bytes, st, name) [LATTN_DTYPE_##code] = st,
    LATTN_DTYPE_MAP(XX)
#undef XX
};

static uint64_t bytes_of(const struct lat_st_source *s)
{
    uint64_t n = lattn_dtype_bytes(s->dtype);
    for (int d = 0; d < s->rank; d++)
        n *= (uint64_t) s->dims[d];
    return n;
}

static lattn_status check_source(const char *path, const struct lat_st_source *s)
{
    if (!s->name)
        return lat_err(LATTN_ERR_ARG, "%s: a tensor without a name", path);
    if (!strcmp(s->name, "__metadata__"))
        return lat_err(LATTN_ERR_ARG, "%s: \"__metadata__\" cannot name a tensor", path);
    for (size_t i = 0, n = strlen(s->name), len; i < n; i += len) {
        len = lat_utf8_length(s->name + i, n - i);
        if (len == 0)
            return lat_err(
                LATTN_ERR_ARG, "%s: tensor name \"%s\" is not UTF-8", path, QUOTED(s->name));
    }
    if ((unsigned) s->dtype >= LATTN_DTYPE_COUNT || s->rank < 0 || s->rank > LATTN_MAX_RANK)
        return lat_err(LATTN_ERR_ARG, "%s: tensor \"%s\" has dtype %d and rank %d", path,
            QUOTED(s->name), (int) s->dtype, s->rank);
    uint64_t left = INT64_MAX / lattn_dtype_bytes(s->dtype);
    for (int d = 0; d < s->rank; d++) {
        if (s->dims[d] < 0 || (s->dims[d] > 0 && (uint64_t) s->dims[d] > left))
            return lat_err(LATTN_ERR_ARG, "%s: tensor \"%s\": size %d is %lld", path,
                QUOTED(s->name), d, (long long) s->dims[d]);
        left = s->dims[d] ? left / (uint64_t) s->dims[d] : left;
    }
    return LATTN_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct lat_st_source *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int by_size_and_name(const void *a, const void *b)
{
    const struct lat_st_source *x = a, *y = b;
    size_t n = lattn_dtype_bytes(x->dtype), m = lattn_dtype_bytes(y->dtype);
    if (n != m)
        return n > m ? -1 : 1;
    return strcmp(x->name, y->name);
}

static lattn_status sort_sources(const char *path, struct lat_st_source *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        LAT_TRY(check_source(path, &s[i]));
    if (n == 0)
        return LATTN_OK;
    qsort(s, n, sizeof *s, by_name);
    for (size_t i = 1; i < n; i++)
        if (!strcmp(s[i - 1].name, s[i].name))
            return lat_err(
                LATTN_ERR_ARG, "%s: two tensors are named \"%s\"", path, QUOTED(s[i].name));
    qsort(s, n, sizeof *s, by_size_and_name);
    return LATTN_OK;
}

static void add_entry(struct lat_str *h, const struct lat_st_source *s, uint64_t begin)
{
    lat_str_add(h, ",");
    lat_json_add_escaped(h, s->name, strlen(s->name));
    lat_str_addf(h, ":{\"dtype\":\"%s\",\"shape\":[", dtype_names[s->dtype]);
    for (int d = 0; d < s->rank; d++)
        lat_str_addf(h, "%s%lld", d ? "," : "", (long long) s->dims[d]);
    lat_str_addf(h, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long) begin,
        (unsigned long long) (begin + bytes_of(s)));
}

static lattn_status write_header(
    struct lat_file *f, const char *path, const struct lat_st_source *s, size_t n)
{
    struct lat_str h = { 0 };
    lat_str_add(&h, "12345678{\"__metadata__\":{\"format\":\"pt\"}");
    uint64_t at = 0;
    for (size_t i = 0; i < n; i++) {
        add_entry(&h, &s[i], at);
        at += bytes_of(&s[i]);
    }
    lat_str_add(&h, "}");
    while (!h.status && h.n % 8)
        lat_str_add(&h, " ");
    lattn_status st = h.status;
    if (!st && h.n - 8 > 100000000u)
        st = lat_err(LATTN_ERR_ARG,
            "%s: %zu tensors make a header of %zu bytes, which no reader accepts", path, n,
            h.n - 8);
    if (!st) {
        for (int i = 0; i < 8; i++)
            h.items[i] = (char) ((uint64_t) (h.n - 8) >> (8 * i) & 0xFF);
        st = lat_file_write(f, h.items, h.n);
    }
    lat_str_free(&h);
    return st;
}

static lattn_status write_data(struct lat_file *f, const struct lat_st_source *s, size_t n,
    lat_st_fetch fetch, bool needs_buffer)
{
    uint64_t largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = LAT_MAX(largest, bytes_of(&s[i]));
    if (largest > SIZE_MAX)
        return lat_err(LATTN_ERR_HOST_MEMORY, "a tensor of %llu bytes does not fit into memory",
            (unsigned long long) largest);
    void *buffer = needs_buffer ? lat_alloc((size_t) largest) : NULL;
    lattn_status st = needs_buffer && !buffer ? LATTN_ERR_HOST_MEMORY : LATTN_OK;
    for (size_t i = 0; i < n && !st; i++) {
        const void *data = NULL;
        size_t bytes = (size_t) bytes_of(&s[i]);
        if (bytes == 0)
            continue;
        st = fetch(&s[i], buffer, bytes, &data);
        if (!st)
            st = lat_file_write(f, data, bytes);
    }
    lat_free(buffer);
    return st;
}

lattn_status lat_st_write(const char *path, struct lat_st_source *sources, size_t n,
    lat_st_fetch fetch, bool needs_buffer)
{
    LAT_TRY(sort_sources(path, sources, n));
    struct lat_file *f;
    LAT_TRY(lat_file_replace_begin(path, &f));
    lattn_status st = write_header(f, path, sources, n);
    if (!st)
        st = write_data(f, sources, n, fetch, needs_buffer);
    if (!st)
        return lat_file_replace_commit(&f);
    lat_file_replace_abort(&f);
    return st;
}

static lattn_status lend_array(
    const struct lat_st_source *source, void *buffer, size_t bytes, const void **data)
{
    (void) buffer;
    *data = ((const lattn_named_array *) source->item)->data;
    if (*data)
        return LATTN_OK;
    return lat_err(LATTN_ERR_ARG,
        "lattn_safetensors_save_arrays: data of \"%s\" is NULL for %zu bytes", source->name, bytes);
}

lattn_status lattn_safetensors_save_arrays(
    const char *path, const lattn_named_array *items, size_t n)
{
    LAT_CHECK_ARG(path);
    LAT_CHECK_ARRAY(items, n);
    for (size_t i = 0; i < n; i++)
        LAT_CHECK_ARRAY(items[i].dims, items[i].rank);
    struct lat_st_source *sources = lat_calloc(n, sizeof *sources);
    if (!sources)
        return LATTN_ERR_HOST_MEMORY;
    for (size_t i = 0; i < n; i++)
        sources[i] = (struct lat_st_source){ items[i].name, items[i].dtype, items[i].rank,
            items[i].dims, &items[i] };
    lattn_status st = lat_st_write(path, sources, n, lend_array, false);
    lat_free(sources);
    return st;
}
