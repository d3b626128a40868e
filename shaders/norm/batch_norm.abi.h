// SPDX-License-Identifier: MIT
#ifndef LAT_BATCH_NORM_ABI_H
#define LAT_BATCH_NORM_ABI_H
#include "common/abi.h"

// Options, a specialisation constant of the kernels that walk over elements.
#define LAT_BATCH_NORM_RELU 1
#define LAT_BATCH_NORM_RESIDUAL 2      // forward: add it; backward: its gradient is wanted
#define LAT_BATCH_NORM_DX 4
#define LAT_BATCH_NORM_ADD_DX 8
#define LAT_BATCH_NORM_ADD_RESIDUAL 16

// In the push block, for the kernels that have a channel per workgroup.
#define LAT_BATCH_NORM_BATCH 1         // statistics of the batch, not the running ones
#define LAT_BATCH_NORM_WEIGHT 2
#define LAT_BATCH_NORM_BIAS 4
#define LAT_BATCH_NORM_UPDATE 8        // of the running statistics
#define LAT_BATCH_NORM_COUNT 16        // of batches
#define LAT_BATCH_NORM_ADD_WEIGHT 32
#define LAT_BATCH_NORM_ADD_BIAS 64

// Columns of the tables, a row per channel.
#define LAT_BATCH_NORM_COLUMNS 4
#define LAT_BATCH_NORM_MEAN 0   // forward: y = (x - MEAN) SCALE + SHIFT
#define LAT_BATCH_NORM_SCALE 1
#define LAT_BATCH_NORM_SHIFT 2
#define LAT_BATCH_NORM_RSTD 3
#define LAT_BATCH_NORM_SLOPE 2  // backward: dx = g SCALE - (x - MEAN) SLOPE - LEVEL
#define LAT_BATCH_NORM_LEVEL 3

#define LAT_BATCH_NORM_QUADS 2  // of an invocation that walks over elements

// x is [n_images, channels, plane]. Sums are made of chunks: images_per_block images, or one of parts
// of one image, of one channel.
LAT_PUSH_BEGIN(batch_norm_push)
    LAT_U32 n;     // blocks of images, elements or planes of this dispatch
    LAT_U32 row0;  // number of the first one
    LAT_U32 n_images;
    LAT_U32 channels;
    LAT_U32 plane;
    LAT_U32 images_per_block;
    LAT_U32 parts;
    LAT_U32 part_length;
    LAT_U32 n_blocks;  // in all
    LAT_U32 plane_magic;  // divides by plane, or by part_length where there are parts
    LAT_U32 plane_shift;
    LAT_U32 channels_magic;
    LAT_U32 channels_shift;
    LAT_U32 flags;
    LAT_F32 eps;
    LAT_F32 momentum;
    LAT_U32 x_address[2];  // cpu strategy
    LAT_U32 y_address[2];
    LAT_U32 dy_address[2];
    LAT_U32 table_address[2];
LAT_PUSH_END

#endif
