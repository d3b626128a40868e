// SPDX-License-Identifier: MIT
//
// Scaled dot-product attention as one op; attention_run.c has its dispatches.
//
//   forward    out = dropout(softmax(scale q k^T + mask)) v, lse = log of the sum of exponentials
//   backward   the weights are made again from q, k and lse, tile by tile
//
// Kept for backward are the inputs, out and one number per query, so memory grows with T + S and
// never with T * S. (Where it pays, backward's kernels hand weights on to each other: of short sequences
// only.) Dropout is a function of the random state and the position of a weight; nothing
// is stored for it.

#include "ops/attention.h"
#include <math.h>

enum { Q, K, V, MASK, LENGTHS, RANDOM, N_INPUTS };
enum { OUT, LSE };

struct attention_attr {
    float scale, dropout;
    uint32_t op, window;
    bool causal, alibi;
};

float lat_attention_scale(const lattn_tensor *q, const lattn_attention_args *args)
{
    int64_t d = lat_dim(q, -1);
    return args->scale != 0 ? args->scale : d ? (float) (1 / sqrt((double) d)) : 1;
}

uint32_t lat_attention_window(
    const lattn_tensor *q, const lattn_tensor *k, const lattn_attention_args *args)
{
    return args->window < lat_dim(q, 2) + lat_dim(k, 2) ? (uint32_t) args->window : 0;
}

// ---- checks -----------------------------------------------------------------------------------------

static bool refuse(lattn_ctx *ctx, const lattn_tensor *q, const lattn_tensor *k,
    const lattn_tensor *v, const char *what)
{
    lat_fail(ctx, LATTN_ERR_SHAPE, "attention: q %s, k %s, v %s: %s", LAT_SHAPE(q), LAT_SHAPE(k),
        LAT_SHAPE(v), what);
    return false;
}

static bool check_mask(
    lattn_ctx *ctx, const lattn_tensor *q, const lattn_tensor *k, const lattn_tensor *mask)
{
    if (mask->dtype != LATTN_DTYPE_F32) {
        lat_fail(
            ctx, LATTN_ERR_DTYPE, "attention: mask is %s, not f32", lattn_dtype_name(mask->dtype));
        return false;
    }
    int64_t full[] = { q->dim[0], q->dim[1], q->dim[2], k->dim[2] };
    bool fits = mask->rank == 4 && mask->dim[3] == full[3];
    for (int d = 0; d < 3 && fits; d++)
        fits = mask->dim[d] == 1 || mask->dim[d] == full[d];
    if (!fits)
        lat_fail(ctx, LATTN_ERR_SHAPE,
            "attention: mask %s does not broadcast to [%lld, %lld, %lld, %lld] with a last "
            "dimension of its own",
            LAT_SHAPE(mask), (long long) full[0], (long long) full[1], (long long) full[2],
            (long long) full[3]);
    return fits;
}

static bool check_lengths(lattn_ctx *ctx, const lattn_tensor *q, const lattn_tensor *lengths)
{
    if (lengths->dtype != LATTN_DTYPE_I32) {
        lat_fail(ctx, LATTN_ERR_DTYPE, "attention: key_lengths is %s, not i32",
            lattn_dtype_name(lengths->dtype));
        return false;
    }
    if (lengths->rank != 1 || lengths->dim[0] != q->dim[0]) {
        lat_fail(ctx, LATTN_ERR_SHAPE, "attention: key_lengths %s is not [%lld]",
            LAT_SHAPE(lengths), (long long) q->dim[0]);
        return false;
    }
    return true;
}

static bool check_shapes(
    lattn_ctx *ctx, const lattn_tensor *q, const lattn_tensor *k, const lattn_tensor *v)
{
    if (q->rank != 4 || k->rank != 4 || v->rank != 4)
        return refuse(ctx, q, k, v, "not all have 4 dimensions");
    if (!lat_same_shape(k, v))
        return refuse(ctx, q, k, v, "k and v differ");
    if (q->dim[0] != k->dim[0] || q->dim[3] != k->dim[3])
        return refuse(ctx, q, k, v, "batch or head size of q and k differ");
    if (k->dim[1] < 1 || q->dim[1] % k->dim[1] != 0)
        return refuse(ctx, q, k, v, "the heads of q are no multiple of those of k");
    if (q->dim[3] < 1)
        return refuse(ctx, q, k, v, "the head size is 0");
    return true;
}

bool lat_attention_check(lattn_ctx *ctx, const lattn_tensor *q, const lattn_tensor *k,
    const lattn_tensor *v, const lattn_attention_args *args)
{
    if (!lat_is_float(q->dtype) || k->dtype != q->dtype || v->dtype != q->dtype) {
        lat_fail(ctx, LATTN_ERR_DTYPE, "attention: q, k, v are %s, %s, %s, not one float dtype",
            lattn_dtype_name(q->dtype), lattn_dtype_name(k->dtype), lattn_dtype_name(v->dtype));
        return false;
    }
    if (!check_shapes(ctx, q, k, v))
        return false;
    if (!(args->dropout >= 0 && args->dropout < 1)) {
        lat_fail(
            ctx, LATTN_ERR_ARG, "attention: dropout %g is outside [0, 1)", (double) args->dropout);
        return false;
    }
    if (!isfinite(args->scale)) {
        lat_fail(ctx, LATTN_ERR_ARG, "attention: scale is %g", (double) args->scale);
        return false;
    }
    if (args->window < 0) {
        lat_fail(
            ctx, LATTN_ERR_ARG, "attention: window %lld is negative", (long long) args->window);
        return false;
    }
    if (lat_check_ctx(ctx, args->mask, "attention", "mask") ||
        lat_check_ctx(ctx, args->key_lengths, "attention", "key_lengths")) {
        lat_fail_status(ctx, LATTN_ERR_ARG);
        return false;
    }
    return (!args->mask || check_mask(ctx, q, k, args->mask)) &&
           (!args->key_lengths || check_lengths(ctx, q, args->key_lengths));
}

