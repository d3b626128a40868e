// SPDX-License-Identifier: MIT
//
// group_norm, instance_norm and local_response_norm of [N, C, ...], from other ops.
//
//   group      layer_norm of the rows [N G, C/G ...], then a factor and a term for each channel
//   instance   the same with as many groups as channels
//   response   y = x (k + alpha / n sum of x^2 over n neighbouring channels)^-beta; the sums are the mean
//              of windows that go over the channels, seen as rows of an image
//
// Sources: Wu & He 2018, arXiv:1803.08494; Ulyanov et al. 2016, arXiv:1607.08022; Krizhevsky et al. 2012.

#include "ops/layer_norm.h"
#include "lattn/ops.h"

// [C] as [1, C, 1, ...].
static lattn_tensor *per_channel(lattn_ctx *ctx, lattn_tensor *v, const lattn_tensor *x)
{
    int64_t dims[LATTN_MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        dims[d] = d == 1 ? x->dim[1] : 1;
    return lattn_reshape(ctx, v, x->rank, dims);
}

static bool check_vector(
    lattn_ctx *ctx, const char *op, const char *what, const lattn_tensor *x, const lattn_tensor *v)
{
    if (!v || (v->rank == 1 && v->dim[0] == x->dim[1]))
        return true;
    lat_fail(ctx, LATTN_ERR_SHAPE, "%s: %s is %s, x %s needs [%lld]", op, what, LAT_SHAPE(v),
        LAT_SHAPE(x), (long long) x->dim[1]);
    return false;
}

struct affine {
    lattn_tensor *weight, *bias;
    float eps;
};

static lattn_tensor *group_norm(
    lattn_ctx *ctx, const char *op, lattn_tensor *x, int64_t n_groups, const struct affine *a)
{
    if (!lat_norm_eps_ok(a->eps))
        return lat_fail(ctx, LATTN_ERR_ARG, "%s: eps = %g must be finite and not negative", op,
            (double) a->eps);
    if (!check_vector(ctx, op, "weight", x, a->weight) ||
        !check_vector(ctx, op, "bias", x, a->bias))
        return NULL;
    if (lat_numel(x) == 0)
        return x;
    int64_t rows = x->dim[0] * n_groups, dims[] = { rows, lat_numel(x) / rows };
    lattn_tensor *y = lattn_reshape(ctx, x, 2, dims);
    y = lattn_layer_norm(ctx, y, NULL, NULL, a->eps);
    y = lattn_reshape(ctx, y, x->rank, x->dim);
    if (a->weight)
        y = lattn_mul(ctx, y, per_channel(ctx, a->weight, x));
    if (a->bias)
        y = lattn_add(ctx, y, per_channel(ctx, a->bias, x));
    return y;
}

static bool has_channels(lattn_ctx *ctx, const char *op, const lattn_tensor *x, int least)
{
    if (x->rank >= least)
        return true;
    lat_fail(ctx, LATTN_ERR_SHAPE, "%s: x is %s, it must have %d dimensions or more: [N, C, ...]",
        op, LAT_SHAPE(x), least);
    return false;
}

lattn_tensor *lattn_group_norm(lattn_ctx *ctx, lattn_tensor *x, int64_t n_groups,
    lattn_tensor *weight, lattn_tensor *bias, float eps)
{
    if (!x || !has_channels(ctx, "group_norm", x, 2))
        return NULL;
    if (n_groups < 1 || x->dim[1] % n_groups)
        return lat_fail(ctx, LATTN_ERR_SHAPE,
            "group_norm: %lld groups do not divide the channels of x %s", (long long) n_groups,
            LAT_SHAPE(x));
    const struct affine affine = { weight, bias, eps };
    return group_norm(ctx, "group_norm", x, n_groups, &affine);
}

lattn_tensor *lattn_instance_norm(
    lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight, lattn_tensor *bias, float eps)
{
    if (!x || !has_channels(ctx, "instance_norm", x, 3))
        return NULL;
    const struct affine affine = { weight, bias, eps };
    return group_norm(ctx, "instance_norm", x, x->dim[1], &affine);
}

lattn_tensor *lattn_local_response_norm(
    lattn_ctx *ctx, lattn_tensor *x, const lattn_local_response_args *args)
{
    LAT_NEED_ARG(ctx, args);
    const char *op = "local_response_norm";
    if (!x || !has_channels(ctx, op, x, 2))
        return NULL;
    if (args->size < 1)
        return lat_fail(
            ctx, LATTN_ERR_ARG, "%s: size %lld must be at least 1", op, (long long) args->size);
    if (lat_numel(x) == 0)
        return x;
    int64_t channels = x->dim[1];
    const int64_t dims[] = { x->dim[0], 1, channels, lat_numel(x) / (x->dim[0] * channels) };
    const lattn_pool2d_args window = {
        .kernel = { args->size, 1 },
        .stride = { 1, 1 },
        .padding = { args->size / 2, 0 },
    };
    lattn_tensor *mean = lattn_reshape(ctx, lattn_mul(ctx, x, x), 4, dims);
    mean = lattn_avg_pool2d(ctx, mean, &window);
    // A window of even size has one more place at the end.
    mean = lattn_slice(ctx, mean, 2, 0, channels, 1);
    mean = lattn_reshape(ctx, mean, x->rank, x->dim);
    float alpha = args->alpha > 0 ? args->alpha : 1e-4f, beta = args->beta > 0 ? args->beta : 0.75f;
    mean = lattn_scale(ctx, mean, alpha, args->k > 0 ? args->k : 1.0f);
    return lattn_mul(ctx, x, lattn_pow_scalar(ctx, mean, -beta));
}
