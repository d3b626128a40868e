// SPDX-License-Identifier: MIT
//
// The module tree: children, parameters, names, freezing. Listing walks depth first in the
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

static void destroy_tree(lattn_module *m)
{
    for (size_t i = 0; i < m->children.n; i++)
        destroy_tree(m->children.items[i]);
    for (size_t i = 0; i < m->params.n; i++) {
        lattn_tensor_release(&m->params.items[i].tensor);
        lat_free(m->params.items[i].name);
    }
    free_paths(m);
    lat_free(m->paths.items);
    lat_free(m->children.items);
    lat_free(m->params.items);
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

static bool name_taken(const lattn_module *m, const char *name)
{
    for (size_t i = 0; i < m->children.n; i++) {
        if (strcmp(m->children.items[i]->name, name) == 0)
            return true;
    }
    for (size_t i = 0; i < m->params.n; i++) {
        if (strcmp(m->params.items[i].name, name) == 0)
            return true;
    }
    return false;
}

static lattn_status add_child(lattn_module *parent, const char *name, lattn_module *child)
{
    if (!name || !*name)
        return lat_err(LATTN_ERR_ARG, "%s: a child needs a name", parent->kind);
    if (name_taken(parent, name))
        return lat_err(LATTN_ERR_ARG, "%s: the name \"%s\" is taken", parent->kind, name);
    child->name = lat_strdup(name);
    if (!child->name)
        return LATTN_ERR_HOST_MEMORY;
    LAT_TRY(LAT_PUSH(&parent->children, child));
    child->parent = parent;
    return LATTN_OK;
}

lattn_status lattn_module_add(lattn_module *parent, const char *name, lattn_module *child)
{
    if (!parent || !child)
        return lat_err(LATTN_ERR_ARG, "lattn_module_add: parent or child is NULL");
    if (child->parent || child == parent)
        return lat_err(LATTN_ERR_STATE, "%s: \"%s\" has a parent already", parent->kind, name);
    lattn_status st = add_child(parent, name, child);
    if (st)
        destroy_tree(child);
    return st;
}

lattn_status lat_module_adopt(
    lattn_module *parent, const char *name, lattn_status created, lattn_module *child)
{
    return created ? created : lattn_module_add(parent, name, child);
}

void *lat_module_data(lattn_ctx *ctx, const lattn_module *m, const char *kind)
{
    if (!m)
        return lat_fail(ctx, LATTN_ERR_ARG, "%s: the module is NULL", kind);
    if (strcmp(m->kind, kind) != 0)
        return lat_fail(ctx, LATTN_ERR_ARG, "%s: the module is a %s", kind, m->kind);
    return m->data;
}

lattn_status lattn_module_add_parameter(
    lattn_module *m, const char *name, const lattn_parameter_params *params, lattn_tensor **out)
{
    *out = NULL;
    if (name_taken(m, name))
        return lat_err(LATTN_ERR_ARG, "%s: the name \"%s\" is taken", m->kind, name);
    struct lat_param param = { .name = lat_strdup(name), .no_decay = params->no_decay };
    if (!param.name)
        return LATTN_ERR_HOST_MEMORY;

    lattn_status st =
        lattn_tensor_create(m->ctx, params->dtype, params->rank, params->dims, &param.tensor);
    if (!st)
        st = lattn_init_(param.tensor, params->init);
    if (!st)
        st = lattn_tensor_set_requires_grad(param.tensor, true);
    if (!st)
        st = LAT_PUSH(&m->params, param);
    if (st) {
        lattn_tensor_release(&param.tensor);
        lat_free(param.name);
        return st;
    }
    *out = param.tensor;
    return LATTN_OK;
}

int lattn_module_n_parameters(const lattn_module *m)
{
    if (!m)
        return 0;
    int n = (int) m->params.n;
    for (size_t i = 0; i < m->children.n; i++)
        n += lattn_module_n_parameters(m->children.items[i]);
    return n;
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
    lattn_parameter *list;
    int capacity, n;
};

static lattn_status list_tree(struct listing *l, const lattn_module *m, const char *prefix)
{
    for (size_t i = 0; i < m->params.n; i++) {
        if (l->n < l->capacity) {
            struct lat_str path = { 0 };
            lat_str_addf(&path, "%s%s", prefix, m->params.items[i].name);
            lattn_status st = path.status ? path.status : LAT_PUSH(&l->root->paths, path.items);
            if (st) {
                lat_str_free(&path);
                return st;
            }
            l->list[l->n] = (lattn_parameter){ .name = path.items,
                .tensor = m->params.items[i].tensor,
                .no_decay = m->params.items[i].no_decay };
        }
        l->n++;
    }
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

lattn_status lattn_module_parameters(lattn_module *m, lattn_parameter *list, int capacity, int *n)
{
    if (!m)
        return lat_err(LATTN_ERR_ARG, "lattn_module_parameters: the module is NULL");
    free_paths(m);
    struct listing l = { .root = m, .list = list, .capacity = capacity };
    LAT_TRY(list_tree(&l, m, ""));
    *n = l.n;
    return LATTN_OK;
}

// Child names may contain dots, so every child whose name starts the rest is tried.
lattn_tensor *lattn_module_parameter(lattn_module *m, const char *name)
{
    if (!m || !name)
        return NULL;
    for (size_t i = 0; i < m->params.n; i++) {
        if (strcmp(m->params.items[i].name, name) == 0)
            return m->params.items[i].tensor;
    }
    for (size_t i = 0; i < m->children.n; i++) {
        lattn_module *child = m->children.items[i];
        size_t length = strlen(child->name);
        if (strncmp(child->name, name, length) != 0 || name[length] != '.')
            continue;
        lattn_tensor *found = lattn_module_parameter(child, name + length + 1);
        if (found)
            return found;
    }
    return NULL;
}

lattn_tensor *lattn_module_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    if (!m || !m->forward)
        return lat_fail(ctx, LATTN_ERR_ARG, "lattn_module_forward: %s",
            m ? "the module takes more than one tensor; call the forward function of its kind"
              : "the module is NULL");
    size_t outer = lat_path_push(ctx, m->name ? m->name : m->kind);
    lattn_tensor *y = m->forward(ctx, m, x);
    lat_path_pop(ctx, outer);
    const lattn_module *root = m;
    while (root->parent)
        root = root->parent;
    if (y && root->observer)
        root->observer(root->observer_user, m, y);
    return y;
}

void lattn_module_observe(lattn_module *root, lattn_module_observer observer, void *user)
{
    root->observer = observer;
    root->observer_user = user;
}

const char *lattn_module_kind(const lattn_module *m)
{
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
    add_path(&path, m);
    size_t n = path.n;
    if (bytes)
        snprintf(text, bytes, "%s", path.n ? path.items : "");
    lat_str_free(&path);
    return n;
}

lattn_status lattn_module_set_requires_grad(lattn_module *m, bool on)
{
    if (!m)
        return lat_err(LATTN_ERR_ARG, "lattn_module_set_requires_grad: the module is NULL");
    for (size_t i = 0; i < m->params.n; i++)
        LAT_TRY(lattn_tensor_set_requires_grad(m->params.items[i].tensor, on));
    for (size_t i = 0; i < m->children.n; i++)
        LAT_TRY(lattn_module_set_requires_grad(m->children.items[i], on));
    return LATTN_OK;
}
