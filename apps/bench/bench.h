// SPDX-License-Identifier: MIT
//
// What the subcommands of lattn-bench share.
#ifndef LATTN_BENCH_H
#define LATTN_BENCH_H
#include <stdio.h>
#include "common/cli.h"
#include "ops/optest.h"

// One main per subcommand.
int bench_list(int argc, char **argv);
int bench_check(int argc, char **argv);
int bench_grad(int argc, char **argv);
int bench_time(int argc, char **argv);
int bench_model(int argc, char **argv);
int bench_floors(int argc, char **argv);
int bench_costs(int argc, char **argv);
int bench_stats(int argc, char **argv);
int bench_page(int argc, char **argv);
int bench_compare(int argc, char **argv);

// Options that check, grad and time have in common. dtype and strategy are indices into the lists
// below, 0 = all.
struct bench_options {
    const char *device, *case_name;
    int dtype, strategy;
    bool full, json, verbose;
};
extern const char *const bench_dtypes[];
extern const char *const bench_strategies[];
#define BENCH_OPTIONS(o)                                                                           \
    CLI_STR("device", 'd', &(o)->device, "DEVICE", "index, UUID or part of the name"),             \
        CLI_STR("case", 'c', &(o)->case_name, "NAME", "only this case"),                           \
        CLI_ENUM("dtype", 't', &(o)->dtype, bench_dtypes, "storage type"),                         \
        CLI_ENUM("strategy", 's', &(o)->strategy, bench_strategies, "form of the kernels"),        \
        CLI_FLAG("json", 0, &(o)->json, "JSON instead of text")
// The index of a word in bench_dtypes; false = not there.
bool bench_find_dtype(const char *word, int *dtype);
// -1 for "all", as optest wants it.
int bench_dtype(const struct bench_options *o);
int bench_strategy(const struct bench_options *o);

const struct ot_op *bench_find(const char *name);  // NULL = there is none
// A usage error for the first name that is no op, before anything runs.
int bench_check_names(const char *command, const struct cli_operands *names);
// Calls fn for each op named, or for every op. Returns the first exit code that is not 0.
typedef int (*bench_op_fn)(const struct ot_op *op, void *user);
int bench_each(const struct cli_operands *names, bench_op_fn fn, void *user);

// Opens the device and says on stderr which one. NULL with *exit_code set.
lattn_ctx *bench_open(const char *command, const char *device, int *exit_code);

// "op/case/dtype/strategy", as results are named everywhere.
const char *bench_name(char *text, size_t bytes, const struct ot_op *op, const struct ot_case *c,
    lattn_dtype dtype, const char *strategy);

// The "context" object of JSON output, without the braces' end: members can follow.
void bench_json_context(FILE *to, const lattn_ctx *ctx, const char *command);

#endif
