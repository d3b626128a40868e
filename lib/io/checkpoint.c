// SPDX-License-Identifier: MIT
//
// Checkpoint folders that are there completely or not at all.
//
//     dir/.tmp-checkpoint-<step>   being written
//     dir/checkpoint-<step>        complete
//     dir/.tmp-old-...             on its way out
//
// Order of a commit: files on disk, manifest on disk, folder on disk, rename, parent on
// disk. A power cut leaves the temporary folder or the finished one. Replacing a
// checkpoint of the same step takes two renames; should the power go between them, clean
// puts the old one back.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "io/manifest.h"
#include "lattn/io.h"

#define PREFIX "checkpoint-"
#define TMP_PREFIX ".tmp-"
#define OLD_PREFIX ".tmp-old-"

struct lattn_checkpoint {
    int64_t step;
    char *dir;  // output folder
    char *tmp;  // dir/.tmp-checkpoint-<step>
};

// dir/<prefix>checkpoint-<step>; NULL = out of memory.
static char *folder_of(const char *dir, const char *prefix, int64_t step)
{
    struct lat_str s = { 0 };
    lat_str_addf(&s, "%s/%s" PREFIX "%" PRId64, dir, prefix, step);
    if (s.status)
        lat_str_free(&s);
    return s.items;
}

// The step in a name that is exactly checkpoint-<step>; -1 for any other name.
static int64_t step_of(const char *name)
{
    int64_t step;
    size_t n = strlen(PREFIX);
    if (strncmp(name, PREFIX, n) || !lat_parse_i64(name + n, &step) || step < 0)
        return -1;
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, step);
    return strcmp(text, name + n) ? -1 : step;
}

// Cleaning up behind an error, whose sentence stays; the next lattn_checkpoint_clean tries again.
static void drop_folder(const lattn_checkpoint *c)
{
    char why[1024];
    snprintf(why, sizeof why, "%s", lat_err_text());
    if (lat_dir_remove_all(c->tmp))
        lat_log(LATTN_LOG_WARN, "%s", lat_err_text());
    (void) lat_err(LATTN_OK, "%s", why);
}

static void free_checkpoint(lattn_checkpoint **c)
{
    lat_free((*c)->dir);
    lat_free((*c)->tmp);
    lat_free(*c);
    *c = NULL;
}

lattn_status lattn_checkpoint_begin(const char *dir, int64_t step, lattn_checkpoint **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(dir);
    if (step < 0)
        return lat_err(LATTN_ERR_ARG, "a checkpoint of step %" PRId64, step);
    LAT_TRY(lat_dir_create(dir));
    lattn_checkpoint *c = LAT_NEW(lattn_checkpoint);
    if (!c)
        return LATTN_ERR_HOST_MEMORY;
    c->step = step;
    c->dir = lat_strdup(dir);
    c->tmp = folder_of(dir, TMP_PREFIX, step);
    lattn_status st = c->dir && c->tmp ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = lat_dir_remove_all(c->tmp);
    if (!st) {
        st = lat_dir_create(c->tmp);
        if (st)
            drop_folder(c);  // it may be there all the same: its name could not be synced
    }
    if (st)
        free_checkpoint(&c);
    *out = c;
    return st;
}

const char *lattn_checkpoint_dir(const lattn_checkpoint *c)
{
    if (!c)
        return NULL;
    return c->tmp;
}

// Renames the finished folder into place, moving one of the same step aside first.
static lattn_status publish(const lattn_checkpoint *c)
{
    lattn_status st;
    char *target = folder_of(c->dir, "", c->step);
    char *old = folder_of(c->dir, OLD_PREFIX, c->step);
    if (!target || !old) {
        st = LATTN_ERR_HOST_MEMORY;
        goto done;
    }
    bool replaces = lat_path_exists(target);
    if (replaces) {
        LAT_GO(lat_dir_remove_all(old));
        LAT_GO(lat_rename(target, old));
    }
    st = lat_rename(c->tmp, target);
    if (st) {
        if (replaces && lat_rename(old, target))
            lat_err_prefix("the old checkpoint is now in %s: ", old);
        goto done;
    }
    LAT_GO(lat_dir_sync(c->dir));
    if (replaces)
        st = lat_dir_remove_all(old);
done:
    lat_free(old);
    lat_free(target);
    return st;
}

lattn_status lattn_checkpoint_commit(lattn_checkpoint **c)
{
    LAT_CHECK_ARG(c);
    LAT_CHECK_ARG(*c);
    lattn_status st = lat_manifest_write((*c)->tmp, (*c)->step);
    if (!st)
        st = lat_dir_sync((*c)->tmp);
    if (!st)
        st = publish(*c);
    if (!st) {
        free_checkpoint(c);
        return LATTN_OK;
    }
    lattn_checkpoint_abort(c);
    return st;
}

void lattn_checkpoint_abort(lattn_checkpoint **c)
{
    if (!c || !*c)
        return;
    drop_folder(*c);
    free_checkpoint(c);
}

lattn_status lattn_checkpoint_verify(const char *checkpoint_dir)
{
    LAT_CHECK_ARG(checkpoint_dir);
    return lat_manifest_verify(checkpoint_dir, NULL);
}

struct steps {
    int64_t *items;
    size_t n, capacity;
};

static lattn_status add_step(void *user, const char *name)
{
    struct steps *steps = user;
    int64_t step = step_of(name);
    return step < 0 ? LATTN_OK : LAT_PUSH(steps, step);
}

static int falling(const void *a, const void *b)
{
    int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;
    return x > y ? -1 : x < y;
}

