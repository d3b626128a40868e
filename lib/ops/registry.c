// SPDX-License-Identifier: MIT
//
// The op table, made from ops.def.

#include "ops/internal.h"

#define LAT_OP(name, kind) extern const struct lat_op lat_op_##name;
#include "ops/ops.def"
#undef LAT_OP

const struct lat_op_row lat_op_table[] = {
#define LAT_OP(name, kind) { #name, #kind, &lat_op_##name },
#include "ops/ops.def"
#undef LAT_OP
};

const int lat_op_count = (int) LAT_COUNT(lat_op_table);
