// SPDX-License-Identifier: MIT
//
// Which kernel a convolution runs with where more than one can do it: the selection tables of forward and
// input gradient, and of the weight gradient. Groups count alike in all costs and are left out, and so are steps: a
// measured choice goes for all of one size.

#include "ops/conv.h"
#include "tensor/tune.h"

static const char forward_name[] = "conv2d", weight_name[] = "conv2d_weight";

static bool admits_cpu(const struct lat_problem *p)
{
    return lat_loads_by_address(p->caps) && p->dtype == LATTN_DTYPE_F32 &&
           p->size[LAT_CONV_FITS] & LAT_CONV_CPU_FITS;
}

static bool admits_winograd(const struct lat_problem *p)
{
    return p->size[LAT_CONV_FITS] & LAT_CONV_WINOGRAD_FITS;
}

static bool admits_coopmat(const struct lat_problem *p)
{
    return p->size[LAT_CONV_FITS] & LAT_CONV_COOPMAT_FITS &&
           lat_conv_coopmat_fits(p->caps, p->dtype);
}

static double multiplications(const struct lat_problem *p)
{
    return (double) p->size[LAT_CONV_M] * (double) p->size[LAT_CONV_Q] *
           (double) p->size[LAT_CONV_TAPS] * (double) p->size[LAT_CONV_POSITIONS];
}

// How much slower the kernels without loads by address are where there are such.
enum { BASE_SHARE = 10 };

static double cost_base(const struct lat_problem *p)
{
    return multiplications(p) * (lat_loads_by_address(p->caps) ? BASE_SHARE : 1);
}

// 16 multiplications per tile of 4 results where the others make 36, but every number of a square, of the
// source, the sums and the weight, is written and read again: 8 bytes. Costs are in multiplications.
//
// On lavapipe of Mesa 26.1 one such number takes as long as 18 multiplications (0.8 ns beside 22.5 per
// ns, one core at 16 to 512 channels); the products run as fast as the direct kernel, also for 16 bits,
// whose squares are f32 and whose direct kernel is the slow one. On that of 22.3 it takes as long as 2,
// and products are at least as fast from 16 channels of the source on.
//
// A GPU of 10 TFLOP/s at half its rate and 500 GB/s makes 40 multiplications meanwhile, so that by this
// reckoning 64 channels break even, 128 win 1.4 and 512 win 1.9. That has not been measured on hardware,
// and until it is, this form runs there when asked for (LATTN_STRATEGY=winograd) and not by itself.
static double cost_winograd(const struct lat_problem *p)
{
    enum { NUMBER = 18, OLD_NUMBER = 2, GPU_NUMBER = 40 };
    enum { LEAST_M = 8, LEAST_Q = 8, LEAST_TILES = 32, OLD_LEAST_Q = 16 };
    double m = (double) p->size[LAT_CONV_M], q = (double) p->size[LAT_CONV_Q],
           tiles = (double) p->size[LAT_CONV_TILES];
    double products = 16 * m * q * tiles, numbers = 16 * ((m + q) * tiles + m * q);
    if (lat_loads_by_address(p->caps)) {
        bool wide = m >= LEAST_M && q >= LEAST_Q && tiles >= LEAST_TILES;  // for gemm_cpu
        return products * (wide ? 1 : BASE_SHARE) + NUMBER * numbers;
    }
    if (p->caps->is_lavapipe && q >= OLD_LEAST_Q)
        return products + OLD_NUMBER * numbers;
    double cost = products + GPU_NUMBER * numbers;
    return LAT_MAX(cost, 1.01 * cost_base(p));
}

// An estimate for GPUs, below that of products (gemm_select.c) because slabs are gathered an element at a
// time. A CPU driver has no matrix units.
static double cost_coopmat(const struct lat_problem *p)
{
    enum { GPU_GAIN = 4, CPU_LOSS = 1000 };
    return p->caps->is_cpu ? CPU_LOSS * multiplications(p) : multiplications(p) / GPU_GAIN;
}

