// SPDX-License-Identifier: MIT
//
// The module tree: children, parameters, buffers, names, freezing. Listing walks depth first in the
// order of addition, which is the order of the state dict and of the parameter arenas.

#include <stdio.h>
#include <string.h>
#include "base/str.h"
#include "nn/module.h"

lattn_status lat_module_new(lattn_ctx *ctx, const char *kind, size_t data_bytes, lattn_module **out)
{
    *out = NULL;
    if (!ctx)
        return lat_err(LATTN_ERR_ARG, "%s: the context is NULL", kind);
    lattn_module *m = LAT_NEW(lattn_module);
    void *data = data_bytes ? lat_calloc(1, data_bytes) : NULL;
    if (!m || (data_bytes && !data)) {
        lat_free(m);
        lat_free(data);
        return LATTN_ERR_HOST_MEMORY;
    }
    m->ctx = ctx;
    m->kind = kind;
    m->data = data;
    *out = m;
    return LATTN_OK;
}

lattn_status lattn_module_create(lattn_ctx *ctx, const char *kind, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    LAT_TRY(lat_module_new(ctx, "module", 0, out));
    (*out)->own_kind = lat_strdup(kind ? kind : "module");
    if (!(*out)->own_kind) {
        lattn_module_destroy(out);
        return LATTN_ERR_HOST_MEMORY;
    }
    (*out)->kind = (*out)->own_kind;
    return LATTN_OK;
}

static void free_paths(lattn_module *m)
{
    for (size_t i = 0; i < m->paths.n; i++)
        lat_free(m->paths.items[i]);
    m->paths.n = 0;
}

static void free_params(struct lat_params *l)
{
    for (size_t i = 0; i < l->n; i++) {
        lattn_tensor_release(&l->items[i].tensor);
        lat_free(l->items[i].name);
    }
    lat_free(l->items);
}

static void destroy_tree(lattn_module *m)
{
    for (size_t i = 0; i < m->children.n; i++)
        destroy_tree(m->children.items[i]);
    free_params(&m->params);
    free_params(&m->buffers);
    free_paths(m);
    lat_free(m->paths.items);
    lat_free(m->children.items);
    lat_free(m->own_kind);
    lat_free(m->name);
    lat_free(m->data);
    lat_free(m);
}

void lattn_module_destroy(lattn_module **m)
{
    if (!m || !*m)
        return;
    destroy_tree(*m);
    *m = NULL;
}

static const struct lat_param *find_param(const struct lat_params *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->items[i].name, name) == 0)
            return &l->items[i];
    return NULL;
}

static bool name_taken(const lattn_module *m, const char *name)
{
    for (size_t i = 0; i < m->children.n; i++) {
        if (strcmp(m->children.items[i]->name, name) == 0)
            return true;
    }
    return find_param(&m->params, name) || find_param(&m->buffers, name);
}

static lattn_status check_child(
    const lattn_module *parent, const char *name, const lattn_module *child)
{
    if (!parent || !name)
        return lat_err(LATTN_ERR_ARG, "lattn_module_add: %s is NULL", parent ? "name" : "parent");
    if (!*name)
        return lat_err(LATTN_ERR_ARG, "%s: a child needs a name", parent->kind);
    if (child->ctx != parent->ctx)
        return lat_err(LATTN_ERR_ARG, "%s: \"%s\" belongs to another context", parent->kind, name);
    if (name_taken(parent, name))
        return lat_err(LATTN_ERR_ARG, "%s: the name \"%s\" is taken", parent->kind, name);
    return LATTN_OK;
}

static lattn_status add_child(lattn_module *parent, const char *name, lattn_module *child)
{
    child->name = lat_strdup(name);
    if (!child->name)
        return LATTN_ERR_HOST_MEMORY;
    LAT_TRY(LAT_PUSH(&parent->children, child));
    child->parent = parent;
    return LATTN_OK;
}

lattn_status lattn_module_add(lattn_module *parent, const char *name, lattn_module *child)
{
    LAT_CHECK_ARG(child);
    for (const lattn_module *m = parent; m; m = m->parent)
        if (m == child)
            return lat_err(LATTN_ERR_STATE, "%s: \"%s\" would be inside itself", parent->kind,
                name ? name : child->kind);
    if (child->parent)
        return lat_err(
            LATTN_ERR_STATE, "%s: \"%s\" has a parent already", child->kind, child->name);
    lattn_status st = check_child(parent, name, child);
    if (!st)
        st = add_child(parent, name, child);
    if (st)
        destroy_tree(child);
    return st;
}

