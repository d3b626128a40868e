// SPDX-License-Identifier: MIT
//
// lattn-bench time: how long each op takes on the device, and what share that is of what the device
// can do: bytes against its own copy rate, operations against its own multiply-adds.
//
// JSON output has the members of Google Benchmark's, so its tools read it.

#include <string.h>
#include "bench/bench.h"
#include "common/json.h"

struct report {
    lattn_ctx *ctx;
    struct bench_options o;
    bool quick, forward_only;
    struct ot_peaks peaks;
    bool any;
};

static const char *duration(char *text, size_t bytes, double s)
{
    if (s < 1e-3)
        snprintf(text, bytes, "%.1f us", s * 1e6);
    else if (s < 1)
        snprintf(text, bytes, "%.2f ms", s * 1e3);
    else
        snprintf(text, bytes, "%.2f s", s);
    return text;
}

static void print_text(const struct report *r, const struct ot_timing *t, const char *name)
{
    char time[32];
    printf("%-60s %10s +-%3.0f%%", name, duration(time, sizeof time, t->seconds), 50 * t->spread);
    if (t->bytes > 0 && t->seconds > 0)
        printf("  %8.1f GB/s %4.0f%%", 1e-9 * t->bytes / t->seconds,
            100 * t->bytes / t->seconds / r->peaks.copy_bytes_per_s);
    if (t->flops > 0 && t->seconds > 0)
        printf("  %9.1f GFLOP/s %4.0f%%", 1e-9 * t->flops / t->seconds,
            100 * t->flops / t->seconds / r->peaks.fma_flops_per_s);
    printf("\n");
    fflush(stdout);
}

static void print_json(struct report *r, const struct ot_timing *t, const char *name)
{
    printf("%s\n    {\n      \"name\": ", r->any ? "," : "");
    json_print_string(stdout, name, strlen(name));
    printf(",\n      \"run_name\": ");
    json_print_string(stdout, name, strlen(name));
    printf(",\n      \"run_type\": \"iteration\",\n      \"iterations\": %lld,\n",
        (long long) t->applications);
    printf("      \"real_time\": %.6g,\n      \"cpu_time\": %.6g,\n      \"time_unit\": \"ns\",\n",
        1e9 * t->seconds, 1e9 * t->wall_seconds);
    printf("      \"spread\": %.4g", t->spread);
    if (t->bytes > 0 && t->seconds > 0)
        printf(",\n      \"bytes_per_second\": %.6g,\n      \"share_of_copy\": %.4g",
            t->bytes / t->seconds, t->bytes / t->seconds / r->peaks.copy_bytes_per_s);
    if (t->flops > 0 && t->seconds > 0)
        printf(",\n      \"flops_per_second\": %.6g,\n      \"share_of_fma\": %.4g",
            t->flops / t->seconds, t->flops / t->seconds / r->peaks.fma_flops_per_s);
    printf("\n    }");
    r->any = true;
}

static void done(void *user, const struct ot_timing *t)
{
    struct report *r = user;
    char base[160], name[192];
    bench_name(base, sizeof base, t->op, t->c, t->dtype, t->strategy);
    snprintf(name, sizeof name, "%s%s", base, t->backward ? "/backward" : "");
    if (r->o.json)
        print_json(r, t, name);
    else
        print_text(r, t, name);
}

static int time_op(const struct ot_op *op, void *user)
{
    struct report *r = user;
    struct ot_time_options options = {
        .dtype = bench_dtype(&r->o),
        .strategy = bench_strategy(&r->o),
        .case_name = r->o.case_name,
        .forward_only = r->forward_only,
        .warm_up_s = r->quick ? 0.05 : 0.5,
        .measure_s = r->quick ? 0.1 : 1,
        .done = done,
        .user = r,
    };
    lattn_status st = ot_time_op(r->ctx, op, &options);
    return st ? cli_fail("lattn-bench time", st, r->ctx) : CLI_EXIT_OK;
}

static int run(const char *name, struct report *r, const struct cli_operands *names)
{
    int code;
    r->ctx = bench_open(name, r->o.device, &code);
    if (!r->ctx)
        return code;
    lattn_status st = ot_measure_peaks(r->ctx, &r->peaks);
    if (st) {
        code = cli_fail(name, st, r->ctx);
        lattn_ctx_destroy(&r->ctx);
        return code;
    }
    fprintf(stderr, "%s: copy %.1f GB/s, multiply-add %.1f GFLOP/s (f32)\n", name,
        1e-9 * r->peaks.copy_bytes_per_s, 1e-9 * r->peaks.fma_flops_per_s);
    if (r->o.json) {
        printf("{\n");
        bench_json_context(stdout, r->ctx, name);
        printf(
            ",\n    \"copy_bytes_per_second\": %.6g,\n    \"fma_flops_per_second\": %.6g\n  },\n",
            r->peaks.copy_bytes_per_s, r->peaks.fma_flops_per_s);
        printf("  \"benchmarks\": [");
    }
    code = bench_each(names, time_op, r);
    if (r->o.json)
        printf("\n  ]\n}\n");
    lattn_ctx_destroy(&r->ctx);
    return code;
}

int bench_time(int argc, char **argv)
{
    static const char name[] = "lattn-bench time";
    struct report r = { .o = { .dtype = 1 } };
    const struct cli_opt opts[] = {
        BENCH_OPTIONS(&r.o),
        CLI_FLAG("quick", 'q', &r.quick, "0.1 s for each measurement instead of 1 s"),
        CLI_FLAG("forward_only", 0, &r.forward_only, "no gradients"),
        CLI_END,
    };
    const struct cli_command cmd = {
        .name = name,
        .summary = "Measures the ops (all by default) on the shapes of real networks.",
        .operands = "[OP...]",
        .opts = opts,
        .max_operands = 1000,
        .notes = "Times are the device's, by its timestamps, the median over batches; +- is half "
                 "of the middle half's width. The shares are of the device's own copy rate and "
                 "multiply-add rate, measured first. backward is forward and backward together "
                 "minus forward.",
    };
    struct cli_operands names;
    int code;
    if (!cli_parse(&cmd, argc, argv, &names, &code))
        return code;
    code = bench_check_names(name, &names);
    return code ? code : run(name, &r, &names);
}
