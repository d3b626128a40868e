// SPDX-License-Identifier: MIT
//
// Products with embeddings of distances, [rows, n, n_distances], beside scores [rows, n_queries, n_keys]: of
// query t and key s the column is t + n_keys - 1 - s. A row is a head of a sequence.
#ifndef LAT_RELATIVE_SCORES_ABI_H
#define LAT_RELATIVE_SCORES_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(relative_scores_push)
    LAT_U32 n_rows;          // of this dispatch
    LAT_U32 n_queries;
    LAT_U32 n_keys;
    LAT_U32 n_distances;     // n_queries + n_keys - 1
    LAT_U32 groups_per_row;
    LAT_U32 of_keys;         // forward: keys have products too; backward: the gradient is that of theirs
    LAT_F32 scale;
LAT_PUSH_END

#endif
