// SPDX-License-Identifier: MIT
//
// layer_norm and rms_norm over the last dimension, of n elements.
//
//   forward    h = (x - mean) rstd,  y = h weight + bias,  rstd = 1 / sqrt(var + eps)
//   backward   g = dy weight,  dx = rstd (g - mean(g) - h mean(g h))
//              dweight = sum over rows of dy h,  dbias = sum over rows of dy
//   rms_norm   the same with mean = 0, without mean(g) and bias
//
// The variance is that of the deviations from the mean, in a second pass over the row; E[x^2] -
// mean^2 would cancel. Mean and rstd of each row are kept for backward. Sums over rows are made per
// block of rows, then over the blocks in order: the blocks depend on the shape alone, so that the
// gradient has the same bits in every run. On CPU drivers the kernel that makes dx makes a block's sums too.
// Sources: Ba, Kiros & Hinton 2016, arXiv:1607.06450; Zhang & Sennrich 2019, arXiv:1910.07467.

#include "ops/layer_norm.h"
#include "ops/internal.h"
#include "ops/pointwise.h"
#include "ops/row.h"
#include "lattn/ops.h"
#include "lat_shaders.h"
#include <math.h>

enum {
    COLS_GROUP = 64,         // invocations of the column kernels, four columns each
    ROWS_PER_BLOCK = 32,     // at least
    MIN_BLOCKS = 64,         // before blocks grow
    WANTED_COLUMNS = 65536,  // sums side by side that keep a large device busy
    WIDE_SPEC = 6,           // constants of the cpu strategy; the others have LAT_ROW_SPEC, fewer
    MAX_WIDE_STEPS = 32,     // of four vectors, in its row
    MAX_STRIP_STEPS = 8,     // and in its strip of columns
};

struct layer_norm_attr {
    float eps;
    bool rms;
};

// ---- shared with dropout_add_layer_norm and embed_layer_norm ------------------------------------

static lattn_status check_vector(
    struct lat_call *c, const char *what, const lattn_tensor *x, const lattn_tensor *v)
{
    if (!v)
        return LATTN_OK;
    if (v->dtype != x->dtype)
        return lat_err(LATTN_ERR_DTYPE, "%s: %s is %s, x is %s", c->op_name, what,
            lattn_dtype_name(v->dtype), lattn_dtype_name(x->dtype));
    if (v->rank != 1 || v->dim[0] != lat_dim(x, -1))
        return lat_err(LATTN_ERR_SHAPE, "%s: %s is %s, the last dimension of x %s needs [%lld]",
            c->op_name, what, LAT_SHAPE(v), LAT_SHAPE(x), (long long) lat_dim(x, -1));
    return LATTN_OK;
}

lattn_status lat_norm_check(
    struct lat_call *c, const lattn_tensor *x, const lattn_tensor *weight, const lattn_tensor *bias)
{
    LAT_TRY(lat_check_float(c, x));
    LAT_TRY(lat_check_count(c->op_name, x));
    if (x->rank == 0)
        return lat_err(
            LATTN_ERR_SHAPE, "%s: x is a scalar, there is no dimension to normalise", c->op_name);
    LAT_TRY(check_vector(c, "weight", x, weight));
    return check_vector(c, "bias", x, bias);
}

bool lat_norm_eps_ok(float eps)
{
    return eps >= 0 && isfinite(eps);
}

lattn_status lat_norm_outputs(struct lat_call *c, const lattn_tensor *x)
{
    LAT_TRY(lat_out_like(c, 0, x));
    if (!c->grad_wanted)
        return LATTN_OK;
    return lat_out(c, 1, LATTN_DTYPE_F32, 2, (int64_t[]){ (int64_t) lat_row_count(x), 2 });
}

// A whole row lies open in the kernel, so it must not be too long.
static bool admits_cpu(const struct lat_problem *p)
{
    int64_t step = 4 * (int64_t) p->caps->subgroup_size;
    return lat_loads_by_address(p->caps) && p->dtype == LATTN_DTYPE_F32 && p->size[1] % step == 0 &&
           p->size[1] <= MAX_WIDE_STEPS * step;
}

static double cost_cpu(const struct lat_problem *p)
{
    (void) p;
    return 0;
}

const struct lat_strategy lat_norm_strategies[LAT_NORM_STRATEGIES] = {
    { LAT_STRATEGY_BASE, "", NULL, lat_row_cost_base, NULL },
    { LAT_STRATEGY_SUBGROUP, "", lat_row_admits_subgroup, lat_row_cost_subgroup, NULL },
    { LAT_STRATEGY_CPU, "", admits_cpu, cost_cpu, NULL },
};

