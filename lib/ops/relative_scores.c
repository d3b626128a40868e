// SPDX-License-Identifier: MIT
//
// relative_scores: what embeddings of distances add to the scores of attention.
//
//   products   every query, and key, with the embedding of every distance there is: a linear layer
//   op         picks of each row of products those of the distances to the other side's places, which lie side by
//              side, one step further in every row
//
// The products are freed once the scores are there; attention keeps those as its mask.

#include <math.h>
#include "ops/pointwise.h"
#include "lattn/ops.h"
#include "position/relative_scores.abi.h"
#include "lat_shaders.h"

enum { QUERIES, KEYS, N_INPUTS };

struct relative_attr {
    float scale;
    int64_t n_keys;
};

static lattn_status infer(struct lat_call *c)
{
    const lattn_tensor *x = c->in[QUERIES];
    const struct relative_attr *attr = c->attr;
    const int64_t dims[] = { x->dim[0], x->dim[1], x->dim[2], attr->n_keys };
    LAT_TRY(lat_check_count(c->op_name, x));
    if (c->in[KEYS])
        LAT_TRY(lat_check_count(c->op_name, c->in[KEYS]));
    return lat_out(c, 0, LATTN_DTYPE_F32, 4, dims);
}

// per_row: elements that a row of the dispatch writes.
static lattn_status run(struct lat_call *c, struct lat_kernel *k, uint64_t per_row, bool of_keys)
{
    const struct relative_attr *attr = c->attr;
    const lattn_tensor *x = c->in[QUERIES];
    struct relative_scores_push push = {
        .n_rows = (uint32_t) (x->dim[0] * x->dim[1]),
        .n_queries = (uint32_t) x->dim[2],
        .n_keys = (uint32_t) attr->n_keys,
        .n_distances = (uint32_t) x->dim[3],
        .groups_per_row = (uint32_t) lat_ceil_div(per_row, LAT_POINTWISE_GROUP),
        .of_keys = of_keys,
        .scale = attr->scale,
    };
    const uint32_t spec[] = { LAT_POINTWISE_GROUP };
    k->t = (int) x->dtype;
    k->u = LAT_NO_DTYPE;
    k->push = &push;
    k->push_bytes = sizeof push;
    k->spec = spec;
    k->n_spec = LAT_COUNT(spec);
    k->groups = (uint64_t) push.n_rows * push.groups_per_row;
    k->split.n_rows = push.n_rows;
    k->split.rows_per_group = 1;
    k->split.groups_per_row = push.groups_per_row;
    k->split.push_n_rows = offsetof(struct relative_scores_push, n_rows);
    k->split.push_row0 = LAT_NO_OFFSET;
    return lat_kernel_run(c->ctx, k);
}

static uint64_t row_of(const lattn_tensor *t)
{
    return (uint64_t) (t->dim[2] * t->dim[3]);
}

static lattn_status forward(struct lat_call *c)
{
    const lattn_tensor *keys = c->in[KEYS];
    uint64_t scores = row_of(c->out[0]);
    struct lat_kernel kernel = {
        .shader = &lat_shader_relative_scores_fwd,
        .read = { c->in[QUERIES], c->in[KEYS] },
        .n_read = 2,
        .write = { c->out[0] },
        .n_write = 1,
        .split.row_elements = { row_of(c->in[QUERIES]), keys ? row_of(keys) : 0, scores },
    };
    return run(c, &kernel, scores, keys != NULL);
}

static lattn_status backward(struct lat_call *c)
{
    for (int i = QUERIES; i <= KEYS; i++) {
        if (!c->grad_in[i] || lat_numel(c->grad_in[i]) == 0)
            continue;
        uint64_t products = row_of(c->grad_in[i]);
        struct lat_kernel kernel = {
            .shader = &lat_shader_relative_scores_bwd,
            .read = { c->grad_out[0] },
            .n_read = 1,
            .write = { c->grad_in[i] },
            .n_write = 1,
            .split.row_elements = { row_of(c->grad_out[0]), products },
        };
        LAT_TRY(run(c, &kernel, products, i == KEYS));
    }
    return LATTN_OK;
}

const struct lat_op lat_op_relative_scores = {
    .name = "relative_scores",
    .n_inputs = N_INPUTS,
    .n_outputs = 1,
    .attr_bytes = sizeof(struct relative_attr),
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

// ---- public -----------------------------------------------------------------------------------------

static bool check(lattn_ctx *ctx, const lattn_tensor *q, const lattn_tensor *k,
    const lattn_tensor *table, const lattn_relative_args *args)
{
    if (!lat_is_float(q->dtype) || k->dtype != q->dtype || table->dtype != q->dtype) {
        lat_fail(ctx, LATTN_ERR_DTYPE,
            "relative_scores: q, k, table are %s, %s, %s, not one float dtype",
            lattn_dtype_name(q->dtype), lattn_dtype_name(k->dtype), lattn_dtype_name(table->dtype));
        return false;
    }
    bool good = q->rank == 4 && k->rank == 4 && table->rank == 2 && q->dim[0] == k->dim[0] &&
                q->dim[3] == k->dim[3] && table->dim[1] == q->dim[3] && table->dim[0] % 2 == 1 &&
                (!args->of_keys || q->dim[1] == k->dim[1]);
    if (!good)
        lat_fail(ctx, LATTN_ERR_SHAPE,
            "relative_scores: q %s, k %s and table %s must be [B, H, T, D], [B, H, S, D] and [2 P "
            "- 1, D]",
            LAT_SHAPE(q), LAT_SHAPE(k), LAT_SHAPE(table));
    else if (q->dim[2] < 1 || k->dim[2] < 1 ||
             LAT_MAX(q->dim[2], k->dim[2]) > table->dim[0] / 2 + 1)
        lat_fail(ctx, LATTN_ERR_SHAPE,
            "relative_scores: %lld queries, %lld keys: table %s has distances for 1 to %lld",
            (long long) q->dim[2], (long long) k->dim[2], LAT_SHAPE(table),
            (long long) table->dim[0] / 2 + 1);
    else if (!isfinite(args->scale))
        lat_fail(ctx, LATTN_ERR_ARG, "relative_scores: scale is %g", (double) args->scale);
    else
        return true;
    return false;
}

// Each query or key with each distance: [B, H, n, distances]. Made contiguous, all rows are one matrix.
static lattn_tensor *products(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *distances)
{
    return lattn_linear(ctx, lattn_contiguous(ctx, x), distances, NULL, LATTN_EPILOGUE_NONE);
}

lattn_tensor *lattn_relative_scores(lattn_ctx *ctx, lattn_tensor *q, lattn_tensor *k,
    lattn_tensor *table, const lattn_relative_args *args)
{
    const lattn_relative_args none = { 0 };
    if (!q || !k || !table)
        return NULL;
    if (!args)
        args = &none;
    if (!check(ctx, q, k, table, args))
        return NULL;
    int64_t middle = table->dim[0] / 2;
    lattn_tensor *distances =
        lattn_slice(ctx, table, 0, middle - (q->dim[2] - 1), middle + k->dim[2], 1);
    lattn_tensor *in[N_INPUTS] = { NULL, NULL };
    in[QUERIES] = products(ctx, q, distances);
    in[KEYS] = args->of_keys ? products(ctx, k, distances) : NULL;
    if (args->of_keys && !in[KEYS])
        return NULL;
    struct relative_attr attr = {
        .scale = args->scale != 0 ? args->scale : (float) (1 / sqrt((double) q->dim[3])),
        .n_keys = k->dim[2],
    };
    return lat_apply(ctx, &lat_op_relative_scores, in, N_INPUTS, &attr);
}
