// SPDX-License-Identifier: MIT
//
// softmax and log_softmax along one dimension.
//
//   softmax       y = exp(x - max x) / sum exp(x - max x)      dx = y (dy - sum(dy y))
//   log_softmax   y = x - max x - log sum exp(x - max x)       dx = dy - exp(y) sum(dy)
//
// Backward needs only y, so x can be freed as soon as forward has run. The kernels work on rows of a
// contiguous matrix. Any other dimension is moved last with lattn_transpose, a view that lat_apply
// copies only if it must.

#include "ops/row.h"
#include "ops/pointwise.h"
#include "lattn/ops.h"
#include "norm/softmax.abi.h"
#include "lat_shaders.h"

enum {
    WIDE_GROUP = 128,       // invocations of the cpu form: a few rows
    MAX_WIDE_VECTORS = 96,  // of a row, which lies open in the kernel
};

static bool admits_cpu(const struct lat_problem *p)
{
    int64_t lanes = p->caps->subgroup_size;
    return lat_loads_by_address(p->caps) && p->dtype == LATTN_DTYPE_F32 && p->size[0] > 0 &&
           p->size[1] >= lanes && p->size[1] <= MAX_WIDE_VECTORS * lanes;
}

static double cost_cpu(const struct lat_problem *p)
{
    (void) p;
    return 0;
}

enum { STRATEGIES = 3 };
static const struct lat_strategy strategies[STRATEGIES] = {
    { LAT_STRATEGY_BASE, "", NULL, lat_row_cost_base, NULL },
    { LAT_STRATEGY_SUBGROUP, "", lat_row_admits_subgroup, lat_row_cost_subgroup, NULL },
    { LAT_STRATEGY_CPU, "", admits_cpu, cost_cpu, NULL },
};

static lattn_status infer(struct lat_call *c)
{
    LAT_TRY(lat_check_float(c, c->in[0]));
    LAT_TRY(lat_check_count(c->op_name, c->in[0]));
    return lat_out_like(c, 0, c->in[0]);
}

static bool wide_chosen(struct lat_call *c, const struct lat_rows *rows)
{
    struct lat_problem problem = {
        .caps = lat_caps(c->ctx),
        .dtype = c->out[0]->dtype,
        .size = { (int64_t) rows->n_rows, rows->n_cols },
    };
    int row = lat_strategy_select(c->ctx, c->op_name, strategies, STRATEGIES, &problem);
    return strategies[row].kind == LAT_STRATEGY_CPU;
}

static void plan_wide(
    lattn_ctx *ctx, const struct lat_rows *r, struct lat_kernel *k, uint32_t spec[LAT_ROW_SPEC])
{
    const uint32_t lanes = lat_caps(ctx)->subgroup_size;
    spec[0] = WIDE_GROUP;
    spec[1] = lanes;
    spec[2] = r->n_cols;
    k->spec = spec;
    k->n_spec = 3;
    k->split.n_rows = (uint32_t) r->n_rows;
    k->split.rows_per_group = WIDE_GROUP / lanes;
    k->groups = lat_ceil_div(r->n_rows, k->split.rows_per_group);
    for (int i = 0; i < k->n_read; i++)
        k->push_address[i] = (uint16_t) (offsetof(struct softmax_push, address) + 8 * (size_t) i);
    lat_wide_subgroups(ctx, k);
}

static lattn_status run(struct lat_call *c, const struct lat_rows *shaders,
    const struct lat_shader *cpu, struct lat_kernel *k)
{
    struct lat_rows rows = *shaders;
    rows.op = c->op_name;
    rows.n_rows = lat_row_count(c->out[0]);
    rows.n_cols = lat_row_length(c->out[0]);
    struct softmax_push push = { .n_rows = (uint32_t) rows.n_rows, .n_cols = rows.n_cols };
    uint32_t spec[LAT_ROW_SPEC];
    k->t = (int) c->out[0]->dtype;
    k->u = LAT_NO_DTYPE;
    k->push = &push;
    k->push_bytes = sizeof push;
    for (int i = 0; i < k->n_read + k->n_write; i++)
        k->split.row_elements[i] = rows.n_cols;
    k->split.push_row0 = LAT_NO_OFFSET;
    if (wide_chosen(c, &rows)) {
        k->shader = cpu;
        plan_wide(c->ctx, &rows, k, spec);
    } else {
        lat_rows_plan(c->ctx, &rows, k, spec);
    }
    return lat_kernel_run(c->ctx, k);
}

