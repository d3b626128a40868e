// SPDX-License-Identifier: MIT
//
// The test table: one ot_op per row of lib/ops/ops.def. A missing one does not link.

#include "ops/optest.h"

#ifndef OT_TABLE
#define OT_TABLE "ops/ops.def"
#endif

#define LAT_OP(name, kind) extern const struct ot_op ot_op_##name;
#include OT_TABLE
#undef LAT_OP

const struct ot_op *const ot_ops[] = {
#define LAT_OP(name, kind) &ot_op_##name,
#include OT_TABLE
#undef LAT_OP
    NULL,
};
