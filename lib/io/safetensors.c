// SPDX-License-Identifier: MIT
//
// Opens safetensors: one file, the shards of an index, or what a model folder has.
//
// The files stay open and are read by position (base/file.h): a file that is cut or
// replaced while it is in use gives an error, where a memory mapping would kill the
// process.

#include <stdlib.h>
#include <string.h>
#include "io/safetensors.h"

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && !strcmp(s + n - m, end);
}

// PyTorch's own formats are pickles, inside a zip file since version 1.6. Lengths of headers, 640 among them,
// begin with the same bytes; the brace behind them tells.
static lattn_status refuse_pickle(const char *path, const unsigned char *first, size_t n)
{
    bool zip = n >= 4 && !memcmp(first, "PK\x03\x04", 4);
    bool pickle = n >= 2 && first[0] == 0x80 && first[1] >= 2 && first[1] <= 5;
    if ((!zip && !pickle) || (n > 8 && first[8] == '{'))
        return LATTN_OK;
    return lat_err(LATTN_ERR_FORMAT,
        "%s is a PyTorch pickle, which can run code and is not read; convert it in Python: "
        "safetensors.torch.save_file(torch.load(\"%s\", weights_only=True), \"model.safetensors\")",
        path, path);
}

static lattn_status read_header(struct lat_st_file *f, struct lat_st_header *h)
{
    const char *path = lat_file_path(f->file);
    uint64_t size = lat_file_size(f->file);
    unsigned char first[9] = { 0 };
    size_t n_first = (size_t) LAT_MIN(size, (uint64_t) sizeof first);
    LAT_TRY(lat_file_pread(f->file, 0, first, n_first));
    LAT_TRY(refuse_pickle(path, first, n_first));
    uint64_t n;
    LAT_TRY(lat_st_header_bytes(path, first, size, &n));

    char *text = lat_alloc((size_t) n);
    if (!text)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st = lat_file_pread(f->file, 8, text, (size_t) n);
    if (!st)
        st = lat_st_parse(path, text, (size_t) n, size - 8 - n, h);
    f->data_start = 8 + n;
    lat_free(text);
    return st;
}

lattn_status lat_st_add_file(struct lattn_safetensors *s, const char *path)
{
    struct lat_st_file f = { 0 };
    struct lat_st_header h = { 0 };
    lattn_status st;
    LAT_GO(lat_file_open(path, &f.file));
    LAT_GO(read_header(&f, &h));
    LAT_GO(LAT_RESERVE(&s->entries, s->entries.n + h.n));
    LAT_GO(LAT_RESERVE(&s->files, s->files.n + 1));
    for (size_t i = 0; i < h.n; i++) {
        struct lat_st_entry e = h.items[i];
        e.file = s->files.n;
        e.name = lat_arena_strdup(&s->names, e.name);
        if (!e.name) {
            st = LATTN_ERR_HOST_MEMORY;
            goto done;
        }
        s->entries.items[s->entries.n++] = e;
    }
    if (s->files.n == 0)
        s->metadata = json_incref(h.metadata);
    s->files.items[s->files.n++] = f;
    f.file = NULL;
done:
    lat_st_header_free(&h);
    lattn_status closed = lat_file_close(&f.file);
    return st ? st : closed;
}

static lattn_status add_folder(struct lattn_safetensors *s, const char *dir)
{
    static const char *const names[] = { "model.safetensors", "model.safetensors.index.json",
        "pytorch_model.bin", "pytorch_model.bin.index.json" };
    size_t found = LAT_COUNT(names);
    char *path = NULL;
    for (size_t i = 0; i < LAT_COUNT(names) && !path; i++) {
        path = lat_path_join(dir, names[i]);
        if (!path)
            return LATTN_ERR_HOST_MEMORY;
        if (lat_path_exists(path)) {
            found = i;
        } else {
            lat_free(path);
            path = NULL;
        }
    }
    lattn_status st;
    if (found == 0)
        st = lat_st_add_file(s, path);
    else if (found == 1)
        st = lat_st_add_index(s, path);
    else if (found < LAT_COUNT(names))
        st = lat_err(LATTN_ERR_FORMAT,
            "%s has only %s, a PyTorch pickle, which can run code and is not read; convert it in "
            "Python: AutoModel.from_pretrained(\"%s\").save_pretrained(NEW_FOLDER)",
            dir, names[found], dir);
    else
        st = lat_err(LATTN_ERR_IO, "folder %s has neither %s nor %s", dir, names[0], names[1]);
    lat_free(path);
    return st;
}

