// SPDX-License-Identifier: MIT
//
// Parameters in 16 bits. What the modules compute with becomes the rounded copy of f32 values, which stay
// behind it as the tensor's master: an update is often smaller than the step between two 16-bit numbers, and
// would be lost.
//
//   parameter   16 bits   forward, backward; its gradient is of the same dtype
//   master      f32       what an optimiser changes, and what files have
//
// It is the module that is converted, not the optimiser that makes copies of what it trains: frozen
// parameters, which no optimiser knows, must be of the same dtype. And it is the tensors that change, not
// the module's pointers to them, so that no kind of module needs to know. Buffers (the running statistics of
// batch norm) stay f32; kernels compute norms, softmax and losses in f32 whatever they read.
//
// Source: Micikevicius et al. 2017, arXiv:1710.03740, section 3.1

#include "base/alloc.h"
#include "nn/module.h"
#include "tensor/tensor.h"

lattn_dtype lattn_module_dtype(const lattn_module *m)
{
    if (!m)
        return LATTN_DTYPE_F32;
    if (m->params.n)
        return m->params.items[0].tensor->dtype;
    for (size_t i = 0; i < m->children.n; i++)
        if (lattn_module_n_parameters(m->children.items[i]))
            return lattn_module_dtype(m->children.items[i]);
    return LATTN_DTYPE_F32;
}

lattn_tensor *lattn_module_master(lattn_module *m, const char *name)
{
    lattn_tensor *t = lattn_module_parameter(m, name);
    return t ? lat_tensor_master(t) : NULL;
}

static void swap_memory(lattn_tensor *a, lattn_tensor *b)
{
    struct lat_storage *storage = a->storage;
    lattn_dtype dtype = a->dtype;
    a->storage = b->storage;
    a->dtype = b->dtype;
    b->storage = storage;
    b->dtype = dtype;
}

static lattn_status convert(lattn_tensor *t, lattn_dtype dtype)
{
    lattn_tensor *master = t->master, *copy = NULL;
    if (t->dtype == dtype)
        return LATTN_OK;
    if (dtype != LATTN_DTYPE_F32)
        LAT_TRY(lat_tensor_kept(t->ctx, dtype, t->rank, t->dim, &copy));
    lattn_status st = copy ? lat_prim_copy(copy, lat_tensor_master(t)) : LATTN_OK;
    if (st) {
        lat_tensor_unref(copy);
        return st;
    }
    lattn_tensor_release(&t->grad);
    t->grad_ready = false;
    if (master) {  // back to f32, which another 16-bit dtype starts from
        swap_memory(t, master);
        lat_tensor_unref(master);
        t->master = NULL;
    }
    if (copy) {
        swap_memory(t, copy);
        t->master = copy;
    }
    return LATTN_OK;
}

static lattn_status check(const lattn_module *m, const lattn_parameter *p)
{
    if (p->tensor->optimised)
        return lat_err(LATTN_ERR_STATE,
            "%s: an optimiser trains parameter %s; convert the module before it is made, or after "
            "its end",
            m->kind, p->name);
    if (p->tensor->dtype != LATTN_DTYPE_F32 && !p->tensor->master)
        return lat_err(LATTN_ERR_DTYPE, "%s: parameter %s was made as %s, f32 is needed", m->kind,
            p->name, lattn_dtype_name(p->tensor->dtype));
    return LATTN_OK;
}

static lattn_status convert_all(
    lattn_module *m, const lattn_parameter *list, int n, lattn_dtype dtype)
{
    for (int i = 0; i < n; i++)
        LAT_TRY(check(m, &list[i]));
    // Not in a step of its own: that would count, and the dropout of a run in 16 bits be another than in f32.
    for (int i = 0; i < n; i++)
        LAT_TRY(convert(list[i].tensor, dtype));
    return LATTN_OK;
}

lattn_status lattn_module_to_dtype(lattn_module *m, lattn_dtype dtype)
{
    LAT_CHECK_ARG(m);
    if (!lat_is_float(dtype))
        return lat_err(
            LATTN_ERR_ARG, "%s: parameters cannot be %s", m->kind, lattn_dtype_name(dtype));
    LAT_TRY(lat_dtype_check(m->ctx, dtype));
    int n = lattn_module_n_parameters(m);
    lattn_parameter *list = lat_calloc((size_t) n + 1, sizeof *list);
    if (!list)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st = lattn_module_parameters(m, list, n, &n);
    if (!st)
        st = convert_all(m, list, n, dtype);
    lat_free(list);
    return st;
}
