// SPDX-License-Identifier: MIT
//
// The architectures with names, each a function that fills a sequential root.
#ifndef LAT_CNN_ZOO_H
#define LAT_CNN_ZOO_H
#include "models/cnn_build.h"

struct lat_cnn_variant {
    const char *name;
    lattn_status (*build)(
        lattn_module *root, const struct lat_cnn_variant *v, const lattn_cnn_config *c);
    const char *layers;  // networks that are text
    int depths[5];       // blocks or convolutions of each stage; of a vit see vit.h
    bool bottleneck;     // resnet
    bool batch_norm;     // vgg
};

lattn_status lat_resnet_build(
    lattn_module *root, const struct lat_cnn_variant *v, const lattn_cnn_config *c);
lattn_status lat_vgg_build(
    lattn_module *root, const struct lat_cnn_variant *v, const lattn_cnn_config *c);
lattn_status lat_mobilenet_build(
    lattn_module *root, const struct lat_cnn_variant *v, const lattn_cnn_config *c);
lattn_status lat_googlenet_build(
    lattn_module *root, const struct lat_cnn_variant *v, const lattn_cnn_config *c);

// How most of them end: global pooling ("avgpool") and flatten; a linear layer.
lattn_status lat_cnn_add_pool(lattn_module *root);
lattn_status lat_cnn_add_linear(
    lattn_module *m, const char *name, int64_t in_features, int64_t num_classes);
// Both.
lattn_status lat_cnn_add_head(
    lattn_module *root, const char *name, int64_t in_features, int64_t num_classes);

#endif
