// SPDX-License-Identifier: MIT
//
// Vision transformers among the networks for images.
#ifndef LAT_VIT_H
#define LAT_VIT_H
#include "models/cnn_zoo.h"

// What a variant's depths are here.
enum { LAT_VIT_PATCH, LAT_VIT_WIDTH, LAT_VIT_LAYERS, LAT_VIT_HEADS };

lattn_status lat_vit_build(
    lattn_module *root, const struct lat_cnn_variant *v, const lattn_cnn_config *c);

// Embedded positions [n x n, width] of one image size for another one, [h x w, width]: bicubic (a = -0.75,
// as torch has it), corners on corners.
void lat_vit_resize_positions(
    const float *from, int64_t n, float *to, int64_t h, int64_t w, int64_t width);

// Whether a tensor of a file is the embedded positions of a square image, for a network that has them in
// the same width.
bool lat_vit_positions_fit(
    const lattn_module *root, const char *name, const lattn_safetensors_entry *entry);
// Interpolates such a tensor into a network's.
lattn_status lat_vit_load_positions(const lattn_module *root, const lattn_cnn_config *c,
    lattn_safetensors *file, size_t i, lattn_tensor *positions);
// Patches along a side of an image.
int64_t lat_vit_patches(const lattn_module *root, int64_t side);

#endif
