// SPDX-License-Identifier: MIT
//
// Names and texts behind cli.h: comparing, suggesting, describing.
#ifndef LATTN_APPS_CLI_NAMES_H
#define LATTN_APPS_CLI_NAMES_H
#include <getopt.h>
#include "common/cli.h"

// - and _ are the same letter.
bool cli_names_equal(const char *a, const char *b);
// The option closest to a misspelt name, or NULL when none is close.
const char *cli_names_nearest(const struct option *longs, const char *name);
// Whether several options begin with name; two of them.
bool cli_names_ambiguous(
    const struct option *longs, const char *name, const char **a, const char **b);
// "a whole number from 1 to 64", "one of f32, f16, bf16".
void cli_names_allowed(const struct cli_opt *o, char *text, size_t bytes);
void cli_names_print_suite(const struct cli_suite *suite, FILE *to);

#endif
