// SPDX-License-Identifier: MIT
//
// The different convolutions of ResNet-18 and ResNet-50 at 224x224, batch 2: LAYER(name, images,
// channels, height and width, channels of the result, kernel, stride, padding, groups). Layers that
// both have are here once. Included into a table of cases.
//
// Source: He et al. 2015, arXiv:1512.03385, table 1; the stride of a bottleneck is in its 3x3, as in
// torchvision.

// clang-format off
LAYER("resnet_conv1", 2, 3, 224, 64, 7, 2, 3, 1),
LAYER("resnet18_layer1", 2, 64, 56, 64, 3, 1, 1, 1),
LAYER("resnet18_layer2_0", 2, 64, 56, 128, 3, 2, 1, 1),
LAYER("resnet18_layer2_down", 2, 64, 56, 128, 1, 2, 0, 1),
LAYER("resnet18_layer2", 2, 128, 28, 128, 3, 1, 1, 1),
LAYER("resnet18_layer3_0", 2, 128, 28, 256, 3, 2, 1, 1),
LAYER("resnet18_layer3_down", 2, 128, 28, 256, 1, 2, 0, 1),
LAYER("resnet18_layer3", 2, 256, 14, 256, 3, 1, 1, 1),
LAYER("resnet18_layer4_0", 2, 256, 14, 512, 3, 2, 1, 1),
LAYER("resnet18_layer4_down", 2, 256, 14, 512, 1, 2, 0, 1),
LAYER("resnet18_layer4", 2, 512, 7, 512, 3, 1, 1, 1),
LAYER("resnet50_layer1_0_conv1", 2, 64, 56, 64, 1, 1, 0, 1),
LAYER("resnet50_layer1_conv1", 2, 256, 56, 64, 1, 1, 0, 1),
LAYER("resnet50_layer1_conv3", 2, 64, 56, 256, 1, 1, 0, 1),
LAYER("resnet50_layer2_0_conv1", 2, 256, 56, 128, 1, 1, 0, 1),
LAYER("resnet50_layer2_0_conv2", 2, 128, 56, 128, 3, 2, 1, 1),
LAYER("resnet50_layer2_down", 2, 256, 56, 512, 1, 2, 0, 1),
LAYER("resnet50_layer2_conv1", 2, 512, 28, 128, 1, 1, 0, 1),
LAYER("resnet50_layer2_conv3", 2, 128, 28, 512, 1, 1, 0, 1),
LAYER("resnet50_layer3_0_conv1", 2, 512, 28, 256, 1, 1, 0, 1),
LAYER("resnet50_layer3_0_conv2", 2, 256, 28, 256, 3, 2, 1, 1),
LAYER("resnet50_layer3_down", 2, 512, 28, 1024, 1, 2, 0, 1),
LAYER("resnet50_layer3_conv1", 2, 1024, 14, 256, 1, 1, 0, 1),
LAYER("resnet50_layer3_conv3", 2, 256, 14, 1024, 1, 1, 0, 1),
LAYER("resnet50_layer4_0_conv1", 2, 1024, 14, 512, 1, 1, 0, 1),
LAYER("resnet50_layer4_0_conv2", 2, 512, 14, 512, 3, 2, 1, 1),
LAYER("resnet50_layer4_down", 2, 1024, 14, 2048, 1, 2, 0, 1),
LAYER("resnet50_layer4_conv1", 2, 2048, 7, 512, 1, 1, 0, 1),
LAYER("resnet50_layer4_conv3", 2, 512, 7, 2048, 1, 1, 0, 1),