static bool wide_chosen(lattn_ctx *ctx, const char *op, const lattn_tensor *x)
{
    struct lat_problem problem = {
        .caps = lat_caps(ctx),
        .dtype = x->dtype,
        .size = { (int64_t) lat_row_count(x), lat_row_length(x) },
    };
    int row = lat_strategy_select(ctx, op, lat_norm_strategies, LAT_NORM_STRATEGIES, &problem);
    return lat_norm_strategies[row].kind == LAT_STRATEGY_CPU;
}

static void fill_wide_spec(
    lattn_ctx *ctx, const struct layer_norm_push *push, uint32_t columns, uint32_t spec[WIDE_SPEC])
{
    spec[0] = spec[1] = lat_caps(ctx)->subgroup_size;
    spec[2] = columns;
    spec[3] = push->flags;
    spec[4] = push->drop_below != 0;
    spec[5] = push->n_cols % 2 == 0;
}

static void push_addresses(struct lat_kernel *k, const uint8_t binding[LAT_NORM_ADDRESSES])
{
    for (size_t i = 0; i < LAT_NORM_ADDRESSES; i++)
        if (binding[i] != LAT_NORM_NO_BINDING)
            k->push_address[binding[i]] =
                (uint16_t) (offsetof(struct layer_norm_push, address) + 8 * i);
}

static void plan_wide(lattn_ctx *ctx, const struct lat_norm_shaders *s,
    const struct layer_norm_push *push, struct lat_kernel *k, uint32_t spec[WIDE_SPEC])
{
    fill_wide_spec(ctx, push, push->n_cols, spec);
    k->shader = s->cpu;
    k->spec = spec;
    k->n_spec = WIDE_SPEC;
    k->groups = k->split.n_rows = push->n_rows;
    k->split.rows_per_group = 1;
    lat_wide_subgroups(ctx, k);
    push_addresses(k, s->address);
}

lattn_status lat_norm_rows_run(lattn_ctx *ctx, const char *op, const lattn_tensor *x,
    const struct lat_norm_shaders *s, struct layer_norm_push *push, struct lat_kernel *k)
{
    struct lat_rows rows = {
        .op = op,
        .base = s->base,
        .subgroup = s->subgroup,
        .n_rows = lat_row_count(x),
        .n_cols = lat_row_length(x),
        .n_kept = s->n_kept,
    };
    push->n_rows = (uint32_t) rows.n_rows;
    push->n_cols = rows.n_cols;
    uint32_t spec[WIDE_SPEC];
    k->t = (int) x->dtype;
    k->u = LAT_NO_DTYPE;
    k->push = push;
    k->push_bytes = sizeof *push;
    for (int i = 0; i < k->n_read + k->n_write; i++)
        k->split.row_elements[i] = i == s->stats ? 2 : s->whole >> i & 1 ? 0 : rows.n_cols;
    k->split.push_row0 = offsetof(struct layer_norm_push, row0);
    if (s->cpu && wide_chosen(ctx, op, x))
        plan_wide(ctx, s, push, k, spec);
    else
        lat_rows_plan(ctx, &rows, k, spec);
    return lat_kernel_run(ctx, k);
}

// ---- backward -----------------------------------------------------------------------------------

// Rows of a block: sums over rows are made of at least ROWS_PER_BLOCK. Depends on the shape alone.
static uint32_t block_rows(uint64_t n_rows, uint32_t n_cols, bool sums)
{
    uint64_t most = LAT_MAX(MIN_BLOCKS, WANTED_COLUMNS / n_cols);
    return (uint32_t) LAT_MAX(sums ? ROWS_PER_BLOCK : 1, lat_ceil_div(n_rows, most));
}

static struct layer_norm_push backward_push(const struct lat_norm_backward *b, uint32_t flags)
{
    uint32_t n_cols = lat_row_length(b->dy);
    uint64_t n_rows = lat_row_count(b->dy);
    uint32_t rows = block_rows(n_rows, n_cols, flags & (LAT_NORM_DWEIGHT | LAT_NORM_DBIAS));
    return (struct layer_norm_push){
        .n_rows = (uint32_t) n_rows,
        .n_cols = n_cols,
        .flags = flags,
        .drop_below = flags & LAT_NORM_DX ? b->drop_below : 0,
        .keep_scale = b->keep_scale,
        .op = b->random_op,
        .n_blocks = (uint32_t) lat_ceil_div(n_rows, rows),
        .rows_per_block = rows,
        .groups_per_block = 1,
    };
}

