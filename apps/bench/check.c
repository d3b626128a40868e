// SPDX-License-Identifier: MIT
//
// lattn-bench check and grad: runs the op table and prints one line for each op, failures in full.

#include <math.h>
#include <string.h>
#include "bench/bench.h"
#include "common/json.h"

struct report {
    lattn_ctx *ctx;
    struct bench_options o;
    enum ot_mode mode;
    int passed, failed, skipped;  // of the running op
    double worst;
    char worst_name[192];
    int all_passed, all_failed, all_skipped;
    bool any_json;
};

static void print_json(struct report *r, const struct ot_result *result, const char *name)
{
    static const char *const verdicts[] = { "passed", "failed", "skipped" };
    printf("%s\n    { \"name\": ", r->any_json ? "," : "");
    json_print_string(stdout, name, strlen(name));
    printf(", \"verdict\": \"%s\", \"worst\": ", verdicts[result->verdict]);
    if (isfinite(result->worst))
        printf("%.4g", result->worst);
    else
        printf("null");
    if (*result->text) {
        printf(", \"text\": ");
        json_print_string(stdout, result->text, strlen(result->text));
    }
    printf(" }");
    r->any_json = true;
}

static void done(void *user, const struct ot_result *result)
{
    struct report *r = user;
    char name[192];
    bench_name(name, sizeof name, result->op, result->c, result->dtype, result->strategy);
    r->passed += result->verdict == OT_PASSED;
    r->failed += result->verdict == OT_FAILED;
    r->skipped += result->verdict == OT_SKIPPED;
    if (result->worst > r->worst) {
        r->worst = result->worst;
        snprintf(r->worst_name, sizeof r->worst_name, "%s", name);
    }
    if (r->o.json)
        print_json(r, result, name);
    if (result->verdict != OT_PASSED)
        fprintf(stderr, "%s: %s\n%s\n", name,
            result->verdict == OT_FAILED ? "FAILED" : "not supported here", result->text);
    else if (r->o.verbose && !r->o.json)
        printf("%-56s %.2f\n", name, result->worst);
}

static int run_op(const struct ot_op *op, void *user)
{
    struct report *r = user;
    r->passed = r->failed = r->skipped = 0;
    r->worst = 0;
    r->worst_name[0] = '\0';
    struct ot_options options = {
        .dtype = bench_dtype(&r->o),
        .strategy = bench_strategy(&r->o),
        .case_name = r->o.case_name,
        .full = r->o.full,
        .all_types = r->o.full,
        .done = done,
        .user = r,
    };
    ot_run_op(r->ctx, r->mode, op, &options);
    r->all_passed += r->passed;
    r->all_failed += r->failed;
    r->all_skipped += r->skipped;
    if (!r->o.json && r->passed + r->failed + r->skipped > 0) {
        printf("%-24s %s %4d runs", op->name, r->failed ? "FAIL" : "ok  ", r->passed + r->failed);
        if (r->failed)
            printf(", %d failed", r->failed);
        if (r->skipped)
            printf(", %d not supported", r->skipped);
        printf(", largest error %.2f of the tolerance", r->worst);
        printf(*r->worst_name ? " (%s)\n" : "\n", r->worst_name);
        fflush(stdout);
    }
    return r->failed ? CLI_EXIT_INTERNAL : CLI_EXIT_OK;
}

static int run(const char *name, struct report *r, const struct cli_operands *names)
{
    int code;
    r->ctx = bench_open(name, r->o.device, &code);
    if (!r->ctx)
        return code;
    if (r->o.json) {
        printf("{\n");
        bench_json_context(stdout, r->ctx, name);
        printf("\n  },\n  \"results\": [");
    }
    code = bench_each(names, run_op, r);
    if (r->o.json)
        printf("\n  ]\n}\n");
    int all = r->all_passed + r->all_failed + r->all_skipped;
    fprintf(stderr, "%s: %d runs, %d failed, %d not supported\n", name, all, r->all_failed,
        r->all_skipped);
    if (all == 0 && code == CLI_EXIT_OK)
        code = cli_usage_error(name, "nothing to run: no case fits --case, --dtype and --strategy");
    lattn_ctx_destroy(&r->ctx);
    return code;
}

static int run_mode(enum ot_mode mode, const char *name, const char *summary, int argc, char **argv)
{
    struct report r = { .mode = mode };
    const struct cli_opt opts[] = {
        BENCH_OPTIONS(&r.o),
        CLI_FLAG("full", 'f', &r.o.full, "the shapes of real networks too"),
        CLI_FLAG("verbose", 'v', &r.o.verbose, "a line for every case"),
        CLI_END,
    };
    const struct cli_command cmd = {
        .name = name,
        .summary = summary,
        .operands = "[OP...]",
        .opts = opts,
        .max_operands = 1000,
        .notes =
            "Exit code 1 when anything differs; each failure names the command that repeats it.",
    };
    struct cli_operands names;
    int code;
    if (!cli_parse(&cmd, argc, argv, &names, &code))
        return code;
    code = bench_check_names(name, &names);
    return code ? code : run(name, &r, &names);
}

int bench_check(int argc, char **argv)
{
    return run_mode(OT_CHECK, "lattn-bench check",
        "Runs every case of the ops (all by default) with every storage type and every form of "
        "the kernels that this device admits, and compares with double-precision references.",
        argc, argv);
}

int bench_grad(int argc, char **argv)
{
    return run_mode(OT_GRAD, "lattn-bench grad",
        "The same for gradients, against central differences of the references.", argc, argv);
}
