// SPDX-License-Identifier: MIT
//
// max_pool2d, avg_pool2d and adaptive_avg_pool2d over the planes of [N, C, H, W] or [C, H, W].
//
//   size       H2 = (H1 + 2P - D(F - 1) - 1)/S + 1, rounded down, or up with ceil_mode
//   max        y = the window's largest element, of several the first; dx gets dy there
//   average    y = sum / count; dx gets dy / count from every window it lies in
//   adaptive   window i of n is rows floor(i H / n) to ceil((i + 1) H / n) - 1
//
// max keeps which element it was, one i32 per window: looking for it again would cost the whole window
// for every element of dx. Backward is a gather: each element of dx adds up its windows in order, so
// that overlapping windows need no atomics.

#include "ops/pool.h"
#include "ops/pointwise.h"
#include "lattn/ops.h"
#include "lat_shaders.h"
#include <string.h>

enum {
    PER_GROUP = LAT_POINTWISE_GROUP,
    MAX_CPU_WINDOW = 64,  // elements, all open in the kernel
};

// ---- running ------------------------------------------------------------------------------------

static uint64_t plane_of(const lattn_tensor *t)
{
    return (uint64_t) (lat_dim(t, -1) * lat_dim(t, -2));
}

// The cpu form has strips of windows that lie inside the image; backward, windows that do not overlap,
// because it writes what lies in them.
static bool cpu_fits(const struct lat_call *c, const struct lat_pool_pass *pass)
{
    const struct lat_pool_attr *a = c->attr;
    if ((a->flags & LAT_POOL_ADAPTIVE) || a->out[1] < lat_caps(c->ctx)->subgroup_size ||
        a->kernel[0] * (uint64_t) a->kernel[1] > MAX_CPU_WINDOW)
        return false;
    for (int d = 0; d < 2; d++) {
        uint32_t reach = (a->out[d] - 1) * a->stride[d] + (a->kernel[d] - 1) * a->dilation[d];
        bool overlap = a->stride[d] < a->kernel[d] || a->dilation[d] > 1;
        if (a->padding[d] || reach >= lat_dim(c->in[0], d - 2) || (pass->backward && overlap))
            return false;
    }
    return !(pass->flags & LAT_POOL_ACCUMULATE);
}

// A workgroup per plane. Backward starts from zeros where windows leave elements out.
static lattn_status plan_cpu(struct lat_call *c, struct lat_kernel *k,
    const struct lat_pool_pass *pass, struct pool_push *push)
{
    const struct lat_pool_attr *a = c->attr;
    k->shader = pass->cpu;
    k->groups = push->n_planes;
    k->split.rows_per_group = 1;
    k->split.groups_per_row = 1;
    lat_wide_subgroups(c->ctx, k);
    memcpy(k->push_address, pass->address, sizeof k->push_address);
    if (!(a->flags & LAT_POOL_DIVISOR))
        push->divisor = (float) (a->kernel[0] * a->kernel[1]);
    bool tiled = push->h == a->out[0] * a->kernel[0] && push->w == a->out[1] * a->kernel[1];
    return pass->backward && !tiled ? lat_prim_fill(c->grad_in[0], 0) : LATTN_OK;
}

