// SPDX-License-Identifier: MIT
//
// State dicts as torchvision's weights have them: counters are 64-bit scalars, old vision transformers call
// their linear layers otherwise, GoogLeNet has auxiliary heads.
#ifndef LT_TORCHVISION_H
#define LT_TORCHVISION_H
#include "harness/harness.h"

// Writes the parameters and buffers of cnn to a safetensors file; counters are 5.
void lt_save_as_torchvision(lattn_cnn *cnn, const char *path);

#endif
