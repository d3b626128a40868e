// SPDX-License-Identifier: MIT
//
// Convolutions of raw tensors: which kernel does one, and in how many parts. Volumes are images here,
// see conv_depth.c.
//
//   forward          y[o, p] = sum over c, t of weight[o, c, t] x[c, p S - P + t R]
//   input gradient   dx[c, i] = sum over o and those t for which p = (i + P - t R) / S is whole
//   weight gradient  dw[o, c, t] = sum over images and p of dy[o, p] x[c, p S - P + t R]
//
// (S stride, P padding, R dilation.) The input gradient is a gather, so it needs no atomics. Its rows
// i = a, a + S, a + 2 S, ... meet the same taps, every S/gcd(S, R)-th from a first one on; each such
// phase is a forward convolution of dy with step 1 and dilation -R/gcd(S, R), and no product with a
// zero in between is made.

#include "ops/conv.h"

// ---- walks ----------------------------------------------------------------------------------------

// Dimension d of a walk is dimension d + 1 of a convolution: walks have no depth.
static struct lat_conv_walk forward_walk(const struct lat_conv *cv)
{
    int64_t n_taps = cv->kernel[LAT_HEIGHT] * cv->kernel[LAT_WIDTH];
    struct lat_conv_walk w = {
        .images = cv->images,
        .groups = cv->groups,
        .m = cv->y_channels / cv->groups,
        .q = cv->x_channels / cv->groups,
        .dst_step = { 1, 1 },
        .w_tap = { cv->kernel[LAT_WIDTH], 1 },
        .w_q = n_taps,
    };
    w.w_m = w.q * n_taps;
    w.w_group = w.m * w.w_m;
    for (int d = 0; d < 2; d++) {
        w.src[d] = cv->x_size[d + 1];
        w.dst[d] = w.positions[d] = cv->y_size[d + 1];
        w.taps[d] = cv->kernel[d + 1];
        w.step[d] = cv->stride[d + 1];
        w.dil[d] = cv->dilation[d + 1];
        w.off[d] = -cv->padding[d + 1];
    }
    return w;
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

struct lat_conv_phase lat_conv_phase_of(const struct lat_conv *cv, int d, int64_t phase)
{
    int64_t stride = cv->stride[d], dilation = cv->dilation[d], common = gcd(stride, dilation);
    int64_t every = stride / common, first = 0, padded = phase + cv->padding[d];
    while (first < every && (padded - first * dilation) % stride != 0)
        first++;
    bool met = first < every && first < cv->kernel[d];
    return (struct lat_conv_phase){
        .positions = (cv->x_size[d] - phase + stride - 1) / stride,
        .first = first,
        .every = every,
        .taps = met ? (cv->kernel[d] - first + every - 1) / every : 0,
        .off = met ? (padded - first * dilation) / stride : 0,
        .dil = -dilation / common,
    };
}

static struct lat_conv_walk phase_walk(const struct lat_conv *cv, int64_t y, int64_t x)
{
    int64_t n_taps = cv->kernel[LAT_HEIGHT] * cv->kernel[LAT_WIDTH];
    struct lat_conv_walk w = {
        .images = cv->images,
        .groups = cv->groups,
        .m = cv->x_channels / cv->groups,
        .q = cv->y_channels / cv->groups,
        .dst_off = { y, x },
        .step = { 1, 1 },
        .w_m = n_taps,
    };
    w.w_q = w.m * n_taps;
    w.w_group = w.q * w.w_q;
    for (int d = 0; d < 2; d++) {
        struct lat_conv_phase phase = lat_conv_phase_of(cv, d + 1, w.dst_off[d]);
        int64_t line = d == 0 ? cv->kernel[LAT_WIDTH] : 1;
        w.src[d] = cv->y_size[d + 1];
        w.dst[d] = cv->x_size[d + 1];
        w.positions[d] = phase.positions;
        w.dst_step[d] = cv->stride[d + 1];
        w.taps[d] = phase.taps;
        w.dil[d] = phase.dil;
        w.off[d] = phase.off;
        w.w_tap[d] = phase.every * line;
        w.w_base += phase.first * line;
    }
    if (w.taps[0] == 0 || w.taps[1] == 0)
        w.taps[0] = w.taps[1] = 0;
    return w;
}

// ---- parts ------------------------------------------------------------------------------------------

// Images whose planes may be bound at once, and numbered in 31 bits.
static int64_t images_at_once(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_dtype dtype)
{
    const struct lat_caps *caps = lat_caps(ctx);
    int64_t src = w->groups * w->q * w->src[0] * w->src[1];
    int64_t dst = w->groups * w->m * w->dst[0] * w->dst[1];
    int64_t most = LAT_MAX(LAT_MAX(src, dst), 1);
    uint64_t bytes = caps->max_binding_bytes - caps->buffer_alignment;
    int64_t elements = (int64_t) LAT_MIN(bytes / lattn_dtype_bytes(dtype), (uint64_t) INT32_MAX);
    return LAT_MIN(LAT_MAX(elements / most, 1), w->images);
}

lattn_tensor *lat_conv_images(lattn_tensor *t, int64_t start, int64_t count)
{
    return t->dim[0] == count ? t : lat_view_slice(t, 0, start, count, 1);
}

// dst (+)= src * weight on any device.
typedef lattn_status (*run_fn)(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_tensor *src,
    lattn_tensor *weight, const struct lat_conv_out *dst);

// run for some images at a time. t: src, weight.
static lattn_status run_parts(lattn_ctx *ctx, run_fn run, const struct lat_conv_walk *w,
    lattn_tensor *const t[2], const struct lat_conv_out *dst)
{
    lattn_tensor *src = t[0];
    int64_t count = images_at_once(ctx, w, src->dtype);
    for (int64_t start = 0; start < w->images; start += count) {
        struct lat_conv_walk part = *w;
        struct lat_conv_out out = *dst;
        part.images = LAT_MIN(count, w->images - start);
        out.t = lat_conv_images(dst->t, start, part.images);
        lattn_tensor *from = lat_conv_images(src, start, part.images);
        if (!from || !out.t)
            return ctx->error;
        LAT_TRY(run(ctx, &part, from, t[1], &out));
    }
    return LATTN_OK;
}

// A kernel of one element that goes over every element of the source: a product per image, in every
// form that products have.
static bool is_product(const struct lat_conv_walk *w)
{
    bool one = w->groups == 1 && w->taps[0] * w->taps[1] == 1;
    for (int d = 0; d < 2; d++)
        one = one && w->step[d] == 1 && w->dst_step[d] == 1 && w->off[d] == 0 &&
              w->src[d] == w->dst[d];
    return one;
}

static lattn_status run_product(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_tensor *src,
    lattn_tensor *weight, const struct lat_conv_out *dst)
{
    int64_t n = w->src[0] * w->src[1];
    int64_t a_dims[] = { w->images, w->m, w->q }, a_strides[] = { 0, w->w_m, w->w_q };
    struct lat_gemm gemm = {
        .a = lat_tensor_view(weight, 3, a_dims, a_strides, weight->offset),
        .b = lat_view_reshape(src, 3, (int64_t[]){ w->images, w->q, n }),
        .out = lat_view_reshape(dst->t, 3, (int64_t[]){ w->images, w->m, n }),
        .bias = dst->bias,
        .bias_rows = true,
        .relu = dst->relu,
        .accumulate = dst->accumulate,
    };
    return gemm.a && gemm.b && gemm.out ? lat_gemm_run(ctx, &gemm) : ctx->error;
}

// Walks that make the parts of one result.
struct walks {
    struct lat_conv_walk items[LAT_CONV_MAX_PLANES];
    int n;
};

static lattn_status flush(lattn_ctx *ctx, struct walks *walks, lattn_tensor *src,
    lattn_tensor *weight, const struct lat_conv_out *dst)
{
    int n = walks->n;
    walks->n = 0;
    return n ? lat_conv_cpu(ctx, walks->items, n, src, weight, dst) : LATTN_OK;
}

// One walk, to be measured.
struct walk_work {
    lattn_ctx *ctx;
    const struct lat_conv_walk *w;
    lattn_tensor *const *t;
    const struct lat_conv_out *dst;
};

static lattn_status add(lattn_ctx *ctx, struct walks *walks, const struct lat_conv_walk *w,
    lattn_tensor *const t[2], const struct lat_conv_out *dst);

static lattn_status run_walk(const void *user)
{
    const struct walk_work *work = user;
    struct walks walks = { .n = 0 };
    LAT_TRY(add(work->ctx, &walks, work->w, work->t, work->dst));
    return flush(work->ctx, &walks, work->t[0], work->t[1], work->dst);
}

static lattn_status tune_walk(lattn_ctx *ctx, const struct lat_conv_walk *w,
    lattn_tensor *const t[2], const struct lat_conv_out *dst)
{
    const struct walk_work walk = { ctx, w, t, dst };
    const struct lat_conv_work work = { run_walk, &walk, dst->t };
    return lat_conv_tune(ctx, w, t[0]->dtype, &work);
}

// Walks for the cpu kernel wait for each other, because they share a copy; others run at once.
static lattn_status add(lattn_ctx *ctx, struct walks *walks, const struct lat_conv_walk *w,
    lattn_tensor *const t[2], const struct lat_conv_out *dst)
{
    if (w->images * w->groups * w->m * w->positions[0] * w->positions[1] == 0)
        return LATTN_OK;
    if (is_product(w))
        return run_product(ctx, w, t[0], t[1], dst);
    if (lat_conv_direct_fits(w))
        return run_parts(ctx, lat_conv_direct, w, t, dst);
    LAT_TRY(tune_walk(ctx, w, t, dst));
    enum lat_strategy_kind kind = lat_conv_select(ctx, w, t[0]->dtype);
    if (kind == LAT_STRATEGY_WINOGRAD)
        return run_parts(ctx, lat_conv_winograd, w, t, dst);
    if (kind == LAT_STRATEGY_COOPMAT)
        return run_parts(ctx, lat_conv_coopmat, w, t, dst);
    if (kind != LAT_STRATEGY_CPU)
        return run_parts(ctx, lat_conv_base, w, t, dst);
    walks->items[walks->n++] = *w;
    return walks->n == LAT_CONV_MAX_PLANES ? flush(ctx, walks, t[0], t[1], dst) : LATTN_OK;
}

lattn_status lat_conv_forward(lattn_ctx *ctx, const struct lat_conv *cv, lattn_tensor *x,
    lattn_tensor *weight, const struct lat_conv_out *y)
{
    if (x->rank == 5)
        return lat_conv_depth_forward(ctx, cv, x, weight, y);
    struct lat_conv_walk w = forward_walk(cv);
    struct walks walks = { .n = 0 };
    lattn_tensor *const t[] = { x, weight };
    LAT_TRY(add(ctx, &walks, &w, t, y));
    return flush(ctx, &walks, x, weight, y);
}

lattn_status lat_conv_input(lattn_ctx *ctx, const struct lat_conv *cv, lattn_tensor *dy,
    lattn_tensor *weight, const struct lat_conv_out *dx)
{
    if (dy->rank == 5)
        return lat_conv_depth_input(ctx, cv, dy, weight, dx);
    struct walks walks = { .n = 0 };
    lattn_tensor *const t[] = { dy, weight };
    for (int64_t y = 0; y < LAT_MIN(cv->stride[LAT_HEIGHT], cv->x_size[LAT_HEIGHT]); y++)
        for (int64_t x = 0; x < LAT_MIN(cv->stride[LAT_WIDTH], cv->x_size[LAT_WIDTH]); x++) {
            struct lat_conv_walk w = phase_walk(cv, y, x);
            LAT_TRY(add(ctx, &walks, &w, t, dx));
        }
    return flush(ctx, &walks, dy, weight, dx);
}

// A weight gradient, to be measured.
struct weight_work {
    lattn_ctx *ctx;
    const struct lat_conv *cv;
    lattn_tensor *x, *dy;
    const struct lat_conv_out *dw;
};

static lattn_status run_weight(const void *user)
{
    const struct weight_work *work = user;
    return lat_conv_weight(work->ctx, work->cv, work->x, work->dy, work->dw);
}

lattn_status lat_conv_weight(lattn_ctx *ctx, const struct lat_conv *cv, lattn_tensor *x,
    lattn_tensor *dy, const struct lat_conv_out *dw)
{
    if (lat_numel(dw->t) == 0)
        return LATTN_OK;
    if (lat_numel(dy) == 0)
        return dw->accumulate ? LATTN_OK : lat_prim_fill(dw->t, 0);
    if (x->rank == 5)
        return lat_conv_depth_weight(ctx, cv, x, dy, dw);
    struct lat_conv_walk w = forward_walk(cv);
    bool direct = lat_conv_direct_fits(&w);
    bool many =
        w.step[0] * w.step[1] <= LAT_CONV_MAX_PLANES && lat_conv_cpu_fits_weight(lat_caps(ctx), &w);
    bool fits = many || lat_conv_cpu_fits_few(lat_caps(ctx), &w);
    const struct weight_work weight = { ctx, cv, x, dy, dw };
    const struct lat_conv_work work = { run_weight, &weight, dw->t };
    if (!direct)
        LAT_TRY(lat_conv_tune_weight(ctx, &w, x->dtype, fits, &work));
    enum lat_strategy_kind kind =
        direct ? LAT_STRATEGY_BASE : lat_conv_select_weight(ctx, &w, x->dtype, fits);
    if (kind == LAT_STRATEGY_CPU)
        return many ? lat_conv_cpu_weight(ctx, &w, x, dy, dw)
                    : lat_conv_cpu_weight_few(ctx, &w, x, dy, dw);
    run_fn run = direct                         ? lat_conv_direct_weight
                 : kind == LAT_STRATEGY_COOPMAT ? lat_conv_coopmat_weight
                                                : lat_conv_base_weight;
    int64_t count = images_at_once(ctx, &w, x->dtype);
    struct lat_conv_out out = *dw;
    for (int64_t start = 0; start < w.images; start += count) {
        struct lat_conv_walk part = w;
        part.images = LAT_MIN(count, w.images - start);
        lattn_tensor *from = lat_conv_images(x, start, part.images);
        lattn_tensor *to = lat_conv_images(dy, start, part.images);
        if (!from || !to)
            return ctx->error;
        LAT_TRY(run(ctx, &part, from, to, &out));
        out.accumulate = true;
    }
    return LATTN_OK;
}