static uint32_t row_flags(const struct lat_norm_backward *b)
{
    return (b->dx ? LAT_NORM_DX : 0) | (b->dresidual ? LAT_NORM_DRES : 0) |
           (b->add_x ? LAT_NORM_ADD_DX : 0) | (b->add_residual ? LAT_NORM_ADD_DRES : 0) |
           (b->weight ? LAT_NORM_WEIGHT : 0) | (b->rms ? LAT_NORM_RMS : 0);
}

static uint32_t sum_flags(const struct lat_norm_backward *b)
{
    return (b->dweight ? LAT_NORM_DWEIGHT : 0) | (b->dbias ? LAT_NORM_DBIAS : 0);
}

// Gradients of the rows, a dispatch of their own.
static lattn_status backward_rows(lattn_ctx *ctx, const struct lat_norm_backward *b)
{
    struct layer_norm_push push = backward_push(b, row_flags(b));
    struct lat_norm_shaders shaders = { .n_kept = 2, .stats = 2 };
    struct lat_kernel kernel = { .read = { b->v, b->weight, b->stats, b->dy } };
    if (b->normalised) {
        shaders.base = &lat_shader_dropout_add_layer_norm_bwd;
        shaders.subgroup = &lat_shader_dropout_add_layer_norm_bwd_subgroup;
        shaders.whole = 1u << 1 | 1u << 4;
        kernel.read[4] = b->random;
        kernel.n_read = 5;
        kernel.write[0] = b->dx;
        kernel.write[1] = b->dresidual;
        kernel.n_write = 2;
    } else {
        shaders.base = &lat_shader_layer_norm_bwd;
        shaders.subgroup = &lat_shader_layer_norm_bwd_subgroup;
        shaders.whole = 1u << 1;
        kernel.n_read = 4;
        kernel.write[0] = b->dx;
        kernel.n_write = 1;
    }
    return lat_norm_rows_run(ctx, b->op, b->dy, &shaders, &push, &kernel);
}

static lattn_status sum_blocks(lattn_ctx *ctx, const struct lat_norm_backward *b,
    lattn_tensor *partial, struct layer_norm_push *push)
{
    push->flags |=
        (b->add_weight ? LAT_NORM_ADD_DWEIGHT : 0) | (b->add_bias ? LAT_NORM_ADD_DBIAS : 0);
    const uint32_t spec[] = { COLS_GROUP };
    struct lat_kernel kernel = {
        .shader = &lat_shader_layer_norm_bwd_sum,
        .t = (int) b->dy->dtype,
        .u = LAT_NO_DTYPE,
        .read = { partial },
        .n_read = 1,
        .write = { b->dweight, b->dbias },
        .n_write = 2,
        .push = push,
        .push_bytes = sizeof *push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = lat_ceil_div(push->n_cols, COLS_GROUP),
    };
    return lat_kernel_run(ctx, &kernel);
}

// What dispatches over blocks of rows have in common; push must live until k has run.
static void plan_blocks(
    const struct lat_norm_backward *b, struct layer_norm_push *push, struct lat_kernel *k)
{
    k->t = (int) b->dy->dtype;
    k->u = LAT_NO_DTYPE;
    k->push = push;
    k->push_bytes = sizeof *push;
    k->groups = (uint64_t) push->n_blocks * push->groups_per_block;
    k->split.n_rows = push->n_blocks;
    k->split.rows_per_group = 1;
    k->split.groups_per_row = push->groups_per_block;
    k->split.push_n_rows = offsetof(struct layer_norm_push, n_blocks);
    k->split.push_row0 = offsetof(struct layer_norm_push, block0);
}

// Gradients of weight and bias, in two passes.
static lattn_status backward_sums(lattn_ctx *ctx, const struct lat_norm_backward *b)
{
    struct layer_norm_push push = backward_push(b, sum_flags(b));
    const uint32_t n_cols = push.n_cols;
    const uint64_t rows = push.rows_per_block;
    push.groups_per_block = (uint32_t) lat_ceil_div(n_cols, 4 * COLS_GROUP);
    lattn_tensor *partial =
        lat_tensor_new(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ push.n_blocks, 2, n_cols });
    if (!partial)
        return ctx->error;
    const uint32_t spec[] = { COLS_GROUP, n_cols % 4 == 0, b->normalised };
    struct lat_kernel kernel = {
        .shader = &lat_shader_layer_norm_bwd_cols,
        .read = { b->v, b->stats, b->dy },
        .n_read = 3,
        .write = { partial },
        .n_write = 1,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .split.row_elements = { rows * n_cols, 2 * rows, rows * n_cols, 2 * (uint64_t) n_cols },
    };
    plan_blocks(b, &push, &kernel);
    LAT_TRY(lat_kernel_run(ctx, &kernel));
    return sum_blocks(ctx, b, partial, &push);
}

