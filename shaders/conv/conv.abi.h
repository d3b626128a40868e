// SPDX-License-Identifier: MIT
#ifndef LAT_CONV_ABI_H
#define LAT_CONV_ABI_H
#include "common/abi.h"

// A correlation. Position (py, px) of an image and tap (ty, tx) of a kernel meet at the source's
// element
//
//     y = py * STEP_Y + ty * DIL_Y + off_y,     x = py * STEP_X + tx * DIL_X + off_x
//
// which is 0 outside of the source. STEP, DIL and the number of taps are specialisation constants.
// Forward, a phase of the input gradient and the weight gradient are all told in these terms
// (lib/ops/conv.c).
LAT_PUSH_BEGIN(conv_push)
    LAT_U32 m;           // channels of the destination, of one group
    LAT_U32 n;           // positions of all images; weight gradient: source channels of a group * taps
    LAT_U32 k;           // source channels of a group * taps; weight gradient: positions of all images
    LAT_U32 a_offset;    // elements from the start of the binding
    LAT_U32 src_offset;
    LAT_U32 out_offset;
    LAT_U32 src_h;
    LAT_U32 src_w;
    LAT_U32 src_image;   // stride of images
    LAT_I32 off_y;
    LAT_I32 off_x;
    LAT_U32 w_m;         // strides of the weight: of destination channels
    LAT_U32 w_q;         // of source channels
    LAT_U32 w_ty;        // of taps
    LAT_U32 w_tx;
    LAT_U32 w_base;      // its first tap
    LAT_U32 w_group;
    LAT_U32 dst_plane;   // strides of the destination: of channels
    LAT_U32 dst_image;
    LAT_U32 dst_y;       // of positions
    LAT_U32 dst_x;
    LAT_U32 dst_base;    // of the first position
    LAT_U32 area;        // positions of an image
    LAT_U32 area_magic;
    LAT_U32 area_shift;
    LAT_U32 pw;          // of a row
    LAT_U32 pw_magic;
    LAT_U32 pw_shift;
    LAT_U32 tiles_m;
    LAT_U32 tiles_n;
    LAT_U32 n_groups;    // of channels
    LAT_U32 k_part;      // of k, per split of the weight gradient
LAT_PUSH_END

#endif