static lattn_status run_forward(
    struct lat_call *c, const struct lat_rows *shaders, const struct lat_shader *cpu)
{
    struct lat_kernel kernel = {
        .read = { c->in[0] },
        .n_read = 1,
        .write = { c->out[0] },
        .n_write = 1,
    };
    return run(c, shaders, cpu, &kernel);
}

static lattn_status run_backward(
    struct lat_call *c, const struct lat_rows *shaders, const struct lat_shader *cpu)
{
    if (!c->grad_in[0] || lat_numel(c->grad_in[0]) == 0)
        return LATTN_OK;
    struct lat_kernel kernel = {
        .read = { c->out[0], c->grad_out[0] },
        .n_read = 2,
        .write = { c->grad_in[0] },
        .n_write = 1,
    };
    return run(c, shaders, cpu, &kernel);
}

static lattn_status softmax_forward(struct lat_call *c)
{
    return run_forward(c,
        &(struct lat_rows){ .base = &lat_shader_softmax_fwd,
            .subgroup = &lat_shader_softmax_fwd_subgroup,
            .n_kept = 1 },
        &lat_shader_softmax_fwd_cpu);
}

static lattn_status softmax_backward(struct lat_call *c)
{
    return run_backward(c,
        &(struct lat_rows){ .base = &lat_shader_softmax_bwd,
            .subgroup = &lat_shader_softmax_bwd_subgroup,
            .n_kept = 2 },
        &lat_shader_softmax_bwd_cpu);
}

static lattn_status log_softmax_forward(struct lat_call *c)
{
    return run_forward(c,
        &(struct lat_rows){ .base = &lat_shader_log_softmax_fwd,
            .subgroup = &lat_shader_log_softmax_fwd_subgroup,
            .n_kept = 1 },
        &lat_shader_log_softmax_fwd_cpu);
}

static lattn_status log_softmax_backward(struct lat_call *c)
{
    return run_backward(c,
        &(struct lat_rows){ .base = &lat_shader_log_softmax_bwd,
            .subgroup = &lat_shader_log_softmax_bwd_subgroup,
            .n_kept = 2 },
        &lat_shader_log_softmax_bwd_cpu);
}

// clang-format off
#define SOFTMAX_OP(name_)                            \
    const struct lat_op lat_op_##name_ = {           \
        .name = #name_,                              \
        .n_inputs = 1,                               \
        .n_outputs = 1,                              \
        .keep_out = 1,                               \
        .infer = infer,                              \
        .forward = name_##_forward,                  \
        .backward = name_##_backward,                \
        .strategies = strategies,                    \
        .n_strategies = STRATEGIES,                  \
    }
// clang-format on
SOFTMAX_OP(softmax);
SOFTMAX_OP(log_softmax);

static lattn_tensor *apply(lattn_ctx *ctx, const struct lat_op *op, lattn_tensor *x, int dim)
{
    if (!x)
        return NULL;  // an earlier error; ctx has it
    int rank = lat_rank(x), last = rank ? rank : 1;
    if (dim < -last || dim >= last)
        return lat_fail(
            ctx, LATTN_ERR_ARG, "%s: dim %d is outside [%d, %d)", op->name, dim, -last, last);
    if (dim == -1 || dim == last - 1)
        return lat_apply(ctx, op, &x, 1, NULL);
    lattn_tensor *rows = lattn_transpose(ctx, x, dim, -1);
    lattn_tensor *y = lat_apply(ctx, op, &rows, 1, NULL);
    return lattn_transpose(ctx, y, dim, -1);
}

lattn_tensor *lattn_softmax(lattn_ctx *ctx, lattn_tensor *x, int dim)
{
    return apply(ctx, &lat_op_softmax, x, dim);
}

lattn_tensor *lattn_log_softmax(lattn_ctx *ctx, lattn_tensor *x, int dim)
{
    return apply(ctx, &lat_op_log_softmax, x, dim);
}
