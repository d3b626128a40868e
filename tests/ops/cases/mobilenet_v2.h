// SPDX-License-Identifier: MIT
//
// The different convolutions of MobileNetV2 at 224x224, batch 2: LAYER as in resnet.h. Of the 1x1
// layers, which are all alike, the first and the last expansion and projection and the head.
// Included into a table of cases.
//
// Source: Sandler et al. 2018, arXiv:1801.04381, table 2.

// clang-format off
LAYER("mobilenet_v2_conv1", 2, 3, 224, 32, 3, 2, 1, 1),
LAYER("mobilenet_v2_depthwise_32_112", 2, 32, 112, 32, 3, 1, 1, 32),
LAYER("mobilenet_v2_project_32_16", 2, 32, 112, 16, 1, 1, 0, 1),
LAYER("mobilenet_v2_expand_16_96", 2, 16, 112, 96, 1, 1, 0, 1),
LAYER("mobilenet_v2_depthwise_96_112_s2", 2, 96, 112, 96, 3, 2, 1, 96),
LAYER("mobilenet_v2_depthwise_144_56", 2, 144, 56, 144, 3, 1, 1, 144),
LAYER("mobilenet_v2_depthwise_144_56_s2", 2, 144, 56, 144, 3, 2, 1, 144),
LAYER("mobilenet_v2_depthwise_192_28", 2, 192, 28, 192, 3, 1, 1, 192),
LAYER("mobilenet_v2_depthwise_192_28_s2", 2, 192, 28, 192, 3, 2, 1, 192),
LAYER("mobilenet_v2_depthwise_384_14", 2, 384, 14, 384, 3, 1, 1, 384),
LAYER("mobilenet_v2_depthwise_576_14", 2, 576, 14, 576, 3, 1, 1, 576),
LAYER("mobilenet_v2_depthwise_576_14_s2", 2, 576, 14, 576, 3, 2, 1, 576),
LAYER("mobilenet_v2_depthwise_960_7", 2, 960, 7, 960, 3, 1, 1, 960),
LAYER("mobilenet_v2_expand_160_960", 2, 160, 7, 960, 1, 1, 0, 1),
LAYER("mobilenet_v2_project_960_320", 2, 960, 7, 320, 1, 1, 0, 1),
LAYER("mobilenet_v2_head", 2, 320, 7, 1280, 1, 1, 0, 1),
