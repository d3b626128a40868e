// SPDX-License-Identifier: MIT
#ifndef LAT_CONV_CPU_ABI_H
#define LAT_CONV_CPU_ABI_H
#include "common/abi.h"

// Names as in conv.abi.h. The source has the zeros around it in memory, and a plane of its own for
// each remainder that a row or column leaves when divided by the step: so what a tap sees of
// neighbouring positions lies side by side.
LAT_PUSH_BEGIN(conv_cpu_push)
    LAT_U32 m;
    LAT_U32 n;            // positions of an image: rows of src_row, the last one of pw
    LAT_U32 k;
    LAT_U32 a_offset;     // elements from the start of the binding
    LAT_U32 src_offset;
    LAT_U32 out_offset;
    LAT_U32 src_image;
    LAT_U32 src_channel;
    LAT_U32 src_row;
    LAT_U32 src_phase_y;  // from plane to plane
    LAT_U32 src_phase_x;
    LAT_I32 src_base;     // position 0, tap 0
    LAT_U32 w_m;
    LAT_U32 w_q;
    LAT_U32 w_ty;
    LAT_U32 w_tx;
    LAT_U32 w_base;
    LAT_U32 w_group;
    LAT_U32 dst_plane;
    LAT_U32 dst_image;
    LAT_U32 dst_y;
    LAT_U32 dst_x;
    LAT_U32 dst_base;
    LAT_U32 pw;
    LAT_U32 tiles_n;
    LAT_U32 n_groups;
    LAT_U32 n_images;
    LAT_U32 a_address0;
    LAT_U32 a_address1;
    LAT_U32 src_address0;
    LAT_U32 src_address1;
LAT_PUSH_END

#endif