void *lat_module_data(lattn_ctx *ctx, const lattn_module *m, const char *kind)
{
    if (!m)
        return lat_fail(ctx, LATTN_ERR_ARG, "%s: the module is NULL", kind);
    if (strcmp(m->kind, kind) != 0)
        return lat_fail(ctx, LATTN_ERR_ARG, "%s: the module is a %s", kind, m->kind);
    return m->data;
}

static lattn_status add_param(lattn_module *m, struct lat_params *to, const char *name,
    const lattn_parameter_params *params, lattn_tensor **out)
{
    if (out)
        *out = NULL;
    if (name_taken(m, name))
        return lat_err(LATTN_ERR_ARG, "%s: the name \"%s\" is taken", m->kind, name);
    struct lat_param param = {
        .name = lat_strdup(name),
        .no_decay = params->no_decay,
        .optional = params->optional,
        .lr_factor = 1,
    };
    if (!param.name)
        return LATTN_ERR_HOST_MEMORY;

    lattn_status st =
        lattn_tensor_create(m->ctx, params->dtype, params->rank, params->dims, &param.tensor);
    if (!st)
        st = lattn_init_(param.tensor, params->init);
    if (!st && to == &m->params)
        st = lattn_tensor_set_requires_grad(param.tensor, true);
    if (!st)
        st = LAT_PUSH(to, param);
    if (st) {
        lattn_tensor_release(&param.tensor);
        lat_free(param.name);
        return st;
    }
    if (out)
        *out = param.tensor;
    return LATTN_OK;
}

lattn_status lattn_module_add_parameter(
    lattn_module *m, const char *name, const lattn_parameter_params *params, lattn_tensor **out)
{
    LAT_CHECK_ARG(m);
    LAT_CHECK_ARG(name);
    LAT_CHECK_ARG(params);
    LAT_CHECK_ARRAY(params->dims, params->rank);
    return add_param(m, &m->params, name, params, out);
}

lattn_status lattn_module_add_buffer(
    lattn_module *m, const char *name, const lattn_parameter_params *params, lattn_tensor **out)
{
    LAT_CHECK_ARG(m);
    LAT_CHECK_ARG(name);
    LAT_CHECK_ARG(params);
    LAT_CHECK_ARRAY(params->dims, params->rank);
    return add_param(m, &m->buffers, name, params, out);
}

int lat_module_count(const lattn_module *m, unsigned what)
{
    if (!m)
        return 0;
    size_t n = (what & LAT_LIST_PARAMETERS ? m->params.n : 0) +
               (what & LAT_LIST_BUFFERS ? m->buffers.n : 0);
    for (size_t i = 0; i < m->children.n; i++)
        n += (size_t) lat_module_count(m->children.items[i], what);
    return (int) n;
}

int lattn_module_n_parameters(const lattn_module *m)
{
    return lat_module_count(m, LAT_LIST_PARAMETERS);
}

int lattn_module_n_buffers(const lattn_module *m)
{
    return lat_module_count(m, LAT_LIST_BUFFERS);
}

int64_t lattn_module_numel(const lattn_module *m)
{
    if (!m)
        return 0;
    int64_t n = 0;
    for (size_t i = 0; i < m->params.n; i++)
        n += lattn_tensor_numel(m->params.items[i].tensor);
    for (size_t i = 0; i < m->children.n; i++)
        n += lattn_module_numel(m->children.items[i]);
    return n;
}

// State of one listing: the path so far and where the next entry goes.
struct listing {
    lattn_module *root;
    unsigned what;
    lattn_parameter *list;
    int capacity, n;
};

static lattn_status list_params(
    struct listing *l, const struct lat_params *params, const char *prefix)
{
    for (size_t i = 0; i < params->n; i++) {
        const struct lat_param *param = &params->items[i];
        if (l->n < l->capacity) {
            struct lat_str path = { 0 };
            lat_str_addf(&path, "%s%s", prefix, param->name);
            lattn_status st = path.status ? path.status : LAT_PUSH(&l->root->paths, path.items);
            if (st) {
                lat_str_free(&path);
                return st;
            }
            l->list[l->n] = (lattn_parameter){
                .name = path.items,
                .tensor = param->tensor,
                .no_decay = param->no_decay,
                .optional = param->optional,
                .lr_factor = param->lr_factor,
            };
        }
        l->n++;
    }
    return LATTN_OK;
}

