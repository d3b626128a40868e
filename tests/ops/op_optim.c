// SPDX-License-Identifier: MIT
//
// sgd, adamw and grad_norm: several updates of one arena against the same rules in double. They work
// in place and have no gradient, so the cases run themselves.
//
// The dtype under test is that of the gradient; weights and moments are f32, and with 16-bit
// gradients the rounded copy of the weights is checked too. Chunks alternate between two groups, the
// second with half the rate and no decay.
//
// Case parameters: i[0] the updates, i[1] the update whose gradient has a NaN plus one (0 = none),
// i[2] Nesterov, i[3] the form of momentum, f[] as in the enum below.

#include <math.h>
#include <stdlib.h>
#include "lattn/optim.h"
#include "ops/engine.h"
#include "ops/optim_kernels.h"
#include "ops/reference.h"

enum { LR, DECAY, MAX_NORM, GRAD_SCALE, BETA1, BETA2, MOMENTUM = BETA1, DAMPENING = BETA2, EPS };
enum { N_GROUPS = 2 };

// An arena on the device, and what it should hold.
struct arena {
    lattn_ctx *ctx;
    const struct ot_case *c;
    lattn_dtype dtype;
    int64_t n;
    lattn_tensor *grad, *param, *m, *v, *copy, *chunk_group, *groups, *hyper, *report, *carry;
    int64_t done;  // updates that were finite
    double *want_param, *want_m, *want_v, *g;
};

static const double lr_ratio[N_GROUPS] = { 1, 0.5 };

static double decay_of(const struct arena *a, int group)
{
    return group == 0 ? (float) a->c->f[DECAY] : 0;
}

static int group_of(int64_t i)
{
    return (int) (i / LAT_OPTIM_CHUNK % N_GROUPS);
}

static lattn_tensor *filled(struct arena *a, double *v, uint64_t seed)
{
    if (seed)
        ot_fill(OT_NORMAL, 0, LATTN_DTYPE_F32, seed, v, a->n);
    return ot_tensor(a->ctx, LATTN_DTYPE_F32, 1, &a->n, v);
}

static bool make_arena(struct arena *a)
{
    size_t bytes = (size_t) a->n * sizeof(double);
    a->want_param = ot_alloc(bytes);
    a->want_m = ot_alloc(bytes);
    a->want_v = ot_alloc(bytes);
    a->g = ot_alloc(bytes);
    a->param = filled(a, a->want_param, 11);
    a->m = filled(a, a->want_m, 0);
    a->v = filled(a, a->want_v, 0);
    if (a->dtype != LATTN_DTYPE_F32)
        a->copy = lattn_zeros(a->ctx, a->dtype, 1, &a->n);

    int64_t n_chunks = (a->n + LAT_OPTIM_CHUNK - 1) / LAT_OPTIM_CHUNK;
    int32_t *chunks = ot_alloc((size_t) n_chunks * sizeof *chunks);
    for (int64_t k = 0; k < n_chunks; k++)
        chunks[k] = group_of(k * LAT_OPTIM_CHUNK);
    a->chunk_group = lattn_from_i32(a->ctx, 1, &n_chunks, chunks);
    free(chunks);
    double groups[N_GROUPS * LAT_GROUP_COUNT];
    for (int k = 0; k < N_GROUPS; k++) {
        groups[k * LAT_GROUP_COUNT + LAT_GROUP_LR_RATIO] = lr_ratio[k];
        groups[k * LAT_GROUP_COUNT + LAT_GROUP_WEIGHT_DECAY] = decay_of(a, k);
    }
    a->groups =
        ot_tensor(a->ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ N_GROUPS, LAT_GROUP_COUNT }, groups);
    a->report = lattn_zeros(a->ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ LAT_REPORT_COUNT });
    // The loss scale stays as it is: its rise and fall is tests/optim/test_scaling.c.
    const double carry[LAT_CARRY_COUNT] = { [LAT_CARRY_SCALE] = 1 / a->c->f[GRAD_SCALE] };
    a->carry = ot_tensor(a->ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ LAT_CARRY_COUNT }, carry);
    return a->param && a->m && a->v && a->chunk_group && a->groups && a->report && a->carry &&
           (a->copy || a->dtype == LATTN_DTYPE_F32);
}