lattn_status lat_pool_run(
    struct lat_call *c, struct lat_kernel *k, const struct lat_pool_pass *pass)
{
    const lattn_tensor *out = pass->out;
    const struct lat_pool_attr *a = c->attr;
    const lattn_tensor *x = c->in[0];
    uint64_t x_plane = plane_of(x), y_plane = (uint64_t) a->out[0] * a->out[1];
    uint32_t plane = (uint32_t) plane_of(out), row = (uint32_t) lat_dim(out, -1);
    struct lat_divisor by_plane = lat_divisor(plane), by_row = lat_divisor(row);
    struct pool_push push = {
        .n_planes = (uint32_t) ((uint64_t) lat_numel(out) / plane),
        .rows_per_group = LAT_MAX(1, PER_GROUP / plane),
        .h = (uint32_t) lat_dim(x, -2),
        .w = (uint32_t) lat_dim(x, -1),
        .oh = a->out[0],
        .ow = a->out[1],
        .pad_h = a->padding[0],
        .pad_w = a->padding[1],
        .plane_magic = by_plane.magic,
        .plane_shift = by_plane.shift,
        .row_magic = by_row.magic,
        .row_shift = by_row.shift,
        .divisor = a->divisor,
    };
    push.groups_per_row =
        (uint32_t) lat_ceil_div((uint64_t) push.rows_per_group * plane, PER_GROUP);
    uint32_t lanes = lat_caps(c->ctx)->subgroup_size;
    bool cpu = pass->cpu && lat_wide_chosen(c->ctx, c->op_name, x->dtype, cpu_fits(c, pass));
    const uint32_t spec[] = { cpu ? lanes : LAT_POINTWISE_GROUP, a->kernel[0], a->kernel[1],
        a->stride[0], a->stride[1], a->dilation[0], a->dilation[1], a->flags | pass->flags, lanes,
        a->out[1] % 2 == 0 };
    k->shader = pass->base;
    k->t = (int) x->dtype;
    k->u = LAT_NO_DTYPE;
    k->push = &push;
    k->push_bytes = sizeof push;
    k->spec = spec;
    k->n_spec = cpu ? LAT_COUNT(spec) : LAT_COUNT(spec) - 2;
    k->groups = lat_ceil_div(push.n_planes, push.rows_per_group) * (uint64_t) push.groups_per_row;
    k->split = (struct lat_split){
        .n_rows = push.n_planes,
        .rows_per_group = push.rows_per_group,
        .groups_per_row = push.groups_per_row,
        .push_n_rows = offsetof(struct pool_push, n_planes),
        .push_row0 = LAT_NO_OFFSET,
    };
    for (int i = 0; i < k->n_read + k->n_write; i++)
        k->split.row_elements[i] = pass->of_y >> i & 1 ? y_plane : x_plane;
    if (cpu)
        LAT_TRY(plan_cpu(c, k, pass, &push));
    return lat_kernel_run(c->ctx, k);
}

lattn_status lat_pool_infer(struct lat_call *c)
{
    const struct lat_pool_attr *a = c->attr;
    const lattn_tensor *x = c->in[0];
    int64_t dims[LATTN_MAX_RANK];
    LAT_TRY(lat_check_float(c, x));
    LAT_TRY(lat_check_count(c->op_name, x));
    for (int d = 0; d < x->rank; d++)
        dims[d] = x->dim[d];
    dims[x->rank - 2] = a->out[0];
    dims[x->rank - 1] = a->out[1];
    LAT_TRY(lat_out(c, 0, x->dtype, x->rank, dims));
    return lat_check_count(c->op_name, c->out[0]);
}

bool lat_pool_no_gradient(const struct lat_call *c)
{
    return !c->grad_in[0] || lat_numel(c->grad_in[0]) == 0;
}

uint32_t lat_pool_accumulate(const struct lat_call *c)
{
    return c->accumulate & 1 ? LAT_POOL_ACCUMULATE : 0;
}

// ---- max ----------------------------------------------------------------------------------------

static lattn_status max_infer(struct lat_call *c)
{
    LAT_TRY(lat_pool_infer(c));
    if (!c->grad_wanted)
        return LATTN_OK;
    return lat_out(c, 1, LATTN_DTYPE_I32, c->out[0]->rank, c->out[0]->dim);
}

static lattn_status max_forward(struct lat_call *c)
{
    const struct lat_pool_pass pass = {
        .base = &lat_shader_max_pool2d_fwd,
        .cpu = &lat_shader_max_pool2d_fwd_cpu,
        .out = c->out[0],
        .of_y = 1u << 1 | 1u << 2,
        .flags = c->out[1] ? LAT_POOL_KEEP_INDEX : 0,
        .address = { offsetof(struct pool_push, x_address) },
    };
    struct lat_kernel kernel = {
        .read = { c->in[0] },
        .n_read = 1,
        .write = { c->out[0], c->out[1] },
        .n_write = 2,
    };
    return lat_pool_run(c, &kernel, &pass);
}

static lattn_status max_backward(struct lat_call *c)
{
    if (lat_pool_no_gradient(c))
        return LATTN_OK;
    const struct lat_pool_pass pass = {
        .base = &lat_shader_max_pool2d_bwd,
        .cpu = &lat_shader_max_pool2d_bwd_cpu,
        .out = c->grad_in[0],
        .of_y = 1u << 0 | 1u << 1,
        .flags = lat_pool_accumulate(c),
        .backward = true,
        .address = { offsetof(struct pool_push, index_address),
            offsetof(struct pool_push, dy_address) },
    };
    struct lat_kernel kernel = {
        .read = { c->out[1], c->grad_out[0] },
        .n_read = 2,
        .write = { c->grad_in[0] },
        .n_write = 1,
    };
    return lat_pool_run(c, &kernel, &pass);
}

