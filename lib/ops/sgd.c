// SPDX-License-Identifier: MIT
//
// SGD with momentum as one kernel: unscales, clips and updates an arena in one pass over it. The
// rule is in shaders/optim/sgd.comp, the walk in update.c.

#include "ops/update.h"
#include "lat_shaders.h"

lattn_status lat_sgd_run(lattn_ctx *ctx, const struct lat_update *u)
{
    LAT_ASSERT(!u->moment2);
    const struct lat_update_shaders rule = { &lat_shader_sgd, &lat_shader_sgd_cpu };
    return lat_update_run(ctx, &rule, u);
}

// Not applied through the tape: it works in place and has no gradient.
const struct lat_op lat_op_sgd = {
    .name = "sgd",
    .strategies = lat_wide_strategies,
    .n_strategies = LAT_WIDE_STRATEGIES,
};