static void free_arena(struct arena *a)
{
    free(a->want_param);
    free(a->want_m);
    free(a->want_v);
    free(a->g);
}

// What the gradient of update t counts in SGD's velocity.
static double share_of(const struct ot_case *c, int64_t t)
{
    if (c->i[3] == LATTN_MOMENTUM_AVERAGE)
        return 1 - c->f[MOMENTUM];
    return t == 1 ? 1 : 1 - c->f[DAMPENING];
}

// The gradient of update t and the host's numbers for it.
static bool next_gradient(struct arena *a, int64_t t, bool adam)
{
    const double *f = a->c->f;
    ot_fill(OT_NORMAL, 0, a->dtype, 100 + (uint64_t) t, a->g, a->n);
    if (t == a->c->i[1])
        a->g[a->n / 2] = NAN;
    double hyper[LAT_HYPER_COUNT] = {
        [LAT_HYPER_LR] = f[LR],
        [LAT_HYPER_MAX_NORM] = f[MAX_NORM],
        [LAT_HYPER_BETA1] = f[BETA1],
        [LAT_HYPER_SHARE1] = adam ? 1 - f[BETA1] : share_of(a->c, 2),
        [LAT_HYPER_FIRST_SHARE] = share_of(a->c, 1),
        [LAT_HYPER_BETA2] = f[BETA2],
        [LAT_HYPER_SHARE2] = 1 - f[BETA2],
        [LAT_HYPER_EPS] = f[EPS],
        [LAT_HYPER_MOMENTUM] = f[MOMENTUM],
        [LAT_HYPER_NESTEROV] = (double) a->c->i[2],
        [LAT_HYPER_RATE_INSIDE] = a->c->i[3] == LATTN_MOMENTUM_RATE_INSIDE,
    };
    a->grad = ot_tensor(a->ctx, a->dtype, 1, &a->n, a->g);
    a->hyper = ot_tensor(a->ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ LAT_HYPER_COUNT }, hyper);
    return a->grad && a->hyper;
}

// The norm after scaling, and the clip factor; NaN when a gradient is.
static double norm_of(const struct arena *a, double *clip)
{
    double sum = 0, max_norm = (float) a->c->f[MAX_NORM];
    for (int64_t i = 0; i < a->n; i++)
        sum += a->g[i] * a->g[i];
    double norm = sqrt(sum) * (float) a->c->f[GRAD_SCALE];
    *clip = max_norm > 0 && !isnan(norm) ? fmin(1, max_norm / (norm + 1e-6)) : 1;
    return norm;
}

static void check_report(struct arena *a)
{
    double got[LAT_REPORT_COUNT], clip, norm = norm_of(a, &clip);
    enum { N_CHECKED = LAT_REPORT_FACTOR + 1 };  // the rest shows in the weights
    const double want[N_CHECKED] = { norm, clip, !isnan(norm), 1 / a->c->f[GRAD_SCALE], isnan(norm),
        isnan(norm), clip * a->c->f[GRAD_SCALE] };
    if (ot_read(a->report, got, LAT_REPORT_COUNT))
        ot_expect("report", got, want, N_CHECKED, 1e-6, 1e-7);
}

static lattn_status find_norm(struct arena *a)
{
    // Two arenas that are halves of one, so that the list of sums has several parts.
    int64_t half = a->n / 2;
    lattn_tensor *halves[2] = { a->grad, NULL };
    if (half > 0) {
        halves[0] = lat_view_slice(a->grad, 0, 0, half, 1);
        halves[1] = lat_view_slice(a->grad, 0, half, a->n - half, 1);
    }
    struct lat_grad_norm n = { halves, half > 0 ? 2 : 1, a->hyper, a->report, a->carry };
    return lat_grad_norm_run(a->ctx, &n);
}

