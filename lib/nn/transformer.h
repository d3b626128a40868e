// SPDX-License-Identifier: MIT
//
// Between attention, the layers and the stacks of transformers.
#ifndef LAT_TRANSFORMER_H
#define LAT_TRANSFORMER_H
#include "lattn/nn.h"

// The norm that params ask for.
lattn_status lat_transformer_norm(
    lattn_ctx *ctx, const lattn_encoder_params *params, lattn_module **out);
bool lat_is_layer_norm(const lattn_module *m);  // and not an RMS norm

// lattn_multihead_attention_forward, with a residual that the output projection adds; NULL = none.
lattn_tensor *lat_attention_residual_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *query,
    lattn_tensor *key_value, const lattn_attention_inputs *inputs, lattn_tensor *residual);

// lattn_embed_layer_norm with the weight, bias and eps of a layer norm in front of a stack.
lattn_tensor *lat_layer_norm_embed_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *word,
    lattn_tensor *ids, const lattn_embed_layer_norm_args *args);

#endif
