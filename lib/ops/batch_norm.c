// SPDX-License-Identifier: MIT
//
// batch_norm over [N, C, ...]: each channel to mean 0 and variance 1, scaled and shifted, with a residual
// and a ReLU behind it in the same pass.
//
//   forward    h = (x - mean) rstd,  y = h weight + bias,  rstd = 1 / sqrt(var + eps)
//   backward   dx = weight rstd (g - mean(g) - h mean(g h)), or weight rstd g with running statistics
//              dweight = sum of g h,  dbias = sum of g,  g = dy, 0 where the ReLU cut
//
// Sums over a channel are made per chunk of images or part of an image, then over the chunks in order: the
// chunks depend on the shape alone. Each chunk has its own mean and squared deviations from it; E[x^2] -
// mean^2 would cancel. One small table with a row per channel is all that the pass over the elements
// reads besides them. It is kept for backward, so that running statistics may change in between.
// Source: Ioffe & Szegedy 2015, arXiv:1502.03167, algorithms 1 and 2.

#include "ops/pointwise.h"
#include "lattn/ops.h"
#include "norm/batch_norm.abi.h"
#include "lat_shaders.h"
#include <math.h>

enum {
    CHUNK = 4096,       // elements of a sum, about
    SUM_GROUP = 64,     // invocations that make it
    CPU_PLANES = 1024,  // elements of a workgroup of the cpu walk, where planes are smaller
    PER_GROUP = LAT_POINTWISE_GROUP * 4 * LAT_BATCH_NORM_QUADS,
};

enum { X, WEIGHT, BIAS, RESIDUAL, RUNNING_MEAN, RUNNING_VAR, BATCHES, INPUTS };
enum { Y, TABLE };

struct batch_norm_attr {
    float eps, momentum;
    bool batch, relu;  // statistics of the batch
};

// ---- shapes -------------------------------------------------------------------------------------

static struct batch_norm_push push_of(const lattn_tensor *x)
{
    uint32_t images = (uint32_t) x->dim[0], channels = (uint32_t) x->dim[1];
    uint32_t plane = (uint32_t) (lat_numel(x) / LAT_MAX(1, (int64_t) images * channels));
    struct lat_divisor by_channels = lat_divisor(LAT_MAX(channels, 1));
    struct batch_norm_push push = {
        .n_images = images,
        .channels = channels,
        .plane = plane,
        .images_per_block = LAT_MAX(1, CHUNK / LAT_MAX(plane, 1)),
        .parts = 1,
        .part_length = plane,
        .channels_magic = by_channels.magic,
        .channels_shift = by_channels.shift,
    };
    if (plane > CHUNK) {
        uint32_t parts = (uint32_t) lat_ceil_div(plane, CHUNK);
        push.part_length = ((uint32_t) lat_ceil_div(plane, parts) + 3) / 4 * 4;
        push.parts = (uint32_t) lat_ceil_div(plane, push.part_length);
    }
    push.n_blocks = (uint32_t) lat_ceil_div(images, push.images_per_block);
    return push;
}

static void set_plane_divisor(struct batch_norm_push *push, uint32_t plane)
{
    struct lat_divisor d = lat_divisor(LAT_MAX(plane, 1));
    push->plane_magic = d.magic;
    push->plane_shift = d.shift;
}

// Whether the cpu forms have whole sets of vectors to take from each plane and part.
static bool cpu_fits(const lattn_ctx *ctx, const struct batch_norm_push *push)
{
    uint32_t last = push->plane - (push->parts - 1) * push->part_length;
    return last >= 4 * lat_caps(ctx)->subgroup_size;
}

// ---- passes -------------------------------------------------------------------------------------

// A kernel that walks over x; bit i of per_element: binding i is as long as x.
struct pass {
    const struct lat_shader *base, *cpu;
    uint32_t per_element;
    uint32_t flags;
    bool sums;  // a workgroup per chunk, whose result is the last binding
    uint16_t address[LAT_MAX_BINDINGS];
};

// Chunks: rows are blocks of images. The results are few, and bound whole: a block's would rarely start
// where a binding may.
static void plan_sums(struct lat_kernel *k, const struct pass *pass, struct batch_norm_push *push)
{
    uint64_t image = (uint64_t) push->channels * push->plane;
    set_plane_divisor(push, push->part_length);
    push->n = push->n_blocks;
    k->split.n_rows = push->n_blocks;
    k->split.rows_per_group = 1;
    k->split.groups_per_row = push->channels * push->parts;
    for (int i = 0; i < k->n_read; i++)
        k->split.row_elements[i] = pass->per_element >> i & 1 ? image * push->images_per_block : 0;
}