static void want_adamw(struct arena *a, int64_t t, double factor)
{
    const double *f = a->c->f;
    double bias1 = 1 - pow(f[BETA1], (double) t), bias2 = 1 - pow(f[BETA2], (double) t);
    for (int64_t i = 0; i < a->n; i++) {
        double g = a->g[i] * factor, lr = f[LR] * lr_ratio[group_of(i)];
        a->want_m[i] = f[BETA1] * a->want_m[i] + (1 - f[BETA1]) * g;
        a->want_v[i] = f[BETA2] * a->want_v[i] + (1 - f[BETA2]) * g * g;
        a->want_param[i] *= 1 - lr * decay_of(a, group_of(i));
        a->want_param[i] -= lr / bias1 * a->want_m[i] / (sqrt(a->want_v[i]) / sqrt(bias2) + f[EPS]);
    }
}

// Where the weight went: the velocity in each form as it is written down, Nesterov's step from the
// velocity of one update later.
static void want_sgd(struct arena *a, int64_t t, double factor)
{
    const double *f = a->c->f;
    bool inside = a->c->i[3] == LATTN_MOMENTUM_RATE_INSIDE;
    for (int64_t i = 0; i < a->n; i++) {
        double lr = f[LR] * lr_ratio[group_of(i)];
        double g = a->g[i] * factor + decay_of(a, group_of(i)) * a->want_param[i];
        if (f[MOMENTUM] == 0) {
            a->want_param[i] -= lr * g;
            continue;
        }
        double added = share_of(a->c, t) * (inside ? lr * g : g);
        double v = f[MOMENTUM] * a->want_m[i] + added;
        double step = a->c->i[2] ? f[MOMENTUM] * v + added : v;
        a->want_m[i] = v;
        a->want_param[i] -= inside ? step : lr * step;
    }
}

static lattn_status update(struct arena *a, bool adam)
{
    struct lat_update u = {
        .grad = a->grad,
        .param = a->param,
        .moment1 = adam || a->c->f[MOMENTUM] > 0 ? a->m : NULL,
        .moment2 = adam ? a->v : NULL,
        .copy = a->copy,
        .chunk_group = a->chunk_group,
        .groups = a->groups,
        .hyper = a->hyper,
        .report = a->report,
    };
    return adam ? lat_adamw_run(a->ctx, &u) : lat_sgd_run(a->ctx, &u);
}

// A moment that cancels has the rounding errors of what it was made of, which are of the size of
// one: absolute tolerances, and for weights that of all updates together.
static void compare(struct arena *a, bool adam)
{
    double *got = ot_alloc((size_t) a->n * sizeof *got);
    double moved = a->c->f[LR] * (double) a->c->i[0];
    if (ot_read(a->param, got, a->n))
        ot_expect("param", got, a->want_param, a->n, 1e-6, 2e-6 * moved);
    if ((adam || a->c->f[MOMENTUM] > 0) && ot_read(a->m, got, a->n))
        ot_expect("first moment", got, a->want_m, a->n, 1e-6, 1e-6);
    if (adam && ot_read(a->v, got, a->n))
        ot_expect("second moment", got, a->want_v, a->n, 2e-6, 1e-9);
    if (a->copy) {
        double *param = ot_alloc((size_t) a->n * sizeof *param);
        if (ot_read(a->param, param, a->n) && ot_read(a->copy, got, a->n)) {
            for (int64_t i = 0; i < a->n; i++)
                param[i] = ot_round(a->dtype, param[i]);
            ot_expect("copy", got, param, a->n, 0, 0);
        }
        free(param);
    }
    free(got);
}

