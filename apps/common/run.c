// SPDX-License-Identifier: MIT
//
// Signals that end a training after a checkpoint; results and predictions as they are printed.

#include "common/run.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "common/cli.h"
#include "common/json.h"

static volatile int stop;
static volatile sig_atomic_t last_signal;

static void on_signal(int number)
{
    stop = 1;
    last_signal = number;
    signal(number, SIG_DFL);
}

const volatile int *run_watch_signals(void)
{
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    return &stop;
}

int run_signal(void)
{
    return last_signal;
}

// ---- results --------------------------------------------------------------------------------------

void run_print_accuracy(const lattn_metrics *m, const void *more, const char *prefix)
{
    (void) more;
    if (prefix)
        printf("\"%saccuracy\": %.6f, \"%sf1\": %.6f, \"%sloss\": %.9g", prefix, m->accuracy,
            prefix, m->macro_f1, prefix, m->loss);
    else
        printf("accuracy %.2f %%, macro F1 %.2f %%", 100 * m->accuracy, 100 * m->macro_f1);
}

static void print_json(const struct run_results *r, run_figures_fn figures)
{
    const lattn_train_result *t = r->train;
    printf("{\"steps\": %lld, \"seconds\": %.3f, \"samples_per_second\": %.2f",
        (long long) t->n_steps, t->seconds, t->samples_per_second);
    if (isfinite(t->train_loss))
        printf(", \"train_loss\": %.9g", t->train_loss);
    if (t->best_step >= 0) {
        printf(", \"best_step\": %lld, ", (long long) t->best_step);
        figures(&t->best, r->best_more, "eval_");
    }
    if (r->test) {
        printf(", ");
        figures(r->test, r->test_more, "test_");
    }
    printf("}\n");
}

static void print_text(const struct run_results *r, run_figures_fn figures)
{
    const lattn_train_result *t = r->train;
    if (t->best_step >= 0) {
        printf("validation ");
        figures(&t->best, r->best_more, NULL);
        printf(" (update %lld)\n", (long long) t->best_step);
    }
    if (r->test) {
        printf("test ");
        figures(r->test, r->test_more, NULL);
        printf(" on %lld %s\n", (long long) r->test->n, r->rows);
    }
    printf("model: %s\n", r->output);
}

int run_finish(const struct run_results *r, lattn_status st, const lattn_ctx *ctx)
{
    if (st == LATTN_ERR_INTERRUPTED) {
        fprintf(stderr, "%s: %s; call the same command with %s to go on\n", r->command,
            lattn_error(ctx), r->resume);
        return 128 + run_signal();
    }
    if (st)
        return cli_fail(r->command, st, ctx);
    run_figures_fn figures = r->figures ? r->figures : run_print_accuracy;
    if (r->json)
        print_json(r, figures);
    else
        print_text(r, figures);
    return CLI_EXIT_OK;
}

// ---- predictions ----------------------------------------------------------------------------------

// Sum of exp(logit - max): a probability is a term of it divided by it.
static double sum_of_exp(const float *logits, int n, double max)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += exp((double) logits[i] - max);
    return sum;
}

static void print_name(const char *name)
{
    json_print_string(stdout, name, strlen(name));
}

void run_print_prediction(const float *logits, int n, run_label_fn name, const void *user)
{
    char buffer[32];
    int best = 0;
    for (int i = 1; i < n; i++)
        best = logits[i] > logits[best] ? i : best;
    double max = (double) logits[best], sum = sum_of_exp(logits, n, max);
    printf("\"label\": ");
    print_name(name(user, best, buffer, sizeof buffer));
    printf(", \"score\": %.6f, \"probabilities\": {", 1 / sum);
    for (int i = 0; i < n; i++) {
        printf("%s", i ? ", " : "");
        print_name(name(user, i, buffer, sizeof buffer));
        printf(": %.6f", exp((double) logits[i] - max) / sum);
    }
    printf("}");
}
