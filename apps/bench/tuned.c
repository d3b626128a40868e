// SPDX-License-Identifier: MIT
//
// --tune of time and model: forms of kernels are measured on the shapes at hand before they are timed, and what
// was found stays in the cache folder, where every program on this device finds it.

#include "bench/tuned.h"
#include <stdio.h>
#include "common/run.h"
#include "lattn/tuning.h"

static void print(const lattn_tuned *t)
{
    fprintf(stderr, "tuned %s/%s", t->op, lattn_dtype_name(t->dtype));
    for (int i = 0; i < 6; i++)
        fprintf(stderr, "%s%lld", i ? "," : "/", (long long) t->size[i]);
    fprintf(
        stderr, ": %s%s%s, %.3g ms", t->strategy, *t->form ? " " : "", t->form, 1e3 * t->seconds);
    if (t->model_seconds > t->seconds)
        fprintf(stderr, ", %s%s%s takes %.3g ms", t->model_strategy, *t->model_form ? " " : "",
            t->model_form, 1e3 * t->model_seconds);
    fprintf(stderr, "; %d forms", t->n_tried);
    if (t->n_wrong)
        fprintf(stderr, ", %d LEFT OUT, their numbers are others", t->n_wrong);
    fprintf(stderr, "\n");
}

int tuned_finish(const char *command, lattn_ctx *ctx)
{
    lattn_set_tuning(ctx, false);
    for (int i = 0; i < lattn_tuning_count(ctx); i++) {
        lattn_tuned t;
        if (!lattn_tuning_get(ctx, i, &t) && t.n_tried)  // 0: it was known before
            print(&t);
    }
    lattn_status st = lattn_tuning_save(ctx, NULL);
    return st ? cli_fail(command, st, ctx) : CLI_EXIT_OK;
}