// Elements, or planes in the cpu form.
static void plan_elements(
    struct lat_kernel *k, const struct pass *pass, struct batch_norm_push *push, bool cpu)
{
    uint32_t planes = push->n_images * push->channels;
    set_plane_divisor(push, push->plane);
    push->images_per_block = LAT_MAX(1, CPU_PLANES / push->plane);
    push->n = cpu ? planes : planes * push->plane;
    k->split.n_rows = push->n;
    k->split.rows_per_group = cpu ? push->images_per_block : PER_GROUP;
    k->split.groups_per_row = 1;
    for (int i = 0; i < k->n_read + k->n_write; i++)
        k->split.row_elements[i] = !(pass->per_element >> i & 1) ? 0 : cpu ? push->plane : 1;
}

static lattn_status run(struct lat_call *c, struct lat_kernel *k, const struct pass *pass)
{
    const lattn_tensor *x = c->in[X];
    const uint32_t add = LAT_BATCH_NORM_ADD_DX | LAT_BATCH_NORM_ADD_RESIDUAL;
    struct batch_norm_push push = push_of(x);
    uint32_t lanes = lat_caps(c->ctx)->subgroup_size;
    bool fits = cpu_fits(c->ctx, &push) && !(pass->flags & add);
    bool cpu = lat_wide_chosen(c->ctx, "batch_norm", x->dtype, fits);
    if (pass->sums)
        plan_sums(k, pass, &push);
    else
        plan_elements(k, pass, &push, cpu);
    uint32_t group = cpu ? lanes : pass->sums ? SUM_GROUP : LAT_POINTWISE_GROUP;
    const uint32_t spec[] = { group, pass->flags, cpu ? lanes : push.plane % 4 == 0,
        push.plane % 2 == 0 };
    k->shader = cpu ? pass->cpu : pass->base;
    k->t = (int) x->dtype;
    k->u = LAT_NO_DTYPE;
    k->push = &push;
    k->push_bytes = sizeof push;
    k->spec = spec;
    k->n_spec = LAT_COUNT(spec);
    k->groups = lat_ceil_div(k->split.n_rows, k->split.rows_per_group) * k->split.groups_per_row;
    k->split.push_n_rows = offsetof(struct batch_norm_push, n);
    k->split.push_row0 = offsetof(struct batch_norm_push, row0);
    if (cpu) {
        lat_wide_subgroups(c->ctx, k);
        for (int i = 0; i < k->n_read; i++)
            k->push_address[i] = pass->address[i];
    }
    return lat_kernel_run(c->ctx, k);
}

#define ADDRESS(name_) offsetof(struct batch_norm_push, name_##_address)

// Pairs of f32 for every chunk.
static lattn_tensor *new_partial(struct lat_call *c)
{
    struct batch_norm_push push = push_of(c->in[X]);
    const int64_t dims[] = { push.n_blocks, push.parts, push.channels, 2 };
    return lat_tensor_new(c->ctx, LATTN_DTYPE_F32, 4, dims);
}

// A kernel with a workgroup per channel.
static lattn_status run_channels(struct lat_call *c, struct lat_kernel *k, uint32_t flags)
{
    const struct batch_norm_attr *attr = c->attr;
    struct batch_norm_push push = push_of(c->in[X]);
    const uint32_t spec[] = { SUM_GROUP };
    push.flags = flags | (attr->batch ? LAT_BATCH_NORM_BATCH : 0);
    push.eps = attr->eps;
    push.momentum = attr->momentum;
    if (!k->read[0])
        push.n_blocks = 0;
    k->t = (int) c->in[X]->dtype;
    k->u = LAT_NO_DTYPE;
    k->push = &push;
    k->push_bytes = sizeof push;
    k->spec = spec;
    k->n_spec = LAT_COUNT(spec);
    k->groups = push.channels;
    return lat_kernel_run(c->ctx, k);
}

// ---- forward ------------------------------------------------------------------------------------

static lattn_status infer(struct lat_call *c)
{
    const lattn_tensor *x = c->in[X];
    LAT_TRY(lat_check_float(c, x));
    LAT_TRY(lat_check_count(c->op_name, x));
    LAT_TRY(lat_out_like(c, Y, x));
    if (!c->grad_wanted)
        return LATTN_OK;
    return lat_out(c, TABLE, LATTN_DTYPE_F32, 2, (int64_t[]){ x->dim[1], LAT_BATCH_NORM_COLUMNS });
}

