// SPDX-License-Identifier: MIT
//
// A folder of pictures, one class per sub-folder; or single ones. What is kept are the paths, in sorted order, so
// that ids and rows do not depend on the order in which the file system lists them; the
// pictures are decoded when they are needed.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"
#include "data/dataset.h"
#include "image/image.h"

struct names {
    char **items;
    size_t n, capacity;
};

struct opener {
    const char *dir;
    const lattn_folder_params *params;
    lattn_dataset *d;
    struct names classes, files;  // of the folder at hand
    struct lat_str listed;        // for the hash: paths and sizes
};

static lattn_status add_name(void *user, const char *name)
{
    struct names *names = user;
    if (*name == '.')
        return LATTN_OK;
    char *copy = lat_strdup(name);
    if (!copy || LAT_PUSH(names, copy)) {
        lat_free(copy);
        return LATTN_ERR_HOST_MEMORY;
    }
    return LATTN_OK;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

static void clear(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        lat_free(names->items[i]);
    names->n = 0;
}

static lattn_status list(const char *dir, struct names *out)
{
    clear(out);
    LAT_TRY(lat_dir_each(dir, add_name, out));
    if (out->n)
        qsort(out->items, out->n, sizeof *out->items, by_bytes);
    return LATTN_OK;
}

// In the C locale's letters only: the endings are ASCII.
static bool is_picture(const char *name)
{
    static const char *const endings[] = { "jpg", "jpeg", "png", "bmp", "ppm", "pgm", "pnm" };
    const char *dot = strrchr(name, '.');
    char ending[8] = { 0 };
    if (!dot || strlen(dot + 1) >= sizeof ending)
        return false;
    for (size_t i = 0; dot[1 + i]; i++)
        ending[i] = (char) (dot[1 + i] >= 'A' && dot[1 + i] <= 'Z' ? dot[1 + i] + 32 : dot[1 + i]);
    for (size_t i = 0; i < LAT_COUNT(endings); i++)
        if (!strcmp(ending, endings[i]))
            return true;
    return false;
}

// in_hash is what of the path does not change when the whole is moved.
static lattn_status add_path(struct opener *o, const char *path, const char *in_hash, int32_t label)
{
    struct lat_file *f;
    LAT_TRY(lat_file_open(path, &f));
    lat_str_addf(&o->listed, "%s %llu\n", in_hash, (unsigned long long) lat_file_size(f));
    o->d->stats.file_bytes += lat_file_size(f);
    LAT_TRY(lat_file_close(&f));
    struct lat_data_row row = { .text = o->d->pool.n, .text_bytes = strlen(path), .label = label };
    lat_str_addn(&o->d->pool, path, row.text_bytes + 1);
    LAT_TRY(o->listed.status);
    LAT_TRY(o->d->pool.status);
    return LAT_PUSH(&o->d->rows, row);
}

static lattn_status add_file(struct opener *o, const char *dir, const char *name, int32_t label)
{
    char *path = lat_path_join(dir, name);
    lattn_status st =
        path ? add_path(o, path, path + strlen(o->dir), label) : LATTN_ERR_HOST_MEMORY;
    lat_free(path);
    return st;
}

static lattn_status add_files(struct opener *o, const char *dir, int32_t label)
{
    size_t before = o->d->rows.n;
    LAT_TRY(list(dir, &o->files));
    for (size_t i = 0; i < o->files.n; i++) {
        if (is_picture(o->files.items[i]))
            LAT_TRY(add_file(o, dir, o->files.items[i], label));
        else
            o->d->stats.n_skipped++;
    }
    if (o->d->rows.n == before)
        return lat_err(LATTN_ERR_FORMAT, "%s has no pictures (%zu other files)", dir, o->files.n);
    return LATTN_OK;
}

static lattn_status add_class(struct opener *o, const char *name, size_t *n_classes)
{
    char *dir = lat_path_join(o->dir, name);
    if (!dir)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st = LATTN_OK;
    int32_t label;
    if (!lat_path_is_dir(dir)) {
        o->d->stats.n_skipped++;
    } else {
        ++*n_classes;
        st = lat_labels_id(&o->d->labels, o->params->n_labels > 0, name, strlen(name), &label);
        if (st == LATTN_ERR_FORMAT)
            lat_err_prefix("%s: ", o->dir);
        if (!st)
            st = add_files(o, dir, label);
    }
    lat_free(dir);
    return st;
}

static lattn_status add_classes(struct opener *o)
{
    size_t n_classes = 0;
    LAT_TRY(list(o->dir, &o->classes));
    for (size_t i = 0; i < o->classes.n; i++)
        LAT_TRY(add_class(o, o->classes.items[i], &n_classes));
    if (n_classes == 0)
        return lat_err(LATTN_ERR_FORMAT, "%s has no sub-folders; each class needs one", o->dir);
    o->d->has_labels = true;
    lat_dataset_warn_one_class(o->dir, o->d);
    return LATTN_OK;
}

// ---- leaving out what cannot be decoded -------------------------------------------------------

struct checker {
    lattn_dataset *d;
    size_t first, step;
    bool *bad;
    struct lat_thread *thread;
    lattn_status status;  // memory only
    char error[512];      // of the first bad one
};

static void check_files(void *arg)
{
    struct checker *c = arg;
    for (size_t i = c->first; i < c->d->rows.n && !c->status; i += c->step) {
        lattn_image image;
        lattn_status st = lattn_dataset_image(c->d, (int64_t) i, &image);
        lattn_image_free(&image);
        c->bad[i] = st != LATTN_OK;
        if (st == LATTN_ERR_HOST_MEMORY)
            c->status = st;
        if (st && !*c->error)
            snprintf(c->error, sizeof c->error, "%s", lat_err_text());
    }
}

static lattn_status check_in_threads(struct checker *workers, size_t n)
{
    lattn_status st = LATTN_OK;
    for (size_t i = 0; i < n && !st; i++)
        st = lat_thread_start(check_files, &workers[i], &workers[i].thread);
    for (size_t i = 0; i < n; i++)
        lat_thread_join(&workers[i].thread);
    for (size_t i = 0; i < n && !st; i++)
        if (workers[i].status)
            st = lat_err(workers[i].status, "%s", workers[i].error);
    return st;
}

static void drop_bad(lattn_dataset *d, const bool *bad)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->rows.n; i++) {
        d->stats.n_bad += bad[i];
        if (!bad[i])
            d->rows.items[kept++] = d->rows.items[i];
    }
    d->rows.n = kept;
}

