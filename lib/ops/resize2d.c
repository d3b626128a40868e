// SPDX-License-Identifier: MIT
//
// pad2d, upsample2d and pixel_shuffle: images at another size. All backward passes are gathers: an element
// of dx knows which results it went into and adds them up in order.

#include "ops/pool.h"
#include "lattn/ops.h"
#include "lat_shaders.h"

static lattn_status run_forward(struct lat_call *c, const struct lat_shader *shader)
{
    const struct lat_pool_pass pass = { .base = shader, .out = c->out[0], .of_y = 1u << 1 };
    struct lat_kernel kernel = {
        .read = { c->in[0] },
        .n_read = 1,
        .write = { c->out[0] },
        .n_write = 1,
    };
    return lat_pool_run(c, &kernel, &pass);
}

static lattn_status run_backward(struct lat_call *c, const struct lat_shader *shader)
{
    if (lat_pool_no_gradient(c))
        return LATTN_OK;
    const struct lat_pool_pass pass = {
        .base = shader,
        .out = c->grad_in[0],
        .of_y = 1u << 0,
        .flags = lat_pool_accumulate(c),
        .backward = true,
    };
    struct lat_kernel kernel = {
        .read = { c->grad_out[0] },
        .n_read = 1,
        .write = { c->grad_in[0] },
        .n_write = 1,
    };
    return lat_pool_run(c, &kernel, &pass);
}

static lattn_status pad2d_forward(struct lat_call *c)
{
    return run_forward(c, &lat_shader_pad2d_fwd);
}

static lattn_status pad2d_backward(struct lat_call *c)
{
    return run_backward(c, &lat_shader_pad2d_bwd);
}

static lattn_status upsample2d_forward(struct lat_call *c)
{
    return run_forward(c, &lat_shader_upsample2d_fwd);
}

static lattn_status upsample2d_backward(struct lat_call *c)
{
    return run_backward(c, &lat_shader_upsample2d_bwd);
}

// clang-format off
#define RESIZE_OP(name_)                            \
    const struct lat_op lat_op_##name_ = {          \
        .name = #name_,                             \
        .n_inputs = 1,                              \
        .n_outputs = 1,                             \
        .attr_bytes = sizeof(struct lat_pool_attr), \
        .can_accumulate = 1,                        \
        .infer = lat_pool_infer,                    \
        .forward = name_##_forward,                 \
        .backward = name_##_backward,               \
    }
// clang-format on
RESIZE_OP(pad2d);
RESIZE_OP(upsample2d);

// ---- the public functions -----------------------------------------------------------------------

static const struct lat_pool_attr no_window = {
    .kernel = { 1, 1 },
    .stride = { 1, 1 },
    .dilation = { 1, 1 },
};

// A mirror image has no edge twice, so it is one shorter than the plane.
static bool pad_along(
    lattn_ctx *ctx, const lattn_tensor *x, const lattn_pad2d_args *args, int d, uint32_t *out)
{
    int64_t before = args->before[d], after = args->after[d], n = lat_dim(x, d - 2);
    int64_t most = args->mode == LATTN_PAD_REFLECT ? n - 1 : LAT_POOL_MAX_SIZE;
    if (before < 0 || after < 0 || before > most || after > most) {
        lat_fail(ctx, LATTN_ERR_ARG, "pad2d: %s padding %lld, %lld of x %s is outside [0, %lld]",
            d ? "width" : "height", (long long) before, (long long) after, LAT_SHAPE(x),
            (long long) most);
        return false;
    }
    *out = (uint32_t) (n + before + after);
    return true;
}

lattn_tensor *lattn_pad2d(lattn_ctx *ctx, lattn_tensor *x, const lattn_pad2d_args *args)
{
    LAT_NEED_ARG(ctx, args);
    struct lat_pool_attr attr = no_window;
    if (!x || !lat_pool_check(ctx, "pad2d", x))
        return NULL;
    if ((unsigned) args->mode > LATTN_PAD_REPLICATE)
        return lat_fail(ctx, LATTN_ERR_ARG, "pad2d: %d is no mode", (int) args->mode);
    for (int d = 0; d < 2; d++) {
        if (!pad_along(ctx, x, args, d, &attr.out[d]))
            return NULL;
        attr.padding[d] = (uint32_t) args->before[d];
    }
    attr.flags = args->mode == LATTN_PAD_REFLECT     ? LAT_POOL_REFLECT
                 : args->mode == LATTN_PAD_REPLICATE ? LAT_POOL_REPLICATE
                                                     : 0;
    attr.divisor = args->value;
    return lat_apply(ctx, &lat_op_pad2d, &x, 1, &attr);
}

lattn_tensor *lattn_upsample2d(lattn_ctx *ctx, lattn_tensor *x, const lattn_upsample2d_args *args)
{
    LAT_NEED_ARG(ctx, args);
    struct lat_pool_attr attr = no_window;
    if (!x || !lat_pool_check(ctx, "upsample2d", x))
        return NULL;
    if (args->align_corners && !args->bilinear)
        return lat_fail(ctx, LATTN_ERR_ARG, "upsample2d: align_corners is for bilinear");
    for (int d = 0; d < 2; d++) {
        int64_t size = d ? args->width : args->height, n = lat_dim(x, d - 2);
        // The kernel multiplies positions by sizes in 32 bits.
        if (size < 1 || size > LAT_POOL_MAX_SIZE || size > UINT32_MAX / (n + 1) - 1)
            return lat_fail(ctx, LATTN_ERR_ARG,
                "upsample2d: %s %lld from x %s is outside [1, %lld]", d ? "width" : "height",
                (long long) size, LAT_SHAPE(x),
                (long long) LAT_MIN((int64_t) LAT_POOL_MAX_SIZE, UINT32_MAX / (n + 1) - 1));
        attr.out[d] = (uint32_t) size;
    }
    attr.flags =
        (args->bilinear ? LAT_POOL_BILINEAR : 0) | (args->align_corners ? LAT_POOL_CORNERS : 0);
    return lat_apply(ctx, &lat_op_upsample2d, &x, 1, &attr);
}

lattn_tensor *lattn_pixel_shuffle(lattn_ctx *ctx, lattn_tensor *x, int64_t factor)
{
    if (!x)
        return NULL;
    if (factor < 1 || factor > LAT_POOL_MAX_SIZE)
        return lat_fail(ctx, LATTN_ERR_ARG, "pixel_shuffle: factor %lld is outside [1, %d]",
            (long long) factor, LAT_POOL_MAX_SIZE);
    if (x->rank != 4 || x->dim[1] % (factor * factor))
        return lat_fail(ctx, LATTN_ERR_SHAPE,
            "pixel_shuffle: x is %s, it must be [N, C, H, W] with channels in groups of %lld",
            LAT_SHAPE(x), (long long) (factor * factor));
    int64_t n = x->dim[0], c = x->dim[1] / (factor * factor), h = x->dim[2], w = x->dim[3];
    lattn_tensor *y = lattn_reshape(ctx, x, 6, (int64_t[]){ n, c, factor, factor, h, w });
    y = lattn_permute(ctx, y, (const int[]){ 0, 1, 4, 2, 5, 3 });
    return lattn_reshape(ctx, y, 4, (int64_t[]){ n, c, h * factor, w * factor });
}
