// SPDX-License-Identifier: MIT
//
// The device's own peaks: copying between two buffers that no cache holds, by a kernel and by the
// copy engine, whichever is faster; and multiply-adds in registers.

#include "ops/engine.h"
#include "ops/stopwatch.h"
#include "bench/bench.abi.h"
#include "lat_shaders.h"

enum { GROUP = 256, FMA_GROUPS = 2048, FMA_ROUNDS = 16 };

struct buffers {
    lattn_tensor *x, *y;
};

static lattn_status copy_by_kernel(lattn_ctx *ctx, void *user)
{
    struct buffers *b = user;
    struct bench_push push = { (uint32_t) (lat_numel(b->x) / 4) };
    const uint32_t spec[] = { GROUP };
    struct lat_kernel kernel = {
        .shader = &lat_shader_bench_copy,
        .t = LAT_NO_DTYPE,
        .u = LAT_NO_DTYPE,
        .read = { b->x },
        .n_read = 1,
        .write = { b->y },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = 1,
        .groups = (push.n + GROUP * LAT_BENCH_COPY_STEPS - 1) / (GROUP * LAT_BENCH_COPY_STEPS),
    };
    return lat_kernel_run(ctx, &kernel);
}

static lattn_status copy_by_engine(lattn_ctx *ctx, void *user)
{
    const struct buffers *b = user;
    const struct lat_storage *x = b->x->storage, *y = b->y->storage;
    return lat_sched_copy(ctx->sched, (struct lat_range){ y->block, y->offset, y->bytes },
        (struct lat_range){ x->block, x->offset, x->bytes });
}

static lattn_status multiply_add(lattn_ctx *ctx, void *user)
{
    struct buffers *b = user;
    struct bench_push push = { FMA_ROUNDS };
    const uint32_t spec[] = { GROUP };
    struct lat_kernel kernel = {
        .shader = &lat_shader_bench_fma,
        .t = LAT_NO_DTYPE,
        .u = LAT_NO_DTYPE,
        .read = { b->x },
        .n_read = 1,
        .write = { b->y },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = 1,
        .groups = FMA_GROUPS,
    };
    return lat_kernel_run(ctx, &kernel);
}

// Medians over so many seconds, after half of them.
static lattn_status measure_copy(
    lattn_ctx *ctx, struct buffers *b, double seconds, double *bytes_per_s)
{
    struct ot_measurement kernel, engine;
    LAT_TRY(ot_measure(ctx, copy_by_kernel, b, seconds / 2, seconds, &kernel));
    LAT_TRY(ot_measure(ctx, copy_by_engine, b, seconds / 2, seconds, &engine));
    *bytes_per_s = 2.0 * (double) b->x->storage->bytes / LAT_MIN(kernel.seconds, engine.seconds);
    return LATTN_OK;
}

static lattn_status measure_fma(
    lattn_ctx *ctx, struct buffers *b, double seconds, double *flops_per_s)
{
    struct ot_measurement fma;
    LAT_TRY(ot_measure(ctx, multiply_add, b, seconds / 2, seconds, &fma));
    double flops = 2.0 * LAT_BENCH_FMA_CHAINS * LAT_BENCH_FMA_UNROLL;
    *flops_per_s = flops * FMA_ROUNDS * GROUP * FMA_GROUPS / fma.seconds;
    return LATTN_OK;
}

// Larger than the caches of large devices, small enough for small ones.
static lattn_status make_buffers(lattn_ctx *ctx, struct buffers *b)
{
    const lattn_device_info *device = lattn_ctx_device(ctx);
    uint64_t bytes = device->type == LATTN_DEVICE_TYPE_CPU ? 64u << 20 : 256u << 20;
    bytes = LAT_MIN(bytes, LAT_MIN(device->max_binding_bytes, device->max_allocation_bytes));
    bytes = LAT_MIN(bytes, device->memory_bytes / 8) & ~UINT64_C(0xffff);
    int64_t n = (int64_t) bytes / 4;
    LAT_TRY(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, &n, &b->x));
    LAT_TRY(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, &n, &b->y));
    return lattn_fill_(b->x, 0.5);
}

static void free_buffers(struct buffers *b)
{
    lattn_tensor_release(&b->x);
    lattn_tensor_release(&b->y);
}

lattn_status ot_measure_copy(lattn_ctx *ctx, double seconds, double *bytes_per_s)
{
    struct buffers b = { NULL, NULL };
    lattn_status st = make_buffers(ctx, &b);
    if (!st)
        st = measure_copy(ctx, &b, seconds, bytes_per_s);
    free_buffers(&b);
    return st;
}

lattn_status ot_measure_peaks(lattn_ctx *ctx, struct ot_peaks *peaks)
{
    const double seconds = 0.4;
    struct buffers b = { NULL, NULL };
    lattn_status st = make_buffers(ctx, &b);
    if (!st)
        st = measure_copy(ctx, &b, seconds, &peaks->copy_bytes_per_s);
    if (!st)
        st = measure_fma(ctx, &b, seconds, &peaks->fma_flops_per_s);
    free_buffers(&b);
    return st;
}
