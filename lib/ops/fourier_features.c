// SPDX-License-Identifier: MIT
//
// fourier_features: sines and cosines of coordinates at doubling frequencies.

#include "ops/pointwise.h"
#include "lattn/ops.h"
#include "position/fourier.abi.h"
#include "lat_shaders.h"

struct fourier_attr {
    uint32_t n_waves;
};

static lattn_status infer(struct lat_call *c)
{
    const struct fourier_attr *attr = c->attr;
    const lattn_tensor *x = c->in[0];
    int64_t dims[LATTN_MAX_RANK];
    LAT_TRY(lat_check_float(c, x));
    if (x->rank < 1)
        return lat_err(LATTN_ERR_SHAPE, "fourier_features: x is a scalar, [..., d] is needed");
    for (int d = 0; d < x->rank; d++)
        dims[d] = x->dim[d];
    dims[x->rank - 1] *= 2 * (int64_t) attr->n_waves;
    LAT_TRY(lat_out(c, 0, x->dtype, x->rank, dims));
    return lat_check_count(c->op_name, c->out[0]);
}

// from and to: x and y, or x with the gradient of y as the second of three.
static lattn_status run(struct lat_call *c, struct lat_kernel *k, uint64_t per_element)
{
    const struct fourier_attr *attr = c->attr;
    uint64_t waves = 2 * (uint64_t) attr->n_waves;
    struct fourier_push push = {
        .n = (uint32_t) lat_numel(c->in[0]),
        .n_waves = attr->n_waves,
        .accumulate = c->accumulate & 1,
    };
    const uint32_t spec[] = { LAT_POINTWISE_GROUP };
    k->t = (int) c->in[0]->dtype;
    k->u = LAT_NO_DTYPE;
    k->push = &push;
    k->push_bytes = sizeof push;
    k->spec = spec;
    k->n_spec = LAT_COUNT(spec);
    k->groups = lat_ceil_div(push.n * per_element, LAT_POINTWISE_GROUP);
    k->split = (struct lat_split){
        .n_rows = push.n,
        .rows_per_group = LAT_POINTWISE_GROUP,
        .groups_per_row = (uint32_t) per_element,
        .row_elements = { 1, waves, 1 },
        .push_n_rows = offsetof(struct fourier_push, n),
        .push_row0 = LAT_NO_OFFSET,
    };
    return lat_kernel_run(c->ctx, k);
}

static lattn_status forward(struct lat_call *c)
{
    const struct fourier_attr *attr = c->attr;
    struct lat_kernel kernel = {
        .shader = &lat_shader_fourier_fwd,
        .read = { c->in[0] },
        .n_read = 1,
        .write = { c->out[0] },
        .n_write = 1,
    };
    return run(c, &kernel, attr->n_waves);
}

static lattn_status backward(struct lat_call *c)
{
    if (!c->grad_in[0])
        return LATTN_OK;
    struct lat_kernel kernel = {
        .shader = &lat_shader_fourier_bwd,
        .read = { c->in[0], c->grad_out[0] },
        .n_read = 2,
        .write = { c->grad_in[0] },
        .n_write = 1,
    };
    return run(c, &kernel, 1);
}

const struct lat_op lat_op_fourier_features = {
    .name = "fourier_features",
    .n_inputs = 1,
    .n_outputs = 1,
    .attr_bytes = sizeof(struct fourier_attr),
    .keep_in = 1,
    .can_accumulate = 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

lattn_tensor *lattn_fourier_features(lattn_ctx *ctx, lattn_tensor *x, int n_waves)
{
    if (!x)
        return NULL;
    if (n_waves < 1 || n_waves > 64)
        return lat_fail(
            ctx, LATTN_ERR_ARG, "fourier_features: n_waves %d is outside [1, 64]", n_waves);
    struct fourier_attr attr = { .n_waves = (uint32_t) n_waves };
    return lat_apply(ctx, &lat_op_fourier_features, &x, 1, &attr);
}
