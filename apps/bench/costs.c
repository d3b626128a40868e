// SPDX-License-Identifier: MIT
//
// lattn-bench costs: microseconds of a dispatch besides its work, recorded and replayed, with and without a barrier
// before it. A training step has hundreds of dispatches: this times that is what its kernels cannot win back.

#include "bench/bench.h"
#include "bench/row.h"

static const char name[] = "lattn-bench costs";

enum { LONG = 1000, N_ROWS = 5 };

static void print_text(const char *row, const struct ot_cost *c)
{
    printf("%-28s %8.2f us host", row, 1e6 * c->host_s);
    if (c->device_s > 0)
        printf("  %8.2f us device", 1e6 * c->device_s);
    printf("  %8.2f us until it is done\n", 1e6 * c->wall_s);
}

static void print_json(const char *name_of_row, const struct ot_cost *c, bool first)
{
    printf("%s\n    {\n      \"name\": \"%s\",\n      \"run_name\": \"%s\",\n", first ? "" : ",",
        name_of_row, name_of_row);
    printf("      \"run_type\": \"iteration\",\n      \"iterations\": 1,\n");
    printf("      \"real_time\": %.6g,\n      \"cpu_time\": %.6g,\n      \"time_unit\": \"ns\",\n",
        1e9 * c->wall_s, 1e9 * c->host_s);
    printf("      \"device_time\": %.6g\n    }", 1e9 * c->device_s);
}

static int run(lattn_ctx *ctx, bool quick, bool json)
{
    static const char *const names[N_ROWS] = { "submit", "dispatch", "dispatch/barrier", "replay",
        "replay/barrier" };
    struct ot_cost cost[N_ROWS];
    const struct ot_chain chains[N_ROWS] = {
        { .n = 1, .out = &cost[0] },
        { .n = LONG, .out = &cost[1] },
        { .n = LONG, .dependent = true, .out = &cost[2] },
        { .n = LONG, .replayed = true, .out = &cost[3] },
        { .n = LONG, .replayed = true, .dependent = true, .out = &cost[4] },
    };
    lattn_status st = ot_measure_costs(ctx, chains, N_ROWS, quick ? 0.1 : 1);
    if (st)
        return cli_fail(name, st, ctx);
    if (json) {
        printf("{\n");
        bench_json_context(stdout, ctx, name);
        printf("\n  },\n  \"benchmarks\": [");
    }
    for (int i = 0; i < N_ROWS; i++) {
        char row[64];
        snprintf(row, sizeof row, "cost/%s", names[i]);
        if (json)
            print_json(row, &cost[i], i == 0);
        else
            print_text(row, &cost[i]);
    }
    if (json)
        printf("\n  ]\n}\n");
    return CLI_EXIT_OK;
}

int bench_costs(int argc, char **argv)
{
    const char *device = NULL;
    bool quick = false, json = false;
    const struct cli_opt opts[] = {
        CLI_STR("device", 'd', &device, "DEVICE", "index, UUID or part of the name"),
        CLI_FLAG("quick", 'q', &quick, "0.1 s for each measurement instead of 1 s"),
        CLI_FLAG("json", 0, &json, "JSON instead of text"),
        CLI_END,
    };
    const struct cli_command cmd = {
        .name = name,
        .summary = "Measures what a dispatch costs besides its work.",
        .opts = opts,
        .notes = "submit is a step of one dispatch, waited for. The other rows are of one dispatch "
                 "in a step of 1,000: recorded (dispatch) or captured before (replay), each to a "
                 "place of its own or each behind a barrier. Host time ends when the call comes "
                 "back; device time is by the device's clock, where it has one.",
    };
    int code;
    if (!cli_parse(&cmd, argc, argv, NULL, &code))
        return code;
    lattn_ctx *ctx = bench_open(name, device, &code);
    if (!ctx)
        return code;
    code = run(ctx, quick, json);
    lattn_ctx_destroy(&ctx);
    return code;
}