static void run_updates(lattn_ctx *ctx, const struct ot_case *c, lattn_dtype dtype, bool adam)
{
    struct arena a = { .ctx = ctx, .c = c, .dtype = dtype, .n = c->in[0].dim[0] };
    bool ok = make_arena(&a);
    for (int64_t t = 1; ok && t <= c->i[0]; t++) {
        ok = next_gradient(&a, t, adam) && !find_norm(&a) && !update(&a, adam);
        double clip, norm = norm_of(&a, &clip);
        if (!ok || isnan(norm))
            continue;  // an update with NaN changes nothing
        a.done++;
        if (adam)
            want_adamw(&a, a.done, clip * (float) c->f[GRAD_SCALE]);
        else
            want_sgd(&a, a.done, clip * (float) c->f[GRAD_SCALE]);
    }
    if (!ok)
        ot_report("%s", lattn_error(ctx));
    else
        compare(&a, adam);
    free_arena(&a);
}

static void run_adamw(
    lattn_ctx *ctx, const struct ot_op *op, const struct ot_case *c, lattn_dtype dtype)
{
    (void) op;
    run_updates(ctx, c, dtype, true);
}

static void run_sgd(
    lattn_ctx *ctx, const struct ot_op *op, const struct ot_case *c, lattn_dtype dtype)
{
    (void) op;
    run_updates(ctx, c, dtype, false);
}

static void run_grad_norm(
    lattn_ctx *ctx, const struct ot_op *op, const struct ot_case *c, lattn_dtype dtype)
{
    (void) op;
    struct arena a = { .ctx = ctx, .c = c, .dtype = dtype, .n = c->in[0].dim[0] };
    if (make_arena(&a) && next_gradient(&a, 1, true) && !find_norm(&a))
        check_report(&a);
    else
        ot_report("%s", lattn_error(ctx));
    free_arena(&a);
}

// ---- for time ------------------------------------------------------------------------------------

// One update in place, for time alone: run() is what checks. The inputs of the timed cases.
enum { GRAD, PARAM, FIRST, SECOND, CHUNK_GROUP, GROUPS, HYPER, REPORT, CARRY, N_INPUTS };

static struct lat_update update_of(lattn_tensor *const *in)
{
    return (struct lat_update){
        .grad = in[GRAD],
        .param = in[PARAM],
        .moment1 = in[FIRST],
        .moment2 = in[SECOND],
        .chunk_group = in[CHUNK_GROUP],
        .groups = in[GROUPS],
        .hyper = in[HYPER],
        .report = in[REPORT],
    };
}

static lattn_tensor *build_adamw(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    (void) c;
    struct lat_update u = update_of(in);
    return lat_adamw_run(ctx, &u) ? NULL : u.param;
}

static lattn_tensor *build_sgd(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    (void) c;
    struct lat_update u = update_of(in);
    u.moment2 = NULL;
    return lat_sgd_run(ctx, &u) ? NULL : u.param;
}

static lattn_tensor *build_grad_norm(
    lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    (void) c;
    struct lat_grad_norm n = { &in[GRAD], 1, in[HYPER], in[REPORT], in[CARRY] };
    return lat_grad_norm_run(ctx, &n) ? NULL : n.report;
}

// Gradient, weight and moments, all but the gradient read and written.
static double adamw_bytes(const struct ot_case *c, size_t element)
{
    return ot_numel(&c->in[0]) * (24 + (element == 4 ? 4 : 2 * (double) element));
}

static double sgd_bytes(const struct ot_case *c, size_t element)
{
    return ot_numel(&c->in[0]) * (16 + (element == 4 ? 4 : 2 * (double) element));
}

static double norm_bytes(const struct ot_case *c, size_t element)
{
    return ot_numel(&c->in[0]) * (double) element;
}

static double adamw_flops(const struct ot_case *c)
{
    return 15 * ot_numel(&c->in[0]);
}

static double sgd_flops(const struct ot_case *c)
{
    return 7 * ot_numel(&c->in[0]);
}

static double norm_flops(const struct ot_case *c)
{
    return 2 * ot_numel(&c->in[0]);
}

static const char *shape(const int64_t *v, struct ot_case *c)
{
    for (int i = 0; i < 4; i++)
        OT_RESIZE(&c->in[i], v[0]);
    OT_RESIZE(&c->in[4], (v[0] + LAT_OPTIM_CHUNK - 1) / LAT_OPTIM_CHUNK);
    return NULL;
}

