// SPDX-License-Identifier: MIT
//
// The 3x3 convolutions with step 1 of ResNet-18 at 32x32 (CIFAR-10), batch 8, and of the small network
// of apps/cnn at 28x28 (Fashion-MNIST), batch 64: LAYER as in resnet.h. Included into a table of cases.
//
// Source: He et al. 2015, arXiv:1512.03385, with the stem that CIFAR's 32x32 are given: 3x3, no pooling.

// clang-format off
LAYER("cifar_conv1", 8, 3, 32, 64, 3, 1, 1, 1),
LAYER("cifar_layer1", 8, 64, 32, 64, 3, 1, 1, 1),
LAYER("cifar_layer2", 8, 128, 16, 128, 3, 1, 1, 1),
LAYER("cifar_layer3", 8, 256, 8, 256, 3, 1, 1, 1),
LAYER("cifar_layer4", 8, 512, 4, 512, 3, 1, 1, 1),
LAYER("fashion_conv1", 64, 1, 28, 32, 3, 1, 1, 1),
LAYER("fashion_conv2", 64, 32, 28, 32, 3, 1, 1, 1),
LAYER("fashion_conv3", 64, 32, 14, 64, 3, 1, 1, 1),
LAYER("fashion_conv4", 64, 64, 14, 64, 3, 1, 1, 1),