// Columns of a strip: of those that cover a row with the least work the widest.
static uint32_t strip_columns(uint32_t n_cols, uint32_t step)
{
    uint32_t best = step;
    uint64_t least = UINT64_MAX;
    for (uint32_t width = step; width <= LAT_MIN(n_cols, MAX_STRIP_STEPS * step); width += step) {
        uint64_t covered = lat_ceil_div(n_cols, width) * width;
        if (covered <= least) {
            best = width;
            least = covered;
        }
    }
    return best;
}

// The cpu strategy: everything that flags ask for at once, strips of so many columns.
static lattn_status backward_wide(
    lattn_ctx *ctx, const struct lat_norm_backward *b, uint32_t flags, uint32_t columns)
{
    struct layer_norm_push push =
        backward_push(b, flags | (b->normalised ? LAT_NORM_NORMALISED : 0));
    push.groups_per_block = (uint32_t) lat_ceil_div(push.n_cols, columns);
    push.strip = columns;
    lattn_tensor *sums[] = { b->dweight, b->dbias }, *partial[] = { NULL, NULL };
    for (int i = 0; i < 2; i++) {
        bool wanted = flags & (i ? LAT_NORM_DBIAS : LAT_NORM_DWEIGHT);
        int64_t dims[] = { push.n_blocks, push.n_cols };
        partial[i] = wanted ? lat_tensor_new(ctx, LATTN_DTYPE_F32, 2, dims) : NULL;
        if (wanted && !partial[i])
            return ctx->error;
    }
    uint32_t spec[WIDE_SPEC];
    fill_wide_spec(ctx, &push, columns, spec);
    const uint64_t rows = push.rows_per_block, elements = rows * push.n_cols;
    bool dx = flags & LAT_NORM_DX, dresidual = flags & LAT_NORM_DRES;
    struct lat_kernel kernel = {
        .shader = &lat_shader_layer_norm_bwd_cpu,
        .read = { b->v, b->weight, b->stats, b->dy, b->random },
        .n_read = 5,
        .write = { dx ? b->dx : NULL, dresidual ? b->dresidual : NULL, partial[0], partial[1] },
        .n_write = 4,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .split.row_elements = { elements, 0, 2 * rows, elements, 0, elements, elements, push.n_cols,
            push.n_cols },
    };
    plan_blocks(b, &push, &kernel);
    lat_wide_subgroups(ctx, &kernel);
    push_addresses(&kernel, (const uint8_t[]){ 0, 1, 3, 5, 6 });
    LAT_TRY(lat_kernel_run(ctx, &kernel));
    bool add[] = { b->add_weight, b->add_bias };
    for (int i = 0; i < 2; i++)
        if (partial[i])
            LAT_TRY(lat_sum_to(ctx, partial[i], sums[i], add[i]));
    return LATTN_OK;
}

static lattn_status zero(lattn_tensor *t, bool add)
{
    return t && !add ? lat_prim_fill(t, 0) : LATTN_OK;
}

lattn_status lat_norm_backward(lattn_ctx *ctx, const struct lat_norm_backward *b)
{
    uint32_t n_cols = lat_row_length(b->dy), sums = sum_flags(b);
    if (lat_numel(b->dy) == 0) {
        LAT_TRY(zero(b->dweight, b->add_weight));
        return zero(b->dbias, b->add_bias);
    }
    if (b->dx || b->dresidual) {
        if (wide_chosen(ctx, b->op, b->dy))
            return backward_wide(ctx, b, row_flags(b) | sums, n_cols);
        LAT_TRY(backward_rows(ctx, b));
    }
    if (!sums)
        return LATTN_OK;
    uint32_t step = 4 * lat_caps(ctx)->subgroup_size;
    if (lat_wide_chosen(ctx, b->op, b->dy->dtype, n_cols >= step))
        return backward_wide(ctx, b, sums, strip_columns(n_cols, step));
    return backward_sums(ctx, b);
}

// ---- the op -------------------------------------------------------------------------------------

enum { X, WEIGHT, BIAS };