static lattn_status list_tree(struct listing *l, const lattn_module *m, const char *prefix)
{
    if (l->what & LAT_LIST_PARAMETERS)
        LAT_TRY(list_params(l, &m->params, prefix));
    if (l->what & LAT_LIST_BUFFERS)
        LAT_TRY(list_params(l, &m->buffers, prefix));
    for (size_t i = 0; i < m->children.n; i++) {
        struct lat_str path = { 0 };
        lat_str_addf(&path, "%s%s.", prefix, m->children.items[i]->name);
        lattn_status st =
            path.status ? path.status : list_tree(l, m->children.items[i], path.items);
        lat_str_free(&path);
        LAT_TRY(st);
    }
    return LATTN_OK;
}

lattn_status lat_module_list(
    lattn_module *m, unsigned what, lattn_parameter *list, int capacity, int *n)
{
    free_paths(m);
    struct listing l = { .root = m, .what = what, .list = list, .capacity = capacity };
    LAT_TRY(list_tree(&l, m, ""));
    *n = l.n;
    return LATTN_OK;
}

lattn_status lattn_module_parameters(lattn_module *m, lattn_parameter *list, int capacity, int *n)
{
    LAT_CHECK_ARG(m);
    LAT_CHECK_ARG(n);
    LAT_CHECK_ARRAY(list, capacity);
    return lat_module_list(m, LAT_LIST_PARAMETERS, list, capacity, n);
}

lattn_status lattn_module_buffers(lattn_module *m, lattn_parameter *list, int capacity, int *n)
{
    LAT_CHECK_ARG(m);
    LAT_CHECK_ARG(n);
    LAT_CHECK_ARRAY(list, capacity);
    return lat_module_list(m, LAT_LIST_BUFFERS, list, capacity, n);
}

// Child names may contain dots, so every child whose name starts the rest is tried.
static lattn_tensor *find_tensor(lattn_module *m, const char *name, bool buffer)
{
    if (!m || !name)
        return NULL;
    const struct lat_param *own = find_param(buffer ? &m->buffers : &m->params, name);
    if (own)
        return own->tensor;
    for (size_t i = 0; i < m->children.n; i++) {
        lattn_module *child = m->children.items[i];
        size_t length = strlen(child->name);
        if (strncmp(child->name, name, length) != 0 || name[length] != '.')
            continue;
        lattn_tensor *found = find_tensor(child, name + length + 1, buffer);
        if (found)
            return found;
    }
    return NULL;
}

static const lattn_module *root_of(const lattn_module *m)
{
    while (m->parent)
        m = m->parent;
    return m;
}

bool lat_module_is_observed(const lattn_module *m)
{
    return root_of(m)->observer != NULL;
}

lattn_tensor *lattn_module_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    LAT_NEED_ARG(ctx, m);
    if (!m->forward)
        return lat_fail(ctx, LATTN_ERR_ARG,
            "lattn_module_forward: a %s takes more than one tensor; call the forward function of "
            "its "
            "kind",
            m->kind);
    size_t outer = lat_path_push(ctx, m->name ? m->name : m->kind);
    lattn_tensor *y = m->forward(ctx, m, x);
    lat_path_pop(ctx, outer);
    const lattn_module *root = root_of(m);
    if (y && root->observer)
        root->observer(root->observer_user, m, y);
    return y;
}

void lattn_module_observe(lattn_module *root, lattn_module_observer observer, void *user)
{
    if (!root)
        return;
    root->observer = observer;
    root->observer_user = user;
}

const char *lattn_module_kind(const lattn_module *m)
{
    if (!m)
        return "";
    return m->kind;
}

static void add_path(struct lat_str *path, const lattn_module *m)
{
    if (!m->parent)
        return;
    add_path(path, m->parent);
    lat_str_addf(path, "%s%s", path->n ? "." : "", m->name);
}

size_t lattn_module_path(const lattn_module *m, char *text, size_t bytes)
{
    struct lat_str path = { 0 };
    if (m)
        add_path(&path, m);
    size_t n = path.n;
    if (bytes)
        snprintf(text, bytes, "%s", path.n ? path.items : "");
    lat_str_free(&path);
    return n;
}

lattn_tensor *lattn_module_parameter(lattn_module *m, const char *name)
{
    return find_tensor(m, name, false);
}

lattn_tensor *lattn_module_buffer(lattn_module *m, const char *name)
{
    return find_tensor(m, name, true);
}

lattn_status lattn_module_set_requires_grad(lattn_module *m, bool on)
{
    LAT_CHECK_ARG(m);
    for (size_t i = 0; i < m->params.n; i++)
        LAT_TRY(lattn_tensor_set_requires_grad(m->params.items[i].tensor, on));
    for (size_t i = 0; i < m->children.n; i++)
        LAT_TRY(lattn_module_set_requires_grad(m->children.items[i], on));
    return LATTN_OK;
}
