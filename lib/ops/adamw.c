// SPDX-License-Identifier: MIT
//
// AdamW as one kernel: unscales, clips and updates an arena in one pass over it. The rule is in
// shaders/optim/adamw.comp, the walk in update.c.

#include "ops/update.h"
#include "lat_shaders.h"

lattn_status lat_adamw_run(lattn_ctx *ctx, const struct lat_update *u)
{
    LAT_ASSERT(u->moment1 && u->moment2);
    const struct lat_update_shaders rule = { &lat_shader_adamw, &lat_shader_adamw_cpu };
    return lat_update_run(ctx, &rule, u);
}

// Not applied through the tape: it works in place and has no gradient.
const struct lat_op lat_op_adamw = {
    .name = "adamw",
    .strategies = lat_wide_strategies,
    .n_strategies = LAT_WIDE_STRATEGIES,
};
