// SPDX-License-Identifier: MIT
//
// rotary: pairs of elements turned by an angle from a table, one row of it for each position.
//
// Backward turns the other way with the same kernel.

#include "ops/pointwise.h"
#include "lattn/ops.h"
#include "position/rotary.abi.h"
#include "lat_shaders.h"

enum { X, TABLE, POSITIONS };

struct rotary_attr {
    bool interleaved;
};

static lattn_status infer(struct lat_call *c)
{
    LAT_TRY(lat_check_float(c, c->in[X]));
    LAT_TRY(lat_check_count(c->op_name, c->in[X]));
    return lat_out_like(c, 0, c->in[X]);
}

// The fewest rows that fill whole workgroups, so that long tensors can be cut between them.
static uint32_t rows_per_cut(uint32_t per_row)
{
    uint32_t rows = LAT_POINTWISE_GROUP;
    for (; rows > 1 && per_row % 2 == 0; per_row /= 2)
        rows /= 2;
    return rows;
}

static lattn_status run(struct lat_call *c, lattn_tensor *from, lattn_tensor *to, uint32_t flags)
{
    const struct rotary_attr *attr = c->attr;
    const int64_t *dim = c->in[X]->dim, *table = c->in[TABLE]->dim;
    uint32_t items = (uint32_t) (dim[3] - table[1] / 2);
    uint32_t per_row = (uint32_t) dim[2] * items;
    struct lat_divisor by_row = lat_divisor(per_row), by_items = lat_divisor(items);
    struct rotary_push push = {
        .n_rows = (uint32_t) (dim[0] * dim[1]),
        .n_tokens = (uint32_t) dim[1],
        .n_heads = (uint32_t) dim[2],
        .n_dims = (uint32_t) dim[3],
        .n_turned = (uint32_t) table[1],
        .n_places = (uint32_t) table[0],
        .per_row = per_row,
        .row_magic = by_row.magic,
        .row_shift = by_row.shift,
        .head_magic = by_items.magic,
        .head_shift = by_items.shift,
        .flags = flags | (attr->interleaved ? LAT_ROTARY_INTERLEAVED : 0) |
                 (c->in[POSITIONS] ? LAT_ROTARY_PLACES : 0),
    };
    const uint32_t spec[] = { LAT_POINTWISE_GROUP };
    uint32_t rows = rows_per_cut(per_row);
    uint64_t row = (uint64_t) (dim[2] * dim[3]);
    struct lat_kernel kernel = {
        .shader = &lat_shader_rotary,
        .t = (int) to->dtype,
        .u = LAT_NO_DTYPE,
        .read = { from, c->in[TABLE], c->in[POSITIONS] },
        .n_read = 3,
        .write = { to },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = lat_ceil_div((uint64_t) push.n_rows * per_row, LAT_POINTWISE_GROUP),
        .split = {
            .n_rows = push.n_rows,
            .rows_per_group = rows,
            .groups_per_row = rows * per_row / LAT_POINTWISE_GROUP,
            .row_elements = { row, 0, 0, row },
            .push_n_rows = offsetof(struct rotary_push, n_rows),
            .push_row0 = offsetof(struct rotary_push, row0),
        },
    };
    return lat_kernel_run(c->ctx, &kernel);
}

static lattn_status forward(struct lat_call *c)
{
    return run(c, c->in[X], c->out[0], 0);
}

static lattn_status backward(struct lat_call *c)
{
    if (!c->grad_in[X] || lat_numel(c->grad_in[X]) == 0)
        return LATTN_OK;
    return run(c, c->grad_out[0], c->grad_in[X],
        LAT_ROTARY_BACK | (c->accumulate & 1 ? LAT_ROTARY_ADD : 0));
}

const struct lat_op lat_op_rotary = {
    .name = "rotary",
    .n_inputs = 3,
    .n_outputs = 1,
    .attr_bytes = sizeof(struct rotary_attr),
    .keep_in = 1u << TABLE | 1u << POSITIONS,
    .no_grad_in = 1u << TABLE | 1u << POSITIONS,
    .can_accumulate = 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

static bool fits(const lattn_tensor *x, const lattn_tensor *table)
{
    return x->rank == 4 && table->rank == 2 && table->dim[0] >= 1 && table->dim[1] >= 2 &&
           table->dim[1] % 2 == 0 && table->dim[1] <= x->dim[3];
}

lattn_tensor *lattn_rotary(
    lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *table, lattn_tensor *positions, bool interleaved)
{
    if (!x || !table)
        return NULL;
    if (!fits(x, table))
        return lat_fail(ctx, LATTN_ERR_SHAPE,
            "rotary: x %s and table %s are not [B, T, H, D] and [P, R] with R even and at most D",
            LAT_SHAPE(x), LAT_SHAPE(table));
    if (table->dtype != LATTN_DTYPE_F32 || (positions && positions->dtype != LATTN_DTYPE_I32))
        return lat_fail(ctx, LATTN_ERR_DTYPE,
            "rotary: table is %s and positions are %s, not f32 and i32",
            lattn_dtype_name(table->dtype), positions ? lattn_dtype_name(positions->dtype) : "i32");
    int64_t dims[] = { x->dim[0], x->dim[1] };
    bool one = positions && positions->rank == 1 && positions->dim[0] == dims[1];
    bool each = positions && positions->rank == 2 && positions->dim[0] == dims[0] &&
                positions->dim[1] == dims[1];
    if (positions && !one && !each)
        return lat_fail(ctx, LATTN_ERR_SHAPE,
            "rotary: positions %s are neither [%lld] nor [%lld, %lld]", LAT_SHAPE(positions),
            (long long) dims[1], (long long) dims[0], (long long) dims[1]);
    if (one)
        positions = lattn_contiguous(ctx, lattn_expand(ctx, positions, 2, dims));
    lattn_tensor *in[] = { x, table, positions };
    struct rotary_attr attr = { .interleaved = interleaved };
    return one && !positions ? NULL : lat_apply(ctx, &lat_op_rotary, in, 3, &attr);
}