// clang-format off
// The arenas of a small BERT. Only time reads inputs 1 and up.
#define MILLIONS 4500480  // whole chunks, as arenas have
#define F32(n) { OT_DIMS(n), .fill = OT_POSITIVE, .f32 = true }
#define ARENA { { OT_DIMS(MILLIONS) }, F32(MILLIONS), F32(MILLIONS), F32(MILLIONS), \
    { OT_DIMS((MILLIONS + LAT_OPTIM_CHUNK - 1) / LAT_OPTIM_CHUNK), .fill = OT_INDEX, .limit = 1 }, \
    F32(LAT_GROUP_COUNT), F32(LAT_HYPER_COUNT), F32(LAT_REPORT_COUNT), \
    F32(LAT_CARRY_COUNT) }
#define ADAM { [LR] = 1e-2, [DECAY] = 0.1, [GRAD_SCALE] = 1, [BETA1] = 0.9, [BETA2] = 0.999, [EPS] = 1e-8 }
#define CLIPPED { [LR] = 1e-2, [DECAY] = 0.1, [MAX_NORM] = 0.5, [GRAD_SCALE] = 0.125, [BETA1] = 0.9, [BETA2] = 0.999, [EPS] = 1e-6 }
static const struct ot_case adamw_cases[] = {
    { "empty", { { OT_DIMS(0) } }, .i = { 2 }, .f = ADAM },
    { "one_element", { { OT_DIMS(1) } }, .i = { 20 }, .f = ADAM },
    { "n_3", { { OT_DIMS(3) } }, .i = { 20 }, .f = ADAM },
    { "chunk_less_one", { { OT_DIMS(1023) } }, .i = { 20 }, .f = ADAM },
    { "chunk", { { OT_DIMS(1024) } }, .i = { 20 }, .f = ADAM },
    { "chunk_and_one", { { OT_DIMS(1025) } }, .i = { 20 }, .f = ADAM },
    { "clipped", { { OT_DIMS(5000) } }, .i = { 20 }, .f = CLIPPED },
    { "whole_chunks", { { OT_DIMS(5120) } }, .i = { 20 }, .f = CLIPPED },
    { "whole_not_finite", { { OT_DIMS(3072) } }, .i = { 5, 3 }, .f = ADAM },
    { "not_finite", { { OT_DIMS(3000) } }, .i = { 5, 3 }, .f = ADAM },
    { "millions", ARENA, .i = { 1 }, .f = ADAM, .flags = OT_FULL | OT_BENCH },
};

#define SGD(momentum, dampening) { [LR] = 1e-1, [DECAY] = 0.01, [GRAD_SCALE] = 1, [MOMENTUM] = momentum, [DAMPENING] = dampening }
static const struct ot_case sgd_cases[] = {
    { "empty", { { OT_DIMS(0) } }, .i = { 2 }, .f = SGD(0.9, 0) },
    { "one_element", { { OT_DIMS(1) } }, .i = { 20 }, .f = SGD(0.9, 0) },
    { "plain", { { OT_DIMS(1500) } }, .i = { 20 }, .f = SGD(0, 0) },
    { "momentum", { { OT_DIMS(1500) } }, .i = { 20 }, .f = SGD(0.9, 0) },
    { "dampening", { { OT_DIMS(1500) } }, .i = { 20 }, .f = SGD(0.9, 0.5) },
    { "nesterov", { { OT_DIMS(1500) } }, .i = { 20, 0, 1 }, .f = SGD(0.9, 0) },
    { "rate_inside", { { OT_DIMS(1500) } }, .i = { 20, 0, 0, 1 }, .f = SGD(0.9, 0) },
    { "rate_inside_nesterov", { { OT_DIMS(1500) } }, .i = { 20, 0, 1, 1 }, .f = SGD(0.9, 0) },
    { "average", { { OT_DIMS(1500) } }, .i = { 20, 0, 0, 2 }, .f = SGD(0.9, 0) },
    { "average_nesterov", { { OT_DIMS(1500) } }, .i = { 20, 0, 1, 2 }, .f = SGD(0.9, 0) },
    { "whole_chunks_rate_inside", { { OT_DIMS(3072) } }, .i = { 20, 0, 1, 1 }, .f = SGD(0.9, 0) },
    { "whole_chunks_plain", { { OT_DIMS(3072) } }, .i = { 20 }, .f = SGD(0, 0) },
    { "whole_chunks_nesterov", { { OT_DIMS(3072) } }, .i = { 20, 0, 1 }, .f = SGD(0.9, 0) },
    { "millions", ARENA, .i = { 1 }, .f = SGD(0.9, 0), .flags = OT_FULL | OT_BENCH },
    { "chunk_less_one", { { OT_DIMS(2047) } }, .i = { 3 }, .f = SGD(0.9, 0) },
    { "chunk_and_one", { { OT_DIMS(2049) } }, .i = { 3 }, .f = SGD(0.9, 0) },
    { "not_finite", { { OT_DIMS(3000) } }, .i = { 5, 3 }, .f = SGD(0.9, 0) },
};

