// SPDX-License-Identifier: MIT
//
// lattn-bench time: how long each op takes on the device, and what share that is of what the device
// can do: bytes against its own copy rate, operations against its own multiply-adds.
//
// JSON output has the members of Google Benchmark's, so its tools read it.

#include <string.h>
#include "bench/bench.h"
#include "bench/blas.h"
#include "bench/roofline.h"
#include "common/tuned.h"

struct report {
    lattn_ctx *ctx;
    struct bench_options o;
    bool quick, forward_only, chosen, tune;
    const struct ot_case *shape;  // given on the command line
    const char *roofline_file;
    struct roofline roofline;
    struct blas blas;
    bool any, lost;  // lost: a dot for which there was no memory
};

static void done(void *user, const struct ot_timing *t)
{
    struct report *r = user;
    struct row row;
    row_of_timing(t, &row);
    row.blas_gflops = blas_gflops_of(&r->blas, t, r->quick ? 0.1 : 0.5);
    if (r->o.json) {
        row_print_json(&row, &r->roofline.peaks, !r->any);
        printf("\n    }");
    } else {
        row_print(&row, &r->roofline.peaks);
        printf("\n");
    }
    fflush(stdout);
    r->any = true;
    if (r->roofline_file && !roofline_add(&r->roofline, &row, t->op->name))
        r->lost = true;
}

static int time_op(const struct ot_op *op, void *user)
{
    struct report *r = user;
    struct ot_time_options options = {
        .dtype = bench_dtype(&r->o),
        .strategy = r->chosen || r->tune ? OT_CHOSEN : bench_strategy(&r->o),
        .case_name = r->o.case_name,
        .shape = r->shape,
        .forward_only = r->forward_only,
        .warm_up_s = r->quick ? 0.05 : 0.5,
        .measure_s = r->quick ? 0.1 : 1,
        .done = done,
        .user = r,
    };
    lattn_status st = ot_time_op(r->ctx, op, &options);
    return st ? cli_fail("lattn-bench time", st, r->ctx) : CLI_EXIT_OK;
}

static int draw(const char *name, struct report *r)
{
    const int64_t mnk[] = { 1024, 1024, 1024 };
    r->roofline.device = lattn_ctx_device(r->ctx)->name;
    r->roofline.blas_gflops = blas_gflops(&r->blas, mnk, (bool[]){ false, false }, 0.3);
    lattn_status st =
        r->lost ? LATTN_ERR_HOST_MEMORY : roofline_write(&r->roofline, r->roofline_file);
    return st ? cli_fail(name, st, NULL) : CLI_EXIT_OK;
}

static int run(const char *name, struct report *r, const struct cli_operands *names)
{
    int code;
    r->ctx = bench_open(name, r->o.device, &code);
    if (!r->ctx)
        return code;
    lattn_status st = ot_measure_peaks(r->ctx, &r->roofline.peaks);
    if (st) {
        code = cli_fail(name, st, r->ctx);
        lattn_ctx_destroy(&r->ctx);
        return code;
    }
    row_say_peaks(name, &r->roofline.peaks);
    blas_open(&r->blas, r->ctx);
    if (r->o.json) {
        printf("{\n");
        bench_json_context(stdout, r->ctx, name);
        row_print_peaks(stdout, &r->roofline.peaks);
        printf("\n  },\n");
        printf("  \"benchmarks\": [");
    }
    if (r->tune)
        lattn_set_tuning(r->ctx, true);
    code = bench_each(names, time_op, r);
    if (r->o.json)
        printf("\n  ]\n}\n");
    if (!code && r->tune)
        code = tuned_finish(name, r->ctx);
    if (!code && r->roofline_file)
        code = draw(name, r);
    roofline_free(&r->roofline);
    lattn_ctx_destroy(&r->ctx);
    return code;
}

// OP m=512 n=512 k=512: the sizes of one op, and its dtype.
static int take_shape(
    const char *name, struct report *r, struct cli_operands *names, struct ot_shape *shape)
{
    char error[400];
    int n = 0, first = 0;
    while (first < names->n && !strchr(names->items[first], '='))
        first++;
    if (first == names->n)
        return CLI_EXIT_OK;
    if (first != 1)
        return cli_usage_error(name, "'%s' is a size of one op: lattn-bench time matmul m=512 ...",
            names->items[first]);
    for (int i = 1; i < names->n; i++) {
        char *item = names->items[i];
        if (!strchr(item, '='))
            return cli_usage_error(name, "'%s' is no size: name=value", item);
        if (strncmp(item, "dtype=", 6) != 0)
            names->items[1 + n++] = item;
        else if (!bench_find_dtype(item + 6, &r->o.dtype))
            return cli_usage_error(
                name, "there is no dtype '%s'; there are f32, f16, bf16 and all", item + 6);
    }
    names->n = 1;
    int code = bench_check_names(name, names);
    if (code || n == 0)
        return code;
    if (!ot_shape_parse(
            bench_find(names->items[0]), names->items + 1, n, shape, error, sizeof error))
        return cli_usage_error(name, "%s", error);
    r->shape = &shape->c;
    return CLI_EXIT_OK;
}

int bench_time(int argc, char **argv)
{
    static const char name[] = "lattn-bench time";
    struct report r = { .o = { .dtype = 1 } };
    const struct cli_opt opts[] = {
        BENCH_OPTIONS(&r.o),
        CLI_FLAG("chosen", 0, &r.chosen, "only the form that the library chooses"),
        TUNE_OPTION(&r.tune),
        CLI_FLAG("quick", 'q', &r.quick, "0.1 s for each measurement instead of 1 s"),
        CLI_STR("roofline", 'r', &r.roofline_file, "FILE.svg",
            "draws every row under the device's peaks"),
        CLI_FLAG("forward_only", 0, &r.forward_only, "no gradients"),
        CLI_END,
    };
    const struct cli_command cmd = {
        .name = name,
        .summary = "Measures the ops (all by default) on the shapes of real networks, or one op "
                   "on a shape of yours: lattn-bench time matmul m=1024 n=1024 k=1024.",
        .operands = "[OP...] | OP SIZE=N...",
        .opts = opts,
        .max_operands = 1000,
        .notes =
            "Times are the device's, by its timestamps, the median over batches; +- is half "
            "of the middle half's width. The share is of the device's own copy rate or f32 "
            "multiply-add rate, measured first: of the one that takes longer for this row. "
            "backward is that alone, over the history of one forward. Behind it stands the "
            "form of the last kernel that had several, for example cpu 32x2. Products on a CPU "
            "device have the same product by the machine's OpenBLAS beside them. lattn-bench "
            "list shows the sizes of each op; dtype=f16 is the same as --dtype.",
    };
    struct cli_operands names;
    struct ot_shape shape;
    int code;
    if (!cli_parse(&cmd, argc, argv, &names, &code))
        return code;
    code = take_shape(name, &r, &names, &shape);
    if (!code)
        code = bench_check_names(name, &names);
    return code ? code : run(name, &r, &names);
}
