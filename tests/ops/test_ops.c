// SPDX-License-Identifier: MIT
//
// The op table as tests: ops.<name>_check and ops.<name>_grad for every row of lib/ops/ops.def.
// `lattn-bench check` and `lattn-bench grad` run the same.

#include "harness/harness.h"
#include "ops/optest.h"

static void done(void *user, const struct ot_result *result)
{
    int *skipped = user;
    if (result->verdict == OT_FAILED)
        lt_fail(__FILE__, __LINE__, "%s", result->text);
    else if (result->verdict == OT_SKIPPED)
        ++*skipped;
}

static void run(lattn_ctx *ctx, enum ot_mode mode, const struct ot_op *op)
{
    int skipped = 0;
    struct ot_options options = {
        .dtype = -1,
        .strategy = -1,
        .all_types = getenv("LATTN_TEST_ALL_TYPES") != NULL,
        .done = done,
        .user = &skipped,
    };
    ot_run_op(ctx, mode, op, &options);
    // Only a device with clamped limits, or one that does not store small types, may refuse a case.
    const lattn_device_info *device = lattn_ctx_device(ctx);
    if (skipped && !getenv("LATTN_LIMITS") && device->storage_f16 && device->storage_u8)
        lt_fail(__FILE__, __LINE__, "%s: %d cases were refused as unsupported", op->name, skipped);
}

// clang-format off
#define LAT_OP(name, kind)                                                           \
    extern const struct ot_op ot_op_##name;                                          \
    GPU_TEST(ops, name##_check) { run(ctx, OT_CHECK, &ot_op_##name); }               \
    GPU_TEST(ops, name##_grad) { run(ctx, OT_GRAD, &ot_op_##name); }
// clang-format on
#include "ops/ops.def"