static const struct ot_case norm_cases[] = {
    { "empty", { { OT_DIMS(0) } }, .f = { [GRAD_SCALE] = 1, [MAX_NORM] = 1 } },
    { "one_element", { { OT_DIMS(1) } }, .f = { [GRAD_SCALE] = 1 } },
    { "two_elements", { { OT_DIMS(2) } }, .f = { [GRAD_SCALE] = 1, [MAX_NORM] = 1e-3 } },
    { "unaligned_halves", { { OT_DIMS(4099) } }, .f = { [GRAD_SCALE] = 1, [MAX_NORM] = 10 } },
    { "block_less_one", { { OT_DIMS(16383) } }, .f = { [GRAD_SCALE] = 1, [MAX_NORM] = 1 } },
    { "block", { { OT_DIMS(16384) } }, .f = { [GRAD_SCALE] = 0.5, [MAX_NORM] = 1 } },
    { "chunk_each", { { OT_DIMS(2048) } }, .f = { [GRAD_SCALE] = 1, [MAX_NORM] = 1 } },
    { "block_and_chunks_each", { { OT_DIMS(22528) } }, .f = { [GRAD_SCALE] = 1, [MAX_NORM] = 1 } },
    { "block_and_one", { { OT_DIMS(16385) } }, .f = { [GRAD_SCALE] = 1, [MAX_NORM] = 1e6 } },
    { "not_finite", { { OT_DIMS(3000) } }, .i = { 0, 1 }, .f = { [GRAD_SCALE] = 1, [MAX_NORM] = 1 } },
    { "millions", ARENA, .f = { [GRAD_SCALE] = 1, [MAX_NORM] = 1 }, .flags = OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_adamw = {
    .name = "adamw",
    .n_inputs = N_INPUTS,
    .build = build_adamw,
    .run = run_adamw,
    .bytes = adamw_bytes,
    .flops = adamw_flops,
    .keys = OT_KEYS(OT_SIZE("n")),
    .shape = shape,
    .cases = adamw_cases,
    .n_cases = OT_COUNT(adamw_cases),
    .no_grad = true,
};

const struct ot_op ot_op_sgd = {
    .name = "sgd",
    .n_inputs = N_INPUTS,
    .build = build_sgd,
    .run = run_sgd,
    .bytes = sgd_bytes,
    .flops = sgd_flops,
    .keys = OT_KEYS(OT_SIZE("n")),
    .shape = shape,
    .cases = sgd_cases,
    .n_cases = OT_COUNT(sgd_cases),
    .no_grad = true,
};

const struct ot_op ot_op_grad_norm = {
    .name = "grad_norm",
    .n_inputs = N_INPUTS,
    .build = build_grad_norm,
    .run = run_grad_norm,
    .bytes = norm_bytes,
    .flops = norm_flops,
    .keys = OT_KEYS(OT_SIZE("n")),
    .shape = shape,
    .cases = norm_cases,
    .n_cases = OT_COUNT(norm_cases),
    .no_grad = true,
};