static lattn_status make_partial(struct lat_call *c, lattn_tensor **partial)
{
    *partial = new_partial(c);
    if (!*partial)
        return c->ctx->error;
    const struct pass pass = {
        .base = &lat_shader_batch_norm_stats,
        .cpu = &lat_shader_batch_norm_stats_cpu,
        .per_element = 1u << 0,
        .sums = true,
        .address = { ADDRESS(x) },
    };
    struct lat_kernel kernel = {
        .read = { c->in[X] },
        .n_read = 1,
        .write = { *partial },
        .n_write = 1,
    };
    return run(c, &kernel, &pass);
}

static lattn_status make_table(struct lat_call *c, lattn_tensor *table)
{
    const struct batch_norm_attr *attr = c->attr;
    lattn_tensor *partial = NULL;
    if (attr->batch)
        LAT_TRY(make_partial(c, &partial));
    bool update = attr->batch && c->in[RUNNING_MEAN];
    uint32_t flags = (c->in[WEIGHT] ? LAT_BATCH_NORM_WEIGHT : 0) |
                     (c->in[BIAS] ? LAT_BATCH_NORM_BIAS : 0) |
                     (update ? LAT_BATCH_NORM_UPDATE : 0) |
                     (update && c->in[BATCHES] ? LAT_BATCH_NORM_COUNT : 0);
    struct lat_kernel kernel = {
        .shader = &lat_shader_batch_norm_table,
        .read = { partial, c->in[WEIGHT], c->in[BIAS] },
        .n_read = 3,
        .write = { table, c->in[RUNNING_MEAN], c->in[RUNNING_VAR], c->in[BATCHES] },
        .n_write = 4,
    };
    LAT_TRY(run_channels(c, &kernel, flags));
    for (int i = RUNNING_MEAN; i <= BATCHES && update; i++)
        if (c->in[i])
            lat_tensor_touch(c->in[i]);
    return LATTN_OK;
}

static lattn_status forward(struct lat_call *c)
{
    const struct batch_norm_attr *attr = c->attr;
    const int64_t dims[] = { c->in[X]->dim[1], LAT_BATCH_NORM_COLUMNS };
    lattn_tensor *table =
        c->out[TABLE] ? c->out[TABLE] : lat_tensor_new(c->ctx, LATTN_DTYPE_F32, 2, dims);
    if (!table)
        return c->ctx->error;
    LAT_TRY(make_table(c, table));
    const struct pass pass = {
        .base = &lat_shader_batch_norm_fwd,
        .cpu = &lat_shader_batch_norm_fwd_cpu,
        .per_element = 1u << 0 | 1u << 1 | 1u << 3,
        .flags = (attr->relu ? LAT_BATCH_NORM_RELU : 0) |
                 (c->in[RESIDUAL] ? LAT_BATCH_NORM_RESIDUAL : 0),
        .address = { ADDRESS(x), ADDRESS(y), ADDRESS(table) },
    };
    struct lat_kernel kernel = {
        .read = { c->in[X], c->in[RESIDUAL], table },
        .n_read = 3,
        .write = { c->out[Y] },
        .n_write = 1,
    };
    return run(c, &kernel, &pass);
}

// ---- backward -----------------------------------------------------------------------------------

// Without a ReLU the residual's gradient is that of the result.
static lattn_tensor *pass_grad(struct lat_call *c, int i)
{
    const struct batch_norm_attr *attr = c->attr;
    return i == RESIDUAL && !attr->relu ? c->grad_out[Y] : NULL;
}

// y is there for its sign alone.
static lattn_tensor *cut_by(const struct lat_call *c)
{
    const struct batch_norm_attr *attr = c->attr;
    return attr->relu ? c->out[Y] : NULL;
}

static lattn_status make_sums(struct lat_call *c, lattn_tensor **partial)
{
    const struct batch_norm_attr *attr = c->attr;
    if (!attr->batch && !c->grad_in[WEIGHT] && !c->grad_in[BIAS])
        return LATTN_OK;
    *partial = new_partial(c);
    if (!*partial)
        return c->ctx->error;
    const struct pass pass = {
        .base = &lat_shader_batch_norm_bwd_sum,
        .cpu = &lat_shader_batch_norm_bwd_sum_cpu,
        .per_element = 1u << 0 | 1u << 1 | 1u << 2,
        .flags = attr->relu ? LAT_BATCH_NORM_RELU : 0,
        .sums = true,
        .address = { ADDRESS(x), ADDRESS(y), ADDRESS(dy) },
    };
    struct lat_kernel kernel = {
        .read = { c->in[X], cut_by(c), c->grad_out[Y], c->out[TABLE] },
        .n_read = 4,
        .write = { *partial },
        .n_write = 1,
    };
    return run(c, &kernel, &pass);
}

