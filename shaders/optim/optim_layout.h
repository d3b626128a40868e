// SPDX-License-Identifier: MIT
//
// The small buffers that update rules read, described once for C and GLSL.
#ifndef LAT_OPTIM_LAYOUT_H
#define LAT_OPTIM_LAYOUT_H

#define LAT_OPTIM_CHUNK 1024     // elements that share a group; parameters start on a chunk

// hyper: what the host writes before each step.
#define LAT_HYPER_LR 0
#define LAT_HYPER_MAX_NORM 1     // clip the norm to it; 0 = do not clip
#define LAT_HYPER_BETA1 2
#define LAT_HYPER_SHARE1 3       // 1 - beta1; for SGD what a gradient counts in the velocity
#define LAT_HYPER_BETA2 4
#define LAT_HYPER_SHARE2 5       // 1 - beta2, rounded once: the difference of two floats is not
#define LAT_HYPER_EPS 6
#define LAT_HYPER_MOMENTUM 7
#define LAT_HYPER_NESTEROV 8     // 1 or 0
#define LAT_HYPER_RATE_INSIDE 9  // 1 or 0: SGD's velocity has the rate in it
#define LAT_HYPER_FIRST_SHARE 10 // SHARE1 of SGD's first velocity
#define LAT_HYPER_GROWTH 11      // the loss scale is multiplied by it after INTERVAL good updates
#define LAT_HYPER_BACKOFF 12     // and by this after one whose gradients are not finite
#define LAT_HYPER_INTERVAL 13    // 0 = the loss scale stays as it is
#define LAT_HYPER_COUNT 16

// groups: one row per parameter group.
#define LAT_GROUP_LR_RATIO 0     // the group's rate is this times LAT_HYPER_LR
#define LAT_GROUP_WEIGHT_DECAY 1
#define LAT_GROUP_COUNT 2

// carry: what goes from update to update. It is the device's, because the host learns of a skipped update
// only later: loss scale and bias corrections of the next one hang on it.
#define LAT_CARRY_SCALE 0        // the loss, and so every gradient, is multiplied by it
#define LAT_CARRY_GOOD 1         // updates since the scale changed
#define LAT_CARRY_SKIPPED 2      // updates skipped so far
#define LAT_CARRY_ROW 3          // of these, the last ones without a good one between
#define LAT_CARRY_DONE 4         // updates that changed weights; a float, so from 2^24 it stays
#define LAT_CARRY_BIAS1 5        // 1 - beta1^t of the t updates done
#define LAT_CARRY_BIAS2 6
#define LAT_CARRY_COUNT 8

// report: what grad_norm writes, for the update kernels and the host.
#define LAT_REPORT_NORM 0        // of the gradients without the loss scale, before clipping
#define LAT_REPORT_CLIP 1
#define LAT_REPORT_FINITE 2
#define LAT_REPORT_SCALE 3       // loss scale of the next update
#define LAT_REPORT_SKIPPED 4     // as in carry
#define LAT_REPORT_ROW 5
#define LAT_REPORT_FACTOR 6      // clip factor / loss scale: every gradient is multiplied by it
#define LAT_REPORT_BIAS1 7       // of this update
#define LAT_REPORT_SQRT_BIAS2 8
#define LAT_REPORT_SHARE1 9      // SHARE1 or FIRST_SHARE
#define LAT_REPORT_COUNT 12

#endif
