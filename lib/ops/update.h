// SPDX-License-Identifier: MIT
//
// The walk over an arena that all update rules share (shaders/optim/update.glsl).
#ifndef LAT_UPDATE_H
#define LAT_UPDATE_H
#include "ops/optim_kernels.h"

struct lat_update_shaders {
    const struct lat_shader *base, *cpu;
};
lattn_status lat_update_run(
    lattn_ctx *ctx, const struct lat_update_shaders *rule, const struct lat_update *u);

#endif
