// SPDX-License-Identifier: MIT

#include "common/tuned.h"
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

lattn_status tuned_train(const char *command, lattn_ctx *ctx, bool tune,
    const lattn_train_params *params, lattn_train_result *result)
{
    if (tune)
        lattn_set_tuning(ctx, true);
    lattn_status st = lattn_train(ctx, params, result);
    // A table that cannot be kept is told, and no reason to lose the training.
    if (tune)
        (void) tuned_finish(command, ctx);
    return st;
}
