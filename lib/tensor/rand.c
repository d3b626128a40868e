// SPDX-License-Identifier: MIT
//
// Random fills. A tensor that is not contiguous gets its numbers through a contiguous copy, so
// element i (row-major) has the same number whatever the strides.

#include "tensor/kernel.h"
#include "lat_shaders.h"
#include "tensor/random.abi.h"
#include <math.h>

enum { WORKGROUP = 256 };

static lattn_status run(lattn_tensor *t, uint32_t kind, struct random_push *push)
{
    LAT_TRY(lat_check_32_bits(t));
    lattn_tensor *state = lat_rng_tensor(t->ctx, &push->op);
    if (!state)
        return t->ctx->error;
    push->n = (uint32_t) lat_numel(t);
    push->n_counters = push->n / 4 + (push->n % 4 > 0);
    const uint32_t spec[] = { WORKGROUP, kind };
    struct lat_kernel kernel = {
        .shader = &lat_shader_random,
        .t = t->dtype,
        .u = LAT_NO_DTYPE,
        .read = { state },
        .n_read = 1,
        .write = { t },
        .n_write = 1,
        .push = push,
        .push_bytes = sizeof *push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = ((uint64_t) push->n_counters + WORKGROUP - 1) / WORKGROUP,
        .split = {
            .n_rows = push->n_counters,
            .rows_per_group = WORKGROUP,
            .row_elements = { 0, 4 },
            .push_n_rows = offsetof(struct random_push, n_counters),
            .push_row0 = offsetof(struct random_push, first),
        },
    };
    return lat_kernel_run(t->ctx, &kernel);
}

static lattn_status fill(lattn_tensor *t, const char *what, uint32_t kind, struct random_push *push)
{
    lattn_status st = lat_change(t, what);
    return lat_done(t->ctx, st ? st : run(t, kind, push));
}

lattn_status lattn_uniform_(lattn_tensor *t, float lo, float hi)
{
    LAT_TRY(lat_check_tensor(t, "lattn_uniform_"));
    if (!(lo <= hi) || !isfinite(hi - lo))
        return lat_done(
            t->ctx, lat_err(LATTN_ERR_ARG,
                        "lattn_uniform_: lo %g and hi %g: lo <= hi, both and hi - lo finite",
                        (double) lo, (double) hi));
    struct random_push push = {
        .offset = lo,
        .scale = hi - lo,
        .lo = lo,
        .hi = lo < hi ? nextafterf(hi, lo) : hi,
    };
    return fill(t, "lattn_uniform_", LAT_RANDOM_UNIFORM, &push);
}

lattn_status lattn_normal_(lattn_tensor *t, float mean, float std)
{
    LAT_TRY(lat_check_tensor(t, "lattn_normal_"));
    if (!(std >= 0) || !isfinite(std) || !isfinite(mean))
        return lat_done(t->ctx,
            lat_err(LATTN_ERR_ARG, "lattn_normal_: mean %g and std %g: both finite, std >= 0",
                (double) mean, (double) std));
    struct random_push push = { .offset = mean, .scale = std };
    return fill(t, "lattn_normal_", LAT_RANDOM_NORMAL, &push);
}

lattn_status lattn_trunc_normal_(lattn_tensor *t, float mean, float std, float lo, float hi)
{
    LAT_TRY(lat_check_tensor(t, "lattn_trunc_normal_"));
    if (!(std > 0) || !isfinite(std) || !isfinite(mean) || !(lo <= hi))
        return lat_done(t->ctx,
            lat_err(LATTN_ERR_ARG,
                "lattn_trunc_normal_: mean %g, std %g, lo %g, hi %g: mean and std finite, std > 0, "
                "lo <= hi",
                (double) mean, (double) std, (double) lo, (double) hi));
    double erf_lo = erf((lo - (double) mean) / std / sqrt(2));
    double erf_hi = erf((hi - (double) mean) / std / sqrt(2));
    struct random_push push = {
        .offset = mean,
        .scale = std,
        .lo = lo,
        .hi = hi,
        .erf_lo = (float) erf_lo,
        .erf_range = (float) (erf_hi - erf_lo),
    };
    return fill(t, "lattn_trunc_normal_", LAT_RANDOM_TRUNC_NORMAL, &push);
}

lattn_status lattn_bernoulli_(lattn_tensor *t, float p)
{
    LAT_TRY(lat_check_tensor(t, "lattn_bernoulli_"));
    if (!(p >= 0 && p <= 1))
        return lat_done(
            t->ctx, lat_err(LATTN_ERR_ARG, "lattn_bernoulli_: p %g is outside [0, 1]", (double) p));
    // One word in 2^32 is 0 even for p = 1: then no draw decides.
    if (p == 1)
        return lattn_fill_(t, 1);
    struct random_push push = { .threshold = (uint32_t) ((double) p * 0x1p32) };
    return fill(t, "lattn_bernoulli_", LAT_RANDOM_BERNOULLI, &push);
}
