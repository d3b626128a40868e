// SPDX-License-Identifier: MIT
//
// add, sub, mul, div, pow with broadcasting.
//
//     y = a op b          da = sum over a's broadcast dimensions of g dy/da,  g = dL/dy
//
// Three kernels: binary_fwd_cpu where a row repeats and the device is a CPU; binary_fwd where both operands are
// contiguous or one repeats in a simple way (bias, scalar); binary_fwd_strided for all others. The gradients of
// add, sub and mul are made by the same kernels; those of div and pow by binary_bwd. A gradient goes straight to its place where the operand
// was not broadcast, else through a temporary of the result's shape and lat_sum_to.

#include "ops/pointwise.h"
#include "ops/internal.h"
#include "lattn/ops.h"
#include "pointwise/binary.abi.h"
#include "lat_shaders.h"

struct binary_attr {
    uint32_t kind;
};

// out (+)= a op b. out is contiguous, a and b broadcast to it.
struct binary {
    uint32_t kind;
    lattn_tensor *a, *b, *out;
    bool accumulate;
};

enum {
    PER_GROUP = LAT_POINTWISE_GROUP * LAT_BINARY_PER_THREAD,
    FLAT_PER_GROUP = LAT_POINTWISE_GROUP * LAT_BINARY_QUADS_PER_THREAD * 4,
};

// ---- contiguous, or one operand repeating --------------------------------------------------------

// How the flat kernel reads its operands.
struct flat {
    uint32_t repeat, read;  // LAT_BINARY_NEITHER ..., LAT_BINARY_QUADS ...
    uint32_t period, inner;
};

// Whether operand i is laid out as the result is.
static bool is_full(const struct lat_operands *o, int i)
{
    int64_t expected = 1;
    for (int d = o->rank - 1; d >= 0; d--) {
        if (o->stride[i][d] != expected)
            return false;
        expected *= o->dim[d];
    }
    return true;
}

// Matches operand i against [outer repeated][period][inner repeated], each part optional.
static bool find_period(const struct lat_operands *o, int i, struct flat *f)
{
    int d = o->rank - 1;
    f->period = f->inner = 1;
    if (d >= 0 && o->stride[i][d] == 0)
        f->inner = (uint32_t) o->dim[d--];
    if (d >= 0 && o->stride[i][d] == 1)
        f->period = (uint32_t) o->dim[d--];
    if (f->period == 1)  // a scalar: any cut will do
        f->inner = 1;
    if (d >= 0 && o->stride[i][d] == 0)
        d--;
    f->read = f->inner == 1 && f->period % 4 == 0   ? LAT_BINARY_QUADS
              : f->period == 1 || f->inner % 4 == 0 ? LAT_BINARY_ONE
                                                    : LAT_BINARY_ELEMENTS;
    return d < 0;
}

static bool plan_flat(const struct binary *op, const struct lat_operands *o, struct flat *f)
{
    *f = (struct flat){ .repeat = LAT_BINARY_NEITHER, .period = 1, .inner = 1 };
    if (is_full(o, 0) && is_full(o, 1))
        f->repeat = LAT_BINARY_NEITHER;
    else if (is_full(o, 0) && find_period(o, 1, f))
        f->repeat = LAT_BINARY_REPEAT_B;
    else if (is_full(o, 1) && find_period(o, 0, f))
        f->repeat = LAT_BINARY_REPEAT_A;
    else
        return false;
    // An expanded operand repeats by its strides; the kernel sees the one period that is stored.
    bool a = f->repeat == LAT_BINARY_REPEAT_A || lat_is_flat(op->a);
    bool b = f->repeat == LAT_BINARY_REPEAT_B || lat_is_flat(op->b);
    return a && b;
}

// The stored period of an operand that repeats, as a tensor of its own.
static lattn_tensor *one_period(lattn_tensor *t, uint32_t period)
{
    int64_t n = period;
    return lat_tensor_view(t, 1, &n, &(int64_t){ 1 }, t->offset);
}

