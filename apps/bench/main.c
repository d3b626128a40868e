// SPDX-License-Identifier: MIT
//
// lattn-bench: is every kernel right on this device, and how fast is it?
//
//   lattn-bench list                      ops and their cases
//   lattn-bench check [OP...]             forward against a double-precision reference
//   lattn-bench grad [OP...]              backward against central differences of it
//   lattn-bench time [OP...]              time, GB/s, GFLOP/s and shares of the device's own peaks
//   lattn-bench model [NETWORK...]        whole training steps: samples/s, GFLOP/s, dispatches, memory
//   lattn-bench floors                    the kernels of a training step against what they have to reach
//   lattn-bench costs                     microseconds of a dispatch, a barrier, a replay
//   lattn-bench stats [OP...]             registers, spills, occupancy of each kernel, as the driver says
//   lattn-bench page FOLDER               the files of ./run bench as one page
//   lattn-bench compare OLD NEW           two files of `time --json`
//
// References, cases and tolerances are those of the library's own tests (tests/ops).

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench/bench.h"
#include "common/json.h"

const char *const bench_dtypes[] = { "all", "f32", "f16", "bf16", NULL };
const char *const bench_strategies[] = { "all", "base", "cpu", "subgroup", "winograd", "coopmat",
    "coopmat2", NULL };

int bench_dtype(const struct bench_options *o)
{
    return o->dtype - 1;  // the list has the order of lattn_dtype
}

int bench_strategy(const struct bench_options *o)
{
    return o->strategy - 1;
}

bool bench_find_dtype(const char *word, int *dtype)
{
    for (int i = 0; bench_dtypes[i]; i++)
        if (strcmp(bench_dtypes[i], word) == 0) {
            *dtype = i;
            return true;
        }
    return false;
}

const struct ot_op *bench_find(const char *name)
{
    for (int i = 0; ot_ops[i]; i++)
        if (strcmp(ot_ops[i]->name, name) == 0)
            return ot_ops[i];
    return NULL;
}

int bench_check_names(const char *command, const struct cli_operands *names)
{
    for (int k = 0; k < names->n; k++)
        if (!bench_find(names->items[k]))
            return cli_usage_error(
                command, "there is no op '%s'; lattn-bench list shows them all", names->items[k]);
    return CLI_EXIT_OK;
}

int bench_each(const struct cli_operands *names, bench_op_fn fn, void *user)
{
    int first = CLI_EXIT_OK;
    for (int k = 0; k < names->n; k++) {
        int code = fn(bench_find(names->items[k]), user);
        first = first ? first : code;
    }
    for (int i = 0; names->n == 0 && ot_ops[i]; i++) {
        int code = fn(ot_ops[i], user);
        first = first ? first : code;
    }
    return first;
}

lattn_ctx *bench_open(const char *command, const char *device, int *exit_code)
{
    lattn_ctx *ctx = NULL;
    lattn_ctx_params params = { .device = device };
    lattn_status st = lattn_ctx_create(&params, &ctx);
    if (st) {
        *exit_code = cli_fail(command, st, NULL);
        return NULL;
    }
    const lattn_device_info *info = lattn_ctx_device(ctx);
    fprintf(stderr, "%s: %s, %s\n", command, info->name, info->driver);
    return ctx;
}

const char *bench_name(char *text, size_t bytes, const struct ot_op *op, const struct ot_case *c,
    lattn_dtype dtype, const char *strategy)
{
    snprintf(text, bytes, "%s/%s/%s/%s", op->name, c->name, lattn_dtype_name(dtype), strategy);
    return text;
}

static void member(FILE *to, const char *name, const char *value)
{
    fprintf(to, "    \"%s\": ", name);
    json_print_string(to, value, strlen(value));
    fprintf(to, ",\n");
}

void bench_json_context(FILE *to, const lattn_ctx *ctx, const char *command)
{
    const lattn_device_info *info = lattn_ctx_device(ctx);
    time_t now = time(NULL);
    char date[64] = "";
    struct tm utc;
    if (gmtime_r(&now, &utc))
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S+00:00", &utc);
    fprintf(to, "  \"context\": {\n");
    member(to, "date", date);
    member(to, "executable", command);
    member(to, "library_version", lattn_version());
    member(to, "device", info->name);
    member(to, "driver", info->driver);
    member(to, "device_type", info->type == LATTN_DEVICE_TYPE_CPU ? "CPU" : "GPU");
    member(to, "device_uuid", info->uuid);
    fprintf(to, "    \"subgroup_size\": %u", (unsigned) info->subgroup_size);
}

int main(int argc, char **argv)
{
    static const struct cli_subcommand commands[] = {
        { "list", "shows the ops and their cases", bench_list },
        { "check", "compares results with double-precision references", bench_check },
        { "grad", "compares gradients with central differences", bench_grad },
        { "time", "measures GB/s and GFLOP/s of each op", bench_time },
        { "model", "measures training steps of whole networks", bench_model },
        { "floors", "measures the kernels of a training step against their floors", bench_floors },
        { "costs", "measures what a dispatch costs besides its work", bench_costs },
        { "stats", "shows registers and spills of each kernel", bench_stats },
        { "page", "prints a page of measurements", bench_page },
        { "compare", "compares two measurements", bench_compare },
        { NULL, NULL, NULL },
    };
    static const struct cli_suite suite = {
        .name = "lattn-bench",
        .summary = "Checks and times every kernel of liblattn on this machine's device.",
        .commands = commands,
    };
    return cli_dispatch(&suite, argc, argv);
}
