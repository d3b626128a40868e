// SPDX-License-Identifier: MIT
//
// Optimiser state on disk: "<parameter>.<moment>" for every moment, "step", and "carry", which has the loss
// scale and the updates done. By name and not by place, so that a state outlives a change of layout.

#include <string.h>
#include "base/alloc.h"
#include "base/str.h"
#include "optim/optim.h"

struct items {
    lattn_named_tensor *list;
    int n;
};

static void free_items(struct items *s)
{
    for (int i = 0; i < s->n; i++) {
        lat_free((void *) s->list[i].name);
        lattn_tensor_release(&s->list[i].tensor);
    }
    lat_free(s->list);
}

static lattn_status add_item(struct items *s, lattn_optim *o, int param, int moment)
{
    struct lat_str name = { 0 };
    lat_str_addf(&name, "%s.%s", o->params[param].name, o->rule->moment_names[moment]);
    if (name.status)
        return name.status;
    lattn_named_tensor *item = &s->list[s->n++];
    *item = (lattn_named_tensor){ .name = name.items };
    return lat_flat_tensor(o->moments[moment], param, o->params[param].tensor, &item->tensor);
}

static lattn_status list_items(lattn_optim *o, struct items *s)
{
    s->list = lat_calloc((size_t) o->n_params * LAT_MAX_MOMENTS + 2, sizeof *s->list);
    if (!s->list)
        return LATTN_ERR_HOST_MEMORY;
    for (int m = 0; m < LAT_MAX_MOMENTS; m++) {
        for (int i = 0; i < o->n_params && o->moments[m]; i++)
            LAT_TRY(add_item(s, o, i, m));
    }
    lattn_named_tensor *item = &s->list[s->n++];
    *item = (lattn_named_tensor){ lat_strdup("carry"), lat_tensor_ref(o->carry) };
    return item->name ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
}

// The step number travels as two i32, high and low: safetensors of ours have no 64-bit dtype.
static lattn_status add_step(lattn_optim *o, struct items *s)
{
    const int64_t two = 2;
    int32_t words[2] = { (int32_t) (o->n_steps >> 31), (int32_t) (o->n_steps & 0x7fffffff) };
    lattn_named_tensor *item = &s->list[s->n++];
    *item = (lattn_named_tensor){ .name = lat_strdup("step") };
    if (!item->name)
        return LATTN_ERR_HOST_MEMORY;
    LAT_TRY(lattn_tensor_create(o->ctx, LATTN_DTYPE_I32, 1, &two, &item->tensor));
    return lattn_tensor_write(item->tensor, words, sizeof words);
}

lattn_status lattn_optim_save(lattn_optim *o, const char *path)
{
    LAT_CHECK_ARG(o);
    LAT_CHECK_ARG(path);
    struct items s = { 0 };
    lattn_status st = list_items(o, &s);
    if (!st)
        st = add_step(o, &s);
    if (!st)
        st = lattn_safetensors_save(path, s.list, (size_t) s.n);
    free_items(&s);
    return st;
}

static lattn_status check_item(
    lattn_safetensors *f, const char *path, const lattn_named_tensor *item)
{
    lattn_safetensors_entry entry;
    int64_t i = lattn_safetensors_find(f, item->name);
    if (i < 0)
        return lat_err(LATTN_ERR_FORMAT, "%s: \"%s\" is missing", path, item->name);
    LAT_TRY(lattn_safetensors_get(f, (size_t) i, &entry));
    bool same = entry.rank == item->tensor->rank &&
                memcmp(entry.dim, item->tensor->dim, (size_t) entry.rank * sizeof *entry.dim) == 0;
    if (same)
        return LATTN_OK;
    char text[LAT_SHAPE_TEXT];
    return lat_err(LATTN_ERR_SHAPE, "%s: \"%s\" is %s, the parameter is %s", path, item->name,
        lat_shape_text(text, entry.rank, entry.dim), LAT_SHAPE(item->tensor));
}

static lattn_status read_step(lattn_safetensors *f, const char *path, int64_t *out)
{
    int32_t words[2];
    int64_t i = lattn_safetensors_find(f, "step");
    if (i < 0)
        return lat_err(LATTN_ERR_FORMAT, "%s: \"step\" is missing", path);
    LAT_TRY(lattn_safetensors_read(f, (size_t) i, LATTN_DTYPE_I32, words, sizeof words));
    if (words[0] < 0 || words[1] < 0)
        return lat_err(LATTN_ERR_FORMAT, "%s: the step number is negative", path);
    *out = ((int64_t) words[0] << 31) | words[1];
    return LATTN_OK;
}

static lattn_status load(lattn_optim *o, lattn_safetensors *f, const char *path, struct items *s)
{
    int64_t n_steps = 0;
    LAT_TRY(list_items(o, s));
    for (int i = 0; i < s->n; i++)
        LAT_TRY(check_item(f, path, &s->list[i]));
    LAT_TRY(read_step(f, path, &n_steps));
    for (int i = 0; i < s->n; i++) {
        size_t at = (size_t) lattn_safetensors_find(f, s->list[i].name);
        LAT_TRY(lattn_safetensors_read_tensor(f, at, s->list[i].tensor));
    }
    o->n_steps = n_steps;
    return LATTN_OK;
}

lattn_status lattn_optim_load(lattn_optim *o, const char *path)
{
    LAT_CHECK_ARG(o);
    LAT_CHECK_ARG(path);
    lattn_safetensors *f = NULL;
    struct items s = { 0 };
    LAT_TRY(lattn_safetensors_open(path, NULL, &f));
    lattn_status st = load(o, f, path, &s);
    free_items(&s);
    lattn_safetensors_close(&f);
    return st;
}
