// SPDX-License-Identifier: MIT
//
// The module tree. A kind keeps its own settings in m->data and finds its children and
// parameters again through pointers there; the tree itself knows names only.
#ifndef LAT_MODULE_H
#define LAT_MODULE_H
#include "base/array.h"
#include "lattn/nn.h"
#include "tensor/context.h"

struct lat_param {
    char *name;
    lattn_tensor *tensor;
    bool no_decay, optional;
    float lr_factor;
};
struct lat_params {
    struct lat_param *items;
    size_t n, capacity;
};

struct lattn_module {
    lattn_ctx *ctx;
    const char *kind;  // static text or a copy in own_kind
    char *own_kind;
    char *name;  // in its parent; NULL at the root
    lattn_module *parent;
    struct {
        lattn_module **items;
        size_t n, capacity;
    } children;
    struct lat_params params;   // trained
    struct lat_params buffers;  // not trained, saved with them
    struct {
        char **items;
        size_t n, capacity;
    } paths;     // names handed out by lat_module_list
    void *data;  // of the kind; freed with the module
    // For kinds that map one tensor to one; NULL = only the kind's own forward function.
    lattn_tensor *(*forward)(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x);
    lattn_module_observer observer;  // of a root
    void *observer_user;
};

// A module of a library kind with room for its data, zeroed.
lattn_status lat_module_new(
    lattn_ctx *ctx, const char *kind, size_t data_bytes, lattn_module **out);
// What a listing holds: with both, a module's parameters and then its buffers, before its children's.
enum { LAT_LIST_PARAMETERS = 1, LAT_LIST_BUFFERS = 2 };
lattn_status lat_module_list(
    lattn_module *m, unsigned what, lattn_parameter *list, int capacity, int *n);
int lat_module_count(const lattn_module *m, unsigned what);
// For trees of several kinds: evaluates create, which makes child, and gives child to parent.
#define LAT_ADOPT(parent, name, create, child)                                                     \
    do {                                                                                           \
        LAT_TRY(create);                                                                           \
        LAT_TRY(lattn_module_add(parent, name, child));                                            \
    } while (0)
// Whether somebody wants the result of every module, also of those that could be computed together.
bool lat_module_is_observed(const lattn_module *m);
// The data when m is of that kind, else NULL with ERR_ARG kept in ctx.
void *lat_module_data(lattn_ctx *ctx, const lattn_module *m, const char *kind);

#endif