static lattn_status run_flat(lattn_ctx *ctx, const struct binary *op, const struct flat *f)
{
    uint32_t n = (uint32_t) lat_numel(op->out), inner = f->inner;
    struct lat_divisor by_inner = lat_divisor(inner), by_period = lat_divisor(f->period);
    bool repeat_a = f->repeat == LAT_BINARY_REPEAT_A, repeat_b = f->repeat == LAT_BINARY_REPEAT_B;
    struct binary_flat_push push = {
        .n_rows = n / inner,
        .inner = inner,
        .period = f->period,
        .inner_magic = by_inner.magic,
        .inner_shift = by_inner.shift,
        .period_magic = by_period.magic,
        .period_shift = by_period.shift,
    };
    const uint32_t spec[] = { LAT_POINTWISE_GROUP, op->kind, f->repeat, op->accumulate, f->read };
    struct lat_kernel kernel = {
        .shader = &lat_shader_binary_fwd,
        .t = (int) op->out->dtype,
        .u = LAT_NO_DTYPE,
        .read = { op->a, op->b },
        .n_read = 2,
        .write = { op->out },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = lat_ceil_div(n, FLAT_PER_GROUP),
        .split = {
            .n_rows = push.n_rows,
            .rows_per_group = LAT_MAX(1, FLAT_PER_GROUP / inner),
            .groups_per_row = (uint32_t) lat_ceil_div(inner, FLAT_PER_GROUP),
            .row_elements = { repeat_a ? 0 : inner, repeat_b ? 0 : inner, inner },
            .push_n_rows = offsetof(struct binary_flat_push, n_rows),
            .push_row0 = offsetof(struct binary_flat_push, row0),
        },
        .flops = n,
    };
    return lat_kernel_run(ctx, &kernel);
}

// ---- on CPU drivers ------------------------------------------------------------------------------

static bool can_bind(const lattn_tensor *t)
{
    return lat_tensor_span(t) <= lat_caps(t->ctx)->max_binding_bytes;
}

// The row that repeats; where none does, all is one row.
static uint32_t row_length(const struct binary *op, const struct flat *f)
{
    return f->repeat == LAT_BINARY_NEITHER ? (uint32_t) lat_numel(op->out) : f->period;
}

// Not pow, whose arithmetic takes longer than any loads.
static bool in_lanes(lattn_ctx *ctx, const struct binary *op, const struct flat *f)
{
    const uint32_t run = LAT_BINARY_CPU_RUN * lat_caps(ctx)->subgroup_size;
    bool fits = f->inner == 1 && row_length(op, f) >= run && op->kind != LAT_BINARY_POW &&
                !op->accumulate && can_bind(op->out);
    return lat_wide_chosen(ctx, "binary", op->out->dtype, fits);
}

static lattn_status run_cpu(lattn_ctx *ctx, const struct binary *op, const struct flat *f)
{
    const uint32_t size = lat_caps(ctx)->subgroup_size, length = row_length(op, f);
    uint32_t n_runs = (uint32_t) lat_ceil_div(length, LAT_BINARY_CPU_RUN * size);
    struct lat_divisor by_runs = lat_divisor(n_runs);
    struct binary_cpu_push push = {
        .n_rows = (uint32_t) lat_numel(op->out) / length,
        .period = length,
        .n_runs = n_runs,
        .runs_magic = by_runs.magic,
        .runs_shift = by_runs.shift,
    };
    const uint32_t spec[] = { LAT_POINTWISE_GROUP, op->kind, f->repeat, size, length % 2 == 0 };
    struct lat_kernel kernel = {
        .shader = &lat_shader_binary_fwd_cpu,
        .t = (int) op->out->dtype,
        .u = LAT_NO_DTYPE,
        .read = { op->a, op->b },
        .n_read = 2,
        .write = { op->out },
        .n_write = 1,
        .push_address = { offsetof(struct binary_cpu_push, a_address),
            offsetof(struct binary_cpu_push, b_address) },
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = lat_ceil_div((uint64_t) n_runs * push.n_rows, LAT_POINTWISE_GROUP / size),
        .flops = (double) lat_numel(op->out),
    };
    lat_wide_subgroups(ctx, &kernel);
    return lat_kernel_run(ctx, &kernel);
}

// ---- any strides ---------------------------------------------------------------------------------

