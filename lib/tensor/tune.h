// SPDX-License-Identifier: MIT
//
// Measured choices: a table from problems to rows of selection tables (select.c reads it), filled by
// measuring (tune.c) and from files (tune_file.c).
#ifndef LAT_TUNE_H
#define LAT_TUNE_H
#include "lattn/tuning.h"
#include "tensor/kernel.h"

enum { LAT_TUNE_SIZES = 6, LAT_TUNE_OUTPUTS = 3 };

struct lat_tuned {
    char op[32];
    lattn_dtype dtype;
    int64_t size[LAT_TUNE_SIZES];
    struct lat_form_name {
        enum lat_strategy_kind kind;
        char form[16];  // detail of the row
    } chosen, model;
    double seconds, model_seconds;
    int n_tried, n_wrong;
};

// Work whose kernel can be chosen by measuring it.
struct lat_tunable {
    const char *op;  // as given to lat_strategy_select
    const struct lat_strategy *table;
    int n;
    const struct lat_problem *problem;
    lattn_status (*run)(const void *user);  // all of it; selects by lat_strategy_select
    const void *user;
    lattn_tensor *out[LAT_TUNE_OUTPUTS];  // what it writes, or adds to; NULL = none
};

// Measures, if tuning is on and the problem is new. out is afterwards as it was before.
lattn_status lat_tune(lattn_ctx *ctx, const struct lat_tunable *t);

// The measured choice for a problem; NULL = none.
const struct lat_tuned *lat_tuned_find(
    const lattn_ctx *ctx, const char *op, const struct lat_problem *p);
// Adds or replaces.
lattn_status lat_tuned_put(lattn_ctx *ctx, const struct lat_tuned *choice);
// The row of table that name means, or -1.
int lat_tuned_row(const struct lat_form_name *name, const struct lat_strategy *table, int n);

// Reads what the environment or the cache folder has, for a new context.
lattn_status lat_tuning_open(lattn_ctx *ctx);

#endif
