// SPDX-License-Identifier: MIT
//
// The op table and the selection of kernels as tools see them (lattn/introspect.h).

#define LATTN_EXPERIMENTAL
#include "lattn/introspect.h"
#include "ops/internal.h"
#include <string.h>

int lattn_op_count(void)
{
    return lat_op_count;
}

const char *lattn_op_name(int i)
{
    return i >= 0 && i < lat_op_count ? lat_op_table[i].name : NULL;
}

const char *lattn_op_kind(int i)
{
    return i >= 0 && i < lat_op_count ? lat_op_table[i].kind : NULL;
}

static const struct lat_op *find_op(const char *name)
{
    for (int i = 0; i < lat_op_count; i++)
        if (strcmp(lat_op_table[i].name, name) == 0)
            return lat_op_table[i].op;
    return NULL;
}

lattn_status lattn_op_strategies(lattn_ctx *ctx, const char *op, lattn_dtype dtype,
    const int64_t size[6], lattn_strategy_info *infos, int capacity, int *count)
{
    LAT_CHECK_ARG(op);
    LAT_CHECK_ARG(count);
    LAT_CHECK_ARRAY(infos, capacity);
    static const int64_t rows_of_768[6] = { 12 * 128, 768 };
    const struct lat_op *found = find_op(op);
    *count = 0;
    if (!found)
        return lat_done(ctx, lat_err(LATTN_ERR_ARG, "there is no op '%s'", op));

    struct lat_problem problem = { .caps = lat_caps(ctx), .dtype = dtype };
    if (!size)
        size = found->typical[0] ? found->typical : rows_of_768;
    memcpy(problem.size, size, sizeof problem.size);
    int chosen = lat_strategy_peek(ctx, op, found->strategies, found->n_strategies, &problem);
    for (int i = 0; i < found->n_strategies && i < capacity; i++) {
        const struct lat_strategy *row = &found->strategies[i];
        bool admitted = lat_strategy_admitted(ctx, row, &problem);
        infos[i] = (lattn_strategy_info){
            .name = lat_strategy_name(row->kind),
            .detail = row->detail ? row->detail : "",
            .admitted = admitted,
            .selected = i == chosen,
            .cost = admitted && row->cost ? row->cost(&problem) : 1,
        };
    }
    *count = found->n_strategies;
    return lat_done(ctx, LATTN_OK);
}

// The kind, or -1 with a sentence.
static int find_kind(const char *name)
{
    int kind = lat_strategy_kind_of(name);
    if (kind < 0)
        lat_err(LATTN_ERR_ARG,
            "there is no strategy '%s'; there are base, cpu, subgroup, winograd, coopmat, "
            "coopmat2",
            name);
    return kind;
}

lattn_status lattn_strategy_force(lattn_ctx *ctx, const char *name)
{
    int kind = name ? find_kind(name) : -1;
    if (name && kind < 0)
        return lat_done(ctx, LATTN_ERR_ARG);
    lat_strategy_force(ctx, kind);
    return lat_done(ctx, LATTN_OK);
}

lattn_status lattn_strategy_disable(lattn_ctx *ctx, const char *name, bool off)
{
    LAT_CHECK_ARG(name);
    int kind = find_kind(name);
    if (kind < 0)
        return lat_done(ctx, LATTN_ERR_ARG);
    lat_strategy_disable(ctx, (enum lat_strategy_kind) kind, off);
    return lat_done(ctx, LATTN_OK);
}

const char *lattn_strategy_last(lattn_ctx *ctx, const char **detail)
{
    const struct lat_strategy *last = lat_strategy_last(ctx);
    if (detail)
        *detail = last && last->detail ? last->detail : "";
    return last ? lat_strategy_name(last->kind) : NULL;
}

lattn_status lattn_guard_check(lattn_ctx *ctx)
{
    lattn_status st = lat_not_capturing(ctx, "lattn_guard_check");
    return lat_done(ctx, st ? st : lat_guard_check(ctx));
}