const struct lat_op lat_op_max_pool2d = {
    .name = "max_pool2d",
    .n_inputs = 1,
    .n_outputs = 2,
    .attr_bytes = sizeof(struct lat_pool_attr),
    .keep_out = 1u << 1,
    .can_accumulate = 1,
    .infer = max_infer,
    .forward = max_forward,
    .backward = max_backward,
    .strategies = lat_wide_strategies,
    .n_strategies = LAT_WIDE_STRATEGIES,
};

// ---- averages -----------------------------------------------------------------------------------

static lattn_status avg_forward(struct lat_call *c)
{
    const struct lat_pool_pass pass = {
        .base = &lat_shader_avg_pool2d_fwd,
        .cpu = &lat_shader_avg_pool2d_fwd_cpu,
        .out = c->out[0],
        .of_y = 1u << 1,
        .address = { offsetof(struct pool_push, x_address) },
    };
    struct lat_kernel kernel = {
        .read = { c->in[0] },
        .n_read = 1,
        .write = { c->out[0] },
        .n_write = 1,
    };
    return lat_pool_run(c, &kernel, &pass);
}

static lattn_status avg_backward(struct lat_call *c)
{
    if (lat_pool_no_gradient(c))
        return LATTN_OK;
    const struct lat_pool_pass pass = {
        .base = &lat_shader_avg_pool2d_bwd,
        .cpu = &lat_shader_avg_pool2d_bwd_cpu,
        .out = c->grad_in[0],
        .of_y = 1u << 0,
        .flags = lat_pool_accumulate(c),
        .backward = true,
        .address = { offsetof(struct pool_push, dy_address) },
    };
    struct lat_kernel kernel = {
        .read = { c->grad_out[0] },
        .n_read = 1,
        .write = { c->grad_in[0] },
        .n_write = 1,
    };
    return lat_pool_run(c, &kernel, &pass);
}

// clang-format off
#define AVG_OP(name_)                           \
    const struct lat_op lat_op_##name_ = {      \
        .name = #name_,                         \
        .n_inputs = 1,                          \
        .n_outputs = 1,                         \
        .attr_bytes = sizeof(struct lat_pool_attr), \
        .can_accumulate = 1,                    \
        .infer = lat_pool_infer,                         \
        .forward = avg_forward,                 \
        .backward = avg_backward,               \
        .strategies = lat_wide_strategies,      \
        .n_strategies = LAT_WIDE_STRATEGIES,    \
    }
// clang-format on
AVG_OP(avg_pool2d);
AVG_OP(adaptive_avg_pool2d);

// ---- the public functions -----------------------------------------------------------------------

// Planes of at least one element.
bool lat_pool_check(lattn_ctx *ctx, const char *op, const lattn_tensor *x)
{
    if (x->rank != 3 && x->rank != 4) {
        lat_fail(ctx, LATTN_ERR_SHAPE, "%s: x is %s, it must be [N, C, H, W] or [C, H, W]", op,
            LAT_SHAPE(x));
        return false;
    }
    for (int d = -2; d < 0; d++)
        if (lat_dim(x, d) < 1 || lat_dim(x, d) > LAT_POOL_MAX_SIZE) {
            lat_fail(ctx, LATTN_ERR_SHAPE, "%s: height and width of x %s must lie in [1, %d]", op,
                LAT_SHAPE(x), LAT_POOL_MAX_SIZE);
            return false;
        }
    return true;
}

// One of the two sizes of a window, where 0 stands for another value.
static bool take(
    lattn_ctx *ctx, const char *op, const char *what, int64_t v, int64_t otherwise, uint32_t *out)
{
    v = v ? v : otherwise;
    if (v < 1 || v > LAT_POOL_MAX_SIZE) {
        lat_fail(ctx, LATTN_ERR_ARG, "%s: %s %lld is outside [1, %d]", op, what, (long long) v,
            LAT_POOL_MAX_SIZE);
        return false;
    }
    *out = (uint32_t) v;
    return true;
}