static lattn_status infer(struct lat_call *c)
{
    LAT_TRY(lat_norm_check(c, c->in[X], c->in[WEIGHT], c->in[BIAS]));
    return lat_norm_outputs(c, c->in[X]);
}

static lattn_status forward(struct lat_call *c)
{
    const struct layer_norm_attr *attr = c->attr;
    struct layer_norm_push push = {
        .flags = (c->in[WEIGHT] ? LAT_NORM_WEIGHT : 0) | (c->in[BIAS] ? LAT_NORM_BIAS : 0) |
                 (c->out[1] ? LAT_NORM_STATS : 0) | (attr->rms ? LAT_NORM_RMS : 0),
        .eps = attr->eps,
    };
    const struct lat_norm_shaders shaders = {
        .base = &lat_shader_layer_norm_fwd,
        .subgroup = &lat_shader_layer_norm_fwd_subgroup,
        .cpu = &lat_shader_layer_norm_fwd_cpu,
        .address = { 0, 1, 2, LAT_NORM_NO_BINDING, LAT_NORM_NO_BINDING },
        .n_kept = 1,
        .whole = 1u << 1 | 1u << 2,
        .stats = 4,
    };
    struct lat_kernel kernel = {
        .read = { c->in[X], c->in[WEIGHT], c->in[BIAS] },
        .n_read = 3,
        .write = { c->out[0], c->out[1] },
        .n_write = 2,
    };
    return lat_norm_rows_run(c->ctx, c->op_name, c->in[X], &shaders, &push, &kernel);
}

lattn_status lat_layer_norm_forward(
    lattn_ctx *ctx, lattn_tensor *const in[3], float eps, lattn_tensor *const out[2])
{
    const struct layer_norm_attr attr = { .eps = eps };
    struct lat_call c = {
        .ctx = ctx,
        .op_name = "layer_norm",
        .attr = &attr,
        .in = { in[X], in[WEIGHT], in[BIAS] },
        .out = { out[0], out[1] },
    };
    return forward(&c);
}

static lattn_status backward(struct lat_call *c)
{
    const struct layer_norm_attr *attr = c->attr;
    const struct lat_norm_backward b = {
        .op = c->op_name,
        .v = c->in[X],
        .stats = c->out[1],
        .rms = attr->rms,
        .weight = c->in[WEIGHT],
        .dy = c->grad_out[0],
        .dx = c->grad_in[X],
        .dweight = c->grad_in[WEIGHT],
        .dbias = c->grad_in[BIAS],
        .add_x = c->accumulate >> X & 1,
        .add_weight = c->accumulate >> WEIGHT & 1,
        .add_bias = c->accumulate >> BIAS & 1,
    };
    return lat_norm_backward(c->ctx, &b);
}

// clang-format off
#define NORM_OP(name_)                                           \
    const struct lat_op lat_op_##name_ = {                       \
        .name = #name_,                                          \
        .n_inputs = 3,                                           \
        .n_outputs = 2,                                          \
        .attr_bytes = sizeof(struct layer_norm_attr),            \
        .keep_in = 1u << X | 1u << WEIGHT,                       \
        .keep_out = 1u << 1,                                     \
        .can_accumulate = 1u << X | 1u << WEIGHT | 1u << BIAS,   \
        .infer = infer,                                          \
        .forward = forward,                                      \
        .backward = backward,                                    \
        .strategies = lat_norm_strategies,                       \
        .n_strategies = LAT_NORM_STRATEGIES,                     \
    }
// clang-format on
NORM_OP(layer_norm);
NORM_OP(rms_norm);

lattn_tensor *lattn_layer_norm(
    lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight, lattn_tensor *bias, float eps)
{
    if (!x)
        return NULL;
    if (!lat_norm_eps_ok(eps))
        return lat_fail(ctx, LATTN_ERR_ARG, "layer_norm: eps = %g must be finite and not negative",
            (double) eps);
    const struct layer_norm_attr attr = { .eps = eps };
    return lat_apply(ctx, &lat_op_layer_norm, (lattn_tensor *[]){ x, weight, bias }, 3, &attr);
}

lattn_tensor *lattn_rms_norm(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight, float eps)
{
    if (!x)
        return NULL;
    if (!lat_norm_eps_ok(eps))
        return lat_fail(
            ctx, LATTN_ERR_ARG, "rms_norm: eps = %g must be finite and not negative", (double) eps);
    const struct layer_norm_attr attr = { .eps = eps, .rms = true };
    return lat_apply(ctx, &lat_op_rms_norm, (lattn_tensor *[]){ x, weight, NULL }, 3, &attr);
}
