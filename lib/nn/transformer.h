// SPDX-License-Identifier: MIT
//
// Between the layers and the stacks of transformers.
#ifndef LAT_TRANSFORMER_H
#define LAT_TRANSFORMER_H
#include "lattn/nn.h"

// The norm that params ask for.
lattn_status lat_transformer_norm(
    lattn_ctx *ctx, const lattn_encoder_params *params, lattn_module **out);
bool lat_is_layer_norm(const lattn_module *m);  // and not an RMS norm

#endif
