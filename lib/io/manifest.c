// SPDX-License-Identifier: MIT
//
// The manifest makes a folder all or nothing: it is written last, so its presence says
// that everything before it is on disk, and its sizes and hashes say whether that is
// still so. XXH3 finds torn writes and rotten disks, not forgery; a checkpoint is as
// trusted as the folder it lies in.

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "io/manifest.h"

enum { READ_BYTES = 1 << 20, MAX_MANIFEST_BYTES = 64 << 20 };

#define QUOTED(name) lat_quoted(name, (char[100]){ 0 }, 100)

struct names {
    char **items;  // relative to the checkpoint folder
    size_t n, capacity;
};

static void free_names(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        lat_free(names->items[i]);
    lat_free(names->items);
}

struct walk {
    const char *root;
    const char *below;  // folder being listed, relative to root; "" = root itself
    struct names *files, *folders;
};

static lattn_status add_entry(void *user, const char *name)
{
    struct walk *w = user;
    struct names *list = w->files;
    char *relative = *w->below ? lat_path_join(w->below, name) : lat_strdup(name);
    char *path = relative ? lat_path_join(w->root, relative) : NULL;
    lattn_status st = path ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    if (!st && lat_path_is_dir(path))
        list = w->folders;
    if (!st && !strcmp(relative, LAT_MANIFEST_NAME))
        st = lat_err(LATTN_ERR_STATE, "%s is there already", path);
    if (!st)
        st = LAT_PUSH(list, relative);
    if (st)
        lat_free(relative);
    lat_free(path);
    return st;
}

// Lists files and folders at every depth; the folders found are walked in turn.
static lattn_status list_tree(const char *root, struct names *files, struct names *folders)
{
    struct walk w = { .root = root, .below = "", .files = files, .folders = folders };
    LAT_TRY(lat_dir_each(root, add_entry, &w));
    for (size_t i = 0; i < folders->n; i++) {
        char *path = lat_path_join(root, folders->items[i]);
        if (!path)
            return LATTN_ERR_HOST_MEMORY;
        w.below = folders->items[i];
        lattn_status st = lat_dir_each(path, add_entry, &w);
        lat_free(path);
        if (st)
            return st;
    }
    return LATTN_OK;
}

static lattn_status hash_file(struct lat_file *f, uint64_t *hash)
{
    struct lat_hasher *h = lat_hasher_create();
    char *buffer = lat_alloc(READ_BYTES);
    lattn_status st = h && buffer ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    uint64_t size = lat_file_size(f);
    for (uint64_t at = 0; at < size && !st; at += READ_BYTES) {
        size_t n = (size_t) LAT_MIN(size - at, (uint64_t) READ_BYTES);
        st = lat_file_pread(f, at, buffer, n);
        if (!st)
            lat_hasher_add(h, buffer, n);
    }
    if (h)
        *hash = lat_hasher_end(&h);
    lat_free(buffer);
    return st;
}

static lattn_status hash_path(
    const char *dir, const char *name, bool sync, uint64_t *bytes, uint64_t *hash)
{
    struct lat_file *f = NULL;
    char *path = lat_path_join(dir, name);
    lattn_status st = path ? lat_file_open(path, &f) : LATTN_ERR_HOST_MEMORY;
    if (!st && sync)
        st = lat_file_sync(f);
    if (!st) {
        *bytes = lat_file_size(f);
        st = hash_file(f, hash);
    }
    lattn_status closed = lat_file_close(&f);
    lat_free(path);
    return st ? st : closed;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

static lattn_status describe_files(const char *dir, const struct names *files, json_t *list)
{
    for (size_t i = 0; i < files->n; i++) {
        uint64_t bytes, hash;
        char text[17];
        LAT_TRY(hash_path(dir, files->items[i], true, &bytes, &hash));
        snprintf(text, sizeof text, "%016" PRIx64, hash);
        json_t *entry = json_pack(
            "{s:s, s:I, s:s}", "name", files->items[i], "bytes", (json_int_t) bytes, "xxh3", text);
        if (json_array_append_new(list, entry))
            return lat_err(LATTN_ERR_HOST_MEMORY, "cannot list %s in %s: no memory, or no UTF-8",
                QUOTED(files->items[i]), dir);
    }
    return LATTN_OK;
}

lattn_status lat_manifest_write(const char *dir, int64_t step)
{
    struct names files = { 0 }, folders = { 0 };
    json_t *list = json_array();
    json_t *root = json_pack("{s:s, s:i, s:I, s:s, s:o*}", "format", "lattn-checkpoint", "version",
        1, "step", (json_int_t) step, "written_by", lattn_version(), "files", list);
    char *path = lat_path_join(dir, LAT_MANIFEST_NAME);
    lattn_status st = root && list && path ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    if (st)
        goto done;
    LAT_GO(list_tree(dir, &files, &folders));
    if (files.n)
        qsort(files.items, files.n, sizeof *files.items, by_text);
    LAT_GO(describe_files(dir, &files, list));
    for (size_t i = 0; i < folders.n && !st; i++) {
        char *folder = lat_path_join(dir, folders.items[i]);
        st = folder ? lat_dir_sync(folder) : LATTN_ERR_HOST_MEMORY;
        lat_free(folder);
    }
    if (!st)
        st = lat_json_save(path, root);
done:
    lat_free(path);
    json_decref(root);
    free_names(&files);
    free_names(&folders);
    return st;
}

// One path below dir: no absolute path, no way up, no control over what is read.
static bool is_plain_name(const char *name)
{
    if (!*name || *name == '/')
        return false;
    for (const char *part = name; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        size_t n = strcspn(part, "/");
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && !memcmp(part, "..", 2)))
            return false;
    }
    return true;
}