const struct lat_strategy lat_conv_strategies[LAT_CONV_STRATEGIES] = {
    { LAT_STRATEGY_BASE, "", NULL, cost_base, NULL },
    { LAT_STRATEGY_WINOGRAD, "2x2", admits_winograd, cost_winograd, NULL },
    { LAT_STRATEGY_CPU, "", admits_cpu, multiplications, NULL },
    { LAT_STRATEGY_COOPMAT, "", admits_coopmat, cost_coopmat, NULL },
};

static const struct lat_strategy weight_strategies[] = {
    { LAT_STRATEGY_BASE, "", NULL, cost_base, NULL },
    { LAT_STRATEGY_CPU, "", admits_cpu, multiplications, NULL },
    { LAT_STRATEGY_COOPMAT, "", admits_coopmat, cost_coopmat, NULL },
};

static struct lat_problem problem_of(
    lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_dtype dtype, int64_t fits)
{
    return (struct lat_problem){
        .caps = lat_caps(ctx),
        .dtype = dtype,
        .size = {
            [LAT_CONV_M] = w->m,
            [LAT_CONV_Q] = w->q,
            [LAT_CONV_TAPS] = w->taps[0] * w->taps[1],
            [LAT_CONV_POSITIONS] = w->images * w->positions[0] * w->positions[1],
            [LAT_CONV_TILES] = fits & LAT_CONV_WINOGRAD_FITS ? lat_conv_winograd_tiles(w) : 0,
            [LAT_CONV_FITS] = fits,
        },
    };
}

static struct lat_problem weight_problem(
    lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_dtype dtype, bool cpu_fits)
{
    return problem_of(ctx, w, dtype, (cpu_fits ? LAT_CONV_CPU_FITS : 0) | LAT_CONV_COOPMAT_FITS);
}

static struct lat_problem forward_problem(
    lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_dtype dtype)
{
    const struct lat_caps *caps = lat_caps(ctx);
    bool has_taps = w->taps[0] > 0;
    return problem_of(ctx, w, dtype,
        (has_taps && lat_conv_cpu_fits(caps, w) ? LAT_CONV_CPU_FITS : 0) |
            (lat_conv_winograd_fits(caps, w) ? LAT_CONV_WINOGRAD_FITS : 0) |
            (has_taps ? LAT_CONV_COOPMAT_FITS : 0));
}

enum lat_strategy_kind lat_conv_select(
    lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_dtype dtype)
{
    struct lat_problem problem = forward_problem(ctx, w, dtype);
    int row =
        lat_strategy_select(ctx, forward_name, lat_conv_strategies, LAT_CONV_STRATEGIES, &problem);
    return lat_conv_strategies[row].kind;
}

enum lat_strategy_kind lat_conv_select_weight(
    lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_dtype dtype, bool cpu_fits)
{
    struct lat_problem problem = weight_problem(ctx, w, dtype, cpu_fits);
    int row = lat_strategy_select(
        ctx, weight_name, weight_strategies, LAT_COUNT(weight_strategies), &problem);
    return weight_strategies[row].kind;
}

lattn_status lat_conv_tune(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_dtype dtype,
    const struct lat_conv_work *work)
{
    struct lat_problem problem = forward_problem(ctx, w, dtype);
    const struct lat_tunable tunable = {
        .op = forward_name,
        .table = lat_conv_strategies,
        .n = LAT_CONV_STRATEGIES,
        .problem = &problem,
        .run = work->run,
        .user = work->user,
        .out = { work->out },
    };
    return lat_tune(ctx, &tunable);
}

lattn_status lat_conv_tune_weight(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_dtype dtype,
    bool cpu_fits, const struct lat_conv_work *work)
{
    struct lat_problem problem = weight_problem(ctx, w, dtype, cpu_fits);
    const struct lat_tunable tunable = {
        .op = weight_name,
        .table = weight_strategies,
        .n = LAT_COUNT(weight_strategies),
        .problem = &problem,
        .run = work->run,
        .user = work->user,
        .out = { work->out },
    };
    return lat_tune(ctx, &tunable);
}
