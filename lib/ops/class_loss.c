// SPDX-License-Identifier: MIT
//
// Losses of image classifiers that are made of other ops: soft labels, the linear SVM, focal loss. They work
// on a number per class, which is little beside the network, so they have no kernels of their own. All is
// f32 from the logits on.
//
//   soft labels   - sum of t log softmax(x)
//   hinge         sum over c != t of max(0, x[c] - x[t] + margin)
//   focal         alpha_t (1 - p_t)^gamma bce(x, t),   p_t = t p + (1 - t) (1 - p),   p = sigmoid(x)

#include "ops/loss.h"

// One number per row, or all, as the reduction says.
static lattn_tensor *reduce(lattn_ctx *ctx, lattn_tensor *losses, lattn_reduction reduction)
{
    if (reduction == LATTN_REDUCTION_NONE)
        return losses;
    return reduction == LATTN_REDUCTION_SUM ? lattn_sum(ctx, losses, NULL, 0, false)
                                            : lattn_mean(ctx, losses, NULL, 0, false);
}

static bool same_shapes(
    lattn_ctx *ctx, const char *op, const lattn_tensor *logits, const lattn_tensor *target)
{
    if (lat_same_shape(logits, target))
        return true;
    lat_fail(ctx, LATTN_ERR_SHAPE, "%s: logits %s and target %s differ", op, LAT_SHAPE(logits),
        LAT_SHAPE(target));
    return false;
}

static bool are_rows(lattn_ctx *ctx, const char *op, const lattn_tensor *logits)
{
    if (logits->rank == 2 && logits->dim[1] > 0)
        return true;
    lat_fail(ctx, LATTN_ERR_SHAPE, "%s: logits are %s, they must be [N, V]", op, LAT_SHAPE(logits));
    return false;
}

lattn_tensor *lattn_cross_entropy_soft(
    lattn_ctx *ctx, lattn_tensor *logits, lattn_tensor *target, lattn_reduction reduction)
{
    const char *op = "cross_entropy_soft";
    if (!logits || !target || !lat_reduction_ok(ctx, op, reduction) || !are_rows(ctx, op, logits) ||
        !same_shapes(ctx, op, logits, target))
        return NULL;
    lattn_tensor *x = lattn_cast(ctx, logits, LATTN_DTYPE_F32);
    lattn_tensor *t = lattn_cast(ctx, target, LATTN_DTYPE_F32);
    lattn_tensor *terms = lattn_mul(ctx, lattn_log_softmax(ctx, x, 1), t);
    lattn_tensor *losses = lattn_sum(ctx, terms, (const int[]){ 1 }, 1, false);
    return reduce(ctx, lattn_scale(ctx, losses, -1, 0), reduction);
}

lattn_tensor *lattn_hinge_loss(lattn_ctx *ctx, lattn_tensor *logits, lattn_tensor *labels,
    float margin, lattn_reduction reduction)
{
    const char *op = "hinge_loss";
    if (!logits || !labels || !lat_reduction_ok(ctx, op, reduction) || !are_rows(ctx, op, logits))
        return NULL;
    if (!(margin > 0))
        return lat_fail(ctx, LATTN_ERR_ARG, "%s: margin %g must be positive", op, (double) margin);
    int64_t n = logits->dim[0];
    if (labels->rank != 1 || labels->dim[0] != n || labels->dtype != LATTN_DTYPE_I32)
        return lat_fail(ctx, LATTN_ERR_SHAPE, "%s: labels are %s %s, logits %s need i32 [%lld]", op,
            lattn_dtype_name(labels->dtype), LAT_SHAPE(labels), LAT_SHAPE(logits), (long long) n);
    lattn_tensor *x = lattn_cast(ctx, logits, LATTN_DTYPE_F32);
    lattn_tensor *index = lattn_reshape(ctx, labels, 2, (int64_t[]){ n, 1 });
    lattn_tensor *right = lattn_gather(ctx, x, 1, index);
    lattn_tensor *excess = lattn_scale(ctx, lattn_sub(ctx, x, right), 1, margin);
    lattn_tensor *losses = lattn_sum(ctx, lattn_relu(ctx, excess), (const int[]){ 1 }, 1, false);
    // The label's own term is the margin, and its gradients cancel.
    return reduce(ctx, lattn_scale(ctx, losses, 1, -margin), reduction);
}

lattn_tensor *lattn_focal_loss(lattn_ctx *ctx, lattn_tensor *logits, lattn_tensor *target,
    float alpha, float gamma, lattn_reduction reduction)
{
    const char *op = "focal_loss";
    if (!logits || !target || !lat_reduction_ok(ctx, op, reduction) ||
        !same_shapes(ctx, op, logits, target))
        return NULL;
    if (!(gamma >= 0) || !(alpha < 1))
        return lat_fail(ctx, LATTN_ERR_ARG,
            "%s: gamma = %g must not be negative, alpha = %g must be below 1", op, (double) gamma,
            (double) alpha);
    lattn_tensor *x = lattn_cast(ctx, logits, LATTN_DTYPE_F32);
    lattn_tensor *t = lattn_cast(ctx, target, LATTN_DTYPE_F32);
    // 1 - p_t = sigmoid((1 - 2t) x) for t of 0 or 1; in general p + t - 2 p t.
    lattn_tensor *p = lattn_sigmoid(ctx, x);
    lattn_tensor *wrong =
        lattn_sub(ctx, lattn_add(ctx, p, t), lattn_scale(ctx, lattn_mul(ctx, p, t), 2, 0));
    lattn_tensor *losses = lattn_mul(ctx, lattn_pow_scalar(ctx, wrong, gamma),
        lattn_bce_with_logits(ctx, x, t, LATTN_REDUCTION_NONE));
    if (alpha >= 0)
        losses = lattn_mul(ctx, losses, lattn_scale(ctx, t, 2 * alpha - 1, 1 - alpha));
    return reduce(ctx, losses, reduction);
}
