// SPDX-License-Identifier: MIT
//
// Tables of positions, made on the host in double precision: sinusoidal encodings, the angles of rotary
// embeddings, T5's buckets of distances.

#include <math.h>
#include <stdlib.h>
#include "base/alloc.h"
#include "lattn/ops.h"
#include "tensor/tensor.h"

static lattn_tensor *upload(lattn_ctx *ctx, int64_t rows, int64_t columns, float *values)
{
    lattn_tensor *t =
        values ? lattn_from_f32(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ rows, columns }, values)
               : lat_fail(ctx, LATTN_ERR_HOST_MEMORY, "no memory for positions");
    lat_free(values);
    return t;
}

static float *new_table(int64_t rows, int64_t columns)
{
    return lat_alloc((size_t) rows * (size_t) columns * sizeof(float));
}

lattn_tensor *lattn_sinusoidal_positions(lattn_ctx *ctx, int64_t n, int64_t dim)
{
    if (n < 1 || dim < 1)
        return lat_fail(ctx, LATTN_ERR_ARG,
            "sinusoidal_positions: n %lld and dim %lld must be >= 1", (long long) n,
            (long long) dim);
    float *table = new_table(n, dim);
    for (int64_t i = 0; table && i < n * dim; i++) {
        int64_t p = i / dim, d = i % dim;
        double angle = (double) p / pow(10000, (double) (d / 2 * 2) / (double) dim);
        table[i] = (float) (d % 2 ? cos(angle) : sin(angle));
    }
    return upload(ctx, n, dim, table);
}

// ---- rotary -----------------------------------------------------------------------------------------

static bool check_rotary(lattn_ctx *ctx, const lattn_rotary_params *p)
{
    if (p->n_positions < 1 || p->dim < 2 || p->dim % 2 != 0) {
        lat_fail(ctx, LATTN_ERR_ARG,
            "rotary_table: n_positions %lld must be >= 1 and dim %lld even and >= 2",
            (long long) p->n_positions, (long long) p->dim);
        return false;
    }
    bool base = p->base == 0 || (p->base > 1 && isfinite(p->base));
    bool factor = p->factor == 0 || (p->factor >= 1 && isfinite(p->factor));
    bool ntk = p->scaling != LATTN_ROTARY_NTK || p->dim > 2;
    if (!base || !factor || !ntk)
        lat_fail(ctx, LATTN_ERR_ARG,
            "rotary_table: base %g must be > 1, factor %g >= 1 and dim %lld > 2 for NTK scaling",
            p->base, p->factor, (long long) p->dim);
    return base && factor && ntk;
}

lattn_tensor *lattn_rotary_table(lattn_ctx *ctx, const lattn_rotary_params *params)
{
    LAT_NEED_ARG(ctx, params);
    if (!check_rotary(ctx, params))
        return NULL;
    int64_t half = params->dim / 2;
    double dim = (double) params->dim;
    double base = params->base != 0 ? params->base : 10000;
    double factor = params->factor != 0 ? params->factor : 1;
    double stretch = params->scaling == LATTN_ROTARY_LINEAR ? factor : 1;
    if (params->scaling == LATTN_ROTARY_NTK)
        base *= pow(factor, dim / (dim - 2));
    float *table = new_table(params->n_positions, params->dim);
    for (int64_t p = 0; table && p < params->n_positions; p++) {
        for (int64_t i = 0; i < half; i++) {
            double angle = (double) p / stretch / pow(base, 2 * (double) i / dim);
            table[p * params->dim + i] = (float) cos(angle);
            table[p * params->dim + half + i] = (float) sin(angle);
        }
    }
    return upload(ctx, params->n_positions, params->dim, table);
}

// ---- buckets ------------------------------------------------------------------------------------------

// The bucket of a distance >= 0 among n: one each for the first half, logarithmic to max_distance.
static int bucket_of(int64_t distance, int n, int64_t max_distance)
{
    int exact = n / 2;
    if (distance < exact)
        return (int) distance;
    // In float, as T5's code: a distance at the edge of two buckets must fall on the same side.
    float far = logf((float) distance / (float) exact) /
                (float) log((double) max_distance / exact) * (float) (n - exact);
    int bucket = exact + (int) far;
    return bucket < n ? bucket : n - 1;
}

lattn_tensor *lattn_relative_buckets(
    lattn_ctx *ctx, int64_t n_queries, int64_t n_keys, const lattn_bucket_params *params)
{
    int n_buckets = params && params->n_buckets ? params->n_buckets : 32;
    int64_t max_distance = params && params->max_distance ? params->max_distance : 128;
    bool causal = params && params->causal;
    int each = causal ? n_buckets : n_buckets / 2;
    if (n_queries < 1 || n_keys < 1 || each < 2 || max_distance <= each / 2)
        return lat_fail(ctx, LATTN_ERR_ARG,
            "relative_buckets: %lld queries, %lld keys, %d buckets, max_distance %lld: all must be "
            ">= 1, buckets >= %d, max_distance > %d",
            (long long) n_queries, (long long) n_keys, n_buckets, (long long) max_distance,
            causal ? 2 : 4, each / 2);
    int32_t *buckets = lat_alloc((size_t) n_queries * (size_t) n_keys * sizeof *buckets);
    if (!buckets)
        return lat_fail(ctx, LATTN_ERR_HOST_MEMORY, "no memory for positions");
    for (int64_t i = 0; i < n_queries * n_keys; i++) {
        int64_t back = i / n_keys + n_keys - n_queries - i % n_keys;
        int64_t distance = causal && back < 0 ? 0 : llabs(back);
        int side = !causal && back < 0 ? each : 0;
        buckets[i] = side + bucket_of(distance, each, max_distance);
    }
    lattn_tensor *t = lattn_from_i32(ctx, 2, (int64_t[]){ n_queries, n_keys }, buckets);
    lat_free(buckets);
    return t;
}