// Between [B, T, H, D] and [B, H, T, D].
static const int heads_second[] = { 0, 2, 1, 3 };

// ---- op -------------------------------------------------------------------------------------------

// out lies in memory as [B, T, H, D]: joining the heads afterwards is then a view.
static lattn_status infer(struct lat_call *c)
{
    const lattn_tensor *q = c->in[Q];
    LAT_TRY(
        lat_out(c, OUT, q->dtype, 4, (int64_t[]){ q->dim[0], q->dim[2], q->dim[1], q->dim[3] }));
    c->out[OUT] = lat_view_permute(c->out[OUT], heads_second);
    if (!c->out[OUT])
        return c->ctx->error;
    return lat_out(c, LSE, LATTN_DTYPE_F32, 3, q->dim);
}

static struct lat_attention of_call(const struct lat_call *c)
{
    const struct attention_attr *attr = c->attr;
    struct lat_attention a = {
        .ctx = c->ctx,
        .q = c->in[Q],
        .k = c->in[K],
        .v = c->in[V],
        .mask = c->in[MASK],
        .lengths = c->in[LENGTHS],
        .random = c->in[RANDOM],
        .out = c->out[OUT],
        .lse = c->out[LSE],
        .scale = attr->scale,
        .dropout = attr->dropout,
        .op = attr->op,
        .window = attr->window,
        .causal = attr->causal,
        .alibi = attr->alibi,
    };
    return a;
}

static lattn_status forward(struct lat_call *c)
{
    struct lat_attention a = of_call(c);
    return lat_attention_forward(&a);
}

// The kernels write the gradients of q, k and v, all three, as [B, T, H, D] like out: what the layers before attention
// take without a copy.
static lattn_tensor *grad_for(const struct lat_call *c, int i)
{
    const lattn_tensor *in = c->in[i];
    int64_t dims[] = { in->dim[0], in->dim[2], in->dim[1], in->dim[3] };
    lattn_tensor *grad = lat_tensor_new(c->ctx, in->dtype, 4, dims);
    return grad ? lat_view_permute(grad, heads_second) : NULL;
}

static lattn_status backward(struct lat_call *c)
{
    struct lat_attention a = of_call(c);
    a.g = c->grad_out[OUT];
    if (a.g->stride[3] != 1)
        a.g = lat_prim_contiguous(a.g);
    a.dq = grad_for(c, Q);
    a.dk = grad_for(c, K);
    a.dv = grad_for(c, V);
    if (!a.g || !a.dq || !a.dk || !a.dv)
        return c->ctx->error;
    a.dmask = c->grad_in[MASK];
    lattn_tensor *made[] = { a.dq, a.dk, a.dv };
    for (int i = 0; i < 3; i++)
        if (c->grad_in[i])
            c->grad_in[i] = made[i];
    return lat_attention_backward(&a);
}

const struct lat_op lat_op_attention = {
    .name = "attention",
    .n_inputs = N_INPUTS,
    .n_outputs = 2,
    .attr_bytes = sizeof(struct attention_attr),
    .keep_in = (1u << N_INPUTS) - 1,
    .keep_out = 1u << OUT | 1u << LSE,
    .strided_in = 1u << Q | 1u << K | 1u << V | 1u << MASK,
    .strided_grad_out = 1u << OUT,
    .no_grad_in = 1u << LENGTHS | 1u << RANDOM,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .strategies = lat_attention_strategies,
    .n_strategies = LAT_ATTENTION_STRATEGIES,
    .typical = { 12 * 12, 128, 128, 64 },
};

// The kernels walk along a head; everything else may have any stride.
static lattn_tensor *with_contiguous_head(lattn_ctx *ctx, lattn_tensor *t)
{
    return t->dim[3] == 1 || t->stride[3] == 1 ? t : lattn_contiguous(ctx, t);
}

lattn_tensor *lattn_attention(lattn_ctx *ctx, lattn_tensor *q, lattn_tensor *k, lattn_tensor *v,
    const lattn_attention_args *args)
{
    const lattn_attention_args none = { 0 };
    if (!q || !k || !v)
        return NULL;  // an earlier error; ctx has it
    if (!args)
        args = &none;
    if (!lat_attention_check(ctx, q, k, v, args))
        return NULL;
    if (q->dim[3] > LAT_ATTENTION_MAX_HEAD_SIZE)
        return lat_fail(ctx, LATTN_ERR_UNSUPPORTED,
            "attention: head size %lld is more than %d; lattn_attention_unfused has no limit",
            (long long) q->dim[3], LAT_ATTENTION_MAX_HEAD_SIZE);

    struct attention_attr attr = {
        .scale = lat_attention_scale(q, args),
        .dropout = lattn_is_training(ctx) ? args->dropout : 0,
        .window = lat_attention_window(q, k, args),
        .causal = args->causal,
        .alibi = args->alibi,
    };
    lattn_tensor *random = attr.dropout > 0 ? lat_rng_tensor(ctx, &attr.op) : NULL;
    if (attr.dropout > 0 && !random)
        return NULL;
    lattn_tensor *mask = args->mask ? with_contiguous_head(ctx, args->mask) : NULL;
    lattn_tensor *in[] = { with_contiguous_head(ctx, q), with_contiguous_head(ctx, k),
        with_contiguous_head(ctx, v), mask, args->key_lengths, random };
    if (!in[Q] || !in[K] || !in[V] || (args->mask && !mask))
        return NULL;
    return lat_apply(ctx, &lat_op_attention, in, N_INPUTS, &attr);
}
