// SPDX-License-Identifier: MIT
//
// Which strategy of an op runs: of the admissible rows of its table the one that was measured as fastest
// (tune.c), where there is a measurement, else the one with the least cost.
//
// LATTN_DISABLE and LATTN_STRATEGY are read once per context. A strategy that is forced or preferred
// still has to be admissible; where it is not, the choice is made as without it.

#include "tensor/tune.h"
#include <string.h>
#include "base/log.h"
#include "device/env.h"

static const char *const names[LAT_STRATEGY_KINDS] = { "base", "cpu", "subgroup", "winograd",
    "coopmat", "coopmat2" };

struct select {
    struct lat_ext ext;
    bool disabled[LAT_STRATEGY_KINDS];
    int preferred;                     // by LATTN_STRATEGY; -1 = none
    int forced;                        // by lat_strategy_force; -1 = none
    const struct lat_strategy *tried;  // by lat_strategy_try; NULL = none
    const struct lat_strategy *last;
    uint32_t taken;  // kinds since forced was set, as bits
};

const char *lat_strategy_name(enum lat_strategy_kind kind)
{
    return (unsigned) kind < LAT_STRATEGY_KINDS ? names[kind] : "unknown";
}

int lat_strategy_kind_of(const char *name)
{
    for (int i = 0; i < LAT_STRATEGY_KINDS; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

static void destroy(lattn_ctx *ctx, struct lat_ext *ext)
{
    ctx->ext[LAT_EXT_SELECT] = NULL;
    lat_free(ext);
}

// Of a name that is none, opening the device has told (lat_env_check).
static int preferred_kind(void)
{
    const char *wanted = lat_env("LATTN_STRATEGY");
    return wanted ? lat_strategy_kind_of(wanted) : -1;
}

// NULL when memory is out; then base runs.
static struct select *state_of(lattn_ctx *ctx)
{
    struct select *s = (struct select *) ctx->ext[LAT_EXT_SELECT];
    if (s)
        return s;
    s = LAT_NEW(struct select);
    if (!s)
        return NULL;
    s->ext.destroy = destroy;
    for (int i = LAT_STRATEGY_BASE + 1; i < LAT_STRATEGY_KINDS; i++)
        s->disabled[i] = lat_env_has("LATTN_DISABLE", names[i]);
    s->preferred = preferred_kind();
    s->forced = -1;
    ctx->ext[LAT_EXT_SELECT] = &s->ext;
    return s;
}

static bool admitted(
    const struct select *s, const struct lat_strategy *row, const struct lat_problem *p)
{
    return !s->disabled[row->kind] && (!row->admits || row->admits(p));
}

// The cheapest admissible row of kind (-1 = any), or -1.
static int cheapest(const struct select *s, const struct lat_strategy *table, int n,
    const struct lat_problem *p, int kind)
{
    int best = -1;
    double best_cost = 0;
    for (int i = 0; i < n; i++) {
        if ((kind >= 0 && (int) table[i].kind != kind) || !admitted(s, &table[i], p))
            continue;
        double cost = table[i].cost ? table[i].cost(p) : 1;
        if (best < 0 || cost < best_cost) {
            best = i;
            best_cost = cost;
        }
    }
    return best;
}

bool lat_strategy_admitted(
    lattn_ctx *ctx, const struct lat_strategy *row, const struct lat_problem *p)
{
    struct select *s = state_of(ctx);
    return s ? admitted(s, row, p) : row->kind == LAT_STRATEGY_BASE;
}

// The measured row, if it is still admissible, or -1.
static int measured(lattn_ctx *ctx, const struct select *s, const char *op,
    const struct lat_strategy *table, int n, const struct lat_problem *p)
{
    const struct lat_tuned *choice = lat_tuned_find(ctx, op, p);
    int row = choice ? lat_tuned_row(&choice->chosen, table, n) : -1;
    return row >= 0 && admitted(s, &table[row], p) ? row : -1;
}

int lat_strategy_peek(lattn_ctx *ctx, const char *op, const struct lat_strategy *table, int n,
    const struct lat_problem *p)
{
    struct select *s = state_of(ctx);
    if (!s)
        return -1;
    if (s->tried && s->tried >= table && s->tried < table + n)
        return (int) (s->tried - table);
    int row = -1;
    if (s->forced >= 0)
        row = cheapest(s, table, n, p, s->forced);
    if (row < 0 && s->preferred >= 0)
        row = cheapest(s, table, n, p, s->preferred);
    if (row < 0)
        row = measured(ctx, s, op, table, n, p);
    return row < 0 ? cheapest(s, table, n, p, -1) : row;
}

int lat_strategy_select(lattn_ctx *ctx, const char *op, const struct lat_strategy *table, int n,
    const struct lat_problem *p)
{
    struct select *s = state_of(ctx);
    if (!s)
        return 0;
    int row = lat_strategy_peek(ctx, op, table, n, p);
    if (row < 0) {
        // Every table has a base row that runs everywhere.
        lat_log(LATTN_LOG_ERROR, "%s: no strategy is admissible, taking the first", op);
        row = 0;
    }
    s->last = &table[row];
    s->taken |= 1u << table[row].kind;
    return row;
}

void lat_strategy_force(lattn_ctx *ctx, int kind)
{
    struct select *s = state_of(ctx);
    if (!s)
        return;
    s->forced = kind;
    s->taken = 0;
}

bool lat_strategy_is_free(lattn_ctx *ctx)
{
    const struct select *s = state_of(ctx);
    return s && s->forced < 0 && s->preferred < 0;
}

void lat_strategy_try(lattn_ctx *ctx, const struct lat_strategy *row)
{
    struct select *s = state_of(ctx);
    if (s)
        s->tried = row;
}

void lat_strategy_disable(lattn_ctx *ctx, enum lat_strategy_kind kind, bool off)
{
    struct select *s = state_of(ctx);
    if (s && kind != LAT_STRATEGY_BASE)
        s->disabled[kind] = off;
}

const struct lat_strategy *lat_strategy_last(lattn_ctx *ctx)
{
    struct select *s = state_of(ctx);
    return s ? s->last : NULL;
}

uint32_t lat_strategy_taken(lattn_ctx *ctx)
{
    struct select *s = state_of(ctx);
    return s ? s->taken : 0;
}