// Gradients of weight and bias, and the table of the pass over the elements.
static lattn_status make_slopes(struct lat_call *c, lattn_tensor *slopes)
{
    lattn_tensor *partial = NULL;
    LAT_TRY(make_sums(c, &partial));
    uint32_t flags = (c->grad_in[WEIGHT] ? LAT_BATCH_NORM_WEIGHT : 0) |
                     (c->grad_in[BIAS] ? LAT_BATCH_NORM_BIAS : 0) |
                     (c->accumulate >> WEIGHT & 1 ? LAT_BATCH_NORM_ADD_WEIGHT : 0) |
                     (c->accumulate >> BIAS & 1 ? LAT_BATCH_NORM_ADD_BIAS : 0);
    struct lat_kernel kernel = {
        .shader = &lat_shader_batch_norm_bwd_table,
        .read = { partial, c->out[TABLE] },
        .n_read = 2,
        .write = { slopes, c->grad_in[WEIGHT], c->grad_in[BIAS] },
        .n_write = 3,
    };
    return run_channels(c, &kernel, flags);
}

static lattn_status backward_elements(struct lat_call *c, lattn_tensor *slopes)
{
    const struct batch_norm_attr *attr = c->attr;
    const struct pass pass = {
        .base = &lat_shader_batch_norm_bwd,
        .cpu = &lat_shader_batch_norm_bwd_cpu,
        .per_element = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 4 | 1u << 5,
        .flags = (attr->relu ? LAT_BATCH_NORM_RELU : 0) |
                 (c->grad_in[RESIDUAL] ? LAT_BATCH_NORM_RESIDUAL : 0) |
                 (c->grad_in[X] ? LAT_BATCH_NORM_DX : 0) |
                 (c->accumulate >> X & 1 ? LAT_BATCH_NORM_ADD_DX : 0) |
                 (c->accumulate >> RESIDUAL & 1 ? LAT_BATCH_NORM_ADD_RESIDUAL : 0),
        .address = { ADDRESS(x), ADDRESS(y), ADDRESS(dy), ADDRESS(table) },
    };
    struct lat_kernel kernel = {
        .read = { c->in[X], cut_by(c), c->grad_out[Y], slopes },
        .n_read = 4,
        .write = { c->grad_in[X], c->grad_in[RESIDUAL] },
        .n_write = 2,
    };
    return run(c, &kernel, &pass);
}

static lattn_status backward(struct lat_call *c)
{
    if (lat_numel(c->in[X]) == 0) {
        for (int i = WEIGHT; i <= BIAS; i++)
            if (c->grad_in[i] && !(c->accumulate >> i & 1))
                LAT_TRY(lat_prim_fill(c->grad_in[i], 0));
        return LATTN_OK;
    }
    const int64_t dims[] = { c->in[X]->dim[1], LAT_BATCH_NORM_COLUMNS };
    lattn_tensor *slopes = lat_tensor_new(c->ctx, LATTN_DTYPE_F32, 2, dims);
    if (!slopes)
        return c->ctx->error;
    LAT_TRY(make_slopes(c, slopes));
    return c->grad_in[X] || c->grad_in[RESIDUAL] ? backward_elements(c, slopes) : LATTN_OK;
}

// ---- the op -------------------------------------------------------------------------------------

// clang-format off
#define BATCH_NORM_OP(keep_out_)                                   \
    {                                                              \
        .name = "batch_norm",                                      \
        .n_inputs = INPUTS,                                        \
        .n_outputs = 2,                                            \
        .attr_bytes = sizeof(struct batch_norm_attr),              \
        .keep_in = 1u << X,                                        \
        .keep_out = keep_out_,                                     \
        .no_grad_in = 1u << RUNNING_MEAN | 1u << RUNNING_VAR | 1u << BATCHES, \
        .can_accumulate = 1u << X | 1u << WEIGHT | 1u << BIAS | 1u << RESIDUAL, \
        .infer = infer,                                            \
        .forward = forward,                                        \
        .backward = backward,                                      \
        .pass_grad = pass_grad,                                    \
        .strategies = lat_wide_strategies,                         \
        .n_strategies = LAT_WIDE_STRATEGIES,                       \
    }
// clang-format on
const struct lat_op lat_op_batch_norm = BATCH_NORM_OP(1u << TABLE);
// With a ReLU backward needs the result's sign, too.
static const struct lat_op op_with_relu = BATCH_NORM_OP(1u << TABLE | 1u << Y);