static struct binary_strided_push strided_push(
    const struct lat_operands *o, const lattn_tensor *out)
{
    struct binary_strided_push push = {
        .n = (uint32_t) lat_numel(out),
        .rank = (uint32_t) o->rank,
    };
    for (int d = 0; d < o->rank; d++) {
        push.dims[d] = (uint32_t) o->dim[d];
        push.stride_a[d] = (uint32_t) o->stride[0][d];
        push.stride_b[d] = (uint32_t) o->stride[1][d];
    }
    return push;
}

static lattn_status run_strided(
    lattn_ctx *ctx, const struct binary *op, const struct lat_operands *o)
{
    struct binary_strided_push push = strided_push(o, op->out);
    const uint32_t spec[] = { LAT_POINTWISE_GROUP, op->kind, 0, op->accumulate };
    struct lat_kernel kernel = {
        .shader = &lat_shader_binary_fwd_strided,
        .t = (int) op->out->dtype,
        .u = LAT_NO_DTYPE,
        .read = { op->a, op->b },
        .n_read = 2,
        .write = { op->out },
        .n_write = 1,
        .push_offset = { offsetof(struct binary_strided_push, offset_a),
            offsetof(struct binary_strided_push, offset_b) },
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = lat_ceil_div(push.n, PER_GROUP),
        .flops = push.n,
    };
    return lat_kernel_run(ctx, &kernel);
}

static lattn_status run(lattn_ctx *ctx, const struct binary *op)
{
    struct lat_operands o;
    lat_operands(&o, op->out, (lattn_tensor *[]){ op->a, op->b }, 2);
    struct flat f;
    if (!plan_flat(op, &o, &f))
        return run_strided(ctx, op, &o);
    struct binary periods = *op;
    if (f.repeat == LAT_BINARY_REPEAT_A)
        periods.a = one_period(op->a, f.period);
    if (f.repeat == LAT_BINARY_REPEAT_B)
        periods.b = one_period(op->b, f.period);
    if (!periods.a || !periods.b)
        return ctx->error;
    return in_lanes(ctx, op, &f) ? run_cpu(ctx, &periods, &f) : run_flat(ctx, &periods, &f);
}

// ---- gradients -----------------------------------------------------------------------------------

// out (+)= what an operand of div or pow receives per element of the result.
static lattn_status run_bwd(struct lat_call *c, uint32_t kind, lattn_tensor *out, bool accumulate)
{
    struct lat_operands o;
    lat_operands(&o, c->out[0], c->in, 2);
    struct binary_strided_push push = strided_push(&o, c->out[0]);
    const uint32_t spec[] = { LAT_POINTWISE_GROUP, kind, 0, accumulate };
    struct lat_kernel kernel = {
        .shader = &lat_shader_binary_bwd,
        .t = (int) out->dtype,
        .u = LAT_NO_DTYPE,
        .read = { c->grad_out[0], c->in[0], c->in[1] },
        .n_read = 3,
        .write = { out },
        .n_write = 1,
        .push_offset = { 0, offsetof(struct binary_strided_push, offset_a),
            offsetof(struct binary_strided_push, offset_b) },
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = lat_ceil_div(push.n, PER_GROUP),
    };
    return lat_kernel_run(c->ctx, &kernel);
}

// The gradient of an operand that was added as it is, is that of the result.
static lattn_tensor *pass_grad(struct lat_call *c, int i)
{
    const struct binary_attr *attr = c->attr;
    bool plus = attr->kind == LAT_BINARY_ADD || (attr->kind == LAT_BINARY_SUB && i == 0);
    return plus && lat_same_shape(c->in[i], c->grad_out[0]) ? c->grad_out[0] : NULL;
}

// How the gradient of each operand is made: g times the other, g over b, or by binary_bwd.
enum how { TIMES_OTHER, OVER_B, BWD_KERNEL };
struct rule {
    enum how how;
    uint32_t kind;
};
static const struct rule rules[][2] = {
    [LAT_BINARY_MUL] = { { TIMES_OTHER, 0 }, { TIMES_OTHER, 0 } },
    [LAT_BINARY_DIV] = { { OVER_B, 0 }, { BWD_KERNEL, LAT_BINARY_DIV_B } },
    [LAT_BINARY_POW] = { { BWD_KERNEL, LAT_BINARY_POW_A }, { BWD_KERNEL, LAT_BINARY_POW_B } },
};

