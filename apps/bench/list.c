// SPDX-License-Identifier: MIT
//
// lattn-bench list: one line for each op, or each case of the ops named.

#include <string.h>
#include "bench/bench.h"

static void print_shape(const struct ot_input *in)
{
    if (in->absent) {
        printf(" -");
        return;
    }
    printf(" [");
    for (int d = 0; d < in->rank; d++)
        printf("%s%lld", d ? "," : "", (long long) in->dim[d]);
    printf("]");
}

static int print_op(const struct ot_op *op, void *user)
{
    const bool *cases = user;
    if (!*cases) {
        int full = 0, timed = 0;
        for (int k = 0; k < op->n_cases; k++) {
            full += (op->cases[k].flags & OT_FULL) != 0;
            timed += (op->cases[k].flags & OT_BENCH) != 0;
        }
        printf("%-24s %3d cases, %d with --full, %d timed", op->name, op->n_cases, full, timed);
        for (const struct ot_key *k = op->keys; k && k->name; k++)
            printf("%s%s=", k == op->keys ? "; sizes " : " ", k->name);
        printf("\n");
        return CLI_EXIT_OK;
    }
    for (int k = 0; k < op->n_cases; k++) {
        const struct ot_case *c = &op->cases[k];
        printf("%s/%s ", op->name, c->name);
        for (int i = 0; i < op->n_inputs; i++)
            print_shape(&c->in[i]);
        printf("%s%s%s\n", c->flags & OT_FULL ? " full" : "", c->flags & OT_BENCH ? " timed" : "",
            c->flags & OT_LARGE ? " timed on GPUs" : "");
    }
    return CLI_EXIT_OK;
}

int bench_list(int argc, char **argv)
{
    static const char name[] = "lattn-bench list";
    bool cases = false;
    const struct cli_opt opts[] = {
        CLI_FLAG("cases", 'c', &cases, "every case with the shapes of its inputs"),
        CLI_END,
    };
    const struct cli_command cmd = {
        .name = name,
        .summary = "Shows the ops and their cases.",
        .operands = "[OP...]",
        .opts = opts,
        .max_operands = 1000,
    };
    struct cli_operands names;
    int code;
    if (!cli_parse(&cmd, argc, argv, &names, &code))
        return code;
    code = bench_check_names(name, &names);
    if (code)
        return code;
    cases |= names.n > 0;
    return bench_each(&names, print_op, &cases);
}