static lattn_status verify_file(const char *dir, const char *what, const json_t *entry)
{
    const char *name, *xxh3;
    int64_t expected;
    LAT_TRY(lat_json_str(what, entry, "name", true, &name));
    LAT_TRY(lat_json_int(what, entry, "bytes", true, 0, INT64_MAX, &expected));
    LAT_TRY(lat_json_str(what, entry, "xxh3", true, &xxh3));
    if (!is_plain_name(name))
        return lat_err(
            LATTN_ERR_FORMAT, "%s: \"%s\" is no file below the folder", what, QUOTED(name));

    uint64_t bytes, hash;
    char text[17];
    lattn_status st = hash_path(dir, name, false, &bytes, &hash);
    if (st == LATTN_ERR_HOST_MEMORY)
        return st;
    if (st) {
        lat_err_prefix("%s is not complete: ", dir);
        return LATTN_ERR_FORMAT;
    }
    if (bytes != (uint64_t) expected)
        return lat_err(LATTN_ERR_FORMAT, "%s is not complete: %s has %llu bytes, expected %lld",
            dir, QUOTED(name), (unsigned long long) bytes, (long long) expected);
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    if (strcmp(text, xxh3))
        return lat_err(LATTN_ERR_FORMAT,
            "%s is damaged: the content of %s has changed since it was written", dir, QUOTED(name));
    return LATTN_OK;
}

lattn_status lat_manifest_verify(const char *dir, int64_t *step)
{
    char *path = lat_path_join(dir, LAT_MANIFEST_NAME);
    if (!path)
        return LATTN_ERR_HOST_MEMORY;
    json_t *root = NULL;
    lattn_status st;
    const char *format = NULL;
    int64_t version, told;
    if (!lat_path_exists(path)) {
        st = lat_err(
            LATTN_ERR_FORMAT, "%s is no complete checkpoint: it has no %s", dir, LAT_MANIFEST_NAME);
        goto done;
    }
    LAT_GO(lat_json_load(path, MAX_MANIFEST_BYTES, &root));
    LAT_GO(lat_json_str(path, root, "format", true, &format));
    if (strcmp(format, "lattn-checkpoint")) {
        st = lat_err(LATTN_ERR_FORMAT, "%s: \"format\" is \"%s\", expected \"lattn-checkpoint\"",
            path, QUOTED(format));
        goto done;
    }
    LAT_GO(lat_json_int(path, root, "version", true, 1, 1, &version));
    LAT_GO(lat_json_int(path, root, "step", true, 0, INT64_MAX, &told));
    const json_t *list = json_object_get(root, "files");
    if (!json_is_array(list)) {
        st = lat_err(LATTN_ERR_FORMAT, "%s: \"files\" is missing or no list", path);
        goto done;
    }
    for (size_t i = 0; i < json_array_size(list); i++)
        LAT_GO(verify_file(dir, path, json_array_get(list, i)));
    if (step)
        *step = told;
done:
    json_decref(root);
    lat_free(path);
    return st;
}
