// SPDX-License-Identifier: MIT
//
// Questions about a device that several selection tables ask, and the table of kernels that have, besides
// base, one form for CPU drivers (shaders/common/wide.glsl).

#include "tensor/kernel.h"

bool lat_subgroup_size_known(const struct lat_caps *caps)
{
    bool one_size = caps->min_subgroup_size == caps->max_subgroup_size;
    return caps->subgroup_basic && caps->subgroup_ballot && caps->subgroup_size >= 4 &&
           (one_size || (caps->subgroup_size_control && caps->full_subgroups));
}

bool lat_loads_by_address(const struct lat_caps *caps)
{
    enum { MESA_MAJOR_BIT = 22, FIRST_FAST_MESA = 26 };
    return caps->is_lavapipe && caps->driver_version >> MESA_MAJOR_BIT >= FIRST_FAST_MESA &&
           caps->buffer_address && caps->scalar_layout && caps->shader_i64 &&
           (caps->subgroup_size == 8 || caps->subgroup_size == 16) && lat_subgroup_size_known(caps);
}

// size[0] is 0 where the kernel's own conditions are not met.
static bool admits_cpu(const struct lat_problem *p)
{
    return lat_loads_by_address(p->caps) && p->dtype == LATTN_DTYPE_F32 && p->size[0] > 0;
}

static double cost_base(const struct lat_problem *p)
{
    (void) p;
    return 10;
}

const struct lat_strategy lat_wide_strategies[LAT_WIDE_STRATEGIES] = {
    { LAT_STRATEGY_BASE, "", NULL, cost_base, NULL },
    { LAT_STRATEGY_CPU, "", admits_cpu, NULL, NULL },
};

bool lat_wide_chosen(lattn_ctx *ctx, const char *op, lattn_dtype dtype, bool fits)
{
    struct lat_problem problem = { .caps = lat_caps(ctx), .dtype = dtype, .size = { fits } };
    int row = lat_strategy_select(ctx, op, lat_wide_strategies, LAT_WIDE_STRATEGIES, &problem);
    return lat_wide_strategies[row].kind == LAT_STRATEGY_CPU;
}

void lat_wide_subgroups(lattn_ctx *ctx, struct lat_kernel *k)
{
    const struct lat_caps *caps = lat_caps(ctx);
    k->subgroup_size = caps->subgroup_size_control ? caps->subgroup_size : 0;
    k->full_subgroups = caps->full_subgroups;
}
