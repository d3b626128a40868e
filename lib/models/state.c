// SPDX-License-Identifier: MIT
//
// State dicts: the parameters and buffers of a module tree by name, to and from safetensors. A load first
// finds and checks every tensor, and only then changes the first parameter. Of parameters in 16 bits the file
// has the f32 values behind them.

#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/str.h"
#include "lattn/models.h"
#include "nn/module.h"
#include "tensor/tensor.h"

struct listing {
    lattn_parameter *items;
    int n;
};

static lattn_status list_state(lattn_module *m, struct listing *l)
{
    const unsigned both = LAT_LIST_PARAMETERS | LAT_LIST_BUFFERS;
    int capacity = lat_module_count(m, both);
    l->items = lat_calloc((size_t) capacity, sizeof *l->items);
    if (!l->items)
        return LATTN_ERR_HOST_MEMORY;
    return lat_module_list(m, both, l->items, capacity, &l->n);
}

static int64_t find(
    const lattn_safetensors *file, const char *name, const lattn_load_params *params)
{
    int64_t i = lattn_safetensors_find(file, name);
    char buffer[512];
    for (int attempt = 0; i < 0 && params->alias; attempt++) {
        const char *other = params->alias(params->user, name, attempt, buffer, sizeof buffer);
        if (!other)
            break;
        i = lattn_safetensors_find(file, other);
    }
    return i;
}

static bool same_shape(const lattn_safetensors_entry *entry, const lattn_tensor *t)
{
    bool same = entry->rank == lat_rank(t);
    for (int d = 0; same && d < entry->rank; d++)
        same = entry->dim[d] == lat_dim(t, d);
    return same;
}

static lattn_status check_shape(const lattn_safetensors *file, int64_t i,
    const lattn_parameter *param, const lattn_load_params *params)
{
    lattn_safetensors_entry entry;
    LAT_TRY(lattn_safetensors_get(file, (size_t) i, &entry));
    if (same_shape(&entry, param->tensor) ||
        (params->fits && params->fits(params->user, param->name, &entry)))
        return LATTN_OK;
    char text[LAT_SHAPE_TEXT];
    return lat_err(LATTN_ERR_SHAPE, "%s: tensor \"%s\" is %s, the model needs %s", entry.path,
        entry.name, lat_shape_text(text, entry.rank, entry.dim), LAT_SHAPE(param->tensor));
}

static lattn_status read_parameter(
    lattn_safetensors *file, int64_t i, lattn_tensor *t, const lattn_load_params *params)
{
    lattn_safetensors_entry entry;
    lattn_tensor *values = lat_tensor_master(t);
    LAT_TRY(lattn_safetensors_get(file, (size_t) i, &entry));
    lattn_status st = same_shape(&entry, t)
                          ? lattn_safetensors_read_tensor(file, (size_t) i, values)
                          : params->adapt(params->user, file, (size_t) i, values);
    return st ? st : lat_tensor_round(t);
}

// Adds name to a list of names that is cut when full.
static void note(char *list, size_t bytes, const char *name)
{
    size_t used = strlen(list);
    if (used + strlen(name) + 8 < bytes)
        snprintf(list + used, bytes - used, "%s%s", used ? ", " : "", name);
    else if (used && used + 5 < bytes && strcmp(list + used - 3, "...") != 0)
        strcpy(list + used, " ...");
}

static lattn_status missing(const lattn_safetensors *file, int n, const lattn_load_report *report)
{
    lattn_safetensors_entry first = { .path = "the file, which has no tensors" };
    if (lattn_safetensors_count(file))
        LAT_TRY(lattn_safetensors_get(file, 0, &first));
    return lat_err(
        LATTN_ERR_FORMAT, "%d parameters are not in %s: %s", n, first.path, report->missing);
}

static lattn_status match(const struct listing *l, lattn_safetensors *file,
    const lattn_load_params *params, int64_t *index, lattn_load_report *report)
{
    int n_required = 0;
    for (int p = 0; p < l->n; p++) {
        const char *name = l->items[p].name;
        bool skip = params->skip && params->skip(params->user, name);
        index[p] = skip ? -1 : find(file, name, params);
        if (index[p] >= 0) {
            LAT_TRY(check_shape(file, index[p], &l->items[p], params));
            report->n_loaded++;
            continue;
        }
        report->n_missing++;
        note(report->missing, sizeof report->missing, name);
        bool may_lack = skip || l->items[p].optional;
        n_required += !may_lack && !(params->optional && params->optional(params->user, name));
    }
    return n_required ? missing(file, n_required, report) : LATTN_OK;
}

static lattn_status report_unused(lattn_safetensors *file, const lattn_load_params *params,
    const int64_t *index, int n, lattn_load_report *report)
{
    size_t count = lattn_safetensors_count(file);
    bool *used = lat_calloc(count + 1, sizeof *used);
    if (!used)
        return LATTN_ERR_HOST_MEMORY;
    for (int p = 0; p < n; p++) {
        if (index[p] >= 0)
            used[index[p]] = true;
    }
    lattn_status st = LATTN_OK;
    for (size_t i = 0; i < count && !st; i++) {
        lattn_safetensors_entry entry;
        st = lattn_safetensors_get(file, i, &entry);
        if (st || used[i] || (params->ignore && params->ignore(params->user, entry.name)))
            continue;
        report->n_unused++;
        note(report->unused, sizeof report->unused, entry.name);
    }
    lat_free(used);
    return st;
}

lattn_status lattn_module_load(lattn_module *m, lattn_safetensors *file,
    const lattn_load_params *params, lattn_load_report *report)
{
    LAT_CHECK_ARG(m);
    LAT_CHECK_ARG(file);
    const lattn_load_params defaults = { 0 };
    lattn_load_report own = { 0 };
    struct listing l = { 0 };
    int64_t *index = NULL;
    lattn_status st;
    if (!params)
        params = &defaults;

    LAT_GO(list_state(m, &l));
    index = lat_calloc((size_t) l.n, sizeof *index);
    LAT_GO(index ? LATTN_OK : LATTN_ERR_HOST_MEMORY);
    LAT_GO(match(&l, file, params, index, &own));
    for (int p = 0; p < l.n; p++) {
        if (index[p] >= 0)
            LAT_GO(read_parameter(file, index[p], l.items[p].tensor, params));
    }
    LAT_GO(report_unused(file, params, index, l.n, &own));
    if (report)
        *report = own;

done:
    lat_free(index);
    lat_free(l.items);
    return st;
}

lattn_status lattn_module_save(lattn_module *m, const char *path)
{
    LAT_CHECK_ARG(m);
    LAT_CHECK_ARG(path);
    struct listing l = { 0 };
    lattn_named_tensor *items = NULL;
    lattn_status st;

    LAT_GO(list_state(m, &l));
    items = lat_calloc((size_t) l.n, sizeof *items);
    LAT_GO(items ? LATTN_OK : LATTN_ERR_HOST_MEMORY);
    for (int p = 0; p < l.n; p++)
        items[p] = (lattn_named_tensor){ l.items[p].name, lat_tensor_master(l.items[p].tensor) };
    LAT_GO(lattn_safetensors_save(path, items, (size_t) l.n));

done:
    lat_free(items);
    lat_free(l.items);
    return st;
}