static int by_name(const void *a, const void *b)
{
    const struct lat_st_entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

// Only shards can bring a name twice; within one file the parser has refused it.
static lattn_status sort_entries(struct lattn_safetensors *s)
{
    if (s->entries.n == 0)
        return LATTN_OK;
    qsort(s->entries.items, s->entries.n, sizeof *s->entries.items, by_name);
    for (size_t i = 1; i < s->entries.n; i++) {
        const struct lat_st_entry *a = &s->entries.items[i - 1], *b = &s->entries.items[i];
        if (!strcmp(a->name, b->name))
            return lat_err(LATTN_ERR_FORMAT, "tensor \"%s\" is both in %s and in %s",
                lat_quoted(a->name, (char[100]){ 0 }, 100),
                lat_file_path(s->files.items[a->file].file),
                lat_file_path(s->files.items[b->file].file));
    }
    return LATTN_OK;
}

lattn_status lattn_safetensors_open(
    const char *path, const lattn_safetensors_params *params, lattn_safetensors **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(path);
    struct lattn_safetensors *s = LAT_NEW(struct lattn_safetensors);
    if (!s)
        return LATTN_ERR_HOST_MEMORY;
    if (params)
        s->params = *params;
    lattn_status st;
    if (lat_path_is_dir(path))
        st = add_folder(s, path);
    else if (ends_with(path, ".index.json"))
        st = lat_st_add_index(s, path);
    else
        st = lat_st_add_file(s, path);
    if (!st)
        st = sort_entries(s);
    if (st)
        lattn_safetensors_close(&s);
    *out = s;
    return st;
}

void lattn_safetensors_close(lattn_safetensors **file)
{
    lattn_safetensors *s = file ? *file : NULL;
    if (!s)
        return;
    *file = NULL;
    for (size_t i = 0; i < s->files.n; i++) {
        lattn_status dropped = lat_file_close(&s->files.items[i].file);
        (void) dropped;  // nothing was written
    }
    lat_free(s->files.items);
    lat_free(s->entries.items);
    lat_arena_destroy(&s->names);
    json_decref(s->metadata);
    lat_free(s);
}

size_t lattn_safetensors_count(const lattn_safetensors *file)
{
    if (!file)
        return 0;
    return file->entries.n;
}

lattn_status lattn_safetensors_get(
    const lattn_safetensors *file, size_t i, lattn_safetensors_entry *out)
{
    LAT_CHECK_ARG(out);
    LAT_CHECK_ARG(file);
    if (i >= file->entries.n)
        return lat_err(LATTN_ERR_ARG, "tensor %zu of %zu", i, file->entries.n);
    const struct lat_st_entry *e = &file->entries.items[i];
    *out = (lattn_safetensors_entry){
        .name = e->name,
        .dtype = e->dtype->name,
        .path = lat_file_path(file->files.items[e->file].file),
        .rank = e->rank,
        .numel = e->numel,
        .bytes = e->end - e->begin,
    };
    memcpy(out->dim, e->dim, sizeof e->dim);
    return LATTN_OK;
}

int64_t lattn_safetensors_find(const lattn_safetensors *file, const char *name)
{
    if (!file || !name)
        return -1;
    struct lat_st_entry key = { .name = name };
    if (file->entries.n == 0)
        return -1;
    const struct lat_st_entry *e =
        bsearch(&key, file->entries.items, file->entries.n, sizeof key, by_name);
    return e ? e - file->entries.items : -1;
}

const char *lattn_safetensors_metadata(const lattn_safetensors *file, const char *key)
{
    if (!file || !key)
        return NULL;
    return json_string_value(json_object_get(file->metadata, key));
}
