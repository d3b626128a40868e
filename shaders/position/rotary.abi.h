// SPDX-License-Identifier: MIT
//
// x and y are [n_rows, n_heads, n_dims]; a row is one token.
#ifndef LAT_ROTARY_ABI_H
#define LAT_ROTARY_ABI_H
#include "common/abi.h"

// flags
#define LAT_ROTARY_INTERLEAVED 1u  // pairs are neighbours, else n_turned / 2 apart
#define LAT_ROTARY_BACK 2u         // turns back: backward
#define LAT_ROTARY_ADD 4u          // adds to y
#define LAT_ROTARY_PLACES 8u       // places are given; else they count from 0 in each sequence

LAT_PUSH_BEGIN(rotary_push)
    LAT_U32 n_rows;        // of this dispatch
    LAT_U32 row0;          // number of its first row
    LAT_U32 n_tokens;      // of a sequence
    LAT_U32 n_heads;
    LAT_U32 n_dims;
    LAT_U32 n_turned;      // the first so many elements of a head turn, in pairs
    LAT_U32 n_places;      // rows of the table, [n_places, n_turned]: cosines, then sines
    LAT_U32 per_row;       // invocations: heads * (n_dims - n_turned / 2)
    LAT_U32 row_magic;     // of a division by per_row
    LAT_U32 row_shift;
    LAT_U32 head_magic;    // of a division by n_dims - n_turned / 2
    LAT_U32 head_shift;
    LAT_U32 flags;
LAT_PUSH_END

#endif
