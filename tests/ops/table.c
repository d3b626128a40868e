// SPDX-License-Identifier: MIT
//
// The test table: one ot_op per row of lib/ops/ops.def. A missing one does not link.

#include "ops/optest.h"

#define LAT_OP(name, kind) extern const struct ot_op ot_op_##name;
#include "ops/ops.def"
#undef LAT_OP

const struct ot_op *const ot_ops[] = {
#define LAT_OP(name, kind) &ot_op_##name,
#include "ops/ops.def"
#undef LAT_OP
    NULL,
};
