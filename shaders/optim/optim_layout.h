// SPDX-License-Identifier: MIT
//
// The small buffers that update rules read, described once for C and GLSL.
#ifndef LAT_OPTIM_LAYOUT_H
#define LAT_OPTIM_LAYOUT_H

#define LAT_OPTIM_CHUNK 1024     // elements that share a group; parameters start on a chunk

// hyper: what the host writes before each step.
#define LAT_HYPER_LR 0
#define LAT_HYPER_GRAD_SCALE 1   // every gradient is multiplied by it: 1 / loss scale; 1 = none
#define LAT_HYPER_MAX_NORM 2     // clip the norm to it; 0 = do not clip
#define LAT_HYPER_BETA1 3
#define LAT_HYPER_SHARE1 4       // 1 - beta1; for SGD what a gradient counts in the velocity
#define LAT_HYPER_BETA2 5
#define LAT_HYPER_SHARE2 6       // 1 - beta2, rounded once: the difference of two floats is not
#define LAT_HYPER_EPS 7
#define LAT_HYPER_BIAS1 8        // 1 - beta1^t, t counted from 1
#define LAT_HYPER_SQRT_BIAS2 9   // sqrt(1 - beta2^t)
#define LAT_HYPER_MOMENTUM 10
#define LAT_HYPER_NESTEROV 11    // 1 or 0
#define LAT_HYPER_RATE_INSIDE 12 // 1 or 0: SGD's velocity has the rate in it
#define LAT_HYPER_COUNT 16

// groups: one row per parameter group.
#define LAT_GROUP_LR_RATIO 0     // the group's rate is this times LAT_HYPER_LR
#define LAT_GROUP_WEIGHT_DECAY 1
#define LAT_GROUP_COUNT 2

// report: what grad_norm writes.
#define LAT_REPORT_NORM 0
#define LAT_REPORT_CLIP 1
#define LAT_REPORT_FINITE 2
#define LAT_REPORT_COUNT 4

#endif
