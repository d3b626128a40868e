// SPDX-License-Identifier: MIT
//
// Building convolutional networks: the pieces that the architectures share.
#ifndef LAT_CNN_BUILD_H
#define LAT_CNN_BUILD_H
#include "lattn/models.h"
#include "models/cnn_text.h"
#include "nn/module.h"

// Shape of a sample while layers are added: [C, H, W], or [C] once flat.
struct lat_cnn_shape {
    int64_t C, H, W;
    bool flat;
};

// Layers of text, added to seq as "0", "1", ..., the numbers that torch.nn.Sequential would give them;
// shape is followed.
lattn_status lat_cnn_add_layers(
    lattn_module *seq, const struct lat_cnn_layers *layers, struct lat_cnn_shape *shape);

// A convolution without bias, its start Kaiming's normal by fan out, and a batch norm, as networks of
// torchvision have them. Padding is (kernel - 1) / 2.
struct lat_cnn_conv {
    int64_t in, out, kernel, stride, groups;  // stride, groups: 0 = 1
    bool relu;                                // behind the norm
};
lattn_status lat_cnn_conv_create(
    lattn_ctx *ctx, const struct lat_cnn_conv *conv, lattn_module **out);
lattn_status lat_cnn_bn_create(lattn_ctx *ctx, const struct lat_cnn_conv *conv, lattn_module **out);

// y = body(x) + shortcut(x), or + x without one. Owns both, also on failure; *out may then be a module
// that the caller destroys.
lattn_status lat_cnn_residual_create(
    lattn_module *body, lattn_module *shortcut, lattn_module **out);

#endif
