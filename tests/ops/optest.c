// SPDX-License-Identifier: MIT
//
// Runs the op table: every case of an op, with every dtype that the device stores and every strategy
// that it admits.
//
// A strategy is forced, the case is run, and the selection is asked afterwards whether it was taken:
// so the ops' own tables decide, and nothing here knows which op has which kernels.

#include "ops/engine.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The case that an op's own run() reports to.
static struct ot_session *running;

void ot_report(const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (running)
        ot_fail(running, "%s", text);
}

bool ot_expect(
    const char *what, const double *got, const double *want, int64_t n, double rel, double abs)
{
    struct ot_comparison c = {
        .what = what,
        .dtype = LATTN_DTYPE_F32,
        .got = got,
        .want = want,
        .n = n,
        .rel = rel,
        .abs = abs,
    };
    return ot_compare(running, &c);
}

bool ot_read(lattn_tensor *t, double *v, int64_t n)
{
    float *f = ot_alloc((size_t) n * sizeof *f);
    lattn_status st = t ? lattn_tensor_read_f32(t, f, n) : lattn_ctx_status(running->ctx);
    for (int64_t i = 0; i < n; i++)
        v[i] = f[i];
    free(f);
    if (st)
        ot_fail_status(running, "read", st);
    return t && !st;
}

// ---- one case -----------------------------------------------------------------------------------

static void run_case(struct ot_session *s)
{
    running = s;
    if (s->op->run) {
        lattn_status st = lattn_step_begin(s->ctx);
        lattn_rng_set(s->ctx, OT_RNG);
        if (!st) {
            s->op->run(s->ctx, s->op, s->c, s->dtype);
            st = lattn_step_end(s->ctx);
        }
        if (st)
            ot_fail_status(s, "step end", st);
    } else {
        ot_make_arrays(s);
        if (s->mode == OT_CHECK)
            ot_check(s);
        else
            ot_grad(s);
        ot_free_arrays(s);
    }
    // The bands of what ran, where the end of an outer step is far away.
    lattn_status st = lat_guard_check(s->ctx);
    if (st)
        ot_fail(s, "guard bands: %s", lat_err_text());
    running = NULL;
}

static void finish(struct ot_session *s, const struct ot_options *o)
{
    if (s->verdict == OT_FAILED) {
        const lattn_device_info *device = lattn_ctx_device(s->ctx);
        bool strategy = strcmp(s->strategy, "-") != 0;
        ot_fail(s, "  %s/%s/%s/%s on %s, %s", s->op->name, s->c->name, lattn_dtype_name(s->dtype),
            s->strategy, device->name, device->driver);
        ot_fail(s, "  repeat: lattn-bench %s %s --case=%s --dtype=%s%s%s%s --device=%d",
            s->mode == OT_CHECK ? "check" : "grad", s->op->name, s->c->name,
            lattn_dtype_name(s->dtype), strategy ? " --strategy=" : "", strategy ? s->strategy : "",
            s->c->flags & OT_FULL ? " --full" : "", device->index);
    }
    struct ot_result result = {
        .op = s->op,
        .c = s->c,
        .dtype = s->dtype,
        .strategy = s->strategy,
        .verdict = s->verdict,
        .worst = s->worst,
        .text = s->text,
    };
    if (o->done)
        o->done(o->user, &result);
}

// All strategies of one case with one dtype. Returns how many failed.
static int run_strategies(struct ot_session *proto, const struct ot_options *o)
{
    int failed = 0;
    for (int kind = 0; kind < LAT_STRATEGY_KINDS; kind++) {
        if (o->strategy >= 0 && kind != o->strategy)
            continue;
        struct ot_session *s = ot_alloc(sizeof *s);
        *s = *proto;
        lat_strategy_force(s->ctx, kind);
        s->strategy = lat_strategy_name((enum lat_strategy_kind) kind);
        run_case(s);
        uint32_t taken = lat_strategy_taken(s->ctx);
        lat_strategy_force(s->ctx, -1);
        bool only_kernel = taken == 0 && s->verdict != OT_SKIPPED;
        if (only_kernel)
            s->strategy = "-";
        bool ran = taken >> kind & 1 || kind == LAT_STRATEGY_BASE;
        if (ran || (only_kernel && o->strategy >= 0)) {
            finish(s, o);
            failed += s->verdict == OT_FAILED;
        }
        free(s);
        if (only_kernel)
            break;
    }
    return failed;
}

// ---- all of an op -------------------------------------------------------------------------------

// Whether the device can store every tensor of a case.
static bool device_stores(
    lattn_ctx *ctx, const struct ot_op *op, const struct ot_case *c, lattn_dtype dtype)
{
    const lattn_device_info *device = lattn_ctx_device(ctx);
    if (dtype != LATTN_DTYPE_F32 && !device->storage_f16)
        return false;
    for (int i = 0; i < op->n_inputs; i++)
        if (ot_input_dtype(&c->in[i], dtype) == LATTN_DTYPE_U8 && !device->storage_u8)
            return false;
    return true;
}

static bool wanted(
    const struct ot_op *op, const struct ot_case *c, const struct ot_options *o, enum ot_mode mode)
{
    if (o->case_name && strcmp(o->case_name, c->name) != 0)
        return false;
    if ((c->flags & OT_TIME_ALONE) || ((c->flags & OT_FULL) && !o->full))
        return false;
    return mode == OT_CHECK || !((c->flags & OT_NO_GRAD) || op->no_grad || op->exact || op->run);
}

int ot_run_op(lattn_ctx *ctx, enum ot_mode mode, const struct ot_op *op, const struct ot_options *o)
{
    static const lattn_dtype dtypes[] = { LATTN_DTYPE_F32, LATTN_DTYPE_F16, LATTN_DTYPE_BF16 };
    bool own_guards = !ctx->guards;
    if (own_guards && lat_guards_create(ctx))
        return 1;
    int failed = 0;
    for (int k = 0; k < op->n_cases; k++) {
        const struct ot_case *c = &op->cases[k];
        for (size_t d = 0; d < LAT_COUNT(dtypes) && wanted(op, c, o, mode); d++) {
            bool only_f32 = op->only_f32 || (c->flags & OT_ONLY_F32) ||
                            ((c->flags & OT_GEOMETRY) && !o->all_types);
            if ((o->dtype >= 0 && (int) dtypes[d] != o->dtype) ||
                !device_stores(ctx, op, c, dtypes[d]) || (only_f32 && dtypes[d] != LATTN_DTYPE_F32))
                continue;
            struct ot_session *s = ot_alloc(sizeof *s);
            s->ctx = ctx;
            s->mode = mode;
            s->op = op;
            s->c = c;
            s->dtype = dtypes[d];
            failed += run_strategies(s, o);
            free(s);
        }
    }
    if (own_guards)
        lat_guards_destroy(ctx);
    return failed;
}