// H2 = (H1 + 2P - D(F - 1) - 1)/S + 1 along dimension d, with a sentence where that does not go.
static bool size_along(lattn_ctx *ctx, const char *op, const lattn_tensor *x,
    const lattn_pool2d_args *args, int d, struct lat_pool_attr *a)
{
    int64_t size = lat_dim(x, d - 2), pad = args->padding[d];
    if (!take(ctx, op, "kernel", args->kernel[d], args->kernel[0], &a->kernel[d]) ||
        !take(ctx, op, "stride", args->stride[d],
            d && args->stride[0] ? a->stride[0] : a->kernel[d], &a->stride[d]) ||
        !take(ctx, op, "dilation", args->dilation[d], d ? a->dilation[0] : 1, &a->dilation[d]))
        return false;
    if (pad < 0 || pad > a->kernel[d] / 2) {
        lat_fail(ctx, LATTN_ERR_ARG, "%s: padding %lld is not between 0 and half the kernel, %u/2",
            op, (long long) pad, a->kernel[d]);
        return false;
    }
    a->padding[d] = (uint32_t) pad;
    int64_t span = (int64_t) a->dilation[d] * (a->kernel[d] - 1) + 1, room = size + 2 * pad - span;
    if (room < 0) {
        lat_fail(ctx, LATTN_ERR_SHAPE,
            "%s: x is %s; %s = (%s + 2P - D(F - 1) - 1)/S + 1 = (%lld + 2*%lld - %u*(%u - 1) - "
            "1)/%u "
            "+ 1 is below 1",
            op, LAT_SHAPE(x), d ? "W2" : "H2", d ? "W1" : "H1", (long long) size, (long long) pad,
            a->dilation[d], a->kernel[d], a->stride[d]);
        return false;
    }
    int64_t n = (room + (args->ceil_mode ? a->stride[d] - 1 : 0)) / a->stride[d] + 1;
    // The last window starts inside the image or before it.
    if (args->ceil_mode && (n - 1) * a->stride[d] >= size + pad)
        n--;
    a->out[d] = (uint32_t) n;
    return true;
}

static lattn_tensor *pool(lattn_ctx *ctx, const struct lat_op *op, lattn_tensor *x,
    const lattn_pool2d_args *args, struct lat_pool_attr *a)
{
    if (!x || !lat_pool_check(ctx, op->name, x))
        return NULL;
    for (int d = 0; d < 2; d++)
        if (!size_along(ctx, op->name, x, args, d, a))
            return NULL;
    return lat_apply(ctx, op, &x, 1, a);
}

lattn_tensor *lattn_max_pool2d(lattn_ctx *ctx, lattn_tensor *x, const lattn_pool2d_args *args)
{
    LAT_NEED_ARG(ctx, args);
    struct lat_pool_attr attr = { .flags = 0 };
    if (args->exclude_pad || args->divisor)
        return lat_fail(
            ctx, LATTN_ERR_ARG, "max_pool2d: exclude_pad and divisor are for avg_pool2d");
    return pool(ctx, &lat_op_max_pool2d, x, args, &attr);
}

lattn_tensor *lattn_avg_pool2d(lattn_ctx *ctx, lattn_tensor *x, const lattn_pool2d_args *args)
{
    LAT_NEED_ARG(ctx, args);
    struct lat_pool_attr attr = {
        .flags =
            (args->exclude_pad ? LAT_POOL_EXCLUDE_PAD : 0) | (args->divisor ? LAT_POOL_DIVISOR : 0),
        .divisor = args->divisor,
    };
    if (args->dilation[0] > 1 || args->dilation[1] > 1)
        return lat_fail(ctx, LATTN_ERR_ARG, "avg_pool2d: dilation %lld x %lld, it must be 1",
            (long long) args->dilation[0], (long long) args->dilation[1]);
    return pool(ctx, &lat_op_avg_pool2d, x, args, &attr);
}

lattn_tensor *lattn_adaptive_avg_pool2d(
    lattn_ctx *ctx, lattn_tensor *x, int64_t height, int64_t width)
{
    const char *op = lat_op_adaptive_avg_pool2d.name;
    if (!x || !lat_pool_check(ctx, op, x))
        return NULL;
    if (height < 1 || width < 1)
        return lat_fail(ctx, LATTN_ERR_ARG, "%s: %lld x %lld results, both must be at least 1", op,
            (long long) height, (long long) width);
    if (height == 1 && width == 1)
        return lattn_mean(ctx, x, (const int[]){ -2, -1 }, 2, true);
    // The kernel multiplies positions by sizes in 32 bits.
    int64_t h = lat_dim(x, -2), w = lat_dim(x, -1);
    if (height > UINT32_MAX / (h + 1) - 1 || width > UINT32_MAX / (w + 1) - 1)
        return lat_fail(ctx, LATTN_ERR_UNSUPPORTED,
            "%s: %lld x %lld results from x %s: height times height or width times width pass 2^32",
            op, (long long) height, (long long) width, LAT_SHAPE(x));
    struct lat_pool_attr attr = {
        .out = { (uint32_t) height, (uint32_t) width },
        .kernel = { 1, 1 },
        .stride = { 1, 1 },
        .dilation = { 1, 1 },
        .flags = LAT_POOL_ADAPTIVE,
    };
    return lat_apply(ctx, &lat_op_adaptive_avg_pool2d, &x, 1, &attr);
}