// A vector with an element for each channel.
static bool check_channels(
    lattn_ctx *ctx, const lattn_tensor *x, const char *what, const lattn_tensor *v, bool running)
{
    lattn_dtype dtype = running ? LATTN_DTYPE_F32 : x->dtype;
    if (!v)
        return true;
    if (v->dtype != dtype)
        lat_fail(ctx, LATTN_ERR_DTYPE, "batch_norm: %s is %s, it must be %s", what,
            lattn_dtype_name(v->dtype), lattn_dtype_name(dtype));
    else if (v->rank != 1 || v->dim[0] != x->dim[1] || (running && !lat_is_contiguous(v)))
        lat_fail(ctx, LATTN_ERR_SHAPE, "batch_norm: %s is %s%s, x %s needs [%lld]", what,
            LAT_SHAPE(v), lat_is_contiguous(v) ? "" : " with strides", LAT_SHAPE(x),
            (long long) x->dim[1]);
    else
        return true;
    return false;
}

static bool check_residual(lattn_ctx *ctx, const lattn_tensor *x, const lattn_tensor *residual)
{
    if (!residual)
        return true;
    if (residual->dtype != x->dtype)
        lat_fail(ctx, LATTN_ERR_DTYPE, "batch_norm: residual is %s, x is %s",
            lattn_dtype_name(residual->dtype), lattn_dtype_name(x->dtype));
    else if (!lat_same_shape(x, residual))
        lat_fail(ctx, LATTN_ERR_SHAPE, "batch_norm: residual is %s, x is %s", LAT_SHAPE(residual),
            LAT_SHAPE(x));
    else
        return true;
    return false;
}

static bool check_args(lattn_ctx *ctx, const lattn_tensor *x, const lattn_batch_norm_args *args)
{
    if (x->rank < 2) {
        lat_fail(ctx, LATTN_ERR_SHAPE, "batch_norm: x is %s, it must be [N, C, ...]", LAT_SHAPE(x));
        return false;
    }
    if (!(args->eps >= 0) || !isfinite(args->eps) ||
        !(args->momentum >= 0 && args->momentum <= 1)) {
        lat_fail(ctx, LATTN_ERR_ARG,
            "batch_norm: eps = %g must be finite and not negative, momentum = %g within [0, 1]",
            (double) args->eps, (double) args->momentum);
        return false;
    }
    if (!args->running_mean != !args->running_var || (args->frozen && !args->running_mean)) {
        lat_fail(ctx, LATTN_ERR_ARG, "batch_norm: running_mean is %s, running_var is %s%s",
            args->running_mean ? "given" : "NULL", args->running_var ? "given" : "NULL",
            args->frozen ? ", frozen needs both" : "");
        return false;
    }
    const lattn_tensor *batches = args->num_batches_tracked;
    if (batches && (batches->dtype != LATTN_DTYPE_I32 || lat_numel(batches) != 1)) {
        lat_fail(ctx, LATTN_ERR_ARG, "batch_norm: num_batches_tracked is %s %s, it must be one i32",
            lattn_dtype_name(batches->dtype), LAT_SHAPE(batches));
        return false;
    }
    return check_channels(ctx, x, "running_mean", args->running_mean, true) &&
           check_channels(ctx, x, "running_var", args->running_var, true) &&
           check_residual(ctx, x, args->residual);
}

lattn_tensor *lattn_batch_norm(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight,
    lattn_tensor *bias, const lattn_batch_norm_args *args)
{
    const lattn_batch_norm_args defaults = { 0 };
    args = args ? args : &defaults;
    if (!x || !check_args(ctx, x, args) || !check_channels(ctx, x, "weight", weight, false) ||
        !check_channels(ctx, x, "bias", bias, false))
        return NULL;
    const struct batch_norm_attr attr = {
        .eps = args->eps > 0 ? args->eps : 1e-5f,
        .momentum = args->momentum > 0 ? args->momentum : 0.1f,
        .batch = !args->frozen && (lattn_is_training(ctx) || !args->running_mean),
        .relu = args->relu,
    };
    if (attr.batch && x->dim[1] > 0 && lat_numel(x) == x->dim[1])
        return lat_fail(ctx, LATTN_ERR_SHAPE,
            "batch_norm: x is %s: statistics of a batch need more than one value per channel",
            LAT_SHAPE(x));
    return lat_apply(ctx, args->relu ? &op_with_relu : &lat_op_batch_norm,
        (lattn_tensor *[]){ x, weight, bias, args->residual, args->running_mean, args->running_var,
            args->num_batches_tracked },
        INPUTS, &attr);
}
