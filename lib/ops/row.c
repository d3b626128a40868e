// SPDX-License-Identifier: MIT
//
// Row kernels: which strategy, how many lanes, how much in registers.
//
// A subgroup per row needs no barrier and fills the device when there are many rows; a workgroup
// per row shares a long row among more lanes when there are few. The cost model counts the steps of
// a lane and of the joining of lanes; beyond what a device runs at once, rows queue up.

#include "ops/row.h"
#include <math.h>

enum {
    MAX_GROUP = 256,  // of base: the floor's limit
    MIN_GROUP = 32,
    SUBGROUP_GROUP = 128,  // a multiple of every subgroup size
    KEPT_QUADS = 8,        // per lane: 32 registers; CPU drivers got slower beyond it, too
    WIDTH_CPU = 16,        // lanes that run at once
    WIDTH_GPU = 65536,
    BARRIER_CPU = 40,  // a level of the tree in shared memory, in steps of a lane
    BARRIER_GPU = 4,
};

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

static uint32_t quads_of(uint64_t n_cols)
{
    return (uint32_t) ceil_div(n_cols, 4);
}

static uint32_t base_group(uint32_t n_quads)
{
    uint32_t size = MIN_GROUP;
    while (size < n_quads && size < MAX_GROUP)
        size *= 2;
    return size;
}

// Time of all rows when each takes lanes lanes for steps steps.
static double time_of(const struct lat_problem *p, double lanes, double steps)
{
    double width = p->caps->is_cpu ? WIDTH_CPU : WIDTH_GPU;
    double waves = (double) p->size[0] * lanes / width;
    return steps * (waves < 1 ? 1 : waves);
}

double lat_row_cost_base(const struct lat_problem *p)
{
    uint32_t n_quads = quads_of((uint64_t) p->size[1]), lanes = base_group(n_quads);
    double barriers = log2(lanes) * (p->caps->is_cpu ? BARRIER_CPU : BARRIER_GPU);
    return time_of(p, lanes, (double) ceil_div(n_quads, lanes) + barriers);
}

bool lat_row_admits_subgroup(const struct lat_problem *p)
{
    return p->caps->subgroup_arithmetic && p->caps->full_subgroups && p->caps->subgroup_size >= 4 &&
           p->caps->max_subgroup_size <= SUBGROUP_GROUP;
}

double lat_row_cost_subgroup(const struct lat_problem *p)
{
    uint32_t lanes = p->caps->subgroup_size;
    return time_of(
        p, lanes, (double) ceil_div(quads_of((uint64_t) p->size[1]), lanes) + log2(lanes));
}

const struct lat_strategy lat_row_strategies[LAT_ROW_STRATEGIES] = {
    { LAT_STRATEGY_BASE, "", NULL, lat_row_cost_base, NULL },
    { LAT_STRATEGY_SUBGROUP, "", lat_row_admits_subgroup, lat_row_cost_subgroup, NULL },
};

// Quads that each lane keeps: all of its share of the row, or none.
static uint32_t kept_quads(const struct lat_rows *r, uint32_t lanes)
{
    uint64_t share = ceil_div(quads_of(r->n_cols), lanes);
    return share * LAT_MAX(r->n_kept, 1) <= KEPT_QUADS ? (uint32_t) share : 0;
}

void lat_rows_plan(
    lattn_ctx *ctx, const struct lat_rows *r, struct lat_kernel *k, uint32_t spec[LAT_ROW_SPEC])
{
    const struct lat_caps *caps = lat_caps(ctx);
    struct lat_problem problem = {
        .caps = caps,
        .dtype = (lattn_dtype) LAT_MAX(k->t, 0),
        .size = { (int64_t) r->n_rows, r->n_cols },
    };
    int row = lat_strategy_select(ctx, r->op, lat_row_strategies, LAT_ROW_STRATEGIES, &problem);
    bool subgroup = lat_row_strategies[row].kind == LAT_STRATEGY_SUBGROUP;
    uint32_t group = subgroup ? SUBGROUP_GROUP : base_group(quads_of(r->n_cols));
    uint32_t rows_per_group = subgroup ? SUBGROUP_GROUP / caps->subgroup_size : 1;
    uint32_t lanes = subgroup ? caps->subgroup_size : group;

    // The number of kept quads counts on the subgroup size, so it must not be the driver's choice.
    bool one_size = caps->min_subgroup_size == caps->max_subgroup_size;
    if (subgroup && !one_size && caps->subgroup_size_control)
        k->subgroup_size = caps->subgroup_size;
    bool lanes_known = !subgroup || one_size || caps->subgroup_size_control;

    spec[0] = group;
    spec[1] = rows_per_group;
    spec[2] = lanes_known ? kept_quads(r, lanes) : 0;
    spec[3] = r->n_cols % 4 == 0;
    k->shader = subgroup ? r->subgroup : r->base;
    k->spec = spec;
    k->n_spec = LAT_ROW_SPEC;
    k->full_subgroups = subgroup;
    k->groups = ceil_div(r->n_rows, rows_per_group);
    k->split.n_rows = (uint32_t) r->n_rows;
    k->split.rows_per_group = rows_per_group;
}

uint32_t lat_row_length(const lattn_tensor *t)
{
    return t->rank ? (uint32_t) lat_dim(t, -1) : 1;
}

uint64_t lat_row_count(const lattn_tensor *t)
{
    uint32_t length = lat_row_length(t);
    return length ? (uint64_t) lat_numel(t) / length : 0;
}