// The steps of all checkpoint folders, highest first. No folder: none.
static lattn_status list_steps(const char *dir, struct steps *steps)
{
    if (!lat_path_exists(dir))
        return LATTN_OK;
    LAT_TRY(lat_dir_each(dir, add_step, steps));
    if (steps->n)
        qsort(steps->items, steps->n, sizeof *steps->items, falling);
    return LATTN_OK;
}

// Complete, and the manifest tells the step that the name tells.
static lattn_status check_folder(const char *path, int64_t step)
{
    int64_t told;
    LAT_TRY(lat_manifest_verify(path, &told));
    if (told != step)
        return lat_err(LATTN_ERR_FORMAT, "%s: the manifest is of step %" PRId64, path, told);
    return LATTN_OK;
}

lattn_status lattn_checkpoint_find(const char *dir, int64_t *step, char *path, size_t path_bytes)
{
    LAT_CHECK_ARG(step);
    *step = -1;
    LAT_CHECK_ARG(dir);
    if (path && path_bytes)
        path[0] = 0;
    struct steps steps = { 0 };
    lattn_status st = list_steps(dir, &steps);
    for (size_t i = 0; i < steps.n && !st && *step < 0; i++) {
        char *candidate = folder_of(dir, "", steps.items[i]);
        if (!candidate) {
            st = LATTN_ERR_HOST_MEMORY;
            break;
        }
        lattn_status found = check_folder(candidate, steps.items[i]);
        if (found == LATTN_ERR_HOST_MEMORY)
            st = found;
        else if (found)
            lat_log(LATTN_LOG_WARN, "skipped: %s", lat_err_text());
        else if (path && strlen(candidate) >= path_bytes)
            st = lat_err(
                LATTN_ERR_ARG, "the path %s does not fit into %zu bytes", candidate, path_bytes);
        else
            *step = steps.items[i];
        if (*step >= 0 && path)
            memcpy(path, candidate, strlen(candidate) + 1);
        lat_free(candidate);
    }
    lat_free(steps.items);
    return st;
}

struct leftovers {
    char **items;
    size_t n, capacity;
};

static lattn_status add_leftover(void *user, const char *name)
{
    struct leftovers *l = user;
    if (strncmp(name, TMP_PREFIX, strlen(TMP_PREFIX)))
        return LATTN_OK;
    char *copy = lat_strdup(name);
    if (!copy || LAT_PUSH(l, copy)) {
        lat_free(copy);
        return LATTN_ERR_HOST_MEMORY;
    }
    return LATTN_OK;
}

// .tmp-old-checkpoint-5 without checkpoint-5 is the only copy of that step: it goes back.
static lattn_status clean_one(const char *dir, const char *name)
{
    lattn_status st;
    char *path = lat_path_join(dir, name);
    char *target = NULL;
    if (!path)
        return LATTN_ERR_HOST_MEMORY;
    size_t n = strlen(OLD_PREFIX);
    if (!strncmp(name, OLD_PREFIX, n) && step_of(name + n) >= 0) {
        target = lat_path_join(dir, name + n);
        st = !target ? LATTN_ERR_HOST_MEMORY : LATTN_OK;
        if (!st && !lat_path_exists(target) && !check_folder(path, step_of(name + n))) {
            st = lat_rename(path, target);
            goto done;
        }
        if (st)
            goto done;
    }
    st = lat_dir_remove_all(path);
done:
    lat_free(target);
    lat_free(path);
    return st;
}

lattn_status lattn_checkpoint_clean(const char *dir)
{
    LAT_CHECK_ARG(dir);
    if (!lat_path_exists(dir))
        return LATTN_OK;
    struct leftovers l = { 0 };
    lattn_status st = lat_dir_each(dir, add_leftover, &l);
    for (size_t i = 0; i < l.n; i++) {
        if (!st)
            st = clean_one(dir, l.items[i]);
        lat_free(l.items[i]);
    }
    lat_free(l.items);
    return st;
}

// Out of sight first, so that a kill in the middle leaves no half checkpoint.
static lattn_status remove_step(const char *dir, int64_t step)
{
    char *path = folder_of(dir, "", step);
    char *gone = folder_of(dir, TMP_PREFIX "gone-", step);
    lattn_status st = path && gone ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = lat_dir_remove_all(gone);
    if (!st)
        st = lat_rename(path, gone);
    if (!st)
        st = lat_dir_remove_all(gone);
    lat_free(gone);
    lat_free(path);
    return st;
}

lattn_status lattn_checkpoint_prune(const char *dir, int keep_last, int64_t keep_step)
{
    LAT_CHECK_ARG(dir);
    if (keep_last < 1)
        return lat_err(LATTN_ERR_ARG, "keep_last is %d, at least 1 checkpoint stays", keep_last);
    struct steps steps = { 0 };
    lattn_status st = list_steps(dir, &steps);
    for (size_t i = (size_t) keep_last; i < steps.n && !st; i++)
        if (steps.items[i] != keep_step)
            st = remove_step(dir, steps.items[i]);
    lat_free(steps.items);
    return st;
}

lattn_status lattn_checkpoint_remove_after(const char *dir, int64_t step)
{
    LAT_CHECK_ARG(dir);
    struct steps steps = { 0 };
    lattn_status st = list_steps(dir, &steps);
    for (size_t i = 0; i < steps.n && !st && steps.items[i] > step; i++)
        st = remove_step(dir, steps.items[i]);
    lat_free(steps.items);
    return st;
}
