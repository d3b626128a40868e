// SPDX-License-Identifier: MIT
//
// argmax along one dimension: the index of the first largest element. No gradient.

#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "lattn/ops.h"
#include "reduce/argmax.abi.h"
#include "lat_shaders.h"

struct argmax_attr {
    int dim;
    bool keepdim;
};

static lattn_status infer(struct lat_call *c)
{
    const struct argmax_attr *attr = c->attr;
    const lattn_tensor *x = c->in[0];
    LAT_TRY(lat_check_float(c, x));
    LAT_TRY(lat_check_count("argmax", x));
    int rank = 0;
    int64_t dims[LATTN_MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        if (d != attr->dim || attr->keepdim)
            dims[rank++] = d == attr->dim ? 1 : x->dim[d];
    if (x->dim[attr->dim] == 0 && lat_numel_of(rank, dims) > 0)
        return lat_err(
            LATTN_ERR_SHAPE, "argmax: %s has no element along dim %d", LAT_SHAPE(x), attr->dim);
    return lat_out(c, 0, LATTN_DTYPE_I32, rank, dims);
}

static lattn_status forward(struct lat_call *c)
{
    const struct argmax_attr *attr = c->attr;
    const lattn_tensor *x = c->in[0];
    struct argmax_push push = { 1, (uint32_t) x->dim[attr->dim], 1 };
    for (int d = 0; d < attr->dim; d++)
        push.outer *= (uint32_t) x->dim[d];
    for (int d = attr->dim + 1; d < x->rank; d++)
        push.inner *= (uint32_t) x->dim[d];

    struct lat_lanes lanes = lat_lanes(push.n, push.inner);
    const uint32_t spec[] = { LAT_REDUCE_GROUP, lanes.lanes, lanes.run_first };
    struct lat_kernel kernel = {
        .shader = &lat_shader_argmax,
        .t = (int) x->dtype,
        .u = LAT_NO_DTYPE,
        .read = { c->in[0] },
        .n_read = 1,
        .write = { c->out[0] },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = lat_ceil_div((uint64_t) push.outer * push.inner, lanes.results),
        .split = {
            .n_rows = push.outer,
            .rows_per_group = LAT_MAX(1, lanes.results / push.inner),
            .groups_per_row = (uint32_t) lat_ceil_div(push.inner, lanes.results),
            .row_elements = { (uint64_t) push.n * push.inner, push.inner },
            .push_n_rows = offsetof(struct argmax_push, outer),
            .push_row0 = LAT_NO_OFFSET,
        },
    };
    return lat_kernel_run(c->ctx, &kernel);
}

const struct lat_op lat_op_argmax = {
    .name = "argmax",
    .n_inputs = 1,
    .n_outputs = 1,
    .attr_bytes = sizeof(struct argmax_attr),
    .no_grad_in = 1,
    .infer = infer,
    .forward = forward,
};

lattn_tensor *lattn_argmax(lattn_ctx *ctx, lattn_tensor *x, int dim, bool keepdim)
{
    if (!x)
        return NULL;
    if (dim < -x->rank || dim >= x->rank)
        return lat_fail(
            ctx, LATTN_ERR_ARG, "argmax: dim %d is outside [%d, %d)", dim, -x->rank, x->rank);
    struct argmax_attr attr = { dim < 0 ? dim + x->rank : dim, keepdim };
    return lat_apply(ctx, &lat_op_argmax, &x, 1, &attr);
}
