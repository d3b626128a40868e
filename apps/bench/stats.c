// SPDX-License-Identifier: MIT
//
// lattn-bench stats: what the device's compiler made of the kernels: registers, spills, shared memory, occupancy
// and instructions, where the driver says them. First the cases that time measures are run once, so that the
// pipelines are those that the library chooses here.

#include "bench/bench.h"
#include "ops/kernels.h"

static const char name[] = "lattn-bench stats";

struct report {
    lattn_ctx *ctx;
    struct bench_options o;
    int n_kernels, n_spilled, n_failed;
};

static void print_kernel(void *user, const struct ot_kernel *k)
{
    struct report *r = user;
    if (r->o.json) {
        printf("%s\n    ", r->n_kernels ? "," : "");
        ot_kernel_print_json(k, stdout);
    } else {
        ot_kernel_print(k, stdout);
        printf("\n");
    }
    r->n_kernels++;
    r->n_spilled += k->spills > 0;
}

static void failed(void *user, const struct ot_op *op, const struct ot_case *c, const char *text)
{
    struct report *r = user;
    fprintf(stderr, "%s: %s/%s: %s\n", name, op->name, c->name, text);
    r->n_failed++;
}

static int record_op(const struct ot_op *op, void *user)
{
    struct report *r = user;
    const struct ot_record_options options = {
        .dtype = bench_dtype(&r->o),
        .strategy = bench_strategy(&r->o),
        .case_name = r->o.case_name,
        .timed = true,
        .failed = failed,
        .user = r,
    };
    ot_record_op(r->ctx, op, &options);
    return CLI_EXIT_OK;
}

static int run(struct report *r, const struct cli_operands *names)
{
    (void) bench_each(names, record_op, r);
    if (r->o.json) {
        printf("{\n");
        bench_json_context(stdout, r->ctx, name);
        printf("\n  },\n  \"kernels\": [");
    } else {
        ot_kernel_print_heading(stdout);
    }
    ot_kernels_each(r->ctx, print_kernel, r);
    if (r->o.json)
        printf("\n  ]\n}\n");
    fprintf(stderr, "%s: %d pipelines, %d with spills\n", name, r->n_kernels, r->n_spilled);
    return r->n_failed ? CLI_EXIT_INTERNAL : CLI_EXIT_OK;
}

int bench_stats(int argc, char **argv)
{
    struct report r = { .o = { .dtype = 1 } };
    const struct cli_opt opts[] = {
        BENCH_OPTIONS(&r.o),
        CLI_END,
    };
    const struct cli_command cmd = {
        .name = name,
        .summary = "Shows what the device's compiler made of the kernels of the ops (all by "
                   "default): registers, spills, shared memory, occupancy, instructions.",
        .operands = "[OP...]",
        .opts = opts,
        .max_operands = 1000,
        .notes = "Figures are the driver's (VK_KHR_pipeline_executable_properties), and so are "
                 "their units: registers of a lane, spilled registers or bytes of scratch memory, "
                 "bytes of shared memory, subgroups at a time. - is what it does not say. Exit "
                 "code 4 where it says nothing at all.",
    };
    struct cli_operands names;
    int code;
    if (!cli_parse(&cmd, argc, argv, &names, &code))
        return code;
    code = bench_check_names(name, &names);
    if (code)
        return code;
    r.ctx = bench_open(name, r.o.device, &code);
    if (!r.ctx)
        return code;
    if (ot_kernels_known(r.ctx)) {
        code = run(&r, &names);
    } else {
        fprintf(stderr,
            "%s: %s says nothing about its kernels (it lacks "
            "VK_KHR_pipeline_executable_properties)\n",
            name, lattn_ctx_device(r.ctx)->name);
        code = CLI_EXIT_NO_DEVICE;
    }
    lattn_ctx_destroy(&r.ctx);
    return code;
}