static lattn_status one_gradient(
    struct lat_call *c, const struct rule *rule, int i, lattn_tensor *out, bool accumulate)
{
    if (rule->how == BWD_KERNEL)
        return run_bwd(c, rule->kind, out, accumulate);
    struct binary op = {
        .kind = rule->how == OVER_B ? LAT_BINARY_DIV : LAT_BINARY_MUL,
        .a = c->grad_out[0],
        .b = rule->how == OVER_B ? c->in[1] : c->in[1 - i],
        .out = out,
        .accumulate = accumulate,
    };
    return run(c->ctx, &op);
}

static lattn_status gradient(struct lat_call *c, uint32_t kind, int i)
{
    lattn_tensor *g = c->grad_out[0], *to = c->grad_in[i];
    bool accumulate = c->accumulate >> i & 1;
    if (kind == LAT_BINARY_ADD || kind == LAT_BINARY_SUB) {
        float sign = kind == LAT_BINARY_SUB && i == 1 ? -1.0f : 1.0f;
        return lat_sum_to_scaled(c->ctx, g, to, sign, accumulate);
    }
    const struct rule *rule = &rules[kind][i];
    if (lat_same_shape(to, g))
        return one_gradient(c, rule, i, to, accumulate);
    lattn_tensor *parts = lat_tensor_new(c->ctx, g->dtype, g->rank, g->dim);
    if (!parts)
        return c->ctx->error;
    LAT_TRY(one_gradient(c, rule, i, parts, false));
    return lat_sum_to(c->ctx, parts, to, accumulate);
}

// ---- the ops -------------------------------------------------------------------------------------

static lattn_status infer(struct lat_call *c)
{
    LAT_TRY(lat_check_pair(c, c->in[0], c->in[1]));
    return lat_out_broadcast(c, 2, c->in[0]);
}

static lattn_status forward(struct lat_call *c)
{
    const struct binary_attr *attr = c->attr;
    struct binary op = { attr->kind, c->in[0], c->in[1], c->out[0], false };
    return run(c->ctx, &op);
}

static lattn_status backward(struct lat_call *c)
{
    const struct binary_attr *attr = c->attr;
    for (int i = 0; i < 2; i++)
        if (c->grad_in[i])
            LAT_TRY(gradient(c, attr->kind, i));
    return LATTN_OK;
}

// clang-format off
#define BINARY_OP(name_, keep_, pass_)               \
    const struct lat_op lat_op_##name_ = {           \
        .name = #name_,                              \
        .n_inputs = 2,                               \
        .n_outputs = 1,                              \
        .attr_bytes = sizeof(struct binary_attr),    \
        .keep_in = keep_,                            \
        .strided_in = 3,                             \
        .strided_grad_out = 1,                       \
        .can_accumulate = 3,                         \
        .infer = infer,                              \
        .forward = forward,                          \
        .backward = backward,                        \
        .pass_grad = pass_,                          \
        .strategies = lat_wide_strategies,           \
        .n_strategies = LAT_WIDE_STRATEGIES,         \
    }
// clang-format on
BINARY_OP(add, 0, pass_grad);
BINARY_OP(sub, 0, pass_grad);
BINARY_OP(mul, 3, NULL);
BINARY_OP(div, 3, NULL);
BINARY_OP(pow, 3, NULL);

static lattn_tensor *apply(
    lattn_ctx *ctx, const struct lat_op *op, uint32_t kind, lattn_tensor *a, lattn_tensor *b)
{
    if (!a || !b)
        return NULL;
    struct binary_attr attr = { kind };
    return lat_apply(ctx, op, (lattn_tensor *[]){ a, b }, 2, &attr);
}

lattn_tensor *lattn_add(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b)
{
    return apply(ctx, &lat_op_add, LAT_BINARY_ADD, a, b);
}

lattn_tensor *lattn_sub(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b)
{
    return apply(ctx, &lat_op_sub, LAT_BINARY_SUB, a, b);
}

lattn_tensor *lattn_mul(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b)
{
    return apply(ctx, &lat_op_mul, LAT_BINARY_MUL, a, b);
}

lattn_tensor *lattn_div(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b)
{
    return apply(ctx, &lat_op_div, LAT_BINARY_DIV, a, b);
}

lattn_tensor *lattn_pow(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b)
{
    return apply(ctx, &lat_op_pow, LAT_BINARY_POW, a, b);
}