static lattn_status skip_bad(const char *dir, lattn_dataset *d)
{
    enum { MAX_WORKERS = 64 };
    struct checker workers[MAX_WORKERS] = { { 0 } };
    size_t n = (size_t) LAT_MIN(lat_cpu_count(), MAX_WORKERS);
    bool *bad = lat_calloc(d->rows.n, sizeof *bad);
    if (!bad)
        return LATTN_ERR_HOST_MEMORY;
    for (size_t i = 0; i < n; i++)
        workers[i] = (struct checker){ .d = d, .first = i, .step = n, .bad = bad };
    lattn_status st = check_in_threads(workers, n);
    const char *example = "";
    for (size_t i = 0; i < n && !*example; i++)
        example = workers[i].error;
    if (!st)
        drop_bad(d, bad);
    lat_free(bad);
    LAT_TRY(st);
    if (d->rows.n == 0)
        return lat_err(LATTN_ERR_FORMAT, "%s: no picture can be decoded: %s", dir, example);
    if (d->stats.n_bad)
        lat_log(LATTN_LOG_WARN, "%s: %lld pictures cannot be decoded and are left out, one is %s",
            dir, (long long) d->stats.n_bad, example);
    return LATTN_OK;
}

// ---- opening ----------------------------------------------------------------------------------

static lattn_status set_image(lattn_dataset *d, const lattn_image_params *params)
{
    LAT_TRY(lat_image_params(params, &d->image));
    if (d->image.channels == 0)
        d->image.channels = 3;
    d->C = d->image.channels;
    return LATTN_OK;
}

static lattn_status open_folder(struct opener *o)
{
    lattn_dataset *d = o->d;
    const lattn_folder_params *p = o->params;
    LAT_TRY(set_image(d, &p->image));
    LAT_TRY(lat_labels_given(&d->labels, p->labels, p->n_labels));
    LAT_TRY(p->no_labels ? add_files(o, o->dir, -1) : add_classes(o));
    d->stats.hash = lat_hash(o->listed.items, o->listed.n);
    if (d->stats.n_skipped)
        lat_log(LATTN_LOG_WARN, "%s: %lld files are no pictures by their names", o->dir,
            (long long) d->stats.n_skipped);
    return p->skip_bad ? skip_bad(o->dir, d) : LATTN_OK;
}

lattn_status lattn_folder_open(
    const char *dir, const lattn_folder_params *params, lattn_dataset **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(dir);
    const lattn_folder_params p = params ? *params : (lattn_folder_params){ 0 };
    struct opener o = { .dir = dir, .params = &p };
    LAT_TRY(lat_dataset_create(LAT_DATA_FILES, 0, &o.d));
    lattn_status st = open_folder(&o);
    clear(&o.classes);
    clear(&o.files);
    lat_free(o.classes.items);
    lat_free(o.files.items);
    lat_str_free(&o.listed);
    if (st)
        lattn_dataset_close(&o.d);
    *out = o.d;
    return st;
}

static lattn_status open_paths(struct opener *o, const char *const *paths, int32_t n_paths)
{
    for (int32_t i = 0; i < n_paths; i++)
        LAT_TRY(add_path(o, paths[i], paths[i], -1));
    o->d->stats.hash = lat_hash(o->listed.items, o->listed.n);
    return LATTN_OK;
}

lattn_status lattn_pictures_open(const char *const *paths, int32_t n_paths,
    const lattn_image_params *params, lattn_dataset **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARRAY(paths, n_paths);
    for (int32_t i = 0; i < n_paths; i++)
        LAT_CHECK_ARG(paths[i]);
    struct opener o = { 0 };
    if (n_paths < 1)
        return lat_err(LATTN_ERR_ARG, "pictures: %d paths", n_paths);
    LAT_TRY(lat_dataset_create(LAT_DATA_FILES, 0, &o.d));
    lattn_status st = set_image(o.d, params);
    if (!st)
        st = open_paths(&o, paths, n_paths);
    lat_str_free(&o.listed);
    if (st)
        lattn_dataset_close(&o.d);
    *out = o.d;
    return st;
}
